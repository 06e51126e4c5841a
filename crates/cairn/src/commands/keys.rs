//! `cairn keys`: API keys.

use cairn_kernel::{Clock, Result};
use serde_json::{Value, json};

use super::{Outcome, items, text};
use crate::cli::{KeyChanges, Keys, UpdateKey};
use crate::client::Client;
use crate::output;

const KEYS: [&str; 3] = ["cairn", "v1", "keys"];

/// Does what was asked for.
///
/// # Errors
/// `Forbidden` unless the key in use is an admin's, and what the server says.
pub(super) async fn run(client: &Client, asked: Keys) -> Result<Outcome> {
    let now = Clock::system().now_seconds();
    match asked {
        Keys::Create { tenant, role, name, principals, expires, json } => {
            let body = json!({"tenant": tenant, "role": role, "name": name,
                "principals": principals, "expires_at": expires.map(|after| end(now, after))});
            let made = client.post(&KEYS, &body).await?;
            tell_secret(&made, json.json, now)?;
        }
        Keys::List(json) => {
            let keys = Value::Array(client.list(&KEYS, &[]).await?);
            if json.json { output::json(&keys)? } else { output::line(render(&keys, now))? }
        }
        Keys::Update(UpdateKey { id, changes, json }) => {
            let path = ["cairn", "v1", "keys", &id];
            let changed = client.patch(&path, &changed(changes, now)).await?;
            if json.json { output::json(&changed)? } else { output::line(told(&changed, now))? }
        }
        Keys::Rotate { id, grace, json } => {
            let path = ["cairn", "v1", "keys", &id, "rotate"];
            let made = client.post(&path, &json!({"grace_s": grace.unwrap_or(0)})).await?;
            tell_secret(&made, json.json, now)?;
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

/// Unix seconds, so long after `now`.
fn end(now: i64, after: u64) -> i64 {
    now.saturating_add(i64::try_from(after).unwrap_or(i64::MAX))
}

/// What the server shall change: what was not said stays.
fn changed(changes: KeyChanges, now: i64) -> Value {
    let mut body = json!({});
    if let Some(name) = changes.name {
        body["name"] = json!(name);
    }
    if changes.no_principals || !changes.principals.is_empty() {
        body["principals"] = json!(changes.principals);
    }
    if changes.never_expires {
        body["expires_at"] = Value::Null;
    }
    if let Some(after) = changes.expires {
        body["expires_at"] = json!(end(now, after));
    }
    body
}

/// The key alone on standard output, so that a shell can take it.
fn tell_secret(made: &Value, json: bool, now: i64) -> Result<()> {
    if json {
        return output::json(made);
    }
    output::line(text(made, "/key"))?;
    output::note(format_args!("{}; shown this once", told(made, now)));
    if let Some(left) = made["previous_secret_until"].as_i64().filter(|until| *until > now) {
        output::note(format_args!("the old secret works {} more", span(left - now)));
    }
    Ok(())
}

/// A key in a line.
fn told(key: &Value, now: i64) -> String {
    let named = items(key, "/principals").iter().filter_map(Value::as_str).collect::<Vec<_>>();
    let speaks = if named.is_empty() { "nobody".to_owned() } else { named.join(", ") };
    let role = text(key, "/role");
    let (id, tenant) = (text(key, "/id"), text(key, "/tenant"));
    let ends = match key["expires_at"].as_i64() {
        None => "has no end".to_owned(),
        Some(at) if at > now => format!("ends in {}", span(at - now)),
        Some(_) => "has expired".to_owned(),
    };
    format!("{role} key {id} of tenant '{tenant}' speaks for {speaks} and {ends}")
}

fn render(keys: &Value, now: i64) -> String {
    let rows: Vec<Vec<String>> = items(keys, "")
        .iter()
        .map(|key| {
            let cell = |name: &str| output::cell(&key[name]);
            let expires = key["expires_at"].as_i64();
            let state = match expires {
                _ if !key["revoked_at"].is_null() => "revoked",
                Some(at) if at <= now => "expired",
                _ => "valid",
            };
            let used = key["last_used_at"].as_i64();
            let named = items(key, "/principals").iter().map(output::cell).collect::<Vec<_>>();
            vec![
                cell("id"),
                cell("tenant"),
                cell("role"),
                cell("name"),
                state.to_owned(),
                expires.filter(|at| *at > now).map_or_else(String::new, |at| span(at - now)),
                used.map_or_else(|| "never".to_owned(), |at| format!("{} ago", span(now - at))),
                named.join(" "),
            ]
        })
        .collect();
    let headings = ["ID", "TENANT", "ROLE", "NAME", "STATE", "ENDS IN", "LAST USED", "SPEAKS FOR"];
    output::table(&headings, &rows)
}

/// Seconds in the largest unit that fits, as options take them: `90d`, `5h`.
fn span(seconds: i64) -> String {
    match seconds.max(0) {
        days if days >= 2 * 86_400 => format!("{}d", days / 86_400),
        hours if hours >= 2 * 3600 => format!("{}h", hours / 3600),
        minutes if minutes >= 120 => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_listed_with_their_state() {
        let keys = json!([
            {"id": "1", "tenant": "t", "role": "viewer", "name": "n", "revoked_at": null,
                "expires_at": 864_100, "last_used_at": 40, "principals": ["user:ada", "group:x"]},
            {"id": "2", "tenant": "t", "role": "admin", "name": "", "revoked_at": 5},
            {"id": "3", "tenant": "t", "role": "admin", "name": "old", "expires_at": 100},
        ]);
        let text = render(&keys, 100);
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let ada = ["1", "t", "viewer", "n", "valid", "10d", "60s", "ago", "user:ada", "group:x"];
        assert_eq!(lines[1], ada, "{text}");
        assert_eq!(lines[2], ["2", "t", "admin", "revoked", "never"], "{text}");
        assert_eq!(lines[3], ["3", "t", "admin", "old", "expired", "never"], "{text}");
    }

    #[test]
    fn a_key_is_told_in_a_line() {
        let key = json!({"id": "1", "tenant": "t", "role": "viewer", "principals": ["user:ada"],
            "expires_at": 100});
        assert_eq!(
            told(&key, 40),
            "viewer key 1 of tenant 't' speaks for user:ada and ends in 60s"
        );
        assert!(told(&key, 100).ends_with("has expired"));
        let open = json!({"id": "1", "tenant": "t", "role": "viewer", "principals": []});
        assert!(told(&open, 0).ends_with("speaks for nobody and has no end"));
        assert_eq!([span(-5), span(7_200), span(7_199), span(172_800)], ["0s", "2h", "119m", "2d"]);
    }

    #[test]
    fn only_what_was_said_is_changed() {
        let none = || KeyChanges {
            name: None,
            principals: Vec::new(),
            no_principals: false,
            expires: None,
            never_expires: false,
        };
        let named = KeyChanges { name: Some("n".to_owned()), ..none() };
        assert_eq!(changed(named, 5), json!({"name": "n"}));
        let ada =
            KeyChanges { principals: vec!["user:ada".to_owned()], expires: Some(60), ..none() };
        assert_eq!(changed(ada, 5), json!({"principals": ["user:ada"], "expires_at": 65}));
        let open = KeyChanges { no_principals: true, never_expires: true, ..none() };
        assert_eq!(changed(open, 5), json!({"principals": [], "expires_at": null}));
    }
}
