//! Stored answers.

use cairn_kernel::{Error, Id, Kind, Result, Scope};
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

    /// Keeps an answer that rests on the files `sources`.
    ///
    /// # Errors
    /// `Conflict` when one of them was deleted while the answer was made: then nothing
    /// is kept. `Internal` when the records refuse.
    pub async fn keep(&self, scope: &Scope, row: &ResponseRow, sources: &[String]) -> Result<()> {
        self.records.insert_response(scope, row, sources).await?;
        // A file deleted from here on takes the answer with it; one that went before did not.
        for file in sources {
            match self.records.file(scope, &Id::from_raw(file.as_str())).await {
                Err(gone) if gone.kind() == Kind::NotFound => {
                    let _ =
                        self.records.delete_response(scope, &Id::from_raw(row.id.as_str())).await;
                    return Err(Error::new(
                        Kind::Conflict,
                        format!("file '{file}' was deleted while it was quoted; ask again"),
                    ));
                }
                found => found.map(|_| ())?,
            }
        }
        Ok(())
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
