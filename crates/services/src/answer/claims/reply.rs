//! Answers that begin with yes or no.

use cairn_search::Language;

/// What a sentence of an answer says to a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Neither.
    #[default]
    None,
    /// That it is so.
    Yes,
    /// That it is not.
    No,
}

/// "Yes" and "no" of each language; English is looked for everywhere.
const WORDS: [(Language, &[&str], &[&str]); 18] = [
    (Language::English, &["yes"], &["no"]),
    (Language::Arabic, &["نعم"], &["لا"]),
    (Language::Danish, &["ja", "jo"], &["nej"]),
    (Language::Dutch, &["ja"], &["nee"]),
    (Language::Finnish, &["kyllä"], &["ei"]),
    (Language::French, &["oui", "si"], &["non"]),
    (Language::German, &["ja", "doch"], &["nein"]),
    (Language::Greek, &["ναι"], &["όχι"]),
    (Language::Hungarian, &["igen"], &["nem"]),
    (Language::Italian, &["sì", "si"], &["no"]),
    (Language::Norwegian, &["ja", "jo"], &["nei"]),
    (Language::Portuguese, &["sim"], &["não"]),
    (Language::Romanian, &["da"], &["nu"]),
    (Language::Russian, &["да"], &["нет"]),
    (Language::Spanish, &["sí", "si"], &["no"]),
    (Language::Swedish, &["ja", "jo"], &["nej"]),
    (Language::Tamil, &["ஆம்"], &["இல்லை"]),
    (Language::Turkish, &["evet"], &["hayır"]),
];

/// What `sentence` says to a question, and the rest of it: "Yes, it does." A mark must follow, for
/// "No pets are allowed" is no such answer.
pub(crate) fn reply(language: Language, sentence: &str) -> (Reply, &str) {
    let start = sentence.trim_start();
    let end = start.find([',', '.', ';', ':', '!', '\u{2013}', '\u{2014}']).unwrap_or(start.len());
    let (word, rest) = start.split_at(end);
    let marks = |c: char| c.is_whitespace() || "*_\"\u{201c}\u{201e}".contains(c);
    let word = word.trim_matches(marks).to_lowercase();
    let rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
    // "No. 5 is closed."
    let numbers = rest.starts_with(|c: char| c.is_ascii_digit());
    if numbers && start.get(end..).is_some_and(|mark| mark.starts_with('.')) {
        return (Reply::None, sentence);
    }
    let known = WORDS.iter().filter(|row| row.0 == language || row.0 == Language::English);
    for (_, yes, no) in known {
        if yes.contains(&word.as_str()) {
            return (Reply::Yes, rest);
        }
        if no.contains(&word.as_str()) {
            return (Reply::No, rest);
        }
    }
    (Reply::None, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_stand_at_the_beginning_with_a_mark_behind() {
        for (language, sentence, expected) in [
            (Language::English, "Yes, it does.", (Reply::Yes, "it does.")),
            (Language::English, "No.", (Reply::No, "")),
            (Language::English, "**Yes**, it does.", (Reply::Yes, "it does.")),
            (Language::German, "Nein, das ist verboten.", (Reply::No, "das ist verboten.")),
            (Language::German, "Yes \u{2013} it is.", (Reply::Yes, "it is.")),
            (Language::Spanish, "Sí; puede.", (Reply::Yes, "puede.")),
        ] {
            assert_eq!(reply(language, sentence), expected, "{sentence}");
        }
        for sentence in ["No pets are allowed, as it says.", "No. 5 is closed.", "Ja, it is.", ""] {
            assert_eq!(reply(Language::English, sentence), (Reply::None, sentence));
        }
    }
}
