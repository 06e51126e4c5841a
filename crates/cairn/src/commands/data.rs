//! `cairn data`: tables.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::{Outcome, items, load, text};
use crate::cli::Data;
use crate::client::Client;
use crate::output;

const DATASETS: [&str; 3] = ["cairn", "v1", "datasets"];

/// Does what was asked for.
///
/// # Errors
/// What the server says.
pub(super) async fn run(client: &Client, asked: Data) -> Result<Outcome> {
    let (answer, json, render): (Value, bool, fn(&Value) -> String) = match asked {
        Data::Load { file, name, json } => {
            (load(client, &file, name.as_deref()).await?, json.json, loaded)
        }
        Data::List(json) => (Value::Array(client.list(&DATASETS, &[]).await?), json.json, list),
        Data::Show { name, json } => {
            (client.get(&["cairn", "v1", "datasets", &name], &[]).await?, json.json, show)
        }
        Data::Query { sql, json } => {
            let path = ["cairn", "v1", "datasets", "query"];
            (client.post(&path, &json!({"sql": sql})).await?, json.json, result)
        }
    };
    if json {
        output::json(&answer)?;
    } else {
        output::line(render(&answer))?;
    }
    Ok(Outcome::Done)
}

fn loaded(dataset: &Value) -> String {
    format!("{}\n{}", summary(dataset), notes(dataset)).trim_end().to_owned()
}

fn summary(dataset: &Value) -> String {
    format!(
        "{} version {}: {} rows, {} columns, from {}",
        text(dataset, "/name"),
        dataset["version"],
        dataset["rows"],
        items(dataset, "/columns").len(),
        text(dataset, "/source"),
    )
}

fn notes(dataset: &Value) -> String {
    let notes = items(dataset, "/notes").iter().filter_map(Value::as_str);
    notes.map(|note| format!("  note: {note}")).collect::<Vec<_>>().join("\n")
}

fn list(datasets: &Value) -> String {
    let rows: Vec<Vec<String>> = items(datasets, "")
        .iter()
        .map(|dataset| {
            let cell = |key: &str| output::cell(&dataset[key]);
            let columns = items(dataset, "/columns").len().to_string();
            vec![cell("name"), cell("version"), cell("rows"), columns, cell("source")]
        })
        .collect();
    if rows.is_empty() {
        return "There are no datasets; load one with `cairn data load FILE`.".to_owned();
    }
    output::table(&["NAME", "VERSION", "ROWS", "COLUMNS", "SOURCE"], &rows)
}

fn show(dataset: &Value) -> String {
    let rows: Vec<Vec<String>> = items(dataset, "/columns")
        .iter()
        .map(|column| {
            let plain = ["name", "type", "nulls", "distinct", "min", "max"];
            let mut cells: Vec<String> =
                plain.iter().map(|key| output::cell(&column[*key])).collect();
            cells.push(output::rounded(&column["mean"]));
            cells
        })
        .collect();
    let headings = ["COLUMN", "TYPE", "NULLS", "DISTINCT", "MIN", "MAX", "MEAN"];
    format!("{}\n{}\n{}", summary(dataset), notes(dataset), output::table(&headings, &rows))
        .replace("\n\n", "\n")
}

fn result(answer: &Value) -> String {
    let headings: Vec<&str> =
        items(answer, "/columns").iter().map(|column| text(column, "/name")).collect();
    let rows: Vec<Vec<String>> = items(answer, "/rows")
        .iter()
        .map(|row| items(row, "").iter().map(output::cell).collect())
        .collect();
    let mut lines = output::table(&headings, &rows);
    if answer["truncated"] == true {
        lines.push_str("\n… cut here: there are more rows; add a LIMIT or aggregate");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_prints_as_a_table() {
        let answer = json!({
            "columns": [{"name": "sex", "type": "string"}, {"name": "n", "type": "integer"}],
            "rows": [["F", 1307], [null, 2]],
            "truncated": true,
        });
        assert_eq!(
            result(&answer),
            "sex  n\nF    1307\n     2\n… cut here: there are more rows; add a LIMIT or aggregate"
        );
    }

    #[test]
    fn a_dataset_is_summed_up() {
        let dataset = json!({
            "name": "abalone", "version": 2, "rows": 4177, "source": "abalone.csv",
            "columns": [{"name": "sex", "type": "string", "nulls": 0, "distinct": 3}],
            "notes": ["the separator is a comma"],
        });
        let expected = "abalone version 2: 4177 rows, 1 columns, from abalone.csv\n  \
                        note: the separator is a comma";
        assert_eq!(loaded(&dataset), expected);
        assert!(show(&dataset).starts_with(expected));
        assert!(show(&dataset).contains("sex"));
    }
}
