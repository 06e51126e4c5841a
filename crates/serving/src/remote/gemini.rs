//! Google's Gemini: `streamGenerateContent`, here and (in [`super::vertex`]) on Vertex AI.

use std::collections::BTreeMap;

use cairn_kernel::{Kind, Result};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use super::chat::{Decoder, Dialect};
use super::error;
use super::frames::Frame;
use super::openai::number;
use super::turns::{Can, Turn, append, call_id, conversation};
use super::upstream::{Call, segment};
use crate::chat::{ChatEvent, ChatRequest, ChatUsage, TextFormat, TokenLogprob, ToolChoice};
use crate::gguf::FinishReason;

/// Google's own address.
pub(super) const GEMINI: &str = "https://generativelanguage.googleapis.com";

/// In place of a thought's signature, which chats do not carry: Google's documented way to
/// say that a call comes from elsewhere. Gemini 3 refuses calls without any.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

const CAN: Can = Can {
    who: "Gemini's API",
    choices: true,
    seed: true,
    logprobs: true,
    penalties: true,
    top_k: true,
    hottest: 2.0,
    single_calls: false,
    strict: true,
    format_with_tools: false,
};

/// The wire at one address.
#[derive(Debug)]
pub(super) struct Gemini {
    /// Up to the model's name.
    models: String,
}

impl Gemini {
    /// At `base`, without `/v1beta`.
    pub(super) fn new(base: &str) -> Self {
        Self { models: format!("{}/v1beta/models", base.trim_end_matches('/')) }
    }

    /// With the address of its models.
    pub(super) fn at(models: String) -> Self {
        Self { models }
    }
}

impl Dialect for Gemini {
    fn call(&self, model: &str, request: &ChatRequest) -> Result<Call> {
        let body = body(model, request)?;
        let (models, model) = (&self.models, segment(model));
        Call::json(format!("{models}/{model}:streamGenerateContent?alt=sse"), &body)
    }

    fn decoder(&self, provider: &str, request: &ChatRequest) -> Box<dyn Decoder> {
        Box::new(Reader::new(provider, request))
    }
}

pub(super) fn body(model: &str, request: &ChatRequest) -> Result<Value> {
    CAN.check(request)?;
    let conversation = conversation(&request.messages)?;
    let mut body = json!({"contents": contents(conversation.turns, model.starts_with("gemini-3"))});
    if !conversation.system.is_empty() {
        let parts: Vec<Value> =
            conversation.system.iter().map(|text| json!({"text": text})).collect();
        body["systemInstruction"] = json!({"parts": parts});
    }
    let generation = generation(request);
    if !generation.is_empty() {
        body["generationConfig"] = Value::Object(generation);
    }
    if !request.tools.is_empty() {
        body["tools"] = tools(request);
        body["toolConfig"] = json!({"functionCallingConfig": tool_choice(request)});
    }
    Ok(body)
}

fn contents(turns: Vec<Turn<'_>>, signed: bool) -> Vec<Value> {
    let mut contents = Vec::new();
    for turn in turns {
        match turn {
            Turn::User(text) => append(&mut contents, "user", "parts", vec![json!({"text": text})]),
            Turn::Assistant { text, calls } => {
                let mut parts = Vec::new();
                if !text.is_empty() {
                    parts.push(json!({"text": text}));
                }
                for (at, call) in calls.into_iter().enumerate() {
                    let function = json!({"name": call.name, "args": call.arguments});
                    let mut part = json!({"functionCall": function});
                    if signed && at == 0 {
                        part["thoughtSignature"] = NO_SIGNATURE.into();
                    }
                    parts.push(part);
                }
                append(&mut contents, "model", "parts", parts);
            }
            Turn::Tool { name, text, .. } => {
                // The wire wants an object; `result` is its documented key for anything else.
                let response = match serde_json::from_str(text) {
                    Ok(Value::Object(object)) => Value::Object(object),
                    _ => json!({"result": text}),
                };
                let part = json!({"functionResponse": {"name": name, "response": response}});
                append(&mut contents, "user", "parts", vec![part]);
            }
        }
    }
    contents
}

fn generation(request: &ChatRequest) -> Map<String, Value> {
    let mut config = Map::new();
    let mut put = |key: &str, value: Value| config.insert(key.to_owned(), value);
    let sampling = &request.sampling;
    if sampling.temperature != 1.0 {
        put("temperature", number(sampling.temperature));
    }
    if sampling.top_p != 1.0 {
        put("topP", number(sampling.top_p));
    }
    if sampling.top_k != 0 {
        put("topK", sampling.top_k.into());
    }
    if sampling.frequency_penalty != 0.0 {
        put("frequencyPenalty", number(sampling.frequency_penalty));
    }
    if sampling.presence_penalty != 0.0 {
        put("presencePenalty", number(sampling.presence_penalty));
    }
    if let Some(seed) = sampling.seed {
        put("seed", seed.into());
    }
    if let Some(most) = request.max_tokens {
        put("maxOutputTokens", most.into());
    }
    if !request.stop.is_empty() {
        put("stopSequences", json!(request.stop));
    }
    if request.choices > 1 {
        put("candidateCount", request.choices.into());
    }
    if let Some(top) = request.logprobs {
        put("responseLogprobs", true.into());
        if top > 0 {
            put("logprobs", top.into());
        }
    }
    match &request.format {
        TextFormat::JsonObject => {
            put("responseMimeType", "application/json".into());
        }
        TextFormat::JsonSchema { schema, .. } => {
            put("responseMimeType", "application/json".into());
            put("responseJsonSchema", schema.clone());
        }
        _ => {}
    }
    config
}

fn tools(request: &ChatRequest) -> Value {
    let declared = request.tools.iter().map(|tool| {
        let mut declared = json!({"name": tool.name, "parametersJsonSchema": tool.parameters});
        if let Some(description) = &tool.description {
            declared["description"] = description.as_str().into();
        }
        declared
    });
    json!([{"functionDeclarations": declared.collect::<Vec<_>>()}])
}

fn tool_choice(request: &ChatRequest) -> Value {
    match &request.tool_choice {
        // VALIDATED is AUTO with arguments that follow their schema.
        ToolChoice::Auto if request.tools.iter().any(|tool| tool.strict) => {
            json!({"mode": "VALIDATED"})
        }
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Function(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    }
}

/// Reads the responses of one answer.
pub(super) struct Reader {
    provider: String,
    choices: u32,
    started: bool,
    /// Calls of each choice so far.
    calls: BTreeMap<u32, u32>,
    reasons: BTreeMap<u32, FinishReason>,
    usage: ChatUsage,
}

impl Reader {
    pub(super) fn new(provider: &str, request: &ChatRequest) -> Self {
        Self {
            provider: provider.to_owned(),
            choices: request.choices.max(1),
            started: false,
            calls: BTreeMap::new(),
            reasons: BTreeMap::new(),
            usage: ChatUsage::default(),
        }
    }

    fn count(&mut self, usage: &Value) {
        let tokens = |name: &str| {
            let count = usage.get(name).and_then(Value::as_u64).unwrap_or(0);
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        self.usage = ChatUsage {
            prompt_tokens: tokens("promptTokenCount")
                .saturating_add(tokens("toolUsePromptTokenCount")),
            cached_tokens: tokens("cachedContentTokenCount"),
            completion_tokens: tokens("candidatesTokenCount")
                .saturating_add(tokens("thoughtsTokenCount")),
        };
    }

    fn candidate(&mut self, candidate: &Value, events: &mut Vec<ChatEvent>) -> Result<()> {
        let index = candidate.get("index").and_then(Value::as_u64).unwrap_or(0);
        let choice = u32::try_from(index).unwrap_or(u32::MAX);
        let mut logprobs = logprobs(candidate);
        let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            if let Some(call) = part.get("functionCall") {
                self.call(choice, call, events);
            }
            // Thoughts are the model's own affair.
            let thought = part.get("thought").and_then(Value::as_bool).unwrap_or(false);
            let text = part.get("text").and_then(Value::as_str).filter(|text| !text.is_empty());
            if let Some(text) = text.filter(|_| !thought) {
                let (text, logprobs) = (text.to_owned(), std::mem::take(&mut logprobs));
                events.push(ChatEvent::Text { choice, text, logprobs });
            }
        }
        if !logprobs.is_empty() {
            events.push(ChatEvent::Text { choice, text: String::new(), logprobs });
        }
        if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
            let reason = self.reason(choice, reason)?;
            self.reasons.insert(choice, reason);
        }
        Ok(())
    }

    fn call(&mut self, choice: u32, call: &Value, events: &mut Vec<ChatEvent>) {
        let next = self.calls.entry(choice).or_default();
        let index = *next;
        *next += 1;
        let text = |place: &str| call.get(place).and_then(Value::as_str).map(str::to_owned);
        let id = text("id").filter(|id| !id.is_empty()).unwrap_or_else(call_id);
        let name = text("name").unwrap_or_default();
        events.push(ChatEvent::ToolCall { choice, index, id, name });
        let arguments = call.get("args").cloned().unwrap_or_else(|| json!({}));
        let text = arguments.to_string();
        events.push(ChatEvent::ToolArguments { choice, index, text });
    }

    fn reason(&self, choice: u32, reason: &str) -> Result<FinishReason> {
        Ok(match reason {
            "STOP" if self.calls.contains_key(&choice) => FinishReason::ToolCalls,
            "STOP" => FinishReason::Stop,
            "MAX_TOKENS" => FinishReason::Length,
            "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
                FinishReason::ContentFilter
            }
            other => {
                let told = format!("the model ended with {other}");
                return Err(error::refusal(&self.provider, Kind::Unavailable, &told, ""));
            }
        })
    }
}

/// The tokens' log probabilities of this piece.
fn logprobs(candidate: &Value) -> Vec<TokenLogprob> {
    let listed = |place: &str| candidate.pointer(place).and_then(Value::as_array);
    let chosen = listed("/logprobsResult/chosenCandidates").into_iter().flatten();
    let tops = listed("/logprobsResult/topCandidates");
    let read = |token: &Value| {
        let text = token.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm needs no more")]
        let logprob = token.get("logProbability").and_then(Value::as_f64).unwrap_or(0.0) as f32;
        (text.clone(), text.into_bytes(), logprob)
    };
    let with_top = |(at, token): (usize, &Value)| {
        let (token, bytes, logprob) = read(token);
        let top = tops.and_then(|tops| tops.get(at)?.get("candidates")?.as_array());
        TokenLogprob { token, bytes, logprob, top: top.into_iter().flatten().map(read).collect() }
    };
    chosen.enumerate().map(with_top).collect()
}

impl Decoder for Reader {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<ChatEvent>) -> Result<()> {
        let response: Value = serde_json::from_slice(&frame.data).map_err(|cause| {
            error::garbled(&self.provider, "a response that is no JSON").with_source(cause)
        })?;
        if let Some(failure) = response.get("error") {
            let status = failure.get("code").and_then(Value::as_u64).unwrap_or(500);
            let status =
                u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
            let kind = error::kind_of(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
            let told = failure.get("message").and_then(Value::as_str).unwrap_or_default();
            return Err(error::refusal(&self.provider, kind, told, ""));
        }
        if let Some(usage) = response.get("usageMetadata") {
            self.count(usage);
        }
        if !std::mem::replace(&mut self.started, true) {
            let ChatUsage { prompt_tokens, cached_tokens, .. } = self.usage;
            events.push(ChatEvent::Started { prompt_tokens, cached_tokens });
        }
        if response.pointer("/promptFeedback/blockReason").is_some() {
            let all = 0..self.choices;
            self.reasons.extend(all.map(|choice| (choice, FinishReason::ContentFilter)));
        }
        let candidates = response.get("candidates").and_then(Value::as_array);
        for candidate in candidates.into_iter().flatten() {
            self.candidate(candidate, events)?;
        }
        Ok(())
    }

    /// The wire has no last word: the end of the connection is it.
    fn end(&mut self, events: &mut Vec<ChatEvent>) -> Result<()> {
        if !(0..self.choices).all(|choice| self.reasons.contains_key(&choice)) {
            return Err(error::cut_short(&self.provider));
        }
        let reasons = std::mem::take(&mut self.reasons).into_iter();
        events.extend(reasons.map(|(choice, reason)| ChatEvent::Finished { choice, reason }));
        events.push(ChatEvent::Done(self.usage));
        Ok(())
    }
}
