//! What is answered of a question, and why the rest is not.
//!
//! A question that asks for one thing is answered or refused. Of one that asks for several things
//! each part is judged as a question would be: where one is answered, the reader is told of the
//! others that they are not, and why. A part that cannot be understood by itself ("and when was it
//! sold?") is near to sentences about anything, so it makes nobody sure of an answer: it is
//! answered beside one that does, and where what it leans on is not answered, only if the passage
//! that is nearest says that.

use cairn_search::Analyzer;

use super::confidence::{Confidence, said};
use super::reading::Reading;
use crate::answer::claims::codes;
use crate::answer::question::asked::Asked;
use crate::answer::question::rewrite::Footing;
use crate::answer::question::subject::Subjects;
use crate::answer::writing::extract::{self, Sought};
use crate::retrieve::Passage;

/// Share of the words of what a part leans on that the passage nearest to it has, at least, where
/// that is not answered: a name among them is enough.
const LEANT_ON: f32 = 0.3;

const UNFOUNDED: &str = "the nearest passage says too little of what is referred to";

/// Something that is asked for, with what was read for it.
#[derive(Clone, Debug)]
pub(crate) struct Weighed {
    asked: Asked,
    reading: Reading,
    confidence: Confidence,
    /// Why it has no answer, however near the passages are: it names what none of them says.
    missing: Option<String>,
    /// Whether the passage that is nearest to it says what it leans on.
    founded: bool,
}

impl Weighed {
    /// Of the passages `found` those in `shown` were read.
    pub(crate) fn new(
        analyzer: &Analyzer,
        (asked, reading, confidence): (Asked, Reading, Confidence),
        (found, shown): (&[Passage], &[Passage]),
    ) -> Self {
        let mut weighed = Self { asked, reading, confidence, missing: None, founded: true };
        weighed.missing = weighed.find_missing(found, shown);
        if let Some(behind) = &weighed.asked.behind {
            let nearest = extract::nearest(weighed.sought(), shown);
            let has = |passage| {
                behind.coverage(&said(analyzer, passage)) >= LEANT_ON
                    && behind.asked_for().named().has_name_in(passage)
            };
            weighed.founded = nearest.is_some_and(|(passage, _)| has(passage));
        }
        weighed
    }

    /// What sentences are chosen by.
    fn sought(&self) -> Sought<'_> {
        Sought { kind: self.asked.kind, reading: &self.reading }
    }

    /// Why it is not answered, where it is not.
    fn unanswered(&self) -> Option<String> {
        let missing = self.missing.clone();
        missing.or_else(|| (!self.confidence.suffices()).then(|| uncovered(&self.confidence)))
    }

    fn find_missing(&self, found: &[Passage], shown: &[Passage]) -> Option<String> {
        let asked_for = self.asked.subject.asked_for();
        let code = match self.asked.footing {
            Footing::Refers => codes::missing(asked_for.codes(), found),
            Footing::Alone | Footing::SaysLittle => {
                codes::missing(&codes::codes(&self.asked.written), found)
            }
        };
        if let Some(code) = code {
            return Some(format!("none of the passages found says '{code}', nor is any called so"));
        }
        let (passage, range) = extract::nearest(self.sought(), shown)?;
        let name = asked_for.named().missing(found, (passage, &range))?;
        Some(format!(
            "none of the passages found says anything of {name}; the nearest is about another one"
        ))
    }
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Why nothing is answered, if so.
    pub(crate) refused: Option<String>,
    /// How sure it is that something can be.
    pub(crate) confidence: Confidence,
    /// The question.
    whole: Weighed,
    /// Its parts, where they are answered each by itself.
    parts: Vec<Weighed>,
}

impl Verdict {
    /// Decides on a question, of which the `whole` was weighed and its `parts`, by the passages that
    /// were `found`.
    pub(crate) fn of(found: &[Passage], whole: Weighed, mut parts: Vec<Weighed>) -> Self {
        inherit(&mut parts);
        let alone = |part: &&Weighed| part.asked.footing == Footing::Alone;
        let surest = |held: Confidence, part: &Weighed| {
            if part.confidence.score() > held.score() { part.confidence } else { held }
        };
        let confidence = parts.iter().filter(alone).fold(whole.confidence, surest);
        let sure = whole.confidence.suffices()
            || parts.iter().filter(alone).any(|part| part.unanswered().is_none());
        let none = parts.iter().all(|part| part.unanswered().is_some());
        let missing = match parts.as_slice() {
            [] => whole.missing.clone(),
            parts => {
                let mut missing = parts.iter().filter_map(|part| part.missing.clone());
                missing.next().filter(|_| none || !sure)
            }
        };
        let refused = if found.is_empty() {
            Some("no passage was found; the store may be empty or the filter too narrow".to_owned())
        } else {
            missing.or_else(|| (!sure).then(|| uncovered(&confidence)))
        };
        // What the passages cover as a whole is answered as one.
        if none {
            parts.clear();
        }
        Self { refused, confidence, whole, parts }
    }

    /// On a question about the documents as a whole, for which nothing in them is nearer to it than
    /// the rest; `nothing` says why there is nothing to say.
    pub(crate) fn of_all(question: &str, nothing: Option<String>) -> Self {
        let asked = Asked::of_all(question);
        let (reading, confidence) = (Reading::default(), Confidence::default());
        let whole = Weighed { asked, reading, confidence, missing: None, founded: true };
        Self { refused: nothing, confidence, whole, parts: Vec::new() }
    }

    /// What is answered: the question, or those of its parts that can be.
    fn answered(&self) -> Vec<&Weighed> {
        if self.parts.is_empty() {
            return vec![&self.whole];
        }
        self.parts.iter().filter(|part| part.unanswered().is_none()).collect()
    }

    /// What sentences are chosen by.
    pub(crate) fn sought(&self) -> Vec<Sought<'_>> {
        self.answered().into_iter().map(Weighed::sought).collect()
    }

    /// What the sentences of an answer are about.
    pub(crate) fn subjects(&self) -> Subjects<'_> {
        let parts = self.parts.iter().map(|part| &part.asked.subject).collect();
        Subjects { whole: &self.whole.asked.subject, parts }
    }

    /// What the reader is told of parts that are not answered.
    pub(crate) fn notes(&self) -> Vec<String> {
        let note = |part: &Weighed| {
            let why = part.unanswered()?;
            Some(format!("'{}' is not answered: {why}", part.asked.written))
        };
        self.parts.iter().filter_map(note).collect()
    }

    /// What a writer is asked: the parts that are answered, as it might make up the others; or all
    /// of the question where these cannot be understood without those.
    pub(crate) fn put(&self) -> String {
        let whole = || self.whole.asked.written.clone();
        let unanswered = |part: &Weighed| part.unanswered().is_some();
        let Some(first) = self.parts.iter().position(unanswered) else { return whole() };
        let leans = |part: &Weighed| part.asked.footing != Footing::Alone && !unanswered(part);
        // A wish behind the question is for all of it.
        let wishes = self.parts.last().is_some_and(|part| part.asked.unmarked().contains('?'));
        if wishes || self.parts.iter().skip(first).any(leans) {
            return whole();
        }
        let answered = self.answered().into_iter();
        answered.map(|part| format!("{}?", part.asked.unmarked())).collect::<Vec<_>>().join(" ")
    }
}

/// What leans on a part that names what none of the passages says has no answer either; nor has what
/// leans on one that is not answered otherwise, if the passage nearest to it is not about that.
fn inherit(parts: &mut [Weighed]) {
    for at in 1..parts.len() {
        let (before, rest) = parts.split_at_mut(at);
        let (Some(before), Some(part)) = (before.last(), rest.first_mut()) else { continue };
        if part.missing.is_some() || part.asked.footing == Footing::Alone {
            continue;
        }
        part.missing.clone_from(&before.missing);
        if part.missing.is_none() && before.unanswered().is_some() && !part.founded {
            part.missing = Some(UNFOUNDED.to_owned());
        }
    }
}

fn uncovered(confidence: &Confidence) -> String {
    format!(
        "the nearest passages do not cover the question (confidence {:.2}, {:.2} is needed; \
         similarity {:.2}, words covered {:.0} %)",
        confidence.score(),
        confidence.threshold,
        confidence.dense,
        confidence.coverage * 100.0
    )
}

#[cfg(test)]
mod tests {
    use cairn_search::Frequencies;

    use super::*;
    use crate::answer::claims::codes::Naming;
    use crate::answer::claims::statements::tests::passage;
    use crate::answer::deciding::reading::Line;
    use crate::answer::question::subject::Subject;

    const REFERS: &str = "Who founded the Lind works and when did they move to Bonn?";
    const ALONE: &str = "Who founded the Lind works and when does the town pool open?";

    fn weighed(asked: Asked, score: f32, missing: Option<&str>) -> Weighed {
        let confidence = Confidence { score, ..Confidence::default() };
        let missing = missing.map(str::to_owned);
        let reading = Reading::default();
        Weighed { asked, reading, confidence, missing, founded: true }
    }

    /// What is decided on a question that has these scores, as a whole and for each part, where the
    /// first one lacks something.
    fn decided(question: &str, scores: &[f32], missing: Option<&str>) -> Verdict {
        let (analyzer, held) = (Analyzer::default(), Frequencies::default());
        let subject = Subject::new(&analyzer, question, &held);
        let asked = Asked::whole(&analyzer, question, (question.to_owned(), subject));
        let parts = asked.parts(&analyzer, &held).into_iter();
        let first = std::iter::once(missing).chain(std::iter::repeat(None));
        let parts = parts.zip(&scores[1..]).zip(first);
        let parts = parts.map(|((asked, score), missing)| weighed(asked, *score, missing));
        let parts: Vec<Weighed> = parts.collect();
        assert_eq!(parts.len() + 1, scores.len(), "{question}");
        let lacking = missing.filter(|_| parts.is_empty());
        Verdict::of(&[passage("A text.")], weighed(asked, scores[0], lacking), parts)
    }

    #[test]
    fn a_question_for_one_thing_is_answered_or_refused() {
        let one = "Who founded the Lind works?";
        let good = decided(one, &[0.8], None);
        assert!(good.refused.is_none() && good.notes().is_empty());
        assert_eq!((good.put(), good.sought().len()), (one.to_owned(), 1));
        assert!(decided(one, &[0.1], None).refused.is_some_and(|why| why.contains("0.10")));
        assert_eq!(decided(one, &[0.8], Some("no Q7")).refused.as_deref(), Some("no Q7"));
        let nothing = weighed(good.whole.asked, 0.8, None);
        assert!(Verdict::of(&[], nothing, Vec::new()).refused.is_some());
    }

    #[test]
    fn one_part_that_is_answered_is_enough_and_the_other_is_told() {
        let half = decided(ALONE, &[0.2, 0.9, 0.1], None);
        assert!(half.refused.is_none() && half.confidence.score() > 0.8);
        assert_eq!((half.sought().len(), half.put().as_str()), (1, "Who founded the Lind works?"));
        let notes = half.notes();
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].starts_with("'when does the town pool open?' is not answered: the nearest")
        );
        let lacking = decided(ALONE, &[0.9, 0.9, 0.9], Some("no Q7"));
        assert_eq!(lacking.put(), "when does the town pool open?");
        assert_eq!(lacking.notes(), ["'Who founded the Lind works' is not answered: no Q7"]);
        let both = decided(ALONE, &[0.2, 0.9, 0.9], None);
        assert_eq!((both.sought().len(), both.put()), (2, ALONE.to_owned()));
        assert!(both.notes().is_empty());
    }

    #[test]
    fn what_refers_to_another_part_makes_nobody_sure() {
        assert!(decided(REFERS, &[0.2, 0.1, 0.9], None).refused.is_some());
        let both = decided(REFERS, &[0.2, 0.9, 0.9], None);
        assert!(both.refused.is_none() && both.sought().len() == 2);
        // It lacks what that lacks.
        let lacking = decided(REFERS, &[0.9, 0.9, 0.9], Some("no Q7"));
        assert_eq!(lacking.refused.as_deref(), Some("no Q7"));
        // And is not understood without it.
        let second = decided(REFERS, &[0.9, 0.1, 0.9], None);
        assert_eq!((second.notes().len(), second.put()), (1, REFERS.to_owned()));
    }

    #[test]
    fn what_refers_to_what_is_not_answered_needs_a_passage_about_that() {
        let analyzer = Analyzer::default();
        let decided = |text: &str| {
            let (held, found) = (Frequencies::default(), [passage(text)]);
            let subject = Subject::new(&analyzer, REFERS, &held);
            let asked = Asked::whole(&analyzer, REFERS, (REFERS.to_owned(), subject));
            let line = Line {
                passage: 0,
                range: 0..text.len(),
                nearness: 0.9,
                naming: Naming::None,
                in_time: None,
                doubt: None,
            };
            let reading = Reading { nearness: 0.9, lines: vec![line] };
            let weigh = |asked: Asked, score: f32| {
                let confidence = Confidence { score, ..Confidence::default() };
                Weighed::new(&analyzer, (asked, reading.clone(), confidence), (&found, &found))
            };
            let parts = asked.parts(&analyzer, &held).into_iter();
            let parts = parts.zip([0.1, 0.9]).map(|(asked, score)| weigh(asked, score)).collect();
            Verdict::of(&found, weigh(asked, 0.9), parts)
        };
        let about = decided("The Lind works moved to Bonn in 1931.");
        assert!(about.refused.is_none() && about.notes().len() == 1);
        let other = decided("The old bakery moved to Bonn in 1931.");
        assert_eq!(other.refused.as_deref(), Some(UNFOUNDED));
    }

    #[test]
    fn what_says_little_is_understood_by_the_part_before_it() {
        let asked = "Who founded the Lind works and in which year?";
        let second = decided(asked, &[0.9, 0.1, 0.9], None);
        assert_eq!(second.parts[1].asked.footing, Footing::SaysLittle);
        assert_eq!((second.notes().len(), second.put().as_str()), (1, asked));
        assert_eq!(decided(asked, &[0.9; 3], Some("no Q7")).refused.as_deref(), Some("no Q7"));
    }

    #[test]
    fn what_is_covered_as_a_whole_is_answered_as_one() {
        let whole = decided(REFERS, &[0.9, 0.1, 0.1], None);
        assert!(whole.refused.is_none() && whole.notes().is_empty());
        assert_eq!((whole.sought().len(), whole.put()), (1, REFERS.to_owned()));
        assert!(whole.subjects().parts.is_empty());
    }

    #[test]
    fn a_wish_behind_the_question_is_put_with_it() {
        let asked = format!("{ALONE} Answer in German.");
        let half = decided(&asked, &[0.2, 0.9, 0.1], None);
        assert_eq!((half.notes().len(), half.put()), (1, asked));
    }
}
