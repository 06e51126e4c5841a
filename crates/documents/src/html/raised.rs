//! What stands raised: exponents, and the marks of notes.

use std::rc::Rc;

use markup5ever_rcdom::Node;

use super::{attribute, name_of, styled, text_of};

/// Marks of notes have at most so many chars.
const MARK_CHARS_MAX: usize = 3;
/// Nodes looked at in what is raised, to find the link of a mark.
const NODES_MAX: usize = 64;

/// Whether `node` is an element whose text stands raised.
pub(super) fn is_raised(node: &Node) -> bool {
    match name_of(node) {
        "sup" => true,
        "span" | "font" => styled(node, "vertical-align").is_some_and(|value| value == "super"),
        _ => false,
    }
}

/// The mark of a note that `node`, which is raised, is: short, and a link within a page.
pub(super) fn mark(node: &Rc<Node>) -> Option<String> {
    let text = text_of(node);
    let mark = text.trim();
    let short = (1..=MARK_CHARS_MAX).contains(&mark.chars().count());
    let leads = || links(node) || parent(node).is_some_and(|parent| is_link(&parent));
    (short && mark.chars().all(char::is_alphanumeric) && leads()).then(|| mark.to_owned())
}

fn parent(node: &Node) -> Option<Rc<Node>> {
    let parent = node.parent.take();
    node.parent.set(parent.clone());
    parent?.upgrade()
}

/// Whether a link within a page stands below `root`.
fn links(root: &Rc<Node>) -> bool {
    let mut open = vec![Rc::clone(root)];
    for _ in 0..NODES_MAX {
        let Some(node) = open.pop() else { return false };
        if is_link(&node) {
            return true;
        }
        open.extend(node.children.borrow().iter().cloned());
    }
    false
}

fn is_link(node: &Node) -> bool {
    name_of(node) == "a" && attribute(node, "href").is_some_and(|target| target.contains('#'))
}
