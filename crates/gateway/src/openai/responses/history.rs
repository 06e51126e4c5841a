//! Earlier turns, out of kept answers or of a conversation.

use cairn_kernel::{Id, Kind, Result, ResultExt, Scope};
use cairn_services::{ChatMessage, Order, Page, Services};
use serde_json::Value;

use super::{input, refused};

/// Most answers that follow each other.
const TURNS_MAX: usize = 100;
/// Most items of a conversation that is gone on with.
const ITEMS_MAX: i64 = 400;

/// What came before a question.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Inputs and answers, oldest first.
    pub(super) turns: Vec<ChatMessage>,
    /// The files they rest on: when one is deleted, what was said of it goes as well.
    pub(super) sources: Vec<String>,
}

/// The answers that end with the answer `previous`.
///
/// # Errors
/// `NotFound` when that answer is not kept (any more), `Invalid` when it is under way, and
/// for an endless talk.
pub(super) async fn load(services: &Services, scope: &Scope, previous: &Id) -> Result<Earlier> {
    let mut answers: Vec<Vec<ChatMessage>> = Vec::new();
    let mut next = Some(previous.clone());
    while let Some(id) = next {
        let row = match services.responses.get(scope, &id).await {
            Ok(row) => row,
            // What was deleted is not remembered, but what followed it still is.
            Err(gone) if gone.kind() == Kind::NotFound && !answers.is_empty() => break,
            Err(error) => return Err(error.with_param("previous_response_id")),
        };
        if matches!(row.status.as_str(), "queued" | "in_progress") {
            return Err(refused(
                "previous_response_id",
                format!("response '{id}' is under way; wait until it is complete"),
            ));
        }
        if answers.len() == TURNS_MAX {
            return Err(refused(
                "previous_response_id",
                format!("more than {TURNS_MAX} answers follow each other; begin a new talk"),
            ));
        }
        let body: Value = serde_json::from_str(&row.body).or_internal("reading a kept response")?;
        let asked: Vec<Value> =
            serde_json::from_str(&row.input).or_internal("reading input items")?;
        answers.push(turns(&asked, &body)?);
        next = body.get("previous_response_id").and_then(Value::as_str).map(Id::from_raw);
    }
    // An answer rests on what those before it rested on, and says so.
    let sources = services.responses.sources(scope, previous).await?;
    Ok(Earlier { turns: answers.into_iter().rev().flatten().collect(), sources })
}

/// What was said in a conversation so far.
///
/// # Errors
/// `NotFound`, `Invalid` for an endless talk.
pub(super) async fn of_conversation(
    services: &Services,
    scope: &Scope,
    id: &Id,
) -> Result<Earlier> {
    let page = Page { order: Order::Ascending, ..Page::first(ITEMS_MAX + 1) };
    let rows = services.conversations.items(scope, id, &page).await;
    let rows = rows.map_err(|error| error.with_param("conversation"))?;
    if i64::try_from(rows.len()).is_ok_and(|count| count > ITEMS_MAX) {
        return Err(refused(
            "conversation",
            format!("the conversation has more than {ITEMS_MAX} items; begin a new one"),
        ));
    }
    let mut turns = Vec::new();
    for row in rows {
        let item: Value = serde_json::from_str(&row.body).or_internal("reading an item")?;
        turns.extend(input::turn(&item, "item")?);
    }
    let sources = services.conversations.sources(scope, id).await?;
    Ok(Earlier { turns, sources })
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
pub(in crate::openai) fn collect_files(value: &Value, files: &mut Vec<String>) {
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
