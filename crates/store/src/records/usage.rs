//! The usage ledger: appended to, never changed.

use cairn_kernel::{Result, ResultExt, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

use super::{Records, commit};

/// Rows of one statement; each has eight values, and SQLite takes 32 766 of them.
const ROWS_AT_ONCE: usize = 500;

/// What one request used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageEntry {
    /// `chat`, `embeddings`, `responses`, `infer`.
    pub operation: &'static str,
    /// The model that worked.
    pub model: String,
    /// Tokens (or rows) read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// The request's id.
    pub request_id: String,
}

/// A row of the ledger, as the journal keeps it until it is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct UsageRow {
    /// Whose request it was.
    pub tenant_id: String,
    /// The key that sent it.
    pub principal_id: String,
    /// As [`UsageEntry::operation`].
    pub operation: String,
    /// The model that worked.
    pub model: String,
    /// Tokens (or rows) read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// The request's id.
    pub request_id: String,
    /// When it was answered.
    pub created_at: Timestamp,
}

impl UsageRow {
    /// The row of an `entry` by `scope`, stamped now.
    pub fn new(scope: &Scope, entry: UsageEntry, now: Timestamp) -> Self {
        Self {
            tenant_id: scope.tenant().to_string(),
            principal_id: scope.principal().to_string(),
            operation: entry.operation.to_owned(),
            model: entry.model,
            input_tokens: entry.input_tokens,
            output_tokens: entry.output_tokens,
            request_id: entry.request_id,
            created_at: now,
        }
    }
}

impl Records {
    /// Appends rows to the ledger.
    ///
    /// # Errors
    /// `Internal` when the database refuses; then none is in it.
    pub async fn record_usage(&self, rows: &[UsageRow]) -> Result<()> {
        let mut tx = self.begin().await?;
        insert(&mut tx, rows).await?;
        commit(tx).await
    }

    /// Appends the rows of a journal file to the ledger, unless that file is in it
    /// already. Files are numbered upwards and folded in that order.
    ///
    /// # Errors
    /// `Internal` when the database refuses; then none is in it.
    pub async fn fold_usage(&self, file: i64, rows: &[UsageRow]) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE usage_journal SET folded = $1 WHERE folded < $1")
            .bind(file)
            .execute(&mut *tx)
            .await
            .or_internal("noting a file of the usage journal")?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        insert(&mut tx, rows).await?;
        commit(tx).await
    }

    /// The last journal file that is in the ledger.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn usage_folded(&self) -> Result<i64> {
        sqlx::query_scalar("SELECT folded FROM usage_journal")
            .fetch_one(&self.read)
            .await
            .or_internal("reading how far the usage journal is folded")
    }

    /// The caller's tenant's newest rows, up to `limit`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn usage(&self, scope: &Scope, limit: i64) -> Result<Vec<UsageRow>> {
        sqlx::query_as(
            "SELECT tenant_id, principal_id, operation, model, input_tokens, output_tokens, \
             request_id, created_at FROM usage_ledger WHERE tenant_id = $1 ORDER BY seq DESC LIMIT $2",
        )
        .bind(scope.tenant().as_str())
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("reading the usage ledger")
    }
}

async fn insert(tx: &mut super::Tx, rows: &[UsageRow]) -> Result<()> {
    for some in rows.chunks(ROWS_AT_ONCE) {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(
            "INSERT INTO usage_ledger (tenant_id, principal_id, operation, model, input_tokens, \
             output_tokens, request_id, created_at) ",
        );
        query.push_values(some, |mut values, row| {
            values
                .push_bind(&row.tenant_id)
                .push_bind(&row.principal_id)
                .push_bind(&row.operation)
                .push_bind(&row.model)
                .push_bind(row.input_tokens)
                .push_bind(row.output_tokens)
                .push_bind(&row.request_id)
                .push_bind(row.created_at);
        });
        // The number of rows varies, so the statement is not worth keeping.
        let statement = query.build().persistent(false);
        statement.execute(&mut **tx).await.or_internal("writing the usage ledger")?;
    }
    Ok(())
}
