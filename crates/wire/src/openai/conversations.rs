use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A conversation to make.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConversation {
    /// Up to 20 items it begins with.
    pub items: Option<Vec<Value>>,
    /// Up to 16 strings.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// What is to change.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateConversation {
    /// It replaces the old one.
    pub metadata: Option<BTreeMap<String, String>>,
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
