//! Tables that rules part into cells: whatever stands in a cell belongs to it, however many lines
//! it has and wherever in the cell it stands.

use pdf_oxide::PdfDocument;
use pdf_oxide::layout::{TextChar, TextSpan};

use super::super::lines::{self, CELL_JOINT, Line, Run, go_on};
use super::corridors::Cuts;
use super::glyphs::{self, Place};
use super::rules::{Grid, Rules};
use super::{Columns, Extent, Filling, has_letters};

/// Cells with more lines than this are the columns of a page.
const LINES_MAX: usize = 30;
/// Where more than one of so many lines in cells has several values, those have columns without
/// rules.
const COARSE: usize = 6;
/// At least one of so many cells has text, or the rules are those of a chart.
const EMPTY_MAX: usize = 3;
/// Lines are rows when they have text in this part of the cells that have more than one.
const FULL: f32 = 0.8;
/// Where the middle of a letter is above its base line, in ems.
const MIDDLE: f32 = 0.3;
/// Rows of cells with more lines than this, all together, are none of a table.
const LINES_ALL_MAX: usize = 5_000;
/// Spans times characters looked through to tell where the characters of torn spans are; a page
/// with more is no usual one.
const LOOKED_MAX: usize = 100_000_000;
/// Base lines this near, in ems, are one.
const LEVEL: f32 = 0.5;

/// The grids that a page's rules make, and what is needed to tell what stands in them.
#[derive(Debug, Default)]
pub(in super::super) struct Grids {
    /// Those inside others first.
    grids: Vec<Grid>,
    /// The characters of the page, if a span that reaches over a rule does not say where its are.
    chars: Vec<TextChar>,
}

impl Grids {
    /// Those of a page whose text is `spans`; none of a page with too little text for a table.
    pub(in super::super) fn of(pdf: &PdfDocument, page: usize, spans: &[&TextSpan]) -> Self {
        // The extractor turns text on some pages, but no rules.
        if spans.iter().any(|span| span.page_rotation_applied != 0) || !may_hold_table(spans) {
            return Self::default();
        }
        let paths = pdf.extract_paths(page).unwrap_or_default();
        let mut grids = Rules::of(&paths).grids();
        let area = |grid: &Grid| {
            let reach = |edges: &[f32]| edges.first().zip(edges.last()).map_or(0.0, |(a, b)| b - a);
            (reach(&grid.xs) * reach(&grid.ys)).abs()
        };
        grids.sort_by(|a, b| area(a).total_cmp(&area(b)));
        let mut all = Self { grids, chars: Vec::new() };
        let torn = |span: &&&TextSpan| glyphs::is_torn(span, &|x| all.place(span, x));
        let torn = spans.iter().filter(torn).count();
        if torn > 0 {
            all.chars = pdf.extract_chars(page).unwrap_or_default();
            if torn.saturating_mul(all.chars.len()) > LOOKED_MAX {
                all.chars.clear();
            }
        }
        all
    }

    /// The cell around a point on the line of a span.
    fn place(&self, span: &TextSpan, x: f32) -> Place {
        let middle = span.bbox.y + MIDDLE * glyphs::em(span);
        self.grids.iter().find_map(|grid| grid.cell(x, middle))
    }

    /// The runs of `spans`, which `run` reads, cut where rules part them or gaps are wider than
    /// spaces.
    pub(in super::super) fn runs(
        &self,
        spans: &[&TextSpan],
        run: &dyn Fn(&TextSpan) -> Option<Run>,
    ) -> (Vec<Run>, Cuts) {
        let (mut runs, mut cuts) = (Vec::with_capacity(spans.len()), Cuts::default());
        for span in spans {
            let Some(parts) = self.parts(span) else {
                runs.extend(run(span));
                continue;
            };
            for part in &parts {
                let Some(run) = run(part) else { continue };
                if part.split_boundary_before {
                    cuts.add(&run);
                }
                runs.push(run);
            }
        }
        (runs, cuts)
    }

    /// A span in parts, where rules part its text or gaps are wider than spaces; none where it
    /// is whole.
    fn parts(&self, span: &TextSpan) -> Option<Vec<TextSpan>> {
        let gap = glyphs::may_have_gaps(span);
        let torn = !self.chars.is_empty() && glyphs::is_torn(span, &|x| self.place(span, x));
        if !gap && !torn && self.grids.is_empty() {
            return None;
        }
        glyphs::cut(span, if torn { &self.chars } else { &[] }, &|x| self.place(span, x))
    }

    /// The tables among `runs`, each as a line that stands for its rows, and the other runs.
    pub(in super::super) fn fill(&self, mut runs: Vec<Run>, cuts: &Cuts) -> (Vec<Line>, Vec<Run>) {
        let mut tables = Vec::new();
        for grid in &self.grids {
            let (mut inside, mut outside) = (Vec::new(), Vec::new());
            for run in runs {
                let middle = ((run.x0 + run.x1) / 2.0, run.y + MIDDLE * run.size);
                match grid.cell(middle.0, middle.1) {
                    Some(cell) => inside.push((cell, run)),
                    None => outside.push(run),
                }
            }
            match Table::of(grid, &inside, cuts).and_then(|table| table.write()) {
                Some(table) => tables.push(table),
                None => outside.extend(inside.into_iter().map(|(_, run)| run)),
            }
            runs = outside;
        }
        (tables, runs)
    }
}

/// Whether texts stand beside each other.
fn may_hold_table(spans: &[&TextSpan]) -> bool {
    let mut places: Vec<(i32, f32, f32)> = spans
        .iter()
        .filter(|span| !span.text.trim().is_empty())
        .map(|span| (span.bbox.y.round() as i32, span.bbox.x, span.bbox.x + span.bbox.width))
        .collect();
    places.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let beside = |pair: &[(i32, f32, f32)]| match pair {
        [a, b] => a.0 == b.0 && b.1 - a.2 > 3.0,
        _ => false,
    };
    places.windows(2).any(beside)
}

/// The text of a cell.
struct Cell {
    /// Where it begins.
    row: usize,
    column: usize,
    lines: Vec<Line>,
    /// The same lines in pieces, as far as gaps part them.
    pieces: Vec<Vec<Line>>,
}

/// A grid with the text in its cells.
struct Table<'g> {
    grid: &'g Grid,
    cells: Vec<Cell>,
    /// The columns that have text.
    columns: Vec<usize>,
}

impl<'g> Table<'g> {
    /// `None` where what stands in the grid is no table.
    fn of(grid: &'g Grid, runs: &[((usize, usize), Run)], cuts: &Cuts) -> Option<Self> {
        let mut sorted: Vec<&((usize, usize), Run)> = runs.iter().collect();
        sorted.sort_by_key(|(cell, _)| *cell);
        let cells = sorted.chunk_by(|a, b| a.0 == b.0).filter_map(|runs| {
            let (row, column) = runs.first()?.0;
            let runs = runs.iter().map(|(_, run)| run.clone()).collect();
            let edges = grid.edges_within(row, column);
            let rows = lines::rows(runs).into_iter();
            let rows = rows.map(|row| if edges.is_empty() { cuts.join(row) } else { row });
            let pieces = rows.map(|row| lines::pieces(row, edges));
            let pieces: Vec<Vec<Line>> = pieces.filter(|pieces| !pieces.is_empty()).collect();
            let lines: Vec<Line> = pieces.iter().filter_map(|pieces| one(pieces)).collect();
            (!lines.is_empty()).then_some(Cell { row, column, lines, pieces })
        });
        let cells: Vec<Cell> = cells.collect();
        if is_coarse(grid, &cells) {
            return None;
        }
        let mut columns: Vec<usize> = cells.iter().map(|cell| cell.column).collect();
        columns.sort_unstable();
        columns.dedup();
        if columns.len() < 2 || cells.len() * EMPTY_MAX < grid.count() {
            return None;
        }
        Some(Self { grid, cells, columns })
    }

    /// The line that stands for its rows; none of a single row.
    fn write(&self) -> Option<Line> {
        let mut rows: Vec<Line> = Vec::new();
        for row in 0..self.grid.rows() {
            let cells: Vec<&Cell> = self.cells.iter().filter(|cell| cell.row == row).collect();
            if cells.is_empty() {
                continue;
            }
            if cells.iter().map(|cell| cell.lines.len()).sum::<usize>() > LINES_ALL_MAX {
                return None;
            }
            let spread = cells.iter().any(|cell| is_spread(self.grid, cell));
            let mut lines = levels(&cells, spread);
            if spread {
                lines = lines.iter().map(|line| by_columns(self.grid, line)).collect();
            }
            if spread || self.are_rows(&lines, &cells) {
                let columns = self.extents(&lines)?;
                let mut filled = Vec::with_capacity(lines.len());
                Filling::new(&columns, &lines).write(&mut filled);
                rows.extend(filled.into_iter().map(|line| self.placed(line)));
            } else if cells.iter().any(|cell| cell.lines.len() > LINES_MAX) {
                return None;
            } else {
                rows.extend(self.row(&cells));
            }
        }
        if rows.len() < 2 {
            return None;
        }
        let mut table = rows.first()?.clone();
        rows.iter().skip(1).for_each(|row| table.surround(row));
        let top = self.grid.ys.first()?;
        Some(Line { text: String::new(), cells: 1, y: top - table.size, rows, ..table })
    }

    /// A row that has text in one column only, with its empty cells.
    fn placed(&self, line: Line) -> Line {
        let column = self.grid.column((line.x0 + line.x1) / 2.0);
        let at = self.columns.partition_point(|first| *first <= column).saturating_sub(1);
        let mut texts = vec![String::new(); self.columns.len()];
        match texts.get_mut(at).filter(|_| line.cells == 1) {
            Some(text) => text.clone_from(&line.text),
            None => return line,
        }
        Line { text: texts.join(CELL_JOINT), cells: texts.len(), ..line }
    }

    /// One row of the table.
    fn row(&self, cells: &[&Cell]) -> Option<Line> {
        let mut texts = vec![String::new(); self.columns.len()];
        let mut whole: Option<Line> = None;
        for cell in cells {
            let at = self.columns.binary_search(&cell.column).ok();
            let text = at.and_then(|at| texts.get_mut(at))?;
            for line in &cell.lines {
                go_on(text, &line.text);
                match whole.as_mut() {
                    Some(whole) => {
                        whole.surround(line);
                        whole.y = whole.y.max(line.y);
                    }
                    None => whole = Some(line.clone()),
                }
            }
        }
        Some(Line { text: texts.join(CELL_JOINT), cells: texts.len(), ..whole? })
    }

    /// Whether the lines of a row of cells are rows themselves: most of the cells have text in two
    /// of them or more, and the next word would mostly have fitted where a line ends.
    fn are_rows(&self, lines: &[Vec<Line>], cells: &[&Cell]) -> bool {
        let several = cells.iter().filter(|cell| cell.lines.len() > 1).count();
        let least = (FULL * several as f32).max(2.0);
        let full = lines.iter().filter(|line| line.len() as f32 >= least).count();
        if full < 2 || several * 2 < cells.len() {
            return false;
        }
        let (mut meant, mut all) = (0, 0);
        for cell in cells {
            let right = self.grid.right(cell.row, cell.column);
            for pair in cell.lines.windows(2) {
                let [line, next] = pair else { continue };
                all += 1;
                meant += usize::from(is_meant(line, next, right));
            }
        }
        meant * 5 >= all * 3
    }

    /// The columns for rows that no rules part.
    fn extents(&self, lines: &[Vec<Line>]) -> Option<Columns> {
        let ends = self.columns.iter().skip(1).copied().chain([self.grid.columns()]);
        let cells: Vec<Extent> = self
            .columns
            .iter()
            .zip(ends)
            .map(|(first, end)| {
                Some(Extent { x0: *self.grid.xs.get(*first)?, x1: self.grid.xs.get(end)? - 0.1 })
            })
            .collect::<Option<_>>()?;
        let mut steps: Vec<f32> = lines
            .windows(2)
            .filter_map(|pair| match pair {
                [above, below] => Some(super::fall(above, below)),
                _ => None,
            })
            .collect();
        steps.sort_by(f32::total_cmp);
        let step = steps.get(steps.len() / 2).copied()?;
        Some(Columns { room: cells.clone(), cells, step })
    }
}

/// `lines` with the rows of each table in place of the line that stands for them.
pub(in super::super) fn with_rows(lines: Vec<Line>) -> Vec<Line> {
    let mut all: Vec<Line> = Vec::with_capacity(lines.len());
    for mut line in lines {
        let mut rows = std::mem::take(&mut line.rows);
        if let Some(first) = rows.first_mut() {
            first.parted = all.last().is_some_and(|last| last.cells > 1);
        }
        if rows.is_empty() {
            rows.push(line);
        }
        all.append(&mut rows);
    }
    all
}

/// The pieces of a line in a cell as one.
fn one(pieces: &[Line]) -> Option<Line> {
    let (first, others) = pieces.split_first()?;
    let mut line = first.clone();
    for piece in others {
        line.text.push(' ');
        line.text.push_str(&piece.text);
        line.surround(piece);
    }
    Some(line)
}

/// Whether many lines of cells have several values: the rules part groups of columns only.
fn is_coarse(grid: &Grid, cells: &[Cell]) -> bool {
    let has_several = |line: &&Vec<Line>| {
        let values = line.iter().filter(|piece| piece.text.contains(char::is_alphanumeric));
        values.count() > 1
    };
    let several = |cell: &Cell| {
        let count = cell.pieces.iter().filter(has_several).count();
        if count > 0 && is_spread(grid, cell) { 0 } else { count }
    };
    let all: usize = cells.iter().map(|cell| cell.pieces.len()).sum();
    let several: usize = cells.iter().map(several).sum();
    several > 1 && several * COARSE > all
}

/// Whether a line of a cell over several columns has a piece in each of some.
fn is_spread(grid: &Grid, cell: &Cell) -> bool {
    let column = |piece: &Line| grid.column((piece.x0 + piece.x1) / 2.0);
    let apart = |pair: &[Line]| matches!(pair, [a, b] if column(a) != column(b));
    cell.pieces.iter().any(|line| line.len() > 1 && line.windows(2).all(apart))
}

/// Pieces with those together that stand under one column.
fn by_columns(grid: &Grid, pieces: &[Line]) -> Vec<Line> {
    let column = |piece: &Line| grid.column((piece.x0 + piece.x1) / 2.0);
    pieces.chunk_by(|a, b| column(a) == column(b)).filter_map(one).collect()
}

/// The lines of all cells, those beside each other together; in pieces, where those stand under
/// columns of their own. The only line of a cell that stands between those of others is said of
/// all of them and comes first.
fn levels(cells: &[&Cell], spread: bool) -> Vec<Vec<Line>> {
    let (lone, several): (Vec<&Cell>, Vec<&Cell>) =
        cells.iter().copied().partition(|cell| cell.lines.len() == 1);
    let lines = |cells: Vec<&Cell>| -> Vec<Line> {
        let of = |cell: &Cell| if spread { cell.pieces.concat() } else { cell.lines.clone() };
        cells.into_iter().flat_map(of).collect()
    };
    let base = |level: &Vec<Line>| level.first().map_or(0.0, |line| line.y);
    let mut levels: Vec<Vec<Line>> = Vec::new();
    let several = lines(several).into_iter().map(|line| (line, false));
    let lone = lines(lone).into_iter().map(|line| (line, true));
    for (line, lone) in several.chain(lone) {
        let same =
            levels.iter().position(|level| (base(level) - line.y).abs() <= LEVEL * line.size);
        let below = levels.first().is_some_and(|first| base(first) > line.y);
        let between = lone && below && levels.last().is_some_and(|last| base(last) < line.y);
        match same.or(between.then_some(0)).and_then(|at| levels.get_mut(at)) {
            Some(level) => {
                let y = base(level);
                level.push(Line { y, ..line });
            }
            None => {
                let at = levels.partition_point(|level| base(level) > line.y);
                levels.insert(at, vec![line]);
            }
        }
    }
    for level in &mut levels {
        level.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    }
    levels
}

/// Whether a line ends where it does because its text does: it is a value, or the first word of
/// the next line would have fitted before `right`, where its cell ends.
fn is_meant(line: &Line, next: &Line, right: f32) -> bool {
    if !has_letters(line) && !has_letters(next) {
        return true;
    }
    let chars = next.text.chars().count().max(1) as f32;
    let word = next.text.split(' ').next().map_or(0, |word| word.chars().count()) as f32;
    let width = (next.x1 - next.x0) / chars * (word + 1.0);
    line.x1 + width < right - LEVEL * line.size && !next.text.starts_with(char::is_lowercase)
}

#[cfg(test)]
mod tests;
