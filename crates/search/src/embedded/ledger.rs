//! What a store remembers beside the engine's own files.
//!
//! It is written when the store is created, flushed and closed. A store without it
//! was never completely created, so nothing in it was ever acknowledged.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::store::Making;
use crate::analysis::{Analysis, OLDEST_RULES, RULES};
use crate::{Language, bm25};

/// File name in the store's directory.
pub(super) const LEDGER: &str = "cairn.json";
/// The layout of the store, and what its points say of their files: since 3, when these
/// were made.
const FORMAT: u32 = 3;

/// What tells whether the rest of a ledger can be read.
#[derive(Deserialize)]
struct Made {
    format: u32,
    /// Format 1 knew one analysis only.
    #[serde(default)]
    rules: u32,
}

/// Sizes, lengths and fields of one store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ledger {
    pub(super) format: u32,
    /// The rules its texts were analysed by; see [`RULES`].
    pub(super) rules: u32,
    /// The language its texts are analysed in.
    pub(super) language: Language,
    /// Whether that was told from too few texts to stay.
    #[serde(default)]
    pub(super) guessed: bool,
    pub(super) dimensions: usize,
    /// Points when this was written.
    pub(super) points: u64,
    /// Documents ever indexed (again counts again) and their terms: the mean length.
    documents: u64,
    terms: u64,
    /// The lowest and highest mean that some point's terms were weighed with.
    means: Option<(f32, f32)>,
    /// Payload fields that have an index.
    pub(super) fields: BTreeSet<String>,
    /// Points written since the last rebuild.
    pub(super) since_rebuild: u64,
}

impl Ledger {
    pub(super) fn new(making: Making) -> Self {
        let Making { language, guessed, dimensions } = making;
        Self {
            format: FORMAT,
            rules: RULES,
            language,
            guessed,
            dimensions,
            points: 0,
            documents: 0,
            terms: 0,
            means: None,
            fields: [super::fields::FILE, super::fields::PRINCIPALS].map(str::to_owned).into(),
            since_rebuild: 0,
        }
    }

    /// Reads the ledger of the store at `path`; `None` when there is no such store.
    pub(super) fn load(path: &Path) -> std::io::Result<Option<Self>> {
        let bytes = match fs::read(path.join(LEDGER)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let made: Made = serde_json::from_slice(&bytes)?;
        if made.format == FORMAT && (OLDEST_RULES..=RULES).contains(&made.rules) {
            return serde_json::from_slice(&bytes).map(Some).map_err(Into::into);
        }
        Err(std::io::Error::other(format!(
            "it has format {} and was analysed by rules {}; this program writes {FORMAT} and {RULES}",
            made.format, made.rules
        )))
    }

    /// How the store's texts become terms.
    pub(super) fn analysis(&self) -> Analysis {
        Analysis::by_rules(self.language, self.rules)
    }

    /// Replaces the ledger of the store at `path`, all or nothing.
    pub(super) fn save(&self, path: &Path) -> std::io::Result<()> {
        let fresh = path.join("cairn.json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&fresh, path.join(LEDGER))?;
        File::open(path)?.sync_all()
    }

    /// Takes in documents of these lengths, and gives the mean to weigh them with.
    pub(super) fn admit(&mut self, lengths: &[u32]) -> f32 {
        self.documents += lengths.len() as u64;
        self.terms += lengths.iter().copied().map(u64::from).sum::<u64>();
        self.since_rebuild += lengths.len() as u64;
        let mean = self.mean();
        let (low, high) = self.means.unwrap_or((mean, mean));
        self.means = Some((low.min(mean), high.max(mean)));
        mean
    }

    /// Documents ever indexed.
    pub(super) fn written(&self) -> u64 {
        self.documents
    }

    /// The mean length of what was indexed so far, at least 1.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more than f32")]
    pub(super) fn mean(&self) -> f32 {
        (self.terms as f32 / self.documents.max(1) as f32).max(1.0)
    }

    /// Whether some points were weighed with too different a mean.
    pub(super) fn drifted(&self) -> bool {
        let mean = self.mean();
        self.means.is_some_and(|(low, high)| {
            bm25::apart(low, mean, bm25::DRIFT) || bm25::apart(high, mean, bm25::DRIFT)
        })
    }

    /// Notes that every point is weighed with a mean close to the present one.
    pub(super) fn settle(&mut self) {
        let mean = self.mean();
        self.means = Some((mean * (1.0 - bm25::SETTLED), mean * (1.0 + bm25::SETTLED)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn making(language: Language) -> Making {
        Making { language, guessed: false, dimensions: 3 }
    }

    #[test]
    fn the_mean_follows_the_documents_and_drift_is_seen() {
        let mut ledger = Ledger::new(making(Language::English));
        assert_eq!(ledger.admit(&[10, 10]), 10.0);
        assert!(!ledger.drifted());
        assert_eq!(ledger.admit(&[40, 40]), 25.0);
        assert!(ledger.drifted());
        ledger.settle();
        assert!(!ledger.drifted());
    }

    #[test]
    fn a_ledger_survives_a_restart_and_a_foreign_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Ledger::load(folder.path()).unwrap(), None);
        let mut ledger = Ledger::new(making(Language::German));
        ledger.admit(&[7]);
        ledger.save(folder.path()).unwrap();
        assert_eq!(Ledger::load(folder.path()).unwrap(), Some(ledger.clone()));
        ledger.rules = OLDEST_RULES;
        ledger.save(folder.path()).unwrap();
        let old = Ledger::load(folder.path()).unwrap().map(|ledger| ledger.analysis());
        assert_eq!(old, Some(Analysis::by_rules(Language::German, OLDEST_RULES)));
        ledger.rules = RULES + 1;
        ledger.save(folder.path()).unwrap();
        assert!(Ledger::load(folder.path()).is_err());
        fs::write(folder.path().join(LEDGER), br#"{"format": 1, "dimensions": 3}"#).unwrap();
        let error = Ledger::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("format 1 and was analysed by rules 0"), "{error}");
    }
}
