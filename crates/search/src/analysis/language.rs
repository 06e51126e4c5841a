//! The languages that texts may be in: how each is stemmed, and its function words.
//!
//! The lists are NLTK's, most of them Snowball's, one word a line; of the English one
//! the single letters but "a" and "i" are left out, for "vitamin d" and "t test" are not
//! about nothing.

use std::collections::HashSet;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};

use super::fold;

/// A language with rules of its own, or any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Language {
    Arabic,
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

/// A language's ISO 639-1 code, stemmer and function words.
struct Row(Language, &'static str, Option<Algorithm>, &'static str);

macro_rules! list {
    ($code:literal) => {
        include_str!(concat!("stop/", $code, ".txt"))
    };
}

static TABLE: [Row; 19] = [
    Row(Language::Arabic, "ar", Some(Algorithm::Arabic), list!("ar")),
    Row(Language::Danish, "da", Some(Algorithm::Danish), list!("da")),
    Row(Language::Dutch, "nl", Some(Algorithm::Dutch), list!("nl")),
    Row(Language::English, "en", Some(Algorithm::English), list!("en")),
    Row(Language::Finnish, "fi", Some(Algorithm::Finnish), list!("fi")),
    Row(Language::French, "fr", Some(Algorithm::French), list!("fr")),
    Row(Language::German, "de", Some(Algorithm::German), list!("de")),
    Row(Language::Greek, "el", Some(Algorithm::Greek), list!("el")),
    Row(Language::Hungarian, "hu", Some(Algorithm::Hungarian), list!("hu")),
    Row(Language::Italian, "it", Some(Algorithm::Italian), list!("it")),
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

    /// The language that most of `texts` seems to be in. English where the texts are
    /// too short or too mixed to tell.
    pub fn detect<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut sample = String::new();
        for text in texts {
            // A part of each, so that one long text does not speak for all.
            sample.extend(text.chars().take(1024));
            sample.push('\n');
            if sample.len() >= SAMPLE {
                break;
            }
        }
        if sample.chars().filter(|c| c.is_alphabetic()).count() < LEAST {
            return Self::default();
        }
        match whatlang::detect(&sample) {
            Some(found) if found.is_reliable() => Self::of(found.lang()),
            _ => Self::default(),
        }
    }

    fn of(found: whatlang::Lang) -> Self {
        use whatlang::Lang;
        match found {
            Lang::Ara => Self::Arabic,
            Lang::Dan => Self::Danish,
            Lang::Nld => Self::Dutch,
            Lang::Eng => Self::English,
            Lang::Fin => Self::Finnish,
            Lang::Fra => Self::French,
            Lang::Deu => Self::German,
            Lang::Ell => Self::Greek,
            Lang::Hun => Self::Hungarian,
            Lang::Ita => Self::Italian,
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
        !matches!(self, Self::English | Self::Other)
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
