//! What a newer version of a document takes over from the one it replaces: who may read it, and
//! the attributes that somebody set by hand. Else a change at the source would open what was
//! closed.

use cairn_kernel::{Error, Id, Result, ResultExt as _};
use cairn_store::Tx;
use cairn_store::records::SourceItemRow;

use super::run::Run;
use crate::access::ATTRIBUTE;
use crate::stores::{Attributes, FILE_ATTRIBUTES_MAX};

impl Run {
    /// Gives a newer version, whose record is there, the access list of the one it replaces,
    /// within the transaction that attaches it; `attributes`, which its source gives, with those
    /// that were set by hand. A list that is taken over goes before one that the source sets.
    ///
    /// # Errors
    /// `Invalid` when the attributes are too many together.
    pub(super) async fn take_over(
        &self,
        tx: &mut Tx,
        held: Option<&SourceItemRow>,
        newer: &Id,
        attributes: Attributes,
    ) -> Result<Attributes> {
        let records = &self.sources.parts.records;
        let Some(held) = held else { return Ok(attributes) };
        // The one that answers, then one that is being read.
        let mut versions = records.files_of_item(tx, &self.scope, &held.id).await?;
        let Some(older) = versions.pop().map(Id::from_raw) else { return Ok(attributes) };
        let mut all = self.with_own(held, &older, attributes).await?;
        if records.inherit_access(tx, &self.scope, &older, newer).await? {
            all.remove(ATTRIBUTE);
        }
        Ok(all)
    }

    /// `given`, which its source gives an item now, with what was set by hand of its file.
    ///
    /// # Errors
    /// `Invalid` when they are too many together.
    pub(super) async fn with_own(
        &self,
        held: &SourceItemRow,
        file: &Id,
        given: Attributes,
    ) -> Result<Attributes> {
        let store = Id::from_raw(self.row.store_id.as_str());
        let records = &self.sources.parts.records;
        // Somebody may have taken it out of the store.
        let Some(now) = records.attributes_of(&self.scope, &store, file).await? else {
            return Ok(given);
        };
        joined(&read(&held.attributes)?, read(&now)?, given)
    }
}

/// Attributes as they are kept.
pub(crate) fn read(text: &str) -> Result<Attributes> {
    serde_json::from_str(text).or_internal("reading attributes")
}

/// The attributes `now` of a file, without what its source gave `before`, and with what it gives
/// now, which goes before them.
///
/// # Errors
/// `Invalid` when they are too many together.
pub(crate) fn joined(
    before: &Attributes,
    now: Attributes,
    given: Attributes,
) -> Result<Attributes> {
    let mut all = now;
    all.retain(|name, value| before.get(name) != Some(value));
    all.extend(given);
    let count = all.keys().filter(|name| *name != ATTRIBUTE).count();
    if count > FILE_ATTRIBUTES_MAX {
        return Err(Error::invalid(format!(
            "the attributes that its source gives and those that were set by hand are {count} \
             together, and a file has at most {FILE_ATTRIBUTES_MAX}; take away some that were set \
             by hand, and have failed items tried again"
        ))
        .with_param("attributes"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    }

    #[test]
    fn what_was_set_by_hand_stays_and_what_the_source_gives_goes_before_it() -> Result<()> {
        let before = attributes(&[("path", "a.md"), ("subject", "old"), ("from", "ada")]);
        let now = attributes(&[("path", "mine"), ("subject", "old"), ("team", "north")]);
        let given = attributes(&[("path", "b.md"), (ATTRIBUTE, "user:ada")]);
        let all = joined(&before, now, given)?;
        let wanted = attributes(&[("path", "b.md"), ("team", "north"), (ATTRIBUTE, "user:ada")]);
        assert_eq!(all, wanted, "the old subject was the source's");
        Ok(())
    }

    #[test]
    fn too_many_are_refused_and_not_left_out() {
        let own = |count: usize| -> Attributes {
            (0..count).map(|n| (format!("own{n}"), Value::from(n))).collect()
        };
        let given = || attributes(&[("path", "a.md"), (ATTRIBUTE, "user:ada")]);
        assert!(joined(&Attributes::new(), own(15), given()).is_ok());
        let refused = joined(&Attributes::new(), own(16), given());
        assert!(refused.is_err_and(|error| error.message().contains("17 together")));
    }
}
