//! A bucket of Amazon S3, or of what speaks its protocol (MinIO, Ceph, R2, Garage and others).
//!
//! Only two requests of the protocol are used, `ListObjectsV2` and `GetObject`, so they are
//! made here, with Amazon's own signatures.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Secret};
use futures::stream::BoxStream;
use reqwest::{Client, RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::net::{self, Guard};
use crate::{Connector, Environment, Globs, Item, Seen, Sink, Source, names, too_large};

mod listing;

use listing::{Listing, Object};

/// Longest that one answer may take in all.
const TOTAL: Duration = Duration::from_secs(900);
/// Most bytes of a page of a listing, which has at most 1,000 keys of 1 kB.
const LISTING_BYTES_MAX: u64 = 32 << 20;
/// Most bytes of a refusal that are read.
const REFUSAL_BYTES_MAX: u64 = 64 << 10;

/// Which bucket, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The bucket's name.
    pub bucket: String,
    /// What the keys begin with, such as `reports/`; the whole bucket without one.
    #[serde(default)]
    pub prefix: String,
    /// The bucket's region; `us-east-1` by default, which other servers than Amazon's
    /// usually take.
    #[serde(default = "region")]
    pub region: String,
    /// The address of a server that is not Amazon's, as in `https://minio.example.com:9000`.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The key's id. Without a key only what everyone may read is read.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// The key.
    #[serde(default)]
    pub secret_access_key: Option<Secret>,
    /// The token that belongs to a key which expires.
    #[serde(default)]
    pub session_token: Option<Secret>,
    /// Whether the bucket's name is part of the host's name instead of the path. By default
    /// it is for Amazon, unless the name has a dot, and is not where there is an `endpoint`.
    #[serde(default)]
    pub virtual_hosted: Option<bool>,
    /// Patterns of keys to take, without the prefix; everything without one. See [`Globs`].
    #[serde(default)]
    pub include: Vec<String>,
    /// Patterns of keys to leave out, without the prefix.
    #[serde(default)]
    pub exclude: Vec<String>,
}

fn region() -> String {
    "us-east-1".to_owned()
}

impl S3Config {
    fn bucket(&self, env: &Environment) -> Result<Bucket> {
        let wrong = |field: &str, text: String| Error::invalid(text).with_param(field);
        let plain = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if !(3..=255).contains(&self.bucket.len())
            || !plain(&self.bucket)
            || self.bucket.contains("..")
        {
            let text =
                format!("'{}' is no name of a bucket; give it alone, as in my-bucket", self.bucket);
            return Err(wrong("bucket", text));
        }
        if self.region.is_empty() || self.region.len() > 60 || !plain(&self.region) {
            let text = format!("'{}' is no region; write it as in eu-central-1", self.region);
            return Err(wrong("region", text));
        }
        if self.prefix.len() > 1024 {
            return Err(wrong(
                "prefix",
                "'prefix' is longer than 1024 bytes, as no key is".to_owned(),
            ));
        }
        let signer = match (&self.access_key_id, &self.secret_access_key) {
            (None, None) => None,
            (Some(id), Some(key)) if !id.is_empty() && !key.expose().is_empty() => Some(Signer {
                id: id.clone(),
                key: key.clone(),
                token: self.session_token.clone(),
                region: self.region.clone(),
            }),
            _ => {
                let text = "'access_key_id' and 'secret_access_key' belong together; give both, or \
                            none for a bucket that everyone may read";
                return Err(wrong("secret_access_key", text.to_owned()));
            }
        };
        let guard = Guard::new(env);
        Ok(Bucket {
            base: self.base()?,
            config: self.clone(),
            globs: Globs::new(&self.include, &self.exclude)?,
            client: guard.client(concat!("cairn/", env!("CARGO_PKG_VERSION")), TOTAL)?,
            guard,
            signer,
        })
    }

    /// The address of the bucket, without a `/` at its end.
    fn base(&self) -> Result<Url> {
        let text = match &self.endpoint {
            Some(endpoint) => endpoint.trim().trim_end_matches('/').to_owned(),
            None => format!("https://s3.{}.amazonaws.com", self.region),
        };
        let wrong = || {
            Error::invalid(format!(
                "'{text}' in 'endpoint' is no address of a server; write it as in \
                 https://minio.example.com:9000"
            ))
            .with_param("endpoint")
        };
        let mut url = Url::parse(&text).map_err(|cause| wrong().with_source(cause))?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !matches!(url.scheme(), "http" | "https") || !plain || url.fragment().is_some() {
            return Err(wrong());
        }
        // A certificate for all buckets covers no name with a dot in it.
        let default = self.endpoint.is_none() && !self.bucket.contains('.');
        if self.virtual_hosted.unwrap_or(default) {
            let host = format!("{}.{}", self.bucket, url.host_str().unwrap_or_default());
            url.set_host(Some(&host)).map_err(|cause| wrong().with_source(cause))?;
        } else {
            let path = format!("{}/{}", url.path().trim_end_matches('/'), self.bucket);
            url.set_path(&path);
        }
        Ok(url)
    }
}

impl Connector for S3Config {
    fn check(&self) -> Result<()> {
        self.bucket(&Environment::default()).map(|_| ())
    }

    fn open(&self, env: &Environment) -> Result<Box<dyn Source>> {
        let bucket = self.bucket(env)?;
        bucket.guard.check(&bucket.base).map_err(|refused| refused.with_param("endpoint"))?;
        Ok(Box::new(bucket))
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["secret_access_key", "session_token"]
    }

    fn receivers(&self) -> &'static [&'static str] {
        &["endpoint"]
    }
}

/// Signs requests as S3 asks for (Signature Version 4).
struct Signer {
    id: String,
    key: Secret,
    token: Option<Secret>,
    region: String,
}

impl Signer {
    /// The headers that prove who asks for `url` at `time`.
    fn sign(&self, url: &Url, time: SystemTime) -> Result<Vec<(String, String)>> {
        let identity = Credentials::new(
            self.id.clone(),
            self.key.expose(),
            self.token.as_ref().map(|token| token.expose().to_owned()),
            None,
            "configuration",
        )
        .into();
        let mut settings = SigningSettings::default();
        // S3 takes paths as they are, where other services encode them once more.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let parameters: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(time)
            .settings(settings)
            .build()
            .or_internal("preparing a signature")?
            .into();
        let body = SignableBody::Bytes(&[]);
        let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), body)
            .or_internal("preparing a signature")?;
        let (instructions, _) = sign(request, &parameters).or_internal("signing")?.into_parts();
        let headers = instructions.headers();
        Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// A bucket to read.
struct Bucket {
    config: S3Config,
    base: Url,
    globs: Globs,
    client: Client,
    guard: Guard,
    signer: Option<Signer>,
}

impl Bucket {
    /// Asks for `url`; what is answered badly is an error.
    async fn ask(&self, url: &Url) -> Result<Response> {
        self.guard.check(url)?;
        let what = format!("the server of bucket '{}'", self.config.bucket);
        let response = net::send(&what, || self.request(url)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let region = response.headers().get("x-amz-bucket-region").cloned();
        let told = net::body(&what, response, REFUSAL_BYTES_MAX).await.ok().flatten();
        let told = told.and_then(|body| listing::refusal(&body)).unwrap_or_default();
        let region = region.as_ref().and_then(|region| region.to_str().ok());
        Err(self.refusal(status, &told, region))
    }

    fn request(&self, url: &Url) -> Result<RequestBuilder> {
        let mut request = self.client.get(url.clone());
        if let Some(signer) = &self.signer {
            for (name, value) in signer.sign(url, SystemTime::now())? {
                request = request.header(name, value);
            }
        }
        Ok(request)
    }

    fn refusal(&self, status: u16, told: &listing::Refusal, region: Option<&str>) -> Error {
        let bucket = &self.config.bucket;
        let elsewhere = region.filter(|region| *region != self.config.region);
        if let Some(region) = elsewhere.filter(|_| matches!(status, 301 | 307 | 400)) {
            let text = format!("bucket '{bucket}' is in the region {region}; set 'region' to it");
            return Error::invalid(text).with_param("region");
        }
        let (kind, why) = match (status, told.code.as_str()) {
            (_, "NoSuchBucket") => (Kind::NotFound, "there is no such bucket"),
            (404, _) => (Kind::NotFound, "it is not there"),
            (_, "InvalidAccessKeyId") => (Kind::Unauthenticated, "'access_key_id' is not known"),
            (_, "SignatureDoesNotMatch") => {
                (Kind::Unauthenticated, "'secret_access_key' does not belong to 'access_key_id'")
            }
            (_, "ExpiredToken" | "InvalidToken") => {
                (Kind::Unauthenticated, "'session_token' is not valid any more")
            }
            (_, "RequestTimeTooSkewed") => {
                (Kind::Unauthenticated, "the clock of this machine is wrong")
            }
            (401 | 403, _) => (
                Kind::Forbidden,
                "the key may not do that; it needs s3:ListBucket and s3:GetObject",
            ),
            (300..=399, _) => (Kind::Invalid, "it is elsewhere; check 'region' and 'endpoint'"),
            (429, _) => (Kind::Exhausted, "it asks for fewer requests"),
            (400..=499, _) => (Kind::Invalid, "it refuses the request"),
            _ => (Kind::Unavailable, "it has a failure of its own"),
        };
        let said = [told.code.as_str(), told.message.as_str()].join(" ");
        let said =
            if said.trim().is_empty() { String::new() } else { format!(": {}", said.trim()) };
        Error::new(kind, format!("bucket '{bucket}': {why} (status {status}{said})"))
    }

    /// The address of a page of the listing.
    fn listing_url(&self, token: Option<&str>) -> Url {
        let mut url = self.base.clone();
        let mut query = vec![
            // Of the characters a key may have, XML cannot carry all.
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", "1000"),
            ("prefix", self.config.prefix.as_str()),
        ];
        query.extend(token.map(|token| ("continuation-token", token)));
        let pairs =
            query.iter().map(|(name, value)| format!("{name}={}", listing::encoded(value, b"")));
        url.set_query(Some(&pairs.collect::<Vec<_>>().join("&")));
        url
    }

    async fn page(&self, token: Option<&str>) -> Result<Listing> {
        let response = self.ask(&self.listing_url(token)).await?;
        let what = format!("the server of bucket '{}'", self.config.bucket);
        let body = net::body(&what, response, LISTING_BYTES_MAX).await?;
        let listing = body.as_deref().and_then(listing::parse).ok_or_else(|| {
            Error::unavailable(format!("{what} gave a listing that breaks off or is no listing"))
        })?;
        if listing.truncated && listing.next.as_deref().is_none_or(|next| Some(next) == token) {
            return Err(Error::unavailable(format!("{what} does not say how its listing goes on")));
        }
        Ok(listing)
    }

    /// The address of an object, if one can be written.
    fn object_url(&self, key: &str) -> Option<Url> {
        if key.split('/').any(|part| matches!(part, "." | "..")) {
            return None;
        }
        let mut url = self.base.clone();
        let path = format!("{}/{}", url.path().trim_end_matches('/'), listing::encoded(key, b"/"));
        url.set_path(&path);
        Some(url)
    }

    fn seen(&self, object: Object) -> Option<Seen> {
        let path = object.key.strip_prefix(&self.config.prefix).unwrap_or(&object.key);
        let path = path.trim_start_matches('/');
        // What stands for a folder in consoles.
        if object.key.ends_with('/') || !self.globs.takes(path) {
            return None;
        }
        let failed = |reason: &str| {
            Some(Seen::Failed { key: object.key.clone(), reason: reason.to_owned() })
        };
        if matches!(object.class.as_str(), "GLACIER" | "DEEP_ARCHIVE") {
            return failed("it is archived; restore it in S3 to have it read");
        }
        if self.object_url(&object.key).is_none() {
            return failed("its key has a part '.' or '..', which no address can have");
        }
        let mut attributes = Map::new();
        attributes.insert("bucket".to_owned(), Value::from(self.config.bucket.as_str()));
        attributes.insert("path".to_owned(), Value::from(object.key.as_str()));
        let item = Item {
            version: object.version(),
            name: names::of_path(&object.key),
            size: object.size,
            modified_at: object.modified_at(),
            attributes,
            key: object.key,
        };
        Some(Seen::Item { item, content: None })
    }
}

#[async_trait]
impl Source for Bucket {
    fn scan<'a>(
        &'a self,
        _known: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    ) -> BoxStream<'a, Result<Seen>> {
        Box::pin(async_stream::try_stream! {
            let mut token: Option<String> = None;
            loop {
                let page = self.page(token.as_deref()).await?;
                for object in page.objects {
                    if let Some(seen) = self.seen(object) {
                        yield seen;
                    }
                }
                if !page.truncated {
                    break;
                }
                token = page.next;
            }
        })
    }

    async fn fetch(&self, item: &Item, limit: u64, into: &mut dyn Sink) -> Result<()> {
        let gone = || Error::not_found(format!("object '{}'", item.key));
        let url = self.object_url(&item.key).ok_or_else(gone)?;
        let response = self.ask(&url).await.map_err(|error| {
            if error.kind() == Kind::NotFound { gone().with_source(error) } else { error }
        })?;
        let what = format!("the server of bucket '{}'", self.config.bucket);
        let came = net::pour(&what, response, limit, into).await?;
        came.map(|_| ()).ok_or_else(|| too_large(&item.key, limit))
    }
}

#[cfg(test)]
mod tests;
