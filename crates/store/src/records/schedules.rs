//! Schedules of evaluations: when runs begin by themselves, and how many of them are kept.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{EvaluationRow, Page, Records, Tx, commit, paged};

/// When runs over a question set begin by themselves.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ScheduleRow {
    /// `esch_…`
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// The vector store that is asked.
    pub store_id: String,
    /// The question set.
    pub set_id: String,
    /// What it is called.
    pub name: String,
    /// What its runs do, as JSON.
    pub plan: String,
    /// Seconds from the beginning of a run to the next; 0 never begins one by time.
    pub every_seconds: i64,
    /// 1 begins one when the store answers from another index.
    pub after_reindex: i64,
    /// 1 begins one when the store's ranking or threshold is another.
    pub after_ranking: i64,
    /// Begins one after so many documents changed; 0 never.
    pub after_documents: i64,
    /// So many of its runs are kept.
    pub keep_runs: i64,
    /// Who set it up.
    pub principal_id: String,
    /// That caller's role.
    pub role: String,
    /// The users and groups that the caller spoke for, a JSON list.
    pub principals: String,
    /// 1 while no run begins.
    pub paused: i64,
    /// When the next run is due by time.
    pub next_run_at: Timestamp,
    /// No run begins by itself before.
    pub not_before: Timestamp,
    /// The index that answered when the last run began.
    pub seen_generation: i64,
    /// The ranking then, as [`StoreState::ranking`].
    pub seen_ranking: i64,
    /// The documents then.
    pub seen_documents: i64,
    /// When that was.
    pub seen_at: Timestamp,
    /// Why the last run could not begin.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What of a store may have changed since a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct StoreState {
    /// The index that answers.
    pub generation: i64,
    /// Another number whenever the ranking or the threshold is another.
    pub ranking: i64,
}

/// The documents of a store, and those that came since some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct DocumentsSince {
    /// All of them, whatever their state.
    pub documents: i64,
    /// Those that came.
    pub came: i64,
    /// Those of them that are read.
    pub came_read: i64,
}

macro_rules! columns {
    () => {
        "id, tenant_id, store_id, set_id, name, plan, every_seconds, after_reindex, after_ranking, \
         after_documents, keep_runs, principal_id, role, principals, paused, next_run_at, \
         not_before, seen_generation, seen_ranking, seen_documents, seen_at, error, created_at, \
         updated_at"
    };
}

fn missing(id: &str) -> Error {
    Error::not_found(format!("evaluation schedule '{id}'"))
}

impl Records {
    /// Makes a schedule, unless the tenant has `most` of them. Says whether it did.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_schedule(
        &self,
        scope: &Scope,
        row: &ScheduleRow,
        most: i64,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO evaluation_schedules (id, tenant_id, store_id, set_id, name, plan, \
             every_seconds, after_reindex, after_ranking, after_documents, keep_runs, principal_id, \
             role, principals, next_run_at, seen_generation, seen_ranking, seen_documents, seen_at, \
             created_at, updated_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
             $19, $20, $20 \
             WHERE (SELECT COUNT(*) FROM evaluation_schedules WHERE tenant_id = $2) < $21",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.store_id)
        .bind(&row.set_id)
        .bind(&row.name)
        .bind(&row.plan)
        .bind(row.every_seconds)
        .bind(row.after_reindex)
        .bind(row.after_ranking)
        .bind(row.after_documents)
        .bind(row.keep_runs)
        .bind(&row.principal_id)
        .bind(&row.role)
        .bind(&row.principals)
        .bind(row.next_run_at)
        .bind(row.seen_generation)
        .bind(row.seen_ranking)
        .bind(row.seen_documents)
        .bind(row.seen_at)
        .bind(row.created_at)
        .bind(most)
        .execute(&mut *tx)
        .await
        .or_internal("making a schedule")?;
        commit(tx).await?;
        Ok(done.rows_affected() > 0)
    }

    /// One schedule.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such schedule.
    pub async fn schedule(&self, scope: &Scope, id: &Id) -> Result<ScheduleRow> {
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM evaluation_schedules WHERE tenant_id = $1 AND id = $2"
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a schedule")?
        .ok_or_else(|| missing(id.as_str()))
    }

    /// The tenant's schedules, of one store and of one question set if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_schedules(
        &self,
        scope: &Scope,
        store: Option<&Id>,
        set: Option<&Id>,
        page: &Page,
    ) -> Result<Vec<ScheduleRow>> {
        let rows = paged!(
            page,
            ScheduleRow,
            "SELECT ",
            columns!(),
            " FROM evaluation_schedules WHERE tenant_id = $1 \
             AND ($4 = '' OR store_id = $4) AND ($5 = '' OR set_id = $5)"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(store.map_or("", Id::as_str))
        .bind(set.map_or("", Id::as_str))
        .fetch_all(&self.read)
        .await
        .or_internal("listing schedules")?;
        Ok(page.arrange(rows))
    }

    /// Changes what a schedule says, whose it is and whether it is paused. The next run is due anew
    /// only if another time lies between two of them.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such schedule.
    pub async fn update_schedule(&self, scope: &Scope, row: &ScheduleRow) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE evaluation_schedules SET name = $3, plan = $4, every_seconds = $5, \
             after_reindex = $6, after_ranking = $7, after_documents = $8, keep_runs = $9, \
             principal_id = $10, role = $11, principals = $12, paused = $13, \
             next_run_at = CASE WHEN every_seconds <> $5 THEN $14 ELSE next_run_at END, \
             error = NULL, updated_at = $15 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(&row.id)
        .bind(&row.name)
        .bind(&row.plan)
        .bind(row.every_seconds)
        .bind(row.after_reindex)
        .bind(row.after_ranking)
        .bind(row.after_documents)
        .bind(row.keep_runs)
        .bind(&row.principal_id)
        .bind(&row.role)
        .bind(&row.principals)
        .bind(row.paused)
        .bind(row.next_run_at)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("changing a schedule")?;
        if done.rows_affected() == 0 {
            return Err(missing(&row.id));
        }
        commit(tx).await
    }

    /// Lets no run begin.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such schedule.
    pub async fn pause_schedule(&self, scope: &Scope, id: &Id, why: Option<&str>) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE evaluation_schedules SET paused = 1, error = COALESCE($3, error), \
             updated_at = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(why)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("pausing a schedule")?;
        if done.rows_affected() == 0 {
            return Err(missing(id.as_str()));
        }
        commit(tx).await
    }

    /// Deletes a schedule. Its runs stay, and are no schedule's any more.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such schedule.
    pub async fn delete_schedule(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM evaluation_schedules WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("deleting a schedule")?;
        if done.rows_affected() == 0 {
            return Err(missing(id.as_str()));
        }
        sqlx::query(
            "UPDATE evaluations SET schedule_id = NULL WHERE tenant_id = $1 AND schedule_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .execute(&mut *tx)
        .await
        .or_internal("deleting a schedule")?;
        commit(tx).await
    }

    /// The newest run of a schedule.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn last_scheduled(&self, scope: &Scope, id: &str) -> Result<Option<EvaluationRow>> {
        sqlx::query_as(
            "SELECT id, store_id, set_id, plan, status, stage, fraction, error, result, worse, \
             schedule_id, occasion, created_at, finished_at FROM evaluations \
             WHERE tenant_id = $1 AND schedule_id = $2 ORDER BY id DESC LIMIT 1",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .fetch_optional(&self.read)
        .await
        .or_internal("reading the last run of a schedule")
    }

    /// Schedules that a run may begin of now, of every tenant that has no scheduled run waiting or
    /// under way, those whose last run began longest ago first; at most `limit` behind `after`, the
    /// last of the page before. For the program's own upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn schedules_to_look_at(
        &self,
        after: Option<&ScheduleRow>,
        limit: i64,
    ) -> Result<Vec<ScheduleRow>> {
        sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM evaluation_schedules WHERE paused = 0 AND not_before <= $1 \
             AND NOT EXISTS (SELECT 1 FROM evaluations e \
             WHERE e.tenant_id = evaluation_schedules.tenant_id AND e.schedule_id IS NOT NULL \
             AND e.status IN ('queued', 'running')) \
             AND (seen_at, id) > ($3, $4) ORDER BY seen_at, id LIMIT $2"
        ))
        .bind(self.clock.now())
        .bind(limit)
        .bind(after.map_or(Timestamp::MIN, |row| row.seen_at))
        .bind(after.map_or("", |row| row.id.as_str()))
        .fetch_all(&self.read)
        .await
        .or_internal("looking up schedules")
    }

    /// Which index and which ranking a store answers with.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn store_state(&self, scope: &Scope, store: &Id) -> Result<StoreState> {
        sqlx::query_as(
            "SELECT COALESCE((SELECT g.generation FROM index_generations g \
             WHERE g.tenant_id = $1 AND g.store_id = $2 AND g.state = 'active'), 0) AS generation, \
             COALESCE((SELECT r.created_at FROM store_rankings r \
             WHERE r.tenant_id = $1 AND r.store_id = $2), 0) + \
             COALESCE((SELECT t.created_at FROM store_thresholds t \
             WHERE t.tenant_id = $1 AND t.store_id = $2), 0) AS ranking",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_one(&self.read)
        .await
        .or_internal("reading how a store answers")
    }

    /// How many documents a store has, and how many came after `since`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn documents_since(
        &self,
        scope: &Scope,
        store: &Id,
        since: Timestamp,
    ) -> Result<DocumentsSince> {
        sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM store_files WHERE tenant_id = $1 AND store_id = $2) AS documents, \
             COUNT(*) AS came, COALESCE(SUM(status = 'completed'), 0) AS came_read FROM store_files \
             WHERE tenant_id = $1 AND store_id = $2 AND created_at > $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(since)
        .fetch_one(&self.read)
        .await
        .or_internal("counting the documents of a store")
    }

    /// Notes how the store is and when the next run is due, within the transaction that begins one.
    /// False when the schedule is gone, or its tenant has a scheduled run waiting or under way.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn take_schedule(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        row: &ScheduleRow,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE evaluation_schedules SET error = NULL, next_run_at = $3, \
             not_before = $4, seen_generation = $5, seen_ranking = $6, seen_documents = $7, \
             seen_at = $8 WHERE tenant_id = $1 AND id = $2 \
             AND NOT EXISTS (SELECT 1 FROM evaluations e WHERE e.tenant_id = $1 \
             AND e.schedule_id IS NOT NULL AND e.status IN ('queued', 'running'))",
        )
        .bind(scope.tenant().as_str())
        .bind(&row.id)
        .bind(row.next_run_at)
        .bind(row.not_before)
        .bind(row.seen_generation)
        .bind(row.seen_ranking)
        .bind(row.seen_documents)
        .bind(row.seen_at)
        .execute(&mut **tx)
        .await
        .or_internal("beginning a scheduled run")?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes why a run could not begin, and when it is tried again.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn fail_schedule(&self, scope: &Scope, row: &ScheduleRow, error: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE evaluation_schedules SET error = $3, next_run_at = $4, \
             not_before = $5 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(&row.id)
        .bind(error)
        .bind(row.next_run_at)
        .bind(row.not_before)
        .execute(&mut *tx)
        .await
        .or_internal("noting why a scheduled run did not begin")?;
        commit(tx).await
    }

    /// Deletes, within a transaction, the oldest ended runs of the schedule that began `run`, as
    /// far as there are more than it keeps. The newest that succeeded stays: the next one is
    /// compared with it.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn prune_scheduled(&self, tx: &mut Tx, scope: &Scope, run: &Id) -> Result<u64> {
        let schedule: Option<(String, i64)> = sqlx::query_as(
            "SELECT s.id, s.keep_runs FROM evaluations r JOIN evaluation_schedules s \
             ON s.id = r.schedule_id WHERE r.tenant_id = $1 AND r.id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(run.as_str())
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up the schedule of a run")?;
        let Some((schedule, keep)) = schedule else { return Ok(0) };
        let done = sqlx::query(
            "DELETE FROM evaluations WHERE tenant_id = $1 AND schedule_id = $2 \
             AND status NOT IN ('queued', 'running') \
             AND id NOT IN (SELECT k.id FROM evaluations k WHERE k.tenant_id = $1 \
             AND k.schedule_id = $2 ORDER BY k.id DESC LIMIT $3) \
             AND id <> COALESCE((SELECT MAX(g.id) FROM evaluations g WHERE g.tenant_id = $1 \
             AND g.schedule_id = $2 AND g.status = 'succeeded'), '')",
        )
        .bind(scope.tenant().as_str())
        .bind(schedule)
        .bind(keep)
        .execute(&mut **tx)
        .await
        .or_internal("deleting old runs of a schedule")?;
        Ok(done.rows_affected())
    }
}
