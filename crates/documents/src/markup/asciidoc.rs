//! AsciiDoc to readable text: marks go, headings, lists, tables and code stay.

mod marks;
mod tables;
#[cfg(test)]
mod tests;

use crate::document::Document;
use crate::markup::lines::{self, Lines};
use crate::write::{Builder, Numerals};
use marks::Marks;

/// Signs that underline a title, by its level.
const UNDERLINES: &str = "=-~^+";
/// An underline may be so much longer or shorter than the title.
const UNDERLINE_OFF: usize = 1;
/// What a list is told by when its marker is none of signs.
const NUMBERED: &str = "1.";

/// Reads an AsciiDoc file.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let all: Vec<&str> = source.lines().map(str::trim_end).collect();
    let mut reader = Reader {
        lines: Lines::new(builder),
        marks: Marks::default(),
        lists: Vec::new(),
        counts: Vec::new(),
        tied: false,
        style: String::new(),
        boxes: Vec::new(),
        rows: false,
    };
    let mut at = 0;
    while let Some(rest) = all.get(at..).filter(|rest| !rest.is_empty()) {
        at += reader.piece(rest).max(1);
    }
    reader.lines.finish()
}

struct Reader {
    lines: Lines,
    marks: Marks,
    /// The markers of the lists around the present line, with their indents.
    lists: Vec<(String, usize)>,
    /// The items of each of them so far, and how their numbers are written.
    counts: Vec<(u32, Numerals)>,
    /// Whether the next block is part of the item above.
    tied: bool,
    /// What the line in brackets above a block says of it.
    style: String,
    /// The lines that end the boxes around the present line.
    boxes: Vec<String>,
    /// Whether the line before was a row outside of a table.
    rows: bool,
}

impl Reader {
    /// Reads what the first of the lines begins; how many lines that are.
    fn piece(&mut self, rest: &[&str]) -> usize {
        let first = rest.first().copied().unwrap_or_default();
        let text = first.trim_start();
        if std::mem::take(&mut self.rows) && !text.starts_with('|') {
            self.lines.end();
        }
        if text.is_empty() {
            self.lines.end();
            return 1;
        }
        if let Some(length) = self.silent(first, rest) {
            return length;
        }
        if let Some(length) = self.delimited(first, rest) {
            self.tied = false;
            return length;
        }
        if let Some(length) = self.title(first, rest) {
            return length;
        }
        if let Some(length) = self.list_item(first, rest) {
            return length;
        }
        if let Some(length) = self.macro_block(text) {
            self.tied = false;
            return length;
        }
        if text.starts_with('|') && text.matches('|').count() > 1 {
            self.bare_row(text);
            return 1;
        }
        let literal = first.starts_with(' ') && !self.lines.is_open();
        if literal && self.lists.is_empty() || self.style.starts_with("source") {
            return self.literal(rest);
        }
        self.running(text, rest)
    }

    /// Lines that show nothing: comments, attributes, what is said of a block.
    fn silent(&mut self, first: &str, rest: &[&str]) -> Option<usize> {
        if first.starts_with("////") {
            let end = rest.iter().skip(1).position(|line| *line == first);
            return Some(end.map_or(rest.len(), |end| end + 2));
        }
        if first.starts_with("//") {
            return Some(1);
        }
        if let Some((name, value)) = attribute(first) {
            self.marks.define(name, value);
            return Some(1);
        }
        let bracketed = first.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        if let Some(inner) = bracketed.filter(|inner| is_style(inner)) {
            self.end_untied();
            if !inner.starts_with(['[', '#', '.']) {
                self.style = inner.to_owned();
                let lead = admonition(inner);
                self.lines.text_if(lead);
            }
            return Some(1);
        }
        let line = first.len() >= 3 && first.bytes().all(|byte| byte == b'\'');
        if line || matches!(first, "---" | "***" | "<<<" | "* * *") {
            self.end_lists();
            return Some(1);
        }
        // Ties the next block to the item above.
        if first.trim() == "+" {
            self.lines.end();
            self.tied = true;
            return Some(1);
        }
        None
    }

    /// Blocks between two lines that are the same.
    fn delimited(&mut self, first: &str, rest: &[&str]) -> Option<usize> {
        if self.boxes.last().is_some_and(|end| end == first) {
            self.boxes.pop();
            self.end_lists();
            return Some(1);
        }
        let inner = || {
            let length = rest.iter().skip(1).position(|line| *line == first)?;
            Some((rest.get(1..=length).unwrap_or_default(), length + 2))
        };
        let sign = first.chars().next()?;
        let run = first.len() >= 4 && first.chars().all(|c| c == sign);
        if first.starts_with("```")
            && (run || first.get(3..).is_some_and(|name| !name.contains('`')))
        {
            let length = rest.iter().skip(1).position(|line| line.trim() == "```")?;
            self.block_code(rest.get(1..=length).unwrap_or_default());
            return Some(length + 2);
        }
        if run && matches!(sign, '-' | '.' | '+') {
            let (lines, length) = inner()?;
            self.block_code(lines);
            return Some(length);
        }
        if matches!(first, "|===" | ",===" | ":===" | "!===") {
            let length = rest.iter().skip(1).position(|line| *line == first);
            let lines = rest.get(1..).unwrap_or_default();
            let lines = lines.get(..length.unwrap_or(lines.len())).unwrap_or_default();
            let style = std::mem::take(&mut self.style);
            self.lines.end();
            self.table(lines, &style, sign);
            return Some(lines.len() + 2);
        }
        // Boxes, quotes, examples: what is in them is read as any text.
        if run && matches!(sign, '=' | '*' | '_') || first == "--" {
            inner()?;
            if self.style.is_empty() || admonition(&self.style).is_none() {
                self.lines.end();
            }
            self.style.clear();
            self.boxes.push(first.to_owned());
            return Some(1);
        }
        None
    }

    fn block_code(&mut self, lines: &[&str]) {
        let style = std::mem::take(&mut self.style);
        self.lines.end();
        if style.starts_with("stem") || style.contains("math") {
            let formula = crate::markup::latex::formula(&lines.join("\n"));
            return self.lines.paragraph(&formula.replace('\n', "; "));
        }
        let callouts: Vec<&str> = lines.iter().map(|line| marks::without_callouts(line)).collect();
        self.lines.code(&lines::without_indent(&callouts));
    }

    fn title(&mut self, first: &str, rest: &[&str]) -> Option<usize> {
        let sign = first.chars().next().filter(|c| "=#".contains(*c));
        if let Some(sign) = sign {
            let level = first.chars().take_while(|c| *c == sign).count();
            let words = first.get(level..).filter(|words| words.starts_with(' ') && level <= 6)?;
            // It may end as it begins; what stands right behind a word belongs to it, as in C#.
            let bare = words.trim().trim_end_matches(sign);
            self.heading(level, if bare.ends_with(' ') { bare } else { words }.trim());
            return Some(1);
        }
        // The title of a block.
        if let Some(title) = first.strip_prefix('.').filter(|title| !title.starts_with(['.', ' ']))
        {
            let title = self.marks.read(title, &mut aside);
            self.end_untied();
            self.lines.paragraph(&title);
            return (!title.is_empty()).then_some(1);
        }
        let under = rest.get(1).copied().unwrap_or_default();
        let sign = under.chars().next()?;
        let level = UNDERLINES.find(sign)?;
        let (width, count) = (first.chars().count(), under.chars().count());
        let fits = width.abs_diff(count) <= UNDERLINE_OFF && width > 2;
        let words = first.starts_with(char::is_alphanumeric) && !self.lines.is_open();
        if under.chars().all(|c| c == sign) && fits && words {
            self.heading(level + 1, first);
            return Some(2);
        }
        None
    }

    fn heading(&mut self, level: usize, text: &str) {
        self.end_lists();
        self.style.clear();
        let text = self.marks.read(text, &mut aside);
        if level == 1 {
            self.lines.flow.builder.title(text.as_str());
        }
        self.lines.heading(u8::try_from(level).unwrap_or(u8::MAX), &text);
    }

    /// A title or what is said of a block ends the lists above, unless it is tied to an item.
    fn end_untied(&mut self) {
        match self.tied || !self.boxes.is_empty() {
            true => self.lines.end(),
            false => self.end_lists(),
        }
    }

    fn end_lists(&mut self) {
        self.lines.end();
        self.lines.end_lists(0);
        self.lists.clear();
        self.counts.clear();
    }

    fn list_item(&mut self, first: &str, rest: &[&str]) -> Option<usize> {
        let text = first.trim_start();
        let indent = first.len() - text.len();
        let (mark, words) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        let sign = mark.chars().next()?;
        let signs = mark.len() <= 5 && mark.chars().all(|c| c == sign);
        if (signs && matches!(sign, '*' | '.') || mark == "-") && !words.trim().is_empty() {
            let ordered = sign == '.';
            self.item((mark.to_owned(), indent), ordered.then_some(None));
            return Some(self.paragraph(words.trim_start(), rest));
        }
        let begins = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
        let number = lines::numbered(text).filter(|(marker, _)| marker.starts_with(begins));
        if let Some((marker, words)) = number {
            self.item((NUMBERED.to_owned(), indent), Some(Some(marker)));
            return Some(self.paragraph(words, rest));
        }
        // What a number in code means: `<1> It begins.`
        let callout = mark.strip_prefix('<').and_then(|mark| mark.strip_suffix('>'));
        if let Some(number) =
            callout.filter(|number| *number == "." || number.parse::<u32>().is_ok())
        {
            let known = (number != ".").then(|| format!("{number}."));
            self.item(("<1>".to_owned(), indent), Some(known.as_deref()));
            return Some(self.paragraph(words, rest));
        }
        let (term, meaning) = term(text)?;
        self.lines.end();
        let term = self.marks.read(term, &mut aside);
        self.item(("::".to_owned(), indent), None);
        self.lines.text(&format!("{term}:"));
        Some(self.paragraph(meaning, rest))
    }

    /// An item of the list with this marker; `number` is none for a list without, and else the
    /// number that is written, if one is.
    fn item(&mut self, key: (String, usize), number: Option<Option<&str>>) {
        let style = std::mem::take(&mut self.style);
        self.tied = false;
        let at = self.lists.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.lists.push(key);
            self.counts.push(numbering(&style));
            self.lists.len() - 1
        });
        self.lists.truncate(at + 1);
        self.counts.truncate(at + 1);
        let (count, numerals) = self.counts.last_mut().map_or_else(Default::default, |counted| {
            counted.0 = counted.0.saturating_add(1);
            *counted
        });
        let marker = match number {
            None => "-".to_owned(),
            Some(None) => format!("{}.", numerals.write(count)),
            Some(Some(number)) => number.to_owned(),
        };
        self.lines.item(at, &marker, "");
    }

    /// A macro that is a block: `image::a.png[A cat]`.
    fn macro_block(&mut self, text: &str) -> Option<usize> {
        let (name, rest) = text.split_once("::")?;
        let (target, inner) = rest.split_once('[')?;
        let inner = inner.strip_suffix(']')?;
        match name {
            "image" | "video" | "audio" => {
                let words = inner.split(',').next().unwrap_or_default().trim().trim_matches('"');
                let words = if words.contains('=') { "" } else { words };
                let words = self.marks.read(words, &mut aside);
                self.lines.paragraph(&words);
            }
            "include" => self.lines.file(target),
            // What is read only where an attribute is set is read.
            "ifdef" | "ifndef" | "ifeval" | "endif" | "toc" => {
                if !inner.is_empty() && name != "ifeval" {
                    self.write(inner);
                }
            }
            _ => return None,
        }
        Some(1)
    }

    /// A row outside of a table.
    fn bare_row(&mut self, text: &str) {
        let inner = text.strip_prefix('|').unwrap_or(text);
        let inner = inner.strip_suffix('|').unwrap_or(inner);
        let cells: Vec<String> =
            inner.split('|').map(|cell| self.marks.read(cell.trim(), &mut aside)).collect();
        self.lines.row(cells);
        self.rows = true;
    }

    /// Lines up to an empty one that are kept as they are.
    fn literal(&mut self, rest: &[&str]) -> usize {
        let length = rest.iter().take_while(|line| !line.is_empty()).count();
        self.style.clear();
        self.lines.code(&lines::without_indent(rest.get(..length).unwrap_or_default()));
        length
    }

    fn running(&mut self, text: &str, rest: &[&str]) -> usize {
        self.style.clear();
        // A paragraph behind an empty line is none of a list.
        let tied = std::mem::take(&mut self.tied) || !self.boxes.is_empty();
        if !self.lines.is_open() && !tied && !self.lists.is_empty() {
            self.end_lists();
        }
        self.paragraph(text, rest)
    }

    /// Text that begins on the first of the lines and goes on below; how many lines it has.
    fn paragraph(&mut self, first: &str, rest: &[&str]) -> usize {
        let length = 1 + rest.iter().skip(1).take_while(|line| goes_on(line)).count();
        let mut text = first.to_owned();
        for line in rest.get(1..length).unwrap_or_default() {
            if let Some(broken) = text.strip_suffix(" +") {
                self.write(broken);
                self.lines.line_break();
                text.clear();
            }
            text.push(' ');
            text.push_str(line.trim());
        }
        self.write(text.strip_suffix(" +").unwrap_or(&text));
        length
    }

    fn write(&mut self, text: &str) {
        let written = self.marks.read(text, &mut |note: &str| self.lines.note(note));
        if !written.is_empty() {
            self.lines.text(&written);
        }
    }
}

/// Whether a line goes on with the paragraph above it.
fn goes_on(line: &str) -> bool {
    let text = line.trim_start();
    let sign = text.chars().next().unwrap_or(' ');
    let run = text.len() >= 4 && text.chars().all(|c| c == sign) && !sign.is_alphanumeric();
    let style = text.starts_with('[') && text.ends_with(']');
    let title = "=#".contains(sign) && text.trim_start_matches(sign).starts_with(' ')
        || sign == '.' && text.get(1..).is_some_and(|rest| !rest.starts_with(['.', ' ']));
    let begins = ["//", "```", "|", "include::", "image::", "ifdef::", "ifndef::", "endif::"];
    let begins = begins.iter().any(|begin| text.starts_with(begin));
    let alone = matches!(text, "+" | "--" | ",===" | ":===" | "!===");
    let other = run || style || title || begins || alone || attribute(line).is_some();
    !text.is_empty() && !other && !is_item(text)
}

fn is_item(text: &str) -> bool {
    let (mark, words) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let sign = mark.chars().next().unwrap_or(' ');
    let signs = mark.len() <= 5 && mark.chars().all(|c| c == sign) && "*.".contains(sign);
    let marked = (signs || mark == "-") && !words.trim().is_empty();
    let callout = mark.len() <= 5 && mark.starts_with('<') && mark.ends_with('>');
    marked || callout || lines::numbered(text).is_some() || term(text).is_some()
}

/// What was counted before the first item of a list, and how its numbers are written:
/// `[lowerroman, start=4]`.
fn numbering(style: &str) -> (u32, Numerals) {
    let start = style.split("start=").nth(1).unwrap_or_default().trim_start_matches('"');
    let digits =
        start.split(|c: char| !c.is_ascii_digit()).next().and_then(|start| start.parse().ok());
    let numerals = [
        ("loweralpha", Numerals::LowerLetter),
        ("upperalpha", Numerals::UpperLetter),
        ("lowerroman", Numerals::LowerRoman),
        ("upperroman", Numerals::UpperRoman),
    ];
    let named = numerals.into_iter().find(|(name, _)| style.contains(name));
    (digits.unwrap_or(1_u32).saturating_sub(1), named.map_or(Numerals::Decimal, |(_, one)| one))
}

/// A footnote where it cannot stand behind the text: in a heading or a cell.
fn aside(note: &str) -> String {
    format!(" ({note})")
}

/// `:name: value`; of one that is unset (`:name!:`) the value is empty.
fn attribute(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix(':')?.split_once(':')?;
    let known = |c: char| c.is_alphanumeric() || "-_!".contains(c);
    let whole = !name.is_empty() && name.chars().all(known);
    (whole && (value.is_empty() || value.starts_with(' '))).then(|| (name, value.trim()))
}

/// Whether what stands in brackets on a line of its own says something of the block below.
fn is_style(inner: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || "[#.%\"".contains(c);
    inner.is_empty() || inner.starts_with(begins) && !inner.contains("] ")
}

/// What leads in a box that is a note, a warning or the like.
fn admonition(style: &str) -> Option<&'static str> {
    let name = style.split([',', '.', '#', '%']).next().unwrap_or_default();
    Some(match name {
        "NOTE" => "Note:",
        "TIP" => "Tip:",
        "IMPORTANT" => "Important:",
        "WARNING" => "Warning:",
        "CAUTION" => "Caution:",
        _ => return None,
    })
}

/// A term and what it means: `term:: meaning`.
fn term(text: &str) -> Option<(&str, &str)> {
    let at = text.match_indices("::").map(|(at, _)| at).find(|at| {
        let after = text.get(at + 2..).unwrap_or_default().trim_start_matches(':');
        after.is_empty() || after.starts_with(' ')
    })?;
    let (term, meaning) = text.split_at_checked(at)?;
    (!term.trim().is_empty()).then(|| (term.trim(), meaning.trim_start_matches(':').trim()))
}
