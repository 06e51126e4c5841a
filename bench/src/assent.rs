//! Can a model tell whether sentences answer a question? On made-up texts, each with questions
//! that it answers and others that are about it too and that it does not answer.
//!
//! `assent MODEL [FILE]`: prints how likely the model's "yes" is for either kind, the area under
//! the ROC curve, and the likelihood that refuses 3 in 100 of the questions that are answered,
//! less something as real texts are less plain. With these `models.lock.toml` says whether a
//! model is asked before it answers.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cairn_services::answer::assent_question;
use cairn_serving::gguf::ChatMessage;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::Server;

/// The texts, where nothing else is said.
const TEXTS: &str = "bench/assent/questions.json";
/// Of the questions that are answered, the share that may be refused.
const WRONGLY: f64 = 0.03;
/// What real texts take from a likelihood.
const MARGIN: f64 = 0.05;

/// A text with questions about it.
#[derive(Deserialize)]
struct Text {
    text: String,
    answered: Vec<String>,
    not: Vec<String>,
}

/// Measures and prints.
///
/// # Errors
/// When the program, the texts or the model is missing, or a request fails.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let model = arguments.first().context("assent needs the name of a model")?;
    let file = arguments.get(1).map_or(TEXTS, String::as_str);
    let texts = std::fs::read(file).with_context(|| format!("reading {file}"))?;
    let texts: Vec<Text> = serde_json::from_slice(&texts)?;
    tokio::runtime::Runtime::new()?.block_on(measure(model, &texts))
}

async fn measure(model: &str, texts: &[Text]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(folder.path(), texts).await?;
    let (server, store) = (&server.0, server.1.as_str());
    let (mut answered, mut not) = (Vec::new(), Vec::new());
    for text in texts {
        for (questions, shares) in [(&text.answered, &mut answered), (&text.not, &mut not)] {
            for question in questions {
                shares.extend(ask(server, store, model, question).await?);
            }
        }
    }
    answered.sort_by(f64::total_cmp);
    not.sort_by(f64::total_cmp);
    ensure!(!answered.is_empty() && !not.is_empty(), "no question got as far as the model");
    let pairs = answered.iter().flat_map(|a| not.iter().map(move |b| (a, b)));
    let area = pairs
        .map(|(a, b)| f64::midpoint(f64::from(u8::from(a > b)), f64::from(u8::from(a >= b))))
        .sum::<f64>()
        / (answered.len() * not.len()) as f64;
    let needed = answered[(answered.len() as f64 * WRONGLY) as usize] - MARGIN;
    let refused = not.iter().filter(|share| **share < needed).count();
    println!("{model}: {} questions that are answered, {} that are not", answered.len(), not.len());
    println!("  yes, where answered: {answered:.2?}");
    println!("  yes, where not: {not:.2?}");
    println!("  area under the ROC curve {area:.3}");
    println!(
        "  asked for {needed:.3} at least, it refuses {:.3} of what is not answered",
        refused as f64 / not.len() as f64
    );
    Ok(())
}

/// A server with the texts in a store.
async fn start(folder: &Path, texts: &[Text]) -> Result<(Server, String)> {
    let server = Server::start_with(folder, &[("CAIRN_LLM", "none")]).await?;
    let made =
        server.send(server.post("/v1/vector_stores").json(&json!({"name": "texts"}))).await?;
    let store = made["id"].as_str().context("a store without an id")?.to_owned();
    for (number, text) in texts.iter().enumerate() {
        let part = Part::text(text.text.clone()).file_name(format!("text-{number}.txt"));
        let form = Form::new().text("purpose", "assistants").part("file", part);
        let file = server.send(server.post("/v1/files").multipart(form)).await?;
        let path = format!("/v1/vector_stores/{store}/files");
        server.send(server.post(&path).json(&json!({"file_id": file["id"]}))).await?;
    }
    loop {
        let path = format!("/v1/vector_stores/{store}");
        let counts = server.send(server.get(&path)).await?["file_counts"].clone();
        ensure!(counts["failed"] == 0, "files failed: {counts}");
        if counts["completed"].as_u64() == Some(texts.len() as u64) {
            return Ok((server, store));
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// How likely "yes" is when the model is asked whether what it would be shown answers.
/// Nothing where it would not be asked.
async fn ask(server: &Server, store: &str, model: &str, question: &str) -> Result<Option<f64>> {
    let body = json!({
        "model": model,
        "input": question,
        "max_output_tokens": 1,
        "tools": [{"type": "file_search", "vector_store_ids": [store]}],
    });
    let answer = server.send(server.post("/v1/responses").json(&body)).await?;
    let id = answer["id"].as_str().context("a response without an id")?;
    let path = format!("/cairn/v1/responses/{id}/provenance");
    let kept = server.send(server.get(&path)).await?;
    let prompt = &kept["prompt"]["messages"];
    if prompt.is_null() {
        return Ok(None);
    }
    let prompt: Vec<ChatMessage> = serde_json::from_value(prompt.clone())?;
    let body = json!({
        "model": model,
        "messages": assent_question(&prompt),
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": true,
        "top_logprobs": 20,
    });
    let said = server.send(server.post("/v1/chat/completions").json(&body)).await?;
    let top = said["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array();
    let likely = |word: &str| {
        let is_it = |one: &&Value| {
            one["token"].as_str().is_some_and(|token| token.trim().eq_ignore_ascii_case(word))
        };
        let held = top.into_iter().flatten().filter(is_it);
        held.filter_map(|one| one["logprob"].as_f64()).map(f64::exp).sum::<f64>()
    };
    let (yes, no) = (likely("yes"), likely("no"));
    Ok((yes + no > 0.0).then(|| yes / (yes + no)))
}
