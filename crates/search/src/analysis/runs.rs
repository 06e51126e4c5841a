//! Scripts that write words without spaces between them: Chinese, Japanese, Korean, Thai, Lao,
//! Khmer and Burmese.
//!
//! Their runs become overlapping pairs of characters, as in Lucene's `CJKAnalyzer`: a single
//! character occurs in nearly every text and says little, and what a word is only a dictionary
//! knows. A character that stands alone stays. Korean has spaces, but its particles cling to
//! its words.

/// A piece of a chunk of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text whose words Unicode tells apart.
    Plain(&'t str),
    /// Characters of a script without spaces.
    Run(&'t str),
}

/// The pieces of a chunk, in order.
pub(super) fn pieces(chunk: &str) -> Vec<Piece<'_>> {
    if chunk.is_ascii() || !chunk.chars().any(runs_on) {
        return vec![Piece::Plain(chunk)];
    }
    let mut pieces = Vec::new();
    let mut rest = chunk;
    while let Some(first) = rest.chars().next() {
        let run = runs_on(first);
        let end = rest.find(|c: char| runs_on(c) != run && !super::is_mark(c));
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        pieces.push(if run { Piece::Run(piece) } else { Piece::Plain(piece) });
        rest = after;
    }
    pieces
}

/// Adds the overlapping pairs of a run's characters, each with its marks.
pub(super) fn push_pairs(run: &str, terms: &mut Vec<String>) {
    let mut starts: Vec<usize> = run
        .char_indices()
        .filter(|(at, c)| *at == 0 || !super::is_mark(*c))
        .map(|(at, _)| at)
        .collect();
    starts.push(run.len());
    let count = terms.len();
    for ends in starts.windows(3) {
        if let [start, _, end] = ends {
            terms.extend(run.get(*start..*end).map(str::to_owned));
        }
    }
    if terms.len() == count && !run.is_empty() {
        terms.push(run.to_owned());
    }
}

/// Whether a character is of a script that writes words without spaces; marks and digits of
/// such scripts are not meant, but for vowel signs that are letters.
fn runs_on(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Burmese and Khmer.
        '\u{e01}'..='\u{e2e}' | '\u{e30}' | '\u{e32}'..='\u{e33}' | '\u{e40}'..='\u{e46}'
        | '\u{e81}'..='\u{eb0}' | '\u{eb2}'..='\u{eb3}' | '\u{ebd}'..='\u{ec6}'
        | '\u{1000}'..='\u{102a}' | '\u{103f}' | '\u{1050}'..='\u{1055}'
        | '\u{1780}'..='\u{17b3}'
        // Han with its marks of repetition, Hiragana, Katakana, Bopomofo.
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{3105}'..='\u{312f}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}'
        // Hangul.
        | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_comes_apart_where_the_script_changes() {
        assert_eq!(pieces("wing"), [Piece::Plain("wing")]);
        assert_eq!(pieces("größe"), [Piece::Plain("größe")]);
        let mixed =
            [Piece::Run("使用"), Piece::Plain("utf-8"), Piece::Run("编码"), Piece::Plain("。")];
        assert_eq!(pieces("使用utf-8编码。"), mixed);
        assert_eq!(pieces(""), [Piece::Plain("")]);
    }

    #[test]
    fn runs_become_overlapping_pairs_and_lone_characters_stay() {
        let pairs = |run: &str| {
            let mut terms = Vec::new();
            push_pairs(run, &mut terms);
            terms
        };
        assert_eq!(pairs("東京大学"), ["東京", "京大", "大学"]);
        assert_eq!(pairs("水"), ["水"]);
        assert_eq!(pairs(""), Vec::<String>::new());
        // Marks belong to the characters before them.
        assert_eq!(pairs("ที่นี่"), ["ที่นี่"]);
        assert_eq!(pairs("ที่"), ["ที่"]);
    }
}
