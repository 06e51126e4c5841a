//! The numbers of a text, in whatever way they are written.

use std::collections::HashSet;

/// Number words that state how many; "one" is mostly an article.
const WORDS: [(&str, u32); 27] = [
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("twice", 2),
];
/// Words that multiply the number before them.
const SCALES: [(&str, i32); 7] = [
    ("thousand", 3),
    ("million", 6),
    ("millions", 6),
    ("billion", 9),
    ("billions", 9),
    ("trillion", 12),
    ("bn", 9),
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Whether a word multiplies the number before it.
pub(crate) fn is_scale(word: &str) -> bool {
    SCALES.iter().any(|(scale, _)| *scale == word)
}

/// What a number word is worth, up to ninety.
pub(crate) fn small(word: &str) -> Option<u32> {
    WORDS.iter().find(|(known, _)| *known == word && *known != "twice").map(|(_, worth)| *worth)
}

/// Which month of the year a word is, from 1, as a whole or by its first three letters.
pub(crate) fn month(word: &str) -> Option<usize> {
    let named = |month: &&str| **month == *word || (word.len() == 3 && month.starts_with(word));
    Some(MONTHS.iter().position(named)? + 1)
}

/// A number as it is written and what it is worth.
#[derive(Clone, Debug, PartialEq)]
struct Number {
    written: String,
    /// Its digits, without leading zeros and those at the end of a fraction.
    plain: String,
    /// The same times the word behind it, as "3.5 million", where there is one.
    scaled: Option<String>,
}

/// The numbers of a text.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    stated: Vec<Number>,
    /// All that may be meant by them.
    meant: HashSet<String>,
}

impl Numbers {
    /// The numbers of `text`. The number of a list's item and digits of a name ("x86") are none.
    pub(crate) fn of(text: &str) -> Self {
        let mut numbers = Self::default();
        let mut rest = without_item_number(text);
        while let Some(start) = rest.find(char::is_alphanumeric) {
            let run = &rest[start..];
            let (run, after) = run.split_at(run_length(run));
            numbers.add(run, after);
            rest = after;
        }
        numbers
    }

    fn add(&mut self, run: &str, after: &str) {
        let lower = run.to_lowercase();
        // "They may" is no date.
        if let Some(month) = month(&lower).filter(|_| run != "may") {
            self.meant.insert(month.to_string());
            return;
        }
        let word = WORDS.iter().find(|(word, _)| *word == lower);
        let plain = match word {
            Some((_, number)) => number.to_string(),
            None if run.starts_with(|c: char| c.is_ascii_digit()) => plain(run),
            None => return,
        };
        let next: String = after.trim_start().chars().take_while(|c| c.is_alphabetic()).collect();
        let next = next.to_lowercase();
        let power = SCALES.iter().find(|(word, _)| *word == next).map(|(_, power)| *power);
        let scaled = power.map(|power| times(&plain, power));
        self.meant.insert(scaled.clone().unwrap_or_else(|| plain.clone()));
        self.stated.push(Number { written: run.to_owned(), plain, scaled });
    }

    /// A number as JSON writes it, whose point is the decimal one. It may be meant as one of
    /// `unit`, as under a key "revenue in millions".
    pub(crate) fn of_json(written: &str, unit: &str) -> Option<Self> {
        let value: f64 = written.parse().ok()?;
        let digits =
            if written.contains(['e', 'E']) { value.to_string() } else { written.to_owned() };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits.as_str(), ""));
        let whole = without_zeros(whole.trim_start_matches(['-', '+']));
        let fraction = fraction.trim_end_matches('0');
        let plain =
            if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
        let unit = unit.to_lowercase();
        let mut units = unit.split(|c: char| !c.is_alphanumeric());
        let power = units.find_map(|word| SCALES.iter().find(|(scale, _)| *scale == word));
        let scaled = power.map(|(_, power)| times(&plain, *power));
        let number = Number { written: written.to_owned(), plain, scaled };
        Some(Self { stated: vec![number], meant: HashSet::new() })
    }

    /// The same numbers as shares of one hundred.
    pub(crate) fn in_percent(&self) -> Self {
        let percent = |number: &Number| Number {
            plain: times(&number.plain, 2),
            scaled: None,
            written: number.written.clone(),
        };
        Self { stated: self.stated.iter().map(percent).collect(), meant: HashSet::new() }
    }

    /// How many it states.
    pub(crate) fn len(&self) -> usize {
        self.stated.len()
    }

    /// How many of these `other` has.
    pub(crate) fn found_in(&self, other: &Self) -> usize {
        let has = |number: &String| other.meant.contains(number);
        let found =
            |number: &&Number| has(&number.plain) || number.scaled.as_ref().is_some_and(has);
        self.stated.iter().filter(found).count()
    }

    /// Whether this number, in digits, may be meant by one of these: a month's for its name.
    pub(crate) fn means(&self, number: &str) -> bool {
        self.meant.contains(number)
    }

    /// Whether it states none.
    pub(crate) fn is_empty(&self) -> bool {
        self.stated.is_empty()
    }

    /// The first of these numbers that neither `quote` nor `around` has.
    pub(crate) fn missing_in(&self, quote: &Self, around: &Self) -> Option<String> {
        let has = |number: &String| quote.meant.contains(number) || around.meant.contains(number);
        let missing =
            |number: &&Number| !has(&number.plain) && !number.scaled.as_ref().is_some_and(has);
        self.stated.iter().find(missing).map(|number| number.written.clone())
    }
}

/// The text behind "3. " or "3) " at its beginning.
fn without_item_number(text: &str) -> &str {
    let text = text.trim_start();
    let behind = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let dot = behind.strip_prefix(['.', ')']).filter(|rest| rest.starts_with(' '));
    match dot {
        Some(rest) if text.len() - behind.len() <= 2 && behind.len() < text.len() => rest,
        _ => text,
    }
}

/// Bytes of the number or word that `text` begins with: of a number its digits with the marks
/// between them, of a word its letters and digits.
fn run_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    while digit(at) || (matches!(bytes.get(at), Some(b'.' | b',')) && digit(at + 1)) {
        at += 1;
    }
    at
}

/// A number's digits: marks before groups of three are dropped, another one is the decimal mark.
fn plain(written: &str) -> String {
    let parts: Vec<&str> = written.split(['.', ',']).collect();
    let grouped = parts.len() > 1
        && parts.first().is_some_and(|first| first.len() <= 3 && *first != "0")
        && parts.iter().skip(1).all(|part| part.len() == 3);
    if grouped || parts.len() == 1 {
        return without_zeros(&parts.concat()).to_owned();
    }
    let (fraction, whole) = parts.split_last().map_or(("", [].as_slice()), |(f, w)| (*f, w));
    let whole = whole.concat();
    let (whole, fraction) = (without_zeros(&whole), fraction.trim_end_matches('0'));
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// Without leading zeros; a zero stays.
fn without_zeros(digits: &str) -> &str {
    let rest = digits.trim_start_matches('0');
    if rest.is_empty() { "0" } else { rest }
}

/// A plain number times ten to the `power`.
fn times(plain: &str, power: i32) -> String {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let power = usize::try_from(power).unwrap_or(0);
    let kept = fraction.get(power..).unwrap_or("");
    let moved = fraction.get(..power).unwrap_or(fraction);
    let digits = format!("{whole}{moved}{}", "0".repeat(power.saturating_sub(fraction.len())));
    let digits = without_zeros(&digits);
    if kept.is_empty() { digits.to_owned() } else { format!("{digits}.{kept}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(sentence: &str, quote: &str) -> Option<String> {
        Numbers::of(sentence).missing_in(&Numbers::of(quote), &Numbers::default())
    }

    #[test]
    fn one_number_in_many_ways() {
        for (one, other) in [
            ("1,000,000", "1.000.000"),
            ("3.50", "3,5"),
            ("0.125", "0,125"),
            ("the 19th", "19"),
            ("10km", "10 km"),
            ("2024-05-01", "May 1, 2024"),
            ("3.5 million", "3,500,000"),
            ("twelve", "12"),
            ("1. The first of 7", "7 of them"),
            ("007", "7"),
        ] {
            assert_eq!(missing(one, other), None, "{one} in {other}");
        }
        assert_eq!(missing("3.5 million", "3.5 (in millions)"), None);
    }

    #[test]
    fn a_number_of_json_has_one_meaning_and_its_unit() {
        let missing = |number: &str, unit: &str, quote: &str| {
            let number = Numbers::of_json(number, unit).expect("a number");
            number.missing_in(&Numbers::of(quote), &Numbers::default()).is_some()
        };
        for (number, unit, quote) in [
            ("4200", "rent", "4,200 euros"),
            ("4200.0", "rent", "4.200 euros"),
            ("1.2e6", "revenue", "1.2 million"),
            ("-3.50", "change", "3,5 degrees"),
            ("3.5", "revenue millions", "3.5 million"),
            ("12", "months", "twelve months"),
        ] {
            assert!(!missing(number, unit, quote), "{number} in {quote}");
        }
        for (number, unit, quote) in [
            ("1.234", "mass", "1,234 kg"),
            ("3.5", "revenue", "3.5 million"),
            ("42", "rent", "4,200"),
        ] {
            assert!(missing(number, unit, quote), "{number} in {quote}");
        }
        assert!(Numbers::of_json("--", "").is_none());
        let share = Numbers::of_json("0.035", "").expect("a number").in_percent();
        assert_eq!(share.found_in(&Numbers::of("3.5 %")), 1);
        assert_eq!((share.len(), Numbers::of("May").means("5")), (1, true));
    }

    #[test]
    fn other_numbers_are_missing() {
        for (one, other, which) in [
            ("3.5", "35", "3.5"),
            ("3.5 million", "3.5 billion", "3.5"),
            ("3.5", "3.5 billion", "3.5"),
            ("between 4 and 5", "between 4 and 6", "5"),
            ("7 of x86", "86 of x7", "7"),
        ] {
            assert_eq!(missing(one, other).as_deref(), Some(which), "{one} in {other}");
        }
    }
}
