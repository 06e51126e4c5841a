//! A tensor model in this process, run by rten.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView};

use super::convert::{from_engine, to_engine};
use super::engine::{Engine, Executed};
use super::intake::take_in;
use super::request::Request;
use super::spec::{Batching, ModelMetadata, TensorSpec};
use super::split::{Split, split};
use crate::runtime::ModelState;
use crate::statistics::Phases;
use crate::tensor::{Datatype, Tensor, TensorData};

/// The runtime's name on the wire.
const PLATFORM: &str = "onnx_rten";
/// Why it runs a model.
const REASON: &str = "rten has every operator of the model, and runs in this process";

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
    engine: RwLock<Option<Arc<Loaded>>>,
}

/// The engine's model, and where its inputs and outputs are.
struct Loaded {
    model: Model,
    /// For each value that the engine may be fed: what of the request it is made of.
    feeds: Vec<Feed>,
    /// For each output its node.
    outputs: Vec<NodeId>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
struct Feed {
    node: NodeId,
    /// Index of the input.
    input: usize,
    /// Index of the encoder that its text goes through.
    encoder: Option<usize>,
}

impl OnnxModel {
    /// Loads a model from the bytes of an `.onnx` file. Blocks while it computes.
    ///
    /// # Errors
    /// `Conflict` when the bytes are not those that the identity names,
    /// `Unprocessable` for a damaged file, `Unsupported` for a model that the
    /// runtime cannot run, naming the operators or types it lacks.
    pub fn load(bytes: Vec<u8>, identity: ModelIdentity) -> Result<Arc<Self>> {
        let (mut proto, sha256) = take_in(&bytes, &identity)?;
        let split = split(&mut proto)?;
        refuse_types(&split)?;
        let properties = proto.metadata();
        let rest = if split.changed { cairn_onnx::encode(&proto) } else { bytes };
        drop(proto);
        let model = guarded("loading the model", || Model::load(rest))?.map_err(|cause| {
            Error::new(
                Kind::Unsupported,
                format!(
                    "model '{}' cannot be run by the built-in ONNX runtime: {cause}",
                    identity.name
                ),
            )
        })?;
        warn_of_doubles(&identity.name, &split);
        let weight_bytes = model.total_params() as u64 * 4;
        let loaded = Loaded::find(model, &split)?;
        let metadata = metadata(identity, sha256, &split, properties);
        let engine = RwLock::new(Some(Arc::new(loaded)));
        Ok(Arc::new(Self { metadata, split, weight_bytes, engine }))
    }

    /// What a file declares, if it is a sane model that rten may run, as far as that can
    /// be told without giving it to rten; and the node, if there is one, that computes as
    /// much as a request's values say.
    ///
    /// # Errors
    /// As [`OnnxModel::load`].
    pub(crate) fn check(
        bytes: &[u8],
        identity: &ModelIdentity,
    ) -> Result<(ModelMetadata, Option<String>)> {
        let (mut proto, sha256) = take_in(bytes, identity)?;
        let split = split(&mut proto)?;
        refuse_types(&split)?;
        let metadata = metadata(identity.clone(), sha256, &split, proto.metadata());
        Ok((metadata, cairn_onnx::sized_by_values(&proto)))
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
        let request = Request::check(&self.metadata, inputs, wanted)?;
        let mut distinct = request.outputs.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let executed = self.execute(request.inputs, &distinct)?;
        executed.pick(&distinct, &request.outputs)
    }

    /// What the engine is fed: encoded text, and every other input as it is.
    fn feeds(
        &self,
        loaded: &Loaded,
        inputs: Vec<Tensor>,
    ) -> Result<Vec<(NodeId, ValueOrView<'static>)>> {
        let mut inputs: Vec<Option<Tensor>> = inputs.into_iter().map(Some).collect();
        let mut feeds = Vec::with_capacity(loaded.feeds.len());
        for feed in &loaded.feeds {
            let given = inputs.get_mut(feed.input);
            let encoder = feed.encoder.and_then(|at| self.split.encoders.get(at));
            let (name, shape, data) = match (given, encoder) {
                (Some(Some(text)), Some(encoder)) => {
                    (text.name().to_owned(), text.shape().to_vec(), encoder.encode(text)?)
                }
                // Each other input is fed once.
                (Some(given), None) => match given.take() {
                    Some(tensor) => tensor.into_parts(),
                    None => return Err(Error::internal("an input of the engine was fed twice")),
                },
                _ => return Err(Error::internal("an input of the engine was not given")),
            };
            feeds.push((feed.node, to_engine(&name, &shape, data)?.into()));
        }
        Ok(feeds)
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

impl Loaded {
    fn find(model: Model, split: &Split) -> Result<Self> {
        let mut feeds = Vec::new();
        // An input that nothing reads is not in the engine's graph.
        let mut feed = |name: &str, input: usize, encoder: Option<usize>| {
            feeds.extend(model.find_node(name).map(|node| Feed { node, input, encoder }));
        };
        for (at, input) in split.inputs.iter().enumerate() {
            if input.datatype != Datatype::Bytes {
                feed(&input.name, at, None);
                continue;
            }
            for (number, encoder) in split.encoders.iter().enumerate() {
                if encoder.input == input.name {
                    feed(&encoder.output, at, Some(number));
                }
            }
        }
        let source = |output: &TensorSpec| {
            let decoder = split.decoders.iter().find(|decoder| decoder.output == output.name);
            let name = decoder.map_or(output.name.as_str(), |decoder| decoder.input.as_str());
            model.node_id(name).or_kind(
                Kind::Unprocessable,
                format!("the model declares the output '{}', and no node writes it", output.name),
            )
        };
        let outputs = split.outputs.iter().map(source).collect::<Result<Vec<_>>>()?;
        Ok(Self { model, feeds, outputs })
    }
}

impl Engine for OnnxModel {
    fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    fn execute(&self, inputs: Vec<Tensor>, outputs: &[usize]) -> Result<Executed> {
        let began = Instant::now();
        let loaded = self.engine.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(loaded) = loaded else {
            return Err(Error::unavailable(format!("model '{}' was unloaded", self.metadata.name)));
        };
        let feeds = self.feeds(&loaded, inputs)?;
        let find = |output: &usize| {
            let found = self.metadata.outputs.get(*output).zip(loaded.outputs.get(*output));
            found.map(|(spec, node)| (spec, *node))
        };
        let wanted: Option<Vec<_>> = outputs.iter().map(find).collect();
        let wanted = wanted.ok_or_else(|| Error::internal("an output that is not there"))?;
        // A class number may be an output itself and the source of a label.
        let mut nodes: Vec<NodeId> = Vec::with_capacity(wanted.len());
        for (_, node) in &wanted {
            if !nodes.contains(node) {
                nodes.push(*node);
            }
        }
        let input = began.elapsed();
        let began = Instant::now();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool())));
        let run = || loaded.model.run(feeds, &nodes, Some(options));
        let values = guarded("running the model", run)?.map_err(|cause| {
            Error::new(
                Kind::Unprocessable,
                format!("model '{}' could not compute these inputs: {cause}", self.metadata.name),
            )
        })?;
        let infer = began.elapsed();
        let began = Instant::now();
        let mut values: Vec<(NodeId, Value)> = nodes.into_iter().zip(values).collect();
        let mut answers = Vec::with_capacity(wanted.len());
        for (at, (output, node)) in wanted.iter().enumerate() {
            let place = values.iter().position(|(other, _)| other == node);
            let place = place.ok_or_else(|| Error::internal("the engine left an output out"))?;
            let again = wanted.iter().skip(at + 1).any(|(_, other)| other == node);
            let value = match values.get(place) {
                Some((_, value)) if again => value.clone(),
                _ => values.swap_remove(place).1,
            };
            answers.push(self.answer(output, value)?);
        }
        let phases = Phases { input, infer, output: began.elapsed() };
        Ok(Executed { outputs: answers, phases })
    }

    fn parallel(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    fn runs_here(&self) -> bool {
        true
    }

    fn state(&self) -> ModelState {
        if self.is_loaded() { ModelState::Ready } else { ModelState::Unloaded }
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.is_loaded().then_some(self.weight_bytes)
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

fn metadata(
    identity: ModelIdentity,
    sha256: String,
    split: &Split,
    properties: BTreeMap<String, String>,
) -> ModelMetadata {
    ModelMetadata {
        name: identity.name,
        version: identity.version,
        sha256,
        platform: PLATFORM,
        engine_reason: REASON.to_owned(),
        batching: Batching::Off { reason: "requests to the bare engine run alone".to_owned() },
        inputs: split.inputs.clone(),
        outputs: split.outputs.clone(),
        properties,
    }
}

/// Refuses inputs and outputs of types that rten has no tensors of.
fn refuse_types(split: &Split) -> Result<()> {
    let lacking = |datatype| {
        matches!(
            datatype,
            Datatype::Uint16
                | Datatype::Uint32
                | Datatype::Uint64
                | Datatype::Int16
                | Datatype::Bf16
        )
    };
    match split.inputs.iter().chain(&split.outputs).find(|spec| lacking(spec.datatype)) {
        Some(spec) => Err(Error::new(
            Kind::Unsupported,
            format!(
                "the built-in ONNX runtime does not have the type {} of '{}'",
                spec.datatype, spec.name
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
