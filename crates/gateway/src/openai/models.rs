//! `/v1/models`: the tenant's language models, those of the program, the embedding model, and the
//! tenant's vector stores, which a chat asks like a model.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Path, State};
use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_services::Services;
use cairn_services::llms::ALIAS;
use cairn_services::responses::{NamedStore, names_store};
use cairn_wire::openai::{List, Model};

use super::convert::seconds;
use crate::error::ApiResult;
use crate::extract::Caller;

/// Lists the models that answer here.
#[utoipa::path(get, path = "/v1/models", tag = "models", responses((status = 200, body = List<Model>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<Json<List<Model>>> {
    let mut data = models(&services, &scope).await?;
    data.extend(services.responses.named_stores(&scope).await?.into_iter().map(store));
    Ok(Json(List {
        object: "list",
        first_id: data.first().map(|model| model.id.clone()),
        last_id: data.last().map(|model| model.id.clone()),
        data,
        has_more: false,
    }))
}

/// One of them.
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = "models",
    params(("id" = String, Path)),
    responses((status = 200, body = Model))
)]
pub(crate) async fn retrieve(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Model>> {
    if names_store(&id) {
        return Ok(Json(store(services.responses.named_store(&scope, &id).await?)));
    }
    let found = models(&services, &scope).await?.into_iter().find(|model| model.id == id);
    Ok(Json(found.ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("the model '{id}' does not exist here; GET /v1/models lists those that do"),
        )
        .with_code("model_not_found")
        .with_param("model")
    })?))
}

/// The tenant's language models, then those of the program that they do not stand before.
async fn models(services: &Services, scope: &Scope) -> Result<Vec<Model>> {
    let started = SystemTime::now().checked_sub(services.uptime());
    let started = started.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let started = started.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let own = services.models.chat_names(scope).await?;
    let shared = std::iter::once(ALIAS.to_owned())
        .chain(services.inference.llms().available())
        .chain(std::iter::once(services.inference.embedding_model().to_owned()))
        .filter(|id| !own.iter().any(|(name, _)| name == id))
        .map(|id| Model { id, object: "model", created: started, owned_by: "cairn" })
        .collect::<Vec<_>>();
    let own = own.into_iter().map(|(id, created)| Model {
        id,
        object: "model",
        created: created / 1000,
        owned_by: "tenant",
    });
    Ok(own.chain(shared).collect())
}

/// A store as a model.
fn store(store: NamedStore) -> Model {
    Model {
        id: store.model,
        object: "model",
        created: seconds(store.created_at),
        owned_by: "tenant",
    }
}
