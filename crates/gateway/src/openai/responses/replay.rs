//! The events of a kept answer, as they were sent when it was made.

use serde_json::{Map, Value, json};

/// Plays a kept response again. `pieces` are the characters of each delta of its text; with
/// none, or with others than the text has, the text comes as one.
pub(super) fn events(body: &Value, pieces: &[usize]) -> Vec<Value> {
    let mut player = Player { events: Vec::new(), output: 0 };
    let mut shell = body.clone();
    for (name, value) in [
        ("status", json!("in_progress")),
        ("output", json!([])),
        ("usage", Value::Null),
        ("error", Value::Null),
        ("incomplete_details", Value::Null),
        ("cairn", Value::Null),
    ] {
        shell[name] = value;
    }
    if body["background"] == true {
        let mut queued = shell.clone();
        queued["status"] = json!("queued");
        player.add("response.created", json!({"response": queued}));
        player.add("response.queued", json!({"response": queued}));
    } else {
        player.add("response.created", json!({"response": shell}));
    }
    player.add("response.in_progress", json!({"response": shell}));
    for item in body["output"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("file_search_call") => player.call(item),
            _ => player.message(item, pieces),
        }
        player.output += 1;
    }
    let last = match body["status"].as_str() {
        Some("completed") => Some("response.completed"),
        Some("incomplete") => Some("response.incomplete"),
        Some("failed") => Some("response.failed"),
        // What was cancelled just ends.
        _ => None,
    };
    if let Some(last) = last {
        player.add(last, json!({"response": body}));
    }
    player.events
}

struct Player {
    events: Vec<Value>,
    /// Number of the item that is played.
    output: usize,
}

impl Player {
    fn add(&mut self, kind: &str, fields: Value) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.events.len().into());
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.events.push(Value::Object(event));
    }

    fn item(&mut self, kind: &str, item: &Value) {
        self.add(kind, json!({"output_index": self.output, "item": item}));
    }

    fn call(&mut self, item: &Value) {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["results"] = Value::Null;
        self.item("response.output_item.added", &begun);
        for kind in ["in_progress", "searching", "completed"] {
            let fields = json!({"output_index": self.output, "item_id": item["id"]});
            self.add(&format!("response.file_search_call.{kind}"), fields);
        }
        self.item("response.output_item.done", item);
    }

    fn message(&mut self, item: &Value, pieces: &[usize]) {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["content"] = json!([]);
        self.item("response.output_item.added", &begun);
        for (number, part) in item["content"].as_array().into_iter().flatten().enumerate() {
            self.part(item, number, part, pieces);
        }
        self.item("response.output_item.done", item);
    }

    fn part(&mut self, item: &Value, number: usize, part: &Value, pieces: &[usize]) {
        let place = json!({
            "item_id": item["id"], "output_index": self.output, "content_index": number,
        });
        let with = |fields: Value| merged(&place, fields);
        let mut empty = part.clone();
        empty["text"] = json!("");
        empty["annotations"] = json!([]);
        let text = part["text"].as_str().unwrap_or_default();
        self.add("response.content_part.added", with(json!({"part": empty})));
        for delta in cut(text, pieces) {
            let fields = with(json!({"delta": delta, "logprobs": []}));
            self.add("response.output_text.delta", fields);
        }
        for (at, note) in part["annotations"].as_array().into_iter().flatten().enumerate() {
            let fields = with(json!({"annotation_index": at, "annotation": note}));
            self.add("response.output_text.annotation.added", fields);
        }
        self.add("response.output_text.done", with(json!({"text": text, "logprobs": []})));
        self.add("response.content_part.done", with(json!({"part": part})));
    }
}

fn merged(place: &Value, fields: Value) -> Value {
    let mut whole = fields;
    if let (Some(whole), Some(place)) = (whole.as_object_mut(), place.as_object()) {
        whole.extend(place.clone());
    }
    whole
}

/// The text in pieces of these lengths, if they make it up.
fn cut<'t>(text: &'t str, pieces: &[usize]) -> Vec<&'t str> {
    if text.is_empty() {
        return Vec::new();
    }
    if pieces.iter().sum::<usize>() != text.chars().count() {
        return vec![text];
    }
    let mut rest = text;
    let mut cut = Vec::new();
    for piece in pieces {
        let end = rest.char_indices().nth(*piece).map_or(rest.len(), |(end, _)| end);
        let (head, tail) = rest.split_at(end);
        cut.push(head);
        rest = tail;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_as_it_was_or_not_at_all() {
        assert_eq!(cut("h\u{e9}llo you", &[2, 3, 4]), ["h\u{e9}", "llo", " you"]);
        assert_eq!(cut("hello", &[2, 2]), ["hello"]);
        assert_eq!(cut("hello", &[]), ["hello"]);
        assert!(cut("", &[]).is_empty());
    }

    #[test]
    fn a_scrubbed_or_cancelled_answer_is_played_without_its_end_or_pieces() {
        let body = json!({"status": "cancelled", "background": true, "output": []});
        let kinds: Vec<Value> =
            events(&body, &[]).into_iter().map(|event| event["type"].clone()).collect();
        assert_eq!(kinds, ["response.created", "response.queued", "response.in_progress"]);
    }
}
