//! What the operator says of a provider: `[providers.NAME]` of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cairn_kernel::{Error, Result, Secret};
use serde::{Deserialize, Serialize};

/// Which wire a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI's chat completions, by whoever speaks it: vLLM, Ollama, LiteLLM, another Cairn.
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini API.
    Gemini,
    /// OpenAI's models as deployments at Azure.
    Azure,
    /// Gemini on Google's Vertex AI.
    Vertex,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// A server of the Open Inference Protocol v2, for tensors.
    Oip,
}

impl ProviderKind {
    /// The word in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Azure => "azure",
            Self::Vertex => "vertex",
            Self::Bedrock => "bedrock",
            Self::Oip => "oip",
        }
    }
}

/// What a provider takes for a model, in the operator's currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For a million tokens read.
    pub input: f64,
    /// For a million tokens written.
    pub output: f64,
}

impl Price {
    /// What so many tokens cost.
    pub fn of(self, input_tokens: u32, output_tokens: u32) -> f64 {
        let million = 1_000_000.0;
        (self.input * f64::from(input_tokens) + self.output * f64::from(output_tokens)) / million
    }
}

/// A provider as configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The wire.
    pub kind: ProviderKind,
    /// Where it is, without the API's own path (with `/v1` for `openai`). Anthropic, Gemini,
    /// Vertex and Bedrock have one by default, and `openai` means OpenAI itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The key (for `vertex`, an access token; for `bedrock`, an API key).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// The environment variable that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The file that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_file: Option<PathBuf>,
    /// `vertex`: a service account's key file. Without it and without a key, tokens come from
    /// the metadata server of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// `vertex`: where the metadata server is, if not at its usual place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_url: Option<String>,
    /// `bedrock`: the id of an access key; without it, `AWS_ACCESS_KEY_ID` and its companions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// `bedrock`: the access key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<Secret>,
    /// `bedrock`: the token of temporary access keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
    /// `bedrock`, `vertex`: the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `vertex`: the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// `azure`: `api-version`; `anthropic`: `anthropic-version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Longest an answer may take as a whole.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: u64,
    /// Requests at once; more wait a little and are then refused.
    #[serde(default = "max_concurrent")]
    pub max_concurrent: usize,
    /// Texts of one call for embeddings.
    #[serde(default = "max_batch_texts")]
    pub max_batch_texts: usize,
    /// Tokens of an answer whose request names no limit, where the wire asks for one
    /// (`anthropic`).
    #[serde(default = "max_output_tokens")]
    pub max_output_tokens: u32,
    /// What it takes for its models, by their names there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Price>,
}

fn timeout_seconds() -> u64 {
    300
}

fn max_concurrent() -> usize {
    32
}

/// What Text Embeddings Inference takes unless it is told otherwise; others take more.
fn max_batch_texts() -> usize {
    32
}

fn max_output_tokens() -> u32 {
    4096
}

impl ProviderConfig {
    /// A provider of `kind` with the defaults.
    pub fn new(kind: ProviderKind) -> Self {
        Self {
            kind,
            base_url: None,
            api_key: None,
            api_key_env: None,
            api_key_file: None,
            credentials_file: None,
            metadata_url: None,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            region: None,
            project: None,
            api_version: None,
            timeout_seconds: timeout_seconds(),
            max_concurrent: max_concurrent(),
            max_batch_texts: max_batch_texts(),
            max_output_tokens: max_output_tokens(),
            prices: BTreeMap::new(),
        }
    }

    /// The same with its key read from where the configuration says it is, and checked.
    ///
    /// # Errors
    /// `Invalid`, naming the key and the remedy.
    pub fn resolve(
        mut self,
        name: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let fault = |what: String| Error::invalid(format!("providers.{name}: {what}"));
        let sources =
            [self.api_key.is_some(), self.api_key_env.is_some(), self.api_key_file.is_some()];
        if sources.into_iter().filter(|given| *given).count() > 1 {
            return Err(fault("give one of api_key, api_key_env and api_key_file".into()));
        }
        if let Some(wanted) = self.api_key_env.take() {
            let value = variable(&wanted).filter(|value| !value.trim().is_empty());
            let value = value.ok_or_else(|| {
                fault(format!("api_key_env names the variable {wanted}, which is not set"))
            })?;
            self.api_key = Some(Secret::new(value.trim()));
        }
        if let Some(path) = self.api_key_file.take() {
            self.api_key = Some(read_secret(&path).map_err(fault)?);
        }
        if self.kind == ProviderKind::Bedrock && self.api_key.is_none() {
            self.aws_keys(&variable).map_err(fault)?;
        }
        self.check().map_err(fault)?;
        Ok(self)
    }

    fn aws_keys(&mut self, variable: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
        if self.access_key_id.is_none() && self.secret_access_key.is_none() {
            self.access_key_id = variable("AWS_ACCESS_KEY_ID");
            self.secret_access_key = variable("AWS_SECRET_ACCESS_KEY").map(Secret::new);
            self.session_token = variable("AWS_SESSION_TOKEN").map(Secret::new);
        }
        if self.access_key_id.is_some() && self.secret_access_key.is_some() {
            return Ok(());
        }
        Err("Bedrock needs api_key, or access_key_id and secret_access_key, or the variables \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            .to_owned())
    }

    fn check(&self) -> Result<(), String> {
        let needs = |key: &str, given: bool| {
            let kind = self.kind.name();
            if given { Ok(()) } else { Err(format!("a provider of kind {kind} needs {key}")) }
        };
        if let Some(url) = &self.base_url {
            let fits = reqwest::Url::parse(url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !fits {
                return Err(format!("base_url is '{url}'; it must begin with http:// or https://"));
            }
        }
        let counts = [self.max_concurrent, self.max_batch_texts];
        if self.timeout_seconds == 0 || self.max_output_tokens == 0 || counts.contains(&0) {
            return Err("timeout_seconds, max_concurrent, max_batch_texts and max_output_tokens \
                        must be at least 1"
                .into());
        }
        let fits = |amount: f64| amount.is_finite() && amount >= 0.0;
        let odd = |price: &Price| !fits(price.input) || !fits(price.output);
        if let Some((model, _)) = self.prices.iter().find(|(_, price)| odd(price)) {
            return Err(format!(
                "prices.\"{model}\": input and output are amounts for a million tokens, 0 at least"
            ));
        }
        match self.kind {
            ProviderKind::Openai => {
                needs("api_key (or base_url)", self.api_key.is_some() || self.base_url.is_some())
            }
            ProviderKind::Anthropic | ProviderKind::Gemini => {
                needs("api_key", self.api_key.is_some())
            }
            ProviderKind::Azure => {
                needs("base_url, such as https://NAME.openai.azure.com", self.base_url.is_some())?;
                needs("api_key", self.api_key.is_some())?;
                needs("api_version, such as 2024-10-21", self.api_version.is_some())
            }
            ProviderKind::Vertex => {
                needs("project", self.project.is_some())?;
                needs("region, such as us-central1 or global", self.region.is_some())
            }
            ProviderKind::Bedrock => needs("region", self.region.is_some()),
            ProviderKind::Oip => needs("base_url", self.base_url.is_some()),
        }
    }

    /// What may be shown of it: everything but secrets.
    pub fn shown(&self) -> serde_json::Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        for key in ["api_key", "secret_access_key", "session_token"] {
            if let Some(value) = shown.get_mut(key) {
                *value = "set".into();
            }
        }
        shown
    }
}

fn read_secret(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| format!("api_key_file {} cannot be read ({cause})", path.display()))?;
    match text.trim() {
        "" => Err(format!("api_key_file {} is empty", path.display())),
        key => Ok(Secret::new(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn a_key_comes_from_one_place_and_is_never_shown() {
        let mut config = ProviderConfig::new(ProviderKind::Anthropic);
        config.api_key_env = Some("THE_KEY".into());
        let missing = config.clone().resolve("a", none).unwrap_err();
        assert!(missing.message().contains("providers.a") && missing.message().contains("THE_KEY"));
        let known = |name: &str| (name == "THE_KEY").then(|| " sk-1\n".to_owned());
        let resolved = config.clone().resolve("a", known).unwrap();
        assert_eq!(resolved.api_key.as_ref().map(Secret::expose), Some("sk-1"));
        assert!(!resolved.shown().to_string().contains("sk-1"));
        assert!(!format!("{resolved:?}").contains("sk-1"));
        config.api_key = Some(Secret::new("other"));
        assert!(config.resolve("a", known).unwrap_err().message().contains("give one of"));
    }

    #[test]
    fn a_key_file_is_read_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "abc\n").unwrap();
        let mut config = ProviderConfig::new(ProviderKind::Gemini);
        config.api_key_file = Some(path.clone());
        let resolved = config.clone().resolve("g", none).unwrap();
        assert_eq!(resolved.api_key.as_ref().map(Secret::expose), Some("abc"));
        std::fs::write(&path, " \n").unwrap();
        assert!(config.resolve("g", none).unwrap_err().message().contains("empty"));
    }

    #[test]
    fn what_a_kind_needs_is_named() {
        for (kind, word) in [
            (ProviderKind::Openai, "base_url"),
            (ProviderKind::Anthropic, "api_key"),
            (ProviderKind::Azure, "base_url"),
            (ProviderKind::Vertex, "project"),
            (ProviderKind::Bedrock, "AWS_ACCESS_KEY_ID"),
            (ProviderKind::Oip, "base_url"),
        ] {
            let refused = ProviderConfig::new(kind).resolve("p", none).unwrap_err();
            assert!(refused.message().contains(word), "{refused}");
        }
        let mut priced = ProviderConfig::new(ProviderKind::Openai);
        priced.base_url = Some("http://127.0.0.1:1/v1".into());
        priced.prices.insert("m".into(), Price { input: 3.0, output: 15.0 });
        assert!(priced.clone().resolve("p", none).is_ok());
        priced.prices.insert("n".into(), Price { input: -1.0, output: 0.0 });
        assert!(priced.resolve("p", none).unwrap_err().message().contains("prices.\"n\""));
        let mut odd = ProviderConfig::new(ProviderKind::Oip);
        odd.base_url = Some("file:///etc/passwd".into());
        assert!(odd.resolve("p", none).unwrap_err().message().contains("http://"));
    }
}
