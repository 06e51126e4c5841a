//! A question that asks for several things is answered part by part.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::provenance::scripted;
use crate::scene::Scene;
use crate::scripted::turn;

const WORKS: &str = "# Lind works\n\nThe Lind works were founded by Ada Lind. In their first years \
     they made bells and gates for churches of the valley.\n\nThe owners sold the old hall to the \
     town. Its roof was repaired twice.\n";
const MOVE: &str = "# Chronicle\n\nThe Lind works moved to Bonn in the year 1931. The railway had a \
     station beside the new hall.\n\nA storm damaged the harbour, and the ferry stood still.\n";
const POOL: &str = "# Pool\n\nThe town pool opens at nine in the morning. Dogs are forbidden in the \
     pool area.\n";

const BOTH: &str = "Who founded the Lind works and when did they move to Bonn?";
const HALF: &str = "Who founded the Lind works and which vitamins does a raw potato contain?";

fn text(answer: &Value) -> &str {
    let items = answer["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.last().and_then(|item| item["content"][0]["text"].as_str()).unwrap_or_default()
}

fn citations(answer: &Value) -> Vec<&Value> {
    let items = answer["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cited = items.last().and_then(|item| item["content"][0]["annotations"].as_array());
    cited.into_iter().flatten().collect()
}

fn notes(answer: &Value) -> Vec<&str> {
    let notes = answer["cairn"]["notes"].as_array().into_iter().flatten();
    notes.filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn each_part_has_its_sentence_and_one_without_an_answer_a_note() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("valley", "editor").await?;
    let store = caller.store("valley").await?;
    let (works, _) = caller.ingest(&store, "works.md", WORKS.as_bytes()).await?;
    let (chronicle, _) = caller.ingest(&store, "chronicle.md", MOVE.as_bytes()).await?;
    caller.ingest(&store, "pool.md", POOL.as_bytes()).await?;

    let answer = caller.ask(&store, BOTH).await?;
    let said = text(&answer);
    ensure!(answer["cairn"]["refused"] == false && notes(&answer).is_empty(), "{answer}");
    ensure!(
        said.starts_with("The Lind works were founded by Ada Lind. The Lind works moved to Bonn")
    );
    let cited = citations(&answer);
    ensure!(
        cited.len() <= 3 && cited.iter().all(|one| one["cairn"]["supported"] == true),
        "{answer}"
    );
    let files: Vec<&Value> = cited.iter().take(2).map(|one| &one["file_id"]).collect();
    ensure!(files == [&json!(works), &json!(chronicle)], "{answer}");

    // The other way round, each by itself, and searched for so.
    let turned = "When does the town pool open? Who founded the Lind works?";
    let answer = caller.ask(&store, turned).await?;
    ensure!(text(&answer).starts_with("The town pool opens at nine"), "{answer}");
    ensure!(text(&answer).contains("founded by Ada Lind."), "{answer}");
    let queries = &answer["output"][0]["queries"];
    let parts = ["When does the town pool open?", "Who founded the Lind works?"];
    ensure!(*queries == json!([turned, parts[0], parts[1]]), "{queries}");

    let answer = caller.ask(&store, HALF).await?;
    ensure!(answer["cairn"]["refused"] == false, "{answer}");
    ensure!(text(&answer).starts_with("The Lind works were founded by Ada Lind."), "{answer}");
    let [note] = notes(&answer)[..] else { anyhow::bail!("one note: {answer}") };
    ensure!(
        note.starts_with("'which vitamins does a raw potato contain?' is not answered"),
        "{note}"
    );
    // It is kept with the answer.
    let id = answer["id"].as_str().unwrap_or_default();
    let (_, kept) = caller.get(&format!("/v1/responses/{id}")).await?;
    ensure!(notes(&kept) == [note], "{kept}");

    let neither =
        "Who developed the theory of relativity and which vitamins does a potato contain?";
    let answer = caller.ask(&store, neither).await?;
    ensure!(answer["cairn"]["refused"] == true && notes(&answer).is_empty(), "{answer}");
    // What refers to a thing that is not there has no answer, however near it comes.
    let other = "Who founded the bakery at Cape Orrin and when did it move to Bonn?";
    let answer = caller.ask(&store, other).await?;
    ensure!(answer["cairn"]["refused"] == true, "{answer}");
    // The mover is known, the founder is not.
    let half = "Who designed the hall of the Lind works and when did they move to Bonn?";
    let answer = caller.ask(&store, half).await?;
    ensure!(text(&answer).contains("moved to Bonn in the year 1931"), "{answer}");
    scene.stop().await
}

#[tokio::test]
async fn a_model_is_asked_for_the_parts_that_the_documents_answer() -> Result<()> {
    let says = |_: &Value| "The Lind works were founded by Ada Lind [1].".to_owned();
    let (scene, behind, caller, store) = scripted(says).await?;
    caller.ingest(&store, "works.md", WORKS.as_bytes()).await?;
    caller.ingest(&store, "chronicle.md", MOVE.as_bytes()).await?;
    let put = |question: &str| {
        json!({"model": "writer", "input": question,
            "tools": [{"type": "file_search", "vector_store_ids": [store]}]})
    };
    let answer = caller.json(Method::POST, "/v1/responses", &put(HALF)).await?;
    ensure!(notes(&answer).len() == 1 && answer["cairn"]["refused"] == false, "{answer}");
    let asked = behind.asked();
    let last = asked.last().map(|request| turn(request, "user")).unwrap_or_default();
    ensure!(last.contains("Question: Who founded the Lind works?\n"), "{last}");
    ensure!(!last.contains("vitamins"), "{last}");
    caller.json(Method::POST, "/v1/responses", &put(BOTH)).await?;
    let asked = behind.asked();
    let last = asked.last().map(|request| turn(request, "user")).unwrap_or_default();
    ensure!(last.contains(&format!("Question: {BOTH}\n")), "{last}");
    scene.stop().await
}
