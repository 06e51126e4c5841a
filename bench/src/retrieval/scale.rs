//! Speed at size: the index alone, the product's own path from the text of a query to
//! passages, each with filters and access lists, where the time goes, and recall against
//! exact search.
//!
//! Chunks are the three collections' texts recombined by halves. Their vectors are the
//! real embeddings of the first half's text, disturbed so that a chunk lies about as far
//! from the passage it came from (cosine 0.93) as near paraphrases do, and passages lie
//! as far from each other as they really do. It says nothing about quality.

mod host;
mod product;

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cairn_search::{Embedded, Filter, Index, Principals, Query, Ranking};
use cairn_serving::embed::{EmbedConfig, Embedder};
use cairn_serving::models::ModelStore;
use serde_json::json;

use self::host::Host;
use self::product::Product;
use super::collections::Collection;
use super::{collections, embed, ids, latency, megabytes, open, scratch};

/// Queries of one measurement.
const ROUNDS: usize = 1000;
/// Chunks of one file.
const FILE_CHUNKS: u64 = 50;
/// For whom the reader asks, besides everybody.
const READER: [&str; 2] = ["group:3", "group:11"];
/// How much each component of a vector is disturbed.
const NOISE: f32 = 0.07;
/// How many hits the product asks the index for, to have ten that are alive.
const HITS: usize = 30;

/// What the measurement is made of.
struct Material {
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
    queries: Vec<String>,
    query_vectors: Vec<Vec<f32>>,
}

/// Measures with `count` chunks. With `out`, the vectors (`vectors.f32`, `queries.f32`,
/// row by row) and our figures (`cairn.json`) are left there.
pub(super) async fn run(
    folder: &Path,
    count: u64,
    embedder: &Embedder,
    out: Option<&Path>,
) -> Result<()> {
    let scratch = scratch("scale")?;
    let material = material(collections(folder, &scratch)?, embedder).await?;
    let chunks = disturbed(&material.vectors, count);
    let index = open(&scratch, &chunks)?;
    let product = Product::fill(&scratch, &index, (&material.texts, &chunks), &READER).await?;
    let store = product.store.to_string();
    product.open_all().await?;
    let begun = Instant::now();
    index.optimise(&store).await?;
    println!(
        "last optimise {:.1} s, {:.0} MB on disk",
        begun.elapsed().as_secs_f64(),
        megabytes(&scratch)?
    );
    let dense = measure(&index, &store, &material).await?;
    let recall = recalls(&index, &store, &chunks, &material.query_vectors).await?;
    let (one_in_100, half) = filters()?;
    product.measure(&material, embedder, &one_in_100, &half).await?;
    embedding(&material, embedder).await?;
    let hits = steps(&index, &store, &material).await?;
    product.measure_rows(&hits).await?;
    if let Some(out) = out {
        std::fs::create_dir_all(out)?;
        write_rows(&out.join("vectors.f32"), &chunks)?;
        write_rows(&out.join("queries.f32"), &material.query_vectors)?;
        let figures = json!({"dense": dense, "recall": recall, "count": count});
        std::fs::write(out.join("cairn.json"), figures.to_string())?;
    }
    product.close().await;
    index.close_all().await?;
    drop(index);
    let begun = Instant::now();
    let index = open(&scratch, &chunks)?;
    ensure!(index.count(&store).await? == count, "chunks were lost");
    println!("  reopened in {:.2} s", begun.elapsed().as_secs_f64());
    drop(index);
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

async fn material(collections: Vec<Collection>, embedder: &Embedder) -> Result<Material> {
    let mut texts = Vec::new();
    let mut queries = Vec::new();
    for collection in collections {
        texts.extend(collection.documents.into_iter().map(|(_, text)| text));
        queries.extend(collection.queries.into_iter().map(|(text, _)| text).take(225));
    }
    let vectors = embed(embedder, texts.clone()).await?;
    let query_vectors = embed(embedder, queries.clone()).await?;
    Ok(Material { texts, vectors, queries, query_vectors })
}

/// The passage that chunk `id` is made of; neighbouring chunks come from others.
fn source(id: u64, passages: usize) -> usize {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(mixed).unwrap_or_default() % passages
}

fn disturbed(vectors: &[Vec<f32>], count: u64) -> Vec<Vec<f32>> {
    let mut noise = Noise(1);
    let chunk = |id: u64| {
        let mut vector: Vec<f32> =
            vectors[source(id, vectors.len())].iter().map(|x| x + NOISE * noise.unit()).collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
        vector
    };
    (0..count).map(chunk).collect()
}

/// The attribute of the chunks of a file.
fn group_of(file: u64) -> u64 {
    file % 100
}

/// Who may read a file: a fifth is everybody's, the rest belongs to one of forty groups.
fn reader_of(file: u64) -> Option<String> {
    (!file.is_multiple_of(5)).then(|| format!("group:{}", file % 40))
}

/// Passed by one file in a hundred, and by half of them.
fn filters() -> Result<(Filter, Filter)> {
    let one_in_100 = Filter::parse(&json!({"type": "eq", "key": "group", "value": 7}))?;
    let half = Filter::parse(&json!({"type": "lt", "key": "group", "value": 50}))?;
    Ok((one_in_100, half))
}

/// The condition under which the product asks the index for the reader.
fn readable(filter: Option<Filter>) -> Filter {
    Filter::readable_by(filter, Principals::new(READER.into_iter().chain(["public"])))
}

/// Prints the latency of each way of asking the index; gives that of the dense leg alone,
/// in milliseconds.
async fn measure(index: &Embedded, store: &str, material: &Material) -> Result<serde_json::Value> {
    let (one_in_100, half) = filters()?;
    let ways = [
        ("words only", false, true, None),
        ("vector only", true, false, None),
        ("hybrid", true, true, None),
        ("hybrid, filter 1 in 100", true, true, Some(one_in_100)),
        ("hybrid, access list (1 in 4)", true, true, Some(readable(None))),
        ("hybrid, access list and filter (1 in 8)", true, true, Some(readable(Some(half)))),
    ];
    let mut dense = json!(null);
    for (name, near, worded, filter) in ways {
        let mut took = Vec::new();
        let before = Host::read()?;
        for (text, vector) in pairs(material) {
            let query = Query {
                dense: near.then(|| vector.clone()),
                text: worded.then(|| text.clone()),
                filter: filter.clone(),
                ..Query::default()
            };
            let begun = Instant::now();
            index.query(store, query).await?;
            took.push(begun.elapsed());
        }
        let lost = Host::read()?.lost_since(before);
        println!("  index, {name}: {}{lost}", latency(&mut took));
        if name == "vector only" {
            let at = |place: usize| took[place].as_secs_f64() * 1e3;
            dense = json!({"p50_ms": at(ROUNDS / 2), "p99_ms": at(ROUNDS * 99 / 100)});
        }
    }
    Ok(dense)
}

/// Prints how long embedding a query takes, with all threads and with one.
async fn embedding(material: &Material, embedder: &Embedder) -> Result<()> {
    let config = EmbedConfig::from_store(&ModelStore::from_env()?)?;
    let threads = config.threads;
    let alone = Embedder::new(EmbedConfig { threads: 1, ..config });
    let mut lengths = Vec::new();
    for text in &material.queries {
        lengths.push(embedder.count_tokens(text)?);
    }
    lengths.sort_unstable();
    for (threads, embedder) in [(threads, embedder), (1, &alone)] {
        let mut took = Vec::new();
        embedder.embed_query("warm up").await?;
        for (text, _) in pairs(material) {
            let begun = Instant::now();
            embedder.embed_query(text).await?;
            took.push(begun.elapsed());
        }
        println!("  embedding a query, {threads} threads: {}", latency(&mut took));
    }
    let at = |share: usize| lengths.get(lengths.len() * share / 100).copied().unwrap_or_default();
    println!("  tokens of a query: p50 {}, p99 {}", at(50), at(99));
    Ok(())
}

/// Prints the steps of a median query with and without an access list; gives the points
/// that each query finds.
async fn steps(index: &Embedded, store: &str, material: &Material) -> Result<Vec<Vec<i64>>> {
    let mut hits = Vec::new();
    for (name, filter) in [("", None), (" with an access list", Some(readable(None)))] {
        let mut steps: Vec<(Duration, String)> = Vec::new();
        hits.clear();
        for (text, vector) in pairs(material) {
            let query = Query {
                dense: Some(vector.clone()),
                text: Some(text.clone()),
                filter: filter.clone(),
                limit: HITS,
                ..Query::default()
            };
            let found = index.search(store, query, Ranking::default()).await?;
            let took = found.took;
            steps.push((Duration::from_secs_f64(took.total_ms / 1e3), format!("{took:.3?}")));
            hits.push(found.hits.iter().filter_map(|hit| i64::try_from(hit.id).ok()).collect());
        }
        steps.sort();
        println!("  a median query{name}: {}", steps[ROUNDS / 2].1);
        println!("  one in a hundred{name}: {}", steps[ROUNDS * 99 / 100].1);
    }
    Ok(hits)
}

fn pairs(material: &Material) -> impl Iterator<Item = (&String, &Vec<f32>)> {
    material.queries.iter().zip(&material.query_vectors).cycle().take(ROUNDS)
}

/// Prints how many of the ten truly nearest a search finds among its ten, of all chunks and
/// of those that pass a condition; gives the first.
async fn recalls(
    index: &Embedded,
    store: &str,
    chunks: &[Vec<f32>],
    queries: &[Vec<f32>],
) -> Result<f64> {
    let all = recall(index, store, (chunks, queries), None, |_| true).await?;
    let may_read = |file| reader_of(file).is_none_or(|name| READER.contains(&name.as_str()));
    let listed = Some(readable(None));
    let listed = recall(index, store, (chunks, queries), listed, may_read).await?;
    let (one_in_100, half) = filters()?;
    let both = |file| may_read(file) && group_of(file) < 50;
    let half = Some(readable(Some(half)));
    let both = recall(index, store, (chunks, queries), half, both).await?;
    let few = |file| group_of(file) == 7;
    let few = recall(index, store, (chunks, queries), Some(one_in_100), few).await?;
    println!(
        "  dense recall@10 against exact search: {all:.4}; access list {listed:.4}, with a filter \
         {both:.4}; filter 1 in 100 {few:.4}"
    );
    Ok(all)
}

async fn recall(
    index: &Embedded,
    store: &str,
    (chunks, queries): (&[Vec<f32>], &[Vec<f32>]),
    filter: Option<Filter>,
    passes: impl Fn(u64) -> bool,
) -> Result<f64> {
    let mut shared = 0;
    let queries: Vec<&Vec<f32>> = queries.iter().step_by(3).collect();
    for vector in &queries {
        // The id of a chunk is its number from 1.
        let mut near: Vec<(f32, u64)> = (0..)
            .zip(chunks)
            .filter(|(number, _)| passes(number / FILE_CHUNKS))
            .map(|(number, chunk)| (-dot(vector, chunk), number + 1))
            .collect();
        near.select_nth_unstable_by(10, |a, b| a.0.total_cmp(&b.0));
        let exact: HashSet<u64> = near.iter().take(10).map(|(_, id)| *id).collect();
        let dense = Some((*vector).clone());
        let query = Query { dense, filter: filter.clone(), ..Query::default() };
        shared += ids(&index.query(store, query).await?).filter(|id| exact.contains(id)).count();
    }
    Ok(shared as f64 / (10 * queries.len()) as f64)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum()
}

fn write_rows(path: &Path, rows: &[Vec<f32>]) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for x in rows.iter().flatten() {
        file.write_all(&x.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

/// Small and repeatable; not for anything that matters.
struct Noise(u64);

impl Noise {
    /// Between -0.5 and 0.5.
    fn unit(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) & 0xffff) as f32 / 65_536.0 - 0.5
    }
}
