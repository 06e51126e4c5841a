//! Cuts a document along its structure into pieces of bounded token count.
//!
//! The text is tokenised once. It is taken apart into units (headings, sentences,
//! list items, table rows, lines of code) that are cut only when one alone exceeds
//! the bound; units are then packed into chunks that end at headings, paragraphs
//! or sentences, in this order of preference. A chunk is always one contiguous
//! piece of the document's text.

mod headers;
mod pack;
mod strategies;
mod units;

#[cfg(test)]
mod strategy_tests;
#[cfg(test)]
mod tests;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::document::{CharIndex, Document};
use units::{Tokens, Unit};

pub use headers::{cells, header_row};
pub use strategies::{Piece, Pieces, Strategy, cut};

/// Finds the tokens of a text: their **byte** ranges, in order.
///
/// Closures of the same shape implement it.
pub trait TokenCounter {
    /// The byte range of each token of `text`.
    fn tokens(&self, text: &str) -> Vec<(usize, usize)>;
}

impl<F: Fn(&str) -> Vec<(usize, usize)>> TokenCounter for F {
    fn tokens(&self, text: &str) -> Vec<(usize, usize)> {
        self(text)
    }
}

/// How large chunks may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOptions {
    /// No chunk has more tokens than this (at least 1).
    pub max_tokens: usize,
    /// At most this many tokens at a chunk's start repeat the end of the one before,
    /// in whole sentences; never more than half of `max_tokens`.
    pub overlap_tokens: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { max_tokens: 800, overlap_tokens: 400 }
    }
}

/// One piece of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its place among the document's chunks, from 0.
    pub ordinal: usize,
    /// Its text: exactly the document's text from `char_start` to `char_end`.
    pub text: String,
    /// Where it starts, in chars.
    pub char_start: usize,
    /// Where it ends (exclusive), in chars.
    pub char_end: usize,
    /// The page it starts on.
    pub page: Option<u32>,
    /// The headings that all of it lies under, topmost first.
    pub heading: Vec<String>,
    /// Its tokens, as counted in the whole text.
    pub tokens: usize,
}

/// Cuts `document` into chunks. Every character that is not white space lies in at least one.
pub fn chunk(
    document: &Document,
    options: &ChunkOptions,
    counter: &dyn TokenCounter,
) -> Vec<Chunk> {
    let index = CharIndex::new(&document.text);
    let tokens = Tokens::new(counter.tokens(&document.text));
    sized(document, options, &index, &tokens)
}

fn sized(
    document: &Document,
    options: &ChunkOptions,
    index: &CharIndex<'_>,
    tokens: &Tokens,
) -> Vec<Chunk> {
    let max = options.max_tokens.max(1);
    let overlap = options.overlap_tokens.min(max / 2);
    let units = units::units(document, index, tokens, (max, false));
    let ranges = pack::pack(&units, tokens, max, overlap);
    ranges
        .into_iter()
        .enumerate()
        .filter_map(|(ordinal, range)| describe(document, index, tokens, &units, ordinal, range))
        .collect()
}

fn describe(
    document: &Document,
    index: &CharIndex<'_>,
    tokens: &Tokens,
    units: &[Unit],
    ordinal: usize,
    range: Range<usize>,
) -> Option<Chunk> {
    let units = units.get(range)?;
    let (start, end) = (units.first()?.start, units.last()?.end);
    let char_start = index.char_of(start);
    Some(Chunk {
        ordinal,
        text: document.text.get(start..end)?.to_owned(),
        char_start,
        char_end: index.char_of(end),
        page: document.page_at(char_start),
        heading: heading(document, units),
        tokens: tokens.count(start, end),
    })
}

/// The longest heading path that everything in `units` shares. Headings count
/// only when there is nothing else.
fn heading(document: &Document, units: &[Unit]) -> Vec<String> {
    let mut paths: Vec<usize> =
        units.iter().filter(|unit| unit.heading.is_none()).map(|unit| unit.path).collect();
    if paths.is_empty() {
        paths = units.iter().map(|unit| unit.path).collect();
    }
    paths.dedup();
    let mut shared: Option<Vec<&str>> = None;
    for path in paths {
        let own = document.heading_path(path);
        shared = Some(match shared {
            None => own,
            Some(shared) => {
                shared.into_iter().zip(own).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
            }
        });
    }
    shared.unwrap_or_default().into_iter().map(str::to_owned).collect()
}
