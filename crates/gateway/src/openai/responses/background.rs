//! Answers that are made with nobody waiting.
//!
//! The answer is kept as `queued` before its id is given out, so that whoever has the id
//! finds it. It goes on among the program's tasks; a stop leaves it under way, and the next
//! start ends it as failed.

use std::sync::Arc;

use cairn_kernel::{Error, Result, Shutdown};
use futures::StreamExt as _;

use super::attached;
use super::keeper::Keeper;
use super::live::{Listed, Running};
use super::request::Asked;
use super::script::Script;
use super::standing::Standing;
use crate::error;
use crate::openai::sse;

/// Makes an answer to its end, and notes how it ended.
pub(super) async fn run(
    listed: Listed,
    asked: Asked,
    mut script: Script,
    keeper: Keeper,
    shutdown: Shutdown,
) {
    let running = Arc::clone(&listed.running);
    let made = tokio::select! {
        made = make(&running, asked, &mut script, &keeper) => made,
        // Who asked for the stop has noted it, or the next start will.
        () = running.stopped() => return,
        () = shutdown.requested() => return,
    };
    if let Err(failure) = made {
        error::note(&failure);
        end(&running, &mut script, &keeper, &failure).await;
    }
}

async fn make(
    running: &Running,
    mut asked: Asked,
    script: &mut Script,
    keeper: &Keeper,
) -> Result<()> {
    running.push(script.begin());
    if !keeper.note(script.response()).await? {
        return Ok(());
    }
    attached::read(&keeper.services, &keeper.scope, &mut asked).await?;
    let mut beats = keeper.make(asked).await?;
    let mut standing = Standing::new(&keeper.services, &keeper.scope);
    let mut files = None;
    while let Some(beat) = beats.next().await {
        let events = script.step(beat?);
        let found = script.files().len();
        if files.replace(found) != Some(found) {
            running.quote(keeper.quoted(script));
        }
        standing.check(found, || keeper.quoted(script)).await?;
        let finished = script.finished().is_some();
        if finished {
            // What is announced as complete is kept already.
            keeper.keep(script).await?;
        }
        running.push(events);
        if finished {
            return Ok(());
        }
    }
    Err(sse::cut_short())
}

async fn end(running: &Running, script: &mut Script, keeper: &Keeper, failure: &Error) {
    let event = script.fail(failure);
    match keeper.note(script.response()).await {
        Ok(true) => running.push(vec![event]),
        // It was cancelled or deleted, which is how it ended.
        Ok(false) => {}
        Err(unkept) => error::note(&unkept),
    }
}
