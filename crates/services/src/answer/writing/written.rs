//! An answer that a language model writes.
//!
//! It is given the best of what was found; where it was measured to be able to tell, it is asked
//! first whether that answers the question. What it writes is cited as soon as it is complete. A
//! model that has nothing to say does not keep the documents from it: then they are quoted.

use async_stream::try_stream;
use cairn_guard::canary::Canary;
use cairn_guard::links::Allowed;
use cairn_kernel::Result;
use cairn_serving::chat::{ChatModel, ChatRequest};
use futures::{Stream, StreamExt};

use super::draft::{Draft, quotes};
use super::guarded::{self, Gate, Outlet};
use super::pieces::{Piece, pieces};
use super::prompt::{self, Extent};
use super::sampling::{seeded, steady};
use super::structured::{self, Structure};
use super::{extract, spoken};
use crate::answer::attached;
use crate::answer::citing::{cite, values};
use crate::answer::deciding::assent;
use crate::answer::finding::Grounds;
use crate::answer::provenance::{ModelUsed, SamplingUsed};
use crate::answer::{Question, Step};
use crate::retrieve::Passage;
use crate::turns;

/// Tokens of an answer when the caller does not say.
const ANSWER_TOKENS: u32 = 300;

/// What a language model is to write, for whom, and from what.
#[derive(Clone, Copy)]
pub(crate) struct Commission<'a> {
    pub(crate) writer: &'a dyn ChatModel,
    pub(crate) question: &'a Question,
    /// Nothing where the answer is prose.
    pub(crate) structure: Option<&'a Structure>,
    pub(crate) grounds: &'a Grounds,
    /// What it reads in the place of the nearest passages: files that stand in the question.
    pub(crate) whole: Option<&'a [Passage]>,
    /// The canary of the system prompt.
    pub(crate) canary: &'a Canary,
    /// The links that may stay.
    pub(crate) allowed: &'a Allowed,
    /// The tenant.
    pub(crate) owner: &'a str,
}

/// The steps of the writing, until `draft` is complete but for what is known of its sources.
pub(crate) fn written<'a>(
    draft: &'a mut Draft,
    commission: Commission<'a>,
) -> impl Stream<Item = Result<Step>> + Send + 'a {
    try_stream! {
        let Commission { writer, question, structure, grounds, whole, .. } = commission;
        let Commission { canary, allowed, owner, .. } = commission;
        let (analyzer, subjects) = (&grounds.analyzer, grounds.verdict.subjects());
        let asked = grounds.verdict.put();
        let local = writer.is_local();
        let needed = assent::needed(analyzer.language(), writer.identity());
        let brief = prompt::is_brief(analyzer.language(), writer.identity());
        let (sources, evidence) = match whole {
            Some(passages) => (passages.to_vec(), None),
            None => sources(brief, grounds),
        };
        let much = match whole {
            Some(_) => Extent::Whole,
            None if grounds.survey.is_some() => Extent::Beginnings,
            None => Extent::Much { named: !local },
        };
        let extent = evidence.as_deref().map_or(much, Extent::Only);
        let screened = guarded::screen(&sources);
        let instructions = question.instructions.as_deref();
        let language = spoken::name(draft.language);
        let mut prompt = prompt::grounded(
            analyzer, (asked.as_str(), subjects.whole, language),
            instructions,
            &question.history, (&screened.passages, extent, canary),
        );
        // The penalty would be one of JSON's marks, too.
        let prose = structure.is_none();
        let sampling = seeded(steady(&question.sampling, local && prose), local);
        let told = if whole.is_some() { attached::ANSWER_TOKENS } else { ANSWER_TOKENS };
        let most = if prose { told } else { structured::TOKENS };
        let max_tokens = Some(question.max_tokens.unwrap_or(most));
        if question.truncate {
            draft.answer.provenance.turns_left_out =
                turns::fit(writer, &mut prompt.messages, max_tokens).await?;
        }
        draft.put(&prompt, screened.shown, instructions, canary);
        if whole.is_some() {
            draft.put_whole();
        }
        draft.answer.provenance.sampling =
            Some(SamplingUsed { sampling: sampling.clone(), max_tokens });
        draft.answer.provenance.language = Some(ModelUsed {
            name: writer.name().to_owned(),
            identity: writer.identity().to_owned(),
        });
        draft.answer.model_sha256 = Some(writer.identity().to_owned());
        let assent = match needed.filter(|_| evidence.is_some()) {
            Some(_) => {
                assent::ask(writer, (&asked, &prompt), (owner, &question.trace)).await?
            }
            None => None,
        };
        if let (Some(needed), Some(assent)) = (needed, assent)
            && draft.doubts(assent, needed)
        {
            yield draft.told();
            return;
        }
        if let Some(structure) = structure {
            prompt = structure.prompt(prompt, local, language);
            if question.truncate {
                draft.answer.provenance.turns_left_out +=
                    turns::fit(writer, &mut prompt.messages, max_tokens).await?;
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
            trace: question.trace.clone(),
            ..ChatRequest::default()
        };
        let outlet: Box<dyn Gate> = match structure {
            Some(structure) => structure.outlet(canary, allowed.clone()),
            None => Box::new(Outlet::new(canary, allowed.clone())),
        };
        let pieces = pieces(writer.chat(request).await?, outlet);
        futures::pin_mut!(pieces);
        while let Some(piece) = pieces.next().await {
            match piece? {
                Piece::Text(text) => {
                    draft.answer.text.push_str(&text);
                    yield Step::Text(text);
                }
                Piece::End(end, ended) => {
                    draft.answer.stripped = ended.stripped;
                    let text = &draft.answer.text;
                    let shown = (sources.as_slice(), evidence.as_deref());
                    let cited = match structure {
                        Some(structure) => {
                            values::cite(analyzer, subjects.whole, text, structure, shown)
                        }
                        None => cite::cite(analyzer, &subjects, text, &ended.markers, shown),
                    };
                    draft.written(&end, cited);
                }
                Piece::Leaked => yield draft.withhold(),
            }
        }
        if let Some(structure) = structure {
            if draft.takes_back(structure) {
                yield draft.told();
            }
        } else if draft.answer.text.trim().is_empty() {
            draft.extract(quotes(grounds, allowed));
            yield Step::Text(draft.answer.text.clone());
        } else if draft.is_unfounded() {
            yield Step::Text(draft.append(quotes(grounds, allowed)));
        }
    }
}

/// The passages that are put to a writer; to a `brief` one those with the sentences that come
/// nearest to the question, which are named for each.
fn sources(brief: bool, grounds: &Grounds) -> (Vec<Passage>, Option<Vec<Vec<String>>>) {
    let shown = &grounds.shown;
    let evidence = if brief && grounds.survey.is_none() {
        extract::evidence(&grounds.verdict.sought(), shown)
    } else {
        Vec::new()
    };
    if evidence.is_empty() {
        return (shown.clone(), None);
    }
    let (passages, sentences) = evidence.into_iter().unzip();
    (passages, Some(sentences))
}
