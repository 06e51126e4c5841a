//! References: works as they are cited, with the signs between their parts where the file has none.

use super::Article;
use crate::xml::Attributes;

impl Article {
    /// Whether an element is a citation or a part of one.
    pub(super) fn start_citation(&mut self, name: &str, attributes: &Attributes) -> bool {
        let around = self.open.around();
        let bare = matches!(around, "element-citation" | "nlm-citation");
        match name {
            "mixed-citation" | "element-citation" | "nlm-citation" | "citation" => {
                self.prose.hold();
            }
            "name" | "string-name" | "collab" if around == "person-group" => {
                if self.open.is_within("element-citation") || self.open.is_within("nlm-citation") {
                    self.prose.join(", ");
                }
            }
            "surname" | "given-names" | "prefix" | "suffix" => self.prose.join(" "),
            "etal" => self.prose.join(", "),
            "fpage" | "elocation-id" if bare => self.prose.join(": "),
            "lpage" if bare => self.prose.text("\u{2013}"),
            "volume" if bare => self.prose.join(" "),
            "issue" if bare => self.prose.text("("),
            "pub-id" => {
                self.prose.join(if bare { ". " } else { " " });
                match attributes.find("pub-id-type") {
                    Some("doi") => self.prose.text("doi:"),
                    Some("pmid") => self.prose.text("PMID "),
                    _ => {}
                }
            }
            "label" | "sup" | "sub" | "italic" | "bold" => return false,
            _ if bare => self.prose.join(". "),
            _ => return false,
        }
        true
    }

    pub(super) fn end_citation(&mut self, name: &str) -> bool {
        let around = self.open.around();
        match name {
            "mixed-citation" | "element-citation" | "nlm-citation" | "citation" => {
                let text = self.prose.release();
                self.prose.text(&text);
                self.prose.text(" ");
            }
            "issue" if matches!(around, "element-citation" | "nlm-citation") => {
                self.prose.text(")");
            }
            "etal" => {
                if let Some(held) = self.prose.held().filter(|held| held.ends_with(", ")) {
                    held.push_str("et al.");
                }
            }
            _ => return false,
        }
        true
    }
}
