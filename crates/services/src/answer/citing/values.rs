//! Ties the values of a JSON answer to the words that support them.
//!
//! A short value is no sentence: it must stand in a quote as a whole, each word of it and each
//! number, in whatever way that is written there. Of several quotes the one is best that speaks of
//! what is asked and of what the keys above the value say. A text that is longer is looked up
//! sentence by sentence, as prose is. True, false and null have no words to look for.

use cairn_search::Analyzer;

use super::cite::{self, Citation, Unsupported};
use super::evidence::{Quoted, Sources, Support};
use crate::answer::claims::facts::{Doubt, Facts};
use crate::answer::claims::numbers::{Numbers, is_scale, month};
use crate::answer::question::subject::{Subject, Subjects};
use crate::answer::writing::structured::Structure;
use crate::leaves::{Kind, Leaf, leaves, offsets};
use crate::retrieve::Passage;

/// Content words of a value that is looked for as a whole, at most.
const SHORT: usize = 4;
/// What it is worth that only the headings above a quote say a word, where the quote's own is 1.
const ABOVE: f32 = 0.5;

/// Cites every text and number of `text`, and the keys that the caller did not give. Places are
/// characters of `text`, without quotation marks.
pub(crate) fn cite(
    analyzer: &Analyzer,
    subject: &Subject,
    text: &str,
    structure: &Structure,
    (passages, shown): (&[Passage], Option<&[Vec<String>]>),
) -> (Vec<Citation>, Vec<Unsupported>) {
    let sources = Sources::of(analyzer, passages, shown);
    let (mut citations, mut unsupported) = (Vec::new(), Vec::new());
    let given = |leaf: &Leaf| leaf.kind == Kind::Key && structure.is_own(&leaf.said);
    for leaf in leaves(text).iter().filter(|leaf| !given(leaf)) {
        let before = text.get(..leaf.bytes.start).unwrap_or_default();
        let inner = text.get(leaf.bytes.clone()).unwrap_or_default();
        let (start, length) = (before.chars().count(), inner.chars().count());
        let key = words_of(&leaf.path);
        let subject = subject.under(analyzer, &key);
        let said = without_time(&leaf.said);
        let value = match leaf.kind {
            Kind::Flag | Kind::Null => continue,
            Kind::Number => match Numbers::of_json(said, &key) {
                Some(number) => Value::Number { written: said, number },
                None => continue,
            },
            Kind::Key | Kind::Text if analyzer.terms(said).len() > SHORT => {
                let offsets = offsets(inner);
                let place = |at: usize| start + offsets.get(at).copied().unwrap_or(length);
                let subjects = Subjects::one(&subject);
                let (cited, bare) =
                    cite::cite_in(analyzer, &subjects, said, &[], (&sources, passages));
                citations.extend(cited.into_iter().map(|citation| Citation {
                    sentence_start: place(citation.sentence_start),
                    sentence_end: place(citation.sentence_end),
                    ..citation
                }));
                unsupported.extend(
                    bare.iter()
                        .map(|bare| Unsupported { start: place(bare.start), end: place(bare.end) }),
                );
                continue;
            }
            Kind::Key | Kind::Text => Value::Text(Phrase::of(analyzer, said)),
        };
        if value.is_nothing() {
            continue;
        }
        let says = |quoted: &Quoted<'_>| value.said_by(analyzer, quoted);
        let support = sources.value(analyzer, &subject, said, says);
        let holds = support.as_ref().is_some_and(Support::holds);
        if !holds {
            unsupported.push(Unsupported { start, end: start + length });
        }
        let place = (start, start + length);
        citations.extend(support.and_then(|support| cite::cited(passages, &support, place)));
    }
    (citations, unsupported)
}

/// The words of keys: "monthlyRent" and "monthly_rent" are two.
fn words_of(path: &[String]) -> String {
    let mut words = String::new();
    let mut small = false;
    for character in path.join(" ").chars() {
        if character.is_uppercase() && small {
            words.push(' ');
        }
        small = character.is_lowercase();
        words.push(if character.is_alphanumeric() { character } else { ' ' });
    }
    words
}

/// A date without the time of day that only fills its form.
fn without_time(said: &str) -> &str {
    match said.split_once("T00:00") {
        Some((date, _)) if date.ends_with(|c: char| c.is_ascii_digit()) => date,
        _ => said,
    }
}

/// A value that is looked for as a whole.
enum Value<'v> {
    Number { written: &'v str, number: Numbers },
    Text(Phrase<'v>),
}

impl Value<'_> {
    /// Whether there is nothing to look for.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Number { .. } => false,
            Self::Text(phrase) => phrase.words.is_empty() && phrase.facts.numbers().is_empty(),
        }
    }

    /// How much of it a quote says, 0 to 1, and what speaks against it.
    fn said_by(&self, analyzer: &Analyzer, quoted: &Quoted<'_>) -> (f32, Option<Doubt>) {
        match self {
            Self::Number { written, number } => (number_in(written, number, quoted), None),
            Self::Text(phrase) => phrase.said_by(analyzer, quoted),
        }
    }
}

/// How surely a quote says a number.
fn number_in(written: &str, number: &Numbers, quoted: &Quoted<'_>) -> f32 {
    let quote = quoted.facts.numbers();
    if stands_in(written, quoted.text) || number.found_in(quote) > 0 {
        return 1.0;
    }
    let lower = quoted.text.to_lowercase();
    let shares = ["%", "percent", "per cent", "prozent", "pour cent", "por ciento"];
    if shares.iter().any(|word| lower.contains(word)) && number.in_percent().found_in(quote) > 0 {
        return 1.0;
    }
    if number.found_in(quoted.around.numbers()) > 0 { ABOVE } else { 0.0 }
}

/// A text of few words.
struct Phrase<'v> {
    written: &'v str,
    words: Vec<Word>,
    facts: Facts,
}

/// A word of it that is no number.
struct Word {
    written: String,
    terms: Vec<String>,
    /// The month it names, in digits.
    month: Option<String>,
}

impl<'v> Phrase<'v> {
    fn of(analyzer: &Analyzer, written: &'v str) -> Self {
        let words = written.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '\u{2019}'));
        let words = words.filter(|word| !is_number(word)).filter_map(|word| {
            let terms = analyzer.terms(word);
            let month = month(&word.to_lowercase()).map(|month| month.to_string());
            (!terms.is_empty()).then(|| Word { written: word.to_owned(), terms, month })
        });
        Self { written, words: words.collect(), facts: Facts::of(analyzer, written) }
    }

    /// How much of it a quote says, and what speaks against it: the first word that is missing, or
    /// what the two state differently.
    fn said_by(&self, analyzer: &Analyzer, quoted: &Quoted<'_>) -> (f32, Option<Doubt>) {
        let differing = || self.facts.doubt(analyzer, quoted.facts, quoted.around);
        if stands_in(self.written, quoted.text) {
            return (1.0, differing());
        }
        let above = quoted.around.above(analyzer);
        let (mut said, mut missing) = (0.0, None);
        for word in &self.words {
            let in_digits = word.month.as_ref().is_some_and(|month| {
                !quoted.facts.numbers().is_empty() && quoted.facts.numbers().means(month)
            });
            if in_digits || word.terms.iter().all(|term| quoted.terms.contains(term)) {
                said += 1.0;
            } else if word.terms.iter().all(|term| above.contains(term)) {
                said += ABOVE;
            } else if missing.is_none() {
                missing = Some(Doubt::Word(word.written.clone()));
            }
        }
        // A number counts twice.
        let numbers = self.facts.numbers();
        let inside = numbers.found_in(quoted.facts.numbers());
        let beside = numbers.found_in(quoted.around.numbers()).saturating_sub(inside);
        said += 2.0 * inside as f32 + 2.0 * ABOVE * beside as f32;
        let all = self.words.len() as f32 + 2.0 * numbers.len() as f32;
        (if all > 0.0 { said / all } else { 0.0 }, missing.or_else(differing))
    }
}

/// Whether a word is compared as a number.
fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        || is_scale(&word.to_lowercase())
        || !Numbers::of(word).is_empty()
}

/// Whether `text` says the words of `value` one after the other, as no part of others. Case and
/// breaks of lines do not count.
fn stands_in(value: &str, text: &str) -> bool {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let (value, text) = (flat(value), flat(text));
    if !value.contains(char::is_alphanumeric) {
        return false;
    }
    text.match_indices(&value).any(|(at, found)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + found.len()..).unwrap_or_default();
        let mut behind = before.chars().rev();
        let (last, first) = (value.chars().next_back(), value.chars().next());
        !glued(first, behind.next(), behind.next())
            && !glued(last, after.chars().next(), after.chars().nth(1))
    })
}

/// Whether a word goes on beyond its end `inner`: behind it come `next` and `then`.
fn glued(inner: Option<char>, next: Option<char>, then: Option<char>) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    // Scripts without spaces have no ends of words to be seen.
    let spaced = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c < '\u{2e80}');
    if digit(inner) && matches!(next, Some('.' | ',')) && digit(then) {
        return true;
    }
    spaced(inner) && spaced(next)
}

#[cfg(test)]
mod tests {
    use cairn_serving::chat::TextFormat;
    use serde_json::json;

    use super::*;
    use crate::answer::claims::statements::tests::passage;

    const LEASE: &str = "The lease with Ada Byron begins on 1 May 2024. The monthly rent is 4,200 \
         euros, payable by the third working day. The deposit is 8,400 euros. Pets are not allowed. \
         The rent rises by 3.5 percent a year.";
    const ASKED: &str = "What are the terms of the lease?";

    /// What is cited of a JSON answer: each place's words with the quote, whether it supports them
    /// and the doubt; and the words of what is unsupported.
    type Cited = (Vec<(String, String, bool, Option<String>)>, Vec<String>);

    fn cited(answer: &str) -> Cited {
        let analyzer = Analyzer::default();
        let passages = [passage(LEASE), passage("A lost key costs 4,200 cents.")];
        let schema = json!({"properties": {"tenant": {}, "start": {}, "rent": {}, "deposit": {},
            "pets": {}, "terms": {}, "amount": {}}});
        let format = TextFormat::JsonSchema { name: "lease".to_owned(), schema };
        let structure = Structure::of(&format).unwrap().unwrap();
        let subject = Subject::plain(&analyzer, ASKED);
        let (citations, unsupported) =
            cite(&analyzer, &subject, answer, &structure, (&passages, None));
        let words = |start: usize, end: usize| -> String {
            answer.chars().skip(start).take(end - start).collect()
        };
        let told = |cited: Citation| {
            let place = words(cited.sentence_start, cited.sentence_end);
            (place, cited.quote, cited.supported, cited.doubt)
        };
        (
            citations.into_iter().map(told).collect(),
            unsupported.iter().map(|bare| words(bare.start, bare.end)).collect(),
        )
    }

    #[test]
    fn texts_and_numbers_are_found_however_they_are_written() {
        let (found, unsupported) = cited(
            r#"{"tenant": "Ada Byron", "start": "2024-05-01", "rent": {"amount": 4200}, "deposit": 8400.0, "pets": false, "terms": null}"#,
        );
        let places: Vec<&str> = found.iter().map(|found| found.0.as_str()).collect();
        assert_eq!(places, ["Ada Byron", "2024-05-01", "4200", "8400.0"]);
        assert!(found.iter().all(|found| found.2 && found.3.is_none()), "{found:?}");
        assert!(
            found[0].1.starts_with("The lease with") && found[1].1.starts_with("The lease with")
        );
        assert!(found[2].1.starts_with("The monthly rent"), "by its key: {}", found[2].1);
        assert!(found[3].1.starts_with("The deposit"), "{}", found[3].1);
        assert!(unsupported.is_empty(), "{unsupported:?}");
    }

    #[test]
    fn what_nothing_says_is_unsupported_and_what_is_half_said_is_doubted() {
        let (found, unsupported) =
            cited(r#"{"tenant": "Bob Byron", "rent": {"amount": 4300}, "terms": "quarterly"}"#);
        assert_eq!(unsupported, ["Bob Byron", "4300", "quarterly"]);
        let [(place, quote, supported, doubt)] = found.as_slice() else { panic!("{found:?}") };
        assert!(!supported && place == "Bob Byron" && quote.contains("Ada Byron"), "{quote}");
        assert_eq!(doubt.as_deref(), Some("the quote does not say 'Bob'"));
    }

    #[test]
    fn what_is_denied_in_the_quote_is_doubted() {
        let (found, unsupported) = cited(r#"{"pets": "pets allowed"}"#);
        assert!(found.iter().all(|found| !found.2), "{found:?}");
        assert_eq!(unsupported, ["pets allowed"]);
    }

    #[test]
    fn a_date_in_another_month_is_unsupported() {
        assert_eq!(cited(r#"{"start": "1 May 2024"}"#).1, Vec::<String>::new());
        assert_eq!(cited(r#"{"start": "1 June 2024"}"#).1, ["1 June 2024"]);
        assert_eq!(cited(r#"{"start": "2024-06-01"}"#).1, ["2024-06-01"]);
        assert_eq!(cited(r#"{"start": "2024-05-01T00:00:00Z"}"#).1, Vec::<String>::new());
    }

    #[test]
    fn shares_of_a_hundred_are_known() {
        assert_eq!(cited(r#"{"rent": 0.035}"#).1, Vec::<String>::new());
        assert_eq!(cited(r#"{"rent": 3.5}"#).1, Vec::<String>::new());
        assert_eq!(cited(r#"{"rent": 0.045}"#).1, ["0.045"]);
    }

    #[test]
    fn a_longer_text_is_cited_sentence_by_sentence_in_its_place() {
        let answer = r#"{"terms": "The \"monthly\" rent is 4,200 euros. The landlord repairs every window yearly."}"#;
        let (found, unsupported) = cited(answer);
        let places: Vec<&str> =
            found.iter().filter(|found| found.2).map(|found| found.0.as_str()).collect();
        assert_eq!(places, [r#"The \"monthly\" rent is 4,200 euros."#]);
        assert_eq!(unsupported, ["The landlord repairs every window yearly."]);
    }

    #[test]
    fn keys_that_the_caller_did_not_give_are_values_too() {
        let (found, unsupported) = cited(r#"{"deposit": null, "Ada Byron": true, "Cleo Dane": 1}"#);
        assert!(found.iter().any(|found| found.0 == "Ada Byron" && found.2), "{found:?}");
        assert!(unsupported.contains(&"Cleo Dane".to_owned()), "{unsupported:?}");
    }

    #[test]
    fn a_value_stands_for_itself_and_not_in_another() {
        assert!(stands_in("ada  byron", "Signed: ADA\nByron."));
        assert!(stands_in("月曜", "図書館は月曜休みです"));
        assert!(stands_in("3.5", "It is 3.5."));
        for (value, text) in
            [("12", "2012"), ("234", "1,234"), ("4", "4.2"), ("art", "party"), ("-", "a - b")]
        {
            assert!(!stands_in(value, text), "{value} in {text}");
        }
    }

    #[test]
    fn the_words_of_keys_are_told_apart() {
        let path = ["lease_terms".to_owned(), "monthlyRentEUR".to_owned()];
        assert_eq!(words_of(&path), "lease terms monthly Rent EUR");
    }
}
