//! Engines in a child of this program.
//!
//! ONNX Runtime is C++ and a model file is hostile input, so it never runs in the
//! server: a child opens the library, holds one model and answers one request at a time.
//! When it dies, the requests it had get an error that says to send them again, and it is
//! started anew, each time a little later; other models know nothing of it.
//!
//! rten is safe Rust and runs in the server. But memory that cannot be had ends a process
//! whatever its language, so a file is first loaded and run in a child with a ceiling
//! ([`probe`]). Only what survives that comes into the server, and of that only models whose
//! memory the values of a request cannot decide; the others stay in their child.
//!
//! Tensors cross as bytes behind a short JSON header, not as numbers in JSON.

mod handle;
mod ort;
mod wire;
mod worker;

pub(super) use handle::{ChildEngine, probe};
pub(super) use ort::declared;
pub use worker::child_main;

/// The role under which the program's `main` dispatches to [`child_main`].
pub const CHILD_ROLE: &str = "onnx";
