//! The use-cases: plain structs over the skills below, without a word of HTTP.
//!
//! [`Services::open`] wires them; the program calls it once, and so do the tests.
//! Every method that touches data takes a [`Scope`](cairn_kernel::Scope), which only
//! [`Accounts`](accounts::Accounts) makes.

pub mod access;
pub mod accounts;
pub mod answer;
pub mod chat;
pub mod chunking;
pub mod conversations;
pub mod cutting;
pub mod datasets;
pub mod embedding;
pub mod erase;
pub mod evaluations;
pub mod files;
pub mod idempotency;
pub mod incoming;
pub mod ingest;
pub mod integrity;
pub mod languages;
mod leaves;
pub mod llms;
pub mod models;
pub mod projection;
pub mod question_sets;
pub mod rankings;
mod refresh;
pub mod reindex;
pub mod rerank;
pub mod responses;
mod retold;
pub mod retrieve;
pub mod rollouts;
pub mod room;
pub mod sources;
pub mod stores;
pub mod training;
mod turns;
pub mod uploads;
pub mod usage;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cairn_automl::Trainer;
use cairn_guard::links::Hosts;
use cairn_guard::{Seal, Signer};
use cairn_isolate::Isolate;
use cairn_kernel::{Clock, Limits, Result, ResultExt, Secret, Shutdown, Tasks};
use cairn_pipelines::{Depth, Queue};
use cairn_search::{Embedded, EmbeddedOptions, Index};
use cairn_serving::embed::{EmbedConfig, Embedder};
use cairn_serving::models::{EMBEDDING, ModelStore};
use cairn_serving::onnx::OnnxEngines;
use cairn_serving::remote::{ProviderConfig, Providers};
use cairn_serving::rerank::{CrossEncoder, Reranker};
use cairn_store::{Blobs, Records};

pub use cairn_documents::Document;
pub use cairn_search::Filter;
pub use cairn_serving::gguf::{ChatMessage, FinishReason, Sampling};
pub use cairn_serving::onnx::{Batching, ModelMetadata, TensorSpec};
pub use cairn_serving::statistics;
pub use cairn_serving::tensor;
pub use cairn_serving::{ModelState, TensorModel};
pub use cairn_store::records;
pub use cairn_store::{Order, Page};
pub use cairn_tables::{QueryLimits, QueryResult, Snapshot};

/// Files of questions that are read at once.
const FILE_READERS: usize = 2;

/// What the program must know to start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// The folder of model files.
    pub models: PathBuf,
    /// Keys from the configuration that act as admins.
    pub admin_keys: Vec<Secret>,
    /// The executable whose children do the dangerous work.
    pub isolate: Isolate,
    /// The bounds.
    pub limits: Limits,
    /// The language models.
    pub llm: llms::LlmSettings,
    /// A cross-encoder for reranking; without it, the embedding model's token vectors do it.
    pub rerank_model: Option<PathBuf>,
    /// The providers of remote models, resolved.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// What sources may read.
    pub sources: sources::SourceSettings,
    /// Hosts that answers over documents may link to.
    pub link_hosts: Hosts,
    /// Threads for embedding, and jobs of each kind at once.
    pub threads: usize,
}

/// All use-cases, wired. A clone is a handle to the same ones and costs a counter, since
/// every request takes some.
#[derive(Clone)]
pub struct Services(Arc<UseCases>);

impl Deref for Services {
    type Target = UseCases;

    fn deref(&self) -> &UseCases {
        &self.0
    }
}

/// The use-cases, each on its own, and what they share.
pub struct UseCases {
    /// Tenants, keys, authentication.
    pub accounts: accounts::Accounts,
    /// Uploaded files.
    pub files: files::Files,
    /// Files that come in parts.
    pub uploads: uploads::Uploads,
    /// Who may read which file.
    pub access: access::AccessLists,
    /// Deletes, with certificates.
    pub erase: erase::Erase,
    /// Whether what belongs together is together.
    pub integrity: integrity::Integrity,
    /// Retries that get the same answer.
    pub idempotency: idempotency::Idempotency,
    /// Vector stores.
    pub stores: stores::VectorStores,
    /// Places that documents are kept in step with.
    pub sources: sources::Sources,
    /// Vector stores made anew with another model or another way of cutting.
    pub reindex: reindex::Reindex,
    /// Search.
    pub retrieve: retrieve::Retrieve,
    /// Answers with citations.
    pub answers: answer::Answers,
    /// Chat and embeddings.
    pub inference: chat::Inference,
    /// The providers of remote models.
    pub providers: Providers,
    /// How each store puts hits in order.
    pub rankings: rankings::Rankings,
    /// Documents in order of relevance.
    pub rerank: rerank::Rerank,
    /// Stored answers.
    pub responses: responses::Responses,
    /// Conversations.
    pub conversations: conversations::Conversations,
    /// Tables.
    pub datasets: datasets::Datasets,
    /// Training runs.
    pub training: training::Training,
    /// The tenant's models.
    pub models: models::Models,
    /// Their rollouts.
    pub rollouts: rollouts::Rollouts,
    /// Question sets.
    pub question_sets: question_sets::QuestionSets,
    /// Runs over them.
    pub evaluations: evaluations::Evaluations,
    /// The usage ledger.
    pub usage: usage::Usage,
    /// The search index and its upkeep.
    pub projection: projection::Projection,
    /// The bounds.
    pub limits: Limits,
    /// The background work, among it answers nobody waits for.
    pub tasks: Tasks,
    /// A folder for what is of no use after a restart.
    pub scratch: PathBuf,
    records: Records,
    queue: Queue,
    ready: Arc<AtomicBool>,
    draining: Arc<AtomicBool>,
    started: Instant,
}

impl Services {
    /// Opens the data folder and starts the background work among `tasks`.
    ///
    /// # Errors
    /// `Internal` when the folder cannot be opened, `Invalid` for unusable settings.
    pub async fn open(settings: Settings, tasks: &Tasks) -> Result<Self> {
        let providers = Providers::new(&settings.providers)?;
        let encoder = settings.rerank_model.as_deref().map(CrossEncoder::load).transpose()?;
        let encoder = encoder.map(Reranker::cross_encoder);
        let Settings {
            data, models, admin_keys, isolate, limits, llm, link_hosts, threads, ..
        } = settings;
        let source_settings = settings.sources;
        make_folders(&data)?;
        let records = Records::open(&data.join("records.db"), Clock::system()).await?;
        let blobs = Blobs::directory(&data.join("blobs"))?;
        let queue = Queue::new(records.clone());
        let index = EmbeddedOptions::default();
        let dimensions = index.dimensions;
        let index: Arc<dyn Index> = Arc::new(Embedded::open(data.join("index"), index)?);
        let projection = projection::Projection::new(records.clone(), blobs.clone(), index);
        let assets = Arc::new(ModelStore::new(&models));
        let embedder =
            Arc::new(Embedder::new(EmbedConfig { threads, ..EmbedConfig::from_store(&assets)? }));
        let embedding_model = EMBEDDING.to_owned();
        let engines = OnnxEngines::new(isolate.clone(), tasks.clone(), Arc::clone(&assets));
        let llms = llms::Llms::new(isolate.clone(), tasks.clone(), Arc::clone(&assets), llm);
        let datasets = datasets::Datasets::new(
            records.clone(),
            data.join("tables"),
            limits.clone(),
            isolate.clone(),
        );
        let registry = models::registry::Registry::new(records.clone());
        let rollouts =
            rollouts::Rollouts::open(records.clone(), registry.clone(), tasks.clone()).await?;
        let models = models::Models::new(models::Parts {
            records: records.clone(),
            blobs: blobs.clone(),
            engines,
            llms: llms.clone(),
            registry,
            rollouts: rollouts.clone(),
            providers: providers.clone(),
            tasks: tasks.clone(),
        });
        let encoders = embedding::Encoders::new(
            Arc::clone(&embedder),
            embedding_model.clone(),
            models.clone(),
            retrieve::KnownCosines::among(tasks.clone()),
        );
        let retrieve =
            retrieve::Retrieve::new(records.clone(), projection.clone(), encoders.clone())
                .with_cross_encoder(encoder.clone());
        let inference =
            chat::Inference::new(llms, models.clone(), Arc::clone(&embedder), embedding_model);
        let answers = answer::Answers::new(records.clone(), retrieve.clone(), inference.clone())
            .linking_to(link_hosts);
        let reranker = encoder.unwrap_or_else(|| Reranker::late_interaction(embedder));
        let usage = usage::Usage::open(records.clone(), data.join("usage")).await?;
        let rerank = rerank::Rerank::new(reranker, models.clone(), usage.clone());
        let evaluations = evaluations::Evaluations::new(
            records.clone(),
            queue.clone(),
            rerank.clone(),
            inference.clone(),
        );
        let erase = erase::Erase::new(erase::Parts {
            records: records.clone(),
            blobs: blobs.clone(),
            projection: projection.clone(),
            usage: usage.clone(),
            signer: Signer::open(&data.join("erasure.key"))?,
            tables: data.join("tables"),
        });
        let stores = stores::VectorStores::new(
            records.clone(),
            queue.clone(),
            encoders.clone(),
            projection.clone(),
        );
        let sources = sources::Sources::new(sources::Parts {
            records: records.clone(),
            blobs: blobs.clone(),
            queue: queue.clone(),
            stores: stores.clone(),
            erase: erase.clone(),
            seal: Seal::open(&data.join("secrets.key"))?,
            settings: source_settings,
            scratch: data.join("scratch").join("sources"),
            limit: limits.upload_bytes,
        });
        let services = Self(Arc::new(UseCases {
            accounts: accounts::Accounts::open(records.clone(), &admin_keys).await?,
            files: files::Files::new(records.clone(), blobs.clone(), limits.clone()),
            uploads: uploads::Uploads::new(records.clone(), blobs.clone(), limits.clone()),
            access: access::AccessLists::new(records.clone(), queue.clone(), projection.clone()),
            erase: erase.clone(),
            integrity: integrity::Integrity::new(
                records.clone(),
                (blobs.clone(), Blobs::directory(&data.join("tables"))?),
                projection.clone(),
                queue.clone(),
                dimensions,
            ),
            idempotency: idempotency::Idempotency::new(records.clone()),
            stores,
            reindex: reindex::Reindex::new(
                records.clone(),
                queue.clone(),
                encoders.clone(),
                projection.clone(),
            ),
            sources: sources.clone(),
            responses: responses::Responses::new(
                records.clone(),
                answers.clone(),
                inference.clone(),
                responses::FileReader::new(
                    blobs.clone(),
                    // Of its own, so that a question does not wait behind what stores have read.
                    ingest::parser(isolate.clone(), &limits, FILE_READERS, &assets),
                    encoders.clone(),
                    limits.clone(),
                ),
            ),
            answers,
            inference,
            providers,
            rankings: rankings::Rankings::new(records.clone()),
            rerank,
            conversations: conversations::Conversations::new(records.clone()),
            training: training::Training::new(records.clone(), queue.clone()),
            question_sets: question_sets::QuestionSets::new(records.clone(), queue.clone()),
            evaluations,
            models,
            rollouts,
            usage,
            retrieve,
            datasets: datasets.clone(),
            projection: projection.clone(),
            limits: limits.clone(),
            tasks: tasks.clone(),
            scratch: data.join("scratch"),
            records: records.clone(),
            queue: queue.clone(),
            ready: Arc::default(),
            draining: Arc::default(),
            started: Instant::now(),
        }));
        let freed = queue.recover().await?;
        if freed > 0 {
            tracing::info!(jobs = freed, "taking up interrupted work");
        }
        let ended = services.responses.recover().await?;
        if ended > 0 {
            tracing::info!(responses = ended, "answers that a stop interrupted are failed");
        }
        let parser = ingest::parser(isolate.clone(), &limits, threads, &assets);
        let cutter = cutting::Cutter::new(encoders.clone());
        let room = room::Lanes::new(ingest::ROOM_MIB);
        let build = Arc::new(reindex::Build {
            records: records.clone(),
            blobs: blobs.clone(),
            parser: parser.clone(),
            cutter: cutter.clone(),
            encoders,
            projection: projection.clone(),
            room: room.clone(),
            queue: queue.clone(),
        });
        let ingest = ingest::Ingest {
            records: records.clone(),
            blobs: blobs.clone(),
            parser,
            cutter,
            projection: projection.clone(),
            swap: sources::Swap { records: records.clone(), erase },
            concurrency: threads + 1,
            queue: queue.clone(),
            room,
        };
        let refresh = refresh::Refresh { records: records.clone(), projection };
        let train = training::TrainJob {
            records,
            blobs,
            datasets,
            trainer: Trainer::new(isolate, limits.train_memory_bytes),
            scratch: data.join("scratch"),
        };
        let handlers: Vec<Arc<dyn cairn_pipelines::Handler>> = vec![
            Arc::new(ingest),
            build.clone(),
            Arc::new(train),
            Arc::new(refresh.clone()),
            Arc::new(sources::SyncJob { sources }),
            Arc::new(services.evaluate_job(&build)),
            Arc::new(services.generate_job()),
        ];
        services.start(tasks, handlers, refresh);
        Ok(services)
    }

    /// Does the runs of evaluations.
    fn evaluate_job(&self, build: &Arc<reindex::Build>) -> evaluations::EvaluateJob {
        // An alert on its growth needs it to be there before it grows for the first time.
        metrics::counter!("cairn_eval_worse_total").increment(0);
        metrics::counter!("cairn_eval_scheduled_failures_total").increment(0);
        evaluations::EvaluateJob {
            records: self.records.clone(),
            retrieve: self.retrieve.clone(),
            answers: self.answers.clone(),
            rerank: self.rerank.clone(),
            rankings: self.rankings.clone(),
            build: Arc::clone(build),
            usage: self.usage.clone(),
            providers: self.providers.clone(),
        }
    }

    /// Writes the questions of sets that are generated.
    fn generate_job(&self) -> question_sets::GenerateJob {
        question_sets::GenerateJob {
            records: self.records.clone(),
            retrieve: self.retrieve.clone(),
            inference: self.inference.clone(),
            usage: self.usage.clone(),
        }
    }

    fn start(
        &self,
        tasks: &Tasks,
        handlers: Vec<Arc<dyn cairn_pipelines::Handler>>,
        refresh: refresh::Refresh,
    ) {
        let (queue, this) = (self.queue.clone(), self.clone());
        let (also, shutdown) = (tasks.clone(), tasks.shutdown());
        // The index is compared with the records before anything is answered from it.
        tasks.spawn("recovery", async move {
            if let Err(error) = this.integrity.verify(true).await {
                tracing::error!(error = %error.detail(), "the data could not be checked");
            }
            if let Err(error) = refresh.catch_up(&queue).await {
                tracing::error!(error = %error.detail(), "changes could not be taken over");
            }
            this.ready.store(true, Ordering::SeqCst);
            for handler in &handlers {
                cairn_pipelines::run(&also, &queue, handler);
            }
        });
        let (sources, until) = (self.sources.clone(), tasks.shutdown());
        tasks.spawn("sources", async move { sources.keep(until).await });
        let (evaluations, until) = (self.evaluations.clone(), tasks.shutdown());
        tasks.spawn("evaluation schedules", async move { evaluations.keep(until).await });
        let erase = self.erase.clone();
        tasks.spawn("removals", async move { erase.upkeep(shutdown).await });
        let (llms, shutdown) = (self.inference.llms().clone(), tasks.shutdown());
        tasks.spawn("idle models", async move { llms.upkeep(shutdown).await });
        let (rollouts, shutdown) = (self.rollouts.clone(), tasks.shutdown());
        tasks.spawn("rollouts", async move { rollouts.watch(shutdown).await });
        let (usage, shutdown) = (self.usage.clone(), tasks.shutdown());
        tasks.spawn("usage", async move { usage.upkeep(shutdown).await });
        let (accounts, shutdown) = (self.accounts.clone(), tasks.shutdown());
        tasks.spawn("key uses", async move { accounts.upkeep(shutdown).await });
        let (queue, shutdown) = (self.queue.clone(), tasks.shutdown());
        tasks.spawn("job metrics", async move { report_depth(&queue, &shutdown).await });
    }

    /// Whether everything is up, the index agrees with the records, and no stop was
    /// asked for.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst) && !self.draining.load(Ordering::SeqCst)
    }

    /// Says to whoever asks that no new work should come here; what comes is done.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether [`Services::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Time since the start.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// The time, in seconds since 1970.
    pub fn now_seconds(&self) -> i64 {
        self.records.clock().now_seconds()
    }

    /// Jobs by state.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn jobs(&self) -> Result<Depth> {
        self.queue.depth().await
    }

    /// Ends the engines, flushes the index and closes the records. Call it after the
    /// tasks have stopped.
    pub async fn close(&self) {
        self.inference.llms().stop().await;
        // The last requests were counted after the tasks were asked to end.
        self.rollouts.flush().await;
        if let Err(error) = self.usage.fold().await {
            tracing::error!(error = %error.detail(), "the usage journal stays for the next start");
        }
        if let Err(error) = self.accounts.write_uses().await {
            tracing::error!(error = %error.detail(), "when keys were last used is lost");
        }
        if let Err(error) = self.projection.index().close_all().await {
            tracing::error!(error = %error.detail(), "the index was not closed cleanly");
        }
        self.records.close().await;
    }
}

async fn report_depth(queue: &Queue, shutdown: &Shutdown) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge of jobs")]
    let gauge = |count: i64| count as f64;
    loop {
        if let Ok(depth) = queue.depth().await {
            metrics::gauge!("cairn_jobs_queued").set(gauge(depth.queued));
            metrics::gauge!("cairn_jobs_running").set(gauge(depth.running));
        }
        tokio::select! {
            () = shutdown.requested() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}

fn make_folders(data: &Path) -> Result<()> {
    let scratch = data.join("scratch");
    // What a training run left behind when it was killed is of no use to anyone.
    let _ = std::fs::remove_dir_all(&scratch);
    for folder in [data.to_path_buf(), data.join("tables"), scratch] {
        std::fs::create_dir_all(&folder)
            .or_internal(&format!("making the folder {}", folder.display()))?;
    }
    Ok(())
}
