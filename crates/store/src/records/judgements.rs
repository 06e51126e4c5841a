//! The words that judgements of questions point at, and which texts a store's chunks are cut from.

use cairn_kernel::{Id, Result, ResultExt, Scope};

use super::{Records, Tx};

/// More characters than any text has.
const ALL: i64 = i32::MAX as i64;

/// The words that stand where a judgement points to, in one file.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct JudgedWordsRow {
    /// The question.
    pub question_id: String,
    /// Which of the places that it names, from 0.
    pub place: i64,
    /// The file.
    pub file_id: String,
    /// The text of the file that the place's characters are counted in.
    pub text_version: i64,
    /// Its words; the first ones where they are too many.
    pub words: String,
    /// The last words then.
    pub words_end: Option<String>,
    /// Which of the places in the text with these words it is, from 0.
    pub nth: i64,
    /// How many places in the text have them.
    pub occurrences: i64,
}

impl Records {
    /// Keeps the words of judgements within the transaction that adds their questions. Those of
    /// questions and files that are gone meanwhile are left out.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_judged_words(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        rows: &[JudgedWordsRow],
    ) -> Result<()> {
        for row in rows {
            sqlx::query(
                "INSERT INTO judged_words (question_id, place, file_id, tenant_id, text_version, words, \
                 words_end, nth, occurrences) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 \
                 WHERE EXISTS (SELECT 1 FROM questions WHERE tenant_id = $4 AND id = $1) \
                 AND EXISTS (SELECT 1 FROM files WHERE tenant_id = $4 AND id = $3)",
            )
            .bind(&row.question_id)
            .bind(row.place)
            .bind(&row.file_id)
            .bind(scope.tenant().as_str())
            .bind(row.text_version)
            .bind(&row.words)
            .bind(&row.words_end)
            .bind(row.nth)
            .bind(row.occurrences)
            .execute(&mut **tx)
            .await
            .or_internal("keeping the words of a judgement")?;
        }
        Ok(())
    }

    /// The words that the judgements of a question set point at.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn judged_words(&self, scope: &Scope, set: &Id) -> Result<Vec<JudgedWordsRow>> {
        sqlx::query_as(
            "SELECT w.question_id, w.place, w.file_id, w.text_version, w.words, w.words_end, w.nth, \
             w.occurrences FROM questions q JOIN judged_words w ON w.question_id = q.id \
             WHERE q.tenant_id = $1 AND q.set_id = $2 ORDER BY w.question_id, w.place, w.file_id",
        )
        .bind(scope.tenant().as_str())
        .bind(set.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading the words of judgements")
    }

    /// Which texts of a file the chunks of a store are cut from: of the index that answers, and of
    /// one that is being built. With `shown` also the text that others would be cut from.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn texts_in_store(
        &self,
        scope: &Scope,
        (store, file): (&Id, &Id),
        shown: bool,
    ) -> Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT DISTINCT c.text_version FROM chunks c JOIN index_generations g \
             ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id AND g.generation = c.generation \
             WHERE c.tenant_id = $1 AND c.store_id = $2 AND c.file_id = $3 \
             AND g.state IN ('active', 'building') UNION SELECT f.text_version FROM files f \
             WHERE $4 = 1 AND f.tenant_id = $1 AND f.id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(i64::from(shown))
        .fetch_all(&self.read)
        .await
        .or_internal("looking up which texts a store is cut from")
    }

    /// The whole of this version of a document's text. None when it is gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn text_of(&self, scope: &Scope, text: (&str, i64)) -> Result<Option<String>> {
        self.text_between(scope, text, 0, ALL).await
    }
}
