//! Which engine runs a file, and what a child's end costs.
//!
//! This is its own program and not a test harness, because it is also the engine child
//! that the tests start: `<this program> __child onnx`. ONNX Runtime must be in the model
//! store (`cairn models pull onnxruntime`).

#![expect(clippy::print_stdout, reason = "it reports as the test harness would")]

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_isolate::Isolate;
use cairn_kernel::{Kind, Tasks};
use cairn_onnx::{
    AttributeProto, DataType, Dim, GraphProto, ML_DOMAIN, ModelProto, attr_floats, attr_int,
    attr_ints, attr_string, attr_strings, encode, input, model, node, opset, tensor_f32,
};
use cairn_serving::models::ModelStore;
use cairn_serving::onnx::{Batching, CHILD_ROLE, ModelIdentity, OnnxEngines, child_main};
use cairn_serving::tensor::{Tensor, TensorData};
use cairn_serving::{ModelState, TensorModel};
use sha2::{Digest as _, Sha256};

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Outcome = Result<(), Failed>;
type Test = fn() -> Pin<Box<dyn Future<Output = Outcome>>>;

const TESTS: [(&str, Test); 6] = [
    ("rten_runs_what_it_can", || Box::pin(rten_runs_what_it_can())),
    ("onnx_runtime_runs_the_rest", || Box::pin(onnx_runtime_runs_the_rest())),
    ("without_the_library_the_remedy_is_told", || Box::pin(without_the_library())),
    ("a_childs_end_costs_a_retry", || Box::pin(a_childs_end_costs_a_retry())),
    ("sizes_that_a_request_decides_have_a_ceiling", || Box::pin(sizes_from_values())),
    ("a_file_that_asks_for_absurd_memory_is_refused", || Box::pin(absurd_memory())),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "__child") {
        let known = arguments.get(1).is_some_and(|role| role == CHILD_ROLE);
        return match known.then(|| child_main(&arguments[2..])) {
            Some(Ok(())) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    if arguments.iter().any(|argument| argument == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let mut code = ExitCode::SUCCESS;
    for (name, test) in TESTS {
        if filter.is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        match run(test) {
            Ok(()) => println!("test {name} ... ok"),
            Err(reason) => {
                println!("test {name} ... FAILED\n    {reason}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn run(test: Test) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(test())
}

fn check(holds: bool, what: impl std::fmt::Display) -> Outcome {
    if holds { Ok(()) } else { Err(what.to_string().into()) }
}

fn engines(store: ModelStore) -> Result<(OnnxEngines, Tasks), Failed> {
    let tasks = Tasks::new();
    Ok((OnnxEngines::new(Isolate::current()?, tasks.clone(), Arc::new(store)), tasks))
}

async fn open(
    engines: &OnnxEngines,
    proto: &ModelProto,
) -> cairn_kernel::Result<Arc<dyn TensorModel>> {
    let bytes = encode(proto);
    let sha256 = hex::encode(Sha256::digest(&bytes));
    engines.open(bytes, ModelIdentity { name: "m".into(), version: "1".into(), sha256 }).await
}

const ROW: [Dim<'_>; 2] = [Dim::Named("N"), Dim::Fixed(2)];

fn graph(nodes: Vec<cairn_onnx::NodeProto>, kind: DataType, to: &[Dim<'_>]) -> ModelProto {
    let graph = GraphProto {
        name: Some("g".into()),
        node: nodes,
        initializer: vec![tensor_f32("one", &[1], &[1.0])],
        input: vec![input("x", kind, &ROW)],
        output: vec![input("y", kind, to)],
        ..GraphProto::default()
    };
    model(graph, vec![opset("", 17), opset(ML_DOMAIN, 3)], vec![])
}

/// One tree with one question: is the first column at most a half?
fn tree() -> ModelProto {
    let ints = |name: &str, values: &[i64]| attr_ints(name, values);
    let attributes: Vec<AttributeProto> = vec![
        ints("nodes_treeids", &[0, 0, 0]),
        ints("nodes_nodeids", &[0, 1, 2]),
        ints("nodes_featureids", &[0, 0, 0]),
        attr_strings("nodes_modes", &["BRANCH_LEQ", "LEAF", "LEAF"]),
        attr_floats("nodes_values", &[0.5, 0.0, 0.0]),
        ints("nodes_truenodeids", &[1, 0, 0]),
        ints("nodes_falsenodeids", &[2, 0, 0]),
        ints("target_treeids", &[0, 0]),
        ints("target_nodeids", &[1, 2]),
        ints("target_ids", &[0, 0]),
        attr_floats("target_weights", &[10.0, 20.0]),
        attr_int("n_targets", 1),
        attr_string("post_transform", "NONE"),
    ];
    let tree = node("TreeEnsembleRegressor", &["x"], &["y"]).in_domain(ML_DOMAIN);
    let tree = attributes.into_iter().fold(tree, cairn_onnx::NodeProto::with);
    graph(vec![tree], DataType::Float, &[Dim::Named("N"), Dim::Fixed(1)])
}

fn floats(values: &[f32]) -> Result<Vec<Tensor>, Failed> {
    Ok(vec![Tensor::new("x", vec![values.len() / 2, 2], TensorData::Fp32(values.to_vec()))?])
}

async fn rten_runs_what_it_can() -> Outcome {
    let (engines, _tasks) = engines(ModelStore::new("/nowhere"))?;
    let relu = graph(vec![node("Relu", &["x"], &["y"])], DataType::Float, &ROW);
    let model = open(&engines, &relu).await?;
    let metadata = model.metadata();
    check(metadata.platform == "onnx_rten", metadata.platform)?;
    check(metadata.engine_reason.contains("every operator"), &metadata.engine_reason)?;
    check(matches!(metadata.batching, Batching::On { max_rows: 128 }), "batching is off")?;
    let answer = model.infer(floats(&[-1.0, 2.0])?, &[]).await?;
    check(*answer[0].data() == TensorData::Fp32(vec![0.0, 2.0]), "wrong numbers")?;
    check(model.state() == ModelState::Ready, "it is not ready")
}

async fn onnx_runtime_runs_the_rest() -> Outcome {
    let (engines, tasks) = engines(ModelStore::from_env()?)?;
    let trees = open(&engines, &tree()).await?;
    let metadata = trees.metadata().clone();
    check(metadata.platform == "onnxruntime_onnx", metadata.platform)?;
    check(metadata.engine_reason.contains("TreeEnsembleRegressor"), &metadata.engine_reason)?;
    check(matches!(metadata.batching, Batching::On { .. }), format!("{:?}", metadata.batching))?;
    check(trees.memory_bytes().is_some_and(|bytes| bytes > 10 << 20), "it tells no memory")?;
    let answer = trees.infer(floats(&[0.0, 9.0, 1.0, 9.0])?, &[]).await?;
    check(answer[0].shape() == [2, 1], format!("{:?}", answer[0].shape()))?;
    check(*answer[0].data() == TensorData::Fp32(vec![10.0, 20.0]), "wrong numbers")?;
    let error = trees.infer(vec![], &[]).await.err().ok_or("it ran without inputs")?;
    check(error.kind() == Kind::Invalid, format!("{error:?}"))?;

    let lower = node("StringNormalizer", &["flat"], &["z"])
        .with(attr_string("case_change_action", "LOWER"))
        .with(attr_string("locale", "C"));
    let mut text = graph(vec![lower], DataType::String, &[Dim::Named("N")]);
    if let Some(graph) = text.graph.as_mut() {
        graph.input = vec![input("flat", DataType::String, &[Dim::Named("N")])];
        graph.output = vec![input("z", DataType::String, &[Dim::Named("N")])];
    }
    let text = open(&engines, &text).await?;
    let words = Tensor::text("flat", vec![2], ["GREEN", "Ab"])?;
    let answer = text.infer(vec![words], &[]).await?;
    check(answer[0].strings()? == ["green", "ab"], format!("{:?}", answer[0]))?;

    let nonsense = graph(vec![node("Nonsense", &["x"], &["y"])], DataType::Float, &ROW);
    let error = open(&engines, &nonsense).await.err().ok_or("nonsense was opened")?;
    check(error.kind() == Kind::Unsupported, format!("{error:?}"))?;
    check(error.message().contains("Nonsense"), &error)?;

    drop((trees, text));
    all_ended(&tasks).await
}

async fn without_the_library() -> Outcome {
    let empty = tempfile::tempdir()?;
    let (engines, _tasks) = engines(ModelStore::new(empty.path()))?;
    let error = open(&engines, &tree()).await.err().ok_or("a tree was opened")?;
    check(error.kind() == Kind::Unsupported, format!("{error:?}"))?;
    for words in ["ai.onnx.ml.TreeEnsembleRegressor", "`cairn models pull onnxruntime`"] {
        check(error.message().contains(words), &error)?;
    }
    Ok(())
}

async fn a_childs_end_costs_a_retry() -> Outcome {
    let (engines, tasks) = engines(ModelStore::from_env()?)?;
    let victim = open(&engines, &tree()).await?;
    let [pid] = children()?[..] else { return Err("there is not one child".into()) };
    let other = open(&engines, &tree()).await?;
    let row = || floats(&[1.0, 0.0]);
    victim.infer(row()?, &[]).await?;

    let pid = rustix::process::Pid::from_raw(pid).ok_or("pid 0")?;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
    let error = victim.infer(row()?, &[]).await.err().ok_or("the dead answered")?;
    check(error.kind() == Kind::Unavailable && error.kind().retryable(), format!("{error:?}"))?;
    check(error.code() == Some("engine_restarting"), format!("{error:?}"))?;
    check(matches!(victim.state(), ModelState::Failed { .. }), format!("{:?}", victim.state()))?;
    other.infer(row()?, &[]).await?;

    let began = Instant::now();
    let answer = loop {
        match victim.infer(row()?, &[]).await {
            Ok(answer) => break answer,
            Err(error) if began.elapsed() > Duration::from_secs(30) => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    check(*answer[0].data() == TensorData::Fp32(vec![20.0]), "wrong numbers")?;
    check(victim.state() == ModelState::Ready, "it answers and is not ready")?;
    let statistics = victim.statistics().ok_or("it does not count")?;
    check(statistics.fail.count >= 1 && statistics.success.count == 2, format!("{statistics:?}"))?;
    drop((victim, other));
    all_ended(&tasks).await
}

async fn sizes_from_values() -> Outcome {
    let (engines, _tasks) = engines(ModelStore::new("/nowhere"))?;
    let mut tile = graph(vec![node("Tile", &["x", "k"], &["y"])], DataType::Float, &ROW);
    if let Some(graph) = tile.graph.as_mut() {
        graph.input.push(input("k", DataType::Int64, &[Dim::Fixed(2)]));
        graph.output = vec![input("y", DataType::Float, &[Dim::Named("A"), Dim::Named("B")])];
    }
    let model = open(&engines, &tile).await?;
    let reason = &model.metadata().engine_reason;
    check(reason.contains("'y' (Tile)") && reason.contains("memory ceiling"), reason)?;
    let ask = |rows: i64| -> Result<Vec<Tensor>, Failed> {
        let mut inputs = floats(&[1.0, 2.0])?;
        inputs.push(Tensor::new("k", vec![2], TensorData::Int64(vec![rows, 1]))?);
        Ok(inputs)
    };
    let answer = model.infer(ask(3)?, &[]).await?;
    check(answer[0].shape() == [3, 2], format!("{:?}", answer[0].shape()))?;
    let error = model.infer(ask(1 << 30)?, &[]).await.err().ok_or("eight gigabytes were made")?;
    check(error.kind() == Kind::Unavailable, format!("{error:?}"))
}

async fn absurd_memory() -> Outcome {
    let (engines, _tasks) = engines(ModelStore::new("/nowhere"))?;
    // Each constant is the one before it twice: a terabyte out of a kilobyte.
    let name = |at: usize| if at == 0 { "seed".to_owned() } else { format!("c{at}") };
    let mut nodes: Vec<_> = (0..30)
        .map(|at| {
            let (from, to) = (name(at), name(at + 1));
            node("Concat", &[&from, &from], &[&to]).with(attr_int("axis", 0))
        })
        .collect();
    nodes.push(node("ReduceMax", &["c30"], &["top"]).with(attr_int("keepdims", 0)));
    nodes.push(node("Add", &["x", "top"], &["y"]));
    let mut bomb = graph(nodes, DataType::Float, &ROW);
    if let Some(graph) = bomb.graph.as_mut() {
        graph.initializer.push(tensor_f32("seed", &[256], &[1.0; 256]));
    }
    let began = Instant::now();
    let error = open(&engines, &bomb).await.err().ok_or("a bomb was opened")?;
    check(error.kind() == Kind::Unprocessable, format!("{error:?}"))?;
    check(error.message().contains("it is refused"), &error)?;
    check(began.elapsed() < Duration::from_secs(60), "it took too long")
}

/// Stops the tasks; a moment later no child is left.
async fn all_ended(tasks: &Tasks) -> Outcome {
    let left = tasks.stop(Duration::from_secs(5)).await;
    let began = Instant::now();
    while !children()?.is_empty() && began.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    check(left.is_empty() && children()?.is_empty(), format!("still there: {left:?}"))
}

/// The engine children of this process.
fn children() -> Result<Vec<i32>, Failed> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut after = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, parent) = (after.next(), after.next());
        if parent == Some(own.as_str()) && state != Some("Z") {
            found.push(pid);
        }
    }
    Ok(found)
}
