//! How sure it must be that a store's documents answer a question.

use cairn_kernel::{Error, Id, Result, ResultExt, Role, Scope, Timestamp};
use cairn_store::records::ThresholdRow;
use serde::{Deserialize, Serialize};

use super::Rankings;
use crate::answer::Confidence;

/// How a threshold was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdChoice {
    /// Learned from questions with and without an answer.
    Learned,
    /// The program's own: nothing was learned, or what was learned is not surely better.
    Default,
    /// Somebody gave it.
    Given,
}

impl ThresholdChoice {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Learned => "learned",
            Self::Default => "default",
            Self::Given => "given",
        }
    }
}

/// How a learned threshold compares with the program's own, on questions that it was not learned
/// from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThresholdQuality {
    /// Questions that the documents answer.
    pub answerable: usize,
    /// Questions that they do not answer.
    pub unanswerable: usize,
    /// Refusal F1 of learned thresholds.
    pub learned: f64,
    /// Refusal F1 of the program's own.
    pub default: f64,
    /// Lower bound of the 95 % interval of the difference.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Share of the answerable questions that learned thresholds refuse.
    pub refused: f64,
    /// Share that the program's own refuses.
    pub refused_by_default: f64,
}

/// The threshold of a store, and how it came by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoreThreshold {
    /// Below this confidence the answer is that the documents do not say.
    pub threshold: f32,
    /// How it was chosen.
    pub choice: ThresholdChoice,
    /// How it compares; `None` where nothing was learned.
    pub quality: Option<ThresholdQuality>,
    /// When it was set; `None` for a store that has none of its own.
    pub set_at: Option<Timestamp>,
}

impl Default for StoreThreshold {
    fn default() -> Self {
        Self {
            threshold: Confidence::THRESHOLD,
            choice: ThresholdChoice::Default,
            quality: None,
            set_at: None,
        }
    }
}

impl StoreThreshold {
    /// What the records say, or the default.
    ///
    /// # Errors
    /// `Internal` when they cannot be read.
    pub(crate) fn of(row: Option<ThresholdRow>) -> Result<Self> {
        let Some(row) = row else { return Ok(Self::default()) };
        let reading = "reading a threshold";
        let quality = row.quality.as_deref().map(serde_json::from_str).transpose();
        let choice: ThresholdChoice = serde_json::from_str(&row.choice).or_internal(reading)?;
        #[expect(clippy::cast_possible_truncation, reason = "it was written from an f32")]
        let kept = row.threshold as f32;
        Ok(Self {
            // A store for which nothing better was found follows the program's own.
            threshold: if choice == ThresholdChoice::Default {
                Confidence::THRESHOLD
            } else {
                kept
            },
            choice,
            quality: quality.or_internal(reading)?,
            set_at: Some(row.created_at),
        })
    }
}

/// Fails for what cannot be a threshold.
fn check(threshold: f32) -> Result<()> {
    if (0.0..=1.0).contains(&threshold) {
        return Ok(());
    }
    let text = format!("threshold is {threshold}; it must be between 0 and 1");
    Err(Error::invalid(text).with_param("threshold"))
}

impl Rankings {
    /// The threshold of a store.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn threshold(&self, scope: &Scope, store: &Id) -> Result<StoreThreshold> {
        self.records.store(scope, store).await?;
        StoreThreshold::of(self.records.store_threshold(scope, store).await?)
    }

    /// Keeps a threshold that somebody gives.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` outside 0 to 1.
    pub async fn give_threshold(
        &self,
        scope: &Scope,
        store: &Id,
        threshold: f32,
    ) -> Result<StoreThreshold> {
        self.put_threshold(scope, store, (threshold, ThresholdChoice::Given, None)).await
    }

    /// Keeps what was learned: a threshold, or with [`ThresholdChoice::Default`] that nothing is
    /// surely better than the program's own.
    ///
    /// # Errors
    /// As [`Rankings::give_threshold`].
    pub(crate) async fn keep_threshold(
        &self,
        scope: &Scope,
        store: &Id,
        (threshold, choice, quality): (f32, ThresholdChoice, ThresholdQuality),
    ) -> Result<StoreThreshold> {
        self.put_threshold(scope, store, (threshold, choice, Some(quality))).await
    }

    async fn put_threshold(
        &self,
        scope: &Scope,
        store: &Id,
        (threshold, choice, quality): (f32, ThresholdChoice, Option<ThresholdQuality>),
    ) -> Result<StoreThreshold> {
        scope.require(Role::Editor)?;
        check(threshold)?;
        let writing = "writing a threshold";
        let quality = quality.map(|quality| serde_json::to_string(&quality)).transpose();
        let row = ThresholdRow {
            threshold: f64::from(threshold),
            choice: serde_json::to_string(&choice).or_internal(writing)?,
            quality: quality.or_internal(writing)?,
            created_at: self.records.clock().now(),
        };
        self.records.set_threshold(scope, store, &row).await?;
        tracing::info!(%store, threshold, ?choice, "threshold set");
        StoreThreshold::of(Some(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(threshold: f32, choice: ThresholdChoice) -> Result<ThresholdRow> {
        let quality = ThresholdQuality { answerable: 30, learned: 0.9, ..Default::default() };
        let writing = "writing";
        Ok(ThresholdRow {
            threshold: f64::from(threshold),
            choice: serde_json::to_string(&choice).or_internal(writing)?,
            quality: Some(serde_json::to_string(&quality).or_internal(writing)?),
            created_at: 5,
        })
    }

    #[test]
    fn what_is_kept_is_what_was_learned() -> Result<()> {
        let held = StoreThreshold::of(Some(row(0.41, ThresholdChoice::Learned)?))?;
        assert_eq!((held.threshold, held.choice), (0.41, ThresholdChoice::Learned));
        assert_eq!(held.quality.map(|quality| quality.answerable), Some(30));
        assert_eq!(held.set_at, Some(5));
        assert_eq!(StoreThreshold::of(None)?, StoreThreshold::default());
        Ok(())
    }

    #[test]
    fn a_store_without_a_better_one_follows_the_program() -> Result<()> {
        let held = StoreThreshold::of(Some(row(0.9, ThresholdChoice::Default)?))?;
        assert_eq!(held.threshold, Confidence::THRESHOLD);
        Ok(())
    }

    #[test]
    fn a_threshold_is_a_share() {
        assert!(check(0.0).is_ok() && check(1.0).is_ok());
        for wrong in [-0.1, 1.1, f32::NAN] {
            assert_eq!(check(wrong).unwrap_err().param(), Some("threshold"), "{wrong}");
        }
    }
}
