//! The same search again, and what has changed since: without a word of any document.
//!
//! Whoever replays an answer may read all its sources, or would not be shown it. A passage
//! of a document that the *search* no longer shows them, as for an editor whose key is not
//! on the document's list, is told as such.

use cairn_guard::canary::Canary;
use cairn_kernel::{Error, Id, Kind, Result, Scope};
use cairn_serving::gguf::Sampling;
use cairn_store::records::PassageFate;
use futures::StreamExt as _;
use serde_json::{Map, Value};

use super::provenance::{ModelUsed, Overviewed, PassageUsed, RetrievalUsed};
use super::writing::{prompt, structured};
use super::{Answer, Answers, Provenance, Question, Step};
use crate::models::Target;
use crate::retrieve::{Passage, Request, is_attached};

/// Scores that differ by less are the same.
const SAME_SCORE: f32 = 1e-4;
/// What is said of an answer that was made from files in its question too.
const NOT_COMPARED: &str = "files stood in the question beside the stores: they are not read \
    again, their passages are not compared, and those of the stores may stand \
    elsewhere without them";

/// Something then and now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<T> {
    /// When the answer was made.
    pub then: T,
    /// Now.
    pub now: T,
}

impl<T: PartialEq> Change<T> {
    /// Whether nothing has changed.
    pub fn is_same(&self) -> bool {
        self.then == self.now
    }
}

/// What became of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is found in the same place with the same score.
    Same,
    /// It is found in another place or with another score.
    Moved,
    /// It is not found any more.
    Gone,
    /// It was not found then.
    New,
}

impl State {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Moved => "moved",
            Self::Gone => "gone",
            Self::New => "new",
        }
    }
}

/// Where a passage stands in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// From 1.
    pub rank: usize,
    /// Score that it is ranked by.
    pub score: f32,
    /// Cosine of the dense leg.
    pub dense: Option<f32>,
    /// Raw score of the BM25 leg.
    pub bm25: Option<f32>,
}

/// A passage then and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What became of it.
    pub state: State,
    /// The chunk; that of now where it is found.
    pub chunk_id: String,
    /// The file.
    pub file_id: String,
    /// The file's name, where it is found.
    pub filename: Option<String>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past the last.
    pub char_end: i64,
    /// Its place when the answer was made.
    pub then: Option<Place>,
    /// Its place now.
    pub now: Option<Place>,
    /// Why it is gone: `deleted`, `replaced` (the same bytes are there as another file),
    /// `access`, `detached`, `reindexed`, `filtered` or `outranked`.
    pub reason: Option<&'static str>,
    /// The file with the same bytes.
    pub replaced_by: Option<String>,
}

/// An answer written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its text now.
    pub text: String,
    /// Whether it is refused now.
    pub refused: bool,
    /// Tokens read and written.
    pub tokens: (u32, u32),
    /// The model that wrote.
    pub model: String,
}

/// What has changed since an answer was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// Passages of now, best first, then those that are gone.
    pub passages: Vec<Compared>,
    /// Position of the index.
    pub index_position: Change<i64>,
    /// The program's version.
    pub program: Change<String>,
    /// The embedding model.
    pub embedding: Change<Option<ModelUsed>>,
    /// The reranker that read passages again, where one did.
    pub reranker: Change<Option<ModelUsed>>,
    /// The model that writes.
    pub language: Change<Option<ModelUsed>>,
    /// SHA-256 of the program's own words in the prompt; `None` then when nothing was put
    /// to a model.
    pub template: Change<Option<String>>,
    /// Stores of the search that are not there any more.
    pub missing_stores: Vec<String>,
    /// What was not compared.
    pub notes: Vec<String>,
    /// The answer, if it was asked for.
    pub answer: Option<Rewritten>,
}

impl Answers {
    /// Runs the search of a kept answer again and, with `rewrite`, writes the answer again
    /// with the same seed. `trace` is the request's id.
    ///
    /// # Errors
    /// `Invalid` for an answer without a search; what keeps a search or a model from its
    /// work.
    pub async fn replay(
        &self,
        scope: &Scope,
        then: &Provenance,
        rewrite: bool,
        trace: &str,
    ) -> Result<Replay> {
        if then.overview == Some(Overviewed::Talk) {
            return Err(Error::invalid(
                "this response is the program's own words to a greeting or the like, made without \
                 documents or a model, so there is nothing to run again",
            ));
        }
        let Some(used) = &then.retrieval else {
            return Err(Error::invalid(
                "this response was not made from documents, so there is no search to run again",
            ));
        };
        if used.stores.is_empty() {
            return Err(Error::invalid(
                "this response was made from files that stood in its question, and no store was \
                 searched, so there is no search to run again; ask the question again with them",
            ));
        }
        let mut request = used.request()?;
        let all = std::mem::take(&mut request.stores);
        let mut missing_stores = Vec::new();
        for store in all {
            match self.records.store(scope, &store).await {
                Ok(_) => request.stores.push(store),
                Err(gone) if gone.kind() == Kind::NotFound => {
                    missing_stores.push(store.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        let found = if request.stores.is_empty() {
            Vec::new()
        } else {
            self.found_again(scope, then, &request, &used.question).await?
        };
        let answer = match rewrite && !request.stores.is_empty() {
            true => Some(self.rewritten(scope, then, used, request.clone(), trace).await?),
            false => None,
        };
        // A cross-encoder may be here no more.
        let reranker = then.reranker.as_ref().and_then(|_| self.reranker(used.ranker).ok());
        let language = self.writer_now(scope, then, trace).await?;
        let embedding = self.embedding(scope, &request.stores).await?;
        let template = then.prompt.as_ref().and_then(|prompt| prompt.template_sha256.clone());
        let turns = then.prompt.as_ref().map(|prompt| prompt.messages.as_slice());
        let template_now =
            template.as_ref().map(|_| match structured::asks(turns.unwrap_or(&[])) {
                true => structured::template_sha256(),
                false => prompt::template_of(turns.unwrap_or(&[])),
            });
        let notes = match of_stores(&then.passages).len() < then.passages.len() {
            true => vec![NOT_COMPARED.to_owned()],
            false => Vec::new(),
        };
        Ok(Replay {
            passages: self.compared(scope, then, &found, &request).await?,
            index_position: Change {
                then: then.index_position,
                now: self.records.index_position(scope).await?,
            },
            program: Change {
                then: then.program.clone(),
                now: env!("CARGO_PKG_VERSION").to_owned(),
            },
            embedding: Change { then: then.embedding.clone(), now: Some(embedding) },
            reranker: Change { then: then.reranker.clone(), now: reranker },
            language: Change { then: then.language.clone(), now: language },
            template: Change { then: template, now: template_now },
            missing_stores,
            notes,
            answer,
        })
    }

    /// What is found now for the question of an answer.
    async fn found_again(
        &self,
        scope: &Scope,
        then: &Provenance,
        request: &Request,
        question: &str,
    ) -> Result<Vec<Passage>> {
        let wanted = match then.overview {
            Some(_) => self.wanted(scope, (question, &then.format), request).await?,
            None => None,
        };
        Ok(match &wanted {
            Some(wanted) => self.surveyed(scope, request, (question, wanted)).await?.found,
            None => self.search(scope, request, question).await?.found,
        })
    }

    /// The model that would write now; `None` where nothing was written then, or the name
    /// means none any more.
    async fn writer_now(
        &self,
        scope: &Scope,
        then: &Provenance,
        trace: &str,
    ) -> Result<Option<ModelUsed>> {
        if then.language.is_none() {
            return Ok(None);
        }
        let target = Target {
            name: then.asked_model.clone(),
            selector: None,
            sticky: None,
            request_id: trace.to_owned(),
        };
        match self.inference.writer(scope, &target).await {
            Ok(writer) => Ok(writer.map(|writer| ModelUsed {
                name: writer.name().to_owned(),
                identity: writer.identity().to_owned(),
            })),
            Err(gone) if gone.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn rewritten(
        &self,
        scope: &Scope,
        then: &Provenance,
        used: &RetrievalUsed,
        search: Request,
        trace: &str,
    ) -> Result<Rewritten> {
        let read = then.prompt.as_ref();
        // Between the program's own turn and the question stands what was said before.
        let said = read.map_or(&[][..], |prompt| prompt.messages.as_slice());
        let history = said.get(1..said.len().saturating_sub(1)).unwrap_or_default().to_vec();
        let sampling = then.sampling.clone();
        let question = Question {
            text: used.question.clone(),
            history,
            truncate: true,
            instructions: read.and_then(|prompt| prompt.instructions.clone()),
            model: then.asked_model.clone(),
            format: then.format.clone(),
            max_tokens: sampling.as_ref().and_then(|used| used.max_tokens),
            sampling: sampling.map_or_else(greedy, |used| used.sampling),
            sticky: None,
            trace: trace.to_owned(),
        };
        let canary = read.and_then(|prompt| prompt.canary.clone());
        let canary = canary.map_or_else(Canary::generate, Canary::from_raw);
        let mut steps = self.answer_with(scope.clone(), question, search, canary);
        while let Some(step) = steps.next().await {
            if let Step::Done(answer) = step? {
                return Ok(rewritten(*answer));
            }
        }
        Err(Error::internal("an answer had no end"))
    }

    async fn compared(
        &self,
        scope: &Scope,
        then: &Provenance,
        found: &[Passage],
        request: &Request,
    ) -> Result<Vec<Compared>> {
        let used = of_stores(&then.passages);
        let (mut compared, gone) = compare(&used, found);
        let hashes = self.hashes(scope, found).await?;
        for (rank, passage) in gone {
            let ids = (passage.file_id.as_str(), passage.chunk_id.as_str());
            let fate = match passage.erased {
                true => PassageFate::default(),
                false => self.records.passage_fate(scope, ids, &request.stores).await?,
            };
            let twin =
                hashes.iter().find(|one| one.1 == passage.file_sha256 && one.0 != passage.file_id);
            let passes = match &request.filter {
                None => true,
                Some(filter) => {
                    let attributes = self.attributes(scope, request, passage).await?;
                    attributes.is_some_and(|attributes| filter.matches(&attributes))
                }
            };
            let replaced_by = twin.filter(|_| !fate.file).map(|(file, _)| file.clone());
            compared.push(Compared {
                state: State::Gone,
                chunk_id: passage.chunk_id.clone(),
                file_id: passage.file_id.clone(),
                filename: None,
                char_start: passage.char_start,
                char_end: passage.char_end,
                then: Some(place_then(rank, passage)),
                now: None,
                reason: Some(reason(fate, replaced_by.is_some(), passes)),
                replaced_by,
            });
        }
        Ok(compared)
    }

    /// The attributes of a passage's file in the first of the stores that has it.
    async fn attributes(
        &self,
        scope: &Scope,
        request: &Request,
        passage: &PassageUsed,
    ) -> Result<Option<Map<String, Value>>> {
        let file = Id::from_raw(passage.file_id.as_str());
        for store in &request.stores {
            match self.records.store_file(scope, store, &file).await {
                Ok(row) => return Ok(serde_json::from_str(&row.attributes).ok()),
                Err(none) if none.kind() == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn greedy() -> Sampling {
    Sampling { temperature: 0.0, ..Sampling::default() }
}

fn rewritten(answer: Answer) -> Rewritten {
    let model = answer.provenance.language.map_or_else(String::new, |model| model.name);
    Rewritten {
        text: answer.text,
        refused: answer.refused.is_some(),
        tokens: (answer.input_tokens, answer.output_tokens),
        model,
    }
}

/// Why a passage is not found any more.
fn reason(fate: PassageFate, twin: bool, passes: bool) -> &'static str {
    match fate {
        PassageFate { file: false, .. } if twin => "replaced",
        PassageFate { file: false, .. } => "deleted",
        PassageFate { readable: false, .. } => "access",
        PassageFate { attached: false, .. } => "detached",
        PassageFate { alive: false, .. } => "reindexed",
        _ if !passes => "filtered",
        _ => "outranked",
    }
}

/// Passages without those of files that stood in the question: they were not searched for in a
/// store, where they would be missed now.
fn of_stores(used: &[PassageUsed]) -> Vec<PassageUsed> {
    used.iter().filter(|passage| !is_attached(&passage.chunk_id)).cloned().collect()
}

/// The passages of now beside those of then, and those of then that are not among them with
/// their ranks.
fn compare<'t>(
    then: &'t [PassageUsed],
    now: &[Passage],
) -> (Vec<Compared>, Vec<(usize, &'t PassageUsed)>) {
    let mut left: Vec<(usize, &PassageUsed)> =
        then.iter().enumerate().map(|(at, passage)| (at + 1, passage)).collect();
    let mut compared = Vec::new();
    for (at, passage) in now.iter().enumerate() {
        let chunk = &passage.chunk;
        let here = |used: &PassageUsed| used.chunk_id == chunk.id;
        // A document that was read anew has new chunks in the same places.
        let there = |used: &PassageUsed| {
            used.file_id == chunk.file_id
                && (used.char_start, used.char_end) == (chunk.char_start, chunk.char_end)
        };
        let known = left.iter().position(|(_, used)| here(used));
        let known = known.or_else(|| left.iter().position(|(_, used)| there(used)));
        let before = known.map(|known| left.remove(known));
        let now =
            Place { rank: at + 1, score: passage.score, dense: passage.dense, bm25: passage.bm25 };
        let then = before.map(|(rank, used)| place_then(rank, used));
        compared.push(Compared {
            state: state(then, now),
            chunk_id: chunk.id.clone(),
            file_id: chunk.file_id.clone(),
            filename: Some(chunk.filename.clone()),
            char_start: chunk.char_start,
            char_end: chunk.char_end,
            then,
            now: Some(now),
            reason: None,
            replaced_by: None,
        });
    }
    (compared, left)
}

fn state(then: Option<Place>, now: Place) -> State {
    match then {
        None => State::New,
        Some(then) if then.rank == now.rank && (then.score - now.score).abs() < SAME_SCORE => {
            State::Same
        }
        Some(_) => State::Moved,
    }
}

fn place_then(rank: usize, used: &PassageUsed) -> Place {
    Place { rank, score: used.score, dense: used.dense, bm25: used.bm25 }
}

#[cfg(test)]
mod tests {
    use cairn_search::Ranking;
    use cairn_store::records::ChunkRow;

    use super::*;
    use crate::retrieve::Explain;

    fn used(number: i64, score: f32) -> PassageUsed {
        PassageUsed {
            number: None,
            chunk_id: format!("chunk_{number}"),
            file_id: "file-1".into(),
            file_sha256: "ab".into(),
            revision: 1,
            char_start: number * 10,
            char_end: number * 10 + 9,
            score,
            dense: None,
            bm25: None,
            ranking: Ranking::default(),
            fused: Some(score),
            spread: None,
            first_stage: Some(score),
            late: None,
            coverage: None,
            suspicious: None,
            erased: false,
        }
    }

    fn found(number: i64, chunk: &str, score: f32) -> Passage {
        Passage {
            chunk: ChunkRow {
                seq: number,
                id: chunk.into(),
                file_id: "file-1".into(),
                filename: "a.md".into(),
                attributes: "{}".into(),
                revision: 2,
                ordinal: number,
                text: "Secret words.".into(),
                heading: "[]".into(),
                page: None,
                char_start: number * 10,
                char_end: number * 10 + 9,
                tokens: 2,
                context: String::new(),
                label: String::new(),
                match_start: None,
                match_end: None,
                text_version: 0,
            },
            headings: Vec::new(),
            attributes: Value::Null,
            score,
            dense: None,
            bm25: None,
            explain: Explain::default(),
            hits: Vec::new(),
        }
    }

    #[test]
    fn passages_are_the_same_moved_new_or_gone() {
        let then = [used(1, 0.9), used(2, 0.8), used(3, 0.7), used(4, 0.6)];
        let now = [
            found(1, "chunk_1", 0.9),
            found(9, "chunk_9", 0.85),
            // Read anew, in the same place.
            found(2, "chunk_20", 0.8),
            found(4, "chunk_4", 0.5),
        ];
        let (compared, gone) = compare(&then, &now);
        let states: Vec<State> = compared.iter().map(|passage| passage.state).collect();
        assert_eq!(states, [State::Same, State::New, State::Moved, State::Moved]);
        let ranks = compared[2].then.zip(compared[2].now).map(|(then, now)| (then.rank, now.rank));
        assert_eq!(ranks, Some((2, 3)));
        let gone: Vec<_> =
            gone.into_iter().map(|(rank, passage)| (rank, passage.chunk_id.as_str())).collect();
        assert_eq!(gone, [(3, "chunk_3")]);
        assert!(!format!("{compared:?}").contains("Secret"));
    }

    #[test]
    fn passages_of_files_in_the_question_are_not_missed() {
        let attached = PassageUsed { chunk_id: "attached_file-1_0".into(), ..used(1, 0.9) };
        let then = of_stores(&[attached, used(2, 0.8)]);
        let now = [found(2, "chunk_2", 0.8)];
        let (compared, gone) = compare(&then, &now);
        let states: Vec<State> = compared.iter().map(|passage| passage.state).collect();
        assert_eq!(states, [State::Same]);
        assert!(gone.is_empty());
    }

    #[test]
    fn the_first_reason_that_explains_it_is_told() {
        let whole = PassageFate { file: true, readable: true, attached: true, alive: true };
        for (fate, twin, passes, expected) in [
            (PassageFate::default(), false, true, "deleted"),
            (PassageFate::default(), true, true, "replaced"),
            (PassageFate { readable: false, ..whole }, false, true, "access"),
            (PassageFate { attached: false, alive: false, ..whole }, false, true, "detached"),
            (PassageFate { alive: false, ..whole }, false, false, "reindexed"),
            (whole, false, false, "filtered"),
            (whole, false, true, "outranked"),
        ] {
            assert_eq!(reason(fate, twin, passes), expected);
        }
    }
}
