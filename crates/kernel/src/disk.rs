//! Failures to write to the disk: a full one is nobody's fault but the machine's, and is told.

use std::error::Error as Cause;
use std::io;

use crate::{Error, Kind};

/// What SQLite says, by whatever it is spoken to, when there is no room for a page (`SQLITE_FULL`).
const DATABASE_FULL: &str = "database or disk is full";
/// The code of the error for a disk without space.
pub const DISK_FULL: &str = "disk_full";

/// Why `what` (say, "writing a blob") failed: `Unavailable` with the remedy when the disk is full
/// or a quota of the file system is used up, else `Internal`.
pub fn unwritten(what: &str, cause: impl Into<Box<dyn Cause + Send + Sync>>) -> Error {
    let cause = cause.into();
    if !is_full(cause.as_ref()) {
        return Error::internal(what).with_source(cause);
    }
    Error::new(
        Kind::Unavailable,
        "the disk of the server is full; nothing of this was kept: ask its operator to make room \
         in the data folder, and send it again",
    )
    .with_code(DISK_FULL)
    .with_source(cause)
}

/// Whether a failure, or what it came from, is for want of space.
fn is_full(cause: &(dyn Cause + 'static)) -> bool {
    let mut next = Some(cause);
    while let Some(error) = next {
        if error.to_string().contains(DATABASE_FULL) {
            return true;
        }
        if let Some(failed) = error.downcast_ref::<io::Error>() {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            if full.contains(&failed.kind()) {
                return true;
            }
            // What wraps another one does not give it as its source.
            if let Some(inner) =
                failed.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>())
                && full.contains(&inner.kind())
            {
                return true;
            }
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ResultExt as _;

    #[test]
    fn a_full_disk_is_told_however_deep_it_lies() {
        // ENOSPC and EDQUOT.
        for number in [28, 122] {
            let full = || io::Error::from_raw_os_error(number);
            let below = Error::internal("writing a piece").with_source(full());
            for error in [
                unwritten("writing a file", full()),
                unwritten("writing a file", io::Error::other(full())),
                unwritten("writing a file", below),
            ] {
                assert_eq!((error.kind(), error.code()), (Kind::Unavailable, Some(DISK_FULL)));
                assert!(error.message().contains("make room"), "{error}");
            }
        }
        let row = "error returned from database: (code: 13) database or disk is full";
        let row = Err::<(), _>(row).or_internal("adding a row").err();
        assert_eq!(row.and_then(|error| error.code()), Some(DISK_FULL));
        let other = unwritten("writing a file", io::Error::other("the disk is on fire"));
        assert_eq!((other.kind(), other.message()), (Kind::Internal, "writing a file"));
    }
}
