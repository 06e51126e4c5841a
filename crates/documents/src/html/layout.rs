//! Tables that only place things. Mails and old pages stand their columns, cards and margins in
//! tables; the cells of these are read as blocks, one after the other, and a row of words and
//! numbers among them as a row. What mails say of their tables (`role=presentation`) they say of
//! those with data as well, so the content decides.

use std::rc::Rc;

use markup5ever_rcdom::{Node, NodeData};

use super::left_out;
use super::opened::{Opened, letters};
use super::{attribute, is_block, name_of};

/// A cell of words and numbers has at most so many chars without white space, and lines.
const SHORT_CHARS: usize = 200;
const SHORT_LINES: usize = 3;
/// A number, a price or a date is a cell of at most so many chars with a digit.
const VALUE_CHARS: usize = 24;
/// A cell that has most of its table's text, and more chars than this, is a page in a frame.
const PAGE_CHARS: usize = 2_000;
/// Nodes looked at in one table, to bound the time that nested ones take.
const NODES_MAX: usize = 20_000;

/// What stands in a cell.
#[derive(Debug, Default)]
struct Cell {
    header: bool,
    heading: bool,
    /// Chars without white space.
    chars: usize,
    lines: usize,
    blocks: usize,
    digit: bool,
    /// Whether the present line and block have text.
    in_line: bool,
    in_block: bool,
    /// Line breaks since the last text.
    breaks: usize,
}

impl Cell {
    /// Reads the cell `root`, without recursion; `left` counts the nodes that may be looked at.
    fn read(root: &Rc<Node>, opened: &Opened, left: &mut usize) -> Self {
        let mut cell = Self { header: name_of(root) == "th", ..Self::default() };
        // Nothing stands for the end of a block.
        let mut open = vec![Some(Rc::clone(root))];
        while let Some(next) = open.pop() {
            let Some(node) = next else {
                cell.end_block();
                continue;
            };
            let Some(rest) = left.checked_sub(1) else { break };
            *left = rest;
            match &node.data {
                NodeData::Text { contents } => cell.text(&contents.borrow()),
                NodeData::Element { .. } => {
                    let name = name_of(&node);
                    if left_out::is_skipped(name) || left_out::is_hidden(&node, opened) {
                        continue;
                    }
                    match name {
                        "br" => cell.line_break(),
                        "img" => cell.text(&attribute(&node, "alt").unwrap_or_default()),
                        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => cell.heading = true,
                        _ => {}
                    }
                    if parts(name) {
                        cell.end_block();
                        open.push(None);
                    }
                }
                _ => {}
            }
            open.extend(node.children.borrow().iter().rev().cloned().map(Some));
        }
        cell.end_block();
        cell
    }

    /// As [`Cell::read`], with nodes of its own to look at.
    fn alone(root: &Rc<Node>, opened: &Opened) -> Self {
        let mut left = NODES_MAX;
        Self::read(root, opened, &mut left)
    }

    fn text(&mut self, text: &str) {
        let count = letters(text);
        if count > 0 {
            self.chars += count;
            self.breaks = 0;
            self.digit |= text.contains(|c: char| c.is_ascii_digit());
            (self.in_line, self.in_block) = (true, true);
        }
    }

    /// Two line breaks are an empty line, which parts paragraphs.
    fn line_break(&mut self) {
        self.end_line();
        self.breaks += 1;
        if self.breaks == 2 {
            self.end_block();
        }
    }

    fn end_line(&mut self) {
        self.lines += usize::from(std::mem::take(&mut self.in_line));
    }

    fn end_block(&mut self) {
        self.end_line();
        self.blocks += usize::from(std::mem::take(&mut self.in_block));
    }

    fn is_filled(&self) -> bool {
        self.chars > 0
    }

    /// Whether it is but a few words, in a line or two.
    fn is_brief(&self) -> bool {
        !self.heading && self.chars <= SHORT_CHARS && self.lines <= SHORT_LINES
    }

    fn is_value(&self) -> bool {
        !self.is_rich() && self.digit && self.chars <= VALUE_CHARS
    }

    /// Whether it is more than one paragraph.
    fn is_rich(&self) -> bool {
        self.heading || self.blocks > 1
    }

    fn is_short(&self) -> bool {
        !self.is_rich() && self.is_brief()
    }

    /// Whether it is more than a value that happens to be a list or a small table.
    fn is_heavy(&self) -> bool {
        self.is_rich() && (self.heading || self.chars > SHORT_CHARS)
    }
}

/// Whether an element ends the paragraph before it and begins one.
fn parts(name: &str) -> bool {
    is_block(name)
        || matches!(name, "ul" | "ol" | "menu" | "li" | "tr" | "td" | "th" | "pre" | "button")
        || matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

/// What was seen of a table. A wide row has text in several cells.
#[derive(Debug, Default)]
struct Shape {
    wide: usize,
    /// Wide rows whose cells are all rich.
    all_rich: usize,
    /// Cells with text in wide rows, and those of them that are rich and heavy.
    filled: usize,
    rich: usize,
    heavy: usize,
    heavy_chars: usize,
    /// Whether some cell of a wide row is not short.
    long: bool,
    /// Whether some cell of a wide row is the name of its column or row.
    headed: bool,
    /// Chars in the fullest cell of the wide rows.
    largest: usize,
    /// Chars of rich cells that have a row for themselves, and whether one has a heading.
    alone_chars: usize,
    alone_heading: bool,
    chars: usize,
}

impl Shape {
    fn of(table: &Rc<Node>, opened: &Opened) -> Self {
        let (mut shape, mut left) = (Self::default(), NODES_MAX);
        for row in rows(table) {
            if left == 0 {
                break;
            }
            shape.row(&filled(&row, opened, &mut left));
        }
        shape
    }

    /// Adds the cells of a row that have text.
    fn row(&mut self, cells: &[Cell]) {
        self.chars += cells.iter().map(|cell| cell.chars).sum::<usize>();
        let rich = cells.iter().filter(|cell| cell.is_rich()).count();
        if cells.len() < 2 {
            for cell in cells.iter().filter(|cell| cell.is_rich()) {
                self.alone_chars += cell.chars;
                self.alone_heading |= cell.heading;
            }
            return;
        }
        self.wide += 1;
        self.all_rich += usize::from(rich == cells.len());
        self.filled += cells.len();
        self.rich += rich;
        for cell in cells {
            self.heavy += usize::from(cell.is_heavy());
            self.heavy_chars += if cell.is_heavy() { cell.chars } else { 0 };
            self.long |= !cell.is_short();
            self.headed |= cell.header && !cell.is_rich();
            self.largest = self.largest.max(cell.chars);
        }
    }

    fn is_layout(&self, placed: bool, named: bool) -> bool {
        if self.wide == 0 {
            return true;
        }
        if (self.headed || named) && !placed {
            return self.rich > 0
                && self.largest > PAGE_CHARS
                && self.largest / 3 > self.chars.saturating_sub(self.largest);
        }
        if self.alone_heading || self.alone_chars > self.chars / 2 {
            return true;
        }
        if self.rich == 0 {
            return self.wide == 1 && self.long;
        }
        if self.wide == 1 {
            return true;
        }
        let small = self.heavy == 0 && self.all_rich * 2 <= self.wide;
        let few = self.wide > 2
            && self.heavy * 4 <= self.filled
            && self.heavy_chars * 2 <= self.chars
            && self.all_rich * 2 <= self.wide;
        !small && !few
    }
}

/// Whether a table only places what is in it.
pub(super) fn is_layout(table: &Rc<Node>, opened: &Opened) -> bool {
    let role = attribute(table, "role").unwrap_or_default();
    let named = table
        .children
        .borrow()
        .iter()
        .any(|child| name_of(child) == "caption" && Cell::alone(child, opened).is_filled());
    Shape::of(table, opened).is_layout(matches!(role.as_str(), "presentation" | "none"), named)
}

/// Whether a row of a table that only places things is words and numbers beside each other: a
/// name in two lines is such words if a price or the like stands beside it.
pub(super) fn is_row(row: &Rc<Node>, opened: &Opened) -> bool {
    let mut left = NODES_MAX;
    let cells = filled(row, opened, &mut left);
    let short = cells.iter().all(Cell::is_short);
    let brief = cells.iter().all(Cell::is_brief) && cells.iter().any(Cell::is_value);
    cells.len() > 1 && (short || brief)
}

/// Whether a row of a table with data is one cell across it that is no part of the data: several
/// paragraphs, or a heading above the columns, none of which was met (`first`).
pub(super) fn is_apart(row: &Rc<Node>, first: bool, opened: &Opened) -> bool {
    let cells = cells(row);
    let [only] = cells.as_slice() else { return false };
    let spans = attribute(only, "colspan").is_some_and(|columns| columns.trim() != "1");
    if !spans && !first {
        return false;
    }
    let cell = Cell::alone(only, opened);
    first && cell.heading || cell.blocks > 1
}

/// The rows of a table itself, not those of tables within.
fn rows(table: &Node) -> Vec<Rc<Node>> {
    let mut rows = Vec::new();
    for child in table.children.borrow().iter() {
        match name_of(child) {
            "tr" => rows.push(Rc::clone(child)),
            "thead" | "tbody" | "tfoot" => {
                let children = child.children.borrow();
                rows.extend(children.iter().filter(|node| name_of(node) == "tr").cloned());
            }
            _ => {}
        }
    }
    rows
}

fn cells(row: &Node) -> Vec<Rc<Node>> {
    let children = row.children.borrow();
    children.iter().filter(|node| matches!(name_of(node), "td" | "th")).cloned().collect()
}

/// The cells of a row that have text.
fn filled(row: &Rc<Node>, opened: &Opened, left: &mut usize) -> Vec<Cell> {
    if left_out::is_hidden(row, opened) {
        return Vec::new();
    }
    let read = cells(row).into_iter().map(|cell| Cell::read(&cell, opened, left));
    read.filter(Cell::is_filled).collect()
}
