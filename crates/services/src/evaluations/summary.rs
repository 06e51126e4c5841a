//! The report of a run: figures with intervals, differences, and whether it became worse.

use std::collections::{BTreeMap, HashMap};

use cairn_search::{Choice, Learned, Quality, Ranking};
use serde::{Deserialize, Serialize};

use super::bootstrap::{Draws, randomisation_test};
use super::judge::LostJudgement;
use super::metrics::{Refusals, quantile};
use super::outcome::{FIGURES, Outcome, REFUSAL_F1, REFUSAL_PRECISION, REFUSAL_RECALL, WATCHED};
use super::plan::Configuration;
use crate::rankings::ThresholdQuality;

/// Samples drawn for an interval.
pub const RESAMPLES: usize = 1000;
/// How much a watched figure must fall, where chance is not ruled out, for a run to be worse.
pub const TOLERANCE: f64 = 0.05;
/// Sign choices tried for a p-value.
const FLIPS: u32 = 2000;

/// What a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was asked.
    pub questions: Asked,
    /// Seed of the intervals.
    pub seed: u64,
    /// Samples drawn for them.
    pub resamples: usize,
    /// What each configuration came to, in the order of the plan.
    pub configurations: Vec<ConfigurationReport>,
    /// What was learned, where that was asked for.
    pub tuning: Option<Tuning>,
    /// What became of the configuration that cuts or embeds the store anew, where the store was to
    /// be changed to it.
    pub change: Option<StoreChange>,
    /// The comparison with the run before, where there is one.
    pub regression: Option<Regression>,
    /// Judgements whose words the documents do not have any more, up to 100 of them.
    #[serde(default)]
    pub lost: Vec<LostJudgement>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// Which questions were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// All of them.
    pub total: usize,
    /// Those that the documents answer.
    pub answerable: usize,
    /// Those that they do not.
    pub unanswerable: usize,
    /// Those left out, since none of the files they name is in the store.
    pub unjudged: usize,
    /// Those left out, since the documents do not have the words any more that a judgement of
    /// theirs points at.
    #[serde(default)]
    pub lost: usize,
    /// How many are from whom: `user`, `extractive`, `model`.
    pub origins: BTreeMap<String, usize>,
}

/// What a configuration came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub settings: Configuration,
    /// Its figures by name; those without a value on any question are absent.
    pub figures: BTreeMap<String, Estimate>,
    /// Milliseconds of a search, with the embedding of the question and a reranker.
    pub search_ms: Option<Spread>,
    /// What its answers took, where it gave any.
    pub answers: Option<AnswerCost>,
    /// Its differences to the first configuration by figure; `None` for the first.
    pub differences: Option<BTreeMap<String, Difference>>,
}

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// From so many questions.
    pub questions: usize,
}

/// A difference on the same questions with its 95 % interval; above 0 is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The difference.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// How probable one as large is by chance; not for refusals, which are no mean.
    pub p_value: Option<f64>,
    /// From so many questions.
    pub questions: usize,
}

/// How a measurement is spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of the values are below it.
    pub p50: f64,
    /// 99 % of the values are below it.
    pub p99: f64,
    /// Mean.
    pub mean: f64,
}

/// What answers took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerCost {
    /// Questions put.
    pub asked: usize,
    /// Refused ones among them.
    pub refused: usize,
    /// Those written by a language model.
    pub generative: usize,
    /// Seconds of search and writing.
    pub seconds: Spread,
    /// Tokens read for an answer, in the mean.
    pub input_tokens: f64,
    /// Tokens written for an answer, in the mean.
    pub output_tokens: f64,
    /// What all of them cost together, in the currency of the configured prices. `None` when some
    /// were written by a model without a price.
    #[serde(default)]
    pub cost: Option<f64>,
    /// How many were.
    #[serde(default)]
    pub unpriced: usize,
    /// Seconds that this machine spent on those that it made itself, which cost 0.
    #[serde(default)]
    pub compute_seconds: f64,
}

/// What was learned from the questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// Whether the store searches by it now.
    pub applied: bool,
    /// Why nothing was learned.
    pub refused: Option<String>,
    /// Judged questions it was learned from; generated probes do not count.
    pub questions: usize,
    /// How the ranking was chosen.
    pub choice: Option<Choice>,
    /// The ranking.
    pub ranking: Option<Ranking>,
    /// How good the alternatives are: mean nDCG@10 over the questions.
    pub quality: Option<Quality>,
    /// What was learned of when to answer.
    pub threshold: Option<ThresholdTuning>,
}

/// What was learned of the confidence below which the answer is that the documents do not say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThresholdTuning {
    /// Whether the store answers by a learned threshold now.
    pub applied: bool,
    /// Why nothing was learned.
    pub refused: Option<String>,
    /// Questions with an answer that it was learned from; generated probes do not count.
    pub answerable: usize,
    /// Questions without one.
    pub unanswerable: usize,
    /// The threshold that holds now, where anything was learned.
    pub threshold: Option<f32>,
    /// How it compares with the program's own.
    pub quality: Option<ThresholdQuality>,
}

/// Whether a store was changed to how a configuration cuts or embeds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoreChange {
    /// The configuration.
    pub configuration: String,
    /// Whether the store is so now.
    pub applied: bool,
    /// Why, or why not.
    pub reason: String,
    /// Judged questions that were decided by; generated probes do not count.
    pub questions: usize,
}

impl Tuning {
    pub(crate) fn refused(questions: usize, why: String) -> Self {
        Self {
            applied: false,
            refused: Some(why),
            questions,
            choice: None,
            ranking: None,
            quality: None,
            threshold: None,
        }
    }

    pub(crate) fn applied(learned: &Learned) -> Self {
        Self {
            applied: true,
            refused: None,
            questions: learned.queries,
            choice: Some(learned.choice),
            ranking: Some(learned.ranking),
            quality: Some(learned.quality),
            threshold: None,
        }
    }
}

/// How a run compares with the one before it over the same questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The run before.
    pub against: String,
    /// Whether any watched figure of any configuration is worse.
    pub worse: bool,
    /// What is worse.
    pub changes: Vec<Change>,
}

/// A figure that became worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The configuration.
    pub configuration: String,
    /// The figure.
    pub figure: String,
    /// By how much.
    pub difference: Difference,
    /// Whether chance is ruled out: the whole interval is below 0.
    pub certain: bool,
}

/// Outcomes of one configuration by question.
pub type Outcomes = HashMap<String, Outcome>;

/// The values of a figure, question by question.
enum Column {
    /// The figure is their mean.
    Mean(Vec<Option<f64>>),
    /// The figure is of how refusals agree with what can be answered (answerable, refused).
    Refusals(Vec<Option<(bool, bool)>>, &'static str),
}

impl Column {
    fn of(figure: &'static str, order: &[String], outcomes: &Outcomes) -> Self {
        let outcomes = order.iter().map(|id| outcomes.get(id));
        if [REFUSAL_PRECISION, REFUSAL_RECALL, REFUSAL_F1].contains(&figure) {
            let refusal = |outcome: Option<&Outcome>| {
                let outcome = outcome?;
                Some((outcome.answerable, outcome.answer.as_ref()?.refused))
            };
            return Self::Refusals(outcomes.map(refusal).collect(), figure);
        }
        Self::Mean(outcomes.map(|outcome| outcome?.figures.get(figure).copied()).collect())
    }

    /// The figure over some questions, which may be drawn several times.
    #[expect(clippy::cast_precision_loss, reason = "counts of questions")]
    fn over(&self, rows: &[usize]) -> Option<f64> {
        match self {
            Self::Mean(values) => {
                let held = rows.iter().filter_map(|row| *values.get(*row)?);
                let (sum, count) = held.fold((0.0, 0_usize), |(s, n), value| (s + value, n + 1));
                (count > 0).then(|| sum / count as f64)
            }
            Self::Refusals(asked, figure) => {
                let held = rows.iter().filter_map(|row| *asked.get(*row)?);
                let counted = Refusals::count(held);
                match *figure {
                    REFUSAL_PRECISION => counted.precision(),
                    REFUSAL_RECALL => counted.recall(),
                    _ => counted.f1(),
                }
            }
        }
    }

    /// The questions that it has a value of.
    fn rows(&self) -> Vec<usize> {
        let there = |row: &usize| match self {
            Self::Mean(values) => values.get(*row).is_some_and(Option::is_some),
            Self::Refusals(asked, _) => asked.get(*row).is_some_and(Option::is_some),
        };
        (0..self.len()).filter(there).collect()
    }

    fn len(&self) -> usize {
        match self {
            Self::Mean(values) => values.len(),
            Self::Refusals(asked, _) => asked.len(),
        }
    }

    fn estimate(&self, draws: &Draws) -> Option<Estimate> {
        let rows = self.rows();
        let value = self.over(&rows)?;
        let (low, high) = draws.interval(|drawn| self.over(drawn))?;
        Some(Estimate { value, low, high, questions: rows.len() })
    }

    /// This less `base` on the questions that both have.
    fn difference(&self, base: &Self, draws: &Draws, seed: u64) -> Option<Difference> {
        let held = base.rows();
        let rows: Vec<usize> =
            self.rows().into_iter().filter(|row| held.binary_search(row).is_ok()).collect();
        let mut shared = vec![false; self.len()];
        for row in &rows {
            if let Some(there) = shared.get_mut(*row) {
                *there = true;
            }
        }
        let both = |drawn: &[usize]| Some(self.over(drawn)? - base.over(drawn)?);
        let value = both(&rows)?;
        let common = |drawn: &[usize]| -> Vec<usize> {
            drawn.iter().copied().filter(|row| shared.get(*row) == Some(&true)).collect()
        };
        let (low, high) = draws.interval(|drawn| both(&common(drawn)))?;
        let p_value = match (self, base) {
            (Self::Mean(ours), Self::Mean(theirs)) => {
                let differences: Vec<f64> = rows
                    .iter()
                    .filter_map(|row| Some((*ours.get(*row)?)? - (*theirs.get(*row)?)?))
                    .collect();
                Some(randomisation_test(&differences, FLIPS, seed))
            }
            _ => None,
        };
        Some(Difference { value, low, high, p_value, questions: rows.len() })
    }
}

/// The figures of every configuration, with the differences to the first. `order` has the
/// questions' ids. Pure, and takes a second for thousands of questions.
pub fn summarise(
    order: &[String],
    configurations: &[Configuration],
    outcomes: &[Outcomes],
    seed: u64,
) -> Vec<ConfigurationReport> {
    let draws = Draws::new(order.len(), RESAMPLES, seed);
    let columns = |outcomes: &Outcomes| -> Vec<(&'static str, Column)> {
        FIGURES.iter().map(|(name, _)| (*name, Column::of(name, order, outcomes))).collect()
    };
    let first = outcomes.first().map(columns);
    configurations
        .iter()
        .zip(outcomes)
        .enumerate()
        .map(|(number, (settings, outcomes))| {
            let own = columns(outcomes);
            let figures = own
                .iter()
                .filter_map(|(name, column)| Some(((*name).to_owned(), column.estimate(&draws)?)));
            let differences = first.as_ref().filter(|_| number > 0).map(|first| {
                let pairs = own.iter().zip(first);
                pairs
                    .filter_map(|((name, column), (_, base))| {
                        Some(((*name).to_owned(), column.difference(base, &draws, seed)?))
                    })
                    .collect()
            });
            ConfigurationReport {
                name: settings.name.clone(),
                settings: settings.clone(),
                figures: figures.collect(),
                search_ms: spread(outcomes.values().map(|outcome| outcome.search_ms)),
                answers: cost(outcomes),
                differences,
            }
        })
        .collect()
}

/// What became worse since `before`, of the configurations of the same name: a figure whose
/// difference is below 0 with its whole interval, or that fell by more than [`TOLERANCE`].
pub fn compare(
    order: &[String],
    (against, before): (&str, &HashMap<String, Outcomes>),
    now: &[(String, Outcomes)],
    seed: u64,
) -> Option<Regression> {
    let draws = Draws::new(order.len(), RESAMPLES, seed);
    let mut changes = Vec::new();
    let mut compared = false;
    for (name, outcomes) in now {
        let Some(earlier) = before.get(name) else { continue };
        for figure in WATCHED {
            let column = Column::of(figure, order, outcomes);
            let base = Column::of(figure, order, earlier);
            let Some(difference) = column.difference(&base, &draws, seed) else { continue };
            compared = true;
            let certain = difference.value < 0.0 && difference.high < 0.0;
            if certain || difference.value < -TOLERANCE {
                let (configuration, figure) = (name.clone(), figure.to_owned());
                changes.push(Change { configuration, figure, difference, certain });
            }
        }
    }
    let worse = !changes.is_empty();
    compared.then(|| Regression { against: against.to_owned(), worse, changes })
}

fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let values: Vec<f64> = values.collect();
    Some(Spread {
        p50: quantile(&values, 0.5)?,
        p99: quantile(&values, 0.99)?,
        mean: mean(values.iter().copied()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of questions")]
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

fn cost(outcomes: &Outcomes) -> Option<AnswerCost> {
    let answers: Vec<_> = outcomes.values().filter_map(|outcome| outcome.answer.as_ref()).collect();
    let unpriced = answers.iter().filter(|answer| answer.cost.is_none()).count();
    let local = answers.iter().filter(|answer| answer.local == Some(true));
    Some(AnswerCost {
        asked: answers.len(),
        refused: answers.iter().filter(|answer| answer.refused).count(),
        generative: answers.iter().filter(|answer| answer.mode == "generative").count(),
        seconds: spread(answers.iter().map(|answer| answer.seconds))?,
        input_tokens: mean(answers.iter().map(|answer| f64::from(answer.input_tokens))),
        output_tokens: mean(answers.iter().map(|answer| f64::from(answer.output_tokens))),
        cost: (unpriced == 0).then(|| answers.iter().filter_map(|answer| answer.cost).sum()),
        unpriced,
        compute_seconds: local.map(|answer| answer.seconds).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::outcome::AnswerFacts;
    use super::*;

    fn outcomes(values: &[f64]) -> Outcomes {
        let outcome = |value: &f64| Outcome {
            answerable: true,
            figures: BTreeMap::from([("ndcg_at_10".to_owned(), *value)]),
            search_ms: 2.0,
            ..Outcome::default()
        };
        values.iter().enumerate().map(|(at, value)| (format!("q{at:03}"), outcome(value))).collect()
    }

    fn order(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("q{at:03}")).collect()
    }

    fn named(name: &str) -> Configuration {
        Configuration { name: name.to_owned(), ..Configuration::default() }
    }

    #[test]
    fn a_worse_configuration_is_told_from_chance() {
        let good = outcomes(&[1.0; 40]);
        let bad = outcomes(&[0.5; 40]);
        let configurations = [named("good"), named("bad"), named("same")];
        let all = [good.clone(), bad, good];
        let found = summarise(&order(40), &configurations, &all, 1);
        let estimate = found[0].figures["ndcg_at_10"];
        assert_eq!((estimate.value, estimate.low, estimate.questions), (1.0, 1.0, 40));
        assert!(found[0].differences.is_none() && found[0].answers.is_none());
        let worse = found[1].differences.as_ref().unwrap()["ndcg_at_10"];
        assert!((worse.value + 0.5).abs() < 1e-9 && worse.high < 0.0, "{worse:?}");
        assert!(worse.p_value.unwrap() < 0.01);
        let same = found[2].differences.as_ref().unwrap()["ndcg_at_10"];
        assert_eq!((same.value, same.p_value), (0.0, Some(1.0)));
        assert_eq!(found[0].search_ms.unwrap().p99, 2.0);
        assert!(!found[0].figures.contains_key("faithfulness"));
    }

    #[test]
    fn refusals_are_scored_over_all_questions() {
        let asked = [(true, false), (true, false), (true, true), (false, true), (false, false)];
        let outcome = |(answerable, refused): (bool, bool)| Outcome {
            answerable,
            answer: Some(AnswerFacts {
                refused,
                mode: "extractive".into(),
                seconds: 1.0,
                input_tokens: 10,
                output_tokens: 2,
                local: Some(!refused),
                cost: if refused { None } else { Some(0.5) },
            }),
            ..Outcome::default()
        };
        let made: Outcomes = asked
            .into_iter()
            .enumerate()
            .map(|(at, asked)| (format!("q{at:03}"), outcome(asked)))
            .collect();
        let found = summarise(&order(5), &[named("x")], &[made], 1);
        for figure in [REFUSAL_PRECISION, REFUSAL_RECALL, REFUSAL_F1] {
            assert_eq!(found[0].figures[figure].value, 0.5, "{figure}");
        }
        let answers = found[0].answers.as_ref().unwrap();
        assert_eq!((answers.cost, answers.unpriced, answers.compute_seconds), (None, 2, 3.0));
        assert_eq!((answers.asked, answers.refused, answers.input_tokens), (5, 2, 10.0));
    }

    #[test]
    fn a_newer_run_is_worse_when_its_figures_are() {
        let before = HashMap::from([("a".to_owned(), outcomes(&[1.0; 30]))]);
        let mut values = [1.0; 30];
        let same = compare(&order(30), ("eval_1", &before), &[("a".into(), outcomes(&values))], 1);
        assert!(!same.unwrap().worse);
        values[..10].fill(0.0);
        let now = [("a".to_owned(), outcomes(&values)), ("b".to_owned(), outcomes(&[0.0; 30]))];
        let found = compare(&order(30), ("eval_1", &before), &now, 1).unwrap();
        assert!(found.worse && found.against == "eval_1");
        assert_eq!(found.changes.len(), 1, "{found:?}");
        assert!(found.changes[0].certain && found.changes[0].figure == "ndcg_at_10");
        let better = HashMap::from([("a".to_owned(), outcomes(&values))]);
        let now = [("a".to_owned(), outcomes(&[1.0; 30]))];
        assert!(!compare(&order(30), ("eval_1", &better), &now, 1).unwrap().worse);
        assert_eq!(compare(&order(30), ("eval_1", &better), &[], 1), None);
        // One question of many may be chance, and is no alarm.
        let mut one = [1.0; 30];
        one[3] = 0.0;
        let now = [("a".to_owned(), outcomes(&one))];
        let found = compare(&order(30), ("eval_1", &before), &now, 1).unwrap();
        assert!(!found.worse && found.changes.is_empty(), "{found:?}");
        // Two may be chance too, but are more than is tolerated.
        one[4] = 0.0;
        let now = [("a".to_owned(), outcomes(&one))];
        let found = compare(&order(30), ("eval_1", &before), &now, 1).unwrap();
        assert!(found.worse && !found.changes[0].certain, "{found:?}");
    }
}
