//! API keys, for admins.

use axum::extract::{Path, State};
use cairn_kernel::{Result, ResultExt};
use cairn_services::Services;
use cairn_services::accounts::KeyWish;
use cairn_services::records::KeyRow;
use cairn_wire::cairn::{CreateKey, Key};
use cairn_wire::openai::{Deleted, List};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};

/// Makes a key; its secret is in this answer only.
#[utoipa::path(post, path = "/cairn/v1/keys", tag = "keys", request_body = CreateKey, responses((status = 200, body = Key)))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<CreateKey>,
) -> ApiResult<axum::Json<Key>> {
    let role = wanted.role.parse()?;
    let name = wanted.name.unwrap_or_default();
    let principals = wanted.principals.unwrap_or_default();
    let wish = KeyWish { tenant: &wanted.tenant, role, name: &name, principals };
    let made = services.accounts.create_key(&scope, wish).await?;
    Ok(axum::Json(Key {
        id: made.id.to_string(),
        key: Some(made.key.expose().to_owned()),
        tenant: made.tenant,
        role: made.role.to_string(),
        name: made.name,
        principals: made.principals,
        created_at: services.now_seconds(),
        revoked_at: None,
    }))
}

/// Every key without its secret.
#[utoipa::path(get, path = "/cairn/v1/keys", tag = "keys", responses((status = 200, body = List<Key>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<List<Key>>> {
    let rows = services.accounts.list_keys(&scope).await?;
    let keys = rows.into_iter().map(key).collect::<Result<Vec<_>>>()?;
    Ok(axum::Json(super::whole(keys, |key: &Key| &key.id)))
}

fn key(row: KeyRow) -> Result<Key> {
    Ok(Key {
        id: row.id,
        key: None,
        tenant: row.tenant_name,
        role: row.role,
        name: row.name,
        principals: serde_json::from_str(&row.principals)
            .or_internal("reading a key's principals")?,
        created_at: row.created_at / 1000,
        revoked_at: row.revoked_at.map(|at| at / 1000),
    })
}

/// Ends a key at once.
#[utoipa::path(delete, path = "/cairn/v1/keys/{id}", tag = "keys", params(("id" = String, Path, description = "the key")), responses((status = 200, body = Deleted)))]
pub(crate) async fn revoke(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Deleted>> {
    services.accounts.revoke_key(&scope, &id).await?;
    Ok(axum::Json(Deleted { id, object: "key.deleted", deleted: true }))
}
