//! New versions: checked by loading them before they are registered.

use bytes::Bytes;
use cairn_kernel::{Error, Result, ResultExt as _, Role, Scope};
use cairn_serving::gguf::{EncoderInput, Pooling};
use cairn_serving::onnx::{ModelIdentity, ModelMetadata, TensorSpec};
use cairn_serving::remote::{EmbedOptions, ProviderKind};
use cairn_store::BlobPath;
use cairn_store::records::{ModelVersionRow, NewModelVersion, NewRolloutEvent};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::encoding::{Encoding, InputType, unfit};
use super::registry::NAME_MAX;
use super::source::{ModelKind, Source};
use super::{ModelInfo, Models};
use crate::llms::ALIAS;

/// Of an encoding nothing is said.
const NOTHING: &str = "{}";
/// Any text tells whether prefixes leave room for one, and how long the vectors are.
const PROBE: &str = "How long is a vector of this?";
/// How a GGUF file begins.
const GGUF_MAGIC: &[u8] = b"GGUF";

/// A version to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewVersion {
    /// An ONNX or GGUF file; which it is, its first bytes tell.
    File(Bytes),
    /// A LoRA adapter in a GGUF file, for a language model of the model store.
    Adapter {
        /// The model's name there.
        base: String,
        /// The adapter.
        file: Bytes,
    },
    /// A language model of the model store, by its name there.
    Asset(String),
    /// A model of a provider that the operator's configuration names.
    Remote {
        /// The provider.
        provider: String,
        /// Its name for the model.
        model: String,
        /// Whether it makes vectors of texts, and answers no chats.
        embeddings: bool,
    },
}

impl Models {
    /// Registers a version, after loading it. The same file or remote model with the same
    /// `encoding` under the same name is the same version.
    ///
    /// # Errors
    /// `Invalid` for an unusable name or encoding, `NotFound` for a file that is not in the model
    /// store or a provider that is not in the configuration, or what keeps an ONNX file
    /// from loading.
    pub async fn register(
        &self,
        scope: &Scope,
        name: &str,
        new: NewVersion,
        encoding: Encoding,
    ) -> Result<ModelVersionRow> {
        scope.require(Role::Editor)?;
        check_name("model", name)?;
        encoding.check()?;
        if name.eq_ignore_ascii_case(ALIAS) {
            let text = format!("'{name}' always names the default language model; choose another");
            return Err(Error::invalid(text).with_param("name"));
        }
        let row = match new {
            NewVersion::File(bytes) => self.file_of_tenant(scope, name, bytes, &encoding).await?,
            NewVersion::Adapter { base, file } => {
                encoding.none_for("an adapter")?;
                self.adapter(scope, name, &base, file).await?
            }
            NewVersion::Asset(asset) => {
                encoding.none_for("a language model")?;
                self.asset(name, &asset)?
            }
            NewVersion::Remote { provider, model, embeddings: false } => {
                encoding.none_for("what is registered without 'embeddings'")?;
                self.remote(name, provider, model).await?
            }
            NewVersion::Remote { provider, model, embeddings: true } => {
                self.remote_encoder(name, provider, model, &encoding).await?
            }
        };
        let row = NewModelVersion { encoding: encoding.written()?, ..row };
        let mut tx = self.records.begin().await?;
        let version = self.records.register_model(&mut tx, scope, &row).await?;
        tx.commit().await.or_internal("registering a model")?;
        tracing::info!(model = name, version, kind = row.kind, "model version registered");
        self.records.model_version(scope, name, Some(version)).await
    }

    async fn file_of_tenant(
        &self,
        scope: &Scope,
        name: &str,
        bytes: Bytes,
        encoding: &Encoding,
    ) -> Result<NewModelVersion> {
        let sha256 = hashed(&bytes).await?;
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let (kind, metadata) = if bytes.starts_with(GGUF_MAGIC) {
            if encoding.dimensions.is_some() {
                return Err(unfit("dimensions", "a file, whose vectors have one length"));
            }
            (ModelKind::Gguf, self.check_gguf(scope, (name, &sha256), bytes, encoding).await?)
        } else {
            encoding.none_for("an ONNX model, which takes tensors and no texts")?;
            (ModelKind::Onnx, self.check_onnx(scope, name, &sha256, bytes).await?)
        };
        Ok(NewModelVersion {
            name: name.to_owned(),
            kind: kind.name(),
            source: Source::default().written()?,
            sha256,
            bytes: size,
            run_id: String::new(),
            encoding: NOTHING.to_owned(),
            metadata: metadata.to_string(),
        })
    }

    /// Keeps an adapter and loads it with its base; one that does not load is not kept.
    async fn adapter(
        &self,
        scope: &Scope,
        name: &str,
        base: &str,
        bytes: Bytes,
    ) -> Result<NewModelVersion> {
        if !bytes.starts_with(GGUF_MAGIC) {
            let text = "an adapter is a GGUF file, and this file does not begin with 'GGUF'";
            return Err(Error::invalid(text).with_param("file"));
        }
        let base = self.llms.installed(base)?.name.clone();
        let sha256 = hashed(&bytes).await?;
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let path = BlobPath::model(scope, &sha256);
        self.blobs.put(&path, bytes).await?;
        let loaded = self.adapted_model(scope, name, &sha256, &base).await;
        if loaded.is_err() && !self.records.has_model_file(scope, &sha256).await? {
            self.blobs.delete(&path).await?;
        }
        let metadata = json!({"context_tokens": loaded?.context_tokens()});
        let source = Source { asset: Some(base), adapter: true, ..Source::default() };
        Ok(NewModelVersion {
            name: name.to_owned(),
            kind: ModelKind::Gguf.name(),
            source: source.written()?,
            sha256,
            bytes: size,
            run_id: String::new(),
            encoding: NOTHING.to_owned(),
            metadata: metadata.to_string(),
        })
    }

    /// Loads an ONNX file and keeps it.
    async fn check_onnx(
        &self,
        scope: &Scope,
        name: &str,
        sha256: &str,
        bytes: Bytes,
    ) -> Result<Value> {
        let identity = ModelIdentity {
            name: name.to_owned(),
            version: "new".to_owned(),
            sha256: sha256.to_owned(),
        };
        let engine = self.engines.open(bytes.to_vec(), identity).await?;
        let metadata = described(engine.metadata());
        self.blobs.put(&BlobPath::model(scope, sha256), bytes).await?;
        Ok(metadata)
    }

    /// Keeps a GGUF file and loads it, in this order, because its engine maps it into
    /// memory; one that does not load is not kept.
    async fn check_gguf(
        &self,
        scope: &Scope,
        (name, sha256): (&str, &str),
        bytes: Bytes,
        encoding: &Encoding,
    ) -> Result<Value> {
        let path = BlobPath::model(scope, sha256);
        self.blobs.put(&path, bytes).await?;
        let described = self.describe_gguf(scope, (name, sha256), encoding).await;
        if described.is_err() && !self.records.has_model_file(scope, sha256).await? {
            self.blobs.delete(&path).await?;
        }
        described
    }

    /// What is known of a file that loads, after trying the prefixes of an encoder.
    async fn describe_gguf(
        &self,
        scope: &Scope,
        named: (&str, &str),
        encoding: &Encoding,
    ) -> Result<Value> {
        let engine = self.file_engine(scope, named, encoding.pooling).await?;
        let facts = engine.facts();
        match facts.pooling {
            None => encoding.none_for("a language model")?,
            Some(Pooling::Rank) => encoding.none_for("a cross-encoder")?,
            Some(_) if encoding.is_empty() => {}
            Some(_) => {
                for of in [InputType::Query, InputType::Document] {
                    let text = EncoderInput::Text(encoding.text(of, PROBE.to_owned()));
                    engine.encode(scope.tenant().as_str(), vec![text]).await?;
                }
            }
        }
        Ok(json!({"context_tokens": facts.context_tokens, "pooling": facts.pooling}))
    }

    fn asset(&self, name: &str, asset: &str) -> Result<NewModelVersion> {
        let asset = self.llms.installed(asset)?;
        let source = Source { asset: Some(asset.name.clone()), ..Source::default() };
        Ok(NewModelVersion {
            name: name.to_owned(),
            kind: ModelKind::Gguf.name(),
            source: source.written()?,
            sha256: asset.sha256.clone(),
            bytes: i64::try_from(asset.bytes).unwrap_or(i64::MAX),
            run_id: String::new(),
            encoding: NOTHING.to_owned(),
            metadata: "{}".to_owned(),
        })
    }

    /// A provider of tensors is asked what its model takes and gives; one of chats is asked
    /// nothing before the first chat.
    async fn remote(&self, name: &str, provider: String, model: String) -> Result<NewModelVersion> {
        let kind = self.providers.names().find(|(known, _)| *known == provider);
        let tensors = kind.is_some_and(|(_, kind)| kind == ProviderKind::Oip);
        let metadata = if tensors {
            described(self.providers.tensor_model(&provider, &model).await?.metadata())
        } else {
            self.providers.chat_model(&provider, &model)?;
            json!({})
        };
        let source =
            Source { provider: Some(provider), model: Some(model), tensors, ..Source::default() };
        Ok(NewModelVersion {
            name: name.to_owned(),
            kind: ModelKind::Remote.name(),
            source: source.written()?,
            sha256: String::new(),
            bytes: 0,
            run_id: String::new(),
            encoding: NOTHING.to_owned(),
            metadata: metadata.to_string(),
        })
    }

    /// A provider's embedding model, which is asked for one vector: how long its vectors are
    /// belongs to the version.
    async fn remote_encoder(
        &self,
        name: &str,
        provider: String,
        model: String,
        encoding: &Encoding,
    ) -> Result<NewModelVersion> {
        if encoding.pooling.is_some() {
            return Err(unfit("pooling", "a provider's model, which pools by itself"));
        }
        let inputs = vec![EncoderInput::Text(encoding.text(InputType::Query, PROBE.to_owned()))];
        let options = EmbedOptions { dimensions: encoding.dimensions, bulk: false };
        let made = self.encode_remotely((&provider, &model), inputs, options).await?;
        let length = made.vectors.first().map_or(0, Vec::len);
        let source = Source {
            provider: Some(provider),
            model: Some(model),
            embeddings: true,
            ..Source::default()
        };
        Ok(NewModelVersion {
            name: name.to_owned(),
            kind: ModelKind::Remote.name(),
            source: source.written()?,
            sha256: String::new(),
            bytes: 0,
            run_id: String::new(),
            encoding: NOTHING.to_owned(),
            metadata: json!({"dimensions": length}).to_string(),
        })
    }

    /// Lets an alias name a version.
    ///
    /// # Errors
    /// `Invalid` for an unusable alias, `NotFound` for the version.
    pub async fn set_alias(
        &self,
        scope: &Scope,
        name: &str,
        alias: &str,
        version: i64,
    ) -> Result<ModelInfo> {
        scope.require(Role::Editor)?;
        check_name("alias", alias)?;
        if alias.bytes().all(|byte| byte.is_ascii_digit()) {
            let text = format!("the alias '{alias}' would read as a version; use a letter in it");
            return Err(Error::invalid(text).with_param("alias"));
        }
        let event = alias_event("alias_set", alias, Some(version));
        self.records.set_model_alias(scope, name, alias, &event, version).await?;
        self.get(scope, name).await
    }

    /// Takes an alias away.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_alias(&self, scope: &Scope, name: &str, alias: &str) -> Result<()> {
        scope.require(Role::Editor)?;
        let event = alias_event("alias_deleted", alias, None);
        self.records.delete_model_alias(scope, name, alias, &event).await?;
        Ok(())
    }
}

async fn hashed(bytes: &Bytes) -> Result<String> {
    let bytes = bytes.clone();
    let hash = tokio::task::spawn_blocking(move || hex::encode(Sha256::digest(&bytes)));
    hash.await.or_internal("hashing a model")
}

fn alias_event(action: &'static str, alias: &str, version: Option<i64>) -> NewRolloutEvent {
    NewRolloutEvent {
        rollout_id: String::new(),
        automatic: false,
        action,
        reason: String::new(),
        version,
        detail: json!({"alias": alias}).to_string(),
    }
}

fn described(known: &ModelMetadata) -> Value {
    json!({
        "platform": known.platform,
        "inputs": signature(&known.inputs),
        "outputs": signature(&known.outputs),
    })
}

fn signature(specs: &[TensorSpec]) -> Vec<Value> {
    let spec = |spec: &TensorSpec| json!({"name": spec.name, "datatype": spec.datatype.name(), "shape": spec.shape});
    specs.iter().map(spec).collect()
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let usable = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= NAME_MAX
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if usable {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "'{name}' cannot name a{} {what}; use up to {NAME_MAX} letters, digits, '-', '_' and '.'",
        if what.starts_with('a') { "n" } else { "" }
    ))
    .with_param(if what == "alias" { "alias" } else { "name" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_the_reason_is_told() {
        for good in ["credit", "Llama-3.2_1b", "2024"] {
            assert!(check_name("model", good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "a b", "a/b", "a@b", &"x".repeat(65)] {
            let error = check_name("alias", bad).unwrap_err();
            assert!(error.message().contains("an alias"), "{error}");
        }
    }
}
