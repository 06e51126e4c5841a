//! What a stranger sends to each route, and what must come of it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::owned::{Owned, TENANT};
use crate::rollouts::table;

/// A request's body.
pub(super) enum Sent {
    Nothing,
    Json(Value),
    Form(Form),
}

/// A multipart form.
pub(super) struct Form {
    pub(super) texts: Vec<(&'static str, &'static str)>,
    /// Name of the part, name of the file, bytes.
    pub(super) file: (&'static str, &'static str, Vec<u8>),
}

/// What must come of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// 404, with the very words for what is nowhere.
    Hidden,
    /// 403: for admins.
    Forbidden,
    /// A success that is about the stranger's own.
    Own,
    /// As `Own`, and it makes the stranger's own thing of a name that the owner uses too; so
    /// it is done at last.
    Namesake,
    /// A refusal with another status, for this reason.
    Refused(u16, &'static str),
}

/// One request of a stranger.
pub(super) struct Case {
    /// Method and path as documented.
    pub(super) route: String,
    /// The path with the owner's ids and names.
    pub(super) path: String,
    pub(super) sent: Sent,
    pub(super) expect: Expect,
}

type Row = (&'static str, Sent, Expect);

fn hidden(route: &'static str, body: Value) -> Row {
    (route, Sent::Json(body), Expect::Hidden)
}

/// GETs, DELETEs and other requests without a body.
fn bare(routes: &[&'static str], expect: Expect) -> Vec<Row> {
    routes.iter().map(|route| (*route, Sent::Nothing, expect)).collect()
}

fn own(route: &'static str, body: Value) -> Row {
    (route, Sent::Json(body), Expect::Own)
}

fn form(
    texts: &[(&'static str, &'static str)],
    file: (&'static str, &'static str, Vec<u8>),
) -> Sent {
    Sent::Form(Form { texts: texts.to_vec(), file })
}

/// At least one request for each route there is.
pub(super) fn cases(owned: &Owned) -> Result<Vec<Case>> {
    let rows = files(owned)
        .into_iter()
        .chain(stores(owned))
        .chain(answers(owned))
        .chain(inference(owned))
        .chain(tables(owned))
        .chain(models())
        .chain(documents(owned))
        .chain(tools(owned))
        .chain(operation());
    rows.map(|(route, sent, expect)| {
        let (method, path) = route.split_once(' ').unwrap_or_default();
        let route = route.split('?').next().unwrap_or_default().to_owned();
        ensure!(!method.is_empty(), "{route} has no method");
        Ok(Case { route, path: fill(path, owned)?, sent, expect })
    })
    .collect()
}

/// Whose id `{id}` is, by a part of the path.
const IDS: [(&str, &str); 13] = [
    ("/v1/files/", "{file}"),
    ("/v1/uploads/", "{upload}"),
    ("/v1/vector_stores/", "{store}"),
    ("/v1/responses/", "{response}"),
    ("/v1/conversations/", "{conversation}"),
    ("/v1/erasures/", "{erasure}"),
    ("/v1/sources/", "{source}"),
    ("/v1/question_sets/", "{question_set}"),
    ("/v1/evaluations/", "{evaluation}"),
    ("/v1/evaluation_schedules/", "{schedule}"),
    ("/v1/keys/", "{key}"),
    ("/v1/training_runs/", "{run}"),
    ("/v1/models/", "{writer}"),
];

/// A documented path with the owner's ids and names in it. Fails for a parameter that it does
/// not know: whoever adds one says here what the owner has of it.
pub(super) fn fill(path: &str, owned: &Owned) -> Result<String> {
    let id = IDS.iter().find(|(part, _)| path.contains(part)).map_or("{id}", |(_, kind)| kind);
    let name = match path {
        path if path.starts_with("/cairn/v1/tenants/") => "{tenant}",
        path if path.starts_with("/cairn/v1/models/") => "{model}",
        _ => "{dataset}",
    };
    let named = path
        .replace("{id}", id)
        .replace("{name}", name)
        .replace("{file_id}", "{file}")
        .replace("{batch_id}", "{batch}")
        .replace("{item_id}", "{item}")
        .replace("{version}", "1");
    let filled = owned.fill(&named);
    ensure!(!filled.contains('{'), "nobody says what the owner has for {path}");
    Ok(filled)
}

fn files(owned: &Owned) -> Vec<Row> {
    let text = || ("file", "mine.txt", b"A text of the stranger.".to_vec());
    let part = ("data", "upload", b"-five".to_vec());
    let upload = json!({"bytes": 9, "filename": "mine.txt", "purpose": "assistants",
        "mime_type": "text/plain"});
    let mut rows = bare(
        &[
            "GET /v1/files/{id}",
            "DELETE /v1/files/{id}",
            "GET /v1/files/{id}/content",
            "POST /v1/uploads/{id}/cancel",
        ],
        Expect::Hidden,
    );
    rows.extend(bare(
        &["GET /v1/files", "GET /v1/files?purpose=assistants&after={file}"],
        Expect::Own,
    ));
    rows.extend([
        ("POST /v1/files", form(&[("purpose", "assistants")], text()), Expect::Own),
        own("POST /v1/uploads", upload),
        ("POST /v1/uploads/{id}/parts", form(&[], part), Expect::Hidden),
        hidden("POST /v1/uploads/{id}/complete", json!({"part_ids": [owned.of("part")]})),
    ]);
    rows
}

fn stores(owned: &Owned) -> Vec<Row> {
    let files = json!({"file_ids": [owned.of("file")]});
    let mut rows = bare(
        &[
            "GET /v1/vector_stores/{id}",
            "DELETE /v1/vector_stores/{id}",
            "DELETE /v1/vector_stores/{id}?files=delete",
            "GET /v1/vector_stores/{id}/files",
            "GET /v1/vector_stores/{id}/files/{file_id}",
            "DELETE /v1/vector_stores/{id}/files/{file_id}",
            "GET /v1/vector_stores/{id}/files/{file_id}/content",
            "GET /v1/vector_stores/{id}/file_batches/{batch_id}",
            "POST /v1/vector_stores/{id}/file_batches/{batch_id}/cancel",
            "GET /v1/vector_stores/{id}/file_batches/{batch_id}/files",
            "GET /cairn/v1/vector_stores/resolve?name={store}",
            "GET /cairn/v1/vector_stores/{id}/ranking",
            "DELETE /cairn/v1/vector_stores/{id}/ranking",
            "GET /cairn/v1/vector_stores/{id}/reindex",
            "DELETE /cairn/v1/vector_stores/{id}/reindex",
        ],
        Expect::Hidden,
    );
    rows.extend(bare(
        &["GET /v1/vector_stores", "GET /v1/vector_stores?after={store}"],
        Expect::Own,
    ));
    rows.extend([
        own("POST /v1/vector_stores", json!({"name": "mine"})),
        hidden("POST /v1/vector_stores", json!({"name": "mine", "file_ids": [owned.of("file")]})),
        hidden("POST /v1/vector_stores/{id}", json!({"name": "taken"})),
        hidden(
            "POST /v1/vector_stores/{id}/search",
            json!({"query": "Who keeps the password of the vault?", "max_num_results": 50}),
        ),
        hidden("POST /v1/vector_stores/{id}/files", json!({"file_id": owned.of("file")})),
        hidden("POST /v1/vector_stores/{id}/files/{file_id}", json!({"attributes": {"a": "b"}})),
        hidden("POST /v1/vector_stores/{id}/file_batches", files),
        hidden(
            "PUT /cairn/v1/vector_stores/{id}/ranking",
            json!({"ranking": {"dense_weight": 0.1}}),
        ),
        hidden(
            "POST /cairn/v1/vector_stores/{id}/reindex",
            json!({"chunking": {"type": "structure"}}),
        ),
    ]);
    rows
}

fn answers(owned: &Owned) -> Vec<Row> {
    let question = "Who keeps the password of the vault?";
    let tool = json!([{"type": "file_search", "vector_store_ids": [owned.of("store")]}]);
    let searched = json!({"model": "cairn", "input": question, "tools": tool});
    let after = json!({"model": "cairn", "input": question,
        "previous_response_id": owned.of("response")});
    let within = json!({"model": "cairn", "input": question,
        "conversation": owned.of("conversation")});
    let items = json!({"items": [{"role": "user", "content": "Hello."}]});
    let mut rows = bare(
        &[
            "GET /v1/responses/{id}",
            "GET /v1/responses/{id}?stream=true",
            "GET /v1/responses/{id}?include[]=cairn.provenance",
            "DELETE /v1/responses/{id}",
            "POST /v1/responses/{id}/cancel",
            "GET /v1/responses/{id}/input_items",
            "GET /cairn/v1/responses/{id}/provenance",
            "GET /v1/conversations/{id}",
            "DELETE /v1/conversations/{id}",
            "GET /v1/conversations/{id}/items",
            "GET /v1/conversations/{id}/items/{item_id}",
            "DELETE /v1/conversations/{id}/items/{item_id}",
        ],
        Expect::Hidden,
    );
    let compact = json!({"model": "cairn", "previous_response_id": owned.of("response")});
    let compacted = json!({"model": "cairn", "input": [
        {"type": "compaction", "encrypted_content": owned.of("compaction")},
        {"role": "user", "content": question}]});
    rows.extend([
        hidden("POST /v1/responses", searched.clone()),
        hidden("POST /v1/responses/input_tokens", searched),
        hidden("POST /v1/responses", after.clone()),
        hidden("POST /v1/responses", within.clone()),
        hidden("POST /v1/responses/input_tokens", after),
        hidden("POST /v1/responses/input_tokens", within),
        hidden("POST /v1/responses/compact", compact),
        hidden("POST /v1/responses/compact", compacted.clone()),
        hidden("POST /v1/responses", compacted),
        hidden("POST /cairn/v1/responses/{id}/replay", json!({"answer": true})),
        own("POST /v1/conversations", json!({"metadata": {"whose": "mine"}})),
        hidden("POST /v1/conversations/{id}", json!({"metadata": {"whose": "mine"}})),
        hidden("POST /v1/conversations/{id}/items", items),
    ]);
    rows
}

fn inference(owned: &Owned) -> Vec<Row> {
    let writer = owned.of("writer");
    let tensors = json!({"inputs": [
        {"name": "n", "shape": [1], "datatype": "INT64", "data": [5]}]});
    let chat = json!({"model": writer, "messages": [{"role": "user", "content": "Hello."}]});
    let of_store = json!({"model": format!("store/{}", owned.of("store")),
        "messages": [{"role": "user", "content": "What is told?"}]});
    let rerank = json!({"model": writer, "query": "q", "documents": ["a"]});
    let mut rows = bare(
        &[
            "GET /v1/models/{id}",
            "GET /v2/models/{model}",
            "GET /v2/models/{model}/ready",
            "GET /v2/models/{model}/config",
            "GET /v2/models/{model}/stats",
        ],
        Expect::Hidden,
    );
    let mine = [
        "GET /v1/models",
        "GET /v2",
        "GET /v2/health/live",
        "GET /v2/health/ready",
        "GET /v2/models/stats",
    ];
    rows.extend(bare(&mine, Expect::Own));
    rows.extend([
        hidden("POST /v1/chat/completions", chat),
        hidden("POST /v1/chat/completions", of_store),
        hidden("POST /v1/embeddings", json!({"model": writer, "input": "Hello."})),
        hidden("POST /v1/rerank", rerank.clone()),
        hidden("POST /v2/rerank", rerank),
        hidden("POST /v2/models/{model}/infer", tensors),
        hidden("POST /v2/models/{model}/generate", json!({"text_input": "Hello."})),
        hidden("POST /v2/models/{model}/generate_stream", json!({"text_input": "Hello."})),
        own("POST /v2/repository/index", json!({})),
        hidden("POST /v2/repository/models/{model}/load", json!({})),
        hidden("POST /v2/repository/models/{model}/unload", json!({})),
    ]);
    rows
}

fn tables(owned: &Owned) -> Vec<Row> {
    let table = ("file", "mine.csv", b"name,score\nmine,1\nother,2\n".to_vec());
    let sql = json!({"sql": format!("SELECT * FROM {}", owned.of("dataset"))});
    let run = json!({"dataset": owned.of("dataset"), "target": "kind", "budget_seconds": 1});
    let mut rows = bare(
        &[
            "GET /cairn/v1/datasets/{name}",
            "DELETE /cairn/v1/datasets/{name}",
            "GET /cairn/v1/datasets/{name}/rows",
            "GET /cairn/v1/training_runs/{id}",
            "POST /cairn/v1/training_runs/{id}/cancel",
        ],
        Expect::Hidden,
    );
    rows.extend(bare(&["GET /cairn/v1/datasets", "GET /cairn/v1/training_runs"], Expect::Own));
    rows.extend([
        ("POST /cairn/v1/datasets", form(&[("name", "mine")], table), Expect::Own),
        (
            "POST /cairn/v1/datasets/query",
            Sent::Json(sql),
            Expect::Refused(400, "SQL that names no table of the tenant's own is wrong SQL"),
        ),
        hidden("POST /cairn/v1/training_runs", run),
    ]);
    rows
}

fn models() -> Vec<Row> {
    let onnx = ("file", "model.onnx", table(3, 7.0));
    let half = json!({"plan": {"strategy": "fixed", "weights": [
        {"version": 1, "weight": 1}, {"version": 2, "weight": 1}]}});
    let mut rows = bare(
        &[
            "GET /cairn/v1/models/{name}",
            "DELETE /cairn/v1/models/{name}",
            "GET /cairn/v1/models/{name}/versions/{version}/onnx",
            "DELETE /cairn/v1/models/{name}/aliases/{alias}",
            "GET /cairn/v1/models/{name}/rollout",
            "GET /cairn/v1/models/{name}/history",
        ],
        Expect::Hidden,
    );
    rows.extend(bare(&["GET /cairn/v1/models"], Expect::Own));
    rows.extend([
        ("POST /cairn/v1/models/{name}/versions", form(&[], onnx), Expect::Namesake),
        hidden("POST /cairn/v1/models/{name}/deploy", json!({"version": 1})),
        hidden("PUT /cairn/v1/models/{name}/aliases/{alias}", json!({"version": 1})),
        hidden("PUT /cairn/v1/models/{name}/rollout", half),
        hidden("POST /cairn/v1/models/{name}/rollout/rollback", json!({"reason": "mine"})),
        hidden("POST /cairn/v1/models/{name}/rollout/promote", json!({"version": 2})),
        hidden("POST /cairn/v1/models/{name}/feedback", json!({"version": 2, "reward": 1.0})),
    ]);
    rows
}

fn documents(owned: &Owned) -> Vec<Row> {
    let (store, set, file) = (owned.of("store"), owned.of("question_set"), owned.of("file"));
    let (model, dataset) = (owned.of("model"), owned.of("dataset"));
    let question = json!({"question": "Who keeps the password?", "relevant": [file]});
    let mut rows = bare(
        &[
            "GET /cairn/v1/files/{id}/text",
            "GET /cairn/v1/files/{id}/access",
            "GET /cairn/v1/sources/{id}",
            "DELETE /cairn/v1/sources/{id}",
            "DELETE /cairn/v1/sources/{id}?files=keep",
            "POST /cairn/v1/sources/{id}/pause",
            "POST /cairn/v1/sources/{id}/resume",
            "GET /cairn/v1/sources/{id}/items",
            "GET /cairn/v1/question_sets?store={store}",
            "GET /cairn/v1/question_sets/{id}",
            "DELETE /cairn/v1/question_sets/{id}",
            "GET /cairn/v1/question_sets/{id}/questions",
            "GET /cairn/v1/evaluations?store={store}",
            "GET /cairn/v1/evaluations/{id}",
            "DELETE /cairn/v1/evaluations/{id}",
            "POST /cairn/v1/evaluations/{id}/cancel",
            "GET /cairn/v1/evaluations/{id}/results",
            "GET /cairn/v1/evaluations/{id}/report",
            "GET /cairn/v1/evaluation_schedules?store={store}",
            "GET /cairn/v1/evaluation_schedules/{id}",
            "DELETE /cairn/v1/evaluation_schedules/{id}",
            "POST /cairn/v1/evaluation_schedules/{id}/pause",
            "POST /cairn/v1/evaluation_schedules/{id}/resume",
            "POST /cairn/v1/evaluation_schedules/{id}/run",
        ],
        Expect::Hidden,
    );
    let lists = [
        "GET /cairn/v1/sources",
        "GET /cairn/v1/question_sets",
        "GET /cairn/v1/evaluations",
        "GET /cairn/v1/evaluations?question_set={question_set}",
        "GET /cairn/v1/evaluations?schedule={schedule}",
        "GET /cairn/v1/evaluation_schedules",
    ];
    rows.extend(bare(&lists, Expect::Own));
    rows.extend([
        hidden("PUT /cairn/v1/files/{id}/access", json!({"access": ["user:stranger"]})),
        hidden("POST /cairn/v1/predict", json!({"model": model, "rows": [{"n": 1}]})),
        hidden("POST /cairn/v1/predict", json!({"model": model, "dataset": dataset})),
        hidden(
            "POST /cairn/v1/sources",
            json!({"vector_store_id": store, "config": {"type": "folder", "path": "/srv"}}),
        ),
        hidden("PATCH /cairn/v1/sources/{id}", json!({"name": "mine", "every_seconds": 60})),
        hidden("POST /cairn/v1/sources/{id}/sync", json!({"confirm_deletes": true})),
        hidden(
            "POST /cairn/v1/question_sets",
            json!({"store": store, "name": "mine", "questions": [question]}),
        ),
        hidden("POST /cairn/v1/question_sets", json!({"store": store, "generate": {"count": 2}})),
        hidden(
            "POST /cairn/v1/evaluations",
            json!({"question_set": set, "configurations": [{"name": "mine", "answers": true}]}),
        ),
        hidden(
            "POST /cairn/v1/evaluation_schedules",
            json!({"question_set": set, "name": "mine", "after_reindex": true}),
        ),
        hidden("PATCH /cairn/v1/evaluation_schedules/{id}", json!({"name": "mine"})),
    ]);
    rows
}

/// Calls of tools: what is not there for the stranger is told in their results. `mcp` compares them
/// with what is told of nothing.
fn tools(owned: &Owned) -> Vec<Row> {
    let (store, file) = (owned.of("store"), owned.of("file"));
    let question = "Who keeps the password of the vault?";
    let call = |name: &str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        own("POST /mcp", body)
    };
    let read = json!({"uri": format!("cairn://files/{file}")});
    let list = json!({"cursor": file});
    let asked = |method: &str, params: Value| {
        own("POST /mcp", json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    };
    vec![
        call("search", json!({"query": question, "max_results": 50})),
        call("search", json!({"query": question, "store": store})),
        call("fetch", json!({"id": file})),
        call("fetch", json!({"id": format!("{file}:0-9")})),
        call("ask", json!({"question": question})),
        call("ask", json!({"question": question, "stores": [store]})),
        call("list_stores", json!({})),
        asked("resources/list", list),
        asked("resources/read", read),
    ]
}

fn operation() -> Vec<Row> {
    let mut rows = bare(&["GET /cairn/v1/erasures/{id}"], Expect::Hidden);
    let lists = [
        "GET /cairn/v1/whoami",
        "GET /cairn/v1/status",
        "GET /cairn/v1/erasures",
        "GET /cairn/v1/erasure_key",
    ];
    rows.extend(bare(&lists, Expect::Own));
    let for_admins = [
        "POST /cairn/v1/purge",
        "GET /cairn/v1/keys",
        "DELETE /cairn/v1/keys/{id}",
        "GET /cairn/v1/tenants",
        "DELETE /cairn/v1/tenants/{name}",
    ];
    rows.extend(bare(&for_admins, Expect::Forbidden));
    let key = json!({"tenant": TENANT, "role": "viewer"});
    rows.extend([
        ("POST /cairn/v1/verify", Sent::Json(json!({"repair": true})), Expect::Forbidden),
        ("POST /cairn/v1/keys", Sent::Json(key), Expect::Forbidden),
        ("PATCH /cairn/v1/keys/{id}", Sent::Json(json!({"name": "mine"})), Expect::Forbidden),
        ("POST /cairn/v1/keys/{id}/rotate", Sent::Json(json!({"grace_s": 0})), Expect::Forbidden),
    ]);
    rows
}
