use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to do again.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Whether the answer is written again too, with the same seed.
    #[serde(default)]
    pub answer: bool,
}

/// What has changed since an answer was made. It has no words of documents, but for the
/// answers themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Replay {
    /// Always `response.replay`.
    pub object: &'static str,
    /// The response.
    pub response_id: String,
    /// Whether the passages, their ranks and scores are the same, and all below as well.
    pub same: bool,
    /// The passages of now, best first, then those that are gone.
    pub passages: Vec<ReplayPassage>,
    /// Position of the index.
    pub index_position: ReplayChange<i64>,
    /// The program's version.
    pub program: ReplayChange<String>,
    /// The embedding model.
    pub embedding_model: ReplayChange<Option<ModelIdentity>>,
    /// The reranker that read passages again; null where none did.
    pub reranking_model: ReplayChange<Option<ModelIdentity>>,
    /// The model that writes; null for none.
    pub language_model: ReplayChange<Option<ModelIdentity>>,
    /// SHA-256 of the program's own words in the prompt; null when nothing was put to a model.
    pub prompt_template: ReplayChange<Option<String>>,
    /// Stores of the search that are not there any more.
    pub missing_stores: Vec<String>,
    /// What was not compared, in words.
    pub notes: Vec<String>,
    /// The answer, if it was asked for.
    pub answer: Option<ReplayAnswer>,
}

/// Something then and now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplayChange<T> {
    /// When the answer was made.
    pub then: T,
    /// Now.
    pub now: T,
    /// Whether they are the same.
    pub same: bool,
}

/// A model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelIdentity {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file, or provider and model.
    pub identity: String,
}

/// A passage then and now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplayPassage {
    /// `same`, `moved`, `gone` or `new`.
    pub state: &'static str,
    /// Why it is gone: `deleted`, `replaced`, `access`, `detached`, `reindexed`, `filtered` or
    /// `outranked`.
    pub reason: Option<&'static str>,
    /// The file with the same bytes, of one that was replaced.
    pub replaced_by: Option<String>,
    /// The chunk.
    pub chunk_id: String,
    /// The file.
    pub file_id: String,
    /// The file's name, of a passage that is found.
    pub filename: Option<String>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past the last.
    pub char_end: i64,
    /// Its place when the answer was made.
    pub then: Option<ReplayPlace>,
    /// Its place now.
    pub now: Option<ReplayPlace>,
}

/// A place in a ranking.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ReplayPlace {
    /// From 1.
    pub rank: usize,
    /// 0 to 1, what it is ranked by.
    pub score: f64,
    /// Cosine of the dense leg.
    pub dense: Option<f64>,
    /// Raw score of the BM25 leg.
    pub bm25: Option<f64>,
}

/// Both answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReplayAnswer {
    /// As it is kept; scrubbed of documents that were deleted since.
    pub then: String,
    /// Written again.
    pub now: String,
    /// Whether they are equal.
    pub equal: bool,
    /// Whether the question is refused now.
    pub refused: bool,
}
