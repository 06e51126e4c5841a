//! Generations that evaluations build to try another way of cutting or another embedding model.

use cairn_kernel::{Id, Result, ResultExt, Scope};

use super::{GenerationRow, NewGeneration};
use crate::records::{Records, Tx, commit};

impl Records {
    /// Begins to build a generation for a configuration of an evaluation; its number.
    ///
    /// # Errors
    /// As [`Records::begin_generation`].
    pub async fn begin_trial(
        &self,
        scope: &Scope,
        store: &Id,
        new: &NewGeneration,
        (evaluation, configuration): (&Id, i64),
    ) -> Result<i64> {
        let mut tx = self.begin().await?;
        let generation = self.begin_generation(&mut tx, scope, store, new).await?;
        sqlx::query(
            "UPDATE index_generations SET evaluation_id = $4, evaluation_configuration = $5 \
             WHERE tenant_id = $1 AND store_id = $2 AND generation = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(generation)
        .bind(evaluation.as_str())
        .bind(configuration)
        .execute(&mut *tx)
        .await
        .or_internal("beginning a trial")?;
        commit(tx).await?;
        Ok(generation)
    }

    /// The generation that was begun last for a configuration of an evaluation, whatever its
    /// state.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn find_trial(
        &self,
        scope: &Scope,
        store: &Id,
        (evaluation, configuration): (&Id, i64),
    ) -> Result<Option<GenerationRow>> {
        sqlx::query_as(select!(
            " AND evaluation_id = $3 AND evaluation_configuration = $4 \
             ORDER BY generation DESC LIMIT 1"
        ))
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(evaluation.as_str())
        .bind(configuration)
        .fetch_optional(&self.read)
        .await
        .or_internal("looking up a trial")
    }

    /// Ends what an evaluation is building, for this reason, within a transaction; its rows and
    /// its index go through the removal lists. Says whether there was anything.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn end_trial(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        evaluation: &Id,
        reason: &str,
    ) -> Result<bool> {
        let store: Option<String> = sqlx::query_scalar(
            "SELECT store_id FROM index_generations \
             WHERE tenant_id = $1 AND evaluation_id = $2 AND state = 'building'",
        )
        .bind(scope.tenant().as_str())
        .bind(evaluation.as_str())
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up a trial")?;
        let Some(store) = store else { return Ok(false) };
        self.end_build(tx, scope, &Id::from_raw(store), "cancelled", Some(reason)).await
    }
}
