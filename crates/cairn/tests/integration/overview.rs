//! Questions about the documents as a whole: a summary, a list of the files, and words to the
//! program itself.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::provenance::scripted;
use crate::scene::{Caller, Scene};
use crate::scripted::turn;

const TOWER: &str = "# Tower\n\nThe Orrin tower guides ships past the rocks of the northern cape. \
     It was painted red.\n\n## Keepers\n\nThe keepers of the Orrin tower lived below its lamp for \
     ninety years. The last one was Ida Thorvald.\n\n## Lamp\n\nThe lamp of the Orrin tower has \
     burned electric light since the year 1931.\n";
const POOL: &str = "# Pool\n\nThe town pool is open to all inhabitants of the valley from May to \
     September. Dogs are forbidden in the pool area.\n";
const MERGER: &str = "The merger with Vantor Lamps is planned for the eleventh of May and secret.";

fn items(answer: &Value) -> Vec<&str> {
    let items = answer["output"].as_array().into_iter().flatten();
    items.filter_map(|item| item["type"].as_str()).collect()
}

fn text(answer: &Value) -> &str {
    let items = answer["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.last().and_then(|item| item["content"][0]["text"].as_str()).unwrap_or_default()
}

fn citations(answer: &Value) -> Vec<&Value> {
    let items = answer["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cited = items.last().and_then(|item| item["content"][0]["annotations"].as_array());
    cited.into_iter().flatten().collect()
}

fn files<'a>(cited: &[&'a Value]) -> Vec<&'a str> {
    let mut files: Vec<&str> = cited.iter().filter_map(|one| one["file_id"].as_str()).collect();
    files.dedup();
    files
}

fn notes(answer: &Value) -> Vec<&str> {
    let notes = answer["cairn"]["notes"].as_array().into_iter().flatten();
    notes.filter_map(Value::as_str).collect()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_default()
}

/// The words of the answer that a citation speaks of.
fn sentence(answer: &Value, note: &Value) -> Result<String> {
    let place = |name: &str| note["cairn"][name].as_u64().context("a place");
    let (start, end) = (place("sentence_start")?, place("sentence_end")?);
    let taken = text(answer).chars().skip(usize::try_from(start)?);
    Ok(taken.take(usize::try_from(end - start)?).collect())
}

/// Whether each citation quotes what stands in its file, at its place.
async fn check_quotes(caller: &Caller, answer: &Value) -> Result<()> {
    ensure!(!citations(answer).is_empty(), "{answer}");
    for note in citations(answer) {
        let (start, end) = (&note["cairn"]["char_start"], &note["cairn"]["char_end"]);
        let file = note["file_id"].as_str().context("a file")?;
        let path = format!("/cairn/v1/files/{file}/text?start={start}&end={end}");
        let (_, told) = caller.get(&path).await?;
        ensure!(told["text"] == note["cairn"]["quote"], "{told} is not {note}");
        ensure!(note["cairn"]["supported"] == true, "{note}");
        ensure!(note["cairn"]["file_sha256"].as_str().is_some_and(|hash| hash.len() == 64));
    }
    Ok(())
}

fn kind(provenance: &Value) -> &str {
    provenance["overview"].as_str().unwrap_or_default()
}

async fn made(caller: &Caller, answer: &Value) -> Result<Value> {
    let (_, made) = caller.get(&format!("/cairn/v1/responses/{}/provenance", id(answer))).await?;
    Ok(made)
}

async fn replay(caller: &Caller, answer: &Value) -> Result<(StatusCode, Value)> {
    let path = format!("/cairn/v1/responses/{}/replay", id(answer));
    caller.try_json(Method::POST, &path, &json!({"answer": true})).await
}

/// The events of an answer, and its text as it came.
async fn streamed(caller: &Caller, store: &str, question: &str) -> Result<(Vec<Value>, String)> {
    let body = json!({"model": "cairn", "input": question, "stream": true,
        "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
    let sent = caller.request(Method::POST, "/v1/responses").json(&body).send().await?;
    let sent = sent.text().await?;
    let data = sent.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(serde_json::from_str).collect::<Result<_, _>>()?;
    let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
    let text = deltas.filter_map(|event| event["delta"].as_str()).collect();
    Ok((events, text))
}

/// A store with three files, of which only those who speak for the board may read the newest: its
/// editor, somebody who may not read it and somebody who may, its id, and the files.
async fn valley(scene: &Scene) -> Result<(Caller, Caller, Caller, String, [String; 3])> {
    let editor = scene.tenant("valley", "editor").await?;
    let bob = scene.speaking_for("valley", "viewer", &["user:bob"]).await?;
    let ada = scene.speaking_for("valley", "viewer", &["group:board"]).await?;
    let store = editor.store("valley").await?;
    let (tower, _) = editor.ingest(&store, "Orrin_Tower.md", TOWER.as_bytes()).await?;
    let (pool, _) = editor.ingest(&store, "pool.md", POOL.as_bytes()).await?;
    let (merger, _) = editor.ingest(&store, "merger.txt", MERGER.as_bytes()).await?;
    let list = format!("/cairn/v1/files/{merger}/access");
    editor.json(Method::PUT, &list, &json!({"access": ["group:board"]})).await?;
    Ok((editor, bob, ada, store, [tower, pool, merger]))
}

#[tokio::test]
async fn a_summary_quotes_each_file_that_the_caller_may_read() -> Result<()> {
    let scene = Scene::start().await?;
    let (_, bob, ada, store, [tower, pool, merger]) = valley(&scene).await?;
    let answer = bob.ask(&store, "What are these documents about?").await?;
    ensure!(answer["cairn"]["refused"] == false && notes(&answer).is_empty(), "{answer}");
    ensure!(answer["cairn"]["mode"] == "extractive", "{answer}");
    ensure!(
        answer["cairn"].get("confidence").is_none(),
        "nothing in particular is asked: {answer}"
    );
    ensure!(items(&answer) == ["file_search_call", "message"], "{answer}");
    ensure!(files(&citations(&answer)) == [pool.as_str(), tower.as_str()], "the newest first");
    check_quotes(&bob, &answer).await?;
    for note in citations(&answer) {
        ensure!(note["cairn"]["quote"] == sentence(&answer, note)?, "word for word: {note}");
    }
    let said = text(&answer);
    ensure!(said.contains("pool.md:\n\nThe town pool is open to all inhabitants"), "{said}");
    ensure!(said.contains("Orrin_Tower.md:\n\nThe Orrin tower guides ships"), "{said}");
    ensure!(!answer.to_string().contains("erger") && !said.contains("# Pool"), "{answer}");
    let all = ada.ask(&store, "Fasse alle Dokumente zusammen").await?;
    ensure!(files(&citations(&all)).contains(&merger.as_str()), "{all}");

    let provenance = made(&bob, &answer).await?;
    ensure!(kind(&provenance) == "summary" && provenance["decision"].is_null(), "{provenance}");
    ensure!(!provenance["passages"].as_array().context("passages")?.is_empty(), "{provenance}");
    let (status, again) = replay(&bob, &answer).await?;
    ensure!(status == StatusCode::OK && again["same"] == true, "{again}");
    ensure!(again["answer"]["equal"] == true, "{again}");

    let (events, came) = streamed(&bob, &store, "What are these documents about?").await?;
    ensure!(came == said, "{came}");
    let last = events.last().context("an event")?;
    ensure!(last["type"] == "response.completed", "{last}");
    let cited = |answer: &Value| -> Vec<Value> {
        citations(answer).iter().map(|note| note["cairn"]["quote"].clone()).collect()
    };
    ensure!(cited(&last["response"]) == cited(&answer), "{last}");
    scene.stop().await
}

#[tokio::test]
async fn a_file_that_is_named_is_summarised_alone_and_a_hidden_one_is_not_there() -> Result<()> {
    let scene = Scene::start().await?;
    let (editor, bob, ada, store, [tower, _, merger]) = valley(&scene).await?;
    for question in
        ["Give me an overview of Orrin_Tower.md", "Summarise the orrin tower in three sentences"]
    {
        let answer = bob.ask(&store, question).await?;
        ensure!(files(&citations(&answer)) == [tower.as_str()], "{answer}");
        ensure!(text(&answer).starts_with("The Orrin tower guides ships"), "{answer}");
        ensure!(text(&answer).contains("since the year 1931"), "each heading: {answer}");
        check_quotes(&bob, &answer).await?;
    }
    let hidden = bob.ask(&store, "Summarise merger.txt").await?;
    let absent = bob.ask(&store, "Summarise nowhere.txt").await?;
    for answer in [&hidden, &absent] {
        ensure!(answer["cairn"]["confidence"].is_number(), "the ordinary way: {answer}");
        ensure!(!answer["output"].to_string().contains("Vantor"), "{answer}");
    }
    let shown = ada.ask(&store, "Summarise merger.txt").await?;
    ensure!(files(&citations(&shown)) == [merger.as_str()], "{shown}");

    // By attributes, as in a search.
    let path = format!("/v1/vector_stores/{store}/files/{tower}");
    editor.json(Method::POST, &path, &json!({"attributes": {"kind": "tower"}})).await?;
    let only = json!({"model": "cairn", "input": "Summarise the documents", "tools": [{
        "type": "file_search", "vector_store_ids": [store],
        "filters": {"type": "eq", "key": "kind", "value": "tower"}}]});
    let answer = bob.json(Method::POST, "/v1/responses", &only).await?;
    ensure!(files(&citations(&answer)) == [tower.as_str()], "{answer}");

    // What is asked about something in them is searched for.
    let about = bob.ask(&store, "When may I swim in the town pool?").await?;
    ensure!(about["cairn"]["confidence"].is_number(), "{about}");
    let about = bob.ask(&store, "What is the contract with Acme about?").await?;
    ensure!(about["cairn"]["confidence"].is_number(), "{about}");
    scene.stop().await
}

#[tokio::test]
async fn the_files_are_listed_the_newest_first_and_none_that_is_hidden() -> Result<()> {
    let scene = Scene::start().await?;
    let (editor, bob, ada, store, [tower, pool, merger]) = valley(&scene).await?;
    let answer = bob.ask(&store, "Which documents are there?").await?;
    let said = text(&answer);
    ensure!(
        said == "There are 2 documents, the newest first:\n- pool.md\n- Orrin_Tower.md",
        "{said}"
    );
    ensure!(files(&citations(&answer)) == [pool.as_str(), tower.as_str()], "{answer}");
    check_quotes(&bob, &answer).await?;
    for note in citations(&answer) {
        ensure!(note["filename"] == sentence(&answer, note)?, "{note}");
    }
    ensure!(kind(&made(&bob, &answer).await?) == "list", "{answer}");
    let (_, again) = replay(&bob, &answer).await?;
    ensure!(again["same"] == true && again["answer"]["equal"] == true, "{again}");
    let (_, came) = streamed(&bob, &store, "Which documents are there?").await?;
    ensure!(came == said, "{came}");
    let board = ada.ask(&store, "List all files").await?;
    ensure!(text(&board).contains("3 documents") && text(&board).contains("merger.txt"), "{board}");
    ensure!(files(&citations(&board))[0] == merger, "{board}");

    let few = json!({"model": "cairn", "input": "Welche Dokumente gibt es?", "tools": [{
        "type": "file_search", "vector_store_ids": [store], "max_num_results": 1}]});
    let answer = bob.json(Method::POST, "/v1/responses", &few).await?;
    ensure!(text(&answer).starts_with("Es gibt 2 Dokumente; die 1"), "{answer}");
    ensure!(notes(&answer) == ["1 of 2 documents are named, the newest"], "{answer}");
    let few = json!({"model": "cairn", "input": "Summarise the documents", "tools": [{
        "type": "file_search", "vector_store_ids": [store], "max_num_results": 1}]});
    let answer = bob.json(Method::POST, "/v1/responses", &few).await?;
    ensure!(files(&citations(&answer)) == [pool.as_str()], "{answer}");
    ensure!(notes(&answer)[0].starts_with("the summary rests on 1 of 2 documents"), "{answer}");

    // What was listed and summarised goes with its file.
    let listed = bob.ask(&store, "Which documents are there?").await?;
    let summed = bob.ask(&store, "Summarise the documents").await?;
    editor.delete(&format!("/v1/files/{pool}")).await?;
    for answer in [&listed, &summed] {
        let (_, kept) = bob.get(&format!("/v1/responses/{}", id(answer))).await?;
        let kept = kept["output"].to_string();
        ensure!(!kept.contains("pool") && !kept.contains("Dogs"), "{kept}");
    }
    scene.stop().await
}

#[tokio::test]
async fn words_to_the_program_are_answered_without_a_search() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("valley", "editor").await?;
    let store = caller.store("valley").await?;
    for (question, begins) in [
        ("Hello", "Hello. Ask what the documents say"),
        ("Thank you very much!", "You are welcome."),
        ("Guten Morgen!", "Guten Tag. Fragen Sie"),
        ("What can you do?", "Ask what the documents say"),
    ] {
        let answer = caller.ask(&store, question).await?;
        ensure!(text(&answer).starts_with(begins), "{answer}");
        ensure!(items(&answer) == ["message"] && citations(&answer).is_empty(), "{answer}");
        ensure!(answer["cairn"]["refused"] == false, "{answer}");
        let provenance = made(&caller, &answer).await?;
        ensure!(kind(&provenance) == "talk" && provenance["retrieval"].is_null(), "{provenance}");
        let (status, refused) = replay(&caller, &answer).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
        ensure!(refused.to_string().contains("nothing to run again"), "{refused}");
    }
    let (events, came) = streamed(&caller, &store, "Hello").await?;
    ensure!(came.starts_with("Hello. Ask"), "{came}");
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    ensure!(!kinds.iter().any(|kind| kind.contains("file_search")), "{kinds:?}");
    ensure!(kinds.last() == Some(&"response.completed"), "{kinds:?}");

    let empty = caller.ask(&store, "Summarise the documents").await?;
    ensure!(text(&empty) == "There is nothing to summarise.", "{empty}");
    ensure!(empty["cairn"]["refused"] == true, "{empty}");
    let empty = caller.ask(&store, "Which documents are there?").await?;
    ensure!(text(&empty) == "There are no documents here.", "{empty}");
    let (status, _) = caller
        .try_json(
            Method::POST,
            "/v1/responses",
            &json!({"model": "cairn", "input": "Hello",
                "tools": [{"type": "file_search", "vector_store_ids": ["vs_none"]}]}),
        )
        .await?;
    ensure!(status == StatusCode::NOT_FOUND, "there is no such store");
    scene.stop().await
}

#[tokio::test]
async fn a_model_summarises_from_passages_of_each_file_and_lists_nothing() -> Result<()> {
    let says = |_: &Value| {
        "The Orrin tower guides ships past the rocks [2]. The pool sells ice cream [1].".to_owned()
    };
    let (scene, behind, caller, store) = scripted(says).await?;
    let (tower, _) = caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    caller.ingest(&store, "pool.md", POOL.as_bytes()).await?;
    let put = |question: &str| {
        json!({"model": "writer", "input": question, "include": ["cairn.provenance"],
            "tools": [{"type": "file_search", "vector_store_ids": [store]}]})
    };
    let answer =
        caller.json(Method::POST, "/v1/responses", &put("Summarise the documents")).await?;
    ensure!(answer["cairn"]["mode"] == "generative", "{answer}");
    let asked = behind.asked();
    let last = asked.last().context("it was asked")?;
    let (system, user) = (turn(last, "system"), turn(last, "user"));
    ensure!(system.starts_with("You summarise documents"), "{system}");
    ensure!(user.contains("The town pool is open") && user.contains("guides ships"), "{user}");
    ensure!(user.contains("burned electric light"), "more than the opening: {user}");
    ensure!(user.contains("Question: Summarise the documents\n"), "{user}");
    let notes = citations(&answer);
    ensure!(notes[0]["file_id"] == tower.as_str(), "{answer}");
    ensure!(notes[0]["cairn"]["supported"] == true, "{answer}");
    ensure!(answer["cairn"]["unsupported"].as_array().is_some_and(|some| some.len() == 1));
    let made = &answer["cairn"]["provenance"];
    ensure!(kind(made) == "summary" && made["prompt"]["template_sha256"].is_string(), "{made}");
    let (_, again) = replay(&caller, &answer).await?;
    ensure!(again["same"] == true && again["prompt_template"]["same"] == true, "{again}");

    let before = behind.asked().len();
    for question in ["Which documents are there?", "Hello"] {
        let answer = caller.json(Method::POST, "/v1/responses", &put(question)).await?;
        ensure!(answer["cairn"]["mode"] == "extractive", "{answer}");
    }
    ensure!(behind.asked().len() == before, "no model is needed for these");
    scene.stop().await
}
