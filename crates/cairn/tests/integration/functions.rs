//! Functions of the caller: called in an answer, answered in the next one, and beside a search.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::provenance::scripted;
use crate::scene::Caller;
use crate::scripted::{Said, turn};

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";
const KEEPER: &str = "Who was the last keeper of the Orrin tower?";
const COLD: &str = "How cold is it in Oslo and in Rome?";
const WARM: &str = "It is 8 degrees in Oslo and 20 in Rome.";

fn weather() -> Value {
    json!({"type": "function", "name": "weather", "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}},
            "required": ["city"]}})
}

/// Calls the weather for both cities where somebody asks how cold it is, the search where it may,
/// and else says what the documents or the functions do.
fn says(request: &Value) -> Said {
    let offered = |name: &str| {
        let mut tools = request["tools"].as_array().into_iter().flatten();
        request["tool_choice"] != "none" && tools.any(|tool| tool["function"]["name"] == name)
    };
    let last = request["messages"].as_array().and_then(|turns| turns.last());
    if last.is_some_and(|last| last["role"] == "tool") {
        return Said::from(WARM.to_owned());
    }
    if offered("weather") && turn(request, "user").contains("cold") {
        let (oslo, rome) = (r#"{"city":"Oslo"}"#, r#"{"city":"Rome"}"#);
        return Said::calling(&[("call_1", "weather", oslo), ("call_2", "weather", rome)]);
    }
    if offered("file_search") {
        return Said::calling(&[("call_3", "file_search", r#"{"query":"the keeper"}"#)]);
    }
    Said::from("The last keeper of the Orrin tower was Ida Thorvald [1].".to_owned())
}

fn question(input: &Value, more: &Value) -> Value {
    let mut body = json!({"model": "writer", "input": input, "tools": [weather()]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

fn outputs() -> Value {
    json!([
        {"type": "function_call_output", "call_id": "call_1", "output": "8 degrees"},
        {"type": "function_call_output", "call_id": "call_2",
            "output": [{"type": "input_text", "text": "20 degrees"}]},
    ])
}

async fn ask(caller: &Caller, input: &Value, more: &Value) -> Result<Value> {
    caller.json(Method::POST, "/v1/responses", &question(input, more)).await
}

/// The events of a stream.
async fn events(request: RequestBuilder) -> Result<Vec<Value>> {
    let text = request.send().await?.text().await?;
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| Ok(serde_json::from_str(data)?)).collect()
}

fn kinds(items: &Value) -> Vec<&str> {
    items.as_array().into_iter().flatten().filter_map(|item| item["type"].as_str()).collect()
}

/// Roles of the turns that the model was asked with the last time.
fn roles(asked: &[Value]) -> Vec<&str> {
    let turns = asked.last().and_then(|request| request["messages"].as_array());
    turns.into_iter().flatten().filter_map(|turn| turn["role"].as_str()).collect()
}

#[tokio::test]
async fn functions_are_called_and_answered_by_the_response_before() -> Result<()> {
    let (scene, behind, caller, _) = scripted(says).await?;
    let called = ask(&caller, &json!(COLD), &json!({})).await?;
    ensure!(kinds(&called["output"]) == ["function_call", "function_call"], "{called}");
    let (oslo, rome) = (&called["output"][0], &called["output"][1]);
    ensure!(oslo["id"].as_str().is_some_and(|id| id.starts_with("fc_")), "{oslo}");
    ensure!(oslo["call_id"] == "call_1" && oslo["name"] == "weather", "{oslo}");
    ensure!(oslo["arguments"] == r#"{"city":"Oslo"}"# && oslo["status"] == "completed", "{oslo}");
    ensure!(rome["arguments"] == r#"{"city":"Rome"}"#, "{rome}");
    ensure!(called["status"] == "completed" && called["parallel_tool_calls"] == true, "{called}");
    let id = called["id"].as_str().context("an id")?;
    let (_, kept) = caller.get(&format!("/v1/responses/{id}")).await?;
    ensure!(kept["output"] == called["output"] && kept["tools"] == json!([weather()]), "{kept}");

    let next = json!({"previous_response_id": id});
    let told = ask(&caller, &outputs(), &next).await?;
    ensure!(told["output"][0]["content"][0]["text"] == WARM, "{told}");
    let asked = behind.asked();
    ensure!(roles(&asked) == ["user", "assistant", "tool", "tool"], "{asked:?}");
    let turns = &asked.last().context("a request")?["messages"];
    ensure!(turns[1]["tool_calls"][1]["id"] == "call_2", "{turns}");
    ensure!(turns[2]["tool_call_id"] == "call_1" && turns[3]["content"] == "20 degrees", "{turns}");
    let told_id = told["id"].as_str().context("an id")?;
    let (_, items) = caller.get(&format!("/v1/responses/{told_id}/input_items?order=asc")).await?;
    ensure!(items["data"][0]["id"].as_str().is_some_and(|id| id.starts_with("fco_")), "{items}");
    ensure!(items["data"][0]["output"] == "8 degrees", "{items}");
    ensure!(items["data"][1]["output"][0]["text"] == "20 degrees", "{items}");

    // The calls are found again behind the answer to them, too.
    let on = json!({"previous_response_id": told_id});
    ask(&caller, &json!("Which is the warmer one?"), &on).await?;
    let expected = ["user", "assistant", "tool", "tool", "assistant", "user"];
    ensure!(roles(&behind.asked()) == expected, "{:?}", roles(&behind.asked()));

    // What has no call, and a call that has no output.
    let lost = json!([{"type": "function_call_output", "call_id": "call_9", "output": "x"}]);
    for (input, more, param) in [
        (lost.clone(), on, "input[0].call_id"),
        (lost, json!({}), "input[0].call_id"),
        (json!("And now?"), next, "input"),
    ] {
        let body = question(&input, &more);
        let (status, refused) = caller.try_json(Method::POST, "/v1/responses", &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{status} {refused}");
        ensure!(refused["error"]["param"] == param, "{refused}");
        ensure!(refused["error"]["message"].to_string().contains("call_"), "{refused}");
    }
    scene.stop().await
}

#[tokio::test]
async fn a_stream_of_calls_is_played_again_as_it_was() -> Result<()> {
    let (scene, _behind, caller, _) = scripted(says).await?;
    let body = question(&json!(COLD), &json!({"stream": true}));
    let sent = events(caller.request(Method::POST, "/v1/responses").json(&body)).await?;
    let call = [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ];
    let mut expected = vec!["response.created", "response.in_progress"];
    expected.extend(call.iter().chain(&call).copied());
    expected.push("response.completed");
    let mut seen: Vec<&str> = sent.iter().filter_map(|event| event["type"].as_str()).collect();
    seen.dedup();
    ensure!(seen == expected, "{seen:?}");
    let last = sent.last().context("an end")?;
    for (number, item) in last["response"]["output"].as_array().into_iter().flatten().enumerate() {
        let of_item: Vec<&Value> =
            sent.iter().filter(|event| event["item_id"] == item["id"]).collect();
        let deltas = of_item.iter().filter_map(|event| event["delta"].as_str());
        ensure!(item["arguments"] == deltas.collect::<String>(), "{item}");
        ensure!(of_item.iter().all(|event| event["output_index"] == number), "{of_item:?}");
        let done = of_item.last().context("an end")?;
        ensure!(done["arguments"] == item["arguments"] && done["name"] == "weather", "{done}");
    }
    let id = last["response"]["id"].as_str().context("an id")?;
    let again = format!("/v1/responses/{id}?stream=true");
    let again = events(caller.request(Method::GET, &again)).await?;
    let told = |events: &[Value]| -> Vec<(Value, Value, Value)> {
        let told = events.iter().map(|event| {
            (event["type"].clone(), event["sequence_number"].clone(), event["delta"].clone())
        });
        told.collect()
    };
    ensure!(told(&again) == told(&sent), "{again:?}");

    // With nobody waiting it is the same.
    let begun = ask(&caller, &json!(COLD), &json!({"background": true})).await?;
    let path = format!("/v1/responses/{}", begun["id"].as_str().context("an id")?);
    let mut answer = Value::Null;
    for _ in 0..400 {
        answer = caller.get(&path).await?.1;
        if answer["status"] == "completed" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    ensure!(kinds(&answer["output"]) == ["function_call", "function_call"], "{answer}");
    let next = json!({"previous_response_id": begun["id"]});
    let told = ask(&caller, &outputs(), &next).await?;
    ensure!(told["output"][0]["content"][0]["text"] == WARM, "{told}");
    scene.stop().await
}

#[tokio::test]
async fn a_conversation_holds_calls_and_what_came_of_them() -> Result<()> {
    let (scene, behind, caller, _) = scripted(says).await?;
    let talk = caller.json(Method::POST, "/v1/conversations", &json!({})).await?;
    let talk = talk["id"].as_str().context("a conversation")?;
    let within = json!({"conversation": talk});
    ask(&caller, &json!(COLD), &within).await?;
    ask(&caller, &outputs(), &within).await?;
    ensure!(roles(&behind.asked()) == ["user", "assistant", "tool", "tool"]);
    let items = format!("/v1/conversations/{talk}/items");
    let (_, listed) = caller.get(&format!("{items}?order=asc")).await?;
    let expected = [
        "message",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "message",
    ];
    ensure!(kinds(&listed["data"]) == expected, "{listed}");

    // Items that a client brings are the same.
    let brought = json!({"items": [listed["data"][1], listed["data"][3]]});
    let added = caller.json(Method::POST, &items, &brought).await?;
    ensure!(kinds(&added["data"]) == ["function_call", "function_call_output"], "{added}");
    ask(&caller, &json!("Thank you."), &within).await?;

    // What came of a call that is not there tells nothing.
    let came = json!([{"type": "function_call_output", "call_id": "call_9", "output": "x"}]);
    for (path, body) in
        [(items.as_str(), json!({"items": came})), ("/v1/conversations", json!({"items": came}))]
    {
        let (status, refused) = caller.try_json(Method::POST, path, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{status} {refused}");
        ensure!(refused["error"]["param"] == "items[0].call_id", "{refused}");
        ensure!(refused["error"]["message"].to_string().contains("call_9"), "{refused}");
    }
    let known = json!({"items": [{"type": "function_call_output", "call_id": "call_2",
        "output": "still 20 degrees"}]});
    let more = caller.json(Method::POST, &items, &known).await?;
    let more = more["data"][0]["id"].as_str().context("an id")?;
    ensure!(caller.delete(&format!("{items}/{more}")).await? == StatusCode::OK);

    // A call whose output was taken away has to be answered first.
    let gone = listed["data"][3]["id"].as_str().context("an id")?;
    let taken = added["data"][1]["id"].as_str().context("an id")?;
    for id in [gone, taken] {
        ensure!(caller.delete(&format!("{items}/{id}")).await? == StatusCode::OK);
    }
    let body = question(&json!("And now?"), &within);
    let (status, refused) = caller.try_json(Method::POST, "/v1/responses", &body).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{status} {refused}");
    ensure!(refused["error"]["message"].to_string().contains("call_1"), "{refused}");
    scene.stop().await
}

#[tokio::test]
async fn beside_a_search_the_model_decides_first() -> Result<()> {
    let (scene, behind, caller, store) = scripted(says).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let files = json!({"type": "file_search", "vector_store_ids": [store]});
    let both = json!({"tools": [files, weather()]});
    let with = |more: &Value| {
        let mut both = both.clone();
        for (name, value) in more.as_object().into_iter().flatten() {
            both[name] = value.clone();
        }
        both
    };

    // It calls a function: nothing is searched.
    let called = ask(&caller, &json!(COLD), &both).await?;
    ensure!(kinds(&called["output"]) == ["function_call", "function_call"], "{called}");
    let offered = behind.asked().pop().context("a request")?;
    let offered = offered["tools"].as_array().context("tools")?.clone();
    let names: Vec<&Value> = offered.iter().map(|tool| &tool["function"]["name"]).collect();
    ensure!(names == ["weather", "file_search"], "{names:?}");

    // It tells what the functions gave.
    let next = with(&json!({"previous_response_id": called["id"]}));
    let told = ask(&caller, &outputs(), &next).await?;
    ensure!(kinds(&told["output"]) == ["message"], "{told}");
    let part = &told["output"][0]["content"][0];
    ensure!(part["text"] == WARM && part["annotations"] == json!([]), "{told}");
    let note = told["cairn"]["notes"][0].as_str().context("a note")?;
    ensure!(note.contains("nothing is cited"), "{note}");
    ensure!(behind.asked().len() == 2, "asked once for each");

    // It looks in the documents, by a prompt without functions.
    let cited = ask(&caller, &json!(KEEPER), &both).await?;
    ensure!(kinds(&cited["output"]) == ["file_search_call", "message"], "{cited}");
    let notes = cited["output"][1]["content"][0]["annotations"].as_array().context("citations")?;
    ensure!(!notes.is_empty() && cited["cairn"]["notes"].is_null(), "{cited}");
    ensure!(cited["usage"]["input_tokens"] == 22, "both questions to the model: {cited}");
    let asked = behind.asked();
    ensure!(asked.len() == 4 && asked[3]["tools"].is_null(), "{asked:?}");
    ensure!(roles(&asked) == ["system", "user"], "{asked:?}");

    // What was called before is not put to who writes from documents.
    let on = json!({"previous_response_id": told["id"], "tool_choice": {"type": "file_search"}});
    let cited = ask(&caller, &json!(KEEPER), &with(&on)).await?;
    ensure!(kinds(&cited["output"]) == ["file_search_call", "message"], "{cited}");
    let asked = behind.asked();
    ensure!(asked.len() == 5, "the search is not asked for twice");
    ensure!(roles(&asked) == ["system", "user", "assistant", "user"], "{asked:?}");

    // A function by its name is called, and no document asked.
    let named = json!({"tool_choice": {"type": "function", "name": "weather"}});
    let called = ask(&caller, &json!(COLD), &with(&named)).await?;
    ensure!(kinds(&called["output"]) == ["function_call", "function_call"], "{called}");
    scene.stop().await
}

#[tokio::test]
async fn tokens_are_counted_of_what_the_model_would_be_asked() -> Result<()> {
    let (scene, behind, caller, store) = scripted(says).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let files = json!({"type": "file_search", "vector_store_ids": [store]});
    let form = json!({"format": {"type": "json_schema", "name": "keeper", "schema": {
        "type": "object", "properties": {"keeper": {"type": "string"}}, "required": ["keeper"],
        "additionalProperties": false}}});
    let count = async |more: Value| -> Result<Value> {
        let body = question(&json!(KEEPER), &more);
        let path = "/v1/responses/input_tokens";
        let counted = caller.json(Method::POST, path, &body).await?;
        ensure!(counted["input_tokens"].as_u64() > Some(0), "{counted}");
        behind.asked().pop().context("a request")
    };
    let alone = count(json!({"tools": [], "text": form})).await?;
    ensure!(alone["response_format"]["json_schema"]["name"] == "keeper", "{alone}");

    // Over documents the program's own words count as well, but no passage is looked for.
    let prose = count(json!({"tools": [files]})).await?;
    let shaped = count(json!({"tools": [files], "text": form})).await?;
    for asked in [&prose, &shaped] {
        ensure!(turn(asked, "system").contains("numbered sources"), "{asked}");
        ensure!(turn(asked, "user").contains(KEEPER), "{asked}");
        ensure!(!asked.to_string().contains("Ida Thorvald"), "{asked}");
    }
    ensure!(turn(&shaped, "user").contains("JSON") && !turn(&prose, "user").contains("JSON"));
    ensure!(shaped["response_format"]["json_schema"]["name"] == "keeper", "{shaped}");

    let strange = json!([{"type": "file_search", "vector_store_ids": ["vs_none"]}]);
    let body = question(&json!(KEEPER), &json!({"tools": strange}));
    let (status, refused) =
        caller.try_json(Method::POST, "/v1/responses/input_tokens", &body).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{status} {refused}");
    scene.stop().await
}

#[tokio::test]
async fn without_a_model_documents_answer_and_say_so() -> Result<()> {
    let (scene, _behind, caller, store) = scripted(says).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let files = json!({"type": "file_search", "vector_store_ids": [store]});
    let quoted = json!({"model": "cairn", "tools": [files, weather()]});
    let quoted = ask(&caller, &json!(KEEPER), &quoted).await?;
    ensure!(quoted["cairn"]["mode"] == "extractive", "{quoted}");
    ensure!(kinds(&quoted["output"]) == ["file_search_call", "message"], "{quoted}");
    let note = quoted["cairn"]["notes"][0].as_str().context("a note")?;
    ensure!(note.contains("functions were not offered"), "{note}");
    let body = question(&json!(COLD), &json!({"model": "cairn"}));
    let (status, refused) = caller.try_json(Method::POST, "/v1/responses", &body).await?;
    ensure!(!status.is_success() && refused["error"]["message"].is_string(), "{refused}");
    scene.stop().await
}
