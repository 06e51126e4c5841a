//! The tokenizer, and how a long text becomes windows.

use std::path::Path;

use cairn_kernel::{Error, Kind, Result};
use tokenizers::Tokenizer;

/// Most tokens the model reads at once, the two special ones included.
pub const MAX_TOKENS: usize = 256;
/// The two tokens that stand around every window.
const SPECIAL: usize = 2;

/// Splits text into the model's tokens.
#[derive(Debug)]
pub struct TextTokenizer {
    inner: Tokenizer,
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
        Ok(Self { inner, first, last })
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
        let encoding = self.inner.encode(text, false).map_err(|cause| unreadable(&cause))?;
        Ok(encoding.get_offsets().to_vec())
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
        let encoding = self.inner.encode_fast(text, false).map_err(|cause| unreadable(&cause))?;
        let id =
            |&id: &u32| i32::try_from(id).map_err(|_| Error::internal("a token id over 31 bits"));
        encoding.get_ids().iter().map(id).collect()
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
