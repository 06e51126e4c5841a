//! Running heads, running feet and page numbers: taken out only where pages agree.
//! The words of each are kept once.
//!
//! A running line kept as text does little harm, a line of the text taken for one is lost. So a
//! line goes only when it stands in a margin, apart from the text, and is no title, and when the
//! very same line stands there on other pages, or one that differs by the page's number alone.

mod margin;
mod numbers;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use super::headings;
use super::lines::Line;
use margin::Edge;
use numbers::{Number, Stand, numbers};

/// Documents with fewer pages say too little about what repeats.
const PAGES_MIN: usize = 3;
/// Running lines are shorter, in chars.
const CHARS_MAX: usize = 120;

/// Running lines that were taken out of the pages.
#[derive(Debug, Default)]
pub(super) struct Furniture {
    /// How many lines.
    pub(super) removed: usize,
    /// Their words, each with the first page (from 0) that shows them.
    pub(super) kept: Vec<(usize, String)>,
    known: HashSet<String>,
    /// Lines that the file itself calls running ones, with their pages (from 0).
    named: Vec<(usize, String)>,
}

impl Furniture {
    /// A line that the file itself calls a running one.
    pub(super) fn name(&mut self, page: usize, text: &str) {
        self.named.push((page, text.to_owned()));
    }

    /// What was kept from `page`.
    pub(super) fn of(&self, page: usize) -> impl Iterator<Item = &str> {
        self.kept.iter().filter(move |(at, _)| *at == page).map(|(_, text)| text.as_str())
    }

    /// Keeps the words of a running line, unless they were kept before.
    fn keep(&mut self, page: usize, text: &str, running: Running) {
        self.removed += 1;
        if let Running::Words(words) = running
            && self.known.insert(words)
        {
            self.kept.push((page, text.to_owned()));
        }
    }

    /// Keeps what the file calls running lines: each once, page numbers not at all. Numbers that
    /// do not run with the pages tell lines apart.
    fn settle(&mut self) {
        let named = std::mem::take(&mut self.named);
        let mut seen: HashMap<(String, i64), HashSet<usize>> = HashMap::new();
        for (page, text) in &named {
            for number in of_page(text, *page) {
                let offset = offset(&number, *page);
                seen.entry((number.frame, offset)).or_default().insert(*page);
            }
        }
        for (page, text) in named {
            let numbers = of_page(&text, page);
            let runs = |number: &&Number| {
                let sign = (number.frame.clone(), offset(number, page));
                seen.get(&sign).is_some_and(|pages| pages.len() > 1)
            };
            let running = if numbers.iter().any(|number| number.stand == Stand::Alone) {
                Running::Number
            } else {
                let frame = numbers.iter().find(runs).map(|number| number.frame.clone());
                Running::Words(frame.unwrap_or_else(|| text.clone()))
            };
            self.keep(page, &text, running);
        }
    }
}

/// What a running line says.
#[derive(Debug, PartialEq, Eq)]
enum Running {
    /// The page's number.
    Number,
    /// Words; these are the same wherever it stands.
    Words(String),
}

/// Takes running lines out of the pages.
pub(super) fn remove(pages: &mut [Vec<Line>], furniture: &mut Furniture) {
    furniture.settle();
    let filled = pages.iter().filter(|page| !page.is_empty()).count();
    if filled >= PAGES_MIN {
        remove_turned(pages, filled, furniture);
    }
    let signs = Signs::of(pages, filled);
    for (number, page) in pages.iter_mut().enumerate() {
        let mut gone = HashSet::new();
        for edge in [Edge::Top, Edge::Bottom] {
            for (at, running) in signs.running(page, number, edge) {
                if let Some(line) = page.get(at).filter(|_| gone.insert(at)) {
                    furniture.keep(number, &line.text, running);
                }
            }
        }
        let mut at = 0;
        page.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
    }
}

/// Takes out what runs up or down the margin of many pages in the same words.
fn remove_turned(pages: &mut [Vec<Line>], filled: usize, furniture: &mut Furniture) {
    let beside = |page: &[Line]| -> Vec<usize> {
        (0..page.len()).filter(|at| margin::is_beside(page, *at)).collect()
    };
    let mut seen: HashMap<String, usize> = HashMap::new();
    for page in pages.iter() {
        let texts = beside(page).into_iter().filter_map(|at| page.get(at));
        for text in texts.map(|line| line.text.clone()).collect::<HashSet<_>>() {
            *seen.entry(text).or_default() += 1;
        }
    }
    seen.retain(|_, count| is_usual(*count, filled));
    for (number, page) in pages.iter_mut().enumerate() {
        let beside = beside(page);
        let mut at = 0;
        page.retain(|line| {
            at += 1;
            let running = seen.contains_key(&line.text) && beside.contains(&(at - 1));
            if running {
                furniture.keep(number, &line.text, Running::Words(line.text.clone()));
            }
            !running
        });
    }
}

/// Whether lines with the same words on so many of the pages with text are running lines.
/// Chapter titles alternate with the book's: a third of the pages is enough.
fn is_usual(count: usize, filled: usize) -> bool {
    count >= PAGES_MIN && count * 3 >= filled
}

/// What running lines have in common from page to page, with the height at which they stand.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Sign {
    /// The same text.
    Words(String, i32),
    /// The same text but for a number so far from the page's own.
    Page(String, i64, i32),
    /// A number so far from the page's own beside whatever text.
    Course(i64, i32),
}

/// The signs of all lines in margins, each with the pages (from 0, in order) that show it.
#[derive(Debug)]
struct Signs {
    seen: HashMap<Sign, Vec<usize>>,
    filled: usize,
    /// The usual distance between lines.
    spacing: Option<f32>,
    body: Option<Body>,
}

impl Signs {
    fn of(pages: &[Vec<Line>], filled: usize) -> Self {
        let (spacing, body) = (margin::usual(pages), Body::of(pages));
        let mut signs = Self { seen: HashMap::new(), filled, spacing, body };
        for (number, page) in pages.iter().enumerate() {
            let edges = [Edge::Top, Edge::Bottom].into_iter();
            let blocks = edges.flat_map(|edge| margin::blocks(page, edge, spacing));
            let lines: HashSet<usize> = blocks.flatten().collect();
            let lines = lines.into_iter().filter_map(|at| page.get(at));
            let found = lines.filter(|line| signs.may_run(line));
            let found: HashSet<Sign> = found.flat_map(|line| signs_of(line, number)).collect();
            for sign in found {
                signs.seen.entry(sign).or_default().push(number);
            }
        }
        signs
    }

    /// The running lines on an edge of a page: rows that stand apart and of which every line
    /// is one.
    fn running(&self, page: &[Line], number: usize, edge: Edge) -> Vec<(usize, Running)> {
        let running = |at: usize| Some((at, self.judge(page.get(at)?, number, edge)?));
        let block = |lines: Vec<usize>| lines.into_iter().map(running).collect::<Option<Vec<_>>>();
        let blocks = margin::blocks(page, edge, self.spacing);
        blocks.into_iter().find_map(block).unwrap_or_default()
    }

    /// What a line in the margin says when it is a running one.
    fn judge(&self, line: &Line, page: usize, edge: Edge) -> Option<Running> {
        if !self.may_run(line) {
            return None;
        }
        let height = height(line);
        if self.filled < PAGES_MIN {
            return self.is_counted(line, page, edge).then_some(Running::Number);
        }
        let pages = |sign: &Sign| self.seen.get(sign).map(Vec::as_slice).unwrap_or_default();
        for number in of_page(&line.text, page) {
            let offset = offset(&number, page);
            let same = Sign::Page(number.frame.clone(), offset, height);
            let alternating = number.stand != Stand::Alone
                && pages(&same).len() > 1
                && is_dense(pages(&Sign::Course(offset, height)));
            if number.stand == Stand::Beside || !(is_dense(pages(&same)) || alternating) {
                continue;
            }
            return Some(match number.stand {
                Stand::Alone => Running::Number,
                _ => Running::Words(number.frame),
            });
        }
        let count = pages(&Sign::Words(line.text.clone(), height)).len();
        is_usual(count, self.filled).then(|| Running::Words(line.text.clone()))
    }

    /// Whether a line at the foot of a short document is its page's own number and every page
    /// has one.
    fn is_counted(&self, line: &Line, page: usize, edge: Edge) -> bool {
        let counted = |number: Number| {
            let own = number.stand == Stand::Alone && offset(&number, page) == 1;
            let sign = Sign::Page(number.frame, 1, height(line));
            own && self.seen.get(&sign).is_some_and(|pages| pages.len() == self.filled)
        };
        edge == Edge::Bottom && of_page(&line.text, page).into_iter().any(counted)
    }

    /// Whether a line says nothing that must stay: it is no title, and names no sum or number
    /// of anything but pages.
    fn may_run(&self, line: &Line) -> bool {
        let numbered = || numbers(&line.text).iter().any(|number| number.stand == Stand::Alone);
        let title = self.body.as_ref().is_some_and(|body| {
            line.size >= body.size * 1.12 || line.bold && !body.bold && !numbered()
        });
        !title && line.text.chars().count() < CHARS_MAX && !is_statement(&line.text)
    }
}

/// How most of a document is set.
#[derive(Debug)]
struct Body {
    size: f32,
    bold: bool,
}

impl Body {
    fn of(pages: &[Vec<Line>]) -> Option<Self> {
        let size = headings::body_size(pages)?;
        let chars = |bold: bool| -> usize {
            let lines = pages.iter().flatten().filter(|line| line.bold == bold);
            lines.map(|line| line.text.len()).sum()
        };
        Some(Self { size, bold: chars(true) > chars(false) })
    }
}

/// Whether a line gives a sum, or a value after a colon.
fn is_statement(text: &str) -> bool {
    const SUMS: [char; 5] = ['\u{20ac}', '$', '\u{a3}', '\u{a5}', '\u{20b9}'];
    const MONEY: [&str; 7] = ["eur", "euro", "euros", "usd", "gbp", "chf", "dollars"];
    let digits = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    if !digits(text) {
        return false;
    }
    let is_money = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
        MONEY.contains(&word.as_str())
    };
    let value = text.split_once(": ").is_some_and(|(_, value)| digits(value));
    let of_page = || {
        let numbers = numbers(text);
        numbers.iter().any(|number| matches!(number.stand, Stand::Alone | Stand::Named))
    };
    text.contains(SUMS) || text.split_whitespace().any(is_money) || value && !of_page()
}

/// Whether the pages (from 0, in order) that show a number running with them are close enough.
fn is_dense(pages: &[usize]) -> bool {
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else { return false };
    is_usual(pages.len(), last - first + 1)
}

/// The numbers of a line that may be those of the page at `index` (from 0).
fn of_page(text: &str, index: usize) -> Vec<Number> {
    numbers(text).into_iter().filter(|number| number.may_number(index)).collect()
}

/// How far a number is from the page's place among the pages.
fn offset(number: &Number, index: usize) -> i64 {
    number.value - index as i64
}

/// The height of a line on its page, in steps that small differences do not matter to.
fn height(line: &Line) -> i32 {
    (line.y / 4.0).round() as i32
}

fn signs_of(line: &Line, page: usize) -> Vec<Sign> {
    let height = height(line);
    let mut signs = Vec::new();
    if line.text.chars().any(char::is_alphabetic) {
        signs.push(Sign::Words(line.text.clone(), height));
    }
    for number in of_page(&line.text, page) {
        let offset = offset(&number, page);
        if matches!(number.stand, Stand::Named | Stand::Apart) {
            signs.push(Sign::Course(offset, height));
        }
        signs.push(Sign::Page(number.frame, offset, height));
    }
    signs
}
