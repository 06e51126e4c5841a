//! Puts into words that `office_oxide` reads what it has no model for, before it reads a package:
//! equations become text, the columns that a row of a table starts late or ends early by become
//! cells, and text boxes of workbooks keep their spaces and lines.

use std::collections::HashMap;
use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::drawings;
use crate::archive;
use crate::parse::{Context, Format};
use crate::write::Equation;
use crate::xml::{self, Attributes, Token};

/// Columns that a row may start late or end early by.
const MISSING_MAX: usize = 64;

/// The package with those parts mended that need it; nothing when none does.
pub(super) fn mended(bytes: &[u8], format: Format, context: Context<'_>) -> Option<Vec<u8>> {
    let folders: &[&str] = match format {
        Format::Docx => &["word/"],
        Format::Pptx => &["ppt/slides/", "ppt/notesSlides/"],
        Format::Xlsx => &["xl/drawings/"],
        _ => return None,
    };
    let rewritten = if format == Format::Xlsx { drawings::rewritten } else { rewritten };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut packed_bytes = 0_u64;
    let mut paths = Vec::new();
    for at in 0..archive.len() {
        let member = archive.by_index_raw(at).ok()?;
        packed_bytes = packed_bytes.saturating_add(member.compressed_size());
        let path = member.name().ok()?.into_owned();
        let direct = folders.iter().filter_map(|folder| path.strip_prefix(folder));
        if direct.clone().any(|name| name.ends_with(".xml") && !name.contains('/')) {
            paths.push(path);
        }
    }
    // Members that share their bytes would be copied each.
    if packed_bytes > bytes.len() as u64 {
        return None;
    }
    let mut parts = HashMap::new();
    for path in paths {
        let part = archive::member(&mut archive, &path, context)?;
        if let Some(text) = std::str::from_utf8(&part).ok().and_then(rewritten) {
            parts.insert(path, text);
        }
    }
    if parts.is_empty() { None } else { repacked(&mut archive, &parts) }
}

/// The package with these parts in place of its own.
fn repacked(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    parts: &HashMap<String, String>,
) -> Option<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for at in 0..archive.len() {
        let member = archive.by_index_raw(at).ok()?;
        let path = member.name().ok()?.into_owned();
        match parts.get(&path) {
            Some(text) => {
                writer.start_file(path, stored).ok()?;
                writer.write_all(text.as_bytes()).ok()?;
            }
            None => writer.raw_copy_file(member).ok()?,
        }
    }
    Some(writer.finish().ok()?.into_inner())
}

/// A part as it is to be read; nothing when that is as it stands.
fn rewritten(source: &str) -> Option<String> {
    if !["oMath", "gridBefore", "gridAfter"].iter().any(|name| source.contains(name)) {
        return None;
    }
    // The reader of XML does not count the mark at the start.
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut mender = Mender { source, ..Mender::default() };
    let whole = xml::walk_at(source, |token, end| mender.token(token, end));
    if !whole || mender.failed || mender.copied == 0 {
        return None;
    }
    mender.written.push_str(source.get(mender.copied..)?);
    Some(mender.written)
}

#[derive(Debug, Default)]
struct Mender<'s> {
    source: &'s str,
    written: String,
    /// How many bytes of the source are written or replaced.
    copied: usize,
    equation: Option<Place>,
    /// What stands before the names of the present paragraph's elements: `w:`.
    prefix: String,
    /// Whether the present paragraph has text before, and whether that ends with an equation.
    begun: bool,
    after: bool,
    /// The columns that the present row starts late by, and those that the open rows end early by.
    before: Option<usize>,
    behind: Vec<Option<usize>>,
    /// Whether what is read tells how a row was before it was changed.
    former: bool,
    failed: bool,
}

/// The equation that is being read.
#[derive(Debug, Default)]
struct Place {
    equation: Equation,
    /// A slide's.
    slide: bool,
    /// It has lines of its own.
    apart: bool,
}

impl Mender<'_> {
    fn token(&mut self, token: Token<'_>, end: usize) {
        if let Some(mut place) = self.equation.take() {
            let done = match token {
                Token::Open(name, attributes) => {
                    place.equation.open(xml::local(name), value(attributes));
                    None
                }
                Token::Text(text) => {
                    place.equation.text(text);
                    None
                }
                Token::Close(_) => place.equation.close(),
            };
            match done {
                Some(text) => self.end(&text, &place, end),
                None => self.equation = Some(place),
            }
            return;
        }
        match token {
            Token::Open(name, _) if xml::local(name) == "trPrChange" => self.former = true,
            Token::Close(name) if xml::local(name) == "trPrChange" => self.former = false,
            Token::Open(..) | Token::Close(_) if self.former => {}
            Token::Open(name, attributes) => self.open(name, attributes, end),
            Token::Close(name) if xml::local(name) == "trPr" => {
                let Some(columns) = self.before.take() else { return };
                self.copy(end);
                self.cell(name.strip_suffix("trPr").unwrap_or_default(), columns);
            }
            Token::Close(name) if xml::local(name) == "tr" => {
                let Some(columns) = self.behind.pop().flatten() else { return };
                self.copy(start(self.source, end));
                self.cell(name.strip_suffix("tr").unwrap_or_default(), columns);
            }
            Token::Close(_) | Token::Text(_) => {}
        }
    }

    fn open(&mut self, name: &str, attributes: &Attributes, end: usize) {
        match xml::local(name) {
            "p" => {
                name.strip_suffix('p').unwrap_or_default().clone_into(&mut self.prefix);
                (self.begun, self.after) = (false, false);
            }
            "t" | "tab" | "br" => (self.begun, self.after) = (true, false),
            local @ ("gridBefore" | "gridAfter") => {
                let columns = value(attributes).and_then(|value| value.parse().ok());
                let columns = columns.filter(|columns| (1..=MISSING_MAX).contains(columns));
                if local == "gridBefore" {
                    self.before = columns;
                } else if let Some(behind) = self.behind.last_mut() {
                    *behind = columns;
                }
            }
            "tr" => {
                self.before = None;
                self.behind.push(None);
            }
            local @ ("oMath" | "oMathPara" | "m") if local != "m" || name == "a14:m" => {
                let mut place =
                    Place { slide: local == "m", apart: local == "oMathPara", ..Place::default() };
                // A slide has its equations, one or more, in an element of their own.
                place.equation.open(if place.slide { "oMathPara" } else { local }, None);
                self.copy(start(self.source, end));
                self.equation = Some(place);
            }
            _ => {}
        }
    }

    /// An equation has ended: its text takes its place.
    fn end(&mut self, text: &str, place: &Place, end: usize) {
        let of = &self.prefix;
        let (mut line_break, mut written) = (format!("<{of}br/>"), String::new());
        if !place.slide {
            line_break = format!("<{of}r>{line_break}</{of}r>");
        }
        let mut parted = self.after || (place.apart && self.begun);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if parted {
                written.push_str(&line_break);
            }
            // Only Word's text has the attribute.
            let space = if place.slide { "" } else { " xml:space=\"preserve\"" };
            written.push_str(&format!("<{of}r><{of}t{space}>{}</{of}t></{of}r>", escaped(line)));
            parted = true;
            (self.begun, self.after) = (true, true);
        }
        self.written.push_str(&written);
        self.copied = end;
    }

    /// Writes an empty cell of so many columns.
    fn cell(&mut self, of: &str, columns: usize) {
        self.written.push_str(&format!(
            "<{of}tc><{of}tcPr><{of}gridSpan {of}val=\"{columns}\"/></{of}tcPr><{of}p/></{of}tc>"
        ));
    }

    /// Copies the source up to this byte.
    fn copy(&mut self, to: usize) {
        match self.source.get(self.copied..to) {
            Some(before) => self.written.push_str(before),
            None => self.failed = true,
        }
        self.copied = to;
    }
}

fn value(attributes: &Attributes) -> Option<&str> {
    attributes.find("m:val").or_else(|| attributes.find("w:val"))
}

/// Where the tag starts that ends at a byte.
fn start(source: &str, end: usize) -> usize {
    source.get(..end).and_then(|before| before.rfind('<')).unwrap_or(end)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn math(inner: &str) -> String {
        format!("<m:oMath><m:r><m:t>{inner}</m:t></m:r></m:oMath>")
    }

    #[test]
    fn equations_become_runs_where_they_stand() {
        let power = "<m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>";
        let run = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>");
        let source = format!("<w:body><w:p><w:r><w:t>Of</w:t></w:r>{power}</w:p></w:body>");
        let expected =
            format!("<w:body><w:p><w:r><w:t>Of</w:t></w:r>{}</w:p></w:body>", run("x^2"));
        assert_eq!(rewritten(&source).unwrap(), expected);
        let line_break = "<w:r><w:br/></w:r>";
        let several = format!("<w:p>{}{}</w:p>", math("a&lt;b"), math("c=d"));
        let expected = format!("<w:p>{}{line_break}{}</w:p>", run("a&lt;b"), run("c=d"));
        assert_eq!(rewritten(&several).unwrap(), expected);
        let lines = format!(
            "<w:p><w:r><w:t>So</w:t></w:r><m:oMathPara><m:oMathParaPr/>{}{}</m:oMathPara></w:p>",
            math("a"),
            math("b")
        );
        let expected = format!(
            "<w:p><w:r><w:t>So</w:t></w:r>{line_break}{}{line_break}{}</w:p>",
            run("a"),
            run("b")
        );
        assert_eq!(rewritten(&lines).unwrap(), expected);
    }

    #[test]
    fn a_part_may_have_a_mark_at_its_start_and_rows_that_were_otherwise() {
        let source = format!("\u{feff}<w:p>{}</w:p>", math("a"));
        assert_eq!(
            rewritten(&source).unwrap(),
            "<w:p><w:r><w:t xml:space=\"preserve\">a</w:t></w:r></w:p>"
        );
        let change = "<w:trPrChange><w:trPr><w:gridBefore w:val='2'/></w:trPr></w:trPrChange>";
        assert_eq!(rewritten(&format!("<w:tr><w:trPr>{change}</w:trPr></w:tr>")), None);
    }

    #[test]
    fn a_slides_equation_is_a_run_of_its_paragraph() {
        let source = format!("<a:p><a14:m>{}</a14:m><a:endParaRPr/></a:p>", math("𝑥"));
        assert_eq!(
            rewritten(&source).unwrap(),
            "<a:p><a:r><a:t>x</a:t></a:r><a:endParaRPr/></a:p>"
        );
        let apart = format!("<a:p><a14:m><m:oMathPara>{}</m:oMathPara></a14:m></a:p>", math("x"));
        assert_eq!(rewritten(&apart).unwrap(), "<a:p><a:r><a:t>x</a:t></a:r></a:p>");
    }

    #[test]
    fn a_row_that_starts_late_has_a_cell_before() {
        let source = "<w:tr><w:trPr><w:gridBefore w:val=\"2\"/></w:trPr><w:tc><w:p/></w:tc></w:tr>";
        assert_eq!(
            rewritten(source).unwrap(),
            "<w:tr><w:trPr><w:gridBefore w:val=\"2\"/></w:trPr><w:tc><w:tcPr><w:gridSpan w:val=\"2\"/></w:tcPr><w:p/></w:tc><w:tc><w:p/></w:tc></w:tr>"
        );
        let nested = "<w:tr><w:tc><w:tbl><w:tr/></w:tbl></w:tc></w:tr>";
        let early =
            nested.replacen("<w:tr>", "<w:tr><w:trPr><w:gridAfter w:val=\"1\"/></w:trPr>", 1);
        let filled = early.replace(
            "</w:tc></w:tr>",
            "</w:tc><w:tc><w:tcPr><w:gridSpan w:val=\"1\"/></w:tcPr><w:p/></w:tc></w:tr>",
        );
        assert_eq!(rewritten(&early).unwrap(), filled);
        assert_eq!(rewritten("<w:p>oMath</w:p>"), None);
        assert_eq!(rewritten("<w:p><m:oMath></w:p>"), None);
    }
}
