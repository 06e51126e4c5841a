//! What handlers take out of a request: the caller, the request's id, a JSON body.

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use cairn_kernel::{Error, Kind, Scope};
use cairn_services::Services;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The authenticated caller. A handler without it is public.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Scope);

impl<S> FromRequestParts<S> for Caller
where
    Services: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let services = Services::from_ref(state);
        let presented = presented(|name| parts.headers.get(name)?.to_str().ok());
        let scope = services.accounts.authenticate(presented).await?;
        Ok(Self(scope))
    }
}

/// The key in a request's headers, or in a call's metadata; empty if there is none.
pub(crate) fn presented<'h>(header: impl Fn(&'static str) -> Option<&'h str>) -> &'h str {
    header("authorization")
        .and_then(|value| value.strip_prefix("Bearer ").or(value.strip_prefix("bearer ")))
        .or_else(|| header("x-api-key"))
        .unwrap_or_default()
}

/// How long a body is said to be, in bytes.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How long this request's body is said to be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced(pub(crate) Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for Announced {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(announced(&parts.headers)))
    }
}

/// The id of this request, as in the `x-request-id` header and the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(String::new())))
    }
}

/// What keeps its version of a model from request to request: the header `x-cairn-sticky`.
#[derive(Clone, Debug)]
pub(crate) struct Sticky(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Sticky {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let sent = parts.headers.get("x-cairn-sticky").map(|value| value.as_bytes());
        let key = sent.filter(|key| !key.is_empty());
        Ok(Self(key.map(|key| String::from_utf8_lossy(key).into_owned())))
    }
}

/// A JSON body; whatever is wrong with it is told in OpenAI's shape. An empty body
/// stands for an empty object, as clients send it on bodyless POSTs.
#[derive(Clone, Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let kind = match rejection.status().as_u16() {
                413 => Kind::TooLarge,
                _ => Kind::Invalid,
            };
            Error::new(kind, format!("the body could not be read: {}", rejection.body_text()))
        })?;
        Ok(Self(parse(&bytes)?))
    }
}

/// Parses a JSON body, naming the field at fault.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|fault| Error::invalid(format!("the JSON body does not fit: {fault}")))
}
