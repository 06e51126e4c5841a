//! Two tenants, every route, every id of the other: nothing crosses. The routes are those of
//! `/openapi.json`; one that no case covers fails the test.

mod owned;
mod routes;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rollouts::table;
use crate::scene::{Caller, Scene};
use owned::{Owned, PLANTED, Picture};
use routes::{Case, Expect, Sent, cases, fill};

/// Routes that answer without a key.
const PUBLIC: [&str; 3] = ["/v2", "/v2/health/live", "/v2/health/ready"];

/// What admins do for the whole installation, besides what is [`Expect::Forbidden`] to others.
const FOR_ADMINS: [&str; 2] = ["GET /cairn/v1/erasures", "GET /cairn/v1/erasures/{id}"];

/// Someone of another tenant who knows all ids and names of the owner.
struct Stranger<'s> {
    scene: &'s Scene,
    caller: Caller,
    owned: &'s Owned,
    /// Ids and names like the owner's, of nobody.
    ghost: Owned,
}

/// An answer.
struct Told {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

#[tokio::test]
async fn nothing_crosses_from_one_tenant_to_another() -> Result<()> {
    // Nobody listens there: the model of the provider is never asked.
    let scene = Scene::before("http://127.0.0.1:9").await?;
    let owner = scene.tenant(owned::TENANT, "editor").await?;
    let owned = owned::everything(&scene, &owner).await?;
    let before = owned::picture(&owner, &owned).await?;
    let documented = documented(&owner).await?;

    for role in ["editor", "admin"] {
        let caller = scene.tenant("stranger", role).await?;
        let stranger = Stranger { scene: &scene, caller, owned: &owned, ghost: owned.ghost() };
        stranger.tries_every_route(&documented, role).await?;
        stranger.crosses_its_own_with_the_owners().await?;
        stranger.asks_again_what_the_owner_asked().await?;
        unchanged(&before, &owned::picture(&owner, &owned).await?)?;
    }
    let caller = scene.tenant("stranger", "editor").await?;
    let stranger = Stranger { scene: &scene, caller, owned: &owned, ghost: owned.ghost() };
    stranger.sends_everything_everywhere(&documented).await?;
    stranger.uses_the_owners_names().await?;

    unchanged(&before, &owned::picture(&owner, &owned).await?)?;
    owned::works(&owner, &owned).await?;
    scene.stop().await
}

fn unchanged(before: &Picture, after: &Picture) -> Result<()> {
    for (path, shown) in before {
        ensure!(after.get(path) == Some(shown), "{path}: {shown} is now {:?}", after.get(path));
    }
    Ok(())
}

/// The documented paths with their methods.
async fn documented(caller: &Caller) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let (_, document) = caller.get("/openapi.json").await?;
    let paths = document["paths"].as_object().context("paths")?;
    let methods = |item: &Value| -> BTreeSet<String> {
        let methods = item.as_object().into_iter().flatten();
        methods.map(|(method, _)| method.to_uppercase()).collect()
    };
    Ok(paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect())
}

async fn send(caller: &Caller, method: &str, path: &str, sent: &Sent) -> Result<Told> {
    let request = caller.request(method.parse()?, path);
    let request = match sent {
        Sent::Nothing => request,
        Sent::Json(body) => request.json(body),
        Sent::Form(form) => {
            let (part, name, bytes) = &form.file;
            let file = Part::bytes(bytes.clone()).file_name(*name);
            let texts = form.texts.iter();
            let texts = texts.fold(Form::new(), |form, (name, text)| form.text(*name, *text));
            request.multipart(texts.part(*part, file))
        }
    };
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    Ok(Told { status, headers, body: answer.text().await? })
}

impl Stranger<'_> {
    /// What is told to a request; fails when it is anything of the owner's that the request
    /// does not say.
    async fn told(&self, method: &str, path: &str, sent: &Sent) -> Result<Told> {
        let told = send(&self.caller, method, path, sent).await?;
        let body = if let Sent::Json(body) = sent { body.to_string() } else { String::new() };
        let (said, heard) = (format!("{path} {body}"), format!("{:?} {}", told.headers, told.body));
        let leak = self.owned.leak(&said, &heard);
        ensure!(leak.is_none(), "{method} {path} shows {leak:?} after {body}: {heard}");
        ensure!(!told.status.is_server_error(), "{method} {path}: {} {heard}", told.status);
        Ok(told)
    }

    /// Every case once, and what is hidden once more for ids that nobody has: the answers
    /// are the same.
    async fn tries_every_route(
        &self,
        documented: &BTreeMap<String, BTreeSet<String>>,
        role: &str,
    ) -> Result<()> {
        let (real, unreal) = (cases(self.owned)?, cases(&self.ghost)?);
        let covered: BTreeSet<String> = real.iter().map(|case| case.route.clone()).collect();
        let all = documented.iter().flat_map(|(path, methods)| {
            methods.iter().map(move |method| format!("{method} {path}"))
        });
        let all: BTreeSet<String> = all.collect();
        let missing: Vec<_> = all.symmetric_difference(&covered).collect();
        ensure!(missing.is_empty(), "documented or covered, and not both: {missing:?}");
        for (real, unreal) in real.iter().zip(&unreal) {
            let open =
                real.expect == Expect::Forbidden || FOR_ADMINS.contains(&real.route.as_str());
            if real.expect != Expect::Namesake && !(open && role == "admin") {
                self.tries(real, unreal).await?;
            }
        }
        Ok(())
    }

    async fn tries(&self, real: &Case, unreal: &Case) -> Result<()> {
        let method = real.route.split(' ').next().unwrap_or_default();
        let mut paths = vec![(real.path.clone(), unreal.path.clone())];
        // A version of a model has the same routes once more, which no document repeats.
        if real.route.contains(" /v2/models/{model}") {
            let version =
                |path: &str, model: &str| path.replacen(model, &format!("{model}/versions/1"), 1);
            paths.push((
                version(&real.path, self.owned.of("model")),
                version(&unreal.path, self.ghost.of("model")),
            ));
        }
        for (path, nowhere) in paths {
            let told = self.told(method, &path, &real.sent).await?;
            let seen = (told.status, &told.body);
            match real.expect {
                Expect::Own | Expect::Namesake => {
                    ensure!(told.status.is_success(), "{method} {path}: {seen:?}");
                }
                Expect::Forbidden => {
                    ensure!(told.status == StatusCode::FORBIDDEN, "{method} {path}: {seen:?}");
                }
                Expect::Refused(status, reason) => {
                    ensure!(told.status == status, "{method} {path}: {seen:?}, and {reason}");
                }
                Expect::Hidden => {
                    ensure!(told.status == StatusCode::NOT_FOUND, "{method} {path}: {seen:?}");
                    let other = send(&self.caller, method, &nowhere, &unreal.sent).await?;
                    let alike = self.owned.masked(&told.body) == self.ghost.masked(&other.body);
                    ensure!(
                        alike && other.status == told.status,
                        "{method} {path} tells what is there: {seen:?}, and of nothing: {} {}",
                        other.status,
                        other.body
                    );
                }
            }
        }
        Ok(())
    }

    /// Ids of the owner's beside ids of the stranger's own.
    async fn crosses_its_own_with_the_owners(&self) -> Result<()> {
        let caller = &self.caller;
        let store = caller.store("own").await?;
        let (file, _) = caller.ingest(&store, "own.md", b"A text about ferries.").await?;
        let made = async |path: &str, body: Value| -> Result<String> {
            let made = caller.json(Method::POST, path, &body).await?;
            Ok(made["id"].as_str().context("an id")?.to_owned())
        };
        let talk = made("/v1/conversations", json!({})).await?;
        let wish = json!({"bytes": 4, "filename": "a.txt", "purpose": "assistants",
            "mime_type": "text/plain"});
        let upload = made("/v1/uploads", wish).await?;
        let theirs = |kind: &str| self.owned.of(kind).to_owned();
        let both = json!([{"type": "file_search", "vector_store_ids": [store, theirs("store")]}]);
        let own = format!("/v1/vector_stores/{store}");
        let attached = format!("{own}/files/{}", theirs("file"));
        let batch = format!("{own}/file_batches/{}", theirs("batch"));
        let item = format!("/v1/conversations/{talk}/items/{}", theirs("item"));
        let get = |path: String| ("GET", path, Sent::Nothing, 404);
        let post = |path: String, body: Value| ("POST", path, Sent::Json(body), 404);
        let relevant = json!([{"question": "Who?", "relevant": [theirs("file")]}]);
        let folder = self.scene.data().join("shared").join(theirs("tenant"));
        let source =
            json!({"vector_store_id": store, "config": {"type": "folder", "path": folder}});
        for (method, path, sent, status) in [
            post(format!("{own}/files"), json!({"file_id": theirs("file")})),
            post(format!("{own}/file_batches"), json!({"file_ids": [file, theirs("file")]})),
            post(format!("/v1/vector_stores/{}/files", theirs("store")), json!({"file_id": file})),
            get(attached.clone()),
            get(format!("{attached}/content")),
            post(attached.clone(), json!({"attributes": {"a": "b"}})),
            ("DELETE", attached, Sent::Nothing, 404),
            get(batch.clone()),
            get(format!("{batch}/files")),
            post(format!("{batch}/cancel"), json!({})),
            get(item.clone()),
            ("DELETE", item, Sent::Nothing, 404),
            post("/v1/responses".to_owned(), json!({"input": "Who?", "tools": both})),
            post(
                "/cairn/v1/evaluations".to_owned(),
                json!({"store": store, "question_set": theirs("question_set")}),
            ),
            // A part that is not of the upload, a file that is not in the store, a folder that
            // is not the tenant's: told as such, whether there is one or not.
            (
                "POST",
                format!("/v1/uploads/{upload}/complete"),
                Sent::Json(json!({"part_ids": [theirs("part")]})),
                400,
            ),
            (
                "POST",
                "/cairn/v1/question_sets".to_owned(),
                Sent::Json(json!({"store": store, "name": "own", "questions": relevant})),
                400,
            ),
            ("POST", "/cairn/v1/sources".to_owned(), Sent::Json(source), 403),
        ] {
            let told = self.told(method, &path, &sent).await?;
            ensure!(told.status == status, "{method} {path}: {} {}", told.status, told.body);
        }
        let held = caller.get(&format!("{own}/files")).await?.1;
        ensure!(held["data"].as_array().is_some_and(|files| files.len() == 1), "{held}");
        Ok(())
    }

    /// The same request under the same idempotency key.
    async fn asks_again_what_the_owner_asked(&self) -> Result<()> {
        let asked = owned::asked(self.owned.of("store"), self.owned.of("conversation"));
        let again = self.caller.request(Method::POST, "/v1/responses");
        let answer = again.header("idempotency-key", owned::KEY).json(&asked).send().await?;
        ensure!(!answer.headers().contains_key("idempotent-replayed"), "{:?}", answer.headers());
        let (status, body) = crate::scene::read(answer).await?;
        ensure!(status == StatusCode::NOT_FOUND, "{status} {body}");
        let leak = self.owned.leak(&asked.to_string(), &body.to_string());
        ensure!(leak.is_none(), "{leak:?} in {body}");
        Ok(())
    }

    /// Bodies that name the owner's things in every way there is, to every route in the name
    /// of the stranger and of nobody.
    async fn sends_everything_everywhere(
        &self,
        documented: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<()> {
        let (cases, bodies) = (cases(self.owned)?, bodies(self.owned));
        let mut tried = 0;
        for (path, methods) in documented {
            let mut filled = fill(path, self.owned)?;
            if path.contains("resolve") {
                filled = format!("{filled}?name={}", self.owned.of("store"));
            }
            let routed = routed(&self.caller, &filled).await?;
            ensure!(routed == *methods, "{path} takes {routed:?}, documented is {methods:?}");
            for method in methods {
                let route = format!("{method} {path}");
                self.needs_a_key(method, path, &filled).await?;
                let closed = cases.iter().filter(|case| case.route == route);
                let closed = !closed
                    .clone()
                    .any(|case| matches!(case.expect, Expect::Own | Expect::Namesake));
                for body in &bodies {
                    let told = self.told(method, &filled, &Sent::Json(body.clone())).await?;
                    let refused = told.status.is_client_error();
                    ensure!(!closed || refused, "{route}: {} {}", told.status, told.body);
                }
                tried += bodies.len();
            }
        }
        ensure!(tried > 300, "only {tried} requests were made");
        Ok(())
    }

    async fn needs_a_key(&self, method: &str, path: &str, filled: &str) -> Result<()> {
        if PUBLIC.contains(&path) {
            return Ok(());
        }
        let keyless =
            self.scene.client.request(method.parse()?, format!("{}{filled}", self.scene.url));
        let status = keyless.json(&json!({})).send().await?.status();
        ensure!(status == StatusCode::UNAUTHORIZED, "{method} {path} without a key: {status}");
        Ok(())
    }

    /// A name is each tenant's own: what the stranger makes under it is another thing.
    async fn uses_the_owners_names(&self) -> Result<()> {
        let (real, unreal) = (cases(self.owned)?, cases(&self.ghost)?);
        let namesakes = real.iter().zip(&unreal);
        for (real, unreal) in namesakes.filter(|(real, _)| real.expect == Expect::Namesake) {
            self.tries(real, unreal).await?;
        }
        let (model, dataset) = (self.owned.of("model"), self.owned.of("dataset"));
        let (_, shown) = self.caller.get(&format!("/cairn/v1/models/{model}")).await?;
        ensure!(shown["versions"].as_array().is_some_and(|all| all.len() == 1), "{shown}");
        ensure!(shown["aliases"] == json!({}), "{shown}");
        ensure!(self.caller.register(model, table(4, 1.0)).await? == 2, "a version of its own");
        self.caller.import(dataset, "name,score\nmine,1\nother,2\n").await?;
        let sql = json!({"sql": format!("SELECT name FROM {dataset} ORDER BY name")});
        let rows = self.caller.json(Method::POST, "/cairn/v1/datasets/query", &sql).await?;
        ensure!(rows["rows"] == json!([["mine"], ["other"]]), "{rows}");
        for path in [format!("/cairn/v1/models/{model}"), format!("/cairn/v1/datasets/{dataset}")] {
            let told = self.told("DELETE", &path, &Sent::Nothing).await?;
            ensure!(told.status == StatusCode::OK, "{path}: {} {}", told.status, told.body);
        }
        Ok(())
    }
}

/// The methods that a path takes, told by the refusal of one that no path takes.
async fn routed(caller: &Caller, path: &str) -> Result<BTreeSet<String>> {
    let brew = Method::from_bytes(b"BREW")?;
    let answer = caller.request(brew, path).send().await?;
    ensure!(answer.status() == StatusCode::METHOD_NOT_ALLOWED, "{path}: {}", answer.status());
    let allow =
        answer.headers().get("allow").with_context(|| format!("{path} names no methods"))?;
    let listed = allow.to_str()?.split(',').map(|method| method.trim().to_owned());
    Ok(listed.filter(|method| method != "HEAD").collect())
}

/// Bodies that name the owner's things in every way there is.
fn bodies(owned: &Owned) -> Vec<Value> {
    let (store, file, set) = (owned.of("store"), owned.of("file"), owned.of("question_set"));
    let (response, conversation) = (owned.of("response"), owned.of("conversation"));
    let (dataset, model) = (owned.of("dataset"), owned.of("model"));
    let tool = json!([{"type": "file_search", "vector_store_ids": [store]}]);
    let asking = "Who keeps the password?";
    vec![
        json!({}),
        json!({"query": PLANTED}),
        json!({"query": "password", "file_id": file, "file_ids": [file], "name": "mine"}),
        json!({"file_id": file}),
        json!({"file_ids": [file]}),
        json!({"part_ids": [owned.of("part")]}),
        json!({"items": [{"role": "user", "content": "Hello."}]}),
        json!({"access": ["user:stranger"]}),
        json!({"ranking": {"dense_weight": 0.0}}),
        json!({"query": "password", "cairn": {"explain": true, "expand": "section", "diversity": 0.5}}),
        json!({"metadata": {"k": "v"}}),
        json!({"chunking": {"type": "structure"}}),
        json!({"confirm_deletes": true}),
        json!({"name": "mine", "every_seconds": 60}),
        json!({"vector_store_id": store, "config": {"type": "folder", "path": "/"}}),
        json!({"model": "cairn", "input": asking, "tools": tool}),
        json!({"model": "cairn", "input": asking, "previous_response_id": response}),
        json!({"model": "cairn", "input": asking, "conversation": conversation}),
        json!({"store": store, "questions": [{"question": asking, "relevant": [file]}]}),
        json!({"store": store, "generate": {"count": 5}}),
        json!({"store": store, "question_set": set}),
        json!({"question_set": set, "configurations": [{"name": "c", "answers": true}]}),
        json!({"dataset": dataset, "target": "kind", "model": model,
            "sql": format!("SELECT * FROM {dataset}")}),
    ]
}

#[tokio::test]
async fn a_viewer_reads_and_does_not_write() -> Result<()> {
    let scene = Scene::start().await?;
    let viewer = scene.tenant("readers", "viewer").await?;
    ensure!(viewer.get("/v1/vector_stores").await?.0 == StatusCode::OK);
    let (status, body) =
        viewer.try_json(Method::POST, "/v1/vector_stores", &json!({"name": "x"})).await?;
    ensure!(status == StatusCode::FORBIDDEN && body.to_string().contains("editor"), "{body}");
    let keys = json!({"tenant": "readers", "role": "admin"});
    let (status, _) = viewer.try_json(Method::POST, "/cairn/v1/keys", &keys).await?;
    ensure!(status == StatusCode::FORBIDDEN);
    let admin = scene.admin();
    let (_, listed) = admin.get("/cairn/v1/keys").await?;
    let id = listed["data"][0]["id"].as_str().context("a key")?;
    ensure!(admin.delete(&format!("/cairn/v1/keys/{id}")).await? == StatusCode::OK);
    ensure!(viewer.get("/v1/models").await?.0 == StatusCode::UNAUTHORIZED, "a revoked key works");
    scene.stop().await
}
