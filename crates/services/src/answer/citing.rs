//! What an answer rests on: the words of the documents that support each sentence, clause or value of
//! it, where on the page they stand, and what speaks against them.

pub(super) mod cite;
mod clauses;
pub(super) mod evidence;
pub(super) mod places;
pub(super) mod values;
