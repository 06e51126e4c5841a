//! Styles of paragraphs, as far as they say that a paragraph is a heading.

use std::collections::HashMap;

/// Styles of one file that are kept.
const STYLES_MAX: usize = 10_000;
/// How the names of styles for headings begin, in lower case; their level follows.
const HEADINGS: [&str; 3] = ["heading ", "überschrift ", "titre "];
/// Outline levels from this one on are none: 9 is that of running text.
const LEVELS: i32 = 9;

/// A style in the making.
#[derive(Debug, Default)]
pub(super) struct Style {
    pub(super) number: i32,
    /// From 0, as the file counts.
    pub(super) outline: Option<i32>,
    pub(super) name: String,
}

/// The levels, from 1, of the styles that are headings.
#[derive(Debug, Default)]
pub(super) struct Styles(HashMap<i32, u8>);

impl Styles {
    pub(super) fn add(&mut self, style: &Style) {
        let level = style.outline.and_then(level).or_else(|| named(&style.name));
        if let Some(level) = level.filter(|_| self.0.len() < STYLES_MAX) {
            self.0.insert(style.number, level);
        }
    }

    /// The level of a paragraph in a style, with an outline level of its own or none.
    pub(super) fn level(&self, style: i32, outline: Option<i32>) -> Option<u8> {
        match outline {
            Some(outline) => level(outline),
            None => self.0.get(&style).copied(),
        }
    }
}

/// The level of a heading, from 1, by an outline level.
fn level(outline: i32) -> Option<u8> {
    (0..LEVELS).contains(&outline).then(|| u8::try_from(outline + 1).unwrap_or(1))
}

fn named(name: &str) -> Option<u8> {
    let name = name.trim().trim_end_matches(';').trim().to_lowercase();
    if name == "title" {
        return Some(1);
    }
    let number = HEADINGS.iter().find_map(|begin| name.strip_prefix(begin))?;
    number.trim().parse().ok().filter(|level| (1..=9).contains(level))
}
