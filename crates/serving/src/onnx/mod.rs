//! Tensor models in ONNX files, run in process by rten.
//!
//! rten computes in 32 bits and knows neither strings nor the classical
//! machine-learning operators. What a tabular model needs of those is little: the
//! `LabelEncoder`s at its front that turn text into numbers, and the one at its
//! end that turns a class number into its label. [`split`] takes these off the
//! graph at load, and they are evaluated here ([`encoder`]); the rest goes to
//! rten. Whatever else rten lacks is refused at load, by name.

mod convert;
mod encoder;
mod model;
mod spec;
mod split;

pub(crate) use model::guarded;
pub use model::{ModelIdentity, OnnxModel};
pub use spec::{ModelMetadata, TensorSpec};

#[cfg(test)]
mod tests;
