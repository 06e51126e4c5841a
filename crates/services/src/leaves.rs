//! The keys and values of a JSON text and where they stand; of one that was cut off too.

use std::ops::Range;

use serde::de::IgnoredAny;

/// What a leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key of an object.
    Key,
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// Null, or what is no JSON.
    Null,
}

/// A key, or a value that has no others in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) kind: Kind,
    /// Its bytes; those of a key and a text without the quotation marks.
    pub(crate) bytes: Range<usize>,
    /// What it says: of a key and a text without escapes.
    pub(crate) said: String,
    /// The keys it stands under, the outermost first.
    pub(crate) path: Vec<String>,
}

/// Whether `text` is a JSON object or array, and nothing else.
pub(crate) fn is_json(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The leaves of `text` in order.
pub(crate) fn leaves(text: &str) -> Vec<Leaf> {
    let mut reader = Reader { text, open: Vec::new(), found: Vec::new() };
    let mut at = 0;
    while let Some(first) = text.as_bytes().get(at) {
        at = reader.read(at, *first);
    }
    reader.found
}

/// The text that stands between quotation marks as `inner`; as it is where that is no JSON.
pub(crate) fn unescaped(inner: &str) -> String {
    serde_json::from_str(&format!("\"{inner}\"")).unwrap_or_else(|_| inner.to_owned())
}

/// At which character of `inner` each character of the text stands that it is written for, and
/// where it ends.
pub(crate) fn offsets(inner: &str) -> Vec<usize> {
    let characters: Vec<char> = inner.chars().collect();
    let (mut offsets, mut at) = (Vec::new(), 0);
    while let Some(character) = characters.get(at) {
        offsets.push(at);
        at += match (character, characters.get(at + 1)) {
            ('\\', Some('u')) if is_high(characters.get(at + 2..at + 6)) => 12,
            ('\\', Some('u')) => 6,
            ('\\', _) => 2,
            _ => 1,
        };
    }
    offsets.push(characters.len());
    offsets
}

/// Whether these four digits are the first half of a character.
fn is_high(digits: Option<&[char]>) -> bool {
    let digits: String = digits.unwrap_or_default().iter().collect();
    u32::from_str_radix(&digits, 16).is_ok_and(|code| (0xd800..0xdc00).contains(&code))
}

/// An object or array that was begun.
struct Open {
    object: bool,
    /// The last key.
    key: Option<String>,
    /// Whether a key is next.
    before_key: bool,
}

struct Reader<'t> {
    text: &'t str,
    open: Vec<Open>,
    found: Vec<Leaf>,
}

impl Reader<'_> {
    /// Reads what begins at a byte; where the next thing begins.
    fn read(&mut self, at: usize, first: u8) -> usize {
        match first {
            b'{' | b'[' => {
                let object = first == b'{';
                self.open.push(Open { object, key: None, before_key: object });
            }
            b'}' | b']' => {
                self.open.pop();
            }
            b',' => {
                if let Some(open) = self.open.last_mut() {
                    open.before_key = open.object;
                }
            }
            b'"' => return self.text(at + 1),
            b':' | b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => return self.literal(at),
        }
        at + 1
    }

    fn text(&mut self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let mut escaped = false;
        let end = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let end = start + end.unwrap_or(rest.len());
        let said = unescaped(self.text.get(start..end).unwrap_or_default());
        let is_key = self.open.last().is_some_and(|open| open.before_key);
        if is_key {
            // A key does not stand under the one before it.
            if let Some(open) = self.open.last_mut() {
                open.key = None;
            }
            self.add(Kind::Key, start..end, said.clone());
            if let Some(open) = self.open.last_mut() {
                (open.key, open.before_key) = (Some(said), false);
            }
        } else {
            self.add(Kind::Text, start..end, said);
        }
        end + 1
    }

    fn literal(&mut self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let said = rest.split(ends).next().unwrap_or_default();
        if said.is_empty() {
            // A space that JSON has not.
            return start + rest.chars().next().map_or(1, char::len_utf8);
        }
        let kind = match said {
            "true" | "false" => Kind::Flag,
            _ if said.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Kind::Number,
            _ => Kind::Null,
        };
        let end = start + said.len();
        self.add(kind, start..end, said.to_owned());
        end
    }

    fn add(&mut self, kind: Kind, bytes: Range<usize>, said: String) {
        let path = self.open.iter().filter_map(|open| open.key.clone()).collect();
        self.found.push(Leaf { kind, bytes, said, path });
    }
}

/// Whether what is no text ends before this character.
fn ends(character: char) -> bool {
    matches!(character, ',' | ':' | '{' | '}' | '[' | ']' | '"') || character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Kind, String, String)> {
        let told = |leaf: Leaf| (leaf.kind, leaf.said, leaf.path.join("/"));
        leaves(text).into_iter().map(told).collect()
    }

    fn leaf(kind: Kind, said: &str, path: &str) -> (Kind, String, String) {
        (kind, said.to_owned(), path.to_owned())
    }

    #[test]
    fn keys_and_values_are_found_with_what_they_stand_under() {
        let text =
            r#"{"rent": {"amount": -4.2e3, "due": "3rd\n\"day\""}, "pets": [true, null, "cat"]}"#;
        let expected = [
            leaf(Kind::Key, "rent", ""),
            leaf(Kind::Key, "amount", "rent"),
            leaf(Kind::Number, "-4.2e3", "rent/amount"),
            leaf(Kind::Key, "due", "rent"),
            leaf(Kind::Text, "3rd\n\"day\"", "rent/due"),
            leaf(Kind::Key, "pets", ""),
            leaf(Kind::Flag, "true", "pets"),
            leaf(Kind::Null, "null", "pets"),
            leaf(Kind::Text, "cat", "pets"),
        ];
        assert_eq!(read(text), expected);
        let due = leaves(text).into_iter().nth(4).unwrap();
        assert_eq!(&text[due.bytes], r#"3rd\n\"day\""#);
    }

    #[test]
    fn a_text_that_was_cut_off_is_read_as_far_as_it_goes() {
        assert_eq!(read(r#"{"a": "b"#), [leaf(Kind::Key, "a", ""), leaf(Kind::Text, "b", "a")]);
        assert_eq!(read(r#"{"a": "b\"#), [leaf(Kind::Key, "a", ""), leaf(Kind::Text, "b\\", "a")]);
        assert_eq!(read(r#"{"a": 12"#), [leaf(Kind::Key, "a", ""), leaf(Kind::Number, "12", "a")]);
        for text in ["", "{", "{\"", "[1,", "\u{a0}é]}\u{2003}{", ":::"] {
            let _ = leaves(text);
        }
    }

    #[test]
    fn only_a_whole_object_or_array_is_json() {
        for text in ["{}", " [1, 2]\n", r#"{"a": {"b": []}}"#] {
            assert!(is_json(text), "{text}");
        }
        for text in ["", "42", "\"a\"", "It is so.", "{\"a\": 1", "[…] It is so.", "{} {}"] {
            assert!(!is_json(text), "{text}");
        }
    }

    #[test]
    fn escapes_are_longer_than_what_they_are_written_for() {
        assert_eq!(offsets("abc"), [0, 1, 2, 3]);
        assert_eq!(offsets(r"a\nb"), [0, 1, 3, 4]);
        assert_eq!(offsets(r"\u00e9x"), [0, 6, 7]);
        assert_eq!(offsets(r"\ud83d\ude00x"), [0, 12, 13]);
        for inner in ["é", r"a\nb\\c\u00e9", r"\ud83d\ude00x"] {
            assert_eq!(offsets(inner).len(), unescaped(inner).chars().count() + 1, "{inner}");
        }
    }
}
