//! Loading a model and saying what it is.

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
use llama_cpp_2::token::LlamaToken;

use super::log;
use crate::gguf::protocol::{Load, Loaded};
use crate::gguf::request::Pooling;

/// Tokens of one step: bounds how long a prompt can hold up a cancellation.
pub(super) const BATCH: u32 = 512;

/// llama.cpp's flash attention, switched off. On processors it halves the speed of writing behind
/// a long context: 57 ms a token at 1,000 against 43 ms, and 400 ms against 160 ms for the twelve
/// tokens that follow a cached prompt. It reads fresh prompts a tenth faster.
const NO_FLASH_ATTENTION: i32 = 0;
/// What it is good for: without it one step holds the scores of every token with every other. Up to
/// so many bytes of them they are held.
const SCORES_BYTES: u64 = 256 << 20;

/// Texts that an encoder reads at once.
pub(super) const TOGETHER: u32 = 32;

/// A model with its backend.
pub(super) struct Loading {
    backend: LlamaBackend,
    /// It must live as long as a context that uses it.
    adapter: Option<RefCell<LlamaLoraAdapter>>,
    pub(super) model: Arc<LlamaModel>,
    began: Instant,
}

impl Loading {
    /// Loads the weights.
    pub(super) fn begin(load: &Load) -> Result<Self, String> {
        let began = Instant::now();
        let backend = LlamaBackend::init().map_err(|error| error.to_string())?;
        let parameters = LlamaModelParams::default();
        let mut model = LlamaModel::load_from_file(&backend, &load.path, &parameters)
            .map_err(|error| log::first_error().unwrap_or_else(|| error.to_string()))?;
        let adapter = load.adapter.as_ref().map(|path| model.lora_adapter_init(path));
        let adapter = adapter
            .transpose()
            .map_err(|error| log::first_error().unwrap_or_else(|| error.to_string()))?;
        let adapter = adapter.map(RefCell::new);
        Ok(Self { backend, adapter, model: Arc::new(model), began })
    }

    /// Makes the context, runs one token through it, and tells what there is.
    pub(super) fn context(&self, load: &Load) -> Result<(LlamaContext<'_>, Loaded), String> {
        let model = &self.model;
        let n_ctx_train = model.n_ctx_train();
        let mut context_tokens = load.context_tokens.max(16);
        if n_ctx_train > 0 && context_tokens > n_ctx_train {
            tracing::warn!(asked = context_tokens, n_ctx_train, "context cut to what was trained");
            context_tokens = n_ctx_train;
        }
        // An encoder's texts share one window.
        let slots = if load.pooling.is_some() { 1 } else { load.slots.clamp(1, 64) };
        let threads = i32::try_from(load.threads.max(1)).map_err(|error| error.to_string())?;
        let size = context_tokens
            .checked_next_multiple_of(256)
            .and_then(|each| each.checked_mul(slots))
            .ok_or("the context is too large")?;
        let mut parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(size))
            .with_n_seq_max(slots)
            .with_n_batch(BATCH)
            .with_n_ubatch(BATCH)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let scores = u64::from(size / slots)
            .saturating_mul(u64::from(BATCH) * u64::from(model.n_head()) * 4);
        if load.pooling.is_none() && scores <= SCORES_BYTES {
            parameters = parameters.with_flash_attention_policy(NO_FLASH_ATTENTION);
        }
        if let Some(pooling) = load.pooling {
            // A text is read whole, and all its tokens look at each other.
            parameters = parameters
                .with_n_seq_max(TOGETHER)
                .with_kv_unified(true)
                .with_n_batch(size)
                .with_n_ubatch(size)
                .with_embeddings(true)
                .with_pooling_type(pooling_type(pooling));
        }
        let mut context = model
            .new_context(&self.backend, parameters)
            .map_err(|error| log::first_error().unwrap_or_else(|| error.to_string()))?;
        if let Some(adapter) = &self.adapter {
            let set = context.lora_adapter_set(&mut adapter.borrow_mut(), 1.0);
            set.map_err(|error| log::first_error().unwrap_or_else(|| error.to_string()))?;
        }
        warm_up(&mut context)?;
        let loaded = Loaded {
            context_tokens,
            slots,
            load_ms: self.began.elapsed().as_secs_f64() * 1e3,
            ..facts(model)
        };
        Ok((context, loaded))
    }
}

fn pooling_type(pooling: Pooling) -> LlamaPoolingType {
    match pooling {
        Pooling::Mean => LlamaPoolingType::Mean,
        Pooling::Cls => LlamaPoolingType::Cls,
        Pooling::Last => LlamaPoolingType::Last,
        Pooling::Rank => LlamaPoolingType::Rank,
    }
}

/// Touches every weight once, so that the first request does not wait for the disk.
fn warm_up(context: &mut LlamaContext<'_>) -> Result<(), String> {
    let mut batch = LlamaBatch::new(1, 1);
    batch.add(LlamaToken::new(0), 0, &[0], true).map_err(|error| error.to_string())?;
    context.decode(&mut batch).map_err(|error| error.to_string())?;
    context.synchronize();
    context.clear_kv_cache();
    Ok(())
}

fn facts(model: &LlamaModel) -> Loaded {
    let vocab = model.vocab();
    let text = |token: LlamaToken| {
        let bytes = if token.0 < 0 { Vec::new() } else { vocab.token_to_piece(token, true, None) };
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let control = vocab.tokens().filter(|token| vocab.is_control(*token));
    let known = |key: &str| model.meta_val_str(key).ok().filter(|value| !value.is_empty());
    Loaded {
        title: known("general.name"),
        architecture: known("general.architecture").unwrap_or_default(),
        n_ctx_train: model.n_ctx_train(),
        context_tokens: 0,
        slots: 0,
        vocabulary: u32::try_from(vocab.n_tokens()).unwrap_or(0),
        chat_template: known("tokenizer.chat_template"),
        bos: text(vocab.bos()),
        eos: text(vocab.eos()),
        control_tokens: control.map(text).filter(|text| !text.is_empty()).collect(),
        memory_bytes: resident_bytes(),
        load_ms: 0.0,
    }
}

/// This process's resident memory, as the kernel counts it; 0 where it does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024)
}
