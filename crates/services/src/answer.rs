//! Answers over documents, with citations that can be checked.
//!
//! 1. Understand what is asked ([`question`]), which may be several things, and search the stores
//!    for passages alive now ([`finding`]). Those come first that say most of it, rare words before
//!    common ones.
//! 2. Read the best closely and decide whether they can answer at all, and which parts of the
//!    question ([`deciding`]); if not, say so and name the nearest passages. A language model is not
//!    asked, since a small one answers from memory when its sources are silent.
//! 3. Let the model write from the numbered passages, or, without a model, quote the best sentences
//!    ([`writing`]). Where JSON is asked for, the model fills it in.
//! 4. Tie every sentence, or every value, to the words that support it, or mark it as unsupported
//!    ([`citing`]), by what the two state ([`claims`]). Where nothing of what the model wrote is
//!    supported, the best sentences are quoted after it.
//!
//! A question about the documents as a whole, such as for a summary, is answered from passages that
//! stand for them, and a greeting by the program itself ([`overview`]).
//!
//! How an answer came about is told by [`provenance`], and found out again by [`replay`].

mod attached;
mod citing;
mod claims;
mod deciding;
mod finding;
mod overview;
pub mod provenance;
mod question;
mod replay;
mod writing;

use std::sync::Arc;
use std::time::Instant;

use async_stream::try_stream;
use cairn_guard::canary::Canary;
use cairn_guard::links::{Hosts, Stripped};
use cairn_kernel::{Result, Scope};
use cairn_search::Analyzer;
use cairn_serving::gguf::{ChatMessage, Sampling};
use cairn_store::Records;
use futures::StreamExt;
use futures::stream::BoxStream;

pub use citing::cite::{Citation, Unsupported};
pub use deciding::confidence::Confidence;
pub use provenance::Provenance;
pub(crate) use question::subject::{is_asking, terms};
pub use replay::{Change, Compared, Place, Replay, Rewritten, State};
pub use writing::guarded::{ShownPassage, Suspicion};
pub use writing::structured::needs_a_model;
pub(crate) use writing::structured::{is_refusal, own_words};

use crate::chat::{Inference, TextFormat};
use crate::models::Target;
use crate::retrieve::{Passage, Request, Retrieve, Took};
use question::rewrite;
use writing::draft::{Draft, quotes};
use writing::structured::Structure;
use writing::written::{Commission, written};
use writing::{guarded, spoken};

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

impl Question {
    /// The model asked for, by whom.
    fn target(&self) -> Target {
        Target {
            name: self.model.clone(),
            selector: None,
            sticky: self.sticky.clone(),
            request_id: self.trace.clone(),
        }
    }
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
    /// What the reader is told of parts of the question that are not answered.
    pub notes: Vec<String>,
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
    /// question; where it leans on what was said before, what it means; and where it asks for
    /// several things, each of them that can be understood by itself.
    pub fn wordings(&self, question: &str, history: &[ChatMessage]) -> Vec<String> {
        rewrite::wordings(&self.analyzer, question, history)
    }

    /// A query in prose with its content words beside it.
    pub fn keywords(&self, query: &str) -> Vec<String> {
        rewrite::keywords(&self.analyzer, query)
    }

    /// Answers a question step by step by what `search` finds, whose queries are wordings of it, as
    /// [`Answers::wordings`] gives them. Dropping the stream stops the work. A format of JSON is
    /// `Invalid` where no language model writes.
    pub fn answer(
        &self,
        scope: Scope,
        question: Question,
        search: Request,
    ) -> BoxStream<'static, Result<Step>> {
        self.answer_with(scope, question, search, Canary::generate())
    }

    /// Answers a question with this canary in the system prompt.
    fn answer_with(
        &self,
        scope: Scope,
        question: Question,
        search: Request,
        canary: Canary,
    ) -> BoxStream<'static, Result<Step>> {
        let this = self.clone();
        Box::pin(try_stream! {
            let writer = this.inference.writer(&scope, &question.target()).await?;
            let structure = Structure::of(&question.format)?;
            if structure.is_some() && writer.is_none() {
                Err::<(), _>(needs_a_model())?;
            }
            let asked = (question.text.as_str(), &question.format);
            let wanted = this.wanted(&scope, asked, &search).await?;
            if let Some(draft) = this.talked(&question, &search, wanted.as_ref()).await? {
                let answer = draft.answer;
                count(&answer);
                yield Step::Text(answer.text.clone());
                yield Step::Done(Box::new(answer));
                return;
            }
            yield Step::Searching;
            let searching = Instant::now();
            let grounds = match &wanted {
                Some(wanted) => this.surveyed(&scope, &search, (&question.text, wanted)).await?,
                None => this.grounds(&scope, &search, &question.text).await?,
            };
            let language = grounds.language(&question.text);
            let mut draft =
                Draft::new(grounds.verdict.confidence, grounds.took, language, structure.is_some());
            draft.answer.search_ms = millis(searching);
            draft.answer.index_position = this.records.index_position(&scope).await?;
            draft.answer.provenance = Provenance {
                embedding: Some(this.embedding(&scope, &search.stores).await?),
                decision: grounds.decision(),
                overview: grounds.survey.as_ref().map(|survey| survey.kind),
                ..Provenance::begun(&question, &search, draft.answer.index_position)
            };
            yield Step::Found(grounds.found.clone());
            let allowed = this.hosts.with_addresses_of(&question.text);
            let writer_asked = (writer.as_deref(), &allowed);
            let mut plan = attached::Plan::of(&search, &question, &grounds, writer_asked)?;
            let writing = Instant::now();
            if let Some(reason) = grounds.verdict.refused.as_ref().filter(|_| !plan.tries) {
                draft.decline(&grounds, reason.clone());
                yield draft.told();
            } else if let Some(writer) = writer.filter(|_| grounds.are_written_from()) {
                let commission = Commission {
                    writer: &*writer,
                    question: &question,
                    structure: structure.as_ref(),
                    grounds: &grounds,
                    whole: plan.whole.as_deref(),
                    canary: &canary,
                    allowed: &allowed,
                    owner: scope.tenant().as_str(),
                };
                let steps = written(&mut draft, commission);
                futures::pin_mut!(steps);
                while let Some(step) = steps.next().await {
                    yield step?;
                }
            } else {
                draft.answer.passages = guarded::screen(&grounds.shown).shown;
                draft.extract(plan.lead.take().unwrap_or_else(|| quotes(&grounds, &allowed)));
                this.keep_short(&mut draft, &question)?;
                yield Step::Text(draft.answer.text.clone());
            }
            draft.answer.write_ms = millis(writing);
            if draft.answer.refused.is_none() {
                draft.answer.notes = grounds.notes();
                draft.answer.notes.extend(plan.note.take());
            }
            let found = plan.whole.as_deref().unwrap_or(&grounds.found);
            this.complete(&scope, found, &mut draft.answer).await?;
            this.place(&scope, &grounds.found, &mut draft.answer.citations).await?;
            attached::place(&search.attached, &mut draft.answer.citations);
            attached::forget_sent(&mut draft.answer.provenance);
            let answer = draft.answer;
            count(&answer);
            yield Step::Done(Box::new(answer));
        })
    }
}

/// Whether a text is all the program's own words: that the documents are silent, what can be asked.
pub(crate) fn is_silent(text: &str) -> bool {
    spoken::is_silent(text) || overview::is_own(text)
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn count(answer: &Answer) {
    let refused = if answer.refused.is_some() { "yes" } else { "no" };
    metrics::counter!("cairn_responses_total", "mode" => answer.mode.name(), "refused" => refused)
        .increment(1);
}
