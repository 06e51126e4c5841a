use super::*;

async fn source(records: &Records, scope: &Scope, store: &Id) -> Result<Id> {
    let id = Id::generate("src_");
    let row = SourceRow {
        id: id.to_string(),
        tenant_id: scope.tenant().to_string(),
        store_id: store.to_string(),
        name: "docs".to_owned(),
        kind: "folder".to_owned(),
        config: "{}".to_owned(),
        secrets: String::new(),
        attributes: "{}".to_owned(),
        every_seconds: 60,
        principal_id: "key_test".to_owned(),
        role: "editor".to_owned(),
        state: "idle".to_owned(),
        paused: 0,
        held: None,
        requested: 1,
        next_run_at: 0,
        failures: 0,
        started_at: None,
        finished_at: None,
        outcome: None,
        error: None,
        counts: "{}".to_owned(),
        created_at: 0,
        updated_at: 0,
    };
    records.insert_source(scope, &row).await?;
    Ok(id)
}

/// So many runs of each tenant, whatever others do.
fn each(each: i64) -> RunsAllowed {
    RunsAllowed { each, shared: i64::MAX }
}

async fn queue(records: &Records, scope: &Scope, id: &Id, allowed: RunsAllowed) -> Result<bool> {
    let mut tx = records.begin().await?;
    let queued = records.queue_source(&mut tx, scope, id, allowed).await?;
    commit(tx).await?;
    Ok(queued.is_some())
}

fn facts(key: &str, version: &str) -> SourceItemFacts {
    SourceItemFacts {
        key: key.to_owned(),
        version: version.to_owned(),
        name: key.to_owned(),
        bytes: Some(3),
        modified_at: None,
        attributes: "{}".to_owned(),
    }
}

/// Takes a version of `a.md` with a new file, attached and being read.
async fn take(
    records: &Records,
    scope: &Scope,
    (store, source): (&Id, &Id),
    version: &str,
) -> Result<Id> {
    let file = file(records, scope, "a.md").await?;
    let mut tx = records.begin().await?;
    records.attach_file(&mut tx, scope, store, &attachment(&file)).await?;
    let of = ("00", &file);
    records.take_item(&mut tx, scope, source, &facts("a.md", version), of).await?;
    commit(tx).await?;
    Ok(file)
}

async fn item(records: &Records, scope: &Scope, source: &Id) -> Result<SourceItemRow> {
    let found = records.find_item(scope, source, "a.md").await?;
    found.ok_or_else(|| Error::not_found("the item"))
}

#[tokio::test]
async fn no_tenant_keeps_the_others_waiting() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (many, few) = (tenant(&records, "many").await?, tenant(&records, "few").await?);
    let store_of_many = store(&records, &many).await?;
    let mut sources = Vec::new();
    for _ in 0..4 {
        sources.push(source(&records, &many, &store_of_many).await?);
    }
    let own = source(&records, &few, &store(&records, &few).await?).await?;
    assert_eq!(records.due_sources(each(2), 10).await?.len(), 5);
    let mut begun = Vec::new();
    for id in &sources {
        begun.push(queue(&records, &many, id, each(2)).await?);
    }
    assert_eq!(begun, [true, true, false, false]);
    let due = records.due_sources(each(2), 10).await?;
    assert_eq!(due.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), [own.as_str()]);
    assert!(queue(&records, &few, &own, each(2)).await?);
    assert!(!queue(&records, &few, &own, each(2)).await?, "once is enough");
    // Nobody else's.
    assert!(records.source(&few, &sources[0]).await.is_err());
    assert!(records.start_source(&few, &sources[0]).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn the_first_run_of_a_tenant_waits_for_no_further_ones_of_others() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (many, few) = (tenant(&records, "many").await?, tenant(&records, "few").await?);
    let (of_many, of_few) = (store(&records, &many).await?, store(&records, &few).await?);
    let allowed = RunsAllowed { each: 3, shared: 2 };
    let mut begun = Vec::new();
    for _ in 0..3 {
        let id = source(&records, &many, &of_many).await?;
        begun.push(queue(&records, &many, &id, allowed).await?);
    }
    assert_eq!(begun, [true, true, false], "all that is shared is taken");
    let first = source(&records, &few, &of_few).await?;
    let second = source(&records, &few, &of_few).await?;
    let due = records.due_sources(allowed, 10).await?;
    assert!(due.len() == 2 && due.iter().all(|row| row.tenant_id == few.tenant().as_str()));
    assert!(queue(&records, &few, &first, allowed).await?);
    assert!(!queue(&records, &few, &second, allowed).await?);
    assert_eq!(records.due_sources(allowed, 10).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_removal_is_on_behalf_of_who_asked_for_it_first() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let id = source(&records, &scope, &store(&records, &scope).await?).await?;
    for (key, role) in [("key_ada", Role::Admin), ("key_ida", Role::Editor)] {
        let who = Scope::grant(scope.tenant().clone(), Id::from_raw(key), role);
        records.begin_source_removal(&who, &id).await?;
    }
    let rows = records.sources_to_remove(10).await?;
    let who: Vec<(&str, &str)> =
        rows.iter().map(|row| (row.principal_id.as_str(), row.role.as_str())).collect();
    assert_eq!(who, [("key_ada", "admin")]);
    Ok(())
}

#[tokio::test]
async fn what_is_asked_for_during_a_run_is_not_lost() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let id = source(&records, &scope, &store(&records, &scope).await?).await?;
    assert!(queue(&records, &scope, &id, each(1)).await?);
    records.start_source(&scope, &id).await?;
    records.ask_source(&scope, &id, (true, false)).await?;
    records.ask_source(&scope, &id, (false, true)).await?;
    let end = SourceEnd {
        outcome: "completed",
        error: None,
        held: None,
        counts: "{}".to_owned(),
        next_run_at: i64::MAX,
        failures: 0,
    };
    let mut tx = records.begin().await?;
    records.finish_source(&mut tx, &scope, &id, &end).await?;
    commit(tx).await?;
    let mut tx = records.begin().await?;
    let asked = records.queue_source(&mut tx, &scope, &id, each(1)).await?;
    assert_eq!(asked.map(|asked| (asked.confirmed, asked.retried)), Some((1, 1)));
    Ok(())
}

#[tokio::test]
async fn an_item_answers_by_one_file_and_says_what_became_of_the_other() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    let id = source(&records, &scope, &store).await?;
    assert!(take(&records, &scope, (&store, &id), "1").await.is_err(), "no run is under way");
    queue(&records, &scope, &id, each(1)).await?;
    records.start_source(&scope, &id).await?;

    let first = take(&records, &scope, (&store, &id), "1").await?;
    assert_eq!(item(&records, &scope, &id).await?.state, "pending");
    assert_eq!(records.items_being_read(&scope, &id).await?, 1);
    let mut tx = records.begin().await?;
    let revision = records.store_file(&scope, &store, &first).await?.revision;
    records.settle_file(&mut tx, &scope, (&store, &first, revision), Ok(1)).await?;
    let pending = records.item_of_pending(&mut tx, &scope, &store, &first).await?;
    let pending = pending.ok_or_else(|| Error::not_found("the pending item"))?;
    assert_eq!(pending.file_id, None);
    records.promote_item(&mut tx, &scope, &pending.id, None).await?;
    commit(tx).await?;
    let held = item(&records, &scope, &id).await?;
    assert_eq!((held.state.as_str(), held.file_id.as_deref()), ("ready", Some(first.as_str())));

    // A newer one that is unreadable leaves it answering.
    let second = take(&records, &scope, (&store, &id), "2").await?;
    let mut tx = records.begin().await?;
    let pending = records.item_of_pending(&mut tx, &scope, &store, &second).await?;
    let pending = pending.ok_or_else(|| Error::not_found("the pending item"))?;
    assert_eq!(pending.file_status.as_deref(), Some("completed"));
    records.keep_older(&mut tx, &scope, &pending.id, ("damaged", None)).await?;
    records.delete_file(&mut tx, &scope, &second).await?;
    commit(tx).await?;
    let held = item(&records, &scope, &id).await?;
    assert_eq!((held.state.as_str(), held.file_id.as_deref()), ("failed", Some(first.as_str())));
    assert_eq!((held.failed_version.as_deref(), held.attempts), (Some("2"), 1));

    // Somebody deletes it; then the store, and with it the source.
    records.forgive_item(&scope, &held.id).await?;
    let mut tx = records.begin().await?;
    records.delete_file(&mut tx, &scope, &first).await?;
    commit(tx).await?;
    assert_eq!(item(&records, &scope, &id).await?.state, "removed");
    let mut tx = records.begin().await?;
    records.delete_store(&mut tx, &scope, &store).await?;
    commit(tx).await?;
    assert_eq!(records.source(&scope, &id).await.map_err(|e| e.kind()), Err(Kind::NotFound));
    assert!(records.held_items(&scope, &id).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_failed_item_keeps_what_is_held_and_is_due_when_it_says() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let id = source(&records, &scope, &store(&records, &scope).await?).await?;
    records.fail_item(&scope, &id, &facts("a.md", "1"), ("no answer", Some(1))).await?;
    records.fail_item(&scope, &id, &facts("a.md", ""), ("not listed", Some(1))).await?;
    records.fail_item(&scope, &id, &facts("b.md", "1"), ("too large", None)).await?;
    let due = records.items_to_retry(&scope, &id).await?;
    assert_eq!(due.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a.md"]);
    assert_eq!((due[0].attempts, due[0].failed_version.as_deref()), (2, Some("1")));
    let listed = records.list_items(&scope, &id, Some("failed"), &Page::first(10)).await?;
    assert_eq!(listed.len(), 2);
    assert_eq!(records.list_items(&scope, &id, Some("ready"), &Page::first(10)).await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_newer_version_is_closed_as_the_one_it_replaces() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (ours, theirs) = (tenant(&records, "ours").await?, tenant(&records, "theirs").await?);
    let older = file(&records, &ours, "older.md").await?;
    let inherited = async |scope: &Scope, list: Option<&[String]>| -> Result<_> {
        records.set_file_access(&ours, &older, list).await?;
        let newer = file(&records, &ours, "newer.md").await?;
        let mut tx = records.begin().await?;
        let closed = records.inherit_access(&mut tx, scope, &older, &newer).await?;
        commit(tx).await?;
        Ok((closed, records.file_access(&ours, &newer).await?))
    };
    let list = ["group:a".to_owned(), "user:ada".to_owned()];
    assert_eq!(inherited(&ours, None).await?, (false, None));
    assert_eq!(inherited(&ours, Some(&list)).await?, (true, Some(list.to_vec())));
    assert_eq!(inherited(&ours, Some(&[])).await?, (true, Some(Vec::new())), "a list of nobody");
    assert_eq!(inherited(&theirs, Some(&list)).await?, (false, None));
    Ok(())
}
