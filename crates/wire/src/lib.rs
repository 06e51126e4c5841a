//! Public API types: what goes over the wire, without logic.
//!
//! * [`openai`]: files, vector stores, chat, responses, embeddings, models.
//! * [`oip`]: the Open Inference Protocol v2.
//! * [`cairn`]: what has no standard, under `/cairn/v1`.
//! * [`mcp`]: the Model Context Protocol.
//!
//! Times are Unix seconds. Fields of ours inside OpenAI's objects are under the
//! one key `cairn`.

pub mod cairn;
mod given;
pub mod mcp;
pub mod oip;
pub mod openai;

pub use given::Given;
