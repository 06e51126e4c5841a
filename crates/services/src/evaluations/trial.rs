//! Configurations that cut or embed a store otherwise.
//!
//! Their index is built beside the one that answers, as a re-index builds it, and asked there.
//! Nothing else sees it. It is dropped when it was measured, or becomes the one that answers if
//! the run is to change the store and the rule against harm lets it. A run that is taken up
//! again finds what it began; one that ends otherwise, in whatever way, drops it.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use cairn_store::records::{Flip, GenerationRow};

use super::plan::Configuration;
use crate::reindex::{self, Build, Built, Wish};

/// The trials of one run.
pub(super) struct Trials<'a> {
    pub(super) build: &'a Build,
    pub(super) scope: &'a Scope,
    pub(super) store: &'a Id,
    pub(super) evaluation: &'a Id,
}

impl Trials<'_> {
    async fn find(&self, number: usize) -> Result<Option<GenerationRow>> {
        let of = (self.evaluation, place(number));
        self.build.records.find_trial(self.scope, self.store, of).await
    }

    /// The generation that is built for a configuration, begun if there is none.
    ///
    /// # Errors
    /// `Unprocessable` when the store is being re-indexed, or the trial was cancelled; `NotFound`
    /// or `Invalid` for the embedding model.
    pub(super) async fn begun(
        &self,
        number: usize,
        configuration: &Configuration,
    ) -> Result<GenerationRow> {
        let generation = match self.find(number).await? {
            Some(row) => row.generation,
            None => self.begin(number, configuration).await?,
        };
        let taken_up = self.build.take_up(self.scope, self.store, generation).await?;
        taken_up.ok_or_else(|| ended(configuration))
    }

    async fn begin(&self, number: usize, configuration: &Configuration) -> Result<i64> {
        let Build { records, encoders, .. } = self.build;
        let wish = Wish {
            embedding_model: configuration.embedding_model.clone(),
            chunking: configuration.chunking,
            language: None,
            reparse: false,
        };
        let new = reindex::planned(records, encoders, (self.scope, self.store), &wish).await?;
        let of = (self.evaluation, place(number));
        let begun = records.begin_trial(self.scope, self.store, &new, of).await;
        begun.map_err(|error| match error.kind() {
            // A job takes that word for a lost lease.
            Kind::Conflict => Error::new(Kind::Unprocessable, error.message().to_owned()),
            _ => error,
        })
    }

    /// Builds some of the files; says whether the generation can be asked now.
    ///
    /// # Errors
    /// `Unprocessable` when it was cancelled, and what keeps a file from being built.
    pub(super) async fn go_on(
        &self,
        configuration: &Configuration,
        row: &GenerationRow,
    ) -> Result<bool> {
        match self.build.some_files(self.scope, row).await? {
            Built::Some => Ok(false),
            Built::Ended => Err(ended(configuration)),
            Built::All => {
                self.build.complete(row).await?;
                Ok(true)
            }
        }
    }

    /// Drops what was built for a configuration, if it is still there.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(super) async fn drop(&self, number: usize, reason: &str) -> Result<()> {
        let found = self.find(number).await?;
        if !found.is_some_and(|row| row.is_building()) {
            return Ok(());
        }
        let reason = format!("it was tried by the evaluation '{}': {reason}", self.evaluation);
        let mut tx = self.build.records.begin().await?;
        self.build.records.end_trial(&mut tx, self.scope, self.evaluation, &reason).await?;
        tx.commit().await.or_internal("dropping a trial")?;
        self.build.projection.wake();
        Ok(())
    }

    /// Lets the store answer from what was built for a configuration. False when it was cancelled
    /// meanwhile.
    ///
    /// # Errors
    /// `Internal` when the records or the index refuse.
    pub(super) async fn keep(&self, number: usize) -> Result<bool> {
        let Some(row) = self.find(number).await? else { return Ok(false) };
        if !row.is_building() {
            // The run was broken off behind the change; it may have been changed again since.
            return Ok(matches!(row.state.as_str(), "active" | "retired"));
        }
        loop {
            match self.build.flip(None, self.scope, &row).await? {
                Flip::Done => return Ok(true),
                Flip::Ended => return Ok(false),
                // Files that came meanwhile.
                Flip::Behind => {
                    while self.build.some_files(self.scope, &row).await? == Built::Some {}
                }
            }
        }
    }
}

fn place(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ended(configuration: &Configuration) -> Error {
    Error::new(
        Kind::Unprocessable,
        format!(
            "the index that was built to try '{}' was cancelled; start the evaluation again",
            configuration.name
        ),
    )
}
