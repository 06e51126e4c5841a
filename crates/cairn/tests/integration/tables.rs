use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

/// Rows whose label follows from two columns, with some missing values.
fn flowers() -> String {
    let mut csv = "length,colour,kind\n".to_owned();
    for n in 0..240_u32 {
        let length = f64::from(n * 37 % 100) / 10.0;
        let colour = ["red", "blue", "white"][(n % 3) as usize];
        let kind = if length > 5.0 && colour != "white" { "tulip" } else { "daisy" };
        let shown = if n % 29 == 0 { String::new() } else { length.to_string() };
        let _ = writeln!(csv, "{shown},{colour},{kind}");
    }
    csv
}

async fn train(caller: &Caller, body: &Value) -> Result<Value> {
    let run = caller.json(Method::POST, "/cairn/v1/training_runs", body).await?;
    let path = format!("/cairn/v1/training_runs/{}", run["id"].as_str().context("a run")?);
    for _ in 0..1200 {
        let (_, run) = caller.get(&path).await?;
        if run["finished_at"].is_number() {
            return Ok(run);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the run did not end within a minute")
}

#[tokio::test]
async fn a_table_becomes_a_served_model() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("garden", "editor").await?;
    let (_, dataset) = caller.import("flowers", &flowers()).await?;
    ensure!(dataset["rows"] == 240, "{dataset}");
    let (_, again) = caller.import("flowers", &flowers()).await?;
    ensure!(again["version"] == 1, "the same content made a new version: {again}");

    let wanted = json!({"dataset": "flowers", "target": "kind", "budget_seconds": 5});
    let run = train(&caller, &wanted).await?;
    ensure!(run["status"] == "succeeded", "{run}");
    let result = &run["result"];
    let names: Vec<&str> = result["leaderboard"]
        .as_array()
        .context("a leaderboard")?
        .iter()
        .filter_map(|row| row["candidate"].as_str())
        .collect();
    ensure!(names.contains(&"baseline") && names.contains(&"linear"), "{names:?}");
    ensure!(names.iter().any(|name| name.starts_with("lightgbm")), "{names:?}");
    ensure!(result["test_metrics"]["accuracy"].as_f64().is_some_and(|a| a > 0.9), "{result}");

    let model = result["model"].as_str().context("a model")?;
    caller
        .json(Method::POST, &format!("/cairn/v1/models/{model}/deploy"), &json!({"version": 1}))
        .await?;
    served_as_trained(&caller, model, &result["trainer_predictions"]).await?;
    let lacking = json!({"model": model, "rows": [{"length": 3.0}]});
    let (status, error) = caller.try_json(Method::POST, "/cairn/v1/predict", &lacking).await?;
    ensure!(status == 400 && error.to_string().contains("colour"), "{error}");
    scene.stop().await
}

/// The same rows through `/cairn/v1/predict` and `/v2` give the trainer's predictions.
async fn served_as_trained(caller: &Caller, model: &str, trained: &Value) -> Result<()> {
    let rows = &trained["rows"];
    let body = json!({"model": model, "rows": rows});
    let served = caller.json(Method::POST, "/cairn/v1/predict", &body).await?;
    for (index, prediction) in served["predictions"].as_array().context("rows")?.iter().enumerate()
    {
        ensure!(
            prediction["prediction"] == trained["predictions"][index],
            "row {index}: {prediction}"
        );
        let sum: f64 = prediction["probabilities"]
            .as_object()
            .context("probabilities")?
            .values()
            .filter_map(Value::as_f64)
            .sum();
        ensure!((sum - 1.0).abs() < 1e-5, "{prediction}");
    }
    let row = &rows[0];
    let tensors = json!({"inputs": [
        {"name": "length", "shape": [1, 1], "datatype": "FP32", "data": [row["length"]]},
        {"name": "colour", "shape": [1, 1], "datatype": "BYTES", "data": [row["colour"]]},
    ]});
    let path = format!("/v2/models/{model}/infer");
    let inferred = caller.json(Method::POST, &path, &tensors).await?;
    let outputs = inferred["outputs"].as_array().context("outputs")?;
    let output = |name: &str| outputs.iter().find(|output| output["name"] == name);
    ensure!(
        output("label").context("label")?["data"][0] == trained["predictions"][0],
        "{inferred}"
    );
    let shares =
        output("probabilities").context("probabilities")?["data"].as_array().context("data")?;
    for (share, exact) in
        shares.iter().zip(trained["probabilities"][0].as_array().context("exact")?)
    {
        let difference =
            share.as_f64().context("a number")? - exact.as_f64().context("a number")?;
        ensure!(difference.abs() < 1e-5, "{difference}");
    }
    Ok(())
}

#[tokio::test]
async fn sql_reads_the_tenants_tables_and_nothing_else() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("garden", "editor").await?;
    caller.import("flowers", &flowers()).await?;
    let ask = |sql: &str| json!({"sql": sql});
    let path = "/cairn/v1/datasets/query";
    let counted = ask("SELECT kind, COUNT(*) AS n FROM flowers GROUP BY kind ORDER BY kind");
    let rows = caller.json(Method::POST, path, &counted).await?;
    ensure!(rows["rows"].as_array().is_some_and(|rows| rows.len() == 2), "{rows}");
    let other = scene.tenant("other", "editor").await?;
    for (who, sql) in [
        (&other, "SELECT * FROM flowers"),
        (&caller, "SELECT * FROM '/etc/passwd'"),
        (&caller, "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'"),
        (&caller, "COPY flowers TO '/tmp/flowers.csv'"),
        (&caller, "DROP TABLE flowers"),
    ] {
        let (status, body) = who.try_json(Method::POST, path, &ask(sql)).await?;
        ensure!(status.is_client_error(), "{sql}: {status} {body}");
    }
    scene.stop().await
}
