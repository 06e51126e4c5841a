//! OpenAI's objects, as its official clients send and read them.

mod chat;
mod conversations;
mod embeddings;
mod files;
mod rerank;
mod responses;
mod search;
mod stores;
mod uploads;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use chat::*;
pub use conversations::*;
pub use embeddings::*;
pub use files::*;
pub use rerank::*;
pub use responses::*;
pub use search::*;
pub use stores::*;
pub use uploads::*;

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// Always `list`.
    pub object: &'static str,
    /// The items.
    pub data: Vec<T>,
    /// Id of the first item.
    pub first_id: Option<String>,
    /// Id of the last item: the next page's `after`.
    pub last_id: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// Says that something was deleted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// What was deleted.
    pub id: String,
    /// `file`, `vector_store.deleted` and so on.
    pub object: &'static str,
    /// Always true.
    pub deleted: bool,
}

/// What every failed request gets.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// What happened, to what, what to do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// For people.
    pub message: String,
    /// OpenAI's class of error.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The field at fault.
    pub param: Option<String>,
    /// For programs.
    pub code: Option<String>,
}

/// A cursor query.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Most items.
    pub limit: Option<i64>,
    /// `asc` or `desc`.
    pub order: Option<String>,
    /// The id to start behind.
    pub after: Option<String>,
    /// The id to end in front of; not together with `after`.
    pub before: Option<String>,
    /// Files only: their purpose.
    pub purpose: Option<String>,
    /// Files of a vector store only: their status.
    pub filter: Option<String>,
}

/// A model that answers here.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Model {
    /// Its name; of a vector store that a chat can ask `store/NAME` or `store/ID`.
    pub id: String,
    /// Always `model`.
    pub object: &'static str,
    /// When it was made; of the program's own, when the server started.
    pub created: i64,
    /// `tenant` for one of the caller's, else `cairn`.
    pub owned_by: &'static str,
}
