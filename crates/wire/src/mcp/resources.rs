use serde::{Deserialize, Serialize};

/// What lists take.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct McpCursor {
    /// Where the page begins, as the one before named it.
    pub cursor: Option<String>,
}

/// A page of `resources/list`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpResources {
    /// Files, the newest first.
    pub resources: Vec<McpResource>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The text of a file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpResource {
    /// `cairn://files/file-…`
    pub uri: String,
    /// The file's name.
    pub name: String,
    /// Always `text/plain`.
    pub mime_type: &'static str,
}

/// What `resources/templates/list` gives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpTemplates {
    /// The only one.
    pub resource_templates: Vec<McpTemplate>,
}

/// How the URIs of resources are made.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpTemplate {
    /// With a variable in braces.
    pub uri_template: &'static str,
    /// What it is of.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Always `text/plain`.
    pub mime_type: &'static str,
}

/// What `resources/read` takes.
#[derive(Clone, Debug, Deserialize)]
pub struct McpRead {
    /// Of the resource.
    pub uri: String,
}

/// What `resources/read` gives.
#[derive(Clone, Debug, Serialize)]
pub struct McpContents {
    /// The one resource.
    pub contents: Vec<McpContent>,
}

/// A resource with its text.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpContent {
    /// As it was asked for.
    pub uri: String,
    /// Always `text/plain`.
    pub mime_type: &'static str,
    /// All of the text.
    pub text: String,
}
