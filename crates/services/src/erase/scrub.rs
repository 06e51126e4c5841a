//! Takes the words of a file that was deleted, or whose store was, out of what was answered
//! from it.
//!
//! Answers are kept as items in OpenAI's form. A search result, a citation and a nearest
//! passage name their file, so those of the deleted one go. A sentence of the answer stays
//! only if another file supports it, the deleted one does not, and each of its content words
//! stands in what is quoted of others: what nobody vouches for may well be the deleted
//! file's. The others are replaced by a notice. An answer in JSON stays JSON: what holds for a
//! sentence holds for each of its texts and for the keys that the caller's schema does not have, and
//! numbers and flags that nothing else vouches for become null. A refusal in the program's own words has none of documents, and stays.

use std::collections::HashSet;
use std::ops::Range;

use cairn_search::{Analyzer, Language};
use serde_json::{Value, json};

use crate::answer::{Provenance, is_asking, is_refusal, is_silent, own_words, terms};
use crate::leaves::{Kind, Leaf, is_json};
use crate::retold::{Retold, sentence_of, touch};

/// Stands where sentences stood.
pub(crate) const NOTICE: &str = "[Removed: the source was deleted.]";

/// Why the words of a file go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The file was deleted.
    File,
    /// The store that it was found through was; the file remains.
    Store,
}

/// The keys and texts of the schema that a kept response was asked to keep to; they are its caller's.
pub(super) fn given(body: &Value) -> HashSet<String> {
    body.pointer("/text/format/schema").map(own_words).unwrap_or_default()
}

/// Scrubs a kept response, where `given` are the caller's own keys.
pub(super) fn response(body: &mut Value, file: &str, given: &HashSet<String>) {
    items(body.get_mut("output"), file, given);
    if let Some(extra) = body.get_mut("cairn").filter(|extra| extra.is_object()) {
        forget_hits(extra.get_mut("nearest"), file);
        forget_hits(extra.get_mut("passages"), file);
        // An address or its text may be made of the file's words.
        if let Some(links) = extra.get_mut("stripped_links") {
            *links = json!([]);
        }
        // Sentences without support are gone, with those that rested on the file.
        extra["unsupported"] = json!([]);
        extra["scrubbed"] = json!(true);
    }
}

/// Scrubs what is kept of how an answer came about: the file's words in the prompt, and
/// what was answered before, which may rest on it. Ids, places, scores and hashes stay.
pub(super) fn provenance(provenance: &mut Provenance, file: &str, gone: Gone) {
    for passage in provenance.passages.iter_mut().filter(|passage| passage.file_id == file) {
        passage.erased |= gone == Gone::File;
        passage.suspicious = None;
    }
    let Some(prompt) = &mut provenance.prompt else { return };
    for turn in &mut prompt.messages {
        if turn.role == "assistant" && !is_silent(&turn.content) {
            NOTICE.clone_into(&mut turn.content);
        }
        let calls = turn.tool_calls.as_mut().and_then(Value::as_array_mut);
        for call in calls.into_iter().flatten() {
            if let Some(function) = call.get_mut("function") {
                forget_arguments(function);
            }
        }
    }
    let Some(last) = prompt.messages.last_mut() else { return };
    let (mut text, mut at) = (String::new(), 0);
    for source in &mut prompt.sources {
        text.push_str(last.content.get(at..source.start).unwrap_or_default());
        let start = text.len();
        if source.file_id == file {
            text.push_str(NOTICE);
        } else {
            text.push_str(last.content.get(source.start..source.end).unwrap_or_default());
        }
        at = source.end;
        (source.start, source.end) = (start, text.len());
    }
    text.push_str(last.content.get(at..).unwrap_or_default());
    last.content = text;
}

/// Scrubs a list of items.
pub(super) fn items(items: Option<&mut Value>, file: &str, given: &HashSet<String>) {
    for entry in items.and_then(Value::as_array_mut).into_iter().flatten() {
        item(entry, file, given);
    }
}

/// Scrubs one item.
pub(super) fn item(item: &mut Value, file: &str, given: &HashSet<String>) {
    if item.get("type").and_then(Value::as_str) == Some("file_search_call") {
        forget_hits(item.get_mut("results"), file);
        return;
    }
    if item.get("type").and_then(Value::as_str) == Some("function_call") {
        forget_arguments(item);
        return;
    }
    // What people said is theirs.
    if item.get("role").and_then(Value::as_str) != Some("assistant") {
        return;
    }
    match item.get_mut("content") {
        Some(Value::String(text)) if !is_silent(text) => NOTICE.clone_into(text),
        Some(Value::Array(parts)) => parts.iter_mut().for_each(|text| part(text, file, given)),
        _ => {}
    }
}

/// What a function was called with may be made of the file's words.
fn forget_arguments(call: &mut Value) {
    call["arguments"] = json!("{}");
}

fn forget_hits(hits: Option<&mut Value>, file: &str) {
    if let Some(hits) = hits.and_then(Value::as_array_mut) {
        hits.retain(|hit| !names(hit, file));
    }
}

fn names(value: &Value, file: &str) -> bool {
    value.get("file_id").and_then(Value::as_str) == Some(file)
}

fn part(part: &mut Value, file: &str, given: &HashSet<String>) {
    if let Some(Value::String(refusal)) = part.get_mut("refusal")
        && !is_refusal(refusal)
    {
        NOTICE.clone_into(refusal);
    }
    let Some(text) = part.get("text").and_then(Value::as_str).map(str::to_owned) else { return };
    if is_silent(&text) {
        return;
    }
    let annotations = part.get_mut("annotations").and_then(Value::as_array_mut);
    let annotations = annotations.map(std::mem::take).unwrap_or_default();
    let marks: Vec<Mark<'_>> = annotations.iter().map(|note| Mark::read(note, file)).collect();
    let rewritten = match is_json(&text) {
        true => refill(&text, &marks, given),
        false => rewrite(&text, &marks),
    };
    let moved = annotations.iter().zip(&marks).filter(|(_, mark)| !mark.gone);
    let moved: Vec<Value> = moved.filter_map(|(note, _)| rewritten.moved(note.clone())).collect();
    part["text"] = rewritten.text.into();
    part["annotations"] = moved.into();
}

/// What an annotation says of the text.
struct Mark<'a> {
    /// Whether it is of the deleted file.
    gone: bool,
    /// The characters it speaks of.
    range: Option<Range<usize>>,
    /// Whether it is enough to vouch for them.
    supported: bool,
    /// The words of its file.
    quote: &'a str,
}

impl<'a> Mark<'a> {
    fn read(annotation: &'a Value, file: &str) -> Self {
        let ours = annotation.get("cairn");
        let supported = ours.and_then(|ours| ours.get("supported")).and_then(Value::as_bool);
        Self {
            gone: names(annotation, file),
            range: sentence_of(annotation),
            supported: supported.unwrap_or(false),
            quote: ours.and_then(|ours| ours.get("quote")).and_then(Value::as_str).unwrap_or(""),
        }
    }

    fn touches(&self, sentence: &Range<usize>) -> bool {
        // One that does not say where it stands may stand anywhere.
        self.range.as_ref().map_or(self.gone, |range| touch(range, sentence))
    }
}

/// Whether the deleted file has nothing to do with a sentence that these annotations speak of.
fn is_of_others(sentence: &str, touching: &[&Mark<'_>]) -> bool {
    if touching.iter().any(|mark| mark.gone) || !touching.iter().any(|mark| mark.supported) {
        return false;
    }
    // Half of a sentence's words are enough for support; the other half may be the file's.
    let analyzer = Analyzer::new(Language::detect(touching.iter().map(|mark| mark.quote)));
    let quoted: HashSet<String> =
        touching.iter().flat_map(|mark| terms(&analyzer, mark.quote)).collect();
    terms(&analyzer, sentence).iter().all(|term| quoted.contains(term) || is_asking(term))
}

/// The text without what the deleted file has to do with.
fn rewrite(text: &str, marks: &[Mark<'_>]) -> Retold {
    Retold::new(text, NOTICE, |sentence, place| {
        let touching: Vec<_> = marks.iter().filter(|mark| mark.touches(place)).collect();
        is_of_others(sentence, &touching)
    })
}

/// JSON without what the deleted file has to do with.
fn refill(text: &str, marks: &[Mark<'_>], given: &HashSet<String>) -> Retold {
    let mut keys = 0;
    Retold::of_json(text, |leaf, place| {
        let touching: Vec<_> = marks.iter().filter(|mark| mark.touches(place)).collect();
        let gone = touching.iter().any(|mark| mark.gone);
        let vouched = || !gone && touching.iter().any(|mark| mark.supported);
        match leaf.kind {
            Kind::Key if !gone && (given.contains(&leaf.said) || stays(leaf, &touching)) => None,
            // No two keys of an object are the same.
            Kind::Key => {
                keys += 1;
                Some(if keys == 1 { NOTICE.to_owned() } else { format!("{NOTICE} ({keys})") })
            }
            Kind::Null => None,
            Kind::Text => (!stays(leaf, &touching)).then(|| NOTICE.to_owned()),
            // Its digits were compared when it was cited.
            Kind::Number => (!vouched()).then(|| "null".to_owned()),
            Kind::Flag => Some("null".to_owned()),
        }
    })
}

/// Whether a text of JSON has no words, or the deleted file has nothing to do with it.
fn stays(leaf: &Leaf, touching: &[&Mark<'_>]) -> bool {
    !leaf.said.contains(char::is_alphanumeric) || is_of_others(&leaf.said, touching)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: &str = "Die Dokumente sagen es nicht.";

    fn note(file: &str, range: Range<usize>, supported: bool) -> Value {
        json!({"type": "file_citation", "file_id": file, "index": range.end, "cairn": {
            "quote": words(&range), "supported": supported,
            "sentence_start": range.start, "sentence_end": range.end,
        }})
    }

    /// What a file says of the characters of [`TEXT`].
    fn words(range: &Range<usize>) -> &'static str {
        TEXT.get(range.clone()).unwrap_or_default()
    }

    const TEXT: &str = "The lamp is electric. Ida left in 1989. Nobody knows why. It turns slowly.";

    fn answer(annotations: &[Value]) -> Value {
        json!({"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": TEXT, "annotations": annotations, "logprobs": []},
        ]})
    }

    #[test]
    fn what_another_file_supports_stays_in_its_place() {
        let mut said = answer(&[
            note("file-1", 0..21, true),
            note("file-2", 22..39, true),
            note("file-1", 58..74, true),
        ]);
        item(&mut said, "file-1", &HashSet::new());
        let part = &said["content"][0];
        assert_eq!(part["text"], format!("{NOTICE} Ida left in 1989. {NOTICE}"));
        let kept = part["annotations"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(kept.len(), 1);
        let start = NOTICE.chars().count() + 1;
        assert_eq!(kept[0]["cairn"]["sentence_start"], start);
        assert_eq!(kept[0]["cairn"]["sentence_end"], start + 17);
        assert_eq!(kept[0]["index"], start + 17);
        assert!(!said.to_string().contains("file-1"));
    }

    #[test]
    fn a_call_forgets_what_it_was_made_with_and_people_keep_theirs() {
        let mut call = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1",
            "name": "mail", "arguments": "{\"text\": \"The lamp is new.\"}"});
        item(&mut call, "file-1", &HashSet::new());
        assert_eq!((&call["arguments"], &call["call_id"]), (&json!("{}"), &json!("call_1")));
        let output = json!({"type": "function_call_output", "call_id": "call_1", "output": "sent"});
        let mut kept = output.clone();
        item(&mut kept, "file-1", &HashSet::new());
        assert_eq!(kept, output);
    }

    #[test]
    fn json_stays_json_and_loses_what_the_file_said() {
        let text = r#"{"lamp": "electric", "keeper": "Ida", "left": 1989, "height": 12, "old": true, "note": null, "more": "", "x": ["Ida", "why"]}"#;
        let schema = json!({"properties": {"lamp": {}, "keeper": {}, "left": {}, "height": {},
            "old": {}, "note": {}, "more": {}, "x": {}}});
        let given = given(&json!({"text": {"format": {"type": "json_schema", "schema": schema}}}));
        let note = |file: &str, words: &str, quote: &str, supported: bool| {
            let start = text.find(words).unwrap_or_default();
            let end = start + words.len();
            json!({"type": "file_citation", "file_id": file, "index": end, "cairn": {
                "quote": quote, "supported": supported,
                "sentence_start": start, "sentence_end": end,
            }})
        };
        let mut said = json!({"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": text, "logprobs": [], "annotations": [
                note("file-1", "electric", "The lamp is electric.", true),
                note("file-2", "Ida", "Ida left in 1989.", true),
                note("file-2", "1989", "Ida left in 1989.", true),
                note("file-1", "12", "It is 12 m high.", true),
            ]},
        ]});
        item(&mut said, "file-1", &given);
        let part = &said["content"][0];
        let kept: Value = serde_json::from_str(part["text"].as_str().unwrap()).unwrap();
        let expected = json!({"lamp": NOTICE, "keeper": "Ida", "left": 1989, "height": null,
            "old": null, "note": null, "more": "", "x": [NOTICE, NOTICE]});
        assert_eq!(kept, expected);
        let notes = part["annotations"].as_array().unwrap();
        assert_eq!(notes.len(), 2);
        for (note, words) in notes.iter().zip(["Ida", "1989"]) {
            let place = sentence_of(note).unwrap();
            let text: Vec<char> = part["text"].as_str().unwrap().chars().collect();
            assert_eq!(text[place].iter().collect::<String>(), words);
        }
        item(&mut said, "file-2", &given);
        let rest: Value =
            serde_json::from_str(said["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!((&rest["keeper"], &rest["left"]), (&json!(NOTICE), &Value::Null));
    }

    #[test]
    fn keys_of_the_file_go_and_a_refusal_stays() {
        let text = r#"{"Ida": 1, "Tor": 2, "Bea": 3, "Una": 4}"#;
        let note = |file: &str, start: usize| {
            json!({"type": "file_citation", "file_id": file, "index": start + 3, "cairn": {
                "quote": "Ida, Tor and Bea", "supported": true,
                "sentence_start": start, "sentence_end": start + 3,
            }})
        };
        let mut said = json!({"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": text,
                "annotations": [note("file-1", 2), note("file-2", 12), note("file-1", 22)]},
            {"type": "refusal", "refusal": "The documents do not say."},
            {"type": "refusal", "refusal": "I cannot tell that Ida left."},
        ]});
        item(&mut said, "file-1", &HashSet::new());
        // Nobody vouches for the last one, and no schema has it.
        let expected = format!(
            r#"{{"{NOTICE}": null, "Tor": null, "{NOTICE} (2)": null, "{NOTICE} (3)": null}}"#
        );
        assert_eq!(said["content"][0]["text"], expected);
        assert_eq!(said["content"][1]["refusal"], "The documents do not say.");
        assert_eq!(said["content"][2]["refusal"], NOTICE);
    }

    #[test]
    fn a_sentence_of_both_files_goes_and_so_does_one_of_neither() {
        let both = [note("file-1", 0..21, false), note("file-2", 0..21, true)];
        let mut said = answer(&both);
        item(&mut said, "file-1", &HashSet::new());
        assert_eq!(said["content"][0]["text"], NOTICE);
        let mut unsure = answer(&[note("file-2", 0..21, false)]);
        item(&mut unsure, "file-1", &HashSet::new());
        assert_eq!(unsure["content"][0]["text"], NOTICE);
    }

    #[test]
    fn a_sentence_with_a_word_that_no_other_file_has_goes() {
        let said = |quote: &str| {
            let mut note = note("file-2", 22..39, true);
            note["cairn"]["quote"] = quote.into();
            let mut said = answer(&[note]);
            item(&mut said, "file-1", &HashSet::new());
            said["content"][0]["text"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(said("Somebody left in the spring of 1989."), NOTICE);
        let others = said("In 1989, it is said, Ida Thorne left it.");
        assert_eq!(others, format!("{NOTICE} Ida left in 1989. {NOTICE}"));
    }

    #[test]
    fn a_citation_without_a_place_takes_the_whole_text() {
        let bare = json!({"type": "file_citation", "file_id": "file-1", "index": 3});
        let mut said = answer(&[bare, note("file-2", 0..21, true)]);
        item(&mut said, "file-1", &HashSet::new());
        assert_eq!(said["content"][0]["text"], NOTICE);
    }

    #[test]
    fn the_words_of_a_file_leave_the_prompt_and_the_others_stay_in_their_place() {
        let prompt = "Sources:\n[1] «The lamp is new.»\n[2] «It is höher.»\nQuestion: How?";
        let turns = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is new?"},
            {"role": "assistant", "content": "The lamp."},
            {"role": "user", "content": prompt},
        ]);
        let span = |number: usize, file: &str, words: &str| {
            let start = prompt.find(words).unwrap_or_default();
            let end = start + words.len();
            json!({"number": number, "file_id": file, "start": start, "end": end})
        };
        let passage = |file: &str| {
            json!({"number": 1, "chunk_id": "chunk_1", "file_id": file, "file_sha256": "ab",
                "revision": 1, "char_start": 0, "char_end": 9, "score": 0.5, "dense": null,
                "bm25": null, "suspicious": null})
        };
        let kept = json!({
            "program": "1", "index_position": 4, "asked_model": "cairn", "embedding": null,
            "language": null, "sampling": null, "retrieval": null,
            "passages": [passage("file-1"), passage("file-2")],
            "prompt": {"messages": turns, "sha256": "cd", "template_sha256": null,
                "instructions": null, "canary": "xyz", "sources": [
                    span(1, "file-1", "The lamp is new."), span(2, "file-2", "It is höher."),
                ]},
        });
        let mut found: Provenance = serde_json::from_value(kept).unwrap();
        provenance(&mut found, "file-1", Gone::File);
        let prompt = found.prompt.clone().unwrap();
        let last = &prompt.messages[3].content;
        assert!(last.contains(NOTICE) && !last.contains("lamp"), "{last}");
        assert_eq!(prompt.messages[2].content, NOTICE);
        assert_eq!(prompt.messages[1].content, "What is new?");
        let other = &prompt.sources[1];
        assert_eq!(&last[other.start..other.end], "It is höher.");
        assert_eq!(prompt.sha256, "cd");
        assert!(found.passages[0].erased && !found.passages[1].erased);
        // Again, and for the other one.
        provenance(&mut found, "file-1", Gone::File);
        provenance(&mut found, "file-2", Gone::Store);
        assert!(!found.passages[1].erased, "the file itself is still there");
        let last = &found.prompt.unwrap().messages[3].content;
        assert!(last.starts_with("Sources:\n[1] «") && last.ends_with("Question: How?"), "{last}");
        assert!(!last.contains("höher"), "{last}");
    }

    #[test]
    fn results_and_nearest_passages_go_and_what_people_said_stays() {
        let hits = json!([{"file_id": "file-1", "text": "a"}, {"file_id": "file-2", "text": "b"}]);
        let mut body = json!({
            "output": [{"type": "file_search_call", "queries": ["q"], "results": hits}],
            "cairn": {"refused": true, "nearest": hits, "unsupported": [{"start": 0, "end": 2}],
                "passages": [{"file_id": "file-1"}, {"file_id": "file-2"}],
                "stripped_links": [{"url": "https://evil.net/?q=the+words+of+file-1"}]},
        });
        response(&mut body, "file-1", &HashSet::new());
        assert_eq!(body["output"][0]["results"], json!([{"file_id": "file-2", "text": "b"}]));
        assert_eq!(body["cairn"]["nearest"], body["output"][0]["results"]);
        assert_eq!(body["cairn"]["scrubbed"], true);
        assert_eq!(body["cairn"]["passages"], json!([{"file_id": "file-2"}]));
        assert_eq!(body["cairn"]["stripped_links"], json!([]));
        let mut asked = json!([
            {"role": "user", "content": "What does it say?"},
            {"role": "assistant", "content": "It says so."},
            {"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": SILENT, "annotations": []}]},
        ]);
        items(Some(&mut asked), "file-1", &HashSet::new());
        assert_eq!(asked[0]["content"], "What does it say?");
        assert_eq!(asked[1]["content"], NOTICE);
        assert_eq!(asked[2]["content"][0]["text"], SILENT);
    }
}
