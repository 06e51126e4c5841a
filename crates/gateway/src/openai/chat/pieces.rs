//! An answer in pieces, as they come.

use std::collections::BTreeSet;

use cairn_services::FinishReason;
use cairn_services::chat::{ChatEvent, ChatUsage as Usage};
use cairn_wire::openai::{
    ChatCompletionChunk, ChatUsage, ChunkChoice, Delta, FunctionDelta, ToolCallDelta,
};

use super::{Talk, logprobs, text, usage};

/// Makes chunks of events.
pub(super) struct Pieces {
    talk: Talk,
    /// The choices whose first piece is sent.
    opened: BTreeSet<u32>,
}

impl Pieces {
    pub(super) fn new(talk: Talk) -> Self {
        Self { talk, opened: BTreeSet::new() }
    }

    /// What is sent for an event, up to `[DONE]`.
    pub(super) fn data(&mut self, event: ChatEvent) -> Vec<String> {
        let mut data = Vec::new();
        match event {
            ChatEvent::Started { .. } => {}
            ChatEvent::Text { choice, text, logprobs: tokens } => {
                data.extend(self.opening(choice));
                let mut piece =
                    piece(choice, Delta { content: Some(text), ..Delta::default() }, None);
                piece.logprobs = self.talk.with_logprobs.then(|| logprobs(tokens));
                data.push(self.chunk(vec![piece], None));
            }
            ChatEvent::ToolCall { choice, index, id, name } => {
                let function = FunctionDelta { name: Some(name), arguments: String::new() };
                let call = ToolCallDelta { index, id: Some(id), kind: Some("function"), function };
                // OpenAI's first piece of a choice that only calls has no content.
                let role = self.opened.insert(choice).then_some("assistant");
                let delta = Delta { role, tool_calls: vec![call], ..Delta::default() };
                data.push(self.delta(choice, delta));
            }
            ChatEvent::ToolArguments { choice, index, text } => {
                let function = FunctionDelta { name: None, arguments: text };
                let call = ToolCallDelta { index, function, ..ToolCallDelta::default() };
                let delta = Delta { tool_calls: vec![call], ..Delta::default() };
                data.push(self.delta(choice, delta));
            }
            ChatEvent::Finished { choice, reason } => {
                data.extend(self.opening(choice));
                data.push(self.finished(choice, reason));
            }
            ChatEvent::Done(done) => data.extend(self.closing(&done)),
        }
        data
    }

    /// What is new of a choice.
    pub(super) fn delta(&self, choice: u32, delta: Delta) -> String {
        self.chunk(vec![piece(choice, delta, None)], None)
    }

    /// The last piece of a choice.
    pub(super) fn finished(&self, choice: u32, reason: FinishReason) -> String {
        let reason = Some(reason.name().to_owned());
        self.chunk(vec![piece(choice, Delta::default(), reason)], None)
    }

    /// The first piece of a choice, which says who speaks, unless it was sent.
    pub(super) fn opening(&mut self, choice: u32) -> Option<String> {
        let delta =
            Delta { role: Some("assistant"), content: Some(String::new()), ..Delta::default() };
        let first = self.opened.insert(choice);
        first.then(|| self.delta(choice, delta))
    }

    /// What is sent behind all choices, up to `[DONE]`.
    pub(super) fn closing(&self, done: &Usage) -> Vec<String> {
        let counted = self.talk.include_usage.then(|| self.chunk(Vec::new(), Some(usage(done))));
        counted.into_iter().chain(["[DONE]".to_owned()]).collect()
    }

    fn chunk(&self, choices: Vec<ChunkChoice>, usage: Option<ChatUsage>) -> String {
        text(&ChatCompletionChunk {
            id: self.talk.id.clone(),
            object: "chat.completion.chunk",
            created: self.talk.created,
            model: self.talk.model.clone(),
            choices,
            usage,
        })
    }
}

fn piece(index: u32, delta: Delta, finish_reason: Option<String>) -> ChunkChoice {
    ChunkChoice { index, delta, logprobs: None, finish_reason }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pieces(include_usage: bool) -> Pieces {
        Pieces::new(Talk {
            id: "chatcmpl-1".into(),
            created: 5,
            model: "m".into(),
            include_usage,
            with_logprobs: false,
        })
    }

    fn done() -> ChatEvent {
        ChatEvent::Done(Usage { prompt_tokens: 7, cached_tokens: 3, completion_tokens: 2 })
    }

    fn parsed(data: &str) -> Value {
        serde_json::from_str(data).expect("JSON")
    }

    #[test]
    fn a_stream_opens_with_the_role_and_ends_with_reason_usage_and_done() {
        let mut pieces = pieces(true);
        let words =
            pieces.data(ChatEvent::Text { choice: 0, text: "hi".into(), logprobs: Vec::new() });
        assert_eq!(parsed(&words[0])["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(parsed(&words[1])["choices"][0]["delta"], json!({"content": "hi"}));
        let end = pieces.data(ChatEvent::Finished { choice: 0, reason: FinishReason::Length });
        assert_eq!(end.len(), 1);
        assert_eq!(parsed(&end[0])["choices"][0]["finish_reason"], "length");
        let last = pieces.data(done());
        let counted = parsed(&last[0]);
        assert_eq!(counted["choices"], json!([]));
        assert_eq!(counted["usage"]["total_tokens"], 9);
        assert_eq!(counted["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
        assert_eq!(last[1..], ["[DONE]"]);
    }

    #[test]
    fn usage_is_streamed_only_when_asked_for() {
        assert_eq!(pieces(false).data(done()), ["[DONE]"]);
    }

    #[test]
    fn a_call_comes_with_its_name_first_and_arguments_after() {
        let mut pieces = pieces(false);
        let call =
            ChatEvent::ToolCall { choice: 1, index: 0, id: "call_1".into(), name: "f".into() };
        let first = pieces.data(call);
        assert_eq!(
            parsed(&first[0])["choices"][0],
            json!({"index": 1, "logprobs": null, "finish_reason": null, "delta": {
                "role": "assistant", "tool_calls": [{"index": 0, "id": "call_1",
                "type": "function", "function": {"name": "f", "arguments": ""}}]}})
        );
        let more = pieces.data(ChatEvent::ToolArguments { choice: 1, index: 0, text: "{}".into() });
        assert_eq!(
            parsed(&more[0])["choices"][0]["delta"],
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})
        );
    }

    #[test]
    fn a_choice_without_a_word_still_says_who_spoke() {
        let end = pieces(false).data(ChatEvent::Finished { choice: 0, reason: FinishReason::Stop });
        assert_eq!(parsed(&end[0])["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(parsed(&end[1])["choices"][0]["finish_reason"], "stop");
    }
}
