//! The tools of a chat request, checked.

use cairn_kernel::{Error, Result};
use cairn_services::chat::{Tool, ToolChoice};
use cairn_wire::openai::{ChatTurn, ToolDefinition};
use serde_json::{Value, json};

use crate::openai::functions;

/// The functions and whether they are called.
pub(super) fn read(
    given: Option<&[ToolDefinition]>,
    choice: Option<&Value>,
) -> Result<(Vec<Tool>, ToolChoice)> {
    let given = given.unwrap_or_default();
    functions::few(given.len())?;
    let mut tools: Vec<Tool> = Vec::with_capacity(given.len());
    for (number, definition) in given.iter().enumerate() {
        let tool = tool(number, definition, &tools)?;
        tools.push(tool);
    }
    let choice = choose(choice, &tools)?;
    Ok((tools, choice))
}

fn tool(number: usize, definition: &ToolDefinition, before: &[Tool]) -> Result<Tool> {
    let place = format!("tools[{number}]");
    if definition.kind != "function" {
        return Err(Error::invalid(format!(
            "{place} is of type '{}'; only function is supported",
            definition.kind
        ))
        .with_param(format!("{place}.type")));
    }
    let place = format!("{place}.function");
    let function = definition.function.as_ref().ok_or_else(|| {
        Error::invalid(format!("tools[{number}] has no function")).with_param(place.as_str())
    })?;
    functions::read(function, &place, before)
}

fn choose(choice: Option<&Value>, tools: &[Tool]) -> Result<ToolChoice> {
    let fault = |message: &str| Error::invalid(message).with_param("tool_choice");
    match functions::word(choice)? {
        Some(ToolChoice::Required) if tools.is_empty() => {
            Err(fault("tool_choice is 'required', but there are no tools"))
        }
        Some(word) => Ok(word),
        None => {
            let choice = choice.filter(|choice| choice["type"] == "function");
            let name = choice.and_then(|choice| choice.pointer("/function/name")?.as_str());
            let name = name.ok_or_else(|| {
                fault(
                    "tool_choice must be auto, none, required or \
                     {\"type\":\"function\",\"function\":{\"name\":…}}",
                )
            })?;
            functions::among(name, tools)?;
            Ok(ToolChoice::Function(name.to_owned()))
        }
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
