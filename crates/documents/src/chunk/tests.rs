//! Chunks keep their promises on real and on random documents.

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;
use crate::document::BlockKind;

/// Words and punctuation marks, as a simple tokenizer has them.
pub(super) fn words(text: &str) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            start.get_or_insert(at);
            continue;
        }
        if let Some(start) = start.take() {
            tokens.push((start, at));
        }
        if !c.is_whitespace() {
            tokens.push((at, at + c.len_utf8()));
        }
    }
    tokens.extend(start.map(|start| (start, text.len())));
    tokens
}

pub(super) fn markdown(source: &str) -> Document {
    crate::markup::markdown::read(source, crate::write::Builder::new("text/markdown"))
}

fn cut(document: &Document, max_tokens: usize, overlap_tokens: usize) -> Vec<Chunk> {
    chunk(document, &ChunkOptions { max_tokens, overlap_tokens }, &words)
}

pub(super) fn sentence(word: &str, count: usize) -> String {
    format!("The {}.", vec![word; count].join(" "))
}

#[test]
fn small_sections_share_a_chunk_under_their_common_heading() {
    let document = markdown("# Top\n\nIntro.\n\n## A\n\nText a.\n\n### B\n\nText b.\n");
    let chunks = cut(&document, 100, 20);
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].heading, ["Top"]);
    assert_eq!(chunks[0].text, document.text);
}

#[test]
fn a_full_enough_chunk_ends_before_a_top_heading_and_does_not_overlap_into_it() {
    let body = vec![sentence("word", 20); 12].join(" ");
    let document = markdown(&format!("# One\n\n{body}\n\n# Two\n\n{body}\n"));
    let chunks = cut(&document, 800, 400);
    assert_eq!(chunks.len(), 2);
    assert!(chunks[1].text.starts_with("Two\n"));
    assert_eq!(
        (chunks[0].heading.as_slice(), chunks[1].heading.as_slice()),
        (&["One".to_owned()][..], &["Two".to_owned()][..])
    );
}

#[test]
fn overlap_is_whole_sentences_and_headings_stay_with_their_text() {
    let body = (0..30).map(|n| sentence(&format!("w{n}"), 8)).collect::<Vec<_>>().join(" ");
    let document = markdown(&format!("# One\n\n{body}\n\n## Next\n\nMore text here.\n"));
    let chunks = cut(&document, 50, 25);
    for pair in chunks.windows(2) {
        assert!(pair[1].char_start < pair[0].char_end || pair[1].text.starts_with("Next"));
        assert!(
            pair[1].text.starts_with("The ") || pair[1].text.starts_with("Next"),
            "{}",
            pair[1].text
        );
        assert!(pair[0].text.ends_with('.'), "{}", pair[0].text);
    }
    assert!(chunks.len() > 8);
    assert!(chunks.iter().all(|chunk| !chunk.text.ends_with("Next")));
}

#[test]
fn a_table_row_is_not_cut_while_it_fits() {
    let rows: String = (0..40).map(|n| format!("| row {n} | value {n} |\n")).collect();
    let document = markdown(&format!("| a | b |\n|---|---|\n{rows}"));
    let chunks = cut(&document, 60, 20);
    assert!(chunks.len() > 3);
    for chunk in &chunks {
        assert!(chunk.text.starts_with('|') && chunk.text.ends_with('|'), "{}", chunk.text);
    }
}

#[test]
fn one_endless_word_is_cut_between_tokens() {
    let document = crate::text::plain::read(
        &"x,".repeat(500),
        crate::text::plain::Style::Prose,
        crate::write::Builder::default(),
    );
    let chunks = cut(&document, 64, 16);
    assert!(chunks.len() >= 15 && chunks.iter().all(|chunk| chunk.tokens <= 64));
}

#[test]
fn a_megabyte_takes_little_time_beyond_tokenising() {
    let section = format!("## Part\n\n{}\n\n", vec![sentence("word", 15); 40].join(" "));
    let document = markdown(&section.repeat(1_000_000 / section.len()));
    let tokens = words(&document.text);
    let start = std::time::Instant::now();
    let chunks = chunk(&document, &ChunkOptions::default(), &|_: &str| tokens.clone());
    let elapsed = start.elapsed();
    assert!(chunks.len() > 300);
    // Generous against a busy machine; a quadratic step would take minutes.
    assert!(elapsed.as_millis() < 2000, "{elapsed:?}");
    println!("{} chunks of {} bytes in {elapsed:?}", chunks.len(), document.text.len());
}

fn check(document: &Document, max: usize, overlap: usize) -> Result<(), TestCaseError> {
    let chunks = cut(document, max, overlap);
    let chars: Vec<char> = document.text.chars().collect();
    let mut covered = vec![false; chars.len()];
    for (ordinal, chunk) in chunks.iter().enumerate() {
        prop_assert_eq!(chunk.ordinal, ordinal);
        let exact: String = chars[chunk.char_start..chunk.char_end].iter().collect();
        prop_assert_eq!(&chunk.text, &exact);
        prop_assert!(chunk.tokens <= max, "{} > {}", chunk.tokens, max);
        prop_assert!(words(&chunk.text).len() <= max);
        prop_assert!(!chunk.text.trim().is_empty());
        covered[chunk.char_start..chunk.char_end].fill(true);
    }
    for pair in chunks.windows(2) {
        prop_assert!(
            pair[0].char_start < pair[1].char_start && pair[0].char_end < pair[1].char_end
        );
    }
    for (at, c) in chars.iter().enumerate() {
        prop_assert!(covered[at] || c.is_whitespace(), "char {at} ({c:?}) is in no chunk");
    }
    Ok(())
}

pub(super) fn source() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "#{1,4} [a-zé]{1,8}\n\n",
        "([a-z]{1,6} ){1,30}[a-z]+\\. ([A-Zä][a-z]{1,6} ){1,9}[a-z]+[.!?]\n\n",
        "(- [a-z ]{1,30}\n){1,5}\n",
        "\\| a \\| b \\|\n\\|---\\|---\\|\n(\\| [a-z]{1,9} \\| [0-9]{1,5} \\|\n){1,6}\n",
        "```\n([a-z(){};]{1,20}\n){1,6}```\n\n",
        "\\PC{0,80}\n\n",
    ];
    proptest::collection::vec(part, 0..25).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn chunks_cover_the_text_exactly_and_keep_the_bound(source in source(), max in 1_usize..120, overlap in 0_usize..90) {
        check(&markdown(&source), max, overlap)?;
    }

    #[test]
    fn blocks_are_ordered_and_only_white_space_lies_between(source in source()) {
        let document = markdown(&source);
        let chars: Vec<char> = document.text.chars().collect();
        let mut at = 0;
        for block in &document.blocks {
            prop_assert!(block.start >= at && block.end > block.start);
            prop_assert!(chars[at..block.start].iter().all(|c| c.is_whitespace()));
            at = block.end;
        }
        prop_assert_eq!(at, chars.len());
        let headings = document.blocks.iter().filter(|b| matches!(b.kind, BlockKind::Heading(_))).count();
        prop_assert_eq!(headings, document.headings.len());
    }
}
