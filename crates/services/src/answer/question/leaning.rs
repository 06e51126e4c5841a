//! Words by which a question leans on what was said before it, by language.
//!
//! Articles that are also pronouns (German "die", French "la", Dutch "het") are not among them,
//! for nearly every question has some; neither are words that also mean something else in a
//! question that stands alone.

use cairn_search::Language;

/// How questions of one language lean.
pub(super) struct Leaning {
    pub(super) language: Language,
    /// Words that stand for something named before.
    words: &'static [&'static str],
    /// How such a question may begin.
    openings: &'static [&'static str],
    /// Phrases that have one of the words and name nothing.
    idle: &'static [&'static str],
    /// Words that ask, and say nothing of what is asked about.
    asking: &'static [&'static str],
}

/// English is looked for in every question.
const ENGLISH: Leaning = Leaning {
    language: Language::English,
    words: &[
        "it", "its", "itself", "they", "them", "their", "theirs", "he", "him", "his", "she", "her",
        "hers", "this", "these", "those",
    ],
    openings: &["and ", "but ", "so ", "what about", "how about", "why"],
    idle: &[],
    asking: &[],
};

const OTHERS: [Leaning; 6] = [
    Leaning {
        language: Language::German,
        words: &[
            "er", "es", "sie", "ihn", "ihm", "ihr", "ihre", "ihrem", "ihren", "ihrer", "ihres",
            "ihnen", "seine", "seinem", "seinen", "seiner", "seines", "dieser", "diese", "dieses",
            "diesem", "diesen", "jener", "jene", "jenes", "jenem", "jenen", "davon", "dazu",
            "damit", "dafür", "dagegen", "darin", "daran", "darauf", "darüber", "darunter",
            "daraus", "dabei", "dadurch", "danach", "davor", "dahinter", "dort", "dessen", "deren",
        ],
        openings: &[
            "und ",
            "aber ",
            "oder ",
            "also ",
            "was ist mit",
            "wie ist es mit",
            "wie steht es",
            "wie sieht es mit",
            "warum",
            "wieso",
            "weshalb",
        ],
        idle: &["gibt es", "gab es", "es gibt", "es gab", "geht es", "handelt es sich"],
        asking: &[
            "wann", "wer", "wen", "wem", "wessen", "wo", "woher", "wohin", "was", "wie", "warum",
            "wieso", "weshalb", "welche", "welcher", "welches", "welchem", "welchen", "viel",
            "viele", "lange", "oft",
        ],
    },
    Leaning {
        language: Language::French,
        words: &[
            "il", "ils", "elle", "elles", "lui", "leur", "leurs", "eux", "sa", "son", "ses",
            "cette", "cet", "ces", "ceci", "cela", "ça", "celui", "celle", "ceux", "celles",
            "dedans", "dessus", "dessous", "là",
        ],
        openings: &[
            "et ",
            "mais ",
            "ou ",
            "alors ",
            "donc ",
            "qu en est il",
            "pourquoi",
            "comment ça",
        ],
        idle: &[
            "il y a",
            "il y avait",
            "y a t il",
            "y avait il",
            "y aura t il",
            "il faut",
            "faut il",
            "s agit il",
            "il s agit",
            "existe t il",
            "il existe",
        ],
        asking: &[
            "quand", "qui", "que", "quoi", "où", "comment", "pourquoi", "combien", "quel",
            "quelle", "quels", "quelles", "lequel", "laquelle", "est", "ce",
        ],
    },
    Leaning {
        language: Language::Spanish,
        words: &[
            "él", "ella", "ello", "ellos", "ellas", "lo", "le", "les", "su", "sus", "suyo", "suya",
            "suyos", "suyas", "este", "esta", "esto", "estos", "estas", "ese", "esa", "eso",
            "esos", "esas", "aquel", "aquella", "aquello", "aquellos", "aquellas", "allí", "ahí",
        ],
        openings: &[
            "y ",
            "e ",
            "pero ",
            "o ",
            "entonces ",
            "qué hay de",
            "qué pasa con",
            "qué tal",
            "por qué",
            "porqué",
        ],
        idle: &["lo que", "por lo", "a lo largo", "a lo"],
        asking: &[
            "cuándo", "quién", "quiénes", "qué", "dónde", "cómo", "cuál", "cuáles", "cuánto",
            "cuánta", "cuántos", "cuántas",
        ],
    },
    Leaning {
        language: Language::Italian,
        words: &[
            "lui", "lei", "egli", "ella", "esso", "essa", "essi", "esse", "loro", "suo", "sua",
            "suoi", "sue", "questo", "questa", "questi", "queste", "quello", "quella", "quelli",
            "quelle", "ciò",
        ],
        openings: &[
            "e ", "ed ", "ma ", "o ", "allora ", "quindi ", "che dire", "come mai", "perché",
        ],
        idle: &[],
        asking: &[
            "quando", "chi", "che", "cosa", "dove", "come", "perché", "quale", "quali", "quanto",
            "quanta", "quanti", "quante",
        ],
    },
    Leaning {
        language: Language::Portuguese,
        words: &[
            "ele", "ela", "eles", "elas", "dele", "dela", "deles", "delas", "nele", "nela",
            "neles", "nelas", "lhe", "lhes", "seu", "sua", "seus", "suas", "este", "esta", "estes",
            "estas", "isto", "esse", "essa", "esses", "essas", "isso", "aquele", "aquela",
            "aqueles", "aquelas", "aquilo", "disto", "disso", "nisto", "nisso", "deste", "desta",
            "desse", "dessa", "neste", "nesta", "nesse", "nessa", "ali", "lá",
        ],
        openings: &[
            "e ", "mas ", "ou ", "então ", "que tal", "por que", "por quê", "porque", "porquê",
        ],
        idle: &[],
        asking: &[
            "quando", "quem", "que", "onde", "como", "porque", "qual", "quais", "quanto", "quanta",
            "quantos", "quantas",
        ],
    },
    Leaning {
        language: Language::Dutch,
        words: &[
            "hij", "zij", "ze", "hem", "haar", "hun", "hen", "deze", "dit", "ervan", "erover",
            "erin", "eraan", "ermee", "erop", "ervoor", "daarvan", "daarover", "daarin", "daaraan",
            "daarmee", "daarop", "daarvoor", "daarna", "daar",
        ],
        openings: &[
            "en ",
            "maar ",
            "of ",
            "dus ",
            "hoe zit het met",
            "hoe staat het met",
            "wat met",
            "waarom",
        ],
        idle: &[],
        asking: &[
            "wanneer", "wie", "wat", "waar", "hoe", "waarom", "welk", "welke", "hoeveel", "lang",
            "vaak",
        ],
    },
];

/// A question's words, in lower case, one space before and after each.
pub(super) fn spaced(question: &str) -> String {
    let lower = question.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |text, word| text + word + " ")
}

/// How questions of these languages lean; English is always among them.
pub(super) fn of(languages: &[Language]) -> impl Iterator<Item = &'static Leaning> {
    let known = OTHERS.iter().filter(|one| languages.contains(&one.language));
    std::iter::once(&ENGLISH).chain(known)
}

impl Leaning {
    /// Whether a question of these words, as [`spaced`] gives them, has a word or a beginning
    /// that leans.
    pub(super) fn leans(&self, spaced: &str) -> bool {
        let begins = |opening: &&str| {
            spaced.strip_prefix(' ').is_some_and(|question| question.starts_with(*opening))
        };
        self.openings.iter().any(begins) || self.refers(spaced)
    }

    /// Whether such a question has a word that stands for something named before.
    pub(super) fn refers(&self, spaced: &str) -> bool {
        let mut left = spaced.to_owned();
        for phrase in self.idle {
            left = left.replace(&format!(" {phrase} "), " ");
        }
        self.words.iter().any(|word| left.contains(&format!(" {word} ")))
    }

    /// Whether a word asks.
    pub(super) fn asks(&self, word: &str) -> bool {
        self.asking.contains(&word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leans(language: Language, question: &str) -> bool {
        of(&[language]).any(|one| one.leans(&spaced(question)))
    }

    #[test]
    fn each_language_has_words_and_beginnings_that_lean() {
        for (language, questions) in [
            (Language::English, ["When was it built?", "What about the keeper?"]),
            (Language::German, ["Wann wurde er gebaut?", "Und der Leuchtturm?"]),
            (Language::French, ["Quand a-t-elle été construite ?", "Et le phare ?"]),
            (Language::Spanish, ["¿Quién lo construyó?", "¿Y el faro?"]),
            (Language::Italian, ["Quanto sono alte le sue mura?", "E il faro?"]),
            (Language::Portuguese, ["Quando foi que ela caiu?", "E o farol?"]),
            (Language::Dutch, ["Wanneer is hij gebouwd?", "En de vuurtoren?"]),
        ] {
            for question in questions {
                assert!(leans(language, question), "{question}");
            }
        }
    }

    #[test]
    fn what_stands_alone_does_not_lean() {
        for (language, question) in [
            (Language::English, "How often are the cables of the bridge inspected?"),
            (Language::German, "Wie viele Türme gibt es in Lindau?"),
            (Language::French, "Combien de phares y a-t-il en Bretagne ?"),
            (Language::Spanish, "¿Cuántos faros hay a lo largo de la costa?"),
            (Language::Italian, "Quanto costa il biglietto del faro di Genova?"),
            (Language::Portuguese, "Qual o nome do farol de Lisboa?"),
            (Language::Dutch, "Hoe hoog is de vuurtoren van Texel?"),
        ] {
            assert!(!leans(language, question), "{question}");
        }
        // What leans in one language need not in another.
        assert!(!leans(Language::English, "Quand a-t-elle été construite ?"));
    }
}
