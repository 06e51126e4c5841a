//! The child's side: parses what the parent sends, one file after the other.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cairn_kernel::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::parse::{ParseOptions, Turn, parse_turn};
use crate::picture::readings::Readings;
use crate::{INVALID_FILE, invalid_file};

/// The role under which the program's `main` dispatches to [`child_main`].
pub const CHILD_ROLE: &str = "documents";

/// What the parent asks; the file's bytes are the payload.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) options: ParseOptions,
    /// What earlier turns read of its pictures.
    pub(crate) before: Readings,
    /// How many more pictures this turn may read.
    pub(crate) turn: usize,
}

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The document; its text is the payload.
    Parsed(Box<Document>),
    /// What this turn read of the file's pictures; there are more.
    Partly(Readings),
    /// Why the file is not read.
    Refused { kind: String, code: Option<String>, message: String },
}

/// Blocks and boxes of a document at most: what is said of them beside the text takes some bytes
/// of each.
const PARTS_MAX: usize = 4_500_000;

/// Serves parse requests until the parent is gone. `arguments` are those after the role.
///
/// # Errors
/// When the limits cannot be set or the channel to the parent breaks.
pub fn child_main(arguments: &[String]) -> io::Result<()> {
    let channel = cairn_isolate::child::enter(arguments)?;
    cairn_isolate::child::serve(channel, |request: Request, bytes| answer(request, &bytes))
}

fn answer(request: Request, bytes: &[u8]) -> (Answer, Vec<u8>) {
    let Request { name, options, before, turn } = request;
    let name = name.as_str();
    let parse = || parse_turn(name, bytes, &options, (before, turn));
    let parsed = catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| {
        Err(invalid_file(format!("'{name}' could not be parsed: the reader failed on it")))
    });
    match parsed.and_then(|turn| in_bounds(name, turn)) {
        Ok(Turn::Whole(mut document)) => {
            let text = std::mem::take(&mut document.text).into_bytes();
            (Answer::Parsed(document), text)
        }
        Ok(Turn::Partly(read)) => (Answer::Partly(read), Vec::new()),
        Err(error) => {
            tracing::debug!(name, error = error.detail(), "a file was refused");
            let refused = Answer::Refused {
                kind: error.kind().name().to_owned(),
                code: error.code().map(str::to_owned),
                message: error.message().to_owned(),
            };
            (refused, Vec::new())
        }
    }
}

/// Refuses a document of more parts than can be told.
fn in_bounds(name: &str, turn: Turn) -> Result<Turn> {
    let Turn::Whole(document) = &turn else { return Ok(turn) };
    let parts = document.blocks.len().saturating_add(document.boxes.len());
    if parts <= PARTS_MAX {
        return Ok(turn);
    }
    Err(invalid_file(format!(
        "'{name}' has {parts} paragraphs, rows and lines, and a document may have {PARTS_MAX}; \
         split it into smaller files"
    )))
}

/// The error an [`Answer::Refused`] stands for.
pub(crate) fn refusal(kind: &str, code: Option<&str>, message: String) -> Error {
    let kinds = [Kind::Unsupported, Kind::Unprocessable, Kind::TooLarge, Kind::Unavailable];
    let kind = kinds.into_iter().find(|known| known.name() == kind).unwrap_or(Kind::Unprocessable);
    let error = Error::new(kind, message);
    match code {
        Some("unsupported_file") => error.with_code("unsupported_file"),
        Some(INVALID_FILE) => error.with_code(INVALID_FILE),
        _ => error,
    }
}
