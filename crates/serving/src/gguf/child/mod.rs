//! The engine child: loads one model and answers until its parent is gone.
//!
//! Two threads: this one owns the context and decodes; the other reads commands,
//! so that tokenizing a long prompt or a cancellation never waits for a step.

mod engine;
mod guide;
mod log;
mod logprobs;
mod model;
mod prepare;
mod queue;
mod reuse;
mod sampler;
mod spill;
mod text;
mod tokens;
mod turns;
mod work;

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use cairn_isolate::child::{Channel, Reader, Writer};
use llama_cpp_2::model::LlamaModel;

use super::protocol::{Command, Failure, Outcome, Reply, Tagged};
use engine::{Engine, Order};
use guide::Guides;

/// The main function of the child; `arguments` are those after the role.
///
/// # Errors
/// When the channel to the parent breaks or the engine fails for good; the process
/// should then end, and the parent starts another.
pub fn child_main(arguments: &[String]) -> io::Result<()> {
    let Channel { mut reader, writer } = cairn_isolate::child::enter(arguments)?;
    log::start();
    let out = Out(Arc::new(Mutex::new(writer)));
    let Some((command, _)) = reader.recv()? else { return Ok(()) };
    let Command::Load(load) = command else {
        return Err(io::Error::other("the first message must be the model to load"));
    };
    let loading = match model::Loading::begin(&load) {
        Ok(loading) => loading,
        Err(message) => return out.send(&Reply::LoadFailed { message }),
    };
    let (context, loaded) = match loading.context(&load) {
        Ok(ready) => ready,
        Err(message) => return out.send(&Reply::LoadFailed { message }),
    };
    tracing::info!(path = %load.path.display(), ms = loaded.load_ms, "model loaded");
    let engine = Engine::new(&loading.model, context, &loaded, load.spill_bytes, out.clone());
    let context_tokens = loaded.context_tokens;
    out.send(&Reply::Loaded(Box::new(loaded)))?;
    let (orders, received) = channel();
    let model = Arc::clone(&loading.model);
    std::thread::Builder::new().name("gguf-reader".to_owned()).spawn(move || {
        let ended = read(&mut reader, &model, context_tokens, &orders, &out);
        tracing::debug!(?ended, "no more commands");
    })?;
    engine.run(&received)
}

/// Handles commands until the parent is gone.
fn read(
    reader: &mut Reader,
    model: &LlamaModel,
    context_tokens: u32,
    orders: &Sender<Order>,
    out: &Out,
) -> io::Result<()> {
    let mut guides = Guides::default();
    while let Some((command, _)) = reader.recv()? {
        let order = match command {
            Command::Load(_) => return Err(io::Error::other("a model is loaded already")),
            Command::Cancel { id } => Order::Cancel(id),
            Command::Tokenize { id, text, special, count_only } => {
                let ids = tokens::tokenize(model, &text, special);
                let count = ids.len() as u64;
                let ids = if count_only { Vec::new() } else { ids };
                out.one(id, Outcome::Tokens { ids, count })?;
                continue;
            }
            Command::Generate { id, request } => {
                match tokens::job(model, &mut guides, context_tokens, id, *request) {
                    Ok(job) => Order::Start(Box::new(job)),
                    Err(failure) => {
                        out.failed(id, failure)?;
                        continue;
                    }
                }
            }
        };
        if orders.send(order).is_err() {
            break;
        }
    }
    Ok(())
}

/// The way to the parent, shared by both threads.
#[derive(Clone, Debug)]
struct Out(Arc<Mutex<Writer>>);

impl Out {
    fn send(&self, reply: &Reply) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).send(reply, &[])
    }

    fn one(&self, id: u64, outcome: Outcome) -> io::Result<()> {
        self.send(&Reply::Events(vec![Tagged { id, outcome }]))
    }

    fn failed(&self, id: u64, failure: Failure) -> io::Result<()> {
        tracing::info!(request = id, message = failure.message, "request refused");
        self.one(id, Outcome::Failed(failure))
    }
}
