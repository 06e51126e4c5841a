//! The Open Inference Protocol: raw tensors and plain JSON.

use cairn_kernel::Kind;
use serde_json::json;

use super::double::{Double, Reply};
use super::*;
use crate::tensor::{Datatype, Tensor, TensorData};

const MODEL: &str = r#"{"name":"income","versions":["1","2"],"platform":"onnx","inputs":[{"name":"age","datatype":"FP32","shape":[-1,1]},{"name":"job","datatype":"BYTES","shape":[-1,1]}],"outputs":[{"name":"label","datatype":"BYTES","shape":[-1]},{"name":"p","datatype":"FP32","shape":[-1,2]}]}"#;

fn server(extensions: &str, answer: Reply) -> Double {
    let told = format!(r#"{{"name":"s","version":"1","extensions":[{extensions}]}}"#);
    Double::start(vec![Reply::json(200, &told), Reply::json(200, MODEL), answer])
}

fn inputs() -> Vec<Tensor> {
    vec![
        Tensor::new("age", vec![2, 1], TensorData::Fp32(vec![41.0, 7.5])).unwrap(),
        Tensor::text("job", vec![2, 1], ["smith", "é"]).unwrap(),
    ]
}

#[tokio::test]
async fn raw_tensors_go_and_come_in_the_order_asked_for() {
    let json = r#"{"model_name":"income","outputs":[{"name":"p","shape":[2,2],"datatype":"FP32","parameters":{"binary_data_size":16}},{"name":"label","shape":[2],"datatype":"BYTES","data":["yes","no"]}]}"#;
    let mut body = json.as_bytes().to_vec();
    body.extend([0.25_f32, 0.75, 0.5, 0.5].iter().flat_map(|number| number.to_le_bytes()));
    let headers = vec![("inference-header-content-length", json.len().to_string())];
    let server = server("\"binary_tensor_data\"", Reply::Whole(200, headers, body));
    let providers = provider(ProviderKind::Oip, &server.url);
    let model = providers.tensor_model("p", "income@2").await.unwrap();
    assert_eq!(
        (model.metadata().name.as_str(), model.metadata().version.as_str()),
        ("income", "2")
    );
    assert_eq!(model.metadata().inputs[1].datatype, Datatype::Bytes);
    let wanted = ["label".to_owned(), "p".to_owned()];
    let outputs = model.infer(inputs(), &wanted).await.unwrap();
    assert_eq!(outputs[0].strings().unwrap(), ["yes", "no"]);
    assert_eq!(outputs[1].data(), &TensorData::Fp32(vec![0.25, 0.75, 0.5, 0.5]));

    let asked = server.asked();
    assert_eq!(asked[1].line, "GET /v2/models/income/versions/2");
    assert_eq!(asked[2].line, "POST /v2/models/income/versions/2/infer");
    assert_eq!(asked[2].headers["authorization"], "Bearer sk-test-key");
    let length: usize = asked[2].headers["inference-header-content-length"].parse().unwrap();
    let (json, raw) = asked[2].body.split_at(length);
    let json: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(json["inputs"][0]["parameters"]["binary_data_size"], 8);
    assert_eq!(json["outputs"], json!([{"name": "label"}, {"name": "p"}]));
    let expected = [
        &41.0_f32.to_le_bytes()[..],
        &7.5_f32.to_le_bytes(),
        b"\x05\0\0\0smith",
        b"\x02\0\0\0\xc3\xa9",
    ]
    .concat();
    assert_eq!(raw, expected);
}

#[tokio::test]
async fn a_server_without_the_extension_is_asked_in_json() {
    let answer = r#"{"model_name":"income","outputs":[{"name":"label","shape":[2],"datatype":"BYTES","data":["yes","no"]},{"name":"p","shape":[2,2],"datatype":"FP32","data":[[0.25,0.75],[null,0.5]]}]}"#;
    let server = server("", Reply::json(200, answer));
    let providers = provider(ProviderKind::Oip, &server.url);
    let model = providers.tensor_model("p", "income").await.unwrap();
    let outputs = model.infer(inputs(), &[]).await.unwrap();
    let TensorData::Fp32(values) = outputs[1].data() else { panic!("{outputs:?}") };
    assert!(values[2].is_nan() && values[1] == 0.75);
    let body = server.asked()[2].json();
    assert_eq!(body["inputs"][0]["data"], json!([41.0, 7.5]));
    assert_eq!(body["inputs"][1]["data"], json!(["smith", "é"]));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_it_is_sent() {
    let server = server("", Reply::json(200, "{}"));
    let providers = provider(ProviderKind::Oip, &server.url);
    let model = providers.tensor_model("p", "income").await.unwrap();
    let wrong = Tensor::new("age", vec![1], TensorData::Int64(vec![1])).unwrap();
    let error = model.infer(vec![wrong], &[]).await.unwrap_err();
    assert_eq!((error.kind(), error.param()), (Kind::Invalid, Some("age")));
    assert_eq!(server.asked().len(), 2);
    let garbled = model.infer(inputs(), &[]).await.unwrap_err();
    assert_eq!(garbled.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn the_servers_refusal_comes_through() {
    let server = server("", Reply::json(400, r#"{"error":"input 'job' is missing"}"#));
    let providers = provider(ProviderKind::Oip, &server.url);
    let model = providers.tensor_model("p", "income").await.unwrap();
    let error = model.infer(inputs(), &[]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.message().contains("input 'job' is missing"), "{error}");
}
