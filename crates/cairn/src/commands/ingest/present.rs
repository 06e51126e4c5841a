//! Which files are in the store already: same name, same bytes.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use cairn_kernel::{Kind, Result, ResultExt as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::commands::text;
use crate::output;

/// The files to bring in, and those that are there.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) fresh: Vec<PathBuf>,
    pub(super) unchanged: Vec<PathBuf>,
}

/// Ids of the store's searchable files by name and size.
type Known = HashMap<(String, u64), Vec<String>>;

/// Tells the files that are in the store already from the others. Those of the same
/// name and size are compared byte for byte, through their hashes.
///
/// # Errors
/// `Unavailable` when the server goes away, `NotFound` when a file cannot be read.
pub(super) async fn sort(client: &Client, store: &str, files: &[PathBuf]) -> Result<Sorted> {
    let known = known(client, store).await?;
    let names: HashSet<&str> = known.keys().map(|(name, _)| name.as_str()).collect();
    let mut sorted = Sorted::default();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unreadable = || format!("{} cannot be read", path.display());
        let size = tokio::fs::metadata(path).await.or_kind(Kind::NotFound, unreadable())?.len();
        let named_alike = names.contains(name.as_str());
        let twins = known.get(&(name, size)).map(Vec::as_slice).unwrap_or_default();
        if is_one_of(client, path, twins).await? {
            sorted.unchanged.push(path.clone());
            continue;
        }
        if named_alike {
            output::note(format_args!(
                "{}: the store has another file of this name; both stay",
                path.display()
            ));
        }
        sorted.fresh.push(path.clone());
    }
    Ok(sorted)
}

async fn known(client: &Client, store: &str) -> Result<Known> {
    let path = ["v1", "vector_stores", store, "files"];
    let attached = client.list(&path, &[("filter", "completed"), ("limit", "100")]).await?;
    let attached: HashSet<&str> = attached.iter().map(|file| text(file, "/id")).collect();
    let mut known = Known::new();
    if attached.is_empty() {
        return Ok(known);
    }
    for file in client.list(&["v1", "files"], &[("limit", "1000")]).await? {
        let id = text(&file, "/id");
        if attached.contains(id) {
            let size = file.get("bytes").and_then(Value::as_u64).unwrap_or(0);
            known
                .entry((text(&file, "/filename").to_owned(), size))
                .or_default()
                .push(id.to_owned());
        }
    }
    Ok(known)
}

async fn is_one_of(client: &Client, path: &Path, twins: &[String]) -> Result<bool> {
    if twins.is_empty() {
        return Ok(false);
    }
    let bytes = tokio::fs::read(path).await;
    let bytes = bytes.or_kind(Kind::NotFound, format!("{} cannot be read", path.display()))?;
    let wanted = Sha256::digest(&bytes);
    for id in twins {
        let mut answer = client.open(&["v1", "files", id, "content"]).await?;
        let mut hash = Sha256::new();
        while let Some(piece) = client.piece(&mut answer).await? {
            hash.update(&piece);
        }
        if hash.finalize() == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}
