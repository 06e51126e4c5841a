//! The words of `cairn eval`.

use std::path::PathBuf;

use clap::Args;

use super::{Cutting, Json};

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Eval {
    /// The store's name or id
    pub(crate) store: String,
    #[command(flatten)]
    pub(crate) source: Questions,
    /// How many of the generated questions shall have no answer [default: a quarter]
    #[arg(long, value_name = "N", conflicts_with_all = ["questions", "question_set"])]
    pub(crate) unanswerable: Option<u32>,
    /// A JSON file with the configurations to compare [default: the store as it is]
    #[arg(long, value_name = "FILE")]
    pub(crate) configurations: Option<PathBuf>,
    // The store is compared with itself cut so; with --tune it is kept so if that is surely better.
    #[command(flatten)]
    pub(crate) cutting: Cutting,
    /// Compare with vectors of this model, perhaps NAME@VERSION; with --tune as for --chunker
    #[arg(long, value_name = "NAME")]
    pub(crate) embedding_model: Option<String>,
    /// Learn the store's ranking and threshold from the questions; never from generated probes
    #[arg(long)]
    pub(crate) tune: bool,
    /// Learn a reranker's share too, which takes its reading of every candidate
    #[arg(long, requires = "tune")]
    pub(crate) tune_reranker: bool,
    /// Have the questions answered as well, and measure the answers
    #[arg(long)]
    pub(crate) answers: bool,
    /// Write the report with plots to this HTML file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The seed of the intervals and of generated questions
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Where the questions come from: one of them. The same again is the same question set, so that a
/// run is compared with the one before it.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Questions {
    /// A JSON or JSONL file: question, relevant, expected_answer, answerable
    #[arg(long, value_name = "FILE")]
    pub(crate) questions: Option<PathBuf>,
    /// So many questions generated from the store's documents
    #[arg(long, value_name = "N")]
    pub(crate) generate: Option<u32>,
    /// A question set that is there, by its id
    #[arg(long, value_name = "ID")]
    pub(crate) question_set: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn the_forms_that_scripts_use_are_understood() {
        for line in [
            "cairn eval papers --questions q.jsonl --configurations c.json --tune --answers --json",
            "cairn eval papers --questions q.jsonl --tune --tune-reranker",
            "cairn eval papers --generate 50 --seed 3 --report out.html",
            "cairn eval papers --generate 50 --unanswerable 0",
            "cairn eval papers --question-set qset_1",
            "cairn eval papers --question-set qset_1 --chunker structure --max-tokens 300 --tune",
            "cairn eval papers --question-set qset_1 --embedding-model mine@2",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "cairn eval papers",
            "cairn eval papers --questions q.jsonl --generate 5",
            "cairn eval papers --questions q.jsonl --unanswerable 5",
            "cairn eval papers --questions q.jsonl --tune-reranker",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
