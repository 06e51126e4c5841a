//! OpenAI's chat completions and embeddings, as it and many others speak them.

use std::collections::HashSet;

use cairn_kernel::{Kind, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::chat::{Decoder, Dialect};
use super::error;
use super::frames::Frame;
use super::turns::{Can, call_id};
use super::upstream::Call;
use crate::chat::{ChatEvent, ChatRequest, ChatUsage, TextFormat, TokenLogprob, ToolChoice};
use crate::gguf::{ChatMessage, FinishReason};

/// OpenAI's own address.
pub(super) const OPENAI: &str = "https://api.openai.com/v1";

/// What this wire can say. `top_k` is not in it; strictness and formats are the model's affair.
pub(super) const CAN: Can = Can {
    who: "this provider's API",
    choices: true,
    seed: true,
    logprobs: true,
    penalties: true,
    top_k: false,
    hottest: 2.0,
    single_calls: true,
    strict: true,
    format_with_tools: true,
};

/// The wire at one address.
#[derive(Debug)]
pub(super) struct OpenAi {
    base: String,
    /// OpenAI's newer models know `max_completion_tokens` only, many other servers `max_tokens` only.
    limit: &'static str,
}

impl OpenAi {
    /// At `base`, which ends in `/v1` or its like.
    pub(super) fn new(base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let own = base.starts_with("https://api.openai.com");
        Self { base, limit: if own { "max_completion_tokens" } else { "max_tokens" } }
    }

    /// The call that embeds `texts`.
    pub(super) fn embed(
        &self,
        model: &str,
        texts: &[String],
        dimensions: Option<u32>,
    ) -> Result<Call> {
        let mut body = embedding_body(texts, dimensions);
        body.insert("model".into(), model.into());
        Call::json(format!("{}/embeddings", self.base), &Value::Object(body))
    }
}

/// The body that embeds `texts`, but for the model. Servers that know no `dimensions` refuse even
/// to be told them, so they are sent only where they are asked for.
pub(super) fn embedding_body(texts: &[String], dimensions: Option<u32>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("input".into(), texts.into());
    body.insert("encoding_format".into(), "float".into());
    if let Some(dimensions) = dimensions {
        body.insert("dimensions".into(), dimensions.into());
    }
    body
}

impl Dialect for OpenAi {
    fn call(&self, model: &str, request: &ChatRequest) -> Result<Call> {
        let mut body = body(request, self.limit)?;
        body.insert("model".into(), model.into());
        let call = Call::json(format!("{}/chat/completions", self.base), &Value::Object(body))?;
        Ok(if request.trace.is_empty() { call } else { call.with("x-request-id", &request.trace) })
    }

    fn decoder(&self, provider: &str, request: &ChatRequest) -> Box<dyn Decoder> {
        Box::new(Reader::new(provider, request))
    }
}

/// The body, but for the model.
pub(super) fn body(request: &ChatRequest, limit: &str) -> Result<Map<String, Value>> {
    CAN.check(request)?;
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("messages", messages.into());
    put("stream", true.into());
    put("stream_options", json!({"include_usage": true}));
    let sampling = &request.sampling;
    // Defaults are left out: reasoning models refuse even to be told them.
    if sampling.temperature != 1.0 {
        put("temperature", number(sampling.temperature));
    }
    if sampling.top_p != 1.0 {
        put("top_p", number(sampling.top_p));
    }
    if sampling.frequency_penalty != 0.0 {
        put("frequency_penalty", number(sampling.frequency_penalty));
    }
    if sampling.presence_penalty != 0.0 {
        put("presence_penalty", number(sampling.presence_penalty));
    }
    if let Some(seed) = sampling.seed {
        put("seed", seed.into());
    }
    if let Some(most) = request.max_tokens {
        put(limit, most.into());
    }
    if !request.stop.is_empty() {
        put("stop", json!(request.stop));
    }
    if request.choices > 1 {
        put("n", request.choices.into());
    }
    if let Some(top) = request.logprobs {
        put("logprobs", true.into());
        if top > 0 {
            put("top_logprobs", top.into());
        }
    }
    if !request.tools.is_empty() {
        put("tools", tools(request));
        put("tool_choice", tool_choice(&request.tool_choice));
        if !request.parallel_tool_calls {
            put("parallel_tool_calls", false.into());
        }
    }
    match &request.format {
        TextFormat::JsonObject => {
            put("response_format", json!({"type": "json_object"}));
        }
        TextFormat::JsonSchema { name, schema } => {
            let schema = json!({"name": name, "schema": schema, "strict": true});
            put("response_format", json!({"type": "json_schema", "json_schema": schema}));
        }
        _ => {}
    }
    Ok(body)
}

/// A float by way of its shortest decimal form: 0.7 and not 0.699999988079071.
pub(super) fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn message(message: &ChatMessage) -> Value {
    let mut written = Map::new();
    written.insert("role".into(), message.role.as_str().into());
    let calls = message.tool_calls.as_ref().filter(|calls| !calls.is_null());
    let silent = message.content.is_empty() && calls.is_some();
    let content = if silent { Value::Null } else { message.content.as_str().into() };
    written.insert("content".into(), content);
    if let Some(name) = &message.name {
        written.insert("name".into(), name.as_str().into());
    }
    if let Some(calls) = calls {
        written.insert("tool_calls".into(), calls.clone());
    }
    if let Some(id) = &message.tool_call_id {
        written.insert("tool_call_id".into(), id.as_str().into());
    }
    Value::Object(written)
}

fn tools(request: &ChatRequest) -> Value {
    let written = request.tools.iter().map(|tool| {
        let mut function = json!({"name": tool.name, "parameters": tool.parameters});
        if let Some(description) = &tool.description {
            function["description"] = description.as_str().into();
        }
        if tool.strict {
            function["strict"] = true.into();
        }
        json!({"type": "function", "function": function})
    });
    written.collect()
}

fn tool_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Function(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// Reads the chunks of one answer.
pub(super) struct Reader {
    provider: String,
    choices: u32,
    started: bool,
    calls: HashSet<(u32, u32)>,
    finished: HashSet<u32>,
    usage: ChatUsage,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    delta: Option<Delta>,
    logprobs: Option<Logprobs>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    index: Option<u32>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Logprobs {
    content: Option<Vec<Logprob>>,
}

#[derive(Deserialize)]
struct Logprob {
    token: String,
    bytes: Option<Vec<u8>>,
    logprob: f32,
    #[serde(default)]
    top_logprobs: Vec<Logprob>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u32>,
}

impl Logprob {
    fn read(self) -> TokenLogprob {
        let bytes = |token: &str, bytes: Option<Vec<u8>>| bytes.unwrap_or_else(|| token.into());
        let top = self.top_logprobs.into_iter().map(|other| {
            let bytes = bytes(&other.token, other.bytes);
            (other.token, bytes, other.logprob)
        });
        let top = top.collect();
        let bytes = bytes(&self.token, self.bytes);
        TokenLogprob { token: self.token, bytes, logprob: self.logprob, top }
    }
}

impl Reader {
    pub(super) fn new(provider: &str, request: &ChatRequest) -> Self {
        Self {
            provider: provider.to_owned(),
            choices: request.choices.max(1),
            started: false,
            calls: HashSet::new(),
            finished: HashSet::new(),
            usage: ChatUsage::default(),
        }
    }

    fn choice(&mut self, choice: Choice, events: &mut Vec<ChatEvent>) {
        let index = choice.index;
        let delta = choice.delta.unwrap_or_default();
        let listed = choice.logprobs.and_then(|logprobs| logprobs.content).unwrap_or_default();
        let logprobs: Vec<TokenLogprob> = listed.into_iter().map(Logprob::read).collect();
        let text = [delta.content, delta.refusal].into_iter().flatten().collect::<String>();
        if !text.is_empty() || !logprobs.is_empty() {
            events.push(ChatEvent::Text { choice: index, text, logprobs });
        }
        for (position, call) in delta.tool_calls.unwrap_or_default().into_iter().enumerate() {
            self.call(index, position, call, events);
        }
        if let Some(reason) = choice.finish_reason
            && self.finished.insert(index)
        {
            events.push(ChatEvent::Finished { choice: index, reason: reason_of(&reason) });
        }
    }

    fn call(&mut self, choice: u32, position: usize, call: CallDelta, events: &mut Vec<ChatEvent>) {
        let index = call.index.unwrap_or_else(|| u32::try_from(position).unwrap_or(u32::MAX));
        let (name, arguments) =
            call.function.map_or((None, None), |function| (function.name, function.arguments));
        if self.calls.insert((choice, index)) {
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(call_id);
            let name = name.unwrap_or_default();
            events.push(ChatEvent::ToolCall { choice, index, id, name });
        }
        if let Some(text) = arguments.filter(|text| !text.is_empty()) {
            events.push(ChatEvent::ToolArguments { choice, index, text });
        }
    }

    fn is_complete(&self) -> bool {
        (0..self.choices).all(|choice| self.finished.contains(&choice))
    }
}

fn reason_of(reason: &str) -> FinishReason {
    match reason {
        "length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

impl Decoder for Reader {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<ChatEvent>) -> Result<()> {
        if frame.data.trim_ascii() == b"[DONE]" {
            return self.end(events);
        }
        let chunk: Chunk = serde_json::from_slice(&frame.data).map_err(|cause| {
            error::garbled(&self.provider, "a chunk that is none").with_source(cause)
        })?;
        if let Some(failure) = chunk.error.filter(|failure| !failure.is_null()) {
            let told = failure.get("message").and_then(Value::as_str);
            let told = told.or(failure.as_str()).unwrap_or_default();
            let code = failure.get("code").and_then(Value::as_str).unwrap_or_default();
            return Err(error::refusal(&self.provider, Kind::Unavailable, told, code));
        }
        if !std::mem::replace(&mut self.started, true) {
            events.push(ChatEvent::Started { prompt_tokens: 0, cached_tokens: 0 });
        }
        if let Some(usage) = chunk.usage {
            let details = usage.prompt_tokens_details.and_then(|details| details.cached_tokens);
            self.usage = ChatUsage {
                prompt_tokens: usage.prompt_tokens,
                cached_tokens: details.unwrap_or(0),
                completion_tokens: usage.completion_tokens,
            };
        }
        for choice in chunk.choices {
            self.choice(choice, events);
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<ChatEvent>) -> Result<()> {
        if !self.is_complete() {
            return Err(error::cut_short(&self.provider));
        }
        events.push(ChatEvent::Done(self.usage));
        Ok(())
    }
}
