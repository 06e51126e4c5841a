//! What retrieval and answers are measured by: pure functions, each with its source.
//!
//! A question has *needs*: places in documents that answer it. A passage meets a need when it
//! holds that place. Chunks overlap, so several passages may meet the same need; it counts once,
//! for the first of them. Otherwise ten passages of one right page would look like ten answers.

use std::collections::HashMap;

/// How many needs each passage is the first to meet, by place; `meets(passage, need)` says
/// whether a passage meets a need.
pub fn newly_met(
    passages: usize,
    needs: usize,
    meets: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let mut open: Vec<usize> = (0..needs).collect();
    (0..passages)
        .map(|passage| {
            let before = open.len();
            open.retain(|need| !meets(passage, *need));
            before - open.len()
        })
        .collect()
}

/// Share of the needs that the first `k` passages meet. With one need it is the hit rate at
/// `k`. `None` without needs.
pub fn recall_at(newly: &[usize], needs: usize, k: usize) -> Option<f64> {
    let met: usize = newly.iter().take(k).sum();
    (needs > 0).then(|| ratio(met, needs))
}

/// Discounted gain of the first `k` passages over the best possible (Järvelin and Kekäläinen
/// 2002). A passage that is the first to meet a need, or several, gains 1; the best possible
/// has such passages at the top, as many as the needs can be met by. `None` without needs.
pub fn ndcg_at(newly: &[usize], needs: usize, k: usize) -> Option<f64> {
    if needs == 0 {
        return None;
    }
    let merged: usize = newly.iter().map(|count| count.saturating_sub(1)).sum();
    let best: f64 = (0..needs.saturating_sub(merged).min(k)).map(discount).sum();
    let gains = newly.iter().take(k).enumerate().filter(|(_, count)| **count > 0);
    Some(gains.map(|(place, _)| discount(place)).sum::<f64>() / best)
}

#[expect(clippy::cast_precision_loss, reason = "a place in a short list")]
fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

/// One over the place of the first passage that meets a need, 0 when none does. `None` without
/// needs. Its mean is the mean reciprocal rank.
#[expect(clippy::cast_precision_loss, reason = "a place in a short list")]
pub fn reciprocal_rank(newly: &[usize], needs: usize) -> Option<f64> {
    let first = newly.iter().position(|count| *count > 0);
    (needs > 0).then(|| first.map_or(0.0, |place| 1.0 / (place as f64 + 1.0)))
}

/// 1 when any passage meets a need, else 0. `None` without needs.
pub fn hit(newly: &[usize], needs: usize) -> Option<f64> {
    let met = newly.iter().any(|count| *count > 0);
    (needs > 0).then(|| f64::from(u8::from(met)))
}

/// The words of an answer as SQuAD compares them: lower case, without punctuation and articles
/// (Rajpurkar et al. 2016).
pub fn words(answer: &str) -> Vec<String> {
    let kept = |c: &char| c.is_alphanumeric() || c.is_whitespace();
    let plain: String = answer.to_lowercase().chars().filter(kept).collect();
    let article = |word: &&str| !matches!(*word, "a" | "an" | "the");
    plain.split_whitespace().filter(article).map(str::to_owned).collect()
}

/// 1 when an answer has the words of one of those expected, in order and no others, else 0.
pub fn exact_match(answer: &str, expected: &[String]) -> f64 {
    let answer = words(answer);
    f64::from(u8::from(expected.iter().any(|right| words(right) == answer)))
}

/// 1 when the words of one of the expected answers stand in the answer, together and in order,
/// else 0: what an answer in whole sentences can be right by.
pub fn contains(answer: &str, expected: &[String]) -> f64 {
    let answer = words(answer);
    let stands = |right: &String| {
        let right = words(right);
        !right.is_empty() && answer.windows(right.len()).any(|part| part == right)
    };
    f64::from(u8::from(expected.iter().any(stands)))
}

/// Harmonic mean of precision and recall over the words, with the best of the expected answers
/// (Rajpurkar et al. 2016).
pub fn token_f1(answer: &str, expected: &[String]) -> f64 {
    let answer = words(answer);
    expected.iter().map(|right| f1_of(&answer, &words(right))).fold(0.0, f64::max)
}

fn f1_of(answer: &[String], right: &[String]) -> f64 {
    if answer.is_empty() || right.is_empty() {
        return f64::from(u8::from(answer == right));
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in right {
        *left.entry(word.as_str()).or_default() += 1;
    }
    let mut shared = 0;
    for word in answer {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            shared += 1;
        }
    }
    ratio(2 * shared, answer.len() + right.len())
}

/// How refusals agree with what can be answered. A refusal of what the documents do not
/// answer is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Refused, and the documents do not say.
    pub right: usize,
    /// Refused, and they do.
    pub wrong: usize,
    /// Answered, and the documents do not say.
    pub missed: usize,
}

impl Refusals {
    /// Counts questions: whether each is answerable, and whether it was refused.
    pub fn count(questions: impl Iterator<Item = (bool, bool)>) -> Self {
        let mut counted = Self::default();
        for (answerable, refused) in questions {
            match (answerable, refused) {
                (false, true) => counted.right += 1,
                (true, true) => counted.wrong += 1,
                (false, false) => counted.missed += 1,
                (true, false) => {}
            }
        }
        counted
    }

    /// Share of the refusals that are right; `None` without refusals.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.right + self.wrong)
    }

    /// Share of the unanswerable questions that are refused; `None` without such questions.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.right + self.missed)
    }

    /// Harmonic mean of both; `None` when nothing was refused and nothing was to be.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.right, 2 * self.right + self.wrong + self.missed)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| ratio(part, whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts of questions and words")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// The value below which the share `q` of `values` lies, by nearest rank; `None` of nothing.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list, from a share between 0 and 1"
    )]
    let place = (q.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<f64>, wanted: f64) {
        assert!(found.is_some_and(|found| (found - wanted).abs() < 1e-4), "{found:?} {wanted}");
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_need_counts_for_the_first_passage_that_meets_it() {
        // Passages 0 and 1 hold place 0, passage 3 holds both.
        let newly = newly_met(4, 2, |passage, need| match passage {
            0 | 1 => need == 0,
            3 => true,
            _ => false,
        });
        assert_eq!(newly, [1, 0, 0, 1]);
        assert_eq!(newly_met(2, 0, |_, _| true), [0, 0]);
    }

    #[test]
    fn retrieval_as_worked_out_by_hand() {
        // Three needs; met at places 2 and 4, one never.
        let newly = [0, 1, 0, 1, 0];
        assert_eq!(recall_at(&newly, 3, 1), Some(0.0));
        near(recall_at(&newly, 3, 3), 0.3333);
        near(recall_at(&newly, 3, 10), 0.6667);
        // (1/log2 3 + 1/log2 5) / (1 + 1/log2 3 + 1/log2 4) = 1.06161 / 2.13093
        near(ndcg_at(&newly, 3, 10), 0.4982);
        near(ndcg_at(&newly, 3, 3), 0.2961);
        assert_eq!(reciprocal_rank(&newly, 3), Some(0.5));
        assert_eq!((hit(&newly, 3), hit(&[0, 0], 1)), (Some(1.0), Some(0.0)));
        assert_eq!(reciprocal_rank(&[0, 0], 1), Some(0.0));
        for nothing in [recall_at(&newly, 0, 5), ndcg_at(&[], 0, 5), hit(&[], 0)] {
            assert_eq!(nothing, None);
        }
    }

    #[test]
    fn the_best_order_has_a_gain_of_1() {
        assert_eq!(ndcg_at(&[1, 1, 0], 2, 10), Some(1.0));
        // One passage meets both: there is nothing better.
        assert_eq!(ndcg_at(&[2, 0], 2, 10), Some(1.0));
        // More needs than places.
        assert_eq!(ndcg_at(&[1, 1], 5, 2), Some(1.0));
        assert_eq!(ndcg_at(&[], 1, 10), Some(0.0));
    }

    #[test]
    fn answers_are_compared_as_squad_does() {
        assert_eq!(
            words("The Eiffel-Tower, in a word: Paris!"),
            ["eiffeltower", "in", "word", "paris"]
        );
        assert_eq!(exact_match("the  Ida Thorvald.", &texts(&["x", "Ida Thorvald"])), 1.0);
        assert_eq!(exact_match("Ida", &texts(&["Ida Thorvald"])), 0.0);
        assert_eq!(contains("It was Ida Thorvald, in 1989.", &texts(&["ida thorvald"])), 1.0);
        assert_eq!(contains("Thorvald Ida", &texts(&["ida thorvald", ""])), 0.0);
        // Shared: "ida", "thorvald"; 2·2 / (3 + 2).
        assert_eq!(token_f1("keeper Ida Thorvald", &texts(&["none", "Ida Thorvald"])), 0.8);
        // A word that stands once counts once: 2·1 / (2 + 1).
        near(Some(token_f1("five five", &texts(&["five"]))), 0.6667);
        assert_eq!(token_f1("x", &texts(&["y"])), 0.0);
        assert_eq!((token_f1("", &texts(&["the"])), token_f1("x", &[])), (1.0, 0.0));
    }

    #[test]
    fn refusals_as_worked_out_by_hand() {
        let asked = [(false, true), (false, true), (false, false), (true, true), (true, false)];
        let counted = Refusals::count(asked.into_iter());
        assert_eq!(counted, Refusals { right: 2, wrong: 1, missed: 1 });
        near(counted.precision(), 0.6667);
        near(counted.recall(), 0.6667);
        near(counted.f1(), 0.6667);
        let none = Refusals::count([(true, false)].into_iter());
        assert_eq!((none.precision(), none.recall(), none.f1()), (None, None, None));
        let missed = Refusals::count([(false, false)].into_iter());
        assert_eq!(
            (missed.precision(), missed.recall(), missed.f1()),
            (None, Some(0.0), Some(0.0))
        );
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.5), Some(2.0));
        assert_eq!(quantile(&values, 0.99), Some(4.0));
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
