//! A closer look at what a search found: how rare the question's words are in the stores,
//! and how near they come in meaning to the words of the best passages.

use std::collections::HashSet;
use std::sync::Arc;

use cairn_kernel::{Kind, Result, ResultExt, Scope};
use cairn_search::Frequencies;
use cairn_serving::embed::{DIMENSIONS, Embedder, Priority};

use super::{Request, Retrieve};

/// The tokens of a text with their vectors, in reading order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    /// Byte offsets of each token, start and end.
    offsets: Vec<(usize, usize)>,
    /// The vector of each token, of length 1: [`DIMENSIONS`] numbers each.
    vectors: Vec<f32>,
}

impl Tokens {
    /// Tokens at `offsets`, with their vectors one after another.
    #[cfg(test)]
    pub(crate) fn new(offsets: Vec<(usize, usize)>, vectors: Vec<f32>) -> Self {
        Self { offsets, vectors }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The tokens with their vectors.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ((usize, usize), &[f32])> {
        self.offsets.iter().copied().zip(self.vectors.chunks_exact(DIMENSIONS))
    }
}

impl Retrieve {
    /// In how many chunks of the stores that `search` asks the words of `text` occur, among those
    /// that its filter lets through and the caller may read.
    ///
    /// # Errors
    /// `Unavailable` when an index cannot be asked.
    pub(crate) async fn frequencies(
        &self,
        scope: &Scope,
        search: &Request,
        text: &str,
    ) -> Result<Frequencies> {
        let mut found = Frequencies::default();
        if !search.attached.is_empty() {
            found.add(search.attached.frequencies(text));
        }
        for store in &search.stores {
            let asked = match self.records.asked_store(scope, store).await {
                Err(gone) if gone.kind() == Kind::NotFound => continue,
                asked => asked?,
            };
            let active = match search.generation {
                Some(generation) => self.in_build(scope, store, generation).await?,
                None => asked.active,
            };
            let filter = super::readable(scope, asked.has_lists, search.filter.clone());
            let (index, name) = (self.projection.index(), active.index_name);
            found.add(index.frequencies(&name, text, filter, HashSet::new()).await?);
        }
        Ok(found)
    }

    /// The tokens of each of `texts`.
    ///
    /// # Errors
    /// `Unavailable` when the embedding model's files are absent, `Internal` when the engine
    /// fails.
    pub(crate) async fn tokens(&self, texts: Vec<String>) -> Result<Vec<Tokens>> {
        let embedder: Arc<Embedder> = self.encoders.embedder();
        let (tokeniser, split) = (Arc::clone(&embedder), texts.clone());
        let offsets = tokio::task::spawn_blocking(move || {
            split.iter().map(|text| tokeniser.token_offsets(text)).collect::<Result<Vec<_>>>()
        })
        .await
        .or_internal("tokenising")??;
        let windows = embedder.token_vectors(texts, Priority::Interactive).await?.windows;
        let tokens = |(offsets, windows): (Vec<(usize, usize)>, Vec<Vec<f32>>)| Tokens {
            offsets,
            vectors: windows.concat(),
        };
        Ok(offsets.into_iter().zip(windows).map(tokens).collect())
    }
}
