//! A tenant as a whole: its deletion.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope};

use super::{Records, TenantRow, Tx};

/// A table's name and the statement that deletes a tenant's rows in it.
macro_rules! deletes {
    ($($table:literal),+ $(,)?) => {
        [$(($table, concat!("DELETE FROM ", $table, " WHERE tenant_id = $1"))),+]
    };
}

/// Every table with rows of tenants, those first that others do not refer to. What is not
/// here holds nothing of a tenant, or outlives it on purpose.
const DELETES: [(&str, &str); 41] = deletes![
    "source_items",
    "sources",
    "remembered",
    "forgotten",
    "conversation_items",
    "conversations",
    "provenance",
    "responses",
    "evaluation_results",
    "evaluations",
    "judged_words",
    "questions",
    "evaluation_schedules",
    "question_sets",
    "chunks",
    "chunk_parents",
    "generation_files",
    "store_files",
    "file_batch_files",
    "file_batches",
    "index_generations",
    "store_rankings",
    "store_thresholds",
    "vector_stores",
    "upload_parts",
    "uploads",
    "file_access",
    "document_texts",
    "file_texts",
    "file_readings",
    "files",
    "datasets",
    "training_runs",
    "rollout_events",
    "rollouts",
    "model_aliases",
    "model_versions",
    "models",
    "jobs",
    "usage_ledger",
    "api_keys",
];

impl Records {
    /// Every tenant, by name, for an admin.
    ///
    /// # Errors
    /// `Forbidden` for others.
    pub async fn list_tenants(&self, scope: &Scope) -> Result<Vec<TenantRow>> {
        scope.require(Role::Admin)?;
        sqlx::query_as("SELECT id, name FROM tenants ORDER BY name")
            .fetch_all(&self.read)
            .await
            .or_internal("listing tenants")
    }

    /// The tenant of that id or name, for an admin.
    ///
    /// # Errors
    /// `Forbidden` for others, `NotFound` when there is none.
    pub async fn find_tenant(&self, scope: &Scope, id_or_name: &str) -> Result<TenantRow> {
        scope.require(Role::Admin)?;
        sqlx::query_as("SELECT id, name FROM tenants WHERE id = $1 OR name = $1")
            .bind(id_or_name)
            .fetch_optional(&self.read)
            .await
            .or_internal("looking up a tenant")?
            .ok_or_else(|| Error::not_found(format!("tenant '{id_or_name}'")))
    }

    /// Deletes a tenant with everything that is its own, its keys included, within a
    /// transaction. Its indexes and folders follow through the removal lists. Returns what
    /// there was, by table.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin; `Conflict` for the caller's own tenant.
    pub async fn delete_tenant(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        tenant: &Id,
    ) -> Result<Vec<(&'static str, u64)>> {
        scope.require(Role::Admin)?;
        if scope.tenant() == tenant {
            return Err(Error::new(
                Kind::Conflict,
                "an admin cannot delete the tenant that the admin's own key belongs to",
            ));
        }
        for statement in [
            "INSERT INTO index_drops (store_id) SELECT index_name FROM index_generations \
             WHERE tenant_id = $1 AND swept = 0 ON CONFLICT (store_id) DO NOTHING",
            "DELETE FROM index_removals WHERE store_id IN \
             (SELECT index_name FROM index_generations WHERE tenant_id = $1)",
            "DELETE FROM index_rewrites WHERE store_id IN \
             (SELECT index_name FROM index_generations WHERE tenant_id = $1)",
            "INSERT INTO tenant_removals (tenant_id) VALUES ($1) \
             ON CONFLICT (tenant_id) DO NOTHING",
        ] {
            sqlx::query(statement)
                .bind(tenant.as_str())
                .execute(&mut **tx)
                .await
                .or_internal("listing what is left of a tenant")?;
        }
        let mut gone = Vec::new();
        for (table, statement) in DELETES {
            let done = sqlx::query(statement)
                .bind(tenant.as_str())
                .execute(&mut **tx)
                .await
                .or_internal("deleting a tenant's rows")?;
            if done.rows_affected() > 0 {
                gone.push((table, done.rows_affected()));
            }
        }
        let done = sqlx::query("DELETE FROM tenants WHERE id = $1")
            .bind(tenant.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("deleting a tenant")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("tenant '{tenant}'")));
        }
        gone.push(("tenants", done.rows_affected()));
        Ok(gone)
    }

    /// Tenants whose folders must still go; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn pending_tenant_removals(&self) -> Result<Vec<String>> {
        sqlx::query_scalar("SELECT tenant_id FROM tenant_removals")
            .fetch_all(&self.read)
            .await
            .or_internal("reading pending removals of tenants")
    }
}

#[cfg(test)]
mod tests {
    use cairn_kernel::Clock;

    use super::*;

    #[tokio::test]
    async fn every_table_with_a_tenant_is_in_the_list() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let records = Records::open(&dir.path().join("records.db"), Clock::system()).await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND c.name = 'tenant_id'",
        )
        .fetch_all(records.reader())
        .await
        .or_internal("reading the schema")?;
        // These outlive the tenant: what waits to go, and the certificates.
        let kept = ["tenant_removals", "erasures"];
        for table in tables.iter().filter(|table| !kept.contains(&table.as_str())) {
            let listed = DELETES.iter().any(|(name, _)| name == table);
            assert!(listed, "{table} keeps rows of deleted tenants");
        }
        Ok(())
    }
}
