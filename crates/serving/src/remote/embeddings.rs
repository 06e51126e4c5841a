//! Vectors by an OpenAI-compatible provider: in batches, and patiently where nobody waits.

use std::time::{Duration, Instant};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use serde::Deserialize;
use serde_json::Value;

use super::azure::Azure;
use super::config::{ProviderConfig, ProviderKind};
use super::error;
use super::openai::OpenAi;
use super::providers::{Provider, Providers, checked, wrong};
use super::upstream::Call;

/// Most bytes of the texts of one call. OpenAI takes 300,000 tokens in one, and no text has more
/// tokens than bytes.
const BATCH_BYTES: usize = 256 << 10;
/// Longest that bulk work waits in all for a provider that is at its limit; then its job does.
/// Limits are mostly of a minute, which is what such a provider asks to wait.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first of these waits, where the provider names none; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How texts are embedded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbedOptions {
    /// The length of the vectors, for a model that makes several (`dimensions`).
    pub dimensions: Option<u32>,
    /// Whether nobody waits for them. Such work takes at most half of the provider's places.
    pub bulk: bool,
}

/// Vectors and what they cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// For each text its vector, of length 1.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens that were read, as the provider counts them.
    pub tokens: u32,
}

/// The part of a wire that takes texts.
#[derive(Debug)]
pub(super) enum Wire {
    OpenAi(OpenAi),
    Azure(Azure),
}

impl Wire {
    /// The wire of a provider at `base`; `None` for one that gives no embeddings.
    pub(super) fn of(config: &ProviderConfig, base: &str) -> Option<Self> {
        match config.kind {
            ProviderKind::Openai => Some(Self::OpenAi(OpenAi::new(base))),
            ProviderKind::Azure => {
                let version = config.api_version.as_deref().unwrap_or_default();
                Some(Self::Azure(Azure::new(base, version)))
            }
            _ => None,
        }
    }

    fn call(&self, model: &str, texts: &[String], dimensions: Option<u32>) -> Result<Call> {
        match self {
            Self::OpenAi(wire) => wire.embed(model, texts, dimensions),
            Self::Azure(wire) => wire.embed(model, texts, dimensions),
        }
    }
}

impl Providers {
    /// Whether `provider` may be asked for embeddings.
    ///
    /// # Errors
    /// `NotFound` for an unknown provider, `Invalid` for one whose wire has no embeddings.
    pub fn gives_embeddings(&self, provider: &str) -> Result<()> {
        self.embedder(provider).map(|_| ())
    }

    /// The vectors of `texts`, by a provider's embedding model.
    ///
    /// # Errors
    /// As [`Providers::gives_embeddings`], and what the provider refuses; a text that it cannot
    /// read at once has the code `context_length_exceeded`.
    pub async fn embed(
        &self,
        provider: &str,
        model: &str,
        texts: &[String],
        options: EmbedOptions,
    ) -> Result<Embedded> {
        let (known, wire) = self.embedder(provider)?;
        let model = checked(model)?;
        let mut all = Embedded::default();
        for some in batches(texts, known.batch) {
            let call = wire.call(model, some, options.dimensions)?;
            let told = if options.bulk {
                patiently(known, &call).await
            } else {
                known.upstream.json(&call).await
            };
            let made = read(known.upstream.name(), told.map_err(of_texts)?, some.len())?;
            let length = made.vectors.first().map_or(0, Vec::len);
            if let Some(wanted) = options.dimensions.filter(|wanted| *wanted as usize != length) {
                return Err(Error::invalid(format!(
                    "provider '{provider}' makes vectors of {length} numbers with '{model}', also \
                     where {wanted} are asked for; leave dimensions out or change it"
                ))
                .with_param("dimensions"));
            }
            all.vectors.extend(made.vectors);
            all.tokens = all.tokens.saturating_add(made.tokens);
        }
        Ok(all)
    }

    fn embedder(&self, provider: &str) -> Result<(&Provider, &Wire)> {
        let known = self.get(provider)?;
        let wire = known.embeddings.as_ref();
        wire.map(|wire| (known, wire)).ok_or_else(|| wrong(provider, known, "embeddings"))
    }
}

/// Sends work that nobody waits for. Where the provider is at its limit it is waited for a while,
/// so that one refused call does not cost a whole document.
async fn patiently(known: &Provider, call: &Call) -> Result<Value> {
    let began = Instant::now();
    let acquired = tokio::time::timeout(PATIENCE, known.bulk.acquire()).await;
    let full = || {
        let name = known.upstream.name();
        let text = format!("provider '{name}' is busy with other ingestion; try again later");
        Error::new(Kind::Exhausted, text)
    };
    let _place = acquired.map_err(|_| full())?.or_internal("waiting for a place at a provider")?;
    let mut wait = FIRST_WAIT;
    loop {
        let failure = match known.upstream.json(call).await {
            Err(failure) if failure.kind() == Kind::Exhausted => failure,
            outcome => return outcome,
        };
        let pause = failure.retry_after().unwrap_or(wait).mul_f64(rand::random_range(1.0..1.3));
        if began.elapsed() + pause > PATIENCE {
            return Err(failure);
        }
        tokio::time::sleep(pause).await;
        wait *= 2;
    }
}

/// The texts in batches of at most `most` and [`BATCH_BYTES`]; a larger text is one alone.
fn batches(texts: &[String], most: usize) -> Vec<&[String]> {
    let (mut all, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, text) in texts.iter().enumerate() {
        let full = at - start >= most.max(1) || bytes + text.len() > BATCH_BYTES;
        if full && at > start {
            all.extend(texts.get(start..at));
            (start, bytes) = (at, 0);
        }
        bytes += text.len();
    }
    all.extend(texts.get(start..).filter(|rest| !rest.is_empty()));
    all
}

/// A refusal of a chat's length is one of the input's here.
fn of_texts(error: Error) -> Error {
    if error.param() == Some("messages") { error.with_param("input") } else { error }
}

#[derive(Deserialize)]
struct Told {
    data: Vec<VectorTold>,
    usage: Option<UsageTold>,
}

#[derive(Deserialize)]
struct VectorTold {
    index: usize,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct UsageTold {
    #[serde(default)]
    prompt_tokens: u32,
}

fn read(provider: &str, told: Value, texts: usize) -> Result<Embedded> {
    let mut told: Told = serde_json::from_value(told)
        .map_err(|cause| error::garbled(provider, "no embeddings").with_source(cause))?;
    told.data.sort_by_key(|vector| vector.index);
    if !told.data.iter().map(|vector| vector.index).eq(0..texts) {
        return Err(error::garbled(provider, "not one vector for each text"));
    }
    let tokens = told.usage.map_or(0, |usage| usage.prompt_tokens);
    let mut vectors: Vec<Vec<f32>> = told.data.into_iter().map(|told| told.embedding).collect();
    let length = vectors.first().map_or(0, Vec::len);
    for vector in &mut vectors {
        // Servers that cut a vector short do not always make its length 1 again.
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if vector.len() != length || !norm.is_finite() || norm == 0.0 {
            let what = "vectors of several lengths, or with numbers that say nothing";
            return Err(error::garbled(provider, what));
        }
        vector.iter_mut().for_each(|x| *x /= norm);
    }
    Ok(Embedded { vectors, tokens })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_by_texts_and_by_bytes() {
        let sizes = |texts: &[String], most| -> Vec<usize> {
            batches(texts, most).into_iter().map(<[String]>::len).collect()
        };
        let short = vec!["a".to_owned(); 7];
        assert_eq!(sizes(&short, 3), [3, 3, 1]);
        assert_eq!(sizes(&short, 7), [7]);
        assert!(sizes(&[], 3).is_empty());
        let long = ["x".repeat(BATCH_BYTES), "a".to_owned(), "y".repeat(BATCH_BYTES + 1)];
        assert_eq!(sizes(&long, 3), [1, 1, 1]);
    }
}
