//! What a run does: which configurations answer the questions, and whether it learns from them.

use std::collections::HashSet;

use cairn_kernel::{Error, Result};
pub use cairn_search::Ranking;
use serde::{Deserialize, Serialize};

use crate::chunking::Strategy;
use crate::llms::ALIAS;

/// Most configurations of one run.
const CONFIGURATIONS_MAX: usize = 16;
/// Longest name of a configuration, in characters.
const NAME_MAX: usize = 64;
/// Passages that a search returns, as everywhere.
const LIMITS: std::ops::RangeInclusive<usize> = 1..=50;

/// A way to answer questions, to be measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// What it is called; runs are compared by it.
    pub name: String,
    /// Share of the dense leg, 0 to 1. Without it and `ranking`, the store's own ranking.
    pub dense_weight: Option<f32>,
    /// All shares of the ranking.
    pub ranking: Option<Ranking>,
    /// A reranking model that orders the best 50 passages anew.
    pub reranker: Option<String>,
    /// Passages returned, 1 to 50.
    pub limit: usize,
    /// Whether the question's content words are searched for beside it.
    pub rewrite: bool,
    /// Whether the questions are answered as well, or only searched for.
    pub answers: bool,
    /// The model that answers.
    pub model: String,
    /// How all files are cut, if otherwise than in the store: they are cut and embedded anew
    /// beside it for the time of the measurement.
    #[serde(default)]
    pub chunking: Option<Strategy>,
    /// The embedding model, if another than the store's; likewise.
    #[serde(default)]
    pub embedding_model: Option<String>,
}

impl Configuration {
    /// Whether an index of its own is built for it.
    pub fn is_trial(&self) -> bool {
        self.chunking.is_some() || self.embedding_model.is_some()
    }
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            dense_weight: None,
            ranking: None,
            reranker: None,
            limit: 10,
            rewrite: false,
            answers: false,
            model: ALIAS.to_owned(),
            chunking: None,
            embedding_model: None,
        }
    }
}

/// What a run does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is compared; the others with the first.
    pub configurations: Vec<Configuration>,
    /// Whether the store's ranking and threshold are learned from the questions, and the store is
    /// changed to how a configuration cuts or embeds it; each under its rule against harm.
    pub tune: bool,
    /// Whether a reranker's share is learned too, which takes its reading of every candidate.
    pub tune_reranker: bool,
    /// Seed of the intervals.
    pub seed: u64,
}

impl Plan {
    /// The plan, if it can be carried out.
    ///
    /// # Errors
    /// `Invalid` naming the configuration and the field at fault.
    pub fn checked(self) -> Result<Self> {
        let count = self.configurations.len();
        if count == 0 || count > CONFIGURATIONS_MAX {
            return Err(Error::invalid(format!(
                "configurations has {count} entries; send between 1 and {CONFIGURATIONS_MAX}"
            ))
            .with_param("configurations"));
        }
        let mut names = HashSet::new();
        for (number, configuration) in self.configurations.iter().enumerate() {
            configuration.check(number)?;
            if !names.insert(configuration.name.as_str()) {
                return Err(fault(
                    number,
                    "name",
                    format!("'{}' is the name of two configurations", configuration.name),
                ));
            }
        }
        self.check_trials()?;
        if self.tune_reranker && !self.tune {
            let text = "tune_reranker is part of tuning; send tune with it";
            return Err(Error::invalid(text).with_param("tune_reranker"));
        }
        Ok(self)
    }

    /// The first configuration is the store as it is, which the others are compared with. What a
    /// store is changed to must differ from it in nothing else, and there is one index to keep.
    fn check_trials(&self) -> Result<()> {
        let Some(first) = self.configurations.first() else { return Ok(()) };
        let mut tried = 0;
        for (number, configuration) in self.configurations.iter().enumerate() {
            if !configuration.is_trial() {
                continue;
            }
            tried += 1;
            let text = if number == 0 {
                "the others are compared with the first configuration, so it must be the store as it \
                 is; put one without chunking and embedding_model in front"
            } else if self.tune && tried > 1 {
                "tune keeps one other way of cutting or embedding at most; compare several without \
                 tune, then tune with the best"
            } else if self.tune && !configuration.differs_in_the_index_only(first) {
                "with tune it may differ from the first configuration in name, chunking and \
                 embedding_model only, so that it is known what made the difference"
            } else {
                continue;
            };
            return Err(fault(number, configuration.trial_field(), text.to_owned()));
        }
        Ok(())
    }

    /// The configuration that the store may be changed to.
    pub(super) fn tried(&self) -> Option<(usize, &Configuration)> {
        let mut all = self.configurations.iter().enumerate();
        all.find(|(_, configuration)| self.tune && configuration.is_trial())
    }
}

fn fault(number: usize, field: &str, message: String) -> Error {
    Error::invalid(message).with_param(format!("configurations[{number}].{field}"))
}

impl Configuration {
    fn differs_in_the_index_only(&self, first: &Self) -> bool {
        let Self { name, chunking, embedding_model, .. } = first.clone();
        Self { name, chunking, embedding_model, ..self.clone() } == *first
    }

    fn trial_field(&self) -> &'static str {
        if self.chunking.is_some() { "chunking" } else { "embedding_model" }
    }

    fn check(&self, number: usize) -> Result<()> {
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > NAME_MAX {
            let text = format!("a configuration needs a name of up to {NAME_MAX} characters");
            return Err(fault(number, "name", text));
        }
        if !LIMITS.contains(&self.limit) {
            let text = format!("limit is {}; it must be between 1 and 50", self.limit);
            return Err(fault(number, "limit", text));
        }
        if self.dense_weight.is_some() && self.ranking.is_some() {
            let text = "dense_weight is part of the ranking; send one of them".to_owned();
            return Err(fault(number, "dense_weight", text));
        }
        let ranking = self.ranking.unwrap_or_default();
        let shares = [
            ("dense_weight", self.dense_weight.unwrap_or(0.0)),
            ("ranking.dense_weight", ranking.dense_weight),
            ("ranking.spread", ranking.spread),
            ("ranking.late", ranking.late),
        ];
        for (field, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                let text = format!("{field} is {share}; it must be between 0 and 1");
                return Err(fault(number, field, text));
            }
        }
        if self.reranker.is_some() && self.answers {
            let text =
                "answers are written from the search itself, which has no reranker by name; \
                        leave out reranker, or measure it in a configuration without answers, or \
                        give ranking.late a share"
                    .to_owned();
            return Err(fault(number, "reranker", text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(configurations: Vec<Configuration>) -> Result<Plan> {
        Plan { configurations, tune: false, tune_reranker: false, seed: 0 }.checked()
    }

    #[test]
    fn what_cannot_be_measured_is_refused_by_name() {
        let base = Configuration::default;
        let late = Ranking { late: 1.5, ..Ranking::default() };
        for (wrong, field) in [
            (Configuration { name: " ".into(), ..base() }, "name"),
            (Configuration { name: "x".repeat(65), ..base() }, "name"),
            (Configuration { limit: 51, ..base() }, "limit"),
            (Configuration { limit: 0, ..base() }, "limit"),
            (Configuration { dense_weight: Some(1.1), ..base() }, "dense_weight"),
            (Configuration { dense_weight: Some(f32::NAN), ..base() }, "dense_weight"),
            (Configuration { ranking: Some(late), ..base() }, "ranking.late"),
            (
                Configuration {
                    dense_weight: Some(0.5),
                    ranking: Some(Ranking::default()),
                    ..base()
                },
                "dense_weight",
            ),
            (Configuration { reranker: Some("m".into()), answers: true, ..base() }, "reranker"),
        ] {
            let refused = plan(vec![wrong]).unwrap_err();
            assert_eq!(refused.param(), Some(format!("configurations[0].{field}").as_str()));
        }
        assert!(plan(vec![base(), base()]).is_err(), "two of one name");
        assert!(plan(Vec::new()).is_err());
        let other = Configuration { name: "words".into(), dense_weight: Some(0.0), ..base() };
        assert!(plan(vec![base(), other]).is_ok());
    }

    #[test]
    fn a_store_is_tried_otherwise_beside_itself() {
        let base = Configuration::default;
        let cut = |name: &str| Configuration {
            name: name.to_owned(),
            chunking: Some(Strategy::Structure { max_tokens: 300, heading_context: true }),
            ..base()
        };
        let of = |configurations: Vec<Configuration>, tune: bool| {
            Plan { configurations, tune, tune_reranker: false, seed: 0 }.checked()
        };
        assert!(of(vec![base(), cut("a"), cut("b")], false).is_ok());
        let one = of(vec![base(), cut("a")], true).unwrap();
        assert_eq!(
            one.tried().map(|(number, tried)| (number, tried.name.as_str())),
            Some((1, "a"))
        );
        assert_eq!(of(vec![base(), cut("a")], false).unwrap().tried(), None);
        let embedded = Configuration {
            name: "e".into(),
            embedding_model: Some("m".into()),
            limit: 5,
            ..base()
        };
        for (wrong, tune, field) in [
            (vec![cut("a")], false, "configurations[0].chunking"),
            (vec![base(), cut("a"), cut("b")], true, "configurations[2].chunking"),
            (vec![base(), embedded], true, "configurations[1].embedding_model"),
        ] {
            assert_eq!(of(wrong, tune).unwrap_err().param(), Some(field));
        }
        let late = Plan { configurations: vec![base()], tune: false, tune_reranker: true, seed: 0 };
        assert_eq!(late.checked().unwrap_err().param(), Some("tune_reranker"));
    }

    #[test]
    fn a_plan_of_an_older_version_is_read() {
        let held = r#"{"name": "a", "dense_weight": null, "ranking": null, "reranker": null,
            "limit": 10, "rewrite": false, "answers": false, "model": "m"}"#;
        let read: Configuration = serde_json::from_str(held).unwrap();
        assert!(!read.is_trial());
    }
}
