//! Questions about the documents as a whole, which no search answers: a summary, a list of the
//! files, and words to the program itself.
//!
//! A summary rests on passages that stand for their files ([`choosing`]): a language model writes
//! from them as from what a search finds, and without one a few of their sentences are quoted
//! ([`saying`]). A list names the files, each cited by its opening. All is from the files that the
//! caller may read, and that the request's filter lets through. How sure an answer is does not bear
//! on these: nothing in particular is asked for.

mod choosing;
mod saying;
mod told;

use std::collections::HashMap;

use cairn_kernel::{Id, Result, ResultExt, Scope};
use cairn_search::{Analyzer, FILE_ID, Filter, Language};
use cairn_serving::chat::TextFormat;
use cairn_store::records::{AnsweringFile, ChunkRow};
use serde_json::{Map, Value};

use super::citing::cite::Citation;
use super::deciding::verdict::Verdict;
use super::finding::Grounds;
use super::provenance::{Overviewed, Provenance};
use super::question::overview::{self, Of, Overview, Wants};
use super::writing::draft::Draft;
use super::{Answers, Confidence, Question};
use crate::projection::{CREATED_AT, FILENAME};
use crate::retrieve::{Explain, Passage, Request, Took};
use choosing::{Chosen, Outline};

pub(crate) use told::is_own;

/// Files that a summary rests on, at most.
const FILES: usize = 5;
/// The newest files, that these are chosen from.
const CANDIDATES: usize = 200;
/// Passages of a summary of one file, and of one of several files, at most.
const OF_ONE: usize = 8;
const OF_SEVERAL: usize = 10;
/// Files that a list names, at most.
const LISTED: usize = 20;
/// Chunks of a file that are looked over.
const OUTLINE: i64 = 20_000;
/// How often a file's chunks are read again that were replaced meanwhile.
const TRIES: usize = 3;

/// What is wanted of the documents as a whole, and the files in question.
pub(crate) struct Wanted {
    asked: Overview,
    /// The newest of them.
    files: Vec<AnsweringFile>,
    /// How many there are.
    all: usize,
}

/// The answer to such a question that no model writes.
#[derive(Debug)]
pub(crate) struct Survey {
    /// What it is.
    pub(crate) kind: Overviewed,
    /// The language it is in.
    pub(crate) language: Language,
    /// What it says.
    pub(crate) text: String,
    /// What that rests on.
    pub(crate) citations: Vec<Citation>,
    /// What the reader is told of files that are left out.
    pub(crate) notes: Vec<String>,
}

impl Wanted {
    /// What it is.
    pub(crate) fn kind(&self) -> Overviewed {
        match self.asked.wants {
            Wants::Summary(_) => Overviewed::Summary,
            Wants::List => Overviewed::List,
            Wants::Talk(_) => Overviewed::Talk,
        }
    }
}

impl Answers {
    /// What `question` wants of the documents as a whole; nothing where it is to be searched for.
    ///
    /// # Errors
    /// `NotFound` for a store that the tenant does not have or that has expired.
    pub(super) async fn wanted(
        &self,
        scope: &Scope,
        (question, format): (&str, &TextFormat),
        search: &Request,
    ) -> Result<Option<Wanted>> {
        let Some(asked) = overview::of(question) else { return Ok(None) };
        // What an evaluation tries is a search.
        let tried = search.generation.is_some() || search.without.is_some();
        // Files that stand in the question are read for it whole.
        let whole = !search.attached.is_empty() && !matches!(asked.wants, Wants::Talk(_));
        let shaped = *format != TextFormat::Text;
        if tried || whole || (shaped && !matches!(asked.wants, Wants::Summary(_))) {
            return Ok(None);
        }
        for store in &search.stores {
            self.retrieve.use_store(scope, store).await?;
        }
        if matches!(asked.wants, Wants::Talk(_)) {
            return Ok(Some(Wanted { asked, files: Vec::new(), all: 0 }));
        }
        let passes = passing(search.filter.clone());
        let (most, called) = match &asked.wants {
            // It leans on what was said before.
            Wants::Summary(Of::This) if search.queries.len() > 1 => return Ok(None),
            Wants::Summary(Of::Called(name)) => (CANDIDATES, Some(name.clone())),
            Wants::Summary(Of::All | Of::This | Of::Only) => (CANDIDATES, None),
            Wants::List | Wants::Talk(_) => (LISTED.min(search.limit), None),
        };
        let keep = move |file: &AnsweringFile| {
            called.as_ref().is_none_or(|name| name.is(&file.filename)) && passes(file)
        };
        let (files, all) = self.records.answering_files(scope, &search.stores, most, keep).await?;
        let ordinary = match &asked.wants {
            Wants::Summary(Of::Called(_)) => all == 0,
            Wants::Summary(Of::Only) => all > 1,
            Wants::Summary(Of::All | Of::This) | Wants::List | Wants::Talk(_) => false,
        };
        Ok((!ordinary).then_some(Wanted { asked, files, all }))
    }

    /// The program's own answer to what was said to it; nothing where documents are asked.
    ///
    /// # Errors
    /// `Unavailable` when an index cannot be asked, or the tokenizer's file is absent.
    pub(super) async fn talked(
        &self,
        question: &Question,
        search: &Request,
        wanted: Option<&Wanted>,
    ) -> Result<Option<Draft>> {
        let Some((wanted, Wants::Talk(talk))) = wanted.map(|wanted| (wanted, &wanted.asked.wants))
        else {
            return Ok(None);
        };
        let documents = self.retrieve.analyzer_of(search).await?.language();
        let language = wanted.asked.language(documents);
        let mut draft = Draft::new(Confidence::default(), Took::default(), language, false);
        draft.answer.text = told::talk(language, *talk);
        draft.answer.provenance = Provenance {
            overview: Some(wanted.kind()),
            retrieval: None,
            ..Provenance::begun(question, search, 0)
        };
        self.keep_short(&mut draft, question)?;
        Ok(Some(draft))
    }

    /// What an answer to a question about the documents as a whole is made from.
    ///
    /// # Errors
    /// `Unavailable` when an index cannot be asked, `Internal` when the records refuse.
    pub(super) async fn surveyed(
        &self,
        scope: &Scope,
        search: &Request,
        (question, wanted): (&str, &Wanted),
    ) -> Result<Grounds> {
        let analyzer = self.retrieve.analyzer(&search.stores).await?;
        let language = wanted.asked.language(analyzer.language());
        let (found, survey) = match wanted.asked.wants {
            Wants::List => self.listed(scope, wanted, language).await?,
            Wants::Summary(_) | Wants::Talk(_) => {
                self.summarised(scope, search, (&analyzer, language), wanted).await?
            }
        };
        let nothing = found.is_empty() && survey.kind == Overviewed::Summary;
        let verdict = Verdict::of_all(question, nothing.then(|| told::NOTHING.to_owned()));
        let (shown, took) = (found.clone(), Took::default());
        Ok(Grounds { analyzer, found, took, shown, verdict, survey: Some(survey) })
    }

    /// The openings of the newest files, and their names.
    async fn listed(
        &self,
        scope: &Scope,
        wanted: &Wanted,
        language: Language,
    ) -> Result<(Vec<Passage>, Survey)> {
        let mut found = Vec::new();
        for file in &wanted.files {
            found.extend(self.standing_for(scope, file, 1).await?.into_iter().next());
        }
        let (text, citations) = saying::list(&found, wanted.all, language);
        let left = (found.len() < wanted.all)
            .then(|| format!("{} of {} documents are named, the newest", found.len(), wanted.all));
        let notes = left.into_iter().collect();
        Ok((found, Survey { kind: Overviewed::List, language, text, citations, notes }))
    }

    /// Passages that stand for the files, and what the best of their sentences say.
    async fn summarised(
        &self,
        scope: &Scope,
        search: &Request,
        (analyzer, language): (&Analyzer, Language),
        wanted: &Wanted,
    ) -> Result<(Vec<Passage>, Survey)> {
        let mut files = self.representative(scope, &wanted.files).await?;
        // All passages together are within the limit, so that each file that is quoted is an origin.
        files.truncate(search.limit.max(1));
        let each = match files.len() {
            0 | 1 => OF_ONE,
            several => (OF_SEVERAL / several).max(1),
        };
        let each = each.min(search.limit / files.len().max(1)).max(1);
        let mut chosen: Vec<Vec<Passage>> = Vec::new();
        for file in &files {
            chosen.push(self.standing_for(scope, file, each).await?);
        }
        chosen.retain(|passages| !passages.is_empty());
        let (text, citations) = saying::summary(analyzer, &chosen, language);
        let rests = chosen.len();
        let left = (rests > 0 && rests < wanted.all).then(|| {
            let all = wanted.all;
            format!(
                "the summary rests on {rests} of {all} documents; name a file to have that summarised"
            )
        });
        let notes = left.into_iter().collect();
        let found: Vec<Passage> = chosen.into_iter().flatten().collect();
        Ok((found, Survey { kind: Overviewed::Summary, language, text, citations, notes }))
    }

    /// Those of the files that a summary rests on: where there are many, some whose openings are
    /// near to the middle of all and unlike each other.
    async fn representative(
        &self,
        scope: &Scope,
        files: &[AnsweringFile],
    ) -> Result<Vec<AnsweringFile>> {
        if files.len() <= FILES {
            return Ok(files.to_vec());
        }
        let mut openings: HashMap<i64, &AnsweringFile> = HashMap::new();
        let mut points = Vec::new();
        for file in files {
            let of = (file.store_id.as_str(), file.id.as_str());
            for row in self.records.outline(scope, of, 1).await? {
                openings.insert(row.seq, file);
                points.push(row.seq);
            }
        }
        let vectors = self.records.chunk_vectors(scope, &points).await?;
        let chosen = choosing::unlike(&points, &vectors, FILES);
        Ok(chosen.into_iter().filter_map(|seq| openings.get(&seq).copied().cloned()).collect())
    }

    /// The passages that stand for a file, at most so many, in reading order; the opening is one.
    async fn standing_for(
        &self,
        scope: &Scope,
        file: &AnsweringFile,
        most: usize,
    ) -> Result<Vec<Passage>> {
        let of = (file.store_id.as_str(), file.id.as_str());
        let limit = if most == 1 { 1 } else { OUTLINE };
        let mut found = Vec::new();
        for _ in 0..TRIES {
            let rows = self.records.outline(scope, of, limit).await?;
            // Those of a long document take some milliseconds.
            let read = move || {
                let outline = Outline::read(&rows);
                let looked_at = outline.looked_at();
                (outline, looked_at)
            };
            let read = tokio::task::spawn_blocking(read).await;
            let (outline, looked_at) = read.or_internal("reading the headings of a file")?;
            let vectors = self.records.chunk_vectors(scope, &looked_at).await?;
            let choose = move || outline.standing_for(&vectors, most);
            let chosen = tokio::task::spawn_blocking(choose).await;
            let chosen = chosen.or_internal("choosing passages of a file")?;
            let seqs: Vec<i64> = chosen.iter().map(|chosen| chosen.seq).collect();
            let store = Id::from_raw(file.store_id.as_str());
            let rows = self.records.live_chunks(scope, &store, &seqs).await?;
            let whole = rows.len() == seqs.len();
            found = rows.into_iter().map(|row| passage(row, &chosen)).collect::<Result<_>>()?;
            // Else a re-index has made other chunks in the middle, or the file is gone.
            if whole {
                break;
            }
        }
        found.sort_by_key(|passage: &Passage| (passage.chunk.ordinal, passage.chunk.seq));
        let mut seen = Vec::new();
        found.retain(|passage| {
            // Small chunks of one large chunk show the same.
            let place = (passage.chunk.char_start, passage.chunk.char_end);
            let new = !seen.contains(&place);
            seen.push(place);
            new
        });
        Ok(found)
    }
}

/// A passage that stands for its file, as near to the middle of it as was `chosen`.
fn passage(chunk: ChunkRow, chosen: &[Chosen]) -> Result<Passage> {
    let headings = serde_json::from_str(&chunk.heading).or_internal("reading headings")?;
    let attributes = serde_json::from_str(&chunk.attributes).or_internal("reading attributes")?;
    let score = chosen.iter().find(|chosen| chosen.seq == chunk.seq);
    Ok(Passage {
        score: score.map_or(0.0, |chosen| chosen.centrality),
        chunk,
        headings,
        attributes,
        dense: None,
        bm25: None,
        explain: Explain::default(),
        hits: Vec::new(),
    })
}

/// Which files a request's filter lets through.
fn passing(filter: Option<Filter>) -> impl Fn(&AnsweringFile) -> bool + Send + 'static {
    move |file: &AnsweringFile| {
        let Some(filter) = &filter else { return true };
        let mut attributes: Map<String, Value> =
            serde_json::from_str(&file.attributes).unwrap_or_default();
        attributes.insert(FILE_ID.to_owned(), file.id.as_str().into());
        attributes.insert(FILENAME.to_owned(), file.filename.as_str().into());
        attributes.insert(CREATED_AT.to_owned(), file.created_at.div_euclid(1000).into());
        filter.matches(&attributes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_may_name_what_is_known_of_every_file() -> Result<()> {
        let file = AnsweringFile {
            id: "file-1".to_owned(),
            filename: "a.md".to_owned(),
            store_id: "vs_1".to_owned(),
            attributes: "{\"year\": 2024}".to_owned(),
            created_at: 1_700_000_000_500,
        };
        assert!(passing(None)(&file));
        for (key, value, passes) in [
            ("year", json!(2024), true),
            ("year", json!(2023), false),
            (FILENAME, json!("a.md"), true),
            (FILE_ID, json!("file-2"), false),
            (CREATED_AT, json!(1_700_000_000), true),
        ] {
            let filter = Filter::parse(&json!({"type": "eq", "key": key, "value": value}))?;
            assert_eq!(passing(Some(filter))(&file), passes, "{key}");
        }
        Ok(())
    }
}
