//! Ties the sentences of an answer to the words that support them.

use std::ops::Range;

use cairn_documents::LineBox;
use cairn_search::Analyzer;

use super::clauses::clauses;
use super::evidence::{Said, Sources, Support};
use crate::answer::claims::reply::{Reply, reply};
use crate::answer::question::subject::Subjects;
use crate::answer::writing::markers::Marker;
use crate::retrieve::Passage;

/// Of a clause that is cited by itself the quote must have so much, as its subject is half of it.
const CLAUSE: f32 = 0.7;

/// A sentence of the answer, or a clause of one, and the quote that supports it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Citation {
    /// The file.
    pub file_id: String,
    /// SHA-256 of its bytes, hex; known when the answer is complete.
    pub file_sha256: String,
    /// Its name.
    pub filename: String,
    /// The chunk.
    pub chunk_id: String,
    /// The words of the document.
    pub quote: String,
    /// Page that the quote begins on, from 1, where the document has pages; the chunk's until the
    /// answer is complete.
    pub page: Option<i64>,
    /// Path of the headings above the quote, joined by " › "; the chunk's until the answer is
    /// complete.
    pub heading: Option<String>,
    /// Characters of the quote in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Where the lines that it touches stand on their pages; known when the answer is complete.
    pub boxes: Vec<LineBox>,
    /// Characters of the sentence or clause in the answer.
    pub sentence_start: usize,
    /// One past its last character.
    pub sentence_end: usize,
    /// Share of the sentence's content words in the quote.
    pub support: f32,
    /// Whether that is enough and nothing speaks against it.
    pub supported: bool,
    /// Why it is not supported where the share would be enough.
    pub doubt: Option<String>,
}

/// A sentence that no passage supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// First character in the answer.
    pub start: usize,
    /// One past its last character.
    pub end: usize,
}

/// Cites every sentence of `text`, an answer about these `subjects`, that has content words. Of the
/// passages the writer was given all, or of each those sentences that are named. A sentence that no
/// passage supports is cited clause by clause where each is supported by itself.
pub(crate) fn cite(
    analyzer: &Analyzer,
    subjects: &Subjects<'_>,
    text: &str,
    markers: &[Marker],
    (passages, shown): (&[Passage], Option<&[Vec<String>]>),
) -> (Vec<Citation>, Vec<Unsupported>) {
    let sources = Sources::of(analyzer, passages, shown);
    cite_in(analyzer, subjects, text, markers, (&sources, passages))
}

/// The same of passages that are prepared already.
pub(crate) fn cite_in(
    analyzer: &Analyzer,
    subjects: &Subjects<'_>,
    text: &str,
    markers: &[Marker],
    (sources, passages): (&Sources<'_>, &[Passage]),
) -> (Vec<Citation>, Vec<Unsupported>) {
    let (mut citations, mut unsupported) = (Vec::new(), Vec::new());
    let mut replied = Reply::None;
    for range in cairn_documents::sentences(text) {
        let sentence = &text[range.clone()];
        let said = said(analyzer, sentence, &mut replied);
        if analyzer.terms(sentence).is_empty() {
            continue;
        }
        let named: Vec<usize> = markers
            .iter()
            .filter(|marker| marker.at > range.start && marker.at <= range.end + 1)
            .flat_map(|marker| marker.sources.iter().map(|source| source - 1))
            .collect();
        let chars = |bytes: usize| text[..bytes].chars().count();
        let subject = subjects.of(analyzer, sentence);
        let support = sources.support(analyzer, subject, said, &named);
        let holds = support.as_ref().is_some_and(Support::holds);
        let parts = if holds || said.reply != Reply::None {
            Vec::new()
        } else {
            parts(analyzer, subjects, sentence, (sources, &named))
        };
        for (part, support) in &parts {
            let place = (chars(range.start + part.start), chars(range.start + part.end));
            citations.extend(cited(passages, support, place));
        }
        if !parts.is_empty() {
            continue;
        }
        let place = (chars(range.start), chars(range.end));
        if !holds {
            unsupported.push(Unsupported { start: place.0, end: place.1 });
        }
        citations.extend(support.and_then(|support| cited(passages, &support, place)));
    }
    (citations, unsupported)
}

/// A sentence without the yes or no that it begins with. Where that is all of it, the next one says
/// what is so: `replied` holds it so long.
fn said<'s>(analyzer: &Analyzer, sentence: &'s str, replied: &mut Reply) -> Said<'s> {
    let before = std::mem::take(replied);
    match reply(analyzer.language(), sentence) {
        (Reply::None, text) => Said { text, reply: before },
        (reply, "") => {
            *replied = reply;
            Said { text: sentence, reply: Reply::None }
        }
        (reply, text) => Said { text, reply },
    }
}

/// The clauses of a sentence as bytes, each with what supports it; nothing unless all are supported.
fn parts(
    analyzer: &Analyzer,
    subjects: &Subjects<'_>,
    sentence: &str,
    (sources, named): (&Sources<'_>, &[usize]),
) -> Vec<(Range<usize>, Support)> {
    let supported = |range: Range<usize>| {
        let said = Said { text: sentence.get(range.clone())?, reply: Reply::None };
        let subject = subjects.of(analyzer, said.text);
        let support = sources.support(analyzer, subject, said, named)?;
        (support.holds() && support.share >= CLAUSE).then_some((range, support))
    };
    let parts: Option<Vec<_>> = clauses(analyzer, sentence).into_iter().map(supported).collect();
    parts.unwrap_or_default()
}

pub(crate) fn cited(
    passages: &[Passage],
    support: &Support,
    place: (usize, usize),
) -> Option<Citation> {
    passages.get(support.passage).map(|passage| citation(passage, support, place))
}

/// A citation of a passage for the characters `sentence` of the answer.
pub(crate) fn citation(passage: &Passage, support: &Support, sentence: (usize, usize)) -> Citation {
    let chunk = &passage.chunk;
    let quote = &chunk.text[support.quote.clone()];
    let words = quote.trim();
    let blank = quote.len() - quote.trim_start().len();
    let before = chunk.text[..support.quote.start + blank].chars().count();
    let char_start = chunk.char_start + i64::try_from(before).unwrap_or(0);
    let heading = (!passage.headings.is_empty()).then(|| passage.headings.join(" › "));
    Citation {
        file_id: chunk.file_id.clone(),
        file_sha256: String::new(),
        filename: chunk.filename.clone(),
        chunk_id: chunk.id.clone(),
        quote: words.to_owned(),
        page: chunk.page,
        heading,
        char_start,
        char_end: char_start + i64::try_from(words.chars().count()).unwrap_or(0),
        boxes: Vec::new(),
        sentence_start: sentence.0,
        sentence_end: sentence.1,
        support: support.share,
        supported: support.holds(),
        doubt: support.doubt.as_ref().filter(|_| support.is_near()).map(ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::claims::statements::tests::passage;
    use crate::answer::question::subject::Subject;

    const LEASE: &str = "The monthly rent is 4,200 euros, payable by the third working day.";
    const HOUSE: &str = "Replacing a lost key costs 85 euros and takes about two weeks.";
    const ASKED: &str = "What does a lost key cost, and what is the monthly rent?";

    /// What is cited for an answer: the words of each citation's place, its quote, and whether it
    /// supports them; and how many sentences are unsupported.
    fn cited(asked: &str, answer: &str) -> (Vec<(String, String, bool)>, usize) {
        let analyzer = Analyzer::default();
        let passages = [passage(LEASE), passage(HOUSE)];
        let subject = Subject::plain(&analyzer, asked);
        told(answer, cite(&analyzer, &Subjects::one(&subject), answer, &[], (&passages, None)))
    }

    fn told(
        answer: &str,
        (found, unsupported): (Vec<Citation>, Vec<Unsupported>),
    ) -> (Vec<(String, String, bool)>, usize) {
        let told = |cited: Citation| {
            let place = answer.chars().skip(cited.sentence_start);
            let words = place.take(cited.sentence_end - cited.sentence_start).collect();
            (words, cited.quote, cited.supported)
        };
        (found.into_iter().map(told).collect(), unsupported.len())
    }

    #[test]
    fn a_sentence_need_not_name_what_only_another_part_asks_for() {
        let analyzer = Analyzer::default();
        let passages = [passage(HOUSE), passage("The revenue of 2021 was 3 million euros.")];
        let subject = |text: &str| Subject::plain(&analyzer, text);
        let whole = subject("What does a lost key cost and what was the revenue in 2021?");
        let (key, revenue) =
            (subject("What does a lost key cost"), subject("what was the revenue in 2021?"));
        let subjects = Subjects { whole: &whole, parts: vec![&key, &revenue] };
        let answer = "A lost key costs 85 euros. The revenue was 3 million euros.";
        let cited = |subjects: &Subjects<'_>| {
            told(answer, cite(&analyzer, subjects, answer, &[], (&passages, None)))
        };
        let (found, unsupported) = cited(&subjects);
        assert!(found.iter().all(|(_, _, supported)| *supported), "{found:?}");
        assert_eq!((found.len(), unsupported), (2, 0));
        // As one question, both would have to be about the year.
        let (found, _) = cited(&Subjects::one(&whole));
        assert!(!found[0].2, "{found:?}");
    }

    #[test]
    fn a_sentence_that_two_documents_support_is_cited_clause_by_clause() {
        let both = "A lost key costs 85 euros, and the monthly rent is 4,200 euros.";
        let (found, unsupported) = cited(ASKED, both);
        let key = ("A lost key costs 85 euros".to_owned(), HOUSE.to_owned(), true);
        let rent = ("the monthly rent is 4,200 euros.".to_owned(), LEASE.to_owned(), true);
        assert_eq!((found, unsupported), (vec![key, rent], 0));
    }

    #[test]
    fn a_sentence_with_a_clause_that_nothing_supports_is_not() {
        let wrong = "A lost key costs 85 euros, and the monthly rent is 4,800 euros.";
        let (found, unsupported) = cited(ASKED, wrong);
        assert!(found.iter().all(|(words, _, supported)| words == wrong && !supported));
        assert_eq!((found.len(), unsupported), (1, 1));
    }

    #[test]
    fn a_yes_by_itself_is_about_the_next_sentence() {
        let asked = "Does a lost key cost 85 euros?";
        let (found, unsupported) = cited(asked, "Yes. A lost key costs 85 euros.");
        assert_eq!(found, [("A lost key costs 85 euros.".to_owned(), HOUSE.to_owned(), true)]);
        assert_eq!(unsupported, 1, "the yes");
        let (found, unsupported) = cited(asked, "Yes. A lost key costs rent.");
        assert!(found.iter().all(|(_, _, supported)| !supported), "{found:?}");
        assert_eq!(unsupported, 2);
    }
}
