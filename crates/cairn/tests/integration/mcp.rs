//! The Model Context Protocol over the real router: how it is spoken, what the tools give, and who
//! is told what.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene, read};

const SECRET: &str = "The merger with Orrin Lamps is planned for the eleventh of May.";
const OPEN: &str = "The canteen of Orrin Lamps opens at eight in the morning.";
const QUESTION: &str = "When is the merger with Orrin Lamps planned?";
const NEWEST: &str = "2026-07-28";

fn request(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

/// The result of a request that must have one.
async fn result(caller: &Caller, method: &str, params: &Value) -> Result<Value> {
    let reply = caller.json(Method::POST, "/mcp", &request(method, params)).await?;
    ensure!(reply["id"] == 7 && reply["error"].is_null(), "{reply}");
    Ok(reply["result"].clone())
}

/// What a tool told: the whole result.
async fn called(caller: &Caller, name: &str, arguments: &Value) -> Result<Value> {
    let told = result(caller, "tools/call", &json!({"name": name, "arguments": arguments})).await?;
    let text = told["content"][0]["text"].as_str().context("a text")?;
    if told["isError"] == false {
        let same: Value = serde_json::from_str(text)?;
        ensure!(same == told["structuredContent"], "{told}");
    } else {
        ensure!(told["structuredContent"].is_null(), "{told}");
    }
    Ok(told)
}

/// What a tool gave.
async fn given(caller: &Caller, name: &str, arguments: &Value) -> Result<Value> {
    let told = called(caller, name, arguments).await?;
    ensure!(told["isError"] == false, "{told}");
    Ok(told["structuredContent"].clone())
}

/// Why a tool gave nothing.
async fn refusal(caller: &Caller, name: &str, arguments: &Value) -> Result<String> {
    let told = called(caller, name, arguments).await?;
    ensure!(told["isError"] == true, "{told}");
    Ok(told["content"][0]["text"].as_str().unwrap_or_default().to_owned())
}

/// Status and body of a message with headers.
async fn sent(
    caller: &Caller,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<(StatusCode, Value)> {
    let request = caller.request(Method::POST, "/mcp").json(body);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    read(request.send().await?).await
}

#[tokio::test]
async fn both_eras_of_the_protocol_are_spoken() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("readers", "viewer").await?;

    let asked = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}});
    let begun = result(&caller, "initialize", &asked).await?;
    ensure!(begun["protocolVersion"] == "2025-06-18", "{begun}");
    ensure!(begun["capabilities"]["tools"] == json!({}), "{begun}");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let header = [("mcp-protocol-version", "2025-06-18")];
    let (status, body) = sent(&caller, &header, &initialized).await?;
    ensure!(status == StatusCode::ACCEPTED && body == "", "{status} {body}");
    ensure!(result(&caller, "ping", &json!({})).await? == json!({}));
    let listed = result(&caller, "tools/list", &json!({})).await?;
    let names: Vec<&str> = listed["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    ensure!(names == ["search", "fetch", "ask", "list_stores"], "{listed}");
    ensure!(listed["tools"][0]["annotations"]["readOnlyHint"] == true, "{listed}");
    ensure!(listed["ttlMs"].is_null() && listed["resultType"].is_null(), "{listed}");
    // An unknown method is no other status here: clients would take it for the end.
    let (status, body) = sent(&caller, &header, &request("prompts/list", &json!({}))).await?;
    ensure!(status == StatusCode::OK && body["error"]["code"] == -32_601, "{status} {body}");

    let meta = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": NEWEST,
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let with = |method: &'static str| [("mcp-protocol-version", NEWEST), ("mcp-method", method)];
    let (status, body) =
        sent(&caller, &with("server/discover"), &request("server/discover", &meta)).await?;
    ensure!(status == StatusCode::OK, "{status} {body}");
    let found = &body["result"];
    ensure!(found["supportedVersions"][0] == NEWEST && found["resultType"] == "complete", "{body}");
    ensure!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "cairn", "{body}");
    let (status, body) = sent(&caller, &with("tools/list"), &request("tools/list", &meta)).await?;
    ensure!(status == StatusCode::OK && body["result"]["cacheScope"] == "public", "{body}");
    // What it says twice must be the same, and a handshake it has no more.
    let (status, body) = sent(&caller, &with("tools/call"), &request("tools/list", &meta)).await?;
    ensure!(status == StatusCode::BAD_REQUEST && body["error"]["code"] == -32_020, "{body}");
    let (status, body) = sent(&caller, &with("ping"), &request("ping", &meta)).await?;
    ensure!(status == StatusCode::NOT_FOUND && body["error"]["code"] == -32_601, "{body}");
    let unknown = [("mcp-protocol-version", "2030-01-01")];
    let (status, body) = sent(&caller, &unknown, &request("tools/list", &json!({}))).await?;
    ensure!(status == StatusCode::BAD_REQUEST && body["error"]["code"] == -32_022, "{body}");

    let both = json!([request("ping", &json!({})), initialized, {"jsonrpc": "2.0"}]);
    let (status, body) = sent(&caller, &[], &both).await?;
    let replies = body.as_array().map(Vec::len);
    ensure!(status == StatusCode::OK && replies == Some(2), "{status} {body}");
    ensure!(body[0]["result"] == json!({}) && body[1]["error"]["code"] == -32_600, "{body}");
    let (status, body) = sent(&caller, &header, &both).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{status} {body}");
    scene.stop().await
}

#[tokio::test]
async fn who_has_no_key_or_comes_from_a_foreign_page_stays_outside() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("readers", "viewer").await?;
    let ping = request("ping", &json!({}));
    let keyless = scene.client.post(format!("{}/mcp", scene.url)).json(&ping);
    let answer = keyless.send().await?;
    let challenge = answer.headers().get("www-authenticate").context("a challenge")?.clone();
    ensure!(challenge == "Bearer realm=\"cairn\"", "{challenge:?}");
    let (status, body) = read(answer).await?;
    ensure!(status == StatusCode::UNAUTHORIZED && body["jsonrpc"] == "2.0", "{status} {body}");
    let wrong = scene.with_key("ck_wrong").request(Method::POST, "/mcp").json(&ping).send().await?;
    let challenge = wrong.headers().get("www-authenticate").context("a challenge")?.to_str()?;
    ensure!(challenge.contains("invalid_token"), "{challenge}");

    for (origin, allowed) in [
        ("http://localhost:6274", true),
        (scene.url.as_str(), true),
        ("http://evil.example", false),
        ("null", false),
    ] {
        let (status, body) = sent(&caller, &[("origin", origin)], &ping).await?;
        let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
        ensure!(status == expected, "{origin}: {status} {body}");
    }
    // Its own name may be turned to this server, and is then both.
    let turned = [("origin", "http://evil.example"), ("host", "evil.example")];
    ensure!(sent(&caller, &turned, &ping).await?.0 == StatusCode::FORBIDDEN);

    for method in [Method::GET, Method::DELETE] {
        let answer = caller.request(method.clone(), "/mcp").send().await?;
        ensure!(answer.status() == StatusCode::METHOD_NOT_ALLOWED, "{method}");
        ensure!(answer.headers().get("allow").is_some_and(|allow| allow == "POST"), "{method}");
    }
    let broken = caller.request(Method::POST, "/mcp").body("{\"jsonrpc\":").send().await?;
    let (status, body) = read(broken).await?;
    ensure!(status == StatusCode::BAD_REQUEST && body["error"]["code"] == -32_700, "{body}");
    scene.stop().await
}

#[tokio::test]
async fn tools_search_read_and_answer() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let reader = scene.speaking_for("orrin", "viewer", &[]).await?;
    let none = refusal(&reader, "search", &json!({"query": QUESTION})).await?;
    ensure!(none.contains("make one"), "{none}");

    let papers = editor.store("papers").await?;
    let rules = editor.store("rules").await?;
    let (merger, _) = editor.ingest(&papers, "merger.txt", SECRET.as_bytes()).await?;
    let (canteen, _) = editor.ingest(&rules, "canteen.txt", OPEN.as_bytes()).await?;
    let attributes = json!({"attributes": {"url": "https://orrin.example/canteen", "year": 2024}});
    let path = format!("/v1/vector_stores/{rules}/files/{canteen}");
    editor.json(Method::POST, &path, &attributes).await?;

    let listed = given(&reader, "list_stores", &json!({})).await?;
    let names: Vec<&Value> =
        listed["stores"].as_array().into_iter().flatten().map(|store| &store["name"]).collect();
    ensure!(names == ["rules", "papers"] && listed["has_more"] == false, "{listed}");
    ensure!(listed["stores"][0]["files"] == 1, "{listed}");

    // Without a store all are searched; each result can be fetched.
    let found = given(&reader, "search", &json!({"query": QUESTION})).await?;
    let results = found["results"].as_array().context("results")?;
    ensure!(results.len() == 2 && results[0]["title"] == "merger.txt", "{found}");
    ensure!(results[0]["text"] == SECRET && found["cairn"].is_null(), "{found}");
    let url = results[0]["url"].as_str().unwrap_or_default();
    let console = format!("{}/console/documents/{papers}?file={merger}&from=0", scene.url);
    ensure!(url.starts_with(&console), "{url}");
    ensure!(results[1]["url"] == "https://orrin.example/canteen", "{found}");
    let read = given(&reader, "fetch", &json!({"id": results[1]["id"]})).await?;
    ensure!(read["text"] == OPEN && read["title"] == "canteen.txt", "{read}");
    ensure!(read["id"] == results[1]["id"] && read["url"] == results[1]["url"], "{read}");
    let facts = &read["metadata"];
    ensure!(facts["file_id"] == canteen.as_str() && facts["year"] == "2024", "{read}");
    let whole = given(&reader, "fetch", &json!({"id": merger})).await?;
    ensure!(whole["text"] == SECRET && whole["metadata"]["next"].is_null(), "{whole}");

    // A store by its name or its id, a filter, a bound.
    for store in ["rules", &rules] {
        let found = given(&reader, "search", &json!({"query": QUESTION, "store": store})).await?;
        ensure!(!found.to_string().contains("merger.txt"), "{found}");
    }
    let filter = json!({"type": "eq", "key": "year", "value": 2024});
    let filtered = json!({"query": QUESTION, "filters": filter});
    let found = given(&reader, "search", &filtered).await?;
    ensure!(found["results"].as_array().map(Vec::len) == Some(1), "{found}");
    let one = given(&reader, "search", &json!({"query": QUESTION, "max_results": 1})).await?;
    ensure!(one["results"].as_array().map(Vec::len) == Some(1), "{one}");

    // The answer is that of the responses, with its citations numbered.
    let answer = given(&reader, "ask", &json!({"question": QUESTION})).await?;
    ensure!(answer["answered"] == true && answer["reason"].is_null(), "{answer}");
    let text = answer["answer"].as_str().unwrap_or_default();
    ensure!(text.contains("eleventh of May.[1]"), "{text}");
    let cited = &answer["citations"][0];
    ensure!(cited["number"] == 1 && cited["supported"] == true, "{answer}");
    ensure!(cited["quote"].as_str().is_some_and(|quote| SECRET.contains(quote)), "{answer}");
    let read = given(&reader, "fetch", &json!({"id": cited["id"]})).await?;
    ensure!(read["text"] == SECRET, "{read}");
    let unknown = "How long should a sourdough loaf stay in the oven?";
    let arguments = json!({"question": unknown, "stores": ["papers"]});
    let answer = given(&reader, "ask", &arguments).await?;
    ensure!(answer["answered"] == false && answer["reason"].is_string(), "{answer}");
    ensure!(answer["citations"] == json!([]), "{answer}");

    for (name, arguments, word) in [
        ("search", json!({"query": " "}), "query"),
        ("search", json!({"query": "a", "max_results": 51}), "between 1 and 50"),
        ("search", json!({"query": "a", "limit": 5}), "limit"),
        ("search", json!({"query": "a", "filters": {"type": "near"}}), "'key'"),
        ("search", json!({"query": "a", "store": "nowhere"}), "list_stores"),
        ("fetch", json!({"id": "file-none"}), "search gave"),
        ("fetch", json!({"id": "file-none:9-3"}), "is no id"),
        ("ask", json!({}), "question"),
        ("ask", json!({"question": "a", "stores": vec!["papers"; 17]}), "at most 16"),
    ] {
        let told = refusal(&reader, name, &arguments).await?;
        ensure!(told.contains(word), "{name} {arguments}: {told}");
    }
    let call = request("tools/call", &json!({"name": "delete_all", "arguments": {}}));
    let reply = reader.json(Method::POST, "/mcp", &call).await?;
    ensure!(reply["error"]["code"] == -32_602, "{reply}");

    let resources = result(&reader, "resources/list", &json!({})).await?;
    ensure!(resources["resources"].as_array().map(Vec::len) == Some(2), "{resources}");
    let uri = format!("cairn://files/{merger}");
    let read = result(&reader, "resources/read", &json!({"uri": uri})).await?;
    ensure!(read["contents"][0]["text"] == SECRET, "{read}");

    // What is deleted is gone from every tool.
    ensure!(editor.delete(&format!("/v1/files/{merger}")).await?.is_success());
    let found = given(&reader, "search", &json!({"query": QUESTION})).await?;
    ensure!(!found.to_string().contains("eleventh"), "{found}");
    refusal(&reader, "fetch", &json!({"id": merger})).await?;
    scene.stop().await
}

#[tokio::test]
async fn a_long_document_is_read_in_parts() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let store = editor.store("papers").await?;
    let paragraph = "The works made bells and gates for the churches of the valley.\n\n";
    let text = paragraph.repeat(1_500);
    let (file, state) = editor.ingest(&store, "chronicle.txt", text.as_bytes()).await?;
    ensure!(state["status"] == "completed", "{state}");
    let (_, whole) = editor.get(&format!("/cairn/v1/files/{file}/text")).await?;
    let (mut read, mut id, mut parts) = (String::new(), file, 0);
    loop {
        let part = given(&editor, "fetch", &json!({"id": id})).await?;
        read.push_str(part["text"].as_str().unwrap_or_default());
        parts += 1;
        match part["metadata"]["next"].as_str() {
            Some(next) => id = next.to_owned(),
            None => break,
        }
    }
    ensure!(parts == 2, "{parts}");
    ensure!(whole["text"] == read.as_str(), "the parts join to the whole");
    scene.stop().await
}

#[tokio::test]
async fn a_document_is_there_for_those_on_its_list() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let ada = scene.speaking_for("orrin", "viewer", &["user:ada"]).await?;
    let bob = scene.speaking_for("orrin", "viewer", &["user:bob"]).await?;
    let store = editor.store("papers").await?;
    let (secret, _) = editor.ingest(&store, "merger.txt", SECRET.as_bytes()).await?;
    editor.ingest(&store, "canteen.txt", OPEN.as_bytes()).await?;
    let list = format!("/cairn/v1/files/{secret}/access");
    editor.json(Method::PUT, &list, &json!({"access": ["user:ada"]})).await?;

    let passage = format!("{secret}:0-20");
    // Who manages the file reads it elsewhere; an assistant reads what it can search.
    ensure!(editor.get(&format!("/cairn/v1/files/{secret}/text")).await?.0.is_success());
    for (caller, allowed) in [(&ada, true), (&bob, false), (&editor, false)] {
        let found = given(caller, "search", &json!({"query": QUESTION})).await?;
        ensure!(found.to_string().contains("eleventh") == allowed, "{found}");
        let answer = given(caller, "ask", &json!({"question": QUESTION})).await?;
        ensure!(answer.to_string().contains("eleventh") == allowed, "{answer}");
        for id in [&secret, &passage] {
            let told = called(caller, "fetch", &json!({"id": id})).await?;
            ensure!((told["isError"] == false) == allowed, "{told}");
        }
        let listed = result(caller, "resources/list", &json!({})).await?;
        ensure!(listed.to_string().contains(secret.as_str()) == allowed, "{listed}");
        let uri = json!({"uri": format!("cairn://files/{secret}")});
        let (_, read) = sent(caller, &[], &request("resources/read", &uri)).await?;
        ensure!(read["error"].is_null() == allowed, "{read}");
        ensure!(allowed || read["error"]["code"] == -32_002, "{read}");
    }
    scene.stop().await
}

#[tokio::test]
async fn a_stranger_is_told_the_same_as_of_nothing() -> Result<()> {
    let scene = Scene::start().await?;
    let owner = scene.tenant("orrin", "editor").await?;
    let store = owner.store("papers").await?;
    let (file, _) = owner.ingest(&store, "merger.txt", SECRET.as_bytes()).await?;
    let stranger = scene.tenant("stranger", "admin").await?;
    let own = stranger.store("own").await?;
    stranger.ingest(&own, "own.txt", b"A text about ferries.").await?;

    let found = given(&stranger, "search", &json!({"query": QUESTION, "max_results": 50})).await?;
    ensure!(found["results"].as_array().map(Vec::len) == Some(1), "{found}");
    let answer = given(&stranger, "ask", &json!({"question": QUESTION})).await?;
    ensure!(!answer.to_string().contains("merger.txt"), "{answer}");
    let listed = given(&stranger, "list_stores", &json!({})).await?;
    ensure!(!listed.to_string().contains("papers"), "{listed}");

    let nobody = |id: &str| {
        let at = id.find(['-', '_']).map_or(0, |at| at + 1);
        format!("{}{}", &id[..at], "0".repeat(id.len() - at))
    };
    let uri = |id: &str| json!({"uri": format!("cairn://files/{id}")});
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let asked = |store: &str, file: &str| {
        [
            ("tools/call", call("search", json!({"query": QUESTION, "store": store}))),
            ("tools/call", call("ask", json!({"question": QUESTION, "stores": [store]}))),
            ("tools/call", call("ask", json!({"question": QUESTION, "stores": [own, store]}))),
            ("tools/call", call("fetch", json!({"id": file}))),
            ("tools/call", call("fetch", json!({"id": format!("{file}:0-9")}))),
            ("resources/read", uri(file)),
        ]
    };
    let named = asked(&store, &file);
    let unnamed = asked(&nobody(&store), &nobody(&file));
    for ((method, real), (_, unreal)) in named.iter().zip(&unnamed) {
        let (status, told) = sent(&stranger, &[], &request(method, real)).await?;
        let (other, nothing) = sent(&stranger, &[], &request(method, unreal)).await?;
        let refused = told["result"]["isError"] == true || told["error"].is_object();
        ensure!(refused, "{real}: {told}");
        let masked = |told: &Value, store: &str, file: &str| {
            told.to_string().replace(store, "…").replace(file, "…")
        };
        let alike =
            masked(&told, &store, &file) == masked(&nothing, &nobody(&store), &nobody(&file));
        ensure!(status == other && alike, "{real} tells what is there: {told}, {nothing}");
    }
    // By its name neither, and a name of its own is its own.
    let named = refusal(&stranger, "search", &json!({"query": "a", "store": "papers"})).await?;
    ensure!(named.contains("was not found"), "{named}");
    scene.stop().await
}
