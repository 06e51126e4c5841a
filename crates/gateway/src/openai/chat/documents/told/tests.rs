use cairn_services::answer::{Answer, Citation, Confidence, Mode, Provenance};
use cairn_services::records::ChunkRow;
use cairn_services::responses::Outcome;
use cairn_services::retrieve::{Explain, Took};
use serde_json::{Value, json};

use super::*;

const TEXT: &str = "It is 828 m high.";
const SILENT: &str = "The documents do not say.";

fn store() -> (Option<Id>, Vec<Origin>) {
    (Some(Id::from_raw("vs_1")), Vec::new())
}

fn passage(number: i64) -> Passage {
    Passage {
        chunk: ChunkRow {
            seq: number,
            id: format!("chunk_{number}"),
            file_id: format!("file-{number}"),
            filename: "tower.md".into(),
            attributes: "{}".into(),
            revision: 1,
            ordinal: number,
            text: "The tower is 828 m high.".into(),
            heading: "[]".into(),
            page: Some(1),
            char_start: 10,
            char_end: 34,
            tokens: 9,
            context: String::new(),
            label: String::new(),
            match_start: None,
            match_end: None,
            text_version: 0,
        },
        headings: Vec::new(),
        attributes: json!({}),
        score: 0.9,
        dense: Some(0.7),
        bm25: None,
        explain: Explain { fused: 0.9, first_stage: 0.9, ..Explain::default() },
        hits: Vec::new(),
    }
}

fn citation() -> Citation {
    Citation {
        file_id: "file-1".into(),
        file_sha256: "ab".into(),
        filename: "tower.md".into(),
        chunk_id: "chunk_1".into(),
        quote: "The tower is 828 m high.".into(),
        page: Some(1),
        heading: None,
        char_start: 10,
        char_end: 34,
        boxes: Vec::new(),
        sentence_start: 0,
        sentence_end: 17,
        support: 1.0,
        supported: true,
        doubt: None,
    }
}

fn end(text: &str, refused: Option<&str>, cut_off: bool) -> Beat {
    let answer = Answer {
        text: text.into(),
        citations: if refused.is_some() { Vec::new() } else { vec![citation()] },
        unsupported: Vec::new(),
        refused: refused.map(str::to_owned),
        mode: if refused.is_some() { Mode::Extractive } else { Mode::Generative },
        confidence: Confidence::default(),
        model_sha256: Some("ab".into()),
        index_position: 4,
        search_ms: 1.0,
        took: Took::default(),
        write_ms: 2.0,
        cut_off,
        input_tokens: 11,
        cached_tokens: 5,
        output_tokens: 7,
        passages: Vec::new(),
        stripped: Vec::new(),
        notes: Vec::new(),
        provenance: Provenance::default(),
    };
    Beat::End(Box::new(Ended {
        outcome: Outcome::Documents(Box::new(answer)),
        model: "writer".into(),
        usage: ChatUsage { prompt_tokens: 11, cached_tokens: 5, completion_tokens: 7 },
        notes: vec!["a note".into()],
    }))
}

/// The pieces that are given on, and how it ended.
fn told(format: &TextFormat, beats: Vec<Beat>) -> (Vec<Value>, Ending) {
    let mut telling = Telling::new(Instant::now(), store(), format);
    let mut deltas: Vec<Delta> = Vec::new();
    for beat in beats {
        deltas.extend(telling.hear(beat));
    }
    let ending = telling.ending().expect("an end");
    deltas.extend(ending.rest());
    (deltas.iter().map(|delta| json!(delta)).collect(), ending)
}

#[test]
fn a_streamed_text_is_the_whole_one_and_both_end_with_the_sources() {
    let beats = vec![
        Beat::Searching,
        Beat::Found(vec![passage(1)]),
        Beat::Text("It is ".into()),
        Beat::Text("828 m high.".into()),
        end(TEXT, None, false),
    ];
    let (deltas, ending) = told(&TextFormat::Text, beats);
    let last = deltas.last().expect("a piece");
    assert_eq!(last["annotations"][0]["type"], "file_citation");
    assert_eq!(last["annotations"][0]["index"], 17);
    assert_eq!(last["cairn"]["notes"], json!(["a note"]));
    assert_eq!(
        (&last["cairn"]["model"], &last["cairn"]["refused"]),
        (&json!("writer"), &json!(false))
    );
    let text: String = deltas.iter().filter_map(|delta| delta["content"].as_str()).collect();
    assert_eq!((ending.reason.name(), ending.usage.completion_tokens), ("stop", 7));
    let message = json!(ending.message());
    assert_eq!(message["content"], text);
    assert_eq!(text, format!("{TEXT}\n\n[1] tower.md, page 1"));
    assert_eq!(
        (&message["annotations"], &message["cairn"]),
        (&last["annotations"], &last["cairn"])
    );
    assert_eq!((&message["refusal"], &message["cairn"]["took"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_question_that_is_not_answered_has_the_nearest_passages_and_no_sources() {
    let beats = vec![
        Beat::Found((1..=5).map(passage).collect()),
        Beat::Text(SILENT.into()),
        end(SILENT, Some("too far"), false),
    ];
    let message = json!(told(&TextFormat::Text, beats).1.message());
    assert_eq!((&message["content"], &message["annotations"]), (&json!(SILENT), &json!([])));
    assert_eq!(
        (&message["cairn"]["refused"], &message["cairn"]["reason"]),
        (&json!(true), &json!("too far"))
    );
    assert_eq!(message["cairn"]["nearest"].as_array().map(Vec::len), Some(3));
}

#[test]
fn json_comes_whole_and_without_sources() {
    let json_text = "{\"metres\":828}";
    let beats = vec![
        Beat::Found(vec![passage(1)]),
        Beat::Text("{\"metres\":".into()),
        Beat::Text("828}".into()),
        end(json_text, None, true),
    ];
    let (deltas, ending) = told(&TextFormat::JsonObject, beats);
    assert_eq!((deltas.len(), &deltas[0]), (2, &json!({"content": json_text})));
    assert_eq!(ending.reason.name(), "length");
    assert_eq!(json!(ending.message())["content"], json_text);
}

#[test]
fn a_refusal_of_json_is_no_content() {
    let beats = vec![
        Beat::Found(vec![passage(1)]),
        Beat::Text("{\"metres".into()),
        Beat::Refusal(SILENT.into()),
        end(SILENT, Some("too far"), false),
    ];
    let (deltas, ending) = told(&TextFormat::JsonObject, beats);
    assert_eq!(deltas[0], json!({"refusal": SILENT}));
    let message = json!(ending.message());
    assert_eq!((&message["content"], &message["refusal"]), (&Value::Null, &json!(SILENT)));
}

#[test]
fn each_file_that_was_found_is_what_the_answer_rests_on() {
    let mut telling = Telling::new(Instant::now(), store(), &TextFormat::Text);
    telling.hear(Beat::Found(vec![passage(1), passage(2), passage(1)]));
    let files: Vec<&str> = telling.quoted().iter().map(|origin| origin.file.as_str()).collect();
    assert_eq!(files, ["file-1", "file-2"]);
    assert!(telling.quoted().iter().all(|origin| origin.stores == ["vs_1"]));
}
