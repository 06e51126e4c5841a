//! `ask`: an answer from the documents, by the same path as in `/v1/responses`; none is kept.

use cairn_kernel::{Error, Id, Kind, Result};
use cairn_services::Sampling;
use cairn_services::answer::{Answer, Citation, Question};
use cairn_services::chat::TextFormat;
use cairn_services::llms::ALIAS;
use cairn_services::responses::{Beat, Ended, Functions, Inquiry, Outcome, cut_short};
use cairn_services::retrieve::{Passage, Request};
use cairn_wire::mcp::{McpAnswer, McpAsk, McpCitation};
use futures::StreamExt as _;

use super::search::{RESULTS, shown};
use super::stores;
use crate::mcp::Visit;
use crate::mcp::links::Homes;
use crate::mcp::places::{Place, title};
use crate::openai::convert::usage;
use crate::openai::search::quoted;

/// Passages that are shown for a question that is not answered.
const NEAREST: usize = 3;

/// Asks the stores that are named, or all.
///
/// # Errors
/// `Invalid` for arguments out of bounds, `Conflict` when what the answer rests on was deleted
/// or closed meanwhile, and what an answer fails with.
pub(super) async fn call(visit: &Visit, arguments: Result<McpAsk>) -> Result<McpAnswer> {
    let McpAsk { question, stores } = arguments?;
    if question.trim().is_empty() {
        let message = "question is empty; ask something";
        return Err(Error::invalid(message).with_param("question"));
    }
    let stores::Asked { stores, note } = stores::asked(visit, &stores.unwrap_or_default()).await?;
    let inquiry = inquiry(visit, question, stores.clone());
    let (passages, ended) = heard(visit, inquiry).await?;
    let Ended { outcome, model, usage: spent, notes } = ended;
    let Outcome::Documents(answer) = outcome else {
        return Err(Error::internal("an answer over documents is none"));
    };
    let tokens = (i64::from(spent.prompt_tokens), i64::from(spent.completion_tokens));
    let entry = usage("responses", &model, tokens, &visit.trace);
    visit.services.usage.record(&visit.scope, entry).await;
    let mut told = told(visit, &stores, *answer, &passages).await?;
    told.notes.extend(notes);
    told.notes.extend(note);
    // What was deleted since it was read is not said.
    visit.services.responses.require(&visit.scope, &quoted(&stores, &passages)).await?;
    Ok(told)
}

fn inquiry(visit: &Visit, text: String, stores: Vec<Id>) -> Inquiry {
    let mut search = Request::new(stores, text.as_str(), RESULTS);
    search.queries = visit.services.answers.wordings(&text, &[]);
    let question = Question {
        text,
        history: Vec::new(),
        truncate: true,
        instructions: None,
        model: ALIAS.to_owned(),
        // An answer over files shall be the same each time.
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        format: TextFormat::Text,
        max_tokens: None,
        sticky: visit.sticky.clone(),
        trace: visit.trace.clone(),
    };
    Inquiry { question, after: Vec::new(), search: Some(search), functions: Functions::default() }
}

/// What was found, and how it ended.
async fn heard(visit: &Visit, inquiry: Inquiry) -> Result<(Vec<Passage>, Ended)> {
    let mut beats = visit.services.responses.make(&visit.scope, inquiry).await?;
    let mut passages = Vec::new();
    while let Some(beat) = beats.next().await {
        match beat? {
            Beat::Found(found) => passages = found,
            Beat::End(ended) => return Ok((passages, *ended)),
            _ => {}
        }
    }
    Err(cut_short())
}

async fn told(
    visit: &Visit,
    stores: &[Id],
    answer: Answer,
    passages: &[Passage],
) -> Result<McpAnswer> {
    let answered = answer.refused.is_none();
    let nearest = match answered {
        true => Vec::new(),
        false => shown(visit, stores, passages.iter().take(NEAREST).cloned().collect()).await?,
    };
    let Numbered { text, places } = numbered(&answer.text, answer.citations);
    let mut homes = Homes::of(visit, stores);
    let mut citations = Vec::with_capacity(places.len());
    for (at, citation) in places.into_iter().enumerate() {
        let place = Place::of(&citation.file_id, (citation.char_start, citation.char_end));
        let home = homes.find(&place.file).await?.ok_or_else(|| gone(&place.file))?;
        citations.push(McpCitation {
            number: at + 1,
            id: place.to_string(),
            title: title(&citation.filename, citation.page, citation.heading.as_deref()),
            url: home.link(&visit.links, &place),
            quote: citation.quote,
            supported: citation.supported,
        });
    }
    let sentence = |start: usize, end: usize| -> String {
        answer.text.chars().skip(start).take(end.saturating_sub(start)).collect()
    };
    Ok(McpAnswer {
        answer: text,
        answered,
        unsupported: answer.unsupported.iter().map(|at| sentence(at.start, at.end)).collect(),
        reason: answer.refused,
        citations,
        nearest,
        notes: Vec::new(),
    })
}

/// The error for an answer that rests on what the caller may not read any more.
fn gone(file: &Id) -> Error {
    let message = format!(
        "file '{file}' was deleted or closed while the question was answered from it; ask again"
    );
    Error::new(Kind::Conflict, message)
}

/// A text with numbers in it, and the places that they stand for.
struct Numbered {
    text: String,
    places: Vec<Citation>,
}

/// `text` with `[1]` behind each sentence that the first place is cited for. A place that is cited
/// more than once has one number; it is supported where it is each time.
fn numbered(text: &str, citations: Vec<Citation>) -> Numbered {
    let mut places: Vec<Citation> = Vec::new();
    let mut marks: Vec<(usize, usize)> = Vec::new();
    for citation in citations {
        let end = citation.sentence_end;
        let same = |held: &Citation| {
            (&held.file_id, held.char_start, held.char_end)
                == (&citation.file_id, citation.char_start, citation.char_end)
        };
        let at = places.iter().position(same);
        match at.and_then(|at| places.get_mut(at)) {
            Some(held) => held.supported &= citation.supported,
            None => places.push(citation),
        }
        marks.push((end, at.unwrap_or(places.len() - 1) + 1));
    }
    // In the order of the text, each number once at each end.
    marks.sort_unstable();
    marks.dedup();
    let mut marks = marks.into_iter().peekable();
    let mut out = String::with_capacity(text.len());
    for (at, char) in text.chars().enumerate() {
        while let Some((_, number)) = marks.next_if(|(end, _)| *end <= at) {
            out.push_str(&format!("[{number}]"));
        }
        out.push(char);
    }
    for (_, number) in marks {
        out.push_str(&format!("[{number}]"));
    }
    Numbered { text: out, places }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn citation(file: &str, sentence_end: usize, supported: bool) -> Citation {
        let (file_id, char_end) = (file.to_owned(), 9);
        Citation { file_id, char_end, sentence_end, supported, ..Citation::default() }
    }

    #[test]
    fn numbers_stand_behind_sentences_and_a_place_has_one() {
        let text = "Höhe ist 5 m. Breite ist 2 m.";
        let cited = vec![
            citation("a", 13, true),
            citation("b", 29, true),
            citation("a", 29, false),
            citation("a", 29, true),
        ];
        let Numbered { text, places } = numbered(text, cited);
        assert_eq!(text, "Höhe ist 5 m.[1] Breite ist 2 m.[1][2]");
        let places: Vec<_> =
            places.iter().map(|place| (&*place.file_id, place.supported)).collect();
        assert_eq!(places, [("a", false), ("b", true)]);
    }

    #[test]
    fn a_text_without_citations_is_left_as_it_is() {
        let Numbered { text, places } = numbered("The documents do not say.", Vec::new());
        assert_eq!((text.as_str(), places.len()), ("The documents do not say.", 0));
    }
}
