//! The languages that texts may be in: how each is stemmed, and its function words.
//!
//! The lists are NLTK's, most of them Snowball's, one word a line; of the English one
//! the single letters but "a" and "i" are left out, for "vitamin d" and "t test" are not
//! about nothing.

use std::collections::HashSet;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};

use super::{fold, script};

/// A language with rules of its own, or any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Language {
    Arabic,
    Chinese,
    Danish,
    Dutch,
    #[default]
    English,
    Finnish,
    French,
    German,
    Greek,
    Hungarian,
    Italian,
    Japanese,
    Korean,
    Norwegian,
    Portuguese,
    Romanian,
    Russian,
    Spanish,
    Swedish,
    Tamil,
    Turkish,
    /// None of the above: words are neither stemmed nor dropped.
    Other,
}

/// What texts tell of the language they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The language; none where they are too short or too mixed.
    pub language: Option<Language>,
    /// Whether there is so much of them that more would hardly tell otherwise.
    pub enough: bool,
}

/// A language's ISO 639-1 code, stemmer and function words.
struct Row(Language, &'static str, Option<Algorithm>, &'static str);

macro_rules! list {
    ($code:literal) => {
        include_str!(concat!("stop/", $code, ".txt"))
    };
}

static TABLE: [Row; 22] = [
    Row(Language::Arabic, "ar", Some(Algorithm::Arabic), list!("ar")),
    Row(Language::Chinese, "zh", None, ""),
    Row(Language::Danish, "da", Some(Algorithm::Danish), list!("da")),
    Row(Language::Dutch, "nl", Some(Algorithm::Dutch), list!("nl")),
    Row(Language::English, "en", Some(Algorithm::English), list!("en")),
    Row(Language::Finnish, "fi", Some(Algorithm::Finnish), list!("fi")),
    Row(Language::French, "fr", Some(Algorithm::French), list!("fr")),
    Row(Language::German, "de", Some(Algorithm::German), list!("de")),
    Row(Language::Greek, "el", Some(Algorithm::Greek), list!("el")),
    Row(Language::Hungarian, "hu", Some(Algorithm::Hungarian), list!("hu")),
    Row(Language::Italian, "it", Some(Algorithm::Italian), list!("it")),
    Row(Language::Japanese, "ja", None, ""),
    Row(Language::Korean, "ko", None, ""),
    Row(Language::Norwegian, "no", Some(Algorithm::Norwegian), list!("no")),
    Row(Language::Portuguese, "pt", Some(Algorithm::Portuguese), list!("pt")),
    Row(Language::Romanian, "ro", Some(Algorithm::Romanian), list!("ro")),
    Row(Language::Russian, "ru", Some(Algorithm::Russian), list!("ru")),
    Row(Language::Spanish, "es", Some(Algorithm::Spanish), list!("es")),
    Row(Language::Swedish, "sv", Some(Algorithm::Swedish), list!("sv")),
    Row(Language::Tamil, "ta", Some(Algorithm::Tamil), ""),
    Row(Language::Turkish, "tr", Some(Algorithm::Turkish), list!("tr")),
    Row(Language::Other, "other", None, ""),
];

/// The function words of each row of [`TABLE`], folded.
static FUNCTION_WORDS: LazyLock<Vec<HashSet<String>>> =
    LazyLock::new(|| TABLE.iter().map(|row| row.3.lines().map(fold).collect()).collect());

/// How much text is looked at to tell its language, in bytes.
const SAMPLE: usize = 8 << 10;
/// Shorter samples say nothing, in characters.
const LEAST: usize = 60;

impl Language {
    /// The language with this ISO 639-1 code ("en", "de"), or "other".
    pub fn parse(code: &str) -> Option<Self> {
        let code = code.trim().to_ascii_lowercase();
        let code = if matches!(code.as_str(), "nb" | "nn") { "no" } else { code.as_str() };
        TABLE.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    /// The ISO 639-1 code, or "other".
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// The language that most of `texts` seems to be in. English where the texts are in Latin
    /// letters and too short or too mixed to tell.
    pub fn detect<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self::told(texts).language.unwrap_or_default()
    }

    /// What `texts` tell of their language: that of all together, and where they are too mixed
    /// for that, the one that most of them are in by themselves.
    pub fn told<'t>(texts: impl IntoIterator<Item = &'t str>) -> Told {
        let mut sample = String::new();
        let mut ends = Vec::new();
        for text in texts {
            // A part of each, so that one long text does not speak for all.
            sample.extend(text.chars().take(1024));
            ends.push(sample.len());
            sample.push('\n');
            if sample.len() >= SAMPLE {
                break;
            }
        }
        let language = Self::clear(&sample).or_else(|| Self::of_most(&sample, &ends));
        Told { language, enough: sample.len() >= SAMPLE }
    }

    /// The language of a text, if it can be relied on.
    fn clear(text: &str) -> Option<Self> {
        if letters(text) < LEAST {
            return None;
        }
        let found = whatlang::detect(text).filter(whatlang::Info::is_reliable);
        found.map(|found| Self::of(found.lang()))
    }

    /// The language of more than half of the letters in those parts of `sample` whose language
    /// can be relied on, or is told by their script.
    fn of_most(sample: &str, ends: &[usize]) -> Option<Self> {
        let mut counts: Vec<(Self, usize)> = Vec::new();
        let mut start = 0;
        for end in ends {
            let part = sample.get(start..*end).unwrap_or_default();
            start = *end;
            let told = Self::clear(part).or_else(|| script::language(part));
            let Some(language) = told else { continue };
            match counts.iter_mut().find(|count| count.0 == language) {
                Some(count) => count.1 += letters(part),
                None => counts.push((language, letters(part))),
            }
        }
        let all: usize = counts.iter().map(|count| count.1).sum();
        counts.into_iter().find(|count| count.1 * 2 > all).map(|count| count.0)
    }

    /// The languages that a short text, such as a question, may be in: those that most of its
    /// words are function words of. None where no word tells.
    pub fn of_words(text: &str) -> Vec<Self> {
        let folded = fold(text);
        let words: Vec<&str> =
            folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let known =
            |language: Self| words.iter().filter(|word| language.is_function_word(word)).count();
        let counts: Vec<(Self, usize)> = TABLE.iter().map(|row| (row.0, known(row.0))).collect();
        let most = counts.iter().map(|count| count.1).max().unwrap_or(0);
        let tells = counts.into_iter().filter(|count| most > 0 && count.1 == most);
        tells.map(|count| count.0).collect()
    }

    /// The codes of all languages, for messages.
    pub fn codes() -> String {
        TABLE.iter().map(|row| row.1).collect::<Vec<_>>().join(", ")
    }

    fn of(found: whatlang::Lang) -> Self {
        use whatlang::Lang;
        match found {
            Lang::Ara => Self::Arabic,
            Lang::Cmn => Self::Chinese,
            Lang::Dan => Self::Danish,
            Lang::Nld => Self::Dutch,
            Lang::Eng => Self::English,
            Lang::Fin => Self::Finnish,
            Lang::Fra => Self::French,
            Lang::Deu => Self::German,
            Lang::Ell => Self::Greek,
            Lang::Hun => Self::Hungarian,
            Lang::Ita => Self::Italian,
            Lang::Jpn => Self::Japanese,
            Lang::Kor => Self::Korean,
            Lang::Nob => Self::Norwegian,
            Lang::Por => Self::Portuguese,
            Lang::Ron => Self::Romanian,
            Lang::Rus => Self::Russian,
            Lang::Spa => Self::Spanish,
            Lang::Swe => Self::Swedish,
            Lang::Tam => Self::Tamil,
            Lang::Tur => Self::Turkish,
            _ => Self::Other,
        }
    }

    /// Languages whose stemmer reads accents get them folded only afterwards. English
    /// gets them folded before, so that "cafés" and "cafes" meet.
    pub(super) fn is_stemmed_with_accents(self) -> bool {
        self != Self::English && self.row().2.is_some()
    }

    /// Whether articles and the like are tied to the next word by an apostrophe.
    pub(super) fn elides(self) -> bool {
        matches!(self, Self::French | Self::Italian)
    }

    /// `word` is folded.
    pub(super) fn is_function_word(self, word: &str) -> bool {
        FUNCTION_WORDS.get(self.place()).is_some_and(|words| words.contains(word))
    }

    pub(super) fn stemmer(self) -> Option<Stemmer> {
        self.row().2.map(Stemmer::create)
    }

    fn place(self) -> usize {
        self as usize
    }

    fn row(self) -> &'static Row {
        &TABLE[self.place()]
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Analyzer;

    #[test]
    fn every_language_has_its_own_row() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0.place(), place);
            assert_eq!(Language::parse(row.1), Some(row.0));
            assert_eq!(row.0.code(), row.1);
            assert!(row.3.lines().all(|word| !word.trim().is_empty() && word == word.trim()));
        }
        assert_eq!(Language::parse("NB"), Some(Language::Norwegian));
        assert_eq!(Language::parse("xx"), None);
    }

    #[test]
    fn languages_are_told_apart_and_short_texts_are_taken_for_english() {
        for (text, language) in [
            (
                "The boundary layer on a flat plate was measured in a wind tunnel at several speeds.",
                Language::English,
            ),
            (
                "Die Grenzschicht an der ebenen Platte wurde im Windkanal bei mehreren Geschwindigkeiten gemessen.",
                Language::German,
            ),
            (
                "La couche limite sur une plaque plane a été mesurée en soufflerie à plusieurs vitesses.",
                Language::French,
            ),
            (
                "La capa límite sobre una placa plana se midió en un túnel de viento a varias velocidades.",
                Language::Spanish,
            ),
            (
                "Пограничный слой на плоской пластине был измерен в аэродинамической трубе при разных скоростях.",
                Language::Russian,
            ),
            (
                "Warstwa przyścienna na płaskiej płycie została zmierzona w tunelu aerodynamicznym przy różnych prędkościach.",
                Language::Other,
            ),
        ] {
            assert_eq!(Language::detect([text]), language, "{text}");
        }
        assert_eq!(Language::detect(["Guten Tag"]), Language::English);
        assert_eq!(Language::detect([]), Language::English);
    }

    #[test]
    fn a_short_text_is_told_by_its_script() {
        let russian = "Маяк стоит на скале. Лампу зажигает смотритель.";
        let told = Told { language: Some(Language::Russian), enough: false };
        assert_eq!(Language::told([russian]), told);
        assert_eq!(Language::told([russian, "Lamp 7", "Огонь"]), told);
        assert_eq!(Language::detect(["灯台は岩の上に立っている。"]), Language::Japanese);
        assert_eq!(Language::detect(["ประภาคารตั้งอยู่บนโขดหิน"]), Language::Other);
        let japanese = Analyzer::new(Language::Japanese);
        assert_eq!(
            japanese.terms("灯台のLamps"),
            Analyzer::new(Language::Other).terms("灯台のLamps")
        );
    }

    const ENGLISH: &str = "The boundary layer on a flat plate was measured in a wind tunnel, \
        and the results agree with the theory of the laminar flow over a wide range of speeds. ";
    const GERMAN: &str = "Die Grenzschicht an der ebenen Platte wurde im Windkanal gemessen, und \
        die Ergebnisse stimmen mit der Theorie der laminaren Strömung weitgehend überein. ";

    #[test]
    fn a_little_text_tells_less_than_much() {
        assert_eq!(Language::told([]), Told { language: None, enough: false });
        assert_eq!(Language::told(["Guten Tag"]), Told { language: None, enough: false });
        let some = Language::told([GERMAN]);
        assert_eq!(some, Told { language: Some(Language::German), enough: false });
        let long = GERMAN.repeat(20);
        let much = Language::told(std::iter::repeat_n(long.as_str(), 20));
        assert_eq!(much, Told { language: Some(Language::German), enough: true });
    }

    #[test]
    fn of_mixed_texts_most_decide() {
        let (english, german) = (ENGLISH.repeat(2), GERMAN.repeat(2));
        let texts = [&english, &german, &german, &german].map(String::as_str);
        let ends: Vec<usize> = texts
            .iter()
            .scan(0, |end, text| {
                *end += text.len();
                Some(*end)
            })
            .collect();
        assert_eq!(Language::of_most(&texts.concat(), &ends), Some(Language::German));
        assert_eq!(Language::of_most("", &[]), None);
    }

    #[test]
    fn questions_are_told_by_their_function_words() {
        for (question, language) in [
            ("When was it built?", Language::English),
            ("Wann wurde sie denn gebaut und von wem?", Language::German),
            ("Quand est-ce que la tour a été construite ?", Language::French),
            ("¿Cuándo fue construida la torre y por qué?", Language::Spanish),
            ("Когда она была построена и кто её строил?", Language::Russian),
        ] {
            assert_eq!(Language::of_words(question), [language], "{question}");
        }
        assert_eq!(Language::of_words("Lune 1974"), Vec::<Language>::new());
        assert!(
            Language::codes().starts_with("ar, zh, da, nl, en, ")
                && Language::codes().ends_with("tr, other")
        );
    }

    #[test]
    fn inflections_meet_in_each_language() {
        for (language, one, other) in [
            (Language::German, "Die Häuser der Städte", "haus stadt"),
            (Language::French, "l'arbre, d'arbres", "arbre arbre"),
            (Language::Italian, "dell'arte", "arte"),
            (Language::Spanish, "las canciones", "canción"),
            (Language::Russian, "книги", "книга"),
            (Language::Dutch, "de lichamelijke", "lichamelijk"),
            (Language::Other, "Domy", "domy"),
        ] {
            let analyzer = Analyzer::new(language);
            assert_eq!(analyzer.terms(one), analyzer.terms(other), "{language:?}");
            assert_eq!(analyzer.language(), language);
        }
        let german = Analyzer::new(Language::German);
        assert_eq!(german.terms("über für und"), Vec::<String>::new());
        assert_eq!(german.terms("Größe"), german.terms("GRÖSSE"));
    }
}
