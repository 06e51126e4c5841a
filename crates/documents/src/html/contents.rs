//! The table of contents of a book (EPUB 3): a page whose `nav` of type `toc` links the chapters.

use std::rc::Rc;

use markup5ever_rcdom::Node;

use super::{attribute, name_of, parse, text_of, xhtml};

/// The targets that the table of contents in `source` links, each with its label, in order.
pub(crate) fn contents(source: &str) -> Vec<(String, String)> {
    let dom = parse(&xhtml::to_html(source));
    let mut found = Vec::new();
    let mut open = vec![(Rc::clone(&dom.document), false)];
    while let Some((node, inside)) = open.pop() {
        let inside = inside || is_contents(&node);
        let target = attribute(&node, "href").filter(|_| inside && name_of(&node) == "a");
        if let Some(target) = target {
            let label = text_of(&node).split_whitespace().collect::<Vec<_>>().join(" ");
            found.push((target, label));
            continue;
        }
        let children = node.children.borrow();
        open.extend(children.iter().rev().map(|child| (Rc::clone(child), inside)));
    }
    found
}

fn is_contents(node: &Node) -> bool {
    let has = |name: &str, wanted: &str| {
        attribute(node, name).is_some_and(|value| value.split_whitespace().any(|one| one == wanted))
    };
    name_of(node) == "nav" && (has("epub:type", "toc") || has("role", "doc-toc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_links_of_the_contents_are_taken() {
        let page = "<?xml version='1.0'?><html xmlns:epub='http://www.idpf.org/2007/ops'><head><title/></head><body>\
            <nav epub:type='landmarks'><a href='cover.xhtml'>Cover</a></nav>\
            <nav epub:type='toc' id='toc'><h1>Contents</h1><ol><li><a href='a.xhtml'>Salt &amp;\n <em>Pepper</em> caf&eacute;</a>\
            <ol><li><a href='a.xhtml#s'>Salt</a></li></ol></li><li><span>Part</span></li></ol></nav></body></html>";
        let link = |target: &str, label: &str| (target.to_owned(), label.to_owned());
        assert_eq!(
            contents(page),
            [link("a.xhtml", "Salt & Pepper café"), link("a.xhtml#s", "Salt")]
        );
        assert!(contents("<nav><a href='x'>X</a></nav>").is_empty());
    }
}
