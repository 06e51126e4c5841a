//! Vector stores: making them, attaching files, following their state.

mod attach;
mod content;

use std::collections::BTreeMap;

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope, Timestamp};
use cairn_pipelines::Queue;
use cairn_store::records::{FileCounts, NewGeneration, StoreFileRow, StoreRow};
use cairn_store::{Page, Records, Tx};
use serde_json::Value;

use crate::access::{ATTRIBUTE, Access, AccessLists};
use crate::chunking;
pub use crate::chunking::{Chunking, Strategy};
use crate::conversations::metadata_text;
use crate::embedding::Encoders;
use crate::languages::Wanted;
use crate::projection::{OWN, Projection};
use crate::refresh;
use crate::sources::carry;

/// Most attributes of a file in a store.
pub(crate) const FILE_ATTRIBUTES_MAX: usize = 16;

/// Attributes of a file in a store: up to 16 strings, numbers or booleans.
pub type Attributes = BTreeMap<String, Value>;

/// A file to attach.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// The file.
    pub file: Id,
    /// Its attributes in this store: none when absent, or those it has there already.
    pub attributes: Option<Attributes>,
    /// How to cut it: as the store does when absent, or as it is cut there already.
    pub chunking: Option<Chunking>,
}

/// What a client may set on a store.
#[derive(Clone, Debug, Default)]
pub struct StoreSettings {
    /// Its name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// A JSON object of up to 16 strings.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Days without use after which it expires.
    pub expires_after_days: Option<i64>,
    /// How its files are cut that do not say it themselves; only for a new store.
    pub chunking: Chunking,
    /// Which model makes its vectors, the program's own when absent; only for a new store.
    pub embedding_model: Option<String>,
    /// Which language its words are counted in, told from its texts when absent; only for a new
    /// store.
    pub language: Option<Wanted>,
}

/// What to change of a store; what is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct StoreChanges {
    /// Its name, possibly empty.
    pub name: Option<String>,
    /// All its metadata.
    pub metadata: Option<BTreeMap<String, String>>,
    /// When it expires.
    pub expiry: Option<Expiry>,
}

/// When a store expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Not by itself.
    Never,
    /// After so many days without use.
    Days(i64),
}

/// A batch of files attached together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `vsfb_…`
    pub id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// The files it was given by state; their bytes are not counted.
    pub counts: FileCounts,
}

/// Vector stores and what is attached to them.
#[derive(Clone)]
pub struct VectorStores {
    records: Records,
    queue: Queue,
    encoders: Encoders,
    projection: Projection,
    access: AccessLists,
}

impl VectorStores {
    /// Stores in `records`; attached files are read by jobs in `queue`.
    pub fn new(records: Records, queue: Queue, encoders: Encoders, projection: Projection) -> Self {
        let access = AccessLists::new(records.clone(), queue.clone(), projection.clone());
        Self { records, queue, encoders, projection, access }
    }

    /// Makes a store and attaches `files`.
    ///
    /// # Errors
    /// `Invalid` for settings out of bounds, `NotFound` for an unknown file or embedding model.
    pub async fn create(
        &self,
        scope: &Scope,
        settings: StoreSettings,
        files: &[NewAttachment],
    ) -> Result<StoreRow> {
        scope.require(Role::Editor)?;
        check_days(settings.expires_after_days)?;
        let (model, dimensions) = match &settings.embedding_model {
            Some(name) => self.encoders.resolve(scope, name).await?,
            None => (self.encoders.own(), None),
        };
        let chunking = match settings.chunking {
            Chunking::Store => None,
            Chunking::As(strategy) => Some(chunking::text_of(&strategy)?),
        };
        let language = settings.language.and_then(Wanted::named);
        let first = NewGeneration {
            embedding_model: model.name.clone(),
            embedding_version: model.version,
            dimensions,
            chunking,
            recut: false,
            reparse: false,
            language: language.map(|language| language.code().to_owned()),
            language_named: language.is_some(),
        };
        let now = self.records.clock().now();
        let id = Id::generate("vs_");
        let row = StoreRow {
            id: id.to_string(),
            name: settings.name.unwrap_or_default(),
            description: settings.description,
            metadata: metadata_text(&settings.metadata.unwrap_or_default())?,
            embedding_model: model.name,
            expires_after_days: settings.expires_after_days,
            created_at: now,
            last_active_at: now,
        };
        for file in files {
            self.records.file(scope, &file.file).await?;
        }
        self.records.insert_store_as(scope, &row, &first).await?;
        if !files.is_empty() {
            self.attach_all(scope, &id, None, files).await?;
        }
        Ok(row)
    }

    /// One store with its files by state.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<(StoreRow, FileCounts)> {
        let row = self.records.store(scope, id).await?;
        let counts = self.records.file_counts(scope, id).await?;
        Ok((row, counts))
    }

    /// The code of the language that a store's words are counted in; none before there are any,
    /// if it was not named.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn language(&self, scope: &Scope, id: &Id) -> Result<Option<String>> {
        let active = self.records.active_generation(scope, id).await?;
        // An index that cannot be read is rebuilt in the language that was named, if any.
        let held = self.projection.index().language(&active.index_name).await.ok().flatten();
        Ok(held.map(|language| language.code().to_owned()).or(active.language))
    }

    /// The tenant's stores with their files by state.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn list(&self, scope: &Scope, page: &Page) -> Result<Vec<(StoreRow, FileCounts)>> {
        let mut found = Vec::new();
        for row in self.records.list_stores(scope, page).await? {
            let counts = self.records.file_counts(scope, &Id::from_raw(row.id.as_str())).await?;
            found.push((row, counts));
        }
        Ok(found)
    }

    /// Finds a store by id or, failing that, by name.
    ///
    /// # Errors
    /// `NotFound`, or `Conflict` when several stores share the name.
    pub async fn resolve(&self, scope: &Scope, id_or_name: &str) -> Result<StoreRow> {
        if id_or_name.starts_with("vs_") {
            return self.records.store(scope, &Id::from_raw(id_or_name)).await;
        }
        let found = self.records.store_by_name(scope, id_or_name).await?;
        found.ok_or_else(|| Error::not_found(format!("vector store '{id_or_name}'")))
    }

    /// Changes a store's settings.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn update(&self, scope: &Scope, id: &Id, changes: StoreChanges) -> Result<StoreRow> {
        scope.require(Role::Editor)?;
        let mut row = self.records.store(scope, id).await?;
        if let Some(name) = changes.name {
            row.name = name;
        }
        if let Some(metadata) = changes.metadata {
            row.metadata = metadata_text(&metadata)?;
        }
        if let Some(expiry) = changes.expiry {
            row.expires_after_days = match expiry {
                Expiry::Never => None,
                Expiry::Days(days) => Some(days),
            };
            check_days(row.expires_after_days)?;
        }
        self.records.update_store(scope, &row).await?;
        Ok(row)
    }

    /// An attached file.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn file(&self, scope: &Scope, store: &Id, file: &Id) -> Result<StoreFileRow> {
        self.records.store_file(scope, store, file).await
    }

    /// The stores that a file is in, with its attributes in each.
    ///
    /// # Errors
    /// `NotFound` for the file.
    pub async fn of_file(&self, scope: &Scope, file: &Id) -> Result<Vec<(Id, Attributes)>> {
        self.records.file(scope, file).await?;
        let mut stores = Vec::new();
        for store in self.records.attachments_of(scope, file).await? {
            let store = Id::from_raw(store);
            // It may be taken out of it in the meantime.
            if let Some(attributes) = self.records.attributes_of(scope, &store, file).await? {
                stores.push((store, carry::read(&attributes)?));
            }
        }
        Ok(stores)
    }

    /// The files of a store.
    ///
    /// # Errors
    /// `NotFound` for the store.
    pub async fn files(
        &self,
        scope: &Scope,
        store: &Id,
        batch: Option<&Id>,
        status: Option<&str>,
        page: &Page,
    ) -> Result<Vec<StoreFileRow>> {
        self.records.store(scope, store).await?;
        self.records.list_store_files(scope, store, batch, status, page).await
    }

    /// The text of an attached file, in pieces that join to the whole of it; none before it is
    /// read.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn file_content(&self, scope: &Scope, store: &Id, file: &Id) -> Result<Vec<String>> {
        self.records.store_file(scope, store, file).await?;
        content::pieces(&self.records, scope, store, file).await
    }

    /// Replaces the attributes of an attached file and re-indexes it with them. A newer version of
    /// it that is being read gets them too, beside those of its source.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn set_attributes(
        &self,
        scope: &Scope,
        store: &Id,
        file: &Id,
        attributes: &Attributes,
    ) -> Result<StoreFileRow> {
        scope.require(Role::Editor)?;
        let (attributes, access) = split(attributes)?;
        let text = attributes_text(&attributes)?;
        let mut tx = self.records.begin().await?;
        self.records.set_attributes(&mut tx, scope, store, file, &text).await?;
        match &access {
            Some(access) => self.access.set_within(&mut tx, scope, file, access).await?,
            None => refresh::enqueue(&self.queue, &mut tx, scope, file).await?,
        }
        self.set_of_newer(&mut tx, scope, (store, file), &attributes).await?;
        tx.commit().await.or_internal("changing attributes")?;
        let pushed = match access {
            Some(_) => self.access.project(scope, file).await,
            None => self.projection.push_file(scope, store, file).await,
        };
        self.queue.wake();
        pushed?;
        self.records.store_file(scope, store, file).await
    }

    /// Gives attributes that were set by hand to the version that is to replace this one.
    async fn set_of_newer(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file): (&Id, &Id),
        attributes: &Attributes,
    ) -> Result<()> {
        for newer in self.records.newer_versions(tx, scope, file).await? {
            let given = split(&carry::read(&newer.attributes)?)?.0;
            let all = carry::joined(&Attributes::new(), attributes.clone(), given)?;
            let (text, newer) = (attributes_text(&all)?, Id::from_raw(newer.file_id));
            match self.records.set_attributes(tx, scope, store, &newer, &text).await {
                // It is in another store, or somebody took it out of this one.
                Err(gone) if gone.kind() == Kind::NotFound => continue,
                set => set?,
            }
            refresh::enqueue(&self.queue, tx, scope, &newer).await?;
        }
        Ok(())
    }

    /// Notes that a store which may expire is in use.
    async fn touch(&self, scope: &Scope, store: &Id) -> Result<()> {
        match self.records.store(scope, store).await?.expires_after_days {
            Some(_) => self.records.touch_store(scope, store).await,
            None => Ok(()),
        }
    }

    /// Takes a file out of a store; the file remains.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn detach(&self, scope: &Scope, store: &Id, file: &Id) -> Result<()> {
        scope.require(Role::Editor)?;
        self.records.detach_file(scope, store, file).await?;
        self.projection.wake();
        Ok(())
    }
}

/// Fails when a store has expired.
///
/// # Errors
/// `Invalid`.
pub(crate) fn require_alive(store: &StoreRow, now: Timestamp) -> Result<()> {
    if store.expires_at().is_none_or(|at| at > now) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "vector store '{}' expired for want of use; make a new one from its files",
        store.id
    ))
    .with_code("vector_store_expired"))
}

fn check_days(days: Option<i64>) -> Result<()> {
    match days {
        None | Some(1..=365) => Ok(()),
        Some(days) => Err(Error::invalid(format!(
            "expires_after.days is {days}; it must be between 1 and 365"
        ))
        .with_param("expires_after")),
    }
}

/// The attributes proper, and the access list that one of them sets.
pub(crate) fn split(attributes: &Attributes) -> Result<(Attributes, Option<Access>)> {
    let mut attributes = attributes.clone();
    if let Some(own) = OWN.into_iter().find(|own| attributes.contains_key(*own)) {
        return Err(Error::invalid(format!(
            "the attribute '{own}' is the program's own, and filters may name it; leave it out"
        ))
        .with_param("attributes"));
    }
    let access = match attributes.remove(ATTRIBUTE) {
        None => None,
        Some(Value::String(text)) => Some(Access::of_attribute(&text)?),
        Some(_) => {
            return Err(Error::invalid(format!(
                "the attribute '{ATTRIBUTE}' must be a text of principals separated by commas"
            ))
            .with_param("attributes"));
        }
    };
    Ok((attributes, access))
}

pub(crate) fn attributes_text(attributes: &Attributes) -> Result<String> {
    let fits = |(key, value): (&String, &Value)| {
        key.chars().count() <= 64
            && match value {
                Value::String(text) => text.chars().count() <= 512,
                Value::Number(_) | Value::Bool(_) => true,
                _ => false,
            }
    };
    if attributes.len() > FILE_ATTRIBUTES_MAX || !attributes.iter().all(fits) {
        return Err(Error::invalid(
            "attributes takes up to 16 strings (512 characters), numbers or booleans with keys of 64 characters",
        )
        .with_param("attributes"));
    }
    serde_json::to_string(attributes).or_internal("writing attributes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_list_is_no_attribute() -> Result<()> {
        let attributes = |access: Value| {
            Attributes::from([("year".to_owned(), 2024.into()), (ATTRIBUTE.to_owned(), access)])
        };
        let (left, access) = split(&attributes("user:ada".into()))?;
        assert_eq!(left.keys().collect::<Vec<_>>(), ["year"]);
        assert_eq!(access, Some(Access::Only(vec!["user:ada".to_owned()])));
        assert_eq!(split(&left)?.1, None);
        assert!(split(&attributes(5.into())).is_err());
        for own in OWN {
            let own = Attributes::from([(own.to_owned(), "x".into())]);
            assert!(split(&own).is_err(), "the program tells it: {own:?}");
        }
        Ok(())
    }

    #[test]
    fn a_store_lives_from_a_day_to_a_year() {
        assert!(check_days(None).is_ok() && check_days(Some(365)).is_ok());
        assert!(check_days(Some(0)).is_err() && check_days(Some(366)).is_err());
    }
}
