//! `cairn stores`: what stores there are, how they rank, and re-indexing them.

use std::time::Duration;

use cairn_kernel::{Error, Kind, Result};
use serde_json::{Value, json};

use super::{Outcome, items, store_id, text};
use crate::cli::{Chunker, Create, Cutting, Ranking, Reindex, Stores};
use crate::client::Client;
use crate::output;

/// How often a re-index is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Does what was asked for.
///
/// # Errors
/// `NotFound` for an unknown store, and what the server says.
pub(super) async fn run(client: &Client, asked: Stores) -> Result<Outcome> {
    match asked {
        Stores::List(json) => {
            let stores = Value::Array(client.list(&["v1", "vector_stores"], &[]).await?);
            if json.json {
                output::json(&stores)?;
            } else {
                output::line(render(&stores))?;
            }
            Ok(Outcome::Done)
        }
        Stores::Create(create) => {
            let made = client.post(&["v1", "vector_stores"], &wished(&create)).await?;
            if create.json.json {
                output::json(&made)?;
            } else {
                output::line(text(&made, "/id"))?;
            }
            Ok(Outcome::Done)
        }
        Stores::Ranking(ranking) => rank(client, &ranking).await,
        Stores::Reindex(reindex) => index(client, &reindex).await,
    }
}

/// What a new store shall be, in the words of the API.
fn wished(create: &Create) -> Value {
    let mut wish = json!({"name": create.name});
    if let Some(language) = &create.language {
        wish["cairn"]["language"] = json!(language);
    }
    if let Some(model) = &create.embedding_model {
        wish["cairn"]["embedding_model"] = json!(model);
    }
    wish
}

fn render(stores: &Value) -> String {
    let rows: Vec<Vec<String>> = items(stores, "")
        .iter()
        .map(|store| {
            let cell = |pointer: &str| store.pointer(pointer).map(output::cell).unwrap_or_default();
            ["/id", "/name", "/file_counts/completed", "/file_counts/failed", "/usage_bytes"]
                .map(cell)
                .to_vec()
        })
        .collect();
    output::table(&["ID", "NAME", "FILES", "FAILED", "BYTES"], &rows)
}

async fn rank(client: &Client, asked: &Ranking) -> Result<Outcome> {
    let store = store_id(client, &asked.store).await?;
    let path = ["cairn", "v1", "vector_stores", &store, "ranking"];
    let shares =
        [("dense_weight", asked.dense_weight), ("spread", asked.spread), ("late", asked.late)];
    let given: serde_json::Map<String, Value> = shares
        .into_iter()
        .filter_map(|(name, share)| Some((name.to_owned(), json!(share?))))
        .collect();
    let mut wish = json!({});
    if !given.is_empty() {
        wish["ranking"] = Value::Object(given);
    }
    if let Some(threshold) = asked.threshold {
        wish["threshold"] = json!(threshold);
    }
    let held = if asked.reset {
        client.delete(&path).await?
    } else if wish == json!({}) {
        client.get(&path, &[]).await?
    } else {
        client.put(&path, &wish).await?
    };
    if asked.json.json {
        output::json(&held)?;
    } else {
        output::line(ranking(&held))?;
    }
    Ok(Outcome::Done)
}

fn ranking(held: &Value) -> String {
    let share = |name: &str| output::rounded(&held["ranking"][name]);
    let threshold = output::rounded(&held["threshold"]["value"]);
    let mut lines = vec![
        format!("choice        {}", text(held, "/choice")),
        format!("dense_weight  {}", share("dense_weight")),
        format!("spread        {}", share("spread")),
        format!("late          {}", share("late")),
        format!("threshold     {threshold} ({})", text(held, "/threshold/choice")),
    ];
    if let Some(quality) = held["quality"].as_object() {
        let of = |name: &str| quality.get(name).map(output::rounded).unwrap_or_default();
        lines.push(format!(
            "nDCG@10 over {} judged queries: learned {}, default {}, vectors {}, words {}",
            output::cell(&held["queries"]),
            of("learned"),
            of("default"),
            of("dense"),
            of("words")
        ));
    }
    if let Some(quality) = held["threshold"]["quality"].as_object() {
        let of = |name: &str| quality.get(name).map(output::rounded).unwrap_or_default();
        let count = |name: &str| quality.get(name).map(output::cell).unwrap_or_default();
        lines.push(format!(
            "refusal F1 over {} questions with an answer and {} without: learned {}, default {}",
            count("answerable"),
            count("unanswerable"),
            of("learned"),
            of("default")
        ));
    }
    lines.join("\n")
}

async fn index(client: &Client, asked: &Reindex) -> Result<Outcome> {
    let store = store_id(client, &asked.store).await?;
    let path = ["cairn", "v1", "vector_stores", &store, "reindex"];
    let held = if asked.status {
        client.get(&path, &[]).await?
    } else if asked.cancel {
        client.delete(&path).await?
    } else {
        let mut wish = json!({});
        if let Some(model) = &asked.embedding_model {
            wish["embedding_model"] = json!(model);
        }
        if let Some(language) = &asked.language {
            wish["language"] = json!(language);
        }
        if let Some(chunking) = chunking(&asked.cutting)? {
            wish["chunking"] = chunking;
        }
        if asked.reparse {
            wish["reparse"] = json!(true);
        }
        client.post(&path, &wish).await?
    };
    let held = if asked.wait { follow(client, &path).await? } else { held };
    if asked.json.json {
        output::json(&held)?;
    } else {
        output::line(told(&held))?;
    }
    Ok(if text(&held, "/status") == "failed" { Outcome::Failed } else { Outcome::Done })
}

/// The way of cutting that was asked for, in the words of the API.
pub(super) fn chunking(asked: &Cutting) -> Result<Option<Value>> {
    let Some(chunker) = asked.chunker else {
        let alone = asked.max_tokens.is_some()
            || asked.overlap_tokens.is_some()
            || asked.parent_tokens.is_some();
        return match alone {
            true => Err(Error::invalid("sizes of chunks need --chunker, which they belong to")),
            false => Ok(None),
        };
    };
    let (name, largest, sizes) = match chunker {
        Chunker::Auto => ("auto", "", [None, None]),
        Chunker::Static => {
            ("static", "max_tokens", [asked.overlap_tokens.map(|n| ("overlap_tokens", n)), None])
        }
        Chunker::Structure => ("structure", "max_tokens", [None, None]),
        Chunker::ParentChild => (
            "parent_child",
            "child_tokens",
            [None, asked.parent_tokens.map(|n| ("parent_tokens", n))],
        ),
    };
    let given = usize::from(asked.max_tokens.is_some())
        + usize::from(asked.overlap_tokens.is_some())
        + usize::from(asked.parent_tokens.is_some());
    let mut wish = json!({"type": name});
    let mut used = 0;
    let largest = asked.max_tokens.filter(|_| !largest.is_empty()).map(|n| (largest, n));
    for (size, tokens) in sizes.into_iter().chain([largest]).flatten() {
        wish[size] = json!(tokens);
        used += 1;
    }
    if used < given {
        return Err(Error::invalid(format!(
            "--max-tokens is of static, structure and parent_child (there of the child), \
             --overlap-tokens of static, --parent-tokens of parent_child; not all that were \
             passed are of {name}"
        )));
    }
    Ok(Some(wish))
}

/// Shows a bar until the re-index has ended; gives how it ended.
async fn follow(client: &Client, path: &[&str]) -> Result<Value> {
    let bar = output::bar(0, "files");
    loop {
        let held = client.get(path, &[]).await?;
        let number = |name: &str| held["run"][name].as_u64().unwrap_or(0);
        bar.set_length(number("files_total"));
        bar.set_position(number("files_done"));
        match text(&held, "/status") {
            "in_progress" => tokio::time::sleep(LOOK_EVERY).await,
            "none" => {
                return Err(Error::new(Kind::NotFound, "this store was never re-indexed"));
            }
            _ => {
                bar.finish_and_clear();
                return Ok(held);
            }
        }
    }
}

fn told(held: &Value) -> String {
    let cell = |pointer: &str| held.pointer(pointer).map(output::cell).unwrap_or_default();
    let generation = |at: &str| {
        let chunking = held.pointer(&format!("{at}/chunking")).cloned().unwrap_or_default();
        let mut sizes: Vec<String> = Vec::new();
        for (name, value) in chunking.as_object().into_iter().flatten() {
            if name != "type" {
                sizes.push(format!("{name} {}", output::cell(value)));
            }
        }
        let sizes =
            if sizes.is_empty() { String::new() } else { format!(" ({})", sizes.join(", ")) };
        format!(
            "generation {}: {}, {}{sizes}{}",
            cell(&format!("{at}/generation")),
            cell(&format!("{at}/embedding_model")),
            text(&chunking, "/type"),
            match held.pointer(&format!("{at}/language")).and_then(Value::as_str) {
                Some(language) => format!(", language {language}"),
                None => String::new(),
            }
        )
    };
    let mut lines = vec![format!("active  {}", generation("/active"))];
    if !held["run"].is_null() {
        lines.push(format!("{}  {}", text(held, "/status"), generation("/run/generation")));
        let done = [cell("/run/files_done"), cell("/run/files_total")];
        if text(held, "/status") == "in_progress" {
            lines.push(format!("        {} of {} files", done[0], done[1]));
        }
        if let recall @ Value::Number(_) = &held["run"]["report"]["recall_at_10"] {
            let recall = output::rounded(recall);
            lines.push(format!("        the first ten hits before are there again: {recall}"));
        }
        if held["run"]["report"]["texts_changed"].is_number() {
            let (changed, unread) =
                (cell("/run/report/texts_changed"), cell("/run/report/files_unread"));
            lines.push(format!(
                "        {changed} texts are others now, {unread} files could not be read anew"
            ));
        }
        let error = cell("/run/error");
        if !error.is_empty() {
            lines.push(format!("        {error}"));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_store_is_what_was_asked_for() {
        let json = crate::cli::Json { json: false };
        let plain = Create { name: "docs".to_owned(), language: None, embedding_model: None, json };
        assert_eq!(wished(&plain), json!({"name": "docs"}));
        let german = Create { language: Some("de".to_owned()), ..plain };
        assert_eq!(wished(&german), json!({"name": "docs", "cairn": {"language": "de"}}));
    }

    #[test]
    fn sizes_go_with_the_chunker_they_belong_to() {
        let none = Cutting::default();
        assert_eq!(chunking(&none).unwrap(), None);
        let structure =
            Cutting { chunker: Some(Chunker::Structure), max_tokens: Some(300), ..none };
        let wanted = json!({"type": "structure", "max_tokens": 300});
        assert_eq!(chunking(&structure).unwrap(), Some(wanted));
        let family = Cutting {
            chunker: Some(Chunker::ParentChild),
            max_tokens: Some(80),
            parent_tokens: Some(600),
            ..none
        };
        let wanted = json!({"type": "parent_child", "child_tokens": 80, "parent_tokens": 600});
        assert_eq!(chunking(&family).unwrap(), Some(wanted));
        let auto = Cutting { chunker: Some(Chunker::Auto), ..none };
        assert_eq!(chunking(&auto).unwrap(), Some(json!({"type": "auto"})));
        for bad in [
            Cutting { max_tokens: Some(300), ..none },
            Cutting { max_tokens: Some(300), ..auto },
            Cutting { overlap_tokens: Some(10), ..structure },
            Cutting { overlap_tokens: Some(10), ..family },
        ] {
            assert_eq!(chunking(&bad).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
        }
    }

    #[test]
    fn rankings_and_runs_are_told() {
        let held = json!({
            "choice": "learned", "queries": 40,
            "ranking": {"dense_weight": 0.55, "spread": 0.0, "late": 0.2},
            "quality": {"learned": 0.5, "default": 0.45, "dense": 0.4, "words": 0.41},
            "threshold": {"value": 0.25, "choice": "given", "quality": null},
        });
        let said = ranking(&held);
        assert!(said.starts_with("choice        learned\ndense_weight  0.5500\n"), "{said}");
        assert!(said.contains("\nthreshold     0.2500 (given)\n"), "{said}");
        assert!(said.ends_with("learned 0.5000, default 0.4500, vectors 0.4000, words 0.4100"));
        let quality = json!({"answerable": 30, "unanswerable": 25, "learned": 0.9, "default": 0.7});
        let mut learned = held;
        learned["threshold"] = json!({"value": 0.5, "choice": "learned", "quality": quality});
        let said = ranking(&learned);
        let last =
            "over 30 questions with an answer and 25 without: learned 0.9000, default 0.7000";
        assert!(said.ends_with(last), "{said}");
        let run = json!({
            "status": "completed",
            "active": {"generation": 2, "embedding_model": "own",
                "chunking": {"type": "structure", "max_tokens": 300}},
            "run": {"generation": {"generation": 2, "embedding_model": "own", "language": "de",
                "chunking": {"type": "structure", "max_tokens": 300}},
                "report": {"recall_at_10": 0.875}, "error": null},
        });
        assert_eq!(
            told(&run),
            "active  generation 2: own, structure (max_tokens 300)\n\
             completed  generation 2: own, structure (max_tokens 300), language de\n        \
             the first ten hits before are there again: 0.8750"
        );
        let stores = json!([{"id": "vs_1", "name": "docs", "usage_bytes": 10,
            "file_counts": {"completed": 2, "failed": 0}}]);
        assert!(render(&stores).ends_with("vs_1  docs  2      0       10"));
    }
}
