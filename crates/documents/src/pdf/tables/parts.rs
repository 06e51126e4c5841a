//! Tables right after each other: where the columns of rows change for good.

use super::super::lines::Line;
use super::{Columns, EDGE, Extent, ROWS_MIN, fall, fit, is_contents, is_formula, size};

/// Rows of several pieces that a part has, at least, unless a gap parts its only row.
const PART_MIN: usize = 2;
/// Places where a part may begin that are tried, those below wide gaps first.
const PLACES_MAX: usize = 48;
/// A gap between tables is this much wider than that between rows.
const WIDER: f32 = 1.4;

/// How many of `rows` come before the columns change for good; all where they do not. `whole` are
/// the columns that all have, if there are any.
pub(super) fn first(rows: &[Vec<Line>], whole: Option<&Columns>) -> usize {
    let several: Vec<&[Line]> = several(rows).collect();
    if several.len() <= ROWS_MIN || is_formula(rows, &several) || is_contents(&several) {
        return rows.len();
    }
    let mut places: Vec<usize> =
        (1..rows.len()).filter(|at| rows.get(*at).is_some_and(|row| row.len() > 1)).collect();
    if let Some(whole) = whole {
        places.retain(|at| is_apart(rows, *at, whole.step));
    }
    places.sort_by(|a, b| gap(rows, *b).total_cmp(&gap(rows, *a)));
    places.truncate(PLACES_MAX);
    let cuts = places.into_iter().filter_map(|at| Cut::of(rows, at));
    let cuts = cuts.filter(|cut| whole.is_none() || cut.surely);
    // Of several that are as good, the one below the widest gap.
    let best = cuts.reduce(|best, cut| if cut.fitting > best.fitting { cut } else { best });
    best.map_or(rows.len(), |cut| cut.at)
}

fn several(rows: &[Vec<Line>]) -> impl Iterator<Item = &[Line]> + Clone {
    rows.iter().map(Vec::as_slice).filter(|row| row.len() > 1)
}

/// How far the row at `at` stands below the one before it, in ems.
fn gap(rows: &[Vec<Line>], at: usize) -> f32 {
    match at.checked_sub(1).and_then(|before| rows.get(before..=at)) {
        Some([above, row]) => fall(above, row) / size(row),
        _ => 0.0,
    }
}

/// Whether a gap or a line of one piece lies above the row at `at`; rows are `step` points apart.
fn is_apart(rows: &[Vec<Line>], at: usize, step: f32) -> bool {
    match at.checked_sub(1).and_then(|before| rows.get(before..=at)) {
        Some([above, row]) => above.len() == 1 || fall(above, row) >= WIDER * step,
        _ => false,
    }
}

/// Rows cut in two, of which one part or both are a table.
struct Cut {
    /// How many rows are above it.
    at: usize,
    /// Whether two tables have columns that have nothing to do with each other.
    surely: bool,
    /// Whether both are tables, and the rows that have all columns of their part, and those that
    /// fit into them.
    fitting: (bool, usize, usize),
}

impl Cut {
    /// `None` where the rows are better left together.
    fn of(rows: &[Vec<Line>], at: usize) -> Option<Self> {
        let (above, below) = rows.split_at_checked(at)?;
        let lone = at == 1 && gap(rows, 1) >= WIDER * gap(rows, 2)
            || at + 1 == rows.len() && gap(rows, at) >= WIDER * gap(rows, at - 1);
        let least = if lone { 1 } else { PART_MIN };
        if several(above).count() < least || several(below).count() < least {
            return None;
        }
        match (Columns::of(above), Columns::of(below)) {
            (Some(first), Some(second)) => {
                let (of_first, of_second) = (held(above, &first), held(below, &second));
                let surely = are_whole(above, &first)
                    && are_whole(below, &second)
                    && are_different(&first, &second, EDGE * size(rows.get(at)?));
                let fitting = (true, of_first.0 + of_second.0, of_first.1 + of_second.1);
                Some(Self { at, surely, fitting })
            }
            (Some(columns), None) => Self::of_one(at, (above, &columns), (below, false)),
            (None, Some(columns)) => Self::of_one(at, (below, &columns), (above, true)),
            (None, None) => None,
        }
    }

    /// A table beside rows that are strangers to its columns: those `above` it or below.
    fn of_one(
        at: usize,
        (table, columns): (&[Vec<Line>], &Columns),
        (others, above): (&[Vec<Line>], bool),
    ) -> Option<Self> {
        let mut strange = several(others).map(|row| !fits(row, columns));
        let all = strange.clone().count();
        let most = strange.clone().filter(|strange| *strange).count() * 5 >= all * 4;
        let next = if above { strange.last() } else { strange.next() };
        let (full, fitting) = held(table, columns);
        (most && next?).then_some(Self { at, surely: false, fitting: (false, full, fitting) })
    }
}

/// How many rows of several pieces have all columns, and how many fit into them.
fn held(rows: &[Vec<Line>], columns: &Columns) -> (usize, usize) {
    let full = several(rows).filter(|row| row.len() == columns.cells.len()).count();
    (full, several(rows).filter(|row| fits(row, columns)).count())
}

fn fits(row: &[Line], columns: &Columns) -> bool {
    let taken = fit(row, &columns.cells, false);
    taken.is_some_and(|taken| taken.iter().all(|(first, last)| first == last))
}

/// Whether all rows of several pieces have all columns.
fn are_whole(rows: &[Vec<Line>], columns: &Columns) -> bool {
    several(rows).all(|row| row.len() == columns.cells.len())
}

/// Whether tables differ in how many columns they have and most of those of the narrower one,
/// past the first, have neither edge nor middle in common with one of the other.
fn are_different(first: &Columns, second: &Columns, near: f32) -> bool {
    let (few, many) = if first.cells.len() < second.cells.len() {
        (&first.cells, &second.cells)
    } else {
        (&second.cells, &first.cells)
    };
    let aligned = |a: &Extent, b: &Extent| {
        let edges = [a.x0 - b.x0, a.x1 - b.x1, (a.x0 + a.x1 - b.x0 - b.x1) / 2.0];
        edges.iter().any(|apart| apart.abs() <= near)
    };
    let alone = |column: &&Extent| !many.iter().any(|other| aligned(column, other));
    few.len() < many.len() && few.iter().skip(1).filter(alone).count() * 2 > few.len() - 1
}
