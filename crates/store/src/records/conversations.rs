//! Conversations: items in order, each with the files it rests on.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope, Timestamp};

use super::access::{manager, readable};
use super::origins::require;
use super::owners::{holder, own_conversation, owned};
use super::{Order, Origin, Page, Records, Tx, commit};

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ConversationRow {
    /// `conv_…`
    pub id: String,
    /// The client's metadata, a JSON object.
    pub metadata: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// 1 when the whole tenant may read it and go on with it.
    pub shared: i64,
}

/// An item of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ItemRow {
    /// Its place; only grows.
    pub seq: i64,
    /// `msg_…` and so on.
    pub id: String,
    /// The item as JSON.
    pub body: String,
}

/// An item to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// `msg_…` and so on.
    pub id: String,
    /// The item as JSON.
    pub body: String,
    /// What it rests on.
    pub sources: Vec<Origin>,
}

/// The condition that the caller may read the conversation `c` and go on with it: it is the
/// caller's own, as [`owned`] has it, or shared.
macro_rules! open_conversation {
    ($holder:literal) => {
        concat!("(c.shared <> 0 OR ", owned!(conversation "c.id", $holder), ")")
    };
}

/// The condition that the caller may read the conversation of the item `i`, and every file that
/// the item rests on.
macro_rules! open_item {
    ($who:literal, $holder:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM conversations c WHERE c.id = i.conversation_id AND ",
            open_conversation!($holder),
            ") AND NOT EXISTS (SELECT 1 FROM item_sources s JOIN files f ON f.id = s.file_id \
             WHERE s.item_seq = i.seq AND NOT ",
            readable!("f", $who),
            ")"
        )
    };
}

impl Records {
    /// Makes a conversation with its first items.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_conversation(
        &self,
        scope: &Scope,
        row: &ConversationRow,
        items: &[NewItem],
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO conversations (id, tenant_id, metadata, created_at, shared) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.metadata)
        .bind(row.created_at)
        .bind(row.shared)
        .execute(&mut *tx)
        .await
        .or_internal("making a conversation")?;
        own_conversation(&mut tx, scope, &row.id).await?;
        self.append_items(&mut tx, scope, &Id::from_raw(row.id.as_str()), items).await?;
        commit(tx).await
    }

    /// One conversation that the caller may read.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id for this caller.
    pub async fn conversation(&self, scope: &Scope, id: &Id) -> Result<ConversationRow> {
        sqlx::query_as(concat!(
            "SELECT c.id, c.metadata, c.created_at, c.shared FROM conversations c \
             WHERE c.tenant_id = $1 AND c.id = $2 AND ",
            open_conversation!("$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(holder(scope))
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a conversation")?
        .ok_or_else(|| missing(id))
    }

    /// Replaces the metadata of a conversation of the caller's, and says anew whether it is
    /// shared; what is not given stays.
    ///
    /// # Errors
    /// `NotFound` when there is none of that id for this caller, `Forbidden` for one that is
    /// another's and only shared.
    pub async fn update_conversation(
        &self,
        scope: &Scope,
        id: &Id,
        (metadata, shared): (Option<&str>, Option<bool>),
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(concat!(
            "UPDATE conversations SET metadata = COALESCE($3, metadata), \
             shared = COALESCE($4, shared) WHERE tenant_id = $1 AND id = $2 AND ",
            owned!(conversation "conversations.id", "$5")
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(metadata)
        .bind(shared.map(i64::from))
        .bind(holder(scope))
        .execute(&mut *tx)
        .await
        .or_internal("changing a conversation")?;
        if done.rows_affected() == 0 {
            drop(tx);
            return Err(self.not_own(scope, id).await);
        }
        commit(tx).await
    }

    /// Deletes a conversation of the caller's with its items.
    ///
    /// # Errors
    /// As [`Records::update_conversation`].
    pub async fn delete_conversation(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(concat!(
            "DELETE FROM conversations WHERE tenant_id = $1 AND id = $2 AND ",
            owned!(conversation "conversations.id", "$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(holder(scope))
        .execute(&mut *tx)
        .await
        .or_internal("deleting a conversation")?;
        if done.rows_affected() == 0 {
            drop(tx);
            return Err(self.not_own(scope, id).await);
        }
        self.forget_naming(&mut tx, scope, id).await?;
        commit(tx).await
    }

    /// Why a caller cannot change a conversation.
    async fn not_own(&self, scope: &Scope, id: &Id) -> Error {
        match self.conversation(scope, id).await {
            Ok(_) => Error::new(
                Kind::Forbidden,
                format!(
                    "conversation '{id}' is another's and shared with you: you may read it and go \
                     on with it; who made it, and editors, may change and delete it"
                ),
            ),
            Err(error) => error,
        }
    }

    /// Appends items within a transaction and notes the files they rest on.
    ///
    /// # Errors
    /// `NotFound` when there is no such conversation for this caller (any more), `Conflict` when a
    /// file they rest on was deleted meanwhile, or the store it was found through.
    pub async fn append_items(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        conversation: &Id,
        items: &[NewItem],
    ) -> Result<()> {
        let known: i64 = sqlx::query_scalar(concat!(
            "SELECT COUNT(*) FROM conversations c WHERE c.tenant_id = $1 AND c.id = $2 AND ",
            open_conversation!("$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(conversation.as_str())
        .bind(holder(scope))
        .fetch_one(&mut **tx)
        .await
        .or_internal("looking up a conversation")?;
        if known == 0 {
            return Err(missing(conversation));
        }
        for item in items {
            let seq: i64 = sqlx::query_scalar(
                "INSERT INTO conversation_items (id, tenant_id, conversation_id, body, created_at) \
                 VALUES ($1, $2, $3, $4, $5) RETURNING seq",
            )
            .bind(&item.id)
            .bind(scope.tenant().as_str())
            .bind(conversation.as_str())
            .bind(&item.body)
            .bind(self.clock.now())
            .fetch_one(&mut **tx)
            .await
            .or_internal("appending to a conversation")?;
            for origin in &item.sources {
                let stores = require(tx, scope, origin).await?;
                note_source(tx, seq, &origin.file, &stores).await?;
            }
        }
        Ok(())
    }

    /// As [`Records::append_items`], in a transaction of its own.
    ///
    /// # Errors
    /// As [`Records::append_items`].
    pub async fn insert_items(
        &self,
        scope: &Scope,
        conversation: &Id,
        items: &[NewItem],
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        self.append_items(&mut tx, scope, conversation, items).await?;
        commit(tx).await
    }

    /// The items of a conversation that the caller may read. A cursor that is not among
    /// them is passed over.
    ///
    /// # Errors
    /// `NotFound` when there is no such conversation for this caller.
    pub async fn conversation_items(
        &self,
        scope: &Scope,
        conversation: &Id,
        page: &Page,
    ) -> Result<Vec<ItemRow>> {
        self.conversation(scope, conversation).await?;
        let query = match page.reading() {
            Order::Ascending => concat!(
                "SELECT i.seq, i.id, i.body FROM conversation_items i WHERE i.tenant_id = $1 \
                 AND i.conversation_id = $2 AND i.seq > COALESCE((SELECT c.seq FROM conversation_items c \
                 WHERE c.tenant_id = $1 AND c.conversation_id = $2 AND c.id = $3), 0) AND ",
                open_item!("$4", "$6"),
                " ORDER BY i.seq ASC LIMIT $5"
            ),
            Order::Descending => concat!(
                "SELECT i.seq, i.id, i.body FROM conversation_items i WHERE i.tenant_id = $1 \
                 AND i.conversation_id = $2 AND i.seq < COALESCE((SELECT c.seq FROM conversation_items c \
                 WHERE c.tenant_id = $1 AND c.conversation_id = $2 AND c.id = $3), 9223372036854775807) AND ",
                open_item!("$4", "$6"),
                " ORDER BY i.seq DESC LIMIT $5"
            ),
        };
        let rows = sqlx::query_as(query)
            .bind(scope.tenant().as_str())
            .bind(conversation.as_str())
            .bind(page.cursor())
            .bind(manager(scope))
            .bind(page.limit)
            .bind(holder(scope))
            .fetch_all(&self.read)
            .await
            .or_internal("listing a conversation")?;
        Ok(page.arrange(rows))
    }

    /// One item that the caller may read.
    ///
    /// # Errors
    /// `NotFound` when there is none for this caller.
    pub async fn conversation_item(
        &self,
        scope: &Scope,
        conversation: &Id,
        id: &Id,
    ) -> Result<ItemRow> {
        sqlx::query_as(concat!(
            "SELECT i.seq, i.id, i.body FROM conversation_items i WHERE i.tenant_id = $1 \
             AND i.conversation_id = $2 AND i.id = $3 AND ",
            open_item!("$4", "$5")
        ))
        .bind(scope.tenant().as_str())
        .bind(conversation.as_str())
        .bind(id.as_str())
        .bind(manager(scope))
        .bind(holder(scope))
        .fetch_optional(&self.read)
        .await
        .or_internal("reading an item")?
        .ok_or_else(|| missing_item(conversation, id))
    }

    /// Deletes one item that the caller may read, of a conversation of the caller's.
    ///
    /// # Errors
    /// `NotFound` when there is none for this caller, `Forbidden` when the conversation is
    /// another's and only shared.
    pub async fn delete_item(&self, scope: &Scope, conversation: &Id, id: &Id) -> Result<()> {
        self.conversation_item(scope, conversation, id).await?;
        let mut tx = self.begin().await?;
        let own: i64 = sqlx::query_scalar(concat!(
            "SELECT COUNT(*) FROM conversations c WHERE c.tenant_id = $1 AND c.id = $2 AND ",
            owned!(conversation "c.id", "$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(conversation.as_str())
        .bind(holder(scope))
        .fetch_one(&mut *tx)
        .await
        .or_internal("looking up a conversation")?;
        if own == 0 {
            drop(tx);
            return Err(self.not_own(scope, conversation).await);
        }
        let done = sqlx::query(
            "DELETE FROM conversation_items WHERE tenant_id = $1 AND conversation_id = $2 AND id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(conversation.as_str())
        .bind(id.as_str())
        .execute(&mut *tx)
        .await
        .or_internal("deleting an item")?;
        if done.rows_affected() == 0 {
            return Err(missing_item(conversation, id));
        }
        self.forget_naming(&mut tx, scope, id).await?;
        commit(tx).await
    }

    /// The files that those items of a conversation rest on that the caller may read, with the
    /// stores they were found through.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn conversation_sources(
        &self,
        scope: &Scope,
        conversation: &Id,
    ) -> Result<Vec<Origin>> {
        let rows = sqlx::query_as(concat!(
            "SELECT DISTINCT r.file_id, COALESCE(t.store_id, '') FROM item_sources r \
             JOIN conversation_items i ON i.seq = r.item_seq LEFT JOIN item_stores t \
             ON t.item_seq = r.item_seq AND t.file_id = r.file_id \
             WHERE i.tenant_id = $1 AND i.conversation_id = $2 AND ",
            open_item!("$3", "$4"),
            " ORDER BY 1, 2"
        ))
        .bind(scope.tenant().as_str())
        .bind(conversation.as_str())
        .bind(manager(scope))
        .bind(holder(scope))
        .fetch_all(&self.read)
        .await
        .or_internal("reading what a conversation rests on")?;
        Ok(Origin::gather(rows))
    }

    /// The items that rest on a file, to be scrubbed within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn items_resting_on(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        file: &Id,
    ) -> Result<Vec<ItemRow>> {
        sqlx::query_as(
            "SELECT i.seq, i.id, i.body FROM conversation_items i \
             JOIN item_sources s ON s.item_seq = i.seq WHERE i.tenant_id = $1 AND s.file_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(file.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking up items to scrub")
    }

    /// The items that found a file through a store, and through no other one that still has
    /// it, to be scrubbed within the transaction that deletes the store.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn items_found_through(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file): (&Id, &Id),
    ) -> Result<Vec<ItemRow>> {
        sqlx::query_as(
            "SELECT i.seq, i.id, i.body FROM conversation_items i \
             JOIN item_stores t ON t.item_seq = i.seq \
             WHERE i.tenant_id = $1 AND t.store_id = $2 AND t.file_id = $3 AND NOT EXISTS \
             (SELECT 1 FROM item_stores o JOIN store_files sf ON sf.store_id = o.store_id \
             AND sf.file_id = o.file_id WHERE o.item_seq = t.item_seq \
             AND o.file_id = t.file_id AND o.store_id <> t.store_id)",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking up items to scrub")
    }

    /// Writes a scrubbed item, which rests on `file` no more.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn rewrite_item(&self, tx: &mut Tx, item: &ItemRow, file: &Id) -> Result<()> {
        sqlx::query("UPDATE conversation_items SET body = $2 WHERE seq = $1")
            .bind(item.seq)
            .bind(&item.body)
            .execute(&mut **tx)
            .await
            .or_internal("scrubbing an item")?;
        sqlx::query("DELETE FROM item_sources WHERE item_seq = $1 AND file_id = $2")
            .bind(item.seq)
            .bind(file.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("scrubbing an item")?;
        Ok(())
    }
}

async fn note_source(tx: &mut Tx, item: i64, file: &str, stores: &[String]) -> Result<()> {
    sqlx::query(
        "INSERT INTO item_sources (item_seq, file_id) VALUES ($1, $2) \
         ON CONFLICT (item_seq, file_id) DO NOTHING",
    )
    .bind(item)
    .bind(file)
    .execute(&mut **tx)
    .await
    .or_internal("noting what an item rests on")?;
    for store in stores {
        sqlx::query(
            "INSERT INTO item_stores (item_seq, file_id, store_id) VALUES ($1, $2, $3) \
             ON CONFLICT (item_seq, file_id, store_id) DO NOTHING",
        )
        .bind(item)
        .bind(file)
        .bind(store)
        .execute(&mut **tx)
        .await
        .or_internal("noting what an item rests on")?;
    }
    Ok(())
}

fn missing(id: &Id) -> Error {
    Error::not_found(format!("conversation '{id}'"))
}

fn missing_item(conversation: &Id, id: &Id) -> Error {
    Error::not_found(format!("item '{id}' in conversation '{conversation}'"))
}
