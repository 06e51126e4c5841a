//! Which words stand where a judgement counts characters, so that they can be found again when the
//! document has another text.

use std::collections::{BTreeMap, HashMap};

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use cairn_store::Records;
use cairn_store::records::JudgedWordsRow;

use super::Question;
use crate::evaluations::words::{self, Words};

/// A judgement about one file: the number of the question, of its place, and the characters.
type Pin = (usize, usize, (i64, i64));

/// The words of generated questions, each in the text that it was made of. Those whose text is gone
/// meanwhile have none.
///
/// # Errors
/// `Internal` when the records refuse.
pub(super) async fn of_generated(
    records: &Records,
    scope: &Scope,
    questions: &[Question],
) -> Result<Vec<JudgedWordsRow>> {
    let mut pins: BTreeMap<(String, i64), Vec<Pin>> = BTreeMap::new();
    for (number, question) in questions.iter().enumerate() {
        for (place, relevant) in question.relevant.iter().enumerate() {
            if let (Some(range), Some(version)) = (relevant.range(), relevant.text_version) {
                let text = (relevant.file.clone(), version);
                pins.entry(text).or_default().push((number, place, range));
            }
        }
    }
    let mut rows = Vec::new();
    for ((file, version), pins) in pins {
        let Some(text) = records.text_of(scope, (&file, version)).await? else { continue };
        for ((number, place, _), words) in pinned(text, pins).await? {
            rows.extend(words.and_then(|words| {
                row(questions.get(number)?, place, (file.as_str(), version), words)
            }));
        }
    }
    Ok(rows)
}

/// The words of the user's questions, each in the text that is shown of the file. `named` has the
/// store's files as id and name.
///
/// # Errors
/// `Invalid` naming the question when no such file has a text with these characters.
pub(super) async fn of_own(
    records: &Records,
    scope: &Scope,
    named: &[(String, String)],
    questions: &[Question],
) -> Result<Vec<JudgedWordsRow>> {
    let mut called: HashMap<&str, Vec<&str>> = HashMap::new();
    for (id, name) in named {
        called.entry(id).or_default().push(id);
        called.entry(name).or_default().push(id);
    }
    let mut pins: BTreeMap<&str, Vec<Pin>> = BTreeMap::new();
    for (number, question) in questions.iter().enumerate() {
        for (place, relevant) in question.relevant.iter().enumerate() {
            let Some(range) = relevant.range() else { continue };
            for id in called.get(relevant.file.as_str()).into_iter().flatten() {
                pins.entry(id).or_default().push((number, place, range));
            }
        }
    }
    let mut rows = Vec::new();
    let mut seen: BTreeMap<(usize, usize), bool> = BTreeMap::new();
    for (file, pins) in pins {
        let (version, text) = match records.shown_text(scope, &Id::from_raw(file)).await {
            Ok(shown) => (shown.version, shown.row.text),
            // It is attached and not read yet, or could not be read.
            Err(error) if error.kind() == Kind::NotFound => (0, String::new()),
            Err(error) => return Err(error),
        };
        for ((number, place, _), words) in pinned(text, pins).await? {
            let there = seen.entry((number, place)).or_default();
            *there |= words.is_some();
            rows.extend(
                words.and_then(|words| row(questions.get(number)?, place, (file, version), words)),
            );
        }
    }
    if let Some(((number, place), _)) = seen.iter().find(|(_, there)| !**there) {
        let relevant = questions.get(*number).and_then(|question| question.relevant.get(*place));
        let file = relevant.map_or("", |relevant| relevant.file.as_str());
        return Err(Error::invalid(format!(
            "question {} counts characters that the text of '{file}' does not have (yet); wait until \
             the file is read, count in the text that /cairn/v1/files/ID/text shows, or send a quote",
            number + 1
        ))
        .with_param(format!("questions[{number}].relevant")));
    }
    Ok(rows)
}

async fn pinned(text: String, pins: Vec<Pin>) -> Result<Vec<(Pin, Option<Words>)>> {
    // That takes some milliseconds in a long text.
    let pinned = tokio::task::spawn_blocking(move || {
        let ranges: Vec<(i64, i64)> = pins.iter().map(|(_, _, range)| *range).collect();
        let words = words::at(&text, &ranges);
        pins.into_iter().zip(words).collect::<Vec<_>>()
    });
    pinned.await.or_internal("keeping the words of judgements")
}

fn row(
    question: &Question,
    place: usize,
    (file, text_version): (&str, i64),
    words: Words,
) -> Option<JudgedWordsRow> {
    let count = |number: usize| i64::try_from(number).ok();
    Some(JudgedWordsRow {
        question_id: question.id.clone(),
        place: count(place)?,
        file_id: file.to_owned(),
        text_version,
        words: words.start,
        words_end: words.end,
        nth: count(words.nth)?,
        occurrences: count(words.of)?,
    })
}
