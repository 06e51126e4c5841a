//! A branch of a Git repository, through the `git` program.
//!
//! Of the last commit a run fetches the list of files, and of these the ones that are new or
//! changed. Nothing is checked out: files are read from Git's own objects, by their hashes,
//! which are their versions. Nothing is kept between runs, so what was deleted there does not
//! lie about here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Secret};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::net::Guard;
use crate::{Connector, Environment, Globs, Item, Seen, Sink, Source, names, too_large};

mod command;

use command::{Answer, Git};

/// Most bytes of the list of files, enough for about a million.
const LISTING_BYTES_MAX: u64 = 128 << 20;
/// A file of as many bytes only names none of Git LFS's.
const LFS_BYTES_MAX: u64 = 1024;
/// How many files are fetched at a time.
const BATCH: usize = 1000;
/// Longest that fetching may take, and everything else.
const FETCH: Duration = Duration::from_secs(1800);
const LOOK: Duration = Duration::from_secs(60);
/// Where the fetched commit is noted.
const HEAD: &str = "refs/cairn/head";
/// How everything is fetched: without files that are not asked for by their hashes.
const FETCHING: [&str; 6] = [
    "fetch",
    "--quiet",
    "--filter=blob:none",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
];
/// How a file begins that stands for one kept in Git LFS.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Which repository, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitConfig {
    /// Its address, as in `https://example.com/team/docs.git`.
    pub url: String,
    /// The branch; the repository's own choice without one.
    #[serde(default)]
    pub branch: Option<String>,
    /// The folder or file in it to take, as in `docs/guides`; all of it without one.
    #[serde(default)]
    pub path: String,
    /// Patterns of paths to take; everything without one. See [`Globs`].
    #[serde(default)]
    pub include: Vec<String>,
    /// Patterns of paths to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The user that the token belongs to; many servers take any.
    #[serde(default)]
    pub username: Option<String>,
    /// A token or password that may read it; none for a public repository.
    #[serde(default)]
    pub token: Option<Secret>,
}

impl GitConfig {
    /// The address, if it can be one.
    fn address(&self) -> Result<Url> {
        let wrong = |why: &str| {
            Error::invalid(format!("'url' {why}; write it as in https://example.com/team/docs.git"))
                .with_param("url")
        };
        let url = Url::parse(self.url.trim()).map_err(|cause| {
            wrong("is no address (those of SSH are not read)").with_source(cause)
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "holds a user name or a password, for which there are 'username' and 'token'",
            ));
        }
        match url.scheme() {
            "https" | "http" if url.host_str().is_none() => Err(wrong("names no host")),
            "file" if url.host_str().is_some_and(|host| !host.is_empty()) => {
                Err(wrong("names a host, which a file's cannot"))
            }
            "https" | "http" | "file" => Ok(url),
            _ => Err(wrong("is of a kind that is not read")),
        }
    }

    /// The parts of it that need no environment.
    fn parts(&self) -> Result<(Url, Globs)> {
        let url = self.address()?;
        if let Some(branch) = self.branch.as_deref().filter(|branch| !is_branch(branch)) {
            let text = format!("'{branch}' in 'branch' cannot be the name of a branch");
            return Err(Error::invalid(text).with_param("branch"));
        }
        if !is_path(&self.path) {
            let text = format!(
                "'{}' in 'path' is no folder of a repository; write it as in docs/guides",
                self.path
            );
            return Err(Error::invalid(text).with_param("path"));
        }
        let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if self.username.as_deref().is_some_and(|name| !plain(name) || name.contains(':')) {
            let text = "'username' is empty or has characters that no user name can have";
            return Err(Error::invalid(text).with_param("username"));
        }
        if self.token.as_ref().is_some_and(|token| !plain(token.expose())) {
            let text = "'token' is empty or has characters that no token can have";
            return Err(Error::invalid(text).with_param("token"));
        }
        Ok((url, Globs::new(&self.include, &self.exclude)?))
    }
}

impl Connector for GitConfig {
    fn check(&self) -> Result<()> {
        self.parts().map(|_| ())
    }

    fn open(&self, env: &Environment) -> Result<Box<dyn Source>> {
        let (url, globs) = self.parts()?;
        let guard = Guard::new(env);
        let host = url.host_str().unwrap_or_default();
        match url.scheme() {
            "file" => allowed(&url, &env.folders)?,
            "http" if !guard.trusts(host) => {
                let text = "'url' begins with http://, over which anyone on the way could change \
                            what is read; use https://, or have the host named under `[sources] \
                            allowed_hosts = [...]` in the configuration";
                return Err(Error::invalid(text).with_param("url"));
            }
            _ => guard.check(&url).map_err(|refused| refused.with_param("url"))?,
        }
        if env.scratch.as_os_str().is_empty() {
            return Err(Error::internal("sources of Git need a folder to work in"));
        }
        Ok(Box::new(Repository {
            dir: env.scratch.join("repository.git"),
            config: self.clone(),
            prefix: prefix(&self.path),
            url,
            globs,
            guard,
        }))
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["token"]
    }

    fn receivers(&self) -> &'static [&'static str] {
        &["url"]
    }
}

/// A repository of this machine must be in a folder that sources may read.
fn allowed(url: &Url, folders: &[PathBuf]) -> Result<()> {
    let path = url.to_file_path().ok().and_then(|path| path.canonicalize().ok());
    let below = |path: &PathBuf| {
        folders
            .iter()
            .any(|folder| folder.canonicalize().is_ok_and(|folder| path.starts_with(folder)))
    };
    if path.as_ref().is_some_and(below) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Forbidden,
        format!(
            "'{url}' is no folder that may be read; allow it, or a folder above it, under \
             `[sources] folders = [...]` in the configuration and start the server again"
        ),
    )
    .with_param("url"))
}

/// The rules of `git check-ref-format`, as far as names of branches need them.
fn is_branch(name: &str) -> bool {
    let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    (1..=250).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('.')
        && name != "@"
        && !name.contains("..")
        && !name.contains("@{")
        && !name.chars().any(odd)
        && name.split('/').all(part)
}

fn is_path(path: &str) -> bool {
    let plain = path.trim_matches('/');
    let part = |part: &str| !matches!(part, "" | "." | ".." | ".git");
    plain.len() <= 1000
        && (plain.is_empty() || plain.split('/').all(part))
        && !plain.chars().any(char::is_control)
}

/// What paths below the folder begin with.
fn prefix(path: &str) -> String {
    let plain = path.trim_matches('/');
    if plain.is_empty() { String::new() } else { format!("{plain}/") }
}

/// A repository to read.
struct Repository {
    config: GitConfig,
    url: Url,
    /// Where it is fetched to.
    dir: PathBuf,
    prefix: String,
    globs: Globs,
    guard: Guard,
}

/// One file of a commit.
struct Entry<'a> {
    hash: &'a str,
    path: &'a [u8],
}

impl Repository {
    /// The program as it may ask the repository's server.
    async fn remote(&self) -> Result<Git> {
        let mut config = vec![("remote.origin.url".to_owned(), self.url.to_string())];
        let (host, port) = (self.url.host(), self.url.port_or_known_default().unwrap_or(443));
        if let Some(host) = &host {
            let name = self.url.host_str().unwrap_or_default();
            let found = self.guard.resolve(name, port).await?;
            if matches!(host, Host::Domain(_)) {
                // What was checked is what is connected to, however the name is answered then.
                let found: Vec<String> = found
                    .iter()
                    .map(|address| match address.ip() {
                        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
                        ip => ip.to_string(),
                    })
                    .collect();
                let pinned = format!("{name}:{port}:{}", found.join(","));
                config.push(("http.curloptResolve".to_owned(), pinned));
            }
        }
        if let Some(token) = &self.config.token {
            let user = self.config.username.as_deref().unwrap_or("git");
            let pair = format!("{user}:{}", token.expose());
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            config.push(("http.extraHeader".to_owned(), format!("Authorization: Basic {pair}")));
        }
        Ok(Git { protocols: self.url.scheme().to_owned(), config })
    }

    /// Looks into what was fetched; nobody is asked.
    async fn look(&self, arguments: &[&str], input: &[u8], limit: u64) -> Result<Answer> {
        Git::default().run(&self.dir, arguments, input, (limit, LOOK)).await
    }

    /// Fetches the commit and lists it: its hash and the files.
    async fn list(&self) -> Result<(String, Vec<u8>)> {
        let git = self.remote().await?;
        match tokio::fs::remove_dir_all(&self.dir).await {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(cause).or_internal("removing what an earlier run fetched");
            }
            _ => {}
        }
        let parent = self.dir.parent().unwrap_or(Path::new("/"));
        tokio::fs::create_dir_all(parent).await.or_internal("making a folder to work in")?;
        self.done(self.look(&["init", "--bare", "--quiet"], b"", 1000).await?)?;
        let from = match &self.config.branch {
            Some(branch) => format!("+refs/heads/{branch}:{HEAD}"),
            None => format!("+HEAD:{HEAD}"),
        };
        let mut arguments = FETCHING.to_vec();
        arguments.extend(["--depth=1", "--force", "--", "origin", from.as_str()]);
        self.done(git.run(&self.dir, &arguments, b"", (1 << 20, FETCH)).await?)?;
        let commit = self.done(self.look(&["rev-parse", "--verify", HEAD], b"", 200).await?)?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let mut arguments = vec!["ls-tree", "-r", "-z", "--full-tree", commit.as_str(), "--"];
        let folder = self.prefix.trim_end_matches('/');
        if !folder.is_empty() {
            arguments.push(folder);
        }
        let listing = self.done(self.look(&arguments, b"", LISTING_BYTES_MAX).await?)?;
        if listing.is_empty() && !folder.is_empty() {
            return Err(Error::not_found(format!(
                "folder '{folder}' of the repository '{}'",
                self.url
            ))
            .with_param("path"));
        }
        Ok((commit, listing))
    }

    /// The output of what went well.
    fn done(&self, answer: Answer) -> Result<Vec<u8>> {
        let Some(output) = answer.output else {
            let text = "there are more files than can be listed; give a 'path' of the repository";
            return Err(Error::new(Kind::TooLarge, text).with_param("path"));
        };
        if answer.success { Ok(output) } else { Err(self.refusal(&answer.said)) }
    }

    /// Fetches those of the files that are not here, and gives the sizes of all.
    async fn bring(&self, hashes: &[&str]) -> Result<Vec<Option<u64>>> {
        let sizes = self.sizes(hashes).await?;
        let missing: Vec<&str> = hashes
            .iter()
            .zip(&sizes)
            .filter_map(|(hash, size)| size.is_none().then_some(*hash))
            .collect();
        if missing.is_empty() {
            return Ok(sizes);
        }
        let mut git = self.remote().await?;
        // There is nothing to find out about what both have: these are not here.
        git.config.push(("fetch.negotiationAlgorithm".to_owned(), "noop".to_owned()));
        let mut arguments = FETCHING.to_vec();
        arguments.extend(["--stdin", "--", "origin"]);
        let input = missing.join("\n") + "\n";
        self.done(git.run(&self.dir, &arguments, input.as_bytes(), (1 << 20, FETCH)).await?)?;
        self.sizes(hashes).await
    }

    async fn sizes(&self, hashes: &[&str]) -> Result<Vec<Option<u64>>> {
        let arguments = ["cat-file", "--batch-check=%(objectsize)"];
        let input = hashes.join("\n") + "\n";
        let output =
            self.done(self.look(&arguments, input.as_bytes(), LISTING_BYTES_MAX).await?)?;
        let sizes: Vec<Option<u64>> =
            String::from_utf8_lossy(&output).lines().map(|line| line.parse().ok()).collect();
        if sizes.len() != hashes.len() {
            return Err(Error::internal("git did not tell the size of every file"));
        }
        Ok(sizes)
    }

    /// Why git failed.
    fn refusal(&self, said: &str) -> Error {
        let url = &self.url;
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if has(&["couldn't find remote ref"]) {
            let branch = self.config.branch.as_deref().unwrap_or("HEAD");
            let what = format!("branch '{branch}' of the repository '{url}'");
            Error::not_found(what).with_param("branch")
        } else if has(&["not our ref"]) {
            Error::not_found(format!("a file of this version in the repository '{url}'"))
        } else if has(&[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "unable to get password",
            "returned error: 401",
            "returned error: 403",
        ]) {
            let why = if self.config.token.is_some() {
                "does not take 'username' and 'token', or the token may not read it"
            } else {
                "is not open to everyone; give a 'token' that may read it"
            };
            Error::new(Kind::Unauthenticated, format!("the repository '{url}' {why}"))
                .with_param("token")
        } else if has(&[
            "not found",
            "returned error: 404",
            "does not appear to be a git repository",
        ]) {
            let what = format!("repository '{url}' (or the 'token' may not see it)");
            Error::not_found(what).with_param("url")
        } else if has(&["returned error: 30"]) {
            let text = format!("'{url}' redirects to another address; give that as 'url'");
            Error::invalid(text).with_param("url")
        } else {
            let line = |line: &&str| line.starts_with("fatal:") || line.starts_with("error:");
            let line = said.lines().find(line).or(said.lines().next()).unwrap_or_default();
            let line: String = line.chars().take(300).collect();
            Error::unavailable(format!("the repository '{url}' could not be fetched: {line}"))
        }
    }

    /// Whether a file belongs to what was asked for.
    fn takes(&self, path: &str) -> bool {
        let below = path.starts_with(&self.prefix) || path == self.prefix.trim_end_matches('/');
        below && self.globs.takes(path)
    }

    fn item(&self, (path, hash): (&str, &str), size: Option<u64>, commit: &str) -> Item {
        let mut attributes = Map::new();
        attributes.insert("path".to_owned(), Value::from(path));
        attributes.insert("commit".to_owned(), Value::from(commit));
        attributes.insert("repository".to_owned(), Value::from(self.url.as_str()));
        Item {
            key: path.to_owned(),
            version: hash.to_owned(),
            name: names::of_path(path),
            size,
            modified_at: None,
            attributes,
        }
    }
}

/// The files of a listing, `mode SP type SP hash TAB path NUL` each; links and submodules are
/// none.
fn entries(listing: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    listing.split(|byte| *byte == 0).filter_map(|record| {
        let tab = record.iter().position(|byte| *byte == b'\t')?;
        let (head, path) = (record.get(..tab)?, record.get(tab + 1..)?);
        let mut words = std::str::from_utf8(head).ok()?.split_ascii_whitespace();
        let (mode, kind, hash) = (words.next()?, words.next()?, words.next()?);
        let is_file = kind == "blob" && mode.starts_with("100");
        is_file.then_some(Entry { hash, path })
    })
}

#[async_trait]
impl Source for Repository {
    fn scan<'a>(
        &'a self,
        known: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    ) -> BoxStream<'a, Result<Seen>> {
        Box::pin(async_stream::try_stream! {
            let (commit, listing) = self.list().await?;
            let mut files: Vec<(&str, &str)> = Vec::new();
            for entry in entries(&listing) {
                match std::str::from_utf8(entry.path) {
                    Ok(path) if self.takes(path) => files.push((path, entry.hash)),
                    Ok(_) => {}
                    Err(_) => {
                        let key = String::from_utf8_lossy(entry.path).into_owned();
                        yield Seen::Failed { key, reason: "its name is not UTF-8".to_owned() };
                    }
                }
            }
            for batch in files.chunks(BATCH) {
                let is_new = |(path, hash): &&(&str, &str)| known(path).as_deref() != Some(*hash);
                let new: HashSet<&str> = batch.iter().filter(is_new).map(|(_, hash)| *hash).collect();
                let new: Vec<&str> = new.into_iter().collect();
                let sizes = if new.is_empty() { Vec::new() } else { self.bring(&new).await? };
                for (path, hash) in batch {
                    let at = new.iter().position(|one| one == hash);
                    let size = at.and_then(|at| *sizes.get(at)?);
                    let item = self.item((*path, *hash), size, &commit);
                    yield Seen::Item { item, content: None };
                }
            }
        })
    }

    async fn fetch(&self, item: &Item, limit: u64, into: &mut dyn Sink) -> Result<()> {
        let gone = || Error::not_found(format!("version {} of '{}'", item.version, item.key));
        let is_hash = item.version.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash || !(40..=64).contains(&item.version.len()) {
            return Err(gone());
        }
        let size = self.bring(&[&item.version]).await?.first().copied().flatten();
        let size = size.ok_or_else(gone)?;
        if size > limit {
            return Err(too_large(&item.key, limit));
        }
        let arguments = ["cat-file", "blob", &item.version];
        if size >= LFS_BYTES_MAX {
            let git = Git::default();
            let answer = git.pour(&self.dir, &arguments, (limit, LOOK), into).await?;
            answer.output.ok_or_else(|| too_large(&item.key, limit))?;
            return if answer.success { Ok(()) } else { Err(gone()) };
        }
        let answer = self.look(&arguments, b"", limit).await?;
        let bytes = answer.output.ok_or_else(|| too_large(&item.key, limit))?;
        if !answer.success {
            return Err(gone());
        }
        if bytes.starts_with(LFS) {
            let text = format!("'{}' is kept in Git LFS, which is not read", item.key);
            return Err(Error::new(Kind::Unsupported, text));
        }
        into.write(&bytes).await
    }
}

#[cfg(test)]
mod tests;
