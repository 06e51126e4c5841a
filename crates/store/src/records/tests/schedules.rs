use super::*;

fn row(scope: &Scope, (store, set): (&Id, &Id), name: &str) -> ScheduleRow {
    ScheduleRow {
        id: Id::generate("esch_").to_string(),
        tenant_id: scope.tenant().to_string(),
        store_id: store.to_string(),
        set_id: set.to_string(),
        name: name.to_owned(),
        plan: "{}".to_owned(),
        every_seconds: 3600,
        after_reindex: 1,
        after_ranking: 0,
        after_documents: 5,
        keep_runs: 2,
        principal_id: "key_test".to_owned(),
        role: "editor".to_owned(),
        principals: "[]".to_owned(),
        paused: 0,
        next_run_at: 100,
        not_before: 0,
        seen_generation: 1,
        seen_ranking: 0,
        seen_documents: 0,
        seen_at: 0,
        error: None,
        created_at: 0,
        updated_at: 0,
    }
}

async fn set(records: &Records, scope: &Scope, store: &Id) -> Result<Id> {
    let id = Id::generate("qset_");
    let row = QuestionSetRow {
        id: id.to_string(),
        store_id: store.to_string(),
        name: "s".to_owned(),
        fingerprint: id.to_string(),
        wish: None,
        status: "ready".to_owned(),
        fraction: 1.0,
        error: None,
        created_at: 0,
    };
    let mut tx = records.begin().await?;
    records.insert_question_set(&mut tx, scope, &row).await?;
    commit(tx).await?;
    Ok(id)
}

/// Begins a run of a schedule; none when it may not.
async fn begin(records: &Records, scope: &Scope, schedule: &ScheduleRow) -> Result<Option<Id>> {
    let id = Id::generate("eval_");
    let run = EvaluationRow {
        id: id.to_string(),
        store_id: schedule.store_id.clone(),
        set_id: schedule.set_id.clone(),
        plan: "{}".to_owned(),
        status: "queued".to_owned(),
        stage: "queued".to_owned(),
        fraction: 0.0,
        error: None,
        result: None,
        worse: None,
        schedule_id: Some(schedule.id.clone()),
        occasion: Some("time".to_owned()),
        created_at: 0,
        finished_at: None,
    };
    let mut tx = records.begin().await?;
    if !records.take_schedule(&mut tx, scope, schedule).await? {
        return Ok(None);
    }
    records.insert_evaluation(&mut tx, scope, &run).await?;
    commit(tx).await?;
    Ok(Some(id))
}

async fn end(records: &Records, scope: &Scope, run: &Id, end: EvaluationEnd<'_>) -> Result<u64> {
    let mut tx = records.begin().await?;
    assert!(records.finish_evaluation(&mut tx, scope, run, end).await?);
    let gone = records.prune_scheduled(&mut tx, scope, run).await?;
    commit(tx).await?;
    Ok(gone)
}

#[tokio::test]
async fn a_tenant_has_one_scheduled_run_at_a_time() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    let (ours, theirs) = (store(&records, &scope).await?, store(&records, &other).await?);
    let (our_set, their_set) =
        (set(&records, &scope, &ours).await?, set(&records, &other, &theirs).await?);
    let one = row(&scope, (&ours, &our_set), "one");
    let two = row(&scope, (&ours, &our_set), "two");
    let third = row(&other, (&theirs, &their_set), "third");
    assert!(records.insert_schedule(&scope, &one, 2).await?);
    assert!(records.insert_schedule(&scope, &two, 2).await?);
    assert!(!records.insert_schedule(&scope, &row(&scope, (&ours, &our_set), "x"), 2).await?);
    assert!(records.insert_schedule(&other, &third, 2).await?);
    let waiting = async || -> Result<Vec<String>> {
        let rows = records.schedules_to_look_at(None, 10).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    };
    assert_eq!(waiting().await?, ["one", "two", "third"]);
    let taken = ScheduleRow { next_run_at: 9, not_before: 8, seen_at: 7, ..one.clone() };
    let run = begin(&records, &scope, &taken).await?.ok_or_else(|| Error::internal("no run"))?;
    assert!(begin(&records, &scope, &two).await?.is_none(), "one of the tenant is open");
    assert_eq!(waiting().await?, ["third"]);
    let held = records.schedule(&scope, &Id::from_raw(&*one.id)).await?;
    assert_eq!((held.next_run_at, held.not_before, held.seen_at), (9, 8, 7));
    let last = records.last_scheduled(&scope, &one.id).await?;
    assert_eq!(last.map(|row| row.id).as_deref(), Some(run.as_str()));
    end(&records, &scope, &run, EvaluationEnd::Failed("for a reason")).await?;
    assert_eq!(waiting().await?, ["two", "third", "one"]);
    // Page by page nothing is left out.
    let (mut paged, mut after): (Vec<String>, Option<ScheduleRow>) = (Vec::new(), None);
    loop {
        let mut rows = records.schedules_to_look_at(after.as_ref(), 1).await?;
        let Some(row) = rows.pop() else { break };
        paged.push(row.name.clone());
        after = Some(row);
    }
    assert_eq!(paged, ["two", "third", "one"]);
    // Nobody else sees, changes or deletes it.
    let (id, page) = (Id::from_raw(&*one.id), Page::first(10));
    for hidden in [
        records.schedule(&other, &id).await.map(|_| ()),
        records.update_schedule(&other, &one).await,
        records.pause_schedule(&other, &id, None).await,
        records.delete_schedule(&other, &id).await,
    ] {
        assert_eq!(hidden.map_err(|e| e.kind()), Err(Kind::NotFound));
    }
    assert!(records.last_scheduled(&other, &one.id).await?.is_none());
    assert_eq!(records.list_schedules(&other, None, None, &page).await?.len(), 1);
    assert_eq!(records.list_schedules(&scope, Some(&ours), Some(&our_set), &page).await?.len(), 2);
    records.pause_schedule(&scope, &id, Some("its key is gone")).await?;
    let held = records.schedule(&scope, &id).await?;
    assert_eq!((held.paused, held.error.as_deref()), (1, Some("its key is gone")));
    assert_eq!(waiting().await?, ["two", "third"]);
    let resumed = ScheduleRow { paused: 0, next_run_at: 5000, ..held };
    records.update_schedule(&scope, &resumed).await?;
    let held = records.schedule(&scope, &id).await?;
    assert_eq!((held.next_run_at, held.error), (9, None), "as often as before, so as it was");
    records.update_schedule(&scope, &ScheduleRow { every_seconds: 7200, ..resumed }).await?;
    assert_eq!(records.schedule(&scope, &id).await?.next_run_at, 5000);
    Ok(())
}

#[tokio::test]
async fn old_runs_go_but_the_one_that_the_next_is_compared_with() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    let set = set(&records, &scope, &store).await?;
    let schedule = row(&scope, (&store, &set), "nightly");
    records.insert_schedule(&scope, &schedule, 10).await?;
    let mut runs = Vec::new();
    let mut gone = 0;
    for number in 0..5 {
        let run = begin(&records, &scope, &schedule).await?;
        let run = run.ok_or_else(|| Error::internal("no run"))?;
        let good = EvaluationEnd::Succeeded { result: "{}", worse: None };
        let how = if number < 2 { good } else { EvaluationEnd::Failed("for a reason") };
        gone += end(&records, &scope, &run, how).await?;
        runs.push(run.to_string());
    }
    let page = Page { order: Order::Ascending, ..Page::first(10) };
    let id = Id::from_raw(&*schedule.id);
    let left = records.list_evaluations(&scope, None, (None, Some(&id)), &page).await?;
    let left: Vec<String> = left.into_iter().map(|row| row.id).collect();
    assert_eq!(left, [&*runs[1], &*runs[3], &*runs[4]], "the newest good one, and two more");
    assert_eq!(gone, 2);
    let next = Id::generate("eval_");
    let before = records.evaluations_before(&scope, (&set, Some(&schedule.id)), &next, 1).await?;
    assert_eq!(before[0].id, runs[1]);
    // Without their schedule they stay.
    records.delete_schedule(&scope, &id).await?;
    let left = records.list_evaluations(&scope, None, (Some(&set), None), &page).await?;
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|row| row.schedule_id.is_none()));
    Ok(())
}

#[tokio::test]
async fn what_changes_of_a_store_is_seen() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    let first = file(&records, &scope, "a.md").await?;
    ingest(&records, &scope, &store, &first).await?;
    let before = records.store_state(&scope, &store).await?;
    assert_eq!((before.generation, before.ranking), (1, 0));
    let counted = records.documents_since(&scope, &store, 0).await?;
    assert_eq!((counted.documents, counted.came, counted.came_read), (1, 1, 1));
    let later = records.clock().now() + 1000;
    let counted = records.documents_since(&scope, &store, later).await?;
    assert_eq!((counted.documents, counted.came, counted.came_read), (1, 0, 0));
    Ok(())
}

#[tokio::test]
async fn words_of_judgements_go_with_their_question_and_their_file() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    let store = store(&records, &scope).await?;
    let (kept, gone) =
        (file(&records, &scope, "a.md").await?, file(&records, &scope, "b.md").await?);
    ingest(&records, &scope, &store, &kept).await?;
    assert_eq!(records.texts_in_store(&scope, (&store, &kept), false).await?, [0]);
    assert!(records.texts_in_store(&scope, (&store, &gone), false).await?.is_empty());
    assert_eq!(records.texts_in_store(&scope, (&store, &gone), true).await?, [0]);
    let set = set(&records, &scope, &store).await?;
    let question = |id: &str| QuestionRow {
        id: id.to_owned(),
        origin: "user".to_owned(),
        kind: "question".to_owned(),
        text: "Who?".to_owned(),
        answerable: 1,
        relevant: "[]".to_owned(),
        expected: "[]".to_owned(),
        source_file_id: None,
    };
    let words = |question: &str, file: &Id| JudgedWordsRow {
        question_id: question.to_owned(),
        place: 0,
        file_id: file.to_string(),
        text_version: 0,
        words: "Ida kept it.".to_owned(),
        words_end: None,
        nth: 0,
        occurrences: 1,
    };
    let all = [words("q_1", &kept), words("q_1", &gone), words("q_none", &kept)];
    let mut tx = records.begin().await?;
    records.insert_questions(&mut tx, &scope, &set, &[question("q_1")]).await?;
    records.insert_judged_words(&mut tx, &scope, &all).await?;
    commit(tx).await?;
    assert_eq!(records.judged_words(&scope, &set).await?.len(), 2, "there is no such question");
    assert!(records.judged_words(&other, &set).await?.is_empty());
    delete_file(&records, &scope, &gone).await?;
    assert_eq!(records.judged_words(&scope, &set).await?, [words("q_1", &kept)]);
    let mut tx = records.begin().await?;
    records.delete_question_set(&mut tx, &scope, &set).await?;
    commit(tx).await?;
    assert!(records.judged_words(&scope, &set).await?.is_empty());
    Ok(())
}
