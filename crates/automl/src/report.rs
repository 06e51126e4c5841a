//! The end of a run: export, check against the trainer, write, report.

use std::path::Path;

use cairn_kernel::{Error, Result, ResultExt};
use cairn_onnx::ModelProto;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::api::{LeaderboardRow, OnnxFile, Task, TrainReport, TrainRequest, TrainerPredictions};
use crate::budget::Budget;
use crate::data::plan::{Input, Kinds, NumberKind};
use crate::data::table::{MISSING, Table, Values};
use crate::export;
use crate::metrics;
use crate::parity::{self, Served};
use crate::run::Trained;

/// Largest difference between the exported file and the trainer that may leave.
const PARITY_MAX: f64 = 1e-5;
/// Largest file; a bigger candidate gives way to the next.
const FILE_BYTES_MAX: usize = 20 << 20;
/// Test rows kept with the trainer's predictions.
const ROWS_KEPT: usize = 50;

/// Exports the best candidate that fits, checks it, and writes file and report.
pub(crate) fn finish(
    request: &TrainRequest,
    trained: &Trained<'_>,
    budget: &Budget,
) -> Result<TrainReport> {
    let mut notes = [trained.prepared.notes.clone(), trained.search.notes.clone()].concat();
    let (chosen, parity, bytes) = exported(request, trained, &mut notes)?;
    let onnx = write(&request.output, &bytes)?;
    let prepared = trained.prepared;
    let target = &prepared.target;
    let leaderboard: Vec<LeaderboardRow> =
        trained.order.iter().map(|index| trained.line(*index, *index == chosen)).collect();
    let line = leaderboard.iter().find(|line| line.chosen);
    let context = prepared.context();
    let classes = (target.task != Task::Regression).then(|| target.classes.clone());
    notes.push(
        "the model was fitted on the training rows only, so the test metrics are those of the \
         exported file"
            .to_owned(),
    );
    let report = TrainReport {
        task: target.task,
        target: request.target.clone(),
        positive_class: target.classes.get(1).filter(|_| target.task == Task::Binary).cloned(),
        classes,
        metric: target.task.primary_metric().to_owned(),
        test_metrics: line.map(|line| line.test.clone()).unwrap_or_default(),
        leaderboard,
        train_rows: prepared.split.train.len(),
        test_rows: prepared.split.test.len(),
        folds: trained.search.folds.len(),
        features: prepared.plan.reports.clone(),
        inputs: prepared.plan.signature(),
        outputs: context.outputs(),
        onnx,
        parity_max_abs_diff: parity,
        notes,
        seconds: budget.elapsed(),
        trainer_predictions: kept_rows(trained, chosen),
    };
    let json = serde_json::to_vec_pretty(&report).or_internal("writing the report")?;
    std::fs::write(request.output.join("report.json"), json).or_internal("writing the report")?;
    Ok(report)
}

/// The first candidate in order whose file is small enough.
fn exported(
    request: &TrainRequest,
    trained: &Trained<'_>,
    notes: &mut Vec<String>,
) -> Result<(usize, f64, Vec<u8>)> {
    for index in &trained.order {
        let properties = properties(request, trained, *index);
        let context = trained.prepared.context();
        let file = export::export(&context, &trained.model(*index), &properties)?;
        let bytes = cairn_onnx::encode(&file);
        let name = &trained.search.candidates[*index].name;
        if bytes.len() > FILE_BYTES_MAX {
            notes.push(format!(
                "{name} was best but was passed over: its file would have {} MB of at most {}",
                bytes.len() >> 20,
                FILE_BYTES_MAX >> 20
            ));
            continue;
        }
        let off = difference(trained, *index, file)?;
        if off <= PARITY_MAX {
            return Ok((*index, off, bytes));
        }
        tracing::warn!(candidate = %name, off, "an exported model differs from its trainer");
        notes.push(format!(
            "{name} was best but was passed over: its file's predictions differ from the \
             trainer's by {off:.1e}, of at most {PARITY_MAX:e}"
        ));
    }
    Err(Error::internal("no candidate could be exported"))
}

fn properties(
    request: &TrainRequest,
    trained: &Trained<'_>,
    index: usize,
) -> Vec<(&'static str, String)> {
    let prepared = trained.prepared;
    let line = trained.line(index, true);
    let signature = json!({
        "inputs": prepared.plan.signature(),
        "outputs": prepared.context().outputs(),
    });
    let metrics = json!({
        "primary": prepared.target.task.primary_metric(),
        "test": line.test,
        "validation": line.validation,
    });
    let mut properties = vec![
        ("cairn.signature", signature.to_string()),
        ("cairn.task", prepared.target.task.name().to_owned()),
        ("cairn.target", request.target.clone()),
        ("cairn.metrics", metrics.to_string()),
        ("cairn.candidate", line.candidate),
    ];
    if prepared.target.task != Task::Regression {
        properties.push(("cairn.classes", json!(prepared.target.classes).to_string()));
    }
    if let Some(dataset) = &request.dataset {
        properties.push(("cairn.dataset", json!(dataset).to_string()));
    }
    properties
}

/// Runs the file over the test rows; the largest difference from the trainer.
fn difference(trained: &Trained<'_>, chosen: usize, file: ModelProto) -> Result<f64> {
    let prepared = trained.prepared;
    let outputs = prepared.context().outputs();
    let name = outputs.last().map(|output| output.name.clone()).unwrap_or_default();
    let rows = prepared.table_rows(&prepared.split.test);
    let served = Served::load(file, &name)?.run(&prepared.plan.inputs, &prepared.table, &rows)?;
    let trainer = prepared.unscale(&trained.tested[chosen].0);
    let scale = (prepared.target.task == Task::Regression).then_some(prepared.scale);
    Ok(parity::largest(&trainer, &served, scale))
}

fn write(folder: &Path, bytes: &[u8]) -> Result<OnnxFile> {
    let path = folder.join("model.onnx");
    std::fs::write(&path, bytes).or_internal("writing the model")?;
    let sha256 = hex::encode(Sha256::digest(bytes));
    Ok(OnnxFile { sha256, bytes: bytes.len() as u64, path })
}

fn kept_rows(trained: &Trained<'_>, chosen: usize) -> TrainerPredictions {
    let prepared = trained.prepared;
    let rows = prepared.table_rows(&prepared.split.test);
    let mut kept = TrainerPredictions::default();
    let predicted = prepared.unscale(&trained.tested[chosen].0);
    let width = prepared.problem.outputs;
    for (row, predicted) in rows.iter().zip(predicted.chunks_exact(width)).take(ROWS_KEPT) {
        let cells = prepared.plan.inputs.iter();
        let cells = cells.map(|input| (input.name.clone(), cell(&prepared.table, input, *row)));
        kept.rows.push(cells.collect::<Map<_, _>>());
        if prepared.target.task == Task::Regression {
            kept.predictions.push(json!(predicted[0]));
        } else {
            kept.predictions.push(json!(prepared.target.classes[metrics::argmax(predicted)]));
            kept.probabilities.push(predicted.to_vec());
        }
    }
    kept
}

/// A raw cell as a client would write it.
fn cell(table: &Table, input: &Input, row: usize) -> Value {
    let column = &table.columns[input.column];
    if let Values::Text(text) = &column.values {
        return match text.codes[row] {
            MISSING => Value::Null,
            code => json!(text.levels[code as usize]),
        };
    }
    let value = column.numbers().map_or(f64::NAN, |values| values[row]);
    match &input.kind {
        _ if !value.is_finite() => Value::Null,
        Kinds::Number { kind: NumberKind::Boolean, .. } => json!(value != 0.0),
        _ if value.fract() == 0.0 && value.abs() < 9e15 => json!(value as i64),
        _ => json!(value),
    }
}
