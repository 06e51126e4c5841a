//! One file in, one document out: what it is ([`mod@format`]), the reader of its kind, and the
//! files within it ([`parts`]); here, or in confined children ([`parser`] and [`child`]).

use cairn_kernel::Result;
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::mail::{self, outlook};
use crate::markup::{asciidoc, latex, markdown, org, rst};
use crate::office::{odf, ooxml, rtf};
use crate::picture::ocr::OcrModels;
use crate::picture::readings::{Pictures, Readings};
use crate::text::plain::{self, Style};
use crate::text::{json, notebook, rows, subtitles};
use crate::write::Builder;
use crate::xml::{elements, feed};
use crate::{archive, encoding, epub, html, invalid_file, pdf, picture};
use format::extension;

pub(crate) use parts::{Budget, Context, Unread};

pub use format::Format;

pub(crate) mod child;
pub(crate) mod format;
pub(crate) mod parser;
pub(crate) mod parts;

/// Stack of the thread that parses: nested input recurses.
pub(crate) const STACK_BYTES: usize = 64 << 20;

/// How files are parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseOptions {
    /// The models that read text in pictures; without them it is not read.
    pub ocr: Option<OcrModels>,
    /// Pages and pictures of one file that are read by OCR, at most.
    pub ocr_pages_max: usize,
    /// Longest text of a file, in bytes.
    pub text_bytes_max: u64,
}

impl Default for ParseOptions {
    fn default() -> Self {
        let text_bytes_max = cairn_kernel::Limits::default().text_bytes;
        Self { ocr: None, ocr_pages_max: 2_000, text_bytes_max }
    }
}

/// Parses `bytes`, a file called `name`, without OCR.
///
/// # Errors
/// As [`parse_with`].
pub fn parse(name: &str, bytes: &[u8]) -> Result<Document> {
    parse_with(name, bytes, &ParseOptions::default())
}

/// Parses `bytes`, a file called `name`.
///
/// The same bytes and options give the same document. Hostile input may take much
/// time and memory here; [`crate::Parser`] bounds both.
///
/// # Errors
/// `Unsupported` for kinds that are not read; `Unprocessable` with the code
/// `invalid_file` for files that are empty, damaged, locked by a password or
/// hold no text, saying which; `Unavailable` when an OCR model cannot be loaded.
pub fn parse_with(name: &str, bytes: &[u8], options: &ParseOptions) -> Result<Document> {
    match parse_turn(name, bytes, options, (Readings::default(), usize::MAX))? {
        Turn::Whole(document) => Ok(*document),
        Turn::Partly(_) => Err(cairn_kernel::Error::internal("an endless turn came to its end")),
    }
}

/// What one turn of reading a file gives; see [`crate::picture::readings`].
#[derive(Debug)]
pub enum Turn {
    /// The document, all of it.
    Whole(Box<Document>),
    /// What was read of its pictures in this turn; there are more.
    Partly(Readings),
}

/// Parses `bytes`, a file called `name`, of whose pictures earlier turns read those `before`, and
/// at most `turn` more are read by this one.
///
/// # Errors
/// As [`parse_with`].
pub(crate) fn parse_turn(
    name: &str,
    bytes: &[u8],
    options: &ParseOptions,
    (before, turn): (Readings, usize),
) -> Result<Turn> {
    let result = std::thread::scope(|scope| {
        let parse = || {
            let budget = Budget::new(Pictures::new(options.ocr_pages_max, before, turn));
            let parsed = part(name, bytes, Context::new(options, &budget));
            match budget.pictures.partly() {
                Some(read) => Ok(Turn::Partly(read)),
                None => told(parsed, name, &budget).and_then(|document| {
                    bounded(name, document.text.len(), options)?;
                    Ok(Turn::Whole(Box::new(document)))
                }),
            }
        };
        std::thread::Builder::new()
            .name("parse".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, parse)
            .map(std::thread::ScopedJoinHandle::join)
    });
    match result {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(_)) => {
            Err(invalid_file(format!("'{name}' could not be parsed: the reader failed on it")))
        }
        Err(cause) => {
            let error =
                cairn_kernel::Error::unavailable("no thread could be started to parse a file");
            Err(error.with_source(cause))
        }
    }
}

/// What was parsed, with a word on the pictures in it that were not read.
fn told(parsed: Result<Document>, name: &str, budget: &Budget) -> Result<Document> {
    let count = budget.pictures.left_out();
    match parsed {
        Ok(mut document) if count > 0 => {
            document.notes.push(format!("pictures not read: {count}; {}", picture::REMEDY));
            Ok(document)
        }
        Err(error) if count > 0 && error.message().ends_with(NO_TEXT) => Err(invalid_file(
            format!("'{name}'{NO_TEXT} beside {count} pictures; {}", picture::REMEDY),
        )),
        parsed => parsed,
    }
}

/// Refuses a file with more text than is wanted.
fn bounded(name: &str, text_bytes: usize, options: &ParseOptions) -> Result<()> {
    if text_bytes as u64 <= options.text_bytes_max {
        return Ok(());
    }
    Err(invalid_file(format!(
        "'{name}' has {} MB of text, and a document may have {} MB; split it into smaller files, \
         or raise `limits.text_bytes` in the configuration",
        text_bytes.div_ceil(1 << 20),
        options.text_bytes_max >> 20
    )))
}

/// How the error of a file without text ends.
const NO_TEXT: &str = " holds no text";

/// Parses a file, or a file within a file, on the present thread.
pub(crate) fn part(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let document = read(name, bytes, Format::detect(name, bytes)?, context)?;
    if document.text.trim().is_empty() {
        return Err(invalid_file(format!("'{name}'{NO_TEXT}")));
    }
    Ok(document)
}

fn read(name: &str, bytes: &[u8], format: Format, context: Context<'_>) -> Result<Document> {
    match format {
        Format::Pdf => pdf::read(name, bytes, context),
        Format::Docx | Format::Pptx | Format::Xlsx | Format::Doc | Format::Ppt | Format::Xls => {
            ooxml::read(name, bytes, format, context)
        }
        Format::Odt | Format::Ods | Format::Odp => odf::read(name, bytes, format, context),
        Format::Rtf => Ok(rtf::file(bytes, Builder::new(format.media_type()))),
        Format::Epub => epub::read(name, bytes, context),
        Format::Eml => mail::read(name, bytes, context),
        Format::Msg => outlook::read(name, bytes, context),
        Format::Zip => archive::read(name, bytes, context),
        Format::Png | Format::Jpeg | Format::Tiff | Format::Webp | Format::Bmp => {
            picture::read(name, bytes, format, context)
        }
        Format::Text
        | Format::Code
        | Format::Csv
        | Format::Json
        | Format::Notebook
        | Format::Feed
        | Format::Markdown
        | Format::Latex
        | Format::Xml
        | Format::Vtt
        | Format::Srt
        | Format::Rst
        | Format::Org
        | Format::Asciidoc
        | Format::Html => text(name, bytes, format, context.options),
    }
}

/// Formats that are text in some encoding. Where nearly all of it is the document's text, too much
/// is refused before memory is taken for it: no encoding takes more than two bytes for one of
/// UTF-8.
fn text(name: &str, bytes: &[u8], format: Format, options: &ParseOptions) -> Result<Document> {
    let plain = !matches!(format, Format::Html | Format::Feed | Format::Notebook);
    if plain {
        bounded(name, bytes.len() / 2, options)?;
    }
    let declared = match format {
        Format::Html => encoding::html_charset(bytes),
        Format::Feed | Format::Xml | Format::Code => encoding::xml_encoding(bytes),
        _ => None,
    };
    let decoded = encoding::decode(bytes, declared.as_deref());
    let text = decoded.text.as_str();
    if plain {
        bounded(name, text.len(), options)?;
    }
    let mut builder = Builder::new(format.media_type());
    if let Some(note) = decoded.note {
        builder.note(note);
    }
    Ok(match format {
        Format::Markdown => markdown::read(text, builder),
        Format::Html => html::read(text, builder),
        Format::Latex => latex::read(text, builder),
        Format::Csv => rows::read(text, &extension(name), builder),
        Format::Json => json::read(text, builder),
        Format::Feed => feed::read(text, builder),
        Format::Xml => elements::read(text, builder),
        Format::Vtt | Format::Srt => subtitles::read(text, builder),
        Format::Rst => rst::read(text, builder),
        Format::Org => org::read(text, builder),
        Format::Asciidoc => asciidoc::read(text, builder),
        Format::Notebook => notebook::read(name, text, builder)?,
        Format::Code => plain::read(text, Style::Code, builder),
        _ => plain::read(text, Style::Prose, builder),
    })
}

#[cfg(test)]
mod tests;
