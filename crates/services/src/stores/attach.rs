//! Attaching files to a store, one by one and in batches.
//!
//! A file that is attached already gets what is sent with it: other attributes at once, another
//! way of cutting by being read again as a new revision, which is not searched until it is whole.
//! What is absent stays, and the same again changes nothing, so that a client may repeat itself.

use cairn_kernel::{Id, Result, ResultExt, Role, Scope};
use cairn_store::Tx;
use cairn_store::records::{Attachment, Recut, StoreFileRow};

use super::{Batch, NewAttachment, VectorStores, attributes_text, require_alive, split};
use crate::chunking::{self, Chunking};
use crate::sources::carry;
use crate::{ingest, refresh};

/// What of an attachment the indexes are still to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// It got an access list.
    access: bool,
    /// A file that was there already got other attributes.
    attributes: bool,
}

impl VectorStores {
    /// Attaches a file and enqueues its reading, in one transaction.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn attach(
        &self,
        scope: &Scope,
        store: &Id,
        file: &NewAttachment,
    ) -> Result<StoreFileRow> {
        scope.require(Role::Editor)?;
        self.attach_all(scope, store, None, std::slice::from_ref(file)).await?;
        self.records.store_file(scope, store, &file.file).await
    }

    /// Attaches many files as one batch.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn create_batch(
        &self,
        scope: &Scope,
        store: &Id,
        files: &[NewAttachment],
    ) -> Result<Batch> {
        scope.require(Role::Editor)?;
        let id = Id::generate("vsfb_");
        self.attach_all(scope, store, Some(&id), files).await?;
        self.batch(scope, store, &id).await
    }

    pub(super) async fn attach_all(
        &self,
        scope: &Scope,
        store: &Id,
        batch: Option<&Id>,
        files: &[NewAttachment],
    ) -> Result<()> {
        require_alive(&self.records.store(scope, store).await?, self.records.clock().now())?;
        let mut tx = self.records.begin().await?;
        if let Some(batch) = batch {
            self.records.insert_batch(&mut tx, scope, store, batch).await?;
        }
        let mut changed = Vec::new();
        for file in files {
            let told = self.attach_within(&mut tx, scope, store, batch, file).await?;
            if told != Told::default() {
                changed.push((&file.file, told));
            }
        }
        tx.commit().await.or_internal("attaching files")?;
        self.queue.wake();
        for (file, told) in changed {
            match told.access {
                true => self.access.project(scope, file).await?,
                false => self.projection.push_file(scope, store, file).await?,
            }
        }
        self.touch(scope, store).await
    }

    /// Attaches a file and enqueues its reading, within a transaction; says what is to be told the
    /// indexes after the commit, when the queue is to be woken too.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub(crate) async fn attach_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        batch: Option<&Id>,
        file: &NewAttachment,
    ) -> Result<Told> {
        // No generation becomes another one while this transaction writes.
        let default = self.records.active_generation(scope, store).await?.chunking;
        let held = self.records.attachment(tx, scope, store, &file.file).await?;
        let cut = match (file.chunking, &held) {
            (None, Some(held)) => Recut {
                chunk_tokens: held.chunk_tokens,
                overlap_tokens: held.overlap_tokens,
                chunking: held.chunking.clone(),
            },
            (asked, _) => {
                let asked = asked.unwrap_or(Chunking::Store);
                chunking::row_of(&asked.in_store(default.as_deref())?)?
            }
        };
        let mut wanted = Attachment {
            file: file.file.clone(),
            batch: batch.cloned(),
            attributes: held
                .as_ref()
                .map_or_else(|| "{}".to_owned(), |held| held.attributes.clone()),
            chunk_tokens: cut.chunk_tokens,
            overlap_tokens: cut.overlap_tokens,
            chunking: cut.chunking,
        };
        let mut told = Told::default();
        let mut given = None;
        if let Some(attributes) = &file.attributes {
            let (attributes, access) = split(attributes)?;
            if let Some(access) = &access {
                self.access.set_within(tx, scope, &file.file, access).await?;
                told.access = true;
            }
            wanted.attributes = attributes_text(&attributes)?;
            told.attributes = match &held {
                Some(held) => carry::read(&held.attributes)? != attributes,
                None => false,
            };
            given = Some(attributes);
        }
        let revision = self.records.attach_file(tx, scope, store, &wanted).await?;
        if let Some(given) = given.filter(|_| told.attributes) {
            self.records.set_attributes(tx, scope, store, &file.file, &wanted.attributes).await?;
            refresh::enqueue(&self.queue, tx, scope, &file.file).await?;
            self.set_of_newer(tx, scope, (store, &file.file), &given).await?;
        }
        if let Some(revision) = revision {
            let work = ingest::Work { store: store.clone(), file: file.file.clone(), revision };
            ingest::enqueue(&self.queue, tx, scope, &work).await?;
        }
        Ok(told)
    }

    /// A batch with its files by state.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn batch(&self, scope: &Scope, store: &Id, id: &Id) -> Result<Batch> {
        let created_at = self.records.batch_created_at(scope, store, id).await?;
        let counts = self.records.batch_counts(scope, id).await?;
        Ok(Batch { id: id.clone(), created_at, counts })
    }

    /// Cancels what a batch has not read yet.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn cancel_batch(&self, scope: &Scope, store: &Id, id: &Id) -> Result<Batch> {
        scope.require(Role::Editor)?;
        self.records.batch_created_at(scope, store, id).await?;
        self.records.cancel_batch(scope, store, id).await?;
        self.batch(scope, store, id).await
    }
}
