//! reStructuredText to readable text: marks go, headings, lists, tables and code stay, and of
//! directives what they show.

mod directives;
mod marks;
mod tables;
#[cfg(test)]
mod tests;

use crate::document::Document;
use crate::markup::lines::{self, Lines};
use crate::write::Builder;
use marks::Marks;

/// Blocks within blocks are read to this depth; deeper ones are paragraphs.
const DEPTH_MAX: usize = 40;
/// Signs that underline a title, or part sections.
const ADORNMENTS: &str = "=-`:'\"~^_*+#<>.!$%&()/;?@[\\]{|},";
/// Signs of a line from here on are an underline although the title is longer.
const UNDERLINE: usize = 4;

/// Reads a reStructuredText file.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let source = lines::untabbed(source);
    let all: Vec<&str> = source.lines().map(str::trim_end).collect();
    let mut reader =
        Reader { lines: Lines::new(builder), marks: Marks::of(&all), levels: Vec::new() };
    reader.block(&all, 0, 0);
    reader.lines.finish()
}

struct Reader {
    lines: Lines,
    marks: Marks,
    /// The signs of titles in the order of their levels, and whether they also stand above.
    levels: Vec<(char, bool)>,
}

impl Reader {
    /// Reads the lines of a block that stands `base` columns from the left.
    fn block(&mut self, all: &[&str], base: usize, depth: usize) {
        let mut at = 0;
        while let Some(rest) = all.get(at..).filter(|rest| !rest.is_empty()) {
            at += self.piece(rest, base, depth).max(1);
        }
        self.lines.end();
    }

    /// Reads what the first of the lines begins; how many lines that are.
    fn piece(&mut self, rest: &[&str], base: usize, depth: usize) -> usize {
        let first = rest.first().copied().unwrap_or_default();
        if first.is_empty() {
            self.lines.end();
            return 1;
        }
        if depth > DEPTH_MAX {
            return self.paragraph(rest, base);
        }
        if lines::indent(first) > 0 {
            let length = indented(rest);
            let inner = outdented(rest.get(..length).unwrap_or_default());
            self.inner(&inner, base + 1, depth);
            return length;
        }
        if let Some((marker, content)) = item(rest) {
            return self.item(rest, (marker, content), base, depth);
        }
        self.lines.end_lists(base);
        // The address of a link without a name.
        if first.starts_with("__ ") {
            return 1;
        }
        if first == ".." || first.starts_with(".. ") {
            return self.explicit(rest, base, depth);
        }
        if let Some(length) = self.title(rest) {
            return length;
        }
        if let Some(length) = self.table(rest) {
            return length;
        }
        if first.starts_with(">>> ") {
            let length = rest.iter().take_while(|line| !line.is_empty()).count();
            self.lines.code(&rest.get(..length).unwrap_or_default().join("\n"));
            return length;
        }
        if first == "|" || first.starts_with("| ") {
            return self.line_block(rest);
        }
        if let Some((name, value)) = field(first) {
            return self.field(rest, (name, value), base, depth);
        }
        let next = rest.get(1).copied().unwrap_or_default();
        if lines::indent(next) > 0 && !first.ends_with("::") {
            // A term and what it means.
            let term = self.marks.read(first);
            self.lines.paragraph(&term);
            return 1;
        }
        self.paragraph(rest, base)
    }

    /// A block within the present one.
    fn inner(&mut self, all: &[&str], base: usize, depth: usize) {
        self.block(all, base, depth + 1);
    }

    fn paragraph(&mut self, rest: &[&str], base: usize) -> usize {
        let length = rest.iter().take_while(|line| !line.trim().is_empty()).count().max(1);
        let text: Vec<&str> =
            rest.get(..length).unwrap_or_default().iter().map(|line| line.trim()).collect();
        let text = text.join(" ");
        let Some(before) = text.strip_suffix("::") else {
            let text = self.marks.read(&text);
            self.lines.text(&text);
            self.lines.end();
            return length;
        };
        // What is indented below is kept as it is.
        if !before.is_empty() {
            let colon = if before.ends_with(' ') { "" } else { ":" };
            let text = self.marks.read(before.trim_end());
            self.lines.text(&format!("{text}{colon}"));
        }
        self.lines.end();
        let below = rest.get(length..).unwrap_or_default();
        let more = indented(below);
        let literal = below.get(..more).unwrap_or_default();
        if literal.iter().any(|line| !line.is_empty()) {
            self.lines.end_lists(base + 1);
            self.lines.code(&lines::without_indent(literal));
        }
        length + more
    }

    fn item(
        &mut self,
        rest: &[&str],
        (marker, content): (&str, usize),
        base: usize,
        depth: usize,
    ) -> usize {
        let more = rest.iter().skip(1);
        let more = more.take_while(|line| line.is_empty() || lines::indent(line) > 0).count();
        let length = 1 + more;
        let mut inner: Vec<&str> =
            vec![rest.first().and_then(|line| line.get(content..)).unwrap_or_default()];
        let below = rest.get(1..length).unwrap_or_default();
        inner.extend(below.iter().map(|line| lines::outdented(line, content)));
        let marker = if marker.starts_with(['-', '*', '+', '\u{2022}']) { "-" } else { marker };
        self.lines.item(base, marker, "");
        self.inner(&inner, base + content, depth);
        length
    }

    /// A title with its underline, and often an overline; how many lines that are.
    fn title(&mut self, rest: &[&str]) -> Option<usize> {
        let line = |at: usize| rest.get(at).copied().unwrap_or_default();
        let over = adornment(line(0));
        if let Some((sign, count)) = over {
            let title = line(1).trim();
            if !title.is_empty() && adornment(line(2)) == Some((sign, count)) {
                self.heading((sign, true), title);
                return Some(3);
            }
            // A line between sections.
            let alone = line(1).is_empty() && count >= UNDERLINE;
            if alone {
                self.lines.end();
                return Some(1);
            }
        }
        let (sign, count) = adornment(line(1))?;
        let width = line(0).chars().count();
        if over.is_some() || count < width.min(UNDERLINE) {
            return None;
        }
        self.heading((sign, false), line(0));
        Some(2)
    }

    fn heading(&mut self, key: (char, bool), title: &str) {
        let level = self.levels.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.levels.push(key);
            self.levels.len() - 1
        });
        let title = self.marks.read(title);
        self.lines.heading(u8::try_from(level + 1).unwrap_or(u8::MAX), &title);
    }

    /// Lines that begin with a bar keep their breaks.
    fn line_block(&mut self, rest: &[&str]) -> usize {
        let is_line =
            |line: &&&str| **line == "|" || line.starts_with("| ") || lines::indent(line) > 0;
        let length = rest.iter().take_while(is_line).count();
        self.lines.end();
        for line in rest.get(..length).unwrap_or_default() {
            let text = self.marks.read(line.trim_start_matches('|').trim());
            if line.starts_with('|') && self.lines.is_open() {
                self.lines.line_break();
            }
            self.lines.text(&text);
        }
        self.lines.end();
        length
    }

    /// `:name: value`, with what is indented below it.
    fn field(
        &mut self,
        rest: &[&str],
        (name, value): (&str, &str),
        base: usize,
        depth: usize,
    ) -> usize {
        let length = 1 + indented(rest.get(1..).unwrap_or_default());
        let name = self.marks.read(name);
        self.lines.end();
        self.lines.text(&format!("{name}:"));
        let mut inner = vec![value];
        inner.extend(outdented(rest.get(1..length).unwrap_or_default()));
        self.inner(&inner, base + 1, depth);
        length
    }
}

/// How many lines from the first on are indented, with the empty ones between them.
fn indented(rest: &[&str]) -> usize {
    let inside = rest.iter().take_while(|line| line.is_empty() || lines::indent(line) > 0);
    let length = inside.clone().count();
    let empty = inside.collect::<Vec<_>>().iter().rev().take_while(|line| line.is_empty()).count();
    length - empty
}

fn outdented<'a>(all: &[&'a str]) -> Vec<&'a str> {
    let filled = all.iter().filter(|line| !line.is_empty());
    let least = filled.map(|line| lines::indent(line)).min().unwrap_or_default();
    all.iter().map(|line| lines::outdented(line, least)).collect()
}

/// A line of one sign, twice at least, and how often.
fn adornment(line: &str) -> Option<(char, usize)> {
    let sign = line.chars().next().filter(|c| ADORNMENTS.contains(*c))?;
    let count = line.chars().count();
    (count >= 2 && line.chars().all(|c| c == sign) && line != "::" && line != "..")
        .then_some((sign, count))
}

/// The marker of an item and the column at which its text begins.
fn item<'a>(rest: &[&'a str]) -> Option<(&'a str, usize)> {
    let first = rest.first().copied()?;
    let bullet = first.chars().next().filter(|c| "-*+\u{2022}\u{2023}".contains(*c));
    if let Some(bullet) = bullet {
        let (marker, after) = first.split_at(bullet.len_utf8());
        let spaced = after.is_empty() || after.starts_with(' ');
        return spaced.then_some((marker, first.len() - after.trim_start().len()));
    }
    let (marker, text) = lines::numbered(first)?;
    let content = first.len() - text.len();
    // A paragraph that begins like one goes on below its first letter.
    let next = rest.get(1).copied().unwrap_or_default();
    let goes_on = next.is_empty() || lines::indent(next) > 0 || lines::numbered(next).is_some();
    goes_on.then_some((marker, content))
}

fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix(':')?.split_once(':')?;
    let named = !name.is_empty() && !name.starts_with(' ') && !name.contains('`');
    (named && (value.is_empty() || value.starts_with(' '))).then(|| (name, value.trim()))
}
