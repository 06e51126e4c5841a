//! Decoding untrusted bytes, and the checks that follow it.

use std::path::{Component, Path};

use prost::Message as _;

use crate::claims;
use crate::error::{OnnxError, Result};
use crate::foreign::foreign;
use crate::graph::GraphProto;
use crate::model::{DimensionValue, ModelProto, ValueInfoProto};
use crate::scan::scan;
use crate::tensor::{DataType, TensorProto};

/// Largest file that is decoded: protobuf's own limit.
pub const MAX_BYTES: usize = i32::MAX as usize;
/// Most elements of one tensor, and largest single dimension.
const MAX_ELEMENTS: usize = i32::MAX as usize;
/// Highest rank of a tensor.
const MAX_RANK: usize = 16;

/// Decodes and checks a model from untrusted bytes.
///
/// # Errors
/// When the bytes are damaged, exceed a limit, contradict themselves, or name
/// external data outside the model's own folder.
pub fn decode(bytes: &[u8]) -> Result<ModelProto> {
    if bytes.len() > MAX_BYTES {
        return Err(OnnxError::Limit(format!("{} bytes, of at most {MAX_BYTES}", bytes.len())));
    }
    if let Some(name) = foreign(bytes) {
        return Err(OnnxError::Foreign(name));
    }
    scan(bytes)?;
    let model = ModelProto::decode(bytes)?;
    check(&model)?;
    Ok(model)
}

/// The model as the bytes of an `.onnx` file.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// Checks what [`decode`] checks after parsing: a graph is there, operator sets
/// are named, tensors hold what their shapes declare, shapes are sane, constants
/// claim no absurd sizes, and external data stays inside the model's folder.
pub fn check(model: &ModelProto) -> Result<()> {
    let Some(graph) = &model.graph else {
        return Err(OnnxError::Invalid("it holds no graph".to_owned()));
    };
    if model.opset_import.is_empty() {
        return Err(OnnxError::Invalid("it names no operator set".to_owned()));
    }
    check_graph(graph)?;
    claims::check(graph)
}

/// A tensor whose elements are in another file, wherever in the model it is.
pub fn external_tensor(model: &ModelProto) -> Option<&TensorProto> {
    model.graph.as_ref().and_then(external_in)
}

fn external_in(graph: &GraphProto) -> Option<&TensorProto> {
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    let constants = attributes().flat_map(|a| a.t.iter().chain(&a.tensors));
    let mut tensors = graph.initializer.iter().chain(constants);
    let within = || attributes().flat_map(|a| a.g.iter().chain(&a.graphs)).find_map(external_in);
    tensors.find(|tensor| tensor.is_external()).or_else(within)
}

fn check_graph(graph: &GraphProto) -> Result<()> {
    graph.initializer.iter().try_for_each(check_tensor)?;
    for value in graph.input.iter().chain(&graph.output).chain(&graph.value_info) {
        check_value(value)?;
    }
    for node in &graph.node {
        if node.op_type().is_empty() {
            return Err(OnnxError::Invalid(format!("node '{}' names no operator", node.name())));
        }
        for attribute in &node.attribute {
            attribute.t.iter().chain(&attribute.tensors).try_for_each(check_tensor)?;
            attribute.g.iter().chain(&attribute.graphs).try_for_each(check_graph)?;
        }
    }
    Ok(())
}

fn check_value(value: &ValueInfoProto) -> Result<()> {
    let Some(shape) = value.tensor_type().and_then(|tensor| tensor.shape.as_ref()) else {
        return Ok(());
    };
    if shape.dim.len() > MAX_RANK {
        return Err(OnnxError::Limit(format!("value '{}' has too many dimensions", value.name())));
    }
    for dim in &shape.dim {
        if let Some(DimensionValue::Value(size)) = dim.value
            && size > MAX_ELEMENTS as i64
        {
            return Err(OnnxError::Limit(format!(
                "value '{}' has a dimension of {size}",
                value.name()
            )));
        }
    }
    Ok(())
}

fn check_tensor(tensor: &TensorProto) -> Result<()> {
    let elements = tensor.elements().filter(|&n| n <= MAX_ELEMENTS);
    let Some(elements) = elements.filter(|_| tensor.dims.len() <= MAX_RANK) else {
        return Err(OnnxError::Limit(format!(
            "tensor '{}' has the shape {:?}",
            tensor.name(),
            &tensor.dims[..tensor.dims.len().min(MAX_RANK)]
        )));
    };
    if tensor.is_external() {
        return check_location(tensor);
    }
    let Ok(kind) = DataType::try_from(tensor.data_type()) else {
        return Ok(()); // a type newer than this crate: the engine judges it
    };
    if let (Some(raw), Some(size)) = (&tensor.raw_data, kind.size()) {
        return agree(tensor, raw.len(), elements.saturating_mul(size), "bytes");
    }
    let (held, per) = match kind {
        DataType::Float => (tensor.float_data.len(), 1),
        DataType::Complex64 => (tensor.float_data.len(), 2),
        DataType::Double => (tensor.double_data.len(), 1),
        DataType::Complex128 => (tensor.double_data.len(), 2),
        DataType::Int64 => (tensor.int64_data.len(), 1),
        DataType::Uint32 | DataType::Uint64 => (tensor.uint64_data.len(), 1),
        DataType::String => (tensor.string_data.len(), 1),
        DataType::Undefined => {
            return Err(tensor.invalid("names no element type"));
        }
        _ => (tensor.int32_data.len(), 1),
    };
    agree(tensor, held, elements.saturating_mul(per), "elements")
}

fn agree(tensor: &TensorProto, held: usize, declared: usize, unit: &str) -> Result<()> {
    if held == declared {
        return Ok(());
    }
    Err(tensor.invalid(&format!(
        "declares the shape {:?} ({declared} {unit}) and holds {held}",
        tensor.dims
    )))
}

fn check_location(tensor: &TensorProto) -> Result<()> {
    let location = tensor.external_location().unwrap_or_default();
    let inside = !location.is_empty()
        && !location.contains('\\')
        && Path::new(location).components().all(|part| matches!(part, Component::Normal(_)));
    if inside {
        return Ok(());
    }
    Err(tensor.invalid(&format!(
        "has its data in '{location}', which is not a file inside the model's folder"
    )))
}
