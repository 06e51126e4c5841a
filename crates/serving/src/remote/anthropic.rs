//! Anthropic's messages.
//!
//! A JSON schema is kept by a tool that the model must call; its input becomes the text.

use std::collections::HashMap;

use cairn_kernel::{Kind, Result};
use serde_json::{Value, json};

use super::chat::{Decoder, Dialect};
use super::error;
use super::frames::Frame;
use super::openai::number;
use super::turns::{Can, Forced, Turn, append, conversation};
use super::upstream::Call;
use crate::chat::{ChatEvent, ChatRequest, ChatUsage, ToolChoice};
use crate::gguf::FinishReason;

/// Anthropic's own address.
pub(super) const ANTHROPIC: &str = "https://api.anthropic.com";
/// The version of the wire that is spoken here.
pub(super) const VERSION: &str = "2023-06-01";

const CAN: Can = Can {
    who: "Anthropic's API",
    choices: false,
    seed: false,
    logprobs: false,
    penalties: false,
    top_k: true,
    hottest: 1.0,
    single_calls: true,
    strict: true,
    format_with_tools: false,
};

/// The wire at one address.
#[derive(Debug)]
pub(super) struct Anthropic {
    base: String,
    version: String,
    /// The wire asks for a limit always.
    max_output_tokens: u32,
}

impl Anthropic {
    /// At `base`, without `/v1`.
    pub(super) fn new(base: &str, version: Option<&str>, max_output_tokens: u32) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { base, version: version.unwrap_or(VERSION).to_owned(), max_output_tokens }
    }

    pub(super) fn body(&self, model: &str, request: &ChatRequest) -> Result<Value> {
        CAN.check(request)?;
        let conversation = conversation(&request.messages)?;
        let messages = messages(conversation.turns);
        let most = request.max_tokens.unwrap_or(self.max_output_tokens);
        let mut body =
            json!({"model": model, "max_tokens": most, "messages": messages, "stream": true});
        if !conversation.system.is_empty() {
            let parts =
                conversation.system.iter().map(|text| json!({"type": "text", "text": text}));
            body["system"] = parts.collect();
        }
        let sampling = &request.sampling;
        if sampling.temperature != 1.0 {
            body["temperature"] = number(sampling.temperature);
        }
        if sampling.top_p != 1.0 {
            body["top_p"] = number(sampling.top_p);
        }
        if sampling.top_k != 0 {
            body["top_k"] = sampling.top_k.into();
        }
        if !request.stop.is_empty() {
            body["stop_sequences"] = json!(request.stop);
        }
        if let Some(forced) = Forced::of(request, &CAN)? {
            let Forced { name, schema } = forced;
            let what = "Give the answer as this tool's input.";
            body["tools"] = json!([{"name": name, "description": what, "input_schema": schema}]);
            body["tool_choice"] =
                json!({"type": "tool", "name": name, "disable_parallel_tool_use": true});
        } else if !request.tools.is_empty() {
            body["tools"] = tools(request);
            body["tool_choice"] = tool_choice(request);
        }
        Ok(body)
    }
}

fn messages(turns: Vec<Turn<'_>>) -> Vec<Value> {
    let mut messages = Vec::new();
    for turn in turns {
        let text = |text: &str| json!({"type": "text", "text": text});
        match turn {
            Turn::User(words) => append(&mut messages, "user", "content", vec![text(words)]),
            Turn::Assistant { text: words, calls } => {
                // The wire refuses empty texts.
                let mut parts: Vec<Value> =
                    if words.is_empty() { Vec::new() } else { vec![text(words)] };
                parts.extend(calls.into_iter().map(|call| {
                    json!({"type": "tool_use", "id": call.id, "name": call.name,
                        "input": call.arguments})
                }));
                append(&mut messages, "assistant", "content", parts);
            }
            Turn::Tool { call, text, .. } => {
                let part = json!({"type": "tool_result", "tool_use_id": call, "content": text});
                append(&mut messages, "user", "content", vec![part]);
            }
        }
    }
    messages
}

fn tools(request: &ChatRequest) -> Value {
    let written = request.tools.iter().map(|tool| {
        let mut written = json!({"name": tool.name, "input_schema": tool.parameters});
        if let Some(description) = &tool.description {
            written["description"] = description.as_str().into();
        }
        if tool.strict {
            written["strict"] = true.into();
        }
        written
    });
    written.collect()
}

fn tool_choice(request: &ChatRequest) -> Value {
    let mut choice = match &request.tool_choice {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => return json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Function(name) => json!({"type": "tool", "name": name}),
    };
    if !request.parallel_tool_calls {
        choice["disable_parallel_tool_use"] = true.into();
    }
    choice
}

impl Dialect for Anthropic {
    fn call(&self, model: &str, request: &ChatRequest) -> Result<Call> {
        let body = self.body(model, request)?;
        let call = Call::json(format!("{}/v1/messages", self.base), &body)?;
        Ok(call.with("anthropic-version", &self.version))
    }

    fn decoder(&self, provider: &str, request: &ChatRequest) -> Box<dyn Decoder> {
        Box::new(Reader::new(provider, matches!(Forced::of(request, &CAN), Ok(Some(_)))))
    }
}

/// Reads the events of one answer.
pub(super) struct Reader {
    provider: String,
    /// Whether the tool's input is the text.
    forced: bool,
    /// Tool calls by the block they are: their index, and whether arguments came.
    calls: HashMap<u64, (u32, bool)>,
    usage: ChatUsage,
    reason: Option<FinishReason>,
}

impl Reader {
    pub(super) fn new(provider: &str, forced: bool) -> Self {
        Self {
            provider: provider.to_owned(),
            forced,
            calls: HashMap::new(),
            usage: ChatUsage::default(),
            reason: None,
        }
    }

    fn begin_block(&mut self, block: u64, content: &Value, events: &mut Vec<ChatEvent>) {
        let text = |place: &str| content.get(place).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "text" if !self.forced && !text("text").is_empty() => {
                let text = text("text").to_owned();
                events.push(ChatEvent::Text { choice: 0, text, logprobs: Vec::new() });
            }
            "tool_use" if !self.forced => {
                let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
                self.calls.insert(block, (index, false));
                let (id, name) = (text("id").to_owned(), text("name").to_owned());
                events.push(ChatEvent::ToolCall { choice: 0, index, id, name });
            }
            // Thinking is the model's own affair.
            _ => {}
        }
    }

    fn delta(&mut self, block: u64, delta: &Value, events: &mut Vec<ChatEvent>) {
        let piece = |place: &str| delta.get(place).and_then(Value::as_str).map(str::to_owned);
        let kind = delta.get("type").and_then(Value::as_str).unwrap_or_default();
        let (text, arguments) = match kind {
            // Words around a forced tool's input are not part of the JSON.
            "text_delta" if !self.forced => (piece("text"), None),
            "input_json_delta" if self.forced => (piece("partial_json"), None),
            "input_json_delta" => (None, piece("partial_json")),
            _ => (None, None),
        };
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            events.push(ChatEvent::Text { choice: 0, text, logprobs: Vec::new() });
        }
        if let Some(text) = arguments.filter(|text| !text.is_empty())
            && let Some((index, came)) = self.calls.get_mut(&block)
        {
            *came = true;
            events.push(ChatEvent::ToolArguments { choice: 0, index: *index, text });
        }
    }

    fn count(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        let tokens = |name: &str| {
            let count = usage.get(name).and_then(Value::as_u64)?;
            u32::try_from(count).ok()
        };
        // What was read from or written to the cache is not among `input_tokens`.
        if let Some(input) = tokens("input_tokens") {
            let cached = tokens("cache_read_input_tokens").unwrap_or(0);
            let written = tokens("cache_creation_input_tokens").unwrap_or(0);
            self.usage.cached_tokens = cached;
            self.usage.prompt_tokens = input + cached + written;
        }
        if let Some(output) = tokens("output_tokens") {
            self.usage.completion_tokens = output;
        }
    }

    fn reason(&self, reason: &str) -> FinishReason {
        match reason {
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "tool_use" if !self.forced => FinishReason::ToolCalls,
            "refusal" => FinishReason::ContentFilter,
            _ => FinishReason::Stop,
        }
    }
}

impl Decoder for Reader {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<ChatEvent>) -> Result<()> {
        let event: Value = serde_json::from_slice(&frame.data).map_err(|cause| {
            error::garbled(&self.provider, "an event that is no JSON").with_source(cause)
        })?;
        let block = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => {
                self.count(event.pointer("/message/usage"));
                let ChatUsage { prompt_tokens, cached_tokens, .. } = self.usage;
                events.push(ChatEvent::Started { prompt_tokens, cached_tokens });
            }
            "content_block_start" => {
                if let Some(content) = event.get("content_block") {
                    self.begin_block(block, content, events);
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.get("delta") {
                    self.delta(block, delta, events);
                }
            }
            "content_block_stop" => {
                // A call without arguments streams none; they are an empty object.
                if let Some((index, false)) = self.calls.get(&block).copied() {
                    let text = "{}".to_owned();
                    events.push(ChatEvent::ToolArguments { choice: 0, index, text });
                }
            }
            "message_delta" => {
                self.count(event.get("usage"));
                let reason = event.pointer("/delta/stop_reason").and_then(Value::as_str);
                self.reason = reason.map(|reason| self.reason(reason)).or(self.reason);
            }
            "message_stop" => return self.end(events),
            "error" => {
                let text = |place: &str| event.pointer(place).and_then(Value::as_str);
                let kind = match text("/error/type").unwrap_or_default() {
                    "rate_limit_error" => Kind::Exhausted,
                    "timeout_error" => Kind::Timeout,
                    "invalid_request_error" => Kind::Invalid,
                    _ => Kind::Unavailable,
                };
                let told = text("/error/message").unwrap_or_default();
                return Err(error::refusal(&self.provider, kind, told, ""));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<ChatEvent>) -> Result<()> {
        let reason = self.reason.ok_or_else(|| error::cut_short(&self.provider))?;
        events.push(ChatEvent::Finished { choice: 0, reason });
        events.push(ChatEvent::Done(self.usage));
        Ok(())
    }
}
