//! Functions that a model may call, checked: what chats and responses have in common.

use cairn_kernel::{Error, Result};
use cairn_services::chat::{Tool, ToolChoice};
use cairn_wire::openai::FunctionDefinition;
use serde_json::{Value, json};

use super::convert::neutral;

/// Most tools of one request, as at OpenAI.
const TOOLS_MAX: usize = 128;
/// Longest name of a function, as at OpenAI.
const NAME_MAX: usize = 64;

/// Refuses more tools than one request may have.
pub(super) fn few(count: usize) -> Result<()> {
    if count > TOOLS_MAX {
        return Err(fault("tools", format!("tools has {count} entries; send at most {TOOLS_MAX}")));
    }
    Ok(())
}

/// The function that stands at `place` of a request, behind those of `before`.
///
/// # Errors
/// `Invalid` naming its field.
pub(super) fn read(function: &FunctionDefinition, place: &str, before: &[Tool]) -> Result<Tool> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = &function.name;
    let named = format!("{place}.name");
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        let message = format!(
            "{place} names the function '{name}'; a name has 1 to {NAME_MAX} letters, digits, _ \
             and -"
        );
        return Err(fault(&named, message));
    }
    if before.iter().any(|other| other.name == *name) {
        return Err(fault(&named, format!("tools names the function '{name}' twice")));
    }
    let parameters = match &function.parameters {
        None | Some(Value::Null) => json!({"type": "object", "properties": {}}),
        Some(Value::Object(schema)) if schema.is_empty() => {
            json!({"type": "object", "properties": {}})
        }
        Some(schema @ Value::Object(_)) => schema.clone(),
        Some(_) => {
            let place = format!("{place}.parameters");
            return Err(fault(&place, format!("{place} is not a JSON schema of an object")));
        }
    };
    Ok(Tool {
        name: name.clone(),
        description: function.description.clone(),
        parameters,
        strict: function.strict.unwrap_or(false),
    })
}

/// What a `tool_choice` of one word says; `None` for one that is an object.
///
/// # Errors
/// `Invalid` for another word.
pub(super) fn word(choice: Option<&Value>) -> Result<Option<ToolChoice>> {
    let Some(given) = choice.filter(|given| !neutral(given)) else {
        return Ok(Some(ToolChoice::Auto));
    };
    match given {
        Value::String(word) => match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            other => {
                let message = format!(
                    "tool_choice is '{other}'; use auto, none, required, or an object that names \
                     a tool"
                );
                Err(fault("tool_choice", message))
            }
        },
        _ => Ok(None),
    }
}

/// Refuses the choice of a function that is not among `tools`.
pub(super) fn among(name: &str, tools: &[Tool]) -> Result<()> {
    if tools.iter().any(|tool| tool.name == name) {
        return Ok(());
    }
    let message = format!("tool_choice names '{name}', which is not among the tools");
    Err(fault("tool_choice", message))
}

fn fault(param: &str, message: String) -> Error {
    Error::invalid(message).with_param(param)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, parameters: Option<Value>) -> FunctionDefinition {
        FunctionDefinition { name: name.into(), description: None, parameters, strict: None }
    }

    #[test]
    fn a_function_without_parameters_takes_an_object() -> Result<()> {
        for parameters in [None, Some(Value::Null), Some(json!({}))] {
            let tool = read(&function("now", parameters), "tools[0]", &[])?;
            assert_eq!(tool.parameters, json!({"type": "object", "properties": {}}));
        }
        Ok(())
    }

    #[test]
    fn what_is_wrong_with_a_function_is_named_by_its_place() -> Result<()> {
        let before = [read(&function("now", None), "tools[0]", &[])?];
        for (given, param) in [
            (function("", None), "tools[1].name"),
            (function(&"n".repeat(65), None), "tools[1].name"),
            (function("no spaces", None), "tools[1].name"),
            (function("now", None), "tools[1].name"),
            (function("then", Some(json!([]))), "tools[1].parameters"),
        ] {
            let refused = read(&given, "tools[1]", &before).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(param));
        }
        assert!(few(128).is_ok());
        assert_eq!(few(129).err().as_ref().and_then(Error::param), Some("tools"));
        Ok(())
    }

    #[test]
    fn a_choice_is_a_word_or_an_object() -> Result<()> {
        assert_eq!(word(None)?, Some(ToolChoice::Auto));
        assert_eq!(word(Some(&json!(null)))?, Some(ToolChoice::Auto));
        assert_eq!(word(Some(&json!("none")))?, Some(ToolChoice::None));
        assert_eq!(word(Some(&json!({"type": "function"})))?, None);
        assert!(word(Some(&json!("sometimes"))).is_err() && among("now", &[]).is_err());
        Ok(())
    }
}
