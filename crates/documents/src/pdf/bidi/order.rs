//! From the order in which glyphs are seen to that in which they are read.

/// Which way a glyph's text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A letter of a script that runs from right to left.
    Leftward,
    /// Any other letter.
    Rightward,
    /// A digit: numbers run from left to right in every script.
    Digit,
    /// Signs and spaces, which follow what is around them.
    Neutral,
}

/// A glyph's text and which way that runs.
pub(super) type Item<'t> = (&'t str, Way);

/// Signs that come in pairs, the opening one first.
const PAIRS: [(&str, &str); 6] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("<", ">"),
    ("\u{ab}", "\u{bb}"),
    ("\u{2039}", "\u{203a}"),
];

/// Words of a line that runs from left to right among others, at least.
const FOREIGN_WORDS_MIN: usize = 3;

/// Whether a char belongs to a script that runs from right to left (or is a digit or mark of one).
pub(in crate::pdf) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

pub(super) fn way(c: char) -> Way {
    match c {
        '0'..='9' | '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}' => Way::Digit,
        c if !c.is_alphabetic() => Way::Neutral,
        c if is_right_to_left(c) => Way::Leftward,
        _ => Way::Rightward,
    }
}

/// The text of items that are seen from left to right, in a line that runs from right to left or,
/// unless `leftward`, from left to right. Where `as_drawn` is said, the letters of a word are in
/// order already.
pub(super) fn logical(items: &[Item<'_>], leftward: bool, as_drawn: bool) -> String {
    if leftward && !is_foreign(items) {
        return turned(items, as_drawn);
    }
    let mut text = String::new();
    let mut rest = items;
    while let Some(((first, way), after)) = rest.split_first() {
        if *way != Way::Leftward {
            text.push_str(first);
            rest = after;
            continue;
        }
        let (part, after) = rest.split_at(reach(rest, Way::Leftward, Way::Rightward));
        text.push_str(&turned(part, as_drawn));
        rest = after;
    }
    text
}

/// Whether a line is a sentence, or part of one, that runs from left to right by itself, as of an
/// abstract or a list of works: it begins and ends as no such words do within a line that runs
/// from right to left, where a full stop or bracket at the end is seen before them.
fn is_foreign(items: &[Item<'_>]) -> bool {
    let words = items.split(|(text, _)| *text == " ");
    let words = words.filter(|word| word.iter().any(|(_, way)| *way == Way::Rightward)).count();
    let opens = |text: &str| PAIRS.iter().any(|(open, _)| text == *open);
    let closes = |text: &str| PAIRS.iter().any(|(_, close)| text == *close);
    let begins = |(text, way): &Item<'_>| *way == Way::Rightward || opens(text);
    let ends =
        |(text, way): &Item<'_>| *way != Way::Neutral || closes(text) || ".,;:!?".contains(text);
    let opened = items.iter().filter(|(text, _)| opens(text)).count();
    let closed = items.iter().filter(|(text, _)| closes(text)).count();
    words >= FOREIGN_WORDS_MIN
        && items.iter().all(|(_, way)| *way != Way::Leftward)
        && items.first().is_some_and(begins)
        && items.last().is_some_and(ends)
        && opened == closed
}

/// The text of items in a stretch that runs from right to left.
fn turned(items: &[Item<'_>], as_drawn: bool) -> String {
    let mut parts: Vec<&[Item<'_>]> = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(kept(rest, as_drawn).clamp(1, rest.len()));
        parts.push(part);
        rest = after;
    }
    let mirrored = are_turned(&parts);
    let mut text = String::new();
    for part in parts.into_iter().rev() {
        match part {
            [(sign, Way::Neutral)] if mirrored => text.push_str(mirror(sign)),
            part => part.iter().for_each(|(item, _)| text.push_str(item)),
        }
    }
    text
}

/// How many of the first items stay in the order in which they are seen.
fn kept(items: &[Item<'_>], as_drawn: bool) -> usize {
    match items.first().map(|(_, way)| *way) {
        Some(Way::Rightward) => reach(items, Way::Rightward, Way::Leftward),
        Some(Way::Digit) => {
            let number = number(items);
            let after = items.get(number..).unwrap_or_default();
            let spaces = after.iter().take_while(|(text, _)| *text == " ").count();
            match after.get(spaces) {
                Some((_, Way::Rightward)) => {
                    let rest = after.get(spaces..).unwrap_or_default();
                    number + spaces + reach(rest, Way::Rightward, Way::Leftward)
                }
                _ => number,
            }
        }
        Some(Way::Leftward) if as_drawn => {
            items.iter().take_while(|(_, way)| *way == Way::Leftward).count()
        }
        _ => 1,
    }
}

/// How many items there are up to the last that runs `way`, or is a number after one, before one
/// that runs the `other` way. A bracket that closes what is not in it ends a foreign word.
fn reach(items: &[Item<'_>], way: Way, other: Way) -> usize {
    let (mut at, mut end, mut open) = (0, 0, 0_usize);
    while let Some((text, found)) = items.get(at) {
        let opens = PAIRS.iter().any(|(open, _)| text == open);
        let closes = PAIRS.iter().any(|(_, close)| text == close);
        if *found == other || way == Way::Rightward && closes && open == 0 {
            break;
        }
        open = (open + usize::from(opens)).saturating_sub(usize::from(closes));
        at += match found {
            // In a stretch from right to left, a number at its end belongs to the line.
            Way::Digit if way == Way::Rightward => {
                number(items.get(at..).unwrap_or_default()).max(1)
            }
            _ => 1,
        };
        if *found == way || *found == Way::Digit && way == Way::Rightward {
            end = at;
        }
    }
    end
}

/// How many items make the number at the start: digits, signs between them, a per cent sign.
fn number(items: &[Item<'_>]) -> usize {
    let digit = |at: usize| items.get(at).is_some_and(|(_, way)| *way == Way::Digit);
    let sign = |at: usize, signs: &str| items.get(at).is_some_and(|(text, _)| signs.contains(text));
    let mut end = 0;
    while digit(end) || end > 0 && sign(end, ".,:/+-\u{66b}\u{66c}") && digit(end + 1) {
        end += 1;
    }
    end + usize::from(end > 0 && sign(end, "%\u{66a}"))
}

/// Whether brackets are stored as they look rather than as they are meant: of those read from
/// right to left, the first would close.
fn are_turned(parts: &[&[Item<'_>]]) -> bool {
    let brackets = parts.iter().rev().filter_map(|part| match part {
        [(sign, Way::Neutral)] => PAIRS.iter().find_map(|(open, close)| match *sign {
            sign if sign == *close => Some(true),
            sign if sign == *open => Some(false),
            _ => None,
        }),
        _ => None,
    });
    brackets.into_iter().next().unwrap_or(false)
}

fn mirror(sign: &str) -> &str {
    let other = PAIRS.iter().find_map(|(open, close)| match sign {
        sign if sign == *open => Some(*close),
        sign if sign == *close => Some(*open),
        _ => None,
    });
    other.unwrap_or(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(seen: &str, leftward: bool) -> String {
        let chars: Vec<(String, Way)> = seen.chars().map(|c| (c.to_string(), way(c))).collect();
        let items: Vec<Item<'_>> = chars.iter().map(|(text, way)| (text.as_str(), *way)).collect();
        logical(&items, leftward, false)
    }

    // Hebrew letters: alef to vav.
    const ABC: &str = "\u{5d0}\u{5d1}\u{5d2}";
    const DEF: &str = "\u{5d3}\u{5d4}\u{5d5}";
    const CBA: &str = "\u{5d2}\u{5d1}\u{5d0}";
    const FED: &str = "\u{5d5}\u{5d4}\u{5d3}";

    #[test]
    fn words_numbers_and_foreign_words_are_put_in_order() {
        assert_eq!(read(&format!("{FED} {CBA}"), true), format!("{ABC} {DEF}"));
        assert_eq!(read(&format!("1,250.50 {CBA}"), true), format!("{ABC} 1,250.50"));
        assert_eq!(
            read(&format!("{FED} 2024 - 2019 {CBA}"), true),
            format!("{ABC} 2019 - 2024 {DEF}")
        );
        assert_eq!(read(&format!("{FED} C++ for R {CBA}"), true), format!("{ABC} C++ for R {DEF}"));
        assert_eq!(read(&format!(".{FED} 50% {CBA}"), true), format!("{ABC} 50% {DEF}."));
        assert_eq!(
            read(&format!("{FED} Python 3.12 {CBA}"), true),
            format!("{ABC} Python 3.12 {DEF}")
        );
    }

    #[test]
    fn brackets_open_before_they_close() {
        assert_eq!(read(&format!("({FED}) {CBA}"), true), format!("{ABC} ({DEF})"));
        // A producer that stores what is meant.
        assert_eq!(read(&format!("){FED}( {CBA}"), true), format!("{ABC} ({DEF})"));
    }

    #[test]
    fn sentences_from_left_to_right_stay_among_lines_from_right_to_left() {
        for seen in ["We show how it works.", "(a) First of all, see Ann (2020)."] {
            assert_eq!(read(seen, true), seen);
        }
        // Words at the end of a line that runs from right to left.
        assert_eq!(read(".see the manual", true), "see the manual.");
    }

    #[test]
    fn words_from_right_to_left_in_a_line_from_left_to_right() {
        let seen = format!("The words {FED} 12 {CBA} mean 5 things.");
        assert_eq!(read(&seen, false), format!("The words {ABC} 12 {DEF} mean 5 things."));
        assert_eq!(read("No such words (1).", false), "No such words (1).");
    }
}
