//! Takes the text-to-number nodes off a graph's front and the number-to-text node
//! off its end, and refuses what the engine cannot run.

use std::collections::{BTreeSet, HashMap, HashSet};

use cairn_kernel::{Error, Kind, Result};
use cairn_onnx::{
    DataType, GraphProto, ML_DOMAIN, ModelProto, NodeProto, TypeValue, ValueInfoProto,
};

use super::encoder::{Decoder, Encoder};
use super::spec::TensorSpec;
use crate::tensor::Datatype;

/// A model taken apart.
#[derive(Debug)]
pub(crate) struct Split {
    /// What callers send.
    pub(crate) inputs: Vec<TensorSpec>,
    /// What callers get.
    pub(crate) outputs: Vec<TensorSpec>,
    /// Runs before the engine.
    pub(crate) encoders: Vec<Encoder>,
    /// Runs after the engine.
    pub(crate) decoders: Vec<Decoder>,
    /// Whether the engine's graph differs from the file's.
    pub(crate) changed: bool,
}

/// Splits `model`, which then holds only what the engine runs.
///
/// # Errors
/// `Unsupported`, naming the operators, for what cannot be run here;
/// `Unprocessable` for a `LabelEncoder` that contradicts itself.
pub(crate) fn split(model: &mut ModelProto) -> Result<Split> {
    let Some(graph) = model.graph.as_mut() else {
        return Err(Error::new(Kind::Unprocessable, "the model holds no graph"));
    };
    if !model.functions.is_empty() {
        return Err(unsupported("model-local functions"));
    }
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    graph.input.retain(|input| !constants.contains(input.name()));
    let inputs = graph.input.iter().map(TensorSpec::read).collect::<Result<Vec<_>>>()?;
    let outputs = graph.output.iter().map(TensorSpec::read).collect::<Result<Vec<_>>>()?;
    let encoders = take_encoders(graph, &inputs)?;
    let decoders = take_decoders(graph, &outputs)?;
    refuse_foreign(graph)?;
    let changed = !encoders.is_empty() || !decoders.is_empty() || graph.input.len() < inputs.len();
    model.opset_import.retain(|set| !changed || set.domain() != ML_DOMAIN);
    Ok(Split { inputs, outputs, encoders, decoders, changed })
}

fn is_label_encoder(node: &NodeProto) -> bool {
    node.op_type() == "LabelEncoder" && node.domain() == ML_DOMAIN
}

fn take_encoders(graph: &mut GraphProto, inputs: &[TensorSpec]) -> Result<Vec<Encoder>> {
    let texts: HashSet<&str> = inputs
        .iter()
        .filter(|input| input.datatype == Datatype::Bytes)
        .map(|input| input.name.as_str())
        .collect();
    let mut encoders = Vec::new();
    let mut rest = Vec::with_capacity(graph.node.len());
    for node in std::mem::take(&mut graph.node) {
        let reads_text = node.input.iter().any(|name| texts.contains(name.as_str()));
        if !reads_text {
            rest.push(node);
            continue;
        }
        let encoder = if is_label_encoder(&node) { Encoder::read(&node)? } else { None };
        let Some(encoder) = encoder else {
            return Err(unsupported(&format!(
                "the operator {} on the text input '{}' (only a LabelEncoder from text to \
                 numbers may read text)",
                node.op_type(),
                node.input.first().map_or("", String::as_str)
            )));
        };
        encoders.push(encoder);
    }
    graph.node = rest;
    let declared: HashMap<String, ValueInfoProto> =
        graph.input.iter().map(|value| (value.name().to_owned(), value.clone())).collect();
    graph.input.retain(|value| !texts.contains(value.name()));
    for encoder in &encoders {
        if let Some(text) = declared.get(&encoder.input) {
            let kind = if encoder.gives_integers() { DataType::Int64 } else { DataType::Float };
            graph.input.push(retyped(text, &encoder.output, kind));
        }
    }
    Ok(encoders)
}

fn take_decoders(graph: &mut GraphProto, outputs: &[TensorSpec]) -> Result<Vec<Decoder>> {
    let mut decoders = Vec::new();
    for output in outputs.iter().filter(|output| output.datatype == Datatype::Bytes) {
        let written = |node: &NodeProto| node.output.contains(&output.name);
        let at = graph.node.iter().position(written);
        let decoder = match at.and_then(|at| graph.node.get(at)) {
            Some(node) if is_label_encoder(node) => Decoder::read(node)?,
            _ => None,
        };
        let (Some(at), Some(decoder)) = (at, decoder) else {
            return Err(unsupported(&format!(
                "the text output '{}' (only a LabelEncoder from integers to text may write text)",
                output.name
            )));
        };
        if graph.node.iter().any(|node| node.input.contains(&output.name)) {
            return Err(unsupported(&format!("reading the text output '{}'", output.name)));
        }
        graph.node.remove(at);
        replace_output(graph, &decoder);
        decoders.push(decoder);
    }
    Ok(decoders)
}

fn replace_output(graph: &mut GraphProto, decoder: &Decoder) {
    let Some(at) = graph.output.iter().position(|value| value.name() == decoder.output) else {
        return;
    };
    let text = graph.output.remove(at);
    if !graph.output.iter().any(|value| value.name() == decoder.input) {
        graph.output.insert(at, retyped(&text, &decoder.input, DataType::Int64));
    }
}

/// The same declaration under another name and element type.
fn retyped(value: &ValueInfoProto, name: &str, kind: DataType) -> ValueInfoProto {
    let mut value = value.clone();
    value.name = Some(name.to_owned());
    if let Some(TypeValue::Tensor(tensor)) =
        value.r#type.as_mut().and_then(|kind| kind.value.as_mut())
    {
        tensor.elem_type = Some(kind as i32);
    }
    value
}

fn refuse_foreign(graph: &GraphProto) -> Result<()> {
    let mut foreign = BTreeSet::new();
    collect_foreign(graph, &mut foreign);
    if foreign.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = foreign.into_iter().collect();
    Err(unsupported(&format!("the operators {}", names.join(", "))))
}

fn collect_foreign(graph: &GraphProto, found: &mut BTreeSet<String>) {
    for node in &graph.node {
        if !matches!(node.domain(), "" | "ai.onnx" | "com.microsoft") {
            found.insert(format!("{}.{}", node.domain(), node.op_type()));
        }
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                collect_foreign(inner, found);
            }
        }
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(Kind::Unsupported, format!("the built-in ONNX runtime does not have {what}"))
}
