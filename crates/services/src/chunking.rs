//! How files are cut: as the request says, or as their store does.

use cairn_kernel::{Error, Result, ResultExt};
use cairn_store::records::{GenerationRow, Recut, StoreFileRow};

pub use cairn_documents::Strategy;

/// How a file is to be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chunking {
    /// As the store was made or re-indexed to cut; else OpenAI's `auto`: 800 tokens, 400 of them
    /// shared with the chunk before.
    #[default]
    Store,
    /// In this way.
    As(Strategy),
}

impl Chunking {
    /// OpenAI's `static` strategy: chunks of `max_tokens`, of which `overlap_tokens` are shared
    /// with the chunk before.
    ///
    /// # Errors
    /// `Invalid` naming the field that leaves the bounds OpenAI documents.
    pub fn fixed(max_tokens: i64, overlap_tokens: i64) -> Result<Self> {
        let invalid = |text: String| Error::invalid(text).with_param("chunking_strategy");
        if !(100..=4096).contains(&max_tokens) {
            return Err(invalid(format!(
                "max_chunk_size_tokens is {max_tokens}; it must be between 100 and 4096"
            )));
        }
        if !(0..=max_tokens / 2).contains(&overlap_tokens) {
            return Err(invalid(format!(
                "chunk_overlap_tokens is {overlap_tokens}; it must be between 0 and half of \
                 max_chunk_size_tokens ({})",
                max_tokens / 2
            )));
        }
        let (max_tokens, overlap_tokens) = (tokens(max_tokens), tokens(overlap_tokens));
        Ok(Self::As(Strategy::Static { max_tokens, overlap_tokens }))
    }

    /// Strictly along the structure, in chunks of at most `max_tokens` (50 to 4096).
    ///
    /// # Errors
    /// `Invalid` for a size out of bounds.
    pub fn structure(max_tokens: i64, heading_context: bool) -> Result<Self> {
        within("max_tokens", max_tokens, (50, 4096))?;
        Ok(Self::As(Strategy::Structure { max_tokens: tokens(max_tokens), heading_context }))
    }

    /// Chunks of `child_tokens` (16 to 1024) to be found within chunks of `parent_tokens` (more
    /// than those, up to 4096) to be read.
    ///
    /// # Errors
    /// `Invalid` for a size out of bounds.
    pub fn parent_child(
        child_tokens: i64,
        parent_tokens: i64,
        heading_context: bool,
    ) -> Result<Self> {
        within("child_tokens", child_tokens, (16, 1024))?;
        within("parent_tokens", parent_tokens, (child_tokens + 1, 4096))?;
        Ok(Self::As(Strategy::ParentChild {
            child_tokens: tokens(child_tokens),
            parent_tokens: tokens(parent_tokens),
            heading_context,
        }))
    }

    /// The strategy, for a store whose default is `default`, as [`text_of`] wrote it.
    pub(crate) fn in_store(self, default: Option<&str>) -> Result<Strategy> {
        match (self, default) {
            (Self::As(strategy), _) => Ok(strategy),
            (Self::Store, Some(text)) => of_text(text),
            (Self::Store, None) => Ok(Strategy::default()),
        }
    }
}

fn within(name: &str, value: i64, (least, most): (i64, i64)) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let text = format!("{name} is {value}; it must be between {least} and {most}");
    Err(Error::invalid(text).with_param("cairn.chunking"))
}

fn tokens(checked: i64) -> usize {
    usize::try_from(checked).unwrap_or(0)
}

/// A strategy as the records keep it.
pub(crate) fn text_of(strategy: &Strategy) -> Result<String> {
    serde_json::to_string(strategy).or_internal("writing how files are cut")
}

/// What [`text_of`] wrote.
///
/// # Errors
/// `Internal` for anything else.
pub fn of_text(text: &str) -> Result<Strategy> {
    serde_json::from_str(text).or_internal("reading how files are cut")
}

/// A strategy as an attachment's row has it.
pub(crate) fn row_of(strategy: &Strategy) -> Result<Recut> {
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let (chunk_tokens, overlap_tokens) = match *strategy {
        Strategy::Static { max_tokens, overlap_tokens } => (max_tokens, overlap_tokens),
        Strategy::Structure { max_tokens, .. } => (max_tokens, 0),
        Strategy::ParentChild { child_tokens, .. } => (child_tokens, 0),
    };
    let plain = matches!(strategy, Strategy::Static { .. });
    Ok(Recut {
        chunking: if plain { None } else { Some(text_of(strategy)?) },
        chunk_tokens: number(chunk_tokens),
        overlap_tokens: number(overlap_tokens),
    })
}

/// How an attached file is cut.
///
/// # Errors
/// `Internal` when its row cannot be read.
pub fn of_row(row: &StoreFileRow) -> Result<Strategy> {
    match &row.chunking {
        Some(text) => of_text(text),
        None => Ok(Strategy::Static {
            max_tokens: tokens(row.chunk_tokens),
            overlap_tokens: tokens(row.overlap_tokens),
        }),
    }
}

/// How an attached file is cut for a generation.
pub(crate) fn in_generation(generation: &GenerationRow, row: &StoreFileRow) -> Result<Strategy> {
    match &generation.chunking {
        Some(text) if generation.is_building() && generation.recut != 0 => of_text(text),
        _ => of_row(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_to_their_bounds() {
        for (max_tokens, overlap_tokens) in [(99, 0), (4097, 0), (800, 401), (800, -1)] {
            assert!(Chunking::fixed(max_tokens, overlap_tokens).is_err());
        }
        assert!(Chunking::structure(49, true).is_err() && Chunking::structure(50, true).is_ok());
        for (child, parent) in [(15, 800), (1025, 4096), (128, 128), (128, 4097)] {
            assert!(Chunking::parent_child(child, parent, true).is_err(), "{child} {parent}");
        }
        assert!(Chunking::parent_child(128, 800, true).is_ok());
    }

    #[test]
    fn a_file_is_cut_as_it_says_or_as_its_store_does() -> Result<()> {
        let structure = Strategy::Structure { max_tokens: 300, heading_context: false };
        let kept = text_of(&structure)?;
        assert_eq!(of_text(&kept)?, structure);
        assert_eq!(Chunking::Store.in_store(Some(&kept))?, structure);
        assert_eq!(Chunking::Store.in_store(None)?, Strategy::default());
        let own = Chunking::fixed(200, 20)?;
        let plain = Strategy::Static { max_tokens: 200, overlap_tokens: 20 };
        assert_eq!(own.in_store(Some(&kept))?, plain);
        let row = row_of(&plain)?;
        assert_eq!((row.chunking, row.chunk_tokens, row.overlap_tokens), (None, 200, 20));
        assert_eq!(row_of(&structure)?.chunking, Some(kept));
        Ok(())
    }
}
