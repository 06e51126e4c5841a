//! What kind of answer a question asks for, told from how it asks.

use cairn_search::Language;

use super::words::{asks, asks_first};

/// What stands in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number or a date.
    Number,
    /// Anything.
    Any,
}

/// How each language asks for a time or an amount: words as they stand, in lower case.
const NUMBERS: [(Language, &[&str]); 18] = [
    (Language::Arabic, &["متى", "كم"]),
    (Language::Danish, &["hvornår", "hvilket år", "hvor mange", "hvor meget", "hvor længe"]),
    (Language::Dutch, &["wanneer", "welk jaar", "hoeveel", "hoe lang", "hoe oud", "hoe vaak"]),
    (
        Language::English,
        &[
            "when",
            "what year",
            "which year",
            "what date",
            "what century",
            "how many",
            "how much",
            "how long",
            "how old",
            "how far",
            "how often",
            "how tall",
            "how high",
            "how large",
            "how thick",
            "how wide",
            "how deep",
            "how heavy",
            "how fast",
            "what percentage",
            "what percent",
        ],
    ),
    (Language::Finnish, &["milloin", "minä vuonna", "kuinka monta", "montako", "paljonko"]),
    (Language::French, &["quand", "quelle année", "combien", "quel âge"]),
    (
        Language::German,
        &[
            "wann",
            "welchem jahr",
            "wie viele",
            "wie viel",
            "wieviele",
            "wieviel",
            "wie lange",
            "wie oft",
            "wie alt",
            "wie hoch",
            "wie weit",
            "wie dick",
            "wie breit",
            "wie tief",
            "wie schwer",
            "wie schnell",
        ],
    ),
    (Language::Greek, &["πότε", "ποιο έτος", "πόσοι", "πόσες", "πόσα", "πόσο"]),
    (Language::Hungarian, &["mikor", "melyik évben", "hány", "mennyi"]),
    (Language::Italian, &["quando", "quale anno", "che anno", "quanti", "quante", "quanto"]),
    (Language::Norwegian, &["når", "hvilket år", "hvor mange", "hvor mye", "hvor lenge"]),
    (Language::Portuguese, &["quando", "que ano", "quantos", "quantas", "quanto"]),
    (Language::Romanian, &["când", "ce an", "câți", "câte", "cât"]),
    (Language::Russian, &["когда", "каком году", "сколько"]),
    (Language::Spanish, &["cuándo", "qué año", "cuántos", "cuántas", "cuánto", "cuánta"]),
    (Language::Swedish, &["när", "vilket år", "hur många", "hur mycket", "hur länge"]),
    (Language::Tamil, &["எப்போது", "எத்தனை", "எவ்வளவு"]),
    (Language::Turkish, &["ne zaman", "hangi yıl", "kaç", "ne kadar"]),
];

/// Words for numbers and months, English only: elsewhere digits alone are known.
const ENGLISH: [&str; 33] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "twenty",
    "hundred",
    "thousand",
    "million",
    "billion",
    "half",
    "third",
    "quarter",
    "once",
    "twice",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// With what English questions begin that are answered by yes or no; of `isn't` the first part.
const CLOSED: [&str; 38] = [
    "am", "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could",
    "may", "might", "must", "shall", "should", "will", "would", "isn", "aren", "wasn", "weren",
    "don", "doesn", "didn", "hasn", "haven", "hadn", "cannot", "couldn", "mightn", "mustn", "shan",
    "shouldn", "won", "wouldn",
];

/// Whether `question`, in English, is answered by yes or no. Not what offers a choice ("a or b?"),
/// nor what is asked of the one who answers ("can you tell me when ...?").
pub(crate) fn wants_yes_or_no(question: &str) -> bool {
    let said = words(question);
    begins_closed(&said) && !said.split(' ').any(|word| word == "or")
}

/// Whether `question` is answered by yes or no, or by one of the things that it names, as far as its
/// words tell. Of other languages than English only words that ask are known: where none of them
/// stands in a question, it is one.
pub(crate) fn is_closed(language: Language, question: &str) -> bool {
    let said = words(question);
    let told = Language::of_words(question);
    let unknown = told.is_empty() && language == Language::English;
    let english = unknown || told.contains(&Language::English);
    let asks = said.split(' ').any(asks) || said.split(' ').next().is_some_and(asks_first);
    if english {
        return begins_closed(&said);
    }
    !asks && question.trim_end().ends_with(['?', '\u{61f}', '\u{37e}'])
}

/// Whether a question in these words of English begins as one for yes or no does.
fn begins_closed(said: &str) -> bool {
    let mut first = said.split(' ').skip_while(|word| ["and", "but", "so", "then"].contains(word));
    first.next().is_some_and(|word| CLOSED.contains(&word)) && first.next() != Some("you")
}

impl Kind {
    /// The kind of answer that `question` asks for.
    pub(crate) fn of(language: Language, question: &str) -> Self {
        let asked = format!(" {} ", words(question));
        let phrases =
            NUMBERS.iter().find(|(held, _)| *held == language).map_or(&[][..], |row| row.1);
        let said = |phrase: &&str| asked.contains(&format!(" {phrase} "));
        if phrases.iter().any(said) { Self::Number } else { Self::Any }
    }

    /// Whether `sentence` may hold an answer of this kind.
    pub(crate) fn may_stand_in(self, sentence: &str) -> bool {
        self == Self::Any
            || sentence.chars().any(char::is_numeric)
            || words(sentence).split(' ').any(|word| ENGLISH.contains(&word))
    }
}

/// The words of `text` in lower case, one space between them.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !(c.is_alphanumeric() || is_sign(c)));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The vowel signs of Tamil belong to its words.
fn is_sign(c: char) -> bool {
    matches!(c, '\u{b80}'..='\u{bff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_for_yes_or_no_are_told_by_how_they_begin() {
        for closed in ["Can I keep a dog?", "And is it open on Sundays?", "Isn't the roof insured?"]
        {
            assert!(wants_yes_or_no(closed), "{closed}");
        }
        for open in [
            "When is it open?",
            "Can you tell me when it opens?",
            "Is basalt or granite darker?",
            "The pump must be switched off before what?",
            "",
        ] {
            assert!(!wants_yes_or_no(open), "{open}");
        }
    }

    #[test]
    fn questions_for_yes_or_no_are_told_in_other_languages_by_what_they_do_not_ask() {
        for (language, question, closed) in [
            (Language::English, "Was the tower built in 1920 or in 1931?", true),
            (Language::English, "Can you tell me the revenue of 2021?", false),
            (Language::English, "Revenue in 2021?", false),
            (Language::German, "Wurde der Turm 1920 gebaut?", true),
            (Language::German, "Wie hoch war der Umsatz 2021?", false),
            (Language::German, "Was war der Umsatz 2021?", false),
            (Language::German, "Umsatz 2021", false),
            (Language::French, "Est-ce que la tour date de 1920 ?", true),
            (Language::French, "Quel était le revenu en 2021 ?", false),
            (Language::Swedish, "Byggdes tornet 1920?", true),
        ] {
            assert_eq!(is_closed(language, question), closed, "{question}");
        }
    }

    #[test]
    fn times_and_amounts_are_numbers_in_every_language() {
        for (language, question) in [
            (Language::English, "When was the tower built?"),
            (Language::English, "About how many people live there?"),
            (Language::German, "In welchem Jahr wurde der Turm gebaut?"),
            (Language::French, "Combien d’habitants a la ville ?"),
            (Language::Russian, "Сколько людей там живёт?"),
            (Language::Tamil, "கோபுரம் எப்போது கட்டப்பட்டது?"),
        ] {
            assert_eq!(Kind::of(language, question), Kind::Number, "{question}");
        }
        for question in ["Who built the tower?", "Whenever is a word", "Wann war das?"] {
            assert_eq!(Kind::of(Language::English, question), Kind::Any, "{question}");
        }
        assert_eq!(Kind::of(Language::Other, "When?"), Kind::Any);
    }

    #[test]
    fn a_number_may_be_a_digit_or_an_english_word() {
        for (sentence, holds) in [
            ("It was built in 1974.", true),
            ("It has seven floors.", true),
            ("Work ended in March.", true),
            ("Nobody knows its age.", false),
        ] {
            assert_eq!(Kind::Number.may_stand_in(sentence), holds, "{sentence}");
            assert!(Kind::Any.may_stand_in(sentence));
        }
    }
}
