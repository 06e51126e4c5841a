//! The limits every layer keeps, in one visible place.

use serde::{Deserialize, Serialize};

/// Bounds on what a request may ask for. Every one is configurable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest JSON or tensor body, in bytes.
    pub body_bytes: u64,
    /// Largest file that is uploaded in one request or fetched from a source, in bytes.
    pub upload_bytes: u64,
    /// Largest file that is uploaded in parts, in bytes.
    pub upload_parts_bytes: u64,
    /// Longest a request may take before its answer starts, in seconds: from the last whole
    /// mebibyte of its body that came, so that large files over slow lines are waited for.
    pub request_seconds: u64,
    /// Longest one document may take to parse, in seconds.
    pub parse_seconds: u64,
    /// Address space of a parsing child, in bytes.
    pub parse_memory_bytes: u64,
    /// Longest text of one document, in bytes of UTF-8. Its tokens and vectors take a multiple of
    /// it in the server's memory.
    pub text_bytes: u64,
    /// Longest a training run may take beyond its own budget, in seconds.
    pub train_grace_seconds: u64,
    /// Address space of a training child, in bytes.
    pub train_memory_bytes: u64,
    /// Requests that may be inside the program at once; more are answered 429.
    pub concurrent_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            upload_bytes: 512 << 20,
            upload_parts_bytes: 8 << 30,
            request_seconds: 300,
            parse_seconds: 120,
            parse_memory_bytes: 2 << 30,
            text_bytes: 128 << 20,
            train_grace_seconds: 120,
            train_memory_bytes: 8 << 30,
            concurrent_requests: 512,
        }
    }
}
