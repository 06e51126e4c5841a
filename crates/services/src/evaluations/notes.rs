//! What the reader of a report should know of the questions.

use std::collections::BTreeMap;

use super::judge::Judgements;
use super::summary::{Asked, ConfigurationReport};
use crate::question_sets::Origin;

/// Questions that a note names.
const NAMED: usize = 10;

/// Which questions were asked, of a set with `total`.
pub(super) fn asked(total: usize, judgements: &Judgements) -> Asked {
    let judged = &judgements.judged;
    let answerable = judged.iter().filter(|one| one.question.answerable).count();
    let mut origins = BTreeMap::new();
    for one in judged {
        *origins.entry(one.question.origin.name().to_owned()).or_insert(0) += 1;
    }
    Asked {
        total,
        answerable,
        unanswerable: judged.len() - answerable,
        unjudged: judgements.unjudged,
        lost: judgements.questions_lost(),
        origins,
    }
}

/// Why no question of a set can be put.
pub(super) fn nothing_to_ask(judgements: &Judgements) -> String {
    match lost(judgements) {
        Some(lost) => format!("no question of the set can be judged: {lost}; make the set anew"),
        None => "no question of the set can be judged; none of the files that they name is in the \
                 vector store"
            .to_owned(),
    }
}

/// What became of the judgements whose words are gone, with the first of their questions by id.
fn lost(judgements: &Judgements) -> Option<String> {
    let mut ids: Vec<&str> = judgements.lost.iter().map(|lost| lost.question_id.as_str()).collect();
    if ids.is_empty() {
        return None;
    }
    ids.dedup();
    let more = if ids.len() > NAMED { ", …" } else { "" };
    let named: Vec<&str> = ids.iter().copied().take(NAMED).collect();
    Some(format!(
        "{} judgements point at words that the documents no longer contain, and the {} questions that \
         rest on them are left out ({}{more})",
        judgements.lost.len(),
        ids.len(),
        named.join(", ")
    ))
}

/// What was noticed about them.
pub(super) fn notes(judgements: &Judgements) -> Vec<String> {
    let mut notes: Vec<String> = lost(judgements).into_iter().collect();
    if judgements.unjudged > 0 {
        notes.push(format!(
            "{} questions were left out: none of the files that they name is in the store",
            judgements.unjudged
        ));
    }
    if judgements.lost_quotes > 0 {
        notes.push(format!(
            "{} quotes do not stand in their files (any more); for them the whole file counts",
            judgements.lost_quotes
        ));
    }
    let probes =
        judgements.judged.iter().filter(|one| one.question.origin == Origin::Extractive).count();
    if probes > 0 {
        notes.push(format!(
            "{probes} questions are probes made of the documents' own words: they flatter the search \
             by words, and say little of how real questions fare"
        ));
    }
    let withheld = judgements.judged.iter().filter(|one| one.question.withheld().is_some()).count();
    if withheld > 0 {
        notes.push(format!(
            "{withheld} questions are made of a file that is withheld while they are asked: the rest does \
             not say the answer in the passages nearest to them, and might elsewhere"
        ));
    }
    notes
}

/// Whose answers cost nobody knows what.
pub(super) fn unpriced(configurations: &[ConfigurationReport]) -> Vec<String> {
    let untold = |held: &ConfigurationReport| {
        let unpriced = held.answers.as_ref()?.unpriced;
        (unpriced > 0).then(|| {
            format!(
                "what the answers of '{}' cost is not known: {unpriced} are by the model '{}', for which no \
                 price is configured (providers.NAME.prices)",
                held.name, held.settings.model
            )
        })
    };
    configurations.iter().filter_map(untold).collect()
}

#[cfg(test)]
mod tests {
    use super::super::judge::LostJudgement;
    use super::*;

    #[test]
    fn lost_judgements_are_counted_and_named() {
        let of = |question: usize| LostJudgement {
            question_id: format!("q_{question}"),
            file: "a.md".into(),
        };
        let mut judgements =
            Judgements { lost: vec![of(1), of(1), of(2)], ..Judgements::default() };
        let told = notes(&judgements);
        assert!(
            told[0].contains("3 judgements point at words that the documents no longer contain")
        );
        assert!(told[0].contains("2 questions") && told[0].contains("(q_1, q_2)"), "{told:?}");
        assert!(nothing_to_ask(&judgements).contains("make the set anew"));
        assert_eq!(asked(5, &judgements).lost, 2);
        judgements.lost.extend((3..30).map(of));
        let told = notes(&judgements);
        assert!(told[0].contains("q_10, …)") && !told[0].contains("q_11"), "{told:?}");
        judgements.lost.clear();
        assert!(notes(&judgements).is_empty());
        assert!(nothing_to_ask(&judgements).contains("none of the files"));
    }
}
