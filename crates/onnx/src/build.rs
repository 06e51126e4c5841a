//! Short constructors, for code that writes models.

use crate::graph::{AttributeKind, AttributeProto, GraphProto, NodeProto};
use crate::model::{
    Dimension, DimensionValue, ModelProto, OperatorSetIdProto, StringStringEntryProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};
use crate::tensor::{DataType, TensorProto};

/// A dimension of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim<'a> {
    /// A fixed size.
    Fixed(i64),
    /// A named size, such as `N` for the rows of a batch.
    Named(&'a str),
}

fn raw<const N: usize>(
    name: &str,
    dims: &[i64],
    kind: DataType,
    elements: impl Iterator<Item = [u8; N]>,
) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(kind as i32),
        raw_data: Some(elements.flatten().collect()),
        ..TensorProto::default()
    }
}

/// A FLOAT tensor of shape `dims` (empty for a scalar), row-major.
pub fn tensor_f32(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    raw(name, dims, DataType::Float, data.iter().map(|x| x.to_le_bytes()))
}

/// A DOUBLE tensor of shape `dims`, row-major.
pub fn tensor_f64(name: &str, dims: &[i64], data: &[f64]) -> TensorProto {
    raw(name, dims, DataType::Double, data.iter().map(|x| x.to_le_bytes()))
}

/// An INT64 tensor of shape `dims`, row-major.
pub fn tensor_i64(name: &str, dims: &[i64], data: &[i64]) -> TensorProto {
    raw(name, dims, DataType::Int64, data.iter().map(|x| x.to_le_bytes()))
}

/// An INT32 tensor of shape `dims`, row-major.
pub fn tensor_i32(name: &str, dims: &[i64], data: &[i32]) -> TensorProto {
    raw(name, dims, DataType::Int32, data.iter().map(|x| x.to_le_bytes()))
}

/// A BOOL tensor of shape `dims`, row-major.
pub fn tensor_bool(name: &str, dims: &[i64], data: &[bool]) -> TensorProto {
    raw(name, dims, DataType::Bool, data.iter().map(|&x| [u8::from(x)]))
}

/// A STRING tensor of shape `dims`, row-major.
pub fn tensor_string(name: &str, dims: &[i64], data: &[impl AsRef<str>]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::String as i32),
        string_data: data.iter().map(|text| text.as_ref().as_bytes().to_vec()).collect(),
        ..TensorProto::default()
    }
}

/// A node of the standard domain; see [`NodeProto::in_domain`] and [`NodeProto::with`].
pub fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: outputs.iter().map(|&name| name.to_owned()).collect(),
        ..NodeProto::default()
    }
}

fn attr(name: &str, kind: AttributeKind) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..AttributeProto::default()
    }
}

/// An integer attribute.
pub fn attr_int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attr(name, AttributeKind::Int) }
}

/// A list of integers.
pub fn attr_ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attr(name, AttributeKind::Ints) }
}

/// A float attribute.
pub fn attr_float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attr(name, AttributeKind::Float) }
}

/// A list of floats.
pub fn attr_floats(name: &str, values: &[f32]) -> AttributeProto {
    AttributeProto { floats: values.to_vec(), ..attr(name, AttributeKind::Floats) }
}

/// A string attribute.
pub fn attr_string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.as_bytes().to_vec()), ..attr(name, AttributeKind::String) }
}

/// A list of strings.
pub fn attr_strings(name: &str, values: &[impl AsRef<str>]) -> AttributeProto {
    AttributeProto {
        strings: values.iter().map(|text| text.as_ref().as_bytes().to_vec()).collect(),
        ..attr(name, AttributeKind::Strings)
    }
}

/// A tensor attribute, as of `Constant`.
pub fn attr_tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(value), ..attr(name, AttributeKind::Tensor) }
}

/// A graph attribute, as of `If`.
pub fn attr_graph(name: &str, value: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(value), ..attr(name, AttributeKind::Graph) }
}

/// The declaration of a tensor that is a graph's input or output.
pub fn input(name: &str, kind: DataType, dims: &[Dim<'_>]) -> ValueInfoProto {
    let dim = dims.iter().map(|dim| Dimension {
        value: Some(match *dim {
            Dim::Fixed(size) => DimensionValue::Value(size),
            Dim::Named(param) => DimensionValue::Param(param.to_owned()),
        }),
        denotation: None,
    });
    let tensor = TensorTypeProto {
        elem_type: Some(kind as i32),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), denotation: None }),
        doc_string: None,
    }
}

/// An operator set in use; the empty domain is the standard one.
pub fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) }
}

/// A free-form property of a model.
pub fn metadata(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) }
}

/// A model around `graph`, of IR version 8, written by Cairn.
pub fn model(
    graph: GraphProto,
    opsets: Vec<OperatorSetIdProto>,
    metadata_props: Vec<StringStringEntryProto>,
) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        producer_name: Some("cairn".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(graph),
        opset_import: opsets,
        metadata_props,
        ..ModelProto::default()
    }
}
