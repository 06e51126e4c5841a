use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tool as `tools/list` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpTool {
    /// What a call names.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For a model.
    pub description: &'static str,
    /// The JSON schema of the arguments.
    pub input_schema: Value,
    /// That of the result.
    pub output_schema: Value,
    /// What clients may know of it beforehand.
    pub annotations: McpAnnotations,
}

/// What clients may know of a tool beforehand.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpAnnotations {
    /// Whether it changes nothing.
    pub read_only_hint: bool,
    /// Whether it reaches beyond the server's own documents.
    pub open_world_hint: bool,
}

/// What `tools/list` gives.
#[derive(Clone, Debug, Serialize)]
pub struct McpTools {
    /// All of them, always in the same order.
    pub tools: Vec<McpTool>,
}

/// What `tools/call` takes.
#[derive(Clone, Debug, Deserialize)]
pub struct McpCall {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: Option<Map<String, Value>>,
}

/// What `tools/call` gives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpCalled {
    /// One text: the result as JSON, or why there is none.
    pub content: Vec<McpText>,
    /// The result, of the form of the tool's output schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A text.
#[derive(Clone, Debug, Serialize)]
pub struct McpText {
    /// Always `text`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The text.
    pub text: String,
}
