//! Which parts of a message are its text, and which are files with it.

use std::collections::HashMap;

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::content;
use crate::html;
use crate::write::Builder;

/// Parts nested deeper are taken as they come.
const DEPTH_MAX: usize = 100;

/// Kinds of text that only repeat, for few programs, what another part says.
const REPEATED: [&str; 4] = ["x-amp-html", "watch-html", "enriched", "richtext"];
/// Kinds of text that belong to a page and say nothing.
const OF_PAGES: [&str; 3] = ["css", "javascript", "ecmascript"];

/// The parts of a message by their number, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) text: Vec<usize>,
    pub(super) attached: Vec<usize>,
}

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It is shown.
    Shown,
    /// Another part says the same in a better form.
    Spare,
    /// It belongs to the page beside it.
    OfPage,
}

/// Sorts the parts of `message`; every one is in at most one list.
pub(super) fn sort(message: &Message<'_>) -> Sorted {
    let seen = vec![false; message.parts.len()];
    let mut tree = Tree { message, seen, forms: HashMap::new(), sorted: Sorted::default() };
    tree.part(0, Role::Shown, 0);
    // What a damaged structure does not reach is read all the same.
    for id in 0..message.parts.len() {
        tree.part(id, Role::Shown, DEPTH_MAX);
    }
    tree.sorted
}

struct Tree<'m> {
    message: &'m Message<'m>,
    seen: Vec<bool>,
    /// How rich the text of a part is; see [`Tree::form`].
    forms: HashMap<usize, u8>,
    sorted: Sorted,
}

impl Tree<'_> {
    fn part(&mut self, id: usize, role: Role, depth: usize) {
        let (Some(part), Some(seen)) = (self.message.parts.get(id), self.seen.get_mut(id)) else {
            return;
        };
        if std::mem::replace(seen, true) {
            return;
        }
        match &part.body {
            // Parts within are met on their own.
            PartType::Multipart(_) if depth >= DEPTH_MAX => {}
            PartType::Multipart(ids) => {
                let ids: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
                match part.content_type().and_then(|kind| kind.subtype()) {
                    Some("alternative") => self.alternative(&ids, role, depth + 1),
                    Some("related") => self.related(part, &ids, role, depth + 1),
                    _ => ids.into_iter().for_each(|id| self.part(id, role, depth + 1)),
                }
            }
            _ => self.leaf(id, part, role),
        }
    }

    fn leaf(&mut self, id: usize, part: &MessagePart<'_>, role: Role) {
        let only = self.message.parts.len() == 1;
        let kind = part.content_type().filter(|kind| kind.ctype() == "text");
        let is_one_of = |kinds: &[&str]| {
            let subtype = kind.and_then(|kind| kind.subtype()).unwrap_or_default();
            !is_attachment(part) && kinds.contains(&subtype)
        };
        match role {
            Role::Shown if is_text(part, only) => self.sorted.text.push(id),
            Role::Spare if is_text(part, only) || is_one_of(&REPEATED) => {}
            Role::OfPage if is_one_of(&OF_PAGES) => {}
            _ => self.sorted.attached.push(id),
        }
    }

    /// Of parts that say the same the richest is shown; what else they bring stays attached.
    fn alternative(&mut self, ids: &[usize], role: Role, depth: usize) {
        let forms: Vec<u8> = ids.iter().map(|&id| self.form(id, depth)).collect();
        let best = forms.iter().max().copied().unwrap_or_default();
        for (&id, form) in ids.iter().zip(forms) {
            self.part(id, if form == best { role } else { Role::Spare }, depth);
        }
    }

    /// A page and the files it shows.
    fn related(&mut self, part: &MessagePart<'_>, ids: &[usize], role: Role, depth: usize) {
        let bare = |id: &str| id.trim_matches(['<', '>', ' ']).to_owned();
        let start = part.content_type().and_then(|kind| kind.attribute("start")).map(bare);
        let is_start = |&id: &usize| {
            let named = self.message.parts.get(id).and_then(|part| part.content_id()).map(bare);
            start.is_some() && named == start
        };
        let root = ids.iter().copied().find(is_start).or(ids.first().copied());
        for &id in ids {
            self.part(id, if Some(id) == root { role } else { Role::OfPage }, depth);
        }
    }

    /// How rich the text below a part is: 2 for a page, 1 for plain text, 0 for none.
    fn form(&mut self, id: usize, depth: usize) -> u8 {
        if let Some(&form) = self.forms.get(&id) {
            return form;
        }
        let Some(part) = self.message.parts.get(id) else { return 0 };
        let form = match &part.body {
            PartType::Multipart(_) if depth >= DEPTH_MAX => 0,
            PartType::Multipart(ids) => {
                ids.iter().map(|&id| self.form(id as usize, depth + 1)).max().unwrap_or_default()
            }
            _ if !is_text(part, false) => 0,
            _ if !content::is_page(part) => {
                u8::from(!content::text(self.message, part).text.trim().is_empty())
            }
            _ => {
                let page = content::text(self.message, part).text;
                2 * u8::from(!html::read(&page, Builder::default()).text.is_empty())
            }
        };
        self.forms.insert(id, form);
        form
    }
}

fn is_attachment(part: &MessagePart<'_>) -> bool {
    part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment)
}

/// Whether a part is text of the message itself: plain or a page, and no file with a name
/// (but for the `only` part).
fn is_text(part: &MessagePart<'_>, only: bool) -> bool {
    let text = matches!(part.body, PartType::Text(_) | PartType::Html(_));
    let kind = part.content_type();
    let plain = kind.is_none_or(|kind| {
        kind.ctype() == "text" && matches!(kind.subtype(), Some("plain" | "html"))
    });
    text && plain && !is_attachment(part) && (only || part.attachment_name().is_none())
}
