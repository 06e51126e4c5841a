//! What a language model says and calls, as beats.

use cairn_kernel::{Error, Result};

use super::beat::Beat;
use super::inquiry::{Functions, SEARCH};
use crate::FinishReason;
use crate::chat::{ChatEvent, ChatUsage, ToolChoice};

/// Follows the events of one choice.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What was said.
    pub(super) text: String,
    /// Whether it ended at the token limit.
    pub(super) cut_off: bool,
    /// Whether a function was called.
    pub(super) called: bool,
    /// Whether the search was, which stands among the functions.
    pub(super) searched: bool,
    /// What it took, as far as that is known before the end.
    pub(super) spent: ChatUsage,
    /// Whether functions are offered.
    offered: bool,
    /// Whether the search is one of them.
    beside: bool,
    /// Blanks that stand before a text, or around calls.
    held: String,
    speaking: bool,
    /// The call whose arguments come, and whether it is the search.
    open: Option<(u32, bool)>,
}

impl Heard {
    /// Of a model that is offered `functions`, and `beside` them the search.
    pub(super) fn new(functions: &Functions, beside: bool) -> Self {
        let offered = !functions.tools.is_empty() && functions.choice != ToolChoice::None;
        Self { offered, beside, ..Self::default() }
    }

    /// The beat of an event, if it is one. Calls where none are offered are none.
    ///
    /// # Errors
    /// `Unavailable` when arguments of several calls come mixed.
    pub(super) fn hear(&mut self, event: ChatEvent) -> Result<Option<Beat>> {
        Ok(match event {
            ChatEvent::Started { prompt_tokens, cached_tokens } => {
                self.spent = ChatUsage { prompt_tokens, cached_tokens, ..self.spent };
                None
            }
            ChatEvent::Text { text, .. } => self.said(text),
            ChatEvent::Finished { reason, .. } => {
                self.cut_off = reason == FinishReason::Length;
                None
            }
            ChatEvent::ToolCall { index, id, name, .. } if self.offered => {
                let search = self.beside && name == SEARCH;
                self.open = Some((index, search));
                self.speaking = false;
                self.held.clear();
                self.searched |= search;
                self.called |= !search;
                (!search).then_some(Beat::Call { id, name })
            }
            ChatEvent::ToolArguments { index, text, .. } if self.offered => match self.open {
                Some((open, search)) if open == index => {
                    self.spent.completion_tokens += 1;
                    (!search).then_some(Beat::Arguments(text))
                }
                _ => return Err(mixed()),
            },
            ChatEvent::ToolCall { .. } | ChatEvent::ToolArguments { .. } | ChatEvent::Done(_) => {
                None
            }
        })
    }

    fn said(&mut self, text: String) -> Option<Beat> {
        self.spent.completion_tokens += 1;
        if !self.offered {
            self.text.push_str(&text);
            return Some(Beat::Text(text));
        }
        self.held.push_str(&text);
        if !self.speaking && self.held.trim().is_empty() {
            return None;
        }
        self.speaking = true;
        let text = std::mem::take(&mut self.held);
        self.text.push_str(&text);
        Some(Beat::Text(text))
    }
}

fn mixed() -> Error {
    Error::unavailable(
        "the model's provider sent the arguments of several calls mixed; send \
         \"parallel_tool_calls\": false",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::Tool;

    fn functions(choice: ToolChoice) -> Functions {
        let clock = Tool {
            name: "clock".to_owned(),
            description: None,
            parameters: json!({}),
            strict: false,
        };
        Functions { tools: vec![clock], choice, parallel: true }
    }

    fn text(text: &str) -> ChatEvent {
        ChatEvent::Text { choice: 0, text: text.to_owned(), logprobs: Vec::new() }
    }

    fn call(index: u32, name: &str) -> ChatEvent {
        ChatEvent::ToolCall { choice: 0, index, id: format!("call_{index}"), name: name.to_owned() }
    }

    fn arguments(index: u32) -> ChatEvent {
        ChatEvent::ToolArguments { choice: 0, index, text: "{}".to_owned() }
    }

    fn beats(heard: &mut Heard, events: Vec<ChatEvent>) -> Result<Vec<String>> {
        let mut beats = Vec::new();
        for event in events {
            beats.extend(heard.hear(event)?.map(|beat| match beat {
                Beat::Text(text) => text,
                Beat::Call { name, .. } => name,
                Beat::Arguments(text) => text,
                other => format!("{other:?}"),
            }));
        }
        Ok(beats)
    }

    #[test]
    fn blanks_around_calls_are_no_words() -> Result<()> {
        let mut heard = Heard::new(&functions(ToolChoice::Auto), false);
        let events = vec![
            text("\n"),
            text("Wait."),
            call(0, "clock"),
            arguments(0),
            text("\n"),
            call(1, "clock"),
        ];
        assert_eq!(beats(&mut heard, events)?, ["\nWait.", "clock", "{}", "clock"]);
        assert!(heard.called && !heard.searched && heard.text == "\nWait.");
        Ok(())
    }

    #[test]
    fn the_search_beside_functions_is_no_call() -> Result<()> {
        let mut heard = Heard::new(&functions(ToolChoice::Auto), true);
        let events = vec![call(0, "file_search"), arguments(0), call(1, "clock"), arguments(1)];
        assert_eq!(beats(&mut heard, events)?, ["clock", "{}"]);
        assert!(heard.called && heard.searched);
        Ok(())
    }

    #[test]
    fn mixed_arguments_are_refused_and_calls_that_nobody_offered_passed_over() -> Result<()> {
        let mut heard = Heard::new(&functions(ToolChoice::Auto), false);
        let mixed = vec![call(0, "clock"), call(1, "clock"), arguments(0)];
        assert!(beats(&mut heard, mixed).is_err());
        let mut heard = Heard::new(&functions(ToolChoice::None), false);
        let events = vec![text(" "), call(0, "clock"), arguments(0), text("No.")];
        assert_eq!(beats(&mut heard, events)?, [" ", "No."]);
        assert!(!heard.called);
        Ok(())
    }
}
