//! Can a model tell whether sentences answer a question? On made-up texts, each with questions
//! that it answers and others that are about it too and that it does not answer.
//!
//! `assent MODEL [FILE]`: prints how likely the model's "yes" is for either kind, the area under
//! the ROC curve, and the likelihood that refuses 3 in 100 of the questions that are answered,
//! less something as real texts are less plain. With these `models.lock.toml` says whether a
//! model is asked before it answers. One that it says nothing of gets `assent = 0.0` there to
//! be measured: it is asked then, and never refuses.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use serde_json::json;

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
    ensure!(
        !answered.is_empty() && !not.is_empty(),
        "the model was never asked; models.lock.toml needs an `assent` for it, 0.0 to begin with"
    );
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

/// How likely the model finds the answer in what it is shown. Nothing where it was not asked.
async fn ask(server: &Server, store: &str, model: &str, question: &str) -> Result<Option<f64>> {
    let body = json!({
        "model": model,
        "input": question,
        "store": false,
        "max_output_tokens": 1,
        "tools": [{"type": "file_search", "vector_store_ids": [store]}],
    });
    let answer = server.send(server.post("/v1/responses").json(&body)).await?;
    Ok(answer["cairn"]["assent"].as_f64())
}
