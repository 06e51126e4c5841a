//! Which version answered a request, for as long as feedback may come.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result};

/// Requests remembered, over all tenants; the oldest go first.
const REMEMBERED_MAX: usize = 65_536;

/// Tenant, model, request.
type Key = Arc<(String, String, String)>;

#[derive(Debug, Default)]
pub(super) struct Answered {
    versions: HashMap<Key, Seen>,
    order: VecDeque<Key>,
}

#[derive(Debug)]
struct Seen {
    version: i64,
    rated: bool,
}

impl Answered {
    pub(super) fn note(&mut self, tenant: &str, model: &str, request: &str, version: i64) {
        let key: Key = Arc::new((tenant.to_owned(), model.to_owned(), request.to_owned()));
        // An id that a client sends again stands for its last request.
        if self.versions.insert(Arc::clone(&key), Seen { version, rated: false }).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.versions.remove(&oldest);
        }
    }

    /// The version that answered, for its one feedback.
    pub(super) fn rate(&mut self, tenant: &str, model: &str, request: &str) -> Result<i64> {
        let key = Arc::new((tenant.to_owned(), model.to_owned(), request.to_owned()));
        let Some(seen) = self.versions.get_mut(&key) else {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "request '{request}' is not known among the latest of model '{model}'; send \
                     the 'version' that answered it"
                ),
            )
            .with_param("request_id"));
        };
        if std::mem::replace(&mut seen.rated, true) {
            return Err(Error::new(
                Kind::Conflict,
                format!("feedback for request '{request}' was given already; it counts once"),
            )
            .with_param("request_id"));
        }
        Ok(seen.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_rated_once_and_by_its_own_tenant() {
        let mut answered = Answered::default();
        answered.note("t", "m", "req_1", 2);
        let kind = |result: Result<i64>| result.map_err(|error| error.kind());
        assert_eq!(kind(answered.rate("u", "m", "req_1")), Err(Kind::NotFound));
        assert_eq!(kind(answered.rate("t", "m", "req_1")), Ok(2));
        assert_eq!(kind(answered.rate("t", "m", "req_1")), Err(Kind::Conflict));
        answered.note("t", "m", "req_1", 3);
        assert_eq!(kind(answered.rate("t", "m", "req_1")), Ok(3));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut answered = Answered::default();
        for n in 0..=REMEMBERED_MAX {
            answered.note("t", "m", &n.to_string(), 1);
        }
        assert_eq!(answered.versions.len(), REMEMBERED_MAX);
        assert!(answered.rate("t", "m", "0").is_err());
        assert!(answered.rate("t", "m", "1").is_ok());
    }
}
