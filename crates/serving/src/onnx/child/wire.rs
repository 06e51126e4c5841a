//! Messages between the server and the engine's child.

use std::path::PathBuf;

use cairn_kernel::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::tensor::{Datatype, Tensor, raw};

/// To the child. The first message is [`Ask::Load`], with the file as its payload.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ask {
    Load(Load),
    /// The payload is the inputs' elements, one after the other.
    Run {
        inputs: Vec<Head>,
        outputs: Vec<usize>,
    },
}

/// Which engine loads the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flavour {
    /// rten, to see whether the file is safe to load, or to run it under a ceiling; it is
    /// warmed up at once.
    Rten,
    /// ONNX Runtime from this library.
    Ort { library: PathBuf },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) flavour: Flavour,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sha256: String,
    pub(super) threads: usize,
}

/// From the child, one for each message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Loaded,
    /// The payload is the outputs' elements, one after the other.
    Ran {
        outputs: Vec<Head>,
        /// Nanoseconds of input, inference, output.
        phases: [u64; 3],
    },
    Failed {
        fault: Fault,
        message: String,
    },
}

/// A tensor without its elements.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    bytes: usize,
}

/// The failures that a child may report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    Invalid,
    Unprocessable,
    Unsupported,
    Internal,
}

impl Fault {
    pub(super) fn of(error: &Error) -> Self {
        match error.kind() {
            Kind::Invalid => Self::Invalid,
            Kind::Unprocessable => Self::Unprocessable,
            Kind::Unsupported => Self::Unsupported,
            _ => Self::Internal,
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Invalid => Kind::Invalid,
            Self::Unprocessable => Kind::Unprocessable,
            Self::Unsupported => Kind::Unsupported,
            Self::Internal => Kind::Internal,
        }
    }
}

/// Tensors as heads and one payload.
pub(super) fn pack(tensors: &[Tensor]) -> (Vec<Head>, Vec<u8>) {
    let mut payload = Vec::new();
    let heads = tensors.iter().map(|tensor| {
        let before = payload.len();
        raw::write(tensor.data(), &mut payload);
        Head {
            name: tensor.name().to_owned(),
            datatype: tensor.datatype().name().to_owned(),
            shape: tensor.shape().to_vec(),
            bytes: payload.len() - before,
        }
    });
    (heads.collect(), payload)
}

/// The tensors of heads and a payload.
///
/// # Errors
/// `Internal` when they do not belong together.
pub(super) fn unpack(heads: Vec<Head>, mut payload: &[u8]) -> Result<Vec<Tensor>> {
    let mut tensors = Vec::with_capacity(heads.len());
    for head in heads {
        let Head { name, datatype, shape, bytes } = head;
        let count = shape.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim));
        let read = || {
            let (elements, rest) = payload.split_at_checked(bytes)?;
            let data = raw::read(Datatype::from_name(&datatype)?, count?, elements)?;
            Some((data, rest))
        };
        let Some((data, rest)) = read() else {
            return Err(Error::internal(format!("the tensor '{name}' of a message is damaged")));
        };
        payload = rest;
        tensors.push(Tensor::new(name, shape, data)?);
    }
    if payload.is_empty() { Ok(tensors) } else { Err(Error::internal("a message is too long")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::TensorData;

    #[test]
    fn tensors_cross_unchanged_and_damage_is_seen() {
        let tensors = vec![
            Tensor::new("a", vec![2, 1], TensorData::Fp32(vec![1.0, f32::MIN])).unwrap(),
            Tensor::text("b", vec![2], ["x", "ü"]).unwrap(),
            Tensor::new("c", vec![0, 5], TensorData::Int64(vec![])).unwrap(),
        ];
        let (heads, payload) = pack(&tensors);
        assert_eq!(unpack(heads, &payload).unwrap(), tensors);
        let (heads, payload) = pack(&tensors);
        assert!(unpack(heads, &payload[1..]).is_err());
        let (mut heads, payload) = pack(&tensors);
        heads[0].shape = vec![usize::MAX, 2];
        assert!(unpack(heads, &payload).is_err());
        let (mut heads, payload) = pack(&tensors);
        heads.pop();
        heads.pop();
        assert!(unpack(heads, &payload).is_err());
    }
}
