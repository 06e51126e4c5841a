//! Keys and what is done to text that comes from outside.

mod keys;

pub use keys::ApiKey;
