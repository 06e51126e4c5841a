//! Whether the documents answer a question, which is decided before anything is written: how near
//! the best passages come to it, how sure that makes an answer, and what is a reason to refuse all
//! of it or a part; and what a model that runs here says when it is asked.

pub(super) mod assent;
pub(super) mod confidence;
pub(super) mod reading;
mod threshold;
pub(super) mod verdict;
