//! Sources: places that documents are kept in step with, and when they are looked at.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Page, Records, Tx, commit, paged};

/// How many runs may be queued or under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunsAllowed {
    /// Of one tenant.
    pub each: i64,
    /// Of all tenants together, where a tenant may have more than its first: the rest is kept for
    /// those that have none.
    pub shared: i64,
}

/// A place that documents are kept in step with.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SourceRow {
    /// `src_…`
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// The vector store that its documents are in.
    pub store_id: String,
    /// What it is called.
    pub name: String,
    /// `folder`, `website` and so on.
    pub kind: String,
    /// Its configuration as it may be shown, a JSON object.
    pub config: String,
    /// What is secret in it, sealed; empty without any.
    pub secrets: String,
    /// Attributes that every document of it gets, a JSON object.
    pub attributes: String,
    /// Seconds from the end of a run to the next; 0 runs only when asked.
    pub every_seconds: i64,
    /// Who made it; of one that is being removed, who removes it.
    pub principal_id: String,
    /// That caller's role.
    pub role: String,
    /// `idle`, `queued`, `running` or `removing`.
    pub state: String,
    /// 1 while no run begins.
    pub paused: i64,
    /// Why it waits for somebody to confirm deletes.
    pub held: Option<String>,
    /// 1 when a run was asked for.
    pub requested: i64,
    /// When it is looked at next.
    pub next_run_at: Timestamp,
    /// Runs that failed one after the other.
    pub failures: i64,
    /// When the last run began.
    pub started_at: Option<Timestamp>,
    /// When the last run ended.
    pub finished_at: Option<Timestamp>,
    /// `completed`, `failed`, `held` or `paused`.
    pub outcome: Option<String>,
    /// Why the last run failed.
    pub error: Option<String>,
    /// What the last run did, a JSON object of numbers.
    pub counts: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a run of a source was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SourceAsked {
    /// 1 when somebody asked for it.
    pub requested: i64,
    /// 1 when it may delete however much.
    pub confirmed: i64,
    /// 1 when it tries everything again that failed.
    pub retried: i64,
    /// When it would have been looked at anyway.
    pub next_run_at: Timestamp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEnd {
    /// `completed`, `failed`, `held` or `paused`.
    pub outcome: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// Why deletes wait for a confirmation.
    pub held: Option<String>,
    /// What it did, a JSON object of numbers.
    pub counts: String,
    /// When it is looked at next.
    pub next_run_at: Timestamp,
    /// Failed runs in a row, this one included.
    pub failures: i64,
}

macro_rules! columns {
    () => {
        "id, tenant_id, store_id, name, kind, config, secrets, attributes, every_seconds, \
         principal_id, role, state, paused, held, requested, next_run_at, failures, started_at, \
         finished_at, outcome, error, counts, created_at, updated_at"
    };
}

impl Records {
    /// Makes a source.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_source(&self, scope: &Scope, row: &SourceRow) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO sources (id, tenant_id, store_id, name, kind, config, secrets, attributes, \
             every_seconds, principal_id, role, next_run_at, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.store_id)
        .bind(&row.name)
        .bind(&row.kind)
        .bind(&row.config)
        .bind(&row.secrets)
        .bind(&row.attributes)
        .bind(row.every_seconds)
        .bind(&row.principal_id)
        .bind(&row.role)
        .bind(row.next_run_at)
        .bind(row.created_at)
        .execute(&mut *tx)
        .await
        .or_internal("making a source")?;
        commit(tx).await
    }

    /// One source of the caller's tenant.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such source.
    pub async fn source(&self, scope: &Scope, id: &Id) -> Result<SourceRow> {
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM sources WHERE tenant_id = $1 AND id = $2"
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a source")?
        .ok_or_else(|| Error::not_found(format!("source '{id}'")))
    }

    /// The tenant's sources.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_sources(&self, scope: &Scope, page: &Page) -> Result<Vec<SourceRow>> {
        let rows =
            paged!(page, SourceRow, "SELECT ", columns!(), " FROM sources WHERE tenant_id = $1")
                .bind(scope.tenant().as_str())
                .bind(page.cursor())
                .bind(page.limit)
                .fetch_all(&self.read)
                .await
                .or_internal("listing sources")?;
        Ok(page.arrange(rows))
    }

    /// The source of a store with this very configuration, if there is one.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn source_like(
        &self,
        scope: &Scope,
        store: &Id,
        config: &str,
    ) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT id FROM sources WHERE tenant_id = $1 AND store_id = $2 AND config = $3 \
             ORDER BY id LIMIT 1",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(config)
        .fetch_optional(&self.read)
        .await
        .or_internal("looking up a source")
    }

    /// Changes name, configuration and times of a source.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such source.
    pub async fn update_source(&self, scope: &Scope, row: &SourceRow) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE sources SET name = $3, config = $4, secrets = $5, every_seconds = $6, \
             next_run_at = $7, requested = CASE WHEN $8 = 1 THEN 1 ELSE requested END, \
             updated_at = $9 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(&row.id)
        .bind(&row.name)
        .bind(&row.config)
        .bind(&row.secrets)
        .bind(row.every_seconds)
        .bind(row.next_run_at)
        .bind(row.requested)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("changing a source")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("source '{}'", row.id)));
        }
        commit(tx).await
    }

    /// Asks for a run; what was asked before holds too.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such source.
    pub async fn ask_source(
        &self,
        scope: &Scope,
        id: &Id,
        (confirmed, retried): (bool, bool),
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE sources SET requested = 1, \
             confirmed = CASE WHEN $3 = 1 THEN 1 ELSE confirmed END, \
             retried = CASE WHEN $4 = 1 THEN 1 ELSE retried END, updated_at = $5 \
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(i64::from(confirmed))
        .bind(i64::from(retried))
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("asking for a run of a source")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("source '{id}'")));
        }
        commit(tx).await
    }

    /// Lets no run begin, or lets them begin again, with one at once.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such source.
    pub async fn pause_source(&self, scope: &Scope, id: &Id, paused: bool) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE sources SET paused = $3, \
             requested = CASE WHEN $3 = 0 AND paused = 1 THEN 1 ELSE requested END, \
             updated_at = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(i64::from(paused))
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("pausing a source")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("source '{id}'")));
        }
        commit(tx).await
    }

    /// Begins the removal of a source: from now on it is not looked at, and what is done to it is
    /// done on behalf of the caller, who first asked for it.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such source.
    pub async fn begin_source_removal(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE sources SET principal_id = CASE state WHEN 'removing' THEN principal_id ELSE $4 END, \
             role = CASE state WHEN 'removing' THEN role ELSE $5 END, \
             state = 'removing', updated_at = $3 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(self.clock.now())
        .bind(scope.principal().as_str())
        .bind(scope.role().as_str())
        .execute(&mut *tx)
        .await
        .or_internal("removing a source")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("source '{id}'")));
        }
        commit(tx).await
    }

    /// Forgets a source with all its items; the files remain.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such source.
    pub async fn delete_source(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM sources WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("removing a source")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("source '{id}'")));
        }
        commit(tx).await
    }

    /// The files that the sources of a store brought, each with 1 where another store has it too,
    /// and with 1 where its source is being removed with its files.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn files_brought_into(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
    ) -> Result<Vec<(String, i64, i64)>> {
        sqlx::query_as(
            "SELECT DISTINCT f.id, EXISTS (SELECT 1 FROM store_files sf WHERE sf.file_id = f.id \
             AND sf.store_id <> $2), CASE WHEN s.state = 'removing' THEN 1 ELSE 0 END \
             FROM sources s JOIN source_items i ON i.source_id = s.id \
             JOIN files f ON f.id IN (i.file_id, i.pending_id) \
             WHERE s.tenant_id = $1 AND s.store_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking up what sources brought into a store")
    }

    /// Sources that wait for a run, of every tenant that is allowed one now, those that were asked
    /// for first; for the program's own upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn due_sources(&self, allowed: RunsAllowed, limit: i64) -> Result<Vec<SourceRow>> {
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM sources WHERE state = 'idle' AND paused = 0 AND (requested = 1 OR (held IS NULL \
             AND (next_run_at <= $1 OR EXISTS (SELECT 1 FROM source_items i \
             WHERE i.source_id = sources.id AND i.error IS NOT NULL AND i.retry_at <= $1)))) \
             AND (SELECT COUNT(*) FROM sources s WHERE s.tenant_id = sources.tenant_id \
             AND s.state IN ('queued', 'running')) < CASE WHEN (SELECT COUNT(*) FROM sources s \
             WHERE s.state IN ('queued', 'running')) < $3 THEN $2 ELSE 1 END \
             ORDER BY requested DESC, next_run_at, id LIMIT $4"
        ))
        .bind(self.clock.now())
        .bind(allowed.each)
        .bind(allowed.shared)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("looking up sources to run")
    }

    /// Sources whose removal has begun, of every tenant; for the program's own upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn sources_to_remove(&self, limit: i64) -> Result<Vec<SourceRow>> {
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM sources WHERE state = 'removing' ORDER BY id LIMIT $1"
        ))
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("looking up sources to remove")
    }

    /// Marks a source as waiting for its job, within the transaction that enqueues it, and
    /// says what was asked. `None` when it is not idle any more, or when its tenant is not allowed
    /// another run now.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn queue_source(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
        allowed: RunsAllowed,
    ) -> Result<Option<SourceAsked>> {
        let asked: Option<SourceAsked> = sqlx::query_as(
            "SELECT requested, confirmed, retried, next_run_at FROM sources \
             WHERE tenant_id = $1 AND id = $2 AND state = 'idle' AND paused = 0 \
             AND (SELECT COUNT(*) FROM sources s WHERE s.tenant_id = $1 \
             AND s.state IN ('queued', 'running')) < CASE WHEN (SELECT COUNT(*) FROM sources s \
             WHERE s.state IN ('queued', 'running')) < $4 THEN $3 ELSE 1 END",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(allowed.each)
        .bind(allowed.shared)
        .fetch_optional(&mut **tx)
        .await
        .or_internal("reading what a source is asked")?;
        if asked.is_some() {
            sqlx::query(
                "UPDATE sources SET state = 'queued', requested = 0, confirmed = 0, retried = 0 \
                 WHERE tenant_id = $1 AND id = $2",
            )
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("queueing a source")?;
        }
        Ok(asked)
    }

    /// Begins a run; `None` when the source is gone or going.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn start_source(&self, scope: &Scope, id: &Id) -> Result<Option<SourceRow>> {
        let mut tx = self.begin().await?;
        let row = sqlx::query_as(concat!(
            "UPDATE sources SET state = 'running', started_at = $3, finished_at = NULL, \
             counts = json_remove(counts, '$.unread') \
             WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running') RETURNING ",
            columns!()
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(self.clock.now())
        .fetch_optional(&mut *tx)
        .await
        .or_internal("beginning a run of a source")?;
        commit(tx).await?;
        Ok(row)
    }

    /// Whether a run may go on: the source is there, not being removed, and not paused.
    /// `None` when it is gone or going.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn source_is_paused(&self, scope: &Scope, id: &Id) -> Result<Option<bool>> {
        let paused: Option<i64> = sqlx::query_scalar(
            "SELECT paused FROM sources WHERE tenant_id = $1 AND id = $2 AND state = 'running'",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a source's state")?;
        Ok(paused.map(|paused| paused != 0))
    }

    /// Counts an item that the last run took, and whose file turned out unreadable, among those
    /// that failed, within a transaction. A run that is under way adds it at its end.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn count_unreadable(&self, tx: &mut Tx, scope: &Scope, item: &str) -> Result<()> {
        sqlx::query(
            "UPDATE sources SET counts = CASE state WHEN 'running' \
             THEN json_set(counts, '$.unread', COALESCE(json_extract(counts, '$.unread'), 0) + 1) \
             ELSE json_set(counts, '$.failed', COALESCE(json_extract(counts, '$.failed'), 0) + 1) END \
             FROM source_items i WHERE i.tenant_id = $1 AND i.id = $2 AND sources.id = i.source_id \
             AND sources.started_at <= i.updated_at",
        )
        .bind(scope.tenant().as_str())
        .bind(item)
        .execute(&mut **tx)
        .await
        .or_internal("counting an unreadable item")?;
        Ok(())
    }

    /// Ends a run, within the transaction that completes its job. What was taken in it and turned
    /// out unreadable meanwhile is counted as failed too.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn finish_source(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
        end: &SourceEnd,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE sources SET state = 'idle', finished_at = $3, outcome = $4, error = $5, \
             held = $6, counts = json_set($7, '$.failed', COALESCE(json_extract($7, '$.failed'), 0) \
             + COALESCE(json_extract(counts, '$.unread'), 0)), next_run_at = $8, failures = $9 \
             WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running')",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(self.clock.now())
        .bind(end.outcome)
        .bind(&end.error)
        .bind(&end.held)
        .bind(&end.counts)
        .bind(end.next_run_at)
        .bind(end.failures)
        .execute(&mut **tx)
        .await
        .or_internal("ending a run of a source")?;
        Ok(())
    }
}
