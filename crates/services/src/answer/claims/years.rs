//! The years that a text speaks of, in whatever way it says them: "2021", "FY21", "2020/21", "the
//! 1970s", "the nineteenth century", "from 2019 to 2023", "MCMXCIX", "nineteen ninety-nine", "the
//! year before".
//!
//! Whether a text says *nothing* of a year is asked here, and a wrong "nothing" refuses an answer.
//! So what may mean the year counts as saying it.

mod words;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::codes::is_year;
use super::numbers::small;
use words::{
    AND, ARTICLES, BEHIND, BETWEEN, CENTURIES, COMPARED, COMPARED_NEAR, COUNTED, DECADES, FISCAL,
    IN, IN_DATE, LASTING, LAWS, MONTHS, NEXT, ONWARDS, PREVIOUS, PREVIOUS_GERMAN, SINCE, TO, UNITS,
    UNTIL, YEARS_OF,
};

/// Before this a number without a word for time is hardly a year.
const OLDEST: u32 = 1700;
/// Words looked at before and behind a year.
const NEAR: usize = 4;

/// The years that a text speaks of.
#[derive(Debug, Default)]
pub(crate) struct Years {
    /// Years as they are written.
    stated: BTreeSet<u32>,
    /// Those told by what lies between them and one that is stated.
    told: BTreeSet<u32>,
    /// All within a span, a decade or a century.
    spans: Vec<RangeInclusive<u32>>,
    /// Years, and tens of decades, without their century.
    short: BTreeSet<u32>,
    decades: BTreeSet<u32>,
    /// From or until a year that is stated.
    open: Vec<RangeInclusive<u32>>,
    /// Whether it tells of what may still be so after the years that it states.
    lasting: bool,
    /// Whether a number is sure to be a year, which nothing is compared with.
    plain: bool,
}

impl Years {
    /// The years of `text`.
    pub(crate) fn of(text: &str) -> Self {
        let tokens = tokens(text);
        let mut years = Self::default();
        for (at, token) in tokens.iter().enumerate() {
            if token.is_digits() {
                years.add_digits(&tokens, at, token);
            } else {
                years.add_word(&tokens, at, token);
            }
        }
        years.tell(&tokens);
        years
    }

    /// Whether it may say something of `year` itself.
    pub(crate) fn say(&self, year: u32) -> bool {
        self.stated.contains(&year)
            || self.told.contains(&year)
            || self.spans.iter().any(|span| span.contains(&year))
            || self.short.contains(&(year % 100))
            || self.decades.contains(&(year % 100 / 10 * 10))
    }

    /// Whether what it says may be so in `year`.
    pub(crate) fn may_concern(&self, year: u32) -> bool {
        let begun = |stated: &u32| self.lasting && *stated <= year;
        self.say(year)
            || self.open.iter().any(|span| span.contains(&year))
            || self.stated.iter().any(begun)
    }

    /// Whether it states any year.
    pub(crate) fn are_any(&self) -> bool {
        !self.stated.is_empty()
    }

    /// Whether it is sure to state one, which nothing is compared with.
    pub(crate) fn are_plain(&self) -> bool {
        self.plain
    }

    fn add_digits(&mut self, tokens: &[Token<'_>], at: usize, token: &Token<'_>) {
        match token.text.len() {
            4 if is_year(token.text) => self.add_year(tokens, at, token),
            // A date: 20210501, 01052021, 202105.
            6 | 8 | 12 | 14 => {
                let ends = [token.text.get(..4), token.text.get(token.text.len() - 4..)];
                let years = ends.into_iter().flatten().filter(|part| is_year(part));
                self.stated.extend(years.map(number));
            }
            2 => {
                let before = behind(tokens, at, 1);
                if is_decade(tokens, at)
                    || before.is_some_and(|one| YEARS_OF.contains(&&*one.lower))
                {
                    self.decades.insert(number(token.text) / 10 * 10);
                }
                if is_short(tokens, at) {
                    self.short.insert(number(token.text));
                }
            }
            _ => {}
        }
    }

    fn add_year(&mut self, tokens: &[Token<'_>], at: usize, token: &Token<'_>) {
        let year = number(token.text);
        self.stated.insert(year);
        if is_decade(tokens, at) && year.is_multiple_of(10) {
            let last = if year.is_multiple_of(100) { year + 99 } else { year + 9 };
            self.spans.push(year..=last);
        }
        let before = |most: usize, words: &[&str]| {
            let near = (1..=most).filter_map(|back| behind(tokens, at, back));
            near.into_iter().any(|one| words.contains(&one.lower.as_str()))
        };
        let after = |most: usize, words: &[&str]| {
            let near = tokens.iter().skip(at + 1).take(most);
            near.into_iter().any(|one| words.contains(&one.lower.as_str()))
        };
        // "Since 1 May 2015", "ab dem 1. Mai 2015".
        let start = start_of_date(tokens, at);
        let ahead = |back: usize, words: &[&str]| {
            behind(tokens, start, back).is_some_and(|one| words.contains(&one.lower.as_str()))
        };
        // "Of" is "as of", and else no beginning.
        let as_of = ahead(1, &["of"]) && ahead(2, &["as"]);
        let since = (ahead(1, &SINCE) || ahead(2, &SINCE)) && (as_of || !ahead(1, &["of"]));
        if since || after(3, &ONWARDS) {
            self.open.push(year..=u32::MAX);
        }
        if ahead(1, &UNTIL) || ahead(2, &UNTIL) {
            self.open.push(0..=year);
        }
        if let Some(last) = last_of_span(tokens, at, year, before(3, &BETWEEN)) {
            self.spans.push(year..=last);
        }
        let amount = token.before.ends_with(['$', '\u{20ac}', '\u{a3}', '#', '.', ','])
            || after(1, &UNITS)
            || !(year >= OLDEST || before(1, &IN));
        let compared = before(NEAR, &COMPARED) || before(2, &COMPARED_NEAR);
        let of_law = (1..=3).filter_map(|back| behind(tokens, start, back)).any(is_law);
        let counts = start == at && is_count(tokens, at);
        self.plain |= !amount && !compared && !of_law && !counts;
    }

    fn add_word(&mut self, tokens: &[Token<'_>], at: usize, token: &Token<'_>) {
        let word = token.lower.as_str();
        self.lasting |= LASTING.iter().any(|stem| word.starts_with(stem));
        if let Some(tens) = DECADES.iter().position(|names| names.contains(&word)) {
            self.decades.extend(u32::try_from(tens).map(|tens| (tens + 2) * 10));
        }
        if CENTURIES.iter().any(|stem| word.starts_with(stem)) {
            let near = (1..=3).filter_map(|back| behind(tokens, at, back));
            let count = near.into_iter().find(|one| one.is_digits() && one.text.len() <= 2);
            self.spans.push(match count.map(|one| number(one.text)) {
                Some(count) if count > 0 => (count - 1) * 100..=count * 100,
                // Which one is said in words, or it is "half a century later".
                _ => 0..=u32::MAX,
            });
        }
        if let Some(year) = roman(token.text) {
            self.stated.insert(year);
        }
        self.add_words(tokens, at, word);
    }

    /// A year in words: "nineteen ninety-nine", "nineteen hundred and five", "two thousand one".
    fn add_words(&mut self, tokens: &[Token<'_>], at: usize, word: &str) {
        let next = tokens.get(at + 1).map(|token| token.lower.as_str()).unwrap_or_default();
        let (first, second) = (small(word), small(next));
        match (first, next) {
            (Some(2), "thousand") => self.spans.push(2000..=2100),
            (Some(count @ 10..=20), "hundred") => self.spans.push(count * 100..=count * 100 + 99),
            (Some(count @ 10..=20), "oh") => self.spans.push(count * 100..=count * 100 + 9),
            (Some(count @ 10..=20), _) => {
                if let Some(rest @ 10..=90) = second {
                    let year = count * 100 + rest;
                    self.spans.push(year..=year + 9);
                }
            }
            _ => {}
        }
        if word.contains("zehnhundert") || (word.contains("zweitausend") && word.len() > 11) {
            self.spans.push(1000..=2100);
        }
    }

    /// Adds the years that are told by how far they lie from those that are stated.
    fn tell(&mut self, tokens: &[Token<'_>]) {
        if self.stated.is_empty() {
            return;
        }
        let words: Vec<&str> = tokens.iter().map(|token| token.lower.as_str()).collect();
        let said = format!(" {} ", words.join(" "));
        let any = |phrases: &[&str]| phrases.iter().any(|one| said.contains(&format!(" {one} ")));
        // "Vorjahr", and what begins so: "Vorjahreswert".
        let previous = any(&PREVIOUS) || words.iter().any(|word| word.starts_with(PREVIOUS_GERMAN));
        let mut distances: BTreeSet<u32> = BTreeSet::new();
        for (at, word) in words.iter().enumerate() {
            let count = at.checked_sub(1).and_then(|before| words.get(before));
            let count = count.filter(|_| COUNTED.contains(word));
            distances.extend(count.and_then(|count| count.parse().ok().or_else(|| small(count))));
        }
        for year in &self.stated {
            self.told.extend(previous.then_some(year - 1));
            self.told.extend(any(&NEXT).then_some(year + 1));
            for distance in &distances {
                self.told.extend([year.saturating_sub(*distance), year.saturating_add(*distance)]);
            }
        }
    }
}

/// Whether a word is what a number before it counts or measures.
pub(crate) fn is_unit(word: &str) -> bool {
    UNITS.contains(&word)
}

/// Whether a word stands before a time.
pub(crate) fn is_before_time(word: &str) -> bool {
    IN.contains(&word)
}

/// Whether a word may stand in a date before its year: "the 1st of May".
pub(crate) fn is_in_date(word: &str) -> bool {
    let day = word.starts_with(|c: char| c.is_ascii_digit()) && word.len() <= 4 && !is_year(word);
    day || is_month(word) || IN_DATE.contains(&word) || ARTICLES.contains(&word)
}

fn is_month(word: &str) -> bool {
    MONTHS.iter().any(|stem| word.starts_with(stem))
}

/// Where the date begins whose year stands at `at`; there, where it has no day and no month.
fn start_of_date(tokens: &[Token<'_>], at: usize) -> usize {
    let mut start = at;
    for back in 1..=NEAR + 2 {
        let Some(one) = behind(tokens, at, back) else { break };
        if is_month(&one.lower) || (one.is_digits() && one.text.len() <= 2) {
            start = at - back;
        } else if !IN_DATE.contains(&one.lower.as_str()) {
            break;
        }
    }
    let article = behind(tokens, start, 1).filter(|one| ARTICLES.contains(&one.lower.as_str()));
    if start < at && article.is_some() { start - 1 } else { start }
}

fn is_law(token: &Token<'_>) -> bool {
    let lower = token.lower.as_str();
    let named = |law: &&str| lower.starts_with(*law) || lower.ends_with(*law);
    lower == "act" || LAWS.iter().any(named)
}

/// Whether the number at `at` may count what the word behind it names: "has 1800 seats", but neither
/// "in 2020 sales rose" nor "Annual Report 2020 Acme".
fn is_count(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(next) = tokens.get(at + 1) else { return false };
    let counted = next.before == " " && !next.is_digits() && !BEHIND.contains(&next.lower.as_str());
    let dated = behind(tokens, at, 1).is_some_and(|one| {
        let any = ["of", "for", "für", "en", "de", "van", "del"].contains(&one.lower.as_str());
        // What a sentence begins with has a capital anyway.
        let titled = at > 1 && one.text.starts_with(char::is_uppercase);
        titled || (IN.contains(&one.lower.as_str()) && !any)
    });
    counted && !dated
}

/// The year that ends the span which the one at `at` begins: "2019-2022", "2019/20", "from 2019 to
/// 2022", "`between` 2019 and 2022".
fn last_of_span(tokens: &[Token<'_>], at: usize, year: u32, between: bool) -> Option<u32> {
    let dashed = |token: &Token<'_>| {
        ["-", "\u{2010}", "\u{2011}", "\u{2013}", "\u{2014}", "/"].contains(&token.before.trim())
    };
    let mut joined = false;
    for (far, token) in tokens.iter().skip(at + 1).take(NEAR).enumerate() {
        if token.is_digits() {
            let own = far == 0 && dashed(token);
            let last = match token.text.len() {
                4 if is_year(token.text) && (own || joined) => number(token.text),
                2 if own => {
                    // "2019-10-05"
                    if tokens.get(at + 2).is_some_and(|day| day.is_digits() && dashed(day)) {
                        continue;
                    }
                    let last = year / 100 * 100 + number(token.text);
                    // "1999/00", and no month of 2019.
                    if last >= year { last } else { last + 100 }
                }
                4 => return None,
                _ => continue,
            };
            let wraps = token.text.len() == 2 && last / 100 > year / 100;
            return (last >= year && !(wraps && last - year > 20)).then_some(last);
        }
        let word = token.lower.as_str();
        joined |= TO.contains(&word) || (between && AND.contains(&word));
    }
    None
}

/// Whether the number at `at` is a decade: "1970s", "'70s", "1970er".
fn is_decade(tokens: &[Token<'_>], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|next| {
        ["", "'", "\u{2019}"].contains(&next.before) && ["s", "er", "ern"].contains(&&*next.lower)
    })
}

/// Whether two digits are the last of a year: "'21", "FY21", "2020/21", "01.05.21".
fn is_short(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    let (one, two) = (behind(tokens, at, 1), behind(tokens, at, 2));
    if token.before.ends_with(['\'', '\u{2019}']) {
        return true;
    }
    let Some(one) = one else { return false };
    if FISCAL.contains(&one.lower.as_str()) {
        return true;
    }
    let marked = ["-", "\u{2013}", "/", "."].contains(&token.before);
    let year = one.text.len() == 4 && is_year(one.text) && token.before != ".";
    let date = one.before == token.before && two.is_some_and(Token::is_digits);
    marked && one.is_digits() && (year || date)
}

/// The year that Roman numerals write.
fn roman(word: &str) -> Option<u32> {
    if word.len() < 4 && word != "MM" {
        return None;
    }
    let mut digits = Vec::new();
    for letter in word.chars() {
        digits.push(match letter {
            'I' => 1,
            'V' => 5,
            'X' => 10,
            'L' => 50,
            'C' => 100,
            'D' => 500,
            'M' => 1000,
            _ => return None,
        });
    }
    let (mut sum, mut last) = (0_i64, 0_i64);
    for digit in digits.into_iter().rev() {
        sum += if digit < last { -digit } else { digit };
        last = last.max(digit);
    }
    u32::try_from(sum).ok().filter(|year| (1000..=2100).contains(year))
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}

/// The token so many before `at`.
fn behind<'a, 't>(tokens: &'a [Token<'t>], at: usize, back: usize) -> Option<&'a Token<'t>> {
    at.checked_sub(back).and_then(|before| tokens.get(before))
}

/// Letters or digits one after another.
#[derive(Debug)]
struct Token<'t> {
    text: &'t str,
    lower: String,
    /// What stands between it and the one before.
    before: &'t str,
}

impl Token<'_> {
    fn is_digits(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let is_part = |c: char| c.is_alphabetic() || c.is_ascii_digit();
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find(is_part) {
        let (before, run) = rest.split_at(start);
        let digits = run.starts_with(|c: char| c.is_ascii_digit());
        let ends = |c: char| !is_part(c) || c.is_ascii_digit() != digits;
        let (text, after) = run.split_at(run.find(ends).unwrap_or(run.len()));
        found.push(Token { text, lower: text.to_lowercase(), before });
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests;
