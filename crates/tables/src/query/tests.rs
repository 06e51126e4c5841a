//! What SQL may and may not do.

use std::path::PathBuf;

use cairn_kernel::{Error, Kind};
use serde_json::json;

use super::{QueryLimits, QueryResult};
use crate::Tables;

struct Fixture {
    folder: tempfile::TempDir,
    tables: Tables,
    named: Vec<(String, String)>,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(folder.path().join("tables [1] *"));
        let mut it = Self { folder, tables, named: Vec::new() };
        it.add("people", "id,Name,age\n1,Ann,30\n2,Bob,\n3,Cid,41\n").await;
        it.add("Mixed-Case", "id,When\n1,2024-01-31\n2,2024-02-29T12:00:00\n").await;
        it
    }

    async fn add(&mut self, name: &str, csv: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.csv"));
        std::fs::write(&path, csv).unwrap();
        let snapshot = self.tables.import(&path, None, name).await.unwrap();
        self.named.push((name.to_owned(), snapshot.sha256));
        path
    }

    async fn run(&self, sql: &str) -> Result<QueryResult, Error> {
        self.limited(sql, QueryLimits::default()).await
    }

    async fn limited(&self, sql: &str, limits: QueryLimits) -> Result<QueryResult, Error> {
        self.tables.query(&self.named, sql, limits).await
    }

    async fn refused(&self, sql: &str) -> Error {
        match self.run(sql).await {
            Ok(result) => panic!("{sql} was run: {result:?}"),
            Err(error) => error,
        }
    }
}

#[tokio::test]
async fn selects_joins_and_withs_run() {
    let it = Fixture::new().await;
    let result = it.run("SELECT count(*) AS n, avg(age) AS mean, max(age) FROM people").await;
    let result = result.unwrap();
    assert_eq!(result.rows, [[json!(3), json!(35.5), json!(41)]]);
    let kinds: Vec<_> = result.columns.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["integer", "number", "integer"]);
    let sql = "WITH w AS (SELECT id, \"When\" FROM \"Mixed-Case\") \
               SELECT p.\"Name\", w.\"When\" FROM people p JOIN w ON p.id = w.id ORDER BY 1 DESC";
    let result = it.run(sql).await.unwrap();
    assert_eq!(result.rows[0], [json!("Bob"), json!("2024-02-29T12:00:00")]);
    assert!(result.milliseconds > 0.0 && !result.truncated);
}

#[tokio::test]
async fn names_are_found_in_lower_case_and_as_spelled() {
    let it = Fixture::new().await;
    assert_eq!(it.run("select ID from PEOPLE").await.unwrap().rows.len(), 3);
    assert_eq!(it.run("SELECT Name FROM people WHERE Name = 'Ann'").await.unwrap().rows.len(), 1);
    let error = it.refused("SELECT nam FROM people").await;
    assert_eq!((error.kind(), error.param()), (Kind::Invalid, Some("sql")));
    assert!(error.message().contains("nam"), "{error}");
}

#[tokio::test]
async fn everything_but_reading_is_refused() {
    let it = Fixture::new().await;
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY people TO '/tmp/out.csv'",
        "COPY (SELECT 1) TO 'out.parquet'",
        "INSERT INTO people VALUES (9, 'x', 1)",
        "WITH x AS (SELECT 1) INSERT INTO people SELECT 9, 'x', 1",
        "UPDATE people SET age = 1",
        "DELETE FROM people",
        "DROP TABLE people",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "SHOW ALL",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "PREPARE p AS SELECT 1",
        "SELECT 1; DROP TABLE people",
        "SELECT 1; SELECT 2",
        "SELECT * INTO t FROM people",
        "CREATE VIEW v AS SELECT 1",
        "BEGIN",
        "",
        "  ",
        "SELEC 1",
        "SELECT 'open",
    ] {
        let error = it.refused(sql).await;
        assert_eq!(error.kind(), Kind::Invalid, "{sql}: {error}");
    }
    assert_eq!(it.run("SELECT * FROM people").await.unwrap().rows.len(), 3);
}

#[tokio::test]
async fn no_file_and_no_other_table_can_be_reached() {
    let mut it = Fixture::new().await;
    let csv = it.add("secret", "a\n1\n").await;
    let (_, hash) = it.named.pop().unwrap();
    let parquet = it.tables.path(&hash).unwrap();
    for source in [
        format!("'{}'", csv.display()),
        format!("'{}'", parquet.display()),
        format!("\"{}\"", parquet.display()),
        format!("'{hash}.parquet'"),
        format!("\"snapshots://folder/{hash}.parquet\""),
        format!("'file://{}'", parquet.display()),
        "'/etc/passwd'".into(),
        "secret".into(),
        "information_schema.tables".into(),
        "read_csv('/etc/passwd')".into(),
        "read_parquet('x.parquet')".into(),
        "parquet_metadata('x.parquet')".into(),
    ] {
        let error = it.refused(&format!("SELECT * FROM {source}")).await;
        assert_eq!(error.kind(), Kind::Invalid, "{source}: {error}");
    }
    let error = it.refused("SELECT * FROM secret").await;
    assert!(error.message().contains("people, Mixed-Case"), "{error}");
    assert!(!error.message().contains("datafusion"), "{error}");
}

#[tokio::test]
async fn rows_beyond_the_limit_are_cut_and_that_is_said() {
    let it = Fixture::new().await;
    let limits = |rows| QueryLimits { rows, ..QueryLimits::default() };
    let cut = it.limited("SELECT id FROM people ORDER BY id", limits(2)).await.unwrap();
    assert_eq!((cut.rows.len(), cut.truncated), (2, true));
    let whole = it.limited("SELECT id FROM people", limits(3)).await.unwrap();
    assert_eq!((whole.rows.len(), whole.truncated), (3, false));
    let wide = "SELECT a.id FROM people a, people b, people c LIMIT 5";
    assert!(!it.limited(wide, limits(5)).await.unwrap().truncated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_past_its_deadline_is_stopped_and_frees_its_place() {
    let it = Fixture::new().await;
    let limits = QueryLimits { seconds: 0.3, ..QueryLimits::default() };
    let mut stopped = 0;
    // Other tests take places too, so that some of these may find none in time.
    for _ in 0..20 {
        let error = it.limited("SELECT sum(value) FROM range(1, 1000000000000)", limits).await;
        let kind = error.unwrap_err().kind();
        assert!(matches!(kind, Kind::Timeout | Kind::Exhausted), "{kind:?}");
        stopped += usize::from(kind == Kind::Timeout);
        if stopped > super::concurrent() {
            break;
        }
    }
    assert!(stopped > super::concurrent(), "{stopped} queries were stopped");
    assert_eq!(it.run("SELECT 1").await.unwrap().rows, [[json!(1)]]);
    for seconds in [-1.0, f64::NAN, f64::INFINITY] {
        let limits = QueryLimits { seconds, ..QueryLimits::default() };
        assert_eq!(it.limited("SELECT 1", limits).await.unwrap_err().kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn memory_is_limited() {
    let it = Fixture::new().await;
    let limits = QueryLimits { memory_bytes: 1 << 20, ..QueryLimits::default() };
    let hungry =
        "SELECT sum(v) FROM (SELECT value % 1000003 AS v FROM range(1, 3000000) GROUP BY 1)";
    let error = it.limited(hungry, limits).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{error}");
    assert!(error.message().contains("1 MiB"), "{error}");
    for sql in ["SELECT repeat('x', 1000000000)", "SELECT lpad('x', 1000000000)"] {
        assert_eq!(it.refused(sql).await.kind(), Kind::Invalid, "{sql}");
    }
}

#[tokio::test]
async fn deep_statements_neither_overflow_the_stack_nor_are_long_lists_refused() {
    let it = Fixture::new().await;
    let sum = |terms: usize| format!("SELECT id{} FROM people", "+id".repeat(terms));
    assert_eq!(it.run(&sum(900)).await.unwrap().rows[0], [json!(901)]);
    assert_eq!(it.refused(&sum(5_000)).await.kind(), Kind::Invalid);
    let nested = format!("SELECT {}1{}", "(".repeat(400), ")".repeat(400));
    assert_eq!(it.refused(&nested).await.kind(), Kind::Invalid);
    let list: Vec<_> = (0..8_000).map(|id: i32| id.to_string()).collect();
    let sql = format!("SELECT id FROM people WHERE id IN ({})", list.join(","));
    assert_eq!(it.run(&sql).await.unwrap().rows.len(), 3);
    let ors = vec!["id = 1"; 450].join(" OR ");
    let sql = format!("SELECT id FROM people WHERE {ors}");
    assert_eq!(it.run(&sql).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn values_json_cannot_write_are_words() {
    let it = Fixture::new().await;
    let sql = "SELECT 1e308 * 10, 0.0 / 0.0, NULL, 1.5::decimal(10,2), [1, 2], '2024-01-31'::date";
    let result = it.run(sql).await.unwrap();
    let expected = [
        json!("Infinity"),
        json!("NaN"),
        json!(null),
        json!(1.5),
        json!("[1, 2]"),
        json!("2024-01-31T00:00:00"),
    ];
    assert_eq!(result.rows, [expected]);
    assert_eq!(it.refused("SELECT 1 / 0").await.kind(), Kind::Invalid);
}
