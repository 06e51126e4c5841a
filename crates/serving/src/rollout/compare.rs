//! How far two answers to the same request are apart.

use crate::tensor::{Tensor, TensorData, bf16_to_f32, f16_to_f32};

/// Numbers closer than this, absolutely or relative to the larger, count as equal:
/// engines round differently.
const TOLERANCE: f64 = 1e-5;

/// What differs between two answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// Rows compared: the first dimension of the outputs.
    pub rows: u64,
    /// Those in which any element of any output differs.
    pub differing_rows: u64,
    /// Largest difference between two numbers, if numbers were compared.
    pub max_abs_diff: Option<f64>,
}

impl Difference {
    /// Two texts.
    pub fn of_texts(left: &str, right: &str) -> Self {
        Self { rows: 1, differing_rows: u64::from(left != right), max_abs_diff: None }
    }
}

/// Compares two answers, output by output. Where names, types or shapes differ, all rows do.
pub fn compare(left: &[Tensor], right: &[Tensor]) -> Difference {
    let rows = left.iter().map(rows_of).max().unwrap_or(0);
    let mut differs = vec![false; rows];
    let mut largest: Option<f64> = None;
    let alike = left.len() == right.len();
    for tensor in left {
        let other = right.iter().find(|other| other.name() == tensor.name());
        let apart = other
            .filter(|other| alike && other.shape() == tensor.shape())
            .and_then(|other| distances(tensor.data(), other.data()));
        let Some(apart) = apart else {
            differs.fill(true);
            continue;
        };
        let width = (apart.len() / rows_of(tensor).max(1)).max(1);
        for (row, elements) in apart.chunks(width).enumerate() {
            let found = elements.iter().any(|distance| distance.differs);
            if let Some(flag) = differs.get_mut(row) {
                *flag |= found;
            }
            for distance in elements.iter().filter_map(|distance| distance.size) {
                largest = Some(largest.map_or(distance, |held| held.max(distance)));
            }
        }
    }
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Difference {
        rows: count(rows),
        differing_rows: count(differs.iter().filter(|flag| **flag).count()),
        max_abs_diff: largest,
    }
}

fn rows_of(tensor: &Tensor) -> usize {
    tensor.shape().first().copied().unwrap_or(1)
}

struct Distance {
    differs: bool,
    /// `None` for what is no finite number.
    size: Option<f64>,
}

/// The distance of each pair of elements; `None` when the types differ.
fn distances(left: &TensorData, right: &TensorData) -> Option<Vec<Distance>> {
    if let (TensorData::Bytes(left), TensorData::Bytes(right)) = (left, right) {
        let pairs = left.iter().zip(right);
        return Some(pairs.map(|(a, b)| Distance { differs: a != b, size: None }).collect());
    }
    if left.datatype() != right.datatype() {
        return None;
    }
    let pairs = numbers(left)?.into_iter().zip(numbers(right)?);
    Some(pairs.map(|(a, b)| distance(a, b)).collect())
}

fn distance(left: f64, right: f64) -> Distance {
    let size = (left - right).abs();
    if !size.is_finite() {
        // NaN against NaN and one infinity against the same are no difference.
        let same = (left.is_nan() && right.is_nan()) || left.total_cmp(&right).is_eq();
        return Distance { differs: !same, size: None };
    }
    let scale = left.abs().max(right.abs()).max(1.0);
    Distance { differs: size > TOLERANCE * scale, size: Some(size) }
}

fn numbers(data: &TensorData) -> Option<Vec<f64>> {
    #[expect(clippy::cast_precision_loss, reason = "a difference, not an identity")]
    let wide = match data {
        TensorData::Bool(x) => x.iter().map(|x| f64::from(u8::from(*x))).collect(),
        TensorData::Uint8(x) => x.iter().map(|x| f64::from(*x)).collect(),
        TensorData::Uint16(x) => x.iter().map(|x| f64::from(*x)).collect(),
        TensorData::Uint32(x) => x.iter().map(|x| f64::from(*x)).collect(),
        TensorData::Uint64(x) => x.iter().map(|x| *x as f64).collect(),
        TensorData::Int8(x) => x.iter().map(|x| f64::from(*x)).collect(),
        TensorData::Int16(x) => x.iter().map(|x| f64::from(*x)).collect(),
        TensorData::Int32(x) => x.iter().map(|x| f64::from(*x)).collect(),
        TensorData::Int64(x) => x.iter().map(|x| *x as f64).collect(),
        TensorData::Fp16(x) => x.iter().map(|x| f64::from(f16_to_f32(*x))).collect(),
        TensorData::Bf16(x) => x.iter().map(|x| f64::from(bf16_to_f32(*x))).collect(),
        TensorData::Fp32(x) => x.iter().map(|x| f64::from(*x)).collect(),
        TensorData::Fp64(x) => x.clone(),
        TensorData::Bytes(_) => return None,
    };
    Some(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(name: &str, shape: Vec<usize>, data: &[f32]) -> Tensor {
        Tensor::new(name, shape, TensorData::Fp32(data.to_vec())).unwrap()
    }

    #[test]
    fn rows_that_differ_are_counted_and_the_largest_difference_kept() {
        let left = floats("y", vec![3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, f32::NAN]);
        let right = floats("y", vec![3, 2], &[1.0, 2.000_001, 3.5, 4.0, 5.0, f32::NAN]);
        let found = compare(&[left], &[right]);
        assert_eq!((found.rows, found.differing_rows), (3, 1));
        assert!((found.max_abs_diff.unwrap() - 0.5).abs() < 1e-6);
    }

    #[test]
    fn labels_are_compared_and_another_shape_is_all_different() {
        let left = Tensor::text("label", vec![2], ["a", "b"]).unwrap();
        let right = Tensor::text("label", vec![2], ["a", "c"]).unwrap();
        let found = compare(std::slice::from_ref(&left), &[right]);
        assert_eq!((found.rows, found.differing_rows, found.max_abs_diff), (2, 1, None));
        let other = Tensor::text("label", vec![2, 1], ["a", "b"]).unwrap();
        assert_eq!(compare(std::slice::from_ref(&left), &[other]).differing_rows, 2);
        assert_eq!(compare(&[left], &[]).differing_rows, 2);
    }
}
