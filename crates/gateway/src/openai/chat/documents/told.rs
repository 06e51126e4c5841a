//! An answer over documents as a chat tells it.

use std::time::Instant;

use cairn_kernel::Id;
use cairn_services::FinishReason;
use cairn_services::chat::{ChatUsage, TextFormat};
use cairn_services::records::Origin;
use cairn_services::responses::{Beat, Ended};
use cairn_services::retrieve::Passage;
use cairn_wire::openai::{AssistantMessage, ChatExtra, Delta, FileCitation};

use super::sources;
use crate::openai::convert::hit;
use crate::openai::responses::{NEAREST, ended};

/// Follows the beats of an answer.
pub(super) struct Telling {
    started: Instant,
    store: Option<Id>,
    /// Whether the text is prose, which is given on as it comes and ends with its sources.
    prose: bool,
    refusal: Option<String>,
    nearest: Vec<Passage>,
    quoted: Vec<Origin>,
    ending: Option<Ending>,
}

/// How it ended.
pub(super) struct Ending {
    text: String,
    /// What of it was not given on while it came.
    rest: String,
    refusal: Option<String>,
    annotations: Vec<FileCitation>,
    extra: ChatExtra,
    /// Why it ended.
    pub(super) reason: FinishReason,
    /// What it took.
    pub(super) usage: ChatUsage,
    /// Who wrote it.
    pub(super) writer: String,
}

impl Telling {
    /// Of an answer in `format` from `store`, and from files of which `origins` are kept, that was
    /// begun at `started`.
    pub(super) fn new(
        started: Instant,
        (store, origins): (Option<Id>, Vec<Origin>),
        format: &TextFormat,
    ) -> Self {
        Self {
            started,
            store,
            prose: *format == TextFormat::Text,
            refusal: None,
            nearest: Vec::new(),
            quoted: origins,
            ending: None,
        }
    }

    /// Takes a beat in; what can be given on of it.
    pub(super) fn hear(&mut self, beat: Beat) -> Option<Delta> {
        match beat {
            Beat::Text(text) if self.prose => {
                return Some(Delta { content: Some(text), ..Delta::default() });
            }
            Beat::Found(passages) => self.found(passages),
            Beat::Refusal(text) => self.refusal = Some(text),
            Beat::End(ended) => self.ending = Some(self.end(*ended)),
            // No functions are offered.
            Beat::Searching | Beat::Text(_) | Beat::Call { .. } | Beat::Arguments(_) => {}
        }
        None
    }

    /// How it ended, once it has.
    pub(super) fn ending(&mut self) -> Option<Ending> {
        self.ending.take()
    }

    /// What it rests on.
    pub(super) fn quoted(&self) -> &[Origin] {
        &self.quoted
    }

    fn found(&mut self, passages: Vec<Passage>) {
        let stores: Vec<String> = self.store.iter().map(ToString::to_string).collect();
        for passage in passages.iter().filter(|passage| !passage.is_attached()) {
            let (file, stores) = (passage.chunk.file_id.clone(), stores.clone());
            Origin::add(&mut self.quoted, Origin { file, stores });
        }
        self.nearest = passages;
        self.nearest.truncate(NEAREST);
    }

    fn end(&mut self, end: Ended) -> Ending {
        let usage = end.usage;
        let end = ended(end, self.started);
        let mut answer = end.extra;
        answer.took = None;
        if answer.refused {
            let nearest = std::mem::take(&mut self.nearest).into_iter();
            answer.nearest = nearest.map(|passage| hit(passage, false)).collect();
        }
        let sources = if self.prose { sources::lines(&end.annotations) } else { String::new() };
        let text = format!("{}{sources}", end.text);
        Ending {
            rest: if self.prose { sources } else { text.clone() },
            text,
            refusal: self.refusal.take(),
            annotations: end.annotations,
            extra: ChatExtra { model: end.model.clone(), answer },
            reason: if end.cut_off { FinishReason::Length } else { FinishReason::Stop },
            usage,
            writer: end.model,
        }
    }
}

impl Ending {
    /// The message of an answer that is given whole.
    pub(super) fn message(self) -> AssistantMessage {
        AssistantMessage {
            role: "assistant",
            content: self.refusal.is_none().then_some(self.text),
            refusal: self.refusal,
            tool_calls: None,
            annotations: Some(self.annotations),
            cairn: Some(self.extra),
        }
    }

    /// What is given on behind the text of a streamed answer.
    pub(super) fn rest(&self) -> Vec<Delta> {
        let mut deltas = Vec::new();
        match &self.refusal {
            Some(_) => {
                deltas.push(Delta { refusal: self.refusal.clone(), ..Delta::default() });
            }
            None if self.rest.is_empty() => {}
            None => deltas.push(Delta { content: Some(self.rest.clone()), ..Delta::default() }),
        }
        deltas.push(Delta {
            annotations: Some(self.annotations.clone()),
            cairn: Some(self.extra.clone()),
            ..Delta::default()
        });
        deltas
    }
}

#[cfg(test)]
mod tests;
