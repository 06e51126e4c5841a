//! The search index as a projection of the records: written from them, checked
//! against them, rebuilt from them. Nothing else writes to the index.

mod named;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope, Timestamp};
pub use cairn_search::FILE_ID;
use cairn_search::{Index, Language, Point, Told};
use cairn_store::records::{GenerationRow, LiveIndex, decode_vector, indexed_text};
use cairn_store::{Blobs, Records};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::access;
use named::Named;

/// Writes the index from the records.
#[derive(Clone)]
pub struct Projection {
    records: Records,
    blobs: Blobs,
    index: Arc<dyn Index>,
    removals: Arc<Notify>,
}

/// The attribute of every point that says when its file was made, in seconds since 1970:
/// for filters. Clients cannot set it, and are not shown it.
pub const CREATED_AT: &str = "cairn.created_at";

/// The key that names a file in filters by what it is called. Its id is [`FILE_ID`].
pub const FILENAME: &str = "cairn.filename";

/// What filters may name of every file, and no client can set.
pub(crate) const OWN: [&str; 3] = [CREATED_AT, FILE_ID, FILENAME];

/// What `verify` found in one index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The index: its store's id, from the second generation on with `-g` and its number.
    pub store: String,
    /// Points the records imply and the index lacks.
    pub missing: usize,
    /// Points the index has and no record implies.
    pub orphaned: usize,
}

const REBUILD_BATCH: i64 = 500;
/// How often the language of an index is looked at again while others write to it.
const SETTLE_TRIES: usize = 3;
/// Points of an index from which on its language is not looked at again.
const SETTLE_POINTS: i64 = 10_000;
const REMOVAL_BATCH: i64 = 1000;
/// Rows of ended generations deleted in one transaction; each has a vector.
const SWEEP_BATCH: i64 = 500;

impl Projection {
    /// A projection of `records` into `index`.
    pub fn new(records: Records, blobs: Blobs, index: Arc<dyn Index>) -> Self {
        let index = Arc::new(Named::new(records.clone(), index));
        Self { records, blobs, index, removals: Arc::default() }
    }

    /// The index, for queries, whose filters may name files by [`FILENAME`].
    pub fn index(&self) -> &Arc<dyn Index> {
        &self.index
    }

    /// Writes the chunks of one attached file to the indexes of the store's generations, the
    /// active one and one being built, with its attributes and access list as they are. Repeating
    /// it changes nothing.
    ///
    /// # Errors
    /// `Unavailable` when an index refuses.
    pub async fn push_file(&self, scope: &Scope, store: &Id, file: &Id) -> Result<()> {
        for generation in self.records.live_generations(scope, store).await? {
            self.push_generation(scope, store, file, &generation).await?;
        }
        Ok(())
    }

    /// As [`Projection::push_file`], for one generation.
    pub(crate) async fn push_generation(
        &self,
        scope: &Scope,
        store: &Id,
        file: &Id,
        generation: &GenerationRow,
    ) -> Result<()> {
        let index = generation.index_name.as_str();
        loop {
            let marks = self.marks(scope, store, file).await?;
            let (Some(attributes), list) = (marks.0.as_deref(), marks.1.as_deref()) else {
                // Detached: what was written of it is on the removal list.
                return Ok(());
            };
            let made_at = self.records.file_made_at(scope, file).await?;
            let of = (store, file);
            let rows = self.records.chunks_with_vectors(scope, of, generation.generation).await?;
            let seqs: Vec<i64> = rows.iter().map(|row| row.0).collect();
            let mut points = Vec::with_capacity(rows.len());
            for (seq, above, text, vector) in rows {
                let of = Of { file: file.as_str(), attributes, list, made_at };
                points.push(point(seq, &of, indexed_text(&above, text), &vector)?);
            }
            self.ensure(index, (generation.language.as_deref(), generation.dimensions)).await?;
            self.index.upsert(index, points).await?;
            if generation.language.is_none() {
                self.settle(index).await?;
            }
            self.take_back(store, index, &seqs).await?;
            // A list or an attribute that was set meanwhile may have been written before this.
            if self.marks(scope, store, file).await? == marks {
                return Ok(());
            }
        }
    }

    /// Makes an index whose language is known, unless it is there; dimensions as in
    /// [`GenerationRow::dimensions`].
    ///
    /// # Errors
    /// `Unavailable` when the index refuses.
    pub(crate) async fn ensure(
        &self,
        index: &str,
        (language, dimensions): (Option<&str>, Option<i64>),
    ) -> Result<()> {
        let Some(language) = language.and_then(Language::parse) else { return Ok(()) };
        if self.index.language(index).await?.is_some() {
            return Ok(());
        }
        let dimensions = dimensions.and_then(|count| usize::try_from(count).ok());
        match self.index.create(index, language, dimensions).await {
            // It was made in the meantime.
            Err(error) if error.kind() == Kind::Conflict => Ok(()),
            made => made,
        }
    }

    /// Looks again which language an index is in that was made from few texts: there are more
    /// by now. What is written meanwhile looks again itself.
    async fn settle(&self, index: &str) -> Result<()> {
        for _ in 0..SETTLE_TRIES {
            if self.index.guess(index).await?.is_none() {
                return Ok(());
            }
            let rows = self.records.texts_of_index(index, SETTLE_POINTS).await?;
            let all = i64::try_from(rows.len()).is_ok_and(|count| count < SETTLE_POINTS);
            // What a file is called need not be in its language.
            let (labels, texts): (Vec<String>, Vec<(u64, String)>) = rows
                .into_iter()
                .map(|(seq, label, context, text)| {
                    (label, (seq.unsigned_abs(), indexed_text(&context, text)))
                })
                .unzip();
            let told = match all {
                true => Language::told(texts.iter().map(|(_, text)| text.as_str())),
                // So many that say so little: it stays what it is.
                false => Told { language: None, enough: true },
            };
            let labelled =
                |(label, (id, text)): (String, (u64, String))| (id, indexed_text(&label, text));
            let texts = labels.into_iter().zip(texts).map(labelled).collect();
            if self.index.analyse(index, told, texts).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What a file's points carry: its attributes, none when it is not attached, and its readers.
    async fn marks(
        &self,
        scope: &Scope,
        store: &Id,
        file: &Id,
    ) -> Result<(Option<String>, Option<Vec<String>>)> {
        let attributes = self.records.attributes_of(scope, store, file).await?;
        Ok((attributes, self.records.readers_of(scope, file).await?))
    }

    /// Makes what was written to the indexes of a store survive a crash.
    ///
    /// # Errors
    /// `Unavailable` when an index refuses.
    pub(crate) async fn flush(&self, scope: &Scope, store: &Id) -> Result<()> {
        for generation in self.records.live_generations(scope, store).await? {
            self.index.flush(&generation.index_name).await?;
        }
        Ok(())
    }

    /// What was deleted while it was written was perhaps removed before it was there.
    async fn take_back(&self, store: &Id, index: &str, seqs: &[i64]) -> Result<()> {
        if self.records.live_index(index).await?.is_none() {
            return self.index.drop_store(index).await;
        }
        let dead = self.records.dead_points(store, seqs).await?;
        if dead.is_empty() {
            return Ok(());
        }
        self.index.delete(index, &ids(&dead)).await?;
        self.index.flush(index).await
    }

    /// Tells the upkeep that there is something to remove.
    pub fn wake(&self) {
        self.removals.notify_one();
    }

    /// Waits until [`Projection::wake`] is called.
    pub(crate) async fn woken(&self) {
        self.removals.notified().await;
    }

    /// Writes an index anew, so that removed points are in no file any more.
    ///
    /// # Errors
    /// `Unavailable` when the index refuses.
    pub(crate) async fn rewrite(&self, index: &str) -> Result<()> {
        match self.index.rewrite(index).await {
            Err(damaged) if damaged.code() == Some("index_damaged") => {
                match self.records.live_index(index).await? {
                    Some(live) => self.verify_index(&live, true).await.map(|_| ()),
                    None => self.index.drop_store(index).await,
                }
            }
            rewritten => rewritten,
        }
    }

    /// Deletes the rows of generations that have ended.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(crate) async fn sweep(&self) -> Result<()> {
        while self.records.sweep_generations(SWEEP_BATCH).await? > 0 {}
        Ok(())
    }

    /// Takes listed points and blobs away; returns how many of each went.
    ///
    /// # Errors
    /// `Unavailable` when the index refuses; what was not removed stays listed.
    pub async fn purge(&self) -> Result<(usize, usize)> {
        let (mut points_gone, mut blobs_gone) = (0, 0);
        loop {
            let pending = self.records.pending_point_removals(REMOVAL_BATCH).await?;
            if pending.is_empty() {
                break;
            }
            points_gone += pending.len();
            for of_store in pending.chunk_by(|a, b| a.0 == b.0) {
                let seqs: Vec<i64> = of_store.iter().map(|row| row.1).collect();
                if let Some((store, _)) = of_store.first() {
                    self.index.delete(store, &ids(&seqs)).await?;
                    self.index.flush(store).await?;
                }
                self.records.points_removed(&seqs).await?;
            }
        }
        loop {
            let pending = self.records.pending_blob_removals(REMOVAL_BATCH).await?;
            if pending.is_empty() {
                return Ok((points_gone, blobs_gone));
            }
            for path in pending {
                self.blobs.delete(&path).await?;
                self.records.blob_removed(&path).await?;
                blobs_gone += 1;
            }
        }
    }

    /// Compares the indexes of all generations with the records and, if asked, repairs them.
    ///
    /// # Errors
    /// `Internal` when the records refuse, `Unavailable` when an index cannot be repaired.
    pub async fn verify(&self, repair: bool) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        // In this order: an index is begun only after its generation is in the records.
        let present = self.index.stores().await?;
        let leaving = self.records.pending_index_drops().await?;
        let live = self.records.live_indexes().await?;
        for store in present {
            if leaving.contains(&store) || live.iter().any(|index| index.index_name == store) {
                continue;
            }
            let orphaned =
                usize::try_from(self.index.count(&store).await.unwrap_or(0)).unwrap_or(0);
            tracing::warn!(store, repair, "an index without a vector store");
            if repair {
                self.index.drop_store(&store).await?;
            }
            findings.push(Finding { store, missing: 0, orphaned });
        }
        for index in live {
            let finding = self.verify_index(&index, repair).await?;
            if finding.missing + finding.orphaned > 0 {
                tracing::warn!(
                    index = index.index_name,
                    missing = finding.missing,
                    orphaned = finding.orphaned,
                    repair,
                    "index differs from the records"
                );
                findings.push(finding);
            }
        }
        Ok(findings)
    }

    /// Compares one index with the records and, if asked, repairs it.
    ///
    /// # Errors
    /// As [`Projection::verify`].
    pub(crate) async fn verify_index(&self, index: &LiveIndex, repair: bool) -> Result<Finding> {
        let name = index.index_name.as_str();
        let implied: HashSet<u64> =
            ids(&self.records.points_of_index(name).await?).into_iter().collect();
        let present: HashSet<u64> = match self.index.ids(name).await {
            Ok(present) => present.into_iter().collect(),
            Err(error) if repair && error.code() == Some("index_damaged") => {
                tracing::error!(index = name, error = %error.detail(), "index unreadable; rebuilding it");
                self.index.drop_store(name).await?;
                HashSet::new()
            }
            Err(error) => return Err(error),
        };
        // What is being read has its points before they are implied, what was deleted
        // meanwhile has none, and what is listed goes anyway.
        let held: HashSet<u64> =
            ids(&self.records.points_held_by(name).await?).into_iter().collect();
        let missing: HashSet<u64> =
            implied.difference(&present).filter(|id| held.contains(*id)).copied().collect();
        let orphaned: Vec<u64> =
            present.difference(&implied).filter(|id| !held.contains(*id)).copied().collect();
        if repair {
            self.index.delete(name, &orphaned).await?;
            self.restore(index, &missing).await?;
        }
        Ok(Finding { store: name.to_owned(), missing: missing.len(), orphaned: orphaned.len() })
    }

    async fn restore(&self, index: &LiveIndex, missing: &HashSet<u64>) -> Result<()> {
        let name = index.index_name.as_str();
        if !missing.is_empty() {
            self.ensure(name, (index.language.as_deref(), index.dimensions)).await?;
        }
        let mut lists: HashMap<String, Vec<String>> = HashMap::new();
        for (file, principal) in self.records.restricted_in(&index.store_id).await? {
            lists.entry(file).or_default().extend(principal);
        }
        let made_at = self.records.files_made_at(&index.store_id).await?;
        let mut after = 0;
        while !missing.is_empty() {
            let rows = self.records.points_to_rebuild(name, after, REBUILD_BATCH).await?;
            let Some(last) = rows.last() else { break };
            after = last.0;
            let (mut points, mut seqs) = (Vec::new(), Vec::new());
            for (seq, file, attributes, above, text, vector) in rows {
                if missing.contains(&seq.unsigned_abs()) {
                    seqs.push(seq);
                    let of = Of {
                        file: &file,
                        attributes: &attributes,
                        list: lists.get(&file).map(Vec::as_slice),
                        made_at: made_at.get(&file).copied(),
                    };
                    points.push(point(seq, &of, indexed_text(&above, text), &vector)?);
                }
            }
            self.index.upsert(name, points).await?;
            // What was deleted meanwhile was perhaps removed before it was there.
            let dead = self.records.dead_points(&Id::from_raw(&index.store_id), &seqs).await?;
            self.index.delete(name, &ids(&dead)).await?;
        }
        self.index.flush(name).await
    }
}

/// What all points of a file share.
struct Of<'a> {
    file: &'a str,
    /// Its attributes in the store, a JSON object.
    attributes: &'a str,
    /// Its access list, if it has one.
    list: Option<&'a [String]>,
    made_at: Option<Timestamp>,
}

/// A point of a file.
fn point(seq: i64, of: &Of<'_>, text: String, vector: &[u8]) -> Result<Point> {
    let mut attributes: Map<String, Value> =
        serde_json::from_str(of.attributes).or_internal("reading attributes")?;
    if let Some(millis) = of.made_at {
        attributes.insert(CREATED_AT.to_owned(), millis.div_euclid(1000).into());
    }
    access::mark(&mut attributes, of.list);
    let id = u64::try_from(seq).map_err(|_| Error::internal("a point id below zero"))?;
    let (file, vector) = (of.file.to_owned(), decode_vector(vector));
    Ok(Point { id, file, text, vector, attributes })
}

fn ids(seqs: &[i64]) -> Vec<u64> {
    seqs.iter().map(|seq| seq.unsigned_abs()).collect()
}
