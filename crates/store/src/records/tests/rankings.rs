use super::*;

fn ranking(shares: &str) -> RankingRow {
    RankingRow {
        ranking: shares.to_owned(),
        choice: "\"learned\"".to_owned(),
        queries: 40,
        quality: Some("{}".to_owned()),
        created_at: 7,
    }
}

#[tokio::test]
async fn a_ranking_is_read_with_its_store_and_replaced() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    let (row, none) = records.store_with_ranking(&scope, &store).await?;
    assert_eq!((row, none), (records.store(&scope, &store).await?, None));
    records.set_ranking(&scope, &store, &ranking("{\"spread\":0.1}")).await?;
    let given = RankingRow { quality: None, queries: 0, ..ranking("{}") };
    records.set_ranking(&scope, &store, &given).await?;
    let (row, held) = records.store_with_ranking(&scope, &store).await?;
    assert_eq!((row.created_at, held), (0, Some(given)));
    let asked = records.asked_store(&scope, &store).await?;
    assert_eq!((asked.row, asked.ranking), records.store_with_ranking(&scope, &store).await?);
    let active = records.active_generation(&scope, &store).await?;
    assert_eq!((asked.active.generation, asked.active.index_name), (1, active.index_name));
    assert_eq!((asked.active.vector_model, asked.has_lists), (active.embedding_model, false));
    records.delete_ranking(&scope, &store).await?;
    records.delete_ranking(&scope, &store).await?;
    assert_eq!(records.store_with_ranking(&scope, &store).await?.1, None);
    assert_eq!(records.asked_store(&scope, &store).await?.ranking, None);
    Ok(())
}

#[tokio::test]
async fn a_ranking_is_its_tenants_and_goes_with_its_store() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (ours, theirs) = (tenant(&records, "ours").await?, tenant(&records, "theirs").await?);
    let store = store(&records, &ours).await?;
    records.set_ranking(&ours, &store, &ranking("{}")).await?;
    let refused = records.set_ranking(&theirs, &store, &ranking("{}")).await;
    assert_eq!(refused.map_err(|e| e.kind()), Err(Kind::NotFound));
    let hidden = records.store_with_ranking(&theirs, &store).await;
    assert_eq!(hidden.map_err(|e| e.kind()).err(), Some(Kind::NotFound));
    let hidden = records.asked_store(&theirs, &store).await;
    assert_eq!(hidden.map_err(|e| e.kind()).err(), Some(Kind::NotFound));
    records.delete_ranking(&theirs, &store).await?;
    assert!(records.store_with_ranking(&ours, &store).await?.1.is_some());
    delete_store(&records, &ours, &store).await?;
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM store_rankings")
        .fetch_one(records.reader())
        .await
        .or_internal("counting rankings")?;
    assert_eq!(left, 0);
    Ok(())
}

#[tokio::test]
async fn what_a_search_reads_of_chunks_is_the_tenants_own() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (ours, theirs) = (tenant(&records, "ours").await?, tenant(&records, "theirs").await?);
    let (file, store) = (file(&records, &ours, "a.md").await?, store(&records, &ours).await?);
    let points = ingest(&records, &ours, &store, &file).await?;
    let vectors = records.chunk_vectors(&ours, &points).await?;
    assert_eq!(vectors.get(&points[1]), Some(&vec![0.5, -1.0]));
    let around = records.chunks_around(&ours, points[0], 1).await?;
    assert_eq!(around.iter().map(|row| row.seq).collect::<Vec<_>>(), points);
    assert_eq!(records.chunks_around(&ours, points[0], 0).await?.len(), 1);
    assert!(records.chunk_vectors(&theirs, &points).await?.is_empty());
    assert!(records.chunks_around(&theirs, points[0], 1).await?.is_empty());

    let mut tx = records.begin().await?;
    let text = TextRow { text: "Häuser am Fluß".to_owned(), structure: "{}".to_owned() };
    records.put_text(&mut tx, &ours, &file, &text).await?;
    commit(tx).await?;
    let of = (file.as_str(), text.version());
    let part = records.text_between(&ours, of, 1, 6).await?;
    assert_eq!(part.as_deref(), Some("äuser"), "characters, not bytes");
    assert_eq!(records.text_between(&theirs, of, 0, 6).await?, None);
    assert_eq!(records.text_structure(&ours, of).await?.as_deref(), Some("{}"));
    assert_eq!(records.text_structure(&ours, (of.0, 0)).await?, None, "another version");
    assert_eq!(records.text_structure(&theirs, of).await?, None);
    records.set_file_access(&ours, &file, Some(&["user:ada".to_owned()])).await?;
    assert_eq!(records.text_structure(&ours, of).await?, None, "it is closed to the caller");
    records.set_file_access(&ours, &file, None).await?;

    let made = records.file(&ours, &file).await?.created_at;
    assert_eq!(records.file_made_at(&ours, &file).await?, Some(made));
    assert_eq!(records.file_made_at(&theirs, &file).await?, None);
    let of_store = records.files_made_at(store.as_str()).await?;
    assert_eq!(of_store.get(file.as_str()), Some(&made));
    Ok(())
}

#[tokio::test]
async fn the_files_that_answer_are_the_newest_first_and_none_that_is_hidden() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "ours").await?, tenant(&records, "theirs").await?);
    let (one, two) = (store(&records, &scope).await?, store(&records, &scope).await?);
    let mut files = Vec::new();
    for name in ["a.md", "b.md", "c.md"] {
        let file = file(&records, &scope, name).await?;
        ingest(&records, &scope, &one, &file).await?;
        files.push(file);
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    ingest(&records, &scope, &two, &files[0]).await?;
    let unread = file(&records, &scope, "unread.md").await?;
    let mut tx = records.begin().await?;
    records.attach_file(&mut tx, &scope, &one, &attachment(&unread)).await?;
    commit(tx).await?;
    let both = [one.clone(), two.clone()];
    let names =
        |files: Vec<AnsweringFile>| files.into_iter().map(|file| file.filename).collect::<Vec<_>>();
    let (found, all) = records.answering_files(&scope, &both, 2, |_| true).await?;
    assert_eq!((names(found), all), (vec!["c.md".to_owned(), "b.md".to_owned()], 3));
    let named = |file: &AnsweringFile| file.filename == "a.md";
    let (found, all) = records.answering_files(&scope, &both, 9, named).await?;
    assert_eq!((names(found), all), (vec!["a.md".to_owned()], 1), "once, of two stores");
    assert_eq!(records.answering_files(&other, &both, 9, |_| true).await?.1, 0);
    // An editor manages it, and is not answered from it.
    records.set_file_access(&scope, &files[2], Some(&["user:ada".to_owned()])).await?;
    let (found, all) = records.answering_files(&scope, &both, 9, |_| true).await?;
    assert_eq!((names(found), all), (vec!["b.md".to_owned(), "a.md".to_owned()], 2));

    let of = (one.as_str(), files[1].as_str());
    let rows = records.outline(&scope, of, 9).await?;
    assert_eq!(rows.iter().map(|row| row.ordinal).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(records.outline(&scope, of, 1).await?.len(), 1);
    assert!(records.outline(&other, of, 9).await?.is_empty());
    Ok(())
}
