//! What a model is: its metadata and its configuration.

use cairn_kernel::{Result, Scope};
use cairn_services::tensor::Datatype;
use cairn_services::{Batching, ModelMetadata as Known, Services, TensorSpec};
use cairn_wire::oip::{
    Execution, ModelConfig, ModelMetadata, ModelParameters, TensorConfig, TensorMetadata,
};
use serde_json::{Map, Value, json};

use super::execute::Target;

/// What a model takes and gives, and how it is run.
///
/// # Errors
/// `NotFound`, or what keeps the model from loading.
pub(crate) async fn metadata(
    services: &Services,
    scope: &Scope,
    target: &Target,
) -> Result<ModelMetadata> {
    let served = services.models.serve(scope, &target.model, target.version.as_deref()).await?;
    let info = services.models.get(scope, &target.model).await?;
    let known = served.engine.metadata();
    let tensor = |spec: &TensorSpec| TensorMetadata {
        name: spec.name.clone(),
        datatype: spec.datatype.name().to_owned(),
        shape: spec.shape.clone().unwrap_or_default(),
    };
    Ok(ModelMetadata {
        name: target.model.clone(),
        versions: info.versions.iter().rev().map(|row| row.version.to_string()).collect(),
        platform: known.platform.to_owned(),
        inputs: known.inputs.iter().map(tensor).collect(),
        outputs: known.outputs.iter().map(tensor).collect(),
        parameters: ModelParameters { cairn: execution(known) },
    })
}

/// A model's configuration, in Triton's form.
///
/// # Errors
/// `NotFound`, or what keeps the model from loading.
pub(crate) async fn config(
    services: &Services,
    scope: &Scope,
    target: &Target,
) -> Result<ModelConfig> {
    let served = services.models.serve(scope, &target.model, target.version.as_deref()).await?;
    Ok(configured(&target.model, served.engine.metadata()))
}

fn execution(known: &Known) -> Execution {
    let (max_batch_rows, batching_reason) = match &known.batching {
        Batching::On { max_rows } => (Some(*max_rows), None),
        Batching::Off { reason } => (None, Some(reason.clone())),
    };
    Execution {
        engine: known.platform.to_owned(),
        engine_reason: known.engine_reason.clone(),
        batching: max_batch_rows.is_some(),
        max_batch_rows,
        batching_reason,
    }
}

fn configured(name: &str, known: &Known) -> ModelConfig {
    let execution = execution(known);
    let tensor = |spec: &TensorSpec| TensorConfig {
        name: spec.name.clone(),
        data_type: data_type(spec.datatype).to_owned(),
        dims: dims(spec, execution.batching),
    };
    let mut parameters = Map::new();
    let mut tell = |key: &str, value: &str| {
        parameters.insert(format!("cairn.{key}"), json!({"string_value": value}));
    };
    tell("engine", &execution.engine);
    tell("engine_reason", &execution.engine_reason);
    tell("batching", if execution.batching { "on" } else { "off" });
    if let Some(reason) = &execution.batching_reason {
        tell("batching_reason", reason);
    }
    ModelConfig {
        name: name.to_owned(),
        platform: known.platform.to_owned(),
        backend: known.platform.to_owned(),
        version_policy: json!({"all": {}}),
        max_batch_size: execution.max_batch_rows.unwrap_or(0),
        input: known.inputs.iter().map(tensor).collect(),
        output: known.outputs.iter().map(tensor).collect(),
        dynamic_batching: execution.batching.then(|| Value::Object(Map::new())),
        parameters,
    }
}

/// Triton's shapes leave the batch dimension out where there is one.
fn dims(spec: &TensorSpec, batching: bool) -> Vec<i64> {
    let shape = spec.shape.as_deref().unwrap_or_default();
    shape.iter().skip(usize::from(batching)).copied().collect()
}

/// A datatype as configurations write it.
fn data_type(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Bool => "TYPE_BOOL",
        Datatype::Uint8 => "TYPE_UINT8",
        Datatype::Uint16 => "TYPE_UINT16",
        Datatype::Uint32 => "TYPE_UINT32",
        Datatype::Uint64 => "TYPE_UINT64",
        Datatype::Int8 => "TYPE_INT8",
        Datatype::Int16 => "TYPE_INT16",
        Datatype::Int32 => "TYPE_INT32",
        Datatype::Int64 => "TYPE_INT64",
        Datatype::Fp16 => "TYPE_FP16",
        Datatype::Bf16 => "TYPE_BF16",
        Datatype::Fp32 => "TYPE_FP32",
        Datatype::Fp64 => "TYPE_FP64",
        Datatype::Bytes => "TYPE_STRING",
    }
}
