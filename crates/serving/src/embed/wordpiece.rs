//! The tokens of plain words, fast.
//!
//! The general tokenizer carries the place of each character through every step, and takes a
//! microsecond and a half for a token; that was a tenth of ingestion. Words of printable ASCII
//! need none of it: no accents, no control characters, as many bytes in lower case as before.
//! They are split here by the same rules (Devlin et al. 2018, BERT: white space, punctuation, the
//! longest pieces of the vocabulary first), and everything else is left to the general tokenizer.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;

/// What stands in front of a piece that is not the first of its word.
const INNER: &str = "##";

/// The vocabulary of a BERT model for plain words.
#[derive(Debug)]
pub(super) struct WordPiece {
    first: HashMap<Box<[u8]>, i32>,
    inner: HashMap<Box<[u8]>, i32>,
    /// Bytes of the longest piece.
    longest: usize,
    /// The token of words without pieces, and of those that are too long.
    unknown: i32,
    /// Bytes of the longest word that is taken apart.
    most: usize,
    /// Texts that are tokens as they stand, wherever they stand.
    whole: Vec<String>,
}

/// A `tokenizer.json`, as far as it matters here.
#[derive(Deserialize)]
struct File {
    added_tokens: Vec<Added>,
    normalizer: Normalizer,
    pre_tokenizer: Typed,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

#[derive(Deserialize)]
struct Normalizer {
    r#type: String,
    clean_text: bool,
    lowercase: bool,
}

#[derive(Deserialize)]
struct Typed {
    r#type: String,
}

#[derive(Deserialize)]
struct Model {
    r#type: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, i32>,
}

impl WordPiece {
    /// The vocabulary of a `tokenizer.json`; nothing where it asks for other rules.
    pub(super) fn of(file: &[u8]) -> Option<Self> {
        let File { added_tokens, normalizer, pre_tokenizer, model } =
            serde_json::from_slice(file).ok()?;
        let plain = |token: &Added| {
            !(token.single_word || token.lstrip || token.rstrip || token.normalized)
        };
        let known = normalizer.r#type == "BertNormalizer"
            && normalizer.clean_text
            && normalizer.lowercase
            && pre_tokenizer.r#type == "BertPreTokenizer"
            && model.r#type == "WordPiece"
            && model.continuing_subword_prefix == INNER
            && added_tokens.iter().all(plain);
        if !known {
            return None;
        }
        let mut pieces = Self {
            first: HashMap::new(),
            inner: HashMap::new(),
            longest: 0,
            unknown: *model.vocab.get(&model.unk_token)?,
            most: model.max_input_chars_per_word,
            whole: added_tokens.into_iter().map(|token| token.content).collect(),
        };
        for (piece, id) in model.vocab {
            let (pieces_of, bytes) = match piece.strip_prefix(INNER) {
                Some(inner) if !inner.is_empty() => (&mut pieces.inner, inner.as_bytes()),
                _ => (&mut pieces.first, piece.as_bytes()),
            };
            pieces.longest = pieces.longest.max(bytes.len());
            pieces_of.insert(bytes.into(), id);
        }
        Some(pieces)
    }

    /// Whether `text` can be taken apart at its white space.
    pub(super) fn reads(&self, text: &str) -> bool {
        !self.whole.iter().any(|token| text.contains(token.as_str()))
    }

    /// Gives `put` the parts of the text, in its order.
    ///
    /// # Errors
    /// Those of `put`.
    pub(super) fn split<E>(
        &self,
        text: &str,
        mut put: impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = text.as_bytes();
        let mut other: Option<Range<usize>> = None;
        let mut word = Vec::new();
        for run in runs(bytes) {
            if !bytes[run.clone()].iter().all(u8::is_ascii_graphic) {
                other = Some(other.map_or(run.start, |other| other.start)..run.end);
                continue;
            }
            if let Some(other) = other.take() {
                put(Part::Other(other.start, &text[other]))?;
            }
            let mut start = run.start;
            for at in run.clone() {
                if bytes[at].is_ascii_punctuation() {
                    self.word(bytes, start..at, &mut word, &mut put)?;
                    self.word(bytes, at..at + 1, &mut word, &mut put)?;
                    start = at + 1;
                }
            }
            self.word(bytes, start..run.end, &mut word, &mut put)?;
        }
        match other {
            Some(other) => put(Part::Other(other.start, &text[other])),
            None => Ok(()),
        }
    }

    /// The pieces of one word.
    fn word<E>(
        &self,
        bytes: &[u8],
        range: Range<usize>,
        word: &mut Vec<u8>,
        put: &mut impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if range.is_empty() {
            return Ok(());
        }
        word.clear();
        word.extend(bytes[range.clone()].iter().map(u8::to_ascii_lowercase));
        if word.len() <= self.most {
            if let Some(&id) = self.first.get(word.as_slice()) {
                return put(Part::Token(id, range));
            }
            if let Some(pieces) = self.pieces(word) {
                for (id, piece) in pieces {
                    put(Part::Token(id, range.start + piece.start..range.start + piece.end))?;
                }
                return Ok(());
            }
        }
        put(Part::Token(self.unknown, range))
    }

    fn pieces(&self, word: &[u8]) -> Option<Vec<(i32, Range<usize>)>> {
        let (mut pieces, mut start) = (Vec::new(), 0);
        while start < word.len() {
            let known = if start == 0 { &self.first } else { &self.inner };
            let ends = (start + 1..=word.len().min(start + self.longest)).rev();
            let found =
                ends.into_iter().find_map(|end| Some((*known.get(&word[start..end])?, end)));
            let (id, end) = found?;
            pieces.push((id, start..end));
            start = end;
        }
        Some(pieces)
    }
}

/// A part of a text.
#[derive(Debug)]
pub(super) enum Part<'a> {
    /// A token, and its bytes.
    Token(i32, Range<usize>),
    /// What is not plain words, and where it begins.
    Other(usize, &'a str),
}

/// What stands between white space. Other white space than these four is no plain word.
fn runs(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let mut at = 0;
    std::iter::from_fn(move || {
        at += bytes.get(at..)?.iter().position(|byte| !space(byte))?;
        let length = bytes[at..].iter().position(space).unwrap_or(bytes.len() - at);
        at += length;
        Some(at - length..at)
    })
}
