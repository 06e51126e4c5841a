//! Keys and what is done to text that comes from outside.

mod keys;
mod signer;

pub use keys::ApiKey;
pub use signer::{Signer, verify};
