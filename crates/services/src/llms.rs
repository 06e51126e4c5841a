//! The language models of this program: found in the model store, loaded when
//! first needed, unloaded when idle.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_isolate::Isolate;
use cairn_kernel::{Error, Kind, Result, Shutdown, Tasks};
use cairn_serving::chat::ChatModel;
use cairn_serving::gguf::{Gguf, GgufConfig, State};
use cairn_serving::models::{Asset, AssetKind, ModelStore, assets};
use tokio::sync::Mutex;

/// The name that always means the default model.
pub const ALIAS: &str = "cairn";

/// How models are loaded.
#[derive(Clone, Debug)]
pub struct LlmSettings {
    /// The default model's name; `None` for extractive answers only.
    pub default: Option<String>,
    /// Tokens of prompt and answer together.
    pub context_tokens: u32,
    /// Requests answered at once by one model.
    pub slots: u32,
    /// Threads of one model.
    pub threads: u32,
    /// Idle time after which a model is unloaded.
    pub idle: Duration,
}

/// A model as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlmState {
    /// Its name.
    pub name: String,
    /// `ready`, `loading`, `unloaded` or `failed`.
    pub state: &'static str,
    /// Why, when it is not ready.
    pub reason: Option<String>,
    /// Memory of its child.
    pub memory_bytes: Option<u64>,
    /// SHA-256 of its file.
    pub sha256: String,
}

#[derive(Debug)]
struct Loaded {
    engine: Gguf,
    used: Instant,
}

/// Language models by name. Clones share them.
#[derive(Clone)]
pub struct Llms {
    isolate: Isolate,
    tasks: Tasks,
    store: Arc<ModelStore>,
    settings: Arc<LlmSettings>,
    loaded: Arc<Mutex<HashMap<String, Loaded>>>,
}

impl Llms {
    /// Models of `store`, run in children of `isolate`.
    pub fn new(
        isolate: Isolate,
        tasks: Tasks,
        store: Arc<ModelStore>,
        settings: LlmSettings,
    ) -> Self {
        Self { isolate, tasks, store, settings: Arc::new(settings), loaded: Arc::default() }
    }

    /// The default model, if one is configured and its file is here.
    pub fn default_model(&self) -> Option<&str> {
        let asset = language_model(self.settings.default.as_deref()?)?;
        self.store.path_of(&asset.name).map(|_| asset.name.as_str())
    }

    /// The names of the models whose files are here.
    pub fn available(&self) -> Vec<String> {
        let listed = self.store.list().unwrap_or_default();
        let mut names: Vec<String> = listed
            .into_iter()
            .filter(|status| status.asset.kind == AssetKind::Llm && status.path.is_some())
            .map(|status| status.asset.name)
            .collect();
        names.sort();
        names
    }

    /// The engine of `model`, loaded if it was not.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, `Unavailable` when it cannot be loaded.
    pub async fn engine(&self, model: &str) -> Result<Gguf> {
        let asset = self.resolve(model)?;
        let name = asset.name.clone();
        let place = || self.store.path_of(&name).ok_or_else(|| missing(&name));
        self.loaded(name.clone(), (&name, &asset.sha256), place).await
    }

    /// What is held under `key`, else the file of that name and hash, loaded from its place.
    async fn loaded(
        &self,
        key: String,
        (name, sha256): (&str, &str),
        place: impl FnOnce() -> Result<PathBuf> + Send,
    ) -> Result<Gguf> {
        let mut loaded = self.loaded.lock().await;
        if let Some(held) = loaded.get_mut(&key) {
            held.used = Instant::now();
            return Ok(held.engine.clone());
        }
        let config = GgufConfig {
            path: place()?,
            sha256: sha256.to_owned(),
            name: name.to_owned(),
            context_tokens: self.settings.context_tokens,
            slots: self.settings.slots,
            threads: self.settings.threads,
        };
        tracing::info!(model = name, "loading a language model");
        let engine = Gguf::start(&self.isolate, &self.tasks, config).await?;
        loaded.insert(key, Loaded { engine: engine.clone(), used: Instant::now() });
        Ok(engine)
    }

    /// A tenant's own file, loaded if it was not. `key` is the tenant's and the file's.
    ///
    /// # Errors
    /// What keeps it from loading.
    pub(crate) async fn file_model(
        &self,
        key: String,
        (name, sha256): (&str, &str),
        path: PathBuf,
    ) -> Result<Arc<dyn ChatModel>> {
        Ok(Arc::new(self.loaded(key, (name, sha256), || Ok(path)).await?))
    }

    /// The local model `name`, loaded if it was not.
    ///
    /// # Errors
    /// As [`Llms::engine`].
    pub async fn chat_model(&self, name: &str) -> Result<Arc<dyn ChatModel>> {
        Ok(Arc::new(self.engine(name).await?))
    }

    /// The lock file's entry of a language model whose file is here.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, and for one whose file is not here.
    pub(crate) fn installed(&self, model: &str) -> Result<&'static Asset> {
        let asset = language_model(model).ok_or_else(|| unknown(model))?;
        self.store.path_of(&asset.name).map(|_| asset).ok_or_else(|| missing(&asset.name))
    }

    /// Whether a model is in memory.
    pub(crate) async fn is_loaded(&self, name: &str) -> bool {
        self.loaded.lock().await.contains_key(name)
    }

    fn resolve(&self, model: &str) -> Result<&'static Asset> {
        let wanted = if model == ALIAS {
            self.default_model().ok_or_else(|| {
                let wanted = self.settings.default.as_deref().unwrap_or("<model>");
                Error::new(
                    Kind::NotFound,
                    format!("no language model is installed; run `cairn models pull {wanted}`"),
                )
                .with_code("model_not_found")
                .with_param("model")
            })?
        } else {
            model
        };
        language_model(wanted).ok_or_else(|| unknown(model))
    }

    /// The state of every model that is here or loaded.
    pub async fn states(&self) -> Vec<LlmState> {
        let loaded = self.loaded.lock().await;
        self.available()
            .into_iter()
            .map(|name| {
                let sha256 =
                    language_model(&name).map(|asset| asset.sha256.clone()).unwrap_or_default();
                let held = loaded.get(&name);
                let (state, reason) =
                    held.map_or(("unloaded", None), |held| describe(&held.engine));
                let memory_bytes = held.map(|held| held.engine.facts().memory_bytes);
                LlmState { name, state, reason, memory_bytes, sha256 }
            })
            .collect()
    }

    /// Unloads idle models until a stop, then all of them.
    pub async fn upkeep(&self, shutdown: Shutdown) {
        let every = (self.settings.idle / 4).max(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = shutdown.requested() => break,
                () = tokio::time::sleep(every) => self.unload_idle(self.settings.idle).await,
            }
        }
    }

    /// Unloads every model; the children end and their memory is returned.
    pub async fn stop(&self) {
        self.unload_idle(Duration::ZERO).await;
    }

    async fn unload_idle(&self, idle: Duration) {
        let mut loaded = self.loaded.lock().await;
        let names: Vec<String> = loaded
            .iter()
            .filter(|(_, held)| held.used.elapsed() >= idle)
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            if let Some(held) = loaded.remove(&name) {
                held.engine.stop().await;
                tracing::info!(model = name, "language model unloaded");
            }
        }
    }
}

/// The lock file's entry; clients may write the name in any case.
fn language_model(name: &str) -> Option<&'static Asset> {
    let all = assets().unwrap_or_default();
    all.iter().find(|asset| asset.kind == AssetKind::Llm && asset.name.eq_ignore_ascii_case(name))
}

fn describe(engine: &Gguf) -> (&'static str, Option<String>) {
    match engine.state() {
        State::Ready => ("ready", None),
        State::Starting => ("loading", None),
        State::Restarting { reason } => ("loading", Some(reason)),
        State::Stopped => ("unloaded", None),
    }
}

fn unknown(model: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!("the model '{model}' does not exist here; GET /v1/models lists those that do"),
    )
    .with_code("model_not_found")
    .with_param("model")
}

fn missing(model: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!("the model '{model}' is not installed; run `cairn models pull {model}`"),
    )
    .with_code("model_not_found")
    .with_param("model")
}
