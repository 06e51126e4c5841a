//! `cairn sources`: stores kept in step with the places their documents come from.

use std::path::Path;
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::{Outcome, items, text};
use crate::cli::{AddSource, Sources};
use crate::client::Client;
use crate::output;

const SOURCES: [&str; 3] = ["cairn", "v1", "sources"];
/// How often a source is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Failed items that are shown.
const FAILED_SHOWN: usize = 20;

/// Does what was asked for.
///
/// # Errors
/// What the server says.
pub(super) async fn run(client: &Client, asked: Sources) -> Result<Outcome> {
    match asked {
        Sources::Add(add) => {
            let made = create(client, &add).await?;
            tell(&made, add.json.json, "is looked at now")?;
        }
        Sources::List(json) => {
            let sources = Value::Array(client.list(&SOURCES, &[]).await?);
            if json.json { output::json(&sources)? } else { output::line(render(&sources))? }
        }
        Sources::Show { id, json } => return show(client, &id, json.json).await,
        Sources::Sync { id, confirm_deletes, retry_failed, wait, json } => {
            let body = json!({"confirm_deletes": confirm_deletes, "retry_failed": retry_failed});
            let asked = act(client, &id, "sync", &body).await?;
            if wait {
                return follow(client, &id, json.json).await;
            }
            tell(&asked, json.json, "is looked at now")?;
        }
        Sources::Pause { id, json } => {
            tell(&act(client, &id, "pause", &json!({})).await?, json.json, "is paused")?;
        }
        Sources::Resume { id, json } => {
            tell(&act(client, &id, "resume", &json!({})).await?, json.json, "goes on")?;
        }
        Sources::Remove { id, keep_files, json } => {
            let removed = remove(client, &id, keep_files).await?;
            if json.json {
                output::json(&removed)?;
            } else {
                let files = if keep_files { "its files remain" } else { "its files are deleted" };
                output::line(format_args!("{id} is removed; {files}"))?;
            }
        }
    }
    Ok(Outcome::Done)
}

fn tell(source: &Value, json: bool, what: &str) -> Result<()> {
    if json {
        return output::json(source);
    }
    output::line(format_args!("{} {what}", text(source, "/id")))
}

async fn act(client: &Client, id: &str, verb: &str, body: &Value) -> Result<Value> {
    client.post(&["cairn", "v1", "sources", id, verb], body).await
}

async fn create(client: &Client, add: &AddSource) -> Result<Value> {
    let config = match (&add.folder, &add.config_file) {
        (Some(folder), _) => json!({
            "type": "folder",
            // As it is on the server's machine, which may be this one.
            "path": std::path::absolute(folder).or_internal("finding the current folder")?,
            "include": add.include,
            "exclude": add.exclude,
            "hidden": add.hidden,
        }),
        (None, Some(file)) => read_config(file).await?,
        (None, None) => return Err(Error::invalid("pass --folder DIR or --config-file FILE")),
    };
    let mut attributes = json!({});
    if !add.access.is_empty() {
        attributes["cairn.access"] = json!(add.access.join(","));
    }
    let body = json!({
        "vector_store_id": store(client, &add.store).await?,
        "name": add.name,
        "config": config,
        "every_seconds": if add.on_request { Some(0) } else { add.every },
        "attributes": attributes,
    });
    client.post(&SOURCES, &body).await
}

/// The id of a store by its name; a new one if there is none.
async fn store(client: &Client, name: &str) -> Result<String> {
    let resolve = ["cairn", "v1", "vector_stores", "resolve"];
    let found = match client.get(&resolve, &[("name", name)]).await {
        Err(error) if error.kind() == Kind::NotFound && !name.starts_with("vs_") => {
            client.post(&["v1", "vector_stores"], &json!({"name": name})).await?
        }
        found => found?,
    };
    Ok(text(&found, "/id").to_owned())
}

async fn read_config(file: &Path) -> Result<Value> {
    let mut written = String::new();
    let read = if file == Path::new("-") {
        tokio::io::stdin().read_to_string(&mut written).await.map(|_| ())
    } else {
        tokio::fs::read_to_string(file).await.map(|text| written = text)
    };
    read.or_kind(Kind::NotFound, format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&written)
        .or_kind(Kind::Invalid, format!("{} is no JSON document", file.display()))
}

/// Removes a source and waits until its last file is gone.
async fn remove(client: &Client, id: &str, keep_files: bool) -> Result<Value> {
    let path = ["cairn", "v1", "sources", id];
    let files = if keep_files { "keep" } else { "delete" };
    let mut removed = client.delete_with(&path, &[("files", files)]).await?;
    while removed["deleted"] == false {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error) = client.get(&path, &[]).await {
            match error.kind() {
                Kind::NotFound => removed["deleted"] = json!(true),
                _ => return Err(error),
            }
        }
    }
    Ok(removed)
}

/// Shows a bar until a source's run has ended, then how it ended.
async fn follow(client: &Client, id: &str, json: bool) -> Result<Outcome> {
    let bar = output::bar(0, "items");
    loop {
        let source = client.get(&["cairn", "v1", "sources", id], &[]).await?;
        if let Some(progress) = source["progress"].as_object() {
            let number = |name: &str| progress.get(name).and_then(Value::as_u64).unwrap_or(0);
            bar.set_length(number("items_total"));
            bar.set_position(number("items_done"));
        }
        if !matches!(text(&source, "/status"), "queued" | "syncing") {
            bar.finish_and_clear();
            return show(client, id, json).await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn show(client: &Client, id: &str, json: bool) -> Result<Outcome> {
    let source = client.get(&["cairn", "v1", "sources", id], &[]).await?;
    let path = ["cairn", "v1", "sources", id, "items"];
    let failed = client.list(&path, &[("state", "failed")]).await?;
    if json {
        let mut both = source.clone();
        both["failed"] = Value::Array(failed);
        output::json(&both)?;
    } else {
        output::line(describe(&source, &failed))?;
    }
    let failed = matches!(text(&source, "/last_run/outcome"), "failed" | "held");
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

fn describe(source: &Value, failed: &[Value]) -> String {
    let cell = |pointer: &str| source.pointer(pointer).map(output::cell).unwrap_or_default();
    let mut lines = vec![
        format!("{} ({}) {}", cell("/name"), cell("/type"), cell("/status")),
        format!(
            "{} items: {} ready, {} being read, {} failed",
            cell("/items/total"),
            cell("/items/ready"),
            cell("/items/pending"),
            cell("/items/failed")
        ),
    ];
    if !source["progress"].is_null() {
        let eta = match cell("/progress/eta_seconds") {
            eta if eta.is_empty() => String::new(),
            eta => format!(", about {eta} s to go"),
        };
        lines.push(format!(
            "{}: {} of {}{eta}",
            cell("/progress/phase"),
            cell("/progress/items_done"),
            cell("/progress/items_total")
        ));
    }
    if !source["last_run"].is_null() {
        lines.push(format!(
            "last run {}: {} new, {} changed, {} deleted, {} failed",
            cell("/last_run/outcome"),
            cell("/last_run/counts/added"),
            cell("/last_run/counts/updated"),
            cell("/last_run/counts/deleted"),
            cell("/last_run/counts/failed")
        ));
    }
    lines.extend(
        [cell("/last_run/error"), cell("/hold_reason")].into_iter().filter(|l| !l.is_empty()),
    );
    for item in failed.iter().take(FAILED_SHOWN) {
        lines.push(format!("  {}: {}", text(item, "/key"), text(item, "/error")));
    }
    if failed.len() > FAILED_SHOWN {
        lines.push(format!("  and {} more", failed.len() - FAILED_SHOWN));
    }
    lines.join("\n")
}

fn render(sources: &Value) -> String {
    let rows: Vec<Vec<String>> = items(sources, "")
        .iter()
        .map(|source| {
            let cell =
                |pointer: &str| source.pointer(pointer).map(output::cell).unwrap_or_default();
            ["/id", "/name", "/type", "/status", "/items/ready", "/items/failed"].map(cell).to_vec()
        })
        .collect();
    output::table(&["ID", "NAME", "TYPE", "STATUS", "READY", "FAILED"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_with_what_failed() {
        let source = json!({
            "id": "src_1", "name": "docs", "type": "folder", "status": "on_hold",
            "items": {"total": 3, "ready": 2, "pending": 0, "failed": 1},
            "progress": null, "hold_reason": "11 of 20 items are gone",
            "last_run": {"outcome": "held", "error": null,
                "counts": {"added": 1, "updated": 0, "deleted": 0, "failed": 1}},
        });
        let failed = [json!({"key": "a.pdf", "error": "it is damaged"})];
        assert_eq!(
            describe(&source, &failed),
            "docs (folder) on_hold\n3 items: 2 ready, 0 being read, 1 failed\n\
             last run held: 1 new, 0 changed, 0 deleted, 1 failed\n11 of 20 items are gone\n  \
             a.pdf: it is damaged"
        );
        assert!(render(&json!([source])).contains("src_1  docs  folder  on_hold  2      1"));
    }
}
