//! The tools of a chat request, checked.

use cairn_kernel::{Error, Result};
use cairn_services::chat::{Tool, ToolChoice};
use cairn_wire::openai::{ChatTurn, ToolDefinition};
use serde_json::{Value, json};

use crate::openai::convert::neutral;

/// Most tools of one request, as at OpenAI.
const TOOLS_MAX: usize = 128;
/// Longest name of a function, as at OpenAI.
const NAME_MAX: usize = 64;

/// The functions and whether they are called.
pub(super) fn read(
    given: Option<&[ToolDefinition]>,
    choice: Option<&Value>,
) -> Result<(Vec<Tool>, ToolChoice)> {
    let given = given.unwrap_or_default();
    if given.len() > TOOLS_MAX {
        return Err(Error::invalid(format!(
            "tools has {} entries; send at most {TOOLS_MAX}",
            given.len()
        ))
        .with_param("tools"));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(given.len());
    for (number, definition) in given.iter().enumerate() {
        let tool = tool(number, definition)?;
        if tools.iter().any(|other| other.name == tool.name) {
            return Err(Error::invalid(format!("tools names the function '{}' twice", tool.name))
                .with_param(format!("tools[{number}].function.name")));
        }
        tools.push(tool);
    }
    let choice = choose(choice, &tools)?;
    Ok((tools, choice))
}

fn tool(number: usize, definition: &ToolDefinition) -> Result<Tool> {
    let place = format!("tools[{number}]");
    if definition.kind != "function" {
        return Err(Error::invalid(format!(
            "{place} is of type '{}'; only function is supported",
            definition.kind
        ))
        .with_param(format!("{place}.type")));
    }
    let function = definition.function.as_ref().ok_or_else(|| {
        Error::invalid(format!("{place} has no function")).with_param(format!("{place}.function"))
    })?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = &function.name;
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        return Err(Error::invalid(format!(
            "{place} names the function '{name}'; a name has 1 to {NAME_MAX} letters, digits, _ \
             and -"
        ))
        .with_param(format!("{place}.function.name")));
    }
    let parameters = match &function.parameters {
        None | Some(Value::Null) => json!({"type": "object", "properties": {}}),
        Some(Value::Object(schema)) if schema.is_empty() => {
            json!({"type": "object", "properties": {}})
        }
        Some(schema @ Value::Object(_)) => schema.clone(),
        Some(_) => {
            return Err(Error::invalid(format!(
                "{place}.function.parameters is not a JSON schema of an object"
            ))
            .with_param(format!("{place}.function.parameters")));
        }
    };
    Ok(Tool {
        name: name.clone(),
        description: function.description.clone(),
        parameters,
        strict: function.strict.unwrap_or(false),
    })
}

fn choose(choice: Option<&Value>, tools: &[Tool]) -> Result<ToolChoice> {
    let fault = |message: String| Error::invalid(message).with_param("tool_choice");
    let named = |choice: &Value| {
        let function = choice.get("type").and_then(Value::as_str) == Some("function");
        let name = choice.pointer("/function/name").and_then(Value::as_str);
        name.filter(|_| function).map(str::to_owned)
    };
    let choice = match choice {
        None => ToolChoice::Auto,
        Some(given) if neutral(given) => ToolChoice::Auto,
        Some(Value::String(word)) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            other => {
                return Err(fault(format!(
                    "tool_choice is '{other}'; use auto, none, required or a function"
                )));
            }
        },
        Some(given) => ToolChoice::Function(named(given).ok_or_else(|| {
            fault(
                "tool_choice must be auto, none, required or \
                 {\"type\":\"function\",\"function\":{\"name\":…}}"
                    .to_owned(),
            )
        })?),
    };
    match &choice {
        ToolChoice::Required if tools.is_empty() => {
            Err(fault("tool_choice is 'required', but there are no tools".to_owned()))
        }
        ToolChoice::Function(name) if !tools.iter().any(|tool| tool.name == *name) => {
            Err(fault(format!("tool_choice names '{name}', which is not among the tools")))
        }
        _ => Ok(choice),
    }
}

/// The calls of a past assistant turn, in OpenAI's form; a tool's turn names its call.
pub(super) fn past(turn: &ChatTurn, number: usize) -> Result<Option<Value>> {
    if turn.role == "tool" && turn.tool_call_id.as_deref().is_none_or(str::is_empty) {
        return Err(Error::invalid(format!(
            "messages[{number}] is a tool's and must name its call in tool_call_id"
        ))
        .with_param(format!("messages[{number}].tool_call_id")));
    }
    let calls = turn.tool_calls.as_deref().unwrap_or_default();
    if calls.is_empty() {
        return Ok(None);
    }
    let place = format!("messages[{number}].tool_calls");
    if turn.role != "assistant" {
        return Err(Error::invalid(format!(
            "{place} belongs to an assistant's message, not to one of the {}",
            turn.role
        ))
        .with_param(place));
    }
    if let Some(at) = calls.iter().position(|call| call.kind != "function") {
        return Err(Error::invalid(format!(
            "{place}[{at}] is of type '{}'; only function is supported",
            calls[at].kind
        ))
        .with_param(format!("{place}[{at}].type")));
    }
    let objects = calls.iter().map(|call| {
        json!({"id": call.id, "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments}})
    });
    Ok(Some(Value::Array(objects.collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(tools: Value, choice: &Value) -> Result<(Vec<Tool>, ToolChoice)> {
        let tools: Vec<ToolDefinition> =
            serde_json::from_value(tools).map_err(|fault| Error::invalid(fault.to_string()))?;
        read(Some(&tools), Some(choice))
    }

    fn weather() -> Value {
        json!([{"type": "function", "function": {"name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}])
    }

    #[test]
    fn tools_and_choices_are_read() -> Result<()> {
        let (tools, choice) = asked(weather(), &json!("required"))?;
        assert_eq!((tools[0].name.as_str(), &choice), ("weather", &ToolChoice::Required));
        assert_eq!(tools[0].parameters["properties"]["city"]["type"], "string");
        let one = json!({"type": "function", "function": {"name": "weather"}});
        assert_eq!(asked(weather(), &one)?.1, ToolChoice::Function("weather".into()));
        assert_eq!(asked(weather(), &Value::Null)?.1, ToolChoice::Auto);
        let bare = json!([{"type": "function", "function": {"name": "now"}}]);
        assert_eq!(asked(bare, &json!("auto"))?.0[0].parameters["type"], "object");
        Ok(())
    }

    #[test]
    fn a_tool_that_cannot_be_is_refused_with_its_place() {
        let function = |name: &str| json!({"type": "function", "function": {"name": name}});
        for (tools, choice, param) in [
            (json!([{"type": "web_search"}]), json!("auto"), "tools[0].type"),
            (json!([{"type": "function"}]), json!("auto"), "tools[0].function"),
            (json!([function("a b")]), json!("auto"), "tools[0].function.name"),
            (json!([function("a"), function("a")]), json!("auto"), "tools[1].function.name"),
            (weather(), json!("sometimes"), "tool_choice"),
            (weather(), json!({"type": "allowed_tools"}), "tool_choice"),
            (weather(), function("other"), "tool_choice"),
            (json!([]), json!("required"), "tool_choice"),
        ] {
            let refused = asked(tools, &choice).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(param));
        }
    }

    #[test]
    fn past_calls_keep_openais_form() -> Result<()> {
        let turn = |value| {
            serde_json::from_value::<ChatTurn>(value)
                .map_err(|fault| Error::invalid(fault.to_string()))
        };
        let calls = json!([{"id": "call_1", "function": {"name": "f", "arguments": "{}"}}]);
        let past_calls = past(&turn(json!({"role": "assistant", "tool_calls": calls}))?, 1)?;
        assert_eq!(past_calls.unwrap_or_default()[0]["function"]["name"], "f");
        let wrong = past(&turn(json!({"role": "user", "tool_calls": calls}))?, 1).err();
        assert_eq!(wrong.as_ref().and_then(Error::param), Some("messages[1].tool_calls"));
        Ok(())
    }
}
