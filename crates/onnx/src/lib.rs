//! The ONNX file format, as far as Cairn reads and writes it.
//!
//! The messages are written by hand after `onnx.proto` (same names, same field
//! numbers), so that no protobuf compiler is needed. What the crate does not
//! interpret (functions, sparse tensors, training information) is carried
//! through as bytes, so that decoding and encoding again loses nothing of it.
//!
//! A model file is untrusted input: use [`decode`], which bounds sizes and
//! counts before it allocates, checks every tensor against its declared shape and every
//! constant against what it claims, and not the bare `prost` decoder.

mod build;
mod check;
mod claims;
mod error;
mod foreign;
mod graph;
mod model;
mod scan;
mod sizes;
mod tensor;

pub use build::{
    Dim, attr_float, attr_floats, attr_graph, attr_int, attr_ints, attr_string, attr_strings,
    attr_tensor, input, metadata, model, node, opset, tensor_bool, tensor_f32, tensor_f64,
    tensor_i32, tensor_i64, tensor_string,
};
pub use check::{MAX_BYTES, check, decode, encode, external_tensor};
pub use error::{OnnxError, Result};
pub use graph::{AttributeKind, AttributeProto, GraphProto, NodeProto};
pub use model::{
    Dimension, DimensionValue, ModelProto, OperatorSetIdProto, StringStringEntryProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};
pub use sizes::sized_by_values;
pub use tensor::{DataLocation, DataType, TensorProto};

/// The domain of the classical machine-learning operators (trees, encoders).
pub const ML_DOMAIN: &str = "ai.onnx.ml";

#[cfg(test)]
mod tests;
