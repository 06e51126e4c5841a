//! A tenant's models at work: versions, aliases, inference, prediction of rows.
//!
//! [`registry`] remembers what the records say, [`register`] adds versions, [`infer`]
//! and [`chat`] answer: they pick a version, by name or by the model's rollout, run it
//! and count what came of it.

mod chat;
mod encode;
mod encoding;
mod infer;
mod register;
pub(crate) mod registry;
mod residence;
mod rows;
mod source;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use cairn_kernel::{Error, Kind, Result, ResultExt, Role, Scope, Tasks};
use cairn_serving::TensorModel;
use cairn_serving::onnx::{ModelIdentity, OnnxEngines};
use cairn_serving::remote::Providers;
use cairn_store::records::{ModelRow, ModelVersionRow};
use cairn_store::{BlobPath, Blobs, Records};
use serde_json::{Map, Value};

pub use encode::Reads;
pub use encoding::{Encoding, InputType};
pub use infer::{InferCall, Picked, Target};
pub use register::NewVersion;
pub use residence::Residence;
pub use rows::Prediction;
pub use source::{ModelKind, chats, embeds};

use crate::llms::Llms;
use crate::rollouts::{Plan, Report, Rollouts};
use registry::{Registry, address};
use source::Source;

/// Models kept loaded; the one used longest ago goes first.
const LOADED_MAX: usize = 64;

/// A tenant and a file's SHA-256, or a remote model's source.
type Key = (String, String);

/// Engines in memory, the one used last at the end.
type Loaded = VecDeque<(Key, Arc<dyn TensorModel>)>;
/// Who loads a version holds it.
type Turn = tokio::sync::Mutex<()>;
/// The versions that are being loaded.
type Loading = HashMap<Key, Weak<Turn>>;

/// A tenant's models.
#[derive(Clone)]
pub struct Models {
    records: Records,
    blobs: Blobs,
    engines: OnnxEngines,
    llms: Llms,
    registry: Registry,
    rollouts: Rollouts,
    providers: Providers,
    tasks: Tasks,
    loaded: Arc<Mutex<Loaded>>,
    /// Held by whoever is loading a version, so that it is loaded once.
    loading: Arc<Mutex<Loading>>,
    /// Tenant and name of each model that was taken out of service.
    taken_out: Arc<Mutex<HashSet<(String, String)>>>,
}

/// What [`Models`] stands on.
pub(crate) struct Parts {
    pub(crate) records: Records,
    pub(crate) blobs: Blobs,
    pub(crate) engines: OnnxEngines,
    pub(crate) llms: Llms,
    pub(crate) registry: Registry,
    pub(crate) rollouts: Rollouts,
    pub(crate) providers: Providers,
    pub(crate) tasks: Tasks,
}

/// A model with its versions, newest first.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Name and deployed version.
    pub row: ModelRow,
    /// All versions.
    pub versions: Vec<ModelVersionRow>,
    /// Aliases and the versions they name.
    pub aliases: BTreeMap<String, i64>,
    /// Whether the deployed version is in memory.
    pub loaded: bool,
}

/// A loaded version.
pub struct Served {
    /// Its record.
    pub version: ModelVersionRow,
    /// Its engine.
    pub engine: Arc<dyn TensorModel>,
}

impl Models {
    /// Models over their parts.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { records, blobs, engines, llms, registry, rollouts, providers, tasks } = parts;
        let (loaded, loading, taken_out) = Default::default();
        Self {
            records,
            blobs,
            engines,
            llms,
            registry,
            rollouts,
            providers,
            tasks,
            loaded,
            loading,
            taken_out,
        }
    }

    /// The tenant's models.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn list(&self, scope: &Scope) -> Result<Vec<ModelInfo>> {
        let mut found = Vec::new();
        for row in self.records.list_models(scope).await? {
            found.push(self.info(scope, row).await?);
        }
        Ok(found)
    }

    /// One model.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, name: &str) -> Result<ModelInfo> {
        let row = self.records.model(scope, name).await?;
        self.info(scope, row).await
    }

    async fn info(&self, scope: &Scope, row: ModelRow) -> Result<ModelInfo> {
        let versions = self.records.model_versions(scope, &row.name).await?;
        let aliases = self.records.model_aliases(scope, &row.name).await?;
        let serving = row.deployed_version.or_else(|| versions.first().map(|v| v.version));
        let loaded = match versions.iter().find(|version| Some(version.version) == serving) {
            Some(version) => self.is_loaded(scope, version)?,
            None => false,
        };
        Ok(ModelInfo { row, versions, aliases: aliases.into_iter().collect(), loaded })
    }

    fn is_loaded(&self, scope: &Scope, version: &ModelVersionRow) -> Result<bool> {
        Ok(match (ModelKind::of(version)?, Source::read(version)?.asset) {
            (ModelKind::Onnx, _) => self.held(&key(scope, version)).is_some(),
            (ModelKind::Gguf, Some(asset)) if !Source::read(version)?.adapter => {
                self.llms.is_loaded(&asset)
            }
            (ModelKind::Gguf, _) => {
                let pooling = Encoding::read(version)?.pooling;
                self.llms.is_loaded(&chat::file_key(scope, &version.sha256, pooling))
            }
            // What runs elsewhere is not loaded here.
            (ModelKind::Remote, _) => true,
        })
    }

    /// Makes a version the one that serves, after loading it. A rollout under way ends.
    ///
    /// # Errors
    /// `NotFound`, or what keeps the version from loading.
    pub async fn deploy(&self, scope: &Scope, name: &str, version: i64) -> Result<ModelInfo> {
        scope.require(Role::Editor)?;
        let entry = self.registry.get(scope, name).await?;
        self.prepare(scope, entry.numbered(version)?).await?;
        self.rollouts.deploy(scope, name, version).await?;
        tracing::info!(model = name, version, "model deployed");
        self.get(scope, name).await
    }

    /// Begins a rollout, after loading each of its versions. `stable` is the version a
    /// rollback leads to: the deployed one, unless another is named.
    ///
    /// # Errors
    /// `NotFound` for a version, `Invalid` for a plan that cannot be followed or when no
    /// version is deployed and none is named, or what keeps a version from loading.
    pub async fn roll_out(
        &self,
        scope: &Scope,
        name: &str,
        plan: Plan,
        stable: Option<i64>,
        reason: String,
    ) -> Result<Report> {
        scope.require(Role::Editor)?;
        let entry = self.registry.get(scope, name).await?;
        let stable = stable.or(entry.row.deployed_version).ok_or_else(|| {
            Error::invalid(format!(
                "no version of model '{name}' is deployed; name the 'stable' version that a \
                 rollback leads to"
            ))
            .with_param("stable")
        })?;
        plan.check(stable)?;
        let of = |version: &ModelVersionRow| Ok::<_, Error>((chats(version)?, embeds(version)?));
        let speaks = of(entry.numbered(stable)?)?;
        for number in plan.versions().into_iter().chain([stable]) {
            let version = entry.numbered(number)?;
            if of(version)? != speaks {
                return Err(Error::invalid(format!(
                    "version {number} of model '{name}' ({}) cannot answer for version {stable} \
                     ({}); all versions of a rollout take chats, or tensors, or make \
                     embeddings",
                    version.kind,
                    entry.numbered(stable)?.kind
                )));
            }
            self.prepare(scope, version).await?;
        }
        self.rollouts.start(scope, name, plan, stable, reason).await?;
        self.rollouts.get(scope, name).await
    }

    /// Brings a version into memory, or says why that cannot be.
    async fn prepare(&self, scope: &Scope, version: &ModelVersionRow) -> Result<()> {
        if chats(version)? {
            return self.chat_engine(scope, version).await.map(|_| ());
        }
        if embeds(version)? {
            let provider = Source::read(version)?.provider.unwrap_or_default();
            return self.providers.gives_embeddings(&provider);
        }
        self.tensor_engine(scope, version).await.map(|_| ())
    }

    /// Deletes a model with all its versions.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete(&self, scope: &Scope, name: &str) -> Result<()> {
        scope.require(Role::Editor)?;
        let info = self.get(scope, name).await?;
        self.rollouts.delete_model(scope, name).await?;
        self.with_taken_out(|names| names.remove(&(scope.tenant().to_string(), name.to_owned())));
        self.release(scope, &info).await
    }

    /// The ONNX file of a version.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` for a version that is no ONNX file.
    pub async fn file(&self, scope: &Scope, name: &str, version: i64) -> Result<Bytes> {
        let entry = self.registry.get(scope, name).await?;
        let row = entry.numbered(version)?;
        if ModelKind::of(row)? != ModelKind::Onnx {
            return Err(Error::invalid(format!(
                "version {version} of model '{name}' ({}) is no ONNX file",
                row.kind
            )));
        }
        self.blobs.get(&BlobPath::model(scope, &row.sha256)).await
    }

    /// A version ready to infer: the one that a number or alias names, else the deployed,
    /// else the newest. It is for asking about a model; requests to it go through
    /// [`Models::pick`].
    ///
    /// # Errors
    /// `NotFound`, `Conflict` for a model that was unloaded, or what keeps the file from
    /// loading.
    pub async fn serve(&self, scope: &Scope, name: &str, selector: Option<&str>) -> Result<Served> {
        let (name, selector) = address(name, selector)?;
        self.require_in_service(scope, name)?;
        let entry = self.registry.get(scope, name).await?;
        let row = match selector {
            Some(selector) => entry.select(selector)?,
            None => entry.serving()?,
        };
        let engine = self.tensor_engine(scope, row).await?;
        Ok(Served { version: ModelVersionRow::clone(row), engine })
    }

    /// What runs a version, from memory or loaded now.
    async fn tensor_engine(
        &self,
        scope: &Scope,
        row: &ModelVersionRow,
    ) -> Result<Arc<dyn TensorModel>> {
        tensors(row)?;
        let key = key(scope, row);
        if let Some(engine) = self.held(&key) {
            return Ok(engine);
        }
        let turn = self.turn(&key);
        let _alone = turn.lock().await;
        if let Some(engine) = self.held(&key) {
            return Ok(engine);
        }
        let engine = match Source::read(row)? {
            Source { provider: Some(provider), model: Some(model), .. } => {
                self.providers.tensor_model(&provider, &model).await?
            }
            _ => self.open(scope, row).await?,
        };
        self.with(|loaded| {
            loaded.push_back((key, Arc::clone(&engine)));
            if loaded.len() > LOADED_MAX {
                loaded.pop_front();
            }
        });
        Ok(engine)
    }

    async fn open(&self, scope: &Scope, row: &ModelVersionRow) -> Result<Arc<dyn TensorModel>> {
        let bytes = self.blobs.get(&BlobPath::model(scope, &row.sha256)).await?;
        let identity = ModelIdentity {
            name: row.name.clone(),
            version: row.version.to_string(),
            sha256: row.sha256.clone(),
        };
        self.engines.open(bytes.to_vec(), identity).await
    }

    /// Predicts rows given as objects.
    ///
    /// # Errors
    /// `Invalid` naming the row and the column at fault.
    pub async fn predict(
        &self,
        scope: &Scope,
        target: &Target,
        rows: &[Map<String, Value>],
    ) -> Result<(Arc<ModelVersionRow>, Vec<Prediction>)> {
        if rows.is_empty() {
            return Err(
                Error::new(Kind::Invalid, "there are no rows to predict").with_param("rows")
            );
        }
        let picked = self.pick(scope, target).await?;
        tensors(&picked.version)?;
        let metadata: Value = serde_json::from_str(&picked.version.metadata)
            .or_internal("reading a model's metadata")?;
        let inputs = rows::columns(&metadata, rows)?;
        let outputs = self.run(scope, &picked, inputs, &[], None).await?;
        let predictions = rows::predictions(&metadata, &outputs, rows.len())?;
        Ok((picked.version, predictions))
    }

    fn held(&self, key: &Key) -> Option<Arc<dyn TensorModel>> {
        self.with(|loaded| {
            let at = loaded.iter().position(|(held, _)| held == key)?;
            let found = loaded.remove(at)?;
            let engine = Arc::clone(&found.1);
            loaded.push_back(found);
            Some(engine)
        })
    }

    fn turn(&self, key: &Key) -> Arc<Turn> {
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = loading.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        loading.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::new(()));
        loading.insert(key.clone(), Arc::downgrade(&turn));
        turn
    }

    fn with<R>(&self, act: impl FnOnce(&mut Loaded) -> R) -> R {
        act(&mut self.loaded.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_taken_out<R>(&self, act: impl FnOnce(&mut HashSet<(String, String)>) -> R) -> R {
        act(&mut self.taken_out.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Fails for a version that is not asked with tensors.
fn tensors(row: &ModelVersionRow) -> Result<()> {
    let what = if chats(row)? {
        "is a language model; ask it at /v1/chat/completions"
    } else if embeds(row)? {
        "makes vectors of texts; ask it at /v1/embeddings"
    } else {
        return Ok(());
    };
    let (name, version) = (&row.name, row.version);
    Err(Error::invalid(format!("version {version} of model '{name}' {what}")).with_param("model"))
}

/// A loaded file belongs to its tenant even where another has the same bytes.
fn key(scope: &Scope, version: &ModelVersionRow) -> Key {
    let what = if version.sha256.is_empty() { &version.source } else { &version.sha256 };
    (scope.tenant().to_string(), what.clone())
}
