//! How a vector store puts hits in order, and how sure it must be to answer.

use axum::extract::{Path, State};
use cairn_kernel::{Error, Id, Result, Scope};
use cairn_services::Services;
use cairn_services::rankings::{self, Choice};
use cairn_wire::cairn::{
    RankingQuality, SetRanking, StoreRanking, StoreThreshold, ThresholdQuality,
};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openai::convert::{decimal, seconds};
use crate::openai::search;

/// The ranking and the threshold of a store: its own, or the defaults.
#[utoipa::path(get, path = "/cairn/v1/vector_stores/{id}/ranking", tag = "vector stores", params(("id" = String, Path, description = "the store")), responses((status = 200, body = StoreRanking)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<StoreRanking>> {
    Ok(axum::Json(held(&services, &scope, id).await?))
}

/// Gives a store a ranking or a threshold, or both, in place of those it has.
#[utoipa::path(put, path = "/cairn/v1/vector_stores/{id}/ranking", tag = "vector stores", params(("id" = String, Path, description = "the store")), request_body = SetRanking, responses((status = 200, body = StoreRanking)))]
pub(crate) async fn set(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<SetRanking>,
) -> ApiResult<axum::Json<StoreRanking>> {
    if wanted.ranking.is_none() && wanted.threshold.is_none() {
        let text = "nothing is to be set; send 'ranking', 'threshold' or both";
        return Err(Error::invalid(text).with_param("ranking").into());
    }
    let ranking = wanted.ranking.map(|shares| search::ranking(shares, "ranking")).transpose()?;
    let store = Id::from_raw(id.as_str());
    // First what can still be refused for its value.
    if let Some(threshold) = wanted.threshold {
        services.rankings.give_threshold(&scope, &store, threshold).await?;
    }
    if let Some(ranking) = ranking {
        services.rankings.give(&scope, &store, ranking).await?;
    }
    Ok(axum::Json(held(&services, &scope, id).await?))
}

/// Gives a store the default ranking and threshold again.
#[utoipa::path(delete, path = "/cairn/v1/vector_stores/{id}/ranking", tag = "vector stores", params(("id" = String, Path, description = "the store")), responses((status = 200, body = StoreRanking)))]
pub(crate) async fn reset(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<StoreRanking>> {
    services.rankings.reset(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(held(&services, &scope, id).await?))
}

async fn held(services: &Services, scope: &Scope, store: String) -> Result<StoreRanking> {
    let id = Id::from_raw(store.as_str());
    let ranking = services.rankings.get(scope, &id).await?;
    Ok(object(store, ranking, services.rankings.threshold(scope, &id).await?))
}

fn object(
    store: String,
    held: rankings::StoreRanking,
    threshold: rankings::StoreThreshold,
) -> StoreRanking {
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
        threshold: StoreThreshold {
            value: decimal(threshold.threshold),
            choice: threshold.choice.name(),
            quality: threshold.quality.map(|quality| ThresholdQuality {
                answerable: quality.answerable,
                unanswerable: quality.unanswerable,
                learned: quality.learned,
                default: quality.default,
                low: quality.low,
                high: quality.high,
                refused: quality.refused,
                refused_by_default: quality.refused_by_default,
            }),
            set_at: threshold.set_at.map(seconds),
        },
    }
}
