//! Damaged and hostile model files against everything that stands before an engine, and
//! the engine that runs in this process.

#![expect(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cairn_kernel::Kind;
use cairn_onnx::{
    DataType, Dim, GraphProto, ML_DOMAIN, attr_graph, attr_int, attr_ints, attr_string,
    attr_strings, encode, input, metadata, model, node, opset, tensor_f32, tensor_i64,
};
use cairn_serving::onnx::{ModelIdentity, OnnxModel};
use cairn_serving::tensor::{Tensor, TensorData};
use sha2::{Digest as _, Sha256};

const ROW: Dim<'_> = Dim::Named("N");
/// Mutants of each model.
const MUTANTS: usize = 400;
/// How long one of them may take to be refused, or loaded and run.
const EACH: Duration = Duration::from_secs(2);

/// A deterministic stream of numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).unwrap()
    }
}

/// Text in, a table, shapes from constants, a branch, a label out.
fn tabular() -> Vec<u8> {
    let branch = |op: &str| GraphProto {
        name: Some(op.to_lowercase()),
        node: vec![node(op, &["score"], &["chosen"])],
        output: vec![input("chosen", DataType::Float, &[ROW, Dim::Fixed(2)])],
        ..GraphProto::default()
    };
    let graph = GraphProto {
        name: Some("tabular".into()),
        node: vec![
            node("LabelEncoder", &["colour"], &["code"])
                .in_domain(ML_DOMAIN)
                .with(attr_strings("keys_strings", &["red", "green", "blue"]))
                .with(attr_ints("values_int64s", &[0, 1, 2]))
                .with(attr_int("default_int64", 3)),
            node("Gather", &["table", "code"], &["shift"]).with(attr_int("axis", 0)),
            node("ConstantOfShape", &["shape"], &["zeros"]),
            node("Concat", &["size", "shift"], &["x"]).with(attr_int("axis", 1)),
            node("MatMul", &["x", "weights"], &["product"]),
            node("Add", &["product", "zeros"], &["score"]),
            node("ReduceMax", &["score"], &["top"]).with(attr_int("keepdims", 0)),
            node("Greater", &["top", "zero"], &["positive"]),
            node("If", &["positive"], &["chosen"])
                .with(attr_graph("then_branch", branch("Relu")))
                .with(attr_graph("else_branch", branch("Abs"))),
            node("ArgMax", &["chosen"], &["class"])
                .with(attr_int("axis", 1))
                .with(attr_int("keepdims", 0)),
            node("LabelEncoder", &["class"], &["label"])
                .in_domain(ML_DOMAIN)
                .with(attr_ints("keys_int64s", &[0, 1]))
                .with(attr_strings("values_strings", &["no", "yes"]))
                .with(attr_string("default_string", "?")),
        ],
        initializer: vec![
            tensor_f32("table", &[4], &[10.0, 20.0, 30.0, 0.0]),
            tensor_f32("weights", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
            tensor_f32("zero", &[], &[0.0]),
            tensor_i64("shape", &[2], &[1, 2]),
        ],
        input: vec![
            input("colour", DataType::String, &[ROW, Dim::Fixed(1)]),
            input("size", DataType::Float, &[ROW, Dim::Fixed(1)]),
        ],
        output: vec![
            input("label", DataType::String, &[ROW]),
            input("score", DataType::Float, &[ROW, Dim::Fixed(2)]),
        ],
        ..GraphProto::default()
    };
    encode(&model(graph, vec![opset("", 17), opset(ML_DOMAIN, 3)], vec![metadata("task", "demo")]))
}

/// Convolution and pooling, whose windows are attributes.
fn image() -> Vec<u8> {
    let pixels = [Dim::Named("N"), Dim::Fixed(1), Dim::Fixed(8), Dim::Fixed(8)];
    let graph = GraphProto {
        name: Some("image".into()),
        node: vec![
            node("Conv", &["size", "kernel"], &["c"])
                .with(attr_ints("kernel_shape", &[3, 3]))
                .with(attr_ints("pads", &[1, 1, 1, 1]))
                .with(attr_ints("strides", &[1, 1])),
            node("MaxPool", &["c"], &["p"])
                .with(attr_ints("kernel_shape", &[2, 2]))
                .with(attr_ints("strides", &[2, 2])),
            node("Reshape", &["p", "flat"], &["f"]),
            node("Tile", &["f", "repeats"], &["t"]),
            node("Softmax", &["t"], &["score"]).with(attr_int("axis", 1)),
        ],
        initializer: vec![
            tensor_f32("kernel", &[1, 1, 3, 3], &[0.1; 9]),
            tensor_i64("flat", &[2], &[-1, 16]),
            tensor_i64("repeats", &[2], &[1, 2]),
        ],
        input: vec![input("size", DataType::Float, &pixels)],
        output: vec![input("score", DataType::Float, &[ROW, Dim::Fixed(32)])],
        ..GraphProto::default()
    };
    encode(&model(graph, vec![opset("", 17)], vec![]))
}

fn load(bytes: Vec<u8>) -> cairn_kernel::Result<std::sync::Arc<OnnxModel>> {
    let sha256 = hex::encode(Sha256::digest(&bytes));
    OnnxModel::load(bytes, ModelIdentity { name: "m".into(), version: "1".into(), sha256 })
}

fn rows() -> Vec<Vec<Tensor>> {
    let text = Tensor::text("colour", vec![1, 1], ["red"]).unwrap();
    let size = |shape: &[usize]| {
        let count = shape.iter().product();
        Tensor::new("size", shape.to_vec(), TensorData::Fp32(vec![1.0; count])).unwrap()
    };
    vec![vec![text, size(&[1, 1])], vec![size(&[1, 1, 8, 8])]]
}

/// Damages a file, most often in one place and by one byte.
fn mutate(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places = if dice.roll(3) > 0 { 1 } else { 1 + dice.roll(4) };
    for _ in 0..places {
        let at = dice.roll(bytes.len());
        match dice.roll(12) {
            0..=3 => bytes[at] ^= 1 << dice.roll(8),
            4..=5 => bytes[at] = u8::try_from(dice.roll(256)).unwrap(),
            // The next number, name, field or length.
            6..=8 => bytes[at] = bytes[at].wrapping_add(1),
            9 => bytes.truncate(at.max(1)),
            // The largest varint where a length or a number may stand.
            10 => drop(bytes.splice(at..at, [0xff; 9].into_iter().chain([0x01]))),
            _ => {
                let end = (at + dice.roll(32)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
        }
    }
    bytes
}

#[test]
fn mutants_are_refused_or_run_and_nothing_panics_or_hangs() {
    let (mut refused, mut loaded) = (0, 0);
    for (seed, original) in [tabular(), image()].into_iter().enumerate() {
        let model = load(original.clone()).unwrap_or_else(|error| panic!("{}", error.detail()));
        assert!(rows().into_iter().any(|row| model.infer_blocking(row, &[]).is_ok()));
        let mut dice = Dice(seed as u64 + 1);
        for number in 0..MUTANTS {
            let mutant = mutate(&original, &mut dice);
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| match load(mutant.clone()) {
                Ok(model) => {
                    for row in rows() {
                        drop(model.infer_blocking(row, &[]));
                    }
                    true
                }
                Err(error) => {
                    assert!(!error.message().is_empty());
                    false
                }
            }));
            let took = began.elapsed();
            match outcome {
                Ok(true) => loaded += 1,
                Ok(false) => refused += 1,
                Err(_) => panic!("mutant {number} of model {seed} panicked"),
            }
            assert!(took < EACH, "mutant {number} of model {seed} took {took:?}");
        }
    }
    assert_eq!(refused + loaded, 2 * MUTANTS);
    assert!(refused > MUTANTS / 4 && loaded > MUTANTS / 8, "{refused} refused, {loaded} loaded");
}

#[test]
fn files_of_other_kinds_are_refused_by_name() {
    let cases: [(&[u8], &str); 5] = [
        (b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x94.", "Python pickle"),
        (b"PK\x03\x04\x14\0\0\0archive/data.pkl", "ZIP archive"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "HDF5"),
        (b"\x10\0\0\0\0\0\0\0{\"a\":{}}        ", "safetensors"),
        (b"GGUF\x03\0\0\0\0\0\0\0", "GGUF"),
    ];
    for (bytes, name) in cases {
        let error = load(bytes.to_vec()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn a_file_that_claims_two_gigabytes_is_refused_before_they_are_taken() {
    let graph = |shape: &[i64]| GraphProto {
        node: vec![node("ConstantOfShape", &["shape"], &["y"])],
        initializer: vec![tensor_i64("shape", &[shape.len() as i64], shape)],
        input: vec![input("x", DataType::Float, &[ROW])],
        output: vec![input("y", DataType::Float, &[Dim::Named("A"), Dim::Named("B")])],
        ..GraphProto::default()
    };
    let file = |shape: &[i64]| encode(&model(graph(shape), vec![opset("", 17)], vec![]));
    let began = Instant::now();
    let error = load(file(&[1 << 15, 1 << 14])).unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert!(error.message().contains("claims 536870912 elements"), "{error}");
    assert!(began.elapsed() < Duration::from_millis(200));
    assert!(load(file(&[2, 3])).is_ok());

    let mut large = graph(&[2, 3]);
    large.initializer[0].dims = vec![1 << 31];
    let error = load(encode(&model(large, vec![opset("", 17)], vec![]))).unwrap_err();
    assert!(error.message().contains("exceeds a limit"), "{error}");
}
