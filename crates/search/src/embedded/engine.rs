//! The engine's shard behind a handful of plain functions.
//!
//! What the engine leaves to its user is done here: it writes a log of operations
//! but neither replays nor trims it (so [`trim_log`]), new segments do not know the
//! payload indexes (so [`ensure_fields`] after each rebuild), and flushing panics
//! where it fails (so the store catches panics).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use cairn_kernel::{Error, Kind, Result};
use qdrant_edge::{
    CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeShard, EdgeSparseVectorParams,
    EdgeVectorParams, FacetRequest, FacetValue, FieldIndexOperations, Filter as EngineFilter,
    HnswIndexConfig, Modifier, NamedQuery, OperationError, Payload, PointId, PointInsertOperations,
    PointOperations, PointStructPersisted, QuantizationSearchParams, QueryEnum, QueryRequest,
    Record, ScalarQuantizationConfig, ScalarType, ScoredPoint, ScoringQuery, ScrollRequest,
    SearchParams, SparseVector, UpdateOperation, VectorInternal, VectorPersisted,
    VectorStructInternal, VectorStructPersisted, WalOptions, WithPayloadInterface, WithVector,
};
use serde_json::{Map, Value};

use super::fields;

/// Name of the dense vector.
const DENSE: &str = "dense";
/// Name of the sparse vector.
const BM25: &str = "bm25";
/// How many points one scroll reads.
const PAGE: usize = 1000;
/// Where fewer points of a segment pass a filter, the query's words are looked up point by
/// point, else the lists of those words are read and what does not pass is left out. A point
/// costs a search in the list of each word (some 50 ns), the lists of a whole segment of
/// 20,000 some 0.1 ms. The engine's own bound is 5,000, at which it takes ten times as long.
const WORD_BY_WORD: usize = 800;
/// Size of one file of the engine's log; a batch of some 500 points.
const LOG_BYTES: usize = 2 << 20;

/// A point with everything the engine keeps of it.
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) dense: Vec<f32>,
    /// Term ids, ascending, and weights.
    pub(super) terms: (Vec<u32>, Vec<f32>),
    pub(super) payload: Map<String, Value>,
}

/// Vectors and the term index are read through the page cache; the graph is held in
/// memory, and with it each vector in one byte a dimension (38 MB for 100,000 of 384).
/// A filter that a few thousand points of a segment pass is answered by going through
/// those: coarse vectors are a quarter to read, and the best are scored again exactly. Up
/// to three segments, of 100,000 points: with two they take 1.7 times as long to build; with
/// five, the vectors that one in four may read take 1.8 times as long to search (3.5 ms, not
/// 2.0), and those that one in a hundred passes half as long.
pub(super) fn config(dimensions: usize) -> EdgeConfig {
    let coarse = ScalarQuantizationConfig {
        r#type: ScalarType::Int8,
        quantile: Some(0.99),
        always_ram: Some(true),
    };
    let dense = EdgeVectorParams::builder(dimensions, Distance::Cosine)
        .on_disk(true)
        .quantization_config(coarse.into())
        .build();
    let sparse = EdgeSparseVectorParams::builder()
        .on_disk(true)
        .full_scan_threshold(WORD_BY_WORD)
        .modifier(Modifier::Idf)
        .build();
    let optimizers =
        EdgeOptimizersConfig { default_segment_number: Some(3), ..EdgeOptimizersConfig::default() };
    EdgeConfig::builder()
        .vector(DENSE, dense)
        .sparse_vector(BM25, sparse)
        .hnsw_config(HnswIndexConfig::default())
        .optimizers(optimizers)
        .wal_options(WalOptions {
            segment_capacity: LOG_BYTES,
            segment_queue_len: 0,
            retain_closed: NonZeroUsize::MIN,
        })
        .build()
}

/// Our error for the engine's, which happened while doing `what`.
pub(super) fn failed(what: &str, error: &OperationError) -> Error {
    let kind = match error {
        OperationError::OutOfMemory { .. } => Kind::Unavailable,
        OperationError::Timeout { .. } => Kind::Timeout,
        _ => Kind::Internal,
    };
    Error::new(kind, format!("the index failed while {what}")).with_source(error.to_string())
}

pub(super) fn upsert(shard: &EdgeShard, entries: Vec<Entry>) -> Result<()> {
    let points = entries.into_iter().map(point).collect();
    apply(
        shard,
        PointOperations::UpsertPoints(PointInsertOperations::PointsList(points)),
        "writing points",
    )
}

fn point(entry: Entry) -> PointStructPersisted {
    let (indices, values) = entry.terms;
    let sparse = VectorPersisted::Sparse(SparseVector { indices, values });
    let vectors = HashMap::from([
        (DENSE.to_owned(), VectorPersisted::Dense(entry.dense)),
        (BM25.to_owned(), sparse),
    ]);
    PointStructPersisted {
        id: PointId::NumId(entry.id),
        vector: VectorStructPersisted::Named(vectors),
        payload: Some(Payload(entry.payload)),
    }
}

pub(super) fn delete(shard: &EdgeShard, ids: &[u64]) -> Result<()> {
    let ids = ids.iter().copied().map(PointId::NumId).collect();
    apply(shard, PointOperations::DeletePoints { ids }, "deleting points")
}

pub(super) fn delete_where(shard: &EdgeShard, filter: EngineFilter) -> Result<()> {
    apply(shard, PointOperations::DeletePointsByFilter(filter), "deleting a file's points")
}

fn apply(shard: &EdgeShard, operation: PointOperations, what: &str) -> Result<()> {
    shard.update(UpdateOperation::PointOperation(operation)).map_err(|e| failed(what, &e))
}

/// Creates the payload index of every field that lacks it in some segment.
pub(super) fn ensure_fields<'a>(
    shard: &EdgeShard,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    for name in names {
        let create = FieldIndexOperations::CreateIndex(CreateIndex {
            field_name: fields::path(name),
            field_schema: Some(fields::schema(name)),
        });
        shard
            .update(UpdateOperation::FieldIndexOperation(create))
            .map_err(|e| failed("indexing an attribute", &e))?;
    }
    Ok(())
}

/// Ids and cosines of the nearest points, best first.
pub(super) fn nearest(
    shard: &EdgeShard,
    vector: &[f32],
    filter: Option<EngineFilter>,
    limit: usize,
) -> Result<Vec<(u64, f32)>> {
    let quantization =
        QuantizationSearchParams { rescore: Some(true), ..QuantizationSearchParams::default() };
    let params = SearchParams { quantization: Some(quantization), ..SearchParams::default() };
    let query = NamedQuery::new(VectorInternal::Dense(vector.to_vec()), DENSE);
    search(shard, query, filter, limit, Some(params))
}

/// The cosines of these points.
pub(super) fn cosines(shard: &EdgeShard, vector: &[f32], ids: Vec<u64>) -> Result<Vec<(u64, f32)>> {
    let params = SearchParams { exact: true, ..SearchParams::default() };
    let query = NamedQuery::new(VectorInternal::Dense(vector.to_vec()), DENSE);
    let count = ids.len();
    search(shard, query, Some(fields::of_ids(ids)), count, Some(params))
}

/// Ids and BM25 scores of the points with the most telling words, best first.
pub(super) fn wordiest(
    shard: &EdgeShard,
    terms: &(Vec<u32>, Vec<f32>),
    filter: Option<EngineFilter>,
    limit: usize,
) -> Result<Vec<(u64, f32)>> {
    let sparse = SparseVector { indices: terms.0.clone(), values: terms.1.clone() };
    search(shard, NamedQuery::new(VectorInternal::Sparse(sparse), BM25), filter, limit, None)
}

/// The inverse document frequency of a term over the whole store, as the engine counts it;
/// none if no point has the term. A point's score for the term alone is its weight there times
/// this.
pub(super) fn idf(shard: &EdgeShard, term: u32) -> Result<Option<f32>> {
    let found = worded(shard, &[term], None, 1)?;
    Ok(found.into_iter().next().and_then(|(score, terms)| {
        let (_, weight) = terms.into_iter().find(|(held, _)| *held == term)?;
        Some(score / weight)
    }))
}

/// Which of `terms` are in the `limit` best points for them that `filter` lets through: at least
/// one, if it is in any.
pub(super) fn met(
    shard: &EdgeShard,
    terms: &[u32],
    filter: Option<EngineFilter>,
    limit: usize,
) -> Result<HashSet<u32>> {
    let found = worded(shard, terms, filter, limit)?;
    let held = found.into_iter().flat_map(|(_, held)| held).map(|(term, _)| term);
    Ok(held.filter(|term| terms.contains(term)).collect())
}

/// The scores of the best points for some terms, and the terms of each with their weights.
#[expect(clippy::type_complexity, reason = "a term and its weight")]
fn worded(
    shard: &EdgeShard,
    terms: &[u32],
    filter: Option<EngineFilter>,
    limit: usize,
) -> Result<Vec<(f32, Vec<(u32, f32)>)>> {
    let sparse = SparseVector { indices: terms.to_vec(), values: vec![1.0; terms.len()] };
    let query = NamedQuery::new(VectorInternal::Sparse(sparse), BM25);
    let only = WithVector::Selector(vec![BM25.to_owned()]);
    let request = QueryRequest { with_vector: only, ..request(query, filter, limit, None) };
    let found = shard.query(request).map_err(|e| failed("looking up words", &e))?;
    let with_terms = |hit: ScoredPoint| {
        let (terms, weights) = vectors(hit.vector).1;
        let weighed = terms.into_iter().zip(weights).filter(|(_, weight)| *weight > 0.0);
        (hit.score, weighed.collect())
    };
    Ok(found.into_iter().map(with_terms).collect())
}

fn request(
    query: NamedQuery<VectorInternal>,
    filter: Option<EngineFilter>,
    limit: usize,
    params: Option<SearchParams>,
) -> QueryRequest {
    QueryRequest {
        prefetches: Vec::new(),
        query: Some(ScoringQuery::Vector(QueryEnum::Nearest(query))),
        filter,
        score_threshold: None,
        limit,
        offset: 0,
        params,
        with_vector: WithVector::Bool(false),
        with_payload: WithPayloadInterface::Bool(false),
    }
}

fn search(
    shard: &EdgeShard,
    query: NamedQuery<VectorInternal>,
    filter: Option<EngineFilter>,
    limit: usize,
    params: Option<SearchParams>,
) -> Result<Vec<(u64, f32)>> {
    let request = request(query, filter, limit, params);
    let found = shard.query(request).map_err(|e| failed("searching", &e))?;
    Ok(found.into_iter().filter_map(|hit| number(hit.id).map(|id| (id, hit.score))).collect())
}

/// The texts that points have in a field, each once, out of the field's index; none where a
/// segment has no index of it.
pub(super) fn texts(shard: &EdgeShard, name: &str) -> Result<Option<Vec<String>>> {
    let request =
        FacetRequest { key: fields::path(name), limit: usize::MAX, filter: None, exact: false };
    match shard.facet(request) {
        Ok(found) => Ok(Some(found.hits.into_iter().filter_map(|hit| text(hit.value)).collect())),
        Err(OperationError::MissingMapIndexForFacet { .. }) => Ok(None),
        Err(error) => Err(failed("listing the values of an attribute", &error)),
    }
}

fn text(value: FacetValue) -> Option<String> {
    match value {
        FacetValue::Keyword(text) => Some(text),
        FacetValue::Int(_) | FacetValue::Uuid(_) | FacetValue::Bool(_) => None,
    }
}

/// The ids of all points, ascending and each once.
pub(super) fn ids(shard: &EdgeShard) -> Result<Vec<u64>> {
    let mut held = BTreeSet::new();
    scroll(shard, false, |page| {
        held.extend(page.into_iter().map(|entry| entry.id));
        Ok(())
    })?;
    Ok(held.into_iter().collect())
}

/// Gives all points to `visit`, page by page: ids, and payloads if asked for.
pub(super) fn scroll(
    shard: &EdgeShard,
    payload: bool,
    mut visit: impl FnMut(Vec<Entry>) -> Result<()>,
) -> Result<()> {
    let mut offset = None;
    loop {
        let request = ScrollRequest {
            offset,
            limit: Some(PAGE),
            filter: None,
            with_payload: Some(WithPayloadInterface::Bool(payload)),
            with_vector: WithVector::Bool(false),
            order_by: None,
        };
        let (records, next) = shard.scroll(request).map_err(|e| failed("listing points", &e))?;
        visit(records.into_iter().filter_map(entry).collect())?;
        match next {
            Some(next) => offset = Some(next),
            None => return Ok(()),
        }
    }
}

/// These points with everything the engine keeps of them.
pub(super) fn entries(shard: &EdgeShard, ids: &[u64]) -> Result<Vec<Entry>> {
    let ids: Vec<PointId> = ids.iter().copied().map(PointId::NumId).collect();
    let records = shard
        .retrieve(&ids, Some(WithPayloadInterface::Bool(true)), Some(WithVector::Bool(true)))
        .map_err(|e| failed("reading points", &e))?;
    Ok(records.into_iter().filter_map(entry).collect())
}

/// The embeddings of these points, of length 1 as the engine keeps them.
pub(super) fn dense_vectors(shard: &EdgeShard, ids: &[u64]) -> Result<HashMap<u64, Vec<f32>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<PointId> = ids.iter().copied().map(PointId::NumId).collect();
    let only = WithVector::Selector(vec![DENSE.to_owned()]);
    let records = shard
        .retrieve(&ids, Some(WithPayloadInterface::Bool(false)), Some(only))
        .map_err(|e| failed("reading vectors", &e))?;
    let held = |record: Record| number(record.id).map(|id| (id, vectors(record.vector).0));
    Ok(records.into_iter().filter_map(held).collect())
}

fn entry(record: Record) -> Option<Entry> {
    let (dense, terms) = vectors(record.vector);
    let payload = record.payload.map(|payload| payload.0).unwrap_or_default();
    number(record.id).map(|id| Entry { id, dense, terms, payload })
}

fn vectors(held: Option<VectorStructInternal>) -> (Vec<f32>, (Vec<u32>, Vec<f32>)) {
    let (mut dense, mut terms) = (Vec::new(), (Vec::new(), Vec::new()));
    if let Some(VectorStructInternal::Named(named)) = held {
        for vector in named.into_values() {
            match vector {
                VectorInternal::Dense(values) => dense = values,
                VectorInternal::Sparse(sparse) => terms = (sparse.indices, sparse.values),
                VectorInternal::MultiDense(_) => {}
            }
        }
    }
    (dense, terms)
}

fn number(id: PointId) -> Option<u64> {
    match id {
        PointId::NumId(id) => Some(id),
        PointId::Uuid(_) => None,
    }
}

/// The full files of the log of the shard under `path`, oldest first, without the
/// newest: that one says where the operations' numbers go on, and points carry the
/// number of the operation that wrote them.
pub(super) fn closed_log(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut closed = Vec::new();
    for file in std::fs::read_dir(path.join("wal"))? {
        let file = file?.path();
        let start = file.file_name().and_then(|name| name.to_str()?.strip_prefix("closed-"));
        if let Some(start) = start.and_then(|start| start.parse::<u64>().ok()) {
            closed.push((start, file));
        }
    }
    closed.sort();
    closed.pop();
    Ok(closed.into_iter().map(|(_, file)| file).collect())
}

/// Removes the full files of the log under `path`, whose shard must be closed.
///
/// Oldest first, so that an interruption leaves no gap in the numbers.
pub(super) fn trim_log(path: &Path) -> std::io::Result<()> {
    closed_log(path)?.into_iter().try_for_each(std::fs::remove_file)
}
