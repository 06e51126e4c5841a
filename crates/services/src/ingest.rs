//! Reading attached files: parse, cut, embed, commit, index.
//!
//! The job is enqueued in the transaction that attaches the file. Its steps:
//! 1. parse in a sandboxed child, a file with many scanned pages in turns: what one turn read is
//!    kept, and the job goes behind those that wait;
//! 2. for each generation of the index, the active one and one being built: cut, embed; one
//!    transaction with text and chunks and their vectors; the index, idempotently, from the
//!    records;
//! 3. one transaction: the file is `completed` and the job done, if the file is whole in the
//!    generation that is active now; else step 2 is done for that one.
//!
//! Killed anywhere, it starts again: step 2 replaces what it finds, step 3 counts
//! only for the newest claim and attachment. So every file ends up there once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cairn_documents::{Document, OcrModels, Parser, Readings, Turn};
use cairn_isolate::Isolate;
use cairn_kernel::{Error, Id, Kind, Limits, Result, ResultExt, Scope};
use cairn_pipelines::{Handler, Job, Queue};
use cairn_serving::models::{ModelStore, OCR_DETECTION, OCR_DIRECTION, OCR_RECOGNITION};
use cairn_store::records::{GenerationRow, StoreFileRow};
use cairn_store::{BlobPath, Blobs, Records, Tx};
use serde::{Deserialize, Serialize};

use crate::accounts::scope_of;
use crate::chunking;
use crate::cutting::{Cutter, text_row};
use crate::embedding::{self, EmbeddingModel};
use crate::projection::Projection;
use crate::room::Lanes;
use crate::sources::Swap;

/// The job's kind.
pub const KIND: &str = "ingest";
const ATTEMPTS: i64 = 4;
/// What a turn of a file that may hold pictures is given on top of its time.
const OCR_TIME: Duration = Duration::from_secs(300);

/// How many mebibytes of small files are read at once, beside one large file. What a file takes in
/// memory, its text, tokens and vectors, is some times its size.
pub(crate) const ROOM_MIB: u32 = 48;
/// After how long a large file looks whether the one before it has been read.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What is to be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Work {
    /// The store it is attached to.
    pub store: Id,
    /// The file.
    pub file: Id,
    /// Which attachment of it.
    pub revision: i64,
}

/// The payload of a job that has waited for an embedding model.
#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    #[serde(flatten)]
    work: Work,
    /// Since when, in Unix milliseconds; none of a job that has not waited yet.
    #[serde(default)]
    waits_since: Option<i64>,
}

/// Enqueues the reading of a file.
///
/// # Errors
/// `Internal` when the records refuse.
pub async fn enqueue(queue: &Queue, tx: &mut Tx, scope: &Scope, work: &Work) -> Result<()> {
    let payload = serde_json::to_string(work).or_internal("writing a job")?;
    queue.enqueue(tx, scope, KIND, &payload, ATTEMPTS).await?;
    Ok(())
}

/// A parser within `limits`, with `workers` children; it reads pictures when the models for that
/// are among `assets`.
pub(crate) fn parser(
    isolate: Isolate,
    limits: &Limits,
    workers: usize,
    assets: &ModelStore,
) -> Parser {
    let deadline = Duration::from_secs(limits.parse_seconds);
    let parser = Parser::new(isolate, limits.parse_memory_bytes, deadline, workers)
        .with_text_of(limits.text_bytes);
    let found = assets.path_of(OCR_DETECTION).zip(assets.path_of(OCR_RECOGNITION));
    let Some((detection, recognition)) = found else {
        tracing::info!("pictures and scans are not read: their models are not installed");
        return parser;
    };
    let direction = assets.path_of(OCR_DIRECTION);
    parser.with_ocr(OcrModels { detection, recognition, direction }, OCR_TIME)
}

/// Does the jobs of kind [`KIND`].
pub struct Ingest {
    /// Records.
    pub records: Records,
    /// File bytes.
    pub blobs: Blobs,
    /// Sandboxed parsers.
    pub parser: Parser,
    /// What cuts and embeds.
    pub cutter: Cutter,
    /// The index.
    pub projection: Projection,
    /// What a source's file takes the place of.
    pub(crate) swap: Swap,
    /// Jobs at once.
    pub concurrency: usize,
    /// Where they are put back.
    pub(crate) queue: Queue,
    /// What they may take together.
    pub(crate) room: Lanes,
}

#[async_trait]
impl Handler for Ingest {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let (scope, work) = decode(job)?;
        let bytes = match self.records.file(&scope, &work.file).await {
            Ok(file) => file.bytes,
            Err(gone) if gone.kind() == Kind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let Some(_place) = self.room.enter(bytes.unsigned_abs()).await? else {
            let mut tx = self.records.begin().await?;
            self.queue.later(&mut tx, job, LOOK_EVERY).await?;
            return tx.commit().await.or_internal("putting a large file back");
        };
        let mut parsed: Option<Arc<Document>> = None;
        // The bytes that its chunks and vectors take, by generation.
        let mut whole = BTreeMap::new();
        loop {
            let Some(attached) = self.still_wanted(&scope, &work).await? else {
                return self.complete(job, &scope, &work, None).await.map(drop);
            };
            let document = match parsed.take() {
                Some(document) => document,
                None => {
                    if let Err(error) = self.ask_again(job, &scope, &work).await {
                        return self.wait_for_model(job, &scope, error).await;
                    }
                    match self.parse(&scope, &work, &attached).await? {
                        Parsed::Whole(document) => document,
                        Parsed::Partly { turn, readings } => {
                            return self.put_back(job, &scope, &work, (turn, &readings)).await;
                        }
                    }
                }
            };
            for generation in self.records.live_generations(&scope, &work.store).await? {
                if whole.contains_key(&generation.generation) {
                    continue;
                }
                let first = whole.is_empty();
                match self.write(&scope, &work, &attached, &generation, (&document, first)).await {
                    Ok(written) => {
                        whole.extend(written.map(|bytes| (generation.generation, bytes)));
                    }
                    // Its own job goes on with what is missing, or says why it cannot.
                    Err(error) if generation.is_building() => {
                        let (store, file, error) = (&work.store, &work.file, error.detail());
                        tracing::warn!(%store, %file, error, "not in the new generation yet");
                    }
                    Err(error) => return self.wait_for_model(job, &scope, error).await,
                }
            }
            if self.complete(job, &scope, &work, Some(&whole)).await? {
                metrics::counter!("cairn_ingest_files_total", "outcome" => "completed")
                    .increment(1);
                return Ok(());
            }
            parsed = Some(document);
        }
    }

    async fn give_up(&self, job: &Job, error: &Error) -> Result<()> {
        let (scope, work) = decode(job)?;
        let code = match error.kind() {
            Kind::Unsupported => "unsupported_file",
            Kind::Unprocessable | Kind::Invalid | Kind::TooLarge => "invalid_file",
            _ => "server_error",
        };
        let message = match error.kind() {
            Kind::Internal => {
                "reading the file failed inside the server; attach it again, and see the log if it fails again"
            }
            _ => error.message(),
        };
        let mut tx = self.records.begin().await?;
        let of = (&work.store, &work.file, work.revision);
        let settled = self.records.settle_file(&mut tx, &scope, of, Err((code, message))).await?;
        if settled {
            self.swap.failed(&mut tx, &scope, of, (code, message)).await?;
        }
        self.records.drop_unwanted_chunks(&mut tx, &scope, of).await?;
        self.records.drop_readings(&mut tx, &scope, &work.file).await?;
        tx.commit().await.or_internal("recording a failed file")?;
        self.projection.wake();
        metrics::counter!("cairn_ingest_files_total", "outcome" => code).increment(1);
        Ok(())
    }
}

fn decode(job: &Job) -> Result<(Scope, Work)> {
    Ok((scope_of(job)?, serde_json::from_str(&job.payload).or_internal("reading a job")?))
}

fn waiting(job: &Job) -> Result<Waiting> {
    serde_json::from_str(&job.payload).or_internal("reading a job")
}

/// What a turn gives.
enum Parsed {
    Whole(Arc<Document>),
    /// What the turn of this number read of the pictures, as JSON.
    Partly {
        turn: i64,
        readings: String,
    },
}

impl Ingest {
    /// The attachment, unless it was deleted, cancelled or replaced meanwhile.
    async fn still_wanted(&self, scope: &Scope, work: &Work) -> Result<Option<StoreFileRow>> {
        match self.records.store_file(scope, &work.store, &work.file).await {
            Ok(row) if row.revision == work.revision && row.status == "in_progress" => {
                Ok(Some(row))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One turn of step 1.
    async fn parse(&self, scope: &Scope, work: &Work, attached: &StoreFileRow) -> Result<Parsed> {
        let kept = self.records.file_readings(scope, &work.file).await?;
        let mut before = Readings::default();
        for readings in &kept {
            before.extend(serde_json::from_str(readings).or_internal("reading a turn's readings")?);
        }
        let place = self.blobs.place(&BlobPath::file(scope, &work.file));
        Ok(match self.parser.turn_of_file(&attached.filename, &place, &before).await? {
            Turn::Whole(document) => Parsed::Whole(Arc::from(document)),
            Turn::Partly(read) => Parsed::Partly {
                turn: i64::try_from(kept.len()).unwrap_or(i64::MAX),
                readings: serde_json::to_string(&read).or_internal("writing a turn's readings")?,
            },
        })
    }

    /// Keeps what a turn read and puts the job behind those that wait.
    async fn put_back(
        &self,
        job: &Job,
        scope: &Scope,
        work: &Work,
        (turn, readings): (i64, &str),
    ) -> Result<()> {
        let mut tx = self.records.begin().await?;
        // Nobody may want it any more; then the next turn finds that out.
        if self
            .records
            .is_in_progress(&mut tx, scope, (&work.store, &work.file, work.revision))
            .await?
        {
            self.records.put_reading(&mut tx, scope, (&work.file, turn), readings).await?;
        }
        self.queue.later(&mut tx, job, Duration::ZERO).await?;
        tx.commit().await.or_internal("keeping a turn of a file")?;
        self.queue.wake();
        metrics::counter!("cairn_ingest_turns_total").increment(1);
        Ok(())
    }

    /// Fails where the job has waited for the embedding model, which is still busy or away: before
    /// the file is read for it in vain. Else the file no longer shows that it waits.
    async fn ask_again(&self, job: &Job, scope: &Scope, work: &Work) -> Result<()> {
        if waiting(job)?.waits_since.is_none() {
            return Ok(());
        }
        let active = self.records.active_generation(scope, &work.store).await?;
        self.cutter.probe(scope, &EmbeddingModel::of(&active)).await?;
        let of = (&work.store, &work.file, work.revision);
        let mut tx = self.records.begin().await?;
        self.records.note_waiting(&mut tx, scope, of, None).await?;
        tx.commit().await.or_internal("noting that a file waits no longer")
    }

    /// Puts the job back while the embedding model is busy or away, and fails with anything else.
    /// Waiting is no attempt, and takes no worker from others. The file says what it waits for as
    /// a search of its store would.
    async fn wait_for_model(&self, job: &Job, scope: &Scope, error: Error) -> Result<()> {
        let Waiting { work, waits_since } = waiting(job)?;
        let now = self.records.clock().now();
        let since = waits_since.unwrap_or(now);
        let Some(wait) = embedding::put_off(&error, now - since) else { return Err(error) };
        let (file, reason) = (&work.file, error.detail());
        tracing::warn!(%file, reason, "waiting for the embedding model");
        metrics::counter!("cairn_ingest_waits_total").increment(1);
        let payload = Waiting { work, waits_since: Some(since) };
        let text = serde_json::to_string(&payload).or_internal("writing a job")?;
        let Work { store, file, revision } = &payload.work;
        let noted = Some((error.message(), embedding::retry_at(now, wait)));
        let mut tx = self.records.begin().await?;
        self.records.note_waiting(&mut tx, scope, (store, file, *revision), noted).await?;
        self.queue.later_with(&mut tx, job, (&text, wait)).await?;
        tx.commit().await.or_internal("putting a file back")?;
        self.queue.wake();
        Ok(())
    }

    /// Step 2 for one generation, with the text where it is the first; the bytes that chunks and
    /// vectors take, or `None` when the attachment or the generation is no longer there.
    async fn write(
        &self,
        scope: &Scope,
        work: &Work,
        attached: &StoreFileRow,
        generation: &GenerationRow,
        (document, first): (&Arc<Document>, bool),
    ) -> Result<Option<i64>> {
        let strategy = chunking::in_generation(generation, attached)?;
        let model = EmbeddingModel::of(generation);
        let named = (document, attached.filename.as_str());
        let cut = self.cutter.cut(scope, named, strategy, &model).await?;
        let of = (&work.store, &work.file, work.revision);
        let mut tx = self.records.begin().await?;
        let number = generation.generation;
        if !self.records.is_in_progress(&mut tx, scope, of).await? {
            return Ok(None);
        }
        let replaced = self.records.replace_chunks(&mut tx, scope, of, number, &cut.rows).await?;
        let Some(replaced) = replaced else { return Ok(None) };
        if first {
            self.records.put_text(&mut tx, scope, &work.file, &text_row(document)).await?;
        }
        tx.commit().await.or_internal("committing a document")?;
        if replaced {
            // What an interrupted reading left in the index.
            self.projection.wake();
        }
        let count = cut.rows.chunks.len();
        metrics::counter!("cairn_ingest_chunks_total").increment(count as u64);
        self.projection.push_generation(scope, &work.store, &work.file, generation).await?;
        if generation.is_building() {
            self.records.mark_built(scope, of, number, cut.bytes).await?;
        }
        Ok(Some(cut.bytes))
    }

    /// Step 3, or the end of work that nobody wants any more; says whether it is done: it is not
    /// while the file is not whole where it must be.
    async fn complete(
        &self,
        job: &Job,
        scope: &Scope,
        work: &Work,
        whole: Option<&BTreeMap<i64, i64>>,
    ) -> Result<bool> {
        let of = (&work.store, &work.file, work.revision);
        let (mut settled, mut replaced) = (false, false);
        let mut tx = self.records.begin().await?;
        if let Some(whole) = whole {
            let active = self.records.active_generation_within(&mut tx, scope, &work.store).await?;
            let Some(bytes) = active.and_then(|generation| whole.get(&generation)) else {
                return Ok(false);
            };
            settled = self.records.settle_file(&mut tx, scope, of, Ok(*bytes)).await?;
            if settled {
                replaced = self.swap.completed(&mut tx, scope, of).await?;
            }
        }
        // A cancel may come when the chunks are there already.
        let left = !settled && self.records.drop_unwanted_chunks(&mut tx, scope, of).await?;
        self.records.drop_readings(&mut tx, scope, &work.file).await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("committing an ingested file")?;
        if replaced || left {
            self.projection.wake();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(payload: String) -> Job {
        Job {
            id: "job_1".to_owned(),
            tenant_id: "t".to_owned(),
            principal_id: "k".to_owned(),
            role: "editor".to_owned(),
            payload,
            attempts: 1,
            max_attempts: ATTEMPTS,
            fence: 1,
        }
    }

    #[test]
    fn a_job_says_since_when_it_waits_beside_its_work() {
        let work = Work { store: Id::from_raw("vs_1"), file: Id::from_raw("file-1"), revision: 3 };
        let new = waiting(&job(serde_json::to_string(&work).unwrap())).unwrap();
        assert_eq!(new.waits_since, None);
        let put_back = Waiting { waits_since: Some(5), ..new };
        let put_back = job(serde_json::to_string(&put_back).unwrap());
        assert_eq!(waiting(&put_back).unwrap().waits_since, Some(5));
        let (_, read) = decode(&put_back).unwrap();
        assert_eq!((&read.store, &read.file, read.revision), (&work.store, &work.file, 3));
    }
}
