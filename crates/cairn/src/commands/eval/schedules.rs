//! `cairn eval schedules`: runs that begin by themselves.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::{answering, finish, listed, question_set};
use crate::cli::{AddSchedule, Schedules};
use crate::client::Client;
use crate::commands::{Outcome, items, store_id, text};
use crate::output;

const SCHEDULES: [&str; 3] = ["cairn", "v1", "evaluation_schedules"];
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Does what was asked for.
///
/// # Errors
/// `Invalid` for files that cannot be read, `Unprocessable` when a run failed, with its reason, and
/// what the server says.
pub(super) async fn run(client: &Client, asked: &Schedules) -> Result<Outcome> {
    match asked {
        Schedules::Add(add) => {
            let made = create(client, add).await?;
            let begins = format!("begins runs {}", when(&made));
            tell(&made, add.json.json, &begins)?;
        }
        Schedules::List { store, json } => {
            let of: Vec<(&str, &str)> = store.iter().map(|name| ("store", name.as_str())).collect();
            let schedules = Value::Array(client.list(&SCHEDULES, &of).await?);
            if json.json { output::json(&schedules)? } else { output::line(render(&schedules))? }
        }
        Schedules::Run { id, report, json } => {
            let begun = act(client, id, "run").await?;
            return finish(client, &begun, report.as_deref(), json.json).await;
        }
        Schedules::Pause { id, json } => {
            tell(&act(client, id, "pause").await?, json.json, "is paused")?;
        }
        Schedules::Resume { id, json } => {
            tell(&act(client, id, "resume").await?, json.json, "goes on")?;
        }
        Schedules::Remove { id, json } => {
            let [first, second, third] = SCHEDULES;
            let removed = client.delete(&[first, second, third, id]).await?;
            if json.json {
                output::json(&removed)?;
            } else {
                output::line(format_args!("{id} is removed; its runs stay"))?;
            }
        }
    }
    Ok(Outcome::Done)
}

async fn create(client: &Client, add: &AddSchedule) -> Result<Value> {
    // What cannot be read makes no question set.
    let configurations = answering(listed(add.configurations.as_deref())?, add.answers);
    let store = store_id(client, &add.store).await?;
    let drawn = (add.unanswerable, add.seed);
    let set = question_set(client, &store, &add.source, drawn).await?;
    let occasions = &add.occasions;
    let mut body = json!({
        "store": store,
        "question_set": set,
        "configurations": configurations,
        "seed": add.seed,
        "every_seconds": occasions.every.unwrap_or(0),
        "after_reindex": occasions.after_reindex,
        "after_ranking": occasions.after_ranking,
        "after_documents": occasions.after_documents.unwrap_or(0),
    });
    if let Some(name) = &add.name {
        body["name"] = json!(name);
    }
    if let Some(keep) = add.keep_runs {
        body["keep_runs"] = json!(keep);
    }
    client.post(&SCHEDULES, &body).await
}

async fn act(client: &Client, id: &str, verb: &str) -> Result<Value> {
    let [first, second, third] = SCHEDULES;
    client.post(&[first, second, third, id, verb], &json!({})).await
}

fn tell(schedule: &Value, json: bool, what: &str) -> Result<()> {
    if json {
        return output::json(schedule);
    }
    output::line(format_args!("{} {what}", text(schedule, "/id")))
}

/// The schedules as a table, and below it what kept their runs from beginning or ending.
fn render(schedules: &Value) -> String {
    let all = items(schedules, "");
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|schedule| {
            let cell = |name: &str| output::cell(&schedule[name]);
            vec![
                cell("id"),
                cell("name"),
                cell("status"),
                cell("store"),
                cell("question_set"),
                when(schedule),
                last(&schedule["last_run"]),
            ]
        })
        .collect();
    let headings = ["ID", "NAME", "STATUS", "STORE", "QUESTION SET", "BEGINS", "LAST RUN"];
    let mut lines = vec![output::table(&headings, &rows)];
    for schedule in all {
        let why = [text(schedule, "/error"), text(schedule, "/last_run/error")];
        let why = why.into_iter().filter(|why| !why.is_empty());
        lines.extend(why.map(|why| format!("{}: {why}", text(schedule, "/id"))));
    }
    lines.join("\n")
}

/// When a schedule begins runs.
fn when(schedule: &Value) -> String {
    let number = |name: &str| schedule[name].as_u64().filter(|number| *number > 0);
    let mut all: Vec<String> = Vec::new();
    all.extend(number("every_seconds").map(|seconds| format!("every {}", span(seconds))));
    if schedule["after_reindex"] == true {
        all.push("after a re-index".to_owned());
    }
    if schedule["after_ranking"] == true {
        all.push("after a change of the ranking".to_owned());
    }
    all.extend(number("after_documents").map(|count| format!("after {count} documents")));
    all.join(", ")
}

/// Seconds in the largest unit that fits.
fn span(seconds: u64) -> String {
    for (unit, length) in [("d", DAY), ("h", HOUR)] {
        if seconds.is_multiple_of(length) {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}

/// How the newest run of a schedule fared.
fn last(run: &Value) -> String {
    let status = text(run, "/status");
    if run["worse"] == true { format!("{status}, worse") } else { status.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_told_with_what_went_wrong() {
        let listed = json!([
            {"id": "esch_1", "name": "nightly", "status": "active", "store": "vs_1",
             "question_set": "qset_1", "every_seconds": 86_400, "after_reindex": true,
             "after_ranking": false, "after_documents": 0, "error": null,
             "last_run": {"status": "succeeded", "worse": true, "error": null}},
            {"id": "esch_2", "name": "b", "status": "paused", "store": "vs_1",
             "question_set": "qset_1", "every_seconds": 5400, "after_reindex": false,
             "after_ranking": true, "after_documents": 500, "error": "the key was revoked",
             "last_run": null},
        ]);
        let text = render(&listed);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[1].contains("  every 1 d, after a re-index  "), "{text}");
        assert!(lines[1].ends_with("succeeded, worse"), "{text}");
        let rest = "every 5400 s, after a change of the ranking, after 500 documents";
        assert!(lines[2].ends_with(rest), "{text}");
        assert_eq!(lines[3], "esch_2: the key was revoked");
    }

    #[test]
    fn times_are_told_in_the_largest_unit_that_fits() {
        for (seconds, told) in
            [(3600, "1 h"), (5400, "5400 s"), (86_400, "1 d"), (90_000, "25 h"), (172_800, "2 d")]
        {
            assert_eq!(span(seconds), told);
        }
    }
}
