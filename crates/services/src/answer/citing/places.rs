//! Where in its document a quote stands: on which page, under which headings, in which lines.

use std::collections::{BTreeSet, HashMap};

use cairn_documents::{Document, Heading, LineBox, Page, kept_boxes};
use cairn_kernel::{Result, ResultExt, Scope};
use serde::Deserialize;

use super::cite::Citation;
use crate::answer::Answers;
use crate::retrieve::Passage;

/// A file and which of its texts.
type Text = (String, i64);

impl Answers {
    /// Gives each citation of what was `found` the page and the headings of its quote, which its chunk may have begun
    /// before, and the boxes of its lines, where the text of its file has them.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub(crate) async fn place(
        &self,
        scope: &Scope,
        found: &[Passage],
        citations: &mut [Citation],
    ) -> Result<()> {
        // The characters of a quote are counted in the text that its chunk is cut from.
        let texts: HashMap<&str, Text> = found
            .iter()
            .map(|Passage { chunk, .. }| (&*chunk.id, (chunk.file_id.clone(), chunk.text_version)))
            .collect();
        let of = |citation: &Citation| texts.get(&*citation.chunk_id).cloned();
        let cited: BTreeSet<Text> = citations.iter().filter_map(of).collect();
        let mut kept = Vec::with_capacity(cited.len());
        for text in cited {
            let structure = self.records.text_structure(scope, (&text.0, text.1)).await?;
            kept.extend(structure.map(|structure| (text, structure)));
        }
        if kept.is_empty() {
            return Ok(());
        }
        // That of a long document takes some milliseconds.
        let outlines = tokio::task::spawn_blocking(move || read(kept))
            .await
            .or_internal("reading where quotes stand")?;
        for citation in citations {
            if let Some(outline) = of(citation).and_then(|text| outlines.get(&text)) {
                stand(outline, citation);
            }
        }
        Ok(())
    }
}

/// The outline of each text: its document without the words.
fn read(kept: Vec<(Text, String)>) -> HashMap<Text, Document> {
    let outlines = |(text, structure): (Text, String)| match outline(&structure) {
        Ok(outline) => Some((text, outline)),
        Err(error) => {
            let file = text.0;
            tracing::warn!(file, %error, "a document's structure is not readable");
            None
        }
    };
    kept.into_iter().filter_map(outlines).collect()
}

fn outline(structure: &str) -> serde_json::Result<Document> {
    #[derive(Deserialize)]
    struct Kept {
        #[serde(default)]
        pages: Vec<Page>,
        #[serde(default)]
        headings: Vec<Heading>,
    }
    let Kept { pages, headings } = serde_json::from_str(structure)?;
    Ok(Document { pages, headings, boxes: kept_boxes(structure)?, ..Document::default() })
}

/// What is told of a quote's place is that of its first character.
pub(in crate::answer) fn stand(outline: &Document, citation: &mut Citation) {
    let first = usize::try_from(citation.char_start).unwrap_or(0);
    citation.page = outline.page_at(first).map(i64::from);
    let headings = outline.heading_path(first);
    citation.heading = (!headings.is_empty()).then(|| headings.join(" › "));
    let range = (citation.char_start, citation.char_end);
    citation.boxes = within(&outline.boxes, range).to_vec();
}

/// Those of `boxes` that hold any of the chars of a range.
fn within(boxes: &[LineBox], (start, end): (i64, i64)) -> &[LineBox] {
    let char = |position: i64| usize::try_from(position).unwrap_or(0);
    let first = boxes.partition_point(|line| line.end <= char(start));
    let last =
        if start < end { boxes.partition_point(|line| line.start < char(end)) } else { first };
    boxes.get(first..last).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_has_the_boxes_of_the_lines_it_touches() {
        let line = |start, end| LineBox { page: 1, start, end, edges: [0, 0, 1, 1] };
        let lines = [line(0, 10), line(11, 20), line(25, 40)];
        assert_eq!(within(&lines, (5, 12)), &lines[..2]);
        assert_eq!(within(&lines, (20, 25)), []);
        assert_eq!(within(&lines, (10, 26)), &lines[1..]);
        assert_eq!(within(&lines, (41, 50)), []);
        assert_eq!(within(&lines, (12, 12)), []);
        assert_eq!(within(&[], (0, 5)), []);
    }

    #[test]
    fn a_structure_that_cannot_be_read_costs_its_own_places_only() {
        let kept = |structure: &str| ((structure.len().to_string(), 0), structure.to_owned());
        let read = read(vec![kept("{"), kept("{\"boxes\": [[2, \"3 4 0 0 9 9\"]]}"), kept("{}")]);
        assert_eq!(read.len(), 2);
        let line = LineBox { page: 2, start: 3, end: 7, edges: [0, 0, 9, 9] };
        assert!(read.values().any(|outline| outline.boxes == [line]));
    }

    #[test]
    fn a_quote_has_the_page_and_the_headings_of_its_own_place() {
        let structure = serde_json::json!({
            "pages": [
                {"number": 1, "start": 0, "end": 40},
                {"number": 2, "start": 42, "end": 90},
            ],
            "headings": [
                {"level": 1, "title": "Tower", "start": 0},
                {"level": 2, "title": "Lamp", "start": 8},
                {"level": 2, "title": "Keeper", "start": 42},
            ],
        });
        let outline = outline(&structure.to_string()).unwrap();
        // Its chunk begins on the first page, above both parts.
        let mut quote = Citation {
            file_id: "file-1".into(),
            file_sha256: String::new(),
            filename: "tower.pdf".into(),
            chunk_id: "chunk_1".into(),
            quote: "The last keeper left.".into(),
            page: Some(1),
            heading: Some("Tower".into()),
            char_start: 50,
            char_end: 71,
            boxes: Vec::new(),
            sentence_start: 0,
            sentence_end: 21,
            support: 1.0,
            supported: true,
            doubt: None,
        };
        stand(&outline, &mut quote);
        assert_eq!((quote.page, quote.heading.as_deref()), (Some(2), Some("Tower › Keeper")));
        (quote.char_start, quote.char_end) = (20, 30);
        stand(&outline, &mut quote);
        assert_eq!((quote.page, quote.heading.as_deref()), (Some(1), Some("Tower › Lamp")));
        stand(&Document::default(), &mut quote);
        assert_eq!((quote.page, quote.heading), (None, None), "a text without pages and headings");
    }
}
