//! Places that documents come from, as one trait: what is there now, and the bytes of it.
//!
//! A [`Source`] lists and reads; it keeps nothing. What is new, what changed, what is gone
//! and what becomes of it is decided above (`services::sources`), from the keys and versions
//! that the records hold.

mod config;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod double;
mod folder;
mod git;
mod globs;
mod imap;
mod names;
mod net;
mod s3;
mod source;
mod website;

pub use config::{Connector, Environment, REDACTED, SourceConfig};
pub use folder::FolderConfig;
pub use git::GitConfig;
pub use globs::Globs;
pub use imap::{ImapConfig, Tls};
pub use s3::S3Config;
pub use source::{Item, Seen, Sink, Source, too_large};
pub use website::{SitemapUse, WebsiteConfig};
