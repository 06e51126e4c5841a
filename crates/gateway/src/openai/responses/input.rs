//! The input of a question: a text, or messages of which the last is the question.

use cairn_kernel::{Error, Id, Result};
use cairn_services::{ChatMessage, Order, Page};
use serde_json::{Value, json};

use crate::openai::convert::text_of;

use super::refused;

/// What was asked, in which conversation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Input {
    /// The question.
    pub(super) question: String,
    /// Turns of users and assistants before it, oldest first.
    pub(super) history: Vec<ChatMessage>,
    /// What systems and developers said, in order.
    pub(super) system: Vec<String>,
    /// The items of this request, as they are kept.
    pub(super) items: Vec<Value>,
}

impl Input {
    /// Reads the `input` of a request.
    pub(super) fn read(input: &Value) -> Result<Self> {
        let (mut turns, mut items) = (Vec::new(), Vec::new());
        match input {
            Value::String(text) => turns.push(ChatMessage::new("user", text)),
            Value::Array(given) => {
                for (number, item) in given.iter().enumerate() {
                    turns.extend(turn(item, &format!("input[{number}]"))?);
                }
            }
            _ => return Err(refused("input", "input must be a text or a list of messages")),
        }
        for turn in &turns {
            items.push(kept(turn));
        }
        let (system, mut spoken) = split(turns);
        let question = spoken.pop().filter(|last| last.role == "user");
        let question = question.map(|last| last.content).filter(|text| !text.trim().is_empty());
        let Some(question) = question else {
            return Err(refused(
                "input",
                "the last message must be a user's question, and not empty",
            ));
        };
        Ok(Self { question, history: spoken, system, items })
    }

    /// Puts earlier turns in front.
    pub(super) fn precede(&mut self, turns: Vec<ChatMessage>) {
        let (mut system, mut history) = split(turns);
        system.append(&mut self.system);
        history.append(&mut self.history);
        (self.system, self.history) = (system, history);
    }

    /// The instructions of the request and the words of systems, as one text.
    pub(super) fn instructions(&self, given: Option<&str>) -> Option<String> {
        let all: Vec<&str> =
            given.into_iter().chain(self.system.iter().map(String::as_str)).collect();
        (!all.is_empty()).then(|| all.join("\n"))
    }
}

fn split(turns: Vec<ChatMessage>) -> (Vec<String>, Vec<ChatMessage>) {
    let (system, spoken): (Vec<_>, Vec<_>) =
        turns.into_iter().partition(|turn| turn.role == "system");
    (system.into_iter().map(|turn| turn.content).collect(), spoken)
}

/// The turn of an input item; `None` for the record of an earlier search, whose
/// answer follows as a message.
pub(super) fn turn(item: &Value, place: &str) -> Result<Option<ChatMessage>> {
    match item.get("type").and_then(Value::as_str) {
        None | Some("message") => {}
        Some("file_search_call") => return Ok(None),
        Some(other) => {
            let message = format!("{place} is of type '{other}'; only messages are supported");
            return Err(Error::invalid(message).with_param(format!("{place}.type")));
        }
    }
    let role = match item.get("role").and_then(Value::as_str).unwrap_or("") {
        "system" | "developer" => "system",
        "user" => "user",
        "assistant" => "assistant",
        other => {
            let message =
                format!("{place} has the role '{other}'; use user, assistant, system or developer");
            return Err(Error::invalid(message).with_param(format!("{place}.role")));
        }
    };
    let content = item.get("content").unwrap_or(&Value::Null);
    let kinds = ["input_text", "output_text", "text"];
    let text = text_of(content, &format!("{place}.content"), &kinds)?;
    Ok(Some(ChatMessage::new(role, text)))
}

/// A turn as an item that can be listed.
fn kept(turn: &ChatMessage) -> Value {
    let part = if turn.role == "assistant" {
        json!({"type": "output_text", "text": turn.content, "annotations": [], "logprobs": []})
    } else {
        json!({"type": "input_text", "text": turn.content})
    };
    json!({
        "id": Id::generate("msg_"),
        "type": "message",
        "role": turn.role,
        "status": "completed",
        "content": [part],
    })
}

/// The id of an item.
pub(super) fn id(item: &Value) -> String {
    item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The items of a page, of kept items in the order they were sent.
pub(super) fn page(mut items: Vec<Value>, page: &Page) -> Result<Vec<Value>> {
    if page.order == Order::Descending {
        items.reverse();
    }
    if let Some(after) = &page.after {
        let Some(place) = items.iter().position(|item| id(item) == after.as_str()) else {
            return Err(refused(
                "after",
                format!("the item '{after}' is not among the input items"),
            ));
        };
        items.drain(..=place);
    }
    items.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_question() -> Result<()> {
        let read = Input::read(&json!("How high?"))?;
        assert_eq!((read.question.as_str(), read.history.len()), ("How high?", 0));
        assert_eq!(read.items[0]["content"][0]["type"], "input_text");
        assert_eq!(read.instructions(None), None);
        Ok(())
    }

    #[test]
    fn the_last_message_is_the_question_and_the_others_are_history() -> Result<()> {
        let read = Input::read(&json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "Who?"}]},
            {"type": "file_search_call", "id": "fs_1", "queries": ["Who?"], "status": "completed"},
            {"type": "message", "role": "assistant", "content":
                [{"type": "output_text", "text": "Ada.", "annotations": []}]},
            {"role": "user", "content": "When?"},
        ]))?;
        assert_eq!(read.question, "When?");
        let history: Vec<&str> = read.history.iter().map(|turn| turn.content.as_str()).collect();
        assert_eq!(history, ["Who?", "Ada."]);
        assert_eq!(read.instructions(Some("Cite.")).as_deref(), Some("Cite.\nBe brief."));
        assert_eq!(read.items.len(), 4);
        Ok(())
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for (input, name) in [
            (json!(""), "input"),
            (json!([]), "input"),
            (json!(5), "input"),
            (json!([{"role": "assistant", "content": "Hi."}]), "input"),
            (json!([{"role": "tool", "content": "x"}]), "input[0].role"),
            (json!([{"type": "item_reference", "id": "msg_1"}]), "input[0].type"),
            (json!([{"role": "user", "content": [{"type": "input_image"}]}]), "input[0].content"),
        ] {
            let refused = Input::read(&input).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{input}");
        }
    }

    #[test]
    fn items_are_paged_in_both_orders() -> Result<()> {
        let items: Vec<Value> = ["a", "b", "c"].iter().map(|id| json!({"id": id})).collect();
        let newest = Page { limit: 2, order: Order::Descending, after: None };
        let ids = |items: Vec<Value>| items.iter().map(id).collect::<Vec<_>>();
        assert_eq!(ids(page(items.clone(), &newest)?), ["c", "b"]);
        let after = Page { limit: 9, order: Order::Ascending, after: Some(Id::from_raw("a")) };
        assert_eq!(ids(page(items.clone(), &after)?), ["b", "c"]);
        let unknown = Page { after: Some(Id::from_raw("x")), ..after };
        assert!(page(items, &unknown).is_err());
        Ok(())
    }
}
