//! How a model is told of its tools, by what its chat template knows of them.

use serde_json::{Value, json};

use super::calls::{CLOSE, CallForm, OPEN};
use super::grammar::PYTHON_TAG;
use crate::chat::Tool;
use crate::gguf::request::ChatMessage;

/// Who describes the tools, and how calls are written then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// The model's template, from a list of tools.
    Template(CallForm),
    /// A system message, since the template does not know tools, or has calls written
    /// in a form that is not read here.
    Message,
}

impl Telling {
    pub(super) fn by(template: Option<&str>) -> Self {
        let has = |text: &str| template.is_some_and(|template| template.contains(text));
        if has("tools") && has(OPEN) && !has("<function=") {
            return Self::Template(CallForm::Hermes);
        }
        if has("tools") && (has(PYTHON_TAG) || has("ipython")) && has("parameters") {
            return Self::Template(CallForm::Llama);
        }
        Self::Message
    }

    pub(super) fn form(self) -> CallForm {
        match self {
            Self::Template(form) => form,
            Self::Message => CallForm::Hermes,
        }
    }
}

/// Tools as chat templates read them.
pub(super) fn listed(tools: &[Tool]) -> Value {
    let objects = tools.iter().map(|tool| {
        json!({"type": "function", "function": {
            "name": tool.name,
            "description": tool.description.as_deref().unwrap_or_default(),
            "parameters": tool.parameters,
        }})
    });
    Value::Array(objects.collect())
}

/// `messages` for a template without tools: the tools in the system message, calls and
/// their results as text.
pub(super) fn described(messages: &[ChatMessage], tools: &[Tool]) -> Vec<ChatMessage> {
    let mut told: Vec<ChatMessage> = Vec::with_capacity(messages.len() + 1);
    let mut answers = false;
    for message in messages {
        let is_answer = message.role == "tool";
        if is_answer {
            let text = format!("<tool_response>\n{}\n</tool_response>", message.content);
            match told.last_mut().filter(|_| answers) {
                Some(last) => last.content = format!("{}\n{text}", last.content),
                None => told.push(ChatMessage::new("user", text)),
            }
        } else {
            told.push(with_calls_as_text(message));
        }
        answers = is_answer;
    }
    if tools.is_empty() {
        return told;
    }
    let description = description(tools);
    match told.first_mut().filter(|first| first.role == "system") {
        Some(system) => system.content = format!("{}\n\n{description}", system.content),
        None => told.insert(0, ChatMessage::new("system", description)),
    }
    told
}

fn with_calls_as_text(message: &ChatMessage) -> ChatMessage {
    let mut message = message.clone();
    let Some(Value::Array(calls)) = message.tool_calls.take() else { return message };
    let mut parts = Vec::new();
    if !message.content.is_empty() {
        parts.push(std::mem::take(&mut message.content));
    }
    for call in &calls {
        let function = call.get("function").unwrap_or(call);
        let arguments = match function.get("arguments") {
            Some(Value::String(text)) => text.clone(),
            other => other.map_or_else(|| "{}".to_owned(), Value::to_string),
        };
        let name = function.get("name").unwrap_or(&Value::Null);
        parts.push(format!("{OPEN}\n{{\"name\": {name}, \"arguments\": {arguments}}}\n{CLOSE}"));
    }
    message.content = parts.join("\n");
    message
}

/// The words with which Hermes and Qwen were trained.
fn description(tools: &[Tool]) -> String {
    let lines: Vec<String> = match listed(tools) {
        Value::Array(tools) => tools.iter().map(Value::to_string).collect(),
        _ => Vec::new(),
    };
    format!(
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n\
         You are provided with function signatures within <tools></tools> XML tags:\n\
         <tools>\n{}\n</tools>\n\n\
         For each function call, return a json object with function name and arguments within \
         {OPEN}{CLOSE} XML tags:\n\
         {OPEN}\n{{\"name\": <function-name>, \"arguments\": <args-json-object>}}\n{CLOSE}",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather() -> Tool {
        Tool {
            name: "weather".into(),
            description: Some("Weather of a city.".into()),
            parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
            strict: false,
        }
    }

    #[test]
    fn a_template_shows_what_it_knows_of_tools() {
        let qwen = "{% if tools %}<tool_call>{% endif %}";
        assert_eq!(Telling::by(Some(qwen)), Telling::Template(CallForm::Hermes));
        let llama = "{% if tools %}{\"parameters\"}{{ 'ipython' }}{% endif %}";
        assert_eq!(Telling::by(Some(llama)), Telling::Template(CallForm::Llama));
        let coder = "{% if tools %}<tool_call><function=x>{% endif %}";
        for other in [Some("{{ messages }}"), Some(coder), Some("{{ tools }}[TOOL_CALLS]"), None] {
            assert_eq!(Telling::by(other), Telling::Message, "{other:?}");
        }
    }

    #[test]
    fn without_a_template_tools_calls_and_results_are_words() {
        let mut asks = ChatMessage::new("assistant", "");
        asks.tool_calls = Some(json!([{"id": "call_1", "type": "function",
            "function": {"name": "weather", "arguments": "{\"city\": \"Oslo\"}"}}]));
        let chat = [
            ChatMessage::new("user", "Weather?"),
            asks,
            ChatMessage::new("tool", "rain"),
            ChatMessage::new("tool", "wind"),
        ];
        let told = described(&chat, &[weather()]);
        let roles: Vec<&str> = told.iter().map(|message| message.role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert!(told[0].content.contains("\"name\":\"weather\""), "{}", told[0].content);
        assert_eq!(
            told[2].content,
            "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>"
        );
        assert_eq!(told[3].content.matches("<tool_response>").count(), 2);
        assert!(told.iter().all(|message| message.tool_calls.is_none()));
        let kept = described(&[ChatMessage::new("system", "Be brief.")], &[weather()]);
        assert!(kept[0].content.starts_with("Be brief.\n\n# Tools"), "{}", kept[0].content);
    }
}
