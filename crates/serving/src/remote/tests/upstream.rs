//! Deadlines, retries, places and hanging up.

use std::time::{Duration, Instant};

use cairn_kernel::Kind;

use super::double::{Double, Reply};
use super::*;

const DONE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const WORD: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"and \"},\"finish_reason\":null}]}\n\n";

fn openai(server: &Double) -> Providers {
    provider(ProviderKind::Openai, &server.url)
}

#[tokio::test]
async fn what_was_not_answered_is_sent_again() {
    let down = Reply::json(503, "{}");
    let server = Double::start(vec![down.clone(), Reply::HangUp, Reply::events(DONE)]);
    assert_eq!(ask(&openai(&server), "m", user("x")).await.unwrap().text(), "Hi");
    assert_eq!(server.asked().len(), 3);

    let server = Double::start(vec![down]);
    let error = ask(&openai(&server), "m", user("x")).await.unwrap_err();
    assert_eq!((error.kind(), server.asked().len()), (Kind::Unavailable, 3));
}

#[tokio::test]
async fn a_limit_is_waited_for_only_when_it_is_short() {
    let limit =
        |after: &str| Reply::Whole(429, vec![("retry-after", after.into())], b"{}".to_vec());
    let server = Double::start(vec![limit("30"), Reply::events(DONE)]);
    let error = ask(&openai(&server), "m", user("x")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Exhausted);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    assert_eq!(server.asked().len(), 1);

    let server = Double::start(vec![limit("1"), Reply::events(DONE)]);
    let started = Instant::now();
    ask(&openai(&server), "m", user("x")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn refusals_are_not_sent_again_and_keep_the_key_to_themselves() {
    for (status, kind) in [(401, Kind::Unavailable), (400, Kind::Invalid), (404, Kind::NotFound)] {
        let body = r#"{"error":{"message":"no sk-test-key"}}"#;
        let server = Double::start(vec![Reply::json(status, body)]);
        let error = ask(&openai(&server), "m", user("x")).await.unwrap_err();
        assert_eq!((error.kind(), server.asked().len()), (kind, 1), "{status}");
        assert!(!error.detail().contains("sk-test-key"), "{}", error.detail());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Double::start(vec![Reply::events(DONE)]);
    let moved = Reply::Whole(307, vec![("location", elsewhere.url.clone())], Vec::new());
    let server = Double::start(vec![moved]);
    assert!(ask(&openai(&server), "m", user("x")).await.is_err());
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_dropped_answer_hangs_up() {
    let server = Double::start(vec![Reply::Endless("text/event-stream", WORD.into())]);
    let model = openai(&server).chat_model("p", "m").unwrap();
    let mut events = model.chat(user("x")).await.unwrap();
    for _ in 0..5 {
        events.next().await.unwrap().unwrap();
    }
    assert_eq!(server.hung_up(), 0);
    drop(events);
    let started = Instant::now();
    while server.hung_up() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "it goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_whole_answer_has_a_deadline() {
    let second = |config: &mut ProviderConfig| config.timeout_seconds = 1;
    for reply in
        [Reply::Silence(Duration::from_secs(5)), Reply::Endless("text/event-stream", WORD.into())]
    {
        let server = Double::start(vec![reply]);
        let providers = provider_with(ProviderKind::Openai, &server.url, second);
        let started = Instant::now();
        let error = ask(&providers, "m", user("x")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Timeout, "{}", error.detail());
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_place_is_held_as_long_as_the_answer() {
    let server =
        Double::start(vec![Reply::Endless("text/event-stream", WORD.into()), Reply::events(DONE)]);
    let one = |config: &mut ProviderConfig| config.max_concurrent = 1;
    let providers = provider_with(ProviderKind::Openai, &server.url, one);
    let first = providers.chat_model("p", "m").unwrap().chat(user("x")).await.unwrap();
    let second = ask(&providers, "m", user("y"));
    tokio::pin!(second);
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
    assert!(waited.is_err(), "two at once");
    drop(first);
    assert_eq!(second.await.unwrap().text(), "Hi");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let error = ask(&provider(ProviderKind::Openai, "http://127.0.0.1:1"), "m", user("x")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(!error.detail().contains("127.0.0.1:1/"), "{}", error.detail());
}

#[tokio::test]
async fn a_body_that_is_no_stream_is_refused() {
    let server = Double::start(vec![Reply::json(200, "{\"choices\":[]}")]);
    let error = ask(&openai(&server), "m", user("x")).await.unwrap_err();
    assert!(error.message().contains("application/json"), "{error}");
}

#[tokio::test]
async fn names_lead_to_providers_and_nowhere_else() {
    let providers = provider(ProviderKind::Oip, "http://127.0.0.1:1");
    let unknown = providers.chat_model("q", "m").err().unwrap();
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert!(unknown.message().contains("the configuration has p"), "{unknown}");
    assert!(providers.chat_model("p", "m").is_err(), "tensors are no chats");
    let openai = provider(ProviderKind::Openai, "http://127.0.0.1:1");
    assert!(openai.tensor_model("p", "m").await.is_err());
    for name in ["", "..", "a\nb"] {
        assert!(openai.chat_model("p", name).is_err(), "{name:?}");
    }
    let names: Vec<_> = openai.names().collect();
    assert_eq!(names, [("p", ProviderKind::Openai)]);
}
