//! What evaluations change in a store: when it answers, how it is cut. And questions that its
//! documents do not answer.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::evaluation::{PLACES, RUNS, SETS, id, places, run, set, settled};
use crate::scene::{Caller, Scene};

const ASKED: &str = "Who was the last keeper of the Orrin tower?";

fn ranking(store: &str) -> String {
    format!("/cairn/v1/vector_stores/{store}/ranking")
}

#[tokio::test]
async fn a_store_answers_by_its_own_threshold_until_it_is_reset() -> Result<()> {
    let scene = Scene::start().await?;
    let (editor, store) = places(&scene, "careful").await?;
    let path = ranking(&store);
    let (_, before) = editor.get(&path).await?;
    ensure!(before["threshold"]["choice"] == "default", "{before}");
    let usual = editor.ask(&store, ASKED).await?;
    ensure!(usual["cairn"]["refused"] == false, "{usual}");
    ensure!(usual["cairn"]["threshold"] == before["threshold"]["value"], "{usual}");

    let put = Method::PUT;
    let set = editor.json(put.clone(), &path, &json!({"threshold": 1.0})).await?;
    let threshold = &set["threshold"];
    ensure!(threshold["value"] == 1.0 && threshold["choice"] == "given", "{set}");
    ensure!(threshold["set_at"].is_number() && set["choice"] == "default", "{set}");
    let refused = editor.ask(&store, ASKED).await?;
    let told = &refused["cairn"];
    ensure!(told["refused"] == true && told["threshold"] == 1.0, "{refused}");
    ensure!(told["reason"].to_string().contains("1.00 is needed"), "{refused}");
    let kept = format!("/cairn/v1/responses/{}/provenance", id(&refused)?);
    let (_, provenance) = editor.get(&kept).await?;
    ensure!(provenance["decision"]["threshold"] == 1.0, "{provenance}");
    ensure!(provenance["decision"]["confidence"].as_f64() < Some(1.0), "{provenance}");
    // A ranking alone leaves it as it is, and so does a restart.
    let set = editor.json(put.clone(), &path, &json!({"ranking": {"dense_weight": 0.5}})).await?;
    ensure!(set["threshold"]["value"] == 1.0 && set["choice"] == "given", "{set}");
    let scene = scene.restart().await?;
    let editor = scene.with_key(&editor.key);
    ensure!(editor.ask(&store, ASKED).await?["cairn"]["refused"] == true);
    // Of two stores the stricter one counts.
    let other = editor.store("other").await?;
    let body = json!({"model": "cairn", "input": ASKED, "tools": [
        {"type": "file_search", "vector_store_ids": [other, store]}]});
    let both = editor.json(Method::POST, "/v1/responses", &body).await?;
    ensure!(both["cairn"]["threshold"] == 1.0, "{both}");

    for (body, param) in [
        (json!({}), "ranking"),
        (json!({"threshold": 1.5}), "threshold"),
        (json!({"threshold": -0.1, "ranking": {"spread": 0.5}}), "threshold"),
    ] {
        let (status, wrong) = editor.try_json(put.clone(), &path, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{body}: {wrong}");
        ensure!(wrong["error"]["param"] == param, "{wrong}");
    }
    let (_, after) = editor.get(&path).await?;
    ensure!(after == set, "what was refused changed something: {after}");
    let viewer = scene.tenant("careful", "viewer").await?;
    let (status, _) = viewer.try_json(put, &path, &json!({"threshold": 0.5})).await?;
    ensure!(status == StatusCode::FORBIDDEN);
    ensure!(editor.delete(&path).await? == StatusCode::OK);
    ensure!(editor.get(&path).await?.1 == before);
    ensure!(editor.ask(&store, ASKED).await?["cairn"]["refused"] == false);
    scene.stop().await
}

#[tokio::test]
async fn a_threshold_is_learned_from_questions_with_and_without_an_answer() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "learns").await?;
    let mut questions: Vec<Value> = Vec::new();
    for (name, _, question) in PLACES {
        for asked in ["", "Please tell me: ", "I would like to know: "] {
            let question = format!("{asked}{question}");
            questions.push(json!({"question": question, "relevant": [name]}));
        }
    }
    for land in [
        "Peru", "Chile", "Japan", "Kenya", "Nepal", "Malta", "Ghana", "Spain", "India", "Egypt",
        "Italy", "Cuba", "Laos", "Iran", "Oman", "Fiji", "Togo", "Chad", "Mali", "Niger",
    ] {
        let question = format!("Which currency is used in {land}?");
        questions.push(json!({"question": question, "answerable": false}));
    }
    let set = set(&caller, &store, "both kinds", &questions).await?;
    let body = json!({"question_set": set, "tune": true, "configurations": [{"name": "default"}]});
    let ended = run(&caller, &body).await?;
    let learned = &ended["result"]["tuning"]["threshold"];
    ensure!(learned["refused"].is_null(), "{learned}");
    ensure!(learned["answerable"] == 24 && learned["unanswerable"] == 20, "{learned}");
    let quality = &learned["quality"];
    for figure in ["learned", "default", "low", "high", "refused", "refused_by_default"] {
        ensure!(quality[figure].is_number(), "{figure}: {learned}");
    }
    // It is used if it is surely better, and else the program's own is.
    let better = quality["low"].as_f64() > Some(0.0);
    ensure!(better || learned["applied"] == false, "{learned}");
    let (_, held) = caller.get(&ranking(&store)).await?;
    let choice = if learned["applied"] == true { "learned" } else { "default" };
    ensure!(held["threshold"]["choice"] == choice, "{held}");
    ensure!(held["threshold"]["quality"]["answerable"] == 24, "{held}");
    ensure!(held["threshold"]["set_at"].is_number(), "{held}");
    let (value, used) = (held["threshold"]["value"].as_f64(), learned["threshold"].as_f64());
    let apart = value.zip(used).map(|(value, used)| (value - used).abs());
    ensure!(apart < Some(1e-6), "{held} {learned}");
    scene.stop().await
}

#[tokio::test]
async fn questions_without_an_answer_are_made_of_files_that_are_withheld() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "withholds").await?;
    let wish = |unanswerable: usize| {
        json!({"store": store, "name": "both kinds", "generate":
            {"count": 12, "method": "extractive", "unanswerable": unanswerable}})
    };
    let (status, refused) = caller.try_json(Method::POST, SETS, &wish(13)).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "generate.unanswerable", "{refused}");
    let begun = caller.json(Method::POST, SETS, &wish(0)).await?;
    let none = settled(&caller, &format!("{SETS}/{}", id(&begun)?)).await?;
    ensure!(none["questions"]["unanswerable"] == 0, "{none}");

    let begun = caller.json(Method::POST, SETS, &wish(4)).await?;
    ensure!(begun["id"] != none["id"], "another wish is another set");
    let made = settled(&caller, &format!("{SETS}/{}", id(&begun)?)).await?;
    let without = made["questions"]["unanswerable"].as_i64().context("a count")?;
    ensure!((1..=4).contains(&without), "{made}");
    let path = format!("{SETS}/{}/questions?limit=100", id(&made)?);
    let (_, listed) = caller.get(&path).await?;
    let mut withheld: Vec<(&str, &str)> = Vec::new();
    for question in listed["data"].as_array().context("questions")? {
        if question["answerable"] == true {
            ensure!(question["withheld"].is_null(), "{question}");
            continue;
        }
        ensure!(question["form"] == "cloze" && question["origin"] == "extractive", "{question}");
        ensure!(question["relevant"] == json!([]), "{question}");
        ensure!(question["expected_answer"] == json!([]), "{question}");
        let of = question["id"].as_str().zip(question["withheld"].as_str());
        withheld.push(of.context("a question without an answer names no file")?);
    }
    ensure!(withheld.len() == usize::try_from(without)?, "{listed}");

    let body = json!({"question_set": made["id"],
        "configurations": [{"name": "answers", "answers": true}]});
    let ended = run(&caller, &body).await?;
    let figures = &ended["result"]["configurations"][0]["figures"];
    ensure!(figures["refusal_recall"]["value"].is_number(), "{figures}");
    ensure!(ended["result"]["notes"].to_string().contains("withheld"), "{ended}");
    let results = format!("{RUNS}/{}/results?limit=100", id(&ended)?);
    let (_, results) = caller.get(&results).await?;
    let mut seen = 0;
    for result in results["data"].as_array().context("results")? {
        let of = |(question, _): &&(&str, &str)| result["question_id"] == *question;
        let Some((_, file)) = withheld.iter().find(of) else { continue };
        let found = result["outcome"]["found"].as_array().context("what was found")?;
        ensure!(!found.is_empty(), "{result}");
        ensure!(found.iter().all(|passage| passage["file_id"] != *file), "{result}");
        ensure!(!result["answer"].to_string().contains(file), "{result}");
        seen += 1;
    }
    ensure!(seen == withheld.len(), "{results}");
    scene.stop().await
}

/// A store of seven long files, each one chunk with a fact at its end; and questions for two facts
/// at once, of which one long chunk tells one.
async fn long_files(caller: &Caller) -> Result<(String, String)> {
    let chunking = json!({"type": "static", "max_tokens": 4096, "overlap_tokens": 0});
    let made = json!({"name": "long", "cairn": {"chunking": chunking}});
    let store = id(&caller.json(Method::POST, "/v1/vector_stores", &made).await?)?;
    let facts = PLACES.iter().take(7);
    for (number, (name, fact, _)) in facts.clone().enumerate() {
        let rows: Vec<String> = (0..75)
            .map(|row| {
                format!("Ledger row {row} lists granite, violet ink and cork, filed under shelf {number}.")
            })
            .collect();
        let text = format!("### Ledger\n\n{}\n\n### Fact\n\n{fact}\n", rows.join(" "));
        let (_, state) = caller.ingest(&store, name, text.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
    }
    let facts: Vec<_> = facts.collect();
    let mut questions = Vec::new();
    for (at, (name, fact, _)) in facts.iter().enumerate() {
        for (other_name, other, _) in facts.iter().skip(at + 1) {
            let places =
                json!([{"file": name, "quote": fact}, {"file": other_name, "quote": other}]);
            questions.push(json!({"question": format!("{fact} {other}"), "relevant": places}));
        }
    }
    let set = set(caller, &store, "two facts", &questions).await?;
    Ok((store, set))
}

#[tokio::test]
async fn another_way_of_cutting_is_tried_beside_the_store_and_kept_where_it_is_better() -> Result<()>
{
    let scene = Scene::start().await?;
    let caller = scene.tenant("cuts", "editor").await?;
    let (store, set) = long_files(&caller).await?;
    let reindex = format!("/cairn/v1/vector_stores/{store}/reindex");
    let tried = json!({"name": "sections", "chunking": {"type": "structure", "max_tokens": 100}});

    // Only measured: the store stays as it is, and what was built is dropped.
    let both = json!({"question_set": set, "configurations": [{"name": "default"}, tried]});
    let ended = run(&caller, &both).await?;
    let configurations = &ended["result"]["configurations"];
    let read = |number: usize| &configurations[number]["figures"]["recall_in_2000_tokens"]["value"];
    ensure!(read(0).as_f64() <= Some(0.5) && *read(1) == 1.0, "{configurations}");
    ensure!(configurations[1]["settings"]["chunking"]["type"] == "structure", "{configurations}");
    ensure!(ended["result"]["change"].is_null(), "{ended}");
    let (_, state) = caller.get(&reindex).await?;
    ensure!(state["active"]["generation"] == 1 && state["status"] == "cancelled", "{state}");
    ensure!(state["run"]["error"].to_string().contains(&id(&ended)?), "{state}");

    // To be kept where it is better, which it is.
    let mut body = both.clone();
    body["tune"] = json!(true);
    let ended = run(&caller, &body).await?;
    let change = &ended["result"]["change"];
    ensure!(change["applied"] == true && change["configuration"] == "sections", "{change}");
    ensure!(change["questions"] == 21, "{change}");
    let (_, state) = caller.get(&reindex).await?;
    ensure!(state["active"]["generation"] == 3 && state["status"] == "completed", "{state}");
    ensure!(state["active"]["chunking"]["type"] == "structure", "{state}");
    let search = format!("/v1/vector_stores/{store}/search");
    let found = caller.json(Method::POST, &search, &json!({"query": ASKED})).await?;
    let text = found["data"][0]["content"][0]["text"].to_string();
    ensure!(text.contains("Ida Thorvald") && !text.contains("Ledger row"), "{found}");
    let report = format!("{RUNS}/{}/report", id(&ended)?);
    let page = caller.request(Method::GET, &report).send().await?.text().await?;
    ensure!(page.contains("The store is now as sections"), "{page}");

    // The same again is no gain, and is not kept.
    let again = run(&caller, &body).await?;
    ensure!(again["result"]["change"]["applied"] == false, "{again}");
    let (_, state) = caller.get(&reindex).await?;
    ensure!(state["active"]["generation"] == 3, "{state}");

    let alone = json!({"question_set": set, "configurations": [tried]});
    let small = json!({"name": "small", "chunking": {"type": "structure", "max_tokens": 5}});
    let bounds = json!({"question_set": set, "configurations": [{"name": "default"}, small]});
    for (body, param) in
        [(alone, "configurations[0].chunking"), (bounds, "configurations[1].chunking")]
    {
        let (status, refused) = caller.try_json(Method::POST, RUNS, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
        ensure!(refused["error"]["param"] == param, "{refused}");
    }
    scene.stop().await
}

#[tokio::test]
async fn a_trial_with_a_model_that_is_not_there_fails_and_says_why() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "models").await?;
    let question = json!({"question": ASKED, "relevant": ["keeper.md"]});
    let set = set(&caller, &store, "one", &[question]).await?;
    let tried = json!({"name": "other", "embedding_model": "nobody"});
    let body = json!({"question_set": set, "configurations": [{"name": "default"}, tried]});
    let begun = caller.json(Method::POST, RUNS, &body).await?;
    let failed = settled(&caller, &format!("{RUNS}/{}", id(&begun)?)).await?;
    ensure!(failed["status"] == "failed", "{failed}");
    ensure!(failed["error"].to_string().contains("nobody"), "{failed}");
    let (_, state) = caller.get(&format!("/cairn/v1/vector_stores/{store}/reindex")).await?;
    ensure!(state["active"]["generation"] == 1 && state["status"] == "none", "{state}");
    scene.stop().await
}
