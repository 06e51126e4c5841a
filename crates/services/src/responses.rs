//! Responses: how they are made, and those that are kept, which belong to who asked, as
//! conversations do ([`crate::conversations`]).

mod attached;
mod beat;
mod condense;
mod deciding;
mod heard;
mod inquiry;
mod making;
mod named;

use cairn_kernel::{Error, Id, Result, ResultExt, Scope};
use cairn_store::Records;
use cairn_store::records::{Append, Keeping, Origin, ResponseRow};
use serde_json::{Value, json};

use crate::answer::{Answers, Provenance};
use crate::chat::Inference;

pub use attached::{AskedFile, FileReader};
pub use beat::{Beat, Ended, Outcome, Written};
pub use condense::condense;
pub use inquiry::{Functions, Inquiry, SEARCH};
pub use making::{Beats, cut_short};
pub use named::{NamedStore, names_store};

/// Makes answers, and keeps them for later turns. A delete scrubs them of what rested on the file.
#[derive(Clone)]
pub struct Responses {
    records: Records,
    answers: Answers,
    inference: Inference,
    files: FileReader,
}

impl Responses {
    /// Answers in `records`, made over documents by `answers` and by the models of `inference`;
    /// files that stand in a question are read by `files`.
    pub fn new(
        records: Records,
        answers: Answers,
        inference: Inference,
        files: FileReader,
    ) -> Self {
        Self { records, answers, inference, files }
    }

    /// Keeps an answer that rests on `sources`, with how it came about, and adds it to its
    /// conversation.
    ///
    /// # Errors
    /// `Conflict` when one of the files, or the store it was found through, was deleted while
    /// the answer was made, or the answer was; `NotFound` when its conversation is gone: then
    /// nothing is kept.
    pub async fn keep(
        &self,
        scope: &Scope,
        keeping: Keeping<'_>,
        sources: &[Origin],
        append: Option<&Append>,
        provenance: Option<&Provenance>,
    ) -> Result<()> {
        let written = provenance.map(serde_json::to_string).transpose();
        let written = written.or_internal("writing a response's provenance")?;
        let records = &self.records;
        records.keep_response_with(scope, keeping, sources, append, written.as_deref()).await
    }

    /// How a kept answer came about, a JSON object of the form of [`Provenance`].
    ///
    /// # Errors
    /// `NotFound` when there is no such answer for this caller, or it ended before anything
    /// was put to work.
    pub async fn provenance(&self, scope: &Scope, id: &Id) -> Result<Value> {
        let missing = || Error::not_found(format!("the provenance of response '{id}'"));
        self.records.response(scope, id).await?;
        let kept = self.records.provenance(scope, id).await?.ok_or_else(missing)?;
        serde_json::from_str(&kept).or_internal("reading a response's provenance")
    }

    /// Notes how an answer under way goes on or ended. Says whether it still was under way.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn update(&self, scope: &Scope, id: &Id, status: &str, body: &str) -> Result<bool> {
        self.records.update_response(scope, id, status, body).await
    }

    /// A kept answer of the caller's whose sources the caller may read.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<ResponseRow> {
        self.records.response(scope, id).await
    }

    /// What a kept answer rests on, that of earlier turns included.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn sources(&self, scope: &Scope, id: &Id) -> Result<Vec<Origin>> {
        self.records.response_sources(scope, id).await
    }

    /// Fails when something that is quoted is gone.
    ///
    /// # Errors
    /// `Conflict` naming what was deleted.
    pub async fn require(&self, scope: &Scope, sources: &[Origin]) -> Result<()> {
        self.records.require_origins(scope, sources).await
    }

    /// A number that changes with every delete of a file or a vector store, or `None` while
    /// one is under way: what [`Responses::require`] found holds until it is another.
    pub fn deletes(&self) -> Option<u64> {
        self.records.deletes()
    }

    /// Those of the given ids that are files of the tenant.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn files_among(&self, scope: &Scope, ids: &[String]) -> Result<Vec<String>> {
        self.records.files_among(scope, ids).await
    }

    /// Deletes a kept answer.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, scope: &Scope, id: &Id) -> Result<()> {
        self.records.delete_response(scope, id).await
    }

    /// Ends the answers that a process which is gone left under way. Returns how many.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(crate) async fn recover(&self) -> Result<usize> {
        let interrupted = self.records.interrupted_responses().await?;
        for row in &interrupted {
            let mut body: Value =
                serde_json::from_str(&row.body).or_internal("reading a kept response")?;
            body["status"] = json!("failed");
            body["error"] = json!({
                "code": "server_error",
                "message": "the server stopped while this was answered; ask again",
            });
            self.records.end_interrupted(&row.id, &body.to_string()).await?;
        }
        Ok(interrupted.len())
    }
}
