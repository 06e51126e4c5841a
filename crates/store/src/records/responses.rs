//! Stored answers.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Records, commit};

/// An answer as it was sent, and what was asked.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ResponseRow {
    /// `resp_…`
    pub id: String,
    /// The response object as JSON.
    pub body: String,
    /// The input items as JSON.
    pub input: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Records {
    /// Keeps an answer and notes which files it quotes.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_response(
        &self,
        scope: &Scope,
        row: &ResponseRow,
        sources: &[String],
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO responses (id, tenant_id, body, input, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.body)
        .bind(&row.input)
        .bind(row.created_at)
        .execute(&mut *tx)
        .await
        .or_internal("keeping a response")?;
        for file in sources {
            sqlx::query(
                "INSERT INTO response_sources (response_id, file_id) \
                 SELECT $1, id FROM files WHERE tenant_id = $2 AND id = $3 \
                 ON CONFLICT (response_id, file_id) DO NOTHING",
            )
            .bind(&row.id)
            .bind(scope.tenant().as_str())
            .bind(file)
            .execute(&mut *tx)
            .await
            .or_internal("noting a response's sources")?;
        }
        commit(tx).await
    }

    /// A stored answer.
    ///
    /// # Errors
    /// `NotFound` when the tenant has none of that id.
    pub async fn response(&self, scope: &Scope, id: &Id) -> Result<ResponseRow> {
        sqlx::query_as(
            "SELECT id, body, input, created_at FROM responses WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a response")?
        .ok_or_else(|| Error::not_found(format!("response '{id}'")))
    }

    /// Deletes a stored answer.
    ///
    /// # Errors
    /// `NotFound` when the tenant has none of that id.
    pub async fn delete_response(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM responses WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("deleting a response")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("response '{id}'")));
        }
        commit(tx).await
    }
}
