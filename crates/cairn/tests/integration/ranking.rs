//! How hits are put in order: a store's own ranking, rerankers, explanations, filters,
//! diversity and sections.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cairn_kernel::Id;
use cairn_search::{Candidate, Point};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::scene::{Caller, Scene};

const QUERY: &str = "the stone bridge over the river";
const TEXTS: [(&str, &str); 6] = [
    ("bridge.txt", "The stone bridge over the river was built by masons in three summers."),
    ("crossing.txt", "An old crossing made of rock spans the water near the mill."),
    ("cards.txt", "Bridge is a game of cards for four players, and no stone is needed."),
    ("viaduct.txt", "The masonry viaduct carries the road across the valley and the stream."),
    ("bread.txt", "Bread is baked every morning at six, and sold until the shelves are empty."),
    ("stones.txt", "Stone upon stone upon stone: the quarry sends stone to the stone market."),
];

/// A store with [`TEXTS`].
async fn library(caller: &Caller) -> Result<String> {
    let store = caller.store("library").await?;
    for (name, text) in TEXTS {
        let (_, state) = caller.ingest(&store, name, text.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
    }
    Ok(store)
}

async fn search(caller: &Caller, store: &str, more: Value) -> Result<Value> {
    let mut body = json!({"query": QUERY, "max_num_results": 10, "cairn": {"explain": true}});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    caller.json(Method::POST, &format!("/v1/vector_stores/{store}/search"), &body).await
}

fn hits(answer: &Value) -> Vec<&Value> {
    answer["data"].as_array().into_iter().flatten().collect()
}

fn names(answer: &Value) -> Vec<&str> {
    hits(answer).into_iter().filter_map(|hit| hit["filename"].as_str()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Whether the score of a hit is the relative one times the strength of its search.
fn is_weighed(hit: &Value) -> bool {
    let explain = &hit["cairn"]["explain"];
    let (relative, strength) = (number(&explain["final"]), number(&explain["strength"]));
    (relative * strength - number(&hit["score"])).abs() < 1e-5 && (0.0..=1.0).contains(&strength)
}

/// Whether the raw scores of a leg fall along the hits.
fn falls(answer: &Value, leg: &str) -> bool {
    let scores: Vec<f64> = hits(answer).iter().map(|hit| number(&hit["cairn"][leg])).collect();
    !scores.is_empty() && scores.is_sorted_by(|a, b| a >= b)
}

#[tokio::test]
async fn a_store_is_searched_by_its_own_ranking_until_it_is_reset() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let store = library(&editor).await?;
    let path = format!("/cairn/v1/vector_stores/{store}/ranking");
    let (_, before) = editor.get(&path).await?;
    ensure!(before["choice"] == "default" && before["learned_at"].is_null(), "{before}");
    let usual = search(&editor, &store, json!({})).await?;

    let words = json!({"ranking": {"dense_weight": 0.0}});
    let set = editor.json(Method::PUT, &path, &words).await?;
    ensure!(set["choice"] == "given" && set["ranking"]["dense_weight"] == 0.0, "{set}");
    ensure!(set["learned_at"].is_number() && set["quality"].is_null(), "{set}");
    let by_words = search(&editor, &store, json!({})).await?;
    ensure!(falls(&by_words, "bm25"), "{by_words}");
    for hit in hits(&by_words) {
        let explain = &hit["cairn"]["explain"];
        ensure!(explain["final"] == explain["bm25"] && is_weighed(hit), "{hit}");
    }
    // The request says otherwise.
    let dense = json!({"ranking_options":
        {"hybrid_search": {"embedding_weight": 1, "text_weight": 0}}});
    let by_meaning = search(&editor, &store, dense).await?;
    ensure!(falls(&by_meaning, "dense"), "{by_meaning}");
    ensure!(names(&by_meaning) != names(&by_words), "nothing would be tested");
    let given = json!({"cairn": {"explain": true, "ranking": {"dense_weight": 1.0}}});
    let given = search(&editor, &store, given).await?;
    ensure!(names(&given) == names(&by_meaning), "{given}");

    let scene = scene.restart().await?;
    let editor = scene.with_key(&editor.key);
    let again = search(&editor, &store, json!({})).await?;
    ensure!(names(&again) == names(&by_words), "a ranking survives a restart");
    ensure!(editor.delete(&path).await? == StatusCode::OK);
    let reset = search(&editor, &store, json!({})).await?;
    ensure!(names(&reset) == names(&usual), "{reset}");
    let (_, after) = editor.get(&path).await?;
    ensure!(after == before, "{after}");
    scene.stop().await
}

#[tokio::test]
async fn who_may_set_a_ranking_and_which() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let viewer = scene.tenant("library", "viewer").await?;
    let store = editor.store("empty").await?;
    let path = format!("/cairn/v1/vector_stores/{store}/ranking");
    let words = json!({"ranking": {"dense_weight": 0.0}});
    ensure!(viewer.get(&path).await?.0 == StatusCode::OK);
    ensure!(viewer.try_json(Method::PUT, &path, &words).await?.0 == StatusCode::FORBIDDEN);
    ensure!(viewer.delete(&path).await? == StatusCode::FORBIDDEN);
    for (body, param) in [
        (json!({"ranking": {}}), "ranking"),
        (json!({"ranking": {"spread": 1.5}}), "ranking.spread"),
    ] {
        let (status, refused) = editor.try_json(Method::PUT, &path, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
        ensure!(refused["error"]["param"] == param, "{refused}");
    }
    let missing = "/cairn/v1/vector_stores/vs_none/ranking";
    ensure!(editor.try_json(Method::PUT, missing, &words).await?.0 == StatusCode::NOT_FOUND);
    ensure!(editor.delete(missing).await? == StatusCode::NOT_FOUND);
    editor.json(Method::PUT, &path, &words).await?;
    ensure!(editor.delete(&format!("/v1/vector_stores/{store}")).await? == StatusCode::OK);
    ensure!(editor.get(&path).await?.0 == StatusCode::NOT_FOUND);
    scene.stop().await
}

/// Checks that the steps of every hit add up to its score.
fn adds_up(answer: &Value) -> Result<()> {
    ensure!(!hits(answer).is_empty(), "{answer}");
    for hit in hits(answer) {
        let explain = &hit["cairn"]["explain"];
        let share = |name: &str| number(&explain["ranking"][name]);
        let (dense, words) = (number(&explain["dense"]), number(&explain["bm25"]));
        let fused = share("dense_weight") * dense + (1.0 - share("dense_weight")) * words;
        ensure!((fused - number(&explain["fused"])).abs() < 1e-5, "{hit}");
        ensure!(explain["first_stage"] == explain["fused"], "nothing was spread: {hit}");
        let late = explain["late"].as_f64();
        let last = late.map_or(number(&explain["first_stage"]), |late| {
            (1.0 - share("late")) * number(&explain["first_stage"]) + share("late") * late
        });
        ensure!((last - number(&explain["final"])).abs() < 1e-5, "{hit}");
        ensure!(is_weighed(hit), "{hit}");
    }
    Ok(())
}

#[tokio::test]
async fn an_explanation_adds_up_to_the_score_and_says_what_it_took() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let store = library(&editor).await?;
    let plain = search(&editor, &store, json!({"cairn": null})).await?;
    ensure!(plain.get("cairn").is_none() && !plain.to_string().contains("explain"), "{plain}");

    let two = json!({"query": [QUERY, "bread in the morning"]});
    let found = search(&editor, &store, two).await?;
    adds_up(&found)?;
    let wordings: Vec<u64> =
        hits(&found).iter().filter_map(|hit| hit["cairn"]["explain"]["query"].as_u64()).collect();
    ensure!(wordings.contains(&0) && wordings.contains(&1), "{found}");
    let took = &found["cairn"]["took"];
    for step in ["embed", "dense", "bm25", "lookup", "vectors", "rank", "rerank", "records"] {
        ensure!(number(&took[format!("{step}_ms")]) >= 0.0, "{step}: {took}");
    }
    ensure!(number(&took["rerank_ms"]) == 0.0 && number(&took["embed_ms"]) > 0.0, "{took}");
    ensure!(number(&took["total_ms"]) >= number(&took["embed_ms"]), "{took}");

    let ranker = |name: &str| json!({"ranking_options": {"ranker": name}});
    let read = search(&editor, &store, ranker("late-interaction")).await?;
    adds_up(&read)?;
    ensure!(hits(&read).iter().all(|hit| hit["cairn"]["explain"]["late"].is_number()), "{read}");
    ensure!(number(&read["cairn"]["took"]["rerank_ms"]) > 0.0, "{read}");
    // A share of the store's own asks the reranker by itself, and `none` does not.
    let path = format!("/cairn/v1/vector_stores/{store}/ranking");
    editor.json(Method::PUT, &path, &json!({"ranking": {"late": 0.4}})).await?;
    for (name, asked) in [("auto", true), ("default-2024-11-15", true), ("none", false)] {
        let found = search(&editor, &store, ranker(name)).await?;
        adds_up(&found)?;
        let late = |hit: &&Value| hit["cairn"]["explain"]["late"].is_number();
        ensure!(hits(&found).iter().all(late) == asked, "{name}: {found}");
    }
    let body = json!({"query": QUERY, "ranking_options": {"ranker": "cross-encoder"}});
    let path = format!("/v1/vector_stores/{store}/search");
    let (status, refused) = editor.try_json(Method::POST, &path, &body).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "ranking_options.ranker", "{refused}");

    let asked = json!({"model": "cairn", "input": format!("What of {QUERY}?"), "tools": [
        {"type": "file_search", "vector_store_ids": [store], "cairn": {"explain": true}}]});
    let answer = editor.json(Method::POST, "/v1/responses", &asked).await?;
    let result = &answer["output"][0]["results"][0];
    let explain = &result["cairn"]["explain"];
    let first = number(&explain["first_stage"]) * 0.6 + number(&explain["late"]) * 0.4;
    let expected = (first + number(&explain["coverage"])) / 2.0;
    ensure!((expected - number(&explain["final"])).abs() < 1e-5, "{result}");
    ensure!(is_weighed(result) && number(&explain["strength"]) > 0.9, "{result}");
    ensure!(number(&answer["cairn"]["took"]["total_ms"]) > 0.0, "{answer}");
    scene.stop().await
}

#[tokio::test]
async fn the_best_of_a_store_with_nothing_near_stands_below_the_answer_of_another() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let (right, wrong) = (library(&editor).await?, editor.store("kitchen").await?);
    for (name, text) in [
        ("salt.txt", "Salt belongs into the dough before it rests, not after."),
        ("soup.txt", "The soup simmers for two hours, until the carrots are soft."),
    ] {
        let (_, state) = editor.ingest(&wrong, name, text.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
    }
    let ask = |stores: Value| {
        json!({"model": "cairn", "input": QUERY, "include": ["file_search_call.results"], "tools": [
            {"type": "file_search", "vector_store_ids": stores, "cairn": {"explain": true}}]})
    };
    let body = ask(json!([wrong, right]));
    let answer = editor.json(Method::POST, "/v1/responses", &body).await?;
    let results = answer["output"][0]["results"].as_array().context("no results")?;
    ensure!(results[0]["filename"] == "bridge.txt", "{answer}");
    let (mut near, mut far) = (0, 0);
    for hit in results {
        let explain = &hit["cairn"]["explain"];
        let standing = number(&explain["standing"]);
        if hit["filename"] == "salt.txt" || hit["filename"] == "soup.txt" {
            ensure!(standing < 0.7 && number(&explain["first_stage"]) <= standing, "{hit}");
            far += 1;
        } else {
            ensure!((standing - 1.0).abs() < 1e-6, "{hit}");
            near += 1;
        }
    }
    ensure!(near > 0 && far > 0, "nothing was tested: {answer}");
    let body = ask(json!([wrong]));
    let alone = editor.json(Method::POST, "/v1/responses", &body).await?;
    let first = &alone["output"][0]["results"][0]["cairn"]["explain"];
    ensure!(first["standing"].is_null() && number(&first["first_stage"]) > 0.9, "{alone}");
    scene.stop().await
}

/// The score of the best hit for `query`, 0 where nothing is found.
async fn best(caller: &Caller, store: &str, query: &str, threshold: f64) -> Result<f64> {
    let more = json!({"query": query, "ranking_options": {"score_threshold": threshold}});
    let found = search(caller, store, more).await?;
    ensure!(hits(&found).iter().all(|hit| number(&hit["score"]) >= threshold), "{found}");
    ensure!(hits(&found).into_iter().all(is_weighed), "{found}");
    Ok(hits(&found).first().map_or(0.0, |hit| number(&hit["score"])))
}

#[tokio::test]
async fn a_threshold_keeps_what_answers_and_cuts_what_has_nothing_to_do_with_it() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let store = library(&editor).await?;
    for query in [
        "Who built the stone bridge over the river?",
        "When is bread baked?",
        "viaduct",
        "How many people are needed for that card game?",
    ] {
        let score = best(&editor, &store, query, 0.5).await?;
        ensure!(score > 0.5, "{query}: {score}");
    }
    for query in [
        "quarterly revenue of the software subsidiary",
        "Which vaccine protects against measles?",
        "blorptix quazzle fnord",
    ] {
        let score = best(&editor, &store, query, 0.0).await?;
        ensure!(score > 0.0 && score < 0.3, "{query}: {score}");
        ensure!(best(&editor, &store, query, 0.5).await? == 0.0, "{query}");
    }
    // The strength is one for all wordings, and each hit stays where it was.
    let two = json!({"query": [QUERY, "bread in the morning"]});
    let found = search(&editor, &store, two).await?;
    let told = |name: &str| -> Vec<f64> {
        hits(&found).iter().map(|hit| number(&hit["cairn"]["explain"][name])).collect()
    };
    let (order, strengths) = (told("final"), told("strength"));
    ensure!(order.is_sorted_by(|a, b| a >= b), "{found}");
    ensure!(strengths.iter().all(|one| (one - strengths[0]).abs() < 1e-9), "{found}");

    let ask = |question: &str| {
        json!({"model": "cairn", "input": question, "include": ["file_search_call.results"],
            "tools": [{"type": "file_search", "vector_store_ids": [store],
                "ranking_options": {"score_threshold": 0.5}}]})
    };
    let known = ask("Who built the stone bridge over the river?");
    let known = editor.json(Method::POST, "/v1/responses", &known).await?;
    let results = known["output"][0]["results"].as_array().context("no results")?;
    ensure!(results[0]["filename"] == "bridge.txt", "{known}");
    ensure!(results.iter().all(|hit| number(&hit["score"]) >= 0.5), "{known}");
    let unknown = ask("Which vaccine protects against measles?");
    let unknown = editor.json(Method::POST, "/v1/responses", &unknown).await?;
    let results = unknown["output"][0]["results"].as_array().context("no results")?;
    ensure!(results.is_empty() && unknown["cairn"]["refused"] == true, "{unknown}");
    scene.stop().await
}

#[tokio::test]
async fn words_count_where_the_embedding_model_knows_little() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let store = editor.store("library").await?;
    for (name, text) in [
        ("most.txt", "Каменный мост через реку построили мастера за три лета."),
        ("khleb.txt", "Хлеб пекут каждое утро в шесть часов, пока полки не опустеют."),
        ("sad.txt", "В саду за домом растут яблони, груши и старая вишня."),
    ] {
        let (_, state) = editor.ingest(&store, name, text.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
    }
    for query in ["Кто построил каменный мост?", "Когда пекут хлеб?", "яблони в саду"]
    {
        let score = best(&editor, &store, query, 0.5).await?;
        ensure!(score > 0.5, "{query}: {score}");
    }
    for query in ["квартальная выручка программной компании", "вакцина против кори"]
    {
        let score = best(&editor, &store, query, 0.0).await?;
        ensure!(score < 0.3, "{query}: {score}");
    }
    scene.stop().await
}

#[tokio::test]
async fn candidates_are_alive_and_the_callers() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let bob = scene.speaking_for("library", "viewer", &["user:bob"]).await?;
    let stranger = scene.tenant("elsewhere", "editor").await?;
    let store = editor.store("library").await?;
    let mut files = Vec::new();
    for (name, text) in &TEXTS[..3] {
        files.push(editor.ingest(&store, name, text.as_bytes()).await?.0);
    }
    let id = Id::from_raw(store.as_str());
    let services = scene.services();
    let found = async |caller: &Caller, late: bool| -> Result<Vec<Candidate>> {
        let scope = services.accounts.authenticate(&caller.key).await?;
        Ok(services.retrieve.candidates(&scope, &id, QUERY, late).await?)
    };
    let all = found(&editor, true).await?;
    ensure!(all.len() == 3, "{all:?}");
    for candidate in &all {
        ensure!(candidate.late.is_some() && candidate.dense.is_some(), "{candidate:?}");
        ensure!(candidate.bm25.is_some() && candidate.vector.len() == 384, "{candidate:?}");
    }
    ensure!(found(&editor, false).await?.iter().all(|candidate| candidate.late.is_none()));
    ensure!(found(&stranger, false).await.is_err(), "a store of another tenant");

    // What the index still has of rows that are gone is no candidate, and no hit.
    let stale = Point {
        id: 4_000_000,
        file: "file-gone".to_owned(),
        text: QUERY.to_owned(),
        vector: all[0].vector.clone(),
        attributes: Map::new(),
    };
    services.projection.index().upsert(&store, vec![stale]).await?;
    ensure!(services.projection.index().ids(&store).await?.contains(&4_000_000));
    ensure!(found(&editor, true).await?.len() == 3);
    ensure!(hits(&search(&editor, &store, json!({})).await?).len() == 3);

    ensure!(editor.delete(&format!("/v1/files/{}", files[0])).await? == StatusCode::OK);
    ensure!(found(&editor, false).await?.len() == 2, "a deleted file");
    let detached = format!("/v1/vector_stores/{store}/files/{}", files[1]);
    ensure!(editor.delete(&detached).await? == StatusCode::OK);
    ensure!(found(&bob, false).await?.len() == 1, "a detached file");
    let list = format!("/cairn/v1/files/{}/access", files[2]);
    editor.json(Method::PUT, &list, &json!({"access": ["user:ada"]})).await?;
    ensure!(found(&bob, true).await?.is_empty(), "a file with an access list");
    scene.stop().await
}

/// Attaches a file with these settings, and waits until it is read.
async fn attach(
    caller: &Caller,
    store: &str,
    (name, text): (&str, &str),
    more: &Value,
) -> Result<String> {
    let (status, file) = caller.try_upload(name, text.as_bytes().to_vec()).await?;
    ensure!(status.is_success(), "{file}");
    let id = file["id"].as_str().context("a file id")?.to_owned();
    let mut body = json!({"file_id": id});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let files = format!("/v1/vector_stores/{store}/files");
    caller.json(Method::POST, &files, &body).await?;
    for _ in 0..600 {
        let (_, state) = caller.get(&format!("{files}/{id}")).await?;
        match state["status"].as_str() {
            Some("in_progress") => tokio::time::sleep(Duration::from_millis(50)).await,
            Some("completed") => return Ok(id),
            _ => anyhow::bail!("{state}"),
        }
    }
    anyhow::bail!("{name} was not read within 30 s")
}

#[tokio::test]
async fn files_are_found_by_their_attributes_and_their_time() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let store = editor.store("library").await?;
    let mut files = Vec::new();
    for ((name, text), attributes) in TEXTS.iter().zip([
        json!({"year": 2019, "kind": "report", "draft": false, "day": "2019-11-30"}),
        json!({"year": 2021, "kind": "letter", "draft": true, "day": "2021-02-01"}),
        json!({"year": 2023.5, "kind": "report", "day": "2021-02-01T09:30"}),
    ]) {
        let more = json!({"attributes": attributes});
        files.push(attach(&editor, &store, (*name, *text), &more).await?);
    }
    let (bridge, crossing, cards) = ("bridge.txt", "crossing.txt", "cards.txt");
    let compare =
        |kind: &str, key: &str, value: Value| json!({"type": kind, "key": key, "value": value});
    let old = compare("lt", "year", json!(2020));
    let letter = compare("eq", "kind", json!("letter"));
    let (from, until) =
        (compare("gte", "day", json!("2021-02-01")), compare("lt", "day", json!("2021-02-02")));
    let now = scene.services().now_seconds();
    let made = "cairn.created_at";
    for (filter, expected) in [
        (compare("eq", "year", json!(2021)), vec![crossing]),
        (compare("eq", "draft", json!(false)), vec![bridge]),
        (compare("ne", "kind", json!("report")), vec![crossing]),
        (compare("ne", "draft", json!(true)), vec![bridge, cards]),
        (compare("gt", "year", json!(2021)), vec![cards]),
        (compare("gte", "year", json!(2021)), vec![cards, crossing]),
        (old.clone(), vec![bridge]),
        (compare("lte", "year", json!(2021)), vec![bridge, crossing]),
        (compare("in", "kind", json!(["letter", "memo"])), vec![crossing]),
        (compare("nin", "year", json!([2019, 2021])), vec![cards]),
        (json!({"type": "or", "filters": [old, letter]}), vec![bridge, crossing]),
        (json!({"type": "and", "filters": [old, letter]}), vec![]),
        (compare("gte", made, json!(now - 3600)), vec![bridge, cards, crossing]),
        (compare("lt", made, json!(now - 3600)), vec![]),
        (compare("gt", made, json!(now + 3600)), vec![]),
        (json!({"type": "and", "filters": [from, until]}), vec![cards, crossing]),
        (compare("lte", "day", json!("2021-02-01")), vec![bridge, crossing]),
        (compare("gt", "day", json!(2021)), vec![]),
        (compare("eq", "cairn.filename", json!(bridge)), vec![bridge]),
        (compare("nin", "cairn.filename", json!([bridge, "Cards.txt"])), vec![cards, crossing]),
        (compare("gte", "cairn.filename", json!("c")), vec![cards, crossing]),
        (compare("eq", "cairn.file_id", json!(files[0])), vec![bridge]),
        (compare("in", "cairn.file_id", json!(["file-0"])), vec![]),
    ] {
        let found = search(&editor, &store, json!({"filters": filter})).await?;
        let mut found = names(&found);
        found.sort_unstable();
        ensure!(found == expected, "{filter}: {found:?}");
    }
    // Time and names are the program's to tell: they are not shown, and nobody else sets them.
    let found = search(&editor, &store, json!({})).await?;
    let path = format!("/v1/vector_stores/{store}/files/{}", files[0]);
    for own in [made, "cairn.filename", "cairn.file_id"] {
        ensure!(!found.to_string().contains(own), "{found}");
        let set = json!({"attributes": {own: "x"}});
        let (status, refused) = editor.try_json(Method::POST, &path, &set).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    }
    // An index that is built anew from the records knows them too.
    scene.services().projection.index().drop_store(&store).await?;
    scene.services().projection.verify(true).await?;
    let recent = json!({"filters": compare("gte", made, json!(now - 3600))});
    ensure!(hits(&search(&editor, &store, recent).await?).len() == 3);
    let called = json!({"filters": compare("eq", "cairn.filename", json!(cards))});
    ensure!(names(&search(&editor, &store, called).await?) == [cards]);
    scene.stop().await
}

#[tokio::test]
async fn copies_give_way_where_hits_shall_differ() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let store = library(&editor).await?;
    editor.ingest(&store, "copy.txt", TEXTS[0].1.as_bytes()).await?;
    let best = search(&editor, &store, json!({"max_num_results": 2})).await?;
    let mut copies = names(&best);
    copies.sort_unstable();
    ensure!(copies == ["bridge.txt", "copy.txt"], "nothing would be tested: {best}");
    let differing = json!({"max_num_results": 2, "cairn": {"diversity": 0.7}});
    let found = search(&editor, &store, differing).await?;
    let found = names(&found);
    ensure!(found.len() == 2 && copies.contains(&found[0]), "{found:?}");
    ensure!(!copies.contains(&found[1]), "{found:?}");
    scene.stop().await
}

#[tokio::test]
async fn a_hit_is_widened_to_its_section_word_for_word() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("library", "editor").await?;
    let store = editor.store("library").await?;
    let sentence = |word: &str, number: usize| {
        format!("The {word} number {number} is counted – once – by the keeper of the house. ")
    };
    let section = |word: &str| (0..24).map(|number| sentence(word, number)).collect::<String>();
    let text = format!(
        "# Apples\n\n{}\n\n# Bridges\n\n{}\n\n# Candles\n\n{}\n",
        section("apple"),
        section("bridge"),
        section("candle")
    );
    let cut = json!({"chunking_strategy": {"type": "static",
        "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}});
    let file = attach(&editor, &store, ("house.md", text.as_str()), &cut).await?;
    let asked = |options: Value| json!({"query": "bridge number 12 of the keeper", "max_num_results": 3, "cairn": options});
    let narrow = search(&editor, &store, asked(json!({}))).await?;
    let found = search(&editor, &store, asked(json!({"expand": "section"}))).await?;
    let best = hits(&found)[0];
    let shown = best["content"][0]["text"].as_str().context("a text")?;
    let was = narrow["data"][0]["content"][0]["text"].as_str().context("a text")?;
    ensure!(shown.contains(was) && shown.len() > 2 * was.len(), "{best}");
    for number in [0, 23] {
        ensure!(shown.contains(sentence("bridge", number).trim()), "{number}: {shown}");
    }
    ensure!(!shown.contains("apple number") && !shown.contains("candle number"), "{shown}");
    // Its characters are the document's.
    let (start, end) = (&best["cairn"]["char_start"], &best["cairn"]["char_end"]);
    let (_, told) =
        editor.get(&format!("/cairn/v1/files/{file}/text?start={start}&end={end}")).await?;
    ensure!(told["text"] == shown, "{told}");
    let inside = best["cairn"]["hits"].as_array().context("hits")?;
    ensure!(inside.len() > 1, "the hits of a section are told together: {best}");
    ensure!(inside[0]["char_start"] == narrow["data"][0]["cairn"]["char_start"], "{best}");
    let starts: Vec<&Value> = hits(&found).iter().map(|hit| &hit["cairn"]["char_start"]).collect();
    ensure!(starts.iter().enumerate().all(|(n, start)| !starts[..n].contains(start)), "{found}");
    scene.stop().await
}
