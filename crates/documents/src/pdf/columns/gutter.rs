//! Corridors between columns of prose, and the rows of a page that they part.
//!
//! A page may have columns in one part only, below a title, between tables or beside a list. So a
//! corridor is told by the rows that it parts: rows one after the other that have nothing across
//! it, and lines of prose on both sides.

use std::cmp::Reverse;
use std::ops::Range;

use super::super::lines::{CLOSE_GAP, Line};

/// Fewer rows say too little about columns.
const ROWS_MIN: usize = 6;
/// How finely the width of a page is searched, in points.
const STEP: f32 = 1.0;
/// Text may reach so many points into a corridor.
const EDGE: f32 = 1.0;
/// A corridor is this many steps wide, at least, where the same rows go across it.
const WIDTH_MIN: usize = 2;
/// Places that are tried, those that the fewest rows go across first.
const PLACES_MAX: usize = 300;
/// Fewer places are tried where so many pieces would be looked at.
const LOOKED_MAX: usize = 6_000_000;
/// Of a hundred rows so many may go across a corridor that is plain.
const ACROSS_MAX: usize = 35;
/// The usual piece of a line of prose has so many characters; shorter ones are cells.
const PROSE_MIN: usize = 20;
/// Columns have so many lines; where most rows of the page go across, so many are asked for.
const LINES_MIN: usize = 4;
const LINES_SURE: usize = 6;
/// And text over this part of their height: cells of a table end at different heights.
const FILLED_MIN: f32 = 0.75;
/// The height of a line with the space to the next one, in ems.
const LEADING: f32 = 1.35;
/// The pieces of a row of a table have fewer characters than this.
const CELL_MAX: usize = 18;
/// A table has so many such rows, with at most so many other rows between two.
const TABLE_MIN: usize = 3;
const TABLE_GAP: usize = 2;
/// Pieces of one row of a table stand this evenly, in ems.
const LEVEL: f32 = 0.1;

/// A corridor between columns of prose.
#[derive(Debug)]
pub(super) struct Gutter {
    /// Its middle.
    pub(super) x: f32,
    /// The rows that it parts.
    bands: Vec<Range<usize>>,
}

impl Gutter {
    /// The corridor that parts most of `rows`, if there is one; the widest of those that part as
    /// many.
    pub(super) fn find(rows: &[Vec<Line>]) -> Option<Self> {
        if rows.len() < ROWS_MIN {
            return None;
        }
        let mut places = places(rows)?;
        places.sort_by_key(|place| (place.across, Reverse(place.width)));
        let mut best: Option<((usize, usize), Self)> = None;
        let pieces: usize = rows.iter().map(Vec::len).sum();
        let tried = (LOOKED_MAX / pieces.max(1)).clamp(8, PLACES_MAX);
        for place in places.iter().take(tried) {
            let most = rows.len().saturating_sub(place.across);
            if best.as_ref().is_some_and(|((parted, _), _)| most < *parted) {
                break;
            }
            let plain = place.across * 100 <= rows.len() * ACROSS_MAX;
            let (parted, gutter) = Self::at(place.x, rows, plain);
            let merit = (parted, place.width);
            if parted > 0 && best.as_ref().is_none_or(|(other, _)| merit > *other) {
                best = Some((merit, gutter));
            }
        }
        best.map(|(_, gutter)| gutter)
    }

    /// The corridor at `x`, and how many rows surely stand in columns beside it.
    fn at(x: f32, rows: &[Vec<Line>], plain: bool) -> (usize, Self) {
        let mut parted = 0;
        let mut bands = Vec::new();
        for band in free(rows, x).into_iter().flat_map(|band| without_tables(rows, band, x)) {
            let held = rows.get(band.clone()).unwrap_or_default();
            match Kind::of(held, x, plain) {
                Kind::Columns => parted += held.len(),
                Kind::Prose if plain => {}
                Kind::Prose | Kind::Other => continue,
            }
            bands.push(band);
        }
        (parted, Self { x, bands })
    }

    /// The rows in reading order: those above the first columns, the left one, the right one, the
    /// rows between them and the next ones, and so on.
    pub(super) fn parts(&self, rows: Vec<Vec<Line>>) -> Vec<Vec<Vec<Line>>> {
        let mut parts = Vec::with_capacity(self.bands.len() * 3 + 1);
        let mut rows = rows.into_iter();
        let mut at = 0;
        for band in &self.bands {
            parts.push(rows.by_ref().take(band.start - at).collect());
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for row in rows.by_ref().take(band.len()) {
                let (before, after): (Vec<_>, Vec<_>) =
                    row.into_iter().partition(|piece| is_left(piece, self.x));
                left.extend((!before.is_empty()).then_some(before));
                right.extend((!after.is_empty()).then_some(after));
            }
            parts.extend([left, right]);
            at = band.end;
        }
        parts.push(rows.collect());
        parts
    }
}

/// A place where a corridor may be.
struct Place {
    /// Its middle.
    x: f32,
    /// In steps.
    width: usize,
    /// How many rows go across it.
    across: usize,
}

/// The places across `rows` where from one end to the other the same rows go across.
fn places(rows: &[Vec<Line>]) -> Option<Vec<Place>> {
    let all = || rows.iter().flatten();
    let left = all().map(|piece| piece.x0).fold(f32::INFINITY, f32::min);
    let right = all().map(|piece| piece.x1).fold(f32::NEG_INFINITY, f32::max);
    let width = right - left;
    if !(60.0..5000.0).contains(&width) {
        return None;
    }
    let steps = (width / STEP) as usize;
    // At each step, how many rows more or fewer go across, and a sum of the signs of those rows.
    let mut changes: Vec<(isize, u64)> = vec![(0, 0); steps + 2];
    for (row, number) in rows.iter().zip(1_u64..) {
        let mut free = 0;
        for piece in row {
            let first = ((piece.x0 + EDGE - left) / STEP).max(0.0) as usize + 1;
            let end = ((piece.x1 - EDGE - left) / STEP).max(0.0) as usize + 1;
            let (first, end) = (first.max(free), end.min(steps + 1));
            if first < end {
                change(&mut changes, first, 1, number);
                change(&mut changes, end, -1, number);
                free = end;
            }
        }
    }
    let mut places: Vec<Place> = Vec::new();
    let (mut across, mut sign, mut last) = (0_isize, 0_u64, None);
    for (step, (more, signs)) in changes.into_iter().enumerate() {
        across += more;
        sign ^= signs;
        if !(steps * 15 / 100..steps * 85 / 100).contains(&step) {
            continue;
        }
        match places.last_mut().filter(|_| last == Some((across, sign))) {
            Some(place) => {
                place.width += 1;
                place.x += STEP / 2.0;
            }
            None => {
                let x = left + step as f32 * STEP;
                places.push(Place { x, width: 1, across: across.unsigned_abs() });
            }
        }
        last = Some((across, sign));
    }
    places.retain(|place| place.width >= WIDTH_MIN && place.across < rows.len());
    Some(places)
}

fn change(changes: &mut [(isize, u64)], at: usize, more: isize, row: u64) {
    if let Some((across, sign)) = changes.get_mut(at) {
        *across += more;
        // Well mixed, so that different rows do not have the same sum.
        let mixed = (row ^ (row >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *sign ^= (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
}

fn crosses(piece: &Line, x: f32) -> bool {
    piece.x0 < x - EDGE && piece.x1 > x + EDGE
}

fn is_left(piece: &Line, x: f32) -> bool {
    piece.x0 + piece.x1 <= 2.0 * x
}

/// Rows one after the other that have nothing across `x`.
fn free(rows: &[Vec<Line>], x: f32) -> Vec<Range<usize>> {
    let mut bands: Vec<Range<usize>> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if row.iter().any(|piece| crosses(piece, x)) {
            continue;
        }
        match bands.last_mut().filter(|band| band.end == at) {
            Some(band) => band.end = at + 1,
            None => bands.push(at..at + 1),
        }
    }
    bands
}

/// What remains of rows without those of tables that have cells on both sides of `x`.
fn without_tables(rows: &[Vec<Line>], band: Range<usize>, x: f32) -> Vec<Range<usize>> {
    let mut tables: Vec<(Range<usize>, usize)> = Vec::new();
    for at in band.clone().filter(|at| rows.get(*at).is_some_and(|row| is_of_table(row, x))) {
        match tables.last_mut().filter(|(table, _)| at <= table.end + TABLE_GAP) {
            Some((table, count)) => (table.end, *count) = (at + 1, *count + 1),
            None => tables.push((at..at + 1, 1)),
        }
    }
    let mut rest = Vec::new();
    let mut start = band.start;
    for (table, _) in tables.into_iter().filter(|(_, count)| *count >= TABLE_MIN) {
        rest.push(start..table.start);
        start = table.end;
    }
    rest.push(start..band.end);
    rest.retain(|part| !part.is_empty());
    rest
}

fn is_of_table(row: &[Line], x: f32) -> bool {
    let short = |left: bool| {
        let side = row.iter().filter(|piece| is_left(piece, x) == left);
        usual(side).is_some_and(|chars| chars < CELL_MAX)
    };
    let Some(first) = row.first() else { return false };
    let level = row.iter().all(|piece| (piece.y - first.y).abs() <= LEVEL * first.size);
    row.len() > 2 && level && short(true) && short(false)
}

/// How many characters the pieces have on average, wide ones counted twice; none where there are
/// no pieces.
fn usual<'l>(pieces: impl Iterator<Item = &'l Line>) -> Option<usize> {
    let width = |c: char| if c > '\u{2e80}' { 2 } else { 1 };
    let (count, chars) = pieces.fold((0_usize, 0_usize), |(count, chars), piece| {
        (count + 1, chars + piece.text.chars().map(width).sum::<usize>())
    });
    chars.checked_div(count)
}

/// What rows with nothing across a corridor hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Surely columns of prose.
    Columns,
    /// Prose on both sides, but too little to be sure.
    Prose,
    /// A table, a list, or text on one side only.
    Other,
}

impl Kind {
    fn of(rows: &[Vec<Line>], x: f32, plain: bool) -> Self {
        let (Some(left), Some(right)) = (Side::of(rows, x, true), Side::of(rows, x, false)) else {
            return Self::Other;
        };
        if left.chars.min(right.chars) < PROSE_MIN {
            return Self::Other;
        }
        let lines = left.lines.min(right.lines);
        let apart = right.x0 - left.x1 >= CLOSE_GAP * left.em().max(right.em());
        let height = left.top.max(right.top) - left.bottom.min(right.bottom);
        let filled = |side: &Side| LEADING * side.sizes >= FILLED_MIN * (height + side.em());
        let sure = plain || lines >= LINES_SURE && filled(&left) && filled(&right);
        if lines >= LINES_MIN && apart && sure { Self::Columns } else { Self::Prose }
    }
}

/// The text on one side of a corridor.
struct Side {
    lines: usize,
    /// How many characters the pieces of a line have, in the median.
    chars: usize,
    /// The sizes of its lines, added up.
    sizes: f32,
    x0: f32,
    x1: f32,
    top: f32,
    bottom: f32,
}

impl Side {
    fn of(rows: &[Vec<Line>], x: f32, left: bool) -> Option<Self> {
        let mut lengths = Vec::with_capacity(rows.len());
        let mut side = Self {
            lines: 0,
            chars: 0,
            sizes: 0.0,
            x0: f32::INFINITY,
            x1: f32::NEG_INFINITY,
            top: f32::NEG_INFINITY,
            bottom: f32::INFINITY,
        };
        for row in rows {
            let pieces = || row.iter().filter(move |piece| is_left(piece, x) == left);
            lengths.extend(usual(pieces()));
            side.sizes += pieces().map(|piece| piece.size).fold(0.0, f32::max);
            for piece in pieces() {
                (side.x0, side.x1) = (side.x0.min(piece.x0), side.x1.max(piece.x1));
                (side.top, side.bottom) = (side.top.max(piece.y), side.bottom.min(piece.y));
            }
        }
        lengths.sort_unstable();
        side.lines = lengths.len();
        side.chars = *lengths.get(lengths.len() / 2)?;
        Some(side)
    }

    /// The usual size of type.
    fn em(&self) -> f32 {
        self.sizes / self.lines.max(1) as f32
    }
}
