//! Answers over documents, with citations that can be checked.
//!
//! 1. Search the stores for passages alive now.
//! 2. Put those first that say most of what is asked, rare words before common ones, read the
//!    best closely ([`reading`]) and decide whether they can answer at all ([`confidence`]); if
//!    not, say so and name the nearest passages. A language model is not asked, since a small
//!    one answers from memory when its sources are silent.
//! 3. Let the model write from the numbered passages, or, without a model, quote
//!    the best sentences.
//! 4. Tie every sentence to the words that support it, or mark it as unsupported. Where
//!    nothing of what the model wrote is supported, the best sentences are quoted after it.
//!
//! Where JSON is asked for, the model fills it in from the same passages ([`structured`]), and each
//! of its values is tied to words instead ([`values`]).
//!
//! What stands between documents, model and reader is in [`guarded`]; how an answer came
//! about is told by [`provenance`], and found out again by [`replay`].

mod asked;
mod asked_for;
mod asking;
mod assent;
mod cite;
mod clauses;
mod codes;
mod columns;
mod confidence;
mod draft;
mod evidence;
mod extract;
mod facts;
mod guarded;
mod leaning;
mod markers;
mod named;
mod numbers;
mod parts;
mod places;
mod prompt;
pub mod provenance;
mod reading;
mod replay;
mod reply;
mod rewrite;
mod shorten;
mod spoken;
mod statements;
mod structured;
mod subject;
mod threshold;
mod unsourced;
mod values;
mod writing;
mod years;

use std::sync::Arc;
use std::time::Instant;

use async_stream::try_stream;
use cairn_guard::canary::Canary;
use cairn_guard::links::{Hosts, Stripped};
use cairn_kernel::{Id, Result, Scope};
use cairn_search::Analyzer;
use cairn_serving::chat::ChatRequest;
use cairn_serving::gguf::{ChatMessage, Sampling};
use cairn_store::Records;
use futures::StreamExt;
use futures::stream::BoxStream;

pub use cite::{Citation, Unsupported};
pub use confidence::Confidence;
pub use guarded::{ShownPassage, Suspicion};
pub use provenance::Provenance;
pub use replay::{Change, Compared, Place, Replay, Rewritten, State};
pub(crate) use spoken::is_silent;
pub use structured::needs_a_model;
pub(crate) use structured::{is_refusal, own_words};
pub(crate) use subject::{is_asking, terms};

use crate::chat::{Inference, TextFormat};
use crate::models::Target;
use crate::retrieve::{Passage, Request, Retrieve, Took};
use crate::turns;
use asked::Kind;
use draft::{Draft, quotes};
use guarded::{Gate, Outlet};
use prompt::Extent;
use provenance::{DecisionUsed, ModelUsed, RetrievalUsed, SamplingUsed};
use reading::Reading;
use structured::Structure;
use subject::Subject;
use writing::{Piece, write};

/// Passages looked at sentence by sentence before the best are kept.
const CANDIDATES: usize = 20;
/// Passages shown to the writer.
const SHOWN: usize = 5;
/// Tokens of an answer when the caller does not say.
const ANSWER_TOKENS: u32 = 300;

/// A question to documents.
#[derive(Clone, Debug)]
pub struct Question {
    /// The question itself.
    pub text: String,
    /// Earlier turns, oldest first.
    pub history: Vec<ChatMessage>,
    /// Whether the oldest turns are left out where the model's context has no room for them;
    /// else the model refuses what is too long.
    pub truncate: bool,
    /// More instructions for the writer.
    pub instructions: Option<String>,
    /// Where and how to search; its queries are wordings of `text`, as
    /// [`Answers::wordings`] gives them.
    pub search: Request,
    /// The model asked for.
    pub model: String,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What the answer must look like: text, or JSON that a language model fills in.
    pub format: TextFormat,
    /// Most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// What keeps its version of the model from request to request.
    pub sticky: Option<String>,
    /// The request's id, for the log.
    pub trace: String,
}

/// Who wrote an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A language model, from the passages.
    Generative,
    /// Nobody: sentences of the passages, word for word.
    Extractive,
}

impl Mode {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generative => "generative",
            Self::Extractive => "extractive",
        }
    }
}

/// A finished answer with its provenance.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The text, without source markers.
    pub text: String,
    /// A citation for each sentence that has one, in order.
    pub citations: Vec<Citation>,
    /// Sentences without support.
    pub unsupported: Vec<Unsupported>,
    /// Why the question was not answered, if it was not.
    pub refused: Option<String>,
    /// Who wrote it.
    pub mode: Mode,
    /// The signs the decision to answer rested on.
    pub confidence: Confidence,
    /// What wrote: the SHA-256 of a model file, or a provider and its model.
    pub model_sha256: Option<String>,
    /// Position of the index it was answered from.
    pub index_position: i64,
    /// Milliseconds of the search.
    pub search_ms: f64,
    /// Those of its steps.
    pub took: Took,
    /// Milliseconds of the writing.
    pub write_ms: f64,
    /// Whether it ended at the token limit.
    pub cut_off: bool,
    /// Tokens read.
    pub input_tokens: u32,
    /// Those of them from the cache.
    pub cached_tokens: u32,
    /// Tokens written.
    pub output_tokens: u32,
    /// The passages it was made from.
    pub passages: Vec<ShownPassage>,
    /// Links that were taken out of it.
    pub stripped: Vec<Stripped>,
    /// How it came about.
    pub provenance: Provenance,
}

/// What happens while a question is answered.
#[derive(Clone, Debug)]
pub enum Step {
    /// The search begins.
    Searching,
    /// The passages found, best first.
    Found(Vec<Passage>),
    /// More of the answer's text.
    Text(String),
    /// What is said in place of an answer in JSON, of which some text may have come before.
    Refusal(String),
    /// The end; nothing follows.
    Done(Box<Answer>),
}

/// Answers questions over documents.
#[derive(Clone)]
pub struct Answers {
    records: Records,
    retrieve: Retrieve,
    inference: Inference,
    analyzer: Arc<Analyzer>,
    hosts: Arc<Hosts>,
}

/// What a search found, and how its texts are read.
struct Search {
    analyzer: Analyzer,
    about: About,
    /// The passages, best first.
    found: Vec<Passage>,
    took: Took,
}

impl Answers {
    /// Answers from what `retrieve` finds, written by the models of `inference`.
    pub fn new(records: Records, retrieve: Retrieve, inference: Inference) -> Self {
        let analyzer = Arc::new(Analyzer::default());
        Self { records, retrieve, inference, analyzer, hosts: Arc::default() }
    }

    /// The same, with links to these hosts left in answers.
    #[must_use]
    pub fn linking_to(self, hosts: Hosts) -> Self {
        Self { hosts: Arc::new(hosts), ..self }
    }

    /// What to search for when `question` is asked after these turns, oldest first: the
    /// question, and where it leans on what was said before, what it means.
    pub fn wordings(&self, question: &str, history: &[ChatMessage]) -> Vec<String> {
        rewrite::wordings(&self.analyzer, question, history)
    }

    /// A query in prose with its content words beside it.
    pub fn keywords(&self, query: &str) -> Vec<String> {
        rewrite::keywords(&self.analyzer, query)
    }

    /// Answers a question step by step. Dropping the stream stops the work. A format of JSON is
    /// `Invalid` where no language model writes.
    pub fn answer(&self, scope: Scope, question: Question) -> BoxStream<'static, Result<Step>> {
        self.answer_with(scope, question, Canary::generate())
    }

    /// Searches and ranks as an answer does.
    async fn search(&self, scope: &Scope, search: &Request, question: &str) -> Result<Search> {
        let analyzer = self.retrieve.analyzer(&search.stores).await?;
        let wide = Request { limit: search.limit.max(CANDIDATES), ..search.clone() };
        let mut gathered = self.retrieve.gather(scope, &wide).await?;
        let about = self.about(scope, &analyzer, (search, question), &gathered.passages).await?;
        evidence::rerank(&analyzer, &about.subject, &mut gathered.passages);
        let searched = self.retrieve.finish(scope, search, gathered).await?;
        Ok(Search { analyzer, about, found: searched.passages, took: searched.took })
    }

    /// What `question` asks, by the wording that `found` covers best.
    async fn about(
        &self,
        scope: &Scope,
        analyzer: &Analyzer,
        (search, question): (&Request, &str),
        found: &[Passage],
    ) -> Result<About> {
        // The last wording has the words of all others.
        let words = search.queries.last().map_or(question, String::as_str);
        let held = self.retrieve.frequencies(scope, search, words).await?;
        let subject = |text: &str| (text.to_owned(), Subject::new(analyzer, text, &held));
        let wordings: Vec<(String, Subject)> =
            search.queries.iter().map(|wording| subject(wording)).collect();
        let clearest = confidence::clearest(analyzer, &wordings, found).cloned();
        let (text, subject) = clearest.unwrap_or_else(|| subject(question));
        let subject = subject.asking(analyzer, question);
        let kind = Kind::of(analyzer.language(), question);
        Ok(About { text, subject, kind, chunks: held.points })
    }

    /// Answers a question with this canary in the system prompt.
    fn answer_with(
        &self,
        scope: Scope,
        question: Question,
        canary: Canary,
    ) -> BoxStream<'static, Result<Step>> {
        let this = self.clone();
        Box::pin(try_stream! {
            let target = Target {
                name: question.model.clone(),
                selector: None,
                sticky: question.sticky.clone(),
                request_id: question.trace.clone(),
            };
            let writer = this.inference.writer(&scope, &target).await?;
            let structure = Structure::of(&question.format)?;
            if structure.is_some() && writer.is_none() {
                Err::<(), _>(needs_a_model())?;
            }
            yield Step::Searching;
            let searching = Instant::now();
            let Search { analyzer, about, found, took } =
                this.search(&scope, &question.search, &question.text).await?;
            let shown = prompt::distinct(&found, SHOWN);
            let asked = (about.text.as_str(), &about.subject);
            let reading = Reading::of(&this.retrieve, &analyzer, asked.0, asked.1, &shown).await?;
            let confidence = Confidence {
                threshold: this.threshold(&scope, &question.search.stores).await?,
                ..Confidence::of(&analyzer, asked, &found, &reading, about.chunks)
            };
            let language = spoken::language(analyzer.language(), &question.text);
            let mut draft = Draft::new(confidence, took, language, structure.is_some());
            draft.answer.search_ms = millis(searching);
            draft.answer.index_position = this.records.index_position(&scope).await?;
            let embedding = this.embedding(&scope, &question.search.stores).await?;
            draft.answer.provenance = Provenance {
                decision: Some(DecisionUsed::of(&draft.answer.confidence)),
                ..begun(&question, draft.answer.index_position, embedding)
            };
            yield Step::Found(found.clone());
            let allowed = this.hosts.with_addresses_of(&question.text);
            let writing = Instant::now();
            let read = (shown.as_slice(), &reading);
            let sure = draft.answer.confidence;
            if let Some(reason) = refusal(&question.text, &found, &about, read, sure) {
                draft.refuse(reason);
                yield draft.told();
            } else if let Some(writer) = writer {
                let local = writer.is_local();
                let needed = assent::needed(analyzer.language(), writer.identity());
                let (sources, evidence) =
                    sources(needed.is_some(), about.kind, &shown, &reading);
                let much = Extent::Much { named: !local };
                let extent = evidence.as_deref().map_or(much, Extent::Only);
                let screened = guarded::screen(&sources);
                let instructions = question.instructions.as_deref();
                let mut prompt = prompt::grounded(
                    &analyzer, (question.text.as_str(), &about.subject, spoken::name(language)),
                    instructions,
                    &question.history, (&screened.passages, extent, &canary),
                );
                // The penalty would be one of JSON's marks, too.
                let prose = structure.is_none();
                let sampling = steady(&question.sampling, local && prose);
                let sampling = provenance::seeded(sampling, local);
                let most = if prose { ANSWER_TOKENS } else { structured::TOKENS };
                let max_tokens = Some(question.max_tokens.unwrap_or(most));
                if question.truncate {
                    draft.answer.provenance.turns_left_out =
                        turns::fit(&*writer, &mut prompt.messages, max_tokens).await?;
                }
                draft.put(&prompt, screened.shown, instructions, &canary);
                draft.answer.provenance.sampling =
                    Some(SamplingUsed { sampling: sampling.clone(), max_tokens });
                draft.answer.provenance.language = Some(ModelUsed {
                    name: writer.name().to_owned(),
                    identity: writer.identity().to_owned(),
                });
                draft.answer.model_sha256 = Some(writer.identity().to_owned());
                let owner = scope.tenant().as_str();
                let assent = match needed.filter(|_| evidence.is_some()) {
                    Some(_) => {
                        let asked = (question.text.as_str(), &prompt);
                        assent::ask(&*writer, asked, (owner, &question.trace)).await?
                    }
                    None => None,
                };
                if let (Some(needed), Some(assent)) = (needed, assent)
                    && draft.doubts(assent, needed)
                {
                    yield draft.told();
                } else {
                    if let Some(structure) = &structure {
                        prompt = structure.prompt(prompt, local, spoken::name(language));
                        if question.truncate {
                            draft.answer.provenance.turns_left_out +=
                                turns::fit(&*writer, &mut prompt.messages, max_tokens).await?;
                        }
                        draft.put_instead(&prompt);
                    }
                    let request = ChatRequest {
                        messages: prompt.messages,
                        max_tokens,
                        sampling,
                        format: question.format.clone(),
                        choices: 1,
                        owner: owner.to_owned(),
                        trace: question.trace,
                        ..ChatRequest::default()
                    };
                    let outlet: Box<dyn Gate> = match &structure {
                        Some(structure) => structure.outlet(&canary, allowed.clone()),
                        None => Box::new(Outlet::new(&canary, allowed.clone())),
                    };
                    let pieces = write(writer.chat(request).await?, outlet);
                    futures::pin_mut!(pieces);
                    while let Some(piece) = pieces.next().await {
                        match piece? {
                            Piece::Text(text) => {
                                draft.answer.text.push_str(&text);
                                yield Step::Text(text);
                            }
                            Piece::End(end, ended) => {
                                draft.answer.stripped = ended.stripped;
                                let (subject, text) = (&about.subject, &draft.answer.text);
                                let shown = (sources.as_slice(), evidence.as_deref());
                                let cited = match &structure {
                                    Some(structure) => {
                                        values::cite(&analyzer, subject, text, structure, shown)
                                    }
                                    None => {
                                        cite::cite(&analyzer, subject, text, &ended.markers, shown)
                                    }
                                };
                                draft.written(&end, cited);
                            }
                            Piece::Leaked => yield draft.withhold(),
                        }
                    }
                    // A model that has nothing to say does not keep the documents from it.
                    if let Some(structure) = &structure {
                        if draft.takes_back(structure) {
                            yield draft.told();
                        }
                    } else if draft.answer.text.trim().is_empty() {
                        draft.extract(quotes(about.kind, &shown, &reading, &allowed));
                        yield Step::Text(draft.answer.text.clone());
                    } else if draft.is_unfounded() {
                        yield Step::Text(draft.append(quotes(about.kind, &shown, &reading, &allowed)));
                    }
                }
            } else {
                draft.answer.passages = guarded::screen(&shown).shown;
                draft.extract(quotes(about.kind, &shown, &reading, &allowed));
                this.keep_short(&mut draft, &question)?;
                yield Step::Text(draft.answer.text.clone());
            }
            draft.answer.write_ms = millis(writing);
            this.complete(&scope, &found, &mut draft.answer).await?;
            this.place(&scope, &found, &mut draft.answer.citations).await?;
            let answer = draft.answer;
            count(&answer);
            yield Step::Done(Box::new(answer));
        })
    }

    /// Keeps an answer that no model writes to the tokens it may have, and counts them.
    fn keep_short(&self, draft: &mut Draft, question: &Question) -> Result<()> {
        let offsets = self.inference.own_tokens(&draft.answer.text)?;
        draft.shorten(question.max_tokens, &offsets);
        let most = question.max_tokens.and_then(|most| usize::try_from(most).ok());
        let written = match (draft.answer.cut_off, most) {
            // Half a word at the end may be more tokens than it was.
            (true, Some(most)) => self.inference.own_tokens(&draft.answer.text)?.len().min(most),
            _ => offsets.len(),
        };
        draft.measure(self.inference.own_tokens(&question.text)?.len(), written);
        if let Some(most) = question.max_tokens {
            let sampling = question.sampling.clone();
            draft.answer.provenance.sampling =
                Some(SamplingUsed { sampling, max_tokens: Some(most) });
        }
        Ok(())
    }

    /// The embedding model of the stores: one of the tenant's where a store has it, in its
    /// version, and else the program's own.
    async fn embedding(&self, scope: &Scope, stores: &[Id]) -> Result<ModelUsed> {
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
}

/// The provenance of an answer that has been searched for.
fn begun(question: &Question, index_position: i64, embedding: ModelUsed) -> Provenance {
    Provenance {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        index_position,
        asked_model: question.model.clone(),
        format: question.format.clone(),
        embedding: Some(embedding),
        retrieval: Some(RetrievalUsed::of(&question.text, &question.search)),
        ..Provenance::default()
    }
}

/// What a question asks.
struct About {
    /// The question, with what it leans on.
    text: String,
    subject: Subject,
    kind: Kind,
    /// Chunks of the stores that are asked.
    chunks: u64,
}

/// The passages that are put to a writer; to a `measured` one those with the sentences that come
/// nearest to the question, which are named for each.
fn sources(
    measured: bool,
    kind: Kind,
    shown: &[Passage],
    reading: &Reading,
) -> (Vec<Passage>, Option<Vec<Vec<String>>>) {
    let evidence = if measured { extract::evidence(kind, shown, reading) } else { Vec::new() };
    if evidence.is_empty() {
        return (shown.to_vec(), None);
    }
    let (passages, sentences) = evidence.into_iter().unzip();
    (passages, Some(sentences))
}

/// A small model at temperature 0 falls into repeating itself; a light penalty, where
/// the caller set none, keeps it from that. Providers have larger ones, and no such penalty.
fn steady(sampling: &Sampling, local: bool) -> Sampling {
    let unset = (sampling.repetition_penalty - 1.0).abs() < f32::EPSILON;
    let penalty = if unset && local { 1.1 } else { sampling.repetition_penalty };
    Sampling { repetition_penalty: penalty, ..sampling.clone() }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn count(answer: &Answer) {
    let refused = if answer.refused.is_some() { "yes" } else { "no" };
    metrics::counter!("cairn_responses_total", "mode" => answer.mode.name(), "refused" => refused)
        .increment(1);
}

fn refusal(
    question: &str,
    found: &[Passage],
    about: &About,
    (shown, reading): (&[Passage], &Reading),
    confidence: Confidence,
) -> Option<String> {
    if found.is_empty() {
        return Some(
            "no passage was found; the store may be empty or the filter too narrow".to_owned(),
        );
    }
    if let Some(code) = codes::missing(question, found) {
        return Some(format!("none of the passages found says '{code}', nor is any called so"));
    }
    let nearest = extract::nearest(about.kind, shown, reading);
    // Of two things that are asked, the other one may be answered.
    let missing = nearest.filter(|_| !parts::are_several(question)).and_then(|(passage, range)| {
        about.subject.asked_for().named().missing(found, (passage, &range))
    });
    if let Some(name) = missing {
        return Some(format!(
            "none of the passages found says anything of {name}; the nearest is about another one"
        ));
    }
    (!confidence.suffices()).then(|| {
        format!(
            "the nearest passages do not cover the question (confidence {:.2}, {:.2} is needed; \
             similarity {:.2}, words covered {:.0} %)",
            confidence.score(),
            confidence.threshold,
            confidence.dense,
            confidence.coverage * 100.0
        )
    })
}
