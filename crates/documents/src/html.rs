//! HTML to readable text: scripts, styles and navigation go, structure stays.

use std::rc::Rc;

use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Node, NodeData, RcDom};

use crate::builder::Builder;
use crate::document::Document;
use crate::flow::Flow;

/// Elements below this depth are read as plain text, to bound the stack.
const DEPTH_MAX: usize = 600;

/// Elements that never hold text for a reader.
const SKIPPED: [&str; 17] = [
    "script", "style", "nav", "noscript", "template", "svg", "iframe", "object", "canvas",
    "select", "button", "input", "textarea", "audio", "video", "map", "dialog",
];

/// Class names and ids that mark navigation in documentation generators.
const NAVIGATION: [&str; 12] = [
    "navheader",
    "navfooter",
    "navbar",
    "navigation",
    "sidebar",
    "breadcrumb",
    "breadcrumbs",
    "toc",
    "table-of-contents",
    "headerlink",
    "skip-link",
    "related",
];

/// Class names of boxes beside the text, whose headings name the box and open no section.
const ASIDE: [&str; 8] =
    ["note", "warning", "tip", "caution", "important", "danger", "admonition", "callout"];

/// Reads an HTML page.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    write(source, builder).finish()
}

/// Reads an HTML page into a document in the making.
pub(crate) fn write(source: &str, builder: Builder) -> Builder {
    let dom = parse(source);
    let mut walk = Walk { flow: Flow::new(builder), flattened: false, boxes: 0 };
    if let Some(title) = find(&dom.document, "title") {
        walk.flow.builder.title(text_of(&title));
    }
    let root = find(&dom.document, "body").unwrap_or_else(|| Rc::clone(&dom.document));
    walk.children(&root, 0);
    if walk.flattened {
        walk.flow
            .builder
            .note(format!("elements nested deeper than {DEPTH_MAX} were read as plain text"));
    }
    walk.flow.finish()
}

/// Reads a piece of HTML within another text into `flow`.
pub(crate) fn fragment(source: &str, flow: &mut Flow) {
    let dom = parse(source);
    let inner = std::mem::replace(flow, Flow::new(Builder::default()));
    let mut walk = Walk { flow: inner, flattened: false, boxes: 0 };
    walk.children(&dom.document, 0);
    *flow = walk.flow;
}

/// Whether `text` is one tag or comment of HTML, and not, say, a generic type.
pub(crate) fn is_tag(text: &str) -> bool {
    const KNOWN: [&str; 60] = [
        "a",
        "abbr",
        "address",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "big",
        "blockquote",
        "br",
        "center",
        "cite",
        "code",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "font",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "picture",
        "pre",
        "q",
        "s",
        "samp",
        "section",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tt",
        "u",
        "ul",
    ];
    let inner = text.trim().trim_start_matches('<').trim_start_matches('/');
    let name: String = inner.chars().take_while(char::is_ascii_alphanumeric).collect();
    inner.starts_with('!')
        || KNOWN.contains(&name.to_ascii_lowercase().as_str())
        || ["td", "th", "tr", "tbody", "thead", "var", "video", "wbr"].contains(&name.as_str())
}

/// Whether `text` is a `<br>` tag.
pub(crate) fn is_line_break(text: &str) -> bool {
    let inner = text.trim_matches(['<', '>', '/', ' ']);
    inner.eq_ignore_ascii_case("br")
}

fn parse(source: &str) -> RcDom {
    let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let options = ParseOpts { tree_builder, ..ParseOpts::default() };
    parse_document(RcDom::default(), options).one(source)
}

fn name_of(node: &Node) -> &str {
    match &node.data {
        NodeData::Element { name, .. } => name.local.as_ref(),
        _ => "",
    }
}

fn attribute(node: &Node, wanted: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else { return None };
    let attrs = attrs.borrow();
    attrs.iter().find(|attr| attr.name.local.as_ref() == wanted).map(|attr| attr.value.to_string())
}

/// The first element called `name`, without recursion.
fn find(root: &Rc<Node>, name: &str) -> Option<Rc<Node>> {
    let mut open = vec![Rc::clone(root)];
    while let Some(node) = open.pop() {
        if name_of(&node) == name {
            return Some(node);
        }
        open.extend(node.children.borrow().iter().rev().cloned());
    }
    None
}

/// All text below `root`, without recursion.
fn text_of(root: &Rc<Node>) -> String {
    let mut text = String::new();
    let mut open = vec![Rc::clone(root)];
    while let Some(node) = open.pop() {
        match &node.data {
            NodeData::Text { contents } => text.push_str(&contents.borrow()),
            NodeData::Element { .. } if SKIPPED.contains(&name_of(&node)) => continue,
            NodeData::Element { .. } if name_of(&node) == "br" => text.push('\n'),
            _ => {}
        }
        open.extend(node.children.borrow().iter().rev().cloned());
    }
    text
}

fn is_skipped(node: &Node) -> bool {
    if SKIPPED.contains(&name_of(node)) || attribute(node, "hidden").is_some() {
        return true;
    }
    if attribute(node, "role").is_some_and(|role| role == "navigation") {
        return true;
    }
    has_mark(node, |mark| {
        NAVIGATION.contains(&mark) || mark.starts_with("skip-") || mark.starts_with("skipto")
    })
}

/// Whether a class name or the id of `node`, in lower case, is one that is `wanted`.
fn has_mark(node: &Node, wanted: impl Fn(&str) -> bool) -> bool {
    let marks = |name| attribute(node, name).unwrap_or_default().to_ascii_lowercase();
    let named = format!("{} {}", marks("class"), marks("id"));
    named.split_whitespace().any(wanted)
}

struct Walk {
    flow: Flow,
    flattened: bool,
    /// How many boxes beside the text enclose the present element.
    boxes: usize,
}

impl Walk {
    fn children(&mut self, node: &Rc<Node>, depth: usize) {
        for child in node.children.borrow().iter() {
            self.node(child, depth + 1);
        }
    }

    fn node(&mut self, node: &Rc<Node>, depth: usize) {
        match &node.data {
            NodeData::Text { contents } => self.flow.text(&contents.borrow()),
            NodeData::Element { .. } if is_skipped(node) => {}
            NodeData::Element { .. } if depth > DEPTH_MAX => {
                self.flattened = true;
                self.flow.text(&text_of(node));
            }
            NodeData::Element { .. } => self.element(node, depth),
            NodeData::Document => self.children(node, depth),
            _ => {}
        }
    }

    fn element(&mut self, node: &Rc<Node>, depth: usize) {
        let name = name_of(node);
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flow.close();
                self.children(node, depth);
                let level = name.bytes().last().map_or(1, |digit| digit - b'0');
                if self.boxes == 0 { self.flow.close_heading(level) } else { self.flow.close() }
            }
            "pre" | "listing" | "xmp" => self.flow.code(&text_of(node)),
            "br" => self.flow.line_break(),
            "img" => self.flow.text(&attribute(node, "alt").unwrap_or_default()),
            "ul" | "menu" => self.list(node, None, depth),
            "ol" => self.list(node, Some(first_number(node)), depth),
            "li" => {
                self.flow.open_item();
                self.children(node, depth);
                self.flow.close();
            }
            "tr" => {
                self.flow.open_row();
                self.children(node, depth);
                self.flow.close_row();
            }
            "td" | "th" => {
                self.children(node, depth);
                self.flow.close_cell();
            }
            "q" => {
                self.flow.text("\u{201c}");
                self.children(node, depth);
                self.flow.text("\u{201d}");
            }
            name if is_block(name) => {
                let boxed = usize::from(has_mark(node, |mark| ASIDE.contains(&mark)));
                self.boxes += boxed;
                self.flow.close();
                self.children(node, depth);
                self.flow.close();
                self.boxes -= boxed;
            }
            _ => self.children(node, depth),
        }
    }

    fn list(&mut self, node: &Rc<Node>, first: Option<u64>, depth: usize) {
        self.flow.open_list(first);
        self.children(node, depth);
        self.flow.close_list();
    }
}

fn first_number(node: &Node) -> u64 {
    attribute(node, "start").and_then(|start| start.parse().ok()).unwrap_or(1)
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "main"
            | "header"
            | "footer"
            | "aside"
            | "blockquote"
            | "figure"
            | "figcaption"
            | "address"
            | "dl"
            | "dt"
            | "dd"
            | "table"
            | "caption"
            | "thead"
            | "tbody"
            | "tfoot"
            | "details"
            | "summary"
            | "fieldset"
            | "legend"
            | "form"
            | "hr"
            | "hgroup"
            | "center"
            | "body"
            | "html"
            | "head"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::BlockKind;

    fn document(source: &str) -> Document {
        read(source, Builder::new("text/html"))
    }

    #[test]
    fn structure_stays_and_chrome_goes() {
        let page = "<!doctype html><html><head><title>The  page</title><style>x{}</style></head><body>\
            <nav>menu</nav><div class=\"navheader\">prev next</div><h1>Head<a class='headerlink'>¶</a></h1>\
            <div class=Note><h3>Note</h3><p>Mind it.</div><p>One <em>two</em>&nbsp;three<br>four.</p><ul><li>a<li>b<ol start=3><li>c</ol></ul>\
            <table><tr><th>K</th><th>V</th></tr><tr><td>1</td><td><p>x</p><p>y</p></td></tr></table>\
            <pre class=programlisting>SELECT *\n  FROM <em>t</em>;</pre><script>bad()</script></body></html>";
        let document = document(page);
        assert_eq!(
            document.text,
            "Head\n\nNote\n\nMind it.\n\nOne two three\nfour.\n\n- a\n- b\n  3. c\n\n| K | V |\n| 1 | x y |\n\nSELECT *\n  FROM t;"
        );
        assert_eq!(document.title.as_deref(), Some("The page"));
        assert_eq!(document.headings.len(), 1);
        assert_eq!(document.blocks.last().map(|b| b.kind), Some(BlockKind::Code));
    }

    #[test]
    fn deep_nesting_does_not_end_the_program() {
        let page = format!("{}deep{}", "<div>".repeat(50_000), "</div>".repeat(50_000));
        let document = std::thread::Builder::new()
            .stack_size(crate::parse::STACK_BYTES)
            .spawn(move || document(&page))
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(document.text, "deep");
        assert_eq!(document.notes.len(), 1);
    }

    #[test]
    fn tags_and_generics_are_told_apart() {
        assert!(
            is_tag("<br/>") && is_tag("</span>") && is_tag("<!-- x -->") && is_line_break("<br />")
        );
        assert!(!is_tag("<T>") && !is_tag("<String, u8>"));
    }
}
