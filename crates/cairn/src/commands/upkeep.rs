//! `cairn verify` and `cairn purge`: the index against the records, and what waits to go.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::{Outcome, items, text};
use crate::cli::Verify;
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
            "{} points of the index and {} blobs removed",
            purged["points"], purged["blobs"]
        ))?;
    }
    Ok(Outcome::Done)
}

fn render(found: &Value) -> String {
    if found["clean"] == true {
        return "The index agrees with the records.".to_owned();
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
        assert!(render(&json!({"clean": true})).contains("agrees"));
    }
}
