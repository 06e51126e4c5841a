//! The job that builds a generation.
//!
//! For each completed file that is not whole in it yet: cut from the kept text, or from one that is
//! read from the bytes anew where that was asked for; embed; one transaction with the chunks and
//! such a text, which is kept beside the one that answers; the index; a note that the file is
//! whole. Files that come meanwhile are written to both generations as they are read, and what is
//! missed is done here.
//! Then the new index is completed and compared with the old one, and one transaction makes it
//! the active one, if every completed file is whole in it; else it begins again with those.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use cairn_documents::{Document, Parser};
use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use cairn_pipelines::{Handler, Job, Queue};
use cairn_store::records::{
    Flip, GenerationRow, LiveIndex, Recut, Reread, ShownText, StoreFileRow,
};
use cairn_store::{BlobPath, Blobs, Records};
use futures::future::try_join_all;

use super::{KIND, Work, compare};
use crate::accounts::scope_of;
use crate::chunking;
use crate::cutting::{Cutter, document_of, text_row};
use crate::embedding::{self, EmbeddingModel, Encoders};
use crate::projection::Projection;
use crate::room::Lanes;

/// Files looked up at once.
const PAGE: i64 = 64;
/// After how long a large file looks whether the one before it has been read.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Files worked on at once, so that small ones fill the embedding model's batches.
const AT_ONCE: usize = 4;
/// Builds at once.
const BUILDS: usize = 2;

/// Does the jobs of kind [`KIND`].
pub struct Build {
    /// Records.
    pub records: Records,
    /// File bytes, for files whose text is not kept.
    pub blobs: Blobs,
    /// Sandboxed parsers, for the same.
    pub parser: Parser,
    /// What cuts and embeds.
    pub cutter: Cutter,
    /// The embedding models.
    pub encoders: Encoders,
    /// The index.
    pub projection: Projection,
    /// What the files that are worked on may take together, with those that are ingested.
    pub room: Lanes,
    /// Where the jobs are put back.
    pub queue: Queue,
}

/// The text of a file, and where it is from.
struct Read {
    document: Arc<Document>,
    /// Its version, where it is kept already.
    kept: Option<i64>,
    /// Whether it was to be read anew and could not be.
    unread: bool,
}

#[async_trait]
impl Handler for Build {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        BUILDS
    }

    async fn run(&self, job: &Job) -> Result<()> {
        match self.build(job).await {
            Ok(()) => Ok(()),
            Err(error) => self.wait_for_model(job, error).await,
        }
    }

    async fn give_up(&self, job: &Job, error: &Error) -> Result<()> {
        let (scope, work) = decode(job)?;
        let message = match error.kind() {
            Kind::Internal => {
                "re-indexing failed inside the server; start it again, and see the log if it fails again"
            }
            _ => error.message(),
        };
        if self.building(&scope, &work.store, work.generation).await?.is_none() {
            return Ok(());
        }
        let mut tx = self.records.begin().await?;
        self.records.end_build(&mut tx, &scope, &work.store, "failed", Some(message)).await?;
        tx.commit().await.or_internal("recording a failed re-index")?;
        self.projection.wake();
        Ok(())
    }
}

/// Whether a file is at fault, and not what reads it.
fn is_of_the_file(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unsupported | Kind::Unprocessable | Kind::Invalid | Kind::TooLarge)
}

fn decode(job: &Job) -> Result<(Scope, Work)> {
    Ok((scope_of(job)?, serde_json::from_str(&job.payload).or_internal("reading a job")?))
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Built {
    /// There may be more files to build.
    Some,
    /// Every completed file is whole in the generation.
    All,
    /// It is no longer being built.
    Ended,
}

impl Build {
    /// Builds a generation to its end.
    async fn build(&self, job: &Job) -> Result<()> {
        let (scope, Work { store, generation: number }) = decode(job)?;
        let begun = Instant::now();
        let Some(generation) = self.take_up(&scope, &store, number).await? else {
            return self.finish(job).await;
        };
        let mut waited = generation.waiting.is_some();
        loop {
            let built = self.some_files(&scope, &generation).await?;
            if std::mem::take(&mut waited) {
                let mut tx = self.records.begin().await?;
                self.records.note_build_waiting(&mut tx, &scope, (&store, number), None).await?;
                tx.commit().await.or_internal("noting that a re-index waits no longer")?;
            }
            match built {
                Built::Some => {}
                Built::Ended => return self.finish(job).await,
                Built::All => {
                    let flipped = self.flip(Some(job), &scope, &generation).await?;
                    if flipped == Flip::Behind {
                        continue;
                    }
                    let seconds = begun.elapsed().as_secs_f64();
                    metrics::histogram!("cairn_reindex_seconds").record(seconds);
                    tracing::info!(%store, number, ?flipped, seconds, "re-index ended");
                    return Ok(());
                }
            }
        }
    }

    /// Puts the job back while the embedding model is busy or away, until the generation is a day
    /// old, and fails with anything else. The files that are whole stay so.
    async fn wait_for_model(&self, job: &Job, error: Error) -> Result<()> {
        let (scope, Work { store, generation: number }) = decode(job)?;
        let Some(generation) = self.building(&scope, &store, number).await? else {
            return Err(error);
        };
        let now = self.records.clock().now();
        let age = now - generation.created_at;
        let Some(wait) = embedding::put_off(&error, age) else { return Err(error) };
        let reason = error.detail();
        tracing::warn!(%store, number, reason, "a re-index waits for the embedding model");
        let noted = Some((error.message(), embedding::retry_at(now, wait)));
        let mut tx = self.records.begin().await?;
        self.records.note_build_waiting(&mut tx, &scope, (&store, number), noted).await?;
        self.queue.later(&mut tx, job, wait).await?;
        tx.commit().await.or_internal("putting a re-index back")?;
        self.queue.wake();
        Ok(())
    }

    /// The generation, unless it was cancelled or went with its store.
    async fn building(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
    ) -> Result<Option<GenerationRow>> {
        let found = self.records.find_generation(scope, store, generation).await?;
        Ok(found.filter(GenerationRow::is_building))
    }

    /// Makes the new index for texts in its language, or that of the old one where it has none,
    /// and notes where the estimate begins. The generation, unless it is no longer being built.
    ///
    /// # Errors
    /// `Internal` when the records or the index refuse.
    pub(crate) async fn take_up(
        &self,
        scope: &Scope,
        store: &Id,
        number: i64,
    ) -> Result<Option<GenerationRow>> {
        let Some(generation) = self.building(scope, store, number).await? else {
            return Ok(None);
        };
        let mut language = generation.language.clone();
        if language.is_none() {
            let old = self.records.active_generation(scope, store).await?;
            let held = self.projection.index().language(&old.index_name).await?;
            language = held.map(|language| language.code().to_owned());
        }
        let of = (language.as_deref(), generation.dimensions);
        self.projection.ensure(&generation.index_name, of).await?;
        self.drop_if_ended(&generation).await?;
        let done = self.records.build_progress(scope, store, number).await?.bytes_done;
        self.records.note_build_start(scope, store, number, done).await?;
        Ok(Some(generation))
    }

    /// Builds some of the files that are not whole yet.
    ///
    /// # Errors
    /// What keeps a file from being cut, embedded or written.
    pub(crate) async fn some_files(
        &self,
        scope: &Scope,
        generation: &GenerationRow,
    ) -> Result<Built> {
        let store = Id::from_raw(generation.store_id.as_str());
        let number = generation.generation;
        let files = self.records.files_to_build(scope, &store, number, PAGE).await?;
        if files.is_empty() {
            let there = self.building(scope, &store, number).await?.is_some();
            return Ok(if there { Built::All } else { Built::Ended });
        }
        for some in files.chunks(AT_ONCE) {
            if self.building(scope, &store, number).await?.is_none() {
                return Ok(Built::Ended);
            }
            let mut each = Vec::with_capacity(some.len());
            for row in some {
                each.push(self.file(scope, generation, row));
            }
            try_join_all(each).await?;
        }
        Ok(Built::Some)
    }

    /// Completes the index of a generation whose files are all built, so that it can be asked.
    ///
    /// # Errors
    /// `Internal` when the index refuses.
    pub(crate) async fn complete(&self, generation: &GenerationRow) -> Result<()> {
        let (index_name, store_id) = (generation.index_name.clone(), generation.store_id.clone());
        let (language, dimensions) = (generation.language.clone(), generation.dimensions);
        let live = LiveIndex { index_name, store_id, language, dimensions };
        self.projection.verify_index(&live, true).await?;
        self.projection.index().optimise(&generation.index_name).await?;
        self.drop_if_ended(generation).await
    }

    /// What was written to an index after it was dropped made it again.
    async fn drop_if_ended(&self, generation: &GenerationRow) -> Result<()> {
        if self.records.live_index(&generation.index_name).await?.is_none() {
            self.projection.index().drop_store(&generation.index_name).await?;
        }
        Ok(())
    }

    /// Builds one file. What is no longer there, or not the same, is passed over.
    async fn file(
        &self,
        scope: &Scope,
        generation: &GenerationRow,
        row: &StoreFileRow,
    ) -> Result<()> {
        let (store, file) = (Id::from_raw(row.store_id.as_str()), Id::from_raw(row.id.as_str()));
        let bytes = match self.records.file(scope, &file).await {
            Err(gone) if gone.kind() == Kind::NotFound => return Ok(()),
            held => held?.bytes.unsigned_abs(),
        };
        let _place = loop {
            match self.room.enter(bytes).await? {
                Some(place) => break place,
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        };
        let read = match self.read(scope, &file, (generation, row)).await {
            Err(gone) if gone.kind() == Kind::NotFound => return Ok(()),
            read => read?,
        };
        let strategy = chunking::in_generation(generation, row)?;
        let model = EmbeddingModel::of(generation);
        let named = (&read.document, row.filename.as_str());
        let mut cut = self.cutter.cut(scope, named, strategy, &model).await?;
        let of = (&store, &file, row.revision);
        let number = generation.generation;
        let mut tx = self.records.begin().await?;
        let kept = match read.kept {
            // Meanwhile another store may have had the file read again, and this text dropped.
            Some(version) if self.records.holds_text(&mut tx, &file, version).await? => {
                Some(version)
            }
            _ => None,
        };
        cut.rows.text_version = kept.unwrap_or(cut.rows.text_version);
        let stored = self.records.replace_chunks(&mut tx, scope, of, number, &cut.rows).await?;
        let Some(replaced) = stored else { return Ok(()) };
        if kept.is_none() {
            let text = text_row(&read.document);
            self.records.put_text_beside(&mut tx, scope, &file, &text).await?;
        }
        tx.commit().await.or_internal("committing a document")?;
        if replaced {
            // What an interrupted build left in the index.
            self.projection.wake();
        }
        self.projection.push_generation(scope, &store, &file, generation).await?;
        let reread = Reread { text_version: cut.rows.text_version, unread: read.unread };
        let reread = Some(reread).filter(|_| generation.reparse != 0 || read.kept.is_none());
        self.records.mark_reread(scope, of, number, cut.bytes, reread).await?;
        metrics::counter!("cairn_reindex_files_total").increment(1);
        Ok(())
    }

    /// A file's document from its kept text, or from its bytes where that is missing or to be read
    /// anew. What cannot be read any more keeps the text that it has.
    async fn read(
        &self,
        scope: &Scope,
        file: &Id,
        (generation, row): (&GenerationRow, &StoreFileRow),
    ) -> Result<Read> {
        let shown = match self.records.shown_text(scope, file).await {
            Err(missing) if missing.kind() == Kind::NotFound => None,
            shown => Some(shown?),
        };
        let kept = |shown: ShownText, unread: bool| -> Result<Read> {
            let document = Arc::new(document_of(shown.row)?);
            Ok(Read { document, kept: Some(shown.version), unread })
        };
        let shown = match shown {
            Some(shown) if generation.reparse == 0 => return kept(shown, false),
            shown => shown,
        };
        let place = self.blobs.place(&BlobPath::file(scope, file));
        let parsed = self.parser.parse_file(&row.filename, &place).await;
        let (document, shown) = match (parsed, shown) {
            (Err(gone), shown) if gone.kind() == Kind::NotFound => {
                // Of a file that was deleted meanwhile the record is gone first.
                self.records.file(scope, file).await?;
                let missing = || {
                    let text = format!(
                        "the bytes of file '{file}' are gone, and its text is not kept; take it out \
                         of the store, and re-index it again"
                    );
                    Error::new(Kind::Unprocessable, text)
                };
                tracing::warn!(%file, "the bytes of a file are gone");
                return kept(shown.ok_or_else(missing)?, true);
            }
            (Err(error), Some(shown)) if is_of_the_file(&error) => {
                let error = error.detail();
                tracing::warn!(%file, error, "a file cannot be read anew; its text stays");
                return kept(shown, true);
            }
            (parsed, shown) => (parsed?, shown),
        };
        let text = text_row(&document);
        let same = shown.filter(|shown| shown.row == text).map(|shown| shown.version);
        Ok(Read { document: Arc::new(document), kept: same, unread: false })
    }

    /// Completes the new index, compares it with the old one, and makes it the active one if
    /// nothing is missing. The job, if there is one for it, is done in the same transaction.
    ///
    /// # Errors
    /// `Internal` when the records or the index refuse.
    pub(crate) async fn flip(
        &self,
        job: Option<&Job>,
        scope: &Scope,
        generation: &GenerationRow,
    ) -> Result<Flip> {
        let store = Id::from_raw(generation.store_id.as_str());
        self.complete(generation).await?;
        let old = self.records.active_generation(scope, &store).await?;
        let report = compare::Comparison {
            records: &self.records,
            encoders: &self.encoders,
            projection: &self.projection,
        };
        let report = report.of(scope, &store, &old, generation).await?.to_string();
        let recut = self.recut(generation)?;
        let mut tx = self.records.begin().await?;
        let of = (&store, generation.generation);
        let flipped = self.records.flip(&mut tx, scope, of, recut.as_ref(), &report).await?;
        if flipped != Flip::Behind {
            if let Some(job) = job {
                job.complete(&mut tx).await?;
            }
            tx.commit().await.or_internal("changing to another generation")?;
            self.projection.wake();
        }
        Ok(flipped)
    }

    fn recut(&self, generation: &GenerationRow) -> Result<Option<Recut>> {
        match generation.chunking.as_deref() {
            Some(text) if generation.recut != 0 => {
                chunking::row_of(&chunking::of_text(text)?).map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn finish(&self, job: &Job) -> Result<()> {
        let mut tx = self.records.begin().await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("ending a re-index")
    }
}
