//! Numbered files of lines: one is appended to, the sealed ones wait to be folded.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cairn_kernel::{Error, Result, ResultExt as _};
use cairn_store::records::UsageRow;

/// A file is sealed at this size, so that folding it needs little memory.
const FILE_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The number of the file that is appended to.
    number: i64,
    /// That file, once it has a line.
    file: Option<File>,
    bytes: u64,
    sealed: BTreeSet<i64>,
}

impl Journal {
    /// The journal in `folder`, which is made if it is new. `folded` is the last file
    /// that is in the ledger: numbers go on above it and above what lies there.
    pub(super) fn open(folder: PathBuf, folded: i64) -> Result<Self> {
        let doing = format!("opening the usage journal {}", folder.display());
        std::fs::create_dir_all(&folder).or_internal(&doing)?;
        let mut sealed = BTreeSet::new();
        for entry in std::fs::read_dir(&folder).or_internal(&doing)? {
            let name = entry.or_internal(&doing)?.file_name();
            let number: Option<i64> =
                name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
            sealed.extend(number);
        }
        let number = sealed.last().copied().unwrap_or(0).max(folded) + 1;
        let state = State { number, file: None, bytes: 0, sealed };
        Ok(Self { folder, state: Mutex::new(state) })
    }

    /// Appends a line. It is with the operating system when this returns, so the death
    /// of the process does not lose it.
    pub(super) fn append(&self, row: &UsageRow) -> Result<()> {
        let mut line = serde_json::to_vec(row).or_internal("writing a line of usage")?;
        line.push(b'\n');
        let mut state = self.state();
        if state.file.is_none() {
            let file = OpenOptions::new()
                .create_new(true)
                .append(true)
                .open(self.path(state.number))
                .or_internal("making a file of the usage journal")?;
            state.file = Some(file);
        }
        let written = match &mut state.file {
            Some(file) => file.write_all(&line),
            None => return Err(Error::internal("the usage journal has no file")),
        };
        state.bytes += line.len() as u64;
        // Half a line may stand at the end of a file that refused; nothing follows it.
        if written.is_err() || state.bytes >= FILE_BYTES_MAX {
            state.seal();
        }
        written.or_internal("writing to the usage journal")
    }

    /// Ends the file that is appended to, if it has a line.
    pub(super) fn seal(&self) {
        self.state().seal();
    }

    pub(super) fn oldest_sealed(&self) -> Option<i64> {
        self.state().sealed.first().copied()
    }

    /// The rows of a sealed file. A line that is none is kept aside and told.
    pub(super) fn read(&self, number: i64) -> Result<Vec<UsageRow>> {
        let path = self.path(number);
        let text = std::fs::read(&path).or_internal("reading the usage journal")?;
        let mut rows = Vec::new();
        let mut damaged = 0_u32;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(row) => rows.push(row),
                Err(_) => damaged += 1,
            }
        }
        if damaged > 0 {
            let aside = path.with_extension("damaged");
            std::fs::write(&aside, &text).or_internal("keeping a damaged usage file")?;
            tracing::error!(lines = damaged, kept = %aside.display(), "usage lines are damaged");
        }
        Ok(rows)
    }

    /// Forgets a file that is in the ledger.
    pub(super) fn remove(&self, number: i64) -> Result<()> {
        self.state().sealed.remove(&number);
        std::fs::remove_file(self.path(number)).or_internal("removing a folded usage file")
    }

    fn path(&self, number: i64) -> PathBuf {
        self.folder.join(format!("{number:012}.jsonl"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn seal(&mut self) {
        if self.file.take().is_some() {
            let number = self.number;
            self.sealed.insert(number);
            self.number += 1;
            self.bytes = 0;
        }
    }
}
