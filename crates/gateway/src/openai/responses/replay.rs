//! The events of a kept answer, as they were sent when it was made.

use serde_json::{Map, Value, json};

/// Plays a kept response again. `pieces` are the characters of each delta of its texts and
/// arguments, in the order of its items; with none, or with others than these have, each comes as
/// one.
pub(super) fn events(body: &Value, pieces: &[usize]) -> Vec<Value> {
    let items = body["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said: usize = items.iter().flat_map(texts).map(|text| text.chars().count()).sum();
    let pieces = if pieces.iter().sum::<usize>() == said { pieces } else { &[] };
    let mut player = Player { events: Vec::new(), output: 0, pieces: pieces.iter() };
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
    for item in items {
        match item["type"].as_str() {
            Some("file_search_call") => player.search(item),
            Some("function_call") => player.call(item),
            _ => player.message(item),
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

/// What is said in pieces of an item.
fn texts(item: &Value) -> Vec<&str> {
    if let Some(arguments) = item["arguments"].as_str() {
        return vec![arguments];
    }
    let parts = item["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str().or_else(|| part["refusal"].as_str())).collect()
}

struct Player<'p> {
    events: Vec<Value>,
    /// Number of the item that is played.
    output: usize,
    /// Those that are not played yet.
    pieces: std::slice::Iter<'p, usize>,
}

impl Player<'_> {
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

    fn search(&mut self, item: &Value) {
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

    fn call(&mut self, item: &Value) {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["arguments"] = json!("");
        self.item("response.output_item.added", &begun);
        let place = json!({"item_id": item["id"], "output_index": self.output});
        for delta in self.cut(item["arguments"].as_str().unwrap_or_default()) {
            let fields = merged(&place, json!({"delta": delta}));
            self.add("response.function_call_arguments.delta", fields);
        }
        let done = json!({"name": item["name"], "arguments": item["arguments"]});
        self.add("response.function_call_arguments.done", merged(&place, done));
        self.item("response.output_item.done", item);
    }

    fn message(&mut self, item: &Value) {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        begun["content"] = json!([]);
        self.item("response.output_item.added", &begun);
        for (number, part) in item["content"].as_array().into_iter().flatten().enumerate() {
            self.part(item, number, part);
        }
        self.item("response.output_item.done", item);
    }

    fn part(&mut self, item: &Value, number: usize, part: &Value) {
        let place = json!({
            "item_id": item["id"], "output_index": self.output, "content_index": number,
        });
        let with = |fields: Value| merged(&place, fields);
        let mut empty = part.clone();
        if let Some(refusal) = part["refusal"].as_str() {
            empty["refusal"] = json!("");
            self.add("response.content_part.added", with(json!({"part": empty})));
            for delta in self.cut(refusal) {
                self.add("response.refusal.delta", with(json!({"delta": delta})));
            }
            self.add("response.refusal.done", with(json!({"refusal": refusal})));
            self.add("response.content_part.done", with(json!({"part": part})));
            return;
        }
        empty["text"] = json!("");
        empty["annotations"] = json!([]);
        let text = part["text"].as_str().unwrap_or_default();
        self.add("response.content_part.added", with(json!({"part": empty})));
        for delta in self.cut(text) {
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

    /// The text in its pieces, which are the next ones; as one where there are none.
    fn cut<'t>(&mut self, text: &'t str) -> Vec<&'t str> {
        let mut rest = text;
        let mut cut = Vec::new();
        while !rest.is_empty() {
            let piece = self.pieces.next().copied().unwrap_or(usize::MAX);
            let end = rest.char_indices().nth(piece).map_or(rest.len(), |(end, _)| end);
            let (head, tail) = rest.split_at(end);
            cut.push(head);
            rest = tail;
        }
        // Pieces without a character belong to what was said before them.
        while !cut.is_empty() && self.pieces.as_slice().first() == Some(&0) {
            self.pieces.next();
            cut.push("");
        }
        cut
    }
}

fn merged(place: &Value, fields: Value) -> Value {
    let mut whole = fields;
    if let (Some(whole), Some(place)) = (whole.as_object_mut(), place.as_object()) {
        whole.extend(place.clone());
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The deltas of a response with these texts, the last as arguments of a call.
    fn deltas(text: &str, arguments: &str, pieces: &[usize]) -> Vec<String> {
        let message = json!({"type": "message", "id": "msg_1",
            "content": [{"type": "output_text", "text": text, "annotations": []}]});
        let call = json!({"type": "function_call", "id": "fc_1", "name": "f",
            "arguments": arguments});
        let body = json!({"status": "completed", "output": [message, call]});
        let events = events(&body, pieces);
        let told = events.iter().filter_map(|event| event["delta"].as_str());
        told.map(str::to_owned).collect()
    }

    #[test]
    fn texts_and_arguments_are_cut_as_they_were_or_not_at_all() {
        let cut = deltas("h\u{e9}llo you", "{\"a\":1}", &[2, 3, 4, 1, 6]);
        assert_eq!(cut, ["h\u{e9}", "llo", " you", "{", "\"a\":1}"]);
        assert_eq!(deltas("hello", "{}", &[2, 2]), ["hello", "{}"]);
        assert_eq!(deltas("hello", "{}", &[]), ["hello", "{}"]);
        assert_eq!(deltas("", "{}", &[2]), ["{}"]);
    }

    #[test]
    fn a_scrubbed_or_cancelled_answer_is_played_without_its_end_or_pieces() {
        let body = json!({"status": "cancelled", "background": true, "output": []});
        let kinds: Vec<Value> =
            events(&body, &[]).into_iter().map(|event| event["type"].clone()).collect();
        assert_eq!(kinds, ["response.created", "response.queued", "response.in_progress"]);
    }
}
