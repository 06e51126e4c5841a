//! Calls of functions among the items of a talk, and what came of them.
//!
//! A call that was cut off at the token limit is kept and shown, but nobody answers it, so it is
//! no turn.

use cairn_kernel::{Error, Id, Result};
use cairn_services::ChatMessage;
use serde_json::{Value, json};

use super::{input, refused};
use crate::openai::convert::text_of;

/// The parts of an output that are texts.
const TEXTS: [&str; 1] = ["input_text"];

/// A call as it is kept.
///
/// # Errors
/// `Invalid` naming the field at `place`.
pub(super) fn keep_call(item: &Value, place: &str) -> Result<Value> {
    let arguments = item.get("arguments").and_then(Value::as_str).ok_or_else(|| {
        let message = format!("{place} has no arguments that are a text; send the call as it came");
        refused(&format!("{place}.arguments"), message)
    })?;
    let status = if is_cut_off(item) { "incomplete" } else { "completed" };
    Ok(json!({
        "id": Id::generate("fc_"),
        "type": "function_call",
        "call_id": named(item, "call_id", place)?,
        "name": named(item, "name", place)?,
        "arguments": arguments,
        "status": status,
    }))
}

/// What came of a call, as it is kept.
///
/// # Errors
/// `Invalid` naming the field at `place`.
pub(super) fn keep_output(item: &Value, place: &str) -> Result<Value> {
    let given = item.get("output").unwrap_or(&Value::Null);
    text_of(given, &format!("{place}.output"), &TEXTS)?;
    let text = |part: &Value| json!({"type": "input_text", "text": part["text"]});
    let output = match given {
        Value::Array(parts) => parts.iter().map(text).collect(),
        text => text.clone(),
    };
    Ok(json!({
        "id": Id::generate("fco_"),
        "type": "function_call_output",
        "call_id": named(item, "call_id", place)?,
        "output": output,
        "status": "completed",
    }))
}

fn named<'i>(item: &'i Value, name: &str, place: &str) -> Result<&'i str> {
    let text = item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| {
        let message = format!("{place} has no {name}; a call and its output name it");
        refused(&format!("{place}.{name}"), message)
    })
}

fn is(item: &Value, kind: &str) -> bool {
    item.get("type").and_then(Value::as_str) == Some(kind)
}

/// Whether an item is a call.
pub(super) fn is_call(item: &Value) -> bool {
    is(item, "function_call")
}

/// Whether an item says what came of a call.
pub(in crate::openai) fn is_output(item: &Value) -> bool {
    is(item, "function_call_output")
}

fn is_cut_off(item: &Value) -> bool {
    item.get("status").and_then(Value::as_str) == Some("incomplete")
}

fn text<'i>(item: &'i Value, name: &str) -> &'i str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The first output among `items` whose call is neither in front of it nor among the items
/// `earlier`: its place, and the name of the call.
pub(in crate::openai) fn unanswered<'i>(
    earlier: &[Value],
    items: &'i [Value],
) -> Option<(usize, &'i str)> {
    let mut outputs = items.iter().enumerate().filter(|(_, item)| is_output(item));
    outputs.find_map(|(at, output)| {
        let call = text(output, "call_id");
        let made =
            |item: &Value| is_call(item) && !is_cut_off(item) && text(item, "call_id") == call;
        let mut before = earlier.iter().chain(items.iter().take(at));
        (!before.any(made)).then_some((at, call))
    })
}

/// Refuses an output among `items`, which were just sent, whose call is neither in front of it nor
/// among the items `earlier`. What was sent as one item may have become several in `items`; the
/// place is that among those that were `sent`.
///
/// # Errors
/// `Invalid` naming the call.
pub(super) fn answering(earlier: &[Value], items: &[Value], sent: &[Value]) -> Result<()> {
    let Some((at, call)) = unanswered(earlier, items) else { return Ok(()) };
    let output = items.get(at).map(input::id);
    let number = sent.iter().position(|item| Some(input::id(item)) == output);
    let place = format!("input[{}]", number.unwrap_or(at));
    let remedy = "send its function_call item in front of it, or the previous_response_id or \
                  conversation it is in";
    Err(uncalled(&place, call, remedy))
}

/// The refusal of the output at `place` of a call that was not made.
pub(in crate::openai) fn uncalled(place: &str, call: &str, remedy: &str) -> Error {
    let message =
        format!("{place} is the output of the call '{call}', which was not made before; {remedy}");
    refused(&format!("{place}.call_id"), message)
}

/// The turns of a talk: calls that follow each other, and the text in front of them, are one turn
/// of an assistant, behind which stands what came of each. An output whose call is gone (deleted,
/// or left out with the oldest items) is left out too.
///
/// # Errors
/// `Invalid` for a call that has no output.
pub(super) fn turns(items: &[Value]) -> Result<Vec<ChatMessage>> {
    let mut turns: Vec<ChatMessage> = Vec::new();
    // Of the calls of the last turn.
    let mut outputs: Vec<ChatMessage> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if is_call(item) {
            if is_cut_off(item) {
                continue;
            }
            let output = output(item, items.iter().skip(at + 1))?;
            let last = turns.last_mut().filter(|last| last.role == "assistant");
            let last = last.filter(|last| last.tool_calls.is_none() || !outputs.is_empty());
            match last {
                Some(last) => call(last, item),
                None => {
                    let mut calling = ChatMessage::new("assistant", "");
                    call(&mut calling, item);
                    turns.push(calling);
                }
            }
            outputs.push(output);
        } else if is_output(item) {
            turns.append(&mut outputs);
        } else if let Some(turn) = input::turn(item, "item")? {
            turns.append(&mut outputs);
            turns.push(turn);
        }
    }
    turns.append(&mut outputs);
    Ok(turns)
}

/// Adds a call to a turn, in OpenAI's form.
fn call(turn: &mut ChatMessage, item: &Value) {
    let made = json!({"id": text(item, "call_id"), "type": "function", "function": {
        "name": text(item, "name"), "arguments": text(item, "arguments")}});
    match &mut turn.tool_calls {
        Some(Value::Array(calls)) => calls.push(made),
        calls => *calls = Some(json!([made])),
    }
}

/// The turn of a tool that says what came of `call`.
fn output<'i>(call: &Value, after: impl Iterator<Item = &'i Value>) -> Result<ChatMessage> {
    let id = text(call, "call_id");
    let mut outputs = after.filter(|item| is_output(item));
    let found = outputs.find(|item| text(item, "call_id") == id).ok_or_else(|| {
        let message = format!(
            "the call '{id}' of the function '{}' has no output; send an item of type \
             function_call_output with its call_id before anything else is said",
            text(call, "name")
        );
        refused("input", message)
    })?;
    let said = text_of(found.get("output").unwrap_or(&Value::Null), "output", &TEXTS)?;
    let tool_call_id = Some(id.to_owned());
    Ok(ChatMessage { tool_call_id, ..ChatMessage::new("tool", said) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: &str, text: &str) -> Value {
        json!({"role": role, "content": text})
    }

    fn called(id: &str) -> Value {
        json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
    }

    fn came(id: &str) -> Value {
        json!({"type": "function_call_output", "call_id": id, "output": format!("of {id}")})
    }

    fn kept(items: &[Value]) -> Result<Vec<Value>> {
        items.iter().map(|item| input::keep(item, "input")).collect()
    }

    /// Roles of turns, with the calls that they make or answer.
    fn told(items: &[Value]) -> Result<Vec<String>> {
        let turns = turns(&kept(items)?)?;
        let told = turns.iter().map(|turn| {
            let calls = turn.tool_calls.as_ref().and_then(Value::as_array);
            let made = calls.into_iter().flatten().filter_map(|call| call["id"].as_str());
            let named: Vec<&str> = made.chain(turn.tool_call_id.as_deref()).collect();
            format!("{} {}", turn.role, named.join(" ")).trim().to_owned()
        });
        Ok(told.collect())
    }

    #[test]
    fn calls_and_outputs_are_kept_whole() -> Result<()> {
        let call = keep_call(&called("call_1"), "input[0]")?;
        assert!(input::id(&call).starts_with("fc_"));
        assert_eq!((&call["name"], &call["status"]), (&json!("f"), &json!("completed")));
        let output = keep_output(&came("call_1"), "input[1]")?;
        assert!(input::id(&output).starts_with("fco_"));
        assert_eq!(
            (&output["output"], &output["call_id"]),
            (&json!("of call_1"), &json!("call_1"))
        );
        let mut parts = came("call_1");
        parts["output"] = json!([{"type": "input_text", "text": "a", "more": 1}]);
        let output = keep_output(&parts, "input[1]")?;
        assert_eq!(output["output"], json!([{"type": "input_text", "text": "a"}]));
        Ok(())
    }

    #[test]
    fn what_is_no_call_or_output_is_refused_by_its_place() {
        let call = |more: Value| {
            let mut call = called("call_1");
            for (name, value) in more.as_object().into_iter().flatten() {
                call[name] = value.clone();
            }
            call
        };
        for (item, param) in [
            (call(json!({"call_id": ""})), "input[3].call_id"),
            (call(json!({"name": null})), "input[3].name"),
            (call(json!({"arguments": {}})), "input[3].arguments"),
            (json!({"type": "function_call_output", "output": "x"}), "input[3].call_id"),
            (json!({"type": "function_call_output", "call_id": "c"}), "input[3].output"),
            (
                json!({"type": "function_call_output", "call_id": "c",
                    "output": [{"type": "input_image"}]}),
                "input[3].output",
            ),
        ] {
            let refused = input::keep(&item, "input[3]").err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(param), "{item}");
        }
    }

    #[test]
    fn a_turn_is_its_input_and_its_answer() -> Result<()> {
        let items = [
            json!({"role": "user", "content": [{"type": "input_text", "text": "Who?"}]}),
            json!({"type": "file_search_call", "queries": ["Who?"]}),
            json!({"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "Ada."}]}),
        ];
        let expected = [ChatMessage::new("user", "Who?"), ChatMessage::new("assistant", "Ada.")];
        assert_eq!(turns(&items)?, expected);
        Ok(())
    }

    #[test]
    fn calls_of_one_turn_are_answered_behind_it() -> Result<()> {
        let items = [
            said("user", "What?"),
            said("assistant", "Wait."),
            called("a"),
            called("b"),
            came("b"),
            came("a"),
            called("c"),
            came("c"),
            said("assistant", "So."),
        ];
        let expected =
            ["user", "assistant a b", "tool a", "tool b", "assistant c", "tool c", "assistant"];
        assert_eq!(told(&items)?, expected);
        let turns = turns(&kept(&items)?)?;
        assert_eq!((turns[1].content.as_str(), turns[2].content.as_str()), ("Wait.", "of a"));
        Ok(())
    }

    #[test]
    fn a_call_waits_for_its_output_unless_it_was_cut_off() -> Result<()> {
        let open = told(&[said("user", "What?"), called("a"), said("user", "Well?")]).err();
        let open = open.ok_or_else(|| Error::internal("an open call was passed over"))?;
        assert!(open.param() == Some("input") && open.message().contains("'a'"), "{open}");
        let mut cut = called("a");
        cut["status"] = json!("incomplete");
        assert_eq!(told(&[said("user", "What?"), cut, said("user", "Well?")])?, ["user", "user"]);
        Ok(())
    }

    #[test]
    fn an_output_belongs_to_a_call_before_it() -> Result<()> {
        let sent = kept(&[said("user", "What?"), came("a")])?;
        assert!(answering(&kept(&[called("a")])?, &sent, &sent).is_ok());
        let lost = answering(&kept(&[called("b")])?, &sent, &sent).err();
        assert_eq!(lost.as_ref().and_then(Error::param), Some("input[1].call_id"));
        assert!(lost.is_some_and(|error| error.message().contains("'a'")));
        let late = kept(&[came("a"), called("a")])?;
        assert!(answering(&[], &late, &late).is_err());
        // What was kept before may have lost its call.
        assert_eq!(told(&[said("user", "What?"), came("gone")])?, ["user"]);
        Ok(())
    }
}
