//! From an Arrow file to what the learners take.

pub(crate) mod encode;
pub(crate) mod plan;
pub(crate) mod table;
pub(crate) mod target;
