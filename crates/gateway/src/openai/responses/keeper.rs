//! How an answer is made, and what is done with a finished one: it is counted, kept, and added to
//! its conversation.

use cairn_kernel::{Id, Result, ResultExt, Scope};
use cairn_services::Services;
use cairn_services::records::{Append, Keeping, NewItem, Origin, ResponseRow};
use cairn_services::responses::Beats;
use cairn_wire::openai::Response;
use futures::TryStreamExt as _;
use serde_json::Value;

use super::request::Asked;
use super::script::Script;
use super::{format, history, input};
use crate::openai::convert;

/// Makes and keeps one answer.
pub(super) struct Keeper {
    pub(super) services: Services,
    pub(super) scope: Scope,
    pub(super) trace: String,
    /// Whether the answer is kept.
    pub(super) store: bool,
    /// Whether it is kept already, as one under way.
    pub(super) begun: bool,
    /// The items that were asked.
    pub(super) items: Vec<Value>,
    /// What the question and earlier turns rest on.
    pub(super) sources: Vec<Origin>,
    /// The stores that are searched.
    pub(super) stores: Vec<String>,
    pub(super) conversation: Option<Id>,
    pub(super) created_at: i64,
}

impl Keeper {
    /// Begins to make the answer to what was asked.
    ///
    /// # Errors
    /// What keeps a model from being asked; an answer over files fails in the stream.
    pub(super) async fn make(&self, asked: Asked) -> Result<Beats> {
        let beats = self.services.responses.make(&self.scope, asked.inquiry(&self.trace)).await;
        Ok(Box::pin(beats.map_err(format::renamed)?.map_err(format::renamed)))
    }

    /// Keeps the answer that `script` has finished.
    ///
    /// # Errors
    /// `Conflict` when a file it rests on was deleted meanwhile, or the store it was found
    /// through, also where nothing is kept; `NotFound` when its conversation was; `Internal`
    /// when it cannot be kept.
    pub(super) async fn keep(&self, script: &Script) -> Result<()> {
        let Some(response) = script.finished() else { return Ok(()) };
        let (read, written) =
            response.usage.map_or((0, 0), |usage| (usage.input_tokens, usage.output_tokens));
        let tokens = (i64::from(read), i64::from(written));
        let entry = convert::usage("responses", &response.model, tokens, &self.trace);
        self.services.usage.record(&self.scope, entry).await;
        let sources = self.quoted(script);
        if !self.store && self.conversation.is_none() {
            return self.services.responses.require(&self.scope, &sources).await;
        }
        let mut kept = response.clone();
        kept.output = script.kept_output();
        let row = self.row(&kept, script.pieces())?;
        let keeping = match (self.store, self.begun) {
            (false, _) => Keeping::Nothing,
            (true, false) => Keeping::New(&row),
            (true, true) => Keeping::Begun(&row),
        };
        let append = self.append(&kept, &sources);
        let responses = &self.services.responses;
        let provenance = script.provenance();
        responses.keep(&self.scope, keeping, &sources, append.as_ref(), provenance).await
    }

    /// What the answer quotes, as far as it is made.
    pub(super) fn quoted(&self, script: &Script) -> Vec<Origin> {
        let mut sources = self.sources.clone();
        // What was found may stand in the answer without being named there.
        for file in script.files() {
            let found = Origin { file: file.clone(), stores: self.stores.clone() };
            Origin::add(&mut sources, found);
        }
        sources
    }

    /// Keeps an answer that nobody waits for before it is made.
    ///
    /// # Errors
    /// `Internal` when it cannot be kept.
    pub(super) async fn begin(&self, response: &Response) -> Result<()> {
        let row = self.row(response, &[])?;
        let keeping = Keeping::New(&row);
        self.services.responses.keep(&self.scope, keeping, &self.sources, None, None).await
    }

    /// Notes how an answer that nobody waits for goes on. Says whether it is still wanted.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(super) async fn note(&self, response: &Response) -> Result<bool> {
        let body = serde_json::to_string(response).or_internal("writing a response")?;
        let id = Id::from_raw(response.id.as_str());
        self.services.responses.update(&self.scope, &id, response.status, &body).await
    }

    fn row(&self, response: &Response, pieces: &[usize]) -> Result<ResponseRow> {
        let mut kept = response.clone();
        // It is kept beside the answer, and scrubbed there.
        if let Some(extra) = &mut kept.cairn {
            extra.provenance = None;
        }
        Ok(ResponseRow {
            id: response.id.clone(),
            status: response.status.to_owned(),
            body: serde_json::to_string(&kept).or_internal("writing a response")?,
            input: serde_json::to_string(&self.items).or_internal("writing input items")?,
            pieces: serde_json::to_string(pieces).or_internal("writing a response")?,
            created_at: self.created_at,
        })
    }

    fn append(&self, response: &Response, sources: &[Origin]) -> Option<Append> {
        let asked = self.items.iter().map(|item| {
            let mut named = Vec::new();
            history::collect_files(item, &mut named);
            let named = sources.iter().filter(|source| named.contains(&source.file));
            new_item(item, named.cloned().collect())
        });
        let answered = response.output.iter().filter(|item| !input::is_taken_back(item));
        let answered = answered.map(|item| new_item(item, sources.to_vec()));
        let items = asked.chain(answered).collect();
        self.conversation.clone().map(|conversation| Append { conversation, items })
    }
}

fn new_item(item: &Value, sources: Vec<Origin>) -> NewItem {
    NewItem { id: input::id(item), body: item.to_string(), sources }
}
