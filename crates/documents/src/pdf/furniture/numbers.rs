//! Page numbers in a line of text.

use super::super::lines::CELL_JOINT;

/// Longer lines hold no page number.
const TOKENS_MAX: usize = 40;

/// Words for a page, in lower case.
const PAGE_WORDS: [&str; 32] = [
    "page",
    "p",
    "pg",
    "seite",
    "s",
    "blatt",
    "folie",
    "slide",
    "sheet",
    "p\u{e1}gina",
    "pagina",
    "p\u{e1}g",
    "pag",
    "pagin\u{103}",
    "strona",
    "str",
    "strana",
    "str\u{e1}nka",
    "stran",
    "stranica",
    "oldal",
    "side",
    "sida",
    "sivu",
    "lk",
    "lpp",
    "psl",
    "sayfa",
    "\u{441}\u{442}\u{440}",
    "\u{441}\u{442}\u{440}\u{430}\u{43d}\u{438}\u{446}\u{430}",
    "\u{441}\u{442}\u{43e}\u{440}",
    "\u{3c3}\u{3b5}\u{3bb}",
];

/// Words between a page's number and how many there are.
const OF_WORDS: [&str; 14] = [
    "of",
    "von",
    "de",
    "di",
    "sur",
    "van",
    "z",
    "ze",
    "av",
    "af",
    "od",
    "su",
    "din",
    "\u{438}\u{437}",
];

/// How a number stands in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// The line says nothing else: `7`, `- 7 -`, `Page 7 of 9`, `vii`.
    Alone,
    /// A word for a page is next to it: `Handbook 2024, page 7`.
    Named,
    /// At an end of the line and parted from the rest: `Handbook | 7`.
    Apart,
    /// At an end of the line: `Handbook 7`.
    Beside,
}

/// A number in a line that may be the page's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) value: i64,
    /// The line with `#` in its place.
    pub(super) frame: String,
    /// The line without it and the rules beside it.
    pub(super) words: String,
    pub(super) stand: Stand,
}

impl Number {
    /// Whether the page at `index` (from 0) may have it. What stands beside words and counts far
    /// more than the pages before it numbers something else, as invoices.
    pub(super) fn may_number(&self, index: usize) -> bool {
        /// Leaves that were left out of the file: a cover.
        const SHIFT: i64 = 4;
        let near = self.value <= i64::try_from(index).unwrap_or(i64::MAX - 8) + 1 + SHIFT;
        let year = (1_900..=2_100).contains(&self.value);
        match self.stand {
            Stand::Alone => near || self.value < 10_000 && !year,
            Stand::Named => true,
            Stand::Apart | Stand::Beside => near,
        }
    }
}

/// The numbers of a line that may be the page's.
pub(super) fn numbers(text: &str) -> Vec<Number> {
    let cells = text.split(CELL_JOINT).enumerate();
    let tokens: Vec<(usize, &str)> = cells
        .flat_map(|(at, cell)| cell.split_whitespace().map(move |token| (at, token)))
        .collect();
    if tokens.len() > TOKENS_MAX {
        return Vec::new();
    }
    let number = |at: usize| {
        let &(_, token) = tokens.get(at)?;
        let (value, shown) = value(token)?;
        let stand = stand(&tokens, at)?;
        let others = tokens.iter().enumerate();
        let frame: Vec<&str> = others
            .map(|(other, &(_, token))| if other == at { shown.as_str() } else { token })
            .collect();
        Some(Number { value, frame: frame.join(" "), words: without(&tokens, at), stand })
    };
    (0..tokens.len()).filter_map(number).collect()
}

/// What a line says without the token at `at` and the rules beside that, in its cells.
fn without(tokens: &[(usize, &str)], at: usize) -> String {
    let mut words = String::new();
    let mut last = None;
    for (other, (cell, token)) in tokens.iter().enumerate() {
        let rule = other.abs_diff(at) == 1 && !token.contains(char::is_alphanumeric);
        if other == at || rule {
            continue;
        }
        if let Some(last) = last {
            words.push_str(if last == cell { " " } else { CELL_JOINT });
        }
        words.push_str(token);
        last = Some(cell);
    }
    words
}

fn stand(tokens: &[(usize, &str)], at: usize) -> Option<Stand> {
    let &(cell, token) = tokens.get(at)?;
    let before = at.checked_sub(1).and_then(|before| tokens.get(before)).copied();
    let after = tokens.get(at + 1).copied();
    let named =
        |beside: Option<(usize, &str)>| beside.is_some_and(|(_, word)| is_in(&PAGE_WORDS, word));
    let named = named(before) || named(after);
    // `7.` and `7)` count the items of a list.
    let item = token.starts_with(|c: char| c.is_alphanumeric()) && token.ends_with(['.', ')']);
    if (named || !item) && (0..tokens.len()).all(|other| other == at || says_nothing(tokens, other))
    {
        return Some(Stand::Alone);
    }
    if named {
        return Some(Stand::Named);
    }
    let (beside, label) = match (before, after) {
        (None, Some(after)) => (after, false),
        (Some(before), None) => (before, before.1.ends_with([':', '#', '.', '\u{b0}', '\u{2116}'])),
        _ => return None,
    };
    let rule = !beside.1.contains(char::is_alphanumeric);
    let parted = (beside.0 != cell || rule) && !label && !item;
    Some(if parted { Stand::Apart } else { Stand::Beside })
}

/// Whether a token is no more than a mark, a word for a page, or how many pages there are.
fn says_nothing(tokens: &[(usize, &str)], at: usize) -> bool {
    let Some(&(_, token)) = tokens.get(at) else { return true };
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let total = || {
        let of = before.is_some_and(|(_, word)| *word == "/" || is_in(&OF_WORDS, word));
        of && bare(token).bytes().all(|byte| byte.is_ascii_digit())
    };
    bare(token).is_empty() || is_in(&PAGE_WORDS, token) || is_in(&OF_WORDS, token) || total()
}

fn is_in(words: &[&str], word: &str) -> bool {
    words.contains(&bare(word).to_lowercase().as_str())
}

fn bare(token: &str) -> &str {
    token.trim_matches(|c: char| !c.is_alphanumeric())
}

/// What a token counts, and the token with `#` in the number's place.
fn value(token: &str) -> Option<(i64, String)> {
    let core = bare(token);
    let total = |total: &str| arabic(total).is_some();
    let number = match core.split_once('/') {
        Some((number, of)) if total(of) => number,
        _ => core,
    };
    let value = arabic(number).or_else(|| roman(number))?;
    Some((value, token.replacen(number, "#", 1)))
}

/// A number of one to five digits; none with zeros before it, as stamps have.
fn arabic(text: &str) -> Option<i64> {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().ok()).flatten()
}

/// Digits of Roman numbers as far as front matter goes.
const ROMAN: [(i64, &str); 9] = [
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
];

/// A Roman number below 200, in small letters or capitals.
fn roman(text: &str) -> Option<i64> {
    let one_case = text.bytes().all(|byte| byte.is_ascii_lowercase())
        || text.bytes().all(|byte| byte.is_ascii_uppercase());
    if text.is_empty() || text.len() > 9 || !one_case {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let mut rest = lower.as_str();
    let (mut value, mut spelled) = (0, String::new());
    for (worth, digits) in ROMAN {
        while let Some(after) = rest.strip_prefix(digits) {
            (value, rest) = (value + worth, after);
        }
    }
    let mut left = value;
    for (worth, digits) in ROMAN {
        while left >= worth {
            left -= worth;
            spelled.push_str(digits);
        }
    }
    (rest.is_empty() && value < 200 && spelled == lower).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(i64, Stand)> {
        numbers(text).into_iter().map(|number| (number.value, number.stand)).collect()
    }

    #[test]
    fn page_numbers_are_found_by_how_they_stand() {
        for (text, value) in [
            ("7", 7),
            ("- 7 -", 7),
            ("-7-", 7),
            ("[7]", 7),
            ("Page 7 of 9", 7),
            ("Seite 7 von 9", 7),
            ("7. oldal", 7),
            ("7/9", 7),
            ("7 / 9", 7),
            ("vii", 7),
            ("XIV", 14),
            ("p. xl", 40),
        ] {
            assert_eq!(found(text).first(), Some(&(value, Stand::Alone)), "{text}");
        }
        assert_eq!(found("Handbook 2024 \u{b7} Page 7 of 9")[0], (7, Stand::Named));
        assert_eq!(found("7  1.6. PATHS AND KNOTS"), [(7, Stand::Apart)]);
        assert_eq!(found("The Book of Foxes | 7"), [(7, Stand::Apart)]);
        assert_eq!(found("Invoice 7"), [(7, Stand::Beside)]);
        assert_eq!(found("Invoice no.:  7"), [(7, Stand::Beside)]);
        assert_eq!(found("Total amount due: 7 euros"), []);
        for text in ["7.", "7)", "007", "3.14", "1.6.", "civil", "mix", "a", ""] {
            assert_eq!(found(text), [], "{text}");
        }
        assert_eq!(numbers("Page 7 of 9")[0].frame, "Page # of 9");
        assert_eq!(numbers("-7/9-")[0].frame, "-#/9-");
        for text in ["Foxes and  dens  | 7", "7  Foxes and  dens", "7 \u{b7} Foxes and  dens"] {
            assert_eq!(numbers(text)[0].words, "Foxes and  dens", "{text}");
        }
    }

    #[test]
    fn a_number_far_beyond_the_pages_is_none_of_a_page() {
        let may = |text: &str, index| numbers(text)[0].may_number(index);
        assert!(may("1023", 2) && may("Page 1023", 2) && may("Foxes  3", 2) && may("Foxes  7", 2));
        assert!(!may("Foxes  1003", 2) && !may("2024", 2) && may("2024", 2_022));
    }
}
