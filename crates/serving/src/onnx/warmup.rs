//! The first runs of a model, before anybody asks it: they make its memory warm, show
//! how long a row takes, and prove whether rows may be computed together.
//!
//! Whether a first dimension counts rows is nowhere written in an ONNX file. The shapes
//! can rule it out; only a run can show it: the same rows, alone and stacked, must give
//! the same. A model that quantises over the whole tensor, or normalises over the first
//! dimension, does not pass, and its requests are computed one by one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cairn_kernel::Result;

use super::engine::Engine;
use super::spec::{Batching, ModelMetadata, TensorSpec};
use super::stack::{stack, unstack};
use crate::tensor::{
    Datatype, Tensor, TensorData, bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16,
};

/// The property of a model file that says how many rows it may be given at once.
const MAX_ROWS: &str = "cairn.max_batch_rows";
/// Rows that are compared, alone and stacked.
const ROWS: usize = 3;
/// Sizes tried for dimensions that vary and are not rows.
const SIZES: [usize; 2] = [4, 1];
/// Models whose single row has more elements than this are not run unasked.
const LARGEST_ROW: usize = 1 << 24;
/// How far a number may be off, as a share of itself and at least of one.
const TOLERANCE: f64 = 1e-4;
/// The same for 16-bit floats.
const TOLERANCE_16: f64 = 2e-2;

/// What the first runs showed.
#[derive(Debug)]
pub(crate) struct Warmed {
    /// Whether rows of different requests may be computed together.
    pub(crate) batching: Batching,
    /// What one row takes, where the shape of a row is fixed.
    pub(crate) row_time: Option<Duration>,
    /// Why made-up inputs were not computed, if they were not.
    pub(crate) failure: Option<String>,
}

/// Runs a model that was just loaded. What fails here is no failure of the model, whose
/// inputs may have a meaning that made-up ones do not have; it only rules out batching.
pub(crate) fn warm_up(engine: &dyn Engine, rows_max: usize) -> Warmed {
    let metadata = engine.metadata();
    let (mut row_time, mut failure) = (None, None);
    let batching = match may_stack(metadata, rows_max) {
        Ok(max_rows) => match prove(engine, max_rows) {
            Ok(time) => {
                row_time = fixed_rows(metadata).then_some(time);
                Batching::On { max_rows }
            }
            Err(Unproved::Differs(reason)) => Batching::Off { reason },
            Err(Unproved::Fails(error)) => {
                let reason = format!("no made-up row was computed, so it was not tried: {error}");
                failure = Some(error);
                Batching::Off { reason }
            }
        },
        Err(reason) => {
            match alone(engine) {
                Ok(time) => row_time = fixed_shapes(metadata).then_some(time),
                Err(error) => failure = Some(error),
            }
            Batching::Off { reason }
        }
    };
    if let Some(reason) = &failure {
        tracing::warn!(model = metadata.name, reason, "made-up inputs were not computed");
    }
    match &batching {
        Batching::On { max_rows } => {
            tracing::info!(model = metadata.name, max_rows, ?row_time, "batching is on");
        }
        Batching::Off { reason } => {
            tracing::info!(model = metadata.name, reason, ?row_time, "batching is off");
        }
    }
    Warmed { batching, row_time, failure }
}

/// Whether the declared shapes allow stacking, and up to how many rows; else why not.
fn may_stack(metadata: &ModelMetadata, rows_max: usize) -> Result<usize, String> {
    let max_rows = match metadata.properties.get(MAX_ROWS) {
        Some(text) => match text.trim().parse::<usize>() {
            Ok(rows) if rows > 0 => rows.min(rows_max),
            _ => {
                return Err(format!(
                    "the property {MAX_ROWS} is '{text}', which is no number of rows"
                ));
            }
        },
        None => rows_max,
    };
    if max_rows < 2 {
        return Err("at most one row at a time is allowed".to_owned());
    }
    let (inputs, outputs) = (&metadata.inputs, &metadata.outputs);
    if inputs.is_empty() || outputs.is_empty() {
        return Err("the model has no inputs or no outputs".to_owned());
    }
    let mut symbol: Option<&str> = None;
    let sides = inputs.iter().map(|i| ("input", i)).chain(outputs.iter().map(|o| ("output", o)));
    for (side, spec) in sides {
        let name = &spec.name;
        let Some(shape) = &spec.shape else {
            return Err(format!("the rank of {side} '{name}' is not declared"));
        };
        match shape.first() {
            None => return Err(format!("{side} '{name}' is a scalar")),
            Some(size) if *size >= 0 => {
                return Err(format!("{side} '{name}' has the fixed first dimension {size}"));
            }
            Some(_) => {}
        }
        let mut names = spec.dim_names.iter().map(Option::as_deref);
        if let Some(first) = names.next().flatten() {
            match symbol {
                // What a converter calls the rows of an output is often not what it calls
                // them of an input; whether they are, the run shows.
                Some(other) if other != first && side == "input" => {
                    return Err(format!(
                        "{side} '{name}' counts '{first}' in its first dimension, and others \
                         '{other}'"
                    ));
                }
                Some(_) => {}
                None => symbol = Some(first),
            }
        }
    }
    // Rows that also count something within a row cannot be put together.
    if let Some(symbol) = symbol {
        let twice = |spec: &&TensorSpec| {
            spec.dim_names.iter().skip(1).any(|name| name.as_deref() == Some(symbol))
        };
        if let Some(spec) = inputs.iter().chain(outputs).find(twice) {
            return Err(format!("'{}' has the dimension '{symbol}' twice", spec.name));
        }
    }
    Ok(max_rows)
}

/// Why rows may not be computed together.
enum Unproved {
    /// A row among others is not what it is alone.
    Differs(String),
    /// A row was not even computed alone.
    Fails(String),
}

/// Runs rows alone and stacked and compares; gives the time of one row.
fn prove(engine: &dyn Engine, max_rows: usize) -> Result<Duration, Unproved> {
    let metadata = engine.metadata();
    let count = ROWS.min(max_rows);
    let mut failed = String::new();
    for size in SIZES {
        let rows: Result<Vec<_>, String> =
            (0..count).map(|row| made_up(&metadata.inputs, row, size)).collect();
        let rows = rows.map_err(Unproved::Differs)?;
        let run = |inputs: &[Tensor]| run(engine, inputs.to_vec());
        match rows.iter().map(|row| run(row)).collect::<Result<Vec<_>>>() {
            Ok(single) => {
                compare(engine, &rows, &single).map_err(Unproved::Differs)?;
                let again = rows.iter().map(|row| {
                    let began = Instant::now();
                    run(row).map(|_| began.elapsed())
                });
                let times = again.collect::<Result<Vec<_>>>();
                let times = times.map_err(|error| Unproved::Fails(error.detail()))?;
                return Ok(times.into_iter().min().unwrap_or_default());
            }
            Err(error) => failed = error.detail(),
        }
    }
    Err(Unproved::Fails(failed))
}

fn compare(
    engine: &dyn Engine,
    rows: &[Vec<Tensor>],
    single: &[Vec<Tensor>],
) -> Result<(), String> {
    let inputs = engine.metadata().inputs.len();
    let stacked = (0..inputs).map(|at| {
        let parts: Vec<&Tensor> = rows.iter().filter_map(|row| row.get(at)).collect();
        stack(&parts)
    });
    let stacked = stacked.collect::<Result<Vec<_>>>().map_err(|error| error.detail())?;
    let together = run(engine, stacked)
        .map_err(|error| format!("stacked rows are not computed: {}", error.detail()))?;
    for (at, output) in together.into_iter().enumerate() {
        let name = output.name().to_owned();
        let parts = unstack(output, &vec![1; rows.len()]).map_err(|error| error.detail())?;
        for (part, alone) in parts.iter().zip(single) {
            let Some(alone) = alone.get(at) else { continue };
            if part.shape() != alone.shape() {
                return Err(format!(
                    "output '{name}' of a row has the shape {:?} among others and {:?} alone",
                    part.shape(),
                    alone.shape()
                ));
            }
            if let Some(off) = difference(part.data(), alone.data()) {
                return Err(format!(
                    "output '{name}' of a row depends on the rows beside it (off by {off:.2e})"
                ));
            }
        }
    }
    Ok(())
}

/// The largest difference beyond the tolerance.
fn difference(one: &TensorData, other: &TensorData) -> Option<f64> {
    let floats: Option<(Vec<f64>, Vec<f64>)> = floats(one).zip(floats(other));
    let Some((one_floats, other_floats)) = floats else {
        return (one != other).then_some(1.0);
    };
    let tolerance = match one.datatype() {
        Datatype::Fp16 | Datatype::Bf16 => TOLERANCE_16,
        _ => TOLERANCE,
    };
    let off = one_floats.iter().zip(&other_floats).filter_map(|(a, b)| {
        let same = a == b || (a.is_nan() && b.is_nan());
        let off = (a - b).abs() / a.abs().max(b.abs()).max(1.0);
        (!same && (off > tolerance || off.is_nan())).then_some(off)
    });
    off.reduce(|a, b| if a >= b { a } else { b })
}

fn floats(data: &TensorData) -> Option<Vec<f64>> {
    match data {
        TensorData::Fp64(x) => Some(x.clone()),
        TensorData::Fp32(x) => Some(x.iter().copied().map(f64::from).collect()),
        TensorData::Fp16(x) => Some(x.iter().map(|&x| f16_to_f32(x).into()).collect()),
        TensorData::Bf16(x) => Some(x.iter().map(|&x| bf16_to_f32(x).into()).collect()),
        _ => None,
    }
}

/// Runs a model that cannot be batched once to warm it and once to time it.
fn alone(engine: &dyn Engine) -> Result<Duration, String> {
    let inputs = made_up(&engine.metadata().inputs, 0, 1)?;
    let run = |inputs| run(engine, inputs).map_err(|error| error.detail());
    run(inputs.clone())?;
    let began = Instant::now();
    run(inputs)?;
    Ok(began.elapsed())
}

fn run(engine: &dyn Engine, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
    let outputs: Vec<usize> = (0..engine.metadata().outputs.len()).collect();
    engine.execute(inputs, &outputs).map(|executed| executed.outputs)
}

/// Whether nothing but the number of rows varies.
fn fixed_rows(metadata: &ModelMetadata) -> bool {
    let inner = |spec: &TensorSpec| {
        spec.shape
            .as_ref()
            .and_then(|shape| shape.get(1..))
            .is_some_and(|i| i.iter().all(|d| *d >= 0))
    };
    metadata.inputs.iter().all(inner)
}

fn fixed_shapes(metadata: &ModelMetadata) -> bool {
    let fixed =
        |spec: &TensorSpec| spec.shape.as_ref().is_some_and(|shape| shape.iter().all(|d| *d >= 0));
    metadata.inputs.iter().all(fixed)
}

/// Inputs of one row; `row` makes them differ, `size` stands for what may vary.
fn made_up(specs: &[TensorSpec], row: usize, size: usize) -> Result<Vec<Tensor>, String> {
    // Dimensions of one name have one size, and a name of a first dimension counts rows.
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for spec in specs {
        if let Some(Some(first)) = spec.dim_names.first() {
            named.insert(first, 1);
        }
    }
    let tensor = |spec: &TensorSpec| {
        let declared = spec.shape.clone().unwrap_or_default();
        let shape: Vec<usize> = declared
            .iter()
            .enumerate()
            .map(|(at, dim)| match usize::try_from(*dim) {
                Ok(fixed) => fixed,
                Err(_) if at == 0 => 1,
                Err(_) => {
                    let name = spec.dim_names.get(at).and_then(Option::as_deref);
                    name.and_then(|name| named.get(name)).copied().unwrap_or(size)
                }
            })
            .collect();
        let elements = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        let elements = elements.filter(|elements| *elements <= LARGEST_ROW).ok_or_else(|| {
            format!("input '{}' declares the shape {declared:?}, too large to try", spec.name)
        })?;
        Tensor::new(&*spec.name, shape, values(spec.datatype, elements, row))
            .map_err(|error| error.detail())
    };
    specs.iter().map(tensor).collect()
}

/// Values that differ from row to row, in size too, and that mean something to most
/// models: small numbers; as integers 0 and 1, which are tokens, indexes and masks alike.
fn values(datatype: Datatype, count: usize, row: usize) -> TensorData {
    let float = move |at: usize| {
        let wave = f32::from(u8::try_from((at * 37 + row * 101 + 11) % 199).unwrap_or(0));
        let scale = [1.0, 3.0, 0.25].get(row % 3).copied().unwrap_or(1.0);
        (wave / 99.0 - 1.0) * scale
    };
    // The first row is all ones, so that a mask made of it hides nothing.
    let bit = move |at: usize| u8::from(row == 0 || !(at + row).is_multiple_of(row + 1) || at == 0);
    let each = 0..count;
    match datatype {
        Datatype::Bool => TensorData::Bool(each.map(|at| bit(at) == 1).collect()),
        Datatype::Uint8 => TensorData::Uint8(each.map(bit).collect()),
        Datatype::Uint16 => TensorData::Uint16(each.map(|at| bit(at).into()).collect()),
        Datatype::Uint32 => TensorData::Uint32(each.map(|at| bit(at).into()).collect()),
        Datatype::Uint64 => TensorData::Uint64(each.map(|at| bit(at).into()).collect()),
        Datatype::Int8 => TensorData::Int8(each.map(|at| i8::from(bit(at) == 1)).collect()),
        Datatype::Int16 => TensorData::Int16(each.map(|at| bit(at).into()).collect()),
        Datatype::Int32 => TensorData::Int32(each.map(|at| bit(at).into()).collect()),
        Datatype::Int64 => TensorData::Int64(each.map(|at| bit(at).into()).collect()),
        Datatype::Fp16 => TensorData::Fp16(each.map(|at| f32_to_f16(float(at))).collect()),
        Datatype::Bf16 => TensorData::Bf16(each.map(|at| f32_to_bf16(float(at))).collect()),
        Datatype::Fp32 => TensorData::Fp32(each.map(float).collect()),
        Datatype::Fp64 => TensorData::Fp64(each.map(|at| float(at).into()).collect()),
        Datatype::Bytes => TensorData::Bytes(
            each.map(|at| ["a", "b", "1"].get((at + row) % 3).unwrap_or(&"a").as_bytes().to_vec())
                .collect(),
        ),
    }
}
