//! What is held of each thing at a source.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Page, Records, Tx, commit, paged};

/// What is held of a thing at a source.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SourceItemRow {
    /// `item_…`
    pub id: String,
    /// What names it at the source.
    pub key: String,
    /// The version of the newest content taken; empty when none was.
    pub version: String,
    /// The version that could not be taken.
    pub failed_version: Option<String>,
    /// A file name.
    pub name: String,
    /// Its size, where it is known.
    pub bytes: Option<i64>,
    /// When it was last changed at the source, seconds since 1970.
    pub modified_at: Option<i64>,
    /// Its attributes, a JSON object.
    pub attributes: String,
    /// SHA-256 of the newest content taken, hex; empty when none was.
    pub sha256: String,
    /// The file that answers.
    pub file_id: Option<String>,
    /// The newer version that is being read.
    pub pending_id: Option<String>,
    /// `ready`, `pending`, `failed`, or `removed` when its file was deleted by somebody.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Failures in a row.
    pub attempts: i64,
    /// When it is worth another try.
    pub retry_at: Option<Timestamp>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When anything of this last changed.
    pub updated_at: Timestamp,
}

/// A version of a document of a source that is being read.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct NewerVersion {
    /// Its file.
    pub file_id: String,
    /// What its source says of it, a JSON object.
    pub attributes: String,
}

/// As much of an item as a scan must know.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct HeldItem {
    /// `item_…`
    pub id: String,
    /// What names it at the source.
    pub key: String,
    /// The version of the newest content taken.
    pub version: String,
    /// The version that could not be taken.
    pub failed_version: Option<String>,
    /// 1 when it failed.
    pub failed: i64,
    /// When it is worth another try.
    pub retry_at: Option<Timestamp>,
}

/// What a source says of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceItemFacts {
    /// What names it at the source.
    pub key: String,
    /// Its version there.
    pub version: String,
    /// A file name.
    pub name: String,
    /// Its size, where it is known.
    pub bytes: Option<i64>,
    /// When it was last changed, seconds since 1970.
    pub modified_at: Option<i64>,
    /// Its attributes, a JSON object.
    pub attributes: String,
}

/// How many items are in a state, and their bytes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SourceItemCount {
    /// As [`SourceItemRow::state`].
    pub state: String,
    /// How many.
    pub items: i64,
    /// Their bytes, as far as known.
    pub bytes: i64,
}

/// The item whose newer version a file is.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PendingItem {
    /// `item_…`
    pub id: String,
    /// The file that answers until then.
    pub file_id: Option<String>,
    /// Failures in a row.
    pub attempts: i64,
    /// How reading the file that answers ended.
    pub file_status: Option<String>,
}

macro_rules! state {
    () => {
        "CASE WHEN error IS NOT NULL THEN 'failed' WHEN pending_id IS NOT NULL THEN 'pending' \
         WHEN file_id IS NULL THEN 'removed' ELSE 'ready' END"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "id, key, version, failed_version, name, bytes, modified_at, attributes, sha256, \
             file_id, pending_id, ",
            state!(),
            " AS state, error, attempts, retry_at, created_at, updated_at"
        )
    };
}

impl Records {
    /// What a scan must know of every item of a source.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn held_items(&self, scope: &Scope, source: &Id) -> Result<Vec<HeldItem>> {
        sqlx::query_as(
            "SELECT id, key, version, failed_version, \
             CASE WHEN error IS NULL THEN 0 ELSE 1 END AS failed, retry_at FROM source_items \
             WHERE tenant_id = $1 AND source_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading what is held of a source")
    }

    /// One item by what names it at its source.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn find_item(
        &self,
        scope: &Scope,
        source: &Id,
        key: &str,
    ) -> Result<Option<SourceItemRow>> {
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM source_items WHERE tenant_id = $1 AND source_id = $2 AND key = $3"
        ))
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .bind(key)
        .fetch_optional(&self.read)
        .await
        .or_internal("reading an item of a source")
    }

    /// The items of a source, of one state if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_items(
        &self,
        scope: &Scope,
        source: &Id,
        state: Option<&str>,
        page: &Page,
    ) -> Result<Vec<SourceItemRow>> {
        let rows = paged!(
            page,
            SourceItemRow,
            "SELECT * FROM (SELECT ",
            columns!(),
            " FROM source_items WHERE tenant_id = $1 AND source_id = $4) AS listed \
             WHERE ($5 = '' OR state = $5)"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(source.as_str())
        .bind(state.unwrap_or(""))
        .fetch_all(&self.read)
        .await
        .or_internal("listing items of a source")?;
        Ok(page.arrange(rows))
    }

    /// The items of a source by state.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn count_items(&self, scope: &Scope, source: &Id) -> Result<Vec<SourceItemCount>> {
        sqlx::query_as(concat!(
            "SELECT state, COUNT(*) AS items, COALESCE(SUM(bytes), 0) AS bytes FROM (SELECT ",
            state!(),
            " AS state, bytes FROM source_items WHERE tenant_id = $1 AND source_id = $2) AS counted \
             GROUP BY state"
        ))
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("counting items of a source")
    }

    /// Failed items of a source that are worth another try now.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn items_to_retry(&self, scope: &Scope, source: &Id) -> Result<Vec<SourceItemRow>> {
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM source_items WHERE tenant_id = $1 AND source_id = $2 AND error IS NOT NULL \
             AND retry_at <= $3 ORDER BY retry_at, id"
        ))
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .bind(self.clock.now())
        .fetch_all(&self.read)
        .await
        .or_internal("looking up items to try again")
    }

    /// How many items of a source are being read now.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn items_being_read(&self, scope: &Scope, source: &Id) -> Result<i64> {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM source_items i WHERE i.tenant_id = $1 AND i.source_id = $2 \
             AND i.pending_id IS NOT NULL AND EXISTS (SELECT 1 FROM store_files sf \
             WHERE sf.file_id = i.pending_id AND sf.status = 'in_progress')",
        )
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .fetch_one(&self.read)
        .await
        .or_internal("counting items being read")
    }

    /// Takes a new version of an item, whose file is there, within the transaction that
    /// attaches it.
    ///
    /// # Errors
    /// `NotFound` when the source is gone, or no run of it is under way.
    pub async fn take_item(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        source: &Id,
        facts: &SourceItemFacts,
        (sha256, file): (&str, &Id),
    ) -> Result<()> {
        let running: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM sources WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        )
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .fetch_one(&mut **tx)
        .await
        .or_internal("looking up a source")?;
        if running == 0 {
            return Err(Error::not_found(format!("a run of source '{source}'")));
        }
        sqlx::query(
            "INSERT INTO source_items (id, tenant_id, source_id, key, version, name, bytes, \
             modified_at, attributes, sha256, pending_id, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) \
             ON CONFLICT (source_id, key) DO UPDATE SET version = excluded.version, \
             failed_version = NULL, name = excluded.name, bytes = excluded.bytes, \
             modified_at = excluded.modified_at, attributes = excluded.attributes, \
             sha256 = excluded.sha256, pending_id = excluded.pending_id, error = NULL, \
             retry_at = NULL, updated_at = excluded.updated_at",
        )
        .bind(Id::generate("item_").as_str())
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .bind(&facts.key)
        .bind(&facts.version)
        .bind(&facts.name)
        .bind(facts.bytes)
        .bind(facts.modified_at)
        .bind(&facts.attributes)
        .bind(sha256)
        .bind(file.as_str())
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("taking an item of a source")?;
        Ok(())
    }

    /// Notes that an item has another version and the same content.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn same_content(
        &self,
        scope: &Scope,
        id: &str,
        facts: &SourceItemFacts,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE source_items SET version = $3, failed_version = NULL, name = $4, \
             modified_at = $5, attributes = $6, error = NULL, attempts = 0, retry_at = NULL, \
             updated_at = $7 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .bind(&facts.version)
        .bind(&facts.name)
        .bind(facts.modified_at)
        .bind(&facts.attributes)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("noting an item's version")?;
        commit(tx).await
    }

    /// Takes an item's error back: it is there again as it is held.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn forgive_item(&self, scope: &Scope, id: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE source_items SET failed_version = NULL, error = NULL, attempts = 0, \
             retry_at = NULL, updated_at = $3 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("taking back an item's error")?;
        commit(tx).await
    }

    /// Notes why an item could not be taken; what is held of it stays. `facts` has an empty
    /// version when the failure is of no version in particular.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the source is gone).
    pub async fn fail_item(
        &self,
        scope: &Scope,
        source: &Id,
        facts: &SourceItemFacts,
        (error, retry_at): (&str, Option<Timestamp>),
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO source_items (id, tenant_id, source_id, key, version, failed_version, \
             name, bytes, modified_at, attributes, sha256, error, attempts, retry_at, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, '', NULLIF($5, ''), $6, $7, $8, $9, '', $10, 1, \
             $11, $12, $12) ON CONFLICT (source_id, key) DO UPDATE SET \
             failed_version = COALESCE(excluded.failed_version, source_items.failed_version), \
             error = excluded.error, attempts = source_items.attempts + 1, retry_at = excluded.retry_at, \
             updated_at = excluded.updated_at",
        )
        .bind(Id::generate("item_").as_str())
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .bind(&facts.key)
        .bind(&facts.version)
        .bind(&facts.name)
        .bind(facts.bytes)
        .bind(facts.modified_at)
        .bind(&facts.attributes)
        .bind(error)
        .bind(retry_at)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("noting an item's failure")?;
        commit(tx).await
    }

    /// Forgets an item, within the transaction that deletes its files.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn delete_source_item(&self, tx: &mut Tx, scope: &Scope, id: &str) -> Result<()> {
        sqlx::query("DELETE FROM source_items WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id)
            .execute(&mut **tx)
            .await
            .or_internal("forgetting an item of a source")?;
        Ok(())
    }

    /// The files of an item: the one that answers and the newer one.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn files_of_item(&self, tx: &mut Tx, scope: &Scope, id: &str) -> Result<Vec<String>> {
        let found: Option<(Option<String>, Option<String>)> = sqlx::query_as(
            "SELECT file_id, pending_id FROM source_items WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .fetch_optional(&mut **tx)
        .await
        .or_internal("reading the files of an item")?;
        Ok(found.into_iter().flat_map(|(file, pending)| file.into_iter().chain(pending)).collect())
    }

    /// The newer file of an item, which is being read.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn pending_of_item(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<String>> {
        let pending: Option<Option<String>> = sqlx::query_scalar(
            "SELECT pending_id FROM source_items WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .fetch_optional(&mut **tx)
        .await
        .or_internal("reading the newer file of an item")?;
        Ok(pending.flatten())
    }

    /// The versions that are being read and are to take the place of a file.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn newer_versions(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        file: &Id,
    ) -> Result<Vec<NewerVersion>> {
        sqlx::query_as(
            "SELECT pending_id AS file_id, attributes FROM source_items \
             WHERE tenant_id = $1 AND file_id = $2 AND pending_id IS NOT NULL",
        )
        .bind(scope.tenant().as_str())
        .bind(file.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking up newer versions of a file")
    }

    /// The item whose newer version a file of a store is, if it is one.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn item_of_pending(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        file: &Id,
    ) -> Result<Option<PendingItem>> {
        sqlx::query_as(
            "SELECT i.id, i.file_id, i.attempts, sf.status AS file_status FROM source_items i \
             JOIN sources s ON s.id = i.source_id AND s.store_id = $2 \
             LEFT JOIN store_files sf ON sf.file_id = i.file_id AND sf.store_id = $2 \
             WHERE i.tenant_id = $1 AND i.pending_id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up the item of a file")
    }

    /// Puts an item's newer version in the place of the one that answered, within the
    /// transaction that completes it; with `error` when it turned out unreadable.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn promote_item(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &str,
        failed: Option<(&str, Option<Timestamp>)>,
    ) -> Result<()> {
        let (error, retry_at) = failed.unzip();
        sqlx::query(
            "UPDATE source_items SET file_id = pending_id, pending_id = NULL, error = $3, \
             retry_at = $4, failed_version = CASE WHEN $3 IS NULL THEN NULL ELSE version END, \
             attempts = CASE WHEN $3 IS NULL THEN 0 ELSE attempts + 1 END, updated_at = $5 \
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .bind(error)
        .bind(retry_at.flatten())
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("settling an item of a source")?;
        Ok(())
    }

    /// Notes that an item's newer version is unreadable and the older one goes on answering,
    /// within the transaction that deletes the newer one's file.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn keep_older(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &str,
        (error, retry_at): (&str, Option<Timestamp>),
    ) -> Result<()> {
        sqlx::query(
            "UPDATE source_items SET pending_id = NULL, error = $3, retry_at = $4, \
             failed_version = version, attempts = attempts + 1, updated_at = $5 \
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .bind(error)
        .bind(retry_at)
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("settling an item of a source")?;
        Ok(())
    }

    /// Lets go of newer versions that somebody took out of the store while they were read:
    /// nothing will complete them.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn release_detached(&self, scope: &Scope, source: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE source_items SET file_id = COALESCE(file_id, pending_id), pending_id = NULL \
             WHERE tenant_id = $1 AND source_id = $2 AND pending_id IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM store_files sf JOIN sources s ON s.store_id = sf.store_id \
             WHERE s.id = $2 AND sf.file_id = source_items.pending_id)",
        )
        .bind(scope.tenant().as_str())
        .bind(source.as_str())
        .execute(&mut *tx)
        .await
        .or_internal("releasing detached files of a source")?;
        commit(tx).await
    }
}
