//! Answers that are made with nobody waiting: their events so far, for whoever asks, and
//! the way to stop them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_stream::stream;
use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_services::records::Origin;
use futures::Stream;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Most answers made at once with nobody waiting.
const RUNNING_MAX: usize = 64;

/// Tenant and id of a response.
type Place = (String, String);

/// The answers under way. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Mutex<HashMap<Place, Arc<Running>>>>);

/// One of them.
pub(super) struct Running {
    events: Mutex<Vec<Value>>,
    /// What they quote.
    quoted: Mutex<Vec<Origin>>,
    /// How many events there are, and whether more will come.
    state: watch::Sender<(usize, bool)>,
    stop: CancellationToken,
}

/// Takes an answer off the list when it ends, however it ends.
pub(super) struct Listed {
    live: Live,
    place: Place,
    pub(super) running: Arc<Running>,
}

impl Live {
    /// Puts an answer on the list.
    ///
    /// # Errors
    /// `Exhausted` when there are too many.
    pub(super) fn list(&self, scope: &Scope, id: &str) -> Result<Listed> {
        let place = (scope.tenant().to_string(), id.to_owned());
        let (state, _) = watch::channel((0, false));
        let stop = CancellationToken::new();
        let running = Arc::new(Running::new(state, stop));
        let mut listed = lock(&self.0);
        if listed.len() >= RUNNING_MAX {
            return Err(Error::new(
                Kind::Exhausted,
                format!("{RUNNING_MAX} background responses are under way; try again later"),
            ));
        }
        listed.insert(place.clone(), Arc::clone(&running));
        drop(listed);
        Ok(Listed { live: self.clone(), place, running })
    }

    /// The answer of that id, if it is under way for this tenant.
    pub(super) fn find(&self, scope: &Scope, id: &str) -> Option<Arc<Running>> {
        let place = (scope.tenant().to_string(), id.to_owned());
        lock(&self.0).get(&place).cloned()
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.running.state.send_modify(|state| state.1 = true);
        lock(&self.live.0).remove(&self.place);
    }
}

impl Running {
    fn new(state: watch::Sender<(usize, bool)>, stop: CancellationToken) -> Self {
        Self { events: Mutex::default(), quoted: Mutex::default(), state, stop }
    }

    /// Notes what the events from now on quote.
    pub(super) fn quote(&self, quoted: Vec<Origin>) {
        *lock(&self.quoted) = quoted;
    }

    /// What the events quote.
    pub(super) fn quoted(&self) -> Vec<Origin> {
        lock(&self.quoted).clone()
    }

    /// Adds events.
    pub(super) fn push(&self, more: Vec<Value>) {
        let mut events = lock(&self.events);
        events.extend(more);
        let count = events.len();
        drop(events);
        self.state.send_modify(|state| state.0 = count);
    }

    /// Asks the work to stop.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the work is asked to stop.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// The events from number `next` on, as they come, to the end.
    pub(super) fn follow(self: Arc<Self>, mut next: usize) -> impl Stream<Item = Value> + Send {
        let mut state = self.state.subscribe();
        stream! {
            loop {
                let (count, ended) = *state.borrow_and_update();
                while next < count {
                    let event = lock(&self.events).get(next).cloned();
                    next += 1;
                    if let Some(event) = event {
                        yield event;
                    }
                }
                if ended || state.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn who_comes_late_sees_everything_and_the_end() {
        let (state, _) = watch::channel((0, false));
        let running = Arc::new(Running::new(state, CancellationToken::new()));
        running.push(vec![json!(0), json!(1)]);
        let all = Arc::clone(&running).follow(0);
        let rest = Arc::clone(&running).follow(2);
        running.push(vec![json!(2)]);
        running.state.send_modify(|state| state.1 = true);
        assert_eq!(all.collect::<Vec<_>>().await, [json!(0), json!(1), json!(2)]);
        assert_eq!(rest.collect::<Vec<_>>().await, [json!(2)]);
    }
}
