//! What is asked for, as it is understood: a question, or a part of one that asks for several things.

use std::ops::Range;

use cairn_search::{Analyzer, Frequencies, Language};

use super::kind::Kind;
use super::parts;
use super::rewrite::{Footing, footing};
use super::subject::Subject;

/// A question, or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// As it is written.
    pub(crate) written: String,
    /// What texts are compared with: a question has before it what it leans on, and a part the names
    /// that its pronoun stands for.
    pub(crate) text: String,
    /// What it is about.
    pub(crate) subject: Subject,
    /// What stands in an answer to it.
    pub(crate) kind: Kind,
    /// Whether it can be understood by itself.
    pub(crate) footing: Footing,
    /// What was asked before it, which it leans on where it cannot.
    pub(crate) behind: Option<Subject>,
}

impl Asked {
    /// The whole of `question`, which means `text` by what was said before, and is about `subject`.
    pub(crate) fn whole(
        analyzer: &Analyzer,
        question: &str,
        (text, subject): (String, Subject),
    ) -> Self {
        let kind = Kind::of(analyzer.language(), question);
        let (written, footing) = (question.to_owned(), Footing::Alone);
        Self { written, text, subject, kind, footing, behind: None }
    }

    /// A question about the documents as a whole, which is about nothing in particular.
    pub(crate) fn of_all(question: &str) -> Self {
        let (written, text, subject) =
            (question.to_owned(), question.to_owned(), Subject::default());
        Self { written, text, subject, kind: Kind::Any, footing: Footing::Alone, behind: None }
    }

    /// As it is written, without the mark behind it.
    pub(crate) fn unmarked(&self) -> &str {
        self.written.trim_end().trim_end_matches('?').trim_end()
    }

    /// The parts of this question in order; none where it asks for one thing. `held` weighs words.
    pub(crate) fn parts(&self, analyzer: &Analyzer, held: &Frequencies) -> Vec<Self> {
        let question = self.written.as_str();
        let ranges = parts::parts(question);
        if ranges.len() < 2 {
            return Vec::new();
        }
        let languages = Language::of_words(question);
        let said = self.text.strip_suffix(question).unwrap_or_default();
        let part = |range: Range<usize>| {
            let written = question.get(range.clone()).unwrap_or_default();
            let before = format!("{said}{}", question.get(..range.start).unwrap_or_default());
            let footing = footing(analyzer, &languages, written);
            let own = Subject::new(analyzer, written, held);
            let named = match footing {
                Footing::Refers => parts::named(analyzer.language(), written, &before),
                Footing::Alone | Footing::SaysLittle => None,
            };
            let before = Subject::new(analyzer, &before, held);
            let (subject, behind) = match footing {
                Footing::Refers => {
                    let subject = own.behind(&before);
                    let subject = match &named {
                        Some(named) => subject.asking(analyzer, named),
                        None => subject,
                    };
                    (subject, Some(before))
                }
                Footing::SaysLittle => (own.beside(&self.subject), Some(before)),
                Footing::Alone => (own, None),
            };
            let kind = Kind::of(analyzer.language(), written);
            let written = written.to_owned();
            let text = named.unwrap_or_else(|| written.clone());
            Self { written, text, subject, kind, footing, behind }
        };
        ranges.into_iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn asked(question: &str, text: &str) -> Vec<Asked> {
        let (analyzer, held) = (Analyzer::default(), Frequencies::default());
        let subject = Subject::new(&analyzer, text, &held);
        Asked::whole(&analyzer, question, (text.to_owned(), subject)).parts(&analyzer, &held)
    }

    fn share(asked: &Asked, words: &[&str]) -> f32 {
        let words: HashSet<String> = words.iter().map(|word| (*word).to_owned()).collect();
        asked.subject.coverage(&words)
    }

    #[test]
    fn a_part_is_about_its_own_words_and_those_that_it_refers_to() {
        let question = "Who founded the Lind works and when did they move to Bonn?";
        let parts = asked(question, question);
        let [founded, moved] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!((founded.kind, moved.kind), (Kind::Any, Kind::Number));
        assert_eq!((founded.footing, moved.footing), (Footing::Alone, Footing::Refers));
        assert!(share(founded, &["move", "bonn"]) < 0.01);
        let (own, both) =
            (share(moved, &["move", "bonn"]), share(moved, &["move", "bonn", "lind"]));
        assert!((own - 0.5).abs() < 1e-5 && both > own, "{own} {both}");
    }

    #[test]
    fn a_part_that_refers_is_asked_with_the_names_before_it() {
        let question = "Who founded the bakery at Cape Orrin and when did it move to Bonn?";
        let parts = asked(question, question);
        let [founded, moved] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!(founded.text, founded.written);
        assert_eq!(moved.written, "when did it move to Bonn?");
        assert_eq!(moved.text, "when did Cape Orrin move to Bonn?");
        let passage = crate::answer::claims::statements::tests::passage;
        let other = [passage("The Lind works moved to Bonn in 1931.")];
        let doubts = moved.subject.asked_for().named().doubts(&other);
        assert!(doubts.of(0, &(0..37)).is_some(), "it is about another thing");
        let own = [passage("The bakery of Orrin moved to Bonn in 1931.")];
        assert!(moved.subject.asked_for().named().doubts(&own).of(0, &(0..42)).is_none());
        let behind = moved.behind.as_ref().expect("what it refers to");
        let named = behind.asked_for().named();
        assert!(!named.has_name_in(&other[0]) && named.has_name_in(&own[0]));
    }

    #[test]
    fn a_first_part_may_refer_to_what_was_said_before() {
        let question = "When did she leave the tower and who built the bridge?";
        let text = format!("Who was the keeper? {question}");
        let parts = asked(question, &text);
        let [left, built] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!((left.footing, built.footing), (Footing::Refers, Footing::Alone));
        assert!(share(left, &["keeper"]) > 0.0 && share(built, &["keeper"]) < 0.01);
        assert!(asked("When did she leave?", "Who was it? When did she leave?").is_empty());
    }

    #[test]
    fn a_part_of_few_words_is_about_those_of_the_others_too() {
        let question = "What is the fee and when does the town pool open?";
        let parts = asked(question, question);
        assert_eq!((parts[0].footing, parts[1].footing), (Footing::SaysLittle, Footing::Alone));
        let (own, both) = (share(&parts[0], &["fee"]), share(&parts[0], &["fee", "pool"]));
        assert!(own < both && both < 1.0 && share(&parts[1], &["fee"]) < 0.01, "{own} {both}");
    }

    #[test]
    fn a_code_is_asked_for_by_what_refers_to_it() {
        let question = "How much does machine Q3 weigh and what does it cost?";
        let parts = asked(question, question);
        assert!(parts.iter().all(|part| part.subject.asked_for().codes().len() == 1), "{parts:?}");
        let question = "How much does machine Q3 weigh and when does the pool open?";
        let codes = asked(question, question).into_iter();
        let codes: Vec<usize> = codes.map(|part| part.subject.asked_for().codes().len()).collect();
        assert_eq!(codes, [1, 0]);
    }
}
