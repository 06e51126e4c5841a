//! Tags within other text: what Markdown and its kin let stand between words.

/// Whether `text` is one tag or comment of HTML, and not, say, a generic type.
pub(crate) fn is_tag(text: &str) -> bool {
    const KNOWN: [&str; 60] = [
        "a",
        "abbr",
        "address",
        "article",
        "aside",
        "b",
        "bdi",
        "bdo",
        "big",
        "blockquote",
        "br",
        "center",
        "cite",
        "code",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "font",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "i",
        "img",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "picture",
        "pre",
        "q",
        "s",
        "samp",
        "section",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tt",
        "u",
        "ul",
    ];
    let inner = text.trim().trim_start_matches('<').trim_start_matches('/');
    let name: String = inner.chars().take_while(char::is_ascii_alphanumeric).collect();
    inner.starts_with('!')
        || KNOWN.contains(&name.to_ascii_lowercase().as_str())
        || ["td", "th", "tr", "tbody", "thead", "var", "video", "wbr"].contains(&name.as_str())
}

/// Whether `text` is a `<br>` tag.
pub(crate) fn is_line_break(text: &str) -> bool {
    let inner = text.trim_matches(['<', '>', '/', ' ']);
    inner.eq_ignore_ascii_case("br")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_generics_are_told_apart() {
        assert!(
            is_tag("<br/>") && is_tag("</span>") && is_tag("<!-- x -->") && is_line_break("<br />")
        );
        assert!(!is_tag("<T>") && !is_tag("<String, u8>"));
    }
}
