//! The embedding model's large products in whole numbers.
//!
//! Its file holds the weights as 8-bit integers with a scale for each column, and turns them
//! into floats before it multiplies. [`in_integers`] leaves them what they are: what they are
//! multiplied with is rounded to 8 bits too, at steps that are fixed for each activation, but
//! for a few channels that are several times larger than all others. These are multiplied as
//! floats and added (the decomposition of Dettmers et al. 2022, "LLM.int8()").
//!
//! A vector then has a cosine of 0.999 with that of floats, takes about half the time, and
//! still does not depend on what else is in its batch, as it would with steps found at run
//! time. `bench/peers/ranges.py` makes the table of activations again.

use std::collections::HashSet;

use cairn_onnx::{
    DataType, GraphProto, NodeProto, TensorProto, attr_int, node, tensor_f32, tensor_i64,
};

/// An activation that weights are multiplied with.
struct Activation {
    name: &'static str,
    /// What is outside of these is clipped.
    low: f32,
    high: f32,
    /// The channels that stay floats.
    apart: &'static [usize],
}

const fn range(low: f32, high: f32, name: &'static str, apart: &'static [usize]) -> Activation {
    Activation { name, low, high, apart }
}

/// The greatest of each channel over some 200 passages of manuals and short texts, with a
/// margin of 5 %; apart are the largest eight of those that exceed 4.8.
const ACTIVATIONS: [Activation; 24] = [
    range(-3.326, 3.326, "layer_norm", &[63, 99]),
    range(-3.461, 3.461, "view_3", &[]),
    range(-4.953, 4.953, "layer_norm_1", &[63, 99, 157, 267, 303]),
    range(-0.170, 5.534, "gelu", &[329, 433, 691, 829, 856, 982, 1170, 1337]),
    range(-4.884, 4.884, "layer_norm_2", &[63, 99, 157, 338]),
    range(-2.853, 2.853, "view_7", &[]),
    range(-5.066, 5.066, "layer_norm_3", &[63, 94, 99, 157, 223, 267, 338, 347]),
    range(-0.170, 5.379, "gelu_1", &[116, 251, 505, 607, 646, 821, 923, 1184]),
    range(-4.556, 4.556, "layer_norm_4", &[63, 94, 99, 157, 223, 338]),
    range(-2.743, 2.743, "view_11", &[]),
    range(-4.881, 4.881, "layer_norm_5", &[63, 94, 99, 157, 223, 267, 338]),
    range(-0.170, 5.761, "gelu_2", &[218, 293, 456, 606, 1004, 1166, 1265, 1309]),
    range(-4.836, 4.836, "layer_norm_6", &[63, 94, 99, 157, 223, 338, 363]),
    range(-2.634, 2.634, "view_15", &[]),
    range(-4.986, 4.986, "layer_norm_7", &[63, 99, 157, 223, 338]),
    range(-0.170, 5.184, "gelu_3", &[112, 201, 228, 318, 358, 456, 750, 1329]),
    range(-5.000, 5.000, "layer_norm_8", &[63, 94, 99, 157, 223, 245, 338, 363]),
    range(-3.604, 3.604, "view_19", &[]),
    range(-4.211, 4.211, "layer_norm_9", &[63, 99, 127, 157, 223, 319, 338, 363]),
    range(-0.170, 6.287, "gelu_4", &[128, 192, 637, 682, 1031, 1097, 1321, 1357]),
    range(-4.954, 4.954, "layer_norm_10", &[99, 157, 223, 338, 363]),
    range(-3.627, 3.627, "view_23", &[]),
    range(-4.639, 4.639, "layer_norm_11", &[99, 127, 223, 319]),
    range(-0.170, 4.943, "gelu_5", &[256, 372, 923, 1297, 1300, 1302]),
];
/// Products of the model with weights: six in each of its layers.
const PRODUCTS: usize = 36;
/// Steps of an activation.
const STEPS: f32 = 255.0;
/// The zero of the weights.
const WEIGHT_ZERO: &str = "integers/zero";

/// The model of `file` with its large products in integers. Nothing where this processor
/// would not be faster, or would not be exact, with them, or where `file` is another model.
pub fn in_integers(file: &[u8]) -> Option<Vec<u8>> {
    if !exact() {
        return None;
    }
    let mut model = cairn_onnx::decode(file).ok()?;
    let products = rewrite(model.graph.as_mut()?)?;
    (products == PRODUCTS).then(|| cairn_onnx::encode(&model))
}

/// Whether sums of four products of 8 bits come out whole: without these instructions the
/// engine has some that clip at 16 bits.
#[cfg(target_arch = "x86_64")]
fn exact() -> bool {
    std::arch::is_x86_feature_detected!("avx512vnni")
}

/// As on other processors.
#[cfg(target_arch = "aarch64")]
fn exact() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

/// As on other processors.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const fn exact() -> bool {
    false
}

/// Weights as the file has them.
struct Weights {
    /// Row by row.
    values: Vec<u8>,
    rows: usize,
    /// One for each column.
    scales: Vec<f32>,
}

/// A product of an activation with weights, with the bias that is added to it.
struct Product {
    weights: Weights,
    /// As long as the weights are wide; zeros where nothing is added.
    bias: Vec<f32>,
    /// What the sum is called.
    output: String,
    /// The nodes that it takes the place of.
    nodes: Vec<usize>,
}

/// The products of one activation.
struct Group {
    activation: &'static Activation,
    /// Where the first of them stands: all that they need is there by then.
    at: usize,
    products: Vec<Product>,
}

/// Puts integers where weights are multiplied; gives the number of such products. Those of
/// the same activation (queries, keys and values of an attention) become one.
fn rewrite(graph: &mut GraphProto) -> Option<usize> {
    let mut groups: Vec<Group> = Vec::new();
    for at in 0..graph.node.len() {
        let Some((activation, product)) = product(graph, at) else { continue };
        match groups.iter_mut().find(|group| group.activation.name == activation.name) {
            Some(group) => group.products.push(product),
            None => groups.push(Group { activation, at, products: vec![product] }),
        }
    }
    let products = || groups.iter().flat_map(|group| &group.products);
    let count = products().count();
    let replaced: HashSet<usize> = products().flat_map(|one| one.nodes.iter().copied()).collect();
    let (mut nodes, mut constants) = (Vec::new(), vec![int8(WEIGHT_ZERO, &[], vec![0])]);
    for (at, other) in graph.node.iter().enumerate() {
        if let Some(group) = groups.iter().find(|group| group.at == at) {
            group.activation.round(&mut nodes, &mut constants);
            group.activation.multiply(&group.products, &mut nodes, &mut constants)?;
        } else if !replaced.contains(&at) {
            nodes.push(other.clone());
        }
    }
    graph.node = nodes;
    graph.initializer.extend(constants);
    prune(graph);
    Some(count)
}

/// The node at that place as a product of an activation with weights, if it is one.
fn product(graph: &GraphProto, at: usize) -> Option<(&'static Activation, Product)> {
    let node = graph.node.get(at).filter(|node| node.op_type() == "MatMul")?;
    let activation = activation(node.input.first()?)?;
    let weights = weights(graph, node.input.get(1)?)?;
    let output = node.output.first()?;
    let mut readers =
        graph.node.iter().enumerate().filter(|(_, reader)| reader.input.contains(output));
    let bias = vec![0.0; weights.scales.len()];
    let mut product = Product { weights, bias, output: output.clone(), nodes: vec![at] };
    if let (Some((place, reader)), None) = (readers.next(), readers.next())
        && reader.op_type() == "Add"
        && let Some(other) = reader.input.iter().find(|input| *input != output)
        && let Some(constant) = constant(graph, other)
        && constant.dims == [product.bias.len() as i64]
    {
        product.bias = constant.f32s().ok()?;
        product.output.clone_from(reader.output.first()?);
        product.nodes.push(place);
    }
    Some((activation, product))
}

fn constant<'a>(graph: &'a GraphProto, name: &str) -> Option<&'a TensorProto> {
    graph.initializer.iter().find(|tensor| tensor.name() == name)
}

fn activation(name: &str) -> Option<&'static Activation> {
    ACTIVATIONS.iter().find(|activation| activation.name == name)
}

/// The weights that the value `name` is made from: a cast of integers, times scales.
fn weights(graph: &GraphProto, name: &str) -> Option<Weights> {
    let made = |name: &str, by: &str| {
        let of = |node: &&NodeProto| node.output.first().is_some_and(|output| output == name);
        graph.node.iter().find(of).filter(|node| node.op_type() == by)
    };
    let scaled = made(name, "Mul")?;
    let cast = made(scaled.input.first()?, "Cast")?;
    let values = constant(graph, cast.input.first()?)?;
    let scales = constant(graph, scaled.input.get(1)?)?.f32s().ok()?;
    let &[rows, columns] = values.dims.as_slice() else { return None };
    let (rows, columns) = (usize::try_from(rows).ok()?, usize::try_from(columns).ok()?);
    let bytes = values.raw_data.clone()?;
    let whole = values.data_type == Some(DataType::Int8 as i32)
        && scales.len() == columns
        && bytes.len() == rows * columns;
    whole.then_some(Weights { values: bytes, rows, scales })
}

impl Activation {
    fn step(&self) -> f32 {
        (self.high - self.low) / STEPS
    }

    fn named(&self, what: &str) -> String {
        format!("integers/{}/{what}", self.name)
    }

    /// Rounds it, and takes out the channels that stay floats.
    fn round(&self, nodes: &mut Vec<NodeProto>, constants: &mut Vec<TensorProto>) {
        let [step, zero, rounded] = ["step", "zero", "rounded"].map(|what| self.named(what));
        let at_zero = (-self.low / self.step()).round() as u8;
        constants.push(tensor_f32(&step, &[], &[self.step()]));
        constants.push(uint8(&zero, at_zero));
        nodes.push(node("QuantizeLinear", &[self.name, &step, &zero], &[&rounded]));
        if !self.apart.is_empty() {
            let [channels, apart] = ["channels", "apart"].map(|what| self.named(what));
            let numbers: Vec<i64> = self.apart.iter().map(|&channel| channel as i64).collect();
            constants.push(tensor_i64(&channels, &[numbers.len() as i64], &numbers));
            let taken = node("Gather", &[self.name, &channels], &[&apart]);
            nodes.push(taken.with(attr_int("axis", -1)));
        }
    }

    /// Computes what `products` do, all of them at once.
    fn multiply(
        &self,
        products: &[Product],
        nodes: &mut Vec<NodeProto>,
        constants: &mut Vec<TensorProto>,
    ) -> Option<()> {
        let outputs: Vec<&str> = products.iter().map(|product| product.output.as_str()).collect();
        let widths: Vec<i64> = products.iter().map(|product| product.bias.len() as i64).collect();
        let bias: Vec<f32> = products.iter().flat_map(|product| product.bias.clone()).collect();
        let mut weights = beside(products)?;
        let columns = weights.scales.len();
        let mut apart = Vec::new();
        for &channel in self.apart {
            let row = weights.values.get_mut(channel * columns..(channel + 1) * columns)?;
            let floats = row.iter().zip(&weights.scales);
            apart.extend(floats.map(|(&value, scale)| f32::from(value.cast_signed()) * scale));
            row.fill(0);
        }
        let wide = columns as i64;
        let [integers, scales, sums, floats] =
            ["weights", "scales", "sums", "floats"].map(|what| self.named(what));
        let scaled: Vec<f32> = weights.scales.iter().map(|scale| scale * self.step()).collect();
        constants.push(int8(&integers, &[weights.rows, columns], weights.values));
        constants.push(tensor_f32(&scales, &[wide], &scaled));
        let (rounded, zero) = (self.named("rounded"), self.named("zero"));
        let factors = [rounded.as_str(), &integers, &zero, WEIGHT_ZERO];
        nodes.push(node("MatMulInteger", &factors, &[&sums]));
        let float = attr_int("to", i64::from(DataType::Float as i32));
        nodes.push(node("Cast", &[&sums], &[&floats]).with(float));
        let [near, rows, far, offset, moved, whole] =
            ["near", "rows", "far", "bias", "moved", "whole"].map(|what| self.named(what));
        nodes.push(node("Mul", &[&floats, &scales], &[&near]));
        constants.push(tensor_f32(&offset, &[wide], &bias));
        // Added to the small product, whose engine takes a bias along.
        let added = if self.apart.is_empty() {
            &offset
        } else {
            constants.push(tensor_f32(&rows, &[self.apart.len() as i64, wide], &apart));
            nodes.push(node("MatMul", &[&self.named("apart"), &rows], &[&far]));
            nodes.push(node("Add", &[&far, &offset], &[&moved]));
            &moved
        };
        if let [output] = outputs[..] {
            nodes.push(node("Add", &[&near, added], &[output]));
            return Some(());
        }
        nodes.push(node("Add", &[&near, added], &[&whole]));
        let sizes = self.named("widths");
        constants.push(tensor_i64(&sizes, &[widths.len() as i64], &widths));
        nodes.push(node("Split", &[&whole, &sizes], &outputs).with(attr_int("axis", -1)));
        Some(())
    }
}

/// The weights of the products side by side; nothing where they differ in their rows.
fn beside(products: &[Product]) -> Option<Weights> {
    let parts = || products.iter().map(|product| &product.weights);
    let rows = parts().next()?.rows;
    if parts().any(|part| part.rows != rows) {
        return None;
    }
    let mut values = Vec::new();
    for row in 0..rows {
        for part in parts() {
            let columns = part.scales.len();
            values.extend_from_slice(part.values.get(row * columns..(row + 1) * columns)?);
        }
    }
    let scales = parts().flat_map(|part| part.scales.iter().copied()).collect();
    Some(Weights { values, rows, scales })
}

fn int8(name: &str, dims: &[usize], values: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.iter().map(|&size| size as i64).collect(),
        data_type: Some(DataType::Int8 as i32),
        raw_data: Some(values),
        ..TensorProto::default()
    }
}

fn uint8(name: &str, value: u8) -> TensorProto {
    let data_type = Some(DataType::Uint8 as i32);
    TensorProto { data_type, ..int8(name, &[], vec![value]) }
}

/// Leaves out what nothing needs any more.
fn prune(graph: &mut GraphProto) {
    let mut used: HashSet<String> =
        graph.output.iter().map(|output| output.name().to_owned()).collect();
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|output| used.contains(output)) {
            used.extend(node.input.iter().cloned());
        }
    }
    graph.node.retain(|node| node.output.iter().any(|output| used.contains(output)));
    graph.initializer.retain(|tensor| used.contains(tensor.name()));
}
