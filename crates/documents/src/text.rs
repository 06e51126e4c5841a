//! Files that are text as it stands, in paragraphs, lines, rows or values: prose and source code
//! ([`plain`]), separated values ([`rows`]), JSON, notebooks and subtitles.

pub(crate) mod json;
pub(crate) mod notebook;
pub(crate) mod plain;
pub(crate) mod rows;
pub(crate) mod subtitles;
