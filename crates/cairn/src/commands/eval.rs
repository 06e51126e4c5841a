//! `cairn eval`: how well a store finds and answers questions.

mod schedules;

use std::path::Path;
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use serde_json::{Map, Value, json};

use super::stores::chunking;
use super::{Outcome, items, store_id, text};
use crate::cli::{Eval, EvalCommand, Questions};
use crate::client::Client;
use crate::output;

/// The name of the configuration that is cut or embedded as the command line says.
const TRIED: &str = "tried";
const POLL: Duration = Duration::from_millis(500);

/// The figures of the table, in order: the name in the API and the heading.
const FIGURES: [(&str, &str); 11] = [
    ("recall_at_1", "R@1"),
    ("recall_at_5", "R@5"),
    ("recall_at_10", "R@10"),
    ("ndcg_at_10", "NDCG@10"),
    ("mrr", "MRR"),
    ("recall_in_2000_tokens", "R IN 2000 TOKENS"),
    ("faithfulness", "FAITHFUL"),
    ("citation_correctness", "CITED RIGHT"),
    ("contains_answer", "CONTAINS"),
    ("token_f1", "F1"),
    ("refusal_f1", "REFUSAL F1"),
];

/// Makes the question set, runs the evaluation, waits, and prints what came of it; or sees to
/// schedules.
///
/// # Errors
/// `Unprocessable` when the run failed, with its reason, `Invalid` for files that cannot be
/// read, and what the server says.
pub(super) async fn run(client: &Client, asked: &Eval) -> Result<Outcome> {
    if let Some(EvalCommand::Schedules(schedules)) = &asked.command {
        return schedules::run(client, schedules).await;
    }
    let Some(store) = &asked.store else {
        return Err(Error::invalid("pass the name or id of the store to measure"));
    };
    let store = store_id(client, store).await?;
    let configurations = configurations(asked)?;
    let set = question_set(client, &store, &asked.source, (asked.unanswerable, asked.seed)).await?;
    let body = json!({
        "question_set": set,
        "configurations": configurations,
        "tune": asked.tune,
        "tune_reranker": asked.tune_reranker,
        "seed": asked.seed,
    });
    let begun = client.post(&["cairn", "v1", "evaluations"], &body).await?;
    finish(client, &begun, asked.report.as_deref(), asked.json.json).await
}

/// Waits until a run has ended, and prints what came of it.
async fn finish(
    client: &Client,
    begun: &Value,
    report: Option<&Path>,
    json: bool,
) -> Result<Outcome> {
    let path = ["cairn", "v1", "evaluations", text(begun, "/id")];
    let run = follow(client, &path, "succeeded", "evaluating").await?;
    if let Some(file) = report {
        let page = ["cairn", "v1", "evaluations", text(&run, "/id"), "report"];
        client.download(&page, file).await?;
    }
    if json {
        output::json(&run)?;
    } else {
        output::line(render(&run, report))?;
    }
    Ok(if run["worse"] == true { Outcome::Worse } else { Outcome::Done })
}

/// The configurations to compare, each answering if that was asked for.
fn configurations(asked: &Eval) -> Result<Value> {
    let mut all = listed(asked.configurations.as_deref())?;
    if let Some(tried) = tried(asked, all.first())? {
        all.push(tried);
    }
    Ok(answering(all, asked.answers))
}

/// The configurations of a file; without one, the store as it is.
fn listed(file: Option<&Path>) -> Result<Vec<Value>> {
    let Some(file) = file else { return Ok(vec![json!({"name": "default"})]) };
    let read: Value = parse(file, &read(file)?)?;
    match read.get("configurations").cloned().unwrap_or(read) {
        Value::Array(all) => Ok(all),
        _ => Err(Error::invalid(format!("{} has no list of configurations", file.display()))),
    }
}

/// Configurations, each answering if that is asked for and it does not say.
fn answering(mut all: Vec<Value>, answers: bool) -> Value {
    if answers {
        for object in all.iter_mut().filter_map(Value::as_object_mut) {
            object.entry("answers").or_insert(json!(true));
        }
    }
    Value::Array(all)
}

/// The first configuration cut or embedded as the command line says, if it says anything of it.
fn tried(asked: &Eval, first: Option<&Value>) -> Result<Option<Value>> {
    let chunking = chunking(&asked.cutting)?;
    if chunking.is_none() && asked.embedding_model.is_none() {
        return Ok(None);
    }
    let mut tried = first.cloned().unwrap_or_default();
    if !tried.is_object() {
        return Err(Error::invalid("a configuration must be an object with a name"));
    }
    tried["name"] = json!(TRIED);
    if let Some(chunking) = chunking {
        tried["chunking"] = chunking;
    }
    if let Some(model) = &asked.embedding_model {
        tried["embedding_model"] = json!(model);
    }
    Ok(Some(tried))
}

/// The id of the set with the questions asked for, made if it is new, when it is ready. Of
/// generated ones so many are `unanswerable`, and they are drawn by `seed`.
async fn question_set(
    client: &Client,
    store: &str,
    source: &Questions,
    (unanswerable, seed): (Option<u32>, u64),
) -> Result<String> {
    if let Some(set) = &source.question_set {
        return Ok(set.clone());
    }
    let mut body = json!({"store": store});
    if let Some(file) = &source.questions {
        let name = file.file_stem().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        body["name"] = json!(name);
        body["questions"] = Value::Array(questions(file)?);
    }
    if let Some(count) = source.generate {
        body["name"] = json!(format!("{count} generated"));
        body["generate"] = json!({"count": count, "seed": seed});
        if let Some(unanswerable) = unanswerable {
            body["generate"]["unanswerable"] = json!(unanswerable);
        }
    }
    let set = client.post(&["cairn", "v1", "question_sets"], &body).await?;
    let path = ["cairn", "v1", "question_sets", text(&set, "/id")];
    let set = follow(client, &path, "ready", "generating").await?;
    Ok(text(&set, "/id").to_owned())
}

/// The questions of a JSON file (a list, or an object with one) or of the lines of a JSONL file.
fn questions(file: &Path) -> Result<Vec<Value>> {
    let content = read(file)?;
    if let Ok(whole) = serde_json::from_str::<Value>(&content) {
        let listed = whole.get("questions").cloned().unwrap_or(whole);
        return Ok(match listed {
            Value::Array(all) => all,
            one => vec![one],
        });
    }
    let lines = content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|fault| {
                let place = format!("{}, line {}", file.display(), number + 1);
                Error::invalid(format!("{place} is not JSON: {fault}"))
            })
        })
        .collect()
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .or_kind(Kind::Invalid, format!("{} cannot be read", file.display()))
}

fn parse(file: &Path, content: &str) -> Result<Value> {
    serde_json::from_str(content)
        .map_err(|fault| Error::invalid(format!("{} is not JSON: {fault}", file.display())))
}

/// Waits until what stands at `path` has the status `wanted`.
async fn follow(
    client: &Client,
    path: &[&str],
    wanted: &str,
    doing: &'static str,
) -> Result<Value> {
    let bar = output::bar(100, doing);
    loop {
        let state = client.get(path, &[]).await?;
        let status = text(&state, "/status");
        if status == wanted {
            bar.finish_and_clear();
            return Ok(state);
        }
        if matches!(status, "failed" | "cancelled") {
            bar.finish_and_clear();
            let why = match text(&state, "/error") {
                "" => status,
                error => error,
            };
            let message = format!("{} {status}: {why}", text(&state, "/id"));
            return Err(Error::new(Kind::Unprocessable, message));
        }
        let fraction = state.pointer("/progress/fraction").and_then(Value::as_f64).unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction between 0 and 1"
        )]
        bar.set_position((fraction.clamp(0.0, 1.0) * 100.0) as u64);
        bar.set_message(text(&state, "/progress/stage").to_owned());
        tokio::time::sleep(POLL).await;
    }
}

fn render(run: &Value, report: Option<&Path>) -> String {
    let empty = Value::Object(Map::new());
    let result = run.get("result").unwrap_or(&empty);
    let all = items(result, "/configurations");
    let shown: Vec<(&str, &str)> = FIGURES
        .into_iter()
        .filter(|(name, _)| all.iter().any(|one| one["figures"].get(*name).is_some()))
        .collect();
    let mut headings = vec!["CONFIGURATION"];
    headings.extend(shown.iter().map(|(_, heading)| *heading));
    headings.extend(["P50 MS", "P99 MS"]);
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            let mut row = vec![text(one, "/name").to_owned()];
            row.extend(shown.iter().map(|(name, _)| figure(&one["figures"][*name])));
            row.push(millis(&one["search_ms"]["p50"]));
            row.push(millis(&one["search_ms"]["p99"]));
            row
        })
        .collect();
    let asked = &result["questions"];
    let mut lines = vec![output::table(&headings, &rows), String::new()];
    lines.push(format!(
        "{}: {} questions with an answer, {} without",
        text(run, "/id"),
        asked["answerable"],
        asked["unanswerable"]
    ));
    for one in all {
        let better = one["differences"].as_object().into_iter().flatten();
        for (name, change) in better.filter(|(_, change)| is_sure(change)) {
            lines.push(format!(
                "{}: {name} {:+.4} to '{}' [{:+.4}, {:+.4}]",
                text(one, "/name"),
                number(&change["value"]),
                all.first().map_or("", |first| text(first, "/name")),
                number(&change["low"]),
                number(&change["high"])
            ));
        }
    }
    lines.extend(all.iter().filter_map(cost));
    lines.extend(changed(&result["change"]));
    lines.extend(learned(&result["tuning"]));
    lines.extend(threshold(&result["tuning"]["threshold"]));
    for note in items(result, "/notes").iter().filter_map(Value::as_str) {
        lines.push(format!("note: {note}"));
    }
    if let Some(file) = report {
        lines.push(format!("report: {}", file.display()));
    }
    lines.extend(worse(&result["regression"]));
    lines.join("\n")
}

/// What the answers of a configuration cost, where there were some.
fn cost(one: &Value) -> Option<String> {
    let answers = one.get("answers").filter(|answers| answers.is_object())?;
    // Another version of the server says nothing of it.
    let unpriced = answers.get("unpriced")?;
    let cost = match answers["cost"].as_f64() {
        Some(cost) => format!("cost {cost:.4}"),
        None => format!("cost is not known ({unpriced} without a price)"),
    };
    let (name, asked) = (text(one, "/name"), &answers["asked"]);
    let seconds = number(&answers["compute_seconds"]);
    Some(format!("{name}: {asked} answers, {cost}, {seconds:.1} s of the server's own compute"))
}

/// What was learned, where that was asked for.
fn learned(tuning: &Value) -> Option<String> {
    if let Some(why) = tuning["refused"].as_str() {
        return Some(why.to_owned());
    }
    let ranking = tuning.get("ranking").filter(|ranking| ranking.is_object())?;
    Some(format!(
        "ranking learned from {} questions ({}): dense_weight {}, spread {}, late {}",
        tuning["questions"],
        text(tuning, "/choice"),
        ranking["dense_weight"],
        ranking["spread"],
        ranking["late"]
    ))
}

/// What was learned of when to answer, where that was asked for.
fn threshold(tuned: &Value) -> Option<String> {
    if let Some(why) = tuned["refused"].as_str() {
        return Some(why.to_owned());
    }
    let quality = tuned.get("quality").filter(|quality| quality.is_object())?;
    Some(format!(
        "threshold {} ({}) from {} questions with an answer and {} without: refusal F1 {:.4}, by \
         default {:.4} [{:+.4}, {:+.4}]",
        output::rounded(&tuned["threshold"]),
        if tuned["applied"] == true { "learned" } else { "the default" },
        tuned["answerable"],
        tuned["unanswerable"],
        number(&quality["learned"]),
        number(&quality["default"]),
        number(&quality["low"]),
        number(&quality["high"])
    ))
}

/// Whether the store was changed to what was tried, where that was asked for.
fn changed(change: &Value) -> Option<String> {
    let why = change["reason"].as_str()?;
    let what = if change["applied"] == true { "is now as" } else { "was not changed to" };
    Some(format!("the store {what} '{}': {why}", text(change, "/configuration")))
}

/// What got worse since the run before.
fn worse(regression: &Value) -> Vec<String> {
    let changes = items(regression, "/changes").iter().map(|change| {
        let difference = &change["difference"];
        format!(
            "WORSE than {}: {} of '{}' by {:.4} [{:+.4}, {:+.4}]{}",
            text(regression, "/against"),
            text(change, "/figure"),
            text(change, "/configuration"),
            -number(&difference["value"]),
            number(&difference["low"]),
            number(&difference["high"]),
            if change["certain"] == true { "" } else { ", which may be chance" }
        )
    });
    changes.collect()
}

/// Whether the interval of a difference does not hold 0.
fn is_sure(change: &Value) -> bool {
    number(&change["low"]) > 0.0 || number(&change["high"]) < 0.0
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn figure(estimate: &Value) -> String {
    estimate["value"].as_f64().map_or_else(String::new, |value| format!("{value:.3}"))
}

fn millis(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, |value| format!("{value:.1}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn asked(line: &str) -> Eval {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Eval(eval) => eval,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn questions_are_read_as_json_and_as_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("q.jsonl");
        for (content, count) in [
            ("{\"question\": \"a\"}\n\n{\"question\": \"b\"}\n", 2),
            ("{\"question\": \"a\"}\n", 1),
            ("[{\"question\": \"a\"}, {\"question\": \"b\"}, {\"question\": \"c\"}]", 3),
            ("{\"questions\": [{\"question\": \"a\"}]}", 1),
        ] {
            std::fs::write(&file, content).unwrap();
            let read = questions(&file).unwrap();
            assert_eq!(read.len(), count, "{content}");
            assert_eq!(read[0]["question"], "a");
        }
        std::fs::write(&file, "{\"question\": \"a\"}\n{broken\n").unwrap();
        let error = questions(&file).unwrap_err();
        assert!(error.message().contains("line 2"), "{error}");
    }

    #[test]
    fn answers_are_asked_of_every_configuration_that_does_not_say() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.json");
        std::fs::write(&file, r#"[{"name": "a"}, {"name": "b", "answers": false}]"#).unwrap();
        let line = format!(
            "cairn eval s --generate 5 --answers --configurations {}",
            file.to_str().unwrap()
        );
        let all = configurations(&asked(&line)).unwrap();
        assert_eq!(all, json!([{"name": "a", "answers": true}, {"name": "b", "answers": false}]));
        let plain = configurations(&asked("cairn eval s --generate 5")).unwrap();
        assert_eq!(plain, json!([{"name": "default"}]));
        std::fs::write(&file, r#"{"name": "a"}"#).unwrap();
        assert!(configurations(&asked(&line)).is_err());
    }

    #[test]
    fn what_is_tried_differs_from_the_first_in_how_it_is_cut() {
        let line = "cairn eval s --generate 5 --chunker structure --max-tokens 300";
        let all = configurations(&asked(line)).unwrap();
        let chunking = json!({"type": "structure", "max_tokens": 300});
        assert_eq!(all, json!([{"name": "default"}, {"name": "tried", "chunking": chunking}]));
        let line = "cairn eval s --generate 5 --embedding-model m --answers";
        let all = configurations(&asked(line)).unwrap();
        let tried = json!({"name": "tried", "embedding_model": "m", "answers": true});
        assert_eq!(all[1], tried);
        assert!(configurations(&asked("cairn eval s --generate 5 --max-tokens 300")).is_err());
    }

    #[test]
    fn a_run_reads_as_a_table() {
        let run = json!({
            "id": "eval_2", "worse": true,
            "result": {
                "questions": {"answerable": 30, "unanswerable": 4},
                "configurations": [
                    {"name": "default", "figures": {"mrr": {"value": 0.91234}},
                     "search_ms": {"p50": 2.5, "p99": 9.0},
                     "answers": {"asked": 34, "cost": 0.25, "unpriced": 0, "compute_seconds": 0.0}},
                    {"name": "words", "figures": {"mrr": {"value": 0.5}},
                     "search_ms": {"p50": 1.0, "p99": 2.0},
                     "answers": {"asked": 34, "cost": null, "unpriced": 30, "compute_seconds": 2.0},
                     "differences": {"mrr": {"value": -0.4, "low": -0.5, "high": -0.3},
                                     "hit_rate": {"value": -0.1, "low": -0.2, "high": 0.1}}},
                ],
                "tuning": {"refused": "too few questions", "threshold": {"applied": true,
                    "answerable": 30, "unanswerable": 25, "threshold": 0.5,
                    "quality": {"learned": 0.9, "default": 0.7, "low": 0.1, "high": 0.3}}},
                "change": {"configuration": "tried", "applied": false, "reason": "no gain"},
                "regression": {"against": "eval_1", "worse": true, "changes": [
                    {"configuration": "default", "figure": "mrr", "certain": false,
                     "difference": {"value": -0.02, "low": -0.05, "high": 0.0}}]},
                "notes": ["a note"],
            },
        });
        let text = render(&run, Some(Path::new("out.html")));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "CONFIGURATION  MRR    P50 MS  P99 MS");
        assert_eq!(lines[1], "default        0.912  2.5     9.0");
        assert!(text.contains("eval_2: 30 questions with an answer, 4 without"));
        assert!(text.contains("words: mrr -0.4000 to 'default' [-0.5000, -0.3000]"));
        assert!(!text.contains("hit_rate"), "{text}");
        assert!(text.contains("default: 34 answers, cost 0.2500, 0.0 s of"), "{text}");
        assert!(text.contains("words: 34 answers, cost is not known (30 without a price), 2.0 s"));
        assert!(text.contains("the store was not changed to 'tried': no gain"), "{text}");
        let learned = "threshold 0.5000 (learned) from 30 questions with an answer and 25 without: \
                       refusal F1 0.9000, by default 0.7000 [+0.1000, +0.3000]";
        assert!(text.contains(learned), "{text}");
        assert!(text.contains("too few questions") && text.contains("note: a note"));
        assert!(text.contains("report: out.html"));
        let last =
            "WORSE than eval_1: mrr of 'default' by 0.0200 [-0.0500, +0.0000], which may be chance";
        assert!(text.ends_with(last), "{text}");
    }
}
