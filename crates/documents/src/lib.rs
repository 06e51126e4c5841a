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
//!
//! A file comes in at `parse`, which tells what it is and hands it to the reader of its kind:
//! `pdf`, `office`, `mail`, `html`, `epub`, `xml`, `markup` (texts with marks in them), `text`
//! (texts as they stand), `picture` (OCR) or `archive`. `encoding` makes text of bytes. All readers
//! write through `write` into a `document`, which `chunk` cuts, at `sentences` where it can.

mod archive;
mod chunk;
mod document;
mod encoding;
mod epub;
mod html;
mod mail;
mod markup;
mod office;
mod parse;
mod pdf;
mod picture;
mod sentences;
mod text;
mod write;
mod xml;

pub use chunk::{
    Chunk, ChunkOptions, Piece, Pieces, Strategy, TokenCounter, cells, chunk, cut, header_row,
};
pub use document::label::{label, label_is_told};
pub use document::{Block, BlockKind, CharIndex, Document, Heading, LineBox, Page, kept_boxes};
pub use parse::child::{CHILD_ROLE, child_main};
pub use parse::parser::Parser;
pub use parse::{Format, ParseOptions, Turn, parse, parse_with};
pub use picture::ocr::OcrModels;
pub use picture::readings::Readings;
pub use sentences::sentences;

/// The error for a file that is of a kind we read, but damaged, locked or empty.
pub(crate) fn invalid_file(message: impl Into<String>) -> cairn_kernel::Error {
    cairn_kernel::Error::new(cairn_kernel::Kind::Unprocessable, message).with_code(INVALID_FILE)
}

/// The machine-readable code of [`invalid_file`] errors.
pub(crate) const INVALID_FILE: &str = "invalid_file";
