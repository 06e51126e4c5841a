//! Queries in a child process: the two ends of the pipe.

use std::io;
use std::sync::Arc;

use cairn_isolate::{Isolate, Spec};
use cairn_kernel::{Error, Kind, Result, ResultExt};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};

use super::work::{Found, Work};
use super::{QueryColumn, STACK_BYTES};

/// The role under which the program's `main` must call [`child_main`].
pub const CHILD_ROLE: &str = "sql";

/// Address space a child takes before it has read a row: the program, its
/// libraries, stacks and allocator arenas.
const BASE_BYTES: u64 = 1 << 30;

/// What comes back beside the rows, which are an Arrow stream.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Rows { columns: Vec<QueryColumn>, truncated: bool },
    Failed { kind: String, message: String, detail: String, param: Option<String> },
}

/// Runs `work` in a child of its own, which ends when this future does.
///
/// A child costs some milliseconds to start and keeps no memory between queries.
pub(super) async fn ask(isolate: &Isolate, work: &Work) -> Result<Found> {
    // The limit counts what operators keep; what they pass on comes on top.
    let memory = (work.limits.memory_bytes as u64).saturating_mul(2).saturating_add(BASE_BYTES);
    let spec = Spec::new(CHILD_ROLE).memory(memory).readable([work.dir.clone()]);
    let mut child = isolate.spawn(&spec)?;
    let (answer, rows) = match child.call::<_, Answer>(work, &[]).await {
        Ok(answer) => answer,
        Err(error) if aborted(&error) => {
            return Err(super::guard::out_of_memory(work.limits.memory_bytes).with_source(error));
        }
        Err(error) => return Err(error),
    };
    match answer {
        Answer::Rows { columns, truncated } => read(columns, truncated, &rows),
        Answer::Failed { kind, message, detail, param } => {
            let error = Error::new(kind_named(&kind), message).with_source(detail);
            Err(match param {
                Some(param) => error.with_param(param),
                None => error,
            })
        }
    }
}

/// Whether a child ended itself, as Rust programs do when memory is refused.
fn aborted(error: &Error) -> bool {
    error.detail().contains("SIGABRT") || error.detail().contains("SIGKILL")
}

fn read(columns: Vec<QueryColumn>, truncated: bool, rows: &[u8]) -> Result<Found> {
    const DOING: &str = "reading a query's rows";
    let reader = StreamReader::try_new(rows, None).or_internal(DOING)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>().or_internal(DOING)?;
    Ok(Found { columns, schema, batches, truncated })
}

fn kind_named(name: &str) -> Kind {
    let known = [Kind::Invalid, Kind::NotFound, Kind::TooLarge, Kind::Timeout, Kind::Unavailable];
    known.into_iter().find(|kind| kind.name() == name).unwrap_or(Kind::Internal)
}

/// A child's whole life: one query and its answer. `arguments` are those after
/// the role on the command line.
///
/// # Errors
/// When the pipe to the parent breaks or no thread can be started.
pub fn child_main(arguments: &[String]) -> io::Result<()> {
    let mut channel = cairn_isolate::child::enter(arguments)?;
    let Some((work, _)) = channel.reader.recv::<Work>()? else { return Ok(()) };
    let work = Arc::new(work);
    let own = Arc::clone(&work);
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let done = thread.spawn(move || own.run(std::future::pending()))?.join();
    let outcome = match done {
        Ok(Some(Ok(found))) => written(&found),
        Ok(Some(Err(error))) => Err(error),
        Ok(None) | Err(_) => Err(Error::internal("running a query")),
    };
    let (answer, rows) = match outcome {
        Ok(answer) => answer,
        Err(error) => (failed(&error), Vec::new()),
    };
    channel.writer.send(&answer, &rows)
}

fn written(found: &Found) -> Result<(Answer, Vec<u8>)> {
    const DOING: &str = "sending a query's rows";
    let mut writer = StreamWriter::try_new(Vec::new(), &found.schema).or_internal(DOING)?;
    for batch in &found.batches {
        writer.write(batch).or_internal(DOING)?;
    }
    let rows = writer.into_inner().or_internal(DOING)?;
    Ok((Answer::Rows { columns: found.columns.clone(), truncated: found.truncated }, rows))
}

fn failed(error: &Error) -> Answer {
    Answer::Failed {
        kind: error.kind().name().to_owned(),
        message: error.message().to_owned(),
        detail: error.detail(),
        param: error.param().map(str::to_owned),
    }
}
