//! The child's side: one request in, progress and one outcome out.

use std::io;

use cairn_isolate::child;
use cairn_kernel::{Error, Kind};
use serde::{Deserialize, Serialize};

use crate::api::{Progress, TrainReport, TrainRequest};
use crate::run;

/// What a training child tells its parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    Progress(Progress),
    Done(Box<TrainReport>),
    Failed(Failure),
}

/// An error on its way through the pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    kind: String,
    message: String,
    param: Option<String>,
    detail: String,
}

/// The kinds a training run can fail with.
const KINDS: [Kind; 4] = [Kind::Invalid, Kind::Unprocessable, Kind::Unavailable, Kind::Internal];

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind().name().to_owned(),
            message: error.message().to_owned(),
            param: error.param().map(str::to_owned),
            detail: error.detail(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = KINDS.into_iter().find(|kind| kind.name() == failure.kind);
        let error =
            Self::new(kind.unwrap_or(Kind::Internal), failure.message).with_source(failure.detail);
        match failure.param {
            Some(param) => error.with_param(param),
            None => error,
        }
    }
}

/// The body of a child of the role `train`; `arguments` follow the role on the
/// command line.
///
/// # Errors
/// When a limit cannot be set or the channel to the parent breaks.
pub fn child_main(arguments: &[String]) -> io::Result<()> {
    let mut channel = child::enter(arguments)?;
    let Some((request, _)) = channel.reader.recv::<TrainRequest>()? else { return Ok(()) };
    let mut broken = None;
    let outcome = run::run(&request, &mut |progress| {
        if let Err(error) = channel.writer.send(&Message::Progress(progress), &[]) {
            broken = Some(error);
        }
    });
    if let Some(error) = broken {
        return Err(error);
    }
    let message = match outcome {
        Ok(report) => Message::Done(Box::new(report)),
        Err(error) => Message::Failed(error.into()),
    };
    channel.writer.send(&message, &[])
}
