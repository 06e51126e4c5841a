//! Models at run time: text models in GGUF files, tensor models in ONNX files, the
//! embedding model, and the store the model files come from.
//!
//! - [`chat`]: the seam every language model stands behind;
//! - [`gguf`]: language models, run by llama.cpp in supervised children;
//! - [`onnx`]: tabular and other tensor models, run in process by rten or, where rten
//!   lacks an operator, by ONNX Runtime in a child;
//! - [`embed`]: text to vectors, batched by length, searches before bulk work;
//! - [`models`]: the files, addressed by SHA-256, and where to get them;
//! - [`tensor`]: what tensor models take and give;
//! - [`remote`]: models that others run, at the providers of the configuration;
//! - [`rerank`]: how well documents answer a query;
//! - [`rollout`]: which version of a model answers a request;
//! - [`runtime`]: what every running model can say of itself;
//! - [`statistics`]: what a tensor model has done.

pub mod chat;
pub mod embed;
pub mod gguf;
pub mod models;
pub mod onnx;
pub mod remote;
pub mod rerank;
pub mod rollout;
pub mod runtime;
pub mod statistics;
pub mod tensor;

pub use runtime::{ModelState, Runtime, RuntimeKind, TensorModel};
