//! Generations of an index: built beside the one that answers, flipped, ended, swept.

use std::borrow::Cow;

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;
use crate::records::chunks::{ALIVE, IN_BUILD};

fn wish() -> NewGeneration {
    NewGeneration {
        embedding_model: "m".to_owned(),
        embedding_version: None,
        dimensions: None,
        chunking: None,
        recut: false,
        reparse: false,
        language: None,
        language_named: false,
    }
}

async fn begin(records: &Records, scope: &Scope, store: &Id) -> Result<i64> {
    let mut tx = records.begin().await?;
    let generation = records.begin_generation(&mut tx, scope, store, &wish()).await?;
    commit(tx).await?;
    Ok(generation)
}

/// Writes an attached file's chunks into a generation; whether they were taken.
async fn write(
    records: &Records,
    scope: &Scope,
    (store, file): (&Id, &Id),
    generation: i64,
) -> Result<bool> {
    let revision = records.store_file(scope, store, file).await?.revision;
    let of = (store, file, revision);
    let mut tx = records.begin().await?;
    let parent = NewParent {
        ordinal: 0,
        text: "chunk 0 and more".to_owned(),
        heading: "[\"P\"]".to_owned(),
        page: Some(2),
        char_start: 0,
        char_end: 16,
        tokens: 4,
    };
    let (context, label) = ("P".to_owned(), "L".to_owned());
    let child = NewChunk { parent: Some(0), context, label, ..chunk(0) };
    let cut = NewCut { chunks: vec![child], parents: vec![parent], ..NewCut::default() };
    let stored = records.replace_chunks(&mut tx, scope, of, generation, &cut).await?;
    commit(tx).await?;
    Ok(stored.is_some())
}

/// Notes that an attached file is whole in a generation.
async fn mark(
    records: &Records,
    scope: &Scope,
    (store, file): (&Id, &Id),
    generation: i64,
    bytes: i64,
) -> Result<()> {
    let revision = records.store_file(scope, store, file).await?.revision;
    records.mark_built(scope, (store, file, revision), generation, bytes).await
}

async fn flip(records: &Records, scope: &Scope, store: &Id, generation: i64) -> Result<Flip> {
    let mut tx = records.begin().await?;
    let recut = Recut { chunking: Some("{}".to_owned()), chunk_tokens: 128, overlap_tokens: 0 };
    let flipped =
        records.flip(&mut tx, scope, (store, generation), Some(&recut), "{\"files\":1}").await?;
    commit(tx).await?;
    Ok(flipped)
}

#[tokio::test]
async fn a_generation_answers_only_when_every_file_is_whole_in_it() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (one, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let old = ingest(&records, &scope, &store, &one).await?;
    let first = records.active_generation(&scope, &store).await?;
    assert_eq!((first.generation, first.index_name.as_str()), (1, store.as_str()));

    let second = begin(&records, &scope, &store).await?;
    assert_eq!(second, 2);
    let again = begin(&records, &scope, &store).await.map_err(|error| error.kind());
    assert_eq!(again, Err(Kind::Conflict));
    assert_eq!(records.live_generations(&scope, &store).await?.len(), 2);
    assert_eq!(flip(&records, &scope, &store, second).await?, Flip::Behind);
    assert_eq!(records.files_to_build(&scope, &store, second, 10).await?.len(), 1);

    for noted in [Some(("the model is away", 7_000)), None] {
        let mut tx = records.begin().await?;
        records.note_build_waiting(&mut tx, &scope, (&store, second), noted).await?;
        commit(tx).await?;
        let newest = records.newest_generation(&scope, &store).await?;
        assert_eq!(newest.waiting.as_deref().zip(newest.retry_at), noted);
    }

    assert!(write(&records, &scope, (&store, &one), second).await?);
    mark(&records, &scope, (&store, &one), second, 77).await?;
    assert!(records.files_to_build(&scope, &store, second, 10).await?.is_empty());
    let progress = records.build_progress(&scope, &store, second).await?;
    assert_eq!((progress.files, progress.files_done, progress.bytes_done), (1, 1, 10));
    // A file that comes meanwhile keeps it back until it is whole, too.
    let two = file(&records, &scope, "b.md").await?;
    ingest(&records, &scope, &store, &two).await?;
    assert_eq!(flip(&records, &scope, &store, second).await?, Flip::Behind);
    delete_file(&records, &scope, &two).await?;

    assert_eq!(flip(&records, &scope, &store, second).await?, Flip::Done);
    assert_eq!(flip(&records, &scope, &store, second).await?, Flip::Ended);
    let active = records.active_generation(&scope, &store).await?;
    assert_eq!((active.generation, active.index_name), (2, format!("{store}-g2")));
    let attached = records.store_file(&scope, &store, &one).await?;
    assert_eq!((attached.usage_bytes, attached.chunk_tokens), (77, 128));
    assert_eq!(records.chunk_texts(&scope, &store, &one).await?, ["chunk 0"]);
    assert_eq!(records.pending_index_drops().await?, [store.to_string()]);

    // The old rows go by and by, and are found no more; nothing more is written beside them.
    assert!(records.live_chunks(&scope, &store, &old).await?.is_empty());
    let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM chunks WHERE generation = 1")
        .fetch_one(records.reader())
        .await
        .or_internal("counting")?;
    assert_eq!(kept, 2);
    assert!(!write(&records, &scope, (&store, &one), 1).await?);
    while records.sweep_generations(1).await? > 0 {}
    assert!(records.live_chunks(&scope, &store, &old).await?.is_empty());
    assert!(records.points_of_index(store.as_str()).await?.is_empty());
    assert_eq!(records.points_of_index(&format!("{store}-g2")).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_found_in_a_large_chunk_has_its_text_and_says_where() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    ingest(&records, &scope, &store, &file).await?;
    assert!(write(&records, &scope, (&store, &file), 1).await?);
    let points = records.chunks_with_vectors(&scope, (&store, &file), 1).await?;
    let [(seq, above, text, _)] = points.as_slice() else {
        return Err(Error::internal("one chunk"));
    };
    assert_eq!((above.as_str(), text.as_str()), ("L\nP", "chunk 0"));
    let found = records.live_chunks(&scope, &store, &[*seq]).await?;
    let hit = found.first().ok_or_else(|| Error::internal("no hit"))?;
    assert_eq!((hit.text.as_str(), hit.page, hit.char_end), ("chunk 0 and more", Some(2), 16));
    assert_eq!((hit.match_start, hit.match_end), (Some(0), Some(7)));
    // What is shown was not embedded below anything.
    assert_eq!((hit.label.as_str(), hit.context.as_str(), hit.above().as_str()), ("L", "", ""));
    delete_file(&records, &scope, &file).await?;
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM chunk_parents")
        .fetch_one(records.reader())
        .await
        .or_internal("counting")?;
    assert_eq!(left, 0);
    Ok(())
}

#[tokio::test]
async fn a_cancelled_build_leaves_the_old_generation_whole() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let points = ingest(&records, &scope, &store, &file).await?;
    let second = begin(&records, &scope, &store).await?;
    assert!(write(&records, &scope, (&store, &file), second).await?);
    mark(&records, &scope, (&store, &file), second, 5).await?;
    // A file of two generations is listed for removal in the indexes of both.
    let mut tx = records.begin().await?;
    crate::records::files::list_point_removals(&mut tx, &scope, (Some(&store), &file), None)
        .await?;
    commit(tx).await?;
    let rewrites: Vec<String> =
        records.pending_index_rewrites().await?.into_iter().map(|(index, _)| index).collect();
    assert_eq!(rewrites, [store.to_string(), format!("{store}-g2")]);

    let mut tx = records.begin().await?;
    assert!(records.end_build(&mut tx, &scope, &store, "cancelled", None).await?);
    assert!(!records.end_build(&mut tx, &scope, &store, "cancelled", None).await?);
    commit(tx).await?;
    assert!(!write(&records, &scope, (&store, &file), second).await?);
    assert_eq!(flip(&records, &scope, &store, second).await?, Flip::Ended);
    while records.sweep_generations(100).await? > 0 {}
    assert_eq!(records.live_chunks(&scope, &store, &points).await?.len(), 2);
    assert_eq!(records.pending_index_drops().await?, [format!("{store}-g2")]);
    assert_eq!(records.newest_generation(&scope, &store).await?.state, "cancelled");
    assert_eq!(begin(&records, &scope, &store).await?, 3);
    delete_store(&records, &scope, &store).await?;
    let drops = records.pending_index_drops().await?;
    assert!(drops.contains(&store.to_string()) && drops.contains(&format!("{store}-g3")));
    Ok(())
}

#[tokio::test]
async fn a_generation_knows_its_language_and_its_texts() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let points = ingest(&records, &scope, &store, &file).await?;
    let first = records.active_generation(&scope, &store).await?;
    assert_eq!((first.language, first.language_named), (None, 0));
    let new = NewGeneration { language: Some("de".to_owned()), language_named: true, ..wish() };
    let mut tx = records.begin().await?;
    records.begin_generation(&mut tx, &scope, &store, &new).await?;
    commit(tx).await?;
    let second = records.newest_generation(&scope, &store).await?;
    assert_eq!((second.language.as_deref(), second.language_named), (Some("de"), 1));
    let live = records.live_index(&second.index_name).await?;
    assert_eq!(live.and_then(|live| live.language).as_deref(), Some("de"));
    let texts = records.texts_of_index(&first.index_name, 100).await?;
    let ids: Vec<i64> = texts.iter().map(|text| text.0).collect();
    assert_eq!(ids, points);
    assert_eq!(records.texts_of_index(&first.index_name, 1).await?.len(), 1);
    let sample = records.sample_texts(&first.index_name, 100, 5).await?;
    assert_eq!(sample.len(), points.len());
    assert!(sample.iter().all(|text| text.chars().count() == 5), "{sample:?}");
    assert!(records.sample_texts(&second.index_name, 100, 5).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_model_that_a_store_needs_is_not_deleted() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    let new = NewGeneration {
        embedding_model: "encoder".to_owned(),
        embedding_version: Some(1),
        dimensions: Some(4),
        ..wish()
    };
    let mut tx = records.begin().await?;
    let absent = records.begin_generation(&mut tx, &scope, &store, &new).await;
    assert_eq!(absent.map_err(|error| error.kind()), Err(Kind::NotFound));
    drop(tx);
    let mut tx = records.begin().await?;
    for statement in [
        "INSERT INTO models (tenant_id, name, created_at) VALUES ($1, 'encoder', 0)",
        "INSERT INTO model_versions (tenant_id, name, version, sha256, bytes, run_id, metadata, created_at) \
         VALUES ($1, 'encoder', 1, 'ab', 1, '', '{}', 0)",
    ] {
        let tenant = scope.tenant().as_str();
        sqlx::query(statement).bind(tenant).execute(&mut *tx).await.or_internal("a model")?;
    }
    records.begin_generation(&mut tx, &scope, &store, &new).await?;
    commit(tx).await?;
    let refused = records.delete_model(&scope, "encoder").await.err();
    let refused = refused.ok_or_else(|| Error::internal("it was deleted"))?;
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.message().contains(store.as_str()), "{refused}");
    delete_store(&records, &scope, &store).await?;
    records.delete_model(&scope, "encoder").await
}

#[tokio::test]
async fn data_of_a_version_without_generations_is_opened_right() -> Result<()> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let path = dir.path().join("records.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.or_internal("opening")?;
    let all = sqlx::migrate!("migrations/sqlite");
    let before: Vec<_> = all.migrations.iter().filter(|one| one.version < 17).cloned().collect();
    let before = Migrator { migrations: Cow::Owned(before), ..Migrator::DEFAULT };
    before.run(&pool).await.or_internal("the old schema")?;
    for statement in [
        "INSERT INTO tenants (id, name, created_at) VALUES ('ten_1', 't', 0)",
        "INSERT INTO files (id, tenant_id, filename, purpose, bytes, sha256, created_at) \
         VALUES ('file-1', 'ten_1', 'a.md', 'assistants', 3, '00', 0)",
        "INSERT INTO vector_stores (id, tenant_id, name, metadata, embedding_model, created_at, \
         last_active_at) VALUES ('vs_1', 'ten_1', 's', '{}', 'm', 5, 5)",
        "INSERT INTO store_files (store_id, file_id, tenant_id, status, attributes, chunk_tokens, \
         overlap_tokens, revision, created_at) \
         VALUES ('vs_1', 'file-1', 'ten_1', 'completed', '{}', 800, 400, 1, 0)",
        "INSERT INTO chunks (id, tenant_id, store_id, file_id, revision, ordinal, text, heading, \
         char_start, char_end, tokens, vector) \
         VALUES ('chunk_1', 'ten_1', 'vs_1', 'file-1', 1, 0, 'old words', '[]', 0, 9, 2, x'0000803F')",
    ] {
        sqlx::query(statement).execute(&pool).await.or_internal("old rows")?;
    }
    pool.close().await;

    let records = Records::open(&path, Clock::system()).await?;
    let scope = Scope::grant(Id::from_raw("ten_1"), Id::from_raw("key_test"), Role::Editor);
    let (store, file) = (Id::from_raw("vs_1"), Id::from_raw("file-1"));
    let active = records.active_generation(&scope, &store).await?;
    assert_eq!((active.generation, active.index_name.as_str()), (1, "vs_1"));
    assert_eq!((active.embedding_model.as_str(), active.chunking), ("m", None));
    let points = records.points_of_index("vs_1").await?;
    assert_eq!(points, [1]);
    let found = records.live_chunks(&scope, &store, &[1]).await?;
    assert_eq!(found.first().map(|row| row.text.as_str()), Some("old words"));
    assert!(records.attachments_without_vectors(4).await?.is_empty());
    delete_file(&records, &scope, &file).await?;
    assert_eq!(records.pending_point_removals(10).await?, [("vs_1".to_owned(), 1)]);
    Ok(())
}

/// Where two indexes know as many columns SQLite takes either: it went through all chunks of
/// the store for each file that was written, and for each search that read its hits.
#[tokio::test]
async fn a_file_is_found_without_going_through_its_store() -> Result<()> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let records = Records::open(&dir.path().join("records.db"), Clock::system()).await?;
    for statement in [
        "DELETE FROM chunks WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 AND generation = $4",
        "DELETE FROM chunks WHERE tenant_id = $1 AND file_id = $3",
        "SELECT c.seq FROM chunks c JOIN index_generations g ON g.tenant_id = c.tenant_id \
         AND g.store_id = c.store_id AND g.generation = c.generation \
         WHERE c.tenant_id = $1 AND c.file_id = $3 AND ($2 = '' OR c.store_id = $2) \
         AND ($4 = 0 OR c.generation = $4)",
    ] {
        let plan = format!("EXPLAIN QUERY PLAN {statement}");
        let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(plan))
            .bind("ten_1")
            .bind("vs_1")
            .bind("file-1")
            .bind(1)
            .fetch_all(&records.read)
            .await
            .or_internal("asking for a plan")?;
        let found = |(_, _, _, step): &(i64, i64, i64, String)| {
            step.contains("chunks_of_file (file_id=? AND tenant_id=?")
        };
        assert!(steps.iter().any(found), "{statement}: {steps:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trial_is_found_by_its_evaluation_and_read_before_it_answers() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let old = ingest(&records, &scope, &store, &file).await?;
    let run = Id::from_raw("eval_1");
    assert_eq!(records.find_trial(&scope, &store, (&run, 1)).await?, None);
    let second = records.begin_trial(&scope, &store, &wish(), (&run, 1)).await?;
    let again = records.begin_trial(&scope, &store, &wish(), (&run, 2)).await;
    assert_eq!(again.map_err(|error| error.kind()), Err(Kind::Conflict));
    let found = records.find_trial(&scope, &store, (&run, 1)).await?;
    assert_eq!(found.map(|row| (row.generation, row.is_building())), Some((second, true)));
    assert_eq!(records.find_trial(&scope, &store, (&run, 2)).await?, None);
    assert_eq!(records.find_trial(&other, &store, (&run, 1)).await?, None);

    assert!(write(&records, &scope, (&store, &file), second).await?);
    mark(&records, &scope, (&store, &file), second, 9).await?;
    let points = records.points_of_index(&format!("{store}-g2")).await?;
    assert_eq!(records.chunks_in_build(&scope, &store, &points).await?.len(), 1);
    assert!(records.chunks_in_build(&other, &store, &points).await?.is_empty());
    assert!(records.live_chunks(&scope, &store, &points).await?.is_empty());
    assert!(records.chunks_in_build(&scope, &store, &old).await?.is_empty());

    let mut tx = records.begin().await?;
    assert!(!records.end_trial(&mut tx, &scope, &Id::from_raw("eval_2"), "no").await?);
    assert!(!records.end_trial(&mut tx, &other, &run, "no").await?);
    assert!(records.end_trial(&mut tx, &scope, &run, "not better").await?);
    assert!(!records.end_trial(&mut tx, &scope, &run, "not better").await?);
    commit(tx).await?;
    let ended = records.find_trial(&scope, &store, (&run, 1)).await?;
    let ended = ended.ok_or_else(|| Error::internal("no trial"))?;
    assert_eq!((ended.state.as_str(), ended.error.as_deref()), ("cancelled", Some("not better")));
    assert!(records.chunks_in_build(&scope, &store, &points).await?.is_empty());
    assert_eq!(records.live_chunks(&scope, &store, &old).await?.len(), 2);
    Ok(())
}

/// Writes an attached file's chunk into a generation, cut from this text, which is kept beside the
/// one that is shown.
async fn reread(
    records: &Records,
    scope: &Scope,
    (store, file): (&Id, &Id),
    generation: i64,
    text: &TextRow,
) -> Result<()> {
    let of = (store, file, records.store_file(scope, store, file).await?.revision);
    let text_version = text.version();
    let cut = NewCut { chunks: vec![chunk(0)], text_version, ..NewCut::default() };
    let mut tx = records.begin().await?;
    records.replace_chunks(&mut tx, scope, of, generation, &cut).await?;
    records.put_text_beside(&mut tx, scope, file, text).await?;
    commit(tx).await?;
    let reread = Reread { text_version, unread: false };
    records.mark_reread(scope, of, generation, 7, Some(reread)).await
}

#[tokio::test]
async fn a_text_that_is_read_anew_is_shown_with_its_chunks_and_not_before() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (one, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    ingest(&records, &scope, &store, &one).await?;
    let text = |words: &str| TextRow {
        text: words.to_owned(),
        structure: format!(r#"{{"notes": ["read as {words}"]}}"#),
    };
    let notes = async || records.store_file(&scope, &store, &one).await.map(|row| row.notes);
    assert_eq!(notes().await?, "[]");
    let [old, new, never] = ["old words", "new words", "words of a cancelled build"].map(text);
    let there = async |text: &TextRow| {
        records
            .text_structure(&scope, (one.as_str(), text.version()))
            .await
            .map(|row| row.is_some())
    };
    let mut tx = records.begin().await?;
    records.put_text(&mut tx, &scope, &one, &old).await?;
    commit(tx).await?;
    assert_eq!(notes().await?, r#"["read as old words"]"#);

    let second = begin(&records, &scope, &store).await?;
    reread(&records, &scope, (&store, &one), second, &new).await?;
    assert_eq!(records.file_text(&scope, &one).await?, old);
    assert!(there(&old).await? && there(&new).await?);
    let counts = records.reread_counts(&scope, &store, second).await?;
    assert_eq!(counts, RereadCounts { changed: 1, unread: 0 });
    assert_eq!(flip(&records, &scope, &store, second).await?, Flip::Done);
    assert_eq!(records.shown_text(&scope, &one).await?.version, new.version());
    assert_eq!(notes().await?, r#"["read as new words"]"#);
    while records.sweep_generations(1).await? > 0 {}
    assert!(!there(&old).await? && there(&new).await?, "nothing is cut from the old one any more");

    let third = begin(&records, &scope, &store).await?;
    reread(&records, &scope, (&store, &one), third, &never).await?;
    assert!(there(&never).await?);
    let mut tx = records.begin().await?;
    assert!(records.end_build(&mut tx, &scope, &store, "cancelled", None).await?);
    commit(tx).await?;
    while records.sweep_generations(100).await? > 0 {}
    assert!(!there(&never).await?);
    assert_eq!(records.file_text(&scope, &one).await?, new);
    delete_file(&records, &scope, &one).await?;
    assert!(!there(&new).await?);
    Ok(())
}

#[tokio::test]
async fn a_text_stays_as_long_as_a_store_has_chunks_of_it() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let one = file(&records, &scope, "a.md").await?;
    let (here, elsewhere) = (store(&records, &scope).await?, store(&records, &scope).await?);
    let text = |words: &str| TextRow { text: words.to_owned(), structure: "{}".to_owned() };
    let (old, new) = (text("old words"), text("new words"));
    for store in [&here, &elsewhere] {
        ingest(&records, &scope, store, &one).await?;
        let generation = begin(&records, &scope, store).await?;
        reread(&records, &scope, (store, &one), generation, &old).await?;
        assert_eq!(flip(&records, &scope, store, generation).await?, Flip::Done);
    }
    let generation = begin(&records, &scope, &here).await?;
    reread(&records, &scope, (&here, &one), generation, &new).await?;
    assert_eq!(flip(&records, &scope, &here, generation).await?, Flip::Done);
    while records.sweep_generations(100).await? > 0 {}
    assert_eq!(records.file_text(&scope, &one).await?, new);
    let of = (one.as_str(), old.version());
    let part = records.text_between(&scope, of, 0, 3).await?;
    assert_eq!(part.as_deref(), Some("old"), "the other store's chunks are cut from it");
    records.detach_file(&scope, &elsewhere, &one).await?;
    assert_eq!(records.text_between(&scope, of, 0, 3).await?, None);
    Ok(())
}

/// Whoever searches reads some twenty hits, not the store.
#[tokio::test]
async fn hits_are_found_by_their_points() -> Result<()> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let records = Records::open(&dir.path().join("records.db"), Clock::system()).await?;
    for statement in [ALIVE, IN_BUILD] {
        let steps = records.direct.read("asking for a plan", move |connection| {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
            let asked = ("ten_1", 7, "|public|", "vs_1", "[1, 2]");
            let steps = plan.query_map(asked, |row| row.get::<_, String>("detail"))?;
            steps.collect::<rusqlite::Result<Vec<_>>>()
        });
        let steps = steps.await?;
        let by_point = "SEARCH c USING INTEGER PRIMARY KEY (rowid=?)";
        assert_eq!(steps.first().map(String::as_str), Some(by_point), "{steps:?}");
    }
    Ok(())
}
