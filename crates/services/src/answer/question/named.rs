//! What a question names that an answer must be about: years, numbers that name one of several
//! ("chapter 9", "version 3.2"), and names.
//!
//! A sentence about 2020 comes as near to a question about 2021 as can be. Where none of the
//! passages found says anything of the year, in whatever way
//! ([`years`](crate::answer::claims::years)), and the sentence that comes nearest is about another
//! one, the documents do not say; so it is with numbers of one kind. Where the year stands in
//! another passage only, or the sentence names none, it is quoted with a doubt. A name that nothing
//! says is a doubt and no more: who is meant may have another one.
//!
//! A question that is answered by yes or no names what may not be so ("Was it built in 1920?" "No,
//! in 1931."), so nothing of this holds for it.

use std::cell::OnceCell;
use std::ops::Range;

use cairn_search::{Analyzer, Language};

use super::asked_for::{NAMED, RELATING, lacks};
use super::kind::is_closed;
use crate::answer::claims::codes::is_year;
use crate::answer::claims::columns;
use crate::answer::claims::facts::Doubt;
use crate::answer::claims::numbers::{Numbers, month};
use crate::answer::claims::statements::{are_joined, is_row};
use crate::answer::claims::years::{Years, is_before_time, is_in_date, is_unit};
use crate::retrieve::Passage;

/// Sentences in front of one that may say when what it says was so, at most.
const BEFORE: usize = 3;
/// Words before a number that tell one of several, beside those of [`NAMED`].
const VERSIONS: [&str; 5] = ["release", "build", "edition", "ausgabe", "v"];
/// Words around a number that make it the end of a row of them.
const AMONG: [&str; 20] = [
    "to",
    "through",
    "above",
    "below",
    "up",
    "upwards",
    "upward",
    "onwards",
    "onward",
    "higher",
    "lower",
    "later",
    "least",
    "most",
    "over",
    "beyond",
    "aufwärts",
    "höher",
    "mindestens",
    "à",
];
/// Kinds whose numbers a text need not say: a passage's page is known otherwise.
const UNSAID: [&str; 7] = ["page", "seite", "página", "pagina", "number", "nummer", "line"];
/// Words of a heading, a title or a file's name whose year all below is about. Of others ("Statute
/// of 2019") what they say may be so later.
const PERIODS: [&str; 23] = [
    "report",
    "annual",
    "results",
    "budget",
    "statement",
    "accounts",
    "minutes",
    "quarter",
    "balance",
    "review",
    "bericht",
    "abschluss",
    "haushalt",
    "bilanz",
    "protokoll",
    "umsatz",
    "rapport",
    "bilan",
    "comptes",
    "informe",
    "bilancio",
    "relatório",
    "verslag",
];
/// Ordinals in words, from the first on.
const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
/// Letters by which a name is looked for, at most: "German" is said by "Germany".
const STEM: usize = 4;
/// Letters that a name has, at least.
const LEAST_LETTERS: usize = 4;

/// A number that names one of several.
#[derive(Clone, Debug, PartialEq)]
struct Thing {
    /// What it is one of, in lower case.
    kind: String,
    /// Digits, with points between the parts of a version.
    number: String,
}

/// What a question names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Named {
    years: Vec<String>,
    things: Vec<Thing>,
    names: Vec<String>,
}

impl Named {
    /// What `question` names.
    pub(crate) fn of(analyzer: &Analyzer, question: &str) -> Self {
        if is_closed(analyzer.language(), question) {
            return Self::default();
        }
        let words: Vec<Word<'_>> = words(question);
        Self {
            years: years(is_german(analyzer.language(), &words), &words),
            things: things(&words),
            names: names(analyzer.language(), &words, LEAST_LETTERS),
        }
    }

    /// Whether it names nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.years.is_empty() && self.things.is_empty() && self.names.is_empty()
    }

    /// What none of the passages `found` says, though the sentence at `nearest` is about another
    /// one of its kind: a reason to refuse.
    pub(crate) fn missing(
        &self,
        found: &[Passage],
        (passage, range): (&Passage, &Range<usize>),
    ) -> Option<String> {
        let said: Vec<Said> = found.iter().map(Said::of).collect();
        let numbers: Vec<u32> = self.years.iter().filter_map(|year| year.parse().ok()).collect();
        let unsaid = |year: &String| said.iter().all(|said| !said.says_year(year));
        if let Some(year) = self.years.first()
            && self.years.iter().all(unsaid)
            && is_about_other_years(&numbers, passage, range)
        {
            return Some(year.clone());
        }
        let thing = self.things.iter().find(|thing| {
            let alike = self.things.iter().filter(|other| other.kind == thing.kind);
            let gone = |one: &Thing| said.iter().all(|said| !said.says_thing(one));
            alike.into_iter().all(gone) && thing.is_other_in(passage, range)
        });
        thing.map(|thing| format!("{} {}", thing.kind, thing.number))
    }

    /// Whether a passage says one of the names, where there are any.
    pub(crate) fn has_name_in(&self, passage: &Passage) -> bool {
        let said = Said::of(passage);
        self.names.is_empty() || self.names.iter().any(|name| said.says_name(name))
    }

    /// What speaks against quoting sentences of these passages, which are all that were looked at.
    pub(crate) fn doubts<'a>(&'a self, passages: &'a [Passage]) -> Doubts<'a> {
        let said: Vec<Said> =
            if self.is_nothing() { Vec::new() } else { passages.iter().map(Said::of).collect() };
        let says = |name: &&String| said.iter().any(|said| said.says_name(name));
        let name = self.names.iter().find(|name| !says(name)).cloned();
        Doubts { named: self, passages, said, name }
    }
}

/// What speaks against quoting sentences of some passages.
pub(crate) struct Doubts<'a> {
    named: &'a Named,
    passages: &'a [Passage],
    said: Vec<Said>,
    /// A name that none of them says.
    name: Option<String>,
}

impl Doubts<'_> {
    /// What speaks against the sentence at `range` of the passage of this index.
    pub(crate) fn of(&self, passage: usize, range: &Range<usize>) -> Option<Doubt> {
        let (said, passage) = (self.said.get(passage)?, self.passages.get(passage)?);
        let concerns = |year: &String| {
            let text = sentence(passage, range);
            said.says_year(year)
                || year.parse().is_ok_and(|year| Years::of(&text).may_concern(year))
        };
        if let Some(year) = self.named.years.first()
            && !self.named.years.iter().any(concerns)
        {
            return Some(Doubt::Asked(year.clone()));
        }
        if let Some(thing) = self.named.things.first()
            && !self.named.things.iter().any(|thing| said.says_thing(thing))
        {
            return Some(Doubt::Asked(format!("{} {}", thing.kind, thing.number)));
        }
        self.name.clone().map(Doubt::Name)
    }
}

/// All that is known of a passage: its text, what stands above it, what its document is called, and
/// its attributes.
struct Said {
    text: String,
    page: Option<i64>,
    /// Read when they are asked for.
    years: OnceCell<Years>,
    numbers: OnceCell<Numbers>,
}

impl Said {
    fn of(passage: &Passage) -> Self {
        let chunk = &passage.chunk;
        let mut texts = vec![chunk.text.as_str(), &chunk.context, &chunk.label, &chunk.attributes];
        texts.extend(passage.headings.iter().map(String::as_str));
        let name = chunk.filename.replace('_', " ");
        texts.push(&name);
        let (years, numbers) = (OnceCell::new(), OnceCell::new());
        Self { text: texts.join("\n| "), page: chunk.page, years, numbers }
    }

    fn numbers(&self) -> &Numbers {
        self.numbers.get_or_init(|| Numbers::of(&self.text))
    }

    fn says_year(&self, year: &str) -> bool {
        let years = self.years.get_or_init(|| Years::of(&self.text));
        year.parse().is_ok_and(|year| years.say(year)) || !lacks(year, self.numbers())
    }

    fn says_thing(&self, thing: &Thing) -> bool {
        let own = |number: &str| is_part_of(number, &thing.number);
        let small: Option<usize> = thing.number.parse().ok();
        let lower = || self.text.to_lowercase();
        let ordinal = small.and_then(|number| ORDINALS.get(number.checked_sub(1)?));
        numbers_in(&self.text).any(own)
            || self.page.is_some_and(|page| page.to_string() == thing.number)
            || !lacks(&thing.number, self.numbers())
            || ordinal.is_some_and(|ordinal| lower().contains(ordinal))
            || small
                .is_some_and(|number| words_of(&self.text).any(|word| roman(word) == Some(number)))
    }

    fn says_name(&self, name: &str) -> bool {
        let text = folded(&self.text);
        let said = |word: &str| {
            let word = folded(word);
            let end = word.char_indices().nth(STEM).map_or(word.len(), |(end, _)| end);
            word.get(..end).is_none_or(|stem| stem.is_empty() || text.contains(stem))
        };
        name.split(' ').any(said)
    }
}

impl Thing {
    /// Whether these words tell of several of its kind by one of them: "from level 3 on", "level 3
    /// and above", "steps 2 to 7".
    fn may_be_among(&self, words: &[Word<'_>]) -> bool {
        let is = |at: Option<usize>, list: &[&str]| {
            at.and_then(|at| words.get(at)).is_some_and(|word| list.contains(&word.lower.as_str()))
        };
        let several = |(at, word): (usize, &Word<'_>)| {
            let kind = word.lower.as_str();
            let version = self.kind == "version" && VERSIONS.contains(&kind);
            (version || kind == self.kind)
                && (is(at.checked_sub(1), &RELATING)
                    || is(at.checked_sub(1), &AMONG)
                    || is(Some(at + 2), &AMONG)
                    || is(Some(at + 3), &AMONG))
        };
        words.iter().enumerate().any(several)
    }

    /// Whether the sentence at `range`, or else what stands before and above it, has another number
    /// of this kind.
    fn is_other_in(&self, passage: &Passage, range: &Range<usize>) -> bool {
        let others = |text: &str| {
            let words = words(text);
            !self.may_be_among(&words) && things(&words).iter().any(|other| other.kind == self.kind)
        };
        let mut texts = vec![sentence(passage, range)];
        texts.extend(before(passage, range).into_iter().map(str::to_owned));
        texts.extend(passage.headings.iter().rev().cloned());
        texts.extend([passage.chunk.label.clone(), passage.chunk.filename.replace('_', " ")]);
        texts.iter().any(|text| others(text))
    }
}

/// Whether the sentence at `range` is about other years than these: by itself, or by what stands
/// before it in its paragraph, or by a heading or title that tells the time of all below it.
fn is_about_other_years(asked: &[u32], passage: &Passage, range: &Range<usize>) -> bool {
    let about = |text: &str| {
        let years = Years::of(text);
        let concerns = asked.iter().any(|year| years.may_concern(*year));
        years.are_any().then(|| years.are_plain() && !concerns)
    };
    if let Some(other) = about(&sentence(passage, range)) {
        return other;
    }
    if let Some(other) = before(passage, range).into_iter().find_map(about) {
        return other;
    }
    let chunk = &passage.chunk;
    let name = chunk.filename.replace(['_', '-'], " ").replace('.', "; ");
    let above = passage.headings.iter().rev().map(String::as_str);
    let above = above.chain([chunk.label.as_str(), name.as_str()]);
    let told = above.filter(|text| {
        let lower = text.to_lowercase();
        PERIODS.iter().any(|word| lower.contains(word))
    });
    told.into_iter().find_map(about).unwrap_or(false)
}

/// The sentence at `range`; a row with the names of its columns, where it is sure which they are.
fn sentence(passage: &Passage, range: &Range<usize>) -> String {
    let own = passage.chunk.text.get(range.clone()).unwrap_or_default();
    columns::named(&passage.chunk, range).unwrap_or_else(|| own.to_owned())
}

/// The first row of the table whose row is at `range`, where it names several years.
fn years_above<'p>(passage: &'p Passage, range: &Range<usize>) -> Option<&'p str> {
    let chunk = &passage.chunk;
    let above = chunk.text.get(..range.start)?.lines().rev().take_while(|line| is_row(line));
    let rows = above.chain(chunk.context.lines().rev().take_while(|line| is_row(line)));
    let years = |row: &&str| words_of(row).filter(|word| is_year(word)).count() > 1;
    rows.last().filter(years)
}

/// The sentences before the one at `range` in its paragraph, the nearest first; above a row the one
/// that names years.
fn before<'p>(passage: &'p Passage, range: &Range<usize>) -> Vec<&'p str> {
    let text = passage.chunk.text.as_str();
    let of = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    if is_row(of(range)) {
        return years_above(passage, range).into_iter().collect();
    }
    let lines = cairn_documents::sentences(text);
    let (mut found, mut next) = (Vec::new(), range);
    for line in lines.iter().rev().filter(|line| line.end <= range.start).take(BEFORE) {
        if !are_joined(text, line, next) {
            break;
        }
        found.push(of(line));
        next = line;
    }
    found
}

/// A word of a question.
struct Word<'t> {
    /// As it is written, with the marks around it.
    written: &'t str,
    /// Without them.
    bare: &'t str,
    lower: String,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let word = |written| {
        let bare = bare(written);
        Word { written, bare, lower: bare.to_lowercase() }
    };
    text.split_whitespace().map(word).collect()
}

/// A word without the marks around it, and without an 's.
fn bare(written: &str) -> &str {
    let bare = written.trim_matches(|c: char| !c.is_alphanumeric());
    bare.strip_suffix("'s").or_else(|| bare.strip_suffix("\u{2019}s")).unwrap_or(bare)
}

/// Whether a question is in German, or asked of documents in German: nouns have capitals there.
fn is_german(language: Language, words: &[Word<'_>]) -> bool {
    let joined = words.iter().map(|word| word.bare).collect::<Vec<_>>().join(" ");
    language == Language::German || Language::of_words(&joined).contains(&Language::German)
}

/// The years that are asked for: no ends of a time, no amounts, no parts of names.
fn years(german: bool, words: &[Word<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let digits = ["FY", "CY", "GJ"].iter().find_map(|mark| word.bare.strip_prefix(mark));
        let digits = digits.unwrap_or(word.bare);
        if !is_year(digits) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let lower = before.map_or("", |before| before.lower.as_str());
        // "Who led it from 1869 to 1909?", "What holds since 1 May 2020?"
        let ahead = words.iter().take(at).rev().find(|word| !is_in_date(&word.lower));
        if ahead.is_some_and(|word| RELATING.contains(&word.lower.as_str())) {
            return Vec::new();
        }
        let next = words.get(at + 1).map_or("", |next| next.lower.as_str());
        let ends = word.written.ends_with(|c: char| !c.is_alphanumeric()) || next.is_empty();
        let quoted = word.written.starts_with(|c: char| !c.is_alphanumeric() && c != '(');
        let amount = quoted || is_unit(next) || NAMED.contains(&lower);
        // "The 1500 students"; "the 1500s" is none of these.
        let timed = is_before_time(lower) || digits.starts_with("19") || digits.starts_with("20");
        let round = digits.ends_with("00") && !ends;
        let titled = !german && before.is_some_and(|before| is_title(before, at));
        if !amount && timed && !round && !titled {
            found.push(digits.to_owned());
        }
    }
    found
}

/// Whether the word before a number at `at` is part of its name: "Windows 2000", "Expo 1970".
fn is_title(before: &Word<'_>, at: usize) -> bool {
    let capital = before.bare.starts_with(char::is_uppercase);
    let coded = before.bare.contains(|c: char| c.is_ascii_digit());
    let timed = month(&before.lower).is_some() || is_before_time(&before.lower);
    capital && at > 1 && !coded && !timed && !before.written.ends_with(',')
}

/// The numbers that name one of several.
fn things(words: &[Word<'_>]) -> Vec<Thing> {
    let versioned = |number: &str| {
        number.split('.').all(|part| {
            !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        // "v2.4"
        let glued = word.lower.strip_prefix('v').filter(|number| versioned(number));
        if let Some(number) = glued {
            found.push(Thing { kind: "version".to_owned(), number: number.to_owned() });
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let Some(before) = before.filter(|before| !before.written.ends_with(['.', ':', '?', '!']))
        else {
            continue;
        };
        let kind = before.lower.as_str();
        let counts = NAMED.contains(&kind) || VERSIONS.contains(&kind);
        let unit = words.get(at + 1).is_some_and(|next| is_unit(&next.lower));
        if counts && !UNSAID.contains(&kind) && !unit && versioned(&word.lower) {
            let kind = if VERSIONS.contains(&kind) { "version" } else { kind };
            found.push(Thing { kind: kind.to_owned(), number: word.lower.clone() });
        }
    }
    found
}

/// The names in a text, in order and with their short words, as far as they are told by their
/// capitals.
pub(super) fn names_in(language: Language, text: &str) -> Vec<String> {
    names(language, &words(text), 2)
}

/// The names: words of at least `least` letters with a capital, but the first one and those all in
/// capitals, which may stand for others. None in German, which writes all nouns so, nor where most
/// words are written so.
fn names(language: Language, words: &[Word<'_>], least: usize) -> Vec<String> {
    let is_name = |word: &Word<'_>| {
        let mut letters = word.bare.chars();
        let capital = letters.next().is_some_and(char::is_uppercase);
        let plain = word.bare.chars().all(char::is_alphabetic) && letters.all(char::is_lowercase);
        let day = word.lower.ends_with("day") || month(&word.lower).is_some();
        capital && plain && !day && word.bare.chars().count() >= least
    };
    let capital = |word: &&Word<'_>| word.bare.starts_with(char::is_uppercase);
    let capitals = words.iter().skip(1).filter(capital).count();
    if is_german(language, words) || capitals * 2 > words.len() {
        return Vec::new();
    }
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for word in words.iter().skip(1) {
        let named = is_name(word);
        match found.last_mut() {
            Some(name) if named && open => {
                name.push(' ');
                name.push_str(word.bare);
            }
            _ if named => found.push(word.bare.to_owned()),
            _ => {}
        }
        open = named && word.written.ends_with(char::is_alphanumeric);
    }
    found
}

/// Whether one number is the other, or its beginning, as "3" is of "3.2".
fn is_part_of(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    begins(one, other) || begins(other, one)
}

/// The numbers of a text, with points between their parts.
fn numbers_in(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    parts.map(|part| part.trim_matches('.')).filter(|part| !part.is_empty())
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// What small Roman numerals are worth, in capitals.
fn roman(word: &str) -> Option<usize> {
    const NUMERALS: [&str; 20] = [
        "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV",
        "XV", "XVI", "XVII", "XVIII", "XIX", "XX",
    ];
    NUMERALS.iter().position(|numeral| *numeral == word).map(|at| at + 1)
}

/// A text in lower case without the letters that are written in several ways.
fn folded(text: &str) -> String {
    text.to_lowercase().chars().filter(char::is_ascii).collect()
}

#[cfg(test)]
mod tests;
