//! LightGBM's trees, read from its text format.

use std::collections::HashMap;
use std::str::FromStr;

/// All trees; tree `i` adds to score `i % scores`.
#[derive(Debug)]
pub(crate) struct Forest {
    pub(crate) scores: usize,
    pub(crate) trees: Vec<Tree>,
}

/// Nodes; the first is the root.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

/// A node; children by their position.
#[derive(Debug)]
pub(crate) enum Node {
    Leaf(f64),
    Split { feature: usize, test: Test, left: usize, right: usize },
}

/// What sends a row to the left.
#[derive(Debug)]
pub(crate) enum Test {
    /// Being at most the threshold.
    AtMost { threshold: f64, missing: Missing },
    /// Having a code whose bit is set; all other values go right.
    OneOf(Vec<u32>),
}

/// What a missing number does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Missing {
    Left,
    Right,
    /// It counts as 0.
    Zero,
}

const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;
const MISSING_IS_NAN: u8 = 2;
const MISSING_IS_ZERO: u8 = 1;

impl Forest {
    /// Reads a model; `None` when it is not as expected (linear leaves, zero as missing).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (head, rest) = text.split_once("\nTree=")?;
        let scores = fields(head).get("num_tree_per_iteration")?.parse().ok()?;
        let body = rest.split("end of trees").next()?;
        let trees = body.split("\nTree=").map(tree).collect::<Option<Vec<_>>>()?;
        (trees.len() % scores == 0).then_some(Self { scores, trees })
    }
}

fn fields(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

fn list<T: FromStr>(fields: &HashMap<&str, &str>, name: &str) -> Option<Vec<T>> {
    let text = fields.get(name).copied().unwrap_or_default();
    text.split_ascii_whitespace().map(|value| value.parse().ok()).collect()
}

fn tree(text: &str) -> Option<Tree> {
    let fields = fields(text);
    if fields.get("is_linear").is_some_and(|value| *value != "0") {
        return None;
    }
    let values: Vec<f64> = list(&fields, "leaf_value")?;
    let features: Vec<usize> = list(&fields, "split_feature")?;
    let thresholds: Vec<f64> = list(&fields, "threshold")?;
    let decisions: Vec<u8> = list(&fields, "decision_type")?;
    let left: Vec<i64> = list(&fields, "left_child")?;
    let right: Vec<i64> = list(&fields, "right_child")?;
    let boundaries: Vec<usize> = list(&fields, "cat_boundaries")?;
    let bits: Vec<u32> = list(&fields, "cat_threshold")?;
    let splits = features.len();
    let inner = values.len().checked_sub(1)?;
    let even = [thresholds.len(), decisions.len(), left.len(), right.len(), inner];
    if even.iter().any(|length| *length != splits) {
        return None;
    }
    // Leaves follow the splits; the text writes leaf `i` as `-i - 1`.
    let place = |child: i64| match child {
        leaf if leaf < 0 => splits + usize::try_from(-leaf - 1).unwrap_or(usize::MAX),
        split => usize::try_from(split).unwrap_or(usize::MAX),
    };
    let mut nodes = Vec::with_capacity(splits + values.len());
    for index in 0..splits {
        let test = if decisions[index] & CATEGORICAL != 0 {
            let which = thresholds[index] as usize;
            let range = *boundaries.get(which)?..*boundaries.get(which + 1)?;
            Test::OneOf(bits.get(range)?.to_vec())
        } else {
            let missing = match (decisions[index] >> 2) & 3 {
                MISSING_IS_ZERO => return None,
                MISSING_IS_NAN if decisions[index] & DEFAULT_LEFT != 0 => Missing::Left,
                MISSING_IS_NAN => Missing::Right,
                _ => Missing::Zero,
            };
            Test::AtMost { threshold: thresholds[index], missing }
        };
        let (left, right) = (place(left[index]), place(right[index]));
        nodes.push(Node::Split { feature: features[index], test, left, right });
    }
    nodes.extend(values.into_iter().map(Node::Leaf));
    let inside = |child: &usize| *child < nodes.len();
    let sound = nodes.iter().all(|node| match node {
        Node::Leaf(_) => true,
        Node::Split { left, right, .. } => inside(left) && inside(right),
    });
    sound.then_some(Tree { nodes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "tree\nversion=v4\nnum_tree_per_iteration=1\n\nTree=0\nnum_leaves=3\n\
        num_cat=1\nsplit_feature=1 0\nthreshold=0 2.5\ndecision_type=1 10\nleft_child=1 -1\n\
        right_child=-2 -3\nleaf_value=0.5 -1 2\ncat_boundaries=0 1\ncat_threshold=6\n\
        is_linear=0\nshrinkage=1\n\n\nTree=1\nnum_leaves=1\nnum_cat=0\nsplit_feature=\n\
        leaf_value=0.25\nis_linear=0\n\nend of trees\n";

    #[test]
    fn the_text_format_is_read() {
        let forest = Forest::parse(TEXT).unwrap();
        assert_eq!((forest.scores, forest.trees.len()), (1, 2));
        let nodes = &forest.trees[0].nodes;
        assert!(matches!(
            &nodes[0],
            Node::Split { feature: 1, test: Test::OneOf(bits), left: 1, right: 3 } if *bits == [6]
        ));
        assert!(matches!(
            nodes[1],
            Node::Split {
                feature: 0,
                test: Test::AtMost { threshold: 2.5, missing: Missing::Left },
                left: 2,
                right: 4
            }
        ));
        assert!(matches!(nodes[4], Node::Leaf(2.0)));
        assert!(matches!(forest.trees[1].nodes[..], [Node::Leaf(0.25)]));
    }

    #[test]
    fn a_broken_model_is_refused() {
        assert!(Forest::parse("tree\n").is_none());
        assert!(Forest::parse(&TEXT.replace("left_child=1 -1", "left_child=9 -1")).is_none());
        assert!(Forest::parse(&TEXT.replace("decision_type=1 10", "decision_type=1 6")).is_none());
    }
}
