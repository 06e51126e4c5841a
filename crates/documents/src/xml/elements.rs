//! XML files: articles, patents, books and texts by what they are; of any other the text under the
//! names of its elements, a line each. Scripts and other texts whose lines are meant keep them.

mod lines;
#[cfg(test)]
mod tests;

use crate::document::{BlockKind, Document};
use crate::html;
use crate::text::plain::{self, Style};
use crate::write::{Builder, Flow};
use crate::xml::{self, Attributes, Piece, Token, articles, books, patents, texts};

/// Spaces before a line for each element around it, and how many elements count.
const INDENT: usize = 2;
const INDENTED_MAX: usize = 20;
/// A text of more bytes is a paragraph of its own.
const LINE_BYTES_MAX: usize = 300;
/// Names of elements that say no more than that they hold text.
const PLAIN: [&str; 9] =
    ["p", "para", "paragraph", "content", "text", "simpara", "seg", "block", "value"];
/// Names of elements that hold a listing, in which further elements only mark words.
const LISTINGS: [&str; 8] = [
    "code",
    "codeblock",
    "listing",
    "literallayout",
    "pre",
    "programlisting",
    "screen",
    "verbatim",
];
/// Names of elements that hold a script, whose further elements are a part of it.
const SCRIPTS: [&str; 4] = ["command", "query", "script", "sql"];
/// Names of elements that only pages have, or hardly anything else.
const PAGES: [&str; 40] = [
    "a",
    "abbr",
    "b",
    "big",
    "blockquote",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "html",
    "i",
    "img",
    "li",
    "nav",
    "ol",
    "p",
    "pre",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "tbody",
    "td",
    "th",
    "tr",
    "u",
    "ul",
];
/// Start tags of a text that are looked at to tell whether it is a page.
const TAGS_MAX: usize = 200;

/// Reads an XML file.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let root = root(source);
    if patents::is_patent(root) {
        return patents::read(source, builder);
    }
    if articles::is_article(source) {
        return articles::read(source, builder);
    }
    if books::is_book(root, source) {
        return books::read(source, builder);
    }
    if texts::is_text(xml::local(root)) {
        return texts::read(source, builder);
    }
    if root.eq_ignore_ascii_case("html") {
        return html::read(source, builder);
    }
    match mixed(source) {
        Some(mixed) => outline(source, &mixed, builder),
        None => plain::read(source, Style::Code, builder),
    }
}

/// The name of the first element.
fn root(source: &str) -> &str {
    let mut rest = source;
    loop {
        let Some((_, from)) = rest.split_once('<') else { return "" };
        let end = match from {
            _ if from.starts_with("!--") => "-->",
            _ if from.starts_with('?') => "?>",
            // A document type may declare entities, in brackets.
            _ if from.starts_with('!') => match from.find(['[', '>']) {
                Some(at) if from.get(at..).is_some_and(|rest| rest.starts_with('[')) => "]",
                _ => ">",
            },
            _ => {
                let end = from.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
                return from.get(..end.unwrap_or(from.len())).unwrap_or_default();
            }
        };
        let Some((_, after)) = from.split_once(end) else { return "" };
        rest = after;
    }
}

/// Of each element, in order, whether it has both words and elements; none where it is no XML.
fn mixed(source: &str) -> Option<Vec<bool>> {
    struct Open {
        at: usize,
        text: bool,
        elements: bool,
    }
    let mut found: Vec<bool> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let whole = xml::walk(source, |token| match token {
        Token::Open(..) => {
            if let Some(around) = open.last_mut() {
                around.elements = true;
            }
            open.push(Open { at: found.len(), text: false, elements: false });
            found.push(false);
        }
        Token::Close(_) => {
            if let Some(closed) = open.pop()
                && let Some(mixed) = found.get_mut(closed.at)
            {
                *mixed = closed.text && closed.elements;
            }
        }
        Token::Text(text) => {
            if let Some(around) = open.last_mut() {
                around.text |= text.contains(char::is_alphanumeric);
            }
        }
    });
    (whole && !found.is_empty()).then_some(found)
}

fn outline(source: &str, mixed: &[bool], builder: Builder) -> Document {
    let (lines, open) = Default::default();
    let mut outline = Outline { source, builder, lines, open, seen: 0, within: None, at: 0 };
    xml::walk_pieces(source, |piece, end| {
        outline.piece(piece, end, mixed);
        outline.at = end;
    });
    outline.end_lines();
    outline.builder.finish()
}

/// An element around the present text.
struct Element {
    /// Its name and attributes.
    head: String,
    holds: Holds,
    /// Whether the file says that the white space in it is meant.
    preserved: bool,
    /// Where it mixes text with elements, the byte of the source at which what it holds begins.
    mixed: Option<usize>,
    text: String,
    /// Whether a CDATA section of several lines is in it.
    section: bool,
    /// Whether it was written, as it has elements in it.
    written: bool,
}

/// What an element holds by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Listing,
    Script,
}

impl Holds {
    fn of(name: &str) -> Self {
        let is_in = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match () {
            () if is_in(&LISTINGS) => Self::Listing,
            () if is_in(&SCRIPTS) => Self::Script,
            () => Self::Text,
        }
    }
}

/// How the text of an element is written.
enum Form<'a> {
    /// A page, with its tags as text.
    Page,
    /// These lines.
    Lines(&'a str),
    /// In one line, or in a paragraph.
    Line,
}

struct Outline<'s> {
    source: &'s str,
    builder: Builder,
    /// Lines that are not yet a block.
    lines: String,
    open: Vec<Element>,
    /// Elements seen so far.
    seen: usize,
    /// Within an element that mixes text with elements, how many of these are around the text.
    within: Option<usize>,
    /// The byte of the source at which the present piece begins.
    at: usize,
}

impl Outline<'_> {
    /// Takes the piece that ends at the byte `end`.
    fn piece(&mut self, piece: Piece<'_>, end: usize, mixed: &[bool]) {
        match piece {
            Piece::Token(Token::Open(name, attributes)) => {
                let mixes = mixed.get(self.seen) == Some(&true);
                self.seen += 1;
                match &mut self.within {
                    Some(depth) => *depth += 1,
                    None => self.start(name, attributes, mixes.then_some(end)),
                }
            }
            Piece::Token(Token::Close(_)) => match &mut self.within {
                Some(depth) if *depth > 0 => *depth -= 1,
                _ => {
                    self.within = None;
                    self.end();
                }
            },
            Piece::Token(Token::Text(text)) => {
                if let Some(element) = self.open.last_mut() {
                    element.text.push_str(text);
                }
            }
            Piece::CData(text) => {
                if let Some(element) = self.open.last_mut() {
                    // What is only blank before it is layout.
                    if element.text.trim().is_empty() {
                        element.text.clear();
                    }
                    element.text.push_str(text);
                    element.section |= lines::count(text) > 1;
                }
            }
            Piece::Comment(text) if self.within.is_none() => self.comment(text),
            Piece::Comment(_) => {}
        }
    }

    fn start(&mut self, name: &str, attributes: &Attributes, mixed: Option<usize>) {
        self.write_heads();
        let mut head = name.to_owned();
        for (name, value) in attributes.sorted() {
            if name != "xmlns" && !name.starts_with("xmlns:") {
                head += &format!(" {name}=\"{value}\"");
            }
        }
        let preserved = match attributes.find("xml:space") {
            Some(space) => space == "preserve",
            None => self.open.last().is_some_and(|around| around.preserved),
        };
        let (holds, text) = (Holds::of(xml::local(name)), String::new());
        let (section, written) = (false, false);
        self.open.push(Element { head, holds, preserved, mixed, text, section, written });
        if mixed.is_some() {
            self.within = Some(0);
        }
    }

    /// Writes the elements around what begins.
    fn write_heads(&mut self) {
        let depth = self.open.len();
        let Some(last) = self.open.last_mut().filter(|last| !last.written) else { return };
        last.written = true;
        let head = last.head.clone();
        // An element below the outermost that holds others is a block.
        if depth == 2 {
            self.end_lines();
        }
        self.line(depth - 1, &head);
    }

    fn line(&mut self, depth: usize, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push('\n');
        }
        if !text.is_empty() {
            self.lines.extend(std::iter::repeat_n(' ', INDENT * depth.min(INDENTED_MAX)));
            self.lines.push_str(text);
        }
    }

    fn end_lines(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.builder.block(BlockKind::Code, &lines);
    }

    fn comment(&mut self, text: &str) {
        self.write_heads();
        let depth = self.open.len();
        if lines::are_meant(text) {
            for line in lines::outdented(text) {
                self.line(depth, format!("# {line}").trim_end());
            }
            return;
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let marked = format!("# {text}");
        if text.len() <= LINE_BYTES_MAX {
            return self.line(depth, marked.trim_end());
        }
        self.end_lines();
        self.builder.block(BlockKind::Paragraph, &marked);
    }

    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        let depth = self.open.len();
        if element.text.trim().is_empty() {
            if !element.written {
                self.line(depth, &element.head);
            } else if depth == 1 {
                self.end_lines();
            }
            return;
        }
        match form(&element, self.source.get(..self.at).unwrap_or_default()) {
            Form::Page => self.page(depth, &element),
            Form::Lines(text) => self.script(depth, &element, text),
            Form::Line => self.words(depth, &element),
        }
    }

    fn page(&mut self, depth: usize, element: &Element) {
        if !element.written {
            self.line(depth, &element.head);
        }
        self.end_lines();
        let mut flow = Flow::new(std::mem::take(&mut self.builder));
        html::fragment(element.text.trim(), &mut flow);
        self.builder = flow.finish();
    }

    /// Writes text with its lines. Below the outermost element it is a block.
    fn script(&mut self, depth: usize, element: &Element, text: &str) {
        if !element.written {
            if depth == 1 {
                self.end_lines();
            }
            self.line(depth, &format!("{}:", element.head));
        }
        for line in lines::outdented(text) {
            self.line(depth + 1, line);
        }
        if depth == 1 {
            self.end_lines();
        }
    }

    fn words(&mut self, depth: usize, element: &Element) {
        let text = element.text.split_whitespace().collect::<Vec<_>>().join(" ");
        // The name of one with a comment or an element in it stands above.
        let lead = match element.written {
            true => " ".repeat(INDENT),
            false => format!("{}: ", element.head),
        };
        if text.len() <= LINE_BYTES_MAX {
            return self.line(depth, &format!("{lead}{text}"));
        }
        self.end_lines();
        let bare = element.written || PLAIN.contains(&element.head.as_str());
        let lead = if bare { "" } else { lead.as_str() };
        self.builder.block(BlockKind::Paragraph, &format!("{lead}{text}"));
    }
}

/// How the text of an element that ends where `source` ends is written.
fn form<'a>(element: &'a Element, source: &'a str) -> Form<'a> {
    let text = element.text.trim();
    let several = lines::count(text) > 1;
    let tags = text.starts_with('<') && text.contains("</");
    if tags && element.holds == Holds::Text && is_page(text) {
        return Form::Page;
    }
    let listing = element.holds == Holds::Listing || element.preserved;
    let told = listing || element.holds == Holds::Script || element.section;
    let markup = element.mixed.and_then(|from| source.get(from..));
    match markup.filter(|_| !listing) {
        // What has elements among its lines is not to be understood without their attributes.
        Some(markup) if told && lines::count(markup) > 1 || is_script(markup, text) => {
            Form::Lines(markup)
        }
        None if several && (told || lines::are_meant(&element.text)) => Form::Lines(&element.text),
        _ => Form::Line,
    }
}

/// Whether a text with tags in it is a page, and not other markup: it says so, or its elements are
/// mostly those of pages. Many names of HTML are common elsewhere too, such as `summary` or `time`.
fn is_page(text: &str) -> bool {
    let mut text = text.trim_start();
    while let Some(comment) = text.strip_prefix("<!--") {
        text = comment.split_once("-->").map_or("", |(_, behind)| behind.trim_start());
    }
    if let Some(kind) = text.strip_prefix("<!") {
        return kind.to_ascii_lowercase().starts_with("doctype html");
    }
    let names = text.split('<').skip(1).filter_map(|tag| {
        let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
        tag.get(..end.unwrap_or(tag.len())).filter(|name| name.starts_with(char::is_alphabetic))
    });
    let (mut seen, mut known) = (0, 0);
    for name in names.take(TAGS_MAX) {
        seen += 1;
        known += usize::from(PAGES.iter().any(|page| page.eq_ignore_ascii_case(name)));
    }
    known > 0 && known * 2 >= seen
}

/// Whether text with elements in it is a script: as its words are, and either long enough to be
/// sure, or with elements that stand in lines of their own.
fn is_script(markup: &str, text: &str) -> bool {
    let tagged = || markup.lines().map(str::trim).filter(|line| line.contains('<'));
    let apart = || tagged().filter(|line| line.starts_with('<')).count() * 2 >= tagged().count();
    lines::is_script(text) && (lines::count(text) > 2 || apart())
}
