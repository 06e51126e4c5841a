//! The `LabelEncoder` operator of `ai.onnx.ml`, in the two directions rten lacks.

use std::collections::HashMap;

use cairn_kernel::{Error, Kind, Result};
use cairn_onnx::{AttributeProto, NodeProto};

use crate::tensor::{Tensor, TensorData};

/// Text to numbers: stands between a string input and the graph.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// The string input it reads.
    pub(crate) input: String,
    /// The value it writes, which is an input of the remaining graph.
    pub(crate) output: String,
    codes: Codes,
}

#[derive(Debug)]
enum Codes {
    Int { table: HashMap<String, i64>, default: i64 },
    Float { table: HashMap<String, f32>, default: f32 },
}

/// Numbers to text: stands between the graph and a string output.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The value of the remaining graph that it reads.
    pub(crate) input: String,
    /// The string output it writes.
    pub(crate) output: String,
    table: HashMap<i64, String>,
    default: String,
}

impl Encoder {
    /// Reads a node with `keys_strings` and `values_int64s` or `values_floats`;
    /// `None` when the node maps something else.
    ///
    /// # Errors
    /// `Unprocessable` when its keys and values differ in number or are not text.
    pub(crate) fn read(node: &NodeProto) -> Result<Option<Self>> {
        let (Some(input), Some(output), Some(keys)) =
            (node.input.first(), node.output.first(), node.attr("keys_strings"))
        else {
            return Ok(None);
        };
        let keys = texts(node, keys)?;
        let codes = if let Some(values) = node.attr("values_int64s") {
            let default = node.attr("default_int64").map_or(-1, AttributeProto::i);
            Codes::Int { table: pair(node, keys, values.ints.iter().copied())?, default }
        } else if let Some(values) = node.attr("values_floats") {
            let default = node.attr("default_float").map_or(-0.0, AttributeProto::f);
            Codes::Float { table: pair(node, keys, values.floats.iter().copied())?, default }
        } else {
            return Ok(None);
        };
        Ok(Some(Self { input: input.clone(), output: output.clone(), codes }))
    }

    /// Whether it gives INT64 (otherwise FP32).
    pub(crate) fn gives_integers(&self) -> bool {
        matches!(self.codes, Codes::Int { .. })
    }

    /// Looks every element of a BYTES tensor up.
    pub(crate) fn encode(&self, input: &Tensor) -> Result<TensorData> {
        let texts = input.strings()?;
        Ok(match &self.codes {
            Codes::Int { table, default } => TensorData::Int64(look_up(&texts, table, *default)),
            Codes::Float { table, default } => TensorData::Fp32(look_up(&texts, table, *default)),
        })
    }
}

fn look_up<V: Copy>(texts: &[&str], table: &HashMap<String, V>, default: V) -> Vec<V> {
    texts.iter().map(|&text| table.get(text).copied().unwrap_or(default)).collect()
}

impl Decoder {
    /// Reads a node with `keys_int64s` and `values_strings`; `None` when the node
    /// maps something else.
    ///
    /// # Errors
    /// `Unprocessable` when its keys and values differ in number or are not text.
    pub(crate) fn read(node: &NodeProto) -> Result<Option<Self>> {
        let (Some(input), Some(output), Some(keys), Some(values)) = (
            node.input.first(),
            node.output.first(),
            node.attr("keys_int64s"),
            node.attr("values_strings"),
        ) else {
            return Ok(None);
        };
        let values = texts(node, values)?;
        let default = match node.attr("default_string") {
            Some(attribute) => text(node, attribute.s())?,
            None => "_Unused".to_owned(),
        };
        Ok(Some(Self {
            input: input.clone(),
            output: output.clone(),
            table: pair(node, keys.ints.clone(), values.into_iter())?,
            default,
        }))
    }

    /// The label of every class number.
    pub(crate) fn decode(&self, codes: &[i64]) -> TensorData {
        let label = |code| self.table.get(code).unwrap_or(&self.default).clone().into_bytes();
        TensorData::Bytes(codes.iter().map(label).collect())
    }
}

fn pair<K: std::hash::Hash + Eq, V>(
    node: &NodeProto,
    keys: Vec<K>,
    values: impl ExactSizeIterator<Item = V>,
) -> Result<HashMap<K, V>> {
    if keys.len() != values.len() {
        return Err(damaged(node, &format!("{} keys and {} values", keys.len(), values.len())));
    }
    // Of a repeated key the first counts, as in the reference implementation.
    let mut table = HashMap::with_capacity(keys.len());
    for (key, value) in keys.into_iter().zip(values) {
        table.entry(key).or_insert(value);
    }
    Ok(table)
}

fn texts(node: &NodeProto, attribute: &AttributeProto) -> Result<Vec<String>> {
    attribute.strings.iter().map(|bytes| text(node, bytes)).collect()
}

fn text(node: &NodeProto, bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged(node, "text that is not UTF-8"))
}

fn damaged(node: &NodeProto, what: &str) -> Error {
    Error::new(
        Kind::Unprocessable,
        format!(
            "the model's LabelEncoder '{}' has {what}",
            if node.name().is_empty() {
                node.output.first().map_or("", String::as_str)
            } else {
                node.name()
            }
        ),
    )
}
