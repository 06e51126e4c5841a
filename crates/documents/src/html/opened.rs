//! Which hidden parts of a page its controls open: what a reader can come to see is text.

use std::collections::HashSet;
use std::rc::Rc;

use markup5ever_rcdom::{Node, NodeData};

use super::{attribute, left_out, name_of};

/// Elements looked at in what stands beside a hidden part, to find its control.
const CONTROL_NODES_MAX: usize = 64;
/// Longer words in a script are no names of parts, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// What the controls of a page open.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// Ids, and class names after a dot.
    names: HashSet<String>,
    /// Hidden elements right behind a control that names none, and these controls.
    behind: HashSet<*const Node>,
    controls: HashSet<*const Node>,
    /// Elements that a style hides beside what may open them with a script of the page.
    beside: HashSet<*const Node>,
    /// Elements that a style hides with no text before them.
    first: HashSet<*const Node>,
    /// Letters and digits on the page, hidden or not, but for its title.
    letters: usize,
}

impl Opened {
    /// Looks through a page, without recursion.
    pub(super) fn of(root: &Rc<Node>) -> Self {
        let mut opened = Self::default();
        let mut open = vec![(Rc::clone(root), false)];
        while let Some((node, skipped)) = open.pop() {
            if let NodeData::Text { contents } = &node.data
                && !skipped
            {
                opened.letters += alphanumeric(&contents.borrow());
            }
            let name = name_of(&node);
            let skipped = skipped || name == "title" || left_out::is_skipped(name);
            if opened.letters == 0 && left_out::is_styled_away(&node) {
                opened.first.insert(Rc::as_ptr(&node));
            }
            opened.names_of(&node);
            opened.neighbours(&node);
            opened.scripted(&node);
            let children = node.children.borrow();
            open.extend(children.iter().rev().map(|child| (Rc::clone(child), skipped)));
        }
        opened
    }

    /// Whether a control opens `node`.
    pub(super) fn opens(&self, node: &Node) -> bool {
        let id = attribute(node, "id").is_some_and(|id| self.names.contains(&id));
        let classes = attribute(node, "class").unwrap_or_default();
        id || self.behind.contains(&std::ptr::from_ref(node))
            || classes.split_whitespace().any(|class| self.names.contains(&format!(".{class}")))
    }

    /// Whether `node` is a control whose hidden part stands right behind it.
    pub(super) fn is_control(&self, node: &Node) -> bool {
        self.controls.contains(&std::ptr::from_ref(node))
    }

    /// Whether a style hides `node` beside what may open it with a script.
    pub(super) fn may_open(&self, node: &Node) -> bool {
        self.beside.contains(&std::ptr::from_ref(node))
    }

    /// Whether a style hides `node` and no text stands before it.
    pub(super) fn is_first(&self, node: &Node) -> bool {
        self.first.contains(&std::ptr::from_ref(node))
    }

    /// Whether the page has no text but so many letters and digits.
    pub(super) fn is_all(&self, letters: usize) -> bool {
        letters >= self.letters
    }

    /// Whether so many letters and digits are half of those of the page.
    pub(super) fn is_half(&self, letters: usize) -> bool {
        letters * 2 >= self.letters
    }

    /// Notes the parts that `node` names as those it opens.
    fn names_of(&mut self, node: &Node) {
        let NodeData::Element { attrs, .. } = &node.data else { return };
        let is_link = name_of(node) == "a";
        for attr in attrs.borrow().iter() {
            let value: &str = &attr.value;
            match &*attr.name.local {
                "aria-controls" => self.names.extend(value.split_whitespace().map(str::to_owned)),
                "data-bs-target" | "data-target" if left_out::toggles(node) != Some(false) => {
                    self.names.extend(value.split(',').filter_map(selected));
                }
                "href" if is_link && value.starts_with('#') => self.names.extend(selected(value)),
                "href" if is_link && value.starts_with("javascript:") => self.quoted(value),
                "onclick" => self.quoted(value),
                _ => {}
            }
        }
    }

    /// Notes the names in quotes in a script.
    fn quoted(&mut self, script: &str) {
        let words = script.split(['\'', '"']).skip(1).step_by(2);
        let names = words.filter(|word| {
            !word.is_empty() && word.len() <= NAME_BYTES_MAX && !word.contains(char::is_whitespace)
        });
        self.names.extend(names.map(|name| name.strip_prefix('#').unwrap_or(name).to_owned()));
    }

    /// Notes the hidden children of `parent` that stand right behind a control.
    fn neighbours(&mut self, parent: &Node) {
        let children = parent.children.borrow();
        let elements = || children.iter().filter(|node| !name_of(node).is_empty());
        for (before, node) in elements().zip(elements().skip(1)) {
            if left_out::hides(node)
                && let Some(control) = control_in(before)
            {
                self.behind.insert(Rc::as_ptr(node));
                self.controls.insert(Rc::as_ptr(&control));
            }
        }
    }

    /// Notes what a style hides below `parent` right behind a heading, a link or a button, or
    /// right before a control ("Read more").
    fn scripted(&mut self, parent: &Node) {
        let mut last: Option<Rc<Node>> = None;
        for node in parent.children.borrow().iter() {
            match &node.data {
                NodeData::Text { contents } if letters(&contents.borrow()) > 0 => last = None,
                NodeData::Element { .. } => {
                    if let Some(before) = last.replace(Rc::clone(node)) {
                        self.pair(&before, node);
                    }
                }
                _ => {}
            }
        }
    }

    /// As [`Self::scripted`], of two elements with no text between them.
    fn pair(&mut self, before: &Rc<Node>, node: &Rc<Node>) {
        if left_out::is_styled_away(node)
            && let Some(head) = only(before, is_head)
        {
            self.beside.insert(Rc::as_ptr(node));
            if name_of(&head) == "button" {
                self.controls.insert(Rc::as_ptr(&head));
            }
        }
        if let Some(hidden) = hidden_at_end(before)
            && only(node, is_more).is_some()
        {
            self.beside.insert(Rc::as_ptr(&hidden));
        }
    }
}

/// The element for which `wanted` holds and that has all the text of `root`, which is no form.
fn only(root: &Rc<Node>, wanted: fn(&Node) -> bool) -> Option<Rc<Node>> {
    let mut found = None;
    let mut open = vec![Rc::clone(root)];
    let mut left = CONTROL_NODES_MAX;
    while let Some(node) = open.pop() {
        left = left.checked_sub(1)?;
        match &node.data {
            NodeData::Text { contents } if letters(&contents.borrow()) > 0 => return None,
            _ if left_out::is_skipped(name_of(&node)) => {}
            _ if name_of(&node) == "form" => return None,
            _ if wanted(&node) => {
                if left_out::letters_of(&node) > 0 {
                    found = Some(node);
                }
            }
            _ => open.extend(node.children.borrow().iter().cloned()),
        }
    }
    found
}

/// What a style hides at the end of `root`, or `root` itself.
fn hidden_at_end(root: &Rc<Node>) -> Option<Rc<Node>> {
    let mut node = Rc::clone(root);
    for _ in 0..CONTROL_NODES_MAX {
        if left_out::is_styled_away(&node) {
            return Some(node);
        }
        let last = node
            .children
            .borrow()
            .iter()
            .rev()
            .find(|child| match &child.data {
                NodeData::Text { contents } => letters(&contents.borrow()) > 0,
                NodeData::Element { .. } => true,
                _ => false,
            })
            .cloned();
        node = last?;
    }
    None
}

/// Whether what stands hidden behind `node` may be its text.
fn is_head(node: &Node) -> bool {
    match name_of(node) {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "dt" | "legend" | "summary" | "a" => true,
        _ => is_more(node),
    }
}

/// Whether `node` may open what stands hidden before it.
fn is_more(node: &Node) -> bool {
    let menu = attribute(node, "aria-haspopup").is_some_and(|value| value != "false");
    let sends = attribute(node, "type").is_some_and(|kind| {
        kind.eq_ignore_ascii_case("submit") || kind.eq_ignore_ascii_case("reset")
    });
    match name_of(node) {
        "button" => !sends && !menu && left_out::toggles(node) != Some(false),
        "a" => attribute(node, "href").is_none_or(|target| {
            target.starts_with('#') || target.trim_start().starts_with("javascript:")
        }),
        _ => is_opener(node),
    }
}

/// What `#id` and `.class` name; a class stays after its dot.
fn selected(selector: &str) -> Option<String> {
    let selector = selector.trim();
    let name = selector.strip_prefix('#').unwrap_or(selector);
    let known = selector.starts_with(['#', '.']) && selector.len() > 1;
    known.then(|| name.to_owned())
}

/// The control that is all the text of `root`, or stands in a heading.
fn control_in(root: &Rc<Node>) -> Option<Rc<Node>> {
    let headed = matches!(name_of(root), "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "dt" | "legend");
    let mut control = None;
    let mut open = vec![Rc::clone(root)];
    let mut left = CONTROL_NODES_MAX;
    while let Some(node) = open.pop() {
        left = left.checked_sub(1)?;
        match &node.data {
            NodeData::Text { contents } if letters(&contents.borrow()) > 0 && !headed => {
                return None;
            }
            NodeData::Element { .. } if is_opener(&node) => control = Some(Rc::clone(&node)),
            _ => open.extend(node.children.borrow().iter().cloned()),
        }
    }
    control
}

fn is_opener(node: &Node) -> bool {
    let is = |name: &str| attribute(node, name).is_some();
    let menu = attribute(node, "aria-haspopup").is_some_and(|value| value != "false");
    match left_out::toggles(node) {
        _ if menu => false,
        Some(toggles) => toggles,
        None => {
            is("aria-expanded")
                || is("onclick")
                || attribute(node, "role").is_some_and(|role| role == "tab")
                || name_of(node) == "button" && left_out::opens_content(node)
        }
    }
}

/// Letters and digits, so without the fillers behind the previews of mails.
pub(super) fn alphanumeric(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Chars that are no white space.
pub(super) fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}
