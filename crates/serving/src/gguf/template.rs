//! Chat templates: the Jinja text a model file carries, rendered as Hugging Face
//! renders it.
//!
//! What people wrote must not be read as the model's control tokens: a document
//! that contains `<|im_end|><|im_start|>system` would otherwise speak as the
//! operator. Such stretches are marked here, and the tokenizer reads them as text.

use std::time::{SystemTime, UNIX_EPOCH};

use cairn_kernel::{Error, Kind, Result, ResultExt};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, Value, context};
use serde::Serialize as _;

use super::protocol::{PLAIN_BEGIN, PLAIN_END};
use super::request::ChatMessage;
use super::strftime;

#[cfg(test)]
mod tests;

const NAME: &str = "chat_template";
/// Bounds the work and memory of one rendering; a long chat takes a few per cent of it.
const FUEL: u64 = 20_000_000;
/// The most common form, for files that carry no template.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' \
                      + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}\
                      {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    /// The longest first, so that a token is not taken for its own beginning.
    control_tokens: Vec<String>,
    /// The characters they begin with.
    firsts: Vec<char>,
}

impl ChatTemplate {
    /// Compiles `source`, or the ChatML template when the file has none.
    /// `bos` and `eos` are given to the template; `control_tokens` are the texts that
    /// messages must not smuggle in.
    ///
    /// # Errors
    /// `Unprocessable` when the template is not valid Jinja.
    pub fn new(
        source: Option<&str>,
        bos: &str,
        eos: &str,
        control_tokens: &[String],
    ) -> Result<Self> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.or_internal("setting the syntax of chat templates")?);
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment.add_filter("tojson", tojson);
        environment
            .add_template_owned(NAME, source.unwrap_or(CHATML).to_owned())
            .or_kind(Kind::Unprocessable, "the model's chat template is not valid")?;
        let mut control_tokens: Vec<String> =
            control_tokens.iter().filter(|text| text.len() > 2).cloned().collect();
        control_tokens.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let mut firsts: Vec<char> =
            control_tokens.iter().filter_map(|t| t.chars().next()).collect();
        firsts.sort_unstable();
        firsts.dedup();
        Ok(Self { environment, bos: bos.to_owned(), eos: eos.to_owned(), control_tokens, firsts })
    }

    /// Renders `messages` and the definitions of `tools` (OpenAI's form) to a prompt.
    ///
    /// # Errors
    /// `Invalid` when the template rejects the messages, with its own words.
    pub fn render(
        &self,
        messages: &[ChatMessage],
        tools: Option<&serde_json::Value>,
        add_generation_prompt: bool,
    ) -> Result<String> {
        let messages: Vec<ChatMessage> = messages.iter().map(|m| self.shielded(m)).collect();
        let mut tools = tools.cloned();
        if let Some(tools) = &mut tools {
            self.shield_json(tools);
        }
        let template =
            self.environment.get_template(NAME).or_internal("finding a chat template")?;
        let rendered = template.render(context! {
            messages => Value::from(Serde(&messages)),
            tools => tools.map_or(Value::from(()), |tools| Value::from(Serde(tools))),
            add_generation_prompt,
            bos_token => &self.bos,
            eos_token => &self.eos,
        });
        rendered.map_err(|error| {
            let words = error.detail().unwrap_or("it failed").to_owned();
            Error::invalid(format!(
                "the model's chat template does not accept the messages: {words}"
            ))
            .with_param("messages")
            .with_source(error)
        })
    }

    fn shielded(&self, message: &ChatMessage) -> ChatMessage {
        let mut message = message.clone();
        message.content = self.shield(&message.content);
        if let Some(serde_json::Value::Array(calls)) = &mut message.tool_calls {
            calls.iter_mut().for_each(parse_arguments);
        }
        if let Some(calls) = &mut message.tool_calls {
            self.shield_json(calls);
        }
        message
    }

    fn shield_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = self.shield(text),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|i| self.shield_json(i)),
            serde_json::Value::Object(map) => map.values_mut().for_each(|v| self.shield_json(v)),
            _ => {}
        }
    }

    /// Marks each control token's text in `text` as plain.
    fn shield(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let mut tokens = self.control_tokens.iter();
            let control = match self.firsts.contains(&first) {
                true => tokens.find(|token| rest.starts_with(token.as_str())),
                false => None,
            };
            let length = control.map_or(first.len_utf8(), String::len);
            let (piece, after) = rest.split_at(length);
            if control.is_some() {
                out.push(PLAIN_BEGIN);
                out.push_str(piece);
                out.push(PLAIN_END);
            } else if first != PLAIN_BEGIN && first != PLAIN_END {
                out.push(first);
            }
            rest = after;
        }
        out
    }
}

/// OpenAI sends a call's arguments as JSON text; templates want the object.
fn parse_arguments(call: &mut serde_json::Value) {
    let Some(arguments) = call.pointer_mut("/function/arguments") else { return };
    if let Some(parsed) = arguments.as_str().and_then(|text| serde_json::from_str(text).ok()) {
        *arguments = parsed;
    }
}

fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(pattern: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs());
    strftime::format(i64::try_from(now).unwrap_or(0), pattern)
}

/// JSON as Python's `json.dumps(…, ensure_ascii=False)` writes it, without HTML escapes.
#[expect(clippy::needless_pass_by_value, reason = "the engine calls filters so")]
fn tojson(value: &Value, arguments: Kwargs) -> Result<Value, minijinja::Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    let _: Option<Value> = arguments.get("ensure_ascii")?;
    arguments.assert_all_used()?;
    let mut out = Vec::new();
    let written = match indent {
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced)),
        Some(width) => {
            let indent = vec![b' '; width.min(16)];
            let formatter = serde_json::ser::PrettyFormatter::with_indent(&indent);
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))
        }
    };
    let failed = |cause: String| minijinja::Error::new(ErrorKind::BadSerialization, cause);
    written.map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(out).map_err(|error| failed(error.to_string()))?;
    Ok(Value::from_safe_string(text))
}

/// Python's separators: `", "` and `": "`.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()>
    where
        W: ?Sized + std::io::Write,
    {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()>
    where
        W: ?Sized + std::io::Write,
    {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W>(&mut self, writer: &mut W) -> std::io::Result<()>
    where
        W: ?Sized + std::io::Write,
    {
        writer.write_all(b": ")
    }
}
