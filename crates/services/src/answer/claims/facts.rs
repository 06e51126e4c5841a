//! What a sentence states that shared words do not show: its numbers, its names, what it denies,
//! and which of two opposites it says.
//!
//! A sentence may share nine words of ten with a passage and say another number. So beside the
//! share of its words each of these is compared by itself, and the first that differs is told as
//! a [`Doubt`]. What the passage has and the sentence leaves out is no difference.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

use cairn_search::{Analyzer, Language};

use super::numbers::{Numbers, month};
use crate::retrieve::Passage;

/// Words that deny what comes after them, in the language of a text.
fn denying(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &[
            "not", "no", "never", "cannot", "without", "neither", "nor", "none", "nobody",
            "nothing",
        ],
        Language::German => {
            &["nicht", "kein", "keine", "keinen", "keinem", "keiner", "nie", "niemals", "ohne"]
        }
        Language::French => &["pas", "jamais", "sans", "aucun", "aucune", "ni"],
        Language::Spanish => &["no", "nunca", "jamás", "sin", "ningún", "ninguna", "ni"],
        Language::Italian => &["non", "mai", "senza", "nessun", "nessuna", "né"],
        Language::Portuguese => &["não", "nunca", "sem", "nenhum", "nenhuma", "nem"],
        Language::Dutch => &["niet", "geen", "nooit", "zonder"],
        _ => &[],
    }
}

/// Words after which the sentence says what is so instead.
const INSTEAD: [&str; 8] = ["but", "sondern", "mais", "sino", "ma", "mas", "maar", "rather"];
/// Words that take a denial back when they follow it: "not only".
const ONLY: [&str; 7] = ["only", "nur", "seulement", "sólo", "solo", "apenas", "alleen"];
/// Words of opposite meaning that do not say the same with their sides exchanged, as "before" and
/// "after" do.
const OPPOSITES: [(&str, &str); 23] = [
    ("increase", "decrease"),
    ("increased", "reduced"),
    ("rise", "fall"),
    ("rose", "fell"),
    ("grew", "shrank"),
    ("growth", "decline"),
    ("highest", "lowest"),
    ("largest", "smallest"),
    ("maximum", "minimum"),
    ("allowed", "forbidden"),
    ("permitted", "prohibited"),
    ("mandatory", "optional"),
    ("enable", "disable"),
    ("accept", "reject"),
    ("approved", "rejected"),
    ("profit", "loss"),
    ("pass", "fail"),
    ("true", "false"),
    ("always", "never"),
    ("include", "exclude"),
    ("northern", "southern"),
    ("eastern", "western"),
    ("success", "failure"),
];
/// Words within which "but" makes a denial one half of a contrast.
const CONTRAST: usize = 8;

/// Why a quote that shares the words of a sentence does not support it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The sentence has a number that the quote has not.
    Number(String),
    /// It names somebody or something that the passage does not.
    Name(String),
    /// One denies what the other says.
    Denied(String),
    /// It says a word, and the quote the opposite one.
    Opposite(&'static str, &'static str),
    /// The quote is not about the code, year or number that is asked for or spoken of.
    Asked(String),
    /// A yes or no rests on a word that the one sentence quoted does not have.
    Apart(String),
    /// A value has a word that neither the quote nor what stands above it has.
    Word(String),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "the quote does not say {number}"),
            Self::Word(word) => write!(f, "the quote does not say '{word}'"),
            Self::Name(name) => write!(f, "the passage does not name {name}"),
            Self::Denied(word) => {
                write!(f, "the sentence and the quote differ in whether they deny '{word}'")
            }
            Self::Opposite(said, quoted) => {
                write!(f, "the sentence says '{said}' and the quote '{quoted}'")
            }
            Self::Asked(name) => write!(f, "the quote is not about {name}"),
            Self::Apart(word) => {
                write!(f, "the sentence quoted does not say '{word}', which yes or no is about")
            }
        }
    }
}

/// What a text states.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    numbers: Numbers,
    /// Names as they are written, each with its term.
    names: Vec<(String, String)>,
    /// Terms of all words.
    terms: HashSet<String>,
    /// Terms that are denied, each with its word.
    denied: Vec<(String, String)>,
    denies: bool,
    /// Which of which [`OPPOSITES`] it says.
    sides: BTreeSet<Side>,
}

/// A pair of [`OPPOSITES`] and whether the second is meant.
type Side = (usize, bool);

/// The sides by their stems, and by the words themselves where they are function words.
static SIDES: LazyLock<HashMap<String, Vec<Side>>> = LazyLock::new(|| {
    let english = Analyzer::new(Language::English);
    let mut sides = HashMap::<String, Vec<Side>>::new();
    for (pair, &(one, other)) in OPPOSITES.iter().enumerate() {
        for (word, second) in [(one, false), (other, true)] {
            let stem = english.terms(word).into_iter().next();
            sides.entry(stem.unwrap_or_else(|| word.to_owned())).or_default().push((pair, second));
        }
    }
    sides
});

impl Facts {
    /// What `text` states, with words as `analyzer` has them.
    pub(crate) fn of(analyzer: &Analyzer, text: &str) -> Self {
        let words: Vec<Word<'_>> = words(text);
        let mut facts = Self { numbers: Numbers::of(text), ..Self::default() };
        let mut denying = false;
        let english = analyzer.language() == Language::English;
        let sides = |word: &str| SIDES.get(word).filter(|_| english).into_iter().flatten();
        for (at, word) in words.iter().enumerate() {
            facts.sides.extend(sides(&word.lower));
            if is_denial(analyzer.language(), &words, at) {
                (denying, facts.denies) = (true, true);
                continue;
            }
            for term in analyzer.terms(word.text) {
                if std::mem::take(&mut denying) {
                    facts.denied.push((term.clone(), word.text.to_owned()));
                }
                if word.is_name() {
                    facts.names.push((word.text.to_owned(), term.clone()));
                }
                facts.sides.extend(sides(&term));
                facts.terms.insert(term);
            }
        }
        if !tells_names_by_capitals(analyzer.language()) {
            facts.names.clear();
        }
        facts
    }

    /// The numbers.
    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// What `quote` does not bear out of these, which are a sentence's. `around` is what is known
    /// where the quote stands: its passage, the headings above it and its file's name.
    pub(crate) fn doubt(
        &self,
        analyzer: &Analyzer,
        quote: &Self,
        around: &Around<'_>,
    ) -> Option<Doubt> {
        if let Some(number) = self.numbers.missing_in(&quote.numbers, &around.numbers) {
            return Some(Doubt::Number(number));
        }
        if let Some(word) = self.differs_in_denial(quote) {
            return Some(Doubt::Denied(word));
        }
        let contrary = self.sides.iter().find(|&&(pair, second)| {
            let other = (pair, !second);
            let only = |facts: &Self, one: Side, other: Side| {
                facts.sides.contains(&one) && !facts.sides.contains(&other)
            };
            only(self, (pair, second), other) && only(quote, other, (pair, second))
        });
        if let Some((&(one, other), &(_, second))) =
            contrary.and_then(|side| OPPOSITES.get(side.0).zip(Some(side)))
        {
            let (said, quoted) = if second { (other, one) } else { (one, other) };
            return Some(Doubt::Opposite(said, quoted));
        }
        let missing = self.names.iter().find(|(_, term)| {
            !quote.terms.contains(term) && !around.terms(analyzer).contains(term)
        });
        missing.map(|(name, _)| Doubt::Name(name.clone()))
    }

    /// The word that one denies and the other says without denying anything.
    fn differs_in_denial(&self, other: &Self) -> Option<String> {
        let one_sided = |denying: &Self, saying: &Self| {
            let plain = (!saying.denies).then_some(saying)?;
            denying.denied.iter().find(|(term, _)| plain.terms.contains(term)).cloned()
        };
        let differing = one_sided(self, other).or_else(|| one_sided(other, self));
        differing.map(|(_, word)| word)
    }
}

/// What is known where a quote stands, read when it is asked for.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    passage: &'a str,
    headings: String,
    /// Numbers of the headings; those of the passage's other sentences are about other things.
    numbers: Numbers,
    terms: OnceCell<HashSet<String>>,
    /// Terms of the headings alone.
    above: OnceCell<HashSet<String>>,
}

impl<'a> Around<'a> {
    /// What `passage` says, and the headings above it and the name of its file.
    pub(crate) fn new(passage: &'a str, headings: &[String], filename: &str) -> Self {
        let headings = format!("{} {}", headings.join(" "), filename.replace(['_', '-', '.'], " "));
        let numbers = Numbers::of(&headings);
        let (terms, above) = (OnceCell::new(), OnceCell::new());
        Self { passage, headings, numbers, terms, above }
    }

    /// The same of a passage that was found, with the columns of its table and what its document is
    /// called.
    pub(crate) fn of(passage: &'a Passage) -> Self {
        let chunk = &passage.chunk;
        let mut above = passage.headings.clone();
        above.extend([chunk.context.clone(), chunk.label.clone()]);
        Self::new(&chunk.text, &above, &chunk.filename)
    }

    /// The headings, and what else is known of the whole passage.
    pub(crate) fn headings(&self) -> &str {
        &self.headings
    }

    /// The terms of those.
    pub(crate) fn above(&self, analyzer: &Analyzer) -> &HashSet<String> {
        self.above.get_or_init(|| analyzer.terms(&self.headings).into_iter().collect())
    }

    /// The numbers of those.
    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    fn terms(&self, analyzer: &Analyzer) -> &HashSet<String> {
        self.terms.get_or_init(|| {
            let terms = [self.passage, &self.headings].map(|text| analyzer.terms(text));
            terms.into_iter().flatten().collect()
        })
    }
}

/// A word of a text.
struct Word<'a> {
    text: &'a str,
    lower: String,
    /// Whether a sentence or a quotation begins with it.
    first: bool,
}

impl Word<'_> {
    /// Whether it is written as a name. Months and weekdays are not asked for: a date may be
    /// written in numbers.
    fn is_name(&self) -> bool {
        let mut letters = self.text.chars();
        let capital = letters.next().is_some_and(char::is_uppercase);
        let all = letters.clone().any(char::is_uppercase);
        let long = letters.count() > 0;
        let day = self.lower.ends_with("day");
        capital && long && (!self.first || all) && month(&self.lower).is_none() && !day
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let (mut words, mut rest, mut begins) = (Vec::new(), text, true);
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}');
    while let Some(start) = rest.find(char::is_alphanumeric) {
        begins |= rest[..start].contains(['.', ':', '!', '?', '"', '“', '„', '«', '\n', '*']);
        let word = &rest[start..];
        let (word, after) = word.split_at(word.find(|c| !inner(c)).unwrap_or(word.len()));
        let lower = word.to_lowercase().replace('\u{2019}', "'");
        words.push(Word { text: word, lower, first: begins });
        (rest, begins) = (after, false);
    }
    words
}

/// Whether the word denies: "no. 5", "not only" and "not this but that" do not.
fn is_denial(language: Language, words: &[Word<'_>], at: usize) -> bool {
    let Some(word) = words.get(at) else { return false };
    if !denying(language).contains(&word.lower.as_str()) && !word.lower.ends_with("n't") {
        return false;
    }
    let after = words.get(at + 1..).unwrap_or_default();
    let numbered = |next: &Word<'_>| next.text.starts_with(|c: char| c.is_ascii_digit());
    if after.first().is_some_and(|next| ONLY.contains(&next.lower.as_str()) || numbered(next)) {
        return false;
    }
    !after.iter().take(CONTRAST).any(|next| INSTEAD.contains(&next.lower.as_str()))
}

/// German writes all its nouns with a capital.
fn tells_names_by_capitals(language: Language) -> bool {
    language != Language::German
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The doubt about a sentence whose quote is all of the passage, under the heading "Survey
    /// 2019" of "lune_tower.pdf".
    fn doubt(sentence: &str, quote: &str) -> Option<Doubt> {
        doubt_in(&Analyzer::default(), sentence, quote)
    }

    fn doubt_in(analyzer: &Analyzer, sentence: &str, quote: &str) -> Option<Doubt> {
        let around = Around::new(quote, &["Survey 2019".to_owned()], "lune_tower.pdf");
        let quote = Facts::of(analyzer, quote);
        Facts::of(analyzer, sentence).doubt(analyzer, &quote, &around)
    }

    const TOWER: &str = "The tower is 1,828 meters tall and was opened by Ada Byron in May 1984.";

    #[test]
    fn another_number_is_doubted_and_the_same_one_written_differently_is_not() {
        assert_eq!(doubt("The tower is 1828 meters tall.", TOWER), None);
        assert_eq!(
            doubt("The tower is 1,882 meters tall.", TOWER),
            Some(Doubt::Number("1,882".to_owned()))
        );
        assert_eq!(doubt("In 2019 the tower was 1,828 meters tall.", TOWER), None);
        assert_eq!(doubt("It was opened on 1984-05.", TOWER), None);
        assert_eq!(doubt("Two masts carry it.", "It is carried by 2 masts."), None);
        assert_eq!(
            doubt("Two masts carry it.", "It is carried by three masts."),
            Some(Doubt::Number("Two".to_owned()))
        );
    }

    #[test]
    fn another_name_is_doubted_and_one_of_the_heading_or_the_file_is_not() {
        assert_eq!(doubt("The tower was opened by Ada Byron.", TOWER), None);
        assert_eq!(
            doubt("The tower was opened by Bob Byron.", TOWER),
            Some(Doubt::Name("Bob".to_owned()))
        );
        assert_eq!(doubt("The Lune tower was opened by Ada Byron.", TOWER), None);
        assert_eq!(doubt("Tall towers open in May.", TOWER), None);
    }

    #[test]
    fn what_one_denies_and_the_other_says_is_doubted() {
        let plain = "The warranty covers water damage.";
        let denied = "The warranty does not cover water damage.";
        assert_eq!(doubt(denied, plain), Some(Doubt::Denied("cover".to_owned())));
        assert_eq!(doubt(plain, denied), Some(Doubt::Denied("cover".to_owned())));
        assert_eq!(doubt("The warranty doesn't cover it.", denied), None);
        assert_eq!(doubt("The warranty covers it.", "It not only covers water damage."), None);
        let contrast = "The warranty covers not the case but the water damage.";
        assert_eq!(doubt("The warranty covers water damage.", contrast), None);
        let french = Analyzer::new(Language::French);
        let says = "La garantie ne couvre pas les dégâts.";
        assert_eq!(doubt_in(&french, "La garantie ne couvre pas les dégâts.", says), None);
    }

    #[test]
    fn the_opposite_word_is_doubted() {
        assert_eq!(
            doubt("Sales increased in the spring.", "Sales decreased in the spring."),
            Some(Doubt::Opposite("increase", "decrease"))
        );
        assert_eq!(doubt("Sales rose.", "Sales rose after they fell."), None);
    }

    #[test]
    fn german_nouns_are_no_names() {
        let german = Analyzer::new(Language::German);
        assert_eq!(doubt_in(&german, "Der Turm trägt Antennen.", "Der Turm ist hoch."), None);
    }
}
