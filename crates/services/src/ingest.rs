//! Reading attached files: parse, cut, embed, commit, index.
//!
//! The job is enqueued in the transaction that attaches the file. Its steps:
//! 1. parse in a sandboxed child, cut, embed;
//! 2. one transaction: text and chunks with their vectors;
//! 3. the index, idempotently, from the records;
//! 4. one transaction: the file is `completed` and the job done.
//!
//! Killed anywhere, it starts again: step 2 replaces what it finds, step 4 counts
//! only for the newest claim and attachment. So every file ends up there once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cairn_documents::{ChunkOptions, Document, OcrModels, Parser};
use cairn_isolate::Isolate;
use cairn_kernel::{Error, Id, Kind, Limits, Result, ResultExt, Scope};
use cairn_pipelines::{Handler, Job, Queue};
use cairn_serving::embed::{Embedder, Priority};
use cairn_serving::models::{ModelStore, OCR_DETECTION, OCR_DIRECTION, OCR_RECOGNITION};
use cairn_store::records::{NewChunk, StoreFileRow, TextRow};
use cairn_store::{BlobPath, Blobs, Records, Tx};
use serde::{Deserialize, Serialize};

use crate::accounts::scope_of;
use crate::projection::Projection;
use crate::sources::Swap;

/// The job's kind.
pub const KIND: &str = "ingest";
const ATTEMPTS: i64 = 4;
/// What a file that may hold pictures is given on top of its time: a scanned page takes a second or two.
const OCR_TIME: Duration = Duration::from_secs(300);

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
    let parser = Parser::new(isolate, limits.parse_memory_bytes, deadline, workers);
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
    /// The embedding model.
    pub embedder: Arc<Embedder>,
    /// The index.
    pub projection: Projection,
    /// What a source's file takes the place of.
    pub(crate) swap: Swap,
    /// Jobs at once.
    pub concurrency: usize,
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
        let Some(attached) = self.still_wanted(&scope, &work).await? else {
            return self.complete(job, &scope, &work, None).await;
        };
        let Some(bytes) = self.read(&scope, &work, &attached).await? else {
            return self.complete(job, &scope, &work, None).await;
        };
        self.projection.push_file(&scope, &work.store, &work.file).await?;
        self.complete(job, &scope, &work, Some(bytes)).await?;
        metrics::counter!("cairn_ingest_files_total", "outcome" => "completed").increment(1);
        Ok(())
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
        tx.commit().await.or_internal("recording a failed file")?;
        self.projection.wake();
        metrics::counter!("cairn_ingest_files_total", "outcome" => code).increment(1);
        Ok(())
    }
}

fn decode(job: &Job) -> Result<(Scope, Work)> {
    Ok((scope_of(job)?, serde_json::from_str(&job.payload).or_internal("reading a job")?))
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

    /// Steps 1 and 2; returns the bytes that chunks and vectors take, or none when the
    /// attachment was deleted, cancelled or replaced meanwhile.
    async fn read(
        &self,
        scope: &Scope,
        work: &Work,
        attached: &StoreFileRow,
    ) -> Result<Option<i64>> {
        let bytes = self.blobs.get(&BlobPath::file(scope, &work.file)).await?;
        let document = self.parser.parse(&attached.filename, &bytes).await?;
        drop(bytes);
        let chunks = self.cut(&document, attached).await?;
        let usage = chunks.iter().map(|c| c.text.len() + c.vector.len() * 4).sum::<usize>();
        let text = text_row(&document)?;
        let of = (&work.store, &work.file, work.revision);
        let mut tx = self.records.begin().await?;
        if !self.records.is_in_progress(&mut tx, scope, of).await? {
            return Ok(None);
        }
        self.records.put_text(&mut tx, scope, &work.file, &text).await?;
        let replaced = self.records.replace_chunks(&mut tx, scope, of, &chunks).await?;
        tx.commit().await.or_internal("committing a document")?;
        if replaced {
            // What an interrupted reading left in the index.
            self.projection.wake();
        }
        metrics::counter!("cairn_ingest_chunks_total").increment(chunks.len() as u64);
        Ok(Some(i64::try_from(usage).unwrap_or(i64::MAX)))
    }

    async fn cut(&self, document: &Document, attached: &StoreFileRow) -> Result<Vec<NewChunk>> {
        let options = ChunkOptions {
            max_tokens: usize::try_from(attached.chunk_tokens).unwrap_or(800),
            overlap_tokens: usize::try_from(attached.overlap_tokens).unwrap_or(400),
        };
        let embedder = Arc::clone(&self.embedder);
        let to_cut = document.clone();
        let chunks = tokio::task::spawn_blocking(move || {
            let tokens = embedder.token_offsets(&to_cut.text)?;
            let counted = |_: &str| tokens.clone();
            Ok::<_, Error>(cairn_documents::chunk(&to_cut, &options, &counted))
        })
        .await
        .or_internal("cutting a document")??;
        let texts = chunks.iter().map(|chunk| embedded_text(&chunk.heading, &chunk.text)).collect();
        let embedded = self.embedder.embed(texts, Priority::Bulk).await?;
        chunks
            .into_iter()
            .zip(embedded.vectors)
            .map(|(chunk, vector)| {
                Ok(NewChunk {
                    ordinal: number(chunk.ordinal),
                    heading: serde_json::to_string(&chunk.heading)
                        .or_internal("writing headings")?,
                    text: chunk.text,
                    page: chunk.page.map(i64::from),
                    char_start: number(chunk.char_start),
                    char_end: number(chunk.char_end),
                    tokens: number(chunk.tokens),
                    vector,
                })
            })
            .collect()
    }

    async fn complete(
        &self,
        job: &Job,
        scope: &Scope,
        work: &Work,
        bytes: Option<i64>,
    ) -> Result<()> {
        let of = (&work.store, &work.file, work.revision);
        let (mut settled, mut replaced) = (false, false);
        let mut tx = self.records.begin().await?;
        if let Some(bytes) = bytes {
            settled = self.records.settle_file(&mut tx, scope, of, Ok(bytes)).await?;
            if settled {
                replaced = self.swap.completed(&mut tx, scope, of).await?;
            }
        }
        // A cancel may come when the chunks are there already.
        let left = !settled && self.records.drop_unwanted_chunks(&mut tx, scope, of).await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("committing an ingested file")?;
        if replaced || left {
            self.projection.wake();
        }
        Ok(())
    }
}

/// A chunk's heading path gives its sentences the context they were written in.
pub(crate) fn embedded_text(heading: &[String], text: &str) -> String {
    match heading.last() {
        Some(title) if !text.starts_with(title.as_str()) => format!("{title}\n{text}"),
        _ => text.to_owned(),
    }
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn text_row(document: &Document) -> Result<TextRow> {
    let structure = serde_json::json!({
        "pages": document.pages,
        "headings": document.headings,
        "media_type": document.media_type,
        "title": document.title,
        "notes": document.notes,
    });
    Ok(TextRow { text: document.text.clone(), structure: structure.to_string() })
}
