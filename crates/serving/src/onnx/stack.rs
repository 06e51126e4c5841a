//! Rows of several requests in one tensor, and apart again.
//!
//! Elements are row-major, so stacking along the first dimension is appending.

use cairn_kernel::{Error, Result};

use crate::tensor::{Tensor, TensorData};

/// Appends elements of the same type.
fn append(to: &mut TensorData, from: &TensorData) -> Result<()> {
    macro_rules! same {
        ($($variant:ident)*) => {
            match (to, from) {
                $((TensorData::$variant(to), TensorData::$variant(from)) => {
                    to.extend_from_slice(from);
                    Ok(())
                })*
                _ => Err(Error::internal("stacking tensors of different types")),
            }
        };
    }
    same!(Bool Uint8 Uint16 Uint32 Uint64 Int8 Int16 Int32 Int64 Fp16 Bf16 Fp32 Fp64 Bytes)
}

/// The elements in parts of the given lengths.
fn split(data: TensorData, lengths: impl Iterator<Item = usize>) -> Vec<TensorData> {
    macro_rules! parts {
        ($($variant:ident)*) => {
            match data {
                $(TensorData::$variant(values) => {
                    let mut values = values.into_iter();
                    lengths
                        .map(|length| TensorData::$variant(values.by_ref().take(length).collect()))
                        .collect()
                })*
            }
        };
    }
    parts!(Bool Uint8 Uint16 Uint32 Uint64 Int8 Int16 Int32 Int64 Fp16 Bf16 Fp32 Fp64 Bytes)
}

/// One tensor with the rows of all `parts`, which have the same type and the same shape
/// but for the first dimension.
///
/// # Errors
/// `Internal` when they have not, or there is none.
pub(crate) fn stack(parts: &[&Tensor]) -> Result<Tensor> {
    let Some((first, rest)) = parts.split_first() else {
        return Err(Error::internal("stacking no tensors"));
    };
    let mut shape = first.shape().to_vec();
    let mut data = first.data().clone();
    for part in rest {
        match (shape.split_first_mut(), part.shape().split_first()) {
            (Some((rows, inner)), Some((more, other))) if inner == other => *rows += more,
            _ => return Err(Error::internal("stacking tensors of different shapes")),
        }
        append(&mut data, part.data())?;
    }
    Tensor::new(first.name(), shape, data)
}

/// A tensor's rows in parts of `rows` rows each.
///
/// # Errors
/// `Internal` when the first dimension is not their sum.
pub(crate) fn unstack(tensor: Tensor, rows: &[usize]) -> Result<Vec<Tensor>> {
    let (name, shape, data) = tensor.into_parts();
    let total: usize = rows.iter().sum();
    let Some((_, inner)) = shape.split_first().filter(|(first, _)| **first == total) else {
        return Err(Error::internal(format!(
            "'{name}' has the shape {shape:?} and should have {total} rows"
        )));
    };
    let row: usize = inner.iter().product();
    let parts = split(data, rows.iter().map(|count| count * row));
    let part = |(&count, data): (&usize, TensorData)| {
        let mut shape = shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = count;
        }
        Tensor::new(&*name, shape, data)
    };
    rows.iter().zip(parts).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(rows: usize, first: i64) -> Tensor {
        let data = (first..).take(rows * 2).collect();
        Tensor::new("x", vec![rows, 2], TensorData::Int64(data)).unwrap()
    }

    #[test]
    fn what_was_stacked_comes_apart_the_same() {
        let parts = [tensor(1, 0), tensor(3, 10), tensor(2, 50)];
        let all = stack(&parts.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(all.shape(), [6, 2]);
        assert_eq!(unstack(all.clone(), &[1, 3, 2]).unwrap(), parts);
        assert!(unstack(all.clone(), &[1, 3]).is_err());
        assert_eq!(unstack(all.clone(), &[6]).unwrap(), [all]);
        let words = |words: &[&str]| Tensor::text("t", vec![words.len()], words.to_vec()).unwrap();
        let parts = [words(&["a"]), words(&["", "ü"])];
        let all = stack(&[&parts[0], &parts[1]]).unwrap();
        assert_eq!(unstack(all, &[1, 2]).unwrap(), parts);
    }

    #[test]
    fn different_shapes_and_types_are_not_mixed() {
        let wide = Tensor::new("x", vec![1, 3], TensorData::Int64(vec![0; 3])).unwrap();
        assert!(stack(&[&tensor(1, 0), &wide]).is_err());
        let float = Tensor::new("x", vec![1, 2], TensorData::Fp32(vec![0.0; 2])).unwrap();
        assert!(stack(&[&tensor(1, 0), &float]).is_err());
        let scalar = Tensor::new("x", vec![], TensorData::Int64(vec![1])).unwrap();
        assert!(stack(&[&scalar, &scalar]).is_err() && unstack(scalar, &[1]).is_err());
        assert!(stack(&[]).is_err());
    }
}
