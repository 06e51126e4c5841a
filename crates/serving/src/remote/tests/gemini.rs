//! Gemini's wire.

use cairn_kernel::Kind;
use serde_json::json;

use super::double::{Double, Reply};
use super::*;
use crate::chat::{TextFormat, ToolChoice};
use crate::gguf::Sampling;

const HELLO: &str = "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Thinking\", \"thought\": true}, {\"text\": \"AI learns\"}],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 8,\"totalTokenCount\": 8},\"modelVersion\": \"gemini-2.5-flash\"}\r\n\r\ndata: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \" patterns.\"}],\"role\": \"model\"},\"finishReason\": \"STOP\",\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 8,\"cachedContentTokenCount\": 4,\"candidatesTokenCount\": 6,\"thoughtsTokenCount\": 20,\"totalTokenCount\": 34},\"modelVersion\": \"gemini-2.5-flash\"}\r\n\r\n";

const CALL: &str = r#"data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"get_weather","args":{"location":"London"}}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":7,"totalTokenCount":57}}

"#;

#[tokio::test]
async fn words_and_usage_come_through() {
    let server = Double::start(vec![Reply::events(HELLO)]);
    let providers = provider(ProviderKind::Gemini, &server.url);
    let request = ChatRequest {
        sampling: Sampling { temperature: 0.2, top_k: 40, seed: Some(3), ..Sampling::default() },
        ..user("How does AI work?")
    };
    let told = ask(&providers, "gemini-2.5-flash", request).await.unwrap();
    assert_eq!((told.text(), told.prompt_tokens), ("AI learns patterns.", 8));
    assert_eq!((told.usage, told.reasons[&0]), (usage(8, 4, 26), FinishReason::Stop));
    let asked = server.only();
    assert_eq!(asked.line, "POST /v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse");
    assert_eq!(asked.headers["x-goog-api-key"], "sk-test-key");
    assert_eq!(
        asked.json(),
        json!({"contents": [{"role": "user", "parts": [{"text": "How does AI work?"}]}],
            "generationConfig": {"temperature": 0.2, "topK": 40, "seed": 3}})
    );
}

#[tokio::test]
async fn tools_go_and_calls_come() {
    let server = Double::start(vec![Reply::events(CALL)]);
    let providers = provider(ProviderKind::Gemini, &server.url);
    let request =
        ChatRequest { tool_choice: ToolChoice::Function("get_weather".into()), ..after_a_call() };
    let told = ask(&providers, "gemini-3-pro", request).await.unwrap();
    assert_eq!(told.calls[&(0, 0)].1, "get_weather");
    assert!(told.calls[&(0, 0)].0.starts_with("call_"));
    assert_eq!(told.arguments(), json!({"location": "London"}));
    assert_eq!(told.reasons[&0], FinishReason::ToolCalls);
    let body = server.only().json();
    let call = json!({"functionCall": {"name": "get_weather", "args": {"location": "Paris"}},
        "thoughtSignature": "skip_thought_signature_validator"});
    let answer = json!({"functionResponse": {"name": "get_weather", "response": {"celsius": 21}}});
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "Weather in Paris?"}]},
            {"role": "model", "parts": [call]},
            {"role": "user", "parts": [answer]},
        ])
    );
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "Be brief."}]}));
    let declared = &body["tools"][0]["functionDeclarations"][0];
    assert_eq!(declared["parametersJsonSchema"]["required"], json!(["location"]));
    assert_eq!(
        body["toolConfig"]["functionCallingConfig"],
        json!({"mode": "ANY", "allowedFunctionNames": ["get_weather"]})
    );
    assert_eq!(body["generationConfig"], json!({"maxOutputTokens": 64, "stopSequences": ["END"]}));
}

#[tokio::test]
async fn a_schema_is_asked_for_and_logprobs_are_read() {
    let answer = r#"data: {"candidates":[{"content":{"parts":[{"text":"{}"}],"role":"model"},"finishReason":"MAX_TOKENS","logprobsResult":{"topCandidates":[{"candidates":[{"token":"{}","logProbability":-0.1},{"token":"[","logProbability":-2.5}]}],"chosenCandidates":[{"token":"{}","tokenId":5,"logProbability":-0.1}]}}]}

"#;
    let server = Double::start(vec![Reply::events(answer)]);
    let providers = provider(ProviderKind::Gemini, &server.url);
    let schema = json!({"type": "object"});
    let format = TextFormat::JsonSchema { name: "x".into(), schema: schema.clone() };
    let request = ChatRequest { format, logprobs: Some(2), ..user("x") };
    let told = ask(&providers, "m", request).await.unwrap();
    assert_eq!((told.text(), told.tokens, told.reasons[&0]), ("{}", 1, FinishReason::Length));
    assert_eq!(
        server.only().json()["generationConfig"],
        json!({"responseMimeType": "application/json", "responseJsonSchema": schema,
            "responseLogprobs": true, "logprobs": 2})
    );
}

#[tokio::test]
async fn a_blocked_prompt_is_a_filtered_answer() {
    let blocked = "data: {\"promptFeedback\": {\"blockReason\": \"PROHIBITED_CONTENT\"}, \"usageMetadata\": {\"promptTokenCount\": 7}}\n\n";
    let server = Double::start(vec![Reply::events(blocked)]);
    let told = ask(&provider(ProviderKind::Gemini, &server.url), "m", user("x")).await.unwrap();
    assert_eq!((told.text(), told.reasons[&0]), ("", FinishReason::ContentFilter));
}

#[tokio::test]
async fn a_stream_without_a_reason_is_cut_short() {
    let begun = HELLO.split("\r\n\r\n").next().unwrap();
    let server = Double::start(vec![Reply::events(&format!("{begun}\r\n\r\n"))]);
    let error = ask(&provider(ProviderKind::Gemini, &server.url), "m", user("x")).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Unavailable);
}

#[tokio::test]
async fn forbidding_parallel_calls_is_refused() {
    let providers = provider(ProviderKind::Gemini, "http://127.0.0.1:1");
    let request = ChatRequest { parallel_tool_calls: false, ..after_a_call() };
    let error = ask(&providers, "m", request).await.unwrap_err();
    assert_eq!(error.param(), Some("parallel_tool_calls"));
}
