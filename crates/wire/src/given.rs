//! A field of an update: absent, `null`, or with a value.

use serde::{Deserialize, Deserializer};

/// What an update says of a field. An absent one leaves what is there as it is, `null` clears it.
/// A field of this type needs `#[serde(default)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given<T> {
    /// Not a word.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A new value.
    Value(T),
}

impl<T> Given<T> {
    /// The new value, where `null` stands for `cleared`; none to leave what is there.
    pub fn or_cleared(self, cleared: T) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Null => Some(cleared),
            Self::Value(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = Option::<T>::deserialize(deserializer)?;
        Ok(given.map_or(Self::Null, Self::Value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Update {
        #[serde(default)]
        name: Given<String>,
    }

    #[test]
    fn an_absent_field_is_told_from_null() -> Result<(), serde_json::Error> {
        for (body, given) in [
            ("{}", Given::Absent),
            (r#"{"name": null}"#, Given::Null),
            (r#"{"name": "a"}"#, Given::Value("a".to_owned())),
        ] {
            assert_eq!(serde_json::from_str::<Update>(body)?.name, given, "{body}");
        }
        assert!(serde_json::from_str::<Update>(r#"{"name": 5}"#).is_err());
        assert_eq!(Given::Absent.or_cleared(0), None);
        assert_eq!((Given::Null.or_cleared(0), Given::Value(2).or_cleared(0)), (Some(0), Some(2)));
        Ok(())
    }
}
