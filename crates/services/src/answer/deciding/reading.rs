//! Reads the best passages closely: how near each sentence comes to the question in meaning.
//!
//! Late interaction (MaxSim, as in ColBERT, Khattab and Zaharia 2020) over the token vectors
//! of the embedding model: the nearness of a text to a question is the mean over the
//! question's tokens of the greatest cosine with one of the text's. It asks for every word
//! of the question, where a passage's one vector lets a subject in common make up for the
//! word that is not there. It costs one run of the model over what is read, also where the parts of
//! a question are read for each by itself.

use std::ops::Range;

use cairn_kernel::Result;
use cairn_search::Analyzer;
use cairn_serving::embed::DIMENSIONS;

use crate::answer::claims::codes::{Naming, naming};
use crate::answer::claims::facts::Doubt;
use crate::answer::question::asked::Asked;
use crate::answer::question::subject::Subject;
use crate::answer::writing::prompt;
use crate::retrieve::{Passage, Retrieve, Tokens};

/// Passages that are read, of each the part that is shown to a writer. Where the right
/// passage is among the best five, it is among the first three in 98 of 100 cases.
const READ: usize = 3;
/// Bytes that are read of one passage at most.
const MOST_BYTES: usize = 2000;

/// A sentence that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Index of its passage.
    pub(crate) passage: usize,
    /// Bytes of the passage's text.
    pub(crate) range: Range<usize>,
    /// How near it comes to the question, −1 to 1.
    pub(crate) nearness: f32,
    /// What it has to do with the codes that are asked for.
    pub(crate) naming: Naming,
    /// Whether it says the year that is asked for, where it says any.
    pub(crate) in_time: Option<bool>,
    /// What speaks against quoting it: that it is not about what the question names.
    pub(crate) doubt: Option<Doubt>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// How near the nearest passage comes to the question, −1 to 1; 0 when none was read.
    pub(crate) nearness: f32,
    /// Its sentences, in order.
    pub(crate) lines: Vec<Line>,
}

impl Reading {
    /// Reads the first of `passages` for a question; where that has `parts`, all of them, what is
    /// nearest to each, and for each by itself. The reading for the question comes first.
    ///
    /// # Errors
    /// `Unavailable` when the embedding model's files are absent, `Internal` when the engine
    /// fails.
    pub(crate) async fn all(
        retrieve: &Retrieve,
        analyzer: &Analyzer,
        (whole, parts): (&Asked, &[Asked]),
        passages: &[Passage],
    ) -> Result<Vec<Self>> {
        let (sought, most) = match parts {
            [] => (std::slice::from_ref(whole), READ),
            parts => (parts, passages.len()),
        };
        let excerpts: Vec<(usize, Range<usize>)> = passages
            .iter()
            .take(most)
            .enumerate()
            .flat_map(|(at, passage)| {
                let ranges = excerpts(analyzer, sought, &passage.chunk.text);
                ranges.into_iter().map(move |range| (at, range))
            })
            .collect();
        let asked: Vec<&Asked> = std::iter::once(whole).chain(parts).collect();
        if excerpts.is_empty() {
            return Ok(vec![Self::default(); asked.len()]);
        }
        let excerpt = |(at, range): &(usize, Range<usize>)| {
            let text = passages.get(*at).and_then(|passage| passage.chunk.text.get(range.clone()));
            text.unwrap_or_default().to_owned()
        };
        let questions = asked.iter().map(|asked| asked.text.clone());
        let texts: Vec<String> = questions.chain(excerpts.iter().map(excerpt)).collect();
        let tokens = retrieve.tokens(texts.clone()).await?;
        let read = |(one, question): (&&Asked, &Tokens)| {
            let mut reading = Self { nearness: -1.0, lines: Vec::new() };
            let texts = texts.iter().zip(&tokens).skip(asked.len());
            for ((at, range), (text, tokens)) in excerpts.iter().zip(texts) {
                reading.add(*at, text, range.start, question, tokens);
            }
            reading.name(&one.subject, passages);
            reading
        };
        Ok(asked.iter().zip(&tokens).map(read).collect())
    }

    /// Notes which sentences name what is asked for, and which something else.
    pub(crate) fn name(&mut self, subject: &Subject, passages: &[Passage]) {
        let asked = subject.asked_for();
        let doubts = asked.named().doubts(passages);
        for line in &mut self.lines {
            let text = passages.get(line.passage).map(|passage| &passage.chunk.text);
            let text = text.and_then(|text| text.get(line.range.clone())).unwrap_or_default();
            line.naming = naming(asked.codes(), text);
            line.in_time = asked.is_in_time(text);
            line.doubt = doubts.of(line.passage, &line.range);
        }
    }

    /// Adds the sentences of `text`, which begins at byte `start` of its passage.
    fn add(&mut self, passage: usize, text: &str, start: usize, asked: &Tokens, tokens: &Tokens) {
        let mut whole = vec![-1.0_f32; asked.len()];
        for range in cairn_documents::sentences(text) {
            let mut nearest = vec![-1.0_f32; asked.len()];
            let inside = tokens.iter().filter(|((at, _), _)| range.contains(at));
            for (_, token) in inside {
                for (held, (_, wanted)) in nearest.iter_mut().zip(asked.iter()) {
                    *held = held.max(cosine(wanted, token));
                }
            }
            for (held, found) in whole.iter_mut().zip(&nearest) {
                *held = held.max(*found);
            }
            let range = start + range.start..start + range.end;
            let (naming, in_time, doubt) = (Naming::None, None, None);
            let nearness = mean(&nearest);
            self.lines.push(Line { passage, range, nearness, naming, in_time, doubt });
        }
        self.nearness = self.nearness.max(mean(&whole));
    }
}

/// What is shown of a passage for each of these, in order; what overlaps is one.
fn excerpts(analyzer: &Analyzer, asked: &[Asked], text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> =
        asked.iter().map(|asked| clipped(analyzer, &asked.subject, text)).collect();
    ranges.sort_by_key(|range| range.start);
    let mut excerpts: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match excerpts.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => excerpts.push(range),
        }
    }
    excerpts
}

/// What is shown of a passage; of one endless sentence only so much.
fn clipped(analyzer: &Analyzer, subject: &Subject, text: &str) -> Range<usize> {
    let part = prompt::excerpt(analyzer, subject, text);
    part.start..text.floor_char_boundary(part.end.min(part.start + MOST_BYTES))
}

/// Of two vectors of length 1. In lanes, which the compiler turns into wide instructions.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    const { assert!(DIMENSIONS.is_multiple_of(LANES)) };
    sums.iter().sum()
}

fn mean(values: &[f32]) -> f32 {
    if values.is_empty() { -1.0 } else { values.iter().sum::<f32>() / values.len() as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(at: usize) -> Vec<f32> {
        let mut vector = vec![0.0; DIMENSIONS];
        vector[at] = 1.0;
        vector
    }

    #[test]
    fn each_sentence_has_its_own_nearness_and_the_passage_the_best_of_all() {
        let text = "Stone falls. Water rises.";
        let offsets = vec![(0, 5), (6, 11), (13, 18), (19, 24)];
        let tokens = Tokens::new(offsets, [axis(0), axis(1), axis(2), axis(3)].concat());
        let asked = Tokens::new(vec![(0, 1), (2, 3)], [axis(0), axis(3)].concat());
        let mut reading = Reading { nearness: -1.0, lines: Vec::new() };
        reading.add(4, text, 100, &asked, &tokens);
        let found: Vec<_> =
            reading.lines.iter().map(|line| (line.range.clone(), line.nearness)).collect();
        assert_eq!(found, [(100..112, 0.5), (113..125, 0.5)]);
        assert!(reading.lines.iter().all(|line| line.passage == 4));
        assert!((reading.nearness - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn of_a_long_passage_what_is_near_to_each_part_is_read() {
        let (analyzer, held) = (Analyzer::default(), cairn_search::Frequencies::default());
        let filler = "Nothing is said in this sentence here. ".repeat(80);
        let text = format!("Ada built the tower. {filler}The pool opens at nine. {filler}");
        let question = "Who built the tower and when does the pool open?";
        let subject = Subject::plain(&analyzer, question);
        let whole = Asked::whole(&analyzer, question, (question.to_owned(), subject));
        let parts = whole.parts(&analyzer, &held);
        let read = excerpts(&analyzer, &parts, &text);
        assert_eq!(read.len(), 2, "{read:?}");
        assert!(text[read[0].clone()].contains("Ada") && text[read[1].clone()].contains("nine"));
        let short = "Ada built the tower. The pool opens at nine.";
        assert_eq!(excerpts(&analyzer, &parts, short), std::slice::from_ref(&(0..short.len())));
    }

    #[test]
    fn nothing_is_near_to_nothing() {
        let mut reading = Reading { nearness: -1.0, lines: Vec::new() };
        reading.add(0, "", 0, &Tokens::default(), &Tokens::default());
        assert!(reading.lines.is_empty() && reading.nearness <= -1.0);
    }
}
