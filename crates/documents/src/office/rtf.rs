//! Rich text (RTF): files, and what Outlook keeps as the body of a message, which holds HTML
//! (MS-OXRTFEX), plain text, or text of its own.
//!
//! Headings are told by the outline level of a paragraph or of its style, items of lists by the
//! marker that is written out for readers that do not count. Hidden and deleted text and pictures
//! are left out; footnotes, comments and text boxes stand behind the paragraph or table they are
//! in, heads of pages before the text and feet behind it, each once.

use crate::document::Document;
use crate::write::Builder;
use crate::{html, mail};
use pieces::Pieces;
use reader::Reader;

mod groups;
mod pages;
mod pieces;
mod reader;
mod styles;
mod table;
#[cfg(test)]
mod tests;
mod words;

/// How a rich text begins.
const BEGIN: &[u8] = b"{\\rtf";
/// Where the text says what it was made from, in bytes.
const HEAD_BYTES: usize = 2_048;

/// What a rich text was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A page, whose tags it holds.
    Html,
    /// Plain text, line by line.
    Plain,
    /// Nothing else: it is its own form.
    Own,
}

/// Whether the bytes are a rich text.
pub(crate) fn is_rich(bytes: &[u8]) -> bool {
    unmarked(bytes).trim_ascii_start().starts_with(BEGIN)
}

/// The bytes without the mark that some programs put before all text.
fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reads a rich text; none when the bytes are something else.
pub(crate) fn read(bytes: &[u8], builder: Builder) -> Option<(Origin, Document)> {
    is_rich(bytes).then(|| {
        let origin = origin(bytes);
        (origin, write(bytes, origin, builder))
    })
}

/// Reads a file that is a rich text.
pub(crate) fn file(bytes: &[u8], builder: Builder) -> Document {
    write(bytes, origin(bytes), builder)
}

fn origin(bytes: &[u8]) -> Origin {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    let says = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
    match () {
        () if says(b"\\fromhtml") => Origin::Html,
        () if says(b"\\fromtext") => Origin::Plain,
        () => Origin::Own,
    }
}

fn write(bytes: &[u8], origin: Origin, mut builder: Builder) -> Document {
    let bytes = unmarked(bytes);
    if origin == Origin::Own {
        let mut reader = Reader::new(origin, builder);
        Pieces::new(bytes).for_each(|piece| reader.piece(piece));
        return reader.finish();
    }
    let mut reader = Reader::new(origin, Builder::default());
    Pieces::new(bytes).for_each(|piece| reader.piece(piece));
    let lines = reader.into_lines();
    if origin == Origin::Html {
        return html::read(&lines, builder);
    }
    mail::paragraphs(&lines, &mut builder);
    builder.finish()
}
