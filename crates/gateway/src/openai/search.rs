//! `/v1/vector_stores/{id}/search`, and what every search has of ours.

use axum::Json;
use axum::extract::{Path, State};
use cairn_kernel::{Error, Id, Kind, Result, Scope};
use cairn_services::rankings::Ranking;
use cairn_services::records::Origin;
use cairn_services::retrieve::{Passage, Request, Searched, Took};
use cairn_services::{Filter, Services};
use cairn_wire::openai::{
    HitExplain, OneOrMany, RankingShares, SearchExtra, SearchOptions, SearchRequest, SearchResults,
    SearchTook,
};

use super::convert;
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body};

/// Most wordings of one search.
const QUERIES_MAX: usize = 16;
/// How often a search is made whose hits are deleted in the middle of it.
const TRIES: usize = 5;

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
    let explain = request.cairn.as_ref().is_some_and(|options| options.explain);
    let mut asked = asked(&id, request)?;
    if rewrite {
        let words = asked.queries.iter().flat_map(|query| services.answers.keywords(query));
        asked.queries = words.collect();
    }
    let found = found(&services, &scope, &asked).await?;
    Ok(Json(SearchResults {
        object: "vector_store.search_results.page",
        search_query: asked.queries,
        data: found.passages.into_iter().map(|passage| convert::hit(passage, explain)).collect(),
        has_more: false,
        next_page: None,
        cairn: explain.then(|| SearchExtra { took: took(&found.took) }),
    }))
}

/// What a search finds that is still there when it is over.
///
/// # Errors
/// As [`Retrieve::search`](cairn_services::retrieve::Retrieve::search); `Conflict` when what it finds
/// is deleted again and again.
pub(crate) async fn found(services: &Services, scope: &Scope, asked: &Request) -> Result<Searched> {
    let mut tries = 1;
    loop {
        let before = services.responses.deletes();
        let found = services.retrieve.search_explained(scope, asked).await?;
        if before.is_some() && before == services.responses.deletes() {
            return Ok(found);
        }
        // What was read before a delete is not shown after it, but searched for again.
        match services.responses.require(scope, &quoted(&asked.stores, &found.passages)).await {
            Ok(()) => return Ok(found),
            Err(gone) if gone.kind() == Kind::Conflict && tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// What passages found in these stores rest on.
pub(crate) fn quoted(stores: &[Id], passages: &[Passage]) -> Vec<Origin> {
    let stores: Vec<String> = stores.iter().map(ToString::to_string).collect();
    let mut quoted = Vec::new();
    for passage in passages {
        let found = Origin { file: passage.chunk.file_id.clone(), stores: stores.clone() };
        Origin::add(&mut quoted, found);
    }
    quoted
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
    let limit = convert::results(request.max_num_results)?;
    let mut asked = Request {
        queries,
        filter: request.filters.as_ref().map(Filter::parse).transpose()?,
        score_threshold: ranking.score_threshold,
        dense_weight: ranking.dense_weight,
        ranker: ranking.ranker,
        ..Request::new(vec![Id::from_raw(store)], "", limit)
    };
    options(request.cairn.as_ref(), "cairn", &mut asked)?;
    Ok(asked)
}

/// Takes our options, which stand at `place` in the request, over into a search.
pub(super) fn options(
    given: Option<&SearchOptions>,
    place: &str,
    search: &mut Request,
) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    let within = |name: &str| format!("{place}.{name}");
    let diversity = convert::within(&within("diversity"), given.diversity, 0.0..=1.0)?;
    search.diversity = diversity.unwrap_or(0.0);
    search.expand = match given.expand.as_deref() {
        None => false,
        Some("section") => true,
        Some(other) => {
            return Err(Error::invalid(format!(
                "a hit cannot be expanded to '{other}'; use section, or leave expand out"
            ))
            .with_param(within("expand")));
        }
    };
    if let Some(shares) = given.ranking {
        if search.dense_weight.is_some() {
            return Err(Error::invalid(
                "a ranking and the weights of hybrid_search say the same thing; send one of them",
            )
            .with_param(within("ranking")));
        }
        search.ranking = Some(ranking(shares, &within("ranking"))?);
    }
    Ok(())
}

/// A ranking of at least one share, which stands at `place` in the request.
pub(crate) fn ranking(shares: RankingShares, place: &str) -> Result<Ranking> {
    let RankingShares { dense_weight, spread, late } = shares;
    if dense_weight.or(spread).or(late).is_none() {
        return Err(Error::invalid("a ranking needs one of dense_weight, spread and late")
            .with_param(place));
    }
    let share = |name: &str, given, default| {
        let given = convert::within(&format!("{place}.{name}"), given, 0.0..=1.0)?;
        Ok::<f32, Error>(given.unwrap_or(default))
    };
    let default = Ranking::default();
    Ok(Ranking {
        dense_weight: share("dense_weight", dense_weight, default.dense_weight)?,
        spread: share("spread", spread, default.spread)?,
        late: share("late", late, default.late)?,
    })
}

/// The shares of a ranking.
pub(crate) fn shares(ranking: Ranking) -> RankingShares {
    let Ranking { dense_weight, spread, late } = ranking;
    RankingShares { dense_weight: Some(dense_weight), spread: Some(spread), late: Some(late) }
}

/// How a passage came to its score.
pub(super) fn explained(passage: &Passage) -> HitExplain {
    let steps = passage.explain;
    HitExplain {
        query: steps.query,
        ranking: shares(steps.ranking),
        dense_place: steps.dense_place,
        bm25_place: steps.bm25_place,
        dense: steps.dense,
        bm25: steps.bm25,
        fused: steps.fused,
        spread: steps.spread,
        standing: steps.standing,
        first_stage: steps.first_stage,
        late: steps.late,
        coverage: steps.coverage,
        last: passage.score,
        strength: steps.strength,
    }
}

/// What the steps of a search took.
pub(super) fn took(took: &Took) -> SearchTook {
    SearchTook {
        embed_ms: took.embed_ms,
        dense_ms: took.dense_ms,
        bm25_ms: took.bm25_ms,
        lookup_ms: took.lookup_ms,
        vectors_ms: took.vectors_ms,
        rank_ms: took.rank_ms,
        rerank_ms: took.rerank_ms,
        records_ms: took.records_ms,
        total_ms: took.total_ms,
    }
}

#[cfg(test)]
mod tests {
    use cairn_services::retrieve::Ranker;
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
        assert_eq!((read.ranking, read.diversity, read.expand), (None, 0.0, false));
        Ok(())
    }

    #[test]
    fn our_options_are_read() -> Result<()> {
        let read = read(json!({"query": "a", "ranking_options": {"ranker": "late-interaction"},
            "cairn": {"diversity": 0.3, "expand": "section", "ranking": {"spread": 0.2}}}))?;
        let expected = Ranking { spread: 0.2, ..Ranking::default() };
        assert_eq!((read.ranking, read.ranker), (Some(expected), Ranker::LateInteraction));
        assert_eq!((read.diversity, read.expand), (0.3, true));
        Ok(())
    }

    #[test]
    fn options_out_of_bounds_are_refused_by_name() {
        for (options, name) in [
            (json!({"diversity": 1.5}), "cairn.diversity"),
            (json!({"expand": "page"}), "cairn.expand"),
            (json!({"ranking": {}}), "cairn.ranking"),
            (json!({"ranking": {"late": -1}}), "cairn.ranking.late"),
        ] {
            let refused = read(json!({"query": "a", "cairn": options})).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{options}");
        }
        let both = json!({"query": "a", "cairn": {"ranking": {"late": 0.2}}, "ranking_options":
            {"hybrid_search": {"embedding_weight": 1, "text_weight": 1}}});
        assert_eq!(read(both).err().as_ref().and_then(Error::param), Some("cairn.ranking"));
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
            json!({"query": "a", "cairn": {"unknown": 1}}),
        ] {
            assert!(read(body.clone()).is_err(), "{body}");
        }
    }
}
