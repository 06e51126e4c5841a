//! Answers over documents as JSON: filled in by a model, cited value by value, refused in a part
//! of their own, and scrubbed when a document goes.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::provenance::scripted;
use crate::scene::{Caller, Scene};
use crate::scripted::turn;

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";
const HARBOUR: &str = "# Harbour\n\nThe keeper of the Orrin harbour opens the gate at six. \
     The harbour is dredged every third year.\n";
const QUESTION: &str = "Who was the last keeper of the Orrin tower?";
const SILENT: &str = "The documents do not say.";
const FILLED: &str =
    r#"{"keeper": "Ida Thorvald", "left": 1989, "height": 77, "gate": "six", "lamp": null}"#;

fn schema() -> Value {
    json!({"type": "object", "additionalProperties": false,
    "required": ["keeper", "left", "height", "gate", "lamp"],
    "properties": {
        "keeper": {"type": "string"}, "left": {"type": "integer"},
        "height": {"type": ["integer", "null"]}, "gate": {"type": "string"},
        "lamp": {"type": ["string", "null"]},
    }})
}

/// A question about the documents of a store that asks for JSON.
fn asking(store: &str, question: &str, more: &Value) -> Value {
    let format =
        json!({"type": "json_schema", "name": "tower", "strict": true, "schema": schema()});
    let mut body = json!({"model": "writer", "input": question, "text": {"format": format},
        "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

async fn ask(caller: &Caller, store: &str, question: &str) -> Result<Value> {
    caller.json(Method::POST, "/v1/responses", &asking(store, question, &json!({}))).await
}

/// The part of an answer's message.
fn part(answer: &Value) -> &Value {
    &answer["output"][1]["content"][0]
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The events of a stream.
async fn events(caller: &Caller, body: &Value) -> Result<Vec<Value>> {
    let sent = caller.request(Method::POST, "/v1/responses").json(body).send().await?;
    let told = sent.text().await?;
    let lines = told.lines().filter_map(|line| line.strip_prefix("data: "));
    let lines = lines.filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).context("an event")).collect()
}

/// What the events of this kind say in their field.
fn said(events: &[Value], kind: &str, field: &str) -> String {
    events.iter().filter(|event| event["type"] == kind).map(|event| text(event, field)).collect()
}

/// The words of an annotation's place, or of a range's.
fn words(text: &str, place: &Value, from: &str, to: &str) -> String {
    let at = |name: &str| usize::try_from(place[name].as_u64().unwrap_or(0)).unwrap_or(0);
    text.chars().skip(at(from)).take(at(to).saturating_sub(at(from))).collect()
}

#[tokio::test]
async fn json_is_filled_in_from_documents_and_cited_value_by_value() -> Result<()> {
    let (scene, behind, caller, store) = scripted(|_| FILLED.to_owned()).await?;
    let (tower, _) = caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let (harbour, _) = caller.ingest(&store, "harbour.md", HARBOUR.as_bytes()).await?;
    let answer = ask(&caller, &store, QUESTION).await?;
    ensure!(part(&answer)["text"] == FILLED, "{answer}");
    ensure!(answer["text"]["format"]["name"] == "tower", "{answer}");
    ensure!(answer["cairn"]["refused"] == false && answer["status"] == "completed", "{answer}");
    let asked = behind.asked();
    let format = &asked[0]["response_format"]["json_schema"];
    ensure!(format["schema"] == schema(), "{asked:?}");
    ensure!(turn(&asked[0], "system").contains("null"), "{asked:?}");
    ensure!(turn(&asked[0], "user").contains("Ida Thorvald"), "the sources are there: {asked:?}");

    let notes = part(&answer)["annotations"].as_array().context("citations")?;
    let cited = |value: &str| {
        let place = |note: &&Value| {
            words(FILLED, &note["cairn"], "sentence_start", "sentence_end") == value
        };
        notes.iter().find(place).with_context(|| format!("'{value}' is not cited: {answer}"))
    };
    for (value, file, quote) in [
        ("Ida Thorvald", &tower, "last keeper"),
        ("1989", &tower, "spring of 1989"),
        ("six", &harbour, "opens the gate"),
    ] {
        let note = cited(value)?;
        ensure!(note["file_id"] == file.as_str(), "{value}: {note}");
        ensure!(note["cairn"]["supported"] == true, "{value}: {note}");
        ensure!(text(note, "/cairn/quote").contains(quote), "{value}: {note}");
    }
    let bare = answer["cairn"]["unsupported"].as_array().context("ranges")?;
    let bare: Vec<String> = bare.iter().map(|bare| words(FILLED, bare, "start", "end")).collect();
    ensure!(bare == ["77"], "{bare:?}");

    // The same, streamed.
    let told = events(&caller, &asking(&store, QUESTION, &json!({"stream": true}))).await?;
    ensure!(said(&told, "response.output_text.delta", "/delta") == FILLED, "{told:?}");
    let last = told.last().context("an end")?;
    ensure!(last["type"] == "response.completed", "{last}");
    ensure!(part(&last["response"])["annotations"].as_array().map(Vec::len) == Some(notes.len()));

    // And again.
    let path = format!("/cairn/v1/responses/{}", text(&answer, "/id"));
    let (_, made) = caller.get(&format!("{path}/provenance")).await?;
    ensure!(made["format"]["json_schema"]["schema"] == schema(), "{made}");
    ensure!(made["prompt"]["messages"] == asked[0]["messages"], "{made}");
    let replay = format!("{path}/replay");
    let again = caller.json(Method::POST, &replay, &json!({"answer": true})).await?;
    ensure!(again["same"] == true && again["answer"]["equal"] == true, "{again}");
    let asked = behind.asked();
    ensure!(asked[2]["response_format"] == asked[0]["response_format"], "{asked:?}");
    scene.stop().await
}

#[tokio::test]
async fn what_the_documents_do_not_say_is_refused_in_a_part_of_its_own() -> Result<()> {
    const BESIDE: &str = "What is the boiling point of mercury?";
    let (scene, behind, caller, store) = scripted(|_| FILLED.to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let refused = ask(&caller, &store, BESIDE).await?;
    ensure!(*part(&refused) == json!({"type": "refusal", "refusal": SILENT}), "{refused}");
    ensure!(refused["cairn"]["refused"] == true, "{refused}");
    ensure!(text(&refused, "/cairn/reason").contains("do not cover"), "{refused}");
    ensure!(behind.asked().is_empty(), "no model is asked");
    let id = text(&refused, "/id");
    let (_, kept) = caller.get(&format!("/v1/responses/{id}")).await?;
    ensure!(part(&kept) == part(&refused), "{kept}");

    let told = events(&caller, &asking(&store, BESIDE, &json!({"stream": true}))).await?;
    ensure!(said(&told, "response.refusal.delta", "/delta") == SILENT, "{told:?}");
    ensure!(said(&told, "response.refusal.done", "/refusal") == SILENT, "{told:?}");
    ensure!(said(&told, "response.output_text.delta", "/delta").is_empty(), "{told:?}");
    let last = told.last().context("an end")?;
    let id = text(last, "/response/id");
    let sent = caller.request(Method::GET, &format!("/v1/responses/{id}?stream=true")).send();
    let played = sent.await?.text().await?;
    ensure!(played.contains("response.refusal.done"), "{played}");

    // It is a turn like others, and prose is refused as ever.
    let more = json!({"previous_response_id": id});
    let next = asking(&store, QUESTION, &more);
    let next = caller.json(Method::POST, "/v1/responses", &next).await?;
    ensure!(part(&next)["text"] == FILLED, "{next}");
    let plain = json!({"text": {"format": {"type": "text"}}});
    let prose = asking(&store, BESIDE, &plain);
    let prose = caller.json(Method::POST, "/v1/responses", &prose).await?;
    ensure!(part(&prose)["type"] == "output_text" && part(&prose)["text"] == SILENT, "{prose}");
    scene.stop().await
}

#[tokio::test]
async fn what_is_no_json_is_taken_back() -> Result<()> {
    let (scene, _behind, caller, store) =
        scripted(|_| "The last keeper was Ida Thorvald.".to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let answer = ask(&caller, &store, QUESTION).await?;
    ensure!(part(&answer)["type"] == "refusal" && answer["cairn"]["refused"] == true, "{answer}");
    ensure!(text(&answer, "/cairn/reason").contains("not the JSON"), "{answer}");
    ensure!(!part(&answer).to_string().contains("Thorvald"), "{answer}");

    // Where it was seen, it ends before the refusal, which is a message of its own.
    let talk = caller.json(Method::POST, "/v1/conversations", &json!({})).await?;
    let more = json!({"stream": true, "conversation": talk["id"]});
    let told = events(&caller, &asking(&store, QUESTION, &more)).await?;
    ensure!(!said(&told, "response.output_text.delta", "/delta").is_empty(), "{told:?}");
    let last = told.last().context("an end")?;
    let output = &last["response"]["output"];
    ensure!(output[1]["content"] == json!([]) && output[1]["status"] == "incomplete", "{output}");
    let refusal = &output[2]["content"][0];
    ensure!(refusal["type"] == "refusal" && output[3].is_null(), "{output}");
    let path = format!("/v1/responses/{}?stream=true", text(last, "/response/id"));
    let played = caller.request(Method::GET, &path).send().await?.text().await?;
    let played = played.lines().filter_map(|line| line.strip_prefix("data: "));
    let played = played.filter(|line| line.starts_with('{'));
    let played: Vec<Value> = played.map(serde_json::from_str).collect::<Result<_, _>>()?;
    for events in [&told, &played] {
        let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
        ensure!(count("response.content_part.added") == count("response.content_part.done"));
        ensure!(count("response.output_item.added") == count("response.output_item.done"));
        let done = events.iter().find(|event| event["type"] == "response.refusal.done");
        let done = done.context("a refusal")?;
        ensure!(done["output_index"] == 2 && done["content_index"] == 0, "{done}");
        ensure!(done["refusal"] == refusal["refusal"], "{done}");
    }

    // It was not said.
    let items = format!("/v1/conversations/{}/items?order=asc", text(&talk, "/id"));
    let (_, listed) = caller.get(&items).await?;
    let kinds = listed["data"].as_array().into_iter().flatten().map(|item| &item["type"]);
    ensure!(kinds.collect::<Vec<_>>() == ["message", "file_search_call", "message"], "{listed}");
    scene.stop().await
}

#[tokio::test]
async fn without_a_language_model_json_is_refused_with_the_remedy() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("orrin", "editor").await?;
    let store = caller.store("places").await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    for more in [json!({}), json!({"stream": true}), json!({"background": true})] {
        let mut body = asking(&store, QUESTION, &more);
        body["model"] = json!("cairn");
        let (status, refused) = caller.try_json(Method::POST, "/v1/responses", &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
        ensure!(refused["error"]["param"] == "text.format", "{refused}");
        ensure!(text(&refused, "/error/message").contains("CAIRN_LLM"), "{refused}");
    }
    scene.stop().await
}

#[tokio::test]
async fn a_deleted_file_leaves_json_that_says_so() -> Result<()> {
    let (scene, _behind, caller, store) = scripted(|_| FILLED.to_owned()).await?;
    let (tower, _) = caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let (harbour, _) = caller.ingest(&store, "harbour.md", HARBOUR.as_bytes()).await?;
    let talk = caller.json(Method::POST, "/v1/conversations", &json!({})).await?;
    let talk = text(&talk, "/id").to_owned();
    let more = json!({"conversation": talk});
    let body = asking(&store, QUESTION, &more);
    let answer = caller.json(Method::POST, "/v1/responses", &body).await?;
    ensure!(part(&answer)["text"] == FILLED, "{answer}");
    ensure!(caller.delete(&format!("/v1/files/{tower}")).await? == StatusCode::OK);

    let (_, kept) = caller.get(&format!("/v1/responses/{}", text(&answer, "/id"))).await?;
    let left: Value = serde_json::from_str(text(part(&kept), "/text")).context("JSON")?;
    ensure!(text(&left, "/keeper").contains("the source was deleted"), "{left}");
    ensure!(left["left"].is_null() && left["height"].is_null(), "{left}");
    ensure!(left["gate"] == "six" && left["lamp"].is_null(), "{left}");
    ensure!(kept["cairn"]["scrubbed"] == true && !kept.to_string().contains("Thorvald"), "{kept}");
    let notes = part(&kept)["annotations"].as_array().context("citations")?;
    ensure!(notes.len() == 1 && notes[0]["file_id"] == harbour.as_str(), "{kept}");
    let whole = text(part(&kept), "/text");
    ensure!(words(whole, &notes[0]["cairn"], "sentence_start", "sentence_end") == "six", "{kept}");
    let (_, items) = caller.get(&format!("/v1/conversations/{talk}/items")).await?;
    ensure!(!items.to_string().contains("Thorvald"), "{items}");
    ensure!(items.to_string().contains("gate"), "{items}");
    scene.stop().await
}
