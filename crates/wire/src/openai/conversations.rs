use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Given;

/// A conversation to make.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConversation {
    /// Up to 20 items it begins with.
    pub items: Option<Vec<Value>>,
    /// Up to 16 strings.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Our extra fields.
    pub cairn: Option<ConversationWish>,
}

/// What is to change; one of both at least.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateConversation {
    /// It replaces the old one; `null` for none.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Given<BTreeMap<String, String>>,
    /// Our extra fields.
    pub cairn: Option<ConversationWish>,
}

/// What is wished of a conversation beyond OpenAI's fields.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationWish {
    /// Whether the whole tenant may read it and go on with it.
    pub shared: Option<bool>,
}

/// What a conversation has beyond OpenAI's fields.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ConversationExtra {
    /// Whether the whole tenant may read it and go on with it.
    pub shared: bool,
}

/// A conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Conversation {
    /// `conv_…`
    pub id: String,
    /// Always `conversation`.
    pub object: &'static str,
    /// When it was made.
    pub created_at: i64,
    /// Up to 16 strings.
    pub metadata: BTreeMap<String, String>,
    /// Our extra fields.
    pub cairn: ConversationExtra,
}

/// Items to add at the end.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateItems {
    /// Up to 20.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Value>,
}

/// The conversation of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConversationRef {
    /// `conv_…`
    pub id: String,
}
