//! Local language models in GGUF files, run by llama.cpp in a supervised child.
//!
//! llama.cpp aborts the process on a failed assertion, and a model file is hostile
//! input: so the engine lives in a child of this same executable ([`child_main`]),
//! and [`Gguf`] is the handle that starts it, talks to it, and starts it again when
//! it dies. A crash costs the running requests a retry, never the server.
//!
//! The child decodes all running requests together (continuous batching): each
//! step is one batch with a token for every answering slot, filled up with chunks
//! of the prompts that wait. A prompt that begins like one the same owner sent
//! before starts where they part. Nothing is ever shared between owners.
//!
//! An encoder, whose file says how it pools, makes vectors or scores instead of text
//! ([`Gguf::encode`]).

mod chat;
mod child;
mod handle;
mod header;
mod link;
mod memory;
mod protocol;
mod request;
mod strftime;
mod supervisor;
mod template;

pub use cairn_isolate::Isolate;
pub use child::child_main;
pub use handle::{GenerateStream, Gguf, GgufConfig, State};
pub use header::{Header, check};
pub use request::{
    ChatMessage, Constraint, Done, Encoded, EncoderInput, Event, Facts, FinishReason,
    GenerateRequest, Pooling, Prompt, Rules, Sampling, Timings,
};
pub use template::ChatTemplate;

/// The role under which the program's `main` dispatches to [`child_main`].
pub const CHILD_ROLE: &str = "gguf";
