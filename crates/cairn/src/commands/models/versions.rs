//! Versions of the server's models, their aliases and rollouts.

use std::path::{Path, PathBuf};

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::super::{Outcome, items, text};
use crate::client::Client;
use crate::output;

/// What to register; the command line lets one of them through.
pub(super) struct Version {
    pub(super) file: Option<PathBuf>,
    pub(super) base: Option<String>,
    pub(super) asset: Option<String>,
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    pub(super) encoding: Encoding,
}

/// How an embedding model makes vectors.
pub(super) struct Encoding {
    pub(super) embeddings: bool,
    pub(super) dimensions: Option<u32>,
    pub(super) query_prefix: Option<String>,
    pub(super) document_prefix: Option<String>,
    pub(super) pooling: Option<String>,
}

impl Encoding {
    /// What is said of it in words, each under its field's name.
    fn texts(self) -> impl Iterator<Item = (&'static str, String)> {
        let all = [
            ("query_prefix", self.query_prefix),
            ("document_prefix", self.document_prefix),
            ("pooling", self.pooling),
        ];
        all.into_iter().filter_map(|(name, text)| Some((name, text?)))
    }
}

/// A provider's model as the server is told of it.
fn remote(provider: Option<String>, model: Option<String>, encoding: Encoding) -> Value {
    let mut told = json!({"kind": "remote"});
    told["provider"] = provider.into();
    told["model"] = model.into();
    // Servers from before embedding models of providers refuse what they do not know.
    if encoding.embeddings {
        told["embeddings"] = true.into();
    }
    if let Some(dimensions) = encoding.dimensions {
        told["dimensions"] = dimensions.into();
    }
    for (name, text) in encoding.texts() {
        told[name] = text.into();
    }
    told
}

fn path<'a>(name: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    ["cairn", "v1", "models", name].into_iter().chain(rest.iter().copied()).collect()
}

/// Registers a version.
pub(super) async fn add(
    client: &Client,
    name: &str,
    version: Version,
    json: bool,
) -> Result<Outcome> {
    let to = path(name, &["versions"]);
    let made = if let Some(file) = &version.file {
        let part = Part::file(file).await;
        let part = part.or_kind(Kind::NotFound, format!("{} cannot be read", file.display()))?;
        let form = Form::new().part("file", part);
        let form = match version.base {
            Some(base) => form.text("base", base),
            None => form,
        };
        let form = version.encoding.texts().fold(form, |form, (name, text)| form.text(name, text));
        client.upload(&to, form).await?
    } else if let Some(asset) = version.asset {
        client.post(&to, &json!({"kind": "gguf", "asset": asset})).await?
    } else {
        client.post(&to, &remote(version.provider, version.model, version.encoding)).await?
    };
    if json {
        output::json(&made)?;
    } else {
        let (number, kind) = (output::cell(&made["version"]), text(&made, "/kind"));
        output::line(format_args!("{name} version {number} ({kind}) is registered"))?;
        for line in encoding_lines(&made) {
            output::line(line)?;
        }
    }
    Ok(Outcome::Done)
}

/// How an embedding model's version makes vectors, as who registers it must know.
fn encoding_lines(made: &Value) -> Vec<String> {
    let facts = ["pooling", "dimensions", "query_prefix", "document_prefix"];
    let said = facts.into_iter().filter(|fact| !made[*fact].is_null());
    said.map(|fact| format!("  {fact}: {}", made[fact])).collect()
}

/// Lets an alias name a version.
pub(super) async fn alias(
    client: &Client,
    (name, alias): (&str, &str),
    version: u64,
    json: bool,
) -> Result<Outcome> {
    let model = client.put(&path(name, &["aliases", alias]), &json!({"version": version})).await?;
    if json {
        output::json(&model)?;
    } else {
        output::line(format_args!("{name}@{alias} is version {version}"))?;
    }
    Ok(Outcome::Done)
}

/// Shows a rollout, after beginning it when a file says which.
pub(super) async fn rollout(
    client: &Client,
    name: &str,
    set: Option<&Path>,
    json: bool,
) -> Result<Outcome> {
    let to = path(name, &["rollout"]);
    let rollout = match set {
        None => client.get(&to, &[]).await?,
        Some(file) => {
            let shown = file.display();
            let bytes = tokio::fs::read(file).await;
            let bytes = bytes.or_kind(Kind::NotFound, format!("{shown} cannot be read"))?;
            let plan: Value = serde_json::from_slice(&bytes)
                .map_err(|fault| Error::invalid(format!("{shown} is no JSON: {fault}")))?;
            client.put(&to, &plan).await?
        }
    };
    show(&rollout, json)
}

/// Ends a rollout.
pub(super) async fn end(
    client: &Client,
    (name, how): (&str, &str),
    asked: &Value,
    json: bool,
) -> Result<Outcome> {
    let rollout = client.post(&path(name, &["rollout", how]), asked).await?;
    show(&rollout, json)
}

fn show(rollout: &Value, json: bool) -> Result<Outcome> {
    if json {
        output::json(rollout)?;
    } else {
        output::line(render(rollout))?;
    }
    Ok(Outcome::Done)
}

fn render(rollout: &Value) -> String {
    let mut out = format!(
        "{}: {} {}, stable version {}",
        text(rollout, "/model"),
        text(rollout, "/plan/strategy"),
        text(rollout, "/status"),
        output::cell(&rollout["stable"])
    );
    let arms: Vec<Vec<String>> = items(rollout, "/arms")
        .iter()
        .map(|arm| {
            let number = |pointer: &str, digits: usize| {
                let value = arm.pointer(pointer).and_then(Value::as_f64);
                value.map_or_else(String::new, |value| format!("{value:.digits$}"))
            };
            vec![
                output::cell(&arm["version"]),
                number("/share", 3),
                output::cell(&arm["requests"]),
                output::cell(&arm["errors"]),
                number("/p99_ms", 1),
                number("/rewards/mean", 3),
            ]
        })
        .collect();
    out.push_str("\n\n");
    let heads = ["VERSION", "SHARE", "REQUESTS", "ERRORS", "P99 MS", "REWARD"];
    out.push_str(&output::table(&heads, &arms));
    for gate in items(rollout, "/gates") {
        let (name, verdict) = (text(gate, "/gate"), text(gate, "/verdict"));
        out.push_str(&format!(
            "\n{name}: {verdict} ({} of {} over {} samples)",
            output::cell(&gate["observed"]),
            output::cell(&gate["limit"]),
            output::cell(&gate["samples"])
        ));
    }
    for change in items(rollout, "/history").iter().take(5) {
        let by = if change["automatic"] == true { "by itself" } else { text(change, "/by") };
        out.push_str(&format!("\n{} {by}: {}", text(change, "/action"), text(change, "/reason")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(embeddings: bool, query_prefix: Option<&str>) -> Encoding {
        Encoding {
            embeddings,
            dimensions: embeddings.then_some(256),
            query_prefix: query_prefix.map(str::to_owned),
            document_prefix: None,
            pooling: None,
        }
    }

    #[test]
    fn a_providers_model_is_told_with_what_was_given() {
        let told = |encoding| remote(Some("p".to_owned()), Some("m".to_owned()), encoding);
        let plain = json!({"kind": "remote", "provider": "p", "model": "m"});
        assert_eq!(told(encoding(false, None)), plain);
        let mut all = plain;
        all["embeddings"] = true.into();
        all["dimensions"] = 256.into();
        all["query_prefix"] = "query: ".into();
        assert_eq!(told(encoding(true, Some("query: "))), all);
    }

    #[test]
    fn what_a_version_reads_is_shown_with_its_white_space() {
        let made = json!({"version": 1, "pooling": "cls", "query_prefix": "query: "});
        assert_eq!(encoding_lines(&made), ["  pooling: \"cls\"", "  query_prefix: \"query: \""]);
        assert!(encoding_lines(&json!({"version": 1, "pooling": null})).is_empty());
    }

    #[test]
    fn a_rollout_is_shown_with_its_arms_gates_and_changes() {
        let shown = render(&json!({
            "model": "m", "status": "running", "stable": 1, "plan": {"strategy": "canary"},
            "arms": [{"version": 1, "share": 0.9, "requests": 90, "errors": 0, "p99_ms": 2.44,
                      "rewards": {"count": 0, "mean": null}}],
            "gates": [{"gate": "max_error_rate", "observed": 0.0, "limit": 0.05, "samples": 60,
                       "verdict": "pass"}],
            "history": [{"action": "started", "automatic": false, "by": "key_1", "reason": "new"}],
        }));
        for part in
            ["m: canary running, stable version 1", "0.900", "2.4", "pass", "started key_1: new"]
        {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
