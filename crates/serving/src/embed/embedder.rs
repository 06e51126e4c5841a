//! The embedder that callers hold.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Result, ResultExt as _, in_place};
use tokio::sync::oneshot;

use super::engine::{DIMENSIONS, Threads};
use super::queue::{Call, Here, Queues, Reduce, Reduced, Window};
use super::text::TextTokenizer;
use super::worker::{Worker, compute};
use crate::models::ModelStore;

/// Bytes that are tokenised in some ten microseconds.
const SHORT: usize = 512;

/// Which work goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for it: the query of a search.
    Interactive,
    /// Background work: ingestion.
    Bulk,
}

impl Priority {
    fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }
}

/// What an [`Embedder`] is made of.
#[derive(Clone, Debug)]
pub struct EmbedConfig {
    /// The ONNX file.
    pub model: PathBuf,
    /// The `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Threads to compute with; by default one per core.
    pub threads: usize,
    /// How long without work until the model is unloaded.
    pub idle: Duration,
    /// How much lower the priority of the bulk threads is, as a Unix nice value:
    /// at 5 they get about a third of what another thread gets that wants the core.
    pub bulk_nice: i32,
}

impl EmbedConfig {
    /// The embedding model of `store`, one thread per core, unloaded after five minutes.
    ///
    /// # Errors
    /// `Internal` when the lock file names no such model.
    pub fn from_store(store: &ModelStore) -> Result<Self> {
        Ok(Self {
            model: store.place(crate::models::EMBEDDING)?,
            tokenizer: store.place(crate::models::EMBEDDING_TOKENIZER)?,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            idle: Duration::from_secs(300),
            bulk_nice: 5,
        })
    }
}

/// Vectors and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// For each text its vector, of length 1; 384 numbers each, of the embedding model here.
    pub vectors: Vec<Vec<f32>>,
    /// For each text the tokens the model read, special ones included.
    pub tokens: Vec<usize>,
    /// For each text the windows it was read in; more than 1 for a text longer
    /// than the model reads at once. Nothing is ever cut off.
    pub windows: Vec<usize>,
}

/// Vectors of tokens and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenVectors {
    /// For each text, for each of its windows, the vectors of its tokens one after another.
    pub windows: Vec<Vec<Vec<f32>>>,
    /// For each text the tokens the model read, special ones included.
    pub tokens: Vec<usize>,
}

/// Text to vectors. Clones share the model and its threads.
#[derive(Clone, Debug)]
pub struct Embedder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: EmbedConfig,
    tokenizer: Mutex<Option<Arc<TextTokenizer>>>,
    queues: Arc<Queues>,
    started: Mutex<bool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queues.close();
    }
}

impl Embedder {
    /// An embedder that has loaded nothing yet and started no thread.
    pub fn new(config: EmbedConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                tokenizer: Mutex::new(None),
                queues: Queues::new(),
                started: Mutex::new(false),
            }),
        }
    }

    /// The vectors of `texts`, in their order. Dropping the future gives the work up.
    ///
    /// # Errors
    /// `Unavailable` when the model's files are absent (the message says how to get
    /// them), `Internal` when the engine fails.
    pub async fn embed(&self, texts: Vec<String>, priority: Priority) -> Result<Embeddings> {
        let (sums, tokens) = self.reduce(texts, priority, Arc::new(sum)).await?;
        let windows = sums.iter().map(Vec::len).collect();
        // The length of a mean does not matter: it is brought to 1.
        let whole = |parts: Vec<Vec<f32>>| normalised(sum(&parts.concat()));
        Ok(Embeddings { vectors: sums.into_iter().map(whole).collect(), tokens, windows })
    }

    /// The vectors of the texts' own tokens, each of length 1, the special ones left out:
    /// for each text and each window of it, [`DIMENSIONS`] numbers a token. A token takes
    /// 1.5 kB; where less will do, see [`Embedder::reduce`].
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub async fn token_vectors(
        &self,
        texts: Vec<String>,
        priority: Priority,
    ) -> Result<TokenVectors> {
        let (windows, tokens) = self.reduce(texts, priority, Arc::new(own_tokens)).await?;
        Ok(TokenVectors { windows, tokens })
    }

    /// What `reduce` makes of each window's token vectors, for each text and window, and the
    /// tokens of each text.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub(crate) async fn reduce(
        &self,
        texts: Vec<String>,
        priority: Priority,
        reduce: Reduce,
    ) -> Result<(Reduced, Vec<usize>)> {
        if texts.is_empty() {
            return Ok((vec![], vec![]));
        }
        let started = Instant::now();
        let note = || {
            metrics::histogram!("cairn_embed_seconds", "priority" => priority.name())
                .record(started.elapsed().as_secs_f64());
        };
        let short = self.inner.is_short(&texts);
        if short
            && priority == Priority::Interactive
            && let Some(here) = self.inner.queues.begin_here()
        {
            let inner = Arc::clone(&self.inner);
            let done = in_place(move || inner.compute(&here, &texts, &reduce)).await??;
            note();
            return Ok(done);
        }
        let (tokens, reduced) = if short {
            self.inner.submit(&texts, priority, reduce)?
        } else {
            let inner = Arc::clone(&self.inner);
            tokio::task::spawn_blocking(move || inner.submit(&texts, priority, reduce))
                .await
                .or_internal("tokenising")??
        };
        let reduced = reduced.await.or_internal("an embedding thread ended early")??;
        note();
        Ok((reduced, tokens))
    }

    /// As [`Embedder::embed`] for one text that somebody waits for.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub async fn embed_query(&self, text: &str) -> Result<Vec<f32>> {
        let embeddings = self.embed(vec![text.to_owned()], Priority::Interactive).await?;
        let first = embeddings.vectors.into_iter().next();
        first.ok_or_else(|| Error::internal("no vector for one text"))
    }

    /// The number of tokens of `text`, the two special ones included: up to 256
    /// the model reads it in one window.
    ///
    /// # Errors
    /// `Unavailable` when the tokenizer's file is absent.
    pub fn count_tokens(&self, text: &str) -> Result<usize> {
        self.inner.tokenizer()?.count(text)
    }

    /// Where each token lies in `text`: byte offsets, start and end, in order.
    ///
    /// # Errors
    /// As [`Embedder::count_tokens`].
    pub fn token_offsets(&self, text: &str) -> Result<Vec<(usize, usize)>> {
        self.inner.tokenizer()?.offsets(text)
    }

    /// Whether the model is in memory.
    pub fn is_loaded(&self) -> bool {
        self.inner.queues.is_loaded()
    }

    /// Whether the model's files are there.
    pub fn is_available(&self) -> bool {
        self.inner.config.model.is_file() && self.inner.config.tokenizer.is_file()
    }

    /// Frees the model now; it is loaded again when it is needed.
    pub fn unload(&self) {
        self.inner.queues.unload();
    }
}

type Submitted = (Vec<usize>, oneshot::Receiver<Result<Reduced>>);

impl Inner {
    /// Whether tokenising takes less time than waking another thread for it.
    fn is_short(&self, texts: &[String]) -> bool {
        let loaded = self.tokenizer.try_lock().is_ok_and(|tokenizer| tokenizer.is_some());
        loaded && texts.iter().map(String::len).sum::<usize>() <= SHORT
    }

    /// What `reduce` makes of each window, by the thread that asks and those that help it.
    fn compute(
        &self,
        here: &Here,
        texts: &[String],
        reduce: &Reduce,
    ) -> Result<(Reduced, Vec<usize>)> {
        let tokenizer = self.tokenizer()?;
        let threads = Threads::new(self.config.threads.max(1));
        let (mut all, mut tokens) = (Vec::with_capacity(texts.len()), Vec::new());
        for text in texts {
            let windows = tokenizer.windows(text)?;
            let ids: Vec<&[i32]> = windows.iter().map(Vec::as_slice).collect();
            let hidden = compute(&here.engine, &ids, &threads)?;
            let kept =
                ids.iter().enumerate().map(|(row, ids)| reduce(hidden.window(row, ids.len())));
            all.push(kept.collect());
            tokens.push(windows.iter().map(Vec::len).sum());
        }
        Ok((all, tokens))
    }

    fn submit(&self, texts: &[String], priority: Priority, reduce: Reduce) -> Result<Submitted> {
        let tokenizer = self.tokenizer()?;
        let split = texts.iter().map(|text| tokenizer.windows(text)).collect::<Result<Vec<_>>>()?;
        self.start()?;
        let tokens = split.iter().map(|windows| windows.iter().map(Vec::len).sum()).collect();
        let counts: Vec<usize> = split.iter().map(Vec::len).collect();
        let (done, reduced) = oneshot::channel();
        let call = Call::new(&counts, reduce, done);
        let windows = split.into_iter().enumerate().flat_map(|(text, windows)| {
            let call = Arc::clone(&call);
            let window = move |(part, ids)| Window { ids, text, part, call: Arc::clone(&call) };
            windows.into_iter().enumerate().map(window)
        });
        self.queues.push(priority, windows.collect());
        Ok((tokens, reduced))
    }

    fn tokenizer(&self) -> Result<Arc<TextTokenizer>> {
        let mut held = self.tokenizer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokenizer) = &*held {
            return Ok(Arc::clone(tokenizer));
        }
        let tokenizer = Arc::new(TextTokenizer::load(&self.config.tokenizer)?);
        *held = Some(Arc::clone(&tokenizer));
        Ok(tokenizer)
    }

    /// Starts the threads, once: one for interactive work, which computes a batch
    /// with all cores, and one per core for bulk work, a batch each.
    fn start(&self) -> Result<()> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if *started {
            return Ok(());
        }
        let cores = self.config.threads.max(1);
        let worker = |bulk, threads| Worker {
            model: self.config.model.clone(),
            bulk,
            threads,
            idle: self.config.idle,
            nice: self.config.bulk_nice,
        };
        worker(false, cores).start(Arc::clone(&self.queues))?;
        for _ in 0..cores {
            worker(true, 1).start(Arc::clone(&self.queues))?;
        }
        *started = true;
        Ok(())
    }
}

/// The sum of vectors that stand one after another.
fn sum(tokens: &[f32]) -> Vec<f32> {
    let mut sum = vec![0.0; DIMENSIONS];
    for token in tokens.chunks_exact(DIMENSIONS) {
        for (total, x) in sum.iter_mut().zip(token) {
            *total += x;
        }
    }
    sum
}

/// A window's vectors without those of the two special tokens, each of length 1.
pub(crate) fn own_tokens(tokens: &[f32]) -> Vec<f32> {
    let own = tokens.get(DIMENSIONS..tokens.len().saturating_sub(DIMENSIONS)).unwrap_or(&[]);
    own.chunks_exact(DIMENSIONS).flat_map(|token| normalised(token.to_vec())).collect()
}

/// The vector of length 1 in the same direction; zero stays zero.
fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x /= length;
        }
    }
    vector
}
