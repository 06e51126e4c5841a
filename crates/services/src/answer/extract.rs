//! Answers without a language model: the sentences that say most of what was asked.

use cairn_search::Analyzer;

use super::cite::{Citation, citation};
use super::evidence::{coverage, subject, terms};
use crate::retrieve::Passage;

/// Most sentences of an extractive answer.
const SENTENCES: usize = 3;
/// A sentence shorter than this is a label, not a statement.
const SHORTEST: usize = 25;

/// The best sentences in reading order, and a citation for each.
pub(crate) fn extract(
    analyzer: &Analyzer,
    question: &str,
    passages: &[Passage],
) -> (String, Vec<Citation>) {
    let wanted = subject(analyzer, question);
    let mut candidates = Vec::new();
    for (index, passage) in passages.iter().enumerate() {
        let text = &passage.chunk.text;
        for range in cairn_documents::sentences(text) {
            let sentence = text[range.clone()].trim();
            let share = coverage(&wanted, &terms(analyzer, sentence));
            if sentence.len() >= SHORTEST && share > 0.0 {
                candidates.push((share + 0.4 * passage.score, index, range));
            }
        }
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let best = candidates.first().map_or(0.0, |candidate| candidate.0);
    let mut chosen: Vec<_> = Vec::new();
    for (rank, index, range) in candidates {
        let text = passages[index].chunk.text[range.clone()].trim();
        let repeated = chosen.iter().any(|(i, r): &(usize, std::ops::Range<usize>)| {
            passages[*i].chunk.text[r.clone()].trim() == text
        });
        if rank >= best * 0.7 && !repeated {
            chosen.push((index, range));
        }
        if chosen.len() == SENTENCES {
            break;
        }
    }
    chosen.sort_by_key(|(index, range)| (*index, range.start));
    compose(passages, &chosen)
}

fn compose(
    passages: &[Passage],
    chosen: &[(usize, std::ops::Range<usize>)],
) -> (String, Vec<Citation>) {
    let (mut answer, mut citations) = (String::new(), Vec::new());
    for (index, range) in chosen {
        let passage = &passages[*index];
        let sentence = passage.chunk.text[range.clone()].trim();
        if !answer.is_empty() {
            answer.push(' ');
        }
        let start = answer.chars().count();
        answer.push_str(sentence);
        let end = start + sentence.chars().count();
        let skipped = passage.chunk.text[range.clone()].len()
            - passage.chunk.text[range.clone()].trim_start().len();
        let quote = range.start + skipped..range.end;
        citations.push(citation(passage, quote, (start, end), 1.0));
    }
    (answer, citations)
}
