//! Re-indexing a vector store: with another embedding model, or cut in another way.
//!
//! A new generation of the index is built by a durable job while the old one answers ([`build`]).
//! At the end one transaction makes it the active one, and the old one goes. A kill anywhere
//! costs what was not committed; the job goes on from there.

mod build;
mod compare;

use cairn_kernel::{Error, Id, Result, ResultExt, Role, Scope};
use cairn_pipelines::Queue;
use cairn_search::Language;
use cairn_store::Records;
use cairn_store::records::{BuildProgress, GenerationRow, NewGeneration};
use serde::{Deserialize, Serialize};

pub use build::Build;
pub(crate) use build::Built;

use crate::chunking::{self, Strategy};
use crate::embedding::{EmbeddingModel, Encoders};
use crate::languages::Wanted;
use crate::projection::Projection;
use crate::stores::require_alive;

/// The job's kind.
pub const KIND: &str = "reindex";
/// Texts from which a store's language is told anew, and how much of each is looked at: so many
/// that no file speaks for all.
const SAMPLED: i64 = 48;
const SAMPLED_CHARACTERS: i64 = 200;
/// With the queue's waits between, what is needed may be away for some minutes. While that is the
/// embedding model, waiting is no attempt for a day.
const ATTEMPTS: i64 = 12;

/// What shall be different. What is absent stays; with nothing given, the store is cut and
/// embedded anew as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The embedding model, perhaps as `name@version`.
    pub embedding_model: Option<String>,
    /// How every file is cut, whatever it said when it was attached.
    pub chunking: Option<Strategy>,
    /// The language its words are counted in. When absent one that was named stays, and another
    /// is told anew from texts all over the store.
    pub language: Option<Wanted>,
    /// Whether every file's text is read from its bytes anew.
    pub reparse: bool,
}

/// Which generation is to be built.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    store: Id,
    generation: i64,
}

/// The generation that answers, and the newest re-index if there ever was one.
#[derive(Clone, Debug)]
pub struct State {
    /// The generation that answers.
    pub active: GenerationRow,
    /// The newest re-index.
    pub run: Option<Run>,
}

/// A re-index.
#[derive(Clone, Debug)]
pub struct Run {
    /// The generation it builds or built.
    pub generation: GenerationRow,
    /// How far it is, while it is being built.
    pub progress: Option<BuildProgress>,
    /// Seconds that it will still take, as far as that can be told from what it has done.
    pub seconds_left: Option<f64>,
}

/// Starts, shows and cancels re-indexes.
#[derive(Clone)]
pub struct Reindex {
    records: Records,
    queue: Queue,
    encoders: Encoders,
    projection: Projection,
}

impl Reindex {
    /// Re-indexes stores in `records` by jobs in `queue`.
    pub fn new(records: Records, queue: Queue, encoders: Encoders, projection: Projection) -> Self {
        Self { records, queue, encoders, projection }
    }

    /// Starts a re-index. The store answers as before until it is done.
    ///
    /// # Errors
    /// `NotFound` for the store or the model, `Conflict` while it is being re-indexed,
    /// `Forbidden` for viewers, `Invalid` for a model that is no encoder.
    pub async fn start(&self, scope: &Scope, store: &Id, wish: &Wish) -> Result<State> {
        scope.require(Role::Editor)?;
        require_alive(&self.records.store(scope, store).await?, self.records.clock().now())?;
        let new = planned(&self.records, &self.encoders, (scope, store), wish).await?;
        let mut tx = self.records.begin().await?;
        let generation = self.records.begin_generation(&mut tx, scope, store, &new).await?;
        let work = Work { store: store.clone(), generation };
        let payload = serde_json::to_string(&work).or_internal("writing a job")?;
        self.queue.enqueue(&mut tx, scope, KIND, &payload, ATTEMPTS).await?;
        tx.commit().await.or_internal("starting a re-index")?;
        self.queue.wake();
        tracing::info!(%store, generation, model = new.embedding_model, "re-index started");
        self.state(scope, store).await
    }

    /// The generation that answers, and how far the newest re-index is.
    ///
    /// # Errors
    /// `NotFound` for the store.
    pub async fn state(&self, scope: &Scope, store: &Id) -> Result<State> {
        let newest = self.records.newest_generation(scope, store).await?;
        let active = self.records.active_generation(scope, store).await?;
        if newest.generation == 1 {
            return Ok(State { active, run: None });
        }
        let mut run = Run { generation: newest, progress: None, seconds_left: None };
        if run.generation.is_building() {
            let number = run.generation.generation;
            let progress = self.records.build_progress(scope, store, number).await?;
            let now = self.records.clock().now();
            run.seconds_left = seconds_left(&run.generation, &progress, now);
            run.progress = Some(progress);
        }
        Ok(State { active, run: Some(run) })
    }

    /// Cancels the re-index under way; what it has built goes.
    ///
    /// # Errors
    /// `NotFound` for the store, and when nothing is under way; `Forbidden` for viewers.
    pub async fn cancel(&self, scope: &Scope, store: &Id) -> Result<State> {
        scope.require(Role::Editor)?;
        self.records.store(scope, store).await?;
        let mut tx = self.records.begin().await?;
        if !self.records.end_build(&mut tx, scope, store, "cancelled", None).await? {
            return Err(Error::not_found(format!(
                "a re-index under way of vector store '{store}'"
            )));
        }
        tx.commit().await.or_internal("cancelling a re-index")?;
        tracing::info!(%store, "re-index cancelled");
        self.projection.wake();
        self.state(scope, store).await
    }
}

/// The generation that a wish comes to, beside the one that answers.
///
/// # Errors
/// `NotFound` for the store or the model, `Invalid` for a model that is no encoder.
pub(crate) async fn planned(
    records: &Records,
    encoders: &Encoders,
    (scope, store): (&Scope, &Id),
    wish: &Wish,
) -> Result<NewGeneration> {
    let active = records.active_generation(scope, store).await?;
    let (model, dimensions) = match &wish.embedding_model {
        Some(name) => encoders.resolve(scope, name).await?,
        None => (EmbeddingModel::of(&active), active.dimensions),
    };
    let language = language(records, &active, wish.language).await?;
    Ok(NewGeneration {
        language: language.map(|language| language.0.code().to_owned()),
        language_named: language.is_some_and(|language| language.1),
        embedding_model: model.name,
        embedding_version: model.version,
        dimensions,
        recut: wish.chunking.is_some(),
        reparse: wish.reparse,
        chunking: match &wish.chunking {
            Some(strategy) => Some(chunking::text_of(strategy)?),
            None => active.chunking,
        },
    })
}

/// The language of a generation after `active`, and whether it is named; none where neither was
/// one nor the texts tell it.
async fn language(
    records: &Records,
    active: &GenerationRow,
    wanted: Option<Wanted>,
) -> Result<Option<(Language, bool)>> {
    let named = active.language.as_deref().filter(|_| active.language_named != 0);
    let named = match wanted {
        Some(wanted) => wanted.named(),
        None => named.and_then(Language::parse),
    };
    if let Some(named) = named {
        return Ok(Some((named, true)));
    }
    let texts = records.sample_texts(&active.index_name, SAMPLED, SAMPLED_CHARACTERS).await?;
    let told = Language::told(texts.iter().map(String::as_str));
    Ok(told.language.map(|language| (language, false)))
}

/// What the rest takes at the pace since the build was last taken up.
#[expect(clippy::cast_precision_loss, reason = "an estimate of seconds")]
fn seconds_left(generation: &GenerationRow, progress: &BuildProgress, now: i64) -> Option<f64> {
    let done = progress.bytes_done - generation.bytes_at_start;
    let spent_ms = now - generation.started_at?;
    (done > 0).then(|| {
        let left = (progress.bytes - progress.bytes_done).max(0);
        spent_ms as f64 / 1000.0 * left as f64 / done as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_of_the_pace_since_it_was_taken_up() {
        let generation = GenerationRow {
            store_id: "vs_1".to_owned(),
            generation: 2,
            index_name: "vs_1-g2".to_owned(),
            embedding_model: "m".to_owned(),
            embedding_version: None,
            dimensions: None,
            chunking: None,
            language: None,
            language_named: 0,
            recut: 0,
            reparse: 0,
            state: "building".to_owned(),
            error: None,
            report: None,
            created_at: 0,
            started_at: Some(10_000),
            bytes_at_start: 400,
            finished_at: None,
            waiting: None,
            retry_at: None,
        };
        let progress = BuildProgress { files: 9, files_done: 5, bytes: 1000, bytes_done: 600 };
        assert_eq!(seconds_left(&generation, &progress, 14_000), Some(8.0));
        let none = BuildProgress { bytes_done: 400, ..progress };
        assert_eq!(seconds_left(&generation, &none, 14_000), None);
        let waiting = GenerationRow { started_at: None, ..generation };
        assert_eq!(seconds_left(&waiting, &progress, 14_000), None);
    }
}
