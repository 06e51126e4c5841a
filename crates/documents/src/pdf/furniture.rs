//! Running heads, running feet and page numbers: taken out only where pages agree.
//! The words of each are kept once.

use std::collections::{HashMap, HashSet};

use super::lines::Line;

/// Documents with fewer pages say too little about what repeats.
const PAGES_MIN: usize = 3;
/// Lines looked at on either end of a page.
const EDGE_LINES: usize = 2;

/// Running lines that were taken out of the pages.
#[derive(Debug, Default)]
pub(super) struct Furniture {
    /// How many lines.
    pub(super) removed: usize,
    /// Their words, each with the first page (from 0) that shows them.
    pub(super) kept: Vec<(usize, String)>,
    known: HashSet<String>,
}

impl Furniture {
    /// Keeps the words of a running line, unless they were kept before or are only a number.
    pub(super) fn keep(&mut self, page: usize, text: &str) {
        self.removed += 1;
        let words = words(text);
        if words.chars().any(char::is_alphabetic) && self.known.insert(words) {
            self.kept.push((page, text.to_owned()));
        }
    }

    /// What was kept from `page`.
    pub(super) fn of(&self, page: usize) -> impl Iterator<Item = &str> {
        self.kept.iter().filter(move |(at, _)| *at == page).map(|(_, text)| text.as_str())
    }
}

/// Takes running lines out of the pages.
pub(super) fn remove(pages: &mut [Vec<Line>], furniture: &mut Furniture) {
    let filled = pages.iter().filter(|page| !page.is_empty()).count();
    if filled < PAGES_MIN {
        return;
    }
    remove_turned(pages, filled, furniture);
    for _ in 0..EDGE_LINES {
        let round = remove_edge(pages, filled, true, furniture)
            + remove_edge(pages, filled, false, furniture);
        if round == 0 {
            break;
        }
    }
}

/// Takes out what runs up or down the same margin of many pages, in the same words.
fn remove_turned(pages: &mut [Vec<Line>], filled: usize, furniture: &mut Furniture) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for page in pages.iter() {
        let turned = page.iter().filter(|line| line.turned).map(|line| words(&line.text));
        for words in turned.collect::<HashSet<_>>() {
            *seen.entry(words).or_default() += 1;
        }
    }
    seen.retain(|_, count| is_running(*count, filled));
    for (number, page) in pages.iter_mut().enumerate() {
        page.retain(|line| {
            let running = line.turned && seen.contains_key(&words(&line.text));
            if running {
                furniture.keep(number, &line.text);
            }
            !running
        });
    }
}

/// Whether lines with the same words on so many of the pages with text are running lines.
/// Chapter titles alternate with the book's: a third of the pages is enough.
fn is_running(count: usize, filled: usize) -> bool {
    count >= 3 && count * 3 >= filled
}

/// What running lines have in common from page to page.
#[derive(PartialEq, Eq, Hash)]
enum Sign {
    /// The same words at the same height.
    Words(String, i32),
    /// A number as far from the page's own as on other pages, at the same height.
    Number(i64, i32),
}

fn remove_edge(
    pages: &mut [Vec<Line>],
    filled: usize,
    top: bool,
    furniture: &mut Furniture,
) -> usize {
    let mut seen: HashMap<Sign, usize> = HashMap::new();
    for (number, page) in pages.iter().enumerate() {
        for sign in edge(page, top).map(|at| signs(&page[at], number)).unwrap_or_default() {
            *seen.entry(sign).or_default() += 1;
        }
    }
    let sure = |sign: &Sign| {
        let count = seen.get(sign).copied().unwrap_or_default();
        match sign {
            Sign::Words(..) => is_running(count, filled),
            Sign::Number(..) => count >= 3 && count * 5 >= filled * 2,
        }
    };
    let mut removed = 0;
    for (number, page) in pages.iter_mut().enumerate() {
        let Some(at) = edge(page, top) else { continue };
        if page.len() > 1 && signs(&page[at], number).iter().any(&sure) {
            let line = page.remove(at);
            furniture.keep(number, &line.text);
            removed += 1;
        }
    }
    removed
}

/// The outermost line, if it stands apart from the text.
fn edge(page: &[Line], top: bool) -> Option<usize> {
    let height = |line: &Line| if top { line.y } else { -line.y };
    let upright = || page.iter().enumerate().filter(|(_, line)| !line.turned);
    let (at, line) = upright().max_by(|a, b| height(a.1).total_cmp(&height(b.1)))?;
    let next = upright()
        .filter(|&(other, _)| other != at)
        .map(|(_, other)| (line.y - other.y).abs())
        .fold(f32::INFINITY, f32::min);
    (next > 1.2 * line.size && line.text.chars().count() < 120).then_some(at)
}

/// The text without what changes from page to page.
fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit() && !c.is_whitespace()).collect()
}

fn signs(line: &Line, page: usize) -> Vec<Sign> {
    let height = (line.y / 4.0).round() as i32;
    let mut signs = Vec::new();
    let words = words(&line.text);
    if words.chars().any(char::is_alphabetic) {
        signs.push(Sign::Words(words, height));
    }
    let tokens: Vec<&str> = line.text.split_whitespace().collect();
    for token in [tokens.first(), tokens.last()].into_iter().flatten() {
        let digits = token.trim_matches(|c: char| !c.is_ascii_digit());
        if let Ok(number) = digits.parse::<i64>() {
            signs.push(Sign::Number(number - page as i64, height));
        }
    }
    signs
}
