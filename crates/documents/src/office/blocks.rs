//! The tree that `office_oxide` reads, written as blocks: a slide or a sheet is a
//! page, heads and feet come once.

use office_oxide::ir::{
    DocumentIR, Element, HeaderFooter, Image, InlineContent, List, ListItem, Note, Section, Table,
};

use crate::builder::Builder;
use crate::flow::Flow;
use crate::format::Format;
use crate::parts::Context;
use crate::picture;

/// Elements nested deeper than this are not read.
const DEPTH_MAX: usize = 100;

/// Writes all sections.
pub(super) fn write(
    tree: &DocumentIR,
    format: Format,
    context: Context<'_>,
    builder: Builder,
) -> Builder {
    let paged = matches!(format, Format::Pptx | Format::Ppt | Format::Xlsx | Format::Xls);
    let mut writer = Writer { flow: Flow::new(builder), context, furniture: Vec::new() };
    for (number, section) in tree.sections.iter().enumerate() {
        if paged {
            writer.flow.close();
            writer.flow.builder.page(u32::try_from(number + 1).unwrap_or(u32::MAX));
        }
        writer.furniture(heads(section));
        if paged {
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
    /// Heads and feet already written.
    furniture: Vec<String>,
}

impl Writer<'_> {
    /// The name of a sheet or slide, unless its own first heading says the same.
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
        for part in parts.into_iter().flatten() {
            let text: String = part.content.iter().map(flat).collect::<Vec<_>>().join(" ");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if !text.is_empty() && !self.furniture.contains(&text) {
                self.furniture.push(text);
                self.elements(&part.content, 0);
            }
        }
    }

    fn elements(&mut self, elements: &[Element], depth: usize) {
        if depth > DEPTH_MAX {
            self.flow.builder.note("parts nested very deeply were not read");
            return;
        }
        for element in elements {
            self.element(element, depth);
        }
    }

    fn element(&mut self, element: &Element, depth: usize) {
        match element {
            Element::Heading(heading) => {
                self.flow.close();
                self.inline(&heading.content);
                self.flow.close_heading(heading.level);
            }
            Element::Paragraph(paragraph) => {
                self.flow.close();
                self.inline(&paragraph.content);
                self.flow.close();
            }
            Element::Table(table) => self.table(table, depth),
            Element::List(list) => self.list(list, depth),
            Element::Image(image) => self.image(image),
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
                for extra in 0..cell.col_span.clamp(1, 64) as usize {
                    if covered.len() <= column + extra {
                        covered.resize(column + extra + 1, 0);
                    }
                    covered[column + extra] = cell.row_span.saturating_sub(1);
                }
                column += cell.col_span.clamp(1, 64) as usize;
            }
            for rows in covered.iter_mut().skip(column) {
                *rows = rows.saturating_sub(1);
            }
            self.flow.close_row();
        }
    }

    fn list(&mut self, list: &List, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let first = list.ordered.then(|| u64::from(list.start_number.unwrap_or(1)));
        self.flow.open_list(first);
        for ListItem { content, nested } in &list.items {
            self.flow.open_item();
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
        }
        self.flow.close_list();
    }

    /// A picture's description, and the words in it where there is OCR.
    fn image(&mut self, image: &Image) {
        if let Some(alt) = &image.alt_text {
            self.flow.text(" ");
            self.flow.text(alt);
            self.flow.text(" ");
        }
        let Some(data) = image.data.as_deref().filter(|_| !image.decorative) else { return };
        for line in picture::words(data, self.context) {
            self.flow.close();
            self.flow.text(&line);
        }
        self.flow.close();
    }
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
