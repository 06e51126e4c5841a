//! Words by which a question asks for more than yes or no, in several languages, in lower case.

/// Words that ask wherever they stand in a question.
const ASKING: [&str; 70] = [
    "what", "which", "who", "whom", "whose", "when", "where", "why", "how", "wann", "wer", "wen",
    "wem", "wessen", "wo", "woher", "wohin", "wie", "warum", "wieso", "weshalb", "welche",
    "welcher", "welches", "welchem", "welchen", "wieviel", "wieviele", "quand", "quoi", "où",
    "comment", "pourquoi", "combien", "quel", "quelle", "quels", "quelles", "cuándo", "quién",
    "quiénes", "qué", "dónde", "cómo", "cuál", "cuáles", "cuánto", "cuánta", "cuántos", "cuántas",
    "quanto", "quanta", "quanti", "quante", "quando", "dove", "perché", "quale", "quali", "quem",
    "onde", "qual", "quais", "quantos", "quantas", "wanneer", "hoeveel", "welk", "waarom", "hoe",
];
/// Words that ask in front, and say something else where they stand later, or in another language.
const ASKING_FIRST: [&str; 8] = ["was", "qui", "wat", "chi", "waar", "hur", "när", "vad"];

/// Whether a word asks wherever it stands.
pub(super) fn asks(word: &str) -> bool {
    ASKING.contains(&word)
}

/// Whether a word that a question begins with asks, and does not elsewhere.
pub(super) fn asks_first(word: &str) -> bool {
    ASKING_FIRST.contains(&word)
}
