//! Earlier turns of a conversation, out of kept answers.

use cairn_kernel::{Id, Kind, Result, ResultExt, Scope};
use cairn_services::{ChatMessage, Services};
use serde_json::Value;

use super::{input, refused};

/// Most answers in one conversation.
const TURNS_MAX: usize = 100;

/// What came before a question.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Inputs and answers, oldest first.
    pub(super) turns: Vec<ChatMessage>,
    /// The files they rest on: when one is deleted, what was said of it goes as well.
    pub(super) sources: Vec<String>,
}

/// The conversation that ends with the answer `previous`.
///
/// # Errors
/// `NotFound` when that answer is not kept (any more), `Invalid` for an endless talk.
pub(super) async fn load(services: &Services, scope: &Scope, previous: &Id) -> Result<Earlier> {
    let mut earlier = Earlier::default();
    let mut answers: Vec<Vec<ChatMessage>> = Vec::new();
    let mut next = Some(previous.clone());
    while let Some(id) = next {
        let row = match services.responses.get(scope, &id).await {
            Ok(row) => row,
            // What was deleted is not remembered, but what followed it still is.
            Err(gone) if gone.kind() == Kind::NotFound && !answers.is_empty() => break,
            Err(error) => return Err(error.with_param("previous_response_id")),
        };
        if answers.len() == TURNS_MAX {
            return Err(refused(
                "previous_response_id",
                format!("the conversation has more than {TURNS_MAX} answers; begin a new one"),
            ));
        }
        let body: Value = serde_json::from_str(&row.body).or_internal("reading a kept response")?;
        let asked: Vec<Value> =
            serde_json::from_str(&row.input).or_internal("reading input items")?;
        answers.push(turns(&asked, &body)?);
        collect_files(&body, &mut earlier.sources);
        next = body.get("previous_response_id").and_then(Value::as_str).map(Id::from_raw);
    }
    earlier.turns = answers.into_iter().rev().flatten().collect();
    Ok(earlier)
}

/// What was asked and answered in one turn.
fn turns(asked: &[Value], body: &Value) -> Result<Vec<ChatMessage>> {
    let output = body.get("output").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut turns = Vec::new();
    for item in asked.iter().chain(output) {
        turns.extend(input::turn(item, "item")?);
    }
    Ok(turns)
}

/// Adds every file that `value` names to `files`, each once.
pub(super) fn collect_files(value: &Value, files: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(id) if name == "file_id" => {
                        if !files.contains(id) {
                            files.push(id.clone());
                        }
                    }
                    _ => collect_files(value, files),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_files(item, files)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_file_an_answer_shows_is_its_source() {
        let body = json!({
            "output": [
                {"type": "file_search_call", "results": [{"file_id": "file-1", "text": "t"}]},
                {"type": "message", "content": [{"annotations": [{"file_id": "file-2"}]}]},
            ],
            "cairn": {"nearest": [{"file_id": "file-1"}, {"file_id": "file-3"}]},
        });
        let mut files = vec!["file-0".to_owned()];
        collect_files(&body, &mut files);
        files.sort();
        assert_eq!(files, ["file-0", "file-1", "file-2", "file-3"]);
    }

    #[test]
    fn a_turn_is_its_input_and_its_answer() -> Result<()> {
        let asked = [json!({"role": "user", "content": [{"type": "input_text", "text": "Who?"}]})];
        let body = json!({"output": [
            {"type": "file_search_call", "queries": ["Who?"]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ada."}]},
        ]});
        let expected = [ChatMessage::new("user", "Who?"), ChatMessage::new("assistant", "Ada.")];
        assert_eq!(turns(&asked, &body)?, expected);
        Ok(())
    }
}
