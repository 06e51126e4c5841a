//! Files that stand in a question itself: cut, and searched in memory for that question alone.
//!
//! They are one more list beside those of the stores: BM25 over all their chunks, cosines of those
//! that are best by it, and fusion as everywhere. Nothing of it is written down.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use cairn_documents::{Document, Strategy};
use cairn_kernel::{Result, ResultExt};
use cairn_search::{
    Analyzer, Candidate, Explain as Steps, Frequencies, Hit, Language, Ranking, bm25_weight, rank,
};
use cairn_serving::embed::Priority;
use cairn_store::records::ChunkRow;

use super::explain::Explain;
use super::order::{List, indexed_text};
use super::{Passage, Request, Retrieve, passage};
use crate::cutting::{headings, number, pieces, text_row};
use crate::embedding::{Encoders, QueryVectors};

/// Tokens of a chunk at most: what a writer is shown of one passage.
const CHUNK_TOKENS: usize = 200;
/// Chunks that get a vector for a question: the best by their words, for all wordings together.
const EMBEDDED: usize = 128;
/// Bytes of the text that its language is told by.
const TOLD_BY: usize = 4096;
/// Numbers of such chunks, which no chunk of a store has.
const FIRST: i64 = 1 << 62;
/// What the ids of such chunks begin with.
const PREFIX: &str = "attached_";
/// What the id begins with of a file whose bytes came with the question; their SHA-256 follows.
pub(crate) const SENT: &str = "inline-";

/// A file that was read for a question.
#[derive(Clone, Debug)]
pub(crate) struct ReadFile {
    /// `file-…`, or [`SENT`] and the SHA-256 of its bytes.
    pub(crate) id: String,
    pub(crate) filename: String,
    pub(crate) document: Document,
}

/// The files of a question, cut. Clones share them.
#[derive(Clone, Default)]
pub struct Attached(Arc<Held>);

#[derive(Default)]
struct Held {
    files: Vec<ReadFile>,
    chunks: Vec<ChunkRow>,
    /// How often each term occurs in each chunk, and how many terms that has.
    terms: Vec<(HashMap<String, f32>, f32)>,
    /// In how many chunks each term occurs.
    holding: HashMap<String, u32>,
    average: f32,
    analyzer: Analyzer,
}

impl fmt::Debug for Attached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Attached({} files)", self.0.files.len())
    }
}

impl Passage {
    /// Whether it is of a file that stands in the question, and not of a store.
    pub fn is_attached(&self) -> bool {
        is_attached(&self.chunk.id)
    }
}

/// Whether the chunk of this id is of a file that stands in a question.
pub(crate) fn is_attached(chunk: &str) -> bool {
    chunk.starts_with(PREFIX)
}

impl Attached {
    /// These files, cut.
    ///
    /// # Errors
    /// `Unavailable` when the tokenizer's file is absent.
    pub(crate) async fn cut(encoders: &Encoders, files: Vec<ReadFile>) -> Result<Self> {
        let encoders = encoders.clone();
        let cut = move || Held::of(files, |part| encoders.token_offsets(part));
        let held = tokio::task::spawn_blocking(cut).await.or_internal("cutting a file")??;
        Ok(Self(Arc::new(held)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.files.is_empty()
    }

    /// The language of their texts.
    pub(crate) fn language(&self) -> Language {
        self.0.analyzer.language()
    }

    /// How many chunks they have.
    pub(crate) fn len(&self) -> usize {
        self.0.chunks.len()
    }

    /// What the files are called.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.files.iter().map(|file| file.filename.as_str())
    }

    /// The document of a file.
    pub(crate) fn document(&self, file: &str) -> Option<&Document> {
        self.0.files.iter().find(|held| held.id == file).map(|held| &held.document)
    }

    /// All of them in reading order.
    ///
    /// # Errors
    /// `Internal` for headings that cannot be read.
    pub(crate) fn passages(&self) -> Result<Vec<Passage>> {
        let whole = |chunk: &ChunkRow| {
            let id = chunk.seq.unsigned_abs();
            let hit = Hit { id, score: 1.0, dense: None, bm25: None, explain: Steps::default() };
            passage(chunk.clone(), &hit, Explain::default())
        };
        self.0.chunks.iter().map(whole).collect()
    }

    /// In how many chunks the words of `text` occur.
    pub(super) fn frequencies(&self, text: &str) -> Frequencies {
        let held = &self.0;
        let holding = |term: String| {
            let count = held.holding.get(&term).copied().unwrap_or(0);
            (term, f64::from(count))
        };
        Frequencies {
            points: held.chunks.len() as u64,
            terms: held.analyzer.terms(text).into_iter().map(holding).collect(),
        }
    }

    /// The hits among `candidates` with their rows.
    pub(super) fn list(&self, candidates: &[Candidate], ranking: Ranking, limit: usize) -> List {
        let hits = rank(candidates, &ranking, limit);
        let row = |hit: &Hit| Some((hit.id, self.chunk(hit.id)?.clone()));
        let rows = hits.iter().filter_map(row).collect();
        List::new(ranking, (hits, self.0.chunks.len() as u64), rows)
    }

    fn chunk(&self, id: u64) -> Option<&ChunkRow> {
        let at = id.checked_sub(FIRST.unsigned_abs())?;
        self.0.chunks.get(usize::try_from(at).ok()?)
    }
}

impl Held {
    fn of(
        files: Vec<ReadFile>,
        tokens_of: impl Fn(&str) -> Result<Vec<(usize, usize)>>,
    ) -> Result<Self> {
        let told_by = files.iter().map(|file| {
            let text = file.document.text.as_str();
            &text[..text.floor_char_boundary(TOLD_BY)]
        });
        let analyzer = Analyzer::new(Language::detect(told_by));
        let mut chunks = Vec::new();
        for file in &files {
            let first = chunks.len();
            chunks.extend(rows(file, first, &tokens_of)?);
        }
        let mut held = Self { analyzer, ..Self::default() };
        for chunk in &chunks {
            let mut counts: HashMap<String, f32> = HashMap::new();
            let terms = held.analyzer.terms(&indexed_text(chunk)?);
            let length = real(terms.len());
            for term in terms {
                *counts.entry(term).or_default() += 1.0;
            }
            for term in counts.keys() {
                *held.holding.entry(term.clone()).or_default() += 1;
            }
            held.average += length;
            held.terms.push((counts, length));
        }
        held.average /= real(chunks.len().max(1));
        (held.files, held.chunks) = (files, chunks);
        Ok(held)
    }

    /// The BM25 score of each chunk for `query`; 0 where no word of it occurs.
    fn scores(&self, query: &str, frequencies: &Frequencies) -> Vec<f32> {
        // In order, so that sums are the same each time.
        let asked: BTreeSet<String> = self.analyzer.terms(query).into_iter().collect();
        let weights: Vec<(&String, f32)> =
            asked.iter().filter_map(|term| Some((term, frequencies.idf(term)?))).collect();
        let score = |(counts, length): &(HashMap<String, f32>, f32)| {
            let met = weights.iter().filter_map(|(term, idf)| Some((counts.get(*term)?, idf)));
            met.map(|(count, idf)| idf * bm25_weight(*count, *length, self.average)).sum()
        };
        self.terms.iter().map(score).collect()
    }
}

/// The chunks of a file, of which `first` stand before them.
fn rows(
    file: &ReadFile,
    first: usize,
    tokens_of: impl Fn(&str) -> Result<Vec<(usize, usize)>>,
) -> Result<Vec<ChunkRow>> {
    let strategy = Strategy::Structure { max_tokens: CHUNK_TOKENS, heading_context: true };
    let (cut, labels) = pieces(&file.document, &file.filename, &strategy, tokens_of)?;
    let text_version = text_row(&file.document).version();
    let row = |(piece, label): (cairn_documents::Piece, String)| {
        let (heading, chunk) = (headings(&piece.chunk)?, piece.chunk);
        Ok(ChunkRow {
            seq: FIRST + number(first + chunk.ordinal),
            id: format!("{PREFIX}{}_{}", file.id, chunk.ordinal),
            file_id: file.id.clone(),
            filename: file.filename.clone(),
            attributes: "{}".to_owned(),
            revision: 0,
            ordinal: number(chunk.ordinal),
            text: chunk.text,
            heading,
            page: chunk.page.map(i64::from),
            char_start: number(chunk.char_start),
            char_end: number(chunk.char_end),
            tokens: number(chunk.tokens),
            context: piece.context,
            label,
            match_start: None,
            match_end: None,
            text_version,
        })
    };
    cut.pieces.into_iter().zip(labels).map(row).collect()
}

/// The best chunks for all of these scores together, one list for each wording, in reading order.
fn best(scores: &[Vec<f32>], chunks: usize, most: usize) -> Vec<usize> {
    let highest =
        |at: usize| scores.iter().filter_map(|list| list.get(at)).fold(0.0_f32, |a, b| a.max(*b));
    let mut order: Vec<usize> = (0..chunks).collect();
    order.sort_by(|a, b| highest(*b).total_cmp(&highest(*a)).then(a.cmp(b)));
    order.truncate(most);
    order.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

#[expect(clippy::cast_precision_loss, reason = "a count of chunks or of words of one")]
fn real(count: usize) -> f32 {
    count as f32
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Retrieve {
    /// The analysis of the texts that `search` looks in: in their language where they share one.
    ///
    /// # Errors
    /// `Unavailable` when an index cannot be asked.
    pub(crate) async fn analyzer_of(&self, search: &Request) -> Result<Analyzer> {
        let attached = search.attached.language();
        if search.attached.is_empty() {
            return self.analyzer(&search.stores).await;
        }
        if search.stores.is_empty() {
            return Ok(Analyzer::new(attached));
        }
        let stores = self.analyzer(&search.stores).await?;
        Ok(if stores.language() == attached { stores } else { Analyzer::default() })
    }

    /// Of the files that stand in the request, what may answer each of its wordings.
    ///
    /// # Errors
    /// `Unavailable` when the embedding model cannot be used now.
    pub(super) async fn attached(
        &self,
        request: &Request,
        vectors: &mut QueryVectors<'_>,
    ) -> Result<Vec<Vec<Candidate>>> {
        let held = &request.attached.0;
        if held.chunks.is_empty() {
            return Ok(Vec::new());
        }
        let asked = vectors.of(self.encoders.own()).await?;
        let scores = request.queries.iter().map(|query| {
            let frequencies = request.attached.frequencies(query);
            held.scores(query, &frequencies)
        });
        let scores: Vec<Vec<f32>> = scores.collect();
        let near = best(&scores, held.chunks.len(), EMBEDDED);
        let rows = near.iter().filter_map(|at| held.chunks.get(*at));
        let texts = rows.map(indexed_text).collect::<Result<_>>()?;
        let made = self.encoders.embedder().embed(texts, Priority::Interactive).await?.vectors;
        let of_one = |(scores, asked): (&Vec<f32>, &Vec<f32>)| {
            let candidates = near.iter().zip(&made).map(|(at, vector)| Candidate {
                id: FIRST.unsigned_abs() + *at as u64,
                dense: Some(dot(asked, vector)),
                bm25: scores.get(*at).copied(),
                vector: vector.clone(),
                late: None,
            });
            candidates.collect()
        };
        Ok(scores.iter().zip(asked.iter()).map(of_one).collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A text as a file, of whose words each is a token.
    pub(crate) fn attached(files: &[(&str, &str)]) -> Result<Attached> {
        let words = |text: &str| {
            let start = text.as_ptr().addr();
            let place = |word: &str| {
                let from = word.as_ptr().addr() - start;
                (from, from + word.len())
            };
            Ok(text.split_whitespace().map(place).collect())
        };
        let read = |(id, text): &(&str, &str)| ReadFile {
            id: (*id).to_owned(),
            filename: "notes.txt".to_owned(),
            document: cairn_documents::parse("notes.txt", text.as_bytes()).expect("a text"),
        };
        Ok(Attached(Arc::new(Held::of(files.iter().map(read).collect(), words)?)))
    }

    fn long() -> String {
        let filler = "Nothing of any note is told in this sentence of the report.\n\n".repeat(60);
        format!("{filler}The lamp of the tower was lit by Ida Thorvald.\n\n{filler}")
    }

    #[test]
    fn chunks_are_words_of_the_file_at_their_places() -> Result<()> {
        let text = long();
        let held = attached(&[("file-1", &text), ("inline-ab", "A second file.")])?;
        assert!(held.len() > 3, "{}", held.len());
        let passages = held.passages()?;
        let mut numbers = BTreeSet::new();
        for passage in &passages {
            assert!(passage.is_attached() && numbers.insert(passage.chunk.seq));
            let document = held.document(&passage.chunk.file_id).expect("its document");
            let at = |char: i64| usize::try_from(char).expect("a place");
            let (from, to) = (at(passage.chunk.char_start), at(passage.chunk.char_end));
            let said: String = document.text.chars().skip(from).take(to - from).collect();
            assert_eq!(said, passage.chunk.text);
        }
        assert_eq!(passages.last().map(|last| last.chunk.file_id.as_str()), Some("inline-ab"));
        assert!(held.document("file-2").is_none());
        Ok(())
    }

    #[test]
    fn the_chunk_with_the_rare_words_scores_highest() -> Result<()> {
        let held = attached(&[("file-1", &long())])?;
        let query = "Who lit the lamp of the tower?";
        let frequencies = held.frequencies(query);
        assert_eq!(frequencies.points, held.len() as u64);
        let scores = held.0.scores(query, &frequencies);
        let top = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let top = top.expect("a chunk");
        assert!(held.0.chunks[top].text.contains("Thorvald"));
        assert!(scores.iter().enumerate().all(|(at, score)| at == top || *score < scores[top]));
        assert_eq!(held.0.scores("zebra", &held.frequencies("zebra")).iter().sum::<f32>(), 0.0);
        let id = FIRST.unsigned_abs() + top as u64;
        assert_eq!(held.chunk(id).map(|chunk| chunk.ordinal), Some(number(top)));
        assert!(held.chunk(7).is_none(), "a chunk of a store is none of these");
        Ok(())
    }

    #[test]
    fn the_best_for_any_wording_get_a_vector() {
        let scores = [vec![0.0, 3.0, 0.0, 1.0], vec![0.0, 0.0, 2.0, 1.0]];
        assert_eq!(best(&scores, 4, 2), [1, 2]);
        assert_eq!(best(&scores, 4, 9), [0, 1, 2, 3]);
        assert_eq!(best(&[], 3, 2), [0, 1], "in reading order where nothing tells them apart");
    }
}
