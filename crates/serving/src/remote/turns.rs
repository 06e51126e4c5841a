//! A chat's turns as the providers' wires need them: told apart by who speaks, calls
//! parsed, and what a wire cannot say refused by name.

use cairn_kernel::{Error, Result};
use serde_json::{Map, Value};

use crate::chat::{ChatRequest, TextFormat, ToolChoice};
use crate::gguf::ChatMessage;

/// A call that an assistant made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
}

/// One turn after the system's.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Turn<'a> {
    User(&'a str),
    Assistant { text: &'a str, calls: Vec<ToolCall> },
    Tool { call: &'a str, name: String, text: &'a str },
}

/// A chat, the system's words apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<&'a str>,
    pub(super) turns: Vec<Turn<'a>>,
}

/// Reads the turns.
///
/// # Errors
/// `Invalid`, naming the message, for a role or a call that cannot be read, and for a tool's
/// answer to a call that nobody made.
pub(super) fn conversation(messages: &[ChatMessage]) -> Result<Conversation<'_>> {
    let mut read = Conversation { system: Vec::new(), turns: Vec::new() };
    let mut names: Vec<(String, String)> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        match message.role.as_str() {
            "system" | "developer" => read.system.push(&message.content),
            "user" => read.turns.push(Turn::User(&message.content)),
            "assistant" => {
                let calls = tool_calls(message, at)?;
                names.extend(calls.iter().map(|call| (call.id.clone(), call.name.clone())));
                read.turns.push(Turn::Assistant { text: &message.content, calls });
            }
            "tool" => {
                let call = message.tool_call_id.as_deref().unwrap_or_default();
                let made = names.iter().rev().find(|(id, _)| id == call);
                let (_, name) = made.ok_or_else(|| {
                    fault(
                        at,
                        "tool_call_id",
                        &format!("answers the call '{call}', which no message before it makes"),
                    )
                })?;
                let turn = Turn::Tool { call, name: name.clone(), text: &message.content };
                read.turns.push(turn);
            }
            other => return Err(fault(at, "role", &format!("has the role '{other}'"))),
        }
    }
    Ok(read)
}

fn fault(at: usize, field: &str, what: &str) -> Error {
    Error::invalid(format!("messages[{at}] {what}")).with_param(format!("messages[{at}].{field}"))
}

/// The calls of an assistant's message, which stand there in OpenAI's form.
fn tool_calls(message: &ChatMessage, at: usize) -> Result<Vec<ToolCall>> {
    let Some(listed) = message.tool_calls.as_ref().and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    let read = |call: &Value| {
        let text = |place: &str| call.pointer(place).and_then(Value::as_str).map(str::to_owned);
        let arguments = match call.pointer("/function/arguments") {
            None | Some(Value::Null) => Some(Map::new()),
            Some(Value::Object(object)) => Some(object.clone()),
            Some(Value::String(text)) if text.trim().is_empty() => Some(Map::new()),
            Some(Value::String(text)) => serde_json::from_str(text).ok(),
            Some(_) => None,
        };
        let call = text("/id").zip(text("/function/name")).zip(arguments);
        let ((id, name), arguments) = call.ok_or_else(|| {
            fault(
                at,
                "tool_calls",
                "has a call without id, name or arguments that are a JSON object",
            )
        })?;
        Ok(ToolCall { id, name, arguments })
    };
    listed.iter().map(read).collect()
}

/// What a wire can say beyond the common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Can {
    /// Who it is, for messages.
    pub(super) who: &'static str,
    /// Several answers to one request.
    pub(super) choices: bool,
    /// A seed.
    pub(super) seed: bool,
    /// Log probabilities.
    pub(super) logprobs: bool,
    /// Frequency and presence penalties.
    pub(super) penalties: bool,
    /// `top_k`.
    pub(super) top_k: bool,
    /// The highest temperature.
    pub(super) hottest: f32,
    /// Forbidding several calls in one answer.
    pub(super) single_calls: bool,
    /// Arguments that follow their schema to the letter.
    pub(super) strict: bool,
    /// A schema for the text while tools may be called.
    pub(super) format_with_tools: bool,
}

impl Can {
    /// Refuses what it cannot say.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub(super) fn check(&self, request: &ChatRequest) -> Result<()> {
        let sampling = &request.sampling;
        let neutral = |value: f32| value == 0.0;
        let tools = !request.tools.is_empty() && request.tool_choice != ToolChoice::None;
        let formatted = request.format != TextFormat::Text;
        let odd_format = matches!(
            request.format,
            TextFormat::Regex(_) | TextFormat::Choice(_) | TextFormat::Grammar(_)
        );
        let wrong = [
            ("n", request.choices > 1 && !self.choices),
            ("seed", sampling.seed.is_some() && !self.seed),
            ("logprobs", request.logprobs.is_some() && !self.logprobs),
            ("frequency_penalty", !neutral(sampling.frequency_penalty) && !self.penalties),
            ("presence_penalty", !neutral(sampling.presence_penalty) && !self.penalties),
            ("repetition_penalty", sampling.repetition_penalty != 1.0),
            ("top_k", sampling.top_k != 0 && !self.top_k),
            ("ignore_eos", request.ignore_eos),
            ("response_format", odd_format || (formatted && tools && !self.format_with_tools)),
            ("parallel_tool_calls", tools && !request.parallel_tool_calls && !self.single_calls),
            ("tools", tools && !self.strict && request.tools.iter().any(|tool| tool.strict)),
        ];
        if let Some((field, _)) = wrong.iter().find(|(_, wrong)| *wrong) {
            return Err(self.refuse(field, ""));
        }
        if sampling.temperature > self.hottest {
            let most = format!("; its highest temperature is {}", self.hottest);
            return Err(self.refuse("temperature", &most));
        }
        Ok(())
    }

    /// The refusal of one field.
    pub(super) fn refuse(&self, field: &str, more: &str) -> Error {
        let what = match field {
            "response_format" => "this response_format, or not together with tools",
            "parallel_tool_calls" => "parallel_tool_calls: false",
            "tools" => "strict tools",
            "temperature" => "this temperature",
            other => other,
        };
        Error::invalid(format!(
            "{} cannot do {what}{more}; leave it out or use another model",
            self.who
        ))
        .with_param(field)
    }
}

/// A schema that is kept by calling a tool: what the tool is called, and its input's schema.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forced {
    pub(super) name: String,
    pub(super) schema: Value,
}

impl Forced {
    /// What `request`'s format asks for, if it asks for JSON.
    ///
    /// # Errors
    /// `Invalid` for a schema of something else than an object, which no tool's input can be.
    pub(super) fn of(request: &ChatRequest, can: &Can) -> Result<Option<Self>> {
        let (name, schema) = match &request.format {
            TextFormat::JsonObject => ("json".to_owned(), serde_json::json!({"type": "object"})),
            TextFormat::JsonSchema { name, schema } => (tool_name(name), schema.clone()),
            _ => return Ok(None),
        };
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(can.refuse("response_format", "; its schema must be of type object"));
        }
        Ok(Some(Self { name, schema }))
    }
}

/// A name that tools may have.
fn tool_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
        .take(64)
        .collect();
    if kept.is_empty() { "json".to_owned() } else { kept }
}

/// Puts a turn's content to the last message if the same speaks, else makes a new one:
/// wires that want turns to alternate get every tool's answer in one.
pub(super) fn append(messages: &mut Vec<Value>, role: &str, list: &str, mut parts: Vec<Value>) {
    if let Some(last) = messages.last_mut()
        && last.get("role").and_then(Value::as_str) == Some(role)
        && let Some(held) = last.get_mut(list).and_then(Value::as_array_mut)
    {
        held.append(&mut parts);
        return;
    }
    messages.push(serde_json::json!({"role": role, list: parts}));
}

/// An id for a call whose provider gives none.
pub(super) fn call_id() -> String {
    format!("call_{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tools_answer_is_tied_to_its_call() {
        let call = json!([{"id": "c1", "type": "function",
            "function": {"name": "add", "arguments": "{\"a\": 1}"}}]);
        let messages = [
            ChatMessage::new("system", "s"),
            ChatMessage { tool_calls: Some(call), ..ChatMessage::new("assistant", "") },
            ChatMessage { tool_call_id: Some("c1".into()), ..ChatMessage::new("tool", "2") },
        ];
        let read = conversation(&messages).unwrap();
        assert_eq!(read.system, ["s"]);
        let tool = Turn::Tool { call: "c1", name: "add".into(), text: "2" };
        assert_eq!(read.turns[1], tool);
        let lost = conversation(&messages[2..]).unwrap_err();
        assert_eq!(lost.param(), Some("messages[0].tool_call_id"));
    }

    #[test]
    fn arguments_that_are_no_object_are_refused() {
        for arguments in ["[1]", "{", "3"] {
            let call = json!([{"id": "c", "function": {"name": "f", "arguments": arguments}}]);
            let message =
                ChatMessage { tool_calls: Some(call), ..ChatMessage::new("assistant", "") };
            assert!(conversation(&[message]).is_err(), "{arguments}");
        }
    }

    #[test]
    fn names_become_such_that_tools_may_have() {
        assert_eq!(tool_name("my answer/1"), "my_answer_1");
        assert_eq!(tool_name(""), "json");
    }
}
