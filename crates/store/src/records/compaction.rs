//! Writing the database anew, and the writers that wait for it meanwhile.
//!
//! `secure_delete` overwrites what is deleted, but when SQLite moves rows between pages, copies
//! of them stay in the free space of pages that it writes again: of some thousand rows that were
//! deleted in a test, of two or three. Only `VACUUM` leaves none. It takes some ten seconds for
//! each gigabyte, and has the one connection that writes.

use std::sync::atomic::{AtomicU64, Ordering};

use cairn_kernel::{Kind, Result, ResultExt};

use super::{BUSY, Records};

/// How often a writer whose turn does not come asks again while the database is written anew.
/// Each time takes the minute that a turn is waited for.
const TRIES: usize = 60;

/// Counts how often writing the database anew has begun and ended: odd while it is under way.
#[derive(Debug, Default)]
pub(super) struct Compaction(AtomicU64);

impl Compaction {
    /// Waits for a turn to write, which `ask` gives up waiting for after some time. Where the
    /// database was written anew in that time, it is asked again.
    pub(super) async fn turn<T, F>(&self, ask: impl Fn() -> F) -> sqlx::Result<T>
    where
        F: Future<Output = sqlx::Result<T>>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let before = self.count();
            match ask().await {
                Err(sqlx::Error::PoolTimedOut)
                    if tries < TRIES && (is_under_way(before) || self.count() != before) => {}
                Ok(turn) => {
                    // Who has the one connection knows that it is over, also where nobody waited
                    // for its end.
                    self.end();
                    return Ok(turn);
                }
                refused => return refused,
            }
        }
    }

    /// The database is written anew from now on, by the one connection that writes.
    fn begin(&self) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
            (!is_under_way(count)).then_some(count + 1)
        });
    }

    fn end(&self) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
            is_under_way(count).then_some(count + 1)
        });
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn is_under_way(count: u64) -> bool {
    count % 2 == 1
}

impl Records {
    /// Writes the database file anew, without anything that was deleted, and empties the
    /// log. Writers wait as long as it takes, readers do not.
    ///
    /// # Errors
    /// `Unavailable` as for [`Records::checkpoint`] and [`Records::begin`], and when the disk is
    /// full.
    pub async fn compact(&self) -> Result<()> {
        self.checkpoint().await?;
        let mut connection = self.write.acquire().await.or_kind(Kind::Unavailable, BUSY)?;
        self.compaction.begin();
        let began = self.clock.now();
        let written = sqlx::query("VACUUM").execute(&mut *connection).await;
        // Nobody could renew a lease meanwhile.
        let prolonged =
            sqlx::query("UPDATE jobs SET lease_until = lease_until + $1 WHERE status = 'running'")
                .bind(self.clock.now() - began)
                .execute(&mut *connection)
                .await;
        self.compaction.end();
        drop(connection);
        written.or_internal("writing the record store anew")?;
        prolonged.or_internal("prolonging leases")?;
        self.checkpoint().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Asks for turns of which those before the `last` do not come.
    async fn asked(
        compaction: &Compaction,
        last: usize,
        between: impl Fn(),
    ) -> (sqlx::Result<()>, usize) {
        let asked = AtomicUsize::new(0);
        let turn = compaction.turn(|| {
            let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
            between();
            std::future::ready(match number < last {
                true => Err(sqlx::Error::PoolTimedOut),
                false => Ok(()),
            })
        });
        (turn.await, asked.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn a_writer_gives_up_when_nothing_is_written_anew() {
        let (turn, asked) = asked(&Compaction::default(), 2, || {}).await;
        assert!(matches!(turn, Err(sqlx::Error::PoolTimedOut)));
        assert_eq!(asked, 1);
    }

    #[tokio::test]
    async fn a_writer_waits_while_the_database_is_written_anew() {
        let compaction = Compaction::default();
        compaction.begin();
        let (turn, count) = asked(&compaction, 4, || {}).await;
        assert!(turn.is_ok() && count == 4, "{count}");
        assert!(!is_under_way(compaction.count()), "a turn came, so it is over");
        // It came in between.
        let passing = || {
            compaction.begin();
            compaction.end();
        };
        let (turn, count) = asked(&compaction, 3, passing).await;
        assert!(turn.is_ok() && count == 3, "{count}");
        compaction.begin();
        let (turn, count) = asked(&compaction, usize::MAX, || {}).await;
        assert!(turn.is_err() && count == TRIES, "it does not wait for ever: {count}");
    }
}
