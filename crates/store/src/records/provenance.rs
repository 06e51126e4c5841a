//! How stored answers came about, and what became of the passages they were made from.

use cairn_kernel::{Id, Result, ResultExt, Scope};
use sqlx::QueryBuilder;

use super::access::{asker, push_readable, readable};
use super::owners::{holder, owned};
use super::{Records, Tx};

/// What became of a passage that an answer was made from, as its own tenant may know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassageFate {
    /// Whether the file is still there.
    pub file: bool,
    /// Whether the caller's questions are answered from it.
    pub readable: bool,
    /// Whether the file is in one of the stores.
    pub attached: bool,
    /// Whether this very chunk is.
    pub alive: bool,
}

impl Records {
    /// The provenance of a stored answer of the caller's, a JSON object. Whether the caller may
    /// read what the answer rests on is to be asked before ([`Records::response`]).
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn provenance(&self, scope: &Scope, response: &Id) -> Result<Option<String>> {
        sqlx::query_scalar(concat!(
            "SELECT p.body FROM provenance p WHERE p.tenant_id = $1 AND p.response_id = $2 AND ",
            owned!(response "p.response_id", "$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(response.as_str())
        .bind(holder(scope))
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a response's provenance")
    }

    /// The provenance of a stored answer, whoever's it is, to be scrubbed within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn provenance_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        response: &str,
    ) -> Result<Option<String>> {
        sqlx::query_scalar("SELECT body FROM provenance WHERE tenant_id = $1 AND response_id = $2")
            .bind(scope.tenant().as_str())
            .bind(response)
            .fetch_optional(&mut **tx)
            .await
            .or_internal("reading a response's provenance")
    }

    /// Keeps or replaces the provenance of a stored answer within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when there is no such answer).
    pub async fn put_provenance(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        response: &str,
        body: &str,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO provenance (tenant_id, response_id, body) VALUES ($1, $2, $3) \
             ON CONFLICT (tenant_id, response_id) DO UPDATE SET body = excluded.body",
        )
        .bind(scope.tenant().as_str())
        .bind(response)
        .bind(body)
        .execute(&mut **tx)
        .await
        .or_internal("keeping a response's provenance")?;
        Ok(())
    }

    /// Ids and SHA-256 of those of the files that are there and that the caller's questions
    /// are answered from.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn file_hashes(
        &self,
        scope: &Scope,
        files: &[&str],
    ) -> Result<Vec<(String, String)>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(
            "SELECT f.id, f.sha256 FROM files f WHERE f.tenant_id = ",
        );
        query.push_bind(scope.tenant().as_str().to_owned());
        push_readable(&mut query, scope);
        query.push(" AND f.id IN (");
        let mut list = query.separated(", ");
        for file in files {
            list.push_bind((*file).to_owned());
        }
        query.push(")");
        query.build_query_as().fetch_all(&self.read).await.or_internal("reading files' hashes")
    }

    /// What became of the chunk `chunk` of the file `file` in the `stores`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn passage_fate(
        &self,
        scope: &Scope,
        (file, chunk): (&str, &str),
        stores: &[Id],
    ) -> Result<PassageFate> {
        let found: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT CASE WHEN ",
            readable!("f", "$3"),
            " THEN 1 ELSE 0 END FROM files f WHERE f.tenant_id = $1 AND f.id = $2 \
             AND (f.expires_at IS NULL OR f.expires_at > $4)"
        ))
        .bind(scope.tenant().as_str())
        .bind(file)
        .bind(asker(scope))
        .bind(self.clock.now())
        .fetch_optional(&self.read)
        .await
        .or_internal("looking for a passage's file")?;
        let Some(readable) = found else { return Ok(PassageFate::default()) };
        let attachments: Vec<(String, i64)> = sqlx::query_as(
            "SELECT sf.store_id, CASE WHEN c.id IS NULL THEN 0 ELSE 1 END FROM store_files sf \
             LEFT JOIN chunks c ON c.store_id = sf.store_id AND c.file_id = sf.file_id \
             AND c.revision = sf.revision AND c.id = $3 AND c.generation = \
             (SELECT g.generation FROM index_generations g WHERE g.tenant_id = c.tenant_id \
             AND g.store_id = c.store_id AND g.state = 'active') \
             WHERE sf.tenant_id = $1 AND sf.file_id = $2 AND sf.status = 'completed'",
        )
        .bind(scope.tenant().as_str())
        .bind(file)
        .bind(chunk)
        .fetch_all(&self.read)
        .await
        .or_internal("looking for a passage")?;
        let mut fate =
            PassageFate { file: true, readable: readable != 0, attached: false, alive: false };
        for (store, alive) in attachments {
            let searched = stores.iter().any(|one| one.as_str() == store);
            fate.attached |= searched;
            fate.alive |= searched && alive != 0;
        }
        Ok(fate)
    }
}
