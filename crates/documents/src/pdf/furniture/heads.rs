//! What running lines say, and what is none.

use super::super::lines::Line;
use super::numbers::{Stand, numbers};

/// A line's letters and digits, the same in small letters and capitals and however it is spaced.
/// Numbers with different points or signs are different, and so are `C`, `C++` and `C#`.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut last, mut chars) = (None, text.chars().peekable());
    while let Some(c) = chars.next() {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let beside = last.is_some_and(|c: char| c.is_alphanumeric() || c == '+');
        let first = last.is_none_or(char::is_whitespace);
        if c.is_alphanumeric() {
            plain.extend(c.to_lowercase());
        } else if matches!(c, '+' | '#') && beside
            || matches!(c, '+' | '-' | '\u{2212}') && first && digit(chars.peek().copied())
        {
            plain.push(if c == '\u{2212}' { '-' } else { c });
        } else if matches!(c, '.' | ',') && digit(last) && digit(chars.peek().copied()) {
            plain.push(c);
        }
        last = Some(c);
    }
    plain
}

/// What the first of `lines` says, and what it says with those after it: all plain.
pub(super) fn together<'t>(lines: impl Iterator<Item = &'t Line>) -> impl Iterator<Item = String> {
    let mut texts = lines.map(|line| plain(&line.text));
    let first = texts.next().filter(|text| !text.is_empty());
    let mut said = first.clone().unwrap_or_default();
    // A number that begins a line is not the rest of one at the end of the line before it.
    let rest = texts.take_while(|text| text.starts_with(char::is_alphabetic));
    let longer = rest.map(move |text| {
        said.push_str(&text);
        said.clone()
    });
    first.into_iter().chain(longer)
}

/// Whether words may be those of a part of a document: digits are those of its number
/// (`3.1 Methods`, `Chapter 3: Methods`) or a year, and no label has a value.
pub(super) fn is_head(words: &str) -> bool {
    let digits = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    let counts = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let year = word.parse::<u16>().is_ok_and(|year| (1_900..=2_100).contains(&year));
        let short = word.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= 2);
        !digits(word) || year || short && !word.contains(',')
    };
    let label = words.split_once(':').is_some_and(|(label, _)| !digits(label));
    let letters = words.chars().filter(|c| c.is_alphabetic()).count();
    letters > 1 && !label && words.split_whitespace().all(counts)
}

/// Whether a line gives a sum, or a value after a colon.
pub(super) fn is_statement(text: &str) -> bool {
    const SUMS: [char; 5] = ['\u{20ac}', '$', '\u{a3}', '\u{a5}', '\u{20b9}'];
    const MONEY: [&str; 7] = ["eur", "euro", "euros", "usd", "gbp", "chf", "dollars"];
    let digits = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    if !digits(text) {
        return false;
    }
    let is_money = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
        MONEY.contains(&word.as_str())
    };
    let numbers = numbers(text);
    let of_page = numbers.iter().any(|number| matches!(number.stand, Stand::Alone | Stand::Named));
    let apart = numbers.iter().find(|number| number.stand == Stand::Apart);
    let words = apart.map_or(text, |number| number.words.as_str());
    let value = words.split_once(": ").is_some_and(|(_, value)| digits(value));
    text.contains(SUMS) || text.split_whitespace().any(is_money) || value && !of_page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_are_known_in_capitals_and_without_points() {
        assert_eq!(plain("1.1. PATHS AND  KNOTS"), "1.1pathsandknots");
        assert_eq!(plain("1.1 Paths and Knots"), "1.1pathsandknots");
        assert_ne!(plain("Table 1.5"), plain("Table 15"));
        assert_ne!(plain("The C++ Guide"), plain("The C Guide"));
        assert_ne!(plain("The C++ Guide"), plain("The C# Guide"));
        assert_ne!(plain("At -40 degrees"), plain("At 40 degrees"));
        assert_eq!(plain("- 7 -"), plain("7"));
        assert_eq!(plain("\u{2014} \u{2022}"), "");
    }

    #[test]
    fn sums_and_values_are_statements_and_page_numbers_none() {
        for text in ["Rent: 500", "Rent: 500  41", "Rent \u{20ac} 500  41", "500 euros"] {
            assert!(is_statement(text), "{text}");
        }
        for text in ["Chapter 3: Methods  41", "Report: Page 7 of 9", "Rent: paid", "1.1. PATHS"] {
            assert!(!is_statement(text), "{text}");
        }
    }

    #[test]
    fn heads_count_parts_and_years_only() {
        for text in ["Contents", "3.1. PATHS", "Chapter 12: Foxes", "\u{a7} 4a Dens", "Report 2024"]
        {
            assert!(is_head(text), "{text}");
        }
        for text in ["Invoice 1001", "12.05.2024", "Rent 1,50", "Customer: Fox Limited", "7", ""] {
            assert!(!is_head(text), "{text}");
        }
    }
}
