//! Work that a request decides: nodes that make tensors as large as a value says, or run
//! as long.
//!
//! What a model makes of the shape of its inputs is bounded by what was sent. What it
//! makes of their values is not: a `Tile` whose repeats are an input turns eight bytes into
//! any amount of memory. Such models are legitimate and rare, and whoever runs them should
//! bound their memory.

use std::collections::HashSet;

use crate::graph::{GraphProto, NodeProto};
use crate::model::ModelProto;

/// The first node whose output size, or whose rounds, a request's values may decide, as
/// `name (operator)`.
pub fn sized_by_values(model: &ModelProto) -> Option<String> {
    let graph = model.graph.as_ref()?;
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    let inputs = graph.input.iter().map(|input| input.name());
    let mut given: HashSet<&str> = inputs.filter(|name| !constants.contains(name)).collect();
    within(graph, &mut given)
}

/// Follows the values that stem from a request. Names of inner graphs join those of the
/// outer one, which can only make it find more.
fn within<'g>(graph: &'g GraphProto, given: &mut HashSet<&'g str>) -> Option<String> {
    for node in &graph.node {
        let is_given = |at: &usize| node.input.get(*at).is_some_and(|i| given.contains(i.as_str()));
        // How often a loop runs, its body says.
        if node.op_type() == "Loop" || sizes(node).iter().any(is_given) {
            let name = node.output.first().filter(|_| node.name().is_empty());
            let name = name.map_or(node.name(), String::as_str);
            return Some(format!("'{name}' ({})", node.op_type()));
        }
        for inner in node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)) {
            given.extend(inner.input.iter().map(|input| input.name()));
            if let Some(found) = within(inner, given) {
                return Some(found);
            }
        }
        let depends = !matches!(node.op_type(), "Shape" | "Size")
            && (!node.attribute.iter().all(|a| a.g.is_none() && a.graphs.is_empty())
                || node.input.iter().any(|name| given.contains(name.as_str())));
        if depends {
            given.extend(node.output.iter().map(String::as_str));
        }
    }
    None
}

/// Which inputs of a node are sizes of its output.
fn sizes(node: &NodeProto) -> &'static [usize] {
    match node.op_type() {
        "ConstantOfShape" | "HannWindow" | "HammingWindow" | "BlackmanWindow" => &[0],
        "Range" => &[0, 1, 2],
        "Expand" | "Tile" | "Pad" | "OneHot" | "Upsample" | "DFT" | "Col2Im" | "CenterCropPad" => {
            &[1]
        }
        "Resize" => &[2, 3],
        "MaxUnpool" => &[2],
        "MelWeightMatrix" => &[0, 1],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Dim, attr_graph, input, model, node, opset, tensor_i64};

    fn found(nodes: Vec<NodeProto>) -> Option<String> {
        let graph = GraphProto {
            node: nodes,
            initializer: vec![tensor_i64("two", &[1], &[2])],
            input: vec![
                input("x", DataType::Float, &[Dim::Named("N")]),
                input("k", DataType::Int64, &[Dim::Fixed(1)]),
                input("two", DataType::Int64, &[Dim::Fixed(1)]),
            ],
            output: vec![input("y", DataType::Float, &[Dim::Named("M")])],
            ..GraphProto::default()
        };
        sized_by_values(&model(graph, vec![opset("", 17)], vec![]))
    }

    #[test]
    fn only_sizes_that_stem_from_values_are_found() {
        let tile = |repeats: &str| node("Tile", &["x", repeats], &["y"]);
        assert_eq!(found(vec![tile("k")]).as_deref(), Some("'y' (Tile)"));
        assert_eq!(found(vec![tile("two")]), None);
        let double = node("Mul", &["k", "two"], &["k2"]);
        assert!(found(vec![double, tile("k2").named("again")]).unwrap().contains("'again'"));
        // A shape is bounded by what was sent, whatever is made of it.
        let shape = node("Shape", &["x"], &["s"]);
        let half = node("Div", &["s", "two"], &["h"]);
        assert_eq!(found(vec![shape, half, tile("h")]), None);
        // The values that are tiled may be anything.
        assert_eq!(found(vec![node("Relu", &["x"], &["x2"]), tile("two")]), None);
    }

    #[test]
    fn inner_graphs_see_the_outer_values() {
        let inner = GraphProto {
            node: vec![node("ConstantOfShape", &["k"], &["z"])],
            ..GraphProto::default()
        };
        let branch = node("If", &["c"], &["y"]).with(attr_graph("then_branch", inner));
        assert_eq!(found(vec![branch]).as_deref(), Some("'z' (ConstantOfShape)"));
        assert!(found(vec![node("Loop", &["two", "", "x"], &["y"])]).is_some());
    }
}
