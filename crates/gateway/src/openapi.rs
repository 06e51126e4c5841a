//! The OpenAPI document, gathered from the handlers themselves.

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::cairn::{
    access, datasets, erasures, evaluations, keys, models, provenance, question_sets, rankings,
    reindex, rollouts, schedules, sources, status, text, training,
};
use crate::mcp;
use crate::oip::{self, generate, repository, statistics};
use crate::openai::{
    chat, conversations, embeddings, files, models as openai_models, rerank, responses, search,
    stores, uploads,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Cairn", description = "The typical AI system, whole, in one program."),
    paths(
        files::upload, files::list, files::retrieve, files::delete, files::content,
        uploads::create, uploads::add_part, uploads::complete, uploads::cancel,
        stores::create, stores::list, stores::retrieve, stores::update, stores::delete,
        stores::attach, stores::list_files, stores::file, stores::update_file, stores::detach,
        stores::file_content, stores::create_batch, stores::batch, stores::cancel_batch,
        stores::batch_files, search::search,
        chat::create, embeddings::create, openai_models::list, openai_models::retrieve,
        rerank::v1, rerank::v2,
        responses::create, responses::retrieve, responses::delete, responses::input_items,
        responses::input_tokens, responses::compaction::compact, responses::cancel,
        conversations::create, conversations::retrieve, conversations::update,
        conversations::delete, conversations::add_items, conversations::list_items,
        conversations::retrieve_item, conversations::delete_item,
        oip::server, oip::live, oip::ready, oip::metadata, oip::model_ready, oip::infer, oip::config,
        statistics::all, statistics::one, generate::whole, generate::streamed,
        repository::index, repository::load, repository::unload,
        status::whoami, status::status, status::verify, status::purge,
        keys::create, keys::list, keys::update, keys::rotate, keys::revoke,
        erasures::tenants, erasures::delete_tenant, erasures::list, erasures::show, erasures::key,
        datasets::create, datasets::list, datasets::show, datasets::delete, datasets::rows,
        datasets::query,
        training::create, training::list, training::show, training::cancel,
        models::list, models::show, models::deploy, models::delete, models::onnx, models::predict,
        models::register, models::set_alias, models::delete_alias,
        rollouts::set, rollouts::show, rollouts::roll_back, rollouts::promote, rollouts::feedback,
        rollouts::history,
        text::text, text::resolve_store, access::show, access::set,
        reindex::start, reindex::show, reindex::cancel,
        rankings::show, rankings::set, rankings::reset,
        sources::create, sources::list, sources::show, sources::update, sources::delete,
        sources::sync, sources::pause, sources::resume, sources::items,
        provenance::show, provenance::replay,
        question_sets::create, question_sets::list, question_sets::show, question_sets::delete,
        question_sets::questions,
        evaluations::create, evaluations::list, evaluations::show, evaluations::cancel,
        evaluations::delete, evaluations::results, evaluations::report,
        schedules::create, schedules::list, schedules::show, schedules::update, schedules::delete,
        schedules::pause, schedules::resume, schedules::run,
        mcp::talk,
    ),
    modifiers(&Security)
)]
struct Document;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    }
}

/// The document.
pub(crate) async fn document() -> axum::Json<utoipa::openapi::OpenApi> {
    axum::Json(Document::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the routers say, in their own words.
    const ROUTERS: [&str; 4] = [
        include_str!("openai.rs"),
        include_str!("oip.rs"),
        include_str!("cairn.rs"),
        include_str!("mcp.rs"),
    ];

    /// The paths of `.route("…", …)`, wherever the line is broken.
    fn routes(source: &str) -> Vec<String> {
        let mut found = Vec::new();
        for after in source.split(".route(").skip(1) {
            let path = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            found.extend(path.map(str::to_owned));
        }
        found
    }

    #[test]
    fn every_route_is_in_the_document() {
        let document = Document::openapi();
        let routes: Vec<String> = ROUTERS.iter().flat_map(|source| routes(source)).collect();
        assert!(routes.len() > 60, "{routes:?}");
        for path in routes {
            // A wildcard is an ordinary parameter there.
            let path = path.replace("{*", "{");
            assert!(document.paths.paths.contains_key(&path), "{path} is not documented");
        }
    }

    #[test]
    fn every_protocol_is_in_the_document() {
        let document = Document::openapi();
        for path in ["/v1/responses", "/v2/models/{model}/infer", "/cairn/v1/training_runs", "/mcp"]
        {
            assert!(document.paths.paths.contains_key(path), "{path}");
        }
    }
}
