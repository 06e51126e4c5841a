//! Tables as content-addressed, typed Parquet snapshots.
//!
//! This crate owns the files of one folder: it reads CSV and Parquet into
//! snapshots named after the SHA-256 of their bytes, profiles them while it
//! writes, and answers rows, columns and read-only SQL over them. It is called
//! by the services, which own the names, versions, tenants and records; it
//! knows none of these, and it never changes a snapshot once written.
//!
//! Reading and SQL run apart from the async workers: imports on the blocking
//! pool, each query in a child process or on a thread of its own. Nothing is
//! opened before it is used.

mod cell;
mod csv;
mod files;
mod frame;
mod import;
mod parquet_source;
mod profile;
mod query;
mod snapshot;
mod tables;
#[cfg(test)]
mod tests;

pub use csv::NULL_SPELLINGS;
pub use frame::{ColumnData, Frame, FrameColumn};
pub use query::{CHILD_ROLE, QueryColumn, QueryLimits, QueryResult, child_main};
pub use snapshot::{Column, ColumnType, Page, Snapshot, SourceKind, TopValue};
pub use tables::{MAX_COLUMNS, Tables};
