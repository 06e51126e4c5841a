//! What a model takes and gives, as its file declares it.

use std::collections::BTreeMap;

use cairn_kernel::{Error, Kind, Result};
use cairn_onnx::{DataType, DimensionValue, ValueInfoProto};

use crate::tensor::{Datatype, Tensor};

/// ONNX Runtime's name on the wire.
pub(crate) const ONNX_RUNTIME_PLATFORM: &str = "onnxruntime_onnx";

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub datatype: Datatype,
    /// Its shape, -1 for a dimension that may vary; `None` when the file does not
    /// even tell the rank.
    pub shape: Option<Vec<i64>>,
    /// For each dimension its name in the file; equal names are equal sizes.
    pub(crate) dim_names: Vec<Option<String>>,
}

/// Whether rows of different requests are computed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batching {
    /// They are, up to so many rows at once.
    On {
        /// Most rows in one execution.
        max_rows: usize,
    },
    /// Each request is computed by itself.
    Off {
        /// Why.
        reason: String,
    },
}

/// What a model says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelMetadata {
    /// Name it serves under.
    pub name: String,
    /// Version it serves under.
    pub version: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The runtime's name on the wire.
    pub platform: &'static str,
    /// Why this runtime answers and not another.
    pub engine_reason: String,
    /// Whether requests are computed together, and why not.
    pub batching: Batching,
    /// What it takes.
    pub inputs: Vec<TensorSpec>,
    /// What it gives.
    pub outputs: Vec<TensorSpec>,
    /// Free-form properties in the file.
    pub properties: BTreeMap<String, String>,
}

impl ModelMetadata {
    /// Whether ONNX Runtime runs it.
    pub(crate) fn is_onnx_runtime(&self) -> bool {
        self.platform == ONNX_RUNTIME_PLATFORM
    }
}

impl TensorSpec {
    /// Reads a graph's input or output.
    ///
    /// # Errors
    /// `Unsupported` for a value that is not a tensor of a served type.
    pub(crate) fn read(value: &ValueInfoProto) -> Result<Self> {
        let kind = value.data_type();
        let Some(datatype) = kind.and_then(datatype) else {
            let found = kind.map_or_else(|| "not a tensor".to_owned(), |kind| format!("{kind:?}"));
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "'{}' of the model is {found}; served are tensors of booleans, integers, \
                     floats and strings (from scikit-learn, convert with zipmap=False)",
                    value.name()
                ),
            ));
        };
        let dims = value.tensor_type().and_then(|tensor| tensor.shape.as_ref());
        let dim_names = dims.map_or_else(Vec::new, |shape| {
            let name = |value: &Option<DimensionValue>| match value {
                Some(DimensionValue::Param(name)) if !name.is_empty() => Some(name.clone()),
                _ => None,
            };
            shape.dim.iter().map(|dim| name(&dim.value)).collect()
        });
        Ok(Self { name: value.name().to_owned(), datatype, shape: value.shape(), dim_names })
    }

    /// Checks a request's tensor against this; `sizes` collects the named
    /// dimensions over all inputs of one request.
    ///
    /// # Errors
    /// `Invalid`, naming the input, what is expected and what was sent.
    pub(crate) fn check<'a>(
        &'a self,
        tensor: &Tensor,
        sizes: &mut BTreeMap<&'a str, (usize, String)>,
    ) -> Result<()> {
        let wrong = |what: String| {
            Err(Error::invalid(format!("input '{}' {what}", self.name)).with_param(&self.name))
        };
        if tensor.datatype() != self.datatype {
            return wrong(format!(
                "has the datatype {}, and {} is expected",
                tensor.datatype(),
                self.datatype
            ));
        }
        let Some(expected) = &self.shape else { return Ok(()) };
        let fits = expected.len() == tensor.shape().len()
            && expected
                .iter()
                .zip(tensor.shape())
                .all(|(&want, &have)| want < 0 || usize::try_from(want) == Ok(have));
        if !fits {
            return wrong(format!(
                "has the shape {:?}, and {expected:?} is expected (-1 may be any size)",
                tensor.shape()
            ));
        }
        for (name, &size) in self.dim_names.iter().zip(tensor.shape()) {
            let Some(name) = name else { continue };
            let (first, from) = sizes.entry(name).or_insert_with(|| (size, self.name.clone()));
            if *first != size {
                return wrong(format!(
                    "has {size} for the dimension '{name}', and input '{from}' has {first}; \
                     they must agree"
                ));
            }
        }
        Ok(())
    }
}

fn datatype(kind: DataType) -> Option<Datatype> {
    match kind {
        DataType::Bool => Some(Datatype::Bool),
        DataType::Uint8 => Some(Datatype::Uint8),
        DataType::Uint16 => Some(Datatype::Uint16),
        DataType::Uint32 => Some(Datatype::Uint32),
        DataType::Uint64 => Some(Datatype::Uint64),
        DataType::Int8 => Some(Datatype::Int8),
        DataType::Int16 => Some(Datatype::Int16),
        DataType::Int32 => Some(Datatype::Int32),
        DataType::Int64 => Some(Datatype::Int64),
        DataType::Float16 => Some(Datatype::Fp16),
        DataType::Bfloat16 => Some(Datatype::Bf16),
        DataType::Float => Some(Datatype::Fp32),
        DataType::Double => Some(Datatype::Fp64),
        DataType::String => Some(Datatype::Bytes),
        _ => None,
    }
}
