//! Training runs: enqueued with their record, done in a child, registered once.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use cairn_automl::{DatasetRef, TrainReport, TrainRequest, Trainer};
use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope};
use cairn_pipelines::{Handler, Job, Queue};
use cairn_store::records::{NewModelVersion, RunRow};
use cairn_store::{BlobPath, Blobs, Page, Records};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::accounts::scope_of;
use crate::datasets::{Datasets, table_name};
use crate::models::ModelKind;

/// The job's kind.
pub const KIND: &str = "train";
const ATTEMPTS: i64 = 2;
const BUDGET_SECONDS: std::ops::RangeInclusive<i64> = 1..=86_400;

/// What to train.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The dataset's name.
    pub dataset: String,
    /// The column to predict.
    pub target: String,
    /// Name of the model; by default `<dataset>_<target>`.
    pub model: Option<String>,
    /// Seconds the search may take.
    pub budget_seconds: i64,
    /// Seed of splits and engines.
    pub seed: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Work {
    run: Id,
}

/// Asks for training runs and follows them.
#[derive(Clone, Debug)]
pub struct Training {
    records: Records,
    queue: Queue,
}

impl Training {
    /// Runs in `records`, done by jobs in `queue`.
    pub fn new(records: Records, queue: Queue) -> Self {
        Self { records, queue }
    }

    /// Records and enqueues a run.
    ///
    /// # Errors
    /// `NotFound` for the dataset, `Invalid` for a target it does not have.
    pub async fn start(&self, scope: &Scope, new: &NewRun) -> Result<RunRow> {
        scope.require(Role::Editor)?;
        let dataset = self.records.dataset(scope, &new.dataset).await?;
        check_target(&dataset.snapshot, &new.dataset, &new.target)?;
        if !BUDGET_SECONDS.contains(&new.budget_seconds) {
            return Err(Error::invalid(format!(
                "budget_seconds is {}; it must be between 1 and 86400",
                new.budget_seconds
            ))
            .with_param("budget_seconds"));
        }
        let default = format!("{}_{}", new.dataset, new.target);
        let model = table_name(new.model.as_deref().unwrap_or(&default))?;
        let run = RunRow {
            id: Id::generate("run_").to_string(),
            dataset: dataset.name,
            dataset_version: dataset.version,
            dataset_sha256: dataset.sha256,
            target: new.target.clone(),
            model,
            budget_seconds: new.budget_seconds,
            seed: new.seed,
            status: "queued".to_owned(),
            task: None,
            stage: "queued".to_owned(),
            fraction: 0.0,
            error: None,
            result: None,
            created_at: self.records.clock().now(),
            finished_at: None,
        };
        let work = Work { run: Id::from_raw(run.id.as_str()) };
        let payload = serde_json::to_string(&work).or_internal("writing a job")?;
        let mut tx = self.records.begin().await?;
        self.records.insert_run(&mut tx, scope, &run).await?;
        self.queue.enqueue(&mut tx, scope, KIND, &payload, ATTEMPTS).await?;
        tx.commit().await.or_internal("starting a training run")?;
        self.queue.wake();
        Ok(run)
    }

    /// One run.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<RunRow> {
        self.records.run(scope, id).await
    }

    /// The tenant's runs.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn list(&self, scope: &Scope, page: &Page) -> Result<Vec<RunRow>> {
        self.records.list_runs(scope, page).await
    }

    /// Cancels a run that has not ended; the child is killed at its next sign of life.
    ///
    /// # Errors
    /// `NotFound`, or `Conflict` when it has ended.
    pub async fn cancel(&self, scope: &Scope, id: &Id) -> Result<RunRow> {
        scope.require(Role::Editor)?;
        self.records.run(scope, id).await?;
        let mut tx = self.records.begin().await?;
        let outcome = Err("cancelled by the caller");
        let done = self.records.finish_run(&mut tx, scope, id, "cancelled", None, outcome).await?;
        tx.commit().await.or_internal("cancelling a training run")?;
        if !done {
            return Err(Error::new(
                Kind::Conflict,
                format!("training run '{id}' has ended already"),
            ));
        }
        self.records.run(scope, id).await
    }
}

fn check_target(snapshot: &str, dataset: &str, target: &str) -> Result<()> {
    let snapshot: cairn_tables::Snapshot =
        serde_json::from_str(snapshot).or_internal("reading a profile")?;
    if snapshot.columns.iter().any(|column| column.name == target) {
        return Ok(());
    }
    let names: Vec<&str> = snapshot.columns.iter().map(|column| column.name.as_str()).collect();
    Err(Error::invalid(format!(
        "dataset '{dataset}' has no column '{target}'; its columns are {}",
        names.join(", ")
    ))
    .with_param("target"))
}

/// Does the jobs of kind [`KIND`].
pub struct TrainJob {
    /// Records.
    pub records: Records,
    /// Where model files go.
    pub blobs: Blobs,
    /// The tables.
    pub datasets: Datasets,
    /// The training child.
    pub trainer: Trainer,
    /// Folder for tables and models on their way.
    pub scratch: PathBuf,
}

#[async_trait]
impl Handler for TrainJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let (scope, work) = decode(job)?;
        let run = self.records.run(&scope, &work.run).await?;
        if run.status == "queued" || run.status == "running" {
            let folder = self.scratch.join(&run.id);
            let outcome = self.train(&scope, &run, &folder, job).await;
            let _ = tokio::fs::remove_dir_all(&folder).await;
            return outcome;
        }
        let mut tx = self.records.begin().await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("ending a job")
    }

    async fn give_up(&self, job: &Job, error: &Error) -> Result<()> {
        let (scope, work) = decode(job)?;
        let message = match error.kind() {
            Kind::Internal => format!("training failed inside the server: {}", error.detail()),
            Kind::Cancelled => return Ok(()),
            _ => error.message().to_owned(),
        };
        let mut tx = self.records.begin().await?;
        self.records.finish_run(&mut tx, &scope, &work.run, "failed", None, Err(&message)).await?;
        tx.commit().await.or_internal("recording a failed training run")?;
        metrics::counter!("cairn_training_runs_total", "outcome" => "failed").increment(1);
        Ok(())
    }
}

fn decode(job: &Job) -> Result<(Scope, Work)> {
    Ok((scope_of(job)?, serde_json::from_str(&job.payload).or_internal("reading a job")?))
}

impl TrainJob {
    async fn train(&self, scope: &Scope, run: &RunRow, folder: &Path, job: &Job) -> Result<()> {
        let id = Id::from_raw(run.id.as_str());
        self.records.progress_run(scope, &id, "preparing the table", 0.0).await?;
        tokio::fs::create_dir_all(folder).await.or_internal("making a folder for training")?;
        let table = folder.join("table.arrow");
        self.datasets.tables(scope).export_ipc(&run.dataset_sha256, &table).await?;
        let report = self.fit(scope, run, &id, folder, table).await?;
        let model =
            tokio::fs::read(&report.onnx.path).await.or_internal("reading the trained model")?;
        self.blobs.put(&BlobPath::model(scope, &report.onnx.sha256), Bytes::from(model)).await?;
        self.register(scope, run, &id, &report, job).await
    }

    async fn fit(
        &self,
        scope: &Scope,
        run: &RunRow,
        id: &Id,
        folder: &Path,
        table: PathBuf,
    ) -> Result<TrainReport> {
        let mut request = TrainRequest::new(table, run.target.as_str(), folder);
        request.budget_seconds = f64::from(u32::try_from(run.budget_seconds).unwrap_or(u32::MAX));
        request.seed = run.seed.unsigned_abs();
        request.dataset = Some(DatasetRef {
            name: run.dataset.clone(),
            version: run.dataset_version.unsigned_abs(),
            sha256: run.dataset_sha256.clone(),
        });
        let (progress, mut steps) = tokio::sync::mpsc::unbounded_channel();
        let training = self.trainer.train(&request, move |step: cairn_automl::Progress| {
            let _ = progress.send(step);
        });
        tokio::pin!(training);
        loop {
            tokio::select! {
                report = &mut training => return report,
                Some(step) = steps.recv() => {
                    let alive = self.records.progress_run(scope, id, &step.stage, step.fraction).await?;
                    if !alive {
                        return Err(Error::new(Kind::Cancelled, "the training run was cancelled"));
                    }
                }
            }
        }
    }

    async fn register(
        &self,
        scope: &Scope,
        run: &RunRow,
        id: &Id,
        report: &TrainReport,
        job: &Job,
    ) -> Result<()> {
        let task = report.task.name();
        let metadata = json!({
            "task": task,
            "target": report.target,
            "classes": report.classes,
            "metric": report.metric,
            "metrics": report.test_metrics,
            "dataset": run.dataset,
            "dataset_version": run.dataset_version,
            "dataset_sha256": run.dataset_sha256,
            "inputs": report.inputs,
            "outputs": report.outputs,
        });
        let mut tx = self.records.begin().await?;
        let new = NewModelVersion {
            name: run.model.clone(),
            kind: ModelKind::Onnx.name(),
            source: "{}".to_owned(),
            sha256: report.onnx.sha256.clone(),
            bytes: i64::try_from(report.onnx.bytes).unwrap_or(i64::MAX),
            run_id: run.id.clone(),
            encoding: "{}".to_owned(),
            metadata: metadata.to_string(),
        };
        let version = self.records.register_model(&mut tx, scope, &new).await?;
        let result = result_of(report, &run.model, version)?.to_string();
        self.records.finish_run(&mut tx, scope, id, "succeeded", Some(task), Ok(&result)).await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("registering a model")?;
        metrics::counter!("cairn_training_runs_total", "outcome" => "succeeded").increment(1);
        Ok(())
    }
}

/// The report as the API gives it: with the registered name and version, and
/// without the trainer's folder, which is gone by then.
fn result_of(report: &TrainReport, model: &str, version: i64) -> Result<Value> {
    let mut result = serde_json::to_value(report).or_internal("writing a training report")?;
    if let Some(fields) = result.as_object_mut() {
        fields.insert("model".to_owned(), json!(model));
        fields.insert("version".to_owned(), json!(version));
        fields.insert(
            "onnx".to_owned(),
            json!({
                "sha256": report.onnx.sha256,
                "bytes": report.onnx.bytes,
                "path": format!("/cairn/v1/models/{model}/versions/{version}/onnx"),
            }),
        );
    }
    Ok(result)
}
