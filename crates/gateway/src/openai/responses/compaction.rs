//! `/v1/responses/compact`: a long conversation, told in fewer words.
//!
//! What a client gets, and sends again as an item, names what is kept here and holds no word of
//! it: so a delete of a file reaches what was compacted of it, wherever the item went.

use axum::Json;
use axum::extract::State;
use cairn_kernel::{Clock, Error, Id, Kind, Result, ResultExt, Scope};
use cairn_services::Services;
use cairn_services::records::{Keeping, Origin, ResponseRow};
use cairn_services::responses::condense;
use cairn_wire::openai::{CompactRequest, Compaction, ResponseUsage};
use serde_json::{Value, json};

use super::{history, input, refused};
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body};
use crate::openai::convert::{refuse_rest, seconds};

/// What a compaction calls itself.
pub(super) const OBJECT: &str = "response.compaction";
/// Fields that change nothing here: no model is asked.
const HARMLESS: [&str; 5] =
    ["prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "service_tier", "user"];

/// Tells a conversation in fewer words: what users said stays, and of the answers what documents
/// support, with its citations. No model writes it. The last item of the output stands for the
/// answers; it holds no words, and is sent again in front of the next question.
#[utoipa::path(
    post,
    path = "/v1/responses/compact",
    tag = "responses",
    request_body = CompactRequest,
    responses((status = 200, body = Compaction))
)]
pub(crate) async fn compact(
    State(services): State<Services>,
    Caller(scope): Caller,
    Body(request): Body<CompactRequest>,
) -> ApiResult<Json<Compaction>> {
    refuse_rest(&request.rest, &HARMLESS)?;
    let now = Clock::system().now();
    let history::Earlier { items, mut sources } = match &request.previous_response_id {
        Some(id) => history::load(&services, &scope, &Id::from_raw(id.as_str()), true).await?,
        None => history::Earlier::default(),
    };
    let given = match &request.input {
        Value::Null => Vec::new(),
        given => input::items(given)?,
    };
    let mut items = open(&services, &scope, items, Missing::PassedOver, &mut sources).await?;
    items.extend(open(&services, &scope, given, Missing::Refused, &mut sources).await?);
    if items.is_empty() {
        let nothing = "there is nothing to compact; send previous_response_id, or items as input";
        return Err(refused("input", nothing).into());
    }
    let mut named = Vec::new();
    items.iter().for_each(|item| history::collect_files(item, &mut named));
    for file in services.responses.files_among(&scope, &named).await? {
        Origin::add(&mut sources, Origin::of(file));
    }
    if let Some(instructions) = &request.instructions {
        items.insert(0, input::keep(&json!({"role": "system", "content": instructions}), "")?);
    }
    let condensed = items.iter().filter_map(condense);
    let (asked, told): (Vec<Value>, Vec<Value>) =
        condensed.partition(|item| item["role"] == "user");
    let mut made = Compaction {
        id: Id::generate("resp_").to_string(),
        object: OBJECT,
        created_at: seconds(now),
        output: told,
        usage: ResponseUsage::default(),
    };
    let row = ResponseRow {
        id: made.id.clone(),
        status: "completed".to_owned(),
        body: serde_json::to_string(&made).or_internal("writing a compaction")?,
        input: serde_json::to_string(&asked).or_internal("writing input items")?,
        pieces: "[]".to_owned(),
        created_at: now,
    };
    services.responses.keep(&scope, Keeping::New(&row), &sources, None, None).await?;
    made.output = asked;
    made.output.push(json!({
        "id": Id::generate("cmp_"),
        "type": "compaction",
        "encrypted_content": row.id,
    }));
    Ok(Json(made))
}

/// What becomes of an item whose compaction is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is refused: it was just sent.
    Refused,
    /// It is passed over, as a deleted answer is: it was sent before.
    PassedOver,
}

/// `items` with what their compactions hold in the place of these; what that rests on is added to
/// `sources`.
///
/// # Errors
/// `NotFound` for a compaction that is not kept for this caller (any more), if that is refused.
pub(super) async fn open(
    services: &Services,
    scope: &Scope,
    items: Vec<Value>,
    missing: Missing,
    sources: &mut Vec<Origin>,
) -> Result<Vec<Value>> {
    let mut opened = Vec::with_capacity(items.len());
    for item in items {
        let Some(id) = input::compaction(&item).map(Id::from_raw) else {
            opened.push(item);
            continue;
        };
        // Before the words, for a delete in between takes from the sources.
        let rests_on = services.responses.sources(scope, &id).await?;
        match held(services, scope, &id).await {
            Ok(held) => {
                opened.extend(held);
                rests_on.into_iter().for_each(|source| Origin::add(sources, source));
            }
            Err(gone) if gone.kind() == Kind::NotFound && missing == Missing::PassedOver => {}
            Err(error) => return Err(error),
        }
    }
    Ok(opened)
}

/// The latest items of a conversation, with what compactions among them hold.
///
/// # Errors
/// `NotFound`.
pub(in crate::openai) async fn of_conversation(
    services: &Services,
    scope: &Scope,
    id: &Id,
) -> Result<Vec<Value>> {
    let earlier = history::of_conversation(services, scope, id, true).await?;
    let history::Earlier { items, mut sources } = earlier;
    open(services, scope, items, Missing::PassedOver, &mut sources).await
}

/// The items that a compaction stands for.
async fn held(services: &Services, scope: &Scope, id: &Id) -> Result<Vec<Value>> {
    let unknown = || {
        let remedy = "compact the conversation anew, or send its items as they were";
        let message = format!("the compaction '{id}' was not found; {remedy}");
        Error::new(Kind::NotFound, message).with_param("input")
    };
    let row = services.responses.get(scope, id).await;
    let row = row.map_err(|error| match error.kind() {
        Kind::NotFound => unknown(),
        _ => error,
    })?;
    let mut body: Value = serde_json::from_str(&row.body).or_internal("reading a compaction")?;
    match body["output"].take() {
        Value::Array(items) if body["object"] == OBJECT => Ok(items),
        _ => Err(unknown()),
    }
}
