//! Earlier turns, out of kept answers or of a conversation.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use cairn_services::records::Origin;
use cairn_services::{Page, Services};
use serde_json::Value;

use super::{calls, refused};

/// Most answers that follow each other and are read.
const TURNS_MAX: usize = 1000;
/// Most items of a conversation that are read.
const ITEMS_MAX: i64 = 4000;

/// What came before a question.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Items that were asked and answered, oldest first.
    pub(super) items: Vec<Value>,
    /// What they rest on: when it is deleted, what was said of it goes as well.
    pub(super) sources: Vec<Origin>,
}

/// The answers that end with the answer `previous`; of an endless talk the latest ones, if it
/// may be truncated.
///
/// # Errors
/// `NotFound` when that answer is not kept (any more), `Invalid` when it is under way, and
/// for an endless talk that may not be truncated.
pub(super) async fn load(
    services: &Services,
    scope: &Scope,
    previous: &Id,
    truncate: bool,
) -> Result<Earlier> {
    // Asked before and after, for a delete in between takes from the sources, not from what was
    // read of them; and something may be added.
    let mut sources = services.responses.sources(scope, previous).await?;
    let mut answers: Vec<Vec<Value>> = Vec::new();
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
            if truncate {
                break;
            }
            return Err(endless(
                "previous_response_id",
                &format!("more than {TURNS_MAX} answers follow each other"),
            ));
        }
        let mut body: Value =
            serde_json::from_str(&row.body).or_internal("reading a kept response")?;
        let mut items: Vec<Value> =
            serde_json::from_str(&row.input).or_internal("reading input items")?;
        if let Value::Array(output) = body["output"].take() {
            // What was found is neither said nor asked again.
            items.extend(output.into_iter().filter(|item| !is_search(item)));
        }
        answers.push(items);
        next = body.get("previous_response_id").and_then(Value::as_str).map(Id::from_raw);
    }
    // An answer rests on what those before it rested on, and says so.
    for source in services.responses.sources(scope, previous).await? {
        Origin::add(&mut sources, source);
    }
    Ok(Earlier { items: answers.into_iter().rev().flatten().collect(), sources })
}

/// What was said in a conversation so far; in an endless one the latest, if it may be
/// truncated.
///
/// # Errors
/// `NotFound`, `Invalid` for an endless talk that may not be truncated.
pub(super) async fn of_conversation(
    services: &Services,
    scope: &Scope,
    id: &Id,
    truncate: bool,
) -> Result<Earlier> {
    let mut sources = services.conversations.sources(scope, id).await?;
    // The newest first: where there are too many, the latest are what is needed.
    let rows = services.conversations.items(scope, id, &Page::first(ITEMS_MAX + 1)).await;
    let rows = rows.map_err(|error| error.with_param("conversation"))?;
    let endless_talk = i64::try_from(rows.len()).is_ok_and(|count| count > ITEMS_MAX);
    if endless_talk && !truncate {
        let what = format!("the conversation has more than {ITEMS_MAX} items");
        return Err(endless("conversation", &what));
    }
    let items = rows.into_iter().rev().map(|row| serde_json::from_str(&row.body));
    let mut items: Vec<Value> = items.collect::<Result<_, _>>().or_internal("reading an item")?;
    items.retain(|item| !is_search(item));
    if endless_talk {
        items = from_a_question(items);
    }
    for source in services.conversations.sources(scope, id).await? {
        Origin::add(&mut sources, source);
    }
    Ok(Earlier { items, sources })
}

fn endless(field: &str, what: &str) -> Error {
    let remedy = "send \"truncation\": \"auto\" to leave the oldest out, or begin a new talk";
    refused(field, format!("{what}; {remedy}"))
}

/// Whether an item is the record of a search.
fn is_search(item: &Value) -> bool {
    item["type"] == "file_search_call"
}

/// What follows half a turn.
fn from_a_question(items: Vec<Value>) -> Vec<Value> {
    let half = |item: &Value| {
        item["role"] == "assistant" || calls::is_call(item) || calls::is_output(item)
    };
    items.into_iter().skip_while(half).collect()
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
    fn an_endless_talk_begins_with_a_question_or_is_told_what_to_do() {
        let said = |role: &str, text: &str| json!({"role": role, "content": text});
        let items =
            vec![said("assistant", "Ada."), said("user", "Who?"), said("assistant", "Ida.")];
        assert_eq!(from_a_question(items.clone()), items[1..]);
        let came = json!({"type": "function_call_output", "call_id": "a", "output": "x"});
        let cut: Vec<Value> = [came].into_iter().chain(items.clone()).collect();
        assert_eq!(from_a_question(cut), items[1..]);
        let error = endless("conversation", "it is long");
        assert_eq!(error.param(), Some("conversation"));
        assert!(error.message().contains("auto"), "{error}");
    }
}
