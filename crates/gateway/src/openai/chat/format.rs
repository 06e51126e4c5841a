//! What an answer's text must look like: OpenAI's `response_format` and vLLM's names.

use cairn_kernel::{Error, Result};
use cairn_services::chat::TextFormat;
use cairn_wire::openai::ChatCompletionRequest;
use serde_json::Value;

use crate::openai::convert::neutral;

/// The one format asked for, by whatever name.
pub(super) fn read(request: &ChatCompletionRequest) -> Result<TextFormat> {
    let mut asked: Vec<(&str, TextFormat)> = Vec::new();
    if let Some(format) = request.response_format.as_ref().filter(|format| !neutral(format)) {
        let format = response_format(format)?;
        if format != TextFormat::Text {
            asked.push(("response_format", format));
        }
    }
    if let Some(outputs) = request.structured_outputs.as_ref().filter(|value| !neutral(value)) {
        asked.push(("structured_outputs", structured_outputs(outputs)?));
    }
    if let Some(schema) = request.guided_json.as_ref().filter(|value| !value.is_null()) {
        asked.push(("guided_json", json_schema("guided_json", schema)?));
    }
    if let Some(regex) = &request.guided_regex {
        asked.push(("guided_regex", TextFormat::Regex(regex.clone())));
    }
    if let Some(choices) = &request.guided_choice {
        asked.push(("guided_choice", choice("guided_choice", choices.clone())?));
    }
    if let Some(grammar) = &request.guided_grammar {
        asked.push(("guided_grammar", TextFormat::Grammar(grammar.clone())));
    }
    if let [(first, _), (second, _), ..] = asked.as_slice() {
        return Err(Error::invalid(format!(
            "{first} and {second} both say what the answer must look like; send one of them"
        ))
        .with_param(*second));
    }
    Ok(asked.pop().map_or(TextFormat::Text, |(_, format)| format))
}

fn response_format(format: &Value) -> Result<TextFormat> {
    let fault = |message: String| Error::invalid(message).with_param("response_format");
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(TextFormat::Text),
        Some("json_object") => Ok(TextFormat::JsonObject),
        Some("json_schema") => {
            let name = format.pointer("/json_schema/name").and_then(Value::as_str);
            let name =
                name.ok_or_else(|| fault("response_format.json_schema has no name".to_owned()))?;
            let schema = format
                .pointer("/json_schema/schema")
                .ok_or_else(|| fault("response_format.json_schema has no schema".to_owned()))?;
            if !(schema.is_object() || schema.is_boolean()) {
                return Err(fault(
                    "response_format.json_schema.schema is not a JSON schema".to_owned(),
                ));
            }
            Ok(TextFormat::JsonSchema { name: name.to_owned(), schema: schema.clone() })
        }
        other => Err(fault(format!(
            "response_format is of type '{}'; use text, json_object or json_schema",
            other.unwrap_or("")
        ))),
    }
}

fn structured_outputs(outputs: &Value) -> Result<TextFormat> {
    const PLACE: &str = "structured_outputs";
    let fault = |message: String| Error::invalid(message).with_param(PLACE);
    let fields = outputs.as_object().ok_or_else(|| {
        fault(format!("{PLACE} must be an object with one of json, regex, choice, grammar"))
    })?;
    let mut asked = fields.iter().filter(|(_, value)| !neutral(value));
    let (Some((name, value)), None) = (asked.next(), asked.next()) else {
        return Err(fault(format!(
            "{PLACE} must have one of json, regex, choice, grammar, json_object"
        )));
    };
    let text = |value: &Value| {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| fault(format!("{PLACE}.{name} must be a text")))
    };
    match name.as_str() {
        "json" => json_schema("structured_outputs.json", value),
        "regex" => Ok(TextFormat::Regex(text(value)?)),
        "grammar" => Ok(TextFormat::Grammar(text(value)?)),
        "json_object" => Ok(TextFormat::JsonObject),
        "choice" => {
            let choices = serde_json::from_value(value.clone())
                .map_err(|_| fault(format!("{PLACE}.choice must be a list of texts")))?;
            choice("structured_outputs.choice", choices)
        }
        other => Err(fault(format!("{PLACE}.{other} is not supported here; leave it out"))),
    }
}

/// A schema, given as itself or as JSON text.
fn json_schema(place: &str, schema: &Value) -> Result<TextFormat> {
    let fault = |why: &str| {
        Error::invalid(format!("{place} is not a JSON schema: {why}")).with_param(place)
    };
    let schema = match schema {
        Value::String(text) => {
            serde_json::from_str(text).map_err(|error| fault(&error.to_string()))?
        }
        other => other.clone(),
    };
    if !schema.is_object() {
        return Err(fault("it must be an object"));
    }
    Ok(TextFormat::JsonSchema { name: "answer".to_owned(), schema })
}

fn choice(place: &str, choices: Vec<String>) -> Result<TextFormat> {
    if choices.is_empty() || choices.iter().any(String::is_empty) {
        return Err(Error::invalid(format!(
            "{place} must name at least one text, and none that is empty"
        ))
        .with_param(place));
    }
    Ok(TextFormat::Choice(choices))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(more: &Value) -> Result<TextFormat> {
        let mut body = json!({"model": "m", "messages": []});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        read(&serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?)
    }

    #[test]
    fn every_name_of_a_format_is_read() -> Result<()> {
        let schema = json!({"type": "object"});
        let named = |name: &str| TextFormat::JsonSchema {
            name: name.to_owned(),
            schema: json!({"type": "object"}),
        };
        for (more, format) in [
            (json!({"response_format": {"type": "text"}}), TextFormat::Text),
            (json!({"response_format": {"type": "json_object"}}), TextFormat::JsonObject),
            (
                json!({"response_format": {"type": "json_schema",
                    "json_schema": {"name": "n", "schema": schema, "strict": true}}}),
                named("n"),
            ),
            (json!({"guided_json": schema}), named("answer")),
            (json!({"guided_json": "{\"type\": \"object\"}"}), named("answer")),
            (json!({"guided_regex": "a+"}), TextFormat::Regex("a+".into())),
            (json!({"guided_choice": ["a"]}), TextFormat::Choice(vec!["a".into()])),
            (json!({"guided_grammar": "start: /a/"}), TextFormat::Grammar("start: /a/".into())),
            (json!({"structured_outputs": {"json": schema, "regex": null}}), named("answer")),
            (
                json!({"structured_outputs": {"choice": ["a"]}}),
                TextFormat::Choice(vec!["a".into()]),
            ),
        ] {
            assert_eq!(asked(&more)?, format, "{more}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_format_names_its_field() {
        for (more, param) in [
            (json!({"response_format": {"type": "xml"}}), "response_format"),
            (json!({"response_format": {"type": "json_schema"}}), "response_format"),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}),
                "response_format",
            ),
            (json!({"guided_json": "{"}), "guided_json"),
            (json!({"guided_choice": []}), "guided_choice"),
            (json!({"structured_outputs": {"regex": "a", "choice": ["a"]}}), "structured_outputs"),
            (json!({"structured_outputs": {"xml": "a"}}), "structured_outputs"),
            (json!({"guided_regex": "a", "guided_choice": ["a"]}), "guided_choice"),
        ] {
            let refused = asked(&more).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(param), "{more}");
        }
    }
}
