//! How sure it must be, for each store, that its documents answer a question.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Records, commit};

/// The threshold of a store.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ThresholdRow {
    /// Below this confidence the answer is that the documents do not say, 0 to 1.
    pub threshold: f64,
    /// How it was chosen, a JSON text.
    pub choice: String,
    /// What it was compared by, a JSON object; `None` where nothing was learned.
    pub quality: Option<String>,
    /// When it was set.
    pub created_at: Timestamp,
}

impl Records {
    /// The threshold of a store, if it has one of its own.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn store_threshold(&self, scope: &Scope, store: &Id) -> Result<Option<ThresholdRow>> {
        sqlx::query_as(
            "SELECT threshold, choice, quality, created_at FROM store_thresholds \
             WHERE tenant_id = $1 AND store_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading the threshold of a store")
    }

    /// Sets the threshold of a store in place of the one it has.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn set_threshold(&self, scope: &Scope, store: &Id, row: &ThresholdRow) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO store_thresholds (tenant_id, store_id, threshold, choice, quality, created_at) \
             SELECT tenant_id, id, $3, $4, $5, $6 FROM vector_stores WHERE tenant_id = $1 AND id = $2 \
             ON CONFLICT (tenant_id, store_id) DO UPDATE SET threshold = excluded.threshold, \
             choice = excluded.choice, quality = excluded.quality, created_at = excluded.created_at",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(row.threshold)
        .bind(&row.choice)
        .bind(&row.quality)
        .bind(row.created_at)
        .execute(&mut *tx)
        .await
        .or_internal("setting the threshold of a store")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("vector store '{store}'")));
        }
        commit(tx).await
    }

    /// Takes a store's threshold away, if it has one; it has the default then.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn delete_threshold(&self, scope: &Scope, store: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM store_thresholds WHERE tenant_id = $1 AND store_id = $2")
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("taking the threshold of a store away")?;
        commit(tx).await
    }
}
