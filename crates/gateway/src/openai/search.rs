//! `/v1/vector_stores/{id}/search`.

use axum::Json;
use axum::extract::{Path, State};
use cairn_kernel::{Error, Id, Result};
use cairn_services::retrieve::Request;
use cairn_services::{Filter, Services};
use cairn_wire::openai::{OneOrMany, SearchRequest, SearchResults};

use super::convert;
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body};

/// Most wordings of one search.
const QUERIES_MAX: usize = 16;

/// Searches a vector store.
#[utoipa::path(
    post,
    path = "/v1/vector_stores/{id}/search",
    tag = "vector stores",
    params(("id" = String, Path)),
    request_body = SearchRequest,
    responses((status = 200, body = SearchResults))
)]
pub(crate) async fn search(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Body(request): Body<SearchRequest>,
) -> ApiResult<Json<SearchResults>> {
    let rewrite = request.rewrite_query == Some(true);
    let mut asked = asked(&id, request)?;
    if rewrite {
        let words = asked.queries.iter().flat_map(|query| services.answers.keywords(query));
        asked.queries = words.collect();
    }
    let found = services.retrieve.search(&scope, &asked).await?;
    Ok(Json(SearchResults {
        object: "vector_store.search_results.page",
        search_query: asked.queries,
        data: found.into_iter().map(convert::hit).collect(),
        has_more: false,
        next_page: None,
    }))
}

fn asked(store: &str, request: SearchRequest) -> Result<Request> {
    let queries = match request.query {
        OneOrMany::One(query) => vec![query],
        OneOrMany::Many(queries) => queries,
    };
    if queries.is_empty() || queries.len() > QUERIES_MAX {
        return Err(Error::invalid(format!(
            "query has {} texts; send between 1 and {QUERIES_MAX}",
            queries.len()
        ))
        .with_param("query"));
    }
    if queries.iter().any(|query| query.trim().is_empty()) {
        return Err(Error::invalid("a query is empty; ask something").with_param("query"));
    }
    let ranking = convert::ranking(request.ranking_options.as_ref(), "ranking_options")?;
    Ok(Request {
        stores: vec![Id::from_raw(store)],
        queries,
        limit: convert::results(request.max_num_results)?,
        filter: request.filters.as_ref().map(Filter::parse).transpose()?,
        score_threshold: ranking.score_threshold,
        dense_weight: ranking.dense_weight,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<Request> {
        let request =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        asked("vs_1", request)
    }

    #[test]
    fn a_search_is_read_with_its_defaults() -> Result<()> {
        let read = read(json!({"query": "stones"}))?;
        assert_eq!((read.limit, read.queries.len(), read.dense_weight), (10, 1, None));
        assert_eq!(read.stores, [Id::from_raw("vs_1")]);
        Ok(())
    }

    #[test]
    fn what_is_not_done_is_refused() {
        for body in [
            json!({"query": []}),
            json!({"query": ["a", " "]}),
            json!({"query": "a", "max_num_results": 51}),
            json!({"query": "a", "ranking_options": {"ranker": "other"}}),
            json!({"query": "a", "filters": {"type": "like", "key": "k", "value": 1}}),
            json!({"query": "a", "unknown": 1}),
        ] {
            assert!(read(body.clone()).is_err(), "{body}");
        }
    }
}
