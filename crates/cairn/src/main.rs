//! The program: `cairn up` starts the server, every other command speaks to one.
//!
//! The same executable is also the child that the server starts for dangerous work.
//! Only this file knows exit codes: 0 done, 1 failed, 2 asked for wrongly, 3 an evaluation got worse,
//! 130 interrupted.

mod cli;
mod client;
mod commands;
mod config;
mod output;
mod up;

use std::ffi::OsString;
use std::process::ExitCode;

use cairn_isolate::CHILD_ARGUMENT;
use cairn_kernel::{Kind, Result, ResultExt as _};
use clap::Parser as _;

use crate::commands::Outcome;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == CHILD_ARGUMENT) {
        return child(arguments.get(2..).unwrap_or_default());
    }
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Ok(Outcome::Worse) => ExitCode::from(3),
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(error) => {
            output::note(format_args!("cairn: {}", error.detail()));
            ExitCode::from(if error.kind() == Kind::Invalid { 2 } else { 1 })
        }
    }
}

fn run(cli: cli::Cli) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.or_internal("starting the async runtime")?;
    let outcome = runtime.block_on(Box::pin(commands::run(cli)));
    // What was to be waited for has been; a blocked thread must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// Does the work of one role until the parent is gone.
fn child(arguments: &[OsString]) -> ExitCode {
    let words: Vec<String> =
        arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Some((role, rest)) = words.split_first() else { return ExitCode::from(2) };
    let ended = match role.as_str() {
        cairn_documents::CHILD_ROLE => cairn_documents::child_main(rest),
        cairn_serving::gguf::CHILD_ROLE => cairn_serving::gguf::child_main(rest),
        cairn_tables::CHILD_ROLE => cairn_tables::child_main(rest),
        cairn_serving::onnx::CHILD_ROLE => cairn_serving::onnx::child_main(rest),
        cairn_automl::ROLE => cairn_automl::child_main(rest),
        other => Err(std::io::Error::other(format!("there is no child role '{other}'"))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(format_args!("cairn {role}: {error}"));
            ExitCode::FAILURE
        }
    }
}
