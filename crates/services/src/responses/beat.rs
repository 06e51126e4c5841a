//! What happens while a response is made, and how it ended.

use crate::answer::{Answer, Mode, Provenance, Step};
use crate::chat::ChatUsage;
use crate::llms::ALIAS;
use crate::retrieve::Passage;

/// What happens while a response is made.
#[derive(Debug)]
pub enum Beat {
    /// The search begins.
    Searching,
    /// What it found.
    Found(Vec<Passage>),
    /// More text.
    Text(String),
    /// What is said in place of JSON; text that came before is taken back.
    Refusal(String),
    /// A call of a function begins.
    Call {
        /// `call_…`
        id: String,
        /// The function.
        name: String,
    },
    /// More of its arguments.
    Arguments(String),
    /// The end; nothing follows.
    End(Box<Ended>),
}

/// How a response ended.
#[derive(Debug)]
pub struct Ended {
    /// What was made.
    pub outcome: Outcome,
    /// Who wrote it.
    pub model: String,
    /// Tokens of all that models were asked for it.
    pub usage: ChatUsage,
    /// What the caller is to know of how it came about.
    pub notes: Vec<String>,
}

/// What was made.
#[derive(Debug)]
pub enum Outcome {
    /// An answer over documents.
    Documents(Box<Answer>),
    /// What a language model wrote, or called, by itself.
    Model(Box<Written>),
}

/// What a language model wrote without a search.
#[derive(Debug, Default)]
pub struct Written {
    /// The text, where no function was called.
    pub text: String,
    /// Whether it ended at the token limit.
    pub cut_off: bool,
    /// Milliseconds of the writing.
    pub write_ms: f64,
    /// What exactly wrote: a file's SHA-256, or a provider's model.
    pub identity: String,
    /// How it came about.
    pub provenance: Provenance,
}

impl Beat {
    /// A step of an answer over documents; `writer` is the model that writes, where one does.
    pub fn of(step: Step, writer: &str) -> Self {
        match step {
            Step::Searching => Self::Searching,
            Step::Found(passages) => Self::Found(passages),
            Step::Text(text) => Self::Text(text),
            Step::Refusal(text) => Self::Refusal(text),
            Step::Done(answer) => Self::End(Box::new(Ended::of(answer, writer))),
        }
    }
}

impl Ended {
    fn of(mut answer: Box<Answer>, writer: &str) -> Self {
        let model = match answer.mode {
            Mode::Generative => writer,
            Mode::Extractive => ALIAS,
        };
        let usage = ChatUsage {
            prompt_tokens: answer.input_tokens,
            cached_tokens: answer.cached_tokens,
            completion_tokens: answer.output_tokens,
        };
        let (model, notes) = (model.to_owned(), std::mem::take(&mut answer.notes));
        Self { outcome: Outcome::Documents(answer), model, usage, notes }
    }

    /// Counts what was `spent` besides.
    pub(super) fn add(&mut self, spent: ChatUsage) {
        self.usage.prompt_tokens += spent.prompt_tokens;
        self.usage.cached_tokens += spent.cached_tokens;
        self.usage.completion_tokens += spent.completion_tokens;
    }
}
