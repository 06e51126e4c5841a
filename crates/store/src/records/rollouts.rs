//! Rollouts: which version of a model answers, and the audit of every change.

use cairn_kernel::{Error, Kind, Result, ResultExt, Scope, Timestamp};

use super::{Records, Tx, commit};

/// The rollout of a model: the one under way, or the last one.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RolloutRow {
    /// The tenant.
    pub tenant_id: String,
    /// The model.
    pub name: String,
    /// `ro_…`
    pub id: String,
    /// `running`, `promoted`, `rolled_back` or `superseded`.
    pub status: String,
    /// Plan, step and counters: a JSON object.
    pub state: String,
    /// The key that set it.
    pub principal_id: String,
    /// That key's role.
    pub role: String,
    /// When it was set.
    pub created_at: Timestamp,
    /// When its state was last written.
    pub updated_at: Timestamp,
}

/// One change of which version answers.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RolloutEventRow {
    /// Grows.
    pub seq: i64,
    /// The rollout it belongs to; empty for a plain deployment.
    pub rollout_id: String,
    /// The key that acted, or for which the program acted.
    pub principal_id: String,
    /// 1 when the program decided by itself.
    pub automatic: i64,
    /// `started`, `advanced`, `promoted`, `rolled_back`, `superseded`, `deployed`, `alias_set` …
    pub action: String,
    /// Why.
    pub reason: String,
    /// The version it is about.
    pub version: Option<i64>,
    /// What else is worth keeping: a JSON object.
    pub detail: String,
    /// When.
    pub created_at: Timestamp,
}

/// An event to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRolloutEvent {
    /// The rollout; empty for a plain deployment.
    pub rollout_id: String,
    /// Whether the program decided by itself.
    pub automatic: bool,
    /// What happened.
    pub action: &'static str,
    /// Why.
    pub reason: String,
    /// The version it is about.
    pub version: Option<i64>,
    /// A JSON object.
    pub detail: String,
}

/// A rollout and what it does to its model, written in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutChange {
    /// The model.
    pub name: String,
    /// `ro_…`
    pub id: String,
    /// Its new status.
    pub status: &'static str,
    /// Its new state.
    pub state: String,
    /// The version that is deployed from now on, if that changes.
    pub deployed: Option<i64>,
    /// The audit.
    pub event: NewRolloutEvent,
}

impl Records {
    /// Sets a model's rollout in the place of the one it had.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn start_rollout(&self, scope: &Scope, new: &RolloutChange) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO rollouts (tenant_id, name, id, status, state, principal_id, role, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (tenant_id, name) DO UPDATE SET \
             id = excluded.id, status = excluded.status, state = excluded.state, \
             principal_id = excluded.principal_id, role = excluded.role, \
             created_at = excluded.created_at, updated_at = excluded.updated_at",
        )
        .bind(scope.tenant().as_str())
        .bind(&new.name)
        .bind(&new.id)
        .bind(new.status)
        .bind(&new.state)
        .bind(scope.principal().as_str())
        .bind(scope.role().as_str())
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("starting a rollout")?;
        self.settle_rollout(&mut tx, scope, new).await?;
        commit(tx).await
    }

    /// Changes a rollout's status.
    ///
    /// # Errors
    /// `Conflict` when another rollout has taken its place.
    pub async fn change_rollout(&self, scope: &Scope, change: &RolloutChange) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE rollouts SET status = $4, state = $5, updated_at = $6 \
             WHERE tenant_id = $1 AND name = $2 AND id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(&change.name)
        .bind(&change.id)
        .bind(change.status)
        .bind(&change.state)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("changing a rollout")?;
        if done.rows_affected() == 0 {
            return Err(Error::new(
                Kind::Conflict,
                format!("rollout '{}' of model '{}' was replaced", change.id, change.name),
            ));
        }
        self.settle_rollout(&mut tx, scope, change).await?;
        commit(tx).await
    }

    async fn settle_rollout(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        change: &RolloutChange,
    ) -> Result<()> {
        if let Some(version) = change.deployed {
            self.set_deployed(tx, scope, &change.name, version).await?;
        }
        self.insert_rollout_event(tx, scope, &change.name, &change.event).await
    }

    /// Makes `version` the deployed one, within a transaction.
    pub(crate) async fn set_deployed(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        name: &str,
        version: i64,
    ) -> Result<()> {
        sqlx::query("UPDATE models SET deployed_version = $3 WHERE tenant_id = $1 AND name = $2")
            .bind(scope.tenant().as_str())
            .bind(name)
            .bind(version)
            .execute(&mut **tx)
            .await
            .or_internal("deploying a model")?;
        Ok(())
    }

    /// Writes the audit of a change, within its transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_rollout_event(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        name: &str,
        event: &NewRolloutEvent,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO rollout_events (tenant_id, name, rollout_id, principal_id, automatic, \
             action, reason, version, detail, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(&event.rollout_id)
        .bind(scope.principal().as_str())
        .bind(i64::from(event.automatic))
        .bind(event.action)
        .bind(&event.reason)
        .bind(event.version)
        .bind(&event.detail)
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("writing the audit of a rollout")?;
        Ok(())
    }

    /// Writes the counters of a rollout that goes on; nothing happens when another has
    /// taken its place.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn save_rollout_state(
        &self,
        scope: &Scope,
        name: &str,
        id: &str,
        state: &str,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE rollouts SET state = $4, updated_at = $5 \
             WHERE tenant_id = $1 AND name = $2 AND id = $3 AND status = 'running'",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(id)
        .bind(state)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("writing the counters of a rollout")?;
        commit(tx).await
    }

    /// The rollout of a model, if it ever had one.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn rollout(&self, scope: &Scope, name: &str) -> Result<Option<RolloutRow>> {
        sqlx::query_as(
            "SELECT tenant_id, name, id, status, state, principal_id, role, created_at, updated_at \
             FROM rollouts WHERE tenant_id = $1 AND name = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a rollout")
    }

    /// The changes of a model, newest first, up to `limit`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn rollout_events(
        &self,
        scope: &Scope,
        name: &str,
        limit: i64,
    ) -> Result<Vec<RolloutEventRow>> {
        sqlx::query_as(
            "SELECT seq, rollout_id, principal_id, automatic, action, reason, version, detail, created_at \
             FROM rollout_events WHERE tenant_id = $1 AND name = $2 ORDER BY seq DESC LIMIT $3",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("reading the audit of a model")
    }

    /// Every tenant's rollouts under way. For the program itself, at its start.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn running_rollouts(&self) -> Result<Vec<RolloutRow>> {
        sqlx::query_as(
            "SELECT tenant_id, name, id, status, state, principal_id, role, created_at, updated_at \
             FROM rollouts WHERE status = 'running' ORDER BY tenant_id, name",
        )
        .fetch_all(&self.read)
        .await
        .or_internal("reading the rollouts under way")
    }
}
