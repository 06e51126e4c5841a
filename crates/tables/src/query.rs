//! Read-only SQL over some snapshots, with limits.
//!
//! Each query runs on a thread of its own with a large stack: planning recurses
//! over what a stranger wrote, and must neither overflow a worker's stack nor
//! keep the workers from answering others. The thread ends when its caller goes.

mod guard;
mod session;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Kind, Result, ResultExt};
use datafusion::arrow::array::RecordBatch;
use datafusion::dataframe::DataFrame;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};

use crate::cell::{self, Cells};

/// Stack of a query's thread. Only the part that is used takes memory.
const STACK_BYTES: usize = 64 << 20;

/// The most an answer may hold, roughly, before it is cut.
const ANSWER_BYTES: usize = 64 << 20;

/// How long past its deadline a query may take to notice it.
const GRACE: Duration = Duration::from_millis(500);

/// What one query may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryLimits {
    /// Most rows in the answer.
    pub rows: usize,
    /// Longest time, waiting for a free place included, in seconds.
    pub seconds: f64,
    /// Most memory of sorts, joins and groups, in bytes.
    pub memory_bytes: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { rows: 1_000, seconds: 30.0, memory_bytes: 512 << 20 }
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryColumn {
    /// The name or expression.
    pub name: String,
    /// `integer`, `number`, `boolean`, `string`, `timestamp`, or the name of a
    /// type only queries make (`list`, `struct`, `interval`, `null` …), shown as text.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryResult {
    /// The columns, in the order of the SELECT list.
    pub columns: Vec<QueryColumn>,
    /// The rows; timestamps are ISO 8601 text in UTC.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than the limits allow.
    pub truncated: bool,
    /// How long it took, in milliseconds.
    pub milliseconds: f64,
}

/// How many queries may run at once.
pub(crate) fn concurrent() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2))
}

/// Runs one query; see [`crate::Tables::query`].
pub(crate) async fn run(
    dir: &Path,
    places: &Arc<Semaphore>,
    tables: &[(String, String)],
    sql: &str,
    limits: QueryLimits,
) -> Result<QueryResult> {
    let start = Instant::now();
    guard::check_text(sql)?;
    let allowed = Duration::try_from_secs_f64(limits.seconds).or_kind(
        Kind::Invalid,
        format!("{} seconds is no time limit for a query", limits.seconds),
    )?;
    let place = tokio::time::timeout(allowed, Arc::clone(places).acquire_owned()).await;
    let place =
        place.or_kind(Kind::Exhausted, "too many queries are running; try again in a moment")?;
    let place = place.or_internal("waiting for a place to run a query")?;
    let left = allowed.saturating_sub(start.elapsed());
    let (job, answer) = Job::new(dir, tables, sql, limits, left);
    let thread = std::thread::Builder::new().name("cairn-sql".into()).stack_size(STACK_BYTES);
    let started = thread.spawn(move || {
        job.run();
        drop(place);
    });
    started.or_kind(Kind::Exhausted, "no thread is free to run a query; try again in a moment")?;
    let answered = tokio::time::timeout(left + GRACE, answer).await;
    let mut result = answered
        .unwrap_or_else(|_| Ok(Err(timed_out(limits))))
        .or_internal("the query's thread ended without an answer")??;
    let elapsed = start.elapsed().as_secs_f64();
    metrics::histogram!("cairn_tables_query_seconds").record(elapsed);
    result.milliseconds = elapsed * 1000.0;
    Ok(result)
}

fn timed_out(limits: QueryLimits) -> Error {
    Error::new(
        Kind::Timeout,
        format!(
            "the query took longer than {} seconds and was stopped; filter earlier, or ask for less",
            limits.seconds
        ),
    )
}

/// A query on its way to its thread.
struct Job {
    dir: Arc<Path>,
    tables: Vec<(String, String)>,
    sql: String,
    limits: QueryLimits,
    left: Duration,
    answer: oneshot::Sender<Result<QueryResult>>,
}

impl Job {
    fn new(
        dir: &Path,
        tables: &[(String, String)],
        sql: &str,
        limits: QueryLimits,
        left: Duration,
    ) -> (Self, oneshot::Receiver<Result<QueryResult>>) {
        let (answer, receiver) = oneshot::channel();
        let (dir, sql) = (Arc::from(dir), sql.to_owned());
        (Self { dir, tables: tables.to_vec(), sql, limits, left, answer }, receiver)
    }

    fn run(self) {
        let Self { dir, tables, sql, limits, left, mut answer } = self;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(2)
            .build();
        let runtime = match runtime.or_internal("starting a query") {
            Ok(runtime) => runtime,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let outcome = runtime.block_on(async {
            let work = Box::pin(execute(&dir, &tables, &sql, limits));
            tokio::select! {
                done = tokio::time::timeout(left, work) => {
                    Some(done.unwrap_or_else(|_| Err(timed_out(limits))))
                }
                () = answer.closed() => None,
            }
        });
        if let Some(outcome) = outcome {
            drop(answer.send(outcome));
        }
        runtime.shutdown_background();
    }
}

async fn execute(
    dir: &Path,
    tables: &[(String, String)],
    sql: &str,
    limits: QueryLimits,
) -> Result<QueryResult> {
    let session = session::open(dir, tables, limits.memory_bytes).await?;
    let plan = guard::plan(&session.state(), sql, tables).await?;
    let failed = |cause| guard::explain(cause, tables, limits.memory_bytes);
    let frame = DataFrame::new(session.state(), plan);
    let one_more = limits.rows.saturating_add(1);
    let frame = frame.limit(0, Some(one_more)).map_err(failed)?;
    let fields = frame.schema().fields().iter();
    let columns = fields.map(|field| QueryColumn {
        name: field.name().clone(),
        kind: cell::type_name(field.data_type()),
    });
    let mut answer = Answer::new(columns.collect(), limits.rows);
    let mut stream = frame.execute_stream().await.map_err(failed)?;
    while let Some(batch) = stream.next().await {
        answer.add(&batch.map_err(failed)?)?;
        if answer.result.truncated {
            break;
        }
    }
    Ok(answer.result)
}

/// Collects rows up to the limits.
struct Answer {
    result: QueryResult,
    max_rows: usize,
    bytes: usize,
}

impl Answer {
    fn new(columns: Vec<QueryColumn>, max_rows: usize) -> Self {
        let result = QueryResult { columns, rows: Vec::new(), truncated: false, milliseconds: 0.0 };
        Self { result, max_rows, bytes: 0 }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            if self.result.rows.len() == self.max_rows || self.bytes > ANSWER_BYTES {
                self.result.truncated = true;
                return Ok(());
            }
            let values: Vec<_> = cells.iter().map(|it| it.json(row)).collect();
            self.bytes += values.iter().map(size).sum::<usize>();
            self.result.rows.push(values);
        }
        Ok(())
    }
}

fn size(value: &Value) -> usize {
    size_of::<Value>() + value.as_str().map_or(0, str::len)
}
