//! Follows the groups of a rich text and writes what they show.

use std::collections::{HashMap, HashSet};

use encoding_rs::{Encoding, WINDOWS_1252};

use super::Origin;
use super::groups::{Captured, Group, Paragraph};
use super::pages::{self, Furniture};
use super::pieces::Piece;
use super::styles::{Style, Styles};
use super::table::{Edges, Table};
use super::words::{self, Part};
use crate::document::Document;
use crate::encoding::code_page;
use crate::write::numerals::superscript;
use crate::write::{Builder, Flow};

/// Groups deeper than this have what holds around them.
const DEPTH_MAX: usize = 10_000;
/// The character set of fonts of signs, in which bullets are letters.
const SIGNS: i32 = 2;
/// Lists nested deeper than this are read as this deep.
const LEVELS_MAX: usize = 9;
/// Parts within parts (a footnote in a text box) that are read on their own.
const CAPTURED_MAX: usize = 20;

pub(super) struct Reader {
    origin: Origin,
    /// What is written of a page or a plain text.
    lines: String,
    /// What is written of a text of its own, and of it the paragraph and the table being read.
    flow: Flow,
    paragraph: String,
    marker: Option<String>,
    /// Whether the file writes the markers of items out.
    marked: bool,
    table: Table,
    edges: Edges,
    /// Lists that are open.
    lists: usize,
    captured: Vec<Captured>,
    /// Footnotes, comments and text boxes to write behind the present paragraph or table.
    beside: Vec<String>,
    /// How many of these belong to the table.
    of_table: usize,
    notes: usize,
    author: String,
    furniture: Furniture,
    styles: Styles,
    style: Style,
    /// How many groups are around a style: within its own it may have more.
    style_depth: usize,
    group: Group,
    around: Vec<Group>,
    /// How many groups lie within those.
    deeper: usize,
    /// Whether the next word names a part that readers may not know.
    unknown: bool,
    /// Text in the encoding of the present font, not yet decoded.
    bytes: Vec<u8>,
    /// Chars still to be left out, as they stand for one that was written.
    standing_in: usize,
    /// The first half of a char outside of the basic plane.
    high: Option<u16>,
    encoding: &'static Encoding,
    default_font: Option<i32>,
    fonts: HashMap<i32, &'static Encoding>,
    sign_fonts: HashSet<i32>,
}

impl Reader {
    pub(super) fn new(origin: Origin, builder: Builder) -> Self {
        Self {
            origin,
            lines: String::new(),
            flow: Flow::new(builder),
            paragraph: String::new(),
            marker: None,
            marked: false,
            table: Table::default(),
            edges: Edges::default(),
            lists: 0,
            captured: Vec::new(),
            beside: Vec::new(),
            of_table: 0,
            notes: 0,
            author: String::new(),
            furniture: Furniture::default(),
            styles: Styles::default(),
            style: Style::default(),
            style_depth: 0,
            group: Group { stand_ins: 1, ..Group::default() },
            around: Vec::new(),
            deeper: 0,
            unknown: false,
            bytes: Vec::new(),
            standing_in: 0,
            high: None,
            encoding: WINDOWS_1252,
            default_font: None,
            fonts: HashMap::new(),
            sign_fonts: HashSet::new(),
        }
    }

    /// The document of a text of its own.
    pub(super) fn finish(mut self) -> Document {
        self.flush();
        while let Some(captured) = self.captured.pop() {
            self.release(captured);
        }
        self.group.paragraph.in_table = false;
        self.end_paragraph();
        self.end_table();
        self.end_lists(0);
        for line in self.furniture.feet() {
            self.flow.text(&line);
            self.flow.close();
        }
        self.flow.finish().finish()
    }

    /// The page or the plain text that the rich text was made from.
    pub(super) fn into_lines(mut self) -> String {
        self.flush();
        self.lines
    }

    pub(super) fn piece(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Byte(_) if self.standing_in > 0 => self.standing_in -= 1,
            Piece::Byte(byte) => {
                if self.shows() {
                    self.bytes.push(byte);
                }
            }
            Piece::Open => {
                self.flush();
                self.open();
            }
            Piece::Close => {
                self.flush();
                self.close();
            }
            Piece::Unknown => self.unknown = true,
            Piece::Word(word, number) => {
                self.flush();
                self.word(word, number);
            }
        }
    }

    fn shows(&self) -> bool {
        let silent = match self.group.part {
            Some(Part::Fonts | Part::About) => true,
            Some(Part::Styles) => self.origin != Origin::Own,
            _ => false,
        };
        !self.group.skipped && !self.group.hidden && !silent
    }

    fn depth(&self) -> usize {
        self.around.len() + self.deeper
    }

    fn open(&mut self) {
        if self.around.len() < DEPTH_MAX {
            self.around.push(self.group);
        } else {
            self.deeper += 1;
        }
        if self.group.part == Some(Part::Styles) && self.depth() == self.style_depth {
            self.style = Style::default();
        }
    }

    fn close(&mut self) {
        self.unknown = false;
        let is_style = self.depth() == self.style_depth;
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if let Some(group) = self.around.pop() {
            let closed = std::mem::replace(&mut self.group, group);
            if closed.part == Some(Part::Styles) && is_style && !closed.skipped {
                self.styles.add(&std::mem::take(&mut self.style));
            }
        }
        let depth = self.depth();
        while let Some(captured) = self.captured.pop_if(|captured| captured.depth > depth) {
            self.release(captured);
        }
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        let starred = std::mem::take(&mut self.unknown);
        if words::is_skipped(word, starred, self.origin) {
            self.group.skipped = true;
            return;
        }
        let on = number != Some(0);
        match word {
            "f" => self.group.font = number,
            "fcharset" if self.group.part == Some(Part::Fonts) => {
                self.charset(number.unwrap_or_default());
            }
            "deff" => self.default_font = number,
            "ansicpg" => {
                let number = number.and_then(|number| u32::try_from(number).ok());
                self.encoding = number.and_then(code_page).unwrap_or(WINDOWS_1252);
            }
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "uc" => {
                let count = number.and_then(|number| usize::try_from(number).ok());
                self.group.stand_ins = count.unwrap_or(1);
            }
            "u" => self.unit(number.unwrap_or_default()),
            "htmlrtf" if self.origin == Origin::Html => self.group.hidden = on,
            "v" | "deleted" if self.origin != Origin::Html => self.group.hidden = on,
            "super" | "up" => self.group.raised = on,
            "nosupersub" | "sub" => self.group.raised = false,
            "plain" => (self.group.font, self.group.raised) = (None, false),
            _ if self.begins(word) => {}
            _ if self.group.part == Some(Part::Styles) => self.define(word, number),
            _ if self.origin == Origin::Own => self.layout(word, number),
            _ if self.shows() => self.line_layout(word),
            _ => {}
        }
    }

    /// Whether a part of its own begins.
    fn begins(&mut self, word: &str) -> bool {
        let Some(part) = words::part(word) else { return false };
        let silent = matches!(part, Part::Fonts | Part::Styles | Part::About);
        if self.origin != Origin::Own && !silent {
            self.group.skipped |= part == Part::Instruction;
            return false;
        }
        let about = self.group.part == Some(Part::About);
        if (part == Part::Title) != about {
            return part == Part::Title;
        }
        self.group.part = Some(part);
        if part == Part::Styles {
            self.style_depth = self.depth() + 1;
        }
        if silent || self.group.skipped || self.captured.len() >= CAPTURED_MAX {
            return true;
        }
        if part == Part::Note {
            self.notes += 1;
            let mark = format!("[{}]", self.notes);
            self.put(&mark);
        }
        self.group.raised = false;
        let (depth, text) = (self.depth(), String::new());
        self.captured.push(Captured { part, depth, text, signs: false });
        true
    }

    /// A word in the definition of a style.
    fn define(&mut self, word: &str, number: Option<i32>) {
        match word {
            "s" => self.style.number = number.unwrap_or_default(),
            "outlinelevel" => self.style.outline = number,
            _ => {}
        }
    }

    /// Words that lay out a page or a plain text.
    fn line_layout(&mut self, word: &str) {
        match word {
            "par" | "sect" | "page" | "line" | "lbr" | "softline" => self.lines.push('\n'),
            "cell" | "row" | "nestcell" | "nestrow" => self.lines.push(' '),
            _ => {
                if let Some(sign) = words::sign(word) {
                    self.write(sign);
                }
            }
        }
    }

    /// Words that lay out a text of its own, or say how it is laid out.
    fn layout(&mut self, word: &str, number: Option<i32>) {
        let paragraph = &mut self.group.paragraph;
        match word {
            "pard" => *paragraph = Paragraph::default(),
            "s" => paragraph.style = number.unwrap_or_default(),
            "outlinelevel" => paragraph.outline = number,
            "ls" => paragraph.listed = number != Some(0),
            "ilvl" => {
                let level = number.and_then(|level| usize::try_from(level).ok());
                paragraph.level = level.unwrap_or_default().min(LEVELS_MAX - 1);
            }
            "intbl" => paragraph.in_table = true,
            "itap" => paragraph.in_table = number.is_none_or(|depth| depth > 0),
            _ if !self.shows() => {}
            "trowd" | "trleft" | "cellx" if !self.captured.is_empty() => {}
            "trowd" => self.edges = Edges::default(),
            "trleft" => self.edges.left = number.unwrap_or_default(),
            "cellx" => self.edges.add(number.unwrap_or_default()),
            "par" | "sect" | "page" => self.end_line('\n'),
            "line" | "lbr" | "softline" => self.put("\n"),
            "cell" => self.end_cell(),
            "row" => self.end_row(),
            "nestcell" | "nestrow" => self.put(" "),
            "chpgn" => self.count_pages(),
            _ => {
                if let Some(sign) = words::sign(word) {
                    self.write(sign);
                }
            }
        }
    }

    fn count_pages(&mut self) {
        let captured = self.captured.last_mut();
        let page = |part| matches!(part, Part::Head | Part::Foot);
        if let Some(captured) = captured.filter(|captured| page(captured.part)) {
            captured.text.push(pages::COUNT);
        }
    }

    fn end_line(&mut self, end: char) {
        match self.captured.last_mut() {
            Some(captured) => captured.text.push(end),
            None => self.end_paragraph(),
        }
    }

    fn end_cell(&mut self) {
        if self.captured.is_empty() {
            self.table.close_cell(std::mem::take(&mut self.paragraph));
        } else {
            self.put(" ");
        }
    }

    fn end_row(&mut self) {
        if self.captured.is_empty() {
            self.table.close_row(&self.edges);
            self.of_table = self.beside.len();
        } else {
            self.put("\n");
        }
    }

    /// Ends a paragraph; one in a table goes on in its cell.
    fn end_paragraph(&mut self) {
        let Paragraph { style, outline, listed, level, in_table } = self.group.paragraph;
        if in_table {
            return self.paragraph.push(' ');
        }
        let text = std::mem::take(&mut self.paragraph);
        let marker = self.marker.take();
        self.end_table();
        if text.trim().is_empty() {
            return self.write_beside();
        }
        let heading = self.styles.level(style, outline);
        let unmarked = listed && !self.marked;
        let marker = marker.or_else(|| unmarked.then(|| "-".to_owned()));
        match (heading, marker) {
            (Some(heading), marker) => {
                self.end_lists(0);
                if let Some(number) = marker.filter(|marker| marker != "-") {
                    self.flow.text(&format!("{number} "));
                }
                self.put_lines(&text);
                self.flow.close_heading(heading);
            }
            (None, Some(marker)) => {
                self.end_lists(level + 1);
                (self.lists..=level).for_each(|_| self.flow.open_list(None));
                self.lists = level + 1;
                self.flow.open_marked(Some(marker));
                self.put_lines(&text);
                self.flow.close();
            }
            (None, None) => {
                // A further paragraph of an item is in its list, without a marker.
                self.end_lists(if listed { level + 1 } else { 0 });
                self.put_lines(&text);
                self.flow.close();
            }
        }
        self.write_beside();
    }

    fn put_lines(&mut self, text: &str) {
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                self.flow.line_break();
            }
            self.flow.text(line);
        }
    }

    /// Ends lists until `left` are open.
    fn end_lists(&mut self, left: usize) {
        while self.lists > left {
            self.flow.close_list();
            self.lists -= 1;
        }
    }

    fn end_table(&mut self) {
        if self.table.is_empty() {
            return;
        }
        self.end_lists(0);
        self.table.write(&mut self.flow);
        let later = self.beside.split_off(self.of_table.min(self.beside.len()));
        self.of_table = 0;
        self.write_beside();
        self.beside = later;
    }

    /// Writes what belongs beside the paragraph or table that has ended.
    fn write_beside(&mut self) {
        for text in std::mem::take(&mut self.beside) {
            self.put_lines(&text);
            self.flow.close();
        }
    }

    /// Puts text that stands elsewhere to its place.
    fn release(&mut self, captured: Captured) {
        let Captured { part, text, signs, .. } = captured;
        let words = || text.split_whitespace().collect::<Vec<_>>().join(" ");
        match part {
            Part::Title => self.flow.builder.title(text.as_str()),
            Part::Instruction => {
                let field = words().to_uppercase();
                let counts = ["PAGE", "NUMPAGES", "SECTIONPAGES"];
                if counts.iter().any(|name| field.split(' ').next() == Some(*name)) {
                    self.count_pages();
                }
            }
            // Some write one out for paragraphs that have none.
            Part::Marker if words().is_empty() => self.marked = true,
            Part::Marker => self.mark(marker(&words(), signs)),
            Part::Author => self.author = words(),
            Part::Note => self.beside(format!("[{}] {}", self.notes, words())),
            Part::Comment => {
                let author = std::mem::take(&mut self.author);
                let by = if author.is_empty() { String::new() } else { format!(" by {author}") };
                self.beside(format!("[Comment{by}] {}", words()));
            }
            Part::TextBox => self.beside(text),
            Part::Head => {
                let lines = self.furniture.head(&text);
                self.beside.extend(lines);
                if self.paragraph.is_empty() && self.captured.is_empty() && self.table.is_empty() {
                    self.write_beside();
                }
            }
            Part::Foot => self.furniture.foot(&text),
            Part::Fonts | Part::Styles | Part::About => {}
        }
    }

    /// The present paragraph is an item of a list with this marker. In a cell a number stands in
    /// the text.
    fn mark(&mut self, marker: String) {
        self.marked = true;
        if !self.group.paragraph.in_table {
            self.marker = Some(marker);
        } else if marker != "-" {
            self.put(&format!("{marker} "));
        }
    }

    fn beside(&mut self, text: String) {
        if !text.trim().is_empty() {
            self.beside.push(text);
        }
    }

    /// Writes a char given as a UTF-16 unit, which negative numbers may stand for too.
    fn unit(&mut self, number: i32) {
        self.standing_in = self.group.stand_ins;
        let unit = u16::try_from(number.rem_euclid(1 << 16)).unwrap_or_default();
        let high = self.high.take();
        if unit == 0 || !self.shows() {
            return;
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        let units = high.into_iter().chain([unit]);
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect();
        self.write(&text);
    }

    /// Decodes the text that waits.
    fn flush(&mut self) {
        self.standing_in = 0;
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() {
            return;
        }
        let font = self.font();
        let encoding = font.and_then(|font| self.fonts.get(&font)).unwrap_or(&self.encoding);
        let (text, _) = encoding.decode_without_bom_handling(&bytes);
        self.write(&text);
    }

    fn font(&self) -> Option<i32> {
        self.group.font.or(self.default_font)
    }

    fn write(&mut self, text: &str) {
        if self.origin != Origin::Own {
            return self.lines.push_str(text);
        }
        if self.group.part == Some(Part::Styles) {
            return self.style.name.push_str(text);
        }
        let signs = self.font().is_some_and(|font| self.sign_fonts.contains(&font));
        if let Some(captured) = self.captured.last_mut() {
            captured.signs |= signs;
        }
        // Behind a digit an exponent is no further digit of the number.
        let number = self.group.raised && self.last().is_some_and(char::is_numeric);
        let raised: Option<String> = text.chars().map(superscript).collect();
        match raised.filter(|_| number) {
            Some(raised) => self.put(&raised),
            None => self.put(text),
        }
    }

    /// The char before what is written next.
    fn last(&self) -> Option<char> {
        let text = self.captured.last().map_or(&self.paragraph, |captured| &captured.text);
        text.chars().next_back()
    }

    fn put(&mut self, text: &str) {
        match self.captured.last_mut() {
            Some(captured) => captured.text.push_str(text),
            None => self.paragraph.push_str(text),
        }
    }

    /// The present font of the table is in this Windows character set.
    fn charset(&mut self, charset: i32) {
        let Some(font) = self.group.font else { return };
        if charset == SIGNS {
            self.sign_fonts.insert(font);
        }
        if let Some(encoding) = words::code_page(charset).and_then(code_page) {
            self.fonts.insert(font, encoding);
        }
    }
}

/// A marker as it stands in a text: a bullet is a dash, whichever sign it is.
fn marker(text: &str, signs: bool) -> String {
    let bullet = signs || text == "o" || !text.contains(char::is_alphanumeric);
    if bullet { "-".to_owned() } else { text.to_owned() }
}
