//! What every [`Index`] must do, as plain functions over `&dyn Index`.
//!
//! An implementation's tests call [`all`] with an index of [`DIMENSIONS`], empty of
//! the stores named here; what needs a restart is tested per implementation.

use cairn_kernel::Kind;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::{Filter, Fusion, Hit, Index, Operand, Order, Point, Query};

/// Length of the vectors used here.
pub(crate) const DIMENSIONS: usize = 8;

/// A vector that depends on `seed` and has neighbours.
pub(crate) fn vector(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from(u16::try_from(state >> 48).unwrap()) / 65_536.0 - 0.5
    };
    (0..DIMENSIONS).map(|_| next()).collect()
}

/// A point of `file` with `text` and no attributes.
pub(crate) fn point(id: u64, file: &str, text: &str) -> Point {
    let (file, text) = (file.to_owned(), text.to_owned());
    Point { id, file, text, vector: vector(id), attributes: Map::new() }
}

fn ids(hits: &[Hit]) -> Vec<u64> {
    hits.iter().map(|hit| hit.id).collect()
}

fn words(text: &str) -> Query {
    Query { text: Some(text.to_owned()), ..Query::default() }
}

/// Runs the whole contract.
pub(crate) async fn all(index: &dyn Index) {
    an_unknown_store_is_empty(index).await;
    words_find_what_has_them(index).await;
    vectors_find_the_nearest(index).await;
    both_legs_give_both_scores(index).await;
    writing_twice_is_writing_once(index).await;
    deletes_are_final_and_idempotent(index).await;
    stores_are_apart(index).await;
    filters_equal_their_plain_meaning(index).await;
    nonsense_is_refused(index).await;
    readers_and_a_writer_go_together(index).await;
}

/// Nothing is found in, and nothing fails on, a store that does not exist.
pub(crate) async fn an_unknown_store_is_empty(index: &dyn Index) {
    assert_eq!(index.query("unknown", words("anything")).await.unwrap(), Vec::new());
    assert_eq!(index.ids("unknown").await.unwrap(), Vec::<u64>::new());
    assert_eq!(index.count("unknown").await.unwrap(), 0);
    index.delete("unknown", &[1]).await.unwrap();
    index.delete_file("unknown", "f").await.unwrap();
    index.flush("unknown").await.unwrap();
    index.optimise("unknown").await.unwrap();
    index.drop_store("unknown").await.unwrap();
    assert!(!index.stores().await.unwrap().contains(&"unknown".to_owned()));
}

/// BM25: rare words count more, repetition counts, inflections meet.
pub(crate) async fn words_find_what_has_them(index: &dyn Index) {
    let points = vec![
        point(1, "a", "the wing of an aircraft in flight"),
        point(2, "a", "aircraft engines, and more aircraft engines"),
        point(3, "b", "a recipe for bread"),
        point(4, "b", "x86-64 assembly for aircraft"),
    ];
    index.upsert("words", points).await.unwrap();
    let hits = index.query("words", words("Wings?")).await.unwrap();
    assert_eq!(ids(&hits), [1]);
    assert!(hits[0].score > 0.0 && hits[0].dense.is_none());
    let hits = index.query("words", words("engine of an aircraft")).await.unwrap();
    assert_eq!((hits[0].id, hits.len()), (2, 3));
    assert_eq!(ids(&index.query("words", words("x86-64")).await.unwrap()), [4]);
    assert_eq!(index.query("words", words("the of and")).await.unwrap(), Vec::new());
    assert_eq!(index.query("words", words("")).await.unwrap(), Vec::new());

    // ln(1 + (n − df + ½)/(df + ½)) · weight, with 4 documents and their mean length.
    let hits = index.query("words", words("bread")).await.unwrap();
    let expected = (1.0_f32 + 3.5 / 1.5).ln() * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 2.0 / MEAN));
    assert!((hits[0].bm25.unwrap() - expected).abs() < 1e-4, "{hits:?} {expected}");
}

/// Mean number of terms in [`words_find_what_has_them`]: 3, 5, 2 and 5 (with "x86-64"
/// beside "x86" and "64").
const MEAN: f32 = 15.0 / 4.0;

/// The dense leg: cosines, nearest first, at most as many as asked for.
pub(crate) async fn vectors_find_the_nearest(index: &dyn Index) {
    index.upsert("near", (0..50).map(|id| point(id, "f", "")).collect()).await.unwrap();
    let query = Query { dense: Some(vector(17)), limit: 5, ..Query::default() };
    let hits = index.query("near", query.clone()).await.unwrap();
    assert_eq!((hits.len(), hits[0].id), (5, 17));
    assert!((hits[0].dense.unwrap() - 1.0).abs() < 1e-4 && hits[0].bm25.is_none());
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    let none = Query { limit: 0, candidates: 0, ..query.clone() };
    assert_eq!(index.query("near", none).await.unwrap(), Vec::new());
    let deep = Query { limit: 40, candidates: 1, ..query };
    assert_eq!(index.query("near", deep).await.unwrap().len(), 40);
}

/// A hybrid query: every hit has both raw scores, whichever leg found it.
pub(crate) async fn both_legs_give_both_scores(index: &dyn Index) {
    let points = (0..40).map(|id| point(id, "f", if id % 10 == 3 { "gold" } else { "lead" }));
    index.upsert("both", points.collect()).await.unwrap();
    let query = Query {
        dense: Some(vector(8)),
        text: Some("gold".into()),
        limit: 40,
        candidates: 5,
        fusion: Fusion { dense_weight: 0.5 },
        filter: None,
    };
    let hits = index.query("both", Query { limit: 5, ..query.clone() }).await.unwrap();
    assert_eq!(hits.len(), 5);
    let all = index.query("both", query).await.unwrap();
    assert_eq!(all.len(), 40);
    for hit in hits.iter().chain(&all) {
        let cosine = cosine(&vector(8), &vector(hit.id));
        assert!((hit.dense.unwrap() - cosine).abs() < 1e-3, "{hit:?} {cosine}");
        assert_eq!(hit.bm25.unwrap() > 0.0, hit.id % 10 == 3, "{hit:?}");
        assert!((0.0..=1.0).contains(&hit.score));
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Upserting again changes nothing; upserting anew replaces.
pub(crate) async fn writing_twice_is_writing_once(index: &dyn Index) {
    let points: Vec<Point> = (1..=3).map(|id| point(id, "f", "silver coin")).collect();
    index.upsert("twice", points.clone()).await.unwrap();
    let once = index.query("twice", words("coin")).await.unwrap();
    index.upsert("twice", points).await.unwrap();
    assert_eq!(index.query("twice", words("coin")).await.unwrap(), once);
    assert_eq!(index.ids("twice").await.unwrap(), [1, 2, 3]);
    index.upsert("twice", vec![point(2, "f", "paper note")]).await.unwrap();
    assert_eq!(index.query("twice", words("coin")).await.unwrap().len(), 2);
    assert_eq!(ids(&index.query("twice", words("note")).await.unwrap()), [2]);
    assert_eq!(index.count("twice").await.unwrap(), 3);
}

/// What is deleted is not found, however often it is deleted.
pub(crate) async fn deletes_are_final_and_idempotent(index: &dyn Index) {
    let file = |id: u64| if id < 6 { "one" } else { "two" };
    index.upsert("gone", (1..=9).map(|id| point(id, file(id), "stone")).collect()).await.unwrap();
    for _ in 0..2 {
        index.delete("gone", &[1, 2, 77]).await.unwrap();
        assert_eq!(index.ids("gone").await.unwrap(), [3, 4, 5, 6, 7, 8, 9]);
        index.flush("gone").await.unwrap();
    }
    for _ in 0..2 {
        index.delete_file("gone", "two").await.unwrap();
        assert_eq!(index.ids("gone").await.unwrap(), [3, 4, 5]);
        index.optimise("gone").await.unwrap();
    }
    let mut found = ids(&index.query("gone", words("stone")).await.unwrap());
    found.sort_unstable();
    assert_eq!(found, [3, 4, 5]);
    for _ in 0..2 {
        index.drop_store("gone").await.unwrap();
        assert_eq!(index.count("gone").await.unwrap(), 0);
    }
    index.upsert("gone", vec![point(1, "one", "again")]).await.unwrap();
    assert_eq!(index.ids("gone").await.unwrap(), [1]);
}

/// A store sees its own points only.
pub(crate) async fn stores_are_apart(index: &dyn Index) {
    index.upsert("left", vec![point(1, "f", "shared word")]).await.unwrap();
    index.upsert("right", vec![point(2, "f", "shared word")]).await.unwrap();
    index.delete("right", &[1]).await.unwrap();
    assert_eq!(ids(&index.query("left", words("shared")).await.unwrap()), [1]);
    index.drop_store("right").await.unwrap();
    assert_eq!(index.ids("left").await.unwrap(), [1]);
    let stores = index.stores().await.unwrap();
    assert!(stores.contains(&"left".to_owned()) && !stores.contains(&"right".to_owned()));
}

/// The engine's filters agree with [`Filter::matches`] on random ones.
pub(crate) async fn filters_equal_their_plain_meaning(index: &dyn Index) {
    let mut runner = TestRunner::deterministic();
    let mut files: Vec<Map<String, Value>> = Vec::new();
    for id in 0..120_u64 {
        let attributes = attributes().new_tree(&mut runner).unwrap().current();
        files.push(attributes.clone());
        let point = Point { attributes, ..point(id, &format!("file{id}"), "same text") };
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

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        prop_oneof![Just("x"), Just("X"), Just("5"), Just("ö \"q\".z")]
            .prop_map(|text| Operand::Text(text.to_owned())),
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

fn filter() -> impl Strategy<Value = Filter> {
    let order = prop_oneof![
        Just(Order::Greater),
        Just(Order::AtLeast),
        Just(Order::Less),
        Just(Order::AtMost)
    ];
    let operands = || proptest::collection::vec(operand(), 0..4);
    let leaf = prop_oneof![
        (key(), operands()).prop_map(|(key, operands)| Filter::In(key, operands)),
        (key(), operands()).prop_map(|(key, operands)| Filter::NotIn(key, operands)),
        (key(), order, -3_i8..4).prop_map(|(k, o, n)| Filter::Range(k, o, f64::from(n) / 2.0)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let filters = proptest::collection::vec(inner, 0..4);
        prop_oneof![filters.clone().prop_map(Filter::And), filters.prop_map(Filter::Or)]
    })
}

/// Wrong input is the caller's fault, is said to be, and changes nothing.
pub(crate) async fn nonsense_is_refused(index: &dyn Index) {
    index.upsert("strict", vec![point(1, "f", "text")]).await.unwrap();
    let short = Point { vector: vec![1.0], ..point(2, "f", "text") };
    let endless = Point { vector: vec![f32::NAN; DIMENSIONS], ..point(2, "f", "text") };
    let Value::Object(listed) = json!({"tags": ["x"]}) else { panic!() };
    let listed = Point { attributes: listed, ..point(2, "f", "text") };
    for bad in [short, endless, listed] {
        let error = index.upsert("strict", vec![point(3, "f", "text"), bad]).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
    let queries = [
        Query::default(),
        Query { dense: Some(vec![0.5; DIMENSIONS + 1]), ..Query::default() },
        Query { fusion: Fusion { dense_weight: 2.0 }, ..words("text") },
    ];
    for query in queries {
        let error = index.query("strict", query).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
    for name in ["", "..", "a/b", "a.b", &"x".repeat(121)] {
        let error = index.upsert(name, vec![point(1, "f", "text")]).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{name}");
    }
    assert_eq!(index.ids("strict").await.unwrap(), [1]);
}

/// Queries keep being answered, and rightly, while points come, go and are flushed.
pub(crate) async fn readers_and_a_writer_go_together(index: &dyn Index) {
    let steady: Vec<Point> = (0..20).map(|id| point(id, "steady", "anchor")).collect();
    index.upsert("busy", steady).await.unwrap();
    let write = async {
        for round in 0..15_u64 {
            let fresh = (0..40).map(|n| point(1000 + 40 * round + n, "fresh", "wave"));
            index.upsert("busy", fresh.collect()).await.unwrap();
            match round % 5 {
                1 => index.delete_file("busy", "fresh").await.unwrap(),
                2 => index.flush("busy").await.unwrap(),
                4 => index.optimise("busy").await.unwrap(),
                _ => {}
            }
        }
    };
    let read = || async {
        for _ in 0..150 {
            let hits = index.query("busy", Query { limit: 30, ..words("anchor") }).await.unwrap();
            assert_eq!(hits.len(), 20);
            let query = Query { dense: Some(vector(7)), ..Query::default() };
            assert_eq!(index.query("busy", query).await.unwrap()[0].id, 7);
        }
    };
    tokio::join!(write, read(), read());
    assert_eq!(index.count("busy").await.unwrap(), 20 + 40 * 3);
}
