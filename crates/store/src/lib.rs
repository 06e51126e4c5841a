//! Records and blobs: where the truth is kept.
//!
//! [`Records`] is a SQLite database (write-ahead log, `synchronous = FULL`); an
//! acknowledged write survives a crash. Everything that belongs together is
//! written in one transaction. [`Blobs`] holds file bytes behind `object_store`.
//!
//! Every call that reads or writes a tenant's rows takes a
//! [`Scope`](cairn_kernel::Scope); there is no unscoped query to forget. The few
//! exceptions serve authentication and the program's own upkeep, and say so.
//!
//! SQL stays within the subset SQLite and Postgres share (`$1` parameters,
//! `ON CONFLICT`, `RETURNING`); what differs sits in `migrations/`, in [`Records::open`] and in the
//! two readings that every search makes, which are SQLite's own (`records/direct.rs`).

mod blobs;
pub mod records;

pub use blobs::{BlobPath, BlobWriter, Blobs};
pub use records::{Order, Page, Records, Tx};
