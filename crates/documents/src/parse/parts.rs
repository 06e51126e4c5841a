//! Files within files: members of archives, attachments of mails, books' chapters.
//! Every file has one budget for all that it unpacks to.

use std::cell::Cell;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::document::BlockKind;
use crate::parse::{self, ParseOptions};
use crate::picture::readings::Pictures;
use crate::write::Builder;

/// Archives in archives are opened to this depth.
const DEPTH_MAX: usize = 4;
/// Parts read of one file, at all depths.
const PARTS_MAX: usize = 2_000;
/// Bytes that all parts of one file may unpack to.
const BYTES_MAX: u64 = 512 << 20;
/// Bytes that one part may unpack to.
const PART_BYTES_MAX: u64 = 128 << 20;
/// A part above one MiB that unpacks to more times its size is a bomb.
const RATIO_MAX: u64 = 400;
/// Parts named in the notes as not read; the rest are counted.
const NAMED_MAX: usize = 20;

/// What is left of a file's allowance.
#[derive(Debug)]
pub(crate) struct Budget {
    parts: Cell<usize>,
    bytes: Cell<u64>,
    pub(crate) pictures: Pictures,
}

impl Budget {
    pub(crate) fn new(pictures: Pictures) -> Self {
        let (parts, bytes) = (Cell::new(PARTS_MAX), Cell::new(BYTES_MAX));
        Self { parts, bytes, pictures }
    }
}

/// How a file is read, handed on to the files within it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) options: &'a ParseOptions,
    pub(crate) budget: &'a Budget,
    depth: usize,
}

/// The parts of a file that were not read, and why.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    notes: Vec<String>,
    more: usize,
}

impl Unread {
    pub(crate) fn add(&mut self, note: impl Into<String>) {
        if self.notes.len() < NAMED_MAX {
            self.notes.push(note.into());
        } else {
            self.more += 1;
        }
    }

    /// The first reason, if there is any.
    pub(crate) fn first(&self) -> Option<&str> {
        self.notes.first().map(String::as_str)
    }

    pub(crate) fn write(self, builder: &mut Builder) {
        for note in self.notes {
            builder.note(format!("not read: {note}"));
        }
        if self.more > 0 {
            builder.note(format!("and {} more parts were not read", self.more));
        }
    }
}

impl<'a> Context<'a> {
    pub(crate) fn new(options: &'a ParseOptions, budget: &'a Budget) -> Self {
        Self { options, budget, depth: 0 }
    }

    /// Takes one part out of the budget.
    fn take_part(&self) -> Result<(), String> {
        let left = self.budget.parts.get();
        self.budget.parts.set(left.saturating_sub(1));
        if left == 0 { Err(format!("there are more than {PARTS_MAX} parts")) } else { Ok(()) }
    }

    /// Reads `source`, which claims to be packed into `packed_bytes`, within the budget.
    pub(crate) fn unpack(&self, source: impl Read, packed_bytes: u64) -> Result<Vec<u8>, String> {
        let allowed = PART_BYTES_MAX
            .min(self.budget.bytes.get())
            .min(packed_bytes.saturating_mul(RATIO_MAX).max(1 << 20));
        let mut bytes = Vec::new();
        source
            .take(allowed + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("it is damaged ({error})"))?;
        let size_bytes = bytes.len() as u64;
        if size_bytes > allowed {
            return Err("it unpacks to more than is allowed; split it into smaller files".into());
        }
        self.budget.bytes.set(self.budget.bytes.get().saturating_sub(size_bytes));
        Ok(bytes)
    }

    /// Reads a file within the file and adds it under a heading of its path.
    /// False, with a reason in `unread`, when it is not read.
    pub(crate) fn part(
        &self,
        path: &str,
        bytes: &[u8],
        level: u8,
        builder: &mut Builder,
        unread: &mut Unread,
    ) -> bool {
        if let Err(reason) = self.take_part() {
            unread.add(format!("'{path}': {reason}"));
            return false;
        }
        if self.depth >= DEPTH_MAX {
            unread.add(format!("'{path}' lies more than {DEPTH_MAX} archives deep"));
            return false;
        }
        let deeper = Self { depth: self.depth + 1, ..*self };
        let parsed = catch_unwind(AssertUnwindSafe(|| parse::part(path, bytes, deeper)));
        match parsed {
            Ok(Ok(document)) => {
                builder.block(BlockKind::Heading(level), path);
                builder.append(&document, level);
                for note in &document.notes {
                    builder.note(format!("{path}: {note}"));
                }
                true
            }
            Ok(Err(error)) => {
                unread.add(error.message());
                false
            }
            Err(_) => {
                unread.add(format!("'{path}': the reader failed on it"));
                false
            }
        }
    }
}
