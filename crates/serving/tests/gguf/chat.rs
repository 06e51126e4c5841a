//! Chats, constraints and shared prompts.

use cairn_kernel::{Error, Kind};
use cairn_serving::chat::{ChatEvent, ChatModel, ChatRequest, TextFormat, Tool, ToolChoice};
use cairn_serving::gguf::{
    ChatMessage, Constraint, Event, FinishReason, GenerateRequest, Gguf, Rules, Sampling,
};
use futures::StreamExt;
use serde_json::json;

use super::{Outcome, answer, greedy, model, read};

pub(super) async fn a_constraint_is_followed_or_refused_with_the_reason() -> Outcome {
    let model = model(1).await?;
    let constrained = |rules| GenerateRequest {
        constraint: Some(Constraint { rules, field: "response_format".to_owned() }),
        ..greedy("A cat, as JSON:", 60)
    };
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["legs"],
        "properties": {"legs": {"type": "integer", "minimum": 3, "maximum": 5}}});
    let request = constrained(Rules::JsonSchema(schema));
    for _ in 0..2 {
        let (text, _, done) = answer(&model, request.clone()).await?;
        let legs = serde_json::from_str::<serde_json::Value>(&text)?["legs"].as_i64();
        check!(legs.is_some_and(|legs| (3..=5).contains(&legs)), "{text}");
        check!(done.finish_reason == FinishReason::Stop, "{done:?}");
    }
    let either = constrained(Rules::Lark("start: \"left\" | \"right\"\n".to_owned()));
    let (text, ..) = answer(&model, either).await?;
    check!(text == "left" || text == "right", "{text}");
    let remote = constrained(Rules::JsonSchema(json!({"$ref": "http://example.com/x"})));
    let error = answer(&model, remote).await.err().ok_or("it was accepted")?;
    check!(error.kind() == Kind::Invalid, "{error:?}");
    check!(error.param() == Some("response_format"), "{error:?}");
    println!("    refused: {error}");
    Ok(())
}

fn weather() -> Tool {
    Tool {
        name: "weather".to_owned(),
        description: Some("The weather in a city.".to_owned()),
        parameters: json!({"type": "object", "required": ["unit"],
            "properties": {"unit": {"enum": ["celsius", "kelvin"]}}}),
        strict: true,
    }
}

fn asking(text: &str) -> ChatRequest {
    ChatRequest {
        messages: vec![ChatMessage::new("user", text)],
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        max_tokens: Some(80),
        choices: 1,
        parallel_tool_calls: false,
        owner: "tenant-a".to_owned(),
        ..ChatRequest::default()
    }
}

async fn events(model: &Gguf, request: ChatRequest) -> Result<Vec<ChatEvent>, Error> {
    let stream = model.chat(request).await?;
    let all: Vec<Result<ChatEvent, Error>> = stream.collect().await;
    all.into_iter().collect()
}

pub(super) async fn a_chat_calls_a_tool_with_valid_arguments() -> Outcome {
    let model = model(1).await?;
    let request = ChatRequest {
        tools: vec![weather()],
        tool_choice: ToolChoice::Required,
        ..asking("What is the weather?")
    };
    let all = events(&model, request).await?;
    let named =
        all.iter().any(|e| matches!(e, ChatEvent::ToolCall { name, .. } if name == "weather"));
    check!(named, "{all:?}");
    let arguments: String = all
        .iter()
        .filter_map(|event| match event {
            ChatEvent::ToolArguments { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let unit = serde_json::from_str::<serde_json::Value>(&arguments)?["unit"].clone();
    check!(unit == "celsius" || unit == "kelvin", "{arguments}");
    let reason = all.iter().find_map(|event| match event {
        ChatEvent::Finished { reason, .. } => Some(*reason),
        _ => None,
    });
    check!(reason == Some(FinishReason::ToolCalls), "{all:?}");
    // Offered and not called: words as ever.
    let offered = ChatRequest { tools: vec![weather()], ..asking("Say hello.") };
    let all = events(&model, offered).await?;
    check!(matches!(all.last(), Some(ChatEvent::Done(_))), "{all:?}");
    Ok(())
}

pub(super) async fn several_choices_share_the_prompt() -> Outcome {
    let model = model(2).await?;
    let prompt = format!("{}Tell a story.", "The wind was cold on the hill. ".repeat(30));
    let sampling = Sampling { seed: Some(3), ..Sampling::default() };
    let request = ChatRequest { choices: 3, sampling, max_tokens: Some(12), ..asking(&prompt) };
    let all = events(&model, request.clone()).await?;
    let text = |choice: u32| -> String {
        let of = |event: &ChatEvent| match event {
            ChatEvent::Text { choice: c, text, .. } if *c == choice => Some(text.clone()),
            _ => None,
        };
        all.iter().filter_map(of).collect()
    };
    check!(text(0) != text(1) || text(1) != text(2), "three times {:?}", text(0));
    let Some(ChatEvent::Done(usage)) = all.last() else { return Err("no end".into()) };
    check!(usage.completion_tokens > 12 && usage.completion_tokens <= 36, "{usage:?}");
    let format = TextFormat::Choice(vec!["a".to_owned(), "b".to_owned()]);
    let all = events(&model, ChatRequest { format, ..request }).await?;
    let said: Vec<&str> = all
        .iter()
        .filter_map(|event| match event {
            ChatEvent::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    check!(said.len() == 3 && said.iter().all(|text| ["a", "b"].contains(text)), "{said:?}");
    Ok(())
}

pub(super) async fn log_probabilities_come_with_their_text() -> Outcome {
    let model = model(1).await?;
    let request = GenerateRequest { logprobs: Some(2), ..greedy("The capital of France is", 8) };
    let mut stream = model.generate(request).await?;
    let (mut text, mut bytes, mut count) = (String::new(), Vec::new(), 0);
    while let Some(event) = stream.next().await {
        if let Event::Token { text: more, logprobs, .. } = event? {
            text.push_str(&more);
            for token in logprobs {
                bytes.extend_from_slice(&token.bytes);
                count += 1;
                check!(token.logprob <= 0.0 && token.top.len() == 2, "{token:?}");
                // At temperature 0 the likeliest is what is written.
                check!(token.top[0].1 == token.bytes, "{token:?}");
            }
        }
    }
    check!(text.as_bytes() == bytes && count == 8, "{text:?}, {count} tokens");
    Ok(())
}

pub(super) async fn requests_behind_one_new_beginning_read_it_once() -> Outcome {
    let model = model(8).await?;
    let story = "The harbour was quiet, and the old captain counted his ships. ".repeat(40);
    let ask = |owner: &str, n: usize| GenerateRequest {
        owner: owner.to_owned(),
        ..greedy(&format!("{story}Sailor {n} said"), 2)
    };
    let mut streams = Vec::new();
    for n in 0..8 {
        streams.push(model.generate(ask("a", n)).await?);
    }
    let stranger = model.generate(ask("b", 9)).await?;
    let answers = futures::future::try_join_all(streams.into_iter().map(read)).await?;
    let copied = answers.iter().filter(|(_, _, done)| done.cached_tokens > 300).count();
    check!(copied == 7, "{copied} of 8 found the beginning read");
    let (_, _, done) = read(stranger).await?;
    check!(done.cached_tokens == 0, "{done:?}");
    Ok(())
}

pub(super) async fn a_prompt_whose_slot_was_given_away_is_put_back() -> Outcome {
    let model = model(1).await?;
    let story = |of: &str| format!("{of} walked over the hill and counted the stones. ").repeat(40);
    let ask = |owner: &str, of: &str| GenerateRequest {
        owner: owner.to_owned(),
        ..greedy(&format!("{}Then", story(of)), 6)
    };
    let first = answer(&model, ask("a", "Ann")).await?;
    check!(first.2.cached_tokens == 0 && first.2.prompt_tokens > 400, "{:?}", first.2);
    let other = answer(&model, ask("b", "Ann")).await?;
    check!(other.2.cached_tokens == 0, "{:?}", other.2);
    let again = answer(&model, ask("a", "Ann")).await?;
    check!(again.2.cached_tokens + 1 >= again.2.prompt_tokens, "{:?}", again.2);
    check!(again.0 == first.0, "{:?} and {:?}", again.0, first.0);
    Ok(())
}
