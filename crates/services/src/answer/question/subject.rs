//! What a question asks about, and how much each word of it says.

use std::collections::HashSet;

use cairn_search::{Analyzer, Frequencies};

use super::asked_for::AskedFor;
use super::asking::asking;

/// Words of a question that ask, and say nothing of what is asked about.
const ASKING: [&str; 24] = [
    "what", "how", "mani", "much", "doe", "do", "did", "when", "where", "who", "whom", "why",
    "which", "whose", "tell", "explain", "describ", "mean", "document", "accord", "say", "pleas",
    "can", "should",
];

/// Chunks from which on the store's own counts weigh more than the assumption that all
/// words say the same: one chunk tells nothing of what is rare.
const TRUSTED_CHUNKS: f32 = 20.0;

/// Whether a term asks, and says nothing of what is asked about.
pub(crate) fn is_asking(term: &str) -> bool {
    ASKING.contains(&term)
}

/// The content words of `text`, stemmed, each once.
pub(crate) fn terms(analyzer: &Analyzer, text: &str) -> HashSet<String> {
    analyzer.terms(text).into_iter().collect()
}

/// The content words of a question without those that ask, each once; all where it has no others.
pub(crate) fn content(analyzer: &Analyzer, question: &str) -> Vec<String> {
    let asking = terms(analyzer, &asking(analyzer.language(), question).join(" "));
    without(distinct(analyzer, question), |term| is_asking(term) || asking.contains(term))
}

fn distinct(analyzer: &Analyzer, text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    analyzer.terms(text).into_iter().filter(|term| seen.insert(term.clone())).collect()
}

/// Those that are not `idle`; all where none is left.
fn without(terms: Vec<String>, idle: impl Fn(&str) -> bool) -> Vec<String> {
    if terms.iter().all(|term| idle(term)) {
        return terms;
    }
    terms.into_iter().filter(|term| !idle(term)).collect()
}

/// The content words of a question, each with a weight: what a passage must be about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Subject {
    weights: Vec<(String, f32)>,
    total: f32,
    /// Words that do not always ask.
    words: usize,
    asked_for: AskedFor,
}

impl Subject {
    /// All words weigh the same.
    pub(crate) fn plain(analyzer: &Analyzer, question: &str) -> Self {
        Self::weighed(analyzer, question, |_| 1.0)
    }

    /// Rare words weigh more: between the inverse document frequency, as a share of the
    /// greatest there can be, and 1, the nearer to the former the more chunks were counted.
    pub(crate) fn new(analyzer: &Analyzer, question: &str, held: &Frequencies) -> Self {
        let rarest = held.idf_of_none();
        let chunks = held.points as f32;
        let trust = chunks / (chunks + TRUSTED_CHUNKS);
        Self::weighed(analyzer, question, |term| {
            held.idf(term).map_or(1.0, |idf| trust * idf / rarest + (1.0 - trust))
        })
    }

    fn weighed(analyzer: &Analyzer, question: &str, weigh: impl Fn(&str) -> f32) -> Self {
        let mut weights = Vec::new();
        for term in content(analyzer, question) {
            let weight = weigh(&term);
            weights.push((term, weight));
        }
        let total = weights.iter().map(|(_, weight)| weight).sum();
        let words = without(distinct(analyzer, question), is_asking).len();
        Self { weights, total, words, asked_for: AskedFor::of(analyzer, question) }
    }

    /// The same, where a quote must name what `question` does, as it was asked: a wording may have
    /// more in front.
    pub(crate) fn asking(self, analyzer: &Analyzer, question: &str) -> Self {
        let asked_for = self.asked_for.narrowed(AskedFor::of(analyzer, question));
        Self { asked_for, ..self }
    }

    /// The same for a value that stands under `key`, whose words have half of the weight: of two
    /// sentences with one number that is the right one which speaks of what the key says.
    pub(crate) fn under(&self, analyzer: &Analyzer, key: &str) -> Self {
        let words = distinct(analyzer, key);
        if words.is_empty() {
            return self.clone();
        }
        let whole = if self.total > 0.0 { self.total } else { 1.0 };
        let each = whole / words.len() as f32;
        let mut under = self.clone();
        under.weights.extend(words.into_iter().map(|word| (word, each)));
        under.total += whole;
        under
    }

    /// The same for what refers to something that was named `before`: that is a part of it, and its
    /// codes and numbers are asked for where this has none.
    pub(crate) fn behind(&self, before: &Self) -> Self {
        let asked_for = before.asked_for.clone().narrowed(self.asked_for.clone());
        Self { asked_for, ..self.beside(before) }
    }

    /// The same with the words of what is asked with it, which have half of the weight.
    pub(crate) fn beside(&self, before: &Self) -> Self {
        let scale =
            if self.total > 0.0 && before.total > 0.0 { self.total / before.total } else { 1.0 };
        let more = before.weights.iter().map(|(term, weight)| (term.clone(), weight * scale));
        let weights = self.weights.iter().cloned().chain(more).collect();
        Self { weights, total: self.total + before.total * scale, ..self.clone() }
    }

    /// What a quote must name.
    pub(crate) fn asked_for(&self) -> &AskedFor {
        &self.asked_for
    }

    /// How many words it has that do not ask wherever they stand.
    pub(crate) fn len(&self) -> usize {
        self.words
    }

    /// Share of its weight that `present` has; 0 when it has no words.
    pub(crate) fn coverage(&self, present: &HashSet<String>) -> f32 {
        let there = self.weights.iter().filter(|(term, _)| present.contains(term));
        let there: f32 = there.map(|(_, weight)| weight).sum();
        if self.total > 0.0 { there / self.total } else { 0.0 }
    }
}

/// What the sentences of an answer are about: a question, and its parts where it asks for several
/// things.
#[derive(Clone, Debug)]
pub(crate) struct Subjects<'q> {
    pub(crate) whole: &'q Subject,
    pub(crate) parts: Vec<&'q Subject>,
}

impl<'q> Subjects<'q> {
    /// That of a question which asks for one thing.
    pub(crate) fn one(whole: &'q Subject) -> Self {
        Self { whole, parts: Vec::new() }
    }

    /// What `sentence` is about: the part of which it says more than of any other, else the whole.
    pub(crate) fn of(&self, analyzer: &Analyzer, sentence: &str) -> &'q Subject {
        if self.parts.is_empty() {
            return self.whole;
        }
        let said = terms(analyzer, sentence);
        let shares: Vec<f32> = self.parts.iter().map(|part| part.coverage(&said)).collect();
        let most = shares.iter().copied().fold(0.0, f32::max);
        let mut best = self.parts.iter().zip(&shares).filter(|(_, share)| **share >= most);
        match (best.next(), best.next()) {
            (Some((part, _)), None) if most > 0.0 => part,
            _ => self.whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(points: u64, counts: &[(&str, f64)]) -> Frequencies {
        let terms = counts.iter().map(|(term, count)| ((*term).to_owned(), *count)).collect();
        Frequencies { points, terms }
    }

    fn present(words: &[&str]) -> HashSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    const QUESTION: &str = "What is the height of the Lune tower?";

    #[test]
    fn a_rare_word_says_more_than_a_common_one() {
        let analyzer = Analyzer::default();
        let counts = held(1000, &[("height", 400.0), ("lune", 2.0), ("tower", 400.0)]);
        let subject = Subject::new(&analyzer, QUESTION, &counts);
        assert_eq!(subject.len(), 3);
        let rare = subject.coverage(&present(&["lune"]));
        let common = subject.coverage(&present(&["height", "tower"]));
        assert!(rare > common, "{rare} {common}");
        assert!((rare + common - 1.0).abs() < 1e-5);
    }

    #[test]
    fn one_chunk_does_not_tell_what_is_rare() {
        let analyzer = Analyzer::default();
        let counts = held(1, &[("height", 1.0), ("lune", 0.0), ("tower", 1.0)]);
        let subject = Subject::new(&analyzer, QUESTION, &counts);
        let plain = Subject::plain(&analyzer, QUESTION);
        let some = present(&["height", "tower"]);
        assert!((subject.coverage(&some) - plain.coverage(&some)).abs() < 0.03);
    }

    #[test]
    fn what_asks_for_a_measure_or_a_list_is_not_what_is_asked_about() {
        let english = Analyzer::default();
        assert_eq!(content(&english, "How thick is the base?"), ["base"]);
        assert_eq!(content(&english, "List all error codes."), ["error", "code"]);
        assert_eq!(content(&english, "How long?"), ["long"]);
        let german = Analyzer::new(cairn_search::Language::German);
        let held = content(&german, "Wie lange darf ich ein Buch ausleihen?");
        assert_eq!(held.len(), 2, "{held:?}");
        // Whether a question leans on what was said is not told by these.
        assert_eq!(Subject::plain(&english, "How thick is the base?").len(), 2);
    }

    #[test]
    fn the_words_of_a_key_have_half_of_the_weight() {
        let analyzer = Analyzer::default();
        let subject = Subject::plain(&analyzer, QUESTION);
        let under = subject.under(&analyzer, "yearly rent");
        let share = |words: &[&str]| under.coverage(&present(words));
        assert!((share(&["height", "lune", "tower"]) - 0.5).abs() < 1e-5);
        assert!((share(&["rent"]) - 0.25).abs() < 1e-5);
        assert_eq!(under.asked_for(), subject.asked_for());
        assert_eq!(subject.under(&analyzer, "_"), subject);
    }

    #[test]
    fn what_is_referred_to_has_half_of_the_weight_and_its_codes_are_asked_for() {
        let analyzer = Analyzer::default();
        let before = Subject::plain(&analyzer, "How much does machine Q3 weigh?");
        let cost = Subject::plain(&analyzer, "What does it cost?").behind(&before);
        let (own, whole) = (present(&["cost"]), present(&["cost", "machin", "q3", "weigh"]));
        assert!((cost.coverage(&own) - 0.5).abs() < 1e-5);
        assert!((cost.coverage(&whole) - 1.0).abs() < 1e-5);
        assert_eq!(cost.asked_for().codes(), before.asked_for().codes());
        let alone = Subject::plain(&analyzer, "What does it cost?");
        assert_eq!(alone.behind(&Subject::default()).coverage(&own), alone.coverage(&own));
    }

    #[test]
    fn a_sentence_belongs_to_the_part_whose_words_it_says() {
        let analyzer = Analyzer::default();
        let subject = |text: &str| Subject::plain(&analyzer, text);
        let (whole, weigh) = (subject(QUESTION), subject("How much does Q3 weigh"));
        let open = subject("when does the pool open?");
        let subjects = Subjects { whole: &whole, parts: vec![&weigh, &open] };
        assert_eq!(subjects.of(&analyzer, "The pool opens at nine."), &open);
        assert_eq!(subjects.of(&analyzer, "It weighs 139 kilograms."), &weigh);
        assert_eq!(subjects.of(&analyzer, "Nine."), &whole);
        assert_eq!(Subjects::one(&whole).of(&analyzer, "The pool opens at nine."), &whole);
    }

    #[test]
    fn a_question_of_asking_words_alone_is_about_them() {
        let subject = Subject::plain(&Analyzer::default(), "What should documents say?");
        assert!(subject.len() > 0);
        assert!(Subject::default().coverage(&present(&["x"])).abs() < f32::EPSILON);
    }
}
