//! The language that a store's texts are analysed in.

use std::collections::HashMap;

use cairn_kernel::Kind;
use serde_json::json;

use super::{ids, point, vector, words};
use crate::{Filter, Index, Language, Query, Told};

/// A language that was told from few texts is a guess until there are more: then the points are
/// analysed anew, with their readers and attributes as they were.
pub(crate) async fn a_guessed_language_is_settled_later(index: &dyn Index) {
    let german = "Die Häuser der alten Stadt stehen seit dem Mittelalter an den Ufern des Flusses, \
                  und ihre Dächer sind mit roten Ziegeln gedeckt.";
    let mut first = point(1, "a", "Häuser");
    first.attributes.insert("year".into(), 1974.into());
    index.upsert("spaet", vec![first]).await.unwrap();
    assert_eq!(index.guess("spaet").await.unwrap(), Some(Language::English));
    assert_eq!(index.query("spaet", words("Haus")).await.unwrap(), Vec::new());
    index.upsert("spaet", vec![point(2, "b", german)]).await.unwrap();
    let some = HashMap::from([(1, "Häuser".to_owned())]);
    let told = Language::told(["Häuser", german]);
    assert_eq!(told, Told { language: Some(Language::German), enough: false });
    assert!(!index.analyse("spaet", told, some.clone()).await.unwrap(), "a text is missing");
    assert_eq!(index.guess("spaet").await.unwrap(), Some(Language::English));
    let mut all = some;
    all.insert(2, german.to_owned());
    let told = Told { enough: true, ..told };
    assert!(index.analyse("spaet", told, all).await.unwrap());
    assert_eq!(index.guess("spaet").await.unwrap(), None);
    assert_eq!(index.language("spaet").await.unwrap(), Some(Language::German));
    let mut found = ids(&index.query("spaet", words("das Haus")).await.unwrap());
    found.sort_unstable();
    assert_eq!(found, [1, 2]);
    let filter = Filter::parse(&json!({"type": "eq", "key": "year", "value": 1974})).unwrap();
    let asked = Query { filter: Some(filter), ..words("Haus") };
    assert_eq!(ids(&index.query("spaet", asked).await.unwrap()), [1]);
    let near = Query { dense: Some(vector(2)), limit: 1, ..Query::default() };
    assert_eq!(ids(&index.query("spaet", near).await.unwrap()), [2]);
    index.delete_file("spaet", "a").await.unwrap();
    assert_eq!(index.ids("spaet").await.unwrap(), [2]);
    assert!(!index.analyse("unknown", told, HashMap::new()).await.unwrap());
    assert_eq!(index.guess("unknown").await.unwrap(), None);
    // What is given is no guess, and makes a guess none.
    index.create("gegeben", Language::German, None).await.unwrap();
    assert_eq!(index.guess("gegeben").await.unwrap(), None);
    index.upsert("kurz", vec![point(1, "f", "short")]).await.unwrap();
    index.create("kurz", Language::English, None).await.unwrap();
    assert_eq!(index.guess("kurz").await.unwrap(), None);
}

/// A store's language is told from its first texts or given, and then stays.
pub(crate) async fn each_store_has_its_language(index: &dyn Index) {
    let german = "Die Häuser der alten Stadt stehen seit dem Mittelalter an den Ufern des Flusses, \
                  und ihre Dächer sind mit roten Ziegeln gedeckt.";
    index.upsert("stadt", vec![point(1, "f", german)]).await.unwrap();
    assert_eq!(index.language("stadt").await.unwrap(), Some(Language::German));
    assert_eq!(ids(&index.query("stadt", words("Haus")).await.unwrap()), [1]);
    assert_eq!(ids(&index.query("stadt", words("das Dach")).await.unwrap()), [1]);
    assert_eq!(index.query("stadt", words("das der")).await.unwrap(), Vec::new());
    index.create("casa", Language::Spanish, None).await.unwrap();
    index.upsert("casa", vec![point(1, "f", "canciones")]).await.unwrap();
    assert_eq!(index.language("casa").await.unwrap(), Some(Language::Spanish));
    assert_eq!(ids(&index.query("casa", words("la canción")).await.unwrap()), [1]);
    index.create("casa", Language::Spanish, None).await.unwrap();
    let error = index.create("casa", Language::English, None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    index.upsert("house", vec![point(1, "f", "short")]).await.unwrap();
    assert_eq!(index.language("house").await.unwrap(), Some(Language::English));
    assert_eq!(index.language("unknown").await.unwrap(), None);
}
