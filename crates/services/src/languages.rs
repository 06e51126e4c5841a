//! The language that the words of a store are counted in: named, or told from its texts.

use cairn_kernel::{Error, Result};
use cairn_search::Language;

/// The word for a language that is told from the texts.
const AUTO: &str = "auto";

/// Which language a store's words shall be counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one that its texts are in.
    Auto,
    /// This one.
    Named(Language),
}

impl Wanted {
    /// Reads `auto`, an ISO 639-1 code or `other`; `field` is where it was given.
    ///
    /// # Errors
    /// `Invalid` naming the languages there are.
    pub fn parse(code: &str, field: &str) -> Result<Self> {
        if code.trim().eq_ignore_ascii_case(AUTO) {
            return Ok(Self::Auto);
        }
        Language::parse(code).map(Self::Named).ok_or_else(|| {
            Error::invalid(format!(
                "the language '{code}' is not known here; use {AUTO}, or one of {} (other: words \
                 as they are)",
                Language::codes()
            ))
            .with_param(field)
        })
    }

    /// The language, if it is named.
    pub(crate) fn named(self) -> Option<Language> {
        match self {
            Self::Auto => None,
            Self::Named(language) => Some(language),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_named_by_its_code() -> Result<()> {
        assert_eq!(Wanted::parse("auto", "language")?, Wanted::Auto);
        assert_eq!(Wanted::parse("DE", "language")?, Wanted::Named(Language::German));
        assert_eq!(Wanted::parse("other", "language")?.named(), Some(Language::Other));
        let error = Wanted::parse("german", "cairn.language").err();
        assert_eq!(error.as_ref().and_then(Error::param), Some("cairn.language"));
        let text = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            ["'german'", "auto", "de", "fr", "other"].iter().all(|part| text.contains(part)),
            "{text}"
        );
        Ok(())
    }
}
