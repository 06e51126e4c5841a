//! What is asked for a response: a question in its talk, and what may be used to answer it.

use serde_json::json;

use crate::ChatMessage;
use crate::answer::Question;
use crate::chat::{ChatRequest, TextFormat, Tool, ToolChoice};
use crate::retrieve::Request;

/// What the search is called where a model is offered it beside functions.
pub const SEARCH: &str = "file_search";

/// A question, and what may be used to answer it.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The question with the turns before it, by whom and how it is to be answered.
    pub question: Question,
    /// Calls of functions to answer it and what came of them; empty where none came yet.
    pub after: Vec<ChatMessage>,
    /// Where to search; `None` where a model answers alone.
    pub search: Option<Request>,
    /// What the model may call.
    pub functions: Functions,
}

/// Functions that a model may call.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    /// What they are.
    pub tools: Vec<Tool>,
    /// Whether one is called, and which.
    pub choice: ToolChoice,
    /// Whether one answer may hold several calls.
    pub parallel: bool,
}

impl Inquiry {
    /// What a language model is asked that answers alone.
    pub(super) fn plain(&self) -> ChatRequest {
        let question = &self.question;
        ChatRequest {
            messages: self.messages(),
            tools: self.functions.tools.clone(),
            tool_choice: self.functions.choice.clone(),
            parallel_tool_calls: self.functions.parallel,
            sampling: question.sampling.clone(),
            format: question.format.clone(),
            max_tokens: question.max_tokens,
            choices: 1,
            sticky: question.sticky.clone(),
            trace: question.trace.clone(),
            ..ChatRequest::default()
        }
    }

    /// What a language model is asked that decides between functions and the search.
    pub(super) fn deciding(&self) -> ChatRequest {
        let mut request = self.plain();
        request.tools.push(search_function());
        // What is decided has no form; the answer has it.
        request.format = TextFormat::Text;
        request
    }

    /// What the documents are asked. Calls of functions before it are not put to the writer, who is
    /// offered none.
    pub(super) fn over_documents(self) -> Question {
        Question { history: without_calls(self.question.history), ..self.question }
    }

    /// All that was said, for a model: instructions before it.
    fn messages(&self) -> Vec<ChatMessage> {
        let Question { instructions, history, text, .. } = &self.question;
        let system = instructions.as_deref().map(|text| ChatMessage::new("system", text));
        let before = system.into_iter().chain(history.iter().cloned());
        let question = ChatMessage::new("user", text.as_str());
        before.chain([question]).chain(self.after.iter().cloned()).collect()
    }
}

/// The search as a function that a model may call beside others.
fn search_function() -> Tool {
    Tool {
        name: SEARCH.to_owned(),
        description: Some(
            "Looks up the answer in the documents. Call it for everything that no other function \
             tells."
                .to_owned(),
        ),
        parameters: json!({
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What to look up."}},
            "required": ["query"],
        }),
        strict: false,
    }
}

/// What people and models said in `turns`, without calls and what came of them: for a writer that
/// is offered no functions.
fn without_calls(turns: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let spoken = turns.into_iter().filter_map(|mut turn| {
        let called = turn.tool_calls.take().is_some();
        (turn.role != "tool" && !(called && turn.content.is_empty())).then_some(turn)
    });
    spoken.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sampling;

    fn calling(text: &str) -> ChatMessage {
        let tool_calls = Some(json!([{"id": "a", "type": "function",
            "function": {"name": "clock", "arguments": "{}"}}]));
        ChatMessage { tool_calls, ..ChatMessage::new("assistant", text) }
    }

    fn came() -> ChatMessage {
        let tool_call_id = Some("a".to_owned());
        ChatMessage { tool_call_id, ..ChatMessage::new("tool", "Noon.") }
    }

    fn inquiry() -> Inquiry {
        let clock = Tool {
            name: "clock".to_owned(),
            description: None,
            parameters: json!({}),
            strict: false,
        };
        let question = Question {
            text: "And now?".to_owned(),
            history: vec![ChatMessage::new("user", "When?"), calling("Wait."), came(), calling("")],
            truncate: true,
            instructions: Some("Be brief.".to_owned()),
            model: "writer".to_owned(),
            sampling: Sampling::default(),
            format: TextFormat::JsonObject,
            max_tokens: Some(7),
            sticky: None,
            trace: "req_1".to_owned(),
        };
        Inquiry {
            question,
            after: vec![calling(""), came()],
            search: None,
            functions: Functions { tools: vec![clock], choice: ToolChoice::Auto, parallel: true },
        }
    }

    #[test]
    fn a_model_alone_reads_the_talk_in_its_order() {
        let request = inquiry().plain();
        let roles: Vec<&str> = request.messages.iter().map(|turn| turn.role.as_str()).collect();
        let expected =
            ["system", "user", "assistant", "tool", "assistant", "user", "assistant", "tool"];
        assert_eq!(roles, expected);
        assert_eq!(request.messages[5].content, "And now?");
        assert_eq!((request.tools.len(), request.format), (1, TextFormat::JsonObject));
        assert_eq!((request.max_tokens, request.choices), (Some(7), 1));
        assert_eq!(request.trace, "req_1");
    }

    #[test]
    fn who_decides_is_offered_the_search_and_kept_to_no_form() {
        let request = inquiry().deciding();
        let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["clock", SEARCH]);
        assert_eq!(request.format, TextFormat::Text);
    }

    #[test]
    fn who_writes_from_documents_reads_words_and_no_calls() {
        let question = inquiry().over_documents();
        let words: Vec<&str> = question.history.iter().map(|turn| turn.content.as_str()).collect();
        assert_eq!(words, ["When?", "Wait."]);
        assert!(question.history.iter().all(|turn| turn.tool_calls.is_none()));
        assert_eq!((question.text.as_str(), question.format), ("And now?", TextFormat::JsonObject));
    }
}
