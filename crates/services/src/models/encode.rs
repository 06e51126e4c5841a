//! A tenant's encoder: texts to vectors, or a query and documents to scores.

use std::time::Instant;

use cairn_kernel::{Error, Kind, Result, ResultExt as _, Scope};
use cairn_serving::embed::Priority;
use cairn_serving::gguf::{Encoded, EncoderInput, Gguf, Pooling};
use cairn_serving::remote::EmbedOptions;
use cairn_store::records::ModelVersionRow;
use serde_json::Value;

use super::Models;
use super::encoding::{Encoding, InputType};
use super::infer::Target;
use super::registry::address;
use super::source::{ModelKind, Source, embeds};

/// What a version reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Whether it scores a query and a document together, and makes no vectors of texts.
    pub pairs: bool,
    encoding: Encoding,
}

impl Reads {
    /// A text as it reads it.
    pub fn text(&self, of: InputType, text: String) -> EncoderInput {
        EncoderInput::Text(self.encoding.text(of, text))
    }
}

/// What runs a version.
enum Engine {
    File(Gguf),
    Provider {
        name: String,
        model: String,
        dimensions: Option<u32>,
        /// How long its vectors were when it was registered.
        length: Option<usize>,
    },
}

impl Models {
    /// Encodes with the tenant's model of that name, whose inputs `inputs` makes knowing what it
    /// reads; `None` when the tenant has no such model, so that the program's own may do it.
    ///
    /// # Errors
    /// `NotFound` for a version or alias the model does not have, `Invalid` for a model that is
    /// no encoder and for what [`Gguf::encode`] or the provider refuses, or what keeps it from
    /// loading.
    pub async fn encode(
        &self,
        scope: &Scope,
        target: &Target,
        priority: Priority,
        inputs: impl FnOnce(&Reads) -> Vec<EncoderInput>,
    ) -> Result<Option<Encoded>> {
        let (name, _) = address(&target.name, target.selector.as_deref())?;
        if self.registry.find(scope, name).await?.is_none() {
            return Ok(None);
        }
        let picked = self.pick(scope, target).await?;
        let mut began = Instant::now();
        let outcome = match self.encoder(scope, &picked.version).await {
            Ok((engine, reads)) => {
                // What loading takes says nothing of the version.
                began = Instant::now();
                self.run_encoder(scope, engine, inputs(&reads), priority).await
            }
            Err(error) => Err(error),
        };
        picked.observe(began, outcome.as_ref().err());
        if let Some(shadow) = picked.shadow_place() {
            shadow.skip();
        }
        outcome.map(Some)
    }

    async fn run_encoder(
        &self,
        scope: &Scope,
        engine: Engine,
        inputs: Vec<EncoderInput>,
        priority: Priority,
    ) -> Result<Encoded> {
        match engine {
            Engine::File(engine) => engine.encode(scope.tenant().as_str(), inputs).await,
            Engine::Provider { name, model, dimensions, length } => {
                let options = EmbedOptions { dimensions, bulk: priority == Priority::Bulk };
                let made = self.encode_remotely((&name, &model), inputs, options).await?;
                let now = made.vectors.first().map(Vec::len);
                match (length, now) {
                    (Some(then), Some(now)) if then != now => {
                        Err(another_length(&name, &model, (then, now)))
                    }
                    _ => Ok(made),
                }
            }
        }
    }

    /// The vectors of texts by a provider's model.
    pub(super) async fn encode_remotely(
        &self,
        (provider, model): (&str, &str),
        inputs: Vec<EncoderInput>,
        options: EmbedOptions,
    ) -> Result<Encoded> {
        let texts: Result<Vec<String>> = inputs
            .into_iter()
            .map(|input| match input {
                EncoderInput::Text(text) => Ok(text),
                EncoderInput::Pair { .. } => Err(Error::internal("a provider was given a pair")),
            })
            .collect();
        let texts = texts?;
        let made = self.providers.embed(provider, model, &texts, options).await?;
        Ok(Encoded { tokens: shares(&texts, made.tokens), vectors: made.vectors })
    }

    async fn encoder(&self, scope: &Scope, row: &ModelVersionRow) -> Result<(Engine, Reads)> {
        let no_encoder = || {
            let text = format!(
                "model '{}' is no encoder: its file does not say how it pools a text's vectors; \
                 register it with 'pooling' if it is one, or a provider's with 'embeddings'",
                row.name
            );
            Err(Error::invalid(text).with_param("model"))
        };
        let (source, encoding) = (Source::read(row)?, Encoding::read(row)?);
        if embeds(row)? {
            let (Some(name), Some(model)) = (source.provider, source.model) else {
                return no_encoder();
            };
            let (dimensions, length) = (encoding.dimensions, length(row)?);
            let engine = Engine::Provider { name, model, dimensions, length };
            return Ok((engine, Reads { pairs: false, encoding }));
        }
        if ModelKind::of(row)? != ModelKind::Gguf || source.asset.is_some() {
            return no_encoder();
        }
        let pooling = encoding.pooling;
        let engine = self.file_engine(scope, (&row.name, &row.sha256), pooling).await?;
        match engine.facts().pooling {
            Some(pooling) => {
                let pairs = pooling == Pooling::Rank;
                Ok((Engine::File(engine), Reads { pairs, encoding }))
            }
            None => no_encoder(),
        }
    }
}

/// How long a provider's vectors were when the version was registered.
fn length(row: &ModelVersionRow) -> Result<Option<usize>> {
    let metadata: Value =
        serde_json::from_str(&row.metadata).or_internal("reading a model's metadata")?;
    Ok(metadata["dimensions"].as_u64().and_then(|length| usize::try_from(length).ok()))
}

/// Vectors of another model are of no use in an index, whatever their names.
fn another_length(provider: &str, model: &str, (then, now): (usize, usize)) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "provider '{provider}' makes vectors of {now} numbers with '{model}', which were {then} \
             when it was registered; register it as another model, and re-index with that"
        ),
    )
}

/// A provider counts the tokens of all texts together; each gets its share by its bytes.
fn shares(texts: &[String], tokens: u32) -> Vec<u32> {
    let whole: u64 = texts.iter().map(|text| text.len() as u64).sum::<u64>().max(1);
    let (mut bytes, mut given) = (0_u64, 0_u64);
    let share = |text: &String| {
        bytes += text.len() as u64;
        let until = u64::from(tokens) * bytes / whole;
        let share = until - given;
        given = until;
        u32::try_from(share).unwrap_or(u32::MAX)
    };
    texts.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_tokens_are_all_of_them() {
        let texts = ["a".repeat(10), "b".repeat(20), "c".repeat(3)];
        let told = shares(&texts, 10);
        assert_eq!(told.iter().sum::<u32>(), 10);
        assert_eq!(told.first(), Some(&3));
        assert_eq!(shares(&[], 3), [0; 0]);
    }

    #[test]
    fn a_version_from_before_has_no_length() {
        let row = |metadata: &str| ModelVersionRow {
            name: "m".to_owned(),
            version: 1,
            kind: "remote".to_owned(),
            source: "{}".to_owned(),
            sha256: String::new(),
            bytes: 0,
            run_id: String::new(),
            encoding: "{}".to_owned(),
            metadata: metadata.to_owned(),
            created_at: 0,
        };
        assert_eq!(length(&row("{}")).unwrap(), None);
        assert_eq!(length(&row(r#"{"dimensions": 384}"#)).unwrap(), Some(384));
    }
}
