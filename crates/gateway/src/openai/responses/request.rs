//! What a request for a response asks for, checked.

use cairn_kernel::{Id, Result};
use cairn_services::Sampling;
use cairn_services::answer::Question;
use cairn_services::chat::TextFormat;
use cairn_services::conversations::check_metadata;
use cairn_services::llms::ALIAS;
use cairn_services::responses::{Functions, Inquiry, names_store};
use cairn_services::retrieve::Request;
use cairn_wire::openai::{ConversationRef, Response, ResponseRequest};
use serde_json::{Value, json};

use super::input::{self, Input};
use super::tools::{self, Tools};
use super::{format, habits, refused};
use crate::openai::convert::{Included, neutral, refuse_rest, sampling, seconds, sticky, tokens};

/// Fields that change nothing here, or are read with what they speak of: there is one search and
/// one answer, always.
const HARMLESS: [&str; 10] = [
    "reasoning",
    "user",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
    "max_tool_calls",
    "stream_options",
    "truncation",
];

/// A checked request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The response as far as it is known before the work.
    pub(super) shell: Response,
    /// The question and what came before it.
    pub(super) input: Input,
    /// Where to search; `None` for a plain answer.
    pub(super) search: Option<Request>,
    /// What the model may call.
    pub(super) functions: Functions,
    /// The model asked for.
    pub(super) model: String,
    /// What keeps its version of the model from request to request.
    pub(super) sticky: Option<String>,
    pub(super) sampling: Sampling,
    /// What the text must look like.
    pub(super) format: TextFormat,
    pub(super) stream: bool,
    pub(super) include_results: bool,
    /// Whether the response itself shows how it came about.
    pub(super) include_provenance: bool,
    /// Whether each result says how it came to its score, and the response what it took.
    pub(super) explain: bool,
    pub(super) previous: Option<Id>,
    pub(super) conversation: Option<Id>,
    /// Whether the oldest turns are left out where the model has no room for them.
    pub(super) truncate: bool,
    /// What of the request has no effect.
    pub(super) notes: Vec<String>,
    /// Whether the request says how warm an answer shall be, and whether turns may be left out.
    given: (bool, bool),
}

impl Asked {
    /// What is searched for, if there is a search.
    pub(super) fn queries(&self) -> Option<Vec<String>> {
        let search = self.search.as_ref().filter(|search| !search.stores.is_empty());
        search.map(|search| search.queries.clone())
    }

    /// Items among `own`, the opened ones of this request, that came out of a compaction.
    pub(super) fn compacted<'i>(&self, own: &'i [Value]) -> impl Iterator<Item = &'i Value> {
        let sent: Vec<String> = self.input.items.iter().map(input::id).collect();
        own.iter().filter(move |item| !sent.contains(&input::id(item)))
    }

    /// Takes the defaults of answers over files, as far as the request says nothing else.
    pub(super) fn over_files(&mut self) {
        let (warm, truncation) = self.given;
        if !warm {
            (self.shell.temperature, self.sampling.temperature) = (0.0, 0.0);
        }
        if !truncation {
            (self.shell.truncation, self.truncate) = ("auto", true);
        }
    }

    /// The stores that are searched.
    pub(super) fn stores(&self) -> Vec<String> {
        let stores = self.search.as_ref().map(|search| search.stores.iter());
        stores.into_iter().flatten().map(ToString::to_string).collect()
    }

    /// What the service is asked, by the request `trace`.
    pub(super) fn inquiry(self, trace: &str) -> Inquiry {
        let question = Question {
            instructions: self.input.instructions(self.shell.instructions.as_deref()),
            text: self.input.question,
            history: self.input.history,
            truncate: self.truncate,
            model: self.model,
            sampling: self.sampling,
            format: self.format,
            max_tokens: self.shell.max_output_tokens,
            sticky: self.sticky,
            trace: trace.to_owned(),
        };
        Inquiry {
            question,
            after: self.input.after,
            search: self.search,
            functions: self.functions,
        }
    }
}

/// Checks `request`, made at `now` (milliseconds), and refuses by name what is not done here.
pub(super) fn read(request: ResponseRequest, now: i64) -> Result<Asked> {
    refuse_rest(&request.rest, &HARMLESS)?;
    let notes = habits::notes(&request)?;
    let input = Input::read(&request.input)?;
    let Tools { search, functions } = tools::read(&request, &input.question)?;
    let format = format::read(request.text.as_ref())?;
    let over_files = search.is_some() || !input.files.is_empty();
    let truncate = truncation(request.rest.get("truncation"), over_files)?;
    let explain = search.is_some() && tools::explains(&request.tools);
    // What is explained is shown.
    let names = request.include.as_deref().unwrap_or_default();
    let included = Included::read(names.iter().map(String::as_str))?;
    let include_results = included.results || explain;
    request.metadata.as_ref().map_or(Ok(()), check_metadata)?;
    let conversation = conversation(request.conversation.as_ref())?;
    let background = request.background.unwrap_or(false);
    if background && request.store == Some(false) {
        return Err(refused("background", "a background response must be stored; leave out store"));
    }
    if conversation.is_some() && request.previous_response_id.is_some() {
        return Err(refused(
            "previous_response_id",
            "a response follows another one or belongs to a conversation; send one of them",
        ));
    }
    // An answer over files shall be the same each time; a plain one need not.
    let temperature = request.temperature.unwrap_or(if over_files { 0.0 } else { 1.0 });
    let given = (
        request.temperature.is_some(),
        request.rest.get("truncation").is_some_and(|value| !neutral(value)),
    );
    let top_p = request.top_p.unwrap_or(1.0);
    #[expect(clippy::cast_possible_truncation, reason = "settings of one or two digits")]
    let sampling = sampling(Some(temperature as f32), Some(top_p as f32), 1.0)?;
    let max_output_tokens = tokens("max_output_tokens", request.max_output_tokens)?;
    let sticky = sticky(&request.rest);
    let model = request.model.unwrap_or_else(|| ALIAS.to_owned());
    if names_store(&model) {
        let message = "a store is a model of chats alone; send 'cairn' or a language model as \
                       model, and the store's id in a file_search tool";
        return Err(refused("model", message));
    }
    let shell = Response {
        id: Id::generate("resp_").to_string(),
        object: "response",
        created_at: seconds(now),
        status: if background { "queued" } else { "in_progress" },
        error: None,
        incomplete_details: None,
        instructions: request.instructions,
        max_output_tokens,
        model: model.clone(),
        output: Vec::new(),
        parallel_tool_calls: functions.parallel,
        previous_response_id: request.previous_response_id.clone(),
        conversation: conversation.as_ref().map(|id| ConversationRef { id: id.to_string() }),
        temperature,
        top_p,
        tool_choice: request.tool_choice.unwrap_or_else(|| json!("auto")),
        tools: request.tools,
        truncation: if truncate { "auto" } else { "disabled" },
        text: format::shown(request.text.as_ref()),
        background,
        service_tier: "default",
        store: request.store.unwrap_or(true),
        presence_penalty: 0.0,
        frequency_penalty: 0.0,
        top_logprobs: 0,
        usage: None,
        metadata: request.metadata.unwrap_or_default(),
        cairn: None,
    };
    Ok(Asked {
        shell,
        input,
        search,
        functions,
        model,
        sticky,
        sampling,
        format,
        stream: request.stream,
        include_results,
        include_provenance: included.provenance,
        explain,
        previous: request.previous_response_id.map(Id::from_raw),
        conversation,
        truncate,
        notes,
        given,
    })
}

/// Whether the oldest turns of a conversation may be left out. An answer over files does so
/// unless it is told not to; a plain one, as at OpenAI, only where it is told to.
fn truncation(given: Option<&Value>, searched: bool) -> Result<bool> {
    match given.filter(|value| !neutral(value)) {
        None => Ok(searched),
        Some(value) if *value == "auto" => Ok(true),
        Some(value) if *value == "disabled" => Ok(false),
        Some(value) => {
            Err(refused("truncation", format!("truncation is {value}; use auto or disabled")))
        }
    }
}

/// The conversation named by its id, or by an object with it.
fn conversation(given: Option<&Value>) -> Result<Option<Id>> {
    let id = match given {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(id)) => Some(id.as_str()),
        Some(object) => object.get("id").and_then(Value::as_str),
    };
    let id = id.filter(|id| !id.is_empty());
    id.map(|id| Some(Id::from_raw(id)))
        .ok_or_else(|| refused("conversation", "conversation must be an id, or an object with one"))
}

#[cfg(test)]
mod tests {
    use cairn_kernel::Error;

    use super::*;

    fn asked(more: &Value) -> Result<Asked> {
        let mut body = json!({"model": "cairn", "input": "How high is it?"});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let request =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        read(request, 5_000)
    }

    fn tool(more: &Value) -> Value {
        let mut tool = json!({"type": "file_search", "vector_store_ids": ["vs_1"]});
        for (name, value) in more.as_object().into_iter().flatten() {
            tool[name] = value.clone();
        }
        json!({"tools": [tool]})
    }

    #[test]
    fn a_search_has_all_that_the_tool_says() -> Result<()> {
        let read = asked(&tool(&json!({
            "max_num_results": 3,
            "filters": {"type": "eq", "key": "year", "value": 2024},
            "ranking_options": {"ranker": "auto", "score_threshold": 0.5,
                "hybrid_search": {"embedding_weight": 1, "text_weight": 3}},
        })))?;
        let search = read.search.ok_or_else(|| Error::internal("no search"))?;
        assert_eq!(
            (search.limit, search.score_threshold, search.dense_weight),
            (3, 0.5, Some(0.25))
        );
        assert!(search.filter.is_some());
        assert_eq!(search.queries, ["How high is it?"]);
        assert_eq!(
            (read.shell.temperature, read.shell.store, read.shell.created_at),
            (0.0, true, 5)
        );
        Ok(())
    }

    #[test]
    fn a_search_that_is_explained_is_shown() -> Result<()> {
        let explained = tool(&json!({"cairn": {"explain": true, "expand": "section"}}));
        let read = asked(&explained)?;
        assert!(read.explain && read.include_results);
        assert!(read.search.is_some_and(|search| search.expand));
        let plain = asked(&tool(&json!({"cairn": {}})))?;
        assert!(!plain.explain && !plain.include_results);
        let mut unsearched = explained;
        unsearched["tool_choice"] = json!("none");
        assert!(!asked(&unsearched)?.explain);
        Ok(())
    }

    #[test]
    fn a_format_is_kept_with_a_search_and_without_one() -> Result<()> {
        let format = json!({"format": {"type": "json_object"}});
        let read = asked(&json!({"text": format}))?;
        assert_eq!((read.format, &read.shell.text), (TextFormat::JsonObject, &format));
        let mut searched = tool(&json!({}));
        searched["text"] = format;
        let read = asked(&searched)?;
        assert!(read.search.is_some());
        assert_eq!(read.format, TextFormat::JsonObject);
        searched["tool_choice"] = json!("none");
        assert_eq!(asked(&searched)?.format, TextFormat::JsonObject);
        Ok(())
    }

    #[test]
    fn without_a_tool_or_with_none_chosen_nothing_is_searched() -> Result<()> {
        assert!(asked(&json!({}))?.search.is_none());
        let mut none = tool(&json!({}));
        none["tool_choice"] = json!("none");
        assert!(asked(&none)?.search.is_none());
        let mut required = tool(&json!({}));
        required["tool_choice"] = json!({"type": "file_search"});
        assert!(asked(&required)?.search.is_some());
        Ok(())
    }

    #[test]
    fn functions_are_read_and_shown_as_they_were_sent() -> Result<()> {
        let function = json!({"type": "function", "name": "clock", "strict": true});
        let named = json!({"type": "function", "name": "clock"});
        let read = asked(&json!({"tools": [function], "tool_choice": named}))?;
        assert_eq!((&read.shell.tools, &read.shell.tool_choice), (&vec![function.clone()], &named));
        assert!(read.shell.parallel_tool_calls && read.search.is_none());
        assert_eq!(read.functions.tools.len(), 1);
        let single = asked(&json!({"tools": [function], "parallel_tool_calls": false}))?;
        assert!(!single.shell.parallel_tool_calls);
        let none = asked(&tool(&json!({})))?;
        assert!(!none.shell.parallel_tool_calls && none.functions.tools.is_empty());
        Ok(())
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        for (more, name) in [
            (json!({"background": true, "store": false}), "background"),
            (json!({"conversation": 5}), "conversation"),
            (json!({"conversation": {}}), "conversation"),
            (
                json!({"conversation": "conv_1", "previous_response_id": "resp_1"}),
                "previous_response_id",
            ),
            (json!({"metadata": {"k": "x".repeat(513)}}), "metadata"),
            (json!({"text": {"format": {"type": "json_schema"}}}), "text.format"),
            (json!({"truncation": "middle"}), "truncation"),
            (json!({"reasoning": "low"}), "reasoning"),
            (json!({"top_logprobs": 3}), "top_logprobs"),
            (json!({"include": ["message.output_text.logprobs"]}), "include"),
            (json!({"model": "store/handbook"}), "model"),
            (json!({"temperature": 3}), "temperature"),
            (json!({"max_output_tokens": 0}), "max_output_tokens"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
            (json!({"text": {"format": {"type": "xml"}}}), "text.format"),
            (json!({"text": {"verbosity": "loud"}}), "text.verbosity"),
            (tool(&json!({"vector_store_ids": []})), "tools[0].vector_store_ids"),
            (tool(&json!({"max_num_results": 51})), "max_num_results"),
            (tool(&json!({"unknown": 1})), "tools[0]"),
            (tool(&json!({"cairn": {"unknown": 1}})), "tools[0]"),
            (tool(&json!({"cairn": {"diversity": 2}})), "tools[0].cairn.diversity"),
        ] {
            let refused = asked(&more).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{more}");
        }
    }

    #[test]
    fn old_turns_are_left_out_over_files_or_where_it_is_asked_for() -> Result<()> {
        for (given, plain, searched) in [
            (Value::Null, ("disabled", false), ("auto", true)),
            (json!("auto"), ("auto", true), ("auto", true)),
            (json!("disabled"), ("disabled", false), ("disabled", false)),
        ] {
            let read = asked(&json!({"truncation": given}))?;
            assert_eq!((read.shell.truncation, read.truncate), plain, "{given}");
            let mut more = tool(&json!({}));
            more["truncation"] = given.clone();
            let read = asked(&more)?;
            assert_eq!((read.shell.truncation, read.truncate), searched, "{given}");
        }
        Ok(())
    }

    #[test]
    fn a_conversation_is_named_by_its_id_or_an_object() -> Result<()> {
        for given in [json!("conv_1"), json!({"id": "conv_1"})] {
            let read = asked(&json!({"conversation": given}))?;
            assert_eq!(read.conversation, Some(Id::from_raw("conv_1")));
            assert_eq!(read.shell.conversation.map(|named| named.id).as_deref(), Some("conv_1"));
        }
        let read = asked(&json!({"background": true}))?;
        assert_eq!((read.shell.status, read.shell.background), ("queued", true));
        Ok(())
    }

    #[test]
    fn what_has_no_effect_is_accepted_and_noted() -> Result<()> {
        let more = json!({"reasoning": {"effort": "low"}, "text": {"verbosity": "low"},
            "include": ["reasoning.encrypted_content"]});
        assert_eq!(asked(&more)?.notes.len(), 3);
        Ok(())
    }

    #[test]
    fn what_changes_nothing_is_accepted() {
        let more = json!({"background": false, "truncation": "disabled", "user": "u", "tools": [],
            "text": {"format": {"type": "text"}, "verbosity": "medium"}, "reasoning": {},
            "include": ["file_search_call.results"], "parallel_tool_calls": true, "conversation": null});
        assert!(asked(&more).is_ok_and(|read| read.include_results && read.notes.is_empty()));
    }
}
