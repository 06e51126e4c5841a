//! Tensor models in ONNX files, run in this process by rten or in a child by ONNX
//! Runtime.
//!
//! A file goes through `intake` first: safe Rust that believes none of its claims. rten
//! gets it next. rten computes in 32 bits and knows neither strings nor the classical
//! machine-learning operators. What a tabular model needs of those is little: the
//! `LabelEncoder`s at its front that turn text into numbers, and the one at its
//! end that turns a class number into its label. `split` takes these off the
//! graph at load, and they are evaluated here (`encoder`); the rest goes to
//! rten. What rten lacks goes to ONNX Runtime ([`child_main`]), where its library is
//! installed, and is otherwise refused at load, by name and with the remedy.
//!
//! Around every engine lies the same: requests are checked (`request`), run once before
//! anybody asks (`warmup`), queued and computed together where that was proved to be the
//! same (`batcher`), and counted.

mod batcher;
mod child;
mod convert;
mod encoder;
mod engine;
mod engines;
mod intake;
mod model;
mod request;
mod served;
mod spec;
mod split;
mod stack;
mod warmup;

pub use batcher::Bounds;
pub use child::{CHILD_ROLE, child_main};
pub use engines::OnnxEngines;
pub(crate) use model::guarded;
pub use model::{ModelIdentity, OnnxModel};
pub use spec::{Batching, ModelMetadata, TensorSpec};

#[cfg(test)]
mod tests;
