//! A document as it is kept: its text, and beside it a JSON value with everything else. It can
//! be cut anew from these without being parsed again.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::{Block, BlockKind, Document, Heading, LineBox};

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
        let mut structure = json!({
            "pages": self.pages,
            "headings": self.headings,
            "blocks": blocks,
            "media_type": self.media_type,
            "title": self.title,
            "notes": self.notes,
        });
        if let Some(fields) = structure.as_object_mut().filter(|_| !self.boxes.is_empty()) {
            fields.insert("boxes".to_owned(), json!(packed(&self.boxes)));
        }
        structure
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
            boxes: unpacked(serde_json::from_value(list("boxes")).unwrap_or_default()),
            media_type: words("media_type").unwrap_or_default(),
            title: words("title"),
            notes: serde_json::from_value(list("notes")).unwrap_or_default(),
            text,
        }
    }
}

/// Only the boxes of what was kept beside a text; none where it has none.
///
/// # Errors
/// When it is not what [`Document::structure`] makes.
pub fn kept_boxes(structure: &str) -> serde_json::Result<Vec<LineBox>> {
    #[derive(Deserialize)]
    struct Kept {
        #[serde(default)]
        boxes: Vec<PageOfBoxes>,
    }
    serde_json::from_str(structure).map(|kept: Kept| unpacked(kept.boxes))
}

/// A page's number and, of each of its boxes, six numbers: the chars since the end of the box
/// before (on whichever page), the chars it covers, and its edges. Many boxes are small so.
type PageOfBoxes = (u32, String);

fn packed(boxes: &[LineBox]) -> Vec<PageOfBoxes> {
    let mut at = 0;
    let page = |lines: &[LineBox]| {
        let mut numbers: Vec<String> = Vec::with_capacity(lines.len() * 6);
        for line in lines {
            let (gap, chars) = (line.start.saturating_sub(at), line.end.saturating_sub(line.start));
            numbers.extend([gap, chars].map(|number| number.to_string()));
            numbers.extend(line.edges.map(|edge| edge.to_string()));
            at = line.end;
        }
        (lines.first().map_or(0, |line| line.page), numbers.join(" "))
    };
    boxes.chunk_by(|a, b| a.page == b.page).map(page).collect()
}

fn unpacked(pages: Vec<PageOfBoxes>) -> Vec<LineBox> {
    let mut at = 0_usize;
    let mut boxes = Vec::new();
    for (page, numbers) in pages {
        let numbers: Vec<usize> =
            numbers.split(' ').map_while(|number| number.parse().ok()).collect();
        for line in numbers.chunks_exact(6) {
            let &[gap, chars, left, top, right, bottom] = line else { continue };
            let start = at.saturating_add(gap);
            at = start.saturating_add(chars);
            let edge = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
            let edges = [left, top, right, bottom].map(edge);
            boxes.push(LineBox { page, start, end: at, edges });
        }
    }
    boxes
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
        crate::markup::markdown::read(SOURCE, crate::write::Builder::new("text/markdown"))
    }

    #[test]
    fn a_document_is_the_same_after_it_was_kept() {
        let document = document();
        let again = Document::from_kept(document.text.clone(), &document.structure());
        assert_eq!(again, document);
    }

    #[test]
    fn boxes_are_kept_and_read_without_the_rest() {
        let line = |page, start, end, edges| LineBox { page, start, end, edges };
        let boxes = vec![
            line(1, 0, 5, [1_000, 500, 9_000, 620]),
            line(1, 7, 19, [1_000, 700, 4_321, 820]),
            line(3, 20, 27, [0, 0, 10_000, 10_000]),
        ];
        let document = Document { boxes: boxes.clone(), ..document() };
        let structure = document.structure();
        assert_eq!(structure["boxes"][0][1], "0 5 1000 500 9000 620 2 12 1000 700 4321 820");
        assert_eq!(Document::from_kept(document.text.clone(), &structure), document);
        assert_eq!(kept_boxes(&structure.to_string()).unwrap(), boxes);
        // One that was kept before there were boxes.
        let older = self::document().structure();
        assert!(older.get("boxes").is_none());
        assert_eq!(kept_boxes(&older.to_string()).unwrap(), []);
        assert!(Document::from_kept(document.text, &older).boxes.is_empty());
        assert!(kept_boxes("{\"boxes\": 3}").is_err());
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
