//! Runs of glyphs to lines of text.

use std::fmt::Write as _;

use crate::document::Place;
use crate::write::numerals::{subscript, superscript};

/// A gap of this many ems between runs parts cells or columns, not words.
pub(super) const CELL_GAP: f32 = 1.3;
/// A gap of this many ems parts columns where others at the same place do so too.
pub(super) const CLOSE_GAP: f32 = 0.6;
/// The same where the text on both sides stands at different heights.
const LEANING_GAP: f32 = 0.3;
/// A gap of this many ems is a space.
pub(super) const WORD_GAP: f32 = 0.16;

/// Runs of a row that an index may hang on, at most.
const HUNG_ON_MAX: usize = 500;

/// What parts the cells in a line's text; within cells white space is single.
pub(super) const CELL_JOINT: &str = "  ";

/// Glyphs drawn together. Coordinates are points, y grows upwards.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) x0: f32,
    pub(super) x1: f32,
    pub(super) y: f32,
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) mono: bool,
    /// Where it is on the page as that is shown, if that is known.
    pub(super) place: Option<Place>,
}

/// One line (or one cell of a row, before cells are joined).
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(super) text: String,
    pub(super) x0: f32,
    pub(super) x1: f32,
    pub(super) y: f32,
    /// The size most of its characters have.
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) mono: bool,
    /// Pieces parted by wide gaps; more than one hints at a table.
    pub(super) cells: usize,
    /// The column it lies in and that column's right edge.
    pub(super) column: usize,
    pub(super) left: f32,
    pub(super) right: f32,
    /// The level, when it is a heading.
    pub(super) heading: Option<u8>,
    /// Whether it runs up or down the page; then the coordinates are those of the page turned
    /// so that it runs from left to right.
    pub(super) turned: bool,
    /// Whether it starts a table right after another one.
    pub(super) parted: bool,
    /// The rows of the ruled table that it stands for, while columns are found.
    pub(super) rows: Vec<Line>,
    /// Where it is on the page as that is shown, if that is known.
    pub(super) place: Option<Place>,
}

/// Text without control characters, ligature glyphs and invisible marks.
pub(super) fn readable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{fb00}' => plain.push_str("ff"),
            '\u{fb01}' => plain.push_str("fi"),
            '\u{fb02}' => plain.push_str("fl"),
            '\u{fb03}' => plain.push_str("ffi"),
            '\u{fb04}' => plain.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => plain.push_str("st"),
            '\u{ad}' => plain.push('\u{ad}'),
            c if c.is_whitespace() => plain.push(' '),
            c if c.is_control() || crate::write::flow::is_invisible(c) => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Groups runs into rows by their base lines, top first.
pub(super) fn rows(mut runs: Vec<Run>) -> Vec<Vec<Run>> {
    runs.retain(|run| !run.text.trim().is_empty() || run.x1 > run.x0);
    runs.sort_by(|a, b| b.y.total_cmp(&a.y).then(a.x0.total_cmp(&b.x0)));
    let mut rows: Vec<(f32, f32, Vec<Run>)> = Vec::new();
    for run in runs {
        let (bottom, top) = (run.y, run.y + run.size);
        // Only the nearest rows can share a base line with a run this far down.
        let place = rows.iter_mut().rev().take(6).find(|(y, height, row)| {
            let shared = (top.min(*y + *height) - bottom.max(*y)).max(0.0);
            let least = run.size.min(*height);
            shared >= 0.55 * least || shared >= 0.2 * least && is_lowered(&run, row)
        });
        match place {
            Some((y, height, row)) => {
                if run.size > *height * 1.05 {
                    (*y, *height) = (run.y, run.size);
                }
                row.push(run);
            }
            None => rows.push((run.y, run.size, vec![run])),
        }
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    rows.into_iter()
        .map(|(_, _, mut row)| {
            row.sort_by(|a, b| a.x0.total_cmp(&b.x0));
            row
        })
        .collect()
}

/// Whether a run may be an index that hangs on a run of `row`.
fn is_lowered(run: &Run, row: &[Run]) -> bool {
    // Where a row has more runs than any, the last ones are looked at.
    row.iter().rev().take(HUNG_ON_MAX).any(|other| {
        let gap = (run.x0 - other.x1) / other.size;
        run.size <= 0.8 * other.size && run.y < other.y && (-0.3..=0.2).contains(&gap)
    })
}

/// Joins the runs of a row to pieces parted by wide gaps, and by lesser ones at `gutters`.
pub(super) fn pieces(row: Vec<Run>, gutters: &[f32]) -> Vec<Line> {
    let at_gutter = |a: &Run, b: &Run| gutters.iter().any(|at| a.x1 <= *at && *at <= b.x0);
    parted(row, |last, ink, run| {
        let close = gap(ink, run) >= CLOSE_GAP || are_leaning(ink, run);
        gap(last, run) >= CELL_GAP || !is_blank(run) && close && at_gutter(ink, run)
    })
}

/// The pieces of a row that would be there if all gaps wider than spaces were gutters.
pub(super) fn close_pieces(row: &[Run]) -> Vec<Line> {
    parted(row.to_vec(), |_, ink, run| {
        let least = if are_leaning(ink, run) { LEANING_GAP } else { CLOSE_GAP };
        !is_blank(run) && gap(ink, run) >= least
    })
}

fn is_blank(run: &Run) -> bool {
    run.text.trim().is_empty()
}

/// The gap between neighbours, in ems.
fn gap(before: &Run, run: &Run) -> f32 {
    (run.x0 - before.x1) / before.size.max(run.size)
}

/// Whether runs of one size stand at heights that no line of text has.
fn are_leaning(a: &Run, b: &Run) -> bool {
    let size = a.size.max(b.size);
    (a.y - b.y).abs() >= 0.2 * size && a.size.min(b.size) > 0.85 * size
}

/// The pieces of a row, where `apart` says of a run that it is apart from the last run and from
/// the last one that is no white space.
fn parted(row: Vec<Run>, apart: impl Fn(&Run, &Run, &Run) -> bool) -> Vec<Line> {
    let mut pieces: Vec<Vec<Run>> = Vec::new();
    // Where in the last piece its last run is that is no white space.
    let mut inked: Option<usize> = None;
    for run in row {
        let near = pieces.last().is_some_and(|piece| {
            let ink = inked.and_then(|at| piece.get(at));
            piece.last().is_some_and(|last| !apart(last, ink.unwrap_or(last), &run))
        });
        let blank = is_blank(&run);
        match pieces.last_mut().filter(|_| near) {
            Some(piece) => {
                inked = if blank { inked } else { Some(piece.len()) };
                piece.push(run);
            }
            None => {
                inked = (!blank).then_some(0);
                pieces.push(vec![run]);
            }
        }
    }
    pieces.into_iter().filter_map(|piece| line(&piece)).collect()
}

fn line(runs: &[Run]) -> Option<Line> {
    let mut text = String::new();
    let (mut last, mut end): (Option<&Run>, f32) = (None, 0.0);
    let mut raised: Option<&Run> = None;
    for run in runs {
        if let Some(last) = last {
            // The same glyphs drawn twice in one place make bold type, not two words.
            let twice =
                |other: &Run| run.text == other.text && (run.x0 - other.x0).abs() < 0.3 * run.size;
            if twice(last) || raised.is_some_and(twice) {
                continue;
            }
            let gap = run.x0 - end;
            if let Some(signs) = shifted(run, last, gap, &text) {
                text.push_str(&signs);
                if run.text.ends_with(' ') {
                    text.push(' ');
                }
                (end, raised) = (run.x1, Some(run));
                continue;
            }
            let apart = gap > WORD_GAP * last.size.min(run.size);
            if apart && !text.ends_with(' ') && !run.text.starts_with(' ') {
                text.push(' ');
            }
        }
        text.push_str(&run.text);
        (last, end) = (Some(run), run.x1);
    }
    let text = without_leaders(&text);
    if text.is_empty() {
        return None;
    }
    let main = main_run(runs)?;
    let words = || runs.iter().filter(|run| run.text.chars().any(char::is_alphanumeric));
    let ink = || runs.iter().filter(|run| !is_blank(run));
    Some(Line {
        text,
        x0: ink().map(|run| run.x0).fold(f32::INFINITY, f32::min),
        x1: ink().map(|run| run.x1).fold(f32::NEG_INFINITY, f32::max),
        y: main.y,
        size: main.size,
        bold: words().next().is_some() && words().all(|run| run.bold),
        mono: words().next().is_some() && words().all(|run| run.mono),
        cells: 1,
        column: 0,
        left: 0.0,
        right: 0.0,
        heading: None,
        turned: false,
        parted: false,
        rows: Vec::new(),
        place: runs.iter().filter_map(|run| run.place).reduce(Place::around),
    })
}

/// A number of one or two digits that stands smaller and higher than `last`, right behind it, in
/// raised signs: a mark or an exponent. One that stands lower behind a digit, in lowered signs: it
/// is no further digit of the number.
fn shifted(run: &Run, last: &Run, gap: f32, text: &str) -> Option<String> {
    let number = run.text.trim();
    let digits = (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let near = gap < WORD_GAP * last.size && !text.ends_with(' ');
    if !digits || run.size > 0.8 * last.size || !near {
        return None;
    }
    let rise = (run.y - last.y) / last.size;
    if (0.15..1.0).contains(&rise) {
        number.chars().map(superscript).collect()
    } else if (-0.5..-0.05).contains(&rise) && text.ends_with(char::is_numeric) {
        number.chars().map(subscript).collect()
    } else {
        None
    }
}

/// The run of the size that most characters have.
fn main_run(runs: &[Run]) -> Option<&Run> {
    // The sizes in order, each with how many characters there are up to it.
    let mut sizes: Vec<(f32, usize)> =
        runs.iter().map(|run| (run.size, run.text.trim().chars().count())).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut all = 0;
    for (_, chars) in &mut sizes {
        all += *chars;
        *chars = all;
    }
    let up_to = |end: usize| {
        end.checked_sub(1).and_then(|last| sizes.get(last)).map_or(0, |(_, chars)| *chars)
    };
    runs.iter().max_by_key(|run| {
        let from = sizes.partition_point(|(size, _)| run.size - size >= 0.26);
        let end = sizes.partition_point(|(size, _)| size - run.size < 0.26);
        up_to(end) - up_to(from)
    })
}

/// White space collapsed, and the dots that lead to a page number shortened.
fn without_leaders(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let dots = words.iter().skip(at).take_while(|word| word.chars().all(|c| c == '.')).count();
        let long = word.len() > 3 && word.chars().all(|c| c == '.');
        let space = if plain.is_empty() { "" } else { " " };
        if dots >= 4 || long {
            let _ = write!(plain, "{space}\u{2026}");
            at += dots.max(1);
        } else {
            let _ = write!(plain, "{space}{word}");
            at += 1;
        }
    }
    plain
}

/// Whether a line of a table of contents ends here: in digits, or in a Roman numeral as the pages
/// before the text have.
pub(super) fn ends_in_page(text: &str) -> bool {
    let last = text.rsplit([' ', '\u{2026}']).next().unwrap_or_default();
    let roman = !last.is_empty() && last.chars().all(|c| "ivxlc".contains(c));
    roman || text.ends_with(|c: char| c.is_ascii_digit())
}

/// Joins the pieces of one row to a line of several cells.
pub(super) fn join(pieces: &[Line]) -> Option<Line> {
    let (first, others) = pieces.split_first()?;
    let mut line = first.clone();
    for piece in others {
        line.text.push_str(CELL_JOINT);
        line.text.push_str(&piece.text);
        line.surround(piece);
    }
    line.cells = pieces.len();
    Some(line)
}

/// Adds the next line of a cell's text. A word that a hyphen parts becomes whole again.
pub(super) fn go_on(cell: &mut String, next: &str) {
    let mut back = cell.chars().rev();
    let hyphen = back.next().is_some_and(|c| matches!(c, '-' | '\u{2010}' | '\u{ad}'));
    let parted = hyphen
        && back.next().is_some_and(char::is_alphanumeric)
        && next.starts_with(char::is_alphanumeric);
    if parted && next.starts_with(char::is_lowercase) {
        cell.pop();
    } else if !parted && !cell.is_empty() {
        cell.push(' ');
    }
    cell.push_str(next);
}

impl Line {
    /// Takes the place of `other` as well; it is bold or monospaced only when both are.
    pub(super) fn surround(&mut self, other: &Self) {
        self.x0 = self.x0.min(other.x0);
        self.x1 = self.x1.max(other.x1);
        self.place = self.place.into_iter().chain(other.place).reduce(Place::around);
        self.bold &= other.bold;
        self.mono &= other.mono;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type that is half as wide as high.
    fn run(text: &str, x0: f32, y: f32, size: f32) -> Run {
        Run {
            text: text.to_owned(),
            x0,
            x1: x0 + text.len() as f32 * size / 2.0,
            y,
            size,
            bold: false,
            mono: false,
            place: None,
        }
    }

    #[test]
    fn a_raised_number_is_no_further_digit() {
        let text = |runs: &[Run]| line(runs).unwrap().text;
        let last = || run("in 1998", 30.0, 100.0, 10.0);
        let mark = |number: &str, y: f32| run(number, 65.2, y, 6.0);
        assert_eq!(text(&[last(), mark("12", 104.0)]), "in 1998\u{b9}\u{b2}");
        let more = |x0: f32| run("people", x0, 100.0, 10.0);
        assert_eq!(text(&[last(), mark("4", 104.0), more(75.0)]), "in 1998\u{2074} people");
        assert_eq!(text(&[last(), mark("4", 104.0), more(68.5)]), "in 1998\u{2074}people");
        let next = run("2", 68.3, 104.0, 6.0);
        assert_eq!(text(&[last(), mark("1", 104.0), next]), "in 1998\u{b9}\u{b2}");
        let bold = [last(), mark("4", 104.0), mark("4", 104.0), more(75.0)];
        assert_eq!(text(&bold), "in 1998\u{2074} people");
        let foxes = || run("Foxes", 40.0, 100.0, 10.0);
        assert_eq!(text(&[foxes(), mark("1", 104.0)]), "Foxes\u{b9}");
        // On the base line, lower, and a space away.
        assert_eq!(text(&[last(), mark("12", 100.0)]), "in 199812");
        assert_eq!(text(&[last(), mark("12", 98.0)]), "in 1998\u{2081}\u{2082}");
        assert_eq!(text(&[foxes(), mark("1", 98.0)]), "Foxes1");
        assert_eq!(text(&[last(), run("1", 70.0, 104.0, 6.0)]), "in 1998 1");
    }

    #[test]
    fn an_index_belongs_to_the_row_that_it_hangs_on() {
        let below = || run("see the notes", 20.0, 96.4, 5.0);
        let runs = vec![
            run("of CO", 0.0, 100.0, 10.0),
            run("2", 25.0, 97.0, 6.0),
            run("falls", 31.0, 100.0, 10.0),
        ];
        let rows = rows(runs.into_iter().chain([Run { y: 86.0, ..below() }]).collect());
        let texts: Vec<String> = rows.iter().map(|row| line(row).unwrap().text).collect();
        assert_eq!(texts, ["of CO2 falls", "see the notes"]);
        assert!(!is_lowered(&below(), &[run("of CO", 0.0, 100.0, 10.0)]), "too far to the left");
    }

    #[test]
    fn white_space_at_the_end_of_a_line_closes_no_gutter() {
        let run = |text: &str, x0: f32, x1: f32, y: f32| Run {
            text: text.to_owned(),
            x0,
            x1,
            y,
            size: 10.0,
            bold: false,
            mono: false,
            place: None,
        };
        let row = |y: f32| {
            vec![
                run("one", 0.0, 50.0, 100.0),
                run(" ", 50.0, 54.0, 100.0),
                run("two", 57.0, 90.0, y),
            ]
        };
        let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        let lines = pieces(row(100.0), &[55.0]);
        assert_eq!((lines[0].x1, texts(lines)), (50.0, vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(texts(close_pieces(&row(100.0))), ["one", "two"]);
        assert_eq!(texts(pieces(row(100.0), &[])), ["one two"]);
        // A lesser gap between lines at different heights.
        let leaning = |y: f32| vec![run("one", 0.0, 50.0, 100.0), run("two", 54.0, 90.0, y)];
        assert_eq!(texts(close_pieces(&leaning(97.0))), ["one", "two"]);
        assert_eq!(texts(close_pieces(&leaning(100.0))), ["one two"]);
    }

    #[test]
    fn a_gap_that_is_no_space_parts_only_at_a_gutter() {
        let run = |text: &str, x0: f32, x1: f32| Run {
            text: text.to_owned(),
            x0,
            x1,
            y: 100.0,
            size: 10.0,
            bold: false,
            mono: false,
            place: None,
        };
        let row = || vec![run("one", 0.0, 50.0), run("two", 60.0, 90.0), run("three", 93.0, 140.0)];
        let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts(pieces(row(), &[])), ["one two three"]);
        assert_eq!(texts(pieces(row(), &[55.0])), ["one", "two three"]);
        assert_eq!(texts(pieces(row(), &[91.0])), ["one two three"], "a space");
        assert_eq!(texts(close_pieces(&row())), ["one", "two three"]);
    }

    #[test]
    fn pages_before_the_text_have_roman_numbers() {
        assert!(ends_in_page("Notices \u{2026} vii") && ends_in_page("Notices\u{2026}xi"));
        assert!(ends_in_page("Paths \u{2026} 12"));
        assert!(!ends_in_page("and so on \u{2026} perhaps") && !ends_in_page("and so on \u{2026}"));
    }

    #[test]
    fn the_lines_of_a_cell_are_joined_as_words() {
        let joined = |cell: &str, next: &str| {
            let mut cell = cell.to_owned();
            go_on(&mut cell, next);
            cell
        };
        assert_eq!(joined("", "Bolts"), "Bolts");
        assert_eq!(joined("does not", "rust"), "does not rust");
        assert_eq!(joined("trans-", "port"), "transport");
        assert_eq!(joined("trans\u{ad}", "port"), "transport");
        assert_eq!(joined("Schwarz-", "Wei\u{df}"), "Schwarz-Wei\u{df}");
        assert_eq!(joined("from 3 -", "5"), "from 3 - 5");
    }
}
