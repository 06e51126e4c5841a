//! A running program to measure.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::Value;

const KEY: &str = "a-key-of-the-benches-only";

/// A server of its own, which ends with the bench.
pub(crate) struct Server {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Server {
    /// Starts the program that lies beside this one (or `CAIRN_BIN`) on `data`.
    pub(crate) async fn start(data: &Path) -> Result<Self> {
        Self::start_with(data, &[]).await
    }

    /// As [`Server::start`], with more of the environment set.
    pub(crate) async fn start_with(data: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("cairn"));
        let program = std::env::var_os("CAIRN_BIN").map_or_else(beside, |path| Ok(path.into()))?;
        ensure!(program.is_file(), "{} is missing: run `make build`", program.display());
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(program)
            .args(["up", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data.join("data"))
            .env("CAIRN_ADMIN_KEY", KEY)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        let server = Self { process, url, client: reqwest::Client::new() };
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            let ready = server.client.get(format!("{}/readyz", server.url)).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the server was not ready within 30 s")
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// The JSON that is answered.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(request).await?)?)
    }

    /// The text that is answered.
    pub(crate) async fn text(&self, request: reqwest::RequestBuilder) -> Result<String> {
        let answer = request.bearer_auth(KEY).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
