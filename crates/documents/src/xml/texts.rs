//! Texts in TEI, P5 and P4: editions, and what is read from papers in PDF files.

mod header;
#[cfg(test)]
mod tests;

use crate::document::Document;
use crate::write::{Builder, Flow};
use crate::xml::Attributes;
use crate::xml::parts::{self, Footnotes, Head};
use crate::xml::prose::Prose;
use crate::xml::vocabulary::{self, Open, Vocabulary};

/// Names of the elements that files begin with.
const ROOTS: [&str; 3] = ["TEI", "TEI.2", "teiCorpus"];
/// Elements that say nothing to a reader of the text: what is deleted, running heads, and what is
/// said of how the text was made.
const SKIPPED: &[&str] = &[
    "del",
    "fw",
    "encodingDesc",
    "revisionDesc",
    "facsimile",
    "standOff",
    "publicationStmt",
    "graphic",
    "index",
    "interpGrp",
    "spanGrp",
];
/// Elements that are paragraphs, or hold some.
const BLOCKS: [&str; 31] = [
    "p",
    "ab",
    "lg",
    "sp",
    "stage",
    "head",
    "figure",
    "figDesc",
    "opener",
    "closer",
    "salute",
    "signed",
    "dateline",
    "byline",
    "trailer",
    "epigraph",
    "argument",
    "postscript",
    "address",
    "addrLine",
    "imprimatur",
    "titlePage",
    "docTitle",
    "titlePart",
    "docAuthor",
    "docImprint",
    "docDate",
    "castItem",
    "floatingText",
    "entry",
    "caption",
];
/// Elements that hold divisions and paragraphs.
const PARTS: [&str; 8] =
    ["text", "front", "body", "back", "group", "listNote", "noteGrp", "floatingText"];
/// A text as it was found, where another form of it stands beside it.
const REPLACED: [&str; 3] = ["sic", "orig", "abbr"];

/// Whether an XML text with this root is one of TEI.
pub(crate) fn is_text(root: &str) -> bool {
    ROOTS.contains(&root)
}

/// Reads a text, or a corpus of several.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let text = Text {
        prose: Prose::new(Flow::new(builder)),
        open: Open::default(),
        level: 0,
        head: None,
        goes_on: false,
        numbers: Vec::new(),
        raised: Vec::new(),
        notes: Footnotes::default(),
    };
    vocabulary::read(source, text)
}

struct Text {
    prose: Prose,
    open: Open,
    /// Divisions around the text.
    level: u8,
    /// What is said of the text before it, while that is read.
    head: Option<Head>,
    /// Whether the next paragraph goes on in the line that has begun.
    goes_on: bool,
    /// The numbers of the headings and notes around the text, innermost last.
    numbers: Vec<String>,
    /// Of the highlighted texts around it, whether they stand raised.
    raised: Vec<bool>,
    notes: Footnotes,
}

impl Vocabulary for Text {
    const SKIPPED: &'static [&'static str] = SKIPPED;

    fn open(&mut self) -> &mut Open {
        &mut self.open
    }

    fn prose(&mut self) -> Option<&mut Prose> {
        Some(&mut self.prose)
    }

    fn start(&mut self, name: &str, attributes: &Attributes) {
        if self.head.is_some() {
            return self.start_in_header(name);
        }
        let around = self.open.around().to_owned();
        let number = || attributes.find("n").unwrap_or_default().trim().to_owned();
        match name {
            "teiHeader" => {
                self.prose.end();
                self.head = Some(Head::default());
                self.prose.hold();
            }
            _ if ROOTS.contains(&name) || is_division(name) => {
                self.end_block();
                self.level = self.level.saturating_add(1);
            }
            "head" if is_part(&around) && !self.prose.is_in_table() => {
                self.numbers.push(number());
                self.prose.hold();
            }
            "note" if is_part(&around) => self.start_block(),
            "note" => {
                self.numbers.push(number());
                self.prose.hold();
            }
            _ if REPLACED.contains(&name) && around == "choice" => self.prose.hold(),
            // It says the same again.
            "label" if around == "figure" => self.prose.hold(),
            "label" if around == "list" => self.start_item(),
            "item" if !self.goes_on => self.start_item(),
            "list" if self.prose.is_running() => {
                self.goes_on = false;
                let kinds = [attributes.find("type"), attributes.find("rend")];
                let ordered = |kind: &str| matches!(kind, "ordered" | "numbered");
                let ordered = kinds.into_iter().flatten().any(ordered);
                self.prose.flow.open_list(ordered.then_some(1));
            }
            "listBibl" if self.prose.is_running() => self.prose.flow.open_list(None),
            "bibl" | "biblStruct" | "biblFull" => self.start_work(name, &around),
            _ if self.open.is_within("biblStruct") => self.start_part_of_work(name),
            "speaker" => {
                self.start_block();
                self.prose.hold();
            }
            "l" => self.goes_on = false,
            "hi" => {
                let raised = attributes.find("rend").is_some_and(|rend| rend.contains("sup"));
                self.raised.push(raised);
                if raised {
                    self.prose.raise();
                }
            }
            // A word that is parted goes on.
            "lb" if attributes.find("break") != Some("no") => self.prose.text(" "),
            "gap" => self.prose.text("[\u{2026}]"),
            "eg" | "egXML" => self.prose.code(),
            "formula" if is_part(&around) => self.start_block(),
            _ if BLOCKS.contains(&name) => self.start_block(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if name == "teiHeader" {
            return self.write_header();
        }
        if self.head.is_some() {
            return self.end_in_header(name);
        }
        let around = self.open.around().to_owned();
        match name {
            _ if ROOTS.contains(&name) || is_division(name) => {
                self.end_block();
                self.level = self.level.saturating_sub(1);
            }
            "head" if is_part(&around) && !self.prose.is_in_table() => self.end_heading(),
            "note" if is_part(&around) => self.end_block(),
            "note" => {
                let mark = self.numbers.pop().unwrap_or_default();
                self.notes.end(&mut self.prose, mark);
            }
            _ if REPLACED.contains(&name) && around == "choice" => {
                self.prose.release();
            }
            "label" if around == "figure" => {
                self.prose.release();
            }
            "label" if around == "list" => {
                self.prose.text(": ");
                self.goes_on = true;
            }
            "item" => self.end_block(),
            "list" | "listBibl" if self.prose.is_running() => self.prose.flow.close_list(),
            "bibl" | "biblStruct" | "biblFull" => self.end_work(name, &around),
            "speaker" => {
                let speaker = self.prose.release();
                self.prose.text(&format!("{}: ", speaker.trim_end_matches(['.', ':'])));
                self.goes_on = true;
            }
            "l" => self.prose.line_break(),
            "hi" => {
                let raised = self.raised.pop();
                if raised == Some(true) {
                    self.prose.lower();
                }
            }
            "eg" | "egXML" => self.prose.end_code(),
            "formula" if is_part(&around) => self.end_block(),
            _ if BLOCKS.contains(&name) => self.end_block(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        self.prose.text(text);
    }

    fn formula(&mut self, text: &str) {
        self.prose.text(text);
    }

    fn finish(mut self) -> Flow {
        self.end_block();
        self.prose.finish()
    }
}

/// Whether an element is a division, of whatever depth.
fn is_division(name: &str) -> bool {
    name.strip_prefix("div").is_some_and(|depth| depth.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_part(name: &str) -> bool {
    PARTS.contains(&name) || is_division(name)
}

impl Text {
    fn start_block(&mut self) {
        if !std::mem::take(&mut self.goes_on) {
            self.prose.end();
        }
    }

    fn end_block(&mut self) {
        self.goes_on = false;
        self.prose.end();
        self.notes.write(&mut self.prose);
    }

    fn end_heading(&mut self) {
        let (title, number) = (self.prose.release(), self.numbers.pop().unwrap_or_default());
        let numbered = format!("{number} {title}");
        let title = if title.starts_with(&number) { title.as_str() } else { numbered.as_str() };
        // The title of the whole is that of the header.
        parts::heading(&mut self.prose, self.level.max(2), title);
        self.notes.write(&mut self.prose);
    }

    fn start_item(&mut self) {
        match self.prose.is_running() {
            true => self.prose.flow.open_item(),
            false => self.prose.end(),
        }
    }

    fn start_work(&mut self, name: &str, around: &str) {
        if around == "listBibl" {
            self.start_item();
        }
        if name == "biblStruct" {
            self.prose.hold();
        }
    }

    fn start_part_of_work(&mut self, name: &str) {
        match name {
            "forename" | "surname" | "roleName" | "genName" | "nameLink" => self.prose.join(" "),
            "author" | "editor" => self.prose.join(", "),
            "title" | "date" | "publisher" | "pubPlace" | "biblScope" | "idno" | "ptr" => {
                self.prose.join(". ");
            }
            _ => {}
        }
    }

    fn end_work(&mut self, name: &str, around: &str) {
        if name == "biblStruct" {
            let text = self.prose.release();
            self.prose.text(&text);
        }
        if around == "listBibl" {
            self.end_block();
        }
    }
}
