//! The tree that `office_oxide` reads, written as blocks: a slide or a sheet is a
//! page, heads and feet come once.

use office_oxide::ir::{
    DocumentIR, Element, HeaderFooter, InlineContent, List, ListItem, ListStyle, Note, Section,
    Table, VerticalAlign,
};

use super::charts;
use super::markers::Markers;
use super::numbering::{self, BULLET};
use crate::parse::{Context, Format};
use crate::picture;
use crate::write::{Builder, Flow, Numerals};

/// Elements nested deeper than this are not read.
const DEPTH_MAX: usize = 100;
/// Columns that one cell may span.
const SPAN_MAX: u32 = 64;
/// Lines that tell of one chart.
const CHART_LINES_MAX: usize = 600;
/// Digits of a page's number.
const PAGE_DIGITS_MAX: usize = 4;

/// Writes all sections. The markers are those of the paragraphs of a Word file.
pub(super) fn write(
    tree: &DocumentIR,
    (format, markers): (Format, Markers),
    context: Context<'_>,
    builder: Builder,
) -> Builder {
    let paged = matches!(format, Format::Pptx | Format::Ppt);
    let flow = Flow::new(builder);
    let mut writer = Writer { flow, context, markers, numbers: Vec::new(), furniture: Vec::new() };
    for (number, section) in tree.sections.iter().enumerate() {
        if paged {
            writer.flow.close();
            writer.flow.builder.page(u32::try_from(number + 1).unwrap_or(u32::MAX));
        }
        writer.furniture(heads(section));
        // The reader names those of old that have no title.
        let made_up = format!("Slide {}", number + 1);
        if paged && !(format == Format::Ppt && section.title.as_ref() == Some(&made_up)) {
            writer.title(section);
        }
        writer.elements(&section.elements, 0);
        if let Some(notes) = section.speaker_notes.as_ref().filter(|notes| !notes.is_empty()) {
            writer.flow.close();
            writer.flow.text("Notes:");
            writer.flow.close();
            writer.elements(notes, 0);
        }
        writer.furniture(feet(section));
    }
    writer.flow.close();
    writer.flow.finish()
}

fn heads(section: &Section) -> [Option<&HeaderFooter>; 3] {
    [section.first_page_header.as_ref(), section.header.as_ref(), section.even_page_header.as_ref()]
}

fn feet(section: &Section) -> [Option<&HeaderFooter>; 3] {
    [section.first_page_footer.as_ref(), section.footer.as_ref(), section.even_page_footer.as_ref()]
}

struct Writer<'a> {
    flow: Flow,
    context: Context<'a>,
    markers: Markers,
    /// The number of the present item of each list around it, outermost first.
    numbers: Vec<(u32, Numerals)>,
    /// Heads and feet already written.
    furniture: Vec<String>,
}

impl Writer<'_> {
    /// The name of a slide, unless its own first heading says the same.
    fn title(&mut self, section: &Section) {
        let Some(title) = section.title.as_deref().filter(|title| !title.trim().is_empty()) else {
            return;
        };
        let repeated = section.elements.iter().any(
            |element| matches!(element, Element::Heading(heading) if plain(&heading.content).trim() == title.trim()),
        );
        if !repeated {
            self.flow.close();
            self.flow.text(title);
            self.flow.close_heading(2);
        }
    }

    fn furniture(&mut self, parts: [Option<&HeaderFooter>; 3]) {
        // They are not among the paragraphs that have been counted.
        let markers = std::mem::take(&mut self.markers);
        for part in parts.into_iter().flatten() {
            let text: String = part.content.iter().map(flat).collect::<Vec<_>>().join(" ");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let number = text.len() <= PAGE_DIGITS_MAX && text.bytes().all(|c| c.is_ascii_digit());
            if !number && !self.furniture.contains(&text) {
                self.furniture.push(text);
                self.elements(&part.content, 0);
            }
        }
        self.markers = markers;
    }

    fn elements(&mut self, elements: &[Element], depth: usize) {
        if depth > DEPTH_MAX {
            self.flow.builder.note("parts nested very deeply were not read");
            return;
        }
        let mut at = 0;
        while let Some(element) = elements.get(at) {
            let taken = self.chart(elements.get(at..).unwrap_or_default());
            if taken == 0 {
                self.element(element, depth);
            }
            at += taken.max(1);
        }
    }

    /// Writes the data of a chart that starts here; how many elements it has.
    fn chart(&mut self, elements: &[Element]) -> usize {
        let line = |element: &Element| match element {
            Element::Paragraph(paragraph) => Some(said(&paragraph.content)),
            _ => None,
        };
        if !elements.first().and_then(line).is_some_and(|line| line.starts_with(charts::CATEGORIES))
        {
            return 0;
        }
        let lines: Vec<String> = elements.iter().take(CHART_LINES_MAX).map_while(line).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (rows, taken) = charts::table(&lines);
        charts::write_rows(rows, &mut self.flow);
        taken
    }

    fn element(&mut self, element: &Element, depth: usize) {
        match element {
            Element::Heading(heading) => {
                self.flow.close();
                let marker = self.markers.next(&said(&heading.content));
                if let Some(marker) = marker.filter(|marker| marker != BULLET) {
                    self.flow.text(&format!("{marker} "));
                }
                self.inline(&heading.content);
                self.flow.close_heading(heading.level);
            }
            Element::Paragraph(paragraph) => {
                self.flow.close();
                self.markers.next(&said(&paragraph.content));
                self.inline(&paragraph.content);
                self.flow.close();
            }
            Element::Table(table) => self.table(table, depth),
            Element::List(list) => self.list(list, depth),
            Element::Image(image) => {
                let data = image.data.as_deref().filter(|_| !image.decorative);
                picture(&mut self.flow, self.context, image.alt_text.as_deref(), data);
            }
            Element::TextBox(shape) => {
                self.flow.close();
                self.elements(&shape.content, depth + 1);
                self.flow.close();
            }
            Element::Footnote(note) | Element::Endnote(note) => self.note(note, depth),
            Element::CodeBlock(code) => self.flow.code(&code.content),
            Element::PageBreak | Element::ColumnBreak | Element::ThematicBreak => self.flow.close(),
            _ => {}
        }
    }

    fn inline(&mut self, content: &[InlineContent]) {
        for piece in content {
            match piece {
                InlineContent::Text(span)
                    if span.vertical_align == Some(VerticalAlign::Superscript) =>
                {
                    self.flow.raised(&span.text);
                }
                InlineContent::Text(span) => self.flow.text(&span.text),
                InlineContent::LineBreak => self.flow.line_break(),
                InlineContent::FootnoteRef(note) | InlineContent::EndnoteRef(note) => {
                    self.flow.text(&format!("[{}]", note.note_id));
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, note: &Note, depth: usize) {
        self.flow.close();
        match &note.author {
            Some(author) if author.trim().is_empty() => self.flow.text("[Comment] "),
            Some(author) => self.flow.text(&format!("[Comment by {author}] ")),
            None => self.flow.text(&format!("[{}] ", note.id)),
        }
        for element in &note.content {
            match element {
                Element::Paragraph(paragraph) => self.inline(&paragraph.content),
                other => self.element(other, depth + 1),
            }
            self.flow.text(" ");
        }
        self.flow.close();
    }

    fn table(&mut self, table: &Table, depth: usize) {
        // A single cell around a table is a frame.
        if let [row] = table.rows.as_slice()
            && let [cell] = row.cells.as_slice()
            && cell.content.iter().any(|element| matches!(element, Element::Table(_)))
        {
            return self.elements(&cell.content, depth + 1);
        }
        if let Some(caption) = &table.caption {
            self.flow.close();
            self.flow.text(caption);
            self.flow.close();
        }
        let mut covered: Vec<u32> = Vec::new();
        for row in &table.rows {
            self.flow.open_row();
            let mut column = 0;
            for cell in &row.cells {
                while covered.get(column).is_some_and(|&rows| rows > 0) {
                    covered[column] -= 1;
                    column += 1;
                    self.flow.close_cell();
                }
                for element in &cell.content {
                    self.element(element, depth + 1);
                    self.flow.text(" ");
                }
                self.flow.close_cell();
                let columns = cell.col_span.clamp(1, SPAN_MAX) as usize;
                // A row of one cell is a title, not a row.
                let shown = if row.cells.len() > 1 { columns } else { 1 };
                for _ in 1..shown {
                    self.flow.close_cell();
                }
                for extra in 0..columns {
                    if covered.len() <= column + extra {
                        covered.resize(column + extra + 1, 0);
                    }
                    covered[column + extra] = cell.row_span.saturating_sub(1);
                }
                column += columns;
            }
            for rows in covered.iter_mut().skip(column).filter(|rows| **rows > 0) {
                *rows -= 1;
                self.flow.close_cell();
            }
            self.flow.close_row();
        }
    }

    fn list(&mut self, list: &List, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        self.flow.open_list(None);
        let numerals = numerals(list.style.as_ref());
        self.numbers.push((list.start_number.unwrap_or(1), numerals));
        for ListItem { content, nested } in &list.items {
            let text = match content.first() {
                Some(Element::Paragraph(paragraph)) => said(&paragraph.content),
                _ => String::new(),
            };
            let told = self.markers.next(&text);
            if let (Some(level), Some(Element::Paragraph(heading))) =
                (self.markers.heading(), content.first())
            {
                self.flow.close();
                if let Some(marker) = told.filter(|told| !told.is_empty() && told != BULLET) {
                    self.flow.text(&format!("{marker} "));
                }
                self.inline(&heading.content);
                self.flow.close_heading(level);
                for element in content.iter().skip(1) {
                    self.element(element, depth + 1);
                }
                if let Some(nested) = nested {
                    self.list(nested, depth + 1);
                }
                continue;
            }
            let marker = told.unwrap_or_else(|| self.marker(list));
            self.flow.open_marked((!marker.is_empty()).then_some(marker));
            for element in content {
                match element {
                    Element::Paragraph(paragraph) => {
                        self.inline(&paragraph.content);
                        self.flow.line_break();
                    }
                    other => self.element(other, depth + 1),
                }
            }
            self.flow.close();
            if let Some(nested) = nested {
                self.list(nested, depth + 1);
            }
            if let Some((number, _)) = self.numbers.last_mut() {
                *number = number.saturating_add(1);
            }
        }
        self.numbers.pop();
        self.flow.close_list();
    }

    /// The marker of the present item of `list`, as far as the tree tells it.
    fn marker(&self, list: &List) -> String {
        let own = self.numbers.last().filter(|_| list.ordered);
        let Some(own) = own.map(|(number, numerals)| numerals.write(*number)) else {
            return BULLET.to_owned();
        };
        let Some(pattern) = &list.marker_pattern else { return format!("{own}.") };
        let several = pattern.matches('%').count() > 1;
        numbering::filled(pattern, |level| match self.numbers.get(level) {
            Some((number, numerals)) if several => numerals.write(*number),
            _ => own.clone(),
        })
    }
}

/// A picture's description, and the words in it where there is OCR.
pub(super) fn picture(
    flow: &mut Flow,
    context: Context<'_>,
    description: Option<&str>,
    data: Option<&[u8]>,
) {
    if let Some(description) = description {
        flow.text(" ");
        flow.text(description);
        flow.text(" ");
    }
    let Some(data) = data else { return };
    for line in picture::words(data, context) {
        flow.close();
        flow.text(&line);
    }
    flow.close();
}

fn numerals(style: Option<&ListStyle>) -> Numerals {
    match style {
        Some(ListStyle::LowerRoman) => Numerals::LowerRoman,
        Some(ListStyle::UpperRoman) => Numerals::UpperRoman,
        Some(ListStyle::LowerAlpha) => Numerals::LowerLetter,
        Some(ListStyle::UpperAlpha) => Numerals::UpperLetter,
        _ => Numerals::Decimal,
    }
}

/// The text in which a paragraph's marker is looked up.
fn said(content: &[InlineContent]) -> String {
    let texts = content.iter().filter_map(|piece| match piece {
        InlineContent::Text(span) => Some(span.text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn plain(content: &[InlineContent]) -> String {
    office_oxide::ir::inline_to_text(content)
}

/// The words of a head or foot, to tell it from others.
fn flat(element: &Element) -> String {
    match element {
        Element::Heading(heading) => plain(&heading.content),
        Element::Paragraph(paragraph) => plain(&paragraph.content),
        Element::TextBox(shape) => shape.content.iter().map(flat).collect::<Vec<_>>().join(" "),
        Element::Table(table) => table
            .rows
            .iter()
            .flat_map(|row| &row.cells)
            .flat_map(|cell| &cell.content)
            .map(flat)
            .collect::<Vec<_>>()
            .join(" "),
        _ => String::new(),
    }
}
