//! Explicit marks: directives, footnotes, targets and comments.

use super::{Reader, field, indented, outdented};
use crate::markup::{latex, lines};

/// Directives whose lines are kept as they are.
const CODE: [&str; 11] = [
    "code",
    "code-block",
    "sourcecode",
    "parsed-literal",
    "prompt",
    "doctest",
    "testcode",
    "testoutput",
    "ipython",
    "command-output",
    "productionlist",
];
/// Directives that show nothing of their own.
const SILENT: [&str; 20] = [
    "contents",
    "sectnum",
    "section-numbering",
    "highlight",
    "index",
    "default-role",
    "meta",
    "currentmodule",
    "tabularcolumns",
    "class",
    "role",
    "raw",
    "header",
    "footer",
    "title",
    "target-notes",
    "testsetup",
    "testcleanup",
    "default-domain",
    "ifconfig",
];
/// Directives that take other files in.
const FILES: [&str; 2] = ["include", "literalinclude"];
/// Boxes beside the text, by the word that leads them in.
const BOXES: [(&str, &str); 16] = [
    ("note", "Note:"),
    ("warning", "Warning:"),
    ("tip", "Tip:"),
    ("hint", "Hint:"),
    ("important", "Important:"),
    ("caution", "Caution:"),
    ("danger", "Danger:"),
    ("attention", "Attention:"),
    ("error", "Error:"),
    ("seealso", "See also:"),
    ("todo", "To do:"),
    ("versionadded", "New in version"),
    ("versionchanged", "Changed in version"),
    ("deprecated", "Deprecated since version"),
    ("deprecated-removed", "Deprecated since version"),
    ("versionremoved", "Removed in version"),
];

/// A directive: what stands behind its name, its options, and the lines below.
pub(super) struct Directive<'a> {
    pub(super) argument: String,
    options: Vec<(&'a str, &'a str)>,
    pub(super) body: Vec<&'a str>,
}

impl<'a> Directive<'a> {
    fn of(argument: &str, below: &[&'a str]) -> Self {
        let lines = outdented(below);
        let mut argument = argument.to_owned();
        let mut options = Vec::new();
        let mut at = 0;
        while let Some(line) = lines.get(at).filter(|line| !line.is_empty()) {
            match field(line) {
                Some(option) => options.push(option),
                None if options.is_empty() => {
                    argument.push('\n');
                    argument.push_str(line);
                }
                None => break,
            }
            at += 1;
        }
        let body = lines.get(at..).unwrap_or_default();
        let empty = body.iter().take_while(|line| line.is_empty()).count();
        Self { argument, options, body: body.get(empty..).unwrap_or_default().to_vec() }
    }

    pub(super) fn option(&self, name: &str) -> Option<&'a str> {
        self.options.iter().find(|(option, _)| *option == name).map(|(_, value)| *value)
    }

    /// Its argument on one line.
    fn title(&self) -> String {
        self.argument.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// All lines but the options: those of directives without an argument begin behind the name.
    fn whole(&self) -> Vec<&str> {
        let first = self.argument.lines().map(str::trim);
        let mut all: Vec<&str> = first.collect();
        if !all.is_empty() && !self.body.is_empty() {
            all.push("");
        }
        all.extend(self.body.iter());
        all
    }
}

impl Reader {
    /// What begins with two dots; how many lines it has.
    pub(super) fn explicit(&mut self, rest: &[&str], base: usize, depth: usize) -> usize {
        let first = rest.first().copied().unwrap_or_default();
        let length = 1 + indented(rest.get(1..).unwrap_or_default());
        let below = rest.get(1..length).unwrap_or_default();
        let text = first.strip_prefix("..").unwrap_or_default().trim_start();
        self.lines.end();
        if let Some((mark, note)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
            let mark = self.marks.noted(mark);
            self.lines.text(&format!("[{mark}]"));
            let mut inner = vec![note.trim()];
            inner.extend(outdented(below));
            self.block(&inner, base + 1, depth + 1);
            return length;
        }
        // A substitution shows where its name stands.
        if text.starts_with(['_', '|']) {
            return length;
        }
        let Some((name, argument)) = text.split_once("::") else { return length };
        let known = |c: char| c.is_alphanumeric() || "-_+:.".contains(c);
        if !name.is_empty() && name.chars().all(known) {
            let directive = Directive::of(argument.trim(), below);
            // Names of domains: `py:function`.
            let name = name.trim().to_ascii_lowercase();
            self.directive(&name, &directive, below, (base, depth));
        }
        length
    }

    fn directive(
        &mut self,
        name: &str,
        directive: &Directive<'_>,
        below: &[&str],
        (base, depth): (usize, usize),
    ) {
        if CODE.contains(&name) {
            self.code(directive, below);
        } else if FILES.contains(&name) {
            self.lines.file(&directive.title());
        } else if SILENT.contains(&name) {
            if let Some(file) = directive.option("file") {
                self.lines.file(file);
            }
        } else if name == "toctree" {
            for line in &directive.body {
                self.lines.file(line);
            }
        } else if name == "image" || name == "figure" {
            let alt = self.marks.read(directive.option("alt").unwrap_or_default());
            self.lines.paragraph(&alt);
            self.block(&directive.body, base + 1, depth + 1);
        } else if name == "math" {
            let formula = latex::formula(&directive.whole().join("\n"));
            self.lines.paragraph(&formula.replace('\n', "; "));
        } else if matches!(name, "csv-table" | "list-table") {
            self.table_directive(name, directive);
        } else if let Some((_, lead)) = BOXES.iter().find(|(known, _)| *known == name) {
            self.lines.text(lead);
            self.block(&directive.whole(), base + 1, depth + 1);
        } else {
            // What is described, or the title of a box.
            for line in directive.argument.lines() {
                let title = self.marks.read(line.trim());
                self.lines.paragraph(&title);
            }
            self.block(&directive.body, base + 1, depth + 1);
        }
        self.lines.end();
    }

    /// The argument names a language; where there is none, options or lines follow at once.
    fn code(&mut self, directive: &Directive<'_>, below: &[&str]) {
        if let Some(caption) = directive.option("caption") {
            let caption = self.marks.read(caption);
            self.lines.paragraph(&caption);
        }
        let more = directive.argument.contains('\n');
        let code = match more {
            true => lines::without_indent(below),
            false => directive.body.join("\n"),
        };
        self.lines.code(&code);
    }
}
