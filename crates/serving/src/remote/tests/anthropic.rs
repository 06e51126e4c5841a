//! Anthropic's wire.

use cairn_kernel::Kind;
use serde_json::json;

use super::double::{Double, Reply};
use super::*;
use crate::chat::{TextFormat, ToolChoice};
use crate::gguf::Sampling;

/// The basic streaming example of the documentation.
const HELLO: &str = r#"event: message_start
data: {"type": "message_start", "message": {"id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", "type": "message", "role": "assistant", "content": [], "model": "claude-opus-4-6", "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 25, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": 1}}}

event: content_block_start
data: {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "!"}}

event: content_block_stop
data: {"type": "content_block_stop", "index": 0}

event: message_delta
data: {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence":null}, "usage": {"output_tokens": 15}}

event: message_stop
data: {"type": "message_stop"}

"#;

/// The example with tool use, shortened.
const CALL: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_014p7gG3wDgGV9EUtLvnow3U","type":"message","role":"assistant","model":"claude-opus-4-6","stop_sequence":null,"usage":{"input_tokens":472,"output_tokens":2},"content":[],"stop_reason":null}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Okay, let's check:"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_01T1x1fJ34qAmk2tNTrN7Up6","name":"get_weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"location\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":" \"San Francisco, CA\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_02","name":"now","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}

event: message_stop
data: {"type":"message_stop"}

"#;

/// An answer by way of the tool that stands for a schema, as the service writes it.
const JSON: &str = r#"data: {"type":"message_start","message":{"model":"claude-haiku-4-5-20251001","id":"msg_01K2JbSUMYhez5RHoK9ZCj9U","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":849,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":10,"service_tier":"standard"}}}

data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_01KFbKqPYSuAKujiL6mTfzYA","name":"json","input":{}}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}

data: {"type":"ping"}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"elements\": [{\"location\": \"San Francisco\", \"temperature\": 58, \"condition\": \"sunny\"}]"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"}"}}

data: {"type":"content_block_stop","index":0}

data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":849,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":47}}

data: {"type":"message_stop"}

"#;

#[tokio::test]
async fn words_and_usage_come_through() {
    let server = Double::start(vec![Reply::events(HELLO)]);
    let providers = provider(ProviderKind::Anthropic, &server.url);
    let told = ask(&providers, "claude-opus-4-6", user("Hello")).await.unwrap();
    assert_eq!((told.text(), told.prompt_tokens), ("Hello!", 128));
    assert_eq!((told.usage, told.reasons[&0]), (usage(128, 100, 15), FinishReason::Stop));
    let asked = server.only();
    assert_eq!(asked.line, "POST /v1/messages");
    assert_eq!(asked.headers["x-api-key"], "sk-test-key");
    assert_eq!(asked.headers["anthropic-version"], "2023-06-01");
    let content = json!([{"type": "text", "text": "Hello"}]);
    assert_eq!(
        asked.json(),
        json!({"model": "claude-opus-4-6", "max_tokens": 4096, "stream": true,
            "messages": [{"role": "user", "content": content}]})
    );
}

#[tokio::test]
async fn tools_go_and_calls_come() {
    let server = Double::start(vec![Reply::events(CALL)]);
    let providers = provider(ProviderKind::Anthropic, &server.url);
    let request = ChatRequest { tool_choice: ToolChoice::Required, ..after_a_call() };
    let told = ask(&providers, "m", request).await.unwrap();
    assert_eq!(told.text(), "Okay, let's check:");
    let (id, name, _) = &told.calls[&(0, 0)];
    assert_eq!((id.as_str(), name.as_str()), ("toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather"));
    assert_eq!(told.arguments(), json!({"location": "San Francisco, CA"}));
    assert_eq!(told.calls[&(0, 1)].2, "{}", "no arguments are an empty object");
    assert_eq!((told.usage, told.reasons[&0]), (usage(472, 0, 89), FinishReason::ToolCalls));
    let body = server.only().json();
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "Weather in Paris?"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1",
                "name": "get_weather", "input": {"location": "Paris"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1",
                "content": "{\"celsius\": 21}"}]},
        ])
    );
    assert_eq!(body["system"], json!([{"type": "text", "text": "Be brief."}]));
    assert_eq!(body["tools"][0]["input_schema"]["type"], "object");
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
    assert_eq!((&body["max_tokens"], &body["stop_sequences"]), (&json!(64), &json!(["END"])));
}

#[tokio::test]
async fn a_schema_is_a_tool_whose_input_is_the_text() {
    let server = Double::start(vec![Reply::events(JSON)]);
    let providers = provider(ProviderKind::Anthropic, &server.url);
    let schema = json!({"type": "object", "properties": {"elements": {"type": "array"}}});
    let format = TextFormat::JsonSchema { name: "the list".into(), schema: schema.clone() };
    let told = ask(&providers, "m", ChatRequest { format, ..user("x") }).await.unwrap();
    let read: Value = serde_json::from_str(told.text()).unwrap();
    assert_eq!(read["elements"][0]["temperature"], 58);
    assert!(told.calls.is_empty());
    assert_eq!(told.reasons[&0], FinishReason::Stop);
    let body = server.only().json();
    assert_eq!(body["tools"][0]["input_schema"], schema);
    assert_eq!(body["tool_choice"]["name"], "the_list");
}

#[tokio::test]
async fn several_answers_of_tools_are_one_turn() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "now", "arguments": ""}});
    let tool = |id: &str| ChatMessage {
        tool_call_id: Some(id.into()),
        ..ChatMessage::new("tool", "noon")
    };
    let calls = json!([call("a"), call("b")]);
    let request = ChatRequest {
        messages: vec![
            ChatMessage::new("user", "x"),
            ChatMessage { tool_calls: Some(calls), ..ChatMessage::new("assistant", "Well.") },
            tool("a"),
            tool("b"),
            ChatMessage::new("user", "And?"),
        ],
        ..user("")
    };
    let body = super::super::anthropic::Anthropic::new("http://x", None, 9).body("m", &request);
    let body = body.unwrap();
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(body["messages"][1]["content"].as_array().unwrap().len(), 3);
    assert_eq!(body["messages"][2]["content"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_overload_in_the_stream_is_told_as_such() {
    let begun = HELLO.split("event: content_block_stop").next().unwrap();
    let failed = "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n";
    let server = Double::start(vec![Reply::events(&format!("{begun}{failed}"))]);
    let error = ask(&provider(ProviderKind::Anthropic, &server.url), "m", user("x")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("Overloaded"), "{error}");
}

#[tokio::test]
async fn what_the_wire_cannot_say_is_refused_by_name() {
    let providers = provider(ProviderKind::Anthropic, "http://127.0.0.1:1");
    let sampling = |change: fn(&mut Sampling)| {
        let mut sampling = Sampling::default();
        change(&mut sampling);
        ChatRequest { sampling, ..user("x") }
    };
    let array = TextFormat::JsonSchema { name: "x".into(), schema: json!({"type": "array"}) };
    for (request, field) in [
        (sampling(|sampling| sampling.seed = Some(1)), "seed"),
        (sampling(|sampling| sampling.presence_penalty = 0.5), "presence_penalty"),
        (sampling(|sampling| sampling.temperature = 1.5), "temperature"),
        (ChatRequest { logprobs: Some(1), ..user("x") }, "logprobs"),
        (ChatRequest { choices: 2, ..user("x") }, "n"),
        (ChatRequest { format: array, ..user("x") }, "response_format"),
        (ChatRequest { format: TextFormat::JsonObject, ..after_a_call() }, "response_format"),
    ] {
        let error = ask(&providers, "m", request).await.unwrap_err();
        assert_eq!((error.kind(), error.param()), (Kind::Invalid, Some(field)));
    }
}
