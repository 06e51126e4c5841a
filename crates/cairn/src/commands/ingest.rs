//! `cairn ingest`: files of this machine into a vector store.

mod present;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use futures::stream::{self, StreamExt as _};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::walk::{Found, walk};
use super::{Outcome, items, text};
use crate::cli::Ingest;
use crate::client::Client;
use crate::output;

/// Uploads under way at once.
const UPLOADS: usize = 4;
/// Files attached at once: reading begins while the next ones are uploaded.
const BATCH: usize = 100;
/// How often a refusal for lack of room is waited out.
const RETRIES: u32 = 6;
/// Notes on files that are printed, at most.
const NOTES_SHOWN: usize = 20;
const POLL: Duration = Duration::from_millis(300);
/// How long no file is done before it is asked what they wait for, and how often then.
const STALLED: Duration = Duration::from_secs(5);

/// A file that is not in the store, and why.
#[derive(Debug)]
struct Failure {
    path: String,
    error: String,
}

/// What was guessed or left out when a file was read.
#[derive(Debug)]
struct Noted {
    path: String,
    notes: Vec<String>,
}

/// Files of which something is to be said.
#[derive(Debug, Default)]
struct Told {
    failures: Vec<Failure>,
    noted: Vec<Noted>,
}

/// Brings the files in and waits until they are searchable.
///
/// # Errors
/// `NotFound` for a path that is not there, `Unavailable` when the server goes away.
pub(super) async fn run(client: &Client, asked: &Ingest) -> Result<Outcome> {
    let started = Instant::now();
    let found = walk(&asked.paths)?;
    for skipped in &found.skipped {
        output::note(format_args!("skipped {}: {}", skipped.path.display(), skipped.reason));
    }
    let (store, is_new) = open_store(client, &asked.store).await?;
    let fresh = if is_new {
        present::Sorted { fresh: found.files.clone(), unchanged: Vec::new() }
    } else {
        present::sort(client, &store, &found.files).await?
    };
    let (attached, mut failures) = upload_all(client, &store, &fresh.fresh).await?;
    let told = wait(client, &store, &attached).await?;
    failures.extend(told.failures);
    let report = Report {
        store: &store,
        name: &asked.store,
        added: fresh.fresh.len() - failures.len().min(fresh.fresh.len()),
        unchanged: &fresh.unchanged,
        found: &found,
        failures: &failures,
        noted: &told.noted,
        seconds: started.elapsed().as_secs_f64(),
    };
    if asked.json.json {
        output::json(&report.json())?;
    } else {
        output::line(report.text())?;
    }
    Ok(if failures.is_empty() { Outcome::Done } else { Outcome::Failed })
}

/// The store's id, and whether it was made just now.
async fn open_store(client: &Client, name: &str) -> Result<(String, bool)> {
    let path = ["cairn", "v1", "vector_stores", "resolve"];
    match client.get(&path, &[("name", name)]).await {
        Ok(found) => Ok((text(&found, "/id").to_owned(), false)),
        Err(error) if error.kind() == Kind::NotFound => {
            let made = client.post(&["v1", "vector_stores"], &json!({"name": name})).await?;
            Ok((text(&made, "/id").to_owned(), true))
        }
        Err(error) => Err(error),
    }
}

/// The batches that files were attached in, and the files by id.
#[derive(Debug, Default)]
struct Attached {
    batches: Vec<String>,
    paths: BTreeMap<String, PathBuf>,
}

impl Attached {
    /// The path that an attached file had on this machine, or its name.
    fn name(&self, file: &Value) -> String {
        let path = self.paths.get(text(file, "/id")).map(|path| path.display().to_string());
        path.unwrap_or_else(|| text(file, "/cairn/filename").to_owned())
    }
}

async fn upload_all(
    client: &Client,
    store: &str,
    files: &[PathBuf],
) -> Result<(Attached, Vec<Failure>)> {
    let bar = output::bar(files.len() as u64, "uploading");
    let (mut attached, mut failures) = (Attached::default(), Vec::new());
    for some in files.chunks(BATCH) {
        let uploads =
            stream::iter(some.iter().map(|path| async move { (path, upload(client, path).await) }));
        let mut uploads = uploads.buffered(UPLOADS);
        let mut ids = Vec::new();
        while let Some((path, sent)) = uploads.next().await {
            bar.inc(1);
            match sent {
                Ok(id) => {
                    attached.paths.insert(id.clone(), path.clone());
                    ids.push(id);
                }
                Err(error) if is_ours_alone(&error) => failures
                    .push(Failure { path: path.display().to_string(), error: error.to_string() }),
                Err(error) => return Err(error),
            }
        }
        if !ids.is_empty() {
            let path = ["v1", "vector_stores", store, "file_batches"];
            let batch = client.post(&path, &json!({"file_ids": ids})).await?;
            attached.batches.push(text(&batch, "/id").to_owned());
        }
    }
    bar.finish_and_clear();
    Ok((attached, failures))
}

/// Whether a failed upload says something of this file only, so that the others go on.
fn is_ours_alone(error: &Error) -> bool {
    use Kind::{Invalid, NotFound, TooLarge, Unprocessable, Unsupported};
    matches!(error.kind(), Invalid | NotFound | TooLarge | Unprocessable | Unsupported)
}

async fn upload(client: &Client, path: &Path) -> Result<String> {
    let mut pause = Duration::from_millis(250);
    let mut left = RETRIES;
    loop {
        let part = Part::file(path).await;
        let part = part.or_kind(Kind::NotFound, format!("{} cannot be read", path.display()))?;
        let form = Form::new().text("purpose", "assistants").part("file", part);
        match client.upload(&["v1", "files"], form).await {
            Ok(file) => return Ok(text(&file, "/id").to_owned()),
            Err(error) if error.kind() == Kind::Exhausted && left > 0 => {
                left -= 1;
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until every batch is read; returns the files that could not be, and those with notes.
async fn wait(client: &Client, store: &str, attached: &Attached) -> Result<Told> {
    let bar = output::bar(attached.paths.len() as u64, "reading");
    let (mut done_before, mut told) = (0, Told::default());
    let mut stall = Stall { done: 0, since: Instant::now(), said: String::new() };
    for batch in &attached.batches {
        let path = ["v1", "vector_stores", store, "file_batches", batch];
        loop {
            let state = client.get(&path, &[]).await?;
            let count = |name: &str| {
                state.pointer(&format!("/file_counts/{name}")).and_then(Value::as_u64).unwrap_or(0)
            };
            let done = done_before + count("total") - count("in_progress");
            bar.set_position(done);
            if text(&state, "/status") != "in_progress" {
                done_before += count("total");
                if count("failed") + count("cancelled") > 0 {
                    told.failures.extend(failed(client, store, batch, attached).await?);
                }
                told.noted.extend(noted(client, store, batch, attached).await?);
                break;
            }
            if stall.is_long(done) {
                let reason = waiting(client, store, batch).await?;
                if let Some(reason) = reason.filter(|reason| *reason != stall.said) {
                    bar.suspend(|| output::note(format_args!("waiting: {reason}")));
                    stall.said = reason;
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }
    bar.finish_and_clear();
    Ok(told)
}

/// How long no file has become done.
#[derive(Debug)]
struct Stall {
    done: u64,
    since: Instant,
    /// The reason that was told last.
    said: String,
}

impl Stall {
    /// Whether that is long by now; then the time begins anew.
    fn is_long(&mut self, done: u64) -> bool {
        let is_long = done == self.done && self.since.elapsed() >= STALLED;
        if is_long || done != self.done {
            (self.done, self.since) = (done, Instant::now());
        }
        is_long
    }
}

/// Why files of a batch are put off, if one of the first is.
async fn waiting(client: &Client, store: &str, batch: &str) -> Result<Option<String>> {
    let path = ["v1", "vector_stores", store, "file_batches", batch, "files"];
    let page = client.get(&path, &[("filter", "in_progress"), ("limit", "20")]).await?;
    let reason = |file: &Value| Some(file.pointer("/cairn/waiting")?.as_str()?.to_owned());
    Ok(items(&page, "/data").iter().find_map(reason))
}

async fn noted(
    client: &Client,
    store: &str,
    batch: &str,
    attached: &Attached,
) -> Result<Vec<Noted>> {
    let path = ["v1", "vector_stores", store, "file_batches", batch, "files"];
    let read = client.list(&path, &[("filter", "completed"), ("limit", "100")]).await?;
    let of = |file: &Value| {
        let notes: Vec<String> = items(file, "/cairn/notes")
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let path = attached.name(file);
        (!notes.is_empty()).then_some(Noted { path, notes })
    };
    Ok(read.iter().filter_map(of).collect())
}

async fn failed(
    client: &Client,
    store: &str,
    batch: &str,
    attached: &Attached,
) -> Result<Vec<Failure>> {
    let path = ["v1", "vector_stores", store, "file_batches", batch, "files"];
    let mut failures = Vec::new();
    for state in ["failed", "cancelled"] {
        for file in client.list(&path, &[("filter", state), ("limit", "100")]).await? {
            let error = file.pointer("/last_error/message").and_then(Value::as_str);
            failures.push(Failure {
                path: attached.name(&file),
                error: error.unwrap_or(state).to_owned(),
            });
        }
    }
    Ok(failures)
}

struct Report<'a> {
    store: &'a str,
    name: &'a str,
    added: usize,
    unchanged: &'a [PathBuf],
    found: &'a Found,
    failures: &'a [Failure],
    noted: &'a [Noted],
    seconds: f64,
}

impl Report<'_> {
    fn json(&self) -> Value {
        let failed: Vec<Value> = self
            .failures
            .iter()
            .map(|failure| json!({"path": failure.path, "error": failure.error}))
            .collect();
        let noted: Vec<Value> = self
            .noted
            .iter()
            .map(|noted| json!({"path": noted.path, "notes": noted.notes}))
            .collect();
        json!({
            "store": {"id": self.store, "name": self.name},
            "added": self.added,
            "unchanged": self.unchanged,
            "skipped": self.found.skipped,
            "failed": failed,
            "notes": noted,
            "seconds": self.seconds,
        })
    }

    fn text(&self) -> String {
        let mut lines: Vec<String> = self
            .failures
            .iter()
            .map(|failure| format!("failed  {}: {}", failure.path, failure.error))
            .collect();
        let notes = self.noted.iter().flat_map(|noted| {
            noted.notes.iter().map(|note| format!("note    {}: {note}", noted.path))
        });
        let notes: Vec<String> = notes.collect();
        let more = notes.len().saturating_sub(NOTES_SHOWN);
        lines.extend(notes.into_iter().take(NOTES_SHOWN));
        if more > 0 {
            lines.push(format!("note    {more} more; --json has them all"));
        }
        let mut counts = vec![format!("{} added", self.added)];
        for (count, word) in [
            (self.unchanged.len(), "already there"),
            (self.found.skipped.len(), "skipped"),
            (self.failures.len(), "failed"),
        ] {
            if count > 0 {
                counts.push(format!("{count} {word}"));
            }
        }
        lines.push(format!("{}: {} in {:.1} s", self.name, counts.join(", "), self.seconds));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_long_once_for_each_time_without_a_file() {
        let mut stall = Stall { done: 2, since: Instant::now(), said: String::new() };
        assert!(!stall.is_long(2));
        for done in [2, 3] {
            let long_ago = Instant::now().checked_sub(STALLED).unwrap();
            stall.since = long_ago;
            assert_eq!(stall.is_long(done), done == 2);
            assert!(stall.since > long_ago && !stall.is_long(done));
        }
    }

    #[test]
    fn the_report_names_what_failed() {
        let failures = [Failure { path: "a/bad.pdf".into(), error: "it is damaged".into() }];
        let unchanged = [PathBuf::from("b.md")];
        let notes = vec!["pages without a text layer: 2".to_owned()];
        let noted = [Noted { path: "a/scan.pdf".into(), notes }];
        let found = Found::default();
        let report = Report {
            store: "vs_1",
            name: "docs",
            added: 3,
            unchanged: &unchanged,
            found: &found,
            failures: &failures,
            noted: &noted,
            seconds: 1.5,
        };
        let text = report.text();
        assert_eq!(
            text,
            "failed  a/bad.pdf: it is damaged\nnote    a/scan.pdf: pages without a text layer: 2\n\
             docs: 3 added, 1 already there, 1 failed in 1.5 s"
        );
        let json = report.json();
        assert_eq!(json["failed"][0]["path"], "a/bad.pdf");
        assert_eq!(json["unchanged"][0], "b.md");
        assert_eq!(json["notes"][0]["notes"][0], "pages without a text layer: 2");
        let many = [Noted { path: "a.pdf".into(), notes: vec!["guessed".to_owned(); 23] }];
        let text = Report { noted: &many, ..report }.text();
        assert_eq!(text.matches("a.pdf: guessed").count(), NOTES_SHOWN);
        assert!(text.contains("note    3 more"), "{text}");
    }
}
