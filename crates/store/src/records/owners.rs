//! Who made which stored answer and which conversation, and the condition that every query of
//! these has which answers to a caller.
//!
//! They belong to the users that their maker's key speaks for, so that another key of the same
//! user finds them; to the key itself where it speaks for no user. A group owns nothing. Editors
//! and admins manage all of their tenant. What is older than owners has none, and stays open to
//! its tenant. A delete that scrubs sees everything, whoever owns it.

use cairn_kernel::{Result, ResultExt, Role, Scope};

use super::Tx;

/// How the principals begin that are users.
const USER: &str = "user:";

/// The condition that the answer or conversation whose id is `$id` is the caller's own, whom the
/// parameter `$who` names in the form of [`holder`].
macro_rules! owned {
    (response $id:literal, $who:literal) => {
        owned!("response_owners", "response_id", $id, $who)
    };
    (conversation $id:literal, $who:literal) => {
        owned!("conversation_owners", "conversation_id", $id, $who)
    };
    ($owners:literal, $of:literal, $id:literal, $who:literal) => {
        concat!(
            "(",
            $who,
            " = '*' OR NOT EXISTS (SELECT 1 FROM ",
            $owners,
            " o WHERE o.",
            $of,
            " = ",
            $id,
            ") OR EXISTS (SELECT 1 FROM ",
            $owners,
            " o WHERE o.",
            $of,
            " = ",
            $id,
            " AND replace(",
            $who,
            ", '|' || o.owner || '|', '') <> ",
            $who,
            "))"
        )
    };
}
pub(super) use owned;

/// Whose answers and conversations a caller has: `|key:key_1|user:ada|`; `*`, everybody's, for
/// editors.
pub(super) fn holder(scope: &Scope) -> String {
    if scope.role() >= Role::Editor {
        return "*".to_owned();
    }
    let mut who = format!("|{}|", key(scope));
    for user in users(scope) {
        who.push_str(user);
        who.push('|');
    }
    who
}

/// Notes that the caller made the stored answer `id`.
pub(super) async fn own_response(tx: &mut Tx, scope: &Scope, id: &str) -> Result<()> {
    let statement = "INSERT INTO response_owners (response_id, owner) VALUES ($1, $2) \
                     ON CONFLICT (response_id, owner) DO NOTHING";
    own(tx, statement, scope, id).await
}

/// Notes that the caller made the conversation `id`.
pub(super) async fn own_conversation(tx: &mut Tx, scope: &Scope, id: &str) -> Result<()> {
    let statement = "INSERT INTO conversation_owners (conversation_id, owner) VALUES ($1, $2) \
                     ON CONFLICT (conversation_id, owner) DO NOTHING";
    own(tx, statement, scope, id).await
}

async fn own(tx: &mut Tx, statement: &'static str, scope: &Scope, id: &str) -> Result<()> {
    for owner in owners(scope) {
        sqlx::query(statement)
            .bind(id)
            .bind(owner)
            .execute(&mut **tx)
            .await
            .or_internal("noting an owner")?;
    }
    Ok(())
}

/// To whom belongs what a caller makes.
fn owners(scope: &Scope) -> Vec<String> {
    let users: Vec<String> = users(scope).map(str::to_owned).collect();
    if users.is_empty() { vec![key(scope)] } else { users }
}

fn users(scope: &Scope) -> impl Iterator<Item = &str> {
    scope.principals().iter().map(String::as_str).filter(|name| name.starts_with(USER))
}

/// The key, as no user can be called.
fn key(scope: &Scope) -> String {
    format!("key:{}", scope.principal())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]
mod tests {
    use cairn_kernel::Id;

    use super::*;

    fn caller(role: Role, principals: &[&str]) -> Scope {
        let principals = principals.iter().map(|name| (*name).to_owned()).collect();
        Scope::grant(Id::from_raw("t"), Id::from_raw("key_1"), role).with_principals(principals)
    }

    #[test]
    fn users_own_what_their_keys_make_and_a_key_without_users_its_own() {
        let ada = caller(Role::Viewer, &["group:board", "user:ada", "key:key_2"]);
        assert_eq!(owners(&ada), ["user:ada"]);
        assert_eq!(holder(&ada), "|key:key_1|user:ada|");
        let board = caller(Role::Viewer, &["group:board"]);
        assert_eq!(owners(&board), ["key:key_1"]);
        assert_eq!(holder(&board), "|key:key_1|");
    }

    #[test]
    fn editors_have_everybodys_and_make_their_own() {
        let editor = caller(Role::Editor, &["user:eve"]);
        assert_eq!((holder(&editor).as_str(), owners(&editor)), ("*", vec!["user:eve".to_owned()]));
    }
}
