//! What a text states, and whether two texts state the same: its sentences that say something by
//! themselves, the rows of its tables, its numbers, years and codes, what it denies, and a yes or
//! no.
//!
//! It is told by words alone: no model is asked.

pub(super) mod codes;
pub(super) mod columns;
pub(super) mod facts;
pub(super) mod numbers;
pub(super) mod reply;
pub(super) mod statements;
pub(super) mod years;
