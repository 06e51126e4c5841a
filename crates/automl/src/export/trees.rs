//! Trees in standard operators: all trees step down together, one level at a time.
//!
//! Every split becomes "column > threshold goes right". A number that may be missing
//! gets a copy of its column with the gap filled so that it goes the learned way
//! (−∞ left, +∞ right); a split by categories gets a column of 0 and 1 looked up by
//! code. The children of a split are neighbours, so a step is
//! `node = left[node] + (value > threshold[node])`; leaves have the threshold +∞ and
//! step to themselves.

use std::collections::{HashMap, VecDeque};

use cairn_kernel::{Error, Result};
use cairn_onnx::{DataType, attr_int};

use crate::export::features::Front;
use crate::export::graph::Graph;
use crate::model::forest::{Forest, Missing, Node, Test, Tree};

/// Trees that are done leave the walk when at least this share of those walking is.
const DONE_SHARE: f64 = 0.1;

/// Adds the scores `[N, scores]`.
pub(crate) fn scores(graph: &mut Graph, front: &Front, forest: &Forest) -> Result<String> {
    let mut columns = Columns::new(front);
    let flat = Flat::new(forest, &mut columns)?;
    let bias: Vec<f32> = flat.bias.iter().map(|bias| *bias as f32).collect();
    if flat.trees.is_empty() {
        return Ok(front.constant(graph, &bias));
    }
    let values = columns.emit(graph, front);
    let nodes = flat.emit_walk(graph, &values);
    let leaves = graph.floats(&[flat.leaf.len()], &flat.leaf);
    let reached = graph.op_with("Gather", &[&leaves, &nodes], vec![attr_int("axis", 0)]);
    let sums = if forest.scores == 1 {
        let axes = graph.longs(&[1]);
        graph.op_with("ReduceSum", &[&reached, &axes], vec![attr_int("keepdims", 1)])
    } else {
        let mut belongs = vec![0.0; flat.trees.len() * forest.scores];
        for (row, tree) in belongs.chunks_exact_mut(forest.scores).zip(&flat.trees) {
            row[tree.score] = 1.0;
        }
        let belongs = graph.floats(&[flat.trees.len(), forest.scores], &belongs);
        graph.op("MatMul", &[&reached, &belongs])
    };
    let bias = graph.floats(&[1, forest.scores], &bias);
    Ok(graph.op("Add", &[&sums, &bias]))
}

/// The largest f32 that is at most `value`. Features are f32, so `x <= value` and
/// `x <= floor(value)` are the same.
fn floor(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) <= value { near } else { near.next_down() }
}

/// The columns that splits compare, made as needed.
struct Columns {
    can_miss: Vec<bool>,
    sizes: Vec<usize>,
    /// Source column and the value for gaps.
    numbers: Vec<(usize, f32)>,
    known_numbers: HashMap<(usize, u32), usize>,
    /// Per categorical column: for each split, which codes go left.
    tables: Vec<Vec<Vec<u32>>>,
    known_tables: HashMap<(usize, Vec<u32>), usize>,
}

/// A column, before it is known how many numeric ones there are.
#[derive(Clone, Copy)]
enum Place {
    Number(usize),
    Table(usize, usize),
}

impl Columns {
    fn new(front: &Front) -> Self {
        Self {
            can_miss: front.can_miss.clone(),
            sizes: front.categorical.iter().map(|(_, size)| *size).collect(),
            numbers: Vec::new(),
            known_numbers: HashMap::new(),
            tables: vec![Vec::new(); front.categorical.len()],
            known_tables: HashMap::new(),
        }
    }

    fn number(&mut self, feature: usize, missing: Missing) -> Result<Place> {
        let Some(can_miss) = self.can_miss.get(feature) else {
            return Err(Error::internal("a tree compares a category as a number"));
        };
        let fill = match missing {
            Missing::Left if *can_miss => f32::NEG_INFINITY,
            Missing::Right if *can_miss => f32::INFINITY,
            _ => 0.0,
        };
        let numbers = &mut self.numbers;
        let place = self.known_numbers.entry((feature, fill.to_bits())).or_insert_with(|| {
            numbers.push((feature, fill));
            numbers.len() - 1
        });
        Ok(Place::Number(*place))
    }

    fn table(&mut self, feature: usize, bits: &[u32]) -> Result<Place> {
        let column = feature.checked_sub(self.can_miss.len());
        let Some(tables) = column.and_then(|column| self.tables.get_mut(column)) else {
            return Err(Error::internal("a tree splits a number by categories"));
        };
        let column = feature - self.can_miss.len();
        let place = self.known_tables.entry((column, bits.to_vec())).or_insert_with(|| {
            tables.push(bits.to_vec());
            tables.len() - 1
        });
        Ok(Place::Table(column, *place))
    }

    /// Where a place ends up in the joined matrix.
    fn position(&self, place: Place) -> usize {
        match place {
            Place::Number(index) => index,
            Place::Table(column, index) => {
                let before: usize = self.tables[..column].iter().map(Vec::len).sum();
                self.numbers.len() + before + index
            }
        }
    }

    /// Adds the joined matrix `[N, columns]`.
    fn emit(&self, graph: &mut Graph, front: &Front) -> String {
        let mut parts = Vec::new();
        if let (Some(numeric), false) = (&front.numeric, self.numbers.is_empty()) {
            let sources: Vec<usize> = self.numbers.iter().map(|(source, _)| *source).collect();
            let picked = graph.columns(numeric, &sources);
            let fills: Vec<f32> = self.numbers.iter().map(|(_, fill)| *fill).collect();
            let gaps = graph.op("IsNaN", &[&picked]);
            let fills = graph.floats(&[1, fills.len()], &fills);
            parts.push(graph.op("Where", &[&gaps, &fills, &picked]));
        }
        for (column, tables) in self.tables.iter().enumerate() {
            if tables.is_empty() {
                continue;
            }
            let size = self.sizes[column];
            let right = |code: usize, bits: &Vec<u32>| {
                let word = bits.get(code / 32).copied().unwrap_or(0);
                f32::from(u8::from(word >> (code % 32) & 1 == 0))
            };
            let table: Vec<f32> = (0..size)
                .flat_map(|code| tables.iter().map(move |bits| right(code, bits)))
                .collect();
            let table = graph.floats(&[size, tables.len()], &table);
            let codes = &front.categorical[column].0;
            parts.push(graph.op_with("Gather", &[&table, codes], vec![attr_int("axis", 0)]));
        }
        if parts.is_empty() {
            return front.constant(graph, &[0.0]);
        }
        graph.concat(&parts)
    }
}

/// All nodes of all trees that split, in one numbering.
#[derive(Default)]
struct Flat {
    column: Vec<i32>,
    threshold: Vec<f32>,
    left: Vec<i32>,
    leaf: Vec<f32>,
    /// The deepest first.
    trees: Vec<Root>,
    /// Per score, the sum of the trees that are one leaf.
    bias: Vec<f64>,
}

struct Root {
    node: usize,
    score: usize,
    depth: usize,
}

impl Flat {
    fn new(forest: &Forest, columns: &mut Columns) -> Result<Self> {
        let mut flat = Self { bias: vec![0.0; forest.scores], ..Self::default() };
        let mut places = Vec::new();
        for (index, tree) in forest.trees.iter().enumerate() {
            let score = index % forest.scores;
            if let [Node::Leaf(value)] = tree.nodes.as_slice() {
                flat.bias[score] += value;
            } else {
                flat.add(tree, score, columns, &mut places)?;
            }
        }
        flat.trees.sort_by_key(|tree| std::cmp::Reverse(tree.depth));
        for (column, place) in flat.column.iter_mut().zip(places) {
            *column = place.map_or(0, |place| columns.position(place) as i32);
        }
        Ok(flat)
    }

    fn add(
        &mut self,
        tree: &Tree,
        score: usize,
        columns: &mut Columns,
        places: &mut Vec<Option<Place>>,
    ) -> Result<()> {
        let root = self.reserve(1, places);
        let mut deepest = 0;
        let mut queue = VecDeque::from([(0_usize, root, 0_usize)]);
        while let Some((node, at, depth)) = queue.pop_front() {
            deepest = deepest.max(depth);
            match &tree.nodes[node] {
                Node::Leaf(value) => self.leaf[at] = *value as f32,
                Node::Split { feature, test, left, right } => {
                    let (place, threshold) = match test {
                        Test::AtMost { threshold, missing } => {
                            (columns.number(*feature, *missing)?, floor(*threshold))
                        }
                        Test::OneOf(bits) => (columns.table(*feature, bits)?, 0.5),
                    };
                    let children = self.reserve(2, places);
                    places[at] = Some(place);
                    self.threshold[at] = threshold;
                    self.left[at] = children as i32;
                    queue.push_back((*left, children, depth + 1));
                    queue.push_back((*right, children + 1, depth + 1));
                }
            }
        }
        self.trees.push(Root { node: root, score, depth: deepest });
        Ok(())
    }

    /// Room for nodes, which are leaves of value 0 until they are filled.
    fn reserve(&mut self, count: usize, places: &mut Vec<Option<Place>>) -> usize {
        let start = self.left.len();
        for at in start..start + count {
            self.column.push(0);
            self.threshold.push(f32::INFINITY);
            self.left.push(at as i32);
            self.leaf.push(0.0);
            places.push(None);
        }
        start
    }

    /// Adds the walk; the nodes reached `[N, trees]` come back.
    fn emit_walk(&self, graph: &mut Graph, values: &str) -> String {
        let axis = |axis: i64| vec![attr_int("axis", axis)];
        let mut walking = self.trees.len();
        let mut node = self.emit_roots(graph, values);
        let mut done: Vec<String> = Vec::new();
        let depth = self.trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
        let nodes = self.left.len();
        let columns = graph.ints(&[nodes], &self.column);
        let thresholds = graph.floats(&[nodes], &self.threshold);
        let lefts = graph.ints(&[nodes], &self.left);
        for level in 1..depth {
            let deeper = self.trees.iter().take_while(|tree| tree.depth > level).count();
            if ((walking - deeper) as f64) >= DONE_SHARE * walking as f64 {
                done.push(graph.slice(&node, deeper, walking));
                node = graph.slice(&node, 0, deeper);
                walking = deeper;
            }
            let column = graph.op_with("Gather", &[&columns, &node], axis(0));
            let value = graph.op_with("GatherElements", &[values, &column], axis(1));
            let threshold = graph.op_with("Gather", &[&thresholds, &node], axis(0));
            let right = graph.op("Greater", &[&value, &threshold]);
            let right = graph.cast(&right, DataType::Int32);
            let left = graph.op_with("Gather", &[&lefts, &node], axis(0));
            node = graph.op("Add", &[&left, &right]);
        }
        done.push(node);
        done.reverse();
        graph.concat(&done)
    }

    /// The first level is the same for all rows, so it needs no lookups.
    fn emit_roots(&self, graph: &mut Graph, values: &str) -> String {
        let roots = || self.trees.iter().map(|tree| tree.node);
        let columns: Vec<usize> = roots().map(|root| self.column[root] as usize).collect();
        let thresholds: Vec<f32> = roots().map(|root| self.threshold[root]).collect();
        let lefts: Vec<i32> = roots().map(|root| self.left[root]).collect();
        let compared = graph.columns(values, &columns);
        let thresholds = graph.floats(&[1, lefts.len()], &thresholds);
        let lefts = graph.ints(&[1, lefts.len()], &lefts);
        let right = graph.op("Greater", &[&compared, &thresholds]);
        let right = graph.cast(&right, DataType::Int32);
        graph.op("Add", &[&right, &lefts])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_round_down_to_f32() {
        assert_eq!(floor(0.5), 0.5);
        let third = 1.0_f64 / 3.0;
        assert!(f64::from(floor(third)) <= third && f64::from(floor(third).next_up()) > third);
        assert_eq!(floor(1e300), f32::MAX);
        assert_eq!(floor(-1e300), f32::NEG_INFINITY);
    }
}
