#![expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]

use cairn_kernel::{Clock, Error, Id, Kind, Result, ResultExt, Role, Scope};

use super::*;

mod erasures;
mod evaluations;
mod generations;
mod rankings;
mod schedules;
mod sources;
mod surface;
mod thresholds;

struct Fixture {
    records: Records,
    _dir: tempfile::TempDir,
}

async fn fixture() -> Result<Fixture> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let records = Records::open(&dir.path().join("records.db"), Clock::system()).await?;
    Ok(Fixture { records, _dir: dir })
}

async fn tenant(records: &Records, name: &str) -> Result<Scope> {
    let row = records.ensure_tenant(name).await?;
    Ok(Scope::grant(Id::from_raw(row.id), Id::from_raw("key_test"), Role::Editor))
}

async fn file(records: &Records, scope: &Scope, name: &str) -> Result<Id> {
    let id = Id::generate("file-");
    let row = FileRow {
        id: id.to_string(),
        filename: name.to_owned(),
        purpose: "assistants".to_owned(),
        bytes: 3,
        sha256: "00".to_owned(),
        created_at: records.clock().now(),
        expires_at: None,
        restricted: 0,
    };
    records.insert_file(scope, &row).await?;
    Ok(id)
}

async fn store(records: &Records, scope: &Scope) -> Result<Id> {
    let id = Id::generate("vs_");
    let row = StoreRow {
        id: id.to_string(),
        name: "store".to_owned(),
        description: None,
        metadata: "{}".to_owned(),
        embedding_model: "m".to_owned(),
        expires_after_days: None,
        created_at: 0,
        last_active_at: 0,
    };
    records.insert_store(scope, &row).await?;
    Ok(id)
}

fn attachment(file: &Id) -> Attachment {
    Attachment {
        file: file.clone(),
        batch: None,
        attributes: "{}".to_owned(),
        chunk_tokens: 800,
        overlap_tokens: 400,
        chunking: None,
    }
}

fn chunk(ordinal: i64) -> NewChunk {
    NewChunk {
        ordinal,
        text: format!("chunk {ordinal}"),
        heading: "[]".to_owned(),
        page: None,
        char_start: 0,
        char_end: 7,
        tokens: 2,
        context: String::new(),
        label: String::new(),
        parent: None,
        vector: vec![0.5, -1.0],
    }
}

async fn ingest(records: &Records, scope: &Scope, store: &Id, file: &Id) -> Result<Vec<i64>> {
    let mut tx = records.begin().await?;
    let revision = records.attach_file(&mut tx, scope, store, &attachment(file)).await?;
    let revision = revision.ok_or_else(|| Error::internal("already attached"))?;
    let cut = NewCut { chunks: vec![chunk(0), chunk(1)], ..NewCut::default() };
    let stored = records.replace_chunks(&mut tx, scope, (store, file, revision), 1, &cut).await?;
    assert_eq!(stored, Some(false));
    records.settle_file(&mut tx, scope, (store, file, revision), Ok(10)).await?;
    commit(tx).await?;
    let points = records.chunks_with_vectors(scope, (store, file), 1).await?;
    Ok(points.into_iter().map(|row| row.0).collect())
}

async fn delete_file(records: &Records, scope: &Scope, file: &Id) -> Result<()> {
    let mut tx = records.begin().await?;
    records.delete_file(&mut tx, scope, file).await?;
    commit(tx).await
}

async fn delete_store(records: &Records, scope: &Scope, store: &Id) -> Result<()> {
    let mut tx = records.begin().await?;
    records.delete_store(&mut tx, scope, store).await?;
    commit(tx).await
}

#[tokio::test]
async fn a_full_disk_is_told_with_the_remedy() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "acme").await?;
    // No page may come to those that are there: SQLite says the same of a disk without room.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&records.write)
        .await
        .or_internal("a bound")?;
    let name = "n".repeat(1000);
    for _ in 0..1000 {
        let Err(full) = file(&records, &scope, &name).await else { continue };
        assert_eq!((full.kind(), full.code()), (Kind::Unavailable, Some(cairn_kernel::DISK_FULL)));
        assert!(full.message().contains("make room"), "{full}");
        return Ok(());
    }
    Err(Error::internal("a full disk took everything"))
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (ours, theirs) = (tenant(&records, "ours").await?, tenant(&records, "theirs").await?);
    let (file, store) = (file(&records, &ours, "a.md").await?, store(&records, &ours).await?);
    let points = ingest(&records, &ours, &store, &file).await?;
    assert_eq!(records.live_chunks(&ours, &store, &points).await?.len(), 2);
    assert!(records.live_chunks(&theirs, &store, &points).await?.is_empty());
    for outcome in [
        records.file(&theirs, &file).await.map(|_| ()),
        records.store(&theirs, &store).await.map(|_| ()),
        records.store_file(&theirs, &store, &file).await.map(|_| ()),
        delete_file(&records, &theirs, &file).await,
        delete_store(&records, &theirs, &store).await,
        records.detach_file(&theirs, &store, &file).await,
    ] {
        assert_eq!(outcome.map_err(|e| e.kind()), Err(Kind::NotFound));
    }
    assert_eq!(records.live_chunks(&ours, &store, &points).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_deleted_file_is_gone_at_commit_and_its_points_are_listed() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let points = ingest(&records, &scope, &store, &file).await?;
    delete_file(&records, &scope, &file).await?;
    assert!(records.live_chunks(&scope, &store, &points).await?.is_empty());
    let pending = records.pending_point_removals(10).await?;
    assert_eq!(pending.iter().map(|row| row.1).collect::<Vec<_>>(), points);
    assert_eq!(records.pending_blob_removals(10).await?.len(), 1);
    assert_eq!(records.pending_index_rewrites().await?, [(store.to_string(), 1)]);
    records.points_removed(&points).await?;
    assert!(records.pending_point_removals(10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn attaching_twice_is_once_and_a_late_outcome_does_not_count() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    ingest(&records, &scope, &store, &file).await?;
    let mut tx = records.begin().await?;
    assert_eq!(records.attach_file(&mut tx, &scope, &store, &attachment(&file)).await?, None);
    let stale = records.settle_file(&mut tx, &scope, (&store, &file, 0), Err(("x", "y"))).await?;
    assert!(!stale);
    commit(tx).await?;
    assert_eq!(records.file_counts(&scope, &store).await?.completed, 1);
    Ok(())
}

/// What a file of a store waits for, as itself and in the list.
async fn waits(
    records: &Records,
    scope: &Scope,
    (store, file): (&Id, &Id),
) -> Result<Option<(String, i64)>> {
    let row = records.store_file(scope, store, file).await?;
    let listed = records.list_store_files(scope, store, None, None, &Page::first(9)).await?;
    assert_eq!(listed, std::slice::from_ref(&row));
    Ok(row.waiting.zip(row.retry_at))
}

#[tokio::test]
async fn what_a_file_waits_for_is_shown_until_it_is_taken_up_or_ends() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let batch = Id::generate("vsfb_");
    let mut tx = records.begin().await?;
    records.insert_batch(&mut tx, &scope, &store, &batch).await?;
    commit(tx).await?;
    let noted = Some(("the model is away", 7_000));
    let shown = Some(("the model is away".to_owned(), 7_000));
    let ends = ["taken up", "read", "failed", "anew", "cancelled"];
    // Each time cut in another way, so that it is read again.
    for (how, tokens) in ends.into_iter().zip(100..) {
        let wanted = Attachment {
            batch: Some(batch.clone()),
            chunk_tokens: tokens,
            overlap_tokens: 0,
            ..attachment(&file)
        };
        let mut tx = records.begin().await?;
        let attached = records.attach_file(&mut tx, &scope, &store, &wanted).await?;
        let of = (&store, &file, attached.unwrap_or_default());
        records.note_waiting(&mut tx, &scope, of, noted).await?;
        commit(tx).await?;
        assert_eq!(waits(&records, &scope, (&store, &file)).await?, shown, "{how}");
        if how == "cancelled" {
            assert_eq!(records.cancel_batch(&scope, &store, &batch).await?, 1);
        } else {
            let mut tx = records.begin().await?;
            match how {
                "taken up" => records.note_waiting(&mut tx, &scope, of, None).await?,
                "read" => assert!(records.settle_file(&mut tx, &scope, of, Ok(1)).await?),
                "failed" => {
                    assert!(records.settle_file(&mut tx, &scope, of, Err(("x", "y"))).await?);
                }
                _ => {
                    let wanted = Attachment { chunk_tokens: 800, ..wanted };
                    let anew = records.attach_file(&mut tx, &scope, &store, &wanted).await?;
                    assert!(anew.is_some());
                }
            }
            commit(tx).await?;
        }
        assert_eq!(waits(&records, &scope, (&store, &file)).await?, None, "{how}");
        // A job that was overtaken says nothing of what took its place.
        let mut tx = records.begin().await?;
        let other = (&store, &file, attached.unwrap_or_default() - 1);
        records.note_waiting(&mut tx, &scope, other, noted).await?;
        commit(tx).await?;
        assert_eq!(waits(&records, &scope, (&store, &file)).await?, None, "{how}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_after_the_chunks_are_there_leaves_none() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let batch = Id::generate("vsfb_");
    let mut tx = records.begin().await?;
    records.insert_batch(&mut tx, &scope, &store, &batch).await?;
    let wanted = Attachment { batch: Some(batch.clone()), ..attachment(&file) };
    let revision = records.attach_file(&mut tx, &scope, &store, &wanted).await?.unwrap_or_default();
    let of = (&store, &file, revision);
    let cut = NewCut { chunks: vec![chunk(0), chunk(1)], ..NewCut::default() };
    assert_eq!(records.replace_chunks(&mut tx, &scope, of, 1, &cut).await?, Some(false));
    assert!(records.is_in_progress(&mut tx, &scope, of).await?);
    assert!(!records.drop_unwanted_chunks(&mut tx, &scope, of).await?, "it is being read");
    commit(tx).await?;
    assert_eq!(records.points_held_by(store.as_str()).await?.len(), 2);
    assert!(records.points_of_store(store.as_str()).await?.is_empty());

    assert_eq!(records.cancel_batch(&scope, &store, &batch).await?, 1);
    let mut tx = records.begin().await?;
    assert!(!records.is_in_progress(&mut tx, &scope, of).await?);
    assert!(records.drop_unwanted_chunks(&mut tx, &scope, of).await?);
    commit(tx).await?;
    assert!(records.chunks_with_vectors(&scope, (&store, &file), 1).await?.is_empty());
    assert_eq!(records.pending_point_removals(10).await?.len(), 2);
    assert_eq!(records.pending_index_rewrites().await?, [(store.to_string(), 1)]);
    Ok(())
}

#[tokio::test]
async fn a_cancelled_batch_lets_be_what_was_complete() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    ingest(&records, &scope, &store, &file).await?;
    let batch = Id::generate("vsfb_");
    let mut tx = records.begin().await?;
    records.insert_batch(&mut tx, &scope, &store, &batch).await?;
    let finer = Attachment {
        batch: Some(batch.clone()),
        chunk_tokens: 200,
        overlap_tokens: 0,
        ..attachment(&file)
    };
    let revision = records.attach_file(&mut tx, &scope, &store, &finer).await?.unwrap_or_default();
    let of = (&store, &file, revision);
    assert!(!records.drop_unwanted_chunks(&mut tx, &scope, of).await?, "it is being read");
    commit(tx).await?;
    assert_eq!(records.cancel_batch(&scope, &store, &batch).await?, 0);
    assert_eq!(records.batch_counts(&scope, &batch).await?.in_progress, 1);
    assert!(!records.chunks_with_vectors(&scope, (&store, &file), 1).await?.is_empty());
    let mut tx = records.begin().await?;
    assert!(records.settle_file(&mut tx, &scope, of, Err(("x", "y"))).await?);
    assert!(records.drop_unwanted_chunks(&mut tx, &scope, of).await?);
    commit(tx).await?;
    assert_eq!(records.batch_counts(&scope, &batch).await?.failed, 1);
    assert!(records.chunks_with_vectors(&scope, (&store, &file), 1).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_batch_counts_what_it_was_given_whatever_becomes_of_it() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    let (old, new) = (file(&records, &scope, "a").await?, file(&records, &scope, "b").await?);
    ingest(&records, &scope, &store, &old).await?;
    let batch = Id::generate("vsfb_");
    let mut tx = records.begin().await?;
    records.insert_batch(&mut tx, &scope, &store, &batch).await?;
    let given = |file: &Id| Attachment { batch: Some(batch.clone()), ..attachment(file) };
    assert_eq!(records.attach_file(&mut tx, &scope, &store, &given(&old)).await?, None);
    let revision = records.attach_file(&mut tx, &scope, &store, &given(&new)).await?;
    let revision = revision.ok_or_else(|| Error::internal("already attached"))?;
    assert_eq!(records.attach_file(&mut tx, &scope, &store, &given(&new)).await?, None);
    commit(tx).await?;
    let counts = records.batch_counts(&scope, &batch).await?;
    assert_eq!((counts.completed, counts.in_progress, counts.total()), (1, 1, 2));
    let mut tx = records.begin().await?;
    records.settle_file(&mut tx, &scope, (&store, &new, revision), Err(("x", "y"))).await?;
    commit(tx).await?;
    let over = records.batch_counts(&scope, &batch).await?;
    assert_eq!((over.completed, over.failed, over.total()), (1, 1, 2));
    // Cut in another way it is read again, which is nothing to the batch.
    let mut tx = records.begin().await?;
    let finer = Attachment { chunk_tokens: 200, overlap_tokens: 0, ..attachment(&old) };
    assert!(records.attach_file(&mut tx, &scope, &store, &finer).await?.is_some());
    commit(tx).await?;
    records.detach_file(&scope, &store, &new).await?;
    assert_eq!(records.batch_counts(&scope, &batch).await?, over);
    let page = Page::first(10);
    let left = records.list_store_files(&scope, &store, Some(&batch), None, &page).await?;
    assert_eq!(left.iter().map(|row| &row.id).collect::<Vec<_>>(), [old.as_str()]);
    delete_file(&records, &scope, &old).await?;
    assert_eq!(records.batch_counts(&scope, &batch).await?, over);
    delete_store(&records, &scope, &store).await
}

#[tokio::test]
async fn an_uncommitted_write_leaves_no_trace() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let mut tx = records.begin().await?;
    records.attach_file(&mut tx, &scope, &store, &attachment(&file)).await?;
    drop(tx);
    assert_eq!(records.file_counts(&scope, &store).await?.total(), 0);
    Ok(())
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    for n in 0..5 {
        file(&records, &scope, &format!("{n}.md")).await?;
    }
    let mut page = Page { limit: 2, order: Order::Ascending, after: None, before: None };
    let mut names = Vec::new();
    loop {
        let rows = records.list_files(&scope, None, &page).await?;
        let Some(last) = rows.last() else { break };
        page.after = Some(Id::from_raw(last.id.clone()));
        names.extend(rows.into_iter().map(|row| row.filename));
    }
    assert_eq!(names, ["0.md", "1.md", "2.md", "3.md", "4.md"]);
    for order in [Order::Ascending, Order::Descending] {
        let all = records.list_files(&scope, None, &Page { order, ..Page::first(9) }).await?;
        let last = Id::from_raw(all[4].id.as_str());
        let back = Page { order, before: Some(last), ..Page::first(2) };
        assert_eq!(records.list_files(&scope, None, &back).await?, all[2..4]);
        let first = Id::from_raw(all[0].id.as_str());
        let none = Page { order, before: Some(first), ..Page::first(2) };
        assert!(records.list_files(&scope, None, &none).await?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn a_run_registers_its_model_once() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let new = |run: &str| NewModelVersion {
        name: "credit".to_owned(),
        kind: "onnx",
        source: "{}".to_owned(),
        sha256: "ab".to_owned(),
        bytes: 1,
        run_id: run.to_owned(),
        encoding: "{}".to_owned(),
        metadata: "{}".to_owned(),
    };
    let mut tx = records.begin().await?;
    assert_eq!(records.register_model(&mut tx, &scope, &new("run_1")).await?, 1);
    assert_eq!(records.register_model(&mut tx, &scope, &new("run_1")).await?, 1);
    assert_eq!(records.register_model(&mut tx, &scope, &new("run_2")).await?, 2);
    assert_eq!(records.register_model(&mut tx, &scope, &new("")).await?, 1, "the same bytes");
    let other = NewModelVersion { sha256: "cd".to_owned(), ..new("") };
    assert_eq!(records.register_model(&mut tx, &scope, &other).await?, 3);
    assert_eq!(records.register_model(&mut tx, &scope, &other).await?, 3);
    let prefixed = |text: &str| NewModelVersion { encoding: text.to_owned(), ..other.clone() };
    assert_eq!(records.register_model(&mut tx, &scope, &prefixed("a")).await?, 4, "read otherwise");
    assert_eq!(records.register_model(&mut tx, &scope, &prefixed("b")).await?, 5);
    assert_eq!(records.register_model(&mut tx, &scope, &prefixed("a")).await?, 4);
    commit(tx).await?;
    records.deploy_model(&scope, "credit", 1, None, &event("deployed")).await?;
    assert_eq!(records.model_version(&scope, "credit", None).await?.version, 1);
    let missing = records.deploy_model(&scope, "credit", 9, None, &event("deployed")).await;
    assert_eq!(missing.map_err(|e| e.kind()), Err(Kind::NotFound));
    Ok(())
}

fn event(action: &'static str) -> NewRolloutEvent {
    NewRolloutEvent {
        rollout_id: "ro_1".to_owned(),
        automatic: false,
        action,
        reason: "a test".to_owned(),
        version: Some(1),
        detail: "{}".to_owned(),
    }
}

async fn two_versions(records: &Records, scope: &Scope) -> Result<()> {
    let mut tx = records.begin().await?;
    for sha256 in ["ab", "cd"] {
        let new = NewModelVersion {
            name: "credit".to_owned(),
            kind: "onnx",
            source: "{}".to_owned(),
            sha256: sha256.to_owned(),
            bytes: 1,
            run_id: String::new(),
            encoding: "{}".to_owned(),
            metadata: "{}".to_owned(),
        };
        records.register_model(&mut tx, scope, &new).await?;
    }
    commit(tx).await
}

#[tokio::test]
async fn a_rollout_deploys_and_is_audited_in_one_write() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    two_versions(&records, &scope).await?;
    let change = |status: &'static str, deployed, action: &'static str| RolloutChange {
        name: "credit".to_owned(),
        id: "ro_1".to_owned(),
        status,
        state: "{}".to_owned(),
        deployed,
        event: event(action),
    };
    records.start_rollout(&scope, &change("running", Some(1), "started")).await?;
    assert_eq!(records.running_rollouts().await?.len(), 1);
    records.save_rollout_state(&scope, "credit", "ro_1", "{\"n\":1}").await?;
    records.change_rollout(&scope, &change("promoted", Some(2), "promoted")).await?;
    assert_eq!(records.model_version(&scope, "credit", None).await?.version, 2);
    let gone = RolloutChange { id: "ro_0".to_owned(), ..change("rolled_back", Some(1), "x") };
    let refused = records.change_rollout(&scope, &gone).await;
    assert_eq!(refused.map_err(|e| e.kind()), Err(Kind::Conflict));
    // What was refused left no trace.
    assert_eq!(records.model_version(&scope, "credit", None).await?.version, 2);
    let events = records.rollout_events(&scope, "credit", 10).await?;
    let actions: Vec<&str> = events.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["promoted", "started"]);
    // Counters that come late do not reopen it.
    records.save_rollout_state(&scope, "credit", "ro_1", "{\"n\":2}").await?;
    let kept = records.rollout(&scope, "credit").await?.ok_or_else(|| Error::internal("gone"))?;
    assert_eq!((kept.status.as_str(), kept.state.as_str()), ("promoted", "{}"));
    assert!(records.rollout(&other, "credit").await?.is_none());
    assert!(records.rollout_events(&other, "credit", 10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_alias_moves_and_goes_with_its_model() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    two_versions(&records, &scope).await?;
    for version in [1, 2] {
        let set = event("alias_set");
        records.set_model_alias(&scope, "credit", "champion", &set, version).await?;
        let aliases = records.model_aliases(&scope, "credit").await?;
        assert_eq!(aliases, [("champion".to_owned(), version)]);
    }
    let missing = records.set_model_alias(&scope, "credit", "x", &event("alias_set"), 3).await;
    assert_eq!(missing.map_err(|e| e.kind()), Err(Kind::NotFound));
    records.delete_model(&scope, "credit").await?;
    assert!(records.model_aliases(&scope, "credit").await?.is_empty());
    let gone = records.delete_model_alias(&scope, "credit", "champion", &event("x")).await;
    assert_eq!(gone.map_err(|e| e.kind()), Err(Kind::NotFound));
    Ok(())
}
