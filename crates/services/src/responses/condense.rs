//! The essence of an answer, for a conversation that grows long.
//!
//! No model writes it: JSON stays as it is, and of prose a sentence that a document supports stays word for word with its
//! citations, so it can be checked, and a delete finds it, as in the answer itself.

use std::ops::Range;

use serde_json::Value;

use crate::answer::is_silent;
use crate::leaves::is_json;
use crate::retold::{Retold, sentence_of, touch};

/// Stands where sentences stood.
const GAP: &str = "[…]";
/// Sentences that stay of an answer that cites nothing.
const LEAD: usize = 3;

/// What remains of an item of a conversation: what users and systems said as it is, of an
/// answer the sentences that its citations support, or its first three where it has no
/// citation; nothing of a search.
pub fn condense(item: &Value) -> Option<Value> {
    if item.get("type").and_then(Value::as_str) == Some("file_search_call") {
        return None;
    }
    let mut item = item.clone();
    if item.get("role").and_then(Value::as_str) == Some("assistant") {
        match item.get_mut("content") {
            Some(Value::String(text)) => *text = lead(text).text,
            Some(Value::Array(parts)) => parts.iter_mut().for_each(part),
            _ => {}
        }
    }
    Some(item)
}

fn part(part: &mut Value) {
    let Some(text) = part.get("text").and_then(Value::as_str).map(str::to_owned) else { return };
    // Half of it would be none.
    if is_json(&text) {
        return;
    }
    let citations = part.get("annotations").and_then(Value::as_array).cloned().unwrap_or_default();
    let supported = |citation: &&Value| citation["cairn"]["supported"] == true;
    let vouched: Vec<Range<usize>> =
        citations.iter().filter(supported).filter_map(sentence_of).collect();
    let retold = if is_silent(&text) || vouched.is_empty() {
        lead(&text)
    } else {
        Retold::new(&text, GAP, |_, place| vouched.iter().any(|range| touch(range, place)))
    };
    let kept: Vec<Value> = citations.into_iter().filter_map(|note| retold.moved(note)).collect();
    part["text"] = retold.text.into();
    part["annotations"] = kept.into();
    // They speak of tokens that are gone.
    if let Some(logprobs) = part.get_mut("logprobs") {
        *logprobs = Value::Array(Vec::new());
    }
}

fn lead(text: &str) -> Retold {
    let mut seen = 0;
    Retold::new(text, GAP, |_, _| {
        seen += 1;
        seen <= LEAD
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(text: &str, notes: &[(Range<usize>, bool)]) -> Value {
        let notes: Vec<Value> = notes
            .iter()
            .map(|(range, supported)| {
                json!({"type": "file_citation", "file_id": "file-1", "index": range.end, "cairn": {
                    "sentence_start": range.start, "sentence_end": range.end,
                    "supported": supported, "quote": "words"}})
            })
            .collect();
        json!({"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": text, "annotations": notes, "logprobs": []}]})
    }

    #[test]
    fn supported_sentences_stay_with_their_citations() {
        let text = "You ask about the lamp. It is electric. It may be old. Ida left in 1989.";
        let said = answer(text, &[(24..39, true), (40..54, false), (55..72, true)]);
        let short = condense(&said).unwrap();
        let part = &short["content"][0];
        assert_eq!(part["text"], "[…] It is electric. […] Ida left in 1989.");
        let notes = part["annotations"].as_array().unwrap();
        assert_eq!(notes.len(), 2);
        let places: Vec<_> = notes.iter().filter_map(sentence_of).collect();
        assert_eq!(places, [4..19, 24..41]);
        assert_eq!(notes[0]["file_id"], "file-1");
    }

    #[test]
    fn an_answer_without_citations_keeps_how_it_begins() {
        let short = condense(&answer("One. Two. Three. Four. Five.", &[])).unwrap();
        assert_eq!(short["content"][0]["text"], "One. Two. Three. […]");
        let plain = json!({"role": "assistant", "content": "One. Two."});
        assert_eq!(condense(&plain).unwrap()["content"], "One. Two.");
    }

    #[test]
    fn json_and_refusals_stay_whole() {
        let said = answer("{\"a\": \"One. Two. Three. Four. Five.\"}", &[(7..11, true)]);
        assert_eq!(condense(&said), Some(said));
        let refused = json!({"type": "message", "role": "assistant", "content": [
            {"type": "refusal", "refusal": "The documents do not say."}]});
        assert_eq!(condense(&refused), Some(refused));
    }

    #[test]
    fn what_people_said_stays_and_searches_go() {
        let asked = json!({"role": "user", "content": "One. Two. Three. Four. Five."});
        assert_eq!(condense(&asked), Some(asked));
        assert_eq!(condense(&json!({"type": "file_search_call", "results": []})), None);
    }
}
