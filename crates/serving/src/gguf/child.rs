//! The engine child: loads one model and answers until its parent is gone.
//!
//! Two threads: this one owns the context and decodes; the other reads commands,
//! so that tokenizing a long prompt or a cancellation never waits for a step. A model
//! that writes has its [`Engine`], one that makes vectors its [`Encoder`].

mod encoder;
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

use super::protocol::{Command, Failure, Fault, Outcome, Reply, Tagged};
use super::request::{EncoderInput, GenerateRequest, Pooling};
use encoder::{Encoder, Texts};
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
    let guides = Guides::read(Arc::clone(&loading.model))?;
    let (context, loaded) = match loading.context(&load) {
        Ok(ready) => ready,
        Err(message) => return out.send(&Reply::LoadFailed { message }),
    };
    tracing::info!(path = %load.path.display(), ms = loaded.load_ms, "model loaded");
    let (orders, received) = channel();
    let commands = Commands {
        model: Arc::clone(&loading.model),
        pooling: load.pooling,
        context_tokens: loaded.context_tokens,
        guides,
        orders,
        out: out.clone(),
    };
    let reading = move || {
        let ended = commands.read(&mut reader);
        tracing::debug!(?ended, "no more commands");
    };
    let reader = std::thread::Builder::new().name("gguf-reader".to_owned());
    match load.pooling {
        Some(pooling) => {
            let room = context.n_batch() as usize;
            let encoder = Encoder::new(context, pooling, room, out.clone());
            out.send(&Reply::Loaded(Box::new(loaded)))?;
            reader.spawn(reading)?;
            encoder.run(&received)
        }
        None => {
            let spill_bytes = load.spill_bytes;
            let engine = Engine::new(&loading.model, context, &loaded, spill_bytes, out.clone());
            out.send(&Reply::Loaded(Box::new(loaded)))?;
            reader.spawn(reading)?;
            engine.run(&received)
        }
    }
}

/// What the reader needs to make orders of commands.
struct Commands {
    model: Arc<LlamaModel>,
    pooling: Option<Pooling>,
    context_tokens: u32,
    guides: Guides,
    orders: Sender<Order>,
    out: Out,
}

impl Commands {
    /// Handles commands until the parent is gone.
    fn read(mut self, reader: &mut Reader) -> io::Result<()> {
        while let Some((command, _)) = reader.recv()? {
            let (id, order) = match command {
                Command::Load(_) => return Err(io::Error::other("a model is loaded already")),
                Command::Cancel { id } => (id, Ok(Order::Cancel(id))),
                Command::Tokenize { id, text, special, count_only } => {
                    let ids = tokens::tokenize(&self.model, &text, special);
                    let count = ids.len() as u64;
                    let ids = if count_only { Vec::new() } else { ids };
                    self.out.one(id, Outcome::Tokens { ids, count })?;
                    continue;
                }
                Command::Generate { id, request } => (id, self.job(id, *request)),
                Command::Encode { id, owner, inputs } => (id, self.texts(id, owner, &inputs)),
            };
            match order {
                Ok(order) => {
                    if self.orders.send(order).is_err() {
                        break;
                    }
                }
                Err(failure) => self.out.failed(id, failure)?,
            }
        }
        Ok(())
    }

    fn job(&mut self, id: u64, request: GenerateRequest) -> Result<Order, Failure> {
        if self.pooling.is_some() {
            let message = "this model makes vectors and writes no text; ask it at /v1/embeddings";
            return Err(Failure::new(Fault::Invalid, message).of_field("model"));
        }
        let job = tokens::job(&self.model, &mut self.guides, self.context_tokens, id, request)?;
        Ok(Order::Start(Box::new(job)))
    }

    fn texts(&self, id: u64, owner: String, inputs: &[EncoderInput]) -> Result<Order, Failure> {
        let Some(pooling) = self.pooling else {
            let message =
                "this model writes text and makes no vectors; ask it at /v1/chat/completions";
            return Err(Failure::new(Fault::Invalid, message).of_field("model"));
        };
        let window = self.context_tokens;
        let sequences = encoder::sequences(&self.model, pooling, window, inputs)?;
        Ok(Order::Encode(Texts { id, owner, sequences }))
    }
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
