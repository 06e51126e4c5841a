//! A graph being written, with names made up on the way.

use cairn_onnx::{
    AttributeProto, DataType, Dim, GraphProto, ML_DOMAIN, ModelProto, NodeProto, attr_int, input,
    metadata, model, node, opset, tensor_f32, tensor_i32, tensor_i64,
};

const OPSET: i64 = 17;
const ML_OPSET: i64 = 3;
/// Inner names start with this, so that no column's name can meet them.
const PREFIX: &str = "cairn/";

/// The rows' dimension.
pub(crate) const ROWS: Dim<'static> = Dim::Named("N");

#[derive(Default)]
pub(crate) struct Graph {
    graph: GraphProto,
    names: usize,
}

impl Graph {
    fn name(&mut self, hint: &str) -> String {
        self.names += 1;
        format!("{PREFIX}{}_{}", hint.to_lowercase(), self.names)
    }

    pub(crate) fn push(&mut self, node: NodeProto) {
        let name = self.name(node.op_type());
        self.graph.node.push(node.named(&name));
    }

    /// Adds a node with one output, whose name comes back.
    pub(crate) fn op(&mut self, kind: &str, inputs: &[&str]) -> String {
        self.op_with(kind, inputs, Vec::new())
    }

    pub(crate) fn op_with(
        &mut self,
        kind: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let output = self.name(kind);
        let mut node = node(kind, inputs, &[&output]);
        node.attribute = attributes;
        self.push(node);
        output
    }

    /// Joins values along the columns.
    pub(crate) fn concat(&mut self, parts: &[String]) -> String {
        match parts {
            [only] => only.clone(),
            parts => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.op_with("Concat", &parts, vec![attr_int("axis", 1)])
            }
        }
    }

    pub(crate) fn sum(&mut self, parts: &[String]) -> String {
        let mut parts = parts.iter();
        let mut sum = parts.next().cloned().unwrap_or_default();
        for part in parts {
            sum = self.op("Add", &[&sum, part]);
        }
        sum
    }

    pub(crate) fn cast(&mut self, value: &str, to: DataType) -> String {
        self.op_with("Cast", &[value], vec![attr_int("to", i64::from(to as i32))])
    }

    /// Picks columns.
    pub(crate) fn columns(&mut self, value: &str, columns: &[usize]) -> String {
        let columns: Vec<i32> = columns.iter().map(|column| *column as i32).collect();
        let columns = self.ints(&[columns.len()], &columns);
        self.op_with("Gather", &[value, &columns], vec![attr_int("axis", 1)])
    }

    /// The columns from `start` up to `end`.
    pub(crate) fn slice(&mut self, value: &str, start: usize, end: usize) -> String {
        let (start, end) = (self.longs(&[start as i64]), self.longs(&[end as i64]));
        let axes = self.longs(&[1]);
        self.op("Slice", &[value, &start, &end, &axes])
    }

    pub(crate) fn floats(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = self.name("floats");
        self.graph.initializer.push(tensor_f32(&name, &sizes(dims), values));
        name
    }

    pub(crate) fn ints(&mut self, dims: &[usize], values: &[i32]) -> String {
        let name = self.name("ints");
        self.graph.initializer.push(tensor_i32(&name, &sizes(dims), values));
        name
    }

    /// 64-bit integers, which shapes and axes are.
    pub(crate) fn longs(&mut self, values: &[i64]) -> String {
        let name = self.name("longs");
        self.graph.initializer.push(tensor_i64(&name, &[values.len() as i64], values));
        name
    }

    /// Declares a raw column.
    pub(crate) fn input(&mut self, name: &str, kind: DataType) {
        self.graph.input.push(input(name, kind, &[ROWS, Dim::Fixed(1)]));
    }

    pub(crate) fn output(&mut self, name: &str, kind: DataType, width: i64) {
        self.graph.output.push(input(name, kind, &[ROWS, Dim::Fixed(width)]));
    }

    pub(crate) fn finish(mut self, properties: &[(&str, String)]) -> ModelProto {
        self.graph.name = Some("cairn".to_owned());
        let properties = properties.iter().map(|(key, value)| metadata(key, value)).collect();
        model(self.graph, vec![opset("", OPSET), opset(ML_DOMAIN, ML_OPSET)], properties)
    }
}

fn sizes(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|dim| *dim as i64).collect()
}
