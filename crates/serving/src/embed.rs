//! Text to vectors: all-MiniLM-L6-v2, 384 numbers a text, of length 1.
//!
//! Nothing is ever cut off: a text longer than the model reads at once is split
//! into windows, and its vector is the mean over the tokens of all of them.
//!
//! Texts are run by worker threads of their own, in batches of nearly equal
//! length, so that short texts do not pay for long ones. Interactive work (the
//! query of a search) goes ahead of bulk work (ingestion): a thread waits for it
//! alone, and the bulk threads run at a lower priority.
//!
//! The model is loaded at first use, and unloaded after a while without any.

mod batch;
mod embedder;
mod engine;
mod queue;
mod text;
mod wordpiece;
mod worker;

pub use batch::{BATCH_TOKENS, Batch, Batcher};
pub(crate) use embedder::own_tokens;
pub use embedder::{EmbedConfig, Embedder, Embeddings, Priority, TokenVectors};
pub use engine::DIMENSIONS;
pub use text::{MAX_TOKENS, TextTokenizer};

#[cfg(test)]
mod tests;
