//! The Open Inference Protocol v2 over REST.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What the server is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ServerMetadata {
    /// Always `cairn`.
    pub name: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// Protocol extensions.
    pub extensions: Vec<&'static str>,
}

/// Liveness and readiness.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ServerHealth {
    /// The process answers.
    pub live: bool,
    /// It can serve.
    pub ready: bool,
}

/// Whether a model can serve.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelReady {
    /// The model.
    pub name: String,
    /// Whether it can.
    pub ready: bool,
}

/// What a model takes and gives.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelMetadata {
    /// The model.
    pub name: String,
    /// Its versions.
    pub versions: Vec<String>,
    /// `onnx_rten`.
    pub platform: String,
    /// Inputs.
    pub inputs: Vec<TensorMetadata>,
    /// Outputs.
    pub outputs: Vec<TensorMetadata>,
}

/// A tensor's signature.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// `FP32`, `INT64`, `BYTES` …
    pub datatype: String,
    /// -1 is a free dimension.
    pub shape: Vec<i64>,
}

/// Tensors to run through a model.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct InferRequest {
    /// Comes back in the response.
    pub id: Option<String>,
    /// Request-wide parameters.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The inputs.
    pub inputs: Vec<InputTensor>,
    /// The outputs wanted; all by default.
    #[serde(default)]
    pub outputs: Vec<RequestedOutput>,
}

/// An input.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct InputTensor {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<i64>,
    /// Its datatype.
    pub datatype: String,
    /// `binary_data_size` with the binary extension.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Flat or nested, row-major.
    pub data: Option<Value>,
}

/// An output wanted.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct RequestedOutput {
    /// Its name.
    pub name: String,
    /// `binary_data` with the binary extension.
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// What came out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InferResponse {
    /// The model.
    pub model_name: String,
    /// The version that answered.
    pub model_version: String,
    /// As in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The outputs.
    pub outputs: Vec<OutputTensor>,
}

/// An output.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OutputTensor {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its datatype.
    pub datatype: String,
    /// `binary_data_size` with the binary extension.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Flat, row-major.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Vec<Value>>,
}

/// The protocol's error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OipError {
    /// What happened.
    pub error: String,
}
