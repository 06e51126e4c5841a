use cairn_services::answer::{Answer, Citation, Confidence, Mode, Step};
use cairn_services::chat::ChatUsage;
use cairn_services::records::ChunkRow;
use cairn_services::responses::{Ended, Outcome, Written};
use cairn_services::retrieve::{Explain, Took};

use super::*;
use crate::openai::responses::{replay, request};

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
        headings: vec!["Towers".into(), "Height".into()],
        attributes: json!({"year": 2010}),
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
        sentence_end: 15,
        support: 1.0,
        supported: true,
        doubt: None,
    }
}

fn answer(text: &str, refused: Option<&str>, cut_off: bool) -> Step {
    Step::Done(Box::new(Answer {
        text: text.into(),
        citations: if refused.is_some() { Vec::new() } else { vec![citation()] },
        unsupported: Vec::new(),
        refused: refused.map(str::to_owned),
        mode: if refused.is_some() { Mode::Extractive } else { Mode::Generative },
        confidence: Confidence {
            dense: 0.7,
            coverage: 0.9,
            nearness: 0.8,
            score: 0.9,
            ..Confidence::default()
        },
        model_sha256: Some("ab".into()),
        index_position: 4,
        search_ms: 1.0,
        took: Took { embed_ms: 0.5, ..Took::default() },
        write_ms: 2.0,
        cut_off,
        input_tokens: 11,
        cached_tokens: 5,
        output_tokens: 7,
        passages: Vec::new(),
        stripped: Vec::new(),
        notes: Vec::new(),
        provenance: Provenance::default(),
    }))
}

fn script(include: bool) -> Script {
    let body = json!({
        "model": "cairn", "input": "How high?", "temperature": 0.7,
        "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}],
    });
    let asked =
        request::read(serde_json::from_value(body).expect("a request"), 1000).expect("valid");
    let queries = asked.queries();
    Script::new(asked.shell, queries, include)
}

fn play(script: &mut Script, steps: Vec<Step>) -> Vec<Value> {
    let mut events = script.begin();
    for step in steps {
        events.extend(script.step(Beat::of(step, "writer")));
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

#[test]
fn the_events_come_in_the_order_that_clients_expect() {
    let mut script = script(true);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![passage(1)]),
        Step::Text("It is ".into()),
        Step::Text("828 m high.".into()),
        answer("It is 828 m high.", None, false),
    ];
    let events = play(&mut script, steps);
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.file_search_call.in_progress",
        "response.file_search_call.searching",
        "response.file_search_call.completed",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&events), expected);
    let numbers: Vec<_> = events.iter().map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..16).map(Some).collect::<Vec<_>>());
    for event in &events[2..7] {
        assert_eq!(event["output_index"], 0);
    }
    for event in &events[7..15] {
        assert_eq!(event["output_index"], 1);
    }
}

#[test]
fn scores_and_times_are_told_where_they_are_asked_for() {
    for explain in [true, false] {
        let mut script = script(true).explaining(explain);
        let steps = vec![
            Step::Searching,
            Step::Found(vec![passage(1)]),
            answer("The documents do not say.", Some("nothing is near"), false),
        ];
        play(&mut script, steps);
        let finished = json!(script.finished());
        let told = [
            &finished["output"][0]["results"][0]["cairn"]["explain"]["first_stage"],
            &finished["cairn"]["nearest"][0]["cairn"]["explain"]["final"],
            &finished["cairn"]["took"]["embed_ms"],
        ];
        assert!(told.iter().all(|value| value.is_number() == explain), "{finished}");
    }
}

#[test]
fn items_keep_their_ids_and_the_finished_object_has_them() {
    let mut script = script(true);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![passage(1), passage(2)]),
        Step::Text("It is 828 m high.".into()),
        answer("It is 828 m high.", None, false),
    ];
    let events = play(&mut script, steps);
    let response = &events.last().expect("an end")["response"];
    let (call, message) = (&response["output"][0], &response["output"][1]);
    assert_eq!(call["id"], events[2]["item"]["id"]);
    assert_eq!(call["queries"], json!(["How high?"]));
    assert_eq!(call["results"][1]["file_id"], "file-2");
    assert_eq!(call["results"][0]["text"], "The tower is 828 m high.");
    assert_eq!(call["results"][0]["cairn"]["heading"], "Towers › Height");
    let delta = events.iter().find(|event| event["type"] == "response.output_text.delta");
    assert_eq!(delta.expect("a delta")["item_id"], message["id"]);
    let annotation = &message["content"][0]["annotations"][0];
    assert_eq!(
        (annotation["index"].as_u64(), annotation["type"].as_str()),
        (Some(15), Some("file_citation"))
    );
    assert_eq!(annotation["cairn"]["quote"], "The tower is 828 m high.");
    assert_eq!(
        (response["status"].as_str(), response["model"].as_str()),
        (Some("completed"), Some("writer"))
    );
    assert_eq!(response["usage"]["total_tokens"], 18);
    assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 5);
    assert_eq!(response["temperature"], 0.7);
    assert_eq!(response["cairn"]["nearest"], json!([]));
}

#[test]
fn a_refusal_shows_the_three_nearest_passages_and_cites_nothing() {
    let mut script = script(false);
    let steps = vec![
        Step::Searching,
        Step::Found((1..=5).map(passage).collect()),
        Step::Text("The documents do not say.".into()),
        answer("The documents do not say.", Some("too far"), false),
    ];
    play(&mut script, steps);
    let response = json!(script.finished().expect("an end"));
    assert_eq!(response["output"][0]["results"], Value::Null);
    assert_eq!(response["output"][1]["content"][0]["annotations"], json!([]));
    assert_eq!(response["cairn"]["refused"], true);
    assert_eq!(response["cairn"]["nearest"].as_array().map(Vec::len), Some(3));
    assert_eq!(response["model"], "cairn");
}

#[test]
fn an_answer_at_the_token_limit_is_incomplete() {
    let mut script = script(false);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![passage(1)]),
        Step::Text("It".into()),
        answer("It", None, true),
    ];
    let events = play(&mut script, steps);
    let last = events.last().expect("an end");
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(last["response"]["output"][1]["status"], "incomplete");
}

#[test]
fn an_answer_without_words_still_has_a_message() {
    let mut script = script(false);
    let steps = vec![Step::Searching, Step::Found(Vec::new()), answer("", Some("empty"), false)];
    let events = play(&mut script, steps);
    assert!(kinds(&events).contains(&"response.content_part.added"));
    assert_eq!(events.last().expect("an end")["response"]["output"][1]["content"][0]["text"], "");
}

#[test]
fn a_failure_on_the_way_is_an_error_event_with_the_next_number() {
    let mut script = script(false);
    script.begin();
    let failure = Error::unavailable("the engine is starting again").with_code("engine_restarting");
    let event = script.failed(&failure);
    assert_eq!(event["type"], "error");
    assert_eq!(event["sequence_number"], 2);
    assert_eq!(event["code"], "engine_restarting");
    assert_eq!(event["error"]["message"], "the engine is starting again");
}

#[test]
fn a_kept_answer_is_played_again_event_by_event() {
    for cut_off in [false, true] {
        let mut script = script(true);
        let steps = vec![
            Step::Searching,
            Step::Found(vec![passage(1), passage(2)]),
            Step::Text("It is ".into()),
            Step::Text("828 m high.".into()),
            answer("It is 828 m high.", None, cut_off),
        ];
        let mut events = play(&mut script, steps);
        assert_eq!(script.pieces(), [6, 11]);
        assert_eq!(script.files(), ["file-1", "file-2"]);
        // What is kept names the model that wrote, which is not known at the beginning.
        for event in &mut events[..2] {
            event["response"]["model"] = "writer".into();
        }
        let kept = json!(script.finished().expect("an end"));
        assert_eq!(replay::events(&kept, script.pieces()), events);
    }
}

/// A passage of a file that stands in the question.
fn attached(number: i64) -> Passage {
    let mut attached = passage(number);
    attached.chunk.id = format!("attached_file-{number}_0");
    attached
}

#[test]
fn files_in_the_question_are_no_search() {
    let body = json!({"model": "cairn", "input": "How high?"});
    let asked =
        request::read(serde_json::from_value(body).expect("a request"), 1000).expect("valid");
    let mut script = Script::new(asked.shell, None, true);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![attached(1)]),
        Step::Text("It is 828 m high.".into()),
        answer("It is 828 m high.", Some("they do not say"), false),
    ];
    let events = play(&mut script, steps);
    assert!(!kinds(&events).iter().any(|kind| kind.contains("file_search")), "{events:?}");
    let response = script.finished().expect("an end");
    assert_eq!(response.output.len(), 1);
    let nearest = response.cairn.as_ref().map(|extra| extra.nearest.len());
    assert_eq!(nearest, Some(1), "what is nearest in them is told");
    assert!(script.files().is_empty(), "what it rests on is known from the question");
}

#[test]
fn a_file_in_the_question_is_no_hit_of_a_search() {
    let mut script = script(true);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![attached(1), passage(2)]),
        Step::Text("It is 828 m high.".into()),
        answer("It is 828 m high.", None, false),
    ];
    play(&mut script, steps);
    assert_eq!(script.files(), ["file-2"]);
    let results = script.kept_output()[0]["results"].clone();
    assert_eq!(results.as_array().map(Vec::len), Some(1), "{results}");
}

#[test]
fn a_background_answer_is_queued_first_and_may_fail() {
    let body = json!({"model": "cairn", "input": "How high?", "background": true});
    let asked =
        request::read(serde_json::from_value(body).expect("a request"), 1000).expect("valid");
    let mut script = Script::new(asked.shell, None, false);
    let events = script.begin();
    assert_eq!(kinds(&events), ["response.created", "response.queued", "response.in_progress"]);
    assert_eq!(events[0]["response"]["status"], "queued");
    let failure = Error::unavailable("the engine is starting again");
    let event = script.fail(&failure);
    assert_eq!((&event["type"], &event["sequence_number"]), (&json!("response.failed"), &json!(3)));
    assert_eq!(event["response"]["error"]["code"], "server_error");
    assert_eq!(script.response().status, "failed");
}

#[test]
fn an_answer_that_could_not_be_kept_leaves_no_word() {
    let mut script = script(true);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![passage(1)]),
        Step::Text("It is 828 m high.".into()),
        answer("It is 828 m high.", None, false),
    ];
    play(&mut script, steps);
    let event = script.fail(&Error::new(Kind::Conflict, "file 'file-1' was deleted"));
    assert!(!event.to_string().contains("828") && script.finished().is_none(), "{event}");
}

#[test]
fn results_that_are_not_shown_are_kept() {
    for include in [false, true] {
        let mut script = script(include);
        let steps = vec![
            Step::Searching,
            Step::Found(vec![passage(1)]),
            answer("It is 828 m high.", None, false),
        ];
        play(&mut script, steps);
        let kept = script.kept_output();
        assert_eq!(kept.len(), 2);
        assert!(kept[0]["results"][0]["text"].is_string(), "{kept:?}");
        assert_eq!(kept[1], script.response().output[1]);
        assert_eq!(script.response().output[0]["results"].is_array(), include);
        script.fail(&Error::internal("the end"));
        assert!(script.kept_output().is_empty());
    }
}

/// What a model says and calls without a search.
fn called(beats: Vec<Beat>, cut_off: bool) -> (Script, Vec<Value>) {
    let body = json!({"model": "writer", "input": "How cold?", "tools": [
        {"type": "function", "name": "weather", "parameters": {"type": "object"}}]});
    let asked =
        request::read(serde_json::from_value(body).expect("a request"), 1000).expect("valid");
    let mut script = Script::new(asked.shell, None, false);
    let mut events = script.begin();
    for beat in beats {
        events.extend(script.step(beat));
    }
    let written =
        Written { text: "Wait.".into(), cut_off, identity: "sha".into(), ..Written::default() };
    let ended = Ended {
        outcome: Outcome::Model(Box::new(written)),
        model: "writer".into(),
        usage: ChatUsage { prompt_tokens: 3, completion_tokens: 2, ..ChatUsage::default() },
        notes: Vec::new(),
    };
    events.extend(script.step(Beat::End(Box::new(ended))));
    (script, events)
}

fn call(id: &str) -> Beat {
    Beat::Call { id: id.into(), name: "weather".into() }
}

#[test]
fn calls_come_in_the_order_that_clients_expect() {
    let beats = vec![
        Beat::Text("Wait.".into()),
        call("call_1"),
        Beat::Arguments("{\"city\":".into()),
        Beat::Arguments("\"Oslo\"}".into()),
        call("call_2"),
    ];
    let (script, events) = called(beats, false);
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&events), expected);
    let output = &events[17]["response"]["output"];
    let item = &output[1];
    assert_eq!(
        (&events[8]["item"]["arguments"], &events[8]["item"]["status"]),
        (&json!(""), &json!("in_progress"))
    );
    let done = &events[11];
    assert_eq!(
        (&done["name"], &done["arguments"], &done["item_id"], &done["output_index"]),
        (&json!("weather"), &json!("{\"city\":\"Oslo\"}"), &item["id"], &json!(1))
    );
    assert_eq!(item, &events[12]["item"]);
    assert_eq!((&item["type"], &item["call_id"]), (&json!("function_call"), &json!("call_1")));
    assert_eq!(
        (&output[2]["arguments"], &output[2]["status"]),
        (&json!("{}"), &json!("completed"))
    );
    assert_ne!(output[1]["id"], output[2]["id"]);
    // What is kept is played again as it was.
    assert_eq!(script.pieces(), [5, 8, 7, 2]);
    let kept = json!(script.finished().expect("an end"));
    assert_eq!(replay::events(&kept, script.pieces()), events);
}

#[test]
fn calls_alone_have_no_message_and_one_cut_off_is_incomplete() {
    let (script, events) = called(vec![call("call_1"), Beat::Arguments("{\"ci".into())], true);
    assert_eq!(events.last().expect("an end")["type"], "response.incomplete");
    let output = &script.response().output;
    assert_eq!(output.len(), 1);
    assert_eq!(
        (&output[0]["status"], &output[0]["arguments"]),
        (&json!("incomplete"), &json!("{\"ci"))
    );
}

#[test]
fn words_after_a_call_are_a_message_of_their_own() {
    let beats = vec![Beat::Text("One.".into()), call("call_1"), Beat::Text("Two.".into())];
    let (script, events) = called(beats, false);
    let output = &script.response().output;
    let texts: Vec<&Value> = output.iter().map(|item| &item["content"][0]["text"]).collect();
    assert_eq!(texts, [&json!("One."), &Value::Null, &json!("Two.")]);
    assert_ne!(output[0]["id"], output[2]["id"]);
    let kept = json!(script.finished().expect("an end"));
    assert_eq!(replay::events(&kept, script.pieces()), events);
}

#[test]
fn a_refusal_of_json_is_a_part_of_its_own() {
    const SILENT: &str = "The documents do not say.";
    let mut script = script(false);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![passage(1)]),
        Step::Refusal(SILENT.into()),
        answer(SILENT, Some("too far"), false),
    ];
    let events = play(&mut script, steps);
    let expected = [
        "response.output_item.added",
        "response.content_part.added",
        "response.refusal.delta",
        "response.refusal.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&events)[7..], expected);
    assert_eq!((&events[9]["delta"], &events[9]["content_index"]), (&json!(SILENT), &json!(0)));
    assert_eq!(events[10]["refusal"], SILENT);
    let response = json!(script.finished().expect("an end"));
    let content = json!([{"type": "refusal", "refusal": SILENT}]);
    assert_eq!(response["output"][1]["content"], content);
    assert_eq!(response["cairn"]["reason"], "too far");
    let again = replay::events(&response, script.pieces());
    assert_eq!(kinds(&again), kinds(&events));
    assert_eq!(again[9], events[9]);
}

#[test]
fn json_that_is_taken_back_ends_before_the_refusal() {
    const WITHHELD: &str = "The answer was withheld.";
    let mut script = script(false);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![passage(1)]),
        Step::Text("{\"height\": ".into()),
        Step::Refusal(WITHHELD.into()),
        answer(WITHHELD, Some("leaked"), false),
    ];
    let events = play(&mut script, steps);
    let expected = [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.refusal.delta",
        "response.refusal.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&events)[7..], expected);
    let response = json!(script.finished().expect("an end"));
    let output = &response["output"];
    assert_eq!(
        (&output[1]["content"], &output[1]["status"]),
        (&json!([]), &json!("incomplete")),
        "nothing of it is left"
    );
    assert_eq!(output[2]["content"], json!([{"type": "refusal", "refusal": WITHHELD}]));
    assert_eq!(output.as_array().map(Vec::len), Some(3));
    assert_eq!(script.pieces(), [24]);

    // Whatever is told of a part has the place that the part has at last.
    let again = replay::events(&response, script.pieces());
    for told in [&events, &again] {
        let refusal = told.iter().find(|event| event["type"] == "response.refusal.delta");
        let refusal = refusal.expect("a refusal");
        assert_eq!(
            (&refusal["output_index"], &refusal["content_index"], &refusal["item_id"]),
            (&json!(2), &json!(0), &output[2]["id"])
        );
        let count = |kind: &str| told.iter().filter(|event| event["type"] == kind).count();
        assert_eq!(count("response.content_part.added"), count("response.content_part.done"));
        assert_eq!(count("response.output_item.added"), count("response.output_item.done"));
    }
    let deltas = |events: &[Value]| -> Vec<Value> {
        let deltas = events.iter().filter(|event| event["type"] == "response.refusal.delta");
        deltas.map(|event| event["delta"].clone()).collect()
    };
    assert_eq!(deltas(&again), deltas(&events));
}

#[test]
fn json_that_nobody_saw_leaves_no_trace() {
    const WITHHELD: &str = "The answer was withheld.";
    let mut script = script(false).followed(false);
    let steps = vec![
        Step::Searching,
        Step::Found(vec![passage(1)]),
        Step::Text("{\"height\": ".into()),
        Step::Refusal(WITHHELD.into()),
        answer(WITHHELD, Some("leaked"), false),
    ];
    play(&mut script, steps);
    let output = &script.response().output;
    assert_eq!(output.len(), 2);
    assert_eq!(output[1]["content"], json!([{"type": "refusal", "refusal": WITHHELD}]));
    assert_eq!(script.pieces(), [24]);
}
