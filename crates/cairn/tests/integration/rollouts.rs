use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cairn_onnx::{DataType, Dim, GraphProto, encode, input, model, node, opset, tensor_f32};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

/// How long a rollout may take to judge itself.
const PATIENCE: Duration = Duration::from_secs(20);
const ROLLOUT: &str = "/cairn/v1/models/table/rollout";
const INFER: &str = "/v2/models/table/infer";

/// A model that looks numbers up in a table: row `n` gives `n * scale`. A number beyond
/// the table makes it fail.
pub(crate) fn table(rows: u8, scale: f32) -> Vec<u8> {
    let values: Vec<f32> = (0..rows).map(|n| f32::from(n) * scale).collect();
    let graph = GraphProto {
        name: Some("table".to_owned()),
        node: vec![node("Gather", &["table", "n"], &["value"])],
        initializer: vec![tensor_f32("table", &[i64::from(rows)], &values)],
        input: vec![input("n", DataType::Int64, &[Dim::Named("N")])],
        output: vec![input("value", DataType::Float, &[Dim::Named("N")])],
        ..GraphProto::default()
    };
    encode(&model(graph, vec![opset("", 17)], Vec::new()))
}

fn ask(n: i64) -> Value {
    json!({"inputs": [{"name": "n", "shape": [1], "datatype": "INT64", "data": [n]}]})
}

/// Asks for row 5 with a key of its own; the version, or the failure.
async fn infer(caller: &Caller, key: &str) -> Result<Result<i64, StatusCode>> {
    let sent = caller.request(Method::POST, INFER).header("x-cairn-sticky", key);
    let answer = sent.json(&ask(5)).send().await?;
    if !answer.status().is_success() {
        return Ok(Err(answer.status()));
    }
    let body: Value = answer.json().await?;
    Ok(Ok(body["model_version"].as_str().context("a version")?.parse()?))
}

async fn rollout(caller: &Caller) -> Result<Value> {
    let (status, body) = caller.get(ROLLOUT).await?;
    ensure!(status.is_success(), "{status} {body}");
    Ok(body)
}

/// Whether the rollout has that status; waits a little, because gates are looked at now
/// and then, and not `until` ever.
async fn over(caller: &Caller, status: &str, until: Instant) -> Result<bool> {
    let now = rollout(caller).await?;
    ensure!(Instant::now() < until, "not {status} in time: {now}");
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(now["status"] == status)
}

fn arm(rollout: &Value, version: i64) -> Result<&Value> {
    let arms = rollout["arms"].as_array().context("arms")?;
    arms.iter().find(|arm| arm["version"] == version).context("the arm")
}

fn actions(rollout: &Value) -> Vec<String> {
    let history = rollout["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    let action = |change: &Value| change["action"].as_str().unwrap_or_default().to_owned();
    history.iter().map(action).collect()
}

/// Version 1 deployed, version 2 beside it.
async fn two(caller: &Caller, second: Vec<u8>) -> Result<()> {
    ensure!(caller.register("table", table(10, 1.0)).await? == 1);
    ensure!(caller.register("table", second).await? == 2);
    let deploy = json!({"version": 1});
    caller.json(Method::POST, "/cairn/v1/models/table/deploy", &deploy).await?;
    Ok(())
}

fn canary(steps: &[f64]) -> Value {
    let steps: Vec<Value> =
        steps.iter().map(|percent| json!({"percent": percent, "min_samples": 20})).collect();
    json!({
        "plan": {"strategy": "canary", "version": 2, "steps": steps,
                 "gates": {"min_samples": 20, "max_error_rate": 0.05}},
        "reason": "a test",
    })
}

#[tokio::test]
async fn a_worse_canary_rolls_itself_back() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("lab", "editor").await?;
    // The same interface, but it fails for the rows that are asked for.
    two(&caller, table(3, 1.0)).await?;
    let begun = caller.json(Method::PUT, ROLLOUT, &canary(&[50.0, 100.0])).await?;
    ensure!(begun["status"] == "running" && begun["stable"] == 1, "{begun}");
    let mut failed = 0;
    let until = Instant::now() + PATIENCE;
    for n in 0.. {
        match infer(&caller, &n.to_string()).await? {
            Ok(version) => ensure!(version == 1, "the failing version answered"),
            Err(status) => {
                ensure!(status.is_client_error(), "{status}");
                failed += 1;
            }
        }
        if n % 20 == 19 && over(&caller, "rolled_back", until).await? {
            break;
        }
    }
    ensure!(failed >= 20, "only {failed} requests failed, below the gate's samples");
    let ended = rollout(&caller).await?;
    ensure!(ended["status"] == "rolled_back", "{ended}");
    ensure!(actions(&ended)[..2] == ["rolled_back", "started"], "{ended}");
    let last = &ended["history"][0];
    ensure!(last["automatic"] == true && last["by"].is_string(), "{last}");
    ensure!(last["reason"].as_str().is_some_and(|r| r.contains("max_error_rate")), "{last}");
    ensure!(arm(&ended, 2)?["errors"].as_u64() >= Some(20), "{ended}");
    for n in 0..40 {
        ensure!(infer(&caller, &n.to_string()).await? == Ok(1), "key {n}");
    }
    let (_, shown) = caller.get("/cairn/v1/models/table").await?;
    ensure!(shown["deployed_version"] == 1, "{shown}");
    scene.stop().await
}

#[tokio::test]
async fn a_good_canary_is_promoted_step_by_step() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("lab", "editor").await?;
    two(&caller, table(10, 2.0)).await?;
    caller.json(Method::PUT, ROLLOUT, &canary(&[30.0, 100.0])).await?;
    let mut moved = BTreeMap::new();
    let until = Instant::now() + PATIENCE;
    for n in 0.. {
        let key = (n % 50).to_string();
        let version = infer(&caller, &key).await?.map_err(|s| anyhow::anyhow!("{s}"))?;
        let before = moved.insert(key.clone(), version);
        ensure!(before.is_none_or(|before| before <= version), "key {key} went back");
        if n % 20 == 19 && over(&caller, "promoted", until).await? {
            break;
        }
    }
    let ended = rollout(&caller).await?;
    ensure!(ended["status"] == "promoted", "{ended}");
    ensure!(actions(&ended)[..3] == ["promoted", "advanced", "started"], "{ended}");
    let (_, shown) = caller.get("/cairn/v1/models/table").await?;
    ensure!(shown["deployed_version"] == 2, "{shown}");
    ensure!(infer(&caller, "anyone").await? == Ok(2));
    scene.stop().await
}

#[tokio::test]
async fn a_rollback_under_load_fails_no_request_and_takes_less_than_a_second() -> Result<()> {
    const WORKERS: usize = 24;
    const SECONDS: u64 = 4;
    let scene = Scene::start().await?;
    let caller = scene.tenant("lab", "editor").await?;
    two(&caller, table(10, 2.0)).await?;
    let half = json!({"plan": {"strategy": "fixed", "weights": [
        {"version": 1, "weight": 1}, {"version": 2, "weight": 1}]}});
    caller.json(Method::PUT, ROLLOUT, &half).await?;
    let (stop, back) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let asked = Arc::new(AtomicU32::new(0));
    let workers = (0..WORKERS).map(|worker| {
        let (caller, stop, back) = (caller.clone(), Arc::clone(&stop), Arc::clone(&back));
        let asked = Arc::clone(&asked);
        async move {
            let mut seen = BTreeMap::new();
            let mut pace = tokio::time::interval(Duration::from_millis(48));
            while !stop.load(Ordering::SeqCst) {
                // Together about 500 a second.
                pace.tick().await;
                let after = back.load(Ordering::SeqCst);
                let number = asked.fetch_add(1, Ordering::SeqCst);
                let version = match infer(&caller, &format!("{worker}-{number}")).await? {
                    Ok(version) => version,
                    Err(status) => anyhow::bail!("request {number}: {status}"),
                };
                *seen.entry((after, version)).or_insert(0_u32) += 1;
            }
            Ok(seen)
        }
    });
    let roll_back = async {
        tokio::time::sleep(Duration::from_secs(SECONDS / 2)).await;
        let began = Instant::now();
        let path = format!("{ROLLOUT}/rollback");
        let ended = caller.json(Method::POST, &path, &json!({"reason": "complaints"})).await?;
        back.store(true, Ordering::SeqCst);
        let took = began.elapsed();
        tokio::time::sleep(Duration::from_secs(SECONDS / 2)).await;
        stop.store(true, Ordering::SeqCst);
        ensure!(ended["status"] == "rolled_back", "{ended}");
        ensure!(took < Duration::from_secs(1), "the rollback took {took:?}");
        anyhow::Ok(took)
    };
    let (counted, took) = tokio::join!(futures::future::try_join_all(workers), roll_back);
    let took = took?;
    let mut seen = BTreeMap::new();
    for (key, count) in counted?.into_iter().flatten() {
        *seen.entry(key).or_insert(0) += count;
    }
    let total: u32 = seen.values().sum();
    println!("{total} requests in {SECONDS} s, rollback in {took:?}: {seen:?}");
    ensure!(total >= 400, "only {total} requests were made");
    ensure!(seen.contains_key(&(false, 2)), "version 2 never answered: {seen:?}");
    ensure!(!seen.contains_key(&(true, 2)), "version 2 answered after the rollback: {seen:?}");
    scene.stop().await
}

#[tokio::test]
async fn a_rollout_goes_on_after_a_restart() -> Result<()> {
    let scene = Scene::start().await?;
    let key = {
        let caller = scene.tenant("lab", "editor").await?;
        two(&caller, table(10, 2.0)).await?;
        let plan = json!({"plan": {"strategy": "canary", "version": 2,
            "steps": [{"percent": 40, "min_seconds": 3600}, {"percent": 100}]}});
        caller.json(Method::PUT, ROLLOUT, &plan).await?;
        caller.key
    };
    let caller = scene.with_key(&key);
    let mut chosen = Vec::new();
    for n in 0..40 {
        chosen.push(infer(&caller, &n.to_string()).await?);
    }
    let before = rollout(&caller).await?;
    let scene = scene.restart().await?;
    let caller = scene.with_key(&key);
    let after = rollout(&caller).await?;
    for field in ["id", "status", "plan", "started_at", "arms", "history"] {
        ensure!(before[field] == after[field], "{field}: {before} {after}");
    }
    for (n, version) in chosen.iter().enumerate() {
        ensure!(infer(&caller, &n.to_string()).await? == *version, "key {n} changed its version");
    }
    let path = format!("{ROLLOUT}/promote");
    let ended = caller.json(Method::POST, &path, &json!({})).await?;
    ensure!(ended["status"] == "promoted" && ended["history"][0]["version"] == 2, "{ended}");
    let (status, body) = caller.try_json(Method::POST, &path, &json!({})).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {body}");
    let scene = scene.restart().await?;
    let caller = scene.with_key(&key);
    ensure!(rollout(&caller).await?["status"] == "promoted");
    ensure!(infer(&caller, "anyone").await? == Ok(2));
    scene.stop().await
}

#[tokio::test]
async fn a_shadow_is_compared_and_answers_nobody() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("lab", "editor").await?;
    two(&caller, table(10, 2.0)).await?;
    let plan = json!({"plan": {"strategy": "shadow", "version": 2}});
    caller.json(Method::PUT, ROLLOUT, &plan).await?;
    for n in 0..20 {
        ensure!(infer(&caller, &n.to_string()).await? == Ok(1));
    }
    let mut seen = Value::Null;
    for _ in 0..100 {
        let held = rollout(&caller).await?;
        seen = arm(&held, 2)?["shadow"].clone();
        let counted = |field: &str| seen[field].as_u64().unwrap_or(0);
        if counted("compared") + counted("skipped") == 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(seen["compared"].as_u64() > Some(0) && seen["errors"] == 0, "{seen}");
    // Row 5 is 5 in the one table and 10 in the other.
    ensure!(seen["differing_share"] == 1.0 && seen["max_abs_diff"] == 5.0, "{seen}");
    scene.stop().await
}

#[tokio::test]
async fn feedback_moves_an_adaptive_rollout() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("lab", "editor").await?;
    two(&caller, table(10, 2.0)).await?;
    let plan = json!({"plan": {"strategy": "adaptive", "versions": [1, 2]}});
    caller.json(Method::PUT, ROLLOUT, &plan).await?;
    let feedback = "/cairn/v1/models/table/feedback";
    for n in 0..120 {
        let id = format!("req-{n}");
        let sent = caller.request(Method::POST, INFER).header("x-request-id", &id);
        let body: Value = sent.json(&ask(5)).send().await?.json().await?;
        let liked = body["model_version"] == "2";
        let given = json!({"request_id": id, "reward": f64::from(u8::from(liked))});
        let taken = caller.json(Method::POST, feedback, &given).await?;
        ensure!(
            taken["version"].as_i64()
                == body["model_version"].as_str().and_then(|v| v.parse().ok()),
            "{taken}"
        );
    }
    let held = rollout(&caller).await?;
    ensure!(arm(&held, 2)?["share"].as_f64() > Some(0.9), "{held}");
    ensure!(arm(&held, 2)?["rewards"]["mean"] == 1.0, "{held}");
    for (given, expected) in [
        (json!({"request_id": "req-1", "reward": 1}), StatusCode::CONFLICT),
        (json!({"request_id": "req-x", "reward": 1}), StatusCode::NOT_FOUND),
        (json!({"version": 3, "reward": 1}), StatusCode::BAD_REQUEST),
        (json!({"version": 2, "reward": 7}), StatusCode::BAD_REQUEST),
        (json!({"reward": 1}), StatusCode::BAD_REQUEST),
    ] {
        let (status, body) = caller.try_json(Method::POST, feedback, &given).await?;
        ensure!(status == expected, "{given}: {status} {body}");
    }
    scene.stop().await
}

#[tokio::test]
async fn versions_are_registered_once_and_named_by_number_or_alias() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("lab", "editor").await?;
    two(&caller, table(10, 2.0)).await?;
    ensure!(caller.register("table", table(10, 1.0)).await? == 1, "the same bytes");
    let alias = "/cairn/v1/models/table/aliases/champion";
    let shown = caller.json(Method::PUT, alias, &json!({"version": 2})).await?;
    ensure!(shown["aliases"]["champion"] == 2 && shown["kind"] == "tensor", "{shown}");
    for (path, version) in [
        ("/v2/models/table/infer", "1"),
        ("/v2/models/table@champion/infer", "2"),
        ("/v2/models/table@2/infer", "2"),
        ("/v2/models/table/versions/champion/infer", "2"),
    ] {
        let answer = caller.json(Method::POST, path, &ask(5)).await?;
        ensure!(answer["model_version"] == version && answer["model_name"] == "table", "{answer}");
    }
    for missing in ["/v2/models/table@loser/infer", "/v2/models/table/versions/9/infer"] {
        let (status, body) = caller.try_json(Method::POST, missing, &ask(5)).await?;
        ensure!(status == StatusCode::NOT_FOUND, "{missing}: {status} {body}");
    }
    ensure!(caller.delete(alias).await? == StatusCode::OK);
    ensure!(caller.delete(alias).await? == StatusCode::NOT_FOUND);
    let versions = "/cairn/v1/models/table/versions";
    for (body, word) in [
        (json!({"kind": "gguf", "asset": "gpt-9"}), "gpt-9"),
        (json!({"kind": "remote", "provider": "nobody", "model": "m"}), "nobody"),
        (json!({"kind": "pickle"}), "pickle"),
    ] {
        let (status, said) = caller.try_json(Method::POST, versions, &body).await?;
        ensure!(status.is_client_error() && said.to_string().contains(word), "{status} {said}");
    }
    // A file that does not load is not registered.
    let form = reqwest::multipart::Form::new()
        .part("file", reqwest::multipart::Part::bytes(b"no model".to_vec()).file_name("x.onnx"));
    let answer = caller.request(Method::POST, versions).multipart(form).send().await?;
    ensure!(answer.status().is_client_error(), "{}", answer.text().await?);
    let (_, shown) = caller.get("/cairn/v1/models/table").await?;
    ensure!(shown["versions"].as_array().map(Vec::len) == Some(2), "{shown}");
    scene.stop().await
}

#[tokio::test]
async fn rollouts_are_their_tenants_and_set_by_editors() -> Result<()> {
    let scene = Scene::start().await?;
    let owner = scene.tenant("lab", "editor").await?;
    two(&owner, table(10, 2.0)).await?;
    owner.json(Method::PUT, ROLLOUT, &canary(&[50.0, 100.0])).await?;
    let stranger = scene.tenant("stranger", "editor").await?;
    ensure!(stranger.get(ROLLOUT).await?.0 == StatusCode::NOT_FOUND);
    let (rollback, feedback) =
        (format!("{ROLLOUT}/rollback"), "/cairn/v1/models/table/feedback".to_owned());
    for (method, path, body) in [
        (Method::PUT, ROLLOUT.to_owned(), canary(&[50.0, 100.0])),
        (Method::POST, rollback.clone(), json!({})),
        (Method::POST, feedback.clone(), json!({"version": 2, "reward": 0})),
        (Method::POST, INFER.to_owned(), ask(1)),
    ] {
        let (status, said) = stranger.try_json(method, &path, &body).await?;
        ensure!(status == StatusCode::NOT_FOUND, "{path}: {status} {said}");
    }
    // A model of the same name is another model.
    two(&stranger, table(10, 3.0)).await?;
    ensure!(stranger.get(ROLLOUT).await?.0 == StatusCode::NOT_FOUND, "a deployment is no rollout");
    let (_, changes) = stranger.get("/cairn/v1/models/table/history").await?;
    ensure!(changes["data"].as_array().map(Vec::len) == Some(1), "{changes}");
    ensure!(changes["data"][0]["action"] == "deployed", "{changes}");
    let viewer = scene.tenant("lab", "viewer").await?;
    ensure!(viewer.get(ROLLOUT).await?.0 == StatusCode::OK);
    let (status, _) = viewer.try_json(Method::POST, &rollback, &json!({})).await?;
    ensure!(status == StatusCode::FORBIDDEN, "{status}");
    ensure!(rollout(&owner).await?["status"] == "running");
    // Deploying ends it, and the history tells.
    let deploy = json!({"version": 2});
    owner.json(Method::POST, "/cairn/v1/models/table/deploy", &deploy).await?;
    let ended = rollout(&owner).await?;
    ensure!(ended["status"] == "superseded" && actions(&ended)[0] == "deployed", "{ended}");
    scene.stop().await
}
