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
        let items = items(input)?;
        let (system, mut spoken) = split(turns(&items)?);
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

    /// Takes what `opened` says before the question, in place of its own items, which are kept
    /// as they are.
    pub(super) fn hear(&mut self, opened: &[Value]) -> Result<()> {
        let (system, mut spoken) = split(turns(opened)?);
        if let Some(question) = spoken.iter().rposition(|turn| turn.role == "user") {
            spoken.remove(question);
        }
        (self.system, self.history) = (system, spoken);
        Ok(())
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

/// The items of an `input`, as they are kept: a text is a user's message.
///
/// # Errors
/// `Invalid` naming the place of what is not supported.
pub(super) fn items(input: &Value) -> Result<Vec<Value>> {
    match input {
        Value::String(text) => Ok(vec![keep(&json!({"role": "user", "content": text}), "input")?]),
        Value::Array(given) => {
            let numbered = given.iter().enumerate();
            numbered.map(|(number, item)| keep(item, &format!("input[{number}]"))).collect()
        }
        _ => Err(refused("input", "input must be a text or a list of messages")),
    }
}

fn turns(items: &[Value]) -> Result<Vec<ChatMessage>> {
    let numbered = items.iter().enumerate();
    let turns = numbered.map(|(number, item)| turn(item, &format!("input[{number}]")));
    turns.filter_map(Result::transpose).collect()
}

fn split(turns: Vec<ChatMessage>) -> (Vec<String>, Vec<ChatMessage>) {
    let (system, spoken): (Vec<_>, Vec<_>) =
        turns.into_iter().partition(|turn| turn.role == "system");
    (system.into_iter().map(|turn| turn.content).collect(), spoken)
}

/// The turn of an input item; `None` for the record of an earlier search, whose
/// answer follows as a message, and for a compaction, which has to be opened first.
pub(super) fn turn(item: &Value, place: &str) -> Result<Option<ChatMessage>> {
    if kind(item, place)? != Kind::Message {
        return Ok(None);
    }
    let role = match role(item, place)? {
        "developer" => "system",
        other => other,
    };
    let content = item.get("content").unwrap_or(&Value::Null);
    let text = text_of(content, &format!("{place}.content"), &TEXTS)?;
    Ok(Some(ChatMessage::new(role, text)))
}

/// The parts of content that are texts.
const TEXTS: [&str; 3] = ["input_text", "output_text", "text"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Search,
    Compaction,
}

fn kind(item: &Value, place: &str) -> Result<Kind> {
    match item.get("type").and_then(Value::as_str) {
        None | Some("message") => Ok(Kind::Message),
        Some("file_search_call") => Ok(Kind::Search),
        Some("compaction") => Ok(Kind::Compaction),
        Some(other) => {
            let message = format!("{place} is of type '{other}'; only messages are supported");
            Err(Error::invalid(message).with_param(format!("{place}.type")))
        }
    }
}

/// What an item names that stands for a compaction.
pub(super) fn compaction(item: &Value) -> Option<&str> {
    let stands = item.get("type").and_then(Value::as_str) == Some("compaction");
    item.get("encrypted_content").and_then(Value::as_str).filter(|_| stands)
}

fn role<'i>(item: &'i Value, place: &str) -> Result<&'i str> {
    match item.get("role").and_then(Value::as_str).unwrap_or("") {
        known @ ("system" | "developer" | "user" | "assistant") => Ok(known),
        other => {
            let message =
                format!("{place} has the role '{other}'; use user, assistant, system or developer");
            Err(Error::invalid(message).with_param(format!("{place}.role")))
        }
    }
}

/// An item as it is kept and listed: complete, with an id of its own, and with what it says
/// of the files that an answer rests on.
///
/// # Errors
/// `Invalid` naming the place of what is not supported.
pub(in crate::openai) fn keep(item: &Value, place: &str) -> Result<Value> {
    let kind = kind(item, place)?;
    if kind == Kind::Compaction {
        let Some(named) = compaction(item) else {
            let message = format!("{place} has no encrypted_content; send the item as it came");
            return Err(refused(&format!("{place}.encrypted_content"), message));
        };
        let id = Id::generate("cmp_");
        return Ok(json!({"id": id, "type": "compaction", "encrypted_content": named}));
    }
    if kind == Kind::Search {
        let list = |name: &str| item.get(name).filter(|value| value.is_array()).cloned();
        return Ok(json!({
            "id": Id::generate("fs_"),
            "type": "file_search_call",
            "status": "completed",
            "queries": list("queries").unwrap_or_else(|| json!([])),
            "results": list("results"),
        }));
    }
    let role = role(item, place)?;
    let content = item.get("content").unwrap_or(&Value::Null);
    // Checks every part; what is kept are the parts.
    text_of(content, &format!("{place}.content"), &TEXTS)?;
    let parts: Vec<Value> = match content {
        Value::Array(parts) => parts.iter().map(|part| text_part(part, role)).collect(),
        text => vec![text_part(&json!({"text": text}), role)],
    };
    Ok(json!({
        "id": Id::generate("msg_"),
        "type": "message",
        "role": role,
        "status": "completed",
        "content": parts,
    }))
}

fn text_part(part: &Value, role: &str) -> Value {
    let text = &part["text"];
    if role != "assistant" {
        return json!({"type": "input_text", "text": text});
    }
    let annotations = part.get("annotations").filter(|notes| notes.is_array()).cloned();
    let annotations = annotations.unwrap_or_else(|| json!([]));
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": []})
}

/// The id of an item.
pub(in crate::openai) fn id(item: &Value) -> String {
    item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The items of a page, of kept items in the order they were sent.
pub(super) fn page(mut items: Vec<Value>, page: &Page) -> Result<Vec<Value>> {
    if page.order == Order::Descending {
        items.reverse();
    }
    let place = |name: &str, cursor: &Id| {
        items.iter().position(|item| id(item) == cursor.as_str()).ok_or_else(|| {
            refused(name, format!("the item '{cursor}' is not among the input items"))
        })
    };
    let most = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let range = match (&page.after, &page.before) {
        (Some(after), _) => {
            let start = place("after", after)? + 1;
            start..items.len().min(start.saturating_add(most))
        }
        (None, Some(before)) => {
            let end = place("before", before)?;
            end.saturating_sub(most)..end
        }
        (None, None) => 0..items.len().min(most),
    };
    Ok(items.drain(range).collect())
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
        assert_eq!(read.items.len(), 5);
        assert_eq!(read.items[0]["role"], "developer");
        Ok(())
    }

    #[test]
    fn what_a_compaction_holds_is_heard_before_the_question() -> Result<()> {
        let compaction =
            json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "resp_1"});
        let mut read = Input::read(&json!([
            {"role": "user", "content": "Who?"},
            compaction,
            {"role": "user", "content": "When?"},
        ]))?;
        assert_eq!(read.question, "When?");
        assert_eq!(read.items[1]["encrypted_content"], "resp_1");
        let mut opened = read.items.clone();
        opened.splice(
            1..2,
            [
                json!({"role": "system", "content": "Be brief."}),
                json!({"role": "assistant", "content": "Ada."}),
            ],
        );
        read.hear(&opened)?;
        let history: Vec<&str> = read.history.iter().map(|turn| turn.content.as_str()).collect();
        assert_eq!((history, read.system), (vec!["Who?", "Ada."], vec!["Be brief.".to_owned()]));
        assert_eq!(read.items.len(), 3, "what was sent is kept");
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
            (json!([{"type": "compaction"}]), "input[0].encrypted_content"),
            (json!([{"role": "user", "content": [{"type": "input_image"}]}]), "input[0].content"),
        ] {
            let refused = Input::read(&input).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{input}");
        }
    }

    #[test]
    fn items_are_paged_in_both_orders() -> Result<()> {
        let items: Vec<Value> = ["a", "b", "c"].iter().map(|id| json!({"id": id})).collect();
        let newest = Page::first(2);
        let ids = |items: Vec<Value>| items.iter().map(id).collect::<Vec<_>>();
        assert_eq!(ids(page(items.clone(), &newest)?), ["c", "b"]);
        let after =
            Page { order: Order::Ascending, after: Some(Id::from_raw("a")), ..Page::first(9) };
        assert_eq!(ids(page(items.clone(), &after)?), ["b", "c"]);
        let before = Page { before: Some(Id::from_raw("a")), ..Page::first(1) };
        assert_eq!(ids(page(items.clone(), &before)?), ["b"]);
        let unknown = Page { after: Some(Id::from_raw("x")), ..after };
        assert!(page(items, &unknown).is_err());
        Ok(())
    }
}
