//! Whether what an answer quotes is still there while the answer is sent.
//!
//! A delete returns at once, and words that were read before it may still wait to be sent. So
//! what is quoted is looked up before every event; the records are asked only where something
//! was deleted since the last time, or where more is quoted.

use cairn_kernel::{Result, Scope};
use cairn_services::Services;
use cairn_services::records::Origin;
use futures::{Stream, StreamExt as _};
use serde_json::Value;

use super::script;
use crate::error;

/// Watches what one answer quotes.
pub(in crate::openai) struct Standing {
    services: Services,
    scope: Scope,
    /// The deletes until the last look, and how much was quoted then.
    seen: Option<(u64, usize)>,
}

impl Standing {
    pub(in crate::openai) fn new(services: &Services, scope: &Scope) -> Self {
        Self { services: services.clone(), scope: scope.clone(), seen: None }
    }

    /// Fails when something of `quoted` was deleted; `count` is how much that is.
    ///
    /// # Errors
    /// `Conflict` naming what was deleted.
    pub(in crate::openai) async fn check(
        &mut self,
        count: usize,
        quoted: impl FnOnce() -> Vec<Origin>,
    ) -> Result<()> {
        // Before the look: a delete in between is seen the next time.
        let now = self.services.responses.deletes().map(|deletes| (deletes, count));
        if now.is_some() && now == self.seen {
            return Ok(());
        }
        let quoted = quoted();
        self.services.responses.require(&self.scope, &quoted).await?;
        self.seen = now;
        Ok(())
    }
}

/// Gives events on as long as what they quote is there; then an `error` event is the last.
pub(super) fn guarded(
    mut standing: Standing,
    quoted: impl Fn() -> Vec<Origin> + Send + 'static,
    events: impl Stream<Item = Value> + Send + 'static,
) -> impl Stream<Item = Value> + Send + 'static {
    async_stream::stream! {
        futures::pin_mut!(events);
        while let Some(event) = events.next().await {
            let now = quoted();
            // How an answer failed has no words of it.
            if event["type"] != "response.failed"
                && let Err(failure) = standing.check(now.len(), || now).await
            {
                error::note(&failure);
                yield script::failure(event["sequence_number"].as_u64().unwrap_or(0), &failure);
                return;
            }
            yield event;
        }
    }
}
