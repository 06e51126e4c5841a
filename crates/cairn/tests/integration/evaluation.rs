//! Question sets, runs over them, and what becomes of both when documents go.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cairn_kernel::{Id, Kind};
use cairn_services::evaluations::NewEvaluation;
use cairn_services::evaluations::plan::{Configuration, Plan};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rollouts::table;
use crate::scene::{Caller, Scene, read};
use crate::schedules::SCHEDULES;

pub(crate) const SETS: &str = "/cairn/v1/question_sets";
pub(crate) const RUNS: &str = "/cairn/v1/evaluations";

/// Documents, each with a question that says the same in other words.
pub(crate) const PLACES: [(&str, &str, &str); 8] = [
    (
        "keeper.md",
        "The last keeper of the Orrin tower was Ida Thorvald. She left the tower in the spring of 1989.",
        "Which woman looked after the old lighthouse at the end?",
    ),
    (
        "ferry.md",
        "Ferries cross the Lune strait every two hours in summer and twice a day in winter.",
        "How often do boats travel over the water?",
    ),
    (
        "bakery.md",
        "The bakery on Mill Lane sells rye bread, cinnamon rolls and almond cake from six in the morning.",
        "Where can somebody buy pastries early?",
    ),
    (
        "clinic.md",
        "The clinic vaccinates children against measles on the first Tuesday of each month.",
        "When do kids get their shots from the doctor?",
    ),
    (
        "bridge.md",
        "Engineers inspect the cables of the suspension bridge twice a year for rust and broken strands.",
        "Who checks the wires of the crossing for corrosion?",
    ),
    (
        "school.md",
        "Pupils at the village school learn the violin and the flute in their third year.",
        "Which musical instruments are taught to young students?",
    ),
    (
        "rent.md",
        "Tenants pay their rent by bank transfer before the fifth day of the month or owe a late fee.",
        "What is the deadline for paying the landlord?",
    ),
    (
        "goats.md",
        "Goats graze on the northern cliffs and are milked at dawn to make a hard white cheese.",
        "Which farm animals give dairy products here?",
    ),
];

/// A tenant with a store of [`PLACES`].
pub(crate) async fn places(scene: &Scene, tenant: &str) -> Result<(Caller, String)> {
    let caller = scene.tenant(tenant, "editor").await?;
    let store = caller.store("places").await?;
    for (name, text, _) in PLACES {
        let (_, state) = caller.ingest(&store, name, text.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
    }
    Ok((caller, store))
}

/// The questions of [`PLACES`], with the files that answer them.
pub(crate) fn paraphrases() -> Vec<Value> {
    let question = |(name, _, question): &(&str, &str, &str)| json!({"question": question, "relevant": [name]});
    PLACES.iter().map(question).collect()
}

pub(crate) fn id(value: &Value) -> Result<String> {
    Ok(value["id"].as_str().with_context(|| format!("no id in {value}"))?.to_owned())
}

pub(crate) async fn set(
    caller: &Caller,
    store: &str,
    name: &str,
    questions: &[Value],
) -> Result<String> {
    let body = json!({"store": store, "name": name, "questions": questions});
    let made = caller.json(Method::POST, SETS, &body).await?;
    ensure!(made["status"] == "ready", "{made}");
    id(&made)
}

/// What stands at `path` once it is neither waiting nor under way.
pub(crate) async fn settled(caller: &Caller, path: &str) -> Result<Value> {
    for _ in 0..3600 {
        let (status, state) = caller.get(path).await?;
        ensure!(status == StatusCode::OK, "{path}: {status} {state}");
        if !["queued", "running", "generating"].iter().any(|open| state["status"] == *open) {
            return Ok(state);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{path} did not settle within three minutes")
}

pub(crate) async fn run(caller: &Caller, body: &Value) -> Result<Value> {
    let begun = caller.json(Method::POST, RUNS, body).await?;
    let ended = settled(caller, &format!("{RUNS}/{}", id(&begun)?)).await?;
    ensure!(ended["status"] == "succeeded", "{ended}");
    Ok(ended)
}

fn figure(run: &Value, configuration: usize, name: &str) -> Result<f64> {
    let figures = &run["result"]["configurations"][configuration]["figures"];
    figures[name]["value"].as_f64().with_context(|| format!("no {name} in {figures}"))
}

#[tokio::test]
async fn configurations_are_compared_on_the_same_questions() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "compares").await?;
    let set = set(&caller, "places", "paraphrases", &paraphrases()).await?;
    let words = json!({"name": "words", "dense_weight": 0.0});
    let body = json!({"store": store, "question_set": set, "seed": 7, "tune": true,
        "configurations": [{"name": "default"}, words]});
    let first = run(&caller, &body).await?;
    ensure!(figure(&first, 0, "recall_at_5")? >= 0.75, "{first}");
    let (default, words) = (figure(&first, 0, "ndcg_at_10")?, figure(&first, 1, "ndcg_at_10")?);
    ensure!(words <= default, "words alone {words}, both {default}");
    let report = &first["result"]["configurations"];
    ensure!(report[0]["differences"].is_null(), "{report}");
    let difference = &report[1]["differences"]["ndcg_at_10"];
    let value = difference["value"].as_f64().context("a difference")?;
    ensure!((value - (words - default)).abs() < 1e-9, "{difference}");
    ensure!(difference["low"].as_f64() <= Some(value), "{difference}");
    ensure!(difference["high"].as_f64() >= Some(value), "{difference}");
    ensure!(difference["questions"] == 8 && difference["p_value"].is_number(), "{difference}");
    ensure!(report[0]["search_ms"]["p99"].as_f64() > Some(0.0), "{report}");
    ensure!(report[0]["answers"].is_null(), "{report}");
    // Eight questions are too few to learn from.
    let tuning = &first["result"]["tuning"];
    ensure!(tuning["applied"] == false && tuning["questions"] == 8, "{tuning}");
    ensure!(tuning["refused"].to_string().contains("fewer than 20"), "{tuning}");
    ensure!(first["worse"].is_null(), "there is no run before it: {first}");

    // The same again is the same, and no worse.
    let again = run(&caller, &body).await?;
    ensure!(again["worse"] == false, "{again}");
    ensure!(again["result"]["regression"]["against"] == first["id"], "{again}");
    let figures = |run: &Value| run["result"]["configurations"][0]["figures"].clone();
    ensure!(figures(&first) == figures(&again), "the same questions and seed, other figures");

    // A change that makes it worse is told from one that does not.
    let better =
        json!({"question_set": set, "configurations": [{"name": "c", "dense_weight": 0.8}]});
    let worse =
        json!({"question_set": set, "configurations": [{"name": "c", "dense_weight": 0.0}]});
    let before = run(&caller, &better).await?;
    let after = run(&caller, &worse).await?;
    let fell = figure(&after, 0, "ndcg_at_10")? < figure(&before, 0, "ndcg_at_10")?;
    ensure!(after["worse"] == fell, "{after}");
    let changes = after["result"]["regression"]["changes"].as_array().context("changes")?;
    ensure!(changes.is_empty() != fell, "{after}");
    ensure!(fell, "words alone do not find paraphrases: {after}");

    // Each question's outcome can be read, page by page.
    let results = format!("{RUNS}/{}/results", id(&first)?);
    let (_, page) = caller.get(&format!("{results}?configuration=words&limit=5&order=asc")).await?;
    ensure!(page["has_more"] == true && page["data"][0]["configuration"] == "words", "{page}");
    let after = page["last_id"].as_str().context("a cursor")?;
    let rest = format!("{results}?configuration=words&limit=5&order=asc&after={after}");
    let (_, rest) = caller.get(&rest).await?;
    ensure!(rest["data"].as_array().is_some_and(|all| all.len() == 3), "{rest}");
    ensure!(page["data"][0]["question"].is_string() && page["data"][0]["answer"].is_null());
    ensure!(page["data"][0]["outcome"]["found"].as_array().is_some_and(|found| found.len() == 8));
    let (status, _) = caller.get(&format!("{results}?configuration=nobody")).await?;
    ensure!(status == StatusCode::NOT_FOUND);
    // And the history of the store is kept.
    let (_, history) = caller.get(&format!("{RUNS}?store={store}&question_set={set}")).await?;
    ensure!(history["data"].as_array().is_some_and(|runs| runs.len() == 4), "{history}");
    scene.stop().await
}

#[tokio::test]
async fn answers_and_refusals_are_scored() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "answers").await?;
    let keeper = json!({"question": "Who was the last keeper of the Orrin tower?",
        "relevant": [{"file": "keeper.md", "quote": "keeper of the\nOrrin tower was Ida Thorvald"}],
        "expected_answer": ["Thorvald", "Ida Thorvald"]});
    let ferry = json!({"question": "How often do ferries cross the Lune strait in summer?",
        "relevant": ["ferry.md"], "expected_answer": "every two hours"});
    let unknown = |question: &str| json!({"question": question, "answerable": false});
    let questions = [
        keeper,
        ferry,
        unknown("Which enzyme unwinds the double helix before replication?"),
        unknown("What was the marginal tax rate in Belgium in 1974?"),
        unknown("How many moons orbit the planet Saturn?"),
    ];
    let set = set(&caller, &store, "asked", &questions).await?;
    let body = json!({"question_set": set, "tune": true,
        "configurations": [{"name": "answers", "answers": true}]});
    let ended = run(&caller, &body).await?;
    let result = &ended["result"];
    ensure!(result["questions"]["answerable"] == 2 && result["questions"]["unanswerable"] == 3);
    let answers = &result["configurations"][0]["answers"];
    ensure!(answers["asked"] == 5 && answers["generative"] == 0, "{answers}");
    // What is told of refusals is what the single results say.
    let path = format!("{RUNS}/{}/results?order=asc", id(&ended)?);
    let (_, results) = caller.get(&path).await?;
    let (mut right, mut wrong, mut missed) = (0.0, 0.0, 0.0);
    for one in results["data"].as_array().context("results")? {
        let answerable = one["outcome"]["answerable"] == true;
        match (answerable, one["outcome"]["answer"]["refused"] == true) {
            (false, true) => right += 1.0,
            (true, true) => wrong += 1.0,
            (false, false) => missed += 1.0,
            (true, false) => {}
        }
    }
    ensure!(right == 3.0, "what no document says is refused: {results}");
    ensure!(figure(&ended, 0, "refusal_recall")? == right / (right + missed));
    ensure!(figure(&ended, 0, "refusal_precision")? == right / (right + wrong));
    // The keeper is quoted from the sentence that says so.
    let first = &results["data"][0];
    ensure!(first["answer"]["text"].to_string().contains("Ida Thorvald"), "{first}");
    ensure!(first["outcome"]["figures"]["contains_answer"] == 1.0, "{first}");
    ensure!(first["outcome"]["figures"]["ndcg_at_10"] == 1.0, "{first}");
    let cited = &first["answer"]["citations"];
    ensure!(
        cited.as_array().is_some_and(|all| all.iter().any(|c| c["relevant"] == true)),
        "{first}"
    );
    ensure!(figure(&ended, 0, "faithfulness")? == 1.0, "quotes are supported");
    ensure!(figure(&ended, 0, "exact_match")? == 0.0, "a sentence is not the bare answer");
    // Two judged questions are not twenty.
    ensure!(result["tuning"]["questions"] == 2, "{result}");

    let page = format!("{RUNS}/{}/report", id(&ended)?);
    let answer = caller.request(Method::GET, &page).send().await?;
    let header =
        |name: &str| answer.headers().get(name).map(|value| value.to_str().map(str::to_owned));
    ensure!(header("content-type").transpose()?.is_some_and(|kind| kind.starts_with("text/html")));
    ensure!(header("content-security-policy").is_some(), "a page without a policy");
    let html = answer.text().await?;
    ensure!(html.contains("<svg") && html.contains("Refusal F1") && !html.contains("<script"));
    let (_, measured) = caller.get("/metrics").await?;
    let measured = measured.to_string();
    ensure!(measured.contains("cairn_eval_quality{metric=\\\"ndcg_at_10\\\"}"), "{measured}");
    scene.stop().await
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_and_nothing_is_made_twice() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("careful", "editor").await?;
    let store = caller.store("one").await?;
    caller.ingest(&store, "keeper.md", PLACES[0].1.as_bytes()).await?;
    let other = caller.store("other").await?;
    let post = Method::POST;
    for (body, param) in [
        (json!({"store": store}), "questions"),
        (json!({"questions": [{"question": "Who?", "relevant": ["keeper.md"]}]}), "store"),
        (
            json!({"store": store, "questions": [{"question": "Who?", "relevant": ["nobody.md"]}]}),
            "questions[0].relevant",
        ),
        (json!({"store": store, "questions": [{"question": "Who?"}]}), "questions[0]"),
        (json!({"store": store, "generate": {"count": 0}}), "generate.count"),
        (json!({"store": store, "generate": {"count": 1, "method": "magic"}}), "generate.method"),
    ] {
        let (status, refused) = caller.try_json(post.clone(), SETS, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{body}: {refused}");
        ensure!(refused["error"]["param"] == param, "{refused}");
    }
    // JSON and JSONL of the same questions under the same name are one set.
    let question = json!({"question": "Who kept the tower?", "relevant": ["keeper.md"]});
    let one = set(&caller, "one", "mine", std::slice::from_ref(&question)).await?;
    let place = format!("{SETS}?store=one&name=mine");
    let lines = caller.request(post.clone(), &place).header("content-type", "application/jsonl");
    let (status, same) = read(lines.body(format!("{question}\n\n")).send().await?).await?;
    ensure!(status == StatusCode::OK && same["id"] == one.as_str(), "{status} {same}");
    ensure!(same["questions"]["user"] == 1 && same["generated"].is_null(), "{same}");
    let (_, listed) = caller.get(&format!("{SETS}?store={other}")).await?;
    ensure!(listed["data"] == json!([]), "{listed}");

    let twice = json!([{"name": "a"}, {"name": "a"}]);
    let both = json!([{"name": "a", "reranker": "m", "answers": true}]);
    for (body, param) in [
        (json!({"question_set": one, "store": other}), "store"),
        (json!({"question_set": one, "configurations": []}), "configurations"),
        (json!({"question_set": one, "configurations": twice}), "configurations[1].name"),
        (json!({"question_set": one, "configurations": both}), "configurations[0].reranker"),
    ] {
        let (status, refused) = caller.try_json(post.clone(), RUNS, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{body}: {refused}");
        ensure!(refused["error"]["param"] == param, "{refused}");
    }
    // Models that are not there are told before anything is measured.
    for (configuration, param) in [
        (json!({"name": "a", "reranker": "nobody"}), "configurations[0].reranker"),
        (json!({"name": "a", "answers": true, "model": "nobody"}), "configurations[0].model"),
    ] {
        let body = json!({"question_set": one, "configurations": [configuration]});
        let (status, refused) = caller.try_json(post.clone(), RUNS, &body).await?;
        ensure!(status == StatusCode::NOT_FOUND && refused["error"]["param"] == param, "{refused}");
    }
    // So is everybody else who starts one.
    let services = scene.services();
    let scope = services.accounts.authenticate(&caller.key).await?;
    let unknown = Configuration { reranker: Some("nobody".to_owned()), ..Configuration::default() };
    let new = NewEvaluation {
        store: None,
        question_set: Id::from_raw(one.as_str()),
        plan: Plan { configurations: vec![unknown], tune: false, tune_reranker: false, seed: 0 },
    };
    let refused = services.evaluations.start(&scope, new).await.err().context("a refusal")?;
    ensure!(refused.kind() == Kind::NotFound, "{refused:?}");
    ensure!(refused.param() == Some("configurations[0].reranker"), "{refused:?}");
    // One that went meanwhile fails the run, and the run says so.
    caller.register("nobody", table(4, 1.0)).await?;
    let body = json!({"question_set": one, "every_seconds": 86_400,
        "configurations": [{"name": "a", "reranker": "nobody"}]});
    let schedule = id(&caller.json(post.clone(), SCHEDULES, &body).await?)?;
    ensure!(caller.delete("/cairn/v1/models/nobody").await?.is_success());
    let now = format!("{SCHEDULES}/{schedule}/run");
    let begun = caller.json(post.clone(), &now, &json!({})).await?;
    let path = format!("{RUNS}/{}", id(&begun)?);
    let failed = settled(&caller, &path).await?;
    ensure!(
        failed["status"] == "failed" && failed["error"].to_string().contains("nobody"),
        "{failed}"
    );
    let (status, _) = caller.get(&format!("{path}/report")).await?;
    ensure!(status == StatusCode::CONFLICT, "a run that failed has no report");
    let (status, _) = caller.try_json(post, &format!("{path}/cancel"), &json!({})).await?;
    ensure!(status == StatusCode::CONFLICT, "a run that ended cannot be cancelled");
    ensure!(caller.delete(&path).await? == StatusCode::OK);
    ensure!(caller.get(&path).await?.0 == StatusCode::NOT_FOUND);
    // Sets show words of documents whatever their lists say, so viewers do not see them.
    let viewer = scene.tenant("careful", "viewer").await?;
    for path in [SETS.to_owned(), RUNS.to_owned(), format!("{SETS}/{one}/questions")] {
        ensure!(viewer.get(&path).await?.0 == StatusCode::FORBIDDEN, "{path}");
    }
    scene.stop().await
}

const PLANTED: &str = "The combination of the Orrin vault is quartz424zanzibar, as the keeper Ida \
     Thorvald wrote in her diary in the spring of 1989.";

#[tokio::test]
async fn generated_questions_go_with_their_document_and_all_with_the_store() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, store) = places(&scene, "generates").await?;
    let (file, _) = caller.ingest(&store, "vault.md", PLANTED.as_bytes()).await?;
    let wish = json!({"store": store, "name": "probes",
        "generate": {"count": 40, "method": "extractive", "seed": 3}});
    let begun = caller.json(Method::POST, SETS, &wish).await?;
    let made = settled(&caller, &format!("{SETS}/{}", id(&begun)?)).await?;
    ensure!(made["status"] == "ready" && made["generated"]["count"] == 40, "{made}");
    let total = made["questions"]["total"].as_i64().context("a count")?;
    ensure!(total >= 9 && made["questions"]["extractive"] == total, "{made}");
    let again = caller.json(Method::POST, SETS, &wish).await?;
    ensure!(again["id"] == made["id"], "the same wish makes the same set");
    let questions = format!("{SETS}/{}/questions?limit=100", id(&made)?);
    let (_, listed) = caller.get(&questions).await?;
    ensure!(listed.to_string().contains("quartz424zanzibar"), "{listed}");
    ensure!(listed["data"][0]["origin"] == "extractive", "{listed}");

    let body = json!({"question_set": made["id"], "tune": true,
        "configurations": [{"name": "default", "answers": true}]});
    let ended = run(&caller, &body).await?;
    ensure!(figure(&ended, 0, "hit_rate")? > 0.9, "probes find their own sentences: {ended}");
    ensure!(ended["result"]["tuning"]["questions"] == 0, "probes are not learned from");
    let results = format!("{RUNS}/{}/results?limit=100", id(&ended)?);
    ensure!(caller.get(&results).await?.1.to_string().contains("quartz424zanzibar"));

    ensure!(caller.delete(&format!("/v1/files/{file}")).await? == StatusCode::OK);
    for path in [&questions, &results] {
        let (_, left) = caller.get(path).await?;
        ensure!(!left.to_string().contains("quartz424zanzibar"), "{path}: {left}");
        ensure!(left["data"].as_array().is_some_and(|left| !left.is_empty()), "{path}");
    }
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    let held = scene.holding("quartz424zanzibar")?;
    ensure!(held.is_empty(), "{held:?}");

    ensure!(caller.delete(&format!("/v1/vector_stores/{store}")).await? == StatusCode::OK);
    for path in [format!("{SETS}/{}", id(&made)?), format!("{RUNS}/{}", id(&ended)?)] {
        ensure!(caller.get(&path).await?.0 == StatusCode::NOT_FOUND, "{path} is still there");
    }
    for path in [SETS, RUNS] {
        let (_, listed) = caller.get(path).await?;
        ensure!(listed["data"] == json!([]), "{path}: {listed}");
    }
    scene.stop().await
}

#[tokio::test]
async fn a_run_goes_on_after_a_restart() -> Result<()> {
    let scene = Scene::start().await?;
    let (caller, _) = places(&scene, "restarts").await?;
    let many: Vec<Value> = (0..40)
        .flat_map(|round| {
            paraphrases().into_iter().map(move |mut one| {
                let text = format!("{} ({round})", one["question"].as_str().unwrap_or_default());
                one["question"] = json!(text);
                one
            })
        })
        .collect();
    let set = set(&caller, "places", "many", &many).await?;
    let body = json!({"question_set": set,
        "configurations": [{"name": "a"}, {"name": "b", "dense_weight": 0.5}]});
    let begun = caller.json(Method::POST, RUNS, &body).await?;
    let path = format!("{RUNS}/{}", id(&begun)?);
    for _ in 0..400 {
        let (_, state) = caller.get(&path).await?;
        if state["progress"]["fraction"].as_f64() > Some(0.0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let scene = scene.restart().await?;
    let caller = scene.with_key(&caller.key);
    let ended = settled(&caller, &path).await?;
    ensure!(ended["status"] == "succeeded", "{ended}");
    let figures = &ended["result"]["configurations"];
    for number in 0..2 {
        ensure!(figures[number]["figures"]["mrr"]["questions"] == 320, "{figures}");
    }
    scene.stop().await
}
