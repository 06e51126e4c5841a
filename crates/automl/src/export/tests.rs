//! The exported graph, run by the engine, against the trainer, on data made to be awkward.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::data::encode::encode;
use crate::data::table::{Column, MISSING, Table, Text, Values};
use crate::model::gbm::{self, CONFIGS, Stop};
use crate::model::{self, Problem, linear};
use crate::parity::{self, Served};
use crate::rng::Rng;

const ROWS: usize = 1200;
const FITTED: usize = 700;

/// Gaps, rare and unknown levels, times, huge numbers; the last column is the target.
fn table(classes: usize) -> Table {
    let mut rng = Rng::new(11);
    let mut columns = vec![Vec::new(); 5];
    let mut text =
        Text { levels: (0..40).map(|l| format!("level {l}")).collect(), codes: Vec::new() };
    let mut target = Vec::new();
    for row in 0..ROWS {
        let gap = rng.below(5) == 0;
        let x = rng.unit() * 6.0 - 3.0;
        let seconds = 1.7e9 + (rng.below(900_000) * 100) as f64;
        let code = rng.below(30) as u32;
        let whole = rng.below(1000) as f64;
        columns[0].push(if gap { f64::NAN } else { x });
        columns[1].push(whole);
        columns[2].push(f64::from(rng.below(2) == 1));
        columns[3].push(seconds);
        columns[4].push(if rng.below(9) == 0 { 0.0 } else { (rng.unit() * 40.0 - 20.0).exp() });
        text.codes.push(if rng.below(12) == 0 { MISSING } else { code });
        let day = (seconds / 86_400.0).fract();
        let score = if gap { 1.5 } else { x.sin() * 2.0 }
            + f64::from(code % 3)
            + whole / 500.0
            + day
            + rng.unit();
        target.push(if classes == 0 {
            score * 1000.0
        } else {
            score.floor().clamp(0.0, classes as f64 - 1.0)
        });
        // What training never saw: a gap, an infinity, a new level.
        if row > FITTED && row % 3 == 0 {
            columns[1][row] = [f64::NAN, f64::INFINITY, -1e30][row % 9 / 3];
            text.codes[row] = 30 + (row % 10) as u32;
        }
    }
    let mut named: Vec<Column> = Vec::new();
    let mut push = |name: &str, values| named.push(Column { name: name.to_owned(), values });
    let mut numbers = columns.into_iter();
    let mut next = || numbers.next().unwrap();
    push("gaps", Values::Number { values: next(), integer: false });
    push("whole", Values::Number { values: next(), integer: true });
    push("flag", Values::Boolean(next()));
    push("when", Values::Timestamp(next()));
    push("probabilities", Values::Number { values: next(), integer: false });
    push("kind of thing", Values::Text(text));
    push("target", Values::Number { values: target, integer: false });
    Table { rows: ROWS, columns: named }
}

struct Case {
    table: Table,
    plan: Plan,
    problem: Problem,
    classes: Vec<String>,
    fitted: Vec<usize>,
    all: Vec<usize>,
}

fn case(task: Task, classes: usize) -> Case {
    let table = table(classes);
    let fitted: Vec<usize> = (0..FITTED).collect();
    let all: Vec<usize> = (0..ROWS).collect();
    let target = table.columns.len() - 1;
    let plan = Plan::learn(&table, target, &fitted).unwrap();
    let data = encode(&plan, &table, &all);
    let target = table.columns[target].numbers().unwrap().to_vec();
    let problem = Problem { task, data, target, outputs: classes.max(1), seed: 5 };
    let classes = (0..classes).map(|class| format!("class {class}")).collect();
    Case { table, plan, problem, classes, fitted, all }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

impl Case {
    fn boosted(&self, config: usize, rounds: usize) -> Model {
        let stop = Stop::After(rounds);
        let fit = gbm::fit(&self.problem, &CONFIGS[config], &self.fitted, stop, soon());
        Model::Boosted(fit.unwrap())
    }

    fn linear(&self) -> Model {
        Model::Linear(linear::fit(&self.problem, &self.fitted, 1.0, soon()))
    }

    /// The largest difference between trainer and engine, over all rows.
    fn difference(&self, model: &Model) -> f64 {
        let context = Context {
            plan: &self.plan,
            task: self.problem.task,
            classes: &self.classes,
            center: 0.0,
            scale: 1.0,
        };
        let file = export(&context, model, &[]).unwrap();
        let bytes = cairn_onnx::encode(&file);
        let file = cairn_onnx::decode(&bytes).unwrap();
        let output = context.outputs().last().unwrap().name.clone();
        let served = Served::load(file, &output).unwrap();
        let served = served.run(&self.plan.inputs, &self.table, &self.all).unwrap();
        let trainer = model.predict(&self.problem, &self.all).unwrap();
        let scale = (self.problem.task == Task::Regression).then_some(1000.0);
        parity::largest(&trainer, &served, scale)
    }
}

#[test]
fn boosted_trees_come_out_the_same() {
    for (task, classes) in [(Task::Binary, 2), (Task::Multiclass, 4), (Task::Regression, 0)] {
        let case = case(task, classes);
        for config in 0..CONFIGS.len() {
            let model = case.boosted(config, 40);
            let off = case.difference(&model);
            assert!(off < 1e-5, "{task:?}, configuration {config}: {off}");
        }
    }
}

#[test]
fn linear_models_come_out_the_same() {
    for (task, classes) in [(Task::Binary, 2), (Task::Multiclass, 4), (Task::Regression, 0)] {
        let case = case(task, classes);
        let off = case.difference(&case.linear());
        assert!(off < 1e-5, "{task:?}: {off}");
    }
}

#[test]
fn constants_and_blends_come_out_the_same() {
    let case = case(Task::Multiclass, 3);
    let constant = model::baseline(&case.problem, &case.fitted);
    assert!(case.difference(&constant) < 1e-6);
    let blend = Model::Blend(vec![
        (0.25, Arc::new(case.linear())),
        (0.5, Arc::new(case.boosted(0, 10))),
        (0.25, Arc::new(case.boosted(2, 10))),
    ]);
    let off = case.difference(&blend);
    assert!(off < 1e-5, "{off}");
}

#[test]
fn trees_that_never_split_come_out_the_same() {
    let mut case = case(Task::Regression, 0);
    case.problem.target = vec![3.0; ROWS];
    assert!(case.difference(&case.boosted(0, 5)) < 1e-6);
}

#[test]
fn the_file_says_what_it_takes_and_gives() {
    let case = case(Task::Binary, 2);
    let context = Context {
        plan: &case.plan,
        task: Task::Binary,
        classes: &case.classes,
        center: 0.0,
        scale: 1.0,
    };
    let model = model::baseline(&case.problem, &case.fitted);
    let file = export(&context, &model, &[("cairn.task", "binary".to_owned())]).unwrap();
    assert_eq!(file.metadata()["cairn.task"], "binary");
    let graph = file.graph.unwrap();
    let inputs: Vec<(&str, Option<DataType>)> =
        graph.input.iter().map(|input| (input.name(), input.data_type())).collect();
    assert_eq!(inputs[0], ("gaps", Some(DataType::Float)));
    assert_eq!(inputs[5], ("kind of thing", Some(DataType::String)));
    // A column has the name of an output, so the output gives way.
    let outputs: Vec<&str> = graph.output.iter().map(|output| output.name()).collect();
    assert_eq!(outputs, ["label", "probabilities_"]);
}
