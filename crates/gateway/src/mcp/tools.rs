//! The tools: one table of what they are called, take and give, and the call of one.
//!
//! `search` and `fetch` have the shapes that OpenAI's connectors ask for. None changes anything, and
//! any role may call them, as it may search and ask at the other routes.

mod ask;
mod fetch;
mod search;
mod shapes;
mod stores;

use cairn_kernel::{Error, Result, ResultExt as _};
use cairn_wire::mcp::{McpAnnotations, McpCall, McpCalled, McpText, McpTool, McpTools};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::rpc::{self, Fault};
use super::{Fields, Visit};
use crate::error;

const SEARCH: &str = "search";
const FETCH: &str = "fetch";
const ASK: &str = "ask";
const LIST_STORES: &str = "list_stores";

const HINTS: McpAnnotations = McpAnnotations { read_only_hint: true, open_world_hint: false };

/// All of them.
pub(super) fn list() -> McpTools {
    let tool = |name, title, description, (input_schema, output_schema)| McpTool {
        name,
        title,
        description,
        input_schema,
        output_schema,
        annotations: HINTS,
    };
    McpTools {
        tools: vec![
            tool(
                SEARCH,
                "Search the documents",
                "Finds the passages of the user's documents that bear most on a query, in plain \
                 words or a question. Searches all stores unless one is named. Give the id of a \
                 result to fetch to read what stands around it.",
                shapes::search(),
            ),
            tool(
                FETCH,
                "Read a document",
                "Gives the text of a document by an id that search gave: all of it, or, of a long \
                 one, the part around the passage; metadata.next is then the id of what follows.",
                shapes::fetch(),
            ),
            tool(
                ASK,
                "Ask the documents",
                "Answers a question from the user's documents alone, with the words of the \
                 documents that each sentence rests on, or says that they do not answer it. Asks \
                 all stores unless some are named.",
                shapes::ask(),
            ),
            tool(
                LIST_STORES,
                "List the stores",
                "Lists the stores of documents that can be searched and asked, by name.",
                shapes::list_stores(),
            ),
        ],
    }
}

/// Calls a tool. What it cannot do is told in its result, where a model reads it.
///
/// # Errors
/// A tool that is not here, or a call that does not fit.
pub(super) async fn call(visit: &Visit, params: Fields) -> Result<Value, Fault> {
    let McpCall { name, arguments } = rpc::params(params)?;
    let arguments = arguments.unwrap_or_default();
    let called = match name.as_str() {
        SEARCH => told(search::call(visit, given(SEARCH, arguments)).await),
        FETCH => told(fetch::call(visit, given(FETCH, arguments)).await),
        ASK => told(ask::call(visit, given(ASK, arguments)).await),
        LIST_STORES => told(stores::call(visit, given(LIST_STORES, arguments)).await),
        _ => {
            let tools = [SEARCH, FETCH, ASK, LIST_STORES].join(", ");
            return Err(Fault::params(format!("there is no tool '{name}'; there are {tools}")));
        }
    };
    rpc::written(&called)
}

/// Reads the arguments of a tool.
///
/// # Errors
/// `Invalid` naming the one at fault.
fn given<T: DeserializeOwned>(tool: &str, arguments: Fields) -> Result<T> {
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|fault| {
        let place = match fault.path().to_string().as_str() {
            "." | "?" => String::new(),
            place => format!(" at {place}"),
        };
        Error::invalid(format!("the arguments of {tool} do not fit{place}: {}", fault.inner()))
    })
}

/// A result both as JSON and as a text with it, or why there is none.
fn told(outcome: Result<impl Serialize>) -> McpCalled {
    let written = outcome.and_then(|outcome| {
        serde_json::to_value(outcome).or_internal("writing the result of a tool")
    });
    let (text, structured_content, is_error) = match written {
        Ok(value) => (value.to_string(), Some(value), false),
        Err(failure) => {
            error::note(&failure);
            (error::message(&failure).to_owned(), None, true)
        }
    };
    McpCalled { content: vec![McpText { kind: "text", text }], structured_content, is_error }
}

/// A failure with what can be done about it behind its message.
fn with_remedy(error: Error, remedy: &str) -> Error {
    let message = format!("{}; {remedy}", error.message());
    Error::new(error.kind(), message).with_source(error)
}

#[cfg(test)]
mod tests {
    use cairn_wire::mcp::{McpAsk, McpListStores, McpSearch};
    use serde_json::json;

    use super::*;

    fn fields(arguments: Value) -> Fields {
        match arguments {
            Value::Object(fields) => fields,
            _ => Fields::new(),
        }
    }

    fn fault<T: DeserializeOwned>(arguments: Value) -> Option<String> {
        given::<T>("search", fields(arguments)).err().map(|error| error.to_string())
    }

    #[test]
    fn arguments_that_do_not_fit_are_named() {
        assert_eq!(fault::<McpSearch>(json!({"query": "a", "store": null})), None);
        assert_eq!(fault::<McpListStores>(json!({})), None);
        for (refused, word) in [
            (fault::<McpSearch>(json!({})), "query"),
            (fault::<McpSearch>(json!({"query": 5})), "at query"),
            (fault::<McpSearch>(json!({"query": "a", "limit": 5})), "limit"),
            (fault::<McpSearch>(json!({"query": "a", "max_results": -1})), "at max_results"),
            (fault::<McpAsk>(json!({"question": "a", "stores": ["b", 5]})), "at stores[1]"),
        ] {
            assert!(refused.as_ref().is_some_and(|text| text.contains(word)), "{refused:?}");
        }
    }

    #[test]
    fn a_failure_is_a_result_and_ours_tells_nothing_of_us() {
        let called = told(Err::<(), _>(Error::not_found("file 'x'")));
        assert!(called.is_error && called.structured_content.is_none());
        assert_eq!(called.content[0].text, "file 'x' was not found");
        let called = told(Err::<(), _>(Error::internal("a secret path")));
        assert!(!called.content[0].text.contains("secret"), "{called:?}");
        let called = told(Ok(json!({"a": 1})));
        assert_eq!(called.content[0].text, "{\"a\":1}");
        assert_eq!(called.structured_content, Some(json!({"a": 1})));
    }
}
