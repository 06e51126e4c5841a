//! One provider's connection: deadlines, a bounded number of requests at once, retries
//! before anything was answered, and errors in our words.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Secret};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bedrock::Signer;
use super::config::ProviderConfig;
use super::error;
use super::google::Tokens;

/// Longest to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest to wait for the next bytes; providers that think longer send comments meanwhile.
const READ: Duration = Duration::from_secs(120);
/// Longest to wait for a place among `max_concurrent`.
const PLACE: Duration = Duration::from_secs(10);
/// How often a request is sent again that was not answered at all.
const RETRIES: u32 = 2;
/// The first pause before that; the next is twice as long.
const BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait a provider may ask for that is waited here and not by the caller.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most bytes of a refusal that are read.
const REFUSAL_BYTES: usize = 64 << 10;
/// Most bytes of an answer that is not streamed.
const ANSWER_BYTES: usize = 256 << 20;

/// How a provider is shown who asks.
#[derive(Debug)]
pub(super) enum Auth {
    /// Not at all.
    None,
    /// A key in a header, behind a prefix such as `Bearer `.
    Header(&'static str, &'static str, Secret),
    /// Google's access tokens.
    Google(Tokens),
    /// Amazon's signatures.
    Aws(Signer),
}

/// One request to send.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Call {
    /// A POST of a JSON body.
    pub(super) fn json(url: String, body: &serde_json::Value) -> Result<Self> {
        let body = serde_json::to_vec(body).or_internal("writing a provider's request")?;
        let headers = vec![("content-type", "application/json".to_owned())];
        Ok(Self { method: Method::POST, url, headers, body: body.into() })
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An answer that has begun; it holds the request's place.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response,
    _place: OwnedSemaphorePermit,
}

impl Answer {
    /// The media type, without parameters.
    pub(super) fn media_type(&self) -> &str {
        let value = self.response.headers().get(CONTENT_TYPE);
        let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim()
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, reqwest::Error> {
        self.response.chunk().await
    }
}

/// A provider's address and everything needed to ask it.
#[derive(Debug)]
pub(super) struct Upstream {
    name: String,
    client: Client,
    auth: Auth,
    places: Arc<Semaphore>,
    total: Duration,
}

impl Upstream {
    /// The provider `name`; nothing is sent yet.
    pub(super) fn new(name: &str, config: &ProviderConfig, auth: Auth, base: &str) -> Result<Self> {
        let total = Duration::from_secs(config.timeout_seconds);
        Ok(Self {
            name: name.to_owned(),
            client: client(base, total)?,
            auth,
            places: Arc::new(Semaphore::new(config.max_concurrent.min(Semaphore::MAX_PERMITS))),
            total,
        })
    }

    /// The provider's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sends `call` and gives the answer once it has begun well.
    ///
    /// # Errors
    /// What the provider refuses, in our words; `Exhausted` without a place among
    /// `max_concurrent`, `Unavailable` or `Timeout` when it cannot be reached.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer> {
        let started = Instant::now();
        let outcome = self.send_again(call, started).await;
        let word = outcome.as_ref().map_or_else(|error| error.kind().name(), |_| "ok");
        metrics::counter!("cairn_remote_requests_total",
            "provider" => self.name.clone(), "outcome" => word)
        .increment(1);
        metrics::histogram!("cairn_remote_first_byte_seconds", "provider" => self.name.clone())
            .record(started.elapsed().as_secs_f64());
        outcome
    }

    /// As [`Upstream::send`], and reads the answer as JSON.
    pub(super) async fn json(&self, call: &Call) -> Result<serde_json::Value> {
        let body = self.bytes(call).await?.1;
        serde_json::from_slice(&body)
            .map_err(|cause| error::garbled(&self.name, "no JSON").with_source(cause))
    }

    /// As [`Upstream::send`], and reads the whole answer; `header` is one of its headers.
    pub(super) async fn bytes(&self, call: &Call) -> Result<(Answer, Vec<u8>)> {
        let mut answer = self.send(call).await?;
        let mut body = Vec::new();
        while let Some(bytes) =
            answer.chunk().await.map_err(|e| error::of_transport(&self.name, e))?
        {
            if body.len() + bytes.len() > ANSWER_BYTES {
                let what = format!("more than {ANSWER_BYTES} bytes");
                return Err(error::garbled(&self.name, &what));
            }
            body.extend_from_slice(&bytes);
        }
        Ok((answer, body))
    }

    async fn send_again(&self, call: &Call, started: Instant) -> Result<Answer> {
        let mut place = self.place().await?;
        let mut attempt = 0;
        loop {
            let left = self.total.saturating_sub(started.elapsed());
            let failure = match self.attempt(call, left).await {
                Ok(response) => return Ok(Answer { response, _place: place }),
                Err(failure) => failure,
            };
            let pause = pause(attempt, &failure);
            match pause.filter(|pause| attempt < RETRIES && *pause < left) {
                Some(pause) => {
                    tracing::info!(
                        provider = self.name,
                        error = failure.detail(),
                        attempt,
                        "sending a request to a provider again"
                    );
                    // Others may have the place meanwhile.
                    drop(place);
                    tokio::time::sleep(pause).await;
                    place = self.place().await?;
                    attempt += 1;
                }
                None => return Err(failure),
            }
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        let acquired = tokio::time::timeout(PLACE, Arc::clone(&self.places).acquire_owned()).await;
        let full = || {
            Error::new(
                Kind::Exhausted,
                format!(
                    "provider '{}' has as many requests as providers.{}.max_concurrent allows; \
                     try again later",
                    self.name, self.name
                ),
            )
        };
        acquired.map_err(|_| full())?.or_internal("waiting for a place at a provider")
    }

    async fn attempt(&self, call: &Call, left: Duration) -> Result<Response> {
        let mut headers = HeaderMap::new();
        for &(name, ref value) in &call.headers {
            headers.insert(HeaderName::from_static(name), plain(value)?);
        }
        self.authorize(call, &mut headers).await?;
        let request = self.client.request(call.method.clone(), &call.url).timeout(left);
        let sent = request.headers(headers).body(call.body.clone()).send().await;
        let mut response = sent.map_err(|cause| error::of_transport(&self.name, cause))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut body = Vec::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            body.extend_from_slice(&bytes);
            if body.len() > REFUSAL_BYTES {
                break;
            }
        }
        let secret = match &self.auth {
            Auth::Header(_, _, secret) => Some(secret),
            _ => None,
        };
        Err(error::of_status(&self.name, status, response.headers(), &body, secret))
    }

    async fn authorize(&self, call: &Call, headers: &mut HeaderMap) -> Result<()> {
        let mut put = |name: &str, value: &str| {
            let name: HeaderName = name.parse().or_internal("naming a header")?;
            let mut value = plain(value)?;
            value.set_sensitive(true);
            headers.insert(name, value);
            Ok::<_, Error>(())
        };
        match &self.auth {
            Auth::None => {}
            Auth::Header(name, prefix, key) => put(name, &format!("{prefix}{}", key.expose()))?,
            Auth::Google(tokens) => {
                let token = tokens.current(&self.name, &self.client).await?;
                put("authorization", &format!("Bearer {}", token.expose()))?;
            }
            Auth::Aws(signer) => {
                for (name, value) in signer.sign(call, std::time::SystemTime::now())? {
                    put(&name, &value)?;
                }
            }
        }
        Ok(())
    }
}

fn plain(value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value)
        .map_err(|_| Error::internal("a provider's key or header has characters HTTP cannot carry"))
}

/// How long to wait before the same request is sent again; `None` when that is no use.
fn pause(attempt: u32, failure: &Error) -> Option<Duration> {
    let again = match failure.kind() {
        Kind::Unavailable => failure.code().is_none(),
        Kind::Exhausted => failure.retry_after().is_none_or(|wait| wait <= PATIENCE),
        _ => false,
    };
    let jitter = rand::random_range(0.5..1.5);
    let own = BACKOFF.saturating_mul(1 << attempt.min(8)).mul_f64(jitter);
    again.then(|| failure.retry_after().unwrap_or_default().max(own))
}

fn client(base: &str, total: Duration) -> Result<Client> {
    let mut builder = Client::builder()
        .connect_timeout(CONNECT.min(total))
        .read_timeout(READ.min(total))
        // A redirect would carry the key, or the prompt, to somewhere nobody configured.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("cairn/", env!("CARGO_PKG_VERSION")));
    let host = reqwest::Url::parse(base).ok().and_then(|url| url.host_str().map(str::to_owned));
    if host.is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127.")) {
        builder = builder.no_proxy();
    }
    builder.build().or_internal("making an HTTP client")
}

/// `text` as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_cannot_leave_its_place() {
        assert_eq!(segment("anthropic.claude-v2:0"), "anthropic.claude-v2%3A0");
        assert_eq!(segment("a/../b?c#d é"), "a%2F..%2Fb%3Fc%23d%20%C3%A9");
    }

    #[test]
    fn only_what_may_pass_is_sent_again() {
        let soon = Error::new(Kind::Exhausted, "x").with_retry_after(Duration::from_secs(1));
        assert!(pause(0, &soon).is_some_and(|wait| wait >= Duration::from_secs(1)));
        let late = Error::new(Kind::Exhausted, "x").with_retry_after(Duration::from_secs(60));
        assert_eq!(pause(0, &late), None);
        assert!(pause(1, &Error::unavailable("x")).is_some());
        assert_eq!(pause(0, &Error::unavailable("x").with_code("provider_credentials")), None);
        assert_eq!(pause(0, &Error::invalid("x")), None);
    }
}
