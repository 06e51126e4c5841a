//! Raw tensors behind the JSON, and what is wrong with them.

use axum::http::HeaderMap;
use cairn_kernel::{Error, Result};
use cairn_services::tensor::{Datatype, TensorData, raw};

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
pub(crate) fn read(
    name: &str,
    datatype: Datatype,
    count: usize,
    bytes: &[u8],
) -> Result<TensorData> {
    raw::read(datatype, count, bytes).ok_or_else(|| {
        let text = match datatype.size() {
            Some(size) => format!(
                "input '{name}' has {} bytes, and its shape and datatype {} need {count} × {size}",
                bytes.len(),
                datatype.name()
            ),
            None => format!(
                "the BYTES of input '{name}' do not hold {count} elements, each a u32 length and its bytes"
            ),
        };
        Error::invalid(text).with_param(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let mut raw = u32::MAX.to_le_bytes().to_vec();
        raw.push(1);
        assert!(read("x", Datatype::Bytes, 1, &raw).is_err());
        assert!(read("x", Datatype::Fp64, usize::MAX, &[0; 8]).is_err());
    }
}
