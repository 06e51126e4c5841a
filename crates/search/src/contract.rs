//! What every [`Index`] must do, as plain functions over `&dyn Index`.
//!
//! An implementation's tests call [`all`] with an index of [`DIMENSIONS`], empty of
//! the stores named here; what needs a restart is tested per implementation.

mod filters;
mod languages;

use std::collections::HashSet;

use cairn_kernel::Kind;
use serde_json::{Map, Value, json};

use crate::{
    Filter, Found, Fusion, Hit, Index, Language, Operand, Point, Principals, Query, Ranking,
};

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
    filters::filters_equal_their_plain_meaning(index).await;
    filters::texts_are_ordered(index).await;
    filters::a_file_is_named_by_its_id(index).await;
    unreadable_points_are_as_good_as_not_there(index).await;
    hits_explain_themselves(index).await;
    candidates_are_what_the_legs_found(index).await;
    words_are_counted(index).await;
    languages::each_store_has_its_language(index).await;
    languages::a_guessed_language_is_settled_later(index).await;
    each_store_has_its_dimensions(index).await;
    a_rewrite_keeps_what_is_alive(index).await;
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
    index.rewrite("unknown").await.unwrap();
    index.drop_store("unknown").await.unwrap();
    assert!(!index.stores().await.unwrap().contains(&"unknown".to_owned()));
}

/// No word of a readable chunk.
fn unseen() -> HashSet<String> {
    HashSet::new()
}

/// In how many chunks a word occurs, whatever its inflection; only readable ones have it.
pub(crate) async fn words_are_counted(index: &dyn Index) {
    let mut points: Vec<Point> =
        (1..=9).map(|id| point(id, "f", "granite quarry of the north")).collect();
    points.push(point(10, "f", "granite granite granite and slate"));
    let secret = Principals::new(["user:eve"]);
    let mut hidden = point(11, "g", "basalt");
    secret.write(&mut hidden.attributes);
    points.push(hidden);
    index.upsert("counted", points).await.unwrap();
    let asked = "Quarries of granite, slate, basalt or marble";
    let found = index.frequencies("counted", asked, None, unseen()).await.unwrap();
    assert_eq!(found.points, 11);
    let count = |term: &str| found.terms.get(term).copied().unwrap();
    for (term, expected) in
        [("quarri", 9.0), ("granit", 10.0), ("slate", 1.0), ("basalt", 1.0), ("marbl", 0.0)]
    {
        assert!((count(term) - expected).abs() < 0.1, "{term}: {} of {expected}", count(term));
    }
    let public = Some(Filter::readable_by(None, Principals::new(["public", "user:bob"])));
    let seen = index.frequencies("counted", asked, public, unseen()).await.unwrap();
    assert!(seen.is_absent("basalt") && !seen.is_absent("slate"));
    let nobody = || Some(Filter::readable_by(None, Principals::new(["user:nobody"])));
    let hidden = index.frequencies("counted", asked, nobody(), unseen()).await.unwrap();
    assert!(hidden.terms.values().all(|count| *count <= 0.0), "{hidden:?}");
    // What is said to have been seen is not looked for, but it is counted.
    let told = HashSet::from(["slate".to_owned(), "marbl".to_owned()]);
    let told = index.frequencies("counted", asked, nobody(), told).await.unwrap();
    assert!(!told.is_absent("slate") && told.is_absent("granit") && told.is_absent("marbl"));
    // What is written and removed counts from then on.
    index.upsert("counted", vec![point(12, "h", "marble and slate")]).await.unwrap();
    let more = index.frequencies("counted", asked, None, unseen()).await.unwrap();
    assert!(!more.is_absent("marbl") && more.terms["slate"] > 1.5);
    index.delete("counted", &[12]).await.unwrap();
    index.delete_file("counted", "g").await.unwrap();
    let fewer = index.frequencies("counted", asked, None, unseen()).await.unwrap();
    assert!(fewer.is_absent("marbl") && fewer.is_absent("basalt") && !fewer.is_absent("slate"));
    let nothing = index.frequencies("unknown", asked, None, unseen()).await.unwrap();
    assert!(nothing.terms.is_empty() && nothing.points == 0);
    index.drop_store("counted").await.unwrap();
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
    let expected = (1.0_f32 + 3.5 / 1.5).ln() * 2.5 / (1.0 + 1.5 * (0.25 + 0.75 * 2.0 / MEAN));
    assert!((hits[0].bm25.unwrap() - expected).abs() < 1e-4, "{hits:?} {expected}");
}

/// Mean number of terms in [`words_find_what_has_them`]: 3, 4, 2 and 5 (with "x86-64"
/// beside "x86" and "64").
const MEAN: f32 = 14.0 / 4.0;

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

/// Access lists: a caller sees what one of its principals may read, in both legs, beside
/// any filter, after changes and rebuilds, and always as many as there are.
pub(crate) async fn unreadable_points_are_as_good_as_not_there(index: &dyn Index) {
    // Of each hundred points 1 is ada's, 10 the engineers', 20 nobody's, the rest public.
    let readers = |id: u64| match id % 100 {
        7 => Some(Principals::new(["user:ada"])),
        10..20 => Some(Principals::new(["group:engineers", "user:bob"])),
        20..40 => Some(Principals::default()),
        40..50 => Some(Principals::public()),
        _ => None,
    };
    let grant = |id: u64| {
        let mut attributes = Map::from_iter([("parity".to_owned(), json!(id % 2))]);
        if let Some(readers) = readers(id) {
            readers.write(&mut attributes);
        }
        attributes
    };
    let points: Vec<Point> = (0..600)
        .map(|id| Point { attributes: grant(id), ..point(id, "f", "shared secret") })
        .collect();
    index.upsert("access", points).await.unwrap();
    let callers = [
        Principals::default(),
        Principals::public(),
        Principals::new(["user:ada"]),
        Principals::new(["public", "user:ada", "group:engineers"]),
        Principals::new(["user:eve", "group:ghosts"]),
        Principals::new(["user:ad", "USER:ADA", "user:ada "]),
    ];
    for round in 0..2 {
        for caller in &callers {
            for parity in [None, Some(Filter::In("parity".into(), vec![Operand::Number(1.0)]))] {
                let filter = Filter::readable_by(parity.clone(), caller.clone());
                let expected: Vec<u64> =
                    (0..600).filter(|id| filter.matches(&grant(*id))).collect();
                for (dense, text) in [
                    (Some(vector(5)), None),
                    (None, Some("secret".to_owned())),
                    (Some(vector(5)), Some("secret".to_owned())),
                ] {
                    let query = Query {
                        dense: dense.clone(),
                        text: text.clone(),
                        limit: 1000,
                        filter: Some(filter.clone()),
                        ..Query::default()
                    };
                    let mut found = ids(&index.query("access", query.clone()).await.unwrap());
                    found.sort_unstable();
                    assert_eq!(found, expected, "round {round} {caller:?} {parity:?}");
                    // However few the caller wants, it gets them.
                    let query = Query { limit: 5, candidates: 5, ..query };
                    let few = index.query("access", query).await.unwrap();
                    assert_eq!(few.len(), expected.len().min(5), "{caller:?} {dense:?} {text:?}");
                }
            }
        }
        index.optimise("access").await.unwrap();
    }
    // Taking a right away takes effect with the write.
    let ada = Filter::readable_by(None, Principals::new(["user:ada"]));
    let query = Query { filter: Some(ada), ..words("secret") };
    let mut attributes = Map::new();
    Principals::new(["user:bob"]).write(&mut attributes);
    index.upsert("access", vec![Point { attributes, ..point(7, "f", "secret") }]).await.unwrap();
    let mut found = ids(&index.query("access", query).await.unwrap());
    found.sort_unstable();
    assert_eq!(found, [107, 207, 307, 407, 507]);
    // A user's attribute of the reserved name is an attribute and grants nothing.
    let forged = Map::from_iter([(crate::PRINCIPALS.to_owned(), json!("user:eve"))]);
    index
        .upsert("access", vec![Point { attributes: forged, ..point(900, "f", "forged") }])
        .await
        .unwrap();
    let eve = Filter::readable_by(None, Principals::new(["user:eve"]));
    let query = Query { filter: Some(eve), ..words("forged") };
    assert_eq!(index.query("access", query).await.unwrap(), Vec::new());
}

/// Every hit says how it came to its score, and the search what took how long.
pub(crate) async fn hits_explain_themselves(index: &dyn Index) {
    let text = |id: u64| if id % 10 == 3 { "gold vein" } else { "lead pipe" };
    index.upsert("why", (0..60).map(|id| point(id, "f", text(id))).collect()).await.unwrap();
    let query = Query { dense: Some(vector(8)), text: Some("gold".into()), ..Query::default() };
    let ranking = Ranking { dense_weight: 0.3, spread: 0.4, late: 0.0 };
    let Found { hits, points, took } = index.search("why", query.clone(), ranking).await.unwrap();
    assert_eq!((hits.len(), points), (10, 60));
    for hit in &hits {
        let explain = &hit.explain;
        assert!(explain.dense_place.is_some());
        assert_eq!(explain.bm25_place.is_some(), hit.id % 10 == 3, "{hit:?}");
        let fused = 0.3 * explain.dense + 0.7 * explain.bm25;
        assert!((explain.fused - fused).abs() < 1e-5, "{hit:?}");
        assert!(explain.spread.is_some() && explain.late.is_none(), "{hit:?}");
    }
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    let steps = took.dense_ms + took.bm25_ms + took.lookup_ms + took.vectors_ms + took.rank_ms;
    assert!(steps > 0.0 && steps <= took.total_ms, "{took:?}");
    let plain = Ranking { spread: 0.0, ..ranking };
    let Found { hits, .. } = index.search("why", query.clone(), plain).await.unwrap();
    assert!(hits.iter().all(|hit| hit.score == hit.explain.fused && hit.explain.spread.is_none()));
    let wrong = Ranking { spread: 2.0, ..ranking };
    assert_eq!(index.search("why", query, wrong).await.unwrap_err().kind(), Kind::Invalid);
}

/// The candidates carry all that a ranking looks at: ranking them is searching.
pub(crate) async fn candidates_are_what_the_legs_found(index: &dyn Index) {
    let text = |id: u64| if id % 7 == 3 { "copper wire" } else { "tin can" };
    index.upsert("legs", (0..90).map(|id| point(id, "f", text(id))).collect()).await.unwrap();
    let query = Query {
        dense: Some(vector(8)),
        text: Some("copper".into()),
        candidates: 30,
        ..Query::default()
    };
    let found = index.candidates("legs", query.clone()).await.unwrap();
    assert!((30..=43).contains(&found.len()), "{}", found.len());
    for candidate in &found {
        let cosine = cosine(&candidate.vector, &vector(8));
        assert!((candidate.dense.unwrap() - cosine).abs() < 1e-3, "{candidate:?}");
        assert_eq!(candidate.bm25.unwrap() > 0.0, candidate.id % 7 == 3);
    }
    for ranking in [Ranking::default(), Ranking { dense_weight: 0.8, spread: 0.5, late: 0.0 }] {
        let ranked = crate::rank(&found, &ranking, 10);
        let Found { hits, .. } = index.search("legs", query.clone(), ranking).await.unwrap();
        for (one, other) in ranked.iter().zip(&hits) {
            assert!((one.score - other.score).abs() < 1e-4, "{one:?} {other:?}");
        }
    }
    assert_eq!(index.candidates("unknown", query).await.unwrap(), Vec::new());
}

/// A store's vectors are as long as its first ones, or as it was made for; each store has
/// its own length, and vectors of another are refused there, in writing and in asking.
pub(crate) async fn each_store_has_its_dimensions(index: &dyn Index) {
    let short = |id: u64, x: f32| Point { vector: vec![x, 1.0, 0.0], ..point(id, "f", "a stone") };
    index.upsert("three", vec![short(1, 0.1), short(2, 0.9)]).await.unwrap();
    index.upsert("usual", vec![point(1, "f", "a stone")]).await.unwrap();
    let near = |vector: Vec<f32>| Query { dense: Some(vector), ..words("stone") };
    let hits = index.query("three", near(vec![1.0, 1.0, 0.0])).await.unwrap();
    assert_eq!(ids(&hits), [2, 1]);
    assert_eq!(ids(&index.query("usual", near(vector(1))).await.unwrap()), [1]);
    for (store, vector) in [("three", vector(1)), ("usual", vec![1.0, 1.0, 0.0])] {
        let refused = index.query(store, near(vector.clone())).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Invalid, "{store}: {refused}");
        let point = Point { vector, ..point(3, "f", "a stone") };
        let refused = index.upsert(store, vec![point]).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Invalid, "{store}: {refused}");
    }
    index.rewrite("three").await.unwrap();
    index.upsert("three", vec![short(3, 0.5)]).await.unwrap();
    assert_eq!(index.count("three").await.unwrap(), 3);
    index.create("two", Language::English, Some(2)).await.unwrap();
    assert!(index.upsert("two", vec![short(1, 0.1)]).await.is_err());
    let error = index.create("two", Language::English, Some(3)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
}

/// A rewrite keeps the points that are alive, with their readers, attributes and language.
pub(crate) async fn a_rewrite_keeps_what_is_alive(index: &dyn Index) {
    index.create("anew", Language::German, None).await.unwrap();
    let points = (0..60).map(|id| {
        let mut point = point(id, &format!("f{}", id % 3), "Häuser der Stadt");
        point.attributes.insert("half".into(), (id % 2).into());
        if id % 5 == 0 {
            Principals::new(["user:ada"]).write(&mut point.attributes);
        }
        point
    });
    index.upsert("anew", points.collect()).await.unwrap();
    index.delete_file("anew", "f1").await.unwrap();
    index.delete("anew", &[2]).await.unwrap();
    let half = Filter::In("half".into(), vec![Operand::Number(1.0)]);
    let queries = [
        None,
        Some(half.clone()),
        Some(Filter::readable_by(None, Principals::public())),
        Some(Filter::readable_by(Some(half), Principals::new(["user:ada"]))),
    ]
    .map(|filter| Query { filter, limit: 100, ..words("Haus") });
    let mut before = Vec::new();
    for query in &queries {
        let mut found = ids(&index.query("anew", query.clone()).await.unwrap());
        found.sort_unstable();
        assert!(!found.is_empty(), "{query:?}");
        before.push(found);
    }
    for _ in 0..2 {
        index.rewrite("anew").await.unwrap();
        assert_eq!(index.count("anew").await.unwrap(), 39);
        assert_eq!(index.language("anew").await.unwrap(), Some(Language::German));
        for (query, before) in queries.iter().zip(&before) {
            let mut found = ids(&index.query("anew", query.clone()).await.unwrap());
            found.sort_unstable();
            assert_eq!(&found, before, "{query:?}");
        }
    }
    let dense = Query { dense: Some(vector(3)), limit: 1, ..Query::default() };
    assert_eq!(ids(&index.query("anew", dense).await.unwrap()), [3]);
    index.upsert("anew", vec![point(60, "f", "Dächer")]).await.unwrap();
    assert_eq!(ids(&index.query("anew", words("Dach")).await.unwrap()), [60]);
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
