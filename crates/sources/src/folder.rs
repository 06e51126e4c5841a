//! A folder of this machine.
//!
//! Only folders below those that the configuration allows are read. Every path is opened
//! name by name from the folder down, and no link is followed on the way: whatever is
//! swapped for a link meanwhile, nothing outside the folder is read.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use futures::stream::BoxStream;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::{Connector, Environment, Globs, Item, Seen, Sink, Source, too_large};

/// How often a file that changes while it is read is read again.
const READS: u32 = 4;
/// How long a file that is being written is left alone before it is read again.
const REST: Duration = Duration::from_millis(250);

/// How much of a file is in memory, in bytes.
const PIECE: usize = 256 << 10;

/// Which folder, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// Its whole path on the server's machine.
    pub path: PathBuf,
    /// Patterns of files to take; everything without one. See [`Globs`].
    #[serde(default)]
    pub include: Vec<String>,
    /// Patterns of files and folders to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Whether hidden files and folders are taken too.
    #[serde(default)]
    pub hidden: bool,
}

impl Connector for FolderConfig {
    fn check(&self) -> Result<()> {
        let plain = self.path.components().all(|part| part != Component::ParentDir);
        if !self.path.is_absolute() || !plain {
            return Err(Error::invalid(format!(
                "'{}' is not a whole path; write it from the root, without '..', as in /srv/documents",
                self.path.display()
            ))
            .with_param("path"));
        }
        Globs::new(&self.include, &self.exclude).map(|_| ())
    }

    fn open(&self, env: &Environment) -> Result<Box<dyn Source>> {
        self.check()?;
        let root = self.allowed(&env.folders)?;
        let dir = open_folder(&root).map_err(|cause| self.unreadable(cause))?;
        Ok(Box::new(Folder {
            dir: Arc::new(dir),
            config: Arc::new(self.clone()),
            globs: Arc::new(Globs::new(&self.include, &self.exclude)?),
        }))
    }
}

impl FolderConfig {
    /// The folder's true place, if it may be read.
    fn allowed(&self, folders: &[PathBuf]) -> Result<PathBuf> {
        let found = self.path.canonicalize();
        // Where there is nothing, the name decides what is said about it.
        let place = found.as_deref().unwrap_or(&self.path);
        let below = |allowed: &PathBuf| {
            allowed.canonicalize().is_ok_and(|allowed| place.starts_with(allowed))
                || (found.is_err() && place.starts_with(allowed))
        };
        if !folders.iter().any(below) {
            return Err(Error::new(
                Kind::Forbidden,
                format!(
                    "the folder '{}' may not be read; allow it, or a folder above it, under \
                     `[sources] folders = [...]` in the configuration and start the server again",
                    self.path.display()
                ),
            )
            .with_param("path"));
        }
        found.map_err(|cause| self.unreadable(cause))
    }

    fn unreadable(&self, cause: io::Error) -> Error {
        let shown = self.path.display();
        let (kind, message) = match cause.kind() {
            io::ErrorKind::NotFound => {
                (Kind::NotFound, format!("the folder '{shown}' is not there; is it mounted?"))
            }
            io::ErrorKind::NotADirectory => (Kind::Invalid, format!("'{shown}' is not a folder")),
            _ => (Kind::Forbidden, format!("the folder '{shown}' cannot be read: {cause}")),
        };
        Error::new(kind, message).with_param("path").with_source(cause)
    }
}

/// A folder that was opened.
struct Folder {
    dir: Arc<OwnedFd>,
    config: Arc<FolderConfig>,
    globs: Arc<Globs>,
}

/// What stands in one folder.
#[derive(Default)]
struct Listed {
    seen: Vec<Seen>,
    folders: Vec<String>,
}

#[async_trait]
impl Source for Folder {
    fn scan<'a>(
        &'a self,
        _known: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    ) -> BoxStream<'a, Result<Seen>> {
        Box::pin(async_stream::try_stream! {
            let mut waiting = vec![String::new()];
            let mut unlisted: Option<Error> = None;
            while let Some(folder) = waiting.pop() {
                match self.list(folder).await {
                    Ok(listed) => {
                        for seen in listed.seen {
                            yield seen;
                        }
                        waiting.extend(listed.folders.into_iter().rev());
                    }
                    Err(error) => {
                        unlisted.get_or_insert(error);
                    }
                }
            }
            if let Some(error) = unlisted {
                Err::<(), Error>(error)?;
            }
        })
    }

    async fn fetch(&self, item: &Item, limit: u64, into: &mut dyn Sink) -> Result<()> {
        for read in 0..READS {
            if read > 0 {
                tokio::time::sleep(REST).await;
                into.restart();
            }
            let (dir, key) = (Arc::clone(&self.dir), item.key.clone());
            let opened = tokio::task::spawn_blocking(move || open_file(&dir, &key)).await;
            let opened = opened.or_internal("opening a file of a folder")?;
            let file = opened.map_err(|cause| unread(&item.key, &cause.into()))?;
            if pour(File::from_std(file), &item.key, limit, into).await? {
                return Ok(());
            }
        }
        Err(Error::unavailable(format!(
            "'{}' is being written to; it is read when it rests",
            item.key
        )))
    }
}

impl Folder {
    async fn list(&self, folder: String) -> Result<Listed> {
        let dir = Arc::clone(&self.dir);
        let (config, globs) = (Arc::clone(&self.config), Arc::clone(&self.globs));
        tokio::task::spawn_blocking(move || {
            let listed = list(&dir, &folder, &config, &globs);
            match listed {
                // A folder that went away, or gave place to something else, has no files;
                // that of the whole source must be there.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if !folder.is_empty() => {
                    Ok(Listed::default())
                }
                Err(cause) if folder.is_empty() => Err(config.unreadable(cause.into())),
                Err(cause) => Err(Error::new(
                    Kind::Forbidden,
                    format!(
                        "the folder '{folder}' cannot be read: {cause}; nothing is taken as deleted"
                    ),
                )),
                Ok(listed) => Ok(listed),
            }
        })
        .await
        .or_internal("listing a folder")?
    }
}

fn list(
    root: &OwnedFd,
    folder: &str,
    config: &FolderConfig,
    globs: &Globs,
) -> rustix::io::Result<Listed> {
    let dir = descend(root, folder)?;
    let mut listed = Listed::default();
    for entry in Dir::read_from(&dir)? {
        let entry = entry?;
        let bytes = entry.file_name().to_bytes();
        if bytes == b"." || bytes == b".." {
            continue;
        }
        let name = String::from_utf8_lossy(bytes);
        let key = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
        if !config.hidden && is_hidden(&name) {
            continue;
        }
        if std::str::from_utf8(bytes).is_err() {
            let reason = "its name is not UTF-8; rename it".to_owned();
            listed.seen.push(Seen::Failed { key, reason });
            continue;
        }
        match statat(&dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            Err(cause) => {
                listed
                    .seen
                    .push(Seen::Failed { key, reason: format!("it cannot be read: {cause}") });
            }
            Ok(facts) => match FileType::from_raw_mode(facts.st_mode) {
                FileType::Directory if !globs.prunes(&key) => listed.folders.push(key),
                FileType::RegularFile if globs.takes(&key) => {
                    listed.seen.push(Seen::Item { item: item(key, &name, &facts), content: None });
                }
                _ => {}
            },
        }
    }
    if rustix::fs::fstat(&dir)?.st_nlink == 0 {
        return Err(Errno::NOENT);
    }
    listed.folders.sort();
    Ok(listed)
}

/// Also what Office leaves beside an open document.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("~$")
}

fn item(key: String, name: &str, facts: &Stat) -> Item {
    let mut attributes = Map::new();
    attributes.insert("path".to_owned(), Value::from(key.as_str()));
    Item {
        // The time of the last change of the inode tells of what was put in place with an old
        // date.
        version: format!(
            "{}-{}.{:09}-{}.{:09}",
            facts.st_size, facts.st_mtime, facts.st_mtime_nsec, facts.st_ctime, facts.st_ctime_nsec
        ),
        key,
        name: name.to_owned(),
        size: u64::try_from(facts.st_size).ok(),
        modified_at: Some(facts.st_mtime),
        attributes,
    }
}

/// Opens a folder below `root`, name by name, through no link.
fn descend(root: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut dir = openat(root, ".", flags, Mode::empty())?;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if name == ".." {
            return Err(Errno::INVAL);
        }
        dir = openat(&dir, name, flags, Mode::empty())?;
    }
    Ok(dir)
}

/// Opens the folder of a source by its true place.
fn open_folder(place: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut dir = openat(CWD, "/", flags, Mode::empty())?;
    for part in place.components() {
        if let Component::Normal(name) = part {
            dir = openat(&dir, name, flags, Mode::empty())?;
        }
    }
    Ok(dir)
}

fn unread(key: &str, cause: &io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::NotFound => Kind::NotFound,
        io::ErrorKind::PermissionDenied => Kind::Forbidden,
        _ => Kind::Unavailable,
    };
    Error::new(kind, format!("'{key}' cannot be read: {cause}"))
}

/// Gives the bytes of a file into `into`; false when it changed while it was read.
async fn pour(mut file: File, key: &str, limit: u64, into: &mut dyn Sink) -> Result<bool> {
    let failed = |cause: io::Error| unread(key, &cause);
    let before = file.metadata().await.map_err(failed)?;
    if !before.is_file() {
        return Err(Error::new(Kind::NotFound, format!("'{key}' is no file any more")));
    }
    if before.len() > limit {
        return Err(too_large(key, limit));
    }
    let (mut piece, mut read) = (vec![0; PIECE], 0_u64);
    loop {
        let count = file.read(&mut piece).await.map_err(failed)?;
        read = read.saturating_add(count as u64);
        if count == 0 || read > before.len() {
            break;
        }
        into.write(piece.get(..count).unwrap_or_default()).await?;
    }
    let after = file.metadata().await.map_err(failed)?;
    Ok(read == after.len() && !changed(&before, &after))
}

fn open_file(root: &OwnedFd, key: &str) -> rustix::io::Result<std::fs::File> {
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    if matches!(name, "" | "." | "..") {
        return Err(Errno::INVAL);
    }
    // A pipe in the file's place does not make the reader wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    openat(descend(root, folder)?, name, flags, Mode::empty()).map(std::fs::File::from)
}

fn changed(before: &std::fs::Metadata, after: &std::fs::Metadata) -> bool {
    let mark = |facts: &std::fs::Metadata| {
        (facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec())
    };
    mark(before) != mark(after)
}

#[cfg(test)]
mod tests;
