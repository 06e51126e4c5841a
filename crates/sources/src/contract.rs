//! What every [`Source`] must do, as plain functions over a [`Place`].
//!
//! A connector's tests make a place that is empty and call [`all`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_kernel::{Kind, Result};
use futures::StreamExt as _;

use crate::{Item, Seen, Source};

/// A place that a test fills, and the source that reads it.
#[async_trait]
pub(crate) trait Place {
    /// A source of what is there now, made as for a new run.
    fn source(&self) -> Box<dyn Source>;

    /// Puts a text under a name such as `a.txt`, in the place of what it held.
    async fn put(&mut self, name: &str, text: &str);

    /// Takes away what is under a name.
    async fn remove(&mut self, name: &str);

    /// From now on a part of the listing fails; what was put before may or may not be seen.
    async fn break_listing(&mut self);
}

/// What a scan gave.
pub(crate) struct Scanned {
    /// By key.
    pub(crate) items: BTreeMap<String, (Item, Option<Bytes>)>,
    /// Keys that could not be read.
    pub(crate) failed: Vec<String>,
    /// How it ended.
    pub(crate) ended: Result<()>,
}

/// Scans, knowing nothing.
pub(crate) async fn scan(source: &dyn Source) -> Scanned {
    scan_knowing(source, &BTreeMap::new()).await
}

/// Scans, holding these versions.
pub(crate) async fn scan_knowing(source: &dyn Source, held: &BTreeMap<String, String>) -> Scanned {
    let known = |key: &str| held.get(key).cloned();
    let mut stream = source.scan(&known);
    let mut scanned = Scanned { items: BTreeMap::new(), failed: Vec::new(), ended: Ok(()) };
    while let Some(seen) = stream.next().await {
        match seen {
            Ok(Seen::Item { item, content }) => {
                let key = item.key.clone();
                let twice = scanned.items.insert(key, (item, content));
                assert!(twice.is_none(), "a key comes once: {twice:?}");
            }
            Ok(Seen::Failed { key, .. }) => scanned.failed.push(key),
            Err(error) => scanned.ended = Err(error),
        }
    }
    scanned
}

/// The bytes of an item.
pub(crate) async fn fetched(source: &dyn Source, item: &Item, limit: u64) -> Result<Bytes> {
    let mut came = Vec::new();
    source.fetch(item, limit, &mut came).await?;
    Ok(Bytes::from(came))
}

/// The texts that a scan finds, by key; those that come without content are fetched.
pub(crate) async fn texts(source: &dyn Source) -> BTreeMap<String, String> {
    let scanned = scan(source).await;
    scanned.ended.expect("a whole listing");
    assert!(scanned.failed.is_empty(), "{:?}", scanned.failed);
    let mut found = BTreeMap::new();
    for (key, (item, content)) in scanned.items {
        let bytes = match content {
            Some(bytes) => bytes,
            None => fetched(source, &item, 1 << 20).await.expect("an item's bytes"),
        };
        found.insert(key, String::from_utf8_lossy(&bytes).into_owned());
    }
    found
}

fn holds(found: &BTreeMap<String, String>, words: &[&str]) {
    assert_eq!(found.len(), words.len(), "{found:?}");
    for word in words {
        let holding = found.values().filter(|text| text.contains(word)).count();
        assert_eq!(holding, 1, "'{word}' in {found:?}");
    }
}

/// Runs every check on a place that is empty.
pub(crate) async fn all(place: &mut dyn Place) {
    holds(&texts(place.source().as_ref()).await, &[]);
    place.put("a.txt", "the first is an apple").await;
    place.put("b.txt", "the second is a banana").await;
    place.put("c.txt", "the third is a cherry").await;
    holds(&texts(place.source().as_ref()).await, &["apple", "banana", "cherry"]);
    items_are_well_formed(place).await;
    what_rests_keeps_its_version(place).await;
    a_change_is_seen(place).await;
    the_limit_holds(place).await;
    place.remove("b.txt").await;
    holds(&texts(place.source().as_ref()).await, &["apple", "cranberry"]);
    place.break_listing().await;
    let broken = scan(place.source().as_ref()).await;
    assert!(broken.ended.is_err(), "half a listing must not pass for a whole one");
}

async fn items_are_well_formed(place: &dyn Place) {
    for (key, (item, _)) in scan(place.source().as_ref()).await.items {
        assert_eq!(key, item.key);
        assert!(!item.key.is_empty() && !item.version.is_empty(), "{item:?}");
        let (stem, ending) = item.name.rsplit_once('.').expect("a name with an ending");
        assert!(!stem.is_empty() && !ending.is_empty() && !item.name.contains('/'), "{item:?}");
        assert!(item.attributes.len() <= 8, "{item:?}");
        for value in item.attributes.values() {
            assert!(value.is_string() || value.is_number() || value.is_boolean(), "{item:?}");
        }
    }
}

fn versions(scanned: &Scanned) -> BTreeMap<String, String> {
    scanned.items.iter().map(|(key, (item, _))| (key.clone(), item.version.clone())).collect()
}

async fn what_rests_keeps_its_version(place: &dyn Place) {
    let held = versions(&scan(place.source().as_ref()).await);
    let again = scan_knowing(place.source().as_ref(), &held).await;
    again.ended.as_ref().expect("a whole listing");
    assert_eq!(versions(&again), held);
}

async fn a_change_is_seen(place: &mut dyn Place) {
    let held = versions(&scan(place.source().as_ref()).await);
    place.put("c.txt", "the third is a cranberry").await;
    let changed = scan_knowing(place.source().as_ref(), &held).await;
    changed.ended.as_ref().expect("a whole listing");
    let new =
        versions(&changed).into_iter().filter(|(key, version)| held.get(key) != Some(version));
    assert_eq!(new.count(), 1, "one changed, two rest");
    holds(&texts(place.source().as_ref()).await, &["apple", "banana", "cranberry"]);
}

async fn the_limit_holds(place: &dyn Place) {
    let source = place.source();
    for (item, content) in scan(source.as_ref()).await.items.into_values() {
        // What came with the listing need not be fetched.
        if content.is_none() {
            let refused = fetched(source.as_ref(), &item, 3).await;
            let refused = refused.expect_err("more than three bytes");
            assert_eq!(refused.kind(), Kind::TooLarge, "{refused}");
        }
    }
}
