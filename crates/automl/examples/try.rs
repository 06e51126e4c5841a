//! throwaway
#![allow(clippy::all, clippy::print_stdout, clippy::unwrap_used, reason = "throwaway")]
use cairn_automl::*;
fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    if a.len() > 1 && a[0] == cairn_isolate::CHILD_ARGUMENT {
        child_main(&a[2..]).unwrap();
        return;
    }
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut r = TrainRequest::new(&a[0], &a[1], &a[2]);
    r.budget_seconds = a[3].parse().unwrap();
    r.seed = a.get(4).map_or(0, |s| s.parse().unwrap());
    std::fs::create_dir_all(&a[2]).unwrap();
    let t = Trainer::new(cairn_isolate::Isolate::current().unwrap(), 8 << 30);
    let start = std::time::Instant::now();
    let report = rt.block_on(t.train(&r, |p| println!("{:6.1} {:.2} {}", start.elapsed().as_secs_f64(), p.fraction, p.stage)));
    match report {
        Ok(mut r) => {
            r.trainer_predictions = TrainerPredictions::default();
            println!("{} {} rows {}+{} folds {} seconds {:.1} wall {:.1} parity {:.2e} onnx {} KB {}", r.task.name(), r.metric, r.train_rows, r.test_rows, r.folds, r.seconds, start.elapsed().as_secs_f64(), r.parity_max_abs_diff, r.onnx.bytes >> 10, &r.onnx.sha256[..12]);
            for l in &r.leaderboard {
                println!("{:22}{} val {:.5}±{:.4} test {:?} fit {:.1}s {:.1}us", l.candidate, if l.chosen { "*" } else { " " }, l.validation[&r.metric], l.validation_std[&r.metric], l.test, l.fit_seconds, l.predict_micros_per_row);
            }
            for n in &r.notes { println!("note: {n}"); }
            for f in &r.features { if f.reason.is_some() { println!("feature {} {} {:?}", f.name, f.kind, f.reason); } }
        }
        Err(e) => println!("{:?}: {}", e.kind(), e.detail()),
    }
}
