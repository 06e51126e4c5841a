//! LaTeX to readable text: commands go, the words of their arguments, headings, lists, tables,
//! notes and formulas stay, and what the document defines itself is put in its place.

use std::collections::VecDeque;

use crate::document::Document;
use crate::text::plain::{self, Style};
use crate::write::{Builder, Flow};
use environments::Kind;
use macros::Macros;
use scan::{Piece, Scan};

mod commands;
mod environments;
mod formulas;
mod macros;
mod scan;
mod symbols;

/// Groups and definitions nested deeper are left as they are written.
const DEPTH_MAX: usize = 60;
/// Places that are looked at for the one where the text begins.
const BEGINNINGS_MAX: usize = 100;

/// Commands by the level of the heading that they write.
const HEADINGS: [(&str, u8); 12] = [
    ("title", 1),
    ("part", 1),
    ("chapter", 1),
    ("section", 2),
    ("frametitle", 2),
    ("subsection", 3),
    ("framesubtitle", 3),
    ("subsubsection", 4),
    ("paragraph", 5),
    ("subparagraph", 6),
    ("subtitle", 2),
    ("addsec", 2),
];

/// Commands whose argument is a paragraph of its own, with a word that leads it in.
const PARAGRAPHS: [(&str, &str); 17] = [
    ("author", ""),
    ("authors", ""),
    ("institute", ""),
    ("affiliation", ""),
    ("affil", ""),
    ("address", ""),
    ("email", ""),
    ("date", ""),
    ("caption", ""),
    ("subcaption", ""),
    ("captionof", ""),
    ("dedication", ""),
    ("maketitlesupplementary", ""),
    ("marginpar", ""),
    ("keywords", "Keywords: "),
    ("keyword", "Keywords: "),
    ("shortauthors", ""),
];

/// Commands that refer to a work or to a place in the document by a name.
const REFERENCES: [&str; 23] = [
    "cite",
    "citep",
    "citet",
    "citealp",
    "citealt",
    "citeauthor",
    "citeyear",
    "citeyearpar",
    "parencite",
    "textcite",
    "autocite",
    "footcite",
    "fullcite",
    "Cite",
    "Citet",
    "Citep",
    "ref",
    "eqref",
    "cref",
    "Cref",
    "autoref",
    "pageref",
    "nameref",
];

/// Reads a LaTeX file, whole or a part that another file takes in.
pub(crate) fn read(whole: &str, builder: Builder) -> Document {
    let before = builder.text().len();
    let begin = beginning(whole);
    // The last one: a text about LaTeX shows others in its examples.
    let end = whole.rfind("\\end{document}").filter(|end| begin.is_some_and(|at| at < *end));
    let source = end.and_then(|end| whole.get(..end)).unwrap_or(whole);
    let mut reader = Reader::new(builder, begin.is_some());
    reader.read(source, 0);
    if reader.head {
        // What stands before took it for its own: a definition, a comment without an end.
        reader.head = false;
        reader.read(begin.and_then(|at| source.get(at..)).unwrap_or_default(), 0);
    }
    let builder = reader.finish();
    if builder.text().len() > before {
        return builder.finish();
    }
    // Definitions only.
    plain::read(whole, Style::Prose, builder)
}

/// A formula as lines of signs, whether or not the marks of mathematics (`$`) stand around it.
pub(crate) fn formula(source: &str) -> String {
    formulas::text(source.trim().trim_matches('$'), &mut Macros::new())
}

/// Where the text of a whole file begins; none in a part, which may say so in a comment.
fn beginning(source: &str) -> Option<usize> {
    let places = source.match_indices("\\begin{document}").map(|(at, _)| at);
    places.take(BEGINNINGS_MAX).find(|at| {
        let line = source.get(..*at).and_then(|before| before.rsplit('\n').next());
        !line.unwrap_or_default().contains('%')
    })
}

/// A footnote.
struct Note {
    /// None for one that the text does not refer to.
    number: Option<usize>,
    source: String,
    depth: usize,
}

struct Reader {
    flow: Flow,
    macros: Macros,
    /// Whether what is read stands before the text begins.
    head: bool,
    /// Footnotes to write behind the present paragraph, and whether they are being written.
    notes: VecDeque<Note>,
    noting: bool,
    notes_seen: usize,
    /// How many tables enclose the present text.
    tables: usize,
    /// Whether dashes and quotes are as they are written.
    verbatim: bool,
    /// Other files that this one takes in.
    files: Vec<String>,
    drawings: bool,
}

impl Reader {
    fn new(builder: Builder, head: bool) -> Self {
        Self {
            flow: Flow::new(builder),
            macros: Macros::new(),
            head,
            notes: VecDeque::new(),
            noting: false,
            notes_seen: 0,
            tables: 0,
            verbatim: false,
            files: Vec::new(),
            drawings: false,
        }
    }

    /// What was written, with notes on what was not.
    fn finish(mut self) -> Builder {
        while self.tables > 0 {
            self.end_table();
        }
        self.paragraph();
        let builder = &mut self.flow.builder;
        if !self.files.is_empty() {
            let names = self.files.join("', '");
            builder.note(format!("the text of other files is no part of this one: '{names}'"));
        }
        if self.drawings {
            builder.note("drawings that are described in LaTeX were left out");
        }
        if self.macros.is_spent() {
            builder.note("the file's own commands come to too much text; some were left out");
        }
        self.flow.finish()
    }

    fn read(&mut self, source: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return self.words(source);
        }
        let mut scan = Scan::new(source);
        while let Some(piece) = scan.piece() {
            match piece {
                Piece::Command(name) => self.command(name, &mut scan, depth),
                _ if self.head => {}
                Piece::Text(text) => self.words(text),
                Piece::Math(inner, shown) => self.formula(inner, shown),
                Piece::Script(mark) => self.flow.text(mark.encode_utf8(&mut [0; 4])),
                Piece::Cell if self.tables > 0 => self.flow.close_cell(),
                Piece::Cell => self.flow.text("&"),
                Piece::Gap => self.flow.text(" "),
                Piece::Paragraph => self.paragraph(),
                Piece::Open | Piece::Close => {}
            }
        }
    }

    /// Running text, in which some rows of signs stand for others.
    fn words(&mut self, text: &str) {
        if self.verbatim || !text.contains(['-', '`', '\'']) {
            return self.flow.text(text);
        }
        let text = text.replace("---", "—").replace("--", "–");
        let text = text.replace("\"`", "„").replace("\"'", "“");
        self.flow.text(&text.replace("``", "“").replace("''", "”").replace('`', "‘"));
    }

    fn formula(&mut self, source: &str, shown: bool) {
        let text = formulas::text(source, &mut self.macros);
        if !shown {
            return self.flow.text(&text);
        }
        self.paragraph();
        for line in text.lines() {
            self.flow.text(line);
            self.flow.line_break();
        }
        self.paragraph();
    }

    /// Ends the present paragraph and writes its footnotes.
    fn paragraph(&mut self) {
        self.flow.close();
        if self.tables > 0 || self.noting {
            return;
        }
        // Notes in notes follow them.
        self.noting = true;
        while let Some(note) = self.notes.pop_front() {
            if let Some(number) = note.number {
                self.flow.text(&format!("[{number}] "));
            }
            self.within(&note.source, note.depth);
            self.flow.close();
        }
        self.noting = false;
    }

    fn command(&mut self, name: &str, scan: &mut Scan<'_>, depth: usize) {
        if self.macros.define(name, scan) {
            return;
        }
        let heading = HEADINGS.iter().find(|(known, _)| *known == name);
        let paragraph = PARAGRAPHS.iter().find(|(known, _)| *known == name);
        match name {
            "begin" => return self.begin(scan, depth),
            "end" => return self.end(scan),
            "iffalse" => {
                scan.until_command("fi");
                return;
            }
            _ => {}
        }
        if let Some((_, level)) = heading {
            self.heading(*level, name == "title", scan, depth);
        } else if let Some((_, lead)) = paragraph {
            self.apart(lead, scan, depth);
        } else if self.head {
            commands::skip(name, scan);
        } else {
            self.inline(name, scan, depth);
        }
    }

    fn heading(&mut self, level: u8, title: bool, scan: &mut Scan<'_>, depth: usize) {
        scan.star();
        scan.options();
        let Some(words) = scan.group() else { return };
        self.paragraph();
        let before = self.flow.builder.text().len();
        self.within(words, depth);
        self.flow.close_heading(level);
        if title {
            let written = self.flow.builder.text().get(before..).unwrap_or_default().to_owned();
            self.flow.builder.title(written);
        }
    }

    /// An argument that is a paragraph of its own.
    fn apart(&mut self, lead: &str, scan: &mut Scan<'_>, depth: usize) {
        scan.star();
        scan.options();
        let Some(words) = scan.group() else { return };
        self.paragraph();
        self.flow.text(lead);
        self.within(words, depth);
        self.paragraph();
    }

    /// Reads an argument, which is text wherever it stands.
    fn within(&mut self, source: &str, depth: usize) {
        let head = std::mem::replace(&mut self.head, false);
        self.read(source, depth + 1);
        self.head = head;
    }

    /// A command within the text.
    fn inline(&mut self, name: &str, scan: &mut Scan<'_>, depth: usize) {
        match name {
            "\\" | "newline" | "tabularnewline" | "cr" => self.line_end(scan),
            "par" | "bigskip" | "medskip" | "smallskip" | "newpage" | "clearpage" => {
                self.paragraph();
            }
            "and" | "And" | "AND" => self.flow.line_break(),
            "(" => self.formula(scan.until("\\)"), false),
            "[" => self.formula(scan.until("\\]"), true),
            "ensuremath" => {
                let inner = scan.group().unwrap_or_default();
                self.formula(inner, false);
            }
            "item" => self.item(scan, depth),
            "bibitem" => self.work(scan),
            "footnote" | "thanks" | "footnotetext" | "endnote" | "tnote" => {
                self.footnote(name, scan, depth);
            }
            "footnotemark" => {
                let mark = scan.option().unwrap_or_default();
                self.flow.text(&format!("[{mark}]"));
            }
            "multicolumn" => self.spanning(scan, depth),
            "multirow" => {
                for _ in 0..2 {
                    scan.options();
                    scan.argument();
                }
                scan.options();
            }
            "verb" | "lstinline" => {
                scan.star();
                scan.options();
                let code = scan.between();
                self.flow.verbatim(code);
            }
            "mintinline" => {
                scan.options();
                scan.group();
                let code = scan.between();
                self.flow.verbatim(code);
            }
            "texttt" | "code" | "path" => {
                let inner = scan.group().unwrap_or_default();
                let before = std::mem::replace(&mut self.verbatim, true);
                self.read(inner, depth + 1);
                self.verbatim = before;
            }
            "url" | "nolinkurl" => {
                let address = scan.address().unwrap_or_default();
                self.flow.text(address);
            }
            "href" => {
                scan.options();
                scan.address();
            }
            "input" | "include" | "subfile" | "subfileinclude" | "bibliography" => {
                if let Some(file) = scan.group() {
                    self.files.push(file.trim().to_owned());
                }
            }
            _ if REFERENCES.contains(&name) => self.reference(scan, depth),
            _ => self.sign(name, scan, depth),
        }
    }

    /// What the document defines, a sign, an accent; of all else the arguments are read on.
    fn sign(&mut self, name: &str, scan: &mut Scan<'_>, depth: usize) {
        if let Some((environment, end)) = self.macros.beginning(name)
            && Kind::of(&environment) == Kind::Formula
            && let Some(inner) = scan.until_command(&end)
        {
            return self.formula(inner, true);
        }
        if self.macros.has(name) {
            if let Some(expanded) = self.macros.expand(name, scan) {
                self.read(&expanded, depth + 1);
            }
        } else if symbols::is_accent(name) {
            self.accent(name, scan, depth);
        } else if let Some(sign) = symbols::in_text(name) {
            self.flow.text(sign);
            // As in "Stra\ss e"; "\LaTeX is" is better read as it is meant.
            let mut signs = sign.chars();
            if signs.next().is_some_and(char::is_alphabetic) && signs.next().is_none() {
                scan.blanks();
            }
        } else {
            scan.star();
            commands::skip(name, scan);
            if matches!(name, "hspace" | "hskip" | "hfil") {
                self.flow.text(" ");
            }
        }
    }

    fn accent(&mut self, name: &str, scan: &mut Scan<'_>, depth: usize) {
        let Some(argument) = scan.argument() else { return };
        let letter = match argument.trim() {
            "\\i" => "ı",
            "\\j" => "ȷ",
            letter => letter,
        };
        let mut letters = letter.chars();
        match letters.next() {
            None if matches!(name, "~" | "^") => self.flow.text(name),
            Some('\\') | None => self.read(argument, depth + 1),
            Some(first) => {
                let marked = symbols::accented(name, first);
                self.flow.text(marked.encode_utf8(&mut [0; 4]));
                self.read(letters.as_str(), depth + 1);
            }
        }
    }

    fn reference(&mut self, scan: &mut Scan<'_>, depth: usize) {
        scan.star();
        let first = scan.option();
        let second = first.and_then(|_| scan.option());
        let Some(names) = scan.group() else { return };
        let names = names.split(',').map(str::trim).collect::<Vec<_>>().join(", ");
        let (before, after) = match (first, second) {
            (Some(before), Some(after)) => (before, after),
            (after, _) => ("", after.unwrap_or_default()),
        };
        self.flow.text("[");
        if !before.trim().is_empty() {
            self.read(before, depth + 1);
            self.flow.text(" ");
        }
        self.flow.text(&names);
        if !after.trim().is_empty() {
            self.flow.text(", ");
            self.read(after, depth + 1);
        }
        self.flow.text("]");
    }

    fn footnote(&mut self, name: &str, scan: &mut Scan<'_>, depth: usize) {
        scan.option();
        let Some(source) = scan.group() else { return };
        let number = (name == "footnote" || name == "endnote").then(|| {
            self.notes_seen += 1;
            self.flow.text(&format!("[{}]", self.notes_seen));
            self.notes_seen
        });
        self.notes.push_back(Note { number, source: source.to_owned(), depth });
    }
}

#[cfg(test)]
mod tests;
