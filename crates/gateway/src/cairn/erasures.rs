//! Deletes and their certificates; tenants, which are deleted as a whole.

use axum::extract::{Path, State};
use cairn_kernel::{Id, Result, ResultExt};
use cairn_services::Services;
use cairn_services::records::ErasureRow;
use cairn_wire::cairn::{Certificate, Erasure, ErasureKey, Tenant};
use cairn_wire::openai::{List, ListQuery};

use crate::error::ApiResult;
use crate::extract::Caller;
use crate::openai::convert::{Listing, Paging, seconds};

/// Deletes and their certificates, newest first.
#[utoipa::path(get, path = "/cairn/v1/erasures", tag = "operate", params(ListQuery), responses((status = 200, body = List<Erasure>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Listing(query): Listing,
) -> ApiResult<axum::Json<List<Erasure>>> {
    let paging = Paging::of(&query, 100, 20)?;
    let rows = services.erase.list(&scope, &paging.page).await?;
    let key = services.erase.public_key();
    let erasures: Result<Vec<_>> = rows.into_iter().map(|row| object(row, &key)).collect();
    Ok(axum::Json(paging.list(erasures?, |erasure| erasure.id.clone())))
}

/// One delete, with its certificate once the last of its bytes is gone.
#[utoipa::path(get, path = "/cairn/v1/erasures/{id}", tag = "operate", params(("id" = String, Path, description = "the erasure")), responses((status = 200, body = Erasure)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Erasure>> {
    let row = services.erase.get(&scope, &Id::from_raw(id)).await?;
    Ok(axum::Json(object(row, &services.erase.public_key())?))
}

/// The key that certificates are checked with.
#[utoipa::path(get, path = "/cairn/v1/erasure_key", tag = "operate", responses((status = 200, body = ErasureKey)))]
pub(crate) async fn key(
    State(services): State<Services>,
    Caller(_): Caller,
) -> ApiResult<axum::Json<ErasureKey>> {
    Ok(axum::Json(ErasureKey { algorithm: ED25519, public_key: services.erase.public_key() }))
}

/// Every tenant, by name, for admins.
#[utoipa::path(get, path = "/cairn/v1/tenants", tag = "keys", responses((status = 200, body = List<Tenant>)))]
pub(crate) async fn tenants(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<List<Tenant>>> {
    let rows = services.erase.tenants(&scope).await?;
    let tenants =
        rows.into_iter().map(|row| Tenant { id: row.id, object: "tenant", name: row.name });
    Ok(axum::Json(super::whole(tenants.collect(), |tenant: &Tenant| &tenant.id)))
}

/// Deletes a tenant, by name or id, with everything that is its own; for admins.
#[utoipa::path(delete, path = "/cairn/v1/tenants/{name}", tag = "keys", params(("name" = String, Path, description = "the tenant")), responses((status = 200, body = Erasure)))]
pub(crate) async fn delete_tenant(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
) -> ApiResult<axum::Json<Erasure>> {
    let row = services.erase.tenant(&scope, &name).await?;
    Ok(axum::Json(object(row, &services.erase.public_key())?))
}

const ED25519: &str = "ed25519";

fn object(row: ErasureRow, public_key: &str) -> Result<Erasure> {
    let signed = row.certificate.zip(row.signature);
    Ok(Erasure {
        id: row.id,
        object: "erasure",
        kind: row.kind,
        subject: row.subject,
        tenant: row.tenant_id,
        requested_by: row.principal_id,
        reason: row.reason,
        status: if signed.is_some() { "completed" } else { "pending" },
        requested_at: seconds(row.requested_at),
        completed_at: row.completed_at.map(seconds),
        destroyed: serde_json::from_str(&row.destroyed).or_internal("reading a delete")?,
        certificate: signed.map(|(statement, signature)| Certificate {
            statement,
            algorithm: ED25519,
            signature,
            public_key: public_key.to_owned(),
        }),
    })
}
