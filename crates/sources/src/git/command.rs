//! The `git` program, run so that nothing but what is said here decides what it does.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdout, Command};

use crate::Sink;

/// Most bytes of what the program says that are read.
const SAID_BYTES_MAX: u64 = 1 << 20;
/// How much of a file is in memory, in bytes.
const PIECE: usize = 256 << 10;
/// Variables of ours that the program may see: where programs and certificates are.
const KEPT: [&str; 4] = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"];
/// How it is always configured. It asks nobody anything, follows no redirect to another host,
/// runs no hook, and leaves nothing running behind.
const ALWAYS: [(&str, &str); 15] = [
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    ("credential.interactive", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("http.followRedirects", "false"),
    // No proxy could be asked about the address that was checked.
    ("http.proxy", ""),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("init.defaultBranch", "main"),
    ("maintenance.auto", "false"),
    ("protocol.version", "2"),
    ("transfer.bundleURI", "false"),
];

/// What the program answered.
pub(super) struct Answer {
    pub(super) success: bool,
    /// What it wrote; `None` when it was more than was asked for.
    pub(super) output: Option<Vec<u8>>,
    /// What it said besides.
    pub(super) said: String,
}

/// A way to run the program.
#[derive(Clone, Debug, Default)]
pub(super) struct Git {
    /// The transports it may use, as in `https:file`.
    pub(super) protocols: String,
    /// Further configuration. It goes through the environment, which no other user can read,
    /// because a token may be in it.
    pub(super) config: Vec<(String, String)>,
}

impl Git {
    /// Runs it in the repository `dir` on `input`, for at most `total`, reading at most `limit`
    /// bytes.
    ///
    /// # Errors
    /// `Unavailable` with the remedy when there is no such program, `Timeout`.
    pub(super) async fn run(
        &self,
        dir: &Path,
        arguments: &[&str],
        input: &[u8],
        (limit, total): (u64, Duration),
    ) -> Result<Answer> {
        let running = self.start(dir, arguments)?;
        in_time(total, running.answer(input, |output| read(output, limit))).await
    }

    /// As [`Git::run`] without input. What it writes goes into `into`, and the answer's output
    /// only says whether it is all.
    ///
    /// # Errors
    /// As [`Git::run`]; those of `into`.
    pub(super) async fn pour(
        &self,
        dir: &Path,
        arguments: &[&str],
        (limit, total): (u64, Duration),
        into: &mut dyn Sink,
    ) -> Result<Answer> {
        let running = self.start(dir, arguments)?;
        in_time(total, running.answer(b"", |output| pour(output, limit, into))).await
    }

    fn start(&self, dir: &Path, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new("git");
        command
            .arg("--git-dir")
            .arg(dir)
            .args(arguments)
            .env_clear()
            .current_dir(dir.parent().unwrap_or(Path::new("/")));
        command.envs(KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
        command
            .env("HOME", dir)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_ALLOW_PROTOCOL", &self.protocols);
        let further = self.config.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut count = 0_usize;
        for (name, value) in ALWAYS.into_iter().chain(further) {
            command.env(format!("GIT_CONFIG_KEY_{count}"), name);
            command.env(format!("GIT_CONFIG_VALUE_{count}"), value);
            count += 1;
        }
        command.env("GIT_CONFIG_COUNT", count.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command.spawn().map(Running).map_err(not_started)
    }
}

async fn in_time(total: Duration, answer: impl Future<Output = Result<Answer>>) -> Result<Answer> {
    tokio::time::timeout(total, answer).await.map_err(|_| {
        let seconds = total.as_secs();
        Error::new(Kind::Timeout, format!("git did not finish within {seconds} seconds"))
    })?
}

fn not_started(cause: std::io::Error) -> Error {
    if cause.kind() == std::io::ErrorKind::NotFound {
        return Error::unavailable(
            "the program 'git' is not installed where the server runs, and sources of Git need \
             it; install it (on Debian and Ubuntu: apt-get install git)",
        )
        .with_source(cause);
    }
    Error::unavailable(format!("the program 'git' cannot be started: {cause}")).with_source(cause)
}

/// The program and what it started; all of it ends when this is dropped.
struct Running(Child);

impl Running {
    async fn answer<F>(
        mut self,
        input: &[u8],
        take: impl FnOnce(ChildStdout) -> F,
    ) -> Result<Answer>
    where
        F: Future<Output = Result<Option<Vec<u8>>>>,
    {
        let missing = || Error::internal("a child has no input or output");
        let mut given = self.0.stdin.take().ok_or_else(missing)?;
        let output = self.0.stdout.take().ok_or_else(missing)?;
        let said = self.0.stderr.take().ok_or_else(missing)?;
        let give = async move {
            // What does not read to the end says why not by how it ends.
            let _ = given.write_all(input).await;
        };
        // Each end is closed as soon as it is done with, so the program cannot wait for us.
        let (output, said, ()) = tokio::join!(take(output), read(said, SAID_BYTES_MAX), give);
        let status = self.0.wait().await.or_internal("waiting for git")?;
        let said = said?.unwrap_or_default();
        Ok(Answer {
            success: status.success(),
            output: output?,
            said: String::from_utf8_lossy(&said).into_owned(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(id) = id
            && let Err(cause) = kill_process_group(id, Signal::KILL)
        {
            tracing::warn!(%cause, "git could not be ended");
        }
    }
}

/// Everything from `from`; `None` when it is more than `limit` bytes.
async fn read(from: impl AsyncRead + Unpin, limit: u64) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = from.take(limit.saturating_add(1)).read_to_end(&mut bytes).await;
    let size = u64::try_from(read.or_internal("reading from git")?).unwrap_or(u64::MAX);
    Ok((size <= limit).then_some(bytes))
}

/// Gives everything from `from` into `into`; `None` when it is more than `limit` bytes.
async fn pour(
    mut from: impl AsyncRead + Unpin,
    limit: u64,
    into: &mut dyn Sink,
) -> Result<Option<Vec<u8>>> {
    let (mut piece, mut size) = (vec![0; PIECE], 0_u64);
    loop {
        let count = from.read(&mut piece).await.or_internal("reading from git")?;
        size = size.saturating_add(count as u64);
        if size > limit {
            return Ok(None);
        }
        if count == 0 {
            return Ok(Some(Vec::new()));
        }
        into.write(piece.get(..count).unwrap_or_default()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: (u64, Duration) = (1000, Duration::from_secs(20));

    async fn run(git: &Git, dir: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let answer = git.run(dir, arguments, input, SHORT).await.unwrap();
        assert!(answer.success, "{arguments:?}: {}", answer.said);
        answer.output.unwrap()
    }

    #[tokio::test]
    async fn no_hook_is_run() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (dir, witness) = (folder.path().join("x.git"), folder.path().join("witness"));
        let git = Git::default();
        run(&git, &dir, &["init", "--bare", "--quiet"], b"").await;
        let hook = dir.join("hooks/reference-transaction");
        std::fs::create_dir_all(dir.join("hooks")).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", witness.display())).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        let hash = run(&git, &dir, &["hash-object", "-w", "--stdin"], b"text").await;
        let hash = String::from_utf8(hash).unwrap();
        run(&git, &dir, &["update-ref", "refs/cairn/x", hash.trim()], b"").await;
        assert!(!witness.exists());
        let listed = run(&git, &dir, &["cat-file", "blob", "refs/cairn/x"], b"").await;
        assert_eq!(listed, b"text");
        let cut = (3, SHORT.1);
        let answer = git.run(&dir, &["cat-file", "blob", "refs/cairn/x"], b"", cut).await.unwrap();
        assert!(answer.output.is_none());
        let mut poured = Vec::new();
        let arguments = ["cat-file", "blob", "refs/cairn/x"];
        let answer = git.pour(&dir, &arguments, (4, SHORT.1), &mut poured).await.unwrap();
        assert!(answer.success && answer.output.is_some() && poured == b"text");
        let answer = git.pour(&dir, &arguments, cut, &mut poured).await.unwrap();
        assert!(answer.output.is_none());
    }

    #[tokio::test]
    async fn what_takes_too_long_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, witness) = (folder.path().join("x.git"), folder.path().join("witness"));
        let wait = format!("!sleep 1; touch {}", witness.display());
        let git = Git { config: vec![("alias.wait".to_owned(), wait)], ..Git::default() };
        let late = (10, Duration::from_millis(200));
        let Err(error) = git.run(&dir, &["wait"], b"", late).await else { panic!("it waited") };
        assert_eq!(error.kind(), Kind::Timeout);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(!witness.exists());
    }
}
