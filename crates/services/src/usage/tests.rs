#![expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]

use cairn_kernel::{Clock, Id, Role};

use super::*;

struct Fixture {
    dir: tempfile::TempDir,
    records: Records,
    scope: Scope,
}

impl Fixture {
    async fn new() -> Result<Self> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let records = Records::open(&dir.path().join("records.db"), Clock::system()).await?;
        let scope = Scope::grant(Id::from_raw("ten_1"), Id::from_raw("key_1"), Role::Viewer);
        Ok(Self { dir, records, scope })
    }

    async fn usage(&self) -> Result<Usage> {
        Usage::open(self.records.clone(), self.dir.path().join("usage")).await
    }

    fn files(&self) -> Vec<String> {
        let listed = std::fs::read_dir(self.dir.path().join("usage")).unwrap();
        let mut names: Vec<String> =
            listed.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    async fn ledger(&self) -> Result<Vec<String>> {
        let mut rows = self.records.usage(&self.scope, 1000).await?;
        rows.reverse();
        Ok(rows.into_iter().map(|row| row.request_id).collect())
    }
}

fn entry(request: &str) -> UsageEntry {
    UsageEntry {
        operation: "infer",
        model: "m".to_owned(),
        input_tokens: 3,
        output_tokens: 0,
        request_id: request.to_owned(),
    }
}

#[tokio::test]
async fn what_a_killed_process_noted_is_in_the_ledger_once() -> Result<()> {
    let fixture = Fixture::new().await?;
    let first = fixture.usage().await?;
    first.record(&fixture.scope, entry("a")).await;
    first.fold().await?;
    first.record(&fixture.scope, entry("b")).await;
    first.record(&fixture.scope, entry("c")).await;
    drop(first);
    assert_eq!(fixture.ledger().await?, ["a"]);
    fixture.usage().await?;
    assert_eq!(fixture.ledger().await?, ["a", "b", "c"]);
    assert!(fixture.files().is_empty());
    fixture.usage().await?;
    assert_eq!(fixture.ledger().await?, ["a", "b", "c"]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_outlived_its_folding_is_not_counted_again() -> Result<()> {
    let fixture = Fixture::new().await?;
    let usage = fixture.usage().await?;
    usage.record(&fixture.scope, entry("a")).await;
    let name = fixture.files().remove(0);
    let path = fixture.dir.path().join("usage").join(name);
    let copy = std::fs::read(&path).or_internal("reading")?;
    usage.fold().await?;
    drop(usage);
    // The process died between the commit and the removal.
    std::fs::write(&path, copy).or_internal("writing")?;
    let usage = fixture.usage().await?;
    usage.record(&fixture.scope, entry("b")).await;
    usage.fold().await?;
    assert_eq!(fixture.ledger().await?, ["a", "b"]);
    Ok(())
}

#[tokio::test]
async fn half_a_line_is_kept_aside_and_spoils_no_other() -> Result<()> {
    let fixture = Fixture::new().await?;
    let usage = fixture.usage().await?;
    usage.record(&fixture.scope, entry("a")).await;
    let path = fixture.dir.path().join("usage").join(fixture.files().remove(0));
    drop(usage);
    let mut text = std::fs::read(&path).or_internal("reading")?;
    text.extend_from_slice(b"{\"tenant_id\":\"ten");
    std::fs::write(&path, text).or_internal("writing")?;
    fixture.usage().await?;
    assert_eq!(fixture.ledger().await?, ["a"]);
    assert_eq!(fixture.files(), ["000000000001.damaged"]);
    Ok(())
}

#[tokio::test]
async fn many_rows_go_in_one_fold() -> Result<()> {
    let fixture = Fixture::new().await?;
    let usage = fixture.usage().await?;
    for number in 0..1203 {
        usage.record(&fixture.scope, entry(&number.to_string())).await;
    }
    usage.fold().await?;
    let rows = fixture.records.usage(&fixture.scope, 5000).await?;
    assert_eq!((rows.len(), rows[0].request_id.as_str()), (1203, "1202"));
    Ok(())
}
