//! Chunks: the passages answers are made of, with their vectors.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope};
use sqlx::QueryBuilder;

use super::access::{asker, manager, readable};
use super::{Records, Tx};

/// A passage of a document, alive as long as its row is.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ChunkRow {
    /// Point id in the index; only grows.
    pub seq: i64,
    /// `chunk_…`
    pub id: String,
    /// The file it is from.
    pub file_id: String,
    /// The file's name.
    pub filename: String,
    /// The file's attributes in this store, a JSON object.
    pub attributes: String,
    /// Which attachment of the file.
    pub revision: i64,
    /// Position among the file's chunks, from 0.
    pub ordinal: i64,
    /// Exactly the document's text from `char_start` to `char_end`.
    pub text: String,
    /// Headings above it, outermost first, as a JSON list.
    pub heading: String,
    /// Page it starts on, from 1.
    pub page: Option<i64>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Its length for the embedding model.
    pub tokens: i64,
}

/// A chunk to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChunk {
    /// Position among the file's chunks, from 0.
    pub ordinal: i64,
    /// Exactly the document's text from `char_start` to `char_end`.
    pub text: String,
    /// Headings above it as a JSON list.
    pub heading: String,
    /// Page it starts on, from 1.
    pub page: Option<i64>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Its length for the embedding model.
    pub tokens: i64,
    /// Its embedding.
    pub vector: Vec<f32>,
}

fn encode_vector(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A vector as the records keep it: little-endian `f32`.
pub fn decode_vector(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}

/// The condition that a chunk `c` is of the attachment `$1` to `$4` (tenant, store, file,
/// revision), which is neither read nor to be read.
macro_rules! unwanted {
    () => {
        "c.tenant_id = $1 AND c.store_id = $2 AND c.file_id = $3 AND c.revision = $4 \
         AND NOT EXISTS (SELECT 1 FROM store_files sf WHERE sf.store_id = c.store_id \
         AND sf.file_id = c.file_id AND sf.revision = c.revision \
         AND sf.status IN ('in_progress', 'completed'))"
    };
}

/// Points looked up in one statement.
const POINTS_AT_ONCE: usize = 500;

impl Records {
    /// Stores the chunks of one attachment within a transaction, replacing those of
    /// earlier attachments of the file, whose points go on the removal list. Says whether
    /// there were any.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the attachment is gone).
    pub async fn replace_chunks(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        of: (&Id, &Id, i64),
        chunks: &[NewChunk],
    ) -> Result<bool> {
        let (store, file, revision) = of;
        super::files::list_point_removals(tx, scope, Some(store), file).await?;
        let replaced = sqlx::query(
            "DELETE FROM chunks WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .execute(&mut **tx)
        .await
        .or_internal("replacing chunks")?;
        for chunk in chunks {
            sqlx::query(
                "INSERT INTO chunks (id, tenant_id, store_id, file_id, revision, ordinal, text, heading, \
                 page, char_start, char_end, tokens, vector) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            )
            .bind(Id::generate("chunk_").as_str())
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .bind(file.as_str())
            .bind(revision)
            .bind(chunk.ordinal)
            .bind(&chunk.text)
            .bind(&chunk.heading)
            .bind(chunk.page)
            .bind(chunk.char_start)
            .bind(chunk.char_end)
            .bind(chunk.tokens)
            .bind(encode_vector(&chunk.vector))
            .execute(&mut **tx)
            .await
            .or_internal("storing a chunk")?;
        }
        Ok(replaced.rows_affected() > 0)
    }

    /// Removes the chunks of an attachment that is neither read nor to be read any more,
    /// because it failed or was cancelled after they were stored, within a transaction. Their
    /// points go on the removal list. Says whether there were any.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn drop_unwanted_chunks(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file, revision): (&Id, &Id, i64),
    ) -> Result<bool> {
        let mut removed = 0;
        for statement in [
            concat!(
                "INSERT INTO index_removals (seq, store_id) SELECT c.seq, c.store_id FROM chunks c WHERE ",
                unwanted!(),
                " ON CONFLICT (seq) DO NOTHING"
            ),
            concat!(
                "INSERT INTO index_rewrites (store_id) SELECT DISTINCT c.store_id FROM chunks c WHERE ",
                unwanted!(),
                " ON CONFLICT (store_id) DO UPDATE SET marks = index_rewrites.marks + 1"
            ),
            concat!(
                "DELETE FROM chunks WHERE seq IN (SELECT c.seq FROM chunks c WHERE ",
                unwanted!(),
                ")"
            ),
        ] {
            let done = sqlx::query(statement)
                .bind(scope.tenant().as_str())
                .bind(store.as_str())
                .bind(file.as_str())
                .bind(revision)
                .execute(&mut **tx)
                .await
                .or_internal("removing chunks that nobody wants")?;
            removed = done.rows_affected();
        }
        Ok(removed > 0)
    }

    /// The chunks of one attachment with their vectors, in order.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunks_with_vectors(
        &self,
        scope: &Scope,
        store: &Id,
        file: &Id,
    ) -> Result<Vec<(i64, i64, String, Vec<u8>)>> {
        sqlx::query_as(
            "SELECT seq, revision, text, vector FROM chunks \
             WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 ORDER BY ordinal",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading chunks")
    }

    /// Those of the given points that are alive now, in completed attachments of
    /// the stores named, and that the caller's key may be answered from. What was deleted
    /// or is kept from the caller is not among them, whatever the index says.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn live_chunks(
        &self,
        scope: &Scope,
        store: &Id,
        points: &[i64],
    ) -> Result<Vec<ChunkRow>> {
        if points.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(
            "SELECT c.seq, c.id, c.file_id, f.filename, sf.attributes, c.revision, c.ordinal, c.text, \
             c.heading, c.page, c.char_start, c.char_end, c.tokens FROM chunks c \
             JOIN store_files sf ON sf.store_id = c.store_id AND sf.file_id = c.file_id \
             JOIN files f ON f.id = c.file_id \
             WHERE sf.status = 'completed' AND sf.revision = c.revision AND c.tenant_id = ",
        );
        let who = asker(scope);
        query.push_bind(scope.tenant().as_str());
        query.push(" AND (f.expires_at IS NULL OR f.expires_at > ").push_bind(self.clock.now());
        query.push(
            ") AND (f.restricted = 0 OR EXISTS (SELECT 1 FROM file_access fa \
             WHERE fa.file_id = f.id AND replace(",
        );
        query.push_bind(who.clone()).push(", '|' || fa.principal || '|', '') <> ").push_bind(who);
        query.push(")) AND c.store_id = ");
        query.push_bind(store.as_str()).push(" AND c.seq IN (");
        let mut list = query.separated(", ");
        for point in points {
            list.push_bind(point);
        }
        query.push(")");
        query.build_query_as().fetch_all(&self.read).await.or_internal("reading hits")
    }

    /// Those of the given points whose rows are gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn dead_points(&self, store: &Id, points: &[i64]) -> Result<Vec<i64>> {
        let mut dead = Vec::new();
        for some in points.chunks(POINTS_AT_ONCE) {
            let mut query =
                QueryBuilder::<sqlx::Sqlite>::new("SELECT seq FROM chunks WHERE store_id = ");
            query.push_bind(store.as_str()).push(" AND seq IN (");
            let mut list = query.separated(", ");
            for point in some {
                list.push_bind(*point);
            }
            query.push(")");
            let alive: Vec<i64> = query
                .build_query_scalar()
                .persistent(false)
                .fetch_all(&self.read)
                .await
                .or_internal("looking up points")?;
            dead.extend(some.iter().copied().filter(|point| !alive.contains(point)));
        }
        Ok(dead)
    }

    /// The text of an attached file as stored, in order of its chunks.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunk_texts(&self, scope: &Scope, store: &Id, file: &Id) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT text FROM chunks WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 \
             ORDER BY ordinal",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading chunks")
    }

    /// The highest point id ever given out: an answer's index position.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn index_position(&self, scope: &Scope) -> Result<i64> {
        sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM chunks WHERE tenant_id = $1")
            .bind(scope.tenant().as_str())
            .fetch_one(&self.read)
            .await
            .or_internal("reading the index position")
    }

    /// One chunk of the caller's tenant.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such chunk.
    pub async fn chunk_of(&self, scope: &Scope, id: &str) -> Result<ChunkRow> {
        sqlx::query_as(concat!(
            "SELECT c.seq, c.id, c.file_id, f.filename, sf.attributes, c.revision, c.ordinal, c.text, \
             c.heading, c.page, c.char_start, c.char_end, c.tokens FROM chunks c \
             JOIN store_files sf ON sf.store_id = c.store_id AND sf.file_id = c.file_id \
             JOIN files f ON f.id = c.file_id WHERE c.tenant_id = $1 AND c.id = $2 AND ",
            readable!("f", "$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(id)
        .bind(manager(scope))
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a chunk")?
        .ok_or_else(|| Error::not_found(format!("chunk '{id}'")))
    }
}
