//! The words that a judgement points at: kept with it, and found again in another text of the file.
//!
//! A judgement counts the characters of one text. When the file's bytes are read anew they stand
//! elsewhere, so the words are looked for: as they are first, then however white space is set. Words
//! that stand in several places are found only where as many of them are there as were before;
//! which one was meant could not be told otherwise.

use std::collections::HashMap;

use cairn_store::records::JudgedWordsRow;

/// Longest words that are kept whole, in characters. Of longer ones the first and the last
/// [`EDGE`] are.
const WHOLE: usize = 4000;
/// Characters of either end.
const EDGE: usize = 2000;
/// Occurrences that are counted at most.
const COUNTED: usize = 1000;

/// Words of a text and which of their places is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// The words, or the first of them.
    pub(crate) start: String,
    /// The last of them, where not all are kept.
    pub(crate) end: Option<String>,
    /// Which place with these words it is, from 0.
    pub(crate) nth: usize,
    /// How many there are; 0 where the place is not among those that are counted. They then hold
    /// for their own text and are found in no other.
    pub(crate) of: usize,
}

impl Words {
    /// Those that are kept in a row.
    pub(crate) fn of_row(row: &JudgedWordsRow) -> Self {
        Self {
            start: row.words.clone(),
            end: row.words_end.clone(),
            nth: usize::try_from(row.nth).unwrap_or(0),
            of: usize::try_from(row.occurrences).unwrap_or(1),
        }
    }

    /// The characters where they stand in another text; none where they do not, or where it cannot
    /// be told which place was meant.
    fn find(&self, text: &str, squeezed: &Squeezed) -> Option<(i64, i64)> {
        let start = self.exactly(text).or_else(|| {
            let places = squeezed.all(&self.start);
            if places.len() == self.of { places.get(self.nth).copied() } else { None }
        })?;
        let Some(end) = &self.end else { return Some(start) };
        let last = squeezed.first_behind(end, start.1)?;
        (start.0 < last.1).then_some((start.0, last.1))
    }

    fn exactly(&self, text: &str) -> Option<(i64, i64)> {
        if self.start.is_empty() {
            return None;
        }
        let places: Vec<usize> =
            text.match_indices(self.start.as_str()).take(COUNTED).map(|(at, _)| at).collect();
        let at = if places.len() == self.of { *places.get(self.nth)? } else { return None };
        let before = i64::try_from(text.get(..at)?.chars().count()).ok()?;
        let length = i64::try_from(self.start.chars().count()).ok()?;
        Some((before, before + length))
    }
}

/// The words at each range of characters of a text; none for a range that it does not have.
pub(crate) fn at(text: &str, ranges: &[(i64, i64)]) -> Vec<Option<Words>> {
    let bytes = bytes(text, ranges);
    let squeezed = Squeezed::of(text);
    let words = |(from, to): &(i64, i64)| {
        let part = text.get(*bytes.get(from)?..*bytes.get(to)?)?;
        if part.trim().is_empty() {
            return None;
        }
        let count = part.chars().count();
        let (start, end) = if count > WHOLE {
            let first: String = part.chars().take(EDGE).collect();
            let last: String = part.chars().skip(count - EDGE).collect();
            (first, Some(last))
        } else {
            (part.to_owned(), None)
        };
        let places = squeezed.all(&start);
        // White space at its ends is no word.
        let skipped = part.chars().take_while(|char| char.is_whitespace()).count();
        let own = from + i64::try_from(skipped).unwrap_or(0);
        let found = places.iter().position(|(begin, _)| *begin == own);
        let (nth, of) = found.map_or((0, 0), |nth| (nth, places.len()));
        Some(Words { start, end, nth, of })
    };
    ranges.iter().map(words).collect()
}

/// The byte of each place that the ranges begin and end with.
fn bytes(text: &str, ranges: &[(i64, i64)]) -> HashMap<i64, usize> {
    let mut wanted: Vec<i64> = ranges.iter().flat_map(|(from, to)| [*from, *to]).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut found = HashMap::new();
    let mut wanted = wanted.into_iter().peekable();
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    for (place, at) in (0_i64..).zip(ends) {
        while wanted.next_if(|wanted| *wanted < place).is_some() {}
        if wanted.next_if_eq(&place).is_some() {
            found.insert(place, at);
        }
    }
    found
}

/// Where each of `words` stands in another text.
pub(crate) fn again(text: &str, words: &[Words]) -> Vec<Option<(i64, i64)>> {
    let squeezed = Squeezed::of(text);
    words.iter().map(|words| words.find(text, &squeezed)).collect()
}

/// A text with every run of white space as one space, to find words in that were broken into
/// lines otherwise; and where each of its bytes stands in the text, in characters.
pub(crate) struct Squeezed {
    text: String,
    places: Vec<u32>,
}

impl Squeezed {
    pub(crate) fn of(text: &str) -> Self {
        let mut squeezed = Self { text: String::with_capacity(text.len()), places: Vec::new() };
        let mut spaced = true;
        for (place, char) in (0_u32..).zip(text.chars()) {
            let shown = if char.is_whitespace() { ' ' } else { char };
            if shown == ' ' && spaced {
                continue;
            }
            spaced = shown == ' ';
            squeezed.text.push(shown);
            squeezed.places.extend(std::iter::repeat_n(place, shown.len_utf8()));
        }
        squeezed
    }

    /// The characters of the text where `quote` stands first.
    pub(crate) fn find(&self, quote: &str) -> Option<(i64, i64)> {
        let quote = squeeze(quote)?;
        self.range(self.text.find(&quote)?, quote.len())
    }

    /// Everywhere it stands, in order.
    fn all(&self, quote: &str) -> Vec<(i64, i64)> {
        let Some(quote) = squeeze(quote) else { return Vec::new() };
        let places = self.text.match_indices(&quote).take(COUNTED);
        places.filter_map(|(at, _)| self.range(at, quote.len())).collect()
    }

    /// Where it stands first with its end behind the character `behind`.
    fn first_behind(&self, quote: &str, behind: i64) -> Option<(i64, i64)> {
        self.all(quote).into_iter().find(|(_, end)| *end > behind)
    }

    fn range(&self, start: usize, bytes: usize) -> Option<(i64, i64)> {
        let last = (start + bytes).checked_sub(1)?;
        Some((i64::from(*self.places.get(start)?), i64::from(*self.places.get(last)?) + 1))
    }
}

fn squeeze(quote: &str) -> Option<String> {
    let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    (!quote.is_empty()).then_some(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, part: &str) -> (i64, i64) {
        let at = text[..text.find(part).unwrap()].chars().count();
        let count = |n: usize| i64::try_from(n).unwrap();
        (count(at), count(at + part.chars().count()))
    }

    fn words(text: &str, part: &str) -> Words {
        at(text, &[of(text, part)]).remove(0).unwrap()
    }

    fn found(text: &str, words: &Words) -> Option<(i64, i64)> {
        again(text, std::slice::from_ref(words)).remove(0)
    }

    #[test]
    fn a_quote_is_found_however_its_lines_are_broken() {
        let text = Squeezed::of("  Höhe:\n\n 828\u{a0}m.  End");
        assert_eq!(text.text, "Höhe: 828 m. End");
        assert_eq!(text.find("Höhe: 828 m."), Some((2, 16)));
        assert_eq!(text.find(" 828\nm"), Some((10, 15)));
        assert_eq!((text.find("829"), text.find("  ")), (None, None));
    }

    #[test]
    fn words_are_found_again_behind_what_came_before_them() {
        let kept = words("Höhe. Ida kept it. End.", "Ida kept it.");
        assert_eq!((kept.start.as_str(), kept.nth, kept.of), ("Ida kept it.", 0, 1));
        let new = "A größer preface.\n\nHöhe. Ida kept it. End.";
        assert_eq!(found(new, &kept), Some(of(new, "Ida kept it.")));
        // As they are first, then however white space is set.
        let broken = "Preface. Höhe. Ida\n  kept it. End.";
        assert_eq!(found(broken, &kept), Some(of(broken, "Ida\n  kept it.")));
        assert_eq!(found("Höhe. Ida left it. End.", &kept), None);
        assert_eq!(found("", &kept), None);
    }

    #[test]
    fn words_that_stand_in_several_places_are_found_only_where_all_are_there() {
        let old = "One: 41 m. Two: 41 m. Three: 41 m.";
        let second = of(old, "Two: 41 m");
        let kept = at(old, &[(second.0 + 5, second.1)]).remove(0).unwrap();
        assert_eq!((kept.start.as_str(), kept.nth, kept.of), ("41 m", 1, 3));
        let new = "Preface. One: 41 m. Two: 41 m. Three: 41 m.";
        let (start, end) = of(new, "Two: 41 m");
        assert_eq!(found(new, &kept), Some((start + 5, end)));
        assert_eq!(found("One: 41 m. Three: 41 m.", &kept), None, "which one is gone?");
        assert_eq!(found("One: 41 m.", &kept), None);
    }

    #[test]
    fn words_beyond_those_that_are_counted_hold_for_their_own_text_only() {
        let old = "41 m. ".repeat(COUNTED + 1);
        let last = i64::try_from(COUNTED * 6).unwrap();
        let kept = at(&old, &[(last, last + 4)]).remove(0).unwrap();
        assert_eq!((kept.start.as_str(), kept.nth, kept.of), ("41 m", 0, 0));
        for new in [old.as_str(), "One: 41 m.", "None."] {
            assert_eq!(found(new, &kept), None);
        }
        let counted = at(&old, &[(last - 6, last - 2)]).remove(0).unwrap();
        assert_eq!((counted.nth, counted.of), (COUNTED - 1, COUNTED));
    }

    #[test]
    fn long_words_are_found_by_their_ends() {
        let middle: String = (0..2000).map(|n| format!("word{n} ")).collect();
        let old = format!("Before. {middle}After.");
        let range = of(&old, middle.trim_end());
        let kept = at(&old, &[range]).remove(0).unwrap();
        assert_eq!(kept.start.chars().count(), EDGE);
        assert_eq!(kept.end.as_ref().unwrap().chars().count(), EDGE);
        let new = format!("A preface. {old}");
        assert_eq!(found(&new, &kept), Some((range.0 + 11, range.1 + 11)));
        assert_eq!(found(&new.replace("word1999", "other"), &kept), None, "its end is gone");
    }

    #[test]
    fn a_range_that_a_text_does_not_have_has_no_words() {
        assert_eq!(at("abc", &[(0, 3), (2, 4), (9, 12)]).iter().flatten().count(), 1);
        assert_eq!(at("a \n b", &[(1, 4)]), [None], "white space is no word");
        let spaced = at("Ida  kept", &[(3, 9)]).remove(0).unwrap();
        assert_eq!(found("Oh, Ida kept", &spaced), Some((8, 12)), "but at its ends");
    }
}
