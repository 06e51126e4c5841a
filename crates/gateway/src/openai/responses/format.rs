//! What the text of a response must look like: `text.format`.

use cairn_kernel::{Error, Result};
use cairn_services::Services;
use cairn_services::answer::needs_a_model;
use cairn_services::chat::TextFormat;
use cairn_services::llms::ALIAS;
use serde_json::{Value, json};

use super::refused;
use super::request::Asked;
use crate::openai::convert::neutral;

const PLACE: &str = "text.format";
/// What the same is called in a chat, whose engines name it in their refusals.
const CHAT: &str = "response_format";

/// The format that the field `text` of a request asks for.
///
/// # Errors
/// `Invalid` for what is no format.
pub(super) fn read(text: Option<&Value>) -> Result<TextFormat> {
    if text.is_some_and(|text| !neutral(text) && !text.is_object()) {
        return Err(refused("text", "text must be an object such as {\"format\": …}"));
    }
    let Some(format) = given(text) else { return Ok(TextFormat::Text) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(TextFormat::Text),
        Some("json_object") => Ok(TextFormat::JsonObject),
        Some("json_schema") => schema(format),
        other => Err(refused(
            PLACE,
            format!(
                "text.format is of type '{}'; use text, json_object or json_schema",
                other.unwrap_or_default()
            ),
        )),
    }
}

fn schema(format: &Value) -> Result<TextFormat> {
    let name = format.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| refused(PLACE, "text.format has no name for its schema"))?;
    match format.get("schema") {
        Some(schema @ (Value::Object(_) | Value::Bool(_))) => {
            Ok(TextFormat::JsonSchema { name: name.to_owned(), schema: schema.clone() })
        }
        _ => Err(refused(PLACE, "text.format has no 'schema' that is a JSON schema")),
    }
}

fn given(text: Option<&Value>) -> Option<&Value> {
    text?.get("format").filter(|format| !neutral(format))
}

/// Checks that an answer over files can have the format that is asked for.
///
/// # Errors
/// `Invalid` where no language model writes it.
pub(super) fn check(services: &Services, asked: &Asked) -> Result<()> {
    let written = asked.model != ALIAS || services.inference.llms().default_model().is_some();
    let plain = asked.search.is_none() && asked.input.files.is_empty();
    if written || plain || asked.format == TextFormat::Text {
        return Ok(());
    }
    Err(renamed(needs_a_model()))
}

/// The field `text` of a response: the format as it was asked for.
pub(super) fn shown(text: Option<&Value>) -> Value {
    json!({"format": given(text).cloned().unwrap_or_else(|| json!({"type": "text"}))})
}

/// An engine's refusal of a format, in the words of this API; other failures as they are.
pub(super) fn renamed(error: Error) -> Error {
    if error.param() != Some(CHAT) {
        return error;
    }
    let message = error.message().replace(CHAT, PLACE);
    Error::new(error.kind(), message).with_param(PLACE).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_and_shown_as_it_was_sent() -> Result<()> {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
        let named = TextFormat::JsonSchema { name: "n".to_owned(), schema: schema.clone() };
        let plain = json!({"format": {"type": "text"}});
        for (text, format, as_shown) in [
            (json!(null), TextFormat::Text, &plain),
            (json!({}), TextFormat::Text, &plain),
            (json!({"format": null, "verbosity": "medium"}), TextFormat::Text, &plain),
            (plain.clone(), TextFormat::Text, &plain),
            (
                json!({"format": {"type": "json_object"}}),
                TextFormat::JsonObject,
                &json!({"format": {"type": "json_object"}}),
            ),
            (
                json!({"format": {"type": "json_schema", "name": "n", "strict": true, "schema": schema}}),
                named,
                &json!({"format": {"type": "json_schema", "name": "n", "strict": true, "schema": schema}}),
            ),
        ] {
            assert_eq!(read(Some(&text))?, format, "{text}");
            assert_eq!(&shown(Some(&text)), as_shown, "{text}");
        }
        assert_eq!((read(None)?, shown(None)), (TextFormat::Text, plain));
        Ok(())
    }

    #[test]
    fn what_is_no_format_names_its_field() {
        for (text, param) in [
            (json!("json"), "text"),
            (json!({"format": "json"}), PLACE),
            (json!({"format": {"type": "xml"}}), PLACE),
            (json!({"format": {"type": "json_schema", "schema": {}}}), PLACE),
            (json!({"format": {"type": "json_schema", "name": "n"}}), PLACE),
            (json!({"format": {"type": "json_schema", "name": "n", "schema": "{}"}}), PLACE),
        ] {
            let refused = read(Some(&text)).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(param), "{text}");
        }
    }

    #[test]
    fn an_engines_refusal_names_the_field_of_this_api() {
        let engine = Error::invalid("response_format cannot be followed: no").with_param(CHAT);
        let ours = renamed(engine);
        assert_eq!(ours.param(), Some(PLACE));
        assert_eq!(ours.message(), "text.format cannot be followed: no");
        let other = renamed(Error::invalid("temperature is 9").with_param("temperature"));
        assert_eq!(other.param(), Some("temperature"));
    }
}
