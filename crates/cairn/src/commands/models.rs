//! `cairn models`: files of models on this machine, and the server's models.

mod versions;

use cairn_kernel::{Result, ResultExt as _};
use cairn_serving::models::{
    AssetKind, EMBEDDING, EMBEDDING_TOKENIZER, ModelStore, OCR_DETECTION, OCR_DIRECTION,
    OCR_RECOGNITION, assets,
};
use serde_json::{Value, json};

use super::{Context, Outcome, deploy, items, text};
use crate::cli::Models;
use crate::output;
use versions::{Encoding, Version};

/// Does what was asked for.
///
/// # Errors
/// `NotFound` for unknown names, `Unavailable` when a file cannot be had.
pub(super) async fn run(context: &Context, asked: Models) -> Result<Outcome> {
    match asked {
        Models::List(json) => list(context, json.json).await,
        Models::Pull { names, all, default: _ } => pull(context, &names, all).await,
        Models::Add {
            name,
            file,
            base,
            asset,
            provider,
            model,
            embeddings,
            dimensions,
            query_prefix,
            document_prefix,
            pooling,
            json,
        } => {
            let encoding =
                Encoding { embeddings, dimensions, query_prefix, document_prefix, pooling };
            let version = Version { file, base, asset, provider, model, encoding };
            versions::add(&context.client()?, &name, version, json.json).await
        }
        Models::Alias { name, alias, version, json } => {
            versions::alias(&context.client()?, (&name, &alias), version, json.json).await
        }
        Models::Rollout { name, set, json } => {
            versions::rollout(&context.client()?, &name, set.as_deref(), json.json).await
        }
        Models::Rollback { name, reason, json } => {
            let asked = json!({"reason": reason});
            versions::end(&context.client()?, (&name, "rollback"), &asked, json.json).await
        }
        Models::Promote { name, version, reason, json } => {
            let asked = json!({"version": version, "reason": reason});
            versions::end(&context.client()?, (&name, "promote"), &asked, json.json).await
        }
        Models::Deploy { name, version, json } => {
            let model = deploy(&context.client()?, &name, version).await?;
            if json.json {
                output::json(&model)?;
            } else {
                output::line(format_args!("{name} version {version} is deployed"))?;
            }
            Ok(Outcome::Done)
        }
    }
}

/// The files of a plain installation: embedding model, tokenizer, what reads pictures, language model.
pub(super) fn needed(llm: Option<&str>) -> Vec<&str> {
    let always = [EMBEDDING, EMBEDDING_TOKENIZER, OCR_DETECTION, OCR_RECOGNITION, OCR_DIRECTION];
    always.into_iter().chain(llm).collect()
}

async fn pull(context: &Context, names: &[String], all: bool) -> Result<Outcome> {
    let store = ModelStore::new(&context.config.models_dir);
    let wanted: Vec<&str> = if all {
        assets()?.iter().map(|asset| asset.name.as_str()).collect()
    } else if names.is_empty() {
        needed(context.config.llm.as_deref())
    } else {
        spelt(&store, names)?
    };
    for name in wanted {
        let asset = store.asset(name)?;
        let bar = output::byte_bar(asset.bytes, name);
        let progress = |done, _| bar.set_position(done);
        let path = store.pull(name, &progress).await?;
        bar.finish_and_clear();
        output::line(format_args!(
            "{name}  {} bytes  sha256 {} checked  {}",
            asset.bytes,
            asset.sha256,
            path.display()
        ))?;
    }
    Ok(Outcome::Done)
}

/// The lock file's names of `names`, in any case, with the tokenizer of an embedding model.
fn spelt(store: &ModelStore, names: &[String]) -> Result<Vec<&'static str>> {
    let mut spelt = Vec::new();
    for name in names {
        let asset = store.asset(&name.to_lowercase())?;
        spelt.push(asset.name.as_str());
        if asset.kind == AssetKind::Embedding && asset.name == EMBEDDING {
            spelt.push(EMBEDDING_TOKENIZER);
        }
    }
    let mut seen = std::collections::HashSet::new();
    spelt.retain(|name| seen.insert(*name));
    Ok(spelt)
}

async fn list(context: &Context, json: bool) -> Result<Outcome> {
    let store = ModelStore::new(&context.config.models_dir);
    let files: Vec<Value> = store
        .list()?
        .iter()
        .map(|status| {
            json!({
                "name": status.asset.name,
                "kind": kind_name(status.asset.kind),
                "bytes": status.asset.bytes,
                "sha256": status.asset.sha256,
                "licence": status.asset.licence,
                "path": status.path,
            })
        })
        .collect();
    // Without a server there are files all the same.
    let models = match context.client() {
        Ok(client) => match client.list(&["cairn", "v1", "models"], &[]).await {
            Ok(models) => Some(models),
            Err(error) if error.kind() == cairn_kernel::Kind::Unavailable => None,
            Err(error) => return Err(error),
        },
        Err(_) => None,
    };
    let answer = serde_json::to_value(json!({"files": files, "models": models}));
    let answer = answer.or_internal("writing JSON")?;
    if json {
        output::json(&answer)?;
    } else {
        output::line(render(&answer))?;
    }
    Ok(Outcome::Done)
}

/// The program's own language models are among the files already.
fn is_of_tenant(model: &Value) -> bool {
    text(model, "/kind") != "llm" || items(model, "/versions").iter().any(|v| v["created_at"] != 0)
}

fn kind_name(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Llm => "llm",
        AssetKind::Embedding => "embedding",
        AssetKind::Tokenizer => "tokenizer",
        AssetKind::Library => "library",
        AssetKind::Ocr => "ocr",
    }
}

fn render(answer: &Value) -> String {
    let files: Vec<Vec<String>> = items(answer, "/files")
        .iter()
        .map(|file| {
            let here = if file["path"].is_null() { "no" } else { "yes" };
            let cell = |key: &str| output::cell(&file[key]);
            vec![cell("name"), cell("kind"), cell("bytes"), cell("licence"), here.to_owned()]
        })
        .collect();
    let mut out = output::table(&["FILE", "KIND", "BYTES", "LICENCE", "HERE"], &files);
    let trained: Vec<Vec<String>> = items(answer, "/models")
        .iter()
        .filter(|model| is_of_tenant(model))
        .map(|model| {
            let versions = items(model, "/versions").iter();
            let versions: Vec<String> =
                versions.map(|version| output::cell(&version["version"])).collect();
            let cell = |key: &str| output::cell(&model[key]);
            let versions = versions.join(" ");
            vec![cell("name"), cell("runtime"), cell("state"), cell("deployed_version"), versions]
        })
        .collect();
    if answer["models"].is_null() {
        out.push_str("\n\nNo server runs here, so its models are not listed.");
    } else if !trained.is_empty() {
        out.push_str("\n\n");
        let heads = ["MODEL", "KIND", "STATE", "DEPLOYED", "VERSIONS"];
        out.push_str(&output::table(&heads, &trained));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_bring_what_belongs_to_them() {
        let store = ModelStore::new("nowhere");
        let names = ["SmolLM2-135M-Instruct".to_owned(), "all-MiniLM-L6-v2".to_owned()];
        let found = spelt(&store, &names).unwrap();
        assert_eq!(found, ["smollm2-135m-instruct", EMBEDDING, EMBEDDING_TOKENIZER]);
        assert!(spelt(&store, &["gpt-9".to_owned()]).is_err());
    }

    #[test]
    fn files_and_models_are_listed() {
        let answer = json!({
            "files": [{"name": "a", "kind": "llm", "bytes": 1, "licence": "MIT", "path": null}],
            "models": [{"name": "m", "kind": "tabular", "state": "ready", "deployed_version": 2,
                        "runtime": "onnx", "versions": [{"version": 2}, {"version": 1}]}],
        });
        assert_eq!(
            render(&answer),
            "FILE  KIND  BYTES  LICENCE  HERE\na     llm   1      MIT      no\n\n\
             MODEL  KIND  STATE  DEPLOYED  VERSIONS\nm      onnx  ready  2         2 1"
        );
    }
}
