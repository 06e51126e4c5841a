//! Rows of several pieces that make no table with others: items of lists, labels and their text.

use super::super::lines::{Line, go_on, join};
use super::{EDGE, LINE_GAP_MAX, are_alike, has_words};

/// Marks of items that are signs.
const BULLETS: &str = "\u{2022}\u{25cf}\u{25cb}\u{25aa}\u{25ab}\u{25e6}\u{2023}\u{b7}\u{25a0}\u{25a1}\u{2013}\u{2014}-*\u{27a2}\u{25ba}\u{25b6}\u{2713}\u{f0b7}";

/// The lines of `rows`, each its own; but the further lines of a text beside a label belong to
/// it, and a mark and its item are one text.
pub(super) fn lines(rows: &[Vec<Line>]) -> Vec<Line> {
    let right = rows.iter().flatten().map(|piece| piece.x1).fold(0.0, f32::max);
    let mut lines: Vec<Line> = Vec::with_capacity(rows.len());
    // The last line of the text that may go on.
    let mut open: Option<&Line> = None;
    for row in rows {
        if let ([piece], Some(end), Some(line)) = (row.as_slice(), open, lines.last_mut())
            && goes_on(end, piece, right)
        {
            go_on(&mut line.text, &piece.text);
            line.surround(piece);
            line.y = piece.y;
            open = Some(piece);
            continue;
        }
        open = None;
        match row.as_slice() {
            [mark, item] if is_mark(&mark.text) && starts_text(&item.text) => {
                lines.extend(item_of(mark, item));
            }
            [_, text] => {
                lines.extend(join(row));
                open = Some(text);
            }
            _ => lines.extend(join(row)),
        }
    }
    lines
}

/// Whether `piece` is the next line of the text of which `end` is one: it stands under it, and
/// its first word would not have fitted before `right`.
fn goes_on(end: &Line, piece: &Line, right: f32) -> bool {
    let fall = end.y - piece.y;
    let chars = piece.text.chars().count().max(1) as f32;
    let word = piece.text.split(' ').next().map_or(0, |word| word.chars().count()) as f32;
    let width = (piece.x1 - piece.x0) / chars * (word + 1.0);
    let under = (end.x0 - piece.x0).abs() <= EDGE * piece.size;
    let near = fall > 0.0 && fall <= LINE_GAP_MAX * piece.size && are_alike(end.size, piece.size);
    under && near && has_words(end) && end.x1 + width >= right - piece.size
}

fn item_of(mark: &Line, item: &Line) -> Option<Line> {
    let mut line = join(&[mark.clone(), item.clone()])?;
    line.text = format!("{} {}", mark.text, item.text);
    (line.cells, line.bold, line.mono) = (1, item.bold, item.mono);
    (line.size, line.y) = (item.size, item.y);
    Some(line)
}

/// Whether a text begins with a word.
fn starts_text(text: &str) -> bool {
    let first = text.trim_start_matches(['"', '\'', '(', '\u{201c}', '\u{2018}', '\u{ab}']);
    first.starts_with(char::is_alphabetic)
}

/// Whether a text is the mark of an item: a bullet, or a number or letter as lists have them
/// (`1.`, `2)`, `.1`, `3.1`, `(iv)`, `b.`, `[12]`, `[Fox24]`).
fn is_mark(text: &str) -> bool {
    let mut chars = text.chars();
    if let (Some(sign), None) = (chars.next(), chars.next()) {
        return BULLETS.contains(sign);
    }
    if let Some(source) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return (1..=8).contains(&source.len())
            && source.bytes().all(|b| b.is_ascii_alphanumeric());
    }
    let inner = text.strip_prefix('(').unwrap_or(text);
    let (inner, closed) = match inner.strip_suffix([')', '.']) {
        Some(inner) => (inner, true),
        None => (inner, text.starts_with('.')),
    };
    let parts: Vec<&str> = inner.split('.').collect();
    let counts = |part: &&str| part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
    let numbered = parts.iter().all(counts) && parts.iter().any(|part| !part.is_empty());
    let roman = inner.len() <= 4 && inner.chars().all(|c| "ivxIVX".contains(c));
    let letter = inner.len() == 1 && inner.starts_with(|c: char| c.is_ascii_alphabetic());
    numbered && (closed || parts.len() > 1) || closed && !inner.is_empty() && (roman || letter)
}

#[cfg(test)]
mod tests {
    use super::super::tests::piece;
    use super::*;

    fn texts(rows: &[&[(f32, f32, &str)]]) -> Vec<String> {
        let row = |row: &&[(f32, f32, &str)]| -> Vec<Line> {
            row.iter().map(|(x, y, text)| piece(text, *x, *y)).collect()
        };
        let rows: Vec<Vec<Line>> = rows.iter().map(row).collect();
        lines(&rows).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_mark_and_its_item_are_one_text() {
        let found = texts(&[&[(50.0, 700.0, ".1"), (90.0, 700.0, "The intent of it")]]);
        assert_eq!(found, [".1 The intent of it"]);
        let found = texts(&[&[(50.0, 700.0, "1.5"), (90.0, 700.0, "12")]]);
        assert_eq!(found, ["1.5  12"]);
    }

    #[test]
    fn the_text_beside_a_label_goes_on() {
        let label = [(50.0, 700.0, "Purpose"), (150.0, 700.0, "to find the rows and")];
        let found = texts(&[&label, &[(150.0, 688.0, "columns of tables")]]);
        assert_eq!(found, ["Purpose  to find the rows and columns of tables"]);
        // Under the label, and after a line that ends on purpose.
        assert_eq!(texts(&[&label, &[(50.0, 688.0, "columns")]]).len(), 2);
        let wide = [(50.0, 676.0, "Others"), (150.0, 676.0, "a much longer text than that above")];
        assert_eq!(texts(&[&label, &[(150.0, 688.0, "none")], &wide]).len(), 3);
    }

    #[test]
    fn marks_of_items_are_told_from_values() {
        for mark in ["\u{2022}", "1.", "12)", ".1", "3.1", "2.4.", "(iv)", "(a)", "b.", "-", "[7]"]
        {
            assert!(is_mark(mark), "{mark}");
        }
        for text in ["1", "2016", "100.", "1.234", "Name", "No.", "$", "", "(", "A", "[]"] {
            assert!(!is_mark(text), "{text}");
        }
    }
}
