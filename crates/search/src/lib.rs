//! Chunks to answers: a dense and a BM25 index, hybrid queries, fusion, filters.
//!
//! The index is a projection of the record store. It holds, for each live chunk,
//! its vector, its weighted terms, the file it came from and that file's
//! attributes; never the text. Everything in it can be rebuilt from the records,
//! and the callers treat it so: an unreadable index is reported with the code
//! [`DAMAGED`], dropped and built anew.
//!
//! [`Index`] is the seam. [`Embedded`] keeps one shard of the engine per vector
//! store in a directory of its own. Vectors come from outside: nothing here
//! calls an embedding model.

mod analysis;
mod bm25;
#[cfg(test)]
mod contract;
mod embedded;
mod filter;
mod fusion;
mod index;

pub use analysis::Analyzer;
pub use embedded::{Embedded, EmbeddedOptions};
pub use filter::{Filter, Operand, Order};
pub use fusion::Fusion;
pub use index::{DAMAGED, Hit, Index, Point, Query};
