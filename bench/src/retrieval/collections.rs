//! The two collections, read from their original files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// One collection: documents, queries and which documents answer which query.
pub(super) struct Collection {
    pub(super) name: &'static str,
    pub(super) documents: Vec<(u64, String)>,
    pub(super) queries: Vec<(String, HashSet<u64>)>,
}

/// Cranfield. Its judgements number the queries by their order in the file.
pub(super) fn cranfield(folder: &Path) -> Result<Collection> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let mut documents: Vec<(u64, BTreeMap<char, String>)> = Vec::new();
    let mut field = ' ';
    for line in read("cran.all.1400")?.lines() {
        if let Some(id) = line.strip_prefix(".I ") {
            documents.push((id.trim().parse()?, BTreeMap::new()));
        } else if let [b'.', name @ (b'T' | b'A' | b'B' | b'W')] = line.trim_end().as_bytes() {
            field = char::from(*name);
        } else if let Some((_, fields)) = documents.last_mut() {
            let text = fields.entry(field).or_default();
            text.push_str(line);
            text.push(' ');
        }
    }
    let mut texts: Vec<String> = Vec::new();
    for line in read("cran.qry")?.lines() {
        if line.starts_with(".I") {
            texts.push(String::new());
        } else if let Some(text) = texts.last_mut().filter(|_| !line.starts_with(".W")) {
            text.push_str(line);
            text.push(' ');
        }
    }
    let mut judged: HashMap<usize, HashSet<u64>> = HashMap::new();
    for line in read("cranqrel")?.lines() {
        let numbers: Vec<i64> =
            line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        if let [query, document, grade] = numbers[..]
            && grade != -1
        {
            judged.entry(usize::try_from(query)? - 1).or_default().insert(u64::try_from(document)?);
        }
    }
    let documents =
        documents.into_iter().map(|(id, fields)| (id, cranfield_text(&fields))).collect();
    collection("cranfield", documents, texts.into_iter().enumerate(), &judged)
}

/// Title and text; most texts repeat the title, which then counts once.
fn cranfield_text(fields: &BTreeMap<char, String>) -> String {
    let squeezed = |name: char| {
        let text = fields.get(&name).map(String::as_str).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (title, text) = (squeezed('T'), squeezed('W'));
    let rest = text.strip_prefix(&title).unwrap_or(&text).trim();
    format!("{title} {rest}").trim().to_owned()
}

/// CACM: one small HTML file a record, with lines of citation numbers at the end.
pub(super) fn cacm(folder: &Path, scratch: &Path) -> Result<Collection> {
    let pages = scratch.join("cacm");
    std::fs::create_dir_all(&pages)?;
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(folder.join("cacm.tar.gz"))
        .arg("-C")
        .arg(&pages)
        .status()?;
    ensure!(unpacked.success(), "cacm.tar.gz could not be unpacked");
    let mut documents = Vec::new();
    for page in std::fs::read_dir(&pages)? {
        let path = page?.path();
        let number = path.file_stem().and_then(|name| name.to_str()?.strip_prefix("CACM-"));
        let id = number.context("a file that is not a CACM record")?.parse()?;
        documents.push((id, cacm_text(&std::fs::read(&path)?)));
    }
    documents.sort();
    let topics = std::fs::read_to_string(folder.join("topics.cacm.txt"))?;
    let mut queries = Vec::new();
    for topic in topics.split("<DOC>").skip(1) {
        let (head, body) = topic.split_once("</DOCNO>").context("a topic without a number")?;
        let number: usize = head.replace("<DOCNO>", "").trim().parse()?;
        queries.push((number, body.replace("</DOC>", "")));
    }
    let mut judged: HashMap<usize, HashSet<u64>> = HashMap::new();
    for line in std::fs::read_to_string(folder.join("qrels.cacm.txt"))?.lines() {
        if let [query, _, document, grade] = line.split_whitespace().collect::<Vec<_>>()[..]
            && grade != "0"
        {
            let number = document.strip_prefix("CACM-").context("a judgement of no record")?;
            judged.entry(query.parse()?).or_default().insert(number.parse()?);
        }
    }
    collection("cacm", documents, queries.into_iter(), &judged)
}

fn cacm_text(page: &[u8]) -> String {
    let page: String = page.iter().copied().map(char::from).collect();
    let plain = ["<html>", "</html>", "<pre>", "</pre>"]
        .iter()
        .fold(page, |text, tag| text.replace(tag, ""));
    let citation = |line: &&str| {
        let numbers: Vec<&str> = line.split_whitespace().collect();
        numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok())
    };
    let lines = plain.lines().filter(|line| !citation(line));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// SQuAD 2.0: every second question that has an answer; its paragraph is the one right
/// document.
pub(super) fn squad(path: &Path) -> Result<Collection> {
    let read =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let whole: serde_json::Value = serde_json::from_str(&read)?;
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let (mut documents, mut queries, mut judged) = (Vec::new(), Vec::new(), HashMap::new());
    for article in list(whole.get("data").unwrap_or(&whole)) {
        for paragraph in list(&article["paragraphs"]) {
            let id = documents.len() as u64 + 1;
            let text = paragraph["context"].as_str().unwrap_or_default();
            documents.push((id, text.split_whitespace().collect::<Vec<_>>().join(" ")));
            for question in list(&paragraph["qas"]) {
                if question["is_impossible"] != true {
                    let asked = question["question"].as_str().unwrap_or_default().to_owned();
                    judged.insert(queries.len(), HashSet::from([id]));
                    queries.push((queries.len(), asked));
                }
            }
        }
    }
    collection("squad", documents, queries.into_iter().step_by(2), &judged)
}

/// Keeps the queries that have judgements.
fn collection(
    name: &'static str,
    documents: Vec<(u64, String)>,
    queries: impl Iterator<Item = (usize, String)>,
    judged: &HashMap<usize, HashSet<u64>>,
) -> Result<Collection> {
    let queries: Vec<(String, HashSet<u64>)> = queries
        .filter_map(|(number, text)| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            judged.get(&number).map(|relevant| (text, relevant.clone()))
        })
        .collect();
    ensure!(!documents.is_empty() && !queries.is_empty(), "{name} has no documents or no queries");
    Ok(Collection { name, documents, queries })
}
