//! Word, PowerPoint and Excel files, today's (OOXML) and those of 97 to 2003.
//!
//! `office_oxide` reads them, after [`mend`] has put into text what it has no model for. Its tree
//! of sections becomes blocks in [`blocks`], with the numbers of Word's headings and lists from
//! [`markers`]; workbooks are written row by row in [`sheets`], as the tree ends after some
//! thousand rows.

mod blocks;
mod charts;
mod drawings;
mod markers;
mod mend;
mod numbering;
mod sheets;

use std::io::Cursor;

use cairn_kernel::Result;
use office_oxide::core::Error as CoreError;
use office_oxide::limits::Limits;
use office_oxide::options::{OnIncomplete, ParseOptions};
use office_oxide::{DocumentFormat, OfficeError};
use zip::ZipArchive;

use self::markers::Markers;
use crate::document::Document;
use crate::parse::{Context, Format};
use crate::write::Builder;
use crate::xml::{self, Token};
use crate::{archive, encoding, invalid_file};

/// Losses named in the notes; the rest are counted.
const LOSSES_NAMED: usize = 5;

/// Reads an Office file.
pub(crate) fn read(
    name: &str,
    bytes: &[u8],
    format: Format,
    context: Context<'_>,
) -> Result<Document> {
    let kind = match format {
        Format::Pptx => DocumentFormat::Pptx,
        Format::Xlsx => DocumentFormat::Xlsx,
        Format::Doc => DocumentFormat::Doc,
        Format::Xls => DocumentFormat::Xls,
        Format::Ppt => DocumentFormat::Ppt,
        _ => DocumentFormat::Docx,
    };
    let package = mend::mended(bytes, format, context).unwrap_or_else(|| bytes.to_vec());
    let opened = office_oxide::Document::from_reader_with(Cursor::new(package), kind, &options());
    let document = opened.map_err(|error| refused(name, error))?;
    let mut builder = Builder::new(format.media_type());
    // The tree's title is a heading where the file names none.
    let title = if bytes.starts_with(b"PK") { title(bytes, context) } else { None };
    if let Some(title) = title {
        builder.title(title);
    }
    if let Some(book) = document.as_xlsx() {
        return Ok(sheets::xlsx(book, context, builder).finish());
    }
    if let Some(book) = document.as_xls() {
        return Ok(sheets::xls(book, context, builder).finish());
    }
    let losses: Vec<String> = document
        .damage()
        .iter()
        .filter(|damage| damage.is_loss())
        .map(ToString::to_string)
        .collect();
    note(&losses, &mut builder);
    let numbering = document.as_docx().and_then(|_| part(bytes, "word/numbering.xml", context));
    let markers = match document.as_docx().zip(numbering) {
        Some((word, numbering)) => Markers::of(word, &numbering),
        None => Markers::default(),
    };
    Ok(blocks::write(&document.to_ir(), (format, markers), context, builder).finish())
}

/// Says what was not read.
fn note(losses: &[String], builder: &mut Builder) {
    for loss in losses.iter().take(LOSSES_NAMED) {
        builder.note(format!("not read: {loss}"));
    }
    if losses.len() > LOSSES_NAMED {
        builder.note(format!("and {} more parts were not read", losses.len() - LOSSES_NAMED));
    }
}

/// Bounds against decompression bombs: 256 MiB in all. A sheet of half a million rows takes more
/// than a hundred.
fn options() -> ParseOptions {
    let mut options = ParseOptions::default();
    options.limits = Limits::strict();
    options.limits.part_bytes = options.limits.package_bytes;
    options.limits.inflate_ratio = 400;
    options.on_incomplete = OnIncomplete::Report;
    options
}

fn refused(name: &str, error: OfficeError) -> cairn_kernel::Error {
    let core = match &error {
        OfficeError::Core(core) => Some(core),
        _ => {
            std::error::Error::source(&error).and_then(|source| source.downcast_ref::<CoreError>())
        }
    };
    let bomb =
        matches!(core, Some(CoreError::DecompressionLimit { .. } | CoreError::PackageLimit(_)));
    let said = error.to_string();
    let message = if bomb || said.contains("limit exceeded") {
        format!("'{name}' unpacks to more than is allowed; split it into smaller files")
    } else if said.contains("password") || said.contains("encrypted") {
        format!("'{name}' is protected by a password; save it without one and upload it again")
    } else {
        format!("'{name}' is damaged or cut short ({said}); open and save it again")
    };
    invalid_file(message).with_source(error)
}

/// The title among the package's core properties.
fn title(bytes: &[u8], context: Context<'_>) -> Option<String> {
    let properties = part(bytes, "docProps/core.xml", context)?;
    let (mut title, mut inside) = (String::new(), false);
    xml::walk(&properties, |token| match token {
        Token::Open(name, _) => inside = xml::local(name) == "title",
        Token::Close(_) => inside = false,
        Token::Text(text) if inside => title.push_str(text),
        Token::Text(_) => {}
    });
    Some(title)
}

/// The text of a package's part.
fn part(bytes: &[u8], path: &str, context: Context<'_>) -> Option<String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let part = archive::member(&mut archive, path, context)?;
    Some(encoding::decode(&part, None).text)
}
