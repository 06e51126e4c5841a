//! The input of a question: a text, or messages of which the last is the question, or what came
//! of functions that were called to answer it.

use cairn_kernel::{Error, Id, Result};
use cairn_services::responses::AskedFile;
use cairn_services::{ChatMessage, Order, Page};
use serde_json::{Value, json};

use crate::openai::convert::text_of;
use crate::openai::files_asked::{self, is_file};

use super::{attached, calls, refused};

/// What was asked, in which conversation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Input {
    /// The question; empty until [`Input::follow`] where only outputs of functions were sent.
    pub(super) question: String,
    /// Turns of users and assistants before it, oldest first.
    pub(super) history: Vec<ChatMessage>,
    /// Calls of functions to answer it and what came of them; empty where none came yet.
    pub(super) after: Vec<ChatMessage>,
    /// What systems and developers said, in order.
    pub(super) system: Vec<String>,
    /// The items of this request, as they are kept.
    pub(super) items: Vec<Value>,
    /// The files in them, as they were sent.
    pub(super) files: Vec<AskedFile>,
}

impl Input {
    /// Reads the `input` of a request; what was said in it is known after [`Input::follow`].
    pub(super) fn read(input: &Value) -> Result<Self> {
        let items = items(input)?;
        let files = attached::sent(input)?;
        let mut said = Vec::new();
        for item in items.iter().rev() {
            if calls::is_output(item) {
                break;
            }
            said.extend(turn(item, "item")?.filter(|turn| turn.role != "system"));
            if !said.is_empty() || calls::is_call(item) {
                break;
            }
        }
        let answered = said.is_empty() && items.iter().any(calls::is_output);
        let last = said.pop().filter(|turn| turn.role == "user").map(|turn| turn.content);
        let question = last.filter(|text| !text.trim().is_empty());
        if question.is_none() && !answered {
            return Err(refused(
                "input",
                "the last item must be a user's question, not empty, or the output of a function",
            ));
        }
        Ok(Self {
            question: question.unwrap_or_default(),
            history: Vec::new(),
            after: Vec::new(),
            system: Vec::new(),
            items,
            files,
        })
    }

    /// Takes what is said in the items `earlier` and then in its `own`, which are those of the
    /// request with what compactions hold in their place.
    ///
    /// # Errors
    /// `Invalid` for an output without its call, a call without its output, and where no user
    /// asked anything.
    pub(super) fn follow(&mut self, earlier: Vec<Value>, own: Vec<Value>) -> Result<()> {
        calls::answering(&earlier, &own, &self.items)?;
        let all: Vec<Value> = earlier.into_iter().chain(own).collect();
        let (system, mut spoken) = split(calls::turns(&all)?);
        let asked = spoken.iter().rposition(|turn| turn.role == "user");
        let asked = asked.filter(|at| !spoken[*at].content.trim().is_empty()).ok_or_else(|| {
            let message = "no user asked anything before; send the question as well";
            refused("input", message)
        })?;
        let mut after = spoken.split_off(asked + 1);
        self.question = spoken.pop().map(|turn| turn.content).unwrap_or_default();
        if !after.iter().any(|turn| turn.role == "tool") {
            spoken.append(&mut after);
        }
        (self.system, self.history, self.after) = (system, spoken, after);
        Ok(())
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

fn split(turns: Vec<ChatMessage>) -> (Vec<String>, Vec<ChatMessage>) {
    let (system, spoken): (Vec<_>, Vec<_>) =
        turns.into_iter().partition(|turn| turn.role == "system");
    (system.into_iter().map(|turn| turn.content).collect(), spoken)
}

/// The turn of a message; `None` for the record of an earlier search, whose answer follows as a
/// message, for a compaction, which has to be opened first, for calls ([`calls::turns`]), and for
/// an answer that was taken back, and for files without a text.
pub(super) fn turn(item: &Value, place: &str) -> Result<Option<ChatMessage>> {
    if kind(item, place)? != Kind::Message || is_taken_back(item) {
        return Ok(None);
    }
    let role = match role(item, place)? {
        "developer" => "system",
        other => other,
    };
    let content = item.get("content").unwrap_or(&Value::Null);
    let texts = files_asked::without(content, is_file);
    // A file by itself says nothing.
    if texts.as_array().is_some_and(Vec::is_empty) && texts != *content {
        return Ok(None);
    }
    let text = text_of(&texts, &format!("{place}.content"), &TEXTS)?;
    Ok(Some(ChatMessage::new(role, text)))
}

/// Whether an item is an answer that was begun and taken back: a message without a part.
pub(super) fn is_taken_back(item: &Value) -> bool {
    let parts = item.get("content").and_then(Value::as_array);
    item.get("role").and_then(Value::as_str) == Some("assistant")
        && parts.is_some_and(Vec::is_empty)
}

/// The parts of content that are texts.
const TEXTS: [&str; 4] = ["input_text", "output_text", "text", "refusal"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Search,
    Compaction,
    Call,
    Output,
}

fn kind(item: &Value, place: &str) -> Result<Kind> {
    match item.get("type").and_then(Value::as_str) {
        None | Some("message") => Ok(Kind::Message),
        Some("file_search_call") => Ok(Kind::Search),
        Some("compaction") => Ok(Kind::Compaction),
        Some("function_call") => Ok(Kind::Call),
        Some("function_call_output") => Ok(Kind::Output),
        Some(other) => {
            let message = format!(
                "{place} is of type '{other}'; only messages, function_call and \
                 function_call_output are supported"
            );
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
    if kind == Kind::Call {
        return calls::keep_call(item, place);
    }
    if kind == Kind::Output {
        return calls::keep_output(item, place);
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
    let at = format!("{place}.content");
    // Checks every part; what is kept are the parts.
    text_of(&files_asked::without(content, is_file), &at, &TEXTS)?;
    let part = |(number, part): (usize, &Value)| match is_file(part) {
        true if role != "user" => Err(refused(
            &at,
            format!("{at}[{number}] is a file, which only a user's message has; send it in one"),
        )),
        true => files_asked::keep(part, &format!("{at}[{number}]")),
        false => Ok(text_part(part, role)),
    };
    let parts: Vec<Value> = match content {
        Value::Array(parts) => parts.iter().enumerate().map(part).collect::<Result<_>>()?,
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
    let refusal = part.get("refusal").filter(|_| part["type"] == "refusal");
    if let Some(refusal) = refusal.filter(|_| role == "assistant") {
        return json!({"type": "refusal", "refusal": refusal});
    }
    let text = refusal.unwrap_or(&part["text"]);
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

    /// What is read of `input` where nothing was said before.
    fn read(input: &Value) -> Result<Input> {
        after(&[], input)
    }

    /// What is read of `input` behind the items `earlier`.
    fn after(earlier: &[Value], input: &Value) -> Result<Input> {
        let earlier: Result<Vec<Value>> = earlier.iter().map(|item| keep(item, "item")).collect();
        let mut read = Input::read(input)?;
        let own = read.items.clone();
        read.follow(earlier?, own)?;
        Ok(read)
    }

    fn called(id: &str) -> Value {
        json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
    }

    fn came(id: &str) -> Value {
        json!({"type": "function_call_output", "call_id": id, "output": "8 degrees"})
    }

    fn said(role: &str, text: &str) -> Value {
        json!({"role": role, "content": text})
    }

    #[test]
    fn an_output_answers_the_question_before_it() -> Result<()> {
        let asked = [said("user", "Who?"), said("assistant", "Ada."), said("user", "How cold?")];
        let whole = [asked.as_slice(), &[called("a"), came("a")]].concat();
        let earlier = [asked.as_slice(), &[called("a")]].concat();
        for read in [read(&json!(whole))?, after(&earlier, &json!([came("a")]))?] {
            let roles = |turns: &[ChatMessage]| {
                turns.iter().map(|turn| turn.role.clone()).collect::<Vec<_>>()
            };
            assert_eq!(read.question, "How cold?");
            assert_eq!(roles(&read.history), ["user", "assistant"]);
            assert_eq!(roles(&read.after), ["assistant", "tool"]);
            assert_eq!(read.after[1].tool_call_id.as_deref(), Some("a"));
        }
        let next = [earlier.as_slice(), &[came("a"), said("assistant", "8.")]].concat();
        let read = after(&next, &json!("And tomorrow?"))?;
        assert_eq!((read.question.as_str(), read.after.len()), ("And tomorrow?", 0));
        assert_eq!(read.history.len(), 6);
        Ok(())
    }

    #[test]
    fn an_output_without_its_call_or_question_is_refused() {
        for (earlier, input, param) in [
            (vec![said("user", "Who?")], json!([came("a")]), "input[0].call_id"),
            (vec![said("user", "Who?"), called("a")], json!("Well?"), "input"),
            (vec![called("a")], json!([came("a")]), "input"),
            (vec![], json!([said("user", "Who?"), called("a")]), "input"),
            (vec![], json!([said("user", "Who?"), came("b")]), "input[1].call_id"),
        ] {
            let refused = after(&earlier, &input).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(param), "{input}");
        }
    }

    #[test]
    fn a_text_is_the_question() -> Result<()> {
        let read = read(&json!("How high?"))?;
        assert_eq!((read.question.as_str(), read.history.len()), ("How high?", 0));
        assert_eq!(read.items[0]["content"][0]["type"], "input_text");
        assert_eq!(read.instructions(None), None);
        Ok(())
    }

    #[test]
    fn the_last_message_is_the_question_and_the_others_are_history() -> Result<()> {
        let read = read(&json!([
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
    fn a_file_stands_beside_the_question_and_is_no_turn() -> Result<()> {
        let file = json!({"type": "input_file", "filename": "a.txt", "file_data": "SWRh"});
        let read = read(&json!([
            {"role": "user", "content": [file]},
            {"role": "user", "content": [{"type": "input_text", "text": "Who?"},
                {"type": "input_file", "file_id": "file-1"}]},
        ]))?;
        assert_eq!((read.question.as_str(), read.history.len()), ("Who?", 0));
        assert_eq!(read.files.len(), 2);
        assert_eq!(read.items[1]["content"][1], json!({"type": "input_file", "file_id": "file-1"}));
        assert!(!json!(read.items).to_string().contains("SWRh"), "bytes are not kept");
        Ok(())
    }

    #[test]
    fn a_refusal_is_kept_as_one_and_was_said() -> Result<()> {
        let refusal = json!({"type": "refusal", "refusal": "The documents do not say."});
        let read = read(&json!([
            {"role": "user", "content": "Who?"},
            {"role": "assistant", "content": [refusal]},
            {"role": "user", "content": [refusal]},
        ]))?;
        let silent = "The documents do not say.";
        assert_eq!((read.history[1].content.as_str(), read.question.as_str()), (silent, silent));
        assert_eq!(read.items[1]["content"], json!([refusal]));
        assert_eq!(read.items[2]["content"], json!([{"type": "input_text", "text": silent}]));
        Ok(())
    }

    #[test]
    fn an_answer_that_was_taken_back_was_not_said() -> Result<()> {
        let refusal = json!({"type": "refusal", "refusal": "The answer was withheld."});
        let read = read(&json!([
            {"role": "user", "content": "Who?"},
            {"type": "message", "role": "assistant", "status": "incomplete", "content": []},
            {"role": "assistant", "content": [refusal]},
            {"role": "user", "content": "When?"},
        ]))?;
        let history: Vec<&str> = read.history.iter().map(|turn| turn.content.as_str()).collect();
        assert_eq!(history, ["Who?", "The answer was withheld."]);
        assert_eq!(read.items.len(), 4, "what was sent is kept");
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
        read.follow(Vec::new(), opened)?;
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
            (json!([{"role": "user", "content": [{"type": "input_file"}]}]), "input[0].content[0]"),
            (
                json!([{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]),
                "input",
            ),
            (
                json!([{"role": "assistant", "content": [{"type": "input_file", "file_id": "f"}]}]),
                "input[0].content",
            ),
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
