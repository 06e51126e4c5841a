//! Lines to paragraphs: joins what was broken to fit the page, keeps what was
//! broken on purpose.

use std::collections::HashSet;

use super::PageText;
use super::furniture::Furniture;
use super::lines::{CELL_JOINT, Line, ends_in_page};
use crate::document::BlockKind;
use crate::write::Builder;

/// How a line goes on from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    /// It starts a block.
    Block(BlockKind),
    /// It is the first row of a table right after another one.
    Table,
    /// It goes on in the same sentence.
    Same,
    /// It is a line of its own in the same block, indented by so many characters.
    Line(usize),
}

/// Writes all pages. The words of running lines come before the first block that
/// starts on their page, so that they part no sentence.
pub(super) fn write(pages: &[PageText], furniture: &Furniture, builder: &mut Builder) {
    let words = vocabulary(pages);
    let mut last: Option<&Line> = None;
    let mut waiting: Vec<&str> = Vec::new();
    for (number, page) in pages.iter().enumerate() {
        builder.page(u32::try_from(number + 1).unwrap_or(u32::MAX));
        waiting.extend(furniture.of(number));
        match page {
            PageText::Ready(text) => {
                release(&mut waiting, builder);
                ready(text, builder);
                last = None;
            }
            PageText::Lines(lines) => {
                last = page_lines(lines, last, &words, &mut waiting, builder);
            }
        }
    }
    release(&mut waiting, builder);
}

/// Writes one page after the line `last`, and returns the line after which the next page goes
/// on, if any.
fn page_lines<'t>(
    lines: &'t [Line],
    last: Option<&'t Line>,
    words: &HashSet<String>,
    waiting: &mut Vec<&str>,
    builder: &mut Builder,
) -> Option<&'t Line> {
    let (turned, lines): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.turned);
    let leading = leading(&lines);
    let mut before = last.map(|last| (last, true));
    let mut joints = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let joint = joint(before, line, lines.get(at + 1).copied(), leading);
        let row = match joints.last() {
            Some(above) => matches!(above, Joint::Block(BlockKind::TableRow) | Joint::Table),
            None => before.is_some_and(|(last, _)| last.cells > 2),
        };
        // No text goes on in a row of a table.
        let goes_on = row && matches!(joint, Joint::Same | Joint::Line(_));
        joints.push(if goes_on { Joint::Block(kind(line)) } else { joint });
        before = Some((*line, false));
    }
    let beside = if turned.is_empty() { lines.len() } else { end_of_page(&lines, &joints) };
    for (at, (line, joint)) in lines.iter().zip(joints).enumerate() {
        if matches!(joint, Joint::Block(_) | Joint::Table) {
            release(waiting, builder);
        }
        if at == beside {
            turned_lines(&turned, leading, words, builder);
        }
        put(joint, line, words, builder);
    }
    if turned.is_empty() || beside < lines.len() {
        return lines.last().copied().or(last);
    }
    release(waiting, builder);
    turned_lines(&turned, leading, words, builder);
    None
}

/// Where lines that run up or down the page are written, so that they part no sentence: before
/// the last block when that is prose which may go on on the next page, else at the end.
fn end_of_page(lines: &[&Line], joints: &[Joint]) -> usize {
    let goes_on = |line: &&&Line| line.cells == 1 && line.heading.is_none() && !ends(line);
    let block = joints.iter().rposition(|joint| matches!(joint, Joint::Block(_)));
    let prose = |at: &usize| {
        let kind = joints.get(*at);
        matches!(kind, Some(Joint::Block(BlockKind::Paragraph | BlockKind::ListItem)))
    };
    lines.last().filter(goes_on).and(block).filter(prose).unwrap_or(lines.len())
}

/// Lines that run up or down the page, each a line of its own.
fn turned_lines(lines: &[&Line], leading: f32, words: &HashSet<String>, builder: &mut Builder) {
    let mut before = None;
    for (at, line) in lines.iter().enumerate() {
        let joint = match joint(before, line, lines.get(at + 1).copied(), leading) {
            Joint::Same => Joint::Line(0),
            joint => joint,
        };
        put(joint, line, words, builder);
        before = Some((*line, false));
    }
}

fn release(waiting: &mut Vec<&str>, builder: &mut Builder) {
    for text in waiting.drain(..) {
        builder.block(BlockKind::Paragraph, &flat(text));
    }
}

/// A line's text outside a table, where empty cells are nothing.
fn flat(text: &str) -> String {
    let cells: Vec<&str> = text.split(CELL_JOINT).filter(|cell| !cell.is_empty()).collect();
    shown(&cells.join(CELL_JOINT))
}

/// A line's text, its cells parted as in a table.
pub(super) fn row_text(line: &Line) -> String {
    let text = shown(&line.text);
    match line.cells {
        0 | 1 => text,
        _ => format!("| {} |", text.split(CELL_JOINT).collect::<Vec<_>>().join(" | ")),
    }
}

fn ready(text: &str, builder: &mut Builder) {
    for paragraph in text.split("\n\n") {
        let lines: Vec<String> = paragraph.lines().map(super::lines::readable).collect();
        builder.block(BlockKind::Paragraph, &lines.join("\n"));
    }
}

fn put(joint: Joint, line: &Line, words: &HashSet<String>, builder: &mut Builder) {
    write_line(joint, line, words, builder);
    builder.place(line.place);
}

fn write_line(joint: Joint, line: &Line, words: &HashSet<String>, builder: &mut Builder) {
    match joint {
        Joint::Block(BlockKind::TableRow) => builder.block(BlockKind::TableRow, &row_text(line)),
        Joint::Block(kind) => builder.block(kind, &flat(&line.text)),
        Joint::Table => builder.table(&row_text(line)),
        Joint::Line(indent) => {
            let joint = format!("\n{}", " ".repeat(indent));
            builder.extend(&joint, &flat(&line.text));
        }
        Joint::Same => {
            let joint = match hyphen(builder.text(), &line.text, words) {
                Hyphen::None => " ",
                Hyphen::Keep => "",
                Hyphen::Drop => {
                    builder.pop();
                    ""
                }
            };
            builder.extend(joint, &flat(&line.text));
        }
    }
}

/// Soft hyphens show only at a line's end.
fn shown(text: &str) -> String {
    match text.strip_suffix('\u{ad}') {
        Some(stem) => format!("{}-", stem.replace('\u{ad}', "")),
        None => text.replace('\u{ad}', ""),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Hyphen {
    None,
    Keep,
    Drop,
}

/// What to do with a hyphen at the end of `before` when `line` goes on.
fn hyphen(before: &str, line: &str, words: &HashSet<String>) -> Hyphen {
    let Some(stem) = before.strip_suffix(['-', '\u{2010}']) else { return Hyphen::None };
    let first: String = stem.chars().rev().take_while(|c| c.is_alphanumeric()).collect();
    let first: String = first.chars().rev().collect();
    let second: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
    if first.is_empty() || second.is_empty() {
        return Hyphen::None;
    }
    if second.starts_with(|c: char| !c.is_lowercase()) {
        return Hyphen::Keep;
    }
    let whole = format!("{first}{second}").to_lowercase();
    let parted = format!("{first}-{second}").to_lowercase();
    // A word that the document itself writes with a hyphen keeps it.
    if words.contains(&parted) && !words.contains(&whole) { Hyphen::Keep } else { Hyphen::Drop }
}

/// The words of all lines but those a line break may have cut.
fn vocabulary(pages: &[PageText]) -> HashSet<String> {
    let mut words = HashSet::new();
    for page in pages {
        let PageText::Lines(lines) = page else { continue };
        for line in lines {
            for word in line.text.split_whitespace() {
                let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
                if !word.ends_with('-') && !word.is_empty() {
                    words.insert(word.to_lowercase());
                }
            }
        }
    }
    words
}

/// The usual distance between base lines, as a multiple of the type size.
fn leading(lines: &[&Line]) -> f32 {
    let mut ratios: Vec<f32> = lines
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] if a.column == b.column && (a.size - b.size).abs() < 0.6 => {
                Some((a.y - b.y) / b.size.max(1.0))
            }
            _ => None,
        })
        .filter(|ratio| (0.8..2.6).contains(ratio))
        .collect();
    ratios.sort_by(f32::total_cmp);
    // Paragraph gaps only widen distances, so the lower quartile is the leading.
    ratios.get(ratios.len() / 4).copied().unwrap_or(1.25)
}

/// How `line` goes on from `last`; `true` with it when a page lies between.
fn joint(last: Option<(&Line, bool)>, line: &Line, next: Option<&Line>, leading: f32) -> Joint {
    let row = line.heading.is_none() && is_row(line, last.map(|(last, _)| last), next);
    let starts = Joint::Block(if row { BlockKind::TableRow } else { kind(line) });
    let Some((last, new_page)) = last else { return starts };
    if line.heading.is_some() || last.heading.is_some() {
        return if goes_on_as_heading(last, line, new_page) { Joint::Same } else { starts };
    }
    if row {
        return if line.parted { Joint::Table } else { starts };
    }
    if last.cells > 1 && line.cells > 1
        || is_item(&line.text) && (ends(last) || is_bullet(&line.text) || is_short(last, line))
    {
        return starts;
    }
    if new_page || last.column != line.column {
        let unfinished = !ends(last)
            && line.text.starts_with(char::is_lowercase)
            && (last.size - line.size).abs() < 0.6;
        return if unfinished { Joint::Same } else { starts };
    }
    let gap = last.y - line.y;
    let near = gap > -1.0 && gap <= (leading * 1.32).max(1.05) * line.size.max(last.size);
    if !near || (last.size - line.size).abs() > 0.09 * line.size.max(last.size) {
        return starts;
    }
    if last.mono && line.mono {
        let width = line.size * 0.6;
        return Joint::Line(((line.x0 - line.left) / width).clamp(0.0, 40.0).round() as usize);
    }
    let indented = line.x0 - last.x0 > 0.8 * line.size && last.x0 - line.left < 0.8 * line.size;
    if indented && !is_item(&last.text) && ends(last) {
        return starts;
    }
    if is_short(last, line) || is_contents_entry(&last.text) {
        let paragraph = ends(last) && gap > leading * 1.12 * line.size;
        return if paragraph { starts } else { Joint::Line(0) };
    }
    Joint::Same
}

fn kind(line: &Line) -> BlockKind {
    match line.heading {
        Some(level) => BlockKind::Heading(level),
        None if is_item(&line.text) => BlockKind::ListItem,
        None if line.mono => BlockKind::Code,
        None => BlockKind::Paragraph,
    }
}

fn goes_on_as_heading(last: &Line, line: &Line, new_page: bool) -> bool {
    let alike = last.heading == line.heading
        && (last.size - line.size).abs() < 0.6
        && last.bold == line.bold;
    let gap = last.y - line.y;
    let own_number = line.text.starts_with(|c: char| c.is_ascii_digit());
    alike
        && !new_page
        && !own_number
        && last.column == line.column
        && gap > 0.0
        && gap < 1.6 * line.size
}

/// A line of several cells beside others of its kind.
fn is_row(line: &Line, last: Option<&Line>, next: Option<&Line>) -> bool {
    let beside = |other: Option<&Line>| {
        other.is_some_and(|other| other.cells > 1 && other.column == line.column)
    };
    line.cells >= 3 || line.cells == 2 && (beside(last) || beside(next))
}

/// Whether the next word would have fitted on the line: then the break was meant.
fn is_short(last: &Line, line: &Line) -> bool {
    let chars = line.text.chars().count().max(1) as f32;
    let word = line.text.split_whitespace().next().map_or(0, |word| word.chars().count()) as f32;
    let width = (line.x1 - line.x0) / chars * (word + 1.0);
    last.x1 + width < last.right - 0.5 * line.size
}

/// A line of a table of contents: a title, leaders, a page number.
fn is_contents_entry(text: &str) -> bool {
    text.contains('\u{2026}') && ends_in_page(text)
}

fn ends(line: &Line) -> bool {
    // A mark of a note may follow.
    let text = line.text.trim_end_matches(|c: char| c == ' ' || is_raised(c));
    let text = text.trim_end_matches(['"', '\'', ')', ']', '\u{201d}', '\u{2019}', '\u{bb}']);
    text.ends_with(['.', '!', '?', ':', ';', '\u{2026}', '\u{3002}', '\u{61f}', '\u{6d4}'])
}

fn is_raised(c: char) -> bool {
    matches!(c, '\u{b9}' | '\u{b2}' | '\u{b3}' | '\u{2070}'..='\u{2079}')
}

fn is_bullet(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    let bullet = matches!(
        first,
        Some(
            '\u{2022}' | '\u{25cf}' | '\u{25aa}' | '\u{25e6}' | '\u{2023}' | '\u{b7}' | '\u{25a0}'
        )
    );
    bullet || matches!(first, Some('-' | '\u{2013}' | '*')) && chars.next() == Some(' ')
}

fn is_item(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..).unwrap_or_default();
    is_bullet(text)
        || (1..=3).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_at_line_ends_go_unless_they_belong() {
        let words: HashSet<String> = ["well-known".to_owned()].into();
        assert_eq!(hyphen("the transfor-", "mation of", &words), Hyphen::Drop);
        assert_eq!(hyphen("a well-", "known fact", &words), Hyphen::Keep);
        assert_eq!(hyphen("Schwarz-", "Wei\u{df}", &words), Hyphen::Keep);
        assert_eq!(hyphen("a range 3 -", "and", &words), Hyphen::None);
        assert_eq!(hyphen("no hyphen", "here", &words), Hyphen::None);
    }

    #[test]
    fn items_are_told_from_numbers_in_the_text() {
        assert!(is_item("1. First") && is_item("\u{2022} x") && is_item("- x") && is_item("12) y"));
        assert!(!is_item("2013 was") && !is_item("3.14 is") && !is_item("-5 degrees"));
    }
}
