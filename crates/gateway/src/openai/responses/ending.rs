//! How a response ended, in the words of the API.

use std::time::Instant;

use cairn_services::answer::{Answer, Citation, Mode, Suspicion, Unsupported};
use cairn_services::chat::ChatUsage;
use cairn_services::responses::{Ended, Outcome, Written};
use cairn_wire::openai::{
    CharRange, CitationExtra, FileCitation, InputTokensDetails, OutputTokensDetails, PageBox,
    PassageExtra, ResponseExtra, ResponseTimes, ResponseUsage, StrippedLink, Suspicious,
};

use super::script::Ending;
use crate::openai::convert::decimal;
use crate::openai::search::took;

/// How a response that was begun at `started` ended.
pub(in crate::openai) fn ending(ended: Ended, started: Instant) -> Ending {
    let Ended { outcome, model, usage, notes } = ended;
    let mut ending = match outcome {
        Outcome::Documents(answer) => over_documents(*answer, model, self::usage(usage)),
        Outcome::Model(written) => alone(*written, model, self::usage(usage)),
    };
    ending.extra.milliseconds.total = started.elapsed().as_secs_f64() * 1000.0;
    ending.extra.notes = notes;
    ending
}

fn over_documents(answer: Answer, model: String, usage: ResponseUsage) -> Ending {
    let range = |at: &Unsupported| CharRange { start: at.start, end: at.end };
    // Of the documents as a whole nothing is asked that they could be more or less near to.
    let searched = answer.provenance.overview.is_none();
    let sign = |of: f32| searched.then(|| decimal(of));
    Ending {
        text: answer.text,
        model,
        cut_off: answer.cut_off,
        annotations: answer.citations.into_iter().map(annotation).collect(),
        usage,
        extra: ResponseExtra {
            refused: answer.refused.is_some(),
            reason: answer.refused,
            mode: answer.mode.name(),
            confidence: sign(answer.confidence.score()),
            threshold: sign(answer.confidence.threshold),
            assent: answer.confidence.assent.map(decimal),
            similarity: sign(answer.confidence.dense),
            coverage: sign(answer.confidence.coverage),
            milliseconds: ResponseTimes {
                search: answer.search_ms,
                generate: answer.write_ms,
                total: 0.0,
            },
            model_sha256: answer.model_sha256,
            index_position: answer.index_position,
            turns_left_out: answer.provenance.turns_left_out,
            unsupported: answer.unsupported.iter().map(range).collect(),
            nearest: Vec::new(),
            took: Some(took(&answer.took)),
            provenance: None,
            passages: answer
                .passages
                .into_iter()
                .map(|shown| PassageExtra {
                    chunk_id: shown.chunk_id,
                    file_id: shown.file_id,
                    suspicious: shown.suspicious.map(suspicious),
                })
                .collect(),
            stripped_links: answer
                .stripped
                .into_iter()
                .map(|gone| StrippedLink { kind: gone.kind, url: gone.url, text: gone.text })
                .collect(),
            notes: Vec::new(),
        },
        provenance: answer.provenance,
    }
}

fn suspicious(suspicion: Suspicion) -> Suspicious {
    Suspicious {
        score: decimal(suspicion.score),
        share: decimal(suspicion.share),
        signals: suspicion.signals,
        removed: suspicion.removed,
    }
}

fn annotation(citation: Citation) -> FileCitation {
    let boxes = citation.boxes.iter().map(|line| {
        let [x0, y0, x1, y1] = line.fractions();
        PageBox { page: line.page, x0, y0, x1, y1 }
    });
    FileCitation {
        kind: "file_citation",
        index: citation.sentence_end,
        file_id: citation.file_id,
        filename: citation.filename,
        cairn: CitationExtra {
            file_sha256: citation.file_sha256,
            quote: citation.quote,
            page: citation.page,
            heading: citation.heading,
            char_start: citation.char_start,
            char_end: citation.char_end,
            boxes: boxes.collect(),
            chunk_id: citation.chunk_id,
            sentence_start: citation.sentence_start,
            sentence_end: citation.sentence_end,
            support: decimal(citation.support),
            supported: citation.supported,
            doubt: citation.doubt,
        },
    }
}

/// How an answer without a search ends.
fn alone(written: Written, model: String, usage: ResponseUsage) -> Ending {
    Ending {
        text: written.text,
        model,
        cut_off: written.cut_off,
        annotations: Vec::new(),
        usage,
        extra: ResponseExtra {
            refused: false,
            reason: None,
            mode: Mode::Generative.name(),
            confidence: None,
            threshold: None,
            assent: None,
            similarity: None,
            coverage: None,
            milliseconds: ResponseTimes { search: 0.0, generate: written.write_ms, total: 0.0 },
            model_sha256: Some(written.identity),
            index_position: 0,
            turns_left_out: written.provenance.turns_left_out,
            unsupported: Vec::new(),
            nearest: Vec::new(),
            took: None,
            provenance: None,
            passages: Vec::new(),
            stripped_links: Vec::new(),
            notes: Vec::new(),
        },
        provenance: written.provenance,
    }
}

fn usage(tokens: ChatUsage) -> ResponseUsage {
    ResponseUsage {
        input_tokens: tokens.prompt_tokens,
        input_tokens_details: InputTokensDetails {
            cached_tokens: tokens.cached_tokens,
            cache_write_tokens: 0,
        },
        output_tokens: tokens.completion_tokens,
        output_tokens_details: OutputTokensDetails { reasoning_tokens: 0 },
        total_tokens: tokens.prompt_tokens + tokens.completion_tokens,
    }
}
