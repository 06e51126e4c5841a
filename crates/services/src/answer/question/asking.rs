//! The words of a question that ask, and say nothing of what is asked about, by where they stand:
//! "thick" in "How thick is the base?" asks for a measure, and in "Which base is thick?" it does
//! not; "list" is what is to be done in "List all codes", and a thing in "Where is the list?".
//!
//! Words that always ask are stems of [`super::subject`] and words of [`super::leaning`].

use cairn_search::Language;

use super::leaning;

/// How a language asks, in words of lower case.
struct Row {
    language: Language,
    /// Words that are followed by what is to be measured.
    how: &'static [&'static str],
    /// What is measured.
    measures: &'static [&'static str],
    /// Verbs that say what may, can or must be.
    auxiliaries: &'static [&'static str],
    /// What a question that is a request begins with.
    requests: &'static [&'static str],
}

const ENGLISH: Row = Row {
    language: Language::English,
    how: &["how"],
    measures: &[
        "long", "thick", "wide", "deep", "tall", "high", "heavy", "large", "big", "far", "fast",
        "old", "often", "hot", "cold", "strong", "soon",
    ],
    auxiliaries: &["may", "must", "might", "could", "would", "shall"],
    requests: &["list", "name", "give", "show", "find", "enumerate", "mention", "state"],
};

const OTHERS: [Row; 6] = [
    Row {
        language: Language::German,
        how: &["wie"],
        measures: &[
            "lang", "lange", "dick", "breit", "tief", "hoch", "schwer", "groß", "weit", "schnell",
            "alt", "oft", "heiß", "kalt", "stark", "viel", "viele",
        ],
        auxiliaries: &[
            "darf", "darfst", "dürfen", "dürft", "müssen", "müsst", "kannst", "könnt", "sollen",
            "möchte",
        ],
        requests: &["nenne", "nennen", "zeige", "zeigen", "liste", "gib"],
    },
    Row {
        language: Language::French,
        how: &[],
        measures: &[],
        auxiliaries: &[
            "peut", "peux", "peuvent", "pouvez", "doit", "dois", "doivent", "devez", "faut",
        ],
        requests: &["donne", "donnez", "cite", "citez", "liste", "listez", "nomme", "nommez"],
    },
    Row {
        language: Language::Spanish,
        how: &[],
        measures: &[],
        auxiliaries: &["puede", "puedo", "pueden", "debe", "debo", "deben", "hay"],
        requests: &["lista", "enumera", "nombra", "dime", "muestra"],
    },
    Row {
        language: Language::Italian,
        how: &[],
        measures: &[],
        auxiliaries: &["può", "posso", "possono", "deve", "devo", "devono"],
        requests: &["elenca", "nomina", "dimmi", "mostra"],
    },
    Row {
        language: Language::Portuguese,
        how: &[],
        measures: &[],
        auxiliaries: &["pode", "posso", "podem", "deve", "devo", "devem", "há"],
        requests: &["liste", "cite", "nomeie", "mostre"],
    },
    Row {
        language: Language::Dutch,
        how: &["hoe"],
        measures: &["lang", "dik", "breed", "diep", "hoog", "zwaar", "groot", "ver", "oud", "vaak"],
        auxiliaries: &["mag", "mogen", "moet", "moeten", "kunnen"],
        requests: &["noem", "geef", "toon"],
    },
];

/// What follows an English request: without it "List price of the fan?" would begin with one.
const REQUESTED: [&str; 14] = [
    "all", "the", "every", "each", "any", "some", "a", "an", "me", "us", "two", "three", "four",
    "five",
];
/// Words before a request that do not keep it from being one.
const POLITE: [&str; 2] = ["please", "bitte"];

/// The words of `question` that ask, as they stand in lower case.
pub(crate) fn asking(language: Language, question: &str) -> Vec<String> {
    let row = OTHERS.iter().find(|row| row.language == language);
    let row = row.or((language == Language::English).then_some(&ENGLISH));
    let Some(row) = row else { return Vec::new() };
    let always = leaning::of(&[language]).find(|leaning| leaning.language == language);
    let words: Vec<(&str, String)> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| (word, word.to_lowercase()))
        .collect();
    let is = |list: &[&str], at: Option<usize>| {
        at.and_then(|at| words.get(at)).is_some_and(|(_, word)| list.contains(&word.as_str()))
    };
    let counts = |at: usize| {
        words.get(at).is_some_and(|(word, _)| word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let first = words.iter().position(|(_, word)| !POLITE.contains(&word.as_str()));
    let asks = |at: usize, written: &str, word: &str| {
        let request = first == Some(at)
            && row.requests.contains(&word)
            && (language != Language::English || is(&REQUESTED, Some(at + 1)) || counts(at + 1));
        // "May" is a month.
        let auxiliary =
            row.auxiliaries.contains(&word) && (at == 0 || written.starts_with(char::is_lowercase));
        let measure = row.measures.contains(&word) && is(row.how, at.checked_sub(1));
        let always =
            always.is_some_and(|leaning| leaning.asks(word) && !row.measures.contains(&word));
        request || auxiliary || measure || always
    };
    let asked = words.iter().enumerate().filter(|(at, (written, word))| asks(*at, written, word));
    asked.map(|(_, (_, word))| word.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_auxiliaries_and_requests_ask_where_they_stand_for_that() {
        for (language, question, expected) in [
            (Language::English, "How thick is the base?", vec!["thick"]),
            (Language::English, "Which base is thick?", vec![]),
            (Language::English, "List all error codes.", vec!["list"]),
            (Language::English, "Please name the parts.", vec!["name"]),
            (Language::English, "Where is the list of all names?", vec![]),
            (Language::English, "List price of the fan?", vec![]),
            (Language::English, "What must be done in May?", vec!["must"]),
            (
                Language::German,
                "Wie lange darf ich ein Buch ausleihen?",
                vec!["wie", "lange", "darf"],
            ),
            (Language::German, "Welche Leine ist lange genug?", vec!["welche"]),
            (Language::French, "Combien peut-on emprunter ?", vec!["combien", "peut"]),
            (Language::Finnish, "Kuinka kauan?", vec![]),
        ] {
            assert_eq!(asking(language, question), expected, "{question}");
        }
    }
}
