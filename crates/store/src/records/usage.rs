//! The usage ledger: appended to, never changed.

use cairn_kernel::{Result, ResultExt, Scope};

use super::{Records, commit};

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

impl Records {
    /// Appends to the ledger.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn record_usage(&self, scope: &Scope, entry: &UsageEntry) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO usage_ledger (tenant_id, principal_id, operation, model, input_tokens, \
             output_tokens, request_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(scope.tenant().as_str())
        .bind(scope.principal().as_str())
        .bind(entry.operation)
        .bind(&entry.model)
        .bind(entry.input_tokens)
        .bind(entry.output_tokens)
        .bind(&entry.request_id)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("writing the usage ledger")?;
        commit(tx).await
    }
}
