//! Tensors as JSON.

use cairn_kernel::{Error, Result};
use serde_json::{Value, json};

use crate::tensor::{Datatype, TensorData};

/// The elements as a flat list.
///
/// # Errors
/// `Invalid` for what JSON cannot say: numbers that are none, bytes that are no text.
pub(super) fn to_json(name: &str, data: &TensorData) -> Result<Value> {
    let refuse = |what: &str| {
        let message = format!("input '{name}' has {what}, which cannot be sent as JSON");
        Error::invalid(message).with_param(name)
    };
    Ok(match data {
        TensorData::Bool(values) => json!(values),
        TensorData::Uint8(values) => json!(values),
        TensorData::Uint16(values) => json!(values),
        TensorData::Uint32(values) => json!(values),
        TensorData::Uint64(values) => json!(values),
        TensorData::Int8(values) => json!(values),
        TensorData::Int16(values) => json!(values),
        TensorData::Int32(values) => json!(values),
        TensorData::Int64(values) => json!(values),
        TensorData::Fp32(values) if values.iter().all(|value| value.is_finite()) => json!(values),
        TensorData::Fp64(values) if values.iter().all(|value| value.is_finite()) => json!(values),
        TensorData::Fp16(_) | TensorData::Bf16(_) => return Err(refuse("16-bit floats")),
        TensorData::Fp32(_) | TensorData::Fp64(_) => {
            return Err(refuse("a number that is not finite"));
        }
        TensorData::Bytes(values) => {
            let texts = values.iter().map(|value| std::str::from_utf8(value));
            json!(
                texts
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|_| refuse("bytes that are no text"))?
            )
        }
    })
}

/// Reads a flat or nested list; `null` stands for NaN. `None` for other values.
pub(super) fn from_json(datatype: Datatype, data: &Value) -> Option<TensorData> {
    let mut flat = Vec::new();
    flatten(data, &mut flat);
    macro_rules! whole {
        ($variant:ident, $type:ty, $as:ident) => {
            TensorData::$variant(
                flat.iter()
                    .map(|value| <$type>::try_from(value.$as()?).ok())
                    .collect::<Option<_>>()?,
            )
        };
    }
    let double = |value: &&Value| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
    #[expect(clippy::cast_possible_truncation, reason = "the tensor is of 32 bits")]
    let single = |value: &&Value| double(value).map(|value| value as f32);
    Some(match datatype {
        Datatype::Bool => {
            TensorData::Bool(flat.iter().map(|value| value.as_bool()).collect::<Option<_>>()?)
        }
        Datatype::Uint8 => whole!(Uint8, u8, as_u64),
        Datatype::Uint16 => whole!(Uint16, u16, as_u64),
        Datatype::Uint32 => whole!(Uint32, u32, as_u64),
        Datatype::Uint64 => whole!(Uint64, u64, as_u64),
        Datatype::Int8 => whole!(Int8, i8, as_i64),
        Datatype::Int16 => whole!(Int16, i16, as_i64),
        Datatype::Int32 => whole!(Int32, i32, as_i64),
        Datatype::Int64 => whole!(Int64, i64, as_i64),
        // The protocol has them in the binary form only.
        Datatype::Fp16 | Datatype::Bf16 => return None,
        Datatype::Fp32 => TensorData::Fp32(flat.iter().map(single).collect::<Option<_>>()?),
        Datatype::Fp64 => TensorData::Fp64(flat.iter().map(double).collect::<Option<_>>()?),
        Datatype::Bytes => {
            let text = |value: &&Value| Some(value.as_str()?.as_bytes().to_vec());
            TensorData::Bytes(flat.iter().map(text).collect::<Option<_>>()?)
        }
    })
}

fn flatten<'v>(data: &'v Value, flat: &mut Vec<&'v Value>) {
    match data {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, flat)),
        other => flat.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<TensorData> {
        vec![
            TensorData::Fp32(vec![1.5, -0.25, 7.0]),
            TensorData::Fp64(vec![1.5, 0.1, -7.0]),
            TensorData::Int64(vec![i64::MIN, 0, 7]),
            TensorData::Uint16(vec![0, 1, u16::MAX]),
            TensorData::Bool(vec![true, false, true]),
            TensorData::Bytes(vec![b"one".to_vec(), Vec::new(), "drei ü".as_bytes().to_vec()]),
        ]
    }

    #[test]
    fn what_was_written_is_read_back() {
        for data in samples() {
            let json = to_json("x", &data).unwrap();
            assert_eq!(from_json(data.datatype(), &json).as_ref(), Some(&data));
        }
    }

    #[test]
    fn what_json_cannot_say_is_refused_by_name() {
        let nan = to_json("age", &TensorData::Fp32(vec![f32::NAN])).unwrap_err();
        assert_eq!(nan.param(), Some("age"));
        assert!(to_json("age", &TensorData::Bytes(vec![vec![0xff]])).is_err());
        assert_eq!(from_json(Datatype::Int8, &json!([300])), None);
    }
}
