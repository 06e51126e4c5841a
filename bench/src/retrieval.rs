//! Retrieval quality on test collections, and speed at size.
//!
//! Quality: each document is one chunk (title and text); nDCG@10 with binary relevance,
//! the mean over the queries that have judgements. Reciprocal rank fusion (k = 60, 100
//! candidates a leg) is worked out from the two single legs beside ours. What is learned
//! from judgements is measured on queries that it was not learned from (five parts).
//!
//! Parts by arguments: none (quality, then 100,000 chunks), `quality`, `words FOLDER`
//! (BM25 alone; texts and figures go to FOLDER for `peers/bm25.py`), `scale COUNT
//! [FOLDER]` (vectors and figures go to FOLDER for `peers/vectors.py`).

mod collections;
mod scale;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cairn_search::{
    Candidate, Embedded, EmbeddedOptions, Hit, Index, Judged, Learned, Point, Query, Ranking,
    learn, ndcg,
};
use cairn_serving::embed::{DIMENSIONS, Embedder, Priority};
use serde_json::json;

use self::collections::{Collection, cacm, cranfield, squad};

/// Chunks of the measurement at size.
const CHUNKS: u64 = 100_000;

/// Runs the part that `arguments` name, on the collections below `folder`
/// (`<folder>/cranfield`, `<folder>/cacm`, `<folder>/squad-v2-8-articles.json`).
pub async fn run(folder: &Path, embedder: &Embedder, arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            quality(folder, embedder).await?;
            scale::run(folder, CHUNKS, embedder, None).await
        }
        ["quality"] => quality(folder, embedder).await,
        ["words", out] => words(folder, Path::new(out)).await,
        ["scale", count] => scale::run(folder, count.parse()?, embedder, None).await,
        ["scale", count, out] => {
            scale::run(folder, count.parse()?, embedder, Some(Path::new(out))).await
        }
        _ => bail!("the parts are: quality, words FOLDER, scale COUNT [FOLDER]"),
    }
}

fn collections(folder: &Path, scratch: &Path) -> Result<Vec<Collection>> {
    Ok(vec![
        cranfield(&folder.join("cranfield"))?,
        cacm(&folder.join("cacm"), scratch)?,
        squad(&folder.join("squad-v2-8-articles.json"))?,
    ])
}

async fn quality(folder: &Path, embedder: &Embedder) -> Result<()> {
    let scratch = scratch("quality")?;
    for collection in collections(folder, &scratch)? {
        measure(&collection, &scratch, embedder).await?;
    }
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

/// BM25 alone, without a model. Writes `NAME.json` with the texts and our figure.
async fn words(folder: &Path, out: &Path) -> Result<()> {
    let scratch = scratch("words")?;
    std::fs::create_dir_all(out)?;
    for collection in collections(folder, &scratch)? {
        let none = vec![vec![1.0]; collection.documents.len()];
        let index = filled(&collection, &scratch.join(collection.name), &none).await?;
        let mut sum = 0.0;
        for (text, relevant) in &collection.queries {
            let query = Query { text: Some(text.clone()), ..Query::default() };
            sum += ndcg(ids(&index.query(collection.name, query).await?), relevant);
        }
        let ours = sum / collection.queries.len() as f64;
        println!("{}: BM25 nDCG@10 {ours:.4}", collection.name);
        let texts = json!({
            "documents": collection.documents, "queries": collection.queries, "ours": ours,
        });
        std::fs::write(out.join(format!("{}.json", collection.name)), texts.to_string())?;
        index.close_all().await?;
    }
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

async fn embed(embedder: &Embedder, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
    Ok(embedder.embed(texts, Priority::Bulk).await?.vectors)
}

/// The collection, each document a chunk, in an index of its own.
async fn filled(collection: &Collection, scratch: &Path, vectors: &[Vec<f32>]) -> Result<Embedded> {
    let index = open(scratch, vectors)?;
    let points: Vec<Point> = collection
        .documents
        .iter()
        .zip(vectors)
        .map(|((id, text), vector)| Point {
            id: *id,
            file: id.to_string(),
            text: text.clone(),
            vector: vector.clone(),
            attributes: serde_json::Map::new(),
        })
        .collect();
    for batch in points.chunks(128) {
        index.upsert(collection.name, batch.to_vec()).await?;
    }
    index.optimise(collection.name).await?;
    Ok(index)
}

async fn measure(collection: &Collection, scratch: &Path, embedder: &Embedder) -> Result<()> {
    let name = collection.name;
    let texts: Vec<String> = collection.documents.iter().map(|(_, text)| text.clone()).collect();
    let begun = Instant::now();
    let vectors = embed(embedder, texts).await?;
    let embedded = begun.elapsed();
    let queries: Vec<String> = collection.queries.iter().map(|(text, _)| text.clone()).collect();
    let query_vectors = embed(embedder, queries).await?;
    let count = collection.documents.len() as u64;
    let begun = Instant::now();
    let index = filled(collection, &scratch.join(name), &vectors).await?;
    println!(
        "{name}: {count} documents, {} queries; embedding {:.0}/s, indexing {:.0}/s, {:.0} MB on disk",
        collection.queries.len(),
        per_second(count, embedded),
        per_second(count, begun.elapsed()),
        megabytes(scratch)?,
    );
    report(collection, &index, &query_vectors).await?;
    let mut judged = Vec::new();
    for ((text, relevant), vector) in collection.queries.iter().zip(&query_vectors) {
        let query =
            Query { dense: Some(vector.clone()), text: Some(text.clone()), ..Query::default() };
        let candidates = index.candidates(name, query).await?;
        judged.push(Judged { candidates, relevant: relevant.clone() });
    }
    let begun = Instant::now();
    told("learned, cross-validated", &learn(&judged), begun.elapsed());
    read_late(collection, embedder, &mut judged).await?;
    let begun = Instant::now();
    told("with late interaction", &learn(&judged), begun.elapsed());
    index.close_all().await?;
    Ok(())
}

fn told(what: &str, learned: &Learned, took: Duration) {
    let Ranking { dense_weight, spread, late } = learned.ranking;
    println!(
        "  nDCG@10 {:.4}  {what}: {:?} (dense {dense_weight:.1}, neighbours {spread:.1}, reranker {late:.1}); \
         learned in {:.1} s",
        learned.quality.learned,
        learned.choice,
        took.as_secs_f64()
    );
}

/// Late interaction for every candidate, as the reranking model of the program has it:
/// the mean over the query's tokens of the greatest cosine with a token of the window,
/// the best window counting.
async fn read_late(
    collection: &Collection,
    embedder: &Embedder,
    judged: &mut [Judged],
) -> Result<()> {
    let mut tokens: HashMap<u64, Vec<Vec<f32>>> = HashMap::new();
    for batch in collection.documents.chunks(64) {
        let texts = batch.iter().map(|(_, text)| text.clone()).collect();
        let windows = embedder.token_vectors(texts, Priority::Bulk).await?.windows;
        tokens.extend(batch.iter().map(|(id, _)| *id).zip(windows));
    }
    for ((text, _), judged) in collection.queries.iter().zip(judged) {
        let asked = embedder.token_vectors(vec![text.clone()], Priority::Bulk).await?.windows;
        let query: Vec<f32> = asked.into_iter().flatten().flatten().collect();
        for candidate in best_by_default(&mut judged.candidates) {
            let windows = tokens.get(&candidate.id).map(Vec::as_slice).unwrap_or_default();
            candidate.late = windows.iter().map(|window| max_sim(&query, window)).reduce(f32::max);
        }
    }
    Ok(())
}

/// The 50 candidates that a reranker would be given.
fn best_by_default(candidates: &mut [Candidate]) -> impl Iterator<Item = &mut Candidate> {
    let hits = cairn_search::rank(candidates, &Ranking::default(), 50);
    let best: HashSet<u64> = ids(&hits).collect();
    candidates.iter_mut().filter(move |candidate| best.contains(&candidate.id))
}

fn max_sim(query: &[f32], window: &[f32]) -> f32 {
    let cosine = |a: &[f32], b: &[f32]| {
        let mut sums = [0.0_f32; 8];
        for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
            for lane in 0..8 {
                sums[lane] += x[lane] * y[lane];
            }
        }
        sums.iter().sum::<f32>()
    };
    let nearest = |asked: &[f32]| {
        window.chunks_exact(DIMENSIONS).map(|token| cosine(asked, token)).fold(-1.0, f32::max)
    };
    let count = (query.len() / DIMENSIONS).max(1);
    query.chunks_exact(DIMENSIONS).map(nearest).sum::<f32>() / count as f32
}

async fn report(collection: &Collection, index: &Embedded, vectors: &[Vec<f32>]) -> Result<()> {
    let default = Ranking::default();
    let ways = [
        ("bm25", false, true, default),
        ("dense", true, false, default),
        ("fused", true, true, Ranking { spread: 0.0, ..default }),
        ("the default ranking", true, true, default),
    ];
    let mut quality: BTreeMap<&str, f64> = BTreeMap::new();
    let mut took: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for ((text, relevant), vector) in collection.queries.iter().zip(vectors) {
        let mut legs = Vec::new();
        for (way, near, worded, ranking) in ways {
            let query = Query {
                dense: near.then(|| vector.clone()),
                text: worded.then(|| text.clone()),
                limit: 100,
                ..Query::default()
            };
            let begun = Instant::now();
            let hits = index.search(collection.name, query, ranking).await?.hits;
            took.entry(way).or_default().push(begun.elapsed());
            if near != worded {
                legs.push(ids(&hits).collect::<Vec<u64>>());
            }
            *quality.entry(way).or_default() += ndcg(ids(&hits), relevant);
        }
        *quality.entry("reciprocal ranks").or_default() +=
            ndcg(reciprocal(&legs).into_iter(), relevant);
    }
    for (way, sum) in quality {
        let spent = took.get_mut(way).map(|took| latency(took)).unwrap_or_default();
        println!("  nDCG@10 {:.4}  {way:<30} {spent}", sum / collection.queries.len() as f64);
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
