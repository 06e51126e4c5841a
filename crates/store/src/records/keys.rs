//! API keys that change: for whom they speak, when they end, their secret, their last use.

use cairn_kernel::{Error, Kind, Result, ResultExt, Role, Scope, Timestamp};

use super::accounts::keys;
use super::{KeyRow, Records, Tx, commit};

/// What to change of a key; the rest stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChanges {
    /// What to call it.
    pub name: Option<String>,
    /// For whom it speaks, in place of those before.
    pub principals: Option<Vec<String>>,
    /// When it ends; `Some(None)` for never.
    pub expires_at: Option<Option<Timestamp>>,
}

impl Records {
    /// Changes a key, for an admin. What it was answered before for other users and groups is
    /// not given again to a retry.
    ///
    /// # Errors
    /// `Forbidden` for others, `NotFound`, `Conflict` for a revoked key and for the end of the
    /// last admin key without one.
    pub async fn update_key(
        &self,
        scope: &Scope,
        id: &str,
        changes: &KeyChanges,
    ) -> Result<KeyRow> {
        scope.require(Role::Admin)?;
        let mut tx = self.begin().await?;
        let held = unrevoked(&mut tx, id).await?;
        let principals = match &changes.principals {
            Some(named) => serde_json::to_string(named).or_internal("writing principals")?,
            None => held.principals.clone(),
        };
        let speaks_otherwise = principals != held.principals;
        let changed = KeyRow {
            name: changes.name.clone().unwrap_or_else(|| held.name.clone()),
            principals,
            expires_at: changes.expires_at.unwrap_or(held.expires_at),
            ..held
        };
        if held.expires_at.is_none() && changed.expires_at.is_some() {
            require_other_admin(&mut tx, scope, &changed).await?;
        }
        sqlx::query(
            "UPDATE api_keys SET name = $2, principals = $3, expires_at = $4 WHERE id = $1",
        )
        .bind(id)
        .bind(&changed.name)
        .bind(&changed.principals)
        .bind(changed.expires_at)
        .execute(&mut *tx)
        .await
        .or_internal("changing a key")?;
        if speaks_otherwise {
            self.forget_answers_of(&mut tx, &changed.tenant_id).await?;
        }
        commit(tx).await?;
        if speaks_otherwise {
            // Until the commit a request could still begin with the older names, and note its
            // answer: once more, at a time that is behind all of these.
            let mut tx = self.begin().await?;
            self.forget_answers_of(&mut tx, &changed.tenant_id).await?;
            commit(tx).await?;
        }
        Ok(changed)
    }

    /// Gives a key the secret with this SHA-256 (hex), for an admin; the one before works until
    /// `until`, and the one before that no more.
    ///
    /// # Errors
    /// `Forbidden` for others, `NotFound`, `Conflict` for a key that is revoked or has expired.
    pub async fn rotate_key(
        &self,
        scope: &Scope,
        id: &str,
        hash: &str,
        until: Timestamp,
    ) -> Result<KeyRow> {
        scope.require(Role::Admin)?;
        let mut tx = self.begin().await?;
        let held = unrevoked(&mut tx, id).await?;
        if held.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "key '{id}' has expired, and a new secret of it would open nothing; change its \
                     expires_at first"
                ),
            ));
        }
        sqlx::query(
            "UPDATE api_keys SET previous_hash = hash, previous_until = $3, hash = $2 WHERE id = $1",
        )
        .bind(id)
        .bind(hash)
        .bind(until)
        .execute(&mut *tx)
        .await
        .or_internal("changing a key's secret")?;
        commit(tx).await?;
        Ok(KeyRow {
            previous_hash: Some(held.hash),
            previous_until: Some(until),
            hash: hash.to_owned(),
            ..held
        })
    }

    /// Ends a key at once, for an admin.
    ///
    /// # Errors
    /// `Forbidden` for others, `NotFound` when there is no such key that still works, `Conflict`
    /// for the last admin key without an end.
    pub async fn revoke_key(&self, scope: &Scope, id: &str) -> Result<()> {
        scope.require(Role::Admin)?;
        let mut tx = self.begin().await?;
        let held = find(&mut tx, id).await?.filter(|key| key.revoked_at.is_none());
        let held = held.ok_or_else(|| Error::not_found(format!("key '{id}'")))?;
        if held.expires_at.is_none() {
            require_other_admin(&mut tx, scope, &held).await?;
        }
        sqlx::query("UPDATE api_keys SET revoked_at = $1 WHERE id = $2")
            .bind(self.clock.now())
            .bind(id)
            .execute(&mut *tx)
            .await
            .or_internal("revoking a key")?;
        commit(tx).await
    }

    /// Notes when keys were last used. Those that are gone are passed over.
    ///
    /// # Errors
    /// `Internal` when the database refuses; then none is noted.
    pub async fn note_key_uses(&self, uses: &[(String, Timestamp)]) -> Result<()> {
        let mut tx = self.begin().await?;
        for (key, at) in uses {
            sqlx::query(
                "INSERT INTO key_uses (key_id, used_at) SELECT id, $2 FROM api_keys WHERE id = $1 \
                 ON CONFLICT (key_id) DO UPDATE SET used_at = max(key_uses.used_at, excluded.used_at)",
            )
            .bind(key)
            .bind(*at)
            .execute(&mut *tx)
            .await
            .or_internal("noting when a key was used")?;
        }
        commit(tx).await
    }
}

async fn find(tx: &mut Tx, id: &str) -> Result<Option<KeyRow>> {
    sqlx::query_as(keys!("WHERE k.id = $1"))
        .bind(id)
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up a key")
}

async fn unrevoked(tx: &mut Tx, id: &str) -> Result<KeyRow> {
    let held = find(tx, id).await?.ok_or_else(|| Error::not_found(format!("key '{id}'")))?;
    if held.revoked_at.is_some() {
        return Err(Error::new(
            Kind::Conflict,
            format!("key '{id}' was revoked and cannot be brought back; make another one"),
        ));
    }
    Ok(held)
}

/// Fails when `key`, which has no end, is an admin's and there is no other admin key without one:
/// nobody could make another when the last has ended. A key of the configuration is not in
/// the records, and whoever calls with one goes on with it.
async fn require_other_admin(tx: &mut Tx, scope: &Scope, key: &KeyRow) -> Result<()> {
    if key.role != Role::Admin.as_str() {
        return Ok(());
    }
    let left: i64 = sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM api_keys WHERE id = $1) OR EXISTS (SELECT 1 FROM api_keys \
         WHERE id <> $2 AND role = $3 AND revoked_at IS NULL AND expires_at IS NULL)",
    )
    .bind(scope.principal().as_str())
    .bind(&key.id)
    .bind(Role::Admin.as_str())
    .fetch_one(&mut **tx)
    .await
    .or_internal("looking for another admin key")?;
    if left != 0 {
        return Ok(());
    }
    Err(Error::new(
        Kind::Conflict,
        format!(
            "key '{}' is the last admin key without an end; make another one first, with \
             `cairn keys create --role admin` and without --expires",
            key.id
        ),
    )
    .with_code("last_admin_key"))
}

#[cfg(test)]
mod tests {
    use cairn_kernel::{Clock, Id};

    use super::*;
    use crate::records::{NewKeyRow, RememberedRow};

    struct Fixture {
        records: Records,
        clock: Clock,
        _dir: tempfile::TempDir,
    }

    const START: Timestamp = 1_000_000;

    async fn fixture() -> Result<Fixture> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let clock = Clock::manual(START);
        let records = Records::open(&dir.path().join("records.db"), clock.clone()).await?;
        Ok(Fixture { records, clock, _dir: dir })
    }

    impl Fixture {
        async fn key(&self, id: &str, role: Role) -> Result<KeyRow> {
            let tenant = Id::from_raw(self.records.ensure_tenant("t").await?.id);
            let new = NewKeyRow {
                id: &Id::from_raw(id),
                tenant: &tenant,
                role,
                name: id,
                principals: &["user:ada".to_owned(), "group:x".to_owned()],
                hash: "h1",
                expires_at: None,
            };
            self.records.insert_key(&new).await
        }

        /// The scope of a key.
        #[expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]
        async fn scope(&self, id: &str) -> Result<Scope> {
            let tenant = Id::from_raw(self.records.ensure_tenant("t").await?.id);
            Ok(Scope::grant(tenant, Id::from_raw(id), Role::Admin))
        }
    }

    fn ending(at: Option<Timestamp>) -> KeyChanges {
        KeyChanges { expires_at: Some(at), ..KeyChanges::default() }
    }

    fn kind<T>(outcome: Result<T>) -> Option<Kind> {
        outcome.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn only_what_is_given_changes_and_a_revoked_key_stays_so() -> Result<()> {
        let held = fixture().await?;
        let (made, scope) = (held.key("k", Role::Viewer).await?, held.scope("conf").await?);
        let records = &held.records;
        let named = KeyChanges { name: Some("n".to_owned()), ..KeyChanges::default() };
        let changed = records.update_key(&scope, "k", &named).await?;
        assert_eq!(changed, KeyRow { name: "n".to_owned(), ..made });
        let group = KeyChanges {
            principals: Some(vec!["group:x".to_owned()]),
            expires_at: Some(Some(START + 5)),
            ..KeyChanges::default()
        };
        let changed = records.update_key(&scope, "k", &group).await?;
        assert_eq!((changed.name.as_str(), changed.principals.as_str()), ("n", r#"["group:x"]"#));
        assert_eq!(records.key_by_id("k").await?, Some(changed));
        assert_eq!(records.update_key(&scope, "k", &ending(None)).await?.expires_at, None);
        assert_eq!(kind(records.update_key(&scope, "x", &named).await), Some(Kind::NotFound));
        records.revoke_key(&scope, "k").await?;
        assert_eq!(kind(records.update_key(&scope, "k", &named).await), Some(Kind::Conflict));
        assert_eq!(kind(records.rotate_key(&scope, "k", "h2", 0).await), Some(Kind::Conflict));
        assert_eq!(kind(records.revoke_key(&scope, "k").await), Some(Kind::NotFound));
        Ok(())
    }

    #[tokio::test]
    async fn a_rotation_keeps_one_secret_before_the_new_one() -> Result<()> {
        let held = fixture().await?;
        held.key("k", Role::Viewer).await?;
        let (records, scope) = (&held.records, held.scope("conf").await?);
        records.rotate_key(&scope, "k", "h2", START + 5).await?;
        let turned = records.rotate_key(&scope, "k", "h3", START + 9).await?;
        let secrets = (turned.hash.as_str(), turned.previous_hash.as_deref());
        assert_eq!((secrets, turned.previous_until), (("h3", Some("h2")), Some(START + 9)));
        assert_eq!(records.key_by_id("k").await?, Some(turned));
        records.update_key(&scope, "k", &ending(Some(START + 20))).await?;
        held.clock.advance(20);
        assert_eq!(kind(records.rotate_key(&scope, "k", "h4", 0).await), Some(Kind::Conflict));
        Ok(())
    }

    #[tokio::test]
    async fn the_last_admin_key_without_an_end_does_not_end() -> Result<()> {
        let held = fixture().await?;
        held.key("a", Role::Admin).await?;
        held.key("b", Role::Admin).await?;
        held.key("e", Role::Editor).await?;
        let (records, scope) = (&held.records, held.scope("a").await?);
        let soon = ending(Some(START + 50));
        records.update_key(&scope, "a", &soon).await?;
        let refused = records.update_key(&scope, "b", &soon).await;
        assert_eq!(refused.as_ref().err().and_then(Error::code), Some("last_admin_key"));
        assert_eq!(kind(records.revoke_key(&scope, "b").await), Some(Kind::Conflict));
        assert_eq!(records.key_by_id("b").await?.map(|key| key.expires_at), Some(None));
        // A later end, another name, an editor's key: nobody is locked out by these.
        records.update_key(&scope, "a", &ending(Some(START + 90))).await?;
        records.update_key(&scope, "e", &soon).await?;
        records.revoke_key(&scope, "e").await?;
        records.update_key(&scope, "a", &ending(None)).await?;
        records.revoke_key(&scope, "b").await?;
        assert_eq!(kind(records.revoke_key(&scope, "a").await), Some(Kind::Conflict));
        let configured = held.scope("key_admin").await?;
        records.revoke_key(&configured, "a").await
    }

    #[tokio::test]
    async fn admin_keys_that_end_anyway_may_end_sooner() -> Result<()> {
        let held = fixture().await?;
        held.key("a", Role::Admin).await?;
        held.key("b", Role::Admin).await?;
        let (records, scope) = (&held.records, held.scope("a").await?);
        let configured = held.scope("key_admin").await?;
        for id in ["a", "b"] {
            records.update_key(&configured, id, &ending(Some(START + 90))).await?;
        }
        records.update_key(&scope, "b", &ending(Some(START + 50))).await?;
        records.revoke_key(&scope, "b").await?;
        records.update_key(&scope, "a", &ending(Some(START + 50))).await?;
        records.revoke_key(&scope, "a").await
    }

    #[tokio::test]
    async fn other_principals_forget_what_a_retry_would_get() -> Result<()> {
        let held = fixture().await?;
        held.key("k", Role::Viewer).await?;
        let (records, scope) = (&held.records, held.scope("k").await?);
        let row = RememberedRow {
            fingerprint: "f".to_owned(),
            path: "/v1/responses".to_owned(),
            status: 200,
            headers: "{}".to_owned(),
            body: b"words of a document".to_vec(),
            created_at: START,
        };
        records.remember(&scope, "n", &row, START).await?;
        let named = KeyChanges { name: Some("n".to_owned()), ..KeyChanges::default() };
        records.update_key(&scope, "k", &named).await?;
        assert!(records.remembered(&scope, "n", 0).await?.is_some(), "it speaks for the same");
        let none = KeyChanges { principals: Some(Vec::new()), ..KeyChanges::default() };
        records.update_key(&scope, "k", &none).await?;
        assert_eq!(records.remembered(&scope, "n", 0).await?, None);
        // One that began before, and ends after the change.
        records.remember(&scope, "n", &row, START).await?;
        assert_eq!(records.remembered(&scope, "n", 0).await?, None);
        held.clock.advance(1);
        records.remember(&scope, "n", &row, START + 1).await?;
        assert!(records.remembered(&scope, "n", 0).await?.is_some());
        Ok(())
    }

    #[tokio::test]
    async fn the_newest_use_is_kept_and_no_key_is_looked_up_anew_for_it() -> Result<()> {
        let held = fixture().await?;
        held.key("k", Role::Viewer).await?;
        let records = &held.records;
        for _ in 0..500 {
            if records.revision().is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let before = records.revision();
        assert!(before.is_some());
        let use_of = |key: &str, at| (key.to_owned(), at);
        records.note_key_uses(&[use_of("k", 7), use_of("gone", 8)]).await?;
        records.note_key_uses(&[use_of("k", 5)]).await?;
        assert_eq!(records.key_by_id("k").await?.and_then(|key| key.used_at), Some(7));
        assert_eq!(records.revision(), before);
        Ok(())
    }
}
