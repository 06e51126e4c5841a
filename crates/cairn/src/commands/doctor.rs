//! `cairn doctor`: whether this machine and this configuration can serve.

use std::path::Path;

use cairn_kernel::{Result, ResultExt as _};
use cairn_serving::models::{AssetKind, ModelStore, default_llm};
use serde::Serialize;
use serde_json::json;

use super::{Context, Outcome, models, text};
use crate::output;
use crate::up::Running;

/// Less memory than this leaves no room for a language model beside the index.
const MEMORY: u64 = 2 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

#[derive(Clone, Debug, Serialize)]
struct Check {
    check: String,
    verdict: Verdict,
    detail: String,
}

impl Check {
    fn new(check: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { check: check.into(), verdict, detail: detail.into() }
    }

    /// Fine, or else as bad as `otherwise`.
    fn that(check: &str, holds: bool, otherwise: Verdict, detail: String) -> Self {
        Self::new(check, if holds { Verdict::Ok } else { otherwise }, detail)
    }
}

/// Checks and prints; fails when a check did.
///
/// # Errors
/// `Internal` when the lock file of models is damaged.
pub(super) async fn run(context: &Context, json: bool) -> Result<Outcome> {
    let mut checks = vec![processor(), cores(), memory(), data_folder(&context.config.data)];
    checks.extend(model_files(context).await?);
    checks.push(server(context).await);
    let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    if json {
        let report =
            json!({"ok": !failed, "checks": checks, "configuration": context.config.shown()});
        output::json(&report)?;
    } else {
        output::line(render(&checks))?;
        output::line(format_args!("configuration {:#}", context.config.shown()))?;
    }
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

fn render(checks: &[Check]) -> String {
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| {
            let verdict = match check.verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "warning",
                Verdict::Failed => "FAILED",
            };
            vec![check.check.clone(), verdict.to_owned(), check.detail.clone()]
        })
        .collect();
    output::table(&["CHECK", "VERDICT", ""], &rows)
}

#[cfg(target_arch = "x86_64")]
fn processor() -> Check {
    let has = [
        ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
        ("FMA", std::arch::is_x86_feature_detected!("fma")),
    ];
    let missing: Vec<&str> =
        has.iter().filter(|(_, present)| !present).map(|(name, _)| *name).collect();
    let detail = if missing.is_empty() {
        "AVX2 and FMA are there".to_owned()
    } else {
        format!("{} is missing; the engines need a processor of 2013 or later", missing.join(", "))
    };
    Check::that("processor", missing.is_empty(), Verdict::Failed, detail)
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> Check {
    let detail = format!("{}: not measured here; x86-64 is", std::env::consts::ARCH);
    Check::new("processor", Verdict::Warning, detail)
}

fn cores() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let detail = format!("{cores}; the language model for them is {}", default_llm(cores));
    Check::that("cores", cores >= 2, Verdict::Warning, detail)
}

fn memory() -> Check {
    match available_memory() {
        Some(bytes) => {
            let detail = format!("{} MiB available", bytes >> 20);
            Check::that("memory", bytes >= MEMORY, Verdict::Warning, detail)
        }
        None => Check::new("memory", Verdict::Warning, "this system does not say how much"),
    }
}

fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok()?.checked_mul(1024)
}

fn data_folder(data: &Path) -> Check {
    // A folder that is not there yet is made by the first start, in the nearest one above.
    let nearest = data.ancestors().find(|folder| folder.exists()).unwrap_or(data);
    match tempfile::tempfile_in(nearest) {
        Ok(_) => Check::new("data folder", Verdict::Ok, data.display().to_string()),
        Err(cause) => Check::new(
            "data folder",
            Verdict::Failed,
            format!("{} cannot be written to: {cause}", nearest.display()),
        ),
    }
}

async fn model_files(context: &Context) -> Result<Vec<Check>> {
    let store = ModelStore::new(&context.config.models_dir);
    let mut checks = Vec::new();
    for name in models::needed(context.config.llm.as_deref()) {
        let is_llm = context.config.llm.as_deref() == Some(name);
        let (verifier, wanted) = (store.clone(), name.to_owned());
        let checked = tokio::task::spawn_blocking(move || verifier.verify(&wanted)).await;
        let check = format!("model {name}");
        checks.push(match checked.or_internal("hashing a model file")? {
            Ok(path) => {
                Check::new(check, Verdict::Ok, format!("SHA-256 right, {}", path.display()))
            }
            // Without a language model, answers are taken out of the documents.
            Err(error) if is_llm && error.kind() == cairn_kernel::Kind::NotFound => {
                let detail = format!("answers are extractive: {}", error.message());
                Check::new(check, Verdict::Warning, detail)
            }
            Err(error) if is_ocr(&store, name) && error.kind() == cairn_kernel::Kind::NotFound => {
                let detail = format!("pictures and scans are not read: {}", error.message());
                Check::new(check, Verdict::Warning, detail)
            }
            Err(error) => Check::new(check, Verdict::Failed, error.message()),
        });
    }
    Ok(checks)
}

fn is_ocr(store: &ModelStore, name: &str) -> bool {
    store.asset(name).is_ok_and(|asset| asset.kind == AssetKind::Ocr)
}

async fn server(context: &Context) -> Check {
    let named = context.common.url.as_deref().is_some_and(|url| !url.is_empty());
    if !named && Running::of(&context.config.data).is_none() {
        return Check::new("server", Verdict::Ok, "none runs here; start one with `cairn up`");
    }
    let client = match context.client() {
        Ok(client) => client,
        Err(error) => return Check::new("server", Verdict::Failed, error.message()),
    };
    match client.get(&["cairn", "v1", "status"], &[]).await {
        Ok(status) => {
            let ready = status["ready"] == true;
            let detail = format!(
                "{} version {}, {}, answers are {}",
                client.base(),
                text(&status, "/version"),
                if ready { "ready" } else { "not ready yet" },
                text(&status, "/answers")
            );
            Check::that("server", ready, Verdict::Warning, detail)
        }
        Err(error) => Check::new("server", Verdict::Failed, error.message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_say_what_is_wrong() {
        let checks = [
            Check::new("a", Verdict::Ok, "fine"),
            Check::that("b", false, Verdict::Failed, "broken".to_owned()),
        ];
        let text = render(&checks);
        assert!(text.contains("a      ok       fine"), "{text}");
        assert!(text.contains("b      FAILED   broken"), "{text}");
    }

    #[test]
    fn a_folder_to_be_made_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x/y");
        assert_eq!(data_folder(&deep).verdict, Verdict::Ok);
        assert!(!deep.exists());
        assert_eq!(data_folder(Path::new("/proc/none")).verdict, Verdict::Failed);
        assert!(available_memory().is_some_and(|bytes| bytes > 0));
    }
}
