//! Codes that tell one thing from others of its kind: "Q3", "E17", "P-103", "100-2".
//!
//! Two sentences that differ in a code alone are as near to a question as can be, by words and by
//! vectors, and only one of them is about what is asked. So codes are compared by themselves:
//! however they are joined ("P-103", "P 103", "p103"), as a whole ("Q3" is not in "Q31").
//!
//! What is a measure, a date, a decade or a span is no code ("12cm", "1990s", "2019-20"), nor what
//! has another name in common use ("CO2"): of the questions of SQuAD that are answered, none asks
//! for a code by this measure that its article does not say.

use crate::retrieve::Passage;

/// Letters that a code begins with, at most.
const MOST_LETTERS: usize = 5;
/// Letters of a code that is not written in capitals, at most: more are a word.
const MOST_SMALL: usize = 2;
/// Digits of a code without letters, at least: "9/11" and "24/7" are none.
const LEAST_DIGITS: usize = 4;
/// Bytes of a code, at most.
const LONGEST: usize = 32;
/// Characters between the parts of a code, at most.
const WIDEST: usize = 2;
/// What looks like a code and is as often called by another name.
const NICKNAMES: [&str; 40] = [
    "m2", "m3", "km2", "cm2", "cm3", "mm2", "ms2", "no2", "so2", "n2o", "ch4", "o3", "b12", "co2",
    "h2o", "o2", "n2", "ww1", "ww2", "g7", "g8", "g20", "b2b", "b2c", "p2p", "mp3", "mp4",
    "covid19", "k12", "a4", "m1", "f1", "h1", "h2", "y2k", "e2e", "k8s", "i18n", "l10n", "a11y",
];

/// Words for a quarter of a year begin like this.
const QUARTERS: [&str; 4] = ["quarter", "quartal", "trimest", "kwarta"];
/// How ordinals begin, with their digits.
const ORDINALS: [(&str, &str); 20] = [
    ("first", "1"),
    ("second", "2"),
    ("third", "3"),
    ("fourth", "4"),
    ("erste", "1"),
    ("zweite", "2"),
    ("dritte", "3"),
    ("vierte", "4"),
    ("premier", "1"),
    ("deuxi", "2"),
    ("troisi", "3"),
    ("quatri", "4"),
    ("primer", "1"),
    ("segund", "2"),
    ("tercer", "3"),
    ("cuart", "4"),
    ("primo", "1"),
    ("secondo", "2"),
    ("terzo", "3"),
    ("quarto", "4"),
];

/// A code of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    written: String,
    /// Its runs of letters and of digits.
    runs: Vec<String>,
}

/// What a sentence has to do with the codes that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Naming {
    /// It has one of them.
    Asked,
    /// It has others of the same form, and none of them.
    Other,
    /// It has none.
    #[default]
    None,
}

impl Code {
    /// As it is written.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Whether `text` says it.
    pub(crate) fn stands_in(&self, text: &str) -> bool {
        let runs = runs(text);
        let meant = |found: &[Run<'_>]| {
            let alike = found.iter().zip(&self.runs).all(|(run, own)| is_same(run.text, own));
            alike && found.iter().skip(1).all(|run| run.gap <= WIDEST)
        };
        let glued = |run: Option<&Run<'_>>| run.is_some_and(|run| run.gap == 0);
        // Its first part is no end of a longer word, and its last one no beginning of one, but for
        // a plural's s.
        runs.windows(self.runs.len()).enumerate().any(|(at, found)| {
            let begins = at == 0 || !glued(found.first());
            let next = runs.get(at + found.len()).filter(|run| run.text != "s");
            begins && !glued(next) && meant(found)
        }) || self.is_quarter_of(text)
    }

    /// Whether both are the same, however they are joined.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.runs.len() == other.runs.len()
            && self.runs.iter().zip(&other.runs).all(|(one, two)| is_same(one, two))
    }

    /// Whether both are of one kind, as "E10" and "E17" are.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self.runs.first(), other.runs.first()) {
            (Some(one), Some(two)) if is_digits(one) && is_digits(two) => {
                self.runs.len() == other.runs.len()
            }
            (Some(one), Some(two)) => is_same(one, two),
            _ => false,
        }
    }

    /// "Q3" may be the third quarter of a year.
    fn is_quarter_of(&self, text: &str) -> bool {
        let [letter, number] = self.runs.as_slice() else { return false };
        if !is_same(letter, "q") {
            return false;
        }
        let is_ordinal = |word: &str| {
            let mut meant = ORDINALS.iter().filter(|(_, digit)| digit == number);
            meant.any(|(ordinal, _)| word.starts_with(ordinal))
        };
        let lower = text.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let quarter = |word: &str| QUARTERS.iter().any(|stem| word.starts_with(stem));
        words.windows(2).any(|pair| match pair {
            [one, two] if quarter(two) => is_ordinal(one) || one.starts_with(number.as_str()),
            [one, two] => quarter(one) && two == number,
            _ => false,
        })
    }
}

/// The codes of `text`, in order.
pub(crate) fn codes(text: &str) -> Vec<Code> {
    let inner = |c: char| c.is_alphanumeric() || "-\u{2010}\u{2011}\u{2013}/_.".contains(c);
    let words = text.split(|c| !inner(c)).map(|word| word.trim_matches(|c| !is_letter_or_digit(c)));
    words.filter_map(code).collect()
}

/// Which of the codes `asked` for a text has.
pub(crate) fn naming(asked: &[Code], text: &str) -> Naming {
    if asked.is_empty() {
        return Naming::None;
    }
    if asked.iter().any(|code| code.stands_in(text)) {
        return Naming::Asked;
    }
    let other = codes(text).iter().any(|found| asked.iter().any(|code| code.is_like(found)));
    if other { Naming::Other } else { Naming::None }
}

/// A code that is `asked` for and that nothing of what was found says, though it names others of its
/// kind, nor another one that is asked for with it: the passages with the headings above them, what
/// their documents are called, and their attributes. Where none of its kind is named, it may be what
/// the documents have another word for.
pub(crate) fn missing(asked: &[Code], found: &[Passage]) -> Option<String> {
    if asked.is_empty() {
        return None;
    }
    let said = |code: &Code| found.iter().any(|passage| is_said_by(code, passage));
    let gone = |code: &&Code| !asked.iter().any(|other| other.is_like(code) && said(other));
    let named = |code: &&Code| {
        let texts = found.iter().flat_map(|passage| codes(&passage.chunk.text));
        texts.into_iter().any(|other| other.is_like(code))
    };
    asked.iter().filter(gone).find(named).map(|code| code.written.clone())
}

fn is_said_by(code: &Code, passage: &Passage) -> bool {
    let chunk = &passage.chunk;
    let texts = [&chunk.text, &chunk.context, &chunk.label, &chunk.filename, &chunk.attributes];
    texts.into_iter().chain(&passage.headings).any(|text| code.stands_in(text))
}

fn code(word: &str) -> Option<Code> {
    if word.len() > LONGEST || !word.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut found = runs(word);
    // What a longer word is made of besides ("E17-Fehler"), or a plural's s.
    while found.last().is_some_and(is_beside) {
        found.pop();
    }
    let first = found.first()?;
    if is_span(&found) {
        return None;
    }
    let is_code = if is_digits(first.text) {
        is_number_of_parts(word, &found)
    } else {
        is_named(word, &found)
    };
    let joined: String = found.iter().map(|run| run.text.to_lowercase()).collect();
    (is_code && !NICKNAMES.contains(&joined.as_str())).then(|| Code {
        written: written(word, &found),
        runs: found.iter().map(|run| run.text.to_owned()).collect(),
    })
}

/// Whether it is no part of a code at its end: a word, or a plural's s.
fn is_beside(run: &Run<'_>) -> bool {
    let long = run.text.chars().count() > 2;
    !is_digits(run.text) && (long || (run.gap == 0 && run.text == "s"))
}

/// Whether it is two codes of one kind, from one to the other: "Q1-Q3".
fn is_span(found: &[Run<'_>]) -> bool {
    let [one, from, other, to] = found else { return false };
    let counted = is_digits(from.text) && is_digits(to.text);
    !is_digits(one.text) && counted && is_same(one.text, other.text)
}

/// `word` up to the end of the last of its runs.
fn written(word: &str, found: &[Run<'_>]) -> String {
    let mut rest = word;
    for run in found {
        let (_, after) = rest.split_once(run.text).unwrap_or(("", rest));
        rest = after;
    }
    word[..word.len() - rest.len()].to_owned()
}

/// Whether it is letters and then digits: "Q3", "p-103", "X.25". Not "d2008", "No.5", "FY2023", "v2".
fn is_named(word: &str, found: &[Run<'_>]) -> bool {
    let [letters, digits, ..] = found else { return false };
    let count = letters.text.chars().count();
    let capitals = letters.text.chars().all(char::is_uppercase);
    if count > MOST_LETTERS || !(capitals || count <= MOST_SMALL) {
        return false;
    }
    let point = word.contains('.');
    let year = digits.gap == 0 && found.len() == 2 && is_year(digits.text);
    let fiscal = matches!(letters.text, "FY" | "CY" | "GJ");
    let dated = fiscal || (year && !capitals);
    let version = letters.text.eq_ignore_ascii_case("v");
    (capitals || !point) && !dated && !version
}

/// Whether it is digits in parts: "100-2", "4711-A". Not a date, a span or an amount.
fn is_number_of_parts(word: &str, found: &[Run<'_>]) -> bool {
    let digits: usize =
        found.iter().filter(|run| is_digits(run.text)).map(|run| run.text.len()).sum();
    let parted = found.iter().skip(1).all(|run| run.gap > 0);
    let year = found.iter().any(|run| is_year(run.text));
    if found.len() < 2 || digits < LEAST_DIGITS - 1 || !parted || year {
        return false;
    }
    let points = word.contains('.');
    match found {
        [number, letter] if !is_digits(letter.text) => {
            let capitals = letter.text.chars().all(char::is_uppercase);
            number.text.len() >= LEAST_DIGITS - 1 && letter.text.len() <= 2 && capitals && !points
        }
        [one, other] => digits >= LEAST_DIGITS && !points && number(other.text) < number(one.text),
        // A date has three parts of two digits, and a large number groups of three.
        [_, rest @ ..] if found.iter().all(|run| is_digits(run.text)) => {
            let date = found.len() == 3 && found.iter().all(|run| run.text.len() <= 2);
            let grouped = points && rest.iter().all(|run| run.text.len() == 3);
            digits >= LEAST_DIGITS && !date && !grouped
        }
        _ => false,
    }
}

fn number(digits: &str) -> u64 {
    digits.parse().unwrap_or(u64::MAX)
}

/// Whether these digits may be a year.
pub(crate) fn is_year(digits: &str) -> bool {
    digits.len() == 4 && (1000..=2100).contains(&number(digits))
}

/// Letters or digits one after another.
struct Run<'t> {
    text: &'t str,
    /// Characters between it and the one before.
    gap: usize,
}

fn runs(text: &str) -> Vec<Run<'_>> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find(is_letter_or_digit) {
        let (before, run) = rest.split_at(start);
        let digits = run.starts_with(|c: char| c.is_ascii_digit());
        let ends = |c: char| !is_letter_or_digit(c) || c.is_ascii_digit() != digits;
        let (run, after) = run.split_at(run.find(ends).unwrap_or(run.len()));
        found.push(Run { text: run, gap: before.chars().count() });
        rest = after;
    }
    found
}

fn is_letter_or_digit(c: char) -> bool {
    c.is_alphabetic() || c.is_ascii_digit()
}

fn is_digits(run: &str) -> bool {
    run.starts_with(|c: char| c.is_ascii_digit())
}

fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Vec<String> {
        codes(text).iter().map(|code| code.written().to_owned()).collect()
    }

    #[test]
    fn codes_are_told_from_measures_dates_and_words() {
        for (text, expected) in [
            ("How much does machine Q3 weigh?", vec!["Q3"]),
            ("What does error e17 mean?", vec!["e17"]),
            ("Who has the id P-103, or P/104?", vec!["P-103", "P/104"]),
            ("Which valve fits 100-2?", vec!["100-2"]),
            ("What were X.25 and 4711-A used for?", vec!["X.25", "4711-A"]),
            ("Is 12cm or 5-year or 700-megawatt meant?", vec![]),
            ("In the 1990s, the mid-1970s or the 19th century?", vec![]),
            ("In 2021, 2019-20, 1914-1918, 1978 an d2008 or FY2023?", vec![]),
            ("On 2024-05-01, 01.02.24 or 9/11, at 10-12 or 3-1?", vec![]),
            ("Is it 1.000.000, 3.5, 4,200, 5000 or No.5?", vec![]),
            ("What is Internet2? How much CO2 is that in v2?", vec![]),
            ("Was bedeutet der E17-Fehler, und wie hoch war der Q3-Umsatz?", vec!["E17", "Q3"]),
            ("How many F-16s and COVID-19-related cases?", vec!["F-16"]),
            ("Compare Q1-Q3 sales; how many m2 is it, and m/s2? Revenue in FY24?", vec![]),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }

    #[test]
    fn a_code_is_found_however_it_is_joined_and_only_as_a_whole() {
        let code = |text: &str| codes(text).remove(0);
        for text in ["part P-103 fits", "| p103 | Dora |", "P 103", "P\u{2013}103."] {
            assert!(code("P-103").stands_in(text), "{text}");
        }
        assert!(code("F-16").stands_in("40 F-16s") && code("F-16s").stands_in("an F-16"));
        for text in ["P-1030", "XP-103", "P-10 and 3", "103", "P of the 103"] {
            assert!(!code("P-103").stands_in(text), "{text}");
        }
        assert!(!code("Q3").stands_in("Machine Q31 weighs 3 kilograms."));
        for text in
            ["Sales of the third quarter rose.", "Umsatz im dritten Quartal", "troisième trimestre"]
        {
            assert!(code("Q3").stands_in(text), "a quarter of a year: {text}");
        }
    }

    #[test]
    fn a_sentence_names_what_is_asked_another_of_its_kind_or_nothing() {
        let asked = codes("What does error E17 mean?");
        assert_eq!(naming(&asked, "Error E17 means that the relay failed."), Naming::Asked);
        assert_eq!(naming(&asked, "Error E14 is not E17."), Naming::Asked);
        assert_eq!(naming(&asked, "Error E14 means that the fan failed."), Naming::Other);
        assert_eq!(naming(&asked, "Machine Q3 shows errors."), Naming::None);
        assert_eq!(naming(&[], "Error E14"), Naming::None);
    }

    #[test]
    fn a_code_that_nothing_says_is_missing() {
        let text = "Error E14 means that the fan is blocked. Error E21 means low pressure.";
        let found = [crate::answer::claims::statements::tests::passage(text)];
        let missing = |question: &str, found: &[Passage]| missing(&codes(question), found);
        assert_eq!(missing("What does error E99 mean?", &found).as_deref(), Some("E99"));
        assert_eq!(missing("What does error E21 mean?", &found), None);
        assert_eq!(missing("What do E21 and E99 mean?", &found), None, "one can be answered");
        assert_eq!(missing("What happened in 2021?", &found), None);
        assert_eq!(missing("Whom do I call about room B204?", &found), None, "no room is named");
        let mut titled = found;
        "E99_faults.md".clone_into(&mut titled[0].chunk.filename);
        assert_eq!(missing("What does error E99 mean?", &titled), None);
    }
}
