//! The loop of an encoder: texts in, one vector for each out. Many short texts, whoever sent
//! them, are read as one batch.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::Out;
use super::engine::{FAILURES_MAX, Order, sequence};
use super::model::TOGETHER;
use super::queue::FairQueue;
use super::work::count;
use crate::gguf::protocol::{Failure, Fault, Outcome};
use crate::gguf::request::{Encoded, EncoderInput, Pooling};

/// A request: the tokens of each of its texts.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) sequences: Vec<Vec<LlamaToken>>,
}

/// Reads texts as `model` wants them, special tokens included.
///
/// # Errors
/// `Invalid` for a pair where the model reads single texts and the other way round,
/// `ContextLength` for a text longer than the `window`.
pub(super) fn sequences(
    model: &LlamaModel,
    pooling: Pooling,
    window: u32,
    inputs: &[EncoderInput],
) -> Result<Vec<Vec<LlamaToken>>, Failure> {
    let wrong = |message: &str| Err(Failure::new(Fault::Invalid, message));
    let mut sequences = Vec::with_capacity(inputs.len());
    for (at, input) in inputs.iter().enumerate() {
        let tokens = match (input, pooling) {
            (EncoderInput::Pair { query, document }, Pooling::Rank) => pair(model, query, document),
            (EncoderInput::Text(text), _) if pooling != Pooling::Rank => {
                model.vocab().tokenize(text.as_bytes(), true, false)
            }
            (EncoderInput::Text(_), _) => {
                return wrong("this model scores documents; ask it at /v1/rerank");
            }
            (EncoderInput::Pair { .. }, _) => {
                return wrong("this model makes vectors of single texts; ask it at /v1/embeddings");
            }
        };
        if tokens.is_empty() {
            return wrong(&format!("text {at} has no tokens; leave it out"));
        }
        let length = count(tokens.len());
        if length > window {
            let message = format!(
                "text {at} has {length} tokens and the model reads {window} at once: cut it into parts"
            );
            return Err(Failure::new(Fault::ContextLength, message));
        }
        sequences.push(tokens);
    }
    Ok(sequences)
}

/// A query and a document as cross-encoders are trained on them.
fn pair(model: &LlamaModel, query: &str, document: &str) -> Vec<LlamaToken> {
    let vocab = model.vocab();
    let mut tokens = Vec::new();
    let mark = |tokens: &mut Vec<LlamaToken>, wanted: bool, token: LlamaToken| {
        if wanted && token.0 >= 0 {
            tokens.push(token);
        }
    };
    let end = if vocab.eos().0 >= 0 { vocab.eos() } else { vocab.sep() };
    mark(&mut tokens, vocab.should_add_bos(), vocab.bos());
    vocab.tokenize_into(query.as_bytes(), &mut tokens, false, false);
    mark(&mut tokens, vocab.should_add_eos(), end);
    mark(&mut tokens, vocab.should_add_sep(), vocab.sep());
    vocab.tokenize_into(document.as_bytes(), &mut tokens, false, false);
    let closed = vocab.should_add_eos() || vocab.should_add_sep();
    mark(&mut tokens, closed, end);
    tokens
}

/// One text that waits.
#[derive(Debug)]
struct Waiting {
    id: u64,
    /// Its place in the request.
    at: usize,
    tokens: Vec<LlamaToken>,
}

/// A request of which some texts wait.
#[derive(Debug)]
struct Pending {
    vectors: Vec<Vec<f32>>,
    tokens: Vec<u32>,
    left: usize,
}

/// The context and what waits for it.
pub(super) struct Encoder<'m> {
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    pooling: Pooling,
    /// Tokens of one batch.
    room: usize,
    queue: FairQueue<Waiting>,
    pending: HashMap<u64, Pending>,
    out: Out,
    failures: u32,
}

impl<'m> Encoder<'m> {
    /// An encoder with batches of `room` tokens.
    pub(super) fn new(context: LlamaContext<'m>, pooling: Pooling, room: usize, out: Out) -> Self {
        Self {
            context,
            batch: LlamaBatch::new(room, 1),
            pooling,
            room,
            queue: FairQueue::default(),
            pending: HashMap::new(),
            out,
            failures: 0,
        }
    }

    /// Works until the orders end. Sleeps while there is nothing to do.
    ///
    /// # Errors
    /// When the parent is gone or the engine keeps failing.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> io::Result<()> {
        loop {
            if self.queue.is_empty() {
                let Ok(order) = orders.recv() else { return Ok(()) };
                self.obey(order)?;
            }
            loop {
                match orders.try_recv() {
                    Ok(order) => self.obey(order)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            self.step()?;
        }
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Encode(texts) => self.take(texts),
            Order::Cancel(id) => {
                self.forget(id);
                Ok(())
            }
            Order::Start(job) => {
                let message = "this model makes vectors and writes no text";
                self.out.failed(job.id, Failure::new(Fault::Invalid, message))
            }
        }
    }

    fn take(&mut self, texts: Texts) -> io::Result<()> {
        let Texts { id, owner, sequences } = texts;
        let tokens = sequences.iter().map(|tokens| count(tokens.len())).collect();
        let left = sequences.len();
        if left == 0 {
            return self.out.one(id, Outcome::Encoded(Encoded::default()));
        }
        self.pending.insert(id, Pending { vectors: vec![Vec::new(); left], tokens, left });
        for (at, tokens) in sequences.into_iter().enumerate() {
            self.queue.push(owner.clone(), Waiting { id, at, tokens });
        }
        Ok(())
    }

    fn forget(&mut self, id: u64) {
        self.pending.remove(&id);
        while self.queue.remove(|waiting| waiting.id == id).is_some() {}
    }

    /// Reads as many of the waiting texts as fit into a batch.
    fn step(&mut self) -> io::Result<()> {
        let chosen = self.fill();
        if chosen.is_empty() {
            return Ok(());
        }
        self.context.clear_kv_cache();
        if let Err(error) = self.context.decode(&mut self.batch) {
            return self.fail(&chosen, &error.to_string());
        }
        self.failures = 0;
        for (row, waiting) in chosen.iter().enumerate() {
            match self.vector(row) {
                Ok(vector) => self.deliver(waiting, vector)?,
                Err(reason) => return self.fail(&chosen[row..], &reason),
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> Vec<Waiting> {
        self.batch.clear();
        let mut chosen: Vec<Waiting> = Vec::new();
        let mut owners: Vec<String> = Vec::new();
        let mut used = 0;
        while chosen.len() < TOGETHER as usize {
            let busy = |owner: &str| owners.iter().filter(|other| *other == owner).count();
            let room = self.room - used;
            let next = self.queue.pop(busy, |_, waiting| waiting.tokens.len() <= room);
            let Some((owner, waiting)) = next else { break };
            let row = sequence(chosen.len());
            if self.batch.add_sequence(&waiting.tokens, row, true).is_err() {
                self.queue.push(owner, waiting);
                break;
            }
            used += waiting.tokens.len();
            owners.push(owner);
            chosen.push(waiting);
        }
        chosen
    }

    fn vector(&self, row: usize) -> Result<Vec<f32>, String> {
        let found = self.context.embeddings_seq_ith(sequence(row));
        let mut vector = found.map_err(|error| error.to_string())?.to_vec();
        if self.pooling != Pooling::Rank {
            let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
            vector.iter_mut().for_each(|number| *number /= length.max(f32::MIN_POSITIVE));
        }
        let whole = vector.iter().all(|number| number.is_finite());
        if whole {
            Ok(vector)
        } else {
            Err("the vector has numbers that are not finite".to_owned())
        }
    }

    fn deliver(&mut self, waiting: &Waiting, vector: Vec<f32>) -> io::Result<()> {
        // Absent when the request was given up, or failed by another of its texts.
        let Some(pending) = self.pending.get_mut(&waiting.id) else { return Ok(()) };
        if let Some(place) = pending.vectors.get_mut(waiting.at) {
            *place = vector;
        }
        pending.left -= 1;
        if pending.left > 0 {
            return Ok(());
        }
        let Some(Pending { vectors, tokens, .. }) = self.pending.remove(&waiting.id) else {
            return Ok(());
        };
        self.out.one(waiting.id, Outcome::Encoded(Encoded { vectors, tokens }))
    }

    /// Ends the requests of a batch that could not be read.
    fn fail(&mut self, chosen: &[Waiting], why: &str) -> io::Result<()> {
        tracing::error!(why, "a batch failed");
        for waiting in chosen {
            if self.pending.contains_key(&waiting.id) {
                self.forget(waiting.id);
                let message = "the encoder failed on this request; send it again";
                self.out.failed(waiting.id, Failure::new(Fault::Engine, message))?;
            }
        }
        self.failures += 1;
        if self.failures < FAILURES_MAX {
            return Ok(());
        }
        Err(io::Error::other(format!("{FAILURES_MAX} batches failed in a row: {why}")))
    }
}
