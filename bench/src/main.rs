//! The benches, each against its peer or the bare engine in the same run:
//! `llm` (decode), `embed` (the embedder alone), `ingest` (embedding while a server
//! ingests), `tensor` (a row through the server, batches), `retrieval` (quality and latency).
//! `documents FILE…` prints the text of files, for `bench/peers/documents.py`; `squad` measures
//! answers, refusals and citations, see there for its arguments; `assent MODEL` whether a model
//! tells what it can answer.
//!
//! `cargo run -p cairn-bench -- [llm|embed|ingest|tensor|retrieval|all] [DATA]`, where DATA is a
//! folder with `cranfield`, `cacm` and `squad-v2-8-articles.json` (default `../shared/data/retrieval`). The
//! models come from the model store.

mod assent;
mod documents;
mod embed;
mod ingest;
mod llm;
mod retrieval;
mod server;
mod squad;
mod tensor;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use cairn_serving::embed::{EmbedConfig, Embedder};
use cairn_serving::models::{ModelStore, default_llm};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [child, role, rest @ ..] = arguments.as_slice()
        && child == "__child"
    {
        return match role.as_str() {
            "gguf" => Ok(cairn_serving::gguf::child_main(rest)?),
            "onnx" => Ok(cairn_serving::onnx::child_main(rest)?),
            other => bail!("there is no child '{other}'"),
        };
    }
    let what = arguments.first().map_or("all", String::as_str);
    let data = arguments.get(1).map_or("../shared/data/retrieval", String::as_str);
    match what {
        "llm" => decode(),
        "embed" => embedding(),
        "ingest" => ingestion(),
        "tensor" => tensors(),
        "assent" => assent::run(arguments.get(1..).unwrap_or_default()),
        "documents" => documents::run(arguments.get(1..).unwrap_or_default()),
        "squad" => {
            let named = arguments.get(1).is_some_and(|argument| !argument.starts_with("--"));
            let rest = arguments.get(if named { 2 } else { 1 }..).unwrap_or_default();
            squad::run(if named { data } else { "../shared/data/retrieval" }, rest)
        }
        "retrieval" => quality(Path::new(data), arguments.get(2..).unwrap_or_default()),
        "all" => {
            decode()?;
            embedding()?;
            ingestion()?;
            tensors()?;
            quality(Path::new(data), &[])
        }
        other => {
            bail!(
                "there is no bench '{other}'; there are llm, embed, ingest, tensor, documents, \
                 retrieval, squad, assent and all"
            )
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn decode() -> Result<()> {
    let store = ModelStore::from_env()?;
    let model: PathBuf = [default_llm(cores()), "smollm2-135m-instruct"]
        .iter()
        .find_map(|name| store.path_of(name))
        .ok_or_else(|| anyhow::anyhow!("no language model is installed; run `make models`"))?;
    let threads = u32::try_from(cores())?;
    llm::run(&llm::Options { model, threads, rounds: 5, tokens: 96 })?;
    Ok(())
}

fn embedding() -> Result<()> {
    let report = embed::run(300, 3)?;
    println!(
        "embedding, {} texts of {} tokens, {} threads: {:.0} tok/s, the bare engine {:.0} tok/s, ratio {:.3}; \
         rten {:.0} tok/s, ratio {:.2}; a query takes {:.1} ms alone and {:.1} ms beside bulk work",
        report.texts,
        report.tokens,
        report.threads,
        report.embedder_tokens_per_second,
        report.bare_tokens_per_second,
        report.ratio,
        report.rten_tokens_per_second,
        report.embedder_tokens_per_second / report.rten_tokens_per_second,
        report.query_ms,
        report.query_under_bulk_ms
    );
    Ok(())
}

/// Files of about 2,500 tokens: a server is busy with them for ten seconds.
const FILES: usize = 100;

fn ingestion() -> Result<()> {
    let report = ingest::run(FILES)?;
    println!(
        "ingestion, {} files, {:.0} tokens in {:.1} s: {:.0} tok/s, the bare engine {:.0} tok/s, \
         ratio {:.3} (rounds {:.3?}); rten {:.0} tok/s, ratio {:.2}",
        report.files,
        report.tokens,
        report.seconds,
        report.server_tokens_per_second,
        report.bare_tokens_per_second,
        report.ratio,
        report.ratios,
        report.rten_tokens_per_second,
        report.server_tokens_per_second / report.rten_tokens_per_second
    );
    Ok(())
}

fn tensors() -> Result<()> {
    let one = tensor::overhead()?;
    println!(
        "tensor, one row over HTTP: {:.3} ms, bare rten {:.3} ms, overhead {:.3} ms at the median",
        one.served_ms,
        one.bare_ms,
        one.served_ms - one.bare_ms
    );
    let gain = tensor::batching()?;
    println!(
        "tensor, 32 callers: {:.0} rows/s in batches, {:.0} rows/s one by one, ratio {:.1}",
        gain.together,
        gain.alone,
        gain.together / gain.alone
    );
    Ok(())
}

fn quality(data: &Path, arguments: &[String]) -> Result<()> {
    if !data.is_dir() {
        println!(
            "retrieval: skipped, {} is not there (give the folder as the second argument)",
            data.display()
        );
        return Ok(());
    }
    let embedder = Embedder::new(EmbedConfig::from_store(&ModelStore::from_env()?)?);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(retrieval::run(data, &embedder, arguments))
}
