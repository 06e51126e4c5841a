//! What each command does: one file for each.

mod ask;
mod data;
mod doctor;
mod eval;
mod ingest;
mod keys;
mod models;
mod predict;
mod replay;
mod search;
mod sources;
mod stores;
mod train;
mod upkeep;
mod walk;

use std::path::{Path, PathBuf};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use cairn_monitor::LogFormat;
use serde_json::{Value, json};

use crate::cli::{Cli, Command, Common};
use crate::client::Client;
use crate::config::{Config, Flags};
use crate::up;

/// How a command ended, when it had its say already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it was done.
    Done,
    /// Some of it failed, which was said.
    Failed,
    /// It was done, and what was measured got worse, which was said.
    Worse,
    /// A second signal broke it off.
    Interrupted,
}

/// What commands that speak to a server work with.
struct Context {
    common: Common,
    config: Config,
}

impl Context {
    fn client(&self) -> Result<Client> {
        Client::find(&self.common, &self.config.data)
    }
}

/// Does what was asked for.
///
/// # Errors
/// What the command says.
pub(crate) async fn run(cli: Cli) -> Result<Outcome> {
    let Cli { common, command } = cli;
    let mut flags =
        Flags { data: common.data.clone(), config: common.config.clone(), ..Flags::default() };
    if let Command::Up(up) = &command {
        flags.listen.clone_from(&up.listen);
        flags.allow_plain_http = up.allow_plain_http;
    }
    let config = Config::load(&flags)?;
    if let Command::Up(_) = command {
        return Box::pin(up::up(config)).await;
    }
    // What a command has to say it says itself; its libraries speak only of faults.
    cairn_monitor::init_logs(LogFormat::Text, "error")?;
    let context = Context { common, config };
    match command {
        Command::Up(_) => Ok(Outcome::Done),
        Command::Ingest(ingest) => Box::pin(ingest::run(&context.client()?, &ingest)).await,
        Command::Ask(ask) => ask::run(&context.client()?, &ask).await,
        Command::Search(search) => search::run(&context.client()?, &search).await,
        Command::Replay(replay) => replay::run(&context.client()?, &replay).await,
        Command::Eval(eval) => Box::pin(eval::run(&context.client()?, &eval)).await,
        Command::Data(data) => data::run(&context.client()?, data).await,
        Command::Train(train) => train::run(&context.client()?, &train).await,
        Command::Predict(predict) => predict::run(&context.client()?, &predict).await,
        Command::Models(models) => Box::pin(models::run(&context, models)).await,
        Command::Keys(keys) => keys::run(&context.client()?, keys).await,
        Command::Stores(stores) => stores::run(&context.client()?, stores).await,
        Command::Sources(sources) => sources::run(&context.client()?, sources).await,
        Command::Erase(erase) => upkeep::erase(&context.client()?, &erase).await,
        Command::Verify(verify) => upkeep::verify(&context.client()?, &verify).await,
        Command::Purge(json) => upkeep::purge(&context.client()?, json.json).await,
        Command::Doctor(json) => doctor::run(&context, json.json).await,
    }
}

/// The id of the store that is called `name`.
async fn store_id(client: &Client, name: &str) -> Result<String> {
    let found = client.get(&["cairn", "v1", "vector_stores", "resolve"], &[("name", name)]).await;
    let found = found.map_err(|error| match error.kind() {
        Kind::NotFound => Error::not_found(format!(
            "the store '{name}' (make it with `cairn ingest PATH --store {name}`)"
        )),
        _ => error,
    })?;
    Ok(text(&found, "/id").to_owned())
}

/// The text at a JSON pointer, empty when there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items at a JSON pointer.
fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What a command's TABLE names: a file if there is one, else a dataset.
#[derive(Debug, PartialEq, Eq)]
enum Table<'a> {
    Dataset(&'a str),
    File(PathBuf),
}

impl<'a> Table<'a> {
    fn of(text: &'a str) -> Result<Self> {
        let path = Path::new(text);
        if path.is_file() {
            return Ok(Self::File(path.to_owned()));
        }
        let lower = text.to_ascii_lowercase();
        if text.contains('/') || lower.ends_with(".csv") || lower.ends_with(".parquet") {
            return Err(Error::not_found(format!("the file '{text}'")));
        }
        Ok(Self::Dataset(text))
    }
}

/// Loads a CSV or Parquet file as a dataset.
async fn load(client: &Client, file: &Path, name: Option<&str>) -> Result<Value> {
    let part = reqwest::multipart::Part::file(file).await;
    let part = part.or_kind(Kind::NotFound, format!("{} cannot be read", file.display()))?;
    let mut form = reqwest::multipart::Form::new();
    if let Some(name) = name {
        form = form.text("name", name.to_owned());
    }
    client.upload(&["cairn", "v1", "datasets"], form.part("file", part)).await
}

/// Has a version of a model serve.
async fn deploy(client: &Client, model: &str, version: u64) -> Result<Value> {
    client.post(&["cairn", "v1", "models", model, "deploy"], &json!({"version": version})).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_file_or_a_dataset() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        std::fs::write(&file, "x\n1\n").unwrap();
        let path = file.to_str().unwrap();
        assert_eq!(Table::of(path).unwrap(), Table::File(file.clone()));
        assert_eq!(Table::of("abalone").unwrap(), Table::Dataset("abalone"));
        assert_eq!(Table::of("no-such-file.csv").unwrap_err().kind(), Kind::NotFound);
    }
}
