//! What the GGUF runtime costs over the engine it runs: tokens per second through
//! [`Gguf`] against a bare llama.cpp loop with the same model, threads and prompt,
//! in alternating rounds of one run.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use cairn_kernel::Tasks;
use cairn_serving::gguf::{Event, GenerateRequest, Gguf, GgufConfig, Isolate, Sampling};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

const SLOTS: u32 = 8;
const CONTEXT: u32 = 1024;
const BATCH: u32 = 512;
const PROMPT: &str = "A short history of the lighthouse: the first of them stood at the entrance \
                      of a harbour, and every night somebody had to";

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// The model file.
    pub model: std::path::PathBuf,
    /// Threads of either engine.
    pub threads: u32,
    /// Rounds, each with one run of either.
    pub rounds: usize,
    /// Tokens generated for each request.
    pub tokens: u32,
}

/// Decode speeds in tokens per second, and their ratio.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// Through the runtime: child, messages, sampling, text and stream.
    pub runtime: f64,
    /// The bare loop: decode and take the likeliest token.
    pub bare: f64,
    /// Median over the rounds of `runtime / bare`.
    pub ratio: f64,
}

/// Measures with one user and with eight, prints a line for each, and returns them.
///
/// The program that calls this must dispatch `__child gguf` to
/// [`cairn_serving::gguf::child_main`].
pub fn run(options: &Options) -> Result<Vec<Speed>> {
    let async_runtime = tokio::runtime::Runtime::new()?;
    let runtime = async_runtime.block_on(start(options))?;
    let bare = Bare::load(&options.model)?;
    let mut speeds = Vec::new();
    for users in [1, SLOTS] {
        let mut context = bare.context(options.threads)?;
        let mut rounds = Vec::new();
        bare.decode(&mut context, users, 8)?;
        async_runtime.block_on(through_runtime(&runtime, users, 8, usize::MAX))?;
        for round in 0..options.rounds.max(3) {
            let bare_speed = bare.decode(&mut context, users, options.tokens)?;
            let through = through_runtime(&runtime, users, options.tokens, round);
            rounds.push((async_runtime.block_on(through)?, bare_speed));
        }
        let speed = Speed {
            runtime: median(rounds.iter().map(|(runtime, _)| *runtime)),
            bare: median(rounds.iter().map(|(_, bare)| *bare)),
            ratio: median(rounds.iter().map(|(runtime, bare)| runtime / bare)),
        };
        println!(
            "llm decode, {users} user(s): runtime {:.1} tok/s, bare llama.cpp {:.1} tok/s, \
             ratio {:.3} (median of {} rounds, {} threads, {})",
            speed.runtime,
            speed.bare,
            speed.ratio,
            rounds.len(),
            options.threads,
            options.model.file_name().unwrap_or_default().to_string_lossy()
        );
        speeds.push(speed);
    }
    async_runtime.block_on(runtime.stop());
    Ok(speeds)
}

async fn start(options: &Options) -> Result<Gguf> {
    let config = GgufConfig {
        adapter: None,
        path: options.model.clone(),
        sha256: String::new(),
        name: "bench".to_owned(),
        context_tokens: CONTEXT,
        slots: SLOTS,
        threads: options.threads,
        pooling: None,
    };
    Ok(Gguf::start(&Isolate::current()?, &Tasks::new(), config).await?)
}

/// Tokens per second from the first token of the last request to the end, all users
/// together; every user is an owner of its own, so that no prompt is cached.
async fn through_runtime(model: &Gguf, users: u32, tokens: u32, round: usize) -> Result<f64> {
    let mut streams = Vec::new();
    for user in 0..users {
        let request = GenerateRequest {
            max_tokens: Some(tokens),
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
            ..GenerateRequest::new(format!("{round}-{user}"), PROMPT)
        };
        streams.push(model.generate(request).await?);
    }
    // The streams buffer, so they may be read one after the other; the engine's own
    // clock says how long each took from its first token to its last.
    let (mut speed, mut got) = (0.0, 0);
    for mut stream in streams {
        while let Some(event) = stream.next().await {
            if let Event::Done(done) = event? {
                got += done.completion_tokens;
                let after_first = f64::from(done.completion_tokens.saturating_sub(1));
                speed += after_first / (done.timings.generate_ms / 1e3);
            }
        }
    }
    ensure!(
        got == users * tokens,
        "{got} tokens instead of {}: the model stopped early",
        users * tokens
    );
    Ok(speed)
}

/// llama.cpp with nothing around it.
struct Bare {
    backend: LlamaBackend,
    model: LlamaModel,
    prompt: Vec<LlamaToken>,
}

impl Bare {
    fn load(path: &Path) -> Result<Self> {
        let mut backend = LlamaBackend::init()?;
        backend.void_logs();
        let model = LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default())
            .with_context(|| format!("loading {}", path.display()))?;
        let prompt = model.vocab().tokenize(PROMPT.as_bytes(), true, true);
        Ok(Self { backend, model, prompt })
    }

    fn context(&self, threads: u32) -> Result<LlamaContext<'_>> {
        let threads = i32::try_from(threads)?;
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(CONTEXT * SLOTS))
            .with_n_seq_max(SLOTS)
            .with_n_batch(BATCH)
            .with_n_ubatch(BATCH)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        Ok(self.model.new_context(&self.backend, parameters)?)
    }

    /// Reads the prompt for each sequence, then decodes `tokens` steps of all together.
    fn decode(&self, context: &mut LlamaContext<'_>, users: u32, tokens: u32) -> Result<f64> {
        context.clear_kv_cache();
        let mut batch = LlamaBatch::new(BATCH as usize, 1);
        let mut next = Vec::new();
        for user in 0..i32::try_from(users)? {
            batch.clear();
            let last = self.prompt.len() - 1;
            for (place, token) in self.prompt.iter().enumerate() {
                batch.add(*token, i32::try_from(place)?, &[user], place == last)?;
            }
            context.decode(&mut batch)?;
            next.push(likeliest(context.get_logits_ith(i32::try_from(last)?)));
        }
        let began = Instant::now();
        for step in 1..tokens {
            batch.clear();
            let place = i32::try_from(self.prompt.len())? + i32::try_from(step)? - 1;
            for (user, token) in (0..).zip(&next) {
                batch.add(*token, place, &[user], true)?;
            }
            context.decode(&mut batch)?;
            for (row, token) in (0..).zip(&mut next) {
                *token = likeliest(context.get_logits_ith(row));
            }
        }
        Ok(f64::from((tokens - 1) * users) / began.elapsed().as_secs_f64())
    }
}

fn likeliest(logits: &[f32]) -> LlamaToken {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in (0..).zip(logits) {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    LlamaToken::new(best.0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
