//! Who may read a file.

use axum::extract::{Path, State};
use cairn_kernel::{Id, Result};
use cairn_services::Services;
use cairn_services::access::Access;
use cairn_wire::cairn::{AccessList, SetAccess};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};

/// The access list of a file.
#[utoipa::path(get, path = "/cairn/v1/files/{id}/access", tag = "documents", params(("id" = String, Path, description = "the file")), responses((status = 200, body = AccessList)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<AccessList>> {
    let access = services.access.get(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(list(id, access)))
}

/// Sets who may read a file, in every store and in what was answered from it.
#[utoipa::path(put, path = "/cairn/v1/files/{id}/access", tag = "documents", params(("id" = String, Path, description = "the file")), request_body = SetAccess, responses((status = 200, body = AccessList)))]
pub(crate) async fn set(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<SetAccess>,
) -> ApiResult<axum::Json<AccessList>> {
    let access = asked(wanted)?;
    services.access.set(&scope, &Id::from_raw(id.as_str()), &access).await?;
    Ok(axum::Json(list(id, access)))
}

fn asked(wanted: SetAccess) -> Result<Access> {
    wanted.access.map_or(Ok(Access::Tenant), Access::of)
}

fn list(file_id: String, access: Access) -> AccessList {
    let access = match access {
        Access::Tenant => None,
        Access::Only(principals) => Some(principals),
    };
    AccessList { file_id, access }
}
