//! Trained models at work: metadata, inference, prediction of rows.

mod rows;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cairn_kernel::{Error, Kind, Result, ResultExt, Role, Scope};
use cairn_serving::onnx::{ModelIdentity, OnnxModel};
use cairn_store::records::{ModelRow, ModelVersionRow};
use cairn_store::{BlobPath, Blobs, Records};
use serde_json::{Map, Value};

pub use rows::Prediction;

/// Models kept loaded; the one used longest ago goes first.
const LOADED_MAX: usize = 64;

type Key = (String, String);

/// A tenant's trained models.
#[derive(Clone)]
pub struct Models {
    records: Records,
    blobs: Blobs,
    loaded: Arc<Mutex<VecDeque<(Key, Arc<OnnxModel>)>>>,
}

/// A model with its versions, newest first.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Name and deployed version.
    pub row: ModelRow,
    /// All versions.
    pub versions: Vec<ModelVersionRow>,
    /// Whether the deployed version is in memory.
    pub loaded: bool,
}

/// A loaded version.
pub struct Served {
    /// Its record.
    pub version: ModelVersionRow,
    /// Its engine.
    pub engine: Arc<OnnxModel>,
}

impl Models {
    /// Models in `records` with their files in `blobs`.
    pub fn new(records: Records, blobs: Blobs) -> Self {
        Self { records, blobs, loaded: Arc::default() }
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
        let serving = row.deployed_version.or_else(|| versions.first().map(|v| v.version));
        let loaded = versions
            .iter()
            .filter(|version| Some(version.version) == serving)
            .any(|version| self.held(&key(scope, version)).is_some());
        Ok(ModelInfo { row, versions, loaded })
    }

    /// Makes a version the one that serves, after loading it.
    ///
    /// # Errors
    /// `NotFound`, or what keeps the version from loading.
    pub async fn deploy(&self, scope: &Scope, name: &str, version: i64) -> Result<ModelInfo> {
        scope.require(Role::Editor)?;
        self.serve(scope, name, Some(version)).await?;
        self.records.deploy_model(scope, name, version).await?;
        tracing::info!(model = name, version, "model deployed");
        self.get(scope, name).await
    }

    /// Deletes a model with all its versions.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete(&self, scope: &Scope, name: &str) -> Result<()> {
        scope.require(Role::Editor)?;
        self.records.delete_model(scope, name).await
    }

    /// The ONNX file of a version.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn file(&self, scope: &Scope, name: &str, version: i64) -> Result<Bytes> {
        let row = self.records.model_version(scope, name, Some(version)).await?;
        self.blobs.get(&BlobPath::model(scope, &row.sha256)).await
    }

    /// A version ready to infer: the given one, else the deployed, else the newest.
    ///
    /// # Errors
    /// `NotFound`, or what keeps the file from loading.
    pub async fn serve(&self, scope: &Scope, name: &str, version: Option<i64>) -> Result<Served> {
        let row = self.records.model_version(scope, name, version).await?;
        let key = key(scope, &row);
        if let Some(engine) = self.held(&key) {
            return Ok(Served { version: row, engine });
        }
        let bytes = self.blobs.get(&BlobPath::model(scope, &row.sha256)).await?;
        let identity = ModelIdentity {
            name: row.name.clone(),
            version: row.version.to_string(),
            sha256: row.sha256.clone(),
        };
        let engine = tokio::task::spawn_blocking(move || OnnxModel::load(bytes.to_vec(), identity))
            .await
            .or_internal("loading a model")??;
        self.with(|loaded| {
            loaded.push_back((key, Arc::clone(&engine)));
            if loaded.len() > LOADED_MAX {
                loaded.pop_front();
            }
        });
        Ok(Served { version: row, engine })
    }

    /// Predicts rows given as objects.
    ///
    /// # Errors
    /// `Invalid` naming the row and the column at fault.
    pub async fn predict(
        &self,
        scope: &Scope,
        name: &str,
        version: Option<i64>,
        rows: &[Map<String, Value>],
    ) -> Result<(ModelVersionRow, Vec<Prediction>)> {
        if rows.is_empty() {
            return Err(
                Error::new(Kind::Invalid, "there are no rows to predict").with_param("rows")
            );
        }
        let served = self.serve(scope, name, version).await?;
        let metadata: Value = serde_json::from_str(&served.version.metadata)
            .or_internal("reading a model's metadata")?;
        let inputs = rows::columns(&metadata, rows)?;
        let outputs = served.engine.infer(inputs, &[]).await?;
        let predictions = rows::predictions(&metadata, &outputs, rows.len())?;
        Ok((served.version, predictions))
    }

    fn held(&self, key: &Key) -> Option<Arc<OnnxModel>> {
        self.with(|loaded| {
            let at = loaded.iter().position(|(held, _)| held == key)?;
            let found = loaded.remove(at)?;
            let engine = Arc::clone(&found.1);
            loaded.push_back(found);
            Some(engine)
        })
    }

    fn with<R>(&self, act: impl FnOnce(&mut VecDeque<(Key, Arc<OnnxModel>)>) -> R) -> R {
        act(&mut self.loaded.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A loaded file belongs to its tenant even where another has the same bytes.
fn key(scope: &Scope, version: &ModelVersionRow) -> Key {
    (scope.tenant().to_string(), version.sha256.clone())
}
