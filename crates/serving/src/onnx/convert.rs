//! Between neutral tensors and the engine's, which has only 32-bit numbers and bytes.

use cairn_kernel::{Error, Result};
use rten::Value;
use rten_tensor::Layout as _;

use crate::tensor::{Datatype, Tensor, TensorData, f16_to_f32, f32_to_f16};

/// The engine's value for `data`.
///
/// # Errors
/// `Invalid` for an integer beyond 32 bits, naming `name`.
pub(crate) fn to_engine(name: &str, shape: &[usize], data: TensorData) -> Result<Value> {
    let value = match data {
        TensorData::Bool(x) => Value::from_shape(shape, x.into_iter().map(i32::from).collect()),
        TensorData::Uint8(x) => return whole(Value::from_shape(shape, x)),
        TensorData::Int8(x) => return whole(Value::from_shape(shape, x)),
        TensorData::Int32(x) => Value::from_shape(shape, x),
        TensorData::Int64(x) => Value::from_shape(shape, narrow(name, &x)?),
        TensorData::Fp16(x) => {
            return whole(Value::from_shape(shape, x.into_iter().map(f16_to_f32).collect()));
        }
        TensorData::Fp32(x) => return whole(Value::from_shape(shape, x)),
        #[expect(clippy::cast_possible_truncation, reason = "the engine computes in 32 bits")]
        TensorData::Fp64(x) => {
            return whole(Value::from_shape(shape, x.into_iter().map(|x| x as f32).collect()));
        }
        other => {
            return Err(Error::internal(format!("no engine type for {}", other.datatype())));
        }
    };
    whole(value)
}

fn whole<E: std::error::Error + Send + Sync + 'static>(made: Result<Value, E>) -> Result<Value> {
    made.map_err(|cause| Error::internal("making an engine tensor").with_source(cause))
}

fn narrow(name: &str, wide: &[i64]) -> Result<Vec<i32>> {
    let convert = |(at, &x): (usize, &i64)| {
        i32::try_from(x).map_err(|_| {
            Error::invalid(format!(
                "element {at} of input '{name}' is {x}; the runtime computes in 32 bits, and \
                 takes {} to {}",
                i32::MIN,
                i32::MAX
            ))
            .with_param(name)
        })
    };
    wide.iter().enumerate().map(convert).collect()
}

/// The neutral tensor of an engine's output, in the type that the model declares.
///
/// # Errors
/// `Internal` when the engine gave another kind of value than the model declares.
pub(crate) fn from_engine(name: &str, declared: Datatype, value: Value) -> Result<Tensor> {
    let (shape, data) = match value {
        Value::FloatTensor(x) => {
            let shape = x.shape().to_vec();
            let x = x.into_data();
            match declared {
                Datatype::Fp32 => (shape, TensorData::Fp32(x)),
                Datatype::Fp16 => {
                    (shape, TensorData::Fp16(x.into_iter().map(f32_to_f16).collect()))
                }
                Datatype::Fp64 => (shape, TensorData::Fp64(x.into_iter().map(f64::from).collect())),
                _ => return mismatch(name, declared, "floats"),
            }
        }
        Value::Int32Tensor(x) => {
            let shape = x.shape().to_vec();
            let x = x.into_data();
            match declared {
                Datatype::Int32 => (shape, TensorData::Int32(x)),
                Datatype::Int64 => {
                    (shape, TensorData::Int64(x.into_iter().map(i64::from).collect()))
                }
                Datatype::Bool => {
                    (shape, TensorData::Bool(x.into_iter().map(|x| x != 0).collect()))
                }
                _ => return mismatch(name, declared, "integers"),
            }
        }
        Value::Int8Tensor(x) if declared == Datatype::Int8 => {
            (x.shape().to_vec(), TensorData::Int8(x.into_data()))
        }
        Value::UInt8Tensor(x) if declared == Datatype::Uint8 => {
            (x.shape().to_vec(), TensorData::Uint8(x.into_data()))
        }
        _ => return mismatch(name, declared, "another type"),
    };
    Tensor::new(name, shape, data)
}

fn mismatch(name: &str, declared: Datatype, got: &str) -> Result<Tensor> {
    Err(Error::internal(format!("the engine gave {got} for the output '{name}' ({declared})")))
}
