//! Learning a store's ranking and threshold from judged questions, under the rules against harm.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use cairn_kernel::{Id, Result, ResultExt, Scope};
use cairn_search::{FEWEST_QUERIES, Judged as JudgedQuery, learn};
use cairn_store::Records;
use cairn_store::records::ChunkPlace;

use super::bootstrap::Random;
use super::judge::{Judged, Need};
use super::summary::{ThresholdTuning, Tuning};
use super::threshold::{self, Scored};
use crate::answer::Answers;
use crate::question_sets::Origin;
use crate::rankings::{Rankings, ThresholdChoice};
use crate::retrieve::{Request, Retrieve};

/// Most questions that are learned from: their candidates are in memory together. For the
/// threshold, most of either kind.
const QUESTIONS_MAX: usize = 300;
/// Passages of a search that a threshold is learned from, as in an answer by default.
const PASSAGES: usize = 10;

/// Learns for one store.
pub(super) struct Tuner<'a> {
    pub(super) records: &'a Records,
    pub(super) retrieve: &'a Retrieve,
    pub(super) answers: &'a Answers,
    pub(super) rankings: &'a Rankings,
    pub(super) store: &'a Id,
}

impl Tuner<'_> {
    /// Learns and keeps a ranking. Probes made of the documents' own words are not learned
    /// from: they make the search by words look best, whatever it does with real questions.
    pub(super) async fn learn(
        &self,
        scope: &Scope,
        judged: &[Judged],
        late: bool,
    ) -> Result<Tuning> {
        let mut usable: Vec<&Judged> = judged
            .iter()
            .filter(|one| one.question.origin != Origin::Extractive && !one.needs.is_empty())
            .collect();
        if usable.len() > QUESTIONS_MAX {
            // Sets are often in the order of their subjects.
            Random::new(0).shuffle(&mut usable);
            usable.truncate(QUESTIONS_MAX);
        }
        if usable.len() < FEWEST_QUERIES {
            return Ok(Tuning::refused(usable.len(), too_few(usable.len())));
        }
        let mut places: HashMap<String, Vec<ChunkPlace>> = HashMap::new();
        let mut queries = Vec::new();
        for one in usable {
            let relevant = self.relevant(scope, &one.needs, &mut places).await?;
            let text = &one.question.text;
            let candidates = self.retrieve.candidates(scope, self.store, text, late).await?;
            queries.push(JudgedQuery { candidates, relevant });
        }
        // Files that are attached and not read yet have no chunk that could be relevant.
        queries.retain(|query| !query.relevant.is_empty());
        if queries.len() < FEWEST_QUERIES {
            return Ok(Tuning::refused(queries.len(), too_few(queries.len())));
        }
        let learned = tokio::task::spawn_blocking(move || learn(&queries))
            .await
            .or_internal("learning a ranking")?;
        self.rankings.set(scope, self.store, &learned).await?;
        tracing::info!(store = %self.store, choice = ?learned.choice, "ranking learned");
        Ok(Tuning::applied(&learned))
    }

    /// Learns and keeps a threshold, of the store as it ranks now. Probes are not learned from
    /// either: their words stand in the passage, so they look surer than what people ask.
    pub(super) async fn learn_threshold(
        &self,
        scope: &Scope,
        judged: &[Judged],
        seed: u64,
    ) -> Result<ThresholdTuning> {
        let usable = |answerable: bool| {
            let fits = |one: &&Judged| {
                one.question.origin != Origin::Extractive
                    && one.question.asks()
                    && one.question.answerable == answerable
            };
            let mut found: Vec<&Judged> = judged.iter().filter(fits).collect();
            Random::new(seed).shuffle(&mut found);
            found.truncate(QUESTIONS_MAX);
            found
        };
        let (answerable, unanswerable) = (usable(true), usable(false));
        let counted = ThresholdTuning {
            answerable: answerable.len(),
            unanswerable: unanswerable.len(),
            ..ThresholdTuning::default()
        };
        if counted.answerable.min(counted.unanswerable) < threshold::FEWEST {
            let refused = Some(too_few_of_either(counted.answerable, counted.unanswerable));
            return Ok(ThresholdTuning { refused, ..counted });
        }
        let mut scored = Vec::new();
        for one in answerable.into_iter().chain(unanswerable) {
            let text = one.question.text.as_str();
            let search = Request {
                queries: self.answers.wordings(text, &[]),
                without: one.question.withheld().map(str::to_owned),
                ..Request::new(vec![self.store.clone()], text, PASSAGES)
            };
            let score = self.answers.confidence(scope, &search, text).await?.score();
            scored.push(Scored { score, answerable: one.question.answerable });
        }
        let learned = tokio::task::spawn_blocking(move || threshold::learn(&scored, seed))
            .await
            .or_internal("learning a threshold")?;
        let of = (learned.threshold, learned.choice, learned.quality);
        let held = self.rankings.keep_threshold(scope, self.store, of).await?;
        Ok(ThresholdTuning {
            applied: learned.choice == ThresholdChoice::Learned,
            threshold: Some(held.threshold),
            quality: held.quality,
            ..counted
        })
    }

    /// The points of the chunks that meet any of the needs.
    async fn relevant(
        &self,
        scope: &Scope,
        needs: &[Need],
        places: &mut HashMap<String, Vec<ChunkPlace>>,
    ) -> Result<HashSet<u64>> {
        let mut found = HashSet::new();
        for place in needs.iter().flat_map(|need| &need.places) {
            let chunks = match places.entry(place.file.clone()) {
                Entry::Occupied(held) => held.into_mut(),
                Entry::Vacant(open) => {
                    let id = Id::from_raw(place.file.as_str());
                    open.insert(self.records.chunk_places(scope, self.store, &id).await?)
                }
            };
            for chunk in chunks.iter() {
                let text = (place.file.as_str(), chunk.text_version);
                if place.is_held_by(text, (chunk.char_start, chunk.char_end)) {
                    found.extend(u64::try_from(chunk.seq));
                }
            }
        }
        Ok(found)
    }
}

fn too_few(questions: usize) -> String {
    format!(
        "nothing was learned: {questions} judged questions are fewer than {FEWEST_QUERIES}, and what is \
         learned from so few is chance. Generated probes do not count; add questions of your users"
    )
}

fn too_few_of_either(answerable: usize, unanswerable: usize) -> String {
    let fewest = threshold::FEWEST;
    format!(
        "the threshold stays: {answerable} questions with an answer and {unanswerable} without are not \
         {fewest} of either kind, and what is learned from so few is chance. Generated probes do not \
         count; add questions of your users, or have a model write some"
    )
}
