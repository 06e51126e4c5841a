//! OpenDocument files (ODT, ODS, ODP): `content.xml`, and the page styles' heads and feet.

use cairn_kernel::Result;

use crate::builder::Builder;
use crate::document::Document;
use crate::flow::Flow;
use crate::format::Format;
use crate::parts::Context;
use crate::xml::{self, Attributes, Token};
use crate::{archive, encoding, invalid_file};

/// Equal cells in a row are written out up to this number; more are filler.
const REPEATED_CELLS_MAX: usize = 64;
/// Equal rows are written out up to this number.
const REPEATED_ROWS_MAX: usize = 64;
/// Spaces that one mark may stand for.
const SPACES_MAX: usize = 80;

/// Elements whose text no reader sees.
const SKIPPED: [&str; 9] = [
    "text:tracked-changes",
    "office:scripts",
    "office:font-face-decls",
    "text:note-citation",
    "presentation:date-time-decl",
    "text:sequence-decls",
    "office:binary-data",
    "table:content-validations",
    "office:settings",
];

/// Reads an OpenDocument file.
pub(crate) fn read(
    name: &str,
    bytes: &[u8],
    format: Format,
    context: Context<'_>,
) -> Result<Document> {
    let mut archive = archive::open(name, bytes)?;
    let mut file = |path: &str| {
        let bytes = archive::member(&mut archive, path, context)?;
        Some(encoding::decode(&bytes, encoding::xml_encoding(&bytes).as_deref()).text)
    };
    if file("META-INF/manifest.xml").is_some_and(|list| list.contains("encryption-data")) {
        return Err(invalid_file(format!(
            "'{name}' is protected by a password; save it without one and upload it again"
        )));
    }
    let content = file("content.xml").ok_or_else(|| {
        invalid_file(format!(
            "'{name}' is damaged: its content cannot be unpacked; open and save it again"
        ))
    })?;
    let mut builder = Builder::new(format.media_type());
    if let Some(title) = file("meta.xml").as_deref().and_then(title) {
        builder.title(title);
    }
    let (heads, feet) = file("styles.xml").as_deref().map(furniture).unwrap_or_default();
    let mut body = Body::new(builder, format);
    for head in heads {
        body.paragraph(&head);
    }
    let whole = xml::walk(&content, |token| body.token(token));
    body.flow.close();
    body.flow.builder.no_page();
    for foot in feet {
        body.paragraph(&foot);
    }
    if !whole {
        body.flow.builder.note("the file is damaged; what comes before the fault was read");
    }
    Ok(body.flow.finish().finish())
}

fn title(meta: &str) -> Option<String> {
    let (mut title, mut inside) = (String::new(), false);
    xml::walk(meta, |token| match token {
        Token::Open(name, _) => inside = name == "dc:title",
        Token::Close(_) => inside = false,
        Token::Text(text) if inside => title.push_str(text),
        Token::Text(_) => {}
    });
    (!title.trim().is_empty()).then_some(title)
}

/// The heads and the feet of all pages, each once.
fn furniture(styles: &str) -> (Vec<String>, Vec<String>) {
    let (mut heads, mut feet): (Vec<String>, Vec<String>) = Default::default();
    let (mut head, mut text) = (None, String::new());
    xml::walk(styles, |token| match token {
        Token::Open(name, _) => match name {
            "style:header" | "style:header-first" | "style:header-left" => head = Some(true),
            "style:footer" | "style:footer-first" | "style:footer-left" => head = Some(false),
            "text:tab" | "text:s" | "text:line-break" => text.push(' '),
            _ => {}
        },
        Token::Close(name) if name == "text:p" || name == "text:h" => {
            let line = std::mem::take(&mut text).trim().to_owned();
            let list = if head == Some(true) { &mut heads } else { &mut feet };
            if line.chars().any(char::is_alphabetic) && !list.contains(&line) {
                list.push(line);
            }
        }
        Token::Close(name)
            if name.starts_with("style:header") || name.starts_with("style:footer") =>
        {
            head = None;
        }
        Token::Text(part) if head.is_some() => text.push_str(part),
        _ => {}
    });
    (heads, feet)
}

/// One row of a table in the making.
#[derive(Debug, Default)]
struct Row {
    cells: Vec<String>,
    repeated: usize,
}

struct Body {
    flow: Flow,
    format: Format,
    /// Depth within an element whose text is skipped.
    skipped: usize,
    /// The level of the heading being read.
    heading: Option<u8>,
    /// Rows of the tables around the present text, innermost last.
    rows: Vec<Row>,
    /// The text of the present cell, and how many cells have it.
    cell: Option<(String, usize)>,
    /// Footnotes in the present paragraph, written after it.
    notes: Vec<String>,
    note: Option<String>,
    pages: u32,
}

impl Body {
    fn new(builder: Builder, format: Format) -> Self {
        Self {
            flow: Flow::new(builder),
            format,
            skipped: 0,
            heading: None,
            rows: Vec::new(),
            cell: None,
            notes: Vec::new(),
            note: None,
            pages: 0,
        }
    }

    fn paragraph(&mut self, text: &str) {
        self.flow.text(text);
        self.flow.close();
    }

    fn token(&mut self, token: Token<'_>) {
        match token {
            Token::Open(name, _) if self.skipped > 0 || SKIPPED.contains(&name) => {
                self.skipped += 1;
            }
            Token::Close(_) if self.skipped > 0 => self.skipped -= 1,
            Token::Open(name, attributes) => self.open(name, attributes),
            Token::Close(name) => self.close(name),
            // White space between elements is layout of the file, not of the text.
            Token::Text(text) if self.skipped == 0 => self.text(text),
            Token::Text(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        match (&mut self.note, &mut self.cell) {
            (Some(note), _) => note.push_str(text),
            (None, Some((cell, _))) => cell.push_str(text),
            (None, None) => self.flow.text(text),
        }
    }

    fn open(&mut self, name: &str, attributes: &Attributes) {
        match name {
            "text:h" => {
                let level = attributes.count("text:outline-level", 6);
                self.heading = Some(u8::try_from(level).unwrap_or(6));
            }
            "text:s" => self.text(&" ".repeat(attributes.count("text:c", SPACES_MAX))),
            "text:tab" => self.text(" "),
            "text:line-break" if self.cell.is_none() && self.note.is_none() => {
                self.flow.line_break();
            }
            "text:line-break" => self.text(" "),
            "text:list" if self.cell.is_none() => self.flow.open_list(None),
            "text:list-item" if self.cell.is_none() => self.flow.open_item(),
            "text:note" => self.note = Some(String::new()),
            "table:table" if self.format == Format::Ods => self.sheet(attributes),
            "table:table-row" => {
                let repeated = attributes.count("table:number-rows-repeated", REPEATED_ROWS_MAX);
                self.rows.push(Row { cells: Vec::new(), repeated });
            }
            "table:table-cell" | "table:covered-table-cell" if self.rows.len() == 1 => {
                let columns = "table:number-columns-repeated";
                self.cell = Some((String::new(), attributes.count(columns, REPEATED_CELLS_MAX)));
            }
            "draw:page" => self.page(),
            _ => {}
        }
    }

    /// A slide or a sheet begins.
    fn page(&mut self) {
        self.flow.close();
        self.pages += 1;
        self.flow.builder.page(self.pages);
    }

    fn sheet(&mut self, attributes: &Attributes) {
        if self.rows.is_empty() {
            self.page();
        }
        if let Some(name) = attributes.find("table:name") {
            self.flow.text(name);
            self.flow.close_heading(1);
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "text:p" | "text:h" => self.end_paragraph(),
            "text:list" if self.cell.is_none() => self.flow.close_list(),
            "text:list-item" if self.cell.is_none() => self.flow.close(),
            "text:note" => self.notes.extend(self.note.take()),
            "table:table-cell" | "table:covered-table-cell" if self.rows.len() == 1 => {
                if let (Some((text, count)), Some(row)) = (self.cell.take(), self.rows.last_mut()) {
                    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    row.cells.extend(std::iter::repeat_n(text, count));
                }
            }
            "table:table-cell" | "table:covered-table-cell" => self.text(" "),
            "table:table-row" => self.end_row(),
            "svg:title" | "svg:desc" | "draw:frame" => self.text(" "),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let heading = self.heading.take();
        if let Some(note) = &mut self.note {
            note.push(' ');
            return;
        }
        if let Some((cell, _)) = &mut self.cell {
            cell.push(' ');
            return;
        }
        match heading {
            Some(level) => self.flow.close_heading(level),
            None => self.flow.close(),
        }
        for note in std::mem::take(&mut self.notes) {
            self.paragraph(&note);
        }
    }

    fn end_row(&mut self) {
        let Some(mut row) = self.rows.pop() else { return };
        if !self.rows.is_empty() {
            return;
        }
        while row.cells.last().is_some_and(String::is_empty) {
            row.cells.pop();
        }
        if row.cells.iter().all(String::is_empty) {
            return;
        }
        for _ in 0..row.repeated {
            self.flow.open_row();
            for cell in &row.cells {
                self.flow.text(cell);
                self.flow.close_cell();
            }
            self.flow.close_row();
        }
        for note in std::mem::take(&mut self.notes) {
            self.paragraph(&note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(source: &str, format: Format) -> Document {
        let mut body = Body::new(Builder::new("x"), format);
        assert!(xml::walk(source, |token| body.token(token)));
        body.flow.finish().finish()
    }

    #[test]
    fn a_text_keeps_headings_lists_tables_and_notes() {
        let document = body(
            "<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>\
             <text:h text:outline-level='2'>Head</text:h><text:p>One<text:s text:c='2'/>two<text:note><text:note-citation>1</text:note-citation>\
             <text:note-body><text:p>A note.</text:p></text:note-body></text:note>.</text:p>\
             <text:list><text:list-item><text:p>a</text:p><text:list><text:list-item><text:p>b</text:p></text:list-item></text:list></text:list-item></text:list>\
             <table:table><table:table-row><table:table-cell><text:p>K</text:p></table:table-cell><table:table-cell table:number-columns-repeated='2'><text:p>x</text:p><text:p>y</text:p></table:table-cell></table:table-row></table:table></office:text>",
            Format::Odt,
        );
        assert_eq!(document.text, "Head\n\nOne two.\n\nA note.\n\n- a\n  - b\n\n| K | x y | x y |");
        assert_eq!(document.headings[0].level, 2);
    }

    #[test]
    fn sheets_and_slides_are_told_apart_and_filler_goes() {
        let row = "<table:table-row table:number-rows-repeated='1000000'><table:table-cell table:number-columns-repeated='16384'/></table:table-row>";
        let sheet = format!(
            "<a><table:table table:name='S1'><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell><text:p>2</text:p></table:table-cell><table:table-cell table:number-columns-repeated='9999'/></table:table-row>{row}</table:table></a>"
        );
        let sheets = body(&sheet, Format::Ods);
        assert_eq!(sheets.text, "S1\n\n| 1 | 2 |");
        assert_eq!((sheets.pages.len(), sheets.page_at(5)), (1, Some(1)));
        let slides = "<a><draw:page><text:p>one</text:p></draw:page><draw:page><text:p>two</text:p></draw:page></a>";
        let document = body(slides, Format::Odp);
        assert_eq!((document.pages.len(), document.page_at(5)), (2, Some(2)));
    }
}
