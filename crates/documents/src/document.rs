//! What a parsed file is: one text, and where its parts lie in it ([`boxes`] on its pages,
//! [`offsets`] in its bytes), what is kept of it ([`kept`]), and what it is called ([`label`]).

use serde::{Deserialize, Serialize};

pub(crate) use boxes::Place;

pub use boxes::LineBox;
pub use kept::kept_boxes;
pub use offsets::CharIndex;

mod boxes;
mod kept;
pub(crate) mod label;
mod offsets;

/// The most chars between two blocks.
const SEPARATOR_CHARS: usize = 2;

/// A parsed file. All positions are counts of Unicode scalar values (`char`s) into `text`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The readable text: what is indexed, quoted and shown.
    pub text: String,
    /// The text's parts in order. They do not overlap; only white space lies between them.
    pub blocks: Vec<Block>,
    /// The pages of a paged format, in order; empty for others.
    pub pages: Vec<Page>,
    /// The headings in order.
    pub headings: Vec<Heading>,
    /// Where lines of the text stand on their pages, in the text's order and apart from each
    /// other. Text that no box covers has no place that is known.
    #[serde(default)]
    pub boxes: Vec<LineBox>,
    /// The media type found in the bytes, not the one claimed.
    pub media_type: String,
    /// The document's own title, if it has one.
    pub title: Option<String>,
    /// What the reader should know: a guessed encoding, pages without text, what was left out.
    pub notes: Vec<String>,
}

/// One part of the text: `start..end` in chars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Where it starts, in chars.
    pub start: usize,
    /// Where it ends (exclusive), in chars.
    pub end: usize,
}

/// What a block is; it decides where a chunk may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// A heading of level 1 (topmost) to 6.
    Heading(u8),
    /// Running text.
    Paragraph,
    /// One item of a list, with its marker.
    ListItem,
    /// One row of a table.
    TableRow,
    /// Lines whose breaks and indents matter.
    Code,
}

/// One page and the chars on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The page's position in the file, from 1.
    pub number: u32,
    /// Where its text starts, in chars.
    pub start: usize,
    /// Where its text ends (exclusive), in chars.
    pub end: usize,
}

/// One heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// 1 (topmost) to 6.
    pub level: u8,
    /// The heading's words.
    pub title: String,
    /// Where it starts, in chars.
    pub start: usize,
}

impl Document {
    /// The number of the page that holds the char at `position`.
    pub fn page_at(&self, position: usize) -> Option<u32> {
        let after = self.pages.partition_point(|page| page.start <= position);
        let page = self.pages.get(after.checked_sub(1)?)?;
        // A part without pages may follow one with pages; white space at a page's end is the page's.
        (position <= page.end + SEPARATOR_CHARS).then_some(page.number)
    }

    /// The titles of the headings above the char at `position`, topmost first.
    pub fn heading_path(&self, position: usize) -> Vec<&str> {
        let after = self.headings.partition_point(|heading| heading.start <= position);
        let mut path: Vec<&str> = Vec::new();
        let mut level = u8::MAX;
        for heading in self.headings.iter().take(after).rev() {
            if heading.level < level {
                level = heading.level;
                path.push(&heading.title);
            }
            if level <= 1 {
                break;
            }
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_path_holds_only_ancestors() {
        let heading = |level, title: &str, start| Heading { level, title: title.into(), start };
        let document = Document {
            headings: vec![
                heading(1, "A", 0),
                heading(2, "B", 10),
                heading(3, "C", 20),
                heading(2, "D", 30),
            ],
            pages: vec![
                Page { number: 1, start: 0, end: 15 },
                Page { number: 2, start: 15, end: 40 },
            ],
            ..Document::default()
        };
        assert_eq!(document.heading_path(25), ["A", "B", "C"]);
        assert_eq!(document.heading_path(35), ["A", "D"]);
        assert_eq!(document.heading_path(5), ["A"]);
        assert_eq!((document.page_at(14), document.page_at(15)), (Some(1), Some(2)));
    }
}
