//! The configuration: defaults, then a TOML file, then the environment, then flags.
//!
//! [`raw`] reads the layers without touching the machine; [`Config`] is what they
//! mean, checked: whoever holds one need not check again.

mod environment;
mod raw;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cairn_guard::links::Hosts;
use cairn_kernel::{Error, Limits, Result, ResultExt as _, Secret};
use cairn_monitor::LogFormat;
use cairn_services::sources::SourceSettings;
use cairn_serving::models::{AssetKind, assets, default_llm};
use cairn_serving::remote::ProviderConfig;
use serde_json::{Value, json};

pub(crate) use environment::PREFIX;
pub(crate) use raw::{Flags, Source};
use raw::{Raw, RawSources};

/// The checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The data folder, absolute.
    pub(crate) data: PathBuf,
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// A second address for the same routes; 8000 is where Triton's clients look.
    pub(crate) oip_listen: Option<SocketAddr>,
    /// Where gRPC is answered, if anywhere; Triton has it on 8001.
    pub(crate) grpc_listen: Option<SocketAddr>,
    /// An address for the metrics alone; Triton has it on 8002.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Whether metrics are also given under the names of Triton and vLLM.
    pub(crate) metrics_compat: bool,
    /// The folder of model files, absolute.
    pub(crate) models_dir: PathBuf,
    /// A key that acts as admin.
    pub(crate) admin_key: Option<Secret>,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// What is logged, as in `RUST_LOG`.
    pub(crate) log_filter: String,
    /// The bounds.
    pub(crate) limits: Limits,
    /// The language model's name, `None` for extractive answers only.
    pub(crate) llm: Option<String>,
    /// Tokens of prompt and answer together.
    pub(crate) llm_context_tokens: u32,
    /// Requests answered at once by one language model.
    pub(crate) llm_slots: u32,
    /// Idle time after which a language model is unloaded.
    pub(crate) llm_idle: Duration,
    /// Threads for engines, and jobs of each kind at once.
    pub(crate) threads: usize,
    /// Longest a stop waits for requests in flight.
    pub(crate) drain: Duration,
    /// Whether plain HTTP may be served to other machines.
    pub(crate) allow_plain_http: bool,
    /// A cross-encoder for reranking, absolute.
    pub(crate) rerank_model: Option<PathBuf>,
    /// The providers of remote models, their keys read.
    pub(crate) providers: BTreeMap<String, ProviderConfig>,
    /// What sources may read.
    pub(crate) sources: SourceSettings,
    /// Hosts that answers over documents may link to.
    pub(crate) allowed_hosts: Vec<String>,
}

impl Config {
    /// Reads the layers from the process's environment and the file system.
    ///
    /// # Errors
    /// `Invalid`, naming the file or the variable, the key and the remedy.
    pub(crate) fn load(flags: &Flags) -> Result<Self> {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        let file = match raw::file_to_read(flags, &environment) {
            Source::Named(path) => {
                let text = std::fs::read_to_string(&path).map_err(|cause| {
                    Error::invalid(format!(
                        "the configuration file {} cannot be read ({cause})",
                        path.display()
                    ))
                })?;
                Some((path, text))
            }
            Source::IfPresent(path) => std::fs::read_to_string(&path).ok().map(|text| (path, text)),
        };
        let file = file.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
        Self::check(raw::parse(file, &environment, flags)?, std::env::home_dir().as_deref())
    }

    /// Turns the layers' outcome into what it means.
    fn check(raw: Raw, home: Option<&Path>) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let optional = |key: &str, text: Option<&str>| {
            text.filter(|text| !text.is_empty()).map(|text| address(key, text)).transpose()
        };
        let oip_listen = optional("oip_listen", raw.oip_listen.as_deref())?;
        let grpc_listen = optional("grpc_listen", raw.grpc_listen.as_deref())?;
        let metrics_listen = optional("metrics_listen", raw.metrics_listen.as_deref())?;
        at_least_one("threads", raw.threads.map_or(1, |threads| threads as u64))?;
        at_least_one("llm_slots", u64::from(raw.llm_slots))?;
        at_least_one("limits.concurrent_requests", raw.limits.concurrent_requests as u64)?;
        if raw.llm_context_tokens < 512 {
            return Err(Error::invalid(format!(
                "llm_context_tokens is {}; a prompt with passages needs at least 512",
                raw.llm_context_tokens
            )));
        }
        let allowed_hosts = raw.guard.allowed_hosts;
        link_hosts(&allowed_hosts)?;
        let models_dir = match (raw.models_dir, home) {
            (Some(folder), _) => folder,
            (None, Some(home)) => home.join(".cache/cairn/models"),
            (None, None) => {
                return Err(Error::invalid(
                    "there is no home folder here; set CAIRN_MODELS_DIR to the folder of model files",
                ));
            }
        };
        Ok(Self {
            data: absolute(&raw.data)?,
            listen: address("listen", &raw.listen)?,
            oip_listen,
            grpc_listen,
            metrics_listen,
            metrics_compat: raw.metrics_compat,
            models_dir: absolute(&models_dir)?,
            admin_key: raw.admin_key.filter(|key| !key.expose().is_empty()),
            log_format: log_format(&raw.log.format)?,
            log_filter: raw.log.filter,
            limits: raw.limits,
            llm: language_model(&raw.llm, cores)?,
            llm_context_tokens: raw.llm_context_tokens,
            llm_slots: raw.llm_slots,
            llm_idle: Duration::from_secs(raw.llm_idle_seconds),
            threads: raw.threads.unwrap_or(cores),
            drain: Duration::from_secs(raw.drain_seconds),
            allow_plain_http: raw.allow_plain_http,
            rerank_model: raw.rerank_model.as_deref().map(absolute).transpose()?,
            providers: providers(raw.providers)?,
            sources: sources(raw.sources)?,
            allowed_hosts,
        })
    }

    /// Every address to listen on, with the key that sets it.
    pub(crate) fn listens(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let others = [
            ("oip_listen", self.oip_listen),
            ("grpc_listen", self.grpc_listen),
            ("metrics_listen", self.metrics_listen),
        ];
        let others = others.into_iter().filter_map(|(key, address)| Some((key, address?)));
        std::iter::once(("listen", self.listen)).chain(others)
    }

    /// Fails when the server would speak unencrypted to other machines unasked.
    ///
    /// # Errors
    /// `Invalid`, with the remedies.
    pub(crate) fn require_safe_listen(&self) -> Result<()> {
        let mut open = self.listens().filter(|(_, address)| !address.ip().is_loopback());
        match open.next() {
            Some((key, address)) if !self.allow_plain_http => Err(Error::invalid(format!(
                "{key}: {address} can be reached by other machines, and keys and documents would \
                 cross the network unencrypted; listen on 127.0.0.1:{}, or put a proxy that ends \
                 TLS before it and pass --allow-plain-http",
                address.port()
            ))),
            _ => Ok(()),
        }
    }

    /// Everything but secrets, for people and programs.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "data": self.data,
            "listen": self.listen,
            "oip_listen": self.oip_listen,
            "grpc_listen": self.grpc_listen,
            "metrics_listen": self.metrics_listen,
            "metrics_compat": self.metrics_compat,
            "models_dir": self.models_dir,
            "admin_key": if self.admin_key.is_some() { "set" } else { "not set" },
            "log": {
                "format": if self.log_format == LogFormat::Json { "json" } else { "text" },
                "filter": self.log_filter,
            },
            "limits": self.limits,
            "llm": self.llm.as_deref().unwrap_or("none"),
            "llm_context_tokens": self.llm_context_tokens,
            "llm_slots": self.llm_slots,
            "llm_idle_seconds": self.llm_idle.as_secs(),
            "threads": self.threads,
            "drain_seconds": self.drain.as_secs(),
            "allow_plain_http": self.allow_plain_http,
            "rerank_model": self.rerank_model,
            "guard": {"allowed_hosts": self.allowed_hosts},
            "providers": self.providers.iter().map(|(name, provider)| (name, provider.shown()))
                .collect::<BTreeMap<_, _>>(),
            "sources": {
                "folders": self.sources.folders,
                "allowed_hosts": self.sources.allowed_hosts,
                "private_networks": self.sources.private_networks,
            },
        })
    }
}

/// The hosts that links may lead to.
///
/// # Errors
/// `Invalid` for what is no host name.
pub(crate) fn link_hosts(names: &[String]) -> Result<Hosts> {
    Hosts::new(names.iter().map(String::as_str))
        .map_err(|error| Error::invalid(format!("guard.allowed_hosts: {}", error.message())))
}

/// Reads the providers' keys from where the configuration says they are.
fn providers(raw: BTreeMap<String, ProviderConfig>) -> Result<BTreeMap<String, ProviderConfig>> {
    let resolve = |(name, provider): (String, ProviderConfig)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(Error::invalid(format!(
                "providers.{name}: a provider's name has 1 to 64 letters, digits, '-' and '_'"
            )));
        }
        let provider = provider.resolve(&name, |variable| std::env::var(variable).ok())?;
        Ok((name, provider))
    };
    raw.into_iter().map(resolve).collect()
}

/// Checks the folders that sources may read.
fn sources(raw: RawSources) -> Result<SourceSettings> {
    if let Some(folder) = raw.folders.iter().find(|folder| !folder.is_absolute()) {
        return Err(Error::invalid(format!(
            "sources.folders has '{}'; write whole paths, such as /srv/documents",
            folder.display()
        )));
    }
    let plain = |host: &String| host.parse::<std::net::IpAddr>().is_ok() || is_host(host);
    if let Some(host) = raw.allowed_hosts.iter().find(|host| !plain(host)) {
        return Err(Error::invalid(format!(
            "sources.allowed_hosts has '{host}'; write names or addresses alone, such as \
             minio.internal or 10.0.0.7"
        )));
    }
    Ok(SourceSettings {
        folders: raw.folders,
        allowed_hosts: raw.allowed_hosts,
        private_networks: raw.private_networks,
    })
}

fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.bytes().all(plain)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).or_internal("finding the current folder")
}

fn at_least_one(key: &str, value: u64) -> Result<()> {
    if value > 0 {
        Ok(())
    } else {
        Err(Error::invalid(format!("{key} is 0; it must be at least 1")))
    }
}

fn address(key: &str, text: &str) -> Result<SocketAddr> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        Error::invalid(format!(
            "{key} is '{text}'; it must be an IP address and a port, such as 127.0.0.1:8420"
        ))
    })
}

fn log_format(text: &str) -> Result<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(Error::invalid(format!("log.format is '{other}'; it must be text or json"))),
    }
}

/// The lock file's spelling of a language model's name.
fn language_model(text: &str, cores: usize) -> Result<Option<String>> {
    match text {
        "auto" => return Ok(Some(default_llm(cores).to_owned())),
        "none" => return Ok(None),
        _ => {}
    }
    let names: Vec<&str> = assets()?
        .iter()
        .filter(|asset| asset.kind == AssetKind::Llm)
        .map(|asset| asset.name.as_str())
        .collect();
    match names.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        Some(name) => Ok(Some((*name).to_owned())),
        None => Err(Error::invalid(format!(
            "llm is '{text}'; it must be auto, none or one of {}",
            names.join(", ")
        ))),
    }
}
