//! Places beyond the server's own folders, through the API.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};
use crate::sources::{found, settled, sync};

type Pages = Arc<Mutex<BTreeMap<String, String>>>;

/// A website that ends with the process.
fn website(pages: &Pages) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let pages = Arc::clone(pages);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who hangs up early does so on purpose.
            let _ = answer(&stream, &pages);
        }
    });
    Ok(url)
}

fn answer(mut stream: &TcpStream, pages: &Pages) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let page = pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&path).cloned();
    let (status, body) = page.map_or((404, String::new()), |page| (200, page));
    write!(
        stream,
        "HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-type: text/html\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn set(pages: &Pages, path: &str, text: &str, links: &[&str]) {
    let links: String = links.iter().map(|link| format!("<a href='{link}'>more</a>")).collect();
    let page = format!("<title>Lockers</title><h1>Lockers</h1><p>{text}</p>{links}");
    let mut pages = pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    pages.insert(path.to_owned(), page);
}

async fn add(caller: &Caller, store: &str, config: Value) -> Result<Value> {
    let wish = json!({"vector_store_id": store, "every_seconds": 0, "config": config});
    caller.json(Method::POST, "/cairn/v1/sources", &wish).await
}

fn id(source: &Value) -> Result<&str> {
    source["id"].as_str().context("an id")
}

#[tokio::test]
async fn a_store_follows_a_website() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let pages = Pages::default();
    set(&pages, "/", "The parcel of the hall is called quartzhallzanzibar.", &["/one", "/two"]);
    set(&pages, "/one", "The parcel of locker one is called quartzonezanzibar.", &[]);
    set(&pages, "/two", "The parcel of locker two is called quartztwozanzibar.", &[]);
    let config = json!({"type": "website", "url": website(&pages)?, "delay_ms": 0});
    let made = add(&caller, &store, config).await?;
    let source = id(&made)?;
    let shown = settled(&caller, source).await?;
    ensure!(shown["last_run"]["outcome"] == "completed", "{shown}");
    ensure!(shown["items"]["ready"] == 3, "{shown}");
    for word in ["quartzhallzanzibar", "quartzonezanzibar", "quartztwozanzibar"] {
        ensure!(found(&caller, &store, word).await? == 1, "{word}");
    }

    set(&pages, "/one", "The parcel of locker one is called quartznewzanzibar.", &[]);
    pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove("/two");
    let shown = sync(&caller, source, json!({})).await?;
    let counts = &shown["last_run"]["counts"];
    ensure!(counts["updated"] == 1 && counts["deleted"] == 1, "{shown}");
    ensure!(counts["unchanged"] == 1, "{shown}");
    for (word, times) in
        [("quartznewzanzibar", 1), ("quartzonezanzibar", 0), ("quartztwozanzibar", 0)]
    {
        ensure!(found(&caller, &store, word).await? == times, "{word}");
    }

    // A site that does not answer takes nothing away, and says why.
    pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    let shown = sync(&caller, source, json!({})).await?;
    ensure!(shown["last_run"]["outcome"] == "failed", "{shown}");
    ensure!(found(&caller, &store, "quartznewzanzibar").await? == 1, "it is kept");
    scene.stop().await
}

fn git(dir: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .context("git is needed; scripts/install-tools.sh installs it")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn a_store_follows_a_repository_and_keeps_no_clone() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let repository = scene.data().join("shared/station");
    std::fs::create_dir_all(repository.join("docs"))?;
    git(&repository, &["init", "--quiet", "-b", "main", "."])?;
    let file = repository.join("docs/one.md");
    std::fs::write(&file, "# One\n\nThe parcel of locker one is called quartzonezanzibar.\n")?;
    std::fs::write(repository.join("README.md"), "The parcel called quartzreadmezanzibar.\n")?;
    git(&repository, &["add", "-A"])?;
    git(&repository, &["commit", "--quiet", "-m", "first"])?;
    let url = format!("file://{}", repository.display());
    let config = json!({"type": "git", "url": url, "path": "docs"});
    let made = add(&caller, &store, config).await?;
    let source = id(&made)?;
    let shown = settled(&caller, source).await?;
    ensure!(shown["last_run"]["outcome"] == "completed", "{shown}");
    ensure!(found(&caller, &store, "quartzonezanzibar").await? == 1);
    ensure!(found(&caller, &store, "quartzreadmezanzibar").await? == 0, "it is not in the folder");
    let left = scene.data().join("scratch/sources").join(source);
    ensure!(!left.exists(), "a run keeps nothing");

    std::fs::write(&file, "# One\n\nThe parcel of locker one is called quartznewzanzibar.\n")?;
    git(&repository, &["commit", "--quiet", "-a", "-m", "second"])?;
    let shown = sync(&caller, source, json!({})).await?;
    ensure!(shown["last_run"]["counts"]["updated"] == 1, "{shown}");
    ensure!(found(&caller, &store, "quartznewzanzibar").await? == 1);
    ensure!(found(&caller, &store, "quartzonezanzibar").await? == 0);
    scene.stop().await
}

#[tokio::test]
async fn secrets_are_neither_shown_nor_on_disk_and_wrong_fields_are_named() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let secret = "zanzibarsecretquartz";
    for config in [
        json!({"type": "imap", "host": "127.0.0.1", "port": 1, "username": "me", "password": secret}),
        json!({"type": "s3", "bucket": "docs", "endpoint": "http://127.0.0.1:1",
            "access_key_id": "id", "secret_access_key": secret}),
        json!({"type": "git", "url": "https://127.0.0.1:1/x.git", "token": secret}),
    ] {
        let made = add(&caller, &store, config).await?;
        ensure!(!made.to_string().contains(secret), "{made}");
        let shown = settled(&caller, id(&made)?).await?;
        ensure!(shown["last_run"]["outcome"] == "failed", "{shown}");
        ensure!(shown["config"].to_string().contains("[redacted]"), "{shown}");
        ensure!(!shown.to_string().contains(secret), "{shown}");
    }
    let holding = scene.holding(secret)?;
    ensure!(holding.is_empty(), "{holding:?}");
    // A secret that is left out stays; one that is given as null does not.
    let place = "https://127.0.0.1:1/y.git";
    let config = json!({"type": "git", "url": place, "token": secret});
    let path = format!("/cairn/v1/sources/{}", id(&add(&caller, &store, config).await?)?);
    let kept = json!({"config": {"url": place, "branch": "main"}});
    let shown = caller.json(Method::PATCH, &path, &kept).await?;
    ensure!(shown["config"]["token"] == "[redacted]", "{shown}");
    // What is kept is told nobody else.
    let moved = json!({"config": {"url": "https://127.0.0.1:2/y.git", "branch": "main"}});
    let (status, told) = caller.try_json(Method::PATCH, &path, &moved).await?;
    ensure!(status == StatusCode::BAD_REQUEST && told["error"]["param"] == "token", "{told}");
    let dropped = json!({"config": {"url": place, "branch": "main", "token": null}});
    let shown = caller.json(Method::PATCH, &path, &dropped).await?;
    ensure!(shown["config"]["token"].is_null(), "{shown}");
    for (config, field) in [
        (json!({"type": "website", "url": "example.com"}), "url"),
        (json!({"type": "s3", "bucket": "a/b"}), "bucket"),
        (json!({"type": "git", "url": "https://example.com/x.git", "branch": "a..b"}), "branch"),
        (json!({"type": "imap", "host": "x", "username": "", "password": "p"}), "username"),
        (
            json!({"type": "imap", "host": "x", "username": "u", "password": "p", "colour": 1}),
            "colour",
        ),
    ] {
        let wish = json!({"vector_store_id": store, "every_seconds": 0, "config": config});
        let (status, told) = caller.try_json(Method::POST, "/cairn/v1/sources", &wish).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{status} {told}");
        ensure!(told.to_string().contains(field), "{told}");
    }
    scene.stop().await
}
