//! The Open Inference Protocol v2 over REST, with Triton's extensions.

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
    /// What the protocol has no word for.
    pub parameters: ModelParameters,
}

/// What the protocol has no word for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelParameters {
    /// How the model is run.
    pub cairn: Execution,
}

/// How a model is run, and why so.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Execution {
    /// The engine, as `platform`.
    pub engine: String,
    /// Why this engine and not another.
    pub engine_reason: String,
    /// Whether rows of different requests are computed together.
    pub batching: bool,
    /// Most rows in one execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batch_rows: Option<usize>,
    /// Why requests are not computed together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batching_reason: Option<String>,
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

/// A model's configuration, in Triton's form.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelConfig {
    /// The model.
    pub name: String,
    /// The engine.
    pub platform: String,
    /// The engine.
    pub backend: String,
    /// `{"all": {}}`: every version can be asked.
    pub version_policy: Value,
    /// Most rows in one execution, 0 where requests are not batched.
    pub max_batch_size: usize,
    /// Inputs.
    pub input: Vec<TensorConfig>,
    /// Outputs.
    pub output: Vec<TensorConfig>,
    /// There where requests are batched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_batching: Option<Value>,
    /// `{"cairn.engine": {"string_value": …}}` and others.
    pub parameters: Map<String, Value>,
}

/// A tensor in a configuration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TensorConfig {
    /// Its name.
    pub name: String,
    /// `TYPE_FP32`, `TYPE_STRING` …
    pub data_type: String,
    /// Its shape without the batch dimension where requests are batched; -1 is free.
    pub dims: Vec<i64>,
}

/// What models did since they were loaded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatisticsResponse {
    /// One entry for each model version in memory.
    pub model_stats: Vec<ModelStats>,
}

/// What one model version did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelStats {
    /// The model.
    pub name: String,
    /// The version.
    pub version: String,
    /// When a request was last answered, in milliseconds since 1970; 0 for never.
    pub last_inference: u64,
    /// Rows inferred.
    pub inference_count: u64,
    /// Executions of the engine.
    pub execution_count: u64,
    /// Requests by outcome and phase.
    pub inference_stats: InferStats,
    /// Executions by number of rows.
    pub batch_stats: Vec<BatchStats>,
}

/// How often, and how long in all.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct StatDuration {
    /// How often.
    pub count: u64,
    /// Nanoseconds in all.
    pub ns: u64,
}

/// Requests by outcome and phase.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct InferStats {
    /// Answered.
    pub success: StatDuration,
    /// Failed.
    pub fail: StatDuration,
    /// Waiting for the engine.
    pub queue: StatDuration,
    /// Preparing inputs.
    pub compute_input: StatDuration,
    /// Running.
    pub compute_infer: StatDuration,
    /// Giving outputs out.
    pub compute_output: StatDuration,
}

/// Executions of one number of rows.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct BatchStats {
    /// Rows.
    pub batch_size: u64,
    /// Preparing inputs.
    pub compute_input: StatDuration,
    /// Running.
    pub compute_infer: StatDuration,
    /// Giving outputs out.
    pub compute_output: StatDuration,
}

/// Which models to list.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub struct IndexRequest {
    /// Only those that are ready.
    #[serde(default)]
    pub ready: bool,
}

/// A model version in the repository.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IndexEntry {
    /// The model.
    pub name: String,
    /// The version.
    pub version: String,
    /// `READY`, `LOADING` or `UNAVAILABLE`.
    pub state: String,
    /// Why it is not ready.
    pub reason: String,
}

/// Parameters of loading and unloading.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct RepositoryRequest {
    /// `unload_dependents` of unloading; loading takes none.
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// A text for a language model to continue.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct GenerateRequest {
    /// Comes back in the response.
    pub id: Option<String>,
    /// What the user says.
    pub text_input: String,
    /// `max_tokens`, `temperature`, `top_p`, `top_k`, `seed`, `stop`; they may also
    /// stand beside `text_input`.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The same parameters where clients put them outside.
    #[serde(flatten)]
    #[schema(ignore)]
    pub beside: Map<String, Value>,
}

/// What the model wrote; a piece of it in a stream.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GenerateResponse {
    /// As in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The model.
    pub model_name: String,
    /// The version; `1` for a language model that has none.
    pub model_version: String,
    /// The text.
    pub text_output: String,
}
