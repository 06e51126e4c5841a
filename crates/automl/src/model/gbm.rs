//! Gradient-boosted trees by LightGBM: configurations, fitting with early stopping.
//!
//! Every fit uses one thread and a fixed seed, so it is repeatable; folds run side
//! by side instead.

use std::time::Instant;

use cairn_kernel::{Error, Result};

use crate::api::Task;
use crate::model::ffi::{Booster, Dataset};
use crate::model::forest::Forest;
use crate::model::{Problem, link, scores_per_row};

/// Bytes of the exported trees that a model may take.
const NODE_BYTES: usize = 16;
const FOREST_BYTES_MAX: usize = 12 << 20;

/// One LightGBM configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) name: &'static str,
    learning_rate: f64,
    leaves: usize,
    /// Bounds the steps of the exported graph.
    depth: usize,
    min_leaf: usize,
    feature_fraction: f64,
    bagging_fraction: f64,
    l2: f64,
    extra_trees: bool,
    rounds: usize,
    patience: usize,
    /// Time of a fit relative to the first configuration's, roughly.
    pub(crate) cost: f64,
}

/// The configurations, most valuable first.
pub(crate) const CONFIGS: [Config; 4] = [
    Config {
        name: "lightgbm",
        learning_rate: 0.05,
        leaves: 31,
        depth: 16,
        min_leaf: 20,
        feature_fraction: 0.9,
        bagging_fraction: 1.0,
        l2: 0.0,
        extra_trees: false,
        rounds: 1000,
        patience: 40,
        cost: 1.0,
    },
    Config {
        name: "lightgbm_wide",
        learning_rate: 0.03,
        leaves: 63,
        depth: 16,
        min_leaf: 40,
        feature_fraction: 0.6,
        bagging_fraction: 0.8,
        l2: 5.0,
        extra_trees: false,
        rounds: 1500,
        patience: 40,
        cost: 2.5,
    },
    Config {
        name: "lightgbm_extra_trees",
        learning_rate: 0.05,
        leaves: 31,
        depth: 16,
        min_leaf: 10,
        feature_fraction: 0.8,
        bagging_fraction: 1.0,
        l2: 0.0,
        extra_trees: true,
        rounds: 1500,
        patience: 60,
        cost: 1.5,
    },
    Config {
        name: "lightgbm_shallow",
        learning_rate: 0.05,
        leaves: 8,
        depth: 5,
        min_leaf: 10,
        feature_fraction: 0.5,
        bagging_fraction: 0.8,
        l2: 1.0,
        extra_trees: false,
        rounds: 1500,
        patience: 60,
        cost: 1.0,
    },
];

impl Config {
    /// Most rounds, so that the exported file stays small.
    fn rounds_max(&self, scores: usize) -> usize {
        let round = (2 * self.leaves - 1) * NODE_BYTES * scores;
        self.rounds.min(FOREST_BYTES_MAX / round).max(1)
    }

    fn parameters(&self, problem: &Problem, rows: usize) -> String {
        let objective = match problem.task {
            Task::Binary => "objective=binary metric=binary_logloss".to_owned(),
            Task::Multiclass => {
                format!("objective=multiclass metric=multi_logloss num_class={}", problem.outputs)
            }
            Task::Regression => "objective=regression metric=l2".to_owned(),
        };
        let first = problem.data.numeric.len();
        let categorical: Vec<String> =
            (first..problem.data.width()).map(|column| column.to_string()).collect();
        let categorical = match categorical.as_slice() {
            [] => String::new(),
            columns => format!(" categorical_feature={}", columns.join(",")),
        };
        format!(
            "{objective} learning_rate={} num_leaves={} max_depth={} min_data_in_leaf={} \
             feature_fraction={} bagging_fraction={} bagging_freq={} lambda_l2={} extra_trees={} \
             min_data_per_group={} seed={} deterministic=true force_row_wise=true num_threads=1 \
             feature_pre_filter=false verbosity=-1{categorical}",
            self.learning_rate,
            self.leaves,
            self.depth,
            self.min_leaf.min(rows / 20).max(2),
            self.feature_fraction,
            self.bagging_fraction,
            u8::from(self.bagging_fraction < 1.0),
            self.l2,
            self.extra_trees,
            (rows / 50).clamp(5, 100),
            problem.seed & 0x7fff_ffff,
        )
    }
}

/// A fitted model.
#[derive(Debug)]
pub(crate) struct Boosted {
    booster: Booster,
    width: usize,
    /// Rounds used in prediction.
    pub(crate) rounds: usize,
    /// Whether the deadline ended the fit.
    pub(crate) cut: bool,
}

/// How a fit ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop<'a> {
    /// When these rows' loss has not improved for a while.
    Watching(&'a [usize]),
    /// After so many rounds.
    After(usize),
}

/// Fits on `rows`, until `stop` or `deadline`.
pub(crate) fn fit(
    problem: &Problem,
    config: &Config,
    rows: &[usize],
    stop: Stop<'_>,
    deadline: Instant,
) -> Result<Boosted> {
    let parameters = config.parameters(problem, rows.len());
    let train = dataset(problem, rows, &parameters, None)?;
    let valid = match stop {
        Stop::Watching(valid) => Some(dataset(problem, valid, &parameters, Some(&train))?),
        Stop::After(_) => None,
    };
    let scores = scores_per_row(problem.task, problem.outputs);
    let mut booster = Booster::new(train, &parameters, scores)?;
    if let Some(valid) = valid {
        booster.watch(valid)?;
    }
    let most = match stop {
        Stop::Watching(_) => config.rounds_max(scores),
        Stop::After(rounds) => rounds.min(config.rounds_max(scores)),
    };
    let (mut best, mut best_loss) = (0, f64::INFINITY);
    let mut cut = false;
    for round in 1..=most {
        let grew = booster.grow()?;
        match stop {
            Stop::After(_) => best = round,
            Stop::Watching(_) => {
                let loss = booster.watched_loss()?;
                if loss < best_loss {
                    (best, best_loss) = (round, loss);
                }
                if round - best >= config.patience {
                    break;
                }
            }
        }
        if !grew {
            break;
        }
        if Instant::now() > deadline {
            cut = round < most;
            break;
        }
    }
    Ok(Boosted { booster, width: problem.data.width(), rounds: best.max(1), cut })
}

fn dataset(
    problem: &Problem,
    rows: &[usize],
    parameters: &str,
    like: Option<&Dataset>,
) -> Result<Dataset> {
    let labels: Vec<f32> = rows.iter().map(|row| problem.target[*row] as f32).collect();
    let matrix = problem.data.matrix(rows);
    Dataset::new(&matrix, problem.data.width(), &labels, parameters, like)
}

impl Boosted {
    pub(crate) fn predict(&self, problem: &Problem, rows: &[usize]) -> Result<Vec<f64>> {
        let mut raw = Vec::new();
        for part in rows.chunks(8192) {
            raw.extend(self.booster.raw(&problem.data.matrix(part), self.width, self.rounds)?);
        }
        Ok(link(problem.task, raw, problem.outputs))
    }

    /// The trees, for export.
    pub(crate) fn forest(&self) -> Result<Forest> {
        let text = self.booster.text(self.rounds)?;
        Forest::parse(&text)
            .ok_or_else(|| Error::internal("LightGBM's model text has an unexpected form"))
    }
}
