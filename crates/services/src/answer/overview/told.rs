//! The program's own words in answers about the documents as a whole.

use cairn_search::Language;

use crate::answer::question::overview::Talk;

/// Why there is no summary.
pub(super) const NOTHING: &str = "there is no document to summarise: the store is empty, its files \
     are still being read, the filter lets none through, or you may read none of them";

/// What is said in one language.
struct Row {
    language: Language,
    /// What can be asked.
    help: &'static str,
    hello: &'static str,
    welcome: &'static str,
    /// That there is one document, several, of which `{some}` are named, and none.
    one: &'static str,
    all: &'static str,
    newest: &'static str,
    none: &'static str,
    /// That there is nothing to summarise.
    nothing: &'static str,
}

static ROWS: [Row; 7] = [
    Row {
        language: Language::English,
        help: "Ask what the documents say about something, for a summary of all of them or of one \
               by its file name, or which documents there are.",
        hello: "Hello.",
        welcome: "You are welcome.",
        one: "There is one document:",
        all: "There are {all} documents, the newest first:",
        newest: "There are {all} documents; the {some} newest are:",
        none: "There are no documents here.",
        nothing: "There is nothing to summarise.",
    },
    Row {
        language: Language::German,
        help: "Fragen Sie, was die Dokumente über etwas sagen, nach einer Zusammenfassung aller \
               oder eines einzelnen mit seinem Dateinamen, oder welche Dokumente es gibt.",
        hello: "Guten Tag.",
        welcome: "Gern geschehen.",
        one: "Es gibt ein Dokument:",
        all: "Es gibt {all} Dokumente, die neuesten zuerst:",
        newest: "Es gibt {all} Dokumente; die {some} neuesten sind:",
        none: "Hier gibt es keine Dokumente.",
        nothing: "Es gibt nichts zusammenzufassen.",
    },
    Row {
        language: Language::French,
        help: "Demandez ce que les documents disent de quelque chose, un résumé de tous ou d'un \
               seul par son nom de fichier, ou quels documents il y a.",
        hello: "Bonjour.",
        welcome: "Je vous en prie.",
        one: "Il y a un document :",
        all: "Il y a {all} documents, les plus récents d'abord :",
        newest: "Il y a {all} documents ; les {some} plus récents sont :",
        none: "Il n'y a pas de documents ici.",
        nothing: "Il n'y a rien à résumer.",
    },
    Row {
        language: Language::Spanish,
        help: "Pregunte qué dicen los documentos sobre algo, pida un resumen de todos o de uno por \
               su nombre de archivo, o pregunte qué documentos hay.",
        hello: "Hola.",
        welcome: "De nada.",
        one: "Hay un documento:",
        all: "Hay {all} documentos, los más nuevos primero:",
        newest: "Hay {all} documentos; los {some} más nuevos son:",
        none: "No hay documentos aquí.",
        nothing: "No hay nada que resumir.",
    },
    Row {
        language: Language::Italian,
        help: "Chieda che cosa dicono i documenti su qualcosa, un riassunto di tutti o di uno con \
               il suo nome di file, oppure quali documenti ci sono.",
        hello: "Buongiorno.",
        welcome: "Prego.",
        one: "C'è un documento:",
        all: "Ci sono {all} documenti, i più recenti per primi:",
        newest: "Ci sono {all} documenti; i {some} più recenti sono:",
        none: "Qui non ci sono documenti.",
        nothing: "Non c'è niente da riassumere.",
    },
    Row {
        language: Language::Portuguese,
        help: "Pergunte o que os documentos dizem sobre algo, peça um resumo de todos ou de um pelo \
               nome do arquivo, ou pergunte que documentos existem.",
        hello: "Olá.",
        welcome: "De nada!",
        one: "Há um documento:",
        all: "Há {all} documentos, os mais recentes primeiro:",
        newest: "Há {all} documentos; os {some} mais recentes são:",
        none: "Não há documentos aqui.",
        nothing: "Não há nada para resumir.",
    },
    Row {
        language: Language::Dutch,
        help: "Vraag wat de documenten over iets zeggen, om een samenvatting van alle of van één \
               met zijn bestandsnaam, of welke documenten er zijn.",
        hello: "Hallo.",
        welcome: "Graag gedaan.",
        one: "Er is één document:",
        all: "Er zijn {all} documenten, de nieuwste eerst:",
        newest: "Er zijn {all} documenten; de {some} nieuwste zijn:",
        none: "Er zijn hier geen documenten.",
        nothing: "Er is niets samen te vatten.",
    },
];

/// English where a language is not known here.
fn row(language: Language) -> &'static Row {
    ROWS.iter().find(|row| row.language == language).unwrap_or(&ROWS[0])
}

/// What is answered to words to the program itself.
pub(super) fn talk(language: Language, talk: Talk) -> String {
    let row = row(language);
    match talk {
        Talk::Greeting => format!("{} {}", row.hello, row.help),
        Talk::Thanks => format!("{} {}", row.welcome, row.help),
        Talk::Help => row.help.to_owned(),
    }
}

/// What stands above the names of some of all documents.
pub(super) fn listing(language: Language, some: usize, all: usize) -> String {
    let row = row(language);
    let words = match (some, all) {
        (0, _) => row.none,
        (1, 1) => row.one,
        (some, all) if some < all => row.newest,
        _ => row.all,
    };
    words.replace("{all}", &all.to_string()).replace("{some}", &some.to_string())
}

/// What is said where there is nothing to summarise.
pub(super) fn nothing(language: Language) -> &'static str {
    row(language).nothing
}

/// Whether these are the program's own words, and no document's.
pub(crate) fn is_own(text: &str) -> bool {
    let own = |row: &Row| {
        let talks = [Talk::Greeting, Talk::Thanks, Talk::Help];
        [row.none, row.nothing].contains(&text)
            || talks.into_iter().any(|said| talk(row.language, said) == text)
    };
    ROWS.iter().any(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_words_of_its_own() {
        for row in &ROWS {
            for said in [Talk::Greeting, Talk::Thanks, Talk::Help] {
                let text = talk(row.language, said);
                assert!(is_own(&text) && text.ends_with(row.help), "{text}");
            }
            assert!(is_own(nothing(row.language)));
            assert!(listing(row.language, 20, 57).contains("20"), "{}", row.newest);
            assert!(listing(row.language, 7, 7).contains('7'), "{}", row.all);
            assert_eq!(listing(row.language, 1, 1), row.one);
            assert_eq!(listing(row.language, 0, 0), row.none);
        }
        assert_eq!(nothing(Language::Finnish), nothing(Language::English));
        assert!(!is_own("Hello.") && !is_own(""));
    }
}
