//! Filters on file attributes, in OpenAI's form.
//!
//! A comparison is `{"type": "eq", "key": "year", "value": 2024}`, with the types
//! `eq ne gt gte lt lte in nin`; a compound is `{"type": "and", "filters": [...]}`
//! or `or`. Types are kept apart: the text "5" is not the number 5, and neither is
//! before nor after the other. A key that a file does not have equals nothing, so `ne`
//! and `nin` hold for it and every other comparison fails.
//!
//! Texts are ordered lexicographically by their Unicode scalar values: digits before
//! capitals, capitals before small letters, and a text before every longer one that
//! begins with it. Dates of ISO 8601 are in order so, as far as they are written alike.

use std::cmp::Ordering;
use std::fmt;

use cairn_kernel::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Principals;

/// The key that names the file of a point, as if it were one of its attributes:
/// [`crate::Point::file`].
pub const FILE_ID: &str = "cairn.file_id";

/// Deepest nesting of compounds.
const DEPTH: usize = 8;
/// Most comparisons and listed values in one filter.
const SIZE: usize = 1024;

/// A value that an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Text, compared exactly and case-sensitively.
    Text(String),
    /// A number; whole numbers equal their fractional form (5 = 5.0).
    Number(f64),
    /// A truth value.
    Flag(bool),
}

/// What a value is ordered against.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Bound {
    /// Text, by its Unicode scalars.
    Text(String),
    /// A number.
    Number(f64),
}

/// How a value lies to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Greater than.
    Greater,
    /// Greater than or equal to.
    AtLeast,
    /// Less than.
    Less,
    /// Less than or equal to.
    AtMost,
}

/// Which chunks may be returned, by their file's attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// The attribute is one of these (`eq`, `in`).
    In(String, Vec<Operand>),
    /// The attribute is none of these, or missing (`ne`, `nin`).
    NotIn(String, Vec<Operand>),
    /// The attribute is of the bound's type and lies so to it (`gt gte lt lte`).
    Range(String, Order, Bound),
    /// The point may be read by one of these principals: set by the program for its
    /// caller, and no part of the form that callers write.
    Readable(Principals),
    /// All hold; true when empty.
    And(Vec<Filter>),
    /// At least one holds; false when empty.
    Or(Vec<Filter>),
}

impl Operand {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            _ => None,
        }
    }
}

impl Filter {
    /// Reads OpenAI's form. An error names the place and what is expected there.
    pub fn parse(value: &Value) -> Result<Self> {
        Reader { left: SIZE }.read(value, "filters", 0)
    }

    /// This filter, for a caller who is `principals`: what they may not read is as
    /// good as not there.
    #[must_use]
    pub fn readable_by(filter: Option<Self>, principals: Principals) -> Self {
        Self::And(std::iter::once(Self::Readable(principals)).chain(filter).collect())
    }

    /// Whether a file with these attributes passes; its id counts if it is among them as
    /// [`FILE_ID`].
    pub fn matches(&self, attributes: &Map<String, Value>) -> bool {
        let value = |key: &str| attributes.get(key).and_then(Operand::of);
        match self {
            Self::In(key, operands) => value(key).is_some_and(|held| operands.contains(&held)),
            Self::NotIn(key, operands) => value(key).is_none_or(|held| !operands.contains(&held)),
            Self::Range(key, order, bound) => {
                value(key).and_then(|held| bound.order_of(&held)).is_some_and(|to| order.holds(to))
            }
            Self::Readable(caller) => Principals::read(attributes).meet(caller),
            Self::And(filters) => filters.iter().all(|filter| filter.matches(attributes)),
            Self::Or(filters) => filters.iter().any(|filter| filter.matches(attributes)),
        }
    }
}

impl Bound {
    /// How `held` lies to this; none if it is of another type.
    fn order_of(&self, held: &Operand) -> Option<Ordering> {
        match (held, self) {
            (Operand::Text(held), Self::Text(bound)) => Some(held.cmp(bound)),
            (Operand::Number(held), Self::Number(bound)) => held.partial_cmp(bound),
            _ => None,
        }
    }
}

impl Order {
    /// Whether something that lies `to` a bound lies so.
    pub(crate) fn holds(self, to: Ordering) -> bool {
        match self {
            Self::Greater => to.is_gt(),
            Self::AtLeast => to.is_ge(),
            Self::Less => to.is_lt(),
            Self::AtMost => to.is_le(),
        }
    }
}

/// Reads a filter while counting what it may still hold.
struct Reader {
    left: usize,
}

impl Reader {
    fn read(&mut self, value: &Value, at: &str, depth: usize) -> Result<Filter> {
        let Value::Object(object) = value else {
            return Err(wrong(at, "must be an object with a 'type'"));
        };
        if depth > DEPTH {
            return Err(wrong(at, format!("is nested more than {DEPTH} levels deep")));
        }
        let Some(kind) = object.get("type").and_then(Value::as_str) else {
            return Err(wrong(at, "needs a 'type': eq, ne, gt, gte, lt, lte, in, nin, and, or"));
        };
        match kind {
            "and" => self.read_all(object, at, depth).map(Filter::And),
            "or" => self.read_all(object, at, depth).map(Filter::Or),
            _ => self.read_comparison(kind, object, at),
        }
    }

    fn read_all(
        &mut self,
        object: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Result<Vec<Filter>> {
        let Some(Value::Array(filters)) = object.get("filters") else {
            return Err(wrong(at, "needs 'filters', a list of filters"));
        };
        if filters.is_empty() {
            return Err(wrong(at, "needs at least one filter in 'filters'"));
        }
        let read = |(n, filter): (usize, &Value)| {
            self.read(filter, &format!("{at}.filters[{n}]"), depth + 1)
        };
        filters.iter().enumerate().map(read).collect()
    }

    fn read_comparison(
        &mut self,
        kind: &str,
        object: &Map<String, Value>,
        at: &str,
    ) -> Result<Filter> {
        let Some(key) = object.get("key").and_then(Value::as_str) else {
            return Err(wrong(at, "needs a 'key', the attribute's name"));
        };
        let Some(value) = object.get("value") else {
            return Err(wrong(at, "needs a 'value' to compare with"));
        };
        let key = key.to_owned();
        match kind {
            "eq" => Ok(Filter::In(key, vec![self.operand(value, at)?])),
            "ne" => Ok(Filter::NotIn(key, vec![self.operand(value, at)?])),
            "in" => Ok(Filter::In(key, self.operands(value, at)?)),
            "nin" => Ok(Filter::NotIn(key, self.operands(value, at)?)),
            "gt" => self.range(key, Order::Greater, value, at),
            "gte" => self.range(key, Order::AtLeast, value, at),
            "lt" => self.range(key, Order::Less, value, at),
            "lte" => self.range(key, Order::AtMost, value, at),
            other => Err(wrong(
                at,
                format!(
                    "has the unknown type '{other}'; the types are eq, ne, gt, gte, lt, lte, in, nin, and, or"
                ),
            )),
        }
    }

    fn operand(&mut self, value: &Value, at: &str) -> Result<Operand> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| wrong(at, format!("takes the filter past {SIZE} values")))?;
        Operand::of(value).ok_or_else(|| wrong(at, "must compare with a string, number or boolean"))
    }

    fn operands(&mut self, value: &Value, at: &str) -> Result<Vec<Operand>> {
        let Value::Array(values) = value else {
            return Err(wrong(at, "needs a list as its 'value'"));
        };
        values.iter().map(|value| self.operand(value, at)).collect()
    }

    fn range(&mut self, key: String, order: Order, value: &Value, at: &str) -> Result<Filter> {
        let bound = match self.operand(value, at)? {
            Operand::Text(text) => Bound::Text(text),
            Operand::Number(number) => Bound::Number(number),
            Operand::Flag(_) => {
                return Err(wrong(
                    at,
                    "needs a number or a string as its 'value'; true and false are not ordered",
                ));
            }
        };
        Ok(Filter::Range(key, order, bound))
    }
}

fn wrong(at: &str, problem: impl fmt::Display) -> Error {
    Error::invalid(format!("'{at}' {problem}")).with_param(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(filter: &Value, attributes: &Value) -> bool {
        Filter::parse(filter).unwrap().matches(attributes.as_object().unwrap())
    }

    #[test]
    fn comparisons_know_types() {
        let cases = [
            (json!({"type":"eq","key":"a","value":5}), json!({"a":5.0}), true),
            (json!({"type":"eq","key":"a","value":"5"}), json!({"a":5}), false),
            (json!({"type":"eq","key":"a","value":true}), json!({"a":true}), true),
            (json!({"type":"ne","key":"a","value":1}), json!({}), true),
            (json!({"type":"ne","key":"a","value":1}), json!({"a":"1"}), true),
            (json!({"type":"gt","key":"a","value":1}), json!({"a":1}), false),
            (json!({"type":"gte","key":"a","value":1}), json!({"a":1}), true),
            (json!({"type":"lt","key":"a","value":1}), json!({}), false),
            (json!({"type":"lte","key":"a","value":1}), json!({"a":"0"}), false),
            (json!({"type":"lte","key":"a","value":"9"}), json!({"a":0}), false),
            (json!({"type":"gte","key":"a","value":""}), json!({}), false),
            (json!({"type":"in","key":"a","value":["x",2]}), json!({"a":2}), true),
            (json!({"type":"in","key":"a","value":[]}), json!({"a":2}), false),
            (json!({"type":"nin","key":"a","value":["x"]}), json!({"b":"x"}), true),
            (json!({"type":"nin","key":"a","value":[]}), json!({"a":2}), true),
        ];
        for (filter, attributes, expected) in cases {
            assert_eq!(holds(&filter, &attributes), expected, "{filter} {attributes}");
        }
    }

    #[test]
    fn texts_are_ordered_by_their_characters() {
        let ascending = [
            "",
            "2023-12-31",
            "2024-01",
            "2024-01-05",
            "2024-01-05T10:00",
            "2024-1-5",
            "B",
            "a",
            "ab",
            "ä",
            "\u{ffff}",
            "\u{10000}",
        ];
        for (at, held) in ascending.iter().enumerate() {
            for (to, bound) in ascending.iter().enumerate() {
                for (kind, expected) in
                    [("gt", at > to), ("gte", at >= to), ("lt", at < to), ("lte", at <= to)]
                {
                    let filter = json!({"type": kind, "key": "a", "value": bound});
                    assert_eq!(holds(&filter, &json!({"a": held})), expected, "{held} {filter}");
                }
            }
        }
    }

    #[test]
    fn compounds_nest() {
        let filter = json!({"type":"or","filters":[
            {"type":"eq","key":"a","value":1},
            {"type":"and","filters":[
                {"type":"gte","key":"b","value":2},
                {"type":"ne","key":"c","value":"x"}]}]});
        assert!(holds(&filter, &json!({"a":1,"b":0,"c":"x"})));
        assert!(holds(&filter, &json!({"b":2})));
        assert!(!holds(&filter, &json!({"b":2,"c":"x"})));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut deep = json!({"type":"eq","key":"a","value":1});
        for _ in 0..=DEPTH {
            deep = json!({"type":"and","filters":[deep]});
        }
        let many: Vec<usize> = (0..=SIZE).collect();
        let cases = [
            (json!([]), "must be an object"),
            (json!({"key":"a"}), "needs a 'type'"),
            (json!({"type":"like","key":"a","value":"x"}), "unknown type 'like'"),
            (json!({"type":"eq","value":1}), "needs a 'key'"),
            (json!({"type":"eq","key":"a"}), "needs a 'value'"),
            (json!({"type":"eq","key":"a","value":null}), "string, number or boolean"),
            (json!({"type":"gt","key":"a","value":true}), "needs a number or a string"),
            (json!({"type":"in","key":"a","value":"x"}), "needs a list"),
            (json!({"type":"and","filters":[]}), "at least one"),
            (json!({"type":"and","filters":[{"type":"or"}]}), "'filters.filters[0]' needs"),
            (json!({"type":"in","key":"a","value":many}), "past 1024"),
            (deep, "levels deep"),
        ];
        for (filter, expected) in cases {
            let error = Filter::parse(&filter).unwrap_err();
            assert!(error.message().contains(expected), "{filter}: {error}");
            assert!(error.param().is_some());
        }
    }
}
