//! `cairn search`: the passages of a store that fit a query best.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::ask::{place_name, shortened};
use super::{Outcome, items, store_id, text};
use crate::cli::Search;
use crate::client::Client;
use crate::output;

/// Searches and prints the passages.
///
/// # Errors
/// `NotFound` for an unknown store, and what the server says.
pub(super) async fn run(client: &Client, asked: &Search) -> Result<Outcome> {
    let store = store_id(client, &asked.store).await?;
    let body = json!({"query": asked.query, "max_num_results": asked.limit});
    let found = client.post(&["v1", "vector_stores", &store, "search"], &body).await?;
    if asked.json.json {
        output::json(&found)?;
    } else {
        output::line(render(&found))?;
    }
    Ok(Outcome::Done)
}

fn render(found: &Value) -> String {
    let hits = items(found, "/data");
    if hits.is_empty() {
        return "Nothing found.".to_owned();
    }
    let lines = hits.iter().enumerate().map(|(at, hit)| {
        let score = hit.get("score").and_then(Value::as_f64).unwrap_or(0.0);
        let passage = shortened(text(hit, "/content/0/text"), 240);
        format!("{:>2}. {score:.3}  {}\n    {passage}", at + 1, place_name(hit))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_listed_with_their_place() {
        let found = json!({"data": [{
            "filename": "a.pdf", "score": 0.5, "cairn": {"page": 2},
            "content": [{"type": "text", "text": "one\ntwo"}],
        }]});
        assert_eq!(render(&found), " 1. 0.500  a.pdf, page 2\n    one two");
        assert_eq!(render(&json!({"data": []})), "Nothing found.");
    }
}
