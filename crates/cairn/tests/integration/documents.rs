use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::Scene;

const LIGHTHOUSE: &str = "# The lighthouse at Cape Orrin\n\n## Lamp\n\nThe lamp of the lighthouse was \
     replaced in 1974 by an electric one of 1200 watts. It turns once in eleven seconds.\n\n\
     ## Keeper\n\nThe last keeper, Ida Thorvald, left the tower in the spring of 1989.\n";
const BRIDGE: &str = "# The bridge over the Lune\n\nThe bridge is inspected every second winter. \
     Its cables were renewed in 2003 after a storm broke four of them.\n";

#[tokio::test]
async fn a_document_is_found_cited_and_gone_when_deleted() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    let (lighthouse, state) = caller.ingest(&store, "lighthouse.md", LIGHTHOUSE.as_bytes()).await?;
    ensure!(state["status"] == "completed", "{state}");
    caller.ingest(&store, "bridge.md", BRIDGE.as_bytes()).await?;

    let answer = caller.ask(&store, "Who was the last keeper of the lighthouse?").await?;
    ensure!(answer["cairn"]["refused"] == false, "{answer}");
    let message =
        answer["output"].as_array().and_then(|items| items.last()).context("a message")?;
    let text = message["content"][0]["text"].as_str().context("text")?;
    ensure!(text.contains("Ida Thorvald"), "{text}");
    let citation = &message["content"][0]["annotations"][0];
    ensure!(citation["file_id"] == lighthouse.as_str(), "{citation}");
    check_quote(&caller, &lighthouse, citation).await?;
    ensure!(citation["cairn"].get("boxes").is_none(), "{citation}");
    // The whole file is one chunk, whose headings have only the first in common.
    let keeper = &quoting(&answer, "Ida Thorvald")?["cairn"];
    ensure!(keeper["heading"] == "The lighthouse at Cape Orrin › Keeper", "{keeper}");
    ensure!(keeper["page"].is_null(), "{keeper}");

    let silent = caller.ask(&store, "Which vitamins does a raw potato contain?").await?;
    ensure!(silent["cairn"]["refused"] == true, "{silent}");

    let id = answer["id"].as_str().context("an id")?;
    ensure!(caller.get(&format!("/v1/responses/{id}")).await?.0 == StatusCode::OK);
    ensure!(caller.delete(&format!("/v1/files/{lighthouse}")).await? == StatusCode::OK);
    let (status, kept) = caller.get(&format!("/v1/responses/{id}")).await?;
    ensure!(status == StatusCode::OK && kept["cairn"]["scrubbed"] == true, "{kept}");
    ensure!(!kept.to_string().contains("Ida Thorvald"), "a deleted file is still quoted: {kept}");
    let search = format!("/v1/vector_stores/{store}/search");
    let found =
        caller.json(Method::POST, &search, &json!({"query": "keeper Ida Thorvald"})).await?;
    let hits = found["data"].as_array().context("hits")?;
    ensure!(hits.iter().all(|hit| hit["file_id"] != lighthouse.as_str()), "{found}");
    let verified = scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    ensure!(verified["points"].is_number(), "{verified}");
    let verified = scene.admin().json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(verified["clean"] == true, "{verified}");
    scene.stop().await
}

#[tokio::test]
async fn a_scanned_page_is_found_by_its_words() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("office", "editor").await?;
    let store = caller.store("scans").await?;
    let page = include_bytes!("../../../documents/tests/scan.pdf");
    let (file, state) = caller.ingest(&store, "invoice.pdf", page).await?;
    ensure!(state["status"] == "completed", "{state}");
    let search = format!("/v1/vector_stores/{store}/search");
    let query = json!({"query": "What do the brass screws cost?"});
    let found = caller.json(Method::POST, &search, &query).await?;
    ensure!(found["data"][0]["file_id"] == file.as_str(), "{found}");
    ensure!(found.to_string().contains("Brass screws | 3.20"), "{found}");
    scene.stop().await
}

/// The citation of an answer whose quote has these words.
fn quoting<'a>(answer: &'a Value, words: &str) -> Result<&'a Value> {
    let message = answer["output"].as_array().and_then(|items| items.last());
    let cited = message.context("a message")?["content"][0]["annotations"].as_array();
    let found = cited
        .context("citations")?
        .iter()
        .find(|one| one["cairn"]["quote"].as_str().is_some_and(|quote| quote.contains(words)));
    found.with_context(|| format!("no quote has '{words}': {answer}"))
}

/// The quote stands in the document's text at exactly the place that is named.
async fn check_quote(caller: &crate::scene::Caller, file: &str, citation: &Value) -> Result<()> {
    let place = &citation["cairn"];
    let (start, end) = (&place["char_start"], &place["char_end"]);
    let path = format!("/cairn/v1/files/{file}/text?start={start}&end={end}");
    let (status, part) = caller.get(&path).await?;
    ensure!(status == StatusCode::OK, "{part}");
    ensure!(part["text"] == place["quote"], "{part} is not {place}");
    ensure!(
        place["heading"].as_str().is_some_and(|heading| heading.contains("lighthouse")),
        "{place}"
    );
    Ok(())
}

#[tokio::test]
async fn attributes_filter_and_are_replaced() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.admin();
    let store = caller.store("filtered").await?;
    let (old, _) =
        caller.ingest(&store, "old.txt", b"The tariff of the ferry is four crowns.").await?;
    let (new, _) =
        caller.ingest(&store, "new.txt", b"The tariff of the ferry is nine crowns.").await?;
    for (file, year) in [(&old, 1950), (&new, 2020)] {
        let path = format!("/v1/vector_stores/{store}/files/{file}");
        caller.json(Method::POST, &path, &json!({"attributes": {"year": year}})).await?;
    }
    let search = format!("/v1/vector_stores/{store}/search");
    let body = json!({
        "query": "tariff of the ferry",
        "filters": {"type": "gte", "key": "year", "value": 2000},
    });
    let found = caller.json(Method::POST, &search, &body).await?;
    let files: Vec<_> = found["data"]
        .as_array()
        .context("hits")?
        .iter()
        .map(|hit| hit["file_id"].clone())
        .collect();
    ensure!(files == [json!(new)], "{found}");
    scene.stop().await
}

/// A PDF with one line of text on each page, 72 points from the left and 92 from the top of a
/// page of 612 by 792.
fn pages_of(lines: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..lines.len()).map(|page| format!("{} 0 R", 4 + page * 2)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), lines.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    for (page, line) in lines.iter().enumerate() {
        let content = format!("BT /F1 10 Tf 72 700 Td ({line}) Tj ET");
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + page * 2
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len() + 1));
    }
    let (mut file, mut places) = ("%PDF-1.4\n".to_owned(), String::new());
    for (number, object) in objects.iter().enumerate() {
        places += &format!("{:010} 00000 n \n", file.len());
        file += &format!("{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let (start, count) = (file.len(), objects.len() + 1);
    file += &format!(
        "xref\n0 {count}\n0000000000 65535 f \n{places}trailer << /Size {count} /Root 1 0 R >>\n\
         startxref\n{start}\n%%EOF\n"
    );
    file.into_bytes()
}

#[tokio::test]
async fn a_citation_says_where_on_its_page_the_words_stand() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("pages", "editor").await?;
    let store = caller.store("pages").await?;
    let file = pages_of(&[
        "The lamp of the lighthouse was replaced in 1974 by an electric one of 1200 watts.",
        "The last keeper of the lighthouse, Ida Thorvald, left the tower in the spring of 1989.",
    ]);
    let (_, state) = caller.ingest(&store, "lighthouse.pdf", &file).await?;
    ensure!(state["status"] == "completed", "{state}");
    caller.ingest(&store, "bridge.md", BRIDGE.as_bytes()).await?;
    let answer = caller.ask(&store, "Who was the last keeper of the lighthouse?").await?;
    let place = &quoting(&answer, "Ida Thorvald")?["cairn"];
    // Its chunk begins on the first page.
    ensure!(place["page"] == 2, "{place}");
    let boxes = place["boxes"].as_array().with_context(|| place.to_string())?;
    ensure!(boxes.len() == 1 && boxes[0]["page"] == 2, "{place}");
    let edge = |name: &str| boxes[0][name].as_f64().with_context(|| place.to_string());
    let (left, right) = (edge("x0")?, edge("x1")?);
    ensure!((left - 72.0 / 612.0).abs() < 0.001 && right > 0.5 && right < 0.9, "{place}");
    let base = 92.0 / 792.0;
    ensure!(edge("y0")? < base && base < edge("y1")? && edge("y1")? < 0.13, "{place}");

    // What is kept, and what is streamed, says the same.
    let id = answer["id"].as_str().context("an id")?;
    let (_, kept) = caller.get(&format!("/v1/responses/{id}")).await?;
    ensure!(quoting(&kept, "Ida Thorvald")?["cairn"] == *place, "{kept}");
    let streamed = json!({"model": "cairn", "input": "Who was the last keeper of the lighthouse?",
        "stream": true, "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
    let sent = caller.request(Method::POST, "/v1/responses").json(&streamed).send().await?;
    let told = sent.text().await?;
    let events = told.lines().filter_map(|line| line.strip_prefix("data: "));
    let added: Vec<Value> = events
        .filter_map(|event| serde_json::from_str::<Value>(event).ok())
        .filter(|event| event["type"] == "response.output_text.annotation.added")
        .map(|event| event["annotation"]["cairn"].clone())
        .collect();
    let of_keeper = added.iter().find(|cairn| cairn["quote"] == place["quote"]);
    let of_keeper = of_keeper.with_context(|| told.clone())?;
    ensure!(of_keeper["page"] == 2 && of_keeper["boxes"] == place["boxes"], "{of_keeper}");
    scene.stop().await
}

const ROUND: [&str; 10] = [
    "The boat of the station was painted green by two sailors in the first week of April.",
    "Every rope in the long shed is measured and greased before the autumn storms arrive.",
    "A cook from the village brings bread, onions and smoked herring on Tuesday mornings.",
    "Nobody may climb the outer ladder while the wind blows harder than force seven there.",
    "The library holds forty novels, a torn atlas and the diaries of an old surveyor.",
    "Rain water is collected on the flat roof and led through sand into the stone cistern.",
    "Three goats graze behind the wall; their milk goes to the school across the narrows.",
    "Visitors ring the brass bell twice and wait beside the gate until somebody answers.",
    "The fog horn was given to the museum of Orrin by the harbour master Greta Lindqvist.",
    "Letters leave with the mail steamer at noon, unless ice has closed the inner channel.",
];

#[tokio::test]
async fn a_widened_hit_says_the_page_that_it_begins_on() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("pages", "editor").await?;
    let cut =
        json!({"name": "round", "cairn": {"chunking": {"type": "structure", "max_tokens": 120}}});
    let made = caller.json(Method::POST, "/v1/vector_stores", &cut).await?;
    let store = made["id"].as_str().context("a store")?;
    let (file, state) = caller.ingest(store, "round.pdf", &pages_of(&ROUND)).await?;
    ensure!(state["status"] == "completed", "{state}");
    let (_, told) = caller.get(&format!("/cairn/v1/files/{file}/text")).await?;
    let pages = told["pages"].as_array().context("pages")?;
    ensure!(pages.len() == ROUND.len(), "{told}");
    let right = |place: &Value| {
        let start = place["char_start"].as_u64();
        let before = pages.iter().rfind(|page| page["start"].as_u64() <= start);
        before.is_some_and(|page| page["page"] == place["page"])
    };
    let search = format!("/v1/vector_stores/{store}/search");
    let asked = async |options: Value| {
        let query = "To which museum was the fog horn given by the harbour master?";
        let body = json!({"query": query, "max_num_results": 1, "cairn": options});
        caller.json(Method::POST, &search, &body).await
    };
    let narrow = asked(json!({})).await?["data"][0]["cairn"].clone();
    ensure!(right(&narrow), "{narrow}");
    let wide = asked(json!({"expand": "section"})).await?["data"][0]["cairn"].clone();
    ensure!(wide["char_start"].as_u64() < narrow["char_start"].as_u64(), "{wide} of {narrow}");
    ensure!(right(&wide) && wide["page"] != narrow["page"], "{wide} of {narrow}");
    let inside = wide["hits"].as_array().context("hits")?;
    ensure!(!inside.is_empty() && inside.iter().all(right), "{wide}");

    let answer =
        caller.ask(store, "To which museum was the fog horn given by the harbour master?").await?;
    ensure!(quoting(&answer, "Greta Lindqvist")?["cairn"]["page"] == 9, "{answer}");
    scene.stop().await
}

#[tokio::test]
async fn rows_are_found_and_shown_under_their_column_names() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("parts", "editor").await?;
    let store = caller.store("parts").await?;
    let rows: String =
        (0..400).map(|n| format!("P-{n:03},{},maker {}\n", n % 90 + 10, n % 7)).collect();
    let file = format!("part,tightening torque,supplier\n{rows}");
    caller.ingest(&store, "parts.csv", file.as_bytes()).await?;
    let search = format!("/v1/vector_stores/{store}/search");
    let query = json!({"query": "tightening torque of the part P-333", "max_num_results": 20});
    let found = caller.json(Method::POST, &search, &query).await?;
    let hits = found["data"].as_array().context("hits")?;
    let below = hits.iter().filter(|hit| hit["cairn"]["char_start"] != 0);
    for hit in below.clone() {
        ensure!(hit["cairn"]["context"] == "| part | tightening torque | supplier |", "{hit}");
        let text = hit["content"][0]["text"].as_str().context("text")?;
        ensure!(text.starts_with("| P-") && !text.contains("torque"), "{text}");
    }
    ensure!(below.count() > 0, "{found}");
    scene.stop().await
}

const CLAUSES: &str = "The Supplier must give 90 days of written notice before it ends this agreement.\n\n\
     The Customer may withhold payment for goods that are damaged, until they are replaced.\n";

#[tokio::test]
async fn a_text_is_found_by_the_name_of_its_file_and_quoted_without_it() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("law", "editor").await?;
    let store = caller.store("contracts").await?;
    let mut files = Vec::new();
    for company in ["Acme", "Globex"] {
        let name = format!("{company}_Supply_Contract.txt");
        let (file, state) = caller.ingest(&store, &name, CLAUSES.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
        files.push((company, file));
    }
    // One of a series has no name that tells.
    caller.ingest(&store, "contract-17.txt", CLAUSES.as_bytes()).await?;
    let search = format!("/v1/vector_stores/{store}/search");
    let check = async || -> Result<()> {
        for (company, file) in &files {
            let query = json!({"query": format!("termination in the {company} supply contract")});
            let found = caller.json(Method::POST, &search, &query).await?;
            let hits = found["data"].as_array().context("hits")?;
            let first = hits.first().context("a hit")?;
            ensure!(hits.len() == 3 && first["file_id"] == file.as_str(), "{company}: {found}");
            for hit in hits {
                let place = &hit["cairn"];
                match hit["filename"].as_str() {
                    Some("contract-17.txt") => ensure!(place["context"].is_null(), "{hit}"),
                    name => {
                        let called = place["context"].as_str().map(|name| name.replace(' ', "_"));
                        ensure!(called.map(|name| name + ".txt").as_deref() == name, "{hit}");
                    }
                }
                ensure!(hit["content"][0]["text"] == CLAUSES.trim_end(), "{hit}");
                let end = CLAUSES.trim_end().chars().count();
                ensure!(place["char_start"] == 0 && place["char_end"] == end, "{hit}");
            }
        }
        Ok(())
    };
    check().await?;
    // An index that is built anew from the records knows the names too.
    scene.services().projection.index().drop_store(&store).await?;
    scene.services().projection.verify(true).await?;
    check().await?;

    let answer =
        caller.ask(&store, "How many days of written notice must the Supplier give?").await?;
    let cited = &quoting(&answer, "90 days")?["cairn"];
    let (start, end) = (&cited["char_start"], &cited["char_end"]);
    let path = format!("/cairn/v1/files/{}/text?start={start}&end={end}", files[0].1);
    let (status, part) = caller.get(&path).await?;
    ensure!(status == StatusCode::OK && part["text"] == cited["quote"], "{part} is not {cited}");
    scene.stop().await
}

/// What was left out of a file is told to whoever may read it.
#[tokio::test]
async fn notes_of_a_file_are_seen_in_its_store_and_with_its_text() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("noted", "editor").await?;
    let store = caller.store("notes").await?;
    let matter = "---\ntitle: Boats\n---\n\n# Boats\n\nThe boats are tarred in spring.\n";
    let (noted, state) = caller.ingest(&store, "boats.md", matter.as_bytes()).await?;
    ensure!(state["status"] == "completed", "{state}");
    let told = "the front matter is not part of the text";
    ensure!(state["cairn"]["notes"] == json!([told]), "{state}");
    let (_, state) = caller.ingest(&store, "bridge.md", BRIDGE.as_bytes()).await?;
    ensure!(state["cairn"]["notes"] == json!([]), "{state}");
    let (_, listed) = caller.get(&format!("/v1/vector_stores/{store}/files")).await?;
    let files = listed["data"].as_array().context("files")?;
    let of =
        |id: &str| files.iter().find(|file| file["id"] == id).map(|file| &file["cairn"]["notes"]);
    ensure!(of(&noted) == Some(&json!([told])), "{listed}");
    let (_, text) = caller.get(&format!("/cairn/v1/files/{noted}/text")).await?;
    ensure!(text["notes"] == json!([told]), "{text}");
    scene.stop().await
}
