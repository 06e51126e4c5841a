use std::process::{Command, Stdio};

use super::*;
use crate::contract::{self, Place};
use crate::double::{Asked, Double, Reply};

/// A repository of the tests' own, with a clone to change it from.
struct Origin {
    dir: tempfile::TempDir,
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .expect("git is needed; scripts/install-tools.sh installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Origin {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "--bare", "-b", "main", "origin.git"]);
        let origin = dir.path().join("origin.git");
        git(&origin, &["config", "uploadpack.allowFilter", "true"]);
        git(dir.path(), &["init", "--quiet", "-b", "main", "work"]);
        let origin = Self { dir };
        origin.commit("empty");
        origin
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn bare(&self) -> PathBuf {
        self.dir.path().join("origin.git")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits what is there and pushes it; the commit's hash.
    fn commit(&self, message: &str) -> String {
        let work = self.work();
        git(&work, &["add", "-A"]);
        git(&work, &["commit", "--quiet", "--allow-empty", "-m", message]);
        git(&work, &["push", "--quiet", self.bare().to_str().unwrap(), "HEAD:refs/heads/main"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    fn env(&self) -> Environment {
        Environment {
            folders: vec![self.bare()],
            scratch: self.dir.path().join("scratch"),
            allowed_hosts: vec!["localhost".to_owned()],
            ..Environment::default()
        }
    }

    fn config(&self) -> GitConfig {
        let url = format!("file://{}", self.bare().display());
        serde_json::from_value(serde_json::json!({"url": url})).unwrap()
    }

    fn open(&self, config: &GitConfig) -> Box<dyn Source> {
        config.open(&self.env()).unwrap()
    }

    fn scratch(&self) -> PathBuf {
        self.env().scratch.join("repository.git")
    }
}

#[async_trait]
impl Place for Origin {
    fn source(&self) -> Box<dyn Source> {
        self.open(&self.config())
    }

    async fn put(&mut self, name: &str, text: &str) {
        self.write(name, text);
        self.commit(name);
    }

    async fn remove(&mut self, name: &str) {
        std::fs::remove_file(self.work().join(name)).unwrap();
        self.commit(name);
    }

    async fn break_listing(&mut self) {
        std::fs::remove_dir_all(self.bare()).unwrap();
        std::fs::create_dir(self.bare()).unwrap();
    }
}

#[tokio::test]
async fn a_repository_is_a_source() {
    contract::all(&mut Origin::new()).await;
}

#[tokio::test]
async fn what_is_asked_for_is_taken_of_the_branch() {
    let origin = Origin::new();
    for name in ["a.md", "docs/b.md", "docs/c.pdf", "docs/old/d.md", "docs/LICENSE", "docs2/e.md"] {
        origin.write(name, name);
    }
    std::os::unix::fs::symlink("/etc/passwd", origin.work().join("docs/link.md")).unwrap();
    let commit = origin.commit("first");
    git(
        &origin.work(),
        &["push", "--quiet", origin.bare().to_str().unwrap(), "HEAD:refs/heads/v1/x"],
    );
    origin.write("docs/new.md", "new");
    origin.commit("second");
    let mut config = origin.config();
    config.branch = Some("v1/x".to_owned());
    config.path = "/docs/".to_owned();
    config.exclude = vec!["*.pdf".to_owned(), "old/".to_owned()];
    let source = origin.open(&config);
    let scanned = contract::scan(source.as_ref()).await;
    scanned.ended.as_ref().unwrap();
    let keys: Vec<&String> = scanned.items.keys().collect();
    assert_eq!(keys, ["docs/LICENSE", "docs/b.md"]);
    let (item, _) = &scanned.items["docs/LICENSE"];
    assert_eq!((item.name.as_str(), item.size), ("LICENSE.txt", Some(12)));
    assert_eq!(item.version, git(&origin.work(), &["rev-parse", "HEAD:docs/LICENSE"]));
    assert_eq!(item.attributes["commit"], commit);
    assert_eq!(
        contract::fetched(source.as_ref(), item, 12).await.unwrap().as_ref(),
        b"docs/LICENSE"
    );

    config.path = "docs/b.md".to_owned();
    assert_eq!(contract::scan(origin.open(&config).as_ref()).await.items.len(), 1);
    let ended = async |config: &GitConfig| {
        contract::scan(origin.open(config).as_ref()).await.ended.unwrap_err()
    };
    config.path = "nothing".to_owned();
    let refused = ended(&config).await;
    assert_eq!((refused.kind(), refused.param()), (Kind::NotFound, Some("path")), "{refused}");
    config.branch = Some("nothing".to_owned());
    let refused = ended(&config).await;
    assert_eq!((refused.kind(), refused.param()), (Kind::NotFound, Some("branch")), "{refused}");
}

#[tokio::test]
async fn only_what_is_new_is_fetched_and_what_a_run_left_does_no_harm() {
    let origin = Origin::new();
    origin.write("a.md", "one");
    origin.write("b.md", "two");
    origin.commit("first");
    let source = origin.source();
    let first = contract::scan(source.as_ref()).await;
    let held: std::collections::BTreeMap<String, String> =
        first.items.iter().map(|(key, (item, _))| (key.clone(), item.version.clone())).collect();
    let is_here = |hash: &str| {
        let check = Command::new("git")
            .arg("--git-dir")
            .arg(origin.scratch())
            .args(["cat-file", "-e", hash])
            .env("GIT_NO_LAZY_FETCH", "1")
            .stderr(Stdio::null())
            .status();
        check.unwrap().success()
    };
    assert!(is_here(&held["a.md"]) && is_here(&held["b.md"]));
    std::fs::write(origin.scratch().join("shallow.lock"), "").unwrap();
    std::fs::write(origin.scratch().join("HEAD"), "nonsense").unwrap();
    origin.write("a.md", "three");
    origin.commit("second");
    let second = contract::scan_knowing(source.as_ref(), &held).await;
    second.ended.as_ref().unwrap();
    assert_eq!(second.items["a.md"].0.size, Some(5));
    assert!(is_here(&second.items["a.md"].0.version) && !is_here(&held["b.md"]));
    // One that is wanted all the same is fetched by itself.
    let bytes = contract::fetched(source.as_ref(), &second.items["b.md"].0, 10).await.unwrap();
    assert_eq!(bytes.as_ref(), b"two");
}

#[tokio::test]
async fn what_is_kept_elsewhere_is_told() {
    let origin = Origin::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    origin.write("big.pdf", pointer);
    origin.commit("first");
    let source = origin.source();
    let (item, _) = contract::scan(source.as_ref()).await.items.remove("big.pdf").unwrap();
    let refused = contract::fetched(source.as_ref(), &item, 1 << 20).await.unwrap_err();
    assert!(refused.message().contains("LFS"), "{refused}");
    for version in ["HEAD", "--help", "", &"0".repeat(40)] {
        let odd = Item { version: version.to_owned(), ..item.clone() };
        assert_eq!(
            contract::fetched(source.as_ref(), &odd, 10).await.unwrap_err().kind(),
            Kind::NotFound,
            "{version}"
        );
    }
}

/// Git's own server, behind a user name and a token.
fn serve(root: PathBuf) -> Double {
    Double::start(move |asked| {
        let pair = base64::engine::general_purpose::STANDARD.encode("me:s3cret");
        if asked.header("authorization") != format!("Basic {pair}") {
            return Reply::status(401).with("www-authenticate", "Basic realm=\"git\"");
        }
        if asked.path().starts_with("/moved") {
            return Reply::status(301).with("location", "/origin.git/info/refs");
        }
        backend(&root, asked)
    })
}

fn backend(root: &Path, asked: &Asked) -> Reply {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &asked.method)
        .env("PATH_INFO", asked.path())
        .env("QUERY_STRING", asked.target.split_once('?').map_or("", |(_, query)| query))
        .env("CONTENT_TYPE", asked.header("content-type"))
        .env("CONTENT_LENGTH", asked.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", asked.header("content-encoding"))
        .env("GIT_PROTOCOL", asked.header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&asked.body).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut reply = Reply { status: 200, headers: Vec::new(), body: output[end + 4..].to_vec() };
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Status" {
            reply.status = value[..3].parse().unwrap();
        } else {
            reply = reply.with(name, value);
        }
    }
    reply
}

#[tokio::test]
async fn a_token_opens_what_is_closed_and_is_sent_nowhere_else() {
    let origin = Origin::new();
    origin.write("a.md", "one");
    origin.commit("first");
    let server = serve(origin.dir.path().to_owned());
    let port = server.url.rsplit(':').next().unwrap();
    let mut config = origin.config();
    config.url = format!("http://localhost:{port}/origin.git");
    (config.username, config.token) = (Some("me".to_owned()), Some(Secret::new("s3cret")));
    assert_eq!(contract::texts(origin.open(&config).as_ref()).await["a.md"], "one");

    let ended = async |config: &GitConfig| {
        contract::scan(origin.open(config).as_ref()).await.ended.unwrap_err()
    };
    config.url = format!("http://localhost:{port}/moved.git");
    let refused = ended(&config).await;
    assert_eq!((refused.kind(), refused.param()), (Kind::Invalid, Some("url")), "{refused}");
    config.url = format!("http://localhost:{port}/none.git");
    assert_eq!(ended(&config).await.kind(), Kind::NotFound);
    config.token = Some(Secret::new("wrong"));
    let refused = ended(&config).await;
    assert_eq!(refused.kind(), Kind::Unauthenticated, "{refused}");
    config.token = None;
    let refused = ended(&config).await;
    assert_eq!(refused.kind(), Kind::Unauthenticated, "{refused}");
    assert!(refused.message().contains("'token'"), "{refused}");
}

#[tokio::test]
async fn only_what_is_allowed_is_asked() {
    let origin = Origin::new();
    let closed = Environment { scratch: origin.env().scratch, ..Environment::default() };
    let kind = |url: &str| {
        let config = GitConfig { url: url.to_owned(), ..origin.config() };
        config.open(&closed).err().map(|error| error.kind())
    };
    assert_eq!(kind(&origin.config().url), Some(Kind::Forbidden));
    assert_eq!(kind("file:///etc"), Some(Kind::Forbidden));
    assert_eq!(kind("https://127.0.0.1/x.git"), Some(Kind::Forbidden));
    assert_eq!(kind("http://example.com/x.git"), Some(Kind::Invalid));
    assert_eq!(kind("https://example.com/x.git"), None);
    let named = GitConfig { url: "https://localhost/x.git".to_owned(), ..origin.config() };
    let ended = contract::scan(named.open(&closed).unwrap().as_ref()).await.ended.unwrap_err();
    assert_eq!(ended.kind(), Kind::Forbidden, "{ended}");
}

#[test]
fn what_cannot_be_is_refused_with_the_field() {
    let field = |changes: &str| {
        let mut config = serde_json::json!({"url": "https://example.com/x.git"});
        let changes: Value = serde_json::from_str(changes).unwrap();
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let config: GitConfig = serde_json::from_value(config).unwrap();
        config.check().err().map(|error| error.param().unwrap_or_default().to_owned())
    };
    assert_eq!(field("{}"), None);
    assert_eq!(field(r#"{"branch": "feature/x-1.2", "path": "/a/b/", "token": "t"}"#), None);
    for url in [
        "git@example.com:x.git",
        "ssh://example.com/x",
        "https://u:p@example.com/x",
        "ext::sh -c id",
        "--upload-pack=id",
        "file://host/x",
    ] {
        assert_eq!(field(&format!(r#"{{"url": "{url}"}}"#)).as_deref(), Some("url"), "{url}");
    }
    for branch in ["-x", "a..b", "a b", "a:b", "a*", "", "a/.b", "a.lock", "@", "a@{1}"] {
        let refused = field(&format!(r#"{{"branch": "{branch}"}}"#));
        assert_eq!(refused.as_deref(), Some("branch"), "{branch}");
    }
    for path in ["../x", "a/../b", "a//b", ".git"] {
        assert_eq!(field(&format!(r#"{{"path": "{path}"}}"#)).as_deref(), Some("path"), "{path}");
    }
    assert_eq!(field(r#"{"username": "a:b"}"#).as_deref(), Some("username"));
    assert_eq!(field(r#"{"token": ""}"#).as_deref(), Some("token"));
}
