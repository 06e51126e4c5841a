//! An answer gathered to one object.

use std::collections::BTreeMap;

use cairn_services::FinishReason;
use cairn_services::chat::{ChatEvent, ChatUsage, TokenLogprob};
use cairn_wire::openai::{AssistantMessage, ChatChoice, ChatCompletion, FunctionCall, ToolCall};

use super::{Talk, logprobs, usage};

/// What has come of each choice.
#[derive(Default)]
pub(super) struct Whole {
    choices: BTreeMap<u32, Choice>,
}

#[derive(Default)]
struct Choice {
    text: String,
    logprobs: Vec<TokenLogprob>,
    calls: Vec<ToolCall>,
    reason: Option<FinishReason>,
}

impl Whole {
    pub(super) fn add(&mut self, event: ChatEvent) {
        match event {
            ChatEvent::Started { .. } | ChatEvent::Done(_) => {}
            ChatEvent::Text { choice, text, logprobs } => {
                let choice = self.choices.entry(choice).or_default();
                choice.text.push_str(&text);
                choice.logprobs.extend(logprobs);
            }
            ChatEvent::ToolCall { choice, id, name, .. } => {
                let function = FunctionCall { name, arguments: String::new() };
                let call = ToolCall { id, kind: "function".to_owned(), function };
                self.choices.entry(choice).or_default().calls.push(call);
            }
            ChatEvent::ToolArguments { choice, index, text } => {
                let calls = &mut self.choices.entry(choice).or_default().calls;
                let call = usize::try_from(index).ok().and_then(|at| calls.get_mut(at));
                if let Some(call) = call {
                    call.function.arguments.push_str(&text);
                }
            }
            ChatEvent::Finished { choice, reason } => {
                self.choices.entry(choice).or_default().reason = Some(reason);
            }
        }
    }

    pub(super) fn completion(self, talk: Talk, done: &ChatUsage) -> ChatCompletion {
        let with_logprobs = talk.with_logprobs;
        let choices =
            self.choices.into_iter().map(|(index, choice)| choice.object(index, with_logprobs));
        ChatCompletion {
            id: talk.id,
            object: "chat.completion",
            created: talk.created,
            model: talk.model,
            choices: choices.collect(),
            usage: usage(done),
        }
    }
}

impl Choice {
    fn object(self, index: u32, with_logprobs: bool) -> ChatChoice {
        let silent = self.text.is_empty() && !self.calls.is_empty();
        let message = AssistantMessage {
            role: "assistant",
            content: (!silent).then_some(self.text),
            refusal: None,
            tool_calls: (!self.calls.is_empty()).then_some(self.calls),
            annotations: None,
            cairn: None,
        };
        ChatChoice {
            index,
            message,
            finish_reason: self.reason.unwrap_or(FinishReason::Stop).name().to_owned(),
            logprobs: with_logprobs.then(|| logprobs(self.logprobs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn gathered(events: Vec<ChatEvent>) -> Value {
        let mut whole = Whole::default();
        events.into_iter().for_each(|event| whole.add(event));
        let talk = Talk {
            id: "chatcmpl-1".into(),
            created: 5,
            model: "m".into(),
            include_usage: false,
            with_logprobs: false,
        };
        let done = ChatUsage { prompt_tokens: 7, cached_tokens: 3, completion_tokens: 2 };
        serde_json::to_value(whole.completion(talk, &done)).expect("JSON")
    }

    #[test]
    fn choices_that_come_interleaved_are_put_together() {
        let text = |choice, text: &str| ChatEvent::Text {
            choice,
            text: text.into(),
            logprobs: Vec::new(),
        };
        let finished = |choice, reason| ChatEvent::Finished { choice, reason };
        let whole = gathered(vec![
            text(1, "b"),
            text(0, "a"),
            text(1, "B"),
            finished(1, FinishReason::Length),
            finished(0, FinishReason::Stop),
        ]);
        assert_eq!(whole["choices"][0]["message"]["content"], "a");
        assert_eq!(whole["choices"][1]["message"]["content"], "bB");
        assert_eq!(whole["choices"][1]["finish_reason"], "length");
        assert_eq!(whole["choices"][1]["index"], 1);
        assert_eq!(whole["usage"]["total_tokens"], 9);
    }

    #[test]
    fn a_call_has_its_arguments_and_no_content() {
        let whole = gathered(vec![
            ChatEvent::ToolCall { choice: 0, index: 0, id: "call_1".into(), name: "f".into() },
            ChatEvent::ToolArguments { choice: 0, index: 0, text: "{\"a\"".into() },
            ChatEvent::ToolArguments { choice: 0, index: 0, text: ":1}".into() },
            ChatEvent::Finished { choice: 0, reason: FinishReason::ToolCalls },
        ]);
        let message = &whole["choices"][0]["message"];
        assert_eq!(message["content"], Value::Null);
        assert_eq!(
            message["tool_calls"],
            json!([{"id": "call_1", "type": "function",
                    "function": {"name": "f", "arguments": "{\"a\":1}"}}])
        );
        assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    }
}
