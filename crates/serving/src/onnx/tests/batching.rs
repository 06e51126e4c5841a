use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Result};

use super::*;
use crate::onnx::batcher::{Batcher, Plan};
use crate::onnx::engine::{Engine, Executed};
use crate::onnx::request::Request;
use crate::onnx::served::Served;
use crate::runtime::ModelState;
use crate::statistics::{Phases, StatisticsRecorder};

/// Doubles every number, takes its time, and cannot stand 13.
#[derive(Debug)]
struct Doubler {
    metadata: ModelMetadata,
    takes: Duration,
    batches: Mutex<Vec<usize>>,
    running: AtomicUsize,
}

fn doubler(takes: Duration) -> Arc<Doubler> {
    let spec = |name: &str| TensorSpec {
        name: name.into(),
        datatype: Datatype::Fp32,
        shape: Some(vec![-1, -1]),
        dim_names: vec![None, None],
    };
    let metadata = ModelMetadata {
        name: "doubler".into(),
        version: "1".into(),
        sha256: String::new(),
        platform: "test",
        engine_reason: String::new(),
        batching: Batching::On { max_rows: 8 },
        inputs: vec![spec("x")],
        outputs: vec![spec("y"), spec("z")],
        properties: Default::default(),
    };
    Arc::new(Doubler { metadata, takes, batches: Mutex::default(), running: AtomicUsize::new(0) })
}

impl Engine for Doubler {
    fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    fn execute(&self, inputs: Vec<Tensor>, outputs: &[usize]) -> Result<Executed> {
        assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0, "two at once");
        std::thread::sleep(self.takes);
        self.running.fetch_sub(1, Ordering::SeqCst);
        let (_, shape, data) = inputs.into_iter().next().unwrap().into_parts();
        let TensorData::Fp32(data) = data else { panic!("not floats") };
        self.batches.lock().unwrap().push(shape[0]);
        match data.iter().find(|x| **x == 13.0 || **x == 666.0) {
            Some(x) if *x == 13.0 => return Err(Error::new(Kind::Unprocessable, "13")),
            Some(_) => panic!("the beast"),
            None => {}
        }
        let outputs = outputs.iter().map(|output| {
            let factor = [2.0, 3.0][*output];
            let data = data.iter().map(|x| x * factor).collect();
            Tensor::new(["y", "z"][*output], shape.clone(), TensorData::Fp32(data)).unwrap()
        });
        Ok(Executed { outputs: outputs.collect(), phases: Phases::default() })
    }

    fn parallel(&self) -> usize {
        1
    }

    fn runs_here(&self) -> bool {
        true
    }

    fn state(&self) -> ModelState {
        ModelState::Ready
    }

    fn memory_bytes(&self) -> Option<u64> {
        None
    }
}

fn batcher(engine: &Arc<Doubler>, bounds: Bounds) -> (Arc<Batcher>, Arc<StatisticsRecorder>) {
    let statistics = Arc::new(StatisticsRecorder::default());
    let plan = Plan { bounds, stacks: true, parallel: 1, row_time: None };
    let engine: Arc<dyn Engine> = engine.clone();
    (Arc::new(Batcher::new(engine, plan, Arc::clone(&statistics))), statistics)
}

fn request(rows: usize, width: usize, value: f32, outputs: &[usize]) -> Request {
    let data = TensorData::Fp32(vec![value; rows * width]);
    let input = Tensor::new("x", vec![rows, width], data).unwrap();
    Request { inputs: vec![input], outputs: outputs.to_vec() }
}

fn numbers(tensor: &Tensor) -> &[f32] {
    let TensorData::Fp32(numbers) = tensor.data() else { panic!("not floats") };
    numbers
}

type Answers = Vec<Result<Vec<Tensor>>>;

/// Sends requests one after the other without waiting for answers, the first a little
/// before the rest, so that it runs alone while they gather.
async fn together(batcher: &Arc<Batcher>, requests: Vec<Request>) -> Answers {
    let mut requests = requests.into_iter().map(|request| batcher.submit(request));
    let first = requests.next().unwrap();
    let rest = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        futures::future::join_all(requests).await
    };
    let (first, rest) = tokio::join!(first, rest);
    std::iter::once(first).chain(rest).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_gather_while_the_engine_is_busy_and_each_gets_its_own() {
    let engine = doubler(Duration::from_millis(50));
    let (batcher, statistics) = batcher(&engine, Bounds { rows: 8, ..Bounds::default() });
    let requests = (0..21).map(|at| {
        let outputs: &[usize] = [&[0, 1][..], &[1], &[1, 0, 1]][at % 3];
        request(1 + at % 2, 4, at as f32 + 100.0, outputs)
    });
    let began = Instant::now();
    let answers = together(&batcher, requests.collect()).await;
    assert!(began.elapsed() < Duration::from_millis(50 * 12), "{:?}", began.elapsed());
    for (at, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        let (two, three) = ((at as f32 + 100.0) * 2.0, (at as f32 + 100.0) * 3.0);
        let (y, z) = (("y", two), ("z", three));
        let expected = [vec![y, z], vec![z], vec![z, y, z]][at % 3].clone();
        assert_eq!(answer.len(), expected.len());
        for (tensor, (name, value)) in answer.iter().zip(expected) {
            assert_eq!((tensor.name(), tensor.shape()), (name, &[1 + at % 2, 4][..]));
            assert!(numbers(tensor).iter().all(|x| *x == value), "{at}: {tensor:?}");
        }
    }
    let batches = engine.batches.lock().unwrap().clone();
    assert_eq!(batches[0], 1, "a lone request waited for company: {batches:?}");
    assert_eq!(batches.iter().sum::<usize>(), 31);
    assert!(batches.iter().all(|rows| *rows <= 8) && batches.len() <= 7, "{batches:?}");
    let seen = statistics.snapshot();
    assert_eq!((seen.inference_count, seen.execution_count), (31, batches.len() as u64));
    assert_eq!((seen.queue.count, seen.compute_infer.count), (21, 21));
    assert!(seen.batches.iter().any(|batch| batch.rows > 4), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_or_panics_fails_alone() {
    let engine = doubler(Duration::from_millis(30));
    let (batcher, _) = batcher(&engine, Bounds::default());
    let requests = [1.0, 2.0, 13.0, 3.0].map(|value| request(1, 2, value, &[0]));
    let answers = together(&batcher, requests.into()).await;
    let ok: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, true, false, true]);
    assert_eq!(answers[2].as_ref().unwrap_err().message(), "13");
    assert_eq!(numbers(&answers[3].as_ref().unwrap()[0]), [6.0, 6.0]);

    let error = batcher.submit(request(1, 2, 666.0, &[0])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(batcher.submit(request(1, 2, 1.0, &[0])).await.is_ok(), "the queue has died");
    assert_eq!(batcher.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_equal_shapes_and_only_so_many_elements_are_stacked() {
    let engine = doubler(Duration::from_millis(30));
    let (batcher, _) = batcher(&engine, Bounds { elements: 12, ..Bounds::default() });
    let widths = [4, 4, 5, 4, 5, 4, 4];
    let requests = widths.map(|width| request(1, width, 1.0, &[0]));
    for (answer, width) in together(&batcher, requests.into()).await.iter().zip(widths) {
        assert_eq!(answer.as_ref().unwrap()[0].shape(), [1, width]);
    }
    // The first alone; three of width 4 are twelve elements; then both of width 5.
    assert_eq!(*engine.batches.lock().unwrap(), [1, 3, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_bounded_in_length_and_in_time() {
    // On a machine that is short of cores the four may not come in the order they are sent in:
    // then once more.
    let mut seen = Vec::new();
    for _ in 0..5 {
        let (kinds, batches) = four_at_a_slow_engine().await;
        let wanted = [None, Some(Kind::Exhausted), Some(Kind::Timeout), Some(Kind::Timeout)];
        // What has begun is not given up, and what was given up is not computed after all.
        if wanted.iter().all(|kind| kinds.contains(kind)) && kinds[0].is_none() && batches == [1] {
            assert!(kinds.iter().flatten().all(|kind| kind.retryable()));
            return;
        }
        seen.push((kinds, batches));
    }
    panic!("{seen:?}");
}

/// What became of four requests at once where two may wait, and not for long; and the sizes of
/// the batches that were computed, some time later.
async fn four_at_a_slow_engine() -> (Vec<Option<Kind>>, Vec<usize>) {
    let engine = doubler(Duration::from_millis(1000));
    let bounds = Bounds { waiting: 2, queue_wait: Duration::from_millis(400), ..Bounds::default() };
    let (batcher, _) = batcher(&engine, bounds);
    let requests = (0..4).map(|_| request(1, 2, 1.0, &[0])).collect();
    let answers = together(&batcher, requests).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let kinds = answers.iter().map(|answer| answer.as_ref().err().map(Error::kind)).collect();
    (kinds, engine.batches.lock().unwrap().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_engine_waits_for_company_only_where_it_is_told_to() {
    let engine = doubler(Duration::ZERO);
    let bounds = Bounds { delay: Duration::from_millis(1000), rows: 3, ..Bounds::default() };
    let (batcher, _) = batcher(&engine, bounds);
    let requests = (0..3).map(|_| request(1, 2, 1.0, &[0])).collect();
    let began = Instant::now();
    assert!(together(&batcher, requests).await.iter().all(Result::is_ok));
    assert!(began.elapsed() < Duration::from_millis(900), "a full batch waited");
    assert_eq!(*engine.batches.lock().unwrap(), [3]);
    assert!(batcher.submit(request(1, 2, 1.0, &[0])).await.is_ok());
    assert!(began.elapsed() > Duration::from_millis(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_request_is_not_computed() {
    let engine = doubler(Duration::from_millis(60));
    let (batcher, _) = batcher(&engine, Bounds::default());
    let first = {
        let batcher = Arc::clone(&batcher);
        async move { batcher.submit(request(1, 2, 1.0, &[0])).await }
    };
    let impatient = tokio::time::timeout(Duration::from_millis(20), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        batcher.submit(request(1, 2, 2.0, &[0])).await
    });
    let (first, impatient) = tokio::join!(first, impatient);
    assert!(first.is_ok() && impatient.is_err());
    assert!(batcher.submit(request(1, 2, 3.0, &[0])).await.is_ok());
    assert_eq!(engine.batches.lock().unwrap().len(), 2);
}

fn served(proto: &ModelProto, bounds: Bounds) -> Served {
    Served::open(load(proto).unwrap(), bounds).unwrap()
}

fn reason(proto: &ModelProto) -> String {
    match served(proto, Bounds::default()).metadata().batching.clone() {
        Batching::Off { reason } => reason,
        Batching::On { max_rows } => panic!("batching is on, up to {max_rows} rows"),
    }
}

fn unary(op: cairn_onnx::NodeProto, from: &[Dim<'_>], to: &[Dim<'_>]) -> ModelProto {
    let graph = GraphProto {
        name: Some("g".into()),
        node: vec![op],
        initializer: vec![tensor_i64("axes", &[1], &[0])],
        input: vec![input("x", DataType::Float, from)],
        output: vec![input("y", DataType::Float, to)],
        ..GraphProto::default()
    };
    model(graph, vec![opset("", 18)], vec![])
}

#[test]
fn batching_is_on_only_where_rows_alone_and_stacked_agree() {
    let tabular = served(&tabular(), Bounds::default());
    assert_eq!(tabular.metadata().batching, Batching::On { max_rows: 128 });

    let row = [ROW, Dim::Fixed(2)];
    let relu = unary(node("Relu", &["x"], &["y"]), &row, &row);
    assert!(matches!(served(&relu, Bounds::default()).metadata().batching, Batching::On { .. }));
    // Normalises over the rows.
    let softmax = node("Softmax", &["x"], &["y"]).with(attr_int("axis", 0));
    let said = reason(&unary(softmax, &row, &row));
    assert!(said.contains("output 'y' of a row depends on the rows beside it"), "{said}");
    // Sums the rows up; the declared shape lies.
    let sum = node("ReduceSum", &["x", "axes"], &["y"]);
    let said = reason(&unary(sum, &row, &row));
    assert!(said.contains("'y' has the shape [1, 2] and should have 3 rows"), "{said}");
    let fixed = [Dim::Fixed(1), Dim::Fixed(2)];
    let said = reason(&unary(node("Relu", &["x"], &["y"]), &fixed, &fixed));
    assert_eq!(said, "input 'x' has the fixed first dimension 1");
    let square = [ROW, ROW];
    let said = reason(&unary(node("Relu", &["x"], &["y"]), &square, &square));
    assert_eq!(said, "'x' has the dimension 'N' twice");
    let mut two = unary(node("Relu", &["x"], &["y"]), &row, &row);
    let graph = two.graph.as_mut().unwrap();
    graph.input.push(input("w", DataType::Float, &[Dim::Named("M"), Dim::Fixed(2)]));
    let said = reason(&two);
    assert!(said.contains("input 'w' counts 'M' in its first dimension, and others 'N'"), "{said}");
}

#[test]
fn the_file_may_bound_its_batches() {
    let row = [ROW, Dim::Fixed(2)];
    let with = |property: &str| {
        let mut proto = unary(node("Relu", &["x"], &["y"]), &row, &row);
        proto.metadata_props.push(metadata("cairn.max_batch_rows", property));
        proto
    };
    let bounded = served(&with("5"), Bounds::default());
    assert_eq!(bounded.metadata().batching, Batching::On { max_rows: 5 });
    assert!(reason(&with("1")).contains("at most one row"));
    assert!(reason(&with("many")).contains("'many', which is no number of rows"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_the_model_is_given_at_once_are_computed_in_parts() {
    let row = [ROW, Dim::Fixed(2)];
    let mut proto = unary(node("Relu", &["x"], &["y"]), &row, &row);
    proto.metadata_props.push(metadata("cairn.max_batch_rows", "4"));
    let model = served(&proto, Bounds::default());
    let data: Vec<f32> = (0..22).map(|x| x as f32 - 10.0).collect();
    let x = Tensor::new("x", vec![11, 2], TensorData::Fp32(data.clone())).unwrap();
    let answer = model.infer(vec![x], &[]).await.unwrap();
    assert_eq!(answer[0].shape(), [11, 2]);
    let expected: Vec<f32> = data.iter().map(|x| x.max(0.0)).collect();
    assert_eq!(numbers(&answer[0]), expected);
    let seen = model.statistics().unwrap();
    let sizes: Vec<_> = seen.batches.iter().map(|b| (b.rows, b.compute_infer.count)).collect();
    assert_eq!(sizes, [(3, 1), (4, 2)]);
    assert_eq!((seen.success.count, seen.fail.count), (1, 0));
    assert!(model.infer(vec![], &[]).await.is_err());
    assert_eq!(model.statistics().unwrap().fail.count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_number_is_refused_where_the_file_forbids_it() {
    let row = [ROW, Dim::Fixed(2)];
    let with = |property: &str| {
        let mut proto = unary(node("Relu", &["x"], &["y"]), &row, &row);
        proto.metadata_props.push(metadata("cairn.forbid_nan", property));
        Served::open(load(&proto).unwrap(), Bounds::default())
    };
    let nan = || vec![Tensor::new("x", vec![1, 2], TensorData::Fp32(vec![1.0, f32::NAN])).unwrap()];
    for property in ["true", "x"] {
        let error = with(property).unwrap().infer(nan(), &[]).await.unwrap_err();
        assert_eq!((error.kind(), error.param()), (Kind::Invalid, Some("x")));
        assert!(error.message().contains("element 1 of input 'x' is not a number"), "{error}");
    }
    assert!(with("false").unwrap().infer(nan(), &[]).await.is_ok());
    let error = with("price").unwrap_err();
    assert!(error.message().contains("names 'price', and the inputs are 'x'"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_bit_floats_are_computed_in_thirty_two() {
    let row = [ROW, Dim::Fixed(2)];
    let mut proto = unary(node("Relu", &["x"], &["y"]), &row, &row);
    let graph = proto.graph.as_mut().unwrap();
    graph.input = vec![input("x", DataType::Float16, &row)];
    graph.output = vec![input("y", DataType::Float16, &row)];
    let model = served(&proto, Bounds::default());
    let x = Tensor::new("x", vec![1, 2], TensorData::Fp16(vec![0x3c00, 0xc000])).unwrap();
    let answer = model.infer(vec![x], &[]).await.unwrap();
    assert_eq!(*answer[0].data(), TensorData::Fp16(vec![0x3c00, 0]));
}
