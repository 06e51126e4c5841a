//! Where a response comes from: documents with a writer, a language model alone, which may call
//! functions, or whichever of them the model decides for.

use std::time::Instant;

use cairn_kernel::{Error, Result, Scope};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::Responses;
use super::beat::{Beat, Ended, Outcome, Written};
use super::heard::Heard;
use super::inquiry::Inquiry;
use crate::answer::provenance::{ModelUsed, Overviewed, PromptUsed, SamplingUsed};
use crate::answer::{Mode, Provenance, Question};
use crate::chat::{Chat, ChatEvent, ChatRequest};
use crate::llms::ALIAS;
use crate::retrieve::Request;

/// What happens while a response is made, in order.
pub type Beats = BoxStream<'static, Result<Beat>>;

const UNUSED: &str = "what the functions gave was not put to the writer: the answer rests on the \
documents alone";
const UNINSTRUCTED: &str = "instructions were not followed: no language model wrote the answer, it \
is sentences of the documents word for word";

impl Responses {
    /// Makes a response step by step. Dropping the stream stops the work.
    ///
    /// # Errors
    /// What keeps a model from being asked; an answer over documents fails in the stream. A format
    /// that cannot be kept is `Invalid` at `response_format`, as engines name it.
    pub async fn make(&self, scope: &Scope, inquiry: Inquiry) -> Result<Beats> {
        let mut inquiry = inquiry;
        match inquiry.search.take() {
            Some(search) if inquiry.functions.tools.is_empty() => {
                Ok(self.searched(scope, inquiry, search))
            }
            Some(search) => self.decided(scope, inquiry, search).await,
            None => self.spoken(scope, inquiry).await,
        }
    }

    /// How many tokens would be read for this, with the talk before the question. Where documents
    /// are asked, the program's own words and the form of the answer count, but not the passages,
    /// which only the search knows; where the model decides between functions and the search, what
    /// it is asked to decide by.
    ///
    /// # Errors
    /// As [`Inference::count_tokens`](crate::chat::Inference::count_tokens); `NotFound` for a store
    /// that would be searched.
    pub async fn count_tokens(&self, scope: &Scope, inquiry: Inquiry) -> Result<u32> {
        let (truncate, model) = (inquiry.question.truncate, inquiry.question.model.clone());
        let mut request = match inquiry.search.clone() {
            Some(search) if inquiry.functions.tools.is_empty() => {
                let plain = inquiry.plain();
                let question = inquiry.over_documents();
                let messages = self.answers.unsourced(scope, &question, &search.stores).await?;
                let Some(messages) = messages else {
                    // As it is counted where sentences of the documents are the answer.
                    let tokens = self.inference.own_tokens(&question.text)?.len();
                    return Ok(u32::try_from(tokens).unwrap_or(u32::MAX));
                };
                ChatRequest { messages, ..plain }
            }
            Some(_) => inquiry.deciding(),
            None => inquiry.plain(),
        };
        if truncate && request.messages.len() > 1 {
            self.inference.fit(scope, &model, &mut request).await?;
        }
        self.inference.count_tokens(scope, &model, request).await
    }

    /// The beats of an answer over documents.
    pub(super) fn searched(&self, scope: &Scope, inquiry: Inquiry, search: Request) -> Beats {
        let unused = !inquiry.after.is_empty();
        let question = inquiry.over_documents();
        let instructed = question.instructions.is_some();
        let writer = self.inference.llms().default_model().filter(|_| question.model == ALIAS);
        let writer = writer.map_or_else(|| question.model.clone(), str::to_owned);
        let steps = self.answers.answer(scope.clone(), question, search);
        Box::pin(steps.map_ok(move |step| {
            let mut beat = Beat::of(step, &writer);
            if let Beat::End(ended) = &mut beat {
                let ignored = instructed && is_quoted(&ended.outcome);
                ended.notes.extend(ignored.then(|| UNINSTRUCTED.to_owned()));
                ended.notes.extend(unused.then(|| UNUSED.to_owned()));
            }
            beat
        }))
    }

    /// The beats of an answer without a search.
    ///
    /// # Errors
    /// As [`Responses::ask`].
    pub(super) async fn spoken(&self, scope: &Scope, inquiry: Inquiry) -> Result<Beats> {
        let asking = Instant::now();
        let (chat, made) = self.ask(scope, &inquiry, inquiry.plain()).await?;
        let Chat { model, identity, events } = chat;
        let mut heard = Heard::new(&inquiry.functions, false);
        let mut provenance = Some(made);
        let beats = events.map(move |event| {
            Ok(match event? {
                ChatEvent::Done(usage) => {
                    let written = Written {
                        text: std::mem::take(&mut heard.text),
                        cut_off: heard.cut_off,
                        write_ms: millis(asking),
                        identity: identity.clone(),
                        provenance: provenance.take().unwrap_or_default(),
                    };
                    let outcome = Outcome::Model(Box::new(written));
                    let ended = Ended { outcome, model: model.clone(), usage, notes: Vec::new() };
                    Some(Beat::End(Box::new(ended)))
                }
                event => heard.hear(event)?,
            })
        });
        Ok(Box::pin(beats.try_filter_map(|beat| std::future::ready(Ok(beat)))))
    }

    /// Asks a language model, and says how its answer comes about.
    ///
    /// # Errors
    /// As [`Inference::chat`](crate::chat::Inference::chat).
    pub(super) async fn ask(
        &self,
        scope: &Scope,
        inquiry: &Inquiry,
        mut request: ChatRequest,
    ) -> Result<(Chat, Provenance)> {
        let Question { truncate, history, model, .. } = &inquiry.question;
        let turns_left_out = match *truncate && !history.is_empty() {
            true => self.inference.fit(scope, model, &mut request).await?,
            false => 0,
        };
        let sampling =
            SamplingUsed { sampling: request.sampling.clone(), max_tokens: request.max_tokens };
        let begun = Provenance {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            asked_model: model.clone(),
            prompt: Some(PromptUsed::plain(request.messages.clone())),
            turns_left_out,
            sampling: Some(sampling),
            format: request.format.clone(),
            ..Provenance::default()
        };
        let chat = self.inference.chat(scope, model, request).await?;
        let language = ModelUsed { name: chat.model.clone(), identity: chat.identity.clone() };
        Ok((chat, Provenance { language: Some(language), ..begun }))
    }
}

/// Whether documents are quoted word for word, by no model that could follow instructions.
fn is_quoted(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Documents(answer) => {
            let own =
                matches!(answer.provenance.overview, Some(Overviewed::List | Overviewed::Talk));
            answer.mode == Mode::Extractive && answer.refused.is_none() && !own
        }
        Outcome::Model(_) => false,
    }
}

/// What is said when an engine's stream ends without its end.
pub fn cut_short() -> Error {
    Error::unavailable("the engine stopped in the middle of the answer; send the request again")
}

pub(super) fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
