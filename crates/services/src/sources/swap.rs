//! A newer version takes the place of the older one, in the transaction that completes it.

use cairn_kernel::{Id, Kind, Result, Scope};
use cairn_store::{Records, Tx};

use super::retry_at;
use crate::erase::Erase;

/// What reading a file means for the item that it is of.
#[derive(Clone)]
pub(crate) struct Swap {
    pub(crate) records: Records,
    pub(crate) erase: Erase,
}

impl Swap {
    /// A file of a store was read: it answers for its item from now on, and what answered
    /// before is deleted. Says whether anything was.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(crate) async fn completed(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file, _): (&Id, &Id, i64),
    ) -> Result<bool> {
        let Some(item) = self.records.item_of_pending(tx, scope, store, file).await? else {
            return Ok(false);
        };
        self.records.promote_item(tx, scope, &item.id, None).await?;
        match item.file_id {
            Some(older) => self.erase(tx, scope, &Id::from_raw(older), "replaced").await,
            None => Ok(false),
        }
    }

    /// A file of a store could not be read. Its item says why; an older version that can be
    /// read goes on answering.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(crate) async fn failed(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file, _): (&Id, &Id, i64),
        (code, message): (&str, &str),
    ) -> Result<()> {
        let Some(item) = self.records.item_of_pending(tx, scope, store, file).await? else {
            return Ok(());
        };
        self.records.count_unreadable(tx, scope, &item.id).await?;
        // The same bytes are read again only where the fault was ours.
        let again = (code == "server_error")
            .then(|| retry_at(self.records.clock().now(), item.attempts))
            .flatten();
        if item.file_status.as_deref() == Some("completed") {
            self.records.keep_older(tx, scope, &item.id, (message, again)).await?;
            self.erase(tx, scope, file, "unreadable").await?;
            return Ok(());
        }
        self.records.promote_item(tx, scope, &item.id, Some((message, again))).await?;
        if let Some(older) = item.file_id {
            self.erase(tx, scope, &Id::from_raw(older), "replaced").await?;
        }
        Ok(())
    }

    async fn erase(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        file: &Id,
        reason: &'static str,
    ) -> Result<bool> {
        match self.erase.file_within(tx, scope, file, reason).await {
            Err(gone) if gone.kind() == Kind::NotFound => Ok(false),
            erased => erased.map(|_| true),
        }
    }
}
