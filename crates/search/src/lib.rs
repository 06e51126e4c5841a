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
//!
//! A query goes through two legs (cosine and BM25), fusion of their scores
//! ([`Fusion`]), spreading among neighbours ([`spread`]) and, where the caller asks a
//! reranker, [`rescore`]. How much each counts is a [`Ranking`], which a store with
//! judged queries learns with [`learn()`]. Who may read what is part of the query
//! itself: [`Filter::readable_by`].

mod access;
mod analysis;
mod bm25;
#[cfg(test)]
mod contract;
mod diversity;
mod embedded;
mod filter;
mod frequencies;
mod fusion;
mod index;
mod learn;
mod ranking;

pub use access::{PRINCIPALS, PUBLIC, Principals};
pub use analysis::{Analysis, Analyzer, Language, Told};
pub use bm25::weight as bm25_weight;
pub use diversity::{diversify, expand};
pub use embedded::{Embedded, EmbeddedOptions};
pub use filter::{Bound, FILE_ID, Filter, Operand, Order};
pub use frequencies::Frequencies;
pub use fusion::{Fusion, Side, standings};
pub use index::{DAMAGED, Explain, FREQUENCY_TERMS, Found, Hit, Index, Point, Query, Took};
pub use learn::{
    Candidate, Choice, FEWEST_QUERIES, HARM, Judged, Learned, Quality, learn, ndcg, rank,
};
pub use ranking::{Ranking, SPREAD_DEPTH, late_range, rescore, rescore_within, spread};
