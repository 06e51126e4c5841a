//! The files that a question is about, those of the turns before it too: they are read, and looked
//! in beside the stores.

use cairn_kernel::{Error, Id, Result, Scope};
use cairn_services::Services;
use cairn_services::chat::ToolChoice;
use cairn_services::responses::{AskedFile, Functions, SEARCH};
use cairn_services::retrieve::Request;
use serde_json::Value;

use super::refused;
use super::request::Asked;
use crate::openai::files_asked::{self, FILES_MAX, is_file};

/// Passages that are found in files.
const PASSAGES: usize = 20;

/// The files of the messages of an `input`, as they were sent.
///
/// # Errors
/// `Invalid` naming the place of what is no file.
pub(super) fn sent(input: &Value) -> Result<Vec<AskedFile>> {
    let mut files = Vec::new();
    for (number, item) in input.as_array().into_iter().flatten().enumerate() {
        let parts = item.get("content").and_then(Value::as_array);
        for (at, part) in parts.into_iter().flatten().enumerate() {
            if is_file(part) {
                let place = format!("input[{number}].content[{at}]");
                files.extend(files_asked::read(part, &place)?);
            }
        }
    }
    files_asked::few(files.len(), "input")?;
    Ok(files)
}

/// The file parts of kept items.
fn parts<'i>(items: impl IntoIterator<Item = &'i Value>) -> impl Iterator<Item = &'i Value> {
    let content = |item: &'i Value| item.get("content").and_then(Value::as_array);
    items.into_iter().filter_map(content).flatten().filter(|part| is_file(part))
}

/// Of the file parts of `earlier` items the latest that are uploaded files, each once and oldest
/// first; and what those are called whose bytes were not kept.
fn remembered(earlier: &[Value], most: usize) -> (Vec<Id>, Vec<String>) {
    let (mut ids, mut gone): (Vec<Id>, Vec<String>) = (Vec::new(), Vec::new());
    for part in parts(earlier) {
        match part["file_id"].as_str() {
            Some(id) => {
                ids.retain(|held| held.as_str() != id);
                ids.push(Id::from_raw(id));
            }
            None => {
                let name = part["filename"].as_str().unwrap_or_default().to_owned();
                if !gone.contains(&name) {
                    gone.push(name);
                }
            }
        }
    }
    ids.drain(..ids.len().saturating_sub(most));
    (ids, gone)
}

/// Chooses the files that `asked` is about, which follows these `earlier` items, and that [`read`]
/// reads; what cannot be looked in any more is noted.
///
/// # Errors
/// `NotFound` for a file of the request that the caller has not.
pub(super) async fn choose(
    services: &Services,
    scope: &Scope,
    asked: &mut Asked,
    earlier: &[Value],
) -> Result<()> {
    let mut files = std::mem::take(&mut asked.input.files);
    let (ids, mut gone) = remembered(earlier, FILES_MAX.saturating_sub(files.len()));
    // What was listed as an input item may come again.
    gone.extend(remembered(&asked.input.items, 0).1);
    gone.sort_unstable();
    gone.dedup();
    for file in &files {
        if let AskedFile::Uploaded(id) = file
            && !services.responses.is_askable(scope, id).await?
        {
            return Err(Error::not_found(format!("file '{id}'")).with_param("input"));
        }
    }
    let mut before = Vec::new();
    for id in ids {
        if services.responses.is_askable(scope, &id).await? {
            before.push(AskedFile::Uploaded(id));
        } else {
            let note = format!("file '{id}' of an earlier turn is not there any more");
            asked.notes.push(note);
        }
    }
    before.append(&mut files);
    for name in gone.iter().filter(|name| !is_sent(&before, name)) {
        asked.notes.push(format!(
            "'{name}' of an earlier turn was sent as file_data, which is not kept, and was not \
             looked in; send it again, or upload it and name its file_id"
        ));
    }
    if before.is_empty() {
        return Ok(());
    }
    asked.over_files();
    beside_functions(asked)?;
    asked.input.files = before;
    if asked.search.is_none() {
        let question = asked.input.question.as_str();
        asked.search = Some(Request::new(Vec::new(), question, PASSAGES));
    }
    Ok(())
}

/// Reads the files that were chosen, and has them looked in. It may take minutes.
///
/// # Errors
/// `NotFound` for a file that is gone since, and what keeps one from being read.
pub(super) async fn read(services: &Services, scope: &Scope, asked: &mut Asked) -> Result<()> {
    let files = std::mem::take(&mut asked.input.files);
    let Some(search) = &mut asked.search else { return Ok(()) };
    let attached = services.responses.attach(scope, files).await;
    search.attached = attached.map_err(|error| match error.param() {
        None => error.with_param("input"),
        Some(_) => error,
    })?;
    Ok(())
}

/// Whether the file of an earlier turn was sent again.
fn is_sent(files: &[AskedFile], name: &str) -> bool {
    files.iter().any(|file| matches!(file, AskedFile::Sent { filename, .. } if filename == name))
}

/// Leaves the functions that may be called beside files, which are searched as stores are.
fn beside_functions(asked: &mut Asked) -> Result<()> {
    let functions = &mut asked.functions;
    if functions.choice == ToolChoice::None {
        *functions = Functions { parallel: functions.parallel, ..Functions::default() };
    }
    match functions.tools.iter().position(|tool| tool.name == SEARCH) {
        Some(_) => Err(refused(
            "tools",
            "a function beside files in the input cannot be called file_search; rename it",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(id: &str) -> Value {
        json!({"type": "input_file", "file_id": id})
    }

    fn inline(name: &str) -> Value {
        json!({"type": "input_file", "file_id": null, "filename": name, "cairn": {"note": "x"}})
    }

    /// What is refused of an input.
    fn place_of(input: &Value) -> Option<String> {
        sent(input).err().and_then(|error| error.param().map(str::to_owned))
    }

    fn said(parts: &[Value]) -> Value {
        json!({"role": "user", "content": parts})
    }

    #[test]
    fn files_of_all_messages_are_read() -> Result<()> {
        let text = json!({"type": "input_text", "text": "Who?"});
        let input = json!([
            said(&[file("file-1"), text.clone()]),
            said(&[text, file("file-2")]),
            said(&[inline("a.txt")])
        ]);
        let ids = ["file-1", "file-2"].map(|id| AskedFile::Uploaded(Id::from_raw(id)));
        assert_eq!(sent(&input)?, ids);
        assert!(sent(&json!("Who?"))?.is_empty());
        let bad = json!([said(&[file("file-1")]), said(&[file("file-2"), file("")])]);
        assert_eq!(place_of(&bad).as_deref(), Some("input[1].content[1]"));
        let many: Vec<Value> = (0..=FILES_MAX).map(|n| file(&format!("file-{n}"))).collect();
        assert_eq!(place_of(&json!([said(&many)])).as_deref(), Some("input"));
        Ok(())
    }

    #[test]
    fn the_latest_files_of_earlier_turns_are_remembered_and_bytes_are_not() {
        let earlier = [
            said(&[file("file-1"), inline("a.txt")]),
            said(&[file("file-2"), file("file-1")]),
            said(&[file("file-3"), inline("a.txt")]),
            json!({"role": "assistant", "content": "Ada."}),
        ];
        let (ids, gone) = remembered(&earlier, 2);
        assert_eq!(ids, [Id::from_raw("file-1"), Id::from_raw("file-3")]);
        assert_eq!(gone, ["a.txt"]);
        assert_eq!(remembered(&earlier, 0).0, []);
        let again =
            [AskedFile::Sent { filename: "a.txt".to_owned(), bytes: b"x".as_slice().into() }];
        assert!(is_sent(&again, "a.txt") && !is_sent(&again, "b.txt"));
    }
}
