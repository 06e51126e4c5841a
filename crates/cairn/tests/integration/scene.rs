//! A running program with a data folder of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cairn_gateway::App;
use cairn_guard::links::Hosts;
use cairn_isolate::Isolate;
use cairn_kernel::{Limits, Secret, Tasks};
use cairn_monitor::Metrics;
use cairn_services::llms::LlmSettings;
use cairn_services::sources::SourceSettings;
use cairn_services::{Services, Settings};
use cairn_serving::remote::{ProviderConfig, ProviderKind};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

const ADMIN: &str = "an-admin-key-for-these-tests-only";

/// The program under test. Ends with the test.
pub(crate) struct Scene {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    services: Services,
    tasks: Tasks,
    data: tempfile::TempDir,
}

/// A caller: the scene with a key.
#[derive(Clone)]
pub(crate) struct Caller {
    url: String,
    client: reqwest::Client,
    pub(crate) key: String,
}

fn models() -> PathBuf {
    std::env::var_os("CAIRN_MODELS_DIR").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/cairn/models"),
        PathBuf::from,
    )
}

impl Scene {
    pub(crate) async fn start() -> Result<Self> {
        Self::on(tempfile::tempdir()?).await
    }

    /// With a provider called `behind`, which speaks OpenAI's wire at `url`, and links to
    /// `good.example` allowed.
    pub(crate) async fn before(url: &str) -> Result<Self> {
        Self::before_hasty(url, 300).await
    }

    /// The same, where a provider's answer may take so many seconds.
    pub(crate) async fn before_hasty(url: &str, timeout_seconds: u64) -> Result<Self> {
        let mut behind = ProviderConfig::new(ProviderKind::Openai);
        behind.timeout_seconds = timeout_seconds;
        behind.base_url = Some(format!("{url}/v1"));
        let behind = behind.resolve("behind", |_| None)?;
        let providers = BTreeMap::from([("behind".to_owned(), behind)]);
        Self::with(tempfile::tempdir()?, providers, Hosts::new(["good.example"])?).await
    }

    /// Stops everything and starts again on the same data.
    pub(crate) async fn restart(self) -> Result<Self> {
        let Self { services, tasks, data, client, .. } = self;
        // Its connections hold the door's state, and the door the folder's lock.
        drop(client);
        end(services, &tasks).await?;
        Self::on(data).await
    }

    async fn on(data: tempfile::TempDir) -> Result<Self> {
        Self::with(data, BTreeMap::new(), Hosts::default()).await
    }

    async fn with(
        data: tempfile::TempDir,
        providers: BTreeMap<String, ProviderConfig>,
        link_hosts: Hosts,
    ) -> Result<Self> {
        let tasks = Tasks::new();
        let limits = Limits { upload_bytes: 2 << 20, body_bytes: 1 << 20, ..Limits::default() };
        let settings = Settings {
            data: data.path().to_path_buf(),
            models: models(),
            admin_keys: vec![Secret::new(ADMIN)],
            isolate: Isolate::with_program(env!("CARGO_BIN_EXE_cairn")),
            limits,
            llm: LlmSettings {
                default: None,
                context_tokens: 1024,
                slots: 1,
                threads: 1,
                idle: Duration::from_secs(60),
            },
            rerank_model: None,
            providers,
            sources: SourceSettings {
                folders: vec![data.path().join("shared/{tenant}")],
                allowed_hosts: Vec::new(),
                private_networks: true,
            },
            link_hosts,
            threads: 2,
        };
        let services = Services::open(settings, &tasks).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = App::new(services.clone(), Metrics::install()?);
        let shutdown = tasks.shutdown();
        tasks.spawn("door", async move {
            cairn_gateway::serve(listener, app, shutdown).await.expect("the door stays open");
        });
        let scene = Self { url, client: reqwest::Client::new(), services, tasks, data };
        scene.wait_ready().await?;
        Ok(scene)
    }

    async fn wait_ready(&self) -> Result<()> {
        for _ in 0..200 {
            if self.client.get(format!("{}/readyz", self.url)).send().await?.status().is_success() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        anyhow::bail!("the program did not become ready within 5 s")
    }

    pub(crate) fn with_key(&self, key: &str) -> Caller {
        Caller { url: self.url.clone(), client: self.client.clone(), key: key.to_owned() }
    }

    pub(crate) fn admin(&self) -> Caller {
        self.with_key(ADMIN)
    }

    /// A caller of another tenant.
    pub(crate) async fn tenant(&self, tenant: &str, role: &str) -> Result<Caller> {
        self.speaking_for(tenant, role, &[]).await
    }

    /// A caller of another tenant that speaks for these users and groups.
    pub(crate) async fn speaking_for(
        &self,
        tenant: &str,
        role: &str,
        principals: &[&str],
    ) -> Result<Caller> {
        let wish = json!({"tenant": tenant, "role": role, "principals": principals});
        let made = self.admin().json(Method::POST, "/cairn/v1/keys", &wish).await?;
        Ok(self.with_key(made["key"].as_str().context("a key")?))
    }

    /// The use-cases behind the door.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    /// The files of the data folder that have `bytes` in them.
    pub(crate) fn holding(&self, bytes: &str) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        search(self.data.path(), bytes.as_bytes(), &mut found)?;
        Ok(found)
    }

    /// Stops everything; fails when a task does not end.
    pub(crate) async fn stop(self) -> Result<()> {
        end(self.services, &self.tasks).await
    }
}

fn search(folder: &std::path::Path, bytes: &[u8], found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            search(&path, bytes, found)?;
        } else if let Ok(held) = std::fs::read(&path)
            && held.windows(bytes.len()).any(|some| some == bytes)
        {
            // What goes away while it is read holds nothing.
            found.push(path);
        }
    }
    Ok(())
}

async fn end(services: Services, tasks: &Tasks) -> Result<()> {
    let stubborn = tasks.stop(Duration::from_secs(10)).await;
    ensure!(stubborn.is_empty(), "these tasks did not end: {stubborn:?}");
    services.close().await;
    Ok(())
}

impl Caller {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// Status and body of a JSON request.
    pub(crate) async fn try_json(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<(StatusCode, Value)> {
        let answer = self.request(method, path).json(body).send().await?;
        read(answer).await
    }

    /// The body of a JSON request that must succeed.
    pub(crate) async fn json(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let (status, body) = self.try_json(method, path, body).await?;
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(body)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(StatusCode, Value)> {
        read(self.request(Method::GET, path).send().await?).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<StatusCode> {
        Ok(self.request(Method::DELETE, path).send().await?.status())
    }

    /// Uploads bytes as a file; status and body.
    pub(crate) async fn try_upload(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<(StatusCode, Value)> {
        let part = Part::bytes(bytes).file_name(name.to_owned());
        let form = Form::new().text("purpose", "assistants").part("file", part);
        read(self.request(Method::POST, "/v1/files").multipart(form).send().await?).await
    }

    /// Uploads a file, attaches it, waits until it is read; its id and final state.
    pub(crate) async fn ingest(
        &self,
        store: &str,
        name: &str,
        bytes: &[u8],
    ) -> Result<(String, Value)> {
        let (status, file) = self.try_upload(name, bytes.to_vec()).await?;
        ensure!(status.is_success(), "{status} {file}");
        let id = file["id"].as_str().context("a file id")?.to_owned();
        let files = format!("/v1/vector_stores/{store}/files");
        self.json(Method::POST, &files, &json!({"file_id": id})).await?;
        for _ in 0..600 {
            let (_, state) = self.get(&format!("{files}/{id}")).await?;
            if state["status"] != "in_progress" {
                return Ok((id, state));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{name} was not read within 30 s")
    }

    pub(crate) async fn store(&self, name: &str) -> Result<String> {
        let made = self.json(Method::POST, "/v1/vector_stores", &json!({"name": name})).await?;
        Ok(made["id"].as_str().context("a store id")?.to_owned())
    }

    pub(crate) async fn ask(&self, store: &str, question: &str) -> Result<Value> {
        let body = json!({
            "model": "cairn",
            "input": question,
            "tools": [{"type": "file_search", "vector_store_ids": [store]}],
        });
        self.json(Method::POST, "/v1/responses", &body).await
    }

    /// Registers an ONNX file as a version of a model; its number.
    pub(crate) async fn register(&self, model: &str, onnx: Vec<u8>) -> Result<i64> {
        let part = Part::bytes(onnx).file_name("model.onnx");
        let form = Form::new().part("file", part);
        let path = format!("/cairn/v1/models/{model}/versions");
        let sent = self.request(Method::POST, &path).multipart(form).send().await?;
        let (status, body) = read(sent).await?;
        ensure!(status.is_success(), "{status} {body}");
        body["version"].as_i64().context("a version")
    }

    /// Imports a CSV as a dataset; status and body.
    pub(crate) async fn import(&self, name: &str, csv: &str) -> Result<(StatusCode, Value)> {
        let part = Part::bytes(csv.as_bytes().to_vec()).file_name(format!("{name}.csv"));
        let form = Form::new().text("name", name.to_owned()).part("file", part);
        read(self.request(Method::POST, "/cairn/v1/datasets").multipart(form).send().await?).await
    }
}

pub(crate) async fn read(answer: Response) -> Result<(StatusCode, Value)> {
    let status = answer.status();
    let text = answer.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok((status, body))
}
