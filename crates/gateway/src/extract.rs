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
    serde_json::from_slice(bytes).map_err(|fault| {
        let text = fault.to_string();
        let field = fault.is_data().then(|| field_at_fault::<T>(bytes, &text));
        match field.flatten() {
            None => Error::invalid(format!("the JSON body does not fit: {text}")),
            Some(field) => Error::invalid(format!("the JSON body does not fit at {field}: {text}"))
                .with_param(field),
        }
    })
}

/// The path of the field at which `bytes` do not fit, as `tools[0].type`; `fault` says why they do
/// not. None where it is no field's. What fits is read once only, without looking for paths.
fn field_at_fault<T: DeserializeOwned>(bytes: &[u8], fault: &str) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let place = serde_path_to_error::deserialize::<_, T>(&mut reader).err()?.path().to_string();
    // The crate's word for a key that it could not tell.
    let place = place.strip_suffix('?').map_or(place.as_str(), |above| above.trim_end_matches('.'));
    let missing = fault.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (place, missing) {
        ("" | ".", missing) => missing.map(str::to_owned),
        (_, Some(missing)) => Some(format!("{place}.{missing}")),
        _ => Some(place.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use cairn_wire::openai::{AttachFile, CreateFileBatch, CreateVectorStore, ResponseRequest};

    use super::*;

    fn param<T: DeserializeOwned>(body: &str) -> Option<String> {
        let refused = parse::<T>(body.as_bytes()).err()?;
        if let Some(param) = refused.param() {
            assert!(refused.message().contains(param), "{refused}");
        }
        refused.param().map(str::to_owned)
    }

    #[test]
    fn a_field_that_does_not_fit_is_named() {
        let metadata = param::<CreateVectorStore>(r#"{"metadata": {"k": 5}}"#);
        assert_eq!(metadata.as_deref(), Some("metadata.k"));
        let file = param::<CreateFileBatch>(r#"{"files": [{"file_id": "a"}, {"file_id": 5}]}"#);
        assert_eq!(file.as_deref(), Some("files[1].file_id"));
        let missing = param::<CreateFileBatch>(r#"{"files": [{"attributes": {}}]}"#);
        assert_eq!(missing.as_deref(), Some("files[0].file_id"));
        assert_eq!(param::<AttachFile>("").as_deref(), Some("file_id"));
        let stream = param::<ResponseRequest>(r#"{"input": "Who?", "stream": "yes"}"#);
        assert_eq!(stream.as_deref(), Some("stream"));
    }

    #[test]
    fn what_is_no_json_names_no_field() {
        for body in ["[", "{} x", "5"] {
            let refused = parse::<CreateVectorStore>(body.as_bytes()).err();
            assert!(refused.is_some_and(|refused| refused.param().is_none()), "{body}");
        }
        assert!(parse::<CreateVectorStore>(b"").is_ok());
    }
}
