//! Files that stand in a message: `input_file` parts of responses, `file` parts of chats.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cairn_kernel::{Error, Id, Result};
use cairn_services::responses::AskedFile;
use serde_json::{Value, json};

use super::convert::{neutral, unsupported};

/// Most files of a question.
pub(super) const FILES_MAX: usize = 20;
/// The fields that are read, and two that change nothing: files are read in one way.
const FIELDS: [&str; 7] =
    ["type", "file_id", "filename", "file_data", "file_url", "detail", "prompt_cache_breakpoint"];
/// What a file is called whose sender does not say it, by its media type.
const UNNAMED: [(&str, &str); 9] = [
    ("application/pdf", "file.pdf"),
    ("text/plain", "file.txt"),
    ("text/markdown", "file.md"),
    ("text/html", "file.html"),
    ("text/csv", "file.csv"),
    ("application/json", "file.json"),
    ("application/rtf", "file.rtf"),
    ("image/png", "file.png"),
    ("image/jpeg", "file.jpg"),
];
/// Stands in a kept part in the place of the bytes.
const NOTE: &str = "file_data is not kept; to ask again, send the file again or upload it";

/// Whether a part of a response's message is a file.
pub(super) fn is_file(part: &Value) -> bool {
    part["type"] == "input_file"
}

/// The content of a message without its files.
pub(super) fn without(content: &Value, file: impl Fn(&Value) -> bool) -> Value {
    match content {
        Value::Array(parts) => parts.iter().filter(|part| !file(part)).cloned().collect(),
        text => text.clone(),
    }
}

/// How a part names its file.
enum Named<'v> {
    Id(&'v str),
    Data(&'v str),
    /// Bytes that came before, and are not kept.
    Gone,
}

/// The file of a part, which stands at `place`.
///
/// # Errors
/// `Invalid` naming what is missing, more than one or not done here.
fn named<'v>(part: &'v Value, place: &str) -> Result<Named<'v>> {
    for (name, value) in part.as_object().into_iter().flatten() {
        if !FIELDS.contains(&name.as_str()) && name != "cairn" && !neutral(value) {
            return Err(unsupported(&format!("{place}.{name}")));
        }
    }
    let text = |name: &str| part.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let fault = |message: String| Err(Error::invalid(message).with_param(place));
    if text("file_url").is_some() {
        let message = "a file_url is not fetched here, as nothing is that a caller names; send the \
                       file as file_data, or upload it to /v1/files and name its file_id";
        return Err(Error::invalid(message).with_param(format!("{place}.file_url")));
    }
    match (text("file_id"), text("file_data")) {
        (Some(id), None) => Ok(Named::Id(id)),
        (None, Some(data)) => Ok(Named::Data(data)),
        (None, None) if !neutral(&part["cairn"]) => Ok(Named::Gone),
        (Some(_), Some(_)) => {
            fault(format!("{place} has a file_id and file_data; send one of them"))
        }
        (None, None) => fault(format!("{place} is a file with neither file_id nor file_data")),
    }
}

/// What a file is called: by its sender, or by the media type of its data.
fn filename(part: &Value) -> String {
    let given = part["filename"].as_str().unwrap_or_default();
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(255).collect();
    if !plain.is_empty() {
        return plain;
    }
    let data = part["file_data"].as_str().unwrap_or_default();
    let media = data.strip_prefix("data:").and_then(|rest| rest.split([';', ',']).next());
    let known = UNNAMED.iter().find(|(kind, _)| media.is_some_and(|media| media == *kind));
    known.map_or("file", |(_, name)| name).to_owned()
}

/// The part of a response's message at `place`, as it is kept: without the bytes.
///
/// # Errors
/// `Invalid` for a part that names no file as it is read here.
pub(super) fn keep(part: &Value, place: &str) -> Result<Value> {
    Ok(match named(part, place)? {
        Named::Id(id) => json!({"type": "input_file", "file_id": id}),
        Named::Data(_) | Named::Gone => json!({
            "type": "input_file",
            "file_id": null,
            "filename": filename(part),
            "cairn": {"note": NOTE},
        }),
    })
}

/// The file of the part at `place`; nothing for one that was kept without its bytes.
///
/// # Errors
/// `Invalid` for what is no file, and for data that is not base64.
pub(super) fn read(part: &Value, place: &str) -> Result<Option<AskedFile>> {
    Ok(match named(part, place)? {
        Named::Id(id) => Some(AskedFile::Uploaded(Id::from_raw(id))),
        Named::Data(data) => {
            let bytes = decoded(data, &format!("{place}.file_data"))?;
            Some(AskedFile::Sent { filename: filename(part), bytes })
        }
        Named::Gone => None,
    })
}

/// The bytes of a data URL, or of bare base64.
fn decoded(data: &str, place: &str) -> Result<Bytes> {
    let fault = || {
        let message = format!(
            "{place} is not base64; send the file as data:MEDIA-TYPE;base64,… with all of its bytes"
        );
        Error::invalid(message).with_param(place)
    };
    let encoded = match data.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map(|(_, encoded)| encoded).ok_or_else(fault)?,
        None => data,
    };
    let bytes = STANDARD.decode(encoded.trim()).map_err(|_| fault())?;
    if bytes.is_empty() { Err(fault()) } else { Ok(Bytes::from(bytes)) }
}

/// Refuses more files than a question may have.
///
/// # Errors
/// `Invalid` naming the field `param`.
pub(super) fn few(count: usize, param: &str) -> Result<()> {
    if count <= FILES_MAX {
        return Ok(());
    }
    let message = format!(
        "there are {count} files in the messages; send at most {FILES_MAX}, or attach them to a \
         vector store and name that in a file_search tool"
    );
    Err(Error::invalid(message).with_param(param))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(more: Value) -> Value {
        let mut part = more;
        part["type"] = json!("input_file");
        part
    }

    #[test]
    fn a_file_is_named_or_sent() -> Result<()> {
        let named = part(json!({"file_id": "file-1", "detail": "low", "filename": null}));
        assert_eq!(read(&named, "p")?, Some(AskedFile::Uploaded(Id::from_raw("file-1"))));
        assert_eq!(keep(&named, "p")?, json!({"type": "input_file", "file_id": "file-1"}));
        for data in ["data:text/plain;base64,SWRh", "SWRh"] {
            let sent = part(json!({"filename": "dir/a.txt", "file_data": data}));
            let expected =
                AskedFile::Sent { filename: "a.txt".to_owned(), bytes: Bytes::from_static(b"Ida") };
            assert_eq!(read(&sent, "p")?, Some(expected), "{data}");
            let kept = keep(&sent, "p")?;
            assert_eq!((&kept["filename"], &kept["file_id"]), (&json!("a.txt"), &Value::Null));
            assert!(!kept.to_string().contains("SWRh"), "the bytes are not kept");
            assert_eq!(read(&kept, "p")?, None, "what was kept is passed over");
            assert_eq!(keep(&kept, "p")?, kept);
        }
        Ok(())
    }

    #[test]
    fn a_file_without_a_name_is_called_by_its_kind() {
        let called = |data: &str| filename(&part(json!({"file_data": data})));
        assert_eq!(called("data:application/pdf;base64,AA=="), "file.pdf");
        assert_eq!(called("data:text/markdown,x"), "file.md");
        assert_eq!(called("AA=="), "file");
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        for (given, name) in [
            (json!({}), "p"),
            (json!({"file_id": ""}), "p"),
            (json!({"file_id": "file-1", "file_data": "SWRh"}), "p"),
            (json!({"file_url": "https://example.org/a.pdf"}), "p.file_url"),
            (json!({"file_data": "data:text/plain,Ida"}), "p.file_data"),
            (json!({"file_data": "%%%"}), "p.file_data"),
            (json!({"file_data": "data:text/plain;base64,"}), "p.file_data"),
            (json!({"file_id": "file-1", "pages": [1]}), "p.pages"),
        ] {
            let refused = read(&part(given.clone()), "p").err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{given}");
        }
        assert!(few(FILES_MAX, "input").is_ok() && few(FILES_MAX + 1, "input").is_err());
    }

    #[test]
    fn content_without_its_files_is_the_rest() {
        let text = json!({"type": "input_text", "text": "Who?"});
        let content = json!([part(json!({"file_id": "file-1"})), text]);
        assert_eq!(without(&content, is_file), json!([text]));
        assert_eq!(without(&json!("Who?"), is_file), "Who?");
    }
}
