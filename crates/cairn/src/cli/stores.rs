//! The words of `cairn stores`.

use clap::{Args, Subcommand, ValueEnum};

use super::Json;

#[derive(Debug, Subcommand)]
pub(crate) enum Stores {
    /// List the stores
    List(Json),
    /// Make a store; `cairn ingest` and `cairn sources add` make one, too, as the defaults say
    Create(Create),
    /// Show how a store ranks hits and when it answers, or set it; `cairn eval --tune` learns it
    Ranking(Ranking),
    /// Cut and embed a store anew; it answers as before until that is done
    Reindex(Reindex),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The store's name
    pub(crate) name: String,
    /// The language its words are counted in, a code such as de [default: told from its texts]
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    /// The embedding model, perhaps as NAME@VERSION [default: the program's own]
    #[arg(long, value_name = "NAME")]
    pub(crate) embedding_model: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Ranking {
    /// The store's name or id
    pub(crate) store: String,
    /// The vectors' share against that of words, 0 to 1
    #[arg(long, value_name = "SHARE")]
    pub(crate) dense_weight: Option<f32>,
    /// The share of a hit's neighbours in its score, 0 to 1
    #[arg(long, value_name = "SHARE")]
    pub(crate) spread: Option<f32>,
    /// The reranker's share, 0 to 1
    #[arg(long, value_name = "SHARE")]
    pub(crate) late: Option<f32>,
    /// How sure it must be to answer, 0 to 1; below it the documents do not say
    #[arg(long, value_name = "CONFIDENCE")]
    pub(crate) threshold: Option<f32>,
    /// The defaults again
    #[arg(long, conflicts_with_all = ["dense_weight", "spread", "late", "threshold"])]
    pub(crate) reset: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Reindex {
    /// The store's name or id
    pub(crate) store: String,
    /// The embedding model, perhaps as NAME@VERSION [default: the one it has]
    #[arg(long, value_name = "NAME")]
    pub(crate) embedding_model: Option<String>,
    /// The language its words are counted in, a code such as de, or auto [default: as it was
    /// named, else told anew from the texts]
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    #[command(flatten)]
    pub(crate) cutting: Cutting,
    /// Read every file's text from its bytes anew: after models for scans were installed, or with
    /// a newer version of the program
    #[arg(long)]
    pub(crate) reparse: bool,
    /// Only say how the newest re-index stands
    #[arg(long, conflicts_with_all = ["embedding_model", "chunker", "language", "reparse"])]
    pub(crate) status: bool,
    /// Cancel the one under way
    #[arg(long, conflicts_with_all = ["embedding_model", "chunker", "language", "reparse", "status", "wait"])]
    pub(crate) cancel: bool,
    /// Wait until it has ended
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// How the files of a store are cut.
#[derive(Clone, Copy, Debug, Default, Args)]
#[group(skip)]
pub(crate) struct Cutting {
    /// How every file is cut [default: as it is]
    #[arg(long)]
    pub(crate) chunker: Option<Chunker>,
    /// Most tokens of a chunk
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u32>,
    /// Tokens that a chunk shares with the next
    #[arg(long, value_name = "N")]
    pub(crate) overlap_tokens: Option<u32>,
    /// Most tokens of a parent
    #[arg(long, value_name = "N")]
    pub(crate) parent_tokens: Option<u32>,
}

/// Ways of cutting documents, by their names in the API.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Chunker {
    /// Along structure, in the sizes of OpenAI's default
    Auto,
    /// In fixed sizes
    Static,
    /// Along headings, which are context to each chunk; tables whole
    Structure,
    /// Small chunks that are found, large ones that are shown
    ParentChild,
}
