//! The front of the graph: raw columns to what [`crate::data::encode`] makes of them.

use cairn_onnx::{DataType, ML_DOMAIN, attr_int, attr_ints, attr_strings, node};

use crate::data::plan::{Kinds, NumberKind, PERIODS, Plan};
use crate::export::graph::Graph;

/// Encoded columns inside the graph.
pub(crate) struct Front {
    /// `[N, numbers]`, missing values NaN; `None` without numeric columns.
    pub(crate) numeric: Option<String>,
    pub(crate) numeric_count: usize,
    /// Per column: codes `[N]` and how many codes there are.
    pub(crate) categorical: Vec<(String, usize)>,
    /// Per numeric column, whether it can be NaN.
    pub(crate) can_miss: Vec<bool>,
}

pub(crate) fn front(graph: &mut Graph, plan: &Plan) -> Front {
    let mut raw = Vec::new();
    let mut fills = Vec::new();
    let mut times = Vec::new();
    let mut categorical = Vec::new();
    for input in &plan.inputs {
        match &input.kind {
            Kinds::Number { kind, fill } => {
                graph.input(&input.name, DataType::Float);
                if *kind == NumberKind::Timestamp {
                    times.push(raw.len());
                }
                raw.push(input.name.clone());
                fills.push(fill.unwrap_or(f32::NAN));
            }
            Kinds::Category { levels } => {
                graph.input(&input.name, DataType::String);
                categorical.push((codes(graph, &input.name, levels), levels.len() + 2));
            }
        }
    }
    let mut can_miss: Vec<bool> = fills.iter().map(|fill| fill.is_nan()).collect();
    let phases: Vec<bool> =
        times.iter().flat_map(|time| [can_miss[*time]; PERIODS.len()]).collect();
    can_miss.extend(phases);
    let numeric = (!raw.is_empty()).then(|| numbers(graph, &raw, &fills, &times));
    Front { numeric, numeric_count: can_miss.len(), categorical, can_miss }
}

/// Unknown text has the code after the levels, the empty text the one after that.
fn codes(graph: &mut Graph, column: &str, levels: &[String]) -> String {
    let other = levels.len() as i64;
    let mut keys = levels.to_vec();
    keys.push(String::new());
    let mut values: Vec<i64> = (0..other).collect();
    values.push(other + 1);
    let encoded = format!("cairn/codes/{column}");
    let encoder = node("LabelEncoder", &[column], &[&encoded])
        .in_domain(ML_DOMAIN)
        .with(attr_strings("keys_strings", &keys))
        .with(attr_ints("values_int64s", &values))
        .with(attr_int("default_int64", other));
    graph.push(encoder);
    let flat = graph.longs(&[-1]);
    graph.op("Reshape", &[&encoded, &flat])
}

fn numbers(graph: &mut Graph, raw: &[String], fills: &[f32], times: &[usize]) -> String {
    let joined = graph.concat(raw);
    // A value minus itself is 0, unless it is infinite or not a number.
    let zero = graph.op("Sub", &[&joined, &joined]);
    let bad = graph.op("IsNaN", &[&zero]);
    let fill = graph.floats(&[1, fills.len()], fills);
    let clean = graph.op("Where", &[&bad, &fill, &joined]);
    if times.is_empty() {
        return clean;
    }
    let picked: Vec<usize> = times.iter().flat_map(|time| [*time; PERIODS.len()]).collect();
    let seconds = graph.columns(&clean, &picked);
    let periods = graph.floats(&[1, picked.len()], &PERIODS.repeat(times.len()));
    let turns = graph.op("Div", &[&seconds, &periods]);
    let whole = graph.op("Floor", &[&turns]);
    let phases = graph.op("Sub", &[&turns, &whole]);
    graph.concat(&[clean, phases])
}

impl Front {
    /// The same values for every row: `[N, values]`.
    pub(crate) fn constant(&self, graph: &mut Graph, values: &[f32]) -> String {
        let any = self.numeric.as_ref().or_else(|| self.categorical.first().map(|(name, _)| name));
        let shape = graph.op("Shape", &[any.map_or("", String::as_str)]);
        let (start, end) = (graph.longs(&[0]), graph.longs(&[1]));
        let rows = graph.op("Slice", &[&shape, &start, &end]);
        let width = graph.longs(&[values.len() as i64]);
        let shape = graph.op_with("Concat", &[&rows, &width], vec![attr_int("axis", 0)]);
        let values = graph.floats(&[1, values.len()], values);
        graph.op("Expand", &[&values, &shape])
    }
}
