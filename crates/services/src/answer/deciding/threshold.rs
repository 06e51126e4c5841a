//! The confidence below which stores are not answered from, and how sure a search is without an
//! answer: what a threshold is learned from.

use cairn_kernel::{Id, Result, Scope};

use super::confidence::Confidence;
use crate::answer::Answers;
use crate::rankings::StoreThreshold;
use crate::retrieve::Request;

impl Answers {
    /// The threshold of the stores: of several the strictest, so that none of them answers what
    /// it would refuse alone.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(crate) async fn threshold(&self, scope: &Scope, stores: &[Id]) -> Result<f32> {
        let mut strictest: Option<f32> = None;
        for store in stores {
            let row = self.records.store_threshold(scope, store).await?;
            let own = StoreThreshold::of(row)?.threshold;
            strictest = Some(strictest.map_or(own, |held| held.max(own)));
        }
        Ok(strictest.unwrap_or(Confidence::THRESHOLD))
    }

    /// How sure it is that the stores answer `question`; nothing is written.
    ///
    /// # Errors
    /// As [`crate::retrieve::Retrieve::search`].
    pub(crate) async fn confidence(
        &self,
        scope: &Scope,
        search: &Request,
        question: &str,
    ) -> Result<Confidence> {
        Ok(self.grounds(scope, search, question).await?.verdict.confidence)
    }
}
