//! What is said of a part of a book: its title, who wrote it, its abstract.

use super::{Book, SECTIONS};

/// Who made it.
const PEOPLE: [&str; 5] = ["author", "editor", "corpauthor", "othercredit", "collab"];
/// What is said of them beside their names.
const BESIDE: [&str; 9] = [
    "affiliation",
    "email",
    "address",
    "contrib",
    "personblurb",
    "authorblurb",
    "uri",
    "jobtitle",
    "shortaffil",
];

/// Whether an element holds what is said of the one around it.
pub(super) fn is_head(name: &str) -> bool {
    name.ends_with("info") && name != "funcsynopsisinfo"
}

impl Book {
    pub(super) fn start_in_head(&mut self, name: &str) {
        if self.is_held_in_head(name) {
            self.prose.hold();
        } else if matches!(
            name,
            "firstname" | "givenname" | "surname" | "othername" | "lineage" | "honorific"
        ) {
            self.prose.join(" ");
        }
    }

    /// Whether an element of the head, which is not among those around the text, is read by itself.
    fn is_held_in_head(&self, name: &str) -> bool {
        let around = self.open.around();
        match name {
            "title" | "subtitle" => is_head(around),
            "para" | "simpara" => self.open.is_within("abstract"),
            _ if PEOPLE.contains(&name) => is_head(around) || around == "authorgroup",
            _ => BESIDE.contains(&name) && PEOPLE.iter().any(|person| self.open.is_within(person)),
        }
    }

    pub(super) fn end_in_head(&mut self, name: &str) {
        if !self.is_held_in_head(name) {
            return;
        }
        let text = self.prose.release();
        let Some((head, _)) = &mut self.head else { return };
        match name {
            "title" => head.title = text,
            "subtitle" => head.subtitle = text,
            "para" | "simpara" => head.add_summary(text),
            _ if PEOPLE.contains(&name) => head.add_person(text),
            _ => {}
        }
    }

    /// Writes the head of the element `around` it, which has ended.
    pub(super) fn write_head(&mut self, around: &str) {
        // What was read of no part of it.
        self.prose.release();
        if let Some((head, _)) = self.head.take() {
            let section = SECTIONS.contains(&around) && !self.prose.is_in_table();
            let level = if section { self.level } else { 0 };
            head.write(&mut self.prose, level);
        }
    }
}
