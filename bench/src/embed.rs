//! Embedding throughput: the whole embedder (tokenising, queueing, batching,
//! pooling) against the bare engine on the same token batches, in one process.
//!
//! The bare engine is given every advantage: its batches are tokenised, sorted and
//! packed beforehand, nothing is pooled, and of two ways to use the cores (one
//! batch on all of them, or one batch each) the faster counts. It is the one that the embedder
//! uses; beside it stands rten with the model's file as it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use cairn_encoder::Encoder;
use cairn_serving::embed::{Batcher, EmbedConfig, Embedder, Priority, TextTokenizer};
use cairn_serving::models::ModelStore;
use rten::{Model, ModelOptions, RunOptions, ThreadPool, ValueView};
use serde::Serialize;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Texts of 20 to 400 tokens in one round.
    pub texts: usize,
    /// Their tokens, special ones included.
    pub tokens: usize,
    /// Threads that either side computes with.
    pub threads: usize,
    /// Tokens per second through the embedder, best round.
    pub embedder_tokens_per_second: f64,
    /// Tokens per second of the bare engine, best round and best use of the cores.
    pub bare_tokens_per_second: f64,
    /// The first over the second.
    pub ratio: f64,
    /// Tokens per second of rten, best round and best use of the cores.
    pub rten_tokens_per_second: f64,
    /// Median time of one query while nothing else is embedded, in milliseconds.
    pub query_ms: f64,
    /// Median time of one query while bulk work runs, in milliseconds.
    pub query_under_bulk_ms: f64,
}

/// Runs `rounds` rounds of `texts` texts; the two sides take turns.
///
/// # Errors
/// When the embedding model is not in the model store (`make models`).
pub fn run(texts: usize, rounds: usize) -> Result<Report> {
    let store = ModelStore::from_env()?;
    let config = EmbedConfig::from_store(&store)?;
    let tokenizer = TextTokenizer::load(&config.tokenizer)?;
    let texts = sample(texts);
    let bare = Bare::load(&config, &tokenizer, &texts)?;
    let rten = Bare::rten(&config, &tokenizer, &texts)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Neighbours on the machine must press on both sides alike.
    let embedder = Embedder::new(EmbedConfig { bulk_nice: 0, ..config.clone() });
    runtime.block_on(embedder.embed_query("warm up"))?;
    bare.one_batch_each();
    rten.one_batch_each();
    let [mut through, mut bare_best, mut rten_best] = [Duration::MAX; 3];
    for _ in 0..rounds.max(1) {
        let started = Instant::now();
        runtime.block_on(embedder.embed(texts.clone(), Priority::Bulk))?;
        through = through.min(started.elapsed());
        bare_best = bare_best.min(bare.one_batch_each()).min(bare.all_cores_on_one());
        rten_best = rten_best.min(rten.one_batch_each()).min(rten.all_cores_on_one());
    }
    drop(embedder);
    let as_shipped = Embedder::new(config.clone());
    runtime.block_on(as_shipped.embed_query("warm up"))?;
    let rate = |time: Duration| bare.tokens as f64 / time.as_secs_f64();
    Ok(Report {
        texts: texts.len(),
        tokens: bare.tokens,
        threads: config.threads,
        embedder_tokens_per_second: rate(through),
        bare_tokens_per_second: rate(bare_best),
        ratio: rate(through) / rate(bare_best),
        rten_tokens_per_second: rate(rten_best),
        query_ms: runtime.block_on(queries(&as_shipped, None))?,
        query_under_bulk_ms: runtime.block_on(queries(&as_shipped, Some(&texts)))?,
    })
}

/// The median time of 31 queries, with `bulk` embedded beside them.
async fn queries(embedder: &Embedder, bulk: Option<&[String]>) -> Result<f64> {
    let beside = async {
        while let Some(texts) = bulk {
            embedder.embed(texts.to_vec(), Priority::Bulk).await?;
        }
        std::future::pending::<Result<f64>>().await
    };
    let asking = async {
        let mut times = Vec::new();
        for _ in 0..31 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let asked = Instant::now();
            embedder.embed_query("which bridge was inspected last winter").await?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    };
    tokio::select! { ended = beside => ended, median = asking => median }
}

/// Texts as chunking leaves them: plain sentences, 20 to 400 tokens.
pub(crate) fn sample(count: usize) -> Vec<String> {
    const WORDS: [&str; 24] = [
        "the",
        "report",
        "of",
        "committee",
        "on",
        "harbour",
        "maintenance",
        "was",
        "received",
        "and",
        "inspection",
        "found",
        "that",
        "northern",
        "bridge",
        "requires",
        "repainting",
        "before",
        "winter",
        "while",
        "estimated",
        "costs",
        "remain",
        "unchanged",
    ];
    let mut state = 7_u64;
    let mut next = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let text = |next: &mut dyn FnMut(u64) -> u64| {
        let words = 18 + next(345);
        let words: Vec<_> = (0..words).map(|_| WORDS[next(24) as usize]).collect();
        words.chunks(14).map(|sentence| sentence.join(" ")).collect::<Vec<_>>().join(". ") + "."
    };
    (0..count).map(|_| text(&mut next)).collect()
}

/// Token ids of one batch, as they are, and padded with their mask and types.
struct Tokens {
    windows: Vec<Vec<i32>>,
    shape: [usize; 2],
    ids: Vec<i32>,
    mask: Vec<i32>,
    types: Vec<i32>,
}

/// What computes them.
enum Engine {
    Integers(Encoder),
    Rten(Box<Model>),
}

pub(crate) struct Bare {
    engine: Engine,
    batches: Vec<Tokens>,
    tokens: usize,
    one: Vec<Arc<ThreadPool>>,
    all: Arc<ThreadPool>,
}

impl Bare {
    /// The engine that the embedder uses.
    pub(crate) fn load(
        config: &EmbedConfig,
        tokenizer: &TextTokenizer,
        texts: &[String],
    ) -> Result<Self> {
        let file = std::fs::read(&config.model).context("reading the embedding model")?;
        match Encoder::read(&file) {
            Some(encoder) => Self::with(Engine::Integers(encoder), config, tokenizer, texts),
            None => Self::rten(config, tokenizer, texts),
        }
    }

    /// The general engine with the model as its file has it.
    pub(crate) fn rten(
        config: &EmbedConfig,
        tokenizer: &TextTokenizer,
        texts: &[String],
    ) -> Result<Self> {
        let file = std::fs::read(&config.model).context("reading the embedding model")?;
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let model = options.load(file).context("loading the embedding model")?;
        Self::with(Engine::Rten(Box::new(model)), config, tokenizer, texts)
    }

    fn with(
        engine: Engine,
        config: &EmbedConfig,
        tokenizer: &TextTokenizer,
        texts: &[String],
    ) -> Result<Self> {
        let mut batcher = Batcher::default();
        let mut tokens = 0;
        for text in texts {
            for window in tokenizer.windows(text)? {
                tokens += window.len();
                batcher.push(window.len(), window);
            }
        }
        let mut batches = Vec::new();
        while let Some(batch) = batcher.take() {
            batches.push(packed(batch.items, batch.longest));
        }
        let pool = |threads| Arc::new(ThreadPool::with_num_threads(threads));
        let one = (0..config.threads).map(|_| pool(1)).collect();
        Ok(Self { engine, batches, tokens, one, all: pool(config.threads) })
    }

    /// Tokens of all windows together.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens
    }

    pub(crate) fn one_batch_each(&self) -> Duration {
        let next = AtomicUsize::new(0);
        let started = Instant::now();
        std::thread::scope(|scope| {
            for pool in &self.one {
                scope.spawn(|| {
                    while let Some(batch) = self.batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.compute(batch, (1, pool));
                    }
                });
            }
        });
        started.elapsed()
    }

    pub(crate) fn all_cores_on_one(&self) -> Duration {
        let started = Instant::now();
        for batch in &self.batches {
            self.compute(batch, (self.one.len(), &self.all));
        }
        started.elapsed()
    }

    fn compute(&self, batch: &Tokens, (threads, pool): (usize, &Arc<ThreadPool>)) {
        let model = match &self.engine {
            Engine::Integers(encoder) => {
                let windows: Vec<&[i32]> = batch.windows.iter().map(Vec::as_slice).collect();
                std::hint::black_box(encoder.encode(&windows, threads))
                    .expect("the bare engine runs");
                return;
            }
            Engine::Rten(model) => model,
        };
        let node = |name: &str| model.node_id(name).expect("the model's node");
        let view = |data| ValueView::from_shape(batch.shape, data).expect("a whole tensor");
        let feeds = vec![
            (node("input_ids"), view(&batch.ids).into()),
            (node("attention_mask"), view(&batch.mask).into()),
            (node("token_type_ids"), view(&batch.types).into()),
        ];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        let run = model.run_n(feeds, [node("last_hidden_state")], Some(options));
        let [hidden] = run.expect("the bare engine runs");
        std::hint::black_box(hidden);
    }
}

fn packed(windows: Vec<Vec<i32>>, longest: usize) -> Tokens {
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for window in &windows {
        let padding = longest - window.len();
        ids.extend(window.iter().copied().chain(std::iter::repeat_n(0, padding)));
        mask.extend(std::iter::repeat_n(1, window.len()).chain(std::iter::repeat_n(0, padding)));
    }
    Tokens { shape: [windows.len(), longest], types: vec![0; ids.len()], windows, ids, mask }
}
