//! Who may read which file: access lists, and the condition that every reading query has.
//!
//! A file without a list answers to its whole tenant. With one it answers to callers who
//! speak for somebody on it. Editors and admins manage all files of their tenant; what
//! they *ask* is answered from those documents only that their key may read, as for others.

use cairn_kernel::{Error, Id, PUBLIC, Result, ResultExt, Role, Scope};
use sqlx::{QueryBuilder, Sqlite};

use super::{Records, Tx, commit};

/// The condition that the file with the alias `$f` may be read by whom the parameter
/// `$who` names, in the form of [`asker`] or [`manager`].
macro_rules! readable {
    ($f:literal, $who:literal) => {
        concat!(
            "(",
            $who,
            " = '*' OR ",
            $f,
            ".restricted = 0 OR EXISTS (SELECT 1 FROM file_access fa WHERE fa.file_id = ",
            $f,
            ".id AND replace(",
            $who,
            ", '|' || fa.principal || '|', '') <> ",
            $who,
            "))"
        )
    };
}
pub(super) use readable;

/// Adds to a query that is built the condition that the file with the alias `f` may be read by the
/// caller who asks, as [`readable`] has it.
pub(super) fn push_readable(query: &mut QueryBuilder<Sqlite>, scope: &Scope) {
    let who = asker(scope);
    query.push(
        " AND (f.restricted = 0 OR EXISTS (SELECT 1 FROM file_access fa WHERE fa.file_id = f.id \
         AND replace(",
    );
    query.push_bind(who.clone()).push(", '|' || fa.principal || '|', '') <> ").push_bind(who);
    query.push("))");
}

/// For whom a caller asks: `|public|user:ada|`.
pub(super) fn asker(scope: &Scope) -> String {
    let mut who = format!("|{PUBLIC}|");
    for principal in scope.principals() {
        who.push_str(principal);
        who.push('|');
    }
    who
}

/// For whom a caller manages: `*`, everybody, for editors.
pub(super) fn manager(scope: &Scope) -> String {
    if scope.role() >= Role::Editor { "*".to_owned() } else { asker(scope) }
}

impl Records {
    /// The access list of a file; `None` when the whole tenant may read it.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file.
    pub async fn file_access(&self, scope: &Scope, file: &Id) -> Result<Option<Vec<String>>> {
        if self.file(scope, file).await?.restricted == 0 {
            return Ok(None);
        }
        let listed = sqlx::query_scalar(
            "SELECT principal FROM file_access WHERE tenant_id = $1 AND file_id = $2 ORDER BY principal",
        )
        .bind(scope.tenant().as_str())
        .bind(file.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading an access list")?;
        Ok(Some(listed))
    }

    /// Sets who may read a file, from the moment it returns. What was answered from it to
    /// requests with an idempotency key is forgotten.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file.
    pub async fn set_file_access(
        &self,
        scope: &Scope,
        file: &Id,
        access: Option<&[String]>,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        self.set_access_within(&mut tx, scope, file, access).await?;
        commit(tx).await
    }

    /// As [`Records::set_file_access`], within a transaction.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file.
    pub async fn set_access_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        file: &Id,
        access: Option<&[String]>,
    ) -> Result<()> {
        let done = sqlx::query("UPDATE files SET restricted = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(file.as_str())
            .bind(i64::from(access.is_some()))
            .execute(&mut **tx)
            .await
            .or_internal("restricting a file")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("file '{file}'")));
        }
        sqlx::query("DELETE FROM file_access WHERE tenant_id = $1 AND file_id = $2")
            .bind(scope.tenant().as_str())
            .bind(file.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("replacing an access list")?;
        for principal in access.unwrap_or_default() {
            sqlx::query(
                "INSERT INTO file_access (file_id, tenant_id, principal) VALUES ($1, $2, $3) \
                 ON CONFLICT (file_id, principal) DO NOTHING",
            )
            .bind(file.as_str())
            .bind(scope.tenant().as_str())
            .bind(principal)
            .execute(&mut **tx)
            .await
            .or_internal("writing an access list")?;
        }
        self.forget_answers(tx, scope).await
    }

    /// Closes a file as another one is closed, with the same list, within a transaction; says
    /// whether that one has a list. For a file that nothing was answered from yet.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn inherit_access(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        older: &Id,
        newer: &Id,
    ) -> Result<bool> {
        let closed = sqlx::query(
            "UPDATE files SET restricted = 1 WHERE tenant_id = $1 AND id = $2 AND EXISTS \
             (SELECT 1 FROM files o WHERE o.tenant_id = $1 AND o.id = $3 AND o.restricted = 1)",
        )
        .bind(scope.tenant().as_str())
        .bind(newer.as_str())
        .bind(older.as_str())
        .execute(&mut **tx)
        .await
        .or_internal("closing a file as another one is")?
        .rows_affected()
            > 0;
        if closed {
            sqlx::query(
                "INSERT INTO file_access (file_id, tenant_id, principal) \
                 SELECT $2, tenant_id, principal FROM file_access \
                 WHERE tenant_id = $1 AND file_id = $3 ON CONFLICT (file_id, principal) DO NOTHING",
            )
            .bind(scope.tenant().as_str())
            .bind(newer.as_str())
            .bind(older.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("taking an access list over")?;
        }
        Ok(closed)
    }

    /// Who may read a file, for the index; `None` when the whole tenant may, or the file is
    /// gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn readers_of(&self, scope: &Scope, file: &Id) -> Result<Option<Vec<String>>> {
        let rows: Vec<(i64, Option<String>)> = sqlx::query_as(
            "SELECT f.restricted, fa.principal FROM files f LEFT JOIN file_access fa \
             ON fa.file_id = f.id WHERE f.tenant_id = $1 AND f.id = $2 ORDER BY fa.principal",
        )
        .bind(scope.tenant().as_str())
        .bind(file.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading an access list")?;
        let restricted = rows.first().is_some_and(|(restricted, _)| *restricted != 0);
        Ok(restricted.then(|| rows.into_iter().filter_map(|(_, principal)| principal).collect()))
    }

    /// The files of a store that have an access list, with each principal on it; `None`
    /// for a list of nobody. For the index of the store.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn restricted_in(&self, store: &str) -> Result<Vec<(String, Option<String>)>> {
        sqlx::query_as(
            "SELECT f.id, fa.principal FROM store_files sf JOIN files f ON f.id = sf.file_id \
             LEFT JOIN file_access fa ON fa.file_id = f.id \
             WHERE sf.store_id = $1 AND f.restricted = 1 ORDER BY f.id, fa.principal",
        )
        .bind(store)
        .fetch_all(&self.read)
        .await
        .or_internal("reading the access lists of a store")
    }

    /// The stores that a file is attached to; those where it is still being read are among
    /// them, since its points may be in the index already.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn attachments_of(&self, scope: &Scope, file: &Id) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT store_id FROM store_files WHERE tenant_id = $1 AND file_id = $2 \
             AND status IN ('in_progress', 'completed') ORDER BY store_id",
        )
        .bind(scope.tenant().as_str())
        .bind(file.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading where a file is attached")
    }
}
