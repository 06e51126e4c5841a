//! Training end to end, in real children of this test binary: it has no harness, so
//! that it can be its own child.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program that reports like a harness"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_automl::{Progress, Task, TrainReport, TrainRequest, Trainer};
use cairn_isolate::{CHILD_ARGUMENT, Isolate};
use cairn_kernel::{Kind, Result};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::ipc::writer::FileWriter;

const MEMORY: u64 = 8 << 30;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, role, rest @ ..] = arguments.as_slice()
        && first == CHILD_ARGUMENT
        && role == cairn_automl::ROLE
    {
        return match cairn_automl::child_main(rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let tests: [(&str, fn(&Bench)); 7] = [
        ("binary", binary),
        ("multiclass_is_repeatable", multiclass_is_repeatable),
        ("regression", regression),
        ("budget_is_kept", budget_is_kept),
        ("bad_targets_are_explained", bad_targets_are_explained),
        ("a_dropped_run_kills_its_child", a_dropped_run_kills_its_child),
        ("a_small_memory_ceiling_is_explained", a_small_memory_ceiling_is_explained),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let bench = Bench { runtime, folder: tempfile::tempdir().unwrap() };
    let mut failed = 0;
    println!("\nrunning {} tests", tests.len());
    for (name, test) in tests {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&bench)));
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        failed += usize::from(outcome.is_err());
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let passed = tests.len() - failed;
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Bench {
    fn table(&self, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
        let folder = self.folder.path().join("tables");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.arrow"));
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer =
            FileWriter::try_new(File::create(&path).unwrap(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        path
    }

    fn request(&self, name: &str, table: &Path, seconds: f64) -> TrainRequest {
        let output = self.folder.path().join("out").join(name);
        std::fs::create_dir_all(&output).unwrap();
        TrainRequest { budget_seconds: seconds, ..TrainRequest::new(table, "target", output) }
    }

    fn train(&self, request: &TrainRequest) -> Result<(TrainReport, Vec<Progress>)> {
        let trainer = Trainer::new(Isolate::current()?, MEMORY);
        let mut heard = Vec::new();
        let report = self.runtime.block_on(trainer.train(request, |p| heard.push(p)))?;
        Ok((report, heard))
    }
}

/// A stream of numbers in [0, 1).
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Columns with gaps and a category; `target` gets the score of each row.
fn columns(rows: usize, target: impl Fn(&[f64]) -> ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let mut next = noise(rows as u64);
    let (mut size, mut age, mut city, mut flag) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut score = Vec::new();
    for _ in 0..rows {
        let (x, years, c, f) = (next() * 4.0 - 2.0, (next() * 80.0) as i64, next(), next() > 0.5);
        let gap = next() < 0.1;
        size.push((!gap).then_some(x));
        age.push(years);
        city.push((c < 0.95).then(|| ["Rome", "Oslo", "Lima"][(c * 3.15) as usize % 3]));
        flag.push(f);
        let lift = if c < 0.33 { 1.0 } else { 0.0 };
        score.push(if gap { 0.0 } else { x } + years as f64 / 40.0 + lift + 0.3 * next());
    }
    vec![
        ("size", Arc::new(Float64Array::from(size)) as ArrayRef),
        ("age", Arc::new(Int64Array::from(age)) as ArrayRef),
        ("city", Arc::new(StringArray::from(city)) as ArrayRef),
        ("flag", Arc::new(BooleanArray::from(flag)) as ArrayRef),
        ("row id", Arc::new(Int64Array::from_iter_values(0..rows as i64)) as ArrayRef),
        ("target", target(&score)),
    ]
}

fn texts(score: &[f64], of: impl Fn(f64) -> &'static str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(score.iter().map(|score| of(*score))))
}

fn check_report(report: &TrainReport, request: &TrainRequest) {
    assert!(report.parity_max_abs_diff <= 1e-5, "{}", report.parity_max_abs_diff);
    assert_eq!(report.leaderboard.iter().filter(|line| line.chosen).count(), 1);
    assert!(report.leaderboard[0].chosen);
    let bytes = std::fs::read(&report.onnx.path).unwrap();
    assert_eq!(bytes.len() as u64, report.onnx.bytes);
    assert!(cairn_onnx::decode(&bytes).unwrap().metadata().contains_key("cairn.signature"));
    let written = std::fs::read(request.output.join("report.json")).unwrap();
    let written: TrainReport = serde_json::from_slice(&written).unwrap();
    assert_eq!(written.onnx, report.onnx);
    assert_eq!(written.trainer_predictions.rows.len(), 50);
    let dropped = report.features.iter().find(|feature| feature.name == "row id").unwrap();
    assert_eq!(dropped.kind, "dropped");
}

fn binary(bench: &Bench) {
    let table = columns(1500, |score| texts(score, |s| if s > 1.4 { "yes" } else { "no" }));
    let request = bench.request("binary", &bench.table("binary", table), 60.0);
    let (report, heard) = bench.train(&request).unwrap();
    check_report(&report, &request);
    assert_eq!(report.task, Task::Binary);
    assert_eq!(report.classes.as_deref(), Some(&["no".to_owned(), "yes".to_owned()][..]));
    assert_eq!(report.positive_class.as_deref(), Some("yes"));
    assert!(report.test_metrics["auc"] > 0.95, "{:?}", report.test_metrics);
    assert_eq!((report.train_rows, report.test_rows), (1200, 300));
    let names: Vec<&str> = report.leaderboard.iter().map(|l| l.candidate.as_str()).collect();
    for name in ["baseline", "linear", "lightgbm", "lightgbm_extra_trees"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let baseline = report.leaderboard.iter().find(|line| line.candidate == "baseline").unwrap();
    assert_eq!(baseline.test["auc"], 0.5);
    assert!(heard.len() > 5 && heard.windows(2).all(|pair| pair[0].fraction <= pair[1].fraction));
    assert_eq!(heard.last().map(|progress| progress.fraction), Some(1.0));
}

fn multiclass_is_repeatable(bench: &Bench) {
    let of = |s: f64| {
        if s < 0.8 {
            "low"
        } else if s < 1.8 {
            "mid"
        } else {
            "high"
        }
    };
    let table = bench.table("multiclass", columns(900, |score| texts(score, of)));
    let request = bench.request("multiclass", &table, 120.0);
    let (report, _) = bench.train(&request).unwrap();
    check_report(&report, &request);
    assert_eq!(report.task, Task::Multiclass);
    assert!(report.test_metrics["accuracy"] > 0.75, "{:?}", report.test_metrics);
    let again = bench.request("multiclass-again", &table, 120.0);
    let (again, _) = bench.train(&again).unwrap();
    assert_eq!(again.onnx.sha256, report.onnx.sha256);
}

fn regression(bench: &Bench) {
    let of = |score: &[f64]| {
        Arc::new(Float64Array::from_iter_values(score.iter().map(|s| 5000.0 + 100.0 * s)))
            as ArrayRef
    };
    let request = bench.request("regression", &bench.table("regression", columns(1500, of)), 60.0);
    let (report, _) = bench.train(&request).unwrap();
    check_report(&report, &request);
    assert_eq!(report.task, Task::Regression);
    assert!(report.test_metrics["r2"] > 0.9, "{:?}", report.test_metrics);
    assert_eq!(report.outputs[0].name, "prediction");
}

fn budget_is_kept(bench: &Bench) {
    let table = columns(40_000, |score| texts(score, |s| if s > 1.4 { "yes" } else { "no" }));
    let request = bench.request("budget", &bench.table("budget", table), 8.0);
    let start = Instant::now();
    let (report, _) = bench.train(&request).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 8.0 * 1.1, "took {seconds} s of 8");
    assert!(report.test_metrics["auc"] > 0.95, "{:?}", report.test_metrics);
}

fn bad_targets_are_explained(bench: &Bench) {
    let constant = |score: &[f64]| texts(score, |_| "same");
    let table = bench.table("constant", columns(100, constant));
    let mut request = bench.request("bad", &table, 10.0);
    let error = bench.train(&request).unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert!(error.message().contains("'same'"), "{error}");
    request.target = "Size".to_owned();
    let error = bench.train(&request).unwrap_err();
    assert_eq!((error.kind(), error.param()), (Kind::Invalid, Some("target")));
    assert!(error.message().contains("'size'"), "{error}");
    request.table = bench.folder.path().join("tables/none.arrow");
    assert_eq!(bench.train(&request).unwrap_err().kind(), Kind::Unprocessable);
}

fn a_dropped_run_kills_its_child(bench: &Bench) {
    let table = columns(40_000, |score| texts(score, |s| if s > 1.4 { "yes" } else { "no" }));
    let request = bench.request("kill", &bench.table("kill", table), 300.0);
    bench.runtime.block_on(async {
        let trainer = Trainer::new(Isolate::current().unwrap(), MEMORY);
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut tell = Some(tell);
        let mut run = Box::pin(trainer.train(&request, |progress| {
            if progress.stage == "lightgbm"
                && let Some(tell) = tell.take()
            {
                let _ = tell.send(());
            }
        }));
        // By reference: `select!` drops what it owns before it goes on, and the child with it.
        tokio::select! {
            outcome = &mut run => panic!("ended by itself: {:?}", outcome.map(|r| r.seconds)),
            _ = told => assert_eq!(children(), 1),
        }
        drop(run);
        let start = Instant::now();
        while children() > 0 {
            assert!(start.elapsed() < Duration::from_secs(5), "the child lives on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

/// Living (not zombie) children of this process.
fn children() -> usize {
    let own = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let of_ours = |stat: String| {
        let mut rest = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let state = rest.next().unwrap_or_default().to_owned();
        state != "Z" && rest.next() == Some(own.as_str())
    };
    stats.filter(|stat| of_ours(stat.clone())).count()
}

fn a_small_memory_ceiling_is_explained(bench: &Bench) {
    let table = columns(40_000, |score| texts(score, |s| if s > 1.4 { "yes" } else { "no" }));
    let request = bench.request("memory", &bench.table("memory", table), 20.0);
    let trainer = Trainer::new(Isolate::current().unwrap(), 40 << 20);
    let error = bench.runtime.block_on(trainer.train(&request, |_| ())).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.message().contains("memory"), "{}", error.detail());
}
