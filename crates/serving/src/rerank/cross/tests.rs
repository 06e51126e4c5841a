//! With a cross-encoder small enough to see through: its logit is the sum of the weights of
//! the document's words.

use cairn_onnx::{
    DataType, Dim, GraphProto, attr_int, encode, input, model, node, opset, tensor_f32, tensor_i64,
};

use super::*;
use crate::rerank::Reranker;

const TOKENIZER: &str = r#"{"version":"1.0",
  "truncation":{"direction":"Right","max_length":64,"strategy":"LongestFirst","stride":0},
  "padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},
  "post_processor":{"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
      {"SpecialToken":{"id":"[SEP]","type_id":0}}],
    "pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
      {"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},
      {"SpecialToken":{"id":"[SEP]","type_id":1}}],
    "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]},
      "[SEP]":{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}},
  "decoder":null,
  "model":{"type":"WordLevel","unk_token":"[UNK]",
    "vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"good":3,"bad":4,"filler":5}}}"#;

/// Writes the model and its tokenizer.
fn files(folder: &Path) -> std::path::PathBuf {
    let shape = [Dim::Named("batch"), Dim::Named("tokens")];
    let cast = |from: &'static str, to: &'static str| {
        node("Cast", &[from], &[to]).with(attr_int("to", DataType::Float as i64))
    };
    let graph = GraphProto {
        name: Some("cross".into()),
        node: vec![
            node("Gather", &["weights", "input_ids"], &["each"]),
            cast("attention_mask", "mask"),
            cast("token_type_ids", "second"),
            node("Mul", &["each", "mask"], &["kept"]),
            node("Mul", &["kept", "second"], &["document"]),
            node("ReduceSum", &["document", "axes"], &["logits"]).with(attr_int("keepdims", 1)),
        ],
        initializer: vec![
            tensor_f32("weights", &[6], &[0.0, 0.0, 0.0, 4.0, -4.0, 0.0]),
            tensor_i64("axes", &[1], &[1]),
        ],
        input: ["input_ids", "attention_mask", "token_type_ids"]
            .map(|name| input(name, DataType::Int64, &shape))
            .to_vec(),
        output: vec![input("logits", DataType::Float, &[Dim::Named("batch"), Dim::Fixed(1)])],
        ..GraphProto::default()
    };
    let path = folder.join("tiny-cross.onnx");
    std::fs::write(&path, encode(&model(graph, vec![opset("", 17)], vec![]))).unwrap();
    std::fs::write(folder.join("tokenizer.json"), TOKENIZER).unwrap();
    path
}

#[tokio::test]
async fn the_best_window_of_a_pair_counts() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = CrossEncoder::load(&files(folder.path())).unwrap();
    let reranker = Reranker::cross_encoder(encoder);
    assert_eq!(reranker.name(), "tiny-cross");
    let long = format!("{} good {}", "filler ".repeat(150), "bad ".repeat(60));
    let documents = ["good", "bad", "filler", &long, ""].map(str::to_owned).to_vec();
    // Words of the query weigh nothing: the types tell them apart.
    let scores = reranker.score("bad bad", documents).await.unwrap();
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    for (at, logit) in [(0, 4.0), (1, -4.0), (2, 0.0), (4, 0.0)] {
        assert!((scores.relevance[at] - sigmoid(logit)).abs() < 1e-5, "{at}: {scores:?}");
    }
    // Five windows: the one with nothing but filler is the best, or the one with 'good'.
    assert!(scores.relevance[3] >= sigmoid(0.0) - 1e-5, "{scores:?}");
    assert!(scores.tokens > 211, "{scores:?}");
}

#[test]
fn windows_lose_nothing_and_fit() {
    let folder = tempfile::tempdir().unwrap();
    let encoder = CrossEncoder::load(&files(folder.path())).unwrap();
    let text = "good bad filler ".repeat(77);
    let windows = encoder.windows(&text, 40).unwrap();
    assert_eq!(windows.concat(), text);
    assert!(windows.iter().all(|part| encoder.token_offsets(part).unwrap().len() <= 40));
    assert_eq!(windows.len(), 6);
    assert_eq!(encoder.windows("", 40).unwrap(), [""]);
}

#[tokio::test]
async fn a_query_that_leaves_no_room_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let reranker = Reranker::cross_encoder(CrossEncoder::load(&files(folder.path())).unwrap());
    let refused = reranker.score(&"bad ".repeat(40), vec!["good".into()]).await.unwrap_err();
    assert_eq!(refused.param(), Some("query"));
}

#[test]
fn two_logits_are_one_by_their_difference() {
    assert!((relevance(&[1.0, 1.0]) - 0.5).abs() < 1e-6);
    assert!(relevance(&[0.0, 3.0]) > 0.95);
}

#[test]
fn a_file_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no.onnx");
    assert_eq!(CrossEncoder::load(&path).unwrap_err().kind(), Kind::NotFound);
    std::fs::write(&path, b"nothing").unwrap();
    assert!(CrossEncoder::load(&path).unwrap_err().message().contains("no.onnx"));
}
