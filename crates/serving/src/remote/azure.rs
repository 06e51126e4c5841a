//! OpenAI's models as deployments at Azure: the same wire under another path.

use cairn_kernel::Result;
use serde_json::Value;

use super::chat::{Decoder, Dialect};
use super::openai::{Reader, body, embedding_body};
use super::upstream::{Call, segment};
use crate::chat::ChatRequest;

/// The wire at one resource.
#[derive(Debug)]
pub(super) struct Azure {
    base: String,
    version: String,
}

impl Azure {
    /// At `base`, such as `https://NAME.openai.azure.com`.
    pub(super) fn new(base: &str, version: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), version: segment(version) }
    }

    /// The call that embeds `texts`.
    pub(super) fn embed(
        &self,
        model: &str,
        texts: &[String],
        dimensions: Option<u32>,
    ) -> Result<Call> {
        Call::json(self.url(model, "embeddings"), &Value::Object(embedding_body(texts, dimensions)))
    }

    /// The model is the deployment's name and stands in the path.
    fn url(&self, model: &str, path: &str) -> String {
        let (base, model, version) = (&self.base, segment(model), &self.version);
        format!("{base}/openai/deployments/{model}/{path}?api-version={version}")
    }
}

impl Dialect for Azure {
    fn call(&self, model: &str, request: &ChatRequest) -> Result<Call> {
        let body = body(request, "max_completion_tokens")?;
        Call::json(self.url(model, "chat/completions"), &Value::Object(body))
    }

    fn decoder(&self, provider: &str, request: &ChatRequest) -> Box<dyn Decoder> {
        Box::new(Reader::new(provider, request))
    }
}
