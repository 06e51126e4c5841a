//! Triton's generate extension: a text in, a text out, from a language model.

use async_stream::stream;
use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use cairn_kernel::{Error, Result, Scope};
use cairn_services::chat::{ChatEvent, ChatRequest, ChatStream, ChatUsage};
use cairn_services::records::UsageEntry;
use cairn_services::{ChatMessage, Sampling, Services};
use cairn_wire::oip::{GenerateRequest, GenerateResponse, OipError};
use futures::StreamExt;
use serde::Serialize;
use serde_json::{Map, Value};

use super::InferCaller;
use super::body::Body;
use super::execute::Target;
use crate::error::{self, InferError};
use crate::extract::{RequestId, Sticky, parse};
use crate::openai::sse;

/// The one version of a language model that is the program's own.
const VERSION: &str = "1";

/// Continues a text.
#[utoipa::path(post, path = "/v2/models/{model}/generate", tag = "inference", params(("model" = String, Path, description = "the language model")), request_body = GenerateRequest, responses((status = 200, body = GenerateResponse)))]
pub(crate) async fn whole(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    RequestId(request_id): RequestId,
    Sticky(sticky): Sticky,
    target: Target,
    Body(body): Body,
) -> Result<axum::Json<GenerateResponse>, InferError> {
    let (mut events, answer) = ask(services, scope, (request_id, sticky), target, &body).await?;
    let mut text = String::new();
    while let Some(event) = events.next().await {
        match event? {
            ChatEvent::Text { text: more, .. } => text.push_str(&more),
            ChatEvent::Done(usage) => {
                answer.record(&usage).await;
                return Ok(axum::Json(answer.piece(text)));
            }
            _ => {}
        }
    }
    Err(sse::cut_short().into())
}

/// Continues a text, piece by piece.
#[utoipa::path(post, path = "/v2/models/{model}/generate_stream", tag = "inference", params(("model" = String, Path, description = "the language model")), request_body = GenerateRequest, responses((status = 200, body = GenerateResponse, description = "Server-sent events, each a piece")))]
pub(crate) async fn streamed(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    RequestId(request_id): RequestId,
    Sticky(sticky): Sticky,
    target: Target,
    Body(body): Body,
) -> Result<Response, InferError> {
    let (events, answer) = ask(services, scope, (request_id, sticky), target, &body).await?;
    // Nothing is sent before the first words, so what fails until then has a status.
    let mut events =
        sse::read_ahead(events, |event| !matches!(event, ChatEvent::Started { .. })).await?;
    Ok(sse::respond(stream! {
        while let Some(event) = events.next().await {
            match event {
                Ok(ChatEvent::Text { text, .. }) => yield sent(&answer.piece(text)),
                Ok(ChatEvent::Done(usage)) => {
                    answer.record(&usage).await;
                    return;
                }
                Ok(_) => {}
                Err(failure) => {
                    yield failed(&failure);
                    return;
                }
            }
        }
        yield failed(&sse::cut_short());
    }))
}

fn failed(failure: &Error) -> Event {
    error::note(failure);
    sent(&OipError { error: error::message(failure).to_owned() })
}

fn sent(value: &impl Serialize) -> Event {
    Event::default().data(serde_json::to_string(value).unwrap_or_default())
}

/// What all pieces of an answer share, and where its usage is written.
struct Answer {
    services: Services,
    scope: Scope,
    request_id: String,
    id: Option<String>,
    model: String,
    version: String,
}

impl Answer {
    fn piece(&self, text_output: String) -> GenerateResponse {
        GenerateResponse {
            id: self.id.clone(),
            model_name: self.model.clone(),
            model_version: self.version.clone(),
            text_output,
        }
    }

    async fn record(&self, usage: &ChatUsage) {
        let entry = UsageEntry {
            operation: "chat",
            model: self.model.clone(),
            input_tokens: usage.prompt_tokens.into(),
            output_tokens: usage.completion_tokens.into(),
            request_id: self.request_id.clone(),
        };
        self.services.usage.record(&self.scope, entry).await;
    }
}

async fn ask(
    services: Services,
    scope: Scope,
    (request_id, sticky): (String, Option<String>),
    target: Target,
    body: &[u8],
) -> Result<(ChatStream, Answer)> {
    let request: GenerateRequest = parse(body)?;
    let id = request.id.clone();
    let asked = ChatRequest { sticky, ..read(request, request_id.clone())? };
    let name = match target.version {
        Some(version) => format!("{}@{version}", target.model),
        None => target.model,
    };
    let chat = services.inference.chat(&scope, &name, asked).await?;
    let (model, version) = chat.model.split_once('@').unwrap_or((&chat.model, VERSION));
    let (model, version) = (model.to_owned(), version.to_owned());
    Ok((chat.events, Answer { services, scope, request_id, id, model, version }))
}

/// The text as the one message of a user, with the parameters of either place.
fn read(request: GenerateRequest, trace: String) -> Result<ChatRequest> {
    let mut parameters: Map<String, Value> = request.parameters;
    parameters.extend(request.beside);
    let mut asked = ChatRequest {
        messages: vec![ChatMessage::new("user", request.text_input)],
        choices: 1,
        trace,
        ..ChatRequest::default()
    };
    for (name, value) in &parameters {
        set(&mut asked, name, value)?;
    }
    Ok(asked)
}

fn set(asked: &mut ChatRequest, name: &str, value: &Value) -> Result<()> {
    let wrong = |wanted: &str| {
        Error::invalid(format!("the parameter '{name}' is {value}; it must be {wanted}"))
            .with_param(name)
    };
    #[expect(clippy::cast_possible_truncation, reason = "sampling is done in 32 bits")]
    let number = |from: f64, to: f64| {
        let given = value.as_f64().filter(|given| (from..=to).contains(given));
        given.map(|given| given as f32).ok_or_else(|| wrong(&format!("between {from} and {to}")))
    };
    let count = |least: u32| {
        let given = value.as_u64().and_then(|given| u32::try_from(given).ok());
        given.filter(|given| *given >= least).ok_or_else(|| wrong(&format!("{least} at least")))
    };
    let sampling: &mut Sampling = &mut asked.sampling;
    match name {
        "max_tokens" => asked.max_tokens = Some(count(1)?),
        "temperature" => sampling.temperature = number(0.0, 2.0)?,
        "top_p" => sampling.top_p = number(0.0, 1.0)?,
        "top_k" => sampling.top_k = count(0)?,
        "seed" => sampling.seed = Some(value.as_u64().ok_or_else(|| wrong("a whole number"))?),
        "repetition_penalty" => sampling.repetition_penalty = number(0.01, 100.0)?,
        "frequency_penalty" => sampling.frequency_penalty = number(-2.0, 2.0)?,
        "presence_penalty" => sampling.presence_penalty = number(-2.0, 2.0)?,
        "stop" => asked.stop = texts(value).ok_or_else(|| wrong("a text or a list of texts"))?,
        // Which of the two calls it is says whether the answer is streamed.
        "stream" if value.is_boolean() => {}
        _ => {
            return Err(Error::invalid(format!(
                "the parameter '{name}' is not known; known are max_tokens, temperature, top_p, \
                 top_k, seed, stop, repetition_penalty, frequency_penalty, presence_penalty"
            ))
            .with_param(name));
        }
    }
    Ok(())
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) => list.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(body: &Value) -> Result<ChatRequest> {
        read(parse(body.to_string().as_bytes())?, "t".to_owned())
    }

    #[test]
    fn parameters_may_stand_inside_or_beside() -> Result<()> {
        let inside = json!({"text_input": "hi", "parameters": {"max_tokens": 5, "stop": "."}});
        let beside = json!({"text_input": "hi", "max_tokens": 5, "stop": ["."], "stream": true});
        assert_eq!(asked(&inside)?, asked(&beside)?);
        let read = asked(&inside)?;
        assert_eq!((read.max_tokens, read.stop), (Some(5), vec![".".to_owned()]));
        assert_eq!(read.messages, [ChatMessage::new("user", "hi")]);
        Ok(())
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (body, name) in [
            (json!({"text_input": "x", "beam_width": 4}), "beam_width"),
            (json!({"text_input": "x", "parameters": {"temperature": 9}}), "temperature"),
            (json!({"text_input": "x", "max_tokens": 0}), "max_tokens"),
        ] {
            let refused = asked(&body).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{body}");
        }
        assert!(asked(&json!({})).is_err());
    }
}
