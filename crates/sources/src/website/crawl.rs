//! One run over a website.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use reqwest::{Response, StatusCode};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use url::Url;

use super::held::{Held, text};
use super::page::{Page, Wishes};
use super::robots::Robots;
use super::sitemap::Sitemap;
use super::{REDIRECTS_MAX, SitemapUse, Website, kinds, next, page, refusal, robots, sitemap};
use crate::{Item, Seen, Sink, net, too_large};

/// Most bytes of a page. A file of more is not in memory: it is hashed while it comes, and fetched
/// once more if it is new.
const PAGE_BYTES_MAX: u64 = 16 << 20;
/// Longest address that is asked for.
const URL_BYTES_MAX: usize = 2_000;
/// Most sitemaps of an index, and how deep indexes may lead to others.
const SITEMAPS_MAX: usize = 2_000;
const SITEMAP_DEPTH_MAX: u32 = 3;

type Known<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// A page to ask for.
#[derive(Clone, Debug)]
pub(super) struct Task {
    url: Url,
    /// How many links it is away from the first.
    depth: u32,
    /// Whether it is taken whatever address it wants to be known by.
    itself: bool,
}

/// What became of a task.
enum Outcome {
    /// It was read, and may or may not be given.
    Read(Option<Seen>),
    /// There is nothing of the site's at its address; why, if that matters.
    Missing(Error),
}

/// What has come of an answer: its hash, and its bytes as long as they are no more than a page
/// may have.
struct Came {
    hash: Sha256,
    held: Option<Vec<u8>>,
}

impl Default for Came {
    fn default() -> Self {
        Self { hash: Sha256::new(), held: Some(Vec::new()) }
    }
}

#[async_trait]
impl Sink for Came {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.hash.update(piece);
        if let Some(held) = &mut self.held {
            held.extend_from_slice(piece);
            if held.len() as u64 > PAGE_BYTES_MAX {
                self.held = None;
            }
        }
        Ok(())
    }

    fn restart(&mut self) {
        *self = Self::default();
    }
}

/// A run.
pub(super) struct Crawl<'a> {
    site: &'a Website,
    known: Known<'a>,
    robots: Robots,
    delay: Duration,
    /// When the next request may be sent.
    free: Option<Instant>,
    /// Whether the pages come from sitemaps.
    listed: bool,
    queue: VecDeque<Task>,
    /// Addresses that were ever in the queue, those that were taken from it, and the keys
    /// that were given.
    met: HashSet<String>,
    visited: HashSet<String>,
    given: HashSet<String>,
    /// Pages that want to be known by an address that is yet to be asked for.
    waiting: HashMap<String, Task>,
    asked: u32,
    /// Whether pages were left out of the queue because it was full.
    overflown: bool,
    /// Pages whose links could not be read.
    unread: u64,
}

impl<'a> Crawl<'a> {
    /// Reads robots.txt and the sitemaps.
    pub(super) async fn begin(site: &'a Website, known: Known<'a>) -> Result<Self> {
        let robots = robots_of(site).await?;
        let own = Duration::from_millis(site.config.delay_ms);
        let mut crawl = Self {
            site,
            known,
            delay: own.max(robots.delay.unwrap_or_default()),
            robots,
            free: None,
            listed: false,
            queue: VecDeque::new(),
            met: HashSet::new(),
            visited: HashSet::new(),
            given: HashSet::new(),
            waiting: HashMap::new(),
            asked: 0,
            overflown: false,
            unread: 0,
        };
        match (&site.config.sitemap, &site.sitemap) {
            (_, Some(url)) => {
                crawl.list(vec![url.clone()], true).await?;
                crawl.listed = true;
            }
            (SitemapUse::Auto, None) => {
                let named =
                    crawl.robots.sitemaps.iter().filter_map(|text| site.start.join(text).ok());
                let mut places: Vec<Url> = named.collect();
                if places.is_empty() {
                    places.extend(site.start.join("/sitemap.xml").ok());
                }
                crawl.list(places, false).await?;
                // A sitemap of other parts of the site says nothing about this one.
                crawl.listed = !crawl.queue.is_empty();
            }
            _ => {}
        }
        if !crawl.listed {
            if !crawl.robots.allows(&target(&site.start)) {
                return Err(Error::new(
                    Kind::Forbidden,
                    format!("the robots.txt of the site does not allow to read '{}'", site.start),
                ));
            }
            crawl.met.insert(site.start.to_string());
            crawl.queue.push_back(Task { url: site.start.clone(), depth: 0, itself: false });
        }
        Ok(crawl)
    }

    /// Puts what the sitemaps at `places` name into the queue.
    async fn list(&mut self, places: Vec<Url>, wanted: bool) -> Result<()> {
        let mut waiting: VecDeque<(Url, u32)> = places.into_iter().map(|url| (url, 0)).collect();
        let mut read = HashSet::new();
        while let Some((url, depth)) = waiting.pop_front() {
            if read.len() >= SITEMAPS_MAX || !read.insert(url.to_string()) {
                continue;
            }
            self.pause().await;
            let (pages, further) = match self.sitemap(&url).await {
                Ok(Sitemap::Pages(pages)) => (pages, Vec::new()),
                Ok(Sitemap::Index(further)) => (Vec::new(), further),
                Ok(Sitemap::Other) if wanted && depth == 0 => {
                    return Err(Error::not_found(format!("a sitemap at '{url}'")));
                }
                Ok(Sitemap::Other) => continue,
                // What nobody asked for by name may lead where we may not follow.
                Err(error) if !wanted && error.kind() == Kind::Forbidden => continue,
                Err(error) => return Err(error),
            };
            let addresses = |texts: Vec<String>| {
                texts.into_iter().filter_map(|text| url.join(&text).ok()).collect::<Vec<Url>>()
            };
            for page in addresses(pages) {
                self.add(page, 0);
            }
            if depth < SITEMAP_DEPTH_MAX {
                waiting.extend(addresses(further).into_iter().map(|url| (url, depth + 1)));
            }
        }
        Ok(())
    }

    async fn sitemap(&self, url: &Url) -> Result<Sitemap> {
        let response = self.site.ask_anywhere(url).await?;
        let status = response.status();
        if net::passes(status) {
            return Err(refusal(url, status.as_u16()));
        }
        if !status.is_success() {
            return Ok(Sitemap::Other);
        }
        let bytes = self.site.read(url, response, sitemap::BYTES_MAX).await?;
        let bytes = bytes.ok_or_else(|| {
            Error::new(Kind::Unprocessable, format!("the sitemap '{url}' is larger than 50 MB"))
        })?;
        let parsed = tokio::task::spawn_blocking(move || sitemap::parse(&bytes)).await;
        let named =
            |error: Error| Error::new(error.kind(), format!("'{url}': {}", error.message()));
        parsed.or_internal("reading a sitemap")?.map_err(named)
    }

    /// Puts a page into the queue if it belongs to what was asked for and is new.
    fn add(&mut self, mut url: Url, depth: u32) {
        self.site.adapt(&mut url);
        if depth > self.site.config.max_depth
            || !self.may_ask(&url)
            || self.met.contains(url.as_str())
        {
            return;
        }
        let most = usize::try_from(self.site.config.max_pages).unwrap_or(usize::MAX);
        if self.queue.len() >= most {
            self.overflown = true;
            return;
        }
        self.met.insert(url.to_string());
        self.queue.push_back(Task { url, depth, itself: false });
    }

    fn may_ask(&self, url: &Url) -> bool {
        self.site.holds(url)
            && url.as_str().len() <= URL_BYTES_MAX
            && kinds::may_hold_text(url)
            && self.site.excluded.takes(&path(url))
            && self.robots.allows(&target(url))
    }

    /// The next page to ask for.
    pub(super) fn next(&mut self) -> Option<Task> {
        if self.asked >= self.site.config.max_pages {
            return None;
        }
        let task = self.queue.pop_front()?;
        self.asked += 1;
        self.visited.insert(task.url.to_string());
        Some(task)
    }

    /// Reads a page.
    ///
    /// # Errors
    /// What keeps the whole run from going on; a page that cannot be read is a
    /// [`Seen::Failed`].
    pub(super) async fn visit(&mut self, task: &Task) -> Result<Option<Seen>> {
        let first = self.asked == 1 && !self.listed;
        match self.read(task).await {
            Ok(Outcome::Read(seen)) => Ok(seen),
            Ok(Outcome::Missing(why)) if first => Err(why),
            Ok(Outcome::Missing(_)) => {
                // Who wanted to be known by this address is known by their own.
                if let Some(page) = self.waiting.remove(task.url.as_str()) {
                    self.queue.push_front(page);
                }
                Ok(None)
            }
            Err(error) if first || error.kind() == Kind::Internal => Err(error),
            Err(error) => Ok(self.failed(&task.url, &error)),
        }
    }

    fn failed(&mut self, url: &Url, error: &Error) -> Option<Seen> {
        let key = url.to_string();
        let held = (self.known)(&key).and_then(|version| Held::parse(&version));
        let lost = if self.listed {
            held.is_some_and(|held| held.links.contains('d'))
        } else {
            (held.is_some() || error.kind().retryable()) && !kinds::names_document(url)
        };
        self.unread += u64::from(lost);
        let reason = error.message().to_owned();
        self.given.insert(key.clone()).then_some(Seen::Failed { key, reason })
    }

    /// An error is of this page alone.
    async fn read(&mut self, task: &Task) -> Result<Outcome> {
        let mut url = task.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            self.pause().await;
            let held = (self.known)(url.as_str()).and_then(|version| Held::parse(&version));
            let condition = held.as_ref().filter(|held| !self.needs_links(held));
            let response = match self.site.ask(&url, condition).await {
                Err(error) if error.kind() == Kind::Forbidden => {
                    return Ok(Outcome::Missing(error));
                }
                response => response?,
            };
            let status = response.status();
            if let Some(held) = held.filter(|_| status == StatusCode::NOT_MODIFIED) {
                return Ok(Outcome::Read(self.unchanged(&url, &held)));
            }
            if let Some(mut there) = next(&url, &response) {
                self.site.adapt(&mut there);
                if there == url {
                    return Err(Error::unavailable(format!("'{url}' redirects to itself")));
                }
                if !self.may_ask(&there) {
                    return Ok(Outcome::Missing(elsewhere(&url, &there)));
                }
                if !self.met.insert(there.to_string()) {
                    // It has a turn of its own.
                    return Ok(Outcome::Missing(elsewhere(&url, &there)));
                }
                self.visited.insert(there.to_string());
                url = there;
                continue;
            }
            if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) {
                return Ok(Outcome::Missing(refusal(&url, status.as_u16())));
            }
            if !status.is_success() {
                return Err(refusal(&url, status.as_u16()));
            }
            return self.take(task, url, response).await;
        }
        Err(Error::unavailable(format!("'{}' redirects too often", task.url)))
    }

    /// Whether what a page leads to can only be known by reading it.
    fn needs_links(&self, held: &Held) -> bool {
        held.links.contains(if self.listed { 'd' } else { 'h' })
    }

    /// A page that is as it was.
    fn unchanged(&mut self, url: &Url, held: &Held) -> Option<Seen> {
        if !self.site.globs.takes(&path(url)) || !self.given.insert(url.to_string()) {
            return None;
        }
        let item = item(url, held, None, held.modified_at());
        Some(Seen::Item { item, content: None })
    }

    /// Reads an answer.
    async fn take(&mut self, task: &Task, url: Url, response: Response) -> Result<Outcome> {
        let headers = response.headers().clone();
        let Some(kind) = kinds::of_answer(&url, text(&headers, "content-type")) else {
            let why = format!("'{url}' is neither a page nor a document");
            return Ok(Outcome::Missing(Error::new(Kind::Unsupported, why)));
        };
        let is_page = kind == "html";
        let most = self.site.file_bytes_max;
        let limit = if is_page { most.min(PAGE_BYTES_MAX) } else { most };
        let mut came = Came::default();
        let Some(size) = self.site.pour(&url, response, limit, &mut came).await? else {
            let why = format!("'{url}' is larger than {} MB", limit >> 20);
            return Err(if limit < most {
                Error::new(Kind::TooLarge, why)
            } else {
                too_large(url.as_str(), most)
            });
        };
        let bytes = came.held.map(Bytes::from);
        let values = headers.get_all("x-robots-tag").iter().filter_map(|value| value.to_str().ok());
        let mut wishes = Wishes::of_headers(values, &self.site.token);
        let (mut links, mut hash) = ("p".to_owned(), came.hash.finalize().to_vec());
        if let Some(bytes) = bytes.as_ref().filter(|_| is_page) {
            let page = self.page(bytes).await?;
            wishes.noindex |= page.wishes.noindex;
            wishes.nofollow |= page.wishes.nofollow;
            hash = page.hash.to_vec();
            let base = page.base.as_ref().and_then(|base| url.join(base).ok());
            let base = base.unwrap_or_else(|| url.clone());
            if !wishes.nofollow {
                links = self.follow(&base, &page, task.depth);
            }
            if !task.itself && !wishes.noindex && self.gives_way(&url, &base, &page, task.depth) {
                return Ok(Outcome::Read(None));
            }
        }
        let taken = !wishes.noindex && self.site.globs.takes(&path(&url));
        if !taken || !self.given.insert(url.to_string()) {
            return Ok(Outcome::Read(None));
        }
        let found = Held::new(links, kind, &hash, &headers);
        let held = (self.known)(url.as_str()).and_then(|version| Held::parse(&version));
        let held = held.filter(|held| held.is_same(&found));
        let content = bytes.filter(|_| held.is_none());
        let item = item(&url, held.as_ref().unwrap_or(&found), Some(size), found.modified_at());
        Ok(Outcome::Read(Some(Seen::Item { item, content })))
    }

    async fn page(&self, bytes: &Bytes) -> Result<Page> {
        let (bytes, token) = (bytes.clone(), self.site.token.clone());
        let read = move || page::read(&String::from_utf8_lossy(&bytes), &token);
        tokio::task::spawn_blocking(read).await.or_internal("reading a page")
    }

    /// Puts into the queue what a page leads to, and says what that is.
    fn follow(&mut self, base: &Url, page: &Page, depth: u32) -> String {
        let (mut pages, mut documents) = (false, false);
        for link in &page.links {
            let Ok(mut there) = base.join(link) else { continue };
            self.site.adapt(&mut there);
            if !self.site.holds(&there) {
                continue;
            }
            let is_document = kinds::names_document(&there);
            documents |= is_document;
            pages = true;
            if is_document || !self.listed {
                self.add(there, depth + 1);
            }
        }
        match (pages, documents) {
            (_, true) => "hd".to_owned(),
            (true, false) => "h".to_owned(),
            (false, false) => "p".to_owned(),
        }
    }

    /// Whether a page is left to another address that it wants to be known by.
    fn gives_way(&mut self, url: &Url, base: &Url, page: &Page, depth: u32) -> bool {
        let Some(mut there) = page.canonical.as_ref().and_then(|text| base.join(text).ok()) else {
            return false;
        };
        self.site.adapt(&mut there);
        if there == *url || !self.may_ask(&there) {
            return false;
        }
        let key = there.to_string();
        if self.given.contains(&key) {
            return true;
        }
        if self.visited.contains(&key) {
            // It gave way itself, or is not to be found.
            return false;
        }
        if self.met.insert(key.clone()) {
            self.queue.push_front(Task { url: there, depth, itself: false });
        }
        self.waiting.entry(key).or_insert(Task { url: url.clone(), depth, itself: true });
        true
    }

    async fn pause(&mut self) {
        if let Some(free) = self.free {
            tokio::time::sleep_until(free).await;
        }
        self.free = Some(Instant::now() + self.delay);
    }

    /// What is said when there are more pages than are asked for.
    pub(super) fn left_out(&self) -> Option<Seen> {
        (self.overflown || !self.queue.is_empty()).then(|| Seen::Failed {
            key: format!("{}#max_pages", self.site.start),
            reason: format!(
                "the site has more pages than the {} of 'max_pages', and some were left out; raise \
                 it, or exclude pages",
                self.site.config.max_pages
            ),
        })
    }

    /// Whether the listing was complete.
    ///
    /// # Errors
    /// `Unavailable` when pages are missing whose links might lead to others.
    pub(super) fn end(&self) -> Result<()> {
        if self.unread == 0 {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "{} pages could not be read, so others that only they lead to may be missing; nothing \
             is taken away until they can be read. Exclude them if they never will be",
            self.unread
        )))
    }
}

impl Website {
    /// Brings an address to the one form it has here.
    fn adapt(&self, url: &mut Url) {
        url.set_fragment(None);
        let same = url.host_str() == self.start.host_str() && url.port().is_none();
        if same
            && self.start.port().is_none()
            && self.start.scheme() == "https"
            && url.scheme() == "http"
        {
            // The same site, as it was called before.
            let changed = url.set_scheme("https");
            debug_assert!(changed.is_ok(), "both schemes are of the web");
        }
    }
}

async fn robots_of(site: &Website) -> Result<Robots> {
    let mut url = site.start.clone();
    url.set_path("/robots.txt");
    url.set_query(None);
    let response = site.ask_anywhere(&url).await?;
    let status = response.status();
    if net::passes(status) {
        return Err(Error::unavailable(format!(
            "'{url}' answers with status {}; until it can be read nothing of the site may be",
            status.as_u16()
        )));
    }
    if !status.is_success() {
        return Ok(Robots::default());
    }
    let bytes = site.read(&url, response, robots::BYTES_MAX).await?;
    let bytes = bytes
        .ok_or_else(|| Error::new(Kind::Unprocessable, format!("'{url}' is larger than 4 MB")))?;
    Ok(Robots::parse(&String::from_utf8_lossy(&bytes), &site.token))
}

fn elsewhere(url: &Url, there: &Url) -> Error {
    Error::invalid(format!(
        "'{url}' leads to '{there}', which is outside of what was asked for or may not be read; \
         give that address as 'url' if it is what you mean"
    ))
    .with_param("url")
}

/// What robots.txt speaks of: the path with the query.
fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// What patterns are tried on.
fn path(url: &Url) -> String {
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy();
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') {
        format!("{path}index.html")
    } else {
        path.to_owned()
    }
}

fn item(url: &Url, held: &Held, size: Option<u64>, modified_at: Option<i64>) -> Item {
    let mut attributes = Map::new();
    attributes.insert("url".to_owned(), Value::from(url.as_str()));
    Item {
        key: url.to_string(),
        version: held.version(),
        name: kinds::name(url, &held.kind),
        size,
        modified_at,
        attributes,
    }
}
