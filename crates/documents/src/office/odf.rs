//! OpenDocument files (ODT, ODS, ODP): `content.xml`, and the page styles' heads and feet.

mod comments;
mod lists;
mod objects;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use cairn_kernel::Result;

use crate::document::Document;
use crate::parse::{Context, Format};
use crate::write::{Builder, Flow};
use crate::xml::{self, Attributes, Token};
use crate::{archive, encoding, invalid_file, picture};

use self::comments::Comment;
use self::lists::Lists;
use self::objects::{Chart, Object};

/// Empty cells in a row are written out up to this number; more are filler.
const EMPTY_CELLS_MAX: usize = 64;
/// Columns of a table; no program makes sheets of more.
const COLUMNS_MAX: usize = 16_384;
/// Bytes of text that the tables of a file may have; a repeated cell or row counts each time.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// What a cell and a row cost beside their text, in bytes.
const CELL_BYTES: usize = 3;
const ROW_BYTES: usize = 32;
/// Rows are filled up with empty cells to the width of their table, up to this one.
const PADDED_MAX: usize = 64;
/// Spaces that one mark may stand for.
const SPACES_MAX: usize = 80;

/// Elements whose text no reader sees.
const SKIPPED: [&str; 8] = [
    "text:tracked-changes",
    "office:scripts",
    "office:font-face-decls",
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
    let styles = file("styles.xml").unwrap_or_default();
    let (heads, feet) = furniture(&styles);
    let objects = objects::all(&mut archive, context);
    let mut read: HashMap<String, Vec<String>> = HashMap::new();
    let mut words = |path: &str| {
        if let Some(lines) = read.get(path) {
            return lines.clone();
        }
        let bytes = archive::member(&mut archive, path, context);
        let lines = bytes.map(|bytes| picture::words(&bytes, context)).unwrap_or_default();
        read.insert(path.to_owned(), lines.clone());
        lines
    };
    let mut body = Body::new(builder, format, &mut words);
    body.objects = objects;
    xml::walk(&styles, |token| {
        if let Token::Open(name, attributes) = token {
            body.lists.define(name, attributes);
        }
    });
    for head in heads {
        body.paragraph(&head);
    }
    let whole = xml::walk(&content, |token| body.token(token));
    body.flow.close();
    body.write_beside();
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
    let (mut numbered, mut counted) = (false, false);
    xml::walk(styles, |token| match token {
        Token::Open(name, _) => match name {
            "style:header" | "style:header-first" | "style:header-left" => head = Some(true),
            "style:footer" | "style:footer-first" | "style:footer-left" => head = Some(false),
            "text:tab" | "text:s" | "text:line-break" => text.push(' '),
            "text:page-number" => numbered = true,
            "text:page-count" => counted = true,
            _ => {}
        },
        Token::Close(name) if name == "text:p" || name == "text:h" => {
            let line = std::mem::take(&mut text).trim().to_owned();
            let list = if head == Some(true) { &mut heads } else { &mut feet };
            // 'Page 1' and 'Page 1 of 99' say nothing of the text.
            let words = line.split_whitespace().filter(|word| word.contains(char::is_alphabetic));
            let own = 1 + usize::from(std::mem::take(&mut counted));
            let number = std::mem::take(&mut numbered) && words.count() <= own;
            if !number && line.chars().any(char::is_alphabetic) && !list.contains(&line) {
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
    /// Texts of cells, each with the number of equal cells.
    cells: Vec<(String, usize)>,
    /// How many cells these are.
    width: usize,
    repeated: usize,
}

impl Row {
    /// Adds `count` equal cells; false when their text does not fit into a table's columns.
    fn add(&mut self, text: String, count: usize) -> bool {
        let most = if text.is_empty() { EMPTY_CELLS_MAX } else { COLUMNS_MAX };
        let count = count.min(most);
        let fitting = count.min(COLUMNS_MAX.saturating_sub(self.width));
        let whole = text.is_empty() || fitting == count;
        if fitting > 0 {
            self.cells.push((text, fitting));
            self.width += fitting;
        }
        whole
    }

    /// Takes away the empty cells at its end; false when no other is left.
    fn trim(&mut self) -> bool {
        while let Some((_, count)) = self.cells.pop_if(|(text, _)| text.is_empty()) {
            self.width -= count;
        }
        !self.cells.is_empty()
    }

    /// What it costs to write it once, in bytes.
    fn cost(&self) -> usize {
        let cost = |(text, count): &(String, usize)| {
            text.len().saturating_add(CELL_BYTES).saturating_mul(*count)
        };
        self.cells.iter().map(cost).fold(ROW_BYTES, usize::saturating_add)
    }
}

struct Body<'a> {
    flow: Flow,
    format: Format,
    /// The lines of text in the picture at a path.
    words: &'a mut dyn FnMut(&str) -> Vec<String>,
    lists: Lists,
    /// Depth within an element whose text is skipped.
    skipped: usize,
    /// Paragraphs around the present text.
    paragraphs: usize,
    /// The level of the heading being read, and whether its number is known.
    heading: Option<(u8, bool)>,
    /// Rows of the tables around the present text, innermost last.
    rows: Vec<Row>,
    /// The text of the present cell, and how many cells have it.
    cell: Option<(String, usize)>,
    /// Cells of the widest row of the present table so far.
    width: usize,
    /// The name of the present table, its rows so far, and whether some were left out.
    table: String,
    row: usize,
    cut: bool,
    /// Bytes of text that further rows of tables may have.
    left: usize,
    /// Footnotes, comments and the lines of pictures in the present paragraph or table, written
    /// after it.
    beside: Vec<String>,
    note: Option<String>,
    comment: Option<Comment>,
    /// Whether a picture of the present frame was read; others show the same.
    drawn: bool,
    pages: u32,
    /// The charts and formulas of the file, and the charts to be written beside the text.
    objects: HashMap<String, Object>,
    charts: Vec<Chart>,
    /// Whether the present frame has a slide's title, or its notes without a word yet.
    title: bool,
    notes: bool,
}

impl<'a> Body<'a> {
    fn new(
        builder: Builder,
        format: Format,
        words: &'a mut dyn FnMut(&str) -> Vec<String>,
    ) -> Self {
        Self {
            flow: Flow::new(builder),
            format,
            words,
            lists: Lists::default(),
            skipped: 0,
            paragraphs: 0,
            heading: None,
            rows: Vec::new(),
            cell: None,
            width: 0,
            table: String::new(),
            row: 0,
            cut: false,
            left: TEXT_BYTES_MAX,
            beside: Vec::new(),
            note: None,
            comment: None,
            drawn: false,
            pages: 0,
            objects: HashMap::new(),
            charts: Vec::new(),
            title: false,
            notes: false,
        }
    }

    fn paragraph(&mut self, text: &str) {
        self.flow.text(text);
        self.flow.close();
    }

    /// Writes what belongs beside the text that has ended.
    fn write_beside(&mut self) {
        for text in std::mem::take(&mut self.beside) {
            self.paragraph(&text);
        }
        for Chart { titles, rows } in std::mem::take(&mut self.charts) {
            titles.iter().for_each(|title| self.paragraph(title));
            for row in rows {
                self.flow.open_row();
                for cell in row {
                    self.flow.text(&cell);
                    self.flow.close_cell();
                }
                self.flow.close_row();
            }
        }
    }

    fn token(&mut self, token: Token<'_>) {
        if self.comment.is_some() {
            return self.comment_token(token);
        }
        match token {
            Token::Open(name, _) if self.skipped > 0 || SKIPPED.contains(&name) => {
                self.skipped += 1;
            }
            Token::Close(_) if self.skipped > 0 => self.skipped -= 1,
            Token::Open("office:annotation", _) => self.comment = Some(Comment::default()),
            Token::Open(name, attributes) => self.open(name, attributes),
            Token::Close(name) => self.close(name),
            // White space between elements is layout of the file, not of the text.
            Token::Text(text) if self.skipped == 0 => self.text(text),
            Token::Text(_) => {}
        }
    }

    fn comment_token(&mut self, token: Token<'_>) {
        if let Token::Close("office:annotation") = token {
            let comment = self.comment.take();
            self.beside.extend(comment.and_then(Comment::written));
        } else if let Some(comment) = &mut self.comment {
            comment.token(token);
        }
    }

    fn text(&mut self, text: &str) {
        if self.notes && !text.trim().is_empty() {
            self.notes = false;
            self.paragraph("Notes:");
        }
        match (&mut self.note, &mut self.cell) {
            (Some(note), _) => note.push_str(text),
            (None, Some((cell, _))) => cell.push_str(text),
            (None, None) => self.flow.text(text),
        }
    }

    /// Whether the present text goes into blocks of its own, not into a cell or a footnote.
    fn is_running(&self) -> bool {
        self.cell.is_none() && self.note.is_none()
    }

    fn open(&mut self, name: &str, attributes: &Attributes) {
        match name {
            "text:p" => {
                self.paragraphs += 1;
                self.item();
            }
            "text:h" => {
                self.paragraphs += 1;
                self.start_heading(attributes);
            }
            // What a program has counted; we count ourselves where the styles say how.
            "text:number" if self.heading.is_none_or(|(_, known)| known) => self.skipped = 1,
            "text:s" => self.text(&" ".repeat(attributes.count("text:c", SPACES_MAX))),
            "text:tab" => self.text(" "),
            "text:line-break" if self.is_running() => self.flow.line_break(),
            "text:line-break" => self.text(" "),
            "text:list" => {
                if self.is_running() {
                    self.flow.open_list(None);
                }
                self.lists.open(attributes);
            }
            "text:list-item" => {
                if self.is_running() {
                    self.flow.close();
                }
                self.lists.item(attributes);
            }
            "text:note" => self.note = Some(String::new()),
            "table:table" => self.table(attributes),
            "table:table-row" => {
                let repeated = attributes.count("table:number-rows-repeated", usize::MAX);
                self.rows.push(Row { repeated, ..Row::default() });
            }
            "table:table-cell" | "table:covered-table-cell" if self.rows.len() == 1 => {
                let columns = "table:number-columns-repeated";
                self.cell = Some((String::new(), attributes.count(columns, COLUMNS_MAX)));
            }
            "table:table-column" if self.rows.is_empty() && self.format != Format::Ods => {
                self.width += attributes.count("table:number-columns-repeated", PADDED_MAX);
            }
            "draw:frame" => {
                let class = attributes.find("presentation:class");
                (self.drawn, self.title) = (false, class == Some("title"));
                self.notes = class == Some("notes");
            }
            "draw:object" => self.object(attributes),
            "draw:image" => self.image(attributes),
            "draw:page" => self.page(),
            _ => self.lists.define(name, attributes),
        }
    }

    /// The first paragraph of a list item has its marker.
    fn item(&mut self) {
        if self.note.is_some() {
            return;
        }
        let Some(marker) = self.lists.marker() else { return };
        match &mut self.cell {
            None => self.flow.open_marked((!marker.is_empty()).then_some(marker)),
            Some((cell, _)) if marker != lists::BULLET => {
                cell.push_str(&marker);
                cell.push(' ');
            }
            Some(_) => {}
        }
    }

    fn start_heading(&mut self, attributes: &Attributes) {
        let level = attributes.count("text:outline-level", 6);
        let listed = self.lists.marker().filter(|marker| marker != lists::BULLET);
        let number = listed.or_else(|| self.lists.heading(attributes, level));
        self.heading = Some((u8::try_from(level).unwrap_or(6), number.is_some()));
        if let Some(number) = number {
            self.text(&format!("{number} "));
        }
    }

    /// Reads the picture of a frame.
    fn image(&mut self, attributes: &Attributes) {
        let path = attributes.find("xlink:href").filter(|path| !path.contains("://"));
        let Some(path) = path.filter(|_| !self.drawn) else { return };
        let lines = (self.words)(path.strip_prefix("./").unwrap_or(path));
        self.drawn = !lines.is_empty();
        if self.is_running() {
            self.beside.extend(lines);
        } else {
            self.text(&format!(" {} ", lines.join(" ")));
        }
    }

    /// A chart stands after its paragraph, a formula in it; the frame has a picture of it, too.
    fn object(&mut self, attributes: &Attributes) {
        let path = attributes.find("xlink:href").unwrap_or_default();
        // Each is shown once, so that a file does not grow by naming it over and over.
        let found = self.objects.remove(path.strip_prefix("./").unwrap_or(path));
        self.drawn |= found.is_some();
        match found {
            Some(Object::Chart(chart)) => self.charts.push(chart),
            Some(Object::Formula(formula)) => self.text(&format!(" {formula} ")),
            None => {}
        }
    }

    /// A slide or a sheet begins.
    fn page(&mut self) {
        self.flow.close();
        self.write_beside();
        self.pages += 1;
        self.flow.builder.page(self.pages);
    }

    fn table(&mut self, attributes: &Attributes) {
        let outermost = self.rows.is_empty();
        if outermost {
            (self.width, self.row, self.cut) = (0, 0, false);
            self.table = attributes.find("table:name").unwrap_or("a table").to_owned();
        }
        if self.format != Format::Ods {
            return;
        }
        if outermost {
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
            "text:number" => self.text(" "),
            "text:list" => {
                if self.is_running() {
                    self.flow.close_list();
                }
                self.lists.close();
            }
            "text:list-item" if self.is_running() => self.flow.close(),
            "text:note-citation" => self.cite(),
            "text:note" => self.beside.extend(self.note.take()),
            "table:table-cell" | "table:covered-table-cell" if self.rows.len() == 1 => {
                if let (Some((text, count)), Some(row)) = (self.cell.take(), self.rows.last_mut()) {
                    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    if !row.add(text, count) {
                        self.flow.builder.note(format!(
                            "'{}': cells beyond {COLUMNS_MAX} columns were not read",
                            self.table
                        ));
                    }
                }
            }
            "table:table-cell" | "table:covered-table-cell" => self.text(" "),
            "table:table-row" => self.end_row(),
            // What stands between rows would part the table.
            "table:table" if self.rows.is_empty() => self.write_beside(),
            "draw:frame" => {
                (self.title, self.notes) = (false, false);
                self.text(" ");
                if self.paragraphs == 0 && self.is_running() {
                    self.flow.close();
                    self.write_beside();
                }
            }
            "svg:title" | "svg:desc" => self.text(" "),
            _ => {}
        }
    }

    /// Writes the mark of a note, which was read, in the text and before the note.
    fn cite(&mut self) {
        let Some(mark) = self.note.take() else { return };
        let mark = mark.trim();
        let mark = if mark.is_empty() { String::new() } else { format!("[{mark}]") };
        self.text(&mark);
        self.note = Some(format!("{mark} "));
    }

    fn end_paragraph(&mut self) {
        self.paragraphs = self.paragraphs.saturating_sub(1);
        if let Some(note) = &mut self.note {
            note.push(' ');
            return;
        }
        let heading = self.heading.take();
        if let Some((cell, _)) = &mut self.cell {
            cell.push(' ');
            return;
        }
        match heading {
            Some((level, _)) => self.flow.close_heading(level),
            None if self.title && self.is_running() => self.flow.close_heading(2),
            None => self.flow.close(),
        }
        self.write_beside();
    }

    fn end_row(&mut self) {
        let Some(mut row) = self.rows.pop() else { return };
        if !self.rows.is_empty() {
            return;
        }
        let first = self.row.saturating_add(1);
        self.row = self.row.saturating_add(row.repeated);
        if !row.trim() {
            return;
        }
        // All rows are as wide as the widest before them.
        self.width = self.width.max(row.width);
        let missing = self.width.min(PADDED_MAX).saturating_sub(row.width);
        row.add(String::new(), missing);
        let cost = row.cost();
        for number in first..=self.row {
            let Some(left) = self.left.checked_sub(cost) else { return self.spent(number) };
            self.left = left;
            self.flow.open_row();
            for (cell, count) in &row.cells {
                for _ in 0..*count {
                    self.flow.text(cell);
                    self.flow.close_cell();
                }
            }
            self.flow.close_row();
        }
    }

    /// Says, once of a table, that rows from this one on were not read.
    fn spent(&mut self, row: usize) {
        self.left = 0;
        if std::mem::replace(&mut self.cut, true) {
            return;
        }
        self.flow.builder.note(format!(
            "'{}': its rows from row {row} on were not read, as the tables of the file hold more \
             than {} MiB of text; split it into smaller files",
            self.table,
            TEXT_BYTES_MAX >> 20
        ));
    }
}
