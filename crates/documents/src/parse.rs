//! One file in, one document out.

use cairn_kernel::Result;

use crate::builder::Builder;
use crate::document::Document;
use crate::format::Format;
use crate::plain::Style;
use crate::{encoding, html, invalid_file, markdown, office, pdf, plain};

/// Stack of the thread that parses: nested input recurses.
pub(crate) const STACK_BYTES: usize = 64 << 20;

/// Parses `bytes`, a file called `name`.
///
/// The same bytes give the same document. Hostile input may take much time and
/// memory here; [`crate::Parser`] bounds both.
///
/// # Errors
/// `Unsupported` for kinds that are not read; `Unprocessable` with the code
/// `invalid_file` for files that are empty, damaged, locked by a password or
/// hold no text, saying which.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Document> {
    let format = Format::detect(name, bytes)?;
    let result = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("parse".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || read(name, bytes, format))
            .map(std::thread::ScopedJoinHandle::join)
    });
    let document = match result {
        Ok(Ok(document)) => document?,
        Ok(Err(_)) => {
            let kind = format.name();
            return Err(invalid_file(format!(
                "'{name}' could not be parsed: the {kind} reader failed on it"
            )));
        }
        Err(cause) => {
            let error =
                cairn_kernel::Error::unavailable("no thread could be started to parse a file");
            return Err(error.with_source(cause));
        }
    };
    if document.text.trim().is_empty() {
        return Err(invalid_file(format!("'{name}' holds no text")));
    }
    Ok(document)
}

fn read(name: &str, bytes: &[u8], format: Format) -> Result<Document> {
    let style = match format {
        Format::Pdf => return pdf::read(name, bytes),
        Format::Docx | Format::Pptx | Format::Xlsx => return office::read(name, bytes, format),
        Format::Text | Format::Markdown | Format::Html => Style::Prose,
        Format::Code | Format::Json => Style::Code,
        Format::Csv => Style::Rows,
    };
    let declared = (format == Format::Html).then(|| encoding::html_charset(bytes)).flatten();
    let decoded = encoding::decode(bytes, declared.as_deref());
    let mut builder = Builder::new(format.media_type());
    if let Some(note) = decoded.note {
        builder.note(note);
    }
    Ok(match format {
        Format::Markdown => markdown::read(&decoded.text, builder),
        Format::Html => html::read(&decoded.text, builder),
        _ => plain::read(&decoded.text, style, builder),
    })
}

#[cfg(test)]
mod tests;
