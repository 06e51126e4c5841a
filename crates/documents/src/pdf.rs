//! PDF to text: pages in reading order, paragraphs, headings.
//!
//! `pdf_oxide` finds the glyph runs and their places; lines, columns,
//! paragraphs, running heads and headings are worked out here, because
//! positions decide them better than the order in which a file draws.

mod columns;
mod flow;
mod furniture;
mod headings;
mod lines;

#[cfg(test)]
pub(crate) mod tests;

use cairn_kernel::Result;
use pdf_oxide::PdfDocument;
use pdf_oxide::extractors::text::ArtifactType;
use pdf_oxide::extractors::{FieldValue, FormExtractor};
use pdf_oxide::layout::TextSpan;
use pdf_oxide::object::Object;

use crate::builder::Builder;
use crate::document::{BlockKind, Document};
use crate::format::Format;
use crate::invalid_file;
use lines::{Line, Run};

/// More pages than any document has; a broken page count stops here.
const PAGES_MAX: usize = 50_000;

/// Pages named in a note; the rest are counted.
const PAGES_NAMED: usize = 12;

/// One page's content in reading order.
#[derive(Debug)]
enum PageText {
    /// Lines with positions.
    Lines(Vec<Line>),
    /// Text already in order (vertical, rotated and right-to-left scripts).
    Ready(String),
}

/// Reads a PDF.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Document> {
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
    let mut builder = Builder::new(Format::Pdf.media_type());
    let pages = pages(name, &pdf, count.min(PAGES_MAX), &mut builder)?;
    if let Some(title) = title(&pdf) {
        builder.title(title);
    }
    let pages = arrange(pages, &pdf, &mut builder);
    flow::write(&pages, &mut builder);
    form_fields(&pdf, &mut builder);
    Ok(builder.finish())
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

/// The content of every page, with notes about pages that give none.
fn pages(
    name: &str,
    pdf: &PdfDocument,
    count: usize,
    builder: &mut Builder,
) -> Result<Vec<PageText>> {
    let (mut pages, mut empty, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for page in 0..count {
        match page_text(pdf, page) {
            Ok(PageText::Lines(lines)) if lines.is_empty() => {
                empty.push(page + 1);
                pages.push(PageText::Lines(lines));
            }
            Ok(text) => pages.push(text),
            Err(error) => {
                tracing::debug!(page = page + 1, %error, "a PDF page could not be read");
                failed.push(page + 1);
                pages.push(PageText::Lines(Vec::new()));
            }
        }
    }
    if empty.len() + failed.len() == pages.len() {
        return Err(invalid_file(if failed.len() == pages.len() {
            format!("'{name}' is a damaged PDF: none of its {count} pages can be read")
        } else {
            format!(
                "'{name}': its pages have no text layer; OCR is not available. \
                 Run it through an OCR program first"
            )
        }));
    }
    if !empty.is_empty() {
        builder
            .note(format!("pages without a text layer (OCR is not available): {}", list(&empty)));
    }
    if !failed.is_empty() {
        builder.note(format!("pages that could not be read: {}", list(&failed)));
    }
    Ok(pages)
}

fn list(pages: &[usize]) -> String {
    let named: Vec<String> = pages.iter().take(PAGES_NAMED).map(usize::to_string).collect();
    let named = named.join(", ");
    match pages.len().saturating_sub(PAGES_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn page_text(pdf: &PdfDocument, page: usize) -> pdf_oxide::Result<PageText> {
    let spans: Vec<TextSpan> = pdf.extract_spans(page)?;
    let (mut all, mut unusual) = (0, 0);
    for span in &spans {
        let chars = span.text.chars().filter(|c| !c.is_whitespace()).count();
        all += chars;
        if span.rotation_degrees != 0.0 || span.wmode != 0 {
            unusual += chars;
        } else {
            unusual += span.text.chars().filter(|&c| is_right_to_left(c)).count();
        }
    }
    if unusual * 5 > all {
        return Ok(PageText::Ready(pdf.extract_text(page)?));
    }
    let runs = spans.iter().filter(|span| !is_furniture(span)).filter_map(run).collect();
    Ok(PageText::Lines(columns::lines(runs)))
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

fn is_furniture(span: &TextSpan) -> bool {
    matches!(span.artifact_type, Some(ArtifactType::Pagination(_)))
}

fn run(span: &TextSpan) -> Option<Run> {
    let text = lines::readable(&span.text);
    let place = [span.bbox.x, span.bbox.y, span.bbox.width, span.font_size];
    if text.is_empty()
        || place.iter().any(|value| !value.is_finite())
        || span.rotation_degrees != 0.0
    {
        return None;
    }
    let name = span.font_name.to_ascii_lowercase();
    Some(Run {
        text,
        x0: span.bbox.x,
        x1: span.bbox.x + span.bbox.width.max(0.0),
        y: span.bbox.y,
        size: span.font_size.abs().clamp(1.0, 400.0),
        bold: span.font_weight.is_bold() || name.contains("bold") || name.contains("cmbx"),
        mono: span.is_monospace,
    })
}

/// Removes running heads and marks headings.
fn arrange(mut pages: Vec<PageText>, pdf: &PdfDocument, builder: &mut Builder) -> Vec<PageText> {
    let mut lines: Vec<Vec<Line>> = pages
        .iter_mut()
        .map(|page| match page {
            PageText::Lines(lines) => std::mem::take(lines),
            PageText::Ready(_) => Vec::new(),
        })
        .collect();
    if furniture::remove(&mut lines) > 0 {
        builder.note("running heads, running feet and page numbers are not part of the text");
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

/// What was filled into a form, after the pages' text.
fn form_fields(pdf: &PdfDocument, builder: &mut Builder) {
    let fields = FormExtractor::extract_fields(pdf).unwrap_or_default();
    let mut filled = 0;
    for field in fields {
        let value = match field.value {
            FieldValue::Text(text) | FieldValue::Name(text)
                if !text.trim().is_empty() && text != "Off" =>
            {
                text
            }
            FieldValue::Boolean(true) => "yes".to_owned(),
            FieldValue::Array(values) if !values.is_empty() => values.join(", "),
            _ => continue,
        };
        let label = field.tooltip.filter(|tip| !tip.trim().is_empty()).unwrap_or(field.name);
        builder.block(
            BlockKind::ListItem,
            &format!("{}: {}", label.trim(), lines::readable(&value).trim()),
        );
        filled += 1;
    }
    if filled > 0 {
        builder.note(format!("{filled} filled form fields follow the text of the pages"));
    }
}
