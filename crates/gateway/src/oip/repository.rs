//! Triton's model repository: what there is, loading, unloading.

use axum::extract::State;
use cairn_kernel::{Error, Kind, Result, Role, Scope};
use cairn_services::models::Residence;
use cairn_services::{ModelState, Services};
use cairn_wire::oip::{IndexEntry, IndexRequest, RepositoryRequest};

use super::InferCaller;
use super::body::Body;
use super::execute::Target;
use crate::error::InferError;
use crate::extract::parse;

/// The models of the tenant and the language models, each with what it is doing.
#[utoipa::path(post, path = "/v2/repository/index", tag = "inference", request_body = IndexRequest, responses((status = 200, body = Vec<IndexEntry>)))]
pub(crate) async fn index(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    Body(body): Body,
) -> Result<axum::Json<Vec<IndexEntry>>, InferError> {
    let asked: IndexRequest = parse(&body)?;
    Ok(axum::Json(listed(&services, &scope, asked.ready).await?))
}

/// Brings a model into service and into memory.
#[utoipa::path(post, path = "/v2/repository/models/{model}/load", tag = "inference", params(("model" = String, Path, description = "the model")), request_body = RepositoryRequest, responses((status = 200, description = "it is loaded")))]
pub(crate) async fn load(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    target: Target,
    Body(body): Body,
) -> Result<(), InferError> {
    let asked: RepositoryRequest = parse(&body)?;
    let names = asked.parameters.keys().map(String::as_str);
    Ok(bring_in(&services, &scope, &target.model, names).await?)
}

/// Takes a model out of service and out of memory.
#[utoipa::path(post, path = "/v2/repository/models/{model}/unload", tag = "inference", params(("model" = String, Path, description = "the model")), request_body = RepositoryRequest, responses((status = 200, description = "it is unloaded")))]
pub(crate) async fn unload(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    target: Target,
    Body(body): Body,
) -> Result<(), InferError> {
    let asked: RepositoryRequest = parse(&body)?;
    let names = asked.parameters.keys().map(String::as_str);
    Ok(take_out(&services, &scope, &target.model, names).await?)
}

/// Every version there is, or those that are ready.
///
/// # Errors
/// `Internal` when the records refuse.
pub(crate) async fn listed(
    services: &Services,
    scope: &Scope,
    ready_only: bool,
) -> Result<Vec<IndexEntry>> {
    let mut entries = Vec::new();
    for info in services.models.list(scope).await? {
        for row in &info.versions {
            let (state, reason) = state(services.models.residence(scope, row).await?);
            let (name, version) = (row.name.clone(), row.version.to_string());
            entries.push(IndexEntry { name, version, state: state.to_owned(), reason });
        }
    }
    for llm in services.inference.llms().states() {
        let (state, reason) = match llm.state {
            "ready" => ("READY", String::new()),
            "loading" => ("LOADING", llm.reason.unwrap_or_default()),
            _ => ("UNAVAILABLE", llm.reason.unwrap_or_else(|| ON_DISK.to_owned())),
        };
        let version = "1".to_owned();
        entries.push(IndexEntry { name: llm.name, version, state: state.to_owned(), reason });
    }
    entries.retain(|entry| !ready_only || entry.state == "READY");
    Ok(entries)
}

const ON_DISK: &str = "not in memory; the first request or a load call loads it";

fn state(residence: Residence) -> (&'static str, String) {
    match residence {
        Residence::Loaded(ModelState::Ready) => ("READY", String::new()),
        Residence::Loaded(ModelState::Loading) => ("LOADING", String::new()),
        Residence::Loaded(ModelState::Failed { reason }) => ("UNAVAILABLE", reason),
        Residence::Loaded(ModelState::Unloaded) | Residence::OnDisk => {
            ("UNAVAILABLE", ON_DISK.to_owned())
        }
        Residence::TakenOut => ("UNAVAILABLE", "unloaded; a load call brings it back".to_owned()),
    }
}

/// Loads a model, a tenant's or a language model.
///
/// # Errors
/// `Invalid` for parameters, which would change what a registered version is; otherwise
/// as [`cairn_services::models::Models::load`].
pub(crate) async fn bring_in<'p>(
    services: &Services,
    scope: &Scope,
    model: &str,
    mut parameters: impl Iterator<Item = &'p str>,
) -> Result<()> {
    if let Some(name) = parameters.next() {
        return Err(Error::invalid(format!(
            "loading takes no parameter '{name}': a version's file and configuration are those \
             that were registered; register a new version instead"
        ))
        .with_param(name));
    }
    match services.models.load(scope, model).await {
        Err(error) if error.kind() == Kind::NotFound && is_language_model(services, model) => {
            scope.require(Role::Editor)?;
            services.inference.llms().chat_model(model).await.map(drop)
        }
        done => done,
    }
}

/// Unloads a tenant's model.
///
/// # Errors
/// `Invalid` for unknown parameters, `Unsupported` for language models, otherwise as
/// [`cairn_services::models::Models::unload`].
pub(crate) async fn take_out<'p>(
    services: &Services,
    scope: &Scope,
    model: &str,
    mut parameters: impl Iterator<Item = &'p str>,
) -> Result<()> {
    // No model here has dependents, so either value of it means the same.
    if let Some(name) = parameters.find(|name| *name != "unload_dependents") {
        return Err(Error::invalid(format!(
            "unloading takes no parameter '{name}'; it takes 'unload_dependents'"
        ))
        .with_param(name));
    }
    match services.models.unload(scope, model).await {
        Err(error) if error.kind() == Kind::NotFound && is_language_model(services, model) => {
            Err(Error::new(
                Kind::Unsupported,
                format!(
                    "'{model}' is a language model, which all tenants share; it leaves memory by \
                     itself after llm_idle_seconds without a request"
                ),
            ))
        }
        done => done,
    }
}

fn is_language_model(services: &Services, model: &str) -> bool {
    services.inference.llms().available().iter().any(|name| name.eq_ignore_ascii_case(model))
}
