use cairn_kernel::{Clock, Result, ResultExt as _};

use super::*;
use crate::records::{Records, commit};

async fn records() -> Result<(Records, tempfile::TempDir)> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let records = Records::open(&dir.path().join("records.db"), Clock::system()).await?;
    Ok((records, dir))
}

#[test]
fn a_change_is_one_step_however_many_rows_it_has() {
    let revision = Revision::default();
    let before = revision.settled();
    revision.end();
    assert_eq!(revision.settled(), before, "nothing had begun");
    revision.begin();
    revision.begin();
    assert_eq!(revision.settled(), None);
    revision.end();
    assert!(revision.settled().is_some() && revision.settled() != before);
}

#[tokio::test]
async fn a_write_has_a_new_revision_by_the_time_it_returns() -> Result<()> {
    let (records, _dir) = records().await?;
    let mut seen = settled(&records).await;
    for name in ["a", "b", "a"] {
        records.ensure_tenant(name).await?;
        assert_ne!(records.revision(), seen, "{name}");
        let now = settled(&records).await;
        assert!(now.is_some() && now != seen);
        seen = now;
    }
    Ok(())
}

#[tokio::test]
async fn there_is_no_revision_within_a_change_and_other_tables_are_no_change() -> Result<()> {
    let (records, _dir) = records().await?;
    let before = settled(&records).await;
    let mut tx = records.begin().await?;
    sqlx::query("UPDATE usage_journal SET folded = folded")
        .execute(&mut *tx)
        .await
        .or_internal("a write")?;
    assert_eq!(records.revision(), before);
    sqlx::query("INSERT INTO tenants (id, name, created_at) VALUES ('t', 't', 0)")
        .execute(&mut *tx)
        .await
        .or_internal("a write")?;
    assert_eq!(records.revision(), None);
    commit(tx).await?;
    assert!(settled(&records).await.is_some());
    let mut tx = records.begin().await?;
    sqlx::query("DELETE FROM tenants WHERE id = 't'")
        .execute(&mut *tx)
        .await
        .or_internal("a write")?;
    drop(tx);
    assert!(settled(&records).await.is_some(), "what is taken back ends too");
    Ok(())
}

async fn settled(records: &Records) -> Option<u64> {
    for _ in 0..500 {
        if let Some(revision) = records.revision() {
            return Some(revision);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    None
}

#[tokio::test]
async fn only_deletes_of_what_is_quoted_are_deletes() -> Result<()> {
    let (records, _dir) = records().await?;
    records.ensure_tenant("a").await?;
    let mut tx = records.begin().await?;
    let statement = "INSERT INTO files (id, tenant_id, filename, purpose, bytes, sha256, created_at) \
                     SELECT 'file-1', id, 'a', 'p', 1, 's', 0 FROM tenants";
    sqlx::query(statement).execute(&mut *tx).await.or_internal("a write")?;
    commit(tx).await?;
    let before = records.deletes();
    assert!(before.is_some(), "nothing was deleted yet");
    let mut tx = records.begin().await?;
    sqlx::query("DELETE FROM files WHERE id = 'file-1'")
        .execute(&mut *tx)
        .await
        .or_internal("a write")?;
    assert_eq!(records.deletes(), None, "one is under way");
    commit(tx).await?;
    for _ in 0..500 {
        if records.deletes().is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(records.deletes().is_some() && records.deletes() != before);
    Ok(())
}
