//! A cross-encoder in an ONNX file: query and document are read together, and one number
//! says how well they fit.
//!
//! The file takes `input_ids`, `attention_mask` and, if it likes, `token_type_ids`, and gives
//! one logit for each pair (its sigmoid is the relevance) or two (the softmax of the second).
//! `tokenizer.json` lies beside it.

use std::path::Path;
use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use rten::{NodeId, Value, ValueOrView};
use rten_tensor::{Layout as _, NdTensor};
use sha2::{Digest as _, Sha256};
use tokenizers::Tokenizer;

use super::Scores;
use crate::onnx::guarded;

/// Tokens read at once, where the tokenizer does not say.
const WINDOW_TOKENS: usize = 512;
/// Room for special tokens, and for the few that a cut within a word may add.
const SPARE_TOKENS: usize = 12;
/// Fewest tokens of a document in a window; a query that leaves less is too long.
const LEAST_TOKENS: usize = 32;
/// Pairs computed together.
const BATCH: usize = 16;

/// A loaded cross-encoder.
pub struct CrossEncoder {
    name: String,
    sha256: String,
    model: rten::Model,
    ids: NodeId,
    mask: NodeId,
    types: Option<NodeId>,
    output: NodeId,
    tokenizer: Tokenizer,
    window: usize,
}

impl std::fmt::Debug for CrossEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrossEncoder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A query and a window of a document, ready for the model.
struct Pair {
    document: usize,
    ids: Vec<i32>,
    types: Vec<i32>,
}

impl CrossEncoder {
    /// Loads the model in `path` and the `tokenizer.json` beside it. Blocks while it reads.
    ///
    /// # Errors
    /// `NotFound` when a file cannot be read, `Unprocessable` when it is no cross-encoder.
    pub fn load(path: &Path) -> Result<Self> {
        let fault = |what: String| {
            Error::new(
                Kind::Unprocessable,
                format!("the reranking model {} cannot be used: {what}", path.display()),
            )
        };
        let bytes = std::fs::read(path).or_kind(
            Kind::NotFound,
            format!("the reranking model {} cannot be read", path.display()),
        )?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let model = guarded("loading the reranking model", || rten::Model::load(bytes))?
            .map_err(|cause| fault(cause.to_string()))?;
        let node = |name: &str| {
            model.find_node(name).ok_or_else(|| fault(format!("it has no input '{name}'")))
        };
        let (ids, mask) = (node("input_ids")?, node("attention_mask")?);
        let types = model.find_node("token_type_ids");
        let output = model.output_ids().first().copied();
        let output = output.ok_or_else(|| fault("it has no output".to_owned()))?;
        let beside = path.with_file_name("tokenizer.json");
        let text = std::fs::read(&beside).or_kind(
            Kind::NotFound,
            format!("the reranking model's tokenizer {} cannot be read", beside.display()),
        )?;
        let mut tokenizer =
            Tokenizer::from_bytes(&text).map_err(|cause| fault(cause.to_string()))?;
        let window = tokenizer.get_truncation().map_or(WINDOW_TOKENS, |cut| cut.max_length);
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|cause| fault(cause.to_string()))?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("cross-encoder");
        let name = name.to_owned();
        Ok(Self { name, sha256, model, ids, mask, types, output, tokenizer, window })
    }

    /// The name of its file, without the ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of its file, hex.
    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Where each token of `text` lies: byte offsets.
    pub(super) fn token_offsets(&self, text: &str) -> Result<Vec<(usize, usize)>> {
        let encoding = self.tokenizer.encode(text, false).map_err(|cause| unreadable(&cause))?;
        Ok(encoding.get_offsets().to_vec())
    }

    /// Scores `documents` on a blocking thread.
    pub(super) async fn score(
        this: &Arc<Self>,
        query: &str,
        documents: Vec<String>,
    ) -> Result<Scores> {
        let (this, query) = (Arc::clone(this), query.to_owned());
        tokio::task::spawn_blocking(move || this.score_blocking(&query, &documents))
            .await
            .or_internal("reranking")?
    }

    fn score_blocking(&self, query: &str, documents: &[String]) -> Result<Scores> {
        let mut pairs = Vec::new();
        let query_tokens = self.token_offsets(query)?.len();
        let room = self.window.saturating_sub(query_tokens + SPARE_TOKENS);
        if room < LEAST_TOKENS {
            return Err(Error::invalid(format!(
                "query has {query_tokens} tokens, and '{}' reads {} with the document; shorten it",
                self.name, self.window
            ))
            .with_param("query"));
        }
        for (at, document) in documents.iter().enumerate() {
            for part in self.windows(document, room)? {
                pairs.push(self.pair(at, query, part)?);
            }
        }
        let tokens = pairs.iter().map(|pair| pair.ids.len()).sum();
        // Pairs of like length run together, so that short ones do not pay for long ones.
        pairs.sort_by_key(|pair| pair.ids.len());
        let mut relevance = vec![0.0_f32; documents.len()];
        for batch in pairs.chunks(BATCH) {
            for (pair, score) in batch.iter().zip(self.run(batch)?) {
                if let Some(best) = relevance.get_mut(pair.document) {
                    *best = best.max(score);
                }
            }
        }
        Ok(Scores { relevance, tokens })
    }

    /// The document in parts of at most `room` tokens and nearly equal length.
    fn windows<'d>(&self, document: &'d str, room: usize) -> Result<Vec<&'d str>> {
        let offsets = self.token_offsets(document)?;
        let count = offsets.len().div_ceil(room).max(1);
        let start = |part: usize| {
            let token = offsets.len() * part / count;
            let start = offsets.get(token).map_or(document.len(), |&(start, _)| start);
            if part == 0 { 0 } else { start }
        };
        let part = |at: usize| {
            let range = start(at)..if at + 1 == count { document.len() } else { start(at + 1) };
            document.get(range).unwrap_or_default()
        };
        Ok((0..count).map(part).collect())
    }

    fn pair(&self, document: usize, query: &str, part: &str) -> Result<Pair> {
        let encoding =
            self.tokenizer.encode((query, part), true).map_err(|cause| unreadable(&cause))?;
        let numbers = |ids: &[u32]| {
            ids.iter().map(|&id| i32::try_from(id)).collect::<std::result::Result<Vec<_>, _>>()
        };
        Ok(Pair {
            document,
            ids: numbers(encoding.get_ids()).or_internal("reading token ids")?,
            types: numbers(encoding.get_type_ids()).or_internal("reading token types")?,
        })
    }

    fn run(&self, batch: &[Pair]) -> Result<Vec<f32>> {
        let longest = batch.iter().map(|pair| pair.ids.len()).max().unwrap_or(0);
        let shape = [batch.len(), longest];
        let padded = |row: &dyn Fn(&Pair) -> Vec<i32>| {
            let mut all = Vec::with_capacity(batch.len() * longest);
            for pair in batch {
                let mut row = row(pair);
                row.resize(longest, 0);
                all.append(&mut row);
            }
            Value::from_shape(shape, all).or_internal("making token tensors")
        };
        let mut feeds: Vec<(NodeId, ValueOrView<'_>)> = vec![
            (self.ids, padded(&|pair| pair.ids.clone())?.into()),
            (self.mask, padded(&|pair| vec![1; pair.ids.len()])?.into()),
        ];
        if let Some(types) = self.types {
            feeds.push((types, padded(&|pair| pair.types.clone())?.into()));
        }
        let run = || self.model.run_n(feeds, [self.output], None);
        let [logits] = guarded("reranking", run)?.or_internal("reranking")?;
        let logits: NdTensor<f32, 2> =
            logits.try_into().or_internal("reading the reranking model's output")?;
        let [rows, columns] = logits.shape();
        if rows != batch.len() || !matches!(columns, 1 | 2) {
            return Err(Error::internal(format!(
                "the reranking model's output is [{rows}, {columns}]"
            )));
        }
        Ok(logits.into_data().chunks_exact(columns).map(relevance).collect())
    }
}

/// The sigmoid of one logit, or the softmax's second of two, which is the sigmoid of their
/// difference.
fn relevance(logits: &[f32]) -> f32 {
    let logit = match logits {
        [against, towards] => towards - against,
        [only] => *only,
        _ => f32::NEG_INFINITY,
    };
    1.0 / (1.0 + (-logit).exp())
}

fn unreadable(cause: &tokenizers::Error) -> Error {
    Error::new(Kind::Unprocessable, format!("a text could not be tokenised: {cause}"))
}

#[cfg(test)]
mod tests;
