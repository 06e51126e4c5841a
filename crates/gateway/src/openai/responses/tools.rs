//! The tools of a request for a response, checked: at most one search, and functions.

use cairn_kernel::{Id, Result};
use cairn_services::Filter;
use cairn_services::chat::{Tool, ToolChoice};
use cairn_services::responses::{Functions, SEARCH};
use cairn_services::retrieve::Request;
use cairn_wire::openai::{FileSearchTool, FunctionDefinition, ResponseRequest};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refused;
use crate::openai::convert::{neutral, ranking, results, unsupported};
use crate::openai::functions;
use crate::openai::search::options;

/// Most stores of one search.
const STORES_MAX: usize = 16;
/// The fields of a function that are read.
const FUNCTION: [&str; 5] = ["type", "name", "description", "parameters", "strict"];

/// What may be used for an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools {
    /// Where to search.
    pub(super) search: Option<Request>,
    /// What the model may call.
    pub(super) functions: Functions,
}

/// Reads the tools of `request`, of which `question` is asked, as its `tool_choice` leaves them.
///
/// # Errors
/// `Invalid` naming the field.
pub(super) fn read(request: &ResponseRequest, question: &str) -> Result<Tools> {
    functions::few(request.tools.len())?;
    let mut read = Tools::default();
    for (number, tool) in request.tools.iter().enumerate() {
        let place = format!("tools[{number}]");
        match tool.get("type").and_then(Value::as_str).unwrap_or("") {
            SEARCH if read.search.is_some() => {
                let message = "send one file_search tool with all its vector_store_ids";
                return Err(refused("tools", message));
            }
            SEARCH => read.search = Some(search(tool, &place, question)?),
            "function" => {
                let function = function(tool, &place, &read.functions.tools)?;
                read.functions.tools.push(function);
            }
            kind => {
                let message = format!(
                    "the tool '{kind}' is not supported here; only file_search and function are"
                );
                return Err(refused(&format!("{place}.type"), message));
            }
        }
    }
    if read.search.is_some() {
        apart(&request.tools)?;
    }
    choose(request.tool_choice.as_ref(), &mut read)?;
    if !read.functions.tools.is_empty() {
        read.functions.parallel = parallel(request.rest.get("parallel_tool_calls"))?;
    }
    Ok(read)
}

/// Leaves what may be used by `choice`.
fn choose(choice: Option<&Value>, read: &mut Tools) -> Result<()> {
    if let Some(word) = functions::word(choice)? {
        return left(word, read);
    }
    let choice = choice.unwrap_or(&Value::Null);
    let name = choice.get("name").and_then(Value::as_str);
    match (choice.get("type").and_then(Value::as_str), name) {
        (Some(SEARCH), _) => {
            read.functions = Functions::default();
            left(ToolChoice::Required, read)
        }
        (Some("function"), Some(name)) => {
            functions::among(name, &read.functions.tools)?;
            read.search = None;
            read.functions.choice = ToolChoice::Function(name.to_owned());
            Ok(())
        }
        (Some("allowed_tools"), _) => {
            let listed = choice.get("tools").and_then(Value::as_array);
            allow(listed.map_or(&[], Vec::as_slice), read)?;
            match choice.get("mode").and_then(Value::as_str) {
                Some("auto") => left(ToolChoice::Auto, read),
                Some("required") => left(ToolChoice::Required, read),
                _ => Err(refused("tool_choice", "the mode of allowed_tools is auto or required")),
            }
        }
        _ => Err(refused(
            "tool_choice",
            "use auto, none, required, {\"type\": \"file_search\"} or {\"type\": \"function\", \
             \"name\": …} as tool_choice",
        )),
    }
}

/// Takes the word of a choice.
fn left(word: ToolChoice, read: &mut Tools) -> Result<()> {
    if word == ToolChoice::None {
        read.search = None;
    }
    if word == ToolChoice::Required && read.search.is_none() && read.functions.tools.is_empty() {
        let missing = "tool_choice asks for a tool that 'tools' does not have; add it, or leave tool_choice \
             out";
        return Err(refused("tool_choice", missing));
    }
    read.functions.choice = word;
    Ok(())
}

/// Leaves the tools that are `listed`, which must be there.
fn allow(listed: &[Value], read: &mut Tools) -> Result<()> {
    let mut searched = false;
    let mut names = Vec::new();
    for tool in listed {
        let name = tool.get("name").and_then(Value::as_str);
        match (tool.get("type").and_then(Value::as_str), name) {
            (Some(SEARCH), _) if read.search.is_some() => searched = true,
            (Some("function"), Some(name)) => {
                functions::among(name, &read.functions.tools)?;
                names.push(name);
            }
            _ => {
                let message = format!("tool_choice allows {tool}, which is not among the tools");
                return Err(refused("tool_choice", message));
            }
        }
    }
    if !searched {
        read.search = None;
    }
    read.functions.tools.retain(|tool| names.contains(&tool.name.as_str()));
    Ok(())
}

fn parallel(given: Option<&Value>) -> Result<bool> {
    match given {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(several)) => Ok(*several),
        Some(other) => {
            let message = format!("parallel_tool_calls is {other}; use true or false");
            Err(refused("parallel_tool_calls", message))
        }
    }
}

/// Refuses a function that is called like the search beside it.
fn apart(tools: &[Value]) -> Result<()> {
    let same = tools.iter().position(|tool| tool["type"] == "function" && tool["name"] == SEARCH);
    same.map_or(Ok(()), |number| {
        let message =
            "a function beside the file_search tool cannot be called file_search; rename it";
        Err(refused(&format!("tools[{number}].name"), message))
    })
}

fn function(tool: &Value, place: &str, before: &[Tool]) -> Result<Tool> {
    if tool.get("name").and_then(Value::as_str).is_none() {
        let message = format!("{place} is a function without a name");
        return Err(refused(&format!("{place}.name"), message));
    }
    for (name, value) in tool.as_object().into_iter().flatten() {
        let usual = name == "allowed_callers" && *value == json!(["direct"]);
        if !FUNCTION.contains(&name.as_str()) && !neutral(value) && !usual {
            return Err(unsupported(&format!("{place}.{name}")));
        }
    }
    let function = FunctionDefinition::deserialize(tool)
        .map_err(|fault| refused(place, format!("{place} does not fit: {fault}")))?;
    functions::read(&function, place, before)
}

fn search(tool: &Value, place: &str, question: &str) -> Result<Request> {
    let tool = FileSearchTool::deserialize(tool)
        .map_err(|fault| refused(place, format!("{place} does not fit: {fault}")))?;
    let stores = tool.vector_store_ids.len();
    if stores == 0 || stores > STORES_MAX {
        return Err(refused(
            &format!("{place}.vector_store_ids"),
            format!("vector_store_ids has {stores} ids; send between 1 and {STORES_MAX}"),
        ));
    }
    let ranking = ranking(tool.ranking_options.as_ref(), &format!("{place}.ranking_options"))?;
    let filter = tool.filters.as_ref().filter(|filter| !filter.is_null());
    let mut stores: Vec<Id> = Vec::new();
    for id in tool.vector_store_ids.into_iter().map(Id::from_raw) {
        if !stores.contains(&id) {
            stores.push(id);
        }
    }
    let mut search = Request {
        filter: filter.map(Filter::parse).transpose()?,
        score_threshold: ranking.score_threshold,
        dense_weight: ranking.dense_weight,
        ranker: ranking.ranker,
        ..Request::new(stores, question, results(tool.max_num_results)?)
    };
    options(tool.cairn.as_ref(), &format!("{place}.cairn"), &mut search)?;
    Ok(search)
}

/// Whether the search shall be explained.
pub(super) fn explains(tools: &[Value]) -> bool {
    tools.iter().any(|tool| tool["type"] == SEARCH && tool["cairn"]["explain"] == true)
}

#[cfg(test)]
mod tests {
    use cairn_kernel::Error;

    use super::*;

    fn tools(tools: &Value, choice: &Value) -> Result<Tools> {
        let body = json!({"model": "cairn", "input": "How high?", "tools": tools,
            "tool_choice": choice});
        let request =
            serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
        read(&request, "How high?")
    }

    fn weather() -> Value {
        json!({"type": "function", "name": "weather", "description": "The weather.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            "strict": true})
    }

    fn clock() -> Value {
        json!({"type": "function", "name": "clock", "parameters": null, "strict": null})
    }

    fn files() -> Value {
        json!({"type": "file_search", "vector_store_ids": ["vs_1"]})
    }

    fn names(read: &Tools) -> Vec<&str> {
        read.functions.tools.iter().map(|tool| tool.name.as_str()).collect()
    }

    #[test]
    fn functions_stand_beside_a_search() -> Result<()> {
        let read = tools(&json!([weather(), files(), clock()]), &Value::Null)?;
        assert_eq!(names(&read), ["weather", "clock"]);
        assert!(read.search.is_some() && read.functions.parallel);
        let weather = &read.functions.tools[0];
        assert_eq!(weather.description.as_deref(), Some("The weather."));
        assert_eq!(weather.parameters["properties"]["city"]["type"], "string");
        assert!(weather.strict && !read.functions.tools[1].strict);
        assert_eq!(read.functions.choice, ToolChoice::Auto);
        Ok(())
    }

    #[test]
    fn a_choice_leaves_what_may_be_used() -> Result<()> {
        let all = json!([files(), weather(), clock()]);
        let required = ToolChoice::Required;
        let named = ToolChoice::Function("clock".to_owned());
        let some = |mode: &str, tools: Value| json!({"type": "allowed_tools", "mode": mode, "tools": tools});
        let only_clock = json!([{"type": "function", "name": "clock"}]);
        for (choice, searched, functions, word) in [
            (json!("auto"), true, 2, ToolChoice::Auto),
            (json!("none"), false, 2, ToolChoice::None),
            (json!("required"), true, 2, required.clone()),
            (json!({"type": "file_search"}), true, 0, required.clone()),
            (json!({"type": "function", "name": "clock"}), false, 2, named),
            (some("auto", json!([{"type": "file_search"}])), true, 0, ToolChoice::Auto),
            (some("required", only_clock), false, 1, required),
        ] {
            let read = tools(&all, &choice)?;
            let read = (read.search.is_some(), read.functions.tools.len(), read.functions.choice);
            assert_eq!(read, (searched, functions, word), "{choice}");
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_field() {
        let function = |name: &str| json!({"type": "function", "name": name});
        let mut deferred = clock();
        deferred["defer_loading"] = json!(true);
        let many: Vec<Value> = (0..129).map(|number| function(&format!("f{number}"))).collect();
        let allowed =
            |tools: Value| json!({"type": "allowed_tools", "mode": "auto", "tools": tools});
        for (given, choice, param) in [
            (json!([weather(), function("a b")]), Value::Null, "tools[1].name"),
            (json!([weather(), weather()]), Value::Null, "tools[1].name"),
            (
                json!([{"type": "function", "function": {"name": "f"}}]),
                Value::Null,
                "tools[0].name",
            ),
            (json!([files(), function("file_search")]), Value::Null, "tools[1].name"),
            (json!([deferred]), Value::Null, "tools[0].defer_loading"),
            (
                json!([{"type": "function", "name": "f", "parameters": "{}"}]),
                Value::Null,
                "tools[0].parameters",
            ),
            (json!([{"type": "function", "name": "f", "strict": 5}]), Value::Null, "tools[0]"),
            (json!(many), Value::Null, "tools"),
            (json!([files(), files()]), Value::Null, "tools"),
            (json!([{"type": "web_search"}]), Value::Null, "tools[0].type"),
            (json!([clock()]), json!({"type": "function", "name": "weather"}), "tool_choice"),
            (json!([clock()]), json!({"type": "function"}), "tool_choice"),
            (json!([clock()]), json!({"type": "file_search"}), "tool_choice"),
            (json!([clock()]), json!("sometimes"), "tool_choice"),
            (json!([]), json!("required"), "tool_choice"),
            (json!([clock()]), allowed(json!([{"type": "file_search"}])), "tool_choice"),
            (json!([clock()]), allowed(json!([function("weather")])), "tool_choice"),
        ] {
            let refused = tools(&given, &choice).err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some(param), "{given} {choice}");
        }
    }

    #[test]
    fn several_calls_are_allowed_unless_they_are_not() -> Result<()> {
        for (given, several) in
            [(json!(null), Some(true)), (json!(false), Some(false)), (json!(1), None)]
        {
            let body =
                json!({"input": "How high?", "tools": [clock()], "parallel_tool_calls": given});
            let request =
                serde_json::from_value(body).map_err(|fault| Error::invalid(fault.to_string()))?;
            let read = read(&request, "How high?").ok();
            assert_eq!(read.map(|read| read.functions.parallel), several, "{given}");
        }
        Ok(())
    }

    #[test]
    fn a_function_named_as_the_search_is_free_without_one() -> Result<()> {
        let read = tools(&json!([{"type": "function", "name": "file_search"}]), &Value::Null)?;
        assert_eq!(names(&read), ["file_search"]);
        Ok(())
    }
}
