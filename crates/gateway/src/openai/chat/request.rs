//! What a chat request asks for, checked.

use cairn_kernel::{Error, Result};
use cairn_services::chat::ChatRequest;
use cairn_services::{ChatMessage, Sampling};
use cairn_wire::openai::{ChatCompletionRequest, ChatTurn, OneOrMany};
use serde_json::{Value, json};

use super::{format, tools};
use crate::openai::convert::{refuse_rest, sampling, sticky, text_of, tokens, within};

/// Most texts that end an answer, as at OpenAI.
const STOPS_MAX: usize = 4;
/// Most answers to one request.
const CHOICES_MAX: u32 = 16;
/// Most alternatives named beside each token, as at OpenAI.
const TOP_LOGPROBS_MAX: u8 = 20;

/// Fields that change nothing here.
const HARMLESS: [&str; 6] = [
    "user",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
];

/// Checks `request` and refuses by name what is not done here.
pub(super) fn read(request: ChatCompletionRequest, trace: &str) -> Result<ChatRequest> {
    refuse(&request)?;
    let format = format::read(&request)?;
    let (tools, tool_choice) = tools::read(request.tools.as_deref(), request.tool_choice.as_ref())?;
    let messages: Result<Vec<_>> =
        request.messages.iter().enumerate().map(|(number, turn)| message(number, turn)).collect();
    let old = tokens("max_tokens", request.max_tokens)?;
    let max_tokens = tokens("max_completion_tokens", request.max_completion_tokens)?.or(old);
    Ok(ChatRequest {
        messages: messages?,
        tools,
        tool_choice,
        parallel_tool_calls: request.parallel_tool_calls.unwrap_or(true),
        format,
        sampling: sampled(&request)?,
        max_tokens,
        logprobs: logprobs(&request)?,
        choices: choices(request.n)?,
        ignore_eos: request.ignore_eos.unwrap_or(false),
        stop: stops(request.stop)?,
        sticky: sticky(&request.rest),
        trace: trace.to_owned(),
        ..ChatRequest::default()
    })
}

fn sampled(request: &ChatCompletionRequest) -> Result<Sampling> {
    let penalty = |name, value| Ok::<_, Error>(within(name, value, -2.0..=2.0)?.unwrap_or(0.0));
    let top_k = match request.top_k {
        None | Some(-1) => 0,
        Some(given) => u32::try_from(given).map_err(|_| {
            Error::invalid(format!("top_k is {given}; it must be -1, 0 or a number of tokens"))
                .with_param("top_k")
        })?,
    };
    let repetition = within("repetition_penalty", request.repetition_penalty, 0.01..=100.0)?;
    Ok(Sampling {
        seed: request.seed,
        top_k,
        repetition_penalty: repetition.unwrap_or(1.0),
        frequency_penalty: penalty("frequency_penalty", request.frequency_penalty)?,
        presence_penalty: penalty("presence_penalty", request.presence_penalty)?,
        ..sampling(request.temperature, request.top_p, 1.0)?
    })
}

fn choices(n: Option<u32>) -> Result<u32> {
    match n.unwrap_or(1) {
        n @ 1..=CHOICES_MAX => Ok(n),
        n => Err(Error::invalid(format!("n is {n}; it must be between 1 and {CHOICES_MAX}"))
            .with_param("n")),
    }
}

fn logprobs(request: &ChatCompletionRequest) -> Result<Option<u8>> {
    let wanted = request.logprobs == Some(true);
    match request.top_logprobs {
        Some(top) if top > 0 && !wanted => {
            Err(Error::invalid("top_logprobs needs \"logprobs\": true").with_param("top_logprobs"))
        }
        Some(top) if top > TOP_LOGPROBS_MAX => Err(Error::invalid(format!(
            "top_logprobs is {top}; it must be between 0 and {TOP_LOGPROBS_MAX}"
        ))
        .with_param("top_logprobs")),
        top => Ok(wanted.then_some(top.unwrap_or(0))),
    }
}

fn refuse(request: &ChatCompletionRequest) -> Result<()> {
    if request.cairn.is_some() {
        let message = "'cairn' says how a vector store is asked, and the model is none; name one \
                       as model (store/NAME), or leave cairn out";
        return Err(Error::invalid(message).with_param("cairn"));
    }
    let mut rest = request.rest.clone();
    // The ways to say what is done anyway.
    let usual = [("function_call", json!("none")), ("modalities", json!(["text"]))];
    rest.retain(|name, value| !usual.iter().any(|(known, same)| known == name && same == value));
    refuse_rest(&rest, &HARMLESS)
}

fn message(number: usize, turn: &ChatTurn) -> Result<ChatMessage> {
    let role = match turn.role.as_str() {
        "system" | "developer" => "system",
        role @ ("user" | "assistant" | "tool") => role,
        other => {
            return Err(Error::invalid(format!(
                "messages[{number}] has the role '{other}'; use system, developer, user, \
                 assistant or tool"
            ))
            .with_param(format!("messages[{number}].role")));
        }
    };
    let tool_calls = tools::past(turn, number)?;
    let place = format!("messages[{number}].content");
    let content = match &turn.content {
        None | Some(Value::Null) if tool_calls.is_some() => String::new(),
        content => text_of(content.as_ref().unwrap_or(&Value::Null), &place, &["text"])?,
    };
    let mut message = ChatMessage::new(role, content);
    message.name.clone_from(&turn.name);
    message.tool_calls = tool_calls;
    message.tool_call_id.clone_from(&turn.tool_call_id);
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
            (json!({"n": 0}), "n"),
            (json!({"n": 17}), "n"),
            (json!({"top_logprobs": 3}), "top_logprobs"),
            (json!({"logprobs": true, "top_logprobs": 21}), "top_logprobs"),
            (json!({"top_k": -2}), "top_k"),
            (json!({"repetition_penalty": 0}), "repetition_penalty"),
            (json!({"functions": [{"name": "f"}]}), "functions"),
            (json!({"temperature": 2.5}), "temperature"),
            (json!({"top_p": -0.1}), "top_p"),
            (json!({"presence_penalty": 3}), "presence_penalty"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"logit_bias": {"5": 1}}), "logit_bias"),
            (json!({"cairn": {"model": "m"}}), "cairn"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (json!({"stop": ["a", "b", "c", "d", "e"]}), "stop"),
            (json!({"messages": [{"role": "robot", "content": "x"}]}), "messages[0].role"),
            (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0].tool_call_id"),
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
    fn extensions_and_logprobs_are_read() -> Result<()> {
        let read =
            asked(&json!({"top_k": 5, "repetition_penalty": 1.1, "ignore_eos": true, "n": 3,
            "logprobs": true, "top_logprobs": 2}))?;
        assert_eq!((read.sampling.top_k, read.choices, read.logprobs), (5, 3, Some(2)));
        assert!(read.ignore_eos && read.parallel_tool_calls);
        assert_eq!(asked(&json!({"logprobs": true}))?.logprobs, Some(0));
        assert_eq!(asked(&json!({}))?.logprobs, None);
        Ok(())
    }

    #[test]
    fn what_changes_nothing_is_accepted() {
        let more = json!({"n": 1, "top_logprobs": 0, "parallel_tool_calls": false, "logprobs": false, "tools": [], "user": "u", "top_k": -1,
            "response_format": {"type": "text"}, "tool_choice": "auto", "logit_bias": {}, "store": false});
        assert!(asked(&more).is_ok());
    }
}
