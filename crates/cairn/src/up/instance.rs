//! One server per data folder, and how commands of the same user find it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cairn_kernel::{Error, Kind, Result, ResultExt as _, Secret};
use serde::{Deserialize, Serialize};

/// What a running server says of itself to those who may read the data folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its address.
    pub(crate) url: String,
    /// An admin key that ends with the process.
    pub(crate) key: Secret,
    /// Its process.
    pub(crate) pid: u32,
}

impl Running {
    /// The server that runs, or last ran, on `data`.
    pub(crate) fn of(data: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data.join("server.json")).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// The claim to a data folder. Dropping it takes the announcement back and frees the folder.
#[derive(Debug)]
pub(crate) struct Instance {
    announcement: PathBuf,
    _lock: File,
}

impl Instance {
    /// Claims `data`, which is made if it is new.
    ///
    /// # Errors
    /// `Conflict` when another server has it, `Internal` when it cannot be made.
    pub(crate) fn claim(data: &Path) -> Result<Self> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
        made.or_internal(&format!("making the data folder {}", data.display()))?;
        let path = data.join("cairn.lock");
        let doing = format!("locking {}", path.display());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(&path).or_internal(&doing)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(data, &mut lock)),
            Err(TryLockError::Error(cause)) => return Err(cause).or_internal(&doing),
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .or_internal(&doing)?;
        let announcement = data.join("server.json");
        // One that a killed server left behind would lead commands astray.
        let _ = std::fs::remove_file(&announcement);
        Ok(Self { announcement, _lock: lock })
    }

    /// Says where the server is and which key opens it, to this user only.
    ///
    /// # Errors
    /// `Internal` when the file cannot be written.
    pub(crate) fn announce(&self, url: &str, key: &Secret) -> Result<()> {
        let running = Running { url: url.to_owned(), key: key.clone(), pid: std::process::id() };
        let doing = "writing server.json";
        let text = serde_json::to_string(&running).or_internal(doing)?;
        let partial = self.announcement.with_extension("json.new");
        let _ = std::fs::remove_file(&partial);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)
            .or_internal(doing)?;
        file.write_all(text.as_bytes()).or_internal(doing)?;
        std::fs::rename(&partial, &self.announcement).or_internal(doing)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.announcement);
    }
}

fn taken(data: &Path, lock: &mut File) -> Error {
    let mut pid = String::new();
    let _ = lock.read_to_string(&mut pid);
    let process = if pid.is_empty() { String::new() } else { format!(" (process {pid})") };
    Error::new(
        Kind::Conflict,
        format!(
            "another server{process} runs on {}; stop it, or choose another folder with --data DIR",
            data.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_has_one_server_and_says_which() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let instance = Instance::claim(&data).unwrap();
        let error = Instance::claim(&data).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.message().contains(&std::process::id().to_string()), "{error}");

        assert!(Running::of(&data).is_none());
        instance.announce("http://127.0.0.1:1", &Secret::new("ck")).unwrap();
        let running = Running::of(&data).unwrap();
        assert_eq!((running.url.as_str(), running.key.expose()), ("http://127.0.0.1:1", "ck"));
        let mode = data.join("server.json").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        drop(instance);
        assert!(Running::of(&data).is_none());
        Instance::claim(&data).unwrap();
    }
}
