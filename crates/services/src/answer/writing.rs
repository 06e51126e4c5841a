//! The answer itself: sentences of the documents, or what a language model writes from them, from
//! what it is given to what leaves it for the reader.

pub(super) mod draft;
pub(super) mod extract;
pub(super) mod guarded;
pub(super) mod markers;
mod pieces;
pub(super) mod prompt;
pub(super) mod sampling;
mod shorten;
pub(super) mod spoken;
pub(super) mod structured;
mod unsourced;
pub(super) mod written;
