//! How attributes and filters look to the engine.
//!
//! An attribute becomes a payload field named by its type and its key
//! (`s_` text, `n_` number, `b_` flag), so that each field has one type and one
//! payload index, whatever mixture the files have. Characters of the key other than
//! ASCII letters, digits and `-` are written as `_` and two hexadecimal digits per
//! byte, for the engine's path syntax has no escape. The file's id has a field of its own.
//!
//! The engine orders numbers and not texts. A range over texts becomes the list of those
//! texts of the field that lie in it: an index of a field knows each text once, however
//! many points have it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cairn_kernel::{Error, Result};
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    BoolIndexParams, Condition, FieldCondition, Filter as EngineFilter, FloatIndexParams,
    HasIdCondition, JsonPath, KeywordIndexParams, Match, PayloadFieldSchema, PayloadSchemaParams,
    PointId, Range,
};
use serde_json::{Map, Value};

use crate::access::{self, Principals};
use crate::filter::{Bound, FILE_ID, Filter, Operand, Order};

/// The file a point belongs to.
pub(super) const FILE: &str = "file";
/// Who may read a point: a list of names, and every point has one.
pub(super) const PRINCIPALS: &str = "principals";
/// How many terms the point's text has.
pub(super) const LENGTH: &str = "length";
/// The mean length its terms were weighed with.
pub(super) const AVERAGE: &str = "average";

/// Gives every text that points have in a field, each once.
pub(super) type Texts<'a> = dyn Fn(&str) -> Result<Vec<String>> + 'a;

fn field(operand: &Operand, key: &str) -> String {
    let kind = match operand {
        Operand::Text(_) if key == FILE_ID => return FILE.to_owned(),
        Operand::Text(_) => 's',
        Operand::Number(_) => 'n',
        Operand::Flag(_) => 'b',
    };
    let mut name = format!("{kind}_");
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "_{byte:02x}");
        }
    }
    name
}

/// The path of a top-level field.
pub(super) fn path(name: &str) -> JsonPath {
    JsonPath { first_key: name.to_owned(), rest: Vec::new() }
}

/// The payload index for a field, by its name's first letter.
pub(super) fn schema(name: &str) -> PayloadFieldSchema {
    let params = if name.starts_with("n_") {
        PayloadSchemaParams::Float(FloatIndexParams::default())
    } else if name.starts_with("b_") {
        PayloadSchemaParams::Bool(BoolIndexParams::default())
    } else {
        PayloadSchemaParams::Keyword(KeywordIndexParams {
            enable_hnsw: (name == FILE).then_some(false),
            ..KeywordIndexParams::default()
        })
    };
    PayloadFieldSchema::FieldParams(params)
}

/// A file's attributes as payload fields.
pub(super) fn payload(attributes: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let readers = Principals::read(attributes).names().iter().cloned().map(Value::String).collect();
    fields.insert(PRINCIPALS.to_owned(), Value::Array(readers));
    for (key, value) in attributes {
        if (key == access::PRINCIPALS && value.is_array()) || key == FILE_ID {
            continue;
        }
        let operand = Operand::of(value).ok_or_else(|| {
            Error::invalid(format!("the attribute '{key}' must be a string, number or boolean"))
                .with_param("attributes")
        })?;
        fields.insert(field(&operand, key), value.clone());
    }
    Ok(fields)
}

/// The engine's form of `filter`, for points whose fields have these `texts`.
pub(super) fn filter(filter: &Filter, texts: &Texts<'_>) -> Result<EngineFilter> {
    Ok(match filter {
        Filter::In(key, operands) => either(any_of(key, operands)),
        Filter::NotIn(key, operands) => EngineFilter {
            should: None,
            min_should: None,
            must: None,
            must_not: Some(any_of(key, operands)),
        },
        Filter::Range(key, order, Bound::Number(bound)) => {
            let name = field(&Operand::Number(*bound), key);
            EngineFilter::new_must(number(&name, range(*order, *bound)))
        }
        Filter::Range(key, order, Bound::Text(bound)) => {
            within(key, &[(*order, bound.as_str())], texts)?
        }
        Filter::Readable(caller) => either(readable(caller)),
        Filter::And(filters) => all_of(filters, texts)?,
        Filter::Or(filters) => {
            let any: Result<Vec<Condition>> =
                filters.iter().map(|inner| self::filter(inner, texts).map(nested)).collect();
            EngineFilter {
                should: Some(never().into_iter().chain(any?).collect()),
                min_should: None,
                must: None,
                must_not: None,
            }
        }
    })
}

/// All of `filters`. Ranges over the texts of one key are looked up together, since what lies
/// between two dates is often little of what lies beyond either.
fn all_of(filters: &[Filter], texts: &Texts<'_>) -> Result<EngineFilter> {
    let mut spans: BTreeMap<&str, Vec<(Order, &str)>> = BTreeMap::new();
    let mut must = Vec::with_capacity(filters.len());
    for inner in filters {
        match inner {
            Filter::Range(key, order, Bound::Text(bound)) => {
                spans.entry(key.as_str()).or_default().push((*order, bound.as_str()));
            }
            other => must.push(nested(filter(other, texts)?)),
        }
    }
    for (key, bounds) in spans {
        must.push(nested(within(key, &bounds, texts)?));
    }
    Ok(EngineFilter { should: None, min_should: None, must: Some(must), must_not: None })
}

/// Points whose text lies so to all of `bounds`.
fn within(key: &str, bounds: &[(Order, &str)], texts: &Texts<'_>) -> Result<EngineFilter> {
    let name = field(&Operand::Text(String::new()), key);
    let mut held = texts(&name)?;
    held.retain(|text| bounds.iter().all(|(order, bound)| order.holds(text.as_str().cmp(bound))));
    let any = (!held.is_empty()).then(|| one_of(&name, held));
    Ok(either(any.into_iter().collect()))
}

/// Points of one file.
pub(super) fn of_file(file: &str) -> EngineFilter {
    EngineFilter::new_must(Condition::Field(FieldCondition::new_match(
        path(FILE),
        Match::from(file.to_owned()),
    )))
}

/// Points with one of these ids.
pub(super) fn of_ids(ids: impl IntoIterator<Item = u64>) -> EngineFilter {
    let ids: HasIdCondition = ids.into_iter().map(PointId::NumId).collect();
    EngineFilter::new_must(Condition::HasId(ids))
}

/// One of `conditions`. A lone one is a plain `must`: the engine evaluates that for
/// every point it passes, and a nest of filters around it costs time.
fn either(conditions: Vec<Condition>) -> EngineFilter {
    let should = match <[Condition; 1]>::try_from(conditions) {
        Ok([only]) => return EngineFilter::new_must(only),
        Err(none) if none.is_empty() => never().into_iter().collect(),
        Err(several) => several,
    };
    EngineFilter { should: Some(should), min_should: None, must: None, must_not: None }
}

fn nested(inner: EngineFilter) -> Condition {
    match inner {
        EngineFilter { should: None, min_should: None, must: Some(mut must), must_not: None }
            if must.len() == 1 =>
        {
            must.swap_remove(0)
        }
        several => Condition::Filter(several),
    }
}

/// A condition that nothing meets: the engine takes an empty `should` for true.
fn never() -> Option<Condition> {
    Some(Condition::HasId(std::iter::empty::<PointId>().collect()))
}

/// A caller who is nobody meets nothing.
fn readable(caller: &Principals) -> Vec<Condition> {
    if caller.names().is_empty() {
        return Vec::new();
    }
    vec![one_of(PRINCIPALS, caller.names().to_vec())]
}

fn any_of(key: &str, operands: &[Operand]) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let mut texts = Vec::new();
    for operand in operands {
        let name = field(operand, key);
        match operand {
            Operand::Text(text) => texts.push(text.clone()),
            Operand::Flag(flag) => conditions
                .push(Condition::Field(FieldCondition::new_match(path(&name), Match::from(*flag)))),
            Operand::Number(value) => {
                let value = Some(OrderedFloat(*value));
                let exactly = Range { lt: None, gt: None, gte: value, lte: value };
                conditions.push(number(&name, exactly));
            }
        }
    }
    if !texts.is_empty() {
        conditions.push(one_of(&field(&Operand::Text(String::new()), key), texts));
    }
    conditions
}

fn one_of(name: &str, texts: Vec<String>) -> Condition {
    Condition::Field(FieldCondition::new_match(path(name), Match::from(texts)))
}

fn number(name: &str, range: Range<OrderedFloat<f64>>) -> Condition {
    Condition::Field(FieldCondition::new_range(path(name), range))
}

fn range(order: Order, bound: f64) -> Range<OrderedFloat<f64>> {
    let mut range = Range { lt: None, gt: None, gte: None, lte: None };
    let bound = Some(OrderedFloat(bound));
    match order {
        Order::Greater => range.gt = bound,
        Order::AtLeast => range.gte = bound,
        Order::Less => range.lt = bound,
        Order::AtMost => range.lte = bound,
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_characters_become_distinct_plain_names() {
        let names: Vec<String> = ["a.b", "a_b", "a b", "a\"b", "a_2eb", "año", ""]
            .iter()
            .map(|key| field(&Operand::Flag(true), key))
            .collect();
        for (n, name) in names.iter().enumerate() {
            assert!(!names[..n].contains(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
            assert_eq!(name.parse::<JsonPath>().unwrap(), path(name));
        }
    }

    #[test]
    fn the_id_of_a_file_is_the_programs_to_tell() {
        let forged = serde_json::json!({"cairn.file_id": "file-1", "year": 5});
        let fields = payload(forged.as_object().unwrap()).unwrap();
        assert!(fields.len() == 2 && fields.contains_key("n_year"), "{fields:?}");
        assert_eq!(field(&Operand::Text(String::new()), FILE_ID), FILE);
    }

    #[test]
    fn bounds_of_one_key_are_looked_up_together() {
        let texts = |name: &str| {
            assert_eq!(name, "s_day");
            Ok(["2024-05-01", "2023-01-01", "2024-02-03"].map(str::to_owned).to_vec())
        };
        let bound =
            |order, text: &str| Filter::Range("day".into(), order, Bound::Text(text.into()));
        let year = Filter::And(vec![bound(Order::AtLeast, "2024"), bound(Order::Less, "2024-05")]);
        let only = one_of("s_day", vec!["2024-02-03".to_owned()]);
        let found = filter(&year, &texts).unwrap();
        assert_eq!(found.must, Some(vec![only]));
        let none = filter(&bound(Order::Greater, "2025"), &texts).unwrap();
        assert_eq!(none.should, Some(never().into_iter().collect()));
    }

    #[test]
    fn only_plain_values_are_attributes() {
        let nested = serde_json::json!({"ok": 1, "list": [1]});
        let error = payload(nested.as_object().unwrap()).unwrap_err();
        assert!(error.message().contains("'list'"), "{error}");
    }
}
