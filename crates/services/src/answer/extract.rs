//! Answers without a language model: the sentences that come nearest to the question.
//!
//! A sentence counts by its nearness to the question token by token, by its passage's score,
//! and less where the question asks for a number and the sentence has none. On questions to a
//! search engine, with an answer in one paragraph of many, the first sentence holds it in
//! 0.58 of the cases and the first three in 0.87; by shares of words it was 0.51 and 0.77.
//!
//! A row of a table is said with the names of its columns; its citation quotes the row as it is.

use std::ops::Range;

use super::asked::Kind;
use super::cite::{Citation, citation};
use super::columns;
use super::evidence::Support;
use super::reading::Reading;
use crate::retrieve::Passage;

/// How many sentences are taken, and how far behind the best one may be.
#[derive(Clone, Copy, Debug)]
struct Choice {
    most: usize,
    behind: f32,
}

/// The sentences of an extractive answer.
const SAID: Choice = Choice { most: 3, behind: 0.12 };
/// The sentences that a local model is shown: some more, as it can tell which of them answers.
const SHOWN: Choice = Choice { most: 6, behind: 0.2 };
/// A sentence shorter than this is a label, not a statement, unless there is nothing else.
const SHORTEST: usize = 25;
/// What a passage's score is worth beside a sentence's nearness.
const PASSAGE: f32 = 0.3;
/// What the wrong kind of sentence costs.
const WRONG_KIND: f32 = 0.08;

/// The best sentences in reading order, and a citation for each. Nothing when nothing was
/// read.
pub(crate) fn extract(
    kind: Kind,
    passages: &[Passage],
    reading: &Reading,
) -> (String, Vec<Citation>) {
    compose(passages, &best(SAID, kind, passages, reading))
}

/// The passages that have one of the best sentences, each with those that it has.
pub(crate) fn evidence(
    kind: Kind,
    passages: &[Passage],
    reading: &Reading,
) -> Vec<(Passage, Vec<String>)> {
    let mut found: Vec<(usize, Vec<String>)> = Vec::new();
    for (index, range) in best(SHOWN, kind, passages, reading) {
        let Some(passage) = passages.get(index) else { continue };
        let sentence = said(passage, &range).to_owned();
        match found.last_mut() {
            Some((held, sentences)) if *held == index => sentences.push(sentence),
            _ => found.push((index, vec![sentence])),
        }
    }
    found.into_iter().map(|(index, sentences)| (passages[index].clone(), sentences)).collect()
}

/// The best sentences in reading order: indices of passages, and bytes of their texts.
fn best(
    choice: Choice,
    kind: Kind,
    passages: &[Passage],
    reading: &Reading,
) -> Vec<(usize, Range<usize>)> {
    let mut ranked: Vec<(f32, usize, Range<usize>)> = Vec::new();
    for line in &reading.lines {
        let Some(passage) = passages.get(line.passage) else { continue };
        let sentence = said(passage, &line.range);
        let wrong = if kind.may_stand_in(sentence) { 0.0 } else { WRONG_KIND };
        let rank = line.nearness + PASSAGE * passage.score - wrong;
        ranked.push((rank, line.passage, line.range.clone()));
    }
    let long = |(_, index, range): &(f32, usize, Range<usize>)| {
        passages.get(*index).is_some_and(|passage| said(passage, range).len() >= SHORTEST)
    };
    if ranked.iter().any(long) {
        ranked.retain(long);
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let best = ranked.first().map_or(0.0, |first| first.0);
    let mut chosen: Vec<(usize, Range<usize>)> = Vec::new();
    for (rank, index, range) in ranked {
        let Some(passage) = passages.get(index) else { continue };
        let text = said(passage, &range);
        let repeated = chosen.iter().any(|(held, place)| {
            passages.get(*held).is_some_and(|passage| said(passage, place) == text)
        });
        if rank >= best - choice.behind && !repeated {
            chosen.push((index, range));
        }
        if chosen.len() == choice.most {
            break;
        }
    }
    chosen.sort_by_key(|(index, range)| (*index, range.start));
    chosen
}

fn said<'p>(passage: &'p Passage, range: &Range<usize>) -> &'p str {
    passage.chunk.text.get(range.clone()).unwrap_or_default().trim()
}

fn compose(passages: &[Passage], chosen: &[(usize, Range<usize>)]) -> (String, Vec<Citation>) {
    let (mut answer, mut citations) = (String::new(), Vec::new());
    for (index, range) in chosen {
        let Some(passage) = passages.get(*index) else { continue };
        let row = columns::named(&passage.chunk, range);
        let sentence = row.as_deref().unwrap_or_else(|| said(passage, range));
        if !answer.is_empty() {
            answer.push(' ');
        }
        let start = answer.chars().count();
        answer.push_str(sentence);
        let end = start + sentence.chars().count();
        let itself = Support { passage: *index, quote: range.clone(), share: 1.0, doubt: None };
        citations.push(citation(passage, &itself, (start, end)));
    }
    (answer, citations)
}
