//! What constants in a graph claim an engine should allocate.
//!
//! A node such as `ConstantOfShape` turns twenty bytes into any amount of memory, and
//! engines evaluate constant nodes while they load. This pass looks at every node whose
//! size comes from a constant or an attribute, and refuses absurd ones before an engine
//! sees the file.

use std::collections::HashMap;

use crate::error::{OnnxError, Result};
use crate::graph::{AttributeProto, GraphProto, NodeProto};
use crate::tensor::{DataType, TensorProto};

/// Most elements that a constant may claim: a gigabyte of 32-bit numbers.
pub(crate) const MAX_CLAIM: u64 = 1 << 28;
/// Largest padding, kernel, stride or dilation of one dimension.
const MAX_WINDOW: i64 = 1 << 12;
/// Most copies of a tensor, and most elements it is padded with in one dimension.
const MAX_COPIES: u64 = 1 << 16;
/// Constants longer than this are no shapes.
const LONGEST_SHAPE: usize = 64;

/// Checks every node of a graph and of the graphs within it.
pub(crate) fn check(graph: &GraphProto) -> Result<()> {
    within(graph, &mut HashMap::new())
}

/// Small integer constants by name, as they are seen from a node.
type Known<'g> = HashMap<&'g str, Vec<i64>>;

fn within<'g>(graph: &'g GraphProto, known: &mut Known<'g>) -> Result<()> {
    // What this graph hides of the outer one comes back when it ends.
    let mut hidden: Vec<(&str, Option<Vec<i64>>)> = Vec::new();
    for tensor in &graph.initializer {
        if let Some(values) = integers(tensor) {
            hidden.push((tensor.name(), known.insert(tensor.name(), values)));
        }
    }
    for node in &graph.node {
        claim(node, known)?;
        windows(node)?;
        for inner in node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)) {
            within(inner, known)?;
        }
        if let (Some(output), Some(values)) = (node.output.first(), constant(node)) {
            hidden.push((output, known.insert(output, values)));
        }
    }
    for (name, before) in hidden.into_iter().rev() {
        match before {
            Some(values) => known.insert(name, values),
            None => known.remove(name),
        };
    }
    Ok(())
}

/// The value of a small constant node.
fn constant(node: &NodeProto) -> Option<Vec<i64>> {
    if node.op_type() != "Constant" {
        return None;
    }
    if let Some(tensor) = node.attr("value").and_then(|value| value.t.as_ref()) {
        return integers(tensor);
    }
    if let Some(values) = node.attr("value_ints") {
        return (values.ints.len() <= LONGEST_SHAPE).then(|| values.ints.clone());
    }
    node.attr("value_int").map(|value| vec![value.i()])
}

/// The elements of a small integer tensor.
fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    if tensor.elements()? > LONGEST_SHAPE || tensor.is_external() {
        return None;
    }
    if tensor.data_type() == DataType::Int64 as i32 {
        return tensor.i64s().ok();
    }
    if tensor.data_type() != DataType::Int32 as i32 {
        return None;
    }
    Some(match &tensor.raw_data {
        Some(raw) => raw.as_chunks().0.iter().map(|c| i32::from_le_bytes(*c).into()).collect(),
        None => tensor.int32_data.iter().copied().map(i64::from).collect(),
    })
}

/// Refuses a node whose output is larger than any sane tensor.
fn claim(node: &NodeProto, known: &Known<'_>) -> Result<()> {
    let given = |at: usize| node.input.get(at).and_then(|name| known.get(name.as_str()));
    let attr = |name: &str| node.attr(name).map(|attribute| &attribute.ints);
    let (claimed, most, of) = match node.op_type() {
        "ConstantOfShape" => (given(0).map(|shape| product(shape)), MAX_CLAIM, "elements"),
        "Expand" => (given(1).map(|shape| product(shape)), MAX_CLAIM, "elements"),
        "RandomNormal" | "RandomUniform" => {
            (attr("shape").map(|shape| product(shape)), MAX_CLAIM, "elements")
        }
        "Resize" => (given(3).map(|sizes| product(sizes)), MAX_CLAIM, "elements"),
        "Range" => (steps(given(0), given(1), given(2)), MAX_CLAIM, "elements"),
        "Tile" => (given(1).map(|copies| product(copies)), MAX_COPIES, "copies"),
        "OneHot" => (given(1).map(|depth| product(depth)), MAX_CLAIM >> 8, "classes"),
        "Pad" => (given(1).or_else(|| attr("pads")).map(|pads| sum(pads)), MAX_COPIES, "paddings"),
        _ => return Ok(()),
    };
    match claimed.filter(|claimed| *claimed > most) {
        Some(claimed) => Err(OnnxError::Limit(format!(
            "node '{}' ({}) claims {claimed} {of}, of at most {most}",
            node.name(),
            node.op_type()
        ))),
        None => Ok(()),
    }
}

fn product(shape: &[i64]) -> u64 {
    // A dimension of 0 makes a tensor empty, but engines multiply in any order.
    let sizes = shape.iter().map(|size| size.unsigned_abs().max(1));
    sizes.fold(1, u64::saturating_mul)
}

fn sum(sizes: &[i64]) -> u64 {
    sizes.iter().fold(0, |sum, size| sum.saturating_add(size.unsigned_abs()))
}

fn steps(
    start: Option<&Vec<i64>>,
    limit: Option<&Vec<i64>>,
    delta: Option<&Vec<i64>>,
) -> Option<u64> {
    let one = |value: Option<&Vec<i64>>| value.and_then(|value| value.first()).copied();
    let limit = one(limit)?;
    let span = limit.abs_diff(one(start).unwrap_or(0));
    Some(span / one(delta).unwrap_or(1).unsigned_abs().max(1))
}

/// Refuses windows (of convolutions and pools) beyond every image.
fn windows(node: &NodeProto) -> Result<()> {
    let names = ["pads", "kernel_shape", "strides", "dilations", "output_padding", "output_shape"];
    let large = |attribute: &&AttributeProto| {
        names.contains(&attribute.name())
            && attribute.ints.iter().any(|size| !(-MAX_WINDOW..=MAX_WINDOW).contains(size))
    };
    match node.attribute.iter().find(large) {
        Some(attribute) => Err(OnnxError::Limit(format!(
            "node '{}' ({}) has {} beyond {MAX_WINDOW}",
            node.name(),
            node.op_type(),
            attribute.name()
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Dim, attr_graph, attr_int, attr_ints, attr_tensor, decode, encode, input, model, node,
        opset, tensor_f32, tensor_i32, tensor_i64,
    };

    fn judged(nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> Result<()> {
        let graph = GraphProto {
            node: nodes,
            initializer: constants,
            input: vec![input("x", DataType::Float, &[Dim::Named("N")])],
            output: vec![input("y", DataType::Float, &[Dim::Named("N")])],
            ..GraphProto::default()
        };
        decode(&encode(&model(graph, vec![opset("", 17)], vec![]))).map(|_| ())
    }

    #[test]
    fn two_gigabytes_from_twenty_bytes_are_refused() {
        let shape = |dims: &[i64]| tensor_i64("shape", &[dims.len() as i64], dims);
        let fill = || vec![node("ConstantOfShape", &["shape"], &["y"])];
        assert!(judged(fill(), vec![shape(&[2, 3])]).is_ok());
        let error = judged(fill(), vec![shape(&[1 << 15, 1 << 14])]).unwrap_err();
        assert!(error.to_string().contains("claims 536870912 elements"), "{error}");
        assert!(judged(fill(), vec![shape(&[0, 1 << 40])]).is_err());
        assert!(judged(fill(), vec![shape(&[i64::MAX, i64::MAX, 2])]).is_err());
        assert!(judged(fill(), vec![shape(&[i64::MIN])]).is_err());
        let expand = vec![node("Expand", &["x", "shape"], &["y"])];
        let narrow = tensor_i32("shape", &[2], &[1 << 20, 1 << 20]);
        assert!(judged(expand, vec![narrow]).is_err());
    }

    #[test]
    fn constants_of_nodes_and_of_outer_graphs_count() {
        let value = || tensor_i64("v", &[1], &[1 << 40]);
        let big = node("Constant", &[], &["shape"]).with(attr_tensor("value", value()));
        let fill = || node("ConstantOfShape", &["shape"], &["y"]);
        assert!(judged(vec![big.clone(), fill()], vec![]).is_err());
        let ints = node("Constant", &[], &["shape"]).with(attr_ints("value_ints", &[1 << 40]));
        assert!(judged(vec![ints, fill()], vec![]).is_err());
        let inner = GraphProto { node: vec![fill()], ..GraphProto::default() };
        let branch = node("If", &["c"], &["y"]).with(attr_graph("then_branch", inner));
        assert!(judged(vec![big, branch], vec![]).is_err());
        let range = node("Range", &["a", "b", "d"], &["y"]);
        let bounds = |limit: i64, delta: i64| {
            vec![
                tensor_i64("a", &[], &[0]),
                tensor_i64("b", &[], &[limit]),
                tensor_i64("d", &[], &[delta]),
            ]
        };
        assert!(judged(vec![range.clone()], bounds(1 << 40, 1)).is_err());
        assert!(judged(vec![range.clone()], bounds(1 << 40, 1 << 30)).is_ok());
        assert!(judged(vec![range], bounds(1 << 40, 0)).is_err());
    }

    #[test]
    fn windows_beyond_every_image_are_refused() {
        let pool = |pads: &[i64]| {
            vec![
                node("MaxPool", &["x"], &["y"])
                    .with(attr_ints("kernel_shape", &[2, 2]))
                    .with(attr_ints("pads", pads)),
            ]
        };
        assert!(judged(pool(&[1, 1, 1, 1]), vec![]).is_ok());
        assert!(judged(pool(&[1, 1, 1 << 40, 1]), vec![]).is_err());
        let gather = vec![node("Gather", &["t", "x"], &["y"]).with(attr_int("axis", 0))];
        assert!(judged(gather, vec![tensor_f32("t", &[1], &[0.0])]).is_ok());
    }
}
