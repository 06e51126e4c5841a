//! Chunks: the passages answers are made of, with their vectors.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope};
use rusqlite::{Connection, Row};
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
    /// Exactly the document's text from `char_start` to `char_end`. Where a small chunk was
    /// found in a large one, the text and everything about it are the large one's.
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
    /// What was embedded and indexed in front of the text: headings that are not part of it,
    /// the header row of a table it is from. Often empty.
    pub context: String,
    /// What the document is called, which was embedded and indexed in front of all that. Empty
    /// where it is called nothing that tells, or the rest says it.
    pub label: String,
    /// First character of the small chunk that was found in a large one.
    pub match_start: Option<i64>,
    /// One past its last character.
    pub match_end: Option<i64>,
    /// Which of its file's texts it is cut from.
    pub text_version: i64,
}

/// What a [`ChunkRow`] is read from: the chunk `c`, its attachment `sf`, its file `f`, and the
/// large chunk `p` that it lies in, if it does.
macro_rules! chunk_rows {
    ($rest:literal) => {
        concat!(
            "SELECT c.seq, c.id, c.file_id, f.filename, sf.attributes, c.revision, c.ordinal, \
             COALESCE(p.text, c.text) AS text, COALESCE(p.heading, c.heading) AS heading, \
             CASE WHEN p.ordinal IS NULL THEN c.page ELSE p.page END AS page, \
             COALESCE(p.char_start, c.char_start) AS char_start, \
             COALESCE(p.char_end, c.char_end) AS char_end, COALESCE(p.tokens, c.tokens) AS tokens, \
             CASE WHEN p.ordinal IS NULL THEN c.context ELSE '' END AS context, c.label, \
             CASE WHEN p.ordinal IS NULL THEN NULL ELSE c.char_start END AS match_start, \
             CASE WHEN p.ordinal IS NULL THEN NULL ELSE c.char_end END AS match_end, \
             c.text_version \
             FROM chunks c JOIN store_files sf ON sf.store_id = c.store_id AND sf.file_id = c.file_id \
             JOIN files f ON f.id = c.file_id LEFT JOIN chunk_parents p \
             ON p.tenant_id = c.tenant_id AND p.store_id = c.store_id AND p.file_id = c.file_id \
             AND p.generation = c.generation AND p.ordinal = c.parent WHERE ",
            $rest
        )
    };
}

/// The chunks of the points `?5`, a JSON list, in the store `?4` that the caller `?3` of the tenant
/// `?1` may read at the time `?2`, in the generation of that state.
macro_rules! hits {
    ($state:literal) => {
        concat!(
            chunk_rows!(
                "sf.status = 'completed' AND sf.revision = c.revision AND EXISTS (SELECT 1 \
                 FROM index_generations g WHERE g.tenant_id = c.tenant_id \
                 AND g.store_id = c.store_id AND g.generation = c.generation AND g.state = "
            ),
            $state,
            ") AND c.tenant_id = ?1 AND (f.expires_at IS NULL OR f.expires_at > ?2) AND ",
            readable!("f", "?3"),
            // Without a bare column here SQLite takes the points, not all chunks of the store.
            " AND (c.store_id || '') = ?4 AND c.seq IN (SELECT value FROM json_each(?5))"
        )
    };
}

/// [`hits`] of what answers.
pub(super) const ALIVE: &str = hits!("'active'");
/// [`hits`] of what is being built.
pub(super) const IN_BUILD: &str = hits!("'building'");

impl ChunkRow {
    /// From a row of [`chunk_rows`], by the order of its columns.
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            file_id: row.get(2)?,
            filename: row.get(3)?,
            attributes: row.get(4)?,
            revision: row.get(5)?,
            ordinal: row.get(6)?,
            text: row.get(7)?,
            heading: row.get(8)?,
            page: row.get(9)?,
            char_start: row.get(10)?,
            char_end: row.get(11)?,
            tokens: row.get(12)?,
            context: row.get(13)?,
            label: row.get(14)?,
            match_start: row.get(15)?,
            match_end: row.get(16)?,
            text_version: row.get(17)?,
        })
    }

    /// All that was embedded and indexed in front of the text. Nothing where a large chunk is
    /// shown, as that was neither.
    pub fn above(&self) -> String {
        match self.match_start {
            Some(_) => String::new(),
            None => above(&self.label, &self.context),
        }
    }
}

/// Where a chunk lies, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PointPlace {
    /// Point id in the index.
    pub seq: i64,
    /// The file it is from.
    pub file_id: String,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Its text.
    pub text: String,
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
    /// What was embedded, and is indexed, in front of the text.
    pub context: String,
    /// What was and is in front of that.
    pub label: String,
    /// The ordinal of the large chunk it lies in.
    pub parent: Option<i64>,
    /// Its embedding.
    pub vector: Vec<f32>,
}

/// A large chunk to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewParent {
    /// Position among the file's large chunks, from 0.
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
}

/// A document as it was cut for one generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewCut {
    /// Its chunks.
    pub chunks: Vec<NewChunk>,
    /// The large chunks that they lie in, if there are any.
    pub parents: Vec<NewParent>,
    /// Which of its file's texts it is cut from: see [`super::TextRow::version`].
    pub text_version: i64,
}

/// What stands in front of a chunk: the label of its document, and its context.
pub fn above(label: &str, context: &str) -> String {
    let joint = if label.is_empty() || context.is_empty() { "" } else { "\n" };
    format!("{label}{joint}{context}")
}

/// What the index reads of a chunk: what stands [`above`] it, and its text.
pub fn indexed_text(above: &str, text: String) -> String {
    if above.is_empty() { text } else { format!("{above}\n{text}") }
}

/// What stands [`above`] a chunk `c`, in SQL.
macro_rules! stands_above {
    () => {
        "CASE WHEN c.label = '' THEN c.context WHEN c.context = '' THEN c.label \
         ELSE c.label || char(10) || c.context END"
    };
}
pub(super) use stands_above;

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
/// revision), which is neither read nor to be read; or of an earlier one of the file, where the
/// file's newest attachment is neither.
macro_rules! unwanted {
    () => {
        "c.tenant_id = $1 AND c.store_id = $2 AND c.file_id = $3 \
         AND NOT EXISTS (SELECT 1 FROM store_files sf WHERE sf.store_id = c.store_id \
         AND sf.file_id = c.file_id AND (sf.revision = c.revision OR c.revision <> $4) \
         AND sf.status IN ('in_progress', 'completed'))"
    };
}

/// Points looked up in one statement.
const POINTS_AT_ONCE: usize = 500;

impl Records {
    /// Stores the chunks of one attachment in one generation within a transaction, replacing
    /// those of earlier attachments of the file there, whose points go on the removal list. Says
    /// whether there were any; `None`, and nothing is changed, when the generation has ended or
    /// the attachment is gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn replace_chunks(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        of: (&Id, &Id, i64),
        generation: i64,
        cut: &NewCut,
    ) -> Result<Option<bool>> {
        let (store, file, revision) = of;
        let wanted: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM store_files sf JOIN index_generations g \
             ON g.tenant_id = sf.tenant_id AND g.store_id = sf.store_id \
             WHERE sf.tenant_id = $1 AND sf.store_id = $2 AND sf.file_id = $3 AND sf.revision = $4 \
             AND g.generation = $5 AND g.state IN ('active', 'building')",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(revision)
        .bind(generation)
        .fetch_one(&mut **tx)
        .await
        .or_internal("looking up an attachment")?;
        if wanted == 0 {
            return Ok(None);
        }
        super::files::list_point_removals(tx, scope, (Some(store), file), Some(generation)).await?;
        let mut replaced = 0;
        for statement in [
            "DELETE FROM chunk_parents \
             WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 AND generation = $4",
            "DELETE FROM chunks WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 AND generation = $4",
        ] {
            replaced = sqlx::query(statement)
                .bind(scope.tenant().as_str())
                .bind(store.as_str())
                .bind(file.as_str())
                .bind(generation)
                .execute(&mut **tx)
                .await
                .or_internal("replacing chunks")?
                .rows_affected();
        }
        for parent in &cut.parents {
            sqlx::query(
                "INSERT INTO chunk_parents (tenant_id, store_id, file_id, generation, ordinal, text, \
                 heading, page, char_start, char_end, tokens) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            )
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .bind(file.as_str())
            .bind(generation)
            .bind(parent.ordinal)
            .bind(&parent.text)
            .bind(&parent.heading)
            .bind(parent.page)
            .bind(parent.char_start)
            .bind(parent.char_end)
            .bind(parent.tokens)
            .execute(&mut **tx)
            .await
            .or_internal("storing a large chunk")?;
        }
        for chunk in &cut.chunks {
            sqlx::query(
                "INSERT INTO chunks (id, tenant_id, store_id, file_id, revision, ordinal, text, heading, \
                 page, char_start, char_end, tokens, vector, generation, context, parent, text_version, label) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
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
            .bind(generation)
            .bind(&chunk.context)
            .bind(chunk.parent)
            .bind(cut.text_version)
            .bind(&chunk.label)
            .execute(&mut **tx)
            .await
            .or_internal("storing a chunk")?;
        }
        Ok(Some(replaced > 0))
    }

    /// Removes the chunks of an attachment that is neither read nor to be read any more,
    /// because it failed or was cancelled after they were stored, within a transaction; and those
    /// that the file had before it was attached in another way. Their points go on the removal
    /// list. Says whether there were any.
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
                "INSERT INTO index_removals (seq, store_id) SELECT c.seq, g.index_name FROM chunks c \
                 JOIN index_generations g ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id \
                 AND g.generation = c.generation WHERE ",
                unwanted!(),
                " ON CONFLICT (seq) DO NOTHING"
            ),
            concat!(
                "INSERT INTO index_rewrites (store_id) SELECT DISTINCT g.index_name FROM chunks c \
                 JOIN index_generations g ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id \
                 AND g.generation = c.generation WHERE ",
                unwanted!(),
                " ON CONFLICT (store_id) DO UPDATE SET marks = index_rewrites.marks + 1"
            ),
            concat!(
                "DELETE FROM chunk_parents WHERE EXISTS (SELECT 1 FROM chunks c WHERE ",
                unwanted!(),
                " AND c.generation = chunk_parents.generation) \
                 AND tenant_id = $1 AND store_id = $2 AND file_id = $3"
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

    /// The chunks of one attachment in one generation, in order: id, what stands [`above`] it,
    /// text, vector.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunks_with_vectors(
        &self,
        scope: &Scope,
        (store, file): (&Id, &Id),
        generation: i64,
    ) -> Result<Vec<(i64, String, String, Vec<u8>)>> {
        sqlx::query_as(concat!(
            "SELECT c.seq, ",
            stands_above!(),
            " AS above, c.text, c.vector FROM chunks c WHERE c.tenant_id = $1 \
             AND c.store_id = $2 AND c.file_id = $3 AND c.generation = $4 ORDER BY c.ordinal"
        ))
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(generation)
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
        self.hits(scope, store, points, ALIVE).await
    }

    /// As [`Records::live_chunks`], of the generation that is being built: for evaluations, which
    /// try it before it answers.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunks_in_build(
        &self,
        scope: &Scope,
        store: &Id,
        points: &[i64],
    ) -> Result<Vec<ChunkRow>> {
        self.hits(scope, store, points, IN_BUILD).await
    }

    /// The chunks of `points` by `statement`, one of [`ALIVE`] and [`IN_BUILD`].
    async fn hits(
        &self,
        scope: &Scope,
        store: &Id,
        points: &[i64],
        statement: &'static str,
    ) -> Result<Vec<ChunkRow>> {
        if points.is_empty() {
            return Ok(Vec::new());
        }
        let points = serde_json::to_string(points).or_internal("listing points")?;
        let (tenant, now, who) = (scope.tenant().to_string(), self.clock.now(), asker(scope));
        let store = store.to_string();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(statement)?;
            let rows = statement.query_map((tenant, now, who, store, points), ChunkRow::read)?;
            rows.collect()
        };
        self.direct.read("reading hits", read).await
    }

    /// Those of the given points whose rows are gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn dead_points(&self, store: &Id, points: &[i64]) -> Result<Vec<i64>> {
        let mut dead = Vec::new();
        for some in points.chunks(POINTS_AT_ONCE) {
            let mut query =
                // As in `live_chunks`: by the points, not by the store.
                QueryBuilder::<sqlx::Sqlite>::new("SELECT seq FROM chunks WHERE (store_id || '') = ");
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

    /// Where the given points of a store lie, in any generation; those that are gone are not
    /// among them.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn places_of_points(
        &self,
        scope: &Scope,
        store: &Id,
        points: &[i64],
    ) -> Result<Vec<PointPlace>> {
        let mut found = Vec::new();
        for some in points.chunks(POINTS_AT_ONCE) {
            let mut query = QueryBuilder::<sqlx::Sqlite>::new(
                "SELECT seq, file_id, char_start, char_end, text FROM chunks WHERE tenant_id = ",
            );
            query.push_bind(scope.tenant().as_str()).push(" AND (store_id || '') = ");
            query.push_bind(store.as_str()).push(" AND seq IN (");
            let mut list = query.separated(", ");
            for point in some {
                list.push_bind(*point);
            }
            query.push(")");
            let rows: Vec<PointPlace> = query
                .build_query_as()
                .persistent(false)
                .fetch_all(&self.read)
                .await
                .or_internal("reading where chunks lie")?;
            found.extend(rows);
        }
        Ok(found)
    }

    /// The text of an attached file as stored, in order of its chunks.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunk_texts(&self, scope: &Scope, store: &Id, file: &Id) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT c.text FROM chunks c JOIN index_generations g ON g.tenant_id = c.tenant_id \
             AND g.store_id = c.store_id AND g.generation = c.generation WHERE c.tenant_id = $1 \
             AND c.store_id = $2 AND c.file_id = $3 AND g.state = 'active' ORDER BY c.ordinal",
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
            chunk_rows!("c.tenant_id = $1 AND c.id = $2 AND "),
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
