//! Bytes to text with structure and positions, and text to chunks.
//!
//! * [`parse`] reads one file: PDF, Office files old and new, OpenDocument, RTF,
//!   EPUB, mail, notebooks, feeds, HTML, Markdown, LaTeX, reStructuredText, Org, AsciiDoc, XML,
//!   subtitles, CSV, JSON, source code, plain text, and ZIP archives of these; [`parse_with`]
//!   also reads images and scanned pages, with the models of [`OcrModels`]. They never panic,
//!   but may use much time and memory on hostile input, so servers use [`Parser`].
//! * [`Parser`] does the same in confined children of this executable with a
//!   deadline and a memory ceiling; [`child_main`] is the child's side.
//! * [`chunk`] cuts a [`Document`] along its structure into pieces of bounded
//!   token count that are exact substrings of its text; [`cut`] does it by any
//!   [`Strategy`].
//! * [`Document::structure`] is what is kept beside a document's text, and
//!   [`Document::from_kept`] makes the document of both again; [`kept_boxes`] reads only
//!   where lines stand on their pages.
//! * [`label`] is what a document is called, where that says what it is about.
//! * [`sentences`] finds sentence borders, for citations and extracts; [`cells`] and
//!   [`header_row`] read rows of tables in a text.
//!
//! Positions are counts of Unicode scalar values into [`Document::text`], unless
//! an item says bytes; [`CharIndex`] converts.

mod archive;
mod articles;
mod asciidoc;
mod boxes;
mod builder;
mod child;
mod chunk;
mod document;
mod elements;
mod encoding;
mod epub;
mod feed;
mod flow;
mod format;
mod html;
mod json;
mod kept;
mod label;
mod latex;
mod lines;
mod mail;
mod markdown;
mod notebook;
mod numerals;
mod ocr;
mod odf;
mod office;
mod offsets;
mod org;
mod outlook;
mod parse;
mod parser;
mod parts;
mod patents;
mod pdf;
mod picture;
mod plain;
mod prose;
mod readings;
mod rows;
mod rst;
mod rtf;
mod sentences;
mod subtitles;
mod xml;

pub use boxes::LineBox;
pub use child::{CHILD_ROLE, child_main};
pub use chunk::{
    Chunk, ChunkOptions, Piece, Pieces, Strategy, TokenCounter, cells, chunk, cut, header_row,
};
pub use document::{Block, BlockKind, Document, Heading, Page};
pub use format::Format;
pub use kept::kept_boxes;
pub use label::{label, label_is_told};
pub use ocr::OcrModels;
pub use offsets::CharIndex;
pub use parse::{ParseOptions, Turn, parse, parse_with};
pub use parser::Parser;
pub use readings::Readings;
pub use sentences::sentences;

/// The error for a file that is of a kind we read, but damaged, locked or empty.
pub(crate) fn invalid_file(message: impl Into<String>) -> cairn_kernel::Error {
    cairn_kernel::Error::new(cairn_kernel::Kind::Unprocessable, message).with_code(INVALID_FILE)
}

/// The machine-readable code of [`invalid_file`] errors.
pub(crate) const INVALID_FILE: &str = "invalid_file";
