//! What clients send by habit and has no effect here: it is taken, and the answer's notes say so.

use cairn_kernel::Result;
use cairn_wire::openai::ResponseRequest;
use serde_json::Value;

use super::refused;
use crate::openai::convert::{Included, neutral};

/// What of `request` has no effect, each with the reason.
///
/// # Errors
/// `Invalid` for a value that the field cannot have.
pub(super) fn notes(request: &ResponseRequest) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    notes.extend(reasoning(request.rest.get("reasoning"))?);
    let verbosity = request.text.as_ref().and_then(|text| text.get("verbosity"));
    notes.extend(self::verbosity(verbosity)?);
    for name in request.include.iter().flatten().filter(|name| Included::is_absent(name)) {
        notes.push(format!("include of '{name}' had no effect: no answer here has any"));
    }
    Ok(notes)
}

fn reasoning(given: Option<&Value>) -> Result<Option<String>> {
    let Some(given) = given.filter(|value| !neutral(value)) else { return Ok(None) };
    let Some(fields) = given.as_object() else {
        return Err(refused("reasoning", "reasoning must be an object such as {\"effort\": …}"));
    };
    let asked = fields.values().any(|value| !neutral(value) && *value != "none");
    let note = "reasoning had no effect: models are asked for their answer alone, by their own \
                settings";
    Ok(asked.then(|| note.to_owned()))
}

fn verbosity(given: Option<&Value>) -> Result<Option<String>> {
    let Some(given) = given.filter(|value| !neutral(value)) else { return Ok(None) };
    match given.as_str() {
        Some("medium") => Ok(None),
        Some("low" | "high") => Ok(Some(
            "text.verbosity had no effect: say in the instructions how long the answer shall be, \
             or set max_output_tokens"
                .to_owned(),
        )),
        _ => {
            let message = format!("text.verbosity is {given}; use low, medium or high");
            Err(refused("text.verbosity", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use cairn_kernel::Error;
    use serde_json::json;

    use super::*;

    fn noted(more: &Value) -> Result<Vec<String>> {
        let mut body = json!({"input": "How high is it?"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let request =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        notes(&request)
    }

    #[test]
    fn what_has_no_effect_is_told() -> Result<()> {
        for (more, said) in [
            (json!({"reasoning": {"effort": "low", "summary": "auto"}}), "reasoning"),
            (json!({"text": {"verbosity": "high"}}), "text.verbosity"),
            (json!({"include": ["reasoning.encrypted_content"]}), "'reasoning.encrypted_content'"),
        ] {
            let notes = noted(&more)?;
            assert!(notes.len() == 1 && notes[0].contains(said), "{more} {notes:?}");
        }
        Ok(())
    }

    #[test]
    fn what_asks_for_nothing_needs_no_note() -> Result<()> {
        for more in [
            json!({}),
            json!({"reasoning": {}, "text": {"verbosity": "medium"}, "include": []}),
            json!({"reasoning": {"effort": "none", "summary": null}, "text": {"verbosity": null}}),
            json!({"reasoning": null, "include": ["file_search_call.results"]}),
        ] {
            assert!(noted(&more)?.is_empty(), "{more}");
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (more, name) in [
            (json!({"reasoning": "low"}), "reasoning"),
            (json!({"text": {"verbosity": "loud"}}), "text.verbosity"),
        ] {
            let refused = noted(&more).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{more}");
        }
    }
}
