//! The model's weights, as its file has them.

use cairn_onnx::{DataType, GraphProto, NodeProto, TensorProto};

use crate::ranges::LAYERS;
use crate::{DIMENSIONS, MAX_TOKENS};

/// Numbers between the two halves of a feed-forward network.
pub(crate) const INNER: usize = 4 * DIMENSIONS;

/// Rows of 8-bit integers.
#[derive(Debug)]
pub(crate) struct Integers {
    /// Row by row.
    pub(crate) values: Vec<i8>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// One for each row or for each column.
    pub(crate) scales: Vec<f32>,
}

/// Weights with what is added after them.
#[derive(Debug)]
pub(crate) struct Linear {
    /// With a scale for each column.
    pub(crate) weights: Integers,
    /// One for each column.
    pub(crate) bias: Vec<f32>,
}

/// The weights of a layer normalisation.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// One layer: an attention and a feed-forward network.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) attended: Linear,
    pub(crate) attended_norm: Norm,
    pub(crate) inner: Linear,
    pub(crate) outer: Linear,
    pub(crate) outer_norm: Norm,
}

/// The whole model.
#[derive(Debug)]
pub(crate) struct File {
    /// A row for each token, with a scale for each row.
    pub(crate) words: Integers,
    /// For each position what is added to its token: [`DIMENSIONS`] numbers each.
    pub(crate) positions: Vec<f32>,
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
}

impl File {
    /// The model of these bytes; nothing where they are another.
    pub(crate) fn read(file: &[u8]) -> Option<Self> {
        let model = cairn_onnx::decode(file).ok()?;
        let graph = Graph(model.graph.as_ref()?);
        let positions = graph.integers("inner.embeddings.position_embeddings.weight")?;
        let types = graph.floats("inner.embeddings.token_type_embeddings.weight")?;
        let first = types.get(..DIMENSIONS)?;
        let whole = positions.columns == DIMENSIONS
            && positions.rows == MAX_TOKENS
            && positions.scales.len() == positions.rows;
        let at = |(values, scale): (&[i8], &f32)| -> Vec<f32> {
            values.iter().zip(first).map(|(&value, kind)| f32::from(value) * scale + kind).collect()
        };
        let words = graph.integers("inner.embeddings.word_embeddings.weight")?;
        if !whole || words.columns != DIMENSIONS || words.scales.len() != words.rows {
            return None;
        }
        Some(Self {
            words,
            positions: positions
                .values
                .chunks_exact(DIMENSIONS)
                .zip(&positions.scales)
                .flat_map(at)
                .collect(),
            norm: graph.norm("inner.embeddings.LayerNorm")?,
            layers: (0..LAYERS).map(|number| graph.layer(number)).collect::<Option<_>>()?,
        })
    }
}

struct Graph<'a>(&'a GraphProto);

impl Graph<'_> {
    fn layer(&self, number: usize) -> Option<Layer> {
        let named = |what: &str| format!("inner.encoder.layer.{number}.{what}");
        let linear = |what: &str, rows, columns| self.linear(&named(what), rows, columns);
        Some(Layer {
            query: linear("attention.self.query", DIMENSIONS, DIMENSIONS)?,
            key: linear("attention.self.key", DIMENSIONS, DIMENSIONS)?,
            value: linear("attention.self.value", DIMENSIONS, DIMENSIONS)?,
            attended: linear("attention.output.dense", DIMENSIONS, DIMENSIONS)?,
            attended_norm: self.norm(&named("attention.output.LayerNorm"))?,
            inner: linear("intermediate.dense", DIMENSIONS, INNER)?,
            outer: linear("output.dense", INNER, DIMENSIONS)?,
            outer_norm: self.norm(&named("output.LayerNorm"))?,
        })
    }

    /// The weights whose product the bias of this name is added to.
    fn linear(&self, name: &str, rows: usize, columns: usize) -> Option<Linear> {
        let bias_name = format!("{name}.bias");
        let bias = self.floats(&bias_name)?;
        let added = |node: &&NodeProto| node.op_type() == "Add" && node.input.contains(&bias_name);
        let sum = self.0.node.iter().find(added)?;
        let product = self.maker(sum.input.iter().find(|input| **input != bias_name)?, "MatMul")?;
        let weights = self.integers(product.input.get(1)?)?;
        let whole = weights.rows == rows
            && weights.columns == columns
            && weights.scales.len() == columns
            && bias.len() == columns;
        whole.then_some(Linear { weights, bias })
    }

    fn norm(&self, name: &str) -> Option<Norm> {
        let part = |what: &str| self.floats(&format!("{name}.{what}"));
        let norm = Norm { weight: part("weight")?, bias: part("bias")? };
        (norm.weight.len() == DIMENSIONS && norm.bias.len() == DIMENSIONS).then_some(norm)
    }

    /// The integers that the value `name` is made from: cast to floats, times scales.
    fn integers(&self, name: &str) -> Option<Integers> {
        let scaled = self.maker(name, "Mul")?;
        let cast = self.maker(scaled.input.first()?, "Cast")?;
        let values = self.constant(cast.input.first()?)?;
        let &[rows, columns] = values.dims.as_slice() else { return None };
        let (rows, columns) = (usize::try_from(rows).ok()?, usize::try_from(columns).ok()?);
        let bytes = values.raw_data.as_ref()?;
        let whole =
            values.data_type == Some(DataType::Int8 as i32) && bytes.len() == rows * columns;
        let values = bytes.iter().map(|byte| byte.cast_signed()).collect();
        let scales = self.floats(scaled.input.get(1)?)?;
        whole.then_some(Integers { values, rows, columns, scales })
    }

    fn floats(&self, name: &str) -> Option<Vec<f32>> {
        self.constant(name)?.f32s().ok()
    }

    fn constant(&self, name: &str) -> Option<&TensorProto> {
        self.0.initializer.iter().find(|tensor| tensor.name() == name)
    }

    fn maker(&self, output: &str, by: &str) -> Option<&NodeProto> {
        let made = |node: &&NodeProto| node.output.first().is_some_and(|name| name == output);
        self.0.node.iter().find(made).filter(|node| node.op_type() == by)
    }
}
