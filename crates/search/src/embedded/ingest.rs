//! Points into a shard, and its upkeep.

use std::time::Instant;

use cairn_kernel::{Error, Result};
use metrics::histogram;
use serde_json::{Map, Value, json};

use super::engine::{self, Entry};
use super::fields::{self, AVERAGE, FILE, LENGTH};
use super::ledger::Ledger;
use super::store::{Open, Turn};
use crate::analysis::{Analyzer, Counts};
use crate::index::check_vector;
use crate::{Language, Point, Told, bm25};

/// Most points in one operation of the engine.
const BATCH: usize = 256;
/// Most attributes (by key and type) with an index; filters on others are slower.
const INDEXED_FIELDS: usize = 64;

/// Whether a field that has no index may be in points all the same.
pub(super) fn is_full(ledger: &Ledger) -> bool {
    ledger.fields.len() > INDEXED_FIELDS
}

/// A point whose vector and attributes are checked.
pub(super) struct Checked {
    id: u64,
    file: String,
    text: String,
    vector: Vec<f32>,
    attributes: Map<String, Value>,
}

/// A checked point whose text is analysed.
struct Prepared {
    id: u64,
    file: String,
    vector: Vec<f32>,
    counts: Counts,
    attributes: Map<String, Value>,
}

/// Checks points, whose vectors must be equally long; fails before anything is written.
pub(super) fn check(points: Vec<Point>) -> Result<Vec<Checked>> {
    let dimensions = points.first().map_or(0, |point| point.vector.len());
    if dimensions == 0 {
        return Err(Error::invalid("a point needs a vector"));
    }
    let check = |point: Point| {
        check_vector(&point.vector, dimensions, &format!("the vector of chunk {}", point.id))?;
        Ok(Checked {
            id: point.id,
            attributes: fields::payload(&point.attributes)?,
            file: point.file,
            text: point.text,
            vector: point.vector,
        })
    };
    points.into_iter().map(check).collect()
}

/// What the points' texts tell of their language.
pub(super) fn told(points: &[Checked]) -> Told {
    Language::told(points.iter().map(|point| point.text.as_str()))
}

/// The length of the points' vectors, which [`check`] found equal.
pub(super) fn dimensions(points: &[Checked]) -> usize {
    points.first().map_or(0, |point| point.vector.len())
}

fn prepare(analyzer: &Analyzer, point: Checked) -> Prepared {
    let Checked { id, file, text, vector, attributes } = point;
    Prepared { id, file, vector, counts: analyzer.counts(&text), attributes }
}

/// Analyses and writes points, if their vectors are as long as the store's; the fields they
/// bring get their indexes first.
pub(super) fn write(open: &Open, points: Vec<Checked>) -> Result<()> {
    for point in points.iter().take(1) {
        let what = format!("the vector of chunk {}", point.id);
        check_vector(&point.vector, open.dimensions(), &what)?;
    }
    let points: Vec<Prepared> =
        points.into_iter().map(|point| prepare(&open.analyzer, point)).collect();
    admit_fields(open, &points)?;
    let lengths: Vec<u32> = points.iter().map(|point| point.counts.length).collect();
    let average = open.ledger().admit(&lengths);
    let mut entries = points.into_iter().map(|point| entry(point, average));
    loop {
        let batch: Vec<Entry> = entries.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        engine::upsert(&open.shard, batch)?;
    }
}

fn admit_fields(open: &Open, points: &[Prepared]) -> Result<()> {
    let mut ledger = open.ledger();
    for name in points.iter().flat_map(|point| point.attributes.keys()) {
        if ledger.fields.contains(name) || is_full(&ledger) {
            continue;
        }
        engine::ensure_fields(&open.shard, [name])?;
        ledger.fields.insert(name.clone());
        if is_full(&ledger) {
            tracing::warn!("further attributes of this store are filtered without an index");
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "no chunk has 2^24 terms")]
fn entry(point: Prepared, average: f32) -> Entry {
    let length = point.counts.length as f32;
    let weigh = |(id, count): (u32, u32)| (id, bm25::weight(count as f32, length, average));
    let mut payload = point.attributes;
    payload.insert(FILE.to_owned(), Value::String(point.file));
    payload.insert(LENGTH.to_owned(), json!(point.counts.length));
    payload.insert(AVERAGE.to_owned(), json!(average));
    let terms = point.counts.terms.into_iter().map(weigh).unzip();
    Entry { id: point.id, dense: point.vector, terms, payload }
}

/// Writes points anew whose texts are given in the place of those they had; all that was written
/// of them but for their terms stays. `open` is of a store that has none of them yet.
pub(super) fn write_anew(open: &Open, entries: Vec<(Entry, String)>) -> Result<()> {
    let prepare = |(mut entry, text): (Entry, String)| {
        let counts = open.analyzer.counts(&text);
        let file = entry.payload.remove(FILE);
        let file = file.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let (vector, attributes) = (entry.dense, entry.payload);
        Prepared { id: entry.id, file, vector, counts, attributes }
    };
    let points: Vec<Prepared> = entries.into_iter().map(prepare).collect();
    let lengths: Vec<u32> = points.iter().map(|point| point.counts.length).collect();
    let average = open.ledger().admit(&lengths);
    engine::upsert(&open.shard, points.into_iter().map(|point| entry(point, average)).collect())
}

/// Whether so many points were written that the store should be rebuilt.
pub(super) fn is_due(open: &Open, every: u64) -> bool {
    open.ledger().since_rebuild >= every
}

/// Weighs terms again where the mean length has moved, builds graphs and compact
/// segments, gives back the log's space, and leaves everything durable.
///
/// The flush before the rebuild matters: the rebuild replaces segments on disk, and
/// must not outlive points that only memory holds.
pub(super) fn optimise(turn: &Turn<'_>) -> Result<()> {
    let begun = Instant::now();
    let rebuilt = turn.alter(|open| {
        reweigh(open)?;
        open.flush()?;
        let rebuilt = open.shard.optimize().map_err(|e| engine::failed("being rebuilt", &e))?;
        let names = open.ledger().fields.clone();
        engine::ensure_fields(&open.shard, &names)?;
        open.ledger().since_rebuild = 0;
        open.rarity().forget();
        Ok(rebuilt)
    })?;
    if let Some(rebuilt) = rebuilt {
        turn.flush()?;
        turn.trim()?;
        let seconds = begun.elapsed().as_secs_f64();
        histogram!("cairn_index_optimise_seconds").record(seconds);
        tracing::debug!(seconds, rebuilt, "index optimised");
    }
    Ok(())
}

/// See [`bm25`]: brings every point's weights to the present mean length.
fn reweigh(open: &Open) -> Result<()> {
    if !open.ledger().drifted() {
        return Ok(());
    }
    let average = open.ledger().mean();
    let mut stale = Vec::new();
    engine::scroll(&open.shard, true, |page| {
        stale.extend(page.iter().filter(|entry| is_stale(entry, average)).map(|entry| entry.id));
        Ok(())
    })?;
    for ids in stale.chunks(BATCH) {
        let mut entries = engine::entries(&open.shard, ids)?;
        for entry in &mut entries {
            weigh_again(entry, average)?;
        }
        engine::upsert(&open.shard, entries)?;
    }
    tracing::debug!(points = stale.len(), average, "terms weighed again");
    open.ledger().settle();
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "it was written as an f32")]
fn number(entry: &Entry, name: &str) -> Option<f32> {
    entry.payload.get(name).and_then(Value::as_f64).map(|value| value as f32)
}

fn is_stale(entry: &Entry, average: f32) -> bool {
    number(entry, AVERAGE).is_some_and(|old| bm25::apart(old, average, bm25::SETTLED))
}

fn weigh_again(entry: &mut Entry, average: f32) -> Result<()> {
    let (Some(length), Some(old)) = (number(entry, LENGTH), number(entry, AVERAGE)) else {
        return Err(Error::internal(format!("point {} lacks its length", entry.id)));
    };
    for weight in &mut entry.terms.1 {
        *weight = bm25::reweighed(*weight, length, old, average);
    }
    entry.payload.insert(AVERAGE.to_owned(), json!(average));
    Ok(())
}
