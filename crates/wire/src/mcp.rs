//! The Model Context Protocol at `/mcp`: its JSON-RPC messages, and what the tools take and give.
//! Revisions 2025-03-26 to 2026-07-28; the fields that only the last one has are added at the door.

mod documents;
mod resources;
mod rpc;
mod server;
mod tools;

pub use documents::*;
pub use resources::*;
pub use rpc::*;
pub use server::*;
pub use tools::*;
