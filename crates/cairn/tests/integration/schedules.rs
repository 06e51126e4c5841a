//! Evaluations that begin by themselves, and judgements of documents that are read anew.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cairn_kernel::{Id, Kind};
use cairn_services::evaluations::plan::Configuration;
use cairn_services::evaluations::schedules::{NewSchedule, ScheduleChanges, When};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::evaluation::{RUNS, id, paraphrases, places, run, set, settled};
use crate::rollouts::table;
use crate::scene::{Caller, Scene};

pub(crate) const SCHEDULES: &str = "/cairn/v1/evaluation_schedules";

async fn scheduled(caller: &Caller, body: &Value) -> Result<String> {
    id(&caller.json(Method::POST, SCHEDULES, body).await?)
}

/// Begins a run of a schedule and waits until it has ended.
async fn run_now(caller: &Caller, schedule: &str) -> Result<Value> {
    let path = format!("{SCHEDULES}/{schedule}/run");
    let begun = caller.json(Method::POST, &path, &json!({})).await?;
    ensure!(begun["schedule"] == schedule && begun["occasion"] == "request", "{begun}");
    settled(caller, &format!("{RUNS}/{}", id(&begun)?)).await
}

/// The first run of a schedule once it has ended.
async fn first_run(caller: &Caller, schedule: &str) -> Result<Value> {
    let path = format!("{SCHEDULES}/{schedule}");
    for _ in 0..1200 {
        let (status, shown) = caller.get(&path).await?;
        ensure!(status == StatusCode::OK && shown["error"].is_null(), "{shown}");
        if shown["last_run"]["finished_at"].is_number() {
            return Ok(shown["last_run"].clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("no run of {schedule} ended within a minute")
}

/// Waits until the index of a store is another.
async fn reindexed(caller: &Caller, store: &str, wish: &Value) -> Result<()> {
    let path = format!("/cairn/v1/vector_stores/{store}/reindex");
    caller.json(Method::POST, &path, wish).await?;
    for _ in 0..1200 {
        let (_, shown) = caller.get(&path).await?;
        if shown["status"] != "in_progress" {
            ensure!(shown["status"] == "completed", "{shown}");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the re-index did not end within a minute")
}

#[tokio::test]
async fn a_run_begins_when_the_ranking_changes_and_says_that_it_is_worse() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "watched").await?;
    let set = set(&caller, "places", "paraphrases", &paraphrases()).await?;
    let ranking = format!("/cairn/v1/vector_stores/{store}/ranking");
    let share = |dense: f64| json!({"ranking": {"dense_weight": dense}});
    caller.json(Method::PUT, &ranking, &share(0.8)).await?;
    run(&caller, &json!({"question_set": set, "configurations": [{"name": "c"}]})).await?;
    let body = json!({"question_set": set, "name": "watch", "after_ranking": true, "keep_runs": 2,
        "configurations": [{"name": "c"}]});
    let watch = scheduled(&caller, &body).await?;
    let (_, shown) = caller.get(&format!("{SCHEDULES}/{watch}")).await?;
    ensure!(shown["last_run"].is_null() && shown["status"] == "active", "{shown}");
    caller.json(Method::PUT, &ranking, &share(0.0)).await?;
    let first = first_run(&caller, &watch).await?;
    ensure!(first["status"] == "succeeded" && first["occasion"] == "ranking", "{first}");
    ensure!(first["worse"] == true, "words alone do not find paraphrases: {first}");
    let (_, measured) = caller.get("/metrics").await?;
    let measured = measured.to_string();
    ensure!(measured.contains("cairn_eval_worse_total"), "{measured}");

    // The next ones are compared with it, and the oldest go.
    for _ in 0..3 {
        let next = run_now(&caller, &watch).await?;
        ensure!(next["status"] == "succeeded" && next["worse"] == false, "{next}");
    }
    let listed = format!("{RUNS}?schedule={watch}");
    let (_, history) = caller.get(&listed).await?;
    ensure!(history["data"].as_array().is_some_and(|runs| runs.len() == 2), "{history}");

    // A run that fails says why, and the last good one is kept beside it.
    let wrong = json!({"configurations": [{"name": "c", "reranker": "nobody"}]});
    let path = format!("{SCHEDULES}/{watch}");
    let (status, refused) = caller.try_json(Method::PATCH, &path, &wrong).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{refused}");
    // So is everybody else who changes or makes one.
    let services = scene.services();
    let scope = services.accounts.authenticate(&caller.key).await?;
    let unknown = Configuration {
        name: "c".to_owned(),
        reranker: Some("nobody".to_owned()),
        ..Configuration::default()
    };
    let changes =
        ScheduleChanges { configurations: Some(vec![unknown.clone()]), ..Default::default() };
    let watched = Id::from_raw(watch.as_str());
    let new = NewSchedule {
        store: None,
        question_set: Id::from_raw(set.as_str()),
        name: "another".to_owned(),
        configurations: vec![unknown],
        seed: 0,
        when: When { after_ranking: true, ..When::default() },
        keep_runs: None,
    };
    for refused in [
        services.evaluations.change_schedule(&scope, &watched, changes).await,
        services.evaluations.create_schedule(&scope, new).await,
    ] {
        let refused = refused.err().context("a refusal")?;
        ensure!(refused.kind() == Kind::NotFound, "{refused:?}");
        ensure!(refused.param() == Some("configurations[0].reranker"), "{refused:?}");
    }
    // One that went meanwhile.
    caller.register("nobody", table(4, 1.0)).await?;
    caller.json(Method::PATCH, &path, &wrong).await?;
    ensure!(caller.delete("/cairn/v1/models/nobody").await?.is_success());
    let failed = run_now(&caller, &watch).await?;
    ensure!(failed["status"] == "failed", "{failed}");
    let (_, shown) = caller.get(&format!("{SCHEDULES}/{watch}")).await?;
    ensure!(shown["last_run"]["status"] == "failed", "{shown}");
    ensure!(shown["last_run"]["error"].to_string().contains("nobody"), "{shown}");
    let (_, measured) = caller.get("/metrics").await?;
    ensure!(measured.to_string().contains("cairn_eval_scheduled_failures_total"), "{measured}");

    ensure!(caller.delete(&format!("{SCHEDULES}/{watch}")).await? == StatusCode::OK);
    ensure!(caller.get(&format!("{SCHEDULES}/{watch}")).await?.0 == StatusCode::NOT_FOUND);
    let (_, left) = caller.get(&format!("{RUNS}/{}", id(&failed)?)).await?;
    ensure!(left["status"] == "failed" && left["schedule"].is_null(), "its runs stay: {left}");
    scene.stop().await
}

#[tokio::test]
async fn a_run_begins_after_a_reindex_and_after_so_many_documents() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "changes").await?;
    let set = set(&caller, &store, "paraphrases", &paraphrases()).await?;
    let indexed = scheduled(&caller, &json!({"question_set": set, "after_reindex": true})).await?;
    let grown = scheduled(&caller, &json!({"question_set": set, "after_documents": 2})).await?;
    reindexed(&caller, &store, &json!({"chunking": {"type": "structure"}})).await?;
    let first = first_run(&caller, &indexed).await?;
    ensure!(first["status"] == "succeeded" && first["occasion"] == "reindex", "{first}");
    let (_, shown) = caller.get(&format!("{SCHEDULES}/{grown}")).await?;
    ensure!(shown["last_run"].is_null(), "no document changed: {shown}");
    for name in ["one.md", "two.md"] {
        caller.ingest(&store, name, b"The mill at the river grinds rye and barley.").await?;
    }
    let first = first_run(&caller, &grown).await?;
    ensure!(first["status"] == "succeeded" && first["occasion"] == "documents", "{first}");
    let (_, listed) = caller.get(&format!("{SCHEDULES}?store={store}&question_set={set}")).await?;
    ensure!(listed["data"].as_array().is_some_and(|all| all.len() == 2), "{listed}");
    // Schedules go with what they measure.
    let sets = format!("{}/{set}", crate::evaluation::SETS);
    ensure!(caller.delete(&sets).await? == StatusCode::OK);
    let (_, listed) = caller.get(SCHEDULES).await?;
    ensure!(listed["data"] == json!([]), "{listed}");
    scene.stop().await
}

#[tokio::test]
async fn a_schedule_is_changed_paused_and_ends_with_its_key() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "keys").await?;
    let set = set(&caller, &store, "paraphrases", &paraphrases()).await?;
    let trial = json!([{"name": "a"}, {"name": "b", "chunking": {"type": "structure"}}]);
    let with = |key: &str, value: Value| {
        let mut body = json!({"question_set": set, "every_seconds": 86_400});
        body[key] = value;
        body
    };
    for (body, param) in [
        (json!({"question_set": set}), "every_seconds"),
        (with("every_seconds", json!(60)), "every_seconds"),
        (with("after_documents", json!(-1)), "after_documents"),
        (with("keep_runs", json!(1)), "keep_runs"),
        (with("name", json!(" ")), "name"),
        (with("configurations", json!([])), "configurations"),
        (with("configurations", trial), "configurations[1]"),
    ] {
        let (status, refused) = caller.try_json(Method::POST, SCHEDULES, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{body}: {refused}");
        ensure!(refused["error"]["param"] == param, "{refused}");
    }
    let viewer = scene.tenant("keys", "viewer").await?;
    let daily = json!({"question_set": set, "every_seconds": 86_400});
    let (status, _) = viewer.try_json(Method::POST, SCHEDULES, &daily).await?;
    ensure!(status == StatusCode::FORBIDDEN && viewer.get(SCHEDULES).await?.0 == status);

    let schedule = scheduled(&caller, &daily).await?;
    let path = format!("{SCHEDULES}/{schedule}");
    let (_, shown) = caller.get(&path).await?;
    ensure!(shown["next_run_at"].as_i64() > shown["created_at"].as_i64(), "{shown}");
    let hourly = json!({"every_seconds": 3600, "name": "hourly", "keep_runs": 5});
    let changed = caller.json(Method::PATCH, &path, &hourly).await?;
    ensure!(changed["name"] == "hourly" && changed["keep_runs"] == 5, "{changed}");
    ensure!(changed["next_run_at"].as_i64() < shown["next_run_at"].as_i64(), "{changed}");
    let never = json!({"every_seconds": 0});
    let (status, _) = caller.try_json(Method::PATCH, &path, &never).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "it would never run");
    let paused = caller.json(Method::POST, &format!("{path}/pause"), &json!({})).await?;
    ensure!(paused["status"] == "paused" && paused["next_run_at"].is_null(), "{paused}");
    let resumed = caller.json(Method::POST, &format!("{path}/resume"), &json!({})).await?;
    ensure!(resumed["status"] == "active" && resumed["next_run_at"].is_number(), "{resumed}");

    // What a revoked key set up does not go on, until somebody else takes it over.
    let guest = scene.tenant("keys", "editor").await?;
    let (_, me) = guest.get("/cairn/v1/whoami").await?;
    let key = me["key_id"].as_str().context("a key")?;
    let watch = scheduled(&guest, &json!({"question_set": set, "after_ranking": true})).await?;
    ensure!(scene.admin().delete(&format!("/cairn/v1/keys/{key}")).await?.is_success());
    let ranking = format!("/cairn/v1/vector_stores/{store}/ranking");
    caller.json(Method::PUT, &ranking, &json!({"ranking": {"dense_weight": 0.4}})).await?;
    let path = format!("{SCHEDULES}/{watch}");
    let mut shown = Value::Null;
    for _ in 0..600 {
        shown = caller.get(&path).await?.1;
        if shown["status"] == "paused" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(shown["status"] == "paused" && shown["last_run"].is_null(), "{shown}");
    ensure!(shown["error"].to_string().contains("revoked"), "{shown}");
    let resumed = caller.json(Method::POST, &format!("{path}/resume"), &json!({})).await?;
    ensure!(resumed["error"].is_null(), "{resumed}");
    let first = first_run(&caller, &watch).await?;
    ensure!(first["status"] == "succeeded" && first["occasion"] == "ranking", "{first}");
    scene.stop().await
}

const KEEPER: &str = "The last keeper of the Orrin tower was Ida Thorvald.";
const LAMP: &str = "The lamp burns whalefat424 on the northern cliff.";

#[tokio::test]
async fn judgements_follow_their_words_into_the_text_that_is_read_anew() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("rereads", "editor").await?;
    let store = caller.store("towers").await?;
    let document = format!("# Tower\n\n{KEEPER}\n\n{LAMP}\n");
    let (file, state) = caller.ingest(&store, "tower.md", document.as_bytes()).await?;
    ensure!(state["status"] == "completed", "{state}");
    let (_, shown) = caller.get(&format!("/cairn/v1/files/{file}/text")).await?;
    let text = shown["text"].as_str().context("a text")?;
    let at = |words: &str| -> Result<Value> {
        let start = text.find(words).with_context(|| format!("{words} in {text}"))?;
        let start = text[..start].chars().count();
        let end = start + words.chars().count();
        Ok(json!([{"file": "tower.md", "char_start": start, "char_end": end}]))
    };
    let keeper = json!({"question": "Who was the last keeper of the Orrin tower?",
        "relevant": at(KEEPER)?});
    let lamp = json!({"question": "What does the lamp burn?", "relevant": at(LAMP)?});
    let far = json!([{"file": "tower.md", "char_start": 5000, "char_end": 5010}]);
    let body = json!({"store": store, "questions": [{"question": "Who?", "relevant": far}]});
    let (status, refused) = caller.try_json(Method::POST, crate::evaluation::SETS, &body).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "questions[0].relevant", "{refused}");
    let set = set(&caller, &store, "counted", &[keeper, lamp]).await?;
    let body = json!({"question_set": set});
    let before = run(&caller, &body).await?;
    let asked = &before["result"]["questions"];
    ensure!(asked["answerable"] == 2 && asked["lost"] == 0, "{before}");
    let recall = |run: &Value| {
        run["result"]["configurations"][0]["figures"]["recall_at_1"]["value"].as_f64()
    };
    ensure!(recall(&before) == Some(1.0), "{before}");

    // As if the program had learned to read more of the file, and one sentence otherwise.
    let held = scene.holding("whalefat424")?;
    let name = std::ffi::OsStr::new(file.as_str());
    let blob = held.iter().find(|path| path.file_name() == Some(name));
    let preface =
        "The preface was printed in small letters that nobody could make out. ".repeat(40);
    let broken = KEEPER.replace("Orrin tower", "Orrin\ntower");
    let better =
        format!("# Preface\n\n{preface}\n\n# Tower\n\n{broken}\n\nThe lamp is electric.\n");
    std::fs::write(blob.with_context(|| format!("{held:?}"))?, better)?;
    let wish = json!({"reparse": true, "chunking": {"type": "structure", "max_tokens": 300}});
    reindexed(&caller, &store, &wish).await?;

    let after = run(&caller, &body).await?;
    let result = &after["result"];
    ensure!(result["questions"]["answerable"] == 1 && result["questions"]["lost"] == 1, "{after}");
    ensure!(recall(&after) == Some(1.0), "the keeper's words stand elsewhere now: {after}");
    let lost = &result["lost"];
    ensure!(lost.as_array().is_some_and(|all| all.len() == 1), "{lost}");
    ensure!(lost[0]["file"] == "tower.md" && lost[0]["question_id"].is_string(), "{lost}");
    let told = "1 judgements point at words that the documents no longer contain";
    ensure!(result["notes"].to_string().contains(told), "{result}");
    let report = format!("{RUNS}/{}/report", id(&after)?);
    let html = caller.request(Method::GET, &report).send().await?.text().await?;
    ensure!(html.contains("What does the lamp burn?"), "the report names the question");
    scene.stop().await
}
