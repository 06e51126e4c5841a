//! What is asked: what a question is about, what kind of answer it wants, what an answer must name,
//! its parts where it asks for several things, what it means behind what was said before, and whether
//! it is about the documents as a whole.
//!
//! It is told by words alone. What the documents have to say to it is decided in
//! [`deciding`](super::deciding).

pub(super) mod asked;
pub(super) mod asked_for;
mod asking;
pub(super) mod kind;
mod leaning;
pub(super) mod named;
pub(super) mod overview;
pub(super) mod parts;
pub(super) mod rewrite;
pub(super) mod subject;
mod words;
