//! Questions generated from the documents of a store, as a durable job.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use cairn_pipelines::{Handler, Job};
use cairn_search::Analyzer;
use cairn_serving::chat::{ChatEvent, ChatRequest, ChatUsage};
use cairn_serving::gguf::Sampling;
use cairn_store::Records;
use cairn_store::records::{ChunkRow, UsageEntry};
use futures::StreamExt as _;

use super::probes::{Probe, Source, clozes, probes};
use super::withheld::reserved;
use super::written::{self, Written};
use super::{Form, Method, Origin, Question, Relevant, Wish, Work, pins};
use crate::accounts::scope_of_speaker;
use crate::chat::Inference;
use crate::evaluations::bootstrap::Random;
use crate::llms::ALIAS;
use crate::retrieve::Retrieve;
use crate::usage::Usage;

/// The job's kind.
pub const KIND: &str = "generate_questions";
/// Passages drawn at least, so that it can be told which words are rare.
const DRAWN_MIN: usize = 200;
/// Passages drawn at most.
const DRAWN_MAX: usize = 3000;
/// Passages drawn for each question wanted.
const DRAWN_PER_QUESTION: usize = 3;
/// Rows read at once.
const READ_AT_ONCE: usize = 500;
/// Tokens of a question with its answer.
const QUESTION_TOKENS: u32 = 160;

/// Does the jobs of kind [`KIND`].
pub struct GenerateJob {
    /// Records.
    pub records: Records,
    /// Knows the language of a store.
    pub retrieve: Retrieve,
    /// The language models.
    pub inference: Inference,
    /// Where what they used is noted.
    pub usage: Usage,
}

#[async_trait]
impl Handler for GenerateJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let work: Work = serde_json::from_str(&job.payload).or_internal("reading a job")?;
        let scope = scope_of_speaker(job, work.principals)?;
        let set = self.records.question_set(&scope, &work.set).await?;
        let mut questions = Vec::new();
        if set.status == "generating" {
            let wish = set.wish.as_deref().unwrap_or_default();
            let wish: Wish = serde_json::from_str(wish).or_internal("reading a wish")?;
            let store = Id::from_raw(set.store_id.as_str());
            questions = self.write(&scope, &store, &work.set, &wish).await?;
        }
        let rows = questions.iter().map(Question::row).collect::<Result<Vec<_>>>()?;
        let words = pins::of_generated(&self.records, &scope, &questions).await?;
        let mut tx = self.records.begin().await?;
        if self.records.finish_question_set(&mut tx, &scope, &work.set, None).await? {
            self.records.insert_questions(&mut tx, &scope, &work.set, &rows).await?;
            self.records.insert_judged_words(&mut tx, &scope, &words).await?;
        }
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("keeping generated questions")
    }

    async fn give_up(&self, job: &Job, error: &Error) -> Result<()> {
        let work: Work = serde_json::from_str(&job.payload).or_internal("reading a job")?;
        let scope = scope_of_speaker(job, work.principals)?;
        let message = match error.kind() {
            Kind::Internal => format!("the server failed at it: {}", error.detail()),
            _ => error.message().to_owned(),
        };
        let mut tx = self.records.begin().await?;
        self.records.finish_question_set(&mut tx, &scope, &work.set, Some(&message)).await?;
        tx.commit().await.or_internal("recording that no questions were generated")
    }
}

impl GenerateJob {
    async fn write(
        &self,
        scope: &Scope,
        store: &Id,
        set: &Id,
        wish: &Wish,
    ) -> Result<Vec<Question>> {
        let drawn = self.draw(scope, store, wish).await?;
        if drawn.is_empty() {
            return Err(Error::new(
                Kind::Unprocessable,
                "the vector store has no passages to ask about; add documents and wait until they \
                 are read",
            ));
        }
        let analyzer = self.retrieve.analyzer(std::slice::from_ref(store)).await?;
        let there = wish.model.is_some() || self.inference.llms().default_model().is_some();
        let written = match wish.method {
            Method::Model => true,
            Method::Auto => there,
            Method::Extractive => false,
        };
        let reserved = reserved(drawn.len(), wish.unanswerable);
        let questions = if written {
            self.by_model(scope, (store, set), &analyzer, &drawn, (wish, reserved)).await?
        } else {
            self.of_words(scope, store, analyzer, drawn, (wish, reserved)).await?
        };
        if questions.is_empty() {
            return Err(Error::new(
                Kind::Unprocessable,
                "no question could be made of the documents; they may have no whole sentences",
            ));
        }
        Ok(questions)
    }

    /// Probes, those without an answer last; for them the last `reserved` passages are.
    async fn of_words(
        &self,
        scope: &Scope,
        store: &Id,
        analyzer: Analyzer,
        drawn: Vec<ChunkRow>,
        (wish, reserved): (&Wish, usize),
    ) -> Result<Vec<Question>> {
        let sources = self.sources(scope, store, drawn).await?;
        let (count, seed) = (wish.count.saturating_sub(wish.unanswerable), wish.seed);
        let made = move || {
            let first = sources.len().saturating_sub(reserved);
            let asked = sources.get(..first).unwrap_or_default();
            let answered = probes(&analyzer, asked, count, seed);
            let without = clozes(&analyzer, &sources, first);
            (analyzer, answered, without)
        };
        let made = tokio::task::spawn_blocking(made).await.or_internal("making probes")?;
        let (analyzer, answered, without) = made;
        let mut found: Vec<Question> = answered.into_iter().map(of_probe).collect();
        let mut left = wish.unanswerable;
        for probe in without {
            if left == 0 {
                break;
            }
            let of = (probe.text.as_str(), probe.expected.as_slice(), probe.file.as_str());
            let new = found.iter().all(|held| held.text != probe.text);
            if new && self.is_silent(scope, store, &analyzer, of).await? {
                found.push(unanswerable(of_probe(probe)));
                left -= 1;
            }
        }
        Ok(found)
    }

    /// Passages of the store that the caller may read, in an order that the seed decides.
    async fn draw(&self, scope: &Scope, store: &Id, wish: &Wish) -> Result<Vec<ChunkRow>> {
        let mut points = self.records.points_of_store(store.as_str()).await?;
        Random::new(wish.seed).shuffle(&mut points);
        points.truncate((wish.count * DRAWN_PER_QUESTION).clamp(DRAWN_MIN, DRAWN_MAX));
        let mut found: HashMap<i64, ChunkRow> = HashMap::new();
        for some in points.chunks(READ_AT_ONCE) {
            let rows = self.records.live_chunks(scope, store, some).await?;
            found.extend(rows.into_iter().map(|row| (row.seq, row)));
        }
        Ok(points.iter().filter_map(|point| found.remove(point)).collect())
    }

    async fn sources(
        &self,
        scope: &Scope,
        store: &Id,
        drawn: Vec<ChunkRow>,
    ) -> Result<Vec<Source>> {
        let files: HashSet<&str> = drawn
            .iter()
            .filter(|chunk| chunk.heading != "[]")
            .map(|chunk| chunk.file_id.as_str())
            .collect();
        let mut sections: HashMap<(String, String, i64), (i64, i64)> = HashMap::new();
        for file in files {
            let id = Id::from_raw(file);
            for place in self.records.chunk_places(scope, store, &id).await? {
                let section = sections
                    .entry((file.to_owned(), place.heading, place.text_version))
                    .or_insert((place.char_start, place.char_end));
                section.0 = section.0.min(place.char_start);
                section.1 = section.1.max(place.char_end);
            }
        }
        drawn
            .into_iter()
            .map(|chunk| {
                let headings =
                    serde_json::from_str(&chunk.heading).or_internal("reading headings")?;
                let place = (chunk.file_id, chunk.heading, chunk.text_version);
                let own = (chunk.char_start, chunk.char_end);
                let section = sections.get(&place).copied().unwrap_or(own);
                let (file, _, text_version) = place;
                let (text, char_start) = (chunk.text, chunk.char_start);
                Ok(Source { file, text, char_start, text_version, headings, section })
            })
            .collect()
    }

    /// Questions by the model, those without an answer last; for them the last `reserved` passages
    /// are.
    async fn by_model(
        &self,
        scope: &Scope,
        (store, set): (&Id, &Id),
        analyzer: &Analyzer,
        drawn: &[ChunkRow],
        (wish, reserved): (&Wish, usize),
    ) -> Result<Vec<Question>> {
        let model = wish.model.as_deref().unwrap_or(ALIAS);
        let answered = wish.count.saturating_sub(wish.unanswerable);
        let (asked, withheld) = drawn.split_at(drawn.len().saturating_sub(reserved));
        let mut found: Vec<Question> = Vec::new();
        for (part, wanted, answerable) in
            [(asked, answered, true), (withheld, wish.unanswerable, false)]
        {
            let wanted = found.len() + wanted;
            for chunk in part {
                if found.len() == wanted {
                    break;
                }
                self.goes_on(scope, set, found.len(), wish.count).await?;
                let headings: Vec<String> =
                    serde_json::from_str(&chunk.heading).or_internal("reading headings")?;
                let said = self.say(scope, model, set, &headings, &chunk.text).await?;
                let Some(written) = written::read(analyzer, &headings, &chunk.text, &said) else {
                    continue;
                };
                if found.iter().any(|held| held.text == written.question) {
                    continue;
                }
                let question = of_model(chunk, written);
                let of = (question.text.as_str(), question.expected.as_slice(), &*chunk.file_id);
                if answerable {
                    found.push(question);
                } else if self.is_silent(scope, store, analyzer, of).await? {
                    found.push(unanswerable(question));
                }
            }
        }
        Ok(found)
    }

    /// Says how far the set is.
    #[expect(clippy::cast_precision_loss, reason = "a share of some questions")]
    async fn goes_on(&self, scope: &Scope, set: &Id, found: usize, wanted: usize) -> Result<()> {
        let done = found as f64 / wanted.max(1) as f64;
        if self.records.progress_question_set(scope, set, done).await? {
            return Ok(());
        }
        Err(Error::new(Kind::Cancelled, "the question set was deleted"))
    }

    /// What the model says when it is asked for a question about a passage.
    async fn say(
        &self,
        scope: &Scope,
        model: &str,
        set: &Id,
        headings: &[String],
        passage: &str,
    ) -> Result<String> {
        let request = ChatRequest {
            messages: written::turns(headings, passage),
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
            max_tokens: Some(QUESTION_TOKENS),
            choices: 1,
            trace: set.to_string(),
            ..ChatRequest::default()
        };
        let chat = self.inference.chat(scope, model, request).await?;
        let (name, mut events) = (chat.model, chat.events);
        let (mut said, mut used) = (String::new(), ChatUsage::default());
        while let Some(event) = events.next().await {
            match event? {
                ChatEvent::Text { text, .. } => said.push_str(&text),
                ChatEvent::Done(usage) => used = usage,
                _ => {}
            }
        }
        let entry = UsageEntry {
            operation: "evaluation",
            model: name,
            input_tokens: i64::from(used.prompt_tokens),
            output_tokens: i64::from(used.completion_tokens),
            request_id: set.to_string(),
        };
        self.usage.record(scope, entry).await;
        Ok(said)
    }
}

/// The question without its answer, which only the file has that it was made of.
fn unanswerable(question: Question) -> Question {
    Question { answerable: false, relevant: Vec::new(), expected: Vec::new(), ..question }
}

fn of_probe(probe: Probe) -> Question {
    let Probe { form, text, expected, file, text_version, range } = probe;
    question(Origin::Extractive, form, text, expected, (file, text_version, range))
}

fn of_model(chunk: &ChunkRow, written: Written) -> Question {
    let Written { question: text, answer, support } = written;
    let before = |end: usize| {
        let part = chunk.text.get(..end).map_or(0, |part| part.chars().count());
        chunk.char_start + i64::try_from(part).unwrap_or(0)
    };
    let range = (before(support.start), before(support.end));
    let place = (chunk.file_id.clone(), chunk.text_version, range);
    question(Origin::Model, Form::Question, text, vec![answer], place)
}

fn question(
    origin: Origin,
    form: Form,
    text: String,
    expected: Vec<String>,
    (file, text_version, range): (String, i64, (i64, i64)),
) -> Question {
    let relevant = Relevant {
        file: file.clone(),
        quote: None,
        char_start: Some(range.0),
        char_end: Some(range.1),
        text_version: Some(text_version),
    };
    Question {
        id: Id::generate("q_").to_string(),
        text,
        origin,
        form,
        answerable: true,
        relevant: vec![relevant],
        expected,
        source_file: Some(file),
    }
}
