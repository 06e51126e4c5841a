//! Identifiers: a short type prefix and a time-ordered random part.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An opaque identifier such as `vs_0198c2…`. Later ids sort after earlier ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// A new id with `prefix` in front (`file-`, `vs_`, `resp_` …).
    pub fn generate(prefix: &str) -> Self {
        Self(format!("{prefix}{}", uuid::Uuid::now_v7().simple()))
    }

    /// An id that came from outside or from the records; it is not checked.
    pub fn from_raw(raw: impl Into<String>) -> Self {
        Self(raw.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_keep_their_prefix() {
        let (a, b) = (Id::generate("vs_"), Id::generate("vs_"));
        assert_ne!(a, b);
        assert!(a.as_str().starts_with("vs_"));
        assert_eq!(a.as_str().len(), 3 + 32);
    }
}
