//! OpenAI's wire, and Azure's.

use cairn_kernel::Kind;
use serde_json::json;

use super::double::{Double, Reply};
use super::*;
use crate::chat::{TextFormat, ToolChoice};
use crate::gguf::Sampling;

/// The streaming example of the API reference, with the usage chunk that is asked for.
const HELLO: &str = r#"data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":{"content":[{"token":"Hello","logprob":-0.31725305,"bytes":[72,101,108,108,111],"top_logprobs":[{"token":"Hello","logprob":-0.31725305,"bytes":[72,101,108,108,111]},{"token":"Hi","logprob":-1.3190403,"bytes":[72,105]}]}]},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":5,"audio_tokens":0}}}

data: [DONE]

"#;

/// The function-calling guide's stream.
const CALL: &str = r#"data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_DdmO9pD3xa9XTPNJ32zg2hcA","type":"function","function":{"name":"get_weather","arguments":""}}]},"finish_reason":null}]}

data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]},"finish_reason":null}]}

data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"location\":\"Paris, France\"}"}}]},"finish_reason":null}]}

data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"c","choices":[],"usage":{"prompt_tokens":83,"completion_tokens":17,"total_tokens":100}}

data: [DONE]

"#;

#[tokio::test]
async fn words_logprobs_and_usage_come_through() {
    let server = Double::start(vec![Reply::events(HELLO)]);
    let providers = provider(ProviderKind::Openai, &format!("{}/v1", server.url));
    let request = ChatRequest {
        logprobs: Some(2),
        sampling: Sampling { temperature: 0.7, seed: Some(7), ..Sampling::default() },
        max_tokens: Some(12),
        trace: "req_1".into(),
        ..user("Hello!")
    };
    let told = ask(&providers, "gpt-4o-mini", request).await.unwrap();
    assert_eq!((told.text(), told.tokens), ("Hello", 1));
    assert_eq!((told.usage, told.reasons[&0]), (usage(19, 5, 10), FinishReason::Stop));
    let asked = server.only();
    assert_eq!(asked.line, "POST /v1/chat/completions");
    assert_eq!(asked.headers["authorization"], "Bearer sk-test-key");
    assert_eq!(asked.headers["x-request-id"], "req_1");
    assert_eq!(
        asked.json(),
        json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}],
            "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.7,
            "seed": 7, "max_tokens": 12, "logprobs": true, "top_logprobs": 2})
    );
}

#[tokio::test]
async fn tools_go_and_calls_come() {
    let server = Double::start(vec![Reply::events(CALL)]);
    let providers = provider(ProviderKind::Openai, &server.url);
    let request = ChatRequest {
        tool_choice: ToolChoice::Function("get_weather".into()),
        parallel_tool_calls: false,
        ..after_a_call()
    };
    let told = ask(&providers, "m", request).await.unwrap();
    assert_eq!(told.calls[&(0, 0)].0, "call_DdmO9pD3xa9XTPNJ32zg2hcA");
    assert_eq!(told.arguments(), json!({"location": "Paris, France"}));
    assert_eq!(told.reasons[&0], FinishReason::ToolCalls);
    let body = server.only().json();
    assert_eq!(body["messages"][2]["content"], Value::Null);
    assert_eq!(
        body["messages"][2]["tool_calls"][0]["function"]["arguments"],
        "{\"location\": \"Paris\"}"
    );
    assert_eq!(body["messages"][3]["tool_call_id"], "call_1");
    let choice = json!({"type": "function", "function": {"name": "get_weather"}});
    assert_eq!((&body["tool_choice"], &body["parallel_tool_calls"]), (&choice, &json!(false)));
    assert_eq!(body["tools"][0]["function"]["parameters"]["required"], json!(["location"]));
    assert_eq!(body["stop"], json!(["END"]));
}

#[tokio::test]
async fn several_choices_each_have_their_end() {
    let two = r#"data: {"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"length"},{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}

data: [DONE]

"#;
    let server = Double::start(vec![Reply::events(two)]);
    let providers = provider(ProviderKind::Openai, &server.url);
    let request = ChatRequest { choices: 2, ..user("x") };
    let told = ask(&providers, "m", request).await.unwrap();
    assert_eq!((told.texts[&0].as_str(), told.texts[&1].as_str()), ("a", "b"));
    assert_eq!(told.reasons[&1], FinishReason::Length);
    assert_eq!(server.only().json()["n"], 2);
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_an_error_after_its_words() {
    let begun = HELLO.split("data: {\"id\":\"chatcmpl-123\"").take(3).collect::<Vec<_>>();
    let begun = begun.join("data: {\"id\":\"chatcmpl-123\"");
    for reply in [Reply::events(&begun), Reply::Cut("text/event-stream", begun.clone().into())] {
        let server = Double::start(vec![reply]);
        let providers = provider(ProviderKind::Openai, &server.url);
        let mut events = providers.chat_model("p", "m").unwrap().chat(user("x")).await.unwrap();
        let (mut text, mut failure) = (String::new(), None);
        while let Some(event) = events.next().await {
            match event {
                Ok(ChatEvent::Text { text: more, .. }) => text.push_str(&more),
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        assert_eq!(text, "Hello");
        assert_eq!(failure.map(|error| error.kind()), Some(Kind::Unavailable));
        assert_eq!(server.asked().len(), 1, "nothing is sent again after words came");
    }
}

#[tokio::test]
async fn a_failure_told_in_the_stream_is_the_answers() {
    let server = Double::start(vec![Reply::events(
        "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\"}}\n\n",
    )]);
    let error =
        ask(&provider(ProviderKind::Openai, &server.url), "m", user("x")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("The server had an error"), "{error}");
}

#[tokio::test]
async fn what_the_wire_cannot_say_is_refused_by_name() {
    let server = Double::start(vec![Reply::events(HELLO)]);
    let providers = provider(ProviderKind::Openai, &server.url);
    let sampling = |change: fn(&mut Sampling)| {
        let mut sampling = Sampling::default();
        change(&mut sampling);
        ChatRequest { sampling, ..user("x") }
    };
    for (request, field) in [
        (sampling(|sampling| sampling.top_k = 3), "top_k"),
        (sampling(|sampling| sampling.repetition_penalty = 1.1), "repetition_penalty"),
        (ChatRequest { ignore_eos: true, ..user("x") }, "ignore_eos"),
        (ChatRequest { format: TextFormat::Regex("a".into()), ..user("x") }, "response_format"),
        (ChatRequest { messages: Vec::new(), ..user("x") }, "messages"),
    ] {
        let error = ask(&providers, "m", request).await.unwrap_err();
        assert_eq!((error.kind(), error.param()), (Kind::Invalid, Some(field)));
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn azure_has_the_model_in_the_path_and_its_own_header() {
    let server = Double::start(vec![Reply::events(HELLO)]);
    let providers = provider(ProviderKind::Azure, &server.url);
    let request = ChatRequest { max_tokens: Some(3), ..user("x") };
    ask(&providers, "my gpt", request).await.unwrap();
    let asked = server.only();
    assert_eq!(
        asked.line,
        "POST /openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(asked.headers["api-key"], "sk-test-key");
    assert!(!asked.headers.contains_key("authorization"));
    let body = asked.json();
    assert_eq!((&body["max_completion_tokens"], &body["model"]), (&json!(3), &Value::Null));
}
