//! JSON: as it stands, with line breaks put in where a line would be too long to cut.

use crate::document::Document;
use crate::text::plain::{self, Style};
use crate::write::Builder;

/// A line of more bytes is broken up along the structure.
const LINE_BYTES_MAX: usize = 2_000;

/// Reads JSON or JSON lines.
pub(crate) fn read(text: &str, builder: Builder) -> Document {
    if text.lines().all(|line| line.len() <= LINE_BYTES_MAX) {
        return plain::read(text, Style::Code, builder);
    }
    plain::read(&indented(text), Style::Code, builder)
}

/// One value a line, without changing a character of any value.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth.min(40)));
    };
    for c in text.chars() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                quoted = true;
                out.push(c);
            }
            '{' | '[' => {
                depth += 1;
                out.push(c);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '\n' if depth == 0 => out.push('\n'),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_values_kept() {
        assert_eq!(
            indented(r#"{"a":[1, 2.50],"b\"{":"x, {y}"}"#),
            "{\n \"a\": [\n  1,\n  2.50\n ],\n \"b\\\"{\": \"x, {y}\"\n}"
        );
        let short = "{\"a\":1}";
        assert_eq!(read(short, Builder::new("application/json")).text, short);
    }
}
