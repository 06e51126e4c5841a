//! The tokenizer, and how a long text becomes windows.

use std::path::Path;

use cairn_kernel::{Error, Kind, Result};
use tokenizers::Tokenizer;

use super::wordpiece::{Part, WordPiece};

/// Most tokens the model reads at once, the two special ones included.
pub const MAX_TOKENS: usize = 256;
/// The two tokens that stand around every window.
const SPECIAL: usize = 2;
/// Fewer than a token of any language takes, as a rule.
const BYTES_OF_A_TOKEN: usize = 3;

/// Splits text into the model's tokens.
#[derive(Debug)]
pub struct TextTokenizer {
    inner: Tokenizer,
    /// What takes plain words apart, where the file has the rules for it.
    plain: Option<WordPiece>,
    first: i32,
    last: i32,
}

impl TextTokenizer {
    /// Reads a `tokenizer.json` of a BERT model. Cutting and padding that the file
    /// asks for are switched off.
    ///
    /// # Errors
    /// `NotFound` or `Unprocessable`, naming the file.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|cause| missing(path).with_source(cause))?;
        let damaged = |what: String| {
            let message = format!("the tokenizer {} {what}", path.display());
            Error::new(Kind::Unprocessable, message)
        };
        let mut inner = Tokenizer::from_bytes(&bytes)
            .map_err(|cause| damaged(format!("cannot be read: {cause}")))?;
        inner
            .with_truncation(None)
            .map_err(|cause| damaged(format!("cannot be used: {cause}")))?
            .with_padding(None);
        let special = |token: &str| {
            let id = inner.token_to_id(token).and_then(|id| i32::try_from(id).ok());
            id.ok_or_else(|| damaged(format!("has no token {token}")))
        };
        let (first, last) = (special("[CLS]")?, special("[SEP]")?);
        Ok(Self { plain: WordPiece::of(&bytes), inner, first, last })
    }

    /// The number of tokens the model reads for `text` if it fits one window, the
    /// two special ones included: compare it with [`MAX_TOKENS`].
    ///
    /// # Errors
    /// `Unprocessable` when the tokenizer cannot read the text.
    pub fn count(&self, text: &str) -> Result<usize> {
        Ok(self.encode(text)?.len() + SPECIAL)
    }

    /// Where each token lies in `text`: byte offsets, start and end, in order,
    /// without the special ones.
    ///
    /// # Errors
    /// As [`TextTokenizer::count`].
    pub fn offsets(&self, text: &str) -> Result<Vec<(usize, usize)>> {
        let general = |text: &str| self.inner.encode(text, false).map_err(|e| unreadable(&e));
        let Some(plain) = self.plain.as_ref().filter(|plain| plain.reads(text)) else {
            return Ok(general(text)?.get_offsets().to_vec());
        };
        let mut offsets = Vec::with_capacity(text.len() / BYTES_OF_A_TOKEN);
        plain.split(text, |part| {
            match part {
                Part::Token(_, bytes) => offsets.push((bytes.start, bytes.end)),
                Part::Other(at, text) => {
                    let some = general(text)?;
                    offsets
                        .extend(some.get_offsets().iter().map(|(from, to)| (at + from, at + to)));
                }
            }
            Ok::<_, Error>(())
        })?;
        Ok(offsets)
    }

    /// The windows of `text`, each ready for the model: special tokens around at
    /// most 254 others, of nearly equal length. Empty text is one empty window.
    ///
    /// # Errors
    /// As [`TextTokenizer::count`].
    pub fn windows(&self, text: &str) -> Result<Vec<Vec<i32>>> {
        let ids = self.encode(text)?;
        let count = ids.len().div_ceil(MAX_TOKENS - SPECIAL).max(1);
        let around = |part: &[i32]| {
            let mut window = Vec::with_capacity(part.len() + SPECIAL);
            window.push(self.first);
            window.extend_from_slice(part);
            window.push(self.last);
            window
        };
        let cut = |at: usize| ids.len() * at / count;
        Ok((0..count).map(|at| around(ids.get(cut(at)..cut(at + 1)).unwrap_or(&[]))).collect())
    }

    fn encode(&self, text: &str) -> Result<Vec<i32>> {
        let mut all = Vec::with_capacity(text.len() / BYTES_OF_A_TOKEN);
        let general = |all: &mut Vec<i32>, text: &str| {
            let some = self.inner.encode_fast(text, false).map_err(|cause| unreadable(&cause))?;
            for &id in some.get_ids() {
                let id = i32::try_from(id).map_err(|_| Error::internal("a token id over 31 bits"));
                all.push(id?);
            }
            Ok::<_, Error>(())
        };
        match self.plain.as_ref().filter(|plain| plain.reads(text)) {
            None => general(&mut all, text)?,
            Some(plain) => plain.split(text, |part| match part {
                Part::Token(id, _) => {
                    all.push(id);
                    Ok(())
                }
                Part::Other(_, text) => general(&mut all, text),
            })?,
        }
        Ok(all)
    }
}

/// The error for a model file that is not there.
pub(crate) fn missing(path: &Path) -> Error {
    Error::unavailable(format!(
        "the embedding model's file {} cannot be read; fetch it with `make models` or \
         `cairn models pull`",
        path.display()
    ))
}

fn unreadable(cause: &tokenizers::Error) -> Error {
    Error::new(Kind::Unprocessable, format!("a text could not be tokenised: {cause}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::embed::EmbedConfig;
    use crate::models::ModelStore;

    fn tokenizer() -> TextTokenizer {
        let config = EmbedConfig::from_store(&ModelStore::from_env().unwrap()).unwrap();
        TextTokenizer::load(&config.tokenizer).unwrap()
    }

    /// Whether plain words come out as the general tokenizer has them, and where they stand.
    fn check(tokenizer: &TextTokenizer, text: &str) {
        let general = tokenizer.inner.encode(text, false).unwrap();
        let ids: Vec<i32> =
            general.get_ids().iter().map(|&id| i32::try_from(id).unwrap()).collect();
        assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text:?}");
        assert_eq!(tokenizer.offsets(text).unwrap(), general.get_offsets(), "{text:?}");
    }

    #[test]
    fn plain_words_have_the_tokens_of_the_general_tokenizer() {
        let tokenizer = tokenizer();
        assert!(tokenizer.plain.is_some());
        let long = "a".repeat(100) + " " + &"b".repeat(101) + "-" + &"unbelievably".repeat(9);
        for text in [
            "",
            " \t\r\n ",
            "The Quick-Brown fox's 3.14 jumps_over {the} <lazy> dog #42 ##ing; electroencephalography!",
            "[CLS] is a token, [cls] is none, and [MASK]ed is one again",
            "caf\u{e9} na\u{ef}ve \u{201c}quoted\u{201d} \u{2014} ok\u{2026} \u{6771}\u{4eac} a\u{6771}b \u{1f600} done",
            "bell\u{7}ring nul\u{0}l form\u{c}feed vt\u{b}x del\u{7f}ete nb\u{a0}sp \u{85} zero\u{200b}width",
            "a \u{301}b \u{3a3}\u{3a3} STRASSE stra\u{df}e \u{130}stanbul \u{feff}bom",
            &long,
        ] {
            check(&tokenizer, text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn any_text_has_the_tokens_of_the_general_tokenizer(
            text in "([a-zA-Z]{1,12}|[ -~]{1,9}|\\PC{1,4}|[ \t\n\r\u{b}\u{7f}]|[\u{300}-\u{310}\u{4e00}-\u{4e10}]){0,20}"
        ) {
            static TOKENIZER: std::sync::LazyLock<TextTokenizer> = std::sync::LazyLock::new(tokenizer);
            check(&TOKENIZER, &text);
        }
    }
}
