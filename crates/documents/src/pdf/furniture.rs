//! Running heads, running feet and page numbers: taken out only where pages agree.
//! The words of each are kept once.
//!
//! A running line kept as text does little harm, a line of the text taken for one is lost. So a
//! line goes only when it stands in a margin, apart from the text, and is no title, and when other
//! pages show that it runs: by the very same words, by the page's number beside words that may
//! change with the chapter, or by running lines at its height. Its words stay once, unless a line
//! of the text says them too.

mod heads;
mod margin;
mod numbers;
mod signs;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use super::lines::Line;
use heads::{plain, together};
use margin::Block;
use numbers::{Number, Stand, numbers};
use signs::Signs;

/// Documents with fewer pages say too little about what repeats.
const PAGES_MIN: usize = 3;
/// Lines of the text that may say together what a running line says.
const LINES_MAX: usize = 3;
/// Pages between a title and the first running line that says it, at most. What is named further
/// away, as in a list of names, does not tell what the pages here are about.
const TITLE_PAGES_MAX: usize = 3;

/// Running lines that were taken out of the pages.
#[derive(Debug, Default)]
pub(super) struct Furniture {
    /// How many lines.
    pub(super) removed: usize,
    kept: Vec<Kept>,
    known: HashSet<String>,
    /// Lines that the file itself calls running ones, with their pages (from 0).
    named: Vec<(usize, String)>,
}

/// The words of a running line.
#[derive(Debug)]
struct Kept {
    /// The first page (from 0) that shows them.
    page: usize,
    text: String,
    /// The same for the same words, however they are set.
    key: String,
}

impl Furniture {
    /// A line that the file itself calls a running one.
    pub(super) fn name(&mut self, page: usize, text: &str) {
        self.named.push((page, text.to_owned()));
    }

    /// What was kept from `page`.
    pub(super) fn of(&self, page: usize) -> impl Iterator<Item = &str> {
        self.kept.iter().filter(move |kept| kept.page == page).map(|kept| kept.text.as_str())
    }

    /// Keeps the words of a running line, unless they were kept before.
    fn keep(&mut self, page: usize, running: Running) {
        self.removed += 1;
        if let Running::Words { key, text } = running
            && self.known.insert(key.clone())
        {
            self.kept.push(Kept { page, text, key });
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
                let number = numbers.iter().find(runs);
                Running::words(number.map_or(&text, |number| &number.frame), &text)
            };
            self.keep(page, running);
        }
    }

    /// Drops the words that lines of the text say as well, there or shortly before: those of a head
    /// that is the title of its chapter.
    fn drop_said(&mut self, pages: &[Vec<Line>]) {
        let keys: HashSet<&str> = self.kept.iter().map(|kept| kept.key.as_str()).collect();
        let Some(longest) = keys.iter().map(|key| key.len()).max() else { return };
        let mut said: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, page) in pages.iter().enumerate() {
            for at in 0..page.len() {
                let texts = together(page.iter().skip(at).take(LINES_MAX));
                let texts = texts.take_while(|text| text.len() <= longest);
                for text in texts.filter(|text| keys.contains(text.as_str())) {
                    said.entry(text).or_default().push(number);
                }
            }
        }
        let near = |page: usize, shown: usize| (page..=page + TITLE_PAGES_MAX).contains(&shown);
        self.kept.retain(|kept| {
            let pages = said.get(&kept.key).map(Vec::as_slice).unwrap_or_default();
            !pages.iter().any(|page| near(*page, kept.page))
        });
    }
}

/// What a running line says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Running {
    /// The page's number.
    Number,
    /// Words, and what is the same wherever they stand.
    Words { key: String, text: String },
}

impl Running {
    /// The words `text`, the same as others that say `said`.
    fn words(said: &str, text: &str) -> Self {
        let key = Some(plain(said)).filter(|key| !key.is_empty());
        Self::Words { key: key.unwrap_or_else(|| text.to_owned()), text: text.to_owned() }
    }
}

/// Takes running lines out of the pages.
pub(super) fn remove(pages: &mut [Vec<Line>], furniture: &mut Furniture) {
    furniture.settle();
    let filled = pages.iter().filter(|page| !page.is_empty()).count();
    if filled >= PAGES_MIN {
        remove_turned(pages, filled, furniture);
    }
    let usual = margin::usual(pages);
    let margins: Vec<Vec<Block>> = pages.iter().map(|page| margin::blocks(page, usual)).collect();
    let signs = Signs::of(pages, &margins, filled);
    for (number, (page, blocks)) in pages.iter_mut().zip(&margins).enumerate() {
        let mut gone = HashSet::new();
        for found in signs.running(blocks, number) {
            if found.places.iter().all(|at| !gone.contains(at)) {
                gone.extend(found.places);
                furniture.keep(number, found.running);
            }
        }
        for at in signs.numbered(blocks, number) {
            // A page's number in a layout of its own is no cell of a table.
            if let Some(line) = page.get_mut(at) {
                line.cells = 1;
            }
        }
        let mut at = 0;
        page.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
    }
    furniture.drop_said(pages);
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
                furniture.keep(number, Running::words(&line.text, &line.text));
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

/// The numbers of a line that may be those of the page at `index` (from 0).
fn of_page(text: &str, index: usize) -> Vec<Number> {
    numbers(text).into_iter().filter(|number| number.may_number(index)).collect()
}

/// How far a number is from the page's place among the pages.
fn offset(number: &Number, index: usize) -> i64 {
    number.value - index as i64
}
