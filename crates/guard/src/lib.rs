//! Keys and what is done to text that comes from outside.

mod keys;
mod seal;
mod signer;

pub use keys::ApiKey;
pub use seal::Seal;
pub use signer::{Signer, verify};
