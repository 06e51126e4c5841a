use super::*;

fn threshold(threshold: f64) -> ThresholdRow {
    ThresholdRow {
        threshold,
        choice: "\"learned\"".to_owned(),
        quality: Some("{}".to_owned()),
        created_at: 7,
    }
}

#[tokio::test]
async fn a_threshold_is_kept_replaced_and_taken_away() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let scope = tenant(&records, "t").await?;
    let store = store(&records, &scope).await?;
    assert_eq!(records.store_threshold(&scope, &store).await?, None);
    records.set_threshold(&scope, &store, &threshold(0.25)).await?;
    let given = ThresholdRow { quality: None, ..threshold(0.5) };
    records.set_threshold(&scope, &store, &given).await?;
    assert_eq!(records.store_threshold(&scope, &store).await?, Some(given));
    records.delete_threshold(&scope, &store).await?;
    records.delete_threshold(&scope, &store).await?;
    assert_eq!(records.store_threshold(&scope, &store).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_threshold_is_its_tenants_and_goes_with_its_store() -> Result<()> {
    let Fixture { records, _dir } = fixture().await?;
    let (ours, theirs) = (tenant(&records, "ours").await?, tenant(&records, "theirs").await?);
    let store = store(&records, &ours).await?;
    records.set_threshold(&ours, &store, &threshold(0.25)).await?;
    let refused = records.set_threshold(&theirs, &store, &threshold(0.9)).await;
    assert_eq!(refused.map_err(|e| e.kind()), Err(Kind::NotFound));
    assert_eq!(records.store_threshold(&theirs, &store).await?, None);
    records.delete_threshold(&theirs, &store).await?;
    assert!(records.store_threshold(&ours, &store).await?.is_some());
    delete_store(&records, &ours, &store).await?;
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM store_thresholds")
        .fetch_one(records.reader())
        .await
        .or_internal("counting thresholds")?;
    assert_eq!(left, 0);
    Ok(())
}
