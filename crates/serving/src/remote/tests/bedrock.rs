//! Bedrock's wire and its signatures.

use std::time::{Duration, SystemTime};

use cairn_kernel::Kind;
use serde_json::json;

use super::super::bedrock::Signer;
use super::super::frames::tests::{aws_event, aws_message};
use super::super::upstream::Call;
use super::double::{Double, Reply};
use super::*;
use crate::chat::{TextFormat, ToolChoice};

const STREAM: &str = "application/vnd.amazon.eventstream";

fn reply(messages: &[Vec<u8>]) -> Reply {
    Reply::Stream(STREAM, messages.concat(), 11)
}

fn end(reason: &str) -> Vec<Vec<u8>> {
    vec![
        aws_event("messageStop", &format!(r#"{{"stopReason":"{reason}"}}"#)),
        aws_event(
            "metadata",
            r#"{"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cacheReadInputTokens":100,"cacheWriteInputTokens":2},"metrics":{"latencyMs":500}}"#,
        ),
    ]
}

/// What botocore 1.44.8 signs for the same request at the same time.
#[test]
fn signatures_are_those_of_amazons_own_library() {
    let url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/\
               anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream";
    let body = json!({"messages": [{"content": [{"text": "Hi"}], "role": "user"}]});
    let call = Call::json(url.to_owned(), &body).unwrap();
    assert_eq!(&call.body[..], br#"{"messages":[{"content":[{"text":"Hi"}],"role":"user"}]}"#);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_787_045);
    for (session, signed, signature) in [
        (
            None,
            "content-type;host;x-amz-date",
            "aac7eadcad5c55e075ba09d9177e505926b634e3cd16b1e5f7ce8db78f8c2709",
        ),
        (
            Some(Secret::new("session/token==")),
            "content-type;host;x-amz-date;x-amz-security-token",
            "08706289b5787960e2f3a4316346522023b3e23ba921c5104125784fa5c023d1",
        ),
    ] {
        let key = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let signer = Signer::new("AKIDEXAMPLE".into(), key, session, "us-east-1".into());
        let headers: BTreeMap<String, String> =
            signer.sign(&call, time).unwrap().into_iter().collect();
        assert_eq!(headers["x-amz-date"], "20250102T030405Z");
        assert_eq!(
            headers["authorization"],
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250102/us-east-1/bedrock/aws4_request, \
                 SignedHeaders={signed}, Signature={signature}"
            )
        );
    }
}

#[tokio::test]
async fn words_and_usage_come_through_and_the_request_is_signed() {
    let mut messages = vec![
        aws_event("messageStart", r#"{"role":"assistant"}"#),
        aws_event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Bon"}}"#),
        aws_event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"jour"}}"#),
        aws_event("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    ];
    messages.extend(end("end_turn"));
    let server = Double::start(vec![reply(&messages)]);
    let providers = provider_with(ProviderKind::Bedrock, &server.url, |config| {
        config.api_key = None;
        config.access_key_id = Some("AKIDEXAMPLE".into());
        config.secret_access_key = Some(Secret::new("secret"));
    });
    let told = ask(&providers, "amazon.nova-lite-v1:0", user("Hi")).await.unwrap();
    assert_eq!(told.text(), "Bonjour");
    assert_eq!((told.usage, told.reasons[&0]), (usage(112, 100, 5), FinishReason::Stop));
    let asked = server.only();
    assert_eq!(asked.line, "POST /model/amazon.nova-lite-v1%3A0/converse-stream");
    let signed = &asked.headers["authorization"];
    assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{signed}");
    let content = json!([{"text": "Hi"}]);
    assert_eq!(asked.json(), json!({"messages": [{"role": "user", "content": content}]}));
}

#[tokio::test]
async fn tools_go_and_calls_come() {
    let mut messages = vec![
        aws_event("messageStart", r#"{"role":"assistant"}"#),
        aws_event(
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"tooluse_1","name":"get_weather"}}}"#,
        ),
        aws_event(
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"location\":"}}}"#,
        ),
        aws_event(
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"\"Oslo\"}"}}}"#,
        ),
        aws_event("contentBlockStop", r#"{"contentBlockIndex":1}"#),
    ];
    messages.extend(end("tool_use"));
    let server = Double::start(vec![reply(&messages)]);
    let providers = provider(ProviderKind::Bedrock, &server.url);
    let request = ChatRequest { tool_choice: ToolChoice::Required, ..after_a_call() };
    let told = ask(&providers, "m", request).await.unwrap();
    assert_eq!(told.calls[&(0, 0)].0, "tooluse_1");
    assert_eq!(told.arguments(), json!({"location": "Oslo"}));
    assert_eq!(told.reasons[&0], FinishReason::ToolCalls);
    let asked = server.only();
    assert_eq!(asked.headers["authorization"], "Bearer sk-test-key", "an API key of Bedrock");
    let body = asked.json();
    let call = json!({"toolUse": {"toolUseId": "call_1", "name": "get_weather",
        "input": {"location": "Paris"}}});
    let answer = json!({"toolResult": {"toolUseId": "call_1",
        "content": [{"text": "{\"celsius\": 21}"}]}});
    assert_eq!(body["messages"][1], json!({"role": "assistant", "content": [call]}));
    assert_eq!(body["messages"][2], json!({"role": "user", "content": [answer]}));
    assert_eq!(body["system"], json!([{"text": "Be brief."}]));
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 64, "stopSequences": ["END"]}));
    assert_eq!(body["toolConfig"]["toolChoice"], json!({"any": {}}));
    let specification = &body["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!(specification["inputSchema"]["json"]["type"], "object");
}

#[tokio::test]
async fn a_schema_is_a_tool_whose_input_is_the_text() {
    let mut messages = vec![
        aws_event("messageStart", r#"{"role":"assistant"}"#),
        aws_event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Here:"}}"#),
        aws_event(
            "contentBlockStart",
            r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"json"}}}"#,
        ),
        aws_event(
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a\":1}"}}}"#,
        ),
    ];
    messages.extend(end("tool_use"));
    let server = Double::start(vec![reply(&messages)]);
    let request = ChatRequest { format: TextFormat::JsonObject, ..user("x") };
    let told = ask(&provider(ProviderKind::Bedrock, &server.url), "m", request).await.unwrap();
    assert_eq!((told.text(), told.reasons[&0]), (r#"{"a":1}"#, FinishReason::Stop));
    assert!(told.calls.is_empty());
}

#[tokio::test]
async fn an_exception_in_the_stream_is_told_as_such() {
    let messages = [
        aws_event("messageStart", r#"{"role":"assistant"}"#),
        aws_message(
            "exception",
            ":exception-type",
            "throttlingException",
            r#"{"message":"Too many tokens"}"#,
        ),
    ];
    let server = Double::start(vec![reply(&messages)]);
    let error = ask(&provider(ProviderKind::Bedrock, &server.url), "m", user("x")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Exhausted);
    assert!(error.message().contains("Too many tokens"), "{error}");
}
