//! Text boxes of workbooks, written so that `office_oxide` reads them as they stand: it drops
//! white space at the ends of runs and around entities, and does not tell paragraphs apart.

use crate::xml::{self, Token};

/// White space and line ends that are not dropped.
const SPACE: &str = "&#32;";
const LINE_END: &str = "&#10;";

/// A drawing as it is to be read; nothing when it has no text.
pub(super) fn rewritten(source: &str) -> Option<String> {
    if !source.contains("txBody") {
        return None;
    }
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut written = String::with_capacity(source.len() * 2);
    let (mut copied, mut text) = (0, false);
    let whole = xml::walk_at(source, |token, end| {
        let piece = source.get(copied..end).unwrap_or_default();
        copied = end;
        match token {
            Token::Text(_) if text && !piece.starts_with("<![") => {
                written.push_str(&spaced(piece));
            }
            Token::Open(name, _) => {
                text = xml::local(name) == "t";
                written.push_str(piece);
            }
            Token::Close(name) => {
                text = false;
                match xml::local(name) {
                    // An empty element has ended where it began.
                    "br" | "p" if piece.is_empty() => written.push_str(&line_end(name)),
                    "p" => written.extend([line_end(name).as_str(), piece]),
                    _ => written.push_str(piece),
                }
            }
            Token::Text(_) => written.push_str(piece),
        }
    });
    written.push_str(source.get(copied..)?);
    whole.then_some(written)
}

fn spaced(text: &str) -> String {
    let spaced = |c: char| if c.is_ascii_whitespace() { SPACE.to_owned() } else { c.to_string() };
    text.chars().map(spaced).collect()
}

/// A run of a line's end, beside the element called `name`.
fn line_end(name: &str) -> String {
    let prefix = name.strip_suffix(xml::local(name)).unwrap_or_default();
    format!("<{prefix}r><{prefix}t>{LINE_END}</{prefix}t></{prefix}r>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_paragraphs_of_text_boxes_are_kept() {
        let source = "<xdr:txBody><a:p><a:r><a:t>R&amp;D at </a:t></a:r><a:br/><a:r><a:t>x</a:t></a:r></a:p><a:p/></xdr:txBody>";
        let end = "<a:r><a:t>&#10;</a:t></a:r>";
        assert_eq!(
            rewritten(source).unwrap(),
            format!(
                "<xdr:txBody><a:p><a:r><a:t>R&amp;D&#32;at&#32;</a:t></a:r><a:br/>{end}<a:r><a:t>x</a:t></a:r>{end}</a:p><a:p/>{end}</xdr:txBody>"
            )
        );
        assert_eq!(rewritten("<xdr:pic><a:t>x</a:t></xdr:pic>"), None);
        assert_eq!(rewritten("<xdr:txBody><a:p>"), None);
    }
}
