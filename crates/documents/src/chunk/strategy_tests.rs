//! Every strategy keeps its promises on real and on random documents.

use proptest::prelude::*;

use super::tests::{markdown, sentence, source, words};
use super::{Chunk, ChunkOptions, Document, Piece, Pieces, Strategy, chunk, cut};
use crate::document::{Block, BlockKind};

fn structure(document: &Document, max_tokens: usize) -> Vec<Piece> {
    cut(document, &Strategy::Structure { max_tokens, heading_context: true }, &words).pieces
}

fn families(document: &Document, child_tokens: usize, parent_tokens: usize) -> Pieces {
    let heading_context = true;
    let strategy = Strategy::ParentChild { child_tokens, parent_tokens, heading_context };
    cut(document, &strategy, &words)
}

#[test]
fn sections_are_never_joined_and_have_their_headings_as_context() {
    let document = markdown("# Top\n\nIntro.\n\n## A\n\nText a.\n\n### B\n\nText b.\n\n## C\n");
    let pieces = structure(&document, 100);
    let texts: Vec<&str> = pieces.iter().map(|piece| piece.chunk.text.as_str()).collect();
    assert_eq!(texts, ["Top\n\nIntro.", "A\n\nText a.", "B\n\nText b.", "C"]);
    let contexts: Vec<&str> = pieces.iter().map(|piece| piece.context.as_str()).collect();
    assert_eq!(contexts, ["", "Top", "Top › A", "Top"]);
    let without = Strategy::Structure { max_tokens: 100, heading_context: false };
    assert!(cut(&document, &without, &words).pieces.iter().all(|piece| piece.context.is_empty()));
}

#[test]
fn a_long_section_ends_at_paragraphs_and_goes_on_under_its_whole_path() {
    let body = (0..12).map(|n| sentence(&format!("w{n}"), 20)).collect::<Vec<_>>().join("\n\n");
    let document = markdown(&format!("# One\n\n## Two\n\n{body}\n"));
    let pieces = structure(&document, 60);
    assert!(pieces.len() > 4);
    for piece in pieces.iter().skip(1) {
        assert_eq!(piece.context, "One › Two");
        assert!(piece.chunk.text.starts_with("The w") && piece.chunk.text.ends_with('.'));
    }
}

#[test]
fn a_table_stays_whole_where_it_fits_and_else_repeats_its_header() {
    let rows =
        |count: usize| (0..count).map(|n| format!("| row {n} | {n} |\n")).collect::<String>();
    let table = |count| format!("| name | value |\n|---|---|\n{}", rows(count));
    let intro = sentence("word", 30);
    let document = markdown(&format!("# T\n\n{intro}\n\n{}\n\nAfter.\n", table(5)));
    let pieces = structure(&document, 55);
    let whole = pieces.iter().find(|piece| piece.chunk.text.contains("| name |")).unwrap();
    assert!(whole.chunk.text.contains("row 4"), "{}", whole.chunk.text);

    let document = markdown(&format!("# T\n\n{}", table(40)));
    let pieces = structure(&document, 60);
    assert!(pieces.len() > 4 && pieces[0].chunk.text.starts_with("T\n\n| name | value |"));
    for piece in &pieces[1..] {
        assert_eq!(piece.context, "T\n| name | value |");
        assert!(piece.chunk.text.starts_with("| row") && piece.chunk.text.ends_with('|'));
    }
}

#[test]
fn chunks_of_a_size_have_the_header_of_their_table_as_context() {
    let rows = (0..40).map(|n| format!("| row {n} | {n} |\n")).collect::<String>();
    let table = format!("| name | value |\n|---|---|\n{rows}");
    let document = markdown(&format!("# T\n\n## Stock\n\n{table}\nAfter the table.\n"));
    let strategy = Strategy::Static { max_tokens: 60, overlap_tokens: 20 };
    let pieces = cut(&document, &strategy, &words).pieces;
    assert!(pieces.len() > 4 && pieces[0].chunk.text.contains("| name | value |"));
    assert_eq!(pieces[0].context, "");
    for piece in &pieces[1..] {
        assert!(piece.chunk.text.starts_with("| row"), "{}", piece.chunk.text);
        assert_eq!(piece.context, "Stock\n| name | value |");
        assert!(piece.chunk.tokens <= 60);
    }
    // A header that takes a large part of a chunk is not repeated, and other text has none.
    let wide = format!("| {} | b |\n|---|---|\n{rows}", "name ".repeat(20));
    let prose = (0..20).map(|n| sentence(&format!("w{n}"), 10)).collect::<Vec<_>>().join(" ");
    for source in [wide, prose] {
        let pieces = cut(&markdown(&source), &strategy, &words).pieces;
        assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.context.is_empty()));
    }
}

#[test]
fn small_chunks_of_a_table_have_its_header_as_well() {
    let rows = (0..40).map(|n| format!("| row {n} | {n} |\n")).collect::<String>();
    let document = markdown(&format!("| name | value |\n|---|---|\n{rows}"));
    let pieces = families(&document, 30, 100).pieces;
    assert!(pieces.len() > 8 && pieces[0].context.is_empty());
    assert!(pieces[1..].iter().all(|piece| piece.context == "| name | value |"));
}

#[test]
fn a_row_is_not_cut_even_if_it_alone_is_too_long() {
    let long = "cell ".repeat(50);
    let document = markdown(&format!("| a | b |\n|---|---|\n| {long}| x |\n| c | d |\n"));
    for pieces in [structure(&document, 20), families(&document, 20, 30).pieces] {
        assert!(pieces.iter().any(|piece| piece.chunk.text.contains(long.trim())));
    }
}

#[test]
fn small_chunks_lie_in_large_ones() {
    let body = (0..40).map(|n| sentence(&format!("w{n}"), 8)).collect::<Vec<_>>().join(" ");
    let document = markdown(&format!("# One\n\n{body}\n"));
    let made = families(&document, 25, 120);
    assert!(made.parents.len() > 2 && made.pieces.len() > made.parents.len() * 3);
    let first = made.pieces.iter().find(|piece| piece.parent == Some(1)).unwrap();
    assert_eq!(first.context, "One");
    assert_eq!(first.chunk.char_start, made.parents[1].char_start);
}

/// What holds for any strategy.
fn whole(document: &Document, pieces: &[Piece]) -> Result<(), TestCaseError> {
    let chars: Vec<char> = document.text.chars().collect();
    let mut covered = vec![false; chars.len()];
    for (ordinal, piece) in pieces.iter().enumerate() {
        let chunk = &piece.chunk;
        prop_assert_eq!(chunk.ordinal, ordinal);
        let exact: String = chars[chunk.char_start..chunk.char_end].iter().collect();
        prop_assert_eq!(&chunk.text, &exact);
        prop_assert!(!chunk.text.trim().is_empty());
        covered[chunk.char_start..chunk.char_end].fill(true);
    }
    for (at, c) in chars.iter().enumerate() {
        prop_assert!(covered[at] || c.is_whitespace(), "char {at} ({c:?}) is in no chunk");
    }
    Ok(())
}

/// Chunks do not overlap, no row is cut, and only one alone exceeds the bound.
fn apart(document: &Document, pieces: &[Piece], max: usize) -> Result<(), TestCaseError> {
    for pair in pieces.windows(2) {
        prop_assert!(pair[0].chunk.char_end <= pair[1].chunk.char_start);
    }
    let rows: Vec<&Block> =
        document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).collect();
    for piece in pieces {
        let (start, end) = (piece.chunk.char_start, piece.chunk.char_end);
        for row in rows.iter().filter(|row| row.start < end && row.end > start) {
            prop_assert!(start <= row.start && row.end <= end, "a row is cut");
        }
        let alone = rows.iter().any(|row| row.start == start && row.end == end);
        prop_assert!(piece.chunk.tokens <= max || alone, "{} > {max}", piece.chunk.tokens);
    }
    Ok(())
}

/// A heading begins a chunk or follows only headings in it; a table that fits is in one chunk.
fn structured(document: &Document, pieces: &[Piece], max: usize) -> Result<(), TestCaseError> {
    let holds = |piece: &Piece, block: &Block| {
        piece.chunk.char_start < block.end && block.start < piece.chunk.char_end
    };
    for piece in pieces {
        let held = document.blocks.iter().filter(|block| holds(piece, block));
        let mut text = false;
        for block in held {
            let heading = matches!(block.kind, BlockKind::Heading(_));
            prop_assert!(!(heading && text), "a chunk goes across a heading");
            text |= !heading;
        }
    }
    let chars: Vec<char> = document.text.chars().collect();
    let is_row = |block: &Block| block.kind == BlockKind::TableRow;
    for table in document.blocks.chunk_by(|a, b| is_row(a) && is_row(b)) {
        let (Some(first), Some(last)) = (table.first(), table.last()) else { continue };
        let text: String = chars[first.start..last.end].iter().collect();
        if is_row(first) && words(&text).len() <= max {
            let one = Block { end: last.end, ..*first };
            let holding = pieces.iter().filter(|piece| holds(piece, &one)).count();
            prop_assert_eq!(holding, 1, "a table that fits is cut");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_structure_is_kept(source in source(), max in 1_usize..150) {
        let document = markdown(&source);
        let pieces = structure(&document, max);
        whole(&document, &pieces)?;
        apart(&document, &pieces, max)?;
        structured(&document, &pieces, max.max(1))?;
    }

    #[test]
    fn families_cover_the_text_twice(source in source(), child in 1_usize..60, more in 0_usize..200) {
        let document = markdown(&source);
        let made = families(&document, child, child + more);
        whole(&document, &made.pieces)?;
        apart(&document, &made.pieces, child)?;
        let parents: Vec<Piece> = made.parents.iter()
            .map(|chunk| Piece { chunk: chunk.clone(), context: String::new(), parent: None })
            .collect();
        whole(&document, &parents)?;
        for piece in &made.pieces {
            let parent = piece.parent.and_then(|parent| made.parents.get(parent));
            let within = parent.is_some_and(|parent| {
                parent.char_start <= piece.chunk.char_start && piece.chunk.char_end <= parent.char_end
            });
            prop_assert!(within);
        }
    }

    #[test]
    fn the_plain_strategy_is_the_plain_cut(source in source(), max in 1_usize..150) {
        let document = markdown(&source);
        let strategy = Strategy::Static { max_tokens: max, overlap_tokens: max / 2 };
        let pieces = cut(&document, &strategy, &words).pieces;
        whole(&document, &pieces)?;
        let options = ChunkOptions { max_tokens: max, overlap_tokens: max / 2 };
        let chunks: Vec<Chunk> = pieces.into_iter().map(|piece| piece.chunk).collect();
        prop_assert_eq!(chunks, chunk(&document, &options, &words));
    }
}
