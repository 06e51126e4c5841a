//! The numbers of OpenDocument's lists and headings: list styles say how a level is numbered,
//! and items are counted along the text.

use std::collections::{HashMap, HashSet};

use crate::write::Numerals;
use crate::xml::Attributes;

/// Levels of a list style.
const LEVELS: usize = 10;
/// Chars of what stands before or after a number that are used.
const TEXT_CHARS_MAX: usize = 100;
/// What stands before an item without a number.
pub(super) const BULLET: &str = "-";
/// The name under which the levels of headings are kept; no style is called so.
const OUTLINE: &str = "\0";

/// One level of a list style.
#[derive(Clone, Debug, Default)]
struct Level {
    /// None for a level without numbers.
    numerals: Option<Numerals>,
    before: String,
    after: String,
    /// How many levels' numbers are shown, this one's last.
    shown: usize,
    start: u32,
    bullet: bool,
}

type Levels = HashMap<usize, Level>;

/// A list around the present text.
#[derive(Debug)]
struct List {
    style: String,
    /// From 0.
    level: usize,
    /// An item has begun and has no number yet: it is given to its first paragraph.
    waiting: bool,
    /// The number that the waiting item is to have.
    start: Option<u32>,
}

/// List styles, and what has been counted.
#[derive(Debug, Default)]
pub(super) struct Lists {
    styles: HashMap<String, Levels>,
    /// The style whose levels are being read.
    reading: Option<String>,
    open: Vec<List>,
    counts: HashMap<String, [Option<u32>; LEVELS]>,
    /// Paragraph styles that take their numbers away.
    unnumbered: HashSet<String>,
}

impl Lists {
    /// A tag within a definition of styles.
    pub(super) fn define(&mut self, name: &str, attributes: &Attributes) {
        match name {
            "text:list-style" => {
                self.reading = attributes.find("style:name").map(str::to_owned);
            }
            "text:outline-style" => self.reading = Some(OUTLINE.to_owned()),
            "text:list-level-style-number"
            | "text:outline-level-style"
            | "text:list-level-style-bullet"
            | "text:list-level-style-image" => {
                let Some(style) = &self.reading else { return };
                let at = attributes.count("text:level", LEVELS) - 1;
                let mut level = level(attributes);
                level.bullet = name.ends_with("bullet") || name.ends_with("image");
                self.styles.entry(style.clone()).or_default().insert(at, level);
            }
            "style:style" if attributes.find("style:list-style-name") == Some("") => {
                self.unnumbered.extend(attributes.find("style:name").map(str::to_owned));
            }
            _ => {}
        }
    }

    /// A list starts, in an item of another or by itself.
    pub(super) fn open(&mut self, attributes: &Attributes) {
        let own = attributes.find("text:style-name");
        let above = self.open.last().map(|list| list.style.clone());
        let style = own.map(str::to_owned).or(above).unwrap_or_default();
        let level = self.open.len();
        let goes_on = attributes.find("text:continue-numbering") == Some("true")
            || attributes.find("text:continue-list").is_some();
        let begins = self.open.last().is_none_or(|above| above.style != style);
        if begins && !goes_on {
            self.counts.remove(&style);
        }
        self.open.push(List { style, level, waiting: false, start: None });
    }

    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    pub(super) fn item(&mut self, attributes: &Attributes) {
        if let Some(list) = self.open.last_mut() {
            list.waiting = true;
            list.start = attributes.find("text:start-value").and_then(|start| start.parse().ok());
        }
    }

    /// The marker of a paragraph that starts, if it is the first of an item.
    pub(super) fn marker(&mut self) -> Option<String> {
        let list = self.open.last_mut().filter(|list| list.waiting)?;
        list.waiting = false;
        let (style, level, start) = (list.style.clone(), list.level, list.start.take());
        Some(self.next(&style, level, start).unwrap_or_else(|| BULLET.to_owned()))
    }

    /// The number of a heading that starts, of a level from 1, where headings have numbers.
    pub(super) fn heading(&mut self, attributes: &Attributes, level: usize) -> Option<String> {
        let style = attributes.find("text:style-name");
        let plain = attributes.find("text:is-list-header") == Some("true")
            || style.is_some_and(|style| self.unnumbered.contains(style));
        if plain || !self.styles.contains_key(OUTLINE) {
            return None;
        }
        let again = attributes.find("text:restart-numbering") == Some("true");
        let start = attributes.find("text:start-value").and_then(|start| start.parse().ok());
        let start = start.or(again.then_some(1));
        self.next(OUTLINE, level.saturating_sub(1), start).filter(|number| !number.is_empty())
    }

    /// Counts one on; nothing when the style has no such level.
    fn next(&mut self, style: &str, at: usize, start: Option<u32>) -> Option<String> {
        let at = at.min(LEVELS - 1);
        let levels = self.styles.get(style)?;
        let level = levels.get(&at)?;
        let counts = self.counts.entry(style.to_owned()).or_default();
        for (place, count) in counts.iter_mut().enumerate().skip(at) {
            let next = count.map_or(level.start, |count| count.saturating_add(1));
            *count = (place == at).then(|| start.unwrap_or(next));
        }
        if level.bullet {
            return Some(BULLET.to_owned());
        }
        let first = (at + 1).saturating_sub(level.shown.max(1));
        let numbers = (first..=at).filter_map(|place| {
            let of = levels.get(&place)?;
            let number = counts.get(place).copied().flatten().unwrap_or(of.start);
            Some(of.numerals?.write(number))
        });
        let number = numbers.collect::<Vec<_>>().join(".");
        // A level without numbers may still have a text of its own.
        Some(format!("{}{number}{}", level.before, level.after).trim().to_owned())
    }
}

fn level(attributes: &Attributes) -> Level {
    let text = |name: &str| {
        attributes.find(name).unwrap_or_default().chars().take(TEXT_CHARS_MAX).collect()
    };
    let numerals = match attributes.find("style:num-format").unwrap_or_default() {
        "" => None,
        "a" => Some(Numerals::LowerLetter),
        "A" => Some(Numerals::UpperLetter),
        "i" => Some(Numerals::LowerRoman),
        "I" => Some(Numerals::UpperRoman),
        _ => Some(Numerals::Decimal),
    };
    Level {
        numerals,
        before: text("style:num-prefix"),
        after: text("style:num-suffix"),
        shown: attributes.count("text:display-levels", LEVELS),
        start: attributes
            .find("text:start-value")
            .and_then(|start| start.parse().ok())
            .unwrap_or(1),
        bullet: false,
    }
}
