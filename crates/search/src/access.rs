//! Who may read a document: principals, written with each point and asked for in the
//! index's own query.
//!
//! A principal is a name that authentication vouches for: [`PUBLIC`], `user:…`,
//! `group:…`. A point carries the principals that may read it, a caller brings those
//! that it is, and one in common is enough. The check is part of the search itself:
//! a hit that the caller may not read takes no place among the candidates, so the
//! caller gets as many hits as if the others did not exist.
//!
//! ```
//! use cairn_search::{Filter, Principals};
//! let mut attributes = serde_json::Map::new();
//! Principals::new(["user:ada", "group:engineers"]).write(&mut attributes);
//! let readable = Filter::Readable(Principals::new(["public", "user:ada"]));
//! assert!(readable.matches(&attributes));
//! ```

pub use cairn_kernel::PUBLIC;
use serde_json::{Map, Value};

/// Key in a point's attributes that holds the list of its principals. Only a list of
/// strings counts; users' attributes are never lists, so they cannot forge one.
pub const PRINCIPALS: &str = "cairn:principals";

/// A set of principals: those that may read a point, or those that a caller is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principals(Vec<String>);

impl Principals {
    /// Exactly these; [`PUBLIC`] is among them only if it is named.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort();
        names.dedup();
        Self(names)
    }

    /// [`PUBLIC`] alone.
    pub fn public() -> Self {
        Self::new([PUBLIC])
    }

    /// Their names, sorted.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether one name is in both.
    pub fn meet(&self, other: &Self) -> bool {
        self.0.iter().any(|name| other.0.binary_search(name).is_ok())
    }

    /// Says in a point's attributes that these, and no others, may read it. No
    /// principal at all means that nobody may.
    pub fn write(&self, attributes: &mut Map<String, Value>) {
        let names = self.0.iter().cloned().map(Value::String).collect();
        attributes.insert(PRINCIPALS.to_owned(), Value::Array(names));
    }

    /// Who may read a point with these attributes; everybody, if they do not say.
    pub fn read(attributes: &Map<String, Value>) -> Self {
        let Some(Value::Array(names)) = attributes.get(PRINCIPALS) else { return Self::public() };
        Self::new(names.iter().filter_map(Value::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_does_not_say_is_public_and_an_empty_list_is_nobodys() {
        let mut attributes = Map::new();
        assert_eq!(Principals::read(&attributes), Principals::public());
        Principals::default().write(&mut attributes);
        assert!(!Principals::read(&attributes).meet(&Principals::public()));
        Principals::new(["user:b", "user:a", "user:b"]).write(&mut attributes);
        assert_eq!(Principals::read(&attributes).names(), ["user:a", "user:b"]);
        assert!(Principals::read(&attributes).meet(&Principals::new(["user:b"])));
    }

    #[test]
    fn a_users_own_attribute_of_that_name_grants_nothing() {
        let attributes = Map::from_iter([(PRINCIPALS.to_owned(), Value::from("user:a"))]);
        assert_eq!(Principals::read(&attributes), Principals::public());
    }
}
