//! What a chat request asks for, checked.

use cairn_kernel::{Error, Result};
use cairn_services::chat::ChatRequest;
use cairn_services::{ChatMessage, Sampling};
use cairn_wire::openai::{ChatCompletionRequest, ChatTurn, OneOrMany};
use serde_json::Value;

use crate::openai::convert::{
    neutral, refuse_rest, sampling, text_of, tokens, unsupported, within,
};

/// Most texts that end an answer, as at OpenAI.
const STOPS_MAX: usize = 4;

/// Fields that change nothing here.
const HARMLESS: [&str; 7] = [
    "user",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
];

/// Checks `request` and refuses by name what is not done here.
pub(super) fn read(request: ChatCompletionRequest, trace: &str) -> Result<ChatRequest> {
    refuse(&request)?;
    let penalties = -2.0..=2.0;
    let sampling = Sampling {
        seed: request.seed,
        frequency_penalty: within(
            "frequency_penalty",
            request.frequency_penalty,
            penalties.clone(),
        )?
        .unwrap_or(0.0),
        presence_penalty: within("presence_penalty", request.presence_penalty, penalties)?
            .unwrap_or(0.0),
        ..sampling(request.temperature, request.top_p, 1.0)?
    };
    let old = tokens("max_tokens", request.max_tokens)?;
    let max_tokens = tokens("max_completion_tokens", request.max_completion_tokens)?.or(old);
    let messages: Result<Vec<_>> =
        request.messages.iter().enumerate().map(|(number, turn)| message(number, turn)).collect();
    Ok(ChatRequest {
        model: request.model,
        messages: messages?,
        tools: None,
        sampling,
        max_tokens,
        stop: stops(request.stop)?,
        trace: trace.to_owned(),
    })
}

fn refuse(request: &ChatCompletionRequest) -> Result<()> {
    if request.n.is_some_and(|n| n != 1) {
        return Err(Error::invalid("only one choice is made here; leave 'n' out").with_param("n"));
    }
    if request.logprobs == Some(true) {
        return Err(unsupported("logprobs"));
    }
    if request.tools.as_ref().is_some_and(|tools| !neutral(tools)) {
        return Err(unsupported("tools"));
    }
    let plain =
        |format: &Value| neutral(format) || format.get("type") == Some(&Value::from("text"));
    if request.response_format.as_ref().is_some_and(|format| !plain(format)) {
        return Err(unsupported("response_format"));
    }
    let mut rest = request.rest.clone();
    // The ways to say what is done anyway.
    let usual = [
        ("tool_choice", Value::from("none")),
        ("tool_choice", Value::from("auto")),
        ("function_call", Value::from("none")),
        ("modalities", Value::from(vec!["text"])),
    ];
    rest.retain(|name, value| !usual.iter().any(|(known, same)| known == name && same == value));
    refuse_rest(&rest, &HARMLESS)
}

fn message(number: usize, turn: &ChatTurn) -> Result<ChatMessage> {
    let role = match turn.role.as_str() {
        "system" | "developer" => "system",
        role @ ("user" | "assistant") => role,
        other => {
            return Err(Error::invalid(format!(
                "messages[{number}] has the role '{other}'; use system, developer, user or assistant"
            ))
            .with_param(format!("messages[{number}].role")));
        }
    };
    if turn.tool_calls.as_ref().is_some_and(|calls| !neutral(calls)) {
        return Err(unsupported(&format!("messages[{number}].tool_calls")));
    }
    let place = format!("messages[{number}].content");
    let content = turn.content.as_ref().unwrap_or(&Value::Null);
    let mut message = ChatMessage::new(role, text_of(content, &place, &["text"])?);
    message.name.clone_from(&turn.name);
    Ok(message)
}

fn stops(stop: Option<OneOrMany>) -> Result<Vec<String>> {
    let stops = match stop {
        None => Vec::new(),
        Some(OneOrMany::One(text)) => vec![text],
        Some(OneOrMany::Many(texts)) => texts,
    };
    if stops.len() > STOPS_MAX || stops.iter().any(String::is_empty) {
        return Err(Error::invalid(format!(
            "stop takes up to {STOPS_MAX} texts, none of them empty"
        ))
        .with_param("stop"));
    }
    Ok(stops)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(more: &Value) -> Result<ChatRequest> {
        let mut body = json!({"model": "cairn", "messages": [{"role": "user", "content": "hi"}]});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let request =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        read(request, "req_1")
    }

    #[test]
    fn a_plain_request_is_read_with_the_usual_defaults() -> Result<()> {
        let read = asked(&json!({}))?;
        assert_eq!((read.sampling.temperature, read.max_tokens), (1.0, None));
        assert_eq!(read.messages, [ChatMessage::new("user", "hi")]);
        let both =
            asked(&json!({"max_tokens": 5, "max_completion_tokens": 6, "stop": "x", "seed": 3}))?;
        assert_eq!((both.max_tokens, both.stop.len(), both.sampling.seed), (Some(6), 1, Some(3)));
        Ok(())
    }

    #[test]
    fn developers_are_the_system_and_parts_are_one_text() -> Result<()> {
        let turns = json!([
            {"role": "developer", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ]);
        let read = asked(&json!({"messages": turns}))?;
        assert_eq!(read.messages[0], ChatMessage::new("system", "be kind"));
        assert_eq!(read.messages[1].content, "a\nb");
        Ok(())
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        for (more, name) in [
            (json!({"n": 2}), "n"),
            (json!({"logprobs": true}), "logprobs"),
            (json!({"tools": [{"type": "function"}]}), "tools"),
            (json!({"response_format": {"type": "json_object"}}), "response_format"),
            (json!({"temperature": 2.5}), "temperature"),
            (json!({"top_p": -0.1}), "top_p"),
            (json!({"presence_penalty": 3}), "presence_penalty"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"logit_bias": {"5": 1}}), "logit_bias"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (json!({"stop": ["a", "b", "c", "d", "e"]}), "stop"),
            (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0].role"),
            (json!({"messages": [{"role": "user"}]}), "messages[0].content"),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
                "messages[0].content",
            ),
        ] {
            let refused = asked(&more).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name));
        }
    }

    #[test]
    fn what_changes_nothing_is_accepted() {
        let more = json!({"n": 1, "logprobs": false, "tools": [], "user": "u", "top_logprobs": null,
            "response_format": {"type": "text"}, "tool_choice": "auto", "logit_bias": {}, "store": false});
        assert!(asked(&more).is_ok());
    }
}
