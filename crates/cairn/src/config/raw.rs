//! The layers of the configuration as written, merged but not yet understood.
//!
//! Everything here is a function of its arguments, so tests need no environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cairn_kernel::{Error, Limits, Result, Secret};
use cairn_serving::remote::ProviderConfig;
use figment::Figment;
use figment::error::Kind as Fault;
use figment::providers::{Format as _, Serialized, Toml};
use serde::{Deserialize, Serialize};

use super::environment;

/// The data folder when nothing names another.
const DATA: &str = "cairn-data";

/// Every key there is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) data: PathBuf,
    pub(super) listen: String,
    pub(super) oip_listen: Option<String>,
    pub(super) grpc_listen: Option<String>,
    pub(super) metrics_listen: Option<String>,
    pub(super) metrics_compat: bool,
    pub(super) models_dir: Option<PathBuf>,
    pub(super) admin_key: Option<Secret>,
    pub(super) log: RawLog,
    pub(super) limits: Limits,
    pub(super) llm: String,
    pub(super) llm_context_tokens: u32,
    pub(super) llm_slots: u32,
    pub(super) llm_idle_seconds: u64,
    pub(super) threads: Option<usize>,
    pub(super) drain_seconds: u64,
    pub(super) allow_plain_http: bool,
    pub(super) rerank_model: Option<PathBuf>,
    pub(super) providers: BTreeMap<String, ProviderConfig>,
    pub(super) sources: RawSources,
    pub(super) guard: RawGuard,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSources {
    pub(super) folders: Vec<PathBuf>,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) private_networks: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuard {
    pub(super) allowed_hosts: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: String,
    pub(super) filter: String,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            data: DATA.into(),
            listen: "127.0.0.1:8420".to_owned(),
            oip_listen: None,
            grpc_listen: None,
            metrics_listen: None,
            metrics_compat: false,
            models_dir: None,
            admin_key: None,
            log: RawLog { format: "text".to_owned(), filter: "info".to_owned() },
            limits: Limits::default(),
            llm: "auto".to_owned(),
            llm_context_tokens: 4096,
            llm_slots: 4,
            llm_idle_seconds: 600,
            threads: None,
            drain_seconds: 30,
            allow_plain_http: false,
            rerank_model: None,
            providers: BTreeMap::new(),
            sources: RawSources::default(),
            guard: RawGuard::default(),
        }
    }
}

/// What the command line says of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// `--data`
    pub(crate) data: Option<PathBuf>,
    /// `--config`
    pub(crate) config: Option<PathBuf>,
    /// `--listen`
    pub(crate) listen: Option<String>,
    /// `--allow-plain-http`
    pub(crate) allow_plain_http: bool,
}

/// Which file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The user named it: it must be there.
    Named(PathBuf),
    /// Its usual place: it may be absent.
    IfPresent(PathBuf),
}

/// The configuration file: `--config`, `CAIRN_CONFIG`, or `cairn.toml` in the data folder.
pub(super) fn file_to_read(flags: &Flags, environment: &[(String, String)]) -> Source {
    let set = |wanted: &str| {
        let found = environment.iter().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    };
    if let Some(path) = flags.config.clone().or_else(|| set("CAIRN_CONFIG")) {
        return Source::Named(path);
    }
    let data = flags.data.clone().or_else(|| set("CAIRN_DATA")).unwrap_or_else(|| DATA.into());
    Source::IfPresent(data.join("cairn.toml"))
}

/// Merges the layers; the later one wins.
///
/// # Errors
/// `Invalid` for unknown keys and values of the wrong type, with where they stand.
pub(super) fn parse(
    file: Option<(&Path, &str)>,
    environment: &[(String, String)],
    flags: &Flags,
) -> Result<Raw> {
    let mut layers = Figment::from(Serialized::defaults(Raw::default()));
    if let Some((path, text)) = file {
        // Read apart, so that a fault is one of the file.
        layers = layers.merge(Toml::string(text));
        layers.extract::<Raw>().map_err(|fault| in_file(path, fault))?;
    }
    layers = environment::merge(layers, environment)?;
    if let Some(data) = &flags.data {
        layers = layers.merge(Serialized::default("data", data));
    }
    if let Some(listen) = &flags.listen {
        layers = layers.merge(Serialized::default("listen", listen));
    }
    if flags.allow_plain_http {
        layers = layers.merge(Serialized::default("allow_plain_http", true));
    }
    layers.extract().map_err(|fault| Error::invalid(format!("the configuration: {fault}")))
}

fn in_file(path: &Path, fault: figment::Error) -> Error {
    let faults = fault.into_iter().map(|fault| {
        let at = fault.path.join(".");
        match &fault.kind {
            Fault::UnknownField(name, known) => {
                let full = if at == *name || at.ends_with(&format!(".{name}")) || at.is_empty() {
                    if at.is_empty() { name.clone() } else { at }
                } else {
                    format!("{at}.{name}")
                };
                format!("there is no key '{full}'; the keys there are {}", known.join(", "))
            }
            kind if at.is_empty() => kind.to_string(),
            kind => format!("'{at}': {kind}"),
        }
    });
    let text = faults.collect::<Vec<_>>().join("; ");
    Error::invalid(format!("the configuration file {}: {text}", path.display()))
}
