use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a client sends: a request, or without an `id` a notification.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct McpMessage {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// What the reply names: a text or a whole number.
    pub id: Option<Value>,
    /// `tools/call` and so on.
    pub method: String,
    /// What the method takes; `_meta` names the protocol version from 2026-07-28 on.
    #[schema(value_type = Option<Object>)]
    pub params: Option<Map<String, Value>>,
}

/// The reply to a request: a result or an error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct McpReply {
    /// Always `2.0`.
    pub jsonrpc: &'static str,
    /// That of the request; null where it could not be read.
    pub id: Value,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why nothing came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<McpError>,
}

/// Why a request failed. What a tool could not do is no error but a result with `isError`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct McpError {
    /// A code of JSON-RPC or of the protocol; else the HTTP status.
    pub code: i64,
    /// What was wrong and what to do.
    pub message: String,
    /// More, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}
