//! Messages between the parent and the engine child.

use std::path::PathBuf;

use cairn_kernel::{Error, Kind};
use serde::{Deserialize, Serialize};

use super::request::{Encoded, EncoderInput, Event, GenerateRequest, Pooling};

/// Begins a stretch of a prompt in which special tokens are plain text.
///
/// A noncharacter, which text must not contain; it is removed from what users send.
pub(super) const PLAIN_BEGIN: char = '\u{FDD0}';
/// Ends such a stretch.
pub(super) const PLAIN_END: char = '\u{FDD1}';

/// The model to load: the first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) path: PathBuf,
    pub(super) adapter: Option<PathBuf>,
    pub(super) context_tokens: u32,
    pub(super) slots: u32,
    pub(super) threads: u32,
    /// Memory for caches of slots that were given away.
    pub(super) spill_bytes: u64,
    /// For an encoder, how it makes one vector of a text.
    pub(super) pooling: Option<Pooling>,
}

/// What the child says of the loaded model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Loaded {
    pub(super) title: Option<String>,
    pub(super) architecture: String,
    pub(super) n_ctx_train: u32,
    pub(super) context_tokens: u32,
    pub(super) slots: u32,
    pub(super) vocabulary: u32,
    pub(super) chat_template: Option<String>,
    pub(super) bos: String,
    pub(super) eos: String,
    pub(super) control_tokens: Vec<String>,
    pub(super) memory_bytes: u64,
    pub(super) load_ms: f64,
}

/// Parent to child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    Load(Load),
    Generate { id: u64, request: Box<GenerateRequest> },
    Encode { id: u64, owner: String, inputs: Vec<EncoderInput> },
    Cancel { id: u64 },
    Tokenize { id: u64, text: String, special: bool, count_only: bool },
}

/// Child to parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Loaded(Box<Loaded>),
    LoadFailed {
        message: String,
    },
    /// Everything one step of the engine produced.
    Events(Vec<Tagged>),
}

/// One event of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tagged {
    pub(super) id: u64,
    pub(super) outcome: Outcome,
}

/// What happened to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Event(Event),
    Failed(Failure),
    Tokens { ids: Vec<i32>, count: u64 },
    Encoded(Encoded),
}

/// The failures a child may report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    ContextLength,
    Invalid,
    Engine,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) message: String,
    /// The field of the request at fault.
    pub(super) field: Option<String>,
}

impl Failure {
    pub(super) fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), field: None }
    }

    pub(super) fn of_field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = match failure.fault {
            Fault::ContextLength => {
                Error::invalid(failure.message).with_code("context_length_exceeded")
            }
            Fault::Invalid => Error::invalid(failure.message),
            Fault::Engine => Error::new(Kind::Unavailable, failure.message),
        };
        match failure.field {
            Some(field) => error.with_param(field),
            None => error,
        }
    }
}
