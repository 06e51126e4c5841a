//! Elements as bytes: little-endian, row-major, without padding; a BOOL is one byte, an
//! element of BYTES a `u32` length and its bytes. The form of the Open Inference
//! Protocol's binary tensors, and of tensors on their way to a child.

use super::{Datatype, TensorData};

/// Appends the elements. A [`Tensor`](super::Tensor) holds none that is too long for it.
pub fn write(data: &TensorData, raw: &mut Vec<u8>) {
    macro_rules! numbers {
        ($values:expr) => {{
            raw.reserve(size_of_val($values.as_slice()));
            for value in $values {
                raw.extend_from_slice(&value.to_le_bytes());
            }
        }};
    }
    match data {
        TensorData::Bool(values) => raw.extend(values.iter().map(|value| u8::from(*value))),
        TensorData::Uint8(values) => raw.extend_from_slice(values),
        TensorData::Int8(values) => numbers!(values),
        TensorData::Int16(values) => numbers!(values),
        TensorData::Uint16(values) | TensorData::Fp16(values) | TensorData::Bf16(values) => {
            numbers!(values);
        }
        TensorData::Uint32(values) => numbers!(values),
        TensorData::Int32(values) => numbers!(values),
        TensorData::Uint64(values) => numbers!(values),
        TensorData::Int64(values) => numbers!(values),
        TensorData::Fp32(values) => numbers!(values),
        TensorData::Fp64(values) => numbers!(values),
        TensorData::Bytes(values) => {
            for value in values {
                let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
                raw.extend_from_slice(&length.to_le_bytes());
                raw.extend_from_slice(value);
            }
        }
    }
}

/// Reads `count` elements, which must be all of the bytes; `None` when they are not.
pub fn read(datatype: Datatype, count: usize, raw: &[u8]) -> Option<TensorData> {
    macro_rules! numbers {
        ($variant:ident, $type:ty) => {{
            let (elements, _) = raw.as_chunks::<{ size_of::<$type>() }>();
            TensorData::$variant(elements.iter().map(|c| <$type>::from_le_bytes(*c)).collect())
        }};
    }
    if let Some(size) = datatype.size() {
        count.checked_mul(size).filter(|bytes| *bytes == raw.len())?;
    }
    Some(match datatype {
        Datatype::Bool => TensorData::Bool(raw.iter().map(|byte| *byte != 0).collect()),
        Datatype::Uint8 => TensorData::Uint8(raw.to_vec()),
        Datatype::Uint16 => numbers!(Uint16, u16),
        Datatype::Uint32 => numbers!(Uint32, u32),
        Datatype::Uint64 => numbers!(Uint64, u64),
        Datatype::Int8 => numbers!(Int8, i8),
        Datatype::Int16 => numbers!(Int16, i16),
        Datatype::Int32 => numbers!(Int32, i32),
        Datatype::Int64 => numbers!(Int64, i64),
        Datatype::Fp16 => numbers!(Fp16, u16),
        Datatype::Bf16 => numbers!(Bf16, u16),
        Datatype::Fp32 => numbers!(Fp32, f32),
        Datatype::Fp64 => numbers!(Fp64, f64),
        Datatype::Bytes => TensorData::Bytes(texts(count, raw)?),
    })
}

fn texts(count: usize, mut raw: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = raw.split_first_chunk::<4>() {
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        found.push(text.to_vec());
        raw = rest;
    }
    (raw.is_empty() && found.len() == count).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_only_whole() {
        let all = [
            TensorData::Bool(vec![true, false]),
            TensorData::Uint8(vec![0, 255]),
            TensorData::Uint16(vec![0, u16::MAX]),
            TensorData::Uint32(vec![7, u32::MAX]),
            TensorData::Uint64(vec![7, u64::MAX]),
            TensorData::Int8(vec![-1, 1]),
            TensorData::Int16(vec![i16::MIN, 1]),
            TensorData::Int32(vec![i32::MIN, 1]),
            TensorData::Int64(vec![i64::MIN, 1]),
            TensorData::Fp16(vec![0x3c00, 0x7bff]),
            TensorData::Bf16(vec![0x3f80, 1]),
            TensorData::Fp32(vec![1.5, -0.0]),
            TensorData::Fp64(vec![f64::MAX, f64::INFINITY]),
            TensorData::Bytes(vec![Vec::new(), "drei ü".into()]),
        ];
        assert_eq!(all.len(), Datatype::ALL.len());
        for data in all {
            let mut raw = Vec::new();
            write(&data, &mut raw);
            assert_eq!(read(data.datatype(), 2, &raw), Some(data.clone()));
            assert_eq!(read(data.datatype(), 3, &raw), None);
            assert_eq!(read(data.datatype(), usize::MAX, &raw), None);
            assert_eq!(read(data.datatype(), 2, &raw[..raw.len() - 1]), None);
        }
        let mut lying = u32::MAX.to_le_bytes().to_vec();
        lying.push(1);
        assert_eq!(read(Datatype::Bytes, 1, &lying), None);
    }
}
