//! `cairn keys`: API keys.

use cairn_kernel::Result;
use serde_json::{Value, json};

use super::{Outcome, items, text};
use crate::cli::Keys;
use crate::client::Client;
use crate::output;

const KEYS: [&str; 3] = ["cairn", "v1", "keys"];

/// Does what was asked for.
///
/// # Errors
/// `Forbidden` unless the key in use is an admin's, and what the server says.
pub(super) async fn run(client: &Client, asked: Keys) -> Result<Outcome> {
    match asked {
        Keys::Create { tenant, role, name, principals, json } => {
            let body =
                json!({"tenant": tenant, "role": role, "name": name, "principals": principals});
            let made = client.post(&KEYS, &body).await?;
            if json.json {
                output::json(&made)?;
            } else {
                // The key alone, so that a shell can take it.
                output::line(text(&made, "/key"))?;
                output::note(format_args!(
                    "{} key {} of tenant '{tenant}', shown this once",
                    role.as_str(),
                    text(&made, "/id")
                ));
            }
        }
        Keys::List(json) => {
            let keys = Value::Array(client.list(&KEYS, &[]).await?);
            if json.json { output::json(&keys)? } else { output::line(render(&keys))? }
        }
        Keys::Revoke { id, json } => {
            let answer = client.delete(&["cairn", "v1", "keys", &id]).await?;
            if json.json {
                output::json(&answer)?;
            } else {
                output::line(format_args!("{id} no longer opens anything"))?;
            }
        }
    }
    Ok(Outcome::Done)
}

fn render(keys: &Value) -> String {
    let rows: Vec<Vec<String>> = items(keys, "")
        .iter()
        .map(|key| {
            let state = if key["revoked_at"].is_null() { "valid" } else { "revoked" };
            let cell = |name: &str| output::cell(&key[name]);
            vec![cell("id"), cell("tenant"), cell("role"), cell("name"), state.to_owned()]
        })
        .collect();
    output::table(&["ID", "TENANT", "ROLE", "NAME", "STATE"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_listed_with_their_state() {
        let keys = json!([
            {"id": "1", "tenant": "t", "role": "viewer", "name": "n", "revoked_at": null},
            {"id": "2", "tenant": "t", "role": "admin", "name": "", "revoked_at": 5},
        ]);
        let text = render(&keys);
        assert!(text.contains("1   t       viewer  n     valid"), "{text}");
        assert!(text.contains("revoked"), "{text}");
    }
}
