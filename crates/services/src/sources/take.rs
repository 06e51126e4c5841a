//! Taking one item: fetch it, and if its content is new, keep it as a file and have it read.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt as _, Scope, Timestamp};
use cairn_sources::{Item, Sink, Source};
use cairn_store::Blobs;
use cairn_store::records::{FileRow, SourceItemFacts, SourceItemRow};
use serde_json::Value;

use super::retry_at;
use super::run::{Halt, Run, Step, shown};
use crate::access::ATTRIBUTE;
use crate::files::{FileWish, incoming};
use crate::incoming::Incoming;
use crate::stores::{Attributes, NewAttachment};

/// How often an item is fetched before it counts as failed.
const FETCHES: u32 = 3;
/// How long it rests before it is fetched again; doubled each time.
const REST: Duration = Duration::from_millis(500);
/// Longest rest that a source may ask for within a run.
const REST_MAX: Duration = Duration::from_secs(30);
/// Longest text of an attribute, in characters.
const ATTRIBUTE_MAX: usize = 512;
/// Our own attributes of a source's documents.
const SOURCE_ATTRIBUTE: &str = "source_id";
const MODIFIED_ATTRIBUTE: &str = "modified_at";

/// An item on its way in, to where files lie.
struct Coming<'r> {
    scope: &'r Scope,
    blobs: &'r Blobs,
    came: Incoming,
}

impl<'r> Coming<'r> {
    fn new(scope: &'r Scope, blobs: &'r Blobs) -> Self {
        Self { scope, blobs, came: incoming(scope, blobs) }
    }
}

#[async_trait]
impl Sink for Coming<'_> {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.came.write(piece).await
    }

    fn restart(&mut self) {
        self.came = incoming(self.scope, self.blobs);
    }
}

impl Run {
    /// Takes an item; one that cannot be taken is noted, and stops nothing.
    pub(super) async fn take(
        &self,
        place: &dyn Source,
        item: Item,
        content: Option<Bytes>,
    ) -> Step {
        let records = &self.sources.parts.records;
        let held = records.find_item(&self.scope, &self.source, &item.key).await?;
        let attributes = self.attributes(&item)?;
        let facts = facts_of(&item, &attributes)?;
        let attempts = held.as_ref().map_or(0, |held| held.attempts);
        let mut coming = Coming::new(&self.scope, &self.sources.parts.blobs);
        let fetched = match content {
            Some(content) => coming.write(&content).await,
            None => self.fetch(place, &item, &mut coming).await,
        };
        match fetched {
            Ok(()) => {}
            // What went away since it was listed was never here, or is found gone by the next run.
            Err(gone) if gone.kind() == Kind::NotFound && held.is_none() => return Ok(()),
            Err(error) => return self.note(&facts, &error, attempts).await,
        }
        let kept = self.keep(&facts, attributes, held, coming.came).await;
        let Err(error) = kept else { return Ok(()) };
        match error.kind() {
            Kind::TooLarge | Kind::Invalid => self.note(&facts, &error, attempts).await,
            Kind::NotFound => match self.is_here().await? {
                true => Err(Halt::Broken(error)),
                false => Err(Halt::Gone),
            },
            _ => Err(Halt::Broken(error)),
        }
    }

    async fn note(&self, facts: &SourceItemFacts, error: &Error, attempts: i64) -> Step {
        let again = self.again(error, attempts);
        self.note_failure(facts, (&shown(error), again)).await
    }

    /// Whether the source and its store are still there.
    async fn is_here(&self) -> Result<bool> {
        let records = &self.sources.parts.records;
        Ok(records.source_is_paused(&self.scope, &self.source).await?.is_some())
    }

    /// When a failure is worth another try; what is wrong with the item itself is not.
    fn again(&self, error: &Error, attempts: i64) -> Option<Timestamp> {
        match error.kind() {
            Kind::TooLarge | Kind::Unsupported | Kind::Unprocessable | Kind::Invalid => None,
            _ => retry_at(self.sources.parts.records.clock().now(), attempts),
        }
    }

    pub(super) async fn note_failure(
        &self,
        facts: &SourceItemFacts,
        why: (&str, Option<Timestamp>),
    ) -> Step {
        let records = &self.sources.parts.records;
        if !self.is_here().await? {
            return Err(Halt::Gone);
        }
        records.fail_item(&self.scope, &self.source, facts, why).await?;
        self.tracker.count(|counts| counts.failed += 1);
        Ok(())
    }

    async fn fetch(&self, place: &dyn Source, item: &Item, coming: &mut Coming<'_>) -> Result<()> {
        let limit = self.sources.parts.limit;
        if item.size.is_some_and(|size| size > limit) {
            return Err(cairn_sources::too_large(&item.name, limit));
        }
        let mut rest = REST;
        for _ in 1..FETCHES {
            match place.fetch(item, limit, coming).await {
                Err(error) if error.kind().retryable() => {
                    let asked = error.retry_after().unwrap_or(rest);
                    tokio::time::sleep(asked.min(REST_MAX)).await;
                    rest *= 2;
                    coming.restart();
                }
                fetched => return fetched,
            }
        }
        place.fetch(item, limit, coming).await
    }

    /// Keeps what has come of an item, unless it is what is held.
    async fn keep(
        &self,
        facts: &SourceItemFacts,
        attributes: Attributes,
        held: Option<SourceItemRow>,
        came: Incoming,
    ) -> Result<()> {
        let parts = &self.sources.parts;
        if came.bytes() > parts.limit {
            return Err(cairn_sources::too_large(&facts.name, parts.limit));
        }
        let wish = FileWish {
            filename: facts.name.clone(),
            purpose: "assistants".to_owned(),
            expires_after: None,
        };
        let wish = wish.checked()?;
        if let Some(held) = &held
            && holds(held, &came.sha256())
        {
            return self.same(facts, &attributes, held).await;
        }
        let size = came.bytes();
        let landed = came.land().await?;
        let row = wish.row(&landed, parts.records.clock().now());
        if let Err(error) = self.attach(facts, attributes, &row, held.as_ref()).await {
            let _ = parts.blobs.delete(&landed.path).await;
            return Err(error);
        }
        parts.queue.wake();
        parts.erase.wake();
        let new = held.is_none_or(|held| held.sha256.is_empty());
        self.tracker.count(|counts| {
            counts.bytes += size;
            match new {
                true => counts.added += 1,
                false => counts.updated += 1,
            }
        });
        Ok(())
    }

    /// One transaction: the file with what it takes over from the version it replaces, its
    /// attachment with the job that reads it, and what is held of the item. A newer version that
    /// was not read yet gives place.
    async fn attach(
        &self,
        facts: &SourceItemFacts,
        attributes: Attributes,
        file: &FileRow,
        held: Option<&SourceItemRow>,
    ) -> Result<()> {
        let parts = &self.sources.parts;
        let (scope, store) = (&self.scope, Id::from_raw(self.row.store_id.as_str()));
        let id = Id::from_raw(file.id.as_str());
        let mut tx = parts.records.begin().await?;
        parts.records.insert_file_within(&mut tx, scope, file).await?;
        let attributes = self.take_over(&mut tx, held, &id, attributes).await?;
        // It may have come to answer since the item was looked up.
        let pending = match held {
            Some(held) => parts.records.pending_of_item(&mut tx, scope, &held.id).await?,
            None => None,
        };
        let attachment =
            NewAttachment { file: id.clone(), attributes: Some(attributes), chunking: None };
        parts.stores.attach_within(&mut tx, scope, &store, None, &attachment).await?;
        let of = (file.sha256.as_str(), &id);
        parts.records.take_item(&mut tx, scope, &self.source, facts, of).await?;
        if let Some(older) = pending {
            match parts.erase.file_within(&mut tx, scope, &Id::from_raw(older), "replaced").await {
                Err(gone) if gone.kind() == Kind::NotFound => {}
                erased => erased.map(|_| ())?,
            }
        }
        tx.commit().await.or_internal("taking an item of a source")
    }

    /// The content is held already: only its version and attributes are new. Who may read it, and
    /// what was set by hand, stays.
    async fn same(
        &self,
        facts: &SourceItemFacts,
        attributes: &Attributes,
        held: &SourceItemRow,
    ) -> Result<()> {
        let parts = &self.sources.parts;
        let store = Id::from_raw(self.row.store_id.as_str());
        if held.attributes != facts.attributes {
            // In this order: what the one that answers gets, a newer one gets too.
            for file in held.file_id.iter().chain(&held.pending_id) {
                let file = Id::from_raw(file.as_str());
                let mut all = self.with_own(held, &file, attributes.clone()).await?;
                all.remove(ATTRIBUTE);
                let set = parts.stores.set_attributes(&self.scope, &store, &file, &all);
                match set.await {
                    // Somebody took it out of the store.
                    Err(gone) if gone.kind() == Kind::NotFound => {}
                    set => set.map(|_| ())?,
                }
            }
        }
        parts.records.same_content(&self.scope, &held.id, facts).await?;
        self.tracker.count(|counts| counts.unchanged += 1);
        Ok(())
    }

    /// What its document is found by: what the item says, what its source gives, and ours.
    fn attributes(&self, item: &Item) -> Result<Attributes> {
        let mut attributes: Attributes = item
            .attributes
            .iter()
            .filter(|(name, value)| fits(name, value))
            .map(|(name, value)| (name.clone(), shortened(value)))
            .collect();
        if let Some(at) = item.modified_at {
            attributes.insert(MODIFIED_ATTRIBUTE.to_owned(), Value::from(at));
        }
        attributes.insert(SOURCE_ATTRIBUTE.to_owned(), Value::from(self.source.as_str()));
        let given: Attributes = serde_json::from_str(&self.row.attributes)
            .or_internal("reading a source's attributes")?;
        attributes.extend(given);
        Ok(attributes)
    }
}

/// Whether this content is what is held, or being read, of an item.
fn holds(held: &SourceItemRow, sha256: &str) -> bool {
    let there = held.file_id.is_some() || held.pending_id.is_some();
    there && held.sha256 == sha256 && held.failed_version.as_deref() != Some(held.version.as_str())
}

fn facts_of(item: &Item, attributes: &Attributes) -> Result<SourceItemFacts> {
    Ok(SourceItemFacts {
        key: item.key.clone(),
        version: item.version.clone(),
        name: item.name.clone(),
        bytes: item.size.and_then(|bytes| i64::try_from(bytes).ok()),
        modified_at: item.modified_at,
        attributes: serde_json::to_string(attributes).or_internal("writing attributes")?,
    })
}

fn fits(name: &str, value: &Value) -> bool {
    name.chars().count() <= 64 && (value.is_string() || value.is_number() || value.is_boolean())
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > ATTRIBUTE_MAX => {
            Value::from(text.chars().take(ATTRIBUTE_MAX).collect::<String>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_attribute_is_shortened_and_an_odd_one_left_out() {
        let long = Value::from("\u{e9}".repeat(600));
        assert_eq!(shortened(&long).as_str().map(|text| text.chars().count()), Some(512));
        assert!(fits("a", &Value::from(1)) && !fits("a", &Value::Null));
        assert!(!fits(&"a".repeat(65), &Value::from(1)));
    }
}
