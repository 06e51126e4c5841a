//! What every Cairn crate may rely on, and nothing else: ids, errors (that of a full disk
//! among them), the clock, background tasks, secrets, limits and the authenticated scope.
//!
//! The list is closed on purpose. A helper that only two crates need belongs in
//! the lower of the two, not here.

mod clock;
mod disk;
mod error;
mod id;
mod limits;
mod scope;
mod secret;
mod tasks;

pub use clock::{Clock, Timestamp};
pub use disk::{DISK_FULL, unwritten};
pub use error::{Error, Kind, Result, ResultExt};
pub use id::Id;
pub use limits::Limits;
pub use scope::{PUBLIC, Role, Scope};
pub use secret::Secret;
pub use tasks::{Shutdown, Tasks, in_place};
