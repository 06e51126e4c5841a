//! Access lists: which documents answer to whom.
//!
//! A key speaks for *principals*: users and groups, named as the admin likes (`user:ada`,
//! `group:finance`). A document may have a list of them; one without a list, or with
//! `public` on it, answers to its whole tenant. The list belongs to the file, so it holds
//! in every store, for its text and for what was answered from it. Editors set it, and
//! manage files whatever the list says; their *questions* are answered from what their key
//! may read, like anybody's.

use cairn_kernel::{Error, Id, PUBLIC, Result, ResultExt, Role, Scope};
use cairn_pipelines::Queue;
use cairn_search::{Filter, Principals};
use cairn_store::{Records, Tx};
use serde_json::{Map, Value};

use crate::projection::Projection;
use crate::refresh;
use crate::sources::carry;
use crate::stores::split;

/// The attribute of a file in a store that sets the file's access list: principals
/// separated by commas. It is taken out of the attributes.
pub const ATTRIBUTE: &str = "cairn.access";

/// Most principals of a key or of a list.
const PRINCIPALS_MAX: usize = 256;
/// Longest principal, in bytes.
const PRINCIPAL_MAX: usize = 128;

/// Who may read a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The whole tenant.
    Tenant,
    /// Those who speak for one of these.
    Only(Vec<String>),
}

impl Access {
    /// The list as it is given: names, among them perhaps `public`.
    ///
    /// # Errors
    /// `Invalid` for names that cannot be principals.
    pub fn of(names: Vec<String>) -> Result<Self> {
        if names.iter().any(|name| name.trim() == PUBLIC) {
            return Ok(Self::Tenant);
        }
        principals(names).map(Self::Only)
    }

    /// The list as the attribute [`ATTRIBUTE`] has it.
    ///
    /// # Errors
    /// `Invalid` for names that cannot be principals.
    pub fn of_attribute(text: &str) -> Result<Self> {
        let names = text.split(',').map(|name| name.trim().to_owned());
        Self::of(names.filter(|name| !name.is_empty()).collect())
    }

    pub(crate) fn list(&self) -> Option<&[String]> {
        match self {
            Self::Tenant => None,
            Self::Only(principals) => Some(principals),
        }
    }
}

/// `filter`, for what is answered to this caller: what they may not read is as good as not
/// there.
pub(crate) fn narrow(scope: &Scope, filter: Option<Filter>) -> Filter {
    let named = scope.principals().iter().map(String::as_str);
    Filter::readable_by(filter, Principals::new(std::iter::once(PUBLIC).chain(named)))
}

/// Writes into a point's attributes who may read it: those on its document's list, and
/// everybody without one.
pub(crate) fn mark(attributes: &mut Map<String, Value>, list: Option<&[String]>) {
    if let Some(list) = list {
        Principals::new(list).write(attributes);
    }
}

/// Checked principals, each once. `public` needs no saying.
pub(crate) fn principals(names: Vec<String>) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim();
        let usable = !name.is_empty()
            && name.len() <= PRINCIPAL_MAX
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@/+=".contains(c));
        if !usable {
            return Err(Error::invalid(format!(
                "'{name}' cannot name a user or group; use up to {PRINCIPAL_MAX} letters, digits and \
                 the signs - _ . : @ / + ="
            ))
            .with_param("principals"));
        }
        if name != PUBLIC && !found.iter().any(|other| other == name) {
            found.push(name.to_owned());
        }
    }
    if found.len() > PRINCIPALS_MAX {
        return Err(Error::invalid(format!("more than {PRINCIPALS_MAX} principals; use groups"))
            .with_param("principals"));
    }
    Ok(found)
}

/// Sets and shows access lists.
#[derive(Clone)]
pub struct AccessLists {
    records: Records,
    queue: Queue,
    projection: Projection,
}

impl AccessLists {
    /// Lists in `records`, which `projection` takes over into the indexes; jobs in `queue`
    /// see to it that it does.
    pub fn new(records: Records, queue: Queue, projection: Projection) -> Self {
        Self { records, queue, projection }
    }

    /// Who may read a file.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn get(&self, scope: &Scope, file: &Id) -> Result<Access> {
        scope.require(Role::Editor)?;
        let listed = self.records.file_access(scope, file).await?;
        Ok(listed.map_or(Access::Tenant, Access::Only))
    }

    /// Sets who may read a file, from the moment this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn set(&self, scope: &Scope, file: &Id, access: &Access) -> Result<()> {
        scope.require(Role::Editor)?;
        let mut tx = self.records.begin().await?;
        self.set_within(&mut tx, scope, file, access).await?;
        tx.commit().await.or_internal("setting an access list")?;
        tracing::info!(%file, restricted = access.list().is_some(), "access list set");
        self.project(scope, file).await
    }

    /// Sets who may read a file, within a transaction, and with it a newer version of it that is
    /// being read; a list that its source sets is not opened by that. Call
    /// [`AccessLists::project`] after its commit; if that does not come to pass, a job does it.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn set_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        file: &Id,
        access: &Access,
    ) -> Result<()> {
        self.records.set_access_within(tx, scope, file, access.list()).await?;
        refresh::enqueue(&self.queue, tx, scope, file).await?;
        for newer in self.records.newer_versions(tx, scope, file).await? {
            let own = split(&carry::read(&newer.attributes)?)?.1;
            let access = own.as_ref().filter(|_| *access == Access::Tenant).unwrap_or(access);
            let newer = Id::from_raw(newer.file_id);
            self.records.set_access_within(tx, scope, &newer, access.list()).await?;
            refresh::enqueue(&self.queue, tx, scope, &newer).await?;
        }
        Ok(())
    }

    /// Takes a file's list over into the index of every store it is in. The records hold
    /// whatever the index says; this makes a search find enough.
    ///
    /// # Errors
    /// `Unavailable` when an index refuses; the list is set all the same.
    pub(crate) async fn project(&self, scope: &Scope, file: &Id) -> Result<()> {
        let projected = self.push(scope, file).await;
        self.queue.wake();
        projected
    }

    async fn push(&self, scope: &Scope, file: &Id) -> Result<()> {
        for store in self.records.attachments_of(scope, file).await? {
            self.projection.push_file(scope, &Id::from_raw(store), file).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_checked_and_public_opens_it() -> Result<()> {
        let only = |names: &[&str]| Access::Only(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(
            Access::of_attribute("user:ada, group:x,user:ada")?,
            only(&["user:ada", "group:x"])
        );
        assert_eq!(Access::of_attribute("user:ada,public")?, Access::Tenant);
        assert_eq!(Access::of_attribute("")?, only(&[]));
        for bad in ["a|b", "a b", "\u{e9}", &"x".repeat(129)] {
            assert!(Access::of_attribute(bad).is_err(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn a_point_is_found_by_those_on_its_list_and_without_one_by_everybody() {
        let caller = |principals: Vec<String>| {
            Scope::grant(Id::from_raw("t"), Id::from_raw("k"), Role::Viewer)
                .with_principals(principals)
        };
        let found = |list: Option<&[String]>, caller: &Scope| {
            let mut attributes = Map::new();
            mark(&mut attributes, list);
            narrow(caller, None).matches(&attributes)
        };
        let list = vec!["user:ada".to_owned()];
        let (ada, stranger) = (caller(list.clone()), caller(Vec::new()));
        assert!(found(None, &ada) && found(None, &stranger));
        assert!(found(Some(list.as_slice()), &ada));
        assert!(!found(Some(list.as_slice()), &stranger));
        assert!(!found(Some([].as_slice()), &ada), "a list of nobody");
    }
}
