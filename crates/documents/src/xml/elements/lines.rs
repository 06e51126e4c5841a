//! Whether the line breaks in an element's text are meant, or only layout of the file.

/// Breaks between so many lines tell whether they are meant.
const LINES_MIN: usize = 3;
/// So many lines of a text are looked at.
const LINES_MAX: usize = 1_000;
/// No one breaks prose at fewer columns than these.
const COLUMNS_MIN: usize = 50;
const TAB_COLUMNS: usize = 4;
/// So many words make a sentence.
const WORDS_MIN: usize = 3;

/// What a line of a script begins with, ends with, or has within.
const BEGINNINGS: [&str; 12] = ["#", "//", "/*", "*", "--", "$", "@", "{", "}", "<", "|", "."];
const ENDS: [&str; 8] = [";", "{", "}", "\\", "|", ">", "&&", "||"];
const SIGNS: [&str; 15] =
    [" = ", "==", "!=", ":=", "+=", "::", "->", "=>", "<=", ">=", "${", "#{", "&&", "||", "()"];
/// What a line ends with that goes on, in scripts more often than in prose.
const ENDS_OF_PARTS: [char; 5] = [',', '(', ')', '[', ']'];

/// Words that statements of SQL begin with, and their clauses.
const STATEMENTS: [&str; 6] = ["select", "insert", "update", "delete", "merge", "with"];
const CLAUSES: [&str; 18] = [
    "from", "where", "and", "or", "join", "left", "right", "inner", "on", "set", "values", "group",
    "order", "having", "union", "limit", "into", "using",
];

/// The first lines of a text that are not blank, without their indents.
fn filled(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).take(LINES_MAX)
}

/// How many lines of a text are not blank, of those that are looked at.
pub(super) fn count(text: &str) -> usize {
    filled(text).count()
}

/// Whether the lines of a text are meant: those of a script, and others that are broken where more
/// words would have fitted and that are no sentences.
pub(super) fn are_meant(text: &str) -> bool {
    let lines = count(text);
    let sentences = filled(text).filter(|line| is_sentence(line)).count();
    is_script(text) || lines >= LINES_MIN && sentences * 2 <= lines && is_broken_early(text)
}

/// Whether a text is lines of a program, a query or markup.
pub(super) fn is_script(text: &str) -> bool {
    let lines = count(text);
    if lines < 2 {
        return false;
    }
    let is_query = filled(text).next().is_some_and(|line| begins(line, &STATEMENTS))
        && filled(text).any(has_signs);
    let (mut sure, mut parts) = (0, 0);
    for line in filled(text) {
        let clause = is_query && (begins(line, &STATEMENTS) || begins(line, &CLAUSES));
        match clause || has_signs(line) {
            true => sure += 1,
            false => parts += usize::from(line.ends_with(ENDS_OF_PARTS)),
        }
    }
    match lines < LINES_MIN {
        true => sure == lines,
        false => sure > 0 && (sure + parts) * 2 > lines,
    }
}

fn has_signs(line: &str) -> bool {
    BEGINNINGS.iter().any(|sign| line.starts_with(sign))
        || ENDS.iter().any(|sign| line.ends_with(sign))
        || SIGNS.iter().any(|sign| line.contains(sign))
        || line.split_whitespace().skip(1).any(is_option)
}

/// Whether a word is an option of a command: `-e`, `--all`.
fn is_option(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    matches!(word.len() - name.len(), 1 | 2) && name.starts_with(char::is_alphabetic)
}

/// Whether the first word of a line is one of these.
fn begins(line: &str, words: &[&str]) -> bool {
    let first = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    words.iter().any(|word| word.eq_ignore_ascii_case(first))
}

fn is_sentence(line: &str) -> bool {
    let end = line.trim_end_matches(['"', '\'', ')', '\u{201d}', '\u{2019}']);
    end.ends_with(['.', '!', '?']) && line.split_whitespace().count() >= WORDS_MIN
}

/// Whether most lines end although the first word of the next would have fitted. How much fits is
/// told by the second longest line, as the longest may be an address that cannot be broken.
fn is_broken_early(text: &str) -> bool {
    let lines = || text.lines().take(LINES_MAX);
    let mut widths: Vec<usize> = lines().map(width).collect();
    widths.sort_unstable();
    let full = widths.iter().rev().nth(1).copied().unwrap_or_default().max(COLUMNS_MIN);
    let (mut breaks, mut early) = (0, 0);
    for (line, next) in lines().zip(lines().skip(1)) {
        let word = next.split_whitespace().next().map_or(0, |word| word.chars().count());
        if word > 0 && !line.trim().is_empty() {
            breaks += 1;
            early += usize::from(width(line) + 1 + word <= full);
        }
    }
    early * 2 > breaks
}

/// How many columns a line takes, with its indent.
fn width(line: &str) -> usize {
    line.trim_end().chars().map(|c| if c == '\t' { TAB_COLUMNS } else { 1 }).sum()
}

/// The lines of an element's text, without blank ones around them and the indent that they share.
pub(super) fn outdented(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let blank = lines.iter().take_while(|line| line.is_empty()).count();
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let lines = lines.get(blank..end).unwrap_or_default();
    let indents = lines.iter().filter(|line| !line.is_empty());
    let indents = indents.map(|line| line.strip_suffix(line.trim_start()).unwrap_or_default());
    // The first line has no indent of the file's where it stands right behind the tag.
    let shared = if blank > 0 { indents.reduce(start_of_both).unwrap_or_default() } else { "" };
    lines.iter().map(|line| line.strip_prefix(shared).unwrap_or(line)).collect()
}

fn start_of_both<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    a.get(..same).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_scripts_are_meant() {
        for script in [
            "\n  stage('x') {\n    sh 'make'\n  }\n",
            "a = 1;\nb = 2;",
            "#!/bin/sh\nset -e\ncd app && make\nmake test",
            "select id,\n  name,\n  born\nfrom people\nwhere id = #{id}",
            "SELECT *\nFROM people\nWHERE id = 1\nORDER BY name",
            "<a>\n  <b/>\n</a>",
        ] {
            assert!(is_script(script), "{script}");
            assert!(are_meant(script), "{script}");
        }
    }

    #[test]
    fn lines_that_are_short_without_need_are_meant() {
        for text in ["\n Jo Doe\n 1 High Street\n London\n", "one two\n  three\n  four five\nsix"] {
            assert!(!is_script(text), "{text}");
            assert!(are_meant(text), "{text}");
        }
        assert!(!are_meant("Jo Doe\nLondon"));
    }

    #[test]
    fn breaks_of_prose_are_layout() {
        for prose in [
            "One line.",
            "\n    The pump moves water from the well to the tank, which stands on\n    \
             a hill above the village, and stops by itself as soon as the tank\n    \
             is full or the well is nearly dry. Its engine runs on mains power (see\n    \
             there) or on diesel.\n",
            "Select the file that you want to open\nand press the button.",
            "A library for maps.\nIt draws tiles and lines.\nIt is free software.\n",
            "\n  This text is broken at about seventy columns, as editors do it by\n  \
             themselves. It has an address that is longer than its lines are,\n  \
             https://example.org/a/very/long/address/that/no/editor/breaks/anywhere/at/all\n  \
             and goes on behind it for one line more, which also is a full line\n  \
             of words.",
        ] {
            assert!(!are_meant(prose), "{prose}");
        }
    }

    #[test]
    fn the_indent_that_lines_share_goes() {
        assert_eq!(outdented("\n\n    a {\n      b\n\n    }\n  "), ["a {", "  b", "", "}"]);
        assert_eq!(outdented("a {\n  b\n}"), ["a {", "  b", "}"]);
        assert_eq!(outdented("a:\n  b\n  c"), ["a:", "  b", "  c"]);
        assert_eq!(outdented("\n\ta\n\t\tb\n  c"), ["\ta", "\t\tb", "  c"]);
        assert_eq!(outdented(" \n "), [""; 0]);
    }
}
