//! The content of each page: its text layer, and by OCR what only pictures show.

use cairn_kernel::Result;
use pdf_oxide::PdfDocument;
use pdf_oxide::extractors::text::{ArtifactType, PaginationSubtype};
use pdf_oxide::geometry::Rect;
use pdf_oxide::layout::TextSpan;

use super::furniture::Furniture;
use super::lines::{self, Line, Run};
use super::scan::Scanner;
use super::sheet::{Layer, Sheet};
use super::tables::Grids;
use super::{PageText, bidi, columns, turned};
use crate::document::Document;
use crate::parse::Context;
use crate::write::Builder;
use crate::{invalid_file, picture};

/// Pages named in a note; the rest are counted.
const PAGES_NAMED: usize = 12;

/// All pages in order, and what could not be had of them.
pub(super) struct Pages {
    pub(super) texts: Vec<PageText>,
    pub(super) missing: Missing,
}

/// Pages, from 1, of which something is missing or uncertain.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// No text layer and no OCR.
    empty: Vec<usize>,
    failed: Vec<usize>,
    /// Read by OCR, in part or in whole.
    read: Vec<usize>,
    /// Left out because there were too many pictures.
    left_out: Vec<usize>,
    /// Scans with a little text over them, of which only that was read as there is no OCR.
    unread: Vec<usize>,
}

/// Reads every page.
pub(super) fn read(
    pdf: &PdfDocument,
    count: usize,
    context: Context<'_>,
    furniture: &mut Furniture,
) -> Result<Pages> {
    let mut texts = Vec::new();
    let mut missing = Missing::default();
    let mut scanner = Scanner::new(context);
    for page in 0..count {
        let spans = match pdf.extract_spans(page) {
            Ok(spans) => spans,
            Err(error) => {
                tracing::debug!(page = page + 1, %error, "a PDF page could not be read");
                missing.failed.push(page + 1);
                texts.push(PageText::Lines(Vec::new()));
                continue;
            }
        };
        let sheet = Sheet::of(pdf, page);
        let (text, turned) = text_layer(pdf, (page, sheet.as_ref()), &spans, furniture);
        let blank = matches!(&text, PageText::Lines(lines) if lines.is_empty());
        let garbled = is_garbled(&spans);
        let text = if blank || garbled {
            // Only running heads may be there; what is garbled is read again.
            let held: &[TextSpan] = if garbled { &[] } else { &spans };
            match scanner.page(pdf, page, &Layer::of(sheet.as_ref(), held))? {
                Some(lines) => PageText::Lines(lines),
                None => {
                    missing.empty.extend(blank.then_some(page + 1));
                    text
                }
            }
        } else if let Some(sheet) = &sheet {
            let layer = Layer::of(Some(sheet), &spans);
            with_lines(text, scanner.pictures(pdf, page, (sheet, &layer))?)
        } else {
            text
        };
        texts.push(if garbled { text } else { with_lines(text, turned) });
    }
    missing.read = scanner.read;
    missing.left_out = scanner.left_out;
    missing.unread = scanner.unread;
    Ok(Pages { texts, missing })
}

/// The words of a page's pictures, and those that run up or down the page, follow its text as
/// columns of their own.
fn with_lines(text: PageText, more: Vec<Line>) -> PageText {
    match text {
        PageText::Lines(mut lines) => {
            let after = lines.iter().map(|line| line.column + 1).max().unwrap_or(0);
            lines.extend(more.into_iter().map(|line| Line { column: line.column + after, ..line }));
            PageText::Lines(lines)
        }
        PageText::Ready(mut text) => {
            for line in more {
                text.push_str("\n\n");
                text.push_str(&line.text);
            }
            PageText::Ready(text)
        }
    }
}

/// A page's text, and the lines that run up or down it.
fn text_layer(
    pdf: &PdfDocument,
    (page, sheet): (usize, Option<&Sheet>),
    spans: &[TextSpan],
    furniture: &mut Furniture,
) -> (PageText, Vec<Line>) {
    let (mut all, mut turned, mut leftward) = (0, 0, 0);
    for span in spans {
        let chars = span.text.chars().filter(|c| !c.is_whitespace()).count();
        all += chars;
        if span.rotation_degrees != 0.0 || span.wmode != 0 {
            turned += chars;
        } else {
            leftward += span.text.chars().filter(|&c| bidi::is_right_to_left(c)).count();
        }
    }
    let (running, body): (Vec<&TextSpan>, Vec<&TextSpan>) =
        spans.iter().partition(|span| is_furniture(span));
    let run = |span: &TextSpan| run(span, sheet);
    if turned * 5 <= all && leftward * 5 > all {
        let places: Vec<Rect> = running.iter().map(|span| span.page_bbox()).collect();
        if let Some((heads, lines)) = bidi::lines(pdf, (page, sheet), &places, all - turned) {
            heads.iter().for_each(|line| furniture.name(page, &line.text));
            return (PageText::Lines(lines), turned::lines(&body, &run));
        }
    }
    if (turned + leftward) * 5 > all
        && let Ok(text) = pdf.extract_text(page)
    {
        return (PageText::Ready(text), Vec::new());
    }
    let lines = |spans: &[&TextSpan]| {
        let level = spans.iter().copied().filter(|span| span.rotation_degrees == 0.0);
        let level: Vec<&TextSpan> = level.collect();
        let grids = Grids::of(pdf, page, &level);
        let (runs, cuts) = grids.runs(&level, &run);
        let (tables, runs) = grids.fill(runs, &cuts);
        columns::lines_and_tables(runs, &cuts, tables)
    };
    let turned = |spans: &[&TextSpan]| turned::lines(spans, &run);
    for line in lines(&running).iter().chain(&turned(&running)) {
        furniture.name(page, &line.text);
    }
    (PageText::Lines(lines(&body)), turned(&body))
}

/// Whether the text layer does not say which characters it shows.
fn is_garbled(spans: &[TextSpan]) -> bool {
    let (mut all, mut unknown) = (0, 0);
    for c in spans.iter().flat_map(|span| span.text.chars()).filter(|c| !c.is_whitespace()) {
        all += 1;
        unknown += usize::from(matches!(c, '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\0'..='\u{1f}'));
    }
    unknown * 3 > all
}

/// Whether the file calls a span a running one. The extractor's own guesses, which have other
/// subtypes, take lines that differ in digits for the same.
fn is_furniture(span: &TextSpan) -> bool {
    use PaginationSubtype::{Footer, Header, Watermark};
    matches!(span.artifact_type, Some(ArtifactType::Pagination(Header | Footer | Watermark)))
}

fn run(span: &TextSpan, sheet: Option<&Sheet>) -> Option<Run> {
    let text = lines::readable(&span.text);
    let place = [span.bbox.x, span.bbox.y, span.bbox.width, span.font_size];
    if text.is_empty() || place.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let name = span.font_name.to_ascii_lowercase();
    let (x0, x1) = ink(span);
    Some(Run {
        text,
        x0,
        x1,
        y: span.bbox.y,
        size: span.font_size.abs().clamp(1.0, 400.0),
        bold: span.font_weight.is_bold() || name.contains("bold") || name.contains("cmbx"),
        mono: span.is_monospace,
        place: sheet.and_then(|sheet| sheet.span(span)),
    })
}

/// From where to where a span has ink, in points: white space at its ends would close the gap
/// between columns.
fn ink(span: &TextSpan) -> (f32, f32) {
    let (x0, x1) = (span.bbox.x, span.bbox.x + span.bbox.width.max(0.0));
    let chars = span.text.chars().count();
    let before = span.text.chars().take_while(|c| c.is_whitespace()).count();
    let after = span.text.chars().rev().take_while(|c| c.is_whitespace()).count();
    if before + after == 0 || before == chars {
        return (x0, x1);
    }
    let last = chars - after - 1;
    let known = span.char_x_offsets.len() == chars && span.char_widths.len() >= chars;
    let (from, to) = match (span.char_x_offsets.get(before), span.char_x_offsets.get(last)) {
        (Some(from), Some(to)) if known => (*from, to + span.char_widths.get(last).unwrap_or(&0.0)),
        _ => {
            let width = (x1 - x0) / chars as f32;
            (x0 + width * before as f32, x1 - width * after as f32)
        }
    };
    let (from, to) = (if before == 0 { x0 } else { from.max(x0) }, to.min(x1));
    if from <= to { (from, to) } else { (x0, x1) }
}

impl Missing {
    /// The document with notes on what is missing, or why there is none.
    pub(super) fn report(self, name: &str, count: usize, mut builder: Builder) -> Result<Document> {
        if builder.text().trim().is_empty() {
            if count > 0 && self.failed.len() == count {
                return Err(invalid_file(format!(
                    "'{name}' is a damaged PDF: none of its {count} pages can be read"
                )));
            }
            if !self.empty.is_empty() {
                return Err(invalid_file(format!(
                    "'{name}': its pages have no text layer (they are pictures); {}",
                    picture::REMEDY
                )));
            }
        }
        if !self.empty.is_empty() {
            let pages = list(&self.empty);
            builder.note(format!("pages without a text layer: {pages}; {}", picture::REMEDY));
        }
        if !self.unread.is_empty() {
            let pages = list(&self.unread);
            builder.note(format!(
                "pages that are pictures, of which only the text over them was read: {pages}; {}",
                picture::REMEDY
            ));
        }
        if !self.read.is_empty() {
            let pages = list(&self.read);
            builder.note(format!("read from pictures (OCR), and may hold errors: pages {pages}"));
        }
        if !self.left_out.is_empty() {
            let pages = list(&self.left_out);
            builder.note(format!(
                "pictures not read because there are too many: pages {pages}; split the file"
            ));
        }
        if !self.failed.is_empty() {
            builder.note(format!("pages that could not be read: {}", list(&self.failed)));
        }
        Ok(builder.finish())
    }
}

fn list(pages: &[usize]) -> String {
    let named: Vec<String> = pages.iter().take(PAGES_NAMED).map(usize::to_string).collect();
    let named = named.join(", ");
    match pages.len().saturating_sub(PAGES_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_at_the_ends_of_a_span_has_no_ink() {
        let span = |text: &str| TextSpan {
            text: text.to_owned(),
            bbox: Rect::new(100.0, 500.0, 60.0, 10.0),
            ..TextSpan::default()
        };
        assert_eq!(ink(&span("plain words!")), (100.0, 160.0));
        assert_eq!(ink(&span("  ten signs ")), (110.0, 155.0));
        assert_eq!(ink(&span("   ")), (100.0, 160.0));
        let known = TextSpan {
            char_x_offsets: vec![100.0, 103.0, 130.0, 157.0],
            char_widths: vec![3.0, 27.0, 27.0, 3.0],
            ..span(" ab ")
        };
        assert_eq!(ink(&known), (103.0, 157.0));
    }
}
