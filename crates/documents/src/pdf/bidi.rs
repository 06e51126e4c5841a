//! Pages of scripts that run from right to left, and lines that mix both ways.
//!
//! A PDF places glyphs, in whatever order its producer likes. So they are taken by where they
//! stand, and what is seen from left to right is put back into the order in which it is read: the
//! Unicode bidirectional algorithm (UAX 9) turned round. A page most of whose letters run from
//! right to left is then laid out as its own mirror image, so that its columns, cells and indents
//! count from the right.

mod glyphs;
mod order;

use std::collections::HashMap;

use pdf_oxide::PdfDocument;
use pdf_oxide::geometry::Rect;

use super::columns;
use super::lines::{CELL_GAP, Line, Run, WORD_GAP};
use super::sheet::Sheet;
use glyphs::Glyph;
pub(super) use order::is_right_to_left;
use order::{Item, Way};

/// A space is none where glyphs all but touch, as within words of joined letters.
const SPACE_MIN: f32 = 0.04;
/// Words that show the order in which letters are stored, at least.
const SHOWN_MIN: usize = 5;

/// The lines of a page with much text that runs from right to left, and those of its running
/// heads and feet, whose places are `running`. `None` where the glyphs are not all there: they
/// hold at least half of `letters` letters.
pub(super) fn lines(
    pdf: &PdfDocument,
    (page, sheet): (usize, Option<&Sheet>),
    running: &[Rect],
    letters: usize,
) -> Option<(Vec<Line>, Vec<Line>)> {
    let chars = pdf.extract_chars(page).ok()?;
    let rows = glyphs::rows(chars.iter().map(glyphs::Char::of));
    let all = || rows.iter().flatten();
    let found = all().filter(|glyph| !glyph.is_space()).map(|glyph| glyph.text.chars().count());
    if found.sum::<usize>() * 2 < letters {
        return None;
    }
    let of = |way: Way| all().filter(|glyph| glyph.way == way).count();
    let leftward = of(Way::Leftward) > of(Way::Rightward);
    let is_running = |glyph: &Glyph| running.iter().any(|place| glyph.lies_in(place));
    let (heads, body): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.iter().all(is_running));
    Some((laid_out(&heads, sheet, leftward), laid_out(&body, sheet, leftward)))
}

fn laid_out(rows: &[Vec<Glyph>], sheet: Option<&Sheet>, leftward: bool) -> Vec<Line> {
    let runs = |as_drawn: bool| -> Vec<Run> {
        rows.iter()
            .flat_map(|row| pieces(row))
            .map(|piece| run(&piece, leftward, as_drawn))
            .collect()
    };
    let mut read = runs(false);
    if are_backwards(&read) {
        // As under a scan, letters from left to right in the order in which they are read.
        read = runs(true);
    }
    for run in &mut read {
        run.place = sheet.map(|sheet| sheet.line(run.x0, run.x1, run.y, run.size));
    }
    if leftward {
        mirror(&mut read);
    }
    columns::lines(read)
}

/// Exchanges left and right.
fn mirror(runs: &mut [Run]) {
    let left = runs.iter().map(|run| run.x0).fold(f32::INFINITY, f32::min);
    let right = runs.iter().map(|run| run.x1).fold(f32::NEG_INFINITY, f32::max);
    for run in runs {
        (run.x0, run.x1) = (left + right - run.x1, left + right - run.x0);
    }
}

/// The parts of a row that wide gaps part, with their spaces.
fn pieces(row: &[Glyph]) -> Vec<Vec<Glyph>> {
    let mut pieces: Vec<Vec<Glyph>> = Vec::new();
    let (mut end, mut space) = (f32::NEG_INFINITY, false);
    for glyph in row {
        if glyph.is_space() {
            space = true;
            continue;
        }
        let gap = (glyph.x0 - end) / glyph.size;
        let apart = gap > WORD_GAP || space && gap > SPACE_MIN;
        match pieces.last_mut().filter(|_| gap < CELL_GAP) {
            Some(piece) => {
                if apart {
                    piece.push(glyph.space_before());
                }
                piece.push(glyph.clone());
            }
            None => pieces.push(vec![glyph.clone()]),
        }
        (end, space) = (end.max(glyph.x1), false);
    }
    pieces
}

fn run(piece: &[Glyph], leftward: bool, as_drawn: bool) -> Run {
    let items: Vec<Item<'_>> = piece.iter().map(|glyph| (glyph.text.as_str(), glyph.way)).collect();
    let edge = |value: fn(&Glyph) -> f32, choose: fn(f32, f32) -> f32| {
        piece.iter().map(value).reduce(choose).unwrap_or_default()
    };
    let words = || piece.iter().filter(|glyph| glyph.text.chars().any(char::is_alphanumeric));
    let half_points = |glyph: &Glyph| (glyph.size * 2.0).round() as i32;
    let mut sizes: HashMap<i32, usize> = HashMap::new();
    piece.iter().for_each(|glyph| *sizes.entry(half_points(glyph)).or_default() += 1);
    // The size and the base line that most of its glyphs have.
    let usual = piece.iter().max_by_key(|glyph| sizes.get(&half_points(glyph)));
    Run {
        text: order::logical(&items, leftward, as_drawn),
        x0: edge(|glyph| glyph.x0, f32::min),
        x1: edge(|glyph| glyph.x1, f32::max),
        y: usual.map_or(0.0, |glyph| glyph.y),
        size: usual.map_or(1.0, |glyph| glyph.size),
        bold: words().next().is_some() && words().all(|glyph| glyph.bold),
        mono: false,
        place: None,
    }
}

/// Whether words begin with letters that only end words.
fn are_backwards(runs: &[Run]) -> bool {
    let last = |c: char| {
        matches!(
            c,
            '\u{629}' | '\u{649}' | '\u{5da}' | '\u{5dd}' | '\u{5df}' | '\u{5e3}' | '\u{5e5}'
        )
    };
    let (mut first_of, mut last_of) = (0, 0);
    for word in runs.iter().flat_map(|run| run.text.split_whitespace()) {
        let word = word.trim_matches(|c: char| !c.is_alphabetic());
        if word.chars().nth(1).is_some() {
            first_of += usize::from(word.starts_with(last));
            last_of += usize::from(word.ends_with(last));
        }
    }
    first_of >= SHOWN_MIN && first_of > 2 * last_of
}

#[cfg(test)]
mod tests {
    use super::glyphs::Char;
    use super::*;

    /// Chars as they are seen from left to right, 6 points each, without the spaces.
    fn seen(text: &str, x: f32, y: f32) -> Vec<Char> {
        let at = |(place, c): (usize, char)| Char {
            char: c,
            x0: x + place as f32 * 6.0,
            x1: x + place as f32 * 6.0 + 6.0,
            y,
            size: 10.0,
            bold: false,
            level: true,
        };
        text.chars().enumerate().map(at).filter(|char| char.char != ' ').collect()
    }

    fn read(rows: &[(&str, f32)], leftward: bool) -> Vec<String> {
        let chars = rows.iter().zip(0_u8..);
        let chars =
            chars.flat_map(|((text, x), row)| seen(text, *x, 700.0 - 14.0 * f32::from(row)));
        let rows = glyphs::rows(chars);
        laid_out(&rows, None, leftward).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_read_from_right_to_left() {
        // "shalom olam 2024 (Python 3.12)", as it is seen.
        let seen = "(Python 3.12) 2024 \u{5dd}\u{5dc}\u{5d5}\u{5e2} \u{5dd}\u{5d5}\u{5dc}\u{5e9}";
        let meant = "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{5e2}\u{5d5}\u{5dc}\u{5dd} 2024 (Python 3.12)";
        assert_eq!(read(&[(seen, 100.0)], true), [meant]);
    }

    #[test]
    fn cells_are_read_from_the_right() {
        let gap = " ".repeat(20);
        let (a, b, c) = ("\u{5d0}\u{5d1}", "\u{5d2}\u{5d3}", "\u{5d4}\u{5d5}");
        let back = |text: &str| text.chars().rev().collect::<String>();
        let row = format!("{}{gap}{}{gap}{}", back(c), back(b), back(a));
        let lines = read(&[(&row, 50.0), (&row, 50.0), (&row, 50.0)], true);
        assert_eq!(lines, vec![format!("{a}  {b}  {c}"); 3]);
    }

    #[test]
    fn letters_under_a_scan_may_stand_as_they_are_read() {
        let word = "\u{5e9}\u{5dc}\u{5d5}\u{5dd}";
        let row = [word; 6].join(" ");
        assert_eq!(read(&[(&row, 50.0)], true), [row.as_str()]);
        let back: String = row.chars().rev().collect();
        assert_eq!(read(&[(&back, 50.0)], true), [row.as_str()]);
    }
}
