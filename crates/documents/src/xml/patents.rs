//! Patents and applications of the USPTO: those since 2004 (`us-patent-grant`,
//! `us-patent-application`), applications of 2001 to 2004 (`patent-application-publication`) and
//! grants of 2002 to 2004 (`PATDOC`).

mod head;
#[cfg(test)]
mod tests;

use crate::document::Document;
use crate::write::{Builder, Flow};
use crate::xml::prose::Prose;
use crate::xml::vocabulary::{self, Open, Vocabulary};
use crate::xml::{Attributes, local};
use head::Head;

/// Names of the elements that files of each of the formats begin with.
const ROOTS: [&str; 4] =
    ["us-patent-grant", "us-patent-application", "patent-application-publication", "PATDOC"];
/// Elements that say nothing to a reader of the text.
const SKIPPED: &[&str] = &[
    "drawings",
    "subdoc-drawings",
    "SDODR",
    "us-claim-statement",
    "mathematica-file",
    "MATHEMATICA",
    "image",
    "img",
    "EMI",
    "chemistry-file",
    "chemcad-chemical-diagram",
    "us-chemistry",
    "us-math",
];

/// Whether an XML text with this root is a patent.
pub(crate) fn is_patent(root: &str) -> bool {
    ROOTS.contains(&local(root))
}

/// Reads a patent, or several of them in one file.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    let patent = Patent {
        prose: Prose::new(Flow::new(builder)),
        open: Open::default(),
        claim: 0,
        level: 0,
        bare: Vec::new(),
        head: None,
        cited: Vec::new(),
    };
    vocabulary::read(source, patent)
}

struct Patent {
    prose: Prose,
    open: Open,
    /// How many claims and their parts are around the text.
    claim: usize,
    /// The level of the heading that is being read.
    level: u8,
    /// Of the lists around it, whether their items have no marker.
    bare: Vec<bool>,
    /// What is said of the patent before its text, while that is read.
    head: Option<Head>,
    /// The works that it cites.
    cited: Vec<String>,
}

impl Vocabulary for Patent {
    const SKIPPED: &'static [&'static str] = SKIPPED;

    fn open(&mut self) -> &mut Open {
        &mut self.open
    }

    fn prose(&mut self) -> Option<&mut Prose> {
        self.head.is_none().then_some(&mut self.prose)
    }

    fn start(&mut self, name: &str, attributes: &Attributes) {
        if let Some(head) = &mut self.head {
            return head.open(name);
        }
        match name {
            "us-bibliographic-data-grant"
            | "us-bibliographic-data-application"
            | "subdoc-bibliographic-information"
            | "SDOBI" => {
                // Of a further patent in the same file.
                self.write_cited();
                self.prose.end();
                self.head = Some(Head::default());
            }
            "abstract" | "subdoc-abstract" | "SDOAB" => self.prose.heading(2, "Abstract"),
            "description" | "subdoc-description" | "SDODE" => self.prose.heading(2, "Description"),
            "claims" | "subdoc-claims" | "SDOCL" => self.prose.heading(2, "Claims"),
            "heading" | "H" => {
                let level = ["level", "lvl", "LVL"].iter().find_map(|name| attributes.find(name));
                self.level = level.and_then(|level| level.parse().ok()).unwrap_or(1).clamp(1, 4);
                self.prose.end();
                self.prose.hold();
            }
            "claim" | "CLM" => {
                self.prose.end();
                self.claim = 1;
            }
            "claim-text" | "CLMSTEP" | "PARA" if self.claim > 0 => self.part_of_claim(name),
            "p" | "paragraph" | "PARA" => {
                self.prose.end();
                // By its number a paragraph is cited.
                let number =
                    attributes.find("num").filter(|number| !number.trim_matches('0').is_empty());
                let described = self.open.is_within("description");
                if let Some(number) = number.filter(|_| described) {
                    self.prose.text(&format!("[{number}] "));
                }
            }
            "ul" | "ol" | "UL" | "OL" if self.prose.is_running() => {
                self.bare.push(attributes.find("list-style") == Some("none"));
                self.prose.flow.open_list(None);
            }
            "li" | "LI" if self.prose.is_running() => {
                let marked = self.bare.last() != Some(&true);
                self.prose.flow.open_marked(marked.then(|| "-".to_owned()));
            }
            "sup" | "superscript" | "SP" => self.prose.raise(),
            "br" | "BR" => self.prose.line_break(),
            "pre" | "program-listing" => self.prose.code(),
            "maths" | "math-cwu" | "chemistry" | "F" | "CWU" if self.claim > 0 => {
                self.prose.line_break();
            }
            "maths" | "math-cwu" | "chemistry" | "F" | "CWU" | "tables" | "table-cwu" => {
                self.prose.end();
            }
            // What the office counts; the text has its own numbers.
            "number"
                if matches!(self.open.around(), "math-cwu" | "table-cwu" | "chemistry-cwu") =>
            {
                self.prose.hold();
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if let Some(head) = &mut self.head {
            head.close(name);
            if matches!(
                name,
                "us-bibliographic-data-grant"
                    | "us-bibliographic-data-application"
                    | "subdoc-bibliographic-information"
                    | "SDOBI"
            ) {
                self.write_head();
            }
            return;
        }
        match name {
            "heading" | "H" => {
                let text = self.prose.release();
                self.prose.heading(2 + self.level, &text);
            }
            "claim" | "CLM" => {
                self.claim = 0;
                self.prose.end();
            }
            "claim-text" | "CLMSTEP" | "PARA" if self.claim > 0 => {}
            "maths" | "math-cwu" | "chemistry" | "F" | "CWU" if self.claim > 0 => {
                self.prose.line_break();
            }
            "p" | "paragraph" | "PARA" | "maths" | "math-cwu" | "chemistry" | "F" | "CWU"
            | "tables" | "table-cwu" | "abstract" | "subdoc-abstract" => self.prose.end(),
            "ul" | "ol" | "UL" | "OL" if self.prose.is_running() => {
                self.bare.pop();
                self.prose.flow.close_list();
            }
            "li" | "LI" => self.prose.end(),
            "sup" | "superscript" | "SP" => self.prose.lower(),
            "pre" | "program-listing" => self.prose.end_code(),
            "number"
                if matches!(self.open.around(), "math-cwu" | "table-cwu" | "chemistry-cwu") =>
            {
                self.prose.release();
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        match &mut self.head {
            Some(head) => head.text(text),
            None => self.prose.text(text),
        }
    }

    fn formula(&mut self, text: &str) {
        self.prose.text(text);
    }

    fn finish(mut self) -> Flow {
        self.write_cited();
        self.prose.finish()
    }
}

impl Patent {
    /// A claim is one paragraph, its parts are lines of it.
    fn part_of_claim(&mut self, name: &str) {
        let reference = matches!(self.open.around(), "dependent-claim-reference" | "claim-ref");
        if !reference {
            if self.claim > 1 || name == "CLMSTEP" {
                self.prose.line_break();
            }
            self.claim += 1;
        }
    }

    fn write_head(&mut self) {
        let Some(head) = self.head.take() else { return };
        self.prose.flow.builder.title(head.title());
        self.prose.heading(1, &head.title());
        for line in head.lines() {
            self.prose.paragraph(&line);
        }
        self.cited = head.cited();
    }

    fn write_cited(&mut self) {
        let cited = std::mem::take(&mut self.cited);
        if cited.is_empty() {
            return;
        }
        self.prose.end();
        self.prose.heading(2, "References cited");
        self.prose.flow.open_list(None);
        for work in cited {
            self.prose.flow.open_item();
            self.prose.text(&work);
            self.prose.end();
        }
        self.prose.flow.close_list();
    }
}
