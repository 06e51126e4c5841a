//! What the user configures, and what the program allows.

use std::path::PathBuf;

use cairn_kernel::{Limits, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{FolderConfig, GitConfig, ImapConfig, S3Config, Source, WebsiteConfig};

/// What stands in the place of a secret where a configuration is shown.
pub const REDACTED: &str = "[redacted]";

/// What connectors may use and reach.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Folders that sources may read, with everything below them.
    pub folders: Vec<PathBuf>,
    /// A folder for what a connector must keep on disk during one run; it is emptied
    /// afterwards.
    pub scratch: PathBuf,
    /// Hosts that may be asked although they are this machine or in a private network.
    pub allowed_hosts: Vec<String>,
    /// Whether addresses of this machine and of private networks may be asked.
    pub private_networks: bool,
    /// Largest file that is taken, in bytes.
    pub file_bytes_max: u64,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            scratch: PathBuf::new(),
            allowed_hosts: Vec::new(),
            private_networks: false,
            file_bytes_max: Limits::default().upload_bytes,
        }
    }
}

/// What each kind of configuration does.
pub trait Connector {
    /// Whether it can be used at all, without asking the source.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    fn check(&self) -> Result<()>;

    /// Connects as far as needed to begin a scan.
    ///
    /// # Errors
    /// `Forbidden` for what the program does not allow, `NotFound` when it is not there.
    fn open(&self, env: &Environment) -> Result<Box<dyn Source>>;

    /// The names of the fields that are secret.
    fn secrets(&self) -> &'static [&'static str] {
        &[]
    }

    /// The names of the fields that say who is told the secrets.
    fn receivers(&self) -> &'static [&'static str] {
        &[]
    }
}

/// What the user configures, tagged by `type`. Written out it holds its secrets: it is
/// sealed before it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceConfig {
    /// A folder of this machine.
    Folder(FolderConfig),
    /// The pages of a website, and the documents they link to.
    Website(WebsiteConfig),
    /// A bucket of Amazon S3, or of what speaks its protocol.
    S3(S3Config),
    /// A branch of a Git repository.
    Git(GitConfig),
    /// Mailboxes on an IMAP server.
    Imap(ImapConfig),
}

impl SourceConfig {
    fn connector(&self) -> &dyn Connector {
        match self {
            Self::Folder(config) => config,
            Self::Website(config) => config,
            Self::S3(config) => config,
            Self::Git(config) => config,
            Self::Imap(config) => config,
        }
    }

    /// Connects as far as needed to begin a scan.
    ///
    /// # Errors
    /// As [`Connector::open`].
    pub fn open(&self, env: &Environment) -> Result<Box<dyn Source>> {
        self.connector().open(env)
    }

    /// Whether it can be used at all, without asking the source.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub fn check(&self) -> Result<()> {
        self.connector().check()
    }

    /// The names of the fields that are secret.
    pub fn secrets(&self) -> &'static [&'static str] {
        self.connector().secrets()
    }

    /// The names of the fields that say who is told the secrets.
    pub fn receivers(&self) -> &'static [&'static str] {
        self.connector().receivers()
    }

    /// The configuration as it may be shown: secrets that are there are [`REDACTED`].
    pub fn redacted(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        for name in self.secrets() {
            if let Some(value) = shown.get_mut(*name)
                && !value.is_null()
            {
                *value = Value::from(REDACTED);
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_told_by_its_type_and_unknown_fields_are_refused() {
        let config: SourceConfig =
            serde_json::from_value(json!({"type": "folder", "path": "/srv/docs"})).unwrap();
        assert!(matches!(&config, SourceConfig::Folder(folder) if !folder.hidden));
        assert_eq!(config.redacted()["type"], "folder");
        for wrong in [
            json!({"type": "folder", "path": "/srv/docs", "colour": "red"}),
            json!({"type": "carrier pigeon"}),
            json!({"path": "/srv/docs"}),
        ] {
            assert!(serde_json::from_value::<SourceConfig>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
