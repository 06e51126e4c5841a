//! How a vector store puts hits in order.

use axum::extract::{Path, State};
use cairn_kernel::Id;
use cairn_services::Services;
use cairn_services::rankings::{self, Choice};
use cairn_wire::cairn::{RankingQuality, SetRanking, StoreRanking};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openai::convert::seconds;
use crate::openai::search;

/// The ranking of a store: its own, or the default.
#[utoipa::path(get, path = "/cairn/v1/vector_stores/{id}/ranking", tag = "vector stores", params(("id" = String, Path, description = "the store")), responses((status = 200, body = StoreRanking)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<StoreRanking>> {
    let held = services.rankings.get(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(object(id, held)))
}

/// Gives a store a ranking in place of the one it has.
#[utoipa::path(put, path = "/cairn/v1/vector_stores/{id}/ranking", tag = "vector stores", params(("id" = String, Path, description = "the store")), request_body = SetRanking, responses((status = 200, body = StoreRanking)))]
pub(crate) async fn set(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<SetRanking>,
) -> ApiResult<axum::Json<StoreRanking>> {
    let ranking = search::ranking(wanted.ranking, "ranking")?;
    let held = services.rankings.give(&scope, &Id::from_raw(id.as_str()), ranking).await?;
    Ok(axum::Json(object(id, held)))
}

/// Gives a store the default ranking again.
#[utoipa::path(delete, path = "/cairn/v1/vector_stores/{id}/ranking", tag = "vector stores", params(("id" = String, Path, description = "the store")), responses((status = 200, body = StoreRanking)))]
pub(crate) async fn reset(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<StoreRanking>> {
    let held = services.rankings.reset(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(object(id, held)))
}

fn object(store: String, held: rankings::StoreRanking) -> StoreRanking {
    StoreRanking {
        object: "vector_store.ranking",
        vector_store_id: store,
        ranking: search::shares(held.ranking),
        choice: match held.choice {
            Choice::Learned => "learned",
            Choice::Default => "default",
            Choice::Dense => "dense",
            Choice::Words => "words",
            Choice::Given => "given",
        },
        queries: held.queries,
        quality: held.quality.map(|quality| RankingQuality {
            learned: quality.learned,
            default: quality.default,
            dense: quality.dense,
            words: quality.words,
        }),
        learned_at: held.learned_at.map(seconds),
    }
}
