//! Readings that every search makes, done on the thread that asks.
//!
//! sqlx gives each statement to a thread of its connection, which hands back the rows: the changes
//! of threads took longer than the reading, and much longer on a machine that is busy. What a
//! search reads of its store and its hits is little and nearly always in memory, so it is read
//! here without any. All else goes through sqlx.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_kernel::{Result, ResultExt as _, in_place};
use rusqlite::{Connection, OpenFlags};

/// Connections that are kept while nobody reads.
const KEPT: usize = 8;

/// How long a reading waits where the database is locked, as it is for moments of its opening and
/// closing only.
const WAIT: Duration = Duration::from_secs(10);

/// Connections that only read, made as they are needed.
pub(super) struct Direct {
    file: PathBuf,
    /// Those nobody uses; `None` once they are closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Direct {
    /// Connections to the database at `file`.
    pub(super) fn new(file: &Path) -> Arc<Self> {
        Arc::new(Self { file: file.to_owned(), idle: Mutex::new(Some(Vec::new())) })
    }

    /// What `work` reads; `what` names it in the error.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let here = Arc::clone(self);
        in_place(move || here.read_now(work)).await?.or_internal(what)
    }

    fn read_now<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let kept = self.idle().as_mut().and_then(Vec::pop);
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect()?,
        };
        // One that failed is not used again.
        let read = work(&connection)?;
        if let Some(idle) = self.idle().as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(connection);
        }
        Ok(read)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(WAIT)?;
        Ok(connection)
    }

    /// Closes the connections; one that is in use is closed after that.
    pub(super) fn close(&self) {
        *self.idle() = None;
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("file", &self.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database of one number, which counts how often it is read.
    fn numbers(dir: &tempfile::TempDir) -> Arc<Direct> {
        let file = dir.path().join("numbers.db");
        let made = Connection::open(&file).unwrap();
        made.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE n (n INTEGER); INSERT INTO n VALUES (7)",
        )
        .unwrap();
        Direct::new(&file)
    }

    fn number(connection: &Connection) -> rusqlite::Result<i64> {
        connection.prepare_cached("SELECT n FROM n")?.query_row([], |row| row.get(0))
    }

    fn kept(direct: &Direct) -> Option<usize> {
        direct.idle().as_ref().map(Vec::len)
    }

    #[tokio::test]
    async fn a_connection_is_used_again_unless_it_failed() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let direct = numbers(&dir);
        assert_eq!(direct.read("reading", number).await?, 7);
        assert_eq!(direct.read("reading", number).await?, 7);
        assert_eq!(kept(&direct), Some(1));
        let refused = direct.read("writing", |c| c.execute("DELETE FROM n", [])).await;
        assert!(refused.is_err(), "it only reads");
        assert_eq!(kept(&direct), Some(0));
        assert_eq!(direct.read("reading", number).await?, 7);
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reading_sees_what_was_committed_before_it() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let direct = numbers(&dir);
        let writer = Connection::open(dir.path().join("numbers.db")).or_internal("opening")?;
        for n in 0..20 {
            writer.execute("UPDATE n SET n = ?1", [n]).or_internal("writing")?;
            assert_eq!(direct.read("reading", number).await?, n);
        }
        Ok(())
    }

    #[tokio::test]
    async fn nothing_is_kept_once_it_is_closed() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let direct = numbers(&dir);
        direct.read("reading", number).await?;
        direct.close();
        assert_eq!(kept(&direct), None);
        // Who is late still reads.
        assert_eq!(direct.read("reading", number).await?, 7);
        assert_eq!(kept(&direct), None);
        Ok(())
    }
}
