//! OpenAI's models as deployments at Azure: the same wire under another path.

use cairn_kernel::Result;
use serde_json::Value;

use super::chat::{Decoder, Dialect};
use super::openai::{Reader, body};
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
}

impl Dialect for Azure {
    /// The model is the deployment's name and stands in the path.
    fn call(&self, model: &str, request: &ChatRequest) -> Result<Call> {
        let body = body(request, "max_completion_tokens")?;
        let (base, model, version) = (&self.base, segment(model), &self.version);
        let path = "chat/completions";
        let url = format!("{base}/openai/deployments/{model}/{path}?api-version={version}");
        Call::json(url, &Value::Object(body))
    }

    fn decoder(&self, provider: &str, request: &ChatRequest) -> Box<dyn Decoder> {
        Box::new(Reader::new(provider, request))
    }
}
