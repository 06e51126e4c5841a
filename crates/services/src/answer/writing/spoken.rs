//! In which language is answered: that of the question, where its words tell, else that of the
//! documents.

use cairn_search::Language;

/// A language as it is called in a prompt, and what is said in it when the sources are silent.
const TABLE: [(Language, &str, &str); 20] = [
    (Language::English, "English", "The documents do not say."),
    (Language::Arabic, "Arabic", "لا تذكر المستندات ذلك."),
    (Language::Chinese, "Chinese", "文档中没有说明。"),
    (Language::Danish, "Danish", "Dokumenterne siger det ikke."),
    (Language::Dutch, "Dutch", "De documenten zeggen dat niet."),
    (Language::Finnish, "Finnish", "Asiakirjat eivät kerro sitä."),
    (Language::French, "French", "Les documents ne le disent pas."),
    (Language::German, "German", "Die Dokumente sagen es nicht."),
    (Language::Greek, "Greek", "Τα έγγραφα δεν το αναφέρουν."),
    (Language::Hungarian, "Hungarian", "A dokumentumok ezt nem mondják meg."),
    (Language::Italian, "Italian", "I documenti non lo dicono."),
    (Language::Japanese, "Japanese", "文書には書かれていません。"),
    (Language::Korean, "Korean", "문서에 나와 있지 않습니다."),
    (Language::Norwegian, "Norwegian", "Dokumentene sier det ikke."),
    (Language::Portuguese, "Portuguese", "Os documentos não o dizem."),
    (Language::Romanian, "Romanian", "Documentele nu spun acest lucru."),
    (Language::Russian, "Russian", "В документах об этом не сказано."),
    (Language::Spanish, "Spanish", "Los documentos no lo dicen."),
    (Language::Swedish, "Swedish", "Dokumenten säger det inte."),
    (Language::Turkish, "Turkish", "Belgeler bunu söylemiyor."),
];

/// The language to answer `question` in, over documents in `documents`.
pub(crate) fn language(documents: Language, question: &str) -> Language {
    let may_be = Language::of_words(question);
    match may_be.as_slice() {
        _ if may_be.contains(&documents) => documents,
        // Of a language that is not known here, some words may be those of one that is.
        [one] if documents != Language::Other => *one,
        _ => documents,
    }
}

/// What it is called in a prompt; nothing for English, in which prompts are, and for one whose
/// name is not known.
pub(crate) fn name(language: Language) -> Option<&'static str> {
    let row = TABLE.iter().find(|row| row.0 == language)?;
    (row.0 != Language::English).then_some(row.1)
}

/// What is said when the sources are silent. The model is not told these words: a small one says
/// them too readily, and whether to ask it at all was decided before.
pub(crate) fn silent(language: Language) -> &'static str {
    let row = TABLE.iter().find(|row| row.0 == language);
    row.or(TABLE.first()).map_or("", |row| row.2)
}

/// Whether `text` is what is said, in any language, when the sources are silent.
pub(crate) fn is_silent(text: &str) -> bool {
    TABLE.iter().any(|row| row.2 == text)
}

/// What a model speaks of when it has found nothing, and how it denies, in the language that the
/// prompt is in and others that models answer in.
const SOURCES: [&str; 22] = [
    "source",
    "document",
    "context",
    "passage",
    "provided text",
    "information",
    "den quellen",
    "die quellen",
    "dokument",
    "kontext",
    "las fuentes",
    "documento",
    "contexto",
    "información",
    "le fonti",
    "as fontes",
    "informação",
    "informazioni",
    "de bronnen",
    "документ",
    "источник",
    "le texte fourni",
];
const DENIED: [&str; 33] = [
    "not say",
    "not mention",
    "not provide",
    "not contain",
    "not specif",
    "not state",
    "not give",
    "not include",
    "not explicitly",
    "not answer",
    "no information",
    "no mention",
    // German.
    "nicht erwähnt",
    "nicht genannt",
    "nicht angegeben",
    "nicht enthalten",
    "keine information",
    "keine angabe",
    "nichts darüber",
    "geht nicht hervor",
    // French.
    "ne mentionne",
    "ne précise",
    "ne dit",
    "ne disent",
    "aucune information",
    "pas d'information",
    // Spanish, Portuguese and Italian.
    "no menciona",
    "no indica",
    "não menciona",
    "non menziona",
    "non specifica",
    // Dutch and Russian.
    "niet vermeld",
    "не указ",
];
const UNKNOWN: [&str; 8] = [
    "i do not know",
    "i'm not sure",
    "cannot be answered",
    "ich weiß es nicht",
    "je ne sais pas",
    "no lo sé",
    "non lo so",
    "não sei",
];

/// Whether a model said that the sources are silent, and little else: something of the sources
/// is denied, or it says that it does not know.
pub(crate) fn says_silent(text: &str) -> bool {
    let lower = text.to_lowercase().replace('\u{2019}', "'").replace("n't", " not");
    let any = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    text.chars().count() < 200
        && (is_silent(text.trim()) || any(&UNKNOWN) || (any(&SOURCES) && any(&DENIED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_in_its_language() {
        for (documents, question, expected) in [
            (Language::German, "Wann beginnt das Mietverhältnis?", Language::German),
            (Language::German, "Sind Haustiere erlaubt?", Language::German),
            (Language::German, "When does the lease begin?", Language::English),
            (
                Language::English,
                "Wann ist die Miete fällig, und wie hoch ist sie?",
                Language::German,
            ),
            (Language::English, "Who left?", Language::English),
            (Language::French, "Kilauea?", Language::French),
            (Language::Other, "Де на це дивляться?", Language::Other),
        ] {
            assert_eq!(language(documents, question), expected, "{question}");
        }
    }

    #[test]
    fn every_language_has_its_words_and_prompts_are_in_english() {
        assert_eq!(name(Language::English), None);
        assert_eq!(name(Language::German), Some("German"));
        assert_eq!(name(Language::Other), None);
        assert_eq!(silent(Language::English), "The documents do not say.");
        assert_eq!(silent(Language::Other), silent(Language::English));
        for row in TABLE {
            assert!(is_silent(silent(row.0)) && says_silent(row.2), "{}", row.1);
        }
        assert!(!is_silent("The documents do not say so."));
    }

    #[test]
    fn a_model_that_finds_nothing_is_understood() {
        for text in [
            "The documents do not say.",
            "The sources don\u{2019}t mention who built it.",
            "There is no information about this in the provided text.",
            "I don't know.",
            "Das wird in den Quellen nicht erwähnt.",
            "Les documents ne précisent pas qui l'a construit.",
            "El documento no menciona quién lo construyó.",
        ] {
            assert!(says_silent(text), "{text}");
        }
        let long =
            format!("The sources do not say who built it. {}", "But this is known. ".repeat(20));
        for text in [
            "He did not say a word.",
            "The treaty gave no mention of Wales.",
            "La fonte ne contient que 4 % de carbone.",
            "Haustiere werden in der Satzung nicht genannt, Hunde sind erlaubt.",
            long.as_str(),
        ] {
            assert!(!says_silent(text), "{text}");
        }
    }
}
