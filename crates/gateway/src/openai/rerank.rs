//! `/v1/rerank` and `/v2/rerank`, in the shape that Cohere's and Jina's clients share.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use cairn_kernel::{Error, Id, Result};
use cairn_services::Services;
use cairn_services::rerank::{RerankRequest as Asked, Reranked};
use cairn_wire::openai::{
    RerankApiVersion, RerankDocument, RerankMeta, RerankRequest, RerankResponse, RerankResult,
    RerankTokens, RerankUsage, RerankedText,
};
use serde_json::{Value, json};

use super::convert::refuse_rest;
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body, RequestId};

/// Fields that change nothing here: an order of requests that Cohere knows, and a cut that
/// is not made here unless asked for by its length.
const HARMLESS: [&str; 2] = ["priority", "truncation"];

/// Orders documents by a query.
#[utoipa::path(
    post,
    path = "/v1/rerank",
    tag = "models",
    request_body = RerankRequest,
    responses((status = 200, body = RerankResponse))
)]
pub(crate) async fn v1(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(id): RequestId,
    Body(request): Body<RerankRequest>,
) -> ApiResult<Json<RerankResponse>> {
    let with_documents = request.return_documents.unwrap_or(true);
    let (asked, texts) = read(request, id, with_documents)?;
    let made = services.rerank.rerank(&scope, asked).await?;
    Ok(Json(written("1", made, &texts)))
}

/// Orders documents by a query.
#[utoipa::path(
    post,
    path = "/v2/rerank",
    tag = "models",
    request_body = RerankRequest,
    responses((status = 200, body = RerankResponse))
)]
pub(crate) async fn v2(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(id): RequestId,
    Body(request): Body<RerankRequest>,
) -> ApiResult<Json<RerankResponse>> {
    let with_documents = request.return_documents.unwrap_or(false);
    let (asked, texts) = read(request, id, with_documents)?;
    let made = services.rerank.rerank(&scope, asked).await?;
    Ok(Json(written("2", made, &texts)))
}

/// What is asked for, and the texts that go back.
fn read(
    request: RerankRequest,
    request_id: String,
    with_documents: bool,
) -> Result<(Asked, Vec<String>)> {
    refuse(request.rest)?;
    let read = |(at, document): (usize, RerankDocument)| match document {
        RerankDocument::Text(text) => Ok(text),
        RerankDocument::Object { text, rest } if rest.is_empty() => Ok(text),
        RerankDocument::Object { rest, .. } => {
            let names: Vec<&str> = rest.keys().map(String::as_str).collect();
            Err(Error::invalid(format!(
                "documents[{at}] has {} beside its text, which is not read here; leave it out",
                names.join(", ")
            ))
            .with_param(format!("documents[{at}]")))
        }
    };
    let documents = request.documents.into_iter().enumerate().map(read).collect::<Result<_>>()?;
    let asked = Asked {
        model: request.model,
        query: request.query,
        documents,
        top_n: request.top_n,
        max_tokens_per_doc: request.max_tokens_per_doc,
        request_id,
    };
    let texts = if with_documents { asked.documents.clone() } else { Vec::new() };
    Ok((asked, texts))
}

fn refuse(mut rest: BTreeMap<String, Value>) -> Result<()> {
    // The only field there is to rank by.
    if rest.get("rank_fields") == Some(&json!(["text"])) {
        rest.remove("rank_fields");
    }
    refuse_rest(&rest, &HARMLESS)
}

fn written(version: &'static str, made: Reranked, texts: &[String]) -> RerankResponse {
    let result = |ranked: cairn_services::rerank::Ranked| RerankResult {
        index: ranked.index,
        // By way of its shortest decimal form, as embeddings are.
        relevance_score: ranked.relevance.to_string().parse().unwrap_or_default(),
        document: texts.get(ranked.index).map(|text| RerankedText { text: text.clone() }),
    };
    RerankResponse {
        id: Id::generate("rerank-").to_string(),
        model: made.model,
        results: made.results.into_iter().map(result).collect(),
        usage: RerankUsage { prompt_tokens: made.tokens, total_tokens: made.tokens },
        meta: RerankMeta {
            api_version: RerankApiVersion { version },
            tokens: RerankTokens { input_tokens: made.tokens },
        },
    }
}

#[cfg(test)]
mod tests {
    use cairn_services::rerank::Ranked;

    use super::*;

    fn request(body: Value) -> Result<(Asked, Vec<String>)> {
        let request: RerankRequest =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        let with_documents = request.return_documents.unwrap_or(false);
        read(request, "req_1".to_owned(), with_documents)
    }

    #[test]
    fn texts_and_objects_are_documents() -> Result<()> {
        let (asked, texts) = request(json!({"query": "q", "documents": ["a", {"text": "b"}],
            "top_n": 1, "return_documents": true, "priority": 3, "rank_fields": ["text"]}))?;
        assert_eq!((asked.documents.len(), asked.top_n), (2, Some(1)));
        assert_eq!(texts, ["a", "b"]);
        Ok(())
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        for (body, name) in [
            (
                json!({"query": "q", "documents": ["a"], "max_chunks_per_doc": 3}),
                "max_chunks_per_doc",
            ),
            (json!({"query": "q", "documents": ["a"], "rank_fields": ["title"]}), "rank_fields"),
            (json!({"query": "q", "documents": [{"text": "a", "title": "t"}]}), "documents[0]"),
        ] {
            let refused = request(body).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name));
        }
        assert!(request(json!({"query": "q", "documents": [{"image": "x"}]})).is_err());
    }

    #[test]
    fn one_object_serves_both_clients() -> Result<()> {
        let results = vec![Ranked { index: 1, relevance: 0.7 }];
        let made = Reranked { model: "m".into(), results, tokens: 9 };
        let texts = ["a".to_owned(), "b".to_owned()];
        let body = serde_json::to_value(written("1", made, &texts)).or(Err(Error::internal("")))?;
        assert_eq!(body["results"][0]["relevance_score"], json!(0.7));
        assert_eq!(body["results"][0]["document"]["text"], "b");
        assert_eq!(body["usage"]["total_tokens"], 9);
        assert_eq!(body["meta"]["tokens"]["input_tokens"], 9);
        assert_eq!(body["meta"]["api_version"]["version"], "1");
        Ok(())
    }
}
