//! One self-contained ONNX file: raw columns in, prediction out.
//!
//! Text enters through `LabelEncoder` nodes fed by graph inputs, class labels leave
//! through one that feeds a graph output; all between is standard operators (opset 17),
//! so that engines without the `ai.onnx.ml` operators need only those two lookups.

mod features;
mod graph;
mod linear;
mod trees;

use cairn_kernel::Result;
use cairn_onnx::{DataType, ML_DOMAIN, ModelProto, attr_int, attr_ints, attr_strings, node};

use crate::api::{Task, TensorSignature};
use crate::data::plan::Plan;
use crate::export::features::Front;
use crate::export::graph::Graph;
use crate::model::Model;

/// What the exported graph needs to know beside the model.
pub(crate) struct Context<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) task: Task,
    pub(crate) classes: &'a [String],
    /// Regression: the model's output times `scale` plus `center` is the number.
    pub(crate) center: f64,
    pub(crate) scale: f64,
}

impl Context<'_> {
    /// The outputs of the file, in order. A name that a column has already gets `_`s.
    pub(crate) fn outputs(&self) -> Vec<TensorSignature> {
        let tensor = |name: &str, datatype: &str, width: usize| {
            let mut name = name.to_owned();
            while self.plan.inputs.iter().any(|input| input.name == name) {
                name.push('_');
            }
            TensorSignature {
                name,
                datatype: datatype.to_owned(),
                shape: vec![-1, i64::try_from(width).unwrap_or(-1)],
                kind: None,
                missing: None,
            }
        };
        if self.task == Task::Regression {
            return vec![tensor("prediction", "FP32", 1)];
        }
        vec![tensor("label", "BYTES", 1), tensor("probabilities", "FP32", self.classes.len())]
    }
}

/// Builds the file's content, with `properties` as its metadata.
///
/// # Errors
/// `Internal` when a model's own form cannot be read.
pub(crate) fn export(
    context: &Context<'_>,
    model: &Model,
    properties: &[(&str, String)],
) -> Result<ModelProto> {
    let mut graph = Graph::default();
    let front = features::front(&mut graph, context.plan);
    let predicted = emit(&mut graph, context, &front, model)?;
    let outputs = context.outputs();
    if context.task == Task::Regression {
        let scale = graph.floats(&[1], &[context.scale as f32]);
        let center = graph.floats(&[1], &[context.center as f32]);
        let scaled = graph.op("Mul", &[&predicted, &scale]);
        graph.push(node("Add", &[&scaled, &center], &[&outputs[0].name]));
    } else {
        let (label, probabilities) = (&outputs[0].name, &outputs[1].name);
        graph.push(node("Identity", &[&predicted], &[probabilities]));
        let best = graph.op_with(
            "ArgMax",
            &[&predicted],
            vec![attr_int("axis", 1), attr_int("keepdims", 1)],
        );
        let indices: Vec<i64> = (0..context.classes.len() as i64).collect();
        let encoder = node("LabelEncoder", &[&best], &[label])
            .in_domain(ML_DOMAIN)
            .with(attr_ints("keys_int64s", &indices))
            .with(attr_strings("values_strings", context.classes));
        graph.push(encoder);
    }
    for output in &outputs {
        let kind = if output.datatype == "BYTES" { DataType::String } else { DataType::Float };
        graph.output(&output.name, kind, output.shape[1]);
    }
    Ok(graph.finish(properties))
}

/// Adds a model; the value's name comes back: probabilities `[N, classes]` or `[N, 1]`.
fn emit(graph: &mut Graph, context: &Context<'_>, front: &Front, model: &Model) -> Result<String> {
    match model {
        Model::Constant(values) => {
            let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            Ok(front.constant(graph, &values))
        }
        Model::Linear(model) => {
            let scores = linear::scores(graph, front, model);
            Ok(probabilities(graph, context.task, &scores))
        }
        Model::Boosted(model) => {
            let scores = trees::scores(graph, front, &model.forest()?)?;
            Ok(probabilities(graph, context.task, &scores))
        }
        Model::Blend(members) => {
            let mut weighted = Vec::new();
            for (weight, member) in members {
                let predicted = emit(graph, context, front, member)?;
                let weight = graph.floats(&[1, 1], &[*weight as f32]);
                weighted.push(graph.op("Mul", &[&predicted, &weight]));
            }
            Ok(graph.sum(&weighted))
        }
    }
}

fn probabilities(graph: &mut Graph, task: Task, scores: &str) -> String {
    match task {
        Task::Regression => scores.to_owned(),
        Task::Binary => {
            let positive = graph.op("Sigmoid", &[scores]);
            let one = graph.floats(&[1, 1], &[1.0]);
            let negative = graph.op("Sub", &[&one, &positive]);
            graph.concat(&[negative, positive])
        }
        Task::Multiclass => graph.op_with("Softmax", &[scores], vec![attr_int("axis", 1)]),
    }
}

#[cfg(test)]
mod tests;
