//! Delimited text into typed columns.
//!
//! Two passes over the file: the first checks every row's shape and finds each
//! column's type from all its values, the second builds the columns. What was
//! guessed (delimiter, header, encoding, missing values) is said in the notes.

mod build;
mod header;
mod infer;
mod records;
mod sniff;
mod survey;
mod values;

pub(crate) use build::Batches;
pub(crate) use header::require_distinct;
pub(crate) use survey::survey;
pub use values::NULL_SPELLINGS;
