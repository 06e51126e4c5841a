//! The parent's side: parses in confined children, so that a hostile file costs
//! that file and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cairn_isolate::{Isolate, Payload, Pool, Spec};
use cairn_kernel::{Error, Kind, Result, ResultExt};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;

use crate::document::Document;
use crate::parse::child::{Answer, CHILD_ROLE, Request, refusal};
use crate::parse::format::is_text;
use crate::parse::{ParseOptions, Turn};
use crate::picture::ocr::OcrModels;
use crate::picture::readings::Readings;
use crate::{Format, invalid_file};

/// Pictures of a file that are read in one turn, if nothing else is said: a scanned page takes
/// some seconds.
const TURN: usize = 24;
/// How much of a file is looked at to tell whether it is text, in bytes.
const HEAD: u64 = 64 << 10;

/// What a child answered, with the text beside it.
type Answered = (Answer, Vec<u8>);

/// Parses files in children of this executable, several at a time.
///
/// A child can read nothing but system libraries (where the kernel has Landlock):
/// the bytes come over the pipe. Clones share the children.
#[derive(Clone, Debug)]
pub struct Parser {
    isolate: Isolate,
    spec: Spec,
    pool: Pool,
    memory_bytes: u64,
    workers: usize,
    deadline: Duration,
    /// What files that may hold pictures are given on top, when there is OCR.
    ocr_time: Duration,
    options: ParseOptions,
    /// Pictures of a file that are read in one turn.
    turn: usize,
    /// Whether any child has parsed a file, and so may have been worn when it died.
    served: Arc<AtomicBool>,
    second_tries: Arc<Semaphore>,
}

impl Parser {
    /// A parser with at most `workers` children of `memory_bytes` address space
    /// each, that gives a file `deadline` time.
    pub fn new(isolate: Isolate, memory_bytes: u64, deadline: Duration, workers: usize) -> Self {
        let options = ParseOptions::default();
        let spec = Spec::new(CHILD_ROLE)
            .memory(memory_bytes)
            .readable([])
            .answers_of(options.text_bytes_max);
        let pool = Pool::new(isolate.clone(), spec.clone(), workers);
        let second_tries = Arc::new(Semaphore::new(1));
        Self {
            isolate,
            spec,
            pool,
            memory_bytes,
            workers,
            deadline,
            ocr_time: Duration::ZERO,
            options,
            turn: TURN,
            served: Arc::default(),
            second_tries,
        }
    }

    /// The same with OCR: children may read the models' files, and files that are
    /// not plain text are given `more` time on top of the deadline.
    #[must_use]
    pub fn with_ocr(self, models: OcrModels, more: Duration) -> Self {
        let paths = [Some(&models.detection), Some(&models.recognition), models.direction.as_ref()];
        let spec = self.spec.readable(paths.into_iter().flatten().cloned());
        let pool = Pool::new(self.isolate.clone(), spec.clone(), self.workers);
        let options = ParseOptions { ocr: Some(models), ..self.options };
        Self { spec, pool, ocr_time: more, options, served: Arc::default(), ..self }
    }

    /// The same for documents of at most `bytes` bytes of text.
    #[must_use]
    pub fn with_text_of(self, bytes: u64) -> Self {
        let spec = self.spec.answers_of(bytes);
        let pool = Pool::new(self.isolate.clone(), spec.clone(), self.workers);
        let options = ParseOptions { text_bytes_max: bytes, ..self.options };
        Self { spec, pool, options, served: Arc::default(), ..self }
    }

    /// The same with `pictures` of a file, one at least, read in one turn.
    #[must_use]
    pub fn with_turns_of(self, pictures: usize) -> Self {
        Self { turn: pictures.max(1), ..self }
    }

    /// Parses `bytes`, a file called `name`, in as many turns as it takes.
    ///
    /// # Errors
    /// As [`Parser::turn`].
    pub async fn parse(&self, name: &str, bytes: &[u8]) -> Result<Document> {
        self.parse_of(name, Payload::Bytes(bytes)).await
    }

    /// Parses the file at `path`, which is called `name` and is not held in memory here, in as
    /// many turns as it takes.
    ///
    /// # Errors
    /// As [`Parser::turn_of_file`].
    pub async fn parse_file(&self, name: &str, path: &Path) -> Result<Document> {
        self.parse_of(name, Payload::File(path)).await
    }

    async fn parse_of(&self, name: &str, file: Payload<'_>) -> Result<Document> {
        let mut read = Readings::default();
        loop {
            match self.turn_of(name, file, &read).await? {
                Turn::Whole(document) => return Ok(*document),
                Turn::Partly(more) => read.extend(more),
            }
        }
    }

    /// Parses `bytes`, a file called `name`, of whose pictures `before` were read in earlier turns,
    /// and gives the document, or what was read in this turn if there are more pictures.
    ///
    /// # Errors
    /// Those of [`crate::parse`]; `Unprocessable` when the file takes too long or
    /// too much memory, or ends the process that parses it; `Unavailable` when no
    /// process could be started.
    pub async fn turn(&self, name: &str, bytes: &[u8], before: &Readings) -> Result<Turn> {
        self.turn_of(name, Payload::Bytes(bytes), before).await
    }

    /// As [`Parser::turn`], of the file at `path`, of which a piece at a time is in memory here.
    ///
    /// # Errors
    /// As [`Parser::turn`]; `NotFound` when there is no such file.
    pub async fn turn_of_file(&self, name: &str, path: &Path, before: &Readings) -> Result<Turn> {
        self.turn_of(name, Payload::File(path), before).await
    }

    async fn turn_of(&self, name: &str, file: Payload<'_>, before: &Readings) -> Result<Turn> {
        let start = Instant::now();
        let result = self.attempt(name, file, before).await.and_then(turn);
        match &result {
            Ok(Turn::Partly(read)) => {
                tracing::debug!(file = name, pictures = read.len(), "a turn was read");
            }
            Ok(Turn::Whole(document)) => {
                let kind = kind_of(&document.media_type);
                metrics::histogram!("cairn_parse_seconds", "kind" => kind)
                    .record(start.elapsed().as_secs_f64());
            }
            Err(error) => {
                let kind = error.kind().name();
                metrics::counter!("cairn_parse_failures_total", "kind" => kind).increment(1);
                tracing::info!(file = name, error = error.detail(), "a file was not parsed");
            }
        }
        result
    }

    /// Asks a child; when one that may have been worn by other files dies, asks a fresh one.
    async fn attempt(&self, name: &str, file: Payload<'_>, before: &Readings) -> Result<Answered> {
        let deadline = match file {
            Payload::Bytes(bytes) => {
                self.fits(name, bytes.len() as u64)?;
                self.deadline_of(bytes)
            }
            Payload::File(path) => {
                let (head, size) = head_of(path).await?;
                self.fits(name, size)?;
                self.deadline_of(&head)
            }
        };
        let request = Request {
            name: name.to_owned(),
            options: self.options.clone(),
            before: before.clone(),
            turn: self.turn,
        };
        let served = self.served.load(Ordering::Acquire);
        let error = match self.pool.call_with(&request, file, deadline).await {
            Ok(answered) => {
                self.served.store(true, Ordering::Release);
                return Ok(answered);
            }
            Err(error) => error,
        };
        match error.kind() {
            Kind::Timeout => return Err(too_slow(name, deadline)),
            Kind::Unavailable => {}
            _ => return Err(error),
        }
        let died = error.code().is_some();
        if died && !served {
            return Err(self.too_much(name, error));
        }
        let _turn = self.second_tries.acquire().await.or_internal("the parser was closed")?;
        let mut child = self.isolate.spawn(&self.spec)?;
        match tokio::time::timeout(deadline, child.call_with(&request, file)).await {
            Ok(Ok(answered)) => Ok(answered),
            Ok(Err(error)) => Err(self.too_much(name, error)),
            Err(_) => {
                child.handle().kill();
                Err(too_slow(name, deadline))
            }
        }
    }

    fn deadline_of(&self, bytes: &[u8]) -> Duration {
        if is_text(bytes) { self.deadline } else { self.deadline + self.ocr_time }
    }

    /// Refuses a file whose bytes alone leave a child too little memory to read them.
    fn fits(&self, name: &str, bytes: u64) -> Result<()> {
        let most = self.memory_bytes / 2;
        if bytes <= most {
            return Ok(());
        }
        Err(invalid_file(format!(
            "'{name}' has {} MB, and files of at most {} MB are read, half of the memory for it; \
             split it into smaller files, or raise `limits.parse_memory_bytes` in the configuration",
            bytes.div_ceil(1 << 20),
            most >> 20
        )))
    }

    fn too_much(&self, name: &str, cause: Error) -> Error {
        let megabytes = self.memory_bytes >> 20;
        invalid_file(format!(
            "'{name}' could not be parsed: it needs more than {megabytes} MB of memory or breaks the reader; \
             split it into smaller files, or raise `limits.parse_memory_bytes` in the configuration"
        ))
        .with_source(cause)
    }
}

/// The beginning of a file, and its size in bytes.
async fn head_of(path: &Path) -> Result<(Vec<u8>, u64)> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let size = file.metadata().await?.len();
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head).await?;
        Ok::<_, std::io::Error>((head, size))
    };
    read.await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(Kind::NotFound, "the bytes of this file are gone").with_source(cause)
        }
        _ => Error::internal("reading a file that is to be parsed").with_source(cause),
    })
}

fn too_slow(name: &str, deadline: Duration) -> Error {
    let seconds = deadline.as_secs_f64();
    invalid_file(format!(
        "'{name}' could not be parsed within {seconds} s; split it into smaller files"
    ))
}

fn turn((answer, payload): Answered) -> Result<Turn> {
    match answer {
        Answer::Parsed(mut document) => {
            document.text =
                String::from_utf8(payload).or_internal("a parsed text was not UTF-8")?;
            Ok(Turn::Whole(document))
        }
        Answer::Partly(read) => Ok(Turn::Partly(read)),
        Answer::Refused { kind, code, message } => Err(refusal(&kind, code.as_deref(), message)),
    }
}

fn kind_of(media_type: &str) -> &'static str {
    Format::ALL
        .into_iter()
        .find(|format| format.media_type() == media_type)
        .map_or("text", Format::name)
}
