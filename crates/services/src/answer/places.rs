//! Where on its pages a quote stands.

use std::collections::HashMap;

use cairn_documents::{LineBox, kept_boxes};
use cairn_kernel::{Result, ResultExt, Scope};

use super::Answers;
use super::cite::Citation;

impl Answers {
    /// Gives each citation the boxes of its quote's lines, where the text of its file has boxes.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub(super) async fn place(&self, scope: &Scope, citations: &mut [Citation]) -> Result<()> {
        let paged = citations.iter().filter(|citation| citation.page.is_some());
        let mut files: Vec<&str> = paged.map(|citation| citation.file_id.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        let kept = self.records.file_structures(scope, &files).await?;
        if kept.is_empty() {
            return Ok(());
        }
        // That of a long document takes some milliseconds.
        let boxes = tokio::task::spawn_blocking(move || read(kept))
            .await
            .or_internal("reading where lines stand")?;
        for citation in citations {
            let of = boxes.get(&citation.file_id).map(Vec::as_slice).unwrap_or_default();
            citation.boxes = within(of, (citation.char_start, citation.char_end)).to_vec();
        }
        Ok(())
    }
}

/// The boxes of each file, by its id.
fn read(kept: Vec<(String, String)>) -> HashMap<String, Vec<LineBox>> {
    let boxes = |(file, structure): (String, String)| match kept_boxes(&structure) {
        Ok(boxes) => Some((file, boxes)),
        Err(error) => {
            tracing::warn!(file, %error, "a document's boxes are not readable");
            None
        }
    };
    kept.into_iter().filter_map(boxes).collect()
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
    fn a_structure_that_cannot_be_read_costs_its_own_boxes_only() {
        let kept = |structure: &str| (structure.len().to_string(), structure.to_owned());
        let read = read(vec![kept("{"), kept("{\"boxes\": [[2, \"3 4 0 0 9 9\"]]}"), kept("{}")]);
        assert_eq!(read.len(), 2);
        let line = LineBox { page: 2, start: 3, end: 7, edges: [0, 0, 9, 9] };
        assert!(read.values().any(|boxes| *boxes == [line]));
    }
}
