//! Org files to readable text: marks go, headings, lists, tables and code stay.

mod marks;

use crate::document::Document;
use crate::markup::lines::{self, Lines};
use crate::write::Builder;

/// Blocks whose lines are kept as they are, and those that are no part of the text.
const CODE: [&str; 3] = ["src", "example", "verse"];
const UNREAD: [&str; 2] = ["comment", "export"];
/// Lines that such a block may have, and those of a drawer.
const BLOCK_LINES_MAX: usize = 100_000;
const DRAWER_LINES_MAX: usize = 1_000;

/// Reads an Org file.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let mut reader = Reader { lines: Lines::new(builder), titled: 0, rows: false };
    let all: Vec<&str> = source.lines().collect();
    let mut at = 0;
    while let Some(line) = all.get(at) {
        at += reader.line(line, all.get(at + 1..).unwrap_or_default()) + 1;
    }
    reader.lines.finish()
}

struct Reader {
    lines: Lines,
    /// 1 where the file has a title, which stands above the first headings.
    titled: u8,
    /// Whether the line before was a row of a table.
    rows: bool,
}

impl Reader {
    /// Reads a line; how many of those behind it belong to it.
    fn line(&mut self, line: &str, rest: &[&str]) -> usize {
        let text = line.trim();
        let rows = std::mem::replace(&mut self.rows, text.starts_with('|'));
        if rows && !self.rows {
            self.lines.end();
        }
        let stars = line.bytes().take_while(|byte| *byte == b'*').count();
        if stars > 0 && line.get(stars..).is_some_and(|rest| rest.starts_with(' ')) {
            self.heading(stars, text.trim_start_matches('*').trim());
        } else if text.is_empty() {
            self.lines.end();
        } else if let Some(key) = text.strip_prefix("#+") {
            return self.keyword(key, rest);
        } else if text == ":PROPERTIES:" || text == ":LOGBOOK:" {
            let end = rest
                .iter()
                .take(DRAWER_LINES_MAX)
                .position(|line| line.trim().eq_ignore_ascii_case(":END:"));
            return end.map_or(0, |end| end + 1);
        } else if text.starts_with("# ") || text == "#" {
            // A comment.
        } else if text == ":" || text.starts_with(": ") {
            return self.fixed(line, rest);
        } else if text.starts_with('|') {
            self.row(text);
        } else if text.len() >= 5 && text.bytes().all(|byte| byte == b'-') {
            self.lines.end();
        } else {
            return self.running(line, text, rest);
        }
        0
    }

    fn heading(&mut self, stars: usize, text: &str) {
        let (words, tags) = text.rsplit_once([' ', '\t']).unwrap_or((text, ""));
        let tagged = tags.len() > 2 && tags.starts_with(':') && tags.ends_with(':');
        let words = if tagged { words.trim_end() } else { text };
        let level = u8::try_from(stars).unwrap_or(u8::MAX).saturating_add(self.titled);
        self.lines.heading(level, &marks::read(words, &mut aside));
    }

    /// A line `#+name: value`, or a block from `#+begin_name` on.
    fn keyword(&mut self, key: &str, rest: &[&str]) -> usize {
        let lower = key.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix("begin_") {
            let name = name.split_whitespace().next().unwrap_or_default();
            return self.block(name, rest);
        }
        let Some((name, value)) = key.split_once(':') else {
            // The end of a block.
            self.lines.end();
            return 0;
        };
        match name.to_ascii_lowercase().as_str() {
            "title" if !value.trim().is_empty() && self.titled == 0 => {
                self.titled = 1;
                self.lines.flow.builder.title(value.trim());
                self.lines.heading(1, value.trim());
            }
            "subtitle" | "author" | "date" | "caption" | "description" => {
                self.lines.paragraph(value.trim());
            }
            "include" => self.lines.file(value.trim().split("\" ").next().unwrap_or_default()),
            _ => self.lines.end(),
        }
        0
    }

    fn block(&mut self, name: &str, rest: &[&str]) -> usize {
        let end = format!("#+end_{name}");
        let is_end = |line: &&str| line.trim().to_ascii_lowercase().starts_with(&end);
        if !CODE.contains(&name) && !UNREAD.contains(&name) {
            // Quotes and the like: their lines are read as any.
            self.lines.end();
            return 0;
        }
        let found = rest.iter().take(BLOCK_LINES_MAX).position(is_end);
        let Some(length) = found else { return 0 };
        if CODE.contains(&name) {
            let inner = rest.get(..length).unwrap_or_default();
            self.lines.code(&lines::without_indent(inner));
            return length + 1;
        }
        self.lines.end();
        length + 1
    }

    /// Lines that begin with a colon are kept as they are.
    fn fixed(&mut self, line: &str, rest: &[&str]) -> usize {
        let inner = |line: &str| {
            let line = line.trim_start();
            (line == ":" || line.starts_with(": "))
                .then(|| line.get(2..).unwrap_or_default().to_owned())
        };
        let more: Vec<String> = rest.iter().map_while(|line| inner(line)).collect();
        let first = inner(line).unwrap_or_default();
        let length = more.len();
        let all: Vec<String> = std::iter::once(first).chain(more).collect();
        self.lines.code(&all.join("\n"));
        length
    }

    fn row(&mut self, text: &str) {
        if text.starts_with("|-") {
            return;
        }
        let inner = text.strip_prefix('|').unwrap_or(text);
        let inner = inner.strip_suffix('|').unwrap_or(inner);
        let cells: Vec<String> =
            inner.split('|').map(|cell| marks::read(cell.trim(), &mut aside)).collect();
        self.lines.row(cells);
    }

    /// An item of a list, or text.
    fn running(&mut self, line: &str, text: &str, rest: &[&str]) -> usize {
        let place = lines::indent(line);
        if let Some((marker, text)) = item(line) {
            // `[@5]` sets the number.
            let text = text
                .strip_prefix("[@")
                .and_then(|text| text.split_once("] "))
                .filter(|(number, _)| number.chars().all(|c| c.is_ascii_digit()))
                .map_or(text, |(_, text)| text);
            let text = text.replacen(" :: ", ": ", 1);
            self.lines.item(place, marker, "");
            return self.paragraph(&text, place + 1, rest);
        }
        // What does not stand further on than a marker is no part of its item.
        self.lines.end_lists(place);
        if text.starts_with("[fn:") {
            self.lines.end();
        }
        self.paragraph(text, place, rest)
    }

    /// Text that goes on in the lines below that stand at `place` or further on; how many.
    fn paragraph(&mut self, first: &str, place: usize, rest: &[&str]) -> usize {
        let inside = |line: &&&str| goes_on(line) && lines::indent(line) >= place;
        let more = rest.iter().take_while(inside).count();
        let mut text = first.to_owned();
        for line in rest.get(..more).unwrap_or_default() {
            if text.ends_with("\\\\") {
                self.write(&text);
                text.clear();
            }
            text.push(' ');
            text.push_str(line.trim());
        }
        self.write(&text);
        more
    }

    fn write(&mut self, text: &str) {
        let (text, breaks) = match text.strip_suffix("\\\\") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let written = marks::read(text, &mut |note: &str| self.lines.note(note));
        self.lines.text(&written);
        if breaks {
            self.lines.line_break();
        }
    }
}

/// The marker and the text of an item of a list.
fn item(line: &str) -> Option<(&str, &str)> {
    let text = line.trim();
    let bullet = ["- ", "+ "].iter().find_map(|mark| text.strip_prefix(mark));
    let bullet = bullet.or_else(|| text.strip_prefix("* ").filter(|_| lines::indent(line) > 0));
    if let Some(words) = bullet {
        return Some(("-", words.trim_start()));
    }
    let number = lines::numbered(text)?;
    number.0.starts_with(|c: char| c.is_ascii_digit()).then_some(number)
}

/// Whether a line goes on with the paragraph above it.
fn goes_on(line: &str) -> bool {
    let text = line.trim();
    let heading = line.starts_with('*') && line.trim_start_matches('*').starts_with(' ');
    let rule = text.len() >= 5 && text.bytes().all(|byte| byte == b'-');
    let other = heading || rule || text.starts_with(['#', '|', ':']) || text.starts_with("[fn:");
    !text.is_empty() && !other && item(line).is_none()
}

/// A footnote where it cannot stand behind the text: in a heading or a cell.
fn aside(note: &str) -> String {
    format!(" ({note})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::BlockKind;

    #[test]
    fn marks_go_and_structure_stays() {
        let source = "#+TITLE: Guide\n#+OPTIONS: toc:nil\n# no text\n* NEXT First /one/ :tag:a:\n:PROPERTIES:\n:ID: 7\n:END:\nSome *bold\nwords* and ~code_x~,\n[[http://x.y][a\nlink]] and [[file:z.org]].[fn:1]\n** Lists\n- a\n  more of a\n  1. b\n  2. [X] c\n- term :: what it is\n\nText.[fn:: Inline.]\n\n\
            | h | /i/ |\n|---+---|\n| 1 | =2= |\n#+begin_src sh\n  ls\n    -l\n#+end_src\n#+BEGIN_QUOTE\nSaid.\n#+END_QUOTE\nOne\\\\\ntwo \\(\\alpha\\).\n: fixed\n:   more\n#+INCLUDE: \"other.org\" :lines 1\n-----\n[fn:1] The note.\n";
        let document = read(source, Builder::default());
        assert_eq!(
            document.text,
            "Guide\n\nNEXT First one\n\nSome bold words and code_x, a link and z.org.[1]\n\nLists\n\n- a more of a\n  1. b\n  2. [X] c\n- term: what it is\n\n\
             Text.[1]\n\n[1] Inline.\n\n| h | i |\n| 1 | 2 |\n\nls\n  -l\n\nSaid.\n\nOne\ntwo α.\n\nfixed\n  more\n\n[1] The note."
        );
        let headings: Vec<_> = document
            .headings
            .iter()
            .map(|heading| (heading.level, heading.title.as_str()))
            .collect();
        assert_eq!(headings, [(1, "Guide"), (2, "NEXT First one"), (3, "Lists")]);
        assert_eq!(document.title.as_deref(), Some("Guide"));
        assert!(
            document.notes.iter().any(|note| note.contains("'other.org'")),
            "{:?}",
            document.notes
        );
        let count = |kind| document.blocks.iter().filter(|block| block.kind == kind).count();
        assert_eq!((count(BlockKind::ListItem), count(BlockKind::Code)), (4, 2));
    }

    #[test]
    fn text_that_only_looks_like_marks_stays() {
        let source = "2 * 3 * 4 and a/b/c, x_1 = y_2 and --flag=a=b\n\n+ not closed *bold\n\n#+begin_src\nopen\n";
        assert_eq!(
            read(source, Builder::default()).text,
            "2 * 3 * 4 and a/b/c, x_1 = y_2 and --flag=a=b\n\n- not closed *bold\n\nopen"
        );
    }
}
