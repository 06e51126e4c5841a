//! Embeddings by OpenAI's wire: batches, limits, and what servers answer that is none.

use std::time::{Duration, Instant};

use cairn_kernel::Kind;
use serde_json::json;

use super::double::{Double, Reply};
use super::*;
use crate::remote::EmbedOptions;

/// One vector for each of the numbers, with that first.
fn vectors(numbers: &[f32]) -> Reply {
    let data = numbers.iter().enumerate().map(|(index, number)| {
        json!({"object": "embedding", "index": index, "embedding": [number, 1.0]})
    });
    let data: Vec<_> = data.collect();
    let usage = json!({"prompt_tokens": 4 * numbers.len(), "total_tokens": 4 * numbers.len()});
    Reply::json(200, &json!({"object": "list", "data": data, "usage": usage}).to_string())
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

#[tokio::test]
async fn embeddings_are_in_the_order_of_their_texts_and_of_length_1() {
    let body = r#"{"object":"list","data":[{"object":"embedding","index":1,"embedding":[3.0,4.0]},{"object":"embedding","index":0,"embedding":[0.0,-2.0]}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let server = Double::start(vec![Reply::json(200, body)]);
    let providers = provider(ProviderKind::Openai, &format!("{}/v1", server.url));
    let made = providers.embed("p", "e", &texts(2), EmbedOptions::default()).await.unwrap();
    assert_eq!((made.vectors, made.tokens), (vec![vec![0.0, -1.0], vec![0.6, 0.8]], 8));
    let asked = server.only();
    assert_eq!(asked.line, "POST /v1/embeddings");
    assert_eq!(asked.headers["authorization"], "Bearer sk-test-key");
    let body = json!({"model": "e", "input": ["text 0", "text 1"], "encoding_format": "float"});
    assert_eq!(asked.json(), body);
    let one = providers.embed("p", "e", &texts(1), EmbedOptions::default()).await;
    assert_eq!(one.unwrap_err().kind(), Kind::Unavailable, "one vector too many");
}

#[tokio::test]
async fn many_texts_go_in_batches_and_come_back_in_order() {
    let server = Double::start(vec![vectors(&[0.0, 1.0]), vectors(&[2.0, 3.0]), vectors(&[4.0])]);
    let providers =
        provider_with(ProviderKind::Openai, &server.url, |config| config.max_batch_texts = 2);
    let options = EmbedOptions { dimensions: Some(2), bulk: true };
    let made = providers.embed("p", "e", &texts(5), options).await.unwrap();
    let ratios: Vec<f32> = made.vectors.iter().map(|v| (v[0] / v[1]).round()).collect();
    assert_eq!((ratios, made.tokens), (vec![0.0, 1.0, 2.0, 3.0, 4.0], 20));
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].json()["input"], json!(["text 4"]));
    assert!(asked.iter().all(|one| one.json()["dimensions"] == 2));
}

#[tokio::test]
async fn another_length_than_was_asked_for_is_told() {
    let server = Double::start(vec![vectors(&[1.0])]);
    let providers = provider(ProviderKind::Openai, &server.url);
    let options = EmbedOptions { dimensions: Some(256), bulk: false };
    let refused = providers.embed("p", "e", &texts(1), options).await.unwrap_err();
    assert_eq!((refused.kind(), refused.param()), (Kind::Invalid, Some("dimensions")));
    assert!(refused.message().contains("vectors of 2") && refused.message().contains("256"));
}

#[tokio::test]
async fn bulk_work_waits_as_long_as_the_provider_asks() {
    let busy = Reply::Whole(429, vec![("retry-after", "3".into())], b"{}".to_vec());
    let server = Double::start(vec![busy.clone(), vectors(&[1.0])]);
    let providers = provider(ProviderKind::Openai, &server.url);
    let now = providers.embed("p", "e", &texts(1), EmbedOptions::default()).await.unwrap_err();
    assert_eq!(now.kind(), Kind::Exhausted, "who searches is told at once");
    let server = Double::start(vec![busy, vectors(&[1.0])]);
    let providers = provider(ProviderKind::Openai, &server.url);
    let (began, bulk) = (Instant::now(), EmbedOptions { bulk: true, ..EmbedOptions::default() });
    providers.embed("p", "e", &texts(1), bulk).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(3));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_told_by_its_code() {
    let body =
        r#"{"error":{"message":"This model's maximum context length is 512 tokens.","code":null}}"#;
    let server = Double::start(vec![Reply::json(400, body)]);
    let providers = provider(ProviderKind::Openai, &server.url);
    let refused = providers.embed("p", "e", &texts(1), EmbedOptions::default()).await.unwrap_err();
    assert_eq!((refused.code(), refused.param()), (Some("context_length_exceeded"), Some("input")));
}

#[tokio::test]
async fn vectors_that_say_nothing_are_refused() {
    for data in [
        r#"[{"index":0,"embedding":[0.0,0.0]}]"#,
        r#"[{"index":0,"embedding":[1e39,1.0]}]"#,
        r#"[{"index":0,"embedding":[]}]"#,
    ] {
        let server = Double::start(vec![Reply::json(200, &format!(r#"{{"data":{data}}}"#))]);
        let providers = provider(ProviderKind::Openai, &server.url);
        let made = providers.embed("p", "e", &texts(1), EmbedOptions::default()).await;
        assert_eq!(made.unwrap_err().kind(), Kind::Unavailable, "{data}");
    }
}

#[tokio::test]
async fn azure_has_the_deployment_in_the_path_and_others_give_none() {
    let server = Double::start(vec![vectors(&[1.0])]);
    let providers = provider(ProviderKind::Azure, &server.url);
    providers.embed("p", "small", &texts(1), EmbedOptions::default()).await.unwrap();
    let asked = server.only();
    assert_eq!(asked.line, "POST /openai/deployments/small/embeddings?api-version=2024-10-21");
    assert_eq!(asked.json()["model"], Value::Null);
    let other = provider(ProviderKind::Anthropic, &server.url);
    assert_eq!(other.gives_embeddings("p").unwrap_err().kind(), Kind::Invalid);
    assert_eq!(other.gives_embeddings("q").unwrap_err().kind(), Kind::NotFound);
}
