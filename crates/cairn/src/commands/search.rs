//! `cairn search`: the passages of a store that fit a query best.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::ask::{place_name, shortened};
use super::{Outcome, items, store_id, text};
use crate::cli::{Search, filter};
use crate::client::Client;
use crate::output;

/// What `--explain` shows of a hit: the heading, the score, and the place that goes with it.
const SCORES: [(&str, &str, &str); 12] = [
    ("score", "/score", ""),
    ("cosine", "/cairn/dense", "/cairn/explain/dense_place"),
    ("words", "/cairn/bm25", "/cairn/explain/bm25_place"),
    ("dense", "/cairn/explain/dense", ""),
    ("bm25", "/cairn/explain/bm25", ""),
    ("fused", "/cairn/explain/fused", ""),
    ("spread", "/cairn/explain/spread", ""),
    ("standing", "/cairn/explain/standing", ""),
    ("first stage", "/cairn/explain/first_stage", ""),
    ("reranked", "/cairn/explain/late", ""),
    ("final", "/cairn/explain/final", ""),
    ("strength", "/cairn/explain/strength", ""),
];

/// The steps of a search, in their order.
const STEPS: [&str; 9] =
    ["embed", "dense", "bm25", "lookup", "vectors", "rank", "rerank", "records", "total"];

/// Searches and prints the passages.
///
/// # Errors
/// `NotFound` for an unknown store, and what the server says.
pub(super) async fn run(client: &Client, asked: &Search) -> Result<Outcome> {
    let store = store_id(client, &asked.store).await?;
    let found = client.post(&["v1", "vector_stores", &store, "search"], &body(asked)).await?;
    if asked.json.json {
        output::json(&found)?;
    } else {
        output::line(render(asked, &found))?;
    }
    Ok(Outcome::Done)
}

/// The query as the server takes it.
fn body(asked: &Search) -> Value {
    let mut body = json!({"query": asked.query, "max_num_results": asked.limit});
    let file = asked.file.as_deref().map(filter::file);
    let filters: Vec<Value> = asked.filters.iter().cloned().chain(file).collect();
    if let Some(filter) = filter::all(&filters) {
        body["filters"] = filter;
    }
    if asked.explain {
        body["cairn"] = json!({"explain": true});
    }
    body
}

fn render(asked: &Search, found: &Value) -> String {
    let hits = items(found, "/data");
    let mut parts = Vec::new();
    if hits.is_empty() {
        parts.push(nothing(asked));
    } else {
        parts.push(listed(hits));
    }
    if asked.explain {
        if !hits.is_empty() {
            parts.push(scores(hits));
        }
        parts.push(took(found));
    }
    parts.join("\n\n")
}

/// That nothing was found, and where it may lie.
fn nothing(asked: &Search) -> String {
    match (&asked.file, asked.filters.is_empty()) {
        (None, true) => "Nothing found.".to_owned(),
        (None, false) => "Nothing found in files that pass --filter: text in double quotes and \
                          numbers are kept apart, and small and capital letters too."
            .to_owned(),
        (Some(file), _) => format!(
            "Nothing found in a file with the id or the name '{file}' (--file): is it in the \
             store, and written so to the letter?"
        ),
    }
}

fn listed(hits: &[Value]) -> String {
    let lines = hits.iter().enumerate().map(|(at, hit)| {
        let score = hit.get("score").and_then(Value::as_f64).unwrap_or(0.0);
        let passage = shortened(text(hit, "/content/0/text"), 240);
        format!("{:>2}. {score:.3}  {}\n    {passage}", at + 1, place_name(hit))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The scores of each step, without those that no hit has.
fn scores(hits: &[Value]) -> String {
    let number = |hit: &Value, at: &str| hit.pointer(at).filter(|value| value.is_number()).cloned();
    let has = |at: &str| hits.iter().any(|hit| number(hit, at).is_some());
    let shown: Vec<_> = SCORES.iter().filter(|(_, score, _)| has(score)).collect();
    let headings: Vec<&str> =
        ["", "file"].into_iter().chain(shown.iter().map(|(heading, _, _)| *heading)).collect();
    let rows = hits.iter().enumerate().map(|(at, hit)| {
        let mut row = vec![format!("{:>2}.", at + 1), shortened(text(hit, "/filename"), 32)];
        row.extend(shown.iter().map(|(_, score, place)| {
            let score = number(hit, score).as_ref().and_then(Value::as_f64);
            let score = score.map_or_else(String::new, |score| format!("{score:.3}"));
            match number(hit, place) {
                Some(place) => format!("{score} ({place}.)"),
                None => score,
            }
        }));
        row
    });
    output::table(&headings, &rows.collect::<Vec<_>>())
}

/// The milliseconds of each step.
fn took(found: &Value) -> String {
    let row = |step: &&str| {
        let spent = found.pointer(&format!("/cairn/took/{step}_ms"))?.as_f64()?;
        Some(vec![(*step).to_owned(), format!("{spent:>8.2}")])
    };
    output::table(&["step", "      ms"], &STEPS.iter().filter_map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn asked(line: &str) -> Search {
        let words = ["cairn", "search", "how", "--store", "s"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(words.filter(|word| !word.is_empty())).unwrap().command {
            Command::Search(search) => search,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hits_are_listed_with_their_place() {
        let found = json!({"data": [{
            "filename": "a.pdf", "score": 0.5, "cairn": {"page": 2},
            "content": [{"type": "text", "text": "one\ntwo"}],
        }]});
        assert_eq!(render(&asked(""), &found), " 1. 0.500  a.pdf, page 2\n    one two");
        let none = json!({"data": []});
        assert_eq!(render(&asked(""), &none), "Nothing found.");
        for (line, said) in [("--file a.pdf", "'a.pdf' (--file)"), ("--filter a=1", "--filter")] {
            assert!(render(&asked(line), &none).contains(said), "{line}");
        }
    }

    #[test]
    fn a_search_is_made_as_the_flags_say() {
        assert_eq!(body(&asked("")), json!({"query": "how", "max_num_results": 10}));
        let body = body(&asked("--filter day<2024-05 --file a.pdf --limit 3 --explain"));
        let day = json!({"type": "lt", "key": "day", "value": "2024-05"});
        let file = filter::file("a.pdf");
        assert_eq!(
            body,
            json!({"query": "how", "max_num_results": 3, "cairn": {"explain": true},
                "filters": {"type": "and", "filters": [day, file]}})
        );
    }

    #[test]
    fn the_steps_are_shown_with_scores_and_times() {
        let hit = |name: &str, late: Value| {
            json!({"filename": name, "score": 0.25, "content": [{"text": "x"}], "cairn": {
                "dense": 0.75, "bm25": 2.5, "explain": {"dense_place": 1, "bm25_place": null,
                "dense": 1.0, "bm25": 0.0, "fused": 0.6, "spread": null, "first_stage": 0.6,
                "late": late, "final": 0.5}}})
        };
        let took = json!({"embed_ms": 1.234, "total_ms": 10.0});
        let found = json!({"data": [hit("a.pdf", json!(0.5)), hit("b.pdf", Value::Null)],
            "cairn": {"took": took}});
        let said = render(&asked("--explain"), &found);
        let lines: Vec<&str> = said.lines().skip(5).collect();
        assert_eq!(
            lines,
            [
                "     file   score  cosine      words  dense  bm25   fused  first stage  reranked  final",
                " 1.  a.pdf  0.250  0.750 (1.)  2.500  1.000  0.000  0.600  0.600        0.500     0.500",
                " 2.  b.pdf  0.250  0.750 (1.)  2.500  1.000  0.000  0.600  0.600                  0.500",
                "",
                "step         ms",
                "embed      1.23",
                "total     10.00",
            ],
            "{said}"
        );
    }
}
