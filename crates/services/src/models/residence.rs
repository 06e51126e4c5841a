//! Which versions are in memory, and taking models out of service and back.
//!
//! A model that was taken out stays out until it is loaded again or the program starts
//! anew: this is a state of the process, not of the records.

use cairn_kernel::{Error, Kind, Result, Role, Scope};
use cairn_serving::ModelState;
use cairn_serving::statistics::ModelStatistics;
use cairn_store::records::ModelVersionRow;

use super::chat::file_key;
use super::source::{ModelKind, Source};
use super::{Encoding, ModelInfo, Models, key};

/// What a version is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residence {
    /// In memory, and this is how its engine is.
    Loaded(ModelState),
    /// Not in memory; the first request loads it.
    OnDisk,
    /// Taken out of service; requests are refused.
    TakenOut,
}

impl Models {
    /// Brings a model into service and into memory.
    ///
    /// # Errors
    /// `Forbidden` for viewers, `NotFound`, or what keeps the model from loading.
    pub async fn load(&self, scope: &Scope, name: &str) -> Result<()> {
        scope.require(Role::Editor)?;
        let entry = self.registry.get(scope, name).await?;
        self.with_taken_out(|names| names.remove(&(scope.tenant().to_string(), name.to_owned())));
        self.prepare(scope, entry.serving()?).await?;
        tracing::info!(model = name, "model loaded");
        Ok(())
    }

    /// Takes a model out of service and its versions out of memory; the requests that
    /// run are finished first.
    ///
    /// # Errors
    /// `Forbidden` for viewers, `NotFound`.
    pub async fn unload(&self, scope: &Scope, name: &str) -> Result<()> {
        scope.require(Role::Editor)?;
        let info = self.get(scope, name).await?;
        self.with_taken_out(|names| names.insert((scope.tenant().to_string(), name.to_owned())));
        self.release(scope, &info).await?;
        tracing::info!(model = name, "model unloaded");
        Ok(())
    }

    /// Takes a model's versions out of memory.
    pub(super) async fn release(&self, scope: &Scope, info: &ModelInfo) -> Result<()> {
        let keys: Vec<_> = info.versions.iter().map(|version| key(scope, version)).collect();
        self.with(|loaded| loaded.retain(|(held, _)| !keys.contains(held)));
        // A model of the store is everybody's and leaves when it is idle; a file is the tenant's.
        for version in info.versions.iter().filter(|version| !version.sha256.is_empty()) {
            let source = Source::read(version)?;
            let own = source.asset.is_none() || source.adapter;
            if ModelKind::of(version)? == ModelKind::Gguf && own {
                let pooling = Encoding::read(version)?.pooling;
                self.llms.unload(&file_key(scope, &version.sha256, pooling)).await;
            }
        }
        Ok(())
    }

    /// Fails for a model that was taken out of service.
    ///
    /// # Errors
    /// `Conflict`, with the remedy.
    pub(super) fn require_in_service(&self, scope: &Scope, name: &str) -> Result<()> {
        let out = self.with_taken_out(|names| {
            !names.is_empty() && names.contains(&(scope.tenant().to_string(), name.to_owned()))
        });
        if !out {
            return Ok(());
        }
        Err(Error::new(
            Kind::Conflict,
            format!(
                "model '{name}' was unloaded; load it with POST /v2/repository/models/{name}/load"
            ),
        ))
    }

    /// What a version is doing now.
    ///
    /// # Errors
    /// `Internal` for a version that this program cannot read.
    pub fn residence(&self, scope: &Scope, version: &ModelVersionRow) -> Result<Residence> {
        if self.require_in_service(scope, &version.name).is_err() {
            return Ok(Residence::TakenOut);
        }
        let key = key(scope, version);
        let held = self.with(|loaded| {
            let held = loaded.iter().find(|(held, _)| *held == key);
            held.map(|(_, engine)| engine.state())
        });
        if let Some(state) = held {
            return Ok(Residence::Loaded(state));
        }
        // Language models are not among them; they know themselves.
        Ok(match self.is_loaded(scope, version)? {
            true => Residence::Loaded(ModelState::Ready),
            false => Residence::OnDisk,
        })
    }

    /// What a version has done since it was loaded: nothing, if it is not in memory, and
    /// `None` for one that is counted elsewhere.
    pub fn statistics(&self, scope: &Scope, version: &ModelVersionRow) -> Option<ModelStatistics> {
        let key = key(scope, version);
        self.with(|loaded| {
            let held = loaded.iter().find(|(held, _)| *held == key);
            held.map_or_else(|| Some(ModelStatistics::default()), |(_, it)| it.statistics())
        })
    }

    /// Whether a version's engine for tensors is in memory here.
    pub fn is_resident(&self, scope: &Scope, version: &ModelVersionRow) -> bool {
        let key = key(scope, version);
        self.with(|loaded| loaded.iter().any(|(held, _)| *held == key))
    }

    /// What every version in memory has done and how many requests wait for it, over all
    /// tenants, by name and version: for metrics, which know no tenants.
    pub fn totals(&self) -> Vec<(String, String, ModelStatistics, usize)> {
        self.with(|loaded| {
            let each = loaded.iter().filter_map(|(_, engine)| {
                let metadata = engine.metadata();
                let counted = engine.statistics()?;
                Some((metadata.name.clone(), metadata.version.clone(), counted, engine.waiting()))
            });
            each.collect()
        })
    }
}
