//! HTML to readable text: scripts, styles and navigation go, structure stays.

use std::borrow::Cow;
use std::rc::Rc;

use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Node, NodeData, RcDom};

use crate::document::Document;
use crate::write::{Builder, Flow};
pub(crate) use contents::contents;
use left_out::Reason;
use numbers::List;
use opened::Opened;
pub(crate) use table::Grid;
pub(crate) use tags::{is_line_break, is_tag};

mod contents;
mod layout;
mod left_out;
mod margin;
mod math;
mod numbers;
mod opened;
mod raised;
mod table;
mod tags;
mod xhtml;

/// Elements below this depth are read as plain text, to bound the stack.
const DEPTH_MAX: usize = 600;
/// Empty cells that the spans of a page's tables may ask for.
const EMPTY_CELLS_MAX: usize = 200_000;
/// More text than this that a page does not show is spoken of in the notes, in letters and digits.
const HIDDEN_CHARS_MAX: usize = 100;

/// Less text than this for browsers without scripts is a word on them, in letters and digits.
const NOSCRIPT_LETTERS_MIN: usize = 300;

/// Class names of boxes beside the text, whose headings name the box and open no section.
const ASIDE: [&str; 8] =
    ["note", "warning", "tip", "caution", "important", "danger", "admonition", "callout"];

/// The lines of text in the picture that a page names so.
pub(crate) type Pictures<'a> = &'a mut dyn FnMut(&str) -> Vec<String>;

/// Reads an HTML page.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    write(source, builder).finish()
}

/// Reads an HTML page into a document in the making.
pub(crate) fn write(source: &str, builder: Builder) -> Builder {
    let source = match xhtml::is_xhtml(source) {
        true => Cow::Owned(xhtml::to_html(source)),
        false => Cow::Borrowed(source),
    };
    page(&source, builder, None)
}

/// Reads a chapter of a book, which is XHTML whatever it says of itself.
pub(crate) fn chapter(source: &str, pictures: Pictures<'_>) -> Document {
    page(&xhtml::to_html(source), Builder::default(), Some(pictures)).finish()
}

fn page(source: &str, builder: Builder, pictures: Option<Pictures<'_>>) -> Builder {
    let dom = parse(source);
    let mut walk = Walk::new(&dom, Flow::new(builder), pictures);
    if let Some(title) = find(&dom.document, "title") {
        walk.flow.builder.title(text_of(&title));
    }
    let root = find(&dom.document, "body").unwrap_or_else(|| Rc::clone(&dom.document));
    walk.children(&root, 0);
    walk.finish().finish()
}

/// Reads a piece of HTML within another text into `flow`.
pub(crate) fn fragment(source: &str, flow: &mut Flow) {
    let dom = parse(source);
    let inner = std::mem::replace(flow, Flow::new(Builder::default()));
    let mut walk = Walk::new(&dom, inner, None);
    walk.children(&dom.document, 0);
    *flow = walk.finish();
}

fn parse(source: &str) -> RcDom {
    // As browsers do, which show no `noscript`: one that is not closed does not swallow the page.
    let tree_builder = TreeBuilderOpts { scripting_enabled: true, ..TreeBuilderOpts::default() };
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

/// The text of a node that is but text.
fn own_text(node: &Node) -> Option<String> {
    match &node.data {
        NodeData::Text { contents } => Some(contents.borrow().to_string()),
        _ => None,
    }
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
            NodeData::Element { .. } if left_out::is_skipped(name_of(&node)) => continue,
            NodeData::Element { .. } if name_of(&node) == "button" => continue,
            NodeData::Element { .. } if name_of(&node) == "br" => text.push('\n'),
            _ => {}
        }
        open.extend(node.children.borrow().iter().rev().cloned());
    }
    text
}

/// Whether a class name or the id of `node`, in lower case, is one that is `wanted`.
fn has_mark(node: &Node, wanted: impl Fn(&str) -> bool) -> bool {
    left_out::marks(node).iter().any(|mark| wanted(mark))
}

/// The value of a property in the style of `node` itself, in lower case.
fn styled(node: &Node, property: &str) -> Option<String> {
    let style = attribute(node, "style")?.to_ascii_lowercase();
    let mut set = style.split(';').filter_map(|one| one.split_once(':'));
    let (_, value) = set.rfind(|(name, _)| name.trim() == property)?;
    Some(value.trim().trim_end_matches("!important").trim_end().to_owned())
}

struct Walk<'a> {
    flow: Flow,
    flattened: bool,
    /// How many boxes beside the text enclose the present element.
    boxes: usize,
    /// How many headings enclose it that have no words but those of buttons.
    labels: usize,
    /// How many table rows enclose it.
    rows: usize,
    /// Where the cells of the outermost table with data stand.
    grid: Grid,
    empty_cells: usize,
    /// Whether the innermost table outside of such a row only places things.
    layout: bool,
    /// The lists around the present element.
    lists: Vec<List>,
    opened: Opened,
    /// Letters and digits of the text that styles hide and that was left out.
    hidden: usize,
    /// Names of lists of links that were left out.
    links: Vec<String>,
    /// Whether a notice on cookies was left out.
    cookies: bool,
    /// The name of the margin of the page around the present element, and how many articles and
    /// main parts enclose it.
    margin: Option<String>,
    texts: usize,
    /// Whether it is shown only without scripts.
    noscript: bool,
    pictures: Option<Pictures<'a>>,
}

impl<'a> Walk<'a> {
    fn new(dom: &RcDom, flow: Flow, pictures: Option<Pictures<'a>>) -> Self {
        Self {
            flow,
            flattened: false,
            boxes: 0,
            labels: 0,
            rows: 0,
            grid: Grid::default(),
            empty_cells: 0,
            layout: false,
            lists: Vec::new(),
            opened: Opened::of(&dom.document),
            hidden: 0,
            links: Vec::new(),
            cookies: false,
            margin: None,
            texts: 0,
            noscript: false,
            pictures,
        }
    }

    /// What was written, with notes on what was not.
    fn finish(mut self) -> Flow {
        let builder = &mut self.flow.builder;
        if self.flattened {
            builder
                .note(format!("elements nested deeper than {DEPTH_MAX} were read as plain text"));
        }
        if self.empty_cells > EMPTY_CELLS_MAX {
            builder.note("cells of tables span so much that not all stand under their columns");
        }
        if self.hidden > HIDDEN_CHARS_MAX {
            builder.note("text that the page does not show was left out");
        }
        if self.cookies {
            builder.note("a notice on cookies was left out");
        }
        if !self.links.is_empty() {
            let names = self.links.join("', '");
            builder.note(format!("lists of links were left out as navigation: '{names}'"));
        }
        self.flow
    }

    fn children(&mut self, node: &Rc<Node>, depth: usize) {
        for child in node.children.borrow().iter() {
            self.node(child, depth + 1);
        }
    }

    fn node(&mut self, node: &Rc<Node>, depth: usize) {
        match &node.data {
            NodeData::Text { contents } => self.flow.text(&contents.borrow()),
            NodeData::Element { .. } if name_of(node) == "noscript" => self.noscript(node, depth),
            NodeData::Element { .. } if self.leaves_out(node) => {}
            NodeData::Element { .. } if depth > DEPTH_MAX => {
                self.flattened = true;
                self.flow.text(&text_of(node));
            }
            NodeData::Element { .. } => self.placed(node, depth),
            NodeData::Document => self.children(node, depth),
            _ => {}
        }
    }

    fn leaves_out(&mut self, node: &Rc<Node>) -> bool {
        let name = name_of(node);
        if name == "button" {
            let opens = left_out::opens_content(node) || self.opened.is_control(node);
            return self.labels == 0 && !opens;
        }
        if name == "svg" && self.pictures.is_some() {
            self.drawing(node);
        }
        let reason = left_out::reason(node, &self.opened);
        match reason {
            Some(Reason::Links(mark)) => self.links_left_out(mark),
            Some(Reason::Hidden(chars)) => self.hidden += chars,
            Some(Reason::Cookies) => self.cookies = true,
            Some(_) => {}
            None => return false,
        }
        true
    }

    fn links_left_out(&mut self, name: String) {
        if !self.links.contains(&name) {
            self.links.push(name);
        }
    }

    /// What a page shows without scripts, if that is more than the rest of it.
    fn noscript(&mut self, node: &Rc<Node>, depth: usize) {
        let children = node.children.borrow();
        let source: String = children.iter().filter_map(|child| own_text(child)).collect();
        if self.noscript || left_out::is_hidden(node, &self.opened) {
            return;
        }
        let dom = parse(&source);
        let letters = left_out::letters_of(&dom.document);
        if letters > NOSCRIPT_LETTERS_MIN && self.opened.is_all(letters) {
            self.noscript = true;
            self.children(&dom.document, depth);
            self.noscript = false;
        }
    }

    /// An element, unless it is a list of links in a margin of the page.
    fn placed(&mut self, node: &Rc<Node>, depth: usize) {
        let own = match self.margin {
            Some(_) => None,
            None => margin::name(node, self.texts > 0)
                .filter(|_| !self.opened.is_half(left_out::letters_of(node))),
        };
        let around = own.as_ref().or(self.margin.as_ref());
        if let Some(name) = around.filter(|_| margin::is_list(node)).cloned() {
            return self.links_left_out(name);
        }
        let text = usize::from(matches!(name_of(node), "article" | "main"));
        let opens = own.is_some();
        if opens {
            self.margin = own;
        }
        self.texts += text;
        self.element(node, depth);
        self.texts -= text;
        if opens {
            self.margin = None;
        }
    }

    fn element(&mut self, node: &Rc<Node>, depth: usize) {
        let name = name_of(node);
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flow.close();
                self.label(node, depth);
                let level = name.bytes().last().map_or(1, |digit| digit - b'0');
                if self.boxes == 0 { self.flow.close_heading(level) } else { self.flow.close() }
            }
            "pre" | "listing" | "xmp" => self.flow.code(&text_of(node)),
            "br" => self.flow.line_break(),
            "img" => self.picture(node),
            "math" => self.formula(node),
            "button" if self.labels > 0 => self.children(node, depth),
            "button" => self.block(node, depth),
            "ul" | "menu" | "ol" => self.list(node, depth),
            "li" => self.item(node, depth),
            "table" => self.table(node, depth),
            "thead" | "tbody" | "tfoot" => {
                if self.rows == 0 {
                    self.grid.end_group();
                }
                self.block(node, depth);
            }
            "tr" if self.rows == 0 && self.stands_apart(node) => self.block(node, depth),
            "tr" => self.row(node, depth),
            "td" | "th" if self.rows == 0 => self.block(node, depth),
            "td" | "th" => self.cell(node, depth),
            "q" => {
                self.flow.text("\u{201c}");
                self.children(node, depth);
                self.flow.text("\u{201d}");
            }
            "sup" | "span" | "font" if raised::is_raised(node) => self.raised(node, depth),
            "summary" | "dt" => {
                self.flow.close();
                self.label(node, depth);
                self.flow.close();
            }
            name if is_block(name) => {
                let boxed = usize::from(has_mark(node, |mark| ASIDE.contains(&mark)));
                self.boxes += boxed;
                self.block(node, depth);
                self.boxes -= boxed;
            }
            _ => self.children(node, depth),
        }
    }

    fn block(&mut self, node: &Rc<Node>, depth: usize) {
        self.flow.close();
        self.children(node, depth);
        self.flow.close();
    }

    /// The content of a heading; where it is but a button, the button's words are the heading.
    fn label(&mut self, node: &Rc<Node>, depth: usize) {
        let bare = usize::from(text_of(node).trim().is_empty());
        self.labels += bare;
        self.children(node, depth);
        self.labels -= bare;
    }

    fn formula(&mut self, node: &Rc<Node>) {
        let block = attribute(node, "display").is_some_and(|value| value == "block");
        if block {
            self.flow.close();
        }
        self.flow.text(&math::line(node));
        if block {
            self.flow.close();
        }
    }

    /// What stands raised; the mark of a note in brackets, so that it is no part of a word.
    fn raised(&mut self, node: &Rc<Node>, depth: usize) {
        let text = text_of(node);
        match raised::mark(node) {
            Some(mark) => self.flow.text(&format!("[{mark}]")),
            None if text.contains(|c: char| c.is_ascii_digit()) => self.flow.raised(&text),
            None => self.children(node, depth),
        }
    }

    fn list(&mut self, node: &Rc<Node>, depth: usize) {
        self.lists.push(List::of(node));
        self.flow.open_list(None);
        self.children(node, depth);
        self.flow.close_list();
        self.lists.pop();
    }

    fn item(&mut self, node: &Rc<Node>, depth: usize) {
        let marker = self.lists.last_mut().map_or_else(numbers::bullet, |list| list.marker(node));
        self.flow.open_marked(Some(marker));
        self.children(node, depth);
        self.flow.close();
    }

    fn table(&mut self, node: &Rc<Node>, depth: usize) {
        if self.rows > 0 {
            return self.block(node, depth);
        }
        let grid = std::mem::take(&mut self.grid);
        let layout = std::mem::replace(&mut self.layout, layout::is_layout(node, &self.opened));
        self.block(node, depth);
        self.grid = grid;
        self.layout = layout;
    }

    /// Whether the cells of a row are blocks of their own and no row of a table.
    fn stands_apart(&self, row: &Rc<Node>) -> bool {
        if self.layout {
            return !layout::is_row(row, &self.opened);
        }
        layout::is_apart(row, !self.grid.has_columns(), &self.opened)
    }

    fn row(&mut self, node: &Rc<Node>, depth: usize) {
        self.flow.open_row();
        self.rows += 1;
        if self.rows == 1 {
            let children = node.children.borrow();
            let cells = children.iter().filter(|child| matches!(name_of(child), "td" | "th"));
            self.grid.open_row(cells.count());
        }
        self.children(node, depth);
        if self.rows == 1 {
            let count = self.grid.close_row();
            self.empty(count);
        }
        self.rows -= 1;
        self.flow.close_row();
    }

    fn cell(&mut self, node: &Rc<Node>, depth: usize) {
        if self.rows == 1 {
            let count = self.grid.open_cell();
            self.empty(count);
        }
        self.children(node, depth);
        self.flow.close_cell();
        if self.rows == 1 {
            let rows = number(node, "rowspan").and_then(|rows| u32::try_from(rows).ok());
            let columns = number(node, "colspan").unwrap_or(1);
            let count = self.grid.close_cell(columns, rows.unwrap_or(1));
            self.empty(count);
        }
    }

    /// Writes `count` empty cells, as far as the page may ask for more.
    fn empty(&mut self, count: usize) {
        let left = EMPTY_CELLS_MAX.saturating_sub(self.empty_cells);
        self.empty_cells = self.empty_cells.saturating_add(count);
        for _ in 0..count.min(left) {
            self.flow.close_cell();
        }
    }

    /// A picture's description, and the words in it where they are read.
    fn picture(&mut self, node: &Node) {
        if ["width", "height"].iter().all(|side| number(node, side).is_some_and(|side| side < 2)) {
            return;
        }
        self.flow.text(&attribute(node, "alt").unwrap_or_default());
        let source = attribute(node, "src").or_else(|| attribute(node, "href"));
        let (Some(source), Some(pictures)) = (source, &mut self.pictures) else { return };
        let lines = (*pictures)(&source);
        for line in &lines {
            self.flow.close();
            self.flow.text(line);
        }
        if !lines.is_empty() {
            self.flow.close();
        }
    }

    /// The pictures within a drawing, which holds no other text for a reader.
    fn drawing(&mut self, root: &Rc<Node>) {
        let mut open = vec![Rc::clone(root)];
        while let Some(node) = open.pop() {
            if matches!(name_of(&node), "image" | "img") {
                self.picture(&node);
            }
            open.extend(node.children.borrow().iter().rev().cloned());
        }
    }
}

/// An attribute that is a number.
fn number(node: &Node, name: &str) -> Option<usize> {
    attribute(node, name)?.trim().parse().ok()
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
mod tests;
