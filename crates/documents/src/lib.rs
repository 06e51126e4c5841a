//! Bytes to text with structure and positions, and text to chunks.
//!
//! * [`parse`] reads one file: plain text, Markdown, HTML, PDF, DOCX, PPTX, XLSX,
//!   source code, CSV and JSON. It never panics, but it may use much time and
//!   memory on hostile input, so servers use [`Parser`].
//! * [`Parser`] does the same in confined children of this executable with a
//!   deadline and a memory ceiling; [`child_main`] is the child's side.
//! * [`chunk`] cuts a [`Document`] along its structure into pieces of bounded
//!   token count that are exact substrings of its text.
//! * [`sentences`] finds sentence borders, for citations and extracts.
//!
//! Positions are counts of Unicode scalar values into [`Document::text`], unless
//! an item says bytes; [`CharIndex`] converts.

mod builder;
mod child;
mod chunk;
mod document;
mod encoding;
mod flow;
mod format;
mod html;
mod markdown;
mod office;
mod offsets;
mod parse;
mod parser;
mod pdf;
mod plain;
mod sentences;

pub use child::{CHILD_ROLE, child_main};
pub use chunk::{Chunk, ChunkOptions, TokenCounter, chunk};
pub use document::{Block, BlockKind, Document, Heading, Page};
pub use format::Format;
pub use offsets::CharIndex;
pub use parse::parse;
pub use parser::Parser;
pub use sentences::sentences;

/// The error for a file that is of a kind we read, but damaged, locked or empty.
pub(crate) fn invalid_file(message: impl Into<String>) -> cairn_kernel::Error {
    cairn_kernel::Error::new(cairn_kernel::Kind::Unprocessable, message).with_code(INVALID_FILE)
}

/// The machine-readable code of [`invalid_file`] errors.
pub(crate) const INVALID_FILE: &str = "invalid_file";
