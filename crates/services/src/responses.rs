//! Stored answers.

use cairn_kernel::{Id, Result, ResultExt, Scope};
use cairn_store::Records;
use cairn_store::records::{Append, Keeping, ResponseRow};
use serde_json::{Value, json};

/// Keeps answers for later turns. A delete scrubs them of what rested on the file.
#[derive(Clone, Debug)]
pub struct Responses {
    records: Records,
}

impl Responses {
    /// Answers in `records`.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Keeps an answer that rests on the files `sources`, and adds it to its conversation.
    ///
    /// # Errors
    /// `Conflict` when one of the files was deleted while the answer was made, or the
    /// answer was; `NotFound` when its conversation is gone: then nothing is kept.
    pub async fn keep(
        &self,
        scope: &Scope,
        keeping: Keeping<'_>,
        sources: &[String],
        append: Option<&Append>,
    ) -> Result<()> {
        self.records.keep_response(scope, keeping, sources, append).await
    }

    /// Notes how an answer under way goes on or ended. Says whether it still was under way.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn update(&self, scope: &Scope, id: &Id, status: &str, body: &str) -> Result<bool> {
        self.records.update_response(scope, id, status, body).await
    }

    /// A kept answer whose sources the caller may read.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<ResponseRow> {
        self.records.response(scope, id).await
    }

    /// The files that a kept answer rests on, those of earlier turns included.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn sources(&self, scope: &Scope, id: &Id) -> Result<Vec<String>> {
        self.records.response_sources(scope, id).await
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
