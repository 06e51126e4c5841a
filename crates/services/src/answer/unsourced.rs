//! What a writer reads for a question besides the passages, which only the search knows.

use cairn_guard::canary::Canary;
use cairn_kernel::{Result, Scope};
use cairn_serving::gguf::ChatMessage;

use super::prompt::{self, Extent};
use super::structured::Structure;
use super::subject::Subject;
use super::{Answers, Question, assent, spoken};
use crate::models::Target;

impl Answers {
    /// The turns that are put to a writer for `question`, without the passages; nothing where no
    /// model writes.
    ///
    /// # Errors
    /// `NotFound` for a store or the model, `Invalid` for a format that is not of JSON.
    pub(crate) async fn unsourced(
        &self,
        scope: &Scope,
        question: &Question,
    ) -> Result<Option<Vec<ChatMessage>>> {
        for store in &question.search.stores {
            self.records.asked_store(scope, store).await?;
        }
        let target = Target {
            name: question.model.clone(),
            selector: None,
            sticky: question.sticky.clone(),
            request_id: question.trace.clone(),
        };
        let Some(writer) = self.inference.writer(scope, &target).await? else { return Ok(None) };
        let structure = Structure::of(&question.format)?;
        let analyzer = self.retrieve.analyzer(&question.search.stores).await?;
        let language = spoken::name(spoken::language(analyzer.language(), &question.text));
        let extent = match assent::needed(analyzer.language(), writer.identity()) {
            Some(_) => Extent::Only(&[]),
            None => Extent::Much { named: !writer.is_local() },
        };
        let prompt = prompt::grounded(
            &analyzer,
            (question.text.as_str(), &Subject::default(), language),
            question.instructions.as_deref(),
            &question.history,
            (&[], extent, &Canary::generate()),
        );
        let prompt = match &structure {
            Some(structure) => structure.prompt(prompt, writer.is_local(), language),
            None => prompt,
        };
        Ok(Some(prompt.messages))
    }
}
