//! Amazon Bedrock's Converse, streamed.
//!
//! A JSON schema is kept by a tool that the model must call; its input becomes the text.

use std::collections::HashMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Secret};
use serde_json::{Map, Value, json};

use super::chat::{Decoder, Dialect};
use super::error;
use super::frames::{Frame, Framing};
use super::openai::number;
use super::turns::{Can, Forced, Turn, append, conversation};
use super::upstream::{Call, segment};
use crate::chat::{ChatEvent, ChatRequest, ChatUsage, ToolChoice};
use crate::gguf::FinishReason;

const CAN: Can = Can {
    who: "Bedrock's Converse API",
    choices: false,
    seed: false,
    logprobs: false,
    penalties: false,
    top_k: false,
    hottest: 1.0,
    single_calls: false,
    strict: false,
    format_with_tools: false,
};

/// The address of the region.
pub(super) fn base(region: &str) -> String {
    format!("https://bedrock-runtime.{region}.amazonaws.com")
}

/// Signs requests as Amazon asks for (Signature Version 4).
#[derive(Debug)]
pub(super) struct Signer {
    key_id: String,
    key: Secret,
    session: Option<Secret>,
    region: String,
}

impl Signer {
    pub(super) fn new(
        key_id: String,
        key: Secret,
        session: Option<Secret>,
        region: String,
    ) -> Self {
        Self { key_id, key, session, region }
    }

    /// The headers that prove who sends `call` at `time`.
    ///
    /// # Errors
    /// `Internal` when the request cannot be signed.
    pub(super) fn sign(&self, call: &Call, time: SystemTime) -> Result<Vec<(String, String)>> {
        let identity = Credentials::new(
            self.key_id.clone(),
            self.key.expose(),
            self.session.as_ref().map(|token| token.expose().to_owned()),
            None,
            "configuration",
        )
        .into();
        let parameters: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("bedrock")
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .or_internal("preparing a signature")?
            .into();
        let headers = call.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(&call.body);
        let request = SignableRequest::new(call.method.as_str(), call.url.as_str(), headers, body)
            .or_internal("preparing a signature")?;
        let (instructions, _) = sign(request, &parameters).or_internal("signing")?.into_parts();
        let headers = instructions.headers();
        Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The wire at one address.
#[derive(Debug)]
pub(super) struct Bedrock {
    base: String,
}

impl Bedrock {
    pub(super) fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }
}

pub(super) fn body(request: &ChatRequest) -> Result<Value> {
    CAN.check(request)?;
    let conversation = conversation(&request.messages)?;
    let mut body = json!({"messages": messages(conversation.turns)});
    if !conversation.system.is_empty() {
        body["system"] = conversation.system.iter().map(|text| json!({"text": text})).collect();
    }
    let mut inference = Map::new();
    let sampling = &request.sampling;
    if let Some(most) = request.max_tokens {
        inference.insert("maxTokens".into(), most.into());
    }
    if sampling.temperature != 1.0 {
        inference.insert("temperature".into(), number(sampling.temperature));
    }
    if sampling.top_p != 1.0 {
        inference.insert("topP".into(), number(sampling.top_p));
    }
    if !request.stop.is_empty() {
        inference.insert("stopSequences".into(), json!(request.stop));
    }
    if !inference.is_empty() {
        body["inferenceConfig"] = Value::Object(inference);
    }
    if let Some(Forced { name, schema }) = Forced::of(request, &CAN)? {
        let specification = json!({"name": name, "inputSchema": {"json": schema},
            "description": "Give the answer as this tool's input."});
        body["toolConfig"] = json!({"tools": [{"toolSpec": specification}],
            "toolChoice": {"tool": {"name": name}}});
    } else if !request.tools.is_empty()
        && let Some(choice) = tool_choice(&request.tool_choice)
    {
        body["toolConfig"] = json!({"tools": tools(request), "toolChoice": choice});
    }
    Ok(body)
}

fn messages(turns: Vec<Turn<'_>>) -> Vec<Value> {
    let mut messages = Vec::new();
    for turn in turns {
        match turn {
            Turn::User(text) => {
                append(&mut messages, "user", "content", vec![json!({"text": text})]);
            }
            Turn::Assistant { text, calls } => {
                let mut parts = Vec::new();
                if !text.is_empty() {
                    parts.push(json!({"text": text}));
                }
                parts.extend(calls.into_iter().map(|call| {
                    json!({"toolUse": {"toolUseId": call.id, "name": call.name,
                        "input": call.arguments}})
                }));
                append(&mut messages, "assistant", "content", parts);
            }
            Turn::Tool { call, text, .. } => {
                let content = json!([{"text": text}]);
                let part = json!({"toolResult": {"toolUseId": call, "content": content}});
                append(&mut messages, "user", "content", vec![part]);
            }
        }
    }
    messages
}

fn tools(request: &ChatRequest) -> Vec<Value> {
    let written = request.tools.iter().map(|tool| {
        let mut written = json!({"name": tool.name, "inputSchema": {"json": tool.parameters}});
        if let Some(description) = &tool.description {
            written["description"] = description.as_str().into();
        }
        json!({"toolSpec": written})
    });
    written.collect()
}

/// The wire has no word for calling none: then the tools are not told.
fn tool_choice(choice: &ToolChoice) -> Option<Value> {
    Some(match choice {
        ToolChoice::Auto => json!({"auto": {}}),
        ToolChoice::None => return None,
        ToolChoice::Required => json!({"any": {}}),
        ToolChoice::Function(name) => json!({"tool": {"name": name}}),
    })
}

impl Dialect for Bedrock {
    fn call(&self, model: &str, request: &ChatRequest) -> Result<Call> {
        let url = format!("{}/model/{}/converse-stream", self.base, segment(model));
        Call::json(url, &body(request)?)
    }

    fn framing(&self) -> Framing {
        Framing::Aws
    }

    fn decoder(&self, provider: &str, request: &ChatRequest) -> Box<dyn Decoder> {
        Box::new(Reader {
            provider: provider.to_owned(),
            forced: matches!(Forced::of(request, &CAN), Ok(Some(_))),
            calls: HashMap::new(),
            usage: ChatUsage::default(),
            reason: None,
        })
    }
}

/// Reads the messages of one answer.
struct Reader {
    provider: String,
    /// Whether the tool's input is the text.
    forced: bool,
    /// Tool calls by the block they are: their index, and whether arguments came.
    calls: HashMap<u64, (u32, bool)>,
    usage: ChatUsage,
    reason: Option<FinishReason>,
}

impl Reader {
    fn begin_block(&mut self, block: u64, event: &Value, events: &mut Vec<ChatEvent>) {
        let Some(call) = event.pointer("/start/toolUse").filter(|_| !self.forced) else { return };
        let text = |place: &str| call.get(place).and_then(Value::as_str).unwrap_or_default();
        let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        self.calls.insert(block, (index, false));
        let (id, name) = (text("toolUseId").to_owned(), text("name").to_owned());
        events.push(ChatEvent::ToolCall { choice: 0, index, id, name });
    }

    fn delta(&mut self, block: u64, event: &Value, events: &mut Vec<ChatEvent>) {
        let piece = |place: &str| {
            let text = event.pointer(place).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let (text, input) = (piece("/delta/text"), piece("/delta/toolUse/input"));
        // Words around a forced tool's input are not part of the JSON.
        let (text, arguments) = if self.forced { (input, None) } else { (text, input) };
        if let Some(text) = text {
            events.push(ChatEvent::Text { choice: 0, text, logprobs: Vec::new() });
        }
        if let Some(text) = arguments
            && let Some((index, came)) = self.calls.get_mut(&block)
        {
            *came = true;
            events.push(ChatEvent::ToolArguments { choice: 0, index: *index, text });
        }
    }

    fn count(&mut self, event: &Value) {
        let tokens = |name: &str| {
            let count = event.get("usage").and_then(|usage| usage.get(name)?.as_u64());
            u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX)
        };
        // What was read from or written to the cache is not among `inputTokens`.
        let cached = tokens("cacheReadInputTokens");
        self.usage = ChatUsage {
            prompt_tokens: tokens("inputTokens") + cached + tokens("cacheWriteInputTokens"),
            cached_tokens: cached,
            completion_tokens: tokens("outputTokens"),
        };
    }

    fn reason(&self, reason: &str) -> FinishReason {
        match reason {
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "tool_use" if !self.forced => FinishReason::ToolCalls,
            "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
            _ => FinishReason::Stop,
        }
    }

    fn failure(&self, kind: &str, event: &Value) -> Error {
        let told = event.get("message").and_then(Value::as_str).unwrap_or_default();
        let kind = match kind {
            "throttlingException" => Kind::Exhausted,
            "validationException" => Kind::Invalid,
            "modelTimeoutException" => Kind::Timeout,
            _ => Kind::Unavailable,
        };
        error::refusal(&self.provider, kind, told, "")
    }
}

impl Decoder for Reader {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<ChatEvent>) -> Result<()> {
        let event: Value = serde_json::from_slice(&frame.data).map_err(|cause| {
            error::garbled(&self.provider, "a message that is no JSON").with_source(cause)
        })?;
        if frame.failed {
            return Err(self.failure(&frame.kind, &event));
        }
        let block = event.get("contentBlockIndex").and_then(Value::as_u64).unwrap_or(0);
        match frame.kind.as_str() {
            "messageStart" => {
                events.push(ChatEvent::Started { prompt_tokens: 0, cached_tokens: 0 });
            }
            "contentBlockStart" => self.begin_block(block, &event, events),
            "contentBlockDelta" => self.delta(block, &event, events),
            "contentBlockStop" => {
                if let Some((index, false)) = self.calls.get(&block).copied() {
                    let text = "{}".to_owned();
                    events.push(ChatEvent::ToolArguments { choice: 0, index, text });
                }
            }
            "messageStop" => {
                let reason = event.get("stopReason").and_then(Value::as_str).unwrap_or_default();
                let reason = self.reason(reason);
                self.reason = Some(reason);
                events.push(ChatEvent::Finished { choice: 0, reason });
            }
            // It is the last, after the end of the message.
            "metadata" => {
                self.count(&event);
                return self.end(events);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<ChatEvent>) -> Result<()> {
        if self.reason.is_none() {
            return Err(error::cut_short(&self.provider));
        }
        events.push(ChatEvent::Done(self.usage));
        Ok(())
    }
}
