//! The words of `cairn stores`.

use clap::{Args, Subcommand, ValueEnum};

use super::Json;

#[derive(Debug, Subcommand)]
pub(crate) enum Stores {
    /// List the stores
    List(Json),
    /// Show how a store ranks hits, or set it; `cairn eval --tune` learns it from judgements
    Ranking(Ranking),
    /// Cut and embed a store anew; it answers as before until that is done
    Reindex(Reindex),
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
    /// The default again
    #[arg(long, conflicts_with_all = ["dense_weight", "spread", "late"])]
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
    /// Only say how the newest re-index stands
    #[arg(long, conflicts_with_all = ["embedding_model", "chunker"])]
    pub(crate) status: bool,
    /// Cancel the one under way
    #[arg(long, conflicts_with_all = ["embedding_model", "chunker", "status", "wait"])]
    pub(crate) cancel: bool,
    /// Wait until it has ended
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) json: Json,
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
