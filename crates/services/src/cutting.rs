//! Cuts a document and makes the vectors of its chunks, for one generation of a store's index.

use std::cell::Cell;
use std::sync::Arc;

use cairn_documents::{Chunk, Document, Piece, Pieces, Strategy, label, label_is_told};
use cairn_kernel::{Error, Result, ResultExt, Scope};
use cairn_serving::embed::Priority;
use cairn_store::records::{NewChunk, NewCut, NewParent, TextRow};

use crate::embedding::{EmbeddingModel, Encoders};
use crate::models::InputType;

/// How much of a text is tokenised at once, in bytes: a tokenizer may take a large multiple of it.
const TOKENISED: usize = 1 << 20;

/// A document as the records take it.
pub(crate) struct Cut {
    pub(crate) rows: NewCut,
    /// Bytes of its texts and vectors.
    pub(crate) bytes: i64,
}

/// Cuts and embeds. Clones share the models.
#[derive(Clone)]
pub struct Cutter {
    encoders: Encoders,
}

impl Cutter {
    /// Makes vectors with `encoders`.
    pub fn new(encoders: Encoders) -> Self {
        Self { encoders }
    }

    /// Asks `model` for one vector, as [`Encoders::probe`] does.
    ///
    /// # Errors
    /// As [`Encoders::probe`].
    pub(crate) async fn probe(&self, scope: &Scope, model: &EmbeddingModel) -> Result<()> {
        self.encoders.probe(scope, model).await
    }

    /// The chunks of a document with their vectors, as cut from the text that [`text_row`] keeps
    /// of it. What the document is called, by itself or as a file of this name, stands in front of
    /// those that do not tell it.
    ///
    /// # Errors
    /// `Unavailable` when the embedding model cannot be used now.
    pub(crate) async fn cut(
        &self,
        scope: &Scope,
        (document, filename): (&Arc<Document>, &str),
        strategy: Strategy,
        model: &EmbeddingModel,
    ) -> Result<Cut> {
        let (encoders, to_cut) = (self.encoders.clone(), Arc::clone(document));
        let filename = filename.to_owned();
        let cut = tokio::task::spawn_blocking(move || {
            let tokens_of = |part: &str| encoders.token_offsets(part);
            let (pieces, labels) = pieces(&to_cut, &filename, &strategy, tokens_of)?;
            Ok::<_, Error>((pieces, labels, text_row(&to_cut).version()))
        });
        let (Pieces { pieces, parents }, labels, text_version) =
            cut.await.or_internal("cutting a document")??;
        let plain = matches!(strategy, Strategy::Static { .. });
        let texts = pieces
            .iter()
            .zip(&labels)
            .map(|(piece, label)| {
                let heading = if plain { piece.chunk.heading.as_slice() } else { &[] };
                embedded_text((label, heading), &piece.context, &piece.chunk.text)
            })
            .collect();
        let how = (InputType::Document, Priority::Bulk);
        let vectors = self.encoders.embed(scope, model, texts, how).await?;
        let (mut rows, mut bytes) = (NewCut { text_version, ..NewCut::default() }, 0);
        for ((piece, label), vector) in pieces.into_iter().zip(labels).zip(vectors) {
            bytes += piece.chunk.text.len() + vector.len() * 4;
            let (heading, chunk) = (headings(&piece.chunk)?, piece.chunk);
            rows.chunks.push(NewChunk {
                ordinal: number(chunk.ordinal),
                heading,
                text: chunk.text,
                page: chunk.page.map(i64::from),
                char_start: number(chunk.char_start),
                char_end: number(chunk.char_end),
                tokens: number(chunk.tokens),
                context: piece.context,
                label,
                parent: piece.parent.map(number),
                vector,
            });
        }
        for chunk in parents {
            bytes += chunk.text.len();
            rows.parents.push(NewParent {
                ordinal: number(chunk.ordinal),
                heading: headings(&chunk)?,
                text: chunk.text,
                page: chunk.page.map(i64::from),
                char_start: number(chunk.char_start),
                char_end: number(chunk.char_end),
                tokens: number(chunk.tokens),
            });
        }
        Ok(Cut { rows, bytes: number(bytes) })
    }
}

/// The chunks of a document by the tokens that `tokens_of` finds, each with what the document is
/// called, by itself or as a file of this name, where the chunk does not tell it.
///
/// # Errors
/// Those of `tokens_of`.
pub(crate) fn pieces(
    document: &Document,
    filename: &str,
    strategy: &Strategy,
    tokens_of: impl Fn(&str) -> Result<Vec<(usize, usize)>>,
) -> Result<(Pieces, Vec<String>)> {
    // They are asked for once, and are larger than the text.
    let tokens = Cell::new(token_offsets(&document.text, tokens_of)?);
    let cut = cairn_documents::cut(document, strategy, &|_: &str| tokens.take());
    let label = label(document.title.as_deref(), filename).unwrap_or_default();
    let labels = cut.pieces.iter().map(|piece| label_of(&label, piece)).collect();
    Ok((cut, labels))
}

/// The byte ranges of a text's tokens, as `of` gives them of a part. No token goes over white
/// space, at which long texts are parted.
fn token_offsets(
    text: &str,
    of: impl Fn(&str) -> Result<Vec<(usize, usize)>>,
) -> Result<Vec<(usize, usize)>> {
    let (mut all, mut rest, mut at) = (Vec::new(), text, 0);
    while !rest.is_empty() {
        let after = rest.as_bytes().get(TOKENISED..).unwrap_or_default();
        let gap = after.iter().position(|byte| matches!(byte, b'\n' | b' '));
        let end = gap.map_or(rest.len(), |gap| TOKENISED + gap + 1);
        let (part, further) = rest.split_at(end);
        all.extend(of(part)?.into_iter().map(|(from, to)| (at + from, at + to)));
        (rest, at) = (further, at + end);
    }
    Ok(all)
}

/// The document's label where a chunk goes without it: neither its text nor its context says it,
/// which are what the index reads.
fn label_of(label: &str, piece: &Piece) -> String {
    let told = label_is_told(label, &[&piece.context, &piece.chunk.text]);
    if told { String::new() } else { label.to_owned() }
}

/// What a model reads of a chunk: its document's label, and its context, or the last heading above
/// it, in front of its text. That gives its sentences what they stand in. A label that the heading
/// tells is not read twice.
pub(crate) fn embedded_text(
    (label, heading): (&str, &[String]),
    context: &str,
    text: &str,
) -> String {
    let title =
        if context.is_empty() { heading.last().map_or("", String::as_str) } else { context };
    let title = if text.starts_with(title) { "" } else { title };
    let label = if label_is_told(label, &[title, text]) { "" } else { label };
    let lines = [label, title, text];
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

pub(crate) fn headings(chunk: &Chunk) -> Result<String> {
    serde_json::to_string(&chunk.heading).or_internal("writing headings")
}

pub(crate) fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A document as the records keep it.
pub(crate) fn text_row(document: &Document) -> TextRow {
    TextRow { text: document.text.clone(), structure: document.structure().to_string() }
}

/// The document that [`text_row`] kept.
pub(crate) fn document_of(row: TextRow) -> Result<Document> {
    let structure =
        serde_json::from_str(&row.structure).or_internal("reading a document's structure")?;
    Ok(Document::from_kept(row.text, &structure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_has_the_tokens_of_its_parts() -> Result<()> {
        let words = |text: &str| {
            let mut found = Vec::new();
            let mut at = 0;
            for word in text.split([' ', '\n']) {
                if !word.is_empty() {
                    found.push((at, at + word.len()));
                }
                at += word.len() + 1;
            }
            Ok(found)
        };
        let text = "grüne Äpfel\nund Birnen ".repeat(120_000);
        assert!(text.len() > 2 * TOKENISED);
        assert_eq!(token_offsets(&text, words)?, words(&text)?);
        let parts = Cell::new(0);
        let counted = |part: &str| {
            assert!(part.len() <= TOKENISED + 20, "{} bytes at once", part.len());
            parts.set(parts.get() + 1);
            words(part)
        };
        token_offsets(&text, counted)?;
        assert_eq!(parts.get(), text.len().div_ceil(TOKENISED));
        assert_eq!(token_offsets("", words)?, []);
        // One word is never cut.
        let long = "x".repeat(TOKENISED + 7);
        assert_eq!(token_offsets(&long, words)?, [(0, long.len())]);
        Ok(())
    }

    #[test]
    fn a_chunk_is_embedded_below_what_stands_above_it() {
        let heading = ["Top".to_owned(), "Below".to_owned()];
        let embedded = |heading: &[String], context: &str, text: &str| {
            embedded_text(("", heading), context, text)
        };
        assert_eq!(embedded(&heading, "", "Its text."), "Below\nIts text.");
        assert_eq!(embedded(&[], "Top › Below", "Its text."), "Top › Below\nIts text.");
        assert_eq!(embedded(&[], "", "Its text."), "Its text.");
        let table = embedded(&heading, "Below\n| name | value |", "| bolt | 3 |");
        assert_eq!(table, "Below\n| name | value |\n| bolt | 3 |");
        assert_eq!(embedded(&heading, "", "Below\n\nIts text."), "Below\n\nIts text.");
    }

    #[test]
    fn a_label_is_read_first_and_once() {
        let label = "Acme Supply Contract";
        let below = ["Termination".to_owned()];
        let read = |heading: &[String], context: &str, text: &str| {
            embedded_text((label, heading), context, text)
        };
        assert_eq!(read(&below, "", "It ends."), "Acme Supply Contract\nTermination\nIt ends.");
        assert_eq!(read(&[], "A › B", "It ends."), "Acme Supply Contract\nA › B\nIt ends.");
        let above = ["The ACME supply contract".to_owned()];
        assert_eq!(read(&above, "", "It ends."), "The ACME supply contract\nIt ends.");
        let text = "This contract binds Acme. It ends the supply.";
        assert_eq!(read(&[], "", text), text);
    }

    #[test]
    fn what_a_chunk_tells_has_no_label_in_front() {
        let piece = |context: &str, text: &str| Piece {
            chunk: Chunk {
                ordinal: 0,
                text: text.to_owned(),
                char_start: 0,
                char_end: text.chars().count(),
                page: None,
                heading: vec!["Acme Supply Contract".to_owned()],
                tokens: 1,
            },
            context: context.to_owned(),
            parent: None,
        };
        let label = "Acme Supply Contract";
        // The index does not read the headings, but those in the context.
        assert_eq!(label_of(label, &piece("", "The Supplier may end it.")), label);
        assert_eq!(label_of(label, &piece("Acme supply contract", "The Supplier.")), "");
        assert_eq!(label_of(label, &piece("", "A contract of supply with Acme.")), "");
        assert_eq!(label_of("", &piece("", "x")), "");
    }
}
