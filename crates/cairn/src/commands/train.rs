//! `cairn train`: a model out of a table.

use std::time::Duration;

use cairn_kernel::{Error, Kind, Result};
use serde_json::{Map, Value, json};

use super::{Outcome, Table, deploy, items, load, text};
use crate::cli::Train;
use crate::client::Client;
use crate::output;

const POLL: Duration = Duration::from_millis(500);

/// Trains, waits and prints what came of it.
///
/// # Errors
/// `Unprocessable` when the run failed, with its reason, and what the server says.
pub(super) async fn run(client: &Client, asked: &Train) -> Result<Outcome> {
    let dataset = match Table::of(&asked.table)? {
        Table::Dataset(name) => name.to_owned(),
        Table::File(file) => {
            let dataset = load(client, &file, None).await?;
            output::note(format_args!(
                "loaded {} as '{}'",
                file.display(),
                text(&dataset, "/name")
            ));
            text(&dataset, "/name").to_owned()
        }
    };
    let body = json!({
        "dataset": dataset,
        "target": asked.target,
        "name": asked.name,
        "budget_seconds": asked.budget,
        "seed": asked.seed,
    });
    let run = client.post(&["cairn", "v1", "training_runs"], &body).await?;
    let run = follow(client, text(&run, "/id")).await?;
    let result = run.get("result").filter(|result| result.is_object()).cloned();
    let mut result = result.unwrap_or_else(|| Value::Object(Map::new()));
    let model = text(&result, "/model").to_owned();
    let version = result["version"].as_u64().unwrap_or(0);
    let number = version.to_string();
    let onnx = ["cairn", "v1", "models", &model, "versions", &number, "onnx"];
    let url = client.url(&onnx).to_string();
    if asked.deploy {
        deploy(client, &model, version).await?;
    }
    if let Some(path) = &asked.onnx {
        client.download(&onnx, path).await?;
    }
    if let Some(object) = result.as_object_mut() {
        object.insert("run".to_owned(), run["id"].clone());
        object.insert("deployed".to_owned(), json!(asked.deploy));
        object.insert("onnx_url".to_owned(), json!(url));
        object.insert("onnx_file".to_owned(), json!(asked.onnx));
    }
    if asked.json.json {
        output::json(&result)?;
    } else {
        output::line(render(&result))?;
    }
    Ok(Outcome::Done)
}

/// Waits until the run has ended well.
async fn follow(client: &Client, id: &str) -> Result<Value> {
    let bar = output::bar(100, "training");
    loop {
        let run = client.get(&["cairn", "v1", "training_runs", id], &[]).await?;
        match text(&run, "/status") {
            "succeeded" => {
                bar.finish_and_clear();
                return Ok(run);
            }
            status @ ("failed" | "cancelled") => {
                bar.finish_and_clear();
                let why = match text(&run, "/error") {
                    "" => status,
                    error => error,
                };
                return Err(Error::new(
                    Kind::Unprocessable,
                    format!("the training run {id} {status}: {why}"),
                ));
            }
            _ => {}
        }
        let fraction = run.pointer("/progress/fraction").and_then(Value::as_f64).unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction between 0 and 1"
        )]
        bar.set_position((fraction.clamp(0.0, 1.0) * 100.0) as u64);
        bar.set_message(text(&run, "/progress/stage").to_owned());
        tokio::time::sleep(POLL).await;
    }
}

fn render(result: &Value) -> String {
    let metric = text(result, "/metric");
    let board: Vec<Vec<String>> = items(result, "/leaderboard")
        .iter()
        .map(|entry| {
            let value = |part: &str| output::rounded(&entry[part][metric]);
            let chosen = if entry["chosen"] == true { "*" } else { "" };
            let seconds = entry["fit_seconds"].as_f64().unwrap_or(0.0);
            vec![
                chosen.to_owned(),
                output::cell(&entry["candidate"]),
                value("validation"),
                value("validation_std"),
                value("test"),
                format!("{seconds:.1} s"),
            ]
        })
        .collect();
    let headings = ["", "CANDIDATE", metric, "±", "TEST", "FIT"];
    let mut lines = vec![output::table(&headings, &board), String::new()];
    lines.push(format!(
        "{} version {}: {} of '{}', {} rows to train on, {} to test on",
        text(result, "/model"),
        result["version"],
        text(result, "/task"),
        text(result, "/target"),
        result["train_rows"],
        result["test_rows"],
    ));
    lines.push(format!("test   {}", metrics(&result["test_metrics"])));
    let onnx = &result["onnx"];
    lines.push(format!(
        "onnx   {} ({} bytes, SHA-256 {})",
        text(result, "/onnx_url"),
        onnx["bytes"],
        text(onnx, "/sha256")
    ));
    if let Some(file) = result["onnx_file"].as_str() {
        lines.push(format!("       downloaded to {file}"));
    }
    for note in items(result, "/notes").iter().filter_map(Value::as_str) {
        lines.push(format!("note   {note}"));
    }
    if result["deployed"] == true {
        lines.push("deployed".to_owned());
    } else {
        lines.push(format!(
            "deploy with: cairn models deploy {} {}",
            text(result, "/model"),
            result["version"]
        ));
    }
    lines.join("\n")
}

fn metrics(values: &Value) -> String {
    let pairs = values.as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| format!("{name} {}", output::rounded(value)))
        .collect::<Vec<_>>()
        .join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_reads_as_a_leaderboard() {
        let result = json!({
            "model": "abalone", "version": 3, "task": "regression", "target": "rings",
            "metric": "rmse", "train_rows": 3341, "test_rows": 836, "deployed": false,
            "leaderboard": [
                {"candidate": "gbdt", "validation": {"rmse": 2.12346}, "validation_std": {"rmse": 0.1},
                 "test": {"rmse": 2.2}, "fit_seconds": 1.28, "chosen": true},
                {"candidate": "linear", "validation": {"rmse": 2.5}, "fit_seconds": 0.1, "chosen": false},
            ],
            "test_metrics": {"mae": 1.5, "rmse": 2.2},
            "onnx": {"sha256": "ab", "bytes": 10, "path": "blobs/x"},
            "onnx_url": "http://h/onnx", "onnx_file": "m.onnx", "notes": ["dropped id"],
        });
        let text = render(&result);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "*  gbdt       2.1235  0.1000  2.2000  1.3 s");
        assert_eq!(lines[2], "   linear     2.5000                  0.1 s");
        assert!(text.contains(
            "abalone version 3: regression of 'rings', 3341 rows to train on, 836 to test on"
        ));
        assert!(text.contains("test   mae 1.5000  rmse 2.2000"));
        assert!(text.contains("onnx   http://h/onnx (10 bytes, SHA-256 ab)"));
        assert!(text.contains("downloaded to m.onnx") && text.contains("note   dropped id"));
        assert!(text.ends_with("cairn models deploy abalone 3"));
    }
}
