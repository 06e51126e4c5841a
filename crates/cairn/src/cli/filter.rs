//! `--filter`: conditions on the attributes of files, as the wire has them.

use serde_json::{Value, json};

/// Signs of comparison and their names, longer ones first.
const SIGNS: [(&str, &str); 6] =
    [("!=", "ne"), (">=", "gte"), ("<=", "lte"), ("=", "eq"), (">", "gt"), ("<", "lt")];

/// Reads `KEY=VALUE`, or another sign between them. A value that is a number, or `true` or
/// `false`, is meant as such; in double quotes it is text.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let how = "write KEY=VALUE, or !=, <, <=, > or >= between them, such as 'year>=2024'";
    let at = |sign: &str| text.find(sign);
    // The first sign, and of those that begin there the longest.
    let first = SIGNS.iter().filter_map(|(sign, kind)| Some((at(sign)?, *sign, *kind)));
    let found = first.min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())));
    let Some((at, sign, kind)) = found else {
        return Err(format!("'{text}' compares nothing; {how}"));
    };
    let (key, value) = (text[..at].trim(), text[at + sign.len()..].trim());
    if key.is_empty() {
        return Err(format!("'{text}' names no attribute; {how}"));
    }
    let value = value_of(value);
    if value.is_boolean() && !matches!(kind, "eq" | "ne") {
        return Err(format!("'{text}' orders {value}, which has no order; use = or !="));
    }
    Ok(json!({"type": kind, "key": key, "value": value}))
}

fn value_of(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::String(_))) => value,
        _ => Value::from(text),
    }
}

/// The file that has this id or is called so.
pub(crate) fn file(id_or_name: &str) -> Value {
    let is = |key: &str| json!({"type": "eq", "key": key, "value": id_or_name});
    json!({"type": "or", "filters": [is("cairn.file_id"), is("cairn.filename")]})
}

/// All of `filters` in one; none where there are none.
pub(crate) fn all(filters: &[Value]) -> Option<Value> {
    match filters {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(json!({"type": "and", "filters": several})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_with_the_types_that_are_meant() {
        for (text, kind, key, value) in [
            ("year=2024", "eq", "year", json!(2024)),
            ("year != 2024", "ne", "year", json!(2024)),
            ("day>=2024-05-01", "gte", "day", json!("2024-05-01")),
            ("price<-1.5", "lt", "price", json!(-1.5)),
            ("price<=0", "lte", "price", json!(0)),
            ("cairn.created_at>1735689600", "gt", "cairn.created_at", json!(1_735_689_600)),
            ("draft=false", "eq", "draft", json!(false)),
            ("number=\"5\"", "eq", "number", json!("5")),
            ("number=007", "eq", "number", json!("007")),
            ("formula=a>=b", "eq", "formula", json!("a>=b")),
            ("cairn.filename=a b.pdf", "eq", "cairn.filename", json!("a b.pdf")),
            ("note=", "eq", "note", json!("")),
            ("note=null", "eq", "note", json!("null")),
        ] {
            let expected = json!({"type": kind, "key": key, "value": value});
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for (text, said) in
            [("year", "compares nothing"), ("=5", "names no attribute"), ("draft>true", "no order")]
        {
            assert!(parse(text).is_err_and(|error| error.contains(said)), "{text}");
        }
    }

    #[test]
    fn several_conditions_hold_together() {
        let (one, other) = (json!({"type": "eq"}), file("a.pdf"));
        assert_eq!(all(&[]), None);
        assert_eq!(all(std::slice::from_ref(&one)), Some(one.clone()));
        let both = json!({"type": "and", "filters": [one, other]});
        assert_eq!(all(&[one, other]), Some(both));
    }
}
