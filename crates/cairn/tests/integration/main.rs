//! The whole program in one process: the real router, records, index and engines,
//! over loopback, with the children of the real executable. No language model is
//! loaded, so answers are extractive.

#![expect(clippy::expect_used, reason = "a broken scene ends the test")]

mod access;
mod attached;
mod bad_input;
mod connectors;
mod documents;
mod erasure;
mod evaluation;
mod functions;
mod keyed;
mod keys;
mod languages;
mod large_files;
mod limits;
mod long_talk;
mod mcp;
mod overview;
mod owners;
mod provenance;
mod ranking;
mod refresh;
mod refusal;
mod reindex;
mod remote_embeddings;
mod rollouts;
mod scene;
mod schedules;
mod scripted;
mod several;
mod sources;
mod structured;
mod surface;
mod tables;
mod tenancy;
mod tuning;
mod under_way;
mod updates;
