//! The providers' wires: requests as they must read, and answers as the providers' own
//! documentation shows them, over real connections to servers of this test.

mod anthropic;
mod bedrock;
mod double;
mod embeddings;
mod gemini;
mod google;
mod oip;
mod openai;
mod upstream;

use std::collections::BTreeMap;

use cairn_kernel::{Error, Result, Secret};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::config::{ProviderConfig, ProviderKind};
use super::providers::Providers;
use crate::chat::{ChatEvent, ChatRequest, ChatUsage, Tool};
use crate::gguf::{ChatMessage, FinishReason};

/// One provider `p` at `url`.
fn provider(kind: ProviderKind, url: &str) -> Providers {
    provider_with(kind, url, |_| {})
}

/// As [`provider`], changed by `change`.
fn provider_with(
    kind: ProviderKind,
    url: &str,
    change: impl FnOnce(&mut ProviderConfig),
) -> Providers {
    let mut config = ProviderConfig::new(kind);
    config.base_url = Some(url.to_owned());
    config.api_key = Some(Secret::new("sk-test-key"));
    config.api_version = (kind == ProviderKind::Azure).then(|| "2024-10-21".to_owned());
    config.region = Some("us-east-1".to_owned());
    config.project = Some("acme".to_owned());
    change(&mut config);
    let config = config.resolve("p", |_| None).unwrap();
    Providers::new(&BTreeMap::from([("p".to_owned(), config)])).unwrap()
}

fn user(text: &str) -> ChatRequest {
    ChatRequest {
        messages: vec![ChatMessage::new("user", text)],
        choices: 1,
        parallel_tool_calls: true,
        ..ChatRequest::default()
    }
}

fn weather_tool() -> Tool {
    Tool {
        name: "get_weather".into(),
        description: Some("Get the current weather in a given location".into()),
        parameters: json!({"type": "object", "properties": {"location": {"type": "string"}},
            "required": ["location"]}),
        strict: false,
    }
}

/// A chat in which a tool was called and has answered.
fn after_a_call() -> ChatRequest {
    let call = json!([{"id": "call_1", "type": "function", "function":
        {"name": "get_weather", "arguments": "{\"location\": \"Paris\"}"}}]);
    ChatRequest {
        messages: vec![
            ChatMessage::new("system", "Be brief."),
            ChatMessage::new("user", "Weather in Paris?"),
            ChatMessage { tool_calls: Some(call), ..ChatMessage::new("assistant", "") },
            ChatMessage {
                tool_call_id: Some("call_1".into()),
                ..ChatMessage::new("tool", "{\"celsius\": 21}")
            },
        ],
        tools: vec![weather_tool()],
        max_tokens: Some(64),
        stop: vec!["END".into()],
        ..user("")
    }
}

/// What an answer came to.
#[derive(Debug, Default, PartialEq)]
struct Told {
    started: u32,
    prompt_tokens: u32,
    texts: BTreeMap<u32, String>,
    calls: BTreeMap<(u32, u32), (String, String, String)>,
    tokens: usize,
    reasons: BTreeMap<u32, FinishReason>,
    usage: Option<ChatUsage>,
}

impl Told {
    fn text(&self) -> &str {
        self.texts.get(&0).map_or("", String::as_str)
    }

    fn arguments(&self) -> Value {
        serde_json::from_str(&self.calls[&(0, 0)].2).unwrap()
    }
}

/// Asks and gathers the whole answer; the order of events is checked as it comes.
async fn ask(providers: &Providers, model: &str, request: ChatRequest) -> Result<Told> {
    let mut events = providers.chat_model("p", model)?.chat(request).await?;
    let mut told = Told::default();
    while let Some(event) = events.next().await {
        assert!(told.usage.is_none(), "something follows the end");
        match event? {
            ChatEvent::Started { prompt_tokens, .. } => {
                assert!(told.texts.is_empty() && told.calls.is_empty());
                told.started += 1;
                told.prompt_tokens = prompt_tokens;
            }
            ChatEvent::Text { choice, text, logprobs } => {
                assert!(!told.reasons.contains_key(&choice));
                told.texts.entry(choice).or_default().push_str(&text);
                told.tokens += logprobs.len();
            }
            ChatEvent::ToolCall { choice, index, id, name } => {
                let before = told.calls.insert((choice, index), (id, name, String::new()));
                assert_eq!(before, None, "a call begins twice");
            }
            ChatEvent::ToolArguments { choice, index, text } => {
                told.calls.get_mut(&(choice, index)).expect("a call").2.push_str(&text);
            }
            ChatEvent::Finished { choice, reason } => {
                assert_eq!(told.reasons.insert(choice, reason), None);
            }
            ChatEvent::Done(usage) => told.usage = Some(usage),
        }
    }
    assert_eq!(told.started, 1);
    told.usage.is_some().then_some(told).ok_or_else(|| Error::internal("no end"))
}

fn usage(prompt_tokens: u32, cached_tokens: u32, completion_tokens: u32) -> Option<ChatUsage> {
    Some(ChatUsage { prompt_tokens, cached_tokens, completion_tokens })
}
