//! HTTP to a running server.

use std::path::Path;
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt as _, Secret};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::cli::Common;
use crate::up::Running;

/// A server and the key to it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Secret,
}

impl Client {
    /// The server that the flags or the environment name, else the one that runs on `data`.
    ///
    /// # Errors
    /// `Unavailable` when none runs, `Invalid` when the address or its key is unusable.
    pub(crate) fn find(common: &Common, data: &Path) -> Result<Self> {
        let running = Running::of(data);
        let given = common.url.as_deref().filter(|url| !url.is_empty());
        let url = match (given, &running) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(running)) => running.url.clone(),
            (None, None) => return Err(none_runs(data)),
        };
        let own_key = running.filter(|running| running.url == url).map(|running| running.key);
        let key = common.key.as_deref().filter(|key| !key.is_empty()).map(Secret::new).or(own_key);
        let key = key.ok_or_else(|| {
            Error::invalid(format!("no key for {url} is given; pass --key KEY or set CAIRN_KEY"))
        })?;
        Self::new(&url, key)
    }

    fn new(url: &str, key: Secret) -> Result<Self> {
        let base: Url = url
            .parse()
            .ok()
            .filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                Error::invalid(format!(
                    "'{url}' is no server address; it looks like http://127.0.0.1:8420"
                ))
            })?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")));
        let local = base.host_str().is_some_and(|host| {
            host == "localhost"
                || host
                    .trim_matches(['[', ']'])
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        });
        if local {
            builder = builder.no_proxy();
        }
        let http = builder.build().or_internal("making an HTTP client")?;
        Ok(Self { http, base, key })
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of a resource; each segment is escaped.
    pub(crate) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// GET.
    ///
    /// # Errors
    /// What the server says, or `Unavailable` when it does not answer.
    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.json(self.http.request(Method::GET, url)).await
    }

    /// POST of a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value> {
        self.json(self.http.request(Method::POST, self.url(path)).json(body)).await
    }

    /// PUT of a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Value> {
        self.json(self.http.request(Method::PUT, self.url(path)).json(body)).await
    }

    /// PATCH of a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value> {
        self.json(self.http.request(Method::PATCH, self.url(path)).json(body)).await
    }

    /// POST of a form.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn upload(&self, path: &[&str], form: Form) -> Result<Value> {
        self.json(self.http.request(Method::POST, self.url(path)).multipart(form)).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<Value> {
        self.delete_with(path, &[]).await
    }

    /// DELETE with a query.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn delete_with(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.json(self.http.request(Method::DELETE, url)).await
    }

    /// All items of a list, page by page.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn list(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut asked = query.to_vec();
            if let Some(after) = after.as_deref() {
                asked.push(("after", after));
            }
            let mut page = self.get(path, &asked).await?;
            if let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) {
                items.extend(data);
            }
            let more = page.get("has_more").and_then(Value::as_bool).unwrap_or(false);
            after = page.get("last_id").and_then(Value::as_str).map(str::to_owned);
            if !more || after.is_none() {
                return Ok(items);
            }
        }
    }

    /// The bytes of a resource, piece by piece.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn open(&self, path: &[&str]) -> Result<Response> {
        self.send(self.http.request(Method::GET, self.url(path))).await
    }

    /// Downloads a resource to `to`; returns its size.
    ///
    /// # Errors
    /// As [`Client::get`], `Internal` when the file cannot be written.
    pub(crate) async fn download(&self, path: &[&str], to: &Path) -> Result<u64> {
        let mut answer = self.open(path).await?;
        let doing = format!("writing {}", to.display());
        let mut file = tokio::fs::File::create(to).await.or_internal(&doing)?;
        let mut bytes = 0;
        while let Some(piece) = self.piece(&mut answer).await? {
            file.write_all(&piece).await.or_internal(&doing)?;
            bytes += piece.len() as u64;
        }
        file.flush().await.or_internal(&doing)?;
        Ok(bytes)
    }

    /// The next piece of an answer from [`Client::open`].
    ///
    /// # Errors
    /// `Unavailable` when the connection breaks.
    pub(crate) async fn piece(&self, answer: &mut Response) -> Result<Option<bytes::Bytes>> {
        answer
            .chunk()
            .await
            .or_kind(Kind::Unavailable, format!("the answer of {} broke off", self.base()))
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value> {
        let answer = self.send(request).await?;
        let bytes = answer.bytes().await;
        let bytes =
            bytes.or_kind(Kind::Unavailable, format!("the answer of {} broke off", self.base()))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        let message = format!("{} answers without JSON; is it a Cairn server?", self.base());
        serde_json::from_slice(&bytes).or_kind(Kind::Unprocessable, message)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let sent = request.bearer_auth(self.key.expose()).send().await;
        let answer = sent.map_err(|cause| {
            let message = if cause.is_connect() {
                format!("no server answers at {}; start one with `cairn up`", self.base())
            } else {
                format!("the connection to {} broke", self.base())
            };
            Error::unavailable(message).with_source(cause)
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = answer.bytes().await.unwrap_or_default();
        Err(said(status, &body))
    }
}

fn none_runs(data: &Path) -> Error {
    Error::unavailable(format!(
        "no server runs on {}; start it with `cairn up`, or name one with --url and --key",
        data.display()
    ))
}

/// A status as our kind of failure. What the server calls invalid is no mistake in our
/// own command line, but it is one of the user's request all the same.
fn kind_of(status: StatusCode) -> Kind {
    match status {
        StatusCode::UNAUTHORIZED => Kind::Unauthenticated,
        StatusCode::FORBIDDEN => Kind::Forbidden,
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::CONFLICT => Kind::Conflict,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::Unsupported,
        StatusCode::UNPROCESSABLE_ENTITY => Kind::Unprocessable,
        StatusCode::TOO_MANY_REQUESTS => Kind::Exhausted,
        StatusCode::GATEWAY_TIMEOUT => Kind::Timeout,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY => Kind::Unavailable,
        status if status.is_client_error() => Kind::Invalid,
        _ => Kind::Internal,
    }
}

/// What the server says of a request that failed, and of which parameter.
fn said(status: StatusCode, body: &[u8]) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body.pointer("/error/message").or_else(|| body.get("error"));
    let message = message.and_then(Value::as_str);
    let message = message.map_or_else(|| format!("the server answers {status}"), str::to_owned);
    let error = Error::new(kind_of(status), message);
    match body.pointer("/error/param").and_then(Value::as_str) {
        Some(param) => error.with_param(param),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(url: Option<&str>, key: Option<&str>) -> Common {
        Common { data: None, config: None, url: url.map(Into::into), key: key.map(Into::into) }
    }

    #[test]
    fn the_server_of_the_data_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let error = Client::find(&common(None, None), folder.path()).unwrap_err();
        assert!(error.message().contains("cairn up"), "{error}");
        let text = r#"{"url":"http://127.0.0.1:9","key":"local","pid":1}"#;
        std::fs::write(folder.path().join("server.json"), text).unwrap();
        let client = Client::find(&common(None, None), folder.path()).unwrap();
        assert_eq!((client.base(), client.key.expose()), ("http://127.0.0.1:9", "local"));
        // Its key is not sent to another server.
        let other = common(Some("http://10.0.0.1:9"), None);
        assert_eq!(Client::find(&other, folder.path()).unwrap_err().kind(), Kind::Invalid);
        let other = common(Some("http://10.0.0.1:9/"), Some("k"));
        assert_eq!(Client::find(&other, folder.path()).unwrap().key.expose(), "k");
    }

    #[test]
    fn names_are_escaped_in_addresses() {
        let client = Client::new("http://127.0.0.1:9/base/", Secret::new("k")).unwrap();
        let url = client.url(&["v1", "a b/c"]);
        assert_eq!(url.as_str(), "http://127.0.0.1:9/base/v1/a%20b%2Fc");
        assert!(Client::new("nonsense", Secret::new("k")).is_err());
    }

    #[test]
    fn the_servers_words_are_passed_on() {
        let body = br#"{"error":{"message":"no such store","type":"x","param":"id"}}"#;
        let error = said(StatusCode::NOT_FOUND, body);
        assert_eq!((error.kind(), error.message()), (Kind::NotFound, "no such store"));
        assert_eq!(error.param(), Some("id"));
        let error = said(StatusCode::BAD_REQUEST, br#"{"error":"bad"}"#);
        assert_eq!((error.message(), error.param()), ("bad", None));
        assert!(said(StatusCode::BAD_GATEWAY, b"<html>").message().contains("502"));
    }
}
