//! Children of this same executable for work that may crash, hang or run out of
//! memory: parsers of hostile files, C++ engines, training.
//!
//! The parent starts `<program> __child <role>` and talks to it over its standard
//! input and output in frames: a JSON header of the caller's type and a binary
//! payload. A child dies with its parent, keeps a memory ceiling, and, where the
//! kernel has Landlock, can touch only the paths named in its [`Spec`].
//!
//! * [`Isolate`] starts children, [`Child`] is a running one (split it to stream).
//! * [`Pool`] keeps idle children of one role for request/response work and
//!   replaces the ones that die.
//! * [`child::enter`] is the first thing a child calls.

mod frame;
mod parent;
mod pool;

pub mod child;

pub use parent::{Child, Handle, Isolate, Payload, Receiver, Sender, Spec};
pub use pool::Pool;

/// The first command-line argument that makes the program a child.
pub const CHILD_ARGUMENT: &str = "__child";
