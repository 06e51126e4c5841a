//! Reading order: columns of prose are read one after the other, rows of a
//! table across.

mod gutter;

use super::lines::{Line, Run, close_pieces, pieces, rows};
use super::tables::{self, Cuts};
use gutter::Gutter;

/// Parts nest at most this deep (two halves, each of two columns, below a part across).
const DEPTH_MAX: usize = 4;

/// The lines of a page in reading order.
pub(super) fn lines(runs: Vec<Run>) -> Vec<Line> {
    lines_and_tables(runs, &Cuts::default(), Vec::new())
}

/// The same with `tables` among them, each a line that stands for its rows. Runs that `cuts`
/// names part from others only where columns do.
pub(super) fn lines_and_tables(runs: Vec<Run>, cuts: &Cuts, tables: Vec<Line>) -> Vec<Line> {
    let rows = rows(runs);
    let whole: Vec<Vec<Run>> = rows.iter().map(|row| cuts.join(row.clone())).collect();
    let gutters = close_gutters(&whole);
    let parts = tables::split(rows).into_iter();
    let row = |parts: Vec<Vec<Run>>| {
        parts.into_iter().flat_map(|part| pieces(cuts.join(part), &gutters)).collect()
    };
    let rows = parts.map(row);
    let mut rows: Vec<Vec<Line>> = rows.filter(|row: &Vec<Line>| !row.is_empty()).collect();
    for table in tables {
        let above = |row: &Vec<Line>| row.first().is_some_and(|line| line.y > table.y);
        rows.insert(rows.partition_point(above), vec![table]);
    }
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
        let gutter = if depth < DEPTH_MAX { Gutter::find(&rows) } else { None };
        let Some(gutter) = gutter else { continue };
        found.push(gutter.x);
        parts.extend(gutter.parts(rows).into_iter().map(|part| (part, depth + 1)));
    }
    found
}

fn read(rows: Vec<Vec<Line>>, depth: usize, column: &mut usize, ordered: &mut Vec<Line>) {
    let gutter = if depth < DEPTH_MAX { Gutter::find(&rows) } else { None };
    let Some(gutter) = gutter else { return one_column(&rows, column, ordered) };
    for part in gutter.parts(rows) {
        read(part, depth + 1, column, ordered);
    }
}

fn one_column(rows: &[Vec<Line>], column: &mut usize, ordered: &mut Vec<Line>) {
    if rows.is_empty() {
        return;
    }
    let lines = tables::lines(rows);
    let lines = tables::with_rows(lines);
    let left = lines.iter().map(|line| line.x0).fold(f32::INFINITY, f32::min);
    let right = lines.iter().map(|line| line.x1).fold(f32::NEG_INFINITY, f32::max);
    let number = *column;
    *column += 1;
    ordered.extend(lines.into_iter().map(|line| Line { column: number, left, right, ..line }));
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

    fn words(column: &str, line: u8) -> String {
        format!("{column} line {line} of the text")
    }

    fn texts(runs: Vec<Run>) -> Vec<String> {
        lines(runs).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn three_columns_whose_lines_stand_at_different_heights_are_told_apart() {
        let mut runs = Vec::new();
        for row in 0..12_u8 {
            let y = 700.0 - 12.0 * f32::from(row);
            for (column, x0, fall) in
                [("left", 40.0, 0.0), ("middle", 217.0, 3.5), ("right", 394.0, 7.0)]
            {
                let x1 = x0 + 150.0 + f32::from(row % 4) * 6.0;
                runs.push(run(&words(column, row), x0, x1, y - fall));
            }
        }
        let columns = ["left", "middle", "right"];
        let wanted = columns.iter().flat_map(|column| (0..12).map(|row| words(column, row)));
        assert_eq!(texts(runs), wanted.collect::<Vec<_>>());
    }

    #[test]
    fn columns_in_one_part_of_a_page_and_a_table_in_another_are_both_read() {
        let mut runs = Vec::new();
        for row in 0..12_u8 {
            let y = 700.0 - 13.0 * f32::from(row);
            let text = format!("line {row} across the whole page, as prose is mostly set in books");
            runs.push(run(&text, 50.0, 540.0, y));
        }
        for row in 0..8_u8 {
            let y = 500.0 - 13.0 * f32::from(row);
            runs.push(run(&words("left", row), 50.0, 280.0, y));
            runs.push(run(&words("right", row), 310.0, 540.0, y));
        }
        for row in 0..4_u8 {
            let y = 380.0 - 13.0 * f32::from(row);
            runs.extend([run("Bolts", 50.0, 80.0, y), run("3.50", 200.0, 220.0, y)]);
            runs.extend([run("12", 350.0, 362.0, y), run("yes", 500.0, 520.0, y)]);
        }
        let texts = texts(runs);
        assert_eq!(
            texts[11..14].join("|"),
            "line 11 across the whole page, as prose is mostly set in books|left line 0 of the text|left line 1 of the text"
        );
        assert_eq!(texts[19..21], ["left line 7 of the text", "right line 0 of the text"]);
        assert_eq!(texts[28..], ["Bolts  3.50  12  yes"; 4]);
    }
}
