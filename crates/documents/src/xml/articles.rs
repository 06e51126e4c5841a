//! Articles of journals in JATS (NISO Z39.96) and the NLM formats before it.

mod citations;
mod front;
mod notes;
#[cfg(test)]
mod tests;

use crate::document::Document;
use crate::write::{Builder, Flow};
use crate::xml::Attributes;
use crate::xml::prose::{self, Prose};
use crate::xml::vocabulary::{self, Open, Vocabulary};
use front::Front;
use notes::Notes;

/// Elements that say nothing to a reader of the text.
const SKIPPED: &[&str] = &[
    "object-id",
    "contrib-id",
    "institution-id",
    "journal-id",
    "issn",
    "isbn",
    "role",
    "degrees",
    "permissions",
    "history",
    "counts",
    "self-uri",
    "article-categories",
    "alt-title",
    "award-group",
    "alt-text",
    "long-desc",
    "pub-history",
    "processing-meta",
    "publisher",
    "ali:free_to_read",
    "ali:license_ref",
];
/// Elements with a title that is a heading.
const SECTIONS: [&str; 14] = [
    "sec",
    "abstract",
    "trans-abstract",
    "ack",
    "app",
    "ref-list",
    "notes",
    "fn-group",
    "glossary",
    "def-list",
    "bio",
    "dedication",
    "front-matter-part",
    "answer-set",
];
/// Elements that are paragraphs, or hold some.
const BLOCKS: [&str; 24] = [
    "p",
    "disp-quote",
    "boxed-text",
    "verse-group",
    "verse-line",
    "attrib",
    "caption",
    "fig",
    "fig-group",
    "table-wrap",
    "table-wrap-group",
    "table-wrap-foot",
    "supplementary-material",
    "disp-formula",
    "disp-formula-group",
    "statement",
    "speech",
    "def-item",
    "corresp",
    "funding-statement",
    "subtitle",
    "trans-title-group",
    "question",
    "answer",
];
/// Headings of parts that may have none of their own.
const UNTITLED: [(&str, &str); 3] =
    [("abstract", "Abstract"), ("ack", "Acknowledgements"), ("ref-list", "References")];

/// Whether an XML text has an article in it.
pub(crate) fn is_article(source: &str) -> bool {
    ["<article-meta", "<front-stub"].iter().any(|mark| source.contains(mark))
}

/// Reads an article, or several of them in one file.
pub(crate) fn read(source: &str, builder: Builder) -> Document {
    vocabulary::read(source, Article::new(builder))
}

struct Article {
    prose: Prose,
    open: Open,
    /// Sections around the text, and whether the innermost has its heading.
    level: u8,
    /// A section that is to have a heading if it comes without one.
    untitled: Option<&'static str>,
    /// The number of the present section or figure, before its title.
    label: String,
    /// The depth of a reference that stands raised, written in brackets.
    raised: Option<usize>,
    /// A formula that may be there in two forms: in TeX and in MathML.
    formula: Option<(String, String)>,
    front: Front,
    notes: Notes,
}

impl Article {
    fn new(builder: Builder) -> Self {
        Self {
            prose: Prose::new(Flow::new(builder)),
            open: Open::default(),
            level: 1,
            untitled: None,
            label: String::new(),
            raised: None,
            formula: None,
            front: Front::default(),
            notes: Notes::default(),
        }
    }
}

impl Vocabulary for Article {
    const SKIPPED: &'static [&'static str] = SKIPPED;

    fn open(&mut self) -> &mut Open {
        &mut self.open
    }

    fn prose(&mut self) -> Option<&mut Prose> {
        Some(&mut self.prose)
    }

    fn start(&mut self, name: &str, attributes: &Attributes) {
        if self.start_in_front(name, attributes) || self.start_citation(name, attributes) {
            return;
        }
        let around = self.open.around().to_owned();
        if let Some((_, heading)) = UNTITLED.iter().find(|(part, _)| *part == name) {
            self.prose.end();
            self.untitled = (name != "abstract" || around == "article-meta").then_some(*heading);
        } else if name != "title" && name != "label" {
            self.write_untitled();
        }
        match name {
            "label" | "tex-math" => self.prose.hold(),
            "title" if SECTIONS.contains(&around.as_str()) => self.prose.hold(),
            "sub-article" | "response" => {
                self.prose.end();
                self.level = self.level.saturating_add(1);
            }
            "fn" => self.start_note(),
            "list" => {
                let ordered = attributes.find("list-type").is_some_and(|kind| kind == "order");
                if self.prose.is_running() {
                    self.prose.flow.open_list(ordered.then_some(1));
                }
            }
            "list-item" if self.prose.is_running() => self.prose.flow.open_item(),
            "ref" if self.prose.is_running() => {
                self.prose.flow.open_list(None);
                self.prose.flow.open_item();
            }
            "preformat" | "code" => self.prose.code(),
            "break" => self.prose.line_break(),
            "sup" => {
                self.prose.raise();
                if around == "xref" && self.raised.is_none() {
                    self.prose.text("[");
                    self.raised = Some(self.open.depth());
                }
            }
            "xref" => {
                let kind = attributes.find("ref-type").unwrap_or_default();
                let mark = matches!(kind, "bibr" | "fn" | "table-fn");
                if mark && self.open.is_within("sup") && self.raised.is_none() {
                    self.prose.text("[");
                    self.raised = Some(self.open.depth());
                }
            }
            "inline-formula" | "disp-formula" => {
                if name == "disp-formula" {
                    self.prose.end();
                }
                self.formula = Some(Default::default());
            }
            "def" => self.prose.text(": "),
            _ if SECTIONS.contains(&name) => {
                self.prose.end();
                self.label.clear();
                self.level = self.level.saturating_add(1);
            }
            _ if BLOCKS.contains(&name) => self.start_block(name, &around),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if self.raised == Some(self.open.depth()) && matches!(name, "xref" | "sup") {
            self.raised = None;
            if name == "sup" {
                self.prose.lower();
            }
            return self.prose.text("]");
        }
        if self.end_in_front(name) || self.end_citation(name) {
            return;
        }
        let around = self.open.around().to_owned();
        match name {
            "label" => self.end_label(&around),
            "title" if SECTIONS.contains(&around.as_str()) => {
                let title = self.prose.release();
                let label = std::mem::take(&mut self.label);
                let title = format!("{label} {title}");
                self.untitled = None;
                self.prose.heading(self.level, title.trim());
            }
            // Of a list or a box.
            "title" if around != "caption" => self.prose.end(),
            "title" => self.prose.text(" "),
            "tex-math" => {
                let source = self.prose.release();
                let formula = prose::tex(&source);
                match &mut self.formula {
                    Some((tex, _)) => add(tex, &formula),
                    None => self.prose.text(&formula),
                }
            }
            "inline-formula" | "disp-formula" => self.end_formula(name),
            "sub-article" | "response" => {
                self.prose.end();
                self.level = self.level.saturating_sub(1);
            }
            "fn" => self.end_note(&around),
            "list" if self.prose.is_running() => self.prose.flow.close_list(),
            "list-item" => self.prose.end(),
            "ref" if self.prose.is_running() => self.prose.flow.close_list(),
            "preformat" | "code" => self.prose.end_code(),
            "sup" => self.prose.lower(),
            _ if SECTIONS.contains(&name) => {
                self.prose.end();
                self.untitled = None;
                self.level = self.level.saturating_sub(1);
            }
            "p" if matches!(around.as_str(), "caption" | "fn") => self.prose.text(" "),
            _ if BLOCKS.contains(&name) => {
                self.prose.end();
                self.write_notes();
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        // White space between elements of these is layout of the file.
        let layout =
            matches!(self.open.around(), "fig" | "table-wrap" | "sec" | "body" | "article-meta");
        if !layout || !text.trim().is_empty() {
            self.prose.text(text);
        }
    }

    fn formula(&mut self, text: &str) {
        match &mut self.formula {
            Some((_, mathml)) => add(mathml, text),
            None => self.prose.text(text),
        }
    }

    fn finish(self) -> Flow {
        let notes = self.notes.left();
        let mut flow = self.prose.finish();
        for note in notes {
            flow.text(&note);
            flow.close();
        }
        flow
    }
}

impl Article {
    /// Writes the heading of a section that has none of its own.
    fn write_untitled(&mut self) {
        if let Some(heading) = self.untitled.take() {
            self.prose.heading(self.level, heading);
        }
    }

    fn start_block(&mut self, name: &str, around: &str) {
        // A section with a number and no title.
        let label = std::mem::take(&mut self.label);
        if SECTIONS.contains(&around) && !label.is_empty() {
            self.prose.heading(self.level, &label);
        }
        // The title and the paragraphs of a caption go on behind the label.
        let goes_on = name == "caption" || around == "caption" && name == "p";
        if goes_on || around == "fn" || around == "list-item" || around == "def" {
            self.prose.text(" ");
        } else {
            self.prose.end();
        }
        if name == "funding-statement" {
            self.prose.text("Funding: ");
        }
    }

    fn end_label(&mut self, around: &str) {
        let label = self.prose.release();
        match around {
            "list-item" | "ref" if self.prose.is_running() => {
                let number = label.chars().all(|c| c.is_ascii_digit());
                let marker = if number { format!("{label}.") } else { label };
                self.prose.flow.open_marked(Some(marker).filter(|marker| marker != "."));
            }
            "aff" => self.prose.text(&format!("{label}. ")),
            "fn" => self.notes.mark(label),
            "disp-formula" => self.label = label,
            _ if SECTIONS.contains(&around) => self.label = label,
            "fig" | "table-wrap" | "supplementary-material" | "boxed-text" | "statement" => {
                let end = if label.ends_with(['.', ':']) { " " } else { ". " };
                self.prose.end();
                self.prose.text(&format!("{label}{end}"));
            }
            _ => self.prose.text(&format!("{label} ")),
        }
    }

    fn end_formula(&mut self, name: &str) {
        let (tex, mathml) = self.formula.take().unwrap_or_default();
        self.prose.text(if tex.is_empty() { &mathml } else { &tex });
        if name == "disp-formula" {
            let label = std::mem::take(&mut self.label);
            if !label.is_empty() {
                self.prose.text(&format!(" {label}"));
            }
            self.prose.end();
        }
    }
}

/// Adds a further part of a formula.
fn add(formula: &mut String, part: &str) {
    if !formula.is_empty() {
        formula.push(' ');
    }
    formula.push_str(part);
}
