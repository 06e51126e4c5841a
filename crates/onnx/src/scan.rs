//! A cheap look over the wire format before anything is allocated.
//!
//! A few megabytes of empty nested messages would decode into gigabytes. This
//! walk follows the same schema as the decoder, without building anything, and
//! refuses a file with more messages or strings than any sane model has.

use crate::error::{OnnxError, Result};

/// Most messages (nodes, attributes, tensors, types) in one file.
const MAX_MESSAGES: usize = 1_000_000;
/// Most byte strings in one file: names, and elements of string tensors.
const MAX_STRINGS: usize = 8_000_000;
/// Deepest nesting, graphs in attributes included.
const MAX_DEPTH: usize = 64;

/// What a length-delimited field holds.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Message(Kind),
    Bytes,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Leaf,
}

fn child(parent: Kind, field: u64) -> Field {
    use Field::{Bytes, Message};
    match (parent, field) {
        (Kind::Model, 7) | (Kind::Attribute, 6 | 11) => Message(Kind::Graph),
        (Kind::Model, 8 | 14) | (Kind::Graph, 16) | (Kind::Tensor, 13) | (Kind::Shape, 1) => {
            Message(Kind::Leaf)
        }
        (Kind::Graph, 1) => Message(Kind::Node),
        (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) => Message(Kind::Tensor),
        (Kind::Graph, 11..=13) => Message(Kind::ValueInfo),
        (Kind::Node, 5) => Message(Kind::Attribute),
        (Kind::Attribute, 14 | 15) | (Kind::ValueInfo, 2) => Message(Kind::Type),
        (Kind::Type, 1) => Message(Kind::TensorType),
        (Kind::TensorType, 2) => Message(Kind::Shape),
        _ => Bytes,
    }
}

#[derive(Default)]
struct Walk {
    messages: usize,
    strings: usize,
}

/// Walks a `ModelProto`; fails on damage and on absurd counts.
pub(crate) fn scan(bytes: &[u8]) -> Result<()> {
    Walk::default().message(bytes, 0, bytes.len(), Kind::Model, 0)
}

impl Walk {
    fn message(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        end: usize,
        kind: Kind,
        depth: usize,
    ) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(OnnxError::Limit(format!("nested deeper than {MAX_DEPTH} messages")));
        }
        while at < end {
            let tag = varint(bytes, &mut at, end)?;
            match tag & 7 {
                0 => drop(varint(bytes, &mut at, end)?),
                1 => at = skip(at, 8, end)?,
                5 => at = skip(at, 4, end)?,
                2 => {
                    let length = varint(bytes, &mut at, end)?;
                    let length = usize::try_from(length).map_err(|_| OnnxError::Damaged(at))?;
                    let stop = skip(at, length, end)?;
                    self.field(bytes, at, stop, child(kind, tag >> 3), depth)?;
                    at = stop;
                }
                _ => return Err(OnnxError::Damaged(at)),
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        bytes: &[u8],
        at: usize,
        stop: usize,
        field: Field,
        depth: usize,
    ) -> Result<()> {
        match field {
            Field::Message(kind) => {
                self.messages += 1;
                if self.messages > MAX_MESSAGES {
                    return Err(OnnxError::Limit(format!("more than {MAX_MESSAGES} messages")));
                }
                self.message(bytes, at, stop, kind, depth + 1)
            }
            Field::Bytes => {
                self.strings += 1;
                if self.strings > MAX_STRINGS {
                    return Err(OnnxError::Limit(format!("more than {MAX_STRINGS} strings")));
                }
                Ok(())
            }
        }
    }
}

fn skip(at: usize, length: usize, end: usize) -> Result<usize> {
    at.checked_add(length).filter(|&next| next <= end).ok_or(OnnxError::Damaged(at))
}

fn varint(bytes: &[u8], at: &mut usize, end: usize) -> Result<u64> {
    let start = *at;
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.get(*at).filter(|_| *at < end).ok_or(OnnxError::Damaged(start))?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(OnnxError::Damaged(start))
}
