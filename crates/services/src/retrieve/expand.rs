//! From a hit to the section around it.
//!
//! A section is the run of chunks under the same headings. A hit grows over it chunk by
//! chunk, below and above in turn, as long as the whole is not longer than the budget; the
//! text is the document's own from the first character to the last. Hits that lie in what a
//! better one grew to are told there and not again.

use std::ops::Range;

use cairn_kernel::{Result, Scope};
use cairn_store::Records;
use cairn_store::records::NeighbourRow;

use super::{HitPlace, Passage};

/// Most characters of a widened passage, unless the hit itself has more.
const BUDGET: i64 = 6_000;
/// Chunks looked at on each side of a hit.
const REACH: i64 = 24;

/// The first `limit` of `passages` with the text of their sections.
pub(super) async fn sections(
    records: &Records,
    scope: &Scope,
    passages: Vec<Passage>,
    limit: usize,
) -> Result<Vec<Passage>> {
    let mut wide: Vec<Passage> = Vec::new();
    for mut passage in passages {
        let place = place(&passage);
        if let Some(around) = wide.iter_mut().find(|other| holds(other, &passage)) {
            around.hits.push(place);
        } else if wide.len() < limit {
            let taken: Vec<Range<i64>> = wide
                .iter()
                .filter(|other| other.chunk.file_id == passage.chunk.file_id)
                .map(|other| range(&other.chunk))
                .collect();
            passage.hits.push(place);
            widen(records, scope, &mut passage, &taken).await?;
            wide.push(passage);
        }
    }
    Ok(wide)
}

fn range(chunk: &cairn_store::records::ChunkRow) -> Range<i64> {
    chunk.char_start..chunk.char_end
}

fn place(passage: &Passage) -> HitPlace {
    HitPlace {
        chunk_id: passage.chunk.id.clone(),
        page: passage.chunk.page,
        char_start: passage.chunk.char_start,
        char_end: passage.chunk.char_end,
        score: passage.score,
    }
}

/// Whether `passage` lies wholly in the text of `wide`.
fn holds(wide: &Passage, passage: &Passage) -> bool {
    let (outer, inner) = (range(&wide.chunk), range(&passage.chunk));
    wide.chunk.file_id == passage.chunk.file_id
        && outer.start <= inner.start
        && inner.end <= outer.end
}

/// Gives the passage the text of its section. One whose document changed or went meanwhile
/// stays as it is.
async fn widen(
    records: &Records,
    scope: &Scope,
    passage: &mut Passage,
    taken: &[Range<i64>],
) -> Result<()> {
    let chunk = &mut passage.chunk;
    let around = records.chunks_around(scope, chunk.seq, REACH).await?;
    let Some(grown) = grow(&around, chunk.seq, taken) else { return Ok(()) };
    if grown == range(chunk) {
        return Ok(());
    }
    let text = records
        .text_between(scope, (&chunk.file_id, chunk.text_version), grown.start, grown.end)
        .await?;
    let before = usize::try_from(chunk.char_start - grown.start).unwrap_or(0);
    let holds = |text: &String| {
        let start = text.char_indices().nth(before).map(|(at, _)| at);
        start.and_then(|at| text.get(at..)).is_some_and(|rest| rest.starts_with(&chunk.text))
    };
    if let Some(text) = text.filter(holds) {
        chunk.text = text;
        if chunk.char_start != grown.start {
            chunk.page = page_of(&around, grown.start);
        }
        (chunk.char_start, chunk.char_end) = (grown.start, grown.end);
    }
    Ok(())
}

/// The page of the chunk that begins at `start`.
fn page_of(around: &[NeighbourRow], start: i64) -> Option<i64> {
    around.iter().find(|row| row.char_start == start)?.page
}

/// The characters that the hit `seq` grows to among the chunks `around` it, without those
/// in `taken`.
fn grow(around: &[NeighbourRow], seq: i64, taken: &[Range<i64>]) -> Option<Range<i64>> {
    let at = around.iter().position(|row| row.seq == seq)?;
    let hit = around.get(at)?;
    let free = |row: &NeighbourRow| {
        taken.iter().all(|range| row.char_end <= range.start || range.end <= row.char_start)
    };
    let grown = |whole: &Range<i64>, row: &NeighbourRow| {
        let wider = whole.start.min(row.char_start)..whole.end.max(row.char_end);
        let fits = row.heading == hit.heading && wider.end - wider.start <= BUDGET && free(row);
        fits.then_some(wider)
    };
    let mut whole = hit.char_start..hit.char_end;
    let mut below = around.iter().skip(at + 1);
    let mut above = around.iter().take(at).rev();
    let (mut down, mut up) = (true, true);
    while down || up {
        down = down && step(&mut whole, below.next(), grown);
        up = up && step(&mut whole, above.next(), grown);
    }
    Some(whole)
}

/// Grows by one chunk if that fits; whether it did.
fn step(
    whole: &mut Range<i64>,
    next: Option<&NeighbourRow>,
    grown: impl Fn(&Range<i64>, &NeighbourRow) -> Option<Range<i64>>,
) -> bool {
    match next.and_then(|row| grown(whole, row)) {
        Some(wider) => {
            *whole = wider;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks of 1,000 characters that share 100, under these headings.
    fn around(headings: &[&str]) -> Vec<NeighbourRow> {
        (0_i64..)
            .zip(headings)
            .map(|(seq, heading)| NeighbourRow {
                seq,
                heading: (*heading).to_owned(),
                page: Some(1 + seq / 2),
                char_start: seq * 900,
                char_end: seq * 900 + 1_000,
            })
            .collect()
    }

    #[test]
    fn a_hit_grows_to_its_section_and_not_beyond() {
        let rows = around(&["a", "b", "b", "b", "c"]);
        assert_eq!(grow(&rows, 2, &[]), Some(900..3_700));
        assert_eq!(grow(&rows, 1, &[]), Some(900..3_700));
        assert_eq!(grow(&rows, 0, &[]), Some(0..1_000));
        assert_eq!(grow(&rows, 9, &[]), None, "it is gone");
        let pages = [900, 2_700, 1].map(|start| page_of(&rows, start));
        assert_eq!(pages, [Some(1), Some(2), None], "it begins on the page of its first chunk");
    }

    #[test]
    fn a_long_section_is_cut_around_the_hit() {
        let rows = around(&["a"; 40]);
        let grown = grow(&rows, 20, &[]).unwrap_or_default();
        assert!(grown.end - grown.start <= BUDGET && grown.end - grown.start > BUDGET - 900);
        assert!(grown.start < 20 * 900 - 1_500 && grown.end > 20 * 900 + 2_500, "{grown:?}");
    }

    #[test]
    fn what_another_hit_shows_is_not_shown_again() {
        let rows = around(&["a"; 10]);
        let shown = 0..3_700;
        let grown = grow(&rows, 5, std::slice::from_ref(&shown)).unwrap_or_default();
        assert_eq!(grown.start, 5 * 900, "chunk 4 begins within what is shown");
    }
}
