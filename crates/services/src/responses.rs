//! Stored answers.

use cairn_kernel::{Id, Result, Scope};
use cairn_store::Records;
use cairn_store::records::ResponseRow;

/// Keeps answers for later turns; they go with the files they quote.
#[derive(Clone, Debug)]
pub struct Responses {
    records: Records,
}

impl Responses {
    /// Answers in `records`.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn keep(&self, scope: &Scope, row: &ResponseRow, sources: &[String]) -> Result<()> {
        self.records.insert_response(scope, row, sources).await
    }

    /// A kept answer.
    ///
    /// # Errors
    /// `NotFound`, also after a file it quoted was deleted.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<ResponseRow> {
        self.records.response(scope, id).await
    }

    /// Deletes a kept answer.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, scope: &Scope, id: &Id) -> Result<()> {
        self.records.delete_response(scope, id).await
    }
}
