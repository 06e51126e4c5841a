//! Files in the messages of a chat: `{"type": "file", "file": {"file_id": …}}`.

use cairn_kernel::{Error, Result};
use cairn_services::records::Origin;
use cairn_services::responses::AskedFile;
use cairn_wire::openai::ChatCompletionRequest;
use serde_json::Value;

use crate::openai::files_asked;

fn is_file(part: &Value) -> bool {
    part["type"] == "file"
}

fn parts(content: Option<&Value>) -> impl Iterator<Item = (usize, &Value)> {
    let parts = content.and_then(Value::as_array).into_iter().flatten().enumerate();
    parts.filter(|(_, part)| is_file(part))
}

/// Whether a message of the chat has a file.
pub(in crate::openai::chat) fn stand_in(request: &ChatCompletionRequest) -> bool {
    request.messages.iter().any(|turn| parts(turn.content.as_ref()).next().is_some())
}

/// Takes the files out of the messages; a message of files alone says nothing.
///
/// # Errors
/// `Invalid` naming the place of what is no file, and of a file that is not a user's.
pub(super) fn take(request: &mut ChatCompletionRequest) -> Result<Vec<AskedFile>> {
    let mut files = Vec::new();
    for (number, turn) in request.messages.iter().enumerate() {
        for (at, part) in parts(turn.content.as_ref()) {
            let place = format!("messages[{number}].content[{at}]");
            if turn.role != "user" {
                let message =
                    format!("{place} is a file, which only a user's message has; send it in one");
                return Err(Error::invalid(message).with_param(place));
            }
            files.extend(files_asked::read(&part["file"], &format!("{place}.file"))?);
        }
    }
    files_asked::few(files.len(), "messages")?;
    request.messages.retain_mut(|turn| {
        let Some(content) = turn.content.as_mut() else { return true };
        if parts(Some(content)).next().is_none() {
            return true;
        }
        *content = files_asked::without(content, is_file);
        content.as_array().is_none_or(|rest| !rest.is_empty())
    });
    Ok(files)
}

/// What an answer about them rests on.
pub(super) fn origins(files: &[AskedFile]) -> Vec<Origin> {
    let mut origins = Vec::new();
    for file in files {
        if let AskedFile::Uploaded(id) = file {
            Origin::add(&mut origins, Origin::of(id.as_str()));
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chat(messages: &Value) -> Result<ChatCompletionRequest> {
        let body = json!({"model": "cairn", "messages": messages});
        serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))
    }

    #[test]
    fn files_are_taken_out_of_the_messages() -> Result<()> {
        let id = json!({"type": "file", "file": {"file_id": "file-1"}});
        let data = json!({"type": "file", "file": {"filename": "a.txt", "file_data": "SWRh"}});
        let mut request = chat(&json!([
            {"role": "user", "content": [data]},
            {"role": "user", "content": [{"type": "text", "text": "Who?"}, id]},
        ]))?;
        assert!(stand_in(&request));
        let files = take(&mut request)?;
        assert_eq!(files.len(), 2);
        assert_eq!(request.messages.len(), 1, "a file alone says nothing");
        assert!(!stand_in(&request));
        assert_eq!(origins(&files).len(), 1, "bytes have no record to rest on");
        let plain = chat(&json!([{"role": "user", "content": "Who?"}]))?;
        assert!(!stand_in(&plain));
        Ok(())
    }

    #[test]
    fn what_is_no_users_file_is_refused_at_its_place() -> Result<()> {
        let file = |file: &Value| json!({"type": "file", "file": file});
        for (role, part, place) in [
            ("system", file(&json!({"file_id": "file-1"})), "messages[0].content[0]"),
            ("user", file(&json!({})), "messages[0].content[0].file"),
            (
                "user",
                file(&json!({"file_url": "http://x"})),
                "messages[0].content[0].file.file_url",
            ),
        ] {
            let mut request = chat(&json!([{"role": role, "content": [part]}]))?;
            let refused = take(&mut request).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(place));
        }
        Ok(())
    }
}
