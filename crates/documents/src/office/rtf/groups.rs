//! What holds within groups of braces, and text that stands elsewhere than it is written.

use super::words::Part;

/// What holds within one group of braces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub(super) skipped: bool,
    /// Whether the text is no part of what the rich text was made from, or hidden.
    pub(super) hidden: bool,
    pub(super) part: Option<Part>,
    pub(super) font: Option<i32>,
    /// How many chars stand for a Unicode one where that is not known.
    pub(super) stand_ins: usize,
    pub(super) raised: bool,
    pub(super) paragraph: Paragraph,
}

/// What is said of a paragraph.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paragraph {
    pub(super) style: i32,
    pub(super) outline: Option<i32>,
    /// Whether it is an item of a list, and how deep.
    pub(super) listed: bool,
    pub(super) level: usize,
    pub(super) in_table: bool,
}

/// Text that stands elsewhere than where it is written.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) part: Part,
    /// Groups around it.
    pub(super) depth: usize,
    pub(super) text: String,
    /// Whether it holds text in a font of signs.
    pub(super) signs: bool,
}
