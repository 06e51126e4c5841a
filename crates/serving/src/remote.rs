//! Models that others run: the providers of the configuration, and the two seams
//! ([`ChatModel`](crate::chat::ChatModel), [`TensorModel`](crate::runtime::TensorModel))
//! over their wires.
//!
//! ```text
//!  ChatRequest ──> Dialect::call ──> Upstream::send ──> frames ──> Decoder ──> ChatEvent
//!                  (one file a wire)  (deadlines, retries,  (SSE or       (one file a wire)
//!                                      places, errors)       event stream)
//! ```
//!
//! A provider belongs to the operator. Tenants name it and a model of it, and never an
//! address or a key. Nothing is sent again once an answer has begun; a dropped stream
//! closes its connection. What a wire cannot say is refused with the field's name.

mod anthropic;
mod azure;
mod bedrock;
mod chat;
mod config;
mod embeddings;
mod error;
mod frames;
mod gemini;
mod google;
mod oip;
mod openai;
mod providers;
mod sse;
mod turns;
mod upstream;
mod vertex;

#[cfg(test)]
mod tests;

pub use config::{Price, ProviderConfig, ProviderKind};
pub use embeddings::{EmbedOptions, Embedded};
pub use providers::Providers;
pub use sse::{SseEvent, SseParser};
