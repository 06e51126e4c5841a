//! Which files a list of paths stands for.

use std::path::{Path, PathBuf};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use serde::Serialize;

/// A file that is not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Skipped {
    pub(super) path: PathBuf,
    pub(super) reason: &'static str,
}

/// What was found, in a stable order.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<PathBuf>,
    pub(super) skipped: Vec<Skipped>,
}

/// Files as they are named, and those in and below folders, without hidden ones and
/// those whose name says no format. Links in folders are not followed.
///
/// # Errors
/// `NotFound` for a path that is not there or cannot be read.
pub(super) fn walk(paths: &[PathBuf]) -> Result<Found> {
    let mut found = Found::default();
    for path in paths {
        let facts = std::fs::metadata(path).map_err(|cause| {
            Error::new(Kind::NotFound, format!("{} cannot be read", path.display()))
                .with_source(cause)
        })?;
        if facts.is_dir() {
            folder(path, &mut found)?;
        } else if facts.is_file() {
            found.files.push(path.clone());
        } else {
            found.skip(path.clone(), "neither a file nor a folder");
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.files.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    Ok(found)
}

impl Found {
    fn skip(&mut self, path: PathBuf, reason: &'static str) {
        self.skipped.push(Skipped { path, reason });
    }
}

fn folder(path: &Path, found: &mut Found) -> Result<()> {
    let mut waiting = vec![path.to_owned()];
    while let Some(next) = waiting.pop() {
        let unreadable = || format!("the folder {} cannot be read", next.display());
        let entries = std::fs::read_dir(&next).or_kind(Kind::NotFound, unreadable())?;
        let mut entries: Vec<_> =
            entries.collect::<std::io::Result<_>>().or_kind(Kind::NotFound, unreadable())?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        let mut folders = Vec::new();
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().or_kind(Kind::NotFound, unreadable())?;
            if name.to_string_lossy().starts_with('.') {
                found.skip(path, "hidden");
            } else if kind.is_dir() {
                folders.push(path);
            } else if !kind.is_file() {
                found.skip(path, "a link or a special file");
            } else if path.extension().is_none() {
                found.skip(path, "its name has no ending that says its format");
            } else {
                found.files.push(path);
            }
        }
        waiting.extend(folders.into_iter().rev());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_and_what_is_left_out_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("b/c")).unwrap();
        std::fs::create_dir_all(at(".git")).unwrap();
        for name in ["a.txt", "b/2.md", "b/c/1.pdf", "Makefile", ".hidden.txt", ".git/x.txt"] {
            std::fs::write(at(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(at("a.txt"), at("link.txt")).unwrap();
        let found = walk(&[folder.path().to_owned()]).unwrap();
        assert_eq!(found.files, [at("a.txt"), at("b/2.md"), at("b/c/1.pdf")]);
        let mut skipped: Vec<_> = found.skipped.iter().map(|one| one.path.clone()).collect();
        skipped.sort();
        assert_eq!(skipped, [at(".git"), at(".hidden.txt"), at("Makefile"), at("link.txt")]);

        // Named on purpose, any file is taken, once.
        let found = walk(&[at("Makefile"), at("Makefile"), at("link.txt"), at("a.txt")]).unwrap();
        assert_eq!(found.files, [at("Makefile"), at("link.txt")]);
        assert_eq!(walk(&[at("none")]).unwrap_err().kind(), Kind::NotFound);
    }
}
