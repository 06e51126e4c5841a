//! `cairn predict`: the rows of a table through a model.

use std::path::Path;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use cairn_tables::{Page, Tables};
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
        Table::Dataset(dataset) => predict_dataset(client, &asked.model, dataset).await?,
        Table::File(file) => predict_file(client, &asked.model, &file).await?,
    };
    if asked.json.json {
        output::json(&answer)?;
    } else {
        output::line(render(&answer))?;
    }
    Ok(Outcome::Done)
}

async fn predict_dataset(client: &Client, model: &str, dataset: &str) -> Result<Value> {
    let path = ["cairn", "v1", "datasets", dataset, "rows"];
    let limit = ROWS.to_string();
    let mut answers = Answers::new(client, model);
    loop {
        let offset = answers.predictions.len().to_string();
        let page = client.get(&path, &[("offset", &offset), ("limit", &limit)]).await?;
        let page: Page = serde_json::from_value(page).or_internal("reading rows of a dataset")?;
        if page.rows.is_empty() {
            return Ok(answers.finish());
        }
        answers.add(page).await?;
    }
}

/// Reads the file as an import would, so that its values have the types that training saw,
/// and leaves no dataset behind.
async fn predict_file(client: &Client, model: &str, file: &Path) -> Result<Value> {
    let folder = tempfile::tempdir().or_internal("making a temporary folder")?;
    let tables = Tables::new(folder.path());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let snapshot = tables.import(file, None, &name).await?;
    let mut answers = Answers::new(client, model);
    loop {
        let page = tables.rows(&snapshot.sha256, answers.predictions.len(), ROWS).await?;
        if page.rows.is_empty() {
            return Ok(answers.finish());
        }
        answers.add(page).await?;
    }
}

/// Predictions, part by part. Every part is answered by the version that answered the first.
struct Answers<'a> {
    client: &'a Client,
    model: &'a str,
    version: Value,
    predictions: Vec<Value>,
}

impl<'a> Answers<'a> {
    fn new(client: &'a Client, model: &'a str) -> Self {
        Self { client, model, version: Value::Null, predictions: Vec::new() }
    }

    async fn add(&mut self, page: Page) -> Result<()> {
        let sent = page.rows.len();
        let columns = page.columns;
        let named = |row: Vec<Value>| columns.iter().cloned().zip(row).collect::<Map<_, _>>();
        let rows: Vec<_> = page.rows.into_iter().map(named).collect();
        let body = json!({"model": self.model, "version": self.version, "rows": rows});
        let part = self.client.post(&["cairn", "v1", "predict"], &body).await?;
        let predictions = items(&part, "/predictions");
        if predictions.len() != sent {
            return Err(Error::new(
                Kind::Unprocessable,
                format!("the server answers {} of {sent} rows", predictions.len()),
            ));
        }
        self.predictions.extend(predictions.iter().cloned());
        self.version = part["version"].clone();
        Ok(())
    }

    fn finish(self) -> Value {
        json!({"model": self.model, "version": self.version, "predictions": self.predictions})
    }
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
