//! Keys, signatures, and what is done to text that comes from outside.
//!
//! Documents are data: [`fence`] keeps their words from speaking as anybody else in a
//! prompt, [`injection`] finds the sentences that try, [`canary`] notices a system prompt
//! that leaves, and [`links`] takes out of an answer what would carry words to a stranger's
//! host. Nothing here knows of stores, models or HTTP.

pub mod canary;
pub mod fence;
pub mod injection;
mod keys;
pub mod links;
mod seal;
mod signer;

pub use keys::ApiKey;
pub use seal::Seal;
pub use signer::{Signer, verify};
