//! Running text of XML documents on its way to blocks: what stands in a table's cell, in a formula
//! or in a name is gathered first.

mod mathml;
mod table;

use crate::markup::latex;
use crate::write::Flow;
use crate::write::numerals::superscript;
use crate::xml::{self, Attributes};
use mathml::Formula;
use table::Table;

/// Gathers the text between tags.
pub(crate) struct Prose {
    pub(crate) flow: Flow,
    /// Texts that the reader of the vocabulary puts where they belong, innermost last.
    held: Vec<String>,
    table: Option<Table>,
    formula: Option<Formula>,
    code: Option<String>,
    /// How many elements around the text raise it.
    raised: usize,
}

impl Prose {
    pub(crate) fn new(flow: Flow) -> Self {
        let held = Vec::new();
        Self { flow, held, table: None, formula: None, code: None, raised: 0 }
    }

    /// Text as it comes; white space collapses.
    pub(crate) fn text(&mut self, text: &str) {
        if let Some(formula) = &mut self.formula {
            return formula.text(text);
        }
        if let Some(code) = &mut self.code {
            return code.push_str(text);
        }
        let cell = self.table.as_mut().and_then(Table::cell);
        match self.held.last_mut().or(cell) {
            Some(held) if self.raised > 0 => raise(held, text),
            Some(held) => held.push_str(text),
            None if self.raised > 0 => self.flow.raised(text),
            None => self.flow.text(text),
        }
    }

    /// Text is held from here on, until [`Prose::release`].
    pub(crate) fn hold(&mut self) {
        self.held.push(String::new());
    }

    /// The text that was held last, on one line.
    pub(crate) fn release(&mut self) -> String {
        let text = self.held.pop().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The text that is being held.
    pub(crate) fn held(&mut self) -> Option<&mut String> {
        self.held.last_mut()
    }

    /// Puts `joint` between what is held and what comes next: a space where a sign stands there
    /// that ends something, nothing behind one that opens it.
    pub(crate) fn join(&mut self, joint: &str) {
        let Some(held) = self.held.last_mut() else { return };
        let end = held.trim_end();
        let length = end.len();
        let joint = match end.chars().next_back() {
            None => return,
            Some(c) if "([{\u{201c}\u{2018}/\u{2013}-".contains(c) => return,
            Some(c) if ".,;:!?".contains(c) => " ",
            Some(_) => joint,
        };
        held.truncate(length);
        held.push_str(joint);
    }

    /// Whether the text goes into blocks of its own, and not into a cell or what is held.
    pub(crate) fn is_running(&self) -> bool {
        self.held.is_empty() && self.table.is_none() && self.formula.is_none()
    }

    /// Whether the text is within a table.
    pub(crate) fn is_in_table(&self) -> bool {
        self.table.is_some()
    }

    /// Ends a paragraph. Within a cell or what is held it is a space.
    pub(crate) fn end(&mut self) {
        if self.is_running() {
            self.flow.close();
        } else {
            self.text(" ");
        }
    }

    pub(crate) fn line_break(&mut self) {
        if self.is_running() {
            self.flow.line_break();
        } else {
            self.text(" ");
        }
    }

    /// A paragraph of its own.
    pub(crate) fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.end();
            self.text(text);
            self.end();
        }
    }

    pub(crate) fn heading(&mut self, level: u8, text: &str) {
        if self.is_running() && !text.is_empty() {
            self.flow.close();
            self.flow.text(text);
            self.flow.close_heading(level);
        } else {
            self.paragraph(text);
        }
    }

    /// What follows stands raised.
    pub(crate) fn raise(&mut self) {
        self.raised += 1;
    }

    pub(crate) fn lower(&mut self) {
        self.raised = self.raised.saturating_sub(1);
    }

    /// Lines that are kept as they are, until [`Prose::end_code`].
    pub(crate) fn code(&mut self) {
        self.code.get_or_insert_default();
    }

    pub(crate) fn end_code(&mut self) {
        let Some(code) = self.code.take() else { return };
        if self.is_running() {
            self.flow.code(&code);
        } else {
            self.text(&code);
        }
    }

    /// Ends lists, cells and whatever else is open.
    pub(crate) fn finish(mut self) -> Flow {
        self.end_table();
        while let Some(text) = self.held.pop() {
            self.text(&text);
        }
        self.flow.close();
        self.flow
    }

    /// A start tag of a formula or of a table in one of the two models (HTML, CALS); false when it
    /// is none.
    pub(crate) fn open(&mut self, name: &str, attributes: &Attributes) -> bool {
        let name = xml::local(name);
        if let Some(formula) = &mut self.formula {
            formula.open(name, attributes);
            return true;
        }
        if name == "math" {
            let mut formula = Formula::default();
            formula.open(name, attributes);
            self.formula = Some(formula);
            return true;
        }
        if name == "table" && self.table.is_none() && self.held.is_empty() {
            self.flow.close();
            self.table = Some(Table::default());
            return true;
        }
        // Of a table in what is held: its cells are words of that.
        if self.table.is_none() && matches!(name, "td" | "th" | "entry") {
            self.text(" ");
        }
        self.table.as_mut().is_some_and(|table| table.open(name, attributes))
    }

    /// An end tag of such; none when it is none of them, else the formula that ended.
    pub(crate) fn close(&mut self, name: &str) -> Option<Option<String>> {
        let name = xml::local(name);
        if let Some(formula) = &mut self.formula {
            let text = formula.close();
            if text.is_some() {
                self.formula = None;
            }
            return Some(text);
        }
        let table = self.table.as_mut()?;
        if name == "table" && table.is_outermost() {
            self.end_table();
            return Some(None);
        }
        table.close(name).then_some(None)
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        if table.write(&mut self.flow) {
            self.flow
                .builder
                .note("cells of tables span so much that not all stand under their columns");
        }
    }
}

/// A formula in TeX as a line of signs, without the document that some files put around it.
pub(crate) fn tex(source: &str) -> String {
    let inner = source.split_once("\\begin{document}").map_or(source, |(_, inner)| inner);
    let inner = inner.split_once("\\end{document}").map_or(inner, |(inner, _)| inner);
    latex::formula(inner).split('\n').collect::<Vec<_>>().join("; ")
}

/// Adds text that stands raised. Behind a digit it is no further digit of the number.
fn raise(held: &mut String, text: &str) {
    let signs: Option<String> = text.trim_end().chars().map(superscript).collect();
    match signs.filter(|_| held.ends_with(char::is_numeric)) {
        Some(signs) => held.push_str(&signs),
        None => held.push_str(text),
    }
}
