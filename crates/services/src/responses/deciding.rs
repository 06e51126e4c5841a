//! Functions beside a search: the model decides first.
//!
//! It is asked once, with the functions and the search as one more of them. If it calls a
//! function, the calls are the answer, and nothing is searched. Else the documents are asked, by
//! the way of all answers over documents; but where functions were called for this question
//! before, and the model answers in words, these words are the answer. It reads the talk and no
//! passage, so a document has a call only by what was answered from it before.

use std::time::Instant;

use async_stream::try_stream;
use cairn_kernel::{Result, Scope};
use futures::{StreamExt, TryStreamExt};

use super::Responses;
use super::beat::{Beat, Ended, Outcome, Written};
use super::heard::Heard;
use super::inquiry::Inquiry;
use super::making::{Beats, cut_short, millis};
use crate::chat::{Chat, ChatEvent, ChatUsage, TextFormat, ToolChoice};
use crate::llms::ALIAS;
use crate::retrieve::Request;

/// Bytes of a text after which a model that has called nothing is not heard on: the documents
/// answer anyway.
const TALK_BYTES: usize = 400;

const UNOFFERED: &str = "functions were not offered: there is no language model to call them, the \
answer is sentences of the documents";
const UNCITED: &str = "the model answered from what the functions gave; no document was searched, \
and nothing is cited";

impl Responses {
    /// The beats of an answer by functions or by the search, as the model decides.
    ///
    /// # Errors
    /// What keeps the model from being asked.
    pub(super) async fn decided(
        &self,
        scope: &Scope,
        inquiry: Inquiry,
        search: Request,
    ) -> Result<Beats> {
        if inquiry.question.model == ALIAS && self.inference.llms().default_model().is_none() {
            let beats = self.searched(scope, inquiry, search);
            return Ok(noted(beats, ChatUsage::default(), Some(UNOFFERED)));
        }
        let (chat, provenance) = self.ask(scope, &inquiry, inquiry.deciding()).await?;
        let (this, scope) = (self.clone(), scope.clone());
        Ok(Box::pin(try_stream! {
            let mut inquiry = inquiry;
            let answered = !inquiry.after.is_empty();
            let asking = Instant::now();
            let Chat { model, identity, mut events } = chat;
            let mut heard = Heard::new(&inquiry.functions, true);
            let mut said: Vec<String> = Vec::new();
            let mut spent = None;
            while let Some(event) = events.next().await {
                let event = event?;
                if let ChatEvent::Done(usage) = event {
                    spent = Some(usage);
                    break;
                }
                match heard.hear(event)? {
                    Some(Beat::Text(text)) => said.push(text),
                    Some(beat) => yield beat,
                    None => {}
                }
                if !answered && !heard.called && heard.text.len() > TALK_BYTES {
                    spent = Some(heard.spent);
                    break;
                }
            }
            drop(events);
            let spent = spent.ok_or_else(cut_short)?;
            let told = answered && !heard.searched && !heard.text.trim().is_empty();
            if heard.called || (told && inquiry.question.format == TextFormat::Text) {
                let written = Written {
                    text: std::mem::take(&mut heard.text),
                    cut_off: heard.cut_off,
                    write_ms: millis(asking),
                    identity,
                    provenance,
                };
                let outcome = Outcome::Model(Box::new(written));
                let mut ended = Ended { outcome, model, usage: spent, notes: Vec::new() };
                if !heard.called {
                    ended.notes.push(UNCITED.to_owned());
                    for text in said {
                        yield Beat::Text(text);
                    }
                }
                yield Beat::End(Box::new(ended));
            } else {
                let mut beats = if told {
                    // Not every model keeps a form while it may call something.
                    inquiry.functions.choice = ToolChoice::None;
                    noted(this.spoken(&scope, inquiry).await?, spent, Some(UNCITED))
                } else {
                    noted(this.searched(&scope, inquiry, search), spent, None)
                };
                while let Some(beat) = beats.next().await {
                    yield beat?;
                }
            }
        }))
    }
}

/// `beats` whose end counts what was `spent` before, and says `note`.
fn noted(beats: Beats, spent: ChatUsage, note: Option<&'static str>) -> Beats {
    Box::pin(beats.map_ok(move |mut beat| {
        if let Beat::End(ended) = &mut beat {
            ended.add(spent);
            ended.notes.extend(note.map(str::to_owned));
        }
        beat
    }))
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn the_end_counts_what_was_spent_before_and_says_why() -> Result<()> {
        let usage = ChatUsage { prompt_tokens: 5, cached_tokens: 1, completion_tokens: 2 };
        let ended = Ended {
            outcome: Outcome::Model(Box::default()),
            model: "writer".to_owned(),
            usage,
            notes: vec!["first".to_owned()],
        };
        let beats = [Beat::Text("8.".to_owned()), Beat::End(Box::new(ended))];
        let beats: Beats = Box::pin(stream::iter(beats.map(Ok)));
        let spent = ChatUsage { prompt_tokens: 7, cached_tokens: 3, completion_tokens: 4 };
        let beats: Vec<Beat> = noted(beats, spent, Some(UNCITED)).try_collect().await?;
        assert_eq!(beats.len(), 2);
        let ends = beats.iter().filter_map(|beat| match beat {
            Beat::End(ended) => Some(ended),
            _ => None,
        });
        for ended in ends {
            let usage = ended.usage;
            let counted = (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens);
            assert_eq!(counted, (12, 4, 6));
            assert_eq!(ended.notes, ["first", UNCITED]);
        }
        Ok(())
    }
}
