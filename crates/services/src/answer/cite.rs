//! Ties the sentences of an answer to the words that support them.

use cairn_documents::LineBox;
use cairn_search::Analyzer;

use super::evidence::{Sources, Support};
use super::markers::Marker;
use super::subject::Subject;
use crate::retrieve::Passage;

/// A sentence of the answer and the quote that supports it.
#[derive(Clone, Debug, PartialEq)]
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
    /// Characters of the sentence in the answer.
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

/// Cites every sentence of `text`, an answer about `subject`, that has content words. Of the
/// passages the writer was given all, or of each those sentences that are named.
pub(crate) fn cite(
    analyzer: &Analyzer,
    subject: &Subject,
    text: &str,
    markers: &[Marker],
    (passages, shown): (&[Passage], Option<&[Vec<String>]>),
) -> (Vec<Citation>, Vec<Unsupported>) {
    let sources = Sources::of(analyzer, passages, shown);
    let (mut citations, mut unsupported) = (Vec::new(), Vec::new());
    for range in cairn_documents::sentences(text) {
        let sentence = &text[range.clone()];
        if analyzer.terms(sentence).is_empty() {
            continue;
        }
        let named: Vec<usize> = markers
            .iter()
            .filter(|marker| marker.at > range.start && marker.at <= range.end + 1)
            .flat_map(|marker| marker.sources.iter().map(|source| source - 1))
            .collect();
        let start = text[..range.start].chars().count();
        let end = start + sentence.chars().count();
        let support = sources.support(analyzer, subject, sentence, &named);
        if !support.as_ref().is_some_and(Support::holds) {
            unsupported.push(Unsupported { start, end });
        }
        if let Some(support) = support
            && let Some(passage) = passages.get(support.passage)
        {
            citations.push(citation(passage, &support, (start, end)));
        }
    }
    (citations, unsupported)
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
