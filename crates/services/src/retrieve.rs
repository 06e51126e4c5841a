//! Search over vector stores: embed the query, ask the index, keep what is alive, put it
//! in order.
//!
//! 1. [`Retrieve::gather`] asks every store with every wording of the query by the store's
//!    own ranking and its own embedding model, lets a reranker read the best where the ranking
//!    gives it a share, and merges: a passage counts with its best wording. Scores are relative to
//!    the best of the search; how strongly that bears on the query is told beside them
//!    ([`strength`]).
//! 2. [`Retrieve::finish`] leaves out what is below the request's threshold, chooses among the
//!    rest, less of the same where the request likes, and widens each to its section where it asks
//!    for that.

mod attached;
mod cosines;
mod expand;
mod explain;
mod generation;
mod order;
mod reading;
mod request;
mod strength;

use std::collections::HashMap;
use std::time::Instant;

use cairn_kernel::{Id, Result, ResultExt, Scope};
use cairn_search::{Analyzer, Candidate, Filter, Hit, Query, Ranking};
use cairn_serving::rerank::Reranker;
use cairn_store::Records;
use cairn_store::records::{AskedStore, ChunkRow};
use futures::future::try_join_all;
use serde_json::Value;

use crate::access;
use crate::embedding::{EmbeddingModel, Encoders, QueryVectors};
use crate::projection::Projection;
use crate::rankings::StoreRanking;
use crate::stores::require_alive;

pub use attached::Attached;
#[cfg(test)]
pub(crate) use attached::tests::attached as tests_attached;
pub(crate) use attached::{ReadFile, SENT, is_attached};
pub(crate) use cosines::KnownCosines;
pub use explain::{Explain, HitPlace, Took};
pub use order::Ranker;
pub(crate) use reading::Tokens;
pub use request::Request;

use explain::ms;
use generation::{Beside, Place};
use order::{List, RERANK_DEPTH, Rerankers};

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
    /// Final score, 0 to 1, relative to the best of its search: it orders passages.
    pub score: f32,
    /// Cosine of the dense leg.
    pub dense: Option<f32>,
    /// Raw score of the BM25 leg.
    pub bm25: Option<f32>,
    /// How the score came about.
    pub explain: Explain,
    /// The hits in it, where it was widened to its section: then `chunk` has the text and
    /// the range of the section, and else what was found in the index.
    pub hits: Vec<HitPlace>,
}

impl Passage {
    /// Its score times the strength of its search, 0 to 1: what callers are told, and a threshold
    /// is compared with. Passages of one search have the same order by either.
    pub fn absolute_score(&self) -> f32 {
        self.score * self.explain.strength
    }
}

/// What a search found, and what it took.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// The passages, best first; in the order of choice where they shall differ.
    pub passages: Vec<Passage>,
    /// The time of each step.
    pub took: Took,
}

/// Hybrid search for callers with a scope.
#[derive(Clone)]
pub struct Retrieve {
    records: Records,
    projection: Projection,
    encoders: Encoders,
    rerankers: Rerankers,
}

/// What the legs and a reranker found in some places.
struct Gathered {
    /// Each passage with its best wording.
    best: HashMap<i64, Passage>,
    /// Whether that is sure to be all that is wanted.
    whole: bool,
    /// How strongly the best of it bears on the query.
    strength: f32,
}

/// Where a search looks: stores with their rankings, the places of their indexes, the filter, and
/// for each wording what the files that stand in the request have.
type At<'a> = (&'a [(&'a Id, Ranking)], &'a [Place], Option<&'a Filter>, &'a [Vec<Candidate>]);

/// One wording for one store.
struct Ask<'a> {
    store: &'a Id,
    index: &'a str,
    text: &'a str,
    vector: &'a [f32],
    ranking: Ranking,
    filter: Option<&'a Filter>,
    /// What is looked over.
    beside: Beside<'a>,
    /// Living passages to find at least, if there are so many.
    wanted: usize,
}

impl Retrieve {
    /// Search in what `projection` keeps of `records`, with vectors by `encoders`.
    pub fn new(records: Records, projection: Projection, encoders: Encoders) -> Self {
        let rerankers = Rerankers::new(encoders.embedder());
        Self { records, projection, encoders, rerankers }
    }

    /// The same search, where `encoder` is the cross-encoder that the operator gives.
    #[must_use]
    pub fn with_cross_encoder(mut self, encoder: Option<Reranker>) -> Self {
        self.rerankers.set_cross(encoder);
        self
    }

    /// The best passages, best first.
    ///
    /// # Errors
    /// `NotFound` for a store the tenant does not have, `Invalid` for an empty query,
    /// shares outside 0 to 1, or a reranker that is not here; `Unavailable` when the embedding
    /// model of a store cannot be used now.
    pub async fn search(&self, scope: &Scope, request: &Request) -> Result<Vec<Passage>> {
        Ok(self.search_explained(scope, request).await?.passages)
    }

    /// The best passages, and how long each step took.
    ///
    /// # Errors
    /// As [`Retrieve::search`].
    pub async fn search_explained(&self, scope: &Scope, request: &Request) -> Result<Searched> {
        let found = self.gather(scope, request).await?;
        self.finish(scope, request, found).await
    }

    /// Every passage that the request's choice is made from, best first.
    ///
    /// # Errors
    /// As [`Retrieve::search`].
    pub(crate) async fn gather(&self, scope: &Scope, request: &Request) -> Result<Searched> {
        let begun = Instant::now();
        request.check()?;
        self.rerankers.pick(request.ranker)?;
        let mut took = Took::default();
        let reading = Instant::now();
        let asked = request.stores.iter().map(|store| self.use_store(scope, store));
        let (mut stores, mut active, mut has_lists) = (Vec::new(), Vec::new(), false);
        for (store, (asked, own)) in request.stores.iter().zip(try_join_all(asked).await?) {
            stores.push((store, request.ranking_for(own.ranking)));
            active.push(match request.generation {
                Some(generation) => self.in_build(scope, store, generation).await?,
                None => asked.active,
            });
            has_lists |= asked.has_lists;
        }
        let filter = readable(scope, has_lists, request.filter.clone());
        took.records_ms += ms(reading);
        let mut vectors = QueryVectors::new(&self.encoders, scope, &request.queries);
        let attached = self.attached(request, &mut vectors).await?;
        // Until no re-index has made another generation the active one in the middle.
        let Gathered { best, strength, .. } = loop {
            let embedding = Instant::now();
            let places = Place::all(active, &mut vectors).await?;
            took.embed_ms += ms(embedding);
            let at = (stores.as_slice(), places.as_slice(), filter.as_ref(), attached.as_slice());
            let gathered = self.gather_at(scope, request, at, &mut took).await?;
            if gathered.whole || request.generation.is_some() {
                break gathered;
            }
            active = self.active(scope, &request.stores).await?;
            if generation::stand(&places, &active) {
                break gathered;
            }
        };
        let mut passages: Vec<Passage> = best.into_values().collect();
        for passage in &mut passages {
            // What stands in the question bears on it, however weak the words in common are.
            passage.explain.strength = if passage.is_attached() { 1.0 } else { strength };
        }
        passages.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.seq.cmp(&b.chunk.seq)));
        let mut passages = generation::once(passages);
        passages.truncate(request.pool());
        took.total_ms += ms(begun);
        Ok(Searched { passages, took })
    }

    /// What the stores have at these places, and the files that stand in the request.
    async fn gather_at(
        &self,
        scope: &Scope,
        request: &Request,
        (stores, places, filter, attached): At<'_>,
        took: &mut Took,
    ) -> Result<Gathered> {
        let reranker = self.rerankers.pick(request.ranker)?;
        let reranked = stores.iter().any(|(_, ranking)| ranking.late > 0.0);
        let wanted = request.pool().max(if reranked { RERANK_DEPTH } else { 0 });
        let (mut best, mut whole) = (HashMap::<i64, Passage>::new(), true);
        let mut strength = 0.0_f32;
        for (number, text) in request.queries.iter().enumerate() {
            let mut lists = Vec::with_capacity(stores.len());
            for ((store, ranking), place) in stores.iter().zip(places) {
                let (ranking, index) = (*ranking, place.index.as_str());
                let vector = place.vector(number);
                let beside = Beside::of(request);
                let ask = Ask { store, index, text, vector, ranking, filter, beside, wanted };
                let list = self.ask(scope, &ask, took).await?;
                // Its rows were read while the generation was active, or there would be too few.
                whole &= list.distinct() >= wanted;
                lists.push(list);
            }
            let ranking = Instant::now();
            let mut spaces = generation::spaces(places);
            if let Some(candidates) = attached.get(number) {
                let ranked = request.ranking_for(Ranking::default());
                lists.push(request.attached.list(candidates, ranked, wanted));
                let own = self.encoders.own();
                let same = places.iter().position(|place| place.model == own);
                spaces.push(same.unwrap_or(places.len()));
            }
            order::compare(&mut lists, &spaces);
            took.rank_ms += ms(ranking);
            if reranked {
                let reading = Instant::now();
                order::rerank(text, reranker, &mut lists, request.ranker.is_named()).await?;
                took.rerank_ms += ms(reading);
            }
            let weighing = Instant::now();
            for (list, place) in lists.iter().zip(places) {
                if strength >= strength::ENOUGH {
                    break;
                }
                let signs = self.strength(scope, (text.as_str(), place, filter), list).await?;
                strength = strength.max(list.judged(signs));
            }
            took.rank_ms += ms(weighing);
            for passage in lists.into_iter().flat_map(|list| list.into_passages(number)) {
                let passage = passage?;
                let held = best.entry(passage.chunk.seq).or_insert_with(|| passage.clone());
                if passage.score > held.score {
                    *held = passage;
                }
            }
        }
        Ok(Gathered { best, whole, strength })
    }

    /// Chooses the passages to return among those that were gathered, in the order they
    /// are in, and widens them where the request asks for it. Those below its threshold are left
    /// out.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(crate) async fn finish(
        &self,
        scope: &Scope,
        request: &Request,
        mut found: Searched,
    ) -> Result<Searched> {
        let begun = Instant::now();
        let Searched { passages, took } = &mut found;
        passages.retain(|passage| passage.absolute_score() >= request.score_threshold);
        if request.diversity > 0.0 {
            let reading = Instant::now();
            let seqs: Vec<i64> = passages.iter().map(|passage| passage.chunk.seq).collect();
            let vectors = self.records.chunk_vectors(scope, &seqs).await?;
            took.records_ms += ms(reading);
            let ranking = Instant::now();
            let most = if request.expand { usize::MAX } else { request.limit };
            *passages =
                order::differing(std::mem::take(passages), vectors, request.diversity, most);
            took.rank_ms += ms(ranking);
        }
        if request.expand {
            let reading = Instant::now();
            let gathered = std::mem::take(passages);
            *passages = expand::sections(&self.records, scope, gathered, request.limit).await?;
            took.records_ms += ms(reading);
        }
        passages.truncate(request.limit);
        took.total_ms += ms(begun);
        Ok(found)
    }

    /// What the legs find for `query` in a store, alive and readable by the caller, with
    /// vectors, in no order: what a ranking is learned from. With `late`, the best 50 by the
    /// default ranking have the reranker's score.
    ///
    /// # Errors
    /// `NotFound` for a store the tenant does not have, `Invalid` for an empty query.
    pub async fn candidates(
        &self,
        scope: &Scope,
        store: &Id,
        query: &str,
        late: bool,
    ) -> Result<Vec<Candidate>> {
        let request = Request::new(vec![store.clone()], query, RERANK_DEPTH);
        request.check()?;
        let mut vectors = QueryVectors::new(&self.encoders, scope, &request.queries);
        let (mut asked, _) = self.use_store(scope, store).await?;
        // Until no re-index has made another generation the active one in the middle.
        let (mut found, rows) = loop {
            let vectors = vectors.of(EmbeddingModel::of_active(&asked.active)).await?;
            let wanted = Query {
                dense: vectors.first().cloned(),
                text: Some(query.to_owned()),
                filter: readable(scope, asked.has_lists, None),
                ..Query::default()
            };
            let index = asked.active.index_name.as_str();
            let found = self.projection.index().candidates(index, wanted).await?;
            let ids: Vec<u64> = found.iter().map(|candidate| candidate.id).collect();
            let rows = self.living(scope, store, &ids, Beside::default()).await?;
            let before =
                std::mem::replace(&mut asked, self.records.asked_store(scope, store).await?);
            if before.active.generation == asked.active.generation {
                break (found, rows);
            }
        };
        found.retain(|candidate| rows.contains_key(&candidate.id));
        if late {
            let best = cairn_search::rank(&found, &Ranking::default(), RERANK_DEPTH);
            let ids: Vec<u64> = best.iter().map(|hit| hit.id).collect();
            let reranker = self.rerankers.pick(Ranker::Auto)?;
            let scores = order::read(query, reranker, &ids, &rows).await?;
            for candidate in &mut found {
                candidate.late = scores.get(&candidate.id).copied();
            }
        }
        Ok(found)
    }

    /// The analysis of the stores' texts: in their language where they share one.
    ///
    /// # Errors
    /// `Unavailable` when an index cannot be asked.
    pub(crate) async fn analyzer(&self, stores: &[Id]) -> Result<Analyzer> {
        let mut shared = None;
        for store in stores {
            let Some(index) = self.records.active_index(store).await? else { continue };
            let found = self.projection.index().analysis(&index).await?;
            if shared.is_some() && shared != found {
                return Ok(Analyzer::default());
            }
            shared = found;
        }
        Ok(shared.map_or_else(Analyzer::default, Analyzer::of))
    }

    /// The store and its ranking. Fails when there is no such store or it has expired; else it is
    /// in use, which puts an expiry off.
    pub(crate) async fn use_store(
        &self,
        scope: &Scope,
        store: &Id,
    ) -> Result<(AskedStore, StoreRanking)> {
        let asked = self.records.asked_store(scope, store).await?;
        let (row, now) = (&asked.row, self.records.clock().now());
        require_alive(row, now)?;
        if row.expires_after_days.is_some() && now - row.last_active_at > TOUCH_MS {
            self.records.touch_store(scope, store).await?;
        }
        let ranking = StoreRanking::of(asked.ranking.clone())?;
        Ok((asked, ranking))
    }

    /// Asks for more than wanted, since points of deleted rows do not count; asks
    /// again for all there could be if still too few are alive.
    async fn ask(&self, scope: &Scope, ask: &Ask<'_>, took: &mut Took) -> Result<List> {
        let mut limit = ask.wanted * 2 + 10;
        loop {
            let query = Query {
                dense: Some(ask.vector.to_vec()),
                text: Some(ask.text.to_owned()),
                limit,
                candidates: limit.max(100),
                filter: ask.filter.cloned(),
                fusion: ask.ranking.fusion(),
            };
            let index = self.projection.index();
            let found = index.search(ask.index, query, ask.ranking).await?;
            took.add(&found.took);
            let (mut hits, points): (Vec<Hit>, u64) = (found.hits, found.points);
            let reading = Instant::now();
            // Few are dead as a rule: the rows behind the best are read only where they are.
            let (best, rest) = hits.split_at(hits.len().min(ask.wanted + ask.wanted / 4 + 2));
            let (mut rows, mut alive) = (HashMap::new(), 0);
            for some in [best, rest] {
                if alive < ask.wanted {
                    let ids: Vec<u64> = some.iter().map(|hit| hit.id).collect();
                    rows.extend(self.living(scope, ask.store, &ids, ask.beside).await?);
                    alive = generation::distinct(rows.values());
                }
            }
            took.records_ms += ms(reading);
            if alive < ask.wanted && hits.len() == limit && limit < 10_000 {
                limit *= 10;
                continue;
            }
            // Where there are fewer than asked for, these are all that a filter lets through.
            let all = u64::try_from(hits.len()).unwrap_or(u64::MAX);
            let chunks = if hits.len() < limit { all } else { points };
            hits.retain(|hit| rows.contains_key(&hit.id));
            return Ok(List::new(ask.ranking, (hits, chunks), rows));
        }
    }

    /// The chunks of these points that are alive and readable by the caller.
    async fn living(
        &self,
        scope: &Scope,
        store: &Id,
        points: &[u64],
        beside: Beside<'_>,
    ) -> Result<HashMap<u64, ChunkRow>> {
        let seqs: Vec<i64> = points.iter().filter_map(|id| i64::try_from(*id).ok()).collect();
        let rows = if beside.in_build {
            self.records.chunks_in_build(scope, store, &seqs).await?
        } else {
            self.records.live_chunks(scope, store, &seqs).await?
        };
        let shown = rows.into_iter().filter(|row| Some(row.file_id.as_str()) != beside.without);
        Ok(shown.filter_map(|row| Some((u64::try_from(row.seq).ok()?, row))).collect())
    }
}

/// `filter` for the caller. Without any list there is nobody to tell apart, and the index need
/// not look.
fn readable(scope: &Scope, has_lists: bool, filter: Option<Filter>) -> Option<Filter> {
    if has_lists { Some(access::narrow(scope, filter)) } else { filter }
}

/// A hit with its row, found with the wording of that number.
fn passage(chunk: ChunkRow, hit: &Hit, explain: Explain) -> Result<Passage> {
    let headings = serde_json::from_str(&chunk.heading).or_internal("reading headings")?;
    let attributes = serde_json::from_str(&chunk.attributes).or_internal("reading attributes")?;
    Ok(Passage {
        chunk,
        headings,
        attributes,
        score: hit.score,
        dense: hit.dense,
        bm25: hit.bm25,
        explain,
        hits: Vec::new(),
    })
}
