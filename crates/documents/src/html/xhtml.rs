//! XHTML as an HTML parser understands it: HTML has no empty-element tags, so that
//! `<title/>` opens an element which swallows all that follows.

/// Where a page says that it is XHTML, in bytes.
const HEAD_BYTES: usize = 1_024;

/// Elements that HTML itself knows to be empty.
const VOID: [&str; 16] = [
    "area", "base", "basefont", "br", "col", "embed", "frame", "hr", "img", "input", "link",
    "meta", "param", "source", "track", "wbr",
];

/// Whether a page says that it is XHTML.
pub(super) fn is_xhtml(source: &str) -> bool {
    let head = source.trim_start().as_bytes();
    let head = head.get(..head.len().min(HEAD_BYTES)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    head.starts_with("<?xml") || head.contains("http://www.w3.org/1999/xhtml")
}

/// Writes `<x/>` as `<x></x>` and marked sections as text, and leaves out what only
/// XML has: processing instructions and declarations in the document type.
pub(super) fn to_html(source: &str) -> String {
    let mut html = String::with_capacity(source.len() + source.len() / 16);
    let mut rest = after_declarations(source);
    while let Some(open) = rest.find('<') {
        let (before, from) = rest.split_at(open);
        html.push_str(before);
        let length = piece(from, &mut html);
        rest = from.get(length..).unwrap_or_default();
    }
    html.push_str(rest);
    html
}

/// The page after a document type that declares entities; the whole page otherwise.
fn after_declarations(source: &str) -> &str {
    let start = source.find("<!DOCTYPE").filter(|&at| at < HEAD_BYTES);
    let after = start.and_then(|at| source.get(at..)).and_then(|from| {
        let (outer, inner) = from.split_once('[')?;
        let (_, after) = inner.split_once(']').filter(|_| !outer.contains('>'))?;
        after.trim_start().strip_prefix('>')
    });
    after.unwrap_or(source)
}

/// Writes the tag, comment or section at the start of `from`; its length in bytes.
fn piece(from: &str, html: &mut String) -> usize {
    let up_to = |end: &str| from.find(end).map_or(from.len(), |at| at + end.len());
    if let Some(section) = from.strip_prefix("<![CDATA[") {
        let text = section.split("]]>").next().unwrap_or_default();
        html.push_str(&text.replace('&', "&amp;").replace('<', "&lt;"));
        return up_to("]]>");
    }
    if from.starts_with("<?") {
        return up_to(">");
    }
    let length = match from.as_bytes().get(1) {
        Some(b'!') if from.starts_with("<!--") => up_to("-->"),
        Some(next) if next.is_ascii_alphabetic() => match tag_end(from) {
            Some(length) => return tag(from, length, html),
            None => from.len(),
        },
        _ => 1,
    };
    html.push_str(from.get(..length).unwrap_or_default());
    length
}

/// Writes the tag of `length` bytes at the start of `from`, and what belongs to it.
fn tag(from: &str, length: usize, html: &mut String) -> usize {
    let tag = from.get(..length).unwrap_or_default();
    let inner = tag.trim_start_matches('<').trim_end_matches('>');
    let is_name = |c: &char| !c.is_ascii_whitespace() && *c != '/';
    let name: String = inner.chars().take_while(is_name).collect();
    let name = name.to_ascii_lowercase();
    let empty = inner.strip_suffix('/').filter(|content| !ends_in_value(content));
    if let Some(content) = empty.filter(|_| !VOID.contains(&name.as_str())) {
        for text in ["<", content, "></", &name, ">"] {
            html.push_str(text);
        }
        return length;
    }
    html.push_str(tag);
    if empty.is_none() && ["script", "style"].contains(&name.as_str()) {
        let content = from.get(length..).unwrap_or_default();
        let end = raw_end(content, &name);
        html.push_str(content.get(..end).unwrap_or_default());
        return length + end;
    }
    length
}

/// Whether a `/` after `content` belongs to a value without quotes, as in `href=a/`.
fn ends_in_value(content: &str) -> bool {
    let last = content.rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    last.contains('=') && !last.ends_with(['"', '\''])
}

/// Where the content of a script or style ends, in bytes: no tags are looked for within.
fn raw_end(content: &str, name: &str) -> usize {
    let close = format!("</{name}");
    let mut starts = content.match_indices("</").map(|(at, _)| at);
    let is_close = |at: &usize| {
        let found = content.get(*at..*at + close.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(&close))
    };
    starts.find(is_close).unwrap_or(content.len())
}

/// The length of the tag at the start of `from`, in bytes; a `>` in quotes does not end it.
fn tag_end(from: &str) -> Option<usize> {
    let (mut quote, mut last) = (None, b' ');
    for (at, byte) in from.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'>' => return Some(at + 1),
            None if matches!(byte, b'"' | b'\'') && last == b'=' => quote = Some(byte),
            None => {}
        }
        if !byte.is_ascii_whitespace() {
            last = byte;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_elements_are_closed() {
        assert_eq!(to_html("<title/><p id='a'/>x<br/>"), "<title></title><p id='a'></p>x<br/>");
        assert_eq!(
            to_html("<script src=\"a.js\" />y<a href=b/>z</a>"),
            "<script src=\"a.js\" ></script>y<a href=b/>z</a>"
        );
        assert_eq!(to_html("<td title=\"1 > 0\"/><Td/>"), "<td title=\"1 > 0\"></td><Td></td>");
    }

    #[test]
    fn what_is_no_tag_stays() {
        assert_eq!(to_html("<!-- <i/> -->1 < 2 <"), "<!-- <i/> -->1 < 2 <");
        assert_eq!(
            to_html("<script>if (a < b) w('<p/>')</script><p/>"),
            "<script>if (a < b) w('<p/>')</script><p></p>"
        );
        assert_eq!(to_html("<p>open <b"), "<p>open <b");
    }

    #[test]
    fn what_only_xml_has_goes() {
        let source =
            "<?xml version='1.0'?><!DOCTYPE html [<!ENTITY a \"b\">]><p><![CDATA[1 < 2 & 3]]></p>";
        assert_eq!(to_html(source), "<p>1 &lt; 2 &amp; 3</p>");
        assert_eq!(to_html("<!DOCTYPE html><p>a[0]></p>"), "<!DOCTYPE html><p>a[0]></p>");
        assert!(is_xhtml("\n<?xml version='1.0'?>"));
        assert!(is_xhtml("<html xmlns=\"http://www.w3.org/1999/xhtml\">") && !is_xhtml("<html>"));
    }
}
