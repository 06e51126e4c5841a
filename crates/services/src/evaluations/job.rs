//! Doing a run: every question to every configuration, then the report.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use cairn_pipelines::{Handler, Job};
use cairn_serving::chat::TextFormat;
use cairn_serving::gguf::Sampling;
use cairn_serving::remote::Providers;
use cairn_store::records::{
    EvaluationEnd, EvaluationRow, NewEvaluationResult, SOURCE_DELETED, UsageEntry,
};
use cairn_store::{Order, Page, Records};
use futures::StreamExt as _;

use super::change::{decide, deciding};
use super::judge::{Judged, Judgements, judge};
use super::notes::{asked, notes, nothing_to_ask, unpriced};
use super::outcome::{Outcome, Texts, WATCHED, kept};
use super::plan::{Configuration, Plan};
use super::summary::{
    Outcomes, RESAMPLES, Regression, Report, StoreChange, Tuning, compare, summarise,
};
use super::trial::Trials;
use super::{READ_AT_ONCE, Work, outcome_of, plan_of};
use crate::accounts::scope_of_speaker;
use crate::answer::{Answer, Answers, Question as Put, Step};
use crate::question_sets;
use crate::rankings::Rankings;
use crate::reindex::Build;
use crate::rerank::{Rerank, RerankRequest};
use crate::retrieve::{Passage, Request, Retrieve};
use crate::usage::Usage;

/// The job's kind.
pub const KIND: &str = "evaluate";
/// Passages that a reranker reads.
const RERANKED: usize = 50;
/// Lost judgements that a report lists.
const LOST_SHOWN: usize = 100;
/// Results are written at least so often, and so many together at most.
const WRITE_EVERY: Duration = Duration::from_secs(1);
const WRITE_AT_ONCE: usize = 100;

/// Does the jobs of kind [`KIND`].
pub struct EvaluateJob {
    /// Records.
    pub records: Records,
    /// The search that is measured.
    pub retrieve: Retrieve,
    /// The answers that are measured.
    pub answers: Answers,
    /// Reranking models.
    pub rerank: Rerank,
    /// Where a learned ranking is kept.
    pub rankings: Rankings,
    /// Builds the index of a configuration that cuts or embeds the store otherwise.
    pub build: Arc<Build>,
    /// Where tokens are noted.
    pub usage: Usage,
    /// Knows what the models of providers cost.
    pub providers: Providers,
}

#[async_trait]
impl Handler for EvaluateJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let (scope, id) = decode(job)?;
        let row = self.records.evaluation(&scope, &id).await?;
        let open = row.status == "queued" || row.status == "running";
        let ended = if open {
            let run = Run {
                job: self,
                scope: &scope,
                id: &id,
                store: Id::from_raw(row.store_id.as_str()),
                set: Id::from_raw(row.set_id.as_str()),
                schedule: row.schedule_id.as_deref(),
                plan: plan_of(&row)?,
            };
            Some(Box::pin(run.carry_out()).await?)
        } else {
            None
        };
        let mut tx = self.records.begin().await?;
        let mut done = false;
        if let Some(report) = &ended {
            let worse = report.regression.as_ref().map(|regression| regression.worse);
            let result = serde_json::to_string(report).or_internal("writing a report")?;
            let end = EvaluationEnd::Succeeded { result: &result, worse };
            done = self.records.finish_evaluation(&mut tx, &scope, &id, end).await?;
            self.records.prune_scheduled(&mut tx, &scope, &id).await?;
        }
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("ending an evaluation")?;
        if let Some(report) = ended.filter(|_| done) {
            announce(&row, &report);
        }
        Ok(())
    }

    async fn give_up(&self, job: &Job, error: &Error) -> Result<()> {
        let (scope, id) = decode(job)?;
        let message = match error.kind() {
            Kind::Internal => {
                format!("the evaluation failed inside the server: {}", error.detail())
            }
            _ => error.message().to_owned(),
        };
        let mut tx = self.records.begin().await?;
        let end = EvaluationEnd::Failed(&message);
        // One that was cancelled or deleted has ended already.
        let done = self.records.finish_evaluation(&mut tx, &scope, &id, end).await?;
        let dropped = self.records.end_trial(&mut tx, &scope, &id, "the evaluation failed").await?;
        self.records.prune_scheduled(&mut tx, &scope, &id).await?;
        tx.commit().await.or_internal("recording a failed evaluation")?;
        if dropped {
            self.build.projection.wake();
        }
        if done {
            metrics::counter!("cairn_evaluations_total", "outcome" => "failed").increment(1);
            self.tell_of_failure(&scope, &id, &message).await;
        }
        Ok(())
    }
}

impl EvaluateJob {
    /// Nobody waits for a scheduled run, so operators are told that it failed.
    async fn tell_of_failure(&self, scope: &Scope, id: &Id, why: &str) {
        let row = self.records.evaluation(scope, id).await.ok();
        if let Some(EvaluationRow { schedule_id: Some(schedule), store_id, .. }) = row {
            metrics::counter!("cairn_eval_scheduled_failures_total").increment(1);
            tracing::warn!(evaluation = %id, schedule, store = store_id, why, "a scheduled evaluation failed");
        }
    }
}

fn decode(job: &Job) -> Result<(Scope, Id)> {
    let work: Work = serde_json::from_str(&job.payload).or_internal("reading a job")?;
    Ok((scope_of_speaker(job, work.principals)?, work.evaluation))
}

/// Tells operators what a run came to: the gauge has the newest run's first configuration,
/// whoever's it is; the log and the counter say that a run became worse.
fn announce(row: &EvaluationRow, report: &Report) {
    metrics::counter!("cairn_evaluations_total", "outcome" => "succeeded").increment(1);
    if let Some(first) = report.configurations.first() {
        for figure in WATCHED {
            if let Some(estimate) = first.figures.get(figure) {
                metrics::gauge!("cairn_eval_quality", "metric" => figure).set(estimate.value);
            }
        }
    }
    let Some(regression) = report.regression.as_ref().filter(|regression| regression.worse) else {
        return;
    };
    metrics::counter!("cairn_eval_worse_total").increment(1);
    for change in &regression.changes {
        tracing::warn!(
            evaluation = row.id,
            schedule = row.schedule_id,
            against = regression.against,
            store = row.store_id,
            configuration = change.configuration,
            figure = change.figure,
            difference = change.difference.value,
            low = change.difference.low,
            high = change.difference.high,
            certain = change.certain,
            "an evaluation is worse than the one before it"
        );
    }
}

/// A run under way.
struct Run<'a> {
    job: &'a EvaluateJob,
    scope: &'a Scope,
    id: &'a Id,
    store: Id,
    set: Id,
    schedule: Option<&'a str>,
    plan: Plan,
}

impl Run<'_> {
    async fn carry_out(&self) -> Result<Report> {
        let records = &self.job.records;
        self.goes_on("looking up the answers", 0.0, &[]).await?;
        let questions = question_sets::all(records, self.scope, &self.set).await?;
        let total = questions.len();
        let trials = self.plan.configurations.iter().any(Configuration::is_trial);
        let of = (&self.store, &self.set);
        let judgements = judge(records, self.scope, of, questions, trials).await?;
        if judgements.judged.is_empty() {
            return Err(Error::new(Kind::Unprocessable, nothing_to_ask(&judgements)));
        }
        // The first search loads the embedding model, which is no part of what it takes.
        if let Some(first) = judgements.judged.first() {
            let warm = Request::new(vec![self.store.clone()], first.question.text.as_str(), 1);
            self.job.retrieve.search(self.scope, &warm).await?;
        }
        for number in 0..self.plan.configurations.len() {
            self.measure_all(number, &judgements.judged).await?;
        }
        // Before anything is learned, which is then of the store as it is to be.
        let change = self.change(&judgements.judged).await?;
        let tuning = if self.plan.tune {
            self.goes_on("learning the ranking", 1.0, &[]).await?;
            Some(self.tune(&judgements.judged).await?)
        } else {
            None
        };
        self.goes_on("writing the report", 1.0, &[]).await?;
        self.report(total, &judgements, (tuning, change)).await
    }

    /// Keeps results and says how far the run is.
    async fn goes_on(
        &self,
        stage: &str,
        fraction: f64,
        results: &[NewEvaluationResult],
    ) -> Result<()> {
        let progress = (stage, fraction);
        let alive =
            self.job.records.progress_evaluation(self.scope, self.id, progress, results).await?;
        if alive {
            return Ok(());
        }
        Err(Error::new(Kind::Cancelled, "the evaluation was cancelled or deleted"))
    }

    /// Puts every question to a configuration, but those that it has an outcome of.
    async fn measure_all(&self, number: usize, judged: &[Judged]) -> Result<()> {
        let Some(configuration) = self.plan.configurations.get(number) else { return Ok(()) };
        let held: HashSet<String> = self.outcomes(self.id, number).await?.into_keys().collect();
        let open = judged.iter().any(|one| !held.contains(&one.question.id));
        let generation = if configuration.is_trial() && open {
            Some(self.built(number, configuration).await?)
        } else {
            None
        };
        let stage = format!("asking '{}'", configuration.name);
        let mut waiting = Vec::new();
        let mut written = Instant::now();
        for (place, one) in judged.iter().enumerate() {
            if !held.contains(&one.question.id) {
                let measured = self.measure(number, (configuration, generation), one).await;
                let result = measured.map_err(|error| {
                    let kind = match error.kind() {
                        // A document that changed meanwhile; a job takes the word for a lost lease.
                        Kind::Conflict => Kind::Unavailable,
                        kind => kind,
                    };
                    let what = format!("'{}': {}", configuration.name, error.message());
                    Error::new(kind, what).with_source(error)
                })?;
                waiting.push(result);
            }
            let due = waiting.len() >= WRITE_AT_ONCE || written.elapsed() >= WRITE_EVERY;
            if due || place + 1 == judged.len() {
                let fraction = self.fraction(number, place + 1, judged.len());
                self.goes_on(&stage, fraction, &waiting).await?;
                waiting.clear();
                written = Instant::now();
            }
        }
        if configuration.is_trial() && !self.plan.tune {
            self.trials().drop(number, "it was measured").await?;
        }
        Ok(())
    }

    fn trials(&self) -> Trials<'_> {
        let Self { job, scope, id, store, .. } = self;
        Trials { build: &job.build, scope, store, evaluation: id }
    }

    /// The generation of a configuration that cuts or embeds the store otherwise, built.
    async fn built(&self, number: usize, configuration: &Configuration) -> Result<i64> {
        let trials = self.trials();
        let row = trials.begun(number, configuration).await?;
        loop {
            let records = &self.job.records;
            let far = records.build_progress(self.scope, &self.store, row.generation).await?;
            let stage = format!(
                "building '{}': {} of {} files",
                configuration.name, far.files_done, far.files
            );
            self.goes_on(&stage, self.fraction(number, 0, 1), &[]).await?;
            if trials.go_on(configuration, &row).await? {
                return Ok(row.generation);
            }
        }
    }

    /// Changes the store to the configuration that was tried, where the run is to do that and the
    /// rule against harm lets it.
    async fn change(&self, judged: &[Judged]) -> Result<Option<StoreChange>> {
        let (Some(first), Some((number, tried))) =
            (self.plan.configurations.first(), self.plan.tried())
        else {
            return Ok(None);
        };
        self.goes_on("deciding how the store is to be", 1.0, &[]).await?;
        let (before, after) =
            (self.outcomes(self.id, 0).await?, self.outcomes(self.id, number).await?);
        let (order, seed) = (deciding(judged), self.plan.seed);
        let settings = (first.clone(), tried.clone());
        let decided = tokio::task::spawn_blocking(move || {
            decide(&order, (&settings.0, &settings.1), (&before, &after), seed)
        });
        let mut change = decided.await.or_internal("deciding on a trial")?;
        let trials = self.trials();
        if !change.applied {
            trials.drop(number, &change.reason).await?;
        } else if !trials.keep(number).await? {
            change.applied = false;
            change.reason = "it is better, but its index was cancelled meanwhile".to_owned();
        }
        tracing::info!(store = %self.store, applied = change.applied, reason = change.reason, "trial decided");
        Ok(Some(change))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of questions")]
    fn fraction(&self, number: usize, asked: usize, questions: usize) -> f64 {
        let done = number as f64 + asked as f64 / questions.max(1) as f64;
        done / self.plan.configurations.len().max(1) as f64
    }

    async fn measure(
        &self,
        number: usize,
        (configuration, generation): (&Configuration, Option<i64>),
        one: &Judged,
    ) -> Result<NewEvaluationResult> {
        let request = Request {
            generation,
            without: one.question.withheld().map(str::to_owned),
            ..self.request(configuration, &one.question.text)
        };
        let begun = Instant::now();
        let passages = self.search(configuration, &request, &one.question.text).await?;
        let search_ms = begun.elapsed().as_secs_f64() * 1000.0;
        for passage in &passages {
            known(one, &passage.chunk.file_id, passage.chunk.text_version)?;
        }
        let mut outcome = Outcome::of_search(one, &passages, search_ms);
        let (mut answer, mut sources) = (None, Vec::new());
        if configuration.answers && one.question.asks() {
            let (made, shown) = match self.answer(configuration, request.clone(), one).await {
                // It is answered from what is left.
                Err(gone) if gone.code() == Some(SOURCE_DELETED) => {
                    self.answer(configuration, request, one).await?
                }
                made => made?,
            };
            let (files, texts) = shown;
            let model = made.model_sha256.as_deref();
            let price = model.and_then(|model| self.job.providers.price(model));
            outcome.add_answer(one, &made, &texts, price);
            if made.refused.is_none() {
                sources = files;
            }
            answer = Some(kept(one, &made, &texts).to_string());
        }
        Ok(NewEvaluationResult {
            configuration: i64::try_from(number).unwrap_or(i64::MAX),
            question: one.question.id.clone(),
            outcome: serde_json::to_string(&outcome).or_internal("writing an outcome")?,
            answer,
            sources,
        })
    }

    fn request(&self, configuration: &Configuration, text: &str) -> Request {
        let queries = if configuration.rewrite {
            self.job.answers.keywords(text)
        } else {
            vec![text.to_owned()]
        };
        Request {
            queries,
            dense_weight: configuration.dense_weight,
            ranking: configuration.ranking,
            ..Request::new(vec![self.store.clone()], text, configuration.limit)
        }
    }

    async fn search(
        &self,
        configuration: &Configuration,
        request: &Request,
        text: &str,
    ) -> Result<Vec<Passage>> {
        let Some(model) = &configuration.reranker else {
            return self.job.retrieve.search(self.scope, request).await;
        };
        let wide = Request { limit: request.limit.max(RERANKED), ..request.clone() };
        let mut found = self.job.retrieve.search(self.scope, &wide).await?;
        if found.is_empty() {
            return Ok(found);
        }
        let asked = RerankRequest {
            model: Some(model.clone()),
            query: text.to_owned(),
            documents: found.iter().map(|passage| passage.chunk.text.clone()).collect(),
            request_id: self.id.to_string(),
            ..RerankRequest::default()
        };
        let ranked = self.job.rerank.rerank(self.scope, asked).await?;
        for place in &ranked.results {
            if let Some(passage) = found.get_mut(place.index) {
                passage.score = place.relevance;
            }
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(request.limit);
        Ok(found)
    }

    /// The answer, the files of the passages that it was made from, and which texts these are cut
    /// from.
    async fn answer(
        &self,
        configuration: &Configuration,
        search: Request,
        one: &Judged,
    ) -> Result<(Answer, (Vec<String>, Texts))> {
        let put = Put {
            text: one.question.text.clone(),
            history: Vec::new(),
            truncate: false,
            instructions: None,
            model: configuration.model.clone(),
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
            format: TextFormat::Text,
            max_tokens: None,
            sticky: None,
            trace: self.id.to_string(),
        };
        let search = match configuration.rewrite {
            true => search,
            false => {
                let queries = self.job.answers.wordings(&one.question.text, &[]);
                Request { queries, ..search }
            }
        };
        let mut steps = self.job.answers.answer(self.scope.clone(), put, search);
        let (mut done, mut sources, mut texts) = (None, HashSet::new(), Texts::new());
        while let Some(step) = steps.next().await {
            match step? {
                Step::Found(passages) => {
                    for Passage { chunk, .. } in passages {
                        known(one, &chunk.file_id, chunk.text_version)?;
                        texts.insert(chunk.id, chunk.text_version);
                        sources.insert(chunk.file_id);
                    }
                }
                Step::Done(answer) => done = Some(*answer),
                _ => {}
            }
        }
        let answer = done.ok_or_else(|| Error::internal("an answer ended without its end"))?;
        let entry = UsageEntry {
            operation: "evaluation",
            model: configuration.model.clone(),
            input_tokens: i64::from(answer.input_tokens),
            output_tokens: i64::from(answer.output_tokens),
            request_id: self.id.to_string(),
        };
        self.job.usage.record(self.scope, entry).await;
        Ok((answer, (sources.into_iter().collect(), texts)))
    }

    async fn tune(&self, judged: &[Judged]) -> Result<Tuning> {
        let EvaluateJob { records, retrieve, answers, rankings, .. } = self.job;
        let store = &self.store;
        let tuner = super::tune::Tuner { records, retrieve, answers, rankings, store };
        let mut tuning = tuner.learn(self.scope, judged, self.plan.tune_reranker).await?;
        self.goes_on("learning the threshold", 1.0, &[]).await?;
        let learned = tuner.learn_threshold(self.scope, judged, self.plan.seed).await?;
        tuning.threshold = Some(learned);
        Ok(tuning)
    }

    /// The outcomes of one configuration of a run, by question.
    async fn outcomes(&self, evaluation: &Id, number: usize) -> Result<Outcomes> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let mut found = Outcomes::new();
        let mut page = Page { order: Order::Ascending, ..Page::first(READ_AT_ONCE) };
        loop {
            let rows = self
                .job
                .records
                .evaluation_results(self.scope, evaluation, Some(number), &page)
                .await?;
            let Some(last) = rows.last() else { return Ok(found) };
            page.after = Some(Id::from_raw(last.id.as_str()));
            for row in rows {
                let outcome = Outcome { found: Vec::new(), ..outcome_of(&row)? };
                found.insert(row.question_id, outcome);
            }
        }
    }

    async fn report(
        &self,
        total: usize,
        judgements: &Judgements,
        (tuning, change): (Option<Tuning>, Option<StoreChange>),
    ) -> Result<Report> {
        let mut outcomes = Vec::new();
        for number in 0..self.plan.configurations.len() {
            outcomes.push(self.outcomes(self.id, number).await?);
        }
        let before = self.before().await?;
        let order: Vec<String> =
            judgements.judged.iter().map(|one| one.question.id.clone()).collect();
        let (plan, seed) = (self.plan.configurations.clone(), self.plan.seed);
        let worked_out = tokio::task::spawn_blocking(move || {
            let configurations = summarise(&order, &plan, &outcomes, seed);
            let names = plan.into_iter().map(|configuration| configuration.name);
            let now: Vec<(String, Outcomes)> = names.zip(outcomes).collect();
            let regression: Option<Regression> = before.and_then(|(against, before)| {
                compare(&order, (against.as_str(), &before), &now, seed)
            });
            (configurations, regression)
        });
        let (configurations, regression) =
            worked_out.await.or_internal("working out an evaluation")?;
        let mut notes = notes(judgements);
        notes.extend(unpriced(&configurations));
        Ok(Report {
            questions: asked(total, judgements),
            seed,
            resamples: RESAMPLES,
            configurations,
            tuning,
            change,
            regression,
            lost: judgements.lost.iter().take(LOST_SHOWN).cloned().collect(),
            notes,
        })
    }

    /// The run that this one is compared with: the newest of the same schedule, else the newest
    /// over the same questions. Its id, and its outcomes by configuration.
    async fn before(&self) -> Result<Option<(String, HashMap<String, Outcomes>)>> {
        let records = &self.job.records;
        let mut rows = Vec::new();
        if self.schedule.is_some() {
            let of = (&self.set, self.schedule);
            rows = records.evaluations_before(self.scope, of, self.id, 1).await?;
        }
        if rows.is_empty() {
            rows = records.evaluations_before(self.scope, (&self.set, None), self.id, 1).await?;
        }
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let mut found = HashMap::new();
        let id = Id::from_raw(row.id.as_str());
        for (number, configuration) in plan_of(&row)?.configurations.into_iter().enumerate() {
            found.insert(configuration.name, self.outcomes(&id, number).await?);
        }
        Ok(Some((row.id, found)))
    }
}

/// Fails for a passage of a text that the judgements were not looked up in: the document was read
/// anew since, and the run, taken up again, looks them up there.
fn known(judged: &Judged, file: &str, version: i64) -> Result<()> {
    if judged.is_known_in(file, version) {
        return Ok(());
    }
    let text = format!("the file '{file}' was read anew meanwhile; it is judged by its new text");
    Err(Error::new(Kind::Unavailable, text))
}
