//! The query itself, from statement to record batches.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Result, ResultExt};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::dataframe::DataFrame;
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::{ANSWER_BYTES, QueryColumn, QueryLimits, guard, session};
use crate::cell::{self, Cells};

/// All that a query needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) dir: PathBuf,
    pub(super) tables: Vec<(String, String)>,
    pub(super) sql: String,
    pub(super) limits: QueryLimits,
    /// What is left of the time limit.
    pub(super) seconds: f64,
    /// Whether a process border limits the memory.
    pub(super) contained: bool,
}

/// What a query found: at most one batch more than its limits allow.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) columns: Vec<QueryColumn>,
    /// The schema of the batches: only types that [`Cells`] reads as they are.
    pub(super) schema: SchemaRef,
    pub(super) batches: Vec<RecordBatch>,
    pub(super) truncated: bool,
}

impl Work {
    /// Runs to the end, the deadline, or until `unwanted` is ready (then none).
    /// Blocks; to be called on a thread with a large stack and no async runtime.
    pub(super) fn run(&self, unwanted: impl Future<Output = ()>) -> Option<Result<Found>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(2)
            .build();
        let runtime = match runtime.or_internal("starting a query") {
            Ok(runtime) => runtime,
            Err(error) => return Some(Err(error)),
        };
        let left = Duration::try_from_secs_f64(self.seconds).unwrap_or_default();
        let outcome = runtime.block_on(async {
            tokio::select! {
                done = tokio::time::timeout(left, Box::pin(self.execute())) => {
                    Some(done.unwrap_or_else(|_| Err(self.limits.timed_out())))
                }
                () = unwanted => None,
            }
        });
        runtime.shutdown_background();
        outcome
    }

    async fn execute(&self) -> Result<Found> {
        let session = session::open(self).await?;
        let plan = guard::plan(&session.state(), &self.sql, &self.tables).await?;
        let failed = |cause| guard::explain(cause, &self.tables, self.limits.memory_bytes);
        let frame = DataFrame::new(session.state(), plan);
        let one_more = self.limits.rows.saturating_add(1);
        let frame = frame.limit(0, Some(one_more)).map_err(failed)?;
        let fields = frame.schema().fields().iter();
        let columns = fields.map(|field| QueryColumn {
            name: field.name().clone(),
            kind: cell::type_name(field.data_type()),
        });
        let mut found = Found::new(columns.collect(), frame.schema().as_arrow());
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        let (mut rows, mut bytes) = (0, 0);
        while let Some(batch) = stream.next().await {
            let batch = found.plain(&batch.map_err(failed)?)?;
            rows += batch.num_rows();
            bytes += batch.get_array_memory_size();
            found.batches.push(batch);
            found.truncated = rows > self.limits.rows || bytes > ANSWER_BYTES;
            if found.truncated {
                break;
            }
        }
        Ok(found)
    }
}

impl Found {
    fn new(columns: Vec<QueryColumn>, schema: &Schema) -> Self {
        let fields = schema.fields().iter().enumerate();
        // Columns of an answer may share a name; those of an Arrow file are told apart by place.
        let fields = fields.map(|(at, field)| {
            Field::new(at.to_string(), cell::shown_type(field.data_type()), true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { columns, schema, batches: Vec::new(), truncated: false }
    }

    fn plain(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let arrays = batch.columns().iter().map(|array| Ok(Cells::new(array)?.into_array()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(SchemaRef::clone(&self.schema), arrays)
            .or_internal("collecting a query's rows")
    }
}
