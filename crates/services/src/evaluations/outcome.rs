//! What one configuration made of one question, and the figures that come of it.

use std::collections::{BTreeMap, HashMap};

use cairn_serving::remote::Price;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::judge::Judged;
use super::metrics::{
    contains, exact_match, hit, ndcg_at, newly_met, recall_at, reciprocal_rank, token_f1,
};
use crate::answer::{Answer, Citation};
use crate::retrieve::Passage;

/// The figures of a run, in the order of reports: the name in the API, and for people.
pub const FIGURES: [(&str, &str); 15] = [
    ("recall_at_1", "Recall@1"),
    ("recall_at_5", "Recall@5"),
    ("recall_at_10", "Recall@10"),
    ("ndcg_at_10", "nDCG@10"),
    ("mrr", "MRR"),
    ("hit_rate", "Hit rate"),
    (RECALL_IN_TOKENS, "Recall in 2,000 tokens"),
    ("faithfulness", "Faithfulness"),
    ("citation_correctness", "Citation correctness"),
    ("exact_match", "Exact match"),
    ("token_f1", "Token F1"),
    ("contains_answer", "Contains answer"),
    (REFUSAL_PRECISION, "Refusal precision"),
    (REFUSAL_RECALL, "Refusal recall"),
    (REFUSAL_F1, "Refusal F1"),
];
/// Share of the needs that the first passages meet which have [`READ_TOKENS`] together: the one
/// figure of retrieval that does not grow with the size of chunks.
pub const RECALL_IN_TOKENS: &str = "recall_in_2000_tokens";
/// Tokens that are read of the passages found, for [`RECALL_IN_TOKENS`].
const READ_TOKENS: i64 = 2000;
/// Share of the refusals that are right.
pub const REFUSAL_PRECISION: &str = "refusal_precision";
/// Share of the unanswerable questions that are refused.
pub const REFUSAL_RECALL: &str = "refusal_recall";
/// Harmonic mean of both.
pub const REFUSAL_F1: &str = "refusal_f1";
/// The figures that runs are compared by.
pub const WATCHED: [&str; 5] =
    ["ndcg_at_10", "faithfulness", "citation_correctness", "token_f1", REFUSAL_F1];

/// Which of its file's texts each passage of an answer is cut from, by chunk.
pub(crate) type Texts = HashMap<String, i64>;

/// What was measured at one question. It has no word of any document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the documents answer the question.
    pub answerable: bool,
    /// Each figure that the question has a value of.
    pub figures: BTreeMap<String, f64>,
    /// Milliseconds of the search, with the embedding of the question and a reranker.
    pub search_ms: f64,
    /// The passages found, best first.
    #[serde(default)]
    pub found: Vec<FoundPassage>,
    /// What the answer took, where there was one.
    pub answer: Option<AnswerFacts>,
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundPassage {
    /// The file.
    pub file_id: String,
    /// The chunk.
    pub chunk_id: String,
    /// Its score.
    pub score: f32,
    /// Whether it holds an answer.
    pub relevant: bool,
}

/// What an answer took, and whether it was one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerFacts {
    /// Whether it was refused.
    pub refused: bool,
    /// `generative` or `extractive`.
    pub mode: String,
    /// Seconds of search and writing.
    pub seconds: f64,
    /// Tokens read.
    pub input_tokens: u32,
    /// Tokens written.
    pub output_tokens: u32,
    /// Whether it was made on this machine.
    #[serde(default)]
    pub local: Option<bool>,
    /// What it cost, in the currency of the configured prices; 0 on this machine, `None` when no
    /// price is configured.
    #[serde(default)]
    pub cost: Option<f64>,
}

impl Outcome {
    /// Of a search.
    pub(crate) fn of_search(judged: &Judged, passages: &[Passage], search_ms: f64) -> Self {
        let meets = |passage: usize, need: usize| {
            let (Some(passage), Some(need)) = (passages.get(passage), judged.needs.get(need))
            else {
                return false;
            };
            let chunk = &passage.chunk;
            let text = (chunk.file_id.as_str(), chunk.text_version);
            need.is_met_by(text, (chunk.char_start, chunk.char_end))
        };
        let needs = judged.needs.len();
        let newly = newly_met(passages.len(), needs, meets);
        let figures = [
            ("recall_at_1", recall_at(&newly, needs, 1)),
            ("recall_at_5", recall_at(&newly, needs, 5)),
            ("recall_at_10", recall_at(&newly, needs, 10)),
            ("ndcg_at_10", ndcg_at(&newly, needs, 10)),
            ("mrr", reciprocal_rank(&newly, needs)),
            ("hit_rate", hit(&newly, needs)),
            (RECALL_IN_TOKENS, recall_at(&newly, needs, within(passages, READ_TOKENS))),
        ];
        let found = passages.iter().enumerate().map(|(place, passage)| FoundPassage {
            file_id: passage.chunk.file_id.clone(),
            chunk_id: passage.chunk.id.clone(),
            score: passage.score,
            relevant: (0..needs).any(|need| meets(place, need)),
        });
        Self {
            answerable: judged.question.answerable,
            figures: figures
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
            search_ms,
            found: found.collect(),
            answer: None,
        }
    }

    /// Adds what the answer came to, whose passages are cut from these `texts`. A provider's model
    /// has this price.
    pub(crate) fn add_answer(
        &mut self,
        judged: &Judged,
        answer: &Answer,
        texts: &Texts,
        price: Option<Price>,
    ) {
        let refused = answer.refused.is_some();
        // A model of a provider is called by both.
        let local = !answer.model_sha256.as_deref().is_some_and(|model| model.contains('/'));
        let charged = price.map(|price| price.of(answer.input_tokens, answer.output_tokens));
        self.answer = Some(AnswerFacts {
            refused,
            mode: answer.mode.name().to_owned(),
            seconds: (answer.search_ms + answer.write_ms) / 1000.0,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
            local: Some(local),
            cost: if local { Some(0.0) } else { charged },
        });
        let mut note = |name: &str, value: f64| {
            self.figures.insert(name.to_owned(), value);
        };
        let expected = &judged.question.expected;
        if !expected.is_empty() {
            // A refusal of what can be answered says nothing of what was expected.
            let of = |score: f64| if refused { 0.0 } else { score };
            note("exact_match", of(exact_match(&answer.text, expected)));
            note("token_f1", of(token_f1(&answer.text, expected)));
            note("contains_answer", of(contains(&answer.text, expected)));
        }
        if refused {
            return;
        }
        let supported = answer.citations.iter().filter(|citation| citation.supported).count();
        if let Some(share) = share(supported, supported + answer.unsupported.len()) {
            note("faithfulness", share);
        }
        if !judged.needs.is_empty() {
            let right =
                answer.citations.iter().filter(|cited| is_right(judged, cited, texts)).count();
            note("citation_correctness", share(right, answer.citations.len()).unwrap_or(0.0));
        }
    }
}

/// How many of the first passages have so many tokens together at most; one at least.
fn within(passages: &[Passage], tokens: i64) -> usize {
    let mut sum = 0;
    let read = passages.iter().take_while(|passage| {
        sum += passage.chunk.tokens;
        sum <= tokens
    });
    read.count().max(1)
}

/// Whether a citation names a place that answers the question.
fn is_right(judged: &Judged, citation: &Citation, texts: &Texts) -> bool {
    let Some(version) = texts.get(&citation.chunk_id) else { return false };
    let (text, range) = ((&*citation.file_id, *version), (citation.char_start, citation.char_end));
    judged.needs.iter().any(|need| need.is_met_by(text, range))
}

#[expect(clippy::cast_precision_loss, reason = "sentences of an answer")]
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// An answer as it is kept beside its outcome: with words of documents.
pub(crate) fn kept(judged: &Judged, answer: &Answer, texts: &Texts) -> Value {
    let citations = answer.citations.iter().map(|citation| {
        json!({
            "file_id": citation.file_id,
            "chunk_id": citation.chunk_id,
            "char_start": citation.char_start,
            "char_end": citation.char_end,
            "supported": citation.supported,
            "relevant": is_right(judged, citation, texts),
        })
    });
    json!({
        "text": answer.text,
        "refused": answer.refused,
        "citations": citations.collect::<Vec<_>>(),
        "unsupported_sentences": answer.unsupported.len(),
    })
}
