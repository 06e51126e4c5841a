//! What a chat asks a store, or of files.

use cairn_kernel::{Error, Id, Result};
use cairn_services::answer::Question;
use cairn_services::chat::ChatRequest;
use cairn_services::llms::ALIAS;
use cairn_services::responses::{Functions, Inquiry};
use cairn_services::retrieve::Request;
use cairn_services::{ChatMessage, Filter};
use cairn_wire::openai::{ChatCompletionRequest, ChatSearch, OneOrMany};
use serde_json::{Value, json};

use super::sources;
use crate::openai::chat::request;
use crate::openai::convert::{ranking, results};

/// Reads `request`, whose model is `store` or a language model that is asked about files, and
/// refuses by name what is not done over documents.
///
/// # Errors
/// `Invalid` naming the field.
pub(super) fn read(
    mut request: ChatCompletionRequest,
    store: Option<&Id>,
    trace: &str,
) -> Result<Inquiry> {
    refuse(&request)?;
    // Without a store it is refused as in any chat.
    let options = store.and_then(|_| request.cairn.take()).unwrap_or_default();
    let named = request.model.clone();
    // An answer over files shall be the same each time.
    request.temperature = request.temperature.or(Some(0.0));
    let asked = request::read(request, trace)?;
    let ChatRequest { messages, sampling, format, max_tokens, sticky, trace, .. } = asked;
    let (system, spoken): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.role == "system");
    let system: Vec<String> = system.into_iter().map(|message| message.content).collect();
    let (history, text) = apart(spoken)?;
    let search = search(&options, store, &text)?;
    let model = match store {
        Some(_) => options.model.filter(|model| !model.is_empty()),
        None => Some(named),
    };
    let question = Question {
        text,
        history,
        truncate: true,
        instructions: (!system.is_empty()).then(|| system.join("\n")),
        model: model.unwrap_or_else(|| ALIAS.to_owned()),
        sampling,
        format,
        max_tokens,
        sticky,
        trace,
    };
    let (after, functions) = (Vec::new(), Functions::default());
    Ok(Inquiry { question, after, search: Some(search), functions })
}

/// What was said before, and the question, which comes last.
fn apart(mut spoken: Vec<ChatMessage>) -> Result<(Vec<ChatMessage>, String)> {
    let last = spoken.pop().filter(|message| message.role == "user");
    let question = last.map(|message| message.content).filter(|text| !text.trim().is_empty());
    let question = question.ok_or_else(|| {
        let message = "the last message must be a user's question to the documents, not empty";
        Error::invalid(message).with_param("messages")
    })?;
    for message in spoken.iter_mut().filter(|message| message.role == "assistant") {
        message.content = sources::without(&message.content).to_owned();
    }
    Ok((spoken, question))
}

fn search(options: &ChatSearch, store: Option<&Id>, question: &str) -> Result<Request> {
    let ranking = ranking(options.ranking_options.as_ref(), "cairn.ranking_options")?;
    let limit = results(options.max_num_results)
        .map_err(|error| error.with_param("cairn.max_num_results"))?;
    let filter = options.filters.as_ref().filter(|filter| !filter.is_null());
    Ok(Request {
        filter: filter.map(Filter::parse).transpose().map_err(|error| {
            let at = format!("cairn.{}", error.param().unwrap_or("filters"));
            error.with_param(at)
        })?,
        score_threshold: ranking.score_threshold,
        dense_weight: ranking.dense_weight,
        ranker: ranking.ranker,
        ..Request::new(store.cloned().into_iter().collect(), question, limit)
    })
}

/// Refuses what other chats do and one over documents does not.
fn refuse(request: &ChatCompletionRequest) -> Result<()> {
    let called = request.tools.as_ref().is_some_and(|tools| !tools.is_empty());
    let uncalled = request.tool_choice == Some(json!("none"));
    let stopped = match &request.stop {
        None => false,
        Some(OneOrMany::One(text)) => !text.is_empty(),
        Some(OneOrMany::Many(texts)) => !texts.is_empty(),
    };
    let functions = request.rest.get("functions").and_then(Value::as_array);
    let refused = [
        (
            "tools",
            called && !uncalled,
            "a chat with a store or a file calls no tools; send the question to \
             /v1/responses, which takes functions beside file_search and files, or leave tools out",
        ),
        (
            "functions",
            functions.is_some_and(|functions| !functions.is_empty()),
            "a chat with a store or a file calls no functions; send the question to \
             /v1/responses, which takes functions beside file_search and files, or leave them out",
        ),
        (
            "n",
            request.n.is_some_and(|n| n > 1),
            "documents give one answer to a question; leave n out, or send the question several \
             times",
        ),
        (
            "logprobs",
            request.logprobs == Some(true),
            "an answer over documents has no log probabilities; leave logprobs out",
        ),
        (
            "stop",
            stopped,
            "an answer over documents ends by itself; leave stop out, or keep it short with \
             max_completion_tokens",
        ),
        (
            "ignore_eos",
            request.ignore_eos == Some(true),
            "an answer over documents ends by itself; leave ignore_eos out",
        ),
    ];
    match refused.into_iter().find(|(_, asked, _)| *asked) {
        Some((name, _, why)) => Err(Error::invalid(why).with_param(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use cairn_services::chat::TextFormat;

    use super::*;

    fn asked(more: &Value) -> Result<Inquiry> {
        let mut body = json!({"model": "store/handbook",
            "messages": [{"role": "user", "content": "How high is it?"}]});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let request =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        read(request, Some(&Id::from_raw("vs_1")), "req_1")
    }

    #[test]
    fn the_last_message_is_the_question_and_those_before_are_the_talk() -> Result<()> {
        let turns = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who built it?"},
            {"role": "assistant", "content": "Ada did.\n\n[1] tower.md, page 3"},
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "When?"}]},
        ]);
        let Inquiry { question, search, functions, .. } = asked(&json!({"messages": turns}))?;
        assert_eq!(question.text, "When?");
        assert_eq!(question.instructions.as_deref(), Some("Be brief.\nBe kind."));
        let before =
            [ChatMessage::new("user", "Who built it?"), ChatMessage::new("assistant", "Ada did.")];
        assert_eq!(question.history, before);
        assert!(functions.tools.is_empty());
        let search = search.ok_or_else(|| Error::internal("no search"))?;
        assert_eq!((search.stores, search.limit), (vec![Id::from_raw("vs_1")], 10));
        Ok(())
    }

    #[test]
    fn settings_of_a_chat_are_those_of_the_answer() -> Result<()> {
        let plain = asked(&json!({}))?.question;
        assert_eq!((plain.model.as_str(), plain.sampling.temperature), (ALIAS, 0.0));
        assert!(plain.truncate && plain.instructions.is_none() && plain.max_tokens.is_none());
        let more = json!({"temperature": 0.5, "seed": 7, "max_completion_tokens": 9, "user": "ada",
            "metadata": {"k": "v"}, "response_format": {"type": "json_object"}, "n": 1, "stop": [],
            "tools": [], "cairn": {"model": "writer", "max_num_results": 3,
                "filters": {"type": "eq", "key": "year", "value": 2024}}});
        let Inquiry { question, search, .. } = asked(&more)?;
        assert_eq!((question.model.as_str(), question.max_tokens), ("writer", Some(9)));
        assert_eq!((question.sampling.temperature, question.sampling.seed), (0.5, Some(7)));
        assert_eq!(
            (question.format, question.sticky.as_deref()),
            (TextFormat::JsonObject, Some("ada"))
        );
        assert!(search.is_some_and(|search| search.limit == 3 && search.filter.is_some()));
        Ok(())
    }

    #[test]
    fn what_documents_do_not_do_is_refused_by_name() {
        let tool = json!([{"type": "function", "function": {"name": "f"}}]);
        let ends = |role: &str, text: &str| json!({"messages": [{"role": role, "content": text}]});
        for (more, name) in [
            (json!({"tools": tool}), "tools"),
            (json!({"functions": [{"name": "f"}]}), "functions"),
            (json!({"n": 2}), "n"),
            (json!({"logprobs": true}), "logprobs"),
            (json!({"stop": "x"}), "stop"),
            (json!({"ignore_eos": true}), "ignore_eos"),
            (json!({"logit_bias": {"5": 1}}), "logit_bias"),
            (json!({"cairn": {"max_num_results": 51}}), "cairn.max_num_results"),
            (json!({"cairn": {"filters": {"type": "near"}}}), "cairn.filters"),
            (
                json!({"cairn": {"ranking_options": {"ranker": "x"}}}),
                "cairn.ranking_options.ranker",
            ),
            (json!({"cairn": {"filters": {"type": "like"}}}), "cairn.filters"),
            (ends("assistant", "Ada."), "messages"),
            (ends("user", " "), "messages"),
            (ends("system", "Be brief."), "messages"),
        ] {
            let refused = asked(&more).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(name), "{more}");
        }
        assert!(asked(&json!({"tools": tool, "tool_choice": "none"})).is_ok());
    }
}
