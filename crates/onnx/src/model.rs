//! The model envelope and the types of its values.

use std::collections::BTreeMap;

use crate::graph::GraphProto;
use crate::tensor::DataType;

/// A whole model: a graph, the operator sets it needs, and who made it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ModelProto {
    /// Version of the file format.
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    /// Program that wrote the file.
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    /// Version of that program.
    #[prost(string, optional, tag = "3")]
    pub producer_version: Option<String>,
    /// Reverse-DNS name of the model's namespace.
    #[prost(string, optional, tag = "4")]
    pub domain: Option<String>,
    /// Version of the model itself.
    #[prost(int64, optional, tag = "5")]
    pub model_version: Option<i64>,
    /// Documentation, Markdown allowed.
    #[prost(string, optional, tag = "6")]
    pub doc_string: Option<String>,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Operator sets in use, one entry per domain.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Free-form properties.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
    /// Training information, not interpreted.
    #[prost(bytes = "vec", repeated, tag = "20")]
    pub training_info: Vec<Vec<u8>>,
    /// Model-local functions, not interpreted.
    #[prost(bytes = "vec", repeated, tag = "25")]
    pub functions: Vec<Vec<u8>>,
}

impl ModelProto {
    /// The free-form properties as a map; of a repeated key the last value holds.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata_props
            .iter()
            .map(|entry| (entry.key().to_owned(), entry.value().to_owned()))
            .collect()
    }
}

/// The version of one operator set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperatorSetIdProto {
    /// Domain; empty is the standard one.
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    /// Version of the set.
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// A key and its value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// A named value of the graph with its type.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueInfoProto {
    /// Name of the value.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
    /// Documentation.
    #[prost(string, optional, tag = "3")]
    pub doc_string: Option<String>,
}

impl ValueInfoProto {
    /// The tensor type, if the value is a tensor.
    pub fn tensor_type(&self) -> Option<&TensorTypeProto> {
        match self.r#type.as_ref()?.value.as_ref()? {
            TypeValue::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The element type, if the value is a tensor of a known one.
    pub fn data_type(&self) -> Option<DataType> {
        DataType::try_from(self.tensor_type()?.elem_type()).ok()
    }

    /// The shape with -1 for each dimension that is not fixed;
    /// `None` when not even the rank is declared.
    pub fn shape(&self) -> Option<Vec<i64>> {
        let shape = self.tensor_type()?.shape.as_ref()?;
        Some(shape.dim.iter().map(Dimension::fixed_or_minus_one).collect())
    }
}

/// The type of a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TypeProto {
    /// Which kind of type.
    #[prost(oneof = "TypeValue", tags = "1, 4, 5, 7, 8, 9")]
    pub value: Option<TypeValue>,
    /// Semantic annotation.
    #[prost(string, optional, tag = "6")]
    pub denotation: Option<String>,
}

/// The kinds of types; only tensors are interpreted.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum TypeValue {
    /// A dense tensor.
    #[prost(message, tag = "1")]
    Tensor(TensorTypeProto),
    /// A sequence, not interpreted.
    #[prost(bytes, tag = "4")]
    Sequence(Vec<u8>),
    /// A map, not interpreted.
    #[prost(bytes, tag = "5")]
    Map(Vec<u8>),
    /// An opaque type, not interpreted.
    #[prost(bytes, tag = "7")]
    Opaque(Vec<u8>),
    /// A sparse tensor, not interpreted.
    #[prost(bytes, tag = "8")]
    Sparse(Vec<u8>),
    /// An optional value, not interpreted.
    #[prost(bytes, tag = "9")]
    Optional(Vec<u8>),
}

/// Element type and shape of a dense tensor (`TypeProto.Tensor`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorTypeProto {
    /// A [`DataType`] as its number.
    #[prost(int32, optional, tag = "1")]
    pub elem_type: Option<i32>,
    /// The shape; absent when not even the rank is known.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// A shape: one entry per dimension.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorShapeProto {
    /// The dimensions, outermost first.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// One dimension: fixed, named, or unknown.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Dimension {
    /// The size or its name; absent when unknown.
    #[prost(oneof = "DimensionValue", tags = "1, 2")]
    pub value: Option<DimensionValue>,
    /// Semantic annotation.
    #[prost(string, optional, tag = "3")]
    pub denotation: Option<String>,
}

impl Dimension {
    /// The fixed size, or -1.
    pub fn fixed_or_minus_one(&self) -> i64 {
        match self.value {
            Some(DimensionValue::Value(size)) if size >= 0 => size,
            _ => -1,
        }
    }
}

/// What a dimension says of its size.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum DimensionValue {
    /// A fixed size.
    #[prost(int64, tag = "1")]
    Value(i64),
    /// A name; equal names are equal sizes.
    #[prost(string, tag = "2")]
    Param(String),
}
