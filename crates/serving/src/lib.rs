//! Models at run time: text models in GGUF files, tensor models in ONNX files, the
//! embedding model, and the store the model files come from.
//!
//! - [`chat`]: the seam every language model stands behind;
//! - [`gguf`]: language models, run by llama.cpp in supervised children;
//! - [`onnx`]: tabular and other tensor models, run in process by rten;
//! - [`embed`]: text to vectors, batched by length, searches before bulk work;
//! - [`models`]: the files, addressed by SHA-256, and where to get them;
//! - [`tensor`]: what tensor models take and give;
//! - [`runtime`]: what every running model can say of itself.

pub mod chat;
pub mod embed;
pub mod gguf;
pub mod models;
pub mod onnx;
pub mod runtime;
pub mod tensor;

pub use runtime::{ModelState, Runtime, RuntimeKind};
