//! Generations of a store's index: the one that answers, and perhaps one that is being built
//! with another embedding model or another way of cutting.
//!
//! A generation's chunks carry its number, its points lie in an index of its own. It becomes the
//! active one in one transaction, which takes place only when every completed file is whole in
//! it. The rows and the index of one that has ended go through the removal lists.

mod begin;
mod build;

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Records, Tx};

pub(super) use begin::require_unused;

/// A generation of a store's index.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GenerationRow {
    /// The store.
    pub store_id: String,
    /// Grows with every re-index of the store, from 1.
    pub generation: i64,
    /// The name of its index; the first has the store's id.
    pub index_name: String,
    /// Which model makes its vectors.
    pub embedding_model: String,
    /// Which version of it; `None` for the program's own model.
    pub embedding_version: Option<i64>,
    /// Numbers in a vector; `None` for the program's own model.
    pub dimensions: Option<i64>,
    /// How files are cut that do not say it themselves: a JSON object, or OpenAI's default.
    pub chunking: Option<String>,
    /// The language its words are counted in, a code; `None` is told from its first texts.
    pub language: Option<String>,
    /// 1 when that was asked for.
    pub language_named: i64,
    /// 1 when its build cuts every file so, whatever it said.
    pub recut: i64,
    /// 1 when its build reads every file's text from its bytes anew.
    pub reparse: i64,
    /// `building`, `active`, `retired`, `cancelled` or `failed`.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// How it compares with the one before: a JSON object, once it was built.
    pub report: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its building was last taken up.
    pub started_at: Option<Timestamp>,
    /// Bytes of the files that were done by then.
    pub bytes_at_start: i64,
    /// When it became active, or ended before it did.
    pub finished_at: Option<Timestamp>,
    /// What its building waited for when it was put off last, in words.
    pub waiting: Option<String>,
    /// When it is tried again then, at the earliest.
    pub retry_at: Option<Timestamp>,
}

impl GenerationRow {
    /// Whether it is being built.
    pub fn is_building(&self) -> bool {
        self.state == "building"
    }
}

/// What a generation shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGeneration {
    /// Which model makes its vectors.
    pub embedding_model: String,
    /// Which version of it; `None` for the program's own model.
    pub embedding_version: Option<i64>,
    /// Numbers in a vector; `None` for the program's own model.
    pub dimensions: Option<i64>,
    /// See [`GenerationRow::chunking`].
    pub chunking: Option<String>,
    /// Whether its build cuts every file so, whatever it said.
    pub recut: bool,
    /// Whether its build reads every file's text from its bytes anew.
    pub reparse: bool,
    /// See [`GenerationRow::language`].
    pub language: Option<String>,
    /// Whether that was asked for.
    pub language_named: bool,
}

/// How far a build is. Bytes are those that the files take in the active generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct BuildProgress {
    /// Completed files of the store.
    pub files: i64,
    /// Those of them that are whole in the new generation.
    pub files_done: i64,
    /// Bytes of all.
    pub bytes: i64,
    /// Bytes of those that are done.
    pub bytes_done: i64,
}

/// What reading a file anew gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reread {
    /// The text that is to be shown when the generation answers.
    pub text_version: i64,
    /// Whether it could not be read, and that is the one before.
    pub unread: bool,
}

/// Files that a build read anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct RereadCounts {
    /// Those whose text is another one now.
    pub changed: i64,
    /// Those that could not be read, and keep the text they had.
    pub unread: i64,
}

/// How all files of a store are cut from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recut {
    /// A JSON object, where the tokens do not say it.
    pub chunking: Option<String>,
    /// Most tokens of a chunk.
    pub chunk_tokens: i64,
    /// Tokens a chunk shares with the one before.
    pub overlap_tokens: i64,
}

/// What came of the attempt to make a generation the active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// It is the active one when the transaction commits.
    Done,
    /// A completed file is not whole in it yet.
    Behind,
    /// It is no longer being built.
    Ended,
}

/// The index of a generation that is active or being built.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LiveIndex {
    /// Its name.
    pub index_name: String,
    /// The store it is for.
    pub store_id: String,
    /// See [`GenerationRow::language`].
    pub language: Option<String>,
    /// See [`GenerationRow::dimensions`].
    pub dimensions: Option<i64>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT store_id, generation, index_name, embedding_model, embedding_version, dimensions, \
             chunking, language, language_named, recut, reparse, state, error, report, created_at, started_at, bytes_at_start, finished_at, \
             waiting, retry_at \
             FROM index_generations WHERE tenant_id = $1 AND store_id = $2",
            $rest
        )
    };
}

// Below the macro, which it uses.
mod trial;

impl Records {
    /// The generation that answers.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn active_generation(&self, scope: &Scope, store: &Id) -> Result<GenerationRow> {
        sqlx::query_as(select!(" AND state = 'active'"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .fetch_optional(&self.read)
            .await
            .or_internal("reading the generation of an index")?
            .ok_or_else(|| Error::not_found(format!("vector store '{store}'")))
    }

    /// As [`Records::active_generation`], within a transaction; only its number.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn active_generation_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
    ) -> Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT generation FROM index_generations \
             WHERE tenant_id = $1 AND store_id = $2 AND state = 'active'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_optional(&mut **tx)
        .await
        .or_internal("reading the generation of an index")
    }

    /// The name of the index that answers for a store, whosever it is; for upkeep and analysis.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn active_index(&self, store: &Id) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT index_name FROM index_generations WHERE store_id = $1 AND state = 'active'",
        )
        .bind(store.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading the name of an index")
    }

    /// The generations that are written to: the active one, then one that is being built.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn live_generations(&self, scope: &Scope, store: &Id) -> Result<Vec<GenerationRow>> {
        sqlx::query_as(select!(" AND state IN ('active', 'building') ORDER BY state"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .fetch_all(&self.read)
            .await
            .or_internal("reading the generations of an index")
    }

    /// The newest generation, whatever its state.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn newest_generation(&self, scope: &Scope, store: &Id) -> Result<GenerationRow> {
        sqlx::query_as(select!(" ORDER BY generation DESC LIMIT 1"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .fetch_optional(&self.read)
            .await
            .or_internal("reading the generation of an index")?
            .ok_or_else(|| Error::not_found(format!("vector store '{store}'")))
    }

    /// One generation, or none.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn find_generation(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
    ) -> Result<Option<GenerationRow>> {
        sqlx::query_as(select!(" AND generation = $3"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .bind(generation)
            .fetch_optional(&self.read)
            .await
            .or_internal("reading the generation of an index")
    }

    /// The indexes that must be there, of every tenant; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn live_indexes(&self) -> Result<Vec<LiveIndex>> {
        sqlx::query_as(
            "SELECT index_name, store_id, language, dimensions FROM index_generations \
             WHERE state IN ('active', 'building') ORDER BY index_name",
        )
        .fetch_all(&self.read)
        .await
        .or_internal("listing all indexes")
    }

    /// The index of that name if it must be there; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn live_index(&self, name: &str) -> Result<Option<LiveIndex>> {
        sqlx::query_as(
            "SELECT index_name, store_id, language, dimensions FROM index_generations \
             WHERE index_name = $1 AND state IN ('active', 'building')",
        )
        .bind(name)
        .fetch_optional(&self.read)
        .await
        .or_internal("looking up an index")
    }
}
