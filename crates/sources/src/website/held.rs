//! What a version says of a page, so that the page is only sent again when it changed.

use std::time::UNIX_EPOCH;

use reqwest::RequestBuilder;
use reqwest::header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};

/// Longest validator that is kept.
const VALIDATOR_BYTES_MAX: usize = 200;

/// A version: `links.kind-hash|etag|last-modified`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Whether the page leads to pages (`h`), and to documents (`d`); `p` is neither.
    pub(super) links: String,
    /// The ending of its kind.
    pub(super) kind: String,
    hash: String,
    etag: String,
    modified: String,
}

impl Held {
    /// What is said of a page by its hash and the headers that it came with.
    pub(super) fn new(links: String, kind: &str, hash: &[u8], headers: &HeaderMap) -> Self {
        let validator = |name: &str| {
            let value = text(headers, name);
            if value.len() <= VALIDATOR_BYTES_MAX { value.to_owned() } else { String::new() }
        };
        Self {
            links,
            kind: kind.to_owned(),
            hash: hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
            etag: validator(ETAG.as_str()),
            modified: validator(LAST_MODIFIED.as_str()),
        }
    }

    /// Reads a version; one of another form says nothing.
    pub(super) fn parse(version: &str) -> Option<Self> {
        let (head, validators) = version.split_once('|')?;
        let (etag, modified) = validators.rsplit_once('|')?;
        let (links, rest) = head.split_once('.')?;
        let (kind, hash) = rest.split_once('-')?;
        let [links, kind, hash, etag, modified] =
            [links, kind, hash, etag, modified].map(str::to_owned);
        Some(Self { links, kind, hash, etag, modified })
    }

    pub(super) fn version(&self) -> String {
        format!("{}.{}-{}|{}|{}", self.links, self.kind, self.hash, self.etag, self.modified)
    }

    /// Whether the page is what it was; validators may differ from server to server.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.links, &self.kind, &self.hash) == (&other.links, &other.kind, &other.hash)
    }

    /// Asks for the page only if it is not this.
    pub(super) fn condition(&self, mut request: RequestBuilder) -> RequestBuilder {
        if !self.etag.is_empty() {
            request = request.header(IF_NONE_MATCH, &self.etag);
        }
        if !self.modified.is_empty() {
            request = request.header(IF_MODIFIED_SINCE, &self.modified);
        }
        request
    }

    /// When the page was last changed, in seconds since 1970.
    pub(super) fn modified_at(&self) -> Option<i64> {
        let time = httpdate::parse_http_date(&self.modified).ok()?;
        i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
    }
}

/// A header as text; nothing where it is missing or is none.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_comes_back() {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, "W/\"a|b\"".parse().unwrap());
        headers.insert(LAST_MODIFIED, "Wed, 21 Oct 2015 07:28:00 GMT".parse().unwrap());
        let held = Held::new("hd".to_owned(), "html", &[7; 32], &headers);
        assert_eq!(Held::parse(&held.version()), Some(held.clone()));
        assert_eq!(held.modified_at(), Some(1_445_412_480));
        headers.insert(ETAG, "x".repeat(201).parse().unwrap());
        let other = Held::new("hd".to_owned(), "html", &[7; 32], &headers);
        assert!(held.is_same(&other) && other.etag.is_empty());
        assert_eq!(Held::parse("12-34"), None);
    }
}
