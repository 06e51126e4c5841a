//! The environment layer: `CAIRN_LISTEN`, `CAIRN_LIMITS__UPLOAD_BYTES` and so on.
//!
//! A misspelt variable would be silence where the user expects an effect, so names
//! that begin like ours and mean nothing are refused.

use cairn_kernel::{Error, Result};
use figment::Figment;
use figment::providers::Serialized;

/// What all our variables begin with.
pub(crate) const PREFIX: &str = "CAIRN_";

/// What a variable's text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Number,
    Flag,
    /// Paths separated by colons, as in `PATH`.
    Paths,
    /// Names separated by commas.
    Names,
}

use Shape::{Flag, Names, Number, Paths, Text};

/// Every key and the shape of its value.
pub(super) const KEYS: [(&str, Shape); 32] = [
    ("data", Text),
    ("listen", Text),
    ("oip_listen", Text),
    ("grpc_listen", Text),
    ("metrics_listen", Text),
    ("metrics_compat", Flag),
    ("models_dir", Text),
    ("admin_key", Text),
    ("log.format", Text),
    ("log.filter", Text),
    ("limits.body_bytes", Number),
    ("limits.upload_bytes", Number),
    ("limits.upload_parts_bytes", Number),
    ("limits.request_seconds", Number),
    ("limits.parse_seconds", Number),
    ("limits.parse_memory_bytes", Number),
    ("limits.text_bytes", Number),
    ("limits.train_grace_seconds", Number),
    ("limits.train_memory_bytes", Number),
    ("limits.concurrent_requests", Number),
    ("llm", Text),
    ("llm_context_tokens", Number),
    ("llm_slots", Number),
    ("llm_idle_seconds", Number),
    ("threads", Number),
    ("drain_seconds", Number),
    ("allow_plain_http", Flag),
    ("rerank_model", Text),
    ("sources.folders", Paths),
    ("sources.allowed_hosts", Names),
    ("sources.private_networks", Flag),
    ("guard.allowed_hosts", Names),
];

/// Variables that others read: the command line, scripts and tests.
const OTHERS: [&str; 8] = [
    "CAIRN_URL",
    "CAIRN_KEY",
    "CAIRN_CONFIG",
    "CAIRN_BIN",
    "CAIRN_DEMO_BUDGET",
    "CAIRN_READY_SECONDS",
    "CAIRN_SEARCH_CRASH_FOLDER",
    "CAIRN_SEARCH_CRASH_LOOPS",
];

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Adds the variables to the layers. One that is set to nothing counts as not set.
///
/// # Errors
/// `Invalid` for an unknown name, listing the known ones, and for a value of the wrong shape.
pub(super) fn merge(mut layers: Figment, variables: &[(String, String)]) -> Result<Figment> {
    for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        if OTHERS.contains(&name.as_str()) || is_service_link(name, value) || value.is_empty() {
            continue;
        }
        let Some((key, shape)) = KEYS.iter().find(|(key, _)| variable(key) == *name) else {
            return Err(unknown(name));
        };
        layers = match shape {
            Text => layers.merge(Serialized::default(key, value)),
            Number => layers.merge(Serialized::default(key, number(name, value)?)),
            Flag => layers.merge(Serialized::default(key, flag(name, value)?)),
            Paths => layers.merge(Serialized::default(key, parts(value, ':'))),
            Names => layers.merge(Serialized::default(key, parts(value, ','))),
        };
    }
    Ok(layers)
}

fn parts(value: &str, by: char) -> Vec<&str> {
    value.split(by).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// What Kubernetes sets in every container for a service whose name begins with ours.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(char::is_numeric))
}

fn unknown(name: &str) -> Error {
    let known: Vec<String> = KEYS.iter().map(|(key, _)| variable(key)).collect();
    Error::invalid(format!(
        "the environment variable {name} means nothing to Cairn; the known ones are {}, {}",
        known.join(", "),
        OTHERS[..3].join(", ")
    ))
}

fn number(name: &str, value: &str) -> Result<u64> {
    value.trim().parse().map_err(|_| {
        Error::invalid(format!(
            "the environment variable {name} is '{value}'; it must be a whole number"
        ))
    })
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value.trim() {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err(Error::invalid(format!(
            "the environment variable {name} is '{value}'; it must be true or false"
        ))),
    }
}
