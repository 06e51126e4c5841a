//! Access tokens for Google Cloud: a given one, one for a service account's key (RFC 7523),
//! or the machine's own from the metadata server. A token is kept until shortly before its end.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cairn_kernel::{Error, Result, ResultExt as _, Secret};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::error;

/// The metadata server of a machine at Google.
const METADATA: &str = "http://metadata.google.internal";
/// What the tokens are good for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long a signed request for a token is good; the longest that Google takes.
const GRANT_SECONDS: u64 = 3600;
/// A token is renewed this long before it ends.
const MARGIN: Duration = Duration::from_secs(120);
/// Longest to wait for a token.
const WAIT: Duration = Duration::from_secs(15);

/// Where tokens come from.
pub(super) enum Source {
    /// One that the operator gives.
    Given(Secret),
    /// A service account.
    Account(Account),
    /// The metadata server at this address.
    Metadata(String),
}

/// A service account's key.
pub(super) struct Account {
    email: String,
    key_id: Option<String>,
    token_uri: String,
    key: EncodingKey,
}

/// Gives tokens.
pub(super) struct Tokens {
    source: Source,
    held: Mutex<Option<(Secret, Instant)>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    token_uri: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    expires_in: u64,
}

impl Account {
    /// Reads a key file as Google's console gives it.
    ///
    /// # Errors
    /// `Invalid`, naming the file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let fault =
            |what: &str| Error::invalid(format!("credentials_file {} {what}", path.display()));
        let text =
            std::fs::read(path).map_err(|cause| fault("cannot be read").with_source(cause))?;
        let file: KeyFile = serde_json::from_slice(&text).map_err(|_| {
            fault("is no key of a service account (JSON with client_email, private_key, token_uri)")
        })?;
        let key = EncodingKey::from_rsa_pem(file.private_key.expose().as_bytes())
            .map_err(|_| fault("has a private_key that is no RSA key in PEM"))?;
        Ok(Self {
            email: file.client_email,
            key_id: file.private_key_id,
            token_uri: file.token_uri,
            key,
        })
    }

    /// The signed request for a token.
    fn grant(&self, now: u64) -> Result<String> {
        let header = Header { kid: self.key_id.clone(), ..Header::new(Algorithm::RS256) };
        let claims = Claims {
            iss: &self.email,
            scope: SCOPE,
            aud: &self.token_uri,
            iat: now,
            exp: now + GRANT_SECONDS,
        };
        jsonwebtoken::encode(&header, &claims, &self.key).or_internal("signing a token request")
    }
}

impl Tokens {
    pub(super) fn new(source: Source) -> Self {
        Self { source, held: Mutex::new(None) }
    }

    /// Tokens of the metadata server, at `url` or its usual place.
    pub(super) fn metadata(url: Option<&str>) -> Self {
        let url = url.unwrap_or(METADATA).trim_end_matches('/').to_owned();
        Self::new(Source::Metadata(url))
    }

    /// A token that is good for a while.
    ///
    /// # Errors
    /// `Unavailable` when none can be had.
    pub(super) async fn current(&self, provider: &str, client: &Client) -> Result<Secret> {
        if let Source::Given(token) = &self.source {
            return Ok(token.clone());
        }
        // Those who come meanwhile wait for the one token instead of asking for more.
        let mut held = self.held.lock().await;
        if let Some((token, until)) = &*held
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let Granted { access_token, expires_in } = self.ask(provider, client).await?;
        let good = Duration::from_secs(expires_in.min(86_400)).saturating_sub(MARGIN);
        *held = Some((access_token.clone(), Instant::now() + good));
        Ok(access_token)
    }

    async fn ask(&self, provider: &str, client: &Client) -> Result<Granted> {
        let request = match &self.source {
            Source::Given(token) => {
                return Ok(Granted { access_token: token.clone(), expires_in: u64::MAX });
            }
            Source::Account(account) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let assertion = account.grant(now.as_secs())?;
                let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                client
                    .post(&account.token_uri)
                    .form(&[("grant_type", kind), ("assertion", assertion.as_str())])
            }
            Source::Metadata(base) => client
                .get(format!("{base}/computeMetadata/v1/instance/service-accounts/default/token"))
                .header("metadata-flavor", "Google"),
        };
        let sent = request.timeout(WAIT).send().await;
        let answer = sent.map_err(|cause| error::of_transport(provider, cause))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(if status.is_server_error() {
                error::refusal(provider, cairn_kernel::Kind::Unavailable, "no access token", "")
            } else {
                error::credentials(provider, status)
            });
        }
        let body = answer.bytes().await.map_err(|cause| error::of_transport(provider, cause))?;
        serde_json::from_slice(&body).map_err(|_| error::garbled(provider, "no access token"))
    }
}
