//! Conversations that are longer than a model's context.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::provenance::scripted;
use crate::scripted::turn;

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";
const QUESTION: &str = "Who was the last keeper of the Orrin tower?";
/// Turns of some 600 bytes: more than fit 32,768 tokens of three bytes.
const TURNS: usize = 210;
/// At once.
const BATCH: usize = 10;

fn messages(request: &Value) -> Vec<Value> {
    request["messages"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_long_conversation_goes_on_and_says_what_it_left_out() -> Result<()> {
    let (scene, behind, caller, store) =
        scripted(|_| "The last keeper of the Orrin tower was Ida Thorvald [1].".to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let talk = caller.json(Method::POST, "/v1/conversations", &json!({})).await?;
    let talk = talk["id"].as_str().context("a conversation")?;
    for batch in 0..TURNS / BATCH {
        let items: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH)
            .flat_map(|number| {
                let words = "stone ".repeat(48);
                [("user", "Wish"), ("assistant", "Reply")].map(|(role, name)| {
                    json!({"role": role, "content": format!("{name} {number}: {words}")})
                })
            })
            .collect();
        let path = format!("/v1/conversations/{talk}/items");
        caller.json(Method::POST, &path, &json!({"items": items})).await?;
    }
    let ask = |more: Value| {
        let mut body = json!({"model": "writer", "input": QUESTION, "conversation": talk});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let tools = json!([{"type": "file_search", "vector_store_ids": [store]}]);
    let body = ask(json!({"tools": tools}));
    let answer = caller.json(Method::POST, "/v1/responses", &body).await?;
    ensure!(answer["truncation"] == "auto" && answer["cairn"]["refused"] == false, "{answer}");
    let left_out = answer["cairn"]["turns_left_out"].as_u64().context("turns left out")?;
    let left_out = usize::try_from(left_out)?;
    ensure!((1..TURNS).contains(&left_out), "{left_out}");
    let asked = behind.asked().pop().context("a prompt")?;
    let read = messages(&asked);
    ensure!(read.len() == 2 + 2 * (TURNS - left_out), "{left_out} of {}", read.len());
    ensure!(read[0]["role"] == "system", "{}", read[0]);
    let first = read[1]["content"].as_str().unwrap_or_default();
    ensure!(first.starts_with(&format!("Wish {left_out}: ")), "the rest is whole: {first}");
    ensure!(turn(&asked, "user").contains(QUESTION) && turn(&asked, "user").contains("Thorvald"));
    let id = answer["id"].as_str().context("an id")?;
    let (_, made) = caller.get(&format!("/cairn/v1/responses/{id}/provenance")).await?;
    ensure!(made["turns_left_out"] == left_out, "{}", made["turns_left_out"]);

    // A plain answer leaves nothing out unless it is told to: the first answer is a turn now.
    let plain = caller.json(Method::POST, "/v1/responses", &ask(json!({}))).await?;
    ensure!(plain["truncation"] == "disabled", "{plain}");
    ensure!(plain["cairn"]["turns_left_out"].is_null(), "{plain}");
    let whole = messages(&behind.asked().pop().context("a prompt")?);
    ensure!(whole.len() == 2 * (TURNS + 1) + 1, "{}", whole.len());
    let cut = ask(json!({"truncation": "auto", "max_output_tokens": 300}));
    let cut = caller.json(Method::POST, "/v1/responses", &cut).await?;
    ensure!(cut["cairn"]["turns_left_out"].as_u64().is_some_and(|turns| turns > 0), "{cut}");
    scene.stop().await
}

#[tokio::test]
async fn a_short_conversation_is_read_whole() -> Result<()> {
    let (scene, behind, caller, store) =
        scripted(|_| "The last keeper of the Orrin tower was Ida Thorvald [1].".to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let turns = json!([{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": QUESTION}]);
    let body = json!({"model": "writer", "input": turns,
        "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
    let answer = caller.json(Method::POST, "/v1/responses", &body).await?;
    ensure!(answer["cairn"]["turns_left_out"].is_null(), "{answer}");
    let read = messages(&behind.asked().pop().context("a prompt")?);
    let roles: Vec<&str> = read.iter().filter_map(|turn| turn["role"].as_str()).collect();
    ensure!(roles == ["system", "user", "assistant", "user"], "{roles:?}");
    ensure!(read[1]["content"] == "Hello." && read[2]["content"] == "Yes?", "{read:?}");
    scene.stop().await
}

#[tokio::test]
async fn a_compacted_conversation_goes_on_and_forgets_what_is_deleted() -> Result<()> {
    let (scene, behind, caller, store) = scripted(|_| {
        "Here it is. The last keeper of the Orrin tower was Ida Thorvald [1]. Ask again.".to_owned()
    })
    .await?;
    let (file, _) = caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let tools = json!([{"type": "file_search", "vector_store_ids": [store]}]);
    let body = json!({"model": "writer", "input": QUESTION, "tools": tools});
    let answer = caller.json(Method::POST, "/v1/responses", &body).await?;
    let body = json!({"model": "writer", "instructions": "Be brief.",
        "previous_response_id": answer["id"]});
    let compacted = caller.json(Method::POST, "/v1/responses/compact", &body).await?;
    let output = compacted["output"].as_array().context("an output")?;
    ensure!(output.len() == 2 && output[0]["content"][0]["text"] == QUESTION, "{compacted}");
    ensure!(output[1]["type"] == "compaction", "{compacted}");
    ensure!(!compacted.to_string().contains("Thorvald"), "no words with the client: {compacted}");

    // The writer reads the sentence that the document supports, and no other.
    let next = json!({"model": "writer", "input": [output[0], output[1],
        {"role": "user", "content": "And when did she leave the tower?"}]});
    let told = caller.json(Method::POST, "/v1/responses", &next).await?;
    let read = messages(&behind.asked().pop().context("a prompt")?);
    let roles: Vec<&str> = read.iter().filter_map(|turn| turn["role"].as_str()).collect();
    ensure!(roles == ["system", "user", "assistant", "user"], "{roles:?}");
    ensure!(read[0]["content"].as_str().is_some_and(|text| text.contains("Be brief.")));
    let kept = read[2]["content"].as_str().context("what was answered")?;
    ensure!(kept.contains("Ida Thorvald") && !kept.contains("Ask again"), "{kept}");

    // By its id it is followed, read, and deleted like an answer.
    let id = compacted["id"].as_str().context("an id")?;
    let (_, shown) = caller.get(&format!("/v1/responses/{id}")).await?;
    ensure!(shown["object"] == "response.compaction", "{shown}");
    ensure!(shown.to_string().contains("Thorvald"), "{shown}");
    let body = json!({"model": "writer", "input": "Who?", "previous_response_id": id});
    caller.json(Method::POST, "/v1/responses", &body).await?;
    let read = messages(&behind.asked().pop().context("a prompt")?);
    ensure!(read.iter().any(|turn| turn["content"] == kept), "{read:?}");

    // What is deleted is gone from it, and from what was answered after it.
    caller.delete(&format!("/v1/files/{file}")).await?;
    let told = told["id"].as_str().context("an id")?;
    for id in [id, told] {
        let (_, shown) = caller.get(&format!("/v1/responses/{id}")).await?;
        ensure!(!shown.to_string().contains("Thorvald"), "{shown}");
    }
    caller.json(Method::POST, "/v1/responses", &next).await?;
    let asked = behind.asked().pop().context("a prompt")?;
    ensure!(!asked.to_string().contains("Thorvald"), "{asked}");
    caller.delete(&format!("/v1/responses/{id}")).await?;
    let (status, gone) = caller.try_json(Method::POST, "/v1/responses", &next).await?;
    ensure!(status == 404 && gone.to_string().contains("compaction"), "{status} {gone}");
    scene.stop().await
}
