//! The language models of this program: found in the model store, loaded when
//! first needed, unloaded when idle.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_isolate::Isolate;
use cairn_kernel::{Error, Kind, Result, Shutdown, Tasks};
use cairn_serving::chat::ChatModel;
use cairn_serving::gguf::{Gguf, GgufConfig, Pooling, State};
use cairn_serving::models::{Asset, AssetKind, ModelStore, assets};
use tokio::sync::OnceCell;

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

/// A place for an engine. Whoever comes while it is loading waits for that load, and
/// nobody else does.
#[derive(Debug)]
struct Place {
    engine: OnceCell<Gguf>,
    used: Mutex<Instant>,
}

impl Place {
    fn new() -> Arc<Self> {
        Arc::new(Self { engine: OnceCell::new(), used: Mutex::new(Instant::now()) })
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether it is loaded, answers nobody and was last asked for that long ago.
    fn is_idle(&self, idle: Duration) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.elapsed() >= idle && self.engine.get().is_some_and(Gguf::is_quiet)
    }
}

/// Language models by name. Clones share them.
#[derive(Clone)]
pub struct Llms {
    isolate: Isolate,
    tasks: Tasks,
    store: Arc<ModelStore>,
    settings: Arc<LlmSettings>,
    loaded: Arc<Mutex<HashMap<String, Arc<Place>>>>,
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
        let place = || Ok((self.store.path_of(&name).ok_or_else(|| missing(&name))?, None));
        self.loaded(name.clone(), (&name, &asset.sha256), place, None).await
    }

    /// What is held under `key`, else the file of that name and hash, loaded from its place.
    async fn loaded(
        &self,
        key: String,
        (name, sha256): (&str, &str),
        place: impl FnOnce() -> Result<(PathBuf, Option<PathBuf>)> + Send,
        pooling: Option<Pooling>,
    ) -> Result<Gguf> {
        let held =
            self.with(|loaded| Arc::clone(loaded.entry(key.clone()).or_insert_with(Place::new)));
        held.touch();
        let engine = held.engine.get_or_try_init(async || {
            let (path, adapter) = place()?;
            let config = GgufConfig {
                path,
                adapter,
                sha256: sha256.to_owned(),
                name: name.to_owned(),
                context_tokens: self.settings.context_tokens,
                slots: self.settings.slots,
                threads: self.settings.threads,
                pooling,
            };
            tracing::info!(model = name, "loading a language model");
            Gguf::start(&self.isolate, &self.tasks, config).await
        });
        let engine = engine.await.cloned();
        if engine.is_err() {
            // Two hold it when nobody else waits: the map and this call.
            self.with(|loaded| {
                let gone = loaded.get(&key).is_some_and(|there| {
                    Arc::ptr_eq(there, &held) && Arc::strong_count(there) == 2
                });
                if gone {
                    loaded.remove(&key);
                }
            });
        }
        engine
    }

    /// Takes what is held under `key` out of memory; running answers are finished first.
    pub(crate) async fn unload(&self, key: &str) {
        let held = self.with(|loaded| loaded.remove(key));
        if let Some(engine) = held.as_ref().and_then(|held| held.engine.get()) {
            engine.retire().await;
            tracing::info!(model = key, "language model unloaded");
        }
    }

    /// A tenant's own file, loaded if it was not. `key` is the tenant's, the file's and its
    /// pooling's, where that is not left to the file.
    ///
    /// # Errors
    /// What keeps it from loading.
    pub(crate) async fn file_engine(
        &self,
        key: String,
        (name, sha256): (&str, &str),
        (path, pooling): (PathBuf, Option<Pooling>),
    ) -> Result<Gguf> {
        self.loaded(key, (name, sha256), || Ok((path, None)), pooling).await
    }

    /// A model of the store with a tenant's adapter for it, loaded if it was not.
    ///
    /// # Errors
    /// `NotFound` for the model, or what keeps it from loading.
    pub(crate) async fn adapted_model(
        &self,
        key: String,
        (name, sha256): (&str, &str),
        base: &str,
        adapter: PathBuf,
    ) -> Result<Arc<dyn ChatModel>> {
        let base = &self.installed(base)?.name;
        let place = || {
            let path = self.store.path_of(base).ok_or_else(|| missing(base))?;
            Ok((path, Some(adapter)))
        };
        Ok(Arc::new(self.loaded(key, (name, sha256), place, None).await?))
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
    pub(crate) fn is_loaded(&self, name: &str) -> bool {
        self.held(name).is_some()
    }

    /// The engine under `key`, if it is loaded.
    fn held(&self, key: &str) -> Option<Gguf> {
        self.with(|loaded| loaded.get(key).and_then(|held| held.engine.get().cloned()))
    }

    fn with<R>(&self, act: impl FnOnce(&mut HashMap<String, Arc<Place>>) -> R) -> R {
        act(&mut self.loaded.lock().unwrap_or_else(PoisonError::into_inner))
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
    pub fn states(&self) -> Vec<LlmState> {
        self.available()
            .into_iter()
            .map(|name| {
                let sha256 =
                    language_model(&name).map(|asset| asset.sha256.clone()).unwrap_or_default();
                let (present, engine) = self.with(|loaded| {
                    let held = loaded.get(&name);
                    (held.is_some(), held.and_then(|held| held.engine.get().cloned()))
                });
                let without = if present { "loading" } else { "unloaded" };
                let (state, reason) = engine.as_ref().map_or((without, None), describe);
                let memory_bytes = engine.map(|engine| engine.facts().memory_bytes);
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
        let keys: Vec<String> = self.with(|loaded| loaded.keys().cloned().collect());
        futures::future::join_all(keys.iter().map(|key| self.unload(key))).await;
    }

    async fn unload_idle(&self, idle: Duration) {
        let keys: Vec<String> = self.with(|loaded| {
            let idle = loaded.iter().filter(|(_, held)| held.is_idle(idle));
            idle.map(|(key, _)| key.clone()).collect()
        });
        for key in keys {
            self.unload(&key).await;
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
