//! A loaded tensor model, and one request to it.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView};
use sha2::{Digest as _, Sha256};

use super::convert::{from_engine, to_engine};
use super::spec::{ModelMetadata, TensorSpec};
use super::split::{Split, split};
use crate::tensor::{Datatype, Tensor, TensorData};

/// The runtime's name on the wire.
const PLATFORM: &str = "onnx_rten";

/// Under what a model serves, and which bytes it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelIdentity {
    /// Name it serves under.
    pub name: String,
    /// Version it serves under.
    pub version: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// A tensor model. Cloning the `Arc` around it shares the weights; requests run
/// side by side.
#[derive(Debug)]
pub struct OnnxModel {
    metadata: ModelMetadata,
    split: Split,
    weight_bytes: u64,
    engine: RwLock<Option<Arc<Model>>>,
}

impl OnnxModel {
    /// Loads a model from the bytes of an `.onnx` file. Blocks while it computes.
    ///
    /// # Errors
    /// `Conflict` when the bytes are not those that the identity names,
    /// `Unprocessable` for a damaged file, `Unsupported` for a model that the
    /// runtime cannot run, naming the operators or types it lacks.
    pub fn load(bytes: Vec<u8>, identity: ModelIdentity) -> Result<Arc<Self>> {
        let found = hex::encode(Sha256::digest(&bytes));
        if !found.eq_ignore_ascii_case(&identity.sha256) {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "the file of model '{}' version {} has the SHA-256 {found}, and {} was \
                     registered; it was changed or damaged",
                    identity.name, identity.version, identity.sha256
                ),
            ));
        }
        let unreadable = |cause: cairn_onnx::OnnxError| {
            let message = format!("model '{}': {cause}", identity.name);
            Error::new(Kind::Unprocessable, message).with_source(cause)
        };
        let mut proto = cairn_onnx::decode(&bytes).map_err(unreadable)?;
        refuse_external(&proto)?;
        let split = split(&mut proto)?;
        let properties = proto.metadata();
        let rest = if split.changed { cairn_onnx::encode(&proto) } else { bytes };
        drop(proto);
        let engine = guarded("loading the model", || Model::load(rest))?.map_err(|cause| {
            Error::new(
                Kind::Unsupported,
                format!(
                    "model '{}' cannot be run by the built-in ONNX runtime: {cause}",
                    identity.name
                ),
            )
        })?;
        warn_of_doubles(&identity.name, &split);
        let metadata = ModelMetadata {
            name: identity.name,
            version: identity.version,
            sha256: found,
            platform: PLATFORM,
            inputs: split.inputs.clone(),
            outputs: split.outputs.clone(),
            properties,
        };
        let weight_bytes = engine.total_params() as u64 * 4;
        Ok(Arc::new(Self {
            metadata,
            split,
            weight_bytes,
            engine: RwLock::new(Some(Arc::new(engine))),
        }))
    }

    /// Loads a model from a file. Blocks while it reads and computes.
    ///
    /// # Errors
    /// `NotFound` when the file cannot be read, otherwise as [`OnnxModel::load`].
    pub fn load_file(path: &Path, identity: ModelIdentity) -> Result<Arc<Self>> {
        let bytes = std::fs::read(path).or_kind(
            Kind::NotFound,
            format!("the file of model '{}' cannot be read", identity.name),
        )?;
        Self::load(bytes, identity)
    }

    /// What the model says of itself.
    pub fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    /// Whether it answers.
    pub fn is_loaded(&self) -> bool {
        self.engine.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Bytes that the weights take in memory.
    pub fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// Frees the weights once the requests that run have ended; later ones fail.
    pub fn unload(&self) {
        self.engine.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Answers one request: `inputs` in any order, and the outputs named in
    /// `wanted` in that order (all of them when it is empty). The work is done on
    /// a blocking thread.
    ///
    /// # Errors
    /// `Invalid`, naming the input, for one that is missing, unknown, sent twice,
    /// or of another type or shape than declared; `Unavailable` after
    /// [`OnnxModel::unload`]; `Unprocessable` when the model cannot compute these
    /// values; `Internal` when the engine panics, which affects this request only.
    pub async fn infer(
        self: &Arc<Self>,
        inputs: Vec<Tensor>,
        wanted: &[String],
    ) -> Result<Vec<Tensor>> {
        let model = Arc::clone(self);
        let wanted = wanted.to_vec();
        tokio::task::spawn_blocking(move || model.infer_blocking(inputs, &wanted))
            .await
            .or_internal("running a model")?
    }

    /// As [`OnnxModel::infer`], on the calling thread.
    ///
    /// # Errors
    /// As [`OnnxModel::infer`].
    pub fn infer_blocking(&self, inputs: Vec<Tensor>, wanted: &[String]) -> Result<Vec<Tensor>> {
        let started = Instant::now();
        let result = self.run(inputs, wanted);
        let outcome = result.as_ref().map_or_else(|error| error.kind().name(), |_| "ok");
        metrics::counter!("cairn_onnx_requests_total",
            "model" => self.metadata.name.clone(), "outcome" => outcome)
        .increment(1);
        metrics::histogram!("cairn_onnx_infer_seconds", "model" => self.metadata.name.clone())
            .record(started.elapsed().as_secs_f64());
        result
    }

    fn run(&self, inputs: Vec<Tensor>, wanted: &[String]) -> Result<Vec<Tensor>> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(engine) = engine else {
            return Err(Error::unavailable(format!("model '{}' was unloaded", self.metadata.name)));
        };
        let wanted = self.wanted(wanted)?;
        let feeds = self.feeds(&engine, self.checked(inputs)?)?;
        let sources: Vec<&str> = wanted.iter().map(|output| self.source(&output.name)).collect();
        let mut distinct = sources.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let nodes = distinct
            .iter()
            .map(|name| engine.node_id(name).or_internal("finding a model's output"))
            .collect::<Result<Vec<_>>>()?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool())));
        let values = guarded("running the model", || engine.run(feeds, &nodes, Some(options)))?
            .map_err(|cause| {
                Error::new(
                    Kind::Unprocessable,
                    format!(
                        "model '{}' could not compute these inputs: {cause}",
                        self.metadata.name
                    ),
                )
            })?;
        let mut values: HashMap<&str, Value> = distinct.into_iter().zip(values).collect();
        let mut answers = Vec::with_capacity(wanted.len());
        for (at, (output, source)) in wanted.iter().zip(&sources).enumerate() {
            let again = sources.iter().skip(at + 1).any(|other| other == source);
            let value = if again { values.get(source).cloned() } else { values.remove(source) };
            let value = value.ok_or_else(|| Error::internal("the engine left an output out"))?;
            answers.push(self.answer(output, value)?);
        }
        Ok(answers)
    }

    /// The outputs asked for.
    fn wanted(&self, names: &[String]) -> Result<Vec<&TensorSpec>> {
        let outputs = &self.metadata.outputs;
        if names.is_empty() {
            return Ok(outputs.iter().collect());
        }
        let find = |name: &String| {
            outputs.iter().find(|output| &output.name == name).ok_or_else(|| {
                Error::invalid(format!(
                    "model '{}' has no output '{name}'; it has {}",
                    self.metadata.name,
                    listed(outputs)
                ))
                .with_param("outputs")
            })
        };
        names.iter().map(find).collect()
    }

    /// The inputs by name, each checked against what the model declares.
    fn checked(&self, inputs: Vec<Tensor>) -> Result<HashMap<String, Tensor>> {
        let specs = &self.metadata.inputs;
        let mut given = HashMap::with_capacity(inputs.len());
        for tensor in inputs {
            let name = tensor.name().to_owned();
            let problem = if !specs.iter().any(|spec| spec.name == name) {
                format!("has no input '{name}'; it takes {}", listed(specs))
            } else if given.insert(name.clone(), tensor).is_some() {
                format!("was sent the input '{name}' twice")
            } else {
                continue;
            };
            let problem = format!("model '{}' {problem}", self.metadata.name);
            return Err(Error::invalid(problem).with_param(name));
        }
        let mut sizes = BTreeMap::new();
        for spec in specs {
            let Some(tensor) = given.get(&spec.name) else {
                return Err(Error::invalid(format!(
                    "input '{}' ({}, shape {:?}) of model '{}' is missing",
                    spec.name,
                    spec.datatype,
                    spec.shape.as_deref().unwrap_or_default(),
                    self.metadata.name
                ))
                .with_param(&spec.name));
            };
            spec.check(tensor, &mut sizes)?;
        }
        Ok(given)
    }

    /// What the engine is fed: encoded text, and every other input as it is.
    fn feeds(
        &self,
        engine: &Model,
        mut given: HashMap<String, Tensor>,
    ) -> Result<Vec<(NodeId, ValueOrView<'static>)>> {
        let mut feeds = Vec::with_capacity(given.len());
        let mut feed = |name: &str, source: &str, shape: &[usize], data| {
            // An input that nothing reads is not in the engine's graph.
            if let Some(node) = engine.find_node(name) {
                feeds.push((node, to_engine(source, shape, data)?.into()));
            }
            Ok::<_, Error>(())
        };
        for encoder in &self.split.encoders {
            if let Some(text) = given.get(&encoder.input) {
                let codes = encoder.encode(text)?;
                feed(&encoder.output, &encoder.input, text.shape(), codes)?;
            }
        }
        for (_, tensor) in given.drain() {
            if tensor.datatype() != Datatype::Bytes {
                let (name, shape, data) = tensor.into_parts();
                feed(&name, &name, &shape, data)?;
            }
        }
        Ok(feeds)
    }

    /// The engine's value that an output is made of.
    fn source<'a>(&'a self, output: &'a str) -> &'a str {
        let decoder = self.split.decoders.iter().find(|decoder| decoder.output == output);
        decoder.map_or(output, |decoder| decoder.input.as_str())
    }

    fn answer(&self, output: &TensorSpec, value: Value) -> Result<Tensor> {
        let decoder = self.split.decoders.iter().find(|decoder| decoder.output == output.name);
        let Some(decoder) = decoder else {
            return from_engine(&output.name, output.datatype, value);
        };
        let (_, shape, data) = from_engine(&output.name, Datatype::Int64, value)?.into_parts();
        match data {
            TensorData::Int64(codes) => Tensor::new(&*output.name, shape, decoder.decode(&codes)),
            _ => Err(Error::internal("class numbers are not integers")),
        }
    }
}

/// The threads every tensor model shares: one per core.
fn pool() -> &'static Arc<ThreadPool> {
    static POOL: OnceLock<Arc<ThreadPool>> = OnceLock::new();
    POOL.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Arc::new(ThreadPool::with_num_threads(cores))
    })
}

/// Runs engine code; a panic becomes this request's error.
pub(crate) fn guarded<R>(doing: &str, work: impl FnOnce() -> R) -> Result<R> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Error::internal(format!("the ONNX engine panicked while {doing}: {text}"))
    })
}

fn listed(specs: &[TensorSpec]) -> String {
    let names: Vec<_> = specs.iter().map(|spec| format!("'{}'", spec.name)).collect();
    names.join(", ")
}

fn refuse_external(proto: &cairn_onnx::ModelProto) -> Result<()> {
    let tensors = proto.graph.iter().flat_map(|graph| &graph.initializer);
    match tensors.into_iter().find(|tensor| tensor.is_external()) {
        Some(tensor) => Err(Error::new(
            Kind::Unsupported,
            format!(
                "the weights '{}' are in a second file; save the model as one file",
                tensor.name()
            ),
        )),
        None => Ok(()),
    }
}

fn warn_of_doubles(name: &str, split: &Split) {
    let doubles = split.inputs.iter().chain(&split.outputs).any(|s| s.datatype == Datatype::Fp64);
    if doubles {
        tracing::warn!(model = name, "the model declares 64-bit floats and is computed in 32 bits");
    }
}
