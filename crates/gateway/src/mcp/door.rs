//! Who may come in: pages of which sites, and with which key.
//!
//! A page of a stranger's site can have its name resolve to this server (DNS rebinding), and its
//! requests are then of one origin with it, so that a browser lets it read the answers. Such a page
//! names its own site both as `Origin` and as `Host`. So an origin is let in where no name can have
//! been resolved otherwise: on the browser's own machine, at an address, and under `https`, for which
//! this server's proxy would need the stranger's certificate.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Error, Kind, Scope};

use super::links::Links;
use crate::App;
use crate::error::McpFailure;
use crate::extract::Caller;

const NO_KEY: HeaderValue = HeaderValue::from_static("Bearer realm=\"cairn\"");
const BAD_KEY: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"cairn\", error=\"invalid_token\"");

/// Who came in.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(super) scope: Scope,
    pub(super) links: Links,
}

impl FromRequestParts<App> for Entered {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        if let Some(origin) = parts.headers.get(ORIGIN) {
            let origin = origin.to_str().unwrap_or("…");
            if !admits(origin, host(&parts.headers)) {
                return Err(McpFailure(foreign(origin)).into_response());
            }
        }
        match Caller::from_request_parts(parts, app).await {
            Ok(Caller(scope)) => Ok(Self { scope, links: Links::of(&parts.headers) }),
            Err(refused) => Err(keyless(refused.0, &parts.headers)),
        }
    }
}

fn foreign(origin: &str) -> Error {
    Error::new(
        Kind::Forbidden,
        format!(
            "pages of '{origin}' may not speak to this server; send no Origin header, or reach the \
             server under https or by its address"
        ),
    )
}

fn keyless(error: Error, headers: &HeaderMap) -> Response {
    let unknown = error.kind() == Kind::Unauthenticated;
    let mut response = McpFailure(error).into_response();
    if unknown {
        let sent = headers.contains_key(AUTHORIZATION) || headers.contains_key("x-api-key");
        response.headers_mut().insert(WWW_AUTHENTICATE, if sent { BAD_KEY } else { NO_KEY });
    }
    response
}

/// The name by which the server was reached.
pub(super) fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

/// Whether a page of `origin` may speak to the server that it reached as `host`.
fn admits(origin: &str, host: Option<&str>) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(site)) = (origin.scheme_str(), origin.authority()) else {
        return false;
    };
    let name = site.host().trim_start_matches('[').trim_end_matches(']');
    let address = name.parse::<IpAddr>().ok();
    if name.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|address| address.is_loopback())
    {
        return true;
    }
    let reached = host.is_some_and(|host| host.eq_ignore_ascii_case(site.as_str()));
    reached && (scheme == "https" || address.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_let_in_whose_name_cannot_be_turned() {
        for (origin, host) in [
            ("http://localhost:6274", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://192.168.1.5:8080", "192.168.1.5:8080"),
            ("https://cairn.example", "cairn.example"),
            ("https://cairn.example:8443", "Cairn.example:8443"),
        ] {
            assert!(admits(origin, Some(host)), "{origin} at {host}");
        }
    }

    #[test]
    fn pages_of_strangers_are_not() {
        for (origin, host) in [
            ("http://evil.example:8080", "evil.example:8080"),
            ("https://evil.example", "cairn.example"),
            ("http://192.168.1.5:8080", "192.168.1.6:8080"),
            ("http://localhost.evil.example", "localhost.evil.example"),
            ("http://localhost@evil.example", "evil.example"),
            ("null", "127.0.0.1:8080"),
            ("file://", "127.0.0.1:8080"),
            ("", "127.0.0.1:8080"),
        ] {
            assert!(!admits(origin, Some(host)), "{origin} at {host}");
        }
        assert!(!admits("https://cairn.example", None));
    }
}
