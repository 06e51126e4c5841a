//! The weights of a model, without those that cost time and say nothing.
//!
//! Training lets the weights of channels that nothing needs decay until they are subnormal
//! numbers. A product with one of these takes a processor some hundred times as long as any other:
//! in PP-OCRv6's detection they were half of the time.

use std::ops::Range;

/// `ModelProto.graph`, `GraphProto.initializer`, `TensorProto.data_type` and
/// `TensorProto.raw_data` of ONNX, and the type of 32-bit floating point numbers.
const GRAPH: u64 = 7;
const INITIALIZER: u64 = 5;
const DATA_TYPE: u64 = 2;
const RAW_DATA: u64 = 9;
const FLOAT: u64 = 1;

/// The ONNX model with zeros for its subnormal weights. What is no model comes back as it is.
pub(super) fn without_subnormals(mut model: Vec<u8>) -> Vec<u8> {
    for place in weights(&model) {
        let weights = model.get_mut(place).unwrap_or_default();
        for weight in weights.as_chunks_mut::<4>().0 {
            if f32::from_le_bytes(*weight).is_subnormal() {
                *weight = [0; 4];
            }
        }
    }
    model
}

/// Where the bytes of the weights are.
fn weights(model: &[u8]) -> Vec<Range<usize>> {
    let within = |message: Range<usize>, number: u64| {
        Fields::new(model, message).filter_map(move |field| match field {
            (found, Value::Bytes(place)) if found == number => Some(place),
            _ => None,
        })
    };
    let graphs = within(0..model.len(), GRAPH);
    let tensors = graphs.flat_map(|graph| within(graph, INITIALIZER));
    let raw = tensors.filter_map(|tensor| {
        let (mut kind, mut raw) = (None, None);
        for field in Fields::new(model, tensor) {
            match field {
                (DATA_TYPE, Value::Number(found)) => kind = Some(found),
                (RAW_DATA, Value::Bytes(place)) => raw = Some(place),
                _ => {}
            }
        }
        raw.filter(|_| kind == Some(FLOAT))
    });
    raw.collect()
}

/// What a field of a message holds.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    /// Where its bytes are.
    Bytes(Range<usize>),
}

/// The fields of a message of Protocol Buffers, with their numbers, up to the first that is none.
struct Fields<'m> {
    model: &'m [u8],
    rest: Range<usize>,
}

impl<'m> Fields<'m> {
    fn new(model: &'m [u8], rest: Range<usize>) -> Self {
        Self { model, rest }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = *self.model.get(self.rest.next()?)?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, length: u64) -> Option<Range<usize>> {
        let start = self.rest.start;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.rest.start = Some(end).filter(|end| *end <= self.rest.end)?;
        Some(start..end)
    }
}

impl Iterator for Fields<'_> {
    type Item = (u64, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Bytes(self.bytes(8)?),
            2 => {
                let length = self.number()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => Value::Bytes(self.bytes(4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of bytes, shorter than 128.
    fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
        [&[(number << 3 | 2) as u8, bytes.len() as u8], bytes].concat()
    }

    fn model(kind: u8, weights: &[u8]) -> Vec<u8> {
        let tensor = [vec![8, 1, 16, kind], field(RAW_DATA, weights), field(8, b"weights")];
        let graph = [field(2, b"graph"), field(INITIALIZER, &tensor.concat())];
        [vec![8, 0x88, 0x01], field(2, b"maker"), field(GRAPH, &graph.concat())].concat()
    }

    fn bytes(numbers: [f32; 4]) -> Vec<u8> {
        numbers.into_iter().flat_map(f32::to_le_bytes).collect()
    }

    #[test]
    fn subnormal_weights_are_zero_and_others_stay() {
        let (decayed, mended) = ([1e-40, -1e-44, 0.5, -3e38], [0.0, 0.0, 0.5, -3e38]);
        assert_eq!(without_subnormals(model(1, &bytes(decayed))), model(1, &bytes(mended)));
    }

    #[test]
    fn numbers_of_other_types_and_what_is_no_model_stay() {
        let whole = model(6, &[1, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(without_subnormals(whole.clone()), whole);
        let mut cut = model(1, &bytes([1e-40; 4]));
        cut.truncate(cut.len() - 20);
        for bytes in [cut, b"no model at all".to_vec(), vec![0xff; 40], Vec::new()] {
            assert_eq!(without_subnormals(bytes.clone()), bytes);
        }
    }
}
