use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A delete, and its certificate once the last of its bytes is gone.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Erasure {
    /// `era_…`
    pub id: String,
    /// Always `erasure`.
    pub object: &'static str,
    /// `file`, `vector_store` or `tenant`.
    pub kind: String,
    /// The id of what was deleted.
    pub subject: String,
    /// Whose it was.
    pub tenant: String,
    /// The key that asked for it.
    pub requested_by: String,
    /// `requested` or `expired`; for files of a source also `removed` there, `replaced` by a
    /// newer version, or `unreadable` itself.
    pub reason: String,
    /// `pending` until the certificate is signed, then `completed`.
    pub status: &'static str,
    /// When it was deleted: from then on nothing is answered from it.
    pub requested_at: i64,
    /// When the last of its bytes was gone.
    pub completed_at: Option<i64>,
    /// What was destroyed, and what was scrubbed of its words.
    #[schema(value_type = Object)]
    pub destroyed: Value,
    /// The proof, once it is complete.
    pub certificate: Option<Certificate>,
}

/// A statement of this installation that can be checked without it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Certificate {
    /// The statement, a JSON text; its bytes are what was signed.
    pub statement: String,
    /// Always `ed25519`.
    pub algorithm: &'static str,
    /// The signature, hex.
    pub signature: String,
    /// The key to check it with, hex.
    pub public_key: String,
}

/// The key that certificates are checked with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErasureKey {
    /// Always `ed25519`.
    pub algorithm: &'static str,
    /// The key, hex.
    pub public_key: String,
}

/// A customer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tenant {
    /// `ten_…`
    pub id: String,
    /// Always `tenant`.
    pub object: &'static str,
    /// Its name.
    pub name: String,
}

/// Who may read a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccessList {
    /// The file.
    pub file_id: String,
    /// Principals, or null for the whole tenant.
    pub access: Option<Vec<String>>,
}

/// Who shall be able to read a file.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAccess {
    /// Principals; null or `public` among them opens it to the whole tenant. Nothing is opened by
    /// leaving it out.
    #[serde(deserialize_with = "Option::deserialize")]
    pub access: Option<Vec<String>>,
}

/// What a check of the data found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Verification {
    /// Whether indexes, bytes and records agree.
    pub clean: bool,
    /// The stores whose index did not agree.
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<Value>,
    /// Documents with rows that have no vector.
    #[schema(value_type = Vec<Object>)]
    pub without_vectors: Vec<Value>,
    /// Bytes without an owner.
    pub orphaned_blobs: Vec<String>,
    /// Files whose bytes are missing. They cannot be repaired: upload them again.
    pub missing_blobs: Vec<String>,
    /// Whether all of it was repaired.
    pub repaired: bool,
}

/// What a purge removed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Purged {
    /// Points of indexes.
    pub points: usize,
    /// Blobs.
    pub blobs: usize,
    /// Whole indexes.
    pub indexes: usize,
    /// Certificates that were signed.
    pub certificates: usize,
}
