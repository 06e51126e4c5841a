//! Search over vector stores: embed the query, ask the index, keep what is alive.

mod reading;

use std::collections::HashMap;
use std::sync::Arc;

use cairn_kernel::{Error, Id, Result, ResultExt, Scope};
use cairn_search::{Analyzer, Filter, Fusion, Query};
use cairn_serving::embed::{Embedder, Priority};
use cairn_store::Records;
use cairn_store::records::ChunkRow;
use serde_json::Value;

use crate::access;
use crate::projection::Projection;
use crate::stores::require_alive;

pub(crate) use reading::Tokens;

/// How long a store's last use may lie behind before it is noted again.
const TOUCH_MS: i64 = 60_000;

/// A passage that answers a query, alive when it was read.
#[derive(Clone, Debug)]
pub struct Passage {
    /// The passage with its place in the document.
    pub chunk: ChunkRow,
    /// Headings above it, outermost first.
    pub headings: Vec<String>,
    /// The file's attributes.
    pub attributes: Value,
    /// Fused score, 0 to 1.
    pub score: f32,
    /// Cosine of the dense leg.
    pub dense: Option<f32>,
    /// Raw score of the BM25 leg.
    pub bm25: Option<f32>,
}

/// What to look for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The stores to search.
    pub stores: Vec<Id>,
    /// One or more wordings; a passage counts with its best.
    pub queries: Vec<String>,
    /// Most passages to return.
    pub limit: usize,
    /// OpenAI's attribute filter.
    pub filter: Option<Filter>,
    /// Leaves out passages below this score.
    pub score_threshold: f32,
    /// Share of the dense leg in the score, 0 to 1; the default when absent.
    pub dense_weight: Option<f32>,
}

impl Request {
    /// `query` in `stores`, the `limit` best passages.
    pub fn new(stores: Vec<Id>, query: impl Into<String>, limit: usize) -> Self {
        Self {
            stores,
            queries: vec![query.into()],
            limit,
            filter: None,
            score_threshold: 0.0,
            dense_weight: None,
        }
    }
}

/// Hybrid search for callers with a scope.
#[derive(Clone)]
pub struct Retrieve {
    records: Records,
    projection: Projection,
    embedder: Arc<Embedder>,
}

impl Retrieve {
    /// Search in what `projection` keeps of `records`.
    pub fn new(records: Records, projection: Projection, embedder: Arc<Embedder>) -> Self {
        Self { records, projection, embedder }
    }

    /// The best passages, best first.
    ///
    /// # Errors
    /// `NotFound` for a store the tenant does not have, `Invalid` for an empty query.
    pub async fn search(&self, scope: &Scope, request: &Request) -> Result<Vec<Passage>> {
        if request.queries.iter().all(|query| query.trim().is_empty()) {
            return Err(Error::invalid("the query is empty; ask something").with_param("query"));
        }
        for store in &request.stores {
            self.use_store(scope, store).await?;
        }
        let vectors =
            self.embedder.embed(request.queries.clone(), Priority::Interactive).await?.vectors;
        let mut best: HashMap<i64, Passage> = HashMap::new();
        for (query, vector) in request.queries.iter().zip(vectors) {
            for store in &request.stores {
                for passage in self.search_store(scope, store, request, query, &vector).await? {
                    let held = best.entry(passage.chunk.seq).or_insert_with(|| passage.clone());
                    if passage.score > held.score {
                        *held = passage;
                    }
                }
            }
        }
        let mut found: Vec<Passage> =
            best.into_values().filter(|passage| passage.score >= request.score_threshold).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.seq.cmp(&b.chunk.seq)));
        found.truncate(request.limit);
        Ok(found)
    }

    /// The analysis of the stores' texts: in their language where they share one.
    ///
    /// # Errors
    /// `Unavailable` when an index cannot be asked.
    pub(crate) async fn analyzer(&self, stores: &[Id]) -> Result<Analyzer> {
        let mut shared = None;
        for store in stores {
            let found = self.projection.index().language(store.as_str()).await?;
            if shared.is_some() && shared != found {
                return Ok(Analyzer::default());
            }
            shared = found;
        }
        Ok(shared.map_or_else(Analyzer::default, Analyzer::new))
    }

    /// Fails when there is no such store or it has expired; else it is in use, which puts
    /// an expiry off.
    async fn use_store(&self, scope: &Scope, store: &Id) -> Result<()> {
        let row = self.records.store(scope, store).await?;
        let now = self.records.clock().now();
        require_alive(&row, now)?;
        if row.expires_after_days.is_some() && now - row.last_active_at > TOUCH_MS {
            self.records.touch_store(scope, store).await?;
        }
        Ok(())
    }

    /// Asks for more than wanted, since points of deleted rows do not count; asks
    /// again for all there could be if still too few are alive.
    async fn search_store(
        &self,
        scope: &Scope,
        store: &Id,
        request: &Request,
        text: &str,
        vector: &[f32],
    ) -> Result<Vec<Passage>> {
        // Without any list there is nobody to tell apart, and the index need not look.
        let filter = if self.records.has_access_lists(scope).await? {
            Some(access::narrow(scope, request.filter.clone()))
        } else {
            request.filter.clone()
        };
        let mut limit = request.limit * 2 + 10;
        loop {
            let query = Query {
                dense: Some(vector.to_vec()),
                text: Some(text.to_owned()),
                limit,
                candidates: limit.max(100),
                filter: filter.clone(),
                fusion: request
                    .dense_weight
                    .map_or_else(Fusion::default, |dense_weight| Fusion { dense_weight }),
            };
            let hits = self.projection.index().query(store.as_str(), query).await?;
            let seqs: Vec<i64> = hits.iter().filter_map(|hit| i64::try_from(hit.id).ok()).collect();
            let rows = self.records.live_chunks(scope, store, &seqs).await?;
            if rows.len() < request.limit && hits.len() == limit && limit < 10_000 {
                limit *= 10;
                continue;
            }
            let mut rows: HashMap<i64, ChunkRow> =
                rows.into_iter().map(|row| (row.seq, row)).collect();
            return hits
                .into_iter()
                .filter_map(|hit| {
                    let row = rows.remove(&i64::try_from(hit.id).ok()?)?;
                    Some(passage(row, hit.score, hit.dense, hit.bm25))
                })
                .collect();
        }
    }
}

fn passage(chunk: ChunkRow, score: f32, dense: Option<f32>, bm25: Option<f32>) -> Result<Passage> {
    let headings = serde_json::from_str(&chunk.heading).or_internal("reading headings")?;
    let attributes = serde_json::from_str(&chunk.attributes).or_internal("reading attributes")?;
    Ok(Passage { chunk, headings, attributes, score, dense, bm25 })
}
