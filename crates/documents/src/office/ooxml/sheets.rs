//! Workbooks, row by row: a sheet is a page, each of its rows a row of a table, all of them of
//! the width of the sheet. Columns that no row fills are left out. A sheet of running text in
//! single cells is paragraphs.

use std::collections::HashSet;

use office_oxide::xls::{CellValue as OldValue, Sheet, XlsDocument};
use office_oxide::xlsx::cell::Cell;
use office_oxide::xlsx::{CellRef, CellValue, Worksheet, XlsxDocument};

use super::blocks::picture;
use super::charts;
use crate::parse::Context;
use crate::write::{Builder, Flow};

/// Bytes of text that the cells of a workbook may have; a shared text counts in every cell.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// Rows are filled up with empty cells to the width of their sheet, up to this one.
const PADDED_MAX: usize = 64;
/// What an empty cell costs: the bytes between two cells.
const CELL_BYTES: usize = 3;
/// A sheet of paragraphs has a cell of more chars than this.
const PROSE_CHARS: usize = 20;

/// Writes a workbook of today's.
pub(super) fn xlsx(book: &XlsxDocument, context: Context<'_>, mut builder: Builder) -> Builder {
    super::note(&losses(book), &mut builder);
    let mut writer = Writer::new(builder, context, TEXT_BYTES_MAX);
    let dates = book.date_style_indices();
    for sheet in &book.worksheets {
        writer.worksheet(book, sheet, &dates);
    }
    let pivots: Vec<_> = book.worksheets.iter().flat_map(|sheet| &sheet.pivot_tables).collect();
    writer.charts(&book.chart_text);
    for pivot in pivots {
        let Some(data) = &pivot.cache_data else { continue };
        writer.page(&format!("{} (source of a pivot table)", pivot.name));
        let mut rows = std::iter::once(&data.fields).chain(&data.records);
        if !rows.all(|row| writer.row(row.clone())) || data.truncated {
            let name = &pivot.name;
            let note =
                format!("'{name}': not all rows of the source of this pivot table were read");
            writer.flow.builder.note(note);
        }
    }
    writer.finish()
}

/// Writes a workbook of Excel 97 to 2003.
pub(super) fn xls(book: &XlsDocument, context: Context<'_>, mut builder: Builder) -> Builder {
    super::note(book.notices(), &mut builder);
    let mut writer = Writer::new(builder, context, TEXT_BYTES_MAX);
    for sheet in &book.sheets {
        writer.old_sheet(sheet);
    }
    for image in book.images() {
        picture(&mut writer.flow, context, None, Some(&image.data[..]));
    }
    writer.charts(book.chart_text());
    writer.finish()
}

/// The parts that could not be read.
fn losses(book: &XlsxDocument) -> Vec<String> {
    let unread = book.unreadable_sheets.iter().chain(&book.unreadable_parts);
    let mut losses: Vec<String> = unread.map(|(part, why)| format!("{part}: {why}")).collect();
    let more = book.unreadable_sheets_omitted + book.unreadable_parts_omitted;
    losses.extend((more > 0).then(|| format!("{more} further parts")));
    for sheet in &book.worksheets {
        let name = &sheet.name;
        losses.extend(sheet.damage.as_ref().map(|why| format!("the rest of '{name}': {why}")));
        if sheet.comments_truncated {
            losses.push(format!("some comments in '{name}'"));
        }
    }
    losses
}

struct Writer<'a> {
    flow: Flow,
    context: Context<'a>,
    pages: u32,
    /// Heads and feet already written.
    furniture: HashSet<String>,
    /// Bytes of text that further cells may have.
    left: usize,
}

impl<'a> Writer<'a> {
    fn new(builder: Builder, context: Context<'a>, left: usize) -> Self {
        let (flow, furniture) = (Flow::new(builder), HashSet::new());
        Self { flow, context, pages: 0, furniture, left }
    }

    fn page(&mut self, name: &str) {
        self.flow.close();
        self.pages += 1;
        self.flow.builder.page(self.pages);
        self.flow.text(name);
        self.flow.close_heading(2);
    }

    fn paragraph(&mut self, text: &str) {
        self.flow.close();
        self.flow.text(text);
        self.flow.close();
    }

    fn furniture<'t>(&mut self, texts: impl IntoIterator<Item = &'t Option<String>>) {
        for text in texts.into_iter().flatten() {
            if self.furniture.insert(text.clone()) {
                self.paragraph(text);
            }
        }
    }

    fn worksheet(&mut self, book: &XlsxDocument, sheet: &Worksheet, dates: &HashSet<u32>) {
        self.page(&sheet.name);
        let furniture = sheet.header_footer.active(&sheet.name);
        let (heads, feet) = furniture.split_at(3);
        self.furniture(heads);
        for text in &sheet.chart_text {
            self.chart(text);
        }
        for shape in sheet.text_shapes.iter() {
            shape.text.lines().for_each(|line| self.paragraph(line));
        }
        for image in sheet.images.iter().chain(&sheet.cell_images) {
            picture(&mut self.flow, self.context, image.alt_text.as_deref(), Some(&image.data[..]));
        }
        let mut shape = Shape::default();
        for row in &sheet.rows {
            shape
                .add(row.cells.iter().map(|cell| (cell.reference.col as usize, chars(book, cell))));
        }
        let places = shape.places();
        for row in &sheet.rows {
            let mut cells = Vec::new();
            for cell in &row.cells {
                let Some(place) = places.of(cell.reference.col as usize) else { continue };
                let mut text = String::new();
                book.write_cell_value_fast(cell, &mut text, dates);
                put(&mut cells, place, text);
            }
            if !self.grid_row(&places, cells) {
                self.spent(&sheet.name, row.index);
                break;
            }
        }
        for comment in sheet.comments.iter() {
            self.comment(&comment.cell_ref, comment.author.as_deref(), &comment.text);
        }
        self.furniture(feet);
    }

    fn old_sheet(&mut self, sheet: &Sheet) {
        self.page(&sheet.name);
        for text in &sheet.chart_text {
            self.chart(text);
        }
        let mut shape = Shape::default();
        for row in &sheet.rows {
            shape.add(row.iter().map(old_chars).enumerate());
        }
        let places = shape.places();
        for (at, row) in sheet.rows.iter().enumerate() {
            let mut cells = Vec::new();
            for column in 0..row.len() {
                let text = sheet.display_text(at, column);
                if let Some((place, text)) = places.of(column).zip(text) {
                    put(&mut cells, place, text.into_owned());
                }
            }
            if !self.grid_row(&places, cells) {
                self.spent(&sheet.name, u32::try_from(at + 1).unwrap_or(u32::MAX));
                break;
            }
        }
        for comment in &sheet.comments {
            let cell = CellRef { col: u32::from(comment.col), row: u32::from(comment.row) };
            self.comment(&cell.to_string(), comment.author.as_deref(), &comment.text);
        }
    }

    /// Writes a row of a sheet's cells; false when that is more than may be read.
    fn grid_row(&mut self, places: &Places, mut cells: Vec<String>) -> bool {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return true;
        }
        if places.prose {
            cells.retain(|cell| !cell.trim().is_empty());
            cells = vec![cells.join(" ")];
        } else if cells.len() < places.width {
            cells.resize(cells.len().max(places.width.min(PADDED_MAX)), String::new());
        }
        self.row(cells)
    }

    fn row(&mut self, cells: Vec<String>) -> bool {
        let size_bytes = cells.iter().map(|cell| cell.len() + CELL_BYTES).sum::<usize>();
        let Some(left) = self.left.checked_sub(size_bytes) else {
            self.left = 0;
            return false;
        };
        self.left = left;
        self.flow.open_row();
        for cell in cells {
            self.flow.text(&cell);
            self.flow.close_cell();
        }
        self.flow.close_row();
        true
    }

    /// Says that rows from this one on were not read.
    fn spent(&mut self, sheet: &str, row: u32) {
        self.flow.builder.note(format!(
            "'{sheet}': its rows from row {row} on were not read, as the cells of the workbook \
             hold more than {} MiB of text; split it into smaller files",
            TEXT_BYTES_MAX >> 20
        ));
    }

    fn comment(&mut self, cell: &str, author: Option<&str>, text: &str) {
        let by = author.map(|author| format!(" by {author}")).unwrap_or_default();
        self.paragraph(&format!("[Comment{by} on {cell}] {text}"));
    }

    fn charts(&mut self, texts: &[String]) {
        if texts.is_empty() {
            return;
        }
        self.page("Charts");
        for (at, text) in texts.iter().enumerate() {
            self.flow.text(&format!("Chart {}", at + 1));
            self.flow.close_heading(3);
            self.chart(text);
        }
    }

    fn chart(&mut self, text: &str) {
        charts::write(&text.lines().collect::<Vec<_>>(), &mut self.flow);
    }

    fn finish(mut self) -> Builder {
        self.flow.close();
        self.flow.finish()
    }
}

/// Puts a cell into its place in a row; of two in one place the first stays.
fn put(cells: &mut Vec<String>, place: usize, text: String) {
    if cells.len() <= place {
        cells.resize(place + 1, String::new());
    }
    if let Some(cell) = cells.get_mut(place).filter(|cell| cell.is_empty()) {
        *cell = text;
    }
}

/// How many chars a cell shows, if it is text; else 1, or 0 for an empty one.
fn chars(book: &XlsxDocument, cell: &Cell) -> usize {
    let shown = |text: &str| text.trim().chars().count();
    match &cell.value {
        CellValue::Empty => cell.formula().map_or(0, shown),
        CellValue::String(text) => shown(text),
        CellValue::SharedString(at) => book.shared_strings.get(*at).map_or(0, shown),
        _ => 1,
    }
}

fn old_chars(value: &OldValue) -> usize {
    match value {
        OldValue::Empty => 0,
        OldValue::String(text) => text.trim().chars().count(),
        _ => 1,
    }
}

/// How a sheet's cells are filled.
#[derive(Debug, Default)]
struct Shape {
    /// Of each column, whether any row fills it.
    filled: Vec<bool>,
    rows: usize,
    /// Rows that fill one cell.
    single: usize,
    /// Whether a cell holds a text of some length.
    long: bool,
}

impl Shape {
    /// Adds a row: the column of each cell, and the chars in it.
    fn add(&mut self, cells: impl Iterator<Item = (usize, usize)>) {
        let mut filled = 0;
        for (column, chars) in cells.filter(|&(_, chars)| chars > 0) {
            if self.filled.len() <= column {
                self.filled.resize(column + 1, false);
            }
            if let Some(column) = self.filled.get_mut(column) {
                *column = true;
            }
            filled += 1;
            self.long |= chars > PROSE_CHARS;
        }
        self.rows += usize::from(filled > 0);
        self.single += usize::from(filled == 1);
    }

    fn places(&self) -> Places {
        let mut width = 0;
        let place = |&filled: &bool| {
            width += usize::from(filled);
            filled.then(|| width - 1)
        };
        let of = self.filled.iter().map(place).collect();
        let prose = self.long && self.rows >= 3 && self.single * 5 >= self.rows * 4;
        Places { of, width, prose }
    }
}

/// Where the columns of a sheet stand in its rows.
#[derive(Debug)]
struct Places {
    of: Vec<Option<usize>>,
    width: usize,
    prose: bool,
}

impl Places {
    fn of(&self, column: usize) -> Option<usize> {
        self.of.get(column).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{BlockKind, Document};
    use crate::parse::ParseOptions;

    fn sheet(rows: &[&[&str]]) -> Sheet {
        let value = |text: &&str| match (text.is_empty(), text.parse()) {
            (true, _) => OldValue::Empty,
            (_, Ok(number)) => OldValue::Number(number),
            _ => OldValue::String((*text).to_owned()),
        };
        let rows = rows.iter().map(|row| row.iter().map(value).collect()).collect();
        Sheet { name: "S".to_owned(), rows, ..Sheet::default() }
    }

    fn written(sheet: &Sheet, left: usize) -> Document {
        let options = ParseOptions::default();
        let budget = crate::parse::Budget::new(crate::picture::readings::Pictures::new(
            0,
            crate::picture::readings::Readings::default(),
            usize::MAX,
        ));
        let context = Context::new(&options, &budget);
        let mut writer = Writer::new(Builder::new("x"), context, left);
        writer.old_sheet(sheet);
        writer.finish().finish()
    }

    #[test]
    fn rows_have_the_width_of_their_sheet_and_empty_columns_go() {
        let document = written(
            &sheet(&[
                &["", "Prices 2024"],
                &[],
                &["", "Part", "", "Price", "Maker"],
                &["", "Bolt", "", "3.5"],
                &["", "Nut", "", "", "Acme"],
            ]),
            1000,
        );
        assert_eq!(
            document.text,
            "S\n\n| Prices 2024 |  |  |\n| Part | Price | Maker |\n| Bolt | 3.5 |  |\n| Nut |  | Acme |"
        );
        assert!(document.notes.is_empty() && document.pages.len() == 1);
    }

    #[test]
    fn single_cells_with_sentences_are_paragraphs() {
        let text = "A sentence of more than twenty chars.";
        let document = written(&sheet(&[&[text], &["", "Two."], &["Three."]]), 1000);
        assert_eq!(document.text, format!("S\n\n{text}\n\nTwo.\n\nThree."));
        let short = written(&sheet(&[&["a", "b"], &["c"], &["d"]]), 1000);
        assert!(short.blocks.iter().skip(1).all(|block| block.kind == BlockKind::TableRow));
    }

    #[test]
    fn what_is_too_much_is_said_in_a_note_and_not_in_the_text() {
        let row: &[&str] = &["abc", "def"];
        let many = vec![row; 20_000];
        let whole = written(&sheet(&many), TEXT_BYTES_MAX);
        assert_eq!(whole.text.lines().filter(|line| *line == "| abc | def |").count(), 20_000);
        assert!(whole.notes.is_empty());
        let cut = written(&sheet(&many), 30);
        assert_eq!(cut.text, "S\n\n| abc | def |\n| abc | def |");
        assert!(cut.notes[0].starts_with("'S': its rows from row 3 on were not read"));
    }
}
