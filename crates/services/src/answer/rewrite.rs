//! From a question within a conversation to words that can be searched for.
//!
//! "And when was it renewed?" finds nothing: what it is about was said before. Such a
//! question is searched for twice, as it is and behind the turns of the user that it leans
//! on; a passage counts with the better wording. Only what the user said is taken: words
//! of earlier answers would survive in the queries when their documents are deleted.

use std::collections::HashSet;

use cairn_search::Analyzer;
use cairn_serving::gguf::ChatMessage;

use super::subject::{Subject, is_asking};

/// Words that stand for something named before.
const LEANING: [&str; 16] = [
    "it", "its", "itself", "they", "them", "their", "theirs", "he", "him", "his", "she", "her",
    "hers", "this", "these", "those",
];
/// How such a question may begin.
const OPENINGS: [&str; 6] = ["and ", "but ", "so ", "what about", "how about", "why"];
/// A question with fewer content words than this leans on what was said.
const FEW: usize = 2;
/// Turns looked back at most.
const BACK: usize = 3;
/// Characters taken of one earlier turn.
const TURN_CHARS: usize = 400;

/// The wordings to search for: the question, and where it leans on earlier turns, the
/// question behind those. The last one stands by itself.
pub(crate) fn wordings(
    analyzer: &Analyzer,
    question: &str,
    history: &[ChatMessage],
) -> Vec<String> {
    let mut wordings = vec![question.to_owned()];
    let said: Vec<&str> = history
        .iter()
        .filter(|turn| turn.role == "user")
        .map(|turn| turn.content.trim())
        .filter(|text| !text.is_empty())
        .collect();
    if said.is_empty() || !leans(analyzer, question) {
        return wordings;
    }
    let mut taken: Vec<&str> = Vec::new();
    for text in said.iter().rev().take(BACK) {
        taken.push(clip(text));
        if !leans(analyzer, text) {
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

/// Whether a question needs what was said before it.
fn leans(analyzer: &Analyzer, question: &str) -> bool {
    let lower = question.trim().to_lowercase();
    let words: HashSet<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    LEANING.iter().any(|word| words.contains(word))
        || OPENINGS.iter().any(|opening| lower.starts_with(opening))
        || Subject::plain(analyzer, question).len() < FEW
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
    fn a_question_that_stands_alone_is_searched_as_it_is() {
        let analyzer = Analyzer::default();
        let history = talk(&[("user", "Who was the last keeper of the lighthouse?")]);
        let alone = "How often are the cables of the Lune bridge inspected?";
        assert_eq!(wordings(&analyzer, alone, &history), [alone]);
        assert_eq!(wordings(&analyzer, "When did she leave?", &[]), ["When did she leave?"]);
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
