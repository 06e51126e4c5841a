//! What a writer reads for a question besides the passages, which only the search knows.

use cairn_guard::canary::Canary;
use cairn_kernel::{Id, Result, Scope};
use cairn_serving::gguf::ChatMessage;

use super::prompt::{self, Extent};
use super::spoken;
use super::structured::Structure;
use crate::answer::provenance::Overviewed;
use crate::answer::question::subject::Subject;
use crate::answer::{Answers, Question};
use crate::retrieve::Request;

impl Answers {
    /// The turns that are put to a writer for `question` to these stores, without the passages;
    /// nothing where no model writes.
    ///
    /// # Errors
    /// `NotFound` for a store or the model, `Invalid` for a format that is not of JSON.
    pub(crate) async fn unsourced(
        &self,
        scope: &Scope,
        question: &Question,
        stores: &[Id],
    ) -> Result<Option<Vec<ChatMessage>>> {
        for store in stores {
            self.records.asked_store(scope, store).await?;
        }
        let writer = self.inference.writer(scope, &question.target()).await?;
        let Some(writer) = writer else { return Ok(None) };
        let structure = Structure::of(&question.format)?;
        let analyzer = self.retrieve.analyzer(stores).await?;
        let language = spoken::name(spoken::language(analyzer.language(), &question.text));
        let search = Request::new(stores.to_vec(), question.text.as_str(), 1);
        let asked = (question.text.as_str(), &question.format);
        let wanted = match stores {
            [] => None,
            _ => self.wanted(scope, asked, &search).await?,
        };
        let kind = wanted.map(|wanted| wanted.kind());
        if matches!(kind, Some(Overviewed::List | Overviewed::Talk)) {
            return Ok(None);
        }
        let extent = match prompt::is_brief(analyzer.language(), writer.identity()) {
            _ if kind.is_some() => Extent::Beginnings,
            true => Extent::Only(&[]),
            false => Extent::Much { named: !writer.is_local() },
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
