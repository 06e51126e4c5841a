use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ring::hmac;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::contract::{self, Place};
use crate::double::{Asked, Double, Reply};

const ID: &str = "AKIDEXAMPLE";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[derive(Default)]
struct State {
    objects: BTreeMap<String, String>,
    /// Answers listings with a failure.
    broken: bool,
    /// Cuts listings in half.
    cut: bool,
}

/// A bucket of the tests' own; it gives two keys a page and believes no false signature.
struct Store {
    server: Double,
    state: Arc<Mutex<State>>,
}

impl Store {
    fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let theirs = Arc::clone(&state);
        let server = Double::start(move |asked| answer(&theirs.lock().unwrap(), asked));
        Self { server, state }
    }

    fn config(&self) -> S3Config {
        serde_json::from_value(serde_json::json!({
            "bucket": "docs", "region": "eu-central-1", "endpoint": self.server.url,
            "access_key_id": ID, "secret_access_key": KEY,
        }))
        .unwrap()
    }

    fn set(&self, key: &str, text: &str) {
        self.state.lock().unwrap().objects.insert(key.to_owned(), text.to_owned());
    }
}

fn env() -> Environment {
    Environment { allowed_hosts: vec!["127.0.0.1".to_owned()], ..Environment::default() }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// The signature that a request must have, made from the specification and not from the
/// library that is tested.
fn signature(asked: &Asked, scope: &str, signed: &str) -> String {
    let mut query: Vec<&str> =
        asked.target.split_once('?').map_or(Vec::new(), |(_, query)| query.split('&').collect());
    query.sort_unstable();
    let headers: String =
        signed.split(';').map(|name| format!("{name}:{}\n", asked.header(name))).collect();
    let request = [
        asked.method.as_str(),
        asked.path(),
        &query.join("&"),
        &headers,
        signed,
        asked.header("x-amz-content-sha256"),
    ]
    .join("\n");
    let date = asked.header("x-amz-date");
    let text = ["AWS4-HMAC-SHA256", date, scope, &hash(request.as_bytes())].join("\n");
    let mut key = format!("AWS4{KEY}").into_bytes();
    for part in scope.split('/') {
        key = mac(&key, part);
    }
    mac(&key, &text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::new(status, "application/xml", format!("<Error><Code>{code}</Code></Error>"))
}

/// Why a request is not believed.
fn disbelieved(asked: &Asked) -> Option<Reply> {
    let proof = asked.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ")?;
    let parts: BTreeMap<&str, &str> =
        proof.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let (id, scope) = parts["Credential"].split_once('/').unwrap();
    let signed = parts["SignedHeaders"];
    let whole = ["host", "x-amz-date", "x-amz-content-sha256"]
        .iter()
        .all(|name| signed.split(';').any(|one| one == *name));
    if !whole || asked.header("x-amz-content-sha256") != hash(b"") {
        return Some(refusal(403, "AccessDenied"));
    }
    if id != ID {
        return Some(refusal(403, "InvalidAccessKeyId"));
    }
    if scope.split('/').nth(1) != Some("eu-central-1") {
        let reply = refusal(400, "AuthorizationHeaderMalformed");
        return Some(reply.with("x-amz-bucket-region", "eu-central-1"));
    }
    let right = signature(asked, scope, signed) == parts["Signature"];
    (!right).then(|| refusal(403, "SignatureDoesNotMatch"))
}

fn answer(state: &State, asked: &Asked) -> Reply {
    let open = asked.path().starts_with("/open");
    if !open && asked.header("authorization").is_empty() {
        return refusal(403, "AccessDenied");
    }
    if let Some(refused) = disbelieved(asked) {
        return refused;
    }
    let (_, path) = asked.path().split_at(1);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    if !["docs", "open"].contains(&bucket) {
        return refusal(404, "NoSuchBucket");
    }
    if !key.is_empty() {
        let key = percent_encoding::percent_decode_str(key).decode_utf8().unwrap();
        return match state.objects.get(key.as_ref()) {
            Some(text) => Reply::new(200, "application/octet-stream", text.as_str()),
            None => refusal(404, "NoSuchKey"),
        };
    }
    list(state, asked)
}

fn list(state: &State, asked: &Asked) -> Reply {
    let url = Url::parse(&format!("http://x{}", asked.target)).unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!((query["list-type"].as_str(), query["encoding-type"].as_str()), ("2", "url"));
    if state.broken {
        return Reply::status(503);
    }
    let from: usize = query.get("continuation-token").map_or(0, |token| {
        token.strip_prefix("+/=").expect("the token as it was given").parse().unwrap()
    });
    let keys: Vec<_> =
        state.objects.iter().filter(|(key, _)| key.starts_with(&query["prefix"])).collect();
    let mut body = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
    for (key, text) in keys.iter().skip(from).take(2) {
        let key = listing::encoded(key, b"/").replace("%20", "+");
        let class = if text.starts_with("frozen") { "GLACIER" } else { "STANDARD" };
        body += &format!(
            "<Contents><Key>{key}</Key><ETag>&quot;{}&quot;</ETag><Size>{}</Size>\
             <LastModified>2024-01-02T03:04:05.000Z</LastModified>\
             <StorageClass>{class}</StorageClass></Contents>",
            &hash(text.as_bytes())[..32],
            text.len()
        );
    }
    body += "<EncodingType>url</EncodingType>";
    if keys.len() > from + 2 {
        body += &format!("<NextContinuationToken>+/={}</NextContinuationToken>", from + 2);
    }
    body += &format!("<IsTruncated>{}</IsTruncated></ListBucketResult>", keys.len() > from + 2);
    if state.cut {
        body.truncate(body.len() / 2);
    }
    Reply::new(200, "application/xml", body)
}

#[async_trait]
impl Place for Store {
    fn source(&self) -> Box<dyn Source> {
        self.config().open(&env()).unwrap()
    }

    async fn put(&mut self, name: &str, text: &str) {
        self.set(name, text);
    }

    async fn remove(&mut self, name: &str) {
        self.state.lock().unwrap().objects.remove(name);
    }

    async fn break_listing(&mut self) {
        self.state.lock().unwrap().cut = true;
    }
}

#[tokio::test]
async fn a_bucket_is_a_source() {
    contract::all(&mut Store::new()).await;
}

#[tokio::test]
async fn keys_with_odd_characters_are_read() {
    let store = Store::new();
    let odd = [
        "a b.txt",
        "a+b.txt",
        "a%20b.txt",
        "a&b=c?d#e.txt",
        "über/日本.txt",
        "//twice//.txt",
        "quote'\"<>.txt",
        "new\nline.txt",
        "tilde~*!().txt",
        "back\\slash.txt",
    ];
    for key in odd {
        store.set(key, key);
    }
    let found = contract::texts(store.source().as_ref()).await;
    assert_eq!(found.len(), odd.len());
    for (key, text) in found {
        assert_eq!(key, text);
    }
}

#[tokio::test]
async fn what_is_asked_for_is_taken_page_by_page() {
    let store = Store::new();
    for key in ["r/", "r/1.md", "r/2.md", "r/3.pdf", "r/old/4.md", "r/5.md", "s/6.md", "r/noname"] {
        store.set(key, "x");
    }
    store.set("r/ice.md", "frozen");
    store.set("r/../up.md", "x");
    let mut config = store.config();
    config.prefix = "r/".to_owned();
    config.exclude = vec!["old/".to_owned(), "*.pdf".to_owned()];
    let source = config.open(&env()).unwrap();
    let scanned = contract::scan(source.as_ref()).await;
    scanned.ended.as_ref().unwrap();
    let keys: Vec<&String> = scanned.items.keys().collect();
    assert_eq!(keys, ["r/1.md", "r/2.md", "r/5.md", "r/noname"]);
    assert_eq!(scanned.failed, ["r/../up.md", "r/ice.md"]);
    assert!(store.server.asked().len() > 3, "page by page");
    let (item, _) = &scanned.items["r/noname"];
    assert_eq!(item.name, "noname.txt");
    assert_eq!(item.modified_at, Some(1_704_164_645));
    store.state.lock().unwrap().objects.clear();
    assert_eq!(
        contract::fetched(source.as_ref(), item, 10).await.unwrap_err().kind(),
        Kind::NotFound
    );
}

#[tokio::test]
async fn a_bucket_that_everyone_may_read_needs_no_key() {
    let store = Store::new();
    store.set("a.txt", "open");
    let mut config = store.config();
    (config.access_key_id, config.secret_access_key) = (None, None);
    config.bucket = "open".to_owned();
    let found = contract::texts(config.open(&env()).unwrap().as_ref()).await;
    assert_eq!(found["a.txt"], "open");
    config.bucket = "docs".to_owned();
    let refused = contract::scan(config.open(&env()).unwrap().as_ref()).await.ended.unwrap_err();
    assert_eq!(refused.kind(), Kind::Forbidden, "{refused}");
}

#[tokio::test]
async fn refusals_say_what_to_change() {
    let store = Store::new();
    let ended = async |config: S3Config| {
        contract::scan(config.open(&env()).unwrap().as_ref()).await.ended.unwrap_err()
    };
    let mut config = store.config();
    config.secret_access_key = Some(Secret::new("wrong"));
    let refused = ended(config).await;
    assert_eq!(refused.kind(), Kind::Unauthenticated);
    assert!(refused.message().contains("secret_access_key"), "{refused}");
    let mut config = store.config();
    config.region = "us-east-1".to_owned();
    let refused = ended(config).await;
    assert_eq!((refused.kind(), refused.param()), (Kind::Invalid, Some("region")), "{refused}");
    assert!(refused.message().contains("eu-central-1"));
    let mut config = store.config();
    config.bucket = "nothing".to_owned();
    assert_eq!(ended(config).await.kind(), Kind::NotFound);
    store.state.lock().unwrap().broken = true;
    assert_eq!(ended(store.config()).await.kind(), Kind::Unavailable);
}

#[test]
fn what_cannot_be_is_refused_with_the_field_and_secrets_are_not_shown() {
    let parse = |changes: &str| -> S3Config {
        let mut config = serde_json::json!({"bucket": "my-bucket", "access_key_id": "id", "secret_access_key": "s3cret"});
        let changes: serde_json::Value = serde_json::from_str(changes).unwrap();
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    };
    for (changes, field) in [
        (r#"{"bucket": "a/b"}"#, "bucket"),
        (r#"{"bucket": "s3://my-bucket"}"#, "bucket"),
        (r#"{"region": "eu central"}"#, "region"),
        (r#"{"endpoint": "minio:9000"}"#, "endpoint"),
        (r#"{"endpoint": "https://u:p@minio"}"#, "endpoint"),
        (r#"{"secret_access_key": null}"#, "secret_access_key"),
        (r#"{"include": ["a**"]}"#, "include"),
    ] {
        assert_eq!(parse(changes).check().unwrap_err().param(), Some(field), "{changes}");
    }
    let base = |changes: &str| parse(changes).base().unwrap().to_string();
    assert_eq!(base("{}"), "https://my-bucket.s3.us-east-1.amazonaws.com/");
    assert_eq!(base(r#"{"bucket": "a.b"}"#), "https://s3.us-east-1.amazonaws.com/a.b");
    assert_eq!(base(r#"{"endpoint": "http://m:9000/"}"#), "http://m:9000/my-bucket");
    let hosted = r#"{"endpoint": "http://m:9000", "virtual_hosted": true}"#;
    assert_eq!(base(hosted), "http://my-bucket.m:9000/");
    let shown = crate::SourceConfig::S3(parse("{}")).redacted().to_string();
    assert!(!shown.contains("s3cret") && shown.contains("my-bucket"), "{shown}");
    let refused = parse(r#"{"endpoint": "http://169.254.169.254"}"#).open(&Environment::default());
    let refused = refused.err().unwrap();
    assert_eq!((refused.kind(), refused.param()), (Kind::Forbidden, Some("endpoint")), "{refused}");
}
