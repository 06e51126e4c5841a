//! How stores put hits in order, and what else a search reads of a store and its chunks.

use std::collections::{HashMap, HashSet};

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row};
use sqlx::QueryBuilder;

use super::access::{asker, readable};
use super::{Records, StoreRow, commit, decode_vector};

/// The ranking of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankingRow {
    /// Its shares, a JSON object.
    pub ranking: String,
    /// How it was chosen, a JSON text.
    pub choice: String,
    /// From how many judged queries.
    pub queries: i64,
    /// How good the alternatives are, a JSON object; `None` where nothing was learned.
    pub quality: Option<String>,
    /// When it was set.
    pub created_at: Timestamp,
}

/// A store beside its ranking, whose columns are empty without one.
#[derive(sqlx::FromRow)]
struct RankedRow {
    #[sqlx(flatten)]
    store: StoreRow,
    ranking: Option<String>,
    choice: Option<String>,
    queries: Option<i64>,
    quality: Option<String>,
    ranked_at: Option<Timestamp>,
}

impl RankedRow {
    fn split(self) -> (StoreRow, Option<RankingRow>) {
        let Self { store, ranking, choice, queries, quality, ranked_at } = self;
        let row = ranking.zip(choice).zip(queries).zip(ranked_at);
        let ranking = row.map(|(((ranking, choice), queries), created_at)| RankingRow {
            ranking,
            choice,
            queries,
            quality,
            created_at,
        });
        (store, ranking)
    }
}

/// Where a store is searched: in the generation of its index that is active.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ActiveRow {
    /// Its number.
    pub generation: i64,
    /// The name of its index.
    pub index_name: String,
    /// Which model makes its vectors.
    pub vector_model: String,
    /// Which version of it; `None` for the program's own model.
    pub vector_version: Option<i64>,
}

/// What a search must know of a store, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedStore {
    /// The store.
    pub row: StoreRow,
    /// Its ranking, if it has one of its own.
    pub ranking: Option<RankingRow>,
    /// Where it is searched.
    pub active: ActiveRow,
    /// Whether any file of the tenant has an access list.
    pub has_lists: bool,
}

/// A store `?2` of the tenant `?1` beside its ranking and its active generation.
const ASKED: &str = "SELECT v.id, v.name, v.description, v.metadata, v.embedding_model, \
     v.expires_after_days, v.created_at, v.last_active_at, r.ranking, r.choice, r.queries, \
     r.quality, r.created_at AS ranked_at, g.generation, g.index_name, \
     g.embedding_model AS vector_model, g.embedding_version AS vector_version, \
     EXISTS (SELECT 1 FROM files WHERE tenant_id = ?1 AND restricted = 1) AS lists \
     FROM vector_stores v JOIN index_generations g \
     ON g.tenant_id = v.tenant_id AND g.store_id = v.id AND g.state = 'active' \
     LEFT JOIN store_rankings r ON r.tenant_id = v.tenant_id AND r.store_id = v.id \
     WHERE v.tenant_id = ?1 AND v.id = ?2";

impl AskedStore {
    /// From a row of [`ASKED`].
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let ranked = RankedRow {
            store: StoreRow {
                id: row.get("id")?,
                name: row.get("name")?,
                description: row.get("description")?,
                metadata: row.get("metadata")?,
                embedding_model: row.get("embedding_model")?,
                expires_after_days: row.get("expires_after_days")?,
                created_at: row.get("created_at")?,
                last_active_at: row.get("last_active_at")?,
            },
            ranking: row.get("ranking")?,
            choice: row.get("choice")?,
            queries: row.get("queries")?,
            quality: row.get("quality")?,
            ranked_at: row.get("ranked_at")?,
        };
        let active = ActiveRow {
            generation: row.get("generation")?,
            index_name: row.get("index_name")?,
            vector_model: row.get("vector_model")?,
            vector_version: row.get("vector_version")?,
        };
        let (store, ranking) = ranked.split();
        Ok(Self { row: store, ranking, active, has_lists: row.get("lists")? })
    }
}

/// Where a chunk stands among its neighbours in its document.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct NeighbourRow {
    /// Point id in the index.
    pub seq: i64,
    /// Headings above it, outermost first, as a JSON list.
    pub heading: String,
    /// Page it begins on, from 1.
    pub page: Option<i64>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
}

/// A file that a caller's questions are answered from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweringFile {
    /// `file-…`
    pub id: String,
    /// Its name.
    pub filename: String,
    /// The first of the stores that were asked which has it.
    pub store_id: String,
    /// Its attributes there, a JSON object.
    pub attributes: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// The files with chunks of the stores `?4`, a JSON list, that the caller `?3` of the tenant `?1`
/// is answered from at the time `?2`.
const ANSWERING: &str = concat!(
    "SELECT f.id, f.filename, sf.store_id, sf.attributes, f.created_at FROM store_files sf \
     JOIN files f ON f.id = sf.file_id WHERE sf.tenant_id = ?1 AND sf.status = 'completed' \
     AND sf.store_id IN (SELECT value FROM json_each(?4)) \
     AND (f.expires_at IS NULL OR f.expires_at > ?2) AND EXISTS (SELECT 1 FROM chunks c \
     WHERE c.store_id = sf.store_id AND c.file_id = sf.file_id AND c.ordinal = 0) AND ",
    readable!("f", "?3"),
    " ORDER BY f.created_at DESC, f.id DESC, sf.store_id"
);

impl AnsweringFile {
    /// From a row of [`ANSWERING`], by the order of its columns.
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            filename: row.get(1)?,
            store_id: row.get(2)?,
            attributes: row.get(3)?,
            created_at: row.get(4)?,
        })
    }
}

/// A chunk of a file by its place there, without its text.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OutlineRow {
    /// Point id in the index.
    pub seq: i64,
    /// Position among the file's chunks, from 0.
    pub ordinal: i64,
    /// Headings above it, outermost first, as a JSON list.
    pub heading: String,
}

impl Records {
    /// The files of these stores that the caller's questions are answered from and that pass `keep`,
    /// each once: the `most` newest, and how many there are in all.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn answering_files(
        &self,
        scope: &Scope,
        stores: &[Id],
        most: usize,
        keep: impl Fn(&AnsweringFile) -> bool + Send + 'static,
    ) -> Result<(Vec<AnsweringFile>, usize)> {
        let stores: Vec<&str> = stores.iter().map(Id::as_str).collect();
        let stores = serde_json::to_string(&stores).or_internal("listing stores")?;
        let (tenant, now, who) = (scope.tenant().to_string(), self.clock.now(), asker(scope));
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(ANSWERING)?;
            let rows = statement.query_map((tenant, now, who, stores), AnsweringFile::read)?;
            let (mut newest, mut seen) = (Vec::new(), HashSet::new());
            for row in rows {
                let file = row?;
                if keep(&file) && seen.insert(file.id.clone()) && newest.len() < most {
                    newest.push(file);
                }
            }
            Ok((newest, seen.len()))
        };
        self.direct.read("reading which files answer", read).await
    }

    /// The first `most` chunks of a file in what answers from a store, in order. Whether the caller
    /// may read them is for [`Records::live_chunks`] to say.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn outline(
        &self,
        scope: &Scope,
        (store, file): (&str, &str),
        most: i64,
    ) -> Result<Vec<OutlineRow>> {
        sqlx::query_as(
            "SELECT c.seq, c.ordinal, c.heading FROM chunks c JOIN index_generations g \
             ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id \
             AND g.generation = c.generation WHERE c.tenant_id = $1 AND c.store_id = $2 \
             AND c.file_id = $3 AND g.state = 'active' ORDER BY c.ordinal LIMIT $4",
        )
        .bind(scope.tenant().as_str())
        .bind(store)
        .bind(file)
        .bind(most)
        .fetch_all(&self.read)
        .await
        .or_internal("reading the outline of a file")
    }

    /// One store of the caller's tenant, and its ranking if it has one of its own.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn store_with_ranking(
        &self,
        scope: &Scope,
        id: &Id,
    ) -> Result<(StoreRow, Option<RankingRow>)> {
        let row: Option<RankedRow> = sqlx::query_as(
            "SELECT v.id, v.name, v.description, v.metadata, v.embedding_model, \
             v.expires_after_days, v.created_at, v.last_active_at, r.ranking, r.choice, r.queries, \
             r.quality, r.created_at AS ranked_at FROM vector_stores v LEFT JOIN store_rankings r \
             ON r.tenant_id = v.tenant_id AND r.store_id = v.id \
             WHERE v.tenant_id = $1 AND v.id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a vector store and its ranking")?;
        let found = row.ok_or_else(|| Error::not_found(format!("vector store '{id}'")))?;
        Ok(found.split())
    }

    /// One store of the caller's tenant for a search of it, in one reading.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn asked_store(&self, scope: &Scope, id: &Id) -> Result<AskedStore> {
        let asked = (scope.tenant().to_string(), id.to_string());
        let read = move |connection: &Connection| {
            connection.prepare_cached(ASKED)?.query_row(asked, AskedStore::read).optional()
        };
        let found = self.direct.read("reading a vector store for a search", read).await?;
        found.ok_or_else(|| Error::not_found(format!("vector store '{id}'")))
    }

    /// Sets the ranking of a store in place of the one it has.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn set_ranking(&self, scope: &Scope, store: &Id, row: &RankingRow) -> Result<()> {
        let mut tx = self.begin().await?;
        let known: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM vector_stores WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_one(&mut *tx)
        .await
        .or_internal("looking up a vector store")?;
        if known == 0 {
            return Err(Error::not_found(format!("vector store '{store}'")));
        }
        sqlx::query(
            "INSERT INTO store_rankings (tenant_id, store_id, ranking, choice, queries, quality, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (tenant_id, store_id) DO UPDATE SET ranking = excluded.ranking, \
             choice = excluded.choice, queries = excluded.queries, quality = excluded.quality, \
             created_at = excluded.created_at",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(&row.ranking)
        .bind(&row.choice)
        .bind(row.queries)
        .bind(&row.quality)
        .bind(row.created_at)
        .execute(&mut *tx)
        .await
        .or_internal("setting a ranking")?;
        commit(tx).await
    }

    /// Takes a store's ranking away, if it has one; it has the default then.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn delete_ranking(&self, scope: &Scope, store: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM store_rankings WHERE tenant_id = $1 AND store_id = $2")
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("taking a ranking away")?;
        commit(tx).await
    }

    /// The vectors of chunks, by point id; those that are gone are not among them.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunk_vectors(
        &self,
        scope: &Scope,
        points: &[i64],
    ) -> Result<HashMap<i64, Vec<f32>>> {
        if points.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query =
            QueryBuilder::<sqlx::Sqlite>::new("SELECT seq, vector FROM chunks WHERE tenant_id = ");
        query.push_bind(scope.tenant().as_str()).push(" AND seq IN (");
        let mut list = query.separated(", ");
        for point in points {
            list.push_bind(*point);
        }
        query.push(")");
        let rows: Vec<(i64, Vec<u8>)> =
            query.build_query_as().fetch_all(&self.read).await.or_internal("reading vectors")?;
        Ok(rows.into_iter().map(|(seq, vector)| (seq, decode_vector(&vector))).collect())
    }

    /// A chunk with up to `reach` chunks on each side of it in its document, in order.
    /// None when it is gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunks_around(
        &self,
        scope: &Scope,
        point: i64,
        reach: i64,
    ) -> Result<Vec<NeighbourRow>> {
        sqlx::query_as(
            "SELECT c.seq, c.heading, c.page, c.char_start, c.char_end FROM chunks hit JOIN chunks c \
             ON c.store_id = hit.store_id AND c.file_id = hit.file_id AND c.revision = hit.revision \
             AND c.generation = hit.generation \
             WHERE hit.tenant_id = $1 AND hit.seq = $2 \
             AND c.ordinal BETWEEN hit.ordinal - $3 AND hit.ordinal + $3 ORDER BY c.ordinal",
        )
        .bind(scope.tenant().as_str())
        .bind(point)
        .bind(reach)
        .fetch_all(&self.read)
        .await
        .or_internal("reading the chunks around a hit")
    }

    /// When a file was made; `None` when it is gone. For the index.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn file_made_at(&self, scope: &Scope, file: &Id) -> Result<Option<Timestamp>> {
        sqlx::query_scalar("SELECT created_at FROM files WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(file.as_str())
            .fetch_optional(&self.read)
            .await
            .or_internal("reading when a file was made")
    }

    /// When each file of a store was made. For the index of the store.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn files_made_at(&self, store: &str) -> Result<HashMap<String, Timestamp>> {
        let rows: Vec<(String, Timestamp)> = sqlx::query_as(
            "SELECT f.id, f.created_at FROM store_files sf JOIN files f ON f.id = sf.file_id \
             WHERE sf.store_id = $1",
        )
        .bind(store)
        .fetch_all(&self.read)
        .await
        .or_internal("reading when the files of a store were made")?;
        Ok(rows.into_iter().collect())
    }

    /// Id and name of the files attached to the store of an index: all of them, or those that
    /// have one of `names`. For filters on the index, whose points have no names.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn names_of_index(
        &self,
        index: &str,
        names: Option<&[String]>,
    ) -> Result<Vec<(String, String)>> {
        let query = match names {
            None => sqlx::query_as(
                "SELECT f.id, f.filename FROM index_generations g \
                 JOIN store_files sf ON sf.tenant_id = g.tenant_id AND sf.store_id = g.store_id \
                 JOIN files f ON f.id = sf.file_id WHERE g.index_name = $1",
            )
            .bind(index),
            // By the names' own index, not through all files of the store.
            Some(names) => sqlx::query_as(
                "SELECT f.id, f.filename FROM index_generations g \
                 JOIN files f ON f.tenant_id = g.tenant_id \
                 AND f.filename IN (SELECT value FROM json_each($2)) \
                 JOIN store_files sf ON sf.store_id = g.store_id AND sf.file_id = f.id \
                 WHERE g.index_name = $1",
            )
            .bind(index)
            .bind(serde_json::to_string(names).or_internal("writing names")?),
        };
        query.fetch_all(&self.read).await.or_internal("looking up files by name")
    }
}
