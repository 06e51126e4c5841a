use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What `initialize` takes; the client's capabilities change nothing here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct McpInitialize {
    /// The newest version that the client speaks.
    pub protocol_version: String,
}

/// What `initialize` gives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpInitialized {
    /// The version to speak.
    pub protocol_version: &'static str,
    /// What there is.
    pub capabilities: McpCapabilities,
    /// Who answers.
    pub server_info: McpServerInfo,
    /// What the server is for, for a model.
    pub instructions: &'static str,
}

/// What `server/discover` gives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpDiscovered {
    /// The versions that are spoken, the newest first.
    pub supported_versions: Vec<&'static str>,
    /// What there is.
    pub capabilities: McpCapabilities,
    /// What the server is for, for a model.
    pub instructions: &'static str,
}

/// What there is: empty objects, as no changes are announced.
#[derive(Clone, Debug, Default, Serialize)]
pub struct McpCapabilities {
    /// Tools.
    pub tools: Map<String, Value>,
    /// Resources.
    pub resources: Map<String, Value>,
}

/// Who answers.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct McpServerInfo {
    /// `cairn`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// The program's version.
    pub version: &'static str,
}
