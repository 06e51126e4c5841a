//! Question sets: questions to a vector store, with what is known about their answers.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Page, Records, Tx, commit, paged};

/// A question set.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct QuestionSetRow {
    /// `qset_…`
    pub id: String,
    /// The vector store that is asked.
    pub store_id: String,
    /// What the user calls it.
    pub name: String,
    /// Of what was asked for: the same again is the same set.
    pub fingerprint: String,
    /// How its questions are generated, as JSON; `None` for the user's own.
    pub wish: Option<String>,
    /// `ready`, `generating` or `failed`.
    pub status: String,
    /// How much of it is generated, 0 to 1.
    pub fraction: f64,
    /// Why it failed and what to do.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A question of a set.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct QuestionRow {
    /// `q_…`
    pub id: String,
    /// `user`, `extractive` or `model`: who wrote it.
    pub origin: String,
    /// `question`, `cloze`, `heading` or `known_item`.
    pub kind: String,
    /// The question itself.
    pub text: String,
    /// 1 when the documents answer it.
    pub answerable: i64,
    /// Where they do: a JSON list.
    pub relevant: String,
    /// Right answers: a JSON list of texts.
    pub expected: String,
    /// The file whose words a generated question is made of.
    pub source_file_id: Option<String>,
}

/// How many questions of a set are of which origin and answerable or not.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct QuestionCount {
    /// The set.
    pub set_id: String,
    /// `user`, `extractive` or `model`.
    pub origin: String,
    /// 1 when the documents answer them.
    pub answerable: i64,
    /// How many.
    pub questions: i64,
}

/// Where a chunk stands in its file.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ChunkPlace {
    /// Point id in the index.
    pub seq: i64,
    /// Headings above it as a JSON list.
    pub heading: String,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Which of its file's texts it is cut from.
    pub text_version: i64,
}

fn missing(id: &Id) -> Error {
    Error::not_found(format!("question set '{id}'"))
}

/// Whether the tenant has a file, within the transaction that would rest on it.
pub(super) async fn file_there(tx: &mut Tx, scope: &Scope, file: &str) -> Result<bool> {
    let there: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM files WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(file)
            .fetch_one(&mut **tx)
            .await
            .or_internal("looking up a file")?;
    Ok(there > 0)
}

impl Records {
    /// Makes a question set within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses, also when the store has such a set already.
    pub async fn insert_question_set(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        row: &QuestionSetRow,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO question_sets (id, tenant_id, store_id, name, fingerprint, wish, status, \
             fraction, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.store_id)
        .bind(&row.name)
        .bind(&row.fingerprint)
        .bind(&row.wish)
        .bind(&row.status)
        .bind(row.fraction)
        .bind(row.created_at)
        .execute(&mut **tx)
        .await
        .or_internal("making a question set")?;
        Ok(())
    }

    /// The set of a store with that fingerprint, within the transaction that would make it.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn find_question_set(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        fingerprint: &str,
    ) -> Result<Option<QuestionSetRow>> {
        sqlx::query_as(
            "SELECT id, store_id, name, fingerprint, wish, status, fraction, error, created_at \
             FROM question_sets WHERE tenant_id = $1 AND store_id = $2 AND fingerprint = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(fingerprint)
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up a question set")
    }

    /// One question set.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such set.
    pub async fn question_set(&self, scope: &Scope, id: &Id) -> Result<QuestionSetRow> {
        sqlx::query_as(
            "SELECT id, store_id, name, fingerprint, wish, status, fraction, error, created_at \
             FROM question_sets WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a question set")?
        .ok_or_else(|| missing(id))
    }

    /// The tenant's question sets, of one store if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_question_sets(
        &self,
        scope: &Scope,
        store: Option<&Id>,
        page: &Page,
    ) -> Result<Vec<QuestionSetRow>> {
        let rows = paged!(
            page,
            QuestionSetRow,
            "SELECT id, store_id, name, fingerprint, wish, status, fraction, error, created_at \
             FROM question_sets WHERE tenant_id = $1 AND ($4 = '' OR store_id = $4)"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(store.map_or("", Id::as_str))
        .fetch_all(&self.read)
        .await
        .or_internal("listing question sets")?;
        Ok(page.arrange(rows))
    }

    /// Deletes a question set with its questions and runs, within a transaction.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such set.
    pub async fn delete_question_set(&self, tx: &mut Tx, scope: &Scope, id: &Id) -> Result<()> {
        let done = sqlx::query("DELETE FROM question_sets WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("deleting a question set")?;
        if done.rows_affected() == 0 {
            return Err(missing(id));
        }
        Ok(())
    }

    /// Notes how much of a set is generated. Says whether it is still there and wanted.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn progress_question_set(
        &self,
        scope: &Scope,
        id: &Id,
        fraction: f64,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE question_sets SET fraction = $3 \
             WHERE tenant_id = $1 AND id = $2 AND status = 'generating'",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(fraction)
        .execute(&mut *tx)
        .await
        .or_internal("noting progress")?;
        commit(tx).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends the generation of a set, within a transaction. Says whether it was under way.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn finish_question_set(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
        error: Option<&str>,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE question_sets SET status = $3, error = $4, fraction = 1.0 \
             WHERE tenant_id = $1 AND id = $2 AND status = 'generating'",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(if error.is_some() { "failed" } else { "ready" })
        .bind(error)
        .execute(&mut **tx)
        .await
        .or_internal("ending the generation of questions")?;
        Ok(done.rows_affected() > 0)
    }

    /// Adds questions to a set within a transaction. A generated one whose file was deleted
    /// meanwhile is left out.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the set is gone).
    pub async fn insert_questions(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        set: &Id,
        questions: &[QuestionRow],
    ) -> Result<u64> {
        let mut added = 0;
        for question in questions {
            if let Some(file) = &question.source_file_id
                && !file_there(tx, scope, file).await?
            {
                continue;
            }
            sqlx::query(
                "INSERT INTO questions (id, tenant_id, set_id, origin, kind, text, answerable, \
                 relevant, expected, source_file_id) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(&question.id)
            .bind(scope.tenant().as_str())
            .bind(set.as_str())
            .bind(&question.origin)
            .bind(&question.kind)
            .bind(&question.text)
            .bind(question.answerable)
            .bind(&question.relevant)
            .bind(&question.expected)
            .bind(&question.source_file_id)
            .execute(&mut **tx)
            .await
            .or_internal("adding questions to a set")?;
            added += 1;
        }
        Ok(added)
    }

    /// Questions of a set, a page of them.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such set.
    pub async fn list_questions(
        &self,
        scope: &Scope,
        set: &Id,
        page: &Page,
    ) -> Result<Vec<QuestionRow>> {
        self.question_set(scope, set).await?;
        let rows = paged!(
            page,
            QuestionRow,
            "SELECT id, origin, kind, text, answerable, relevant, expected, source_file_id \
             FROM questions WHERE tenant_id = $1 AND set_id = $4"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(set.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("listing questions")?;
        Ok(page.arrange(rows))
    }

    /// How many questions each of the tenant's sets has, by origin, of one set if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn count_questions(
        &self,
        scope: &Scope,
        set: Option<&Id>,
    ) -> Result<Vec<QuestionCount>> {
        sqlx::query_as(
            "SELECT set_id, origin, answerable, COUNT(*) AS questions FROM questions \
             WHERE tenant_id = $1 AND ($2 = '' OR set_id = $2) \
             GROUP BY set_id, origin, answerable ORDER BY set_id, origin, answerable",
        )
        .bind(scope.tenant().as_str())
        .bind(set.map_or("", Id::as_str))
        .fetch_all(&self.read)
        .await
        .or_internal("counting questions")
    }

    /// Id and name of every file attached to a store, whatever its state.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn names_in_store(&self, scope: &Scope, store: &Id) -> Result<Vec<(String, String)>> {
        sqlx::query_as(
            "SELECT f.id, f.filename FROM store_files sf JOIN files f ON f.id = sf.file_id \
             WHERE sf.tenant_id = $1 AND sf.store_id = $2 ORDER BY f.id",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("listing the files of a store")
    }

    /// Where the chunks of an attached file stand, in order.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn chunk_places(
        &self,
        scope: &Scope,
        store: &Id,
        file: &Id,
    ) -> Result<Vec<ChunkPlace>> {
        sqlx::query_as(
            "SELECT c.seq, c.heading, c.char_start, c.char_end, c.text_version FROM chunks c \
             JOIN index_generations g \
             ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id AND g.generation = c.generation \
             WHERE c.tenant_id = $1 AND c.store_id = $2 AND c.file_id = $3 AND g.state = 'active' \
             ORDER BY c.ordinal",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading where chunks stand")
    }
}
