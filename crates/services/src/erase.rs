//! Deleting for good: files, vector stores, tenants.
//!
//! The call that deletes commits one transaction: the rows go, what was answered from them
//! is scrubbed, and the delete is noted. From then on nothing is answered from it. The
//! bytes follow by [`Erase::purge`], which takes points out of the indexes and writes
//! those anew, removes blobs and folders, and writes the record store anew; then the
//! certificate is signed. A crash in between costs nothing: what is still to go is listed
//! in the records.

mod deep;
mod scrub;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_guard::Signer;
use cairn_kernel::{Id, Kind, Result, ResultExt, Role, Scope, Shutdown};
use cairn_store::records::{ErasureRow, ItemRow, NewErasure, ResponseRow, TenantRow};
use cairn_store::{Blobs, Page, Records, Tx};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::accounts::{scope_of_deleter, scope_of_program};
use crate::answer::Provenance;
use crate::projection::Projection;
use crate::usage::Usage;
use deep::Deep;
use scrub::Gone;

/// How often the upkeep looks without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The reasons of certificates: somebody asked for the delete, or the file's own time was over.
pub(crate) const REQUESTED: &str = "requested";
const EXPIRED: &str = "expired";
/// How long answers are remembered for retries.
pub(crate) const REMEMBERED_MS: i64 = 86_400_000;
/// Expired things deleted in one round.
const EXPIRED_BATCH: i64 = 100;
/// How long the delete of a store deletes the files of its sources, before the upkeep goes on.
const FILES_WAIT: Duration = Duration::from_secs(20);

/// What a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Points of indexes.
    pub points: usize,
    /// Blobs.
    pub blobs: usize,
    /// Whole indexes.
    pub indexes: usize,
    /// Certificates that were signed.
    pub certificates: usize,
}

/// A vector store that was deleted.
#[derive(Clone, Debug)]
pub struct StoreErased {
    /// The delete.
    pub erasure: ErasureRow,
    /// Files that its sources had brought and that are deleted with it.
    pub files_deleted: usize,
    /// Files that its sources had brought and that remain.
    pub files_left: usize,
}

/// What [`Erase`] works on.
pub(crate) struct Parts {
    pub(crate) records: Records,
    pub(crate) blobs: Blobs,
    pub(crate) projection: Projection,
    pub(crate) usage: Usage,
    pub(crate) signer: Signer,
    /// The folder with a folder of snapshots for each tenant.
    pub(crate) tables: PathBuf,
}

/// Deletes, and proves it. Clones share everything.
#[derive(Clone)]
pub struct Erase {
    parts: Arc<Parts>,
    purging: Arc<Mutex<()>>,
}

impl Erase {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), purging: Arc::default() }
    }

    /// Deletes a file everywhere: from this moment no search, answer, stored response or
    /// conversation returns a word of it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn file(&self, scope: &Scope, id: &Id) -> Result<ErasureRow> {
        scope.require(Role::Editor)?;
        self.erase_file(scope, id, REQUESTED).await
    }

    async fn erase_file(&self, scope: &Scope, id: &Id, reason: &'static str) -> Result<ErasureRow> {
        let mut tx = self.parts.records.begin().await?;
        let erased = self.file_within(&mut tx, scope, id, reason).await?;
        tx.commit().await.or_internal("deleting a file")?;
        tracing::info!(file = %id, erasure = erased.id, reason, "file deleted");
        self.wake();
        Ok(erased)
    }

    /// Deletes a file everywhere within a transaction. Call [`Erase::wake`] after its commit.
    ///
    /// # Errors
    /// `NotFound`, before anything was changed.
    pub(crate) async fn file_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
        reason: &'static str,
    ) -> Result<ErasureRow> {
        let records = &self.parts.records;
        let (sha256, bytes) = records.file_facts(tx, scope, id).await?;
        let rows = records.responses_resting_on(tx, scope, id).await?;
        let (responses, given) = self.scrub_responses(tx, scope, rows, (id, Gone::File)).await?;
        let rows = records.items_resting_on(tx, scope, id).await?;
        let items = self.scrub_items(tx, rows, (id, &given)).await?;
        let gone = records.delete_file(tx, scope, id).await?;
        records.forget_naming(tx, scope, id).await?;
        let destroyed = json!({
            "sha256": sha256,
            "bytes": bytes,
            "removed": counts(&gone),
            "scrubbed": {"responses": responses, "conversation_items": items},
        });
        self.note(tx, scope, "file", id, (reason, &destroyed)).await
    }

    /// Tells the upkeep that there is something to remove.
    pub(crate) fn wake(&self) {
        self.parts.projection.wake();
    }

    /// Deletes a vector store with its sources. Its files remain; what was quoted of them through
    /// it goes from stored responses and conversations, unless another store that was asked with
    /// it still has the file. With `source_files` those files are deleted too that its sources
    /// had brought and that no other store has: nobody sees them once this returns, each gets a
    /// certificate of its own, and of very many the last ones are deleted afterwards. So are those
    /// of a source that is being removed with its files.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn store(&self, scope: &Scope, id: &Id, source_files: bool) -> Result<StoreErased> {
        scope.require(Role::Editor)?;
        let records = &self.parts.records;
        let mut tx = records.begin().await?;
        let brought = records.files_brought_into(&mut tx, scope, id).await?;
        let files: Vec<Id> = brought
            .iter()
            .filter(|(_, elsewhere, removing)| (source_files && *elsewhere == 0) || *removing != 0)
            .map(|(file, ..)| Id::from_raw(file.as_str()))
            .collect();
        let gone = records.delete_store(&mut tx, scope, id).await?;
        let (responses, items) = self.scrub_found_through(&mut tx, scope, id).await?;
        for file in &files {
            records.expire_file(&mut tx, scope, file.as_str()).await?;
        }
        records.forget_naming(&mut tx, scope, id).await?;
        let destroyed = json!({
            "removed": counts(&gone),
            "scrubbed": {"responses": responses, "conversation_items": items},
        });
        let erasure =
            self.note(&mut tx, scope, "vector_store", id, (REQUESTED, &destroyed)).await?;
        tx.commit().await.or_internal("deleting a vector store")?;
        tracing::info!(store = %id, erasure = erasure.id, files = files.len(), "vector store deleted");
        self.parts.projection.wake();
        let files_left = brought.len() - files.len();
        let erased = StoreErased { erasure, files_deleted: files.len(), files_left };
        self.finish_files(scope, files).await;
        Ok(erased)
    }

    /// Deletes files whose time is over, for a while; the upkeep deletes the others.
    async fn finish_files(&self, scope: &Scope, files: Vec<Id>) {
        let deadline = Instant::now() + FILES_WAIT;
        for file in files {
            if Instant::now() >= deadline {
                return;
            }
            match self.erase_file(scope, &file, REQUESTED).await {
                Err(error) if error.kind() != Kind::NotFound => {
                    // The store is gone, and so are its files for everybody.
                    tracing::warn!(%file, error = %error.detail(), "the upkeep deletes this file");
                    return;
                }
                _ => {}
            }
        }
    }

    /// Deletes a tenant with everything that is its own, keys included.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin, `NotFound`, `Conflict` for the caller's
    /// own tenant.
    pub async fn tenant(&self, scope: &Scope, id_or_name: &str) -> Result<ErasureRow> {
        let records = &self.parts.records;
        let tenant = Id::from_raw(records.find_tenant(scope, id_or_name).await?.id);
        // What is still in the journal would come back into the ledger.
        self.parts.usage.fold().await?;
        let mut tx = records.begin().await?;
        let gone = records.delete_tenant(&mut tx, scope, &tenant).await?;
        let destroyed = json!({"removed": counts(&gone)});
        let new = NewErasure {
            kind: "tenant",
            subject: tenant.to_string(),
            reason: REQUESTED,
            destroyed: destroyed.to_string(),
        };
        let erased = records.insert_erasure(&mut tx, scope, &tenant, &new).await?;
        tx.commit().await.or_internal("deleting a tenant")?;
        tracing::info!(tenant = %tenant, erasure = erased.id, "tenant deleted");
        self.parts.projection.wake();
        Ok(erased)
    }

    /// Every tenant, by name.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin.
    pub async fn tenants(&self, scope: &Scope) -> Result<Vec<TenantRow>> {
        self.parts.records.list_tenants(scope).await
    }

    async fn note(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        kind: &'static str,
        subject: &Id,
        (reason, destroyed): (&'static str, &Value),
    ) -> Result<ErasureRow> {
        let new = NewErasure {
            kind,
            subject: subject.to_string(),
            reason,
            destroyed: destroyed.to_string(),
        };
        self.parts.records.insert_erasure(tx, scope, scope.tenant(), &new).await
    }

    /// Takes what was quoted through a store that is gone out of the answers. Returns the ids
    /// of the stored responses and of the conversation items.
    async fn scrub_found_through(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
    ) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
        let records = &self.parts.records;
        let (mut responses, mut items) = (BTreeSet::new(), BTreeSet::new());
        for file in records.files_found_through(tx, store).await? {
            let file = Id::from_raw(file);
            // Each file anew, for what rests on two of them is scrubbed of both.
            let rows = records.responses_found_through(tx, scope, (store, &file)).await?;
            let of = (&file, Gone::Store);
            let (scrubbed, given) = self.scrub_responses(tx, scope, rows, of).await?;
            responses.extend(scrubbed);
            let rows = records.items_found_through(tx, scope, (store, &file)).await?;
            items.extend(self.scrub_items(tx, rows, (&file, &given)).await?);
        }
        records.forget_asked(tx, store).await?;
        Ok((responses, items))
    }

    /// Takes the words of a file out of stored responses. Returns their ids, and what the schemas
    /// say that they were to keep to.
    async fn scrub_responses(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        rows: Vec<ResponseRow>,
        (file, gone): (&Id, Gone),
    ) -> Result<(Vec<String>, HashSet<String>)> {
        let (mut scrubbed, mut schemas) = (Vec::new(), HashSet::new());
        for mut row in rows {
            let mut body = parse(&row.body)?;
            let given = scrub::given(&body);
            scrub::response(&mut body, file.as_str(), &given);
            let mut input = parse(&row.input)?;
            scrub::items(Some(&mut input), file.as_str(), &given);
            schemas.extend(given);
            (row.body, row.input) = (body.to_string(), input.to_string());
            "[]".clone_into(&mut row.pieces);
            self.parts.records.rewrite_response(tx, &row, file).await?;
            self.scrub_provenance(tx, scope, &row.id, (file, gone)).await?;
            scrubbed.push(row.id);
        }
        Ok((scrubbed, schemas))
    }

    async fn scrub_provenance(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        response: &str,
        (file, gone): (&Id, Gone),
    ) -> Result<()> {
        let records = &self.parts.records;
        let Some(kept) = records.provenance_within(tx, scope, response).await? else {
            return Ok(());
        };
        let mut provenance: Provenance =
            serde_json::from_str(&kept).or_internal("reading a provenance")?;
        scrub::provenance(&mut provenance, file.as_str(), gone);
        let scrubbed = serde_json::to_string(&provenance).or_internal("writing a provenance")?;
        records.put_provenance(tx, scope, response, &scrubbed).await
    }

    /// Takes the words of a file out of conversation items, whose answers in JSON have the keys
    /// that were `given` from their callers. Returns their ids.
    async fn scrub_items(
        &self,
        tx: &mut Tx,
        rows: Vec<ItemRow>,
        (file, given): (&Id, &HashSet<String>),
    ) -> Result<Vec<String>> {
        let mut scrubbed = Vec::new();
        for mut row in rows {
            let mut body = parse(&row.body)?;
            scrub::item(&mut body, file.as_str(), given);
            row.body = body.to_string();
            self.parts.records.rewrite_item(tx, &row, file).await?;
            scrubbed.push(row.id);
        }
        Ok(scrubbed)
    }

    /// The deletes of the caller's tenant, of every tenant for an admin.
    ///
    /// # Errors
    /// `Forbidden` for viewers.
    pub async fn list(&self, scope: &Scope, page: &Page) -> Result<Vec<ErasureRow>> {
        self.parts.records.list_erasures(scope, page).await
    }

    /// One delete, with its certificate once there is one.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<ErasureRow> {
        self.parts.records.erasure(scope, id).await
    }

    /// The key that certificates are checked with, hex.
    pub fn public_key(&self) -> String {
        self.parts.signer.public_key()
    }

    /// Finishes pending physical deletes and signs their certificates. The upkeep does so by
    /// itself from time to time; a call does not wait for that.
    ///
    /// # Errors
    /// `Unavailable` when an index refuses or the record store is read without a pause;
    /// what was not removed stays listed.
    pub async fn purge(&self) -> Result<Purged> {
        let _one_at_a_time = self.purging.lock().await;
        let records = &self.parts.records;
        // Those that come while this runs wait for the next time.
        let pending = records.pending_erasures().await?;
        let mut purged = self.remove().await?;
        for (store, marks) in records.pending_index_rewrites().await? {
            self.parts.projection.rewrite(&store).await?;
            records.index_rewritten(&store, marks).await?;
        }
        records.compact().await?;
        for erasure in pending {
            self.certify(&erasure).await?;
            purged.certificates += 1;
        }
        Ok(purged)
    }

    /// Takes what is listed out of indexes, blobs and folders.
    async fn remove(&self) -> Result<Purged> {
        let Parts { records, blobs, projection, tables, .. } = self.parts.as_ref();
        projection.sweep().await?;
        let (points, blobs_gone) = projection.purge().await?;
        let mut indexes = 0;
        for store in records.pending_index_drops().await? {
            projection.index().drop_store(&store).await?;
            records.index_dropped(&store).await?;
            indexes += 1;
        }
        for tenant in records.pending_tenant_removals().await? {
            blobs.remove_tenant(&tenant).await?;
            remove_folder(tables.join(&tenant)).await?;
            records.tenant_removed(&tenant).await?;
        }
        Ok(Purged { points, blobs: blobs_gone, indexes, certificates: 0 })
    }

    async fn certify(&self, erasure: &ErasureRow) -> Result<()> {
        let now = self.parts.records.clock().now();
        let statement = json!({
            "certificate": "cairn.erasure.v1",
            "id": erasure.id,
            "tenant": erasure.tenant_id,
            "kind": erasure.kind,
            "subject": erasure.subject,
            "requested_by": erasure.principal_id,
            "reason": erasure.reason,
            "requested_at": erasure.requested_at / 1000,
            "completed_at": now / 1000,
            "destroyed": parse(&erasure.destroyed)?,
            "how": {
                "records": "deleted with secure_delete, database written anew, log truncated",
                "indexes": "points deleted, files written anew",
                "blobs": "files removed",
            },
        })
        .to_string();
        let signature = self.parts.signer.sign(statement.as_bytes());
        self.parts.records.complete_erasure(&erasure.id, now, &statement, &signature).await
    }

    /// Removes what is listed and ends what has expired, until a stop.
    pub(crate) async fn upkeep(&self, shutdown: Shutdown) {
        let mut deep = Deep::new();
        loop {
            if let Err(error) = self.round(&mut deep).await {
                tracing::warn!(error = %error.detail(), "pending removals will be tried again");
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = self.parts.projection.woken() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn round(&self, deep: &mut Deep) -> Result<()> {
        self.expire().await?;
        let records = &self.parts.records;
        let replaced_before = deep::replaced_before(records.clock().now());
        if deep.has_rested() && records.erasures_wait(replaced_before).await? {
            let began = Instant::now();
            let purged = self.purge().await;
            deep.done(began);
            return purged.map(|_| ());
        }
        let _one_at_a_time = self.purging.lock().await;
        self.remove().await.map(|_| ())
    }

    /// Ends files, uploads, stores and remembered answers whose time is over.
    async fn expire(&self) -> Result<()> {
        let records = &self.parts.records;
        let files = records.expired_files(EXPIRED_BATCH).await?;
        let more = i64::try_from(files.len()).is_ok_and(|count| count == EXPIRED_BATCH);
        for (tenant, file, deleter) in files {
            let (scope, reason) = match deleter {
                Some(deleter) => (scope_of_deleter(&tenant, &deleter), REQUESTED),
                None => (scope_of_program(&tenant), EXPIRED),
            };
            match self.erase_file(&scope, &Id::from_raw(file), reason).await {
                Err(gone) if gone.kind() == Kind::NotFound => {}
                erased => erased.map(|_| ())?,
            }
        }
        if more {
            self.wake();
        }
        for (tenant, store, file) in records.files_of_expired_stores(EXPIRED_BATCH).await? {
            let scope = scope_of_program(&tenant);
            match records.detach_file(&scope, &Id::from_raw(store), &Id::from_raw(file)).await {
                Err(gone) if gone.kind() == Kind::NotFound => {}
                detached => detached?,
            }
        }
        records.expire_uploads().await?;
        let before = records.clock().now() - REMEMBERED_MS;
        records.forget_remembered(before).await.map(|_| ())
    }
}

fn counts(gone: &[(&'static str, u64)]) -> Value {
    gone.iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| ((*what).to_owned(), json!(count)))
        .collect::<serde_json::Map<String, Value>>()
        .into()
}

fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).or_internal("reading what is kept")
}

async fn remove_folder(folder: PathBuf) -> Result<()> {
    match tokio::fs::remove_dir_all(&folder).await {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(cause).or_internal(&format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}
