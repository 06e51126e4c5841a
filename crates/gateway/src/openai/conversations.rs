//! `/v1/conversations`: what was said, to be gone on from.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use cairn_kernel::{Error, Id, Result, ResultExt};
use cairn_services::Services;
use cairn_services::records::{ConversationRow, ItemRow, NewItem, Origin};
use cairn_wire::openai::{
    Conversation, ConversationExtra, CreateConversation, CreateItems, Deleted, List, ListQuery,
    UpdateConversation,
};
use serde_json::Value;

use super::convert::{Included, Listing, Paging, seconds};
use super::responses::{calls, compaction, history, input};
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body};

/// Makes a conversation.
#[utoipa::path(
    post,
    path = "/v1/conversations",
    tag = "conversations",
    request_body = CreateConversation,
    responses((status = 200, body = Conversation))
)]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Body(request): Body<CreateConversation>,
) -> ApiResult<Json<Conversation>> {
    let given = request.items.unwrap_or_default();
    let items = new_items(&given)?;
    answered(&[], &given)?;
    let metadata = request.metadata.unwrap_or_default();
    let shared = request.cairn.and_then(|wish| wish.shared).unwrap_or(false);
    let made = services.conversations.create(&scope, (&metadata, shared), items).await?;
    Ok(Json(object(made)?))
}

/// One conversation.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}",
    tag = "conversations",
    params(("id" = String, Path)),
    responses((status = 200, body = Conversation))
)]
pub(crate) async fn retrieve(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Conversation>> {
    Ok(Json(object(services.conversations.get(&scope, &Id::from_raw(id)).await?)?))
}

/// Changes a conversation's metadata, or whether it is shared.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}",
    tag = "conversations",
    params(("id" = String, Path)),
    request_body = UpdateConversation,
    responses((status = 200, body = Conversation))
)]
pub(crate) async fn update(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdateConversation>,
) -> ApiResult<Json<Conversation>> {
    let metadata = request.metadata.or_cleared(BTreeMap::new());
    let shared = request.cairn.and_then(|wish| wish.shared);
    if metadata.is_none() && shared.is_none() {
        return Err(missing().into());
    }
    let id = Id::from_raw(id);
    let changed = services.conversations.update(&scope, &id, (metadata.as_ref(), shared)).await?;
    Ok(Json(object(changed)?))
}

fn missing() -> Error {
    let message = "metadata is missing; send the new one, or null for none (or cairn.shared alone)";
    Error::invalid(message).with_param("metadata")
}

/// Deletes a conversation with its items.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}",
    tag = "conversations",
    params(("id" = String, Path)),
    responses((status = 200, body = Deleted))
)]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Deleted>> {
    services.conversations.delete(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(Json(Deleted { id, object: "conversation.deleted", deleted: true }))
}

/// Adds items at the end.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/items",
    tag = "conversations",
    params(("id" = String, Path)),
    request_body = CreateItems,
    responses((status = 200, body = List<Object>))
)]
pub(crate) async fn add_items(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    included: Included,
    Body(request): Body<CreateItems>,
) -> ApiResult<Json<List<Value>>> {
    let items = new_items(&request.items)?;
    let added: Result<Vec<Value>> = items.iter().map(|item| shown(&item.body, &included)).collect();
    let id = Id::from_raw(id);
    if calls::unanswered(&[], &request.items).is_some() {
        answered(&compaction::of_conversation(&services, &scope, &id).await?, &request.items)?;
    }
    services.conversations.add(&scope, &id, items).await?;
    let data = added?;
    Ok(Json(List {
        object: "list",
        first_id: data.first().map(input::id),
        last_id: data.last().map(input::id),
        data,
        has_more: false,
    }))
}

/// Lists a conversation.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/items",
    tag = "conversations",
    params(("id" = String, Path), ListQuery),
    responses((status = 200, body = List<Object>))
)]
pub(crate) async fn list_items(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    included: Included,
    Listing(query): Listing,
) -> ApiResult<Json<List<Value>>> {
    let paging = Paging::of(&query, 100, 20)?;
    let rows = services.conversations.items(&scope, &Id::from_raw(id), &paging.page).await?;
    let data: Result<Vec<Value>> = rows.iter().map(|row| shown(&row.body, &included)).collect();
    Ok(Json(paging.list(data?, input::id)))
}

/// One item.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/items/{item_id}",
    tag = "conversations",
    params(("id" = String, Path), ("item_id" = String, Path)),
    responses((status = 200, description = "The item"))
)]
pub(crate) async fn retrieve_item(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, item_id)): Path<(String, String)>,
    included: Included,
) -> ApiResult<Json<Value>> {
    let (id, item) = (Id::from_raw(id), Id::from_raw(item_id));
    let ItemRow { body, .. } = services.conversations.item(&scope, &id, &item).await?;
    Ok(Json(shown(&body, &included)?))
}

/// Deletes one item; what is left is the answer.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}/items/{item_id}",
    tag = "conversations",
    params(("id" = String, Path), ("item_id" = String, Path)),
    responses((status = 200, body = Conversation))
)]
pub(crate) async fn delete_item(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, item_id)): Path<(String, String)>,
) -> ApiResult<Json<Conversation>> {
    let (id, item) = (Id::from_raw(id), Id::from_raw(item_id));
    services.conversations.delete_item(&scope, &id, &item).await?;
    Ok(Json(object(services.conversations.get(&scope, &id).await?)?))
}

fn object(row: ConversationRow) -> Result<Conversation> {
    Ok(Conversation {
        id: row.id,
        object: "conversation",
        created_at: seconds(row.created_at),
        metadata: serde_json::from_str(&row.metadata)
            .or_internal("reading a conversation's metadata")?,
        cairn: ConversationExtra { shared: row.shared != 0 },
    })
}

/// Items that a client brings, as they are kept, each with the files it names. A compaction is no
/// item of a conversation, which others may go on with: what it holds belongs to who made it.
///
/// # Errors
/// `Invalid` naming the place of what is not supported.
fn new_items(given: &[Value]) -> Result<Vec<NewItem>> {
    let mut items = Vec::new();
    for (number, item) in given.iter().enumerate() {
        let place = format!("items[{number}]");
        if item.get("type").and_then(Value::as_str) == Some("compaction") {
            let remedy = "send it as input of a response instead";
            let message = format!("{place} is a compaction, which no conversation takes; {remedy}");
            return Err(Error::invalid(message).with_param(format!("{place}.type")));
        }
        let body = input::keep(item, &place)?;
        let mut named = Vec::new();
        history::collect_files(&body, &mut named);
        let sources = named.into_iter().map(Origin::of).collect();
        items.push(NewItem { id: input::id(&body), body: body.to_string(), sources });
    }
    Ok(items)
}

/// Refuses an output among `items`, which a client brings, whose call is neither in front of it
/// nor among the items `earlier`.
///
/// # Errors
/// `Invalid` naming the call.
fn answered(earlier: &[Value], items: &[Value]) -> Result<()> {
    let Some((at, call)) = calls::unanswered(earlier, items) else { return Ok(()) };
    let remedy = "add its function_call item in front of it";
    Err(calls::uncalled(&format!("items[{at}]"), call, remedy))
}

/// An item as it is shown: results of a search only to those who ask for them.
fn shown(body: &str, included: &Included) -> Result<Value> {
    let mut item: Value = serde_json::from_str(body).or_internal("reading an item")?;
    included.show(&mut item);
    Ok(item)
}

#[cfg(test)]
mod tests {
    use cairn_kernel::Error;
    use serde_json::json;

    use super::*;

    #[test]
    fn items_are_kept_in_full_and_shown_without_results() -> Result<()> {
        let given = [
            json!({"role": "user", "content": "Who?"}),
            json!({"type": "file_search_call", "id": "fs_1", "queries": ["Who?"],
                "results": [{"file_id": "file-1", "text": "Ada."}]}),
            json!({"type": "message", "role": "assistant", "content": [{"type": "output_text",
                "text": "Ada.", "annotations": [{"type": "file_citation", "file_id": "file-2"}]}]}),
        ];
        let items = new_items(&given)?;
        assert_eq!(items.len(), 3);
        assert!(items[0].id.starts_with("msg_") && items[1].id.starts_with("fs_"));
        assert_eq!(
            (&items[1].sources, &items[2].sources),
            (&vec![Origin::of("file-1")], &vec![Origin::of("file-2")])
        );
        assert!(
            shown(&items[1].body, &Included { results: false, ..Included::default() })?["results"]
                .is_null()
        );
        assert!(
            shown(&items[1].body, &Included { results: true, ..Included::default() })?["results"]
                .is_array()
        );
        Ok(())
    }

    #[test]
    fn an_output_needs_its_call_in_front_of_it() -> Result<()> {
        let called = json!({"type": "function_call", "call_id": "call_1", "name": "f",
            "arguments": "{}"});
        let came = json!({"type": "function_call_output", "call_id": "call_1", "output": "x"});
        let both = [called.clone(), came.clone()];
        let (earlier, later) = both.split_at(1);
        answered(&[], &both)?;
        answered(earlier, later)?;
        for items in [vec![came.clone()], vec![came, called]] {
            let refused = answered(&[], &items).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some("items[0].call_id"));
            assert!(refused.is_some_and(|error| error.message().contains("'call_1'")));
        }
        Ok(())
    }

    #[test]
    fn what_is_no_item_is_refused_by_its_place() {
        for (item, place) in [
            (json!({"type": "computer_call"}), "items[0].type"),
            (json!({"type": "compaction", "encrypted_content": "resp_1"}), "items[0].type"),
            (json!({"role": "king", "content": "x"}), "items[0].role"),
            (json!({"role": "user", "content": 5}), "items[0].content"),
        ] {
            let refused = new_items(&[item]).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(place));
        }
    }
}
