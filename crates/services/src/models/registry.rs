//! What the records say of a model, remembered until something changes it: what was
//! read at a revision of the records holds until there is another.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cairn_kernel::{Error, Result, Scope};
use cairn_store::Records;
use cairn_store::records::{ModelRow, ModelVersionRow};

/// Models remembered; beyond that all are forgotten and read again.
const REMEMBERED_MAX: usize = 4096;
/// No longer name was ever registered.
pub(crate) const NAME_MAX: usize = 64;

/// A tenant and a model's name.
pub(crate) type Key = (String, String);

/// A model as the records have it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) row: ModelRow,
    /// Newest first.
    pub(crate) versions: Vec<Arc<ModelVersionRow>>,
    pub(crate) aliases: BTreeMap<String, i64>,
}

impl Entry {
    pub(crate) fn version(&self, number: i64) -> Option<&Arc<ModelVersionRow>> {
        self.versions.iter().find(|row| row.version == number)
    }

    /// The version that answers without a rollout: the deployed one, else the newest.
    pub(crate) fn serving(&self) -> Result<&Arc<ModelVersionRow>> {
        let deployed = self.row.deployed_version.and_then(|number| self.version(number));
        deployed
            .or(self.versions.first())
            .ok_or_else(|| Error::not_found(format!("a version of model '{}'", self.row.name)))
    }

    /// The version of that number.
    pub(crate) fn numbered(&self, number: i64) -> Result<&Arc<ModelVersionRow>> {
        self.version(number).ok_or_else(|| {
            Error::not_found(format!("version {number} of model '{}'", self.row.name))
        })
    }

    /// The version that a number or an alias names.
    pub(crate) fn select(&self, selector: &str) -> Result<&Arc<ModelVersionRow>> {
        if let Ok(number) = selector.parse() {
            return self.numbered(number);
        }
        match self.aliases.get(selector) {
            Some(number) => self.numbered(*number),
            None => Err(Error::not_found(format!(
                "'{selector}', a version number or alias of model '{}',",
                self.row.name
            ))),
        }
    }
}

/// Models by tenant and name. Clones share what is remembered.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    records: Records,
    remembered: Arc<Mutex<HashMap<Key, Remembered>>>,
}

#[derive(Clone, Debug)]
struct Remembered {
    revision: u64,
    /// `None` for a name that is not there.
    entry: Option<Arc<Entry>>,
}

impl Registry {
    pub(crate) fn new(records: Records) -> Self {
        Self { records, remembered: Arc::default() }
    }

    /// The tenant's model of that name, if there is one.
    pub(crate) async fn find(&self, scope: &Scope, name: &str) -> Result<Option<Arc<Entry>>> {
        if name.is_empty() || name.len() > NAME_MAX {
            return Ok(None);
        }
        let key = key(scope, name);
        let Some(revision) = self.records.revision() else {
            // A change is under way.
            return self.read(scope, name).await;
        };
        let known = self.with(|held| held.get(&key).cloned());
        if let Some(known) = known.filter(|known| known.revision == revision) {
            return Ok(known.entry);
        }
        let entry = self.read(scope, name).await?;
        if self.records.revision() == Some(revision) {
            self.with(|held| {
                if held.len() >= REMEMBERED_MAX {
                    held.clear();
                }
                held.insert(key, Remembered { revision, entry: entry.clone() });
            });
        }
        Ok(entry)
    }

    /// The tenant's model of that name.
    pub(crate) async fn get(&self, scope: &Scope, name: &str) -> Result<Arc<Entry>> {
        let found = self.find(scope, name).await?;
        found.ok_or_else(|| Error::not_found(format!("model '{name}'")))
    }

    async fn read(&self, scope: &Scope, name: &str) -> Result<Option<Arc<Entry>>> {
        let row = match self.records.model(scope, name).await {
            Err(error) if error.kind() == cairn_kernel::Kind::NotFound => return Ok(None),
            row => row?,
        };
        let versions = self.records.model_versions(scope, name).await?;
        let aliases = self.records.model_aliases(scope, name).await?;
        Ok(Some(Arc::new(Entry {
            row,
            versions: versions.into_iter().map(Arc::new).collect(),
            aliases: aliases.into_iter().collect(),
        })))
    }

    fn with<R>(&self, act: impl FnOnce(&mut HashMap<Key, Remembered>) -> R) -> R {
        act(&mut self.remembered.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(crate) fn key(scope: &Scope, name: &str) -> Key {
    (scope.tenant().to_string(), name.to_owned())
}

/// Takes `name@selector` apart; a selector may also come beside the name.
pub(crate) fn address<'a>(
    name: &'a str,
    selector: Option<&'a str>,
) -> Result<(&'a str, Option<&'a str>)> {
    match (name.split_once('@'), selector) {
        (None, selector) => Ok((name, selector)),
        (Some((name, within)), None) => Ok((name, Some(within))),
        (Some((_, within)), Some(beside)) => Err(Error::invalid(format!(
            "'{name}' names the version '{within}' and the request '{beside}'; send one of them"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_within_or_beside() {
        assert_eq!(address("credit", None).unwrap(), ("credit", None));
        assert_eq!(address("credit", Some("2")).unwrap(), ("credit", Some("2")));
        assert_eq!(address("credit@champion", None).unwrap(), ("credit", Some("champion")));
        assert!(address("credit@champion", Some("2")).is_err());
    }
}
