//! Stored answers.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope, Timestamp};

use super::access::{manager, readable};
use super::origins::require;
use super::owners::{holder, own_response, owned};
use super::{NewItem, Origin, Records, Tx, commit};

/// An answer as it was sent, and what was asked.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ResponseRow {
    /// `resp_…`
    pub id: String,
    /// `queued`, `in_progress`, or how it ended.
    pub status: String,
    /// The response object as JSON.
    pub body: String,
    /// The input items as JSON.
    pub input: String,
    /// Characters of each piece in which its text was streamed: a JSON list.
    pub pieces: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What an answer adds to a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The conversation.
    pub conversation: Id,
    /// What was asked and answered.
    pub items: Vec<NewItem>,
}

/// What is kept of an answer that ended.
#[derive(Clone, Copy, Debug)]
pub enum Keeping<'a> {
    /// Nothing, except in its conversation.
    Nothing,
    /// All of it.
    New(&'a ResponseRow),
    /// The end of one that is kept already and was under way.
    Begun(&'a ResponseRow),
}

impl Records {
    /// Keeps an answer, notes which files it rests on and through which stores it found them,
    /// and adds it to its conversation, in one transaction.
    ///
    /// # Errors
    /// `Conflict` when one of the files is gone, or the store it was found through, or an
    /// answer under way was deleted; `NotFound` when the conversation is. Then nothing is kept.
    pub async fn keep_response(
        &self,
        scope: &Scope,
        keeping: Keeping<'_>,
        sources: &[Origin],
        append: Option<&Append>,
    ) -> Result<()> {
        self.keep_response_with(scope, keeping, sources, append, None).await
    }

    /// As [`Records::keep_response`], with how the answer came about, a JSON object.
    ///
    /// # Errors
    /// As [`Records::keep_response`].
    pub async fn keep_response_with(
        &self,
        scope: &Scope,
        keeping: Keeping<'_>,
        sources: &[Origin],
        append: Option<&Append>,
        provenance: Option<&str>,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let mut found = Vec::with_capacity(sources.len());
        for origin in sources {
            found.push((&origin.file, require(&mut tx, scope, origin).await?));
        }
        let row = match keeping {
            Keeping::Nothing => None,
            Keeping::New(row) => {
                insert(&mut tx, scope, row).await?;
                Some(row)
            }
            Keeping::Begun(row) => {
                finish(&mut tx, scope, row).await?;
                Some(row)
            }
        };
        if let Some(row) = row {
            for (file, stores) in &found {
                note_source(&mut tx, &row.id, file, stores).await?;
            }
        }
        if let Some((row, provenance)) = row.zip(provenance) {
            self.put_provenance(&mut tx, scope, &row.id, provenance).await?;
        }
        if let Some(append) = append {
            self.append_items(&mut tx, scope, &append.conversation, &append.items).await?;
        }
        commit(tx).await
    }

    /// Notes how an answer of the caller's that is under way goes on or ended, unless it was
    /// deleted. Says whether it is still there and was still under way.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn update_response(
        &self,
        scope: &Scope,
        id: &Id,
        status: &str,
        body: &str,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(concat!(
            "UPDATE responses SET status = $3, body = $4 WHERE tenant_id = $1 AND id = $2 \
             AND status IN ('queued', 'in_progress') AND ",
            owned!(response "responses.id", "$5")
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(status)
        .bind(body)
        .bind(holder(scope))
        .execute(&mut *tx)
        .await
        .or_internal("noting how a response goes on")?;
        commit(tx).await?;
        Ok(done.rows_affected() > 0)
    }

    /// A stored answer of the caller's whose sources the caller may read.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id for this caller.
    pub async fn response(&self, scope: &Scope, id: &Id) -> Result<ResponseRow> {
        sqlx::query_as(concat!(
            "SELECT r.id, r.status, r.body, r.input, r.pieces, r.created_at FROM responses r \
             WHERE r.tenant_id = $1 AND r.id = $2 AND NOT EXISTS (SELECT 1 FROM response_sources s \
             JOIN files f ON f.id = s.file_id WHERE s.response_id = r.id AND NOT ",
            readable!("f", "$3"),
            ") AND ",
            owned!(response "r.id", "$4")
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(manager(scope))
        .bind(holder(scope))
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a response")?
        .ok_or_else(|| missing(id))
    }

    /// The files that a stored answer of the caller's rests on, with the stores it found them
    /// through.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn response_sources(&self, scope: &Scope, id: &Id) -> Result<Vec<Origin>> {
        let rows = sqlx::query_as(concat!(
            "SELECT s.file_id, COALESCE(t.store_id, '') FROM response_sources s \
             JOIN responses r ON r.id = s.response_id LEFT JOIN response_stores t \
             ON t.response_id = s.response_id AND t.file_id = s.file_id \
             WHERE r.tenant_id = $1 AND r.id = $2 AND ",
            owned!(response "r.id", "$3"),
            " ORDER BY s.file_id, t.store_id"
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(holder(scope))
        .fetch_all(&self.read)
        .await
        .or_internal("reading what a response rests on")?;
        Ok(Origin::gather(rows))
    }

    /// Deletes a stored answer of the caller's that the caller may read.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id for this caller.
    pub async fn delete_response(&self, scope: &Scope, id: &Id) -> Result<()> {
        self.response(scope, id).await?;
        let mut tx = self.begin().await?;
        let done = sqlx::query(concat!(
            "DELETE FROM responses WHERE tenant_id = $1 AND id = $2 AND ",
            owned!(response "responses.id", "$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(holder(scope))
        .execute(&mut *tx)
        .await
        .or_internal("deleting a response")?;
        if done.rows_affected() == 0 {
            return Err(missing(id));
        }
        self.forget_naming(&mut tx, scope, id).await?;
        commit(tx).await
    }

    /// The answers that rest on a file, to be scrubbed within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn responses_resting_on(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        file: &Id,
    ) -> Result<Vec<ResponseRow>> {
        sqlx::query_as(
            "SELECT r.id, r.status, r.body, r.input, r.pieces, r.created_at FROM responses r \
             JOIN response_sources s ON s.response_id = r.id WHERE r.tenant_id = $1 AND s.file_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(file.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking up responses to scrub")
    }

    /// The answers that found a file through a store, and through no other one that still has
    /// it, to be scrubbed within the transaction that deletes the store.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn responses_found_through(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file): (&Id, &Id),
    ) -> Result<Vec<ResponseRow>> {
        sqlx::query_as(
            "SELECT r.id, r.status, r.body, r.input, r.pieces, r.created_at FROM responses r \
             JOIN response_stores t ON t.response_id = r.id \
             WHERE r.tenant_id = $1 AND t.store_id = $2 AND t.file_id = $3 AND NOT EXISTS \
             (SELECT 1 FROM response_stores o JOIN store_files sf ON sf.store_id = o.store_id \
             AND sf.file_id = o.file_id WHERE o.response_id = t.response_id \
             AND o.file_id = t.file_id AND o.store_id <> t.store_id)",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking up responses to scrub")
    }

    /// Writes a scrubbed answer, which rests on `file` no more.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn rewrite_response(&self, tx: &mut Tx, row: &ResponseRow, file: &Id) -> Result<()> {
        sqlx::query("UPDATE responses SET body = $2, input = $3, pieces = $4 WHERE id = $1")
            .bind(&row.id)
            .bind(&row.body)
            .bind(&row.input)
            .bind(&row.pieces)
            .execute(&mut **tx)
            .await
            .or_internal("scrubbing a response")?;
        sqlx::query("DELETE FROM response_sources WHERE response_id = $1 AND file_id = $2")
            .bind(&row.id)
            .bind(file.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("scrubbing a response")?;
        Ok(())
    }

    /// The answers that a process which is gone left under way, of every tenant.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn interrupted_responses(&self) -> Result<Vec<ResponseRow>> {
        sqlx::query_as(
            "SELECT id, status, body, input, pieces, created_at FROM responses \
             WHERE status IN ('queued', 'in_progress')",
        )
        .fetch_all(&self.read)
        .await
        .or_internal("looking up interrupted responses")
    }

    /// Ends an answer that a process which is gone left under way.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn end_interrupted(&self, id: &str, body: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE responses SET status = 'failed', body = $2 WHERE id = $1")
            .bind(id)
            .bind(body)
            .execute(&mut *tx)
            .await
            .or_internal("ending an interrupted response")?;
        commit(tx).await
    }
}

async fn insert(tx: &mut Tx, scope: &Scope, row: &ResponseRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO responses (id, tenant_id, status, body, input, pieces, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&row.id)
    .bind(scope.tenant().as_str())
    .bind(&row.status)
    .bind(&row.body)
    .bind(&row.input)
    .bind(&row.pieces)
    .bind(row.created_at)
    .execute(&mut **tx)
    .await
    .or_internal("keeping a response")?;
    own_response(tx, scope, &row.id).await
}

async fn finish(tx: &mut Tx, scope: &Scope, row: &ResponseRow) -> Result<()> {
    let done = sqlx::query(concat!(
        "UPDATE responses SET status = $3, body = $4, pieces = $5 WHERE tenant_id = $1 AND id = $2 \
         AND status IN ('queued', 'in_progress') AND ",
        owned!(response "responses.id", "$6")
    ))
    .bind(scope.tenant().as_str())
    .bind(&row.id)
    .bind(&row.status)
    .bind(&row.body)
    .bind(&row.pieces)
    .bind(holder(scope))
    .execute(&mut **tx)
    .await
    .or_internal("keeping a response")?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    let gone = format!("response '{}' was deleted or cancelled while it was made", row.id);
    Err(Error::new(Kind::Conflict, gone))
}

async fn note_source(tx: &mut Tx, response: &str, file: &str, stores: &[String]) -> Result<()> {
    sqlx::query(
        "INSERT INTO response_sources (response_id, file_id) VALUES ($1, $2) \
         ON CONFLICT (response_id, file_id) DO NOTHING",
    )
    .bind(response)
    .bind(file)
    .execute(&mut **tx)
    .await
    .or_internal("noting a response's sources")?;
    for store in stores {
        sqlx::query(
            "INSERT INTO response_stores (response_id, file_id, store_id) VALUES ($1, $2, $3) \
             ON CONFLICT (response_id, file_id, store_id) DO NOTHING",
        )
        .bind(response)
        .bind(file)
        .bind(store)
        .execute(&mut **tx)
        .await
        .or_internal("noting a response's sources")?;
    }
    Ok(())
}

fn missing(id: &Id) -> Error {
    Error::not_found(format!("response '{id}'"))
}
