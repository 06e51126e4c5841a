//! The confidence below which stores are not answered from, and how sure a search is without an
//! answer: what a threshold is learned from.

use cairn_kernel::{Id, Result, Scope};

use super::confidence::Confidence;
use super::reading::Reading;
use super::{Answers, SHOWN, Search, prompt};
use crate::rankings::StoreThreshold;
use crate::retrieve::Request;

impl Answers {
    /// The threshold of the stores: of several the strictest, so that none of them answers what
    /// it would refuse alone.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(super) async fn threshold(&self, scope: &Scope, stores: &[Id]) -> Result<f32> {
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
        let Search { analyzer, about, found, .. } = self.search(scope, search, question).await?;
        let shown = prompt::distinct(&found, SHOWN);
        let asked = (about.text.as_str(), &about.subject);
        let reading = Reading::of(&self.retrieve, &analyzer, asked.0, asked.1, &shown).await?;
        let threshold = self.threshold(scope, &search.stores).await?;
        let sure = Confidence::of(&analyzer, asked, &found, &reading, about.chunks);
        Ok(Confidence { threshold, ..sure })
    }
}
