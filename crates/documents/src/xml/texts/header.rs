//! The header of a text: its title, who wrote it, its abstract.

use super::Text;

impl Text {
    pub(super) fn start_in_header(&mut self, name: &str) {
        if self.is_held_in_header(name) {
            self.prose.hold();
        } else if matches!(name, "forename" | "surname" | "roleName" | "genName" | "nameLink") {
            self.prose.join(" ");
        }
    }

    /// Whether an element of the header, which is not among those around the text, is read by
    /// itself.
    fn is_held_in_header(&self, name: &str) -> bool {
        match name {
            "title" => self.open.around() == "titleStmt",
            "author" | "editor" | "principal" => {
                matches!(self.open.around(), "titleStmt" | "analytic")
            }
            "p" | "ab" => self.open.is_within("abstract"),
            "affiliation" | "email" | "idno" | "note" | "address" | "date" => {
                self.open.is_within("author") || self.open.is_within("editor")
            }
            _ => false,
        }
    }

    pub(super) fn end_in_header(&mut self, name: &str) {
        if !self.is_held_in_header(name) {
            return;
        }
        let text = self.prose.release();
        let Some(head) = &mut self.head else { return };
        match name {
            "title" if head.title.is_empty() => head.title = text,
            "title" if head.subtitle.is_empty() => head.subtitle = text,
            "author" | "editor" | "principal" => head.add_person(text),
            "p" | "ab" => head.add_summary(text),
            _ => {}
        }
    }

    pub(super) fn write_header(&mut self) {
        // What was read of no part of it.
        self.prose.release();
        if let Some(head) = self.head.take() {
            head.write(&mut self.prose, self.level);
        }
    }
}
