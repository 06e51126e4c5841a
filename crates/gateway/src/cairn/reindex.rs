//! Re-indexing vector stores.

use axum::extract::{Path, State};
use cairn_kernel::{Id, Result, ResultExt};
use cairn_services::Services;
use cairn_services::chunking::{Chunking, Strategy, of_text};
use cairn_services::languages::Wanted;
use cairn_services::records::GenerationRow;
use cairn_services::reindex::{Run, State as Held, Wish};
use cairn_wire::cairn::{CairnChunking, IndexGeneration, Reindex, ReindexRun, StartReindex};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openai::convert::seconds;

/// Starts a re-index with another embedding model, another way of cutting, or texts that are read
/// anew. The store answers as before until it is done.
#[utoipa::path(post, path = "/cairn/v1/vector_stores/{id}/reindex", tag = "documents", params(("id" = String, Path, description = "the store")), request_body = StartReindex, responses((status = 200, body = Reindex)))]
pub(crate) async fn start(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<StartReindex>,
) -> ApiResult<axum::Json<Reindex>> {
    let chunking = match wanted.chunking.map(chunking).transpose()? {
        Some(Chunking::As(strategy)) => Some(strategy),
        Some(Chunking::Store) | None => None,
    };
    let language = wanted.language.as_deref().map(|code| Wanted::parse(code, "language"));
    let language = language.transpose()?;
    let StartReindex { embedding_model, reparse, .. } = wanted;
    let wish = Wish { embedding_model, chunking, language, reparse };
    let held = services.reindex.start(&scope, &Id::from_raw(id.as_str()), &wish).await?;
    Ok(axum::Json(object(id, held)?))
}

/// What answers for a store, and how far its newest re-index is.
#[utoipa::path(get, path = "/cairn/v1/vector_stores/{id}/reindex", tag = "documents", params(("id" = String, Path, description = "the store")), responses((status = 200, body = Reindex)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Reindex>> {
    let held = services.reindex.state(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(object(id, held)?))
}

/// Cancels the re-index under way. What answers stays as it is.
#[utoipa::path(delete, path = "/cairn/v1/vector_stores/{id}/reindex", tag = "documents", params(("id" = String, Path, description = "the store")), responses((status = 200, body = Reindex)))]
pub(crate) async fn cancel(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Reindex>> {
    let held = services.reindex.cancel(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(object(id, held)?))
}

/// Our way of cutting, checked.
pub(crate) fn chunking(wanted: CairnChunking) -> Result<Chunking> {
    match wanted {
        CairnChunking::Auto => Ok(Chunking::As(Strategy::default())),
        CairnChunking::Static { max_tokens, overlap_tokens } => {
            Chunking::fixed(max_tokens, overlap_tokens)
        }
        CairnChunking::Structure { max_tokens, heading_context } => {
            Chunking::structure(max_tokens, heading_context)
        }
        CairnChunking::ParentChild { child_tokens, parent_tokens, heading_context } => {
            Chunking::parent_child(child_tokens, parent_tokens, heading_context)
        }
    }
}

/// A strategy for the wire.
pub(crate) fn shown(strategy: Strategy) -> CairnChunking {
    let number = |tokens: usize| i64::try_from(tokens).unwrap_or(i64::MAX);
    match strategy {
        Strategy::Static { max_tokens, overlap_tokens } => CairnChunking::Static {
            max_tokens: number(max_tokens),
            overlap_tokens: number(overlap_tokens),
        },
        Strategy::Structure { max_tokens, heading_context } => {
            CairnChunking::Structure { max_tokens: number(max_tokens), heading_context }
        }
        Strategy::ParentChild { child_tokens, parent_tokens, heading_context } => {
            CairnChunking::ParentChild {
                child_tokens: number(child_tokens),
                parent_tokens: number(parent_tokens),
                heading_context,
            }
        }
    }
}

fn object(vector_store_id: String, held: Held) -> Result<Reindex> {
    Ok(Reindex {
        object: "vector_store.reindex",
        vector_store_id,
        status: held.run.as_ref().map_or("none", |run| status(&run.generation)),
        active: generation(&held.active)?,
        run: held.run.map(run).transpose()?,
    })
}

fn status(generation: &GenerationRow) -> &'static str {
    match generation.state.as_str() {
        "building" => "in_progress",
        "cancelled" => "cancelled",
        "failed" => "failed",
        _ => "completed",
    }
}

fn generation(row: &GenerationRow) -> Result<IndexGeneration> {
    let strategy = row.chunking.as_deref().map(of_text).transpose()?.unwrap_or_default();
    Ok(IndexGeneration {
        generation: row.generation,
        embedding_model: row.embedding_model.clone(),
        embedding_version: row.embedding_version,
        chunking: shown(strategy),
        language: row.language.clone(),
        language_named: row.language_named != 0,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share of bytes")]
fn run(run: Run) -> Result<ReindexRun> {
    let Run { generation: row, progress, seconds_left } = run;
    let fraction = match (&progress, status(&row)) {
        (Some(progress), _) if progress.bytes > 0 => {
            progress.bytes_done as f64 / progress.bytes as f64
        }
        (_, "completed") => 1.0,
        _ => 0.0,
    };
    let building = row.is_building();
    Ok(ReindexRun {
        generation: generation(&row)?,
        created_at: seconds(row.created_at),
        finished_at: row.finished_at.map(seconds),
        files_total: progress.map(|progress| progress.files),
        files_done: progress.map(|progress| progress.files_done),
        fraction,
        seconds_left,
        waiting: row.waiting.filter(|_| building),
        retry_at: row.retry_at.filter(|_| building).map(seconds),
        error: row.error,
        report: row
            .report
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .or_internal("reading how generations compare")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<Chunking> {
        let wanted: CairnChunking = serde_json::from_value(body)
            .map_err(|fault| cairn_kernel::Error::invalid(fault.to_string()))?;
        chunking(wanted)
    }

    #[test]
    fn our_ways_of_cutting_have_defaults_and_bounds() -> Result<()> {
        let structure = Strategy::Structure { max_tokens: 400, heading_context: true };
        assert_eq!(read(json!({"type": "structure"}))?, Chunking::As(structure));
        let family =
            Strategy::ParentChild { child_tokens: 64, parent_tokens: 800, heading_context: false };
        let asked = json!({"type": "parent_child", "child_tokens": 64, "heading_context": false});
        assert_eq!(read(asked)?, Chunking::As(family));
        assert_eq!(read(json!({"type": "auto"}))?, Chunking::As(Strategy::default()));
        for bad in [
            json!({"type": "structure", "max_tokens": 5}),
            json!({"type": "structure", "tokens": 500}),
            json!({"type": "parent_child", "child_tokens": 900}),
            json!({"type": "static", "max_tokens": 100}),
            json!({"type": "other"}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
        for strategy in [Strategy::default(), structure, family] {
            assert_eq!(chunking(shown(strategy))?, Chunking::As(strategy));
        }
        Ok(())
    }
}
