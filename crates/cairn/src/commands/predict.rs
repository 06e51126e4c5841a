//! `cairn predict`: the rows of a table through a model.

use std::path::Path;

use cairn_kernel::{Kind, Result, ResultExt as _};
use cairn_tables::Tables;
use serde_json::{Map, Value, json};

use super::{Outcome, Table, items, text};
use crate::cli::Predict;
use crate::client::Client;
use crate::output;

/// Rows sent in one request.
const ROWS: usize = 2000;

/// Predicts and prints a line for each row.
///
/// # Errors
/// `NotFound` for an unknown model or table, and what the server says of the rows.
pub(super) async fn run(client: &Client, asked: &Predict) -> Result<Outcome> {
    let answer = match Table::of(&asked.table)? {
        Table::Dataset(dataset) => {
            post(client, &json!({"model": asked.model, "dataset": dataset})).await?
        }
        Table::File(file) => predict_file(client, &asked.model, &file).await?,
    };
    if asked.json.json {
        output::json(&answer)?;
    } else {
        output::line(render(&answer))?;
    }
    Ok(Outcome::Done)
}

async fn post(client: &Client, body: &Value) -> Result<Value> {
    client.post(&["cairn", "v1", "predict"], body).await
}

/// Reads the file as an import would, so that its values have the types that training saw,
/// and leaves no dataset behind.
async fn predict_file(client: &Client, model: &str, file: &Path) -> Result<Value> {
    let folder = tempfile::tempdir().or_internal("making a temporary folder")?;
    let tables = Tables::new(folder.path());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let snapshot = tables.import(file, None, &name).await?;
    let mut answer = json!({"model": model, "version": null, "predictions": []});
    let mut version = Value::Null;
    let mut predictions = Vec::new();
    let mut offset = 0;
    loop {
        let page = tables.rows(&snapshot.sha256, offset, ROWS).await?;
        if page.rows.is_empty() {
            break;
        }
        offset += page.rows.len();
        let rows: Vec<Value> = page
            .rows
            .into_iter()
            .map(|row| Value::Object(page.columns.iter().cloned().zip(row).collect::<Map<_, _>>()))
            .collect();
        // Every part is answered by the version that answered the first.
        let body = json!({"model": model, "version": version, "rows": rows});
        let part = post(client, &body).await?;
        version = part["version"].clone();
        predictions.extend(items(&part, "/predictions").iter().cloned());
    }
    if predictions.is_empty() {
        return Err(cairn_kernel::Error::new(
            Kind::Unprocessable,
            format!("{} has no rows", file.display()),
        ));
    }
    answer["version"] = version;
    answer["predictions"] = Value::Array(predictions);
    Ok(answer)
}

fn render(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = items(answer, "/predictions")
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let shares = row["probabilities"].as_object().into_iter().flatten();
            let shares = shares.map(|(label, share)| format!("{label} {}", output::rounded(share)));
            vec![
                (at + 1).to_string(),
                output::rounded(&row["prediction"]),
                shares.collect::<Vec<_>>().join("  "),
            ]
        })
        .collect();
    let has_shares = rows.iter().any(|row| row.last().is_some_and(|cell| !cell.is_empty()));
    let headings: &[&str] =
        if has_shares { &["ROW", "PREDICTION", "PROBABILITIES"] } else { &["ROW", "PREDICTION"] };
    let table = output::table(headings, &rows);
    format!("{} version {}\n{table}", text(answer, "/model"), answer["version"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_listed_by_row() {
        let answer = json!({"model": "m", "version": 1, "predictions": [
            {"prediction": "good", "probabilities": {"bad": 0.25, "good": 0.75}},
        ]});
        assert_eq!(
            render(&answer),
            "m version 1\nROW  PREDICTION  PROBABILITIES\n1    good        bad 0.2500  good 0.7500"
        );
        let answer = json!({"model": "m", "version": 1, "predictions": [{"prediction": 9.5}]});
        assert_eq!(render(&answer), "m version 1\nROW  PREDICTION\n1    9.5000");
    }
}
