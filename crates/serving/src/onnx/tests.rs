//! Models as the trainer writes them, and hostile ones.

mod batching;

use std::sync::Arc;

use cairn_kernel::Kind;
use cairn_onnx::{
    DataType, Dim, GraphProto, ML_DOMAIN, ModelProto, attr_float, attr_floats, attr_int, attr_ints,
    attr_string, attr_strings, encode, input, metadata, model, node, opset, tensor_f32, tensor_i64,
};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::runtime::TensorModel;
use crate::tensor::{Datatype, Tensor, TensorData};

const ROW: Dim<'_> = Dim::Named("N");

fn load(proto: &ModelProto) -> cairn_kernel::Result<Arc<OnnxModel>> {
    let bytes = encode(proto);
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let identity = ModelIdentity { name: "m".into(), version: "1".into(), sha256 };
    OnnxModel::load(bytes, identity)
}

/// A tabular model as the trainer writes them: a text column through two encoders,
/// a number column, a linear layer, and the class as a label.
fn tabular() -> ModelProto {
    let colours = ["red", "green", "blue"];
    let graph = GraphProto {
        name: Some("tabular".into()),
        node: vec![
            node("LabelEncoder", &["colour"], &["code"])
                .in_domain(ML_DOMAIN)
                .with(attr_strings("keys_strings", &colours))
                .with(attr_ints("values_int64s", &[0, 1, 2]))
                .with(attr_int("default_int64", 3)),
            node("LabelEncoder", &["colour"], &["warmth"])
                .in_domain(ML_DOMAIN)
                .with(attr_strings("keys_strings", &colours))
                .with(attr_floats("values_floats", &[0.9, 0.5, 0.1]))
                .with(attr_float("default_float", -1.0)),
            node("Gather", &["table", "code"], &["shift"]).with(attr_int("axis", 0)),
            node("Concat", &["size", "warmth", "shift"], &["x"]).with(attr_int("axis", 1)),
            node("MatMul", &["x", "weights"], &["score"]),
            node("ArgMax", &["score"], &["class"])
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
            tensor_f32("weights", &[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
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
    model(graph, vec![opset("", 17), opset(ML_DOMAIN, 3)], vec![metadata("task", "binary")])
}

fn rows() -> Vec<Tensor> {
    vec![
        Tensor::new("size", vec![3, 1], TensorData::Fp32(vec![100.0, 1.0, 0.0])).unwrap(),
        Tensor::text("colour", vec![3, 1], ["red", "blue", "mauve"]).unwrap(),
    ]
}

#[tokio::test]
async fn text_goes_in_and_labels_come_out() {
    let model = load(&tabular()).unwrap();
    let answers = model.infer(rows(), &[]).await.unwrap();
    assert_eq!(answers[0].name(), "label");
    assert_eq!(answers[0].strings().unwrap(), ["no", "yes", "no"]);
    assert_eq!(answers[1].shape(), [3, 2]);
    // size; warmth + table[code]: 0.9 + 10, 0.1 + 30, and the defaults -1 + 0.
    let TensorData::Fp32(scores) = answers[1].data() else { panic!("not floats") };
    for (score, expected) in scores.iter().zip([100.0, 10.9, 1.0, 30.1, 0.0, -1.0]) {
        assert!((score - expected).abs() < 1e-5, "{scores:?}");
    }
    let only = model.infer(rows(), &["score".into(), "label".into()]).await.unwrap();
    assert_eq!([only[0].name(), only[1].name()], ["score", "label"]);
}

#[test]
fn metadata_is_that_of_the_file_and_not_of_the_engine() {
    let model = load(&tabular()).unwrap();
    let metadata = model.metadata();
    let spec = |s: &TensorSpec| (s.name.clone(), s.datatype, s.shape.clone().unwrap());
    assert_eq!(spec(&metadata.inputs[0]), ("colour".into(), Datatype::Bytes, vec![-1, 1]));
    assert_eq!(spec(&metadata.inputs[1]), ("size".into(), Datatype::Fp32, vec![-1, 1]));
    assert_eq!(spec(&metadata.outputs[0]), ("label".into(), Datatype::Bytes, vec![-1]));
    assert_eq!(metadata.platform, "onnx_rten");
    assert_eq!(metadata.properties["task"], "binary");
}

fn refused(inputs: Vec<Tensor>, outputs: &[&str]) -> String {
    let model = load(&tabular()).unwrap();
    let outputs: Vec<_> = outputs.iter().map(|&name| name.to_owned()).collect();
    let error = model.infer_blocking(inputs, &outputs).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    error.message().to_owned()
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let [size, colour] = <[Tensor; 2]>::try_from(rows()).unwrap();
    let said = refused(vec![colour.clone()], &[]);
    assert!(said.contains("'size' (FP32, shape [-1, 1])") && said.contains("missing"), "{said}");
    let other = Tensor::new("weight", vec![1], TensorData::Fp32(vec![1.0])).unwrap();
    let said = refused(vec![size.clone(), colour.clone(), other], &[]);
    assert!(said.contains("no input 'weight'; it takes 'colour', 'size'"), "{said}");
    let said = refused(vec![size.clone(), size.clone(), colour.clone()], &[]);
    assert!(said.contains("'size' twice"), "{said}");
    let ints = Tensor::new("size", vec![3, 1], TensorData::Int64(vec![1, 2, 3])).unwrap();
    let said = refused(vec![ints, colour.clone()], &[]);
    assert!(said.contains("'size' has the datatype INT64, and FP32 is expected"), "{said}");
    let flat = Tensor::new("size", vec![3], TensorData::Fp32(vec![1.0; 3])).unwrap();
    let said = refused(vec![flat, colour.clone()], &[]);
    assert!(said.contains("'size' has the shape [3], and [-1, 1] is expected"), "{said}");
    let longer = Tensor::new("size", vec![4, 1], TensorData::Fp32(vec![1.0; 4])).unwrap();
    let said = refused(vec![longer, colour.clone()], &[]);
    assert!(
        said.contains("'size' has 4 for the dimension 'N', and input 'colour' has 3"),
        "{said}"
    );
    let said = refused(vec![size, colour], &["odds"]);
    assert!(said.contains("no output 'odds'; it has 'label', 'score'"), "{said}");
}

#[test]
fn operators_that_are_not_there_are_named() {
    let mut proto = tabular();
    let graph = proto.graph.as_mut().unwrap();
    graph.node.push(node("TreeEnsembleClassifier", &["x"], &["a"]).in_domain(ML_DOMAIN));
    graph.node.push(node("Scaler", &["x"], &["b"]).in_domain(ML_DOMAIN));
    let error = load(&proto).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    let said = error.message();
    assert!(said.contains("ai.onnx.ml.Scaler, ai.onnx.ml.TreeEnsembleClassifier"), "{said}");

    let mut proto = tabular();
    let graph = proto.graph.as_mut().unwrap();
    graph.node[5].op_type = Some("ArgMaximum".into());
    let error = load(&proto).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.message().contains("ArgMaximum"), "{}", error.message());

    let mut proto = tabular();
    let graph = proto.graph.as_mut().unwrap();
    graph.node.push(node("StringNormalizer", &["colour"], &["c"]));
    let error = load(&proto).unwrap_err();
    assert!(error.message().contains("StringNormalizer on the text input 'colour'"), "{error}");
}

fn arithmetic(kind: DataType, op: &str) -> ModelProto {
    let graph = GraphProto {
        name: Some("g".into()),
        node: vec![node(op, &["a", "b"], &["c"])],
        input: vec![input("a", kind, &[ROW]), input("b", kind, &[ROW])],
        output: vec![input("c", kind, &[ROW])],
        ..GraphProto::default()
    };
    model(graph, vec![opset("", 17)], vec![])
}

fn pair(a: TensorData, b: TensorData) -> Vec<Tensor> {
    let n = a.len();
    vec![Tensor::new("a", vec![n], a).unwrap(), Tensor::new("b", vec![n], b).unwrap()]
}

#[test]
fn declared_types_come_back_though_the_engine_has_fewer() {
    let model = load(&arithmetic(DataType::Int64, "Add")).unwrap();
    let ints = |x: &[i64]| TensorData::Int64(x.to_vec());
    let answer = model.infer_blocking(pair(ints(&[1, -2]), ints(&[5, 5])), &[]).unwrap();
    assert_eq!(*answer[0].data(), ints(&[6, 3]));
    let wide = model.infer_blocking(pair(ints(&[1, 1 << 40]), ints(&[0, 0])), &[]).unwrap_err();
    assert!(wide.message().contains("element 1 of input 'a' is 1099511627776"), "{wide}");

    let model = load(&arithmetic(DataType::Double, "Mul")).unwrap();
    let doubles = |x: &[f64]| TensorData::Fp64(x.to_vec());
    let answer = model.infer_blocking(pair(doubles(&[1.5]), doubles(&[2.0])), &[]).unwrap();
    assert_eq!(*answer[0].data(), doubles(&[3.0]));

    let model = load(&arithmetic(DataType::Bool, "And")).unwrap();
    let bools = |x: &[bool]| TensorData::Bool(x.to_vec());
    let answer = model.infer_blocking(pair(bools(&[true, true]), bools(&[true, false])), &[]);
    assert_eq!(*answer.unwrap()[0].data(), bools(&[true, false]));
}

#[test]
fn other_bytes_than_those_registered_are_not_served() {
    let bytes = encode(&tabular());
    let identity = ModelIdentity { name: "m".into(), version: "1".into(), sha256: "00".repeat(32) };
    let error = OnnxModel::load(bytes, identity).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
}

#[test]
fn what_the_model_cannot_compute_costs_only_that_request() {
    let graph = GraphProto {
        name: Some("g".into()),
        node: vec![node("Gather", &["table", "at"], &["y"])],
        initializer: vec![tensor_i64("table", &[3], &[1, 2, 3])],
        input: vec![input("at", DataType::Int64, &[ROW])],
        output: vec![input("y", DataType::Int64, &[ROW])],
        ..GraphProto::default()
    };
    let model = load(&model(graph, vec![opset("", 17)], vec![])).unwrap();
    let at = |x: i64| vec![Tensor::new("at", vec![1], TensorData::Int64(vec![x])).unwrap()];
    assert!(model.infer_blocking(at(99), &[]).is_err());
    let answer = model.infer_blocking(at(2), &[]).unwrap();
    assert_eq!(*answer[0].data(), TensorData::Int64(vec![3]));
    model.unload();
    assert_eq!(model.infer_blocking(at(2), &[]).unwrap_err().kind(), Kind::Unavailable);
}

#[test]
fn a_panic_in_the_engine_is_an_error() {
    let error = super::guarded("testing", || -> u8 { panic!("out of {}", "range") });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.message().contains("out of range"));
}
