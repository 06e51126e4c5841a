//! SQuAD's own measures, and counts of refusals.

use std::collections::HashMap;

/// A text as SQuAD compares it: lower case, no punctuation, no articles.
pub(super) fn normalised(text: &str) -> String {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let kept = plain.split_whitespace().filter(|word| !matches!(*word, "a" | "an" | "the"));
    kept.collect::<Vec<_>>().join(" ")
}

/// Whether `text` is one of `answers`.
pub(super) fn is_exact(text: &str, answers: &[String]) -> bool {
    let text = normalised(text);
    answers.iter().any(|answer| normalised(answer) == text)
}

/// Whether one of `answers` stands in `text`, as whole words.
pub(super) fn holds(text: &str, answers: &[String]) -> bool {
    let text = format!(" {} ", normalised(text));
    answers
        .iter()
        .map(|answer| normalised(answer))
        .any(|answer| !answer.is_empty() && text.contains(&format!(" {answer} ")))
}

/// F1 over words with the best of `answers`.
pub(super) fn f1(text: &str, answers: &[String]) -> f64 {
    answers.iter().map(|answer| overlap(&normalised(text), &normalised(answer))).fold(0.0, f64::max)
}

fn overlap(text: &str, answer: &str) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in answer.split(' ') {
        *left.entry(word).or_default() += 1;
    }
    let mut common = 0_usize;
    for word in text.split(' ') {
        if let Some(count) = left.get_mut(word).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    let (written, expected) = (text.split(' ').count(), answer.split(' ').count());
    2.0 * common as f64 / (written + expected) as f64
}

/// How well refusals meet the questions that have no answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusals {
    pub(super) rightly: usize,
    pub(super) wrongly: usize,
    /// Questions without an answer that were answered.
    pub(super) missed: usize,
    /// Questions with an answer that were answered.
    pub(super) answered: usize,
}

impl Refusals {
    pub(super) fn count(&mut self, has_answer: bool, refused: bool) {
        let place = match (has_answer, refused) {
            (false, true) => &mut self.rightly,
            (true, true) => &mut self.wrongly,
            (false, false) => &mut self.missed,
            (true, false) => &mut self.answered,
        };
        *place += 1;
    }

    pub(super) fn precision(&self) -> f64 {
        share(self.rightly, self.rightly + self.wrongly)
    }

    pub(super) fn recall(&self) -> f64 {
        share(self.rightly, self.rightly + self.missed)
    }

    pub(super) fn f1(&self) -> f64 {
        share(2 * self.rightly, 2 * self.rightly + self.wrongly + self.missed)
    }
}

/// `part` of `whole`; 0 of nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_as_squad_does() {
        let answers = vec!["the Duke of Normandy".to_owned(), "Rollo".to_owned()];
        assert!(is_exact("Duke of Normandy.", &answers) && !is_exact("a duke", &answers));
        assert!(holds("It was Rollo, they say.", &answers) && !holds("Rollonian", &answers));
        assert!((f1("the duke", &answers) - 0.5).abs() < 1e-9);
        assert!(f1("nobody", &answers).abs() < 1e-9);
    }

    #[test]
    fn refusals_are_weighed() {
        let mut counts = Refusals::default();
        for (has_answer, refused) in [(false, true), (false, false), (true, true), (true, false)] {
            counts.count(has_answer, refused);
        }
        assert!((counts.precision() - 0.5).abs() < 1e-9 && (counts.recall() - 0.5).abs() < 1e-9);
        assert!((counts.f1() - 0.5).abs() < 1e-9);
    }
}
