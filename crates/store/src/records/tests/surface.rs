use super::*;

fn ada(scope: &Scope, role: Role) -> Scope {
    Scope::grant(scope.tenant().clone(), Id::from_raw("key_ada"), role)
        .with_principals(vec!["user:ada".to_owned(), "group:finance".to_owned()])
}

fn plain(scope: &Scope, role: Role) -> Scope {
    Scope::grant(scope.tenant().clone(), Id::from_raw("key_plain"), role)
}

#[tokio::test]
async fn an_access_list_holds_for_reading_and_for_answers() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let points = ingest(&records, &scope, &store, &file).await?;
    let (ada, stranger) = (ada(&scope, Role::Viewer), plain(&scope, Role::Viewer));
    assert_eq!(records.live_chunks(&stranger, &store, &points).await?.len(), 2);

    records.set_file_access(&scope, &file, Some(&["group:finance".to_owned()])).await?;
    assert_eq!(records.file_access(&scope, &file).await?, Some(vec!["group:finance".to_owned()]));
    assert_eq!(records.live_chunks(&ada, &store, &points).await?.len(), 2);
    assert!(records.live_chunks(&stranger, &store, &points).await?.is_empty());
    assert!(records.file(&ada, &file).await.is_ok());
    for hidden in [
        records.file(&stranger, &file).await.map(|_| ()),
        records.store_file(&stranger, &store, &file).await.map(|_| ()),
    ] {
        assert_eq!(hidden.map_err(|e| e.kind()), Err(Kind::NotFound));
    }
    let page = Page::first(10);
    assert!(records.list_files(&stranger, None, &page).await?.is_empty());
    assert!(records.list_store_files(&stranger, &store, None, None, &page).await?.is_empty());
    // An editor manages it, and is not answered from it.
    let editor = plain(&scope, Role::Editor);
    assert!(records.file(&editor, &file).await.is_ok());
    assert!(records.live_chunks(&editor, &store, &points).await?.is_empty());
    // A name that is part of another one is not that one.
    records.set_file_access(&scope, &file, Some(&["user:ad".to_owned(), "a".to_owned()])).await?;
    assert!(records.live_chunks(&ada, &store, &points).await?.is_empty());
    // A list of nobody is not the same as no list.
    records.set_file_access(&scope, &file, Some(&[])).await?;
    assert!(records.live_chunks(&ada, &store, &points).await?.is_empty());
    records.set_file_access(&scope, &file, None).await?;
    assert_eq!(records.live_chunks(&stranger, &store, &points).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn what_rests_on_a_hidden_file_is_hidden() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let file = file(&records, &scope, "a.md").await?;
    let row = response("resp_1", "completed");
    // Another key of the same user, who is not in the group.
    let (ada, outside) = (ada(&scope, Role::Viewer), user(&scope, "key_2", "user:ada"));
    let conversation = conversation(&records, &ada).await?;
    let sources = [Origin::of(file.to_string())];
    let item = NewItem { id: "msg_1".to_owned(), body: "{}".to_owned(), sources: sources.to_vec() };
    let append = Append { conversation: conversation.clone(), items: vec![item] };
    records.keep_response(&ada, Keeping::New(&row), &sources, Some(&append)).await?;
    let id = Id::from_raw("resp_1");
    assert!(records.response(&outside, &id).await.is_ok());
    records.set_file_access(&scope, &file, Some(&["group:finance".to_owned()])).await?;
    assert!(records.response(&ada, &id).await.is_ok());
    let hidden = records.response(&outside, &id).await;
    assert_eq!(hidden.map_err(|e| e.kind()), Err(Kind::NotFound));
    let page = Page::first(10);
    assert_eq!(records.conversation_items(&ada, &conversation, &page).await?.len(), 1);
    assert!(records.conversation_items(&outside, &conversation, &page).await?.is_empty());
    Ok(())
}

fn user(scope: &Scope, key: &str, name: &str) -> Scope {
    Scope::grant(scope.tenant().clone(), Id::from_raw(key), Role::Viewer)
        .with_principals(vec![name.to_owned()])
}

/// What a caller is told of a stored answer and of a conversation, in every way there is.
async fn told(records: &Records, scope: &Scope, conversation: &Id) -> Vec<Option<Kind>> {
    let (id, item) = (Id::from_raw("resp_1"), Id::from_raw("msg_1"));
    let page = Page::first(10);
    let outcomes = [
        records.response(scope, &id).await.map(|_| ()),
        records.delete_response(scope, &id).await,
        records.conversation(scope, conversation).await.map(|_| ()),
        records.conversation_items(scope, conversation, &page).await.map(|_| ()),
        records.conversation_item(scope, conversation, &item).await.map(|_| ()),
        records.insert_items(scope, conversation, &[]).await,
        records.update_conversation(scope, conversation, (Some("{}"), None)).await,
        records.delete_item(scope, conversation, &item).await,
        records.delete_conversation(scope, conversation).await,
    ];
    outcomes.into_iter().map(|outcome| outcome.err().map(|error| error.kind())).collect()
}

#[tokio::test]
async fn an_answer_and_a_conversation_are_their_makers_and_the_editors() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let file = file(&records, &scope, "a.md").await?;
    let sources = [Origin::of(file.to_string())];
    let (ada, bob) = (ada(&scope, Role::Viewer), user(&scope, "key_bob", "user:bob"));
    let id = Id::from_raw("resp_1");
    let made = async |maker: &Scope| -> Result<Id> {
        let conversation = conversation(&records, maker).await?;
        let item =
            NewItem { id: "msg_1".to_owned(), body: "{}".to_owned(), sources: sources.to_vec() };
        let append = Append { conversation: conversation.clone(), items: vec![item] };
        let row = response("resp_1", "queued");
        let kept = Keeping::New(&row);
        records.keep_response_with(maker, kept, &sources, Some(&append), Some("{}")).await?;
        Ok(conversation)
    };
    let strangers =
        [&bob, &user(&scope, "key_group", "group:finance"), &plain(&scope, Role::Viewer)];
    // Another key of the same user, the maker, and an editor.
    for own in [&user(&scope, "key_new", "user:ada"), &ada, &scope] {
        let conversation = made(&ada).await?;
        for other in strangers {
            assert_eq!(told(&records, other, &conversation).await, [Some(Kind::NotFound); 9]);
            assert!(!records.update_response(other, &id, "cancelled", "{}").await?);
            assert!(records.response_sources(other, &id).await?.is_empty());
            assert!(records.provenance(other, &id).await?.is_none());
            assert!(records.conversation_sources(other, &conversation).await?.is_empty());
            let end = response("resp_1", "completed");
            let ended = records.keep_response(other, Keeping::Begun(&end), &[], None).await;
            assert_eq!(ended.map_err(|e| e.kind()), Err(Kind::Conflict));
        }
        assert!(records.update_response(own, &id, "in_progress", "{}").await?);
        assert_eq!(records.response_sources(own, &id).await?, sources);
        assert!(records.provenance(own, &id).await?.is_some());
        assert_eq!(records.conversation_sources(own, &conversation).await?, sources);
        assert_eq!(told(&records, own, &conversation).await, [None; 9]);
    }
    Ok(())
}

#[tokio::test]
async fn a_shared_conversation_is_read_and_added_to_by_all_and_changed_by_its_maker() -> Result<()>
{
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (ada, bob) = (ada(&scope, Role::Viewer), user(&scope, "key_bob", "user:bob"));
    let stranger = tenant(&records, "other").await?;
    let id = conversation(&records, &ada).await?;
    let item = |id: &str| NewItem { id: id.to_owned(), body: "{}".to_owned(), sources: Vec::new() };
    records.insert_items(&ada, &id, &[item("msg_1")]).await?;
    records.update_conversation(&ada, &id, (None, Some(true))).await?;
    assert_eq!(records.conversation(&bob, &id).await?.shared, 1);
    records.insert_items(&bob, &id, &[item("msg_2")]).await?;
    assert_eq!(records.conversation_items(&bob, &id, &Page::first(9)).await?.len(), 2);
    for refused in [
        records.update_conversation(&bob, &id, (Some("{}"), Some(false))).await,
        records.delete_item(&bob, &id, &Id::from_raw("msg_2")).await,
        records.delete_conversation(&bob, &id).await,
    ] {
        assert_eq!(refused.map_err(|e| e.kind()), Err(Kind::Forbidden));
    }
    assert_eq!(
        records.conversation(&stranger, &id).await.map_err(|e| e.kind()),
        Err(Kind::NotFound)
    );
    records.update_conversation(&ada, &id, (Some(r#"{"a":"b"}"#), None)).await?;
    let shown = records.conversation(&ada, &id).await?;
    assert_eq!((shown.shared, shown.metadata.as_str()), (1, r#"{"a":"b"}"#));
    records.update_conversation(&ada, &id, (None, Some(false))).await?;
    assert_eq!(records.conversation(&ada, &id).await?.metadata, r#"{"a":"b"}"#);
    assert_eq!(records.conversation(&bob, &id).await.map_err(|e| e.kind()), Err(Kind::NotFound));
    Ok(())
}

#[tokio::test]
async fn what_is_older_than_owners_stays_open_to_its_tenant() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (ada, bob) = (ada(&scope, Role::Viewer), user(&scope, "key_bob", "user:bob"));
    let id = conversation(&records, &ada).await?;
    let row = response("resp_1", "completed");
    records.keep_response(&ada, Keeping::New(&row), &[], None).await?;
    let mut tx = records.begin().await?;
    for statement in ["DELETE FROM response_owners", "DELETE FROM conversation_owners"] {
        sqlx::query(statement).execute(&mut *tx).await.or_internal("as it was before")?;
    }
    commit(tx).await?;
    assert!(records.response(&bob, &Id::from_raw("resp_1")).await.is_ok());
    assert!(records.conversation(&bob, &id).await.is_ok());
    records.delete_conversation(&bob, &id).await?;
    let stranger = tenant(&records, "other").await?;
    assert!(records.response(&stranger, &Id::from_raw("resp_1")).await.is_err());
    Ok(())
}

fn response(id: &str, status: &str) -> ResponseRow {
    ResponseRow {
        id: id.to_owned(),
        status: status.to_owned(),
        body: "{}".to_owned(),
        input: "[]".to_owned(),
        pieces: "[]".to_owned(),
        created_at: 0,
    }
}

async fn conversation(records: &Records, scope: &Scope) -> Result<Id> {
    let id = Id::generate("conv_");
    let metadata = "{}".to_owned();
    let row = ConversationRow { id: id.to_string(), metadata, created_at: 0, shared: 0 };
    records.insert_conversation(scope, &row, &[]).await?;
    Ok(id)
}

#[tokio::test]
async fn an_answer_that_quotes_what_is_gone_is_not_kept() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let file = file(&records, &scope, "a.md").await?;
    delete_file(&records, &scope, &file).await?;
    let row = response("resp_1", "completed");
    let gone = [Origin::of(file.to_string())];
    let refused = records.keep_response(&scope, Keeping::New(&row), &gone, None).await;
    assert_eq!(refused.map_err(|e| e.kind()), Err(Kind::Conflict));
    assert!(records.response(&scope, &Id::from_raw("resp_1")).await.is_err());
    Ok(())
}

#[tokio::test]
async fn what_was_found_through_a_store_is_known_unless_another_has_it_too() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let file = file(&records, &scope, "a.md").await?;
    let (one, other) = (store(&records, &scope).await?, store(&records, &scope).await?);
    ingest(&records, &scope, &one, &file).await?;
    ingest(&records, &scope, &other, &file).await?;
    let through = |stores: &[&Id]| {
        [Origin {
            file: file.to_string(),
            stores: stores.iter().map(|store| store.to_string()).collect(),
        }]
    };
    let keep = async |id: &str, sources: &[Origin]| {
        let row = response(id, "completed");
        records.keep_response(&scope, Keeping::New(&row), sources, None).await
    };
    keep("resp_1", &through(&[&one])).await?;
    keep("resp_2", &through(&[&one, &other])).await?;
    let mut tx = records.begin().await?;
    records.delete_store(&mut tx, &scope, &one).await?;
    assert_eq!(records.files_found_through(&mut tx, &one).await?, [file.to_string()]);
    let rows = records.responses_found_through(&mut tx, &scope, (&one, &file)).await?;
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["resp_1"]);
    for row in &rows {
        records.rewrite_response(&mut tx, row, &file).await?;
    }
    records.forget_asked(&mut tx, &one).await?;
    commit(tx).await?;
    assert!(records.response_sources(&scope, &Id::from_raw("resp_1")).await?.is_empty());
    let left = records.response_sources(&scope, &Id::from_raw("resp_2")).await?;
    assert_eq!(left, through(&[&other]));
    // What was under way meanwhile ends like what was complete.
    let late = keep("resp_3", &through(&[&one])).await;
    assert_eq!(late.map_err(|e| e.kind()), Err(Kind::Conflict));
    keep("resp_4", &through(&[&one, &other])).await?;
    let kept = records.response_sources(&scope, &Id::from_raw("resp_4")).await?;
    assert_eq!(kept, through(&[&other]));
    let gone = records.require_origins(&scope, &through(&[&one])).await;
    assert_eq!(gone.map_err(|e| e.kind()), Err(Kind::Conflict));
    records.detach_file(&scope, &other, &file).await?;
    records.require_origins(&scope, &through(&[&other])).await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_under_way_ends_once_and_not_after_it_was_deleted() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let id = Id::from_raw("resp_1");
    records.keep_response(&scope, Keeping::New(&response("resp_1", "queued")), &[], None).await?;
    assert_eq!(records.interrupted_responses().await?.len(), 1);
    assert!(records.update_response(&scope, &id, "in_progress", "{}").await?);
    let end = response("resp_1", "completed");
    records.keep_response(&scope, Keeping::Begun(&end), &[], None).await?;
    assert!(!records.update_response(&scope, &id, "cancelled", "{}").await?);
    let again = records.keep_response(&scope, Keeping::Begun(&end), &[], None).await;
    assert_eq!(again.map_err(|e| e.kind()), Err(Kind::Conflict));
    records.delete_response(&scope, &id).await?;
    let late = records.keep_response(&scope, Keeping::Begun(&end), &[], None).await;
    assert_eq!(late.map_err(|e| e.kind()), Err(Kind::Conflict));
    Ok(())
}

#[tokio::test]
async fn a_conversation_is_read_in_order_from_any_item() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    let id = conversation(&records, &scope).await?;
    // Ids of different kinds do not sort in the order of the conversation.
    let names = ["msg_a", "fs_b", "msg_c", "fs_d", "msg_e"];
    let items: Vec<NewItem> = names
        .iter()
        .map(|name| NewItem { id: (*name).to_owned(), body: "{}".to_owned(), sources: Vec::new() })
        .collect();
    records.insert_items(&scope, &id, &items).await?;
    let ids = |rows: Vec<ItemRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let listed = records.conversation_items(&scope, &id, &Page::first(2)).await?;
    assert_eq!(ids(listed), ["msg_e", "fs_d"]);
    let after = Page { after: Some(Id::from_raw("fs_d")), ..Page::first(2) };
    assert_eq!(ids(records.conversation_items(&scope, &id, &after).await?), ["msg_c", "fs_b"]);
    let before = Page { before: Some(Id::from_raw("msg_a")), ..Page::first(2) };
    assert_eq!(ids(records.conversation_items(&scope, &id, &before).await?), ["msg_c", "fs_b"]);
    records.delete_item(&scope, &id, &Id::from_raw("msg_c")).await?;
    let all = Page { order: Order::Ascending, ..Page::first(9) };
    assert_eq!(
        ids(records.conversation_items(&scope, &id, &all).await?),
        ["msg_a", "fs_b", "fs_d", "msg_e"]
    );
    for outcome in [
        records.conversation(&other, &id).await.map(|_| ()),
        records.conversation_items(&other, &id, &all).await.map(|_| ()),
        records.conversation_item(&other, &id, &Id::from_raw("msg_a")).await.map(|_| ()),
        records.insert_items(&other, &id, &items).await,
        records.update_conversation(&other, &id, (Some("{}"), None)).await,
        records.delete_conversation(&other, &id).await,
    ] {
        assert_eq!(outcome.map_err(|e| e.kind()), Err(Kind::NotFound));
    }
    records.delete_conversation(&scope, &id).await?;
    assert!(records.conversation_items(&scope, &id, &all).await.is_err());
    Ok(())
}

#[tokio::test]
async fn an_upload_is_completed_once_and_its_parts_go() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    let now = records.clock().now();
    let row = UploadRow {
        id: "upload_1".to_owned(),
        filename: "a.md".to_owned(),
        purpose: "assistants".to_owned(),
        bytes: 3,
        file_seconds: None,
        status: "pending".to_owned(),
        file_id: None,
        created_at: now,
        expires_at: now + 3_600_000,
    };
    records.insert_upload(&scope, &row).await?;
    let id = Id::from_raw("upload_1");
    let part = PartRow { id: "part_1".to_owned(), bytes: 3, created_at: now };
    assert!(!records.insert_part(&other, &id, &part).await?);
    assert!(records.insert_part(&scope, &id, &part).await?);
    assert_eq!(records.upload_parts(&scope, &id).await?.len(), 1);
    let file = FileRow {
        id: "file-1".to_owned(),
        filename: "a.md".to_owned(),
        purpose: "assistants".to_owned(),
        bytes: 3,
        sha256: "00".to_owned(),
        created_at: now,
        expires_at: None,
        restricted: 0,
    };
    assert!(!records.complete_upload(&other, &id, &file).await?);
    assert!(records.complete_upload(&scope, &id, &file).await?);
    assert!(!records.complete_upload(&scope, &id, &file).await?);
    assert!(!records.insert_part(&scope, &id, &PartRow { id: "part_2".to_owned(), ..part }).await?);
    assert_eq!(records.upload(&scope, &id).await?.file_id.as_deref(), Some("file-1"));
    let gone: Vec<String> = records
        .pending_blob_removals(10)
        .await?
        .iter()
        .map(|path| path.as_str().to_owned())
        .collect();
    assert_eq!(gone, [format!("tenants/{}/uploads/upload_1/part_1", scope.tenant())]);
    Ok(())
}

#[tokio::test]
async fn a_deleted_tenant_leaves_nothing_but_what_waits_to_go() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    ingest(&records, &scope, &store, &file).await?;
    conversation(&records, &scope).await?;
    let admin = plain(&other, Role::Admin);
    let mut tx = records.begin().await?;
    let own = records.delete_tenant(&mut tx, &admin, other.tenant()).await;
    assert_eq!(own.map(|_| ()).map_err(|e| e.kind()), Err(Kind::Conflict));
    let editor = records.delete_tenant(&mut tx, &other, scope.tenant()).await;
    assert_eq!(editor.map(|_| ()).map_err(|e| e.kind()), Err(Kind::Forbidden));
    let gone = records.delete_tenant(&mut tx, &admin, scope.tenant()).await?;
    commit(tx).await?;
    assert!(gone.contains(&("chunks", 2)) && gone.contains(&("files", 1)), "{gone:?}");
    assert_eq!(records.pending_index_drops().await?, [store.as_str()]);
    assert_eq!(records.pending_tenant_removals().await?, [scope.tenant().as_str()]);
    assert!(records.tenant_name(&scope).await.is_err());
    assert_eq!(records.list_tenants(&admin).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_remembered_answer_goes_with_what_it_was_made_of() -> Result<()> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let clock = Clock::manual(1_000);
    let records = Records::open(&dir.path().join("records.db"), clock.clone()).await?;
    let scope = tenant(&records, "t").await?;
    let row = |path: &str, body: &str| RememberedRow {
        fingerprint: "f".to_owned(),
        path: path.to_owned(),
        status: 200,
        headers: "{}".to_owned(),
        body: body.as_bytes().to_vec(),
        created_at: clock.now(),
    };
    let answer = row("/v1/responses", "words");
    let made = row("/v1/files", "{\"id\": \"file-1\"}");
    records.remember(&scope, "answer", &answer, clock.now()).await?;
    records.remember(&scope, "made", &made, clock.now()).await?;
    let found = async |name: &str| records.remembered(&scope, name, 0).await;
    assert_eq!(found("answer").await?.as_ref(), Some(&answer));
    let mut tx = records.begin().await?;
    records.forget_naming(&mut tx, &scope, &Id::from_raw("file-2")).await?;
    commit(tx).await?;
    assert!(found("answer").await?.is_none() && found("made").await?.is_some());
    // One that was begun before is not kept afterwards.
    records.remember(&scope, "late", &answer, clock.now()).await?;
    assert!(found("late").await?.is_none());
    clock.advance(1);
    records.remember(&scope, "new", &answer, clock.now()).await?;
    assert!(found("new").await?.is_some());
    let mut tx = records.begin().await?;
    records.forget_naming(&mut tx, &scope, &Id::from_raw("file-1")).await?;
    commit(tx).await?;
    assert!(found("made").await?.is_none());
    assert_eq!(records.forget_remembered(clock.now()).await?, 0);
    Ok(())
}

#[tokio::test]
async fn nothing_deleted_is_left_in_the_file_after_it_was_written_anew() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let planted = "zanzibarquartz";
    let mut files = Vec::new();
    for n in 0..40 {
        files.push(file(&records, &scope, &format!("{planted}-{n}.md")).await?);
    }
    for file in &files[..39] {
        delete_file(&records, &scope, file).await?;
    }
    records.compact().await?;
    let database = std::fs::read(_dir.path().join("records.db")).or_internal("reading it")?;
    let count = database.windows(planted.len()).filter(|some| *some == planted.as_bytes()).count();
    assert_eq!(count, 1, "one file is left");
    let log = std::fs::metadata(_dir.path().join("records.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0);
    Ok(())
}

#[tokio::test]
async fn upkeep_sees_what_does_not_belong_together() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    ingest(&records, &scope, &store, &file).await?;
    // The vectors here have two numbers of four bytes.
    assert!(records.attachments_without_vectors(8).await?.is_empty());
    let odd = records.attachments_without_vectors(12).await?;
    assert_eq!(odd, [(scope.tenant().to_string(), store.to_string(), file.to_string())]);
    let mut tx = records.begin().await?;
    assert!(records.reopen_file(&mut tx, &scope, &store, &file).await?.is_some());
    assert_eq!(records.reopen_file(&mut tx, &scope, &store, &file).await?, None);
    commit(tx).await?;
    let owned = format!("tenants/{}/files/{file}", scope.tenant());
    let orphan = "tenants/ten_x/files/file-x".to_owned();
    assert_eq!(records.orphans_among(vec![owned, orphan.clone()]).await?, [orphan]);
    Ok(())
}

#[tokio::test]
async fn what_has_expired_is_gone_before_it_is_deleted() -> Result<()> {
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let clock = Clock::manual(1_000_000);
    let records = Records::open(&dir.path().join("records.db"), clock.clone()).await?;
    let scope = tenant(&records, "t").await?;
    let id = Id::generate("file-");
    let row = FileRow {
        id: id.to_string(),
        filename: "a.md".to_owned(),
        purpose: "assistants".to_owned(),
        bytes: 3,
        sha256: "00".to_owned(),
        created_at: clock.now(),
        expires_at: Some(clock.now() + 1000),
        restricted: 0,
    };
    records.insert_file(&scope, &row).await?;
    let store = store(&records, &scope).await?;
    let points = ingest(&records, &scope, &store, &id).await?;
    assert_eq!(records.file(&scope, &id).await?, row);
    assert_eq!(records.live_chunks(&scope, &store, &points).await?.len(), 2);
    clock.advance(1000);
    assert!(records.file(&scope, &id).await.is_err());
    assert!(records.store_file(&scope, &store, &id).await.is_err());
    assert!(records.live_chunks(&scope, &store, &points).await?.is_empty());
    let page = Page::first(10);
    assert!(records.list_files(&scope, None, &page).await?.is_empty());
    assert!(records.list_store_files(&scope, &store, None, None, &page).await?.is_empty());
    let due = records.expired_files(10).await?;
    assert_eq!(due, [(scope.tenant().to_string(), id.to_string(), None)]);
    delete_file(&records, &scope, &id).await?;
    assert!(records.expired_files(10).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn of_a_file_that_somebody_ended_it_is_known_who_did() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (ended, kept) =
        (file(&records, &scope, "a.md").await?, file(&records, &scope, "b.md").await?);
    let mut tx = records.begin().await?;
    records.expire_file(&mut tx, &scope, ended.as_str()).await?;
    commit(tx).await?;
    assert!(records.file(&scope, &ended).await.is_err());
    assert!(records.file(&scope, &kept).await.is_ok());
    let by = Some(scope.principal().to_string());
    let due = (scope.tenant().to_string(), ended.to_string(), by);
    assert_eq!(records.expired_files(10).await?, [due]);
    Ok(())
}

#[tokio::test]
async fn a_store_in_use_does_not_expire() -> Result<()> {
    const DAY: i64 = 86_400_000;
    let dir = tempfile::tempdir().or_internal("a folder")?;
    let clock = Clock::manual(DAY);
    let records = Records::open(&dir.path().join("records.db"), clock.clone()).await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    ingest(&records, &scope, &store, &file).await?;
    let mut row = records.store(&scope, &store).await?;
    assert_eq!(row.expires_at(), None);
    row.expires_after_days = Some(2);
    records.update_store(&scope, &row).await?;
    clock.advance(DAY);
    records.touch_store(&scope, &store).await?;
    clock.advance(DAY);
    assert!(records.files_of_expired_stores(10).await?.is_empty());
    clock.advance(DAY);
    let due = records.files_of_expired_stores(10).await?;
    let ids = (scope.tenant().to_string(), store.to_string(), file.to_string());
    assert_eq!(due, [ids]);
    records.detach_file(&scope, &store, &file).await?;
    assert!(records.files_of_expired_stores(10).await?.is_empty());
    assert_eq!(records.store(&scope, &store).await?.expires_at(), Some(4 * DAY));
    Ok(())
}
