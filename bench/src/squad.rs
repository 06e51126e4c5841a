//! Answers on SQuAD 2.0 through a running server: what is found, what is refused, what is
//! answered and what the citations name.
//!
//! Each paragraph is a file. One store holds all of them, and for each article one holds
//! all but that article's, so that a question can be asked where nothing is about it. The
//! baseline is the same language model, in the same run, with the same passages and a
//! prompt as one finds it in tutorials.
//!
//! `squad [DATA] [--llm MODEL] [--limit N] [--seed S]`: DATA is the file or its folder; with
//! N, N questions with an answer and N without are drawn. Without `--llm` no model is asked.

mod data;
mod scores;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use self::data::{Question, Squad};
use self::scores::{Refusals, f1, holds, is_exact, share};
use crate::server::Server;

/// The name under which answers are extractive here.
const EXTRACTIVE: &str = "cairn";
/// Passages given to the plain prompt, as many as ours shows.
const SHOWN: usize = 5;
/// Tokens of an answer.
const ANSWER_TOKENS: u32 = 80;
/// Answers printed of those that do not name the question's paragraph.
const MISSES: usize = 12;
/// Questions of each kind that a model is asked when nothing else is said.
const ASKED_OF_MODELS: usize = 100;
/// How a model says that it does not know.
const NOT_KNOWN: [&str; 18] = [
    "don't know",
    "do not know",
    "does not say",
    "do not say",
    "doesn't say",
    "not mention",
    "n't mention",
    "not provide",
    "n't provide",
    "not specif",
    "n't specif",
    "not contain",
    "n't contain",
    "not state",
    "no information",
    "cannot answer",
    "cannot be answered",
    "unanswerable",
];

struct Options {
    data: PathBuf,
    model: Option<String>,
    limit: Option<usize>,
    seed: u64,
}

impl Options {
    fn read(data: &str, arguments: &[String]) -> Result<Self> {
        let mut options = Self { data: data.into(), model: None, limit: None, seed: 1 };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let value = rest.next().with_context(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--llm" => options.model = Some(value.clone()),
                "--limit" => options.limit = Some(value.parse().context("--limit is a number")?),
                "--seed" => options.seed = value.parse().context("--seed is a number")?,
                other => bail!("there is no {other}; there are --llm, --limit and --seed"),
            }
        }
        Ok(options)
    }
}

/// The server with the paragraphs in it.
struct Bench<'a> {
    squad: &'a Squad,
    server: Server,
    /// The file of each paragraph.
    files: Vec<String>,
    /// The store with all of them.
    whole: String,
    /// For each article the store without it.
    without: Vec<String>,
}

/// What came back.
struct Reply {
    refused: bool,
    text: String,
    /// The files of its citations, in order.
    cited: Vec<String>,
    took: Duration,
}

/// Measures and prints.
///
/// # Errors
/// When the program, the data or a model is missing, or a request fails.
pub(crate) fn run(data: &str, arguments: &[String]) -> Result<()> {
    let options = Options::read(data, arguments)?;
    let squad = Squad::read(&options.data)?;
    tokio::runtime::Runtime::new()?.block_on(measure(&squad, &options))
}

async fn measure(squad: &Squad, options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bench = Bench::fill(squad, folder.path()).await?;
    let sample = squad.sample(options.limit, options.seed);
    let answered = sample.iter().filter(|asked| !asked.answers.is_empty()).count();
    println!(
        "squad: {} articles, {} paragraphs; {answered} questions with an answer, {} without",
        squad.articles,
        squad.paragraphs.len(),
        sample.len() - answered
    );
    bench.recall(&sample).await?;
    bench.outside(&sample).await?;
    bench.ours("extractive", EXTRACTIVE, &sample).await?;
    if let Some(model) = &options.model {
        let fewer = Some(options.limit.unwrap_or(ASKED_OF_MODELS));
        let sample = squad.sample(fewer, options.seed);
        println!("{model}, {} questions:", sample.len());
        let ours = bench.ours("ours", model, &sample).await?;
        let plain = bench.plain(model, &sample).await?;
        println!(
            "  refusal F1: {:.1} points above the plain prompt",
            (ours.f1() - plain.f1()) * 100.0
        );
    }
    Ok(())
}

impl<'a> Bench<'a> {
    async fn fill(squad: &'a Squad, folder: &Path) -> Result<Self> {
        // Without a default model, answers under its name are extractive.
        let server = Server::start_with(folder, &[("CAIRN_LLM", "none")]).await?;
        let mut files = Vec::new();
        for (number, text) in squad.paragraphs.iter().enumerate() {
            let part = Part::text(text.clone()).file_name(format!("paragraph-{number}.txt"));
            let form = Form::new().text("purpose", "assistants").part("file", part);
            let file = server.send(server.post("/v1/files").multipart(form)).await?;
            files.push(file["id"].as_str().context("a file without an id")?.to_owned());
        }
        let whole = store(&server, files.iter()).await?;
        let mut without = Vec::new();
        for article in 0..squad.articles {
            let others = files.iter().zip(&squad.article).filter(|(_, of)| **of != article);
            without.push(store(&server, others.map(|(file, _)| file)).await?);
        }
        Ok(Self { squad, server, files, whole, without })
    }

    fn file_of(&self, asked: &Question) -> Option<&String> {
        self.files.get(asked.paragraph)
    }

    /// Whether one of `answers` stands in the paragraph that is the file `cited`.
    fn says(&self, cited: &str, answers: &[String]) -> bool {
        let paragraphs = self.files.iter().zip(&self.squad.paragraphs);
        paragraphs.filter(|(file, _)| *file == cited).any(|(_, text)| holds(text, answers))
    }

    /// Where the paragraph of a question stands among what is found.
    async fn recall(&self, sample: &[&Question]) -> Result<()> {
        let (mut found, mut count, mut took) = ([0_usize; 3], 0, Vec::new());
        for asked in sample.iter().filter(|asked| !asked.answers.is_empty()) {
            let begun = Instant::now();
            let hits = self.search(&asked.text, 10).await?;
            took.push(begun.elapsed());
            let place = hits
                .iter()
                .position(|hit| hit["file_id"].as_str() == self.file_of(asked).map(String::as_str));
            for (found, within) in found.iter_mut().zip([1, 5, 10]) {
                *found += usize::from(place.is_some_and(|place| place < within));
            }
            count += 1;
        }
        let [one, five, ten] = found.map(|found| share(found, count));
        println!(
            "retrieval: recall@1 {one:.3}, recall@5 {five:.3}, recall@10 {ten:.3}; {}",
            latency(&mut took)
        );
        Ok(())
    }

    async fn search(&self, text: &str, limit: usize) -> Result<Vec<Value>> {
        let path = format!("/v1/vector_stores/{}/search", self.whole);
        let body = json!({"query": text, "max_num_results": limit});
        let found = self.server.send(self.server.post(&path).json(&body)).await?;
        Ok(found["data"].as_array().cloned().unwrap_or_default())
    }

    /// Questions about the article that is not in the store.
    async fn outside(&self, sample: &[&Question]) -> Result<()> {
        let mut refused = [0_usize; 2];
        let mut count = [0_usize; 2];
        for asked in sample {
            let article = self.squad.article.get(asked.paragraph).copied().unwrap_or_default();
            let store = self.without.get(article).context("a question of no article")?;
            let kind = usize::from(asked.answers.is_empty());
            let reply = self.ask(store, EXTRACTIVE, &asked.text).await?;
            refused[kind] += usize::from(reply.refused);
            count[kind] += 1;
        }
        println!(
            "without their article: refused {:.3} of all, {:.3} of those the article answers",
            share(refused[0] + refused[1], count[0] + count[1]),
            share(refused[0], count[0])
        );
        Ok(())
    }

    async fn ask(&self, store: &str, model: &str, text: &str) -> Result<Reply> {
        let body = json!({
            "model": model,
            "input": text,
            "store": false,
            // Quoted sentences are as long as they are.
            "max_output_tokens": (model != EXTRACTIVE).then_some(ANSWER_TOKENS),
            "tools": [{"type": "file_search", "vector_store_ids": [store]}],
        });
        let begun = Instant::now();
        let answer = self.server.send(self.server.post("/v1/responses").json(&body)).await?;
        let took = begun.elapsed();
        let items = answer["output"].as_array().cloned().unwrap_or_default();
        let message = items.iter().find(|item| item["type"] == "message");
        let content = message.map_or(&Value::Null, |message| &message["content"][0]);
        let cited = content["annotations"].as_array().cloned().unwrap_or_default();
        Ok(Reply {
            refused: answer["cairn"]["refused"] == true,
            text: content["text"].as_str().unwrap_or_default().to_owned(),
            cited: cited
                .iter()
                .filter_map(|one| Some(one["file_id"].as_str()?.to_owned()))
                .collect(),
            took,
        })
    }

    /// Our answers to `sample` out of the whole store.
    async fn ours(&self, name: &str, model: &str, sample: &[&Question]) -> Result<Refusals> {
        let (mut tally, mut took) = (Tally::default(), Vec::new());
        for asked in sample {
            let reply = self.ask(&self.whole, model, &asked.text).await?;
            took.push(reply.took);
            tally.refusals.count(!asked.answers.is_empty(), reply.refused);
            if asked.answers.is_empty() {
                continue;
            }
            tally.answer(&reply.text, reply.refused, &asked.answers);
            if !reply.refused && holds(&reply.text, &asked.answers) {
                self.check_citations(&mut tally, asked, &reply);
            }
        }
        tally.print(name, &mut took);
        tally.citations.print();
        Ok(tally.refusals)
    }

    /// What the citations of an answer that has the words of the expected one name.
    fn check_citations(&self, tally: &mut Tally, asked: &Question, reply: &Reply) {
        let file = self.file_of(asked);
        let named = reply.cited.iter().any(|cited| Some(cited) == file);
        let said = reply.cited.iter().any(|cited| self.says(cited, &asked.answers));
        let citations = &mut tally.citations;
        citations.of += 1;
        citations.named += usize::from(named);
        citations.first += usize::from(reply.cited.first() == file);
        citations.said += usize::from(said);
        // Who says the question's words again has answered nothing, whatever the expected answer.
        if !holds(&asked.text, &asked.answers) {
            citations.told += 1;
            citations.told_said += usize::from(said);
        }
        if !named {
            citations.misses.push(format!(
                "{:?}, {:?} expected: {:?}, {}",
                asked.text,
                asked.answers.first().map_or("", String::as_str),
                reply.text,
                match (reply.cited.is_empty(), said) {
                    (true, _) => "nothing cited",
                    (false, true) => "another paragraph with these words cited",
                    (false, false) => "a paragraph without these words cited",
                }
            ));
        }
    }

    /// The model's answers with a plain prompt over the same passages.
    async fn plain(&self, model: &str, sample: &[&Question]) -> Result<Refusals> {
        let (mut tally, mut took) = (Tally::default(), Vec::new());
        for asked in sample {
            let passages: Vec<String> = self
                .search(&asked.text, SHOWN)
                .await?
                .iter()
                .map(|hit| hit["content"][0]["text"].as_str().unwrap_or_default().to_owned())
                .collect();
            let prompt = format!(
                "Use the following pieces of context to answer the question at the end. If you \
                 don't know the answer, just say that you don't know, don't try to make up an \
                 answer.\n\n{}\n\nQuestion: {}\nHelpful answer:",
                passages.join("\n\n"),
                asked.text
            );
            let body = json!({
                "model": model,
                "messages": [{"role": "user", "content": prompt}],
                "temperature": 0,
                "max_tokens": ANSWER_TOKENS,
            });
            let begun = Instant::now();
            let path = "/v1/chat/completions";
            let answer = self.server.send(self.server.post(path).json(&body)).await?;
            took.push(begun.elapsed());
            let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
            let refused = says_not_known(text);
            tally.refusals.count(!asked.answers.is_empty(), refused);
            if !asked.answers.is_empty() {
                tally.answer(text, refused, &asked.answers);
            }
        }
        tally.print("plain prompt", &mut took);
        Ok(tally.refusals)
    }
}

/// Sums over the questions with an answer, and refusals over all.
#[derive(Default)]
struct Tally {
    refusals: Refusals,
    asked: usize,
    exact: usize,
    f1: f64,
    correct: usize,
    citations: Citations,
}

/// What the citations of correct answers name.
#[derive(Default)]
struct Citations {
    /// Correct answers: those in which the expected one's words stand.
    of: usize,
    /// Those that name the question's own paragraph, and those that name it first.
    named: usize,
    first: usize,
    /// Those that name a paragraph in which the expected answer stands.
    said: usize,
    /// Correct answers whose words the question has not said already.
    told: usize,
    told_said: usize,
    /// Those that do not name the question's paragraph, to be looked at.
    misses: Vec<String>,
}

impl Citations {
    fn print(&self) {
        println!(
            "    citations: the question's paragraph is named in {:.3} of {} correct answers, first \
             in {:.3}; a paragraph that says the answer in {:.3}, and in {:.3} of the {} whose words \
             the question does not say itself",
            share(self.named, self.of),
            self.of,
            share(self.first, self.of),
            share(self.said, self.of),
            share(self.told_said, self.told),
            self.told
        );
        for miss in self.misses.iter().take(MISSES) {
            println!("      another: {miss}");
        }
    }
}

impl Tally {
    fn answer(&mut self, text: &str, refused: bool, answers: &[String]) {
        self.asked += 1;
        if refused {
            return;
        }
        self.exact += usize::from(is_exact(text, answers));
        self.f1 += f1(text, answers);
        self.correct += usize::from(holds(text, answers));
    }

    fn print(&self, name: &str, took: &mut [Duration]) {
        let refusals = &self.refusals;
        println!(
            "  {name}: {:.3} of the answerable refused; refusals of the others: precision {:.3}, \
             recall {:.3}, F1 {:.3}",
            share(refusals.wrongly, refusals.wrongly + refusals.answered),
            refusals.precision(),
            refusals.recall(),
            refusals.f1()
        );
        println!(
            "    answers: exact match {:.3}, F1 {:.3}, the answer's words in {:.3}; {}",
            share(self.exact, self.asked),
            self.f1 / self.asked.max(1) as f64,
            share(self.correct, self.asked),
            latency(took)
        );
    }
}

fn says_not_known(text: &str) -> bool {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    lower.trim().is_empty() || NOT_KNOWN.iter().any(|words| lower.contains(words))
}

/// A store of these files, once all are in it.
async fn store(server: &Server, files: impl Iterator<Item = &String>) -> Result<String> {
    let made =
        server.send(server.post("/v1/vector_stores").json(&json!({"name": "squad"}))).await?;
    let store = made["id"].as_str().context("a store without an id")?.to_owned();
    let files: Vec<&String> = files.collect();
    for part in files.chunks(100) {
        let path = format!("/v1/vector_stores/{store}/file_batches");
        server.send(server.post(&path).json(&json!({"file_ids": part}))).await?;
    }
    loop {
        let path = format!("/v1/vector_stores/{store}");
        let counts = server.send(server.get(&path)).await?["file_counts"].clone();
        ensure!(counts["failed"] == 0, "files failed: {counts}");
        if counts["completed"].as_u64() == Some(files.len() as u64) {
            return Ok(store);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn latency(took: &mut [Duration]) -> String {
    took.sort();
    let at = |share: f64| {
        let place = (took.len() as f64 * share) as usize;
        took.get(place.min(took.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64) * 1e3
    };
    format!("p50 {:.1} ms, p99 {:.1} ms", at(0.5), at(0.99))
}
