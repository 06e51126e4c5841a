//! `cairn replay`: the search of a kept answer again, and what has changed since.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::{Outcome, items, text};
use crate::cli::Replay;
use crate::client::Client;
use crate::output;

/// Replays and prints what differs.
///
/// # Errors
/// `NotFound` for an unknown response, and what the server says.
pub(super) async fn run(client: &Client, asked: &Replay) -> Result<Outcome> {
    let path = ["cairn", "v1", "responses", &asked.id, "replay"];
    let replayed = client.post(&path, &json!({"answer": asked.answer})).await?;
    if asked.json.json {
        output::json(&replayed)?;
    } else {
        output::line(render(&replayed))?;
    }
    Ok(Outcome::Done)
}

fn render(replayed: &Value) -> String {
    let mut lines = Vec::new();
    for (name, what) in [
        ("program", "program"),
        ("embedding_model", "embedding model"),
        ("reranking_model", "reranking model"),
        ("language_model", "language model"),
        ("prompt_template", "prompt template"),
    ] {
        let change = &replayed[name];
        if change["same"] != true {
            lines.push(format!(
                "{what}: {} then, {} now",
                named(&change["then"]),
                named(&change["now"])
            ));
        }
    }
    let missing = items(replayed, "/missing_stores").iter().filter_map(Value::as_str);
    lines.extend(missing.map(|store| format!("the store {store} is not there any more")));
    let notes = items(replayed, "/notes").iter().filter_map(Value::as_str);
    lines.extend(notes.map(str::to_owned));
    lines.extend(items(replayed, "/passages").iter().map(passage));
    if replayed["same"] == true {
        lines.insert(0, "Nothing has changed.".to_owned());
    }
    if let Some(answer) = replayed.get("answer").filter(|answer| answer.is_object()) {
        lines.push(match answer["equal"] == true {
            true => "The answer is the same.".to_owned(),
            false => format!("then: {}\nnow:  {}", text(answer, "/then"), text(answer, "/now")),
        });
    }
    lines.join("\n")
}

fn passage(passage: &Value) -> String {
    let place = |which: &str| {
        let rank = passage[which]["rank"].as_u64()?;
        let score = passage[which]["score"].as_f64().unwrap_or(0.0);
        Some(format!("{rank}. ({score:.3})"))
    };
    let (then, now) = (place("then"), place("now"));
    let file = match text(passage, "/filename") {
        "" => text(passage, "/file_id"),
        name => name,
    };
    let state = match text(passage, "/reason") {
        "" => text(passage, "/state").to_owned(),
        reason => format!("{}, {reason}", text(passage, "/state")),
    };
    let places = match (then, now) {
        (Some(then), Some(now)) if then == now => now,
        (Some(then), Some(now)) => format!("{then} → {now}"),
        (then, now) => then.or(now).unwrap_or_default(),
    };
    format!(
        "{state:<18} {places:<28} {file}, characters {}–{}",
        passage["char_start"], passage["char_end"]
    )
}

/// A model's name with the beginning of its hash, or the text itself.
fn named(value: &Value) -> String {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    match value {
        Value::Null => "none".to_owned(),
        Value::Object(_) => {
            format!("{} ({})", text(value, "/name"), short(text(value, "/identity")))
        }
        other => short(other.as_str().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unchanged() -> Value {
        let same = json!({"then": "a", "now": "a", "same": true});
        json!({
            "same": true, "program": same, "embedding_model": same, "language_model": same,
            "reranking_model": same,
            "prompt_template": same, "missing_stores": [], "answer": null,
            "passages": [{"state": "same", "reason": null, "filename": "a.md", "file_id": "file-1",
                "char_start": 0, "char_end": 9, "then": {"rank": 1, "score": 0.5},
                "now": {"rank": 1, "score": 0.5}}],
        })
    }

    #[test]
    fn nothing_new_is_one_line_and_the_passages() {
        let text = render(&unchanged());
        assert!(text.starts_with("Nothing has changed.\nsame"), "{text}");
        assert!(text.contains("1. (0.500)") && text.contains("a.md, characters 0–9"), "{text}");
    }

    #[test]
    fn what_differs_is_said_with_then_and_now() {
        let mut changed = unchanged();
        changed["same"] = json!(false);
        changed["missing_stores"] = json!(["vs_1"]);
        changed["language_model"] = json!({"same": false, "now": null,
            "then": {"name": "m", "identity": "0123456789abcdef"}});
        changed["passages"] = json!([
            {"state": "moved", "file_id": "file-1", "filename": "a.md", "char_start": 0,
             "char_end": 9, "then": {"rank": 1, "score": 0.5}, "now": {"rank": 2, "score": 0.4}},
            {"state": "gone", "reason": "deleted", "file_id": "file-2", "char_start": 0,
             "char_end": 9, "then": {"rank": 2, "score": 0.45}, "now": null},
        ]);
        changed["answer"] = json!({"then": "Five.", "now": "Six.", "equal": false});
        let text = render(&changed);
        for part in [
            "language model: m (0123456789ab) then, none now",
            "the store vs_1 is not there any more",
            "1. (0.500) → 2. (0.400)",
            "gone, deleted",
            "file-2",
            "then: Five.\nnow:  Six.",
        ] {
            assert!(text.contains(part), "'{part}' is not in:\n{text}");
        }
        assert!(!text.contains("Nothing has changed"));
    }
}
