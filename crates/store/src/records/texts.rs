//! Texts that were read from files. A file has one, and at times another: when its bytes are read
//! anew, the chunks that answer are still cut from the one before. A chunk says which one it is cut
//! from, so that its characters are never looked up in another.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope};
use sha2::{Digest, Sha256};

use super::access::{asker, readable};
use super::{Records, Tx};

/// A document's text and its structure (pages, headings, boxes of lines) as JSON.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TextRow {
    /// The whole text; offsets count its Unicode scalars.
    pub text: String,
    /// The parser's document without the text.
    pub structure: String,
}

impl TextRow {
    /// What tells it from other texts of its file. Never 0, which is the version of a text that
    /// was read before there were versions.
    pub fn version(&self) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.text.as_bytes());
        hash.update([0]);
        hash.update(self.structure.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let version = digest.first_chunk::<8>().map_or(1, |eight| i64::from_le_bytes(*eight));
        if version == 0 { 1 } else { version }
    }
}

/// The text of a file that is shown.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ShownText {
    /// Its version, as chunks name it.
    pub version: i64,
    /// The text.
    #[sqlx(flatten)]
    pub row: TextRow,
}

/// The notes in the structure of the text `t`, as a JSON list.
macro_rules! notes {
    () => {
        "CASE WHEN json_valid(t.structure) \
         THEN COALESCE(json_extract(t.structure, '$.notes'), '[]') ELSE '[]' END"
    };
}
pub(super) use notes;

impl Records {
    /// The text of a file that was read.
    ///
    /// # Errors
    /// `NotFound` when it was not read (yet), or is not the tenant's.
    pub async fn file_text(&self, scope: &Scope, id: &Id) -> Result<TextRow> {
        Ok(self.shown_text(scope, id).await?.row)
    }

    /// As [`Records::file_text`], with its version.
    ///
    /// # Errors
    /// `NotFound` when it was not read (yet), or is not the tenant's.
    pub async fn shown_text(&self, scope: &Scope, id: &Id) -> Result<ShownText> {
        self.file(scope, id).await?;
        sqlx::query_as(
            "SELECT t.version, t.text, t.structure FROM files f JOIN document_texts t \
             ON t.file_id = f.id AND t.version = f.text_version \
             WHERE f.tenant_id = $1 AND f.id = $2 UNION ALL \
             SELECT f.text_version, t.text, t.structure FROM files f JOIN file_texts t \
             ON t.file_id = f.id WHERE f.tenant_id = $1 AND f.id = $2 AND f.text_version = 0",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a document's text")?
        .ok_or_else(|| Error::not_found(format!("the text of file '{id}'")))
    }

    /// The characters from `start` to `end` of this version of a document's text. None when it is
    /// gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn text_between(
        &self,
        scope: &Scope,
        (file, version): (&str, i64),
        start: i64,
        end: i64,
    ) -> Result<Option<String>> {
        let statement = match version {
            0 => {
                "SELECT substr(text, $3, $4) FROM file_texts \
                  WHERE tenant_id = $1 AND file_id = $2 AND $5 = 0"
            }
            _ => {
                "SELECT substr(text, $3, $4) FROM document_texts \
                  WHERE tenant_id = $1 AND file_id = $2 AND version = $5"
            }
        };
        sqlx::query_scalar(statement)
            .bind(scope.tenant().as_str())
            .bind(file)
            .bind(start + 1)
            .bind(end - start)
            .bind(version)
            .fetch_optional(&self.read)
            .await
            .or_internal("reading part of a document")
    }

    /// The structure of this version of a file's text; none when it is gone, or the caller's
    /// questions are not answered from the file.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn text_structure(
        &self,
        scope: &Scope,
        (file, version): (&str, i64),
    ) -> Result<Option<String>> {
        let statement = match version {
            0 => concat!(
                "SELECT t.structure FROM file_texts t JOIN files f ON f.id = t.file_id \
                 WHERE t.tenant_id = $1 AND t.file_id = $2 AND $4 = 0 AND ",
                readable!("f", "$3")
            ),
            _ => concat!(
                "SELECT t.structure FROM document_texts t JOIN files f ON f.id = t.file_id \
                 WHERE t.tenant_id = $1 AND t.file_id = $2 AND t.version = $4 AND ",
                readable!("f", "$3")
            ),
        };
        sqlx::query_scalar(statement)
            .bind(scope.tenant().as_str())
            .bind(file)
            .bind(asker(scope))
            .bind(version)
            .fetch_optional(&self.read)
            .await
            .or_internal("reading a document's structure")
    }

    /// Whether this version of a file's text is kept, as a transaction sees it.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn holds_text(&self, tx: &mut Tx, id: &Id, version: i64) -> Result<bool> {
        sqlx::query_scalar(
            "SELECT CASE WHEN $2 = 0 THEN EXISTS (SELECT 1 FROM file_texts WHERE file_id = $1) \
             ELSE EXISTS (SELECT 1 FROM document_texts WHERE file_id = $1 AND version = $2) END",
        )
        .bind(id.as_str())
        .bind(version)
        .fetch_one(&mut **tx)
        .await
        .or_internal("looking for a document's text")
    }

    /// Keeps a file's text within a transaction, as the one that is shown. What neither is shown
    /// nor has chunks goes.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the file was deleted meanwhile).
    pub async fn put_text(&self, tx: &mut Tx, scope: &Scope, id: &Id, row: &TextRow) -> Result<()> {
        let version = self.put_text_beside(tx, scope, id, row).await?;
        sqlx::query(concat!(
            "UPDATE files SET text_version = t.version, notes = ",
            notes!(),
            " FROM document_texts t WHERE t.file_id = $2 AND t.version = $3 \
             AND files.tenant_id = $1 AND files.id = $2 AND files.text_version <> $3",
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(version)
        .execute(&mut **tx)
        .await
        .or_internal("showing a document's text")?;
        drop_unused_texts(tx, id.as_str()).await
    }

    /// Keeps a file's text beside the one that is shown, within the transaction that stores the
    /// chunks that are cut from it; its version.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the file was deleted meanwhile).
    pub async fn put_text_beside(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
        row: &TextRow,
    ) -> Result<i64> {
        let version = row.version();
        sqlx::query(
            "INSERT INTO document_texts (file_id, version, tenant_id, text, structure) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (file_id, version) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(version)
        .bind(scope.tenant().as_str())
        .bind(&row.text)
        .bind(&row.structure)
        .execute(&mut **tx)
        .await
        .or_internal("keeping a document's text")?;
        Ok(version)
    }
}

/// Deletes the texts of a file that are not shown and that no chunk is cut from, within a
/// transaction.
pub(super) async fn drop_unused_texts(tx: &mut Tx, file: &str) -> Result<()> {
    for statement in [
        "DELETE FROM document_texts WHERE file_id = $1 \
         AND version <> (SELECT f.text_version FROM files f WHERE f.id = $1) \
         AND NOT EXISTS (SELECT 1 FROM chunks c \
         WHERE c.file_id = $1 AND c.text_version = document_texts.version)",
        "DELETE FROM file_texts WHERE file_id = $1 \
         AND 0 <> (SELECT f.text_version FROM files f WHERE f.id = $1) \
         AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.file_id = $1 AND c.text_version = 0)",
    ] {
        sqlx::query(statement)
            .bind(file)
            .execute(&mut **tx)
            .await
            .or_internal("deleting texts that nothing is cut from")?;
    }
    Ok(())
}
