//! XML as a stream of tags and text. Of entities numbers are known, and the names that XML and
//! HTML have for chars, so none can grow.

use std::collections::HashMap;

use html5ever::data::NAMED_ENTITIES;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// Greek letters from U+03B1 on, as ISO 8879 calls them: `agr` is alpha, `Agr` its capital.
const GREEK: [&str; 25] = [
    "a", "b", "g", "d", "e", "z", "ee", "th", "i", "k", "l", "m", "n", "x", "o", "p", "r", "sf",
    "s", "t", "u", "ph", "kh", "ps", "oh",
];

/// One tag or text of an XML text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Token<'a> {
    /// A start tag; an empty element is followed by its end tag.
    Open(&'a str, &'a Attributes),
    /// An end tag.
    Close(&'a str),
    /// Text between tags.
    Text(&'a str),
}

/// One piece of an XML text, for those who tell how it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    /// A tag, or text outside of CDATA sections.
    Token(Token<'a>),
    /// The text of a CDATA section.
    CData(&'a str),
    /// The text of a comment.
    Comment(&'a str),
}

/// The attributes of a start tag, by name with prefix.
#[derive(Debug, Default)]
pub(crate) struct Attributes(HashMap<String, String>);

impl Attributes {
    /// The value of the attribute `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All attributes, by name.
    pub(crate) fn sorted(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<(&str, &str)> =
            self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.sort_unstable();
        all
    }

    /// The attribute as a number within `1..=most`, 1 when it is absent or none.
    pub(crate) fn count(&self, name: &str, most: usize) -> usize {
        self.find(name).and_then(|value| value.parse().ok()).unwrap_or(1).clamp(1, most)
    }
}

/// A name without its prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Hands every token of `source` to `visit`, CDATA sections as text; false when the source is cut
/// short or no XML.
pub(crate) fn walk(source: &str, mut visit: impl FnMut(Token<'_>)) -> bool {
    walk_at(source, |token, _| visit(token))
}

/// As [`walk`], with the byte of `source` at which each token ends.
pub(crate) fn walk_at(source: &str, mut visit: impl FnMut(Token<'_>, usize)) -> bool {
    walk_pieces(source, |piece, end| match piece {
        Piece::Token(token) => visit(token, end),
        Piece::CData(text) => visit(Token::Text(text), end),
        Piece::Comment(_) => {}
    })
}

/// As [`walk_at`], with CDATA sections and comments told from text.
pub(crate) fn walk_pieces(source: &str, mut visit: impl FnMut(Piece<'_>, usize)) -> bool {
    let mut reader = quick_xml::Reader::from_str(source);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.allow_dangling_amp = true;
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event();
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let mut token = |token: Token<'_>| visit(Piece::Token(token), end);
        match event {
            Ok(Event::Start(tag)) => {
                depth += 1;
                token(Token::Open(tag.name().as_ref(), &attributes(&tag)));
            }
            Ok(Event::End(tag)) => {
                depth = depth.saturating_sub(1);
                token(Token::Close(tag.name().as_ref()));
            }
            Ok(Event::Text(text)) => token(Token::Text(&text.xml10_content())),
            Ok(Event::CData(text)) => visit(Piece::CData(&text.xml10_content()), end),
            Ok(Event::GeneralRef(entity)) => {
                let name = entity.xml10_content();
                match entity.resolve_char_ref() {
                    Ok(Some(c)) => token(Token::Text(c.encode_utf8(&mut [0; 4]))),
                    _ => token(Token::Text(&named(&name))),
                }
            }
            Ok(Event::Comment(text)) => visit(Piece::Comment(&text.xml10_content()), end),
            Ok(Event::Eof) => return depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn attributes(tag: &BytesStart<'_>) -> Attributes {
    let mut found = HashMap::new();
    for attribute in tag.attributes().flatten() {
        let value = attribute
            .normalized_value(XmlVersion::default())
            .map_or_else(|_| attribute.value.to_string(), std::borrow::Cow::into_owned);
        found.insert(attribute.key.as_ref().to_owned(), value);
    }
    Attributes(found)
}

/// The chars that an entity stands for, two at most; none for one that only the file knows.
fn named(entity: &str) -> String {
    if entity == "apos" {
        return "'".to_owned();
    }
    if let Some((first, second)) = NAMED_ENTITIES.get(format!("{entity};").as_str()) {
        let chars = [first, second].into_iter().filter(|code| **code > 0);
        return chars.filter_map(|code| char::from_u32(*code)).collect();
    }
    greek(entity).map(String::from).unwrap_or_default()
}

fn greek(entity: &str) -> Option<char> {
    const CAPITALS_BEFORE: u32 = 0x20;
    let name = entity.strip_suffix("gr")?;
    let capital = name.starts_with(|c: char| c.is_ascii_uppercase());
    let lower = name.to_ascii_lowercase();
    let at = GREEK.iter().position(|letter| *letter == lower)?;
    let letter = 0x3b1 + u32::try_from(at).ok()?;
    char::from_u32(if capital { letter - CAPITALS_BEFORE } else { letter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_tags_and_entities_come_in_order() {
        let mut seen = String::new();
        let whole =
            walk("<a b='1 &amp; 2'>x &lt;&#65;<c/><![CDATA[<d>]]></a>", |token| match token {
                Token::Open(name, attributes) => {
                    seen += &format!("({name}{}", attributes.find("b").unwrap_or_default());
                }
                Token::Close(_) => seen.push(')'),
                Token::Text(text) => seen += text,
            });
        assert!(whole);
        assert_eq!(seen, "(a1 & 2x <A(c)<d>)");
        assert!(!walk("<a><b></a>", |_| {}));
    }

    #[test]
    fn tags_are_known_by_where_they_end() {
        let source = "<a>x &amp; y<b/>z</a>";
        let mut ends = Vec::new();
        assert!(walk_at(source, |token, end| {
            if !matches!(token, Token::Text(_)) {
                ends.push(&source[..end]);
            }
        }));
        assert_eq!(ends, ["<a>", "<a>x &amp; y<b/>", "<a>x &amp; y<b/>", source]);
    }

    #[test]
    fn names_of_chars_are_known() {
        let mut seen = String::new();
        walk("<a>&eacute;&lsqb;&agr;&Ohgr;&sfgr;&ThickSpace;&apos;&none;</a>", |token| {
            if let Token::Text(text) = token {
                seen += text;
            }
        });
        assert_eq!(seen, "é[αΩς\u{205f}\u{200a}'");
    }

    #[test]
    fn sections_and_comments_are_told_from_text() {
        let mut seen = Vec::new();
        let source = "<a>b<!-- c --><![CDATA[<d>]]>\n</a>";
        let whole = walk_pieces(source, |piece, end| {
            let piece = match piece {
                Piece::Token(Token::Text(text)) => text.to_owned(),
                Piece::Token(_) => return,
                Piece::CData(text) => format!("[{text}]"),
                Piece::Comment(text) => format!("#{text}"),
            };
            seen.push((piece, &source[end..]));
        });
        assert!(whole);
        let expected = [
            ("b", "<!-- c --><![CDATA[<d>]]>\n</a>"),
            ("# c ", "<![CDATA[<d>]]>\n</a>"),
            ("[<d>]", "\n</a>"),
            ("\n", "</a>"),
        ];
        assert_eq!(seen, expected.map(|(piece, after)| (piece.to_owned(), after)));
    }

    #[test]
    fn entities_of_the_file_do_not_grow() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'lollollol'><!ENTITY c '&b;&b;&b;&b;'>]><a>x&c;&c;</a>";
        let mut chars = 0;
        walk(bomb, |token| {
            if let Token::Text(text) = token {
                chars += text.len();
            }
        });
        assert_eq!(chars, 1);
    }
}
