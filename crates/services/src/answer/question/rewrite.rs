//! From a question within a conversation to words that can be searched for.
//!
//! "And when was it renewed?" finds nothing: what it is about was said before. Such a
//! question is searched for twice, as it is and behind the turns of the user that it leans
//! on; a passage counts with the better wording. Only what the user said is taken: words
//! of earlier answers would survive in the queries when their documents are deleted.
//!
//! A question that asks for several things is searched for as a whole and by each of its parts that
//! can be understood without the others: one vector of "What is the fee and who built the tower?"
//! is near to neither answer.

use std::collections::HashSet;

use cairn_search::{Analyzer, Language};
use cairn_serving::gguf::ChatMessage;

use super::subject::{Subject, is_asking};
use super::{leaning, parts};

/// A question with fewer content words than this leans on what was said.
const FEW: usize = 2;
/// Turns looked back at most.
const BACK: usize = 3;
/// Characters taken of one earlier turn.
const TURN_CHARS: usize = 400;

/// How a part of a question can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Footing {
    /// By itself.
    Alone,
    /// By what was named before, for which it has a word: "it".
    Refers,
    /// By what the others are about, as it has too few words of its own.
    SaysLittle,
}

/// The wordings to search for: the question; where it leans on earlier turns, the question behind
/// those; and where it asks for several things, its parts that stand by themselves.
pub(crate) fn wordings(
    analyzer: &Analyzer,
    question: &str,
    history: &[ChatMessage],
) -> Vec<String> {
    let mut wordings = whole(analyzer, question, history);
    let languages = Language::of_words(question);
    let alone = |part: &&str| footing(analyzer, &languages, part) == Footing::Alone;
    wordings.extend(parts::texts(question).into_iter().filter(alone).map(str::to_owned));
    wordings
}

/// Those of the wordings that ask for all that `question` does; the last one stands by itself.
pub(crate) fn of_whole<'w>(question: &str, wordings: &'w [String]) -> Vec<&'w str> {
    let parts = parts::texts(question);
    wordings.iter().map(String::as_str).filter(|wording| !parts.contains(wording)).collect()
}

/// The question, and where it leans on earlier turns, the question behind those.
fn whole(analyzer: &Analyzer, question: &str, history: &[ChatMessage]) -> Vec<String> {
    let mut wordings = vec![question.to_owned()];
    let said: Vec<&str> = history
        .iter()
        .filter(|turn| turn.role == "user")
        .map(|turn| turn.content.trim())
        .filter(|text| !text.is_empty())
        .collect();
    let Some(latest) = said.last() else { return wordings };
    let languages = languages(question, latest);
    if !leans(analyzer, &languages, question) {
        return wordings;
    }
    let mut taken: Vec<&str> = Vec::new();
    for text in said.iter().rev().take(BACK) {
        taken.push(clip(text));
        if !leans(analyzer, &languages, text) {
            break;
        }
    }
    taken.reverse();
    wordings.push(format!("{} {question}", taken.join(" ")));
    wordings
}

/// The question and, if they differ, its content words alone: what a search without a
/// conversation can do for a question in prose.
pub(crate) fn keywords(analyzer: &Analyzer, question: &str) -> Vec<String> {
    let kept: Vec<&str> = question
        .split_whitespace()
        .filter(|word| analyzer.terms(word).iter().any(|term| !is_asking(term)))
        .collect();
    let kept = kept.join(" ");
    if kept.is_empty() || kept == question {
        return vec![question.to_owned()];
    }
    vec![question.to_owned(), kept]
}

/// The languages that a question may be in; where its own words do not decide, by those of the
/// turn before it as well.
fn languages(question: &str, before: &str) -> Vec<Language> {
    let told = Language::of_words(question);
    if told.len() == 1 {
        return told;
    }
    let both = Language::of_words(&format!("{before} {question}"));
    if both.is_empty() { told } else { both }
}

/// Whether a question in one of `languages` needs what was said before it.
fn leans(analyzer: &Analyzer, languages: &[Language], question: &str) -> bool {
    let spaced = leaning::spaced(question);
    leaning::of(languages).any(|language| language.leans(&spaced))
        || has_few_words(analyzer, languages, question)
}

/// How a part of a question in one of `languages` can be understood.
pub(crate) fn footing(analyzer: &Analyzer, languages: &[Language], part: &str) -> Footing {
    let spaced = leaning::spaced(part);
    if leaning::of(languages).any(|language| language.refers(&spaced)) || parts::has_pronoun(part) {
        Footing::Refers
    } else if has_few_words(analyzer, languages, part) {
        Footing::SaysLittle
    } else {
        Footing::Alone
    }
}

/// Whether a question in one of `languages` names fewer things than it should to stand alone.
fn has_few_words(analyzer: &Analyzer, languages: &[Language], question: &str) -> bool {
    let spaced = leaning::spaced(question);
    Subject::plain(analyzer, question).len() < FEW
        || languages.iter().any(|language| says_little(*language, &spaced))
}

/// Whether a question of these words names fewer things than it should to stand alone. English
/// is judged by its analysis; of other languages only some are known well enough.
fn says_little(language: Language, spaced: &str) -> bool {
    let known = leaning::of(&[language]).find(|known| known.language == language);
    let Some(known) = known.filter(|_| language != Language::English) else { return false };
    let analyzer = Analyzer::new(language);
    let words = spaced.split(' ').filter(|word| !known.asks(word));
    let named: HashSet<String> = words.flat_map(|word| analyzer.terms(word)).collect();
    named.len() < FEW
}

fn clip(text: &str) -> &str {
    text.char_indices().nth(TURN_CHARS).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(turns: &[(&str, &str)]) -> Vec<ChatMessage> {
        turns.iter().map(|(role, text)| ChatMessage::new(*role, *text)).collect()
    }

    #[test]
    fn a_question_that_leans_is_searched_behind_what_it_leans_on() {
        let analyzer = Analyzer::default();
        let history = talk(&[
            ("user", "Who was the last keeper of the lighthouse?"),
            ("assistant", "Ida Thorvald, a secret name."),
        ]);
        let found = wordings(&analyzer, "When did she leave the tower?", &history);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], "When did she leave the tower?");
        assert_eq!(
            found[1],
            "Who was the last keeper of the lighthouse? When did she leave the tower?"
        );
        let longer = talk(&[
            ("user", "Who was the last keeper of the lighthouse?"),
            ("user", "And when did she leave?"),
        ]);
        let found = wordings(&analyzer, "Why?", &longer);
        assert!(found[1].contains("keeper") && found[1].ends_with("Why?"), "{found:?}");
    }

    #[test]
    fn questions_lean_in_other_languages_too() {
        let analyzer = Analyzer::default();
        for (first, leaning, alone) in [
            (
                "Wer war der letzte Leuchtturmwärter von Lindau?",
                ["Wann hat er den Turm verlassen?", "Warum?", "Wie alt war er damals geworden?"],
                "Wie viele Brücken gibt es in der Stadt Hamburg?",
            ),
            (
                "Qui était le dernier gardien du phare de Lune ?",
                ["Quand a-t-il quitté la tour de pierre ?", "Pourquoi ?", "Et ses deux enfants ?"],
                "Combien de ponts y a-t-il dans la ville de Lyon ?",
            ),
            (
                "¿Quién fue el último guardián del faro de Luna?",
                ["¿Cuándo lo abandonó definitivamente?", "¿Por qué?", "¿Y la torre del puerto?"],
                "¿Cuántos puentes tiene la ciudad de Sevilla?",
            ),
            (
                "Chi fu l'ultimo guardiano del faro di Luna?",
                ["Quando morì la sua famiglia?", "Perché?", "E la torre del porto?"],
                "Quanti ponti ha la città di Venezia?",
            ),
            (
                "Quem foi o último guardião do farol da Lua?",
                ["Quando ele deixou a torre?", "Por quê?", "E a torre do porto?"],
                "Quantas pontes tem a cidade do Porto?",
            ),
            (
                "Wie was de laatste vuurtorenwachter van Texel?",
                ["Wanneer heeft hij de toren verlaten?", "Waarom?", "En de haven van het eiland?"],
                "Hoeveel bruggen heeft de stad Amsterdam?",
            ),
        ] {
            let history = talk(&[("user", first), ("assistant", "Ada.")]);
            for question in leaning {
                let expected = [question.to_owned(), format!("{first} {question}")];
                assert_eq!(wordings(&analyzer, question, &history), expected);
            }
            assert_eq!(wordings(&analyzer, alone, &history), [alone]);
        }
    }

    #[test]
    fn a_question_that_stands_alone_is_searched_as_it_is() {
        let analyzer = Analyzer::default();
        let history = talk(&[("user", "Who was the last keeper of the lighthouse?")]);
        let alone = "How often are the cables of the Lune bridge inspected?";
        assert_eq!(wordings(&analyzer, alone, &history), [alone]);
        assert_eq!(wordings(&analyzer, "When did she leave?", &[]), ["When did she leave?"]);
    }

    #[test]
    fn parts_that_stand_by_themselves_are_searched_for_too() {
        let analyzer = Analyzer::default();
        let both = "Who built the Lune bridge and when does the town library open?";
        let found = wordings(&analyzer, both, &[]);
        assert_eq!(found, [both, "Who built the Lune bridge", "when does the town library open?"]);
        assert_eq!(of_whole(both, &found), [both]);
        let refers = "Who built the Lune bridge and when was it renewed?";
        assert_eq!(wordings(&analyzer, refers, &[]), [refers, "Who built the Lune bridge"]);
        let history = talk(&[("user", "Who was the last keeper of the lighthouse?")]);
        let leaning = "When did she leave the tower and who built the Lune bridge?";
        let found = wordings(&analyzer, leaning, &history);
        assert_eq!(found.len(), 3);
        assert!(found[1].starts_with("Who was") && found[1].ends_with(leaning), "{found:?}");
        assert_eq!(found[2], "who built the Lune bridge?");
        assert_eq!(of_whole(leaning, &found), [leaning, found[1].as_str()]);
        let one = "Who built the bridge?";
        assert_eq!(of_whole(one, &[one.to_owned()]), [one]);
    }

    #[test]
    fn a_question_in_prose_has_its_words_beside_it() {
        let analyzer = Analyzer::default();
        let found = keywords(&analyzer, "How do I vacuum the tables?");
        assert_eq!(found.len(), 2);
        assert!(found[1].contains("vacuum") && !found[1].contains("How"), "{found:?}");
        assert_eq!(keywords(&analyzer, "vacuum tables"), ["vacuum tables"]);
    }
}
