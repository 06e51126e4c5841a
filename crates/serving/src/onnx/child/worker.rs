//! The child's end: one model, one request at a time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Error, Result};

use super::ort::Ort;
use super::wire::{Ask, Fault, Flavour, Load, Reply, pack, unpack};
use crate::onnx::batcher::Bounds;
use crate::onnx::engine::Engine;
use crate::onnx::warmup::warm_up;
use crate::onnx::{ModelIdentity, OnnxModel, guarded};

/// Answers the server until it is gone. `arguments` are what follows the role on the
/// command line.
///
/// # Errors
/// When the pipes break.
pub fn child_main(arguments: &[String]) -> io::Result<()> {
    let channel = cairn_isolate::child::enter(arguments)?;
    let mut held: Option<Arc<dyn Engine>> = None;
    cairn_isolate::child::serve(channel, move |ask: Ask, payload| {
        let answered = guarded("answering", || answer(&mut held, ask, payload));
        answered.and_then(|answer| answer).unwrap_or_else(|error| {
            let (fault, message) = (Fault::of(&error), error.detail());
            (Reply::Failed { fault, message }, Vec::new())
        })
    })
}

fn answer(
    held: &mut Option<Arc<dyn Engine>>,
    ask: Ask,
    payload: Vec<u8>,
) -> Result<(Reply, Vec<u8>)> {
    match ask {
        Ask::Load(load) => {
            *held = Some(open(&load, payload)?);
            Ok((Reply::Loaded, Vec::new()))
        }
        Ask::Run { inputs, outputs } => {
            let early = || Error::internal("a request before a model was loaded");
            let engine = held.as_ref().ok_or_else(early)?;
            let executed = engine.execute(unpack(inputs, &payload)?, &outputs)?;
            let (outputs, payload) = pack(&executed.outputs);
            let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            let phases = &executed.phases;
            let phases = [ns(phases.input), ns(phases.infer), ns(phases.output)];
            Ok((Reply::Ran { outputs, phases }, payload))
        }
    }
}

fn open(load: &Load, bytes: Vec<u8>) -> Result<Arc<dyn Engine>> {
    let identity = ModelIdentity {
        name: load.name.clone(),
        version: load.version.clone(),
        sha256: load.sha256.clone(),
    };
    match &load.flavour {
        Flavour::Rten => {
            let model = OnnxModel::load(bytes, identity)?;
            warm_up(model.as_ref(), Bounds::default().rows);
            Ok(model)
        }
        Flavour::Ort { library } => {
            Ok(Arc::new(Ort::load(library, &bytes, load.threads, identity)?))
        }
    }
}
