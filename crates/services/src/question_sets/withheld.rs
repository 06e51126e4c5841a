//! Questions that the documents do not answer: made of a file, and asked while it is withheld.
//!
//! They are of the store's own kind, which questions about something else are not, and so harder
//! to refuse. A question is dropped where one of the passages nearest to it, in what is left, has
//! the answer's words or most of the question's: another version of the file may be there. That
//! the rest answers it elsewhere, in other words, cannot be ruled out; reports say so.

use std::collections::HashSet;

use cairn_kernel::{Id, Result, Scope};
use cairn_search::Analyzer;

use super::generate::GenerateJob;
use super::written::share;
use crate::evaluations::metrics::contains;
use crate::retrieve::Request;

/// Passages that are looked at for an answer.
const NEAREST: usize = 10;
/// Share of a question's content words that makes a passage a version of what it was made of.
const VERSION: f64 = 0.8;
/// Of the passages drawn, one of so many is for questions without an answer, at most.
const PART: usize = 4;

/// How many of the `drawn` passages, the last, are for questions without an answer.
pub(super) fn reserved(drawn: usize, wanted: usize) -> usize {
    if wanted == 0 { 0 } else { drawn / PART }
}

/// Whether a passage may answer a question whose answer is `expected`.
fn may_answer(analyzer: &Analyzer, passage: &str, question: &str, expected: &[String]) -> bool {
    let terms = |text: &str| -> HashSet<String> { analyzer.terms(text).into_iter().collect() };
    contains(passage, expected) > 0.0 || share(&terms(question), &terms(passage)) >= VERSION
}

impl GenerateJob {
    /// Whether the store does not say the answer to a question where `file` is withheld, as far
    /// as the nearest passages show. With nothing left to be misled by, a question tests nothing.
    ///
    /// # Errors
    /// As [`crate::retrieve::Retrieve::search`].
    pub(super) async fn is_silent(
        &self,
        scope: &Scope,
        store: &Id,
        analyzer: &Analyzer,
        (question, expected, file): (&str, &[String], &str),
    ) -> Result<bool> {
        let request = Request {
            without: Some(file.to_owned()),
            ..Request::new(vec![store.clone()], question, NEAREST)
        };
        let near = self.retrieve.search(scope, &request).await?;
        let answered = near
            .iter()
            .any(|passage| may_answer(analyzer, &passage.chunk.text, question, expected));
        Ok(!near.is_empty() && !answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_answer_is_told_by_answer_and_question() {
        let analyzer = Analyzer::default();
        let question = "Who was the last keeper of the Orrin tower?";
        let may =
            |passage: &str| may_answer(&analyzer, passage, question, &["Ida Thorvald".into()]);
        assert!(may("In 1989 Ida Thorvald left."), "the answer");
        assert!(may("The last keeper of the Orrin tower was I. T."), "a version of the file");
        assert!(!may("The keeper of the harbour is on leave."));
    }

    #[test]
    fn a_part_is_reserved_where_it_is_wanted() {
        assert_eq!(
            (reserved(200, 0), reserved(200, 5), reserved(9, 5), reserved(3, 1)),
            (0, 50, 2, 0)
        );
    }
}
