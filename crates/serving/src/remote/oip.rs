//! Tensor models of any server of the Open Inference Protocol v2, over REST, with the
//! binary tensor extension where the server has it.

mod codec;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error;
use super::upstream::{Call, Upstream, segment};
use crate::onnx::{Batching, ModelMetadata, TensorSpec};
use crate::runtime::TensorModel;
use crate::tensor::{self, Datatype, Tensor};

/// The runtime's name on our own wire.
const PLATFORM: &str = "remote_oip";
/// Says where the JSON ends and the raw tensors begin.
const HEADER_LENGTH: &str = "inference-header-content-length";
/// Parts a model's name from a fixed version of it.
const VERSION_MARK: char = '@';

/// A model of a remote server.
#[derive(Debug)]
pub(super) struct RemoteTensor {
    upstream: Arc<Upstream>,
    /// The model's address, with the version where one is fixed.
    url: String,
    /// Whether the server reads and writes raw tensors.
    binary: bool,
    metadata: ModelMetadata,
}

#[derive(Deserialize)]
struct ServerTold {
    #[serde(default)]
    extensions: Vec<String>,
}

#[derive(Deserialize)]
struct ModelTold {
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    inputs: Vec<TensorTold>,
    #[serde(default)]
    outputs: Vec<TensorTold>,
}

#[derive(Deserialize)]
struct TensorTold {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

#[derive(Deserialize)]
struct Answered {
    outputs: Vec<OutputTold>,
}

#[derive(Deserialize)]
struct OutputTold {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    data: Option<Value>,
}

impl RemoteTensor {
    /// Asks the server at `base` what `model` takes and gives. `model` is a name, or
    /// `name@version`.
    ///
    /// # Errors
    /// `NotFound` for a model it does not have, `Unsupported` for types that are not served
    /// here, `Unavailable` when it cannot be reached.
    pub(super) async fn open(upstream: Arc<Upstream>, base: &str, model: &str) -> Result<Self> {
        let base = base.trim_end_matches('/');
        let (name, version) = match model.rsplit_once(VERSION_MARK) {
            Some((name, version)) => (name, Some(version)),
            None => (model, None),
        };
        let mut url = format!("{base}/v2/models/{}", segment(name));
        if let Some(version) = version {
            url.push_str(&format!("/versions/{}", segment(version)));
        }
        let provider = upstream.name().to_owned();
        let garbled = |cause| error::garbled(&provider, "odd metadata").with_source(cause);
        let told = upstream.json(&get(format!("{base}/v2"))).await?;
        let server: ServerTold = serde_json::from_value(told).map_err(garbled)?;
        let told = upstream.json(&get(url.clone())).await?;
        let told: ModelTold = serde_json::from_value(told).map_err(garbled)?;
        let specs = |told: Vec<TensorTold>| {
            let read = told.into_iter().map(|tensor| spec(&provider, model, tensor));
            read.collect::<Result<Vec<_>>>()
        };
        let newest = told.versions.last().cloned();
        let metadata = ModelMetadata {
            name: name.to_owned(),
            version: version.map(str::to_owned).or(newest).unwrap_or_default(),
            // The file is the provider's; only the address tells which model it is.
            sha256: String::new(),
            platform: PLATFORM,
            engine_reason: format!("it is a model of provider '{provider}'"),
            batching: Batching::Off { reason: "that is the remote server's affair".to_owned() },
            inputs: specs(told.inputs)?,
            outputs: specs(told.outputs)?,
            properties: BTreeMap::from([("provider".to_owned(), provider.clone())]),
        };
        let binary = server.extensions.iter().any(|name| name == "binary_tensor_data");
        Ok(Self { upstream, url, binary, metadata })
    }

    fn request(&self, inputs: Vec<Tensor>, wanted: &[String]) -> Result<Call> {
        let mut raw = Vec::new();
        let mut listed = Vec::with_capacity(inputs.len());
        for tensor in inputs {
            let datatype = tensor.datatype().name();
            let (name, shape, data) = tensor.into_parts();
            let mut input = json!({"name": name, "shape": shape, "datatype": datatype});
            if self.binary {
                let before = raw.len();
                tensor::raw::write(&data, &mut raw);
                input["parameters"] = json!({"binary_data_size": raw.len() - before});
            } else {
                input["data"] = codec::to_json(&name, &data)?;
            }
            listed.push(input);
        }
        let mut body = json!({"inputs": listed});
        if self.binary {
            body["parameters"] = json!({"binary_data_output": true});
        }
        if !wanted.is_empty() {
            body["outputs"] = wanted.iter().map(|name| json!({"name": name})).collect();
        }
        let url = format!("{}/infer", self.url);
        if !self.binary {
            return Call::json(url, &body);
        }
        let mut bytes = serde_json::to_vec(&body).or_internal("writing an inference request")?;
        let length = bytes.len().to_string();
        bytes.append(&mut raw);
        let headers =
            vec![("content-type", "application/octet-stream".to_owned()), (HEADER_LENGTH, length)];
        Ok(Call { method: Method::POST, url, headers, body: bytes.into() })
    }

    fn read(&self, length: Option<&str>, body: &[u8], wanted: &[String]) -> Result<Vec<Tensor>> {
        let odd = |what: &str| error::garbled(self.upstream.name(), what);
        let (json, mut raw) = match length {
            Some(length) => {
                let length = length.trim().parse().ok();
                length
                    .and_then(|length| body.split_at_checked(length))
                    .ok_or_else(|| odd("a wrong Inference-Header-Content-Length"))?
            }
            None => (body, &[][..]),
        };
        let answered: Answered = serde_json::from_slice(json)
            .map_err(|cause| odd("no inference response").with_source(cause))?;
        let mut tensors = Vec::with_capacity(answered.outputs.len());
        for output in answered.outputs {
            let datatype = Datatype::from_name(&output.datatype)
                .ok_or_else(|| odd(&format!("an output of type {}", output.datatype)))?;
            let count = output.shape.iter().try_fold(1_usize, |all, &dim| all.checked_mul(dim));
            let count = count.ok_or_else(|| odd("an output of endless shape"))?;
            let size = output.parameters.get("binary_data_size").and_then(Value::as_u64);
            let data = match (size, &output.data) {
                (Some(size), _) => {
                    let size = usize::try_from(size).ok();
                    let (bytes, rest) = size
                        .and_then(|size| raw.split_at_checked(size))
                        .ok_or_else(|| odd("fewer bytes than its outputs say"))?;
                    raw = rest;
                    tensor::raw::read(datatype, count, bytes)
                }
                (None, Some(data)) => codec::from_json(datatype, data),
                (None, None) => None,
            };
            let data = data.ok_or_else(|| odd(&format!("no data for '{}'", output.name)))?;
            let tensor = Tensor::new(output.name, output.shape, data);
            tensors
                .push(tensor.map_err(|cause| odd("a tensor of another shape").with_source(cause))?);
        }
        self.ordered(tensors, wanted)
    }

    /// The outputs in the order they were asked for.
    fn ordered(&self, mut tensors: Vec<Tensor>, wanted: &[String]) -> Result<Vec<Tensor>> {
        if wanted.is_empty() {
            return Ok(tensors);
        }
        let take = |name: &String| {
            let at = tensors.iter().position(|tensor| tensor.name() == name);
            at.map(|at| tensors.swap_remove(at))
                .ok_or_else(|| error::garbled(self.upstream.name(), &format!("no output '{name}'")))
        };
        wanted.iter().map(take).collect()
    }
}

fn get(url: String) -> Call {
    Call { method: Method::GET, url, headers: Vec::new(), body: bytes::Bytes::new() }
}

fn spec(provider: &str, model: &str, told: TensorTold) -> Result<TensorSpec> {
    let datatype = Datatype::from_name(&told.datatype).ok_or_else(|| {
        Error::new(
            Kind::Unsupported,
            format!(
                "'{}' of model '{model}' at provider '{provider}' is {}, which is not served here",
                told.name, told.datatype
            ),
        )
    })?;
    let dim_names = vec![None; told.shape.len()];
    Ok(TensorSpec { name: told.name, datatype, shape: Some(told.shape), dim_names })
}

#[async_trait]
impl TensorModel for RemoteTensor {
    fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    async fn infer(&self, inputs: Vec<Tensor>, wanted: &[String]) -> Result<Vec<Tensor>> {
        let mut sizes = BTreeMap::new();
        for spec in &self.metadata.inputs {
            if let Some(tensor) = inputs.iter().find(|tensor| tensor.name() == spec.name) {
                spec.check(tensor, &mut sizes)?;
            }
        }
        // What is missing or too much the server says: it knows which inputs are optional.
        let call = self.request(inputs, wanted)?;
        let (answer, body) = self.upstream.bytes(&call).await?;
        self.read(answer.header(HEADER_LENGTH), &body, wanted)
    }
}
