//! XML files: articles and patents by what they are; of any other the text under the names of its
//! elements, a line each.

use crate::articles;
use crate::builder::Builder;
use crate::document::{BlockKind, Document};
use crate::flow::Flow;
use crate::html;
use crate::patents;
use crate::plain::{self, Style};
use crate::xml::{self, Attributes, Token};

/// Spaces before a line for each element around it, and how many elements count.
const INDENT: usize = 2;
const INDENTED_MAX: usize = 20;
/// A text of more bytes is a paragraph of its own.
const LINE_BYTES_MAX: usize = 300;
/// Names of elements that say no more than that they hold text.
const PLAIN: [&str; 9] =
    ["p", "para", "paragraph", "content", "text", "simpara", "seg", "block", "value"];

/// Reads an XML file.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let root = root(source);
    if patents::is_patent(root) {
        return patents::read(source, builder);
    }
    if articles::is_article(source) {
        return articles::read(source, builder);
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
    let whole = xml::walk_all(source, |token| match token {
        Token::Open(name, _) => {
            if let Some(around) = open.last_mut() {
                around.elements |= name != xml::COMMENT;
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
    let mut outline = Outline { builder, lines, open, seen: 0, prose: None, comment: false };
    xml::walk_all(source, |token| outline.token(token, mixed));
    outline.end_lines();
    outline.builder.finish()
}

/// An element around the present text.
struct Element {
    /// Its name and attributes.
    head: String,
    text: String,
    /// Whether it was written, as it has elements in it.
    written: bool,
}

struct Outline {
    builder: Builder,
    /// Lines that are not yet a block.
    lines: String,
    open: Vec<Element>,
    /// Elements seen so far.
    seen: usize,
    /// How many elements are around the text of an element that mixes text with elements.
    prose: Option<usize>,
    /// Whether the text is a comment among such text.
    comment: bool,
}

impl Outline {
    fn token(&mut self, token: Token<'_>, mixed: &[bool]) {
        match token {
            Token::Open(name, attributes) => {
                let mixes = mixed.get(self.seen) == Some(&true);
                self.seen += 1;
                match &mut self.prose {
                    Some(depth) => {
                        *depth += 1;
                        self.comment = name == xml::COMMENT;
                    }
                    None => self.start(name, attributes, mixes),
                }
            }
            Token::Close(_) => match &mut self.prose {
                Some(depth) if *depth > 0 => {
                    *depth -= 1;
                    self.comment = false;
                }
                _ => {
                    self.prose = None;
                    self.end();
                }
            },
            Token::Text(text) => {
                if let Some(element) = self.open.last_mut().filter(|_| !self.comment) {
                    element.text.push_str(text);
                }
            }
        }
    }

    fn start(&mut self, name: &str, attributes: &Attributes, mixes: bool) {
        self.write_heads();
        let name = if name == xml::COMMENT { "#" } else { name };
        let mut head = name.to_owned();
        for (name, value) in attributes.sorted() {
            if name != "xmlns" && !name.starts_with("xmlns:") {
                head += &format!(" {name}=\"{value}\"");
            }
        }
        self.open.push(Element { head, text: String::new(), written: false });
        if mixes {
            self.prose = Some(0);
        }
    }

    /// Writes the elements around the one that begins.
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
        self.lines.extend(std::iter::repeat_n(' ', INDENT * depth.min(INDENTED_MAX)));
        self.lines.push_str(text);
    }

    fn end_lines(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.builder.block(BlockKind::Code, &lines);
    }

    fn end(&mut self) {
        let Some(Element { head, text, written }) = self.open.pop() else { return };
        let depth = self.open.len();
        let text = text.trim();
        if text.is_empty() {
            if !written {
                self.line(depth, &head);
            } else if depth == 1 {
                self.end_lines();
            }
            return;
        }
        if text.starts_with('<') && text.contains("</") {
            // A page within an element, with its tags as text.
            if !written {
                self.line(depth, &head);
            }
            self.end_lines();
            let mut flow = Flow::new(std::mem::take(&mut self.builder));
            html::fragment(text, &mut flow);
            self.builder = flow.finish();
            return;
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lead = match head.as_str() {
            "#" => "# ".to_owned(),
            // Its name stands above a comment or an element in it.
            _ if written => " ".repeat(INDENT),
            head => format!("{head}: "),
        };
        if text.len() <= LINE_BYTES_MAX {
            return self.line(depth, &format!("{lead}{text}"));
        }
        self.end_lines();
        let bare = written || PLAIN.contains(&head.as_str());
        let lead = if bare { "" } else { lead.as_str() };
        self.builder.block(BlockKind::Paragraph, &format!("{lead}{text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str) -> String {
        read(source, Builder::default()).text
    }

    #[test]
    fn elements_are_lines_below_those_around_them() {
        let source = "<?xml version='1.0'?><!-- On top --><book xmlns='u' xmlns:x='v'>\n <!-- all of it -->\n <x:c id='2' a='b c'><name>France</name><seat>\n Paris </seat><void/></x:c><d>1</d><e>2</e><c><p>It <b>is</b> so.</p></c>\n</book>";
        assert_eq!(
            text(source),
            "# On top\nbook\n  # all of it\n\n  x:c a=\"b c\" id=\"2\"\n    name: France\n    seat: Paris\n    void\n\n  d: 1\n  e: 2\n\n  c\n    p: It is so."
        );
        let commented = "<a>; <b>One <!-- two --> three<i/> four</b><c>five <!-- six --></c></a>";
        assert_eq!(text(commented), "a\n  b: One three four\n\n  c\n    # six\n    five\n  ;");
        let long = "word ".repeat(80);
        let source = format!(
            "<a><p>{long}</p><note>{long}</note><q>&lt;p&gt;One&lt;/p&gt;&lt;p&gt;Two&lt;/p&gt;</q></a>"
        );
        let document = read(&source, Builder::default());
        let long = long.trim();
        assert_eq!(document.text, format!("a\n\n{long}\n\nnote: {long}\n\n  q\n\nOne\n\nTwo"));
        let kinds: Vec<_> = document.blocks.iter().map(|block| block.kind).collect();
        use BlockKind::{Code, Paragraph};
        assert_eq!(kinds, [Code, Paragraph, Paragraph, Code, Paragraph, Paragraph]);
    }

    #[test]
    fn the_outermost_element_says_what_it_is() {
        assert_eq!(
            root("<!DOCTYPE a [<!ENTITY b '<c>'>]>\n<?x <y>?><!-- <d> --><e:f g='h'>"),
            "e:f"
        );
        assert_eq!((root("<a/>"), root("none"), root("<!-- ")), ("a", "", ""));
        assert_eq!(text("<html><body><p>One<p>Two</body></html>"), "One\n\nTwo");
        let broken = "<a>\n  <b>\n</a>";
        assert_eq!(text(broken), broken);
        let article = "<article><front><article-meta><title-group><article-title>T</article-title></title-group></article-meta></front></article>";
        assert_eq!(text(article), "T");
        let patent = "<us-patent-grant><abstract><p>x</p></abstract></us-patent-grant>";
        assert_eq!(text(patent), "Abstract\n\nx");
    }
}
