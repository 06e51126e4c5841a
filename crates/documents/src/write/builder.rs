//! Puts a [`Document`] together block by block, counting chars as it goes.

use crate::document::{Block, BlockKind, Document, Heading, LineBox, Page, Place};

/// A document in the making.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    document: Document,
    chars: usize,
    page: Option<Page>,
    /// Where the text starts that was added last.
    added: usize,
    /// Whether the next row is none of the table before it.
    parted: bool,
}

impl Builder {
    pub(crate) fn new(media_type: &str) -> Self {
        let document = Document { media_type: media_type.to_owned(), ..Document::default() };
        Self { document, ..Self::default() }
    }

    /// Adds a block of its own, apart from the one before it. Surrounding white
    /// space is dropped (leading spaces of code are kept); an empty one is not added.
    pub(crate) fn block(&mut self, kind: BlockKind, text: &str) {
        self.indented(kind, 0, text);
    }

    /// As [`Builder::block`] for the first row of a table, apart from a table right before it.
    pub(crate) fn table(&mut self, row: &str) {
        self.parted = true;
        self.block(BlockKind::TableRow, row);
        self.parted = false;
    }

    /// As [`Builder::block`], with `indent` spaces before it that are not part of it.
    pub(crate) fn indented(&mut self, kind: BlockKind, indent: usize, text: &str) {
        let text = match kind {
            BlockKind::Code => text.trim_start_matches('\n').trim_end(),
            _ => text.trim(),
        };
        self.added = self.chars;
        if text.trim().is_empty() {
            return;
        }
        let separator = self.separator(kind);
        self.push(separator);
        self.push(&" ".repeat(indent));
        self.start_page();
        let start = self.chars;
        self.added = start;
        self.push(text);
        if let BlockKind::Heading(level) = kind {
            let title = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.document.headings.push(Heading { level, title, start });
        }
        self.document.blocks.push(Block { kind, start, end: self.chars });
    }

    /// Adds `text` to the last block, after `joint`.
    pub(crate) fn extend(&mut self, joint: &str, text: &str) {
        let text = text.trim();
        self.push(joint);
        self.start_page();
        self.added = self.chars;
        self.push(text);
        let Some(block) = self.document.blocks.last_mut() else { return };
        block.end = self.chars;
        let heading =
            self.document.headings.last_mut().filter(|heading| heading.start == block.start);
        if let Some(heading) = heading {
            heading.title =
                format!("{}{}{text}", heading.title, if joint.is_empty() { "" } else { " " });
        }
    }

    /// Adds a whole document as a part: its headings move `below` levels down.
    pub(crate) fn append(&mut self, part: &Document, below: u8) {
        if part.text.trim().is_empty() {
            return;
        }
        let separator = if self.document.text.is_empty() { "" } else { "\n\n" };
        self.push(separator);
        self.start_page();
        let offset = self.chars;
        let lower = |level: u8| level.saturating_add(below).clamp(1, 6);
        self.push(&part.text);
        self.document.blocks.extend(part.blocks.iter().map(|block| Block {
            kind: match block.kind {
                BlockKind::Heading(level) => BlockKind::Heading(lower(level)),
                kind => kind,
            },
            start: block.start + offset,
            end: block.end + offset,
        }));
        self.document.headings.extend(part.headings.iter().map(|heading| Heading {
            level: lower(heading.level),
            title: heading.title.clone(),
            start: heading.start + offset,
        }));
        if self.page.is_none() {
            self.document.pages.extend(part.pages.iter().map(|page| Page {
                number: page.number,
                start: page.start + offset,
                end: page.end + offset,
            }));
            self.document.boxes.extend(part.boxes.iter().map(|line| LineBox {
                start: line.start + offset,
                end: line.end + offset,
                ..*line
            }));
        }
    }

    /// Says where on the present page the text stands that was added last.
    pub(crate) fn place(&mut self, place: Option<Place>) {
        let edges = place.and_then(Place::edges);
        let (Some(page), Some(edges)) = (self.page.as_ref(), edges) else { return };
        let (start, end) = (self.added, self.chars);
        if start < end {
            self.document.boxes.push(LineBox { page: page.number, start, end, edges });
            self.added = end;
        }
    }

    /// Takes the last char of the text away (a hyphen at a line's end).
    pub(crate) fn pop(&mut self) {
        if self.document.text.pop().is_some() {
            self.chars -= 1;
            let chars = self.chars;
            if let Some(line) = self.document.boxes.last_mut() {
                line.end = line.end.min(chars);
            }
            self.document.boxes.pop_if(|line| line.start >= line.end);
            if let Some(block) = self.document.blocks.last_mut() {
                block.end = block.end.min(self.chars);
                let heading = self
                    .document
                    .headings
                    .last_mut()
                    .filter(|heading| heading.start == block.start);
                if let Some(heading) = heading {
                    heading.title.pop();
                }
            }
        }
    }

    /// What was written so far.
    pub(crate) fn text(&self) -> &str {
        &self.document.text
    }

    /// The kind of the last block.
    pub(crate) fn last_kind(&self) -> Option<BlockKind> {
        self.document.blocks.last().map(|block| block.kind)
    }

    /// What follows lies on page `number`.
    pub(crate) fn page(&mut self, number: u32) {
        self.end_page();
        self.page = Some(Page { number, start: usize::MAX, end: usize::MAX });
    }

    pub(crate) fn title(&mut self, title: impl Into<String>) {
        let title = title.into();
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        if !title.is_empty() && self.document.title.is_none() {
            self.document.title = Some(title);
        }
    }

    /// Adds a note; one that is already there is not repeated.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.document.notes.contains(&note) {
            self.document.notes.push(note);
        }
    }

    /// What follows lies on no page.
    pub(crate) fn no_page(&mut self) {
        self.end_page();
    }

    /// The finished document.
    pub(crate) fn finish(mut self) -> Document {
        self.end_page();
        self.document
    }

    /// A page starts where its first text does, so that no page begins in a gap.
    fn start_page(&mut self) {
        let chars = self.chars;
        if let Some(page) = self.page.as_mut().filter(|page| page.start == usize::MAX) {
            page.start = chars;
        }
    }

    fn end_page(&mut self) {
        let Some(mut page) = self.page.take() else { return };
        page.start = page.start.min(self.chars);
        page.end = self.chars;
        self.document.pages.push(page);
    }

    fn separator(&self, kind: BlockKind) -> &'static str {
        match (self.last_kind(), kind) {
            (None, _) => "",
            _ if self.parted => "\n\n",
            (Some(BlockKind::ListItem), BlockKind::ListItem)
            | (Some(BlockKind::TableRow), BlockKind::TableRow) => "\n",
            _ => "\n\n",
        }
    }

    fn push(&mut self, text: &str) {
        self.document.text.push_str(text);
        self.chars += text.chars().count();
    }
}
