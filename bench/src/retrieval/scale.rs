//! Speed at size: latency with the query's embedding, with filters and access lists, and
//! recall against exact search.
//!
//! Chunks are the three collections' texts recombined by halves. Their vectors are the
//! real embeddings of the first half's text, disturbed so that a chunk lies about as far
//! from the passage it came from (cosine 0.93) as near paraphrases do, and passages lie
//! as far from each other as they really do. It says nothing about quality.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cairn_search::{Embedded, Filter, Index, Point, Principals, Query};
use cairn_serving::embed::Embedder;
use serde_json::json;

use super::collections::Collection;
use super::{collections, embed, ids, latency, megabytes, open, per_second, scratch};

/// Queries of one measurement.
const ROUNDS: usize = 1000;
/// Name of the store.
const STORE: &str = "scale";
/// How much each component of a vector is disturbed.
const NOISE: f32 = 0.07;

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
    fill(&index, &material.texts, &chunks, &scratch).await?;
    let dense = measure(&index, &material, embedder).await?;
    let recall = recall(&index, &chunks, &material.query_vectors).await?;
    println!("  dense recall@10 against exact search: {recall:.4}");
    if let Some(out) = out {
        std::fs::create_dir_all(out)?;
        write_rows(&out.join("vectors.f32"), &chunks)?;
        write_rows(&out.join("queries.f32"), &material.query_vectors)?;
        let figures = json!({"dense": dense, "recall": recall, "count": count});
        std::fs::write(out.join("cairn.json"), figures.to_string())?;
    }
    index.close_all().await?;
    drop(index);
    let begun = Instant::now();
    let index = open(&scratch, &chunks)?;
    ensure!(index.count(STORE).await? == count, "chunks were lost");
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

async fn fill(
    index: &Embedded,
    texts: &[String],
    vectors: &[Vec<f32>],
    scratch: &Path,
) -> Result<()> {
    let count = vectors.len() as u64;
    let half = |text: &str| text.split(' ').take(60).collect::<Vec<_>>().join(" ");
    let point = |id: u64| {
        let (a, b) = (source(id, texts.len()), source(id + count, texts.len()));
        let mut attributes = serde_json::Map::from_iter([("group".to_owned(), (id % 100).into())]);
        // A fifth is everybody's, the rest belongs to one of forty groups.
        if id % 5 != 0 {
            Principals::new([format!("group:{}", id % 40)]).write(&mut attributes);
        }
        Point {
            id,
            file: format!("file-{}", id / 50),
            text: format!("{} {}", half(&texts[a]), half(&texts[b])),
            vector: vectors[id as usize].clone(),
            attributes,
        }
    };
    let begun = Instant::now();
    for start in (0..count).step_by(256) {
        index.upsert(STORE, (start..count.min(start + 256)).map(point).collect()).await?;
    }
    let ingested = begun.elapsed();
    let begun = Instant::now();
    index.optimise(STORE).await?;
    println!(
        "{count} chunks: {:.0} upserts/s with the rebuilds on the way, last optimise {:.1} s, {:.0} MB on disk",
        per_second(count, ingested),
        begun.elapsed().as_secs_f64(),
        megabytes(scratch)?,
    );
    Ok(())
}

/// Prints the latency of each way of asking; gives that of the dense leg alone, in
/// milliseconds.
async fn measure(
    index: &Embedded,
    material: &Material,
    embedder: &Embedder,
) -> Result<serde_json::Value> {
    let one_in_100 = Filter::parse(&json!({"type": "eq", "key": "group", "value": 7}))?;
    let caller = Principals::new(["public", "group:3", "group:11"]);
    let readable = Filter::readable_by(None, caller.clone());
    let both = Filter::readable_by(
        Some(Filter::parse(&json!({"type": "lt", "key": "group", "value": 50}))?),
        caller,
    );
    let ways = [
        ("words only", false, true, None),
        ("vector only", true, false, None),
        ("hybrid", true, true, None),
        ("hybrid, filter 1 in 100", true, true, Some(one_in_100.clone())),
        ("hybrid, access list (1 in 4)", true, true, Some(readable)),
        ("hybrid, access list and filter (1 in 8)", true, true, Some(both.clone())),
    ];
    let mut dense = json!(null);
    for (name, near, worded, filter) in ways {
        let mut took = Vec::new();
        for (text, vector) in pairs(material) {
            let query = Query {
                dense: near.then(|| vector.clone()),
                text: worded.then(|| text.clone()),
                filter: filter.clone(),
                ..Query::default()
            };
            let begun = Instant::now();
            index.query(STORE, query).await?;
            took.push(begun.elapsed());
        }
        println!("  {name}: {}", latency(&mut took));
        if name == "vector only" {
            let at = |place: usize| took[place].as_secs_f64() * 1e3;
            dense = json!({"p50_ms": at(ROUNDS / 2), "p99_ms": at(ROUNDS * 99 / 100)});
        }
    }
    for (name, filter) in [("", None), (", access list and filter", Some(both))] {
        let (mut took, mut embedding) = (Vec::new(), Vec::new());
        for (text, _) in pairs(material) {
            let begun = Instant::now();
            let vector = embedder.embed_query(text).await?;
            embedding.push(begun.elapsed());
            let query = Query {
                dense: Some(vector),
                text: Some(text.clone()),
                filter: filter.clone(),
                ..Query::default()
            };
            index.query(STORE, query).await?;
            took.push(begun.elapsed());
        }
        println!(
            "  text to hits{name}: {} (embedding the query {})",
            latency(&mut took),
            latency(&mut embedding)
        );
    }
    let mut steps: Vec<(Duration, String)> = Vec::new();
    for (text, vector) in pairs(material) {
        let query =
            Query { dense: Some(vector.clone()), text: Some(text.clone()), ..Query::default() };
        let took = index.search(STORE, query, cairn_search::Ranking::default()).await?.took;
        steps.push((Duration::from_secs_f64(took.total_ms / 1e3), format!("{took:.3?}")));
    }
    steps.sort();
    println!("  a median query: {}", steps[ROUNDS / 2].1);
    Ok(dense)
}

fn pairs(material: &Material) -> impl Iterator<Item = (&String, &Vec<f32>)> {
    material.queries.iter().zip(&material.query_vectors).cycle().take(ROUNDS)
}

/// How many of the ten truly nearest a usual query finds, among its ten.
async fn recall(index: &Embedded, chunks: &[Vec<f32>], queries: &[Vec<f32>]) -> Result<f64> {
    let mut shared = 0;
    let queries: Vec<&Vec<f32>> = queries.iter().step_by(3).collect();
    for vector in &queries {
        let mut near: Vec<(f32, u64)> =
            (0..).zip(chunks).map(|(id, chunk)| (-product(vector, chunk), id)).collect();
        near.select_nth_unstable_by(10, |a, b| a.0.total_cmp(&b.0));
        let exact: HashSet<u64> = near.iter().take(10).map(|(_, id)| *id).collect();
        let query = Query { dense: Some((*vector).clone()), ..Query::default() };
        shared += ids(&index.query(STORE, query).await?).filter(|id| exact.contains(id)).count();
    }
    Ok(shared as f64 / (10 * queries.len()) as f64)
}

fn product(a: &[f32], b: &[f32]) -> f32 {
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
