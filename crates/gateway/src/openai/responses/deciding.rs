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
use cairn_services::Services;
use cairn_services::chat::{Chat, ChatEvent, ChatRequest, ChatUsage, TextFormat, ToolChoice};
use cairn_services::llms::ALIAS;
use cairn_services::retrieve::Request;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::format;
use super::heard::Heard;
use super::request::Asked;
use super::script::Beat;
use super::source::{self, Written};
use super::tools::search_function;
use crate::openai::sse;

/// Bytes of a text after which a model that has called nothing is not heard on: the documents
/// answer anyway.
const TALK_BYTES: usize = 400;

const UNOFFERED: &str = "functions were not offered: there is no language model to call them, the \
answer is sentences of the documents";
const UNCITED: &str = "the model answered from what the functions gave; no document was searched, \
and nothing is cited";

/// What a model that decides is asked.
pub(super) fn request(asked: &Asked, trace: &str) -> ChatRequest {
    let mut request = source::request(asked, trace);
    request.tools.push(search_function());
    // What is decided has no form; the answer has it.
    request.format = TextFormat::Text;
    request
}

/// The beats of an answer by functions or by the search, as the model decides.
///
/// # Errors
/// What keeps the model from being asked.
pub(super) async fn decided(
    services: &Services,
    scope: &Scope,
    asked: Asked,
    search: Request,
    trace: &str,
    started: Instant,
) -> Result<BoxStream<'static, Result<Beat>>> {
    if asked.model == ALIAS && services.inference.llms().default_model().is_none() {
        let beats = source::searched(services, scope, asked, search, trace, started);
        return Ok(noted(beats, ChatUsage::default(), Some(UNOFFERED)));
    }
    let request = request(&asked, trace);
    let (chat, made) = source::ask(services, scope, &asked, request).await?;
    let (services, scope, trace) = (services.clone(), scope.clone(), trace.to_owned());
    Ok(Box::pin(try_stream! {
        let mut asked = asked;
        let answered = !asked.input.after.is_empty();
        let asking = Instant::now();
        let Chat { model, identity, mut events } = chat;
        let mut heard = Heard::new(&asked.functions, true);
        let mut said: Vec<String> = Vec::new();
        let mut spent = None;
        while let Some(event) = events.next().await {
            let event = event.map_err(format::renamed)?;
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
        let spent = spent.ok_or_else(sse::cut_short)?;
        let told = answered && !heard.searched && !heard.text.trim().is_empty();
        if heard.called || (told && asked.format == TextFormat::Text) {
            let text = std::mem::take(&mut heard.text);
            let written = Written::new(text, heard.cut_off, asking, spent, made);
            let mut ending = source::plain_ending(written, &model, &identity, started);
            if !heard.called {
                ending.extra.notes.push(UNCITED.to_owned());
                for text in said {
                    yield Beat::Text(text);
                }
            }
            yield Beat::End(Box::new(ending));
        } else {
            let mut beats = if told {
                // Not every model keeps a form while it may call something.
                asked.functions.choice = ToolChoice::None;
                let beats = source::spoken(&services, &scope, asked, &trace, started).await?;
                noted(beats, spent, Some(UNCITED))
            } else {
                let beats = source::searched(&services, &scope, asked, search, &trace, started);
                noted(beats, spent, None)
            };
            while let Some(beat) = beats.next().await {
                yield beat?;
            }
        }
    }))
}

/// `beats` whose end counts what was `spent` before, and says `note`.
fn noted(
    beats: BoxStream<'static, Result<Beat>>,
    spent: ChatUsage,
    note: Option<&'static str>,
) -> BoxStream<'static, Result<Beat>> {
    Box::pin(beats.map_ok(move |mut beat| {
        if let Beat::End(ending) = &mut beat {
            source::add(&mut ending.usage, spent);
            ending.extra.notes.extend(note.map(str::to_owned));
        }
        beat
    }))
}
