//! What a document defines itself: `\newcommand`, `\def`, `\newtheorem`.

use std::collections::HashMap;

use super::scan::Scan;

/// Longer bodies are no abbreviations, in bytes.
const BODY_BYTES_MAX: usize = 20_000;
/// Bytes that all uses of the definitions of one document may come to.
const EXPANDED_BYTES_MAX: usize = 4 << 20;

/// Theorems and their like as most classes name them.
const THEOREMS: [(&str, &str); 13] = [
    ("theorem", "Theorem"),
    ("lemma", "Lemma"),
    ("corollary", "Corollary"),
    ("proposition", "Proposition"),
    ("definition", "Definition"),
    ("remark", "Remark"),
    ("example", "Example"),
    ("claim", "Claim"),
    ("conjecture", "Conjecture"),
    ("axiom", "Axiom"),
    ("exercise", "Exercise"),
    ("problem", "Problem"),
    ("proof", "Proof"),
];

/// One command that the document defines.
#[derive(Debug)]
struct Macro {
    parameters: usize,
    /// What the first parameter is when it is not given in brackets.
    default: Option<String>,
    body: String,
}

/// The definitions of a document.
#[derive(Debug)]
pub(super) struct Macros {
    commands: HashMap<String, Macro>,
    theorems: HashMap<String, String>,
    left: usize,
}

impl Macros {
    pub(super) fn new() -> Self {
        Self { commands: HashMap::new(), theorems: HashMap::new(), left: EXPANDED_BYTES_MAX }
    }

    /// Whether the document defines the command `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.commands.contains_key(name)
    }

    /// Whether the uses of the definitions came to so much that the later ones were given up.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Reads the definition behind the command `name`, if it begins one.
    pub(super) fn define(&mut self, name: &str, scan: &mut Scan<'_>) -> bool {
        match name {
            "newcommand" | "renewcommand" | "providecommand" | "DeclareRobustCommand" => {
                self.command(scan);
            }
            "def" | "gdef" | "edef" | "xdef" => self.plain(scan),
            "DeclareMathOperator" => {
                scan.star();
                let (defined, body) = (scan.defined(), scan.group());
                self.insert(defined, 0, None, body.map(|body| format!(" {body} ")));
            }
            "newtheorem" => self.theorem(scan),
            "let" => {
                scan.argument();
                let after = scan.argument();
                if after == Some("=") {
                    scan.argument();
                }
            }
            "newenvironment"
            | "renewenvironment"
            | "NewDocumentCommand"
            | "RenewDocumentCommand" => {
                scan.star();
                scan.argument();
                scan.options();
                scan.group();
                scan.group();
            }
            _ => return false,
        }
        true
    }

    /// What the command `name`, whose arguments are next, comes to; none when the document does
    /// not define it or when its definitions come to too much.
    pub(super) fn expand(&mut self, name: &str, scan: &mut Scan<'_>) -> Option<String> {
        let command = self.commands.get(name)?;
        let mut arguments = Vec::with_capacity(command.parameters);
        for number in 0..command.parameters {
            let given = match &command.default {
                Some(default) if number == 0 => {
                    Some(scan.option().unwrap_or(default.as_str()).to_owned())
                }
                _ => scan.argument().map(str::to_owned),
            };
            arguments.push(given.unwrap_or_default());
        }
        let mut expanded = String::with_capacity(command.body.len());
        let mut parts = command.body.split('#');
        expanded.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let number = part.chars().next().and_then(|digit| digit.to_digit(10));
            let argument = number
                .and_then(|number| (number as usize).checked_sub(1))
                .and_then(|number| arguments.get(number));
            match argument {
                Some(argument) => {
                    expanded.push_str(argument);
                    expanded.push_str(part.get(1..).unwrap_or_default());
                }
                None => {
                    expanded.push('#');
                    expanded.push_str(part);
                }
            }
            if expanded.len() > self.left {
                self.left = 0;
                return None;
            }
        }
        self.left -= expanded.len().min(self.left);
        (self.left > 0).then_some(expanded)
    }

    /// The environment that the command `name` only begins, and the command that ends it.
    pub(super) fn beginning(&self, name: &str) -> Option<(String, String)> {
        let body = |command: &Macro| command.body.trim().to_owned();
        let begin = body(self.commands.get(name)?);
        let environment = begin.strip_prefix("\\begin{")?.strip_suffix('}')?.to_owned();
        let end = format!("\\end{{{environment}}}");
        let mut ends: Vec<&String> = self
            .commands
            .iter()
            .filter(|(_, command)| body(command) == end)
            .map(|(name, _)| name)
            .collect();
        ends.sort();
        let end = ends.first().copied()?;
        Some((environment, end.clone()))
    }

    /// What the environment `name` is called in print, if it is a theorem or its like.
    pub(super) fn theorem_name(&self, name: &str) -> Option<String> {
        let own = self.theorems.get(name).cloned();
        let known = || {
            let found = THEOREMS.iter().find(|(known, _)| *known == name.trim_end_matches('*'));
            found.map(|(_, title)| (*title).to_owned())
        };
        own.or_else(known)
    }

    fn command(&mut self, scan: &mut Scan<'_>) {
        scan.star();
        let defined = scan.defined();
        let count = scan.option();
        let default = count.and_then(|_| scan.option()).map(str::to_owned);
        let parameters = count.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
        let body = scan.group().map(str::to_owned);
        self.insert(defined, parameters, default, body);
    }

    fn plain(&mut self, scan: &mut Scan<'_>) {
        let defined = scan.defined();
        let parameters = scan.parameters();
        let body = scan.group().map(str::to_owned);
        if let Some(parameters) = parameters {
            self.insert(defined, parameters, None, body);
        }
    }

    fn theorem(&mut self, scan: &mut Scan<'_>) {
        scan.star();
        let name = scan.group();
        scan.options();
        let title = scan.group();
        scan.options();
        if let (Some(name), Some(title)) = (name, title) {
            self.theorems.insert(name.to_owned(), title.to_owned());
        }
    }

    fn insert(
        &mut self,
        defined: Option<&str>,
        parameters: usize,
        default: Option<String>,
        body: Option<String>,
    ) {
        let (Some(name), Some(body)) = (defined, body) else { return };
        if !name.is_empty() && parameters <= 9 && body.len() <= BODY_BYTES_MAX {
            self.commands.insert(name.to_owned(), Macro { parameters, default, body });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(definition: &str, use_of: &str) -> Option<String> {
        let mut macros = Macros::new();
        let mut scan = Scan::new(definition);
        while let Some(piece) = scan.piece() {
            if let super::super::scan::Piece::Command(name) = piece {
                assert!(macros.define(name, &mut scan), "{name}");
            }
        }
        macros.expand("x", &mut Scan::new(use_of))
    }

    #[test]
    fn definitions_are_applied() {
        let is = |definition: &str, use_of: &str, wanted: &str| {
            assert_eq!(expanded(definition, use_of).as_deref(), Some(wanted), "{definition}");
        };
        is("\\newcommand{\\x}{Salt}", "", "Salt");
        is("\\newcommand\\x[2]{<#1, #2>}", "{a}{b}", "<a, b>");
        is("\\renewcommand*{\\x}[2][c]{#1#2#3}", "{b}", "cb#3");
        is("\\renewcommand*{\\x}[2][c]{#1#2}", "[d]{b}", "db");
        is("\\def\\x#1#2{#2#1}", "{a}{b}", "ba");
        is("\\DeclareMathOperator*{\\x}{argmax}", "", " argmax ");
        assert_eq!(expanded("\\def\\x#1.{#1}\\let\\y=\\x", "a."), None);
    }

    #[test]
    fn what_grows_without_end_is_given_up() {
        let mut macros = Macros::new();
        macros.define("def", &mut Scan::new(&format!("\\x{{{}}}", "ha".repeat(9_000))));
        let mut used = 0;
        while let Some(expanded) = macros.expand("x", &mut Scan::new("")) {
            used += expanded.len();
        }
        assert!((EXPANDED_BYTES_MAX / 2..=EXPANDED_BYTES_MAX).contains(&used), "{used}");
    }
}
