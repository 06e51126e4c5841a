//! The margins of a page: heads, feet, menus and side columns. Their lists of links lead elsewhere,
//! what else they hold is text. And notices on cookies, which stand over a page.

use std::rc::Rc;

use markup5ever_rcdom::Node;

use super::left_out::{self, marks};
use super::opened::Opened;
use super::{attribute, name_of};

/// Roles of margins.
const ROLES: [&str; 5] = ["banner", "complementary", "contentinfo", "menu", "menubar"];
/// Words of which class names and ids of margins are made.
const NAMES: [&str; 29] = [
    "bottomnav",
    "breadcrumb",
    "breadcrumbs",
    "footer",
    "header",
    "mainmenu",
    "masthead",
    "menu",
    "menubar",
    "nav",
    "navbar",
    "navi",
    "navigation",
    "navlist",
    "navmenu",
    "pager",
    "pagination",
    "related",
    "share",
    "sharing",
    "sidebar",
    "sidenav",
    "social",
    "submenu",
    "subnav",
    "toc",
    "toolbar",
    "topbar",
    "topnav",
];
/// Words in the names of parts of a text, which have heads and feet of their own.
const OF_TEXT: [&str; 12] = [
    "article", "body", "box", "caption", "card", "content", "entry", "item", "post", "section",
    "table", "text",
];
/// Words in names that tell whether a margin is elsewhere.
const OF_OTHERS: [&str; 5] = ["has", "no", "not", "with", "without"];
/// Fewer links are no list of them.
const LINKS_MIN: usize = 3;

/// Words that follow or precede `cookie` in names of notices.
const NOTICES: [&str; 27] = [
    "accept",
    "alert",
    "banner",
    "bar",
    "bottom",
    "box",
    "compliance",
    "consent",
    "dialog",
    "disclaimer",
    "footer",
    "gdpr",
    "hint",
    "info",
    "law",
    "layer",
    "manage",
    "message",
    "modal",
    "note",
    "noti",
    "overlay",
    "panel",
    "policy",
    "popup",
    "preference",
    "warning",
];
/// How names of the notices begin that bear no such name.
const VENDORS: [&str; 8] = [
    "cc-window",
    "cmplz-",
    "cookiebot",
    "cybotcookiebot",
    "didomi-",
    "moove-gdpr",
    "onetrust-",
    "usercentrics",
];

/// What the margin is called that `node` is, if it is one. Heads and feet in a text are its own.
pub(super) fn name(node: &Node, in_text: bool) -> Option<String> {
    let element = name_of(node);
    if !super::is_block(element) && !matches!(element, "ul" | "ol" | "menu" | "td") {
        return None;
    }
    if element == "aside" || matches!(element, "header" | "footer") && !in_text {
        return Some(element.to_owned());
    }
    if let Some(role) = attribute(node, "role").filter(|role| ROLES.contains(&role.as_str())) {
        return Some(role);
    }
    marks(node).iter().find_map(|mark| named(mark))
}

/// The word of a name that makes it that of a margin: `menu-item`, and not `article-header` or
/// `with-sidebar`.
fn named(mark: &str) -> Option<String> {
    let words = || mark.split(|c: char| !c.is_ascii_alphanumeric());
    if words().any(|word| OF_OTHERS.contains(&word)) {
        return None;
    }
    let first = words().find(|word| NAMES.contains(word) || OF_TEXT.contains(word));
    first.filter(|word| NAMES.contains(word)).map(str::to_owned)
}

/// Whether `node`, in a margin, is a list of links, without the page's title.
pub(super) fn is_list(node: &Rc<Node>) -> bool {
    let name = name_of(node);
    let list = super::is_block(name) || matches!(name, "ul" | "ol" | "li" | "menu");
    list && !matches!(name, "article" | "main" | "body")
        && left_out::is_links(node, LINKS_MIN)
        && super::find(node, "h1").is_none()
}

/// Whether `node` is a window over the page that asks for something, as for a name and password.
pub(super) fn is_form(node: &Rc<Node>, role: &str, opened: &Opened) -> bool {
    matches!(role, "dialog" | "alertdialog")
        && ["input", "textarea", "select"].iter().any(|name| super::find(node, name).is_some())
        && !opened.is_half(left_out::letters_of(node))
}

/// Whether `node` tells of the cookies of a page that is about something else.
pub(super) fn is_notice(node: &Rc<Node>, opened: &Opened) -> bool {
    let name = name_of(node);
    let boxed = super::is_block(name) || matches!(name, "ul" | "li" | "span");
    if !boxed || !marks(node).iter().any(|mark| is_notices(mark)) {
        return false;
    }
    let text = super::text_of(node).to_lowercase();
    text.contains("cookie") && !opened.is_half(super::opened::alphanumeric(&text))
}

fn is_notices(mark: &str) -> bool {
    let of_kind = ["category-", "tag-", "post-"].iter().any(|start| mark.starts_with(start));
    let named = mark.contains("cookie") && NOTICES.iter().any(|word| mark.contains(word));
    !of_kind && (named || VENDORS.iter().any(|vendor| mark.starts_with(vendor)))
}
