//! Environments: lists, tables, code, formulas, theorems.

use super::scan::Scan;
use super::{Reader, commands};

/// Environments whose content is a formula, without the star of their variants.
const FORMULAS: [&str; 11] = [
    "equation",
    "align",
    "gather",
    "multline",
    "eqnarray",
    "displaymath",
    "math",
    "flalign",
    "alignat",
    "dmath",
    "empheq",
];
/// Environments whose content stands as it is written.
const CODE: [&str; 7] =
    ["verbatim", "lstlisting", "minted", "Verbatim", "alltt", "BVerbatim", "semiverbatim"];
/// Environments whose content describes a drawing, or is no part of the document.
const DRAWINGS: [&str; 6] = ["tikzpicture", "pgfpicture", "picture", "asy", "forest", "circuitikz"];
const UNPRINTED: [&str; 4] = ["comment", "filecontents", "CCSXML", "luacode"];
const TABLES: [&str; 10] = [
    "tabular",
    "tabularx",
    "tabulary",
    "longtable",
    "tabu",
    "longtabu",
    "tblr",
    "supertabular",
    "xltabular",
    "deluxetable",
];
const LISTS: [&str; 10] = [
    "itemize",
    "enumerate",
    "description",
    "compactitem",
    "compactenum",
    "compactdesc",
    "inparaenum",
    "trivlist",
    "list",
    "dinglist",
];
/// Environments within a paragraph.
const INLINE: [&str; 8] =
    ["small", "footnotesize", "scriptsize", "tiny", "sloppypar", "em", "it", "bf"];

/// What is done with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    Formula,
    Code,
    Drawing,
    Unprinted,
    Table,
    List,
    Works,
    Inline,
    Other,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        let plain = name.trim_end_matches('*');
        match plain {
            "document" => Self::Document,
            "thebibliography" => Self::Works,
            _ if FORMULAS.contains(&plain) => Self::Formula,
            _ if CODE.contains(&plain) => Self::Code,
            _ if DRAWINGS.contains(&plain) => Self::Drawing,
            _ if UNPRINTED.contains(&plain) => Self::Unprinted,
            _ if TABLES.contains(&plain) => Self::Table,
            _ if LISTS.contains(&plain) => Self::List,
            _ if INLINE.contains(&plain) => Self::Inline,
            _ => Self::Other,
        }
    }
}

impl Reader {
    /// An environment begins behind `\begin`.
    pub(super) fn begin(&mut self, scan: &mut Scan<'_>, depth: usize) {
        let name = scan.group().unwrap_or_default();
        let kind = Kind::of(name);
        let end = || format!("\\end{{{name}}}");
        match kind {
            Kind::Document => self.head = false,
            Kind::Unprinted | Kind::Drawing => {
                scan.until(&end());
                self.drawings |= kind == Kind::Drawing && !self.head;
            }
            // An abstract may stand before the document begins.
            _ if self.head && name != "abstract" => {}
            Kind::Formula => {
                commands::skip_of_environment(name, scan);
                let inner = scan.until(&end());
                self.formula(inner, name != "math");
            }
            Kind::Code => {
                self.paragraph();
                scan.options();
                if name == "minted" {
                    scan.group();
                }
                let code = scan.until(&end());
                self.flow.code(code);
            }
            Kind::Table => {
                commands::skip_of_environment(name, scan);
                if self.tables == 0 {
                    self.paragraph();
                }
                self.tables += 1;
                self.flow.open_row();
            }
            Kind::List => {
                self.paragraph();
                commands::skip_of_environment(name, scan);
                let numbered = matches!(name, "enumerate" | "compactenum" | "inparaenum");
                self.flow.open_list(numbered.then_some(1));
            }
            Kind::Works => {
                commands::skip_of_environment(name, scan);
                self.paragraph();
                self.flow.text("References");
                self.flow.close_heading(2);
                self.flow.open_list(None);
            }
            Kind::Inline => {}
            Kind::Other => self.other(name, scan, depth),
        }
    }

    fn other(&mut self, name: &str, scan: &mut Scan<'_>, depth: usize) {
        self.paragraph();
        if let Some(title) = self.macros.theorem_name(name) {
            self.flow.text(&title);
            if let Some(about) = scan.option() {
                self.flow.text(" (");
                self.within(about, depth);
                self.flow.text(")");
            }
            return self.flow.text(". ");
        }
        match name {
            "abstract" => {
                let head = std::mem::replace(&mut self.head, false);
                self.flow.text("Abstract");
                self.flow.close_heading(2);
                if head {
                    let inner = scan.until("\\end{abstract}");
                    self.within(inner, depth);
                    self.paragraph();
                }
                self.head = head;
            }
            "frame" | "block" | "alertblock" | "exampleblock" => {
                scan.options();
                if let Some(title) = scan.adjacent_group() {
                    self.within(title, depth);
                    self.flow.close_heading(if name == "frame" { 2 } else { 3 });
                }
            }
            "keywords" | "keyword" | "IEEEkeywords" => self.flow.text("Keywords: "),
            _ => commands::skip_of_environment(name, scan),
        }
    }

    /// An environment ends behind `\end`.
    pub(super) fn end(&mut self, scan: &mut Scan<'_>) {
        let name = scan.group().unwrap_or_default();
        if self.head {
            return;
        }
        match Kind::of(name) {
            Kind::Table => self.end_table(),
            Kind::List | Kind::Works => {
                self.paragraph();
                self.flow.close_list();
            }
            Kind::Inline => {}
            _ => self.paragraph(),
        }
    }

    pub(super) fn end_table(&mut self) {
        if self.tables == 0 {
            return;
        }
        self.flow.close_row();
        self.tables -= 1;
        if self.tables == 0 {
            self.paragraph();
        }
    }

    /// The end of a line, or of a row of a table.
    pub(super) fn line_end(&mut self, scan: &mut Scan<'_>) {
        scan.star();
        scan.option();
        if self.tables == 0 {
            return self.flow.line_break();
        }
        self.flow.close_cell();
        self.flow.close_row();
        self.flow.open_row();
    }

    /// A cell above several columns: the ones it covers are empty.
    pub(super) fn spanning(&mut self, scan: &mut Scan<'_>, depth: usize) {
        let count = scan.argument().and_then(|count| count.trim().parse().ok()).unwrap_or(1_usize);
        scan.argument();
        let words = scan.argument().unwrap_or_default();
        self.within(words, depth);
        if self.tables == 1 {
            for _ in 1..count.min(100) {
                self.flow.close_cell();
            }
        }
    }

    pub(super) fn item(&mut self, scan: &mut Scan<'_>, depth: usize) {
        self.paragraph();
        if self.tables == 0 {
            self.flow.open_item();
        }
        scan.blanks();
        if let Some(label) = scan.option() {
            self.within(label, depth);
            self.flow.text(" ");
        }
    }

    /// An entry of a list of works, under the name that the text refers to it by.
    pub(super) fn work(&mut self, scan: &mut Scan<'_>) {
        scan.blanks();
        scan.options();
        let name = scan.group().unwrap_or_default();
        self.paragraph();
        self.flow.open_marked(Some(format!("[{}]", name.trim())));
    }
}
