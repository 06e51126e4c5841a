//! `cairn verify`, `cairn purge` and `cairn erase`: the data against the records, and what
//! is to go for good.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::{Outcome, items, text};
use crate::cli::{Erase, Verify};
use crate::client::Client;
use crate::output;

/// Checks and prints; fails when something differs and was not repaired.
///
/// # Errors
/// What the server says.
pub(super) async fn verify(client: &Client, asked: &Verify) -> Result<Outcome> {
    let found = client.post(&["cairn", "v1", "verify"], &json!({"repair": asked.repair})).await?;
    if asked.json.json {
        output::json(&found)?;
    } else {
        output::line(render(&found))?;
    }
    let fine = found["clean"] == true || found["repaired"] == true;
    Ok(if fine { Outcome::Done } else { Outcome::Failed })
}

/// Finishes pending deletes and prints how many there were.
///
/// # Errors
/// What the server says.
pub(super) async fn purge(client: &Client, json: bool) -> Result<Outcome> {
    let purged = client.post(&["cairn", "v1", "purge"], &json!({})).await?;
    if json {
        output::json(&purged)?;
    } else {
        output::line(format_args!(
            "{} points, {} indexes and {} blobs removed, {} certificates signed",
            purged["points"], purged["indexes"], purged["blobs"], purged["certificates"]
        ))?;
    }
    Ok(Outcome::Done)
}

/// Deletes, waits until the bytes are gone too, and prints the certificate.
///
/// # Errors
/// What the server says.
pub(super) async fn erase(client: &Client, asked: &Erase) -> Result<Outcome> {
    let subject = &asked.subject;
    let deleted = match (&subject.file, &subject.store, &subject.tenant) {
        (Some(file), _, _) => client.delete(&["v1", "files", file]).await?,
        (_, Some(store), _) => {
            let files = if asked.source_files { "delete" } else { "keep" };
            client.delete_with(&["v1", "vector_stores", store], &[("files", files)]).await?
        }
        (_, _, Some(tenant)) => client.delete(&["cairn", "v1", "tenants", tenant]).await?,
        (None, None, None) => return Ok(Outcome::Failed),
    };
    let id = match text(&deleted, "/cairn/erasure") {
        "" => text(&deleted, "/id"),
        erasure => erasure,
    };
    client.post(&["cairn", "v1", "purge"], &json!({})).await?;
    let erasure = client.get(&["cairn", "v1", "erasures", id], &[]).await?;
    if asked.json.json {
        output::json(&erasure)?;
    } else {
        output::line(text(&erasure, "/certificate/statement"))?;
        output::note(format_args!(
            "signed with ed25519: {} (public key {})",
            text(&erasure, "/certificate/signature"),
            text(&erasure, "/certificate/public_key")
        ));
    }
    Ok(if erasure["status"] == "completed" { Outcome::Done } else { Outcome::Failed })
}

fn render(found: &Value) -> String {
    if found["clean"] == true {
        return "Indexes, vectors and bytes agree with the records.".to_owned();
    }
    let mut lines: Vec<String> = items(found, "/findings")
        .iter()
        .map(|finding| {
            format!(
                "{}: {} points missing, {} too many",
                text(finding, "/store"),
                finding["missing"],
                finding["orphaned"]
            )
        })
        .collect();
    for document in items(found, "/without_vectors") {
        let (store, file) = (text(document, "/store"), text(document, "/file"));
        lines.push(format!("{store}: {file} has chunks without a vector"));
    }
    for (pointer, what) in [
        ("/orphaned_blobs", "belongs to nothing"),
        ("/missing_blobs", "is missing; upload the file again"),
    ] {
        let paths = items(found, pointer).iter().filter_map(Value::as_str);
        lines.extend(paths.map(|path| format!("{path} {what}")));
    }
    lines.push(
        match found["repaired"] == true {
            true => "Repaired.",
            false => "Repair it with `cairn verify --repair`.",
        }
        .to_owned(),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_said_with_the_remedy() {
        let found = json!({"clean": false, "repaired": false,
            "findings": [{"store": "vs_1", "missing": 2, "orphaned": 0}]});
        assert_eq!(
            render(&found),
            "vs_1: 2 points missing, 0 too many\nRepair it with `cairn verify --repair`."
        );
        let bytes = json!({"clean": false, "repaired": true, "orphaned_blobs": ["a"],
            "without_vectors": [{"store": "vs_1", "file": "file-1"}]});
        assert_eq!(
            render(&bytes),
            "vs_1: file-1 has chunks without a vector\na belongs to nothing\nRepaired."
        );
        assert!(render(&json!({"clean": true})).contains("agree"));
    }
}
