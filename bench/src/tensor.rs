//! Tensor models: what a row costs through the server beyond the bare engine, and what
//! batching gains, each in one run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cairn_isolate::Isolate;
use cairn_kernel::Tasks;
use cairn_onnx::{DataType, Dim, GraphProto, encode, input, model, node, opset, tensor_f32};
use cairn_serving::TensorModel;
use cairn_serving::models::ModelStore;
use cairn_serving::onnx::{Bounds, ModelIdentity, OnnxEngines};
use cairn_serving::tensor::{Tensor, TensorData};
use reqwest::multipart::{Form, Part};
use rten::Model;
use rten_tensor::{AsView as _, NdTensor};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use crate::server::Server;

/// Requests whose median counts, each way, in a round.
const REQUESTS: usize = 1000;
/// Alternating rounds.
const ROUNDS: usize = 3;
/// Callers at once, to see what batching gains.
const CALLERS: usize = 32;
/// How long they call.
const SPAN: Duration = Duration::from_secs(3);
/// Columns of a row of the models.
const COLUMNS: usize = 32;

/// What one row costs.
#[derive(Clone, Debug)]
pub(crate) struct Overhead {
    /// Median through HTTP, in milliseconds: client, server and engine.
    pub(crate) served_ms: f64,
    /// Median of the bare engine.
    pub(crate) bare_ms: f64,
}

/// One row over HTTP, JSON both ways, with a key and the ledger, against bare rten.
///
/// # Errors
/// When the program is missing or an answer is not the engine's.
pub(crate) fn overhead() -> Result<Overhead> {
    let file = perceptron(COLUMNS, 64, 2);
    let row: Vec<f32> = (0..COLUMNS).map(|at| at as f32 / 10.0).collect();
    let bare = Model::load(file.clone()).context("loading the model")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let data = tempfile::tempdir()?;
    let server = runtime.block_on(async {
        let server = Server::start(data.path()).await?;
        let part = Part::bytes(file).file_name("table.onnx");
        let form = Form::new().part("file", part);
        server.send(server.post("/cairn/v1/models/table/versions").multipart(form)).await?;
        anyhow::Ok(server)
    })?;
    let (mut served, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut times, answer) = runtime.block_on(through(&server, &row))?;
        served.push(median(&mut times));
        let (mut times, expected) = bare_rows(&bare, &row)?;
        alone.push(median(&mut times));
        ensure!((answer - expected).abs() < 1e-5, "{answer} is not the engine's {expected}");
    }
    Ok(Overhead { served_ms: median(&mut served), bare_ms: median(&mut alone) })
}

async fn through(server: &Server, row: &[f32]) -> Result<(Vec<f64>, f32)> {
    let body = json!({"inputs": [
        {"name": "x", "datatype": "FP32", "shape": [1, row.len()], "data": row}
    ]});
    let mut times = Vec::with_capacity(REQUESTS);
    let mut answer = f32::NAN;
    for _ in 0..REQUESTS {
        let began = Instant::now();
        let said = server.send(server.post("/v2/models/table/infer").json(&body)).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        answer = said["outputs"][0]["data"][0].as_f64().context("no number came")? as f32;
    }
    Ok((times, answer))
}

fn bare_rows(bare: &Model, row: &[f32]) -> Result<(Vec<f64>, f32)> {
    let mut times = Vec::with_capacity(REQUESTS);
    let mut answer = f32::NAN;
    for _ in 0..REQUESTS {
        let began = Instant::now();
        let given = NdTensor::from_data([1, row.len()], row.to_vec());
        let output: NdTensor<f32, 2> = bare.run_one(given.view().into(), None)?.try_into()?;
        answer = output.iter().next().copied().context("no number came")?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok((times, answer))
}

/// What batching gains.
#[derive(Clone, Debug)]
pub(crate) struct Gain {
    /// Rows per second of 32 callers with batches.
    pub(crate) together: f64,
    /// The same, one row an execution.
    pub(crate) alone: f64,
}

/// 32 callers, one row each, with batches and without.
///
/// # Errors
/// When a request fails.
pub(crate) fn batching() -> Result<Gain> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (tasks, store) = (Tasks::new(), Arc::new(ModelStore::from_env()?));
        let engines = OnnxEngines::new(Isolate::current()?, tasks.clone(), store);
        let file = perceptron(COLUMNS, 1024, 3);
        let together = open(&engines, &file).await?;
        let one = Bounds { rows: 1, ..Bounds::default() };
        let alone = open(&engines.with_bounds(one), &file).await?;
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            rates[0].push(rate(&together).await?);
            rates[1].push(rate(&alone).await?);
        }
        tasks.stop(Duration::from_secs(5)).await;
        let [mut together, mut alone] = rates;
        Ok(Gain { together: median(&mut together), alone: median(&mut alone) })
    })
}

async fn open(engines: &OnnxEngines, file: &[u8]) -> Result<Arc<dyn TensorModel>> {
    let sha256 = format!("{:x}", Sha256::digest(file));
    let identity = ModelIdentity { name: "wide".into(), version: "1".into(), sha256 };
    Ok(engines.open(file.to_vec(), identity).await?)
}

/// Rows per second of all callers.
async fn rate(engine: &Arc<dyn TensorModel>) -> Result<f64> {
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let engine = Arc::clone(engine);
        callers.spawn(async move {
            let mut rows = 0_usize;
            while began.elapsed() < SPAN {
                let data = (0..COLUMNS).map(|at| (at + caller) as f32 / 50.0).collect();
                let row = Tensor::new("x", vec![1, COLUMNS], TensorData::Fp32(data))?;
                engine.infer(vec![row], &[]).await?;
                rows += 1;
            }
            anyhow::Ok(rows)
        });
    }
    let mut rows = 0;
    while let Some(caller) = callers.join_next().await {
        rows += caller??;
    }
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}

/// A network of `layers` hidden layers that are `wide` cells each, with one output.
fn perceptron(columns: usize, wide: usize, layers: usize) -> Vec<u8> {
    let weights = |rows: usize, columns: usize| -> Vec<f32> {
        let scale = 1.0 / (rows as f32).sqrt();
        (0..rows * columns).map(|at| ((at % 17) as f32 / 8.0 - 1.0) * scale).collect()
    };
    let (mut nodes, mut constants) = (Vec::new(), Vec::new());
    let (mut last, mut from) = ("x".to_owned(), columns);
    for layer in 0..=layers {
        let to = if layer == layers { 1 } else { wide };
        let (name, product) = (format!("w{layer}"), format!("p{layer}"));
        constants.push(tensor_f32(&name, &[from as i64, to as i64], &weights(from, to)));
        let out = if layer == layers { "y".to_owned() } else { product.clone() };
        nodes.push(node("MatMul", &[&last, &name], &[&out]));
        last = format!("h{layer}");
        if layer < layers {
            nodes.push(node("Relu", &[&product], &[&last]));
        }
        from = to;
    }
    let rows = |columns: usize| [Dim::Named("N"), Dim::Fixed(columns as i64)];
    let graph = GraphProto {
        name: Some("perceptron".into()),
        node: nodes,
        initializer: constants,
        input: vec![input("x", DataType::Float, &rows(columns))],
        output: vec![input("y", DataType::Float, &rows(1))],
        ..GraphProto::default()
    };
    encode(&model(graph, vec![opset("", 17)], vec![]))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
