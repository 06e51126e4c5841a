use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::contract::{self, Place, Scanned};
use crate::double::{Asked, Double, Reply};

type Pages = Arc<Mutex<BTreeMap<String, Reply>>>;

/// A website of the tests' own.
struct Site {
    server: Double,
    pages: Pages,
}

impl Site {
    fn new(pages: &[(&str, Reply)]) -> Self {
        let pages: BTreeMap<String, Reply> =
            pages.iter().map(|(path, reply)| ((*path).to_owned(), reply.clone())).collect();
        let pages = Arc::new(Mutex::new(pages));
        let theirs = Arc::clone(&pages);
        let server = Double::start(move |asked| answer(&theirs, asked));
        Self { server, pages }
    }

    fn set(&self, path: &str, reply: Reply) {
        self.pages.lock().unwrap().insert(path.to_owned(), reply);
    }

    fn config(&self, path: &str) -> WebsiteConfig {
        let url = format!("{}{path}", self.server.url);
        serde_json::from_value(serde_json::json!({"url": url, "delay_ms": 0})).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }

    /// The paths of what a scan gave.
    fn paths(&self, scanned: &Scanned) -> Vec<String> {
        let keys = scanned.items.keys();
        keys.map(|key| key.strip_prefix(&self.server.url).unwrap().to_owned()).collect()
    }
}

fn answer(pages: &Pages, asked: &Asked) -> Reply {
    let pages = pages.lock().unwrap();
    let found = pages.get(&asked.target).or_else(|| pages.get(asked.path()));
    let Some(reply) = found else { return Reply::status(404) };
    let etag = reply.headers.iter().find(|(name, _)| name == "etag").map(|(_, etag)| etag.as_str());
    let held = asked.header("if-none-match");
    if !held.is_empty() && etag == Some(held) { Reply::status(304) } else { reply.clone() }
}

fn env() -> Environment {
    Environment { allowed_hosts: vec!["127.0.0.1".to_owned()], ..Environment::default() }
}

async fn scan(config: &WebsiteConfig) -> Scanned {
    contract::scan(config.open(&env()).unwrap().as_ref()).await
}

fn versions(scanned: &Scanned) -> BTreeMap<String, String> {
    scanned.items.iter().map(|(key, (item, _))| (key.clone(), item.version.clone())).collect()
}

fn page(links: &[&str]) -> Reply {
    let links: String = links.iter().map(|link| format!("<a href='{link}'>x</a>")).collect();
    Reply::html(format!("<!doctype html><title>t</title><p>words</p>{links}"))
}

/// Pages behind a sitemap.
struct Listed {
    site: Site,
}

impl Listed {
    fn list(&self) {
        let pages = self.site.pages.lock().unwrap();
        let places = pages.keys().filter(|path| path.starts_with("/docs/"));
        let entries: String = places.map(|path| format!("<url><loc>{path}</loc></url>")).collect();
        drop(pages);
        let sitemap = format!("<urlset>{entries}</urlset>");
        self.site.set("/sitemap.xml", Reply::new(200, "application/xml", sitemap));
    }
}

#[async_trait]
impl Place for Listed {
    fn source(&self) -> Box<dyn Source> {
        let mut config = self.site.config("/docs/");
        config.sitemap = SitemapUse::At(self.site.url("/sitemap.xml"));
        config.open(&env()).unwrap()
    }

    async fn put(&mut self, name: &str, text: &str) {
        let reply =
            Reply::new(200, "text/plain", text).with("etag", &format!("\"{}\"", text.len()));
        self.site.set(&format!("/docs/{name}"), reply);
        self.list();
    }

    async fn remove(&mut self, name: &str) {
        self.site.pages.lock().unwrap().remove(&format!("/docs/{name}"));
    }

    async fn break_listing(&mut self) {
        self.site.set("/sitemap.xml", Reply::status(500));
    }
}

#[tokio::test]
async fn a_website_with_a_sitemap_is_a_source() {
    let mut place = Listed { site: Site::new(&[]) };
    place.list();
    contract::all(&mut place).await;
}

#[tokio::test]
async fn links_are_followed_within_the_host_and_the_path() {
    let far = "https://elsewhere.example/docs/z";
    let site = Site::new(&[
        (
            "/docs/",
            page(&["a.html#part", "./b/", "/outside", far, "x.png", "f.pdf", "c?d=1&amp;e=2"]),
        ),
        ("/docs/a.html", page(&["/docs/", "a.html", "mailto:x@example.com", "deep"])),
        (
            "/docs/b/",
            Reply::html("<base href='/docs/'><a href=based>x</a><a rel=nofollow href=no>"),
        ),
        ("/docs/based", page(&["moved"])),
        ("/docs/moved", Reply::redirect("/docs/new")),
        ("/docs/new", page(&["away", "gone"])),
        ("/docs/away", Reply::redirect("/outside")),
        ("/docs/c?d=1&e=2", page(&[])),
        ("/docs/deep", page(&["deeper"])),
        ("/docs/deeper", page(&[])),
        ("/docs/f.pdf", Reply::new(200, "application/pdf", "%PDF")),
        ("/docs/no", page(&[])),
        ("/outside", page(&[])),
    ]);
    let mut config = site.config("/docs/");
    config.max_depth = 2;
    let scanned = scan(&config).await;
    scanned.ended.as_ref().unwrap();
    assert!(scanned.failed.is_empty(), "{:?}", scanned.failed);
    let expected = [
        "/docs/",
        "/docs/a.html",
        "/docs/b/",
        "/docs/based",
        "/docs/c?d=1&e=2",
        "/docs/deep",
        "/docs/f.pdf",
    ];
    assert_eq!(site.paths(&scanned), expected);
    config.max_depth = 9;
    let scanned = scan(&config).await;
    assert_eq!(scanned.items.len(), expected.len() + 2, "what moved has its new address");
    assert!(scanned.items.contains_key(&site.url("/docs/new")));
    let asked = site.server.take();
    assert!(!asked.iter().any(|path| path == "/outside" || path.ends_with(".png")), "{asked:?}");

    let (item, content) = &scanned.items[&site.url("/docs/f.pdf")];
    assert_eq!((item.name.as_str(), item.size), ("f.pdf", Some(4)));
    assert_eq!(content.as_deref(), Some(b"%PDF".as_slice()));
    assert_eq!(item.attributes["url"], item.key);
    let source = config.open(&env()).unwrap();
    let fetched = contract::fetched(source.as_ref(), item, 4).await.unwrap();
    assert_eq!(fetched.as_ref(), b"%PDF");
}

#[tokio::test]
async fn a_large_file_comes_without_its_content_and_one_over_the_limit_not_at_all() {
    let pdf = |bytes: usize| {
        let body: Vec<u8> = b"%PDF-1.4 words ".iter().copied().cycle().take(bytes).collect();
        Reply::new(200, "application/pdf", body)
    };
    let large = (16 << 20) + 5;
    let site = Site::new(&[
        ("/docs/", page(&["large.pdf", "over.pdf"])),
        ("/docs/large.pdf", pdf(large)),
        ("/docs/over.pdf", pdf(large + 1)),
    ]);
    let config = site.config("/docs/");
    let env = Environment { file_bytes_max: large as u64, ..env() };
    let source = config.open(&env).unwrap();
    let scanned = contract::scan(source.as_ref()).await;
    assert_eq!(scanned.failed, [site.url("/docs/over.pdf")]);
    let (item, content) = &scanned.items[&site.url("/docs/large.pdf")];
    assert!(content.is_none() && item.size == Some(large as u64), "{item:?}");
    let fetched = contract::fetched(source.as_ref(), item, large as u64).await.unwrap();
    assert!(fetched == pdf(large).body, "{} bytes", fetched.len());
    let again = contract::scan(source.as_ref()).await;
    assert_eq!(versions(&again), versions(&scanned), "the same bytes are the same version");
}

#[tokio::test]
async fn patterns_choose_and_the_rest_still_leads_on() {
    let site = Site::new(&[
        ("/", page(&["/blog/", "/private/a"])),
        ("/blog/", page(&["/blog/one", "/private/b"])),
        ("/blog/one", page(&[])),
        ("/private/a", page(&["/blog/two"])),
        ("/private/b", page(&[])),
        ("/blog/two", page(&[])),
    ]);
    let mut config = site.config("/");
    config.include = vec!["blog/**".to_owned()];
    config.exclude = vec!["private/".to_owned()];
    assert_eq!(site.paths(&scan(&config).await), ["/blog/", "/blog/one"]);
    assert!(!site.server.take().iter().any(|path| path.starts_with("/private")));
}

#[tokio::test]
async fn robots_and_the_wishes_of_pages_are_kept_to() {
    let robots =
        "User-agent: *\nDisallow: /\n\nUser-agent: cairn\nDisallow: /secret\nAllow: /secret/open";
    let hidden = "<meta name=robots content=noindex><a href=/from-hidden>x</a>";
    let silent = "<meta name=robots content=nofollow><a href=/from-silent>x</a>";
    let site = Site::new(&[
        ("/robots.txt", Reply::new(200, "text/plain", robots)),
        (
            "/",
            page(&["/secret/a", "/secret/open", "/hidden", "/silent", "/by-header", "/to-secret"]),
        ),
        ("/secret/a", page(&[])),
        ("/secret/open", page(&[])),
        ("/hidden", Reply::html(hidden)),
        ("/from-hidden", page(&[])),
        ("/silent", Reply::html(silent)),
        ("/from-silent", page(&[])),
        ("/by-header", page(&[]).with("x-robots-tag", "noindex")),
        ("/to-secret", Reply::redirect("/secret/a")),
    ]);
    let scanned = scan(&site.config("/")).await;
    scanned.ended.as_ref().unwrap();
    assert_eq!(site.paths(&scanned), ["/", "/from-hidden", "/secret/open", "/silent"]);
    assert!(!site.server.take().contains(&"/secret/a".to_owned()));

    let refused = scan(&site.config("/secret/")).await.ended.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden, "{refused}");
    site.set("/robots.txt", Reply::status(503));
    site.server.take();
    let refused = scan(&site.config("/")).await.ended.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unavailable);
    assert!(site.server.take().iter().all(|path| path == "/robots.txt"), "nothing is crawled");
}

#[tokio::test]
async fn one_page_has_one_key() {
    let of = |canonical: &str| {
        Reply::html(format!("<link rel=canonical href='{canonical}'><p>words of {canonical}"))
    };
    let site = Site::new(&[
        ("/", page(&["/a?from=x", "/a?from=y", "/lost", "/m", "/n", "/slash"])),
        ("/a", of("/a")),
        ("/lost", of("/nowhere")),
        ("/m", of("/n")),
        ("/n", of("/m")),
        ("/slash", of("/slash/")),
        ("/slash/", Reply::redirect("/slash")),
    ]);
    let scanned = scan(&site.config("/")).await;
    scanned.ended.as_ref().unwrap();
    let paths = site.paths(&scanned);
    let loops = paths.iter().filter(|path| ["/m", "/n"].contains(&path.as_str())).count();
    assert_eq!(loops, 1, "{paths:?}");
    for path in ["/", "/a", "/lost", "/slash"] {
        assert!(paths.contains(&path.to_owned()), "{path} in {paths:?}");
    }
    assert_eq!(paths.len(), 5, "{paths:?}");
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let site = Site::new(&[
        ("/sitemap.xml", Reply::new(200, "text/xml", "<urlset><url><loc>/a</loc></url></urlset>")),
        (
            "/a",
            page(&["/b"])
                .with("etag", "\"one\"")
                .with("last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ),
    ]);
    let config = site.config("/");
    let source = config.open(&env()).unwrap();
    let first = contract::scan(source.as_ref()).await;
    let held = versions(&first);
    assert_eq!(first.items[&site.url("/a")].0.modified_at, Some(1_445_412_480));
    let again = contract::scan_knowing(source.as_ref(), &held).await;
    assert_eq!(versions(&again), held);
    assert!(again.items[&site.url("/a")].1.is_none());
    let asked = site.server.asked();
    assert_eq!(asked.last().unwrap().header("if-none-match"), "\"one\"");

    // A server that has a new validator for the same words does not make them new.
    site.set("/a", page(&["/b"]).with("etag", "\"two\""));
    let again = contract::scan_knowing(source.as_ref(), &held).await;
    assert_eq!(versions(&again), held);
    site.set("/a", Reply::html("<p>other words").with("etag", "\"two\""));
    let changed = contract::scan_knowing(source.as_ref(), &held).await;
    assert_ne!(versions(&changed), held);
    assert!(changed.items[&site.url("/a")].1.is_some());
}

#[tokio::test]
async fn links_of_what_did_not_change_are_followed() {
    let pages: Vec<(&str, Reply)> = vec![
        ("/", page(&["/a"]).with("etag", "\"1\"")),
        ("/a", page(&["/b.pdf"]).with("etag", "\"2\"")),
        ("/b.pdf", Reply::new(200, "application/pdf", "%PDF").with("etag", "\"3\"")),
    ];
    let site = Site::new(&pages);
    let source = site.config("/").open(&env()).unwrap();
    let held = versions(&contract::scan(source.as_ref()).await);
    assert_eq!(held.len(), 3);
    let again = contract::scan_knowing(source.as_ref(), &held).await;
    assert_eq!(versions(&again), held);
    let asked = site.server.asked();
    let conditional = asked.iter().filter(|asked| !asked.header("if-none-match").is_empty());
    assert_eq!(conditional.map(|asked| asked.path().to_owned()).collect::<Vec<_>>(), ["/b.pdf"]);
}

#[tokio::test]
async fn a_page_that_fails_is_told_and_takes_nothing_away() {
    let site = Site::new(&[
        ("/", page(&["/a", "/old", "/forbidden"])),
        ("/a", page(&["/b"])),
        ("/b", page(&[])),
        ("/old", page(&[])),
        ("/forbidden", Reply::status(403)),
    ]);
    let source = site.config("/").open(&env()).unwrap();
    let first = contract::scan(source.as_ref()).await;
    assert!(first.ended.is_ok(), "what may never be read leads nowhere");
    assert_eq!(first.failed, [site.url("/forbidden")]);
    site.set("/old", Reply::status(410));
    let second = contract::scan_knowing(source.as_ref(), &versions(&first)).await;
    second.ended.as_ref().unwrap();
    assert_eq!(site.paths(&second), ["/", "/a", "/b"], "what is gone is gone");
    site.set("/a", Reply::status(500));
    let third = contract::scan_knowing(source.as_ref(), &versions(&second)).await;
    assert_eq!(third.ended.unwrap_err().kind(), Kind::Unavailable);
    assert!(third.failed.contains(&site.url("/a")));
    site.set("/", Reply::status(404));
    assert_eq!(scan(&site.config("/")).await.ended.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_bound_on_pages_is_told() {
    let site = Site::new(&[("/", page(&["/a", "/b", "/c"])), ("/a", page(&[])), ("/b", page(&[]))]);
    let mut config = site.config("/");
    config.max_pages = 2;
    let scanned = scan(&config).await;
    assert!(scanned.ended.is_ok());
    assert_eq!(site.paths(&scanned), ["/", "/a"]);
    assert_eq!(scanned.failed, [site.url("/#max_pages")]);
}

#[tokio::test]
async fn nothing_private_is_asked() {
    let inner = Double::start(|_| Reply::html("the operator's own"));
    let port = inner.url.rsplit(':').next().unwrap();
    let there = format!("http://localhost:{port}/");
    let site = Site::new(&[
        ("/robots.txt", Reply::new(200, "text/plain", format!("Sitemap: {there}sitemap.xml"))),
        ("/", page(&["/a"])),
        ("/a", Reply::redirect(&there)),
    ]);
    let scanned = scan(&site.config("/")).await;
    scanned.ended.as_ref().unwrap();
    assert_eq!(site.paths(&scanned), ["/"]);
    assert!(inner.asked().is_empty());
    let closed = Environment::default();
    let refused = site.config("/").open(&closed).err().unwrap();
    assert_eq!((refused.kind(), refused.param()), (Kind::Forbidden, Some("url")), "{refused}");
    let mut named = site.config("/");
    named.url = there;
    let refused = contract::scan(named.open(&closed).unwrap().as_ref()).await.ended.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden, "{refused}");
    assert!(inner.asked().is_empty());
}

#[tokio::test]
async fn packed_answers_and_sitemaps_of_sitemaps_are_read() {
    use std::io::Write as _;
    let packed = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let site = Site::new(&[
        ("/robots.txt", Reply::new(200, "text/plain", "Sitemap: /index.xml")),
        (
            "/index.xml",
            Reply::new(
                200,
                "text/xml",
                "<sitemapindex><sitemap><loc>/one.xml.gz</loc></sitemap></sitemapindex>",
            ),
        ),
        (
            "/one.xml.gz",
            Reply::new(
                200,
                "application/gzip",
                packed("<urlset><url><loc>/a</loc></url></urlset>"),
            ),
        ),
        ("/a", Reply::html(packed("<p>the first is an apple")).with("content-encoding", "gzip")),
    ]);
    let found = contract::texts(site.config("/").open(&env()).unwrap().as_ref()).await;
    assert_eq!(found[&site.url("/a")], "<p>the first is an apple");
}

#[test]
fn what_cannot_be_is_refused_with_the_field() {
    let refused = |changes: serde_json::Value| {
        let mut config = serde_json::json!({"url": "https://example.com/"});
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let config: WebsiteConfig = serde_json::from_value(config).unwrap();
        config.check().unwrap_err().param().map(str::to_owned).unwrap_or_default()
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for url in ["example.com", "ftp://example.com/", "https://u:p@example.com/", "https://"] {
        assert_eq!(refused(serde_json::json!({"url": url})), "url");
    }
    assert_eq!(refused(json(r#"{"max_pages": 0}"#)), "max_pages");
    assert_eq!(refused(json(r#"{"max_depth": 101}"#)), "max_depth");
    assert_eq!(refused(json(r#"{"delay_ms": 60001}"#)), "delay_ms");
    assert_eq!(refused(json(r#"{"user_agent": "1.0"}"#)), "user_agent");
    assert_eq!(refused(json(r#"{"sitemap": "sometimes"}"#)), "sitemap");
    assert_eq!(refused(json(r#"{"include": ["a**"]}"#)), "include");
    let config: WebsiteConfig =
        serde_json::from_value(json(r#"{"url": "https://example.com"}"#)).unwrap();
    assert_eq!(config.sitemap, SitemapUse::Auto);
    assert_eq!(serde_json::to_value(&config).unwrap()["sitemap"], "auto");
}
