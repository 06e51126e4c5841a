//! A linear model in standard operators.

use cairn_onnx::{DataType, attr_int};

use crate::export::features::Front;
use crate::export::graph::Graph;
use crate::model::linear::{CLIP, Linear};

/// Adds the scores `[N, scores]`.
pub(crate) fn scores(graph: &mut Graph, front: &Front, model: &Linear) -> String {
    let (count, scores) = (front.numeric_count, model.scores);
    let mut parts = Vec::new();
    if let Some(numeric) = &front.numeric {
        let missing = graph.op("IsNaN", &[numeric]);
        let means = graph.floats(&[1, count], &single(&model.means));
        let inverse = graph.floats(&[1, count], &single(&model.inverse));
        let centered = graph.op("Sub", &[numeric, &means]);
        let scaled = graph.op("Mul", &[&centered, &inverse]);
        let zero = graph.floats(&[1, 1], &[0.0]);
        let present = graph.op("Where", &[&missing, &zero, &scaled]);
        let (low, high) = (graph.floats(&[], &[-CLIP as f32]), graph.floats(&[], &[CLIP as f32]));
        let clipped = graph.op("Clip", &[&present, &low, &high]);
        let weights = graph.floats(&[count, scores], &single(&model.numeric));
        parts.push(graph.op("MatMul", &[&clipped, &weights]));
        if front.can_miss.contains(&true) {
            let marks = graph.cast(&missing, DataType::Float);
            let weights = graph.floats(&[count, scores], &single(&model.missing));
            parts.push(graph.op("MatMul", &[&marks, &weights]));
        }
    }
    for ((codes, size), weights) in front.categorical.iter().zip(&model.levels) {
        let table = graph.floats(&[*size, scores], &single(weights));
        parts.push(graph.op_with("Gather", &[&table, codes], vec![attr_int("axis", 0)]));
    }
    parts.push(graph.floats(&[1, scores], &single(&model.intercept)));
    graph.sum(&parts)
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}
