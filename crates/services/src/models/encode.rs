//! A tenant's encoder: texts to vectors, or a query and documents to scores.

use std::time::Instant;

use cairn_kernel::{Error, Result, Scope};
use cairn_serving::gguf::{Encoded, EncoderInput, Gguf, Pooling};
use cairn_store::records::ModelVersionRow;

use super::Models;
use super::infer::Target;
use super::registry::address;
use super::source::{ModelKind, Source};

impl Models {
    /// Encodes with the tenant's model of that name, whose inputs `inputs` makes knowing how it
    /// pools; `None` when the tenant has no such model, so that the program's own may do it.
    ///
    /// # Errors
    /// `NotFound` for a version or alias the model does not have, `Invalid` for a model that is
    /// no encoder and for what [`Gguf::encode`] refuses, or what keeps it from loading.
    pub async fn encode(
        &self,
        scope: &Scope,
        target: &Target,
        inputs: impl FnOnce(Pooling) -> Vec<EncoderInput>,
    ) -> Result<Option<Encoded>> {
        let (name, _) = address(&target.name, target.selector.as_deref())?;
        if self.registry.find(scope, name).await?.is_none() {
            return Ok(None);
        }
        let picked = self.pick(scope, target).await?;
        let mut began = Instant::now();
        let outcome = match self.encoder(scope, &picked.version).await {
            Ok((engine, pooling)) => {
                // What loading takes says nothing of the version.
                began = Instant::now();
                engine.encode(scope.tenant().as_str(), inputs(pooling)).await
            }
            Err(error) => Err(error),
        };
        picked.observe(began, outcome.as_ref().err());
        if let Some(shadow) = picked.shadow_place() {
            shadow.skip();
        }
        outcome.map(Some)
    }

    async fn encoder(&self, scope: &Scope, row: &ModelVersionRow) -> Result<(Gguf, Pooling)> {
        let no_encoder = || {
            let text = format!(
                "model '{}' is no encoder: its file does not say how it pools a text's vectors",
                row.name
            );
            Err(Error::invalid(text).with_param("model"))
        };
        let own = Source::read(row)?.asset.is_none();
        if ModelKind::of(row)? != ModelKind::Gguf || !own {
            return no_encoder();
        }
        let engine = self.file_engine(scope, &row.name, &row.sha256).await?;
        match engine.facts().pooling {
            Some(pooling) => Ok((engine, pooling)),
            None => no_encoder(),
        }
    }
}
