//! The words of `cairn eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Cutting, Json, parse_seconds};

// A store may be called `help`; one that is called `schedules` is named after the options, or by
// its id.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
#[group(skip)]
pub(crate) struct Eval {
    #[command(subcommand)]
    pub(crate) command: Option<EvalCommand>,
    /// The store's name or id
    #[arg(required = true)]
    pub(crate) store: Option<String>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Let runs begin by themselves, after some time or after a change of the store
    #[command(subcommand)]
    Schedules(Schedules),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schedules {
    /// Set up a schedule; its runs act with the rights of the key in use
    Add(Box<AddSchedule>),
    /// List the schedules with their newest runs
    List {
        /// Only those of this store, by its name or id
        #[arg(long)]
        store: Option<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Begin a run now and wait for it; ends with 3 when it got worse
    Run {
        /// The schedule's id
        id: String,
        /// Write the report with plots to this HTML file
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Let no run begin by itself
    Pause {
        /// The schedule's id
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Let runs begin again, with the rights of the key in use
    Resume {
        /// The schedule's id
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Remove a schedule; its runs stay
    Remove {
        /// The schedule's id
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct AddSchedule {
    /// The store's name or id
    pub(crate) store: String,
    #[command(flatten)]
    pub(crate) source: Questions,
    /// How many of the generated questions shall have no answer [default: a quarter]
    #[arg(long, value_name = "N", conflicts_with_all = ["questions", "question_set"])]
    pub(crate) unanswerable: Option<u32>,
    #[command(flatten)]
    pub(crate) occasions: Occasions,
    /// What to call it [default: schedule]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A JSON file with up to 4 configurations to compare [default: the store as it is]
    #[arg(long, value_name = "FILE")]
    pub(crate) configurations: Option<PathBuf>,
    /// Have the questions answered as well, and measure the answers
    #[arg(long)]
    pub(crate) answers: bool,
    /// How many of its runs are kept, 2 to 500 [default: 50]
    #[arg(long, value_name = "N")]
    pub(crate) keep_runs: Option<u32>,
    /// The seed of the intervals and of generated questions
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// When runs begin: at least one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Occasions {
    /// After so much time, such as 24h; an hour at least
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub(crate) every: Option<u64>,
    /// When the store answers from another index
    #[arg(long)]
    pub(crate) after_reindex: bool,
    /// When the store's ranking or threshold is another
    #[arg(long)]
    pub(crate) after_ranking: bool,
    /// After so many documents came or went
    #[arg(long, value_name = "N")]
    pub(crate) after_documents: Option<u32>,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn eval(line: &str) -> Eval {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Eval(eval) => eval,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn schedules_are_told_from_stores() {
        let listed = eval("cairn eval schedules list --store papers --json --key k");
        let Some(EvalCommand::Schedules(Schedules::List { store, json })) = listed.command else {
            panic!("{listed:?}");
        };
        assert_eq!((store.as_deref(), json.json), (Some("papers"), true));
        for (line, store) in [
            ("cairn eval papers --question-set qset_1", "papers"),
            ("cairn eval help --question-set qset_1", "help"),
            ("cairn eval --question-set qset_1 schedules", "schedules"),
        ] {
            let run = eval(line);
            assert!(run.command.is_none(), "{line}");
            assert_eq!(run.store.as_deref(), Some(store), "{line}");
        }
    }

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
            "cairn eval schedules add papers --question-set qset_1 --every 24h --json",
            "cairn eval schedules add papers --questions q.jsonl --after-reindex --after-ranking",
            "cairn eval schedules add papers --generate 50 --after-documents 500 --keep-runs 10",
            "cairn eval schedules list",
            "cairn eval schedules run esch_1 --report out.html",
            "cairn eval schedules pause esch_1",
            "cairn eval schedules resume esch_1 --json",
            "cairn eval schedules remove esch_1",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "cairn eval papers",
            "cairn eval papers --questions q.jsonl --generate 5",
            "cairn eval papers --questions q.jsonl --unanswerable 5",
            "cairn eval papers --questions q.jsonl --tune-reranker",
            "cairn eval schedules",
            "cairn eval schedules remove",
            "cairn eval schedules add papers --every 24h",
            "cairn eval schedules add papers --question-set qset_1",
            "cairn eval schedules add papers --question-set qset_1 --every daily",
            "cairn eval papers schedules list",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
