//! Reading order: columns of prose are read one after the other, rows of a
//! table across.

use super::lines::{Line, Run, close_pieces, pieces, rows};
use super::tables;

/// Columns nest at most this deep (two halves, each of two columns).
const DEPTH_MAX: usize = 3;
/// A corridor between columns is at least this wide, in points.
const GUTTER_MIN: f32 = 7.0;
/// Resolution of the search for corridors, in points.
const BIN: f32 = 2.0;

/// The lines of a page in reading order.
pub(super) fn lines(runs: Vec<Run>) -> Vec<Line> {
    let rows = rows(runs);
    let gutters = close_gutters(&rows);
    let rows = rows.into_iter().map(|row| pieces(row, &gutters));
    let rows: Vec<Vec<Line>> = rows.filter(|row| !row.is_empty()).collect();
    let mut ordered = Vec::new();
    let mut column = 0;
    read(rows, 0, &mut column, &mut ordered);
    ordered
}

/// Corridors between columns of prose that may be closer than cells of a table are: a gap that
/// most lines have at one place is no space.
fn close_gutters(rows: &[Vec<Run>]) -> Vec<f32> {
    let mut found = Vec::new();
    let rows = rows.iter().map(|row| close_pieces(row)).filter(|row| !row.is_empty());
    let mut parts: Vec<(Vec<Vec<Line>>, usize)> = vec![(rows.collect(), 0)];
    while let Some((rows, depth)) = parts.pop() {
        let Some(at) = gutter(&rows).filter(|_| depth < DEPTH_MAX) else { continue };
        found.push(at);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for row in rows {
            if !row.iter().any(|piece| crosses(piece, at)) {
                let (before, after): (Vec<_>, Vec<_>) =
                    row.into_iter().partition(|piece| piece.x1 <= at);
                left.extend((!before.is_empty()).then_some(before));
                right.extend((!after.is_empty()).then_some(after));
            }
        }
        parts.extend([(left, depth + 1), (right, depth + 1)]);
    }
    found
}

fn read(rows: Vec<Vec<Line>>, depth: usize, column: &mut usize, ordered: &mut Vec<Line>) {
    let gutter = if depth < DEPTH_MAX { gutter(&rows) } else { None };
    let Some(gutter) = gutter else { return one_column(&rows, column, ordered) };
    let (mut left, mut right, mut across) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        if row.iter().any(|piece| crosses(piece, gutter)) {
            // Lines across both columns (a title, an abstract, a wide table) end the part above.
            read(std::mem::take(&mut left), depth + 1, column, ordered);
            read(std::mem::take(&mut right), depth + 1, column, ordered);
            across.push(row);
            continue;
        }
        one_column(&std::mem::take(&mut across), column, ordered);
        let (before, after): (Vec<_>, Vec<_>) =
            row.into_iter().partition(|piece| piece.x1 <= gutter);
        left.extend((!before.is_empty()).then_some(before));
        right.extend((!after.is_empty()).then_some(after));
    }
    one_column(&across, column, ordered);
    read(left, depth + 1, column, ordered);
    read(right, depth + 1, column, ordered);
}

fn one_column(rows: &[Vec<Line>], column: &mut usize, ordered: &mut Vec<Line>) {
    if rows.is_empty() {
        return;
    }
    let lines = tables::lines(rows);
    let left = lines.iter().map(|line| line.x0).fold(f32::INFINITY, f32::min);
    let right = lines.iter().map(|line| line.x1).fold(f32::NEG_INFINITY, f32::max);
    let number = *column;
    *column += 1;
    ordered.extend(lines.into_iter().map(|line| Line { column: number, left, right, ..line }));
}

fn crosses(piece: &Line, gutter: f32) -> bool {
    piece.x0 < gutter - 1.0 && piece.x1 > gutter + 1.0
}

/// The middle of a corridor that parts two columns of prose, if there is one.
fn gutter(rows: &[Vec<Line>]) -> Option<f32> {
    if rows.len() < 6 {
        return None;
    }
    let all = || rows.iter().flatten();
    let left = all().map(|piece| piece.x0).fold(f32::INFINITY, f32::min);
    let right = all().map(|piece| piece.x1).fold(f32::NEG_INFINITY, f32::max);
    let width = right - left;
    if !(60.0..5000.0).contains(&width) {
        return None;
    }
    let covered = coverage(rows, left, width);
    let allowed = rows.len() * 35 / 100;
    let (mut best, mut run_start): (Option<(usize, usize)>, Option<usize>) = (None, None);
    let range = covered.len() / 5..covered.len() * 4 / 5;
    for bin in range.clone() {
        let free = covered.get(bin).is_some_and(|&count| count <= allowed);
        if free {
            run_start.get_or_insert(bin);
        }
        if let Some(start) = run_start.filter(|_| !free || bin + 1 == range.end) {
            let end = if free { bin + 1 } else { bin };
            if best.is_none_or(|(a, b)| end - start > b - a) {
                best = Some((start, end));
            }
            run_start = None;
        }
    }
    let (start, end) = best?;
    if ((end - start) as f32) * BIN < GUTTER_MIN {
        return None;
    }
    let middle = left + (start + end) as f32 / 2.0 * BIN;
    (is_prose(rows, middle, true) && is_prose(rows, middle, false)).then_some(middle)
}

/// How many pieces cover each bin of the width.
fn coverage(rows: &[Vec<Line>], left: f32, width: f32) -> Vec<usize> {
    let bins = (width / BIN) as usize + 1;
    let mut covered = vec![0; bins];
    for piece in rows.iter().flatten() {
        let from = ((piece.x0 - left) / BIN).max(0.0) as usize;
        let to = (((piece.x1 - left) / BIN).max(0.0) as usize + 1).min(bins);
        for bin in covered.get_mut(from.min(to)..to).unwrap_or_default() {
            *bin += 1;
        }
    }
    covered
}

/// Whether one side of the corridor holds lines of prose and not cells of a table.
fn is_prose(rows: &[Vec<Line>], gutter: f32, before: bool) -> bool {
    let mut lengths: Vec<usize> = Vec::new();
    for row in rows.iter().filter(|row| !row.iter().any(|piece| crosses(piece, gutter))) {
        let side = row.iter().filter(|piece| (piece.x1 <= gutter + 1.0) == before);
        let (pieces, chars) =
            side.fold((0, 0), |(n, chars), piece| (n + 1, chars + piece.text.chars().count()));
        lengths.extend(chars.checked_div(pieces));
    }
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    lengths.len() >= 4 && median >= 20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, x0: f32, x1: f32, y: f32) -> Run {
        Run { text: text.to_owned(), x0, x1, y, size: 11.0, bold: false, mono: false, place: None }
    }

    #[test]
    fn columns_that_stand_closer_than_cells_are_read_one_after_the_other() {
        let mut runs = Vec::new();
        for row in 0..8_u8 {
            let y = 700.0 - 13.0 * f32::from(row);
            runs.push(run(&format!("left line {row} of the text that fills it"), 50.0, 290.0, y));
            runs.push(run(&format!("right line {row} of the text"), 302.0, 440.0, y));
            runs.push(run("that fills it", 443.0, 540.0, y));
        }
        let across = run("A title across both of the columns, in", 60.0, 293.0, 740.0);
        runs.extend([across, run("two parts", 296.0, 360.0, 740.0)]);
        let texts: Vec<String> = lines(runs).into_iter().map(|line| line.text).collect();
        assert_eq!(texts.len(), 17);
        assert_eq!(texts[0], "A title across both of the columns, in two parts");
        assert_eq!(texts[8], "left line 7 of the text that fills it");
        assert_eq!(texts[9], "right line 0 of the text that fills it");
    }
}
