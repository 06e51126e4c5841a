//! ONNX Runtime, inside the child.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cairn_kernel::{Error, Kind, Result};
use cairn_onnx::ModelProto;
use ort::environment::Environment;
use ort::session::{OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, Tensor as Value};

use crate::onnx::ModelIdentity;
use crate::onnx::engine::{Engine, Executed};
use crate::onnx::intake::take_in;
use crate::onnx::spec::{Batching, ModelMetadata, ONNX_RUNTIME_PLATFORM, TensorSpec};
use crate::runtime::ModelState;
use crate::statistics::Phases;
use crate::tensor::{Datatype, Tensor, TensorData};

/// What a file declares, to be run by ONNX Runtime for `engine_reason`.
///
/// # Errors
/// `Unsupported` for inputs or outputs of a type that is not served.
pub(in crate::onnx) fn declared(
    model: &ModelProto,
    sha256: String,
    identity: ModelIdentity,
    engine_reason: String,
) -> Result<ModelMetadata> {
    let Some(graph) = &model.graph else {
        return Err(Error::new(Kind::Unprocessable, "the model holds no graph"));
    };
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    let inputs = graph.input.iter().filter(|input| !constants.contains(input.name()));
    let inputs = inputs.map(TensorSpec::read).collect::<Result<Vec<_>>>()?;
    let outputs = graph.output.iter().map(TensorSpec::read).collect::<Result<Vec<_>>>()?;
    let half = |spec: &&TensorSpec| matches!(spec.datatype, Datatype::Fp16 | Datatype::Bf16);
    if let Some(spec) = inputs.iter().chain(&outputs).find(half) {
        return Err(Error::new(
            Kind::Unsupported,
            format!(
                "'{}' of the model is {}, which is not passed to ONNX Runtime here; give the \
                 model 32-bit inputs and outputs",
                spec.name, spec.datatype
            ),
        ));
    }
    Ok(ModelMetadata {
        name: identity.name,
        version: identity.version,
        sha256,
        platform: ONNX_RUNTIME_PLATFORM,
        engine_reason,
        batching: Batching::Off { reason: "requests to the bare engine run alone".to_owned() },
        inputs,
        outputs,
        properties: model.metadata(),
    })
}

/// A model in ONNX Runtime.
#[derive(Debug)]
pub(super) struct Ort {
    metadata: ModelMetadata,
    session: Mutex<Session>,
    _environment: Environment,
}

impl Ort {
    /// Opens the library and loads a model.
    ///
    /// # Errors
    /// `Internal` when the library does not open, `Unsupported` when it cannot run the
    /// model.
    pub(super) fn load(
        library: &Path,
        bytes: &[u8],
        threads: usize,
        identity: ModelIdentity,
    ) -> Result<Self> {
        let (model, sha256) = take_in(bytes, &identity)?;
        let metadata = declared(&model, sha256, identity, String::new())?;
        let environment = ort::init_from(library).map_err(|cause| {
            Error::internal(format!(
                "ONNX Runtime cannot be opened at {}: {cause}",
                library.display()
            ))
        })?;
        let environment = environment
            .with_name("cairn")
            .with_telemetry(false)
            .build()
            .map_err(|cause| internal(&cause))?;
        let session = build(&environment, bytes, threads).map_err(|cause| {
            Error::new(
                Kind::Unsupported,
                format!("model '{}' cannot be run by ONNX Runtime: {cause}", metadata.name),
            )
        })?;
        Ok(Self { metadata, session: Mutex::new(session), _environment: environment })
    }
}

fn build(environment: &Environment, bytes: &[u8], threads: usize) -> Result<Session, String> {
    Session::builder(environment)
        .map_err(|cause| cause.to_string())?
        .with_intra_threads(threads)
        .map_err(|cause| cause.to_string())?
        .with_inter_threads(1)
        .map_err(|cause| cause.to_string())?
        // A thread that spins for work takes a core from everything else here.
        .with_intra_op_spinning(false)
        .map_err(|cause| cause.to_string())?
        .commit_from_memory(bytes)
        .map_err(|cause| cause.to_string())
}

fn internal(cause: &ort::Error) -> Error {
    Error::internal(format!("ONNX Runtime: {}", cause.message()))
}

impl Engine for Ort {
    fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    fn execute(&self, inputs: Vec<Tensor>, outputs: &[usize]) -> Result<Executed> {
        let began = Instant::now();
        let mut feeds = Vec::with_capacity(inputs.len());
        for tensor in inputs {
            let (name, shape, data) = tensor.into_parts();
            let value = value(&name, shape, data)?;
            feeds.push((name, value));
        }
        let wanted: Option<Vec<&TensorSpec>> =
            outputs.iter().map(|output| self.metadata.outputs.get(*output)).collect();
        let wanted = wanted.ok_or_else(|| Error::internal("an output that is not there"))?;
        let select = wanted
            .iter()
            .fold(OutputSelector::no_default(), |select, output| select.with(&*output.name));
        let options = RunOptions::new().map_err(|cause| internal(&cause))?.with_outputs(select);
        let input = began.elapsed();
        let began = Instant::now();
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let found = session.run_with_options(feeds, &options).map_err(|cause| {
            Error::new(
                Kind::Unprocessable,
                format!(
                    "model '{}' could not compute these inputs: {}",
                    self.metadata.name,
                    cause.message()
                ),
            )
        })?;
        let infer = began.elapsed();
        let began = Instant::now();
        let read = |output: &&TensorSpec| {
            let value = found.get(&*output.name);
            tensor(output, value.ok_or_else(|| Error::internal("the engine left an output out"))?)
        };
        let outputs = wanted.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(Executed { outputs, phases: Phases { input, infer, output: began.elapsed() } })
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

/// The engine's value of a tensor.
fn value(name: &str, shape: Vec<usize>, data: TensorData) -> Result<SessionInputValue<'static>> {
    macro_rules! number {
        ($values:expr) => {
            Value::from_array((shape, $values)).map(SessionInputValue::from)
        };
    }
    let made = match data {
        TensorData::Bool(x) => number!(x),
        TensorData::Uint8(x) => number!(x),
        TensorData::Uint16(x) => number!(x),
        TensorData::Uint32(x) => number!(x),
        TensorData::Uint64(x) => number!(x),
        TensorData::Int8(x) => number!(x),
        TensorData::Int16(x) => number!(x),
        TensorData::Int32(x) => number!(x),
        TensorData::Int64(x) => number!(x),
        TensorData::Fp32(x) => number!(x),
        TensorData::Fp64(x) => number!(x),
        TensorData::Bytes(x) => {
            let text = |(at, bytes): (usize, Vec<u8>)| {
                let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
                text.ok_or_else(|| {
                    Error::invalid(format!(
                        "element {at} of input '{name}' is not UTF-8 text without NUL characters"
                    ))
                    .with_param(name)
                })
            };
            let texts = x.into_iter().enumerate().map(text).collect::<Result<Vec<_>>>()?;
            Value::from_string_array((shape, texts.as_slice())).map(SessionInputValue::from)
        }
        TensorData::Fp16(_) | TensorData::Bf16(_) => return Err(Error::internal("a 16-bit float")),
    };
    made.map_err(|cause| {
        Error::invalid(format!("input '{name}' is not taken: {}", cause.message())).with_param(name)
    })
}

/// The tensor of an engine's output.
fn tensor(spec: &TensorSpec, value: &DynValue) -> Result<Tensor> {
    macro_rules! number {
        ($variant:ident, $type:ty) => {{
            let (shape, elements) =
                value.try_extract_tensor::<$type>().map_err(|cause| internal(&cause))?;
            (shape, TensorData::$variant(elements.to_vec()))
        }};
    }
    let (shape, data) = match spec.datatype {
        Datatype::Bool => number!(Bool, bool),
        Datatype::Uint8 => number!(Uint8, u8),
        Datatype::Uint16 => number!(Uint16, u16),
        Datatype::Uint32 => number!(Uint32, u32),
        Datatype::Uint64 => number!(Uint64, u64),
        Datatype::Int8 => number!(Int8, i8),
        Datatype::Int16 => number!(Int16, i16),
        Datatype::Int32 => number!(Int32, i32),
        Datatype::Int64 => number!(Int64, i64),
        Datatype::Fp32 => number!(Fp32, f32),
        Datatype::Fp64 => number!(Fp64, f64),
        Datatype::Bytes => {
            let (shape, texts) = value.try_extract_strings().map_err(|cause| internal(&cause))?;
            (shape, TensorData::Bytes(texts.into_iter().map(String::into_bytes).collect()))
        }
        Datatype::Fp16 | Datatype::Bf16 => return Err(Error::internal("a 16-bit float")),
    };
    let shape: Option<Vec<usize>> = shape.iter().map(|dim| usize::try_from(*dim).ok()).collect();
    let shape = shape.ok_or_else(|| Error::internal("an output with a negative dimension"))?;
    Tensor::new(&*spec.name, shape, data)
}
