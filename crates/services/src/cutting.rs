//! Cuts a document and makes the vectors of its chunks, for one generation of a store's index.

use std::sync::Arc;

use cairn_documents::{Chunk, Document, Pieces, Strategy};
use cairn_kernel::{Error, Result, ResultExt, Scope};
use cairn_serving::embed::Priority;
use cairn_store::records::{NewChunk, NewCut, NewParent, TextRow};

use crate::embedding::{EmbeddingModel, Encoders};

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

    /// The chunks of a document with their vectors, as cut from the text that [`text_row`] keeps
    /// of it.
    ///
    /// # Errors
    /// `Unavailable` when the embedding model cannot be used now.
    pub(crate) async fn cut(
        &self,
        scope: &Scope,
        document: &Arc<Document>,
        strategy: Strategy,
        model: &EmbeddingModel,
    ) -> Result<Cut> {
        let (encoders, to_cut) = (self.encoders.clone(), Arc::clone(document));
        let cut = tokio::task::spawn_blocking(move || {
            let tokens = encoders.token_offsets(&to_cut.text)?;
            let counted = |_: &str| tokens.clone();
            let pieces = cairn_documents::cut(&to_cut, &strategy, &counted);
            Ok::<_, Error>((pieces, text_row(&to_cut).version()))
        });
        let (Pieces { pieces, parents }, text_version) =
            cut.await.or_internal("cutting a document")??;
        let plain = matches!(strategy, Strategy::Static { .. });
        let texts = pieces
            .iter()
            .map(|piece| {
                let heading = if plain { piece.chunk.heading.as_slice() } else { &[] };
                embedded_text(heading, &piece.context, &piece.chunk.text)
            })
            .collect();
        let vectors = self.encoders.embed(scope, model, texts, Priority::Bulk).await?;
        let (mut rows, mut bytes) = (NewCut { text_version, ..NewCut::default() }, 0);
        for (piece, vector) in pieces.into_iter().zip(vectors) {
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

/// What a model reads of a chunk: its context, or the last heading above it, in front of its
/// text. That gives its sentences what they stand in.
pub(crate) fn embedded_text(heading: &[String], context: &str, text: &str) -> String {
    let title =
        if context.is_empty() { heading.last().map_or("", String::as_str) } else { context };
    if title.is_empty() || text.starts_with(title) {
        return text.to_owned();
    }
    format!("{title}\n{text}")
}

fn headings(chunk: &Chunk) -> Result<String> {
    serde_json::to_string(&chunk.heading).or_internal("writing headings")
}

fn number(value: usize) -> i64 {
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
    fn a_chunk_is_embedded_below_what_stands_above_it() {
        let heading = ["Top".to_owned(), "Below".to_owned()];
        assert_eq!(embedded_text(&heading, "", "Its text."), "Below\nIts text.");
        assert_eq!(embedded_text(&[], "Top › Below", "Its text."), "Top › Below\nIts text.");
        assert_eq!(embedded_text(&[], "", "Its text."), "Its text.");
        let table = embedded_text(&heading, "Below\n| name | value |", "| bolt | 3 |");
        assert_eq!(table, "Below\n| name | value |\n| bolt | 3 |");
        assert_eq!(embedded_text(&heading, "", "Below\n\nIts text."), "Below\n\nIts text.");
    }
}
