//! The providers of this program, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result};
use tokio::sync::Semaphore;

use super::anthropic::{ANTHROPIC, Anthropic};
use super::azure::Azure;
use super::bedrock::{self, Bedrock, Signer};
use super::chat::{Dialect, RemoteChat};
use super::config::{Price, ProviderConfig, ProviderKind};
use super::embeddings::Wire;
use super::gemini::{GEMINI, Gemini};
use super::google::{Account, Source, Tokens};
use super::oip::RemoteTensor;
use super::openai::{OPENAI, OpenAi};
use super::upstream::{Auth, Upstream};
use super::vertex;
use crate::chat::ChatModel;
use crate::runtime::TensorModel;

/// Most characters of a model's name.
const MODEL_CHARS: usize = 512;

/// Providers by name. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    providers: Arc<BTreeMap<String, Provider>>,
}

#[derive(Debug)]
pub(super) struct Provider {
    kind: ProviderKind,
    base: String,
    pub(super) upstream: Arc<Upstream>,
    /// `None` where the wire has no embeddings.
    pub(super) embeddings: Option<Wire>,
    /// Texts of one call for embeddings.
    pub(super) batch: usize,
    /// The places that work may take for which nobody waits.
    pub(super) bulk: Semaphore,
    /// `None` for tensors.
    dialect: Option<Arc<dyn Dialect>>,
    prices: BTreeMap<String, Price>,
}

impl Providers {
    /// The providers of `configs`, which are [resolved](ProviderConfig::resolve). Nothing is
    /// sent yet; key files of service accounts are read.
    ///
    /// # Errors
    /// `Invalid`, naming the provider and the key.
    pub fn new(configs: &BTreeMap<String, ProviderConfig>) -> Result<Self> {
        let made = configs.iter().map(|(name, config)| {
            let provider = Provider::new(name, config).map_err(|cause| {
                Error::new(cause.kind(), format!("providers.{name}: {}", cause.message()))
            })?;
            Ok((name.clone(), provider))
        });
        Ok(Self { providers: Arc::new(made.collect::<Result<_>>()?) })
    }

    /// The names, with what each speaks.
    pub fn names(&self) -> impl Iterator<Item = (&str, ProviderKind)> {
        self.providers.iter().map(|(name, provider)| (name.as_str(), provider.kind))
    }

    /// The language model `model` of `provider`. The provider is not asked whether it has it.
    ///
    /// # Errors
    /// `NotFound` for an unknown provider, `Invalid` for one that answers no chats.
    pub fn chat_model(&self, provider: &str, model: &str) -> Result<Arc<dyn ChatModel>> {
        let known = self.get(provider)?;
        let model = checked(model)?;
        let dialect = known.dialect.as_ref().ok_or_else(|| wrong(provider, known, "chats"))?;
        Ok(Arc::new(RemoteChat::new(Arc::clone(&known.upstream), Arc::clone(dialect), model)))
    }

    /// The tensor model `model` (or `model@version`) of `provider`, which is asked what it
    /// takes and gives.
    ///
    /// # Errors
    /// `NotFound` for an unknown provider or model, `Invalid` for a provider that computes no
    /// tensors, `Unavailable` when it cannot be reached.
    pub async fn tensor_model(&self, provider: &str, model: &str) -> Result<Arc<dyn TensorModel>> {
        let known = self.get(provider)?;
        let model = checked(model)?;
        if known.kind != ProviderKind::Oip {
            return Err(wrong(provider, known, "tensors"));
        }
        let opened = RemoteTensor::open(Arc::clone(&known.upstream), &known.base, model).await?;
        Ok(Arc::new(opened))
    }

    /// What is configured that a model costs, by its [identity](ChatModel::identity): `None` when
    /// nothing is.
    pub fn price(&self, identity: &str) -> Option<Price> {
        let (provider, model) = identity.split_once('/')?;
        self.providers.get(provider)?.prices.get(model).copied()
    }

    pub(super) fn get(&self, name: &str) -> Result<&Provider> {
        self.providers.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.providers.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Error::new(
                Kind::NotFound,
                format!("there is no provider '{name}'; the configuration has {known}"),
            )
            .with_param("provider")
        })
    }
}

impl Provider {
    fn new(name: &str, config: &ProviderConfig) -> Result<Self> {
        let region = config.region.as_deref().unwrap_or_default();
        let usual = match config.kind {
            ProviderKind::Openai => OPENAI.to_owned(),
            ProviderKind::Anthropic => ANTHROPIC.to_owned(),
            ProviderKind::Gemini => GEMINI.to_owned(),
            ProviderKind::Vertex => vertex::base(region),
            ProviderKind::Bedrock => bedrock::base(region),
            ProviderKind::Azure | ProviderKind::Oip => String::new(),
        };
        let base = config.base_url.clone().unwrap_or(usual);
        let upstream = Arc::new(Upstream::new(name, config, auth(config)?, &base)?);
        let (dialect, prices) = (dialect(config, &base), config.prices.clone());
        let places = config.max_concurrent.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            kind: config.kind,
            dialect,
            embeddings: Wire::of(config, &base),
            batch: config.max_batch_texts,
            bulk: Semaphore::new(places.div_ceil(2)),
            base,
            upstream,
            prices,
        })
    }
}

fn auth(config: &ProviderConfig) -> Result<Auth> {
    let header = |name, prefix| match &config.api_key {
        Some(key) => Auth::Header(name, prefix, key.clone()),
        None => Auth::None,
    };
    Ok(match config.kind {
        ProviderKind::Openai | ProviderKind::Oip => header("authorization", "Bearer "),
        ProviderKind::Anthropic => header("x-api-key", ""),
        ProviderKind::Gemini => header("x-goog-api-key", ""),
        ProviderKind::Azure => header("api-key", ""),
        ProviderKind::Vertex => Auth::Google(match (&config.api_key, &config.credentials_file) {
            (Some(token), _) => Tokens::new(Source::Given(token.clone())),
            (None, Some(path)) => Tokens::new(Source::Account(Account::read(path)?)),
            (None, None) => Tokens::metadata(config.metadata_url.as_deref()),
        }),
        ProviderKind::Bedrock => match (&config.access_key_id, &config.secret_access_key) {
            (Some(id), Some(key)) if config.api_key.is_none() => Auth::Aws(Signer::new(
                id.clone(),
                key.clone(),
                config.session_token.clone(),
                config.region.clone().unwrap_or_default(),
            )),
            _ => header("authorization", "Bearer "),
        },
    })
}

fn dialect(config: &ProviderConfig, base: &str) -> Option<Arc<dyn Dialect>> {
    let version = config.api_version.as_deref();
    let (project, region) = (config.project.as_deref(), config.region.as_deref());
    Some(match config.kind {
        ProviderKind::Openai => Arc::new(OpenAi::new(base)),
        ProviderKind::Anthropic => {
            Arc::new(Anthropic::new(base, version, config.max_output_tokens))
        }
        ProviderKind::Gemini => Arc::new(Gemini::new(base)),
        ProviderKind::Azure => Arc::new(Azure::new(base, version.unwrap_or_default())),
        ProviderKind::Vertex => Arc::new(Gemini::at(vertex::models(
            base,
            project.unwrap_or_default(),
            region.unwrap_or_default(),
        ))),
        ProviderKind::Bedrock => Arc::new(Bedrock::new(base)),
        ProviderKind::Oip => return None,
    })
}

pub(super) fn wrong(name: &str, provider: &Provider, what: &str) -> Error {
    Error::invalid(format!(
        "provider '{name}' is of kind {} and gives no {what}",
        provider.kind.name()
    ))
    .with_param("provider")
}

/// The model's name, which becomes part of an address or a body.
pub(super) fn checked(model: &str) -> Result<&str> {
    let fits = !model.is_empty()
        && model.len() <= MODEL_CHARS
        && !model.chars().any(char::is_control)
        && !matches!(model, "." | "..");
    if fits {
        return Ok(model);
    }
    Err(Error::invalid(format!(
        "the model's name must have 1 to {MODEL_CHARS} printable characters"
    ))
    .with_param("model"))
}
