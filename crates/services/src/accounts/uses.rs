//! When each key was last used. A write for every request would cost more than many a request,
//! so it is noted in memory, and the records learn of it twice a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_kernel::{Id, Result, Timestamp};
use cairn_store::Records;

/// The last use of each key that the records do not know of yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses(Arc<Mutex<HashMap<String, Timestamp>>>);

impl Uses {
    pub(super) fn note(&self, key: &Id, now: Timestamp) {
        let mut noted = self.noted();
        match noted.get_mut(key.as_str()) {
            Some(last) => *last = now,
            None => {
                noted.insert(key.to_string(), now);
            }
        }
    }

    pub(super) fn of(&self, key: &str) -> Option<Timestamp> {
        self.noted().get(key).copied()
    }

    /// Tells the records; what they do not take stays for the next time.
    pub(super) async fn write(&self, records: &Records) -> Result<()> {
        let told: Vec<_> = self.noted().iter().map(|(key, at)| (key.clone(), *at)).collect();
        if told.is_empty() {
            return Ok(());
        }
        records.note_key_uses(&told).await?;
        let mut noted = self.noted();
        for (key, at) in told {
            // Used again meanwhile, it is told again.
            if noted.get(&key) == Some(&at) {
                noted.remove(&key);
            }
        }
        Ok(())
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
