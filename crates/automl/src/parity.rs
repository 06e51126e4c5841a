//! The exported file against the trainer: run as it will be served, on all test rows.
//!
//! The serving engine has no `ai.onnx.ml` operators, so the encoders at the file's two
//! ends are looked up here, as serving does; everything between runs in the engine.

use std::collections::HashMap;

use cairn_kernel::{Error, Result, ResultExt};
use cairn_onnx::{DataType, Dim, ML_DOMAIN, ModelProto, NodeProto};
use rten::{Model, NodeId, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::data::plan::{Input, Kinds};
use crate::data::table::{MISSING, Table, Values};

/// Rows per run.
const CHUNK: usize = 512;

/// A loaded file.
pub(crate) struct Served {
    model: Model,
    /// Per text column: the tensor of codes, and the codes.
    encoders: HashMap<String, (String, Encoder)>,
    output: NodeId,
}

struct Encoder {
    codes: HashMap<Vec<u8>, i32>,
    default: i32,
}

impl Served {
    /// Loads an exported file; `output` is the tensor that is wanted.
    pub(crate) fn load(mut file: ModelProto, output: &str) -> Result<Self> {
        let mut encoders = HashMap::new();
        if let Some(graph) = &mut file.graph {
            let (ends, inner) = std::mem::take(&mut graph.node)
                .into_iter()
                .partition(|node: &NodeProto| node.domain() == ML_DOMAIN);
            graph.node = inner;
            for node in &ends {
                let (Some(from), Some(to)) = (node.input.first(), node.output.first()) else {
                    continue;
                };
                let Some(at) = graph.input.iter().position(|input| input.name() == from) else {
                    graph.output.retain(|value| value.name() != to);
                    continue;
                };
                let dims = [Dim::Named("N"), Dim::Fixed(1)];
                graph.input[at] = cairn_onnx::input(to, DataType::Int64, &dims);
                encoders.insert(from.clone(), (to.clone(), Encoder::read(node)));
            }
        }
        file.opset_import.retain(|set| set.domain() != ML_DOMAIN);
        let model = Model::load(cairn_onnx::encode(&file))
            .or_internal("the exported model could not be loaded")?;
        let output = model.node_id(output).or_internal("the exported model has no such output")?;
        Ok(Self { model, encoders, output })
    }

    /// Runs `rows` of a raw table; the output comes back flat.
    pub(crate) fn run(&self, inputs: &[Input], table: &Table, rows: &[usize]) -> Result<Vec<f32>> {
        let parts: Vec<&[usize]> = rows.chunks(CHUNK).collect();
        let done =
            crate::parallel::map(parts.len(), |part| self.chunk(inputs, table, parts[part]))?;
        Ok(done.concat())
    }

    fn chunk(&self, inputs: &[Input], table: &Table, rows: &[usize]) -> Result<Vec<f32>> {
        let mut values: Vec<(NodeId, ValueOrView<'_>)> = Vec::new();
        let shape = [rows.len(), 1];
        for input in inputs {
            let column = &table.columns[input.column];
            let (name, value) = match (&input.kind, &column.values) {
                (Kinds::Category { .. }, Values::Text(text)) => {
                    let Some((name, encoder)) = self.encoders.get(&input.name) else {
                        return Err(Error::internal("a text column has no encoder"));
                    };
                    let codes = rows.iter().map(|row| match text.codes[*row] {
                        MISSING => encoder.code(""),
                        code => encoder.code(&text.levels[code as usize]),
                    });
                    let codes: Vec<i32> = codes.collect();
                    (name, ValueOrView::from(Tensor::from_data(&shape, codes)))
                }
                _ => {
                    let raw = column.numbers().unwrap_or_default();
                    let values: Vec<f32> = rows.iter().map(|row| raw[*row] as f32).collect();
                    (&input.name, ValueOrView::from(Tensor::from_data(&shape, values)))
                }
            };
            let id =
                self.model.node_id(name).or_internal("an input is not in the exported model")?;
            values.push((id, value));
        }
        let [output] = self
            .model
            .run_n(values, [self.output], None)
            .or_internal("the exported model could not be run")?;
        let output: Tensor<f32> = output.try_into().or_internal("the output is not FP32")?;
        Ok(output.to_vec())
    }
}

impl Encoder {
    fn read(node: &NodeProto) -> Self {
        let keys = node.attr("keys_strings").map(|a| a.strings.clone()).unwrap_or_default();
        let values = node.attr("values_int64s").map(|a| a.ints.clone()).unwrap_or_default();
        let codes = keys.into_iter().zip(values.into_iter().map(|value| value as i32)).collect();
        let default = node.attr("default_int64").and_then(|a| a.i).unwrap_or(-1) as i32;
        Self { codes, default }
    }

    fn code(&self, text: &str) -> i32 {
        self.codes.get(text.as_bytes()).copied().unwrap_or(self.default)
    }
}

/// The largest difference; each is divided by the larger of the trainer's value and
/// `scale` where one is given. Infinite when a value is not a number.
pub(crate) fn largest(trainer: &[f64], served: &[f32], scale: Option<f64>) -> f64 {
    if trainer.len() != served.len() {
        return f64::INFINITY;
    }
    let mut most = 0.0_f64;
    for (wanted, got) in trainer.iter().zip(served) {
        let size = scale.map_or(1.0, |scale| scale.max(wanted.abs()).max(f64::MIN_POSITIVE));
        let off = (wanted - f64::from(*got)).abs() / size;
        if off.is_nan() {
            return f64::INFINITY;
        }
        most = most.max(off);
    }
    most
}
