//! How an answer came about, and what has changed since.

use axum::extract::{Path, State};
use cairn_kernel::{Id, ResultExt};
use cairn_services::Services;
use cairn_services::answer::provenance::ModelUsed;
use cairn_services::answer::{Change, Compared, Place, Provenance, Replay, State as Fate};
use cairn_wire::cairn as wire;
use serde_json::Value;

use crate::error::ApiResult;
use crate::extract::{Caller, Json, RequestId};
use crate::openai::convert::{decimal, usage};

/// How a kept answer came about: models, prompt, sampling, the search and its passages.
#[utoipa::path(get, path = "/cairn/v1/responses/{id}/provenance", tag = "responses", params(("id" = String, Path, description = "the response")), responses((status = 200, description = "models, prompt, sampling, retrieval and passages", body = Object)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Value>> {
    Ok(axum::Json(services.responses.provenance(&scope, &Id::from_raw(id)).await?))
}

/// Runs the search of a kept answer again and says what has changed; with `answer`, writes the
/// answer again with the same seed.
#[utoipa::path(post, path = "/cairn/v1/responses/{id}/replay", tag = "responses", params(("id" = String, Path, description = "the response")), request_body = wire::ReplayRequest, responses((status = 200, body = wire::Replay)))]
pub(crate) async fn replay(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(trace): RequestId,
    Path(id): Path<String>,
    Json(wanted): Json<wire::ReplayRequest>,
) -> ApiResult<axum::Json<wire::Replay>> {
    let id = Id::from_raw(id);
    let quoted = services.responses.sources(&scope, &id).await?;
    let row = services.responses.get(&scope, &id).await?;
    let kept: Value = serde_json::from_str(&row.body).or_internal("reading a kept response")?;
    let then = services.responses.provenance(&scope, &id).await?;
    let then: Provenance =
        serde_json::from_value(then).or_internal("reading a response's provenance")?;
    let replayed = services.answers.replay(&scope, &then, wanted.answer, &trace).await?;
    if let Some(answer) = &replayed.answer {
        let tokens = (i64::from(answer.tokens.0), i64::from(answer.tokens.1));
        services.usage.record(&scope, usage("responses", &answer.model, tokens, &trace)).await;
    }
    // Both answers are shown: nothing of them may have been deleted meanwhile.
    services.responses.require(&scope, &quoted).await?;
    Ok(axum::Json(object(id.to_string(), replayed, said(&kept))))
}

/// The text of a kept answer.
fn said(kept: &Value) -> String {
    let output = kept["output"].as_array().into_iter().flatten();
    let message = output.filter(|item| item["type"] == "message");
    let parts = message.flat_map(|item| item["content"].as_array().into_iter().flatten());
    parts.filter_map(|part| part["text"].as_str().or_else(|| part["refusal"].as_str())).collect()
}

fn object(response_id: String, replayed: Replay, said: String) -> wire::Replay {
    let unmoved = replayed.passages.iter().all(|passage| passage.state == Fate::Same);
    let same = unmoved
        && replayed.program.is_same()
        && replayed.embedding.is_same()
        && replayed.reranker.is_same()
        && replayed.language.is_same()
        && replayed.template.is_same()
        && replayed.missing_stores.is_empty();
    let model = |used: Option<ModelUsed>| {
        used.map(|used| wire::ModelIdentity { name: used.name, identity: used.identity })
    };
    wire::Replay {
        object: "response.replay",
        response_id,
        same,
        passages: replayed.passages.into_iter().map(passage).collect(),
        index_position: change(replayed.index_position, |position| position),
        program: change(replayed.program, |version| version),
        embedding_model: change(replayed.embedding, model),
        reranking_model: change(replayed.reranker, model),
        language_model: change(replayed.language, model),
        prompt_template: change(replayed.template, |sha256| sha256),
        missing_stores: replayed.missing_stores,
        notes: replayed.notes,
        answer: replayed.answer.map(|answer| wire::ReplayAnswer {
            equal: answer.text == said,
            then: said,
            now: answer.text,
            refused: answer.refused,
        }),
    }
}

fn change<T: PartialEq, U>(changed: Change<T>, shown: impl Fn(T) -> U) -> wire::ReplayChange<U> {
    let same = changed.is_same();
    wire::ReplayChange { then: shown(changed.then), now: shown(changed.now), same }
}

fn passage(compared: Compared) -> wire::ReplayPassage {
    wire::ReplayPassage {
        state: compared.state.name(),
        reason: compared.reason,
        replaced_by: compared.replaced_by,
        chunk_id: compared.chunk_id,
        file_id: compared.file_id,
        filename: compared.filename,
        char_start: compared.char_start,
        char_end: compared.char_end,
        then: compared.then.map(place),
        now: compared.now.map(place),
    }
}

fn place(place: Place) -> wire::ReplayPlace {
    wire::ReplayPlace {
        rank: place.rank,
        score: decimal(place.score),
        dense: place.dense.map(decimal),
        bm25: place.bm25.map(decimal),
    }
}
