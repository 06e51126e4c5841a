//! API keys, for admins.

use axum::extract::{Path, State};
use cairn_kernel::{Result, ResultExt};
use cairn_services::Services;
use cairn_services::accounts::{KeyUpdate, KeyWish, NewKey};
use cairn_services::records::KeyRow;
use cairn_wire::Given;
use cairn_wire::cairn::{CreateKey, Key, RotateKey, UpdateKey};
use cairn_wire::openai::{Deleted, List};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openai::convert::seconds;

/// Makes a key; its secret is in this answer only.
#[utoipa::path(post, path = "/cairn/v1/keys", tag = "keys", request_body = CreateKey, responses((status = 200, body = Key)))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<CreateKey>,
) -> ApiResult<axum::Json<Key>> {
    let CreateKey { tenant, role, name, principals, expires_at } = wanted;
    let name = name.unwrap_or_default();
    let wish = KeyWish {
        tenant: &tenant,
        role: role.parse()?,
        name: &name,
        principals: principals.unwrap_or_default(),
        expires_at,
    };
    Ok(axum::Json(shown_once(services.accounts.create_key(&scope, wish).await?)?))
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

/// Changes a key: its name, for whom it speaks, when it ends. It holds for every request that
/// begins afterwards.
#[utoipa::path(patch, path = "/cairn/v1/keys/{id}", tag = "keys", params(("id" = String, Path, description = "the key")), request_body = UpdateKey, responses((status = 200, body = Key)))]
pub(crate) async fn update(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<UpdateKey>,
) -> ApiResult<axum::Json<Key>> {
    let changed = services.accounts.update_key(&scope, &id, changes(wanted)).await?;
    Ok(axum::Json(key(changed)?))
}

/// Gives a key a new secret, which is in this answer only; the old one works for `grace_s` more.
#[utoipa::path(post, path = "/cairn/v1/keys/{id}/rotate", tag = "keys", params(("id" = String, Path, description = "the key")), request_body = RotateKey, responses((status = 200, body = Key)))]
pub(crate) async fn rotate(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<RotateKey>,
) -> ApiResult<axum::Json<Key>> {
    let rotated = services.accounts.rotate_key(&scope, &id, wanted.grace_s).await?;
    Ok(axum::Json(shown_once(rotated)?))
}

fn changes(wanted: UpdateKey) -> KeyUpdate {
    KeyUpdate {
        name: wanted.name.or_cleared(String::new()),
        principals: wanted.principals.or_cleared(Vec::new()),
        expires_at: match wanted.expires_at {
            Given::Absent => None,
            Given::Null => Some(None),
            Given::Value(at) => Some(Some(at)),
        },
    }
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
        created_at: seconds(row.created_at),
        expires_at: row.expires_at.map(seconds),
        last_used_at: row.used_at.map(seconds),
        previous_secret_until: row.previous_until.map(seconds),
        revoked_at: row.revoked_at.map(seconds),
    })
}

fn shown_once(made: NewKey) -> Result<Key> {
    Ok(Key { key: Some(made.key.expose().to_owned()), ..key(made.row)? })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_stays_and_null_clears() -> Result<(), serde_json::Error> {
        let read = |body| serde_json::from_value::<UpdateKey>(body).map(changes);
        let none = read(json!({}))?;
        assert!(none.name.is_none() && none.principals.is_none() && none.expires_at.is_none());
        let cleared = read(json!({"name": null, "principals": null, "expires_at": null}))?;
        assert_eq!(cleared.name.as_deref(), Some(""));
        assert_eq!(cleared.principals, Some(Vec::new()));
        assert_eq!(cleared.expires_at, Some(None));
        assert_eq!(read(json!({"expires_at": 5}))?.expires_at, Some(Some(5)));
        for wrong in [json!({"role": "admin"}), json!({"expires_at": "soon"})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
        Ok(())
    }
}
