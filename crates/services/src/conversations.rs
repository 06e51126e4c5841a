//! Conversations: items that answers begin from and are added to.
//!
//! A conversation belongs to who made it, as stored answers do: the users that the maker's key
//! speaks for, or the key itself. Editors and admins manage those of their tenant. To others it
//! is not there, unless it is shared: then the whole tenant may read it and go on with it.

use std::collections::BTreeMap;

use cairn_kernel::{Error, Id, Result, ResultExt, Scope};
use cairn_store::records::{ConversationRow, ItemRow, NewItem, Origin};
use cairn_store::{Page, Records};

/// Most items added at once, as at OpenAI.
const ITEMS_MAX: usize = 20;

/// Conversations of a tenant.
#[derive(Clone, Debug)]
pub struct Conversations {
    records: Records,
}

impl Conversations {
    /// Conversations in `records`.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Makes a conversation with its first items, shared or not.
    ///
    /// # Errors
    /// `Invalid` for metadata or a number of items out of bounds.
    pub async fn create(
        &self,
        scope: &Scope,
        (metadata, shared): (&BTreeMap<String, String>, bool),
        items: Vec<NewItem>,
    ) -> Result<ConversationRow> {
        let row = ConversationRow {
            id: Id::generate("conv_").to_string(),
            metadata: metadata_text(metadata)?,
            created_at: self.records.clock().now(),
            shared: i64::from(shared),
        };
        let items = self.checked(scope, items).await?;
        self.records.insert_conversation(scope, &row, &items).await?;
        Ok(row)
    }

    /// One conversation.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<ConversationRow> {
        self.records.conversation(scope, id).await
    }

    /// Replaces a conversation's metadata, and says anew whether it is shared; what is not given
    /// stays.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for one that is another's and shared, `Invalid` for metadata out of
    /// bounds.
    pub async fn update(
        &self,
        scope: &Scope,
        id: &Id,
        (metadata, shared): (Option<&BTreeMap<String, String>>, Option<bool>),
    ) -> Result<ConversationRow> {
        let metadata = metadata.map(metadata_text).transpose()?;
        self.records.update_conversation(scope, id, (metadata.as_deref(), shared)).await?;
        self.records.conversation(scope, id).await
    }

    /// Deletes a conversation with its items.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for one that is another's and shared.
    pub async fn delete(&self, scope: &Scope, id: &Id) -> Result<()> {
        self.records.delete_conversation(scope, id).await
    }

    /// Adds items at the end.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` for too many or none.
    pub async fn add(&self, scope: &Scope, id: &Id, items: Vec<NewItem>) -> Result<()> {
        if items.is_empty() {
            return Err(Error::invalid("items is empty; add at least one").with_param("items"));
        }
        let items = self.checked(scope, items).await?;
        self.records.insert_items(scope, id, &items).await
    }

    /// The items of a conversation.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn items(&self, scope: &Scope, id: &Id, page: &Page) -> Result<Vec<ItemRow>> {
        self.records.conversation_items(scope, id, page).await
    }

    /// One item.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn item(&self, scope: &Scope, id: &Id, item: &Id) -> Result<ItemRow> {
        self.records.conversation_item(scope, id, item).await
    }

    /// Deletes one item.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` in a conversation that is another's and shared.
    pub async fn delete_item(&self, scope: &Scope, id: &Id, item: &Id) -> Result<()> {
        self.records.delete_item(scope, id, item).await
    }

    /// What a conversation rests on.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn sources(&self, scope: &Scope, id: &Id) -> Result<Vec<Origin>> {
        self.records.conversation_sources(scope, id).await
    }

    /// What a client names as sources is not all there.
    async fn checked(&self, scope: &Scope, mut items: Vec<NewItem>) -> Result<Vec<NewItem>> {
        if items.len() > ITEMS_MAX {
            return Err(Error::invalid(format!(
                "{} items are too many at once; add up to {ITEMS_MAX}",
                items.len()
            ))
            .with_param("items"));
        }
        for item in &mut items {
            let named = std::mem::take(&mut item.sources);
            let named: Vec<String> = named.into_iter().map(|origin| origin.file).collect();
            let there = self.records.files_among(scope, &named).await?;
            item.sources = there.into_iter().map(Origin::of).collect();
        }
        Ok(items)
    }
}

/// Metadata as it is kept.
///
/// # Errors
/// `Invalid` out of the bounds that OpenAI documents.
pub(crate) fn metadata_text(metadata: &BTreeMap<String, String>) -> Result<String> {
    check_metadata(metadata)?;
    serde_json::to_string(metadata).or_internal("writing metadata")
}

/// Checks metadata: up to 16 entries, keys of 64 and values of 512 characters.
///
/// # Errors
/// `Invalid` naming the field.
pub fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<()> {
    let fits = metadata.len() <= 16
        && metadata.iter().all(|(k, v)| k.chars().count() <= 64 && v.chars().count() <= 512);
    if fits {
        return Ok(());
    }
    Err(Error::invalid(
        "metadata takes up to 16 entries with keys of 64 and values of 512 characters",
    )
    .with_param("metadata"))
}
