//! Raw tensors behind the JSON: little-endian, row-major, no padding; BOOL is one
//! byte, a BYTES element a `u32` length and its bytes.

use axum::http::HeaderMap;
use cairn_kernel::{Error, Result};
use cairn_services::tensor::{Datatype, TensorData};

/// The JSON part of a body and the raw tensors behind it.
pub(crate) fn split<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<(&'b [u8], &'b [u8])> {
    let Some(length) = headers.get(super::HEADER_LENGTH) else { return Ok((body, &[])) };
    let length: Option<usize> = length.to_str().ok().and_then(|text| text.trim().parse().ok());
    length.and_then(|length| body.split_at_checked(length)).ok_or_else(|| {
        Error::invalid(format!(
            "Inference-Header-Content-Length must be the length of the JSON part, at most the {} bytes of the body",
            body.len()
        ))
    })
}

/// The datatype of an input.
pub(crate) fn datatype(name: &str, text: &str) -> Result<Datatype> {
    Datatype::from_name(text).ok_or_else(|| {
        Error::invalid(format!("input '{name}' has the unknown datatype '{text}'")).with_param(name)
    })
}

/// The shape of an input and how many elements it means.
pub(crate) fn shape(name: &str, lengths: &[i64]) -> Result<(Vec<usize>, usize)> {
    let fault = |text: String| Error::invalid(text).with_param(name);
    let shape: Option<Vec<usize>> =
        lengths.iter().map(|length| usize::try_from(*length).ok()).collect();
    let shape = shape.ok_or_else(|| {
        fault(format!("input '{name}' has a negative length in its shape {lengths:?}"))
    })?;
    let count = shape.iter().try_fold(1_usize, |count, length| count.checked_mul(*length));
    let count = count.ok_or_else(|| {
        fault(format!("the shape {shape:?} of input '{name}' is larger than any memory"))
    })?;
    Ok((shape, count))
}

/// Reads `count` elements; the bytes must be used up exactly.
pub(crate) fn read(name: &str, datatype: Datatype, count: usize, raw: &[u8]) -> Result<TensorData> {
    macro_rules! numbers {
        ($variant:ident, $type:ty) => {
            TensorData::$variant(
                raw.chunks_exact(size_of::<$type>())
                    .map(|bytes| {
                        let mut held = [0; size_of::<$type>()];
                        held.copy_from_slice(bytes);
                        <$type>::from_le_bytes(held)
                    })
                    .collect(),
            )
        };
    }
    if let Some(size) = datatype.size() {
        let needed = count.checked_mul(size);
        if needed != Some(raw.len()) {
            return Err(Error::invalid(format!(
                "input '{name}' has {} bytes, and its shape and datatype {} need {count} × {size}",
                raw.len(),
                datatype.name()
            ))
            .with_param(name));
        }
    }
    Ok(match datatype {
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
        Datatype::Bytes => TensorData::Bytes(texts(name, count, raw)?),
    })
}

fn texts(name: &str, count: usize, mut raw: &[u8]) -> Result<Vec<Vec<u8>>> {
    let broken = || {
        Error::invalid(format!(
            "the BYTES of input '{name}' do not hold {count} elements, each a u32 length and its bytes"
        ))
        .with_param(name)
    };
    let mut found = Vec::new();
    while let Some((length, rest)) = raw.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (text, rest) = rest.split_at_checked(length).ok_or_else(broken)?;
        found.push(text.to_vec());
        raw = rest;
    }
    if raw.is_empty() && found.len() == count { Ok(found) } else { Err(broken()) }
}

/// Appends a tensor's elements.
pub(crate) fn write(data: &TensorData, raw: &mut Vec<u8>) {
    macro_rules! numbers {
        ($values:expr) => {
            $values.iter().for_each(|value| raw.extend_from_slice(&value.to_le_bytes()))
        };
    }
    match data {
        TensorData::Bool(values) => raw.extend(values.iter().map(|value| u8::from(*value))),
        TensorData::Uint8(values) => raw.extend_from_slice(values),
        TensorData::Uint16(values) | TensorData::Fp16(values) | TensorData::Bf16(values) => {
            numbers!(values);
        }
        TensorData::Uint32(values) => numbers!(values),
        TensorData::Uint64(values) => numbers!(values),
        TensorData::Int8(values) => numbers!(values),
        TensorData::Int16(values) => numbers!(values),
        TensorData::Int32(values) => numbers!(values),
        TensorData::Int64(values) => numbers!(values),
        TensorData::Fp32(values) => numbers!(values),
        TensorData::Fp64(values) => numbers!(values),
        TensorData::Bytes(values) => {
            for value in values {
                raw.extend_from_slice(
                    &u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes(),
                );
                raw.extend_from_slice(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() -> Result<()> {
        let tensors = [
            TensorData::Fp32(vec![1.5, f32::INFINITY, -0.0]),
            TensorData::Int64(vec![i64::MIN, 0, 7]),
            TensorData::Bool(vec![true, false, true]),
            TensorData::Bytes(vec![b"one".to_vec(), Vec::new(), "drei ü".as_bytes().to_vec()]),
        ];
        for data in tensors {
            let mut raw = Vec::new();
            write(&data, &mut raw);
            assert_eq!(read("x", data.datatype(), 3, &raw)?, data);
            assert!(read("x", data.datatype(), 4, &raw).is_err());
            assert!(read("x", data.datatype(), 3, &raw[..raw.len() - 1]).is_err());
        }
        Ok(())
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut raw = u32::MAX.to_le_bytes().to_vec();
        raw.push(1);
        assert!(read("x", Datatype::Bytes, 1, &raw).is_err());
        assert!(read("x", Datatype::Fp64, usize::MAX, &[0; 8]).is_err());
    }
}
