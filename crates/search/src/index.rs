//! The seam between the use-cases and whichever engine holds the index.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use cairn_kernel::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Analysis, Candidate, Filter, Frequencies, Fusion, Language, Ranking, Told};

/// Error code (with `Kind::Unavailable`) of a store whose index cannot be read:
/// call [`Index::drop_store`] and upsert its points again from the records.
pub const DAMAGED: &str = "index_damaged";

/// One chunk as the index holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The chunk's row sequence number in the records.
    pub id: u64,
    /// The file the chunk belongs to; [`Index::delete_file`] removes by it, and filters name it
    /// as [`crate::FILE_ID`].
    pub file: String,
    /// The chunk's text. It is analysed into terms and not stored.
    pub text: String,
    /// The chunk's embedding; any length but zero, as the cosine is taken.
    pub vector: Vec<f32>,
    /// The file's attributes for [`Filter`]s: strings, numbers and booleans only; and
    /// who may read it, as [`crate::Principals::write`] puts it.
    pub attributes: Map<String, Value>,
}

/// How many terms of one text [`Index::frequencies`] looks up; each may cost a small search.
pub const FREQUENCY_TERMS: usize = 32;

/// What to look for. At least one of `dense` and `text` must be given.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The query's embedding, for the dense leg.
    pub dense: Option<Vec<f32>>,
    /// The query's words, for the BM25 leg.
    pub text: Option<String>,
    /// How many hits to return at most.
    pub limit: usize,
    /// How many candidates each leg contributes (at least `limit` are taken).
    pub candidates: usize,
    /// Which chunks may be returned at all.
    pub filter: Option<Filter>,
    /// How the two legs' scores become one.
    pub fusion: Fusion,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            dense: None,
            text: None,
            limit: 10,
            candidates: 100,
            filter: None,
            fusion: Fusion::default(),
        }
    }
}

impl Query {
    /// Fails unless the query can be answered by any index.
    pub(crate) fn check(&self) -> Result<()> {
        if self.dense.is_none() && self.text.is_none() {
            return Err(Error::invalid("a search needs a text or a vector to look for"));
        }
        self.fusion.check()
    }

    /// Fails unless the query can be answered by an index of `dimensions`.
    pub(crate) fn fits(&self, dimensions: usize) -> Result<()> {
        match &self.dense {
            Some(vector) => check_vector(vector, dimensions, "the query's vector"),
            None => Ok(()),
        }
    }
}

/// A chunk that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The chunk's row sequence number, as given in [`Point::id`].
    pub id: u64,
    /// The final score, 0 to 1. It orders the hits of one query; see
    /// [`Fusion`] for what may and may not be compared across queries.
    pub score: f32,
    /// Cosine between the query's and the chunk's vector, if the query had one.
    pub dense: Option<f32>,
    /// Raw BM25 score, if the query had text; 0 when no term matches.
    pub bm25: Option<f32>,
    /// How the score came about.
    pub explain: Explain,
}

impl Hit {
    /// A hit that nothing is known of yet.
    pub(crate) fn of(id: u64) -> Self {
        Self { id, score: 0.0, dense: None, bm25: None, explain: Explain::default() }
    }
}

/// The steps from a hit's raw scores to its final one. Each is 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Explain {
    /// Its place by cosine among the candidates, from 1.
    pub dense_place: Option<u32>,
    /// Its place by BM25 among the candidates, from 1; none if no word matches.
    pub bm25_place: Option<u32>,
    /// The cosine on the scale of this query's candidates.
    pub dense: f32,
    /// The BM25 score on the scale of this query's candidates.
    pub bm25: f32,
    /// Both, weighed by [`Ranking::dense_weight`].
    pub fused: f32,
    /// The mean fused score of its neighbours, where it took a share of it.
    pub spread: Option<f32>,
    /// The reranker's score on the scale of the hits it read, where one was asked.
    pub late: Option<f32>,
}

/// How long the steps of a query took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Took {
    /// The search for the nearest vectors.
    pub dense_ms: f64,
    /// The search for the words.
    pub bm25_ms: f64,
    /// Looking up the scores that only one leg gave.
    pub lookup_ms: f64,
    /// Reading the best hits' vectors.
    pub vectors_ms: f64,
    /// Fusing, spreading and sorting.
    pub rank_ms: f64,
    /// All of it, with waiting for a thread.
    pub total_ms: f64,
}

/// What a search found, and what it took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The hits, best first.
    pub hits: Vec<Hit>,
    /// How many points there are to find.
    pub points: u64,
    /// The time of each step.
    pub took: Took,
}

/// An index of many stores. Calls on different stores do not wait for each other.
///
/// Upserts and deletes are idempotent: repeating them, in the same order, from any
/// point at or before the last [`Index::flush`] leads to the same index. That is
/// also how a caller recovers after a crash: what was flushed is there, what came
/// after may be missing, so it replays everything after the last flush.
#[async_trait]
pub trait Index: Send + Sync {
    /// Makes a store for texts in `language` with vectors of `dimensions` numbers (the
    /// index's usual ones when absent), unless it is there. Fails with `Kind::Conflict` if it
    /// is there for another language or other dimensions. What was a guess is none then.
    async fn create(
        &self,
        store: &str,
        language: Language,
        dimensions: Option<usize>,
    ) -> Result<()>;
    /// The language that a store's texts are analysed in; none if there is no store.
    async fn language(&self, store: &str) -> Result<Option<Language>>;
    /// How a store's texts become terms; none if there is no store.
    async fn analysis(&self, store: &str) -> Result<Option<Analysis>>;
    /// The language of a store that was made from so few texts that more may tell otherwise;
    /// none once it is settled, and if there is no store. See [`Index::analyse`].
    async fn guess(&self, store: &str) -> Result<Option<Language>>;
    /// Takes what a store's texts tell of their language by now: settles it where they are
    /// enough, and where it is another one than before, analyses all points anew, whose texts
    /// are `texts` by id. Returns whether it did: not where the text of a point is missing, for
    /// then it was written meanwhile. Queries go on meanwhile, changes to the same store wait.
    async fn analyse(&self, store: &str, told: Told, texts: HashMap<u64, String>) -> Result<bool>;
    /// Adds or replaces points by id. Creates the store if it does not exist, for texts
    /// in the language that these points' texts seem to be in, which is a guess where they are
    /// few, and for vectors as long as theirs. Each store has its own length of vectors.
    async fn upsert(&self, store: &str, points: Vec<Point>) -> Result<()>;
    /// Removes points by id; ids that are not there are passed over.
    async fn delete(&self, store: &str, ids: &[u64]) -> Result<()>;
    /// Removes every point of `file`.
    async fn delete_file(&self, store: &str, file: &str) -> Result<()>;
    /// The best hits by `ranking`, which takes the place of the query's fusion.
    async fn search(&self, store: &str, query: Query, ranking: Ranking) -> Result<Found>;
    /// Everything that the legs find, with vectors, in no order: what [`crate::learn()`]
    /// learns from. The query's limit and fusion do not matter.
    async fn candidates(&self, store: &str, query: Query) -> Result<Vec<Candidate>>;
    /// In how many of the chunks that `filter` lets through the terms of `text` occur; of a
    /// long text the first [`FREQUENCY_TERMS`] terms. `seen` are terms of chunks that it was seen
    /// to let through, which spares looking for one. Nothing for a store that does not exist.
    async fn frequencies(
        &self,
        store: &str,
        text: &str,
        filter: Option<Filter>,
        seen: HashSet<String>,
    ) -> Result<Frequencies>;
    /// The best hits by the default ranking with the query's fusion, best first. A store
    /// that does not exist has none.
    async fn query(&self, store: &str, query: Query) -> Result<Vec<Hit>> {
        let ranking = Ranking::from(query.fusion);
        Ok(self.search(store, query, ranking).await?.hits)
    }
    /// Removes the store with everything in it, damaged or not.
    async fn drop_store(&self, store: &str) -> Result<()>;
    /// The ids of all points, ascending, to compare with the records.
    async fn ids(&self, store: &str) -> Result<Vec<u64>>;
    /// How many points the store holds.
    async fn count(&self, store: &str) -> Result<u64>;
    /// Returns once everything upserted and deleted so far survives a crash.
    async fn flush(&self, store: &str) -> Result<()>;
    /// Rebuilds what has grown slow: worth calling after a bulk ingest.
    /// Queries go on meanwhile, changes to the same store wait. Implies a flush.
    async fn optimise(&self, store: &str) -> Result<()>;
    /// Writes the store's files anew with what is alive in it, so that nothing of removed
    /// points is left on disk. Queries go on meanwhile, changes to the same store wait.
    /// Implies a flush.
    async fn rewrite(&self, store: &str) -> Result<()>;
    /// The stores that exist, sorted, to find those that the records do not know.
    async fn stores(&self) -> Result<Vec<String>>;
    /// Flushes and closes every store; later calls open them again.
    async fn close_all(&self) -> Result<()>;
}

/// Fails unless `vector` has `dimensions` finite numbers; `what` names it.
pub(crate) fn check_vector(vector: &[f32], dimensions: usize, what: &str) -> Result<()> {
    if vector.len() != dimensions {
        return Err(Error::invalid(format!(
            "{what} has {} dimensions and the index has {dimensions}; \
             embed with the model that the index was built with",
            vector.len()
        )));
    }
    if vector.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(Error::invalid(format!("{what} contains a number that is not finite")))
}
