//! A website: its pages by the list it gives of them (its sitemap), or by following its
//! links, and the PDF and office files they link to.
//!
//! robots.txt is kept to, and so is what pages say about themselves (`noindex`, `nofollow`,
//! canonical addresses). One request at a time, with a pause between.

use std::time::Duration;

use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result};
use futures::stream::BoxStream;
use reqwest::Client;
use reqwest::header::LOCATION;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::net::{self, Guard};
use crate::{Connector, Environment, Globs, Item, Seen, Sink, Source, too_large};

mod crawl;
mod held;
mod kinds;
mod packed;
mod page;
mod robots;
mod sitemap;

use crawl::Crawl;
use held::Held;
use packed::Unpacker;

/// Longest that one answer may take in all.
const TOTAL: Duration = Duration::from_secs(300);
/// Most redirects in a row.
const REDIRECTS_MAX: u32 = 10;
const PAGES_MAX: u32 = 100_000;
const DEPTH_MAX: u32 = 100;
const DELAY_MS_MAX: u64 = 60_000;

/// Where the list of pages comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SitemapUse {
    /// `"auto"`: from the sitemap that the site has, from its links if it has none.
    #[default]
    Auto,
    /// `"none"`: from its links.
    Never,
    /// From the sitemap at this address.
    At(String),
}

impl From<String> for SitemapUse {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "none" => Self::Never,
            _ => Self::At(text),
        }
    }
}

impl From<SitemapUse> for String {
    fn from(value: SitemapUse) -> Self {
        match value {
            SitemapUse::Auto => "auto".to_owned(),
            SitemapUse::Never => "none".to_owned(),
            SitemapUse::At(url) => url,
        }
    }
}

/// Which website, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebsiteConfig {
    /// Where to begin. Only pages of the same host at or below this path are taken.
    pub url: String,
    /// `auto` (the default), `none`, or the address of a sitemap.
    #[serde(default)]
    pub sitemap: SitemapUse,
    /// Most pages and files that are asked for in a run, 1 to 100,000; 500 by default.
    #[serde(default = "max_pages")]
    pub max_pages: u32,
    /// Most links to follow from the first page on, 0 to 100; 10 by default.
    #[serde(default = "max_depth")]
    pub max_depth: u32,
    /// Patterns of paths to take, such as `docs/**`; everything without one. See [`Globs`].
    /// A path that ends in `/` counts as its `index.html`. Links of other pages are followed.
    #[serde(default)]
    pub include: Vec<String>,
    /// Patterns of paths to leave out; they are not asked for.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The pause between two requests in milliseconds, at most 60,000; 500 by default. The
    /// site's own `Crawl-delay` counts where it is longer.
    #[serde(default = "delay_ms")]
    pub delay_ms: u64,
    /// What to call ourselves, as in `name/1.0 (contact)`. robots.txt is read for the name.
    #[serde(default = "user_agent")]
    pub user_agent: String,
}

fn max_pages() -> u32 {
    500
}

fn max_depth() -> u32 {
    10
}

fn delay_ms() -> u64 {
    500
}

fn user_agent() -> String {
    concat!("cairn/", env!("CARGO_PKG_VERSION")).to_owned()
}

impl WebsiteConfig {
    fn site(&self, env: &Environment) -> Result<Website> {
        let start = address("url", &self.url)?;
        let wrong = |field: &str, text: String| Err(Error::invalid(text).with_param(field));
        if !(1..=PAGES_MAX).contains(&self.max_pages) {
            return wrong("max_pages", format!("'max_pages' must be 1 to {PAGES_MAX}"));
        }
        if self.max_depth > DEPTH_MAX {
            return wrong("max_depth", format!("'max_depth' must be at most {DEPTH_MAX}"));
        }
        if self.delay_ms > DELAY_MS_MAX {
            return wrong("delay_ms", format!("'delay_ms' must be at most {DELAY_MS_MAX}"));
        }
        let token = robots::product(&self.user_agent);
        let plain = self.user_agent.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        if token.is_empty() || !plain || self.user_agent.len() > 200 {
            let text = "'user_agent' must begin with a name of letters, as in \
                        \"name/1.0 (contact)\", and be plain text of at most 200 characters";
            return wrong("user_agent", text.to_owned());
        }
        let sitemap = match &self.sitemap {
            SitemapUse::At(url) => Some(address("sitemap", url)?),
            SitemapUse::Auto | SitemapUse::Never => None,
        };
        let guard = Guard::new(env);
        Ok(Website {
            prefix: prefix(&start),
            sitemap,
            token: token.to_owned(),
            globs: Globs::new(&self.include, &self.exclude)?,
            excluded: Globs::new(&[], &self.exclude)?,
            client: guard.client(&self.user_agent, TOTAL)?,
            file_bytes_max: env.file_bytes_max,
            guard,
            config: self.clone(),
            start,
        })
    }
}

impl Connector for WebsiteConfig {
    fn check(&self) -> Result<()> {
        self.site(&Environment::default()).map(|_| ())
    }

    fn open(&self, env: &Environment) -> Result<Box<dyn Source>> {
        let site = self.site(env)?;
        site.guard.check(&site.start).map_err(|refused| refused.with_param("url"))?;
        Ok(Box::new(site))
    }
}

/// An address of the web in `field`.
fn address(field: &str, text: &str) -> Result<Url> {
    let wrong = |why: &str| {
        Error::invalid(format!(
            "'{text}' in '{field}' {why}; write it as in https://example.com/docs/"
        ))
        .with_param(field)
    };
    let mut url =
        Url::parse(text.trim()).map_err(|cause| wrong("is no address").with_source(cause))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is no address of the web"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds a user name or a password, which a website cannot have here"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// The path that pages are at or below: a folder's own, or the one that a page is in.
fn prefix(start: &Url) -> String {
    let path = start.path();
    let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
    if last.contains('.') { format!("{folder}/") } else { path.to_owned() }
}

/// A website to read.
pub(crate) struct Website {
    config: WebsiteConfig,
    start: Url,
    /// What the path of every page begins with.
    prefix: String,
    sitemap: Option<Url>,
    /// The crawler's name in robots.txt.
    token: String,
    /// What is taken.
    globs: Globs,
    /// What is asked for, to be taken or for its links.
    excluded: Globs,
    client: Client,
    /// Largest file that is taken, in bytes.
    file_bytes_max: u64,
    guard: Guard,
}

impl Website {
    /// Whether a page of this address belongs to what was asked for.
    fn holds(&self, url: &Url) -> bool {
        let path = url.path();
        let below = path.strip_prefix(self.prefix.as_str()).is_some_and(|rest| {
            rest.is_empty() || self.prefix.ends_with('/') || rest.starts_with('/')
        });
        below
            && url.scheme() == self.start.scheme()
            && url.host_str() == self.start.host_str()
            && url.port_or_known_default() == self.start.port_or_known_default()
    }

    /// Asks for a page once; the caller looks at the status.
    async fn ask(&self, url: &Url, held: Option<&Held>) -> Result<reqwest::Response> {
        self.guard.check(url)?;
        net::send(&format!("'{url}'"), || {
            let mut request = self.client.get(url.clone());
            request = request.header("accept", kinds::ACCEPT).header("accept-encoding", "gzip");
            if let Some(held) = held {
                request = held.condition(request);
            }
            Ok(request)
        })
        .await
    }

    /// Asks for what is not a page of the site's, following redirects wherever they lead.
    async fn ask_anywhere(&self, url: &Url) -> Result<reqwest::Response> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self.ask(&url, None).await?;
            match next(&url, &response) {
                Some(there) => url = there,
                None => return Ok(response),
            }
        }
        Err(Error::unavailable(format!("'{url}' redirects in a circle")))
    }

    /// The bytes of an answer, unpacked; `None` when there are more than `limit`.
    async fn read(
        &self,
        url: &Url,
        response: reqwest::Response,
        limit: u64,
    ) -> Result<Option<Vec<u8>>> {
        let packed = is_packed(url, &response)?;
        let bytes = net::body(&format!("'{url}'"), response, limit).await?;
        match bytes {
            Some(bytes) if packed => sitemap::unpack(&bytes, limit).map(Some),
            bytes => Ok(bytes),
        }
    }

    /// Gives the bytes of an answer, unpacked, into `into`, and says how many there are; `None`
    /// when there are more than `limit`.
    async fn pour(
        &self,
        url: &Url,
        response: reqwest::Response,
        limit: u64,
        into: &mut dyn Sink,
    ) -> Result<Option<u64>> {
        let what = format!("'{url}'");
        if !is_packed(url, &response)? {
            return net::pour(&what, response, limit, into).await;
        }
        let mut unpacker = Unpacker::new(into, limit);
        let poured = net::pour(&what, response, limit, &mut unpacker).await;
        let unpacked = match poured {
            Ok(Some(_)) => unpacker.end().await.map(Some),
            poured => poured,
        };
        match unpacked {
            Err(over) if over.kind() == Kind::TooLarge => Ok(None),
            unpacked => unpacked,
        }
    }
}

/// Whether an answer has to be unpacked.
///
/// # Errors
/// `Unprocessable` when it is packed in a way that was not asked for.
fn is_packed(url: &Url, response: &reqwest::Response) -> Result<bool> {
    let coding = response.headers().get("content-encoding");
    let coding = coding.and_then(|value| value.to_str().ok()).unwrap_or("identity");
    match coding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        other => Err(Error::new(
            Kind::Unprocessable,
            format!("'{url}' was sent packed as '{other}', which was not asked for"),
        )),
    }
}

/// Where an answer redirects to.
fn next(url: &Url, response: &reqwest::Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let place = response.headers().get(LOCATION)?.to_str().ok()?;
    let mut there =
        url.join(place).ok().filter(|there| matches!(there.scheme(), "http" | "https"))?;
    there.set_fragment(None);
    Some(there)
}

#[async_trait]
impl Source for Website {
    fn scan<'a>(
        &'a self,
        known: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    ) -> BoxStream<'a, Result<Seen>> {
        Box::pin(async_stream::try_stream! {
            let mut crawl = Crawl::begin(self, known).await?;
            while let Some(task) = crawl.next() {
                if let Some(seen) = crawl.visit(&task).await? {
                    yield seen;
                }
            }
            if let Some(seen) = crawl.left_out() {
                yield seen;
            }
            crawl.end()?;
        })
    }

    async fn fetch(&self, item: &Item, limit: u64, into: &mut dyn Sink) -> Result<()> {
        let mut url = Url::parse(&item.key)
            .ok()
            .filter(|url| self.holds(url))
            .ok_or_else(|| Error::not_found(format!("page '{}'", item.key)))?;
        for _ in 0..=REDIRECTS_MAX {
            let response = self.ask(&url, None).await?;
            if let Some(there) = next(&url, &response).filter(|there| self.holds(there)) {
                url = there;
                continue;
            }
            if !response.status().is_success() {
                return Err(refusal(&url, response.status().as_u16()));
            }
            let came = self.pour(&url, response, limit, into).await?;
            return came.map(|_| ()).ok_or_else(|| too_large(&item.key, limit));
        }
        Err(Error::unavailable(format!("'{}' redirects in a circle", item.key)))
    }
}

/// What an answer of this status means.
fn refusal(url: &Url, status: u16) -> Error {
    let (kind, why) = match status {
        401 | 403 => (Kind::Forbidden, "does not let us read it"),
        404 | 410 => return Error::not_found(format!("page '{url}'")),
        429 => (Kind::Unavailable, "asks for fewer requests; make 'delay_ms' longer"),
        300..=399 => (Kind::NotFound, "redirects to another site"),
        400..=499 => (Kind::Unprocessable, "refuses the request"),
        _ => (Kind::Unavailable, "has a failure of its own"),
    };
    Error::new(kind, format!("the server of '{url}' {why} (status {status})"))
}

#[cfg(test)]
mod tests;
