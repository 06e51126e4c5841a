use std::collections::BTreeSet;

use super::*;

async fn note(records: &Records, scope: &Scope, reason: &'static str) -> Result<String> {
    let new = NewErasure {
        kind: "file",
        subject: "file-1".to_owned(),
        reason,
        destroyed: "{}".to_owned(),
    };
    let mut tx = records.begin().await?;
    let noted = records.insert_erasure(&mut tx, scope, scope.tenant(), &new).await?;
    commit(tx).await?;
    Ok(noted.id)
}

#[tokio::test]
async fn what_was_replaced_waits_longer_for_its_certificate_than_what_was_deleted() -> Result<()> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let clock = Clock::manual(1_000);
    let records = Records::open(&dir.path().join("records.db"), clock.clone()).await?;
    let scope = tenant(&records, "t").await?;
    assert!(!records.erasures_wait(clock.now()).await?);
    let replaced =
        [note(&records, &scope, "replaced").await?, note(&records, &scope, "unreadable").await?];
    assert!(!records.erasures_wait(1_000).await?);
    assert!(records.erasures_wait(1_001).await?);
    for reason in ["requested", "expired", "removed"] {
        let deleted = note(&records, &scope, reason).await?;
        assert!(records.erasures_wait(0).await?, "{reason}");
        records.complete_erasure(&deleted, clock.now(), "{}", "00").await?;
        assert!(!records.erasures_wait(0).await?, "{reason}");
    }
    for id in replaced {
        records.complete_erasure(&id, clock.now(), "{}", "00").await?;
    }
    assert!(!records.erasures_wait(2_000).await?);
    Ok(())
}

/// Rows of many sizes that come, change and go between each other: SQLite then leaves copies of
/// some in the free space of pages, which `secure_delete` does not reach.
#[tokio::test]
async fn of_rows_that_were_moved_about_nothing_is_left_once_the_file_is_written_anew() -> Result<()>
{
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let word = |n: usize| format!("kq{n:05}z");
    let (mut kept, mut gone) = (Vec::new(), BTreeSet::new());
    for n in 0..400 {
        let name = format!("{}-{}-{}.md", n * 7919 % 26, word(n), "x".repeat(n * 37 % 180));
        kept.push((n, file(&records, &scope, &name).await?));
        if n % 3 > 0 && kept.len() > 20 {
            let (old, id) = kept.swap_remove(n * 31 % kept.len());
            delete_file(&records, &scope, &id).await?;
            gone.insert(old);
        }
    }
    records.compact().await?;
    let database = std::fs::read(_dir.path().join("records.db")).or_internal("reading it")?;
    let holds = |n: usize| {
        let word = word(n);
        database.windows(word.len()).any(|some| some == word.as_bytes())
    };
    assert!(gone.len() > 100 && kept.iter().all(|(n, _)| holds(*n)));
    let left: Vec<usize> = gone.into_iter().filter(|n| holds(*n)).collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[tokio::test]
async fn who_writes_while_the_file_is_written_anew_is_not_refused() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    for n in 0..20 {
        file(&records, &scope, &format!("{n}.md")).await?;
    }
    let writing = async {
        for n in 20..40 {
            file(&records, &scope, &format!("{n}.md")).await?;
        }
        Ok::<(), Error>(())
    };
    let compacting = async {
        for _ in 0..5 {
            records.compact().await?;
        }
        Ok::<(), Error>(())
    };
    let (written, compacted) = tokio::join!(writing, compacting);
    written?;
    compacted?;
    assert_eq!(records.list_files(&scope, None, &Page::first(100)).await?.len(), 40);
    Ok(())
}
