//! The sources of an answer as lines behind its text, for clients that show nothing else.

use std::fmt::Write as _;

use cairn_wire::openai::FileCitation;

/// What stands between the text and its sources.
const GAP: &str = "\n\n";
/// Ends a line also where the text is read as Markdown.
const BREAK: &str = "  \n";

/// What is put behind a text that cites these: each place once, in the order of the text.
pub(super) fn lines(citations: &[FileCitation]) -> String {
    let mut places: Vec<(&str, String)> = Vec::new();
    for citation in citations {
        let place = (citation.file_id.as_str(), place(citation));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let mut lines = String::new();
    for (at, (_, place)) in places.iter().enumerate() {
        // Writing to a text cannot fail.
        let _ = write!(lines, "{}[{}] {place}", if at == 0 { GAP } else { BREAK }, at + 1);
    }
    lines
}

/// What was said in a text that may end with its sources.
pub(super) fn without(text: &str) -> &str {
    let Some((said, rest)) = text.rsplit_once(GAP) else { return text };
    let mut listed = rest.trim_end().lines().enumerate();
    let sources = listed.all(|(at, line)| line.starts_with(&format!("[{}] ", at + 1)));
    if sources && !rest.trim().is_empty() { said } else { text }
}

/// The file, and the page or the heading.
fn place(citation: &FileCitation) -> String {
    let file = plain(&citation.filename);
    match (citation.cairn.page, &citation.cairn.heading) {
        (Some(page), _) => format!("{file}, page {page}"),
        (None, Some(heading)) => format!("{file}, \u{201c}{}\u{201d}", plain(heading)),
        (None, None) => file,
    }
}

/// A name on one line that is no link, image or tag where the text is read as Markdown, and no bare
/// address that would be made one.
fn plain(name: &str) -> String {
    let line = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut plain = String::with_capacity(line.len());
    for (at, char) in line.char_indices() {
        let address = match char {
            ':' => line[at..].starts_with("://"),
            '.' => line[..at].to_ascii_lowercase().ends_with("www"),
            '@' => true,
            _ => false,
        };
        if address || matches!(char, '[' | ']' | '<' | '>' | '`' | '*' | '\\') {
            plain.push('\\');
        }
        plain.push(char);
    }
    plain
}

#[cfg(test)]
mod tests {
    use cairn_wire::openai::CitationExtra;

    use super::*;

    fn citation(file: &str, page: Option<i64>, heading: Option<&str>) -> FileCitation {
        FileCitation {
            kind: "file_citation",
            index: 5,
            file_id: format!("file-{file}"),
            filename: file.to_owned(),
            cairn: CitationExtra {
                file_sha256: "ab".to_owned(),
                quote: "q".to_owned(),
                page,
                heading: heading.map(str::to_owned),
                char_start: 0,
                char_end: 1,
                boxes: Vec::new(),
                chunk_id: "chunk_1".to_owned(),
                sentence_start: 0,
                sentence_end: 5,
                support: 1.0,
                supported: true,
                doubt: None,
            },
        }
    }

    #[test]
    fn each_place_has_a_line_that_can_be_taken_off_again() {
        let cited = [
            citation("a.pdf", Some(3), Some("Sizes")),
            citation("b.md", None, Some("Sizes › Width")),
            citation("a.pdf", Some(3), None),
            citation("c.txt", None, None),
        ];
        let lines = lines(&cited);
        assert_eq!(
            lines,
            "\n\n[1] a.pdf, page 3  \n[2] b.md, \u{201c}Sizes › Width\u{201d}  \n[3] c.txt"
        );
        let text = "It is 5 m high.\n\nIt is wide.";
        assert_eq!(without(&format!("{text}{lines}")), text);
        assert_eq!(without(&format!("{text}{lines}\n").replace("  \n", "\n")), text);
    }

    #[test]
    fn nothing_else_is_taken_off() {
        for text in ["", "Yes.", "One.\n\nTwo.", "One.\n\n", "See:\n\n[2] b.md", "[1] a.pdf"] {
            assert_eq!(without(text), text);
        }
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn a_name_makes_no_link() {
        let cited = [citation("![x](https://a.example/p.png)\n<b>_1.md", None, None)];
        assert_eq!(lines(&cited), "\n\n[1] !\\[x\\](https\\://a.example/p.png) \\<b\\>_1.md");
        let cited = [citation("www.a.example ada@b.example", None, None)];
        assert_eq!(lines(&cited), "\n\n[1] www\\.a.example ada\\@b.example");
    }
}
