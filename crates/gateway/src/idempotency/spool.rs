//! A form while it is recognised: it lies on the disk, and of it a mebibyte in memory.

use std::path::Path;

use axum::body::Body;
use bytes::BytesMut;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, unwritten};
use cairn_services::idempotency::Print;
use futures::{Stream, StreamExt as _};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_util::io::ReaderStream;

/// What is held in memory, in bytes.
const PIECE: usize = 1 << 20;
/// How much is read again at once, in bytes.
const AGAIN: usize = 256 << 10;

/// A form that has come.
pub(super) enum Spooled {
    /// All of it, and what tells it from others.
    All(Body, String),
    /// It is longer than was allowed: all of it, a part of which has not come yet.
    TooMuch(Body),
}

/// Takes a form of at most `most` bytes in, through a file in `folder` that nobody else sees and
/// that is gone with the body or the process.
///
/// # Errors
/// `Invalid` when it breaks off, `Unavailable` when the disk is full.
pub(super) async fn spool(
    body: Body,
    most: u64,
    folder: &Path,
    mut print: Print,
) -> Result<Spooled> {
    let mut pieces = body.into_data_stream();
    let (mut file, mut held, mut size) = (None, BytesMut::new(), 0_u64);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|cause| {
            Error::new(Kind::Invalid, "the body could not be read").with_source(cause)
        })?;
        size += piece.len() as u64;
        print.update(&piece);
        held.extend_from_slice(&piece);
        if held.len() >= PIECE {
            let file = match &mut file {
                Some(file) => file,
                none => none.insert(open(folder).await?),
            };
            file.write_all(&held).await.map_err(unkept)?;
            held.clear();
        }
        if size > most {
            let begun = again(file, held).await?.into_data_stream();
            return Ok(Spooled::TooMuch(Body::from_stream(begun.chain(pieces))));
        }
    }
    Ok(Spooled::All(again(file, held).await?, print.finish()))
}

async fn open(folder: &Path) -> Result<File> {
    let folder = folder.to_owned();
    let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder));
    made.await.or_internal("waiting for the disk")?.map(File::from_std).map_err(unkept)
}

/// What has come, from its beginning.
async fn again(file: Option<File>, held: BytesMut) -> Result<Body> {
    let Some(mut file) = file else { return Ok(Body::from(held.freeze())) };
    file.flush().await.map_err(unkept)?;
    file.rewind().await.or_internal("reading a request again")?;
    let end = futures::stream::iter([Ok(held.freeze())]);
    let pieces = paced(ReaderStream::with_capacity(file, AGAIN));
    Ok(Body::from_stream(pieces.chain(end)))
}

/// The same pieces with a pause before each: who takes a form apart first takes in all that is
/// ready, however much, and the disk can be ahead for long.
fn paced<S: Stream>(pieces: S) -> impl Stream<Item = S::Item> {
    pieces.then(async |piece| {
        tokio::task::yield_now().await;
        piece
    })
}

fn unkept(cause: std::io::Error) -> Error {
    unwritten("keeping a request until it is recognised", cause)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// Some mebibytes, in pieces that do not divide them.
    fn body(size: usize) -> (Vec<u8>, Body) {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let pieces: Vec<_> =
            bytes.chunks(70_001).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        (bytes, Body::from_stream(futures::stream::iter(pieces)))
    }

    async fn whole(body: Body) -> Vec<u8> {
        axum::body::to_bytes(body, usize::MAX).await.expect("all of it").to_vec()
    }

    #[tokio::test]
    async fn a_form_comes_back_as_it_came_and_leaves_nothing() -> Result<()> {
        let folder = tempfile::tempdir().or_internal("a folder")?;
        let print = || Print::new("POST /v1/files", "XX");
        for size in [0, 1, PIECE - 1, PIECE, 3 * PIECE + 7] {
            let (bytes, came) = body(size);
            let most = size as u64;
            let Spooled::All(again, told) = spool(came, most, folder.path(), print()).await? else {
                panic!("{size} bytes are allowed");
            };
            let mut expected = print();
            expected.update(&bytes);
            assert_eq!(told, expected.finish());
            assert!(whole(again).await == bytes, "{size} bytes");
        }
        for most in [0, 100_000, (2 * PIECE) as u64] {
            let (bytes, came) = body(3 * PIECE + 7);
            let Spooled::TooMuch(again) = spool(came, most, folder.path(), print()).await? else {
                panic!("it is over {most} bytes");
            };
            assert!(whole(again).await == bytes, "over {most} bytes");
        }
        let left = std::fs::read_dir(folder.path()).or_internal("listing")?.count();
        assert_eq!(left, 0);
        Ok(())
    }

    #[tokio::test]
    async fn no_two_pieces_are_ready_at_once() {
        let mut pieces = std::pin::pin!(paced(futures::stream::iter(0..3)));
        for expected in 0..3 {
            assert_eq!(pieces.next().now_or_never(), None);
            assert_eq!(pieces.next().await, Some(expected));
        }
        assert_eq!(pieces.next().await, None);
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_is_refused() {
        let broken = futures::stream::iter([Ok("abc"), Err(std::io::Error::other("cut"))]);
        let folder = std::env::temp_dir();
        let print = Print::new("POST /v1/files", "XX");
        let spooled = spool(Body::from_stream(broken), 10, &folder, print).await;
        assert_eq!(spooled.err().map(|error| error.kind()), Some(Kind::Invalid));
    }
}
