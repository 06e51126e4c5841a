use cairn_kernel::Clock;

use super::*;

struct Fixture {
    accounts: Accounts,
    clock: Clock,
    admin: Scope,
    _dir: tempfile::TempDir,
}

const ADMIN: &str = "an-admin-key-of-these-tests";
const START_S: i64 = 1_700_000_000;

async fn fixture() -> Result<Fixture> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let clock = Clock::manual(START_S * 1000);
    let records = Records::open(&dir.path().join("records.db"), clock.clone()).await?;
    let accounts = Accounts::open(records, &[Secret::new(ADMIN)]).await?;
    let admin = accounts.authenticate(ADMIN).await?;
    Ok(Fixture { accounts, clock, admin, _dir: dir })
}

impl Fixture {
    async fn key(&self, principals: &[&str], expires_at: Option<i64>) -> Result<NewKey> {
        let wish = KeyWish {
            tenant: "t",
            role: Role::Viewer,
            name: "k",
            principals: principals.iter().map(|name| (*name).to_owned()).collect(),
            expires_at,
        };
        self.accounts.create_key(&self.admin, wish).await
    }

    async fn code(&self, key: &Secret) -> Option<&'static str> {
        self.accounts.authenticate(key.expose()).await.err().and_then(|refused| refused.code())
    }

    /// Waits until checked keys are remembered again after a write.
    async fn settle(&self) {
        for _ in 0..500 {
            if self.accounts.records.revision().is_some() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_change_holds_for_the_next_request_also_of_a_remembered_key() -> Result<()> {
    let held = fixture().await?;
    let made = held.key(&["user:ada", "group:board"], None).await?;
    held.settle().await;
    let before = held.accounts.authenticate(made.key.expose()).await?;
    assert_eq!(held.accounts.authenticate(made.key.expose()).await?, before, "remembered");
    let update = KeyUpdate {
        principals: Some(vec!["user:ada".to_owned(), "user:ada".to_owned()]),
        ..KeyUpdate::default()
    };
    held.accounts.update_key(&held.admin, &made.row.id, update).await?;
    let now = held.accounts.authenticate(made.key.expose()).await?;
    assert_eq!(now.principals(), ["user:ada"]);
    assert_eq!(before.principals(), ["user:ada", "group:board"], "one under way keeps its own");
    let wrong = KeyUpdate { principals: Some(vec!["a|b".to_owned()]), ..KeyUpdate::default() };
    let refused = held.accounts.update_key(&held.admin, &made.row.id, wrong).await.unwrap_err();
    assert_eq!(refused.param(), Some("principals"));
    let refused = held.accounts.update_key(&now, &made.row.id, KeyUpdate::default()).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(Kind::Forbidden));
    Ok(())
}

#[tokio::test]
async fn a_key_ends_at_its_time_also_while_it_is_remembered() -> Result<()> {
    let held = fixture().await?;
    let made = held.key(&[], Some(START_S + 10)).await?;
    held.settle().await;
    held.clock.advance(9_999);
    assert_eq!(held.code(&made.key).await, None);
    assert_eq!(held.code(&made.key).await, None);
    held.clock.advance(1);
    assert_eq!(held.code(&made.key).await, Some("key_expired"));
    let forged = Secret::new(format!("{}0", made.key.expose()));
    assert_eq!(held.code(&forged).await, Some("invalid_api_key"), "it is told to its holder only");
    let later = KeyUpdate { expires_at: Some(Some(START_S + 20)), ..KeyUpdate::default() };
    held.accounts.update_key(&held.admin, &made.row.id, later).await?;
    assert_eq!(held.code(&made.key).await, None, "more time brings it back");
    let never = KeyUpdate { expires_at: Some(None), ..KeyUpdate::default() };
    held.accounts.update_key(&held.admin, &made.row.id, never).await?;
    held.clock.advance(1_000_000_000);
    assert_eq!(held.code(&made.key).await, None);
    held.accounts.revoke_key(&held.admin, &made.row.id).await?;
    assert_eq!(held.code(&made.key).await, Some("invalid_api_key"));
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_works_for_its_grace_and_the_new_one_at_once() -> Result<()> {
    let held = fixture().await?;
    let made = held.key(&["user:ada"], None).await?;
    let id = made.row.id.as_str();
    held.settle().await;
    assert_eq!(held.code(&made.key).await, None);
    let second = held.accounts.rotate_key(&held.admin, id, 60).await?;
    let (old, new) = (
        held.accounts.authenticate(made.key.expose()).await?,
        held.accounts.authenticate(second.key.expose()).await?,
    );
    assert_eq!(old, new, "the same key with the same principals");
    held.settle().await;
    assert_eq!(held.code(&made.key).await, None);
    held.clock.advance(60_000);
    assert_eq!(held.code(&made.key).await, Some("key_expired"), "also while it is remembered");
    assert_eq!(held.code(&second.key).await, None);
    let third = held.accounts.rotate_key(&held.admin, id, 0).await?;
    assert_eq!(held.code(&second.key).await, Some("key_expired"));
    assert_eq!(held.code(&made.key).await, Some("invalid_api_key"), "two secrets ago");
    assert_eq!(held.code(&third.key).await, None);
    for wrong in [-1, 7 * 86_400 + 1, i64::MAX] {
        let refused = held.accounts.rotate_key(&held.admin, id, wrong).await.unwrap_err();
        assert_eq!(refused.param(), Some("grace_s"), "{wrong}");
    }
    Ok(())
}

#[tokio::test]
async fn the_list_tells_the_last_use_before_the_records_know_it() -> Result<()> {
    let held = fixture().await?;
    let made = held.key(&[], None).await?;
    let used = || async {
        let rows = held.accounts.list_keys(&held.admin).await?;
        Ok::<_, Error>(rows.iter().find(|row| row.id == made.row.id).and_then(|row| row.used_at))
    };
    assert_eq!(used().await?, None);
    held.settle().await;
    held.accounts.authenticate(made.key.expose()).await?;
    held.clock.advance(5_000);
    held.accounts.authenticate(made.key.expose()).await?;
    let last = Some((START_S + 5) * 1000);
    assert_eq!(used().await?, last);
    held.accounts.write_uses().await?;
    assert_eq!(held.accounts.uses.of(&made.row.id), None, "it is told once");
    assert_eq!(used().await?, last);
    assert!(held.accounts.authenticate("ck_wrong").await.is_err());
    held.accounts.write_uses().await
}
