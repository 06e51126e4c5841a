//! What running lines have in common from page to page, and which lines of margins are running.

use std::collections::{HashMap, HashSet};

use super::super::headings;
use super::super::lines::Line;
use super::heads::{is_head, is_statement, plain, together};
use super::margin::{Block, Edge, Gap, Row};
use super::numbers::{Number, Stand, numbers};
use super::{PAGES_MIN, Running, is_usual, of_page, offset};

/// Running lines are shorter, in chars.
const CHARS_MAX: usize = 120;
/// Pages that a running line may leave out (the other side of a leaf, the first page of a part).
const STEP_MAX: usize = 3;
/// Lines of more cells are rows of a table, unless they have the page's number.
const CELLS_MAX: usize = 2;
/// A title takes so many lines, at most.
const TITLE_LINES_MAX: usize = 3;

/// What running lines have in common, with the height at which they stand.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Sign {
    /// The same text.
    Words(String, Height),
    /// The same text but for a number so far from the page's own.
    Page(String, i64, Height),
    /// A number so far from the page's own beside whatever text.
    Course(i64, Height),
    /// Any line far from the text.
    Any(Height),
    /// A line that is surely a running one.
    Sure(Height),
}

/// A height on a page, in steps that small differences do not matter to. Lines less than two
/// points apart have one of their two heights in common.
type Height = i32;

fn heights(line: &Line) -> [Height; 2] {
    const STEP: f32 = 4.0;
    let step = |y: f32| (y / STEP).floor() as i32 * 2;
    [step(line.y), step(line.y + STEP / 2.0) + 1]
}

/// A running line of a page.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its lines among those of the page.
    pub(super) places: Vec<usize>,
    pub(super) running: Running,
    heights: [Height; 2],
}

/// The signs of all lines in margins, each with the pages (from 0, in order) that show it.
#[derive(Debug)]
pub(super) struct Signs {
    seen: HashMap<Sign, Vec<usize>>,
    /// How many pages have text.
    filled: usize,
    body: Option<Body>,
    /// The titles in the text, each with the first page (from 0) that has it.
    titles: HashMap<String, usize>,
}

impl Signs {
    /// `margins` are the blocks of each page.
    pub(super) fn of(pages: &[Vec<Line>], margins: &[Vec<Block>], filled: usize) -> Self {
        let (seen, body) = (HashMap::new(), Body::of(pages));
        let mut signs = Self { seen, filled, body, titles: HashMap::new() };
        signs.titles = signs.titles(pages);
        for (page, blocks) in margins.iter().enumerate() {
            let rows =
                blocks.iter().flat_map(|block| block.rows.iter().map(move |row| (row, block.gap)));
            let lines = rows.flat_map(|(row, gap)| row.lines().map(move |line| (line, gap)));
            let lines = lines.filter(|(line, _)| signs.may_run(line));
            let found: HashSet<Sign> =
                lines.flat_map(|(line, gap)| signs_of(line, page, gap)).collect();
            signs.add(found, page);
        }
        // What is less sure leans on what is found without it.
        let sure = |(page, blocks): (usize, &Vec<Block>)| -> HashSet<Sign> {
            let found = signs.running(blocks, page).into_iter();
            found.flat_map(|found| found.heights).map(Sign::Sure).collect()
        };
        let sure: Vec<HashSet<Sign>> = margins.iter().enumerate().map(sure).collect();
        for (page, sure) in sure.into_iter().enumerate() {
            signs.add(sure, page);
        }
        signs
    }

    fn add(&mut self, found: HashSet<Sign>, page: usize) {
        for sign in found {
            self.seen.entry(sign).or_default().push(page);
        }
    }

    /// The running lines of a page: rows that stand apart and of which every line is one.
    pub(super) fn running(&self, blocks: &[Block], page: usize) -> Vec<Found> {
        let edge = |edge: Edge| {
            let mut blocks = blocks.iter().filter(move |block| block.edge == edge);
            blocks.find_map(|block| self.block(block, page)).unwrap_or_default()
        };
        [edge(Edge::Top), edge(Edge::Bottom)].concat()
    }

    fn block(&self, block: &Block, page: usize) -> Option<Vec<Found>> {
        let rows = block.rows.iter().map(|row| self.row(row, block, page));
        Some(rows.collect::<Option<Vec<_>>>()?.concat())
    }

    /// A row is a running line as a whole, or in each of its parts.
    fn row(&self, row: &Row, block: &Block, page: usize) -> Option<Vec<Found>> {
        let heights = heights(&row.whole);
        if let Some(running) = self.judge(&row.whole, block, page) {
            return Some(vec![Found { places: row.places.clone(), running, heights }]);
        }
        if row.parts.is_empty() {
            return None;
        }
        let parts = row.parts.iter().zip(&row.places).map(|(line, place)| {
            let running = self.judge(line, block, page)?;
            Some(Found { places: vec![*place], running, heights })
        });
        parts.collect()
    }

    /// What a line in the margin says when it is a running one.
    fn judge(&self, line: &Line, block: &Block, page: usize) -> Option<Running> {
        if !self.may_run(line) {
            return None;
        }
        let wide = block.gap == Gap::Wide;
        if self.filled < PAGES_MIN {
            let counted = wide && block.edge == Edge::Bottom && self.is_counted(line, page);
            return counted.then_some(Running::Number);
        }
        let heights = heights(line).map(|height| (line, height));
        let number = heights.iter().find_map(|at| self.by_number(*at, page, wide));
        let words = || heights.iter().find_map(|at| self.by_words(*at, page));
        number.or_else(|| words().filter(|_| wide))
    }

    /// What a line says that has the page's number.
    fn by_number(
        &self,
        (line, height): (&Line, Height),
        page: usize,
        wide: bool,
    ) -> Option<Running> {
        of_page(&line.text, page).into_iter().find_map(|number| {
            let offset = offset(&number, page);
            let same = self.pages(&Sign::Page(number.frame.clone(), offset, height));
            // Heads change with the parts of a document. One that stands on one page only goes
            // where others at its height are known, else it may be the page's title.
            let changing = || {
                let course = self.pages(&Sign::Course(offset, height));
                let head = || {
                    let known = self.pages(&Sign::Sure(height)).len() * 3 >= course.len();
                    known && wide && !self.is_title(line) && is_head(&number.words)
                };
                is_dense(course) && (same.len() > 1 || head())
            };
            let words = number.stand != Stand::Alone;
            if number.stand == Stand::Beside || !(is_dense(same) || words && changing()) {
                return None;
            }
            Some(match number.stand {
                Stand::Alone => Running::Number,
                Stand::Apart => Running::words(&number.words, &number.words),
                Stand::Named | Stand::Beside => Running::words(&number.frame, &line.text),
            })
        })
    }

    /// What a line says that stands on other pages as well, or is a title of the text.
    fn by_words(&self, (line, height): (&Line, Height), page: usize) -> Option<Running> {
        if self.is_title(line) {
            return None;
        }
        let same = self.pages(&Sign::Words(line.text.clone(), height));
        let local = || line.cells <= CELLS_MAX && is_head(&line.text);
        let on_half = |sign: Sign| self.pages(&sign).len() * 2 >= self.filled;
        let near = || run(same, page);
        let running = is_usual(same.len(), self.filled)
            || local() && near() >= PAGES_MIN && on_half(Sign::Any(height))
            || on_half(Sign::Sure(height)) && (local() && near() > 1 || self.is_said(line, page));
        running.then(|| Running::words(&line.text, &line.text))
    }

    fn pages(&self, sign: &Sign) -> &[usize] {
        self.seen.get(sign).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a line at the foot of a short document is its page's own number and every page
    /// has one.
    fn is_counted(&self, line: &Line, page: usize) -> bool {
        let counted = |number: Number| {
            let own = number.stand == Stand::Alone && offset(&number, page) == 1;
            let on_all = |height| {
                self.pages(&Sign::Page(number.frame.clone(), 1, height)).len() == self.filled
            };
            own && heights(line).into_iter().any(on_all)
        };
        of_page(&line.text, page).into_iter().any(counted)
    }

    /// Lines of the page with the page's number that no table has: each is the only one of its
    /// row, far from the text.
    pub(super) fn numbered(&self, blocks: &[Block], page: usize) -> Vec<usize> {
        let wide = blocks.iter().filter(|block| block.gap == Gap::Wide);
        let rows = wide.flat_map(|block| &block.rows);
        let rows = rows.filter(|row| row.parts.is_empty() && row.whole.cells <= 3);
        let numbered = |row: &&Row| {
            of_page(&row.whole.text, page).into_iter().any(|number| {
                let offset = offset(&number, page);
                let elsewhere = |height| {
                    let same = Sign::Page(number.frame.clone(), offset, height);
                    self.pages(&Sign::Course(offset, height)).len() > 1
                        || self.pages(&same).len() > 1
                };
                number.stand != Stand::Beside
                    && (offset == 1 || heights(&row.whole).into_iter().any(elsewhere))
            })
        };
        rows.filter(numbered).filter_map(|row| row.places.first()).copied().collect()
    }

    /// Whether a line says nothing that must stay: it is no title, and names no sum or number
    /// of anything but pages.
    fn may_run(&self, line: &Line) -> bool {
        let numbered = || numbers(&line.text).iter().any(|number| number.stand != Stand::Beside);
        let large = self.body.as_ref().is_some_and(|body| body.is_small(line));
        !large
            && (!self.is_title(line) || numbered())
            && line.text.chars().count() < CHARS_MAX
            && !is_statement(&line.text)
    }

    /// Whether a line is set as titles are.
    fn is_title(&self, line: &Line) -> bool {
        self.body.as_ref().is_some_and(|body| body.is_small(line) || line.bold && !body.bold)
    }

    /// Whether a line is a title of the text on this page or one before it.
    fn is_said(&self, line: &Line, page: usize) -> bool {
        line.cells <= CELLS_MAX
            && self.titles.get(&plain(&line.text)).is_some_and(|first| *first <= page)
    }

    /// The titles among the lines that cannot be running ones.
    fn titles(&self, pages: &[Vec<Line>]) -> HashMap<String, usize> {
        let mut titles = HashMap::new();
        for (number, page) in pages.iter().enumerate() {
            let title = |line: &&Line| self.is_title(line) && !self.may_run(line);
            for at in 0..page.len() {
                let lines = page.iter().skip(at).take(TITLE_LINES_MAX).take_while(title);
                for text in together(lines) {
                    titles.entry(text).or_insert(number);
                }
            }
        }
        titles.remove("");
        titles
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

    /// Whether it is clearly smaller than a line.
    fn is_small(&self, line: &Line) -> bool {
        line.size >= self.size * 1.12
    }
}

/// Whether the pages (from 0, in order) that show a number running with them are close enough.
fn is_dense(pages: &[usize]) -> bool {
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else { return false };
    is_usual(pages.len(), last - first + 1)
}

/// How many of `pages` (in order) lie with `page` in a run that leaves out few between; no more
/// are counted than matter.
fn run(pages: &[usize], page: usize) -> usize {
    let Ok(at) = pages.binary_search(&page) else { return 0 };
    let near = |pair: &&[usize]| matches!(pair, [a, b] if b - a <= STEP_MAX);
    let (before, after) = (pages.get(..=at), pages.get(at..));
    let before = before.unwrap_or_default().windows(2).rev().take(PAGES_MIN).take_while(near);
    let after = after.unwrap_or_default().windows(2).take(PAGES_MIN).take_while(near);
    before.count() + after.count() + 1
}

fn signs_of(line: &Line, page: usize, gap: Gap) -> Vec<Sign> {
    let mut signs = Vec::new();
    for height in heights(line) {
        if gap == Gap::Wide {
            signs.push(Sign::Any(height));
            if line.text.chars().any(char::is_alphabetic) {
                signs.push(Sign::Words(line.text.clone(), height));
            }
        }
        for number in of_page(&line.text, page) {
            let offset = offset(&number, page);
            if matches!(number.stand, Stand::Named | Stand::Apart) {
                signs.push(Sign::Course(offset, height));
            }
            signs.push(Sign::Page(number.frame, offset, height));
        }
    }
    signs
}
