//! Uploaded files and the text that was read from them.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Page, Records, Tx, commit, paged};
use crate::BlobPath;

/// An uploaded file; its bytes are a blob.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FileRow {
    /// `file-…`
    pub id: String,
    /// As the client called it.
    pub filename: String,
    /// OpenAI's purpose, `assistants` and so on.
    pub purpose: String,
    /// Size of the bytes.
    pub bytes: i64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// A document's text and its structure (pages, headings) as JSON.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TextRow {
    /// The whole text; offsets count its Unicode scalars.
    pub text: String,
    /// The parser's document without the text.
    pub structure: String,
}

impl Records {
    /// Records an upload whose blob is already written.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_file(&self, scope: &Scope, file: &FileRow) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO files (id, tenant_id, filename, purpose, bytes, sha256, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&file.id)
        .bind(scope.tenant().as_str())
        .bind(&file.filename)
        .bind(&file.purpose)
        .bind(file.bytes)
        .bind(&file.sha256)
        .bind(file.created_at)
        .execute(&mut *tx)
        .await
        .or_internal("recording a file")?;
        commit(tx).await
    }

    /// One file of the caller's tenant.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file.
    pub async fn file(&self, scope: &Scope, id: &Id) -> Result<FileRow> {
        sqlx::query_as(
            "SELECT id, filename, purpose, bytes, sha256, created_at FROM files \
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a file's record")?
        .ok_or_else(|| Error::not_found(format!("file '{id}'")))
    }

    /// The tenant's files, of one purpose if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_files(
        &self,
        scope: &Scope,
        purpose: Option<&str>,
        page: &Page,
    ) -> Result<Vec<FileRow>> {
        paged!(
            page,
            FileRow,
            "SELECT id, filename, purpose, bytes, sha256, created_at FROM files \
             WHERE tenant_id = $1 AND ($4 = '' OR purpose = $4)"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(purpose.unwrap_or(""))
        .fetch_all(&self.read)
        .await
        .or_internal("listing files")
    }

    /// Deletes a file everywhere: its record, text, chunks in every store, and the
    /// stored responses that quote it, in one transaction. Index entries and the
    /// blob follow through the removal lists.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file.
    pub async fn delete_file(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        list_point_removals(&mut tx, scope, None, id).await?;
        for statement in [
            "DELETE FROM responses WHERE tenant_id = $1 AND id IN \
             (SELECT response_id FROM response_sources WHERE file_id = $2)",
            "DELETE FROM chunks WHERE tenant_id = $1 AND file_id = $2",
            "DELETE FROM store_files WHERE tenant_id = $1 AND file_id = $2",
        ] {
            sqlx::query(statement)
                .bind(scope.tenant().as_str())
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .or_internal("deleting a file's rows")?;
        }
        let gone = sqlx::query("DELETE FROM files WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("deleting a file")?;
        if gone.rows_affected() == 0 {
            return Err(Error::not_found(format!("file '{id}'")));
        }
        sqlx::query("INSERT INTO blob_removals (path) VALUES ($1) ON CONFLICT (path) DO NOTHING")
            .bind(BlobPath::file(scope, id).as_str())
            .execute(&mut *tx)
            .await
            .or_internal("listing a blob for removal")?;
        commit(tx).await
    }

    /// The text of a file that was read.
    ///
    /// # Errors
    /// `NotFound` when it was not read (yet), or is not the tenant's.
    pub async fn file_text(&self, scope: &Scope, id: &Id) -> Result<TextRow> {
        sqlx::query_as(
            "SELECT text, structure FROM file_texts WHERE tenant_id = $1 AND file_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a document's text")?
        .ok_or_else(|| Error::not_found(format!("the text of file '{id}'")))
    }

    /// Keeps a file's text within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the file was deleted meanwhile).
    pub async fn put_text(&self, tx: &mut Tx, scope: &Scope, id: &Id, row: &TextRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO file_texts (file_id, tenant_id, text, structure) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (file_id) DO UPDATE SET text = excluded.text, structure = excluded.structure",
        )
        .bind(id.as_str())
        .bind(scope.tenant().as_str())
        .bind(&row.text)
        .bind(&row.structure)
        .execute(&mut **tx)
        .await
        .or_internal("keeping a document's text")?;
        Ok(())
    }
}

/// Puts the points of a file (in one store or in all) on the removal list.
pub(super) async fn list_point_removals(
    tx: &mut Tx,
    scope: &Scope,
    store: Option<&Id>,
    file: &Id,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO index_removals (seq, store_id) SELECT seq, store_id FROM chunks \
         WHERE tenant_id = $1 AND file_id = $2 AND ($3 = '' OR store_id = $3) \
         ON CONFLICT (seq) DO NOTHING",
    )
    .bind(scope.tenant().as_str())
    .bind(file.as_str())
    .bind(store.map_or("", Id::as_str))
    .execute(&mut **tx)
    .await
    .or_internal("listing index entries for removal")?;
    Ok(())
}
