//! API keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Given;

/// A key to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// The tenant; made if it is new.
    pub tenant: String,
    /// `viewer`, `editor` or `admin`.
    pub role: String,
    /// What to call it.
    pub name: Option<String>,
    /// The users and groups it speaks for, such as `user:ada`: documents with an access
    /// list answer only to those on it.
    pub principals: Option<Vec<String>>,
    /// When it ends by itself, in Unix seconds; never by default.
    pub expires_at: Option<i64>,
}

/// What to change of a key; the rest stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateKey {
    /// What to call it; `null` for nothing.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Given<String>,
    /// The users and groups it speaks for, in place of those before; `null` for none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub principals: Given<Vec<String>>,
    /// When it ends by itself, in Unix seconds; `null` for never.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub expires_at: Given<i64>,
}

/// How a key gets a new secret.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// Seconds for which the old secret works beside the new one, a week at most; 0 by default.
    #[serde(default)]
    pub grace_s: i64,
}

/// A key; `key` only right after it was made or rotated.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Key {
    /// The key's id.
    pub id: String,
    /// The whole key, shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The tenant's name.
    pub tenant: String,
    /// What it may do.
    pub role: String,
    /// What it is called.
    pub name: String,
    /// The users and groups it speaks for.
    pub principals: Vec<String>,
    /// When it was made.
    pub created_at: i64,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// When a request last came with it, to half a minute after a crash.
    pub last_used_at: Option<i64>,
    /// Until when the secret before its last rotation works; none where it was never rotated.
    pub previous_secret_until: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}
