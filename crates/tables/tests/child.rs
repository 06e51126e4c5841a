//! Queries in children: this program is its own child, so it has no test harness.
#![expect(clippy::print_stdout, reason = "a test program reports to its terminal")]

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cairn_isolate::{CHILD_ARGUMENT, Isolate};
use cairn_kernel::{Error, Kind};
use cairn_tables::{QueryLimits, QueryResult, Tables};
use serde_json::json;
use tempfile::TempDir;

type Outcome = Result<(), String>;
type Case = (&'static str, fn() -> Pin<Box<dyn Future<Output = Outcome>>>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).map(String::as_str) == Some(CHILD_ARGUMENT) {
        let ended = cairn_tables::child_main(arguments.get(3..).unwrap_or_default());
        return if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let cases: [Case; 4] = [
        ("a_child_answers_as_the_thread_does", || Box::pin(a_child_answers_as_the_thread_does())),
        ("a_query_that_never_pauses_is_ended", || Box::pin(a_query_that_never_pauses_is_ended())),
        ("a_query_without_bounds_harms_no_other", || {
            Box::pin(a_query_without_bounds_harms_no_other())
        }),
        ("failures_keep_their_kind_and_words", || Box::pin(failures_keep_their_kind_and_words())),
    ];
    let wanted = arguments.iter().skip(1).find(|argument| !argument.starts_with('-'));
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let chosen =
        cases.iter().filter(|(name, _)| wanted.is_none_or(|it| name.contains(it.as_str())));
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in chosen {
        match runtime.block_on(case()) {
            Ok(()) => {
                passed += 1;
                println!("test {name} ... ok");
            }
            Err(reason) => {
                failed += 1;
                println!("test {name} ... FAILED: {reason}");
            }
        }
    }
    println!("\ntest result: {passed} passed; {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Fixture {
    _folder: TempDir,
    tables: Tables,
    named: Vec<(String, String)>,
}

impl Fixture {
    async fn new() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let source = folder.path().join("t.csv");
        let text = "n,x,w,d\n1,0.1,a,2024-01-31\n2,NA,b,2024-02-29T12:00:00.25\n3,1e-300,NA,NA\n";
        std::fs::write(&source, text).map_err(|error| error.to_string())?;
        let tables = Tables::new(folder.path().join("tables"));
        let snapshot = tables.import(&source, None, "t.csv").await.map_err(|it| it.detail())?;
        let named = vec![("t".to_owned(), snapshot.sha256)];
        Ok(Self { _folder: folder, tables, named })
    }

    fn in_children(&self) -> Result<Tables, String> {
        let isolate = Isolate::current().map_err(|error| error.detail())?;
        Ok(self.tables.clone().with_children(isolate))
    }

    async fn ask(&self, sql: &str, seconds: f64) -> Result<QueryResult, Error> {
        let limits = QueryLimits { seconds, memory_bytes: 64 << 20, rows: 100 };
        let tables = self.in_children().map_err(Error::internal)?;
        tables.query(&self.named, sql, limits).await
    }
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what()) }
}

async fn a_child_answers_as_the_thread_does() -> Outcome {
    let it = Fixture::new().await?;
    for sql in [
        "SELECT * FROM t ORDER BY n",
        "SELECT w, w AS again, count(*), avg(x), array_agg(n), max(d) - min(d), NULL FROM t GROUP BY w ORDER BY 1",
        "SELECT 0.1 + 0.2, 1e308 * 10, arrow_cast('dictionary', 'Dictionary(Int8, Utf8)')",
        "SELECT value FROM range(1, 1000)",
        "SELECT n FROM t WHERE false",
    ] {
        let limits = QueryLimits { rows: 100, ..QueryLimits::default() };
        let mut here = it.tables.query(&it.named, sql, limits).await.map_err(|e| e.detail())?;
        let start = Instant::now();
        let there = it.ask(sql, 20.0).await.map_err(|error| error.detail())?;
        println!("     a query in a child took {:?}", start.elapsed());
        here.milliseconds = there.milliseconds;
        check(here == there, || format!("{sql}: {here:?} and {there:?}"))?;
    }
    Ok(())
}

async fn a_query_that_never_pauses_is_ended() -> Outcome {
    let it = Fixture::new().await?;
    let endless = "SELECT count(*) FROM range(1, 2000000) a JOIN range(1, 2000000) b \
                   ON a.value % 7 < b.value % 5 - 10";
    let more_than_places = std::thread::available_parallelism().map_or(2, |it| it.get().max(2)) + 1;
    for _ in 0..more_than_places {
        let start = Instant::now();
        let error = it.ask(endless, 1.0).await.err();
        check(error.as_ref().map(Error::kind) == Some(Kind::Timeout), || format!("{error:?}"))?;
        check(start.elapsed() < Duration::from_secs(3), || format!("{:?}", start.elapsed()))?;
    }
    let after = it.ask("SELECT 1", 20.0).await.map_err(|error| error.detail())?;
    check(after.rows == [[json!(1)]], || format!("{after:?}"))
}

async fn a_query_without_bounds_harms_no_other() -> Outcome {
    let it = Fixture::new().await?;
    for sql in [
        "SELECT length(repeat(w, 2000000000)) FROM t",
        "SELECT array_length(array_repeat(n, 1000000000)) FROM t",
        "SELECT count(*) FROM (SELECT value % 10000019 FROM range(1, 20000000) GROUP BY 1)",
    ] {
        let error = it.ask(sql, 20.0).await.err();
        let kind = error.as_ref().map(Error::kind);
        let said = matches!(kind, Some(Kind::TooLarge | Kind::Invalid));
        check(said, || format!("{sql}: {error:?}"))?;
        let after = it.ask("SELECT 1", 20.0).await.map_err(|error| error.detail())?;
        check(after.rows == [[json!(1)]], || format!("{after:?}"))?;
    }
    Ok(())
}

async fn failures_keep_their_kind_and_words() -> Outcome {
    let it = Fixture::new().await?;
    for (sql, words) in [
        ("SELECT * FROM other", "the tables here are: t"),
        ("SELECT nope FROM t", "nope"),
        ("DROP TABLE t", "only one SELECT"),
        ("SELECT * FROM '/etc/passwd'", "not found"),
    ] {
        let Err(error) = it.ask(sql, 20.0).await else { return Err(format!("{sql} was run")) };
        let right = error.kind() == Kind::Invalid && error.param() == Some("sql");
        check(right && error.message().contains(words), || format!("{sql}: {error:?}"))?;
    }
    Ok(())
}
