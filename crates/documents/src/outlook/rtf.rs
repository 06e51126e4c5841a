//! Rich text (RTF) as Outlook keeps it: HTML within it (MS-OXRTFEX), plain text, or text of
//! its own.

use std::collections::HashMap;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::code_page;
use crate::builder::Builder;
use crate::document::Document;
use crate::flow::Flow;
use crate::{html, mail};
use pieces::{Piece, Pieces};

mod pieces;

/// Where the text says what it was made from, in bytes.
const HEAD_BYTES: usize = 2_048;
/// Groups deeper than this have what holds around them.
const DEPTH_MAX: usize = 10_000;

/// Parts that hold no text for a reader.
const SKIPPED: [&str; 11] = [
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "nonshppict",
    "fldinst",
    "filetbl",
    "revtbl",
    "xe",
    "tc",
    "themedata",
];

/// What a rich text was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A page, whose tags it holds.
    Html,
    /// Plain text, line by line.
    Plain,
    /// Nothing else: it is its own form.
    Own,
}

/// Reads a rich text; none when the bytes are something else.
pub(super) fn read(bytes: &[u8]) -> Option<(Origin, Document)> {
    if !bytes.trim_ascii_start().starts_with(b"{\\rtf") {
        return None;
    }
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    let says = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
    let origin = match () {
        () if says(b"\\fromhtml") => Origin::Html,
        () if says(b"\\fromtext") => Origin::Plain,
        () => Origin::Own,
    };
    let mut reader = Reader::new(origin);
    for piece in Pieces::new(bytes) {
        reader.piece(piece);
    }
    reader.flush();
    let document = match origin {
        Origin::Html => html::read(&reader.lines, Builder::default()),
        Origin::Plain => {
            let mut builder = Builder::default();
            mail::paragraphs(&reader.lines, &mut builder);
            builder.finish()
        }
        Origin::Own => reader.flow.finish().finish(),
    };
    Some((origin, document))
}

/// What holds within one group of braces.
#[derive(Clone, Copy, Debug)]
struct Group {
    skipped: bool,
    /// Whether the text is no part of what the rich text was made from, or hidden.
    hidden: bool,
    /// Whether it is the table of fonts.
    fonts: bool,
    font: Option<i32>,
    /// How many chars stand for a Unicode one where that is not known.
    stand_ins: usize,
}

struct Reader {
    origin: Origin,
    /// What is written of a page or a plain text.
    lines: String,
    /// What is written of a text of its own.
    flow: Flow,
    row: bool,
    in_table: bool,
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
}

impl Reader {
    fn new(origin: Origin) -> Self {
        let group = Group { skipped: false, hidden: false, fonts: false, font: None, stand_ins: 1 };
        Self {
            origin,
            lines: String::new(),
            flow: Flow::new(Builder::default()),
            row: false,
            in_table: false,
            group,
            around: Vec::new(),
            deeper: 0,
            unknown: false,
            bytes: Vec::new(),
            standing_in: 0,
            high: None,
            encoding: WINDOWS_1252,
            default_font: None,
            fonts: HashMap::new(),
        }
    }

    fn piece(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Byte(_) if self.standing_in > 0 => self.standing_in -= 1,
            Piece::Byte(byte) => {
                if self.shows() {
                    self.bytes.push(byte);
                }
            }
            Piece::Open => {
                self.flush();
                if self.around.len() < DEPTH_MAX {
                    self.around.push(self.group);
                } else {
                    self.deeper += 1;
                }
            }
            Piece::Close => {
                self.flush();
                self.unknown = false;
                if self.deeper > 0 {
                    self.deeper -= 1;
                } else if let Some(group) = self.around.pop() {
                    self.group = group;
                }
            }
            Piece::Unknown => self.unknown = true,
            Piece::Word(word, number) => {
                self.flush();
                self.word(word, number);
            }
        }
    }

    fn shows(&self) -> bool {
        !self.group.skipped && !self.group.hidden
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        if std::mem::take(&mut self.unknown) {
            self.group.skipped |= word != "htmltag" || self.origin != Origin::Html;
            return;
        }
        let on = number != Some(0);
        match word {
            "fonttbl" => (self.group.fonts, self.group.skipped) = (true, true),
            word if SKIPPED.contains(&word) => self.group.skipped = true,
            "f" => self.group.font = number,
            "fcharset" if self.group.fonts => self.charset(number.unwrap_or_default()),
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
            "plain" => self.group.font = None,
            _ if self.shows() => self.layout(word),
            _ => {}
        }
    }

    /// Words that write something or end it.
    fn layout(&mut self, word: &str) {
        match word {
            "par" | "sect" | "page" => self.end_paragraph(),
            "line" | "lbr" | "softline" => match self.origin {
                Origin::Own => self.flow.line_break(),
                _ => self.lines.push('\n'),
            },
            "tab" => self.write("\t"),
            "emdash" => self.write("\u{2014}"),
            "endash" => self.write("\u{2013}"),
            "lquote" => self.write("\u{2018}"),
            "rquote" => self.write("\u{2019}"),
            "ldblquote" => self.write("\u{201c}"),
            "rdblquote" => self.write("\u{201d}"),
            "bullet" => self.write("\u{2022}"),
            "emspace" | "enspace" | "qmspace" | "nestcell" | "nestrow" => self.write(" "),
            "pard" => self.in_table = false,
            "intbl" => self.in_table = true,
            "trowd" if self.origin == Origin::Own && !self.row => {
                self.flow.open_row();
                self.row = true;
            }
            "cell" if self.row => self.flow.close_cell(),
            "row" if self.row => self.end_row(),
            "cell" | "row" => self.write(" "),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        if self.origin != Origin::Own {
            return self.lines.push('\n');
        }
        if self.row && !self.in_table {
            self.end_row();
        }
        self.flow.close();
    }

    fn end_row(&mut self) {
        self.flow.close_row();
        self.row = false;
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
        let font = self.group.font.or(self.default_font);
        let encoding = font.and_then(|font| self.fonts.get(&font)).unwrap_or(&self.encoding);
        let (text, _) = encoding.decode_without_bom_handling(&bytes);
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        match self.origin {
            Origin::Own => self.flow.text(text),
            _ => self.lines.push_str(text),
        }
    }

    /// The present font of the table is in this Windows character set.
    fn charset(&mut self, charset: i32) {
        let page = match charset {
            0 => 1252,
            77 => 10000,
            128 => 932,
            129 | 130 => 949,
            134 => 936,
            136 => 950,
            161 => 1253,
            162 => 1254,
            163 => 1258,
            177 => 1255,
            178 => 1256,
            186 => 1257,
            204 => 1251,
            222 => 874,
            238 => 1250,
            _ => return,
        };
        if let (Some(font), Some(encoding)) = (self.group.font, code_page(page)) {
            self.fonts.insert(font, encoding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rtf: &str) -> (Origin, String) {
        let (origin, document) = read(rtf.as_bytes()).unwrap();
        (origin, document.text)
    }

    #[test]
    fn the_page_within_is_found() {
        let rtf = r#"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}
{\f1\fswiss\fcharset204 Arial Cyr;}}{\colortbl\red0\green0\blue0;}{\*\generator x;}
{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Gr\'fc\'dfe {\f1 \'cf\'f0} an{\*\htmltag84 &nbsp;}\u8364 ?5{\*\htmltag116 <br>}\htmlrtf\line\htmlrtf0 Ende\htmlrtf\par}\htmlrtf0 {\*\htmltag72 </p>}{\*\mhtmltag64 <x>}
{\*\htmltag0 <table><tr><td>}a{\*\htmltag0 </td><td>}b{\*\htmltag0 </td></tr></table>}}"#;
        assert_eq!(text(rtf), (Origin::Html, "Grüße Пр an €5\nEnde\n\n| a | b |".to_owned()));
    }

    #[test]
    fn plain_text_keeps_its_lines() {
        let rtf = r"{\rtf1\ansi\fromtext \fbidis \deff0{\fonttbl{\f0\fmodern Courier;}}
\f0 One\par two \{x\}\\\par
\par \u-10179 ?\u-8704 ?\'84three\'93\par}";
        assert_eq!(text(rtf), (Origin::Plain, "One\ntwo {x}\\\n\n\u{1f600}„three“".to_owned()));
    }

    #[test]
    fn a_text_of_its_own_keeps_paragraphs_and_tables() {
        let rtf = r#"{\rtf1\ansi\deff0{\fonttbl{\f0 Arial;}}{\info{\title x}}First \b bold\b0  text{\v hidden}.\par
Second\line line.\par\trowd\cellx100\cellx200\pard\intbl A\cell B\cell\row
\pard Last {\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt link}}.{\pict\bin5 }}}}}}{\*\x y}\par}"#;
        assert_eq!(
            text(rtf),
            (
                Origin::Own,
                "First bold text.\n\nSecond\nline.\n\n| A | B |\n\nLast link.".to_owned()
            )
        );
        assert!(read(b"no rich text").is_none());
        assert_eq!(text("{\\rtf1 {{{ cut \\u").1, "cut");
        assert_eq!(text("{\\rtf1 a}}}} b").1, "a b");
    }

    #[test]
    fn chars_of_two_bytes_are_put_together() {
        let rtf = r"{\rtf1\ansi\ansicpg932 \'83A\'83C}";
        assert_eq!(text(rtf).1, "アイ");
    }
}
