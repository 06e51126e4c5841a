//! Where an answer comes from: a search with a writer, or a language model alone, which may call
//! functions.

use std::time::Instant;

use cairn_kernel::{Result, Scope};
use cairn_services::Services;
use cairn_services::answer::provenance::{ModelUsed, PromptUsed, SamplingUsed};
use cairn_services::answer::{Answer, Citation, Mode, Provenance, Question, Step, Suspicion};
use cairn_services::chat::{Chat, ChatEvent, ChatRequest, ChatUsage};
use cairn_services::llms::ALIAS;
use cairn_services::retrieve::Request;
use cairn_wire::openai::{
    CharRange, CitationExtra, FileCitation, InputTokensDetails, OutputTokensDetails, PageBox,
    PassageExtra, ResponseExtra, ResponseTimes, ResponseUsage, StrippedLink, Suspicious,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::heard::Heard;
use super::request::Asked;
use super::script::{Beat, Ending};
use super::{calls, deciding, format};
use crate::openai::convert::decimal;
use crate::openai::search::took;

const UNUSED: &str = "what the functions gave was not put to the writer: the answer rests on the \
documents alone";

/// The beats of the answer to what was asked. Dropping the stream stops the work.
///
/// # Errors
/// What keeps a plain answer from beginning; an answer over files fails in the stream.
pub(super) async fn beats(
    services: &Services,
    scope: &Scope,
    asked: Asked,
    trace: &str,
    started: Instant,
) -> Result<BoxStream<'static, Result<Beat>>> {
    let mut asked = asked;
    match asked.search.take() {
        Some(search) if asked.functions.tools.is_empty() => {
            Ok(searched(services, scope, asked, search, trace, started))
        }
        Some(search) => deciding::decided(services, scope, asked, search, trace, started).await,
        None => spoken(services, scope, asked, trace, started).await,
    }
}

/// The beats of an answer over documents. Calls of functions before it are not put to the writer,
/// who is offered none.
pub(super) fn searched(
    services: &Services,
    scope: &Scope,
    asked: Asked,
    search: Request,
    trace: &str,
    started: Instant,
) -> BoxStream<'static, Result<Beat>> {
    let writer = services.inference.llms().default_model().filter(|_| asked.model == ALIAS);
    let model = writer.map_or_else(|| asked.model.clone(), str::to_owned);
    let question = Question {
        instructions: asked.input.instructions(asked.shell.instructions.as_deref()),
        text: asked.input.question,
        history: calls::without(asked.input.history),
        truncate: asked.truncate,
        search,
        model: asked.model,
        sampling: asked.sampling,
        format: asked.format,
        max_tokens: asked.shell.max_output_tokens,
        sticky: asked.sticky,
        trace: trace.to_owned(),
    };
    let instructed = question.instructions.is_some();
    let unused = (!asked.input.after.is_empty()).then(|| UNUSED.to_owned());
    let steps = services.answers.answer(scope.clone(), question).map_err(format::renamed);
    Box::pin(steps.map_ok(move |step| {
        let mut beat = beat(step, &model, started);
        if let Beat::End(ending) = &mut beat {
            ending.extra.notes.extend(note(instructed, &ending.extra));
            ending.extra.notes.extend(unused.clone());
        }
        beat
    }))
}

/// What is to be said of instructions, which only a model can follow.
fn note(instructed: bool, extra: &ResponseExtra) -> Option<String> {
    let quoted = extra.mode == Mode::Extractive.name() && !extra.refused;
    (instructed && quoted).then(|| {
        "instructions were not followed: no language model wrote the answer, it is sentences of \
         the documents word for word"
            .to_owned()
    })
}

/// A step of an answer over files; `model` is the one that writes.
pub(super) fn beat(step: Step, model: &str, started: Instant) -> Beat {
    match step {
        Step::Searching => Beat::Searching,
        Step::Found(passages) => Beat::Found(passages),
        Step::Text(text) => Beat::Text(text),
        Step::Refusal(text) => Beat::Refusal(text),
        Step::Done(answer) => Beat::End(Box::new(ending(*answer, model, started))),
    }
}

fn ending(answer: Answer, model: &str, started: Instant) -> Ending {
    let model = match answer.mode {
        Mode::Generative => model,
        Mode::Extractive => ALIAS,
    };
    let range =
        |at: &cairn_services::answer::Unsupported| CharRange { start: at.start, end: at.end };
    Ending {
        text: answer.text,
        model: model.to_owned(),
        cut_off: answer.cut_off,
        annotations: answer.citations.into_iter().map(annotation).collect(),
        usage: usage(answer.input_tokens, answer.cached_tokens, answer.output_tokens),
        extra: ResponseExtra {
            refused: answer.refused.is_some(),
            reason: answer.refused,
            mode: answer.mode.name(),
            confidence: Some(decimal(answer.confidence.score())),
            threshold: Some(decimal(answer.confidence.threshold)),
            assent: answer.confidence.assent.map(decimal),
            similarity: Some(decimal(answer.confidence.dense)),
            coverage: Some(decimal(answer.confidence.coverage)),
            milliseconds: ResponseTimes {
                search: answer.search_ms,
                generate: answer.write_ms,
                total: millis(started),
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

/// What a language model is asked.
pub(super) fn request(asked: &Asked, trace: &str) -> ChatRequest {
    let instructions = asked.input.instructions(asked.shell.instructions.as_deref());
    ChatRequest {
        messages: asked.input.messages(instructions),
        tools: asked.functions.tools.clone(),
        tool_choice: asked.functions.choice.clone(),
        parallel_tool_calls: asked.functions.parallel,
        sampling: asked.sampling.clone(),
        format: asked.format.clone(),
        max_tokens: asked.shell.max_output_tokens,
        choices: 1,
        sticky: asked.sticky.clone(),
        trace: trace.to_owned(),
        ..ChatRequest::default()
    }
}

/// Asks a language model, and says how its answer comes about.
///
/// # Errors
/// As [`cairn_services::chat::Inference::chat`].
pub(super) async fn ask(
    services: &Services,
    scope: &Scope,
    asked: &Asked,
    mut request: ChatRequest,
) -> Result<(Chat, Provenance)> {
    let turns_left_out = match asked.truncate && !asked.input.history.is_empty() {
        true => services.inference.fit(scope, &asked.model, &mut request).await?,
        false => 0,
    };
    let sampling =
        SamplingUsed { sampling: request.sampling.clone(), max_tokens: request.max_tokens };
    let begun = Provenance {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        asked_model: asked.model.clone(),
        prompt: Some(PromptUsed::plain(request.messages.clone())),
        turns_left_out,
        sampling: Some(sampling),
        format: request.format.clone(),
        ..Provenance::default()
    };
    let chat = services.inference.chat(scope, &asked.model, request).await;
    let chat = chat.map_err(format::renamed)?;
    let language = ModelUsed { name: chat.model.clone(), identity: chat.identity.clone() };
    Ok((chat, Provenance { language: Some(language), ..begun }))
}

/// The beats of an answer without a search.
///
/// # Errors
/// As [`ask`].
pub(super) async fn spoken(
    services: &Services,
    scope: &Scope,
    asked: Asked,
    trace: &str,
    started: Instant,
) -> Result<BoxStream<'static, Result<Beat>>> {
    let request = request(&asked, trace);
    let asking = Instant::now();
    let (chat, made) = ask(services, scope, &asked, request).await?;
    let Chat { model, identity, events } = chat;
    let mut heard = Heard::new(&asked.functions, false);
    let mut made = Some(made);
    let beats = events.map(move |event| {
        Ok(match event.map_err(format::renamed)? {
            ChatEvent::Done(usage) => {
                let (text, made) = (std::mem::take(&mut heard.text), made.take());
                let made = made.unwrap_or_default();
                let written = Written::new(text, heard.cut_off, asking, usage, made);
                Some(Beat::End(Box::new(plain_ending(written, &model, &identity, started))))
            }
            event => heard.hear(event)?,
        })
    });
    Ok(Box::pin(beats.try_filter_map(|beat| std::future::ready(Ok(beat)))))
}

/// What a model wrote without a search.
pub(super) struct Written {
    text: String,
    cut_off: bool,
    generate_ms: f64,
    usage: ChatUsage,
    provenance: Provenance,
}

impl Written {
    /// Written from `asking` until now.
    pub(super) fn new(
        text: String,
        cut_off: bool,
        asking: Instant,
        usage: ChatUsage,
        provenance: Provenance,
    ) -> Self {
        Self { text, cut_off, generate_ms: millis(asking), usage, provenance }
    }
}

/// How an answer without a search ends.
pub(super) fn plain_ending(
    written: Written,
    model: &str,
    identity: &str,
    started: Instant,
) -> Ending {
    let tokens = written.usage;
    Ending {
        text: written.text,
        model: model.to_owned(),
        cut_off: written.cut_off,
        annotations: Vec::new(),
        usage: usage(tokens.prompt_tokens, tokens.cached_tokens, tokens.completion_tokens),
        extra: ResponseExtra {
            refused: false,
            reason: None,
            mode: Mode::Generative.name(),
            confidence: None,
            threshold: None,
            assent: None,
            similarity: None,
            coverage: None,
            milliseconds: ResponseTimes {
                search: 0.0,
                generate: written.generate_ms,
                total: millis(started),
            },
            model_sha256: Some(identity.to_owned()),
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

fn usage(input_tokens: u32, cached_tokens: u32, output_tokens: u32) -> ResponseUsage {
    ResponseUsage {
        input_tokens,
        input_tokens_details: InputTokensDetails { cached_tokens, cache_write_tokens: 0 },
        output_tokens,
        output_tokens_details: OutputTokensDetails { reasoning_tokens: 0 },
        total_tokens: input_tokens + output_tokens,
    }
}

/// Counts what was `spent` besides.
pub(super) fn add(usage: &mut ResponseUsage, spent: ChatUsage) {
    usage.input_tokens += spent.prompt_tokens;
    usage.input_tokens_details.cached_tokens += spent.cached_tokens;
    usage.output_tokens += spent.completion_tokens;
    usage.total_tokens = usage.input_tokens + usage.output_tokens;
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
