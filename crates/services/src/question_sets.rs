//! Question sets: what a vector store is measured with.
//!
//! A set belongs to a store and goes with it. Its questions are the user's own, or generated
//! from the store's documents: extractively, from salient sentences, or by a language model
//! that is asked what a passage answers. Every question says where it comes from. Generated
//! ones are made of a document's words and go when it is deleted; what users wrote stays.
//!
//! Sets are for editors: generated questions show words of documents whatever their access
//! lists say, and editors manage all documents.

mod generate;
mod own;
mod pins;
mod probes;
mod withheld;
mod written;

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope, Timestamp};
use cairn_pipelines::Queue;
use cairn_store::records::{JudgedWordsRow, QuestionCount, QuestionRow, QuestionSetRow};
use cairn_store::{Page, Records};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use generate::{GenerateJob, KIND};
pub use own::{parse_lines, parse_list};

/// Most questions of a set.
pub const QUESTIONS_MAX: usize = 5000;
/// Most questions that are generated.
const GENERATED_MAX: usize = 1000;
/// Longest name of a set, in characters.
const NAME_MAX: usize = 128;
/// How often generation is tried.
const ATTEMPTS: i64 = 2;
/// Questions read at once.
const READ_AT_ONCE: i64 = 500;

/// Who wrote a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The user.
    User,
    /// Nobody: it is made of a document's own words.
    Extractive,
    /// A language model, from a passage that answers it.
    Model,
}

impl Origin {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Extractive => "extractive",
            Self::Model => "model",
        }
    }

    fn of(name: &str) -> Result<Self> {
        match name {
            "user" => Ok(Self::User),
            "extractive" => Ok(Self::Extractive),
            "model" => Ok(Self::Model),
            other => Err(Error::internal(format!("a question has the unknown origin '{other}'"))),
        }
    }
}

/// What form a question has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A question.
    Question,
    /// A sentence with a gap.
    Cloze,
    /// A heading.
    Heading,
    /// The rarest words of a sentence.
    KnownItem,
}

impl Form {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Cloze => "cloze",
            Self::Heading => "heading",
            Self::KnownItem => "known_item",
        }
    }

    fn of(name: &str) -> Result<Self> {
        match name {
            "question" => Ok(Self::Question),
            "cloze" => Ok(Self::Cloze),
            "heading" => Ok(Self::Heading),
            "known_item" => Ok(Self::KnownItem),
            other => Err(Error::internal(format!("a question has the unknown form '{other}'"))),
        }
    }
}

/// Where an answer stands: a file by id or name, and a quote or characters of its text, or all
/// of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relevant {
    /// The file's id or name.
    pub file: String,
    /// Words of it.
    pub quote: Option<String>,
    /// First character.
    pub char_start: Option<i64>,
    /// One past the last.
    pub char_end: Option<i64>,
    /// The text of the file that they are counted in, where the question was made of it.
    #[serde(skip)]
    pub text_version: Option<i64>,
}

impl Relevant {
    /// The characters, if it is about some.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        self.char_start.zip(self.char_end)
    }
}

/// A question with what is known about its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// `q_…`; later questions of a set have greater ones.
    pub id: String,
    /// The question itself.
    pub text: String,
    /// Who wrote it.
    pub origin: Origin,
    /// What form it has.
    pub form: Form,
    /// Whether the documents answer it.
    pub answerable: bool,
    /// Where they do.
    pub relevant: Vec<Relevant>,
    /// Right answers; one is enough.
    pub expected: Vec<String>,
    /// The file whose words a generated question is made of.
    pub source_file: Option<String>,
}

impl Question {
    /// Whether it can be put to who answers: headings and bare words ask nothing.
    pub fn asks(&self) -> bool {
        matches!(self.form, Form::Question | Form::Cloze)
    }

    /// The file that is withheld while the question is asked: a generated one without an answer is
    /// made of words that only that file has.
    pub fn withheld(&self) -> Option<&str> {
        self.source_file.as_deref().filter(|_| !self.answerable)
    }

    fn row(&self) -> Result<QuestionRow> {
        Ok(QuestionRow {
            id: self.id.clone(),
            origin: self.origin.name().to_owned(),
            kind: self.form.name().to_owned(),
            text: self.text.clone(),
            answerable: i64::from(self.answerable),
            relevant: serde_json::to_string(&self.relevant).or_internal("writing a question")?,
            expected: serde_json::to_string(&self.expected).or_internal("writing a question")?,
            source_file_id: self.source_file.clone(),
        })
    }

    fn of(row: QuestionRow) -> Result<Self> {
        Ok(Self {
            origin: Origin::of(&row.origin)?,
            form: Form::of(&row.kind)?,
            answerable: row.answerable != 0,
            relevant: serde_json::from_str(&row.relevant).or_internal("reading a question")?,
            expected: serde_json::from_str(&row.expected).or_internal("reading a question")?,
            id: row.id,
            text: row.text,
            source_file: row.source_file_id,
        })
    }
}

/// Who is to write questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A language model when there is one, else nobody.
    Auto,
    /// Nobody.
    Extractive,
    /// A language model.
    Model,
}

/// Questions to be generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// How many.
    pub count: usize,
    /// By whom.
    pub method: Method,
    /// The language model; the program's own by default.
    pub model: Option<String>,
    /// Which passages are drawn.
    pub seed: u64,
    /// How many of them shall have no answer in the store, at most: each is made of a file that
    /// is withheld while it is asked.
    #[serde(default)]
    pub unanswerable: usize,
}

/// What a set is to be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The user's questions.
    Own(Vec<Question>),
    /// Questions to be generated.
    Generated(Wish),
}

/// A set with how many questions it has.
#[derive(Clone, Debug, PartialEq)]
pub struct QuestionSet {
    /// The set.
    pub row: QuestionSetRow,
    /// Its questions by origin and whether they are answerable.
    pub counts: Vec<QuestionCount>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Work {
    set: Id,
    /// The users and groups that the caller spoke for.
    principals: Vec<String>,
}

/// Question sets of a tenant.
#[derive(Clone, Debug)]
pub struct QuestionSets {
    records: Records,
    queue: Queue,
}

impl QuestionSets {
    /// Sets in `records`; questions are generated by jobs in `queue`.
    pub fn new(records: Records, queue: Queue) -> Self {
        Self { records, queue }
    }

    /// Makes a set for a store, which is given by id or name. The same content under the same
    /// name is the same set, so that runs over it can be compared; one whose generation
    /// failed is made anew.
    ///
    /// # Errors
    /// `NotFound` for the store, `Invalid` naming the question at fault, `Forbidden` for
    /// viewers.
    pub async fn create(
        &self,
        scope: &Scope,
        store: &str,
        name: &str,
        content: Content,
    ) -> Result<QuestionSet> {
        scope.require(Role::Editor)?;
        let store = resolve(&self.records, scope, store).await?;
        let length = name.chars().count();
        if name.trim().is_empty() || length > NAME_MAX {
            return Err(Error::invalid(format!(
                "a question set needs a name of up to {NAME_MAX} characters"
            ))
            .with_param("name"));
        }
        let words = match &content {
            Content::Own(questions) => self.check_files(scope, &store, questions).await?,
            Content::Generated(wish) => check_wish(wish).map(|()| Vec::new())?,
        };
        let row = set_row(&store, name, (&content, &words), self.records.clock().now())?;
        let id = Id::from_raw(row.id.as_str());
        let mut tx = self.records.begin().await?;
        let held = self.records.find_question_set(&mut tx, scope, &store, &row.fingerprint).await?;
        if let Some(held) = held {
            let held_id = Id::from_raw(held.id.as_str());
            if held.status != "failed" {
                tx.rollback().await.or_internal("finding a question set")?;
                return self.get(scope, &held_id).await;
            }
            self.records.delete_question_set(&mut tx, scope, &held_id).await?;
        }
        self.records.insert_question_set(&mut tx, scope, &row).await?;
        match content {
            Content::Own(questions) => {
                let rows = questions.iter().map(Question::row).collect::<Result<Vec<_>>>()?;
                self.records.insert_questions(&mut tx, scope, &id, &rows).await?;
                self.records.insert_judged_words(&mut tx, scope, &words).await?;
            }
            Content::Generated(_) => {
                let work = Work { set: id.clone(), principals: scope.principals().to_vec() };
                let payload = serde_json::to_string(&work).or_internal("writing a job")?;
                self.queue.enqueue(&mut tx, scope, KIND, &payload, ATTEMPTS).await?;
            }
        }
        tx.commit().await.or_internal("making a question set")?;
        self.queue.wake();
        self.get(scope, &id).await
    }

    /// Every file that a question names must be in the store, or a typing error would look
    /// like a failure of the search. Returns the words where they count characters.
    async fn check_files(
        &self,
        scope: &Scope,
        store: &Id,
        questions: &[Question],
    ) -> Result<Vec<JudgedWordsRow>> {
        let names = self.records.names_in_store(scope, store).await?;
        let known: std::collections::HashSet<&str> =
            names.iter().flat_map(|(id, name)| [id.as_str(), name.as_str()]).collect();
        for (number, question) in questions.iter().enumerate() {
            for relevant in &question.relevant {
                if !known.contains(relevant.file.as_str()) {
                    return Err(Error::invalid(format!(
                        "question {} names the file '{}', which is not in the vector store; add it \
                         to the store, or correct the id or name",
                        number + 1,
                        relevant.file
                    ))
                    .with_param(format!("questions[{number}].relevant")));
                }
            }
        }
        pins::of_own(&self.records, scope, &names, questions).await
    }

    /// One set.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<QuestionSet> {
        scope.require(Role::Editor)?;
        let row = self.records.question_set(scope, id).await?;
        let counts = self.records.count_questions(scope, Some(id)).await?;
        Ok(QuestionSet { row, counts })
    }

    /// The tenant's sets, of one store if given by id or name.
    ///
    /// # Errors
    /// `NotFound` for the store, `Forbidden` for viewers.
    pub async fn list(
        &self,
        scope: &Scope,
        store: Option<&str>,
        page: &Page,
    ) -> Result<Vec<QuestionSet>> {
        scope.require(Role::Editor)?;
        let store = match store {
            Some(store) => Some(resolve(&self.records, scope, store).await?),
            None => None,
        };
        let rows = self.records.list_question_sets(scope, store.as_ref(), page).await?;
        let counts = self.records.count_questions(scope, None).await?;
        let set = |row: QuestionSetRow| {
            let of = counts.iter().filter(|count| count.set_id == row.id).cloned().collect();
            QuestionSet { row, counts: of }
        };
        Ok(rows.into_iter().map(set).collect())
    }

    /// Questions of a set, a page of them.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn questions(&self, scope: &Scope, id: &Id, page: &Page) -> Result<Vec<Question>> {
        scope.require(Role::Editor)?;
        let rows = self.records.list_questions(scope, id, page).await?;
        rows.into_iter().map(Question::of).collect()
    }

    /// Deletes a set with its questions and its runs.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn delete(&self, scope: &Scope, id: &Id) -> Result<()> {
        scope.require(Role::Editor)?;
        let mut tx = self.records.begin().await?;
        self.records.delete_question_set(&mut tx, scope, id).await?;
        tx.commit().await.or_internal("deleting a question set")
    }
}

/// The store of that id or, failing that, of that name.
///
/// # Errors
/// `NotFound`, or `Conflict` when several stores share the name.
pub(crate) async fn resolve(records: &Records, scope: &Scope, id_or_name: &str) -> Result<Id> {
    if id_or_name.starts_with("vs_") {
        let store = records.store(scope, &Id::from_raw(id_or_name)).await?;
        return Ok(Id::from_raw(store.id));
    }
    let found = records.store_by_name(scope, id_or_name).await?;
    let store = found.ok_or_else(|| Error::not_found(format!("vector store '{id_or_name}'")))?;
    Ok(Id::from_raw(store.id))
}

/// All questions of a set, in order.
///
/// # Errors
/// `NotFound` when the tenant has no such set.
pub(crate) async fn all(records: &Records, scope: &Scope, set: &Id) -> Result<Vec<Question>> {
    let mut found = Vec::new();
    let mut page = Page { order: cairn_store::Order::Ascending, ..Page::first(READ_AT_ONCE) };
    loop {
        let rows = records.list_questions(scope, set, &page).await?;
        let Some(last) = rows.last() else { return Ok(found) };
        page.after = Some(Id::from_raw(last.id.as_str()));
        for row in rows {
            found.push(Question::of(row)?);
        }
    }
}

/// Fails unless the questions of a set are there to be asked.
///
/// # Errors
/// `Conflict` while they are generated, `Unprocessable` when that failed.
pub(crate) fn require_ready(set: &QuestionSetRow) -> Result<()> {
    match set.status.as_str() {
        "ready" => Ok(()),
        "generating" => Err(Error::new(
            Kind::Conflict,
            format!("the questions of '{}' are being generated; wait until it is ready", set.id),
        )),
        _ => Err(Error::new(
            Kind::Unprocessable,
            format!(
                "the questions of '{}' could not be generated ({}); make the set anew",
                set.id,
                set.error.as_deref().unwrap_or("no reason is known")
            ),
        )),
    }
}

fn check_wish(wish: &Wish) -> Result<()> {
    if wish.count == 0 || wish.count > GENERATED_MAX {
        return Err(Error::invalid(format!(
            "generate.count is {}; it must be between 1 and {GENERATED_MAX}",
            wish.count
        ))
        .with_param("generate.count"));
    }
    if wish.unanswerable > wish.count {
        return Err(Error::invalid(format!(
            "generate.unanswerable is {}; it is a part of the {} questions",
            wish.unanswerable, wish.count
        ))
        .with_param("generate.unanswerable"));
    }
    if wish.method == Method::Extractive && wish.model.is_some() {
        return Err(Error::invalid(
            "extractive questions are written by no model; leave out generate.model",
        )
        .with_param("generate.model"));
    }
    Ok(())
}

fn set_row(
    store: &Id,
    name: &str,
    (content, words): (&Content, &[JudgedWordsRow]),
    now: Timestamp,
) -> Result<QuestionSetRow> {
    let (wish, status) = match content {
        Content::Own(_) => (None, "ready"),
        Content::Generated(wish) => {
            let wish = serde_json::to_string(wish).or_internal("writing a question set")?;
            (Some(wish), "generating")
        }
    };
    let fraction = if wish.is_none() { 1.0 } else { 0.0 };
    Ok(QuestionSetRow {
        id: Id::generate("qset_").to_string(),
        store_id: store.to_string(),
        name: name.to_owned(),
        fingerprint: fingerprint(name, content, words)?,
        wish,
        status: status.to_owned(),
        fraction,
        error: None,
        created_at: now,
    })
}

/// Of everything that makes a set but the ids given here. The same characters with other words are
/// another judgement.
fn fingerprint(name: &str, content: &Content, words: &[JudgedWordsRow]) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    for row in words {
        let what = (&row.file_id, &row.words, &row.words_end, row.nth, row.occurrences);
        let line = serde_json::to_string(&what).or_internal("writing a judgement")?;
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    match content {
        Content::Own(questions) => {
            for question in questions {
                let what = (&question.text, question.answerable, &question.relevant);
                let line = serde_json::to_string(&(what, &question.expected));
                hash.update(b"\n");
                hash.update(line.or_internal("writing a question")?.as_bytes());
            }
        }
        Content::Generated(wish) => {
            hash.update(b"\0");
            hash.update(serde_json::to_string(wish).or_internal("writing a wish")?.as_bytes());
        }
    }
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_questions_are_the_same_set() -> Result<()> {
        let own = |text: &str| parse_lines(text.as_bytes()).map(Content::Own);
        let line = r#"{"question": "Who keeps it?", "relevant": ["a.md"]}"#;
        let print = |name: &str, content: Result<Content>| fingerprint(name, &content?, &[]);
        let one = print("s", own(line))?;
        assert_eq!(one, print("s", own(&format!("\n{line}\n\n")))?);
        assert_ne!(one, print("other", own(line))?);
        assert_ne!(one, print("s", own(&line.replace("keeps", "kept")))?);
        let wish = |seed| {
            let (method, unanswerable) = (Method::Auto, 1);
            let wish = Wish { count: 5, method, model: None, seed, unanswerable };
            Ok(Content::Generated(wish))
        };
        assert_eq!(print("s", wish(1))?, print("s", wish(1))?);
        assert_ne!(print("s", wish(1))?, print("s", wish(2))?);
        Ok(())
    }

    #[test]
    fn a_wish_has_bounds() {
        let wish = |count, method, model: Option<&str>| {
            let model = model.map(str::to_owned);
            check_wish(&Wish { count, method, model, seed: 0, unanswerable: 2 })
        };
        assert!(wish(1, Method::Auto, None).is_err(), "more without an answer than there are");
        assert!(wish(0, Method::Auto, None).is_err());
        assert!(wish(GENERATED_MAX + 1, Method::Auto, None).is_err());
        assert!(wish(5, Method::Extractive, Some("m")).is_err());
        assert!(wish(5, Method::Model, Some("m")).is_ok());
    }

    #[test]
    fn a_question_is_kept_as_it_is() -> Result<()> {
        let mut questions = parse_lines(
            br#"{"question": "Who?", "relevant": [{"file": "a", "quote": "q"}], "expected_answer": "x"}"#,
        )?;
        let question = questions.remove(0);
        assert_eq!(Question::of(question.row()?)?, question);
        let made = Question { source_file: Some("file-1".to_owned()), ..question };
        assert_eq!(made.withheld(), None);
        assert_eq!(Question { answerable: false, ..made }.withheld(), Some("file-1"));
        for origin in [Origin::User, Origin::Extractive, Origin::Model] {
            assert_eq!(Origin::of(origin.name())?, origin);
        }
        for form in [Form::Question, Form::Cloze, Form::Heading, Form::KnownItem] {
            assert_eq!(Form::of(form.name())?, form);
        }
        Ok(())
    }
}
