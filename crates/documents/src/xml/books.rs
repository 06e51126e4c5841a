//! Books, articles and pages of manuals in DocBook, 5 and before.

mod head;
#[cfg(test)]
mod tests;

use crate::document::Document;
use crate::write::{Builder, Flow};
use crate::xml::parts::{self, Footnotes, Head};
use crate::xml::prose::Prose;
use crate::xml::vocabulary::{self, Open, Vocabulary};
use crate::xml::{Attributes, local};

/// What the files of DocBook 5, and those before it, have in their first lines.
const MARKS: [&str; 2] = ["http://docbook.org/ns/docbook", "//DTD DocBook"];
/// How far into a file they are looked for, in bytes.
const MARKED_WITHIN: usize = 4096;
/// Elements that say nothing to a reader of the text.
const SKIPPED: &[&str] = &[
    "indexterm",
    "index",
    "toc",
    "lot",
    "remark",
    "titleabbrev",
    "imageobject",
    "imageobjectco",
    "videoobject",
    "audioobject",
    "textobject",
    "revhistory",
    "legalnotice",
    "areaspec",
    "itermset",
    "subjectset",
    "cover",
    "screeninfo",
];
/// Elements with a title that is a heading.
const SECTIONS: [&str; 31] = [
    "set",
    "book",
    "part",
    "partintro",
    "reference",
    "chapter",
    "appendix",
    "preface",
    "article",
    "topic",
    "section",
    "sect1",
    "sect2",
    "sect3",
    "sect4",
    "sect5",
    "simplesect",
    "refentry",
    "refsynopsisdiv",
    "refsection",
    "refsect1",
    "refsect2",
    "refsect3",
    "glossary",
    "glossdiv",
    "bibliography",
    "bibliodiv",
    "dedication",
    "acknowledgements",
    "colophon",
    "qandadiv",
];
/// Elements that are paragraphs, or hold some.
const BLOCKS: [&str; 24] = [
    "para",
    "simpara",
    "title",
    "subtitle",
    "blockquote",
    "epigraph",
    "attribution",
    "figure",
    "example",
    "equation",
    "informalfigure",
    "informalexample",
    "informalequation",
    "mediaobject",
    "caption",
    "sidebar",
    "refnamediv",
    "question",
    "answer",
    "glossentry",
    "cmdsynopsis",
    "funcprototype",
    "address",
    "abstract",
];
/// Elements whose lines are kept.
const LISTINGS: [&str; 5] =
    ["programlisting", "screen", "literallayout", "synopsis", "funcsynopsisinfo"];
/// Elements that hold items of a list, and the items.
const LISTS: [&str; 9] = [
    "itemizedlist",
    "orderedlist",
    "simplelist",
    "variablelist",
    "calloutlist",
    "procedure",
    "substeps",
    "stepalternatives",
    "bibliolist",
];
const ITEMS: [&str; 5] = ["listitem", "member", "varlistentry", "callout", "step"];
/// What stands before the text of an element that says what it is for.
const ADMONITIONS: [(&str, &str); 6] = [
    ("note", "Note: "),
    ("tip", "Tip: "),
    ("important", "Important: "),
    ("warning", "Warning: "),
    ("caution", "Caution: "),
    ("danger", "Danger: "),
];

/// Whether an XML text with this root is one of DocBook.
pub(crate) fn is_book(root: &str, source: &str) -> bool {
    let mut end = source.len().min(MARKED_WITHIN);
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let begins = source.get(..end).unwrap_or_default();
    SECTIONS.contains(&local(root)) && MARKS.iter().any(|mark| begins.contains(mark))
}

/// Reads a book, or a part of one.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let book = Book {
        prose: Prose::new(Flow::new(builder)),
        open: Open::default(),
        level: 0,
        head: None,
        goes_on: false,
        first_term: false,
        notes: Footnotes::default(),
    };
    vocabulary::read(source, book)
}

struct Book {
    prose: Prose,
    open: Open,
    /// Sections around the text.
    level: u8,
    /// What is said of the present part, while that is read, and how deep it stands.
    head: Option<(Head, usize)>,
    /// Whether the next paragraph goes on in the line that has begun.
    goes_on: bool,
    /// Whether no term of the present item was read.
    first_term: bool,
    notes: Footnotes,
}

impl Vocabulary for Book {
    const SKIPPED: &'static [&'static str] = SKIPPED;

    fn open(&mut self) -> &mut Open {
        &mut self.open
    }

    fn prose(&mut self) -> Option<&mut Prose> {
        Some(&mut self.prose)
    }

    fn start(&mut self, name: &str, attributes: &Attributes) {
        if self.head.is_some() {
            return self.start_in_head(name);
        }
        let around = self.open.around().to_owned();
        match name {
            _ if head::is_head(name) => {
                self.head = Some((Head::default(), self.open.depth()));
                self.prose.hold();
            }
            _ if SECTIONS.contains(&name) => {
                self.start_block();
                self.goes_on = false;
                self.level = self.level.saturating_add(1);
            }
            "title" if self.is_apart(&around) => self.prose.hold(),
            "refmeta" | "footnote" | "menuchoice" | "keycombo" => self.prose.hold(),
            "refname" if around == "refnamediv" => self.prose.text(" "),
            "refpurpose" => self.prose.text(" \u{2013} "),
            "manvolnum" => self.prose.text("("),
            _ if around == "menuchoice" => self.prose.join(" > "),
            _ if around == "keycombo" => self.prose.join("+"),
            _ if LISTS.contains(&name) && self.prose.is_running() => self.start_list(name),
            "listitem" if around == "varlistentry" => {
                self.prose.text(": ");
                self.goes_on = true;
            }
            "term" => {
                if !std::mem::take(&mut self.first_term) {
                    self.prose.text(", ");
                }
            }
            _ if ITEMS.contains(&name) => {
                self.first_term = true;
                match self.prose.is_running() {
                    true => self.prose.flow.open_item(),
                    false => self.prose.end(),
                }
            }
            "biblioentry" | "bibliomixed" => self.start_work(name),
            "glossdef" | "glosssee" => {
                self.prose.text(": ");
                self.goes_on = true;
            }
            // Within a cell it is one of the tables there.
            "informaltable" if self.prose.is_running() || self.prose.is_in_table() => {
                self.prose.open("table", attributes);
            }
            "quote" => self.prose.text("\u{201c}"),
            "superscript" => self.prose.raise(),
            "sbr" => self.prose.line_break(),
            _ if self.is_in_work() => self.start_part_of_work(name, &around),
            "arg" if around == "cmdsynopsis" => self.prose.text(" "),
            _ if LISTINGS.contains(&name) => {
                self.goes_on = false;
                self.prose.code();
            }
            _ if BLOCKS.contains(&name) => {
                self.start_block();
                if name == "attribution" {
                    self.prose.text("\u{2014} ");
                }
            }
            _ => {
                if let Some((_, lead)) = ADMONITIONS.iter().find(|(known, _)| *known == name) {
                    self.start_block();
                    self.prose.text(lead);
                    self.goes_on = true;
                }
            }
        }
    }

    fn end(&mut self, name: &str) {
        let around = self.open.around().to_owned();
        if let Some((_, depth)) = &self.head {
            return match *depth == self.open.depth() {
                true => self.write_head(&around),
                false => self.end_in_head(name),
            };
        }
        match name {
            _ if SECTIONS.contains(&name) => {
                self.end_block();
                self.level = self.level.saturating_sub(1);
            }
            "title" if around == "formalpara" => {
                let title = self.prose.release();
                let stop = if title.ends_with(['.', ':', '?', '!']) { "" } else { "." };
                self.start_block();
                self.prose.text(&format!("{title}{stop} "));
                self.goes_on = true;
            }
            "title" if self.is_apart(&around) => {
                let title = self.prose.release();
                parts::heading(&mut self.prose, self.level, &title);
            }
            "refmeta" => {
                let title = self.prose.release();
                parts::heading(&mut self.prose, self.level, &title);
            }
            "manvolnum" => self.prose.text(")"),
            "footnote" => self.notes.end(&mut self.prose, String::new()),
            "menuchoice" | "keycombo" => {
                let text = self.prose.release();
                self.prose.text(&text);
            }
            _ if LISTS.contains(&name) && self.prose.is_running() => self.prose.flow.close_list(),
            _ if ITEMS.contains(&name) => self.end_block(),
            "biblioentry" => {
                let text = self.prose.release();
                self.prose.text(&text);
                self.end_work();
            }
            "bibliomixed" => self.end_work(),
            "informaltable" => {
                self.prose.close("table");
            }
            "quote" => self.prose.text("\u{201d}"),
            "superscript" => self.prose.lower(),
            _ if self.is_in_work() => {}
            _ if LISTINGS.contains(&name) => self.prose.end_code(),
            _ if BLOCKS.contains(&name) || ADMONITIONS.iter().any(|(known, _)| *known == name) => {
                self.end_block();
            }
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

impl Book {
    /// Whether the title of the element `around` it is not one paragraph more.
    fn is_apart(&self, around: &str) -> bool {
        // A table is not among the elements around its title.
        !self.prose.is_in_table() && (around == "formalpara" || SECTIONS.contains(&around))
    }

    /// Whether the text is a part of a work that is cited.
    fn is_in_work(&self) -> bool {
        self.open.is_within("biblioentry") || self.open.is_within("bibliomixed")
    }

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

    fn start_list(&mut self, name: &str) {
        self.goes_on = false;
        let ordered = matches!(name, "orderedlist" | "procedure" | "substeps");
        self.prose.flow.open_list(ordered.then_some(1));
    }

    fn start_work(&mut self, name: &str) {
        if self.prose.is_running() {
            self.prose.flow.open_list(None);
            self.prose.flow.open_item();
        }
        if name == "biblioentry" {
            self.prose.hold();
        }
    }

    fn start_part_of_work(&mut self, name: &str, around: &str) {
        match name {
            "firstname" | "givenname" | "surname" | "othername" | "lineage" | "honorific" => {
                self.prose.join(" ");
            }
            "author" | "editor" if around == "authorgroup" => self.prose.join(", "),
            _ if around == "biblioentry" || around == "biblioset" => self.prose.join(". "),
            _ => {}
        }
    }

    fn end_work(&mut self) {
        if self.prose.is_running() {
            self.prose.flow.close_list();
        }
    }
}
