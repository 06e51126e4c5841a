#![expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]

use cairn_kernel::{Clock, Role};

use super::*;

struct Scene {
    records: Records,
    queue: Queue,
    clock: Clock,
    _dir: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Result<Self> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let clock = Clock::manual(1_000_000);
        let records = Records::open(&dir.path().join("r.db"), clock.clone()).await?;
        Ok(Self { queue: Queue::new(records.clone()), records, clock, _dir: dir })
    }

    async fn enqueue(&self, tenant: &str, kind: &str, count: usize) -> Result<()> {
        let scope = Scope::grant(Id::from_raw(tenant), Id::from_raw("k"), Role::Editor);
        let mut tx = self.records.begin().await?;
        for _ in 0..count {
            self.queue.enqueue(&mut tx, &scope, kind, "{}", 3).await?;
        }
        tx.commit().await.or_internal("committing")
    }

    async fn claim(&self) -> Result<Job> {
        let claimed = self.queue.claim("work").await?;
        claimed.ok_or_else(|| Error::internal("there is no job"))
    }

    async fn complete(&self, job: &Job) -> Result<()> {
        let mut tx = self.records.begin().await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("committing")
    }
}

#[tokio::test]
async fn a_tenant_with_many_jobs_does_not_keep_others_waiting() -> Result<()> {
    let scene = Scene::new().await?;
    scene.enqueue("big", "work", 300).await?;
    scene.enqueue("zeal", "other", 5).await?;
    scene.clock.advance(1);
    scene.enqueue("small", "work", 2).await?;
    scene.clock.advance(1);
    scene.enqueue("third", "work", 1).await?;
    let mut claimed = Vec::new();
    for _ in 0..7 {
        claimed.push(scene.claim().await?.tenant_id);
    }
    // Each with none running first, the oldest job first where as many run.
    assert_eq!(claimed, ["big", "small", "third", "big", "small", "big", "big"]);
    Ok(())
}

#[tokio::test]
async fn a_job_whose_lease_has_run_out_is_claimed_again() -> Result<()> {
    let scene = Scene::new().await?;
    scene.enqueue("a", "work", 1).await?;
    let first = scene.claim().await?;
    assert_eq!((first.attempts, first.fence), (1, 1));
    scene.clock.advance(millis(LEASE));
    assert_eq!(scene.queue.claim("work").await?, None, "it holds to its last moment");
    scene.clock.advance(1);
    // Who has none running comes before.
    scene.enqueue("b", "work", 1).await?;
    assert_eq!(scene.claim().await?.tenant_id, "b");
    let second = scene.claim().await?;
    assert_eq!((&second.id, second.attempts, second.fence), (&first.id, 2, 2));
    assert!(!scene.queue.renew(&first).await?);
    let overtaken = scene.complete(&first).await.map_err(|error| error.kind());
    assert_eq!(overtaken, Err(Kind::Conflict));
    scene.clock.advance(millis(LEASE));
    assert!(scene.queue.renew(&second).await?);
    scene.complete(&second).await
}

#[tokio::test]
async fn of_a_job_that_is_done_nothing_is_left_and_one_given_up_is_counted() -> Result<()> {
    let scene = Scene::new().await?;
    scene.enqueue("a", "work", 4).await?;
    let (done, hopeless, early) =
        (scene.claim().await?, scene.claim().await?, scene.claim().await?);
    scene.complete(&done).await?;
    let again = scene.complete(&done).await.map_err(|error| error.kind());
    assert_eq!(again, Err(Kind::Conflict), "it is done once");
    scene.queue.fail(&hopeless, Kind::Unprocessable, None).await?;
    scene.queue.fail(&early, Kind::Unavailable, Some(Duration::from_secs(1))).await?;
    assert_eq!(scene.queue.depth().await?, Depth { queued: 2, running: 0, failed: 1 });
    let last = scene.claim().await?;
    assert_ne!(last.id, early.id);
    assert_eq!(scene.queue.claim("work").await?, None, "it is not due yet");
    scene.clock.advance(1000);
    let due = scene.claim().await?;
    assert_eq!((&due.id, due.attempts), (&early.id, 2));
    scene.complete(&due).await?;
    scene.complete(&last).await?;
    let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs")
        .fetch_one(scene.records.reader())
        .await
        .or_internal("counting")?;
    assert_eq!(kept, 1, "the one that was given up");
    Ok(())
}

/// The rule said plainly, which looks at every job.
async fn next_by_the_rule(scene: &Scene) -> Result<Option<String>> {
    sqlx::query_scalar(
        "SELECT j.id FROM jobs j WHERE j.kind = 'work' \
         AND ((j.status = 'queued' AND j.run_at <= $1) \
         OR (j.status = 'running' AND j.lease_until < $1)) \
         ORDER BY (SELECT COUNT(*) FROM jobs r WHERE r.tenant_id = j.tenant_id \
         AND r.kind = j.kind AND r.status = 'running'), j.run_at, j.id LIMIT 1",
    )
    .bind(scene.clock.now())
    .fetch_optional(scene.records.reader())
    .await
    .or_internal("looking for the next job")
}

#[tokio::test]
async fn the_next_job_is_the_one_that_the_rule_names() -> Result<()> {
    let scene = Scene::new().await?;
    let mut running = Vec::new();
    let mut drawn: u64 = 7;
    let mut compared = 0;
    for _ in 0..250 {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let draw = usize::try_from(drawn >> 40).unwrap_or(0);
        let tenant = ["a", "b", "c", "d"][draw % 4];
        match (draw / 4) % 7 {
            0 => scene.enqueue(tenant, "work", 2).await?,
            1 => scene.enqueue(tenant, "other", 1).await?,
            2 => scene.clock.advance(20_000),
            3 if !running.is_empty() => {
                // Another may have claimed it since.
                let job = running.swap_remove(draw % running.len());
                let _ = scene.complete(&job).await;
            }
            4 if !running.is_empty() => {
                let job = running.swap_remove(draw % running.len());
                scene.queue.fail(&job, Kind::Unavailable, Some(Duration::from_secs(30))).await?;
            }
            _ => {
                let expected = next_by_the_rule(&scene).await?;
                let claimed = scene.queue.claim("work").await?;
                assert_eq!(claimed.as_ref().map(|job| job.id.clone()), expected);
                compared += usize::from(claimed.is_some());
                running.extend(claimed);
            }
        }
    }
    assert!(compared > 30, "{compared}");
    Ok(())
}

#[tokio::test]
async fn a_claim_looks_at_no_more_jobs_than_it_must() -> Result<()> {
    let scene = Scene::new().await?;
    let plan = format!("EXPLAIN QUERY PLAN {CLAIM}");
    let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(plan))
        .bind("work")
        .bind(0_i64)
        .bind(0_i64)
        .fetch_all(scene.records.reader())
        .await
        .or_internal("explaining a claim")?;
    let scans: Vec<&str> = steps
        .iter()
        .map(|step| step.3.as_str())
        .filter(|step| step.starts_with("SCAN") && !step.starts_with("SCAN waiting"))
        .collect();
    assert!(scans.is_empty(), "{steps:?}");
    assert!(steps.iter().any(|step| step.3.contains("tenant_id=? AND run_at<?")), "{steps:?}");
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_put_back_may_have_another_payload() -> Result<()> {
    let scene = Scene::new().await?;
    scene.enqueue("one", "work", 1).await?;
    let first = scene.claim().await?;
    let mut tx = scene.records.begin().await?;
    scene.queue.later_with(&mut tx, &first, ("{\"since\":1}", Duration::from_secs(5))).await?;
    tx.commit().await.or_internal("committing")?;
    assert_eq!(scene.queue.claim("work").await?, None);
    scene.clock.advance(5_000);
    let second = scene.claim().await?;
    assert_eq!((second.payload.as_str(), second.attempts), ("{\"since\":1}", 1));
    let mut tx = scene.records.begin().await?;
    let overtaken = scene.queue.later_with(&mut tx, &first, ("{}", Duration::ZERO)).await;
    assert_eq!(overtaken.map_err(|error| error.kind()), Err(Kind::Conflict));
    Ok(())
}
