//! What a reader of a page does not take for its text: scripts, controls, navigation.

use std::rc::Rc;

use markup5ever_rcdom::{Node, NodeData};

use super::opened::{Opened, alphanumeric, letters};
use super::{attribute, margin, math, name_of, styled};

/// Elements that never hold text for a reader.
const SKIPPED: [&str; 16] = [
    "script", "style", "nav", "noscript", "template", "svg", "iframe", "object", "canvas",
    "select", "input", "textarea", "audio", "video", "map", "dialog",
];

/// Class names and ids of what is navigation wherever it is short.
const NAVIGATION: [&str; 5] = ["navheader", "navfooter", "navbar", "breadcrumb", "breadcrumbs"];
/// Longer than this, in chars without white space, it is text all the same.
const NAVIGATION_CHARS_MAX: usize = 400;

/// Class names and ids of what is navigation where it is a list of links, and may be text
/// where it is not: a box of facts beside an article, a section on related work.
const LINKS: [&str; 5] = ["navigation", "sidebar", "toc", "table-of-contents", "related"];

/// Class names of panels that a click opens; so are those that begin with `accordion`.
const PANELS: [&str; 5] = ["collapse", "panel-collapse", "tab-pane", "tab-content", "tabcontent"];
/// What a style hides before all other text and has no more letters and digits than this is the
/// line that mails show only in lists of mails.
const PREVIEW_LETTERS_MAX: usize = 300;
/// What a style hides elsewhere says something from so many letters and digits on.
const HIDDEN_LETTERS_MIN: usize = 40;

/// Nodes looked at in one element, to bound the time that nested ones take.
const NODES_MAX: usize = 20_000;
/// What has more text than this is no navigation, in chars.
const CHARS_MAX: usize = 200_000;

/// Whether nothing in an element called `name` is text.
pub(super) fn is_skipped(name: &str) -> bool {
    SKIPPED.contains(&name)
}

/// Why an element is left out.
#[derive(Debug)]
pub(super) enum Reason {
    /// A reader does not see it, or it plainly leads elsewhere.
    Plain,
    /// Its style hides it, with so many letters and digits.
    Hidden(usize),
    /// It is a notice on cookies.
    Cookies,
    /// It is a list of links with this class name or id.
    Links(String),
}

/// Why `node`, which is no button, is left out, if it is.
pub(super) fn reason(node: &Rc<Node>, opened: &Opened) -> Option<Reason> {
    let name = name_of(node);
    let role = attribute(node, "role").unwrap_or_default();
    if is_skipped(name) || role == "navigation" || math::is_drawn(node) {
        return Some(Reason::Plain);
    }
    if is_hidden(node, opened) {
        let styled = is_styled_away(node);
        return Some(if styled { Reason::Hidden(letters_of(node)) } else { Reason::Plain });
    }
    if margin::is_form(node, &role, opened) {
        return Some(Reason::Plain);
    }
    if margin::is_notice(node, opened) {
        return Some(Reason::Cookies);
    }
    // A heading called "related" is one, though it be a link to itself.
    if matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "body" | "main" | "article") {
        return None;
    }
    let marks = marks(node);
    if marks.is_empty() {
        return None;
    }
    let named = |wanted: &[&str]| marks.iter().find(|mark| wanted.contains(&mark.as_str()));
    if named(&["headerlink"]).is_some() && !has_letters(node) {
        return Some(Reason::Plain);
    }
    if named(&NAVIGATION).is_some() && text_chars(node).all() <= NAVIGATION_CHARS_MAX {
        return Some(Reason::Plain);
    }
    let skips = marks.iter().any(|mark| mark.starts_with("skip-") || mark.starts_with("skipto"));
    if skips && text_chars(node).is_links() {
        return Some(Reason::Plain);
    }
    // A single link in a sentence is part of it.
    let list = super::is_block(name) || matches!(name, "ul" | "ol" | "li" | "menu");
    let mark = named(&NAVIGATION).or_else(|| named(&LINKS).filter(|_| list))?;
    text_chars(node).is_links().then(|| Reason::Links(mark.clone()))
}

/// Whether a reader cannot come to see `node`: panels that a click opens are text, and so is
/// what a style hides, as scripts may show it, unless it plainly says nothing.
pub(super) fn is_hidden(node: &Rc<Node>, opened: &Opened) -> bool {
    if !hides(node) || math::is_kept(node) {
        return false;
    }
    let hidden = attribute(node, "hidden");
    let found = hidden.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("until-found"));
    let role = attribute(node, "role").unwrap_or_default();
    let panel = matches!(role.as_str(), "region" | "tabpanel")
        || marks(node)
            .iter()
            .any(|mark| PANELS.contains(&mark.as_str()) || mark.starts_with("accordion"));
    let shown = found || panel || opened.opens(node);
    !shown && (hidden.is_some() || is_nothing(node, opened))
}

/// Whether `node` is hidden at first, by its attribute or its style.
pub(super) fn hides(node: &Node) -> bool {
    attribute(node, "hidden").is_some() || is_styled_away(node)
}

/// Whether only the style of `node` hides it, as it does the lines that mails show only in lists
/// of mails.
pub(super) fn is_styled_away(node: &Node) -> bool {
    if attribute(node, "hidden").is_some() || attribute(node, "style").is_none() {
        return false;
    }
    let is = |property: &str, values: &[&str]| {
        styled(node, property).is_some_and(|value| values.contains(&value.as_str()))
    };
    let flat = is("max-height", &["0", "0px"]);
    let faint = is("opacity", &["0"])
        || is("visibility", &["hidden"])
        || is("font-size", &["0", "0px", "1px"]);
    is("display", &["none"]) || flat && faint
}

/// Whether what the style of `node` hides is nothing to a reader: the preview of a mail, or a few
/// words that nothing seems to open and that are no part of a table or list.
fn is_nothing(node: &Rc<Node>, opened: &Opened) -> bool {
    if opened.may_open(node) {
        return false;
    }
    let letters = letters_of(node);
    let is_part = matches!(name_of(node), "tr" | "td" | "th" | "li" | "dd");
    let few = letters < HIDDEN_LETTERS_MIN && !is_part;
    let preview = letters <= PREVIEW_LETTERS_MAX && opened.is_first(node);
    (few || preview) && !opened.is_all(letters)
}

/// Letters and digits of the text below `root`, without recursion.
pub(super) fn letters_of(root: &Rc<Node>) -> usize {
    let mut count = 0;
    let mut open = vec![Rc::clone(root)];
    while let Some(node) = open.pop() {
        match &node.data {
            NodeData::Text { contents } => count += alphanumeric(&contents.borrow()),
            _ if is_skipped(name_of(&node)) => {}
            _ => open.extend(node.children.borrow().iter().cloned()),
        }
    }
    count
}

/// Whether a Bootstrap toggle opens a part of the page, and not a menu or a window; none for
/// what is no toggle.
pub(super) fn toggles(node: &Node) -> Option<bool> {
    let toggle = attribute(node, "data-bs-toggle").or_else(|| attribute(node, "data-toggle"))?;
    Some(matches!(toggle.as_str(), "collapse" | "tab" | "pill" | "list"))
}

/// Whether a button opens a part of the page and so is the title of that part, as in
/// lists of questions.
pub(super) fn opens_content(node: &Node) -> bool {
    if attribute(node, "aria-haspopup").is_some_and(|value| value != "false") {
        return false;
    }
    if let Some(toggles) = toggles(node) {
        return toggles;
    }
    ["aria-controls", "aria-expanded"].iter().any(|name| attribute(node, name).is_some())
        || marks(node).iter().any(|mark| mark.starts_with("accordion"))
}

/// The class names and the id of `node`, in lower case.
pub(super) fn marks(node: &Node) -> Vec<String> {
    let named = [attribute(node, "class"), attribute(node, "id")];
    let named = named.into_iter().flatten().map(|value| value.to_ascii_lowercase());
    named
        .flat_map(|value| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// How much text stands in links and how much beside them, in chars without white space.
#[derive(Debug, Default)]
struct Chars {
    linked: usize,
    other: usize,
    links: usize,
}

impl Chars {
    fn all(&self) -> usize {
        self.linked + self.other
    }

    /// Whether at least three quarters are links.
    fn is_links(&self) -> bool {
        self.linked > 0 && self.linked >= 3 * self.other
    }
}

/// Counts the text below `root`, but for headings of lists, without recursion. What has
/// too many nodes to be navigation counts as text.
fn text_chars(root: &Rc<Node>) -> Chars {
    let mut chars = Chars::default();
    let mut open = vec![(Rc::clone(root), false)];
    let mut nodes = 0;
    while let Some((node, linked)) = open.pop() {
        nodes += 1;
        if nodes > NODES_MAX || chars.all() > CHARS_MAX {
            return Chars { other: NODES_MAX, ..Chars::default() };
        }
        let name = name_of(&node);
        if is_skipped(name) || matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6") {
            continue;
        }
        if name == "a" {
            chars.links += 1;
        }
        let linked = linked || name == "a" && !is_address(&node);
        if let NodeData::Text { contents } = &node.data {
            let count = letters(&contents.borrow());
            if linked { chars.linked += count } else { chars.other += count }
        }
        open.extend(node.children.borrow().iter().map(|child| (Rc::clone(child), linked)));
    }
    chars
}

/// Whether a link says how to reach someone.
fn is_address(link: &Node) -> bool {
    attribute(link, "href").is_some_and(|target| {
        ["mailto:", "tel:"].iter().any(|scheme| target.trim_start().starts_with(scheme))
    })
}

/// Whether at least three quarters of the text below `root` are links, `least` of them at least.
pub(super) fn is_links(root: &Rc<Node>, least: usize) -> bool {
    let chars = text_chars(root);
    chars.links >= least && chars.is_links()
}

/// Whether there is a letter or a digit below `root`.
fn has_letters(root: &Rc<Node>) -> bool {
    super::text_of(root).chars().any(char::is_alphanumeric)
}
