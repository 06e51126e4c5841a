//! Question sets.

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt as _};
use cairn_services::Services;
use cairn_services::question_sets::{
    Content, Method, Question, QuestionSet as Held, Wish, parse_lines, parse_list,
};
use cairn_wire::cairn::{
    CreateQuestionSet, EvaluationQuery, GenerateQuestions, Progress, QuestionCounts, QuestionSet,
    QuestionSetPlace, RelevantPlace, SetQuestion,
};
use cairn_wire::openai::{Deleted, List, ListQuery};

use super::evaluations::Asking;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Caller, parse};
use crate::openai::convert::{Paging, seconds};

/// One of so many generated questions has no answer, where the request does not say.
const UNANSWERABLE: usize = 4;

/// A set asked for: a JSON body, or lines of questions with the rest in the query string.
pub(crate) struct Sent {
    store: String,
    name: Option<String>,
    content: Content,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let place: QuestionSetPlace = super::evaluations::query(request.uri())?;
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let lines = kind.is_some_and(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.contains("jsonl") || kind.contains("ndjson") || kind.contains("json-lines")
        });
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let kind = match rejection.status().as_u16() {
                413 => Kind::TooLarge,
                _ => Kind::Invalid,
            };
            Error::new(kind, format!("the body could not be read: {}", rejection.body_text()))
        })?;
        let (store, name, content) = if lines {
            (place.store, place.name, Content::Own(parse_lines(&bytes)?))
        } else {
            let body: CreateQuestionSet = parse(&bytes)?;
            let content = content(body.questions.map(parse_list).transpose()?, body.generate)?;
            (body.store.or(place.store), body.name.or(place.name), content)
        };
        let store = store.ok_or_else(|| {
            Error::invalid("no vector store is named; send its id or name as 'store'")
                .with_param("store")
        })?;
        Ok(Self { store, name, content })
    }
}

fn content(own: Option<Vec<Question>>, generate: Option<GenerateQuestions>) -> Result<Content> {
    match (own, generate) {
        (Some(own), None) => Ok(Content::Own(own)),
        (None, Some(generate)) => wish(generate).map(Content::Generated),
        _ => Err(Error::invalid("send either 'questions' or 'generate'").with_param("questions")),
    }
}

fn wish(wanted: GenerateQuestions) -> Result<Wish> {
    let method = match wanted.method.as_deref() {
        None | Some("auto") => Method::Auto,
        Some("extractive") => Method::Extractive,
        Some("model") => Method::Model,
        Some(other) => {
            let text = format!("method is '{other}'; it is auto, extractive or model");
            return Err(Error::invalid(text).with_param("generate.method"));
        }
    };
    let GenerateQuestions { count, model, seed, unanswerable, .. } = wanted;
    let unanswerable = unanswerable.unwrap_or(count / UNANSWERABLE);
    Ok(Wish { count, method, model, seed: seed.unwrap_or(0), unanswerable })
}

/// Makes a question set of the user's questions (JSON, or JSONL with `store` and `name` in the query
/// string), or has one generated in the background. The same again is the same set.
#[utoipa::path(post, path = "/cairn/v1/question_sets", tag = "evaluation", params(QuestionSetPlace), request_body = CreateQuestionSet, responses((status = 200, body = QuestionSet), (status = 202, body = QuestionSet, description = "its questions are being generated")))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    sent: Sent,
) -> ApiResult<(StatusCode, axum::Json<QuestionSet>)> {
    let name = sent.name.unwrap_or_else(|| "questions".to_owned());
    let held = services.question_sets.create(&scope, &sent.store, &name, sent.content).await?;
    let status = match held.row.status.as_str() {
        "generating" => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    Ok((status, axum::Json(wire(held)?)))
}

/// The tenant's question sets, newest first.
#[utoipa::path(get, path = "/cairn/v1/question_sets", tag = "evaluation", params(EvaluationQuery), responses((status = 200, body = List<QuestionSet>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Asking(query): Asking,
) -> ApiResult<axum::Json<List<QuestionSet>>> {
    let paging = paging(&query)?;
    let store = query.store.as_deref();
    let held = services.question_sets.list(&scope, store, &paging.page).await?;
    let sets = held.into_iter().map(wire).collect::<Result<Vec<_>>>()?;
    Ok(axum::Json(paging.list(sets, |set| set.id.clone())))
}

/// One question set.
#[utoipa::path(get, path = "/cairn/v1/question_sets/{id}", tag = "evaluation", params(("id" = String, Path, description = "the question set")), responses((status = 200, body = QuestionSet)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<QuestionSet>> {
    Ok(axum::Json(wire(services.question_sets.get(&scope, &Id::from_raw(id)).await?)?))
}

/// Deletes a question set with its questions and its runs.
#[utoipa::path(delete, path = "/cairn/v1/question_sets/{id}", tag = "evaluation", params(("id" = String, Path, description = "the question set")), responses((status = 200, body = Deleted)))]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Deleted>> {
    services.question_sets.delete(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(Deleted { id, object: "question_set.deleted", deleted: true }))
}

/// The questions of a set, newest first.
#[utoipa::path(get, path = "/cairn/v1/question_sets/{id}/questions", tag = "evaluation", params(("id" = String, Path, description = "the question set"), EvaluationQuery), responses((status = 200, body = List<SetQuestion>)))]
pub(crate) async fn questions(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Asking(query): Asking,
) -> ApiResult<axum::Json<List<SetQuestion>>> {
    let paging = paging(&query)?;
    let id = Id::from_raw(id);
    let held = services.question_sets.questions(&scope, &id, &paging.page).await?;
    let questions = held.into_iter().map(question).collect();
    Ok(axum::Json(paging.list(questions, |question| question.id.clone())))
}

/// The page that a query asks for.
pub(super) fn paging(query: &EvaluationQuery) -> Result<Paging> {
    let page = ListQuery {
        limit: query.limit,
        order: query.order.clone(),
        after: query.after.clone(),
        before: query.before.clone(),
        ..ListQuery::default()
    };
    Paging::of(&page, 1000, 100)
}

fn wire(held: Held) -> Result<QuestionSet> {
    let Held { row, counts } = held;
    let mut questions = QuestionCounts::default();
    for count in counts {
        questions.total += count.questions;
        match count.answerable {
            0 => questions.unanswerable += count.questions,
            _ => questions.answerable += count.questions,
        }
        match count.origin.as_str() {
            "user" => questions.user += count.questions,
            "model" => questions.model += count.questions,
            _ => questions.extractive += count.questions,
        }
    }
    let generated = row.wish.as_deref().map(serde_json::from_str).transpose();
    Ok(QuestionSet {
        id: row.id,
        object: "question_set",
        store: row.store_id,
        name: row.name,
        progress: Progress { stage: row.status.clone(), fraction: row.fraction },
        status: row.status,
        error: row.error,
        generated: generated.or_internal("reading a question set")?,
        questions,
        created_at: seconds(row.created_at),
    })
}

fn question(held: Question) -> SetQuestion {
    let withheld = held.withheld().map(str::to_owned);
    let places = held.relevant.into_iter().map(|place| RelevantPlace {
        file: place.file,
        quote: place.quote,
        char_start: place.char_start,
        char_end: place.char_end,
    });
    SetQuestion {
        id: held.id,
        object: "question",
        question: held.text,
        origin: held.origin.name(),
        form: held.form.name(),
        answerable: held.answerable,
        relevant: places.collect(),
        expected_answer: held.expected,
        withheld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_questions_or_a_wish_and_not_both() {
        let generate = || GenerateQuestions {
            count: 9,
            method: None,
            model: None,
            seed: None,
            unanswerable: None,
        };
        assert!(content(None, None).is_err());
        assert!(content(Some(Vec::new()), Some(generate())).is_err());
        let wished = content(None, Some(generate()));
        let plain = Wish { count: 9, method: Method::Auto, model: None, seed: 0, unanswerable: 2 };
        assert_eq!(wished.ok(), Some(Content::Generated(plain)));
        let none = wish(GenerateQuestions { unanswerable: Some(0), ..generate() });
        assert_eq!(none.ok().map(|wish| wish.unanswerable), Some(0));
        let other = GenerateQuestions { method: Some("magic".into()), ..generate() };
        assert_eq!(wish(other).unwrap_err().param(), Some("generate.method"));
    }
}
