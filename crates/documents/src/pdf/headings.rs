//! Headings: from the outline when the file has one, else from type sizes.

use std::collections::HashMap;

use pdf_oxide::{Destination, OutlineItem, PdfDocument};

use super::lines::Line;

/// Entries looked at; outlines beyond are generated, not written.
const OUTLINE_MAX: usize = 20_000;

/// Words that announce a numbered part.
const CHAPTERS: [&str; 7] = ["chapter", "kapitel", "part", "teil", "appendix", "anhang", "section"];

/// Marks the lines that the outline names. False when it names too few to rely on.
pub(super) fn from_outline(
    outline: &[OutlineItem],
    pdf: &PdfDocument,
    pages: &mut [Vec<Line>],
) -> bool {
    let mut entries = Vec::new();
    flatten(outline, 1, &mut entries);
    let (mut matched, mut tried) = (0, 0);
    let mut resume: HashMap<usize, usize> = HashMap::new();
    for (title, level, destination) in entries {
        let page = match destination {
            Some(Destination::PageIndex(page)) => Some(*page),
            Some(Destination::Named(name)) => pdf.resolve_named_destination(name).ok().flatten(),
            None => None,
        };
        let Some((page, lines)) = page.and_then(|page| Some((page, pages.get_mut(page)?))) else {
            continue;
        };
        tried += 1;
        let from = resume.entry(page).or_default();
        if let Some(range) = locate(title, lines, *from) {
            *from = range.end;
            matched += 1;
            let named = lines.get_mut(range).unwrap_or_default().iter_mut();
            for line in named.filter(|line| !line.turned) {
                line.heading = Some(level);
            }
        }
    }
    matched > 0 && matched * 2 >= tried
}

fn flatten<'a>(
    items: &'a [OutlineItem],
    level: u8,
    entries: &mut Vec<(&'a str, u8, Option<&'a Destination>)>,
) {
    for item in items {
        if entries.len() >= OUTLINE_MAX || level > 32 {
            return;
        }
        entries.push((&item.title, level.min(6), item.dest.as_ref()));
        flatten(&item.children, level + 1, entries);
    }
}

/// The one to three lines that hold `title`, perhaps after a number.
fn locate(title: &str, lines: &[Line], from: usize) -> Option<std::ops::Range<usize>> {
    let wanted = letters(title);
    if wanted.is_empty() {
        return None;
    }
    let matches = |from: usize| {
        let mut held = String::new();
        let mut first = 0;
        for (count, line) in lines.iter().skip(from).take(3).enumerate() {
            held.push_str(&letters(&line.text));
            if count == 0 {
                first = held.len();
            }
            let rest = held.strip_suffix(wanted.as_str());
            // A number counts only on the title's own line; "Chapter 3" may stand above it.
            let numbered = rest.is_some_and(|rest| {
                rest.len() < first && rest.len() <= 8 && rest.bytes().all(|b| b.is_ascii_digit())
            });
            let chapter = rest.is_some_and(|rest| {
                let word = rest.trim_matches(|c: char| c.is_ascii_digit());
                CHAPTERS.contains(&word)
            });
            if numbered || chapter {
                return Some(from..from + count + 1);
            }
            if held.len() > wanted.len() + 32 {
                return None;
            }
        }
        None
    };
    (from..lines.len()).find_map(matches).or_else(|| (0..from.min(lines.len())).find_map(matches))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Marks lines set larger than the body, and bold numbered ones.
pub(super) fn from_type(pages: &mut [Vec<Line>]) {
    let Some(body) = body_size(pages) else { return };
    let total: usize = pages.iter().map(Vec::len).sum();
    let mut sizes: HashMap<i32, usize> = HashMap::new();
    for line in pages.iter().flatten().filter(|line| is_candidate(line) && line.size >= body * 1.12)
    {
        *sizes.entry(half_points(line.size)).or_default() += 1;
    }
    let mut levels: Vec<i32> = sizes
        .into_iter()
        .filter(|&(_, count)| count * 6 <= total.max(6))
        .map(|(size, _)| size)
        .collect();
    levels.sort_unstable_by(|a, b| b.cmp(a));
    let last = u8::try_from(levels.len().min(5)).unwrap_or(5);
    for page in pages {
        for line in page.iter_mut().filter(|line| is_candidate(line)) {
            let place = levels.iter().position(|&size| size == half_points(line.size));
            line.heading = match place {
                Some(place) => Some(u8::try_from(place + 1).unwrap_or(6).min(6)),
                None if line.bold && line.size >= body * 0.97 => {
                    numbering(&line.text).map(|depth| (last + depth).min(6))
                }
                None => None,
            };
        }
    }
}

/// The size most characters are set in.
pub(super) fn body_size(pages: &[Vec<Line>]) -> Option<f32> {
    let mut chars: HashMap<i32, usize> = HashMap::new();
    for line in pages.iter().flatten() {
        *chars.entry(half_points(line.size)).or_default() += line.text.len();
    }
    let (size, _) = chars.into_iter().max_by_key(|&(size, count)| (count, -size))?;
    Some(size as f32 / 2.0)
}

fn half_points(size: f32) -> i32 {
    (size * 2.0).round() as i32
}

fn is_candidate(line: &Line) -> bool {
    let chars = line.text.chars().count();
    let letters = line.text.chars().filter(|c| c.is_alphabetic()).count();
    line.cells == 1
        && !line.turned
        && (2..=160).contains(&chars)
        && letters >= 2
        && letters * 2 >= chars
        && !line.text.ends_with([',', ';'])
}

/// How deep a numbered heading such as `2.1 Results` is, if the line is one.
fn numbering(text: &str) -> Option<u8> {
    let (number, title) = text.split_once(' ')?;
    let parts: Vec<&str> = number.trim_end_matches('.').split('.').collect();
    let numbered = parts
        .iter()
        .all(|part| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    let titled = title.trim_start().starts_with(char::is_uppercase)
        && text.chars().count() <= 90
        && !text.ends_with('.');
    (numbered && titled).then(|| u8::try_from(parts.len()).unwrap_or(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, size: f32) -> Line {
        Line {
            text: text.to_owned(),
            x0: 0.0,
            x1: 100.0,
            y: 0.0,
            size,
            bold: false,
            mono: false,
            cells: 1,
            column: 0,
            left: 0.0,
            right: 100.0,
            heading: None,
            turned: false,
            parted: false,
            rows: Vec::new(),
            place: None,
        }
    }

    #[test]
    fn a_title_is_found_with_its_number_and_over_several_lines() {
        let lines = [
            "2",
            "4",
            "1.2 Metric Spaces",
            "text",
            "2 Manifolds and",
            "Complexes",
            "Chapter 3",
            "Covers",
        ];
        let lines: Vec<Line> = lines.map(|text| line(text, 10.0)).into();
        assert_eq!(locate("Metric Spaces", &lines, 0), Some(2..3));
        assert_eq!(locate("2 Manifolds and Complexes", &lines, 3), Some(4..6));
        assert_eq!(locate("Covers", &lines, 6), Some(6..8));
        assert_eq!(locate("Absent", &lines, 0), None);
    }

    #[test]
    fn larger_type_and_bold_numbers_make_levels() {
        let mut page: Vec<Line> =
            (0..20).map(|_| line("Ordinary text that fills the page", 10.0)).collect();
        page[0] = line("The Title", 18.0);
        page[1] = line("A Part", 14.0);
        page[2] = Line { bold: true, ..line("2.1 Results", 10.0) };
        page[3] = Line { bold: true, ..line("Just bold", 10.0) };
        let mut pages = [page];
        from_type(&mut pages);
        let levels: Vec<_> = pages[0].iter().take(5).map(|line| line.heading).collect();
        assert_eq!(levels, [Some(1), Some(2), Some(4), None, None]);
    }
}
