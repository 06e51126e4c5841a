//! Rows of a table: values stay under their columns where cells are empty, and the further
//! lines of a cell belong to its row. Rows that are surely no table's stay as they are.

mod corridors;
mod glyphs;
mod loose;
mod parts;
mod ruled;
mod rules;

pub(super) use corridors::{Cuts, split};
pub(super) use ruled::{Grids, with_rows};

use super::lines::{CELL_JOINT, Line, ends_in_page, go_on, join};

/// Rows of several pieces from which on one can speak of columns.
const ROWS_MIN: usize = 3;
/// Tables of fewer columns are left alone: two columns are lists, forms and prose as well.
const COLUMNS_MIN: usize = 3;
/// How many counts of columns are tried, the largest first.
const TRIES: usize = 3;
/// Rows further apart than this, in ems, belong to different tables.
const ROW_GAP_MAX: f32 = 4.0;
/// Lines of one piece that a table goes on after, at most.
const SINGLES_MAX: usize = 3;
/// Rows closer than this, in ems, are parts of a formula.
const ROW_GAP_MIN: f32 = 0.7;
/// A piece takes a column when they share this part of the narrower one.
const SHARE_MIN: f32 = 0.25;
/// A piece beside all columns belongs to the nearest one within so many ems.
const NEAR_MAX: f32 = 2.0;
/// How far a line of a cell may stand out of its column, in ems.
const EDGE: f32 = 0.5;
/// Lines of one cell are at most so many ems apart.
const LINE_GAP_MAX: f32 = 1.6;
/// Lines of one cell are closer than rows, by this part.
const CLOSER: f32 = 0.85;
/// How much sizes of type differ that count as one.
const ALIKE: f32 = 0.09;
/// Signs that may be all there is in a cell: dashes, bullets, ticks, crosses.
const CELL_SIGNS: &str =
    "-\u{2013}\u{2014}\u{2022}\u{2713}\u{2714}\u{2717}\u{2718}\u{d7}%*\u{2026}";

/// The lines of rows of pieces, top first. Rows of a table come with as many cells as it has
/// columns, empty ones too; the first row of another table right after one is marked.
pub(super) fn lines(rows: &[Vec<Line>]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(rows.len());
    let (mut rest, mut parted) = (rows, false);
    while !rest.is_empty() {
        let (reached, _) = rest.split_at(reach(rest).clamp(1, rest.len()));
        let whole = Columns::of(reached);
        let end = parts::first(reached, whole.as_ref()).clamp(1, rest.len());
        let (table, after) = rest.split_at(end);
        let columns = if end < reached.len() { Columns::of(table) } else { whole };
        let from = lines.len();
        match columns {
            Some(columns) => Filling::new(&columns, table).write(&mut lines),
            None => lines.extend(loose::lines(table)),
        }
        if let Some(line) = lines.get_mut(from) {
            line.parted = parted;
        }
        parted = end < reached.len();
        rest = after;
    }
    lines
}

/// From where to where something reaches across the page, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Extent {
    x0: f32,
    x1: f32,
}

impl Extent {
    fn of(piece: &Line) -> Self {
        Self { x0: piece.x0, x1: piece.x1 }
    }

    fn around(self, other: Self) -> Self {
        Self { x0: self.x0.min(other.x0), x1: self.x1.max(other.x1) }
    }

    fn width(self) -> f32 {
        self.x1 - self.x0
    }

    /// The part of the narrower one that both share; negative when they are apart.
    fn shared(self, other: Self) -> f32 {
        let shared = self.x1.min(other.x1) - self.x0.max(other.x0);
        shared / self.width().min(other.width()).max(0.1)
    }
}

/// The columns that a piece takes: the first and the last.
type Taken = (usize, usize);

fn base(row: &[Line]) -> f32 {
    row.first().map_or(0.0, |piece| piece.y)
}

fn size(row: &[Line]) -> f32 {
    row.iter().map(|piece| piece.size).fold(1.0, f32::max)
}

/// How far `below` stands below `above`, in points.
fn fall(above: &[Line], below: &[Line]) -> f32 {
    base(above) - base(below)
}

fn are_alike(a: f32, b: f32) -> bool {
    (a - b).abs() <= ALIKE * a.max(b)
}

/// How many of `rows` may make one table with the first one.
fn reach(rows: &[Vec<Line>]) -> usize {
    if rows.first().is_none_or(|row| row.len() < 2) {
        return 1;
    }
    let (mut last, mut widest, mut end) = (0, rows.first(), 1);
    while let (Some(before), Some(row)) = (rows.get(end - 1), rows.get(end)) {
        let ruled = row.iter().any(|piece| !piece.rows.is_empty());
        if ruled || fall(before, row) > ROW_GAP_MAX * size(row) {
            break;
        }
        if row.len() >= 2 {
            let beside = end == last + 1;
            let since = rows.get(last..=end).unwrap_or_default();
            if !beside && widest.is_none_or(|widest| !resumes(since, widest)) {
                break;
            }
            last = end;
            widest = widest.filter(|widest| widest.len() >= row.len()).or(Some(row));
        } else if end > last + SINGLES_MAX {
            break;
        }
        end += 1;
    }
    end
}

/// Whether the last of `rows` goes on with the table of the first one, past lines of one piece.
fn resumes(rows: &[Vec<Line>], widest: &[Line]) -> bool {
    let Some(row) = rows.last() else { return false };
    let columns: Vec<Extent> = widest.iter().map(Extent::of).collect();
    let over = |(piece, column): (&Line, &Extent)| Extent::of(piece).shared(*column) > 0.0;
    if row.len() == widest.len() && row.iter().zip(&columns).all(over) {
        return true;
    }
    let falls: Vec<f32> = rows
        .windows(2)
        .filter_map(|pair| match pair {
            [above, below] => Some(fall(above, below)),
            _ => None,
        })
        .collect();
    let (Some((last, others)), Some(first)) = (falls.split_last(), falls.first()) else {
        return false;
    };
    // The lines between are those of a cell, or one is a row with a single cell.
    let lines = others.iter().all(|fall| *fall <= LINE_GAP_MAX * size(row));
    let cell = lines && *first <= CLOSER * last;
    let even = falls.len() == 2 && first.max(*last) <= 1.15 * first.min(*last);
    (cell || even) && row.len() <= widest.len() && fit(row, &columns, false).is_some()
}

/// The columns that each piece of a row takes, left to right; none when they do not fit. Where
/// `near` is said, a piece beside all columns goes to the nearest one.
fn fit(row: &[Line], columns: &[Extent], near: bool) -> Option<Vec<Taken>> {
    let mut taken: Vec<Taken> = Vec::with_capacity(row.len());
    for piece in row {
        let found = covered(piece, columns);
        let found = found.or_else(|| nearest(piece, columns).filter(|_| near));
        let (first, last) = found?;
        let first = taken.last().map_or(first, |(before, _)| first.max(before + 1));
        if first > last {
            return None;
        }
        taken.push((first, last));
    }
    Some(taken)
}

fn covered(piece: &Line, columns: &[Extent]) -> Option<Taken> {
    let piece = Extent::of(piece);
    let shares: Vec<f32> = columns.iter().map(|column| piece.shared(*column)).collect();
    let first = shares.iter().position(|share| *share >= SHARE_MIN);
    let last = shares.iter().rposition(|share| *share >= SHARE_MIN);
    first.zip(last).or_else(|| {
        let most = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        most.filter(|(_, share)| **share > 0.0).map(|(at, _)| (at, at))
    })
}

/// The one column that a piece is near to, if it is clear which.
fn nearest(piece: &Line, columns: &[Extent]) -> Option<Taken> {
    let gap = |column: &Extent| (column.x0 - piece.x1).max(piece.x0 - column.x1);
    let mut gaps: Vec<(f32, usize)> = columns.iter().map(gap).zip(0..).collect();
    gaps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (gap, at) = *gaps.first()?;
    let clear = gaps.get(1).is_none_or(|(other, _)| *other >= 1.5 * gap);
    (clear && gap <= NEAR_MAX * piece.size).then_some((at, at))
}

/// The columns of a table.
#[derive(Debug)]
struct Columns {
    /// From where to where its full rows have text.
    cells: Vec<Extent>,
    /// The same of all its rows.
    room: Vec<Extent>,
    /// The usual distance between rows, in points.
    step: f32,
}

impl Columns {
    /// None where it is not clear that there is a table.
    fn of(table: &[Vec<Line>]) -> Option<Self> {
        let rows: Vec<&[Line]> =
            table.iter().filter(|row| row.len() > 1).map(Vec::as_slice).collect();
        if rows.len() < ROWS_MIN || is_formula(table, &rows) || is_form(&rows) || is_contents(&rows)
        {
            return None;
        }
        let mut counts: Vec<usize> = rows.iter().map(|row| row.len()).collect();
        counts.retain(|count| *count >= COLUMNS_MIN);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts.dedup();
        let (cells, room) = counts.iter().take(TRIES).find_map(|count| agreed(&rows, *count))?;
        let mut steps: Vec<f32> = table
            .windows(2)
            .filter_map(|pair| match pair {
                [above, row] if row.len() >= 2 && row.len() * 2 >= cells.len() => {
                    Some(fall(above, row))
                }
                _ => None,
            })
            .collect();
        steps.sort_by(f32::total_cmp);
        let step = *steps.get(steps.len() / 2)?;
        Some(Self { cells, room, step })
    }

    /// The column of each piece, when each lies within one.
    fn within(&self, row: &[Line]) -> Option<Vec<usize>> {
        let taken = fit(row, &self.cells, false)?;
        row.iter()
            .zip(taken)
            .map(|(piece, (first, last))| {
                let room = self.room.get(first)?;
                let edge = EDGE * piece.size;
                let inside = piece.x0 >= room.x0 - edge && piece.x1 <= room.x1 + edge;
                (first == last && inside).then_some(first)
            })
            .collect()
    }
}

/// The columns that the rows with `count` pieces agree on, when the others fit into them: where
/// those rows have text, and where all have.
fn agreed(rows: &[&[Line]], count: usize) -> Option<(Vec<Extent>, Vec<Extent>)> {
    let full: Vec<&[Line]> = rows.iter().copied().filter(|row| row.len() == count).collect();
    let column = |at: usize| {
        full.iter().filter_map(|row| row.get(at)).map(Extent::of).reduce(Extent::around)
    };
    let cells: Vec<Extent> = (0..count).map(column).collect::<Option<_>>()?;
    if cells.windows(2).any(|pair| matches!(pair, [a, b] if a.x1 >= b.x0)) {
        return None;
    }
    let several = full.len() > 1;
    let fits: Vec<Option<Vec<Taken>>> = rows.iter().map(|row| fit(row, &cells, several)).collect();
    let fitting = fits.iter().flatten().count();
    let held = |column: usize| {
        let taken = fits.iter().flatten().flatten();
        taken.filter(|(first, last)| (*first..=*last).contains(&column)).count()
    };
    let sure = if several {
        fitting * 5 >= rows.len() * 4
    } else {
        rows.len() > ROWS_MIN && fitting == rows.len() && (0..count).all(|at| held(at) > 1)
    };
    if !sure {
        return None;
    }
    let mut room = cells.clone();
    for (row, taken) in rows.iter().zip(&fits) {
        for (piece, (first, last)) in row.iter().zip(taken.iter().flatten()) {
            if let Some(room) = room.get_mut(*first).filter(|_| first == last) {
                *room = room.around(Extent::of(piece));
            }
        }
    }
    Some((cells, room))
}

/// Rows that overlap, or many pieces that are only signs.
fn is_formula(table: &[Vec<Line>], rows: &[&[Line]]) -> bool {
    let overlap = |pair: &[Vec<Line>]| match pair {
        [above, below] if above.len() > 1 && below.len() > 1 => {
            fall(above, below) < ROW_GAP_MIN * size(above).max(size(below))
        }
        _ => false,
    };
    let sign =
        |piece: &&Line| !piece.text.chars().any(|c| c.is_alphanumeric() || CELL_SIGNS.contains(c));
    let pieces = || rows.iter().flat_map(|row| row.iter());
    table.windows(2).any(overlap) || pieces().filter(sign).count() * 5 > pieces().count()
}

/// Labels with colons, and what was filled in beside them.
fn is_form(rows: &[&[Line]]) -> bool {
    let labelled = |row: &&&[Line]| row.iter().any(|piece| piece.text.ends_with(':'));
    rows.iter().filter(labelled).count() * 3 >= rows.len()
}

/// Titles, leaders and page numbers.
fn is_contents(rows: &[&[Line]]) -> bool {
    let entry = |row: &&&[Line]| {
        let number = row.last().is_some_and(|last| ends_in_page(&last.text));
        number && row.iter().any(|piece| piece.text.contains('\u{2026}'))
    };
    rows.iter().filter(entry).count() * 3 >= rows.len()
}

/// A row being written, which may have further lines.
struct Open<'t> {
    /// The text of each column.
    cells: Vec<String>,
    /// The last line of each cell that has one.
    ends: Vec<Option<&'t Line>>,
    /// The base line of its last line.
    y: f32,
    size: f32,
    /// Where and how it is set, in the whole.
    line: Line,
}

impl<'t> Open<'t> {
    fn new(row: &'t [Line], columns: impl Iterator<Item = usize>, count: usize) -> Option<Self> {
        let line = join(row)?;
        let (cells, ends) = (vec![String::new(); count], vec![None; count]);
        let mut open = Self { cells, ends, y: base(row), size: size(row), line };
        for (piece, column) in row.iter().zip(columns) {
            open.add(piece, column);
        }
        Some(open)
    }

    /// Adds the next lines of some of its cells.
    fn extend(&mut self, row: &'t [Line], columns: &[usize]) {
        for (piece, column) in row.iter().zip(columns) {
            self.add(piece, *column);
            self.line.surround(piece);
        }
        self.y = base(row);
        self.line.y = self.y;
    }

    fn add(&mut self, piece: &'t Line, column: usize) {
        if let (Some(cell), Some(end)) = (self.cells.get_mut(column), self.ends.get_mut(column)) {
            go_on(cell, &piece.text);
            *end = Some(piece);
        }
    }

    fn end(&self, column: usize) -> Option<&'t Line> {
        self.ends.get(column).copied().flatten()
    }

    fn finish(self) -> Line {
        Line { text: self.cells.join(CELL_JOINT), cells: self.cells.len(), ..self.line }
    }
}

/// The rows of a table, written one after the other.
struct Filling<'t> {
    columns: &'t Columns,
    table: &'t [Vec<Line>],
    /// The row written last, when nothing came between.
    open: Option<Open<'t>>,
}

impl<'t> Filling<'t> {
    fn new(columns: &'t Columns, table: &'t [Vec<Line>]) -> Self {
        Self { columns, table, open: None }
    }

    fn write(mut self, lines: &mut Vec<Line>) {
        let count = self.columns.cells.len();
        for (at, row) in self.table.iter().enumerate() {
            if let Some(columns) = self.further(at, row)
                && let Some(open) = self.open.as_mut()
            {
                open.extend(row, &columns);
                continue;
            }
            let columns: Option<Vec<usize>> = if row.len() > 1 {
                let taken = fit(row, &self.columns.cells, true);
                taken.map(|taken| taken.iter().map(|(first, _)| *first).collect())
            } else {
                self.alone(at, row)
            };
            lines.extend(self.open.take().map(Open::finish));
            self.open = columns.and_then(|columns| Open::new(row, columns.into_iter(), count));
            if self.open.is_none() {
                lines.extend(join(row));
            }
        }
        lines.extend(self.open.take().map(Open::finish));
    }

    /// The columns of a row that might be further lines of the open row's cells.
    fn under(&self, row: &[Line], open: &Open<'t>) -> Option<Vec<usize>> {
        let columns = self.columns.within(row)?;
        let filled = open.ends.iter().flatten().count();
        let below_text = columns.iter().all(|column| open.end(*column).is_some());
        (row.len() < filled && below_text).then_some(columns)
    }

    /// The columns of a row that surely holds further lines of the open row's cells: lines that
    /// are closer than rows are, or, in the middle of a sentence, lines that had to be broken.
    fn further(&self, at: usize, row: &[Line]) -> Option<Vec<usize>> {
        let open = self.open.as_ref()?;
        let columns = self.under(row, open)?;
        let (size, fall_above) = (size(row), open.y - base(row));
        let near = (0.5 * size..=LINE_GAP_MAX * size).contains(&fall_above);
        let pairs: Vec<(&Line, &Line)> = row
            .iter()
            .zip(&columns)
            .filter_map(|(piece, column)| Some((open.end(*column)?, piece)))
            .collect();
        let worded = pairs.iter().all(|(end, piece)| has_letters(end) || has_letters(piece));
        if !near || !worded || !are_alike(size, open.size) {
            return None;
        }
        let fall_below = self.next_row(at, open);
        let sure = if fall_above <= CLOSER * fall_below.unwrap_or(self.columns.step) {
            match pairs.as_slice() {
                [(end, piece)] => has_words(end) || goes_on(end, piece),
                pairs => pairs.iter().all(|(end, piece)| has_words(end) && goes_on(end, piece)),
            }
        } else {
            let broken = |((end, piece), column): (&(&Line, &Line), &usize)| {
                let room = self.columns.room.get(*column);
                piece.text.starts_with(char::is_lowercase)
                    && has_words(end)
                    && room.is_some_and(|room| is_full(end, piece, *room))
            };
            columns.first().is_some_and(|first| *first > 0)
                && fall_below.is_none_or(|below| fall_above <= 1.1 * below)
                && pairs.iter().zip(&columns).all(broken)
        };
        sure.then_some(columns)
    }

    /// How far the next row that is surely one stands below the line before it.
    fn next_row(&self, at: usize, open: &Open<'t>) -> Option<f32> {
        let rest = self.table.get(at..)?;
        rest.windows(2).find_map(|pair| match pair {
            [above, row] if self.under(row, open).is_none() => Some(fall(above, row)),
            _ => None,
        })
    }

    /// The column of a row's only cell, when it stands between rows as one of them.
    fn alone(&self, at: usize, row: &[Line]) -> Option<Vec<usize>> {
        let open = self.open.as_ref()?;
        let next = self.table.get(at + 1).filter(|next| next.len() > 1)?;
        fit(next, &self.columns.cells, true)?;
        let alike = are_alike(size(row), open.size) && are_alike(size(row), size(next));
        let apart = (open.y - base(row)).max(fall(row, next));
        let even = apart <= 1.25 * self.columns.step;
        self.columns.within(row).filter(|_| alike && even)
    }
}

fn has_letters(line: &Line) -> bool {
    line.text.chars().any(char::is_alphabetic)
}

fn has_words(line: &Line) -> bool {
    line.text.split(' ').count() > 1
}

/// Whether `piece` begins as the rest of a sentence or a word.
fn goes_on(end: &Line, piece: &Line) -> bool {
    piece.text.starts_with(|c: char| c.is_lowercase() || c == '(')
        || end.text.ends_with(['-', '\u{2010}', '\u{ad}'])
}

/// Whether the first word of `piece` would not have fitted after `end`.
fn is_full(end: &Line, piece: &Line, room: Extent) -> bool {
    let chars = piece.text.chars().count().max(1) as f32;
    let word = piece.text.split(' ').next().map_or(0, |word| word.chars().count()) as f32;
    let width = Extent::of(piece).width() / chars * (word + 1.0);
    Extent::of(end).width() + width > 0.95 * room.width()
}

#[cfg(test)]
mod tests;
