//! Tables of XML documents: those of HTML (`tr`, `td`), of CALS (`row`, `entry`) and of TEI (`row`,
//! `cell`).

use std::collections::HashMap;

use crate::html::Grid;
use crate::write::Flow;
use crate::xml::Attributes;

/// Columns that a cell may span.
const COLUMNS_MAX: usize = 1_000;
/// Empty cells that the spans of one table may ask for.
const EMPTY_CELLS_MAX: usize = 200_000;
/// Rows are filled up with empty cells to the width of the widest, up to this one.
const PADDED_MAX: usize = 64;

#[derive(Debug)]
struct Cell {
    text: String,
    columns: usize,
    rows: usize,
}

/// A table in the making.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Groups of rows that have their columns together.
    groups: Vec<Vec<Vec<Cell>>>,
    row: Option<Vec<Cell>>,
    /// Whether the present row's last cell is open.
    in_cell: bool,
    /// Tables within cells around the present text.
    inner: usize,
    /// Numbers of the columns that the file names, and of the last one.
    names: HashMap<String, usize>,
    column: usize,
}

impl Table {
    /// The text of the present cell.
    pub(super) fn cell(&mut self) -> Option<&mut String> {
        let cell = self.row.as_mut().filter(|_| self.in_cell)?.last_mut()?;
        Some(&mut cell.text)
    }

    pub(super) fn is_outermost(&self) -> bool {
        self.inner == 0
    }

    /// A start tag within the table; false when it is not one of a table.
    pub(super) fn open(&mut self, name: &str, attributes: &Attributes) -> bool {
        match name {
            "table" => {
                self.inner += 1;
                self.space();
            }
            _ if self.inner > 0 => return self.space_at(name),
            "tgroup" | "thead" | "tbody" | "tfoot" => self.open_group(name),
            "colspec" => {
                let number = attributes.find("colnum").and_then(|number| number.parse().ok());
                self.column = number.unwrap_or(self.column + 1).min(COLUMNS_MAX);
                if let Some(name) = attributes.find("colname") {
                    self.names.insert(name.to_owned(), self.column);
                }
            }
            "col" | "colgroup" | "spanspec" => {}
            "tr" | "row" => {
                // A row within a row (`entrytbl`) goes below it.
                self.end_row();
                self.row = Some(Vec::new());
            }
            "td" | "th" | "entry" | "cell" => {
                let cell = self.new_cell(attributes);
                self.row.get_or_insert_default().push(cell);
                self.in_cell = true;
            }
            _ => return false,
        }
        true
    }

    /// An end tag within the table; false when it is not one of a table.
    pub(super) fn close(&mut self, name: &str) -> bool {
        match name {
            "table" => {
                self.inner = self.inner.saturating_sub(1);
                self.space();
            }
            _ if self.inner > 0 => return self.space_at(name),
            "tr" | "row" => self.end_row(),
            "td" | "th" | "entry" | "cell" => self.in_cell = false,
            "tgroup" | "thead" | "tbody" | "tfoot" | "colspec" | "col" | "colgroup"
            | "spanspec" => {}
            _ => return false,
        }
        true
    }

    fn end_row(&mut self) {
        self.in_cell = false;
        let Some(row) = self.row.take() else { return };
        match self.groups.last_mut() {
            Some(group) => group.push(row),
            None => self.groups.push(vec![row]),
        }
    }

    /// Rows of CALS have their columns by `tgroup`; of HTML in all parts of the table.
    fn open_group(&mut self, name: &str) {
        if name == "tgroup" {
            self.groups.push(Vec::new());
            self.names.clear();
            self.column = 0;
        }
    }

    fn new_cell(&self, attributes: &Attributes) -> Cell {
        let number = |name: &str| attributes.find(name).and_then(|text| text.trim().parse().ok());
        let named = |name: &str| attributes.find(name).and_then(|name| self.names.get(name));
        let spanned = named("namest").zip(named("nameend"));
        let spanned = spanned.map(|(first, last)| last.saturating_sub(*first) + 1);
        let columns = spanned.or_else(|| number("colspan")).or_else(|| number("cols"));
        let columns = columns.unwrap_or(1).clamp(1, COLUMNS_MAX);
        let below = number("morerows").map(|more: usize| more.saturating_add(1));
        let rows = below.or_else(|| number("rowspan")).or_else(|| number("rows")).unwrap_or(1);
        Cell { text: String::new(), columns, rows }
    }

    fn space(&mut self) {
        if let Some(cell) = self.cell() {
            cell.push(' ');
        }
    }

    fn space_at(&mut self, name: &str) -> bool {
        let own = matches!(
            name,
            "tr" | "row" | "td" | "th" | "entry" | "cell" | "tgroup" | "tbody" | "thead"
        );
        if own {
            self.space();
        }
        own
    }

    /// Writes the rows, without the columns that are empty throughout. Whether cells were left out
    /// for the spans to be bounded.
    pub(super) fn write(mut self, flow: &mut Flow) -> bool {
        self.end_row();
        let mut left = EMPTY_CELLS_MAX;
        for group in self.groups {
            let rows: Vec<Vec<String>> = placed(group, &mut left);
            let width = rows.iter().map(Vec::len).max().unwrap_or_default();
            let filled = |column: &usize| {
                rows.iter().any(|row| row.get(*column).is_some_and(|text| !text.trim().is_empty()))
            };
            let columns: Vec<usize> = (0..width).filter(filled).collect();
            for row in &rows {
                flow.open_row();
                let end = row.len().max(PADDED_MAX);
                for column in columns.iter().take_while(|column| **column < end) {
                    flow.text(row.get(*column).map_or("", String::as_str));
                    flow.close_cell();
                }
                flow.close_row();
            }
        }
        left == 0
    }
}

/// The texts of all cells at their places; a cell that spans others has the first of them.
fn placed(rows: Vec<Vec<Cell>>, left: &mut usize) -> Vec<Vec<String>> {
    let mut grid = Grid::default();
    let mut empty = |row: &mut Vec<String>, count: usize| {
        let count = count.min(*left);
        *left -= count;
        row.extend(std::iter::repeat_n(String::new(), count));
    };
    let mut written = Vec::with_capacity(rows.len());
    for cells in rows {
        let mut row = Vec::with_capacity(cells.len());
        grid.open_row(cells.len());
        for cell in cells {
            empty(&mut row, grid.open_cell());
            row.push(cell.text);
            let rows = u32::try_from(cell.rows).unwrap_or(u32::MAX);
            empty(&mut row, grid.close_cell(cell.columns, rows));
        }
        empty(&mut row, grid.close_row());
        written.push(row);
    }
    written
}
