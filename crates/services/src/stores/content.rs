//! The text of a file in a store, once: chunks overlap, and repeat the headers of tables.

use cairn_kernel::{Id, Result, Scope};
use cairn_store::Records;
use cairn_store::records::ChunkPlace;

/// The text that a file's chunks are cut from, in pieces that join to the whole of it: each from
/// the first character of a chunk to that of the next, the first from the beginning and the last
/// to the end. None where there are no chunks.
pub(super) async fn pieces(
    records: &Records,
    scope: &Scope,
    store: &Id,
    file: &Id,
) -> Result<Vec<String>> {
    let places = records.chunk_places(scope, store, file).await?;
    let Some(version) = places.first().map(|place| place.text_version) else {
        return Ok(Vec::new());
    };
    // Gone means that the file was deleted or read anew since its chunks were looked up.
    let text = records.text_of(scope, (file.as_str(), version)).await?;
    Ok(text.map_or_else(Vec::new, |text| cut(&text, &places)))
}

/// `text` cut where chunks begin.
fn cut(text: &str, places: &[ChunkPlace]) -> Vec<String> {
    let mut starts: Vec<usize> =
        places.iter().filter_map(|place| usize::try_from(place.char_start).ok()).collect();
    starts.sort_unstable();
    starts.dedup();
    // What stands before the first chunk belongs to it.
    let mut starts = starts.into_iter().skip(1).peekable();
    let mut pieces = vec![String::new()];
    for (at, character) in text.chars().enumerate() {
        if starts.next_if_eq(&at).is_some() {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place((char_start, char_end): (i64, i64)) -> ChunkPlace {
        ChunkPlace { seq: 0, heading: "[]".to_owned(), char_start, char_end, text_version: 1 }
    }

    #[test]
    fn pieces_join_to_the_text_wherever_chunks_lie() {
        let text = "  Höhe: 5 m.\n\nBreite: 2 m.\n";
        for (chunks, expected) in [
            (vec![(2, 12)], vec![text]),
            (vec![(2, 12), (14, 26)], vec!["  Höhe: 5 m.\n\n", "Breite: 2 m.\n"]),
            (vec![(2, 20), (8, 26)], vec!["  Höhe: ", "5 m.\n\nBreite: 2 m.\n"]),
            (vec![(14, 26), (2, 12), (2, 9)], vec!["  Höhe: 5 m.\n\n", "Breite: 2 m.\n"]),
            (vec![(2, 12), (99, 100)], vec![text]),
        ] {
            let places: Vec<ChunkPlace> = chunks.iter().copied().map(place).collect();
            let pieces = cut(text, &places);
            assert_eq!(pieces, expected, "{chunks:?}");
            assert_eq!(pieces.concat(), text);
        }
    }
}
