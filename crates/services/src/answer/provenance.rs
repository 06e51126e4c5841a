//! How an answer came about, in full: what is needed to check it and to make it again.
//!
//! It is kept beside the answer. The words of documents stand in it once, in the prompt, as
//! the writer got them; each knows its file, so that a delete finds them.

use cairn_kernel::{Error, Id, Kind, Result, Scope};
use cairn_search::{Filter, Operand, Order, Ranking};
use cairn_serving::chat::TextFormat;
use cairn_serving::gguf::{ChatMessage, Sampling};
use cairn_store::records::SOURCE_DELETED;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::writing::guarded::{ShownPassage, Suspicion};
use super::writing::prompt::Prompt;
use super::{Answer, Answers, Confidence, Question};
use crate::retrieve::{Passage, Ranker, Request, SENT};

/// How an answer came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The program's version.
    pub program: String,
    /// Position of the index it was answered from; 0 without a search.
    pub index_position: i64,
    /// The model asked for, as it was named.
    pub asked_model: String,
    /// The embedding model of the search.
    pub embedding: Option<ModelUsed>,
    /// The reranker that read passages again, where one did.
    #[serde(default)]
    pub reranker: Option<ModelUsed>,
    /// The model that wrote; `None` for an extractive answer and for a refusal.
    pub language: Option<ModelUsed>,
    /// What it read.
    pub prompt: Option<PromptUsed>,
    /// Turns of the conversation, from its beginning, that the model's context had no room for.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub turns_left_out: usize,
    /// How its tokens were chosen.
    pub sampling: Option<SamplingUsed>,
    /// What the answer had to look like.
    #[serde(default, skip_serializing_if = "is_text")]
    pub format: TextFormat,
    /// What was wanted of the documents as a whole, where that was asked for: then nothing was
    /// searched for, and `retrieval` has where passages were chosen from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overview: Option<Overviewed>,
    /// The search.
    pub retrieval: Option<RetrievalUsed>,
    /// How the decision to answer came about.
    #[serde(default)]
    pub decision: Option<DecisionUsed>,
    /// What it found, best first.
    pub passages: Vec<PassageUsed>,
}

/// What is wanted of the documents as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overviewed {
    /// A summary.
    Summary,
    /// The names of the files.
    List,
    /// Nothing of them: a greeting, thanks, or what can be asked. The program answers itself.
    Talk,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUsed {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file, or provider and model.
    pub identity: String,
}

/// What a model read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptUsed {
    /// The turns, exactly; scrubbed of files that were deleted since.
    pub messages: Vec<ChatMessage>,
    /// SHA-256 of the turns as they were, as JSON.
    pub sha256: String,
    /// SHA-256 of the program's own words in them; `None` where it adds none.
    pub template_sha256: Option<String>,
    /// The request's own instructions.
    pub instructions: Option<String>,
    /// The canary in the system turn.
    pub canary: Option<String>,
    /// Whose words stand where in the last turn.
    pub sources: Vec<SourceSpan>,
}

/// The words of a document in a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSpan {
    /// The source's number in the prompt.
    pub number: usize,
    /// The file.
    pub file_id: String,
    /// Its first byte in the turn.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// How tokens were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplingUsed {
    /// The request to the model.
    #[serde(flatten)]
    pub sampling: Sampling,
    /// Most tokens of the answer.
    pub max_tokens: Option<u32>,
}

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetrievalUsed {
    /// The question that was to be answered.
    pub question: String,
    /// The wordings that were searched for.
    pub queries: Vec<String>,
    /// The stores.
    pub stores: Vec<String>,
    /// Most passages.
    pub limit: usize,
    /// OpenAI's filter.
    pub filter: Option<Value>,
    /// Passages below this score were left out.
    pub score_threshold: f32,
    /// Share of the dense leg; that of the stores' own rankings when absent.
    pub dense_weight: Option<f32>,
    /// The ranking in place of the stores' own.
    #[serde(default)]
    pub ranking: Option<Ranking>,
    /// The reranker that was asked for.
    #[serde(default)]
    pub ranker: Ranker,
    /// How much it counted that passages are unlike each other.
    #[serde(default)]
    pub diversity: f32,
    /// Whether passages were widened to their sections.
    #[serde(default)]
    pub expand: bool,
}

/// The decision to answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionUsed {
    /// How sure it was that the passages answer the question, 0 to 1.
    pub confidence: f32,
    /// How sure it had to be: that of the stores then.
    pub threshold: f32,
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassageUsed {
    /// Its number among those the answer was made from, from 1; `None` for one beyond them.
    pub number: Option<usize>,
    /// The chunk.
    pub chunk_id: String,
    /// The file.
    pub file_id: String,
    /// SHA-256 of the file's bytes.
    pub file_sha256: String,
    /// Which attachment of the file to its store.
    pub revision: i64,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past the last.
    pub char_end: i64,
    /// Score that it was ranked by, 0 to 1.
    pub score: f32,
    /// Cosine of the dense leg.
    pub dense: Option<f32>,
    /// Raw score of the BM25 leg.
    pub bm25: Option<f32>,
    /// The shares it was ranked by.
    #[serde(default)]
    pub ranking: Ranking,
    /// Both legs on the scale of their candidates, weighed by the ranking's share.
    #[serde(default)]
    pub fused: Option<f32>,
    /// The mean fused score of its neighbours, where it took a share of it.
    #[serde(default)]
    pub spread: Option<f32>,
    /// The score before a reranker had its share.
    #[serde(default)]
    pub first_stage: Option<f32>,
    /// The reranker's score, where it read this passage.
    #[serde(default)]
    pub late: Option<f32>,
    /// Share of the question's content words in two neighbouring sentences of it.
    #[serde(default)]
    pub coverage: Option<f32>,
    /// What in it looked like an instruction.
    pub suspicious: Option<Suspicion>,
    /// Whether the file was deleted since.
    #[serde(default)]
    pub erased: bool,
}

impl Provenance {
    /// Of an answer from what `search` found, which nobody has written yet.
    pub(super) fn begun(question: &Question, search: &Request, index_position: i64) -> Self {
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            index_position,
            asked_model: question.model.clone(),
            format: question.format.clone(),
            retrieval: Some(RetrievalUsed::of(&question.text, search)),
            ..Self::default()
        }
    }
}

impl DecisionUsed {
    pub(crate) fn of(confidence: &Confidence) -> Self {
        Self { confidence: confidence.score(), threshold: confidence.threshold }
    }
}

impl PromptUsed {
    /// What was put to a model without documents.
    pub fn plain(messages: Vec<ChatMessage>) -> Self {
        let sha256 = digest(&messages);
        Self {
            messages,
            sha256,
            template_sha256: None,
            instructions: None,
            canary: None,
            sources: Vec::new(),
        }
    }

    /// What was put to the writer of an answer over documents.
    pub(crate) fn grounded(
        prompt: &Prompt,
        shown: &[ShownPassage],
        instructions: Option<&str>,
        canary: &str,
    ) -> Self {
        let span = |(at, range): (usize, &std::ops::Range<usize>)| {
            let file_id = shown.get(at).map(|passage| passage.file_id.clone())?;
            Some(SourceSpan { number: at + 1, file_id, start: range.start, end: range.end })
        };
        Self {
            template_sha256: Some(super::writing::prompt::template_of(&prompt.messages)),
            instructions: instructions.map(str::to_owned),
            canary: Some(canary.to_owned()),
            sources: prompt.sources.iter().enumerate().filter_map(span).collect(),
            ..Self::plain(prompt.messages.clone())
        }
    }
}

impl RetrievalUsed {
    pub(crate) fn of(question: &str, search: &Request) -> Self {
        Self {
            question: question.to_owned(),
            queries: search.queries.clone(),
            stores: search.stores.iter().map(ToString::to_string).collect(),
            limit: search.limit,
            filter: search.filter.as_ref().map(written),
            score_threshold: search.score_threshold,
            dense_weight: search.dense_weight,
            ranking: search.ranking,
            ranker: search.ranker,
            diversity: search.diversity,
            expand: search.expand,
        }
    }

    /// The same search.
    ///
    /// # Errors
    /// `Invalid` for a filter that is none any more.
    pub(crate) fn request(&self) -> Result<Request> {
        let stores = self.stores.iter().map(|id| Id::from_raw(id.as_str())).collect();
        Ok(Request {
            queries: self.queries.clone(),
            filter: self.filter.as_ref().map(Filter::parse).transpose()?,
            score_threshold: self.score_threshold,
            dense_weight: self.dense_weight,
            ranking: self.ranking,
            ranker: self.ranker,
            diversity: self.diversity,
            expand: self.expand,
            ..Request::new(stores, "", self.limit)
        })
    }
}

impl PassageUsed {
    /// Of `found`; `shown` are those that were put to the writer, `hashes` those of files.
    pub(crate) fn all(
        found: &[Passage],
        shown: &[ShownPassage],
        hashes: &[(String, String)],
    ) -> Vec<Self> {
        let used = |passage: &Passage| {
            let chunk = &passage.chunk;
            let at = shown.iter().position(|one| one.chunk_id == chunk.id);
            let hash = hashes.iter().find(|(file, _)| *file == chunk.file_id);
            Self {
                number: at.map(|at| at + 1),
                chunk_id: chunk.id.clone(),
                file_id: chunk.file_id.clone(),
                file_sha256: hash.map(|(_, sha256)| sha256.clone()).unwrap_or_default(),
                revision: chunk.revision,
                char_start: chunk.char_start,
                char_end: chunk.char_end,
                score: passage.score,
                dense: passage.dense,
                bm25: passage.bm25,
                ranking: passage.explain.ranking,
                fused: Some(passage.explain.fused),
                spread: passage.explain.spread,
                first_stage: Some(passage.explain.first_stage),
                late: passage.explain.late,
                coverage: passage.explain.coverage,
                suspicious: at.and_then(|at| shown[at].suspicious.clone()),
                erased: false,
            }
        };
        found.iter().map(used).collect()
    }
}

impl Answers {
    /// The embedding model of the stores: one of the tenant's where a store has it, in its
    /// version, and else the program's own.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(super) async fn embedding(&self, scope: &Scope, stores: &[Id]) -> Result<ModelUsed> {
        for store in stores {
            let active = self.records.active_generation(scope, store).await?;
            let Some(version) = active.embedding_version else { continue };
            let name = active.embedding_model.as_str();
            let row = self.records.model_version(scope, name, Some(version)).await?;
            return Ok(ModelUsed { name: format!("{name}@{version}"), identity: row.sha256 });
        }
        let name = self.inference.embedding_model().to_owned();
        Ok(ModelUsed { name, identity: self.inference.embedding_sha256() })
    }

    /// Completes an answer with what is known of the passages it was `found` in, and of their
    /// files.
    ///
    /// # Errors
    /// `Conflict` when one of the files was deleted meanwhile, or closed to the caller.
    pub(super) async fn complete(
        &self,
        scope: &Scope,
        found: &[Passage],
        answer: &mut Answer,
    ) -> Result<()> {
        let hashes = self.hashes(scope, found).await?;
        let hash = |file: &str| hashes.iter().find(|(id, _)| id == file);
        if let Some(gone) = found.iter().find(|one| hash(&one.chunk.file_id).is_none()) {
            let file = &gone.chunk.file_id;
            let gone = format!("file '{file}' was deleted or closed to you while it was quoted");
            return Err(
                Error::new(Kind::Conflict, format!("{gone}; ask again")).with_code(SOURCE_DELETED)
            );
        }
        for citation in &mut answer.citations {
            let sha256 = hash(&citation.file_id).map(|(_, sha256)| sha256.clone());
            citation.file_sha256 = sha256.unwrap_or_default();
        }
        let provenance = &mut answer.provenance;
        provenance.passages = PassageUsed::all(found, &answer.passages, &hashes);
        if provenance.passages.iter().any(|passage| passage.late.is_some()) {
            let asked = provenance.retrieval.as_ref().map(|used| used.ranker).unwrap_or_default();
            provenance.reranker = Some(self.reranker(asked)?);
        }
        Ok(())
    }

    /// The reranker that reads where `asked` is asked for.
    pub(super) fn reranker(&self, asked: Ranker) -> Result<ModelUsed> {
        let reranker = self.retrieve.reranker(asked)?;
        // Late interaction is the embedding model's.
        let own = || self.inference.embedding_sha256();
        let identity = reranker.sha256().map_or_else(own, str::to_owned);
        Ok(ModelUsed { name: reranker.name().to_owned(), identity })
    }

    /// The SHA-256 of the passages' files, by id; without those that are gone.
    pub(super) async fn hashes(
        &self,
        scope: &Scope,
        found: &[Passage],
    ) -> Result<Vec<(String, String)>> {
        let mut files: Vec<&str> =
            found.iter().map(|passage| passage.chunk.file_id.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        // What came with the question has no record; its id tells its hash.
        let (sent, files): (Vec<&str>, Vec<&str>) =
            files.into_iter().partition(|file| file.starts_with(SENT));
        let sent = sent.into_iter().filter_map(|id| Some((id.to_owned(), id.strip_prefix(SENT)?)));
        let mut hashes = self.records.file_hashes(scope, &files).await?;
        hashes.extend(sent.map(|(id, sha256)| (id, sha256.to_owned())));
        Ok(hashes)
    }
}

fn is_none_left_out(turns: &usize) -> bool {
    *turns == 0
}

fn is_text(format: &TextFormat) -> bool {
    *format == TextFormat::Text
}

/// The SHA-256 of turns as JSON, hex.
pub(crate) fn digest(messages: &[ChatMessage]) -> String {
    hex::encode(Sha256::digest(json!(messages).to_string()))
}

/// A filter in OpenAI's form.
fn written(filter: &Filter) -> Value {
    let listed = |kind: &str, key: &str, operands: &[Operand]| {
        let values: Vec<Value> = operands.iter().map(operand).collect();
        json!({"type": kind, "key": key, "value": values})
    };
    let all = |kind: &str, filters: &[Filter]| json!({"type": kind, "filters": filters.iter().map(written).collect::<Vec<_>>()});
    match filter {
        Filter::In(key, operands) => listed("in", key, operands),
        Filter::NotIn(key, operands) => listed("nin", key, operands),
        Filter::Range(key, order, bound) => {
            let kind = match order {
                Order::Greater => "gt",
                Order::AtLeast => "gte",
                Order::Less => "lt",
                Order::AtMost => "lte",
            };
            json!({"type": kind, "key": key, "value": bound})
        }
        Filter::And(filters) => all("and", filters),
        Filter::Or(filters) => all("or", filters),
        // The program's own condition, which no request has.
        Filter::Readable(_) => json!({"type": "and", "filters": []}),
    }
}

fn operand(operand: &Operand) -> Value {
    match operand {
        Operand::Text(text) => json!(text),
        Operand::Number(number) => json!(number),
        Operand::Flag(flag) => json!(flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_comes_back_as_it_was() -> Result<()> {
        let filter = Filter::parse(&json!({"type": "and", "filters": [
            {"type": "eq", "key": "kind", "value": "memo"},
            {"type": "or", "filters": [
                {"type": "gte", "key": "year", "value": 2020},
                {"type": "nin", "key": "draft", "value": [true]},
            ]},
        ]}))?;
        let asked = Request {
            filter: Some(filter),
            score_threshold: 0.25,
            dense_weight: Some(0.7),
            ..Request::new(vec![Id::from_raw("vs_1")], "How high?", 7)
        };
        let used = RetrievalUsed::of("How high?", &asked);
        let text = json!(used).to_string();
        let read: RetrievalUsed = serde_json::from_str(&text)
            .map_err(|fault| cairn_kernel::Error::internal(fault.to_string()))?;
        let again = read.request()?;
        assert_eq!(again.filter, asked.filter);
        assert_eq!((again.stores, again.queries, again.limit), (asked.stores, asked.queries, 7));
        assert_eq!((again.score_threshold, again.dense_weight), (0.25, Some(0.7)));
        Ok(())
    }

    #[test]
    fn a_format_is_kept_where_one_was_asked_for() {
        let plain = json!(Provenance::default());
        assert!(plain.get("format").is_none(), "{plain}");
        let format = TextFormat::JsonSchema { name: "n".to_owned(), schema: json!({"a": 1}) };
        let made = Provenance { format, ..Provenance::default() };
        let read: Provenance = serde_json::from_value(json!(made)).expect("as it was");
        assert_eq!(read, made);
        assert_eq!(
            serde_json::from_value::<Provenance>(plain).expect("an old one").format,
            TextFormat::Text
        );
    }

    #[test]
    fn the_hash_is_of_the_turns_alone() {
        let turns = [ChatMessage::new("system", "Be brief."), ChatMessage::new("user", "Why?")];
        assert_eq!(digest(&turns), PromptUsed::plain(turns.to_vec()).sha256);
        assert_ne!(digest(&turns), digest(&turns[..1]));
    }
}
