//! A document as it is kept: its text, and beside it a JSON value with everything else. It can
//! be cut anew from these without being parsed again.

use serde_json::{Value, json};

use crate::document::{Block, BlockKind, Document, Heading};

/// Codes of the kinds of blocks; a heading's is its level, 1 to 6.
const PARAGRAPH: usize = 0;
const LIST_ITEM: usize = 7;
const TABLE_ROW: usize = 8;
const CODE: usize = 9;

impl Document {
    /// What is kept beside the text.
    pub fn structure(&self) -> Value {
        let blocks: Vec<[usize; 3]> =
            self.blocks.iter().map(|block| [code(block.kind), block.start, block.end]).collect();
        json!({
            "pages": self.pages,
            "headings": self.headings,
            "blocks": blocks,
            "media_type": self.media_type,
            "title": self.title,
            "notes": self.notes,
        })
    }

    /// The document of a text and what was kept beside it. Where that has no blocks, as older
    /// ones have not, they are told from the text and its headings.
    pub fn from_kept(text: String, structure: &Value) -> Self {
        let list = |name: &str| structure.get(name).cloned().unwrap_or_default();
        let words = |name: &str| structure.get(name).and_then(Value::as_str).map(str::to_owned);
        let headings: Vec<Heading> = serde_json::from_value(list("headings")).unwrap_or_default();
        let blocks = match serde_json::from_value::<Vec<[usize; 3]>>(list("blocks")) {
            Ok(kept) => {
                let block = |[code, start, end]: [usize; 3]| Block { kind: kind(code), start, end };
                kept.into_iter().map(block).collect()
            }
            Err(_) => blocks_of(&text, &headings),
        };
        Self {
            blocks,
            pages: serde_json::from_value(list("pages")).unwrap_or_default(),
            headings,
            media_type: words("media_type").unwrap_or_default(),
            title: words("title"),
            notes: serde_json::from_value(list("notes")).unwrap_or_default(),
            text,
        }
    }
}

fn code(kind: BlockKind) -> usize {
    match kind {
        BlockKind::Heading(level) => usize::from(level.clamp(1, 6)),
        BlockKind::Paragraph => PARAGRAPH,
        BlockKind::ListItem => LIST_ITEM,
        BlockKind::TableRow => TABLE_ROW,
        BlockKind::Code => CODE,
    }
}

fn kind(code: usize) -> BlockKind {
    match (code, u8::try_from(code)) {
        (1..=6, Ok(level)) => BlockKind::Heading(level),
        (LIST_ITEM, _) => BlockKind::ListItem,
        (TABLE_ROW, _) => BlockKind::TableRow,
        (CODE, _) => BlockKind::Code,
        _ => BlockKind::Paragraph,
    }
}

/// The blocks of a text in which empty lines part them: headings where they are known to be,
/// tables where every line is a row, and paragraphs.
fn blocks_of(text: &str, headings: &[Heading]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    for part in text.split("\n\n") {
        let chars = part.chars().count();
        let before = chars - part.trim_start().chars().count();
        let part = part.trim();
        if !part.is_empty() {
            let (start, end) = (at + before, at + before + part.chars().count());
            let heading = headings.binary_search_by_key(&start, |heading| heading.start).ok();
            let level = heading.and_then(|place| headings.get(place)).map(|found| found.level);
            match level {
                Some(level) => blocks.push(Block { kind: BlockKind::Heading(level), start, end }),
                None if is_table(part) => rows(part, start, &mut blocks),
                None => blocks.push(Block { kind: BlockKind::Paragraph, start, end }),
            }
        }
        at += chars + 2;
    }
    blocks
}

fn is_table(part: &str) -> bool {
    part.lines().all(|line| line.len() > 2 && line.starts_with("| ") && line.ends_with(" |"))
}

fn rows(table: &str, start: usize, blocks: &mut Vec<Block>) {
    let mut at = start;
    for line in table.split('\n') {
        let end = at + line.chars().count();
        blocks.push(Block { kind: BlockKind::TableRow, start: at, end });
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "# Größe\n\nErster Satz. Zweiter.\n\n| a | b |\n|---|---|\n| 1 | é |\n\n\
                          - one\n- two\n\n## Teil\n\n```\nlet x = 1;\n```\n\nLast words.\n";

    fn document() -> Document {
        crate::markdown::read(SOURCE, crate::builder::Builder::new("text/markdown"))
    }

    #[test]
    fn a_document_is_the_same_after_it_was_kept() {
        let document = document();
        let again = Document::from_kept(document.text.clone(), &document.structure());
        assert_eq!(again, document);
    }

    #[test]
    fn an_older_one_gets_its_headings_and_tables_back() {
        let document = document();
        let mut structure = document.structure();
        structure.as_object_mut().unwrap().remove("blocks");
        let again = Document::from_kept(document.text.clone(), &structure);
        assert_eq!(again.headings, document.headings);
        let of = |document: &Document, wanted: fn(BlockKind) -> bool| -> Vec<(usize, usize)> {
            let found = document.blocks.iter().filter(|block| wanted(block.kind));
            found.map(|block| (block.start, block.end)).collect()
        };
        let heading: fn(BlockKind) -> bool = |kind| matches!(kind, BlockKind::Heading(_));
        let row: fn(BlockKind) -> bool = |kind| kind == BlockKind::TableRow;
        assert_eq!(of(&again, heading), of(&document, heading));
        assert_eq!(of(&again, row), of(&document, row));
        let chars: Vec<char> = document.text.chars().collect();
        let mut at = 0;
        for block in &again.blocks {
            assert!(chars[at..block.start].iter().all(|c| c.is_whitespace()));
            at = block.end;
        }
        assert_eq!(at, chars.len());
    }
}
