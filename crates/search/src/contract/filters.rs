//! Filters: what they mean does not depend on how an index answers them.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::{ids, point, vector, words};
use crate::filter::FILE_ID;
use crate::{Bound, Filter, Index, Operand, Order, Point, Query};

/// The engine's filters agree with [`Filter::matches`] on random ones.
pub(crate) async fn filters_equal_their_plain_meaning(index: &dyn Index) {
    let mut runner = TestRunner::deterministic();
    let mut files: Vec<Map<String, Value>> = Vec::new();
    for id in 0..120_u64 {
        let attributes = attributes().new_tree(&mut runner).unwrap().current();
        let file = format!("file{}", id / 3);
        let point = Point { attributes: attributes.clone(), ..point(id, &file, "same text") };
        files.push(attributes.into_iter().chain([(FILE_ID.to_owned(), json!(file))]).collect());
        index.upsert("filter", vec![point]).await.unwrap();
    }
    let (mut some, mut none) = (0, 0);
    for round in 0..300 {
        if round == 200 {
            index.optimise("filter").await.unwrap();
        }
        let filter = filter().new_tree(&mut runner).unwrap().current();
        let passes = |id: &u64| filter.matches(&files[usize::try_from(*id).unwrap()]);
        let expected: Vec<u64> = (0..120).filter(passes).collect();
        if expected.is_empty() {
            none += 1;
        } else {
            some += 1;
        }
        for (dense, text) in [(Some(vector(5)), None), (None, Some("text".to_owned()))] {
            let only = Some(filter.clone());
            let query = Query { dense, text, limit: 200, filter: only, ..Query::default() };
            let mut found = ids(&index.query("filter", query).await.unwrap());
            found.sort_unstable();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
    assert!(some > 50 && none > 10, "{some} filters matched something, {none} nothing");
}

fn text() -> impl Strategy<Value = String> {
    let texts = vec!["x", "X", "5", "ö \"q\".z", "", "2024-05", "2024-05-01", "2024-05-01T10:00"];
    select(texts).prop_map(str::to_owned)
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        text().prop_map(Operand::Text),
        (-3_i8..4).prop_map(|n| Operand::Number(f64::from(n) / 2.0)),
        any::<bool>().prop_map(Operand::Flag),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b.c"), Just("b_c"), Just("d \"e\"")].prop_map(str::to_owned)
}

fn attributes() -> impl Strategy<Value = Map<String, Value>> {
    let value = operand().prop_map(|operand| match operand {
        Operand::Text(text) => json!(text),
        Operand::Number(number) if number.fract() == 0.0 => {
            json!(format!("{number}").parse::<i64>().unwrap())
        }
        Operand::Number(number) => json!(number),
        Operand::Flag(flag) => json!(flag),
    });
    proptest::collection::btree_map(key(), value, 0..4).prop_map(|map| map.into_iter().collect())
}

fn operands_of(texts: Vec<String>) -> Vec<Operand> {
    texts.into_iter().map(Operand::Text).collect()
}

fn filter() -> impl Strategy<Value = Filter> {
    let order = || select(vec![Order::Greater, Order::AtLeast, Order::Less, Order::AtMost]);
    let bound = || {
        prop_oneof![
            (-3_i8..4).prop_map(|n| Bound::Number(f64::from(n) / 2.0)),
            text().prop_map(Bound::Text),
        ]
    };
    let file = || (0..45_u64).prop_map(|id| format!("file{id}"));
    let operands = || vec(operand(), 0..4);
    let leaf = prop_oneof![
        (key(), operands()).prop_map(|(key, operands)| Filter::In(key, operands)),
        (key(), operands()).prop_map(|(key, operands)| Filter::NotIn(key, operands)),
        (key(), order(), bound()).prop_map(|(key, order, bound)| Filter::Range(key, order, bound)),
        (order(), file()).prop_map(|(o, f)| Filter::Range(FILE_ID.into(), o, Bound::Text(f))),
        vec(file(), 0..4).prop_map(|files| Filter::In(FILE_ID.into(), operands_of(files))),
        vec(file(), 0..4).prop_map(|files| Filter::NotIn(FILE_ID.into(), operands_of(files))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let filters = vec(inner, 0..4);
        prop_oneof![filters.clone().prop_map(Filter::And), filters.prop_map(Filter::Or)]
    })
}

/// The points that pass a filter in OpenAI's form, ascending.
async fn passing(index: &dyn Index, store: &str, filter: &Value) -> Vec<u64> {
    let filter = Some(Filter::parse(filter).unwrap());
    let query = Query { filter, limit: 1000, ..words("text") };
    let mut found = ids(&index.query(store, query).await.unwrap());
    found.sort_unstable();
    found
}

/// Dates as texts: between two days, beside numbers of the same name, after a delete, a change, a
/// rebuild and a rewrite.
pub(crate) async fn texts_are_ordered(index: &dyn Index) {
    let dated = |id: u64, day: Value| {
        let attributes = Map::from_iter([("day".to_owned(), day)]);
        Point { attributes, ..point(id, &format!("file{id}"), "text") }
    };
    // 1 to 28 of each of two months, a number, and one that has no day.
    let day = |id: u64| json!(format!("2024-{:02}-{:02}", 1 + (id - 1) / 28, 1 + (id - 1) % 28));
    let mut points: Vec<Point> = (1..=56).map(|id| dated(id, day(id))).collect();
    points.extend([dated(60, json!(20_240_105)), point(61, "file61", "text")]);
    index.upsert("dated", points).await.unwrap();
    let day = |kind: &str, text: &str| json!({"type": kind, "key": "day", "value": text});
    let week =
        json!({"type": "and", "filters": [day("gte", "2024-01-25"), day("lt", "2024-02-03")]});
    for round in 0..3 {
        assert_eq!(passing(index, "dated", &week).await, [25, 26, 27, 28, 29, 30], "{round}");
        assert_eq!(passing(index, "dated", &day("lte", "2024-01-02")).await, [1, 2]);
        assert_eq!(passing(index, "dated", &day("gt", "2024-02-27")).await, [56]);
        assert_eq!(passing(index, "dated", &day("lt", "2024-01-01")).await, Vec::<u64>::new());
        assert_eq!(passing(index, "dated", &day("gte", "")).await.len(), 56);
        let other = json!({"type": "gte", "key": "night", "value": ""});
        assert_eq!(passing(index, "dated", &other).await, Vec::<u64>::new());
        match round {
            0 => index.optimise("dated").await.unwrap(),
            _ => index.rewrite("dated").await.unwrap(),
        }
    }
    let filter = Some(Filter::parse(&week).unwrap());
    let found = index.frequencies("dated", "text", filter, HashSet::new()).await.unwrap();
    assert!(!found.is_absent("text"), "{found:?}");
    index.delete("dated", &[26]).await.unwrap();
    index.upsert("dated", vec![dated(27, json!("2024-06-01"))]).await.unwrap();
    index.upsert("dated", vec![dated(57, json!("2024-01-31"))]).await.unwrap();
    assert_eq!(passing(index, "dated", &week).await, [25, 28, 29, 30, 57]);
    assert_eq!(passing(index, "dated", &day("gt", "2024-02-27")).await, [27, 56]);
    index.drop_store("dated").await.unwrap();
    assert_eq!(passing(index, "dated", &week).await, Vec::<u64>::new());
}

/// A filter names the file of a point like an attribute, whatever the file's attributes say.
pub(crate) async fn a_file_is_named_by_its_id(index: &dyn Index) {
    let forged = |id: u64| {
        let attributes = Map::from_iter([(FILE_ID.to_owned(), json!("a"))]);
        Point { attributes, ..point(id, "c", "text") }
    };
    let points = vec![point(1, "a", "text"), point(2, "b", "text"), forged(3)];
    index.upsert("named", points).await.unwrap();
    let file = |kind: &str, value: Value| json!({"type": kind, "key": FILE_ID, "value": value});
    for (filter, expected) in [
        (file("eq", json!("a")), vec![1]),
        (file("ne", json!("a")), vec![2, 3]),
        (file("in", json!(["b", "c", "d"])), vec![2, 3]),
        (file("nin", json!(["b", 5])), vec![1, 3]),
        (file("gt", json!("a")), vec![2, 3]),
        (file("eq", json!(1)), vec![]),
        (file("lt", json!(1)), vec![]),
    ] {
        assert_eq!(passing(index, "named", &filter).await, expected, "{filter}");
    }
    index.delete_file("named", "a").await.unwrap();
    assert_eq!(passing(index, "named", &file("eq", json!("a"))).await, Vec::<u64>::new());
    index.drop_store("named").await.unwrap();
}
