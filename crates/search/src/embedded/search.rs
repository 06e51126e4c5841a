//! One hybrid query on one shard.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cairn_kernel::Result;
use metrics::histogram;
use qdrant_edge::{EdgeShard, Filter as EngineFilter};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::store::Open;
use super::{engine, fields, ingest};
use crate::analysis::{Analyzer, term_id};
use crate::frequencies::holding;
use crate::{
    Candidate, FREQUENCY_TERMS, Filter, Found, Frequencies, Hit, Query, Ranking, SPREAD_DEPTH,
    Took, spread,
};

type Terms = (Vec<u32>, Vec<f32>);
type Scores = Vec<(u64, f32)>;

/// From so many points on, the legs run beside each other. With fewer they are done before
/// another thread has begun.
const LARGE: u64 = 10_000;
/// Points whose words are looked at when it is told which words may be read.
const MET_AT_ONCE: usize = 10;

/// Runs the legs, completes their scores, fuses them and lets neighbours speak.
pub(super) fn search(open: &Open, query: &Query, ranking: &Ranking) -> Result<Found> {
    let shard = &open.shard;
    let mut took = Took::default();
    let found = gather(open, query, &mut took)?;
    let begun = Instant::now();
    let both = query.dense.is_some() && query.text.is_some();
    let mut hits = ranking.fusion().rank(found, usize::MAX);
    took.rank_ms = ms(begun);
    if both && ranking.spread > 0.0 {
        let begun = Instant::now();
        let best: Vec<u64> = hits.iter().take(SPREAD_DEPTH).map(|hit| hit.id).collect();
        let vectors = engine::dense_vectors(shard, &best)?;
        took.vectors_ms = noted("vectors", begun);
        let begun = Instant::now();
        spread(&mut hits, &vectors, ranking.spread);
        took.rank_ms += ms(begun);
    }
    hits.truncate(query.limit);
    Ok(Found { hits, points: open.count()?, took })
}

/// Everything that the legs find, with vectors.
pub(super) fn candidates(open: &Open, query: &Query) -> Result<Vec<Candidate>> {
    let hits = gather(open, query, &mut Took::default())?;
    let ids: Vec<u64> = hits.iter().map(|hit| hit.id).collect();
    let mut vectors = engine::dense_vectors(&open.shard, &ids)?;
    let candidate = |hit: Hit| Candidate {
        id: hit.id,
        dense: hit.dense,
        bm25: hit.bm25,
        vector: vectors.remove(&hit.id).unwrap_or_default(),
        late: None,
    };
    Ok(hits.into_iter().map(candidate).collect())
}

/// In how many of the `points` chunks the terms of `text` occur, where `filter` was seen to let
/// some of them through.
pub(super) fn frequencies(
    open: &Open,
    text: &str,
    (filter, seen): (Option<&Filter>, &HashSet<String>),
    points: u64,
) -> Result<Frequencies> {
    let mut terms = BTreeMap::new();
    for term in open.analyzer.terms(text) {
        if terms.len() < FREQUENCY_TERMS {
            let id = term_id(&term);
            terms.insert(term, id);
        }
    }
    let ids: Vec<u32> = terms.values().copied().collect();
    let (shown, unsure): (Vec<_>, Vec<_>) =
        terms.iter().partition(|(term, _)| filter.is_none() || seen.contains(*term));
    let mut read: HashSet<u32> = shown.into_iter().map(|(_, id)| *id).collect();
    if let Some(filter) = engines(open, filter.filter(|_| !unsure.is_empty()))? {
        let unsure = unsure.into_iter().map(|(_, id)| *id).collect();
        read.extend(readable(&open.shard, unsure, &filter)?);
    }
    // One lock is let go before the other is taken.
    let written = open.ledger().written();
    let (known, era) = open.rarity().of(&ids, (points, written));
    let mut found = Frequencies { points, ..Frequencies::default() };
    for (term, id) in terms {
        let idf = match known.get(&id) {
            _ if !read.contains(&id) => None,
            Some(idf) => Some(*idf),
            None => engine::idf(&open.shard, id)?.inspect(|idf| open.rarity().keep(id, *idf, era)),
        };
        found.terms.insert(term, idf.map_or(0.0, |idf| holding(points, f64::from(idf))));
    }
    Ok(found)
}

/// Which of these terms are in points that `filter` lets through. A few searches tell: each
/// names all that its best points have, and the next one asks for the others.
fn readable(shard: &EdgeShard, mut terms: Vec<u32>, filter: &EngineFilter) -> Result<HashSet<u32>> {
    let mut readable = HashSet::new();
    while !terms.is_empty() {
        let met = engine::met(shard, &terms, Some(filter.clone()), MET_AT_ONCE)?;
        if met.is_empty() {
            break;
        }
        terms.retain(|term| !met.contains(term));
        readable.extend(met);
    }
    Ok(readable)
}

/// The engine's form of a query's filter.
fn engines(open: &Open, filter: Option<&Filter>) -> Result<Option<EngineFilter>> {
    let texts = |name: &str| texts(open, name);
    filter.map(|filter| fields::filter(filter, &texts)).transpose()
}

/// The texts that points have in a field, each once. One without an index, as fields have
/// beyond the first of a store, is read point by point.
fn texts(open: &Open, name: &str) -> Result<Vec<String>> {
    let (indexed, full) = {
        let ledger = open.ledger();
        (ledger.fields.contains(name), ingest::is_full(&ledger))
    };
    if indexed && let Some(found) = engine::texts(&open.shard, name)? {
        return Ok(found);
    }
    if !indexed && !full {
        return Ok(Vec::new());
    }
    let mut found = BTreeSet::new();
    engine::scroll(&open.shard, true, |page| {
        let held = page.iter().filter_map(|entry| entry.payload.get(name)?.as_str());
        found.extend(held.map(str::to_owned));
        Ok(())
    })?;
    Ok(found.into_iter().collect())
}

/// The candidates of both legs, each with the scores of both.
fn gather(open: &Open, query: &Query, took: &mut Took) -> Result<Vec<Hit>> {
    let shard = &open.shard;
    let depth = query.candidates.max(query.limit);
    if depth == 0 {
        return Ok(Vec::new());
    }
    let filter = engines(open, query.filter.as_ref())?;
    let terms = query.text.as_deref().map(|text| query_terms(&open.analyzer, text));
    let large = open.ledger().points >= LARGE;

    let vector = query.dense.as_deref();
    let known = terms.as_ref().filter(|terms| !terms.0.is_empty());
    let near = |vector: &[f32]| engine::nearest(shard, vector, filter.clone(), depth);
    let worded = |terms: &Terms| engine::wordiest(shard, terms, filter.clone(), depth);
    let (near, worded) =
        beside(large, || timed("dense", vector, near), || timed("bm25", known, worded));
    let (near, worded) = (near?, worded?);
    (took.dense_ms, took.bm25_ms) = (near.1, worded.1);
    let mut dense: HashMap<u64, f32> = near.0.into_iter().collect();
    let mut words: HashMap<u64, f32> = worded.0.into_iter().collect();
    if let (Some(vector), Some(_)) = (vector, &terms) {
        let begun = Instant::now();
        complete(shard, large, (vector, known), &mut dense, &mut words)?;
        took.lookup_ms = noted("lookup", begun);
    }
    Ok(hits(&dense, &words, query, terms.is_some()))
}

/// Threads that a query's thread gives one of its legs to; a new one for each would take as long
/// as a leg from time to time.
static LEGS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let pool = ThreadPoolBuilder::new().thread_name(|number| format!("index-leg-{number}")).build();
    pool.inspect_err(|error| tracing::warn!(%error, "legs of a query run one after the other")).ok()
});

/// The outcomes of two things, done at the same time if that is `worth` another thread and one
/// comes before the first is done.
fn beside<A, B: Send>(
    worth: bool,
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    let legs = if worth { LEGS.as_ref() } else { None };
    let Some(legs) = legs else { return (first(), second()) };
    let (second, done) = (Mutex::new(Some(second)), Mutex::new(None));
    let help = || {
        let taken = hold(&second).take();
        if let Some(second) = taken {
            let outcome = second();
            *hold(&done) = Some(outcome);
        }
    };
    let first = legs.in_place_scope(|scope| {
        scope.spawn(|_| help());
        let first = first();
        help();
        first
    });
    // Whoever took it is done with it; a panic of another thread has come out of the scope.
    match done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(second) => (first, second),
        None => unreachable!("the second leg has no outcome"),
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a leg finds, if it is asked, and the milliseconds it took.
fn timed<Q: ?Sized>(
    leg: &'static str,
    asked: Option<&Q>,
    find: impl FnOnce(&Q) -> Result<Scores>,
) -> Result<(Scores, f64)> {
    let Some(asked) = asked else { return Ok((Scores::new(), 0.0)) };
    let begun = Instant::now();
    let found = find(asked)?;
    Ok((found, noted(leg, begun)))
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// Records how long a step took, and gives it in milliseconds.
fn noted(leg: &'static str, begun: Instant) -> f64 {
    let spent = begun.elapsed().as_secs_f64();
    histogram!("cairn_index_query_seconds", "leg" => leg).record(spent);
    spent * 1e3
}

/// Each term's weight is how often the query has it.
#[expect(clippy::cast_precision_loss, reason = "a query repeats no word 2^24 times")]
fn query_terms(analyzer: &Analyzer, text: &str) -> Terms {
    let counts = analyzer.counts(text);
    counts.terms.into_iter().map(|(id, count)| (id, count as f32)).unzip()
}

/// Gives the candidates of each leg their score on the other. A candidate that the
/// BM25 leg does not return has none of the words, and keeps no score there.
fn complete(
    shard: &EdgeShard,
    large: bool,
    (vector, terms): (&[f32], Option<&Terms>),
    dense: &mut HashMap<u64, f32>,
    words: &mut HashMap<u64, f32>,
) -> Result<()> {
    let missing = |from: &HashMap<u64, f32>, of: &HashMap<u64, f32>| -> Vec<u64> {
        of.keys().filter(|id| !from.contains_key(id)).copied().collect()
    };
    let (no_cosine, no_words) = (missing(dense, words), missing(words, dense));
    let cosines = || match no_cosine.is_empty() {
        true => Ok(Scores::new()),
        false => engine::cosines(shard, vector, no_cosine),
    };
    let worded = || match terms.filter(|_| !no_words.is_empty()) {
        None => Ok(Scores::new()),
        Some(terms) => {
            let count = no_words.len();
            engine::wordiest(shard, terms, Some(fields::of_ids(no_words)), count)
        }
    };
    let (cosines, worded) = beside(large, cosines, worded);
    dense.extend(cosines?);
    words.extend(worded?);
    Ok(())
}

fn hits(
    dense: &HashMap<u64, f32>,
    words: &HashMap<u64, f32>,
    query: &Query,
    worded: bool,
) -> Vec<Hit> {
    let others = words.keys().filter(|id| !dense.contains_key(id));
    let hit = |id: &u64| Hit {
        dense: query.dense.as_ref().and_then(|_| dense.get(id).copied()),
        bm25: worded.then(|| words.get(id).copied().unwrap_or(0.0)),
        ..Hit::of(*id)
    };
    dense.keys().chain(others).map(hit).collect()
}
