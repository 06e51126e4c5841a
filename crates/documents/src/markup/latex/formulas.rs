//! Formulas as lines of signs: `\frac{a}{b}` is a/b, `x_{ij}` is x_ij, `\leq` is ≤.

use super::commands;
use super::macros::Macros;
use super::scan::{Piece, Scan};
use super::symbols;

/// Groups nested deeper are left as they are written.
const DEPTH_MAX: usize = 60;

/// A formula as text; its lines are parted by `\n`.
pub(super) fn text(source: &str, macros: &mut Macros) -> String {
    let written = formula(source, macros, 0);
    let lines =
        written.split('\n').map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn formula(source: &str, macros: &mut Macros, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return source.to_owned();
    }
    let mut out = String::with_capacity(source.len());
    let mut scan = Scan::math(source);
    while let Some(piece) = scan.piece() {
        match piece {
            Piece::Text("\n") | Piece::Cell | Piece::Gap | Piece::Paragraph => out.push(' '),
            Piece::Text(text) => out.push_str(text),
            Piece::Open | Piece::Close => {}
            Piece::Math(inner, _) => out.push_str(&formula(inner, macros, depth + 1)),
            Piece::Script(mark) => {
                let argument = scan.argument().unwrap_or_default();
                let inner = formula(argument, macros, depth + 1);
                script(&mut out, mark, inner.trim());
            }
            Piece::Command(name) => command(name, &mut scan, &mut out, macros, depth),
        }
    }
    out
}

fn command(name: &str, scan: &mut Scan<'_>, out: &mut String, macros: &mut Macros, depth: usize) {
    match name {
        "\\" => {
            scan.star();
            scan.option();
            out.push('\n');
        }
        "begin" => {
            let environment = scan.group().unwrap_or_default();
            scan.options();
            if matches!(environment, "array" | "tabular" | "alignedat" | "subarray") {
                scan.group();
            }
        }
        "end" => {
            scan.group();
        }
        "frac" | "dfrac" | "tfrac" | "cfrac" | "nicefrac" | "sfrac" => {
            let mut part = || formula(scan.argument().unwrap_or_default(), macros, depth + 1);
            let (above, below) = (part(), part());
            out.push_str(&format!("{}/{}", wrapped(above.trim()), wrapped(below.trim())));
        }
        "sqrt" => {
            scan.option();
            let inner = formula(scan.argument().unwrap_or_default(), macros, depth + 1);
            out.push_str(&format!("√{}", wrapped(inner.trim())));
        }
        "tag" => {
            scan.star();
            let tag = formula(scan.group().unwrap_or_default(), macros, depth + 1);
            out.push_str(&format!(" ({})", tag.trim()));
        }
        "left" | "right" => scan.stop(),
        _ if macros.has(name) => {
            if let Some(expanded) = macros.expand(name, scan) {
                out.push_str(&formula(&expanded, macros, depth + 1));
            }
        }
        _ if macros.define(name, scan) => {}
        _ => match symbols::in_math(name) {
            Some((sign, true)) => out.push_str(&format!(" {sign} ")),
            Some((sign, false)) => out.push_str(sign),
            None => {
                scan.star();
                commands::skip(name, scan);
            }
        },
    }
}

/// Writes what is raised or lowered.
fn script(out: &mut String, mark: char, inner: &str) {
    let first = out.trim().is_empty();
    match inner {
        "" => {}
        "∘" => out.push('°'),
        "′" => out.push('′'),
        // What follows a word: "5$^{th}$", "H$_2$O".
        _ if first && (mark == '_' || inner.chars().all(char::is_alphabetic)) => {
            out.push_str(inner);
        }
        _ => {
            out.push(mark);
            out.push_str(&wrapped(inner));
        }
    }
}

/// In brackets, unless it is one sign or one word.
fn wrapped(inner: &str) -> String {
    let one = inner.chars().count() == 1 || inner.chars().all(char::is_alphanumeric);
    if one { inner.to_owned() } else { format!("({inner})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> String {
        text(source, &mut Macros::new())
    }

    #[test]
    fn formulas_read_as_they_are_said() {
        assert_eq!(read("E = mc^2"), "E = mc^2");
        assert_eq!(read("\\frac{\\sqrt{\\pi}}{2} \\le x_{ij}"), "(√π)/2 ≤ x_ij");
        assert_eq!(read("e^{-x^2}\\,dx"), "e^(-x^2) dx");
        assert_eq!(read("\\mathrm{softmax}\\left(\\frac{QK^T}{d}\\right)V"), "softmax((QK^T)/d)V");
        assert_eq!(read("90^\\circ, 5\\% \\text{ if } a\\in B"), "90°, 5% if a ∈ B");
        assert_eq!(read("^{th}"), "th");
        assert_eq!(read("_2"), "2");
        assert_eq!(read("2\\log n"), "2 log n");
    }

    #[test]
    fn lines_of_a_formula_stay_lines() {
        let source = "a &= b \\label{eq:a} \\\\[2pt]\n c &= \\begin{array}{ll} d & e \\end{array} \\nonumber";
        assert_eq!(read(source), "a = b\nc = d e");
    }
}
