//! How documents and passages are named in the tools: `file-…` is all of a file's text,
//! `file-…:120-480` a passage of it, `file-…:50000-` what follows from there. Positions count
//! characters of the text. The id is the file's own, so what is fetched is what its caller may read.

use std::fmt;
use std::ops::Range;

use cairn_kernel::{Error, Id, Result};

/// Most characters of a text that are given at once.
pub(super) const TEXT_MAX: usize = 50_000;

/// A file, or a part of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Id,
    pub(super) part: Part,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Passage(Range<usize>),
    From(usize),
}

impl Place {
    /// A passage of a file, by the numbers that records hold.
    pub(super) fn of(file: &str, (start, end): (i64, i64)) -> Self {
        let position = |at: i64| usize::try_from(at).unwrap_or(0);
        Self { file: Id::from_raw(file), part: Part::Passage(position(start)..position(end)) }
    }

    /// Reads what a client names.
    ///
    /// # Errors
    /// `Invalid` for what is no such name.
    pub(super) fn read(id: &str) -> Result<Self> {
        let (file, part) = match id.split_once(':') {
            None => (id, Some(Part::All)),
            Some((file, range)) => (file, part(range)),
        };
        let part = part.filter(|_| !file.is_empty());
        let part = part.ok_or_else(|| {
            let message = format!(
                "'{id}' is no id of a document; send one that search gave, such as file-…:120-480, \
                 or the id of a file"
            );
            Error::invalid(message).with_param("id")
        })?;
        Ok(Self { file: Id::from_raw(file), part })
    }

    /// The characters of a text of `total` that are given: all of it where it is not too long, else
    /// as much as is given at once, around the passage.
    pub(super) fn window(&self, total: usize) -> Range<usize> {
        let start = match &self.part {
            Part::From(start) => return (*start).min(total)..(start + TEXT_MAX).min(total),
            Part::All => 0,
            Part::Passage(_) if total <= TEXT_MAX => 0,
            Part::Passage(passage) => {
                let middle = passage.start.midpoint(passage.end.max(passage.start));
                middle.saturating_sub(TEXT_MAX / 2).min(total - TEXT_MAX)
            }
        };
        start..(start + TEXT_MAX).min(total)
    }
}

fn part(range: &str) -> Option<Part> {
    let (start, end) = range.split_once('-')?;
    // No text is as long; larger numbers would overflow what is added to them.
    let position = |text: &str| text.parse::<u32>().ok().and_then(|at| usize::try_from(at).ok());
    let start = position(start)?;
    if end.is_empty() {
        return Some(Part::From(start));
    }
    let end = position(end)?;
    (start <= end).then_some(Part::Passage(start..end))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Part::All => write!(f, "{}", self.file),
            Part::Passage(passage) => write!(f, "{}:{}-{}", self.file, passage.start, passage.end),
            Part::From(start) => write!(f, "{}:{start}-", self.file),
        }
    }
}

/// What a passage is called: its file, with the page or else the heading.
pub(super) fn title(filename: &str, page: Option<i64>, heading: Option<&str>) -> String {
    match (page, heading.filter(|heading| !heading.is_empty())) {
        (Some(page), _) => format!("{filename}, page {page}"),
        (None, Some(heading)) => format!("{filename}, {heading}"),
        (None, None) => filename.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() -> Result<()> {
        for id in ["file-a", "file-a:0-0", "file-a:120-480", "file-a:50000-"] {
            assert_eq!(Place::read(id)?.to_string(), id);
        }
        assert_eq!(Place::of("file-a", (3, 9)), Place::read("file-a:3-9")?);
        for id in ["", ":1-2", "file-a:", "file-a:1", "file-a:9-3", "file-a:-5", "file-a:x-y"] {
            let refused = Place::read(id).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some("id"), "{id}");
        }
        assert!(Place::read("file-a:1-99999999999999999999").is_err());
        Ok(())
    }

    #[test]
    fn a_window_lies_around_the_passage_and_within_the_text() -> Result<()> {
        let long = 3 * TEXT_MAX;
        for (id, total, window) in [
            ("file-a", 10, 0..10),
            ("file-a", long, 0..TEXT_MAX),
            ("file-a:4-6", 10, 0..10),
            ("file-a:0-100", long, 0..TEXT_MAX),
            ("file-a:75000-75100", long, 50_050..100_050),
            ("file-a:149000-150000", long, 100_000..150_000),
            ("file-a:900000-900001", long, 100_000..150_000),
            ("file-a:50000-", long, 50_000..100_000),
            ("file-a:149999-", long, 149_999..150_000),
            ("file-a:4000000-", long, long..long),
        ] {
            assert_eq!(Place::read(id)?.window(total), window, "{id} of {total}");
        }
        Ok(())
    }

    #[test]
    fn a_passage_is_called_by_its_page_or_its_heading() {
        assert_eq!(title("a.pdf", Some(3), Some("Sizes")), "a.pdf, page 3");
        assert_eq!(title("a.md", None, Some("Sizes")), "a.md, Sizes");
        assert_eq!(title("a.txt", None, Some("")), "a.txt");
    }
}
