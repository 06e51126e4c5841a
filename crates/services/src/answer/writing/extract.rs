//! Answers without a language model: the sentences that come nearest to the question.
//!
//! A sentence counts by its nearness to the question token by token, by its passage's score,
//! and less where the question asks for a number and the sentence has none. On questions to a
//! search engine, with an answer in one paragraph of many, the first sentence holds it in
//! 0.58 of the cases and the first three in 0.87; by shares of words it was 0.51 and 0.77.
//!
//! Nearness hardly tells "Error E17" from "Error E14": where some sentence has the code that is
//! asked for, those with another one of its kind are left out.
//!
//! A sentence that is not about what the question names is quoted with a doubt
//! ([`named`](crate::answer::question::named)).
//!
//! A row of a table is said with the names of its columns; its citation quotes the row as it is.
//!
//! A question that asks for several things is answered part by part: first the nearest sentence to
//! each, in the order asked, then those that are the least behind the nearest to their part.

use std::ops::Range;

use crate::answer::citing::cite::{Citation, citation};
use crate::answer::citing::evidence::Support;
use crate::answer::claims::codes::Naming;
use crate::answer::claims::columns;
use crate::answer::claims::statements::says_something;
use crate::answer::deciding::reading::{Line, Reading};
use crate::answer::question::kind::Kind;
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
/// What a passage's score is worth beside a sentence's nearness.
const PASSAGE: f32 = 0.3;
/// What the wrong kind of sentence costs.
const WRONG_KIND: f32 = 0.08;
/// What another year than the one that is asked for costs, where some sentence says that one.
const OTHER_YEAR: f32 = 0.08;
/// What the code that is asked for is worth.
const CODE: f32 = 0.15;

/// Something that is asked for: what stands in an answer to it, and how near sentences come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought<'r> {
    pub(crate) kind: Kind,
    pub(crate) reading: &'r Reading,
}

/// The best sentences, and a citation for each: of one thing that is `sought` in reading order, of
/// several that of each first. Nothing when nothing was read.
pub(crate) fn extract(sought: &[Sought<'_>], passages: &[Passage]) -> (String, Vec<Citation>) {
    compose(passages, &best(SAID, sought, passages))
}

/// The sentence that an extractive answer would rest on first, and its passage.
pub(crate) fn nearest<'p>(
    sought: Sought<'_>,
    passages: &'p [Passage],
) -> Option<(&'p Passage, Range<usize>)> {
    let (_, line) = ranked(sought, passages).into_iter().next()?;
    Some((passages.get(line.passage)?, line.range.clone()))
}

/// The passages that have one of the best sentences, each with those that it has, and with the row
/// that names the columns above a row.
pub(crate) fn evidence(sought: &[Sought<'_>], passages: &[Passage]) -> Vec<(Passage, Vec<String>)> {
    let mut found: Vec<(usize, Vec<String>)> = Vec::new();
    let best = best(SHOWN, sought, passages).into_iter();
    let best = best.map(|line| (line.passage, line.range.clone())).collect();
    for (index, range) in with_headers(passages, best) {
        let Some(passage) = passages.get(index) else { continue };
        let sentence = said(passage, &range).to_owned();
        match found.last_mut() {
            Some((held, sentences)) if *held == index => sentences.push(sentence),
            _ => found.push((index, vec![sentence])),
        }
    }
    found.into_iter().map(|(index, sentences)| (passages[index].clone(), sentences)).collect()
}

/// The same sentences, in order, and the headers that stand in the text above rows among them.
fn with_headers(
    passages: &[Passage],
    mut chosen: Vec<(usize, Range<usize>)>,
) -> Vec<(usize, Range<usize>)> {
    let header = |(index, range): &(usize, Range<usize>)| {
        Some((*index, columns::header_above(&passages.get(*index)?.chunk, range)?))
    };
    let headers: Vec<_> = chosen.iter().filter_map(header).collect();
    chosen.extend(headers);
    chosen.sort_by_key(|(index, range)| (*index, range.start));
    chosen.dedup();
    chosen
}

/// The sentences that may be an answer. What says nothing by itself may where there is nothing
/// else, but no row that names columns; and nothing about another code than the one asked for,
/// where something is about that.
fn candidates<'r>(passages: &[Passage], reading: &'r Reading) -> Vec<&'r Line> {
    let passage = |line: &Line| passages.get(line.passage);
    let header = |line: &&Line| {
        passage(line).is_none_or(|passage| columns::is_header(&passage.chunk, &line.range))
    };
    let mut lines: Vec<&Line> = reading.lines.iter().filter(|line| !header(line)).collect();
    let says =
        |line: &&Line| passage(line).is_some_and(|passage| says_something(passage, &line.range));
    if lines.iter().any(says) {
        lines.retain(says);
    }
    if lines.iter().any(|line| line.naming == Naming::Asked) {
        lines.retain(|line| line.naming != Naming::Other);
    }
    lines
}

/// The sentences that may be an answer, each with what it is worth, best first.
fn ranked<'r>(sought: Sought<'r>, passages: &[Passage]) -> Vec<(f32, &'r Line)> {
    let Sought { kind, reading } = sought;
    let lines = candidates(passages, reading);
    let dated = lines.iter().any(|line| line.in_time == Some(true));
    let mut ranked: Vec<(f32, &Line)> = Vec::new();
    for line in lines {
        let Some(passage) = passages.get(line.passage) else { continue };
        let sentence = said(passage, &line.range);
        let wrong = if kind.may_stand_in(sentence) { 0.0 } else { WRONG_KIND };
        let year = if dated && line.in_time == Some(false) { OTHER_YEAR } else { 0.0 };
        let code = if line.naming == Naming::Asked { CODE } else { 0.0 };
        let rank = line.nearness + PASSAGE * passage.score + code - wrong - year;
        ranked.push((rank, line));
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.passage.cmp(&b.1.passage)));
    ranked
}

/// The best sentences in reading order; where several things are sought, behind the best one of
/// each. None twice.
fn best<'r>(choice: Choice, sought: &[Sought<'r>], passages: &[Passage]) -> Vec<&'r Line> {
    let ranked: Vec<_> = sought.iter().map(|one| ranked(*one, passages)).collect();
    let text = |line: &Line| passages.get(line.passage).map(|passage| said(passage, &line.range));
    let mut chosen: Vec<&Line> = Vec::new();
    let mut add = |line, most| {
        let repeated = chosen.iter().any(|&held| text(held) == text(line));
        if !repeated && chosen.len() < most {
            chosen.push(line);
        }
        chosen.len()
    };
    let mut first = 0;
    if let [_, _, ..] = ranked.as_slice() {
        for (_, line) in ranked.iter().filter_map(|lines| lines.first()) {
            first = add(*line, usize::MAX);
        }
    }
    let mut near: Vec<(f32, &Line)> = Vec::new();
    for lines in &ranked {
        let best = lines.first().map_or(0.0, |first| first.0);
        let enough = lines.iter().filter(|(rank, _)| *rank >= best - choice.behind);
        near.extend(enough.map(|(rank, line)| (best - rank, *line)));
    }
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, line) in near {
        add(line, choice.most);
    }
    if let Some(rest) = chosen.get_mut(first..) {
        rest.sort_by_key(|line| (line.passage, line.range.start));
    }
    chosen
}

fn said<'p>(passage: &'p Passage, range: &Range<usize>) -> &'p str {
    passage.chunk.text.get(range.clone()).unwrap_or_default().trim()
}

/// These sentences, and a citation for each.
pub(crate) fn compose(passages: &[Passage], chosen: &[&Line]) -> (String, Vec<Citation>) {
    let (mut answer, mut citations) = (String::new(), Vec::new());
    for Line { passage: index, range, doubt, .. } in chosen {
        let Some(passage) = passages.get(*index) else { continue };
        let row = columns::named(&passage.chunk, range);
        let sentence = row.as_deref().unwrap_or_else(|| said(passage, range));
        if !answer.is_empty() {
            answer.push(' ');
        }
        let start = answer.chars().count();
        answer.push_str(sentence);
        let end = start + sentence.chars().count();
        let (quote, doubt) = (range.clone(), doubt.clone());
        let itself = Support { passage: *index, quote, share: 1.0, doubt };
        citations.push(citation(passage, &itself, (start, end)));
    }
    (answer, citations)
}

#[cfg(test)]
mod tests {
    use cairn_search::Analyzer;

    use super::*;
    use crate::answer::claims::statements::tests::passage;
    use crate::answer::question::subject::Subject;

    /// The extractive answer to a question over a text, whose sentences come so near to it.
    fn answer(question: &str, text: &str, nearness: &[f32]) -> String {
        let (answer, citations) = cited(question, text, nearness);
        assert!(citations.iter().all(|cited| cited.supported));
        answer
    }

    fn cited(question: &str, text: &str, nearness: &[f32]) -> (String, Vec<Citation>) {
        let (passages, reading) = read(question, text, nearness);
        let kind = Kind::of(cairn_search::Language::English, question);
        extract(&[Sought { kind, reading: &reading }], &passages)
    }

    fn read(question: &str, text: &str, nearness: &[f32]) -> (Vec<Passage>, Reading) {
        let passages = vec![passage(text)];
        let ranges = cairn_documents::sentences(text);
        assert_eq!(ranges.len(), nearness.len());
        let line = |(range, nearness): (Range<usize>, &f32)| Line {
            passage: 0,
            range,
            nearness: *nearness,
            naming: Naming::None,
            in_time: None,
            doubt: None,
        };
        let lines = ranges.into_iter().zip(nearness).map(line).collect();
        let mut reading = Reading { nearness: 0.8, lines };
        reading.name(&Subject::plain(&Analyzer::default(), question), &passages);
        (passages, reading)
    }

    #[test]
    fn a_short_sentence_row_or_item_may_be_the_answer() {
        let pool = "The pool opens at nine. The entrance fee is five euros. Yes.";
        let opens = answer("When does the pool open?", pool, &[0.9, 0.5, 0.9]);
        assert_eq!(opens, "The pool opens at nine.");
        let prices = "| part | price |\n| compressor | 890 |\n\
             | the very long named turbine assembly | 9999 |";
        let price = answer("What is the price of the compressor?", prices, &[0.9, 0.8, 0.6]);
        assert_eq!(price, "part: compressor; price: 890.");
        let list = "- Doctor: 4471\n- Janitor and caretaker of the hall: 5520";
        assert_eq!(answer("What is the doctor's number?", list, &[0.8, 0.6]), "- Doctor: 4471");
    }

    #[test]
    fn what_has_the_code_that_is_asked_for_goes_before_others_of_its_kind() {
        let errors = "- Error E10 means that the pump failed.\n\
             - Error E17 means that the relay failed.\n- Error E13 means that the belt failed.\n\
             - A red lamp means that something failed.";
        let found = answer("What does error E17 mean?", errors, &[0.9, 0.8, 0.9, 0.6]);
        assert_eq!(found, "- Error E17 means that the relay failed.");
        let people = "| id | name | phone |\n| P-102 | Carl Dietz | 4714 |\n\
             | P-103 | Dora Eken | 4721 |\n| P-106 | Gus Hart | 4742 |";
        let who = answer("Who has the id P-103?", people, &[0.9, 0.8, 0.7, 0.85]);
        assert_eq!(who, "id: P-103; name: Dora Eken; phone: 4721.");
        // Where nothing has it, the others stay.
        let left = answer("What does error E99 mean?", errors, &[0.9, 0.5, 0.5, 0.5]);
        assert_eq!(left, "- Error E10 means that the pump failed.");
    }

    #[test]
    fn another_year_comes_after_the_one_that_is_asked_for() {
        let sales = "Sales in 2022 were 4 million. Sales in 2021 were 3 million.";
        let found = answer("What were the sales in 2021?", sales, &[0.84, 0.9]);
        assert_eq!(found, "Sales in 2021 were 3 million.");
        let (found, citations) = cited("What were the sales in 2020?", sales, &[0.84, 0.9]);
        assert_eq!(found, sales);
        let doubted = citations.iter().all(|one| !one.supported && one.doubt.is_some());
        assert!(doubted, "no passage says it: {citations:?}");
    }

    #[test]
    fn the_nearest_sentence_is_the_best_and_not_the_first() {
        let (passages, reading) =
            read("Who is it?", "It is Ann here. It is Bob here.", &[0.5, 0.9]);
        let sought = |reading: &Reading| nearest(Sought { kind: Kind::Any, reading }, &passages);
        let (found, range) = sought(&reading).expect("a sentence");
        assert_eq!(&found.chunk.text[range], "It is Bob here.");
        assert!(sought(&Reading::default()).is_none());
    }

    #[test]
    fn a_model_is_shown_the_names_of_columns_with_a_row() {
        let prices = "| part | price |\n| compressor | 890 |\n| fan | 120 |";
        let asked = "What is the price of the compressor?";
        let (passages, reading) = read(asked, prices, &[0.2, 0.9, 0.5]);
        let shown = evidence(&[Sought { kind: Kind::Any, reading: &reading }], &passages);
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].1, ["| part | price |", "| compressor | 890 |"]);
    }

    const WORKS: &str = "The Lind works moved to Bonn in 1931. They made bells and gates. \
         Ada Lind founded the works. Later they made lamps for ships. They employ 40 people.";

    /// The sentences of [`WORKS`] for two things, which they come so near to.
    fn of_two(founded: &[f32], moved: &[f32]) -> (String, Vec<Vec<String>>) {
        let (passages, one) = read("Who founded the works", WORKS, founded);
        let (_, two) = read("when did they move to Bonn?", WORKS, moved);
        let sought = [
            Sought { kind: Kind::Any, reading: &one },
            Sought { kind: Kind::Number, reading: &two },
        ];
        let (said, citations) = extract(&sought, &passages);
        let quoted: Vec<String> = citations.into_iter().map(|cited| cited.quote).collect();
        assert_eq!(quoted.join(" "), said);
        let shown = evidence(&sought, &passages);
        (said, shown.into_iter().map(|(_, sentences)| sentences).collect())
    }

    #[test]
    fn of_several_things_the_nearest_to_each_comes_first_in_the_order_asked() {
        let (said, shown) = of_two(&[0.5, 0.3, 0.9, 0.3, 0.3], &[0.9, 0.3, 0.4, 0.3, 0.4]);
        assert_eq!(said, "Ada Lind founded the works. The Lind works moved to Bonn in 1931.");
        let both = ["The Lind works moved to Bonn in 1931.", "Ada Lind founded the works."];
        assert_eq!(shown, [both], "in reading order");
        // Up to three, by how far each is behind the nearest to its part.
        let (said, _) = of_two(&[0.5, 0.82, 0.9, 0.84, 0.3], &[0.9, 0.3, 0.4, 0.3, 0.4]);
        assert!(said.starts_with("Ada Lind") && said.ends_with("lamps for ships."), "{said}");
        assert_eq!(said.matches('.').count(), 3, "{said}");
    }

    #[test]
    fn what_is_nearest_to_several_things_is_said_once() {
        let (said, shown) = of_two(&[0.9, 0.3, 0.4, 0.3, 0.3], &[0.9, 0.3, 0.4, 0.3, 0.4]);
        assert_eq!(said, "The Lind works moved to Bonn in 1931.");
        assert_eq!(shown, [["The Lind works moved to Bonn in 1931."]]);
    }
}
