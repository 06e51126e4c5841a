//! The chunks as the product keeps them: rows of a record store with their vectors, an
//! index made from them, and searches by the product's own path, from the text of a query
//! to passages that are alive and that the caller may read.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cairn_kernel::{Clock, Id, Role, Scope, Secret};
use cairn_search::{Embedded, Filter, Index};
use cairn_services::accounts::{Accounts, DEFAULT_TENANT, KeyWish};
use cairn_services::embedding::Encoders;
use cairn_services::projection::Projection;
use cairn_services::records::{Attachment, FileRow, NewChunk, NewCut, StoreRow};
use cairn_services::retrieve::{Request, Retrieve};
use cairn_serving::embed::Embedder;
use cairn_store::{Blobs, Records};
use serde_json::json;

use super::super::latency;
use super::host::Host;
use super::{FILE_CHUNKS, Material, group_of, pairs, reader_of, source};

/// Files of one transaction.
const FILES_AT_ONCE: u64 = 20;
/// How many passages a search asks for.
const LIMIT: usize = 10;
/// How often each search is asked. What the host takes falls on one or the other, what a search
/// takes on all of them.
const PASSES: usize = 3;
/// Tokens of a query that is no longer than questions are as a rule; the rest are whole paragraphs
/// of what somebody looks for.
const SHORT: usize = 32;
/// Until what was changed is on disk.
const SETTLE: Duration = Duration::from_secs(10);

/// The rows, and who asks.
pub(super) struct Product {
    pub(super) store: Id,
    records: Records,
    projection: Projection,
    owner: Scope,
    reader: Scope,
    files: u64,
}

impl Product {
    /// Writes rows for `vectors` (each with the text of two passages), and makes `index` of
    /// them. A reader speaks for `principals`.
    pub(super) async fn fill(
        scratch: &Path,
        index: &Embedded,
        (texts, vectors): (&[String], &[Vec<f32>]),
        principals: &[&str],
    ) -> Result<Self> {
        let records = Records::open(&scratch.join("records.db"), Clock::system()).await?;
        let (owner, reader) = callers(&records, principals).await?;
        let store = Id::generate("vs_");
        insert_store(&records, &owner, &store).await?;
        let begun = Instant::now();
        let files = (vectors.len() as u64).div_ceil(FILE_CHUNKS);
        for start in (0..files).step_by(usize::try_from(FILES_AT_ONCE)?) {
            let mut tx = records.begin().await?;
            for number in start..files.min(start + FILES_AT_ONCE) {
                let row = file_row(number, records.clock().now());
                let file = Id::from_raw(row.id.as_str());
                records.insert_file_within(&mut tx, &owner, &row).await?;
                if let Some(name) = reader_of(number) {
                    records.set_access_within(&mut tx, &owner, &file, Some(&[name])).await?;
                }
                let wanted = Attachment {
                    file: file.clone(),
                    batch: None,
                    attributes: json!({"group": group_of(number)}).to_string(),
                    chunk_tokens: 800,
                    overlap_tokens: 400,
                    chunking: None,
                };
                let revision = records.attach_file(&mut tx, &owner, &store, &wanted).await?;
                let of = (&store, &file, revision.context("attached twice")?);
                let chunks = chunks_of(number, texts, vectors);
                let cut = NewCut { chunks, ..NewCut::default() };
                records.replace_chunks(&mut tx, &owner, of, 1, &cut).await?;
                records.settle_file(&mut tx, &owner, of, Ok(0)).await?;
            }
            tx.commit().await?;
        }
        println!("{} rows of {files} files in {:.0} s", vectors.len(), seconds(begun));
        let begun = Instant::now();
        let blobs = Blobs::directory(&scratch.join("blobs"))?;
        let shared: Arc<dyn Index> = Arc::new(index.clone());
        let projection = Projection::new(records.clone(), blobs, shared);
        projection.verify(true).await?;
        println!(
            "index made from the rows: {:.0} points/s with the rebuilds on the way",
            vectors.len() as f64 / seconds(begun)
        );
        Ok(Self { store, records, projection, owner, reader, files })
    }

    /// Prints how long searches take from text to passages, for a reader of a tenant without
    /// access lists and, after those have been set again, of one with them.
    pub(super) async fn measure(
        &self,
        material: &Material,
        embedder: &Embedder,
        one_in_100: &Filter,
        half: &Filter,
    ) -> Result<()> {
        let retrieve = Retrieve::new(
            self.records.clone(),
            self.projection.clone(),
            Encoders::own_only(Arc::new(embedder.clone()), "bench"),
        );
        let mut is_short = Vec::new();
        for (text, _) in pairs(material) {
            is_short.push(embedder.count_tokens(text)? <= SHORT);
        }
        let asked = async |name: &str, filter: Option<&Filter>| -> Result<()> {
            let (mut took, mut steps) = (Vec::new(), Vec::new());
            let mut each = vec![Vec::new(); pairs(material).count()];
            let before = Host::read()?;
            for _ in 0..PASSES {
                for ((text, _), each) in pairs(material).zip(&mut each) {
                    let wanted = Request {
                        filter: filter.cloned(),
                        ..Request::new(vec![self.store.clone()], text, LIMIT)
                    };
                    let begun = Instant::now();
                    let found = retrieve.search_explained(&self.reader, &wanted).await?;
                    each.push(begun.elapsed());
                    steps.push(found.took);
                    let count = found.passages.len();
                    ensure!(count == LIMIT, "{count} for '{text}'");
                }
            }
            let lost = Host::read()?.lost_since(before);
            took.extend(each.iter().flatten());
            println!("  text to passages{name}: {}{lost}", latency(&mut took));
            let of_short = each.iter().zip(&is_short).filter(|(_, short)| **short);
            let mut short: Vec<Duration> = of_short.flat_map(|(took, _)| took).copied().collect();
            println!(
                "    those of up to {SHORT} tokens, {:.0} of 100: {}",
                100.0 * short.len() as f64 / took.len().max(1) as f64,
                latency(&mut short)
            );
            println!(
                "    the middle one of each query's {PASSES}: {}",
                latency(&mut middles(each))
            );
            steps.sort_by(|a, b| a.total_ms.total_cmp(&b.total_ms));
            for (which, place) in [("median", steps.len() / 2), ("slow", steps.len() * 99 / 100)] {
                println!("    the {which} one: {:.3?}", steps[place]);
            }
            Ok(())
        };
        // What was written just before keeps the disk busy for a while.
        tokio::time::sleep(SETTLE).await;
        asked("", None).await?;
        asked(", filter 1 in 100", Some(one_in_100)).await?;
        self.restrict().await?;
        tokio::time::sleep(SETTLE).await;
        asked(", access list (1 in 4)", None).await?;
        asked(", access list and filter (1 in 8)", Some(half)).await
    }

    /// Prints how long reading the rows of a query's hits takes.
    pub(super) async fn measure_rows(&self, hits: &[Vec<i64>]) -> Result<()> {
        let mut took: Vec<Duration> = Vec::new();
        for points in hits {
            let begun = Instant::now();
            let rows = self.records.live_chunks(&self.owner, &self.store, points).await?;
            took.push(begun.elapsed());
            ensure!(!rows.is_empty(), "no row for {points:?}");
        }
        println!("  rows of a query's hits: {}", latency(&mut took));
        Ok(())
    }

    /// Takes every access list away; the index keeps them, and is not asked for them then.
    pub(super) async fn open_all(&self) -> Result<()> {
        let mut tx = self.records.begin().await?;
        for (file, _) in self.records.restricted_in(self.store.as_str()).await? {
            let file = Id::from_raw(file);
            self.records.set_access_within(&mut tx, &self.owner, &file, None).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Sets every access list again, as the index has them.
    async fn restrict(&self) -> Result<()> {
        let mut tx = self.records.begin().await?;
        for number in 0..self.files {
            if let Some(name) = reader_of(number) {
                let file = Id::from_raw(file_id(number));
                self.records.set_access_within(&mut tx, &self.owner, &file, Some(&[name])).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Closes the rows, and lets go of the index.
    pub(super) async fn close(self) {
        self.records.close().await;
    }
}

fn seconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64().max(1e-9)
}

/// The owner of everything, and a reader who speaks for `principals`.
async fn callers(records: &Records, principals: &[&str]) -> Result<(Scope, Scope)> {
    let admin = Secret::new("an-admin-key-of-the-benches-only");
    let accounts = Accounts::open(records.clone(), std::slice::from_ref(&admin)).await?;
    let owner = accounts.authenticate(admin.expose()).await?;
    let wish = KeyWish {
        tenant: DEFAULT_TENANT,
        role: Role::Viewer,
        name: "reader",
        principals: principals.iter().map(|name| (*name).to_owned()).collect(),
        expires_at: None,
    };
    let reader = accounts.create_key(&owner, wish).await?;
    let reader = accounts.authenticate(reader.key.expose()).await?;
    Ok((owner, reader))
}

async fn insert_store(records: &Records, owner: &Scope, id: &Id) -> Result<()> {
    let now = records.clock().now();
    let row = StoreRow {
        id: id.to_string(),
        name: "scale".to_owned(),
        description: None,
        metadata: "{}".to_owned(),
        embedding_model: "bench".to_owned(),
        expires_after_days: None,
        created_at: now,
        last_active_at: now,
    };
    Ok(records.insert_store(owner, &row).await?)
}

fn file_id(number: u64) -> String {
    format!("file-{number:06}")
}

fn file_row(number: u64, now: i64) -> FileRow {
    FileRow {
        id: file_id(number),
        filename: format!("report-{number}.txt"),
        purpose: "assistants".to_owned(),
        bytes: 0,
        sha256: String::new(),
        created_at: now,
        expires_at: None,
        restricted: 0,
    }
}

/// The chunks of a file, in the order of their ids.
fn chunks_of(number: u64, texts: &[String], vectors: &[Vec<f32>]) -> Vec<NewChunk> {
    let count = vectors.len() as u64;
    let half = |text: &str| text.split(' ').take(60).collect::<Vec<_>>().join(" ");
    let chunk = |(ordinal, id): (i64, u64)| {
        let (a, b) = (source(id, texts.len()), source(id + count, texts.len()));
        let text = format!("{} {}", half(&texts[a]), half(&texts[b]));
        NewChunk {
            ordinal,
            heading: "[]".to_owned(),
            page: None,
            char_start: 0,
            char_end: i64::try_from(text.chars().count()).unwrap_or(i64::MAX),
            tokens: 160,
            context: String::new(),
            label: String::new(),
            parent: None,
            vector: vectors[id as usize].clone(),
            text,
        }
    };
    let ids = number * FILE_CHUNKS..count.min((number + 1) * FILE_CHUNKS);
    (0..).zip(ids).map(chunk).collect()
}

/// The middle one of each search's times.
fn middles(mut each: Vec<Vec<Duration>>) -> Vec<Duration> {
    each.iter_mut().for_each(|took| took.sort());
    each.iter().filter_map(|took| took.get(took.len() / 2).copied()).collect()
}
