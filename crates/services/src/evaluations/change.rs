//! Whether a store is changed to how a configuration cuts or embeds it: the rule against harm.
//!
//! One of the figures of retrieval must be better with the whole 95 % interval of its difference,
//! and none of those that are watched may fall by more than [`HARM`]. Probes made of the
//! documents' own words have no say: they make whatever keeps those words together look best.

use cairn_search::{FEWEST_QUERIES, HARM};

use super::judge::Judged;
use super::outcome::{RECALL_IN_TOKENS, WATCHED};
use super::plan::Configuration;
use super::summary::{Outcomes, StoreChange, summarise};
use crate::question_sets::Origin;

/// What may gain: the order, and what is found in a share of text that does not grow with chunks.
const GAINS: [&str; 2] = ["ndcg_at_10", RECALL_IN_TOKENS];

/// The questions that decide, by id.
pub(super) fn deciding(judged: &[Judged]) -> Vec<String> {
    let says = |one: &&Judged| one.question.origin != Origin::Extractive;
    judged.iter().filter(says).map(|one| one.question.id.clone()).collect()
}

/// Decides by the outcomes of the first configuration, which is the store as it is, and of the one
/// that is tried, on these questions.
pub(super) fn decide(
    order: &[String],
    (first, tried): (&Configuration, &Configuration),
    (before, after): (&Outcomes, &Outcomes),
    seed: u64,
) -> StoreChange {
    let answerable =
        order.iter().filter(|id| before.get(*id).is_some_and(|outcome| outcome.answerable)).count();
    let decided = |applied: bool, reason: String| StoreChange {
        configuration: tried.name.clone(),
        applied,
        reason,
        questions: answerable,
    };
    if answerable < FEWEST_QUERIES {
        return decided(
            false,
            format!(
                "{answerable} judged questions are fewer than {FEWEST_QUERIES}, and what they say may be \
                 chance. Generated probes do not count; add questions of your users"
            ),
        );
    }
    let settings = [first.clone(), tried.clone()];
    let measured = summarise(order, &settings, &[before.clone(), after.clone()], seed);
    let Some(differences) = measured.into_iter().nth(1).and_then(|one| one.differences) else {
        return decided(false, "nothing could be compared".to_owned());
    };
    let told = |figure: &str| {
        differences.get(figure).map(|found| {
            format!("{figure} {:+.3} [{:+.3}, {:+.3}]", found.value, found.low, found.high)
        })
    };
    let harmed = WATCHED
        .into_iter()
        .chain([RECALL_IN_TOKENS])
        .find(|figure| differences.get(*figure).is_some_and(|found| found.value < -HARM));
    if let Some(told) = harmed.and_then(told) {
        return decided(false, format!("it would do harm: {told}"));
    }
    let gained = GAINS
        .into_iter()
        .find(|figure| differences.get(*figure).is_some_and(|found| found.low > 0.0));
    match gained.and_then(told) {
        Some(told) => decided(true, told),
        None => {
            let all: Vec<String> = GAINS.into_iter().filter_map(told).collect();
            decided(false, format!("no figure is surely better: {}", all.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::outcome::Outcome;
    use super::*;

    fn order(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("q{at:03}")).collect()
    }

    fn outcomes(count: usize, figures: &[(&str, f64)]) -> Outcomes {
        let figures: BTreeMap<String, f64> =
            figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let outcome = Outcome { answerable: true, figures, ..Outcome::default() };
        order(count).into_iter().map(|id| (id, outcome.clone())).collect()
    }

    fn decided(count: usize, before: &[(&str, f64)], after: &[(&str, f64)]) -> StoreChange {
        let first = Configuration::default();
        let tried = Configuration { name: "small".into(), ..Configuration::default() };
        let (before, after) = (outcomes(count, before), outcomes(count, after));
        decide(&order(count), (&first, &tried), (&before, &after), 1)
    }

    #[test]
    fn a_sure_gain_without_harm_changes_the_store() {
        let before = [("ndcg_at_10", 0.5), (RECALL_IN_TOKENS, 0.5), ("token_f1", 0.4)];
        let better = [("ndcg_at_10", 0.7), (RECALL_IN_TOKENS, 0.5), ("token_f1", 0.4)];
        let changed = decided(30, &before, &better);
        assert!(changed.applied && changed.reason.contains("ndcg_at_10 +0.200"), "{changed:?}");
        assert_eq!((changed.configuration.as_str(), changed.questions), ("small", 30));
        // The same figures, of too few questions.
        let few = decided(19, &before, &better);
        assert!(!few.applied && few.reason.contains("fewer than 20"), "{few:?}");
    }

    #[test]
    fn harm_and_chance_leave_it_as_it_is() {
        let before = [("ndcg_at_10", 0.5), (RECALL_IN_TOKENS, 0.5), ("token_f1", 0.4)];
        // Large chunks hold more, and what a reader gets of them is less.
        let large = [("ndcg_at_10", 0.7), (RECALL_IN_TOKENS, 0.4), ("token_f1", 0.4)];
        let harmed = decided(30, &before, &large);
        assert!(!harmed.applied && harmed.reason.contains(RECALL_IN_TOKENS), "{harmed:?}");
        let worse = [("ndcg_at_10", 0.7), (RECALL_IN_TOKENS, 0.5), ("token_f1", 0.3)];
        assert!(!decided(30, &before, &worse).applied);
        let same = decided(30, &before, &before);
        assert!(!same.applied && same.reason.contains("no figure is surely better"), "{same:?}");
    }
}
