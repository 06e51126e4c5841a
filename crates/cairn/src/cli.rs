//! The command line: what can be asked for, and in which words.

mod eval;
pub(crate) mod filter;
mod keys;
mod stores;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};
use serde_json::Value;

pub(crate) use eval::{AddSchedule, Eval, EvalCommand, Questions, Schedules};
pub(crate) use keys::{KeyChanges, Keys, UpdateKey};
pub(crate) use stores::{Chunker, Create, Cutting, Ranking, Reindex, Stores};

/// Private AI on your own machine: cited answers, trained models, language models.
#[derive(Debug, Parser)]
#[command(name = "cairn", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The data folder [default: ./cairn-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A configuration file [default: cairn.toml in the data folder, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The server to speak to [default: the one that runs on the data folder]
    #[arg(long, global = true, env = "CAIRN_URL")]
    pub(crate) url: Option<String>,
    /// The key to speak with [default: the running server's own]
    #[arg(long, global = true, env = "CAIRN_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server
    Up(Up),
    /// Bring files or folders into a vector store
    Ingest(Ingest),
    /// Ask a question about the documents of a store
    Ask(Ask),
    /// Find passages in a store
    Search(Search),
    /// Run the search of an answer again, and say what has changed since
    Replay(Replay),
    /// Measure how well a store finds and answers questions; ends with 3 when it got worse
    Eval(Eval),
    /// Load and query tables
    #[command(subcommand)]
    Data(Data),
    /// Train a model that predicts a column of a table
    Train(Train),
    /// Predict the rows of a table
    Predict(Predict),
    /// Fetch, list and deploy models
    #[command(subcommand)]
    Models(Models),
    /// Make, list, change, rotate and revoke API keys
    #[command(subcommand, alias = "key")]
    Keys(Keys),
    /// List stores, set how they rank, cut and embed them anew
    #[command(subcommand)]
    Stores(Stores),
    /// Keep a store in step with a folder or another place
    #[command(subcommand)]
    Sources(Sources),
    /// Delete a file, a store or a tenant for good, and print the signed certificate
    Erase(Erase),
    /// Compare the search index, the vectors and the stored bytes with the records
    Verify(Verify),
    /// Finish pending physical deletes now
    Purge(Json),
    /// Check this machine, the models, the configuration and the server
    Doctor(Json),
}

/// `--json`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Json {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The address to listen on [default: 127.0.0.1:8420]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Serve plain HTTP on an address other machines reach (something else ends TLS)
    #[arg(long)]
    pub(crate) allow_plain_http: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The store's name; it is made if it is new
    #[arg(long)]
    pub(crate) store: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The question
    pub(crate) question: String,
    /// The store's name
    #[arg(long)]
    pub(crate) store: String,
    /// Only from files whose attribute is so; also !=, <, <=, >, >=; may be given several times
    #[arg(long = "filter", value_name = "KEY=VALUE", value_parser = filter::parse)]
    pub(crate) filters: Vec<Value>,
    /// The model to answer with, as `cairn models list` shows it [default: the server's choice]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The answer that the question follows on, by its id
    #[arg(long, value_name = "RESPONSE_ID")]
    pub(crate) follow: Option<String>,
    /// From how many passages, 1 to 50 [default: 10]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=50))]
    pub(crate) limit: Option<u32>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What to look for
    pub(crate) query: String,
    /// The store's name
    #[arg(long)]
    pub(crate) store: String,
    /// Only in files whose attribute is so; also !=, <, <=, >, >=; may be given several times
    #[arg(long = "filter", value_name = "KEY=VALUE", value_parser = filter::parse)]
    pub(crate) filters: Vec<Value>,
    /// Only in the file that has this id or name
    #[arg(long, value_name = "ID_OR_NAME")]
    pub(crate) file: Option<String>,
    /// Show the scores of each step, and how many milliseconds it took
    #[arg(long)]
    pub(crate) explain: bool,
    /// How many passages, 1 to 50
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..=50))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The response's id
    pub(crate) id: String,
    /// Write the answer again too, with the same seed
    #[arg(long)]
    pub(crate) answer: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Load a CSV or Parquet file
    Load {
        /// The file
        file: PathBuf,
        /// The dataset's name [default: the file's name without its ending]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// List the datasets
    List(Json),
    /// Show the columns of a dataset
    Show {
        /// The dataset
        name: String,
        #[command(flatten)]
        json: Json,
    },
    /// Run a SELECT over the datasets
    Query {
        /// The statement
        sql: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// A dataset's name, or a CSV or Parquet file, which is loaded first
    pub(crate) table: String,
    /// The column to predict
    #[arg(long)]
    pub(crate) target: String,
    /// The model's name [default: DATASET_TARGET]
    #[arg(long, value_name = "MODEL")]
    pub(crate) name: Option<String>,
    /// How long the search may take, such as 90s, 5m or 1h
    #[arg(long, default_value = "60s", value_parser = parse_seconds)]
    pub(crate) budget: u64,
    /// The seed: the same seed and data repeat the run
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: i64,
    /// Deploy the model when it is trained
    #[arg(long)]
    pub(crate) deploy: bool,
    /// Also download the ONNX file
    #[arg(long, value_name = "PATH")]
    pub(crate) onnx: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// The model
    pub(crate) model: String,
    /// A dataset's name, or a CSV or Parquet file
    pub(crate) table: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List model files and trained models
    List(Json),
    /// Fetch model files, each checked against its SHA-256; needs no server
    Pull {
        /// Names of models
        names: Vec<String>,
        /// The embedding model and the language model that suits this machine
        #[arg(long, conflicts_with_all = ["names", "all"])]
        default: bool,
        /// Every model there is
        #[arg(long, conflicts_with = "names")]
        all: bool,
    },
    /// Register a version: an ONNX or GGUF file, a model of the server's store, or a provider's
    Add {
        /// The model's name; it is made if it is new
        name: String,
        /// An ONNX or GGUF file
        #[arg(required_unless_present_any = ["asset", "provider"], conflicts_with_all = ["asset", "provider"])]
        file: Option<PathBuf>,
        /// The file is a LoRA adapter for this model, as `cairn models list` shows it
        #[arg(long, requires = "file")]
        base: Option<String>,
        /// A language model, as `cairn models list` shows it
        #[arg(long, conflicts_with = "provider")]
        asset: Option<String>,
        /// A provider of the server's configuration
        #[arg(long, requires = "model")]
        provider: Option<String>,
        /// The provider's name for the model
        #[arg(long, requires = "provider")]
        model: Option<String>,
        /// The provider's model makes vectors of texts, and answers no chats
        #[arg(long, requires = "provider")]
        embeddings: bool,
        /// The length of its vectors, where it can make several
        #[arg(long, requires = "embeddings")]
        dimensions: Option<u32>,
        /// What an embedding model reads in front of a query, such as "query: "
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["asset", "base"])]
        query_prefix: Option<String>,
        /// What it reads in front of a document's text, such as "passage: "
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["asset", "base"])]
        document_prefix: Option<String>,
        /// How it makes one vector of a text, where its file does not say so: mean, cls or last
        #[arg(long, requires = "file", conflicts_with = "base")]
        pooling: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Let an alias name a version, for requests to NAME@ALIAS
    Alias {
        /// The model
        name: String,
        /// The alias
        alias: String,
        /// The version
        version: u64,
        #[command(flatten)]
        json: Json,
    },
    /// Show how a model's rollout stands, or begin one
    Rollout {
        /// The model
        name: String,
        /// A JSON file with the rollout to begin
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Take a rollout back: the stable version answers everything, at once
    Rollback {
        /// The model
        name: String,
        /// Why, for the history
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Let a version of a rollout answer everything
    Promote {
        /// The model
        name: String,
        /// The version [default: the one on trial]
        version: Option<u64>,
        /// Why, for the history
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Serve a version of a model; a rollout under way ends
    Deploy {
        /// The model
        name: String,
        /// The version
        version: u64,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sources {
    /// Add a source to a store; its first run begins at once
    Add(AddSource),
    /// List the sources
    List(Json),
    /// Show a source: how far it is, what failed and why
    Show {
        /// The source's id
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Look at a source now
    Sync {
        /// The source's id
        id: String,
        /// Delete however much is gone at the source
        #[arg(long)]
        confirm_deletes: bool,
        /// Try everything again that failed
        #[arg(long)]
        retry_failed: bool,
        /// Wait until the run has ended
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Let no run begin, and end the one under way
    Pause {
        /// The source's id
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Let runs begin again, with one at once
    Resume {
        /// The source's id
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Remove a source and delete its files for good
    Remove {
        /// The source's id
        id: String,
        /// Leave its files in the store
        #[arg(long)]
        keep_files: bool,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddSource {
    /// The store's name; it is made if it is new
    #[arg(long)]
    pub(crate) store: String,
    /// A folder on the server's machine, which its configuration must allow
    #[arg(long, value_name = "DIR", required_unless_present = "config_file")]
    pub(crate) folder: Option<PathBuf>,
    /// Take only files that match, such as *.pdf or reports/**/*.md; may be given several times
    #[arg(long, value_name = "GLOB", requires = "folder")]
    pub(crate) include: Vec<String>,
    /// Leave out files and folders that match; may be given several times
    #[arg(long, value_name = "GLOB", requires = "folder")]
    pub(crate) exclude: Vec<String>,
    /// Take hidden files too
    #[arg(long, requires = "folder")]
    pub(crate) hidden: bool,
    /// A JSON file with the configuration of any source; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "folder")]
    pub(crate) config_file: Option<PathBuf>,
    /// What to call it [default: its type]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How often it is looked at, such as 15m or 1h [default: 1h]
    #[arg(long, value_parser = parse_seconds, conflicts_with = "on_request")]
    pub(crate) every: Option<u64>,
    /// Look at it only when asked
    #[arg(long)]
    pub(crate) on_request: bool,
    /// A user or group that may read its documents; may be given several times
    #[arg(long = "access", value_name = "NAME")]
    pub(crate) access: Vec<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// With --store, delete the files too that its sources brought and that no other store has
    #[arg(long, requires = "store")]
    pub(crate) source_files: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What is to be erased: one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Subject {
    /// A file, by its id
    #[arg(long, value_name = "ID")]
    pub(crate) file: Option<String>,
    /// A vector store, by its id; its files remain
    #[arg(long, value_name = "ID")]
    pub(crate) store: Option<String>,
    /// A tenant, by its name, with everything that is its own
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Repair what differs
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Seconds out of `90`, `90s`, `5m`, `1h` or `90d`.
fn parse_seconds(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b's') => (text.strip_suffix('s'), 1),
        Some(b'm') => (text.strip_suffix('m'), 60),
        Some(b'h') => (text.strip_suffix('h'), 3600),
        Some(b'd') => (text.strip_suffix('d'), 86_400),
        _ => (Some(text), 1),
    };
    let number = digits.and_then(|digits| digits.parse::<u64>().ok()).filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("'{text}' is no time; write seconds as in 90s, or 5m, 1h or 90d"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn budgets_have_units() {
        assert_eq!(parse_seconds("60s"), Ok(60));
        assert_eq!(parse_seconds("5m"), Ok(300));
        assert_eq!(parse_seconds("1h"), Ok(3600));
        assert_eq!(parse_seconds("90d"), Ok(7_776_000));
        assert_eq!(parse_seconds("90"), Ok(90));
        for wrong in ["", "s", "0s", "-1s", "1.5m", "ten"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_forms_that_scripts_use_are_understood() {
        for line in [
            "cairn up --data d --listen 0.0.0.0:8080 --allow-plain-http",
            "cairn ingest a b --store s --json",
            "cairn ask what --store s --json",
            "cairn ask what --store s --filter year>=2024 --filter kind!=memo --limit 5",
            "cairn ask what --store s --model m@2 --follow resp_1",
            "cairn search what --store s --file a.pdf --filter day<2024-05-01 --explain --json",
            "cairn replay resp_1 --answer --json",
            "cairn data load f.csv",
            "cairn train abalone --target rings --name abalone --budget 30s --seed 1 --json",
            "cairn predict abalone new.csv --json",
            "cairn models pull --default",
            "cairn models pull SmolLM2-135M-Instruct all-MiniLM-L6-v2",
            "cairn models add m m.onnx --json",
            "cairn models add m --asset smollm2-135m-instruct",
            "cairn models add m lora.gguf --base smollm2-135m-instruct",
            "cairn models add m --provider p --model x",
            "cairn models alias m champion 2",
            "cairn models rollout m --set plan.json",
            "cairn models rollback m --reason slow",
            "cairn models promote m 2",
            "cairn keys create --tenant t --role editor --json",
            "cairn keys create --tenant t --role viewer --principal user:ada --principal group:x",
            "cairn stores create s --language de --json",
            "cairn sources add --store s --folder /srv/docs --include *.md --exclude old/ --every 15m",
            "cairn sources add --store s --config-file web.json --on-request --json",
            "cairn sources list --json",
            "cairn sources sync src_1 --confirm-deletes --wait",
            "cairn sources remove src_1 --keep-files",
            "cairn erase --file file-1 --json",
            "cairn erase --tenant t",
            "cairn verify --json --data d",
            "cairn purge",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "cairn ask what --store s --filter year",
            "cairn ask what --store s --limit 0",
            "cairn search what --store s --limit 51",
            "cairn models add m",
            "cairn models add m f --asset a",
            "cairn models add m --base a",
            "cairn models add m --provider p",
            "cairn sources add --store s",
            "cairn sources add --store s --folder /a --config-file b",
            "cairn erase",
            "cairn erase --file file-1 --store vs_1",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        assert!(
            Cli::try_parse_from("cairn keys create --tenant t --role king".split(' ')).is_err()
        );
    }
}
