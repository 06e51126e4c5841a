//! Read-only SQL over some snapshots, with limits.
//!
//! A query is what a stranger wrote: it may plan for ever, ask for more memory
//! than there is, or compute without a pause. So it runs in a child process that
//! is ended at its deadline and has a memory ceiling. Without children it runs on
//! a thread of its own with a large stack, apart from the async workers; its
//! answer is then in time too, but a query that never pauses keeps its thread.

mod child;
mod guard;
mod session;
#[cfg(test)]
mod tests;
mod work;

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use cairn_isolate::Isolate;
use cairn_kernel::{Error, Kind, Result, ResultExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use self::child::{CHILD_ROLE, child_main};
use self::work::{Found, Work};
use crate::cell::Cells;

/// Stack of a query's thread. Only the part that is used takes memory.
const STACK_BYTES: usize = 64 << 20;

/// The most an answer may hold, roughly, before it is cut.
const ANSWER_BYTES: usize = 64 << 20;

/// How long past its deadline a query may take to notice it.
const GRACE: Duration = Duration::from_millis(500);

/// Queries that may run at once in this process, whatever folder they read.
static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(concurrent())));

fn concurrent() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2))
}

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

/// Runs one query; see [`crate::Tables::query`].
pub(crate) async fn run(
    dir: &Path,
    children: Option<&Isolate>,
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
    let place = tokio::time::timeout(allowed, Arc::clone(&PLACES).acquire_owned()).await;
    let place =
        place.or_kind(Kind::Exhausted, "too many queries are running; try again in a moment")?;
    let place = place.or_internal("waiting for a place to run a query")?;
    let left = allowed.saturating_sub(start.elapsed());
    let (dir, tables, sql) = (dir.to_owned(), tables.to_vec(), sql.to_owned());
    let contained = children.is_some();
    let work = Work { dir, tables, sql, limits, seconds: left.as_secs_f64(), contained };
    let found = async {
        match children {
            Some(isolate) => child::ask(isolate, &work).await,
            None => on_a_thread(work, place).await,
        }
    };
    let found = tokio::time::timeout(left + GRACE, Box::pin(found)).await;
    let mut result = found.unwrap_or_else(|_| Err(limits.timed_out()))?.result(limits)?;
    let elapsed = start.elapsed().as_secs_f64();
    metrics::histogram!("cairn_tables_query_seconds").record(elapsed);
    result.milliseconds = elapsed * 1000.0;
    Ok(result)
}

/// Runs `work` on a thread that keeps its place until it has ended.
async fn on_a_thread(work: Work, place: OwnedSemaphorePermit) -> Result<Found> {
    let (mut answer, found) = oneshot::channel();
    let thread = std::thread::Builder::new().name("cairn-sql".into()).stack_size(STACK_BYTES);
    let started = thread.spawn(move || {
        let outcome = work.run(answer.closed());
        if let Some(outcome) = outcome {
            drop(answer.send(outcome));
        }
        drop(place);
    });
    started.or_kind(Kind::Exhausted, "no thread is free to run a query; try again in a moment")?;
    found.await.or_internal("the query's thread ended without an answer")?
}

impl QueryLimits {
    fn timed_out(self) -> Error {
        let seconds = self.seconds;
        Error::new(
            Kind::Timeout,
            format!(
                "the query took longer than {seconds} seconds and was stopped; \
                 filter earlier, or ask for less"
            ),
        )
    }
}

impl Found {
    /// The rows as JSON, cut where the answer grows too large.
    fn result(self, limits: QueryLimits) -> Result<QueryResult> {
        let mut rows = Vec::new();
        let mut truncated = self.truncated;
        let mut bytes = 0;
        'batches: for batch in &self.batches {
            let cells = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>>>()?;
            for row in 0..batch.num_rows() {
                if rows.len() == limits.rows || bytes > ANSWER_BYTES {
                    truncated = true;
                    break 'batches;
                }
                let values: Vec<_> = cells.iter().map(|it| it.json(row)).collect();
                bytes += values.iter().map(size).sum::<usize>();
                rows.push(values);
            }
        }
        Ok(QueryResult { columns: self.columns, rows, truncated, milliseconds: 0.0 })
    }
}

fn size(value: &Value) -> usize {
    size_of::<Value>() + value.as_str().map_or(0, str::len)
}
