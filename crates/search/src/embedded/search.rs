//! One hybrid query on one shard.

use std::collections::HashMap;
use std::time::Instant;

use cairn_kernel::Result;
use metrics::histogram;
use qdrant_edge::EdgeShard;

use super::{engine, fields};
use crate::analysis::Analyzer;
use crate::{Hit, Query};

type Terms = (Vec<u32>, Vec<f32>);

/// Runs the legs, completes their scores and fuses them.
pub(super) fn search(shard: &EdgeShard, analyzer: &Analyzer, query: &Query) -> Result<Vec<Hit>> {
    let depth = query.candidates.max(query.limit);
    if depth == 0 {
        return Ok(Vec::new());
    }
    let filter = query.filter.as_ref().map(fields::filter);
    let terms = query.text.as_deref().map(|text| query_terms(analyzer, text));

    let mut dense = HashMap::new();
    if let Some(vector) = &query.dense {
        let begun = Instant::now();
        dense.extend(engine::nearest(shard, vector, filter.clone(), depth)?);
        took("dense", begun);
    }
    let mut words = HashMap::new();
    if let Some(terms) = terms.as_ref().filter(|terms| !terms.0.is_empty()) {
        let begun = Instant::now();
        words.extend(engine::wordiest(shard, terms, filter, depth)?);
        took("bm25", begun);
    }
    if query.dense.is_some() && terms.is_some() {
        let begun = Instant::now();
        complete(shard, query.dense.as_deref(), terms.as_ref(), &mut dense, &mut words)?;
        took("lookup", begun);
    }
    Ok(query.fusion.rank(hits(&dense, &words, query, terms.is_some()), query.limit))
}

fn took(leg: &'static str, begun: Instant) {
    histogram!("cairn_index_query_seconds", "leg" => leg).record(begun.elapsed().as_secs_f64());
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
    vector: Option<&[f32]>,
    terms: Option<&Terms>,
    dense: &mut HashMap<u64, f32>,
    words: &mut HashMap<u64, f32>,
) -> Result<()> {
    let missing = |from: &HashMap<u64, f32>, of: &HashMap<u64, f32>| -> Vec<u64> {
        of.keys().filter(|id| !from.contains_key(id)).copied().collect()
    };
    let (no_cosine, no_words) = (missing(dense, words), missing(words, dense));
    if let Some(vector) = vector.filter(|_| !no_cosine.is_empty()) {
        let count = no_cosine.len();
        let only = fields::of_ids(no_cosine);
        dense.extend(engine::nearest(shard, vector, Some(only), count)?);
    }
    if let Some(terms) = terms.filter(|terms| !terms.0.is_empty() && !no_words.is_empty()) {
        let count = no_words.len();
        let only = fields::of_ids(no_words);
        words.extend(engine::wordiest(shard, terms, Some(only), count)?);
    }
    Ok(())
}

fn hits(
    dense: &HashMap<u64, f32>,
    words: &HashMap<u64, f32>,
    query: &Query,
    worded: bool,
) -> Vec<Hit> {
    let others = words.keys().filter(|id| !dense.contains_key(id));
    dense
        .keys()
        .chain(others)
        .map(|id| Hit {
            id: *id,
            score: 0.0,
            dense: query.dense.as_ref().and_then(|_| dense.get(id).copied()),
            bm25: worded.then(|| words.get(id).copied().unwrap_or(0.0)),
        })
        .collect()
}
