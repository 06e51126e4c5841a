//! A text of which only some sentences are kept, with the citations of those in their new places.

use std::ops::Range;

use serde_json::Value;

use crate::leaves::{Leaf, leaves};

/// A text with some sentences replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retold {
    /// What remains; where others stood, one gap each.
    pub(crate) text: String,
    /// Where the kept sentences stood, in characters, and where they begin now.
    kept: Vec<(Range<usize>, usize)>,
}

impl Retold {
    /// Keeps the sentences of `text` that `keep` wants, asked with the words and the characters
    /// of each; `gap` stands for those in between.
    pub(crate) fn new(
        text: &str,
        gap: &str,
        mut keep: impl FnMut(&str, &Range<usize>) -> bool,
    ) -> Self {
        let mut retold = Self::default();
        let mut before: Option<(usize, bool)> = None;
        for bytes in cairn_documents::sentences(text) {
            let start = text[..bytes.start].chars().count();
            let sentence = start..start + text[bytes.clone()].chars().count();
            let wanted = keep(&text[bytes.clone()], &sentence);
            if let Some((end, kept)) = before
                && (kept || wanted)
            {
                let between = &text[end..bytes.start];
                retold.text.push_str(if between.trim().is_empty() { between } else { " " });
            }
            if wanted {
                retold.kept.push((sentence, retold.text.chars().count()));
                retold.text.push_str(&text[bytes.clone()]);
            } else if before.is_none_or(|(_, kept)| kept) {
                retold.text.push_str(gap);
            }
            before = Some((bytes.end, wanted));
        }
        retold
    }

    /// Keeps the keys and values of a JSON text that have no `other` to stand for them, asked with
    /// each and its characters. What is another one must be written as JSON.
    pub(crate) fn of_json(
        text: &str,
        mut other: impl FnMut(&Leaf, &Range<usize>) -> Option<String>,
    ) -> Self {
        let mut retold = Self::default();
        let part = |range: Range<usize>| text.get(range).unwrap_or_default();
        let (mut read, mut characters) = (0, 0);
        for leaf in leaves(text) {
            let (between, words) = (part(read..leaf.bytes.start), part(leaf.bytes.clone()));
            retold.text.push_str(between);
            let start = characters + between.chars().count();
            let place = start..start + words.chars().count();
            (read, characters) = (leaf.bytes.end, place.end);
            match other(&leaf, &place) {
                Some(other) => retold.text.push_str(&other),
                None => {
                    retold.kept.push((place, retold.text.chars().count()));
                    retold.text.push_str(words);
                }
            }
        }
        retold.text.push_str(part(read..text.len()));
        retold
    }

    /// A citation in its new place; `None` when the sentence it speaks of is gone, or it does
    /// not say which one that is.
    pub(crate) fn moved(&self, mut citation: Value) -> Option<Value> {
        let range = sentence_of(&citation)?;
        let (old, new) = self.kept.iter().find(|(old, _)| old.contains(&range.start))?;
        let start = new + (range.start - old.start);
        let end = start + (range.end.min(old.end) - range.start);
        citation["index"] = end.into();
        citation["cairn"]["sentence_start"] = start.into();
        citation["cairn"]["sentence_end"] = end.into();
        Some(citation)
    }
}

/// The characters of the sentence that a citation speaks of, where it says so.
pub(crate) fn sentence_of(citation: &Value) -> Option<Range<usize>> {
    let ours = citation.get("cairn")?;
    let number = |name: &str| usize::try_from(ours.get(name)?.as_u64()?).ok();
    Some(number("sentence_start")?..number("sentence_end")?)
}

/// Whether two ranges have something in common.
pub(crate) fn touch(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_keeps_its_citations() {
        let text = "One is here. Two is not. Three is here.";
        let retold = Retold::new(text, "[…]", |sentence, _| sentence.contains("is here"));
        assert_eq!(retold.text, "One is here. […] Three is here.");
        let note = |range: Range<usize>| {
            json!({"index": range.end,
                "cairn": {"sentence_start": range.start, "sentence_end": range.end}})
        };
        let moved = retold.moved(note(25..39)).unwrap();
        assert_eq!(sentence_of(&moved), Some(17..31));
        assert_eq!(moved["index"], 31);
        assert_eq!(retold.moved(note(13..24)), None, "its sentence is gone");
        assert_eq!(retold.moved(json!({"index": 3})), None);
    }

    #[test]
    fn values_that_are_kept_keep_their_citations() {
        let text = r#"{"n\u00e9": "Ida", "year": 1989, "left": true}"#;
        let retold = Retold::of_json(text, |leaf, _| match leaf.said.as_str() {
            "Ida" => Some("[gone]".to_owned()),
            "true" => Some("null".to_owned()),
            _ => None,
        });
        assert_eq!(retold.text, r#"{"n\u00e9": "[gone]", "year": 1989, "left": null}"#);
        let note = |range: Range<usize>| {
            json!({"index": range.end,
                "cairn": {"sentence_start": range.start, "sentence_end": range.end}})
        };
        let moved = retold.moved(note(27..31)).unwrap();
        assert_eq!(sentence_of(&moved), Some(30..34));
        assert_eq!(retold.moved(note(13..16)), None, "it is gone");
    }

    #[test]
    fn ranges_touch_where_they_share_something() {
        assert!(touch(&(0..3), &(2..5)) && !touch(&(0..3), &(3..5)) && !touch(&(4..4), &(4..5)));
    }
}
