//! Retrieval quality and speed on two old test collections, and speed at size.
//!
//! Quality: each document is one chunk (title and text), each query runs three ways
//! through the real index: words only, vector only, both. nDCG@10 with binary
//! relevance, the mean over the queries that have judgements. Reciprocal rank fusion
//! (k = 60, 100 candidates a leg) is worked out from the two single legs beside it.
//!
//! Speed at size: the Cranfield texts recombined, and their vectors disturbed, to
//! any number of chunks. It says nothing about quality.

mod collections;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cairn_search::{Embedded, EmbeddedOptions, Fusion, Hit, Index, Point, Query};

use self::collections::{Collection, cacm, cranfield};

/// Measures quality on Cranfield and CACM below `folder`
/// (`<folder>/cranfield`, `<folder>/cacm`), printing one block for each.
///
/// `embed` turns texts into vectors, all of one length.
pub async fn run(
    folder: &Path,
    embed: impl AsyncFn(Vec<String>) -> Result<Vec<Vec<f32>>>,
) -> Result<()> {
    let scratch = scratch("quality")?;
    for collection in [cranfield(&folder.join("cranfield"))?, cacm(&folder.join("cacm"), &scratch)?]
    {
        measure(&collection, &scratch, &embed).await?;
    }
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

/// Measures ingest, optimise, size and query latency with `count` chunks made of
/// Cranfield's below `folder`.
pub async fn scale(
    folder: &Path,
    count: u64,
    embed: impl AsyncFn(Vec<String>) -> Result<Vec<Vec<f32>>>,
) -> Result<()> {
    let collection = cranfield(&folder.join("cranfield"))?;
    let texts: Vec<String> = collection.documents.iter().map(|(_, text)| text.clone()).collect();
    let vectors = embed(texts.clone()).await?;
    let queries: Vec<String> = collection.queries.iter().map(|(text, _)| text.clone()).collect();
    let query_vectors = embed(queries.clone()).await?;

    let scratch = scratch("scale")?;
    let index = open(&scratch, &vectors)?;
    let begun = Instant::now();
    let mut noise = Noise(1);
    for start in (0..count).step_by(256) {
        let points = (start..count.min(start + 256)).map(|id| {
            let (a, b) = (noise.pick(texts.len()), noise.pick(texts.len()));
            let half = |text: &str| text.split(' ').take(60).collect::<Vec<_>>().join(" ");
            let text = format!("{} {}", half(&texts[a]), half(&texts[b]));
            let vector = vectors[a].iter().map(|x| x + 0.05 * noise.unit()).collect();
            let file = format!("file-{}", id / 50);
            let attributes = serde_json::Map::from_iter([("group".to_owned(), (id % 100).into())]);
            Point { id, file, text, vector, attributes }
        });
        index.upsert("scale", points.collect()).await?;
    }
    let ingested = begun.elapsed();
    let begun = Instant::now();
    index.optimise("scale").await?;
    println!(
        "{count} chunks: {:.0} upserts/s with the rebuilds on the way, last optimise {:.1} s, {:.0} MB on disk",
        per_second(count, ingested),
        begun.elapsed().as_secs_f64(),
        megabytes(&scratch)?,
    );
    let only = Some(one_in_a_hundred()?);
    let ways = [
        ("words only", false, true, None),
        ("vector only", true, false, None),
        ("hybrid", true, true, None),
        ("hybrid, filter 1 in 100", true, true, only),
    ];
    for (name, near, worded, filter) in ways {
        let mut took = Vec::new();
        for (text, vector) in queries.iter().zip(&query_vectors).cycle().take(1000) {
            let query = Query {
                dense: near.then(|| vector.clone()),
                text: worded.then(|| text.clone()),
                filter: filter.clone(),
                ..Query::default()
            };
            let begun = Instant::now();
            index.query("scale", query).await?;
            took.push(begun.elapsed());
        }
        println!("  {name}: {}", latency(&mut took));
    }
    let recall = recall(&index, &query_vectors).await?;
    println!("  dense recall@10 against 2,000 candidates: {recall:.3}");
    index.close_all().await?;
    drop(index);
    let begun = Instant::now();
    let index = open(&scratch, &vectors)?;
    ensure!(index.count("scale").await? == count, "chunks were lost");
    println!("  reopened in {:.2} s", begun.elapsed().as_secs_f64());
    drop(index);
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

fn one_in_a_hundred() -> Result<cairn_search::Filter> {
    let filter = serde_json::json!({"type": "eq", "key": "group", "value": 7});
    Ok(cairn_search::Filter::parse(&filter)?)
}

/// How many of the ten nearest a usual query finds, taking a deep one for the truth.
async fn recall(index: &Embedded, vectors: &[Vec<f32>]) -> Result<f64> {
    let mut shared = 0;
    for vector in vectors {
        let query = Query { dense: Some(vector.clone()), ..Query::default() };
        let near: HashSet<u64> = ids(&index.query("scale", query.clone()).await?).collect();
        let deep = index.query("scale", Query { candidates: 2000, ..query }).await?;
        shared += ids(&deep).filter(|id| near.contains(id)).count();
    }
    Ok(shared as f64 / (10 * vectors.len()) as f64)
}

async fn measure(
    collection: &Collection,
    scratch: &Path,
    embed: &impl AsyncFn(Vec<String>) -> Result<Vec<Vec<f32>>>,
) -> Result<()> {
    let name = collection.name;
    let texts: Vec<String> = collection.documents.iter().map(|(_, text)| text.clone()).collect();
    let begun = Instant::now();
    let vectors = embed(texts).await?;
    let embedded = begun.elapsed();
    let queries: Vec<String> = collection.queries.iter().map(|(text, _)| text.clone()).collect();
    let query_vectors = embed(queries).await?;

    let index = open(scratch, &vectors)?;
    let begun = Instant::now();
    let points: Vec<Point> = collection
        .documents
        .iter()
        .zip(&vectors)
        .map(|((id, text), vector)| Point {
            id: *id,
            file: id.to_string(),
            text: text.clone(),
            vector: vector.clone(),
            attributes: serde_json::Map::new(),
        })
        .collect();
    let count = points.len() as u64;
    for batch in points.chunks(128) {
        index.upsert(name, batch.to_vec()).await?;
    }
    index.optimise(name).await?;
    println!(
        "{name}: {count} documents, {} queries; embedding {:.0}/s, indexing {:.0}/s, {:.0} MB on disk",
        collection.queries.len(),
        per_second(count, embedded),
        per_second(count, begun.elapsed()),
        megabytes(scratch)?,
    );
    report(collection, &index, &query_vectors).await?;
    index.close_all().await?;
    Ok(())
}

async fn report(collection: &Collection, index: &Embedded, vectors: &[Vec<f32>]) -> Result<()> {
    let mut quality: BTreeMap<String, f64> = BTreeMap::new();
    let mut took: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for ((text, relevant), vector) in collection.queries.iter().zip(vectors) {
        let both = Query {
            dense: Some(vector.clone()),
            text: Some(text.clone()),
            limit: 100,
            ..Query::default()
        };
        let mut ways = vec![
            ("bm25".to_owned(), Query { dense: None, ..both.clone() }),
            ("dense".to_owned(), Query { text: None, ..both.clone() }),
            ("fused".to_owned(), both.clone()),
        ];
        for dense_weight in [0.4, 0.5, 0.7] {
            let fusion = Fusion { dense_weight };
            ways.push((
                format!("fused, dense weight {dense_weight}"),
                Query { fusion, ..both.clone() },
            ));
        }
        let mut legs = Vec::new();
        for (way, query) in ways {
            let begun = Instant::now();
            let hits = index.query(collection.name, query).await?;
            took.entry(way.clone()).or_default().push(begun.elapsed());
            if way == "bm25" || way == "dense" {
                legs.push(ids(&hits).collect::<Vec<u64>>());
            }
            *quality.entry(way).or_default() += ndcg(ids(&hits), relevant);
        }
        *quality.entry("reciprocal ranks".to_owned()).or_default() +=
            ndcg(reciprocal(&legs).into_iter(), relevant);
    }
    for (way, sum) in quality {
        let spent = took.get_mut(&way).map(|took| latency(took)).unwrap_or_default();
        println!("  nDCG@10 {:.4}  {way:<24} {spent}", sum / collection.queries.len() as f64);
    }
    Ok(())
}

fn open(scratch: &Path, vectors: &[Vec<f32>]) -> Result<Embedded> {
    let dimensions = vectors.first().map_or(0, Vec::len);
    Ok(Embedded::open(scratch.join("index"), EmbeddedOptions { dimensions, ..Default::default() })?)
}

fn ids(hits: &[Hit]) -> impl Iterator<Item = u64> {
    hits.iter().map(|hit| hit.id)
}

/// Discounted gain of the first ten over the best possible, relevance being yes or no.
fn ndcg(ranked: impl Iterator<Item = u64>, relevant: &HashSet<u64>) -> f64 {
    let discount = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let best: f64 = (0..relevant.len().min(10)).map(discount).sum();
    let gained: f64 = ranked
        .take(10)
        .enumerate()
        .filter(|(_, id)| relevant.contains(id))
        .map(|(n, _)| discount(n))
        .sum();
    gained / best
}

fn reciprocal(legs: &[Vec<u64>]) -> Vec<u64> {
    let mut sums: HashMap<u64, f64> = HashMap::new();
    for leg in legs {
        for (place, id) in leg.iter().take(100).enumerate() {
            *sums.entry(*id).or_default() += 1.0 / (61.0 + place as f64);
        }
    }
    let mut ranked: Vec<(u64, f64)> = sums.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.into_iter().map(|(id, _)| id).collect()
}

fn latency(took: &mut [Duration]) -> String {
    took.sort();
    let at = |share: f64| {
        let place = (took.len() as f64 * share) as usize;
        took.get(place.min(took.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64) * 1e3
    };
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

/// Space that is really taken: files of the index have holes.
fn megabytes(folder: &Path) -> Result<f64> {
    let listed = Command::new("du").arg("-sk").arg(folder).output()?;
    let text = String::from_utf8(listed.stdout)?;
    let kilobytes: f64 = text.split_whitespace().next().context("du said nothing")?.parse()?;
    Ok(kilobytes / 1024.0)
}

fn scratch(name: &str) -> Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("cairn-bench-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Small and repeatable; not for anything that matters.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn pick(&mut self, count: usize) -> usize {
        self.next() as usize % count
    }

    /// Between -0.5 and 0.5.
    fn unit(&mut self) -> f32 {
        (self.next() & 0xffff) as f32 / 65_536.0 - 0.5
    }
}
