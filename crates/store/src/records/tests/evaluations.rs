use super::*;

fn question(id: &str, source: Option<&Id>) -> QuestionRow {
    QuestionRow {
        id: id.to_owned(),
        origin: if source.is_some() { "extractive" } else { "user" }.to_owned(),
        kind: "question".to_owned(),
        text: format!("Who is {id}?"),
        answerable: 1,
        relevant: "[]".to_owned(),
        expected: "[]".to_owned(),
        source_file_id: source.map(Id::to_string),
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

async fn begin(records: &Records, scope: &Scope, store: &Id, set: &Id) -> Result<Id> {
    let id = Id::generate("eval_");
    let row = EvaluationRow {
        id: id.to_string(),
        store_id: store.to_string(),
        set_id: set.to_string(),
        plan: "{}".to_owned(),
        status: "queued".to_owned(),
        stage: "queued".to_owned(),
        fraction: 0.0,
        error: None,
        result: None,
        worse: None,
        schedule_id: None,
        occasion: None,
        created_at: 0,
        finished_at: None,
    };
    let mut tx = records.begin().await?;
    records.insert_evaluation(&mut tx, scope, &row).await?;
    commit(tx).await?;
    Ok(id)
}

fn result(question: &str, source: &Id) -> NewEvaluationResult {
    NewEvaluationResult {
        configuration: 0,
        question: question.to_owned(),
        outcome: "{}".to_owned(),
        answer: Some("{\"text\": \"Ida\"}".to_owned()),
        sources: vec![source.to_string()],
    }
}

#[tokio::test]
async fn a_result_is_kept_once_and_not_after_the_end() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let (file, store) = (file(&records, &scope, "a.md").await?, store(&records, &scope).await?);
    let set = set(&records, &scope, &store).await?;
    let run = begin(&records, &scope, &store, &set).await?;
    for _ in 0..2 {
        let results = [result("q_1", &file)];
        assert!(records.progress_evaluation(&scope, &run, ("asking", 0.5), &results).await?);
    }
    let page = Page::first(10);
    let held = records.evaluation_results(&scope, &run, Some(0), &page).await?;
    assert_eq!(held.len(), 1);
    assert!(records.evaluation_results(&scope, &run, Some(1), &page).await?.is_empty());
    let mut tx = records.begin().await?;
    let end = EvaluationEnd::Succeeded { result: "{}", worse: Some(true) };
    assert!(records.finish_evaluation(&mut tx, &scope, &run, end).await?);
    commit(tx).await?;
    let late = [result("q_2", &file)];
    assert!(!records.progress_evaluation(&scope, &run, ("asking", 0.9), &late).await?);
    assert_eq!(records.evaluation_results(&scope, &run, None, &page).await?.len(), 1);
    let row = records.evaluation(&scope, &run).await?;
    assert_eq!((row.status.as_str(), row.worse, row.fraction), ("succeeded", Some(1), 1.0));
    // The run after it is compared with it, and not with itself.
    let next = begin(&records, &scope, &store, &set).await?;
    let before = records.evaluations_before(&scope, (&set, None), &next, 5).await?;
    assert_eq!(before.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), [run.as_str()]);
    assert!(records.evaluations_before(&scope, (&set, None), &run, 5).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_deleted_file_takes_its_questions_and_the_answers_that_rest_on_it() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    let (gone, kept) =
        (file(&records, &scope, "a.md").await?, file(&records, &scope, "b.md").await?);
    let set = set(&records, &scope, &store).await?;
    let questions =
        [question("q_1", Some(&gone)), question("q_2", Some(&kept)), question("q_3", None)];
    let mut tx = records.begin().await?;
    assert_eq!(records.insert_questions(&mut tx, &scope, &set, &questions).await?, 3);
    commit(tx).await?;
    let run = begin(&records, &scope, &store, &set).await?;
    let results = [result("q_1", &gone), result("q_2", &kept)];
    assert!(records.progress_evaluation(&scope, &run, ("asking", 0.5), &results).await?);

    let mut tx = records.begin().await?;
    let removed = records.delete_file(&mut tx, &scope, &gone).await?;
    commit(tx).await?;
    assert!(removed.contains(&("generated questions", 1)), "{removed:?}");
    assert!(removed.contains(&("answers of evaluations", 1)), "{removed:?}");
    let page = Page { order: Order::Ascending, ..Page::first(10) };
    let left = records.list_questions(&scope, &set, &page).await?;
    assert_eq!(left.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["q_2", "q_3"]);
    let held = records.evaluation_results(&scope, &run, None, &page).await?;
    let told: Vec<_> = held.iter().map(|row| (row.text.is_some(), row.answer.is_some())).collect();
    assert_eq!(told, [(false, false), (true, true)]);
    // What comes late rests on nothing, and is not kept.
    let late = [result("q_4", &gone)];
    assert!(records.progress_evaluation(&scope, &run, ("asking", 0.6), &late).await?);
    let mut tx = records.begin().await?;
    let again = [question("q_5", Some(&gone))];
    assert_eq!(records.insert_questions(&mut tx, &scope, &set, &again).await?, 0);
    commit(tx).await?;
    let held = records.evaluation_results(&scope, &run, None, &page).await?;
    assert!(held.last().is_some_and(|row| row.question_id == "q_4" && row.answer.is_none()));
    Ok(())
}

#[tokio::test]
async fn sets_and_runs_are_their_tenants_and_go_with_the_store() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (scope, other) = (tenant(&records, "t").await?, tenant(&records, "other").await?);
    let store = store(&records, &scope).await?;
    let set = set(&records, &scope, &store).await?;
    let run = begin(&records, &scope, &store, &set).await?;
    let page = Page::first(10);
    for hidden in [
        records.question_set(&other, &set).await.map(|_| ()),
        records.list_questions(&other, &set, &page).await.map(|_| ()),
        records.evaluation(&other, &run).await.map(|_| ()),
        records.evaluation_results(&other, &run, None, &page).await.map(|_| ()),
        records.delete_evaluation(&other, &run).await,
    ] {
        assert_eq!(hidden.map_err(|e| e.kind()), Err(Kind::NotFound));
    }
    assert!(!records.progress_evaluation(&other, &run, ("x", 0.1), &[]).await?);
    assert!(records.list_question_sets(&other, None, &page).await?.is_empty());
    assert!(records.list_evaluations(&other, None, (None, None), &page).await?.is_empty());
    let listed = records.list_evaluations(&scope, Some(&store), (Some(&set), None), &page).await?;
    assert_eq!(listed.len(), 1);
    let mut tx = records.begin().await?;
    let gone = records.delete_store(&mut tx, &scope, &store).await?;
    commit(tx).await?;
    assert!(gone.contains(&("evaluations", 1)) && gone.contains(&("question sets", 1)), "{gone:?}");
    assert!(records.question_set(&scope, &set).await.is_err());
    assert!(records.evaluation(&scope, &run).await.is_err());
    Ok(())
}
