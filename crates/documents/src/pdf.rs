//! PDF to text: pages in reading order, paragraphs, headings.
//!
//! `pdf_oxide` finds the glyph runs and their places; lines, columns,
//! paragraphs, running heads and headings are worked out here, because
//! positions decide them better than the order in which a file draws.

mod beside;
mod bidi;
mod columns;
mod flow;
mod furniture;
mod headings;
mod lines;
mod pages;
pub(crate) mod scan;
mod sheet;
mod tables;
mod turned;

#[cfg(test)]
pub(crate) mod tests;

use cairn_kernel::Result;
use pdf_oxide::PdfDocument;
use pdf_oxide::object::Object;

use crate::document::Document;
use crate::invalid_file;
use crate::parse::{Context, Format};
use crate::write::Builder;
use furniture::Furniture;
use lines::Line;

/// More pages than any document has; a broken page count stops here.
const PAGES_MAX: usize = 50_000;

/// One page's content in reading order.
#[derive(Debug)]
enum PageText {
    /// Lines with positions.
    Lines(Vec<Line>),
    /// Text already in order (vertical and rotated text).
    Ready(String),
}

/// Reads a PDF.
pub(crate) fn read(name: &str, bytes: &[u8], context: Context<'_>) -> Result<Document> {
    let opened = PdfDocument::from_bytes(bytes.to_vec());
    let pdf = opened.map_err(|error| {
        invalid_file(format!("'{name}' is a damaged or cut-short PDF ({error}); export it again"))
            .with_source(error)
    })?;
    unlocked(name, &pdf)?;
    let count = pdf.page_count().map_err(|error| {
        invalid_file(format!("'{name}' is a damaged PDF: its pages cannot be found ({error})"))
            .with_source(error)
    })?;
    let count = count.min(PAGES_MAX);
    let mut builder = Builder::new(Format::Pdf.media_type());
    let mut furniture = Furniture::default();
    let pages = pages::read(&pdf, count, context, &mut furniture)?;
    if let Some(title) = title(&pdf) {
        builder.title(title);
    }
    let missing = pages.missing;
    let pages = arrange(pages.texts, &pdf, &mut furniture, &mut builder);
    flow::write(&pages, &furniture, &mut builder);
    builder.no_page();
    beside::form_fields(&pdf, &mut builder);
    beside::comments(&pdf, count, &mut builder);
    beside::attachments(&pdf, context, &mut builder);
    missing.report(name, count, builder)
}

/// A password other than the empty one would otherwise show as missing text.
fn unlocked(name: &str, pdf: &PdfDocument) -> Result<()> {
    if !pdf.is_encrypted() || pdf.is_authenticated() || matches!(pdf.authenticate(b""), Ok(true)) {
        return Ok(());
    }
    Err(invalid_file(format!(
        "'{name}' is protected by a password (or an encryption that is not read); \
         save it without protection and upload it again"
    )))
}

/// Takes running heads out and marks headings.
fn arrange(
    mut pages: Vec<PageText>,
    pdf: &PdfDocument,
    furniture: &mut Furniture,
    builder: &mut Builder,
) -> Vec<PageText> {
    let mut lines: Vec<Vec<Line>> = pages
        .iter_mut()
        .map(|page| match page {
            PageText::Lines(lines) => std::mem::take(lines),
            PageText::Ready(_) => Vec::new(),
        })
        .collect();
    furniture::remove(&mut lines, furniture);
    if furniture.removed > 0 {
        builder.note("running heads and running feet are given once, page numbers not at all");
    }
    let outline = pdf.get_outline().ok().flatten().unwrap_or_default();
    if !headings::from_outline(&outline, pdf, &mut lines) {
        headings::from_type(&mut lines);
    }
    for (page, lines) in pages.iter_mut().zip(lines) {
        if let PageText::Lines(place) = page {
            *place = lines;
        }
    }
    pages
}

/// The title among the document's properties.
fn title(pdf: &PdfDocument) -> Option<String> {
    let info = pdf.trailer().as_dict()?.get("Info")?;
    let info = match info.as_reference() {
        Some(reference) => pdf.load_object(reference).ok()?,
        None => info.clone(),
    };
    let title: &Object = info.as_dict()?.get("Title")?;
    let title = pdf_oxide::optional_content::decode_pdf_text_string(title.as_string()?);
    let title = lines::readable(&title);
    let placeholder = ["", "untitled", "(anonymous)", "anonymous"]
        .contains(&title.trim().to_lowercase().as_str());
    (!placeholder).then_some(title)
}
